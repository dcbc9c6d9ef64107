/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings as clients send them.
 */
#include "api/params.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_forms(void **state)
{
	struct arena *a = NULL;
	struct params p;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	assert_int_equal(params_read(a,
	                     STR("statuses%5B%5D=triggered&statuses[]=acknowledged&statuses="
	                         "resolved&q=a+b%20c&&limit=7&x"),
	                     &p),
	    OK);
	static const struct str expected[] = { STR_INIT("triggered"), STR_INIT("acknowledged"),
		STR_INIT("resolved") };
	size_t at = 0, n = 0;
	struct str v;
	while (params_next(&p, &at, STR("statuses"), &v)) {
		assert_true(n < 3 && str_eq(v, expected[n]));
		n++;
	}
	assert_int_equal(n, 3);
	assert_true(str_eq(params_get(&p, STR("q")), STR("a b c")));
	assert_true(params_has(&p, STR("x")) && !params_has(&p, STR("y")));
	uint64_t limit = 25, other = 3;
	assert_int_equal(params_u64(&p, STR("limit"), &limit), OK);
	assert_int_equal(params_u64(&p, STR("offset"), &other), OK);
	assert_int_equal(limit, 7);
	assert_int_equal(other, 3);
	assert_int_equal(params_u64(&p, STR("q"), &limit), ERR_INPUT);
	arena_close(&a);
}

static void test_refused(void **state)
{
	static const struct str bad[] = { STR_INIT("a=%"), STR_INIT("a=%zz"), STR_INIT("a=%ff"),
		STR_INIT("%00=1") };
	struct arena *a = NULL;
	struct params p;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(params_read(a, bad[i], &p), ERR_INPUT);
	char many[2 * PARAMS_MAX + 3];
	for (size_t i = 0; i < sizeof many; i++)
		many[i] = i % 2 ? '&' : 'a';
	assert_int_equal(params_read(a, str_make(many, 2 * PARAMS_MAX), &p), OK);
	assert_int_equal(params_read(a, str_make(many, 2 * PARAMS_MAX + 1), &p), ERR_LIMIT);
	arena_close(&a);
}

static void test_times(void **state)
{
	static const struct {
		struct str text;
		int64_t s;
	} cases[] = {
		{ STR_INIT("t=2026-01-05T09:00:00Z"), 1767603600 },
		{ STR_INIT("t=2026-01-05T10:00:00+01:00"), 1767603600 },
		{ STR_INIT("t=2026-01-05T10:00:00%2B01:00"), 1767603600 },
		{ STR_INIT("t=2026-01-05"), 1767571200 },
		{ STR_INIT("u=1"), 0 },
	};
	struct arena *a = NULL;
	struct params p;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct wall t = { 0 };
		assert_int_equal(params_read(a, cases[i].text, &p), OK);
		assert_int_equal(params_wall(&p, STR("t"), &t), OK);
		assert_int_equal(t.ns, cases[i].s * NS_PER_S);
	}
	struct wall t;
	assert_int_equal(params_read(a, STR("t=tomorrow"), &p), OK);
	assert_int_equal(params_wall(&p, STR("t"), &t), ERR_INPUT);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_times) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
