/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of records under a wall clock that steps.
 */
#include "role/engine/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define S(n) ((int64_t)(n)*NS_PER_S)

static int64_t at(struct clock *c, int64_t wall_s, int64_t mono_s, int64_t *stepped)
{
	struct span by;
	struct wall t = clock_now(c, (struct wall){ S(wall_s) }, (struct mono){ S(mono_s) }, &by);
	*stepped = by.ns / NS_PER_S;
	return t.ns / NS_PER_S;
}

static void test_plain(void **state)
{
	int64_t by;
	(void)state;
	struct clock c =
	    clock_make((struct wall){ S(500) }, (struct wall){ S(1000) }, (struct mono){ S(10) });
	assert_int_equal(at(&c, 1001, 11, &by), 1001);
	assert_int_equal(by, 0);
	/* Slewed a little, either way: no step, never back. */
	assert_int_equal(at(&c, 1004, 12, &by), 1004);
	assert_int_equal(by, 0);
	assert_int_equal(at(&c, 1002, 13, &by), 1004);
	assert_int_equal(by, 0);
	assert_int_equal(at(&c, 1005, 14, &by), 1005);
}

static void test_forward(void **state)
{
	int64_t by;
	(void)state;
	struct clock c =
	    clock_make((struct wall){ 0 }, (struct wall){ S(1000) }, (struct mono){ S(10) });
	assert_int_equal(at(&c, 4601, 11, &by), 4601);
	assert_int_equal(by, 3600);
	assert_int_equal(at(&c, 4602, 12, &by), 4602);
	assert_int_equal(by, 0);
	assert_int_equal(c.steps_forward, 1);
}

static void test_back(void **state)
{
	int64_t by;
	(void)state;
	struct clock c =
	    clock_make((struct wall){ 0 }, (struct wall){ S(5000) }, (struct mono){ S(10) });
	/* Set back by an hour: time goes on all the same, so timers fire. */
	assert_int_equal(at(&c, 1401, 11, &by), 5001);
	assert_int_equal(at(&c, 1460, 70, &by), 5060);
	assert_true(c.behind);
	assert_int_equal(c.steps_back, 1);
	/* And set right again. */
	assert_int_equal(at(&c, 5062, 72, &by), 5062);
	assert_int_equal(by, 0);
	assert_false(c.behind);
}

static void test_start_behind(void **state)
{
	int64_t by;
	(void)state;
	struct clock c =
	    clock_make((struct wall){ S(5000) }, (struct wall){ S(1000) }, (struct mono){ S(10) });
	assert_int_equal(at(&c, 1002, 12, &by), 5002);
	assert_int_equal(by, 0);
	/* The wall clock is put right after the start: not a step of the timers. */
	assert_int_equal(at(&c, 5004, 14, &by), 5004);
	assert_int_equal(by, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_forward),
		cmocka_unit_test(test_back),
		cmocka_unit_test(test_start_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
