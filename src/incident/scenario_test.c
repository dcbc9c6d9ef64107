/* SPDX-License-Identifier: Apache-2.0
 *
 * On-call life in the words of those who live it, with time that passes when the script says so. A
 * line is something that happens or something that is heard; what is heard must be said, in its
 * order, before the next thing happens. The town is in test_world_priv.h.
 *
 *   KEY breaks [SEVERITY]      a source triggers; the service is KEY without digits
 *   KEY heals | is known       it resolves, acknowledges
 *   load is out | in           the rule "load" fires, no longer fires
 *   WHO acknowledges | resolves | escalates | returns    by the UI, the newest incident
 *   WHO follows the link       acknowledges from the last page that reached him
 *   N s|m|h pass
 *   PROVIDER works | fails | refuses | hangs | vanishes  (no receipt; receipt "unknown")
 *   WHO hears by CONTACT [through PROVIDER]    a page was accepted
 *   WHO hears again by CONTACT                 one that is marked as a possible duplicate
 *   WHO hears all is well by CONTACT
 *   nobody hears
 *   town is as ever | without web | without ana | without dee    resources were changed
 *   town is with ana elsewhere | with ana by push                and so were ana's contacts
 *   incident is triggered | acknowledged | gone | exhausted | nobody's | untold
 *   timeline says TEXT         since it was asked last
 *   proven KIND SUBJECT | broken KIND SUBJECT
 */
#include "incident/test_world_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define HEARD_MAX 64

struct script {
	struct core *core;
	const struct directory *town;
	struct arena *arena;
	uint64_t seq;
	struct wall now;
	enum receipt_state moods[4]; /* of town_providers and the console; UINT8_MAX = hangs */
	char heard[HEARD_MAX][96];
	size_t heard_count, heard_at;
	struct id incident, last_message[8];
	char last_user[8][16];
	size_t last_count;
	struct buf timeline, proofs;
	struct incident row;
	const char *line;
};

/* clang-format off */
/* The town after a change of resources. */
#define ANA(list) { .name = STR_INIT("ana"), .contacts = list, .contact_count = 1, \
	.rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } }
#define BO { .name = STR_INIT("bo"), .contacts = town_bo, .contact_count = 2, \
	.rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } }
static const struct contact ana_elsewhere[] = { { STR_INIT("mail"), CONTACT_EMAIL, STR_INIT("ana@y"), STR_INIT("") } };
static const struct contact ana_push[] = { { STR_INIT("push"), CONTACT_NTFY, STR_INIT("ana-topic"), STR_INIT("") } };
static const struct user users_elsewhere[] = { ANA(ana_elsewhere), BO };
static const struct user users_push[] = { ANA(ana_push), BO };
static const struct user users_two[] = { ANA(town_ana), BO };
static const struct user users_bo[] = { BO };
static const struct target to_two[] = { { TARGET_USER, 0 }, { TARGET_USER, 1 } };
static const struct policy_step steps_two[] = { { &to_two[0], 1, SPAN_S(300) }, { &to_two[1], 1, SPAN_S(600) } };
static const struct policy_step steps_bo[] = { { &to_two[0], 1, SPAN_S(300) }, { &to_two[0], 1, SPAN_S(600) } };
static const struct policy policies_two[] = { { .name = STR_INIT("all"), .steps = steps_two, .step_count = 2, .loops = 1 } };
static const struct policy policies_bo[] = { { .name = STR_INIT("all"), .steps = steps_bo, .step_count = 2, .loops = 1 } };
static const struct service services_two[] = { { .name = STR_INIT("grade") }, { .name = STR_INIT("web") } };
static const struct integration integrations_two[] = {
	{ .name = STR_INIT("source"), .key = STR_INIT("k-grade"), .service = 0 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-web"), .service = 1 },
};
#define TOWN_OF(u, p, s) { .users = u, .user_count = ARRAY_COUNT(u), .policies = p, .policy_count = ARRAY_COUNT(p), \
	.services = services_two, .service_count = s, .integrations = integrations_two, .integration_count = s, \
	.providers = town_providers, .provider_count = ARRAY_COUNT(town_providers), \
	.fallback = town_fallback, .fallback_count = ARRAY_COUNT(town_fallback) }
static const struct {
	const char *name;
	struct directory directory;
} other_towns[] = {
	{ "without web", TOWN_OF(users_two, policies_two, 1) },
	{ "without ana", TOWN_OF(users_bo, policies_bo, 2) },
	{ "without dee", TOWN_OF(users_two, policies_two, 2) },
	{ "with ana elsewhere", TOWN_OF(users_elsewhere, policies_two, 2) },
	{ "with ana by push", TOWN_OF(users_push, policies_two, 2) },
};
/* clang-format on */

#define MOOD_HANGS ((enum receipt_state)99)

static void fail_line(const struct script *s, const char *why)
{
	fprintf(stderr, "line \"%s\": %s", s->line, why);
	for (size_t i = s->heard_at; i < s->heard_count; i++)
		fprintf(stderr, "\n    heard: %s", s->heard[i]);
	fprintf(stderr, "\n");
	assert_true(false);
}

static void effects_note(struct script *s, const struct effects *fx)
{
	for (size_t i = 0; i < fx->count; i++) {
		const struct effect *e = &fx->list[i];
		if (e->type == EFFECT_INCIDENT) {
			s->incident = e->incident.id;
			s->row = e->incident;
		} else if (e->type == EFFECT_LOG) {
			buf_printf(&s->timeline, "%.*s: %.*s\n", STR_ARG(e->log.type),
			    STR_ARG(e->log.summary));
		} else if (e->type == EFFECT_PROOF) {
			buf_printf(&s->proofs, "%s %.*s %.*s\n",
			    e->proof.broken ? "broken" : "proven", STR_ARG(e->proof.kind),
			    STR_ARG(e->proof.subject));
		}
	}
}

static enum outcome step(struct script *s, struct record rec)
{
	enum outcome outcome;
	struct effects fx = effects_make(s->arena);
	rec.seq = ++s->seq;
	rec.at = s->now;
	assert_int_equal(core_step(s->core, &rec, &fx, &outcome), OK);
	effects_note(s, &fx);
	arena_reset(s->arena);
	return outcome;
}

static enum receipt_state mood_of(const struct script *s, struct str provider)
{
	for (size_t i = 0; i < ARRAY_COUNT(town_providers); i++) {
		if (str_eq(town_providers[i].name, provider))
			return s->moods[i];
	}
	return s->moods[3];
}

static void hear(struct script *s, const struct message *m)
{
	const char *how = m->purpose == PURPOSE_RESOLVED ? "all is well "
	                  : m->maybe_duplicate           ? "again "
	                                                 : "";
	assert_true(s->heard_count < HEARD_MAX && s->last_count < 8);
	snprintf(s->heard[s->heard_count++], sizeof(s->heard[0]),
	    "%.*s hears %sby %.*s through %.*s", STR_ARG(m->user.len ? m->user : STR("fallback")),
	    how, STR_ARG(m->contact), STR_ARG(m->provider));
	for (size_t i = 0; i <= s->last_count; i++) {
		if (i < s->last_count && !str_eq(str_c(s->last_user[i]), m->user))
			continue;
		s->last_count += i == s->last_count;
		snprintf(s->last_user[i], sizeof(s->last_user[i]), "%.*s", STR_ARG(m->user));
		s->last_message[i] = m->id;
		break;
	}
}

/* Nothing goes where its user is not any more. */
static bool goes_where_he_is(const struct script *s, const struct message *m)
{
	const struct contact *list = s->town->fallback;
	uint32_t count = s->town->fallback_count;
	int32_t user = m->user.len ? directory_user(s->town, m->user) : -1;
	if (m->user.len) {
		list = user < 0 ? NULL : s->town->users[user].contacts;
		count = user < 0 ? 0 : s->town->users[user].contact_count;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (str_eq(list[i].name, m->contact))
			return str_eq(list[i].address, m->address);
	}
	return false;
}

/* One message's way through its provider. */
static void attempt(struct script *s, const struct id *id)
{
	const struct message *m = NULL;
	bool found = false;
	for (size_t at = 0; !found && core_next_message(s->core, &at, &m);)
		found = id_word(&m->id) == id_word(id);
	if (!found || m->state == MESSAGE_SUPERSEDED)
		return; /* instead of being handed over */
	assert_true(goes_where_he_is(s, m));
	enum receipt_state mood = mood_of(s, m->provider);
	assert_int_equal(m->state, MESSAGE_SENDING);
	if (mood == RECEIPT_ACCEPTED)
		hear(s, m);
	if (mood == MOOD_HANGS)
		return;
	step(s, (struct record){ .type = RECORD_RECEIPT,
	            .receipt = { *id, m->attempt, mood, STR(""), STR("r"),
	                mood == RECEIPT_ACCEPTED ? STR("") : STR("no luck") } });
}

static void deliver(struct script *s)
{
	const struct message *rows[16];
	struct id ids[16];
	for (size_t n; (n = core_outbox(s->core, s->now, rows, ARRAY_COUNT(rows))) > 0;) {
		for (size_t i = 0; i < n; i++)
			ids[i] = rows[i]->id;
		step(s,
		    (struct record){ .type = RECORD_HANDOVER, .handover = { ids, (uint32_t)n } });
		for (size_t i = 0; i < n; i++)
			attempt(s, &ids[i]);
	}
}

static void pass(struct script *s, struct span span)
{
	struct wall until = wall_add(s->now, span);
	for (;;) {
		struct wall due = core_next_due(s->core);
		if (due.ns > until.ns)
			break;
		s->now = due;
		step(s, (struct record){ .type = RECORD_TICK });
		deliver(s);
	}
	s->now = until;
}

static void event(struct script *s, struct str key, enum event_action action, struct str severity)
{
	char routing[32];
	size_t n = 0;
	while (n < key.len && (key.ptr[n] < '0' || key.ptr[n] > '9'))
		n++;
	snprintf(routing, sizeof(routing), "k-%.*s", (int)n, key.ptr);
	struct record_event e = { .routing_key = str_c(routing),
		.action = action,
		.dedup_key = key,
		.summary = key,
		.source = STR("somewhere"),
		.via = STR("v2"),
		.details = STR("{}") };
	for (size_t i = 0; i < SEVERITY_COUNT; i++) {
		if (str_eq(severity_name[i], severity))
			e.severity = (enum severity)i;
	}
	step(s, (struct record){ .type = RECORD_EVENT, .event = e });
}

static void rule(struct script *s, bool firing)
{
	struct record_rule_state state = {
		.rule = STR("load"), .labels = STR("{}"), .firing = firing
	};
	step(s, (struct record){ .type = RECORD_RULES, .rules = { STR("alerts"), &state, 1 } });
}

static void command(struct script *s, struct str who, enum command_type type, bool by_link)
{
	struct record_command c = { .type = type,
		.incident = s->incident,
		.actor = who,
		.via = by_link ? STR("link") : STR("ui") };
	for (size_t i = 0; by_link && i < s->last_count; i++) {
		if (str_eq(str_c(s->last_user[i]), who))
			c.message = s->last_message[i];
	}
	assert_true(!by_link || c.message.text[0]);
	step(s, (struct record){ .type = RECORD_COMMAND, .command = c });
}

/* As the engine does it: the new directory is in force when its record is decided. */
static void move(struct script *s, struct str how)
{
	size_t n = 0;
	while (n < ARRAY_COUNT(other_towns) && !str_eq(str_c(other_towns[n].name), how))
		n++;
	if (n == ARRAY_COUNT(other_towns) && !str_eq(how, STR("as ever")))
		fail_line(s, "there is no such town");
	s->town = n < ARRAY_COUNT(other_towns) ? &other_towns[n].directory : &town;
	core_set_directory(s->core, s->town);
	step(s, (struct record){ .type = RECORD_RESOURCES });
}

static bool is_one_of(struct str word, const char *list[], size_t n, size_t *ret)
{
	for (*ret = 0; *ret < n; (*ret)++) {
		if (str_eq(word, str_c(list[*ret])))
			return true;
	}
	return false;
}

static void expect_heard(struct script *s, struct str line)
{
	if (s->heard_at == s->heard_count)
		fail_line(s, "nothing was heard");
	struct str heard = str_c(s->heard[s->heard_at++]);
	if (!str_eq(heard, line) &&
	    !(str_starts(heard, line) && str_starts(str_from(heard, line.len), STR(" through ")))) {
		s->heard_at--;
		fail_line(s, "something else was heard");
	}
}

static void expect_incident(struct script *s, struct str how)
{
	const struct incident *i = core_incident(s->core, &s->incident);
	bool ok = str_eq(how, STR("gone"))        ? i == NULL
	          : !i                            ? false
	          : str_eq(how, STR("exhausted")) ? i->exhausted
	          : str_eq(how, STR("nobody's"))  ? i->nobody
	          : str_eq(how, STR("untold"))    ? !i->told
	                                          : str_eq(how, incident_status_name[i->status]);
	if (!ok)
		fail_line(s, "it is not");
}

static void expect_text(struct script *s, struct buf *b, struct str text)
{
	bool found = str_find_str(buf_str(b), text) < b->len;
	if (!found)
		fprintf(stderr, "%.*s", STR_ARG(buf_str(b)));
	buf_clear(b);
	if (!found)
		fail_line(s, "it does not");
}

/* True when the line was something that happens. */
static bool happens(struct script *s, struct str who, struct str what, struct str rest)
{
	static const char *commands[] = { "acknowledges", "resolves", "returns", "notes",
		"escalates" };
	static const char *moods[] = { "works", "fails", "refuses", "vanishes", "hangs" };
	static const enum receipt_state receipts[] = { RECEIPT_ACCEPTED, RECEIPT_FAILED_RETRY,
		RECEIPT_FAILED_FINAL, RECEIPT_UNKNOWN, MOOD_HANGS };
	size_t n;
	if (str_eq(what, STR("breaks")))
		event(s, who, EVENT_TRIGGER, rest);
	else if (str_eq(what, STR("heals")))
		event(s, who, EVENT_RESOLVE, rest);
	else if (str_eq(who, STR("load")))
		rule(s, str_eq(rest, STR("out")));
	else if (str_eq(who, STR("town")))
		move(s, rest);
	else if (str_eq(what, STR("is")) && str_eq(rest, STR("known")))
		event(s, who, EVENT_ACKNOWLEDGE, STR(""));
	else if (is_one_of(what, commands, ARRAY_COUNT(commands), &n))
		command(s, who, (enum command_type)n, false);
	else if (str_eq(what, STR("follows")))
		command(s, who, COMMAND_ACKNOWLEDGE, true);
	else if (is_one_of(what, moods, ARRAY_COUNT(moods), &n)) {
		size_t p = 0;
		while (p < 3 && !str_eq(town_providers[p].name, who))
			p++;
		s->moods[p] = receipts[n];
	} else if (str_eq(rest, STR("pass"))) {
		uint64_t amount;
		assert_int_equal(str_u64(who, &amount), OK);
		pass(s, SPAN_S((int64_t)amount * (what.ptr[0] == 'h'      ? 3600
		                                     : what.ptr[0] == 'm' ? 60
		                                                          : 1)));
	} else
		return false;
	return true;
}

static void play_line(struct script *s, const char *text)
{
	struct str line = str_c(text), rest = line, who = str_cut(&rest, ' ');
	struct str after_who = rest.ptr ? rest : STR(""), what = str_cut(&rest, ' ');
	struct str tail = rest.ptr ? rest : STR("");
	s->line = text;
	if (str_eq(what, STR("hears")) && !str_eq(who, STR("nobody"))) {
		expect_heard(s, line);
		return;
	}
	if (s->heard_at != s->heard_count)
		fail_line(s, "more was heard before");
	s->heard_at = s->heard_count = 0;
	if (str_eq(who, STR("nobody")))
		return;
	if (str_eq(who, STR("incident")))
		expect_incident(s, tail);
	else if (str_eq(who, STR("timeline")))
		expect_text(s, &s->timeline, tail);
	else if (str_eq(who, STR("proven")) || str_eq(who, STR("broken")))
		expect_text(s, &s->proofs, line);
	else if (happens(s, who, what, tail))
		deliver(s);
	else {
		(void)after_who;
		fail_line(s, "I do not understand");
	}
}

static void play(const char *const *lines)
{
	struct script s = { .town = &town,
		.now = { INT64_C(1800000000) * NS_PER_S },
		.timeline = buf_make(&mem_system, 1 << 20),
		.proofs = buf_make(&mem_system, 1 << 20) };
	assert_int_equal(arena_open(&mem_system, 1 << 24, &s.arena), OK);
	assert_int_equal(
	    core_open(&mem_system, (struct core_limits){ 1000, 1000, 1000, 7 }, &s.core), OK);
	core_set_directory(s.core, &town);
	for (size_t i = 0; i < 4; i++)
		s.moods[i] = RECEIPT_ACCEPTED;
	for (; *lines; lines++)
		play_line(&s, *lines);
	play_line(&s, "nobody hears");
	core_close(&s.core);
	arena_close(&s.arena);
	buf_free(&s.timeline);
	buf_free(&s.proofs);
}

#define SCENARIO(name, ...)                                               \
	static void name(void **state)                                    \
	{                                                                 \
		static const char *const lines[] = { __VA_ARGS__, NULL }; \
		(void)state;                                              \
		play(lines);                                              \
	}

/* clang-format off */
SCENARIO(escalates_step_by_step,
    "web breaks", "ana hears by mail through mail1", "proven provider mail1", "web breaks", "nobody hears",
    "299 s pass", "nobody hears", "1 s pass", "bo hears by mail through mail2",
    "timeline says escalate: Escalated to bo (step 2)",
    "600 s pass", "ana hears by mail", "timeline says repeat_escalation_path",
    "300 s pass", "bo hears by mail", "600 s pass", "nobody hears", "incident is exhausted",
    "10 h pass", "nobody hears",
    "web heals", "ana hears all is well by mail", "bo hears all is well by mail", "incident is gone")

SCENARIO(acknowledging_stops_it,
    "web breaks", "ana hears by mail", "ana acknowledges", "incident is acknowledged",
    "5 h pass", "nobody hears", "web breaks", "nobody hears", "timeline says Triggered again",
    "ana resolves", "incident is gone", "web breaks", "ana hears by mail", "incident is triggered")

SCENARIO(acknowledging_lasts_for_a_while,
    "shift breaks", "ana hears by mail", "bo acknowledges", "29 m pass", "nobody hears",
    "1 m pass", "ana hears by mail", "bo hears by mail", "incident is triggered",
    "timeline says unacknowledge: Acknowledged too long ago by bo",
    "ana acknowledges", "ana returns", "ana hears by mail", "incident is triggered")

SCENARIO(a_person_escalates,
    "web breaks", "ana hears by mail", "ana escalates", "bo hears by mail", "timeline says Escalated to bo",
    "bo acknowledges", "bo escalates", "ana hears by mail", "incident is triggered")

SCENARIO(the_link_proves_the_person,
    "web breaks", "ana hears by mail", "ana follows the link", "incident is acknowledged",
    "proven person ana/mail", "10 h pass", "nobody hears")

SCENARIO(unknown_keys_are_dropped,
    "web heals", "web is known", "nobody hears", "web breaks", "ana hears by mail", "web is known",
    "incident is acknowledged", "web heals", "ana hears all is well by mail", "incident is gone",
    "web heals", "nobody hears", "off breaks", "nobody hears")

SCENARIO(nobody_is_not_nobody_to_tell,
    "night breaks", "fallback hears by tty", "incident is nobody's", "timeline says Nobody is on call",
    "10 h pass", "nobody hears", "night heals", "fallback hears all is well by tty")

SCENARIO(unknown_services_reach_the_fallback, "lost breaks", "fallback hears by tty", "10 h pass", "nobody hears")

SCENARIO(who_cannot_be_paged_is_passed_over, "team breaks", "dee hears by mail", "9 m pass", "nobody hears",
    "1 m pass", "dee hears by push", "dee acknowledges")

SCENARIO(low_urgency_waits_and_does_not_escalate,
    "batch breaks", "nobody hears", "299 s pass", "nobody hears", "1 s pass", "dee hears by mail",
    "10 h pass", "nobody hears", "batch heals", "dee hears all is well by mail")

SCENARIO(severity_decides_where_it_should,
    "grade breaks info", "nobody hears", "5 m pass", "dee hears by mail", "grade heals",
    "dee hears all is well by mail", "grade breaks error", "dee hears by mail")

SCENARIO(quickly_healed_tells_nobody_anything_twice,
    "batch breaks", "1 m pass", "batch heals", "10 h pass", "nobody hears")

SCENARIO(the_second_provider_takes_over,
    "mail1 fails", "web breaks", "nobody hears", "broken provider mail1", "4 s pass", "nobody hears",
    "1 s pass", "ana hears by mail through mail2", "proven route web/email")

SCENARIO(a_refused_address_is_tried_once_with_each,
    "mail1 refuses", "mail2 refuses", "web breaks", "bo hears by push", "timeline says given up")

SCENARIO(other_contacts_then_the_next_step,
    "mail1 fails", "mail2 fails", "web breaks",
    "300 s pass", "nobody hears", /* bo's mail fails as well */
    "19 s pass", "nobody hears", "1 s pass", "bo hears by push", "bo acknowledges", "10 h pass", "nobody hears")

SCENARIO(the_next_step_comes_at_once_when_all_is_given_up,
    "mail1 refuses", "mail2 refuses", "push1 refuses", "web breaks", "fallback hears by tty",
    "timeline says exhaust_escalation_path")

SCENARIO(everything_fails_until_it_does_not,
    "mail1 fails", "mail2 fails", "push1 fails", "console fails", "web breaks", "3 h pass", "nobody hears",
    "incident is untold", "console works", "40 m pass", "fallback hears by tty", "bo acknowledges")

SCENARIO(no_receipt_is_not_a_receipt,
    "mail1 hangs", "web breaks", "59 s pass", "nobody hears", "10 s pass", "ana hears again by mail through mail2")

SCENARIO(an_unknown_outcome_is_sent_again_and_marked,
    "mail1 vanishes", "web breaks", "5 s pass", "ana hears again by mail through mail2")

SCENARIO(in_flight_and_no_longer_wanted,
    "mail1 hangs", "web breaks", "ana acknowledges", "timeline says Acknowledged by ana",
    "10 m pass", "nobody hears", "timeline says no longer wanted")

SCENARIO(resolves_itself_when_it_is_silent,
    "auto breaks", "ana hears by mail", "ana acknowledges", "50 m pass", "auto breaks", "nobody hears",
    "50 m pass", "incident is acknowledged", "10 m pass", "ana hears all is well by mail", "incident is gone")

SCENARIO(rules_fire_and_are_proven_by_it,
    "load is out", "ana hears by mail", "proven rule load", "load is out", "nobody hears",
    "load is in", "ana hears all is well by mail", "incident is gone", "load is in", "nobody hears")

SCENARIO(two_alerts_two_incidents,
    "web1 breaks", "ana hears by mail", "web2 breaks", "ana hears by mail", "web1 heals",
    "ana hears all is well by mail", "web2 heals", "ana hears all is well by mail")

SCENARIO(a_service_that_is_gone_does_not_end_it_silently,
    "web breaks", "ana hears by mail", "town is without web", "nobody hears", "299 s pass", "nobody hears",
    "1 s pass", "fallback hears by tty", "timeline says escalate: The service has no policy any more",
    "10 h pass", "nobody hears", "incident is nobody's", "town is as ever", "5 m pass", "ana hears by mail",
    "timeline says Assigned to ana", "5 m pass", "bo hears by mail", "bo acknowledges", "10 h pass", "nobody hears")

SCENARIO(a_person_escalates_what_has_no_service_any_more,
    "web breaks", "ana hears by mail", "town is without web", "ana acknowledges", "ana escalates",
    "fallback hears by tty", "timeline says no policy any more", "ana escalates", "fallback hears by tty",
    "bo resolves", "ana hears all is well by mail", "fallback hears all is well by tty")

SCENARIO(another_address_is_paged_instead,
    "mail1 fails", "web breaks", "nobody hears", "mail1 works", "town is with ana elsewhere",
    "ana hears by mail through mail1", "timeline says not sent, the contact has another address now",
    "299 s pass", "nobody hears")

SCENARIO(another_contact_is_paged_instead,
    "mail1 fails", "web breaks", "nobody hears", "town is with ana by push", "ana hears by push",
    "timeline says not sent, there is no such contact any more", "299 s pass", "nobody hears",
    "1 s pass", "bo hears by mail")

SCENARIO(who_is_gone_is_not_waited_for,
    "mail1 fails", "web breaks", "nobody hears", "town is without ana", "bo hears by mail",
    "timeline says not sent, there is no such user any more", "10 s pass", "nobody hears")

SCENARIO(who_is_gone_does_not_hurry_the_others,
    "mail1 fails", "mail2 fails", "web breaks", "300 s pass", "nobody hears", "town is without ana", "nobody hears",
    "timeline says no such user any more", "19 s pass", "nobody hears", "1 s pass", "bo hears by push")

SCENARIO(what_was_in_flight_does_not_go_there_again,
    "mail1 hangs", "web breaks", "town is with ana by push", "nobody hears", "59 s pass", "nobody hears",
    "1 s pass", "ana hears by push", "timeline says no such contact any more")

SCENARIO(good_news_follow_their_person,
    "web breaks", "ana hears by mail", "town is with ana by push", "nobody hears", "web heals",
    "ana hears all is well by push", "incident is gone", "town is as ever", "web breaks", "ana hears by mail",
    "mail1 fails", "web heals", "nobody hears", "town is with ana elsewhere", "mail1 works", "1 m pass",
    "ana hears all is well by mail", "10 m pass", "nobody hears")

SCENARIO(a_rule_of_one_who_is_gone_is_not_waited_for,
    "mail1 refuses", "mail2 refuses", "push1 refuses", "grade breaks error", "nobody hears",
    "town is without dee", "mail2 works", "599 s pass", "nobody hears", "1 s pass", "bo hears by mail",
    "timeline says Escalated to bo (step 2)")

/* clang-format on */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escalates_step_by_step),
		cmocka_unit_test(acknowledging_stops_it),
		cmocka_unit_test(acknowledging_lasts_for_a_while),
		cmocka_unit_test(a_person_escalates),
		cmocka_unit_test(the_link_proves_the_person),
		cmocka_unit_test(unknown_keys_are_dropped),
		cmocka_unit_test(nobody_is_not_nobody_to_tell),
		cmocka_unit_test(unknown_services_reach_the_fallback),
		cmocka_unit_test(who_cannot_be_paged_is_passed_over),
		cmocka_unit_test(low_urgency_waits_and_does_not_escalate),
		cmocka_unit_test(severity_decides_where_it_should),
		cmocka_unit_test(quickly_healed_tells_nobody_anything_twice),
		cmocka_unit_test(the_second_provider_takes_over),
		cmocka_unit_test(a_refused_address_is_tried_once_with_each),
		cmocka_unit_test(other_contacts_then_the_next_step),
		cmocka_unit_test(the_next_step_comes_at_once_when_all_is_given_up),
		cmocka_unit_test(everything_fails_until_it_does_not),
		cmocka_unit_test(no_receipt_is_not_a_receipt),
		cmocka_unit_test(an_unknown_outcome_is_sent_again_and_marked),
		cmocka_unit_test(in_flight_and_no_longer_wanted),
		cmocka_unit_test(resolves_itself_when_it_is_silent),
		cmocka_unit_test(rules_fire_and_are_proven_by_it),
		cmocka_unit_test(two_alerts_two_incidents),
		cmocka_unit_test(a_service_that_is_gone_does_not_end_it_silently),
		cmocka_unit_test(a_person_escalates_what_has_no_service_any_more),
		cmocka_unit_test(another_address_is_paged_instead),
		cmocka_unit_test(another_contact_is_paged_instead),
		cmocka_unit_test(who_is_gone_is_not_waited_for),
		cmocka_unit_test(who_is_gone_does_not_hurry_the_others),
		cmocka_unit_test(what_was_in_flight_does_not_go_there_again),
		cmocka_unit_test(good_news_follow_their_person),
		cmocka_unit_test(a_rule_of_one_who_is_gone_is_not_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
