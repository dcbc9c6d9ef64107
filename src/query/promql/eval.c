/* SPDX-License-Identifier: Apache-2.0
 *
 * The evaluator's frame: failures, remarks, rows, and the two entry points. See eval_priv.h.
 */
#include "base/time.h"
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool ev_fail(struct ev *ev, enum err err, const char *format, ...)
{
	assert(err != OK);
	if (ev->err != OK)
		return false;
	va_list args;
	va_start(args, format);
	struct buf b = buf_make(&mem_system, 1 << 16);
	buf_vprintf(&b, format, args);
	va_end(args);
	ev->err = err;
	ev->failure->type = err == ERR_BUSY                        ? PROMQL_ERR_TIMEOUT
	                    : err == ERR_INPUT || err == ERR_LIMIT ? PROMQL_ERR_EXECUTION
	                                                           : PROMQL_ERR_INTERNAL;
	ev->failure->what = arena_str(ev->arena, buf_str(&b));
	if (!ev->failure->what.ptr)
		ev->failure->what = STR("out of memory");
	buf_free(&b);
	return false;
}

bool ev_memory(struct ev *ev)
{
	enum err e = arena_err(ev->arena);
	if (ev->err == OK) {
		ev->err = e == OK ? ERR_NOMEM : e;
		ev->failure->type = e == ERR_LIMIT ? PROMQL_ERR_EXECUTION : PROMQL_ERR_INTERNAL;
		ev->failure->what = e == ERR_LIMIT ? STR("query needs more memory than it may have")
		                                   : STR("out of memory");
	}
	return false;
}

bool ev_tick(struct ev *ev, size_t work)
{
	if (ev->err != OK)
		return false;
	unsigned cost = work > 100000 ? 100000u : (unsigned)work + 1u;
	if (ev->ticks > cost) {
		ev->ticks -= cost;
		return true;
	}
	ev->ticks = 100000;
	if (ev->engine->cancelled && ev->engine->cancelled(ev->engine->cancel_ctx))
		return ev_fail(ev, ERR_BUSY, "query timed out in expression evaluation");
	return true;
}

bool ev_add_samples(struct ev *ev, uint64_t n)
{
	ev->samples += n;
	if (ev->samples > ev->samples_peak)
		ev->samples_peak = ev->samples;
	if (ev->samples > ev->samples_max)
		return ev_fail(ev, ERR_LIMIT,
		    "query processing would load too many samples into memory in query execution");
	return true;
}

static struct note *note_find(struct ev *ev, uint32_t pos, struct str text)
{
	for (size_t i = ev->note_count; i > 0; i--)
		if (ev->notes[i - 1].pos == pos && str_eq(ev->notes[i - 1].text, text))
			return &ev->notes[i - 1];
	return NULL;
}

void ev_note(struct ev *ev, bool is_warning, uint32_t pos, const char *format, ...)
{
	char text[1024];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct str s = str_make(text, n < (int)sizeof(text) ? (size_t)n : sizeof(text) - 1);
	if (note_find(ev, pos, s) || ev->note_count == NOTES_MAX)
		return;
	if (ev->note_count == ev->note_cap) {
		size_t cap = ev->note_cap ? ev->note_cap * 2 : 8;
		struct note *bigger = arena_new(ev->arena, struct note, cap);
		if (!bigger)
			return; /* the evaluation fails on its own at the next allocation */
		if (ev->note_count)
			memcpy(bigger, ev->notes, ev->note_count * sizeof(*bigger));
		ev->notes = bigger;
		ev->note_cap = cap;
	}
	struct str kept = arena_str(ev->arena, s);
	if (kept.ptr)
		ev->notes[ev->note_count++] =
		    (struct note){ .is_warning = is_warning, .pos = pos, .text = kept };
}

const char *ev_quote(struct ev *ev, struct str s)
{
	struct buf b = buf_make(&mem_system, 1 << 16);
	labels_quote(&b, s);
	struct str out = arena_str(ev->arena, buf_str(&b));
	buf_free(&b);
	return out.ptr ? out.ptr : "\"\"";
}

const char *ev_for_metric(struct ev *ev, struct labels l)
{
	struct str name = labels_get(l, LABEL_NAME);
	if (name.len == 0)
		return "";
	struct str s = arena_printf(ev->arena, " for metric name %s", ev_quote(ev, name));
	return s.ptr ? s.ptr : "";
}

bool row_make(
    struct ev *ev, const struct frame *f, struct labels l, bool drop_name, struct row *ret)
{
	double *v = arena_new(ev->arena, double, f->steps);
	if (!v)
		return ev_memory(ev);
	double absent = sample_stale();
	for (size_t i = 0; i < f->steps; i++)
		v[i] = absent;
	*ret = (struct row){ .labels = l, .drop_name = drop_name, .v = v };
	return true;
}

bool row_set_hist(
    struct ev *ev, const struct frame *f, struct row *r, size_t i, const struct hist *h)
{
	assert(i < f->steps);
	if (!r->h) {
		r->h = arena_new(ev->arena, const struct hist *, f->steps);
		if (!r->h)
			return ev_memory(ev);
	}
	r->h[i] = h;
	r->v[i] = sample_stale();
	return true;
}

bool row_copy_slot(
    struct ev *ev, const struct frame *f, struct row *to, const struct row *from, size_t i)
{
	const struct hist *h = slot_hist(from, i);
	if (h)
		return row_set_hist(ev, f, to, i, h);
	to->v[i] = from->v[i];
	return true;
}

size_t row_count(const struct row *r, size_t steps)
{
	size_t n = 0;
	for (size_t i = 0; i < steps; i++)
		n += slot_is_set(r, i);
	return n;
}

struct row *rows_alloc(struct ev *ev, size_t n)
{
	struct row *list = arena_new(ev->arena, struct row, n);
	if (!list)
		ev_memory(ev);
	return list;
}

static int by_labels(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	return labels_cmp(a->labels, b->labels);
}

void rows_sort(struct rows *rows)
{
	if (rows->count > 1)
		qsort(rows->list, rows->count, sizeof(*rows->list), by_labels);
}

/* Adds from's values to `to`. */
static bool row_join(struct ev *ev, const struct frame *f, struct row *to, const struct row *from)
{
	for (size_t i = 0; i < f->steps; i++) {
		if (!slot_is_set(from, i))
			continue;
		if (slot_is_set(to, i))
			return ev_fail(
			    ev, ERR_INPUT, "vector cannot contain metrics with the same labelset");
		if (!row_copy_slot(ev, f, to, from, i))
			return false;
	}
	return true;
}

bool rows_merge(struct ev *ev, const struct frame *f, struct rows *rows)
{
	struct labels_map map;
	if (rows->count < 2)
		return true;
	if (labels_map_make(ev->arena, rows->count, &map) != OK)
		return ev_memory(ev);
	size_t kept = 0;
	for (size_t i = 0; i < rows->count; i++) {
		uint32_t number;
		bool is_new;
		if (labels_map_put(&map, rows->list[i].labels, &number, &is_new) != OK)
			return ev_memory(ev);
		if (is_new) {
			assert(number == kept);
			rows->list[kept++] = rows->list[i];
			continue;
		}
		struct row *to = &rows->list[number];
		/* the arrays of `to` may be shared with another value: join into fresh ones */
		struct row joined;
		if (!row_make(
		        ev, f, to->labels, to->drop_name || rows->list[i].drop_name, &joined) ||
		    !row_join(ev, f, &joined, to) || !row_join(ev, f, &joined, &rows->list[i]))
			return false;
		*to = joined;
	}
	rows->count = kept;
	return true;
}

bool ev_vector(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct rows *ret)
{
	struct val v;
	if (!ev_eval(ev, f, e, &v))
		return false;
	if (v.type != PROMQL_VECTOR)
		return ev_fail(
		    ev, ERR_INPUT, "expected an instant vector, got %s", type_text(v.type));
	*ret = v.rows;
	return true;
}

bool ev_scalar(struct ev *ev, const struct frame *f, const struct promql_expr *e, double **ret)
{
	struct val v;
	if (!ev_eval(ev, f, e, &v))
		return false;
	if (v.type != PROMQL_SCALAR)
		return ev_fail(ev, ERR_INPUT, "expected a scalar, got %s", type_text(v.type));
	*ret = v.scalar;
	return true;
}

/* The value of a duration in seconds. */
static bool duration_s(struct ev *ev, const struct promql_expr *e, double *ret)
{
	double l = 0, r = 0;
	if (e->kind == EXPR_NUMBER) {
		*ret = e->number.value;
		return true;
	}
	assert(e->kind == EXPR_DURATION);
	if ((e->duration.left && !duration_s(ev, e->duration.left, &l)) ||
	    (e->duration.right && !duration_s(ev, e->duration.right, &r)))
		return false;
	switch (e->duration.op) {
	case OP_STEP: *ret = (double)ev->step / 1000; return true;
	case OP_RANGE: *ret = (double)(ev->end - ev->start) / 1000; return true;
	case OP_MIN: *ret = fmin(l, r); return true;
	case OP_MAX: *ret = fmax(l, r); return true;
	case OP_ADD: *ret = l + r; return true;
	case OP_SUB: *ret = l - r; return true;
	case OP_MUL: *ret = l * r; return true;
	case OP_POW: *ret = pow(l, r); return true;
	case OP_DIV:
	case OP_MOD:
		if (r == 0)
			return ev_fail(ev, ERR_INPUT,
			    e->duration.op == OP_DIV ? "division by zero" : "modulo by zero");
		*ret = e->duration.op == OP_DIV ? l / r : fmod(l, r);
		return true;
	default:
		return ev_fail(ev, ERR_INPUT, "unexpected duration expression operator \"%s\"",
		    op_text(e->duration.op));
	}
}

bool ev_duration_ms(struct ev *ev, const struct promql_expr *e, bool negative_ok, int64_t *ret)
{
	double s;
	if (!duration_s(ev, e, &s))
		return false;
	if (!(s > 0) && !negative_ok)
		return ev_fail(ev, ERR_INPUT, "duration must be greater than 0");
	if (!(fabs(s) < 9.2e9))
		return ev_fail(ev, ERR_INPUT, "duration is out of range");
	*ret = (int64_t)llround(s * 1000);
	return true;
}

/* The same value at every step of f, out of a value at one step. */
static bool spread(struct ev *ev, const struct frame *f, struct val *v)
{
	if (v->type == PROMQL_SCALAR) {
		double *s = arena_new(ev->arena, double, f->steps);
		if (!s)
			return ev_memory(ev);
		for (size_t i = 0; i < f->steps; i++)
			s[i] = v->scalar[0];
		v->scalar = s;
	}
	for (size_t k = 0; v->type == PROMQL_VECTOR && k < v->rows.count; k++) {
		struct row one = v->rows.list[k], *to = &v->rows.list[k];
		if (!row_make(ev, f, one.labels, one.drop_name, to))
			return false;
		for (size_t i = 0; i < f->steps; i++) {
			to->v[i] = one.v[0];
			if (slot_hist(&one, 0) && !row_set_hist(ev, f, to, i, one.h[0]))
				return false;
		}
	}
	return true;
}

static bool eval_unary(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct val v;
	if (!ev_eval(ev, f, e->unary.inner, &v))
		return false;
	if (!e->unary.minus) {
		*ret = v;
		return true;
	}
	if (v.type == PROMQL_SCALAR) {
		for (size_t i = 0; i < f->steps; i++)
			v.scalar[i] = -v.scalar[i];
		*ret = v;
		return true;
	}
	struct row *out = rows_alloc(ev, v.rows.count);
	if (!out)
		return false;
	for (size_t k = 0; k < v.rows.count; k++) {
		const struct row *from = &v.rows.list[k];
		if (!row_make(ev, f, from->labels, true, &out[k]))
			return false;
		for (size_t i = 0; i < f->steps; i++) {
			const struct hist *h = slot_hist(from, i);
			if (slot_is_float(from, i)) {
				out[k].v[i] = -from->v[i];
			} else if (h) {
				struct hist *minus = arena_new(ev->arena, struct hist, 1);
				if (!minus || hist_scale(ev->arena, h, -1, minus) != OK)
					return ev_memory(ev);
				if (!row_set_hist(ev, f, &out[k], i, minus))
					return false;
			}
		}
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { out, v.rows.count } };
	return true;
}

static bool eval_number(struct ev *ev, const struct frame *f, double number, struct val *ret)
{
	double *s = arena_new(ev->arena, double, f->steps);
	if (!s)
		return ev_memory(ev);
	for (size_t i = 0; i < f->steps; i++)
		s[i] = number;
	*ret = (struct val){ .type = PROMQL_SCALAR, .scalar = s };
	return true;
}

static bool eval_kind(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	switch (e->kind) {
	case EXPR_NUMBER: return eval_number(ev, f, e->number.value, ret);
	case EXPR_STRING:
		*ret = (struct val){ .type = PROMQL_STRING, .string = e->string };
		return true;
	case EXPR_PAREN: return ev_eval(ev, f, e->paren, ret);
	case EXPR_UNARY: return eval_unary(ev, f, e, ret);
	case EXPR_SELECTOR:
		*ret = (struct val){ .type = PROMQL_VECTOR };
		return ev_selector(ev, f, e, false, &ret->rows);
	case EXPR_CALL: return ev_call(ev, f, e, ret);
	case EXPR_AGGREGATE: return ev_aggregate(ev, f, e, ret);
	case EXPR_BINARY: return ev_binary(ev, f, e, ret);
	case EXPR_MATRIX:
	case EXPR_SUBQUERY:
	case EXPR_DURATION: break;
	}
	return ev_fail(ev, ERR_INPUT, "unexpected %s", type_text(e->type));
}

bool ev_eval(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	assert(f->steps > 0);
	if (!ev_tick(ev, f->steps))
		return false;
	if (!e->invariant || f->steps == 1 || e->kind == EXPR_NUMBER || e->kind == EXPR_STRING ||
	    e->kind == EXPR_PAREN)
		return eval_kind(ev, f, e, ret);
	struct frame one = { f->start, f->step, 1 };
	return eval_kind(ev, &one, e, ret) && spread(ev, f, ret);
}

/* ---- the way out ---- */

/* Drops the names that were to be dropped, and puts together what has the same labels then. */
static bool drop_names(struct ev *ev, const struct frame *f, struct rows *rows)
{
	struct row *copy = rows_alloc(ev, rows->count);
	if (!copy)
		return false;
	for (size_t i = 0; i < rows->count; i++) {
		copy[i] = rows->list[i];
		if (copy[i].drop_name &&
		    labels_drop_meta(ev->arena, copy[i].labels, &copy[i].labels) != OK)
			return ev_memory(ev);
	}
	rows->list = copy;
	return rows_merge(ev, f, rows);
}

static bool points_of(
    struct ev *ev, const struct frame *f, const struct row *r, struct promql_series *ret)
{
	size_t n = row_count(r, f->steps), k = 0;
	struct promql_point *p = arena_new(ev->arena, struct promql_point, n);
	if (!p)
		return ev_memory(ev);
	for (size_t i = 0; i < f->steps; i++)
		if (slot_is_set(r, i))
			p[k++] =
			    (struct promql_point){ frame_time(f, i), r->v[i], slot_hist(r, i) };
	assert(k == n);
	*ret = (struct promql_series){ r->labels, p, n };
	return true;
}

static bool finish(
    struct ev *ev, const struct frame *f, struct val *v, bool is_range, struct promql_result *ret)
{
	*ret = (struct promql_result){ .type = v->type, .string = v->string, .ms = f->start };
	if (v->type == PROMQL_STRING)
		return true;
	if (v->type == PROMQL_SCALAR) {
		struct row r = { .v = v->scalar };
		struct promql_series *s = arena_new(ev->arena, struct promql_series, 1);
		if (!s || !points_of(ev, f, &r, s))
			return ev_memory(ev);
		ret->series = s;
		ret->count = 1;
		ret->type = is_range ? PROMQL_MATRIX : PROMQL_SCALAR;
		return true;
	}
	if (!drop_names(ev, f, &v->rows))
		return false;
	if (is_range)
		rows_sort(&v->rows);
	struct promql_series *s = arena_new(ev->arena, struct promql_series, v->rows.count);
	if (!s)
		return ev_memory(ev);
	size_t n = 0;
	for (size_t i = 0; i < v->rows.count; i++) {
		if (!points_of(ev, f, &v->rows.list[i], &s[n]))
			return false;
		n += s[n].count > 0;
	}
	ret->series = s;
	ret->count = n;
	ret->type = is_range ? PROMQL_MATRIX : PROMQL_VECTOR;
	return true;
}

static int point_order(const void *x, const void *y)
{
	const struct promql_point *a = x, *b = y;
	return a->ms < b->ms ? -1 : a->ms > b->ms;
}

static int series_order(const void *x, const void *y)
{
	const struct promql_series *a = x, *b = y;
	return labels_cmp(a->labels, b->labels);
}

/* An instant query for a range vector: its samples as they are. */
static bool finish_matrix(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct promql_result *ret)
{
	struct ranged r;
	if (!ev_ranged(ev, f, e, &r))
		return false;
	struct promql_series *out = arena_new(ev->arena, struct promql_series, r.count);
	if (!out)
		return ev_memory(ev);
	size_t n = 0;
	for (size_t k = 0; k < r.count; k++) {
		struct window_walk walk = { 0 };
		struct window w = window_at(ev, f, &r, &r.list[k], 0, &walk);
		size_t total = w.nf + w.nh, at = 0;
		if (total == 0)
			continue;
		struct promql_point *p = arena_new(ev->arena, struct promql_point, total);
		if (!p)
			return ev_memory(ev);
		for (size_t i = 0; i < w.nf; i++)
			p[at++] = (struct promql_point){ w.f[i].ms, w.f[i].value, NULL };
		for (size_t i = 0; i < w.nh; i++)
			p[at++] = (struct promql_point){ w.h[i].ms, sample_stale(), w.h[i].hist };
		if (w.nf && w.nh)
			qsort(p, total, sizeof(*p), point_order);
		struct labels l = r.list[k].labels;
		if (r.list[k].drop_name && labels_drop_meta(ev->arena, l, &l) != OK)
			return ev_memory(ev);
		out[n++] = (struct promql_series){ l, p, total };
	}
	if (n > 1)
		qsort(out, n, sizeof(*out), series_order);
	for (size_t i = 1; i < n; i++)
		if (labels_eq(out[i].labels, out[i - 1].labels))
			return ev_fail(
			    ev, ERR_INPUT, "vector cannot contain metrics with the same labelset");
	*ret = (struct promql_result){ .type = PROMQL_MATRIX, .series = out, .count = n };
	return true;
}

static void place(struct str query, uint32_t pos, struct buf *b)
{
	unsigned line = 1;
	size_t begin = 0;
	for (size_t i = 0; i < pos && i < query.len; i++) {
		if (query.ptr[i] == '\n') {
			line++;
			begin = i + 1;
		}
	}
	buf_printf(b, " (%u:%zu)", line, pos - begin + 1);
}

static void monotony(struct buf *b, const struct note *n)
{
	buf_add_c(b, ", from buckets ");
	promql_put_g(b, n->min_bucket);
	buf_add_c(b, " to ");
	promql_put_g(b, n->max_bucket);
	buf_printf(b, ", with a max diff of %.2g, over %zu samples from ", n->max_diff, n->cases);
	wall_format(b, wall_from_ms(n->min_ms - n->min_ms % 1000));
	buf_add_c(b, " to ");
	wall_format(b, wall_from_ms(n->max_ms - n->max_ms % 1000));
}

static bool finish_notes(struct ev *ev, struct promql_result *ret)
{
	struct str *texts = arena_new(ev->arena, struct str, ev->note_count);
	if (!texts)
		return ev_memory(ev);
	size_t n = 0;
	for (int warning = 1; warning >= 0; warning--) {
		for (size_t i = 0; i < ev->note_count; i++) {
			const struct note *note = &ev->notes[i];
			if (note->is_warning != (warning == 1))
				continue;
			struct buf b = buf_make(&mem_system, 1 << 16);
			buf_add_c(&b, warning ? "PromQL warning: " : "PromQL info: ");
			buf_add(&b, note->text);
			if (note->is_monotony)
				monotony(&b, note);
			place(ev->query, note->pos, &b);
			texts[n] = arena_str(ev->arena, buf_str(&b));
			buf_free(&b);
			if (!texts[n++].ptr)
				return ev_memory(ev);
		}
		if (warning)
			ret->warning_count = n;
	}
	ret->warnings = texts;
	ret->infos = texts + ret->warning_count;
	ret->info_count = n - ret->warning_count;
	ret->samples = ev->samples_peak;
	return true;
}

static enum err run(const struct promql_engine *engine, struct arena *a,
    const struct promql_expr *e, struct str query, struct frame f, int64_t end, bool is_range,
    struct promql_result *ret, struct promql_failure *ret_failure)
{
	struct ev ev = { .engine = engine,
		.arena = a,
		.query = query,
		.start = f.start,
		.end = end,
		.step = is_range ? f.step : 0,
		.ticks = 1000,
		.failure = ret_failure };
	ev.lookback = engine->lookback_ms ? engine->lookback_ms : PROMQL_LOOKBACK_MS;
	ev.samples_max = engine->sample_max ? engine->sample_max : PROMQL_SAMPLES_MAX;
	*ret_failure = (struct promql_failure){ 0 };
	struct promql_result out = { 0 };
	struct val v = { 0 };
	bool ok;
	const struct promql_expr *bare = expr_bare(e);
	if (bare->type == PROMQL_MATRIX && !is_range)
		ok = finish_matrix(&ev, &f, bare, &out);
	else if (is_range && bare->type != PROMQL_VECTOR && bare->type != PROMQL_SCALAR)
		ok = ev_fail(&ev, ERR_INPUT,
		    "invalid expression type \"%s\" for range query, must be Scalar or instant "
		    "Vector",
		    type_text(bare->type));
	else
		ok = ev_eval(&ev, &f, e, &v) && finish(&ev, &f, &v, is_range, &out);
	ok = ok && finish_notes(&ev, &out);
	if (ok && arena_err(a) != OK)
		ok = ev_memory(&ev);
	if (!ok) {
		assert(ev.err != OK);
		return ev.err;
	}
	*ret = out;
	return OK;
}

enum err promql_instant(const struct promql_engine *engine, struct arena *a,
    const struct promql_expr *e, struct str query, int64_t at_ms, struct promql_result *ret,
    struct promql_failure *ret_failure)
{
	struct frame f = { at_ms, 1, 1 };
	return run(engine, a, e, query, f, at_ms, false, ret, ret_failure);
}

enum err promql_range(const struct promql_engine *engine, struct arena *a,
    const struct promql_expr *e, struct str query, int64_t start_ms, int64_t end_ms,
    int64_t step_ms, struct promql_result *ret, struct promql_failure *ret_failure)
{
	int64_t span;
	assert(step_ms > 0 && start_ms <= end_ms);
	if (ck_sub(end_ms, start_ms, &span) || span / step_ms >= PROMQL_STEPS_MAX) {
		*ret_failure = (struct promql_failure){ PROMQL_ERR_EXECUTION,
			STR("exceeded maximum resolution of 1,000,000 points per timeseries") };
		return ERR_LIMIT;
	}
	struct frame f = { start_ms, step_ms, (size_t)(span / step_ms) + 1 };
	return run(engine, a, e, query, f, end_ms, true, ret, ret_failure);
}
