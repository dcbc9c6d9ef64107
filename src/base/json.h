/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON (RFC 8259): a strict reader and a writer.
 *
 * The reader makes a tree of nodes in an arena in one pass; strings without escapes borrow from the
 * input, so the input must live as long as the tree. It refuses everything that JSONTestSuite's n_
 * cases hold, invalid UTF-8, lone surrogates, a byte order mark, nesting deeper than `depth_max`,
 * and duplicate names in an object are kept (json_get finds the last).
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/time.h"

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT
};

struct json {
	enum json_type type;
	uint32_t count;           /* elements of an array, members of an object */
	struct str name;          /* the member's name when the parent is an object (unescaped) */
	struct str text;          /* string: unescaped; number: as written */
	struct str raw;           /* the value's own bytes in the input */
	double number;            /* number only; +-inf when it does not fit */
	const struct json *child; /* first element or member */
	const struct json *next;  /* next in the same parent */
};

struct json_error {
	size_t offset;    /* byte where it went wrong */
	const char *what; /* constant phrase, such as "expected ',' or '}'" */
};

#define JSON_DEPTH_MAX 64

/* ERR_INPUT with *ret_error filled (may be NULL), ERR_NOMEM / ERR_LIMIT from the arena. */
must_check enum err json_read(struct arena *a, struct str text, unsigned depth_max,
    const struct json **ret_root, struct json_error *ret_error);
/* The member, or NULL when there is none or `object` is NULL or not an object. */
const struct json *json_get(const struct json *object, struct str name);
/* The member's text when it is a string, else the empty str with ptr NULL. */
struct str json_get_str(const struct json *object, struct str name);
static inline bool json_is(const struct json *j, enum json_type type)
{
	return j && j->type == type;
}
static inline bool json_is_bool(const struct json *j)
{
	return j && (j->type == JSON_TRUE || j->type == JSON_FALSE);
}
/* 1-based line and column (in bytes) of an offset, for messages. */
void json_place(struct str text, size_t offset, unsigned *ret_line, unsigned *ret_column);

/* The writer appends to a buf (whose sticky error is the result) and puts the commas itself.
 *   struct jw w = jw_make(&b); jw_open(&w, '{'); jw_key(&w, STR("a")); jw_i64(&w, 1); jw_close(&w,
 * '}');
 */
struct jw {
	struct buf *buf;
	unsigned depth;
	uint64_t has_item; /* bit per depth: something was written there, so a comma is due */
	bool after_key;
};
struct jw jw_make(struct buf *b);
void jw_open(struct jw *w, char bracket);  /* '{' or '[' */
void jw_close(struct jw *w, char bracket); /* '}' or ']' */
void jw_key(struct jw *w, struct str name);
void jw_str(struct jw *w, struct str s); /* invalid UTF-8 becomes U+FFFD */
void jw_i64(struct jw *w, int64_t v);
void jw_u64(struct jw *w, uint64_t v);
void jw_f64(struct jw *w, double v); /* not finite: null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_raw(struct jw *w, struct str json); /* one whole JSON value, copied as it is */
void jw_wall(struct jw *w, struct wall t);  /* RFC 3339 string in UTC; INT64_MIN and 0: null */
/* key and value in one */
void jw_kv_str(struct jw *w, struct str key, struct str v);
void jw_kv_i64(struct jw *w, struct str key, int64_t v);
void jw_kv_f64(struct jw *w, struct str key, double v);
void jw_kv_bool(struct jw *w, struct str key, bool v);
void jw_kv_null(struct jw *w, struct str key);
