/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole-file operations on top of the os table.
 */
#include "os/os.h"
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static enum err err_from_errno(int e)
{
	switch (e) {
	case ENOENT: return ERR_GONE;
	case EACCES:
	case EPERM: return ERR_DENIED;
	case ENOMEM: return ERR_NOMEM;
	default: return ERR_IO;
	}
}

enum err os_read_file(const struct os *os, const char *path, size_t limit, struct buf *ret)
{
	int fd = os->open(os, path, O_RDONLY, 0);
	if (fd < 0)
		return err_from_errno(errno);
	enum err e = OK;
	off_t at = 0;
	for (;;) {
		char chunk[16384];
		ssize_t got = os->pread(os, fd, chunk, sizeof chunk, at);
		if (got < 0) {
			e = ERR_IO;
			break;
		}
		if (got == 0)
			break;
		at += got;
		if ((size_t)at > limit) {
			e = ERR_LIMIT;
			break;
		}
		buf_add(ret, str_make(chunk, (size_t)got));
	}
	int saved = errno;
	os->close(os, fd);
	errno = saved;
	return e != OK ? e : ret->err;
}

enum err os_pwrite_all(const struct os *os, int fd, struct str s, off_t at)
{
	while (s.len > 0) {
		ssize_t put = os->pwrite(os, fd, s.ptr, s.len, at);
		if (put < 0)
			return ERR_IO;
		if (put == 0) {
			errno = ENOSPC;
			return ERR_IO;
		}
		assert((size_t)put <= s.len);
		s = str_from(s, (size_t)put);
		at += put;
	}
	return OK;
}

/* Makes a rename durable: the folder's own data is synced. */
static enum err sync_folder_of(const struct os *os, const char *path)
{
	char folder[PATH_MAX];
	struct str s = str_c(path);
	size_t cut = s.len;
	while (cut > 0 && s.ptr[cut - 1] != '/')
		cut--;
	if (cut == 0)
		snprintf(folder, sizeof folder, ".");
	else
		snprintf(folder, sizeof folder, "%.*s", (int)cut, s.ptr);
	int fd = os->open(os, folder, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return ERR_IO;
	enum err e = os->fsync(os, fd) == 0 ? OK : ERR_IO;
	os->close(os, fd);
	return e;
}

enum err os_replace_file(const struct os *os, const char *path, struct str content, mode_t mode)
{
	char fresh[PATH_MAX];
	int n = snprintf(fresh, sizeof fresh, "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof fresh)
		return ERR_LIMIT;
	int fd = os->open(os, fresh, O_WRONLY | O_CREAT | O_TRUNC, mode);
	if (fd < 0)
		return err_from_errno(errno);
	enum err e = os_pwrite_all(os, fd, content, 0);
	if (e == OK && os->fsync(os, fd) != 0)
		e = ERR_IO;
	int saved = errno;
	os->close(os, fd);
	if (e == OK && os->rename(os, fresh, path) != 0) {
		saved = errno;
		e = ERR_IO;
	}
	if (e == OK)
		return sync_folder_of(os, path);
	os->unlink(os, fresh);
	errno = saved;
	return e;
}

enum err os_make_dir(const struct os *os, const char *path, mode_t mode)
{
	if (os->mkdir(os, path, mode) == 0 || errno == EEXIST)
		return OK;
	return err_from_errno(errno);
}

static int name_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

enum err os_list_dir(const char *path, struct arena *a, struct str **ret_names, size_t *ret_count)
{
	DIR *dir = opendir(path);
	if (!dir)
		return err_from_errno(errno);
	struct str *names = NULL;
	size_t count = 0, cap = 0;
	enum err e = OK;
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		struct str name = str_c(entry->d_name);
		if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
			continue;
		if (count == cap) {
			size_t bigger = cap ? cap * 2 : 32;
			struct str *grown = arena_new(a, struct str, bigger);
			if (!grown) {
				e = arena_err(a);
				break;
			}
			if (count)
				memcpy(grown, names, count * sizeof *names);
			names = grown;
			cap = bigger;
		}
		names[count] = arena_str(a, name);
		if (!names[count].ptr) {
			e = arena_err(a);
			break;
		}
		count++;
	}
	closedir(dir);
	if (e != OK)
		return e;
	if (count)
		qsort(names, count, sizeof *names, name_order);
	*ret_names = names;
	*ret_count = count;
	return OK;
}
