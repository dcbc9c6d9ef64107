/* SPDX-License-Identifier: Apache-2.0
 *
 * surprise(): counts per call site, evaluates its condition once, and is found through the linker.
 */
#include "base/surprise.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static int evaluated;

static bool seen(bool v)
{
	evaluated++;
	return v;
}

static bool site_one(bool v)
{
	return surprise(seen(v), "base/one");
}

static bool site_two(bool v)
{
	return surprise(v, "base/two");
}

static uint64_t count_of(const char *what)
{
	const struct surprise_site *site;
	for (size_t i = 0; (site = surprise_at(i)) != NULL; i++) {
		if (strcmp(site->what, what) == 0)
			return site->count;
	}
	fail_msg("no site %s", what);
	return 0;
}

static void each_site_counts_its_own(void **state)
{
	(void)state;
	uint64_t before = surprise_total();
	assert_false(site_one(false));
	assert_true(site_one(true));
	assert_true(site_one(true));
	assert_true(site_two(true));
	assert_int_equal(evaluated, 3);
	assert_int_equal(count_of("base/one"), 2);
	assert_int_equal(count_of("base/two"), 1);
	assert_int_equal(surprise_total() - before, 3);
	assert_null(surprise_at(1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_site_counts_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
