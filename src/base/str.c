/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed bytes: comparing, searching, cutting, numbers and UTF-8. Contract in str.h.
 */
#include "base/str.h"
#include "base/str_priv.h"
#include <assert.h>
#include <math.h>

int str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static unsigned char lower(char c)
{
	unsigned char u = (unsigned char)c;
	return (unsigned char)(u >= 'A' && u <= 'Z' ? u + ('a' - 'A') : u);
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

size_t str_find(struct str s, char c)
{
	const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return hit ? (size_t)(hit - s.ptr) : s.len;
}

size_t str_find_str(struct str s, struct str needle)
{
	if (needle.len == 0)
		return 0;
	if (needle.len > s.len)
		return s.len;
	const char *hit = memmem(s.ptr, s.len, needle.ptr, needle.len);
	return hit ? (size_t)(hit - s.ptr) : s.len;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len && blank(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	while (s.len && blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_cut(struct str *rest, char sep)
{
	assert(rest);
	struct str whole = *rest;
	size_t at = str_find(whole, sep);
	if (at == whole.len) {
		*rest = (struct str){ NULL, 0 };
		return whole;
	}
	*rest = (struct str){ whole.ptr + at + 1, whole.len - at - 1 };
	return (struct str){ whole.ptr, at };
}

enum err str_u64(struct str s, uint64_t *ret_value)
{
	assert(ret_value);
	if (s.len == 0)
		return ERR_INPUT;
	uint64_t value = 0;
	bool over = false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
		if (digit > 9)
			return ERR_INPUT;
		over = over || ck_mul(value, 10u, &value) || ck_add(value, digit, &value);
	}
	if (over)
		return ERR_LIMIT;
	*ret_value = value;
	return OK;
}

enum err str_i64(struct str s, int64_t *ret_value)
{
	assert(ret_value);
	bool minus = s.len && s.ptr[0] == '-';
	uint64_t value;
	enum err e = str_u64(minus ? str_from(s, 1) : s, &value);
	if (e)
		return e;
	if (value > (uint64_t)INT64_MAX + minus)
		return ERR_LIMIT;
	*ret_value = minus ? (int64_t)(0 - value) : (int64_t)value;
	return OK;
}

static bool f64_special(struct str s, double *ret_value)
{
	bool minus = s.len && s.ptr[0] == '-';
	if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		s = str_from(s, 1);
	if (str_eq_nocase(s, STR("inf")) || str_eq_nocase(s, STR("infinity"))) {
		*ret_value = minus ? -(double)INFINITY : (double)INFINITY;
		return true;
	}
	if (str_eq_nocase(s, STR("nan"))) {
		*ret_value = (double)NAN;
		return true;
	}
	return false;
}

/* Checks the form [+-](digits[.[digits]]|.digits)[(e|E)[+-]digits] from start to end. */
static bool f64_form(struct str s)
{
	size_t i = 0, digits = 0;
	if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
		i++;
	for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
		digits++;
	if (i < s.len && s.ptr[i] == '.') {
		i++;
		for (; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
			digits++;
	}
	if (digits == 0)
		return false;
	if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
		i++;
		if (i < s.len && (s.ptr[i] == '-' || s.ptr[i] == '+'))
			i++;
		size_t before = i;
		while (i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9')
			i++;
		if (i == before)
			return false;
	}
	return i == s.len;
}

enum err str_f64(struct str s, bool special, double *ret_value)
{
	assert(ret_value);
	if (s.len == 0 || s.len > 64)
		return ERR_INPUT;
	if (f64_form(s)) {
		double value = f64_read(s);
		if (!isfinite(value)) /* a number that does not fit is not the infinity it says */
			return ERR_INPUT;
		*ret_value = value;
		return OK;
	}
	return special && f64_special(s, ret_value) ? OK : ERR_INPUT;
}

size_t utf8_step(const unsigned char *p, size_t n)
{
	if (n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2) /* a continuation, or an overlong form of two bytes */
		return 0;
	if (p[0] < 0xe0)
		return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
	if (p[0] < 0xf0) {
		if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
			return 0;
		if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
			return 0; /* overlong, or a surrogate */
		return 3;
	}
	if (p[0] > 0xf4 || n < 4)
		return 0;
	if ((p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
		return 0;
	if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0; /* overlong, or beyond U+10FFFF */
	return 4;
}

bool str_utf8_valid(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.ptr;
	size_t i = 0;
	while (i < s.len) {
		if (s.len - i >= 8) {
			uint64_t word;
			memcpy(&word, p + i, 8);
			if ((word & UINT64_C(0x8080808080808080)) == 0) {
				i += 8;
				continue;
			}
		}
		size_t step = utf8_step(p + i, s.len - i);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

struct str str_utf8_first(struct str s, size_t n)
{
	if (s.len <= n)
		return s;
	/* Step back over at most three continuation bytes to the start of the sequence that would
	 * be cut; bytes that are not UTF-8 are cut at n. */
	size_t at = n;
	while (at > 0 && n - at < 3 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
		at--;
	if (((unsigned char)s.ptr[at] & 0xc0) == 0x80)
		at = n;
	assert(at <= n && n - at <= 3);
	return str_first(s, at);
}

size_t str_utf8_count(struct str s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.len; i++)
		count += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
	return count;
}

bool str_eq_secret(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	unsigned char difference = 0;
	for (size_t i = 0; i < a.len; i++) {
		difference = (unsigned char)(difference | (a.ptr[i] ^ b.ptr[i]));
		/* so that no compiler ends the loop early */
		__asm__ volatile("" : "+r"(difference));
	}
	return difference == 0;
}
