/* SPDX-License-Identifier: Apache-2.0
 *
 * Which queries a rule may have, and what is said about the others.
 */
#include "rules/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void queries_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *query, *why; /* why NULL: it is right */
	} cases[] = {
		{ "avg(load1)", NULL },
		{ "1", NULL },
		{ "up == 0", NULL },
		{ "rate(", "this is not PromQL: 1:6: parse error: unclosed left parenthesis" },
		{ "", "this is not PromQL: 1:1: parse error: no expression found in input" },
		{ "load1[5m]", "this gives a range of samples, a rule needs one value: use a "
		               "function such as rate" },
		{ "\"text\"", "this gives text, a rule needs a vector or a scalar" },
	};
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str why = { "", 0 };
		enum err err = rules_query_check(a, str_c(cases[i].query), &why);
		assert_int_equal(err, cases[i].why ? ERR_INPUT : OK);
		if (cases[i].why)
			assert_string_equal(why.ptr, cases[i].why);
	}
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(queries_are_judged) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
