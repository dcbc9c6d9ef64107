/* SPDX-License-Identifier: Apache-2.0
 *
 * From inbox records to rows: the pager core with the directory in force, and beside it what the
 * core does not know: resources, sign-in data, the audit trail, figures by minute. Deterministic:
 * the same records into an empty store give the same rows, which a replay checks.
 */
#pragma once
#include "incident/core.h"
#include "role/engine/resources.h"
#include "store/control/control.h"

struct decider;

/* Looking at rows as they are decided; borrowed until the batch is cleared. May be NULL. */
struct decider_watch {
	void (*message)(void *context, const struct message *row);
	void (*alert)(void *context, const struct alert *row);
	void *context;
};

must_check enum err decider_open(const struct mem *mem, struct zones *zones, uint64_t seed,
    const struct decider_watch *watch, struct decider **ret);
void decider_close(struct decider **decider);
/* Loads the open rows from the store and compiles the directory in force. watch sees the loaded
 * messages and alerts too. */
must_check enum err decider_load(
    struct decider *d, struct control_store *store, struct control_mark *ret_mark);

struct decided {
	enum outcome outcome;
	bool skipped; /* could not be decided at all: nothing was written for it */
	bool resources_changed;
};
/* Decides one record into the batch. ERR_LIMIT, ERR_NOMEM: nothing happened: give the batch away
 * and try again with an empty one; of an empty batch the record is skipped instead. */
must_check enum err decider_step(
    struct decider *d, const struct record *rec, struct control_batch *batch, struct decided *ret);
/* Completes the batch before it is given away. */
void decider_finish(struct decider *d, struct control_batch *batch);

struct core *decider_core(struct decider *d);
const struct directory *decider_directory(const struct decider *d);
const struct resource_set *decider_resources(const struct decider *d);
/* Whether this routing key leads anywhere now. */
bool decider_knows_key(const struct decider *d, struct str routing_key);
