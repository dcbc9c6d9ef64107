/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects as rows, and the list of a step's effects. An object that changes reserves its place in
 * the list at its first change and is written there once, at the step's end, in its last form;
 * timeline and ledger entries are written at once. Everything that an effect points to is copied
 * into its arena.
 */
#include "incident/core_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define ORDINAL_MAX (1u << 22)
#define PRINTF_MAX 2048

struct effects effects_make(struct arena *arena)
{
	assert(arena);
	return (struct effects){ .arena = arena };
}

static void fail(struct core *c, enum err e)
{
	assert(e != OK);
	if (c->err == OK)
		c->err = e;
}

struct effect *effect_add(struct core *c, enum effect_type type)
{
	struct effects *fx = c->fx;
	if (c->err != OK)
		return NULL;
	assert(fx);
	if (fx->count == fx->cap) {
		size_t cap = fx->cap ? fx->cap * 2 : 32;
		struct effect *list = arena_new(fx->arena, struct effect, cap);
		if (!list) {
			fail(c, arena_err(fx->arena));
			return NULL;
		}
		if (fx->count)
			memcpy(list, fx->list, fx->count * sizeof(*list));
		fx->list = list;
		fx->cap = cap;
	}
	struct effect *e = &fx->list[fx->count++];
	*e = (struct effect){ .type = type };
	return e;
}

struct str effect_str(struct core *c, struct str s)
{
	if (c->err != OK || s.len == 0)
		return STR("");
	struct str copy = arena_str(c->fx->arena, s);
	if (!copy.ptr) {
		fail(c, arena_err(c->fx->arena));
		return STR("");
	}
	return copy;
}

void *effect_room(struct core *c, size_t count, size_t size)
{
	if (c->err != OK)
		return NULL;
	void *p = arena_alloc(c->fx->arena, count, size);
	if (!p)
		fail(c, arena_err(c->fx->arena));
	return p;
}

struct str effect_printf(struct core *c, const char *format, ...)
{
	char text[PRINTF_MAX];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	assert(n >= 0);
	size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	return effect_str(c, str_utf8_first(str_make(text, len), len));
}

uint64_t word_new(struct core *c)
{
	if (c->ordinal >= ORDINAL_MAX) {
		fail(c, ERR_LIMIT);
		return 1;
	}
	struct id id = id_make(c->seq, c->ordinal++);
	return id_word(&id);
}

struct incident row_incident(const struct core *c, ref r)
{
	const struct inc *i = inc_at(c, r);
	bool resolved = i->status == INCIDENT_RESOLVED;
	return (struct incident){
		.id = id_from_word(i->word),
		.number = i->number,
		.title = text_str(i->title),
		.service = text_str(svc_at(c, i->svc)->name),
		.status = i->status,
		.urgency = i->urgency,
		.created_at = i->created,
		.changed_at = i->changed,
		.acknowledged_at = i->acknowledged,
		.resolved_at = { resolved ? i->changed.ns : 0 },
		.changed_by = text_str(i->changed_by),
		.step = i->step,
		.loop = i->loop,
		.alerts_open = i->alerts_open,
		.alerts_total = i->alerts_total,
		.told = i->told,
		.exhausted = i->exhausted,
		.nobody = i->nobody,
	};
}

struct alert row_alert(const struct core *c, ref r)
{
	const struct alr *a = alr_at(c, r);
	const struct inc *i = inc_at(c, a->inc);
	return (struct alert){
		.id = id_from_word(a->word),
		.incident = id_from_word(i->word),
		.service = text_str(svc_at(c, i->svc)->name),
		.source_key = text_str(a->source),
		.dedup_key = text_str(a->dedup),
		.status = a->status,
		.severity = a->severity,
		.created_at = a->created,
		.changed_at = a->changed,
		.count = a->count,
		.summary = text_str(a->summary),
	};
}

struct message row_message(const struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	const struct tmr *t = tmr_at(c, m->timer);
	return (struct message){
		.id = id_from_word(m->word),
		.incident = id_from_word(m->inc_word),
		.purpose = m->purpose,
		.user = text_str(m->user),
		.contact_type = m->type,
		.contact = text_str(m->contact),
		.address = text_str(m->address),
		.provider = text_str(m->provider),
		.state = m->state,
		.attempt = m->attempt,
		.maybe_duplicate = m->maybe_duplicate,
		.created_at = m->created,
		.changed_at = m->changed,
		.next_at = { m->timer && t->type == TIMER_RETRY ? t->node.key : 0 },
		.error = text_str(m->error),
		.reference = text_str(m->reference),
	};
}

struct timer row_timer(const struct core *c, ref r)
{
	const struct tmr *t = tmr_at(c, r);
	uint64_t subject = timer_is_of_message(t->type) ? msg_at(c, t->subject)->word
	                                                : inc_at(c, t->subject)->word;
	return (struct timer){
		.id = id_from_word(t->node.tie),
		.type = t->type,
		.due = { t->node.key },
		.subject = id_from_word(subject),
		.user = text_str(t->user),
		.rule = t->rule,
		.contact = text_str(t->contact),
	};
}

/* The object's place among the effects, reserved at its first change. */
static void *row(struct core *c, enum pool_id pool, ref r, enum effect_type type)
{
	struct head *h = obj_edit(c, pool, r);
	if (c->err != OK || r == 0)
		return h;
	if (h->effect == 0 && effect_add(c, type)) {
		assert(c->fx->count <= UINT32_MAX);
		h->effect = (uint32_t)c->fx->count;
	}
	return h;
}

struct inc *inc_row(struct core *c, ref r)
{
	return row(c, POOL_INC, r, EFFECT_INCIDENT);
}

struct alr *alr_row(struct core *c, ref r)
{
	return row(c, POOL_ALR, r, EFFECT_ALERT);
}

struct msg *msg_row(struct core *c, ref r)
{
	return row(c, POOL_MSG, r, EFFECT_MESSAGE);
}

void tmr_row(struct core *c, ref r)
{
	(void)row(c, POOL_TMR, r, EFFECT_TIMER_SET);
}

void alr_row_details(struct core *c, ref r, struct str details)
{
	const struct alr *a = alr_row(c, r);
	struct str copy = effect_str(c, details);
	if (c->err != OK || r == 0)
		return;
	assert(a->h.effect > 0);
	c->fx->list[a->h.effect - 1].alert.details = copy;
}

static void fill_incident(struct core *c, struct effect *e, ref r)
{
	e->incident = row_incident(c, r);
	e->incident.title = effect_str(c, e->incident.title);
	e->incident.service = effect_str(c, e->incident.service);
	e->incident.changed_by = effect_str(c, e->incident.changed_by);
}

static void fill_alert(struct core *c, struct effect *e, ref r)
{
	struct str details = e->alert.details;
	e->alert = row_alert(c, r);
	e->alert.service = effect_str(c, e->alert.service);
	e->alert.source_key = effect_str(c, e->alert.source_key);
	e->alert.dedup_key = effect_str(c, e->alert.dedup_key);
	e->alert.summary = effect_str(c, e->alert.summary);
	e->alert.details = details;
}

static void fill_message(struct core *c, struct effect *e, ref r)
{
	e->message = row_message(c, r);
	e->message.user = effect_str(c, e->message.user);
	e->message.contact = effect_str(c, e->message.contact);
	e->message.address = effect_str(c, e->message.address);
	e->message.provider = effect_str(c, e->message.provider);
	e->message.error = effect_str(c, e->message.error);
	e->message.reference = effect_str(c, e->message.reference);
}

/* A timer that came and went within the step leaves nothing (its place goes with the caller's
 * sweep). */
static void fill_timer(struct core *c, struct effect *e, ref r)
{
	const struct tmr *t = tmr_at(c, r);
	if (t->h.flags & HEAD_DEAD) {
		e->type = t->h.flags & HEAD_BORN ? EFFECT_TYPE_COUNT : EFFECT_TIMER_CLEAR;
		e->timer = (struct timer){ .id = id_from_word(t->node.tie) };
		return;
	}
	e->timer = row_timer(c, r);
	e->timer.user = effect_str(c, e->timer.user);
	e->timer.contact = effect_str(c, e->timer.contact);
}

/* Objects and effects point at each other only by index, so walk the pools' changed ones through
 * the effects that they reserved. */
static void fill_one(struct core *c, enum pool_id pool, ref r)
{
	const struct head *h = obj_at(c, pool, r);
	if (h->mark != c->mark || h->effect == 0 || c->err != OK)
		return;
	struct effect *e = &c->fx->list[h->effect - 1];
	switch (pool) {
	case POOL_INC: fill_incident(c, e, r); break;
	case POOL_ALR: fill_alert(c, e, r); break;
	case POOL_MSG: fill_message(c, e, r); break;
	case POOL_TMR: fill_timer(c, e, r); break;
	case POOL_SVC:
	case POOL_COUNT: assert(false);
	}
}

void rows_fill(struct core *c)
{
	journal_walk(c, fill_one);
	if (c->err != OK)
		return;
	size_t kept = c->fx_start;
	for (size_t i = kept; i < c->fx->count; i++) {
		if (c->fx->list[i].type == EFFECT_TYPE_COUNT)
			continue;
		if (kept != i)
			c->fx->list[kept] = c->fx->list[i];
		kept++;
	}
	c->fx->count = kept;
}

ref timer_set(struct core *c, enum timer_type type, ref subject, struct wall due)
{
	ref r = timer_add(c, word_new(c), type, subject, due);
	tmr_row(c, r);
	return r;
}

void timer_clear(struct core *c, ref r)
{
	if (r == 0)
		return;
	tmr_row(c, r);
	timer_drop(c, r);
}

struct jw body_start(struct core *c)
{
	buf_clear(&c->body);
	struct jw w = jw_make(&c->body);
	jw_open(&w, '{');
	return w;
}

struct str body_end(struct core *c, struct jw *w)
{
	jw_close(w, '}');
	if (c->body.err != OK) {
		fail(c, c->body.err);
		return STR("");
	}
	return effect_str(c, buf_str(&c->body));
}

struct str subject_route(struct core *c, const struct msg *m)
{
	struct str service = text_str(svc_at(c, inc_at(c, m->inc)->svc)->name);
	struct str s = c->err == OK ? proof_subject_route(c->fx->arena, service, m->type) : STR("");
	if (!s.ptr)
		fail(c, arena_err(c->fx->arena));
	return s;
}

struct str subject_person(struct core *c, const struct msg *m)
{
	struct str s = c->err == OK ? proof_subject_person(
	                                  c->fx->arena, text_str(m->user), text_str(m->contact))
	                            : STR("");
	if (!s.ptr)
		fail(c, arena_err(c->fx->arena));
	return s;
}

void log_add(struct core *c, uint64_t incident_word, const struct log_args *args)
{
	struct effect *e = effect_add(c, EFFECT_LOG);
	if (!e)
		return;
	struct log_entry log = {
		.id = id_from_word(word_new(c)),
		.incident = id_from_word(incident_word),
		.at = c->now,
		.type = args->type,
		.agent = effect_str(c, args->agent),
		.channel = effect_str(c, args->channel),
		.summary = effect_str(c, args->summary),
		.body = effect_str(c, args->body),
	};
	e->log = log;
}

void proof_add(
    struct core *c, struct str kind, struct str subject, struct str by, uint64_t evidence)
{
	struct effect *e = effect_add(c, EFFECT_PROOF);
	if (!e)
		return;
	struct id id = id_from_word(evidence);
	struct proof proof = { .kind = kind,
		.subject = effect_str(c, subject),
		.proven_at = c->now,
		.by = by,
		.evidence = effect_str(c, id_str(&id)) };
	e->proof = proof;
}

void proof_broken(struct core *c, struct str kind, struct str subject)
{
	struct effect *e = effect_add(c, EFFECT_PROOF);
	if (!e)
		return;
	struct proof proof = { .kind = kind,
		.subject = effect_str(c, subject),
		.broken = true,
		.by = STR(""),
		.evidence = STR("") };
	e->proof = proof;
}
