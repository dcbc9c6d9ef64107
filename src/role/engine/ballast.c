/* SPDX-License-Identifier: Apache-2.0
 *
 * The ballast file.
 */
#include "role/engine/ballast.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define PATH_BYTES 4096

static bool path_make(struct str data_dir, const char *suffix, char out[PATH_BYTES])
{
	return snprintf(out, PATH_BYTES, "%.*s/control/ballast%s", STR_ARG(data_dir), suffix) <
	       PATH_BYTES;
}

static enum err fill(const struct os *os, const char *path, off_t least, off_t *ret_bytes)
{
	int fd = os->open(os, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return ERR_IO;
	int r = -1;
	off_t size = BALLAST_BYTES;
	while ((r = os->fallocate(os, fd, 0, size)) < 0 && size / 2 >= least)
		size /= 2;
	os->close(os, fd);
	if (r < 0)
		return ERR_IO;
	*ret_bytes = size;
	return OK;
}

enum err ballast_make(const struct os *os, struct str data_dir, off_t least, off_t *ret_bytes)
{
	char path[PATH_BYTES], temp[PATH_BYTES];
	struct stat st;
	assert(least >= BALLAST_BYTES_MIN && least <= BALLAST_BYTES);
	if (!path_make(data_dir, "", path) || !path_make(data_dir, ".new", temp))
		return ERR_LIMIT;
	if (stat(path, &st) == 0 && st.st_size >= least) {
		*ret_bytes = st.st_size;
		return OK;
	}
	enum err e = fill(os, temp, least, ret_bytes);
	if (e == OK && os->rename(os, temp, path) < 0)
		e = ERR_IO;
	if (e != OK)
		os->unlink(os, temp);
	return e;
}

bool ballast_drop(const struct os *os, struct str data_dir)
{
	char path[PATH_BYTES];
	return path_make(data_dir, "", path) && os->unlink(os, path) == 0;
}
