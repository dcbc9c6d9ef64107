/* SPDX-License-Identifier: Apache-2.0
 *
 * What str.c, json.c and buf.c share and nobody outside this room needs: one step of UTF-8, and the
 * two directions between doubles and decimal text.
 */
#pragma once
#include "base/str.h"

/* Length 1..4 of the well-formed UTF-8 sequence at ptr (n bytes are there), 0 when there is none.
 */
size_t utf8_step(const unsigned char *ptr, size_t n);

/* Bit 7 of a byte is set where the byte of x is '"', '\\', below 0x20 or above 0x7f. Exact for the
 * lowest such byte, which is all that a search from the left needs (little endian). */
static inline uint64_t swar_special(uint64_t x)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), high = UINT64_C(0x8080808080808080);
	uint64_t quote = x ^ (ones * '"'), slash = x ^ (ones * '\\');
	uint64_t hit =
	    ((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | x;
	return hit & high;
}

/* First byte from p that a JSON string cannot hold plainly (as swar_special), or end. */
static inline const unsigned char *json_plain_end(const unsigned char *p, const unsigned char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (end - p >= 8) {
		uint64_t x;
		memcpy(&x, p, 8);
		uint64_t hit = swar_special(x);
		if (hit)
			return p + (__builtin_ctzll(hit) >> 3);
		p += 8;
	}
#endif
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* mantissa * 10^exp10 when one correctly rounded operation gives it; false when it takes more. */
bool f64_fast(uint64_t mantissa, int64_t exp10, double *ret_value);
/* The double nearest to a decimal text of the form [+-]digits[.digits][(e|E)[+-]digits] (the digits
 * before or after the point may be missing, not both; the caller has checked that). Any length.
 * +-inf and 0 beyond the range. */
double f64_read(struct str text);

#define F64_TEXT_MAX 400
/* Shortest digits that read back as v, without an exponent; returns the length. v is finite. */
size_t f64_write(double v, char out[F64_TEXT_MAX]);
/* Decimal digits of v at out (20 bytes at most); returns the length. */
size_t u64_write(uint64_t v, char out[20]);
