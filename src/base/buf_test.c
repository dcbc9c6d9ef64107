/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer: limits, the sticky error, and every allocation failing once.
 */
#include "base/buf.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>

static void appends_and_stays_terminated(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 1000);
	assert_true(str_eq(buf_str(&b), STR("")));
	buf_add(&b, STR("a"));
	buf_add_c(&b, "bc");
	buf_add_c(&b, NULL);
	buf_add_char(&b, '-');
	buf_add_u64(&b, UINT64_MAX);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, INT64_MIN);
	buf_add_char(&b, ' ');
	buf_add_i64(&b, 0);
	buf_printf(&b, " %s=%d", "n", -5);
	assert_int_equal(b.err, OK);
	assert_string_equal(b.ptr, "abc-18446744073709551615 -9223372036854775808 0 n=-5");
	assert_int_equal(b.len, strlen(b.ptr));
	buf_consume(&b, 4);
	assert_int_equal(b.ptr[0], '1');
	assert_int_equal(b.len, strlen(b.ptr));
	buf_consume(&b, b.len);
	assert_string_equal(b.ptr, "");
	buf_consume(&b, 0);
	buf_free(&b);
	assert_null(b.ptr);
	buf_consume(&b, 0);
	buf_grew(&b, 0);
}

static void limit_is_exact_and_sticky(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 10);
	buf_add(&b, STR("0123456789"));
	assert_int_equal(b.err, OK);
	buf_add(&b, STR(""));
	assert_int_equal(b.err, OK);
	buf_add_char(&b, 'x');
	assert_int_equal(b.err, ERR_LIMIT);
	assert_string_equal(b.ptr, "0123456789");
	assert_null(buf_reserve(&b, 0));
	buf_clear(&b);
	buf_add(&b, STR("01234"));
	buf_printf(&b, "%d", 123456); /* one more than fits */
	assert_int_equal(b.err, ERR_LIMIT);
	assert_string_equal(b.ptr, "01234");
	buf_add(&b, STR("y"));
	assert_string_equal(b.ptr, "01234");
	buf_clear(&b);
	buf_printf(&b, "%s", "0123456789");
	assert_int_equal(b.err, OK);
	assert_string_equal(b.ptr, "0123456789");
	buf_free(&b);
	assert_int_equal(b.limit, 10);
	b = buf_make(&mem_system, 0);
	buf_add_char(&b, 'x');
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
}

static void reserve_then_grew(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 100);
	char *at = buf_reserve(&b, 50);
	assert_non_null(at);
	memset(at, 'x', 50);
	buf_grew(&b, 20);
	assert_int_equal(b.len, 20);
	assert_int_equal(strlen(b.ptr), 20);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
	assert_int_equal(b.err, OK);
}

static void floats_as_prometheus_writes_them(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 1e6, "1000000" },
		{ 1e-7, "0.0000001" },
		{ (double)INFINITY, "+Inf" },
		{ -(double)INFINITY, "-Inf" },
		{ (double)NAN, "NaN" },
		{ 0.5, "0.5" },
		{ -3, "-3" },
		{ 1435781430.781, "1435781430.781" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct buf b = buf_make(&mem_system, 500);
		buf_add_f64(&b, cases[i].v);
		assert_string_equal(b.ptr, cases[i].text);
		buf_free(&b);
	}
}

static enum err build(const struct mem *mem)
{
	struct buf b = buf_make(mem, 100000);
	for (int i = 0; i < 1000; i++) {
		buf_printf(&b, "line %d of many\n", i);
		buf_add_f64(&b, i * 0.5);
	}
	enum err e = b.err;
	if (!e)
		assert_true(str_ends(buf_str(&b), STR("line 999 of many\n499.5")));
	buf_free(&b);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	size_t n = 1;
	for (;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		enum err e = build(&f.iface);
		assert_int_equal(f.live, 0);
		if (f.calls < n) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_NOMEM);
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_stays_terminated),
		cmocka_unit_test(limit_is_exact_and_sticky),
		cmocka_unit_test(reserve_then_grew),
		cmocka_unit_test(floats_as_prometheus_writes_them),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
