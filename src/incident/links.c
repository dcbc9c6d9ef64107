/* SPDX-License-Identifier: Apache-2.0
 *
 * The lists in which the pager core's objects hang together: an incident's alerts and messages by
 * id, a service's incidents by id, and the two queues of messages that may go now. Everything is
 * written through x_edit(), so a step that fails leaves no half-made link.
 */
#include "incident/core_priv.h"

#include <assert.h>

void inc_link_alert(struct core *c, ref inc, ref alr)
{
	struct inc *i = inc_edit(c, inc);
	ref after = i->alerts_tail;
	while (after != 0 && alr_at(c, after)->word > alr_at(c, alr)->word)
		after = alr_at(c, after)->prev;
	ref next = after ? alr_at(c, after)->next : i->alerts;
	struct alr *a = alr_edit(c, alr);
	a->inc = inc;
	a->prev = after;
	a->next = next;
	if (after)
		alr_edit(c, after)->next = alr;
	else
		i->alerts = alr;
	if (next)
		alr_edit(c, next)->prev = alr;
	else
		i->alerts_tail = alr;
}

void inc_unlink_alert(struct core *c, ref alr)
{
	struct alr *a = alr_edit(c, alr);
	if (a->inc == 0)
		return;
	struct inc *i = inc_edit(c, a->inc);
	if (a->prev)
		alr_edit(c, a->prev)->next = a->next;
	else
		i->alerts = a->next;
	if (a->next)
		alr_edit(c, a->next)->prev = a->prev;
	else
		i->alerts_tail = a->prev;
	a->prev = a->next = 0; /* `inc` stays: its last row names it */
}

void inc_link_message(struct core *c, ref inc, ref msg)
{
	struct inc *i = inc_edit(c, inc);
	ref after = i->messages_tail;
	while (after != 0 && msg_at(c, after)->word > msg_at(c, msg)->word)
		after = msg_at(c, after)->prev;
	ref next = after ? msg_at(c, after)->next : i->messages;
	struct msg *m = msg_edit(c, msg);
	m->inc = inc;
	m->prev = after;
	m->next = next;
	if (after)
		msg_edit(c, after)->next = msg;
	else
		i->messages = msg;
	if (next)
		msg_edit(c, next)->prev = msg;
	else
		i->messages_tail = msg;
}

void inc_unlink_message(struct core *c, ref msg)
{
	struct msg *m = msg_edit(c, msg);
	if (m->inc == 0)
		return;
	struct inc *i = inc_edit(c, m->inc);
	if (m->prev)
		msg_edit(c, m->prev)->next = m->next;
	else
		i->messages = m->next;
	if (m->next)
		msg_edit(c, m->next)->prev = m->prev;
	else
		i->messages_tail = m->prev;
	m->inc = m->prev = m->next = 0;
}

void inc_link_service(struct core *c, ref inc, struct str name)
{
	ref svc = svc_find(c, name);
	if (svc == 0) {
		svc = obj_new(c, POOL_SVC);
		text_set(c, &svc_edit(c, svc)->name, name);
		svc_index(c, svc, true);
	}
	struct svc *s = svc_edit(c, svc);
	struct inc *i = inc_edit(c, inc);
	ref newer = 0, older = s->newest;
	while (older != 0 && inc_at(c, older)->word > i->word) {
		newer = older;
		older = inc_at(c, older)->svc_prev;
	}
	i->svc = svc;
	i->svc_prev = older;
	i->svc_next = newer;
	if (older)
		inc_edit(c, older)->svc_next = inc;
	if (newer)
		inc_edit(c, newer)->svc_prev = inc;
	else
		s->newest = inc;
	s->open++;
}

void inc_unlink_service(struct core *c, ref inc)
{
	struct inc *i = inc_edit(c, inc);
	struct svc *s = svc_edit(c, i->svc);
	if (i->svc_prev)
		inc_edit(c, i->svc_prev)->svc_next = i->svc_next;
	if (i->svc_next)
		inc_edit(c, i->svc_next)->svc_prev = i->svc_prev;
	else
		s->newest = i->svc_prev;
	if (--s->open == 0) {
		svc_index(c, i->svc, false);
		obj_drop(c, POOL_SVC, i->svc);
	}
}

void ready_add(struct core *c, ref msg)
{
	struct msg *m = msg_edit(c, msg);
	if (msg == 0 || c->err != OK)
		return;
	size_t q = m->urgent ? 0 : 1;
	assert(!m->is_ready);
	m->is_ready = true;
	m->ready_prev = c->v.ready_tail[q];
	m->ready_next = 0;
	if (m->ready_prev)
		msg_edit(c, m->ready_prev)->ready_next = msg;
	else
		c->v.ready[q] = msg;
	c->v.ready_tail[q] = msg;
}

void ready_remove(struct core *c, ref msg)
{
	struct msg *m = msg_edit(c, msg);
	if (msg == 0 || c->err != OK || !m->is_ready)
		return;
	size_t q = m->urgent ? 0 : 1;
	if (m->ready_prev)
		msg_edit(c, m->ready_prev)->ready_next = m->ready_next;
	else
		c->v.ready[q] = m->ready_next;
	if (m->ready_next)
		msg_edit(c, m->ready_next)->ready_prev = m->ready_prev;
	else
		c->v.ready_tail[q] = m->ready_prev;
	m->is_ready = false;
}
