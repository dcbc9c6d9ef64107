/* SPDX-License-Identifier: Apache-2.0
 *
 * One loop per process: descriptors (epoll), timers, wake-ups from threads, signals, child exits.
 * One turn has one `now`; handlers run to completion on the loop's own thread; nothing in them
 * blocks. All functions are for that thread but loop_wake_up.
 */
#pragma once
#include "base/heap.h"
#include "base/mem.h"
#include "base/time.h"
#include "os/os.h"

struct loop;

#define LOOP_READ 1u
#define LOOP_WRITE 2u
#define LOOP_HANGUP 4u /* reported always, with READ or WRITE or alone */

struct loop_io {
	int fd;
	void (*ready)(struct loop_io *io, unsigned events);
	/* the loop's */
	unsigned events;
	bool added;
	uint64_t generation;
};
struct loop_timer {
	void (*fire)(struct loop_timer *timer);
	struct heap_node node; /* the loop's */
};
/* Runs once at the end of each turn, after all handlers, before the loop waits: for batches. */
struct loop_hook {
	void (*run)(struct loop_hook *hook);
	struct loop_hook *next; /* the loop's */
};
struct loop_wake {
	void (*woken)(struct loop_wake *wake);
	struct loop_io io; /* an eventfd */
};

must_check enum err loop_open(const struct mem *mem, const struct os *os, struct loop **ret_loop);
void loop_close(struct loop **loop);
/* Turns until loop_stop. */
must_check enum err loop_run(struct loop *loop);
/* One turn: waits at most max_wait (negative: as long as needed). */
must_check enum err loop_turn(struct loop *loop, struct span max_wait);
void loop_stop(struct loop *loop);
const struct os *loop_os(const struct loop *loop);

/* The time at which this turn began. */
struct mono loop_now(const struct loop *loop);
struct wall loop_wall(const struct loop *loop);

must_check enum err loop_io_add(struct loop *loop, struct loop_io *io, unsigned events);
must_check enum err loop_io_change(struct loop *loop, struct loop_io *io, unsigned events);
/* Safe within any handler; a pending event of it is dropped. Does not close the fd. */
void loop_io_remove(struct loop *loop, struct loop_io *io);

/* Sets or moves. Fires in the first turn at or after due, in order of (due, order of setting). */
void loop_timer_set(struct loop *loop, struct loop_timer *timer, struct mono due);
void loop_timer_after(struct loop *loop, struct loop_timer *timer, struct span wait);
void loop_timer_clear(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->node.place != 0;
}
void loop_hook_add(struct loop *loop, struct loop_hook *hook);

/* wake->woken runs on the loop's thread some time after any thread called loop_wake_up. */
must_check enum err loop_wake_open(struct loop *loop, struct loop_wake *wake);
void loop_wake_up(struct loop_wake *wake); /* any thread, any signal context */
void loop_wake_close(struct loop *loop, struct loop_wake *wake);

/* Signals by signalfd: blocks them for the process and calls on the loop's thread. Once a loop. */
must_check enum err loop_signals(struct loop *loop, const int *signals, size_t count,
    void (*handler)(void *context, int signal), void *context);

/* Turns made so far; a watchdog thread may read it at any time. */
uint64_t loop_turns(const struct loop *loop);
/* The longest time one turn's handlers took since the last call of this. */
struct span loop_lag_take(struct loop *loop);
