/* SPDX-License-Identifier: Apache-2.0
 *
 * Channels: order, credit, what a broken peer gets.
 */
#include "net/chan.h"
#include "os/faulty.h"
#include "os/linux/fdpass.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

struct side {
	struct chan *chan;
	unsigned received, credits, gone;
	uint64_t last_id;
	size_t bytes;
	bool hold, close_in_handler;
};

static bool on_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct side *s = context;
	(void)type;
	assert_ptr_equal(chan, s->chan);
	s->received++;
	assert_true(id > s->last_id);
	s->last_id = id;
	s->bytes += body.len;
	if (s->close_in_handler)
		chan_close(&s->chan);
	return !s->hold;
}

static void on_gone(void *context, struct chan *chan, const char *why)
{
	struct side *s = context;
	assert_non_null(why);
	assert_ptr_equal(chan, s->chan);
	s->gone++;
	chan_close(&s->chan);
}

static void on_credit(void *context, struct chan *chan, enum credit_class cls)
{
	struct side *s = context;
	(void)chan;
	(void)cls;
	s->credits++;
}

static const struct chan_handler handler = { on_message, on_gone, on_credit };

struct world {
	struct loop *loop;
	struct side a, b;
	int ends[2];
};

static void world_open_on(struct world *w, const struct os *os)
{
	*w = (struct world){ 0 };
	assert_int_equal(loop_open(&mem_system, os, &w->loop), OK);
	assert_int_equal(fdpass_pair(true, w->ends), OK);
	assert_int_equal(
	    chan_open(&mem_system, w->loop, w->ends[0], &handler, &w->a, &w->a.chan), OK);
	assert_int_equal(
	    chan_open(&mem_system, w->loop, w->ends[1], &handler, &w->b, &w->b.chan), OK);
}

static void world_open(struct world *w)
{
	world_open_on(w, &os_linux);
}

static void turns(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		assert_int_equal(loop_turn(w->loop, SPAN_MS(1)), OK);
}

static void world_close(struct world *w)
{
	chan_close(&w->a.chan);
	chan_close(&w->b.chan);
	loop_close(&w->loop);
}

static void messages_arrive_in_order(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	for (uint64_t id = 1; id <= 1000; id++)
		assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, id, STR("an event")), OK);
	turns(&w, 20);
	assert_int_equal(w.b.received, 1000);
	assert_int_equal(w.b.bytes, 8000);
	assert_int_equal(chan_credit(w.a.chan, CREDIT_EVENT), credit_window[CREDIT_EVENT]);
	world_close(&w);
}

static void credit_runs_out_and_comes_back(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	w.b.hold = true;
	uint64_t id = 1;
	while (chan_send(w.a.chan, MSG_COMMAND, id, STR("x")) == OK) {
		id++;
		if (id % 64 == 0)
			turns(&w, 2);
	}
	assert_int_equal(id - 1, credit_window[CREDIT_COMMAND]);
	/* Another class is not touched by it. */
	assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, id++, STR("x")), OK);
	turns(&w, 10);
	assert_int_equal(w.a.credits, 0);
	chan_release(w.b.chan, CREDIT_COMMAND, 10);
	turns(&w, 5);
	assert_int_equal(w.a.credits, 1);
	assert_int_equal(chan_credit(w.a.chan, CREDIT_COMMAND), 10);
	assert_int_equal(chan_counters(w.a.chan)->refused_busy, 1);
	world_close(&w);
}

static void a_broken_peer_is_told_once(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	chan_close(&w.b.chan);
	turns(&w, 3);
	assert_int_equal(w.a.gone, 1);
	assert_null(w.a.chan);
	world_close(&w);

	world_open(&w);
	assert_int_equal(os_linux.send(&os_linux, w.ends[1], "not a message of ours", 21), 21);
	turns(&w, 3);
	assert_int_equal(w.a.gone, 1);
	world_close(&w);
}

static void closing_within_a_handler_is_safe(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	w.b.close_in_handler = true;
	assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, 1, STR("x")), OK);
	assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, 2, STR("x")), OK);
	turns(&w, 5);
	assert_int_equal(w.b.received, 1);
	assert_int_equal(w.a.gone, 1);
	world_close(&w);
}

static void large_messages_pass_whole(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	struct buf big = buf_make(&mem_system, 8 << 20);
	while (big.len < (7u << 20))
		buf_add(&big, STR("0123456789abcdef0123456789abcdef"));
	assert_int_equal(chan_send(w.a.chan, MSG_RULES, 1, buf_str(&big)), OK);
	assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, 2, STR("after")), OK);
	turns(&w, 400);
	assert_int_equal(w.b.received, 2);
	assert_int_equal(w.b.bytes, big.len + 5);
	struct str too_long = str_make(big.ptr, 2 << 20);
	assert_int_equal(chan_send(w.a.chan, MSG_SUBMIT, 3, too_long), ERR_LIMIT);
	buf_free(&big);
	world_close(&w);
}

/* Whatever call fails, and for good: what arrived arrived in order, and each side whose channel is
 * dead was told. */
static void every_send_and_recv_may_fail(void **state)
{
	(void)state;
	size_t n = 1;
	for (;; n++) {
		struct os_faulty f;
		struct world w;
		os_faulty_init(&f, &os_linux, OS_SEND | OS_RECV, n, ECONNRESET);
		f.fail_count = 1;
		world_open_on(&w, &f.iface);
		enum err e = OK;
		for (uint64_t id = 1; id <= 20 && e == OK && w.a.chan; id++) {
			e = chan_send(w.a.chan, MSG_SUBMIT, id, STR("an event"));
			turns(&w, 1);
		}
		turns(&w, 4);
		bool met = f.calls >= n;
		assert_true(w.b.received == 20 || w.a.gone + w.b.gone > 0);
		assert_true(!met || w.a.gone + w.b.gone > 0 || w.b.received == 20);
		world_close(&w);
		if (!met)
			break;
	}
	assert_true(n > 20);
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (size_t n = 1;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		struct side a = { 0 }, b = { 0 };
		struct loop *loop = NULL;
		int ends[2];
		assert_int_equal(loop_open(&mem_system, &os_linux, &loop), OK);
		assert_int_equal(fdpass_pair(true, ends), OK);
		assert_int_equal(chan_open(&mem_system, loop, ends[1], &handler, &b, &b.chan), OK);
		enum err e = chan_open(&f.iface, loop, ends[0], &handler, &a, &a.chan);
		if (e == OK) {
			e = chan_send(a.chan, MSG_SUBMIT, 1, STR("x"));
			for (int i = 0; i < 5; i++)
				assert_int_equal(loop_turn(loop, SPAN_MS(1)), OK);
			/* A message that was refused was told to be; one that was taken arrives. */
			assert_int_equal(b.received, e == OK && !a.gone ? 1 : b.received);
			chan_close(&a.chan);
		} else {
			assert_int_equal(e, ERR_NOMEM);
			close(ends[0]);
		}
		assert_int_equal(f.live, 0);
		for (int i = 0; i < 3; i++)
			assert_int_equal(loop_turn(loop, SPAN_MS(1)), OK);
		chan_close(&b.chan);
		loop_close(&loop);
		if (f.calls < n)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_in_order),
		cmocka_unit_test(credit_runs_out_and_comes_back),
		cmocka_unit_test(a_broken_peer_is_told_once),
		cmocka_unit_test(closing_within_a_handler_is_safe),
		cmocka_unit_test(large_messages_pass_whole),
		cmocka_unit_test(every_send_and_recv_may_fail),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests_name("chan", tests, NULL, NULL);
}
