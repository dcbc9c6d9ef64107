/* SPDX-License-Identifier: Apache-2.0
 *
 * A program without a single surprise() site links, and has none.
 */
#include "base/surprise.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void nothing_is_there(void **state)
{
	(void)state;
	assert_null(surprise_at(0));
	assert_int_equal(surprise_total(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
