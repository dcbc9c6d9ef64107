/* SPDX-License-Identifier: Apache-2.0
 *
 * Native histograms: a distribution as counts in buckets whose borders grow exponentially (schema
 * -4..8: 2^schema buckets a power of two) or stand in a list (schema HIST_CUSTOM, "custom_values").
 * They merge exactly over time and hosts, which is why timers and quantiles are built on them.
 *
 * A struct hist is a value that borrows its arrays; whoever made it (an arena, a caller's arrays,
 * an accumulator) owns them. Functions never change their inputs and put results into the given
 * arena. Counts are absolute doubles, not deltas.
 *
 * Invariants (hist_valid checks them): buckets of a side have strictly rising indices; a bucket may
 * count zero (hist_compact drops those); custom borders rise strictly; a custom histogram has no
 * negative side and no zero bucket.
 * Bucket i of an exponential side holds |v| in (base^(i-1), base^i], base = 2^(2^-schema); bucket i
 * of a custom histogram holds v in (custom[i-1], custom[i]], where custom[-1] is -Inf and
 * custom[custom_count] is +Inf.
 */
#pragma once
#include "base/arena.h"
#include "base/codec.h"

#define HIST_SCHEMA_MIN (-4)
#define HIST_SCHEMA_MAX 8
#define HIST_CUSTOM (-53)
#define HIST_INDEX_MAX \
	(1 << 24)               /* |index| of a bucket; the range of doubles needs less than 2^19 */
#define HIST_BUCKETS_MAX 65536u /* per side; a decoder refuses more */

/* How a histogram stands to the one before it in its series. */
enum hist_hint { HIST_UNKNOWN, HIST_RESET, HIST_NOT_RESET, HIST_GAUGE };

struct hist_bucket {
	int32_t index;
	double count;
};

struct hist {
	int32_t schema;
	enum hist_hint hint;
	double zero_threshold, zero_count; /* |v| <= zero_threshold */
	double count, sum;                 /* count covers all buckets and NaN observations */
	uint32_t pos_count, neg_count, custom_count;
	const struct hist_bucket *pos, *neg;
	const double *custom;
};

/* What came up while two histograms were put together, for the caller's messages. */
struct hist_note {
	bool hint_collision;    /* one was a counter reset, the other was not */
	bool bounds_reconciled; /* differing custom borders were cut to the common ones */
};

static inline bool hist_is_custom(const struct hist *h)
{
	return h->schema == HIST_CUSTOM;
}
/* True when the invariants hold and no count is negative or NaN. */
bool hist_valid(const struct hist *h);
/* The upper border of bucket `index` on the positive side; the lower one is that of index - 1. */
double hist_bound(const struct hist *h, int32_t index);
/* The bucket of an exponential schema in which v (finite, > 0) falls. */
int32_t hist_index(int32_t schema, double v);

/* A copy with its own arrays in the arena; ERR_NOMEM or ERR_LIMIT. */
must_check enum err hist_copy(struct arena *a, const struct hist *h, struct hist *ret);
/* Without the buckets that count zero. */
must_check enum err hist_compact(struct arena *a, const struct hist *h, struct hist *ret);
/* Lower resolution: schema <= h->schema, both exponential; otherwise ERR_INPUT. */
must_check enum err hist_reduce(
    struct arena *a, const struct hist *h, int32_t schema, struct hist *ret);
/* a + b and a - b at the lower of both schemas, the wider zero bucket and the common custom
 * borders. ERR_INPUT when one is custom and the other is not. note may be NULL. */
must_check enum err hist_add(struct arena *a, const struct hist *x, const struct hist *y,
    struct hist *ret, struct hist_note *note);
must_check enum err hist_sub(struct arena *a, const struct hist *x, const struct hist *y,
    struct hist *ret, struct hist_note *note);
/* Every count and the sum times (divided by) f. A negative factor makes it a gauge. Division by
 * zero leaves no buckets. */
must_check enum err hist_scale(struct arena *a, const struct hist *h, double f, struct hist *ret);
must_check enum err hist_divide(struct arena *a, const struct hist *h, double f, struct hist *ret);
/* The same distribution: schema, threshold, counts, sum and non-empty buckets; the hint is ignored.
 */
bool hist_equal(const struct hist *x, const struct hist *y);
/* True when `now` cannot follow `before` without a counter reset (judged by the hint where it is
 * known, else by the counts). Needs an arena for the case of differing resolution. */
must_check enum err hist_is_reset(
    struct arena *a, const struct hist *now, const struct hist *before, bool *ret_reset);

/* A compensated (Kahan-Neumaier) running sum of histograms, for long aggregations. Start with
 * hist_sum_start, add any number, then hist_sum_end. The arena holds the running buckets. */
struct hist_sum {
	struct hist total;
	struct hist low; /* the lost low parts, same buckets as total */
	size_t added;
};
must_check enum err hist_sum_start(struct arena *a, const struct hist *h, struct hist_sum *ret);
must_check enum err hist_sum_add(
    struct arena *a, struct hist_sum *s, const struct hist *h, struct hist_note *note);
/* Both parts times f (1/n turns a sum into a mean). */
must_check enum err hist_sum_scale(struct arena *a, struct hist_sum *s, double f);
must_check enum err hist_sum_end(struct arena *a, const struct hist_sum *s, struct hist *ret);
/* The sum left the range of a double: some part of it is infinite. */
bool hist_sum_overflowed(const struct hist_sum *s);
/* The mean as a running mean, which does not overflow where the sum would. One more histogram: with
 * n = 1 it starts s. */
must_check enum err hist_mean_add(
    struct arena *a, struct hist_sum *s, const struct hist *h, double n);

/* Walks the non-empty and empty buckets by rising borders: negative, zero (when it counts),
 * positive. */
struct hist_range {
	double lower, upper;
	double count;
	bool lower_inclusive, upper_inclusive;
	bool is_zero; /* the zero bucket */
	bool is_custom;
	int32_t index;
};
struct hist_walk {
	const struct hist *h;
	uint32_t at;
};
struct hist_walk hist_walk_make(const struct hist *h);
bool hist_walk_next(struct hist_walk *w, struct hist_range *ret);

/* The value below which the share q (0..1) of the observations lies, interpolated inside the bucket
 * (exponentially, or linearly in the zero bucket and in custom buckets). q below 0 gives -Inf,
 * above 1 gives +Inf, NaN or an empty histogram NaN. */
double hist_quantile(const struct hist *h, double q);
/* The share of observations in [lower, upper]; NaN when empty or a border is NaN. */
double hist_fraction(const struct hist *h, double lower, double upper);
/* Only the observations below (upper) or above the threshold: a bucket that it cuts is shared out
 * by interpolation; count and sum are estimated anew when anything went away. */
must_check enum err hist_trim(
    struct arena *a, const struct hist *h, double threshold, bool upper, struct hist *ret);
double hist_variance(const struct hist *h); /* of the buckets' midpoints; NaN when empty */

/* Spans as Prometheus' wire formats have them: `offset` indices are skipped (from 0 at the first,
 * else from the end of the span before), then `length` buckets follow. */
struct hist_span {
	int32_t offset;
	uint32_t length;
};
/* Buckets out of spans and absolute counts; ERR_INPUT when they do not fit each other. */
must_check enum err hist_from_spans(struct arena *a, const struct hist_span *spans,
    size_t span_count, const double *counts, size_t count_count, const struct hist_bucket **ret,
    uint32_t *ret_count);
/* The same out of delta-coded integer counts. */
must_check enum err hist_from_deltas(struct arena *a, const struct hist_span *spans,
    size_t span_count, const int64_t *deltas, size_t delta_count, const struct hist_bucket **ret,
    uint32_t *ret_count);

/* Our own bytes: compact, any bit pattern of the doubles survives. */
void hist_put(struct buf *b, const struct hist *h);
/* Reads what hist_put wrote and checks it; arrays go into the arena. ERR_INPUT (also sticky in r),
 * ERR_NOMEM, ERR_LIMIT. */
must_check enum err hist_read(struct arena *a, struct rd *r, struct hist *ret);

/* Builds a histogram from observed values: starts at `schema` and halves the resolution whenever
 * more than bucket_max buckets would be in use, so its memory is bounded and its error is known.
 * Owns its arrays (from mem). */
struct hist_acc {
	const struct mem *mem;
	int32_t schema;
	uint32_t bucket_max;
	double zero_threshold, zero_count, count, sum;
	double min, max; /* of the finite observations; +Inf and -Inf when there are none */
	struct hist_bucket *pos, *neg;
	uint32_t pos_count, pos_cap, neg_count, neg_cap;
};
#define HIST_ACC_SCHEMA 5
#define HIST_ACC_BUCKETS 160u
#define HIST_ACC_ZERO 0x1p-128

struct hist_acc hist_acc_make(const struct mem *mem, int32_t schema, uint32_t bucket_max);
void hist_acc_free(struct hist_acc *acc);
/* Forgets the observations, keeps the memory and goes back to `schema`. */
void hist_acc_clear(struct hist_acc *acc, int32_t schema);
/* n observations of v (n may be a fraction when values are sampled). NaN counts without a bucket;
 * infinities count in the outermost bucket. ERR_NOMEM leaves the accumulator as it was. */
must_check enum err hist_acc_observe(struct hist_acc *acc, double v, double n);
/* Adds a whole histogram (exponential); ERR_INPUT for a custom one. */
must_check enum err hist_acc_merge(struct hist_acc *acc, const struct hist *h);
/* A histogram that borrows the accumulator's arrays: valid until the next call on acc. */
struct hist hist_acc_view(const struct hist_acc *acc);
