/* SPDX-License-Identifier: Apache-2.0
 *
 * The notation of series. See notation.h.
 */
#include "query/promql/notation.h"
#include "base/time.h"
#include "query/promql/promql.h"
#include <math.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct str notation_word(struct str *rest)
{
	while (rest->len && is_blank(rest->ptr[0]))
		*rest = str_from(*rest, 1);
	size_t n = 0;
	while (n < rest->len && !is_blank(rest->ptr[n]))
		n++;
	struct str w = str_first(*rest, n);
	*rest = str_from(*rest, n);
	return w;
}

/* The bytes at the front of s that are an unsigned number. */
static size_t number_len(struct str s)
{
	size_t n = 0, k;
	while (n < s.len && (is_digit(s.ptr[n]) || s.ptr[n] == '.'))
		n++;
	if (n == 0 || n == s.len || (s.ptr[n] | 32) != 'e')
		return n;
	k = n + 1;
	if (k < s.len && (s.ptr[k] == '+' || s.ptr[k] == '-'))
		k++;
	if (k == s.len || !is_digit(s.ptr[k]))
		return n;
	while (k < s.len && is_digit(s.ptr[k]))
		k++;
	return k;
}

bool notation_number(struct str *s, double *ret)
{
	struct str rest = *s;
	double sign = 1;
	if (rest.len && (rest.ptr[0] == '-' || rest.ptr[0] == '+')) {
		sign = rest.ptr[0] == '-' ? -1 : 1;
		rest = str_from(rest, 1);
	}
	struct str three = str_first(rest, 3);
	if (str_starts(rest, STR("stale"))) {
		*ret = sample_stale();
		*s = str_from(rest, 5);
		return true;
	}
	if (str_eq_nocase(three, STR("inf")) || str_eq_nocase(three, STR("nan"))) {
		*ret = (rest.ptr[0] | 32) == 'i' ? sign * INFINITY : (double)NAN;
		*s = str_from(rest, 3);
		return true;
	}
	size_t n = number_len(rest);
	double v;
	if (str_f64(str_first(rest, n), false, &v) != OK)
		return false;
	*ret = sign * v;
	*s = str_from(rest, n);
	return true;
}

bool notation_times(struct str *s, size_t *ret)
{
	size_t n = 0, i = 1;
	if (s->len < 2 || s->ptr[0] != 'x' || !is_digit(s->ptr[1]))
		return false;
	for (; i < s->len && is_digit(s->ptr[i]); i++)
		n = n > NOTATION_POINTS_MAX ? n : n * 10 + (size_t)(s->ptr[i] - '0');
	*s = str_from(*s, i);
	*ret = n;
	return true;
}

enum err notation_add(
    struct arena *a, struct notation_points *p, struct notation_point x, size_t times)
{
	if (times > NOTATION_POINTS_MAX - p->count)
		return ERR_LIMIT;
	if (p->count + times > p->cap) {
		size_t cap = p->cap * 2 > p->count + times ? p->cap * 2 : p->count + times + 16;
		struct notation_point *list = arena_new(a, struct notation_point, cap);
		if (!list)
			return arena_err(a);
		if (p->count)
			memcpy(list, p->list, p->count * sizeof(*list));
		p->list = list;
		p->cap = cap;
	}
	for (size_t i = 0; i < times; i++)
		p->list[p->count++] = x;
	return OK;
}

/* ---- histograms ---- */

struct numbers {
	double *list;
	uint32_t count;
};

/* 1 2 3 */
static enum err read_numbers(struct arena *a, struct str s, struct numbers *ret)
{
	struct str w;
	ret->count = 0;
	ret->list = arena_new(a, double, s.len / 2 + 1);
	if (!ret->list)
		return arena_err(a);
	while ((w = notation_word(&s)).len) {
		if (!notation_number(&w, &ret->list[ret->count++]) || w.len)
			return ERR_INPUT;
	}
	return OK;
}

static enum err make_buckets(struct arena *a, struct numbers v, int32_t offset,
    const struct hist_bucket **ret, uint32_t *ret_count)
{
	struct hist_bucket *b = arena_new(a, struct hist_bucket, v.count);
	if (!b)
		return arena_err(a);
	for (uint32_t i = 0; i < v.count; i++)
		b[i] = (struct hist_bucket){ offset + (int32_t)i, v.list[i] };
	*ret = b;
	*ret_count = v.count;
	return OK;
}

static bool read_hint(struct str s, enum hist_hint *ret)
{
	*ret = str_eq(s, STR("reset"))       ? HIST_RESET
	       : str_eq(s, STR("not_reset")) ? HIST_NOT_RESET
	       : str_eq(s, STR("gauge"))     ? HIST_GAUGE
	                                     : HIST_UNKNOWN;
	return *ret != HIST_UNKNOWN || str_eq(s, STR("unknown"));
}

static bool read_int(struct str s, int32_t max, int32_t *ret)
{
	double v;
	if (!notation_number(&s, &v) || s.len || !(fabs(v) <= max) || floor(v) != v)
		return false;
	*ret = (int32_t)v;
	return true;
}

/* What stands between the braces. */
struct draft {
	struct hist h;
	struct numbers pos, neg, custom;
	int32_t offset, n_offset;
	bool has_hint;
};

static enum err read_list(struct arena *a, struct draft *d, struct str key, struct str value)
{
	if (str_eq(key, STR("buckets")))
		return read_numbers(a, value, &d->pos);
	if (str_eq(key, STR("n_buckets")))
		return read_numbers(a, value, &d->neg);
	if (str_eq(key, STR("custom_values")))
		return read_numbers(a, value, &d->custom);
	return ERR_INPUT;
}

static enum err read_field(struct draft *d, struct str key, struct str value)
{
	bool ok = false;
	if (str_eq(key, STR("sum")))
		ok = notation_number(&value, &d->h.sum) && !value.len;
	else if (str_eq(key, STR("count")))
		ok = notation_number(&value, &d->h.count) && !value.len;
	else if (str_eq(key, STR("z_bucket")))
		ok = notation_number(&value, &d->h.zero_count) && !value.len;
	else if (str_eq(key, STR("z_bucket_w")))
		ok = notation_number(&value, &d->h.zero_threshold) && !value.len;
	else if (str_eq(key, STR("schema")))
		ok = read_int(value, 100, &d->h.schema);
	else if (str_eq(key, STR("offset")))
		ok = read_int(value, HIST_INDEX_MAX / 2, &d->offset);
	else if (str_eq(key, STR("n_offset")))
		ok = read_int(value, HIST_INDEX_MAX / 2, &d->n_offset);
	else if (str_eq(key, STR("counter_reset_hint")))
		ok = d->has_hint = read_hint(value, &d->h.hint);
	return ok ? OK : ERR_INPUT;
}

/* {{schema:1 sum:3 buckets:[1 2]}} at the front of *s. */
static enum err read_hist(struct arena *a, struct str *s, struct hist *ret, bool *ret_hint)
{
	size_t end = str_find_str(*s, STR("}}"));
	if (!str_starts(*s, STR("{{")) || end >= s->len)
		return ERR_INPUT;
	struct str body = str_trim(str_make(s->ptr + 2, end - 2));
	struct draft d = { 0 };
	enum err e = OK;
	*s = str_from(*s, end + 2);
	while (e == OK && body.len) {
		size_t colon = str_find(body, ':');
		if (colon >= body.len)
			return ERR_INPUT;
		struct str key = str_first(body, colon), value;
		body = str_from(body, colon + 1);
		bool is_list = body.len && body.ptr[0] == '[';
		if (is_list) {
			size_t close = str_find(body, ']');
			if (close >= body.len)
				return ERR_INPUT;
			value = str_make(body.ptr + 1, close - 1);
			body = str_from(body, close + 1);
		} else {
			value = notation_word(&body);
		}
		e = is_list ? read_list(a, &d, key, value) : read_field(&d, key, value);
		body = str_trim(body);
	}
	if (e == OK)
		e = make_buckets(a, d.pos, d.offset, &d.h.pos, &d.h.pos_count);
	if (e == OK)
		e = make_buckets(a, d.neg, d.n_offset, &d.h.neg, &d.h.neg_count);
	d.h.custom = d.custom.list;
	d.h.custom_count = d.custom.count;
	*ret = d.h;
	*ret_hint = d.has_hint;
	return e;
}

static enum err read_hists(struct arena *a, struct str *s, struct notation_points *out)
{
	struct hist h, step;
	bool hint, step_hint;
	double sign = 0;
	size_t times = 0;
	enum err e = read_hist(a, s, &h, &hint);
	if (e == OK && s->len > 2 && (s->ptr[0] == '+' || s->ptr[0] == '-') && s->ptr[1] == '{') {
		sign = s->ptr[0] == '+' ? 1 : -1;
		*s = str_from(*s, 1);
		e = read_hist(a, s, &step, &step_hint);
	}
	if (!notation_times(s, &times))
		times = 0;
	for (size_t i = 0; e == OK && i <= times; i++) {
		struct hist *copy = arena_new(a, struct hist, 1);
		if (!copy)
			return arena_err(a);
		e = hist_copy(a, &h, copy);
		if (e == OK)
			e = notation_add(a, out,
			    (struct notation_point){ .set = true, .h = copy, .has_hint = hint }, 1);
		if (e == OK && sign > 0)
			e = hist_add(a, &h, &step, &h, NULL);
		else if (e == OK && sign < 0)
			e = hist_sub(a, &h, &step, &h, NULL);
	}
	return e;
}

/* ---- lines ---- */

/* 1, 3x4, 0+10x5, 5-1x3 */
static enum err read_floats(struct arena *a, struct str *s, struct notation_points *out)
{
	double v, step = 0;
	size_t times = 0;
	enum err e = OK;
	if (!notation_number(s, &v))
		return ERR_INPUT;
	bool steps = s->len && (s->ptr[0] == '+' || s->ptr[0] == '-');
	if (steps && !notation_number(s, &step))
		return ERR_INPUT;
	if (!notation_times(s, &times) && steps)
		return ERR_INPUT;
	for (size_t i = 0; e == OK && i <= times; i++) {
		e = notation_add(a, out, (struct notation_point){ .set = true, .v = v }, 1);
		v = steps ? v + step : v; /* nothing is added to a stale mark */
	}
	return e;
}

enum err notation_points(struct arena *a, struct str text, struct notation_points *ret)
{
	enum err e = OK;
	struct str s = str_trim(text);
	*ret = (struct notation_points){ 0 };
	while (e == OK && s.len) {
		if (s.ptr[0] == '{') {
			e = read_hists(a, &s, ret);
		} else if (s.ptr[0] == '_') {
			size_t n = 1;
			s = str_from(s, 1);
			if (!notation_times(&s, &n))
				n = 1;
			e = notation_add(a, ret, (struct notation_point){ 0 }, n);
		} else {
			e = read_floats(a, &s, ret);
		}
		if (e == OK && s.len && !is_blank(s.ptr[0]))
			e = ERR_INPUT;
		s = str_trim(s);
	}
	return e;
}

enum err notation_ms(struct str s, int64_t *ret)
{
	struct span span;
	double seconds;
	bool minus = s.len && s.ptr[0] == '-';
	if (minus)
		s = str_from(s, 1);
	if (span_parse(s, &span) == OK) {
		*ret = span.ns / NS_PER_MS * (minus ? -1 : 1);
		return OK;
	}
	enum err e = str_f64(s, false, &seconds);
	if (e == OK && !(fabs(seconds) < 1e12))
		e = ERR_INPUT;
	if (e == OK)
		*ret = (minus ? -1 : 1) * (int64_t)llround(seconds * 1000);
	return e;
}

/* -1m, 0sx5, -1m-10sx3 */
static enum err read_starts(struct arena *a, struct str w, struct notation_points *out)
{
	size_t x = str_find(w, 'x'), sign = 1, times = 0;
	struct str body = str_first(w, x), rest = str_from(w, x);
	int64_t v, d = 0;
	while (sign < body.len && body.ptr[sign] != '+' && body.ptr[sign] != '-')
		sign++;
	struct str step = str_from(body, sign);
	if (str_starts(step, STR("+")))
		step = str_from(step, 1);
	if (notation_ms(str_first(body, sign), &v) != OK ||
	    (sign < body.len && notation_ms(step, &d) != OK) ||
	    (rest.len && (!notation_times(&rest, &times) || rest.len)))
		return ERR_INPUT;
	enum err e = OK;
	for (size_t i = 0; e == OK && i <= times; i++)
		e = notation_add(a, out,
		    (struct notation_point){ .set = true, .v = (double)v + (double)i * (double)d },
		    1);
	return e;
}

enum err notation_starts(struct arena *a, struct str text, struct notation_points *ret)
{
	struct str w;
	enum err e = OK;
	*ret = (struct notation_points){ 0 };
	while (e == OK && (w = notation_word(&text)).len) {
		if (w.ptr[0] != '_') {
			e = read_starts(a, w, ret);
			continue;
		}
		size_t n = 1;
		w = str_from(w, 1);
		if (w.len && (!notation_times(&w, &n) || w.len))
			return ERR_INPUT;
		e = notation_add(a, ret, (struct notation_point){ 0 }, n);
	}
	return e;
}

/* The bytes of the series at the front of a line. */
static size_t series_len(struct str line)
{
	char quote = '\0';
	bool braces = false;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.ptr[i];
		if (quote) {
			if (c == '\\' && quote != '`')
				i++;
			else if (c == quote)
				quote = '\0';
		} else if (braces && (c == '"' || c == '\'' || c == '`')) {
			quote = c;
		} else if (c == '{') {
			braces = true;
		} else if (c == '}') {
			return i + 1;
		} else if (!braces && is_blank(c)) {
			return i;
		}
	}
	return line.len;
}

enum err notation_series(struct arena *a, struct str line, struct labels *ret, struct str *ret_rest)
{
	struct str text = str_trim(line);
	size_t n = series_len(text), count;
	const struct matcher *m;
	struct promql_fault fault;
	*ret_rest = str_from(text, n);
	text = str_first(text, n);
	*ret = (struct labels){ 0 };
	if (str_ends(text, STR("{}")))
		text = str_first(text, text.len - 2);
	if (text.len == 0)
		return n ? OK : ERR_INPUT;
	enum err e = promql_parse_selector(a, text, &m, &count, &fault);
	if (e != OK)
		return e;
	struct label *list = arena_new(a, struct label, count);
	if (!list)
		return arena_err(a);
	for (size_t k = 0; k < count; k++) {
		if (m[k].type != MATCH_EQ)
			return ERR_INPUT;
		list[k] = (struct label){ m[k].name, m[k].value };
	}
	return labels_make(a, list, count, ret);
}
