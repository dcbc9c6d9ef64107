/* SPDX-License-Identifier: Apache-2.0
 *
 * Every error has its own phrase, and the words of err.h do what they say.
 */
#include "base/err.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

static void every_error_has_its_own_phrase(void **state)
{
	(void)state;
	for (int a = OK; a >= ERR_DENIED; a--) {
		assert_non_null(err_text((enum err)a));
		assert_true(strlen(err_text((enum err)a)) > 1);
		assert_string_not_equal(err_text((enum err)a), err_text((enum err) - 99));
		for (int b = a - 1; b >= ERR_DENIED; b--)
			assert_string_not_equal(err_text((enum err)a), err_text((enum err)b));
	}
	assert_string_equal(err_text((enum err) - 99), "unknown error");
}

static void checked_arithmetic_tells_overflow(void **state)
{
	(void)state;
	size_t out;
	assert_true(ck_mul(SIZE_MAX, 2u, &out));
	assert_true(ck_add(SIZE_MAX, 1u, &out));
	assert_true(ck_sub((size_t)1, 2u, &out));
	assert_false(ck_add(SIZE_MAX - 1, 1u, &out));
	assert_int_equal(out, SIZE_MAX);
}

static void count_up(int **counter)
{
	++**counter;
}

static void own_closes_at_the_end_of_the_scope(void **state)
{
	(void)state;
	int closed = 0;
	{
		own(count_up) int *counter = &closed;
		assert_int_equal(*counter, 0);
	}
	assert_int_equal(closed, 1);
}

struct outer {
	int before;
	int inner;
};

static void container_of_finds_the_outer_object(void **state)
{
	(void)state;
	struct outer o = { 1, 2 };
	assert_ptr_equal(container_of(&o.inner, struct outer, inner), &o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_its_own_phrase),
		cmocka_unit_test(checked_arithmetic_tells_overflow),
		cmocka_unit_test(own_closes_at_the_end_of_the_scope),
		cmocka_unit_test(container_of_finds_the_outer_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
