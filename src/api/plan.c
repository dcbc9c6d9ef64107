/* SPDX-License-Identifier: Apache-2.0
 *
 * The dry run of a change of resources: what would be created, updated or removed, and what is wrong with it,
 * without asking the engine to change anything. Runs on a reader thread.
 */
#include "api/api_priv.h"
#include <assert.h>

struct attempt {
	struct record_resource *list;
	uint32_t count;
	bool whole;
	enum manager manager;
};

struct change {
	const char *action;
	struct str kind, name, old, now;
};

struct trial {
	struct job *job;
	const struct control_resource *rows;
	size_t row_count;
	struct conf_document *docs; /* what would be in force */
	size_t doc_count;
	struct change *changes;
	size_t change_count;
	struct conf_faults faults;
};

static const struct control_resource *row_find(const struct trial *t, struct str kind, struct str name)
{
	for (size_t i = 0; i < t->row_count; i++)
		if (str_eq(t->rows[i].kind, kind) && str_eq(t->rows[i].name, name))
			return &t->rows[i];
	return NULL;
}

static void fault_add(struct trial *t, struct str kind, struct str name, struct str message, struct str hint)
{
	struct conf_faults *f = &t->faults;
	if (f->count >= f->limit) {
		f->more++;
		return;
	}
	if (f->count == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 16;
		struct conf_fault *list = arena_new(f->arena, struct conf_fault, cap);
		if (!list)
			return;
		for (size_t i = 0; i < f->count; i++)
			list[i] = f->list[i];
		f->list = list;
		f->cap = cap;
	}
	f->list[f->count++] = (struct conf_fault){ .path = arena_printf(f->arena, "%.*s %.*s", STR_ARG(kind), STR_ARG(name)),
		.message = message, .hint = hint };
}

static void change_add(struct trial *t, const char *action, struct str kind, struct str name, struct str old, struct str now)
{
	t->changes[t->change_count++] = (struct change){ action, kind, name, old, now };
}

/* One document of the request: checked against its schema, compared with what is there. */
static void document_try(struct trial *t, const struct attempt *a, const struct record_resource *res)
{
	struct arena *arena = t->job->arena;
	const struct control_resource *row = row_find(t, res->kind, res->name);
	if (row && row->manager != a->manager) {
		fault_add(t, res->kind, res->name,
		    arena_printf(arena, "is managed by %.*s and cannot be changed here", STR_ARG(manager_name[row->manager])),
		    STR("change it where it came from"));
		return;
	}
	if (res->remove) {
		if (row)
			change_add(t, "remove", res->kind, res->name, row->body, STR(""));
		return;
	}
	const struct json *value;
	struct conf_document doc;
	if (json_read(arena, res->body, JSON_DEPTH_MAX, &value, NULL) != OK || conf_read_json(arena, value, &doc, &t->faults) != OK)
		return;
	t->docs[t->doc_count++] = doc;
	if (!row)
		change_add(t, "create", doc.kind, doc.name, STR(""), doc.body);
	else
		change_add(t, str_eq(row->body, doc.body) ? "same" : "update", doc.kind, doc.name, row->body, doc.body);
}

static bool in_request(const struct attempt *a, const struct control_resource *row)
{
	for (uint32_t i = 0; i < a->count; i++)
		if (str_eq(a->list[i].kind, row->kind) && str_eq(a->list[i].name, row->name))
			return true;
	return false;
}

static void lines_write(struct buf *b, char sign, struct str body, struct str kind, struct str name)
{
	struct conf_document doc = { .kind = kind, .name = name, .body = body };
	struct buf yaml = buf_make(&mem_system, 4u << 20);
	if (!str_empty(body))
		conf_write_yaml(&yaml, &doc, 1);
	struct str rest = buf_str(&yaml);
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		buf_add_char(b, sign);
		buf_add(b, line);
		buf_add_char(b, '\n');
		if (!rest.ptr)
			break;
	}
	buf_free(&yaml);
}

static void answer(struct trial *t)
{
	struct job *job = t->job;
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, STR("changes"));
	jw_open(&w, '[');
	for (size_t i = 0; i < t->change_count; i++) {
		const struct change *c = &t->changes[i];
		struct buf diff = buf_make(&mem_system, 8u << 20);
		if (!str_eq(str_c(c->action), STR("same"))) {
			lines_write(&diff, '-', c->old, c->kind, c->name);
			lines_write(&diff, '+', c->now, c->kind, c->name);
		}
		jw_open(&w, '{');
		jw_kv_str(&w, STR("action"), str_c(c->action));
		jw_kv_str(&w, STR("kind"), c->kind);
		jw_kv_str(&w, STR("name"), c->name);
		jw_kv_str(&w, STR("diff"), buf_str(&diff));
		jw_close(&w, '}');
		buf_free(&diff);
	}
	jw_close(&w, ']');
	jw_key(&w, STR("errors"));
	jw_open(&w, '[');
	for (size_t i = 0; i < t->faults.count; i++) {
		jw_open(&w, '{');
		jw_kv_str(&w, STR("path"), t->faults.list[i].path);
		jw_kv_str(&w, STR("message"), t->faults.list[i].message);
		jw_kv_str(&w, STR("hint"), t->faults.list[i].hint);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
	job->status = t->faults.count ? 422 : 200;
}

static enum err try_all(struct trial *t, const struct attempt *a, struct control_reader *r, uint64_t version)
{
	struct arena *arena = t->job->arena;
	size_t most = t->row_count + a->count;
	t->docs = arena_new(arena, struct conf_document, most);
	t->changes = arena_new(arena, struct change, most);
	if (!t->docs || !t->changes)
		return arena_err(arena);
	t->faults = conf_faults_make(arena);
	for (uint32_t i = 0; i < a->count; i++)
		document_try(t, a, &a->list[i]);
	for (size_t i = 0; i < t->row_count; i++) {
		const struct control_resource *row = &t->rows[i];
		if (in_request(a, row) || str_eq(row->kind, STR("Installation")))
			continue;
		if (a->whole && row->manager == a->manager)
			change_add(t, "remove", row->kind, row->name, row->body, STR(""));
		else
			t->docs[t->doc_count++] = (struct conf_document){ .kind = row->kind, .name = row->name, .body = row->body };
	}
	assert(t->doc_count <= most && t->change_count <= most);
	if (t->faults.count)
		return OK; /* references are looked at when the documents themselves are right */
	const struct directory *dir;
	enum err e = directory_compile(t->job->api, r, arena, t->docs, t->doc_count, version, &dir, &t->faults);
	return e == ERR_INPUT ? OK : e;
}

static void try_work(struct job *job, struct worker *worker)
{
	struct attempt *a = job->user;
	struct trial t = { .job = job };
	struct control_reader *r;
	struct control_resource *rows;
	uint64_t version = 0;
	enum err e = worker_reader(worker, &r);
	if (e == OK)
		e = control_resources_version(r, &version);
	if (e == OK)
		e = control_resources(r, STR(""), job->arena, &rows, &t.row_count);
	if (e == OK) {
		t.rows = rows;
		e = try_all(&t, a, r, version);
	}
	if (e != OK)
		job_fail(job, worker, e);
	else
		answer(&t);
}

void resources_try(struct call *call, const struct record_resource *list, uint32_t count, bool whole, enum manager manager)
{
	struct job *job = job_new(call->api, call, &call->api->readers);
	struct attempt *a = job ? arena_new(job->arena, struct attempt, 1) : NULL;
	struct record_resource *copy = a ? arena_new(job->arena, struct record_resource, count) : NULL;
	if (!copy) {
		if (job)
			job_drop(job);
		call_busy(call, STR("too many requests are being worked on: try again"));
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		copy[i] = (struct record_resource){ list[i].remove, arena_str(job->arena, list[i].kind), arena_str(job->arena, list[i].name),
			arena_str(job->arena, list[i].body) };
	*a = (struct attempt){ copy, count, whole, manager };
	job->user = a;
	job->work = try_work;
	job_start(job, &call->api->readers);
}
