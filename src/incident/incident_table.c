/* SPDX-License-Identifier: Apache-2.0
 *
 * An incident's life: triggered and acknowledged, back and forth, until it is resolved. A resolved
 * one is not held here, so nothing can happen to it. What an acknowledgement stops and a return to
 * triggered starts anew is in escalation.c.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"

#include <assert.h>

typedef enum outcome incident_act(struct core *c, ref i, const struct cause *cause);
static incident_act act_none, act_already, act_late, act_acknowledge, act_unacknowledge,
    act_resolve, act_escalate, act_take_back, act_note, act_step_over, act_notify_due,
    act_ack_timeout, act_auto_resolve;

struct cell {
	enum incident_status next;
	incident_act *act;
};

static const struct cell table[INCIDENT_STATUS_COUNT][INC_EVENT_COUNT] = {
	[INCIDENT_TRIGGERED] = {
		[INC_REPEAT] = { INCIDENT_TRIGGERED, act_none },
		[INC_ACKNOWLEDGE] = { INCIDENT_ACKNOWLEDGED, act_acknowledge },
		[INC_UNACKNOWLEDGE] = { INCIDENT_TRIGGERED, act_already },
		[INC_RESOLVE] = { INCIDENT_RESOLVED, act_resolve },
		[INC_ESCALATE] = { INCIDENT_TRIGGERED, act_escalate },
		[INC_NOTE] = { INCIDENT_TRIGGERED, act_note },
		[INC_STEP_OVER] = { INCIDENT_TRIGGERED, act_step_over },
		[INC_NOTIFY_DUE] = { INCIDENT_TRIGGERED, act_notify_due },
		[INC_ACK_TIMEOUT] = { INCIDENT_TRIGGERED, act_late },
		[INC_AUTO_RESOLVE] = { INCIDENT_TRIGGERED, act_auto_resolve },
	},
	[INCIDENT_ACKNOWLEDGED] = {
		[INC_REPEAT] = { INCIDENT_ACKNOWLEDGED, act_none }, /* nobody is paged again */
		[INC_ACKNOWLEDGE] = { INCIDENT_ACKNOWLEDGED, act_already },
		[INC_UNACKNOWLEDGE] = { INCIDENT_TRIGGERED, act_unacknowledge },
		[INC_RESOLVE] = { INCIDENT_RESOLVED, act_resolve },
		[INC_ESCALATE] = { INCIDENT_TRIGGERED, act_take_back },
		[INC_NOTE] = { INCIDENT_ACKNOWLEDGED, act_note },
		[INC_STEP_OVER] = { INCIDENT_ACKNOWLEDGED, act_late },
		[INC_NOTIFY_DUE] = { INCIDENT_ACKNOWLEDGED, act_late },
		[INC_ACK_TIMEOUT] = { INCIDENT_TRIGGERED, act_ack_timeout },
		[INC_AUTO_RESOLVE] = { INCIDENT_ACKNOWLEDGED, act_auto_resolve },
	},
	/* INCIDENT_RESOLVED: not held. */
};

/* Who changed the status last is needed when an acknowledgement times out: see act_ack_timeout. */
static void status_set(struct core *c, ref i, enum incident_status status, struct str by)
{
	struct inc *inc = inc_row(c, i);
	inc->status = (uint8_t)status;
	inc->changed = c->now;
	text_set(c, &inc->changed_by, by);
}

enum outcome incident_event(struct core *c, ref i, enum inc_event event, const struct cause *cause)
{
	assert(i != 0 && event < INC_EVENT_COUNT);
	const struct inc *inc = inc_at(c, i);
	const struct cell *cell = &table[inc->status][event];
	assert(cell->act);
	bool held = cell->next != INCIDENT_RESOLVED;
	if (held && cell->next != inc->status && event != INC_ACK_TIMEOUT)
		status_set(c, i, cell->next, cause->agent);
	enum outcome outcome = cell->act(c, i, cause);
	if (held && event != INC_AUTO_RESOLVE)
		escalation_care(c, i);
	return outcome;
}

ref incident_new(struct core *c, const struct signal *s)
{
	uint64_t word = word_new(c);
	ref i = obj_new(c, POOL_INC);
	struct inc *inc = inc_row(c, i);
	inc->word = word;
	inc->number = ++c->v.last_number;
	inc->status = INCIDENT_TRIGGERED;
	inc->created = inc->changed = c->now;
	text_set(c, &inc->title, s->summary);
	text_set(c, &inc->changed_by, s->agent);
	inc_link_service(c, i, s->service);
	inc_index(c, i, true);
	const struct service *service = incident_service(c, i);
	bool severe = s->severity == SEVERITY_CRITICAL || s->severity == SEVERITY_ERROR;
	inc->urgency = URGENCY_HIGH;
	if (service && (service->urgency == URGENCY_RULE_LOW ||
	                   (service->urgency == URGENCY_RULE_SEVERITY && !severe)))
		inc->urgency = URGENCY_LOW;
	if (service && service->auto_resolve.ns > 0)
		timer_set(c, TIMER_AUTO_RESOLVE, i, wall_add(c->now, service->auto_resolve));
	return i;
}

/* -- acts ------------------------------------------------------------------------------------- */

static enum outcome act_none(struct core *c, ref i, const struct cause *cause)
{
	(void)c, (void)i, (void)cause;
	return OUTCOME_DONE;
}

static enum outcome act_already(struct core *c, ref i, const struct cause *cause)
{
	(void)c, (void)i, (void)cause;
	return OUTCOME_ALREADY;
}

/* A timer that should have been cleared. */
static enum outcome act_late(struct core *c, ref i, const struct cause *cause)
{
	(void)c, (void)i, (void)cause;
	(void)surprise(true, "incident/timer-late");
	return OUTCOME_ALREADY;
}

/* Pages that have not left are superseded; the rest is in flight. */
static struct str stop_pages(struct core *c, ref i)
{
	int64_t superseded = 0, in_flight = 0;
	escalation_stop(c, i);
	for (ref m = inc_at(c, i)->messages, next; m != 0; m = next) {
		next = msg_at(c, m)->next;
		in_flight += msg_at(c, m)->state == MESSAGE_SENDING;
		superseded += msg_at(c, m)->state == MESSAGE_INTENDED;
		if (message_is_unsettled(msg_at(c, m)))
			(void)message_event(c, m, MSG_SUPERSEDE, c->now);
	}
	struct jw w = body_start(c);
	jw_kv_i64(&w, STR("superseded"), superseded);
	jw_kv_i64(&w, STR("in_flight"), in_flight);
	return body_end(c, &w);
}

static enum outcome act_acknowledge(struct core *c, ref i, const struct cause *cause)
{
	const struct service *service = incident_service(c, i);
	struct inc *inc = inc_row(c, i);
	c->v.counters.acknowledges++;
	inc->acknowledged = c->now;
	inc->told = true; /* whoever acknowledges knows */
	struct str body = stop_pages(c, i);
	if (service && service->ack_timeout.ns > 0)
		timer_set(c, TIMER_ACK_TIMEOUT, i, wall_add(c->now, service->ack_timeout));
	log_add(c, inc->word,
	    &(struct log_args){ .type = STR("acknowledge"),
	        .agent = cause->agent,
	        .channel = cause->channel,
	        .body = body,
	        .summary = effect_printf(c, "Acknowledged by %.*s", STR_ARG(cause->agent)) });
	return OUTCOME_DONE;
}

/* Back to triggered: nobody counts as told any more. */
static void restart(struct core *c, ref i)
{
	struct inc *inc = inc_row(c, i);
	assert(c->err != OK || inc->status == INCIDENT_TRIGGERED);
	timer_clear(c, incident_timer(c, i, TIMER_ACK_TIMEOUT));
	inc->acknowledged = (struct wall){ 0 };
	inc->told = false;
	inc->exhausted = false;
}

static enum outcome act_unacknowledge(struct core *c, ref i, const struct cause *cause)
{
	restart(c, i);
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("unacknowledge"),
	        .agent = cause->agent,
	        .channel = cause->channel,
	        .summary = effect_printf(
	            c, "Acknowledgement taken back by %.*s", STR_ARG(cause->agent)) });
	escalation_go(c, i, 0, 0, ASSIGN_AGAIN, cause);
	return OUTCOME_DONE;
}

static enum outcome act_ack_timeout(struct core *c, ref i, const struct cause *cause)
{
	struct str by = text_str(inc_at(c, i)->changed_by); /* texts live to the step's end */
	status_set(c, i, INCIDENT_TRIGGERED, cause->agent);
	restart(c, i);
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("unacknowledge"),
	        .agent = cause->agent,
	        .channel = cause->channel,
	        .summary = effect_printf(
	            c, "Acknowledged too long ago by %.*s, triggered again", STR_ARG(by)) });
	escalation_go(c, i, 0, 0, ASSIGN_AGAIN, cause);
	escalation_page(c, i, by);
	return OUTCOME_DONE;
}

static enum outcome act_escalate(struct core *c, ref i, const struct cause *cause)
{
	escalation_stop(c, i);
	escalation_next(c, i, ASSIGN_PERSON, cause);
	return OUTCOME_DONE;
}

static enum outcome act_take_back(struct core *c, ref i, const struct cause *cause)
{
	restart(c, i);
	return act_escalate(c, i, cause);
}

static enum outcome act_note(struct core *c, ref i, const struct cause *cause)
{
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("annotate"),
	        .agent = cause->agent,
	        .channel = cause->channel,
	        .summary = cause->text });
	return OUTCOME_DONE;
}

static enum outcome act_step_over(struct core *c, ref i, const struct cause *cause)
{
	escalation_next(c, i, ASSIGN_DELAY, cause);
	return OUTCOME_DONE;
}

static enum outcome act_notify_due(struct core *c, ref i, const struct cause *cause)
{
	escalation_notify_due(c, i, cause->user, cause->contact);
	return OUTCOME_DONE;
}

/* Everybody who was told hears that it is over, once, over the contact that reached him last. */
static void inform_told(struct core *c, ref i, struct str resolver)
{
	for (ref r = inc_at(c, i)->messages; r != 0; r = msg_at(c, r)->next) {
		const struct msg *m = msg_at(c, r);
		bool newest =
		    message_is_good(m) && !(m->user && str_eq(text_str(m->user), resolver));
		for (ref o = m->next; o != 0 && newest; o = msg_at(c, o)->next) {
			const struct msg *other = msg_at(c, o);
			newest = !message_is_good(other) || other->user != m->user ||
			         (!m->user && other->contact != m->contact);
		}
		if (newest)
			message_all_clear(c, r);
	}
}

static enum outcome act_resolve(struct core *c, ref i, const struct cause *cause)
{
	c->v.counters.resolves++;
	status_set(c, i, INCIDENT_RESOLVED, cause->agent);
	struct str body = stop_pages(c, i);
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("resolve"),
	        .agent = cause->agent,
	        .channel = cause->channel,
	        .body = body,
	        .summary = effect_printf(c, "Resolved by %.*s", STR_ARG(cause->agent)) });
	inform_told(c, i, cause->agent);
	for (ref r = inc_at(c, i)->messages, next; r != 0; r = next) {
		next = msg_at(c, r)->next;
		inc_unlink_message(c, r); /* in flight ones stay until their receipt */
		if (!message_is_unsettled(msg_at(c, r)))
			message_settle(c, r);
	}
	for (ref r = inc_at(c, i)->alerts, next; r != 0; r = next) {
		next = alr_at(c, r)->next;
		alert_close(c, r);
	}
	for (ref r = inc_at(c, i)->timers, next; r != 0; r = next) {
		next = tmr_at(c, r)->next;
		timer_clear(c, r);
	}
	inc_row(c, i)->alerts_open = 0;
	inc_index(c, i, false);
	inc_unlink_service(c, i);
	obj_drop(c, POOL_INC, i);
	return OUTCOME_DONE;
}

/* Counts from the last trigger, so what still fires is not resolved under one's hands. */
static enum outcome act_auto_resolve(struct core *c, ref i, const struct cause *cause)
{
	const struct service *service = incident_service(c, i);
	struct wall last = inc_at(c, i)->created;
	if (!service || service->auto_resolve.ns <= 0)
		return OUTCOME_ALREADY;
	for (ref r = inc_at(c, i)->alerts; r != 0; r = alr_at(c, r)->next) {
		if (alr_at(c, r)->changed.ns > last.ns)
			last = alr_at(c, r)->changed;
	}
	struct wall due = wall_add(last, service->auto_resolve);
	if (due.ns <= c->now.ns)
		return incident_event(c, i, INC_RESOLVE, cause);
	timer_set(c, TIMER_AUTO_RESOLVE, i, due);
	return OUTCOME_DONE;
}
