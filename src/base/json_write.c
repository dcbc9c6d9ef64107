/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON writer. Misuse (a value without its key, a bracket that closes nothing) is a bug of ours
 * and an assert; the buffer's sticky error is the only failure. Contract in json.h.
 */
#include "base/json.h"
#include "base/str_priv.h"
#include <assert.h>
#include <math.h>

struct jw jw_make(struct buf *b)
{
	assert(b);
	return (struct jw){ .buf = b };
}

/* Before each value: the comma, unless a key has put it already. */
static void item(struct jw *w)
{
	assert(w && w->buf);
	assert(w->depth < JSON_DEPTH_MAX);
	if (w->after_key) {
		w->after_key = false;
		return;
	}
	uint64_t bit = UINT64_C(1) << w->depth;
	if (w->has_item & bit)
		buf_add_char(w->buf, ',');
	w->has_item |= bit;
}

void jw_open(struct jw *w, char bracket)
{
	assert(bracket == '{' || bracket == '[');
	item(w);
	buf_add_char(w->buf, bracket);
	w->depth++;
	assert(w->depth < JSON_DEPTH_MAX);
	w->has_item &= ~(UINT64_C(1) << w->depth);
}

void jw_close(struct jw *w, char bracket)
{
	assert(w && w->depth > 0 && !w->after_key);
	assert(bracket == '}' || bracket == ']');
	w->depth--;
	buf_add_char(w->buf, bracket);
}

/* A byte that needs an escape or is not ASCII; p moves behind it (and its UTF-8 sequence). */
static const unsigned char *special_write(
    struct buf *b, const unsigned char *p, const unsigned char *end)
{
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0' };
	switch (*p) {
	case '"': buf_add(b, STR("\\\"")); return p + 1;
	case '\\': buf_add(b, STR("\\\\")); return p + 1;
	case '\n': buf_add(b, STR("\\n")); return p + 1;
	case '\r': buf_add(b, STR("\\r")); return p + 1;
	case '\t': buf_add(b, STR("\\t")); return p + 1;
	case '\b': buf_add(b, STR("\\b")); return p + 1;
	case '\f': buf_add(b, STR("\\f")); return p + 1;
	default: break;
	}
	if (*p < 0x20) {
		text[4] = hex[*p >> 4];
		text[5] = hex[*p & 15];
		buf_add(b, str_make(text, sizeof(text)));
		return p + 1;
	}
	size_t step = utf8_step(p, (size_t)(end - p));
	if (step == 0) {
		buf_add(b, STR("\xef\xbf\xbd"));
		return p + 1;
	}
	buf_add(b, str_make((const char *)p, step));
	return p + step;
}

static void quoted(struct buf *b, struct str s)
{
	const unsigned char *p = (const unsigned char *)(s.len ? s.ptr : ""), *end = p + s.len;
	buf_add_char(b, '"');
	while (p < end) {
		const unsigned char *plain = p;
		p = json_plain_end(p, end);
		buf_add(b, str_make((const char *)plain, (size_t)(p - plain)));
		if (p < end)
			p = special_write(b, p, end);
	}
	buf_add_char(b, '"');
}

void jw_key(struct jw *w, struct str name)
{
	assert(w && w->depth > 0 && !w->after_key);
	item(w);
	quoted(w->buf, name);
	buf_add_char(w->buf, ':');
	w->after_key = true;
}

void jw_str(struct jw *w, struct str s)
{
	item(w);
	quoted(w->buf, s);
}

void jw_i64(struct jw *w, int64_t v)
{
	item(w);
	buf_add_i64(w->buf, v);
}

void jw_u64(struct jw *w, uint64_t v)
{
	item(w);
	buf_add_u64(w->buf, v);
}

void jw_f64(struct jw *w, double v)
{
	if (!isfinite(v)) {
		jw_null(w);
		return;
	}
	item(w);
	buf_add_f64(w->buf, v);
}

void jw_bool(struct jw *w, bool v)
{
	item(w);
	buf_add(w->buf, v ? STR("true") : STR("false"));
}

void jw_null(struct jw *w)
{
	item(w);
	buf_add(w->buf, STR("null"));
}

void jw_raw(struct jw *w, struct str json)
{
	assert(json.len > 0);
	item(w);
	buf_add(w->buf, json);
}

void jw_wall(struct jw *w, struct wall t)
{
	if (t.ns == INT64_MIN || t.ns == 0) {
		jw_null(w);
		return;
	}
	item(w);
	buf_add_char(w->buf, '"');
	wall_format(w->buf, t);
	buf_add_char(w->buf, '"');
}

void jw_kv_str(struct jw *w, struct str key, struct str v)
{
	jw_key(w, key);
	jw_str(w, v);
}

void jw_kv_i64(struct jw *w, struct str key, int64_t v)
{
	jw_key(w, key);
	jw_i64(w, v);
}

void jw_kv_f64(struct jw *w, struct str key, double v)
{
	jw_key(w, key);
	jw_f64(w, v);
}

void jw_kv_bool(struct jw *w, struct str key, bool v)
{
	jw_key(w, key);
	jw_bool(w, v);
}

void jw_kv_null(struct jw *w, struct str key)
{
	jw_key(w, key);
	jw_null(w);
}
