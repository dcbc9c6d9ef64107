/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of resources: planning, compiling, applying a change.
 */
#include "role/engine/resources.h"

#include "conf/install.h"
#include "wire/record.h"

#include <assert.h>

struct item {
	struct control_row_resource row;
	struct str key; /* kind, a NUL, name: of the bytes below */
	char bytes[];
};

struct resource_set {
	const struct mem *mem;
	struct map *items; /* by key */
};

/* Decisions depend on an installation from the first record on: this one until a slice is there. */
static const char installation_default[] =
    "{\"providers\":[{\"name\":\"console\",\"type\":\"console\"}],"
    "\"fallback\":[{\"name\":\"console\",\"type\":\"console\",\"address\":\"\"}],"
    "\"base_url\":\"\",\"resources\":[]}";

#define KEY_MAX 1024
/* kind NUL name in the buffer; empty when it is too long. */
static struct str key_of(struct str kind, struct str name, char out[KEY_MAX])
{
	if (kind.len + 1 + name.len > KEY_MAX)
		return STR("");
	memcpy(out, kind.ptr, kind.len);
	out[kind.len] = '\0';
	memcpy(out + kind.len + 1, name.ptr, name.len);
	return str_make(out, kind.len + 1 + name.len);
}

enum err resource_set_open(const struct mem *mem, struct resource_set **ret)
{
	struct resource_set *set = mem_new(mem, 1, sizeof(*set));
	if (!set)
		return ERR_NOMEM;
	set->mem = mem;
	enum err e = map_open(mem, 0, RESOURCES_MAX, &set->items);
	if (e != OK) {
		resource_set_close(&set);
		return e;
	}
	*ret = set;
	return OK;
}

void resource_set_close(struct resource_set **set)
{
	struct resource_set *s = *set;
	struct str key;
	void *value;
	if (!s)
		return;
	for (size_t at = 0; s->items && map_next(s->items, &at, &key, &value);)
		mem_free(s->mem, value);
	map_close(&s->items);
	mem_free(s->mem, s);
	*set = NULL;
}

static struct str put_bytes(char **p, struct str s)
{
	struct str out = { *p, s.len };
	if (s.len)
		memcpy(*p, s.ptr, s.len);
	*p += s.len;
	return out;
}

static void set_drop(struct resource_set *set, struct str kind, struct str name)
{
	char key[KEY_MAX];
	mem_free(set->mem, map_remove(set->items, key_of(kind, name, key)));
}

enum err resource_set_put(struct resource_set *set, const struct control_row_resource *row)
{
	size_t key_len = row->kind.len + 1 + row->name.len;
	if (key_len > KEY_MAX)
		return ERR_LIMIT;
	struct item *item = set->mem->resize(
	    set->mem, NULL, sizeof(*item) + key_len + row->body.len + row->changed_by.len);
	if (!item)
		return ERR_NOMEM;
	char *p = item->bytes;
	item->row = *row;
	item->row.kind = put_bytes(&p, row->kind);
	*p++ = '\0';
	item->row.name = put_bytes(&p, row->name);
	item->key = str_make(item->bytes, key_len);
	item->row.body = put_bytes(&p, row->body);
	item->row.changed_by = put_bytes(&p, row->changed_by);
	set_drop(set, row->kind, row->name);
	enum err e = map_put(set->items, item->key, item);
	if (e != OK)
		mem_free(set->mem, item);
	return e;
}

const struct control_row_resource *resource_set_find(
    const struct resource_set *set, struct str kind, struct str name)
{
	char key[KEY_MAX];
	const struct item *item = map_find(set->items, key_of(kind, name, key));
	return item ? &item->row : NULL;
}

bool resource_set_next(
    const struct resource_set *set, size_t *at, const struct control_row_resource **ret)
{
	struct str key;
	void *value;
	if (!map_next(set->items, at, &key, &value))
		return false;
	*ret = &((const struct item *)value)->row;
	return true;
}

/* ---- planning ---- */

static struct plan_item plan_one(
    const struct resource_set *set, const struct record_resource *r, enum manager manager)
{
	struct plan_item p = { .kind = r->kind, .name = r->name, .body = r->body };
	p.old = resource_set_find(set, r->kind, r->name);
	if (p.old && p.old->manager != manager)
		p.action = PLAN_CONFLICT;
	else if (r->remove)
		p.action = p.old ? PLAN_REMOVE : PLAN_SAME;
	else if (!p.old)
		p.action = PLAN_CREATE;
	else
		p.action = str_eq(p.old->body, r->body) ? PLAN_SAME : PLAN_UPDATE;
	/* Two managers may agree; then there is nothing to refuse. */
	if (p.action == PLAN_CONFLICT && !r->remove && str_eq(p.old->body, r->body))
		p.action = PLAN_SAME;
	return p;
}

static void plan_count(struct plan *plan, enum plan_action action)
{
	plan->changes += action == PLAN_CREATE || action == PLAN_UPDATE || action == PLAN_REMOVE;
	plan->conflicts += action == PLAN_CONFLICT;
}

/* The keys of a record in a map, so that what is not in it can be told. */
static enum err keys_of(
    const struct record_resources *rec, const struct mem *mem, struct arena *a, struct map **ret)
{
	struct map *map = NULL;
	enum err e = map_open(mem, 0, RESOURCES_MAX, &map);
	for (uint32_t i = 0; e == OK && i < rec->resource_count; i++) {
		char key[KEY_MAX];
		struct str k = key_of(rec->resources[i].kind, rec->resources[i].name, key);
		k = arena_str(a, k);
		e = k.ptr ? map_put(map, k, (void *)(uintptr_t)&rec->resources[i]) : arena_err(a);
	}
	if (e != OK) {
		map_close(&map);
		return e;
	}
	*ret = map;
	return OK;
}

static enum err plan_rest(const struct resource_set *set, const struct record_resources *rec,
    struct arena *a, struct plan *plan)
{
	own(map_close) struct map *keys = NULL;
	const struct control_row_resource *row;
	enum err e = keys_of(rec, set->mem, a, &keys);
	if (e != OK)
		return e;
	for (size_t at = 0; resource_set_next(set, &at, &row);) {
		char key[KEY_MAX];
		if (row->manager != rec->manager ||
		    map_find(keys, key_of(row->kind, row->name, key)))
			continue;
		if (str_eq(row->kind, INSTALLATION_KIND))
			continue;
		plan->list[plan->count++] =
		    (struct plan_item){ PLAN_REMOVE, row->kind, row->name, STR(""), row };
		plan->changes++;
	}
	return OK;
}

enum err resources_plan(const struct resource_set *set, const struct record_resources *rec,
    struct arena *a, struct plan *ret)
{
	size_t most = rec->resource_count + (rec->whole ? map_count(set->items) : 0);
	struct plan plan = { .list = arena_new(a, struct plan_item, most) };
	if (!plan.list)
		return arena_err(a);
	for (uint32_t i = 0; i < rec->resource_count; i++) {
		plan.list[plan.count] = plan_one(set, &rec->resources[i], rec->manager);
		plan_count(&plan, plan.list[plan.count++].action);
	}
	enum err e = rec->whole ? plan_rest(set, rec, a, &plan) : OK;
	assert(plan.count <= most);
	if (e == OK)
		*ret = plan;
	return e;
}

/* ---- compiling ---- */

static enum err installation_read(struct arena *a, struct str json, struct conf_installation *ret)
{
	const struct json *root;
	struct conf_document *list;
	size_t count;
	enum err e = json_read(a, json, JSON_DEPTH_MAX, &root, NULL);
	return e != OK ? e : conf_slice_read(a, root, ret, &list, &count);
}

struct documents {
	struct conf_document *list;
	size_t count;
	struct str installation;
};
static void documents_add(struct documents *d, struct str kind, struct str name, struct str body)
{
	if (str_eq(kind, INSTALLATION_KIND))
		d->installation = body;
	else
		d->list[d->count++] =
		    (struct conf_document){ .kind = kind, .name = name, .body = body };
}

/* The set's documents as the plan leaves them. */
static enum err documents_make(
    const struct resource_set *set, const struct plan *plan, struct arena *a, struct documents *ret)
{
	own(map_close) struct map *changed = NULL;
	const struct control_row_resource *row;
	struct documents d = { .installation = str_make(
		                   installation_default, sizeof(installation_default) - 1) };
	size_t plan_count_ = plan ? plan->count : 0;
	d.list = arena_new(a, struct conf_document, map_count(set->items) + plan_count_);
	enum err e = d.list ? map_open(set->mem, 0, RESOURCES_MAX, &changed) : arena_err(a);
	for (size_t i = 0; e == OK && i < plan_count_; i++) {
		const struct plan_item *p = &plan->list[i];
		char key[KEY_MAX];
		if (p->action == PLAN_CREATE || p->action == PLAN_UPDATE)
			documents_add(&d, p->kind, p->name, p->body);
		if (p->action != PLAN_UPDATE && p->action != PLAN_REMOVE)
			continue;
		struct str k = arena_str(a, key_of(p->kind, p->name, key));
		e = k.ptr ? map_put(changed, k, d.list) : arena_err(a);
	}
	for (size_t at = 0; e == OK && resource_set_next(set, &at, &row);) {
		char key[KEY_MAX];
		if (!map_find(changed, key_of(row->kind, row->name, key)))
			documents_add(&d, row->kind, row->name, row->body);
	}
	if (e == OK)
		*ret = d;
	return e;
}

enum err resources_compile(const struct resource_set *set, const struct plan *plan,
    uint64_t version, struct zones *zones, struct arena *a, const struct directory **ret,
    struct conf_faults *faults)
{
	struct documents d;
	struct conf_installation in;
	enum err e = documents_make(set, plan, a, &d);
	/* The directory outlives the set's and the record's bytes. */
	for (size_t i = 0; e == OK && i < d.count; i++) {
		d.list[i].kind = arena_str(a, d.list[i].kind);
		d.list[i].name = arena_str(a, d.list[i].name);
		d.list[i].body = arena_str(a, d.list[i].body);
	}
	if (e == OK)
		e = installation_read(a, arena_str(a, d.installation), &in);
	if (e == OK)
		e = arena_err(a);
	if (e == OK)
		e = conf_compile(a, d.list, d.count, &in, version, zones_find, zones, ret, faults);
	return e;
}

enum err resources_apply(struct resource_set *set, const struct plan *plan, uint64_t seq,
    struct wall at, enum manager manager, struct str actor)
{
	enum err e = OK;
	for (size_t i = 0; e == OK && i < plan->count; i++) {
		const struct plan_item *p = &plan->list[i];
		struct control_row_resource row = { .kind = p->kind,
			.name = p->name,
			.body = p->body,
			.manager = manager,
			.version = seq,
			.changed_at = at,
			.changed_by = actor };
		if (p->action == PLAN_CREATE || p->action == PLAN_UPDATE)
			e = resource_set_put(set, &row);
		else if (p->action == PLAN_REMOVE)
			set_drop(set, p->kind, p->name);
	}
	return e;
}

/* ---- what comes from outside ---- */

static void diff_line(struct buf *b, char sign, struct str line)
{
	buf_add_char(b, sign);
	buf_add(b, line);
	buf_add_char(b, '\n');
}

static struct str yaml_of(
    struct arena *a, const struct mem *mem, struct str kind, struct str name, struct str body)
{
	struct conf_document d = { .kind = kind, .name = name, .body = body };
	struct buf b = buf_make(mem, 4u << 20);
	if (body.len)
		conf_write_yaml(&b, &d, 1);
	struct str text = b.err == OK ? arena_str(a, buf_str(&b)) : STR("");
	buf_free(&b);
	return text;
}

/* The lines that differ between the common head and the common tail, old ones first: short for
 * small changes. */
static void diff_write(struct buf *b, struct str old, struct str now)
{
	struct str o = old, n = now, line;
	while (o.len && n.len) {
		struct str o_rest = o, n_rest = n;
		line = str_cut(&o_rest, '\n');
		if (!str_eq(line, str_cut(&n_rest, '\n')))
			break;
		o = o_rest.ptr ? o_rest : STR("");
		n = n_rest.ptr ? n_rest : STR("");
	}
	/* The common tail, whole lines. */
	size_t same = 0, cut = 0;
	while (same < o.len && same < n.len && o.ptr[o.len - 1 - same] == n.ptr[n.len - 1 - same]) {
		same++;
		if (same == o.len || same == n.len || o.ptr[o.len - 1 - same] == '\n')
			cut = same == o.len || o.ptr[o.len - 1 - same] == '\n'
			          ? (same == n.len || n.ptr[n.len - 1 - same] == '\n' ? same : cut)
			          : cut;
	}
	o = str_first(o, o.len - cut);
	n = str_first(n, n.len - cut);
	while (o.len) {
		line = str_cut(&o, '\n');
		diff_line(b, '-', line);
		if (!o.ptr)
			break;
	}
	while (n.len) {
		line = str_cut(&n, '\n');
		diff_line(b, '+', line);
		if (!n.ptr)
			break;
	}
}

static void changes_write(
    struct jw *w, const struct resource_set *set, const struct plan *plan, struct arena *a)
{
	static const struct str name[] = { STR_INIT("same"), STR_INIT("create"), STR_INIT("update"),
		STR_INIT("remove"), STR_INIT("conflict") };
	jw_key(w, STR("changes"));
	jw_open(w, '[');
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_item *p = &plan->list[i];
		struct buf diff = buf_make(set->mem, 1u << 20);
		if (p->action == PLAN_CREATE || p->action == PLAN_UPDATE ||
		    p->action == PLAN_REMOVE)
			diff_write(&diff,
			    yaml_of(a, set->mem, p->kind, p->name, p->old ? p->old->body : STR("")),
			    p->action == PLAN_REMOVE
			        ? STR("")
			        : yaml_of(a, set->mem, p->kind, p->name, p->body));
		jw_open(w, '{');
		jw_kv_str(w, STR("action"), name[p->action]);
		jw_kv_str(w, STR("kind"), p->kind);
		jw_kv_str(w, STR("name"), p->name);
		jw_kv_str(w, STR("diff"), buf_str(&diff));
		jw_close(w, '}');
		buf_free(&diff);
	}
	jw_close(w, ']');
}

static void error_write(struct jw *w, struct str path, struct str message, struct str hint)
{
	jw_open(w, '{');
	jw_kv_str(w, STR("path"), path);
	jw_kv_str(w, STR("message"), message);
	jw_kv_str(w, STR("hint"), hint);
	jw_close(w, '}');
}

static void errors_write(
    struct jw *w, const struct plan *plan, const struct conf_faults *faults, struct arena *a)
{
	jw_key(w, STR("errors"));
	jw_open(w, '[');
	for (size_t i = 0; i < faults->count; i++)
		error_write(w, faults->list[i].path, faults->list[i].message, faults->list[i].hint);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_item *p = &plan->list[i];
		if (p->action != PLAN_CONFLICT)
			continue;
		struct str by = manager_name[p->old->manager];
		error_write(w, arena_printf(a, "%.*s %.*s", STR_ARG(p->kind), STR_ARG(p->name)),
		    arena_printf(a, "is managed by %.*s and cannot be changed here", STR_ARG(by)),
		    p->old->manager == MANAGER_FILE
		        ? STR("change it in its file and reload")
		        : arena_printf(a,
		              "change it where it came from (%.*s), or remove it there first",
		              STR_ARG(by)));
	}
	jw_close(w, ']');
}

/* Checks one document against its schema and takes its canonical body. */
static enum err canonical(struct arena *a, struct record_resource *r, struct conf_faults *faults)
{
	const struct json *value;
	struct conf_document doc;
	if (r->remove)
		return OK;
	enum err e = json_read(a, r->body, JSON_DEPTH_MAX, &value, NULL);
	if (e == OK)
		e = conf_read_json(a, value, &doc, faults);
	if (e != OK)
		return e;
	r->kind = doc.kind;
	r->name = doc.name;
	r->body = doc.body;
	return OK;
}

enum err resources_check(const struct resource_set *set, struct record_resources *rec,
    struct zones *zones, struct arena *a, struct plan *ret_plan, struct buf *ret_json)
{
	struct conf_faults faults = conf_faults_make(a);
	struct plan plan = { 0 };
	const struct directory *dir;
	bool invalid = false;
	enum err e = OK;
	struct record_resource *list = arena_new(a, struct record_resource, rec->resource_count);
	if (!list)
		return arena_err(a);
	for (uint32_t i = 0; i < rec->resource_count; i++) {
		list[i] = rec->resources[i];
		e = canonical(a, &list[i], &faults);
		invalid = invalid || e == ERR_INPUT;
		if (e != OK && e != ERR_INPUT)
			return e;
	}
	rec->resources = list;
	e = invalid ? ERR_INPUT : resources_plan(set, rec, a, &plan);
	if (e == OK)
		e = resources_compile(set, &plan, 1, zones, a, &dir, &faults);
	if (e == OK && plan.conflicts)
		e = ERR_DENIED;
	if (e != OK && e != ERR_INPUT && e != ERR_DENIED)
		return e;
	struct jw w = jw_make(ret_json);
	jw_open(&w, '{');
	changes_write(&w, set, &plan, a);
	errors_write(&w, &plan, &faults, a);
	jw_close(&w, '}');
	if (ret_json->err != OK)
		return ret_json->err;
	*ret_plan = plan;
	return e;
}

/* ---- what files manage ---- */

/* In order of dependence; the last is everything else. */
static const struct str kind_order[] = {
	STR_INIT("Installation"),
	STR_INIT("User"),
	STR_INIT("Team"),
	STR_INIT("Schedule"),
	STR_INIT("EscalationPolicy"),
	STR_INIT("Service"),
	STR_INIT("Alert"),
	STR_INIT("RuleGroup"),
	STR_INIT(""),
};
static size_t kind_rank(struct str kind)
{
	for (size_t i = 0; i + 1 < ARRAY_COUNT(kind_order); i++)
		if (str_eq(kind, kind_order[i]))
			return i;
	return ARRAY_COUNT(kind_order) - 1;
}

static struct str installation_json(
    const struct json *slice, struct arena *a, const struct mem *mem)
{
	struct buf b = buf_make(mem, RECORD_BYTES_MAX / 2);
	struct jw w = jw_make(&b);
	const struct json *providers = json_get(slice, STR("providers"));
	const struct json *fallback = json_get(slice, STR("fallback"));
	jw_open(&w, '{');
	jw_key(&w, STR("providers"));
	jw_raw(&w, providers ? providers->raw : STR("[]"));
	jw_key(&w, STR("fallback"));
	jw_raw(&w, fallback ? fallback->raw : STR("[]"));
	jw_kv_str(&w, STR("base_url"), json_get_str(slice, STR("base_url")));
	jw_key(&w, STR("resources"));
	jw_raw(&w, STR("[]"));
	jw_close(&w, '}');
	struct str text = b.err == OK ? arena_str(a, buf_str(&b)) : STR("");
	buf_free(&b);
	return text;
}

struct pieces {
	struct arena *arena;
	struct record_resources *list;
	size_t count, cap, bytes;
};
static enum err pieces_add(struct pieces *p, const struct plan_item *item)
{
	struct record_resources *last = p->count ? &p->list[p->count - 1] : NULL;
	size_t n = item->kind.len + item->name.len + item->body.len + 32;
	if (!last || p->bytes + n > RECORD_BYTES_MAX - 4096 ||
	    last->resource_count == RECORD_LIST_MAX) {
		if (p->count == p->cap)
			return ERR_LIMIT;
		last = &p->list[p->count++];
		*last = (struct record_resources){
			.manager = MANAGER_FILE, .actor = STR("file"), .via = STR("file")
		};
		last->resources = arena_new(p->arena, struct record_resource, RECORD_LIST_MAX);
		p->bytes = 0;
		if (!last->resources)
			return arena_err(p->arena);
	}
	struct record_resource *list = (struct record_resource *)(uintptr_t)last->resources;
	list[last->resource_count++] =
	    (struct record_resource){ .remove = item->action == PLAN_REMOVE,
		    .kind = item->kind,
		    .name = item->name,
		    .body = item->body };
	p->bytes += n;
	return OK;
}

static enum err pieces_make(const struct plan *plan, struct pieces *p)
{
	enum err e = OK;
	for (size_t rank = 0; rank < ARRAY_COUNT(kind_order); rank++)
		for (size_t i = 0; e == OK && i < plan->count; i++)
			if (plan->list[i].action != PLAN_SAME &&
			    plan->list[i].action != PLAN_CONFLICT &&
			    plan->list[i].action != PLAN_REMOVE &&
			    kind_rank(plan->list[i].kind) == rank)
				e = pieces_add(p, &plan->list[i]);
	for (size_t rank = ARRAY_COUNT(kind_order); rank-- > 0;)
		for (size_t i = 0; e == OK && i < plan->count; i++)
			if (plan->list[i].action == PLAN_REMOVE &&
			    kind_rank(plan->list[i].kind) == rank)
				e = pieces_add(p, &plan->list[i]);
	return e;
}

#define PIECES_MAX 64
enum err resources_from_slice(const struct resource_set *set, const struct json *slice,
    struct arena *a, struct record_resources **ret_list, size_t *ret_count, size_t *ret_conflicts)
{
	struct conf_installation in;
	struct conf_document *docs;
	size_t count;
	struct plan plan;
	enum err e = conf_slice_read(a, slice, &in, &docs, &count);
	if (e != OK)
		return e;
	if (count >= UINT32_MAX)
		return ERR_LIMIT;
	struct record_resource *all = arena_new(a, struct record_resource, count + 1);
	if (!all)
		return arena_err(a);
	for (size_t i = 0; i < count; i++)
		all[i] = (struct record_resource){
			.kind = docs[i].kind, .name = docs[i].name, .body = docs[i].body
		};
	all[count] = (struct record_resource){ .kind = INSTALLATION_KIND,
		.name = INSTALLATION_NAME,
		.body = installation_json(slice, a, set->mem) };
	struct record_resources rec = { .manager = MANAGER_FILE,
		.whole = true,
		.resources = all,
		.resource_count = (uint32_t)count + 1 };
	e = resources_plan(set, &rec, a, &plan);
	if (e != OK)
		return e;
	struct pieces p = { .arena = a,
		.list = arena_new(a, struct record_resources, PIECES_MAX),
		.cap = PIECES_MAX };
	e = p.list ? pieces_make(&plan, &p) : arena_err(a);
	if (e != OK)
		return e;
	*ret_list = p.list;
	*ret_count = p.count;
	*ret_conflicts = plan.conflicts;
	return OK;
}

enum err resources_slice_check(const struct resource_set *set, const struct record_resources *list,
    size_t count, struct zones *zones, struct arena *a, struct conf_faults *faults)
{
	size_t total = 0, n = 0;
	struct plan plan;
	const struct directory *dir;
	for (size_t i = 0; i < count; i++)
		total += list[i].resource_count;
	struct record_resource *all = arena_new(a, struct record_resource, total);
	if (!all)
		return arena_err(a);
	for (size_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < list[i].resource_count; k++)
			all[n++] = list[i].resources[k];
	struct record_resources rec = {
		.manager = MANAGER_FILE, .resources = all, .resource_count = (uint32_t)total
	};
	enum err e = resources_plan(set, &rec, a, &plan);
	return e != OK ? e : resources_compile(set, &plan, 1, zones, a, &dir, faults);
}

void resources_rules_json(const struct resource_set *set, struct buf *b)
{
	const struct control_row_resource *row;
	bool first = true;
	buf_add_char(b, '[');
	for (size_t at = 0; resource_set_next(set, &at, &row);) {
		if (!str_eq(row->kind, STR("Alert")) && !str_eq(row->kind, STR("RuleGroup")))
			continue;
		if (!first)
			buf_add_char(b, ',');
		buf_add(b, row->body);
		first = false;
	}
	buf_add_char(b, ']');
}
