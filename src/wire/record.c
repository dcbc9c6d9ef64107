/* SPDX-License-Identifier: Apache-2.0
 *
 * Inbox records <-> bytes. Layout: version, type, then the fields in the order of their struct; ids
 * as their words, times as nanoseconds, enums and bools as one byte that must be in range, lists as
 * a count and their elements.
 */
#include "wire/record.h"

#include <assert.h>

#define NAME_MAX_BYTES 4096u /* names, keys, addresses, errors */

static void put_id(struct buf *b, const struct id *id)
{
	put_u64(b, id_word(id));
}

static struct id rd_id(struct rd *r)
{
	return id_from_word(rd_u64(r));
}

static uint8_t rd_enum(struct rd *r, unsigned count)
{
	assert(count > 0 && count <= 256);
	uint8_t v = rd_u8(r);
	if (v >= count)
		r->err = ERR_INPUT;
	return r->err == OK ? v : 0;
}

static bool rd_bool(struct rd *r)
{
	return rd_enum(r, 2) == 1;
}

static struct str rd_name(struct rd *r)
{
	return rd_str(r, NAME_MAX_BYTES);
}

static struct str rd_text(struct rd *r)
{
	return rd_str(r, RECORD_BYTES_MAX);
}

/* A count that the rest of the bytes can hold at `least` bytes an element. */
static uint32_t rd_count(struct rd *r, size_t least)
{
	assert(least > 0);
	uint32_t n = rd_u32(r);
	if (n > RECORD_LIST_MAX || n > r->rest.len / least)
		r->err = ERR_INPUT;
	return r->err == OK ? n : 0;
}

static void put_event(struct buf *b, const struct record_event *e)
{
	put_str(b, e->routing_key);
	put_str(b, e->service);
	put_u8(b, (uint8_t)e->action);
	put_str(b, e->dedup_key);
	put_str(b, e->summary);
	put_str(b, e->source);
	put_u8(b, (uint8_t)e->severity);
	put_str(b, e->client);
	put_str(b, e->details);
	put_str(b, e->via);
}

static void rd_event(struct rd *r, struct record_event *e)
{
	e->routing_key = rd_name(r);
	e->service = rd_name(r);
	e->action = rd_enum(r, EVENT_ACTION_COUNT);
	e->dedup_key = rd_name(r);
	e->summary = rd_text(r);
	e->source = rd_text(r);
	e->severity = rd_enum(r, SEVERITY_COUNT);
	e->client = rd_text(r);
	e->details = rd_text(r);
	e->via = rd_name(r);
	if (str_empty(e->dedup_key))
		r->err = ERR_INPUT;
}

static void put_command(struct buf *b, const struct record_command *c)
{
	put_u8(b, (uint8_t)c->type);
	put_id(b, &c->incident);
	put_str(b, c->actor);
	put_str(b, c->via);
	put_str(b, c->from);
	put_str(b, c->text);
	put_id(b, &c->message);
}

static void rd_command(struct rd *r, struct record_command *c)
{
	c->type = rd_enum(r, COMMAND_TYPE_COUNT);
	c->incident = rd_id(r);
	c->actor = rd_name(r);
	c->via = rd_name(r);
	c->from = rd_name(r);
	c->text = rd_text(r);
	c->message = rd_id(r);
}

static void put_receipt(struct buf *b, const struct record_receipt *t)
{
	put_id(b, &t->message);
	put_u32(b, t->attempt);
	put_u8(b, (uint8_t)t->state);
	put_str(b, t->provider);
	put_str(b, t->reference);
	put_str(b, t->error);
}

static void rd_receipt(struct rd *r, struct record_receipt *t)
{
	t->message = rd_id(r);
	t->attempt = rd_u32(r);
	t->state = rd_enum(r, RECEIPT_UNKNOWN + 1);
	t->provider = rd_name(r);
	t->reference = rd_name(r);
	t->error = rd_name(r);
}

static void put_rules(struct buf *b, const struct record_rules *g)
{
	put_str(b, g->group);
	put_u32(b, g->state_count);
	for (uint32_t i = 0; i < g->state_count; i++) {
		const struct record_rule_state *s = &g->states[i];
		put_str(b, s->rule);
		put_str(b, s->labels);
		put_u8(b, s->firing);
		put_f64(b, s->value);
		put_str(b, s->summary);
		put_str(b, s->annotations);
		put_str(b, s->reason);
	}
}

static enum err rd_rules(struct rd *r, struct arena *a, struct record_rules *g)
{
	g->group = rd_name(r);
	g->state_count = rd_count(r, 5 * 4 + 1 + 8);
	struct record_rule_state *list = arena_new(a, struct record_rule_state, g->state_count);
	if (!list)
		return arena_err(a);
	for (uint32_t i = 0; i < g->state_count && r->err == OK; i++) {
		list[i].rule = rd_name(r);
		list[i].labels = rd_text(r);
		list[i].firing = rd_bool(r);
		list[i].value = rd_f64(r);
		list[i].summary = rd_text(r);
		list[i].annotations = rd_text(r);
		list[i].reason = rd_name(r);
	}
	g->states = list;
	return OK;
}

static void put_resources(struct buf *b, const struct record_resources *s)
{
	put_u8(b, (uint8_t)s->manager);
	put_u8(b, s->whole);
	put_str(b, s->actor);
	put_str(b, s->via);
	put_str(b, s->from);
	put_u32(b, s->resource_count);
	for (uint32_t i = 0; i < s->resource_count; i++) {
		put_u8(b, s->resources[i].remove);
		put_str(b, s->resources[i].kind);
		put_str(b, s->resources[i].name);
		put_str(b, s->resources[i].body);
	}
}

static enum err rd_resources(struct rd *r, struct arena *a, struct record_resources *s)
{
	s->manager = rd_enum(r, MANAGER_COUNT);
	s->whole = rd_bool(r);
	s->actor = rd_name(r);
	s->via = rd_name(r);
	s->from = rd_name(r);
	s->resource_count = rd_count(r, 1 + 3 * 4);
	struct record_resource *list = arena_new(a, struct record_resource, s->resource_count);
	if (!list)
		return arena_err(a);
	for (uint32_t i = 0; i < s->resource_count && r->err == OK; i++) {
		list[i].remove = rd_bool(r);
		list[i].kind = rd_name(r);
		list[i].name = rd_name(r);
		list[i].body = rd_text(r);
	}
	s->resources = list;
	return OK;
}

static void put_credential(struct buf *b, const struct record_credential *c)
{
	put_u8(b, (uint8_t)c->type);
	put_str(b, c->user);
	put_str(b, c->secret_hash);
	put_i64(b, c->expires.ns);
	put_str(b, c->from);
}

static void rd_credential(struct rd *r, struct record_credential *c)
{
	c->type = rd_enum(r, CREDENTIAL_TYPE_COUNT);
	c->user = rd_name(r);
	c->secret_hash = rd_name(r);
	c->expires.ns = rd_i64(r);
	c->from = rd_name(r);
}

static void put_change(struct buf *b, const struct record_change *c)
{
	put_str(b, c->routing_key);
	put_str(b, c->summary);
	put_str(b, c->source);
	put_str(b, c->details);
	put_i64(b, c->timestamp.ns);
}

static void rd_change(struct rd *r, struct record_change *c)
{
	c->routing_key = rd_name(r);
	c->summary = rd_text(r);
	c->source = rd_text(r);
	c->details = rd_text(r);
	c->timestamp.ns = rd_i64(r);
}

static void put_handover(struct buf *b, const struct record_handover *h)
{
	put_u32(b, h->message_count);
	for (uint32_t i = 0; i < h->message_count; i++)
		put_id(b, &h->messages[i]);
}

static enum err rd_handover(struct rd *r, struct arena *a, struct record_handover *h)
{
	h->message_count = rd_count(r, 8);
	struct id *list = arena_new(a, struct id, h->message_count);
	if (!list)
		return arena_err(a);
	for (uint32_t i = 0; i < h->message_count; i++) {
		list[i] = rd_id(r);
		if (list[i].text[0] == '\0')
			r->err = ERR_INPUT;
	}
	h->messages = list;
	return OK;
}

void record_encode(struct buf *b, const struct record *rec)
{
	assert(rec->type >= RECORD_TICK && rec->type < RECORD_TYPE_COUNT);
	put_u8(b, RECORD_VERSION);
	put_u8(b, (uint8_t)rec->type);
	switch (rec->type) {
	case RECORD_TICK: put_i64(b, rec->tick.stepped.ns); break;
	case RECORD_EVENT: put_event(b, &rec->event); break;
	case RECORD_COMMAND: put_command(b, &rec->command); break;
	case RECORD_RECEIPT: put_receipt(b, &rec->receipt); break;
	case RECORD_RULES: put_rules(b, &rec->rules); break;
	case RECORD_RESOURCES: put_resources(b, &rec->resources); break;
	case RECORD_CREDENTIAL: put_credential(b, &rec->credential); break;
	case RECORD_CHANGE: put_change(b, &rec->change); break;
	case RECORD_BOOT:
		put_str(b, rec->boot.how);
		put_str(b, rec->boot.version);
		break;
	case RECORD_TEST_PAGE:
		put_str(b, rec->test_page.user);
		put_str(b, rec->test_page.contact);
		put_str(b, rec->test_page.actor);
		break;
	case RECORD_HANDOVER: put_handover(b, &rec->handover); break;
	case RECORD_TYPE_COUNT: break;
	}
}

enum err record_decode(struct arena *a, struct str bytes, struct record *ret_rec)
{
	struct record rec = { .seq = 0 };
	enum err e = OK;
	if (bytes.len > RECORD_BYTES_MAX)
		return ERR_INPUT;
	struct rd r = rd_make(bytes);
	if (rd_u8(&r) != RECORD_VERSION)
		return ERR_INPUT;
	rec.type = rd_enum(&r, RECORD_TYPE_COUNT);
	if (r.err != OK)
		return ERR_INPUT;
	switch (rec.type) {
	case RECORD_TICK:
		rec.tick.stepped.ns = rd_i64(&r);
		if (rec.tick.stepped.ns < 0)
			return ERR_INPUT;
		break;
	case RECORD_EVENT: rd_event(&r, &rec.event); break;
	case RECORD_COMMAND: rd_command(&r, &rec.command); break;
	case RECORD_RECEIPT: rd_receipt(&r, &rec.receipt); break;
	case RECORD_RULES: e = rd_rules(&r, a, &rec.rules); break;
	case RECORD_RESOURCES: e = rd_resources(&r, a, &rec.resources); break;
	case RECORD_CREDENTIAL: rd_credential(&r, &rec.credential); break;
	case RECORD_CHANGE: rd_change(&r, &rec.change); break;
	case RECORD_BOOT:
		rec.boot.how = rd_name(&r);
		rec.boot.version = rd_name(&r);
		break;
	case RECORD_TEST_PAGE:
		rec.test_page.user = rd_name(&r);
		rec.test_page.contact = rd_name(&r);
		rec.test_page.actor = rd_name(&r);
		break;
	case RECORD_HANDOVER: e = rd_handover(&r, a, &rec.handover); break;
	case RECORD_TYPE_COUNT:
	default: return ERR_INPUT; /* type 0 among them */
	}
	if (e != OK)
		return e;
	if (rd_done(&r) != OK)
		return ERR_INPUT;
	*ret_rec = rec;
	return OK;
}
