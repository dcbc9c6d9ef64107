/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to a native histogram: the walk over its buckets, quantile, fraction, variance.
 * Contract in hist.h.
 */
#include "base/hist.h"
#include <assert.h>
#include <math.h>

/* All buckets in order of their borders: negative ones from the outermost inwards, the zero bucket
 * when it counts, positive ones. */
static uint32_t range_count(const struct hist *h)
{
	return h->neg_count + (h->zero_count > 0) + h->pos_count;
}

static struct hist_range range_at(const struct hist *h, uint32_t i)
{
	struct hist_range r = { .is_custom = hist_is_custom(h) };
	bool zero = h->zero_count > 0;
	assert(i < range_count(h));
	if (i < h->neg_count) {
		const struct hist_bucket *b = &h->neg[h->neg_count - 1 - i];
		r.lower = -hist_bound(h, b->index);
		r.upper = -hist_bound(h, b->index - 1);
		r.count = b->count;
		r.index = b->index;
	} else if (zero && i == h->neg_count) {
		r.lower = -h->zero_threshold;
		r.upper = h->zero_threshold;
		r.count = h->zero_count;
		r.is_zero = r.lower_inclusive = r.upper_inclusive = true;
		return r;
	} else {
		const struct hist_bucket *b = &h->pos[i - h->neg_count - zero];
		r.lower = hist_bound(h, b->index - 1);
		r.upper = hist_bound(h, b->index);
		r.count = b->count;
		r.index = b->index;
	}
	r.lower_inclusive = r.lower < 0;
	r.upper_inclusive = r.upper > 0;
	return r;
}

struct hist_walk hist_walk_make(const struct hist *h)
{
	return (struct hist_walk){ .h = h };
}

bool hist_walk_next(struct hist_walk *w, struct hist_range *ret)
{
	if (w->at >= range_count(w->h))
		return false;
	*ret = range_at(w->h, w->at++);
	return true;
}

/* The zero bucket is one-sided when the other side has no buckets. */
static void trim_zero(const struct hist *h, struct hist_range *r)
{
	if (h->neg_count == 0 && h->pos_count > 0)
		r->lower = 0;
	else if (h->pos_count == 0 && h->neg_count > 0)
		r->upper = 0;
}

static double inside(const struct hist_range *r, double share)
{
	if (r->is_custom || (r->lower <= 0 && r->upper >= 0))
		return r->lower + (r->upper - r->lower) * share;
	double lower = log2(fabs(r->lower)), upper = log2(fabs(r->upper));
	if (r->lower > 0)
		return exp2(lower + (upper - lower) * share);
	return -exp2(upper + (lower - upper) * (1 - share));
}

double hist_quantile(const struct hist *h, double q)
{
	if (q < 0)
		return -INFINITY;
	if (q > 1)
		return INFINITY;
	if (h->count == 0 || isnan(q))
		return (double)NAN;
	/* From the nearer end, so that rounding in large counts hurts least. With NaN observations,
	 * which only the count knows, the rank must be taken from below. */
	bool forward = isnan(h->sum) || q < 0.5;
	double rank = (forward ? q : 1 - q) * h->count, seen = 0;
	struct hist_range r = { 0 };
	for (uint32_t i = 0, n = range_count(h); i < n; i++) {
		struct hist_range b = range_at(h, forward ? i : n - 1 - i);
		if (b.count == 0)
			continue;
		r = b;
		seen += b.count;
		if (seen >= rank)
			break;
	}
	if (!r.is_custom && r.lower < 0 && r.upper > 0) {
		trim_zero(h, &r);
	} else if (r.is_custom) {
		if (isinf(r.lower) && r.lower < 0) {
			if (r.upper <= 0)
				return r.upper;
			r.lower = 0;
		} else if (isinf(r.upper)) {
			return r.lower;
		}
	}
	if (seen > h->count)
		seen = h->count;
	if (seen < rank)
		return isnan(h->sum) ? (double)NAN : r.upper;
	rank = forward ? rank - (seen - r.count) : seen - rank;
	return inside(&r, rank / r.count);
}

/* How many observations lie below v, which is inside b; `rank` lie below b. */
static double rank_at(const struct hist_range *b, double rank, double v)
{
	if (b->is_custom || (b->lower <= 0 && b->upper >= 0)) {
		if (isinf(b->lower)) /* nothing can be said inside an infinite bucket */
			return rank + b->count;
		return rank + b->count * (v - b->lower) / (b->upper - b->lower);
	}
	double lower = log2(fabs(b->lower)), upper = log2(fabs(b->upper)), x = log2(fabs(v));
	double share = v > 0 ? (x - lower) / (upper - lower) : 1 - ((x - upper) / (lower - upper));
	return rank + b->count * share;
}

double hist_fraction(const struct hist *h, double lower, double upper)
{
	if (h->count == 0 || isnan(lower) || isnan(upper))
		return (double)NAN;
	if (lower >= upper)
		return 0;
	double rank = 0, low = 0, high = 0;
	bool low_set = false, high_set = false;
	struct hist_range b;
	for (struct hist_walk w = hist_walk_make(h); hist_walk_next(&w, &b);) {
		if (b.lower <= 0 && b.upper >= 0) {
			if (!b.is_custom)
				trim_zero(h, &b);
			else if (isinf(b.lower) && b.upper > 0)
				b.lower = 0; /* a first bucket is taken to begin at zero */
		}
		if (!low_set && b.lower >= lower) {
			low = rank;
			low_set = true;
		}
		if (!high_set && b.lower >= upper) {
			high = rank;
			high_set = true;
		}
		if (!low_set && b.lower < lower && b.upper > lower) {
			low = rank_at(&b, rank, lower);
			low_set = true;
		}
		if (!high_set && b.lower < upper && b.upper > upper) {
			high = rank_at(&b, rank, upper);
			high_set = true;
		}
		if (low_set && high_set)
			break;
		rank += b.count;
	}
	/* without NaN observations the buckets hold everything, so the two agree */
	double all = isnan(h->sum) ? rank : h->count;
	if (!low_set || low > h->count)
		low = all;
	if (!high_set || high > h->count)
		high = all;
	return (high - low) / h->count;
}

double hist_variance(const struct hist *h)
{
	double mean = h->sum / h->count, sum = 0, low = 0;
	struct hist_range b;
	for (struct hist_walk w = hist_walk_make(h); hist_walk_next(&w, &b);) {
		double v;
		if (b.count == 0)
			continue;
		if (b.is_custom)
			v = (b.upper + b.lower) / 2;
		else if (b.lower <= 0 && b.upper >= 0)
			v = 0;
		else
			v = (b.upper < 0 ? -1 : 1) * sqrt(b.upper * b.lower);
		double inc = b.count * (v - mean) * (v - mean), t = sum + inc;
		if (fabs(sum) >= fabs(inc))
			low += (sum - t) + inc;
		else
			low += (inc - t) + sum;
		sum = t;
	}
	return (sum + (isinf(sum) ? 0 : low)) / h->count;
}

/* The share of b's observations that lie below t, which is inside b. */
static double share_below(const struct hist_range *b, double t)
{
	bool low = isinf(b->lower), high = isinf(b->upper);
	if (low && !high) {
		if (b->upper > 0)
			return t > 0 ? t / b->upper : 0; /* it is taken to begin at zero */
		return 1;
	}
	if (high)
		return 0;
	return rank_at(b, 0, t) / b->count;
}

/* What stands for an observation between lower and upper. */
static double middle(const struct hist_range *b, double lower, double upper)
{
	if (isinf(lower) && isinf(upper))
		return 0;
	if (isinf(lower))
		return upper > 0 ? upper / 2 : upper;
	if (isinf(upper))
		return lower;
	if (b->is_custom || b->is_zero)
		return (lower + upper) / 2;
	return (b->upper > 0 ? 1 : -1) * sqrt(fabs(lower * upper));
}

/* What stays of bucket b, and its part of the sum. */
static double keep_of(const struct hist_range *b, double t, bool upper, double *sum)
{
	double kept, lower = b->lower, higher = b->upper;
	if (b->count == 0)
		return 0;
	if (b->upper <= t) {
		kept = upper ? b->count : 0;
	} else if (b->lower >= t) {
		kept = upper ? 0 : b->count;
	} else if (isinf(b->lower) && isinf(b->upper)) {
		kept = 0; /* nothing can be said of it */
	} else {
		double below = share_below(b, t);
		kept = b->count * (upper ? below : 1 - below);
		if (upper)
			higher = t;
		else
			lower = t;
	}
	if (kept > 0)
		*sum += kept * middle(b, lower, higher);
	return kept;
}

enum err hist_trim(
    struct arena *a, const struct hist *h, double threshold, bool upper, struct hist *ret)
{
	struct hist out;
	double sum = 0, count = 0;
	bool changed = false;
	bool any_pos = false, any_neg = false;
	enum err e = hist_copy(a, h, &out);
	if (e != OK)
		return e;
	struct hist_bucket *pos = (struct hist_bucket *)out.pos;
	struct hist_bucket *neg = (struct hist_bucket *)out.neg;
	for (uint32_t i = 0; i < h->pos_count; i++)
		any_pos = any_pos || h->pos[i].count != 0;
	for (uint32_t i = 0; i < h->neg_count; i++)
		any_neg = any_neg || h->neg[i].count != 0;
	for (uint32_t i = 0, n = range_count(h); i < n; i++) {
		struct hist_range b = range_at(h, i);
		if (b.is_zero && any_pos && !any_neg)
			b.lower = 0;
		if (b.is_zero && any_neg && !any_pos)
			b.upper = 0;
		double kept = isnan(threshold) ? b.count : keep_of(&b, threshold, upper, &sum);
		changed = changed || kept != b.count;
		count += kept;
		if (b.is_zero)
			out.zero_count = kept;
		else if (i < h->neg_count)
			neg[h->neg_count - 1 - i].count = kept;
		else
			pos[i - h->neg_count - (h->zero_count > 0)].count = kept;
	}
	if (changed) {
		out.count = count;
		out.sum = sum;
	}
	return hist_compact(a, &out, ret);
}
