/* SPDX-License-Identifier: Apache-2.0
 *
 * rate, increase, delta, irate, idelta, with counter resets, start timestamps, extrapolation to the
 * window's borders, and native histograms.
 */
#include "query/promql/window.h"
#include <assert.h>
#include <math.h>

const char *call_metric(struct ev *ev, const struct call *c)
{
	return ev_quote(ev, labels_get(c->labels, LABEL_NAME));
}

void call_note_mixed(struct ev *ev, const struct call *c)
{
	ev_note(ev, true, c->pos, "encountered a mix of histograms and floats for metric name %s",
	    call_metric(ev, c));
}

void call_note_schemas(struct ev *ev, const struct call *c)
{
	ev_note(ev, true, c->pos,
	    "vector contains a mix of histograms with exponential and custom buckets schemas for "
	    "metric name %s",
	    call_metric(ev, c));
}

void call_note_bounds(struct ev *ev, const struct call *c, const char *operation)
{
	ev_note(
	    ev, false, c->pos, "mismatched custom buckets were reconciled during %s", operation);
}

static void note_not_counter(struct ev *ev, const struct call *c)
{
	ev_note(ev, true, c->pos, "this native histogram metric is not a counter: %s",
	    call_metric(ev, c));
}

static void note_not_gauge(struct ev *ev, const struct call *c)
{
	ev_note(ev, true, c->pos, "this native histogram metric is not a gauge: %s",
	    call_metric(ev, c));
}

bool start_is_reset(int64_t before_start, int64_t before_ms, int64_t start, int64_t ms)
{
	if (start == 0 || start >= ms || start < before_ms)
		return false;
	if (start > before_ms)
		return true;
	/* It points at the sample before: a reset for deltas, but not where the start was unknown.
	 */
	return before_start != 0 && before_start < before_ms;
}

/* Samples whose start lies before the one before them overlap: their data is doubtful. */
static bool starts_overlap(int64_t before_start, int64_t before_ms, int64_t start)
{
	return start != 0 && start < before_ms && start != before_start;
}

static void note_overlap(struct ev *ev, const struct call *c)
{
	ev_note(ev, true, c->pos,
	    "start timestamp overlaps with the timestamp of the previous sample for metric name %s",
	    call_metric(ev, c));
}

/* x - y or x + y with the remarks that it may need; false when it cannot be done. */
static bool combine(struct ev *ev, const struct call *c, const struct hist *x, const struct hist *y,
    bool subtract, struct hist *ret)
{
	struct hist_note note = { 0 };
	enum err e = subtract ? hist_sub(ev->arena, x, y, ret, &note)
	                      : hist_add(ev->arena, x, y, ret, &note);
	if (e == ERR_INPUT) {
		call_note_schemas(ev, c);
		return false;
	}
	if (e != OK)
		return ev_memory(ev);
	if (note.bounds_reconciled)
		call_note_bounds(ev, c, subtract ? "subtraction" : "addition");
	return true;
}

static bool is_reset(struct ev *ev, const struct hist *now, const struct hist *before, bool *ret)
{
	return hist_is_reset(ev->arena, now, before, ret) == OK || ev_memory(ev);
}

/* The same for the histograms i - 1 and i of a window. */
static bool is_reset_at(struct ev *ev, const struct window *w, size_t i, bool *ret)
{
	uint8_t known = w->h_resets ? w->h_resets[i] : RESET_UNKNOWN;
	if (known != RESET_UNKNOWN) {
		*ret = known == RESET_YES;
		return true;
	}
	if (!is_reset(ev, w->h[i].hist, w->h[i - 1].hist, ret))
		return false;
	if (w->h_resets)
		w->h_resets[i] = *ret ? RESET_YES : RESET_NO;
	return true;
}

/* How much the histograms of a window rose; false when they do not go together. */
static bool hist_rise(
    struct ev *ev, const struct call *c, const struct window *w, bool counter, struct hist *ret)
{
	const struct hist_sample *h = w->h;
	const int64_t *st = w->h_starts;
	size_t n = w->nh;
	const struct hist *prev = h[0].hist, *last = h[n - 1].hist;
	struct hist zero;
	bool reset = false, overlap = false;
	assert(n > 1);
	if (counter && (prev->hint == HIST_GAUGE || last->hint == HIST_GAUGE))
		note_not_counter(ev, c);
	if (counter) {
		/* The first one does not matter when the counter began anew after it. */
		reset = st && start_is_reset(st[0], h[0].ms, st[1], h[1].ms);
		if (!reset && !is_reset_at(ev, w, 1, &reset))
			return false;
		if (reset) {
			zero = (struct hist){ .schema = h[1].hist->schema,
				.custom = h[1].hist->custom,
				.custom_count = h[1].hist->custom_count };
			prev = &zero;
		}
	}
	bool custom = hist_is_custom(prev);
	if (hist_is_custom(last) != custom) {
		call_note_schemas(ev, c);
		return false;
	}
	int32_t schema = last->schema < prev->schema ? last->schema : prev->schema;
	for (size_t i = 1; counter && i + 1 < n; i++) {
		if (h[i].hist->hint == HIST_GAUGE)
			note_not_counter(ev, c);
		if (hist_is_custom(h[i].hist) != custom) {
			call_note_schemas(ev, c);
			return false;
		}
		if (h[i].hist->schema < schema)
			schema = h[i].hist->schema;
	}
	struct hist sum = *last;
	if (!custom && hist_reduce(ev->arena, last, schema, &sum) != OK)
		return ev_memory(ev);
	if (!combine(ev, c, &sum, prev, true, &sum))
		return false;
	if (!counter) {
		if (h[0].hist->hint != HIST_GAUGE || last->hint != HIST_GAUGE)
			note_not_gauge(ev, c);
	}
	for (size_t i = 1; counter && i < n; i++) {
		if (st && !overlap && starts_overlap(st[i - 1], h[i - 1].ms, st[i])) {
			note_overlap(ev, c);
			overlap = true;
		}
		reset = st && start_is_reset(st[i - 1], h[i - 1].ms, st[i], h[i].ms);
		bool first = i == 1 && prev == &zero;
		if (!reset && !(first ? is_reset(ev, h[1].hist, prev, &reset)
		                      : is_reset_at(ev, w, i, &reset)))
			return false;
		if (reset && !combine(ev, c, &sum, prev, false, &sum))
			return false;
		prev = h[i].hist;
	}
	sum.hint = HIST_GAUGE;
	if (hist_compact(ev->arena, &sum, ret) != OK)
		return ev_memory(ev);
	return true;
}

static double float_rise(struct ev *ev, const struct call *c, const struct window *w, bool counter)
{
	double rise = w->f[w->nf - 1].value - w->f[0].value;
	bool overlap = false;
	if (!counter)
		return rise;
	if (!w->f_starts) {
		for (size_t i = 1; i < w->nf; i++)
			if (w->f[i].value < w->f[i - 1].value)
				rise += w->f[i - 1].value;
		return rise;
	}
	for (size_t i = 1; i < w->nf; i++) {
		const int64_t *st = &w->f_starts[i - 1];
		if (!overlap && starts_overlap(st[0], w->f[i - 1].ms, st[1])) {
			note_overlap(ev, c);
			overlap = true;
		}
		if (w->f[i].value < w->f[i - 1].value ||
		    start_is_reset(st[0], w->f[i - 1].ms, st[1], w->f[i].ms))
			rise += w->f[i - 1].value;
	}
	return rise;
}

/* The rise between the first and last sample, made to cover the window: up to its border when the
 * samples come close to it, else by half an interval, and never below zero for a counter. */
static bool extrapolated(struct ev *ev, const struct call *c, const struct window *w, bool counter,
    bool per_second, double *v, const struct hist **h)
{
	if (c->ranged->anchored || c->ranged->smoothed)
		return window_extended(ev, c, w, counter, per_second, v, h);
	bool hists = w->nh > 0;
	if (hists && w->nf > 0) {
		call_note_mixed(ev, c);
		return false;
	}
	size_t gaps = (hists ? w->nh : w->nf) - 1;
	int64_t first = hists ? w->h[0].ms : w->f[0].ms;
	int64_t last = hists ? w->h[gaps].ms : w->f[gaps].ms;
	const int64_t *starts = hists ? w->h_starts : w->f_starts;
	bool begins_inside =
	    counter && starts && starts[0] != 0 && starts[0] > w->from && starts[0] < first;
	if (gaps == 0 && !begins_inside)
		return false;
	double rise = 0;
	struct hist hist_sum = { 0 };
	if (hists && gaps > 0) {
		if (!hist_rise(ev, c, w, counter, &hist_sum))
			return false;
	} else if (!hists) {
		rise = float_rise(ev, c, w, counter);
	}
	double to_start = (double)(first - w->from) / 1000, to_end = (double)(w->to - last) / 1000;
	double sampled = (double)(last - first) / 1000;
	double average = gaps ? sampled / (double)gaps : 0;
	double threshold = average * 1.1;
	if (begins_inside) {
		/* the counter was zero at its start, which lies in the window */
		to_start = 0;
		sampled = (double)(last - starts[0]) / 1000;
		if (!hists)
			rise += w->f[0].value;
		else if (gaps == 0)
			hist_sum = *w->h[0].hist;
		else if (!combine(ev, c, &hist_sum, w->h[0].hist, false, &hist_sum))
			return false;
	} else {
		if (to_start >= threshold)
			to_start = average / 2;
		double to_zero = to_start;
		if (counter && !hists && rise > 0 && w->f[0].value >= 0)
			to_zero = sampled * (w->f[0].value / rise);
		else if (counter && hists && hist_sum.count > 0 && w->h[0].hist->count >= 0)
			to_zero = sampled * (w->h[0].hist->count / hist_sum.count);
		if (to_zero < to_start)
			to_start = to_zero;
	}
	if (to_end >= threshold)
		to_end = average / 2;
	double factor = sampled != 0 ? (sampled + to_start + to_end) / sampled : 1;
	if (per_second)
		factor /= (double)c->ranged->range_ms / 1000;
	if (!hists) {
		*v = rise * factor;
		return true;
	}
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out || hist_scale(ev->arena, &hist_sum, factor, out) != OK)
		return ev_memory(ev);
	out->hint = HIST_GAUGE;
	*h = out;
	return true;
}

WINDOW_FUNCTION(window_rate)
{
	return extrapolated(ev, c, w, true, true, v, h);
}

WINDOW_FUNCTION(window_increase)
{
	return extrapolated(ev, c, w, true, false, v, h);
}

WINDOW_FUNCTION(window_delta)
{
	return extrapolated(ev, c, w, false, false, v, h);
}

/* One of the last two samples, of either kind. */
struct one {
	int64_t ms, start;
	double value;
	const struct hist *hist;
};

static void last_two(const struct window *w, struct one out[2])
{
	size_t fi = w->nf, hi = w->nh;
	for (int k = 1; k >= 0; k--) {
		assert(fi + hi > 0);
		bool take_h = fi == 0 || (hi > 0 && w->h[hi - 1].ms >= w->f[fi - 1].ms);
		if (take_h) {
			hi--;
			out[k] = (struct one){ w->h[hi].ms, w->h_starts ? w->h_starts[hi] : 0, 0,
				w->h[hi].hist };
		} else {
			fi--;
			out[k] = (struct one){ w->f[fi].ms, w->f_starts ? w->f_starts[fi] : 0,
				w->f[fi].value, NULL };
		}
	}
}

static bool instant_hist(struct ev *ev, const struct call *c, const struct one p[2], bool counter,
    double seconds, const struct hist **h)
{
	bool gauges = p[0].hist->hint == HIST_GAUGE && p[1].hist->hint == HIST_GAUGE;
	bool gauge = p[0].hist->hint == HIST_GAUGE || p[1].hist->hint == HIST_GAUGE;
	bool reset = false;
	if (counter && gauge)
		note_not_counter(ev, c);
	if (!counter && !gauges)
		note_not_gauge(ev, c);
	if (counter) {
		reset = start_is_reset(p[0].start, p[0].ms, p[1].start, p[1].ms);
		if (!reset && !is_reset(ev, p[1].hist, p[0].hist, &reset))
			return false;
	}
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out)
		return ev_memory(ev);
	*out = *p[1].hist;
	if (!reset && !combine(ev, c, p[1].hist, p[0].hist, true, out))
		return false;
	if (hist_compact(ev->arena, out, out) != OK ||
	    (counter && hist_divide(ev->arena, out, seconds, out) != OK))
		return ev_memory(ev);
	out->hint = HIST_GAUGE;
	*h = out;
	return true;
}

static bool instant(struct ev *ev, const struct call *c, const struct window *w, bool counter,
    double *v, const struct hist **h)
{
	struct one p[2];
	if (w->nf + w->nh < 2)
		return false;
	last_two(w, p);
	double seconds = (double)(p[1].ms - p[0].ms) / 1000;
	if (seconds == 0)
		return false;
	if (!p[0].hist != !p[1].hist) {
		call_note_mixed(ev, c);
		return false;
	}
	if (p[0].hist)
		return instant_hist(ev, c, p, counter, seconds, h);
	*v = p[1].value;
	if (!counter ||
	    !(p[1].value < p[0].value || start_is_reset(p[0].start, p[0].ms, p[1].start, p[1].ms)))
		*v -= p[0].value;
	if (counter)
		*v /= seconds;
	return true;
}

WINDOW_FUNCTION(window_irate)
{
	return instant(ev, c, w, true, v, h);
}

WINDOW_FUNCTION(window_idelta)
{
	return instant(ev, c, w, false, v, h);
}

/* ---- anchored and smoothed ---- */

/* The line from a to b at t; a counter that began anew between them starts from zero. */
static double interpolate(const struct sample *a, const struct sample *b, int64_t t, bool counter)
{
	double y1 = counter && b->value < a->value ? 0 : a->value;
	return y1 + (b->value - y1) * (double)(t - a->ms) / (double)(b->ms - a->ms);
}

/* Index of the last sample at or before the window's start, or 0; and of the sample that stands for
 * its end: the last one, or (smoothed) the first at or after it. */
static void edges_f(const struct window *w, bool smoothed, size_t *ret_first, size_t *ret_last)
{
	size_t last = w->nf - 1, first = 0;
	while (first < last && w->f[first].ms <= w->from)
		first++;
	*ret_first = first > 0 ? first - 1 : 0;
	if (smoothed) {
		size_t i = 0;
		while (i < last && w->f[i].ms < w->to)
			i++;
		last = i;
	}
	*ret_last = last;
}

static void edges_h(const struct window *w, bool smoothed, size_t *ret_first, size_t *ret_last)
{
	size_t last = w->nh - 1, first = 0;
	while (first < last && w->h[first].ms <= w->from)
		first++;
	*ret_first = first > 0 ? first - 1 : 0;
	if (smoothed) {
		size_t i = 0;
		while (i < last && w->h[i].ms < w->to)
			i++;
		last = i;
	}
	*ret_last = last;
}

static bool extended_floats(const struct call *c, const struct window *w, bool counter, double *v)
{
	bool smoothed = c->ranged->smoothed;
	const struct sample *f = w->f;
	size_t first, last;
	edges_f(w, smoothed, &first, &last);
	if (f[last].ms <= w->from || (smoothed && f[first].ms > w->to))
		return false;
	double left = smoothed && f[first].ms < w->from
	                  ? interpolate(&f[first], &f[first + 1], w->from, counter)
	                  : f[first].value;
	double right = smoothed && last > 0 && f[last].ms > w->to
	                   ? interpolate(&f[last - 1], &f[last], w->to, counter)
	                   : f[last].value;
	*v = right - left;
	if (!counter)
		return true;
	/* only what lies inside can hold a reset that the borders have not seen */
	size_t lo = first + (f[first].ms <= w->from), hi = last + 1 - (f[last].ms >= w->to);
	double prev = left;
	for (size_t i = lo; i < hi; i++) {
		if (f[i].value < prev)
			*v += prev;
		prev = f[i].value;
	}
	if (right < prev)
		*v += prev;
	return true;
}

static bool interpolate_hist(struct ev *ev, const struct call *c, const struct hist_sample *a,
    const struct hist_sample *b, int64_t t, bool counter, struct hist *ret)
{
	bool reset = false;
	if (t == a->ms || t == b->ms) {
		*ret = t == a->ms ? *a->hist : *b->hist;
		return true;
	}
	double share = (double)(t - a->ms) / (double)(b->ms - a->ms);
	if (counter && !is_reset(ev, b->hist, a->hist, &reset))
		return false;
	if (reset)
		return hist_scale(ev->arena, b->hist, share, ret) == OK || ev_memory(ev);
	struct hist d;
	if (!combine(ev, c, b->hist, a->hist, true, &d))
		return false;
	if (hist_scale(ev->arena, &d, share, &d) != OK)
		return ev_memory(ev);
	return combine(ev, c, &d, a->hist, false, ret);
}

/* What was lost to resets between the borders, added to *sum. */
static bool hist_resets(struct ev *ev, const struct call *c, const struct window *w, size_t first,
    size_t last, const struct hist *left, const struct hist *right, struct hist *sum)
{
	const struct hist *prev = left;
	size_t at = first + 1;
	bool reset = false;
	if (c->ranged->smoothed && w->h[first].ms < w->from) {
		if (!is_reset(ev, w->h[first + 1].hist, w->h[first].hist, &reset))
			return false;
		if (reset) { /* the left border has dealt with this one */
			prev = w->h[first + 1].hist;
			at++;
		}
	}
	if (at > last)
		return true;
	for (; at < last; at++) {
		if (!is_reset(ev, w->h[at].hist, prev, &reset))
			return false;
		if (reset && !combine(ev, c, sum, prev, false, sum))
			return false;
		prev = w->h[at].hist;
	}
	if (!is_reset(ev, right, prev, &reset))
		return false;
	return !reset || combine(ev, c, sum, prev, false, sum);
}

static bool extended_hists(struct ev *ev, const struct call *c, const struct window *w,
    bool counter, bool per_second, const struct hist **ret)
{
	bool smoothed = c->ranged->smoothed;
	const struct hist_sample *h = w->h;
	size_t first, last;
	edges_h(w, smoothed, &first, &last);
	if (h[last].ms <= w->from || (smoothed && h[first].ms > w->to))
		return false;
	for (size_t i = first; i <= last; i++) {
		if (hist_is_custom(h[i].hist) != hist_is_custom(h[first].hist)) {
			call_note_schemas(ev, c);
			return false;
		}
		if (counter && h[i].hist->hint == HIST_GAUGE)
			note_not_counter(ev, c);
	}
	struct hist left = *h[first].hist, right = *h[last].hist, sum;
	if (smoothed && h[first].ms < w->from &&
	    !interpolate_hist(ev, c, &h[first], &h[first + 1], w->from, counter, &left))
		return false;
	if (smoothed && last > 0 && h[last].ms > w->to &&
	    !interpolate_hist(ev, c, &h[last - 1], &h[last], w->to, counter, &right))
		return false;
	if (!counter && (left.hint != HIST_GAUGE || right.hint != HIST_GAUGE))
		note_not_gauge(ev, c);
	if (!combine(ev, c, &right, &left, true, &sum))
		return false;
	if (counter && !hist_resets(ev, c, w, first, last, &left, &right, &sum))
		return false;
	if (per_second &&
	    hist_divide(ev->arena, &sum, (double)c->ranged->range_ms / 1000, &sum) != OK)
		return ev_memory(ev);
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out || hist_compact(ev->arena, &sum, out) != OK)
		return ev_memory(ev);
	out->hint = HIST_GAUGE;
	*ret = out;
	return true;
}

bool window_extended(struct ev *ev, const struct call *c, const struct window *w, bool counter,
    bool per_second, double *v, const struct hist **h)
{
	if (w->nf > 0 && w->nh > 0) {
		call_note_mixed(ev, c);
		return false;
	}
	if (w->nh > 0)
		return extended_hists(ev, c, w, counter, per_second, h);
	if (w->nf == 0 || !extended_floats(c, w, counter, v))
		return false;
	if (per_second)
		*v /= (double)c->ranged->range_ms / 1000;
	return true;
}
