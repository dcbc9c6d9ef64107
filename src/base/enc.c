/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex, base64, percent-encoding and HTML entities. A reader that fails leaves the buffer as it was.
 * Contract in enc.h.
 */
#include "base/enc.h"
#include <assert.h>

static const char hex_digits[] = "0123456789abcdef";

void enc_hex(struct buf *b, struct str bytes)
{
	assert(b);
	size_t n;
	if (ck_mul(bytes.len, 2u, &n))
		n = SIZE_MAX; /* refused by any limit */
	char *at = buf_reserve(b, n);
	if (!at)
		return;
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];
		at[2 * i] = hex_digits[c >> 4];
		at[2 * i + 1] = hex_digits[c & 15];
	}
	buf_grew(b, n);
}

/* Four characters for each three bytes; the last group is cut or padded. */
static void base64(struct buf *b, struct str s, const char alphabet[65], bool pad)
{
	assert(b);
	for (size_t i = 0; i < s.len; i += 3) {
		size_t have = s.len - i < 3 ? s.len - i : 3;
		uint32_t group = 0;
		for (size_t k = 0; k < 3; k++)
			group = group << 8 | (k < have ? (unsigned char)s.ptr[i + k] : 0u);
		size_t count = pad ? 4 : have + 1;
		char *at = buf_reserve(b, count);
		if (!at)
			return;
		for (size_t k = 0; k < count; k++)
			at[k] = k <= have ? alphabet[group >> (18 - 6 * k) & 63] : '=';
		buf_grew(b, count);
	}
}

void enc_base64(struct buf *b, struct str bytes)
{
	base64(b, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void enc_base64url(struct buf *b, struct str bytes)
{
	base64(b, bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void enc_percent(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (unreserved(c)) {
			buf_add_char(b, (char)c);
			continue;
		}
		static const char upper[] = "0123456789ABCDEF"; /* RFC 3986 2.1 asks for these */
		char text[3] = { '%', upper[c >> 4], upper[c & 15] };
		buf_add(b, str_make(text, 3));
	}
}

void enc_html(struct buf *b, struct str s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.len; i++) {
		const char *entity;
		switch (s.ptr[i]) {
		case '&': entity = "&amp;"; break;
		case '<': entity = "&lt;"; break;
		case '>': entity = "&gt;"; break;
		case '"': entity = "&quot;"; break;
		case '\'': entity = "&#39;"; break;
		default: continue;
		}
		buf_add(b, str_make(s.ptr + from, i - from));
		buf_add_c(b, entity);
		from = i + 1;
	}
	buf_add(b, str_from(s, from));
}

/* 0..15, or 16 for what is no hex digit. */
static unsigned hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

enum err dec_hex(struct str s, struct buf *ret_bytes)
{
	assert(ret_bytes);
	if (ret_bytes->err)
		return ret_bytes->err;
	if (s.len % 2)
		return ERR_INPUT;
	char *at = buf_reserve(ret_bytes, s.len / 2);
	if (!at)
		return ret_bytes->err;
	for (size_t i = 0; i < s.len / 2; i++) {
		unsigned high = hex_value(s.ptr[2 * i]), low = hex_value(s.ptr[2 * i + 1]);
		if (high > 15 || low > 15) {
			*at = 0; /* the NUL behind the buffer's bytes again */
			return ERR_INPUT;
		}
		at[i] = (char)(unsigned char)(high << 4 | low);
	}
	buf_grew(ret_bytes, s.len / 2);
	return OK;
}

/* 0..63, or 64 for what is in neither alphabet. */
static unsigned base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (unsigned)(c - 'a') + 26;
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0') + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : 64;
}

/* Without its padding, or false when that is wrong. */
static bool padding_cut(struct str *s)
{
	size_t pad = 0;
	while (pad < 2 && s->len > pad && s->ptr[s->len - 1 - pad] == '=')
		pad++;
	if (pad && s->len % 4)
		return false;
	s->len -= pad;
	return s->len % 4 != 1;
}

enum err dec_base64(struct str s, struct buf *ret_bytes)
{
	assert(ret_bytes);
	if (ret_bytes->err)
		return ret_bytes->err;
	if (!padding_cut(&s))
		return ERR_INPUT;
	size_t n = s.len / 4 * 3 + (s.len % 4 ? s.len % 4 - 1 : 0), done = 0;
	char *at = buf_reserve(ret_bytes, n);
	if (!at)
		return ret_bytes->err;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned value = base64_value(s.ptr[i]);
		if (value > 63) {
			*at = 0;
			return ERR_INPUT;
		}
		bits = bits << 6 | value;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		at[done++] = (char)(unsigned char)(bits >> have);
		bits &= (1u << have) - 1;
	}
	if (bits) { /* bits that no byte holds must be zero, else one text has two readings */
		*at = 0;
		return ERR_INPUT;
	}
	assert(done == n);
	buf_grew(ret_bytes, n);
	return OK;
}

enum err dec_percent(struct arena *a, struct str s, bool plus_is_blank, struct str *ret)
{
	assert(a && ret);
	struct str copy = arena_str(a, s);
	if (!copy.ptr)
		return arena_err(a);
	char *out = (char *)copy.ptr; /* ours: just made */
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '%') {
			unsigned high = s.len - i > 2 ? hex_value(s.ptr[i + 1]) : 16;
			unsigned low = s.len - i > 2 ? hex_value(s.ptr[i + 2]) : 16;
			if (high > 15 || low > 15)
				return ERR_INPUT;
			c = (char)(unsigned char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && plus_is_blank) {
			c = ' ';
		}
		out[n++] = c;
	}
	out[n] = 0;
	assert(n <= s.len);
	*ret = (struct str){ out, n };
	return OK;
}
