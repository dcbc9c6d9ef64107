/* SPDX-License-Identifier: Apache-2.0
 *
 * A turn of the engine: what became durable is decided, in slices of SLICE, into a batch; the batch
 * is given to the commit thread when that is free, and filled on meanwhile, so that groups grow
 * with the load.
 */
#include "role/engine/engine_priv.h"

#include "base/surprise.h"
#include "role/engine/ballast.h"

#include <assert.h>
#include <string.h>

#define SLICE SPAN_MS(5)
#define BATCH_DECISIONS 1024
#define BATCH_BYTES ((size_t)4 << 20)
#define WAL_BYTES_MAX ((uint64_t)512 << 20)
#define FAILING_MAX SPAN_S(1)
#define RETRY SPAN_MS(50)
#define LOG_EVERY SPAN_S(10)
#define RING ARRAY_COUNT(((struct engine *)0)->append_seqs)

/* ---- appending ---- */

static void ring_add(struct engine *e, uint64_t seq)
{
	struct mono now = loop_now(e->loop);
	if (e->committed_seq + 1 >= seq)
		e->append_count =
		    0; /* what came before is done: its time says nothing about this one */
	if (e->append_count > 0) {
		uint32_t last = (uint32_t)((e->append_head + e->append_count - 1) % RING);
		if (e->append_times[last].ns == now.ns || e->append_count == RING)
			return;
	}
	uint32_t at = (uint32_t)((e->append_head + e->append_count++) % RING);
	e->append_times[at] = now;
	e->append_seqs[at] = seq;
}

static void ring_trim(struct engine *e)
{
	while (e->append_count > 1 &&
	       e->append_seqs[(e->append_head + 1) % RING] <= e->committed_seq + 1) {
		e->append_head = (uint32_t)((e->append_head + 1) % RING);
		e->append_count--;
	}
}

struct span engine_undecided_age(const struct engine *e)
{
	struct inbox_state st;
	inbox_state(e->inbox, &st);
	if (e->append_count == 0 || st.appended <= e->committed_seq)
		return (struct span){ 0 };
	return mono_sub(e->os->mono(e->os), e->append_times[e->append_head]);
}

struct wall engine_stamp(struct engine *e)
{
	struct span stepped;
	struct wall at = clock_now(&e->clock, e->os->wall(e->os), e->os->mono(e->os), &stepped);
	if (stepped.ns > 0 && e->ready)
		e->step.ns = time_add_ns(e->step.ns, stepped.ns);
	return at;
}

static enum err append_tick(
    struct engine *e, struct wall at, struct span stepped, uint64_t *ret_seq)
{
	struct record tick = { .type = RECORD_TICK, .tick = { stepped } };
	struct buf b = buf_make(e->mem, 64);
	record_encode(&b, &tick);
	enum err err = b.err == OK ? inbox_append(e->inbox, at, buf_str(&b), true, ret_seq) : b.err;
	buf_free(&b);
	if (err == OK) {
		ring_add(e, *ret_seq);
		e->counts.ticks++;
	}
	return err;
}

enum err engine_append(struct engine *e, struct str body, bool urgent, uint64_t *ret_seq)
{
	struct wall at = engine_stamp(e);
	if (e->step.ns > 0) {
		/* Before anything is decided at the new time, timers move with it. */
		uint64_t seq;
		enum err err = append_tick(e, at, e->step, &seq);
		if (err != OK)
			return err;
		child_log(e->child, "warning", "event=clock-set-forward by_s=%lld",
		    (long long)(e->step.ns / NS_PER_S));
		e->step.ns = 0;
	}
	enum err err = inbox_append(e->inbox, at, body, urgent, ret_seq);
	if (err == OK)
		ring_add(e, *ret_seq);
	return err;
}

bool engine_takes_events(const struct engine *e)
{
	if (e->low_space || e->wal_bytes > WAL_BYTES_MAX)
		return false;
	return e->failing_since.ns == 0 ||
	       mono_sub(loop_now(e->loop), e->failing_since).ns < FAILING_MAX.ns;
}

/* ---- storage ---- */

static void log_storage(struct engine *e, const char *what, const char *why)
{
	struct mono now = loop_now(e->loop);
	if (e->storage_logged.ns && mono_sub(now, e->storage_logged).ns < LOG_EVERY.ns)
		return;
	e->storage_logged = now;
	child_log(e->child, "error",
	    "event=%s why=\"%s\" effect=\"events are refused until it is better\"", what, why);
}

static void on_inbox_failure(struct engine *e)
{
	uint64_t first;
	int error;
	if (!inbox_take_failure(e->inbox, &first, &error))
		return;
	log_storage(e, "inbox-failed", strerror(error));
	intake_refuse(e, first);
	todo_refuse(e, first);
	if (e->tick_seq >= first)
		e->tick_seq = 0;
	if (e->handover_seq >= first)
		e->handover_seq = 0;
	while (e->append_count > 0 &&
	       e->append_seqs[(e->append_head + e->append_count - 1) % RING] >= first)
		e->append_count--;
}

static void on_committed(struct engine *e, const struct control_state *st)
{
	e->committed_seq = st->committed_seq;
	ring_trim(e);
	intake_committed(e, e->committed_seq);
	inbox_decided(e->inbox, e->committed_seq);
	e->changed = true;
	e->flights_changed = true;
}

static void watch_store(struct engine *e)
{
	struct control_state st;
	control_state(e->store, &st);
	e->wal_bytes = st.wal_bytes;
	if (st.lost_lease) {
		engine_die(e, "another engine has taken the control store over");
		return;
	}
	if (st.committed_seq > e->committed_seq)
		on_committed(e, &st);
	if (!st.failing) {
		e->failing_since.ns = 0;
		return;
	}
	if (e->failing_since.ns == 0)
		e->failing_since = loop_now(e->loop);
	log_storage(e, "commit-failed", control_error_text(st.error));
	if (st.full && !e->low_space) {
		e->low_space = true;
		if (ballast_drop(e->os, str_c(e->data_dir)))
			child_log(e->child, "error",
			    "event=ballast-dropped effect=\"paging goes on, events are refused\"");
	}
}

/* ---- deciding ---- */

static bool give_batch(struct engine *e)
{
	if (!e->batch || e->batch->decisions == 0 || !control_idle(e->store))
		return false;
	decider_finish(e->decider, e->batch);
	/* The core has gone on: rows that are lost here would be lost for good. A start loads and
	 * decides again. */
	assert(e->batch->err == OK);
	control_commit(e->store, e->batch, e->epoch);
	e->batch = NULL;
	return true;
}

/* The next record to decide: what a former run left, then what this one appended. */
static bool next_record(struct engine *e, struct inbox_record *ret)
{
	if (e->has_held) {
		*ret = e->held;
		return true;
	}
	if (!e->walk)
		return inbox_next(e->inbox, ret);
	enum err err = inbox_walk_next(e->walk, ret);
	if (err == OK) {
		if (surprise(ret->seq != e->decided_seq + 1, "engine/inbox has a gap"))
			child_log(e->child, "error", "event=inbox-gap after=%llu before=%llu",
			    (unsigned long long)e->decided_seq, (unsigned long long)ret->seq);
		return true;
	}
	if (err != ERR_GONE)
		engine_die(e, "the inbox cannot be read");
	inbox_walk_close(&e->walk);
	return false;
}

static void after(struct engine *e, const struct record *rec, const struct decided *d)
{
	e->decided_seq = rec->seq;
	e->counts.decided++;
	if (rec->seq == e->tick_seq)
		e->tick_seq = 0;
	if (rec->seq == e->handover_seq)
		e->handover_seq = 0;
	intake_decided(e, rec->seq, d->outcome);
	if (d->resources_changed)
		watch_resources(e);
	if (d->skipped)
		child_log(e->child, "error", "event=record-skipped seq=%llu type=%d",
		    (unsigned long long)rec->seq, (int)rec->type);
	if (!e->walk)
		inbox_release(e->inbox, rec->seq);
}

/* ERR_LIMIT or ERR_NOMEM: the batch must go first. */
static enum err decide_one(struct engine *e, const struct inbox_record *in)
{
	struct record rec;
	struct decided d = { .skipped = true };
	arena_reset(e->arena);
	enum err err = record_decode(e->arena, in->body, &rec);
	rec.seq = in->seq;
	rec.at = in->at;
	e->deciding_seq = in->seq;
	if (surprise(err != OK, "engine/record cannot be read")) {
		/* Nothing but its place: a release that wrote it knows more than this one. */
		rec = (struct record){ .seq = in->seq, .at = in->at, .type = RECORD_TICK };
		err = decider_step(e->decider, &rec, e->batch, &d);
		d.skipped = true;
	} else {
		err = decider_step(e->decider, &rec, e->batch, &d);
	}
	if (err == OK)
		after(e, &rec, &d);
	return err;
}

static bool batch_is_full(const struct control_batch *b)
{
	return b->decisions >= BATCH_DECISIONS || arena_used(b->arena) > BATCH_BYTES;
}

static void decide(struct engine *e)
{
	struct mono start = e->os->mono(e->os);
	struct inbox_record in;
	for (;;) {
		if (e->batch && batch_is_full(e->batch) && !give_batch(e))
			return; /* the commit thread will wake us */
		if (!e->batch && !(e->batch = control_batch_take(e->store)))
			return;
		if (!next_record(e, &in))
			break;
		e->has_held = decide_one(e, &in) != OK;
		if (e->has_held) {
			e->held = in;
			if (!give_batch(e))
				return;
		}
		struct span took = mono_sub(e->os->mono(e->os), start);
		if (took.ns > SLICE.ns) {
			e->counts.slices_over += took.ns > 2 * SLICE.ns;
			loop_wake_up(&e->wake); /* go on in the next turn */
			break;
		}
	}
	give_batch(e);
}

/* ---- time ---- */

static void tick(struct engine *e)
{
	struct wall due = core_next_due(decider_core(e->decider));
	if (due.ns == INT64_MAX || e->tick_seq) {
		loop_timer_clear(e->loop, &e->due);
		return;
	}
	struct wall now = engine_stamp(e);
	struct span wait = wall_sub(due, now);
	if (wait.ns <= 0) {
		struct span stepped = e->step;
		if (append_tick(e, now, stepped, &e->tick_seq) == OK) {
			e->step.ns = 0;
			return;
		}
		e->tick_seq = 0;
		wait = RETRY;
	}
	if (wait.ns > 3600 * NS_PER_S)
		wait = SPAN_S(3600);
	loop_timer_after(e->loop, &e->due, wait);
}

void engine_turn(struct engine *e)
{
	if (e->stopped)
		return;
	on_inbox_failure(e);
	watch_store(e);
	decide(e);
	if (e->stopped)
		return;
	if (!e->walk && !e->begun && !e->stopping)
		engine_begin(e);
	if (e->begun && !e->stopping) {
		todo_append(e);
		pages_turn(e);
		tick(e);
		if (!e->ready && todo_is_appended(e) && e->committed_seq >= e->startup_seq)
			engine_ready(e);
	}
	inbox_flush(e->inbox);
	uint64_t durable = inbox_durable(e->inbox);
	intake_durable(e, durable);
	todo_durable(e, durable);
	report_changed(e);
	if (!todo_is_appended(e) && !loop_timer_is_set(&e->retry))
		loop_timer_after(e->loop, &e->retry, RETRY);
}
