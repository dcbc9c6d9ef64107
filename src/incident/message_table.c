/* SPDX-License-Identifier: Apache-2.0
 *
 * A page's life. It is intended, handed over, and settled by a receipt; an attempt that fails or
 * that nobody hears of is followed by another one until the attempts are used up. The waits grow,
 * and each attempt takes the next provider of the contact's kind, so that one broken provider costs
 * seconds.
 *
 * When a few attempts have failed, the person's other contacts are paged as well, and the attempts
 * go on.
 *
 * Where a page goes is looked up when it is intended. When that changes before it has left it is
 * superseded, and its person is paged anew where he can be reached now: at the change of the
 * directory, after a failed attempt, and at the latest when it is handed over.
 *
 * A page that may have gone out is sent again as a possible duplicate: better twice than never.
 * Late good news counts whatever the state; late bad news about an older attempt does not.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"

#include <assert.h>
#include <stdlib.h>

#define RECEIPT_WAIT SPAN_S(60)
#define ATTEMPT_MAX 12   /* about 35 minutes */
#define MESSAGES_KEPT 32 /* of an incident: the newest, beside those on their way */
/* After so many failures the person's other contacts are paged beside the further attempts. */
#define ATTEMPT_OTHERS 3
#define ATTEMPT_MAX_LESS 6 /* test pages and good news */
/* At a change of the directory, so that its step stays short: others wait for their handover. */
#define MOVED_MAX 1024

static const struct span retry_wait[] = { SPAN_S(5), SPAN_S(15), SPAN_S(30), SPAN_S(60),
	SPAN_S(120), SPAN_S(300) };

typedef void message_act(struct core *c, ref m, struct wall next);
static message_act act_none, act_handover, act_good, act_delivered, act_again, act_doubt,
    act_give_up, act_bounced, act_stop, act_supersede, act_due, act_moved;

struct cell {
	enum message_state next;
	message_act *act; /* NULL: nothing happens, somebody is told "already" */
};

/* clang-format off */
#define STAY { 0, NULL }
/* clang-format on */

static const struct cell table[MESSAGE_STATE_COUNT][MSG_EVENT_COUNT] = {
	[MESSAGE_INTENDED] = {
		[MSG_HANDOVER] = { MESSAGE_SENDING, act_handover },
		[MSG_ACCEPTED] = { MESSAGE_ACCEPTED, act_good },
		[MSG_DELIVERED] = { MESSAGE_DELIVERED, act_good },
		[MSG_AGAIN] = STAY,
		[MSG_DOUBT] = STAY,
		[MSG_GIVE_UP] = STAY,
		[MSG_STOP] = STAY,
		[MSG_SUPERSEDE] = { MESSAGE_SUPERSEDED, act_supersede },
		[MSG_DUE] = { MESSAGE_INTENDED, act_due },
		[MSG_MOVED] = { MESSAGE_SUPERSEDED, act_moved },
	},
	[MESSAGE_SENDING] = {
		[MSG_HANDOVER] = STAY,
		[MSG_ACCEPTED] = { MESSAGE_ACCEPTED, act_good },
		[MSG_DELIVERED] = { MESSAGE_DELIVERED, act_good },
		[MSG_AGAIN] = { MESSAGE_INTENDED, act_again },
		[MSG_DOUBT] = { MESSAGE_INTENDED, act_doubt },
		[MSG_GIVE_UP] = { MESSAGE_FAILED, act_give_up },
		[MSG_STOP] = { MESSAGE_SUPERSEDED, act_stop },
		[MSG_SUPERSEDE] = { MESSAGE_SENDING, act_none }, /* in flight: shown as such, cancelled if it can be */
		[MSG_DUE] = STAY,
		[MSG_MOVED] = STAY,
	},
	[MESSAGE_ACCEPTED] = {
		[MSG_HANDOVER] = STAY,
		[MSG_ACCEPTED] = STAY,
		[MSG_DELIVERED] = { MESSAGE_DELIVERED, act_delivered },
		[MSG_AGAIN] = STAY,
		[MSG_DOUBT] = STAY,
		[MSG_GIVE_UP] = { MESSAGE_FAILED, act_bounced },
		[MSG_STOP] = STAY,
		[MSG_SUPERSEDE] = STAY,
		[MSG_DUE] = STAY,
		[MSG_MOVED] = STAY,
	},
	[MESSAGE_DELIVERED] = {
		[MSG_HANDOVER] = STAY,
		[MSG_ACCEPTED] = STAY,
		[MSG_DELIVERED] = STAY,
		[MSG_AGAIN] = STAY,
		[MSG_DOUBT] = STAY,
		[MSG_GIVE_UP] = STAY,
		[MSG_STOP] = STAY,
		[MSG_SUPERSEDE] = STAY,
		[MSG_DUE] = STAY,
		[MSG_MOVED] = STAY,
	},
	[MESSAGE_FAILED] = {
		[MSG_HANDOVER] = STAY,
		[MSG_ACCEPTED] = { MESSAGE_ACCEPTED, act_good }, /* late, but it got there */
		[MSG_DELIVERED] = { MESSAGE_DELIVERED, act_good },
		[MSG_AGAIN] = STAY,
		[MSG_DOUBT] = STAY,
		[MSG_GIVE_UP] = STAY,
		[MSG_STOP] = STAY,
		[MSG_SUPERSEDE] = STAY,
		[MSG_DUE] = STAY,
		[MSG_MOVED] = STAY,
	},
	/* It never left, and will not. */
	[MESSAGE_SUPERSEDED] = { STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY, STAY },
};

enum outcome message_event(struct core *c, ref m, enum msg_event event, struct wall next)
{
	const struct msg *old = msg_at(c, m);
	assert(m != 0 && old->state < MESSAGE_STATE_COUNT && event < MSG_EVENT_COUNT);
	const struct cell *cell = &table[old->state][event];
	if (!cell->act)
		return OUTCOME_ALREADY;
	if (cell->next != old->state) {
		struct msg *edit = msg_row(c, m);
		c->v.unsettled -= message_is_unsettled(old);
		c->v.unsettled += cell->next == MESSAGE_INTENDED || cell->next == MESSAGE_SENDING;
		edit->state = (uint8_t)cell->next;
		edit->changed = c->now;
	}
	cell->act(c, m, next);
	return OUTCOME_DONE;
}

/* -- small facts ------------------------------------------------------------------------------ */

bool message_is_wanted(const struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	if (m->purpose != PURPOSE_INCIDENT)
		return true;
	return m->inc != 0 && inc_at(c, m->inc)->status == INCIDENT_TRIGGERED;
}

static uint32_t attempt_max(const struct msg *m)
{
	return m->purpose == PURPOSE_INCIDENT ? ATTEMPT_MAX : ATTEMPT_MAX_LESS;
}

/* The contacts of the message's user, or the fallback's; NULL when he is gone. */
static const struct contact *contacts_of(
    const struct core *c, const struct msg *m, uint32_t *ret_count)
{
	int32_t user = m->user ? directory_user(c->dir, text_str(m->user)) : -1;
	*ret_count = m->user ? 0 : c->dir->fallback_count;
	if (user >= 0)
		*ret_count = c->dir->users[user].contact_count;
	return user >= 0 ? c->dir->users[user].contacts : m->user ? NULL : c->dir->fallback;
}

static const struct contact *contact_of(const struct core *c, const struct msg *m)
{
	struct str name = text_str(m->contact);
	uint32_t count;
	const struct contact *list = contacts_of(c, m, &count);
	for (uint32_t i = 0; i < count; i++) {
		if (str_eq(list[i].name, name))
			return &list[i];
	}
	return NULL;
}

/* Why it must not be sent where it was to go, or NULL. */
static const char *moved_why(const struct core *c, const struct msg *m)
{
	const struct contact *contact = contact_of(c, m);
	if (m->user && directory_user(c->dir, text_str(m->user)) < 0)
		return "not sent, there is no such user any more";
	if (!contact)
		return "not sent, there is no such contact any more";
	if (contact->type != m->type || !str_eq(contact->address, text_str(m->address)))
		return "not sent, the contact has another address now";
	return NULL;
}

bool message_is_moved(const struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	return m->state == MESSAGE_INTENDED && moved_why(c, m) != NULL;
}

/* The n-th provider (from 0, round and round) of the message's kind, the contact's preferred one
 * first; {NULL, 0} when there is none. The console needs none. */
static struct str provider_pick(
    const struct core *c, const struct msg *m, uint32_t n, uint32_t *ret_count)
{
	const struct directory *d = c->dir;
	const struct contact *contact = contact_of(c, m);
	uint32_t count = 0, preferred = UINT32_MAX;
	for (uint32_t i = 0; i < d->provider_count; i++) {
		if (d->providers[i].type != m->type)
			continue;
		count++;
		if (contact && str_eq(d->providers[i].name, contact->provider))
			preferred = i;
	}
	*ret_count = count;
	if (count == 0)
		return m->type == CONTACT_CONSOLE ? STR("console") : (struct str){ NULL, 0 };
	n %= count;
	if (preferred != UINT32_MAX && n-- == 0)
		return d->providers[preferred].name;
	for (uint32_t i = 0; i < d->provider_count; i++) {
		if (d->providers[i].type == m->type && i != preferred && n-- == 0)
			return d->providers[i].name;
	}
	assert(false);
	return (struct str){ NULL, 0 };
}

static void log_notify(struct core *c, const struct msg *m, const char *what)
{
	struct id id = id_from_word(m->word);
	struct str user = m->user ? text_str(m->user) : STR("fallback");
	struct str type = contact_type_name[m->type], contact = text_str(m->contact);
	struct str error = text_str(m->error);
	if (m->inc_word == 0)
		return;
	struct jw w = body_start(c);
	jw_kv_str(&w, STR("message"), id_str(&id));
	jw_kv_str(&w, STR("purpose"), message_purpose_name[m->purpose]);
	jw_kv_str(&w, STR("state"), message_state_name[m->state]);
	jw_kv_str(&w, STR("user"), text_str(m->user));
	jw_kv_str(&w, STR("contact"), contact);
	jw_kv_str(&w, STR("type"), type);
	jw_kv_str(&w, STR("address"), text_str(m->address));
	jw_kv_str(&w, STR("provider"), text_str(m->provider));
	jw_kv_i64(&w, STR("attempt"), m->attempt);
	jw_kv_bool(&w, STR("maybe_duplicate"), m->maybe_duplicate);
	if (error.len)
		jw_kv_str(&w, STR("error"), error);
	log_add(c, m->inc_word,
	    &(struct log_args){ .type = STR("notify"),
	        .agent = text_str(m->provider),
	        .channel = STR("auto"),
	        .summary = effect_printf(c, "%.*s, %.*s (%.*s): %s%s%.*s", STR_ARG(user),
	            STR_ARG(contact), STR_ARG(type), what, error.len ? ": " : "", STR_ARG(error)),
	        .body = body_end(c, &w) });
}

/* -- what is kept ----------------------------------------------------------------------------- */

static void forget(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	assert(!m->is_ready && m->timer == 0);
	if (m->inc)
		inc_unlink_message(c, r);
	msg_index(c, r, false);
	obj_drop(c, POOL_MSG, r);
}

/* By id alone, never by state: states go back and forth (a page bounces, good news comes late), and
 * a core that was loaded must hold the same ones. */
void message_prune(struct core *c, ref i)
{
	uint32_t newer = 0;
	for (ref r = inc_at(c, i)->messages_tail, before; r != 0 && c->err == OK; r = before) {
		before = msg_at(c, r)->prev;
		if (newer >= MESSAGES_KEPT && !message_is_unsettled(msg_at(c, r)))
			forget(c, r);
		else
			newer++;
	}
}

void message_settle(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	if (c->err != OK)
		return;
	assert(!message_is_unsettled(m));
	if (m->inc == 0 || m->purpose != PURPOSE_INCIDENT)
		forget(c, r);
	else
		message_prune(c, m->inc);
}

/* -- acts ------------------------------------------------------------------------------------- */

static void act_none(struct core *c, ref r, struct wall next)
{
	(void)c, (void)r, (void)next;
}

static void act_handover(struct core *c, ref r, struct wall next)
{
	struct msg *m = msg_row(c, r);
	uint32_t count;
	(void)next;
	struct str provider = provider_pick(c, m, m->attempt, &count);
	ready_remove(c, r);
	timer_clear(c, m->timer);
	m->attempt++;
	text_set(c, &m->provider, provider);
	text_set(c, &m->reference, STR(""));
	if (provider.ptr)
		timer_set(c, TIMER_RECEIPT, r, wall_add(c->now, RECEIPT_WAIT));
	else
		(void)message_fail(
		    c, r, RECEIPT_FAILED_RETRY, STR("no provider of this kind is configured"));
}

static void prove(struct core *c, const struct msg *m)
{
	struct str by = m->purpose == PURPOSE_TEST ? STR("test") : STR("receipt");
	proof_add(c, STR("provider"), text_str(m->provider), by, m->word);
	if (m->inc)
		proof_add(c, STR("route"), subject_route(c, m), by, m->word);
}

/* The first good news of a message: somebody was told. */
static void act_good(struct core *c, ref r, struct wall next)
{
	struct msg *m = msg_row(c, r);
	(void)next;
	ready_remove(c, r);
	timer_clear(c, m->timer);
	text_set(c, &m->error, STR(""));
	c->v.counters.pages_accepted++;
	prove(c, m);
	log_notify(c, m, m->state == MESSAGE_DELIVERED ? "delivered" : "accepted by the provider");
	if (m->inc && !inc_at(c, m->inc)->told)
		inc_row(c, m->inc)->told = true;
	if (m->purpose == PURPOSE_INCIDENT && m->inc == 0)
		message_all_clear(c, r); /* who hears of it only now must hear that it is over */
	message_settle(c, r);
}

static void act_delivered(struct core *c, ref r, struct wall next)
{
	const struct msg *m = msg_at(c, r);
	(void)next;
	prove(c, m);
	log_notify(c, m, "delivered");
	message_settle(c, r);
}

static void wait_or_go(struct core *c, ref r, struct wall next)
{
	const struct msg *m = msg_at(c, r);
	timer_clear(c, m->timer);
	if (message_is_moved(c, r)) {
		message_move(c, r);
		return;
	}
	if (m->attempt == ATTEMPT_OTHERS && m->inc && m->purpose == PURPOSE_INCIDENT)
		escalation_others(c, m->inc, r);
	if (next.ns > c->now.ns)
		timer_set(c, TIMER_RETRY, r, next);
	else
		ready_add(c, r);
}

static void act_again(struct core *c, ref r, struct wall next)
{
	proof_broken(c, STR("provider"), text_str(msg_at(c, r)->provider));
	log_notify(c, msg_at(c, r), "attempt failed, another one follows");
	wait_or_go(c, r, next);
}

static void act_doubt(struct core *c, ref r, struct wall next)
{
	msg_row(c, r)->maybe_duplicate = true;
	c->v.counters.pages_doubtful++;
	log_notify(c, msg_at(c, r), "outcome unknown, it is sent again as a possible duplicate");
	wait_or_go(c, r, next);
}

static void act_give_up(struct core *c, ref r, struct wall next)
{
	const struct msg *m = msg_at(c, r);
	(void)next;
	timer_clear(c, m->timer);
	c->v.counters.pages_failed++;
	proof_broken(c, STR("provider"), text_str(m->provider));
	if (m->inc)
		proof_broken(c, STR("route"), subject_route(c, m));
	log_notify(c, m, "given up");
	if (m->inc && m->purpose == PURPOSE_INCIDENT)
		escalation_failed(c, m->inc, r);
	message_settle(c, r);
}

/* The provider had taken it and then it came back: was somebody else told? */
static void act_bounced(struct core *c, ref r, struct wall next)
{
	const struct msg *m = msg_at(c, r);
	if (m->inc && inc_at(c, m->inc)->status == INCIDENT_TRIGGERED) {
		bool told = false;
		for (ref o = inc_at(c, m->inc)->messages; o != 0 && !told; o = msg_at(c, o)->next)
			told = message_is_good(msg_at(c, o));
		if (!told)
			inc_row(c, m->inc)->told = false;
	}
	act_give_up(c, r, next);
}

static void act_stop(struct core *c, ref r, struct wall next)
{
	(void)next;
	timer_clear(c, msg_at(c, r)->timer);
	c->v.counters.pages_superseded++;
	log_notify(c, msg_at(c, r), "stopped, it is no longer wanted");
	message_settle(c, r);
}

static void act_supersede(struct core *c, ref r, struct wall next)
{
	(void)next;
	ready_remove(c, r);
	timer_clear(c, msg_at(c, r)->timer);
	c->v.counters.pages_superseded++;
	message_settle(c, r);
}

static void act_moved(struct core *c, ref r, struct wall next)
{
	const char *why = moved_why(c, msg_at(c, r));
	assert(why);
	log_notify(c, msg_at(c, r), why);
	act_supersede(c, r, next);
}

static void act_due(struct core *c, ref r, struct wall next)
{
	(void)next;
	ready_add(c, r);
}

/* -- what happens to messages -------------------------------------------------------------------
 */

bool message_intend(struct core *c, const struct page *page)
{
	const struct text *user = text_find(c, page->user),
	                  *contact = text_find(c, page->contact->name);
	if (page->inc && (user || !page->user.len)) {
		for (ref o = inc_at(c, page->inc)->messages; o != 0; o = msg_at(c, o)->next) {
			const struct msg *m = msg_at(c, o);
			if (m->user == user && m->contact == contact && message_is_unsettled(m))
				return true;
		}
	}
	if (surprise(c->v.unsettled >= c->limits.messages, "incident/messages-full"))
		return false;
	uint64_t word = word_new(c);
	ref r = obj_new(c, POOL_MSG);
	if (r == 0)
		return true;
	struct msg *m = msg_row(c, r);
	m->word = word;
	m->inc_word = page->inc_word;
	m->purpose = (uint8_t)page->purpose;
	m->urgent = page->urgent;
	m->state = MESSAGE_INTENDED;
	m->type = (uint8_t)page->contact->type;
	m->created = m->changed = c->now;
	text_set(c, &m->user, page->user);
	text_set(c, &m->contact, page->contact->name);
	text_set(c, &m->address, page->contact->address);
	msg_index(c, r, true);
	ready_add(c, r);
	c->v.unsettled++;
	c->v.counters.pages_intended++;
	if (page->inc) {
		inc_link_message(c, page->inc, r);
		message_prune(c, page->inc);
	}
	return true;
}

void message_all_clear(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	struct contact contact = {
		.name = text_str(m->contact), .type = m->type, .address = text_str(m->address)
	};
	(void)message_intend(c, &(struct page){ .inc_word = m->inc_word,
	                            .purpose = PURPOSE_RESOLVED,
	                            .user = text_str(m->user),
	                            .contact = &contact });
}

enum outcome message_fail(struct core *c, ref r, enum receipt_state how, struct str error)
{
	const struct msg *m = msg_at(c, r);
	uint32_t providers;
	(void)provider_pick(c, m, 0, &providers);
	if (m->state == MESSAGE_ACCEPTED && how != RECEIPT_FAILED_FINAL)
		return OUTCOME_ALREADY;
	if (m->state != MESSAGE_SENDING && m->state != MESSAGE_ACCEPTED)
		return OUTCOME_ALREADY;
	struct msg *edit = msg_row(c, r);
	if (error.len)
		text_set(c, &edit->error, error);
	if (m->state == MESSAGE_ACCEPTED)
		return message_event(c, r, MSG_GIVE_UP, c->now);
	if (!message_is_wanted(c, r)) {
		edit->maybe_duplicate = edit->maybe_duplicate || how == RECEIPT_UNKNOWN;
		return message_event(c, r, MSG_STOP, c->now);
	}
	/* An address that one provider refuses for good another may take; then it is over. */
	uint32_t max = how == RECEIPT_FAILED_FINAL ? providers : attempt_max(m);
	if (m->attempt >= max || m->attempt >= attempt_max(m))
		return message_event(c, r, MSG_GIVE_UP, c->now);
	uint32_t n = m->attempt - 1u;
	struct span wait =
	    retry_wait[n < ARRAY_COUNT(retry_wait) ? n : ARRAY_COUNT(retry_wait) - 1];
	if (how == RECEIPT_FAILED_FINAL || how == RECEIPT_CANCELLED)
		wait = SPAN_S(0);
	return message_event(
	    c, r, how == RECEIPT_UNKNOWN ? MSG_DOUBT : MSG_AGAIN, wall_add(c->now, wait));
}

enum outcome message_receipt(struct core *c, const struct record_receipt *t)
{
	ref r = msg_find(c, id_word(&t->message));
	if (r == 0)
		return OUTCOME_NO_SUCH;
	const struct msg *m = msg_at(c, r);
	if (surprise(t->attempt > m->attempt, "incident/receipt-ahead"))
		return OUTCOME_ALREADY;
	if (t->state == RECEIPT_ACCEPTED || t->state == RECEIPT_DELIVERED) {
		enum msg_event event = t->state == RECEIPT_DELIVERED ? MSG_DELIVERED : MSG_ACCEPTED;
		if (!table[m->state][event].act)
			return OUTCOME_ALREADY;
		struct msg *edit = msg_row(c, r);
		if (t->provider.len)
			text_set(c, &edit->provider, t->provider);
		if (t->reference.len)
			text_set(c, &edit->reference, t->reference);
		return message_event(c, r, event, c->now);
	}
	if (t->attempt != m->attempt)
		return OUTCOME_ALREADY;
	return message_fail(c, r, t->state, t->error.len ? t->error : STR("no reason given"));
}

void message_timer(struct core *c, ref r, enum timer_type type)
{
	assert(timer_is_of_message(type));
	if (type == TIMER_RECEIPT)
		(void)message_fail(c, r, RECEIPT_UNKNOWN, STR("no receipt came in time"));
	else
		(void)message_event(c, r, MSG_DUE, c->now);
}

/* -- when the directory changes ------------------------------------------------------------------
 */

/* Good news goes where its person can be reached now. */
static void all_clear_again(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	uint32_t count;
	const struct contact *list = contacts_of(c, m, &count), *contact = contact_of(c, m);
	for (uint32_t i = 0; i < count && !contact; i++)
		contact = contact_is_usable(c, &list[i]) ? &list[i] : NULL;
	if (contact)
		(void)message_intend(c, &(struct page){ .inc_word = m->inc_word,
		                            .purpose = PURPOSE_RESOLVED,
		                            .user = text_str(m->user),
		                            .contact = contact });
}

void message_move(struct core *c, ref r)
{
	const struct msg *m = msg_at(c, r);
	assert(message_is_moved(c, r));
	if (m->inc && m->purpose == PURPOSE_INCIDENT && message_is_wanted(c, r)) {
		escalation_moved(c, m->inc, r);
		return;
	}
	(void)message_event(c, r, MSG_MOVED, c->now);
	if (m->purpose == PURPOSE_RESOLVED)
		all_clear_again(c, r);
}

struct moved {
	uint64_t word;
	ref r;
};

static int moved_order(const void *a, const void *b)
{
	uint64_t x = ((const struct moved *)a)->word, y = ((const struct moved *)b)->word;
	return (x > y) - (x < y);
}

/* Those that are ready and those that wait for their next attempt, in no order; list may be NULL.
 */
static uint32_t moved_find(const struct core *c, struct moved *list)
{
	uint32_t n = 0;
	for (size_t q = 0; q < ARRAY_COUNT(c->v.ready); q++) {
		for (ref r = c->v.ready[q]; r != 0; r = msg_at(c, r)->ready_next) {
			if (!message_is_moved(c, r))
				continue;
			if (list)
				list[n] = (struct moved){ msg_at(c, r)->word, r };
			n++;
		}
	}
	for (ref t = 0; c->v.unsettled > 0 && obj_next(c, POOL_TMR, &t);) {
		const struct tmr *timer = tmr_at(c, t);
		if ((timer->h.flags & HEAD_DEAD) || timer->type != TIMER_RETRY ||
		    !message_is_moved(c, timer->subject))
			continue;
		if (list)
			list[n] = (struct moved){ msg_at(c, timer->subject)->word, timer->subject };
		n++;
	}
	return n;
}

/* By id, because a core that was loaded holds them in another order. */
void messages_move(struct core *c)
{
	uint32_t count = c->err == OK ? moved_find(c, NULL) : 0;
	struct moved *list = count ? effect_room(c, count, sizeof(*list)) : NULL;
	if (!list)
		return;
	uint32_t filled = moved_find(c, list);
	assert(filled == count);
	qsort(list, filled, sizeof(*list), moved_order);
	for (uint32_t i = 0; i < filled && i < MOVED_MAX && c->err == OK; i++) {
		if (message_is_moved(c, list[i].r)) /* not yet with another one of its person */
			message_move(c, list[i].r);
	}
}
