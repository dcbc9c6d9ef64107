/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON of answers. See answer.h.
 */
#include "query/promql/answer.h"
#include "base/json.h"
#include "query/promql/ast.h"
#include <assert.h>
#include <math.h>

static void put_text(struct buf *b, struct str s)
{
	struct jw w = jw_make(b);
	jw_str(&w, s);
}

static void put_seconds(struct buf *b, int64_t ms)
{
	uint64_t abs = ms < 0 ? (uint64_t)0 - (uint64_t)ms : (uint64_t)ms;
	if (ms < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, abs / 1000);
	if (abs % 1000 == 0)
		return;
	unsigned rest = (unsigned)(abs % 1000);
	unsigned digits = rest % 100 == 0 ? 1 : rest % 10 == 0 ? 2 : 3;
	for (unsigned i = digits; i < 3; i++)
		rest /= 10;
	buf_printf(b, ".%0*u", (int)digits, rest);
}

static void put_value(struct buf *b, double v)
{
	buf_add_char(b, '"');
	promql_put_value(b, v);
	buf_add_char(b, '"');
}

void promql_answer_point(struct buf *b, int64_t ms, double v)
{
	buf_add_char(b, '[');
	put_seconds(b, ms);
	buf_add_char(b, ',');
	put_value(b, v);
	buf_add_char(b, ']');
}

static void put_hist(struct buf *b, const struct hist *h)
{
	struct hist_range r;
	bool any = false;
	buf_add_c(b, "{\"count\":");
	put_value(b, h->count);
	buf_add_c(b, ",\"sum\":");
	put_value(b, h->sum);
	for (struct hist_walk w = hist_walk_make(h); hist_walk_next(&w, &r);) {
		if (r.count == 0)
			continue;
		buf_add_c(b, any ? ",[" : ",\"buckets\":[[");
		any = true;
		/* 0: open on the left, 1: open on the right, 2: open, 3: closed on both sides */
		buf_add_u64(b,
		    r.lower_inclusive ? (r.upper_inclusive ? 3 : 1) : (r.upper_inclusive ? 0 : 2));
		buf_add_char(b, ',');
		put_value(b, r.lower);
		buf_add_char(b, ',');
		put_value(b, r.upper);
		buf_add_char(b, ',');
		put_value(b, r.count);
		buf_add_char(b, ']');
	}
	buf_add_c(b, any ? "]}" : "}");
}

static void put_point(struct buf *b, const struct promql_point *p)
{
	if (!p->hist) {
		promql_answer_point(b, p->ms, p->value);
		return;
	}
	buf_add_char(b, '[');
	put_seconds(b, p->ms);
	buf_add_char(b, ',');
	put_hist(b, p->hist);
	buf_add_char(b, ']');
}

static void put_points(struct buf *b, const struct promql_series *s, bool hists)
{
	bool any = false;
	for (size_t i = 0; i < s->count; i++) {
		if ((s->points[i].hist != NULL) != hists)
			continue;
		if (!any)
			buf_add_c(b, hists ? ",\"histograms\":[" : ",\"values\":[");
		else
			buf_add_char(b, ',');
		any = true;
		put_point(b, &s->points[i]);
	}
	if (any)
		buf_add_char(b, ']');
}

static void put_series(struct buf *b, const struct promql_result *r)
{
	buf_add_char(b, '[');
	for (size_t i = 0; i < r->count; i++) {
		const struct promql_series *s = &r->series[i];
		buf_add_c(b, i ? ",{\"metric\":" : "{\"metric\":");
		labels_json(s->labels, b);
		if (r->type == PROMQL_MATRIX) {
			put_points(b, s, false);
			put_points(b, s, true);
		} else {
			assert(s->count == 1);
			buf_add_c(b, s->points[0].hist ? ",\"histogram\":" : ",\"value\":");
			put_point(b, &s->points[0]);
		}
		buf_add_char(b, '}');
	}
	buf_add_char(b, ']');
}

static void put_texts(struct buf *b, const char *name, const struct str *texts, size_t n)
{
	if (n == 0)
		return;
	buf_printf(b, ",\"%s\":[", name);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_add_char(b, ',');
		put_text(b, texts[i]);
	}
	buf_add_char(b, ']');
}

void promql_answer(struct buf *b, const struct promql_result *r)
{
	static const char *const types[] = { [PROMQL_NONE] = "none",
		[PROMQL_SCALAR] = "scalar",
		[PROMQL_VECTOR] = "vector",
		[PROMQL_MATRIX] = "matrix",
		[PROMQL_STRING] = "string" };
	buf_printf(b,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":", types[r->type]);
	if (r->type == PROMQL_STRING) {
		buf_add_char(b, '[');
		put_seconds(b, r->ms);
		buf_add_char(b, ',');
		put_text(b, r->string);
		buf_add_char(b, ']');
	} else if (r->type == PROMQL_SCALAR) {
		assert(r->count == 1 && r->series[0].count == 1);
		put_point(b, &r->series[0].points[0]);
	} else {
		put_series(b, r);
	}
	buf_add_char(b, '}');
	put_texts(b, "warnings", r->warnings, r->warning_count);
	put_texts(b, "infos", r->infos, r->info_count);
	buf_add_char(b, '}');
}

void promql_answer_error(struct buf *b, struct str type, struct str what)
{
	buf_add_c(b, "{\"status\":\"error\",\"errorType\":");
	put_text(b, type);
	buf_add_c(b, ",\"error\":");
	put_text(b, what);
	buf_add_char(b, '}');
}

void promql_answer_fault(struct buf *b, struct str parameter, const struct promql_fault *f)
{
	struct buf text = buf_make(&mem_system, 1 << 16);
	buf_add_c(&text, "invalid parameter \"");
	buf_add(&text, parameter);
	buf_add_c(&text, "\": ");
	promql_fault_text(f, &text);
	promql_answer_error(b, STR("bad_data"), buf_str(&text));
	buf_free(&text);
}

void promql_answer_failure(struct buf *b, const struct promql_failure *f)
{
	promql_answer_error(b,
	    f->type == PROMQL_ERR_TIMEOUT    ? STR("timeout")
	    : f->type == PROMQL_ERR_INTERNAL ? STR("internal")
	                                     : STR("execution"),
	    f->what);
}

void promql_answer_names(struct buf *b, const struct source_names *names)
{
	buf_add_c(b, "{\"status\":\"success\",\"data\":[");
	for (size_t i = 0; i < names->count; i++) {
		if (i)
			buf_add_char(b, ',');
		put_text(b, names->list[i]);
	}
	buf_add_c(b, "]}");
}

void promql_answer_series(struct buf *b, const struct source_result *series)
{
	buf_add_c(b, "{\"status\":\"success\",\"data\":[");
	for (size_t i = 0; i < series->count; i++) {
		if (i)
			buf_add_char(b, ',');
		labels_json(series->series[i].labels, b);
	}
	buf_add_c(b, "]}");
}
