/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents: from YAML or JSON to a checked, canonical form with kind and name, and back to YAML.
 */
#include "conf/resource.h"
#include "conf/form_priv.h"
#include "conf/kinds_priv.h"
#include "conf/yaml_priv.h"
#include <assert.h>

#define DOCUMENTS_MAX 10000u
#define BODY_BYTES_MAX (512u << 10) /* one document; a record of the inbox holds a megabyte */

static const struct str none = STR_INIT("");

static struct conf_site site(struct str file, const struct conf_node *n)
{
	return (struct conf_site){ file, n, NULL, false };
}

static struct str all_kinds(struct arena *a)
{
	struct buf b = buf_make(&mem_system, 1024);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		buf_printf(&b, "%s%.*s",
		    !k                    ? ""
		    : k + 1 == KIND_COUNT ? " or "
		                          : ", ",
		    STR_ARG(conf_kind_name((enum conf_kind)k)));
	struct str s = arena_printf(a, "a kind is %.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return s;
}

/* The table for this document, or NULL with a fault. */
static const struct conf_table *table_of(struct conf_check *c, const struct conf_node *root)
{
	if (root->type != CONF_MAP) {
		conf_fault_add(c->faults, site(c->file, root), all_kinds(c->a),
		    "a document is a map with kind and name, this is %s",
		    conf_node_type_text(root));
		return NULL;
	}
	const struct conf_node *kind = conf_node_find(root, STR("kind"));
	if (!kind) {
		conf_fault_add(
		    c->faults, site(c->file, root), all_kinds(c->a), "\"kind\" is missing");
		return NULL;
	}
	enum conf_kind k = conf_kind_find(kind->text);
	if (k != KIND_COUNT && kind->type == CONF_TEXT)
		return conf_kind_table[k];
	struct str names[KIND_COUNT];
	for (unsigned i = 0; i < KIND_COUNT; i++)
		names[i] = conf_kind_name((enum conf_kind)i);
	struct str text = kind->type == CONF_LIST || kind->type == CONF_MAP ? none : kind->text;
	conf_fault_add(c->faults, site(c->file, kind),
	    conf_did_you_mean(c->a, text, names, KIND_COUNT, all_kinds(c->a)),
	    "unknown kind \"%.*s\"", STR_ARG(str_utf8_first(text, 64)));
	return NULL;
}

static enum err make_body(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *root, struct str kind, struct str name, struct conf_document *ret)
{
	struct buf b = buf_make(&mem_system, BODY_BYTES_MAX);
	struct jw w = jw_make(&b);
	conf_table_write(&w, table, root, kind, name);
	enum err err = b.err;
	if (err == ERR_LIMIT) {
		conf_fault_add(c->faults, site(c->file, root), STR("split it"),
		    "%.*s \"%.*s\" is too large", STR_ARG(kind), STR_ARG(name));
		err = ERR_INPUT;
	}
	struct conf_document d = {
		.kind = kind, .name = name, .file = c->file, .line = root->line, .tree = root
	};
	if (!err) {
		d.body = arena_str(c->a, buf_str(&b));
		err = d.body.ptr ? OK : arena_err(c->a);
	}
	buf_free(&b);
	if (!err)
		*ret = d;
	return err;
}

/* "Schedule web-primary", as the root of paths. */
static struct str title(struct arena *a, struct str kind, const struct conf_node *root)
{
	const struct conf_node *name = conf_node_find(root, STR("name"));
	if (!name || name->type == CONF_LIST || name->type == CONF_MAP)
		return kind;
	return arena_printf(
	    a, "%.*s %.*s", STR_ARG(kind), STR_ARG(str_utf8_first(name->text, 128)));
}

/* Rules that a table cannot say. */
static bool check_meaning(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *root, const struct conf_where *where);

static enum err read_document(
    struct conf_check *c, const struct conf_node *root, struct conf_document *ret)
{
	const struct conf_table *table = table_of(c, root);
	if (!table)
		return ERR_INPUT;
	struct conf_where where = conf_root(title(c->a, table->name, root));
	if (!conf_table_check(c, table, root, &where) || !check_meaning(c, table, root, &where))
		return arena_err(c->a) ? arena_err(c->a) : ERR_INPUT;
	return make_body(c, table, root, table->name, conf_get_text(table, root, STR("name")), ret);
}

static bool check_rule(
    struct conf_check *c, const struct conf_node *rule, const struct conf_where *where)
{
	if (!conf_node_find(rule, STR("record")))
		return true;
	static const struct str alert_only[] = { STR_INIT("for"), STR_INIT("keep_firing_for"),
		STR_INIT("annotations") };
	bool ok = true;
	for (size_t i = 0; i < ARRAY_COUNT(alert_only); i++) {
		const struct conf_node *n = conf_node_find(rule, alert_only[i]);
		if (!n)
			continue;
		struct conf_site s = { c->file, n, where, true };
		conf_fault_add(c->faults, s, STR("it belongs to an alert"),
		    "a recording rule has no \"%.*s\"", STR_ARG(alert_only[i]));
		ok = false;
	}
	return ok;
}

static bool check_rules(
    struct conf_check *c, const struct conf_node *group, const struct conf_where *where)
{
	const struct conf_node *rules = conf_node_find(group, STR("rules"));
	struct conf_where in = conf_in(where, STR("rules"));
	bool ok = true;
	uint32_t i = 0;
	for (const struct conf_node *n = rules ? rules->child : NULL; n; n = n->next, i++) {
		struct conf_where at = conf_nth(&in, i);
		ok &= check_rule(c, n, &at);
	}
	return ok;
}

static bool check_band(struct conf_check *c, const struct conf_table *t,
    const struct conf_node *root, const struct conf_where *where)
{
	const struct conf_node *above = conf_node_find(root, STR("above"));
	const struct conf_node *below = conf_node_find(root, STR("below"));
	if (!above || !below ||
	    conf_get_number(t, root, STR("above")) > conf_get_number(t, root, STR("below")))
		return true;
	struct conf_where at = conf_in(where, STR("above"));
	conf_fault_add(c->faults, (struct conf_site){ c->file, above, &at, false },
	    STR("`above` is the upper limit and `below` the lower one"),
	    "above %.*s is not higher than below %.*s: every value would fire",
	    STR_ARG(above->text), STR_ARG(below->text));
	return false;
}

static bool check_spans_of_layers(
    struct conf_check *c, const struct conf_node *root, const struct conf_where *where)
{
	static const struct str lists[] = { STR_INIT("layers"), STR_INIT("overrides") };
	bool ok = true;
	for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
		const struct conf_node *list = conf_node_find(root, lists[l]);
		struct conf_where in = conf_in(where, lists[l]);
		uint32_t i = 0;
		for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next, i++) {
			const struct conf_node *start = conf_node_find(n, STR("start"));
			const struct conf_node *end = conf_node_find(n, STR("end"));
			if (!start || !end)
				continue;
			struct civil from = { 0 }, to = { 0 };
			struct wall wall_from = { 0 }, wall_to = { 1 };
			bool before = l == 0 ? !civil_parse(start->text, &from) &&
			                           !civil_parse(end->text, &to) &&
			                           civil_to_s(from) < civil_to_s(to)
			                     : !wall_parse(start->text, &wall_from) &&
			                           !wall_parse(end->text, &wall_to) &&
			                           wall_from.ns < wall_to.ns;
			if (before)
				continue;
			struct conf_where nth = conf_nth(&in, i), at = conf_in(&nth, STR("end"));
			conf_fault_add(c->faults, (struct conf_site){ c->file, end, &at, false },
			    none, "the end %.*s is not after the start %.*s", STR_ARG(end->text),
			    STR_ARG(start->text));
			ok = false;
		}
	}
	return ok;
}

static bool check_meaning(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *root, const struct conf_where *where)
{
	if (table == conf_kind_table[KIND_RULE_GROUP])
		return check_rules(c, root, where);
	if (table == conf_kind_table[KIND_ALERT])
		return check_band(c, table, root, where);
	if (table == conf_kind_table[KIND_SCHEDULE])
		return check_spans_of_layers(c, root, where);
	return true;
}

/* conf.d/node.rules.yaml -> node */
static struct str file_stem(struct str file)
{
	for (size_t i = file.len; i-- > 0;) {
		if (file.ptr[i] == '/') {
			file = str_from(file, i + 1);
			break;
		}
	}
	static const struct str ends[] = { STR_INIT(".yaml"), STR_INIT(".yml"),
		STR_INIT(".rules") };
	for (size_t i = 0; i < ARRAY_COUNT(ends); i++)
		if (str_ends(file, ends[i]) && file.len > ends[i].len)
			file.len -= ends[i].len;
	return str_empty(file) ? STR("rules") : file;
}

struct list {
	struct conf_document *items;
	size_t count, cap;
};

static enum err list_add(struct conf_check *c, struct list *l, const struct conf_document *d)
{
	if (l->count == DOCUMENTS_MAX) {
		conf_fault_add(c->faults, site(c->file, d->tree), STR("split the file"),
		    "more than %u documents in one file", DOCUMENTS_MAX);
		return ERR_INPUT;
	}
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		struct conf_document *items = arena_new(c->a, struct conf_document, cap);
		if (!items)
			return arena_err(c->a);
		if (l->count)
			memcpy(items, l->items, l->count * sizeof *items);
		l->items = items;
		l->cap = cap;
	}
	l->items[l->count++] = *d;
	return OK;
}

static enum err read_rule_file(struct conf_check *c, const struct conf_node *root, struct list *l)
{
	struct conf_where where = conf_root(STR("rule file"));
	if (!conf_table_check(c, &conf_rule_file_table, root, &where))
		return ERR_INPUT;
	const struct conf_table *table = conf_kind_table[KIND_RULE_GROUP];
	struct str stem = file_stem(c->file);
	enum err worst = OK;
	const struct conf_node *groups = conf_node_find(root, STR("groups"));
	for (const struct conf_node *g = groups->child; g; g = g->next) {
		const struct conf_node *own_name = conf_node_find(g, STR("name"));
		struct str name =
		    arena_printf(c->a, "%.*s/%.*s", STR_ARG(stem), STR_ARG(own_name->text));
		if (!name.ptr)
			return arena_err(c->a);
		struct conf_where at =
		    conf_root(arena_printf(c->a, "RuleGroup %.*s", STR_ARG(name)));
		struct conf_document d;
		enum err err = check_rules(c, g, &at)
		                   ? make_body(c, table, g, table->name, name, &d)
		                   : ERR_INPUT;
		if (!err)
			err = list_add(c, l, &d);
		if (err && err != ERR_INPUT)
			return err;
		worst = err ? err : worst;
	}
	return worst;
}

enum err conf_read_yaml(struct arena *a, struct str file, struct str text,
    struct conf_document **ret_list, size_t *ret_count, struct conf_faults *faults)
{
	assert(a && faults && faults->arena);
	struct str kept = arena_str(a, file);
	if (!kept.ptr)
		return arena_err(a);
	struct conf_check c = { a, kept, faults };
	const struct conf_node *root = NULL;
	enum err err = conf_yaml_read(a, kept, text, &root, faults);
	struct list l = { 0 };
	enum err worst = err;
	for (; !err && root; root = root->next) {
		struct conf_document d;
		if (root->type == CONF_MAP && conf_node_find(root, STR("groups")) &&
		    !conf_node_find(root, STR("kind"))) {
			err = read_rule_file(&c, root, &l);
		} else {
			err = read_document(&c, root, &d);
			if (!err)
				err = list_add(&c, &l, &d);
		}
		if (err == ERR_INPUT) {
			worst = err;
			err = OK; /* the other documents' faults are wanted as well */
		}
	}
	if (err || worst)
		return err ? err : worst;
	*ret_list = l.items;
	*ret_count = l.count;
	return OK;
}

enum err conf_read_json(struct arena *a, const struct json *value, struct conf_document *ret,
    struct conf_faults *faults)
{
	assert(a && value && faults);
	struct conf_check c = { a, none, faults };
	const struct conf_node *root;
	enum err err = conf_node_from_json(a, value, none, &root, faults);
	return err ? err : read_document(&c, root, ret);
}

void conf_write_yaml(struct buf *b, const struct conf_document *list, size_t count)
{
	for (size_t i = 0; i < count && !b->err; i++) {
		struct arena *a = NULL;
		const struct json *body;
		enum err err = arena_open(&mem_system, (size_t)64 << 20, &a);
		if (!err)
			err = json_read(a, list[i].body, JSON_DEPTH_MAX, &body, NULL);
		if (err && !b->err)
			b->err = err; /* the body is ours: only memory can fail, and that is a
			                 builder's error */
		if (i)
			buf_add_c(b, "---\n");
		if (!err)
			conf_yaml_write(b, body);
		arena_close(&a);
	}
}

static const struct conf_node *step_into(const struct conf_node *n, struct str *path)
{
	if (str_starts(*path, STR("["))) {
		size_t close = str_find(*path, ']');
		uint64_t index;
		if (close == path->len || str_u64(str_make(path->ptr + 1, close - 1), &index))
			return NULL;
		*path = str_from(*path, close + 1);
		const struct conf_node *child = n->type == CONF_LIST ? n->child : NULL;
		while (child && index--)
			child = child->next;
		return child;
	}
	if (str_starts(*path, STR(".")))
		*path = str_from(*path, 1);
	size_t end = 0;
	while (end < path->len && path->ptr[end] != '.' && path->ptr[end] != '[')
		end++;
	struct str key = str_first(*path, end);
	*path = str_from(*path, end);
	return end ? conf_node_find(n, key) : NULL;
}

bool conf_document_place(const struct conf_document *list, size_t count, struct str path,
    struct str *ret_file, unsigned *ret_line, unsigned *ret_column)
{
	for (size_t i = 0; i < count; i++) {
		const struct conf_document *d = &list[i];
		struct str rest = path;
		if (!d->tree || !str_starts(rest, d->kind))
			continue;
		rest = str_from(rest, d->kind.len);
		if (!str_starts(rest, STR(" ")) || !str_starts(str_from(rest, 1), d->name))
			continue;
		rest = str_from(rest, 1 + d->name.len);
		if (rest.len && !str_starts(rest, STR(": ")))
			continue;
		rest = str_from(rest, 2);
		const struct conf_node *n = d->tree, *deeper = n;
		while (rest.len && (deeper = step_into(n, &rest)) != NULL)
			n = deeper;
		*ret_file = d->file;
		*ret_line = n->line;
		*ret_column = n->column;
		return true;
	}
	return false;
}

enum err conf_document_queries(
    struct arena *a, const struct conf_document *document, conf_query_see *see, void *context)
{
	bool group = str_eq(document->kind, STR("RuleGroup"));
	if (!group && !str_eq(document->kind, STR("Alert")))
		return OK;
	const struct json *body;
	enum err err = json_read(a, document->body, JSON_DEPTH_MAX, &body, NULL);
	if (err)
		return err;
	struct str query = json_get_str(body, STR("query"));
	if (!group)
		return query.ptr ? see(context, STR("query"), query) : OK;
	const struct json *rules = json_get(body, STR("rules"));
	size_t i = 0;
	for (const struct json *r = rules ? rules->child : NULL; r && !err; r = r->next, i++) {
		struct str path = arena_printf(a, "rules[%zu].expr", i);
		query = json_get_str(r, STR("expr"));
		if (query.ptr)
			err = path.ptr ? see(context, path, query) : arena_err(a);
	}
	return err;
}

struct docs {
	struct arena *a;
	struct conf_field_doc *list;
	size_t count;
};

static struct str field_type_text(struct arena *a, const struct conf_field *f)
{
	switch (f->type) {
	case FIELD_TEXT: return arena_str(a, conf_form_text(f->form));
	case FIELD_BOOL: return STR("true or false");
	case FIELD_INT: return STR("a whole number");
	case FIELD_NUMBER: return STR("a number");
	case FIELD_SPAN: return STR("a duration");
	case FIELD_CHOICE: {
		struct buf b = buf_make(&mem_system, 4096);
		for (unsigned i = 0; i < f->choice_count; i++)
			buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(f->choices[i]));
		struct str s = arena_printf(a, "one of %.*s", STR_ARG(buf_str(&b)));
		buf_free(&b);
		return s;
	}
	case FIELD_MAP: return STR("a map");
	case FIELD_MAPS: return STR("a list of maps");
	case FIELD_TEXTS:
		return arena_printf(a, "a list, each %.*s", STR_ARG(conf_form_text(f->form)));
	case FIELD_LABELS: return STR("a map of names to texts");
	}
	assert(false && "every type has a text");
	return none;
}

static void collect(struct docs *d, struct str kind, struct str prefix, const struct conf_table *t)
{
	for (unsigned i = 0; i < t->field_count; i++) {
		const struct conf_field *f = &t->fields[i];
		struct str path = arena_printf(d->a, "%.*s%.*s%s", STR_ARG(prefix),
		    STR_ARG(f->name), f->type == FIELD_MAPS || f->type == FIELD_TEXTS ? "[]" : "");
		if (d->list) {
			d->list[d->count] =
			    (struct conf_field_doc){ kind, path, field_type_text(d->a, f),
				    f->default_, f->meaning, (f->flags & FIELD_REQUIRED) != 0 };
		}
		d->count++;
		if (f->table)
			collect(d, kind, arena_printf(d->a, "%.*s.", STR_ARG(path)), f->table);
	}
}

static void collect_all(struct docs *d)
{
	d->count = 0;
	collect(d, none, none, &conf_install_table);
	for (unsigned k = 0; k < KIND_COUNT; k++)
		collect(d, conf_kind_table[k]->name, none, conf_kind_table[k]);
}

size_t conf_field_docs(struct arena *a, const struct conf_field_doc **ret_list)
{
	struct docs d = { .a = a };
	collect_all(&d);
	d.list = arena_new(a, struct conf_field_doc, d.count);
	if (!d.list)
		return 0;
	collect_all(&d);
	*ret_list = d.list;
	return d.count;
}
