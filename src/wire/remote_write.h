/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus remote write 1.0: a snappy block that holds a prometheus.WriteRequest. Unpack it, then
 * pull series after series, and within one sample after sample. Nothing is copied but histograms'
 * buckets.
 *
 *   rw_unpack(body, limit, &bytes); r = rw_make(bytes);
 *   while (rw_next_series(&r, &s)) { labels from s.label_bytes (a cache key) or rw_labels();
 *       while (rw_next_sample(&r, &s, arena, &sample)) ...; }
 *   r.err != OK -> r.fault says what and where.
 *
 * Timestamps may be anything and come in any order; any bit pattern of a double is kept, so a stale
 * marker (RW_STALE_BITS) arrives as one. Exemplars and metadata are skipped.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/hist.h"
#include "wire/protobuf.h"

#define RW_BYTES_MAX (64u << 20) /* unpacked */
#define RW_LABELS_MAX 64u        /* a series */
#define RW_NAME_BYTES_MAX 1024u
#define RW_VALUE_BYTES_MAX 8192u
#define RW_STALE_BITS UINT64_C(0x7ff0000000000002)

struct rw_label {
	struct str name, value;
};

struct rw_sample {
	int64_t t_ms;
	bool is_hist;
	double value;
	struct hist hist; /* arrays in the arena that was given */
};

struct rw {
	struct pb request;
	enum err err;    /* sticky: ERR_INPUT, or ERR_NOMEM / ERR_LIMIT from the arena */
	char fault[160]; /* "series 3: sample 1: unexpected end of the message"; ends in NUL */
	uint32_t series; /* ordinal of the current one, from 1 */
	uint32_t sample;
};

struct rw_series {
	struct str label_bytes; /* the labels as they came: equal bytes are equal labels */
	struct pb body;         /* private: what follows them */
};

/* Unpacks a snappy block of at most limit bytes when unpacked. ERR_INPUT: not snappy; ERR_LIMIT:
 * larger; *ret_fault gets the words for the answer. */
must_check enum err rw_unpack(
    struct str packed, size_t limit, struct buf *ret, const char **ret_fault);
struct rw rw_make(struct str request);
/* False at the end or on an error (r->err). */
bool rw_next_series(struct rw *r, struct rw_series *ret);
/* The labels sorted by name, without those that have an empty value. ERR_INPUT (also in r) when a
 * name is empty, not UTF-8, too long or there twice, or when there are more than RW_LABELS_MAX. */
must_check enum err rw_labels(
    struct rw *r, const struct rw_series *s, struct rw_label ret[RW_LABELS_MAX], size_t *ret_count);
/* The next float or histogram of the series; false at its end or on an error (r->err). */
bool rw_next_sample(struct rw *r, struct rw_series *s, struct arena *a, struct rw_sample *ret);
