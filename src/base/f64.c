/* SPDX-License-Identifier: Apache-2.0
 *
 * Doubles from and to decimal text. Contract in str_priv.h; the public faces are str_f64,
 * buf_add_f64 and the JSON reader.
 *
 * The hard cases go through the C library's strtod and snprintf, which are correctly rounded but
 * write the decimal point of the process' locale. No program of ours calls setlocale, so that is
 * the "C" locale and a point; a test stands on it.
 */
#include "base/str_priv.h"
#include <assert.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double power_of_ten[] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
#define EXACT_MAX (UINT64_C(1) << 53) /* every integer up to here is a double */

/* A double has at most 767 significant decimal digits where it lies exactly between two others, so
 * with 780 digits and a mark for "more follows" the rounding is right for any length of text. */
#define DIGITS_MAX 780

bool f64_fast(uint64_t mantissa, int64_t exp10, double *ret_value)
{
	if (mantissa > EXACT_MAX || exp10 < -22 || exp10 > 22)
		return false;
	/* Both operands are exact, so the one operation rounds once, as the right answer does. */
	double value = (double)mantissa;
	*ret_value = exp10 < 0 ? value / power_of_ten[-exp10] : value * power_of_ten[exp10];
	return true;
}

/* The significant digits of a text, as digits * 10^exp10. */
struct decimal {
	size_t count;
	int64_t exp10;
	bool minus;
	char digits[DIGITS_MAX + 32]; /* the rest is for the mark and the exponent's text */
};

static int64_t exponent_read(const char *p, const char *end)
{
	bool minus = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	int64_t value = 0;
	for (; p < end; p++) {
		assert(*p >= '0' && *p <= '9');
		if (value < INT64_MAX / 64) /* far beyond any length of text */
			value = value * 10 + (*p - '0');
	}
	return minus ? -value : value;
}

static void decimal_read(struct decimal *d, struct str text)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	bool after_point = false, more = false;
	d->minus = p < end && *p == '-';
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.') {
			after_point = true;
			continue;
		}
		assert(*p >= '0' && *p <= '9');
		bool kept = true;
		if (d->count == DIGITS_MAX) {
			more = more || *p != '0';
			kept = false;
		} else if (d->count || *p != '0') {
			d->digits[d->count++] = *p;
		}
		d->exp10 += (kept ? 0 : 1) - (after_point ? 1 : 0);
	}
	if (p < end)
		d->exp10 += exponent_read(p + 1, end);
	if (more) {
		d->digits[d->count++] = '1';
		d->exp10--;
	}
}

double f64_read(struct str text)
{
	assert(text.len > 0);
	struct decimal d;
	d.count = 0;
	d.exp10 = 0;
	decimal_read(&d, text);
	double value = 0;
	if (d.count > 0 && d.count <= 19) {
		uint64_t mantissa = 0;
		for (size_t i = 0; i < d.count; i++)
			mantissa = mantissa * 10 + (uint64_t)(d.digits[i] - '0');
		if (f64_fast(mantissa, d.exp10, &value))
			return d.minus ? -value : value;
	}
	if (d.count > 0) {
		int64_t exp10 = d.exp10;
		exp10 = exp10 > 99999 ? 99999 : exp10 < -99999 ? -99999 : exp10;
		int n =
		    snprintf(d.digits + d.count, sizeof(d.digits) - d.count, "e%" PRId64, exp10);
		assert(n > 0 && (size_t)n < sizeof(d.digits) - d.count);
		char *stop;
		value = strtod(d.digits, &stop);
		assert(stop == d.digits + d.count + n);
	}
	return d.minus ? -value : value;
}

size_t u64_write(uint64_t v, char out[20])
{
	char reversed[20];
	size_t n = 0;
	do {
		reversed[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return n;
}

/* Writes digits * 10^exp10 without an exponent; digits has no trailing zero. */
static size_t plain_write(const char *digits, size_t count, int exp10, char *out)
{
	size_t n = 0;
	int point = (int)count + exp10; /* digits before the point */
	assert(count > 0 && point > -330 && point < 330);
	if (point <= 0) {
		out[n++] = '0';
		out[n++] = '.';
		for (int i = point; i < 0; i++)
			out[n++] = '0';
	}
	for (size_t i = 0; i < count; i++) {
		if (point > 0 && i == (size_t)point)
			out[n++] = '.';
		out[n++] = digits[i];
	}
	for (int i = 0; i < exp10; i++)
		out[n++] = '0';
	return n;
}

/* v (positive, finite) rounded to `precision` digits, as mantissa * 10^exp10. */
static uint64_t rounded(double v, int precision, int *exp10)
{
	char text[48];
	int n = snprintf(text, sizeof(text), "%.*e", precision - 1, v);
	assert(n > 0 && (size_t)n < sizeof(text));
	size_t at = 0;
	uint64_t mantissa = 0;
	for (; text[at] != 'e'; at++) {
		if (text[at] != '.')
			mantissa = mantissa * 10 + (uint64_t)(text[at] - '0');
	}
	*exp10 = (int)exponent_read(text + at + 1, text + n) - (precision - 1);
	return mantissa;
}

static bool reads_back(uint64_t mantissa, int exp10, double v)
{
	double value;
	if (f64_fast(mantissa, exp10, &value))
		return value == v;
	char text[32];
	size_t n = u64_write(mantissa, text);
	text[n++] = 'e';
	if (exp10 < 0)
		text[n++] = '-';
	n += u64_write((uint64_t)(exp10 < 0 ? -exp10 : exp10), text + n);
	assert(n < sizeof(text));
	text[n] = 0;
	return strtod(text, NULL) == v;
}

/* Below the normal range a double has less precision, so the digits are counted from one. */
static uint64_t shortest_subnormal(double v, int *exp10)
{
	for (int precision = 1; precision < 17; precision++) {
		uint64_t mantissa = rounded(v, precision, exp10);
		if (reads_back(mantissa, *exp10, v))
			return mantissa;
	}
	return rounded(v, 17, exp10);
}

/* The shortest decimal mantissa * 10^exp10 that reads back as v > 0. */
static uint64_t shortest(double v, int *exp10)
{
	if (v < DBL_MIN)
		return shortest_subnormal(v, exp10);
	/* Seventeen digits always read back. Fifteen tell apart any two decimals that long, so if
	 * fewer digits do, the fifteen end in zeros; between them there is only sixteen to try. */
	uint64_t all = rounded(v, 17, exp10);
	for (int drop = 2; drop >= 1; drop--) {
		uint64_t unit = drop == 2 ? 100 : 10, mantissa = all / unit, rest = all % unit;
		int exponent = *exp10 + drop;
		if (2 * rest > unit)
			mantissa++;
		else if (2 * rest == unit) /* what was rounded away once already decides */
			mantissa = rounded(v, 17 - drop, &exponent);
		if (reads_back(mantissa, exponent, v)) {
			*exp10 = exponent;
			return mantissa;
		}
		/* Powers of two: the gap above is twice that below, so the next decimal up may read
		 * back although the nearest one, on the narrow side, does not. */
		int binary;
		if (drop == 1 && frexp(v, &binary) == 0.5 &&
		    reads_back(mantissa + 1, exponent, v)) {
			*exp10 = exponent;
			return mantissa + 1;
		}
	}
	return all;
}

size_t f64_write(double v, char out[F64_TEXT_MAX])
{
	assert(isfinite(v));
	size_t n = 0;
	if (signbit(v)) {
		out[n++] = '-';
		v = -v;
	}
	if (v <= (double)EXACT_MAX && v == trunc(v))
		return n + u64_write((uint64_t)v, out + n);
	char digits[20];
	/* Most measured values have few decimals: m / 10^k == v with m below 10^15 is the shortest
	 * text, by the same argument as in shortest(). */
	if (v >= 1e-5 && v < 1e9) {
		for (int k = 1; k <= 6; k++) {
			double scaled = nearbyint(v * power_of_ten[k]);
			if (scaled == 0 || scaled / power_of_ten[k] != v)
				continue;
			/* k is the smallest that does, so the last digit is not zero */
			size_t count = u64_write((uint64_t)scaled, digits);
			return n + plain_write(digits, count, -k, out + n);
		}
	}
	int exp10;
	uint64_t mantissa = shortest(v, &exp10);
	while (mantissa % 10 == 0) {
		mantissa /= 10;
		exp10++;
	}
	size_t count = u64_write(mantissa, digits);
	n += plain_write(digits, count, exp10, out + n);
	assert(n < F64_TEXT_MAX);
	return n;
}
