/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's loop as the real one has it: records are appended to the inbox, become durable, are
 * decided in order, and their effects are committed some time later as one transaction; a message
 * goes to the notifier only when its handover is committed. A crash loses what was appended and not
 * durable, and all effects that were not committed; a start loads the rows, in any order, and
 * decides again what the inbox still holds.
 */
#include "sim.h"
#include "base/hash.h"
#include "wire/record.h"

#include <assert.h>

#define DECIDE_MAX 200
#define EFFECTS_LIMIT (64u << 20)

static void must_ok(enum err e)
{
	assert(e == OK);
}

static struct core_limits limits(const struct sim *s)
{
	return s->swarm.small_limits ? (struct core_limits){ 40, 60, 60, s->seed }
	                             : (struct core_limits){ 100000, 100000, 300000, s->seed };
}

static void wake_in(struct sim *s, struct span wait)
{
	struct engine *e = &s->engine;
	struct mono at = mono_add(s->now, wait);
	if (!e->is_up || e->wake.ns <= at.ns)
		return;
	e->wake = at;
	sim_in(s, wait, (struct sim_event){ .type = WHEN_ENGINE, .a = e->generation });
}

/* The time of the next record; a forward step of the clock becomes a tick of its own. */
static struct wall read_clock(struct sim *s)
{
	struct engine *e = &s->engine;
	struct span stepped;
	struct wall at = clock_now(&e->clock, sim_wall(s), s->now, &stepped);
	if (stepped.ns > 0) {
		struct record tick = { .type = RECORD_TICK, .tick = { stepped } };
		engine_append(s, &tick);
	}
	return at;
}

void engine_append(struct sim *s, struct record *rec)
{
	struct engine *e = &s->engine;
	struct buf b = buf_make(&mem_system, RECORD_BYTES_MAX);
	assert(e->is_up);
	struct wall at =
	    rec->type == RECORD_TICK && rec->tick.stepped.ns > 0 ? e->clock.last_at : read_clock(s);
	record_encode(&b, rec);
	assert(b.err == OK);
	if (e->appended == s->inbox_cap) {
		s->inbox_cap = s->inbox_cap ? s->inbox_cap * 2 : 1024;
		s->inbox = mem_resize(&mem_system, s->inbox, s->inbox_cap, sizeof(*s->inbox));
		assert(s->inbox);
	}
	s->inbox[e->appended].bytes = arena_str(s->arena, buf_str(&b));
	s->inbox[e->appended].at = at;
	e->appended++;
	rec->seq = e->appended;
	assert(s->inbox[e->appended - 1].bytes.ptr);
	buf_free(&b);
	wake_in(s, rng_span_ms(&s->rng, 0, 3));
}

/* -- deciding -----------------------------------------------------------------------------------
 */

static void handed_add(struct sim *s, uint64_t seq, const struct id *message)
{
	struct engine *e = &s->engine;
	if (e->handed_count + 2 > e->handed_cap) {
		e->handed_cap = e->handed_cap ? e->handed_cap * 2 : 64;
		e->handed = mem_resize(&mem_system, e->handed, e->handed_cap, sizeof(*e->handed));
		assert(e->handed);
	}
	e->handed[e->handed_count++] = seq;
	e->handed[e->handed_count++] = id_word(message);
}

static uint32_t variant_of(const struct record *rec)
{
	uint64_t v;
	assert(rec->resources.resource_count == 1);
	must_ok(str_u64(rec->resources.resources[0].body, &v));
	assert(v < SIM_DIRECTORIES);
	return (uint32_t)v;
}

/* Effects into rows; with a fault on purpose some get lost on the way. */
static void apply(struct sim *s, const struct record *rec, const struct effects *fx)
{
	rows_step(&s->rows);
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->list[i];
		if (e->type == EFFECT_TIMER_CLEAR) {
			const struct row *t = rows_find_id(&s->rows, ROW_TIMER, &e->timer.id);
			if (!t && s->bug)
				continue;
			if (!t)
				sim_broken(s, "2: a timer is cleared that was never set");
			check_timer_clear(s, t, rec);
		}
		if (e->type == EFFECT_TIMER_SET)
			check_timer_set(s, &e->timer);
		if (s->bug && str_eq(str_c(s->bug), STR("lose-timer")) &&
		    e->type == EFFECT_TIMER_SET && e->timer.type == TIMER_ESCALATE &&
		    rec->seq % 97 == 0)
			continue;
		if (s->bug && str_eq(str_c(s->bug), STR("lose-message")) &&
		    e->type == EFFECT_MESSAGE && rec->seq % 97 == 0)
			continue;
		/* A record may be decided long after its time: timers count from what the clock
		 * says now. */
		rows_apply(&s->rows, e, s->now, s->engine.clock.last_at);
	}
}

static void decide_one(struct sim *s)
{
	struct engine *e = &s->engine;
	const struct inbox_record *in = &s->inbox[e->decided];
	struct record rec;
	enum outcome outcome;
	arena_reset(e->arena);
	struct effects fx = effects_make(e->arena);
	must_ok(record_decode(e->arena, in->bytes, &rec));
	rec.seq = e->decided + 1;
	rec.at = in->at;
	if (rec.type == RECORD_RESOURCES) {
		e->directory = variant_of(&rec);
		core_set_directory(e->core, s->directories[e->directory]);
	}
	must_ok(core_step(e->core, &rec, &fx, &outcome));
	e->decided++;
	apply(s, &rec, &fx);
	s->inbox[e->decided - 1].sum = s->rows.sum;
	s->history =
	    hash_mix(s->history, rec.seq ^ (uint64_t)outcome << 60 ^ (uint64_t)fx.count << 40);
	for (uint32_t i = 0; rec.type == RECORD_HANDOVER && i < rec.handover.message_count; i++)
		handed_add(s, rec.seq, &rec.handover.messages[i]);
	check_step(s, &rec, outcome, &fx);
}

static size_t in_flight(const struct sim *s)
{
	size_t n = s->engine.handed_count / 2;
	for (uint32_t i = 0; i < s->job_count; i++)
		n += s->jobs[i].used;
	return n;
}

static void hand_over(struct sim *s)
{
	struct engine *e = &s->engine;
	const struct message *rows[SIM_WINDOW];
	struct id ids[SIM_WINDOW];
	size_t busy = in_flight(s);
	/* Not while a handover is undecided: the same messages would be listed again. */
	if (!s->notifier_is_up || busy >= SIM_WINDOW || e->decided != e->appended)
		return;
	size_t n = core_outbox(e->core, e->clock.last_at, rows, SIM_WINDOW - busy);
	for (size_t i = 0; i < n; i++)
		ids[i] = rows[i]->id;
	struct record rec = { .type = RECORD_HANDOVER, .handover = { ids, (uint32_t)n } };
	if (n > 0)
		engine_append(s, &rec);
}

static void start_commit(struct sim *s)
{
	struct engine *e = &s->engine;
	if (e->is_committing || e->committed == e->decided)
		return;
	e->is_committing = true;
	e->commit_is_applied = false;
	e->commit_mark = rows_mark(&s->rows);
	e->commit_seq = e->decided;
	e->commit_directory = e->directory;
	sim_in(s,
	    rng_span_ms(
	        &s->rng, s->swarm.commit_low.ns / NS_PER_MS, s->swarm.commit_high.ns / NS_PER_MS),
	    (struct sim_event){ .type = WHEN_COMMITTED, .a = e->generation });
}

void engine_turn(struct sim *s, uint32_t generation)
{
	struct engine *e = &s->engine;
	if (!e->is_up || generation != e->generation || s->now.ns < e->wake.ns)
		return;
	e->wake.ns = INT64_MAX;
	struct wall at = read_clock(s);
	if (core_next_due(e->core).ns <= at.ns && e->decided == e->appended) {
		struct record tick = { .type = RECORD_TICK };
		engine_append(s, &tick);
	}
	e->durable = e->appended;
	for (uint32_t n = 0; n < DECIDE_MAX && e->decided < e->durable; n++)
		decide_one(s);
	hand_over(s);
	start_commit(s);
	if (e->decided < e->appended)
		wake_in(s, SPAN_MS(1));
	struct span wait = wall_sub(core_next_due(e->core), at);
	wake_in(s, wait.ns < NS_PER_MS ? SPAN_MS(1) : wait.ns > 60 * NS_PER_S ? SPAN_S(60) : wait);
}

/* -- committing, crashing, starting
 * ---------------------------------------------------------------- */

static void commit_apply(struct sim *s)
{
	struct engine *e = &s->engine;
	rows_commit(&s->rows, e->commit_mark);
	e->committed = e->commit_seq;
	e->directory_committed = e->commit_directory;
	e->is_committing = false;
}

static void cancel_unwanted(struct sim *s)
{
	for (uint32_t i = 0; i < s->job_count; i++) {
		struct id id = id_from_word(s->jobs[i].message);
		if (s->jobs[i].used && !s->jobs[i].cancelled && !s->jobs[i].ended &&
		    !core_message_wanted(s->engine.core, &id))
			notifier_cancel(s, s->jobs[i].message);
	}
}

void engine_committed(struct sim *s, uint32_t generation)
{
	struct engine *e = &s->engine;
	if (!e->is_up || generation != e->generation || !e->is_committing)
		return;
	commit_apply(s);
	size_t kept = 0;
	for (size_t i = 0; i < e->handed_count; i += 2) {
		struct id id = id_from_word(e->handed[i + 1]);
		const struct row *m = rows_find_id(&s->rows, ROW_MESSAGE, &id);
		if (e->handed[i] > e->committed) {
			e->handed[kept++] = e->handed[i];
			e->handed[kept++] = e->handed[i + 1];
		} else if (m && m->message.state == MESSAGE_SENDING && s->notifier_is_up) {
			notifier_take(s, &m->message);
		}
	}
	e->handed_count = kept;
	cancel_unwanted(s);
	start_commit(s);
	wake_in(s, SPAN_MS(1));
}

static void totals_add(struct sim *s)
{
	/* Both are nothing but counters. */
	const uint64_t *from = (const uint64_t *)(const void *)core_counters(s->engine.core);
	uint64_t *to = (uint64_t *)(void *)&s->totals;
	for (size_t i = 0; i < sizeof(s->totals) / sizeof(*to); i++)
		to[i] += from[i];
}

void engine_crash(struct sim *s)
{
	struct engine *e = &s->engine;
	if (!e->is_up)
		return;
	if (e->is_committing && rng_chance(&s->rng, 500))
		commit_apply(s); /* it reached the disk, nobody heard of it */
	rows_crash(&s->rows);
	totals_add(s);
	core_close(&e->core);
	e->is_up = e->is_committing = false;
	e->generation++;
	e->appended = e->durable;
	e->decided = e->committed;
	e->directory = e->directory_committed;
	e->handed_count = 0;
	s->crashes++;
	sim_in(s, rng_wait(&s->rng, SPAN_S(5)), (struct sim_event){ .type = WHEN_ENGINE_START });
}

static void load_row(struct core *c, const struct rows *rows, const struct row *row)
{
	switch (row->kind) {
	case ROW_INCIDENT:
		if (row->incident.status != INCIDENT_RESOLVED)
			must_ok(core_load_incident(c, &row->incident));
		break;
	case ROW_ALERT:
		if (row->alert.status == ALERT_TRIGGERED)
			must_ok(core_load_alert(c, &row->alert));
		break;
	case ROW_MESSAGE: {
		const struct row *i = rows_find_id(rows, ROW_INCIDENT, &row->message.incident);
		bool is_open = i && i->incident.status != INCIDENT_RESOLVED;
		if (is_open || row->message.state == MESSAGE_INTENDED ||
		    row->message.state == MESSAGE_SENDING)
			must_ok(core_load_message(c, &row->message));
		break;
	}
	case ROW_TIMER: must_ok(core_load_timer(c, &row->timer)); break;
	case ROW_PROOF:
	case ROW_KIND_COUNT: break;
	}
}

/* All rows, shuffled: a core must not depend on the order in which it is told. */
static void load_all(struct sim *s, struct core *c)
{
	size_t count = 0, cap = 0;
	uint64_t last_number = 0;
	struct row *row, **list = NULL;
	for (enum row_kind kind = 0; kind < ROW_PROOF; kind++)
		cap += map_count(s->rows.by_id[kind]);
	list = mem_new(&mem_system, cap + 1, sizeof(struct row *));
	assert(list);
	for (enum row_kind kind = 0; kind < ROW_PROOF; kind++) {
		for (size_t at = 0; rows_next(&s->rows, kind, &at, &row);) {
			if (kind == ROW_INCIDENT && row->incident.number > last_number)
				last_number = row->incident.number;
			list[count++] = row;
		}
	}
	for (size_t i = count; i-- > 1;) {
		size_t k = rng_below(&s->rng, (uint32_t)i + 1);
		row = list[i];
		list[i] = list[k];
		list[k] = row;
	}
	for (size_t i = 0; i < count; i++)
		load_row(c, &s->rows, list[i]);
	struct wall last_at = { s->engine.committed ? s->inbox[s->engine.committed - 1].at.ns : 0 };
	core_load_counters(c, last_number, last_at);
	mem_free(&mem_system, list);
}

/* What the rows say is being sent and the notifier does not hold may or may not have gone out. */
void engine_doubt_all(struct sim *s)
{
	struct row *row;
	for (size_t at = 0; rows_next(&s->rows, ROW_MESSAGE, &at, &row);) {
		uint64_t word = id_word(&row->message.id);
		bool waits = false; /* decided and not committed: it will be dispatched */
		if (row->message.state != MESSAGE_SENDING ||
		    notifier_holds(s, word, row->message.attempt))
			continue;
		for (size_t i = 0; i < s->engine.handed_count; i += 2)
			waits = waits || s->engine.handed[i + 1] == word;
		if (waits)
			continue;
		struct record rec = { .type = RECORD_RECEIPT,
			.receipt = { .message = row->message.id,
			    .attempt = row->message.attempt,
			    .state = RECEIPT_UNKNOWN,
			    .error = STR("the notifier does not know it") } };
		engine_append(s, &rec);
	}
}

void engine_start(struct sim *s)
{
	struct engine *e = &s->engine;
	assert(!e->is_up);
	must_ok(core_open(&mem_system, limits(s), &e->core));
	core_set_directory(e->core, s->directories[e->directory]);
	load_all(s, e->core);
	e->is_up = true;
	e->up_since = s->now;
	e->wake.ns = INT64_MAX;
	e->clock = clock_make(
	    (struct wall){ e->durable ? s->inbox[e->durable - 1].at.ns : 0 }, sim_wall(s), s->now);
	struct record boot = { .type = RECORD_BOOT, .boot = { STR("crash"), STR("sim") } };
	engine_append(s, &boot);
	if (s->notifier_is_up) {
		engine_doubt_all(s);
		notifier_reconnect(s);
	}
}

void engine_open(struct sim *s)
{
	struct engine *e = &s->engine;
	must_ok(arena_open(&mem_system, EFFECTS_LIMIT, &e->arena));
	engine_start(s);
}

void engine_close(struct sim *s)
{
	struct engine *e = &s->engine;
	if (e->core)
		totals_add(s);
	core_close(&e->core);
	arena_close(&e->arena);
	mem_free(&mem_system, e->handed);
}

uint64_t engine_replay(struct sim *s)
{
	struct engine *e = &s->engine;
	struct core *c = NULL;
	struct rows rows;
	uint64_t differs = 0;
	rows_open(&rows);
	must_ok(core_open(&mem_system, limits(s), &c));
	core_set_directory(c, s->directories[0]);
	for (uint64_t i = 0; i < e->committed && !differs; i++) {
		struct record rec;
		enum outcome outcome;
		arena_reset(e->arena);
		struct effects fx = effects_make(e->arena);
		must_ok(record_decode(e->arena, s->inbox[i].bytes, &rec));
		rec.seq = i + 1;
		rec.at = s->inbox[i].at;
		if (rec.type == RECORD_RESOURCES)
			core_set_directory(c, s->directories[variant_of(&rec)]);
		must_ok(core_step(c, &rec, &fx, &outcome));
		for (size_t k = 0; k < fx.count; k++)
			rows_apply(&rows, &fx.list[k], s->now, rec.at);
		rows_step(&rows);
		rows_commit(&rows, rows_mark(&rows));
		if (rows.sum != s->inbox[i].sum)
			differs = i + 1;
	}
	core_close(&c);
	rows_close(&rows);
	return differs;
}
