/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens, and when: a queue of things to come, each of which makes the next ones. Time is
 * what the queue says; the wall clock is that plus what jumps have added to it.
 */
#include "sim.h"

#include <assert.h>

#define SOURCES 60
#define KEYS 5
#define CALM_LAST SPAN_S(12 * 3600)
#define QUIET_LAST SPAN_S(6 * 3600) /* no new input either */

struct wall sim_wall(const struct sim *s)
{
	return wall_add(s->base, (struct span){ s->now.ns });
}

void sim_in(struct sim *s, struct span wait, struct sim_event e)
{
	struct sim_event *p = s->free_events;
	if (p)
		s->free_events = p->free;
	else
		p = arena_new(s->arena, struct sim_event, 1);
	assert(p && wait.ns >= 0);
	*p = e;
	p->node = (struct heap_node){ .key = mono_add(s->now, wait).ns, .tie = s->event_count++ };
	enum err err = heap_add(&s->queue, &p->node);
	assert(err == OK);
}

/* -- input ----------------------------------------------------------------------------------------
 */

/* Web posts to the engine; while it is down the client is not answered and comes again later, by
 * itself. */
static void post(struct sim *s, const struct record_event *event)
{
	struct record rec = { .type = RECORD_EVENT, .event = *event };
	if (s->engine.is_up)
		engine_append(s, &rec);
}

static void source_says(struct sim *s, uint32_t i, enum event_action action)
{
	static const struct str details[] = { STR_INIT("{}"), STR_INIT("{\"host\":\"a\"}"),
		STR_INIT("") };
	const struct source *src = &s->sources[i];
	struct record_event e = {
		.action = action,
		.dedup_key = arena_printf(s->arena, "host%u", i),
		.summary = arena_printf(s->arena, "host %u is in trouble", i),
		.source = STR("source"),
		.severity = (enum severity)rng_below(&s->rng, SEVERITY_COUNT),
		.details = details[rng_below(&s->rng, ARRAY_COUNT(details))],
		.via = STR("v2"),
	};
	if (src->key < KEYS)
		e.routing_key = arena_printf(s->arena, "key%u", src->key);
	else if (src->key == KEYS)
		e.service = STR("db"), e.via = STR("alertmanager");
	else
		e.via = STR("internal");
	post(s, &e);
}

static void source_turns(struct sim *s, uint32_t i)
{
	struct source *src = &s->sources[i];
	src->is_down = !src->is_down;
	src->spell++;
	if (src->is_down) {
		source_says(s, i, EVENT_TRIGGER);
		sim_in(s, rng_wait(&s->rng, s->swarm.repeat),
		    (struct sim_event){ .type = WHEN_REPEAT, .a = i, .b = src->spell });
	} else if (!src->forgets) {
		source_says(s, i, EVENT_RESOLVE);
	}
	sim_in(s, rng_wait(&s->rng, src->is_down ? s->swarm.source_down : s->swarm.source_up),
	    (struct sim_event){ .type = WHEN_SOURCE, .a = i });
}

static void source_repeats(struct sim *s, uint32_t i, uint32_t spell)
{
	if (!s->sources[i].is_down || s->sources[i].spell != spell)
		return;
	source_says(s, i, EVENT_TRIGGER);
	sim_in(s, rng_wait(&s->rng, s->swarm.repeat),
	    (struct sim_event){ .type = WHEN_REPEAT, .a = i, .b = spell });
}

/* Everything breaks at once; a while later most of it heals. */
static void storm(struct sim *s)
{
	uint32_t n = 20 + rng_below(&s->rng, 200);
	for (uint32_t i = 0; i < n; i++) {
		struct record_event e = {
			.routing_key = arena_printf(s->arena, "key%u", rng_below(&s->rng, KEYS)),
			.action = EVENT_TRIGGER,
			.dedup_key = arena_printf(s->arena, "storm%u", rng_below(&s->rng, 2 * n)),
			.summary = STR("the storm"),
			.source = STR("storm"),
			.severity = (enum severity)rng_below(&s->rng, SEVERITY_COUNT),
			.via = STR("v2"),
		};
		if (rng_chance(&s->rng, 300))
			e.action = rng_chance(&s->rng, 700) ? EVENT_RESOLVE : EVENT_ACKNOWLEDGE;
		post(s, &e);
	}
}

static void storm_ends(struct sim *s, uint32_t left)
{
	for (uint32_t i = 0; i < 440; i++) {
		struct record_event e = {
			.routing_key = arena_printf(s->arena, "key%u", i % KEYS),
			.action = EVENT_RESOLVE,
			.dedup_key = arena_printf(s->arena, "storm%u", i),
			.via = STR("v2"),
		};
		for (uint32_t k = 0; k < KEYS; k++) {
			e.routing_key = arena_printf(s->arena, "key%u", k);
			if (rows_triggered(&s->rows, e.routing_key, e.dedup_key) &&
			    rng_chance(&s->rng, 850))
				post(s, &e);
		}
	}
	if (left > 0)
		sim_in(s, SPAN_S(600), (struct sim_event){ .type = WHEN_STORM, .a = left });
}

static void rules_change(struct sim *s)
{
	static const struct str names[] = { STR_INIT("cpu"), STR_INIT("disk"), STR_INIT("load"),
		STR_INIT("net"), STR_INIT("nobody knows me") };
	struct record_rule_state states[6];
	uint32_t n = 1 + rng_below(&s->rng, ARRAY_COUNT(states));
	for (uint32_t i = 0; i < n; i++)
		states[i] =
		    (struct record_rule_state){ .rule =
			                            names[rng_below(&s->rng, ARRAY_COUNT(names))],
			    .labels =
			        arena_printf(s->arena, "{\"host\":\"h%u\"}", rng_below(&s->rng, 6)),
			    .firing = !sim_is_calm(s) && rng_chance(&s->rng, 450),
			    .value = (double)i,
			    .summary = STR("out of its band"),
			    .reason = STR("above") };
	struct record rec = { .type = RECORD_RULES, .rules = { STR("alerts"), states, n } };
	if (s->engine.is_up)
		engine_append(s, &rec);
}

/* Unknown keys, unknown services, acknowledge and resolve of nothing, two times the same. */
static void odd_event(struct sim *s)
{
	struct record_event e = {
		.action = (enum event_action)rng_below(&s->rng, EVENT_ACTION_COUNT),
		.dedup_key = arena_printf(s->arena, "odd%u", rng_below(&s->rng, 20)),
		.summary = STR("odd"),
		.source = STR("somewhere"),
		.severity = SEVERITY_CRITICAL,
		.via = STR("v2"),
	};
	uint32_t dice = rng_below(&s->rng, 4);
	if (dice == 0)
		e.routing_key = STR("no such key");
	else if (dice == 1)
		e.service = STR("no such service");
	else if (dice == 2)
		e.routing_key = STR("key1");
	else
		e.via = STR("internal");
	post(s, &e);
	if (dice == 2)
		post(s, &e);
}

static void small_records(struct sim *s, enum sim_event_type type)
{
	static const struct str users[] = { STR_INIT("ana"), STR_INIT("bo"), STR_INIT(""),
		STR_INIT("nobody") };
	struct record rec = { .type = RECORD_CHANGE,
		.change = { .routing_key = STR("key0"), .summary = STR("deploy") } };
	if (type == WHEN_TEST_PAGE)
		rec = (struct record){ .type = RECORD_TEST_PAGE,
			.test_page = { .user = users[rng_below(&s->rng, ARRAY_COUNT(users))],
			    .actor = STR("ana") } };
	if (type == WHEN_DIRECTORY) {
		struct record_resource doc = { .kind = STR("Directory"),
			.name = STR("all"),
			.body = arena_printf(s->arena, "%u", rng_below(&s->rng, SIM_DIRECTORIES)) };
		rec = (struct record){ .type = RECORD_RESOURCES,
			.resources = {
			    .manager = MANAGER_APPLY, .resources = &doc, .resource_count = 1 } };
		if (s->engine.is_up)
			engine_append(s, &rec);
		return;
	}
	if (s->engine.is_up)
		engine_append(s, &rec);
}

/* -- trouble --------------------------------------------------------------------------------------
 */

static void provider_turns(struct sim *s, uint32_t i)
{
	bool was_ok = s->moods[i] == MOOD_OK;
	s->moods[i] = was_ok && !sim_is_calm(s)
	                  ? 1 + (enum provider_mood)rng_below(&s->rng, MOOD_COUNT - 1)
	                  : MOOD_OK;
	if (i == s->mood_count - 1 && s->moods[i] == MOOD_LOST)
		s->moods[i] = MOOD_OK; /* the console does not lie */
	sim_in(s,
	    rng_wait(
	        &s->rng, s->moods[i] == MOOD_OK ? s->swarm.provider_ok : s->swarm.provider_bad),
	    (struct sim_event){ .type = WHEN_PROVIDER, .a = i });
}

static void clock_jumps(struct sim *s)
{
	static const int64_t jumps_s[] = { 3600, -3600, 7, -7, 60, -900, 86400 };
	s->base = wall_add(s->base, SPAN_S(jumps_s[rng_below(&s->rng, ARRAY_COUNT(jumps_s))]));
}

/* -- the queue ------------------------------------------------------------------------------------
 */

/* Things that come again and again on their own. */
static bool recurring(struct sim *s, const struct sim_event *e)
{
	const struct swarm *w = &s->swarm;
	bool calm = sim_is_calm(s);
	bool quiet = s->now.ns >= s->end.ns - QUIET_LAST.ns;
	struct span again = { 0 };
	switch (e->type) {
	case WHEN_STORM:
		if (e->a > 0) {
			storm_ends(s, e->a - 1);
			return true;
		}
		if (!calm) {
			storm(s);
			sim_in(s, rng_wait(&s->rng, SPAN_S(1800)),
			    (struct sim_event){ .type = WHEN_STORM, .a = 3 });
		}
		again = w->storm;
		break;
	case WHEN_RULES: rules_change(s), again = w->rules; break;
	case WHEN_ODD_EVENT:
		if (!quiet)
			odd_event(s);
		again = w->odd;
		break;
	case WHEN_CHANGE:
	case WHEN_TEST_PAGE:
		if (!quiet)
			small_records(s, e->type);
		again = w->test_page;
		break;
	case WHEN_DIRECTORY:
		if (!calm)
			small_records(s, e->type);
		again = w->directory;
		break;
	case WHEN_CLOCK:
		if (!calm)
			clock_jumps(s);
		again = w->clock;
		break;
	case WHEN_CRASH_ENGINE:
		if (!calm)
			engine_crash(s);
		again = w->engine_crash;
		break;
	case WHEN_CRASH_NOTIFIER:
		if (!calm)
			notifier_crash(s);
		again = w->notifier_crash;
		break;
	case WHEN_SCAN: check_scan(s), again = SPAN_S(600); break;
	default: return false;
	}
	sim_in(s, e->type == WHEN_SCAN ? again : rng_wait(&s->rng, again),
	    (struct sim_event){ .type = e->type });
	return true;
}

static void happens(struct sim *s, const struct sim_event *e)
{
	bool quiet = s->now.ns >= s->end.ns - QUIET_LAST.ns;
	if (recurring(s, e))
		return;
	switch (e->type) {
	case WHEN_SOURCE:
		if (!quiet || s->sources[e->a].is_down)
			source_turns(s, e->a);
		break;
	case WHEN_REPEAT: source_repeats(s, e->a, e->b); break;
	case WHEN_PROVIDER: provider_turns(s, e->a); break;
	case WHEN_ENGINE: engine_turn(s, e->a); break;
	case WHEN_ENGINE_START: engine_start(s); break;
	case WHEN_COMMITTED: engine_committed(s, e->a); break;
	case WHEN_NOTIFIER_START: notifier_start(s); break;
	case WHEN_ATTEMPT: notifier_attempt(s, e->a, e->b); break;
	case WHEN_ATTEMPT_END: notifier_attempt_end(s, e->a, e->b); break;
	case WHEN_RECEIPT: notifier_receipt(s, e->a, e->b); break;
	case WHEN_HUMAN: person_sees(s, e->word); break;
	case WHEN_ACT: person_acts(s, e); break;
	default: assert(false);
	}
}

static struct span hours(struct sim *s, uint32_t low, uint32_t high)
{
	return rng_span_ms(&s->rng, (int64_t)low * 3600000, (int64_t)high * 3600000);
}

/* The seed decides what kind of world this is, not only what happens in it. */
static void swarm_choose(struct sim *s)
{
	struct swarm *w = &s->swarm;
	struct rng *r = &s->rng;
	bool kind = rng_chance(r, 300);
	*w = (struct swarm){
		.source_up = hours(s, 12, 96),
		.source_down = rng_span_ms(r, 120000, 4 * 3600000),
		.repeat = rng_span_ms(r, 60000, 3600000),
		.storm = hours(s, 48, 300),
		.rules = hours(s, 1, 12),
		.odd = hours(s, 2, 30),
		.test_page = hours(s, 12, 60),
		.directory = hours(s, 24, 300),
		.clock = hours(s, 24, 400),
		.engine_crash = kind ? hours(s, 100, 400) : hours(s, 1, 48),
		.notifier_crash = kind ? hours(s, 100, 400) : hours(s, 1, 48),
		.provider_ok = kind ? hours(s, 100, 400) : hours(s, 2, 48),
		.provider_bad = rng_span_ms(r, 60000, 6 * 3600000),
		.commit_low = SPAN_MS(0),
		.commit_high = SPAN_MS(rng_chance(r, 200) ? 3000 : 20),
		.people_answer = rng_below(r, 1000),
		.people_resolve = rng_below(r, 1000),
		.people_escalate = rng_below(r, 200),
		.receipt_lost = kind ? 0 : rng_below(r, 150),
		.receipt_twice = rng_below(r, 300),
		.final_refusal = kind ? 0 : rng_below(r, 80),
		.small_limits = rng_chance(r, 80),
	};
}

static void sources_make(struct sim *s)
{
	s->source_count = SOURCES;
	s->sources = arena_new(s->arena, struct source, SOURCES);
	assert(s->sources);
	for (uint32_t i = 0; i < SOURCES; i++) {
		s->sources[i] = (struct source){ .key = rng_below(&s->rng, KEYS + 2),
			.forgets = rng_chance(&s->rng, 200) };
		sim_in(s, rng_wait(&s->rng, s->swarm.source_up),
		    (struct sim_event){ .type = WHEN_SOURCE, .a = i });
	}
}

static void open_world(struct sim *s)
{
	static const enum sim_event_type begin[] = { WHEN_STORM, WHEN_RULES, WHEN_ODD_EVENT,
		WHEN_CHANGE, WHEN_TEST_PAGE, WHEN_DIRECTORY, WHEN_CLOCK, WHEN_CRASH_ENGINE,
		WHEN_CRASH_NOTIFIER, WHEN_SCAN };
	enum err e = arena_open(&mem_system, (size_t)4 << 30, &s->arena);
	assert(e == OK);
	e = map_open(&mem_system, 1, 1u << 24, &s->reached);
	assert(e == OK);
	s->queue = heap_make(&mem_system, 1u << 24);
	s->rng.s = s->seed * UINT64_C(0x9e3779b97f4a7c15);
	s->end.ns = (int64_t)s->days * 86400 * NS_PER_S;
	s->calm.ns = s->end.ns - CALM_LAST.ns;
	s->base.ns = INT64_C(1767225600) * NS_PER_S; /* 2026-01-01 */
	s->base = wall_add(s->base, SPAN_S((int64_t)rng_below(&s->rng, 700) * 86400));
	rows_open(&s->rows);
	swarm_choose(s);
	town_build(s);
	s->notifier_is_up = true;
	engine_open(s);
	sources_make(s);
	for (uint32_t i = 0; i < s->mood_count; i++)
		sim_in(s, rng_wait(&s->rng, s->swarm.provider_ok),
		    (struct sim_event){ .type = WHEN_PROVIDER, .a = i });
	for (size_t i = 0; i < ARRAY_COUNT(begin); i++)
		sim_in(s, rng_wait(&s->rng, SPAN_S(86400)), (struct sim_event){ .type = begin[i] });
}

static void close_world(struct sim *s)
{
	engine_close(s);
	rows_close(&s->rows);
	map_close(&s->reached);
	heap_free(&s->queue);
	mem_free(&mem_system, s->inbox);
	mem_free(&mem_system, s->jobs);
	arena_close(&s->arena);
}

void sim_run(struct sim *s)
{
	open_world(s);
	for (;;) {
		struct heap_node *node = heap_min(&s->queue);
		/* At the end what is under way may finish: a commit, a decision. */
		bool over = s->now.ns >= s->end.ns && s->engine.committed == s->engine.appended;
		if (!node || over || node->key > s->end.ns + 60 * NS_PER_S)
			break;
		struct sim_event *p = container_of(node, struct sim_event, node), e = *p;
		heap_remove(&s->queue, node);
		p->free = s->free_events;
		s->free_events = p;
		s->now.ns = node->key;
		happens(s, &e);
	}
	check_end(s);
	s->history ^= s->rows.sum;
	close_world(s);
}
