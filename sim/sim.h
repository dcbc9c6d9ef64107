/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole installation in one process, with everything that is not the pager core played by the
 * simulator: time, the inbox and the store, the engine's loop around the core, the notifier,
 * providers that fail, lose, delay and double, people who answer or sleep, sources that trigger and
 * resolve, crashes between any two effects. One seed is one world: the same seed gives the same
 * history on every build.
 *
 *   world.c     the queue of what happens next, sources, clocks, outages
 *   town.c      people, schedules, policies, services: several directories that follow one another
 *   engine.c    inbox, deciding, committing, crashing, loading
 *   notifier.c  attempts, receipts, providers, and what people do when a page reaches them
 *   rows.c      the store
 *   check.c     the promises, judged from rows
 */
#pragma once
#include "rng.h"
#include "rows.h"
#include "base/heap.h"
#include "oncall/zone.h"
#include "role/engine/clock.h"

#define SIM_DIRECTORIES 5
#define SIM_WINDOW 48 /* messages with the notifier at once */

enum sim_event_type {
	WHEN_SOURCE, /* a: source; it breaks or heals */
	WHEN_REPEAT, /* a: source, b: its spell; still broken: triggers again */
	WHEN_STORM,
	WHEN_RULES,
	WHEN_ODD_EVENT,
	WHEN_CHANGE,
	WHEN_TEST_PAGE,
	WHEN_DIRECTORY,
	WHEN_PROVIDER, /* a: provider; its mood changes */
	WHEN_CLOCK,
	WHEN_CRASH_ENGINE,
	WHEN_CRASH_NOTIFIER,
	WHEN_ENGINE, /* a turn of its loop; a: generation */
	WHEN_ENGINE_START,
	WHEN_COMMITTED, /* a: generation */
	WHEN_NOTIFIER_START,
	WHEN_ATTEMPT,     /* a: job, b: generation; its first byte */
	WHEN_ATTEMPT_END, /* a: job, b: generation */
	WHEN_RECEIPT,     /* a: job, b: generation; it is told to the engine */
	WHEN_HUMAN,       /* word: message; a page is seen */
	WHEN_ACT,         /* word: incident, word2: message, a: what */
	WHEN_SCAN,
	WHEN_TYPE_COUNT
};

struct sim_event {
	struct heap_node node;
	enum sim_event_type type;
	uint32_t a, b;
	uint64_t word, word2;
	struct sim_event *free;
};

/* What kind of world the seed chose: chances in 1000, waits as means. */
struct swarm {
	struct span source_up, source_down, repeat, storm, rules, odd, directory, clock, test_page;
	struct span engine_crash, notifier_crash, provider_ok, provider_bad;
	struct span commit_low, commit_high;
	uint32_t people_answer, people_resolve, people_escalate, receipt_lost, receipt_twice,
	    final_refusal;
	bool small_limits;
};

struct source {
	bool is_down;
	uint32_t spell; /* counts breakdowns */
	uint32_t key;   /* integration, or beyond: none */
	bool forgets;   /* does not send its resolves */
};

enum provider_mood {
	MOOD_OK,
	MOOD_DOWN,
	MOOD_LOST,
	MOOD_SLOW,
	MOOD_MUTE,
	MOOD_TWICE,
	MOOD_REFUSES,
	MOOD_COUNT
};

struct job {
	bool used, started, ended, has_receipt, cancelled, maybe_duplicate;
	uint64_t message;
	uint32_t attempt;
	uint32_t generation;
	struct str provider;
	enum receipt_state receipt;
	uint32_t receipts_left; /* how often it will be told before it counts as told */
};

struct inbox_record {
	struct str bytes;
	struct wall at;
	uint64_t sum; /* of the rows after it was decided */
};

struct engine {
	bool is_up;
	uint32_t generation;
	struct core *core;
	struct arena *arena;                            /* of one decision */
	uint64_t appended, durable, decided, committed; /* sequence numbers */
	uint32_t directory, directory_committed;
	struct clock clock;
	struct mono up_since;
	bool is_committing, commit_is_applied;
	struct rows_mark commit_mark;
	uint64_t commit_seq;
	uint32_t commit_directory;
	struct mono wake; /* of the WHEN_ENGINE that is queued; ns INT64_MAX: none */
	uint64_t *handed; /* pairs of (sequence number, message): to dispatch when committed */
	size_t handed_count, handed_cap;
};

struct sim {
	uint64_t seed;
	const char *bug; /* a fault on purpose, or NULL */
	uint32_t days;
	bool is_verbose;
	struct rng rng;
	struct swarm swarm;
	struct mono now, end, calm; /* from calm on nothing breaks any more */
	struct wall base;
	struct heap queue;
	struct sim_event *free_events;
	uint64_t event_count;
	struct arena *arena; /* of the whole run */

	const struct directory *directories[SIM_DIRECTORIES];
	enum provider_mood *moods;
	uint32_t mood_count;
	struct source *sources;
	uint32_t source_count;
	struct inbox_record *inbox;
	size_t inbox_cap;
	struct engine engine;
	bool notifier_is_up;
	uint32_t job_serial;
	struct job *jobs;
	uint32_t job_count, job_cap;
	struct map *reached; /* messages of which an unmarked attempt reached somebody */
	struct rows rows;
	uint64_t history;

	struct core_counters totals; /* of cores that crashed as well */
	uint64_t deliveries, crashes, steps;
	struct wall directory_at; /* the last change of the directory was decided */
};

/* world.c */
void sim_run(struct sim *s); /* a broken promise ends the program, and says so on standard error */
void sim_in(struct sim *s, struct span wait, struct sim_event e);
struct wall sim_wall(const struct sim *s);
static inline bool sim_is_calm(const struct sim *s)
{
	return s->now.ns >= s->calm.ns;
}

/* town.c */
void town_build(struct sim *s);
/* Could anybody of this service's policy be paged at t? Judged from the directory alone. */
bool town_anyone(const struct directory *d, struct str service, struct wall t);

/* engine.c */
void engine_open(struct sim *s);
void engine_close(struct sim *s);
void engine_append(struct sim *s, struct record *rec);
void engine_turn(struct sim *s, uint32_t generation);
void engine_committed(struct sim *s, uint32_t generation);
void engine_crash(struct sim *s);
void engine_start(struct sim *s);
void engine_doubt_all(struct sim *s); /* the notifier has forgotten what it was sending */
/* The whole inbox into an empty store: 0, or the number of the first record after which the rows
 * differ. */
uint64_t engine_replay(struct sim *s);

/* notifier.c */
void notifier_take(struct sim *s, const struct message *m);
void notifier_cancel(struct sim *s, uint64_t message);
bool notifier_holds(const struct sim *s, uint64_t message, uint32_t attempt);
void notifier_reconnect(struct sim *s); /* tells all receipts that were not confirmed */
void notifier_crash(struct sim *s);
void notifier_start(struct sim *s);
void notifier_attempt(struct sim *s, uint32_t job, uint32_t generation);
void notifier_attempt_end(struct sim *s, uint32_t job, uint32_t generation);
void notifier_receipt(struct sim *s, uint32_t job, uint32_t generation);
void person_sees(struct sim *s, uint64_t message);
void person_acts(struct sim *s, const struct sim_event *e);

/* check.c */
void check_step(
    struct sim *s, const struct record *rec, enum outcome outcome, const struct effects *fx);
void check_timer_clear(struct sim *s, const struct row *timer, const struct record *rec);
void check_timer_set(struct sim *s, const struct timer *timer);
void check_scan(struct sim *s);
void check_end(struct sim *s);
void sim_broken(struct sim *s, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
