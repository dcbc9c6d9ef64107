/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the notifier: setup (the configuration in force), jobs (attempts), tally (counters).
 */
#pragma once
#include "base/map.h"
#include "notify/driver.h"
#include "role/notifier/notifier.h"
#include "wire/record.h"

#define JOBS_MAX 1024u /* attempts held: both senders' credit and as many unconfirmed receipts */
#define PROVIDERS_MAX 64u
#define TALLIES_MAX 128u /* providers ever seen by this process */

/* ---- setup: one configuration; lives until the last attempt that uses it has ended ---- */

struct setup {
	const struct mem *mem;
	struct arena *arena;
	struct notify_provider *providers;
	uint32_t *running; /* attempts under way, per provider */
	size_t provider_count;
	bool has_link_key;
	struct link_key link_key;
	size_t users; /* the notifier itself and attempts under way */
};
/* ERR_INPUT with *ret_why (lives in static memory or `why`). users starts at 1. */
must_check enum err setup_read(
    const struct mem *mem, const struct json *config, struct buf *why, struct setup **ret);
void setup_release(struct setup **setup);
/* Index by name, or -1. */
int setup_find(const struct setup *setup, struct str name);

/* ---- tally ---- */

enum page_outcome {
	PAGE_ACCEPTED,
	PAGE_RETRY,
	PAGE_FINAL,
	PAGE_UNKNOWN,
	PAGE_CANCELLED,
	PAGE_OUTCOME_COUNT
};
#define TALLY_BOUNDS 10
struct tally {
	char provider[80];
	uint64_t outcomes[PAGE_OUTCOME_COUNT];
	uint64_t buckets[TALLY_BOUNDS +
	                 1]; /* by seconds from hand-over to verdict; the last is the rest */
	double seconds_sum;
};
struct tallies {
	struct tally list[TALLIES_MAX];
	size_t count;
	uint64_t lost; /* of providers beyond the table */
};
void tally_add(struct tallies *t, struct str provider, enum page_outcome outcome, struct span took);
/* Appends a body of MSG_METRICS. */
struct tally_gauges {
	size_t waiting, sending, unconfirmed;
};
void tally_write(
    struct buf *b, const struct tallies *t, const struct tally_gauges *gauges, int64_t at_ms);

/* ---- jobs: attempts ---- */

enum job_state { JOB_WAITING, JOB_SENDING, JOB_SETTLED };

struct notifier;
struct job {
	struct notifier *n;
	struct job *prev, *next; /* all, in order of arrival */
	char key[40];            /* message/attempt */
	char message[sizeof(struct id)];
	uint32_t attempt;
	enum job_state state;
	enum role peer;
	uint64_t generation; /* of the peer's channel that its credit belongs to; 0 = given back */
	struct mono taken_at;
	struct buf page_bytes; /* until settled */
	struct page page;      /* borrows page_bytes */
	/* while sending */
	struct setup *setup;
	size_t provider_index;
	struct buf url;
	struct fetch_call *call;
	/* once settled */
	enum receipt_state receipt_state;
	struct buf receipt; /* body of MSG_RECEIPT */
	bool receipt_sent;  /* over the present channel */
};

struct peer_end {
	struct chan *chan;
	uint64_t generation; /* of chan; 1, 2 ... */
};

struct notifier {
	struct child *child;
	const struct mem *mem;
	struct loop *loop;
	struct fetch *fetch;
	struct setup *setup;
	struct peer_end engine, auditor;
	struct chan *telemetry;
	struct job *first, *last;
	struct map *jobs;      /* key -> job */
	struct map *under_way; /* message -> job that is sending */
	size_t counts[JOB_SETTLED + 1];
	struct tallies tallies;
	struct loop_hook hook;
	struct loop_timer metrics, stop_limit;
	bool due; /* something may be dispatched at the end of this turn */
	bool stopping;
	uint64_t dropped; /* metrics messages that telemetry could not take */
};

/* Takes a page over; false: hold its credit. */
bool jobs_take(struct notifier *n, enum role peer, struct str body);
void jobs_cancel(struct notifier *n, struct str message);
void jobs_confirm(
    struct notifier *n, struct str message, uint32_t attempt, enum receipt_state state);
/* Starts what may start. */
void jobs_dispatch(struct notifier *n);
/* Sends receipts that the peer has not been given over its present channel. */
void jobs_flush_receipts(struct notifier *n, enum role peer);
/* Body of MSG_HOLDING. */
void jobs_write_holding(struct notifier *n, struct buf *b);
/* The peer's channel is gone: its receipts must be sent anew. */
void jobs_peer_gone(struct notifier *n, enum role peer);
/* Ends what is under way, with the truth about each. */
void jobs_abort(struct notifier *n);
void jobs_free_all(struct notifier *n);
struct peer_end *notifier_peer(struct notifier *n, enum role peer);
/* Everything, after jobs_abort and the last turn of the loop. The process itself just ends; a test
 * wants to see that nothing is lost. */
void notifier_free(struct notifier *n);
