/* SPDX-License-Identifier: Apache-2.0
 *
 * Alert rules of the directory: documents of kind Alert, and the alerting rules of Prometheus
 * groups. Which service a Prometheus alert belongs to is said by its label `service`, or by its
 * group.
 */
#include "conf/compile_priv.h"
#include <assert.h>
#include <stdlib.h>

static const struct str none = STR_INIT("");

static struct alert_rule alert_of(struct compile *c, const struct entry *e)
{
	const struct conf_table *t = conf_kind_table[KIND_ALERT];
	const struct conf_node *n = e->tree, *service = conf_node_find(n, STR("service"));
	compile_begin(c, KIND_ALERT, e);
	struct conf_where at = conf_in(&c->root, STR("service"));
	struct alert_rule r = {
		.id = compile_id(c, "Alert", e->name),
		.name = e->name,
		.group = STR("alerts"),
		.service = service ? compile_refer(c, KIND_SERVICE, service, &at) : -1,
		.severity = (enum severity)conf_get_choice(t, n, STR("severity")),
		.query = conf_get_text(t, n, STR("query")),
		.summary = conf_get_text(t, n, STR("summary")),
		.has_above = conf_node_find(n, STR("above")) != NULL,
		.has_below = conf_node_find(n, STR("below")) != NULL,
		.for_ = conf_get_span(t, n, STR("for")),
		.keep_firing_for = conf_get_span(t, n, STR("keep_firing_for")),
		.interval = conf_get_span(t, n, STR("interval")),
		.no_data = (enum no_data)conf_get_choice(t, n, STR("no_data")),
	};
	r.above = r.has_above ? conf_get_number(t, n, STR("above")) : 0;
	r.below = r.has_below ? conf_get_number(t, n, STR("below")) : 0;
	return r;
}

static struct str label(const struct conf_node *map, const char *labels, const char *name)
{
	const struct conf_node *n = conf_node_find(conf_node_find(map, str_c(labels)), str_c(name));
	return n ? n->text : none;
}

/* Prometheus has no fixed words for it; what we do not know is taken as critical. */
static enum severity severity_of(struct str word)
{
	static const struct {
		struct str word;
		enum severity severity;
	} words[] = {
		{ STR_INIT("error"), SEVERITY_ERROR },
		{ STR_INIT("major"), SEVERITY_ERROR },
		{ STR_INIT("high"), SEVERITY_ERROR },
		{ STR_INIT("warning"), SEVERITY_WARNING },
		{ STR_INIT("warn"), SEVERITY_WARNING },
		{ STR_INIT("minor"), SEVERITY_WARNING },
		{ STR_INIT("ticket"), SEVERITY_WARNING },
		{ STR_INIT("info"), SEVERITY_INFO },
		{ STR_INIT("none"), SEVERITY_INFO },
		{ STR_INIT("low"), SEVERITY_INFO },
	};
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (str_eq_nocase(word, words[i].word))
			return words[i].severity;
	return SEVERITY_CRITICAL;
}

/* The rule's own label, or its group's. */
static struct str rule_label(
    const struct conf_node *group, const struct conf_node *rule, const char *name)
{
	struct str own = label(rule, "labels", name);
	return str_empty(own) ? label(group, "labels", name) : own;
}

static int32_t rule_service(
    struct compile *c, const struct conf_node *group, const struct conf_node *rule)
{
	int32_t service = compile_find(c, KIND_SERVICE, label(rule, "labels", "service"));
	if (service < 0)
		service = compile_find(c, KIND_SERVICE, label(group, "labels", "service"));
	const struct conf_node *n = conf_node_find(group, STR("service"));
	return service < 0 && n ? compile_find(c, KIND_SERVICE, n->text) : service;
}

static uint32_t group_alerts(struct compile *c, const struct entry *e, struct alert_rule *list)
{
	const struct conf_table *t = &conf_rule_table;
	uint32_t made = 0, count;
	compile_begin(c, KIND_RULE_GROUP, e);
	const struct conf_node *service = conf_node_find(e->tree, STR("service"));
	struct conf_where at = conf_in(&c->root, STR("service"));
	if (list && service)
		compile_refer(c, KIND_SERVICE, service, &at);
	for (const struct conf_node *n = compile_children(e->tree, STR("rules"), &count); n;
	     n = n->next) {
		if (!conf_node_find(n, STR("alert")))
			continue;
		if (list) {
			struct str name = conf_get_text(t, n, STR("alert"));
			struct str severity = rule_label(e->tree, n, "severity");
			struct str full = arena_printf(
			    c->a, "%.*s/%.*s/%u", STR_ARG(e->name), STR_ARG(name), made);
			list[made] = (struct alert_rule){
				.id = compile_id(c, "Rule", full),
				.name = name,
				.group = e->name,
				.service = rule_service(c, e->tree, n),
				.severity = severity_of(severity),
				.service_label = rule_label(e->tree, n, "service"),
				.severity_label = severity,
				.query = conf_get_text(t, n, STR("expr")),
				.summary = label(n, "annotations", "summary"),
				.for_ = conf_get_span(t, n, STR("for")),
				.keep_firing_for = conf_get_span(t, n, STR("keep_firing_for")),
				.interval = conf_get_span(
				    conf_kind_table[KIND_RULE_GROUP], e->tree, STR("interval")),
				.no_data = NO_DATA_OK,
			};
		}
		made++;
	}
	return made;
}

struct ordered_rule {
	struct alert_rule rule;
	uint32_t place; /* as written: Prometheus allows one name twice, and the first one is found
	                   first */
};

static int rule_cmp(const void *x, const void *y)
{
	const struct ordered_rule *a = x, *b = y;
	int order = str_cmp(a->rule.name, b->rule.name);
	if (!order)
		order = str_cmp(a->rule.group, b->rule.group);
	return order ? order : (a->place < b->place ? -1 : a->place > b->place);
}

void compile_rules(struct compile *c)
{
	const struct kind_list *alerts = &c->kinds[KIND_ALERT],
	                       *groups = &c->kinds[KIND_RULE_GROUP];
	uint32_t total = alerts->count, at = 0;
	for (uint32_t i = 0; i < groups->count; i++)
		total += group_alerts(c, &groups->items[i], NULL);
	struct alert_rule *list = compile_list(c, total, sizeof *list);
	struct ordered_rule *ordered = compile_list(c, total, sizeof *ordered);
	if (!list || !ordered)
		return;
	for (uint32_t i = 0; i < alerts->count; i++)
		list[at++] = alert_of(c, &alerts->items[i]);
	for (uint32_t i = 0; i < groups->count; i++)
		at += group_alerts(c, &groups->items[i], list + at);
	assert(at == total);
	for (uint32_t i = 0; i < total; i++)
		ordered[i] = (struct ordered_rule){ list[i], i };
	qsort(ordered, total, sizeof *ordered, rule_cmp);
	for (uint32_t i = 0; i < total; i++)
		list[i] = ordered[i].rule;
	c->d->rules = list;
	c->d->rule_count = total;
}
