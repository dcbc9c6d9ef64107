/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching what must not fall silent: rule groups (each report is the group's beat) and the engine
 * itself. Telemetry reports states; what changed becomes a RULES record. Alerts about our own world
 * are events from source "internal", which reach the fallback contacts.
 */
#include "base/hash.h"
#include "role/engine/engine_priv.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define STATES_PER_RECORD 500u
#define STATES_MAX 100000u
#define BEATS_MISSED 3
#define BEAT_GRACE SPAN_S(10)
#define FIRST_BEAT SPAN_S(60)
#define INTERVAL_DEFAULT SPAN_S(15)

/* ---- alerts of the engine's own ---- */

static struct own_alert *own_find(struct engine *e, const char *key)
{
	struct own_alert *free_one = NULL;
	for (size_t i = 0; i < ALERTS_MAX; i++) {
		if (strcmp(e->alerts[i].key, key) == 0)
			return &e->alerts[i];
		const struct own_alert *x = &e->alerts[i];
		if (!free_one && !x->firing && !x->ending &&
		    x->quiet_until.ns <= e->clock.last_at.ns)
			free_one = &e->alerts[i];
	}
	if (free_one) {
		*free_one = (struct own_alert){ .firing = false };
		snprintf(free_one->key, sizeof(free_one->key), "%s", key);
	}
	return free_one;
}

void watch_own_alert(struct engine *e, const char *key, bool firing, const char *format, ...)
{
	char summary[512];
	struct own_alert *own_alert = own_find(e, key);
	if (!own_alert || !e->begun)
		return;
	if (!firing)
		own_alert->quiet_until.ns = 0;
	if (own_alert->firing == firing || own_alert->quiet_until.ns > e->clock.last_at.ns)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(summary, sizeof(summary), format, args);
	va_end(args);
	struct record rec = { .type = RECORD_EVENT,
		.event = { .action = firing ? EVENT_TRIGGER : EVENT_RESOLVE,
		    .dedup_key = str_c(key),
		    .summary = str_c(summary),
		    .source = STR("quis engine"),
		    .severity = SEVERITY_CRITICAL,
		    .via = STR("internal") } };
	if (todo_add(e, &rec, TODO_PLAIN)) {
		own_alert->firing = firing;
		own_alert->ending = !firing;
		child_log(e->child, firing ? "error" : "notice",
		    "event=own-alert key=%s firing=%d summary=\"%s\"", key, firing, summary);
	}
}

void watch_alert_row(struct engine *e, const struct alert *row)
{
	firing_row(e->firing, row);
	if (!str_eq(row->source_key, STR("internal")) ||
	    (e->begun && row->status != ALERT_RESOLVED))
		return;
	char key[sizeof(e->alerts[0].key)];
	if (row->dedup_key.len >= sizeof(key))
		return;
	memcpy(key, row->dedup_key.ptr, row->dedup_key.len);
	key[row->dedup_key.len] = '\0';
	struct own_alert *own_alert = own_find(e, key);
	if (!own_alert)
		return;
	/* After a restart: what this engine's former run has raised is still raised. */
	if (!e->begun) {
		own_alert->firing = row->status == ALERT_TRIGGERED;
	} else if (own_alert->ending) {
		own_alert->ending = false;
	} else if (own_alert->firing) {
		own_alert->firing = false;
		own_alert->quiet_until = wall_add(row->changed_at, FIRING_HOLD);
	}
}

/* ---- changes of rules' states ---- */

struct changes {
	struct engine *e;
	struct arena *arena;
	struct record_rules rules;
	struct record_rule_state *list;
};

static bool changes_flush(struct changes *c)
{
	struct record rec = { .type = RECORD_RULES, .rules = c->rules };
	if (c->rules.state_count == 0)
		return true;
	rec.rules.states = c->list;
	bool added = todo_add(c->e, &rec, TODO_PLAIN) != NULL;
	if (added)
		c->e->counts.rules += c->rules.state_count;
	/* What could not be recorded is not known: the next report brings it again. */
	for (uint32_t i = 0; !added && i < c->rules.state_count; i++) {
		firing_key(&c->e->body, c->list[i].rule, c->list[i].labels);
		struct firing_entry *entry = firing_find(c->e->firing, buf_str(&c->e->body));
		if (entry && c->list[i].firing)
			firing_remove(c->e->firing, entry);
	}
	c->rules.state_count = 0;
	return added;
}

static bool changes_add(struct changes *c, const struct record_rule_state *state)
{
	c->list[c->rules.state_count++] = *state;
	return c->rules.state_count < STATES_PER_RECORD || changes_flush(c);
}

/* Since when the rules in force are watched. */
static struct mono rules_since(const struct engine *e)
{
	return e->rules_at.ns > e->ready_at.ns ? e->rules_at : e->ready_at;
}

static uint64_t group_hash(struct str group)
{
	return hash64(group, 0) | 1;
}

/* Is the entry for this group to end? Which group an alert belongs to is known once it was
 * reported; until then, with a name that several groups have, each of them gets its time. */
static bool is_of_group(const struct engine *e, const struct firing_entry *entry, struct str group)
{
	bool has;
	if (entry->group)
		return entry->group == group_hash(group);
	uint32_t groups =
	    directory_rule_groups(decider_directory(e->decider), entry->rule, group, &has);
	return has &&
	       (groups == 1 || mono_sub(loop_now(e->loop), rules_since(e)).ns > FIRST_BEAT.ns);
}

/* An entry that fires no more. */
static bool end_entry(struct changes *c, struct firing_entry *entry)
{
	struct engine *e = c->e;
	bool ok = true;
	if (entry->quiet) {
		firing_remove(e->firing, entry); /* its alert is resolved already */
		return true;
	}
	buf_clear(&e->body);
	firing_key(&e->body, entry->rule, entry->labels);
	if (str_eq(buf_str(&e->body), entry->key)) {
		struct record_rule_state state = { .rule = arena_str(c->arena, entry->rule),
			.labels = entry->labels.len ? arena_str(c->arena, entry->labels) : STR(""),
			.reason = STR("condition") };
		ok = arena_err(c->arena) == OK && changes_add(c, &state);
	} else {
		/* Its labels did not fit into its key and are not known any more: name it by the
		 * key. */
		struct record rec = { .type = RECORD_EVENT,
			.event = { .action = EVENT_RESOLVE,
			    .dedup_key = entry->key,
			    .summary = entry->rule,
			    .source = STR("quis engine"),
			    .via = arena_printf(c->arena, "rule:%.*s", STR_ARG(entry->rule)) } };
		ok = todo_add(e, &rec, TODO_PLAIN) != NULL;
	}
	if (ok)
		firing_remove(e->firing, entry);
	return ok;
}

static void group_state(struct changes *c, const struct record_rule_state *state, uint64_t report)
{
	struct engine *e = c->e;
	buf_clear(&e->body);
	firing_key(&e->body, state->rule, state->labels);
	struct firing_entry *entry = firing_find(e->firing, buf_str(&e->body));
	if (entry) {
		entry->seen = report;
		entry->group = group_hash(c->rules.group);
		if (!entry->quiet || entry->quiet_until.ns > e->clock.last_at.ns)
			return;
		entry->quiet = false;
	} else {
		entry = firing_add(e->firing, buf_str(&e->body), state->rule, state->labels);
		if (!entry)
			return;
		entry->seen = report;
		entry->group = group_hash(c->rules.group);
	}
	if (!changes_add(c, state))
		child_log(e->child, "error", "event=rule-states-delayed");
}

struct group_report {
	uint64_t sequence, version;
	int64_t interval_ns;
	struct str group, error;
	uint32_t count;
};

static enum err report_read(struct rd *r, struct group_report *g)
{
	g->sequence = rd_u64(r);
	g->version = rd_u64(r);
	(void)rd_i64(r); /* at */
	(void)rd_i64(r); /* took */
	g->interval_ns = rd_i64(r);
	g->group = rd_str(r, 4096);
	g->error = rd_str(r, 65536);
	g->count = rd_u32(r);
	return r->err == OK && g->count <= STATES_MAX ? OK : ERR_INPUT;
}

static uint8_t state_read(struct rd *r, struct record_rule_state *state)
{
	state->rule = rd_str(r, 4096);
	state->labels = rd_str(r, 65536);
	uint8_t how = rd_u8(r);
	state->value = rd_f64(r);
	state->summary = rd_str(r, 65536);
	state->annotations = rd_str(r, 65536);
	state->reason = rd_str(r, 256);
	state->firing = how == 2;
	return how;
}

/* Rules that could not be evaluated: the report does not say what became of their alerts. Once more
 * seen, these are not ended. */
static void group_failed(struct changes *c, struct rd *r, uint64_t report)
{
	uint32_t count = rd_u32(r);
	for (uint32_t i = 0; i < count && r->err == OK; i++) {
		struct str rule = rd_str(r, 4096);
		struct firing_entry *entry;
		for (size_t at = 0; (entry = firing_next(c->e->firing, &at)) != NULL;)
			if (str_eq(entry->rule, rule))
				entry->seen = report;
	}
}

/* The group's firing alerts that this report does not have are over. */
static void group_end(struct changes *c, struct str group, uint64_t report)
{
	struct firing_entry *entry;
	for (size_t at = 0; (entry = firing_next(c->e->firing, &at)) != NULL;)
		if (entry->seen != report && is_of_group(c->e, entry, group) &&
		    !end_entry(c, entry))
			return;
}

struct beat {
	struct mono at;
	struct span interval;
	uint32_t errors;
	char name[];
};

static void beat_note(struct engine *e, const struct group_report *g)
{
	struct beat *b = map_find(e->beats, g->group);
	char key[sizeof(e->alerts[0].key)];
	if (!b) {
		b = mem_new(e->mem, 1, sizeof(*b) + g->group.len + 1);
		if (!b)
			return;
		memcpy(b->name, g->group.ptr, g->group.len);
		if (map_put(e->beats, str_make(b->name, g->group.len), b) != OK) {
			mem_free(e->mem, b);
			return;
		}
	}
	b->at = loop_now(e->loop);
	b->interval.ns = g->interval_ns > 0 ? g->interval_ns : INTERVAL_DEFAULT.ns;
	b->errors = g->error.len ? b->errors + 1 : 0;
	/* One failed evaluation may be a restart; two in a row are a rule that is not watched. */
	snprintf(key, sizeof(key), "rules-error:%.100s", b->name);
	if (b->errors != 1)
		watch_own_alert(e, key, b->errors > 0,
		    "A rule of group %s cannot be evaluated: %.*s", b->name,
		    (int)(g->error.len < 200 ? g->error.len : 200), g->error.ptr);
}

void watch_rule_group(struct engine *e, struct str body)
{
	struct rd r = rd_make(body);
	struct group_report g;
	if (!e->ready || report_read(&r, &g) != OK)
		return;
	beat_note(e, &g);
	if (g.version != e->rules_version)
		return; /* states of rules that are no longer those in force */
	own(arena_close) struct arena *a = NULL;
	if (arena_open(e->mem, (size_t)64 << 20, &a) != OK)
		return;
	struct changes c = { .e = e,
		.arena = a,
		.rules = { .group = g.group },
		.list = arena_new(a, struct record_rule_state, STATES_PER_RECORD) };
	if (!c.list)
		return;
	uint64_t report = ++e->reports;
	for (uint32_t i = 0; i < g.count && r.err == OK; i++) {
		struct record_rule_state state = { 0 };
		if (state_read(&r, &state) == 2 && r.err == OK)
			group_state(&c, &state, report);
	}
	group_failed(&c, &r, report);
	/* A report that is cut short says nothing about what it does not name. */
	if (rd_done(&r) == OK)
		group_end(&c, g.group, report);
	if (!changes_flush(&c))
		child_log(
		    e->child, "error", "event=rule-states-lost group=\"%.*s\"", STR_ARG(g.group));
	todo_append(e);
}

/* Alerts of rules that are no more. */
void watch_resources(struct engine *e)
{
	e->rules_dirty = true;
	e->rules_at = loop_now(e->loop);
	if (!e->begun)
		return;
	own(arena_close) struct arena *a = NULL;
	if (arena_open(e->mem, (size_t)64 << 20, &a) != OK)
		return;
	struct changes c = { .e = e,
		.arena = a,
		.rules = { .group = STR("") },
		.list = arena_new(a, struct record_rule_state, STATES_PER_RECORD) };
	struct firing_entry *entry;
	for (size_t at = 0; c.list && (entry = firing_next(e->firing, &at)) != NULL;) {
		entry->group = 0; /* it may stand elsewhere now */
		if (directory_rule(decider_directory(e->decider), entry->rule) < 0 &&
		    !end_entry(&c, entry))
			break;
	}
	if (c.list)
		(void)changes_flush(&c);
}

/* ---- silence ---- */

static bool is_silent(const struct engine *e, struct str group, struct mono now)
{
	const struct beat *b = map_find(e->beats, group);
	struct mono since = b ? b->at : rules_since(e);
	struct span most =
	    b ? (struct span){ b->interval.ns * BEATS_MISSED + BEAT_GRACE.ns } : FIRST_BEAT;
	return mono_sub(now, since).ns > most.ns;
}

static void watch_groups(struct engine *e)
{
	const struct directory *dir = decider_directory(e->decider);
	struct mono now = loop_now(e->loop);
	struct str first = STR(""), last = STR("");
	unsigned silent = 0;
	for (uint32_t i = 0; i < dir->rule_count; i++) {
		struct str group = dir->rules[i].group;
		if (str_eq(group, last) || !is_silent(e, group, now))
			continue;
		last = group;
		first = silent++ ? first : group;
	}
	watch_own_alert(e, "rules-silent", silent > 0,
	    "Rules are not evaluated: group %.*s and %u more have not reported", STR_ARG(first),
	    silent ? silent - 1 : 0);
}

void watch_close(struct engine *e)
{
	struct str key;
	void *value;
	for (size_t at = 0; e->beats && map_next(e->beats, &at, &key, &value);)
		mem_free(e->mem, value);
	map_close(&e->beats);
}

void watch_second(struct engine *e)
{
	struct span age = engine_undecided_age(e);
	struct mono now = loop_now(e->loop);
	if (!e->ready)
		return;
	watch_groups(e);
	if (age.ns <= NS_PER_S)
		e->undecided_since.ns = 0;
	else if (e->undecided_since.ns == 0)
		e->undecided_since = now;
	bool late = e->undecided_since.ns && mono_sub(now, e->undecided_since).ns > 5 * NS_PER_S;
	watch_own_alert(e, "undecided", late,
	    "Accepted events are decided late: the oldest waits since %lld s",
	    (long long)(age.ns / NS_PER_S));
	watch_own_alert(
	    e, "storage", e->low_space, "The disk is full: events are refused, paging goes on");
	struct inbox_state st;
	inbox_state(e->inbox, &st);
	watch_own_alert(e, "inbox", st.failing || (st.full && !e->low_space),
	    "The inbox cannot grow: %s", st.error ? strerror(st.error) : "unknown");
}
