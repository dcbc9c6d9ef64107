/* SPDX-License-Identifier: Apache-2.0 */
#include "incident/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define T0 1000000

static void test_clock(void **state)
{
	(void)state;
	static const struct {
		int64_t elapsed_s, now_s, want_s, stepped_s;
	} cases[] = {
		{ 10, 10, 10, 0 },	/* as it should be */
		{ 10, 11, 11, 0 },	/* trimmed */
		{ 10, 3610, 3610, 3600 }, /* set forward */
		{ 0, 3600, 3600, 3600 },
		{ 10, -3590, 9, 0 },	/* set back: a tenth slower */
		{ 1000, -2600, 900, 0 },
		{ -1, 500, 500, 0 },	/* after a start nobody knows what passed */
		{ -1, -500, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct wall last = { T0 * NS_PER_S }, now = { (T0 + cases[i].now_s) * NS_PER_S };
		struct span stepped = { 77 };
		struct wall at = core_clock(last, SPAN_S(cases[i].elapsed_s), now, &stepped);
		assert_int_equal(at.ns, (T0 + cases[i].want_s) * NS_PER_S);
		assert_int_equal(stepped.ns, cases[i].stepped_s * NS_PER_S);
	}
}

/* Set back by an hour: the records never stand still and meet the wall clock again. */
static void test_catches_up(void **state)
{
	(void)state;
	struct wall at = { T0 * NS_PER_S }, wall = wall_add(at, SPAN_S(-3600));
	int64_t minutes = 0;
	while (at.ns != wall.ns) {
		struct span stepped;
		wall = wall_add(wall, SPAN_S(60));
		struct wall next = core_clock(at, SPAN_S(60), wall, &stepped);
		assert_true(next.ns > at.ns && stepped.ns == 0);
		at = next;
		assert_true(++minutes <= 600);
	}
	assert_int_equal(minutes, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock),
		cmocka_unit_test(test_catches_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
