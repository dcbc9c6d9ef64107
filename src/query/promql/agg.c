/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregations: rows are put into groups by labels, then each group is worked through on its own,
 * so the scratch memory is that of one group.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct group {
	struct labels labels;
	bool drop_name;
	uint32_t *rows; /* in order of the input */
	size_t count;
};

struct agg {
	struct ev *ev;
	const struct frame *f;
	const struct promql_expr *e;
	struct rows in;
	struct group *groups;
	size_t group_count;
	double *param; /* per step; NULL when the operator has none */
	uint32_t pos;  /* of the inner expression */
};

static bool group_labels(struct agg *a, struct labels l, struct labels *ret)
{
	const struct names *by = &a->e->agg.by;
	enum err e;
	if (a->e->agg.without) {
		e = labels_without(a->ev->arena, l, by->list, by->count, true, ret);
		if (e == OK)
			e = labels_drop_meta(a->ev->arena, *ret, ret);
	} else {
		e = labels_keep(a->ev->arena, l, by->list, by->count, ret);
	}
	return e == OK || ev_memory(a->ev);
}

static bool make_groups(struct agg *a)
{
	struct labels_map map;
	struct arena *arena = a->ev->arena;
	uint32_t *group_of = arena_new(arena, uint32_t, a->in.count);
	uint32_t *order = arena_new(arena, uint32_t, a->in.count);
	if (!group_of || !order || labels_map_make(arena, 16, &map) != OK)
		return ev_memory(a->ev);
	for (size_t k = 0; k < a->in.count; k++) {
		struct labels l;
		if (!group_labels(a, a->in.list[k].labels, &l))
			return false;
		if (labels_map_put(&map, l, &group_of[k], NULL) != OK)
			return ev_memory(a->ev);
	}
	a->group_count = map.count;
	a->groups = arena_new(arena, struct group, map.count);
	if (!a->groups)
		return ev_memory(a->ev);
	for (size_t k = 0; k < a->in.count; k++)
		a->groups[group_of[k]].count++;
	for (size_t g = 0, at = 0; g < a->group_count; g++) {
		a->groups[g].labels = map.sets[g];
		a->groups[g].rows = order + at;
		at += a->groups[g].count;
		a->groups[g].count = 0;
	}
	for (size_t k = 0; k < a->in.count; k++) {
		struct group *g = &a->groups[group_of[k]];
		g->rows[g->count++] = (uint32_t)k;
		g->drop_name = g->drop_name || a->in.list[k].drop_name;
	}
	return true;
}

static const struct row *member(const struct agg *a, const struct group *g, size_t k)
{
	return &a->in.list[g->rows[k]];
}

static void note_ignored(struct agg *a)
{
	ev_note(
	    a->ev, false, a->pos, "ignored histogram in %s aggregation", agg_text(a->e->agg.op));
}

/* ---- sum and avg ---- */

struct total {
	double sum, low, mean, n;
	bool running; /* the mean is kept instead of the sum, which would overflow */
	bool floats, hists, broken, reset, not_reset, reconciled;
	struct hist_sum hist;
};

static void add_float(struct total *t, double v, bool mean)
{
	t->n++;
	if (!t->floats) {
		t->floats = true;
		t->sum = v;
		return;
	}
	double s = t->running ? t->mean : t->sum, low = t->low;
	if (!t->running) {
		kahan_add(v, &s, &low);
		if (!mean || !isinf(s)) {
			t->sum = s;
			t->low = low;
			return;
		}
		t->running = true;
		t->mean = t->sum / (t->n - 1);
		t->low /= t->n - 1;
	}
	double share = (t->n - 1) / t->n;
	t->mean *= share;
	t->low *= share;
	kahan_add(v / t->n, &t->mean, &t->low);
}

static bool add_hist(struct agg *a, struct total *t, const struct hist *h)
{
	struct hist_note note = { 0 };
	enum err e;
	t->n++;
	t->reset = t->reset || h->hint == HIST_RESET;
	t->not_reset = t->not_reset || h->hint == HIST_NOT_RESET;
	if (t->broken)
		return true;
	if (!t->hists) {
		t->hists = true;
		e = hist_sum_start(a->ev->arena, h, &t->hist);
	} else {
		e = hist_sum_add(a->ev->arena, &t->hist, h, &note);
	}
	t->reconciled = t->reconciled || note.bounds_reconciled;
	t->broken = e == ERR_INPUT;
	return e == OK || e == ERR_INPUT || ev_memory(a->ev);
}

/* The sum into the mean; where the sum overflowed, a running mean over the members. */
static enum err mean_hist(struct agg *a, const struct group *g, struct total *t, size_t i)
{
	if (!hist_sum_overflowed(&t->hist))
		return hist_sum_scale(a->ev->arena, &t->hist, 1 / t->n);
	enum err e = OK;
	double n = 0;
	for (size_t k = 0; e == OK && k < g->count; k++) {
		const struct hist *h = slot_hist(member(a, g, k), i);
		if (h)
			e = hist_mean_add(a->ev->arena, &t->hist, h, ++n);
	}
	return e;
}

static bool end_hist(
    struct agg *a, const struct group *g, struct total *t, size_t i, bool mean, struct row *out)
{
	struct hist *h = arena_new(a->ev->arena, struct hist, 1);
	if (t->broken) {
		ev_note(a->ev, true, a->pos,
		    "vector contains a mix of histograms with exponential and custom buckets "
		    "schemas for metric name %s",
		    ev_quote(a->ev, labels_get(member(a, g, 0)->labels, LABEL_NAME)));
		return true;
	}
	if (t->reset && t->not_reset)
		ev_note(
		    a->ev, true, a->pos, "conflicting counter resets during histogram aggregation");
	if (t->reconciled)
		ev_note(a->ev, false, a->pos,
		    "mismatched custom buckets were reconciled during aggregation");
	if (!h || (mean && mean_hist(a, g, t, i) != OK) ||
	    hist_sum_end(a->ev->arena, &t->hist, h) != OK || hist_compact(a->ev->arena, h, h) != OK)
		return ev_memory(a->ev);
	return row_set_hist(a->ev, a->f, out, i, h);
}

static bool total_group(struct agg *a, const struct group *g, struct row *out)
{
	bool mean = a->e->agg.op == AGG_AVG;
	size_t steps = a->f->steps;
	struct total *t = arena_new(a->ev->arena, struct total, steps);
	if (!t)
		return ev_memory(a->ev);
	for (size_t k = 0; k < g->count; k++) {
		const struct row *r = member(a, g, k);
		for (size_t i = 0; i < steps; i++) {
			const struct hist *h = slot_hist(r, i);
			if (slot_is_float(r, i))
				add_float(&t[i], r->v[i], mean);
			else if (h && !add_hist(a, &t[i], h))
				return false;
		}
	}
	for (size_t i = 0; i < steps; i++) {
		if (t[i].floats && t[i].hists) {
			ev_note(a->ev, true, a->pos,
			    "encountered a mix of histograms and floats for aggregation");
			continue;
		}
		if (t[i].hists && !end_hist(a, g, &t[i], i, mean, out))
			return false;
		if (!t[i].floats)
			continue;
		if (mean && t[i].running)
			out->v[i] = t[i].mean + t[i].low;
		else if (mean)
			out->v[i] = t[i].sum / t[i].n + t[i].low / t[i].n;
		else
			out->v[i] = isinf(t[i].sum) ? t[i].sum : t[i].sum + t[i].low;
	}
	return true;
}

/* ---- one number out of the floats ---- */

struct spread {
	double n, mean, value, low;
};

static void spread_add(struct spread *s, enum promql_agg op, double v)
{
	s->n++;
	if (s->n == 1) {
		bool finite = isfinite(v);
		s->mean = v;
		s->value = op == AGG_MIN || op == AGG_MAX ? v : finite ? 0 : (double)NAN;
		return;
	}
	if (op == AGG_MAX || op == AGG_MIN) {
		if ((op == AGG_MAX ? v > s->value : v < s->value) || isnan(s->value))
			s->value = v;
		return;
	}
	double d = v - s->mean;
	s->mean += d / s->n;
	kahan_add(d * (v - s->mean), &s->value, &s->low);
}

static bool spread_group(struct agg *a, const struct group *g, struct row *out)
{
	enum promql_agg op = a->e->agg.op;
	size_t steps = a->f->steps;
	struct spread *s = arena_new(a->ev->arena, struct spread, steps);
	if (!s)
		return ev_memory(a->ev);
	for (size_t k = 0; k < g->count; k++) {
		const struct row *r = member(a, g, k);
		for (size_t i = 0; i < steps; i++) {
			if (slot_is_float(r, i))
				spread_add(&s[i], op, r->v[i]);
			else if (slot_hist(r, i))
				note_ignored(a);
		}
	}
	for (size_t i = 0; i < steps; i++) {
		if (s[i].n == 0)
			continue;
		double v = s[i].value + s[i].low;
		if (op == AGG_STDVAR)
			v /= s[i].n;
		else if (op == AGG_STDDEV)
			v = sqrt(v / s[i].n);
		out->v[i] = v;
	}
	return true;
}

static bool count_group(struct agg *a, const struct group *g, struct row *out)
{
	for (size_t i = 0; i < a->f->steps; i++) {
		size_t n = 0;
		for (size_t k = 0; k < g->count; k++)
			n += slot_is_set(member(a, g, k), i);
		if (n)
			out->v[i] = a->e->agg.op == AGG_GROUP ? 1 : (double)n;
	}
	return true;
}

static bool quantile_group(struct agg *a, const struct group *g, struct row *out)
{
	double *values = arena_new(a->ev->arena, double, g->count);
	if (!values)
		return ev_memory(a->ev);
	for (size_t i = 0; i < a->f->steps; i++) {
		size_t n = 0;
		for (size_t k = 0; k < g->count; k++) {
			const struct row *r = member(a, g, k);
			if (slot_is_float(r, i))
				values[n++] = r->v[i];
			else if (slot_hist(r, i))
				note_ignored(a);
		}
		if (n)
			out->v[i] = quantile_of(a->param[i], values, n);
	}
	return true;
}

/* ---- those that keep some of the rows ---- */

struct pick {
	double v;
	size_t k; /* of the group's rows */
};

static int worst_last(const void *x, const void *y)
{
	const struct pick *a = x, *b = y;
	if (isnan(a->v) != isnan(b->v))
		return isnan(a->v) ? 1 : -1;
	if (a->v != b->v && !isnan(a->v))
		return a->v > b->v ? -1 : 1;
	return a->k < b->k ? -1 : a->k > b->k;
}

static size_t k_of(double v, size_t max)
{
	return !(v >= 1) ? 0 : v >= (double)max ? max : (size_t)v;
}

/* Puts p into the sorted picks[0..*n), of which at most `max` are kept. */
static void insert_pick(struct pick *picks, size_t *n, size_t max, struct pick p)
{
	if (*n == max && worst_last(&p, &picks[max - 1]) > 0)
		return;
	size_t at = *n < max ? (*n)++ : max - 1;
	for (; at > 0 && worst_last(&p, &picks[at - 1]) < 0; at--)
		picks[at] = picks[at - 1];
	picks[at] = p;
}

/* Where each row of a group stands between 0 and 1, for limit_ratio. */
static bool shares_of(struct agg *a, const struct group *g, double *ret)
{
	struct buf b = buf_make(&mem_system, 1 << 24);
	bool ok = true;
	for (size_t k = 0; k < g->count; k++) {
		ret[k] = (double)labels_hash_prometheus(member(a, g, k)->labels, &b) / 0x1p64;
		ok = ok && b.err == OK;
	}
	buf_free(&b);
	return ok || ev_memory(a->ev);
}

/* The rows of a group to keep at one step, best first; the number of them. */
static size_t choose(
    struct agg *a, const struct group *g, const double *shares, size_t i, struct pick *picks)
{
	enum promql_agg op = a->e->agg.op;
	double sign = op == AGG_BOTTOMK ? -1 : 1, p = a->param[i];
	size_t n = 0, want = k_of(p, g->count);
	bool few = want > 0 && want <= 32; /* keep a short sorted list instead of sorting all */
	for (size_t k = 0; k < g->count; k++) {
		const struct row *r = member(a, g, k);
		if (!slot_is_set(r, i))
			continue;
		if (op == AGG_LIMITK) {
			if (n < want)
				picks[n++] = (struct pick){ 0, k };
			continue;
		}
		if (op == AGG_LIMIT_RATIO) {
			double ratio = p < -1 ? -1 : p > 1 ? 1 : p;
			if (ratio >= 0 ? shares[k] < ratio : shares[k] >= 1 + ratio)
				picks[n++] = (struct pick){ 0, k };
			continue;
		}
		if (slot_hist(r, i)) {
			note_ignored(a);
			continue;
		}
		struct pick pick = { sign * r->v[i], k };
		if (few)
			insert_pick(picks, &n, want, pick);
		else
			picks[n++] = pick;
	}
	if ((op != AGG_TOPK && op != AGG_BOTTOMK) || few)
		return n;
	qsort(picks, n, sizeof(*picks), worst_last);
	return n < want ? n : want;
}

static bool pick_groups(struct agg *a, struct rows *ret)
{
	struct ev *ev = a->ev;
	struct row *out = rows_alloc(ev, a->in.count);
	size_t done = 0;
	if (!out)
		return false;
	for (size_t g = 0; g < a->group_count; g++) {
		const struct group *group = &a->groups[g];
		struct pick *picks = arena_new(ev->arena, struct pick, group->count);
		size_t *place = arena_new(ev->arena, size_t, group->count); /* 1-based in out */
		double *shares = arena_new(ev->arena, double, group->count);
		if (!picks || !place || !shares)
			return ev_memory(ev);
		if (a->e->agg.op == AGG_LIMIT_RATIO && !shares_of(a, group, shares))
			return false;
		for (size_t i = 0; i < a->f->steps; i++) {
			if (!ev_tick(ev, group->count))
				return false;
			size_t n = choose(a, group, shares, i, picks);
			for (size_t x = 0; x < n; x++) {
				const struct row *r = member(a, group, picks[x].k);
				size_t *at = &place[picks[x].k];
				if (*at == 0) {
					if (!row_make(
					        ev, a->f, r->labels, r->drop_name, &out[done]))
						return false;
					*at = ++done;
				}
				if (!row_copy_slot(ev, a->f, &out[*at - 1], r, i))
					return false;
			}
		}
	}
	*ret = (struct rows){ out, done };
	return true;
}

static bool count_values(struct agg *a, struct rows *ret)
{
	struct ev *ev = a->ev;
	struct str name = expr_bare(a->e->agg.param)->string;
	struct outset o;
	if (name.len == 0 || !str_utf8_valid(name))
		return ev_fail(ev, ERR_INPUT, "invalid label name %s", ev_quote(ev, name));
	if (!outset_make(ev, 16, &o))
		return false;
	struct buf b = buf_make(&mem_system, 1 << 20);
	bool ok = true;
	for (size_t g = 0; ok && g < a->group_count; g++) {
		const struct group *group = &a->groups[g];
		for (size_t k = 0; ok && k < group->count; k++) {
			const struct row *r = member(a, group, k);
			for (size_t i = 0; ok && i < a->f->steps; i++) {
				struct labels l;
				uint32_t at;
				if (!slot_is_set(r, i))
					continue;
				buf_clear(&b);
				if (slot_is_float(r, i))
					promql_put_f(&b, r->v[i]);
				else
					promql_put_hist(&b, r->h[i]);
				struct str value = arena_str(ev->arena, buf_str(&b));
				ok = ev_tick(ev, 1) && b.err == OK && value.ptr &&
				     labels_with(ev->arena, group->labels, name, value, &l) == OK &&
				     outset_row(ev, a->f, &o, l, group->drop_name, &at);
				if (!ok)
					break;
				double *v = &o.rows[at].v[i];
				*v = sample_is_stale(*v) ? 1 : *v + 1;
			}
		}
	}
	buf_free(&b);
	if (!ok)
		return ev->err == OK ? ev_memory(ev) : false;
	*ret = outset_rows(&o, a->f);
	return true;
}

/* ---- parameters ---- */

static void note_value(struct agg *a, const char *what, double v, const char *more)
{
	struct buf b = buf_make(&mem_system, 256);
	promql_put_g(&b, v);
	ev_note(
	    a->ev, true, a->e->agg.param->from, "%s, got %.*s%s", what, STR_ARG(buf_str(&b)), more);
	buf_free(&b);
}

static bool check_param(struct agg *a)
{
	enum promql_agg op = a->e->agg.op;
	for (size_t i = 0; i < a->f->steps; i++) {
		double v = a->param[i];
		if (op == AGG_QUANTILE) {
			if (isnan(v) || v < 0 || v > 1)
				note_value(a, "quantile value should be between 0 and 1", v, "");
			continue;
		}
		if (op == AGG_LIMIT_RATIO) {
			if (isnan(v))
				return ev_fail(a->ev, ERR_INPUT, "Ratio value is NaN");
			if (v < -1 || v > 1)
				note_value(a, "ratio value should be between -1 and 1", v,
				    v < 0 ? ", capping to -1" : ", capping to 1");
			continue;
		}
		if (isnan(v))
			return ev_fail(a->ev, ERR_INPUT, "Parameter value is NaN");
		if (v >= 9223372036854775808.0 || v < -9223372036854775808.0)
			return ev_fail(a->ev, ERR_INPUT, "Scalar value %g %sflows int64", v,
			    v < 0 ? "under" : "over");
	}
	return true;
}

static bool one_row_each(struct agg *a, struct rows *ret)
{
	struct row *out = rows_alloc(a->ev, a->group_count);
	if (!out)
		return false;
	for (size_t g = 0; g < a->group_count; g++) {
		const struct group *group = &a->groups[g];
		bool ok = ev_tick(a->ev, group->count * a->f->steps) &&
		          row_make(a->ev, a->f, group->labels, group->drop_name, &out[g]);
		if (!ok)
			return false;
		switch (a->e->agg.op) {
		case AGG_SUM:
		case AGG_AVG: ok = total_group(a, group, &out[g]); break;
		case AGG_COUNT:
		case AGG_GROUP: ok = count_group(a, group, &out[g]); break;
		case AGG_QUANTILE: ok = quantile_group(a, group, &out[g]); break;
		default: ok = spread_group(a, group, &out[g]);
		}
		if (!ok)
			return false;
	}
	*ret = (struct rows){ out, a->group_count };
	return true;
}

bool ev_aggregate(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct agg a = { .ev = ev, .f = f, .e = e, .pos = e->agg.inner->from };
	enum promql_agg op = e->agg.op;
	struct names by = ev->hint_by;
	bool without = ev->hint_without;
	struct str function = ev->hint_function;
	if (agg_has_param(op) && op != AGG_COUNT_VALUES) {
		if (!ev_scalar(ev, f, e->agg.param, &a.param) || !check_param(&a))
			return false;
	}
	ev->hint_by = e->agg.by;
	ev->hint_without = e->agg.without;
	ev->hint_function = str_c(agg_text(op));
	bool ok = ev_vector(ev, f, e->agg.inner, &a.in);
	ev->hint_by = by;
	ev->hint_without = without;
	ev->hint_function = function;
	*ret = (struct val){ .type = PROMQL_VECTOR };
	if (!ok || !make_groups(&a))
		return false;
	if (op == AGG_COUNT_VALUES)
		return count_values(&a, &ret->rows);
	if (op == AGG_TOPK || op == AGG_BOTTOMK || op == AGG_LIMITK || op == AGG_LIMIT_RATIO)
		return pick_groups(&a, &ret->rows);
	return one_row_each(&a, &ret->rows) && ev->err == OK;
}
