/* SPDX-License-Identifier: Apache-2.0
 *
 * The pager core's door: opens it, decides records one step at a time, and lets one look at its
 * state. What a record means for alerts, incidents and messages is in their tables.
 */
#include "incident/core_priv.h"
#include "base/surprise.h"

#include <assert.h>

#define TITLE_MAX 1024      /* bytes */
#define DEDUP_MAX 255       /* characters */
#define BODY_MAX (8u << 20) /* more than a record can hold, escaped: it never refuses one */
#define SHIFT_MAX 65536u    /* timers whose rows still fit into one step's effects */

enum err core_open(const struct mem *mem, struct core_limits limits, struct core **ret_core)
{
	assert(limits.incidents > 0 && limits.messages > 0 && limits.timers > 0);
	struct core *c = mem_new(mem, 1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->mem = mem;
	c->limits = limits;
	c->body = buf_make(mem, BODY_MAX);
	c->look = mem_new(mem, 1, sizeof(*c->look));
	enum err e = c->look ? state_open(c) : ERR_NOMEM;
	if (e != OK) {
		core_close(&c);
		return e;
	}
	*ret_core = c;
	return OK;
}

void core_close(struct core **core)
{
	struct core *c = *core;
	if (!c)
		return;
	state_close(c);
	buf_free(&c->body);
	mem_free(c->mem, c->look);
	mem_free(c->mem, c);
	*core = NULL;
}

void core_set_directory(struct core *c, const struct directory *dir)
{
	assert(dir);
	c->dir = dir;
}

/* -- what a record means ------------------------------------------------------------------------
 */

static enum outcome decide_signal(struct core *c, enum event_action action, const struct signal *s,
    const struct service *service, ref *ret_inc)
{
	*ret_inc = 0;
	if (service && service->disabled && action == EVENT_TRIGGER &&
	    alr_find(c, s->source_key, s->dedup_key) == 0) {
		c->v.counters.dropped++;
		return OUTCOME_DROPPED;
	}
	return alert_event(c, action, s, ret_inc);
}

static const struct service *service_named(const struct core *c, struct str name)
{
	int32_t n = name.len ? directory_service(c->dir, name) : -1;
	return n < 0 ? NULL : &c->dir->services[n];
}

static enum outcome decide_event(struct core *c, const struct record_event *e)
{
	const struct integration *in =
	    e->routing_key.len ? directory_integration(c->dir, e->routing_key) : NULL;
	const struct service *service =
	    in ? &c->dir->services[in->service] : service_named(c, e->service);
	bool internal = str_eq(e->via, STR("internal"));
	struct signal s = {
		.source_key = e->routing_key.len ? e->routing_key : e->via,
		.dedup_key = e->dedup_key,
		.service = service ? service->name : STR(""),
		.agent = in              ? in->name
		         : e->source.len ? e->source
		                         : e->via,
		.channel = internal ? STR("internal") : STR("events"),
		.summary = str_utf8_first(e->summary.len ? e->summary : e->dedup_key, TITLE_MAX),
		.details = e->details,
		.severity = e->severity,
	};
	ref inc;
	/* A source may name any service or key; what is not known must still reach somebody. */
	if (!service && !internal && e->action == EVENT_TRIGGER)
		c->v.counters.no_service++;
	return decide_signal(c, e->action, &s, service, &inc);
}

static struct str rule_dedup(struct core *c, const struct record_rule_state *r)
{
	struct str key = effect_printf(c, "rule:%.*s%.*s", STR_ARG(r->rule), STR_ARG(r->labels));
	if (str_utf8_count(key) <= DEDUP_MAX && key.len == 5 + r->rule.len + r->labels.len)
		return key;
	struct hash128 h = hash128(r->labels, hash64(r->rule, 0));
	return effect_printf(c, "rule:%.*s#%016llx%016llx", STR_ARG(str_utf8_first(r->rule, 200)),
	    (unsigned long long)h.hi, (unsigned long long)h.lo);
}

static struct str rule_details(
    struct core *c, const struct record_rule_state *r, const struct alert_rule *rule)
{
	struct jw w = body_start(c);
	jw_kv_str(&w, STR("rule"), r->rule);
	jw_key(&w, STR("labels"));
	jw_raw(&w, r->labels.len ? r->labels : STR("{}"));
	jw_kv_f64(&w, STR("value"), r->value);
	jw_kv_str(&w, STR("reason"), r->reason);
	if (rule) /* the page links to its graph */
		jw_kv_str(&w, STR("query"), rule->query);
	jw_key(&w, STR("annotations"));
	jw_raw(&w, r->annotations.len ? r->annotations : STR("{}"));
	return body_end(c, &w);
}

static void decide_rule_state(struct core *c, struct str group, const struct record_rule_state *r)
{
	int32_t n = directory_rule_of(c->dir, r->rule, group, r->labels);
	const struct alert_rule *rule = n < 0 ? NULL : &c->dir->rules[n];
	const struct service *service =
	    rule && rule->service >= 0 ? &c->dir->services[rule->service] : NULL;
	struct str summary = r->summary.len              ? r->summary
	                     : rule && rule->summary.len ? rule->summary
	                                                 : r->rule;
	struct signal s = {
		.source_key = effect_printf(c, "rule:%.*s", STR_ARG(r->rule)),
		.dedup_key = rule_dedup(c, r),
		.service = service ? service->name : STR(""),
		.agent = r->rule,
		.channel = STR("rule"),
		.summary = str_utf8_first(summary, TITLE_MAX),
		.details = rule_details(c, r, rule),
		.severity = rule ? rule->severity : SEVERITY_ERROR,
	};
	ref inc;
	if (c->err != OK)
		return;
	(void)decide_signal(c, r->firing ? EVENT_TRIGGER : EVENT_RESOLVE, &s, service, &inc);
	if (r->firing && inc)
		proof_add(c, STR("rule"), r->rule, STR("fired"), inc_at(c, inc)->word);
}

/* Who acts through a page's link has that page: it arrived, and so does what is sent to this
 * contact. */
static struct str link_proves(struct core *c, const struct record_command *cmd)
{
	ref m = msg_find(c, id_word(&cmd->message));
	if (m == 0 ||
	    surprise(msg_at(c, m)->inc_word != id_word(&cmd->incident), "incident/link-of-another"))
		return cmd->actor;
	struct str user = msg_at(c, m)->user ? text_str(msg_at(c, m)->user) : STR("fallback");
	proof_add(c, STR("person"), subject_person(c, msg_at(c, m)), STR("acknowledgement"),
	    msg_at(c, m)->word);
	(void)message_event(c, m, MSG_DELIVERED, c->now);
	return cmd->actor.len ? cmd->actor : user;
}

static enum outcome decide_command(struct core *c, const struct record_command *cmd)
{
	static const enum inc_event events[COMMAND_TYPE_COUNT] = {
		[COMMAND_ACKNOWLEDGE] = INC_ACKNOWLEDGE,
		[COMMAND_RESOLVE] = INC_RESOLVE,
		[COMMAND_UNACKNOWLEDGE] = INC_UNACKNOWLEDGE,
		[COMMAND_NOTE] = INC_NOTE,
		[COMMAND_ESCALATE] = INC_ESCALATE,
	};
	struct cause cause = { .agent = cmd->actor, .channel = cmd->via, .text = cmd->text };
	assert(cmd->type < COMMAND_TYPE_COUNT);
	if (cmd->message.text[0])
		cause.agent = link_proves(c, cmd);
	ref i = inc_find(c, id_word(&cmd->incident));
	if (i == 0 || c->err != OK)
		return OUTCOME_NO_SUCH;
	return incident_event(c, i, events[cmd->type], &cause);
}

static enum outcome decide_test_page(struct core *c, const struct record_test_page *t)
{
	const struct contact *list = c->dir->fallback;
	uint32_t count = c->dir->fallback_count;
	bool any = false;
	if (t->user.len) {
		int32_t user = directory_user(c->dir, t->user);
		count = user < 0 ? 0 : c->dir->users[user].contact_count;
		list = user < 0 ? NULL : c->dir->users[user].contacts;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (t->contact.len && !str_eq(t->contact, list[i].name))
			continue;
		any = true;
		(void)message_intend(c, &(struct page){ .purpose = PURPOSE_TEST,
		                            .urgent = true,
		                            .user = t->user,
		                            .contact = &list[i] });
	}
	return any ? OUTCOME_DONE : OUTCOME_NO_SUCH;
}

static enum outcome decide_change(struct core *c, const struct record_change *change)
{
	struct effect *e = effect_add(c, EFFECT_CHANGE_EVENT);
	struct record_change copy = {
		.routing_key = effect_str(c, change->routing_key),
		.summary = effect_str(c, change->summary),
		.source = effect_str(c, change->source),
		.details = effect_str(c, change->details),
		.timestamp = change->timestamp,
	};
	if (e)
		e->change = copy;
	return OUTCOME_DONE;
}

static void decide_handover(struct core *c, const struct record_handover *h)
{
	for (uint32_t i = 0; i < h->message_count && c->err == OK; i++) {
		ref m = msg_find(c, id_word(&h->messages[i]));
		if (m != 0 && message_is_moved(c, m))
			message_move(c, m);
		else if (m != 0) /* else it was superseded meanwhile */
			(void)message_event(c, m, MSG_HANDOVER, c->now);
	}
}

static enum outcome decide(struct core *c, const struct record *rec)
{
	switch (rec->type) {
	case RECORD_EVENT: return decide_event(c, &rec->event);
	case RECORD_COMMAND: return decide_command(c, &rec->command);
	case RECORD_RECEIPT: return message_receipt(c, &rec->receipt);
	case RECORD_RULES:
		for (uint32_t i = 0; i < rec->rules.state_count && c->err == OK; i++)
			decide_rule_state(c, rec->rules.group, &rec->rules.states[i]);
		return OUTCOME_DONE;
	case RECORD_CHANGE: return decide_change(c, &rec->change);
	case RECORD_TEST_PAGE: return decide_test_page(c, &rec->test_page);
	case RECORD_HANDOVER: decide_handover(c, &rec->handover); return OUTCOME_DONE;
	case RECORD_RESOURCES: messages_move(c); return OUTCOME_DONE;
	case RECORD_TICK:
	case RECORD_BOOT: /* what was being sent stays so until the notifier says what it holds */
	case RECORD_CREDENTIAL:
	case RECORD_TYPE_COUNT: break;
	}
	return OUTCOME_DONE;
}

/* -- a step -------------------------------------------------------------------------------------
 */

static void fire(struct core *c, const struct tmr *t)
{
	struct cause cause = { .agent = STR("timeout"),
		.channel = STR("timeout"),
		.user = text_str(t->user),
		.contact = text_str(t->contact) };
	ref subject = t->subject;
	enum timer_type type = t->type;
	timer_clear(c, t->self); /* its texts live to the step's end */
	if (c->err != OK)
		return;
	switch (type) {
	case TIMER_RETRY:
	case TIMER_RECEIPT: message_timer(c, subject, type); return;
	case TIMER_ESCALATE: (void)incident_event(c, subject, INC_STEP_OVER, &cause); return;
	case TIMER_NOTIFY: (void)incident_event(c, subject, INC_NOTIFY_DUE, &cause); return;
	case TIMER_ACK_TIMEOUT: (void)incident_event(c, subject, INC_ACK_TIMEOUT, &cause); return;
	case TIMER_AUTO_RESOLVE:
		cause.agent = cause.channel = STR("auto");
		(void)incident_event(c, subject, INC_AUTO_RESOLVE, &cause);
		return;
	case TIMER_TYPE_COUNT: break;
	}
	assert(false);
}

static void fire_due(struct core *c)
{
	for (uint32_t n = 0; n < CORE_TIMERS_PER_STEP && c->err == OK; n++) {
		const struct heap_node *node = heap_min(&c->heap);
		if (!node || node->key > c->now.ns)
			return;
		fire(c, (const struct tmr *)((const char *)node - offsetof(struct tmr, node)));
	}
}

/* The clock was set forward: timers are durations and go with it. */
static void shift(struct core *c, struct span by)
{
	if (by.ns <= 0)
		return;
	/* So many that they would not fit: they fire early, which is better than a record that
	 * never passes. */
	if (surprise(c->heap.count > SHIFT_MAX, "incident/timers-not-moved"))
		return;
	timers_shift(c, by.ns);
	for (ref r = 0; obj_next(c, POOL_TMR, &r) && c->err == OK;)
		tmr_row(c, r);
}

enum err core_step(
    struct core *c, const struct record *rec, struct effects *fx, enum outcome *ret_outcome)
{
	assert(c->dir && rec->seq > 0 && rec->type < RECORD_TYPE_COUNT);
	if (fx->err != OK)
		return fx->err;
	step_begin(c);
	c->seq = rec->seq;
	c->fx = fx;
	c->fx_start = fx->count;
	c->now = rec->at;
	if (surprise(rec->at.ns < c->v.last_at.ns, "incident/clock-behind")) {
		c->now = c->v.last_at;
		c->v.counters.clock_stepped_back++;
	}
	c->v.last_at = c->now;
	if (!c->is_linked)
		load_link(c);
	if (rec->type == RECORD_TICK)
		shift(c, rec->tick.stepped);
	fire_due(c);
	enum outcome outcome = c->err == OK ? decide(c, rec) : OUTCOME_DONE;
	rows_fill(c);
	if (c->err != OK) {
		fx->count = c->fx_start;
		fx->err = c->err;
	}
	enum err e = step_end(c);
	if (e != OK)
		return e;
	c->is_linked = true;
	*ret_outcome = outcome;
	return OK;
}

/* -- looking ------------------------------------------------------------------------------------
 */

struct wall core_next_due(const struct core *c)
{
	const struct heap_node *node = heap_min(&c->heap);
	return (struct wall){ node ? node->key : INT64_MAX };
}

size_t core_outbox(
    const struct core *c, struct wall now, const struct message **ret_rows, size_t max)
{
	size_t n = 0;
	(void)now; /* what waits for its next attempt has a timer */
	if (max > CORE_OUTBOX_MAX)
		max = CORE_OUTBOX_MAX;
	for (size_t q = 0; q < ARRAY_COUNT(c->v.ready); q++) {
		for (ref r = c->v.ready[q]; r != 0 && n < max; r = msg_at(c, r)->ready_next) {
			c->look->outbox[n] = row_message(c, r);
			ret_rows[n] = &c->look->outbox[n];
			n++;
		}
	}
	return n;
}

bool core_message_wanted(const struct core *c, const struct id *message)
{
	ref r = msg_find(c, id_word(message));
	return r != 0 && message_is_unsettled(msg_at(c, r)) && message_is_wanted(c, r);
}

size_t core_incident_count(const struct core *c)
{
	return c->pools[POOL_INC].count;
}

static uint32_t look_slot(const struct core *c)
{
	return c->look->next++ % SCRATCH_ROWS;
}

const struct incident *core_incident(const struct core *c, const struct id *id)
{
	ref r = inc_find(c, id_word(id));
	if (r == 0)
		return NULL;
	struct incident *row = &c->look->incidents[look_slot(c)];
	*row = row_incident(c, r);
	return row;
}

/* The live object after *at in a pool, or 0. */
static ref next_of(const struct core *c, enum pool_id pool, size_t *at)
{
	ref r = (ref)*at;
	if (!obj_next(c, pool, &r))
		return 0;
	*at = r;
	return r;
}

bool core_next_incident(const struct core *c, size_t *at, const struct incident **ret)
{
	ref r = next_of(c, POOL_INC, at);
	if (r == 0)
		return false;
	struct incident *row = &c->look->incidents[look_slot(c)];
	*row = row_incident(c, r);
	*ret = row;
	return true;
}

bool core_next_timer(const struct core *c, size_t *at, const struct timer **ret)
{
	ref r = next_of(c, POOL_TMR, at);
	if (r == 0)
		return false;
	struct timer *row = &c->look->timers[look_slot(c)];
	*row = row_timer(c, r);
	*ret = row;
	return true;
}

bool core_next_message(const struct core *c, size_t *at, const struct message **ret)
{
	ref r = next_of(c, POOL_MSG, at);
	if (r == 0)
		return false;
	struct message *row = &c->look->messages[look_slot(c)];
	*row = row_message(c, r);
	*ret = row;
	return true;
}

const struct core_counters *core_counters(const struct core *c)
{
	return &c->v.counters;
}
