/* SPDX-License-Identifier: Apache-2.0
 *
 * One walk of a schema table over a tree: is every key known, every value of its type and in its
 * range, is nothing missing. And the same walk writing canonical JSON.
 */
#include "conf/schema_priv.h"
#include "conf/form_priv.h"
#include <assert.h>
#include <math.h>

#define TABLE_FIELDS_MAX 32u
#define LIST_MAX 10000u
#define LABELS_MAX 64u

static const struct str no_hint = STR_INIT("");

static struct conf_site site(
    const struct conf_check *c, const struct conf_node *n, const struct conf_where *where)
{
	return (struct conf_site){ c->file, n, where, false };
}

const struct conf_field *conf_field_find(const struct conf_table *table, struct str name)
{
	for (unsigned i = 0; i < table->field_count; i++)
		if (str_eq(table->fields[i].name, name))
			return &table->fields[i];
	return NULL;
}

static bool check_text(struct conf_check *c, enum text_form form, const struct conf_node *n,
    const struct conf_where *where)
{
	/* Without quotes 007 or 1e3 is a number to YAML and the text "007" to whoever wrote it. */
	if (n->type != CONF_TEXT &&
	    !(n->plain && (n->type == CONF_NUMBER || n->type == CONF_BOOL))) {
		conf_fault_add(c->faults, site(c, n, where), no_hint, "expected text, this is %s",
		    conf_node_type_text(n));
		return false;
	}
	struct form_fault fault;
	if (conf_form_check(c->a, form, n->text, &fault))
		return true;
	conf_fault_add(c->faults, site(c, n, where), fault.hint, "%.*s", STR_ARG(fault.message));
	return false;
}

static bool check_bool(
    struct conf_check *c, const struct conf_node *n, const struct conf_where *where)
{
	if (n->type == CONF_BOOL)
		return true;
	static const struct str old[] = { STR_INIT("yes"), STR_INIT("no"), STR_INIT("on"),
		STR_INIT("off") };
	struct str hint = no_hint;
	for (size_t i = 0; i < ARRAY_COUNT(old); i++)
		if (n->type == CONF_TEXT && str_eq_nocase(n->text, old[i]))
			hint = i % 2 ? STR("write false") : STR("write true");
	conf_fault_add(c->faults, site(c, n, where), hint, "expected true or false, this is %s",
	    conf_node_type_text(n));
	return false;
}

static bool number_of(const struct conf_node *n, double *ret)
{
	if (n->type != CONF_NUMBER)
		return false;
	struct str s = n->text;
	if (s.len && s.ptr[0] == '+')
		s = str_from(s, 1);
	bool minus = s.len && s.ptr[0] == '-';
	if (str_eq_nocase(str_from(s, minus), STR(".inf"))) {
		*ret = minus ? -HUGE_VAL : HUGE_VAL;
		return true;
	}
	return str_f64(s, false, ret) == OK;
}

static bool check_number(struct conf_check *c, const struct conf_field *f,
    const struct conf_node *n, const struct conf_where *where)
{
	double v;
	if (!number_of(n, &v) || !isfinite(v)) {
		conf_fault_add(c->faults, site(c, n, where),
		    n->type == CONF_TEXT && !n->plain ? STR("leave the quotes out") : no_hint,
		    "expected a number, this is %s",
		    n->type == CONF_NUMBER ? "none that can be held" : conf_node_type_text(n));
		return false;
	}
	if (f->type == FIELD_INT && v != floor(v)) {
		conf_fault_add(c->faults, site(c, n, where), no_hint,
		    "expected a whole number, this is %.*s", STR_ARG(n->text));
		return false;
	}
	double max = f->max != 0 ? f->max : f->type == FIELD_INT ? 9007199254740992.0 : HUGE_VAL;
	double min = f->type == FIELD_INT ? f->min : -HUGE_VAL;
	if (v >= min && v <= max)
		return true;
	conf_fault_add(c->faults, site(c, n, where), no_hint, "%.*s is not within %.0f to %.0f",
	    STR_ARG(n->text), min, max);
	return false;
}

static const struct str span_hint = STR_INIT("a duration is such as 500ms, 10s, 5m, 1h30m, 7d");

static bool check_span(struct conf_check *c, const struct conf_field *f, const struct conf_node *n,
    const struct conf_where *where)
{
	struct span d;
	if (n->type != CONF_TEXT && n->type != CONF_NUMBER) {
		conf_fault_add(c->faults, site(c, n, where), span_hint,
		    "expected a duration, this is %s", conf_node_type_text(n));
		return false;
	}
	if (span_parse(n->text, &d) || d.ns < 0) {
		conf_fault_add(c->faults, site(c, n, where), span_hint,
		    "\"%.*s\" is not a duration", STR_ARG(str_utf8_first(n->text, 64)));
		return false;
	}
	double s = (double)d.ns / 1e9;
	if (s < f->min || (f->max != 0 && s > f->max)) {
		struct buf b = buf_make(&mem_system, 128);
		span_format(&b, SPAN_MS(f->min * 1000));
		if (f->max != 0) {
			buf_add_c(&b, " to ");
			span_format(&b, SPAN_MS(f->max * 1000));
		} else {
			buf_add_c(&b, " or more");
		}
		struct str range = arena_printf(c->a, "it must be %.*s", STR_ARG(buf_str(&b)));
		buf_free(&b);
		conf_fault_add(c->faults, site(c, n, where), range, "the duration %.*s is too %s",
		    STR_ARG(n->text), s < f->min ? "short" : "long");
		return false;
	}
	return true;
}

static struct str list_words(struct arena *a, const struct str *words, unsigned count)
{
	struct buf b = buf_make(&mem_system, 4096);
	for (unsigned i = 0; i < count; i++) {
		buf_add_c(&b, i == 0 ? "" : i + 1 == count ? " or " : ", ");
		buf_add(&b, words[i]);
	}
	struct str s = arena_printf(a, "it must be %.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return s;
}

static bool check_choice(struct conf_check *c, const struct conf_field *f,
    const struct conf_node *n, const struct conf_where *where)
{
	for (unsigned i = 0; i < f->choice_count; i++)
		if (n->type == CONF_TEXT && str_eq(n->text, f->choices[i]))
			return true;
	struct str all = list_words(c->a, f->choices, f->choice_count);
	if (n->type == CONF_LIST || n->type == CONF_MAP) {
		conf_fault_add(c->faults, site(c, n, where), all, "expected a word, this is %s",
		    conf_node_type_text(n));
		return false;
	}
	conf_fault_add(c->faults, site(c, n, where),
	    conf_did_you_mean(c->a, n->text, f->choices, f->choice_count, all),
	    "unknown %.*s \"%.*s\"", STR_ARG(f->name), STR_ARG(str_utf8_first(n->text, 64)));
	return false;
}

static bool check_count(struct conf_check *c, const struct conf_field *f, const struct conf_node *n,
    const struct conf_where *where)
{
	double max = f->max != 0 ? f->max : LIST_MAX;
	if (n->count < f->min) {
		conf_fault_add(c->faults, site(c, n, where), no_hint, "the list is empty");
		return false;
	}
	if (n->count <= max)
		return true;
	conf_fault_add(c->faults, site(c, n, where), no_hint,
	    "the list has %u entries, at most %.0f fit", n->count, max);
	return false;
}

static bool check_list(struct conf_check *c, const struct conf_field *f, const struct conf_node *n,
    const struct conf_where *where)
{
	if (f->type == FIELD_TEXTS && n->type != CONF_LIST && n->type != CONF_MAP)
		return check_text(c, f->form, n, where);
	if (n->type != CONF_LIST) {
		conf_fault_add(c->faults, site(c, n, where),
		    n->type == CONF_MAP ? STR("begin each entry with \"- \"") : no_hint,
		    "expected a list, this is %s", conf_node_type_text(n));
		return false;
	}
	bool ok = check_count(c, f, n, where);
	uint32_t i = 0;
	for (const struct conf_node *m = n->child; m; m = m->next, i++) {
		struct conf_where at = conf_nth(where, i);
		if (m->type == CONF_NULL && (f->flags & FIELD_NULLS))
			continue;
		ok &= f->type == FIELD_MAPS ? conf_table_check(c, f->table, m, &at)
		                            : check_text(c, f->form, m, &at);
	}
	return ok;
}

static bool check_labels(
    struct conf_check *c, const struct conf_node *n, const struct conf_where *where)
{
	if (n->type != CONF_MAP) {
		conf_fault_add(c->faults, site(c, n, where), STR("write name: value lines"),
		    "expected a map, this is %s", conf_node_type_text(n));
		return false;
	}
	bool ok = true;
	if (n->count > LABELS_MAX) {
		conf_fault_add(c->faults, site(c, n, where), no_hint, "%u labels, at most %u fit",
		    n->count, LABELS_MAX);
		ok = false;
	}
	for (const struct conf_node *m = n->child; m; m = m->next) {
		struct conf_where at = conf_in(where, m->name);
		if (!conf_label_name_valid(m->name)) {
			struct conf_site s = { c->file, m, &at, true };
			conf_fault_add(c->faults, s,
			    STR("letters, digits and _, not beginning with a digit"),
			    "\"%.*s\" is not a label name", STR_ARG(str_utf8_first(m->name, 64)));
			ok = false;
		}
		if (m->type != CONF_NULL)
			ok &= check_text(c, FORM_ANY, m, &at);
	}
	return ok;
}

static bool check_value(struct conf_check *c, const struct conf_field *f, const struct conf_node *n,
    const struct conf_where *where)
{
	switch (f->type) {
	case FIELD_TEXT: return check_text(c, f->form, n, where);
	case FIELD_BOOL: return check_bool(c, n, where);
	case FIELD_INT:
	case FIELD_NUMBER: return check_number(c, f, n, where);
	case FIELD_SPAN: return check_span(c, f, n, where);
	case FIELD_CHOICE: return check_choice(c, f, n, where);
	case FIELD_MAP: return conf_table_check(c, f->table, n, where);
	case FIELD_MAPS:
	case FIELD_TEXTS: return check_list(c, f, n, where);
	case FIELD_LABELS: return check_labels(c, n, where);
	}
	assert(false && "every type is checked");
	return false;
}

static bool refuse_unknown(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *n, const struct conf_where *where)
{
	struct str names[TABLE_FIELDS_MAX];
	assert(table->field_count <= TABLE_FIELDS_MAX);
	for (unsigned i = 0; i < table->field_count; i++)
		names[i] = table->fields[i].name;
	struct buf b = buf_make(&mem_system, 4096);
	for (unsigned i = 0; i < table->field_count; i++)
		buf_printf(&b, "%s%.*s", i ? ", " : "", STR_ARG(names[i]));
	struct str all =
	    arena_printf(c->a, "%.*s has %.*s", STR_ARG(table->name), STR_ARG(buf_str(&b)));
	buf_free(&b);
	struct conf_site s = { c->file, n, where, true };
	conf_fault_add(c->faults, s,
	    conf_did_you_mean(c->a, n->name, names, table->field_count, all),
	    "unknown key \"%.*s\"", STR_ARG(str_utf8_first(n->name, 64)));
	return false;
}

bool conf_table_check(struct conf_check *c, const struct conf_table *table,
    const struct conf_node *node, const struct conf_where *where)
{
	assert(c->faults && table->field_count > 0);
	if (node->type != CONF_MAP) {
		conf_fault_add(c->faults, site(c, node, where), no_hint,
		    "expected a map, this is %s", conf_node_type_text(node));
		return false;
	}
	bool ok = true;
	for (const struct conf_node *n = node->child; n; n = n->next) {
		struct conf_where at = conf_in(where, n->name);
		const struct conf_field *f = conf_field_find(table, n->name);
		if (!f)
			ok = refuse_unknown(c, table, n, where);
		else if (n->type != CONF_NULL)
			ok &= check_value(c, f, n, &at);
	}
	for (unsigned i = 0; i < table->field_count; i++) {
		const struct conf_field *f = &table->fields[i];
		if (!(f->flags & FIELD_REQUIRED) || conf_node_find(node, f->name))
			continue;
		conf_fault_add(c->faults, site(c, node, where), f->meaning, "\"%.*s\" is missing",
		    STR_ARG(f->name));
		ok = false;
	}
	if (!str_empty(table->one_of[0])) {
		unsigned there = 0;
		for (unsigned i = 0; i < 2; i++)
			there += conf_node_find(node, table->one_of[i]) != NULL;
		if (there != 1) {
			conf_fault_add(c->faults, site(c, node, where), no_hint,
			    "give either \"%.*s\" or \"%.*s\"%s", STR_ARG(table->one_of[0]),
			    STR_ARG(table->one_of[1]), there ? ", not both" : "");
			ok = false;
		}
	}
	return ok;
}

/* In plain digits where they are few, so that it reads back within the limit of str_f64. */
static void write_number(struct jw *w, double v)
{
	struct buf b = buf_make(&mem_system, 1024);
	buf_add_f64(&b, v);
	if (b.len > 32) {
		buf_clear(&b);
		buf_printf(&b, "%.17g", v);
	}
	jw_raw(w, buf_str(&b));
	buf_free(&b);
}

static void write_value(struct jw *w, const struct conf_field *f, const struct conf_node *n)
{
	switch (f->type) {
	case FIELD_TEXT:
	case FIELD_CHOICE: jw_str(w, n->text); return;
	case FIELD_BOOL: jw_bool(w, n->text.ptr[0] == 't' || n->text.ptr[0] == 'T'); return;
	case FIELD_INT:
	case FIELD_NUMBER: {
		double v = 0;
		bool ok = number_of(n, &v);
		assert(ok && isfinite(v));
		write_number(w, v);
		return;
	}
	case FIELD_SPAN: {
		struct span d = { 0 };
		enum err err = span_parse(n->text, &d);
		assert(!err);
		struct buf b = buf_make(&mem_system, 128);
		span_format(&b, d);
		jw_str(w, buf_str(&b));
		buf_free(&b);
		return;
	}
	case FIELD_MAP: conf_table_write(w, f->table, n, no_hint, no_hint); return;
	case FIELD_MAPS:
	case FIELD_TEXTS:
		jw_open(w, '[');
		if (n->type != CONF_LIST)
			jw_str(w, n->text);
		for (const struct conf_node *m = n->type == CONF_LIST ? n->child : NULL; m;
		     m = m->next) {
			if (m->type == CONF_NULL)
				jw_null(w);
			else if (f->type == FIELD_MAPS)
				conf_table_write(w, f->table, m, no_hint, no_hint);
			else
				jw_str(w, m->text);
		}
		jw_close(w, ']');
		return;
	case FIELD_LABELS:
		jw_open(w, '{');
		for (const struct conf_node *m = n->child; m; m = m->next)
			jw_kv_str(w, m->name, m->type == CONF_NULL ? no_hint : m->text);
		jw_close(w, '}');
		return;
	}
	assert(false && "every type is written");
}

void conf_table_write(struct jw *w, const struct conf_table *table, const struct conf_node *node,
    struct str kind, struct str name)
{
	assert(node->type == CONF_MAP);
	jw_open(w, '{');
	for (unsigned i = 0; i < table->field_count; i++) {
		const struct conf_field *f = &table->fields[i];
		if (str_eq(f->name, STR("kind")) && !str_empty(kind)) {
			jw_kv_str(w, f->name, kind);
			continue;
		}
		if (str_eq(f->name, STR("name")) && !str_empty(name)) {
			jw_kv_str(w, f->name, name);
			continue;
		}
		const struct conf_node *n = conf_node_find(node, f->name);
		if (!n)
			continue;
		jw_key(w, f->name);
		write_value(w, f, n);
	}
	jw_close(w, '}');
}

/* The value of a checked map, or of the default, as text. */
static struct str value_text(const struct conf_table *t, const struct conf_node *map,
    struct str name, const struct conf_field **ret_field)
{
	const struct conf_field *f = conf_field_find(t, name);
	assert(f && "the table has this field");
	*ret_field = f;
	const struct conf_node *n = conf_node_find(map, name);
	return n ? n->text : f->default_;
}

struct str conf_get_text(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	const struct conf_field *f;
	struct str s = value_text(t, map, name, &f);
	assert(f->type == FIELD_TEXT || f->type == FIELD_CHOICE);
	return s;
}

bool conf_get_bool(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	const struct conf_field *f;
	struct str s = value_text(t, map, name, &f);
	assert(f->type == FIELD_BOOL && s.len);
	return s.ptr[0] == 't' || s.ptr[0] == 'T';
}

double conf_get_number(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	const struct conf_field *f;
	struct conf_node n = { .type = CONF_NUMBER, .text = value_text(t, map, name, &f) };
	assert(f->type == FIELD_NUMBER || f->type == FIELD_INT);
	double v = 0;
	return number_of(&n, &v) ? v : 0;
}

int64_t conf_get_int(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	double v = conf_get_number(t, map, name);
	assert(v >= -9007199254740992.0 && v <= 9007199254740992.0);
	return (int64_t)v;
}

struct span conf_get_span(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	const struct conf_field *f;
	struct str s = value_text(t, map, name, &f);
	assert(f->type == FIELD_SPAN);
	struct span d = { 0 };
	return str_empty(s) || span_parse(s, &d) ? (struct span){ 0 } : d;
}

unsigned conf_get_choice(const struct conf_table *t, const struct conf_node *map, struct str name)
{
	const struct conf_field *f;
	struct str s = value_text(t, map, name, &f);
	assert(f->type == FIELD_CHOICE);
	for (unsigned i = 0; i < f->choice_count; i++)
		if (str_eq(s, f->choices[i]))
			return i;
	assert(false && "the value was checked");
	return 0;
}
