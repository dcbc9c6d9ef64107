/* SPDX-License-Identifier: Apache-2.0
 *
 * Histograms from outside and to bytes: the accumulator of observed values, spans of the wire
 * formats, our own codec. Contract in hist.h.
 */
#include "base/hist.h"
#include <assert.h>
#include <math.h>

struct hist_acc hist_acc_make(const struct mem *mem, int32_t schema, uint32_t bucket_max)
{
	assert(schema >= HIST_SCHEMA_MIN && schema <= HIST_SCHEMA_MAX);
	assert(bucket_max > 1 && bucket_max <= HIST_BUCKETS_MAX);
	return (struct hist_acc){ .mem = mem,
		.schema = schema,
		.bucket_max = bucket_max,
		.zero_threshold = HIST_ACC_ZERO,
		.min = INFINITY,
		.max = -INFINITY };
}

void hist_acc_free(struct hist_acc *acc)
{
	mem_free(acc->mem, acc->pos);
	mem_free(acc->mem, acc->neg);
	acc->pos = acc->neg = NULL;
	acc->pos_count = acc->pos_cap = acc->neg_count = acc->neg_cap = 0;
}

void hist_acc_clear(struct hist_acc *acc, int32_t schema)
{
	assert(schema >= HIST_SCHEMA_MIN && schema <= HIST_SCHEMA_MAX);
	acc->schema = schema;
	acc->pos_count = acc->neg_count = 0;
	acc->zero_count = acc->count = acc->sum = 0;
	acc->zero_threshold = HIST_ACC_ZERO;
	acc->min = INFINITY;
	acc->max = -INFINITY;
}

static uint32_t halve_side(struct hist_bucket *b, uint32_t n)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		int32_t index = ((b[i].index - 1) >> 1) + 1;
		if (kept && b[kept - 1].index == index)
			b[kept - 1].count += b[i].count;
		else
			b[kept++] = (struct hist_bucket){ index, b[i].count };
	}
	return kept;
}

static void halve(struct hist_acc *acc)
{
	assert(acc->schema > HIST_SCHEMA_MIN);
	acc->pos_count = halve_side(acc->pos, acc->pos_count);
	acc->neg_count = halve_side(acc->neg, acc->neg_count);
	acc->schema--;
}

/* Adds n to bucket `index` of a side. */
static enum err side_add(const struct mem *mem, struct hist_bucket **side, uint32_t *count,
    uint32_t *cap, int32_t index, double n)
{
	uint32_t lo = 0, hi = *count;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if ((*side)[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < *count && (*side)[lo].index == index) {
		(*side)[lo].count += n;
		return OK;
	}
	if (*count == *cap) {
		uint32_t bigger = *cap ? *cap * 2 : 8;
		void *p = mem_resize(mem, *side, bigger, sizeof(**side));
		if (!p)
			return ERR_NOMEM;
		*side = p;
		*cap = bigger;
	}
	memmove(*side + lo + 1, *side + lo, (*count - lo) * sizeof(**side));
	(*side)[lo] = (struct hist_bucket){ index, n };
	(*count)++;
	return OK;
}

enum err hist_acc_observe(struct hist_acc *acc, double v, double n)
{
	assert(n >= 0);
	if (isnan(v)) {
		acc->count += n;
		acc->sum = v;
		return OK;
	}
	if (fabs(v) <= acc->zero_threshold) {
		acc->zero_count += n;
	} else {
		double edge = isinf(v) ? 0x1.fffffffffffffp1023 : fabs(v);
		int32_t index = hist_index(acc->schema, edge);
		enum err e =
		    v > 0 ? side_add(acc->mem, &acc->pos, &acc->pos_count, &acc->pos_cap, index, n)
		          : side_add(acc->mem, &acc->neg, &acc->neg_count, &acc->neg_cap, index, n);
		if (e != OK)
			return e;
	}
	acc->count += n;
	acc->sum += v * n;
	if (isfinite(v)) {
		acc->min = v < acc->min ? v : acc->min;
		acc->max = v > acc->max ? v : acc->max;
	}
	while (acc->pos_count + acc->neg_count > acc->bucket_max && acc->schema > HIST_SCHEMA_MIN)
		halve(acc);
	return OK;
}

enum err hist_acc_merge(struct hist_acc *acc, const struct hist *h)
{
	if (hist_is_custom(h))
		return ERR_INPUT;
	while (acc->schema > h->schema)
		halve(acc);
	int32_t shift = h->schema - acc->schema;
	for (uint32_t i = 0; i < h->pos_count; i++) {
		int32_t index = shift ? ((h->pos[i].index - 1) >> shift) + 1 : h->pos[i].index;
		enum err e = side_add(
		    acc->mem, &acc->pos, &acc->pos_count, &acc->pos_cap, index, h->pos[i].count);
		if (e != OK)
			return e;
	}
	for (uint32_t i = 0; i < h->neg_count; i++) {
		int32_t index = shift ? ((h->neg[i].index - 1) >> shift) + 1 : h->neg[i].index;
		enum err e = side_add(
		    acc->mem, &acc->neg, &acc->neg_count, &acc->neg_cap, index, h->neg[i].count);
		if (e != OK)
			return e;
	}
	acc->zero_count += h->zero_count;
	if (h->zero_threshold > acc->zero_threshold && h->zero_count > 0)
		acc->zero_threshold = h->zero_threshold;
	acc->count += h->count;
	acc->sum += h->sum;
	while (acc->pos_count + acc->neg_count > acc->bucket_max && acc->schema > HIST_SCHEMA_MIN)
		halve(acc);
	return OK;
}

struct hist hist_acc_view(const struct hist_acc *acc)
{
	return (struct hist){ .schema = acc->schema,
		.hint = HIST_UNKNOWN,
		.zero_threshold = acc->zero_threshold,
		.zero_count = acc->zero_count,
		.count = acc->count,
		.sum = acc->sum,
		.pos = acc->pos,
		.pos_count = acc->pos_count,
		.neg = acc->neg,
		.neg_count = acc->neg_count };
}

/* Walks the spans; counts come from `counts`, or from `deltas` when counts is NULL. */
static enum err from_spans(struct arena *a, const struct hist_span *spans, size_t span_count,
    const double *counts, const int64_t *deltas, size_t n, const struct hist_bucket **ret,
    uint32_t *ret_count)
{
	uint64_t total = 0;
	for (size_t i = 0; i < span_count; i++)
		total += spans[i].length;
	if (total != n)
		return ERR_INPUT;
	if (n > HIST_BUCKETS_MAX)
		return ERR_LIMIT;
	struct hist_bucket *out = arena_new(a, struct hist_bucket, n);
	if (!out)
		return arena_err(a);
	int64_t index = 0, value = 0;
	size_t at = 0;
	for (size_t i = 0; i < span_count; i++) { /* offsets are 32 bits: the sum cannot overflow */
		if (i > 0 && spans[i].offset < 0)
			return ERR_INPUT;
		index += spans[i].offset;
		for (uint32_t k = 0; k < spans[i].length; k++, index++, at++) {
			if (index > HIST_INDEX_MAX || index < -HIST_INDEX_MAX)
				return ERR_INPUT;
			if (!counts && ck_add(value, deltas[at], &value))
				return ERR_INPUT;
			double count = counts ? counts[at] : (double)value;
			if (!(count >= 0))
				return ERR_INPUT;
			out[at] = (struct hist_bucket){ (int32_t)index, count };
		}
	}
	assert(at == n);
	*ret = out;
	*ret_count = (uint32_t)n;
	return OK;
}

enum err hist_from_spans(struct arena *a, const struct hist_span *spans, size_t span_count,
    const double *counts, size_t count_count, const struct hist_bucket **ret, uint32_t *ret_count)
{
	static const double none = 0;
	return from_spans(
	    a, spans, span_count, counts ? counts : &none, NULL, count_count, ret, ret_count);
}

enum err hist_from_deltas(struct arena *a, const struct hist_span *spans, size_t span_count,
    const int64_t *deltas, size_t delta_count, const struct hist_bucket **ret, uint32_t *ret_count)
{
	return from_spans(a, spans, span_count, NULL, deltas, delta_count, ret, ret_count);
}

#define CODEC_VERSION 1
#define COUNT_EXACT 9007199254740992.0 /* 2^53: integers up to here survive as varints */

static bool is_small_int(double v)
{
	return v >= 0 && v < COUNT_EXACT && v == floor(v) && !(v == 0 && signbit(v));
}

static bool all_ints(const struct hist *h)
{
	bool ok = is_small_int(h->count) && is_small_int(h->zero_count);
	for (uint32_t i = 0; ok && i < h->pos_count; i++)
		ok = is_small_int(h->pos[i].count);
	for (uint32_t i = 0; ok && i < h->neg_count; i++)
		ok = is_small_int(h->neg[i].count);
	return ok;
}

static void put_count(struct buf *b, bool ints, double v)
{
	if (ints)
		put_varint(b, (uint64_t)v);
	else
		put_f64(b, v);
}

static double rd_count(struct rd *r, bool ints)
{
	return ints ? (double)rd_varint(r) : rd_f64(r);
}

static void put_side(struct buf *b, bool ints, const struct hist_bucket *side, uint32_t n)
{
	int32_t before = 0;
	put_varint(b, n);
	for (uint32_t i = 0; i < n; i++) {
		put_zigzag(b, (int64_t)side[i].index - before);
		put_count(b, ints, side[i].count);
		before = side[i].index;
	}
}

void hist_put(struct buf *b, const struct hist *h)
{
	bool ints = all_ints(h);
	put_u8(b, CODEC_VERSION);
	put_u8(b, (uint8_t)((unsigned)h->hint | (ints ? 8u : 0u)));
	put_zigzag(b, h->schema);
	put_f64(b, h->zero_threshold);
	put_count(b, ints, h->zero_count);
	put_count(b, ints, h->count);
	put_f64(b, h->sum);
	put_side(b, ints, h->pos, h->pos_count);
	put_side(b, ints, h->neg, h->neg_count);
	put_varint(b, h->custom_count);
	for (uint32_t i = 0; i < h->custom_count; i++)
		put_f64(b, h->custom[i]);
}

static const struct hist_bucket *rd_side(
    struct arena *a, struct rd *r, bool ints, uint32_t *ret_count)
{
	uint64_t n = rd_varint(r);
	if (n > HIST_BUCKETS_MAX || n > r->rest.len) {
		r->err = ERR_INPUT;
		return NULL;
	}
	struct hist_bucket *out = arena_new(a, struct hist_bucket, n);
	int64_t index = 0;
	for (uint64_t i = 0; out && i < n; i++) {
		if (ck_add(index, rd_zigzag(r), &index))
			r->err = ERR_INPUT;
		if (r->err != OK || index > HIST_INDEX_MAX || index < -HIST_INDEX_MAX) {
			r->err = ERR_INPUT;
			return NULL;
		}
		out[i] = (struct hist_bucket){ (int32_t)index, rd_count(r, ints) };
	}
	*ret_count = (uint32_t)n;
	return out;
}

enum err hist_read(struct arena *a, struct rd *r, struct hist *ret)
{
	struct hist h = { 0 };
	if (rd_u8(r) != CODEC_VERSION)
		r->err = ERR_INPUT;
	uint8_t flags = rd_u8(r);
	if (flags & ~11u)
		r->err = ERR_INPUT;
	bool ints = flags & 8;
	h.hint = (enum hist_hint)(flags & 3);
	int64_t schema = rd_zigzag(r);
	h.zero_threshold = rd_f64(r);
	h.zero_count = rd_count(r, ints);
	h.count = rd_count(r, ints);
	h.sum = rd_f64(r);
	if (r->err != OK)
		return r->err;
	h.pos = rd_side(a, r, ints, &h.pos_count);
	h.neg = r->err == OK ? rd_side(a, r, ints, &h.neg_count) : NULL;
	uint64_t customs = rd_varint(r);
	if (customs > HIST_BUCKETS_MAX || customs * 8 > r->rest.len)
		r->err = ERR_INPUT;
	if (r->err != OK)
		return r->err;
	double *custom = arena_new(a, double, customs);
	if (!custom || !h.pos || !h.neg)
		return arena_err(a);
	for (uint64_t i = 0; i < customs; i++)
		custom[i] = rd_f64(r);
	h.custom = custom;
	h.custom_count = (uint32_t)customs;
	h.schema = schema < -128 || schema > 127 ? 127 : (int32_t)schema;
	if (r->err == OK && !hist_valid(&h))
		r->err = ERR_INPUT;
	if (r->err == OK)
		*ret = h;
	return r->err;
}
