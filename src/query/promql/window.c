/* SPDX-License-Identifier: Apache-2.0
 *
 * The *_over_time functions, trends, changes and resets.
 */
#include "query/promql/window.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Most of these look at floats only and say so when there were histograms too. */
static void note_ignored(struct ev *ev, const struct call *c, const struct window *w)
{
	if (w->nh > 0)
		ev_note(ev, false, c->pos,
		    "ignored histograms in a range containing both floats and histograms for "
		    "metric name %s",
		    call_metric(ev, c));
}

/* NaN first. */
static int up_nan_first(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b) ? 0 : isnan(a) ? -1 : 1;
	return a < b ? -1 : a > b;
}

double quantile_of(double q, double *values, size_t n)
{
	if (n == 0 || isnan(q))
		return (double)NAN;
	if (q < 0)
		return -INFINITY;
	if (q > 1)
		return INFINITY;
	qsort(values, n, sizeof(*values), up_nan_first);
	double rank = q * ((double)n - 1);
	double lower = floor(rank) > 0 ? floor(rank) : 0;
	double upper = lower + 1 < (double)n - 1 ? lower + 1 : (double)n - 1;
	double weight = rank - floor(rank);
	return values[(size_t)lower] * (1 - weight) + values[(size_t)upper] * weight;
}

static bool hist_total(
    struct ev *ev, const struct call *c, const struct window *w, bool mean, const struct hist **ret)
{
	struct hist_sum s;
	struct hist_note note = { 0 };
	bool reset = false, not_reset = false;
	enum err e = hist_sum_start(ev->arena, w->h[0].hist, &s);
	for (size_t i = 0; e == OK && i < w->nh; i++) {
		reset = reset || w->h[i].hist->hint == HIST_RESET;
		not_reset = not_reset || w->h[i].hist->hint == HIST_NOT_RESET;
		if (i > 0)
			e = hist_sum_add(ev->arena, &s, w->h[i].hist, &note);
	}
	if (e == ERR_INPUT) {
		call_note_schemas(ev, c);
		return false;
	}
	if (reset && not_reset)
		ev_note(
		    ev, true, c->pos, "conflicting counter resets during histogram aggregation");
	if (note.bounds_reconciled)
		call_note_bounds(ev, c, "aggregation");
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	bool running = e == OK && mean && hist_sum_overflowed(&s);
	for (size_t i = 0; running && e == OK && i < w->nh; i++)
		e = hist_mean_add(ev->arena, &s, w->h[i].hist, (double)i + 1);
	if (e == OK && mean && !running)
		e = hist_sum_scale(ev->arena, &s, 1 / (double)w->nh);
	if (e != OK || !out || hist_sum_end(ev->arena, &s, out) != OK)
		return ev_memory(ev);
	*ret = out;
	return true;
}

WINDOW_FUNCTION(window_sum)
{
	if (w->nf && w->nh) {
		call_note_mixed(ev, c);
		return false;
	}
	if (w->nh)
		return hist_total(ev, c, w, false, h);
	double sum = 0, low = 0;
	for (size_t i = 0; i < w->nf; i++)
		kahan_add(w->f[i].value, &sum, &low);
	*v = isinf(sum) ? sum : sum + low;
	return true;
}

WINDOW_FUNCTION(window_avg)
{
	if (w->nf && w->nh) {
		call_note_mixed(ev, c);
		return false;
	}
	if (w->nh)
		return hist_total(ev, c, w, true, h);
	/* A plain mean, until its sum would overflow; then a running one. */
	double sum = w->f[0].value, low = 0, mean = 0;
	bool running = false;
	for (size_t i = 1; i < w->nf; i++) {
		double n = (double)(i + 1);
		if (!running) {
			double s = sum, l = low;
			kahan_add(w->f[i].value, &s, &l);
			if (!isinf(s)) {
				sum = s;
				low = l;
				continue;
			}
			running = true;
			mean = sum / (n - 1);
			low /= n - 1;
		}
		double share = (n - 1) / n;
		mean *= share;
		low *= share;
		kahan_add(w->f[i].value / n, &mean, &low);
	}
	*v = running ? mean + low : sum / (double)w->nf + low / (double)w->nf;
	return true;
}

WINDOW_FUNCTION(window_count)
{
	(void)ev, (void)c, (void)h;
	*v = (double)(w->nf + w->nh);
	return true;
}

static bool extreme(struct ev *ev, const struct call *c, const struct window *w, double sign,
    bool or_equal, double *ret_value, int64_t *ret_ms)
{
	if (w->nf == 0)
		return false;
	note_ignored(ev, c, w);
	double best = w->f[0].value;
	int64_t ms = w->f[0].ms;
	for (size_t i = 0; i < w->nf; i++) {
		double x = w->f[i].value;
		if (sign * x > sign * best || isnan(best) || (or_equal && x == best)) {
			best = x;
			ms = w->f[i].ms;
		}
	}
	*ret_value = best;
	*ret_ms = ms;
	return true;
}

WINDOW_FUNCTION(window_min)
{
	int64_t ms;
	(void)h;
	return extreme(ev, c, w, -1, false, v, &ms);
}

WINDOW_FUNCTION(window_max)
{
	int64_t ms;
	(void)h;
	return extreme(ev, c, w, 1, false, v, &ms);
}

WINDOW_FUNCTION(window_ts_of_min)
{
	int64_t ms;
	(void)h;
	if (!extreme(ev, c, w, -1, true, v, &ms))
		return false;
	*v = (double)ms / 1000;
	return true;
}

WINDOW_FUNCTION(window_ts_of_max)
{
	int64_t ms;
	(void)h;
	if (!extreme(ev, c, w, 1, true, v, &ms))
		return false;
	*v = (double)ms / 1000;
	return true;
}

WINDOW_FUNCTION(window_first)
{
	(void)ev, (void)c;
	if (w->nh == 0 || (w->nf && w->f[0].ms < w->h[0].ms))
		*v = w->f[0].value;
	else
		*h = w->h[0].hist;
	return true;
}

WINDOW_FUNCTION(window_last)
{
	(void)ev, (void)c;
	if (w->nh == 0 || (w->nf && w->f[w->nf - 1].ms > w->h[w->nh - 1].ms))
		*v = w->f[w->nf - 1].value;
	else
		*h = w->h[w->nh - 1].hist;
	return true;
}

WINDOW_FUNCTION(window_ts_of_first)
{
	(void)ev, (void)c, (void)h;
	int64_t f = w->nf ? w->f[0].ms : INT64_MAX, g = w->nh ? w->h[0].ms : INT64_MAX;
	*v = (double)(f < g ? f : g) / 1000;
	return true;
}

WINDOW_FUNCTION(window_ts_of_last)
{
	(void)ev, (void)c, (void)h;
	int64_t f = w->nf ? w->f[w->nf - 1].ms : INT64_MIN;
	int64_t g = w->nh ? w->h[w->nh - 1].ms : INT64_MIN;
	*v = (double)(f > g ? f : g) / 1000;
	return true;
}

WINDOW_FUNCTION(window_present)
{
	(void)ev, (void)c, (void)w, (void)h;
	*v = 1;
	return true;
}

static bool variance(struct ev *ev, const struct call *c, const struct window *w, double *v)
{
	double n = 0, mean = 0, mean_low = 0, sum = 0, sum_low = 0;
	if (w->nf == 0)
		return false;
	note_ignored(ev, c, w);
	for (size_t i = 0; i < w->nf; i++) {
		double x = w->f[i].value, d = x - (mean + mean_low);
		n++;
		kahan_add(d / n, &mean, &mean_low);
		kahan_add(d * (x - (mean + mean_low)), &sum, &sum_low);
	}
	*v = (sum + sum_low) / n;
	return true;
}

WINDOW_FUNCTION(window_stdvar)
{
	(void)h;
	return variance(ev, c, w, v);
}

WINDOW_FUNCTION(window_stddev)
{
	(void)h;
	if (!variance(ev, c, w, v))
		return false;
	*v = sqrt(*v);
	return true;
}

static double *values_of(struct ev *ev, const struct window *w)
{
	double *values = arena_new(ev->arena, double, w->nf);
	if (!values)
		ev_memory(ev);
	for (size_t i = 0; values && i < w->nf; i++)
		values[i] = w->f[i].value;
	return values;
}

WINDOW_FUNCTION(window_mad)
{
	(void)h;
	if (w->nf == 0)
		return false;
	note_ignored(ev, c, w);
	double *values = values_of(ev, w);
	if (!values)
		return false;
	for (size_t i = 0; i < w->nf; i++) {
		if (isnan(values[i])) {
			*v = (double)NAN;
			return true;
		}
	}
	double median = quantile_of(0.5, values, w->nf);
	for (size_t i = 0; i < w->nf; i++)
		values[i] = fabs(values[i] - median);
	*v = quantile_of(0.5, values, w->nf);
	return true;
}

WINDOW_FUNCTION(window_quantile)
{
	(void)h;
	if (w->nf == 0)
		return false;
	double q = c->scalars[0][c->step];
	if (isnan(q) || q < 0 || q > 1) {
		struct buf b = buf_make(&mem_system, 64);
		promql_put_g(&b, q);
		ev_note(ev, true, c->expr->call.args[0]->from,
		    "quantile value should be between 0 and 1, got %.*s", STR_ARG(buf_str(&b)));
		buf_free(&b);
	}
	note_ignored(ev, c, w);
	double *values = values_of(ev, w);
	if (!values)
		return false;
	*v = quantile_of(q, values, w->nf);
	return true;
}

/* Least squares; the intercept is the line's value at t_ms. */
static void regression(const struct window *w, int64_t t_ms, double *slope, double *intercept)
{
	double n = (double)w->nf, first = w->f[0].value;
	double x_sum = 0, xl = 0, y_sum = 0, yl = 0, xy = 0, xyl = 0, xx = 0, xxl = 0;
	bool constant = true;
	for (size_t i = 0; i < w->nf; i++) {
		double y = w->f[i].value, x = (double)(w->f[i].ms - t_ms) / 1e3;
		constant = constant && y == first;
		kahan_add(x, &x_sum, &xl);
		kahan_add(y, &y_sum, &yl);
		kahan_add(x * y, &xy, &xyl);
		kahan_add(x * x, &xx, &xxl);
	}
	if (constant) {
		*slope = isinf(first) ? (double)NAN : 0;
		*intercept = isinf(first) ? (double)NAN : first;
		return;
	}
	x_sum += xl;
	y_sum += yl;
	xy += xyl;
	xx += xxl;
	*slope = (xy - x_sum * y_sum / n) / (xx - x_sum * x_sum / n);
	*intercept = y_sum / n - *slope * x_sum / n;
}

/* Two floats at least; a single one among histograms is worth a remark. */
static bool two_floats(struct ev *ev, const struct call *c, const struct window *w)
{
	if (w->nf > 0)
		note_ignored(ev, c, w);
	return w->nf > 1;
}

WINDOW_FUNCTION(window_deriv)
{
	double intercept;
	(void)h;
	if (!two_floats(ev, c, w))
		return false;
	regression(w, w->f[0].ms, v, &intercept);
	return true;
}

WINDOW_FUNCTION(window_predict_linear)
{
	double slope, intercept;
	(void)h;
	if (!two_floats(ev, c, w))
		return false;
	regression(w, frame_time(c->frame, c->step), &slope, &intercept);
	*v = slope * c->scalars[0][c->step] + intercept;
	return true;
}

WINDOW_FUNCTION(window_smoothing)
{
	double sf = c->scalars[0][c->step], tf = c->scalars[1][c->step];
	(void)h;
	if (!(sf > 0 && sf < 1))
		return ev_fail(
		    ev, ERR_INPUT, "invalid smoothing factor. Expected: 0 < sf < 1, got: %f", sf);
	if (!(tf > 0 && tf < 1))
		return ev_fail(
		    ev, ERR_INPUT, "invalid trend factor. Expected: 0 < tf < 1, got: %f", tf);
	if (!two_floats(ev, c, w))
		return false;
	double before = 0, level = w->f[0].value, trend = w->f[1].value - w->f[0].value;
	for (size_t i = 1; i < w->nf; i++) {
		if (i > 1)
			trend = tf * (level - before) + (1 - tf) * trend;
		double next = sf * w->f[i].value + (1 - sf) * (level + trend);
		before = level;
		level = next;
	}
	*v = level;
	return true;
}

/* anchored: counting begins with the last sample at or before the window. */
static bool begin_of(const struct call *c, const struct window *w, size_t *ret_f, size_t *ret_h)
{
	size_t f = 0, h = 0;
	*ret_f = *ret_h = 0;
	if (!c->ranged->anchored)
		return true;
	while (f < w->nf && w->f[f].ms <= w->from)
		f++;
	while (h < w->nh && w->h[h].ms <= w->from)
		h++;
	if (f == w->nf && h == w->nh)
		return false;
	bool take_f = f > 0 && (h == 0 || w->f[f - 1].ms >= w->h[h - 1].ms);
	*ret_f = take_f ? f - 1 : f;
	*ret_h = !take_f && h > 0 ? h - 1 : h;
	return true;
}

static bool count_steps(
    struct ev *ev, const struct call *c, const struct window *w, bool resets, double *v)
{
	size_t f, h, seen = 0;
	double n = 0, value = 0;
	const struct hist *hist = NULL;
	int64_t ms = 0, start = 0;
	if (!begin_of(c, w, &f, &h))
		return false;
	while (f < w->nf || h < w->nh) {
		bool take_f = h == w->nh || (f < w->nf && w->f[f].ms < w->h[h].ms);
		double now = take_f ? w->f[f].value : 0;
		const struct hist *now_hist = take_f ? NULL : w->h[h].hist;
		int64_t now_ms = take_f ? w->f[f].ms : w->h[h].ms;
		int64_t now_start = take_f ? (w->f_starts ? w->f_starts[f] : 0)
		                           : (w->h_starts ? w->h_starts[h] : 0);
		f += take_f;
		h += !take_f;
		bool stepped = false;
		if (seen++ > 0) {
			bool anew = resets && start_is_reset(start, ms, now_start, now_ms);
			if (!hist != !now_hist) {
				stepped = true;
			} else if (hist && resets) {
				stepped = anew;
				if (!anew &&
				    hist_is_reset(ev->arena, now_hist, hist, &stepped) != OK)
					return ev_memory(ev);
			} else if (hist) {
				stepped = !hist_equal(now_hist, hist);
			} else if (resets) {
				stepped = now < value || anew;
			} else {
				stepped = now != value && !(isnan(now) && isnan(value));
			}
		}
		n += stepped;
		value = now;
		hist = now_hist;
		ms = now_ms;
		start = now_start;
	}
	*v = n;
	return true;
}

WINDOW_FUNCTION(window_changes)
{
	(void)h;
	return count_steps(ev, c, w, false, v);
}

WINDOW_FUNCTION(window_resets)
{
	(void)h;
	return count_steps(ev, c, w, true, v);
}
