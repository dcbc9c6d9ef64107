/* SPDX-License-Identifier: Apache-2.0
 *
 * Adds up StatsD samples between flushes: counters (cumulative, whole numbers exact), gauges,
 * timers and histograms as native histograms, sets as the number of distinct members since the last
 * flush. Names, units and tags become series as Prometheus' statsd_exporter makes them.
 *
 * Memory is bounded by `limit` metrics. Beyond it nothing is lost quietly: counters and timers are
 * added up in __overflow__{type=...}, every refused sample is counted. What nobody sends any more
 * ends: see AGG_SILENT_MS and AGG_FORGET_MS.
 *
 * Fast path: a sample's name, tags and type are hashed as they came to 128 bits, which lead
 * straight to the metric; only a spelling that was never seen is mapped and looked up. One thread
 * takes, another may flush: the table has a mutex, held for one batch of datagrams or one slice of
 * a flush.
 */
#pragma once
#include "base/hist.h"
#include "base/time.h"
#include "store/series/series.h"
#include "wire/statsd.h"

struct agg;

#define AGG_BAD_BYTES 256u
/* A gauge or a set that got nothing for this long is not written until the next sample: one stale
 * marker ends it. A value repeated for ever would make a dead sender look alive, and an alert on
 * missing data could never fire. As long as a query looks back for a sample, so senders that are
 * fast enough for a scraped gauge are so here. The value is kept: a later +n or -n adds to it.
 * Counters and timers go on: that nothing was counted is a rate of 0 and no silence. */
#define AGG_SILENT_MS INT64_C(300000)
/* Any metric that got nothing for this long is forgotten, with a stale marker where it was still
 * written, and gives its memory and its place within the limit back: labels that change (hosts,
 * versions) would fill the limit otherwise. A day, so that what only counts at some hours stays.
 * When it comes again, it starts at 0, which queries know as a counter reset. */
#define AGG_FORGET_MS INT64_C(86400000)

struct agg_counters {
	uint64_t datagrams, bytes, lines, samples, events, checks, tag_errors;
	uint64_t bad[STATSD_BAD_COUNT];
	struct {
		char text[AGG_BAD_BYTES]; /* the last bad line of this reason, cut, unprintable
		                             bytes as '?' */
		uint32_t len;
	} last_bad[STATSD_BAD_COUNT];
	uint64_t metrics, refused_samples; /* refused: beyond the limit (added to __overflow__ where
	                                      that can be) */
	uint64_t store_refused;            /* samples that the store would not take */
	uint64_t forgotten;                /* metrics that were idle for AGG_FORGET_MS */
};

/* What is no sample; borrowed until it returns. Called with the table's mutex held: must not call
 * back. */
struct agg_events {
	void *context;
	void (*event)(void *context, const struct statsd_event *e);
	void (*check)(void *context, const struct statsd_check *c);
};

must_check enum err agg_open(const struct mem *mem, uint64_t seed, uint32_t limit,
    const struct agg_events *events, struct agg **ret);
void agg_close(struct agg **agg);

void agg_lock(struct agg *agg);
void agg_unlock(struct agg *agg);
/* Between lock and unlock. ERR_NOMEM: what could not be remembered was counted as refused. */
void agg_take(struct agg *agg, struct str datagram);

/* Writes every metric's value at now_ms to the store, in slices; locks by itself. Sets start anew.
 * Idleness is measured from flush to flush, and a jump of the clock is cut to an hour.
 * ERR_IO never: what the store refuses is counted. */
void agg_flush(struct agg *agg, struct series_store *store, int64_t now_ms);
/* A copy. */
void agg_counters(struct agg *agg, struct agg_counters *ret);
/* The exact value of a counter by its series name without tags, for tests; false: there is none. */
bool agg_counter(struct agg *agg, struct str name, double *ret);
