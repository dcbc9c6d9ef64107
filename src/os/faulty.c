/* SPDX-License-Identifier: Apache-2.0
 *
 * The failing os: counts the chosen calls and fails from the fail_at-th on. Everything else goes to
 * the real one.
 */
#include "os/faulty.h"
#include <assert.h>
#include <errno.h>

static struct os_faulty *faulty_of(const struct os *os)
{
	return container_of(os, struct os_faulty, iface);
}

static bool fails(struct os_faulty *f, enum os_call call)
{
	if (!(f->mask & (unsigned)call))
		return false;
	f->calls++;
	if (f->fail_at == 0 || f->calls < f->fail_at)
		return false;
	if (f->fail_count != 0 && f->calls >= f->fail_at + f->fail_count)
		return false;
	errno = f->error;
	return true;
}

static struct mono faulty_mono(const struct os *os)
{
	const struct os *real = faulty_of(os)->real;
	return real->mono(real);
}
static struct wall faulty_wall(const struct os *os)
{
	const struct os *real = faulty_of(os)->real;
	return real->wall(real);
}
static int faulty_random(const struct os *os, void *ptr, size_t len)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_RANDOM) ? -1 : f->real->random(f->real, ptr, len);
}
static int faulty_open(const struct os *os, const char *path, int flags, mode_t mode)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_OPEN) ? -1 : f->real->open(f->real, path, flags, mode);
}
static int faulty_close(const struct os *os, int fd)
{
	struct os_faulty *f = faulty_of(os);
	return f->real->close(f->real, fd);
}
static ssize_t faulty_pread(const struct os *os, int fd, void *ptr, size_t len, off_t at)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_PREAD) ? -1 : f->real->pread(f->real, fd, ptr, len, at);
}
static ssize_t faulty_pwrite(const struct os *os, int fd, const void *ptr, size_t len, off_t at)
{
	struct os_faulty *f = faulty_of(os);
	if (!fails(f, OS_PWRITE))
		return f->real->pwrite(f->real, fd, ptr, len, at);
	if (f->short_writes && len > 1)
		ignore_err((int)f->real->pwrite(f->real, fd, ptr, len / 2, at),
		    "a torn write: some bytes are there, the call fails");
	errno = f->error;
	return -1;
}
static int faulty_fdatasync(const struct os *os, int fd)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_SYNC) ? -1 : f->real->fdatasync(f->real, fd);
}
static int faulty_fsync(const struct os *os, int fd)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_SYNC) ? -1 : f->real->fsync(f->real, fd);
}
static int faulty_fallocate(const struct os *os, int fd, off_t at, off_t len)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_FALLOCATE) ? -1 : f->real->fallocate(f->real, fd, at, len);
}
static int faulty_ftruncate(const struct os *os, int fd, off_t len)
{
	struct os_faulty *f = faulty_of(os);
	return f->real->ftruncate(f->real, fd, len);
}
static int faulty_rename(const struct os *os, const char *from, const char *to)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_RENAME) ? -1 : f->real->rename(f->real, from, to);
}
static int faulty_unlink(const struct os *os, const char *path)
{
	struct os_faulty *f = faulty_of(os);
	return f->real->unlink(f->real, path);
}
static int faulty_mkdir(const struct os *os, const char *path, mode_t mode)
{
	struct os_faulty *f = faulty_of(os);
	return f->real->mkdir(f->real, path, mode);
}
static ssize_t faulty_send(const struct os *os, int fd, const void *ptr, size_t len)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_SEND) ? -1 : f->real->send(f->real, fd, ptr, len);
}
static ssize_t faulty_recv(const struct os *os, int fd, void *ptr, size_t len)
{
	struct os_faulty *f = faulty_of(os);
	return fails(f, OS_RECV) ? -1 : f->real->recv(f->real, fd, ptr, len);
}

void os_faulty_init(
    struct os_faulty *f, const struct os *real, unsigned mask, size_t fail_at, int error)
{
	assert(real && error > 0);
	*f = (struct os_faulty){
		.iface = { faulty_mono, faulty_wall, faulty_random, faulty_open, faulty_close,
		    faulty_pread, faulty_pwrite, faulty_fdatasync, faulty_fsync, faulty_fallocate,
		    faulty_ftruncate, faulty_rename, faulty_unlink, faulty_mkdir, faulty_send,
		    faulty_recv },
		.real = real,
		.mask = mask,
		.fail_at = fail_at,
		.error = error,
	};
}
