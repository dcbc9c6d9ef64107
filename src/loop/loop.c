/* SPDX-License-Identifier: Apache-2.0
 *
 * See loop.h. epoll level-triggered; each descriptor's epoll data carries the loop_io's address,
 * and an event of one that was removed in the same turn is dropped by looking it up in the turn's
 * list, which loop_io_remove clears. Timers are a heap keyed by due time with the order of setting
 * as the tie.
 */
#include "loop/loop.h"
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EVENTS_PER_TURN 256
#define TIMERS_MAX ((size_t)1 << 22)

struct loop {
	const struct mem *mem;
	const struct os *os;
	int epoll_fd;
	struct heap timers;
	uint64_t timer_order;
	struct loop_hook *hooks;
	struct mono now;
	struct wall wall;
	bool stopping;
	uint64_t turns; /* read by a watchdog thread: atomic */
	struct span lag;
	struct epoll_event events[EVENTS_PER_TURN];
	int event_count, event_at;
	struct loop_io signal_io;
	void (*signal_handler)(void *context, int signal);
	void *signal_context;
};

enum err loop_open(const struct mem *mem, const struct os *os, struct loop **ret_loop)
{
	struct loop *l = mem_new(mem, 1, sizeof *l);
	if (!l)
		return ERR_NOMEM;
	l->mem = mem;
	l->os = os;
	l->timers = heap_make(mem, TIMERS_MAX);
	l->signal_io.fd = -1;
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	/* Room for the first timers, so that setting one cannot fail in the common case. */
	if (l->epoll_fd < 0 || heap_reserve(&l->timers, 64) != OK) {
		enum err e = l->epoll_fd < 0 ? ERR_IO : ERR_NOMEM;
		if (l->epoll_fd >= 0)
			close(l->epoll_fd);
		heap_free(&l->timers);
		mem_free(mem, l);
		return e;
	}
	l->now = os->mono(os);
	l->wall = os->wall(os);
	*ret_loop = l;
	return OK;
}

void loop_close(struct loop **loop)
{
	struct loop *l = *loop;
	if (!l)
		return;
	if (l->signal_io.fd >= 0)
		close(l->signal_io.fd);
	close(l->epoll_fd);
	heap_free(&l->timers);
	mem_free(l->mem, l);
	*loop = NULL;
}

const struct os *loop_os(const struct loop *loop)
{
	return loop->os;
}

struct mono loop_now(const struct loop *loop)
{
	return loop->now;
}

struct wall loop_wall(const struct loop *loop)
{
	return loop->wall;
}

static uint32_t to_epoll(unsigned events)
{
	return ((events & LOOP_READ) ? EPOLLIN | EPOLLRDHUP : 0u) |
	       ((events & LOOP_WRITE) ? EPOLLOUT : 0u);
}

static unsigned from_epoll(uint32_t events)
{
	return ((events & (EPOLLIN | EPOLLRDHUP)) ? LOOP_READ : 0u) |
	       ((events & EPOLLOUT) ? LOOP_WRITE : 0u) |
	       ((events & (EPOLLHUP | EPOLLERR)) ? LOOP_HANGUP : 0u);
}

enum err loop_io_add(struct loop *loop, struct loop_io *io, unsigned events)
{
	assert(!io->added && io->fd >= 0 && io->ready);
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = io };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, io->fd, &ev) != 0)
		return errno == ENOMEM ? ERR_NOMEM : ERR_IO;
	io->events = events;
	io->added = true;
	return OK;
}

enum err loop_io_change(struct loop *loop, struct loop_io *io, unsigned events)
{
	assert(io->added);
	if (io->events == events)
		return OK;
	struct epoll_event ev = { .events = to_epoll(events), .data.ptr = io };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &ev) != 0)
		return ERR_IO;
	io->events = events;
	return OK;
}

void loop_io_remove(struct loop *loop, struct loop_io *io)
{
	if (!io->added)
		return;
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
	io->added = false;
	for (int i = loop->event_at; i < loop->event_count; i++)
		if (loop->events[i].data.ptr == io)
			loop->events[i].data.ptr = NULL;
}

void loop_timer_set(struct loop *loop, struct loop_timer *timer, struct mono due)
{
	assert(timer->fire);
	if (timer->node.place)
		heap_remove(&loop->timers, &timer->node);
	timer->node.key = due.ns;
	timer->node.tie = loop->timer_order++;
	enum err e = heap_add(&loop->timers, &timer->node);
	/* A role that cannot set a timer cannot keep a promise: end, and be started again. */
	assert(e == OK);
}

void loop_timer_after(struct loop *loop, struct loop_timer *timer, struct span wait)
{
	loop_timer_set(loop, timer, mono_add(loop->now, wait));
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer)
{
	if (timer->node.place)
		heap_remove(&loop->timers, &timer->node);
}

void loop_hook_add(struct loop *loop, struct loop_hook *hook)
{
	struct loop_hook **at = &loop->hooks;
	while (*at)
		at = &(*at)->next; /* in order of adding */
	hook->next = NULL;
	*at = hook;
}

static void wake_ready(struct loop_io *io, unsigned events)
{
	struct loop_wake *wake = container_of(io, struct loop_wake, io);
	uint64_t count;
	(void)events;
	ignore_err(read(io->fd, &count, sizeof count), "only the emptying counts");
	wake->woken(wake);
}

enum err loop_wake_open(struct loop *loop, struct loop_wake *wake)
{
	assert(wake->woken);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	wake->io = (struct loop_io){ .fd = fd, .ready = wake_ready };
	enum err e = loop_io_add(loop, &wake->io, LOOP_READ);
	if (e != OK)
		close(fd);
	return e;
}

void loop_wake_up(struct loop_wake *wake)
{
	uint64_t one = 1;
	ignore_err(write(wake->io.fd, &one, sizeof one), "a full counter is awake already");
}

void loop_wake_close(struct loop *loop, struct loop_wake *wake)
{
	loop_io_remove(loop, &wake->io);
	close(wake->io.fd);
	wake->io.fd = -1;
}

static void signal_ready(struct loop_io *io, unsigned events)
{
	struct loop *l = container_of(io, struct loop, signal_io);
	struct signalfd_siginfo info;
	(void)events;
	while (read(io->fd, &info, sizeof info) == (ssize_t)sizeof info)
		l->signal_handler(l->signal_context, (int)info.ssi_signo);
}

enum err loop_signals(struct loop *loop, const int *signals, size_t count,
    void (*handler)(void *context, int signal), void *context)
{
	assert(loop->signal_io.fd < 0 && handler);
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return ERR_IO;
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return ERR_IO;
	loop->signal_handler = handler;
	loop->signal_context = context;
	loop->signal_io = (struct loop_io){ .fd = fd, .ready = signal_ready };
	return loop_io_add(loop, &loop->signal_io, LOOP_READ);
}

static int wait_ms(const struct loop *l, struct span max_wait)
{
	int64_t ns = max_wait.ns < 0 ? INT64_MAX : max_wait.ns;
	const struct heap_node *first = heap_min(&l->timers);
	if (first) {
		int64_t left = first->key - l->os->mono(l->os).ns;
		if (left < ns)
			ns = left > 0 ? left : 0;
	}
	if (ns == INT64_MAX)
		return -1;
	int64_t ms = ns / NS_PER_MS + (ns % NS_PER_MS != 0); /* up: waking early would spin */
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void fire_timers(struct loop *l)
{
	/* Only those set before this turn's firing began: a timer that sets itself to now waits a
	 * turn. */
	uint64_t order_end = l->timer_order;
	struct heap_node *node;
	while (!l->stopping && (node = heap_min(&l->timers)) != NULL && node->key <= l->now.ns &&
	       node->tie < order_end) {
		struct loop_timer *timer = container_of(node, struct loop_timer, node);
		heap_remove(&l->timers, node);
		timer->fire(timer);
	}
}

enum err loop_turn(struct loop *loop, struct span max_wait)
{
	int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_PER_TURN, wait_ms(loop, max_wait));
	if (n < 0 && errno != EINTR)
		return ERR_IO;
	loop->now = loop->os->mono(loop->os);
	loop->wall = loop->os->wall(loop->os);
	loop->event_count = n > 0 ? n : 0;
	for (loop->event_at = 0; loop->event_at < loop->event_count;) {
		struct epoll_event *ev = &loop->events[loop->event_at++];
		struct loop_io *io = ev->data.ptr;
		if (io)
			io->ready(io, from_epoll(ev->events));
	}
	loop->event_count = loop->event_at = 0;
	fire_timers(loop);
	for (struct loop_hook *h = loop->hooks; h; h = h->next)
		h->run(h);
	__atomic_add_fetch(&loop->turns, 1, __ATOMIC_RELAXED);
	struct span took = mono_sub(loop->os->mono(loop->os), loop->now);
	if (took.ns > loop->lag.ns)
		loop->lag = took;
	return OK;
}

enum err loop_run(struct loop *loop)
{
	while (!loop->stopping) {
		enum err e = loop_turn(loop, (struct span){ -1 });
		if (e != OK)
			return e;
	}
	return OK;
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
}

uint64_t loop_turns(const struct loop *loop)
{
	return __atomic_load_n(&loop->turns, __ATOMIC_RELAXED);
}

struct span loop_lag_take(struct loop *loop)
{
	struct span lag = loop->lag;
	loop->lag = (struct span){ 0 };
	return lag;
}
