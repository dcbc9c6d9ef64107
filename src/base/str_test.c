/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed bytes: comparing, cutting, numbers, UTF-8.
 */
#include "base/str.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

static void comparing(void **state)
{
	(void)state;
	assert_true(str_cmp(STR("a"), STR("b")) < 0);
	assert_true(str_cmp(STR("b"), STR("a")) > 0);
	assert_true(str_cmp(STR("a"), STR("ab")) < 0);
	assert_true(str_cmp(STR("ab"), STR("a")) > 0);
	assert_int_equal(str_cmp(STR("ab"), STR("ab")), 0);
	assert_int_equal(str_cmp(str_c(NULL), STR("")), 0);
	assert_true(str_cmp(STR("a\x80"), STR("aa")) > 0); /* bytes, not chars with a sign */
	assert_true(str_eq(STR(""), (struct str){ NULL, 0 }));
	assert_false(str_eq(STR("a"), STR("A")));
	assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
	assert_false(str_eq_nocase(STR("a"), STR("ab")));
	assert_false(str_eq_nocase(STR("["), STR("{"))); /* differ in the bit of the case only */
	assert_false(str_eq_nocase(STR("@"), STR("`")));
	assert_true(str_starts(STR("abc"), STR("ab")));
	assert_true(str_starts(STR("abc"), STR("")));
	assert_false(str_starts(STR("a"), STR("ab")));
	assert_true(str_ends(STR("abc"), STR("bc")));
	assert_false(str_ends(STR("c"), STR("bc")));
	assert_true(str_eq_secret(STR("abc"), STR("abc")));
	assert_false(str_eq_secret(STR("abc"), STR("abd")));
	assert_false(str_eq_secret(STR("abc"), STR("xbc")));
	assert_false(str_eq_secret(STR("abc"), STR("ab")));
	assert_true(str_eq_secret(STR(""), str_c(NULL)));
}

static void finding_and_trimming(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("a=b=c"), '='), 1);
	assert_int_equal(str_find(STR("abc"), '='), 3);
	assert_int_equal(str_find((struct str){ NULL, 0 }, '='), 0);
	assert_int_equal(str_find_str(STR("one two"), STR("two")), 4);
	assert_int_equal(str_find_str(STR("one two"), STR("three")), 7);
	assert_int_equal(str_find_str(STR("one"), STR("one two")), 3);
	assert_int_equal(str_find_str(STR("one"), STR("")), 0);
	assert_true(str_eq(str_trim(STR(" \t a b\r\n")), STR("a b")));
	assert_true(str_eq(str_trim(STR(" \t\r\n")), STR("")));
	assert_true(str_eq(str_from(STR("abc"), 1), STR("bc")));
	assert_true(str_eq(str_from(STR("abc"), 9), STR("")));
	assert_true(str_eq(str_first(STR("abc"), 2), STR("ab")));
	assert_true(str_eq(str_first(STR("abc"), 9), STR("abc")));
}

static void cutting(void **state)
{
	(void)state;
	struct str rest = STR("a,,b");
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_non_null(rest.ptr);
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_non_null(rest.ptr);
	assert_true(str_eq(str_cut(&rest, ','), STR("b")));
	assert_null(rest.ptr);
	rest = STR("a,"); /* an empty last part is a part */
	assert_true(str_eq(str_cut(&rest, ','), STR("a")));
	assert_non_null(rest.ptr);
	assert_true(str_eq(str_cut(&rest, ','), STR("")));
	assert_null(rest.ptr);
}

static void whole_numbers(void **state)
{
	(void)state;
	uint64_t u = 7;
	assert_int_equal(str_u64(STR("18446744073709551615"), &u), OK);
	assert_true(u == UINT64_MAX);
	u = 7;
	assert_int_equal(str_u64(STR("18446744073709551616"), &u), ERR_LIMIT);
	assert_int_equal(str_u64(STR("99999999999999999999999x"), &u), ERR_INPUT);
	const char *bad[] = { "", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3", "a" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(str_u64(str_c(bad[i]), &u), ERR_INPUT);
	assert_int_equal(u, 7);
	assert_int_equal(str_u64(STR("007"), &u), OK);
	int64_t v = 0;
	assert_int_equal(str_i64(STR("-9223372036854775808"), &v), OK);
	assert_true(v == INT64_MIN);
	assert_int_equal(str_i64(STR("9223372036854775807"), &v), OK);
	assert_true(v == INT64_MAX);
	assert_int_equal(str_i64(STR("9223372036854775808"), &v), ERR_LIMIT);
	assert_int_equal(str_i64(STR("-9223372036854775809"), &v), ERR_LIMIT);
	assert_int_equal(str_i64(STR("--1"), &v), ERR_INPUT);
	assert_int_equal(str_i64(STR("-"), &v), ERR_INPUT);
	assert_int_equal(str_i64(STR("-0"), &v), OK);
	assert_int_equal(v, 0);
}

static void floats_good(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "+1", 1 },
		{ "-1.5", -1.5 },
		{ ".5", 0.5 },
		{ "5.", 5 },
		{ "1e3", 1000 },
		{ "1E+3", 1000 },
		{ "1e-3", 0.001 },
		{ "123456789.123", 123456789.123 },
		{ "0.1", 0.1 },
		{ "1e22", 1e22 },
		{ "1e23", 1e23 },
		{ "9007199254740993", 0x1p53 },
		{ "9007199254740993.00001", 0x1p53 + 2 },
		{ "2.2250738585072014e-308", DBL_MIN },
		{ "2.2250738585072011e-308", 0x0.fffffffffffffp-1022 },
		{ "4.9e-324", 0x1p-1074 },
		{ "1.7976931348623157e308", DBL_MAX },
		{ "1e-999", 0 },
		{ "00000000000000000000000000000000000000001.5", 1.5 },
		{ "0.00000000000000000000000000000000000000000015e42", 1.5e-1 },
		{ "1e-00000000000000000000000000002", 0.01 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		double v = -77;
		assert_int_equal(str_f64(str_c(good[i].text), false, &v), OK);
		if (memcmp(&v, &good[i].value, sizeof(v)) != 0)
			fail_msg("%s gave %.17g", good[i].text, v);
	}
	double v;
	assert_int_equal(str_f64(STR("-0"), false, &v), OK);
	assert_true(v == 0 && signbit(v));
}

static void floats_bad_and_special(void **state)
{
	(void)state;
	double v = 7;
	const char *bad[] = { "", ".", "-", "e3", "1e", "1e+", " 1", "1 ", "1,5", "0x1p3", "1_0",
		"--1", "1.2.3", "inf", "nan", "1e999", "-1e999",
		"1234567890123456789012345678901234567890123456789012345678901234567890" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(str_f64(str_c(bad[i]), false, &v), ERR_INPUT);
	assert_int_equal(str_f64(STR("infinit"), true, &v), ERR_INPUT);
	assert_int_equal(str_f64(STR("+"), true, &v), ERR_INPUT);
	assert_true(v == 7);
	assert_int_equal(str_f64(STR("+Inf"), true, &v), OK);
	assert_true(isinf(v) && v > 0);
	assert_int_equal(str_f64(STR("-INFINITY"), true, &v), OK);
	assert_true(isinf(v) && v < 0);
	assert_int_equal(str_f64(STR("NaN"), true, &v), OK);
	assert_true(isnan(v));
}

static void utf8(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{ "", true },
		{ "plain ascii, longer than eight bytes", true },
		{ "\xc2\x80", true },
		{ "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true },
		{ "\xed\x9f\xbf", true },
		{ "\xee\x80\x80", true },
		{ "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true },
		{ "\xf4\x8f\xbf\xbf", true },
		{ "12345678\xe2\x82\xac", true },
		{ "\x80", false },
		{ "\xbf", false },
		{ "\xc0\x80", false },
		{ "\xc1\xbf", false },
		{ "\xe0\x9f\xbf", false },
		{ "\xed\xa0\x80", false },
		{ "\xed\xbf\xbf", false },
		{ "\xf0\x8f\xbf\xbf", false },
		{ "\xf4\x90\x80\x80", false },
		{ "\xf5\x80\x80\x80", false },
		{ "\xff", false },
		{ "\xfe", false },
		{ "\xc2", false },
		{ "\xe2\x82", false },
		{ "\xf0\x90\x80", false },
		{ "\xc2\x41", false },
		{ "\xe2\x41\xac", false },
		{ "\xe2\x82\x41", false },
		{ "\xf0\x90\x80\x41", false },
		{ "1234567\xe2\x82", false },
		{ "123456789\x80", false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		if (str_utf8_valid(str_c(cases[i].text)) != cases[i].valid)
			fail_msg("case %zu", i);
	}
	struct str euro = STR("a\xe2\x82\xac\xf0\x9f\x98\x80z"); /* 1 + 3 + 4 + 1 bytes */
	const size_t want[] = { 0, 1, 1, 1, 4, 4, 4, 4, 8, 9, 9 };
	for (size_t n = 0; n < ARRAY_COUNT(want); n++) {
		assert_int_equal(str_utf8_first(euro, n).len, want[n]);
		assert_true(str_utf8_valid(str_utf8_first(euro, n)));
	}
	assert_int_equal(str_utf8_count(euro), 4);
	assert_int_equal(str_utf8_first(STR("\x80\x80\x80\x80\x80\x80"), 5).len, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(finding_and_trimming),
		cmocka_unit_test(cutting),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(floats_good),
		cmocka_unit_test(floats_bad_and_special),
		cmocka_unit_test(utf8),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
