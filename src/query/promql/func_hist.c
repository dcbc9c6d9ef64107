/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram_quantile, histogram_quantiles and histogram_fraction: over native histograms and over
 * the classic ones that are made of one series per bucket, with the upper border in the label `le`.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define LE STR("le")
#define SMALL_DELTA 1e-12 /* relative differences below are rounding, not observations */

struct bucket {
	double upper, count;
};

static int by_upper(const void *x, const void *y)
{
	const struct bucket *a = x, *b = y;
	return a->upper < b->upper ? -1 : a->upper > b->upper;
}

/* Buckets with the same border are one. */
static size_t coalesce(struct bucket *b, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept && b[kept - 1].upper == b[i].upper)
			b[kept - 1].count += b[i].count;
		else
			b[kept++] = b[i];
	}
	return kept;
}

static bool almost(double a, double b, double tolerance)
{
	if (isnan(a) && isnan(b))
		return true;
	if (a == b)
		return true;
	double sum = fabs(a) + fabs(b), diff = fabs(a - b);
	if (a == 0 || b == 0 || sum < 0x1p-1022)
		return diff < tolerance * 0x1p-1022;
	return diff / fmin(sum, 0x1.fffffffffffffp1023) < tolerance;
}

struct forced {
	bool yes;
	double min_bucket, max_bucket, max_diff;
};

/* Counts that fall although they cannot are raised to the one before. */
static struct forced rise(struct bucket *b, size_t n)
{
	struct forced f = { 0 };
	double prev = b[0].count;
	for (size_t i = 1; i < n; i++) {
		double now = b[i].count;
		if (now == prev)
			continue;
		if (almost(prev, now, SMALL_DELTA)) {
			b[i].count = prev;
		} else if (now < prev) {
			double diff = prev - now;
			if (!f.yes)
				f.min_bucket = b[i].upper;
			f.max_bucket = b[i].upper;
			f.max_diff = diff > f.max_diff ? diff : f.max_diff;
			f.yes = true;
			b[i].count = prev;
		} else {
			prev = now;
		}
	}
	return f;
}

/* The buckets are sorted and changed. */
static double classic_quantile(double q, struct bucket *b, size_t n, struct forced *ret_forced)
{
	assert(n > 0);
	if (isnan(q))
		return (double)NAN;
	if (q < 0 || q > 1)
		return q < 0 ? -INFINITY : (double)INFINITY;
	qsort(b, n, sizeof(*b), by_upper);
	if (!(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
		return (double)NAN;
	n = coalesce(b, n);
	*ret_forced = rise(b, n);
	if (n < 2 || b[n - 1].count == 0) {
		ret_forced->yes = false;
		return (double)NAN;
	}
	double rank = q * b[n - 1].count;
	size_t i = 0;
	while (i < n - 1 && !(b[i].count >= rank))
		i++;
	if (i == n - 1)
		return b[n - 2].upper;
	if (i == 0 && b[0].upper <= 0)
		return b[0].upper;
	double from = i ? b[i - 1].upper : 0, below = i ? b[i - 1].count : 0;
	return from + (b[i].upper - from) * ((rank - below) / (b[i].count - below));
}

static double rank_in(double v, double below, double count, double lower, double upper)
{
	if (isinf(lower)) /* an infinite bucket says nothing of its inside */
		return count;
	return below + (count - below) * (v - lower) / (upper - lower);
}

static double classic_fraction(double lower, double upper, struct bucket *b, size_t n)
{
	assert(n > 0);
	qsort(b, n, sizeof(*b), by_upper);
	if (!(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
		return (double)NAN;
	n = coalesce(b, n);
	double all = b[n - 1].count, below = 0, low = 0, high = 0;
	if (all == 0 || isnan(lower) || isnan(upper))
		return (double)NAN;
	if (lower >= upper)
		return 0;
	bool low_set = false, high_set = false;
	for (size_t i = 0; i < n && !(low_set && high_set); i++) {
		double from = i ? b[i - 1].upper : b[0].upper > 0 ? 0 : -INFINITY, to = b[i].upper;
		if (!low_set && from >= lower) {
			low = below;
			low_set = true;
		}
		if (!high_set && from >= upper) {
			high = below;
			high_set = true;
		}
		if (!low_set && from < lower && to > lower) {
			low = rank_in(lower, below, b[i].count, from, to);
			low_set = true;
		}
		if (!high_set && from < upper && to > upper) {
			high = rank_in(upper, below, b[i].count, from, to);
			high_set = true;
		}
		below = b[i].count;
	}
	if (!low_set || low > all)
		low = all;
	if (!high_set || high > all)
		high = all;
	return (high - low) / all;
}

/* ---- rows ---- */

struct member {
	const struct row *row;
	double upper; /* of `le` */
	bool has_upper;
};

/* Rows that are one classic histogram, or native ones that could be taken for the same. */
struct family {
	struct labels labels; /* without le */
	bool drop_name;
	struct member *members;
	size_t count;
};

struct families {
	struct family *list;
	size_t count, largest;
};

static bool parse_le(struct str s, double *ret)
{
	if (s.len && (s.ptr[0] == '+'))
		s = str_from(s, 1);
	char z[66];
	size_t n = 0;
	/* ".2" and "2." are numbers here */
	if (s.len == 0 || s.len > 60)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool digit_before = i > 0 && s.ptr[i - 1] >= '0' && s.ptr[i - 1] <= '9';
		bool digit_after = i + 1 < s.len && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9';
		if (s.ptr[i] == '.' && !digit_before)
			z[n++] = '0';
		z[n++] = s.ptr[i];
		if (s.ptr[i] == '.' && !digit_after)
			z[n++] = '0';
	}
	return str_f64(str_make(z, n), true, ret) == OK;
}

static bool families_make(struct ev *ev, const struct rows *in, struct families *ret)
{
	static const struct str le = STR_INIT("le");
	struct labels_map map;
	uint32_t *of = arena_new(ev->arena, uint32_t, in->count);
	struct member *members = arena_new(ev->arena, struct member, in->count);
	if (!of || !members || labels_map_make(ev->arena, 16, &map) != OK)
		return ev_memory(ev);
	for (size_t k = 0; k < in->count; k++) {
		struct labels l;
		if (labels_without(ev->arena, in->list[k].labels, &le, 1, false, &l) != OK ||
		    labels_map_put(&map, l, &of[k], NULL) != OK)
			return ev_memory(ev);
	}
	*ret = (struct families){ .count = map.count };
	ret->list = arena_new(ev->arena, struct family, map.count);
	if (!ret->list)
		return ev_memory(ev);
	for (size_t k = 0; k < in->count; k++)
		ret->list[of[k]].count++;
	for (size_t g = 0; g < ret->count; g++) {
		ret->list[g].labels = map.sets[g];
		ret->list[g].members = members;
		members += ret->list[g].count;
		if (ret->list[g].count > ret->largest)
			ret->largest = ret->list[g].count;
		ret->list[g].count = 0;
	}
	for (size_t k = 0; k < in->count; k++) {
		struct family *g = &ret->list[of[k]];
		struct member *m = &g->members[g->count++];
		m->row = &in->list[k];
		m->has_upper = parse_le(labels_get(in->list[k].labels, LE), &m->upper);
		g->drop_name = g->drop_name || in->list[k].drop_name;
	}
	return true;
}

struct hist_call {
	struct ev *ev;
	const struct frame *f;
	uint32_t pos, value_pos; /* of the vector; of the first argument */
	struct outset out;
	struct bucket *buckets, *scratch;
	size_t bucket_count;
	double a, b; /* the quantile, or the borders of the fraction */
	bool fraction;
	struct str label; /* histogram_quantiles: the label that tells the quantile */
	struct str label_value;
};

static void note_forced(
    struct hist_call *c, const struct family *g, const struct forced *f, size_t i)
{
	struct ev *ev = c->ev;
	const char *text =
	    "input to histogram_quantile needed to be fixed for monotonicity (see "
	    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
	const char *metric = ev_for_metric(ev, g->labels);
	struct str whole = arena_printf(ev->arena, "%s%s", text, metric);
	int64_t ms = frame_time(c->f, i);
	for (size_t k = 0; k < ev->note_count; k++) {
		struct note *n = &ev->notes[k];
		if (n->pos != c->pos || !str_eq(n->text, whole))
			continue;
		n->cases++;
		n->min_ms = ms < n->min_ms ? ms : n->min_ms;
		n->max_ms = ms > n->max_ms ? ms : n->max_ms;
		n->min_bucket = fmin(n->min_bucket, f->min_bucket);
		n->max_bucket = fmax(n->max_bucket, f->max_bucket);
		n->max_diff = fmax(n->max_diff, f->max_diff);
		return;
	}
	size_t before = ev->note_count;
	ev_note(ev, false, c->pos, "%s%s", text, metric);
	if (ev->note_count == before)
		return;
	struct note *n = &ev->notes[before];
	n->is_monotony = true;
	n->min_ms = n->max_ms = ms;
	n->min_bucket = f->min_bucket;
	n->max_bucket = f->max_bucket;
	n->max_diff = f->max_diff;
	n->cases = 1;
}

/* NaN observations are in the count, but in no bucket. */
static bool has_nan(const struct hist *h)
{
	double n = 0;
	struct hist_range r;
	if (!isnan(h->sum))
		return false;
	for (struct hist_walk w = hist_walk_make(h); hist_walk_next(&w, &r);)
		n += r.count;
	return n < h->count;
}

static double native(struct hist_call *c, const struct row *r, const struct hist *h)
{
	const char *metric = ev_for_metric(c->ev, r->labels);
	bool nan = has_nan(h);
	if (c->fraction) {
		if (nan && !isnan(c->a) && !isnan(c->b))
			ev_note(c->ev, false, c->value_pos,
			    "input to histogram_fraction has NaN observations, which are excluded "
			    "from all fractions%s",
			    metric);
		return hist_fraction(h, c->a, c->b);
	}
	double v = hist_quantile(h, c->a);
	if (nan && c->a >= 0 && c->a <= 1)
		ev_note(c->ev, false, c->value_pos,
		    isnan(v) ? "input to histogram_quantile has NaN observations, result is NaN%s"
		             : "input to histogram_quantile has NaN observations, result is skewed "
		               "higher%s",
		    metric);
	return v;
}

static bool put(struct hist_call *c, struct labels l, bool drop_name, size_t i, double v)
{
	uint32_t row;
	if (c->label.len && labels_with(c->ev->arena, l, c->label, c->label_value, &l) != OK)
		return ev_memory(c->ev);
	(void)drop_name; /* always: the result is another quantity */
	return outset_row(c->ev, c->f, &c->out, l, true, &row) &&
	       outset_put(c->ev, c->f, &c->out, row, i, v, NULL);
}

/* Collects the buckets of a family at one step; says whether there is a native histogram too. */
static bool collect(struct hist_call *c, const struct family *g, size_t i, bool remark,
    const struct member **ret_native)
{
	c->bucket_count = 0;
	*ret_native = NULL;
	for (size_t k = 0; k < g->count; k++) {
		const struct member *m = &g->members[k];
		if (slot_hist(m->row, i)) {
			*ret_native = m;
		} else if (slot_is_float(m->row, i) && m->has_upper) {
			c->buckets[c->bucket_count++] = (struct bucket){ m->upper, m->row->v[i] };
		} else if (slot_is_float(m->row, i) && remark) {
			ev_note(c->ev, true, c->pos,
			    "bucket label \"le\" is missing or has a malformed value of %s%s",
			    ev_quote(c->ev, labels_get(m->row->labels, LE)),
			    ev_for_metric(c->ev, m->row->labels));
		}
	}
	if (*ret_native && c->bucket_count) {
		if (remark)
			ev_note(c->ev, true, c->pos,
			    "vector contains a mix of classic and native histograms%s",
			    ev_for_metric(c->ev, (*ret_native)->row->labels));
		return false;
	}
	return true;
}

static bool one_family(struct hist_call *c, const struct family *g, size_t i)
{
	const struct member *first_native;
	if (!collect(c, g, i, true, &first_native))
		return true;
	for (size_t k = 0; first_native && k < g->count; k++) {
		const struct row *r = g->members[k].row;
		const struct hist *h = slot_hist(r, i);
		if (h && !put(c, r->labels, r->drop_name, i, native(c, r, h)))
			return false;
	}
	if (c->bucket_count == 0)
		return true;
	struct forced forced = { 0 };
	size_t n = c->bucket_count;
	memcpy(c->scratch, c->buckets, n * sizeof(*c->scratch));
	double v = c->fraction ? classic_fraction(c->a, c->b, c->scratch, n)
	                       : classic_quantile(c->a, c->scratch, n, &forced);
	if (forced.yes)
		note_forced(c, g, &forced, i);
	return put(c, g->labels, g->drop_name, i, v);
}

static bool call_make(struct ev *ev, const struct frame *f, const struct rows *in,
    struct families *ret_families, struct hist_call *ret)
{
	*ret = (struct hist_call){ .ev = ev, .f = f };
	if (!families_make(ev, in, ret_families) ||
	    !outset_make(ev, ret_families->count, &ret->out))
		return false;
	ret->buckets = arena_new(ev->arena, struct bucket, ret_families->largest);
	ret->scratch = arena_new(ev->arena, struct bucket, ret_families->largest);
	return (ret->buckets && ret->scratch) || ev_memory(ev);
}

static void check_quantile(struct ev *ev, const struct promql_expr *arg, double q)
{
	if (q >= 0 && q <= 1)
		return;
	struct buf b = buf_make(&mem_system, 64);
	promql_put_g(&b, q);
	ev_note(ev, true, arg->from, "quantile value should be between 0 and 1, got %.*s",
	    STR_ARG(buf_str(&b)));
	buf_free(&b);
}

bool func_histogram_quantile(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct rows in;
	struct families families;
	struct hist_call c;
	double *q;
	if (!ev_scalar(ev, f, e->call.args[0], &q) || !ev_vector(ev, f, e->call.args[1], &in) ||
	    !call_make(ev, f, &in, &families, &c))
		return false;
	c.value_pos = e->call.args[0]->from;
	c.pos = e->call.args[1]->from;
	for (size_t i = 0; i < f->steps; i++) {
		c.a = q[i];
		check_quantile(ev, e->call.args[0], q[i]);
		for (size_t g = 0; g < families.count; g++)
			if (!ev_tick(ev, families.list[g].count) ||
			    !one_family(&c, &families.list[g], i))
				return false;
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = outset_rows(&c.out, f) };
	return true;
}

bool func_histogram_quantiles(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct rows in;
	struct families families;
	struct hist_call c;
	const struct promql_expr *label = expr_bare(e->call.args[1]);
	if (!ev_vector(ev, f, e->call.args[0], &in) || !call_make(ev, f, &in, &families, &c))
		return false;
	if (label->kind != EXPR_STRING || label->string.len == 0 || !str_utf8_valid(label->string))
		return ev_fail(ev, ERR_INPUT, "invalid label name in histogram_quantiles(): %.*s",
		    STR_ARG(label->string));
	c.pos = c.value_pos = e->call.args[0]->from;
	c.label = label->string;
	for (size_t k = 2; k < e->call.count; k++) {
		double *q;
		if (!ev_scalar(ev, f, e->call.args[k], &q))
			return false;
		for (size_t i = 0; i < f->steps; i++) {
			struct buf b = buf_make(&mem_system, 512);
			c.a = q[i];
			check_quantile(ev, e->call.args[k], q[i]);
			promql_put_om(&b, q[i]);
			c.label_value = arena_str(ev->arena, buf_str(&b));
			buf_free(&b);
			if (!c.label_value.ptr)
				return ev_memory(ev);
			for (size_t g = 0; g < families.count; g++)
				if (!ev_tick(ev, families.list[g].count) ||
				    !one_family(&c, &families.list[g], i))
					return false;
		}
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = outset_rows(&c.out, f) };
	return true;
}

bool func_histogram_fraction(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct rows in;
	struct families families;
	struct hist_call c;
	double *lower, *upper;
	if (!ev_scalar(ev, f, e->call.args[0], &lower) ||
	    !ev_scalar(ev, f, e->call.args[1], &upper) || !ev_vector(ev, f, e->call.args[2], &in) ||
	    !call_make(ev, f, &in, &families, &c))
		return false;
	c.value_pos = e->call.args[0]->from;
	c.pos = e->call.args[2]->from;
	c.fraction = true;
	for (size_t i = 0; i < f->steps; i++) {
		c.a = lower[i];
		c.b = upper[i];
		for (size_t g = 0; g < families.count; g++)
			if (!ev_tick(ev, families.list[g].count) ||
			    !one_family(&c, &families.list[g], i))
				return false;
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = outset_rows(&c.out, f) };
	return true;
}
