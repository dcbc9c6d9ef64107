/* SPDX-License-Identifier: Apache-2.0
 *
 * The auditor's loop: look every second, read the store every LOOK_EVERY, and care for the alarms.
 * An alarm is a check that did not hold twice in a row; its pages go to every fallback contact,
 * each attempt with the next provider of the contact's kind, until one is accepted; while it lasts
 * it is paged again every hour.
 */
#include "role/auditor/auditor.h"

#include "role/auditor/checks.h"
#include "wire/page.h"
#include "wire/record.h"

#include <assert.h>
#include <stdio.h>

#define LOOK_EVERY 5u /* seconds between looks at the store, longer when they cost */
#define CONTACTS_MAX 16u
#define PROVIDERS_MAX 32u
#define ATTEMPT_WAIT SPAN_S(30)
#define ATTEMPTS_MAX 20u
#define AGAIN SPAN_S(3600)
#define SLICE_BYTES ((size_t)4 << 20)

struct line {
	struct id id; /* of the page; empty: none under way */
	uint32_t attempt;
	struct mono next; /* attempt, or ns 0: settled */
	bool doubtful;
};

struct alarm {
	uint32_t bad;      /* looks in a row that did not hold */
	bool raised, told; /* told: the engine took it as an event */
	struct mono raised_at;
	struct wall raised_wall;
	char text[300];
	struct line lines[CONTACTS_MAX];
};

struct auditor {
	struct child *child;
	struct loop *loop;
	const struct mem *mem;
	const struct os *os;
	struct arena *config, *arena;
	struct str data_dir, base_url;
	struct contact contacts[CONTACTS_MAX];
	uint32_t contact_count;
	struct provider providers[PROVIDERS_MAX];
	uint32_t provider_count;
	struct control_reader *reader;
	struct sight sight;
	struct alarm alarms[CHECK_COUNT];
	struct chan *engine, *notifier, *telemetry;
	struct loop_timer second;
	struct buf body;
	uint32_t seconds, next_look;
	uint64_t pages, submits, next_id;
};

/* ---- configuration ---- */

static bool type_of(struct str word, enum contact_type *ret)
{
	for (unsigned i = 0; i < CONTACT_TYPE_COUNT; i++) {
		if (str_eq(word, contact_type_name[i])) {
			*ret = (enum contact_type)i;
			return true;
		}
	}
	return false;
}

static enum err read_contacts(struct auditor *x, const struct json *list)
{
	x->contact_count = 0;
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct contact *c = &x->contacts[x->contact_count];
		if (x->contact_count == CONTACTS_MAX)
			return OK; /* these are enough to be heard */
		if (!type_of(json_get_str(j, STR("type")), &c->type))
			return ERR_INPUT;
		c->name = arena_str(x->config, json_get_str(j, STR("name")));
		c->address = arena_str(x->config, json_get_str(j, STR("address")));
		c->provider = STR("");
		x->contact_count++;
	}
	return arena_err(x->config);
}

static enum err read_providers(struct auditor *x, const struct json *list)
{
	x->provider_count = 0;
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct provider *p = &x->providers[x->provider_count];
		if (x->provider_count == PROVIDERS_MAX)
			return OK;
		if (!type_of(json_get_str(j, STR("type")), &p->type))
			return ERR_INPUT;
		p->name = arena_str(x->config, json_get_str(j, STR("name")));
		x->provider_count++;
	}
	return arena_err(x->config);
}

static enum err auditor_config(void *self, const struct json *config)
{
	struct auditor *x = self;
	arena_reset(x->config);
	x->data_dir = arena_str(x->config, json_get_str(config, STR("data_dir")));
	x->base_url = arena_str(x->config, json_get_str(config, STR("base_url")));
	enum err e = read_contacts(x, json_get(config, STR("fallback")));
	return e != OK ? e : read_providers(x, json_get(config, STR("providers")));
}

/* ---- pages of its own ---- */

/* The n-th provider of the contact's type, in turn; NULL when there is none. */
static const struct provider *provider_for(
    const struct auditor *x, enum contact_type type, uint32_t n)
{
	uint32_t count = 0, i;
	for (i = 0; i < x->provider_count; i++)
		count += x->providers[i].type == type;
	if (count == 0)
		return NULL;
	n %= count;
	for (i = 0; x->providers[i].type != type || n-- > 0; i++)
		assert(i + 1 < x->provider_count);
	return &x->providers[i];
}

/* Ids of the auditor have the highest bit set: the engine's, made from sequence numbers, never
 * have. */
static struct id new_id(struct auditor *x)
{
	uint64_t word = 0;
	if (x->os->random(x->os, &word, sizeof(word)) < 0)
		word = (uint64_t)x->os->mono(x->os).ns + x->next_id++;
	return id_from_word(word | UINT64_C(1) << 63);
}

static bool page_send(
    struct auditor *x, const struct alarm *alarm, uint32_t contact, struct line *line)
{
	const struct contact *c = &x->contacts[contact];
	const struct provider *provider = provider_for(x, c->type, line->attempt - 1);
	if (!x->notifier || !provider)
		return false;
	struct page p = {
		.message = id_str(&line->id),
		.attempt = line->attempt,
		.maybe_duplicate = line->doubtful,
		.purpose = PURPOSE_INCIDENT,
		.contact_type = c->type,
		.provider = provider->name,
		.address = c->address,
		.user = STR(""),
		.user_full_name = STR(""),
		.incident = STR(""),
		.title = str_c(alarm->text),
		.service = STR("Quis"),
		.status = STR("triggered"),
		.urgency = URGENCY_HIGH,
		.severity = SEVERITY_CRITICAL,
		.created_at = alarm->raised_wall,
		.source = STR("auditor"),
		.client = STR(""),
		.details = STR(""),
		.base_url = x->base_url,
		.at = x->sight.wall,
	};
	buf_clear(&x->body);
	page_encode(&x->body, &p);
	bool sent =
	    x->body.err == OK && chan_send(x->notifier, MSG_SEND, 0, buf_str(&x->body)) == OK;
	x->pages += sent;
	return sent;
}

static void line_turn(
    struct auditor *x, const struct alarm *alarm, uint32_t contact, struct line *line)
{
	struct mono now = x->sight.now;
	if (line->next.ns == 0 || now.ns < line->next.ns || line->attempt >= ATTEMPTS_MAX)
		return;
	line->attempt++;
	if (page_send(x, alarm, contact, line))
		line->doubtful = true; /* until its receipt says otherwise */
	else
		line->attempt--;
	line->next = mono_add(now, line->doubtful ? ATTEMPT_WAIT : SPAN_S(1));
}

static void lines_start(struct auditor *x, struct alarm *alarm)
{
	for (uint32_t i = 0; i < x->contact_count; i++)
		alarm->lines[i] = (struct line){ .id = new_id(x), .next = x->sight.now };
}

static void on_receipt(struct auditor *x, struct str body)
{
	struct record rec;
	arena_reset(x->arena);
	if (record_decode(x->arena, body, &rec) != OK || rec.type != RECORD_RECEIPT)
		return;
	const struct record_receipt *r = &rec.receipt;
	for (int i = 0; i < CHECK_COUNT; i++) {
		for (uint32_t k = 0; k < x->contact_count; k++) {
			struct line *line = &x->alarms[i].lines[k];
			if (!str_eq(id_str(&line->id), id_str(&r->message)) ||
			    line->attempt != r->attempt)
				continue;
			if (r->state == RECEIPT_ACCEPTED || r->state == RECEIPT_DELIVERED)
				line->next.ns = 0;
			line->doubtful = r->state == RECEIPT_UNKNOWN;
			if (r->state == RECEIPT_FAILED_FINAL || r->state == RECEIPT_FAILED_RETRY)
				child_log(x->child, "error",
				    "event=own-page-failed provider=%.*s error=\"%.*s\"",
				    STR_ARG(r->provider), STR_ARG(str_first(r->error, 200)));
		}
	}
}

/* ---- alarms ---- */

/* The engine makes an incident of it, if it can: people see it beside the others. */
static void tell_engine(struct auditor *x, enum check check, struct alarm *alarm)
{
	char key[64];
	if (!x->engine || alarm->told == alarm->raised)
		return;
	snprintf(key, sizeof(key), "audit:%.*s", STR_ARG(check_name[check]));
	struct record rec = { .type = RECORD_EVENT,
		.event = { .action = alarm->raised ? EVENT_TRIGGER : EVENT_RESOLVE,
		    .dedup_key = str_c(key),
		    .summary = str_c(alarm->text),
		    .source = STR("auditor"),
		    .severity = SEVERITY_CRITICAL,
		    .via = STR("internal") } };
	buf_clear(&x->body);
	record_encode(&x->body, &rec);
	if (x->body.err == OK &&
	    chan_send(x->engine, MSG_SUBMIT, ++x->submits, buf_str(&x->body)) == OK)
		alarm->told = alarm->raised;
}

static void alarm_turn(struct auditor *x, enum check check)
{
	struct alarm *alarm = &x->alarms[check];
	struct str text = check_look(check, &x->sight, x->arena);
	alarm->bad = text.len ? alarm->bad + 1 : 0;
	if (text.len)
		snprintf(alarm->text, sizeof(alarm->text), "%.*s", STR_ARG(text));
	if (alarm->bad >= 2 && !alarm->raised) {
		alarm->raised = true;
		alarm->raised_at = x->sight.now;
		alarm->raised_wall = x->sight.wall;
		lines_start(x, alarm);
		child_log(x->child, "error", "event=promise-broken check=%.*s what=\"%s\"",
		    STR_ARG(check_name[check]), alarm->text);
	} else if (alarm->bad == 0 && alarm->raised) {
		alarm->raised = false;
		for (uint32_t i = 0; i < CONTACTS_MAX; i++)
			alarm->lines[i].next.ns = 0;
		child_log(x->child, "notice", "event=promise-holds-again check=%.*s",
		    STR_ARG(check_name[check]));
	}
	if (alarm->raised && mono_sub(x->sight.now, alarm->raised_at).ns > AGAIN.ns) {
		alarm->raised_at = x->sight.now;
		lines_start(x, alarm);
	}
	for (uint32_t i = 0; i < x->contact_count; i++)
		line_turn(x, alarm, i, &alarm->lines[i]);
	tell_engine(x, check, alarm);
}

static void verdict(struct auditor *x)
{
	char text[400];
	int broken = 0;
	const struct alarm *first = NULL;
	for (int i = 0; i < CHECK_COUNT; i++) {
		if (x->alarms[i].raised) {
			first = first ? first : &x->alarms[i];
			broken++;
		}
	}
	if (first && broken > 1)
		snprintf(text, sizeof(text), "%s (and %d more)", first->text, broken - 1);
	else if (first)
		snprintf(text, sizeof(text), "%s", first->text);
	else if (!x->sight.has_promises)
		snprintf(text, sizeof(text), "has not yet read the control store");
	else
		snprintf(text, sizeof(text),
		    "%llu open incidents looked at: each has a timer, a page or a told human",
		    (unsigned long long)x->sight.promises.open);
	child_verdict(x->child, !first && x->sight.has_promises, str_c(text));
}

/* ---- looking ---- */

static void look_at_store(struct auditor *x)
{
	struct control_promises promises;
	struct mono start = x->os->mono(x->os);
	enum err e = OK;
	if (x->seconds < x->next_look)
		return;
	if (!x->reader)
		e = control_reader_open(x->mem, x->os, x->data_dir, &x->reader);
	if (e == OK)
		e = control_promises(x->reader, x->sight.wall, CHECK_TIMER_GRACE, &promises);
	if (e == OK) {
		x->sight.promises = promises;
		x->sight.has_promises = true;
		x->sight.promises_at = start;
	} else if (x->reader && e != ERR_BUSY) {
		control_reader_close(&x->reader);
	}
	/* At most some two percent of a processor, however many are open. */
	int64_t ms = mono_sub(x->os->mono(x->os), start).ns / NS_PER_MS;
	x->next_look = x->seconds + (e == OK ? LOOK_EVERY + (uint32_t)(ms / 20) : 1);
}

static void metrics(struct auditor *x, struct chan *telemetry)
{
	const struct {
		const char *name;
		double value;
	} list[] = {
		{ "quis_auditor_open_incidents", (double)x->sight.promises.open },
		{ "quis_auditor_uncovered_incidents", (double)x->sight.promises.broken },
		{ "quis_auditor_lost_timers", (double)x->sight.promises.lost_timers },
		{ "quis_auditor_pages_total", (double)x->pages },
		{ "quis_auditor_engine_beat_age_seconds",
		    x->sight.beat_at.ns ? (double)mono_sub(x->sight.now, x->sight.beat_at).ns / 1e9
		                        : -1 },
	};
	buf_clear(&x->body);
	put_i64(&x->body, wall_ms(x->sight.wall));
	put_u32(&x->body, ARRAY_COUNT(list));
	for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
		put_str(&x->body, str_c(list[i].name));
		put_u8(&x->body, 0);
		put_f64(&x->body, list[i].value);
	}
	if (x->body.err == OK)
		ignore_err(chan_send(telemetry, MSG_METRICS, 0, buf_str(&x->body)),
		    "figures: the next ones follow");
}

static void on_second(struct loop_timer *timer)
{
	struct auditor *x = container_of(timer, struct auditor, second);
	x->seconds++;
	arena_reset(x->arena);
	x->sight.now = loop_now(x->loop);
	x->sight.wall = loop_wall(x->loop);
	look_at_store(x);
	for (int i = 0; i < CHECK_COUNT; i++)
		alarm_turn(x, (enum check)i);
	verdict(x);
	if (x->telemetry && x->seconds % 10 == 0)
		metrics(x, x->telemetry);
	loop_timer_after(x->loop, &x->second, SPAN_S(1));
}

/* ---- the role ---- */

static enum err auditor_open(struct child *child, const struct json *config, void **ret_self)
{
	struct auditor *x = mem_new(child_mem(child), 1, sizeof(*x));
	if (!x)
		return ERR_NOMEM;
	x->child = child;
	x->loop = child_loop(child);
	x->mem = child_mem(child);
	x->os = child_os(child);
	x->body = buf_make(x->mem, 1u << 20);
	x->second.fire = on_second;
	enum err e = arena_open(x->mem, SLICE_BYTES, &x->config);
	if (e == OK)
		e = arena_open(x->mem, SLICE_BYTES, &x->arena);
	if (e == OK)
		e = auditor_config(x, config);
	if (e != OK) {
		arena_close(&x->config);
		arena_close(&x->arena);
		mem_free(x->mem, x);
		return e;
	}
	x->sight.started = x->sight.now = x->os->mono(x->os);
	loop_timer_after(x->loop, &x->second, SPAN_S(1));
	*ret_self = x;
	return OK;
}

static void auditor_peer(void *self, enum role peer, struct chan *chan)
{
	struct auditor *x = self;
	if (peer == ROLE_ENGINE)
		x->engine = chan;
	else if (peer == ROLE_NOTIFIER)
		x->notifier = chan;
	else if (peer == ROLE_TELEMETRY)
		x->telemetry = chan;
	if (peer == ROLE_ENGINE && chan)
		for (int i = 0; i < CHECK_COUNT; i++)
			x->alarms[i].told =
			    !x->alarms[i].raised; /* say how it is, whatever was said before */
}

static void on_engine_state(struct auditor *x, struct str body)
{
	struct rd r = rd_make(body);
	(void)rd_u64(&r); /* durable */
	(void)rd_u64(&r); /* decided */
	struct span undecided = { rd_i64(&r) }, outbox = { rd_i64(&r) };
	(void)rd_u32(&r);
	(void)rd_u32(&r);
	(void)rd_i64(&r);
	if (rd_done(&r) != OK)
		return;
	x->sight.beat_at = loop_now(x->loop);
	x->sight.undecided = undecided;
	x->sight.outbox = outbox;
}

/* The engine refused what it was told: tell it again at the next look. */
static void on_submit_answer(struct auditor *x, struct str body)
{
	struct rd r = rd_make(body);
	if (rd_u32(&r) == SUBMIT_OK && r.err == OK)
		return;
	for (int i = 0; i < CHECK_COUNT; i++)
		if (x->alarms[i].raised)
			x->alarms[i].told = false;
}

static bool auditor_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct auditor *x = self;
	(void)chan;
	(void)id;
	if (peer == ROLE_ENGINE && type == MSG_ENGINE_STATE)
		on_engine_state(x, body);
	else if (peer == ROLE_ENGINE && type == MSG_SUBMIT_ANSWER)
		on_submit_answer(x, body);
	else if (peer == ROLE_NOTIFIER && type == MSG_RECEIPT)
		on_receipt(x, body);
	return true;
}

static void auditor_stop(void *self)
{
	struct auditor *x = self;
	control_reader_close(&x->reader);
	child_exit(x->child, 0);
}

const struct role_body role_auditor = {
	.role = ROLE_AUDITOR,
	.open = auditor_open,
	.config = auditor_config,
	.peer = auditor_peer,
	.message = auditor_message,
	.stop = auditor_stop,
};
