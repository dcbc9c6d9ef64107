/* SPDX-License-Identifier: Apache-2.0
 *
 * The notifier, the providers behind it, and the people whom a page reaches. An attempt either
 * reaches somebody or does not, and what is said about it may be late, doubled, out of order, or
 * never come. Receipts are held until the engine has them durable; a crash of the notifier forgets
 * everything.
 */
#include "sim.h"

#include <assert.h>

static void must_ok(enum err e)
{
	assert(e == OK);
}

static const struct message *message_of(const struct sim *s, uint64_t word)
{
	struct id id = id_from_word(word);
	const struct row *m = rows_find_id(&s->rows, ROW_MESSAGE, &id);
	return m ? &m->message : NULL;
}

bool notifier_holds(const struct sim *s, uint64_t message, uint32_t attempt)
{
	for (uint32_t i = 0; i < s->job_count; i++) {
		if (s->jobs[i].used && s->jobs[i].message == message &&
		    s->jobs[i].attempt == attempt)
			return true;
	}
	return false;
}

void notifier_take(struct sim *s, const struct message *m)
{
	uint64_t word = id_word(&m->id);
	uint32_t i = 0;
	if (notifier_holds(s, word, m->attempt))
		return;
	while (i < s->job_count && s->jobs[i].used)
		i++;
	if (i == s->job_cap) {
		s->job_cap = s->job_cap ? s->job_cap * 2 : 64;
		s->jobs = mem_resize(&mem_system, s->jobs, s->job_cap, sizeof(*s->jobs));
		assert(s->jobs);
	}
	if (i == s->job_count)
		s->job_count++;
	uint32_t generation = ++s->job_serial;
	s->jobs[i] = (struct job){ .used = true,
		.message = word,
		.attempt = m->attempt,
		.provider = m->provider,
		.maybe_duplicate = m->maybe_duplicate,
		.generation = generation };
	sim_in(s, rng_span_ms(&s->rng, 0, 400),
	    (struct sim_event){ .type = WHEN_ATTEMPT, .a = i, .b = generation });
}

static struct job *job_find(struct sim *s, uint32_t job, uint32_t generation)
{
	if (!s->notifier_is_up || job >= s->job_count || !s->jobs[job].used ||
	    s->jobs[job].generation != generation)
		return NULL;
	return &s->jobs[job];
}

static void receipt_later(struct sim *s, uint32_t job, struct span wait)
{
	sim_in(s, wait,
	    (struct sim_event){ .type = WHEN_RECEIPT, .a = job, .b = s->jobs[job].generation });
}

static enum provider_mood mood_of(const struct sim *s, struct str provider)
{
	static const struct str names[] = { STR_INIT("mail1"), STR_INIT("mail2"), STR_INIT("push"),
		STR_INIT("hook"), STR_INIT("console") };
	for (uint32_t i = 0; i < ARRAY_COUNT(names); i++) {
		if (str_eq(names[i], provider))
			return s->moods[i];
	}
	return MOOD_DOWN;
}

/* The first byte is about to go: the last moment at which it can be called off. */
void notifier_attempt(struct sim *s, uint32_t job, uint32_t generation)
{
	struct job *j = job_find(s, job, generation);
	if (!j)
		return;
	if (j->cancelled) {
		j->ended = j->has_receipt = true;
		j->receipt = RECEIPT_CANCELLED;
		receipt_later(s, job, SPAN_MS(1));
		return;
	}
	j->started = true;
	bool slow = mood_of(s, j->provider) == MOOD_SLOW;
	sim_in(s, slow ? rng_span_ms(&s->rng, 5000, 150000) : rng_span_ms(&s->rng, 5, 3000),
	    (struct sim_event){ .type = WHEN_ATTEMPT_END, .a = job, .b = generation });
}

/* It got there: to somebody's eyes, once or twice. Of the attempts at one message at most the first
 * one may come without the mark of a possible duplicate, in whatever order they arrive. */
static void reach(struct sim *s, const struct job *j, enum provider_mood mood)
{
	struct id id = id_from_word(j->message);
	if (!j->maybe_duplicate) {
		if (map_find(s->reached, id_str(&id)))
			sim_broken(s,
			    "3: message %s reached somebody twice, attempt %u is not marked",
			    id.text, j->attempt);
		must_ok(map_put(s->reached, rows_text(&s->rows, id_str(&id)), s));
	}
	s->deliveries++;
	for (int i = 0; i < (mood == MOOD_TWICE ? 2 : 1); i++)
		sim_in(s, rng_span_ms(&s->rng, 500, 20000),
		    (struct sim_event){ .type = WHEN_HUMAN, .word = j->message });
}

void notifier_attempt_end(struct sim *s, uint32_t job, uint32_t generation)
{
	struct job *j = job_find(s, job, generation);
	if (!j)
		return;
	enum provider_mood mood = mood_of(s, j->provider);
	bool reached = mood != MOOD_DOWN && mood != MOOD_REFUSES && mood != MOOD_LOST;
	j->ended = j->has_receipt = true;
	j->receipt = mood == MOOD_REFUSES       ? RECEIPT_FAILED_FINAL
	             : mood == MOOD_DOWN        ? RECEIPT_FAILED_RETRY
	             : rng_chance(&s->rng, 100) ? RECEIPT_DELIVERED
	                                        : RECEIPT_ACCEPTED;
	if (mood == MOOD_MUTE || (!sim_is_calm(s) && rng_chance(&s->rng, s->swarm.receipt_lost))) {
		/* The line broke after the data: it may have gone out. Sometimes not even that is
		 * told. */
		reached = rng_chance(&s->rng, 500);
		j->receipt = RECEIPT_UNKNOWN;
		j->has_receipt = rng_chance(&s->rng, 500);
	} else if (!sim_is_calm(s) && rng_chance(&s->rng, s->swarm.final_refusal)) {
		reached = false;
		j->receipt = RECEIPT_FAILED_FINAL;
	}
	if (reached)
		reach(s, j, mood);
	if (!j->has_receipt) {
		j->used = false;
		return;
	}
	j->receipts_left = rng_chance(&s->rng, s->swarm.receipt_twice) ? 2 : 1;
	/* Some come so late that the engine has given up on them. */
	receipt_later(s, job,
	    rng_chance(&s->rng, 30) ? rng_span_ms(&s->rng, 50000, 200000)
	                            : rng_span_ms(&s->rng, 1, 800));
	if (j->receipts_left == 2)
		receipt_later(s, job, rng_span_ms(&s->rng, 1, 100000));
}

void notifier_receipt(struct sim *s, uint32_t job, uint32_t generation)
{
	struct job *j = job_find(s, job, generation);
	if (!j || !j->has_receipt || !s->engine.is_up)
		return; /* it is told again when the engine is back */
	struct record rec = { .type = RECORD_RECEIPT,
		.receipt = { .message = id_from_word(j->message),
		    .attempt = j->attempt,
		    .state = j->receipt,
		    .provider = j->provider,
		    .reference = STR("ref"),
		    .error = j->receipt == RECEIPT_ACCEPTED || j->receipt == RECEIPT_DELIVERED
		                 ? STR("")
		                 : STR("no luck") } };
	engine_append(s, &rec);
	s->engine.durable = s->engine.appended; /* it is confirmed only then */
	if (j->receipts_left <= 1)
		j->used = false;
	else
		j->receipts_left--;
}

void notifier_reconnect(struct sim *s)
{
	for (uint32_t i = 0; i < s->job_count; i++) {
		if (s->jobs[i].used && s->jobs[i].has_receipt)
			receipt_later(s, i, rng_span_ms(&s->rng, 1, 50));
	}
}

void notifier_cancel(struct sim *s, uint64_t message)
{
	for (uint32_t i = 0; i < s->job_count; i++) {
		if (s->jobs[i].used && s->jobs[i].message == message)
			s->jobs[i].cancelled = true;
	}
}

void notifier_crash(struct sim *s)
{
	if (!s->notifier_is_up)
		return;
	s->notifier_is_up = false;
	for (uint32_t i = 0; i < s->job_count; i++)
		s->jobs[i].used = false;
	sim_in(s, rng_wait(&s->rng, SPAN_S(3)), (struct sim_event){ .type = WHEN_NOTIFIER_START });
}

void notifier_start(struct sim *s)
{
	s->notifier_is_up = true;
	if (s->engine.is_up)
		engine_doubt_all(s);
}

/* -- people -------------------------------------------------------------------------------------
 */

enum act { ACT_LINK, ACT_UI, ACT_RESOLVE, ACT_ESCALATE, ACT_NOTE, ACT_UNACKNOWLEDGE };

/* Asleep from 23 to 7, mostly: half of the pages wake nobody. */
static bool sleeps(struct sim *s)
{
	int64_t hour = sim_wall(s).ns / NS_PER_S / 3600 % 24;
	return (hour >= 23 || hour < 7) && rng_chance(&s->rng, 500);
}

void person_sees(struct sim *s, uint64_t word)
{
	const struct message *m = message_of(s, word);
	if (!m || m->purpose != PURPOSE_INCIDENT || !rng_chance(&s->rng, s->swarm.people_answer) ||
	    sleeps(s))
		return;
	struct sim_event e = { .type = WHEN_ACT, .word = id_word(&m->incident), .word2 = word };
	uint32_t dice = rng_below(&s->rng, 1000);
	e.a = dice < 450 ? ACT_LINK : dice < 800 ? ACT_UI : dice < 950 ? ACT_RESOLVE : ACT_NOTE;
	if (rng_chance(&s->rng, s->swarm.people_escalate))
		e.a = ACT_ESCALATE;
	sim_in(s, rng_wait(&s->rng, SPAN_S(240)), e);
	if (rng_chance(&s->rng, s->swarm.people_resolve)) {
		e.a = rng_chance(&s->rng, 100) ? ACT_UNACKNOWLEDGE : ACT_RESOLVE;
		sim_in(s, rng_wait(&s->rng, SPAN_S(2400)), e);
	}
}

void person_acts(struct sim *s, const struct sim_event *e)
{
	static const enum command_type types[] = { [ACT_LINK] = COMMAND_ACKNOWLEDGE,
		[ACT_UI] = COMMAND_ACKNOWLEDGE,
		[ACT_RESOLVE] = COMMAND_RESOLVE,
		[ACT_ESCALATE] = COMMAND_ESCALATE,
		[ACT_NOTE] = COMMAND_NOTE,
		[ACT_UNACKNOWLEDGE] = COMMAND_UNACKNOWLEDGE };
	const struct message *m = message_of(s, e->word2);
	if (!s->engine.is_up) { /* he tries again */
		sim_in(s, rng_span_ms(&s->rng, 1000, 30000), *e);
		return;
	}
	struct record rec = { .type = RECORD_COMMAND,
		.command = { .type = types[e->a],
		    .incident = id_from_word(e->word),
		    .actor = m && m->user.len ? m->user : STR("ops"),
		    .via = e->a == ACT_LINK ? STR("link") : STR("ui"),
		    .text = STR("a note") } };
	if (e->a == ACT_LINK)
		rec.command.message = id_from_word(e->word2);
	engine_append(s, &rec);
}
