/* SPDX-License-Identifier: Apache-2.0
 *
 * What the engine tells others: its beat to the auditor, changes to web, rules and figures to
 * telemetry, and what it thinks of itself to the parent.
 */
#include "role/engine/engine_priv.h"

#include "base/surprise.h"

#include <assert.h>
#include <stdio.h>

#define CHANGED_EVERY SPAN_MS(100)
#define CHANGED_EVERY_MANY SPAN_S(1) /* with so many open incidents that counting them costs */
#define MANY 10000
#define METRICS_EVERY_S 10

static void send(struct engine *e, enum role peer, enum msg_type type)
{
	struct chan *chan = e->peers[peer].chan;
	if (chan && e->body.err == OK)
		ignore_err(
		    chan_send(chan, type, 0, buf_str(&e->body)), "a report: the next one follows");
}

static struct span outbox_age(const struct engine *e)
{
	const struct message *row;
	if (core_outbox(decider_core(e->decider), e->clock.last_at, &row, 1) == 0)
		return (struct span){ 0 };
	int64_t since = row->next_at.ns > row->created_at.ns ? row->next_at.ns : row->created_at.ns;
	struct span age = { e->clock.last_at.ns - since };
	return age.ns > 0 ? age : (struct span){ 0 };
}

/* With the notifier, or not yet handed over (as far as a window shows). */
static uint32_t unsettled(const struct engine *e)
{
	const struct message *rows[CORE_OUTBOX_MAX];
	return e->flight_count + (uint32_t)core_outbox(decider_core(e->decider), e->clock.last_at,
	                             rows, CORE_OUTBOX_MAX);
}

static void engine_state(struct engine *e)
{
	if (!e->peers[ROLE_AUDITOR].chan)
		return;
	buf_clear(&e->body);
	put_u64(&e->body, inbox_durable(e->inbox));
	put_u64(&e->body, e->committed_seq);
	put_i64(&e->body, engine_undecided_age(e).ns);
	put_i64(&e->body, outbox_age(e).ns);
	put_u32(&e->body, (uint32_t)core_incident_count(decider_core(e->decider)));
	put_u32(&e->body, unsettled(e));
	put_i64(&e->body, e->clock.last_at.ns);
	send(e, ROLE_AUDITOR, MSG_ENGINE_STATE);
}

static uint32_t triggered(struct engine *e, uint32_t open)
{
	struct control_counts counts;
	if (!engine_reader(e))
		return open;
	enum err err = control_counts(e->reader, e->clock.last_at, &counts);
	if (err == ERR_IO)
		control_reader_close(&e->reader);
	return err == OK ? (uint32_t)counts.triggered : open;
}

void report_changed(struct engine *e)
{
	uint32_t open = (uint32_t)core_incident_count(decider_core(e->decider));
	struct span every = open > MANY ? CHANGED_EVERY_MANY : CHANGED_EVERY;
	struct mono now = loop_now(e->loop);
	if (!e->changed || !e->ready || (!e->peers[ROLE_WEB].chan && !e->peers[ROLE_WEB2].chan))
		return;
	if (e->changed_at.ns && mono_sub(now, e->changed_at).ns < every.ns) {
		if (!loop_timer_is_set(&e->retry))
			loop_timer_set(e->loop, &e->retry, mono_add(e->changed_at, every));
		return;
	}
	e->changed = false;
	e->changed_at = now;
	buf_clear(&e->body);
	put_u64(&e->body, e->committed_seq);
	put_u32(&e->body, open);
	put_u32(&e->body, triggered(e, open));
	send(e, ROLE_WEB, MSG_CHANGED);
	send(e, ROLE_WEB2, MSG_CHANGED);
}

void report_rules(struct engine *e)
{
	struct chan *chan = e->peers[ROLE_TELEMETRY].chan;
	struct buf json = buf_make(e->mem, 8u << 20), body = buf_make(e->mem, 8u << 20);
	if (!chan || !e->ready)
		return;
	e->rules_version = decider_directory(e->decider)->version;
	resources_rules_json(decider_resources(e->decider), &json);
	put_u64(&body, e->rules_version);
	put_str(&body, buf_str(&json));
	enum err err = json.err != OK   ? json.err
	               : body.err != OK ? body.err
	                                : chan_send(chan, MSG_RULES, 0, buf_str(&body));
	e->rules_dirty = err == ERR_BUSY;
	if (err != OK && err != ERR_BUSY)
		child_log(e->child, "error", "event=rules-not-sent why=\"%s\"", err_text(err));
	buf_free(&json);
	buf_free(&body);
}

/* ---- figures ---- */

struct figure {
	const char *name;
	double value;
};

static void metrics(struct engine *e)
{
	const struct core_counters *core = core_counters(decider_core(e->decider));
	struct inbox_state in;
	struct control_state st;
	inbox_state(e->inbox, &in);
	control_state(e->store, &st);
	const struct figure list[] = {
		{ "quis_engine_events_total", (double)e->counts.events },
		{ "quis_engine_commands_total", (double)e->counts.commands },
		{ "quis_engine_receipts_total", (double)e->counts.receipts },
		{ "quis_engine_unknown_routing_key_total", (double)e->counts.unknown_key },
		{ "quis_engine_invalid_total", (double)e->counts.invalid },
		{ "quis_engine_refused_storage_total", (double)e->counts.refused_storage },
		{ "quis_engine_refused_busy_total", (double)e->counts.refused_busy },
		{ "quis_engine_decided_total", (double)e->counts.decided },
		{ "quis_engine_slices_over_total", (double)e->counts.slices_over },
		{ "quis_engine_ticks_total", (double)e->counts.ticks },
		{ "quis_engine_rule_states_total", (double)e->counts.rules },
		{ "quis_engine_pages_sent_total", (double)e->counts.sent },
		{ "quis_engine_pages_cancelled_total", (double)e->counts.cancelled },
		{ "quis_engine_pages_in_doubt_total", (double)e->counts.doubtful },
		{ "quis_engine_flights", (double)e->flight_count },
		{ "quis_engine_open_incidents",
		    (double)core_incident_count(decider_core(e->decider)) },
		{ "quis_engine_firing_rules", (double)firing_count(e->firing) },
		{ "quis_engine_undecided_age_seconds", (double)engine_undecided_age(e).ns / 1e9 },
		{ "quis_engine_outbox_age_seconds", (double)outbox_age(e).ns / 1e9 },
		{ "quis_engine_inbox_bytes", (double)in.bytes },
		{ "quis_engine_inbox_segments", (double)in.segments },
		{ "quis_engine_inbox_syncs_total", (double)in.syncs },
		{ "quis_engine_inbox_failures_total", (double)in.failures },
		{ "quis_engine_inbox_sync_max_seconds", (double)in.sync_max.ns / 1e9 },
		{ "quis_engine_commits_total", (double)st.commits },
		{ "quis_engine_commit_rows_total", (double)st.rows },
		{ "quis_engine_commit_failures_total", (double)st.failures },
		{ "quis_engine_commit_max_seconds", (double)st.commit_max.ns / 1e9 },
		{ "quis_engine_wal_bytes", (double)st.wal_bytes },
		{ "quis_engine_wal_truncates_total", (double)st.truncates },
		{ "quis_engine_wal_truncates_refused_total", (double)st.truncates_refused },
		{ "quis_engine_surprises_total", (double)surprise_total() },
		{ "quis_engine_triggers_total", (double)core->triggers },
		{ "quis_engine_joined_total", (double)core->joined },
		{ "quis_engine_acknowledges_total", (double)core->acknowledges },
		{ "quis_engine_resolves_total", (double)core->resolves },
		{ "quis_engine_dropped_total", (double)core->dropped },
		{ "quis_engine_no_service_total", (double)core->no_service },
		{ "quis_engine_nobody_on_call_total", (double)core->nobody_on_call },
		{ "quis_engine_pages_intended_total", (double)core->pages_intended },
		{ "quis_engine_pages_accepted_total", (double)core->pages_accepted },
		{ "quis_engine_pages_failed_total", (double)core->pages_failed },
		{ "quis_engine_pages_superseded_total", (double)core->pages_superseded },
		{ "quis_engine_escalations_total", (double)core->escalations },
		{ "quis_engine_exhausted_total", (double)core->exhausted },
		{ "quis_engine_clock_set_back_total", (double)e->clock.steps_back },
		{ "quis_engine_clock_set_forward_total", (double)e->clock.steps_forward },
	};
	buf_clear(&e->body);
	put_i64(&e->body, wall_ms(e->clock.last_at));
	put_u32(&e->body, ARRAY_COUNT(list));
	for (size_t i = 0; i < ARRAY_COUNT(list); i++) {
		put_str(&e->body, str_c(list[i].name));
		put_u8(&e->body, 0);
		put_f64(&e->body, list[i].value);
	}
	send(e, ROLE_TELEMETRY, MSG_METRICS);
}

/* ---- what it thinks of itself ---- */

static void verdict(struct engine *e)
{
	char text[256];
	struct inbox_state in;
	inbox_state(e->inbox, &in);
	double age = (double)engine_undecided_age(e).ns / 1e9;
	bool ok = false;
	if (!e->ready)
		snprintf(text, sizeof(text), "starting: deciding what the last run left");
	else if (e->low_space)
		snprintf(
		    text, sizeof(text), "the disk is full: events are refused, paging goes on");
	else if (in.failing)
		snprintf(text, sizeof(text), "the inbox cannot be written: events are refused");
	else if (e->failing_since.ns)
		snprintf(text, sizeof(text), "the control store cannot be written");
	else if (age > 1)
		snprintf(text, sizeof(text), "the oldest undecided input waits since %.1f s", age);
	else if (!engine_takes_events(e))
		snprintf(text, sizeof(text),
		    "a reader holds the write-ahead log back: events are refused");
	else if (!e->notifier_ready)
		snprintf(text, sizeof(text), "there is no notifier");
	else {
		ok = true;
		snprintf(text, sizeof(text),
		    "inputs are decided, %zu incidents open, %u messages under way",
		    core_incident_count(decider_core(e->decider)), e->flight_count);
	}
	child_verdict(e->child, ok, str_c(text));
}

void report_second(struct engine *e)
{
	e->seconds++;
	engine_state(e);
	verdict(e);
	if (e->rules_dirty)
		report_rules(e);
	if (e->seconds % METRICS_EVERY_S == 0)
		metrics(e);
}
