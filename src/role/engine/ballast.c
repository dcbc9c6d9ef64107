/* SPDX-License-Identifier: Apache-2.0
 *
 * The ballast file.
 */
#include "role/engine/ballast.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>

#define PATH_BYTES 4096

static bool path_make(struct str data_dir, const char *suffix, char out[PATH_BYTES])
{
	return snprintf(out, PATH_BYTES, "%.*s/control/ballast%s", STR_ARG(data_dir), suffix) < PATH_BYTES;
}

static enum err fill(const struct os *os, const char *path)
{
	int fd = os->open(os, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		return ERR_IO;
	int r = -1;
	for (off_t size = BALLAST_BYTES; r < 0 && size >= BALLAST_BYTES_MIN; size /= 2)
		r = os->fallocate(os, fd, 0, size);
	os->close(os, fd);
	return r < 0 ? ERR_IO : OK;
}

enum err ballast_make(const struct os *os, struct str data_dir)
{
	char path[PATH_BYTES], temp[PATH_BYTES];
	if (!path_make(data_dir, "", path) || !path_make(data_dir, ".new", temp))
		return ERR_LIMIT;
	int fd = os->open(os, path, O_RDONLY, 0);
	if (fd >= 0) {
		os->close(os, fd);
		return OK;
	}
	enum err e = fill(os, temp);
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
