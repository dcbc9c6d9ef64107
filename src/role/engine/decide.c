/* SPDX-License-Identifier: Apache-2.0
 *
 * Deciding. A step changes the core, or the resources and the core; either happens whole or not at
 * all.
 */
#include "role/engine/decide.h"

#include "base/surprise.h"

#include <assert.h>
#include <stdio.h>

#define DIRECTORY_BYTES ((size_t)512 << 20)
#define OPEN_MAX 1000000
#define NS_PER_MINUTE (60 * NS_PER_S)

struct decider {
	const struct mem *mem;
	struct zones *zones;
	struct core *core;
	struct resource_set *set;
	struct arena *arena; /* the directory's */
	const struct directory *dir;
	struct decider_watch watch;
	uint64_t version;             /* of the stored resources, as loaded */
	struct control_row_rate rate; /* of the batch being filled */
};

/* ---- opening ---- */

enum err decider_open(const struct mem *mem, struct zones *zones, uint64_t seed,
    const struct decider_watch *watch, struct decider **ret)
{
	struct core_limits limits = { .incidents = OPEN_MAX,
		.messages = 2 * OPEN_MAX,
		.timers = 4 * OPEN_MAX,
		.seed = seed };
	struct decider *d = mem_new(mem, 1, sizeof(*d));
	if (!d)
		return ERR_NOMEM;
	*d = (struct decider){ .mem = mem, .zones = zones };
	if (watch)
		d->watch = *watch;
	enum err e = core_open(mem, limits, &d->core);
	if (e == OK)
		e = resource_set_open(mem, &d->set);
	if (e != OK) {
		decider_close(&d);
		return e;
	}
	*ret = d;
	return OK;
}

void decider_close(struct decider **decider)
{
	struct decider *d = *decider;
	if (!d)
		return;
	core_close(&d->core);
	resource_set_close(&d->set);
	arena_close(&d->arena);
	mem_free(d->mem, d);
	*decider = NULL;
}

struct core *decider_core(struct decider *d)
{
	return d->core;
}
const struct directory *decider_directory(const struct decider *d)
{
	return d->dir;
}
const struct resource_set *decider_resources(const struct decider *d)
{
	return d->set;
}
bool decider_knows_key(const struct decider *d, struct str routing_key)
{
	return routing_key.len && directory_integration(d->dir, routing_key) != NULL;
}

/* ---- loading ---- */

static enum err on_incident(void *context, const struct incident *row)
{
	return core_load_incident(((struct decider *)context)->core, row);
}
static enum err on_alert(void *context, const struct alert *row)
{
	struct decider *d = context;
	if (d->watch.alert)
		d->watch.alert(d->watch.context, row);
	return core_load_alert(d->core, row);
}
static enum err on_message(void *context, const struct message *row)
{
	struct decider *d = context;
	if (d->watch.message)
		d->watch.message(d->watch.context, row);
	return core_load_message(d->core, row);
}
static enum err on_timer(void *context, const struct timer *row)
{
	return core_load_timer(((struct decider *)context)->core, row);
}
static enum err on_resource(void *context, const struct control_row_resource *row)
{
	return resource_set_put(((struct decider *)context)->set, row);
}
static enum err on_meta(void *context, const struct control_row_meta *row)
{
	struct control_row_resource installation = { .kind = INSTALLATION_KIND,
		.name = INSTALLATION_NAME,
		.body = row->value,
		.manager = MANAGER_FILE };
	if (str_eq(row->key, STR("resources_version")) &&
	    str_u64(row->value, &((struct decider *)context)->version) != OK)
		return ERR_IO;
	if (!str_eq(row->key, STR("installation")))
		return OK;
	return resource_set_put(((struct decider *)context)->set, &installation);
}

/* A directory with everything that the set holds, or, when rows written by another release do not
 * compile any more, the newest that does: the default one. The pager must run. */
static enum err first_directory(struct decider *d)
{
	enum err e = arena_open(d->mem, DIRECTORY_BYTES, &d->arena);
	if (e != OK)
		return e;
	struct conf_faults faults = conf_faults_make(d->arena);
	e = resources_compile(d->set, NULL, d->version, d->zones, d->arena, &d->dir, &faults);
	if (surprise(e == ERR_INPUT, "engine/stored resources do not compile")) {
		own(resource_set_close) struct resource_set *none = NULL;
		e = resource_set_open(d->mem, &none);
		if (e == OK)
			e = resources_compile(
			    none, NULL, d->version, d->zones, d->arena, &d->dir, &faults);
	}
	if (e == OK)
		core_set_directory(d->core, d->dir);
	return e;
}

enum err decider_load(struct decider *d, struct control_store *store, struct control_mark *ret_mark)
{
	struct control_load load = { on_incident, on_alert, on_message, on_timer, on_resource,
		on_meta, d };
	struct control_mark mark;
	enum err e = control_load(store, &load, &mark);
	if (e == OK)
		e = first_directory(d);
	if (e != OK)
		return e;
	core_load_counters(d->core, mark.last_incident_number, mark.decided_at);
	*ret_mark = mark;
	return OK;
}

/* ---- rows beside the core's ---- */

static struct str keep(struct control_batch *b, struct str s)
{
	struct str copy = s.len ? arena_str(b->arena, s) : STR("");
	if (!copy.ptr && b->err == OK)
		b->err = arena_err(b->arena);
	return copy;
}

static void audit(struct control_batch *b, const struct record *rec, struct str actor,
    struct str via, struct str from, struct str action, struct str subject)
{
	struct control_row row = { .type = CONTROL_AUDIT,
		.audit = { .seq = rec->seq, .at = rec->at } };
	row.audit.actor = keep(b, actor);
	row.audit.via = keep(b, via);
	row.audit.remote = keep(b, from);
	row.audit.action = keep(b, action);
	row.audit.subject = keep(b, subject);
	control_batch_add(b, &row);
}

static void meta(struct control_batch *b, struct str key, struct str value)
{
	struct control_row row = { .type = CONTROL_META, .meta = { keep(b, key), keep(b, value) } };
	control_batch_add(b, &row);
}

static void resource_rows(
    struct control_batch *b, const struct record *rec, const struct plan *plan)
{
	const struct record_resources *r = &rec->resources;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_item *p = &plan->list[i];
		struct control_row row = { .type = p->action == PLAN_REMOVE
			                               ? CONTROL_RESOURCE_REMOVE
			                               : CONTROL_RESOURCE_SET };
		if (p->action == PLAN_SAME || p->action == PLAN_CONFLICT)
			continue;
		if (str_eq(p->kind, INSTALLATION_KIND)) {
			meta(b, STR("installation"), p->body);
			continue;
		}
		row.resource = (struct control_row_resource){ .kind = keep(b, p->kind),
			.name = keep(b, p->name),
			.body = keep(b, p->body),
			.changed_by = keep(b, r->actor),
			.manager = r->manager,
			.version = rec->seq,
			.changed_at = rec->at };
		control_batch_add(b, &row);
	}
	meta(b, STR("resources_version"),
	    arena_printf(b->arena, "%llu", (unsigned long long)rec->seq));
}

static struct str plan_subject(struct control_batch *b, const struct plan *plan)
{
	const struct plan_item *first = NULL;
	for (size_t i = 0; !first && i < plan->count; i++)
		if (plan->list[i].action != PLAN_SAME && plan->list[i].action != PLAN_CONFLICT)
			first = &plan->list[i];
	if (!first)
		return STR("nothing");
	if (plan->changes == 1)
		return arena_printf(
		    b->arena, "%.*s %.*s", STR_ARG(first->kind), STR_ARG(first->name));
	return arena_printf(b->arena, "%.*s %.*s and %zu more", STR_ARG(first->kind),
	    STR_ARG(first->name), plan->changes - 1);
}

static void credential_rows(struct control_batch *b, const struct record *rec)
{
	static const struct str action[CREDENTIAL_TYPE_COUNT] = {
		[CREDENTIAL_PASSWORD] = STR_INIT("set password"),
		[CREDENTIAL_SESSION] = STR_INIT("sign in"),
		[CREDENTIAL_SESSION_END] = STR_INIT("sign out"),
		[CREDENTIAL_ONE_TIME] = STR_INIT("make one-time link"),
		[CREDENTIAL_ONE_TIME_USED] = STR_INIT("use one-time link"),
	};
	const struct record_credential *c = &rec->credential;
	struct control_row row = { .type = CONTROL_CREDENTIAL, .credential = { *c, rec->at } };
	row.credential.credential.user = keep(b, c->user);
	row.credential.credential.secret_hash = keep(b, c->secret_hash);
	row.credential.credential.from = keep(b, c->from);
	control_batch_add(b, &row);
	audit(b, rec, c->user, STR(""), c->from, action[c->type], c->user);
}

static void command_audit(struct control_batch *b, const struct record *rec)
{
	static const struct str action[COMMAND_TYPE_COUNT] = {
		[COMMAND_ACKNOWLEDGE] = STR_INIT("acknowledge"),
		[COMMAND_RESOLVE] = STR_INIT("resolve"),
		[COMMAND_UNACKNOWLEDGE] = STR_INIT("unacknowledge"),
		[COMMAND_NOTE] = STR_INIT("annotate"),
		[COMMAND_ESCALATE] = STR_INIT("escalate"),
	};
	const struct record_command *c = &rec->command;
	audit(b, rec, c->actor, c->via, c->from, action[c->type], id_str(&c->incident));
}

/* What the record means beside the core. */
static void rows_beside(struct decider *d, const struct record *rec, struct control_batch *b)
{
	(void)d;
	switch (rec->type) {
	case RECORD_COMMAND: command_audit(b, rec); break;
	case RECORD_CREDENTIAL: credential_rows(b, rec); break;
	case RECORD_TEST_PAGE:
		audit(b, rec, rec->test_page.actor, STR(""), STR(""), STR("test page"),
		    arena_printf(b->arena, "%.*s/%.*s", STR_ARG(rec->test_page.user),
		        STR_ARG(rec->test_page.contact)));
		break;
	case RECORD_BOOT:
		audit(b, rec, STR("engine"), STR(""), STR(""), STR("start"),
		    arena_printf(b->arena, "%.*s after %.*s", STR_ARG(rec->boot.version),
		        STR_ARG(rec->boot.how)));
		break;
	case RECORD_TICK:
	case RECORD_EVENT:
	case RECORD_RECEIPT:
	case RECORD_RULES:
	case RECORD_RESOURCES: /* step_resources */
	case RECORD_CHANGE:
	case RECORD_HANDOVER:
	case RECORD_TYPE_COUNT: break;
	}
}

/* ---- the core's rows ---- */

static void row_of(const struct effect *e, const struct record *rec, struct control_row *row)
{
	*row = (struct control_row){ 0 };
	switch (e->type) {
	case EFFECT_INCIDENT:
		row->type = CONTROL_INCIDENT;
		row->incident = e->incident;
		return;
	case EFFECT_ALERT:
		row->type = CONTROL_ALERT;
		row->alert = e->alert;
		return;
	case EFFECT_MESSAGE:
		row->type = CONTROL_MESSAGE;
		row->message = e->message;
		return;
	case EFFECT_TIMER_SET:
		row->type = CONTROL_TIMER_SET;
		row->timer = e->timer;
		return;
	case EFFECT_TIMER_CLEAR:
		row->type = CONTROL_TIMER_CLEAR;
		row->timer = e->timer;
		return;
	case EFFECT_LOG:
		row->type = CONTROL_LOG;
		row->log = e->log;
		return;
	case EFFECT_PROOF:
		row->type = CONTROL_PROOF;
		row->proof = e->proof;
		return;
	case EFFECT_CHANGE_EVENT:
		row->type = CONTROL_CHANGE;
		row->change = (struct control_row_change){ rec->seq, rec->at, e->change };
		return;
	case EFFECT_TYPE_COUNT: break;
	}
	assert(false);
}

static void rate_flush(struct decider *d, struct control_batch *b)
{
	struct control_row row = { .type = CONTROL_RATE, .rate = d->rate };
	if (d->rate.events || d->rate.pages)
		control_batch_add(b, &row);
	d->rate = (struct control_row_rate){ 0 };
}

static void rate_add(
    struct decider *d, struct control_batch *b, struct wall at, unsigned events, unsigned pages)
{
	if (!events && !pages)
		return;
	if (d->rate.at.ns / NS_PER_MINUTE != at.ns / NS_PER_MINUTE)
		rate_flush(d, b);
	d->rate.at = at;
	d->rate.events += events;
	d->rate.pages += pages;
}

/* A page counts when a provider took it; a later proof of its arrival is not another one. */
static unsigned pages_in(const struct record *rec, enum outcome outcome)
{
	return rec->type == RECORD_RECEIPT && rec->receipt.state == RECEIPT_ACCEPTED &&
	       outcome == OUTCOME_DONE;
}

static enum err step_core(
    struct decider *d, const struct record *rec, struct control_batch *b, enum outcome *ret_outcome)
{
	struct effects fx = effects_make(b->arena);
	struct control_row row;
	enum err e = core_step(d->core, rec, &fx, ret_outcome);
	if (e != OK)
		return e;
	for (size_t i = 0; i < fx.count; i++) {
		row_of(&fx.list[i], rec, &row);
		control_batch_add(b, &row);
		if (row.type == CONTROL_MESSAGE && d->watch.message)
			d->watch.message(d->watch.context, &row.message);
		else if (row.type == CONTROL_ALERT && d->watch.alert)
			d->watch.alert(d->watch.context, &row.alert);
	}
	rate_add(d, b, rec->at, rec->type == RECORD_EVENT, pages_in(rec, *ret_outcome));
	return OK;
}

/* The new directory is in force for this very step; if the step fails, the old one is again. */
static enum err step_resources(
    struct decider *d, const struct record *rec, struct control_batch *b, struct decided *ret)
{
	own(arena_close) struct arena *scratch = NULL;
	struct arena *arena = NULL;
	const struct directory *dir = NULL;
	struct plan plan;
	enum err e = arena_open(d->mem, DIRECTORY_BYTES, &scratch);
	if (e == OK)
		e = resources_plan(d->set, &rec->resources, scratch, &plan);
	if (e == OK)
		e = arena_open(d->mem, DIRECTORY_BYTES, &arena);
	if (e != OK)
		return e;
	struct conf_faults faults = conf_faults_make(arena);
	e = resources_compile(d->set, &plan, rec->seq, d->zones, arena, &dir, &faults);
	bool good = e == OK && plan.changes > 0;
	if (e != OK && e != ERR_INPUT) {
		arena_close(&arena);
		return e;
	}
	if (good)
		core_set_directory(d->core, dir);
	e = step_core(d, rec, b, &ret->outcome);
	if (e != OK || !good) {
		if (good)
			core_set_directory(d->core, d->dir);
		arena_close(&arena);
		ret->outcome = plan.changes ? OUTCOME_DROPPED : OUTCOME_ALREADY;
		return e;
	}
	resource_rows(b, rec, &plan);
	audit(b, rec, rec->resources.actor, rec->resources.via, rec->resources.from,
	    STR("change resources"), plan_subject(b, &plan));
	e = resources_apply(
	    d->set, &plan, rec->seq, rec->at, rec->resources.manager, rec->resources.actor);
	arena_close(&d->arena);
	d->arena = arena;
	d->dir = dir;
	ret->resources_changed = true;
	/* Half a set of resources must not decide anything: the process ends and loads them again.
	 */
	assert(e == OK);
	return OK;
}

enum err decider_step(
    struct decider *d, const struct record *rec, struct control_batch *b, struct decided *ret)
{
	struct decided out = { .outcome = OUTCOME_DONE };
	bool was_empty = b->count == 0;
	assert(d->dir && rec->seq > b->decided_seq);
	enum err e = rec->type == RECORD_RESOURCES ? step_resources(d, rec, b, &out)
	                                           : step_core(d, rec, b, &out.outcome);
	if (e != OK && (b->count > 0 || !was_empty))
		return e;
	if (surprise(e != OK, "engine/record cannot be decided")) {
		arena_reset(b->arena); /* nothing of the batch is in it */
		out.skipped = true;
		out.outcome = OUTCOME_DROPPED;
	} else {
		rows_beside(d, rec, b);
	}
	b->decided_seq = rec->seq;
	b->decided_at = rec->at;
	b->decisions++;
	*ret = out;
	return OK;
}

void decider_finish(struct decider *d, struct control_batch *b)
{
	rate_flush(d, b);
}
