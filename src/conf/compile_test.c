/* SPDX-License-Identifier: Apache-2.0
 *
 * From documents to the directory: what a directory holds, and every way in which documents do not
 * fit together, with the exact words.
 */
#include "conf/resource.h"
#include "base/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct world {
	struct arena *a;
	struct conf_faults faults;
	struct conf_document *list;
	size_t count;
	const struct directory *d;
	char *text;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	if (!w || arena_open(&mem_system, (size_t)256 << 20, &w->a))
		return -1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	arena_close(&w->a);
	free(w->text);
	free(w);
	return 0;
}

static const char *faults_text(struct world *w)
{
	struct buf b = buf_make(&mem_system, 1 << 20);
	for (size_t i = 0; i < w->faults.count; i++) {
		conf_fault_write(&b, &w->faults.list[i]);
		buf_add_char(&b, '\n');
	}
	free(w->text);
	w->text = strndup(b.len ? b.ptr : "", b.len);
	buf_free(&b);
	return w->text;
}

/* Knows three zones; what it returns is never looked into here. */
static const struct zone *find_zone(void *context, struct str name)
{
	static const char zone[1] = { 0 };
	(void)context;
	bool known = str_eq(name, STR("UTC")) || str_eq(name, STR("Europe/Lisbon")) ||
	             str_eq(name, STR("Asia/Tokyo"));
	return known ? (const struct zone *)(const void *)zone : NULL;
}

static const struct provider providers[] = {
	{ STR_INIT("mail"), CONTACT_EMAIL },
	{ STR_INIT("backup"), CONTACT_EMAIL },
	{ STR_INIT("hook"), CONTACT_WEBHOOK },
};
static const struct contact fallback[] = {
	{ STR_INIT("ops"), CONTACT_EMAIL, STR_INIT("ops@example.com"), STR_INIT("") },
};
static const struct conf_installation installation = { providers, ARRAY_COUNT(providers), fallback,
	ARRAY_COUNT(fallback), STR_INIT("http://127.0.0.1:7847") };

static enum err compile(struct world *w, const char *text)
{
	w->faults = conf_faults_make(w->a);
	enum err err =
	    conf_read_yaml(w->a, STR("f.yaml"), str_c(text), &w->list, &w->count, &w->faults);
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	return conf_compile(
	    w->a, w->list, w->count, &installation, 7, find_zone, NULL, &w->d, &w->faults);
}

#define CONTACTS "contacts: [ { name: mail, type: email, address: a@example.com } ]\n"
#define ANA "---\nkind: User\nname: ana\n" CONTACTS
#define BO "---\nkind: User\nname: bo\n" CONTACTS
#define POLICY "---\nkind: EscalationPolicy\nname: p\nsteps: [ { targets: [ { user: ana } ] } ]\n"
#define SERVICE "---\nkind: Service\nname: web\nescalation_policy: p\n"
#define KEY "0123456789abcdef0123456789abcdef"

static void a_whole_directory(void **state)
{
	struct world *w = *state;
	enum err err = compile(w, BO
	    "---\nkind: User\nname: ana\nfull_name: Ana A\ntime_zone: Asia/Tokyo\nrole: admin\n"
	    "contacts:\n- { name: mail, type: email, address: ana@example.com, provider: backup }\n"
	    "- { name: hook, type: webhook, address: \"https://example.com/x\" }\n"
	    "notify: { high: [ { after: 5m, contact: hook }, { contact: mail } ] }\n"
	    "---\nkind: Team\nname: ops\nusers: [bo, ana]\n"
	    "---\nkind: Schedule\nname: s\ntime_zone: Europe/Lisbon\n"
	    "layers:\n"
	    "- { start: 2026-01-05T09:00, users: [ana, ~, bo], rotation: 12h }\n"
	    "- { name: nights, start: 2026-01-05T09:00, end: 2027-01-05T09:00, users: bo,\n"
	    "    restrictions: [ { from: 22:00, to: 06:00 }, { days: [sat, sun], from: 00:00, to: "
	    "24:00 },\n"
	    "                    { days: fri, from: 17:00, for: 2d } ] }\n"
	    "overrides: [ { start: 2026-02-01T00:00:00+01:00, end: 2026-02-02T00:00:00Z, user: bo "
	    "},\n"
	    "             { start: 2026-02-03T00:00:00Z, end: 2026-02-04T00:00:00Z } ]\n"
	    "---\nkind: EscalationPolicy\nname: p\nloops: 2\n"
	    "steps: [ { targets: [ { schedule: s }, { user: ana } ], delay: 5m }, { targets: [ { "
	    "user: bo } ] } ]\n"
	    "---\nkind: Service\nname: web\nescalation_policy: p\nteam: ops\nurgency: "
	    "severity\nack_timeout: 30m\n"
	    "integrations: [ { name: a, key: " KEY
	    " }, { name: b, key: 0023456789abcdef0123456789abcdef } ]\n"
	    "---\nkind: Alert\nname: load\nservice: web\nquery: avg(load1)\nabove: 0.5\nfor: "
	    "1m\nseverity: warning\n"
	    "---\nkind: Alert\nname: free\nquery: disk\nbelow: 0.1\nno_data: keep\n"
	    "---\ngroups: [ { name: g, interval: 30s, labels: { service: web }, rules: [\n"
	    "  { record: a, expr: b }, { alert: Busy, expr: up == 0, for: 10m, labels: { severity: "
	    "warn },\n"
	    "    annotations: { summary: busy } }, { alert: Busy, expr: up == 1, labels: { "
	    "service: nobody } } ] } ]\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	const struct directory *d = w->d;
	assert_int_equal(d->version, 7);

	assert_int_equal(d->user_count, 2);
	assert_int_equal(directory_user(d, STR("ana")), 0);
	assert_int_equal(directory_user(d, STR("bo")), 1);
	const struct user *ana = &d->users[0];
	assert_true(str_eq(ana->full_name, STR("Ana A")) && str_eq(ana->role, STR("admin")));
	assert_true(str_eq(d->users[1].role, STR("responder")) &&
	            str_eq(d->users[1].time_zone, STR("UTC")));
	assert_int_equal(ana->contact_count, 2);
	assert_int_equal(ana->contacts[1].type, CONTACT_WEBHOOK);
	/* in order of time, not as written; low was left out */
	assert_int_equal(ana->rule_count[URGENCY_HIGH], 2);
	assert_int_equal(ana->rules[URGENCY_HIGH][0].contact, 0);
	assert_int_equal(ana->rules[URGENCY_HIGH][0].after.ns, 0);
	assert_int_equal(ana->rules[URGENCY_HIGH][1].after.ns, 300 * NS_PER_S);
	assert_int_equal(ana->rule_count[URGENCY_LOW], 1);
	assert_int_equal(d->users[1].rule_count[URGENCY_HIGH], 1);

	assert_int_equal(d->team_count, 1);
	assert_int_equal(d->teams[0].users[0], 1);

	assert_int_equal(d->schedule_count, 1);
	const struct schedule *s = &d->schedules[0];
	assert_non_null(s->zone);
	assert_int_equal(s->layer_count, 2);
	assert_int_equal(s->layers[0].unit, ROTATION_HOUR);
	assert_int_equal(s->layers[0].every, 12);
	assert_int_equal(s->layers[0].users[1], -1);
	assert_int_equal(s->layers[0].users[2], 1);
	assert_false(s->layers[0].has_end);
	const struct layer *nights = &s->layers[1];
	assert_true(nights->has_end && nights->end.year == 2027);
	assert_int_equal(nights->unit, ROTATION_WEEK);
	assert_int_equal(nights->user_count, 1);
	assert_int_equal(nights->restriction_count, 4);
	assert_int_equal(nights->restrictions[0].start_weekday, -1);
	assert_int_equal(nights->restrictions[0].start_s, 22 * 3600);
	assert_int_equal(nights->restrictions[0].duration_s, 8 * 3600);
	assert_int_equal(nights->restrictions[1].start_weekday, 6);
	assert_int_equal(nights->restrictions[1].duration_s, 86400);
	assert_int_equal(nights->restrictions[2].start_weekday, 0);
	assert_int_equal(nights->restrictions[3].start_weekday, 5);
	assert_int_equal(nights->restrictions[3].duration_s, 2 * 86400);
	assert_int_equal(s->override_count, 2);
	assert_int_equal(s->overrides[0].user, 1);
	assert_int_equal(s->overrides[1].user, -1);
	assert_true(s->overrides[0].end.ns - s->overrides[0].start.ns == 25 * 3600 * NS_PER_S);

	const struct policy *p = &d->policies[0];
	assert_int_equal(p->loops, 2);
	assert_int_equal(p->step_count, 2);
	assert_int_equal(p->steps[0].targets[0].type, TARGET_SCHEDULE);
	assert_int_equal(p->steps[0].targets[1].type, TARGET_USER);
	assert_int_equal(p->steps[0].delay.ns, 300 * NS_PER_S);
	assert_int_equal(p->steps[1].delay.ns, 1800 * NS_PER_S);

	assert_int_equal(d->services[0].urgency, URGENCY_RULE_SEVERITY);
	assert_int_equal(d->services[0].ack_timeout.ns, 1800 * NS_PER_S);
	assert_int_equal(d->services[0].auto_resolve.ns, 0);
	assert_int_equal(d->integration_count, 2);
	const struct integration *found = directory_integration(d, STR(KEY));
	assert_non_null(found);
	assert_true(str_eq(found->name, STR("a")));
	assert_null(directory_integration(d, STR("1123456789abcdef0123456789abcdef")));

	assert_int_equal(d->rule_count, 4);
	const struct alert_rule *load = &d->rules[directory_rule(d, STR("load"))];
	assert_true(load->has_above && !load->has_below && load->above == 0.5);
	assert_int_equal(load->service, 0);
	assert_int_equal(load->severity, SEVERITY_WARNING);
	assert_int_equal(load->no_data, NO_DATA_ALERT);
	assert_true(str_eq(load->group, STR("alerts")));
	const struct alert_rule *disk = &d->rules[directory_rule(d, STR("free"))];
	assert_int_equal(disk->service, -1);
	assert_int_equal(disk->severity, SEVERITY_CRITICAL);
	const struct alert_rule *busy = &d->rules[0];
	assert_true(str_eq(busy->name, STR("Busy")) && str_eq(busy->group, STR("f/g")));
	assert_int_equal(busy->service, 0);
	assert_int_equal(busy->severity, SEVERITY_WARNING);
	assert_int_equal(busy->for_.ns, 600 * NS_PER_S);
	assert_int_equal(busy->interval.ns, 30 * NS_PER_S);
	assert_true(str_eq(busy->summary, STR("busy")));
	assert_true(str_eq(busy->severity_label, STR("warn")));
	assert_true(str_eq(busy->service_label, STR("web")));
	/* an unknown service in a label falls back to the group's */
	assert_int_equal(d->rules[1].service, 0);

	assert_int_equal(d->provider_count, 3);
	assert_int_equal(d->fallback_count, 1);
	assert_true(str_eq(d->base_url, STR("http://127.0.0.1:7847")));
}

static void an_empty_directory_can_still_page(void **state)
{
	struct world *w = *state;
	w->faults = conf_faults_make(w->a);
	assert_int_equal(conf_compile(w->a, NULL, 0, NULL, 1, NULL, NULL, &w->d, &w->faults), OK);
	assert_int_equal(w->d->fallback_count, 1);
	assert_int_equal(w->d->fallback[0].type, CONTACT_CONSOLE);
	assert_int_equal(directory_user(w->d, STR("ana")), -1);
	assert_null(directory_integration(w->d, STR(KEY)));
}

struct refusal {
	const char *yaml, *faults;
};
static const struct refusal refusals[] = {
	{ ANA "---\nkind: Schedule\nname: s\ntime_zone: UTC\nlayers: [ { start: 2026-01-05T09:00, "
	      "users: [ana, anna] } ]\n",
	    "f.yaml:9:51: Schedule s: layers[0].users[1]: unknown user \"anna\"; did you mean "
	    "\"ana\"?\n" },
	{ ANA "---\nkind: Schedule\nname: s\ntime_zone: UTC\nlayers: [ { start: 2026-01-05T09:00, "
	      "users: zoe } ]\n",
	    "f.yaml:9:45: Schedule s: layers[0].users[0]: unknown user \"zoe\"; there is no "
	    "document of kind User with this name\n" },
	{ ANA "---\nkind: Schedule\nname: s\ntime_zone: Europe/Lisbom\nlayers: [ { start: "
	      "2026-01-05T09:00, users: ana } ]\n",
	    "f.yaml:8:12: Schedule s: time_zone: unknown time zone \"Europe/Lisbom\"; "
	    "a name such as Europe/Lisbon or UTC, as in /usr/share/zoneinfo\n" },
	{ ANA POLICY "---\nkind: Service\nname: web\nescalation_policy: P\n",
	    "f.yaml:12:20: Service web: escalation_policy: unknown escalation policy \"P\"; did "
	    "you mean \"p\"?\n" },
	{ ANA "---\nkind: EscalationPolicy\nname: p\nsteps: [ { targets: [ { schedule: s } ] } ]\n",
	    "f.yaml:8:35: EscalationPolicy p: steps[0].targets[0].schedule: unknown schedule "
	    "\"s\"; "
	    "there is no document of kind Schedule with this name\n" },
	{ ANA POLICY SERVICE "integrations: [ { name: a, key: " KEY " }, { name: b, key: " KEY
	                     " } ]\n",
	    "f.yaml:13:85: Service web: integrations[1].key: duplicate integration key "
	    "\"0123...\"; "
	    "integration \"a\" of service \"web\" has it as well\n" },
	{ ANA POLICY SERVICE "team: ops\n", "f.yaml:13:7: Service web: team: unknown team \"ops\"; "
	                                    "there is no document of kind Team with this name\n" },
	{ ANA ANA, "f.yaml:6:1: duplicate User \"ana\"; it is also in f.yaml:2\n" },
	{ "---\nkind: Alert\nname: load\nservice: web\nquery: x\n",
	    "f.yaml:4:10: Alert load: service: unknown service \"web\"; there is no document of "
	    "kind Service with this name\n" },
	{ "---\nkind: Team\nname: t\nusers: [ ana, bo ]\n" ANA,
	    "f.yaml:4:15: Team t: users[1]: unknown user \"bo\"; there is no document of kind User "
	    "with this name\n" },
	{ ANA "notify: { high: [ { contact: phone } ], low: [ { contact: mial } ] }\n",
	    "f.yaml:5:30: User ana: notify.high[0].contact: unknown contact \"phone\"; "
	    "it must be the name of one of this user's contacts\n"
	    "f.yaml:5:59: User ana: notify.low[0].contact: unknown contact \"mial\"; did you mean "
	    "\"mail\"?\n" },
	{ "---\nkind: User\nname: ana\ncontacts: [ { name: a, type: email, address: ana }, { name: "
	  "a, type: sms, address: x },\n"
	  "  { name: b, type: webhook, address: ftp://x }, { name: c, type: ntfy }, { name: d, "
	  "type: email, address: a@b.c, provider: hook } ]\n",
	    "f.yaml:4:46: User ana: contacts[0]: \"ana\" is no address for a contact of type "
	    "email; an address is such as ana@example.com\n"
	    "f.yaml:4:84: User ana: contacts[1]: \"x\" is no address for a contact of type sms; a "
	    "number is such as +351910000000\n"
	    "f.yaml:4:53: User ana: contacts[1]: duplicate contact \"a\"; each contact of a user "
	    "needs its own name\n"
	    "f.yaml:5:38: User ana: contacts[2]: \"ftp://x\" is no address for a contact of type "
	    "webhook; it begins with http:// or https:// and a host\n"
	    "f.yaml:5:49: User ana: contacts[3]: \"\" is no address for a contact of type ntfy; "
	    "the address of a topic is such as https://ntfy.sh/my-topic\n"
	    "f.yaml:5:124: User ana: contacts[4].provider: unknown provider \"hook\"; providers of "
	    "this type stand in quis.yaml\n" },
	{ "---\nkind: User\nname: ana\n" POLICY,
	    "f.yaml:7:31: EscalationPolicy p: steps[0].targets[0].user: nobody can reach user "
	    "\"ana\"; add contacts to that User\n" },
	{ "---\nkind: User\nname: ana\ntime_zone: Mars/Base\n",
	    "f.yaml:4:12: User ana: time_zone: unknown time zone \"Mars/Base\"; a name such as "
	    "Europe/Lisbon or UTC, as in /usr/share/zoneinfo\n" },
	{ "---\nkind: RuleGroup\nname: x/g\nservice: wbe\nrules: []\n" ANA POLICY SERVICE,
	    "f.yaml:4:10: RuleGroup x/g: service: unknown service \"wbe\"; did you mean "
	    "\"web\"?\n" },
};

static void what_does_not_fit_has_exact_words(void **state)
{
	struct world *w = *state;
	unsigned wrong = 0;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
		enum err err = compile(w, refusals[i].yaml);
		if (strcmp(faults_text(w), refusals[i].faults) != 0) {
			print_error("for:\n%sexpected:\n%sgot:\n%s", refusals[i].yaml,
			    refusals[i].faults, w->text);
			wrong++;
		}
		assert_int_equal(err, ERR_INPUT);
	}
	assert_int_equal(wrong, 0);
}

static void bodies_alone_give_the_same(void **state)
{
	struct world *w = *state;
	assert_int_equal(
	    compile(w, ANA POLICY SERVICE "integrations: [ { name: a, key: " KEY " } ]\n"
	                                  "---\ngroups: [ { name: g, rules: [ { alert: A, expr: "
	                                  "up, labels: { service: web } } ] } ]\n"),
	    OK);
	const struct directory *first = w->d;
	for (size_t i = 0; i < w->count; i++) {
		w->list[i].tree = NULL;
		w->list[i].file = STR("");
		w->list[i].line = 0;
	}
	w->faults = conf_faults_make(w->a);
	assert_int_equal(
	    conf_compile(w->a, w->list, w->count, NULL, 8, NULL, NULL, &w->d, &w->faults), OK);
	assert_true(str_eq(w->d->services[0].id, first->services[0].id));
	assert_int_equal(w->d->integration_count, 1);
	assert_true(str_eq(w->d->rules[0].group, STR("f/g")));
	assert_int_equal(w->d->rules[0].service, 0);
	/* and a body that is not what it is said to be */
	w->list[0].name = STR("bo");
	w->list[1].body = STR("{");
	assert_int_equal(
	    conf_compile(w->a, w->list, w->count, NULL, 8, NULL, NULL, &w->d, &w->faults),
	    ERR_INPUT);
	assert_true(w->faults.count >= 2);
	assert_true(str_eq(
	    w->faults.list[0].message, STR("the body of User \"bo\" is about User \"ana\"")));
	assert_true(str_starts(
	    w->faults.list[1].message, STR("the body of EscalationPolicy \"p\" is not JSON")));
	/* a user who is gone is still named by others */
	w->faults = conf_faults_make(w->a);
	assert_int_equal(
	    conf_compile(w->a, w->list + 2, 1, NULL, 8, NULL, NULL, &w->d, &w->faults), ERR_INPUT);
	assert_string_equal(faults_text(w),
	    "Service web: escalation_policy: unknown escalation policy \"p\"; "
	    "there is no document of kind EscalationPolicy with this name\n");
}

static void memory_may_run_out_anywhere(void **state)
{
	struct world *w = *state;
	assert_int_equal(
	    compile(w, ANA POLICY SERVICE "integrations: [ { name: a, key: " KEY " } ]\n"), OK);
	bool done = false;
	for (size_t limit = 64; !done && limit < 400000; limit += 64) {
		struct arena *a = NULL;
		assert_int_equal(arena_open(&mem_system, limit, &a), OK);
		struct conf_faults faults = conf_faults_make(a);
		const struct directory *d;
		enum err err = conf_compile(
		    a, w->list, w->count, &installation, 1, find_zone, NULL, &d, &faults);
		assert_true(err == OK || err == ERR_LIMIT || err == ERR_NOMEM);
		done = err == OK;
		arena_close(&a);
	}
	assert_true(done);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_whole_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_directory_can_still_page, setup, teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_has_exact_words, setup, teardown),
		cmocka_unit_test_setup_teardown(bodies_alone_give_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
