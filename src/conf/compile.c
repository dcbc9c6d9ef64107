/* SPDX-License-Identifier: Apache-2.0
 *
 * All documents -> the directory. Every reference is a name here and an index there, so this is
 * where an unknown user, a policy that nobody has, or a key used twice is found. All faults are
 * reported.
 *
 * A document that came from YAML keeps its tree, so a fault has its place; one that comes from the
 * store is read from its body again.
 */
#include "conf/compile_priv.h"
#include "conf/form_priv.h"
#include "conf/resource.h"
#include <assert.h>
#include <stdlib.h>

#define CANDIDATES_MAX 2000u /* names among which a wrong one is looked for */

static const struct str none = STR_INIT("");

static void fault(struct compile *c, const struct conf_node *n, const struct conf_where *where,
    struct str hint, const char *what, struct str word)
{
	conf_fault_add(c->faults, (struct conf_site){ c->entry->doc->file, n, where, false }, hint,
	    "%s \"%.*s\"", what, STR_ARG(str_utf8_first(word, 128)));
	c->bad = true;
}

void *compile_list(struct compile *c, size_t count, size_t size)
{
	return arena_alloc(c->a, count ? count : 1, size);
}

static int entry_cmp(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	int order = str_cmp(a->name, b->name);
	return order ? order : (a->doc < b->doc ? -1 : a->doc > b->doc);
}

int32_t compile_find(const struct compile *c, enum conf_kind kind, struct str name)
{
	const struct kind_list *l = &c->kinds[kind];
	uint32_t low = 0, high = l->count;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int order = str_cmp(l->items[mid].name, name);
		if (order == 0)
			return (int32_t)mid;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

/* The index of what n names, or -1 with a fault. */
int32_t compile_refer(struct compile *c, enum conf_kind kind, const struct conf_node *n,
    const struct conf_where *where)
{
	static const char *const what[KIND_COUNT] = { "unknown user", "unknown team",
		"unknown schedule", "unknown escalation policy", "unknown service", "unknown alert",
		"unknown rule group" };
	int32_t index = compile_find(c, kind, n->text);
	if (index >= 0)
		return index;
	struct kind_list *l = &c->kinds[kind];
	uint32_t count = l->count < CANDIDATES_MAX ? l->count : CANDIDATES_MAX;
	struct str *names = compile_list(c, count, sizeof *names);
	struct str hint = none;
	if (names) {
		for (uint32_t i = 0; i < count; i++)
			names[i] = l->items[i].name;
		struct str kind_name = conf_kind_name(kind);
		struct str otherwise = arena_printf(
		    c->a, "there is no document of kind %.*s with this name", STR_ARG(kind_name));
		hint = conf_did_you_mean(c->a, n->text, names, count, otherwise);
	}
	fault(c, n, where, hint, what[kind], n->text);
	return -1;
}

void compile_begin(struct compile *c, enum conf_kind kind, const struct entry *e)
{
	c->entry = e;
	struct str k = conf_kind_name(kind);
	c->root = conf_root(arena_printf(c->a, "%.*s %.*s", STR_ARG(k), STR_ARG(e->name)));
}

/* The children of a list field; a text alone is a list of one. */
const struct conf_node *compile_children(
    const struct conf_node *map, struct str name, uint32_t *ret_count)
{
	const struct conf_node *n = conf_node_find(map, name);
	*ret_count = !n ? 0 : n->type == CONF_LIST ? n->count : 1;
	return !n ? NULL : n->type == CONF_LIST ? n->child : n;
}

struct str compile_id(struct compile *c, const char *kind, struct str name)
{
	return resource_id(c->a, 'P', str_c(kind), name);
}

static struct contact contact_of(const struct conf_node *n)
{
	const struct conf_table *t = &conf_contact_table;
	return (struct contact){
		.name = conf_get_text(t, n, STR("name")),
		.type = (enum contact_type)conf_get_choice(t, n, STR("type")),
		.address = conf_get_text(t, n, STR("address")),
		.provider = conf_get_text(t, n, STR("provider")),
	};
}

/* What the address of a contact must look like, by its type. */
static void check_address(struct compile *c, const struct conf_node *n, struct contact contact,
    const struct conf_where *where)
{
	const struct conf_node *address = conf_node_find(n, STR("address"));
	const struct conf_node *place = address ? address : n;
	struct str fix = none;
	if (!conf_contact_address_ok(contact.type, contact.address, &fix)) {
		conf_fault_add(c->faults,
		    (struct conf_site){ c->entry->doc->file, place, where, false }, fix,
		    "\"%.*s\" is no address for a contact of type %.*s", STR_ARG(contact.address),
		    STR_ARG(contact_type_name[contact.type]));
		c->bad = true;
	}
	const struct conf_node *provider = conf_node_find(n, STR("provider"));
	if (!provider || !c->installation)
		return;
	struct str names[64];
	size_t count = 0;
	for (size_t i = 0; i < c->installation->provider_count; i++) {
		const struct provider *p = &c->installation->providers[i];
		if (p->type == contact.type && str_eq(p->name, contact.provider))
			return;
		if (p->type == contact.type && count < ARRAY_COUNT(names))
			names[count++] = p->name;
	}
	struct conf_where at = conf_in(where, STR("provider"));
	fault(c, provider, &at,
	    conf_did_you_mean(c->a, contact.provider, names, count,
	        STR("providers of this type stand in quis.yaml")),
	    "unknown provider", contact.provider);
}

static void user_contacts(struct compile *c, struct user *u, const struct conf_node *tree)
{
	uint32_t count, i = 0;
	const struct conf_node *n = compile_children(tree, STR("contacts"), &count);
	struct contact *contacts = compile_list(c, count, sizeof *contacts);
	if (!contacts)
		return;
	struct conf_where in = conf_in(&c->root, STR("contacts"));
	for (; n; n = n->next, i++) {
		struct conf_where at = conf_nth(&in, i);
		contacts[i] = contact_of(n);
		check_address(c, n, contacts[i], &at);
		for (uint32_t j = 0; j < i; j++)
			if (str_eq(contacts[j].name, contacts[i].name))
				fault(c, n, &at, STR("each contact of a user needs its own name"),
				    "duplicate contact", contacts[i].name);
	}
	u->contacts = contacts;
	u->contact_count = count;
}

static int32_t contact_index(struct compile *c, const struct user *u, const struct conf_node *n,
    const struct conf_where *where)
{
	struct str names[32];
	assert(u->contact_count <= ARRAY_COUNT(names));
	for (uint32_t i = 0; i < u->contact_count; i++) {
		if (str_eq(u->contacts[i].name, n->text))
			return (int32_t)i;
		names[i] = u->contacts[i].name;
	}
	fault(c, n, where,
	    conf_did_you_mean(c->a, n->text, names, u->contact_count,
	        STR("it must be the name of one of this user's contacts")),
	    "unknown contact", n->text);
	return -1;
}

/* Left out: every contact at once when it is urgent, the first one otherwise. */
static void default_rules(struct compile *c, struct user *u, enum urgency urgency)
{
	uint32_t count = urgency == URGENCY_HIGH ? u->contact_count : u->contact_count > 0;
	struct notify_rule *rules = compile_list(c, count, sizeof *rules);
	for (uint32_t i = 0; rules && i < count; i++)
		rules[i] = (struct notify_rule){ .after = { 0 }, .contact = i };
	u->rules[urgency] = rules;
	u->rule_count[urgency] = rules ? count : 0;
}

static void user_rules(struct compile *c, struct user *u, const struct conf_node *tree)
{
	const struct conf_node *notify = conf_node_find(tree, STR("notify"));
	struct conf_where in = conf_in(&c->root, STR("notify"));
	for (unsigned urgency = 0; urgency < URGENCY_COUNT; urgency++) {
		uint32_t count, i = 0;
		struct str key = urgency == URGENCY_HIGH ? STR("high") : STR("low");
		const struct conf_node *n = compile_children(notify, key, &count);
		if (!n) {
			default_rules(c, u, (enum urgency)urgency);
			continue;
		}
		struct notify_rule *rules = compile_list(c, count, sizeof *rules);
		struct conf_where list = conf_in(&in, key);
		for (; rules && n; n = n->next, i++) {
			struct conf_where nth = conf_nth(&list, i),
			                  at = conf_in(&nth, STR("contact"));
			int32_t contact =
			    contact_index(c, u, conf_node_find(n, STR("contact")), &at);
			struct notify_rule rule = { conf_get_span(
				                        &conf_notify_rule_table, n, STR("after")),
				contact < 0 ? 0 : (uint32_t)contact };
			/* kept in order of `after`, as written among equals */
			uint32_t to = i;
			for (; to > 0 && rules[to - 1].after.ns > rule.after.ns; to--)
				rules[to] = rules[to - 1];
			rules[to] = rule;
		}
		u->rules[urgency] = rules;
		u->rule_count[urgency] = rules ? count : 0;
	}
}

static const struct zone *zone_of(struct compile *c, const struct conf_node *tree, struct str name)
{
	if (!c->find_zone)
		return NULL;
	const struct zone *zone = c->find_zone(c->context, name);
	if (!zone) {
		struct conf_where at = conf_in(&c->root, STR("time_zone"));
		fault(c, conf_node_find(tree, STR("time_zone")), &at,
		    STR("a name such as Europe/Lisbon or UTC, as in /usr/share/zoneinfo"),
		    "unknown time zone", name);
	}
	return zone;
}

static void make_users(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_USER];
	const struct conf_table *t = conf_kind_table[KIND_USER];
	struct user *users = compile_list(c, l->count, sizeof *users);
	for (uint32_t i = 0; users && i < l->count; i++) {
		const struct conf_node *n = l->items[i].tree;
		struct user *u = &users[i];
		compile_begin(c, KIND_USER, &l->items[i]);
		u->name = l->items[i].name;
		u->id = compile_id(c, "User", u->name);
		u->full_name = conf_get_text(t, n, STR("full_name"));
		u->email = conf_get_text(t, n, STR("email"));
		u->time_zone = conf_get_text(t, n, STR("time_zone"));
		u->role = conf_get_text(t, n, STR("role"));
		if (conf_node_find(n, STR("time_zone")))
			zone_of(c, n, u->time_zone);
		user_contacts(c, u, n);
		user_rules(c, u, n);
	}
	c->d->users = users;
	c->d->user_count = users ? l->count : 0;
}

static void make_teams(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_TEAM];
	struct team *teams = compile_list(c, l->count, sizeof *teams);
	for (uint32_t i = 0; teams && i < l->count; i++) {
		compile_begin(c, KIND_TEAM, &l->items[i]);
		uint32_t count, j = 0;
		const struct conf_node *n =
		    compile_children(l->items[i].tree, STR("users"), &count);
		uint32_t *users = compile_list(c, count, sizeof *users);
		struct conf_where in = conf_in(&c->root, STR("users"));
		for (; users && j < count; n = n->next, j++) {
			struct conf_where at = conf_nth(&in, j);
			int32_t index = compile_refer(c, KIND_USER, n, &at);
			users[j] = index < 0 ? 0 : (uint32_t)index;
		}
		teams[i] = (struct team){ compile_id(c, "Team", l->items[i].name), l->items[i].name,
			users, users ? count : 0 };
	}
	c->d->teams = teams;
	c->d->team_count = teams ? l->count : 0;
}

/* Whoever is on call needs a way to be reached: a silent pager is found here and not at night. */
static int32_t refer_reachable(
    struct compile *c, const struct conf_node *n, const struct conf_where *where)
{
	int32_t index = compile_refer(c, KIND_USER, n, where);
	if (index >= 0 && c->d->users && c->d->users[index].contact_count == 0)
		fault(c, n, where, STR("add contacts to that User"), "nobody can reach user",
		    n->text);
	return index;
}

static uint32_t day_count(const struct conf_node *n)
{
	uint32_t days;
	compile_children(n, STR("days"), &days);
	return days ? days : 1;
}

static void layer_restrictions(struct compile *c, struct layer *layer, const struct conf_node *tree)
{
	uint32_t count, total = 0;
	const struct conf_node *first = compile_children(tree, STR("restrictions"), &count);
	for (const struct conf_node *n = first; n; n = n->next)
		total += day_count(n);
	struct restriction *list = compile_list(c, total, sizeof *list);
	uint32_t at = 0;
	for (const struct conf_node *n = first; list && n; n = n->next) {
		const struct conf_table *t = &conf_restriction_table;
		struct restriction r = { .start_weekday = -1,
			.start_s = conf_clock_s(conf_get_text(t, n, STR("from"))) };
		r.duration_s = conf_get_span(t, n, STR("for")).ns / NS_PER_S;
		if (conf_node_find(n, STR("to"))) {
			int32_t to = conf_clock_s(conf_get_text(t, n, STR("to")));
			r.duration_s = to > r.start_s ? to - r.start_s : 86400 - r.start_s + to;
		}
		uint32_t days;
		const struct conf_node *day = compile_children(n, STR("days"), &days);
		if (!days)
			list[at++] = r;
		for (uint32_t i = 0; i < days; i++, day = day->next) {
			for (int8_t w = 0; w < 7; w++)
				if (str_eq(conf_weekdays[w], day->text))
					r.start_weekday = w;
			list[at++] = r;
		}
	}
	assert(!list || at == total);
	layer->restrictions = list;
	layer->restriction_count = list ? total : 0;
}

static void make_layers(struct compile *c, struct schedule *s, const struct conf_node *tree)
{
	uint32_t count, i = 0;
	const struct conf_node *n = compile_children(tree, STR("layers"), &count);
	struct layer *layers = compile_list(c, count, sizeof *layers);
	struct conf_where in = conf_in(&c->root, STR("layers"));
	for (; layers && n; n = n->next, i++) {
		struct layer *layer = &layers[i];
		const struct conf_table *t = &conf_layer_table;
		layer->name = conf_get_text(t, n, STR("name"));
		ignore_err(
		    civil_parse(conf_get_text(t, n, STR("start")), &layer->start), "was checked");
		layer->has_end = conf_node_find(n, STR("end")) != NULL;
		if (layer->has_end)
			ignore_err(civil_parse(conf_get_text(t, n, STR("end")), &layer->end),
			    "was checked");
		conf_rotation(conf_get_text(t, n, STR("rotation")), &layer->unit, &layer->every);
		struct conf_where nth = conf_nth(&in, i), users_at = conf_in(&nth, STR("users"));
		uint32_t users, j = 0;
		const struct conf_node *u = compile_children(n, STR("users"), &users);
		int32_t *seats = compile_list(c, users, sizeof *seats);
		for (; seats && j < users; u = u->next, j++) {
			struct conf_where at = conf_nth(&users_at, j);
			seats[j] = u->type == CONF_NULL ? -1 : refer_reachable(c, u, &at);
		}
		layer->users = seats;
		layer->user_count = seats ? users : 0;
		layer_restrictions(c, layer, n);
	}
	s->layers = layers;
	s->layer_count = layers ? count : 0;
}

static void make_overrides(struct compile *c, struct schedule *s, const struct conf_node *tree)
{
	uint32_t count, i = 0;
	const struct conf_node *n = compile_children(tree, STR("overrides"), &count);
	struct override *list = compile_list(c, count, sizeof *list);
	struct conf_where in = conf_in(&c->root, STR("overrides"));
	for (; list && n; n = n->next, i++) {
		struct conf_where nth = conf_nth(&in, i), at = conf_in(&nth, STR("user"));
		const struct conf_table *t = &conf_override_table;
		struct str start = conf_get_text(t, n, STR("start")),
		           end = conf_get_text(t, n, STR("end"));
		const struct conf_node *user = conf_node_find(n, STR("user"));
		struct str key = arena_printf(c->a, "%.*s/%.*s/%.*s/%.*s", STR_ARG(s->name),
		    STR_ARG(start), STR_ARG(end), STR_ARG(conf_get_text(t, n, STR("user"))));
		list[i] = (struct override){ .id = compile_id(c, "Override", key), .user = -1 };
		ignore_err(wall_parse(start, &list[i].start), "was checked");
		ignore_err(wall_parse(end, &list[i].end), "was checked");
		if (user)
			list[i].user = refer_reachable(c, user, &at);
	}
	s->overrides = list;
	s->override_count = list ? count : 0;
}

static void make_schedules(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_SCHEDULE];
	const struct conf_table *t = conf_kind_table[KIND_SCHEDULE];
	struct schedule *list = compile_list(c, l->count, sizeof *list);
	for (uint32_t i = 0; list && i < l->count; i++) {
		const struct conf_node *n = l->items[i].tree;
		struct schedule *s = &list[i];
		compile_begin(c, KIND_SCHEDULE, &l->items[i]);
		s->name = l->items[i].name;
		s->id = compile_id(c, "Schedule", s->name);
		s->time_zone = conf_get_text(t, n, STR("time_zone"));
		s->zone = zone_of(c, n, s->time_zone);
		make_layers(c, s, n);
		make_overrides(c, s, n);
	}
	c->d->schedules = list;
	c->d->schedule_count = list ? l->count : 0;
}

static void make_steps(struct compile *c, struct policy *p, const struct conf_node *tree)
{
	uint32_t count, i = 0;
	const struct conf_node *n = compile_children(tree, STR("steps"), &count);
	struct policy_step *steps = compile_list(c, count, sizeof *steps);
	struct conf_where in = conf_in(&c->root, STR("steps"));
	for (; steps && n; n = n->next, i++) {
		struct conf_where nth = conf_nth(&in, i),
		                  targets_at = conf_in(&nth, STR("targets"));
		uint32_t targets, j = 0;
		const struct conf_node *m = compile_children(n, STR("targets"), &targets);
		struct target *list = compile_list(c, targets, sizeof *list);
		for (; list && m; m = m->next, j++) {
			struct conf_where target = conf_nth(&targets_at, j);
			const struct conf_node *user = conf_node_find(m, STR("user"));
			const struct conf_node *schedule = conf_node_find(m, STR("schedule"));
			struct conf_where at =
			    conf_in(&target, user ? STR("user") : STR("schedule"));
			int32_t index = user ? refer_reachable(c, user, &at)
			                     : compile_refer(c, KIND_SCHEDULE, schedule, &at);
			list[j] = (struct target){ user ? TARGET_USER : TARGET_SCHEDULE,
				index < 0 ? 0 : (uint32_t)index };
		}
		steps[i] = (struct policy_step){ list, list ? targets : 0,
			conf_get_span(&conf_step_table, n, STR("delay")) };
	}
	p->steps = steps;
	p->step_count = steps ? count : 0;
}

static void make_policies(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_POLICY];
	struct policy *list = compile_list(c, l->count, sizeof *list);
	for (uint32_t i = 0; list && i < l->count; i++) {
		const struct conf_node *n = l->items[i].tree;
		compile_begin(c, KIND_POLICY, &l->items[i]);
		list[i].name = l->items[i].name;
		list[i].id = compile_id(c, "EscalationPolicy", l->items[i].name);
		list[i].loops =
		    (uint32_t)conf_get_int(conf_kind_table[KIND_POLICY], n, STR("loops"));
		make_steps(c, &list[i], n);
	}
	c->d->policies = list;
	c->d->policy_count = list ? l->count : 0;
}

struct keyed {
	struct integration integration;
	const struct entry *entry;
	const struct conf_node *node;
	uint32_t nth;
};

static int keyed_cmp(const void *x, const void *y)
{
	const struct keyed *a = x, *b = y;
	int order = str_cmp(a->integration.key, b->integration.key);
	if (order)
		return order;
	return a->integration.service != b->integration.service
	           ? (a->integration.service < b->integration.service ? -1 : 1)
	           : (a->nth < b->nth ? -1 : a->nth > b->nth);
}

static void refuse_same_keys(struct compile *c, const struct keyed *all, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		const struct keyed *k = &all[i], *before = &all[i - 1];
		if (!str_eq(k->integration.key, before->integration.key))
			continue;
		compile_begin(c, KIND_SERVICE, k->entry);
		struct conf_where in = conf_in(&c->root, STR("integrations")),
		                  nth = conf_nth(&in, k->nth);
		struct conf_where at = conf_in(&nth, STR("key"));
		struct str hint =
		    arena_printf(c->a, "integration \"%.*s\" of service \"%.*s\" has it as well",
		        STR_ARG(before->integration.name), STR_ARG(before->entry->name));
		/* The key is a secret of sorts: a few characters are enough to find it. */
		struct str start =
		    arena_printf(c->a, "%.*s...", STR_ARG(str_first(k->integration.key, 4)));
		fault(c, k->node, &at, hint, "duplicate integration key", start);
	}
}

static void make_integrations(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_SERVICE];
	uint32_t total = 0, at = 0, count;
	for (uint32_t i = 0; i < l->count; i++) {
		compile_children(l->items[i].tree, STR("integrations"), &count);
		total += count;
	}
	struct keyed *all = compile_list(c, total, sizeof *all);
	struct integration *list = compile_list(c, total, sizeof *list);
	if (!all || !list)
		return;
	for (uint32_t i = 0; i < l->count; i++) {
		const struct conf_node *n =
		    compile_children(l->items[i].tree, STR("integrations"), &count);
		for (uint32_t j = 0; j < count; n = n->next, j++) {
			const struct conf_table *t = &conf_integration_table;
			struct str name = conf_get_text(t, n, STR("name"));
			struct str full = arena_printf(
			    c->a, "%.*s/%.*s", STR_ARG(l->items[i].name), STR_ARG(name));
			all[at++] = (struct keyed){ { compile_id(c, "Integration", full), name,
				                        conf_get_text(t, n, STR("key")), i },
				&l->items[i], conf_node_find(n, STR("key")), j };
		}
	}
	assert(at == total);
	qsort(all, total, sizeof *all, keyed_cmp);
	refuse_same_keys(c, all, total);
	for (uint32_t i = 0; i < total; i++)
		list[i] = all[i].integration;
	c->d->integrations = list;
	c->d->integration_count = total;
}

static void make_services(struct compile *c)
{
	const struct kind_list *l = &c->kinds[KIND_SERVICE];
	const struct conf_table *t = conf_kind_table[KIND_SERVICE];
	struct service *list = compile_list(c, l->count, sizeof *list);
	for (uint32_t i = 0; list && i < l->count; i++) {
		const struct conf_node *n = l->items[i].tree;
		struct service *s = &list[i];
		compile_begin(c, KIND_SERVICE, &l->items[i]);
		s->name = l->items[i].name;
		s->id = compile_id(c, "Service", s->name);
		s->description = conf_get_text(t, n, STR("description"));
		struct conf_where at = conf_in(&c->root, STR("escalation_policy"));
		int32_t policy =
		    compile_refer(c, KIND_POLICY, conf_node_find(n, STR("escalation_policy")), &at);
		s->policy = policy < 0 ? 0 : (uint32_t)policy;
		s->urgency = (enum urgency_rule)conf_get_choice(t, n, STR("urgency"));
		s->ack_timeout = conf_get_span(t, n, STR("ack_timeout"));
		s->auto_resolve = conf_get_span(t, n, STR("auto_resolve"));
		s->disabled = conf_get_bool(t, n, STR("disabled"));
		s->team = conf_get_text(t, n, STR("team"));
		const struct conf_node *team = conf_node_find(n, STR("team"));
		struct conf_where team_at = conf_in(&c->root, STR("team"));
		if (team)
			compile_refer(c, KIND_TEAM, team, &team_at);
	}
	c->d->services = list;
	c->d->service_count = list ? l->count : 0;
	make_integrations(c);
}

/* A document's tree, made from its body when it came without. */
static enum err tree_of(struct compile *c, const struct conf_document *doc, enum conf_kind kind,
    const struct conf_node **ret_tree)
{
	if (doc->tree) {
		*ret_tree = doc->tree;
		return OK;
	}
	const struct json *body;
	struct json_error where = { 0 };
	enum err err = json_read(c->a, doc->body, JSON_DEPTH_MAX, &body, &where);
	if (err == ERR_INPUT)
		conf_fault_add(c->faults, (struct conf_site){ doc->file, NULL, NULL, false }, none,
		    "the body of %.*s \"%.*s\" is not JSON: %s", STR_ARG(doc->kind),
		    STR_ARG(doc->name), where.what ? where.what : "");
	if (err)
		return err;
	struct conf_document checked;
	err = conf_read_json(c->a, body, &checked, c->faults);
	if (err)
		return err;
	if (conf_kind_find(checked.kind) != kind || !str_eq(checked.name, doc->name)) {
		conf_fault_add(c->faults, (struct conf_site){ doc->file, NULL, NULL, false }, none,
		    "the body of %.*s \"%.*s\" is about %.*s \"%.*s\"", STR_ARG(doc->kind),
		    STR_ARG(doc->name), STR_ARG(checked.kind), STR_ARG(checked.name));
		return ERR_INPUT;
	}
	*ret_tree = checked.tree;
	return OK;
}

static void refuse_same_names(struct compile *c, enum conf_kind kind)
{
	struct kind_list *l = &c->kinds[kind];
	for (uint32_t i = 1; i < l->count; i++) {
		if (!str_eq(l->items[i].name, l->items[i - 1].name))
			continue;
		const struct conf_document *before = l->items[i - 1].doc;
		c->entry = &l->items[i];
		struct str kind_name = conf_kind_name(kind);
		struct str hint = before->line ? arena_printf(c->a, "it is also in %.*s:%u",
		                                     STR_ARG(before->file), before->line)
		                               : STR("each name may stand once for a kind");
		conf_fault_add(c->faults,
		    (struct conf_site){ l->items[i].doc->file, l->items[i].tree, NULL, false },
		    hint, "duplicate %.*s \"%.*s\"", STR_ARG(kind_name), STR_ARG(l->items[i].name));
		c->bad = true;
	}
}

/* Sorts the documents by kind and name. */
static enum err sort_documents(struct compile *c, const struct conf_document *list, size_t count)
{
	uint32_t counts[KIND_COUNT] = { 0 };
	for (size_t i = 0; i < count; i++) {
		enum conf_kind kind = conf_kind_find(list[i].kind);
		if (kind == KIND_COUNT) {
			conf_fault_add(c->faults,
			    (struct conf_site){ list[i].file, list[i].tree, NULL, false }, none,
			    "unknown kind \"%.*s\"", STR_ARG(list[i].kind));
			return ERR_INPUT;
		}
		counts[kind]++;
	}
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		c->kinds[k].items = compile_list(c, counts[k], sizeof *c->kinds[k].items);
		if (!c->kinds[k].items)
			return arena_err(c->a);
	}
	for (size_t i = 0; i < count; i++) {
		enum conf_kind kind = conf_kind_find(list[i].kind);
		struct kind_list *l = &c->kinds[kind];
		struct entry e = { .doc = &list[i], .name = list[i].name };
		enum err err = tree_of(c, &list[i], kind, &e.tree);
		if (err == ERR_INPUT)
			c->bad = true;
		else if (err)
			return err;
		else
			l->items[l->count++] = e;
	}
	for (unsigned k = 0; k < KIND_COUNT; k++) {
		qsort(c->kinds[k].items, c->kinds[k].count, sizeof(struct entry), entry_cmp);
		refuse_same_names(c, (enum conf_kind)k);
	}
	return OK;
}

static void take_installation(struct compile *c)
{
	static const struct contact console = { .name = STR_INIT("console"),
		.type = CONTACT_CONSOLE,
		.address = STR_INIT(""),
		.provider = STR_INIT("") };
	const struct conf_installation *in = c->installation;
	c->d->fallback = in && in->fallback_count ? in->fallback : &console;
	c->d->fallback_count = in && in->fallback_count ? (uint32_t)in->fallback_count : 1;
	c->d->providers = in ? in->providers : NULL;
	c->d->provider_count = in ? (uint32_t)in->provider_count : 0;
	c->d->base_url = in ? in->base_url : none;
}

enum err conf_compile(struct arena *a, const struct conf_document *list, size_t count,
    const struct conf_installation *installation, uint64_t version, conf_zone_find *find_zone,
    void *context, const struct directory **ret_directory, struct conf_faults *faults)
{
	assert(a && faults && faults->arena && (list || !count));
	struct compile c = { .a = a,
		.faults = faults,
		.installation = installation,
		.find_zone = find_zone,
		.context = context };
	c.d = arena_new(a, struct directory, 1);
	if (!c.d)
		return arena_err(a);
	c.d->version = version;
	take_installation(&c);
	enum err err = sort_documents(&c, list, count);
	if (err)
		return err;
	make_users(&c);
	make_teams(&c);
	make_schedules(&c);
	make_policies(&c);
	make_services(&c);
	compile_rules(&c);
	if (arena_err(a))
		return arena_err(a);
	if (c.bad)
		return ERR_INPUT;
	*ret_directory = c.d;
	return OK;
}
