/* SPDX-License-Identifier: Apache-2.0
 *
 * From resources to rules. The documents were checked when they were applied, so what is wrong here
 * is one rule's own error (a query that does not parse) and not a reason to drop the others.
 */
#include "rules/rules.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

static const struct str alerts_group = STR_INIT("alerts");

struct reader {
	struct arena *a;
	struct span default_interval;
	struct rule *bands;
	size_t band_count;
	struct rule_group *groups;
	size_t group_count;
};

static struct span read_span(const struct json *o, struct str name, struct span fallback)
{
	struct span d;
	const struct json *v = json_get(o, name);
	if (json_is(v, JSON_STRING) && span_parse(v->text, &d) == OK)
		return d;
	return fallback;
}

static bool read_number(const struct json *o, struct str name, double *ret)
{
	const struct json *v = json_get(o, name);
	if (json_is(v, JSON_NUMBER))
		*ret = v->number;
	return json_is(v, JSON_NUMBER);
}

static struct str text_of(const struct json *o, struct str name)
{
	struct str s = json_get_str(o, name);
	return s.ptr ? s : STR("");
}

static int32_t word_index(struct str word, const struct str *words, int32_t count)
{
	for (int32_t i = 0; i < count; i++) {
		if (str_eq(word, words[i]))
			return i;
	}
	return -1;
}

/* Labels of the group, then the rule's own over them. */
static struct labels read_labels(struct arena *a, struct labels before, const struct json *o)
{
	struct labels all = before, next;
	for (const struct json *m = json_is(o, JSON_OBJECT) ? o->child : NULL; m; m = m->next) {
		struct str text = m->type == JSON_STRING ? m->text : m->raw;
		if (labels_with(a, all, m->name, text, &next) == OK)
			all = next;
	}
	return all;
}

static void parse_rule(struct arena *a, struct rule *r)
{
	struct promql_fault fault = { 0 };
	enum err e = promql_parse(a, r->query, &r->expr, &fault);
	if (e == OK) {
		enum promql_type type = promql_type_of(r->expr);
		if (type == PROMQL_VECTOR || type == PROMQL_SCALAR)
			return;
		r->expr = NULL;
		r->parse_error = STR("the query must give a vector or a scalar");
		return;
	}
	struct buf b = buf_make(&mem_system, 4096);
	promql_fault_text(&fault, &b);
	r->expr = NULL;
	r->parse_error = e == ERR_INPUT ? arena_str(a, buf_str(&b)) : str_c(err_text(e));
	buf_free(&b);
	if (r->parse_error.len == 0)
		r->parse_error = STR("the query cannot be parsed");
}

static void read_band(struct reader *r, const struct json *o)
{
	static const struct str no_data_words[] = { STR_INIT("alert"), STR_INIT("ok"),
		STR_INIT("keep") };
	struct rule *b = &r->bands[r->band_count++];
	*b = (struct rule){ .type = RULE_BAND,
		.name = text_of(o, STR("name")),
		.query = text_of(o, STR("query")),
		.service = text_of(o, STR("service")),
		.summary = text_of(o, STR("summary")),
		.for_ = read_span(o, STR("for"), SPAN_S(0)),
		.keep_firing_for = read_span(o, STR("keep_firing_for"), SPAN_S(0)),
		.interval = read_span(o, STR("interval"), r->default_interval),
		.parse_error = { "", 0 } };
	b->has_above = read_number(o, STR("above"), &b->above);
	b->has_below = read_number(o, STR("below"), &b->below);
	int32_t severity = word_index(text_of(o, STR("severity")), severity_name, SEVERITY_COUNT);
	b->severity = severity < 0 ? SEVERITY_CRITICAL : (enum severity)severity;
	int32_t no_data = word_index(text_of(o, STR("no_data")), no_data_words, 3);
	b->no_data = no_data < 0 ? NO_DATA_ALERT : (enum no_data)no_data;
	parse_rule(r->a, b);
}

static void read_rule(struct reader *r, const struct json *o, struct labels group_labels,
    struct str service, struct rule *ret)
{
	struct str alert = json_get_str(o, STR("alert"));
	*ret = (struct rule){ .type = alert.ptr ? RULE_ALERT : RULE_RECORD,
		.name = alert.ptr ? alert : text_of(o, STR("record")),
		.query = text_of(o, STR("expr")),
		.service = service,
		.summary = { "", 0 },
		.parse_error = { "", 0 },
		.for_ = read_span(o, STR("for"), SPAN_S(0)),
		.keep_firing_for = read_span(o, STR("keep_firing_for"), SPAN_S(0)) };
	ret->labels = read_labels(r->a, group_labels, json_get(o, STR("labels")));
	ret->annotations = read_labels(r->a, (struct labels){ 0 }, json_get(o, STR("annotations")));
	int32_t severity =
	    word_index(labels_get(ret->labels, STR("severity")), severity_name, SEVERITY_COUNT);
	ret->severity = severity < 0 ? SEVERITY_CRITICAL : (enum severity)severity;
	parse_rule(r->a, ret);
}

static enum err read_group(struct reader *r, const struct json *o)
{
	const struct json *list = json_get(o, STR("rules"));
	uint32_t count = json_is(list, JSON_ARRAY) ? list->count : 0;
	struct rule *rules = arena_new(r->a, struct rule, count);
	if (!rules)
		return arena_err(r->a);
	struct labels labels = read_labels(r->a, (struct labels){ 0 }, json_get(o, STR("labels")));
	struct rule_group *g = &r->groups[r->group_count++];
	double limit = 0;
	read_number(o, STR("limit"), &limit);
	*g = (struct rule_group){ .name = text_of(o, STR("name")),
		.interval = read_span(o, STR("interval"), r->default_interval),
		.query_offset = read_span(o, STR("query_offset"), SPAN_S(0)),
		.rules = rules,
		.limit = limit > 0 && limit < 1e9 ? (uint32_t)limit : 0 };
	for (const struct json *x = count ? list->child : NULL; x; x = x->next)
		read_rule(r, x, labels, text_of(o, STR("service")), &rules[g->rule_count++]);
	return OK;
}

/* All Alert resources are one group, due as often as the one that is due most often. */
static void add_bands(struct reader *r)
{
	if (r->band_count == 0)
		return;
	struct rule_group *g = &r->groups[r->group_count++];
	*g = (struct rule_group){ .name = alerts_group,
		.interval = r->bands[0].interval,
		.rules = r->bands,
		.rule_count = (uint32_t)r->band_count };
	for (size_t i = 1; i < r->band_count; i++) {
		if (r->bands[i].interval.ns < g->interval.ns)
			g->interval = r->bands[i].interval;
	}
}

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct rule_group *)a)->name, ((const struct rule_group *)b)->name);
}

enum err rules_read(struct arena *a, struct str text, uint64_t version,
    struct span default_interval, struct rule_set *ret)
{
	assert(default_interval.ns > 0);
	const struct json *root = NULL;
	enum err e = json_read(a, text, JSON_DEPTH_MAX, &root, NULL);
	if (e != OK || root->type != JSON_ARRAY)
		return e == OK ? ERR_INPUT : e;
	struct reader r = { .a = a, .default_interval = default_interval };
	r.bands = arena_new(a, struct rule, root->count);
	r.groups = arena_new(a, struct rule_group, root->count + 1);
	if (!r.bands || !r.groups)
		return arena_err(a);
	for (const struct json *d = root->child; d && e == OK; d = d->next) {
		const struct json *body = json_get(d, STR("body"));
		const struct json *o = json_is(body, JSON_OBJECT) ? body : d;
		struct str kind = json_get_str(d, STR("kind"));
		if (str_eq(kind, STR("Alert")))
			read_band(&r, o);
		else if (str_eq(kind, STR("RuleGroup")) && r.group_count < RULES_GROUPS_MAX)
			e = read_group(&r, o);
	}
	if (e != OK)
		return e;
	add_bands(&r);
	qsort(r.groups, r.group_count, sizeof(r.groups[0]), by_name);
	*ret = (struct rule_set){ version, r.groups, (uint32_t)r.group_count };
	return arena_err(a);
}
