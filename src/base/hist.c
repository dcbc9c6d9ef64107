/* SPDX-License-Identifier: Apache-2.0
 *
 * Arithmetic on native histograms. Contract in hist.h.
 *
 * Two histograms are first brought to one layout (struct layout: the lower schema, the zero
 * threshold that both can have, the custom borders that both have), which is a linear map, and then
 * merged bucket by bucket in order of the index.
 */
#include "base/hist.h"
#include <assert.h>
#include <float.h>
#include <math.h>

static bool side_valid(const struct hist_bucket *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!(b[i].count >= 0) || b[i].index > HIST_INDEX_MAX ||
		    b[i].index < -HIST_INDEX_MAX)
			return false;
		if (i > 0 && b[i].index <= b[i - 1].index)
			return false;
	}
	return true;
}

bool hist_valid(const struct hist *h)
{
	if (!side_valid(h->pos, h->pos_count) || !side_valid(h->neg, h->neg_count))
		return false;
	if (!(h->count >= 0) || !(h->zero_count >= 0) || !(h->zero_threshold >= 0))
		return false;
	if (h->schema != HIST_CUSTOM)
		return h->schema >= HIST_SCHEMA_MIN && h->schema <= HIST_SCHEMA_MAX &&
		       h->custom_count == 0;
	if (h->neg_count != 0 || h->zero_count != 0)
		return false;
	for (uint32_t i = 0; i < h->custom_count; i++)
		if (!isfinite(h->custom[i]) || (i > 0 && h->custom[i] <= h->custom[i - 1]))
			return false;
	return h->pos_count == 0 ||
	       (h->pos[0].index >= 0 && h->pos[h->pos_count - 1].index <= (int32_t)h->custom_count);
}

/* The upper border of an exponential bucket. */
static double exp_bound(int32_t schema, int32_t index)
{
	if (schema < 0) {
		int64_t e = (int64_t)index * (1 << -schema);
		if (e == 1024)
			return DBL_MAX;
		return e > 1024 ? (double)INFINITY : e < -1100 ? 0 : ldexp(1, (int)e);
	}
	int32_t whole = index >> schema, part = index - whole * (1 << schema);
	if (part == 0 && whole == 1024)
		return DBL_MAX; /* the last bucket ends at the largest number */
	return ldexp(exp2((double)part / (double)(1 << schema)), whole);
}

double hist_bound(const struct hist *h, int32_t index)
{
	if (h->schema != HIST_CUSTOM)
		return exp_bound(h->schema, index);
	if (index < 0)
		return -INFINITY;
	return index < (int32_t)h->custom_count ? h->custom[index] : (double)INFINITY;
}

int32_t hist_index(int32_t schema, double v)
{
	assert(schema >= HIST_SCHEMA_MIN && schema <= HIST_SCHEMA_MAX);
	assert(v > 0 && isfinite(v));
	int e;
	double frac = frexp(v, &e); /* v = frac * 2^e, frac in [0.5, 1) */
	if (schema <= 0) {
		int32_t index = frac == 0.5 ? e - 1 : e;
		int32_t shift = -schema;
		return shift ? (int32_t)(((int64_t)index + (1 << shift) - 1) >> shift) : index;
	}
	int32_t per = 1 << schema;
	int32_t part = (int32_t)ceil((log2(frac) + 1) * (double)per);
	/* the logarithm may be off by one unit at a border */
	while (part > 0 && exp2((double)(part - 1) / per) >= frac * 2)
		part--;
	while (exp2((double)part / per) < frac * 2)
		part++;
	return (e - 1) * per + part;
}

static enum err copy_side(
    struct arena *a, const struct hist_bucket *b, uint32_t n, const struct hist_bucket **ret)
{
	struct hist_bucket *out = arena_new(a, struct hist_bucket, n);
	if (!out)
		return arena_err(a);
	if (n)
		memcpy(out, b, n * sizeof(*b));
	*ret = out;
	return OK;
}

enum err hist_copy(struct arena *a, const struct hist *h, struct hist *ret)
{
	struct hist out = *h;
	enum err e = copy_side(a, h->pos, h->pos_count, &out.pos);
	if (e == OK)
		e = copy_side(a, h->neg, h->neg_count, &out.neg);
	double *custom = arena_new(a, double, h->custom_count);
	if (e != OK || !custom)
		return arena_err(a);
	if (h->custom_count)
		memcpy(custom, h->custom, h->custom_count * sizeof(*custom));
	out.custom = custom;
	*ret = out;
	return OK;
}

static enum err compact_side(struct arena *a, const struct hist_bucket *b, uint32_t n,
    const struct hist_bucket **ret, uint32_t *ret_count)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++)
		kept += b[i].count != 0;
	if (kept == n) {
		*ret = b;
		*ret_count = n;
		return OK;
	}
	struct hist_bucket *out = arena_new(a, struct hist_bucket, kept);
	if (!out)
		return arena_err(a);
	uint32_t k = 0;
	for (uint32_t i = 0; i < n; i++)
		if (b[i].count != 0)
			out[k++] = b[i];
	*ret = out;
	*ret_count = kept;
	return OK;
}

enum err hist_compact(struct arena *a, const struct hist *h, struct hist *ret)
{
	struct hist out = *h;
	enum err e = compact_side(a, h->pos, h->pos_count, &out.pos, &out.pos_count);
	if (e == OK)
		e = compact_side(a, h->neg, h->neg_count, &out.neg, &out.neg_count);
	if (e == OK)
		*ret = out;
	return e;
}

/* What two histograms have to share before they can be merged. */
struct layout {
	int32_t schema;
	double zero_threshold;
	uint32_t custom_count;
	const double *custom;
};

static bool same_customs(const struct hist *x, uint32_t n, const double *custom)
{
	if (x->custom_count != n)
		return false;
	return n == 0 || memcmp(x->custom, custom, n * sizeof(*custom)) == 0;
}

/* What h's zero bucket would count with a threshold of at least *threshold; raises the threshold to
 * the border of a populated bucket that it would cut. */
static double zero_for(const struct hist *h, double *threshold)
{
	for (bool again = true; again;) {
		double count = h->zero_count;
		again = false;
		for (uint32_t i = 0; i < h->pos_count; i++) {
			if (exp_bound(h->schema, h->pos[i].index - 1) >= *threshold)
				break;
			count += h->pos[i].count;
			double upper = exp_bound(h->schema, h->pos[i].index);
			if (upper > *threshold) {
				if (h->pos[i].count != 0)
					*threshold = upper;
				break;
			}
		}
		for (uint32_t i = 0; i < h->neg_count; i++) {
			if (exp_bound(h->schema, h->neg[i].index - 1) >= *threshold)
				break;
			count += h->neg[i].count;
			double upper = exp_bound(h->schema, h->neg[i].index);
			if (upper > *threshold) {
				if (h->neg[i].count != 0) {
					*threshold = upper;
					again = true; /* the positive side may lose more now */
				}
				break;
			}
		}
		if (!again)
			return count;
	}
	return 0;
}

static enum err agree(struct arena *a, const struct hist *x, const struct hist *y,
    struct layout *ret, bool *ret_reconciled)
{
	if (hist_is_custom(x) != hist_is_custom(y))
		return ERR_INPUT;
	struct layout l = { .schema = x->schema < y->schema ? x->schema : y->schema };
	*ret_reconciled = false;
	if (!hist_is_custom(x)) {
		double tx = x->zero_threshold, ty = y->zero_threshold;
		while (tx != ty) {
			if (tx > ty) {
				ty = tx;
				(void)zero_for(y, &ty);
			} else {
				tx = ty;
				(void)zero_for(x, &tx);
			}
		}
		l.zero_threshold = tx;
	} else if (same_customs(x, y->custom_count, y->custom)) {
		l.custom_count = x->custom_count;
		l.custom = x->custom;
	} else {
		uint32_t least =
		    x->custom_count < y->custom_count ? x->custom_count : y->custom_count;
		double *both = arena_new(a, double, least);
		if (!both)
			return arena_err(a);
		uint32_t i = 0, k = 0, n = 0;
		while (i < x->custom_count && k < y->custom_count) {
			if (x->custom[i] == y->custom[k]) {
				both[n++] = x->custom[i++];
				k++;
			} else if (x->custom[i] < y->custom[k]) {
				i++;
			} else {
				k++;
			}
		}
		l.custom = both;
		l.custom_count = n;
		*ret_reconciled = true;
	}
	*ret = l;
	return OK;
}

/* The buckets of one exponential side at a lower schema, without those below the threshold. */
static enum err conform_side(struct arena *a, const struct hist *h, const struct hist_bucket *b,
    uint32_t n, const struct layout *l, const struct hist_bucket **ret, uint32_t *ret_count,
    double *zero)
{
	struct hist_bucket *out = arena_new(a, struct hist_bucket, n);
	if (!out)
		return arena_err(a);
	uint32_t kept = 0;
	int32_t shift = h->schema - l->schema;
	bool check = l->zero_threshold > h->zero_threshold;
	for (uint32_t i = 0; i < n; i++) {
		if (check && exp_bound(h->schema, b[i].index - 1) < l->zero_threshold) {
			*zero += b[i].count;
			continue;
		}
		int32_t index = shift ? ((b[i].index - 1) >> shift) + 1 : b[i].index;
		if (kept && out[kept - 1].index == index)
			out[kept - 1].count += b[i].count;
		else
			out[kept++] = (struct hist_bucket){ index, b[i].count };
	}
	*ret = out;
	*ret_count = kept;
	return OK;
}

static enum err conform_custom(
    struct arena *a, const struct hist *h, const struct layout *l, struct hist *out)
{
	struct hist_bucket *b = arena_new(a, struct hist_bucket, h->pos_count);
	if (!b)
		return arena_err(a);
	uint32_t kept = 0, to = 0;
	for (uint32_t i = 0; i < h->pos_count; i++) {
		double upper = hist_bound(h, h->pos[i].index);
		while (to < l->custom_count && l->custom[to] < upper)
			to++;
		if (kept && b[kept - 1].index == (int32_t)to)
			b[kept - 1].count += h->pos[i].count;
		else
			b[kept++] = (struct hist_bucket){ (int32_t)to, h->pos[i].count };
	}
	out->pos = b;
	out->pos_count = kept;
	out->custom = l->custom;
	out->custom_count = l->custom_count;
	return OK;
}

/* h in that layout; borrows h's arrays where nothing changes. */
static enum err conform(
    struct arena *a, const struct hist *h, const struct layout *l, struct hist *ret)
{
	struct hist out = *h;
	enum err e = OK;
	assert(l->schema <= h->schema);
	if (hist_is_custom(h)) {
		if (!same_customs(h, l->custom_count, l->custom))
			e = conform_custom(a, h, l, &out);
	} else if (l->schema != h->schema || l->zero_threshold != h->zero_threshold) {
		e = conform_side(
		    a, h, h->pos, h->pos_count, l, &out.pos, &out.pos_count, &out.zero_count);
		if (e == OK)
			e = conform_side(a, h, h->neg, h->neg_count, l, &out.neg, &out.neg_count,
			    &out.zero_count);
		out.schema = l->schema;
		out.zero_threshold = l->zero_threshold;
	}
	if (e == OK)
		*ret = out;
	return e;
}

enum err hist_reduce(struct arena *a, const struct hist *h, int32_t schema, struct hist *ret)
{
	if (hist_is_custom(h) || schema > h->schema || schema < HIST_SCHEMA_MIN)
		return ERR_INPUT;
	return conform(
	    a, h, &(struct layout){ .schema = schema, .zero_threshold = h->zero_threshold }, ret);
}

static enum err merge_side(struct arena *a, const struct hist_bucket *x, uint32_t nx,
    const struct hist_bucket *y, uint32_t ny, double sign, const struct hist_bucket **ret,
    uint32_t *ret_count)
{
	struct hist_bucket *out = arena_new(a, struct hist_bucket, (size_t)nx + ny);
	if (!out)
		return arena_err(a);
	uint32_t i = 0, k = 0, n = 0;
	while (i < nx || k < ny) {
		if (k == ny || (i < nx && x[i].index < y[k].index)) {
			out[n++] = x[i++];
		} else if (i == nx || y[k].index < x[i].index) {
			out[n++] = (struct hist_bucket){ y[k].index, sign * y[k].count };
			k++;
		} else {
			out[n++] =
			    (struct hist_bucket){ x[i].index, x[i].count + sign * y[k].count };
			i++;
			k++;
		}
	}
	*ret = out;
	*ret_count = n;
	return OK;
}

static enum hist_hint hint_of(const struct hist *x, const struct hist *y, struct hist_note *note)
{
	if (x->hint == y->hint || x->hint == HIST_GAUGE || y->hint == HIST_UNKNOWN)
		return x->hint;
	if (y->hint == HIST_GAUGE || x->hint == HIST_UNKNOWN)
		return y->hint;
	if (note)
		note->hint_collision = true;
	return HIST_UNKNOWN;
}

static enum err combine(struct arena *a, const struct hist *x, const struct hist *y, double sign,
    struct hist *ret, struct hist_note *note)
{
	struct layout l = { 0 };
	bool reconciled;
	struct hist cx, cy;
	enum err e = agree(a, x, y, &l, &reconciled);
	if (e == OK)
		e = conform(a, x, &l, &cx);
	if (e == OK)
		e = conform(a, y, &l, &cy);
	if (e != OK)
		return e;
	struct hist out = cx;
	out.count += sign * cy.count;
	out.sum += sign * cy.sum;
	out.zero_count += sign * cy.zero_count;
	out.hint = hint_of(x, y, note);
	if (note && reconciled)
		note->bounds_reconciled = true;
	e = merge_side(
	    a, cx.pos, cx.pos_count, cy.pos, cy.pos_count, sign, &out.pos, &out.pos_count);
	if (e == OK)
		e = merge_side(
		    a, cx.neg, cx.neg_count, cy.neg, cy.neg_count, sign, &out.neg, &out.neg_count);
	if (e == OK)
		*ret = out;
	return e;
}

enum err hist_add(struct arena *a, const struct hist *x, const struct hist *y, struct hist *ret,
    struct hist_note *note)
{
	return combine(a, x, y, 1, ret, note);
}

enum err hist_sub(struct arena *a, const struct hist *x, const struct hist *y, struct hist *ret,
    struct hist_note *note)
{
	return combine(a, x, y, -1, ret, note);
}

static enum err scale(
    struct arena *a, const struct hist *h, double f, bool divide, struct hist *ret)
{
	struct hist out = *h;
	out.count = divide ? h->count / f : h->count * f;
	out.sum = divide ? h->sum / f : h->sum * f;
	out.zero_count = divide ? h->zero_count / f : h->zero_count * f;
	if (f < 0)
		out.hint = HIST_GAUGE;
	if (divide && f == 0) {
		out.pos_count = out.neg_count = 0;
		*ret = out;
		return OK;
	}
	struct hist_bucket *pos = arena_new(a, struct hist_bucket, h->pos_count);
	struct hist_bucket *neg = arena_new(a, struct hist_bucket, h->neg_count);
	if (!pos || !neg)
		return arena_err(a);
	for (uint32_t i = 0; i < h->pos_count; i++)
		pos[i] = (struct hist_bucket){ h->pos[i].index,
			divide ? h->pos[i].count / f : h->pos[i].count * f };
	for (uint32_t i = 0; i < h->neg_count; i++)
		neg[i] = (struct hist_bucket){ h->neg[i].index,
			divide ? h->neg[i].count / f : h->neg[i].count * f };
	out.pos = pos;
	out.neg = neg;
	*ret = out;
	return OK;
}

enum err hist_scale(struct arena *a, const struct hist *h, double f, struct hist *ret)
{
	return scale(a, h, f, false, ret);
}

enum err hist_divide(struct arena *a, const struct hist *h, double f, struct hist *ret)
{
	return scale(a, h, f, true, ret);
}

static bool side_equal(
    const struct hist_bucket *x, uint32_t nx, const struct hist_bucket *y, uint32_t ny)
{
	uint32_t i = 0, k = 0;
	for (;;) {
		while (i < nx && x[i].count == 0)
			i++;
		while (k < ny && y[k].count == 0)
			k++;
		if (i == nx || k == ny)
			return i == nx && k == ny;
		if (x[i].index != y[k].index || x[i].count != y[k].count)
			return false;
		i++;
		k++;
	}
}

bool hist_equal(const struct hist *x, const struct hist *y)
{
	return x->schema == y->schema && x->count == y->count &&
	       memcmp(&x->sum, &y->sum, sizeof(x->sum)) == 0 && x->zero_count == y->zero_count &&
	       (hist_is_custom(x) || x->zero_threshold == y->zero_threshold) &&
	       same_customs(x, y->custom_count, y->custom) &&
	       side_equal(x->pos, x->pos_count, y->pos, y->pos_count) &&
	       side_equal(x->neg, x->neg_count, y->neg, y->neg_count);
}

/* True when a bucket counts less than it did. */
static bool side_fell(
    const struct hist_bucket *now, uint32_t n, const struct hist_bucket *before, uint32_t nb)
{
	uint32_t i = 0;
	for (uint32_t k = 0; k < nb; k++) {
		while (i < n && now[i].index < before[k].index)
			i++;
		double count = i < n && now[i].index == before[k].index ? now[i].count : 0;
		if (count < before[k].count)
			return true;
	}
	return false;
}

enum err hist_is_reset(
    struct arena *a, const struct hist *now, const struct hist *before, bool *ret_reset)
{
	*ret_reset = true;
	if (now->hint == HIST_RESET)
		return OK;
	if (now->hint == HIST_NOT_RESET) {
		*ret_reset = false;
		return OK;
	}
	if (now->count < before->count || hist_is_custom(now) != hist_is_custom(before))
		return OK;
	if (!hist_is_custom(now)) {
		if (now->schema > before->schema || now->zero_threshold < before->zero_threshold)
			return OK;
		double threshold = now->zero_threshold;
		double zero = zero_for(before, &threshold);
		if (threshold != now->zero_threshold || now->zero_count < zero)
			return OK;
	}
	struct layout l = { 0 };
	bool reconciled;
	struct hist cn, cb;
	enum err e = agree(a, now, before, &l, &reconciled);
	if (e == OK)
		e = conform(a, now, &l, &cn);
	if (e == OK)
		e = conform(a, before, &l, &cb);
	if (e == OK)
		*ret_reset = side_fell(cn.pos, cn.pos_count, cb.pos, cb.pos_count) ||
		             side_fell(cn.neg, cn.neg_count, cb.neg, cb.neg_count);
	return e;
}

/* Adds inc to the compensated sum (*sum, *low): Neumaier's variant of Kahan's method. */
static void kahan(double inc, double *sum, double *low)
{
	double t = *sum + inc;
	if (isinf(t))
		*low = 0;
	else if (fabs(*sum) >= fabs(inc))
		*low += (*sum - t) + inc;
	else
		*low += (inc - t) + *sum;
	*sum = t;
}

enum err hist_sum_start(struct arena *a, const struct hist *h, struct hist_sum *ret)
{
	struct hist_sum s = { .added = 1 };
	enum err e = hist_copy(a, h, &s.total);
	if (e != OK)
		return e;
	e = hist_scale(a, h, 0, &s.low);
	if (e != OK)
		return e;
	s.low.sum = s.low.count = s.low.zero_count =
	    0; /* not NaN from an infinite sum times zero */
	struct hist_bucket *low = (struct hist_bucket *)s.low.pos;
	for (uint32_t i = 0; i < s.low.pos_count; i++)
		low[i].count = 0;
	low = (struct hist_bucket *)s.low.neg;
	for (uint32_t i = 0; i < s.low.neg_count; i++)
		low[i].count = 0;
	*ret = s;
	return OK;
}

/* total and low have the same buckets; the result has those of both inputs. */
static enum err kahan_side(struct arena *a, const struct hist_bucket *x,
    const struct hist_bucket *low, uint32_t nx, const struct hist_bucket *y, uint32_t ny,
    const struct hist_bucket **ret, const struct hist_bucket **ret_low, uint32_t *ret_count)
{
	struct hist_bucket *out = arena_new(a, struct hist_bucket, (size_t)nx + ny);
	struct hist_bucket *out_low = arena_new(a, struct hist_bucket, (size_t)nx + ny);
	if (!out || !out_low)
		return arena_err(a);
	uint32_t i = 0, k = 0, n = 0;
	while (i < nx || k < ny) {
		bool take_x = k == ny || (i < nx && x[i].index <= y[k].index);
		bool take_y = i == nx || (k < ny && y[k].index <= x[i].index);
		int32_t index = take_x ? x[i].index : y[k].index;
		double sum = take_x ? x[i].count : 0, l = take_x ? low[i].count : 0;
		assert(!take_x || low[i].index == x[i].index);
		if (take_y)
			kahan(y[k].count, &sum, &l);
		out[n] = (struct hist_bucket){ index, sum };
		out_low[n++] = (struct hist_bucket){ index, l };
		i += take_x;
		k += take_y;
	}
	*ret = out;
	*ret_low = out_low;
	*ret_count = n;
	return OK;
}

/* Adds y's buckets where x has them all (then true), in place. */
static bool kahan_in_place(struct hist_bucket *x, struct hist_bucket *low, uint32_t nx,
    const struct hist_bucket *y, uint32_t ny, bool only_look)
{
	uint32_t i = 0;
	for (uint32_t k = 0; k < ny; k++) {
		while (i < nx && x[i].index < y[k].index)
			i++;
		if (i == nx || x[i].index != y[k].index)
			return false;
		if (!only_look)
			kahan(y[k].count, &x[i].count, &low[i].count);
	}
	return true;
}

/* The common case, without new memory: the same layout, and no bucket that the sum has not. */
static bool sum_in_place(struct hist_sum *s, const struct hist *h, struct hist_note *note)
{
	struct hist *t = &s->total, *l = &s->low;
	if (t->schema != h->schema || !same_customs(t, h->custom_count, h->custom) ||
	    (!hist_is_custom(h) && t->zero_threshold != h->zero_threshold))
		return false;
	struct hist_bucket *tp = (struct hist_bucket *)t->pos, *tn = (struct hist_bucket *)t->neg;
	struct hist_bucket *lp = (struct hist_bucket *)l->pos, *ln = (struct hist_bucket *)l->neg;
	if (!kahan_in_place(tp, lp, t->pos_count, h->pos, h->pos_count, true) ||
	    !kahan_in_place(tn, ln, t->neg_count, h->neg, h->neg_count, true))
		return false;
	(void)kahan_in_place(tp, lp, t->pos_count, h->pos, h->pos_count, false);
	(void)kahan_in_place(tn, ln, t->neg_count, h->neg, h->neg_count, false);
	kahan(h->count, &t->count, &l->count);
	kahan(h->sum, &t->sum, &l->sum);
	kahan(h->zero_count, &t->zero_count, &l->zero_count);
	t->hint = hint_of(t, h, note);
	s->added++;
	return true;
}

enum err hist_sum_add(
    struct arena *a, struct hist_sum *s, const struct hist *h, struct hist_note *note)
{
	assert(s->added > 0);
	assert(s->total.pos_count == s->low.pos_count && s->total.neg_count == s->low.neg_count);
	if (sum_in_place(s, h, note))
		return OK;
	struct layout l = { 0 };
	bool reconciled;
	struct hist total, low, add;
	enum err e = agree(a, &s->total, h, &l, &reconciled);
	if (e == OK)
		e = conform(a, &s->total, &l, &total);
	if (e == OK)
		e = conform(a, &s->low, &l, &low);
	if (e == OK)
		e = conform(a, h, &l, &add);
	if (e != OK)
		return e;
	total.hint = hint_of(&s->total, h, note);
	if (note && reconciled)
		note->bounds_reconciled = true;
	kahan(add.count, &total.count, &low.count);
	kahan(add.sum, &total.sum, &low.sum);
	kahan(add.zero_count, &total.zero_count, &low.zero_count);
	uint32_t pos = 0, neg = 0;
	const struct hist_bucket *tp, *lp, *tn, *ln;
	e = kahan_side(
	    a, total.pos, low.pos, total.pos_count, add.pos, add.pos_count, &tp, &lp, &pos);
	if (e == OK)
		e = kahan_side(
		    a, total.neg, low.neg, total.neg_count, add.neg, add.neg_count, &tn, &ln, &neg);
	if (e != OK)
		return e;
	total.pos = tp;
	total.neg = tn;
	low.pos = lp;
	low.neg = ln;
	total.pos_count = low.pos_count = pos;
	total.neg_count = low.neg_count = neg;
	s->total = total;
	s->low = low;
	s->added++;
	return OK;
}

enum err hist_sum_scale(struct arena *a, struct hist_sum *s, double f)
{
	struct hist total, low;
	enum err e = hist_scale(a, &s->total, f, &total);
	if (e == OK)
		e = hist_scale(a, &s->low, f, &low);
	if (e != OK)
		return e;
	s->total = total;
	s->low = low;
	return OK;
}

enum err hist_sum_end(struct arena *a, const struct hist_sum *s, struct hist *ret)
{
	struct hist out;
	enum err e = hist_copy(a, &s->total, &out);
	if (e != OK)
		return e;
	out.count += s->low.count;
	out.sum += s->low.sum;
	out.zero_count += s->low.zero_count;
	struct hist_bucket *pos = (struct hist_bucket *)out.pos;
	struct hist_bucket *neg = (struct hist_bucket *)out.neg;
	for (uint32_t i = 0; i < out.pos_count; i++)
		pos[i].count += s->low.pos[i].count;
	for (uint32_t i = 0; i < out.neg_count; i++)
		neg[i].count += s->low.neg[i].count;
	*ret = out;
	return OK;
}

bool hist_sum_overflowed(const struct hist_sum *s)
{
	const struct hist *h = &s->total;
	bool inf = isinf(h->count) || isinf(h->sum) || isinf(h->zero_count);
	for (uint32_t i = 0; i < h->pos_count; i++)
		inf = inf || isinf(h->pos[i].count);
	for (uint32_t i = 0; i < h->neg_count; i++)
		inf = inf || isinf(h->neg[i].count);
	return inf;
}

enum err hist_mean_add(struct arena *a, struct hist_sum *s, const struct hist *h, double n)
{
	assert(n >= 1);
	if (n == 1)
		return hist_sum_start(a, h, s);
	struct hist part;
	enum err e = hist_sum_scale(a, s, (n - 1) / n);
	if (e == OK)
		e = hist_divide(a, h, n, &part);
	return e == OK ? hist_sum_add(a, s, &part, NULL) : e;
}
