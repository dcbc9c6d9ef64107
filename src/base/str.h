/* SPDX-License-Identifier: Apache-2.0
 *
 * Borrowed bytes, passed by value. A str never owns and promises no NUL; the owner of the bytes is
 * whoever made them. All functions are pure and safe for any thread.
 */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr;
	size_t len;
};

#define STR(lit) ((struct str){ "" lit "", sizeof(lit) - 1 }) /* rejects what is not a literal */
#define STR_INIT(lit)                      \
	{                                  \
		"" lit "", sizeof(lit) - 1 \
	}                                /* the same, for static tables */
#define STR_ARG(s) (int)(s).len, (s).ptr /* for "%.*s" */

static inline struct str str_make(const char *ptr, size_t len)
{
	return (struct str){ ptr, len };
}
static inline struct str str_c(const char *z) /* NULL gives the empty str */
{
	return (struct str){ z ? z : "", z ? strlen(z) : 0 };
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool str_empty(struct str s)
{
	return s.len == 0;
}
static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len &&
	       (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}
static inline bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}
/* From `from` to the end; from beyond the end gives the empty str. */
static inline struct str str_from(struct str s, size_t from)
{
	return from >= s.len ? (struct str){ s.ptr ? s.ptr + s.len : "", 0 }
	                     : (struct str){ s.ptr + from, s.len - from };
}
static inline struct str str_first(struct str s, size_t n)
{
	return (struct str){ s.ptr, n < s.len ? n : s.len };
}

/* Byte order, then length: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
/* ASCII case folded equality. */
bool str_eq_nocase(struct str a, struct str b);
/* Index of the first c, or s.len. */
size_t str_find(struct str s, char c);
/* Index of the first occurrence of needle, or s.len when there is none. */
size_t str_find_str(struct str s, struct str needle);
/* Without ASCII blanks (space, tab, CR, LF) at both ends. */
struct str str_trim(struct str s);
/* Cuts *rest at the first sep: returns what is before it and leaves what is after it; when there is
 * no sep returns all and leaves rest->ptr NULL (so a loop ends on rest->ptr == NULL). */
struct str str_cut(struct str *rest, char sep);
/* The whole of s as a decimal number; ERR_INPUT for anything else (blanks, sign rules: i64 takes a
 * leading '-'), ERR_LIMIT when it does not fit. */
must_check enum err str_u64(struct str s, uint64_t *ret_value);
must_check enum err str_i64(struct str s, int64_t *ret_value);
/* The whole of s as a float: decimal, exponent, and inf/nan in any case when `special` is true.
 * Locale-independent. ERR_INPUT otherwise; at most 64 bytes. */
must_check enum err str_f64(struct str s, bool special, double *ret_value);
/* True when s is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_utf8_valid(struct str s);
/* The longest prefix of at most n bytes that does not cut a UTF-8 sequence. */
struct str str_utf8_first(struct str s, size_t n);
/* Number of code points in well-formed UTF-8. */
size_t str_utf8_count(struct str s);
/* Compares all bytes whatever they hold, for secrets: the time depends on the lengths only. */
bool str_eq_secret(struct str a, struct str b);
