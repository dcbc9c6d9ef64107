/* SPDX-License-Identifier: Apache-2.0
 *
 * What the scenarios do not see: a step is atomic whatever refuses memory, a loaded core decides as
 * the one that never stopped, storms lose no page, limits have answers.
 */
#include "incident/test_world_priv.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define INBOX_MAX 400
#define LIMITS ((struct core_limits){ 10000, 10000, 30000, 3 })

struct inbox {
	struct record records[INBOX_MAX];
	struct id ids[INBOX_MAX][8];
	size_t count;
};

/* clang-format off */
/* The town after a change: ana has another address, bo no mail any more, and dex came for dee. */
static const struct contact moved_ana[] = { { STR_INIT("mail"), CONTACT_EMAIL, STR_INIT("ana@y"), STR_INIT("") } };
static const struct contact moved_bo[] = { { STR_INIT("push"), CONTACT_NTFY, STR_INIT("bo-topic"), STR_INIT("") } };
#define MOVED(who, list, n) { .name = STR_INIT(who), .contacts = list, .contact_count = n, \
	.rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } }
static const struct user moved_users[] = { MOVED("ana", moved_ana, 1), MOVED("bo", moved_bo, 1), { .name = STR_INIT("cy") },
	MOVED("dex", town_dee, 2), MOVED("eve", town_eve, 1) };
static const struct directory moved_town = {
	.users = moved_users, .user_count = ARRAY_COUNT(moved_users),
	.schedules = town_schedules, .schedule_count = ARRAY_COUNT(town_schedules),
	.policies = town_policies, .policy_count = ARRAY_COUNT(town_policies),
	.services = town_services, .service_count = ARRAY_COUNT(town_services),
	.integrations = town_integrations, .integration_count = ARRAY_COUNT(town_integrations),
	.rules = town_rules, .rule_count = ARRAY_COUNT(town_rules),
	.providers = town_providers, .provider_count = ARRAY_COUNT(town_providers),
	.fallback = town_fallback, .fallback_count = ARRAY_COUNT(town_fallback),
};
/* clang-format on */

/* As the engine does it: the new directory is in force when its record is decided. */
static void follow(struct core *c, const struct record *rec)
{
	if (rec->type == RECORD_RESOURCES)
		core_set_directory(
		    c, str_eq(rec->resources.actor, STR("mover")) ? &moved_town : &town);
}

/* -- hashes of effects and states ---------------------------------------------------------------
 */

static uint64_t h(uint64_t x, struct str s)
{
	return hash_mix(x, hash64(s, 0));
}

static uint64_t h_incident(uint64_t x, const struct incident *v)
{
	x = h(h(h(h(x, id_str(&v->id)), v->title), v->service), v->changed_by);
	x = hash_mix(x, v->number << 8 | (uint64_t)v->status << 4 | (uint64_t)v->urgency);
	x = hash_mix(hash_mix(x, (uint64_t)v->changed_at.ns), (uint64_t)v->acknowledged_at.ns);
	x = hash_mix(x, (uint64_t)v->step << 32 | v->loop);
	return hash_mix(x, (uint64_t)v->alerts_open << 8 | (uint64_t)v->told << 2 |
	                       (uint64_t)v->exhausted << 1 | v->nobody);
}

static uint64_t h_message(uint64_t x, const struct message *v)
{
	x = h(h(h(h(x, id_str(&v->id)), id_str(&v->incident)), v->user), v->contact);
	x = h(h(h(h(x, v->address), v->provider), v->error), v->reference);
	x = hash_mix(x, (uint64_t)v->state << 32 | v->attempt << 1 | v->maybe_duplicate);
	return hash_mix(hash_mix(x, (uint64_t)v->changed_at.ns), (uint64_t)v->next_at.ns);
}

static uint64_t h_timer(uint64_t x, const struct timer *v)
{
	x = h(h(h(h(x, id_str(&v->id)), id_str(&v->subject)), v->user), v->contact);
	return hash_mix(hash_mix(x, (uint64_t)v->due.ns), (uint64_t)v->type);
}

static uint64_t h_effects(uint64_t x, const struct effects *fx, size_t from)
{
	for (size_t i = from; i < fx->count; i++) {
		const struct effect *e = &fx->list[i];
		x = hash_mix(x, (uint64_t)e->type);
		switch (e->type) {
		case EFFECT_INCIDENT: x = h_incident(x, &e->incident); break;
		case EFFECT_ALERT:
			x = h(h(h(x, id_str(&e->alert.id)), e->alert.summary), e->alert.details);
			break;
		case EFFECT_MESSAGE: x = h_message(x, &e->message); break;
		case EFFECT_TIMER_SET: x = h_timer(x, &e->timer); break;
		case EFFECT_TIMER_CLEAR: x = h(x, id_str(&e->timer.id)); break;
		case EFFECT_LOG:
			x = h(h(h(x, id_str(&e->log.id)), e->log.summary), e->log.body);
			break;
		case EFFECT_PROOF: x = h(h(x, e->proof.kind), e->proof.subject); break;
		case EFFECT_CHANGE_EVENT: x = h(x, e->change.summary); break;
		case EFFECT_TYPE_COUNT: assert_true(false);
		}
	}
	return x;
}

/* In whatever order the rows are held. */
static uint64_t h_state(const struct core *c)
{
	const struct incident *i;
	const struct message *m;
	const struct timer *t;
	uint64_t sum = hash_mix(5, (uint64_t)core_next_due(c).ns);
	for (size_t at = 0; core_next_incident(c, &at, &i);)
		sum += h_incident(1, i);
	for (size_t at = 0; core_next_message(c, &at, &m);)
		sum += h_message(2, m);
	for (size_t at = 0; core_next_timer(c, &at, &t);)
		sum += h_timer(3, t);
	const uint64_t *counters = (const uint64_t *)(const void *)core_counters(c);
	for (size_t k = 0; k < sizeof(struct core_counters) / sizeof(*counters); k++)
		sum += hash_mix(k + 10, counters[k]);
	return sum;
}

/* -- a history to work with ---------------------------------------------------------------------
 */

static void step(struct core *c, struct record *rec, struct arena *a, uint64_t *hash)
{
	enum outcome outcome;
	struct effects fx = effects_make(a);
	follow(c, rec);
	assert_int_equal(core_step(c, rec, &fx, &outcome), OK);
	*hash = h_effects(hash_mix(*hash, (uint64_t)outcome), &fx, 0);
	arena_reset(a);
}

static struct record *add(struct inbox *in, int64_t at_s, struct record rec)
{
	assert_true(in->count < INBOX_MAX);
	rec.seq = in->count + 1;
	rec.at.ns = INT64_C(1800000000) * NS_PER_S + at_s * NS_PER_S;
	in->records[in->count] = rec;
	return &in->records[in->count++];
}

static struct record event(const char *routing, const char *key, enum event_action action)
{
	return (struct record){ .type = RECORD_EVENT,
		.event = { .routing_key = str_c(routing),
		    .action = action,
		    .dedup_key = str_c(key),
		    .summary = STR("it is broken"),
		    .details = STR("{\"a\":1}"),
		    .source = STR("s"),
		    .via = STR("v2") } };
}

/* Hands over what is there and answers as `how` says, in turn. */
static void deliver(struct inbox *in, struct core *c, struct arena *a, int64_t at_s, uint64_t *hash)
{
	static const enum receipt_state how[] = { RECEIPT_ACCEPTED, RECEIPT_FAILED_RETRY,
		RECEIPT_UNKNOWN, RECEIPT_FAILED_FINAL, RECEIPT_CANCELLED, RECEIPT_DELIVERED };
	const struct message *rows[8];
	struct id *ids = in->ids[in->count];
	size_t n = core_outbox(c, (struct wall){ 0 }, rows, 8);
	uint32_t attempts[8];
	for (size_t i = 0; i < n; i++) {
		ids[i] = rows[i]->id;
		attempts[i] = rows[i]->attempt + 1;
	}
	if (n == 0)
		return;
	step(c,
	    add(in, at_s,
	        (struct record){ .type = RECORD_HANDOVER, .handover = { ids, (uint32_t)n } }),
	    a, hash);
	for (size_t i = 0; i < n; i++) {
		struct record receipt = { .type = RECORD_RECEIPT,
			.receipt = { ids[i], attempts[i], how[in->count % ARRAY_COUNT(how)],
			    STR(""), STR("ref"), STR("err") } };
		step(c, add(in, at_s, receipt), a, hash);
	}
}

/* A history in which about everything happens, recorded while it is decided. */
static uint64_t history_make(struct inbox *in)
{
	static const struct {
		const char *routing, *key;
		enum event_action action;
	} events[] = {
		{ "k-web", "a", EVENT_TRIGGER },
		{ "k-web", "a", EVENT_TRIGGER },
		{ "k-team", "b", EVENT_TRIGGER },
		{ "k-night", "c", EVENT_TRIGGER },
		{ "k-batch", "d", EVENT_TRIGGER },
		{ "nonsense", "e", EVENT_TRIGGER },
		{ "k-shift", "f", EVENT_TRIGGER },
		{ "k-auto", "g", EVENT_TRIGGER },
		{ "k-shift", "f", EVENT_ACKNOWLEDGE },
		{ "k-web", "a", EVENT_RESOLVE },
		{ "k-web", "zz", EVENT_RESOLVE },
		{ "k-web", "a", EVENT_TRIGGER },
	};
	static const struct record_rule_state states[] = {
		{ .rule = STR_INIT("load"), .labels = STR_INIT("{}"), .firing = true },
		{ .rule = STR_INIT("load"), .labels = STR_INIT("{}"), .firing = false },
		{ .rule = STR_INIT("who"), .labels = STR_INIT("{\"x\":\"y\"}"), .firing = true }
	};
	static const struct record to_town = { .type = RECORD_RESOURCES },
	                           to_moved = { .type = RECORD_RESOURCES,
		                           .resources = { .actor = STR_INIT("mover") } };
	struct core *c = NULL;
	struct arena *a = NULL;
	uint64_t hash = 1;
	int64_t t = 0;
	in->count = 0;
	assert_int_equal(arena_open(&mem_system, 1 << 22, &a), OK);
	assert_int_equal(core_open(&mem_system, LIMITS, &c), OK);
	core_set_directory(c, &town);
	for (size_t i = 0; i < ARRAY_COUNT(events); i++) {
		step(c, add(in, t, event(events[i].routing, events[i].key, events[i].action)), a,
		    &hash);
		deliver(in, c, a, t += 7, &hash);
	}
	step(c,
	    add(in, t,
	        (struct record){ .type = RECORD_RULES, .rules = { STR("alerts"), states, 3 } }),
	    a, &hash);
	step(c,
	    add(in, t,
	        (struct record){ .type = RECORD_TEST_PAGE, .test_page = { .user = STR("bo") } }),
	    a, &hash);
	step(c,
	    add(in, t, (struct record){ .type = RECORD_CHANGE, .change = { .summary = STR("x") } }),
	    a, &hash);
	step(
	    c, add(in, t, (struct record){ .type = RECORD_TICK, .tick = { SPAN_S(5) } }), a, &hash);
	for (int i = 0; i < 12; i++) {
		step(c, add(in, t += 200, (struct record){ .type = RECORD_TICK }), a, &hash);
		deliver(in, c, a, t, &hash);
		const struct incident *row;
		size_t at = 0;
		if (!core_next_incident(c, &at, &row))
			break;
		struct record_command cmd = { .type = (enum command_type)(i % COMMAND_TYPE_COUNT),
			.incident = row->id,
			.actor = STR("bo"),
			.via = STR("ui"),
			.text = STR("note") };
		step(c, add(in, t, (struct record){ .type = RECORD_COMMAND, .command = cmd }), a,
		    &hash);
		if (i % 3 != 2)
			step(c, add(in, t, i % 3 ? to_town : to_moved), a, &hash);
		deliver(in, c, a, t, &hash);
	}
	assert_true(core_counters(c)->pages_superseded > 0);
	core_close(&c);
	arena_close(&a);
	assert_true(in->count > 60);
	return hash;
}

static struct inbox inbox;

static void test_same_history(void **state)
{
	(void)state;
	uint64_t first = history_make(&inbox), again = history_make(&inbox);
	assert_true(first == again);
}

/* Fail the n-th allocation of a whole history, for all n: the step says so, nothing has changed,
 * and decided again it gives what it would have given. */
static void test_torture_memory(void **state)
{
	(void)state;
	uint64_t want = history_make(&inbox);
	size_t n = 1, met = 0;
	for (;; n++) {
		struct mem_faulty faulty = mem_faulty_make(n);
		struct core *c = NULL;
		struct arena *a = NULL;
		uint64_t hash = 1;
		assert_int_equal(arena_open(&mem_system, 1 << 22, &a), OK);
		if (core_open(&faulty.iface, LIMITS, &c) != OK) {
			assert_null(c);
			assert_int_equal(faulty.live, 0);
			arena_close(&a);
			continue;
		}
		core_set_directory(c, &town);
		bool met_now = false;
		for (size_t i = 0; i < inbox.count; i++) {
			enum outcome outcome;
			struct effects fx = effects_make(a);
			uint64_t before = faulty.calls < n ? h_state(c) : 0;
			follow(c, &inbox.records[i]);
			enum err e = core_step(c, &inbox.records[i], &fx, &outcome);
			if (e != OK) {
				assert_int_equal(e, ERR_NOMEM);
				assert_int_equal(fx.count, 0);
				assert_int_equal(fx.err, ERR_NOMEM);
				assert_true(h_state(c) == before);
				met_now = true;
				fx = effects_make(a);
				assert_int_equal(
				    core_step(c, &inbox.records[i], &fx, &outcome), OK);
			}
			hash = h_effects(hash_mix(hash, (uint64_t)outcome), &fx, 0);
			arena_reset(a);
		}
		assert_true(hash == want);
		met += met_now;
		bool through = faulty.calls < n;
		core_close(&c);
		arena_close(&a);
		assert_int_equal(faulty.live, 0);
		if (through)
			break;
	}
	assert_true(met > 20);
}

/* The same when the effects' arena is too small for the step. */
static void test_torture_effects(void **state)
{
	(void)state;
	uint64_t want = history_make(&inbox), hash = 1;
	struct core *c = NULL;
	size_t refused = 0;
	assert_int_equal(core_open(&mem_system, LIMITS, &c), OK);
	core_set_directory(c, &town);
	for (size_t i = 0; i < inbox.count; i++) {
		follow(c, &inbox.records[i]);
		for (size_t limit = 64;; limit += limit / 4) {
			enum outcome outcome;
			struct arena *a = NULL;
			assert_int_equal(arena_open(&mem_system, limit, &a), OK);
			struct effects fx = effects_make(a);
			uint64_t before = h_state(c);
			enum err e = core_step(c, &inbox.records[i], &fx, &outcome);
			if (e == OK)
				hash = h_effects(hash_mix(hash, (uint64_t)outcome), &fx, 0);
			else
				assert_true(
				    e == ERR_LIMIT && h_state(c) == before && fx.count == 0);
			refused += e != OK;
			arena_close(&a);
			if (e == OK)
				break;
		}
	}
	assert_true(hash == want);
	assert_true(refused > 200);
	core_close(&c);
}

/* -- storms and limits --------------------------------------------------------------------------
 */

struct storm {
	struct core *core;
	struct arena *arena;
	uint64_t seq, hash;
	struct wall at;
};

static void storm_open(struct storm *s, struct core_limits limits)
{
	*s = (struct storm){ .at = { INT64_C(1800000000) * NS_PER_S } };
	assert_int_equal(arena_open(&mem_system, 1 << 24, &s->arena), OK);
	assert_int_equal(core_open(&mem_system, limits, &s->core), OK);
	core_set_directory(s->core, &town);
}

static void storm_close(struct storm *s)
{
	core_close(&s->core);
	arena_close(&s->arena);
}

static void storm_step(struct storm *s, struct record rec)
{
	rec.seq = ++s->seq;
	rec.at = s->at;
	step(s->core, &rec, s->arena, &s->hash);
}

static void storm_event(struct storm *s, const char *routing, unsigned n, enum event_action action)
{
	char key[32];
	snprintf(key, sizeof(key), "key%u", n);
	storm_step(s, event(routing, key, action));
}

/* Accepts everything that is to be sent, `window` at a time; returns how many it was. */
static size_t storm_drain(struct storm *s, size_t window)
{
	const struct message *rows[CORE_OUTBOX_MAX];
	struct id ids[CORE_OUTBOX_MAX];
	size_t total = 0;
	for (size_t n; (n = core_outbox(s->core, s->at, rows, window)) > 0; total += n) {
		assert_true(n <= window);
		for (size_t i = 0; i < n; i++)
			ids[i] = rows[i]->id;
		storm_step(s,
		    (struct record){ .type = RECORD_HANDOVER, .handover = { ids, (uint32_t)n } });
		for (size_t i = 0; i < n; i++) {
			storm_step(s, (struct record){ .type = RECORD_RECEIPT,
			                  .receipt = { ids[i], 1, RECEIPT_ACCEPTED, STR(""),
			                      STR(""), STR("") } });
		}
	}
	return total;
}

static void test_storm_loses_no_page(void **state)
{
	(void)state;
	struct storm s;
	storm_open(&s, LIMITS);
	for (unsigned i = 0; i < 3000; i++)
		storm_event(&s, "k-shift", i, EVENT_TRIGGER);
	assert_int_equal(core_incident_count(s.core), 3000);
	assert_int_equal(storm_drain(&s, 50), 3000);
	for (unsigned i = 0; i < 3000; i++)
		storm_event(&s, "k-shift", i, EVENT_RESOLVE);
	assert_int_equal(core_incident_count(s.core), 0);
	assert_int_equal(storm_drain(&s, 256), 3000); /* all is well */
	assert_true(core_next_due(s.core).ns == INT64_MAX);
	assert_int_equal(core_counters(s.core)->pages_accepted, 6000);
	storm_close(&s);
}

/* More than one step moves: the rest goes with its handover, and nothing goes where ana was. */
static void test_all_are_moved(void **state)
{
	(void)state;
	struct storm s;
	const struct message *m;
	size_t old = 0, moved = 0, at = 0;
	storm_open(&s, LIMITS);
	for (unsigned i = 0; i < 1500; i++)
		storm_event(&s, "k-shift", i, EVENT_TRIGGER);
	storm_step(&s,
	    (struct record){ .type = RECORD_RESOURCES, .resources = { .actor = STR("mover") } });
	while (core_next_message(s.core, &at, &m))
		old += m->state == MESSAGE_INTENDED && str_eq(m->address, STR("ana@x"));
	assert_int_equal(old, 1500 - 1024);
	(void)storm_drain(&s, 256);
	for (at = 0; core_next_message(s.core, &at, &m);) {
		moved += m->state == MESSAGE_ACCEPTED && str_eq(m->address, STR("ana@y"));
		assert_true(m->state == MESSAGE_SUPERSEDED || !str_eq(m->address, STR("ana@x")));
	}
	assert_int_equal(moved, 1500);
	assert_int_equal(core_counters(s.core)->pages_superseded, 1500);
	storm_close(&s);
}

static void test_urgent_ones_first(void **state)
{
	(void)state;
	struct storm s;
	const struct message *rows[4];
	storm_open(&s, LIMITS);
	storm_event(&s, "k-batch", 1, EVENT_TRIGGER);
	s.at = wall_add(s.at, SPAN_S(300));
	storm_step(&s, (struct record){ .type = RECORD_TICK }); /* dee's low rule */
	storm_event(&s, "k-web", 2, EVENT_TRIGGER);
	storm_event(&s, "k-web", 3, EVENT_TRIGGER);
	assert_int_equal(core_outbox(s.core, s.at, rows, 4), 3);
	assert_true(str_eq(rows[0]->user, STR("ana")) && str_eq(rows[1]->user, STR("ana")));
	assert_true(id_word(&rows[0]->id) < id_word(&rows[1]->id));
	assert_true(str_eq(rows[2]->user, STR("dee")));
	assert_int_equal(core_outbox(s.core, s.at, rows, 1), 1);
	storm_close(&s);
}

static void test_many_timers_in_slices(void **state)
{
	(void)state;
	struct storm s;
	size_t ticks = 0;
	storm_open(&s, LIMITS);
	for (unsigned i = 0; i < 2000; i++)
		storm_event(&s, "k-web", i, EVENT_TRIGGER);
	assert_int_equal(storm_drain(&s, 256), 2000);
	s.at = wall_add(s.at, SPAN_S(300));
	while (core_next_due(s.core).ns <= s.at.ns) {
		storm_step(&s, (struct record){ .type = RECORD_TICK });
		ticks++;
	}
	assert_int_equal(ticks, (2000 + CORE_TIMERS_PER_STEP - 1) / CORE_TIMERS_PER_STEP);
	assert_int_equal(storm_drain(&s, 256), 2000); /* bo */
	storm_close(&s);
}

static void test_too_many_incidents_join(void **state)
{
	(void)state;
	struct storm s;
	storm_open(&s, (struct core_limits){ 10, 100, 100, 0 });
	for (unsigned i = 0; i < 50; i++)
		storm_event(&s, "k-web", i, EVENT_TRIGGER);
	assert_int_equal(core_incident_count(s.core), 10);
	storm_event(&s, "k-shift", 0, EVENT_TRIGGER); /* a service without any gets one */
	assert_int_equal(core_incident_count(s.core), 11);
	for (unsigned i = 0; i < 9; i++)
		storm_event(&s, "k-web", i, EVENT_RESOLVE);
	assert_int_equal(core_incident_count(s.core), 2);
	storm_close(&s);
}

static void test_too_many_messages_wait(void **state)
{
	(void)state;
	struct storm s;
	const struct incident *row;
	storm_open(&s, (struct core_limits){ 100, 5, 100, 0 });
	for (unsigned i = 0; i < 20; i++)
		storm_event(&s, "k-shift", i, EVENT_TRIGGER);
	for (int i = 0; i < 20; i++) {
		(void)storm_drain(&s, 5);
		s.at = wall_add(s.at, SPAN_S(30));
		storm_step(&s, (struct record){ .type = RECORD_TICK });
	}
	for (size_t at = 0; core_next_incident(s.core, &at, &row);)
		assert_true(row->told);
	storm_close(&s);
}

static void test_clock_behind(void **state)
{
	(void)state;
	struct storm s;
	const struct incident *row;
	size_t at = 0;
	storm_open(&s, LIMITS);
	storm_event(&s, "k-web", 1, EVENT_TRIGGER);
	struct wall first = s.at;
	s.at = wall_add(s.at, SPAN_S(-3600));
	storm_event(&s, "k-web", 2, EVENT_TRIGGER);
	assert_int_equal(core_counters(s.core)->clock_stepped_back, 1);
	while (core_next_incident(s.core, &at, &row))
		assert_true(row->created_at.ns == first.ns);
	storm_close(&s);
}

static void test_stepped_tick_moves_timers(void **state)
{
	(void)state;
	struct storm s;
	storm_open(&s, LIMITS);
	storm_event(&s, "k-web", 1, EVENT_TRIGGER);
	assert_int_equal(storm_drain(&s, 8), 1);
	struct wall due = core_next_due(s.core);
	s.at = wall_add(s.at, SPAN_S(3600));
	storm_step(&s, (struct record){ .type = RECORD_TICK, .tick = { SPAN_S(3600) } });
	assert_true(core_next_due(s.core).ns == due.ns + 3600 * NS_PER_S);
	assert_int_equal(storm_drain(&s, 8), 0);
	storm_close(&s);
}

static void test_wanted(void **state)
{
	(void)state;
	struct storm s;
	const struct message *rows[2];
	storm_open(&s, LIMITS);
	storm_event(&s, "k-web", 1, EVENT_TRIGGER);
	assert_int_equal(core_outbox(s.core, s.at, rows, 2), 1);
	struct id id = rows[0]->id, unknown = id_make(999, 1);
	assert_true(core_message_wanted(s.core, &id));
	assert_false(core_message_wanted(s.core, &unknown));
	storm_step(&s, (struct record){ .type = RECORD_HANDOVER, .handover = { &id, 1 } });
	assert_true(core_message_wanted(s.core, &id));
	storm_event(&s, "k-web", 1, EVENT_ACKNOWLEDGE);
	assert_false(core_message_wanted(s.core, &id));
	storm_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_history),
		cmocka_unit_test(test_torture_memory),
		cmocka_unit_test(test_torture_effects),
		cmocka_unit_test(test_storm_loses_no_page),
		cmocka_unit_test(test_all_are_moved),
		cmocka_unit_test(test_urgent_ones_first),
		cmocka_unit_test(test_many_timers_in_slices),
		cmocka_unit_test(test_too_many_incidents_join),
		cmocka_unit_test(test_too_many_messages_wait),
		cmocka_unit_test(test_clock_behind),
		cmocka_unit_test(test_stepped_tick_moves_timers),
		cmocka_unit_test(test_wanted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
