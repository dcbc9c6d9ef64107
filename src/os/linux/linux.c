/* SPDX-License-Identifier: Apache-2.0
 *
 * The real os: each entry is its system call, retried on EINTR where that is safe. Nothing here
 * keeps state, so os_linux is const and shared by all threads.
 */
#include "os/os.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY(expr)                                      \
	__extension__({                                  \
		__typeof__(expr) result_;                \
		do                                       \
			result_ = (expr);                \
		while (result_ == -1 && errno == EINTR); \
		result_;                                 \
	})

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts = { 0 };
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static struct mono linux_mono(const struct os *os)
{
	(void)os;
	return (struct mono){ clock_ns(CLOCK_MONOTONIC) };
}

static struct wall linux_wall(const struct os *os)
{
	(void)os;
	return (struct wall){ clock_ns(CLOCK_REALTIME) };
}

static int linux_random(const struct os *os, void *ptr, size_t len)
{
	(void)os;
	char *at = ptr;
	while (len > 0) {
		ssize_t got = RETRY(getrandom(at, len, 0));
		if (got < 0)
			return -1;
		at += got;
		len -= (size_t)got;
	}
	return 0;
}

static int linux_open(const struct os *os, const char *path, int flags, mode_t mode)
{
	(void)os;
	return RETRY(open(path, flags | O_CLOEXEC, mode));
}

static int linux_close(const struct os *os, int fd)
{
	(void)os;
	return close(fd); /* never retried: the descriptor is gone either way */
}

static ssize_t linux_pread(const struct os *os, int fd, void *ptr, size_t len, off_t at)
{
	(void)os;
	return RETRY(pread(fd, ptr, len, at));
}

static ssize_t linux_pwrite(const struct os *os, int fd, const void *ptr, size_t len, off_t at)
{
	(void)os;
	return RETRY(pwrite(fd, ptr, len, at));
}

static int linux_fdatasync(const struct os *os, int fd)
{
	(void)os;
	return RETRY(fdatasync(fd));
}

static int linux_fsync(const struct os *os, int fd)
{
	(void)os;
	return RETRY(fsync(fd));
}

static int linux_fallocate(const struct os *os, int fd, off_t at, off_t len)
{
	(void)os;
	return RETRY(fallocate(fd, 0, at, len));
}

static int linux_ftruncate(const struct os *os, int fd, off_t len)
{
	(void)os;
	return RETRY(ftruncate(fd, len));
}

static int linux_rename(const struct os *os, const char *from, const char *to)
{
	(void)os;
	return rename(from, to);
}

static int linux_unlink(const struct os *os, const char *path)
{
	(void)os;
	return unlink(path);
}

static int linux_mkdir(const struct os *os, const char *path, mode_t mode)
{
	(void)os;
	return mkdir(path, mode);
}

static ssize_t linux_send(const struct os *os, int fd, const void *ptr, size_t len)
{
	(void)os;
	return RETRY(send(fd, ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static ssize_t linux_recv(const struct os *os, int fd, void *ptr, size_t len)
{
	(void)os;
	return RETRY(recv(fd, ptr, len, MSG_DONTWAIT));
}

const struct os os_linux = {
	.mono = linux_mono,
	.wall = linux_wall,
	.random = linux_random,
	.open = linux_open,
	.close = linux_close,
	.pread = linux_pread,
	.pwrite = linux_pwrite,
	.fdatasync = linux_fdatasync,
	.fsync = linux_fsync,
	.fallocate = linux_fallocate,
	.ftruncate = linux_ftruncate,
	.rename = linux_rename,
	.unlink = linux_unlink,
	.mkdir = linux_mkdir,
	.send = linux_send,
	.recv = linux_recv,
};
