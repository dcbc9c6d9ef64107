/* SPDX-License-Identifier: Apache-2.0
 *
 * The promises, judged after every decision from what the rows say, and over time. Written against
 * design and rows alone: nothing here looks into the pager core. Numbers are those of the promises.
 */
#include "sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define EARLY SPAN_S(6) /* a clock that is trimmed by less than five seconds is followed */
#define LATE SPAN_S(150)

void sim_broken(struct sim *s, const char *format, ...)
{
	char what[512], when[64];
	struct buf b = buf_make(&mem_system, sizeof(when));
	va_list args;
	va_start(args, format);
	(void)vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	wall_format(&b, sim_wall(s));
	fprintf(stderr, "seed %llu: after %llu records, %.*s: promise %s\n",
	    (unsigned long long)s->seed, (unsigned long long)s->engine.decided,
	    STR_ARG(buf_str(&b)), what);
	exit(1);
}

static const struct directory *directory_now(const struct sim *s)
{
	return s->directories[s->engine.directory];
}

static bool service_is_known(const struct directory *d, struct str name)
{
	return name.len > 0 && directory_service(d, name) >= 0;
}

/* 2, 6: an open incident keeps moving, an acknowledged one does not page. */
static void check_incident(struct sim *s, const struct row *row)
{
	const struct incident *i = &row->incident;
	if (!row->exists)
		sim_broken(s, "1: rows speak of an incident that is not there");
	if (i->status == INCIDENT_RESOLVED) {
		if (row->paging_timers || row->other_timers || row->pages_intended ||
		    i->alerts_open)
			sim_broken(s, "6: resolved incident %s still has timers, pages or alerts",
			    i->id.text);
		return;
	}
	if (i->status == INCIDENT_ACKNOWLEDGED) {
		if (row->pages_intended || row->paging_timers)
			sim_broken(s, "6: acknowledged incident %s still pages", i->id.text);
		if (!i->told)
			sim_broken(
			    s, "2: acknowledged incident %s says that nobody was told", i->id.text);
		return;
	}
	if (!i->told && row->paging_timers == 0 && row->pages_moving == 0)
		sim_broken(s,
		    "2: open incident %s has no timer, no page on its way, and nobody was told",
		    i->id.text);
	if (i->told && row->pages_good == 0)
		sim_broken(
		    s, "2: incident %s says that somebody was told, no page says so", i->id.text);
	if (row->escalate_timers > 1)
		sim_broken(s, "2: incident %s escalates twice", i->id.text);
	if (i->nobody && row->escalate_timers == 0)
		sim_broken(
		    s, "5: nobody is there for incident %s and nobody is looked for", i->id.text);
	if (i->urgency == URGENCY_HIGH && !i->exhausted && row->escalate_timers == 0 &&
	    service_is_known(directory_now(s), i->service) && i->created_at.ns > s->directory_at.ns)
		sim_broken(s, "2: urgent incident %s does not escalate", i->id.text);
}

/* 3, 4: a message on its way is watched. */
static void check_message(struct sim *s, const struct row *row, struct wall at)
{
	const struct message *m = &row->message;
	int32_t want =
	    m->state == MESSAGE_SENDING || (m->state == MESSAGE_INTENDED && m->next_at.ns > at.ns);
	if (!row->exists)
		return;
	if (row->other_timers != want && !(m->state == MESSAGE_INTENDED && m->next_at.ns > 0))
		sim_broken(s, "3: message %s is %s with %d timers", m->id.text,
		    message_state_name[m->state].ptr, row->other_timers);
	if (m->attempt > 1 && m->state == MESSAGE_SENDING && m->provider.len == 0)
		sim_broken(s, "3: message %s is sent by nobody", m->id.text);
}

static const struct service *service_of_event(
    const struct directory *d, const struct record_event *e)
{
	const struct integration *in =
	    e->routing_key.len ? directory_integration(d, e->routing_key) : NULL;
	int32_t n = in               ? (int32_t)in->service
	            : e->service.len ? directory_service(d, e->service)
	                             : -1;
	return n < 0 ? NULL : &d->services[n];
}

/* 1: what was accepted shows. */
static void check_event(
    struct sim *s, const struct record_event *e, struct wall at, enum outcome outcome)
{
	const struct service *service = service_of_event(directory_now(s), e);
	const struct row *a =
	    rows_triggered(&s->rows, e->routing_key.len ? e->routing_key : e->via, e->dedup_key);
	const struct row *i = a ? rows_find_id(&s->rows, ROW_INCIDENT, &a->alert.incident) : NULL;
	if (a && (!i || i->incident.status == INCIDENT_RESOLVED))
		sim_broken(s, "1: the alert %.*s has no open incident", STR_ARG(e->dedup_key));
	if (e->action == EVENT_RESOLVE && a)
		sim_broken(
		    s, "1: the alert %.*s was resolved and still is not", STR_ARG(e->dedup_key));
	if (e->action == EVENT_ACKNOWLEDGE && a && i && i->incident.status != INCIDENT_ACKNOWLEDGED)
		sim_broken(s, "6: the alert %.*s was acknowledged, its incident is not",
		    STR_ARG(e->dedup_key));
	if (e->action != EVENT_TRIGGER || s->swarm.small_limits)
		return;
	if (outcome == OUTCOME_DROPPED) {
		if (!service || !service->disabled)
			sim_broken(s, "1: the trigger of %.*s was dropped", STR_ARG(e->dedup_key));
		return;
	}
	if (!a || a->alert.changed_at.ns != at.ns)
		sim_broken(s, "1: the trigger of %.*s left no trace", STR_ARG(e->dedup_key));
}

/* 5: nobody on call is not nobody to tell. */
static void check_new_incident(struct sim *s, const struct row *row, const struct effects *fx)
{
	const struct incident *i = &row->incident;
	bool fallback = false;
	if (town_anyone(directory_now(s), i->service, i->created_at))
		return;
	for (size_t n = 0; n < fx->count; n++)
		fallback =
		    fallback ||
		    (fx->list[n].type == EFFECT_MESSAGE && fx->list[n].message.user.len == 0 &&
		        id_word(&fx->list[n].message.incident) == id_word(&i->id));
	if (!fallback && !s->swarm.small_limits)
		sim_broken(
		    s, "5: nobody is on call for %s and the fallback was not paged", i->id.text);
	if (!i->nobody && service_is_known(directory_now(s), i->service))
		sim_broken(s, "5: nobody is on call for %s and it does not say so", i->id.text);
}

static bool goes_where_he_is(const struct directory *d, const struct message *m)
{
	int32_t user = m->user.len ? directory_user(d, m->user) : -1;
	const struct contact *list = m->user.len ? NULL : d->fallback;
	uint32_t count = m->user.len ? 0 : d->fallback_count;
	if (user >= 0) {
		list = d->users[user].contacts;
		count = d->users[user].contact_count;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (str_eq(list[i].name, m->contact))
			return list[i].type == m->contact_type &&
			       str_eq(list[i].address, m->address);
	}
	return false;
}

/* 6: what is handed over is still wanted, and goes where its person is. */
static void check_handover(struct sim *s, const struct record_handover *h, struct wall at)
{
	for (uint32_t n = 0; n < h->message_count; n++) {
		const struct row *m = rows_find_id(&s->rows, ROW_MESSAGE, &h->messages[n]);
		if (m && m->message.state == MESSAGE_SENDING && m->message.changed_at.ns == at.ns &&
		    !goes_where_he_is(directory_now(s), &m->message))
			sim_broken(s, "6: message %s is sent where %.*s is not any more",
			    m->message.id.text, STR_ARG(m->message.user));
		if (!m || m->message.state != MESSAGE_SENDING ||
		    m->message.purpose != PURPOSE_INCIDENT)
			continue;
		const struct row *i = rows_find_id(&s->rows, ROW_INCIDENT, &m->message.incident);
		if (!i || i->incident.status != INCIDENT_TRIGGERED)
			sim_broken(s, "6: message %s is sent for an incident that does not want it",
			    m->message.id.text);
	}
}

static void check_command(struct sim *s, const struct record_command *c, enum outcome outcome)
{
	const struct row *i = rows_find_id(&s->rows, ROW_INCIDENT, &c->incident);
	enum incident_status want =
	    c->type == COMMAND_RESOLVE ? INCIDENT_RESOLVED : INCIDENT_ACKNOWLEDGED;
	if (outcome == OUTCOME_NO_SUCH ||
	    (c->type != COMMAND_RESOLVE && c->type != COMMAND_ACKNOWLEDGE))
		return;
	if (!i || i->incident.status != want)
		sim_broken(s, "6: %s is not %s", c->incident.text, incident_status_name[want].ptr);
}

void check_step(
    struct sim *s, const struct record *rec, enum outcome outcome, const struct effects *fx)
{
	s->steps++;
	if (rec->type == RECORD_RESOURCES)
		s->directory_at = rec->at;
	for (size_t n = 0; n < s->rows.changed_count; n++) {
		const struct row *row = s->rows.changed[n];
		if (row->kind == ROW_INCIDENT) {
			check_incident(s, row);
			if (row->incident.created_at.ns == rec->at.ns &&
			    row->incident.status == INCIDENT_TRIGGERED &&
			    (rec->type == RECORD_EVENT || rec->type == RECORD_RULES))
				check_new_incident(s, row, fx);
		}
		if (row->kind == ROW_MESSAGE)
			check_message(s, row, rec->at);
	}
	if (rec->type == RECORD_EVENT)
		check_event(s, &rec->event, rec->at, outcome);
	if (rec->type == RECORD_HANDOVER)
		check_handover(s, &rec->handover, rec->at);
	if (rec->type == RECORD_COMMAND)
		check_command(s, &rec->command, outcome);
}

/* 9: durations keep their length whatever is done to the wall clock. A restart may not know better.
 */
void check_timer_clear(struct sim *s, const struct row *t, const struct record *rec)
{
	/* A step of the clock moves it before anything else happens in the record's step. */
	struct span moved = rec->type == RECORD_TICK ? rec->tick.stepped : (struct span){ 0 };
	bool fired = wall_add(t->timer.due, moved).ns <= rec->at.ns;
	if (fired && t->set.ns > s->engine.up_since.ns && s->now.ns < t->due.ns - EARLY.ns)
		sim_broken(s, "9: timer %s (%s) fired %lld s early", t->timer.id.text,
		    timer_type_name[t->timer.type].ptr,
		    (long long)((t->due.ns - s->now.ns) / NS_PER_S));
}

void check_timer_set(struct sim *s, const struct timer *timer)
{
	const struct row *old = rows_find_id(&s->rows, ROW_TIMER, &timer->id);
	if (!old || old->set.ns <= s->engine.up_since.ns)
		return;
	int64_t due = s->now.ns + wall_sub(timer->due, s->engine.clock.last_at).ns,
	        diff = due - old->due.ns;
	int64_t slack = EARLY.ns + (s->now.ns - old->set.ns) /
	                               8; /* records may pass a little slower after a step back */
	if (diff > slack || diff < -EARLY.ns)
		sim_broken(s, "9: timer %s was moved by %lld s", timer->id.text,
		    (long long)(diff / NS_PER_S));
}

/* 2, 9: timers that are live do fire. */
void check_scan(struct sim *s)
{
	struct row *t;
	if (!s->engine.is_up || s->now.ns - s->engine.up_since.ns < LATE.ns)
		return;
	for (size_t at = 0; rows_next(&s->rows, ROW_TIMER, &at, &t);) {
		int64_t late = s->now.ns - t->due.ns;
		if (late > LATE.ns + (t->due.ns - t->set.ns) / 8 &&
		    t->set.ns > s->engine.up_since.ns)
			sim_broken(s, "9: timer %s (%s) is %lld s late", t->timer.id.text,
			    timer_type_name[t->timer.type].ptr, (long long)(late / NS_PER_S));
	}
}

/* After hours in which nothing broke everything that was accepted is decided, everything that was
 * to be told is told, and the inbox replayed into an empty store gives the same rows. */
void check_end(struct sim *s)
{
	struct row *row;
	if (s->engine.decided != s->engine.durable || s->engine.committed != s->engine.decided)
		sim_broken(s, "1: %llu records are not decided and committed",
		    (unsigned long long)(s->engine.durable - s->engine.committed));
	for (size_t at = 0; rows_next(&s->rows, ROW_INCIDENT, &at, &row);) {
		if (row->incident.status == INCIDENT_TRIGGERED && !row->incident.told &&
		    s->engine.clock.last_at.ns - row->incident.changed_at.ns > 3600 * 4 * NS_PER_S)
			sim_broken(s, "2: nobody was told of %s in hours without any trouble",
			    row->incident.id.text);
	}
	for (size_t at = 0; rows_next(&s->rows, ROW_MESSAGE, &at, &row);) {
		const struct message *m = &row->message;
		if ((m->state == MESSAGE_INTENDED || m->state == MESSAGE_SENDING) &&
		    s->engine.clock.last_at.ns - m->changed_at.ns > 1800 * NS_PER_S)
			sim_broken(s, "3: message %s is stuck as %s", m->id.text,
			    message_state_name[m->state].ptr);
	}
	uint64_t differs = engine_replay(s);
	if (differs)
		sim_broken(s, "1: the inbox replayed gives another history from record %llu on",
		    (unsigned long long)differs);
}
