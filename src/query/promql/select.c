/* SPDX-License-Identifier: Apache-2.0
 *
 * Selectors: from samples to slots (instant vectors) and to windows (range vectors, subqueries).
 * Each selector asks the source once for the whole frame; then an index moves along with the steps.
 * Windows and the lookback are open on the left: a sample exactly at their beginning is outside.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>

bool ev_shift(struct ev *ev, const struct frame *f, const struct promql_shift *s, int64_t *ret_ref0,
    bool *ret_fixed)
{
	int64_t offset = 0, base = f->start;
	if (s->offset && !ev_duration_ms(ev, s->offset, true, &offset))
		return false;
	if (s->at == AT_TIME)
		base = s->at_ms;
	else if (s->at == AT_START)
		base = ev->start;
	else if (s->at == AT_END)
		base = ev->end;
	if (ck_sub(base, offset, ret_ref0))
		return ev_fail(ev, ERR_INPUT, "time is out of range");
	*ret_fixed = s->at != AT_NONE;
	return true;
}

bool ev_select(struct ev *ev, const struct promql_expr *e, int64_t min_ms, int64_t max_ms,
    int64_t range_ms, int64_t step_ms, struct source_result *ret)
{
	assert(e->kind == EXPR_SELECTOR);
	struct source_query q = { .matchers = e->selector.matchers,
		.matcher_count = e->selector.count,
		.min_ms = min_ms,
		.max_ms = max_ms,
		.step_ms = step_ms,
		.range_ms = range_ms,
		.function = ev->hint_function,
		.by = ev->hint_by.list,
		.by_count = ev->hint_by.count,
		.by_is_without = ev->hint_without,
		.sample_max = ev->samples_max > ev->samples ? ev->samples_max - ev->samples : 1 };
	const struct source *s = ev->engine->source;
	enum err err = s->select(s->ctx, ev->arena, &q, ret);
	if (arena_err(ev->arena) != OK)
		return ev_memory(ev);
	if (err == ERR_LIMIT)
		return ev_fail(ev, ERR_LIMIT,
		    "query processing would load too many samples into memory in query execution");
	if (err != OK)
		return ev_fail(
		    ev, err == ERR_INPUT ? ERR_IO : err, "expanding series: %s", err_text(err));
	uint64_t n = 0;
	for (size_t i = 0; i < ret->count; i++)
		n += ret->series[i].sample_count + ret->series[i].hist_count;
	return ev_tick(ev, n / 16) && ev_add_samples(ev, n);
}

/* The moving end of a series: index of the first sample after the time asked for. */
struct cursor {
	size_t f, h;
};

/* The newest sample at or before ref and after ref - lookback; *ret_ms is its time. */
static bool newest(const struct source_series *s, struct cursor *c, int64_t ref, int64_t lookback,
    double *v, const struct hist **h, int64_t *ret_ms)
{
	while (c->f < s->sample_count && s->samples[c->f].ms <= ref)
		c->f++;
	while (c->h < s->hist_count && s->hists[c->h].ms <= ref)
		c->h++;
	bool has_f = c->f > 0, has_h = c->h > 0;
	if (has_f && has_h) {
		has_h = s->hists[c->h - 1].ms > s->samples[c->f - 1].ms;
		has_f = !has_h;
	}
	if (has_f) {
		const struct sample *p = &s->samples[c->f - 1];
		if (p->ms <= ref - lookback || sample_is_stale(p->value))
			return false;
		*v = p->value;
		*h = NULL;
		*ret_ms = p->ms;
		return true;
	}
	if (!has_h)
		return false;
	const struct hist_sample *p = &s->hists[c->h - 1];
	if (p->ms <= ref - lookback || sample_is_stale(p->hist->sum))
		return false;
	*h = p->hist;
	*ret_ms = p->ms;
	return true;
}

static bool fill_row(struct ev *ev, const struct frame *f, const struct source_series *s,
    int64_t ref0, bool fixed, bool timestamps, struct row *r)
{
	struct cursor c = { 0 };
	for (size_t i = 0; i < f->steps; i++) {
		int64_t ref = fixed ? ref0 : ref0 + f->step * (int64_t)i, ms = 0;
		double v = 0;
		const struct hist *h = NULL;
		if (!newest(s, &c, ref, ev->lookback, &v, &h, &ms))
			continue;
		if (timestamps)
			r->v[i] = (double)ms / 1000;
		else if (h && !row_set_hist(ev, f, r, i, h))
			return false;
		else if (!h)
			r->v[i] = v;
	}
	return true;
}

static double between(const struct sample *a, const struct sample *b, int64_t t)
{
	return a->value + (b->value - a->value) * (double)(t - a->ms) / (double)(b->ms - a->ms);
}

/* h1 + (h2 - h1) * share */
static bool between_hist(struct ev *ev, const struct hist_sample *a, const struct hist_sample *b,
    int64_t t, const struct hist **ret)
{
	struct hist d;
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out)
		return ev_memory(ev);
	*ret = NULL;
	double share = (double)(t - a->ms) / (double)(b->ms - a->ms);
	enum err e = hist_sub(ev->arena, b->hist, a->hist, &d, NULL);
	if (e == OK)
		e = hist_scale(ev->arena, &d, share, &d);
	if (e == OK)
		e = hist_add(ev->arena, &d, a->hist, out, NULL);
	if (e == ERR_INPUT)
		return true; /* the layouts do not fit: no value */
	if (e != OK)
		return ev_memory(ev);
	*ret = out;
	return true;
}

/* smoothed: the value at ref itself, on the line between the samples around it. */
static bool smooth_row(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const struct raw *s, int64_t ref0, bool fixed, struct row *r)
{
	size_t fi = 0, hi = 0;
	for (size_t i = 0; i < f->steps; i++) {
		int64_t ref = fixed ? ref0 : ref0 + f->step * (int64_t)i;
		int64_t lo = ref - ev->lookback, hi_ms = ref + ev->lookback;
		while (fi < s->nf && s->f[fi].ms <= ref)
			fi++;
		while (hi < s->nh && s->h[hi].ms <= ref)
			hi++;
		bool before = fi > 0 && s->f[fi - 1].ms > lo;
		bool after = fi < s->nf && s->f[fi].ms <= hi_ms;
		bool h_before = hi > 0 && s->h[hi - 1].ms > lo;
		bool h_after = hi < s->nh && s->h[hi].ms <= hi_ms;
		if ((before || after) && (h_before || h_after)) {
			ev_note(ev, true, e->from,
			    "encountered a mix of histograms and floats for metric name %s",
			    ev_quote(ev, labels_get(s->labels, LABEL_NAME)));
			continue;
		}
		if (before && (s->f[fi - 1].ms == ref || !after)) {
			r->v[i] = s->f[fi - 1].value;
		} else if (before) {
			r->v[i] = between(&s->f[fi - 1], &s->f[fi], ref);
		} else if (h_before && (s->h[hi - 1].ms == ref || !h_after)) {
			if (!row_set_hist(ev, f, r, i, s->h[hi - 1].hist))
				return false;
		} else if (h_before) {
			const struct hist *h = NULL;
			if (!between_hist(ev, &s->h[hi - 1], &s->h[hi], ref, &h))
				return false;
			if (!h)
				ev_note(ev, true, e->from,
				    "vector contains a mix of histograms with exponential and "
				    "custom buckets schemas for metric name %s",
				    ev_quote(ev, labels_get(s->labels, LABEL_NAME)));
			else if (!row_set_hist(ev, f, r, i, h))
				return false;
		}
	}
	return true;
}

/* Without the stale marks, which windows never show. */
static bool raw_make(struct ev *ev, const struct source_series *s, struct raw *ret)
{
	*ret = (struct raw){ .labels = s->labels,
		.f = s->samples,
		.nf = s->sample_count,
		.h = s->hists,
		.nh = s->hist_count,
		.f_starts = s->sample_starts,
		.h_starts = s->hist_starts };
	size_t stale = 0, stale_h = 0;
	for (size_t i = 0; i < s->sample_count; i++)
		stale += sample_is_stale(s->samples[i].value);
	for (size_t i = 0; i < s->hist_count; i++)
		stale_h += sample_is_stale(s->hists[i].hist->sum);
	if (stale) {
		size_t n = s->sample_count - stale, k = 0;
		struct sample *f = arena_new(ev->arena, struct sample, n);
		int64_t *starts = arena_new(ev->arena, int64_t, s->sample_starts ? n : 0);
		if (!f || !starts)
			return ev_memory(ev);
		for (size_t i = 0; i < s->sample_count; i++) {
			if (sample_is_stale(s->samples[i].value))
				continue;
			if (s->sample_starts)
				starts[k] = s->sample_starts[i];
			f[k++] = s->samples[i];
		}
		ret->f = f;
		ret->nf = n;
		ret->f_starts = s->sample_starts ? starts : NULL;
	}
	if (stale_h) {
		size_t n = s->hist_count - stale_h, k = 0;
		struct hist_sample *h = arena_new(ev->arena, struct hist_sample, n);
		int64_t *starts = arena_new(ev->arena, int64_t, s->hist_starts ? n : 0);
		if (!h || !starts)
			return ev_memory(ev);
		for (size_t i = 0; i < s->hist_count; i++) {
			if (sample_is_stale(s->hists[i].hist->sum))
				continue;
			if (s->hist_starts)
				starts[k] = s->hist_starts[i];
			h[k++] = s->hists[i];
		}
		ret->h = h;
		ret->nh = n;
		ret->h_starts = s->hist_starts ? starts : NULL;
	}
	return true;
}

bool ev_selector(struct ev *ev, const struct frame *f, const struct promql_expr *e, bool timestamps,
    struct rows *ret)
{
	int64_t ref0;
	bool fixed;
	bool smoothed = e->selector.smoothed;
	struct source_result got;
	if (!ev_shift(ev, f, &e->selector.shift, &ref0, &fixed))
		return false;
	if (e->selector.anchored)
		return ev_fail(ev, ERR_INPUT, "anchored modifier needs a range vector");
	int64_t last = fixed ? ref0 : ref0 + f->step * (int64_t)(f->steps - 1);
	int64_t ahead = smoothed ? ev->lookback : 0;
	if (!ev_select(ev, e, ref0 - ev->lookback + 1, last + ahead, 0, f->step, &got))
		return false;
	struct row *out = rows_alloc(ev, got.count);
	if (!out)
		return false;
	size_t n = 0;
	for (size_t k = 0; k < got.count; k++) {
		const struct source_series *s = &got.series[k];
		struct raw raw;
		if (!ev_tick(ev, f->steps) || !row_make(ev, f, s->labels, timestamps, &out[n]))
			return false;
		if (smoothed ? !raw_make(ev, s, &raw) ||
		                   !smooth_row(ev, f, e, &raw, ref0, fixed, &out[n])
		             : !fill_row(ev, f, s, ref0, fixed, timestamps, &out[n]))
			return false;
		n += row_count(&out[n], f->steps) > 0;
	}
	*ret = (struct rows){ out, n };
	return true;
}

static bool ranged_selector(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct ranged *r)
{
	const struct promql_expr *s = e->matrix.selector;
	struct source_result got;
	if (!ev_duration_ms(ev, e->matrix.range, false, &r->range_ms) ||
	    !ev_shift(ev, f, &s->selector.shift, &r->ref0, &r->fixed))
		return false;
	r->anchored = s->selector.anchored;
	r->smoothed = s->selector.smoothed;
	int64_t before = r->anchored || r->smoothed ? ev->lookback : 0;
	int64_t after = r->smoothed ? ev->lookback : 0;
	int64_t last = r->fixed ? r->ref0 : r->ref0 + f->step * (int64_t)(f->steps - 1);
	int64_t min;
	if (ck_sub(r->ref0, r->range_ms, &min) || ck_sub(min, before - 1, &min))
		return ev_fail(ev, ERR_INPUT, "time is out of range");
	if (!ev_select(ev, s, min, last + after, r->range_ms, f->step, &got))
		return false;
	r->list = arena_new(ev->arena, struct raw, got.count);
	if (!r->list)
		return ev_memory(ev);
	r->count = got.count;
	for (size_t k = 0; k < got.count; k++)
		if (!raw_make(ev, &got.series[k], &r->list[k]))
			return false;
	return true;
}

/* A row of a subquery as samples. */
static bool raw_from_row(
    struct ev *ev, const struct frame *f, const struct row *row, struct raw *ret)
{
	size_t nf = 0, nh = 0;
	for (size_t i = 0; i < f->steps; i++) {
		nf += slot_is_float(row, i);
		nh += slot_hist(row, i) != NULL;
	}
	struct sample *floats = arena_new(ev->arena, struct sample, nf);
	struct hist_sample *hists = arena_new(ev->arena, struct hist_sample, nh);
	if (!floats || !hists)
		return ev_memory(ev);
	*ret = (struct raw){ .labels = row->labels,
		.drop_name = row->drop_name,
		.f = floats,
		.h = hists,
		.nf = nf,
		.nh = nh };
	nf = nh = 0;
	for (size_t i = 0; i < f->steps; i++) {
		if (slot_is_float(row, i))
			floats[nf++] = (struct sample){ frame_time(f, i), row->v[i] };
		else if (slot_hist(row, i))
			hists[nh++] = (struct hist_sample){ frame_time(f, i), row->h[i] };
	}
	return ev_add_samples(ev, nf + nh);
}

static bool ranged_subquery(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct ranged *r)
{
	int64_t step =
	    ev->engine->subquery_step_ms ? ev->engine->subquery_step_ms : PROMQL_SUBQUERY_STEP_MS;
	int64_t from;
	if (!ev_duration_ms(ev, e->subquery.range, false, &r->range_ms) ||
	    (e->subquery.step && !ev_duration_ms(ev, e->subquery.step, false, &step)) ||
	    !ev_shift(ev, f, &e->subquery.shift, &r->ref0, &r->fixed))
		return false;
	if (step <= 0)
		return ev_fail(ev, ERR_INPUT, "duration must be greater than 0");
	int64_t last = r->fixed ? r->ref0 : r->ref0 + f->step * (int64_t)(f->steps - 1);
	if (ck_sub(r->ref0, r->range_ms, &from))
		return ev_fail(ev, ERR_INPUT, "time is out of range");
	/* steps of a subquery stand at multiples of its own step, whatever the query's start */
	int64_t first = from / step * step;
	if (first <= from)
		first += step;
	if (first > last)
		return true;
	if ((last - first) / step >= (int64_t)PROMQL_STEPS_MAX * 10)
		return ev_fail(ev, ERR_LIMIT, "a subquery has too many steps");
	struct frame inner = { first, step, (size_t)((last - first) / step) + 1 };
	struct val v;
	if (!ev_eval(ev, &inner, e->subquery.inner, &v))
		return false;
	struct row scalar = { .v = v.scalar };
	struct rows rows = v.type == PROMQL_SCALAR ? (struct rows){ &scalar, 1 } : v.rows;
	if (!rows_merge(ev, &inner, &rows))
		return false;
	r->list = arena_new(ev->arena, struct raw, rows.count);
	if (!r->list)
		return ev_memory(ev);
	r->count = rows.count;
	for (size_t k = 0; k < rows.count; k++)
		if (!raw_from_row(ev, &inner, &rows.list[k], &r->list[k]))
			return false;
	return true;
}

bool ev_ranged(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct ranged *ret)
{
	e = expr_bare(e);
	*ret = (struct ranged){ 0 };
	if (e->kind == EXPR_MATRIX)
		return ranged_selector(ev, f, e, ret);
	if (e->kind == EXPR_SUBQUERY)
		return ranged_subquery(ev, f, e, ret);
	return ev_fail(ev, ERR_INPUT, "expected a range vector");
}

struct window window_at(const struct ev *ev, const struct frame *f, const struct ranged *r,
    const struct raw *raw, size_t i, struct window_walk *w)
{
	int64_t to = r->fixed ? r->ref0 : r->ref0 + f->step * (int64_t)i;
	int64_t from = to - r->range_ms;
	int64_t lo = r->anchored || r->smoothed ? from - ev->lookback : from;
	int64_t hi = r->smoothed ? to + ev->lookback : to;
	while (w->f_hi < raw->nf && raw->f[w->f_hi].ms <= hi)
		w->f_hi++;
	while (w->f_lo < w->f_hi && raw->f[w->f_lo].ms <= lo)
		w->f_lo++;
	while (w->h_hi < raw->nh && raw->h[w->h_hi].ms <= hi)
		w->h_hi++;
	while (w->h_lo < w->h_hi && raw->h[w->h_lo].ms <= lo)
		w->h_lo++;
	return (struct window){ .f = raw->f + w->f_lo,
		.nf = w->f_hi - w->f_lo,
		.h = raw->h + w->h_lo,
		.nh = w->h_hi - w->h_lo,
		.f_starts = raw->f_starts ? raw->f_starts + w->f_lo : NULL,
		.h_starts = raw->h_starts ? raw->h_starts + w->h_lo : NULL,
		.h_resets = w->h_resets ? w->h_resets + w->h_lo : NULL,
		.from = from,
		.to = to };
}
