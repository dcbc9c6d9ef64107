/* SPDX-License-Identifier: Apache-2.0
 *
 * Results as JSON. Written into the buffer directly: a range query may have millions of points.
 */
#include "api/prom.h"
#include <assert.h>

static void write_ms(struct buf *b, int64_t ms)
{
	uint64_t v = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	if (ms < 0)
		buf_add_char(b, '-');
	buf_add_u64(b, v / 1000);
	if (v % 1000)
		buf_printf(b, ".%03u", (unsigned)(v % 1000));
}

static void write_f64(struct buf *b, double v)
{
	buf_add_char(b, '"');
	buf_add_f64(b, v);
	buf_add_char(b, '"');
}

static void write_hist(struct buf *b, const struct hist *h)
{
	buf_add_c(b, "{\"count\":");
	write_f64(b, h->count);
	buf_add_c(b, ",\"sum\":");
	write_f64(b, h->sum);
	struct hist_walk walk = hist_walk_make(h);
	struct hist_range r;
	bool any = false;
	while (hist_walk_next(&walk, &r)) {
		if (r.count == 0)
			continue;
		unsigned rule = r.lower_inclusive ? (r.upper_inclusive ? 3 : 1) : (r.upper_inclusive ? 0 : 2);
		buf_add_c(b, any ? ",[" : ",\"buckets\":[[");
		any = true;
		buf_add_u64(b, rule);
		buf_add_char(b, ',');
		write_f64(b, r.lower);
		buf_add_char(b, ',');
		write_f64(b, r.upper);
		buf_add_char(b, ',');
		write_f64(b, r.count);
		buf_add_char(b, ']');
	}
	buf_add_c(b, any ? "]}" : "}");
}

static void write_point(struct buf *b, const struct promql_point *p)
{
	buf_add_char(b, '[');
	write_ms(b, p->ms);
	buf_add_char(b, ',');
	if (p->hist)
		write_hist(b, p->hist);
	else
		write_f64(b, p->value);
	buf_add_char(b, ']');
}

/* The points of one kind as a list; nothing at all when there are none. */
static void write_points(struct buf *b, const struct promql_series *s, bool hists, const char *name)
{
	bool any = false;
	for (size_t i = 0; i < s->count && b->err == OK; i++) {
		if ((s->points[i].hist != NULL) != hists)
			continue;
		if (!any)
			buf_printf(b, ",\"%s\":[", name);
		else
			buf_add_char(b, ',');
		any = true;
		write_point(b, &s->points[i]);
	}
	if (any)
		buf_add_char(b, ']');
}

static void write_series(struct buf *b, const struct promql_series *s, bool matrix)
{
	buf_add_c(b, "{\"metric\":");
	labels_json(s->labels, b);
	if (matrix) {
		write_points(b, s, false, "values");
		write_points(b, s, true, "histograms");
	} else {
		assert(s->count == 1);
		buf_add_c(b, s->points[0].hist ? ",\"histogram\":" : ",\"value\":");
		write_point(b, &s->points[0]);
	}
	buf_add_char(b, '}');
}

void prom_write_result(struct jw *w, const struct promql_result *r)
{
	static const char *const names[] = { "none", "scalar", "vector", "matrix", "string" };
	struct buf b = buf_make(w->buf->mem, w->buf->limit);
	buf_printf(&b, "{\"resultType\":\"%s\",\"result\":", names[r->type]);
	if (r->type == PROMQL_SCALAR) {
		assert(r->count == 1 && r->series[0].count == 1);
		write_point(&b, &r->series[0].points[0]);
	} else if (r->type == PROMQL_STRING) {
		buf_add_char(&b, '[');
		write_ms(&b, r->ms);
		buf_add_char(&b, ',');
		struct jw inner = jw_make(&b);
		jw_str(&inner, r->string);
		buf_add_char(&b, ']');
	} else {
		buf_add_char(&b, '[');
		for (size_t i = 0; i < r->count && b.err == OK; i++) {
			if (i)
				buf_add_char(&b, ',');
			write_series(&b, &r->series[i], r->type == PROMQL_MATRIX);
		}
		buf_add_char(&b, ']');
	}
	buf_add_char(&b, '}');
	if (b.err != OK)
		w->buf->err = b.err;
	jw_raw(w, buf_str(&b));
	buf_free(&b);
}
