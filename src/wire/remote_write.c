/* SPDX-License-Identifier: Apache-2.0
 *
 * Field numbers are those of prompb/types.proto:
 *   WriteRequest 1 TimeSeries, 3 metadata; TimeSeries 1 labels, 2 samples, 3 exemplars, 4
 * histograms; Label 1 name, 2 value; Sample 1 value, 2 timestamp; Histogram as in struct raw_hist.
 */
#include "wire/remote_write.h"
#include <assert.h>
#include <snappy-c.h>
#include <stdio.h>

enum err rw_unpack(struct str packed, size_t limit, struct buf *ret, const char **ret_fault)
{
	assert(ret && ret_fault);
	size_t len = 0;
	if (snappy_uncompressed_length(packed.ptr ? packed.ptr : "", packed.len, &len) !=
	    SNAPPY_OK) {
		*ret_fault = "snappy: corrupt input";
		return ERR_INPUT;
	}
	if (len > limit) {
		*ret_fault = "snappy: decoded block is too large";
		return ERR_LIMIT;
	}
	char *to = buf_reserve(ret, len ? len : 1);
	if (!to) {
		*ret_fault = "out of memory for the request";
		return ret->err;
	}
	if (snappy_uncompress(packed.ptr, packed.len, to, &len) != SNAPPY_OK) {
		*ret_fault = "snappy: corrupt input";
		return ERR_INPUT;
	}
	buf_grew(ret, len);
	return OK;
}

struct rw rw_make(struct str request)
{
	return (struct rw){ .request = pb_make(request) };
}

static bool fail(struct rw *r, enum err err, const char *what)
{
	assert(err != OK && what);
	if (r->err != OK)
		return false;
	r->err = err;
	if (r->series == 0)
		snprintf(r->fault, sizeof(r->fault), "%s", what);
	else if (r->sample == 0)
		snprintf(r->fault, sizeof(r->fault), "series %u: %s", r->series, what);
	else
		snprintf(r->fault, sizeof(r->fault), "series %u: sample %u: %s", r->series,
		    r->sample, what);
	return false;
}

bool rw_next_series(struct rw *r, struct rw_series *ret)
{
	if (r->err != OK)
		return false;
	r->sample = 0;
	while (pb_next(&r->request)) {
		if (r->request.field != 1)
			continue; /* metadata, and what later versions add */
		r->series++;
		if (r->request.wire != PB_BYTES)
			return fail(r, ERR_INPUT, "a time series must be a message");
		struct pb body = pb_make(r->request.bytes), next = body;
		while (next.at < next.end && *next.at == (1 << 3 | PB_BYTES) && pb_next(&next))
			body = next;
		const char *start = r->request.bytes.ptr;
		ret->label_bytes = str_make(start, (size_t)((const char *)body.at - start));
		ret->body = pb_make(str_make((const char *)body.at, (size_t)(body.end - body.at)));
		return true;
	}
	if (r->request.err != OK) {
		r->series = 0;
		return fail(r, ERR_INPUT, r->request.what);
	}
	return false;
}

static bool read_label(struct rw *r, struct str bytes, struct rw_label *ret)
{
	struct pb label = pb_make(bytes);
	*ret = (struct rw_label){ { "", 0 }, { "", 0 } };
	while (pb_next(&label)) {
		if (label.field > 2)
			continue;
		if (label.wire != PB_BYTES)
			return fail(r, ERR_INPUT, "a label's name and value must be strings");
		*(label.field == 1 ? &ret->name : &ret->value) = label.bytes;
	}
	if (label.err != OK)
		return fail(r, ERR_INPUT, label.what);
	if (ret->name.len == 0)
		return fail(r, ERR_INPUT, "a label has an empty name");
	if (ret->name.len > RW_NAME_BYTES_MAX)
		return fail(r, ERR_INPUT, "a label's name is longer than 1024 bytes");
	if (ret->value.len > RW_VALUE_BYTES_MAX)
		return fail(r, ERR_INPUT, "a label's value is longer than 8192 bytes");
	if (!str_utf8_valid(ret->name) || !str_utf8_valid(ret->value))
		return fail(r, ERR_INPUT, "a label is not valid UTF-8");
	return true;
}

enum err rw_labels(
    struct rw *r, const struct rw_series *s, struct rw_label ret[RW_LABELS_MAX], size_t *ret_count)
{
	struct pb list = pb_make(s->label_bytes);
	size_t count = 0;
	while (pb_next(&list)) {
		struct rw_label label;
		if (!read_label(r, list.bytes, &label))
			return r->err;
		if (label.value.len == 0)
			continue;
		size_t at = count;
		int order = 1;
		while (at > 0 && (order = str_cmp(ret[at - 1].name, label.name)) > 0)
			at--;
		if (at > 0 && order == 0) {
			fail(r, ERR_INPUT, "a label is there twice");
			return r->err;
		}
		if (count == RW_LABELS_MAX) {
			fail(r, ERR_INPUT, "more than 64 labels");
			return r->err;
		}
		memmove(ret + at + 1, ret + at, (count - at) * sizeof(ret[0]));
		ret[at] = label;
		count++;
	}
	assert(list.err == OK); /* rw_next_series walked it */
	*ret_count = count;
	return OK;
}

/* A histogram as it lies in the message; lists that come unpacked or in parts are joined by
 * `joined`. */
struct raw_hist {
	struct hist hist;
	int64_t t_ms;
	struct hist_span *spans[2];
	double *counts[2];
	int64_t *deltas[2];
	size_t span_count[2], count_count[2], delta_count[2];
	double *custom;
	size_t custom_count;
};
enum { POS, NEG };

/* How many elements a repeated field has at most, packed or not; a packed one takes >=
 * packed_bytes. */
static size_t elements(struct str bytes, uint32_t field, size_t packed_bytes)
{
	assert(packed_bytes > 0);
	size_t n = 0;
	struct pb m = pb_make(bytes);
	while (pb_next(&m)) {
		if (m.field == field)
			n += m.wire == PB_BYTES ? m.bytes.len / packed_bytes : 1;
	}
	return n;
}

static bool add_span(struct rw *r, struct raw_hist *h, int side, struct str bytes)
{
	struct pb m = pb_make(bytes);
	struct hist_span span = { 0 };
	while (pb_next(&m)) {
		if (m.field == 1 && m.wire == PB_VARINT)
			span.offset = (int32_t)pb_zigzag(m.value);
		else if (m.field == 2 && m.wire == PB_VARINT)
			span.length = (uint32_t)m.value;
	}
	if (m.err != OK)
		return fail(r, ERR_INPUT, m.what);
	h->spans[side][h->span_count[side]++] = span;
	return true;
}

static bool add_deltas(struct rw *r, struct raw_hist *h, int side, const struct pb *m)
{
	if (m->wire == PB_VARINT) {
		h->deltas[side][h->delta_count[side]++] = pb_zigzag(m->value);
		return true;
	}
	uint64_t v;
	struct str list = m->bytes;
	while (m->wire == PB_BYTES && pb_packed_varint(&list, &v))
		h->deltas[side][h->delta_count[side]++] = pb_zigzag(v);
	return m->wire == PB_BYTES && list.len == 0
	           ? true
	           : fail(r, ERR_INPUT, "broken list of bucket deltas");
}

static bool add_doubles(struct rw *r, double *to, size_t *count, const struct pb *m)
{
	if (m->wire == PB_FIXED64) {
		to[(*count)++] = pb_double(m->value);
		return true;
	}
	uint64_t v;
	struct str list = m->bytes;
	while (m->wire == PB_BYTES && pb_packed_fixed64(&list, &v))
		to[(*count)++] = pb_double(v);
	return m->wire == PB_BYTES && list.len == 0
	           ? true
	           : fail(r, ERR_INPUT, "broken list of bucket counts");
}

static bool take_hist_field(struct rw *r, struct raw_hist *h, const struct pb *m)
{
	bool number = m->wire == PB_VARINT || m->wire == PB_FIXED64;
	switch (m->field) {
	case 1: h->hist.count = (double)m->value; return number;
	case 2: h->hist.count = pb_double(m->value); return number;
	case 3: h->hist.sum = pb_double(m->value); return number;
	case 4: h->hist.schema = (int32_t)pb_zigzag(m->value); return number;
	case 5: h->hist.zero_threshold = pb_double(m->value); return number;
	case 6: h->hist.zero_count = (double)m->value; return number;
	case 7: h->hist.zero_count = pb_double(m->value); return number;
	case 8: return m->wire == PB_BYTES && add_span(r, h, NEG, m->bytes);
	case 9: return add_deltas(r, h, NEG, m);
	case 10: return add_doubles(r, h->counts[NEG], &h->count_count[NEG], m);
	case 11: return m->wire == PB_BYTES && add_span(r, h, POS, m->bytes);
	case 12: return add_deltas(r, h, POS, m);
	case 13: return add_doubles(r, h->counts[POS], &h->count_count[POS], m);
	case 14:
		h->hist.hint = m->value <= HIST_GAUGE ? (enum hist_hint)m->value : HIST_UNKNOWN;
		return number;
	case 15: h->t_ms = (int64_t)m->value; return number;
	case 16: return add_doubles(r, h->custom, &h->custom_count, m);
	default: return true;
	}
}

static bool make_side(struct rw *r, struct arena *a, const struct raw_hist *h, int side,
    const struct hist_bucket **ret, uint32_t *ret_count)
{
	enum err e = h->count_count[side]
	                 ? hist_from_spans(a, h->spans[side], h->span_count[side], h->counts[side],
	                       h->count_count[side], ret, ret_count)
	                 : hist_from_deltas(a, h->spans[side], h->span_count[side], h->deltas[side],
	                       h->delta_count[side], ret, ret_count);
	if (e == ERR_INPUT)
		return fail(r, e, "spans and buckets of a histogram do not fit each other");
	return e == OK ? true : fail(r, e, "the request's histograms are too large");
}

static bool room_for_hist(struct arena *a, struct str bytes, struct raw_hist *h)
{
	static const uint32_t span_field[2] = { 11, 8 }, delta_field[2] = { 12, 9 },
	                      count_field[2] = { 13, 10 };
	for (int side = POS; side <= NEG; side++) {
		struct pb m = pb_make(bytes);
		size_t spans = 0;
		while (pb_next(&m))
			spans += m.field == span_field[side];
		h->spans[side] = arena_new(a, struct hist_span, spans);
		h->deltas[side] = arena_new(a, int64_t, elements(bytes, delta_field[side], 1));
		h->counts[side] = arena_new(a, double, elements(bytes, count_field[side], 8));
	}
	h->custom = arena_new(a, double, elements(bytes, 16, 8));
	return arena_err(a) == OK;
}

static bool read_hist(struct rw *r, struct str bytes, struct arena *a, struct rw_sample *ret)
{
	struct raw_hist h = { 0 };
	if (!room_for_hist(a, bytes, &h))
		return fail(r, arena_err(a), "the request's histograms are too large");
	struct pb m = pb_make(bytes);
	while (pb_next(&m)) {
		if (!take_hist_field(r, &h, &m))
			return fail(r, ERR_INPUT, "a histogram's field has the wrong type");
	}
	if (m.err != OK)
		return fail(r, ERR_INPUT, m.what);
	if (!make_side(r, a, &h, POS, &h.hist.pos, &h.hist.pos_count) ||
	    !make_side(r, a, &h, NEG, &h.hist.neg, &h.hist.neg_count))
		return false;
	h.hist.custom = h.custom;
	h.hist.custom_count = (uint32_t)h.custom_count;
	*ret = (struct rw_sample){ .t_ms = h.t_ms, .is_hist = true, .hist = h.hist };
	bool known = h.hist.schema == HIST_CUSTOM ||
	             (h.hist.schema >= HIST_SCHEMA_MIN && h.hist.schema <= HIST_SCHEMA_MAX);
	if (!known)
		return fail(r, ERR_INPUT, "the histogram's schema is not one of -53, -4..8");
	if (!hist_valid(&ret->hist))
		return fail(r, ERR_INPUT, "the histogram contradicts itself");
	return true;
}

static bool read_float(struct rw *r, struct str bytes, struct rw_sample *ret)
{
	struct pb m = pb_make(bytes);
	*ret = (struct rw_sample){ 0 };
	while (pb_next(&m)) {
		if (m.field == 1 && m.wire == PB_FIXED64)
			ret->value = pb_double(m.value);
		else if (m.field == 2 && m.wire == PB_VARINT)
			ret->t_ms = (int64_t)m.value;
		else if (m.field <= 2)
			return fail(r, ERR_INPUT, "a sample's field has the wrong type");
	}
	return m.err == OK ? true : fail(r, ERR_INPUT, m.what);
}

bool rw_next_sample(struct rw *r, struct rw_series *s, struct arena *a, struct rw_sample *ret)
{
	if (r->err != OK)
		return false;
	while (pb_next(&s->body)) {
		if (s->body.field == 1)
			return fail(r, ERR_INPUT, "labels must come before samples");
		if (s->body.field != 2 && s->body.field != 4)
			continue; /* exemplars, and what later versions add */
		r->sample++;
		if (s->body.wire != PB_BYTES)
			return fail(r, ERR_INPUT, "a sample must be a message");
		return s->body.field == 2 ? read_float(r, s->body.bytes, ret)
		                          : read_hist(r, s->body.bytes, a, ret);
	}
	return s->body.err == OK ? false : fail(r, ERR_INPUT, s->body.what);
}
