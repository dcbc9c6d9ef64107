/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. Waiting is by poll, so that a stop is seen; after a small batch under load the
 * thread rests for a moment, because a full call costs half of what several small ones cost.
 *
 * UDP_GRO is not used, though it makes bursts of one sender much cheaper: the kernel then counts a
 * whole burst that it drops as one, and what was sent would no longer be what is stored and what is
 * counted as dropped.
 */
#include "role/telemetry/receiver.h"
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <linux/sock_diag.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

#define BATCH 64u
#define DATAGRAM_MAX 65536u
#define SMALL_BATCH 32
#define REST_NS 250000

struct receiver {
	const struct mem *mem;
	struct agg *agg;
	int fd, stop_fd;
	bool ended;
	pthread_t thread;
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH];
	char *buffers;
	struct receiver_counters counters; /* with __atomic: the thread writes, anybody reads */
};

static void count(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void set_up_socket(struct receiver *r)
{
	int want = (int)RECEIVER_BUFFER_BYTES, got = 0;
	socklen_t len = sizeof(got);
	/* the kernel tells twice of what it was asked for */
	bool known = getsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0;
	if (known &&
	    got / 2 < want) { /* whoever made the socket may have had the right to this already */
		if (setsockopt(r->fd, SOL_SOCKET, SO_RCVBUFFORCE, &want, sizeof(want)) != 0)
			(void)setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &want, sizeof(want));
		len = sizeof(got);
		known = getsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &got, &len) == 0 && got > 0;
	}
	if (known)
		r->counters.buffer_bytes = (uint32_t)got / 2;
}

static void read_drops(struct receiver *r)
{
	uint32_t info[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof(info);
	if (getsockopt(r->fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
	    len > SK_MEMINFO_DROPS * sizeof(info[0]))
		__atomic_store_n(
		    &r->counters.kernel_drops, (uint64_t)info[SK_MEMINFO_DROPS], __ATOMIC_RELAXED);
}

static void prepare(struct receiver *r)
{
	for (unsigned i = 0; i < BATCH; i++) {
		r->parts[i] = (struct iovec){ r->buffers + (size_t)i * DATAGRAM_MAX, DATAGRAM_MAX };
		r->messages[i].msg_hdr =
		    (struct msghdr){ .msg_iov = &r->parts[i], .msg_iovlen = 1 };
	}
}

static void take(struct receiver *r, const struct mmsghdr *m)
{
	if (m->msg_hdr.msg_flags & MSG_TRUNC)
		count(&r->counters.truncated, 1);
	agg_take(r->agg, str_make(m->msg_hdr.msg_iov->iov_base, m->msg_len));
}

/* One call; how many messages it gave, -1: nothing is there. */
static int receive(struct receiver *r)
{
	int n = recvmmsg(r->fd, r->messages, BATCH, MSG_DONTWAIT, NULL);
	if (n <= 0) {
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			count(&r->counters.errors, 1);
		return -1;
	}
	assert(n <= (int)BATCH);
	count(&r->counters.calls, 1);
	agg_lock(r->agg);
	for (int i = 0; i < n; i++)
		take(r, &r->messages[i]);
	agg_unlock(r->agg);
	return n;
}

static void *run(void *arg)
{
	struct receiver *r = arg;
	struct pollfd wait[2] = { { .fd = r->fd, .events = POLLIN },
		{ .fd = r->stop_fd, .events = POLLIN } };
	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			count(&r->counters.errors, 1);
		int n;
		while ((n = receive(r)) > 0) {
			if (n < SMALL_BATCH) { /* the socket holds several milliseconds of the
				                  fastest load */
				const struct timespec rest = { 0, REST_NS };
				nanosleep(&rest, NULL);
			}
		}
		if (wait[1].revents)
			return NULL;
	}
}

enum err receiver_start(const struct mem *mem, int fd, struct agg *agg, struct receiver **ret)
{
	assert(fd >= 0);
	struct receiver *r = mem_new(mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	*r = (struct receiver){ .mem = mem, .agg = agg, .fd = fd };
	r->buffers = mem_resize(mem, NULL, BATCH, DATAGRAM_MAX);
	r->stop_fd = eventfd(0, EFD_CLOEXEC);
	enum err e = !r->buffers ? ERR_NOMEM : r->stop_fd < 0 ? ERR_IO : OK;
	if (e == OK) {
		set_up_socket(r);
		prepare(r);
		e = pthread_create(&r->thread, NULL, run, r) == 0 ? OK : ERR_IO;
	}
	if (e != OK) {
		if (r->stop_fd >= 0)
			close(r->stop_fd);
		mem_free(mem, r->buffers);
		mem_free(mem, r);
		return e;
	}
	*ret = r;
	return OK;
}

void receiver_end(struct receiver *r)
{
	if (r->ended)
		return;
	uint64_t one = 1;
	ssize_t wrote = write(r->stop_fd, &one, sizeof(one));
	assert(wrote == (ssize_t)sizeof(one));
	pthread_join(r->thread, NULL);
	r->ended = true;
}

void receiver_free(struct receiver **receiver)
{
	struct receiver *r = *receiver;
	if (!r)
		return;
	receiver_end(r);
	close(r->stop_fd);
	close(r->fd);
	mem_free(r->mem, r->buffers);
	mem_free(r->mem, r);
	*receiver = NULL;
}

void receiver_counters(struct receiver *r, struct receiver_counters *ret)
{
	read_drops(r);
	*ret = (struct receiver_counters){
		.calls = __atomic_load_n(&r->counters.calls, __ATOMIC_RELAXED),
		.kernel_drops = __atomic_load_n(&r->counters.kernel_drops, __ATOMIC_RELAXED),
		.truncated = __atomic_load_n(&r->counters.truncated, __ATOMIC_RELAXED),
		.errors = __atomic_load_n(&r->counters.errors, __ATOMIC_RELAXED),
		.buffer_bytes = r->counters.buffer_bytes,
	};
}
