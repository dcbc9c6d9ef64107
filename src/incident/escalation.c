/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom to page and when. A policy's steps are walked in order, `loops` times over; each step pages
 * who is on call by his own rules and waits its delay. Steps on which nobody can be paged are
 * passed over at once, and when that leaves nobody at all the fallback contacts are paged and the
 * walk is tried again every few minutes, for as long as nobody has acknowledged.
 *
 *   position              the delay is over, or everything that it sent has failed
 *   step k of n           step k+1 (the next one where somebody can be paged)
 *   the last step         the first one again while loops are left, else exhausted
 *   exhausted, told       nothing more; not told: the fallback, again and again
 *   nobody                look again for somebody; not told: the fallback as well
 *   the service is gone   the fallback, whoever was told; look again for the service
 *   low urgency           does not move; not told: the fallback, again and again
 *
 * Promise 2 is kept by escalation_care(): whatever happened, a triggered incident has a timer that
 * pages, a page on its way, or somebody was told.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"
#include "oncall/oncall.h"

#include <assert.h>

#define AGAIN_AFTER SPAN_S(300) /* the fallback, and looking for somebody */
#define ROOM_AFTER SPAN_S(30)   /* a page for which there was no room */
#define STEP_USERS_MAX 128      /* of one step; more are not paged, and that is a surprise */

struct who {
	uint32_t count;
	uint32_t users[STEP_USERS_MAX]; /* indices into the directory */
};

const struct service *incident_service(const struct core *c, ref i)
{
	struct str name = text_str(svc_at(c, inc_at(c, i)->svc)->name);
	int32_t n = name.len ? directory_service(c->dir, name) : -1;
	return n < 0 ? NULL : &c->dir->services[n];
}

ref incident_timer(const struct core *c, ref i, enum timer_type type)
{
	for (ref t = inc_at(c, i)->timers; t != 0; t = tmr_at(c, t)->next) {
		if (tmr_at(c, t)->type == type)
			return t;
	}
	return 0;
}

static void timers_clear(struct core *c, ref i, enum timer_type type)
{
	for (ref t = inc_at(c, i)->timers, next; t != 0; t = next) {
		next = tmr_at(c, t)->next;
		if (tmr_at(c, t)->type == type)
			timer_clear(c, t);
	}
}

void escalation_stop(struct core *c, ref i)
{
	timers_clear(c, i, TIMER_ESCALATE);
	timers_clear(c, i, TIMER_NOTIFY);
	if (inc_at(c, i)->status != INCIDENT_TRIGGERED)
		timers_clear(c, i, TIMER_ACK_TIMEOUT);
}

static void escalate_at(struct core *c, ref i, struct span after)
{
	timers_clear(c, i, TIMER_ESCALATE);
	timer_set(c, TIMER_ESCALATE, i, wall_add(c->now, after));
}

/* -- who ----------------------------------------------------------------------------------------
 */

bool contact_is_usable(const struct core *c, const struct contact *contact)
{
	for (uint32_t i = 0; i < c->dir->provider_count; i++) {
		if (c->dir->providers[i].type == contact->type)
			return true;
	}
	return contact->type == CONTACT_CONSOLE;
}

static bool user_is_usable(const struct core *c, const struct user *user)
{
	for (uint32_t i = 0; i < user->contact_count; i++) {
		if (contact_is_usable(c, &user->contacts[i]))
			return true;
	}
	return false;
}

static void who_add(const struct core *c, struct who *who, int32_t user)
{
	if (user < 0 || !user_is_usable(c, &c->dir->users[user]))
		return;
	for (uint32_t i = 0; i < who->count; i++) {
		if (who->users[i] == (uint32_t)user)
			return;
	}
	if (surprise(who->count == STEP_USERS_MAX, "incident/step-too-wide"))
		return;
	who->users[who->count++] = (uint32_t)user;
}

static void who_of_step(const struct core *c, const struct policy_step *step, struct who *who)
{
	who->count = 0;
	for (uint32_t i = 0; i < step->target_count; i++) {
		const struct target *t = &step->targets[i];
		if (t->type == TARGET_USER)
			who_add(c, who, (int32_t)t->index);
		else
			who_add(c, who, oncall_at(c->dir, &c->dir->schedules[t->index], c->now));
	}
}

/* -- paging one ---------------------------------------------------------------------------------
 */

static void notify_at(struct core *c, ref i, struct str user, const struct contact *contact,
    uint32_t rule, struct span after)
{
	ref t = timer_set(c, TIMER_NOTIFY, i, wall_add(c->now, after));
	struct tmr *timer = tmr_edit(c, t);
	timer->rule = (uint16_t)(rule < UINT16_MAX ? rule : UINT16_MAX);
	text_set(c, &timer->user, user);
	text_set(c, &timer->contact, contact->name);
}

static void page_contact(struct core *c, ref i, struct str user, const struct contact *contact)
{
	const struct page page = { .inc = i,
		.inc_word = inc_at(c, i)->word,
		.purpose = PURPOSE_INCIDENT,
		.urgent = inc_at(c, i)->urgency == URGENCY_HIGH,
		.user = user,
		.contact = contact };
	if (!message_intend(c, &page) && c->pools[POOL_TMR].count < c->limits.timers)
		notify_at(c, i, user, contact, 0, ROOM_AFTER);
}

/* By his own rules; one without rules is paged at once over the first contact that works. */
static void page_user(struct core *c, ref i, const struct user *user)
{
	enum urgency urgency = inc_at(c, i)->urgency;
	bool any = false;
	for (uint32_t n = 0; n < user->rule_count[urgency]; n++) {
		const struct notify_rule *rule = &user->rules[urgency][n];
		const struct contact *contact = &user->contacts[rule->contact];
		assert(rule->contact < user->contact_count);
		if (!contact_is_usable(c, contact))
			continue;
		any = true;
		if (rule->after.ns <= 0 ||
		    surprise(c->pools[POOL_TMR].count >= c->limits.timers, "incident/timers-full"))
			page_contact(c, i, user->name, contact);
		else
			notify_at(c, i, user->name, contact, n, rule->after);
	}
	for (uint32_t n = 0; n < user->contact_count && !any; n++) {
		any = contact_is_usable(c, &user->contacts[n]);
		if (any)
			page_contact(c, i, user->name, &user->contacts[n]);
	}
}

void escalation_page(struct core *c, ref i, struct str name)
{
	int32_t user = name.len ? directory_user(c->dir, name) : -1;
	if (user >= 0 && user_is_usable(c, &c->dir->users[user]))
		page_user(c, i, &c->dir->users[user]);
}

static void step_over_unreached(struct core *c, ref i);

void escalation_notify_due(struct core *c, ref i, struct str name, struct str contact)
{
	const struct contact *list = c->dir->fallback;
	uint32_t count = c->dir->fallback_count;
	int32_t user = name.len ? directory_user(c->dir, name) : -1;
	if (name.len && (user < 0 || !user_is_usable(c, &c->dir->users[user]))) {
		step_over_unreached(c, i); /* he is gone, or none of his contacts is left */
		return;
	}
	if (user >= 0) {
		list = c->dir->users[user].contacts;
		count = c->dir->users[user].contact_count;
	}
	for (uint32_t n = 0; n < count; n++) {
		if (str_eq(list[n].name, contact) && contact_is_usable(c, &list[n])) {
			page_contact(c, i, name, &list[n]);
			return;
		}
	}
	if (user >= 0)
		page_user(c, i, &c->dir->users[user]); /* the contact is gone, he is not */
}

static void page_fallback(struct core *c, ref i)
{
	for (uint32_t n = 0; n < c->dir->fallback_count; n++) {
		if (contact_is_usable(c, &c->dir->fallback[n]))
			page_contact(c, i, STR(""), &c->dir->fallback[n]);
	}
}

/* -- walking ------------------------------------------------------------------------------------
 */

static void log_assign(
    struct core *c, ref i, const struct who *who, enum assign_how how, const struct cause *cause)
{
	char names[512];
	size_t len = 0;
	for (uint32_t n = 0; n < who->count; n++) {
		struct str name = c->dir->users[who->users[n]].name;
		if (len + name.len + 2 > sizeof(names))
			break;
		if (n > 0) {
			memcpy(names + len, ", ", 2);
			len += 2;
		}
		memcpy(names + len, name.ptr, name.len);
		len += name.len;
	}
	const struct inc *inc = inc_at(c, i);
	bool escalates = how == ASSIGN_DELAY || how == ASSIGN_PERSON;
	struct str agent = how == ASSIGN_PERSON ? cause->agent : STR("timeout");
	log_add(c, inc->word,
	    &(struct log_args){ .type = escalates ? STR("escalate") : STR("assign"),
	        .agent = escalates ? agent : STR("auto"),
	        .channel = how == ASSIGN_PERSON  ? cause->channel
	                   : how == ASSIGN_DELAY ? STR("timeout")
	                                         : STR("auto"),
	        .summary = effect_printf(c, "%s %.*s (step %u)",
	            escalates ? "Escalated to" : "Assigned to", (int)len, names, inc->step + 1) });
}

/* Somebody was found at (step, loop). The timer comes first: what it covers has a higher id. */
static void assign(struct core *c, ref i, const struct policy_step *step, const struct who *who,
    enum assign_how how, const struct cause *cause)
{
	struct inc *inc = inc_row(c, i);
	assert(who->count > 0);
	inc->nobody = false;
	timers_clear(c, i, TIMER_NOTIFY); /* it is the next ones' turn */
	timers_clear(c, i, TIMER_ESCALATE);
	if (inc->urgency == URGENCY_HIGH)
		timer_set(c, TIMER_ESCALATE, i, wall_add(c->now, step->delay));
	log_assign(c, i, who, how, cause);
	if (how == ASSIGN_DELAY || how == ASSIGN_PERSON)
		c->v.counters.escalations++;
	for (uint32_t n = 0; n < who->count; n++)
		page_user(c, i, &c->dir->users[who->users[n]]);
}

/* The fallback is told, and is told again until somebody was. */
static void fallback(struct core *c, ref i)
{
	escalate_at(c, i, AGAIN_AFTER);
	if (!inc_at(c, i)->told)
		page_fallback(c, i);
}

static void nobody(struct core *c, ref i)
{
	if (!inc_at(c, i)->nobody) {
		inc_row(c, i)->nobody = true;
		c->v.counters.nobody_on_call++;
		log_add(c, inc_at(c, i)->word,
		    &(struct log_args){ .type = STR("escalate"),
		        .agent = STR("auto"),
		        .channel = STR("auto"),
		        .summary = STR("Nobody is on call who can be paged: the fallback contacts "
		                       "are paged") });
	}
	inc_row(c, i)->step = inc_row(c, i)->loop = 0;
	fallback(c, i);
}

/* The service was removed, and its policy with it. Whoever was told may rely on the next step,
 * which will not come: somebody else must know. A service that comes back begins anew. */
static void no_policy(struct core *c, ref i, enum assign_how how)
{
	struct inc *inc = inc_row(c, i);
	bool news = !inc->nobody || how == ASSIGN_PERSON;
	c->v.counters.nobody_on_call += !inc->nobody;
	inc->nobody = true;
	inc->exhausted = false;
	inc->step = inc->loop = 0;
	escalate_at(c, i, AGAIN_AFTER);
	if (news)
		log_add(c, inc->word,
		    &(struct log_args){ .type = STR("escalate"),
		        .agent = STR("auto"),
		        .channel = STR("auto"),
		        .summary = STR("The service has no policy any more: the fallback contacts "
		                       "are paged") });
	if (news || !inc->told)
		page_fallback(c, i);
}

static void exhausted(struct core *c, ref i)
{
	struct inc *inc = inc_row(c, i);
	inc->exhausted = true;
	c->v.counters.exhausted++;
	timers_clear(c, i, TIMER_ESCALATE);
	log_add(c, inc->word,
	    &(struct log_args){ .type = STR("exhaust_escalation_path"),
	        .agent = STR("timeout"),
	        .channel = STR("timeout"),
	        .summary = STR("The escalation policy has come to its end") });
	if (!inc->told)
		fallback(c, i);
}

void escalation_go(struct core *c, ref i, uint32_t step, uint32_t loop, enum assign_how how,
    const struct cause *cause)
{
	const struct service *service = incident_service(c, i);
	const struct policy *policy = service ? &c->dir->policies[service->policy] : NULL;
	if (!policy) {
		if (svc_at(c, inc_at(c, i)->svc)->name)
			no_policy(c, i, how);
		else if (!inc_at(c, i)->told) /* it never had a service */
			fallback(c, i);
		return;
	}
	assert(policy->step_count >= 1);
	for (uint32_t tried = 0; tried < policy->step_count; tried++, step++) {
		struct who who;
		if (step >= policy->step_count) {
			if (loop >= policy->loops && how == ASSIGN_DELAY) {
				exhausted(c, i);
				return;
			}
			step = 0;
			loop++;
			if (how == ASSIGN_DELAY)
				log_add(c, inc_at(c, i)->word,
				    &(struct log_args){ .type = STR("repeat_escalation_path"),
				        .agent = STR("timeout"),
				        .channel = STR("timeout"),
				        .summary = STR("The escalation policy begins anew") });
		}
		who_of_step(c, &policy->steps[step], &who);
		if (who.count == 0)
			continue;
		struct inc *inc = inc_row(c, i);
		inc->step = step;
		inc->loop = loop <= policy->loops ? loop : policy->loops;
		assign(c, i, &policy->steps[step], &who, how, cause);
		return;
	}
	nobody(c, i);
}

void escalation_next(struct core *c, ref i, enum assign_how how, const struct cause *cause)
{
	const struct inc *inc = inc_at(c, i);
#ifdef QUIS_SEEDED_BUG /* a test of the simulator: it must notice that the walk stops after the \
                          second step */
	if (inc->step == 1)
		return;
#endif
	if (how == ASSIGN_DELAY && !inc->nobody &&
	    (inc->exhausted || inc->urgency == URGENCY_LOW)) {
		if (!inc->told)
			fallback(c, i);
		return;
	}
	if (inc->nobody)
		escalation_go(c, i, 0, 0, how == ASSIGN_DELAY ? ASSIGN_NEW : how, cause);
	else
		escalation_go(c, i, inc->step + 1, inc->loop, how, cause);
}

/* -- when pages fail ------------------------------------------------------------------------------
 */

void escalation_others(struct core *c, ref i, ref msg)
{
	const struct msg *failed = msg_at(c, msg);
	int32_t user = directory_user(c->dir, text_str(failed->user));
	if (!failed->user || user < 0)
		return;
	const struct user *u = &c->dir->users[user];
	for (uint32_t n = 0; n < u->contact_count; n++) {
		const struct text *name = text_find(c, u->contacts[n].name);
		bool tried = name && name == failed->contact;
		for (ref o = inc_at(c, i)->messages; o != 0 && name && !tried;
		     o = msg_at(c, o)->next) {
			const struct msg *m = msg_at(c, o);
			tried = m->user == failed->user && m->contact == name &&
			        m->state != MESSAGE_SUPERSEDED &&
			        (message_is_unsettled(m) || m->changed.ns >= failed->created.ns);
		}
		if (!tried && contact_is_usable(c, &u->contacts[n]))
			page_contact(c, i, u->name, &u->contacts[n]);
	}
}

static bool is_paging(const struct core *c, ref i)
{
	for (ref m = inc_at(c, i)->messages; m != 0; m = msg_at(c, m)->next) {
		if (message_is_unsettled(msg_at(c, m)))
			return true;
	}
	return incident_timer(c, i, TIMER_NOTIFY) != 0;
}

/* Nobody of this step was reached and nobody will be: there is no reason to wait. */
static void step_over_unreached(struct core *c, ref i)
{
	const struct inc *inc = inc_at(c, i);
	ref t = incident_timer(c, i, TIMER_ESCALATE);
	bool reached = false;
	for (ref m = inc->messages; m != 0 && t != 0 && !reached; m = msg_at(c, m)->next)
		reached =
		    message_is_good(msg_at(c, m)) && msg_at(c, m)->word > tmr_at(c, t)->node.tie;
	if (t == 0 || reached || is_paging(c, i) || inc->exhausted || inc->nobody ||
	    !incident_service(c, i))
		return;
	timer_clear(c, t);
	(void)incident_event(c, i, INC_STEP_OVER,
	    &(struct cause){ .agent = STR("timeout"), .channel = STR("timeout") });
}

void escalation_failed(struct core *c, ref i, ref failed)
{
	if (inc_at(c, i)->status != INCIDENT_TRIGGERED)
		return;
	escalation_others(c, i, failed);
	step_over_unreached(c, i);
	escalation_care(c, i);
}

void escalation_moved(struct core *c, ref i, ref moved)
{
	const struct text *user = msg_at(c, moved)->user;
	assert(c->err != OK || inc_at(c, i)->status == INCIDENT_TRIGGERED);
	for (ref m = inc_at(c, i)->messages, next; m != 0; m = next) {
		next = msg_at(c, m)->next;
		if (msg_at(c, m)->user == user && message_is_moved(c, m))
			(void)message_event(c, m, MSG_MOVED, c->now);
	}
	for (ref t = inc_at(c, i)->timers, next; t != 0; t = next) {
		next = tmr_at(c, t)->next;
		if (tmr_at(c, t)->type == TIMER_NOTIFY && tmr_at(c, t)->user == user)
			timer_clear(c, t); /* his rules begin anew */
	}
	if (user)
		escalation_page(c, i, text_str(user));
	else
		page_fallback(c, i);
	step_over_unreached(c, i);
	escalation_care(c, i);
}

void escalation_care(struct core *c, ref i)
{
	const struct inc *inc = inc_at(c, i);
	if (c->err != OK || inc->status != INCIDENT_TRIGGERED || inc->told || is_paging(c, i) ||
	    incident_timer(c, i, TIMER_ESCALATE) != 0)
		return;
	fallback(c, i);
}
