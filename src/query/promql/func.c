/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of functions, the dispatch by class, and the functions that are neither arithmetic nor
 * over windows.
 */
#include "query/promql/func.h"
#include "base/time.h"
#include "query/promql/window.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

static bool rows_like(
    struct ev *ev, const struct frame *f, const struct rows *in, bool drop_name, struct rows *ret)
{
	ret->count = in->count;
	ret->list = rows_alloc(ev, in->count);
	if (!ret->list)
		return false;
	for (size_t k = 0; k < in->count; k++)
		if (!row_make(ev, f, in->list[k].labels, drop_name || in->list[k].drop_name,
		        &ret->list[k]))
			return false;
	return true;
}

static bool scalar_make(struct ev *ev, const struct frame *f, double v, struct val *ret)
{
	double *s = arena_new(ev->arena, double, f->steps);
	if (!s)
		return ev_memory(ev);
	for (size_t i = 0; i < f->steps; i++)
		s[i] = v;
	*ret = (struct val){ .type = PROMQL_SCALAR, .scalar = s };
	return true;
}

#define SPECIAL(name)     \
	static bool name( \
	    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)

SPECIAL(f_time)
{
	(void)e;
	if (!scalar_make(ev, f, 0, ret))
		return false;
	for (size_t i = 0; i < f->steps; i++)
		ret->scalar[i] = (double)frame_time(f, i) / 1000;
	return true;
}

SPECIAL(f_pi)
{
	(void)e;
	return scalar_make(ev, f, M_PI, ret);
}

SPECIAL(f_start)
{
	(void)e;
	return scalar_make(ev, f, (double)ev->start / 1000, ret);
}

SPECIAL(f_end)
{
	(void)e;
	return scalar_make(ev, f, (double)ev->end / 1000, ret);
}

SPECIAL(f_step)
{
	(void)e;
	return scalar_make(ev, f, (double)ev->step / 1000, ret);
}

SPECIAL(f_range)
{
	(void)e;
	return scalar_make(ev, f, (double)(ev->end - ev->start) / 1000, ret);
}

static bool min_max_of(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, double sign, struct val *ret)
{
	double *a, *b;
	if (!ev_scalar(ev, f, e->call.args[0], &a) || !ev_scalar(ev, f, e->call.args[1], &b) ||
	    !scalar_make(ev, f, 0, ret))
		return false;
	for (size_t i = 0; i < f->steps; i++) {
		bool nan = isnan(a[i]) || isnan(b[i]);
		ret->scalar[i] = nan ? (double)NAN : sign * a[i] > sign * b[i] ? a[i] : b[i];
	}
	return true;
}

SPECIAL(f_min_of)
{
	return min_max_of(ev, f, e, -1, ret);
}

SPECIAL(f_max_of)
{
	return min_max_of(ev, f, e, 1, ret);
}

SPECIAL(f_scalar)
{
	struct rows in;
	if (!ev_vector(ev, f, e->call.args[0], &in) || !scalar_make(ev, f, (double)NAN, ret))
		return false;
	for (size_t i = 0; i < f->steps; i++) {
		size_t found = 0;
		for (size_t k = 0; k < in.count && found < 2; k++) {
			if (!slot_is_float(&in.list[k], i))
				continue;
			ret->scalar[i] = in.list[k].v[i];
			found++;
		}
		if (found != 1)
			ret->scalar[i] = (double)NAN;
	}
	return true;
}

SPECIAL(f_vector)
{
	double *s;
	struct row *r = rows_alloc(ev, 1);
	if (!r || !ev_scalar(ev, f, e->call.args[0], &s))
		return false;
	*r = (struct row){ .v = s };
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { r, 1 } };
	return true;
}

SPECIAL(f_timestamp)
{
	const struct promql_expr *arg = expr_bare(e->call.args[0]);
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (arg->kind == EXPR_SELECTOR && !arg->selector.smoothed)
		return ev_selector(ev, f, arg, true, &ret->rows);
	if (!ev_vector(ev, f, arg, &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++)
		for (size_t i = 0; i < f->steps; i++)
			if (slot_is_set(&in.list[k], i))
				ret->rows.list[k].v[i] = (double)frame_time(f, i) / 1000;
	return true;
}

/* The labels that a selector matches by equality: what the absent series would have had. */
static bool absent_labels(struct ev *ev, const struct promql_expr *arg, struct labels *ret)
{
	arg = expr_bare(arg);
	if (arg->kind == EXPR_MATRIX)
		arg = arg->matrix.selector;
	*ret = (struct labels){ 0 };
	if (arg->kind != EXPR_SELECTOR)
		return true;
	for (size_t i = 0; i < arg->selector.count; i++) {
		const struct matcher *m = &arg->selector.matchers[i];
		bool seen = false; /* a label asked for twice is left out */
		if (str_eq(m->name, LABEL_NAME))
			continue;
		for (size_t k = 0; k < i && !seen; k++)
			seen = str_eq(arg->selector.matchers[k].name, m->name) &&
			       arg->selector.matchers[k].type == MATCH_EQ;
		struct str value = m->type == MATCH_EQ && !seen ? m->value : STR("");
		if (labels_with(ev->arena, *ret, m->name, value, ret) != OK)
			return ev_memory(ev);
	}
	return true;
}

static bool absent_row(struct ev *ev, const struct frame *f, const struct promql_expr *arg,
    const bool *present, struct val *ret)
{
	struct labels l;
	struct row *r = rows_alloc(ev, 1);
	if (!r || !absent_labels(ev, arg, &l) || !row_make(ev, f, l, false, r))
		return false;
	for (size_t i = 0; i < f->steps; i++)
		if (!present[i])
			r->v[i] = 1;
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { r, 1 } };
	return true;
}

SPECIAL(f_absent)
{
	struct rows in;
	bool *present = arena_new(ev->arena, bool, f->steps);
	if (!present)
		return ev_memory(ev);
	if (!ev_vector(ev, f, e->call.args[0], &in))
		return false;
	for (size_t k = 0; k < in.count; k++)
		for (size_t i = 0; i < f->steps; i++)
			present[i] = present[i] || slot_is_set(&in.list[k], i);
	return absent_row(ev, f, e->call.args[0], present, ret);
}

SPECIAL(f_absent_over_time)
{
	struct ranged r;
	bool *present = arena_new(ev->arena, bool, f->steps);
	if (!present)
		return ev_memory(ev);
	if (!ev_ranged(ev, f, e->call.args[0], &r))
		return false;
	for (size_t k = 0; k < r.count; k++) {
		struct window_walk walk = { 0 };
		for (size_t i = 0; i < f->steps; i++) {
			struct window w = window_at(ev, f, &r, &r.list[k], i, &walk);
			present[i] = present[i] || w.nf + w.nh > 0;
		}
	}
	return absent_row(ev, f, e->call.args[0], present, ret);
}

static bool clamp(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const double *lo, const double *hi, struct val *ret)
{
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++) {
		for (size_t i = 0; i < f->steps; i++) {
			double v = in.list[k].v[i], l = lo ? lo[i] : -INFINITY;
			double h = hi ? hi[i] : (double)INFINITY;
			if (!slot_is_float(&in.list[k], i) || h < l)
				continue;
			if (isnan(v) || isnan(l) || isnan(h))
				v = (double)NAN;
			else
				v = fmax(l, fmin(h, v));
			ret->rows.list[k].v[i] = v;
		}
	}
	return true;
}

SPECIAL(f_clamp)
{
	double *lo, *hi;
	return ev_scalar(ev, f, e->call.args[1], &lo) && ev_scalar(ev, f, e->call.args[2], &hi) &&
	       clamp(ev, f, e, lo, hi, ret);
}

SPECIAL(f_clamp_min)
{
	double *lo;
	return ev_scalar(ev, f, e->call.args[1], &lo) && clamp(ev, f, e, lo, NULL, ret);
}

SPECIAL(f_clamp_max)
{
	double *hi;
	return ev_scalar(ev, f, e->call.args[1], &hi) && clamp(ev, f, e, NULL, hi, ret);
}

SPECIAL(f_round)
{
	struct rows in;
	double *nearest = NULL;
	ret->type = PROMQL_VECTOR;
	if (e->call.count > 1 && !ev_scalar(ev, f, e->call.args[1], &nearest))
		return false;
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++) {
		for (size_t i = 0; i < f->steps; i++) {
			/* by the inverse, which is kinder to decimal fractions */
			double inverse = nearest ? 1 / nearest[i] : 1;
			if (slot_is_float(&in.list[k], i))
				ret->rows.list[k].v[i] =
				    floor(in.list[k].v[i] * inverse + 0.5) / inverse;
		}
	}
	return true;
}

/* ---- classes ---- */

static bool call_math(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	double (*math)(double) = e->call.function->math;
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++)
		for (size_t i = 0; i < f->steps; i++)
			if (slot_is_float(&in.list[k], i))
				ret->rows.list[k].v[i] = math(in.list[k].v[i]);
	return true;
}

static bool call_hist(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++)
		for (size_t i = 0; in.list[k].h && i < f->steps; i++)
			if (slot_hist(&in.list[k], i))
				ret->rows.list[k].v[i] = e->call.function->hist(in.list[k].h[i]);
	return true;
}

static double date_of(double (*date)(int64_t), double v)
{
	/* years 1 to 9999, which the calendar knows */
	if (!(v > -62135596800.0 && v < 253402300800.0))
		return (double)NAN;
	return date((int64_t)v);
}

static bool call_date(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	double (*date)(int64_t) = e->call.function->date;
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (e->call.count == 0) {
		struct row *r = rows_alloc(ev, 1);
		if (!r || !row_make(ev, f, (struct labels){ 0 }, false, r))
			return false;
		for (size_t i = 0; i < f->steps; i++)
			r->v[i] = date_of(date, (double)(frame_time(f, i) / 1000));
		ret->rows = (struct rows){ r, 1 };
		return true;
	}
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_like(ev, f, &in, true, &ret->rows))
		return false;
	for (size_t k = 0; k < in.count; k++)
		for (size_t i = 0; i < f->steps; i++)
			if (slot_is_float(&in.list[k], i))
				ret->rows.list[k].v[i] = date_of(date, in.list[k].v[i]);
	return true;
}

static bool extended_ok(struct ev *ev, const struct promql_expr *e, const struct ranged *r)
{
	static const struct str safe[] = { STR_INIT("delta"), STR_INIT("increase"),
		STR_INIT("rate"), STR_INIT("changes"), STR_INIT("resets") };
	size_t n = r->smoothed ? 3 : ARRAY_COUNT(safe);
	if (!r->smoothed && !r->anchored)
		return true;
	for (size_t i = 0; i < n; i++)
		if (str_eq(e->call.function->name, safe[i]))
			return true;
	return ev_fail(ev, ERR_INPUT, "%s modifier can only be used with: %s - not with %.*s",
	    r->smoothed ? "smoothed" : "anchored",
	    r->smoothed ? "delta, increase, rate" : "changes, delta, increase, rate, resets",
	    STR_ARG(e->call.function->name));
}

static bool call_window(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	const struct promql_function *fn = e->call.function;
	struct ranged r = { 0 };
	struct call c = { .expr = e, .frame = f, .ranged = &r };
	size_t scalars = 0;
	for (size_t i = 0; i < e->call.count; i++) {
		if (fn->args[i] == PROMQL_MATRIX)
			c.range_arg = e->call.args[i];
		else if (!ev_scalar(ev, f, e->call.args[i], &c.scalars[scalars++]))
			return false;
	}
	assert(c.range_arg && scalars < ARRAY_COUNT(c.scalars));
	c.pos = c.range_arg->from;
	uint64_t before = ev->samples;
	if (!ev_ranged(ev, f, c.range_arg, &r) || !extended_ok(ev, e, &r))
		return false;
	struct row *out = rows_alloc(ev, r.count);
	if (!out)
		return false;
	size_t n = 0;
	for (size_t k = 0; k < r.count; k++) {
		const struct raw *raw = &r.list[k];
		struct window_walk walk = { 0 };
		if (raw->nh && f->steps > 1)
			walk.h_resets = arena_new(ev->arena, uint8_t, raw->nh);
		c.labels = raw->labels;
		if (!row_make(ev, f, raw->labels, !fn->keeps_name || raw->drop_name, &out[n]))
			return false;
		for (c.step = 0; c.step < f->steps; c.step++) {
			struct window w = window_at(ev, f, &r, raw, c.step, &walk);
			const struct hist *h = NULL;
			double v = 0;
			if (!ev_tick(ev, (w.nf + w.nh) / 8))
				return false;
			if (w.nf + w.nh == 0 || !fn->window(ev, &c, &w, &v, &h))
				continue;
			if (h && !row_set_hist(ev, f, &out[n], c.step, h))
				return false;
			if (!h)
				out[n].v[c.step] = v;
		}
		n += row_count(&out[n], f->steps) > 0;
	}
	ev->samples = before + n;
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { out, n } };
	return ev->err == OK;
}

bool ev_call(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	const struct promql_function *fn = e->call.function;
	struct str hint = ev->hint_function;
	ev->hint_function = fn->name;
	*ret = (struct val){ .type = fn->type };
	bool ok = false;
	switch (fn->class) {
	case FUNC_MATH: ok = call_math(ev, f, e, ret); break;
	case FUNC_HIST: ok = call_hist(ev, f, e, ret); break;
	case FUNC_DATE: ok = call_date(ev, f, e, ret); break;
	case FUNC_WINDOW: ok = call_window(ev, f, e, ret); break;
	case FUNC_SPECIAL: ok = fn->special(ev, f, e, ret); break;
	}
	ev->hint_function = hint;
	return ok && ev->err == OK;
}

/* ---- arithmetic ---- */

static double m_rad(double v)
{
	return v * M_PI / 180;
}

static double m_deg(double v)
{
	return v * 180 / M_PI;
}

static double m_sgn(double v)
{
	return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double h_count(const struct hist *h)
{
	return h->count;
}

static double h_sum(const struct hist *h)
{
	return h->sum;
}

static double h_avg(const struct hist *h)
{
	return h->sum / h->count;
}

static double h_stddev(const struct hist *h)
{
	return sqrt(hist_variance(h));
}

static double d_year(int64_t s)
{
	return civil_from_s(s).year;
}

static double d_month(int64_t s)
{
	return civil_from_s(s).month;
}

static double d_day_of_month(int64_t s)
{
	return civil_from_s(s).day;
}

static double d_day_of_week(int64_t s)
{
	return civil_weekday(s);
}

static double d_day_of_year(int64_t s)
{
	struct civil first = { .year = civil_from_s(s).year, .month = 1, .day = 1 };
	return (double)((s - civil_to_s(first)) / 86400 + 1);
}

static double d_days_in_month(int64_t s)
{
	struct civil c = civil_from_s(s);
	struct civil this = { .year = c.year, .month = c.month, .day = 1 };
	struct civil next = { .year = c.month == 12 ? c.year + 1 : c.year,
		.month = (int8_t)(c.month == 12 ? 1 : c.month + 1),
		.day = 1 };
	return c.month == 12 ? 31 : (double)((civil_to_s(next) - civil_to_s(this)) / 86400);
}

static double d_hour(int64_t s)
{
	return civil_from_s(s).hour;
}

static double d_minute(int64_t s)
{
	return civil_from_s(s).minute;
}

/* ---- the table ---- */

#define V PROMQL_VECTOR
#define S PROMQL_SCALAR
#define M PROMQL_MATRIX
#define T PROMQL_STRING
#define ARGS(...) .args = { __VA_ARGS__ }
#define MATH(n, fn)                                                                          \
	{                                                                                    \
		.name = STR_INIT(n), ARGS(V), .arg_count = 1, .type = V, .class = FUNC_MATH, \
		.math = fn                                                                   \
	}
#define HIST(n, fn)                                                                          \
	{                                                                                    \
		.name = STR_INIT(n), ARGS(V), .arg_count = 1, .type = V, .class = FUNC_HIST, \
		.hist = fn                                                                   \
	}
#define DATE(n, fn)                                                                     \
	{                                                                               \
		.name = STR_INIT(n), ARGS(V), .arg_count = 1, .variadic = 1, .type = V, \
		.class = FUNC_DATE, .date = fn                                          \
	}
#define WINDOW(n, fn)                                                                          \
	{                                                                                      \
		.name = STR_INIT(n), ARGS(M), .arg_count = 1, .type = V, .class = FUNC_WINDOW, \
		.window = fn                                                                   \
	}
#define WINDOW_NAMED(n, fn)                                                                    \
	{                                                                                      \
		.name = STR_INIT(n), ARGS(M), .arg_count = 1, .type = V, .class = FUNC_WINDOW, \
		.keeps_name = true, .window = fn                                               \
	}
#define OTHER(n, count, more, result, fn, ...)                                                \
	{                                                                                     \
		.name = STR_INIT(n), ARGS(__VA_ARGS__), .arg_count = count, .variadic = more, \
		.type = result, .class = FUNC_SPECIAL, .special = fn                          \
	}

static const struct promql_function functions[] = {
	MATH("abs", fabs),
	OTHER("absent", 1, 0, V, f_absent, V),
	OTHER("absent_over_time", 1, 0, V, f_absent_over_time, M),
	MATH("acos", acos),
	MATH("acosh", acosh),
	MATH("asin", asin),
	MATH("asinh", asinh),
	MATH("atan", atan),
	MATH("atanh", atanh),
	WINDOW("avg_over_time", window_avg),
	MATH("ceil", ceil),
	WINDOW("changes", window_changes),
	OTHER("clamp", 3, 0, V, f_clamp, V, S, S),
	OTHER("clamp_max", 2, 0, V, f_clamp_max, V, S),
	OTHER("clamp_min", 2, 0, V, f_clamp_min, V, S),
	MATH("cos", cos),
	MATH("cosh", cosh),
	WINDOW("count_over_time", window_count),
	DATE("day_of_month", d_day_of_month),
	DATE("day_of_week", d_day_of_week),
	DATE("day_of_year", d_day_of_year),
	DATE("days_in_month", d_days_in_month),
	MATH("deg", m_deg),
	WINDOW("delta", window_delta),
	WINDOW("deriv", window_deriv),
	{ .name = STR_INIT("double_exponential_smoothing"),
	    ARGS(M, S, S),
	    .arg_count = 3,
	    .type = V,
	    .class = FUNC_WINDOW,
	    .window = window_smoothing },
	OTHER("end", 0, 0, S, f_end, S),
	MATH("exp", exp),
	WINDOW_NAMED("first_over_time", window_first),
	MATH("floor", floor),
	HIST("histogram_avg", h_avg),
	HIST("histogram_count", h_count),
	OTHER("histogram_fraction", 3, 0, V, func_histogram_fraction, S, S, V),
	OTHER("histogram_quantile", 2, 0, V, func_histogram_quantile, S, V),
	OTHER("histogram_quantiles", 4, -1, V, func_histogram_quantiles, V, T, S, S),
	HIST("histogram_stddev", h_stddev),
	HIST("histogram_stdvar", hist_variance),
	HIST("histogram_sum", h_sum),
	DATE("hour", d_hour),
	WINDOW("idelta", window_idelta),
	WINDOW("increase", window_increase),
	OTHER("info", 2, 1, V, func_info, V, V),
	WINDOW("irate", window_irate),
	OTHER("label_join", 4, -1, V, func_label_join, V, T, T, T),
	OTHER("label_replace", 5, 0, V, func_label_replace, V, T, T, T, T),
	WINDOW_NAMED("last_over_time", window_last),
	MATH("ln", log),
	MATH("log10", log10),
	MATH("log2", log2),
	WINDOW("mad_over_time", window_mad),
	OTHER("max_of", 2, 0, S, f_max_of, S, S),
	WINDOW("max_over_time", window_max),
	OTHER("min_of", 2, 0, S, f_min_of, S, S),
	WINDOW("min_over_time", window_min),
	DATE("minute", d_minute),
	DATE("month", d_month),
	OTHER("pi", 0, 0, S, f_pi, S),
	{ .name = STR_INIT("predict_linear"),
	    ARGS(M, S),
	    .arg_count = 2,
	    .type = V,
	    .class = FUNC_WINDOW,
	    .time_bound = true,
	    .window = window_predict_linear },
	WINDOW("present_over_time", window_present),
	{ .name = STR_INIT("quantile_over_time"),
	    ARGS(S, M),
	    .arg_count = 2,
	    .type = V,
	    .class = FUNC_WINDOW,
	    .window = window_quantile },
	MATH("rad", m_rad),
	OTHER("range", 0, 0, S, f_range, S),
	WINDOW("rate", window_rate),
	WINDOW("resets", window_resets),
	OTHER("round", 2, 1, V, f_round, V, S),
	OTHER("scalar", 1, 0, S, f_scalar, V),
	MATH("sgn", m_sgn),
	MATH("sin", sin),
	MATH("sinh", sinh),
	OTHER("sort", 1, 0, V, func_sort, V),
	OTHER("sort_by_label", 2, -1, V, func_sort_by_label, V, T),
	OTHER("sort_by_label_desc", 2, -1, V, func_sort_by_label_desc, V, T),
	OTHER("sort_desc", 1, 0, V, func_sort_desc, V),
	MATH("sqrt", sqrt),
	OTHER("start", 0, 0, S, f_start, S),
	WINDOW("stddev_over_time", window_stddev),
	WINDOW("stdvar_over_time", window_stdvar),
	OTHER("step", 0, 0, S, f_step, S),
	WINDOW("sum_over_time", window_sum),
	MATH("tan", tan),
	MATH("tanh", tanh),
	{ .name = STR_INIT("time"),
	    ARGS(S),
	    .arg_count = 0,
	    .type = S,
	    .class = FUNC_SPECIAL,
	    .time_bound = true,
	    .special = f_time },
	{ .name = STR_INIT("timestamp"),
	    ARGS(V),
	    .arg_count = 1,
	    .type = V,
	    .class = FUNC_SPECIAL,
	    .time_bound = true,
	    .special = f_timestamp },
	WINDOW("ts_of_first_over_time", window_ts_of_first),
	WINDOW("ts_of_last_over_time", window_ts_of_last),
	WINDOW("ts_of_max_over_time", window_ts_of_max),
	WINDOW("ts_of_min_over_time", window_ts_of_min),
	OTHER("vector", 1, 0, V, f_vector, S),
	DATE("year", d_year),
};

const struct promql_function *promql_function_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_COUNT(functions); i++)
		if (str_eq(functions[i].name, name))
			return &functions[i];
	return NULL;
}
