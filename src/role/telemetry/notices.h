/* SPDX-License-Identifier: Apache-2.0
 *
 * DogStatsD events (_e) and service checks (_sc) on their way to the engine. They are found on the
 * receiver's thread and sent from the loop's; in between is a bounded queue. An event of type error
 * or warning triggers, success resolves what has the same key, info is kept as a change event; a
 * check that is not ok triggers, ok resolves. The tag service:NAME says whose incident it is.
 */
#pragma once
#include "loop/loop.h"
#include "net/chan.h"
#include "wire/statsd.h"

struct notices;

#define NOTICES_MAX 4096u

must_check enum err notices_open(const struct mem *mem, struct loop *loop, struct notices **ret);
void notices_close(struct notices **notices);
/* Any thread. */
void notices_event(struct notices *n, const struct statsd_event *e);
void notices_check(struct notices *n, const struct statsd_check *c);
/* On the loop. The engine's channel is up or gone (NULL); there is credit again; an answer came. */
void notices_peer(struct notices *n, struct chan *engine);
void notices_send(struct notices *n);
void notices_answer(struct notices *n, uint64_t id, struct str body);

struct notices_counters {
	uint64_t queued, sent, accepted, refused, dropped;
};
void notices_counters(struct notices *n, struct notices_counters *ret);
