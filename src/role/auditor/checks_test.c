/* SPDX-License-Identifier: Apache-2.0
 *
 * The auditor's beliefs, one after the other: what is broken is said, what holds is not.
 */
#include "role/auditor/checks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define S(n) ((int64_t)(n)*NS_PER_S)

static struct sight good(void)
{
	return (struct sight){ .now = { S(1000) },
		.started = { S(100) },
		.beat_at = { S(999) },
		.has_promises = true,
		.promises_at = { S(998) },
		.promises = { .open = 3 },
		.wall = { S(1700000000) } };
}

/* The one check that does not hold, and what it says has this in it; CHECK_COUNT: all hold. */
static void expect(const struct sight *s, enum check broken, const char *word)
{
	own(arena_close) struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 16, &a), OK);
	for (int i = 0; i < CHECK_COUNT; i++) {
		struct str text = check_look((enum check)i, s, a);
		assert_int_equal(text.len > 0, i == (int)broken);
		if (i == (int)broken)
			assert_true(str_find_str(text, str_c(word)) < text.len);
	}
}

static void test_checks(void **state)
{
	(void)state;
	struct sight s = good();
	expect(&s, CHECK_COUNT, "");
	s.beat_at.ns = S(994);
	expect(&s, CHECK_BEAT, "silent since 6 s");
	s.beat_at.ns = S(995);
	expect(&s, CHECK_COUNT, "");
	s = good();
	s.undecided.ns = S(7);
	expect(&s, CHECK_UNDECIDED, "7 s");
	s = good();
	s.outbox.ns = S(61);
	expect(&s, CHECK_OUTBOX, "61 s");
	s = good();
	s.promises.broken = 2;
	s.promises.first_broken = id_make(5, 0);
	expect(&s, CHECK_COVER, "2 of 3");
	expect(&s, CHECK_COVER, s.promises.first_broken.text);
	s = good();
	s.promises.lost_timers = 4;
	expect(&s, CHECK_TIMERS, "4 timers");
	s = good();
	s.promises_at.ns = S(980);
	expect(&s, CHECK_STORE, "20 s");
}

static void test_start(void **state)
{
	(void)state;
	/* Nothing was seen yet, and there was no time to see anything. */
	struct sight s = { .now = { S(110) }, .started = { S(100) } };
	expect(&s, CHECK_COUNT, "");
	s.now.ns = S(121);
	s.promises_at.ns = S(120);
	expect(&s, CHECK_BEAT, "silent");
	s.beat_at.ns = S(120);
	s.promises_at.ns = 0;
	expect(&s, CHECK_STORE, "cannot be read");
}

static void test_silent_engine_with_pages_left(void **state)
{
	/* When the engine is silent the store tells how long pages wait. */
	own(arena_close) struct arena *a = NULL;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1 << 16, &a), OK);
	struct sight s = good();
	s.beat_at.ns = S(900);
	s.promises.outbox_oldest.ns = s.wall.ns - S(90);
	assert_true(check_look(CHECK_OUTBOX, &s, a).len > 0);
	assert_true(check_look(CHECK_BEAT, &s, a).len > 0);
	assert_int_equal(check_look(CHECK_UNDECIDED, &s, a).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_checks),
		cmocka_unit_test(test_start),
		cmocka_unit_test(test_silent_engine_with_pages_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
