/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests that web relays undecoded: gathered from their frames, answered by a pool's thread,
 * and streamed back in frames of at most 64 KiB as the channel's credit allows. At most as many at
 * once as there is credit; a body is at most RELAY_BODY_MAX; a client that has gone cancels its
 * query.
 */
#pragma once
#include "api/prom.h"
#include "net/chan.h"
#include "role/telemetry/tpool.h"

#define RELAY_BODY_MAX (32u << 20)
#define RELAY_REQUESTS_MAX 256u

struct trelay;

struct trelay_options {
	const struct mem *mem;
	struct loop *loop;
	struct series_store *store;
	struct tpool *queries, *writes;
	struct prom prom; /* source is set per worker */
	struct span query_timeout;
};

must_check enum err trelay_open(const struct trelay_options *options, struct trelay **ret);
/* The pools must be closed before. */
void trelay_close(struct trelay **relay);
/* The messages of web's channels; as role_body.message and .credit. */
bool trelay_message(
    struct trelay *relay, struct chan *chan, enum msg_type type, uint64_t id, struct str body);
void trelay_credit(struct trelay *relay, struct chan *chan);
/* The channel is gone: its requests are dropped. */
void trelay_gone(struct trelay *relay, struct chan *chan);

struct trelay_counters {
	uint64_t requests, errors, refused, cancelled;
	uint64_t write_requests, write_samples, write_refused;
	size_t active;
};
void trelay_counters(const struct trelay *relay, struct trelay_counters *ret);
