/* SPDX-License-Identifier: Apache-2.0
 *
 * What an event does to the alert that its key is about. A key is (source key, dedup key): the same
 * dedup key through another integration is another alert. Only a trigger makes something;
 * acknowledge and resolve of an unknown key are dropped and counted. Acknowledging is the
 * incident's affair, an alert has only triggered and resolved; a resolved alert is forgotten, so
 * the next trigger makes a new one.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"

#include <assert.h>

#define INCIDENT_ALERTS_MAX 1000 /* they are all resolved in one step */

enum alert_state { KEY_UNKNOWN, KEY_TRIGGERED, KEY_STATE_COUNT };

typedef enum outcome alert_act(struct core *c, ref a, const struct signal *s, ref *ret_inc);
static alert_act act_new, act_drop, act_repeat, act_acknowledge, act_resolve;

static alert_act *const table[KEY_STATE_COUNT][EVENT_ACTION_COUNT] = {
	[KEY_UNKNOWN] = {
		[EVENT_TRIGGER] = act_new,
		[EVENT_ACKNOWLEDGE] = act_drop,
		[EVENT_RESOLVE] = act_drop,
	},
	[KEY_TRIGGERED] = {
		[EVENT_TRIGGER] = act_repeat,
		[EVENT_ACKNOWLEDGE] = act_acknowledge,
		[EVENT_RESOLVE] = act_resolve,
	},
};

enum outcome alert_event(
    struct core *c, enum event_action action, const struct signal *s, ref *ret_inc)
{
	assert(action < EVENT_ACTION_COUNT);
	assert(s->dedup_key.len > 0);
	ref a = alr_find(c, s->source_key, s->dedup_key);
	*ret_inc = 0;
	return table[a ? KEY_TRIGGERED : KEY_UNKNOWN][action](c, a, s, ret_inc);
}

static struct cause cause_of(const struct signal *s)
{
	return (struct cause){ .agent = s->agent, .channel = s->channel, .text = s->summary };
}

/* The incident that the new alert belongs to: its own; with too many open ones the newest of the
 * service. */
static ref incident_for(struct core *c, const struct signal *s, bool *ret_joins)
{
	ref svc = svc_find(c, s->service), newest = svc ? svc_at(c, svc)->newest : 0;
	*ret_joins = newest != 0 && surprise(c->pools[POOL_INC].count >= c->limits.incidents,
	                                "incident/incidents-full");
	return *ret_joins ? newest : incident_new(c, s);
}

static enum outcome act_new(struct core *c, ref a, const struct signal *s, ref *ret_inc)
{
	bool joins;
	assert(a == 0);
	c->v.counters.triggers++;
	ref i = incident_for(c, s, &joins);
	*ret_inc = i;
	if (c->err != OK)
		return OUTCOME_DONE;
	struct inc *inc = inc_row(c, i);
	inc->alerts_total++;
	/* A joined alert beyond the limit is in the timeline and in the count, but has no state. */
	bool has_room = inc_at(c, i)->alerts_open < INCIDENT_ALERTS_MAX &&
	                c->pools[POOL_ALR].count < 2 * c->limits.incidents;
	if (!joins || has_room) {
		uint64_t word = word_new(c);
		a = obj_new(c, POOL_ALR);
		struct alr *alr = alr_row(c, a);
		alr->word = word;
		alr->severity = (uint8_t)s->severity;
		alr->status = ALERT_TRIGGERED;
		alr->count = 1;
		alr->created = alr->changed = c->now;
		text_set(c, &alr->source, s->source_key);
		text_set(c, &alr->dedup, s->dedup_key);
		text_set(c, &alr->summary, s->summary);
		alr_row_details(c, a, s->details);
		alr_index(c, a, true);
		inc_link_alert(c, i, a);
		inc->alerts_open++;
	}
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("trigger"),
	        .agent = s->agent,
	        .channel = s->channel,
	        .summary = effect_printf(c, "%s by %.*s: %.*s",
	            joins ? "Another alert joined" : "Triggered", STR_ARG(s->agent),
	            STR_ARG(s->summary)) });
	struct cause cause = cause_of(s);
	if (joins)
		return incident_event(c, i, INC_REPEAT, &cause);
	escalation_go(c, i, 0, 0, ASSIGN_NEW, &cause);
	escalation_care(c, i); /* there may have been no room for its pages */
	return OUTCOME_DONE;
}

static enum outcome act_drop(struct core *c, ref a, const struct signal *s, ref *ret_inc)
{
	(void)a, (void)s, (void)ret_inc;
	c->v.counters.dropped++;
	return OUTCOME_DROPPED;
}

static enum outcome act_repeat(struct core *c, ref a, const struct signal *s, ref *ret_inc)
{
	struct alr *alr = alr_row(c, a);
	struct cause cause = cause_of(s);
	c->v.counters.triggers++;
	c->v.counters.joined++;
	alr->count++;
	alr->changed = c->now;
	alr->severity = (uint8_t)s->severity;
	text_set(c, &alr->summary, s->summary);
	if (s->details.len)
		alr_row_details(c, a, s->details);
	*ret_inc = alr_at(c, a)->inc;
	log_add(c, inc_at(c, *ret_inc)->word,
	    &(struct log_args){ .type = STR("trigger"),
	        .agent = s->agent,
	        .channel = s->channel,
	        .summary = effect_printf(
	            c, "Triggered again by %.*s: %.*s", STR_ARG(s->agent), STR_ARG(s->summary)) });
	return incident_event(c, *ret_inc, INC_REPEAT, &cause);
}

static enum outcome act_acknowledge(struct core *c, ref a, const struct signal *s, ref *ret_inc)
{
	struct cause cause = cause_of(s);
	*ret_inc = alr_at(c, a)->inc;
	return incident_event(c, *ret_inc, INC_ACKNOWLEDGE, &cause);
}

static enum outcome act_resolve(struct core *c, ref a, const struct signal *s, ref *ret_inc)
{
	struct cause cause = cause_of(s);
	ref i = alr_at(c, a)->inc;
	*ret_inc = i;
	if (inc_at(c, i)->alerts_open <= 1)
		return incident_event(c, i, INC_RESOLVE, &cause);
	log_add(c, inc_at(c, i)->word,
	    &(struct log_args){ .type = STR("resolve"),
	        .agent = s->agent,
	        .channel = s->channel,
	        .summary = effect_printf(c, "One of its alerts was resolved by %.*s: %.*s",
	            STR_ARG(s->agent), STR_ARG(text_str(alr_at(c, a)->summary))) });
	inc_row(c, i)->alerts_open--;
	alert_close(c, a);
	return OUTCOME_DONE;
}

void alert_close(struct core *c, ref a)
{
	struct alr *alr = alr_row(c, a);
	alr->status = ALERT_RESOLVED;
	alr->changed = c->now;
	alr_index(c, a, false);
	inc_unlink_alert(c, a);
	obj_drop(c, POOL_ALR, a);
}
