/* SPDX-License-Identifier: Apache-2.0
 *
 * Doubles from and to decimal text: exact round trips, the shortest digits, and the C library's
 * locale that the slow path stands on.
 */
#include "base/buf.h"
#include "base/str_priv.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void expect_text(double v, const char *want)
{
	char out[F64_TEXT_MAX];
	size_t n = f64_write(v, out);
	assert_true(n < sizeof(out));
	out[n] = 0;
	assert_string_equal(out, want);
}

static void texts_as_go_writes_them(void **state)
{
	(void)state;
	expect_text(0, "0");
	expect_text(-0.0, "-0");
	expect_text(1, "1");
	expect_text(-1, "-1");
	expect_text(1e6, "1000000");
	expect_text(1e-7, "0.0000001");
	expect_text(0.1, "0.1");
	expect_text(0.25, "0.25");
	expect_text(-12.5, "-12.5");
	expect_text(0.1 + 0.2, "0.30000000000000004");
	expect_text(1.0 / 3, "0.3333333333333333");
	expect_text(2.0 / 3, "0.6666666666666666");
	expect_text(100.000001, "100.000001");
	expect_text(1234567.891, "1234567.891");
	expect_text(1e15, "1000000000000000");
	expect_text(0x1p53, "9007199254740992");
	expect_text(1e16, "10000000000000000");
	expect_text(1e21, "1000000000000000000000");
	expect_text(1.5e300,
	    "15"
	    "0000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000"
	    "00000000000000000000000");
	expect_text(123456789012345680, "123456789012345680");
	expect_text(5e-324,
	    "0.000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000"
	    "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
	    "0000000000"
	    "00000000000000000000000000000000000000000000000000000000"
	    "5");
	expect_text(0x1p-44, "0.00000000000005684341886080802"); /* see the next test */
}

/* At a power of two the nearest decimal of 16 digits may lie outside the narrow side while the next
 * one up still reads back; either way no shorter text may exist and ours must read back. */
static void powers_of_two_are_shortest(void **state)
{
	(void)state;
	for (int e = -1074; e < 1024; e++) {
		double v = ldexp(1, e);
		char out[F64_TEXT_MAX];
		size_t n = f64_write(v, out);
		out[n] = 0;
		assert_true(strtod(out, NULL) == v);
		assert_true(f64_read(str_make(out, n)) == v);
		size_t digits = 0;
		const char *first = strpbrk(out, "123456789");
		for (const char *p = first; *p; p++)
			digits += *p != '.';
		if (!strchr(out, '.')) {
			for (size_t i = n; i > 0 && out[i - 1] == '0'; i--)
				digits--;
		}
		/* no decimal with one digit less reads back: neither the one below nor above */
		if (digits > 1) {
			char text[64];
			(void)snprintf(text, sizeof(text), "%.*e", (int)digits - 2, v);
			assert_true(strtod(text, NULL) != v);
		}
		assert_true(digits <= 17);
	}
}

static uint64_t step(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void any_double_reads_back(void **state)
{
	(void)state;
	uint64_t seed = 88172645463325252u;
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = step(&seed);
		double v;
		memcpy(&v, &bits, sizeof(v));
		if (!isfinite(v))
			continue;
		char out[F64_TEXT_MAX];
		size_t n = f64_write(v, out);
		double back = f64_read(str_make(out, n));
		assert_memory_equal(&back, &v, sizeof(v));
	}
}

/* Values with few decimals, as measurements have: the quick way of writing agrees with %.15g. */
static void short_decimals_are_shortest(void **state)
{
	(void)state;
	uint64_t seed = 1234567;
	for (int i = 0; i < 100000; i++) {
		double v = (double)(step(&seed) % 1000000000) / pow(10, (double)(i % 9));
		char out[F64_TEXT_MAX], want[64];
		out[f64_write(v, out)] = 0;
		(void)snprintf(want, sizeof(want), "%.15g", v);
		if (!strchr(want, 'e'))
			assert_string_equal(out, want);
	}
}

static void reading_agrees_with_the_c_library(void **state)
{
	(void)state;
	uint64_t seed = 42;
	for (int i = 0; i < 200000; i++) {
		char text[80];
		int digits = 1 + (int)(step(&seed) % 22), n = 0;
		int point = (int)(step(&seed) % 24);
		for (int k = 0; k < digits; k++) {
			if (k == point)
				text[n++] = '.';
			text[n++] = (char)('0' + step(&seed) % 10);
		}
		int exponent = (int)(step(&seed) % 80) - 40;
		n += snprintf(text + n, 20, "e%d", i % 16 ? exponent : exponent * 9);
		double want = strtod(text, NULL), got = f64_read(str_make(text, (size_t)n));
		if (memcmp(&want, &got, sizeof(got)) != 0)
			fail_msg("%s gave %.17g", text, got);
	}
}

/* 1 + 2^-53 lies between two doubles; with 1000 zeros and a one behind, it must go up. */
static void very_long_texts_round_right(void **state)
{
	(void)state;
	char text[1200];
	static const char half[] = "1.00000000000000011102230246251565404236316680908203125";
	size_t n = sizeof(half) - 1;
	memcpy(text, half, n);
	assert_true(f64_read(str_make(text, n)) == 1.0);
	memset(text + n, '0', 1000);
	assert_true(f64_read(str_make(text, n + 1000)) == 1.0);
	text[n + 1000] = '1';
	assert_true(f64_read(str_make(text, n + 1001)) == 1.0 + 0x1p-52);
	/* many digits before the point, and an exponent that brings them back */
	memset(text, '0', sizeof(text));
	text[0] = '2';
	memcpy(text + 1000, "e-1000", 6);
	assert_true(f64_read(str_make(text, 1006)) == 0.2);
	memset(text, '1', 1000);
	assert_true(isinf(f64_read(str_make(text, 1000))));
	assert_true(f64_read(STR("1e99999999999999999999999999")) > DBL_MAX);
	assert_true(f64_read(STR("1e-99999999999999999999999999")) == 0);
	assert_true(f64_read(STR("0e99999999999999999999999999")) == 0);
}

static void the_locale_is_c(void **state)
{
	(void)state;
	assert_string_equal(setlocale(LC_NUMERIC, NULL), "C");
	assert_string_equal(localeconv()->decimal_point, ".");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_as_go_writes_them),
		cmocka_unit_test(powers_of_two_are_shortest),
		cmocka_unit_test(any_double_reads_back),
		cmocka_unit_test(short_decimals_are_shortest),
		cmocka_unit_test(reading_agrees_with_the_c_library),
		cmocka_unit_test(very_long_texts_round_right),
		cmocka_unit_test(the_locale_is_c),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
