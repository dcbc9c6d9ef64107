/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs the rule groups: each at its interval on the rules' own thread, in order of when it is due;
 * what its rules write goes to the store at once, its whole state to the engine as one message with
 * a sequence number, which is also its beat. A group that still runs when it is due again is
 * skipped and counted. New rules take effect between evaluations; states of rules that are still
 * there go on.
 */
#pragma once
#include "net/chan.h"
#include "role/telemetry/keeper.h"
#include "role/telemetry/tpool.h"
#include "rules/rules.h"

struct rulers;

struct rulers_options {
	const struct mem *mem;
	struct loop *loop;
	struct series_store *store;
	struct tpool *pool; /* with one thread */
	struct span default_interval;
	struct str external_url; /* copied */
};
must_check enum err rulers_open(const struct rulers_options *options, struct rulers **ret);
/* The pool must be closed before. */
void rulers_close(struct rulers **rulers);
/* A body of MSG_RULES. ERR_INPUT: it cannot be read; the old rules stay. */
must_check enum err rulers_take(struct rulers *r, struct str body);
void rulers_peer(struct rulers *r, struct chan *engine);
void rulers_set_interval(struct rulers *r, struct span default_interval); /* for the next rules */

/* Any thread. */
void rulers_write_rules(struct rulers *r, struct jw *w, struct str type);
void rulers_write_alerts(struct rulers *r, struct jw *w);
/* On the keeper's thread. */
void rulers_put(struct rulers *r, struct keeper *keeper);

struct rulers_state {
	size_t groups, failing;
	uint64_t missed, unsent;
	struct wall oldest_at; /* the evaluation of the group that was evaluated longest ago */
};
void rulers_state(struct rulers *r, struct rulers_state *ret);
