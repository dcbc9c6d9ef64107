/* SPDX-License-Identifier: Apache-2.0
 *
 * Every change goes through turn(), which is symmetric: it takes an old form out of the sums and
 * counts and puts a new form in, so taking back is the same with the two swapped.
 */
#include "rows.h"
#include "base/hash.h"

#include <assert.h>

#define TEXT_LIMIT (1u << 30)

static void *must(void *p)
{
	assert(p); /* a simulator without memory has nothing to say */
	return p;
}

static void must_ok(enum err e)
{
	assert(e == OK);
}

void rows_open(struct rows *r)
{
	*r = (struct rows){ 0 };
	must_ok(arena_open(&mem_system, TEXT_LIMIT, &r->arena));
	must_ok(map_open(&mem_system, 1, 1u << 24, &r->texts));
	must_ok(map_open(&mem_system, 1, 1u << 24, &r->triggered));
	for (size_t i = 0; i < ROW_KIND_COUNT; i++)
		must_ok(map_open(&mem_system, 1, 1u << 24, &r->by_id[i]));
}

void rows_close(struct rows *r)
{
	map_close(&r->texts);
	map_close(&r->triggered);
	for (size_t i = 0; i < ROW_KIND_COUNT; i++)
		map_close(&r->by_id[i]);
	arena_close(&r->arena);
	mem_free(&mem_system, r->undos);
	mem_free(&mem_system, r->logs);
	mem_free(&mem_system, r->changed);
}

struct str rows_text(struct rows *r, struct str s)
{
	struct str *found = map_find(r->texts, s);
	if (found)
		return *found;
	found = must(arena_new(r->arena, struct str, 1));
	*found = arena_str(r->arena, s);
	assert(found->ptr);
	must_ok(map_put(r->texts, *found, found));
	return *found;
}

/* -- hashes of rows --------------------------------------------------------------------------- */

static uint64_t h_str(uint64_t h, struct str s)
{
	return hash_mix(h, hash64(s, 0));
}

static uint64_t h_incident(const struct incident *v)
{
	uint64_t h = h_str(1, id_str(&v->id));
	h = hash_mix(h, v->number);
	h = h_str(h, v->title);
	h = h_str(h, v->service);
	h = hash_mix(h, (uint64_t)v->status << 8 | (uint64_t)v->urgency);
	h = hash_mix(h, (uint64_t)v->created_at.ns);
	h = hash_mix(h, (uint64_t)v->changed_at.ns);
	h = hash_mix(h, (uint64_t)v->acknowledged_at.ns);
	h = hash_mix(h, (uint64_t)v->resolved_at.ns);
	h = h_str(h, v->changed_by);
	h = hash_mix(h, (uint64_t)v->step << 32 | v->loop);
	h = hash_mix(h, (uint64_t)v->alerts_open << 32 | v->alerts_total);
	return hash_mix(h, (uint64_t)v->told << 2 | (uint64_t)v->exhausted << 1 | v->nobody);
}

static uint64_t h_alert(const struct alert *v)
{
	uint64_t h = h_str(2, id_str(&v->id));
	h = h_str(h, id_str(&v->incident));
	h = h_str(h, v->service);
	h = h_str(h, v->source_key);
	h = h_str(h, v->dedup_key);
	h = hash_mix(h, (uint64_t)v->status << 8 | (uint64_t)v->severity);
	h = hash_mix(h, (uint64_t)v->created_at.ns);
	h = hash_mix(h, (uint64_t)v->changed_at.ns);
	h = hash_mix(h, v->count);
	h = h_str(h, v->summary);
	return h_str(h, v->details);
}

static uint64_t h_message(const struct message *v)
{
	uint64_t h = h_str(3, id_str(&v->id));
	h = h_str(h, id_str(&v->incident));
	h = hash_mix(h, (uint64_t)v->purpose);
	h = h_str(h, v->user);
	h = hash_mix(h, (uint64_t)v->contact_type);
	h = h_str(h, v->contact);
	h = h_str(h, v->address);
	h = h_str(h, v->provider);
	h = hash_mix(h, (uint64_t)v->state << 32 | v->attempt);
	h = hash_mix(h, v->maybe_duplicate);
	h = hash_mix(h, (uint64_t)v->created_at.ns);
	h = hash_mix(h, (uint64_t)v->changed_at.ns);
	h = hash_mix(h, (uint64_t)v->next_at.ns);
	h = h_str(h, v->error);
	return h_str(h, v->reference);
}

static uint64_t h_timer(const struct timer *v)
{
	uint64_t h = h_str(4, id_str(&v->id));
	h = hash_mix(h, (uint64_t)v->type);
	h = hash_mix(h, (uint64_t)v->due.ns);
	h = h_str(h, id_str(&v->subject));
	h = h_str(h, v->user);
	h = hash_mix(h, v->rule);
	return h_str(h, v->contact);
}

static uint64_t h_proof(const struct proof *v)
{
	uint64_t h = h_str(5, v->kind);
	h = h_str(h, v->subject);
	h = hash_mix(h, (uint64_t)v->proven_at.ns);
	h = h_str(h, v->by);
	h = h_str(h, v->evidence);
	return hash_mix(h, v->broken);
}

static uint64_t h_log(const struct log_entry *v)
{
	uint64_t h = h_str(6, id_str(&v->id));
	h = h_str(h, id_str(&v->incident));
	h = hash_mix(h, (uint64_t)v->at.ns);
	h = h_str(h, v->type);
	h = h_str(h, v->agent);
	h = h_str(h, v->channel);
	h = h_str(h, v->summary);
	return h_str(h, v->body);
}

static uint64_t row_hash(const struct row *row)
{
	switch (row->kind) {
	case ROW_INCIDENT: return h_incident(&row->incident);
	case ROW_ALERT: return h_alert(&row->alert);
	case ROW_MESSAGE: return h_message(&row->message);
	case ROW_TIMER: return h_timer(&row->timer);
	case ROW_PROOF: return h_proof(&row->proof);
	case ROW_KIND_COUNT: break;
	}
	assert(false);
	return 0;
}

/* -- finding ---------------------------------------------------------------------------------- */

struct row *rows_find(const struct rows *r, enum row_kind kind, struct str key)
{
	struct row *row = map_find(r->by_id[kind], key);
	return row && row->exists ? row : NULL;
}

struct row *rows_find_id(const struct rows *r, enum row_kind kind, const struct id *id)
{
	return rows_find(r, kind, id_str(id));
}

static struct str pair(char *buf, size_t size, struct str a, struct str b)
{
	assert(a.len + b.len + 1 <= size);
	memcpy(buf, a.ptr, a.len);
	buf[a.len] = '\0';
	memcpy(buf + a.len + 1, b.ptr, b.len);
	return str_make(buf, a.len + 1 + b.len);
}

struct row *rows_triggered(const struct rows *r, struct str source, struct str dedup)
{
	char buf[2048];
	return map_find(r->triggered, pair(buf, sizeof(buf), source, dedup));
}

bool rows_next(const struct rows *r, enum row_kind kind, size_t *at, struct row **ret)
{
	struct str key;
	void *value;
	while (map_next(r->by_id[kind], at, &key, &value)) {
		*ret = value;
		if ((*ret)->exists)
			return true;
	}
	return false;
}

/* The row of a key whether it exists or not; made when it never did. */
static struct row *row_get(struct rows *r, enum row_kind kind, struct str key)
{
	struct row *row = map_find(r->by_id[kind], key);
	if (row)
		return row;
	row = must(arena_new(r->arena, struct row, 1));
	row->kind = kind;
	row->key = rows_text(r, key);
	must_ok(map_put(r->by_id[kind], row->key, row));
	return row;
}

/* -- changing --------------------------------------------------------------------------------- */

static void list_changed(struct rows *r, struct row *row)
{
	if (row->is_listed)
		return;
	if (r->changed_count == r->changed_cap) {
		r->changed_cap = r->changed_cap ? r->changed_cap * 2 : 64;
		r->changed =
		    must(mem_resize(&mem_system, r->changed, r->changed_cap, sizeof(*r->changed)));
	}
	row->is_listed = true;
	r->changed[r->changed_count++] = row;
}

/* Puts the row, in its present form, into the sums and counts (by = 1), or takes it out (by = -1).
 */
static void count(struct rows *r, struct row *row, int by)
{
	if (!row->exists)
		return;
	r->sum += by > 0 ? row->hash : -row->hash;
	if (row->kind == ROW_TIMER) {
		enum timer_type type = row->timer.type;
		bool of_message = type == TIMER_RETRY || type == TIMER_RECEIPT;
		bool pages = type == TIMER_ESCALATE || type == TIMER_NOTIFY;
		struct row *i = row_get(
		    r, of_message ? ROW_MESSAGE : ROW_INCIDENT, id_str(&row->timer.subject));
		i->paging_timers += pages ? by : 0;
		i->other_timers += pages ? 0 : by;
		i->escalate_timers += type == TIMER_ESCALATE ? by : 0;
		list_changed(r, i);
	}
	if (row->kind == ROW_MESSAGE && row->message.purpose == PURPOSE_INCIDENT) {
		struct row *i = row_get(r, ROW_INCIDENT, id_str(&row->message.incident));
		enum message_state state = row->message.state;
		i->pages_moving += state == MESSAGE_INTENDED || state == MESSAGE_SENDING ? by : 0;
		i->pages_intended += state == MESSAGE_INTENDED ? by : 0;
		i->pages_good += state == MESSAGE_ACCEPTED || state == MESSAGE_DELIVERED ? by : 0;
		list_changed(r, i);
	}
	if (row->kind == ROW_ALERT && row->alert.status == ALERT_TRIGGERED) {
		char buf[2048];
		struct str key =
		    pair(buf, sizeof(buf), row->alert.source_key, row->alert.dedup_key);
		if (by > 0)
			must_ok(map_put(r->triggered, rows_text(r, key), row));
		else if (map_find(r->triggered, key) == row)
			(void)map_remove(r->triggered, key);
	}
}

/* The row becomes what `after` says; its counts stay its own. */
static void turn(struct rows *r, struct row *row, const struct row *after)
{
	count(r, row, -1);
	struct row new_row = *after;
	new_row.is_listed = row->is_listed;
	new_row.paging_timers = row->paging_timers;
	new_row.other_timers = row->other_timers;
	new_row.pages_intended = row->pages_intended;
	new_row.escalate_timers = row->escalate_timers;
	new_row.pages_moving = row->pages_moving;
	new_row.pages_good = row->pages_good;
	*row = new_row;
	count(r, row, 1);
	list_changed(r, row);
}

static void row_set(struct rows *r, struct row *row, struct row *after)
{
	if (r->undo_count == r->undo_cap) {
		r->undo_cap = r->undo_cap ? r->undo_cap * 2 : 256;
		r->undos = must(mem_resize(&mem_system, r->undos, r->undo_cap, sizeof(*r->undos)));
	}
	r->undos[r->undo_count++] =
	    (struct undo_row){ row, row->exists, row->kind == ROW_TIMER && !after->exists, *row };
	after->kind = row->kind;
	after->key = row->key;
	after->hash = after->exists ? row_hash(after) : 0;
	turn(r, row, after);
}

static void log_sum(struct rows *r, const struct log_entry *log)
{
	uint64_t h = h_log(log);
	if (r->log_undo_count == r->log_undo_cap) {
		r->log_undo_cap = r->log_undo_cap ? r->log_undo_cap * 2 : 256;
		r->logs = must(mem_resize(&mem_system, r->logs, r->log_undo_cap, sizeof(*r->logs)));
	}
	r->logs[r->log_undo_count++] = h;
	r->sum += h;
	r->log_count++;
}

static void keep_texts(struct rows *r, struct str **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*list[i] = rows_text(r, *list[i]);
}
#define KEEP(r, ...)                                     \
	keep_texts((r), (struct str *[]){ __VA_ARGS__ }, \
	    sizeof((struct str *[]){ __VA_ARGS__ }) / sizeof(struct str *))

void rows_apply(struct rows *r, const struct effect *e, struct mono now, struct wall at)
{
	struct row after = { .exists = true }, *row = NULL;
	switch (e->type) {
	case EFFECT_INCIDENT:
		row = row_get(r, ROW_INCIDENT, id_str(&e->incident.id));
		after.incident = e->incident;
		KEEP(r, &after.incident.title, &after.incident.service, &after.incident.changed_by);
		break;
	case EFFECT_ALERT:
		row = row_get(r, ROW_ALERT, id_str(&e->alert.id));
		after.alert = e->alert;
		if (!e->alert.details.ptr)
			after.alert.details = row->exists ? row->alert.details : STR("");
		KEEP(r, &after.alert.service, &after.alert.source_key, &after.alert.dedup_key,
		    &after.alert.summary, &after.alert.details);
		break;
	case EFFECT_MESSAGE:
		row = row_get(r, ROW_MESSAGE, id_str(&e->message.id));
		after.message = e->message;
		KEEP(r, &after.message.user, &after.message.contact, &after.message.address,
		    &after.message.provider, &after.message.error, &after.message.reference);
		break;
	case EFFECT_TIMER_SET:
		row = row_get(r, ROW_TIMER, id_str(&e->timer.id));
		after.timer = e->timer;
		after.set = now;
		after.due = mono_add(now, wall_sub(e->timer.due, at));
		KEEP(r, &after.timer.user, &after.timer.contact);
		break;
	case EFFECT_TIMER_CLEAR:
		row = row_get(r, ROW_TIMER, id_str(&e->timer.id));
		assert(row->exists); /* only what was set is cleared */
		after = *row;
		after.exists = false;
		break;
	case EFFECT_LOG: log_sum(r, &e->log); return;
	case EFFECT_PROOF: {
		char buf[2048];
		row =
		    row_get(r, ROW_PROOF, pair(buf, sizeof(buf), e->proof.kind, e->proof.subject));
		after.proof = e->proof;
		if (e->proof.broken && row->exists) {
			after.proof = row->proof;
			after.proof.broken = true;
		}
		KEEP(r, &after.proof.kind, &after.proof.subject, &after.proof.by,
		    &after.proof.evidence);
		break;
	}
	case EFFECT_CHANGE_EVENT: return;
	case EFFECT_TYPE_COUNT: assert(false);
	}
	row_set(r, row, &after);
}

void rows_step(struct rows *r)
{
	for (size_t i = 0; i < r->changed_count; i++)
		r->changed[i]->is_listed = false;
	r->changed_count = 0;
}

struct rows_mark rows_mark(const struct rows *r)
{
	return (struct rows_mark){ r->undo_count, r->log_undo_count };
}

void rows_commit(struct rows *r, struct rows_mark upto)
{
	assert(upto.undos <= r->undo_count && upto.logs <= r->log_undo_count);
	for (size_t i = 0; i < upto.undos; i++) {
		if (r->undos[i].clears)
			(void)map_remove(r->by_id[ROW_TIMER], r->undos[i].row->key);
	}
	r->undo_count -= upto.undos;
	if (r->undo_count)
		memmove(r->undos, r->undos + upto.undos, r->undo_count * sizeof(*r->undos));
	r->log_undo_count -= upto.logs;
	if (r->log_undo_count)
		memmove(r->logs, r->logs + upto.logs, r->log_undo_count * sizeof(*r->logs));
}

void rows_crash(struct rows *r)
{
	while (r->undo_count > 0) {
		const struct undo_row *u = &r->undos[--r->undo_count];
		struct row before = u->before;
		before.exists = u->existed;
		turn(r, u->row, &before);
	}
	while (r->log_undo_count > 0) {
		r->sum -= r->logs[--r->log_undo_count];
		r->log_count--;
	}
	rows_step(r);
}
