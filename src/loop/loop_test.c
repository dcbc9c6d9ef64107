/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of the loop: order of timers, removal within a turn, wake-ups from a thread. Time is
 * steered by an os of our own where order matters.
 */
#include "loop/loop.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct fake_os {
	struct os iface;
	int64_t now_ns;
};

static struct mono fake_mono(const struct os *os)
{
	return (struct mono){ container_of(os, struct fake_os, iface)->now_ns };
}
static struct wall fake_wall(const struct os *os)
{
	return (struct wall){ container_of(os, struct fake_os, iface)->now_ns };
}

struct noted {
	struct loop_timer timer;
	int *log, *log_count, number;
	struct loop *loop;
	bool again;
};

static void note(struct loop_timer *timer)
{
	struct noted *n = container_of(timer, struct noted, timer);
	n->log[(*n->log_count)++] = n->number;
	if (n->again)
		loop_timer_set(n->loop, timer, loop_now(n->loop));
}

static void timers_fire_in_order(void **state)
{
	(void)state;
	struct fake_os fake = { .iface = { .mono = fake_mono, .wall = fake_wall } };
	struct loop *l = NULL;
	assert_int_equal(loop_open(&mem_system, &fake.iface, &l), OK);
	int log[8], count = 0;
	struct noted n[4];
	for (int i = 0; i < 4; i++)
		n[i] = (struct noted){
			.timer.fire = note, .log = log, .log_count = &count, .number = i, .loop = l
		};
	loop_timer_set(l, &n[0].timer, (struct mono){ 30 });
	loop_timer_set(l, &n[1].timer, (struct mono){ 10 });
	loop_timer_set(l, &n[2].timer, (struct mono){ 10 });
	loop_timer_set(l, &n[3].timer, (struct mono){ 20 });
	loop_timer_clear(l, &n[3].timer);
	assert_false(loop_timer_is_set(&n[3].timer));
	fake.now_ns = 10;
	assert_int_equal(loop_turn(l, SPAN_MS(0)), OK);
	assert_int_equal(count, 2);
	assert_int_equal(log[0], 1);
	assert_int_equal(log[1], 2);
	fake.now_ns = 1000;
	n[0].again = true;
	assert_int_equal(loop_turn(l, SPAN_MS(0)), OK);
	assert_int_equal(count, 3); /* once a turn, though it set itself to now */
	assert_true(loop_timer_is_set(&n[0].timer));
	loop_close(&l);
	assert_null(l);
}

struct linked_io {
	struct loop_io io;
	struct linked_io *other;
	struct loop *loop;
	int *calls;
};

static void drop_other(struct loop_io *io, unsigned events)
{
	struct linked_io *me = container_of(io, struct linked_io, io);
	assert_true(events & LOOP_READ);
	(*me->calls)++;
	loop_io_remove(me->loop, &me->other->io);
	loop_io_remove(me->loop, &me->io);
}

static void removed_io_gets_no_event(void **state)
{
	(void)state;
	struct loop *l = NULL;
	assert_int_equal(loop_open(&mem_system, &os_linux, &l), OK);
	int a[2], b[2], calls = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	struct linked_io x = { { .fd = a[0], .ready = drop_other }, NULL, l, &calls };
	struct linked_io y = { { .fd = b[0], .ready = drop_other }, &x, l, &calls };
	x.other = &y;
	assert_int_equal(loop_io_add(l, &x.io, LOOP_READ), OK);
	assert_int_equal(loop_io_add(l, &y.io, LOOP_READ), OK);
	assert_int_equal(write(a[1], "x", 1), 1);
	assert_int_equal(write(b[1], "x", 1), 1);
	assert_int_equal(loop_turn(l, SPAN_MS(1000)), OK);
	assert_int_equal(calls, 1);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
	loop_close(&l);
}

struct waker {
	struct loop_wake wake;
	struct loop *loop;
};

static void woken(struct loop_wake *wake)
{
	loop_stop(container_of(wake, struct waker, wake)->loop);
}

static void *wake_thread(void *arg)
{
	loop_wake_up(&((struct waker *)arg)->wake);
	return NULL;
}

static void a_thread_wakes_the_loop(void **state)
{
	(void)state;
	struct loop *l = NULL;
	assert_int_equal(loop_open(&mem_system, &os_linux, &l), OK);
	struct waker w = { .wake.woken = woken, .loop = l };
	assert_int_equal(loop_wake_open(l, &w.wake), OK);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, wake_thread, &w), 0);
	assert_int_equal(loop_run(l), OK);
	pthread_join(thread, NULL);
	assert_true(loop_turns(l) >= 1);
	loop_wake_close(l, &w.wake);
	loop_close(&l);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		struct loop *l = NULL;
		enum err e = loop_open(&f.iface, &os_linux, &l);
		if (e == OK) {
			loop_close(&l);
			assert_int_equal(f.live, 0);
			break;
		}
		assert_int_equal(e, ERR_NOMEM);
		assert_int_equal(f.live, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(removed_io_gets_no_event),
		cmocka_unit_test(a_thread_wakes_the_loop),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
