/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam to the operating system: clocks, randomness, files, sockets' bytes. A table of
 * functions, so that a test can fail the n-th call (os/faulty.h) and the simulator can steer time.
 * `os_linux` is the real one. Below the room border code calls it as `os->fdatasync(os, fd)`. Every
 * call behaves as the system call of its name, returns -1 and sets errno on failure, and is retried
 * on EINTR inside.
 *
 * What is not in the table (epoll, fork, sandbox, batches of datagrams) is Linux only and lives in
 * os/linux/ and loop/ behind own headers.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include <sys/types.h>

struct os {
	struct mono (*mono)(const struct os *os);                  /* CLOCK_MONOTONIC */
	struct wall (*wall)(const struct os *os);                  /* CLOCK_REALTIME */
	int (*random)(const struct os *os, void *ptr, size_t len); /* getrandom; all of it or -1 */

	int (*open)(
	    const struct os *os, const char *path, int flags, mode_t mode); /* O_CLOEXEC added */
	int (*close)(const struct os *os, int fd);
	ssize_t (*pread)(const struct os *os, int fd, void *ptr, size_t len, off_t at);
	ssize_t (*pwrite)(
	    const struct os *os, int fd, const void *ptr, size_t len, off_t at); /* may be short */
	int (*fdatasync)(const struct os *os, int fd);
	int (*fsync)(const struct os *os, int fd);
	int (*fallocate)(
	    const struct os *os, int fd, off_t at, off_t len); /* keeps no holes, grows the file */
	int (*ftruncate)(const struct os *os, int fd, off_t len);
	int (*rename)(const struct os *os, const char *from, const char *to);
	int (*unlink)(const struct os *os, const char *path);
	int (*mkdir)(const struct os *os, const char *path, mode_t mode);
	ssize_t (*send)(const struct os *os, int fd, const void *ptr,
	    size_t len); /* MSG_NOSIGNAL|MSG_DONTWAIT */
	ssize_t (*recv)(const struct os *os, int fd, void *ptr, size_t len); /* MSG_DONTWAIT */
};

extern const struct os os_linux;

/* Reads a whole file of at most limit bytes. ERR_GONE when it is missing, ERR_DENIED, ERR_LIMIT,
 * ERR_IO. */
must_check enum err os_read_file(
    const struct os *os, const char *path, size_t limit, struct buf *ret);
/* Writes all of s, or ERR_IO with errno. */
must_check enum err os_pwrite_all(const struct os *os, int fd, struct str s, off_t at);
/* Replaces a file so that after a crash either the old or the new content is there, whole: writes
 * path.new, fsyncs it, renames, fsyncs the folder. */
must_check enum err os_replace_file(
    const struct os *os, const char *path, struct str content, mode_t mode);
/* mkdir -p for one level; OK when it is there already. */
must_check enum err os_make_dir(const struct os *os, const char *path, mode_t mode);
/* The names in a folder, sorted by bytes, without "." and "..". ERR_GONE, ERR_IO. */
must_check enum err os_list_dir(
    const char *path, struct arena *a, struct str **ret_names, size_t *ret_count);
