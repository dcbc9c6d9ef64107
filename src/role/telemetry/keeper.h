/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread that keeps what came in: at each flush interval it writes the aggregation's values and
 * the role's own series into the store; every second it makes the store durable; now and then it
 * cuts and expires. None of that may hold up the loop, and the loop holds up none of that.
 */
#pragma once
#include "role/telemetry/agg.h"
#include "role/telemetry/receiver.h"

struct keeper;

struct keeper_options {
	const struct mem *mem;
	const struct os *os;
	struct series_store *store;
	struct agg *agg;
	struct span flush; /* of the aggregation */
	void *ctx;
	/* Called on the keeper's thread at each flush, to add the caller's own series by
	 * keeper_put. May be NULL. */
	void (*own_series)(void *ctx, struct keeper *keeper);
};

must_check enum err keeper_start(const struct keeper_options *options, struct keeper **ret);
/* A last flush of everything, then ends the thread. */
void keeper_stop(struct keeper **keeper);
/* The interval may change while it runs. */
void keeper_set_flush(struct keeper *keeper, struct span flush);
/* Only within own_series. At most KEEPER_OWN_MAX of them; `label` is empty or one label's name. */
#define KEEPER_OWN_MAX 512u
void keeper_put(struct keeper *keeper, const char *name, const char *label,
    const char *value_of_label, double value);

struct keeper_state {
	uint64_t flushes;
	int64_t flush_ns, flush_lag_ns; /* how long the last took; how late it began */
	struct wall flushed_at;         /* of samples into the store */
	struct wall durable_at;         /* last time when all was on disk */
	int disk_errno; /* why the last attempt at the disk failed; 0 = it did not */
};
void keeper_state(struct keeper *keeper, struct keeper_state *ret);
