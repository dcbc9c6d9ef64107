/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows back into objects, at start. They come in any order, so a row that names an incident or a
 * message which is not there yet makes a stub of it, which its own row fills later. What is still a
 * stub at the first step belongs to something that is closed: messages in flight stay, the rest is
 * let go.
 *
 * Lists are kept by id, so a core that was loaded decides as the one that never stopped.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"

#include <assert.h>

static ref inc_or_stub(struct core *c, const struct id *id)
{
	uint64_t word = id_word(id);
	ref r = inc_find(c, word);
	if (r == 0) {
		r = obj_new(c, POOL_INC);
		struct inc *i = inc_edit(c, r);
		i->word = word;
		i->h.flags |= HEAD_STUB;
		inc_index(c, r, true);
	}
	return r;
}

static ref msg_or_stub(struct core *c, const struct id *id)
{
	uint64_t word = id_word(id);
	ref r = msg_find(c, word);
	if (r == 0) {
		r = obj_new(c, POOL_MSG);
		struct msg *m = msg_edit(c, r);
		m->word = word;
		m->h.flags |= HEAD_STUB;
		msg_index(c, r, true);
	}
	return r;
}

enum err core_load_incident(struct core *c, const struct incident *row)
{
	if (row->status == INCIDENT_RESOLVED)
		return OK;
	assert(
	    !c->is_linked && row->status < INCIDENT_STATUS_COUNT && row->urgency < URGENCY_COUNT);
	step_begin(c);
	ref r = inc_or_stub(c, &row->id);
	struct inc *i = inc_edit(c, r);
	if (i->h.flags & HEAD_STUB) {
		i->h.flags &= (uint8_t)~HEAD_STUB;
		i->number = row->number;
		i->status = (uint8_t)row->status;
		i->urgency = (uint8_t)row->urgency;
		i->created = row->created_at;
		i->changed = row->changed_at;
		i->acknowledged = row->acknowledged_at;
		i->step = row->step;
		i->loop = row->loop;
		i->alerts_open = row->alerts_open;
		i->alerts_total = row->alerts_total;
		i->told = row->told;
		i->exhausted = row->exhausted;
		i->nobody = row->nobody;
		text_set(c, &i->title, row->title);
		text_set(c, &i->changed_by, row->changed_by);
		inc_link_service(c, r, row->service);
		if (row->number > c->v.last_number)
			c->v.last_number = row->number;
	}
	return step_end(c);
}

enum err core_load_alert(struct core *c, const struct alert *row)
{
	if (row->status != ALERT_TRIGGERED)
		return OK;
	assert(!c->is_linked && row->severity < SEVERITY_COUNT);
	step_begin(c);
	if (alr_find(c, row->source_key, row->dedup_key) == 0) {
		ref i = inc_or_stub(c, &row->incident), r = obj_new(c, POOL_ALR);
		struct alr *a = alr_edit(c, r);
		a->word = id_word(&row->id);
		a->status = ALERT_TRIGGERED;
		a->severity = (uint8_t)row->severity;
		a->created = row->created_at;
		a->changed = row->changed_at;
		a->count = row->count < UINT32_MAX ? (uint32_t)row->count : UINT32_MAX;
		text_set(c, &a->source, row->source_key);
		text_set(c, &a->dedup, row->dedup_key);
		text_set(c, &a->summary, row->summary);
		alr_index(c, r, true);
		inc_link_alert(c, i, r);
	}
	return step_end(c);
}

enum err core_load_message(struct core *c, const struct message *row)
{
	assert(!c->is_linked && row->state < MESSAGE_STATE_COUNT && row->purpose < PURPOSE_COUNT);
	step_begin(c);
	ref r = msg_or_stub(c, &row->id);
	struct msg *m = msg_edit(c, r);
	if (m->h.flags & HEAD_STUB) {
		m->h.flags &= (uint8_t)~HEAD_STUB;
		c->v.unsettled += row->state == MESSAGE_INTENDED || row->state == MESSAGE_SENDING;
		m->inc_word = id_word(&row->incident);
		m->purpose = (uint8_t)row->purpose;
		m->state = (uint8_t)row->state;
		m->type = (uint8_t)row->contact_type;
		m->attempt = (uint8_t)(row->attempt < UINT8_MAX ? row->attempt : UINT8_MAX);
		m->maybe_duplicate = row->maybe_duplicate;
		m->created = row->created_at;
		m->changed = row->changed_at;
		text_set(c, &m->user, row->user);
		text_set(c, &m->contact, row->contact);
		text_set(c, &m->address, row->address);
		text_set(c, &m->provider, row->provider);
		text_set(c, &m->error, row->error);
		text_set(c, &m->reference, row->reference);
		if (m->purpose == PURPOSE_INCIDENT)
			inc_link_message(c, inc_or_stub(c, &row->incident), r);
	}
	return step_end(c);
}

enum err core_load_timer(struct core *c, const struct timer *row)
{
	assert(!c->is_linked && row->type < TIMER_TYPE_COUNT);
	step_begin(c);
	ref subject = timer_is_of_message(row->type) ? msg_or_stub(c, &row->subject)
	                                             : inc_or_stub(c, &row->subject);
	if (timer_is_of_message(row->type) && msg_at(c, subject)->timer != 0)
		timer_drop(c, msg_at(c, subject)->timer); /* there is one per message */
	struct tmr *t = tmr_edit(c, timer_add(c, id_word(&row->id), row->type, subject, row->due));
	t->rule = (uint16_t)(row->rule < UINT16_MAX ? row->rule : UINT16_MAX);
	text_set(c, &t->user, row->user);
	text_set(c, &t->contact, row->contact);
	return step_end(c);
}

void core_load_counters(struct core *c, uint64_t last_incident_number, struct wall last_at)
{
	assert(!c->is_linked);
	if (last_incident_number > c->v.last_number)
		c->v.last_number = last_incident_number;
	c->v.last_at = last_at;
}

static void link_incident_stub(struct core *c, ref r)
{
	for (ref m = inc_at(c, r)->messages, next; m != 0; m = next) {
		next = msg_at(c, m)->next;
		inc_unlink_message(c, m);
		if (!message_is_unsettled(msg_at(c, m)))
			message_settle(c, m);
	}
	for (ref t = inc_at(c, r)->timers, next; t != 0; t = next) {
		next = tmr_at(c, t)->next;
		(void)surprise(true, "incident/load-timer-of-closed");
		timer_clear(c, t);
	}
	for (ref a = inc_at(c, r)->alerts, next; a != 0; a = next) {
		next = alr_at(c, a)->next;
		(void)surprise(true, "incident/load-alert-of-closed");
		alr_index(c, a, false);
		inc_unlink_alert(c, a);
		obj_drop(c, POOL_ALR, a);
	}
	inc_index(c, r, false);
	obj_drop(c, POOL_INC, r);
}

static void link_message(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	if (m->h.flags & HEAD_STUB) {
		(void)surprise(m->timer != 0, "incident/load-timer-of-settled");
		timer_clear(c, m->timer);
		msg_index(c, r, false);
		obj_drop(c, POOL_MSG, r);
		return;
	}
	if (!message_is_unsettled(m)) {
		timer_clear(c, m->timer);
		if (m->inc == 0)
			message_settle(c, r);
		return;
	}
	msg_edit(c, r)->urgent =
	    m->purpose == PURPOSE_TEST || (m->inc && inc_at(c, m->inc)->urgency == URGENCY_HIGH);
	if (m->timer == 0 && m->state == MESSAGE_INTENDED)
		ready_add(c, r);
	else if (m->timer == 0)
		timer_set(c, TIMER_RECEIPT, r, c->now);
}

void load_link(struct core *c)
{
	for (ref r = 0; obj_next(c, POOL_INC, &r) && c->err == OK;) {
		if (inc_at(c, r)->h.flags & HEAD_STUB)
			link_incident_stub(c, r);
		else
			message_prune(c, r);
	}
	for (ref r = 0; obj_next(c, POOL_MSG, &r) && c->err == OK;) {
		if (!(msg_at(c, r)->h.flags & HEAD_DEAD))
			link_message(c, r);
	}
	for (ref r = 0; obj_next(c, POOL_INC, &r) && c->err == OK;) {
		if (!(inc_at(c, r)->h.flags & HEAD_DEAD))
			escalation_care(c, r);
	}
}
