/* SPDX-License-Identifier: Apache-2.0
 *
 * Replaying: the engine's decider and the store's writer without a loop, one batch at a time.
 */
#include "role/engine/replay.h"

#include "role/engine/decide.h"
#include "store/control/inbox.h"
#include "wire/record.h"

#include <assert.h>

#define BATCH_DECISIONS 1000
#define COMMIT_WAIT SPAN_S(60)

struct replay {
	struct zones *zones;
	struct control_store *store;
	struct decider *decider;
	struct inbox_walk *walk;
	struct arena *arena;
	struct control_batch *batch;
	uint64_t epoch, records;
};

static enum err give(struct replay *r)
{
	if (!r->batch || r->batch->decisions == 0)
		return OK;
	decider_finish(r->decider, r->batch);
	if (r->batch->err != OK)
		return r->batch->err;
	control_commit(r->store, r->batch, r->epoch);
	r->batch = NULL;
	return control_wait(r->store, COMMIT_WAIT);
}

static enum err one(struct replay *r, const struct inbox_record *in)
{
	struct record rec;
	struct decided d;
	arena_reset(r->arena);
	if (record_decode(r->arena, in->body, &rec) != OK)
		rec = (struct record){ .type = RECORD_TICK };
	rec.seq = in->seq;
	rec.at = in->at;
	if (!r->batch)
		r->batch = control_batch_take(r->store);
	assert(r->batch);
	enum err e = decider_step(r->decider, &rec, r->batch, &d);
	if (e != OK) {
		e = give(r);
		r->batch = control_batch_take(r->store);
		if (e == OK)
			e = decider_step(r->decider, &rec, r->batch, &d);
	}
	r->records++;
	return e == OK && r->batch->decisions >= BATCH_DECISIONS ? give(r) : e;
}

static enum err open_all(struct replay *r, const struct mem *mem, const struct os *os,
    struct str inbox_dir, struct str data_dir, const char *zone_folder)
{
	struct control_options options = { 0 };
	struct control_mark mark;
	enum err e = zones_open(mem, os, zone_folder, &r->zones);
	if (e == OK)
		e = arena_open(mem, (size_t)64 << 20, &r->arena);
	if (e == OK)
		e = control_open(mem, os, data_dir, &options, NULL, &r->store);
	if (e == OK)
		e = decider_open(mem, r->zones, 1, NULL, &r->decider);
	if (e == OK)
		e = decider_load(r->decider, r->store, &mark);
	if (e == OK && mark.decided_seq != 0)
		e = ERR_INPUT;
	if (e == OK)
		e = inbox_walk_open(mem, os, inbox_dir, 0, &r->walk);
	r->epoch = e == OK ? mark.epoch : 0;
	return e;
}

enum err engine_replay(const struct mem *mem, const struct os *os, struct str inbox_dir,
    struct str data_dir, const char *zone_folder, uint64_t *ret_records)
{
	struct replay r = { 0 };
	struct inbox_record in;
	enum err e = open_all(&r, mem, os, inbox_dir, data_dir, zone_folder);
	while (e == OK && (e = inbox_walk_next(r.walk, &in)) == OK)
		e = in.seq == r.records + 1 ? one(&r, &in) : ERR_INPUT;
	if (e == ERR_GONE)
		e = give(&r);
	inbox_walk_close(&r.walk);
	control_close(&r.store);
	decider_close(&r.decider);
	arena_close(&r.arena);
	zones_close(&r.zones);
	if (e == OK)
		*ret_records = r.records;
	return e;
}
