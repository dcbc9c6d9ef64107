/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents from YAML and JSON: what is accepted and in which form it leaves, and what is refused,
 * with the exact words that a person reads.
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
	char *text; /* all faults, a line each */
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

static enum err read_yaml(struct world *w, const char *text)
{
	w->faults = conf_faults_make(w->a);
	return conf_read_yaml(w->a, STR("f.yaml"), str_c(text), &w->list, &w->count, &w->faults);
}

static enum err read_json(struct world *w, const char *text, struct conf_document *ret)
{
	const struct json *j;
	w->faults = conf_faults_make(w->a);
	assert_int_equal(json_read(w->a, str_c(text), JSON_DEPTH_MAX, &j, NULL), OK);
	return conf_read_json(w->a, j, ret, &w->faults);
}

static void body_is(struct world *w, size_t i, const char *body)
{
	assert_true(i < w->count);
	char *got = strndup(w->list[i].body.ptr, w->list[i].body.len);
	assert_string_equal(got, body);
	free(got);
}

static void every_kind_is_read(void **state)
{
	struct world *w = *state;
	enum err err = read_yaml(w,
	    "kind: User\nname: ana\nemail: ana@example.com\ntime_zone: Europe/Lisbon\n"
	    "contacts: [ { name: mail, type: email, address: ana@example.com } ]\n"
	    "notify:   { high: [ { after: 0m, contact: mail } ], low: [ { after: 300s, contact: "
	    "mail } ] }\n"
	    "---\n"
	    "kind: Team\nname: web\nusers: ana\n"
	    "---\n"
	    "kind: Schedule\nname: web-primary\ntime_zone: Europe/Lisbon\n"
	    "layers: [ { start: \"2026-01-05T09:00\", rotation: 1w, users: [ana, ~],\n"
	    "            restrictions: [ { days: [mon, fri], from: 09:00, to: 17:00 } ] } ]\n"
	    "overrides: [ { start: 2026-02-01T00:00:00Z, end: 2026-02-02T00:00:00Z } ]\n"
	    "---\n"
	    "kind: EscalationPolicy\nname: web\n"
	    "steps: [ { targets: [ { schedule: web-primary } ], delay: 90m }, { targets: [ { user: "
	    "ana } ] } ]\n"
	    "loops: 2\n"
	    "---\n"
	    "kind: Service\nname: web\nescalation_policy: web\ndescription:\n"
	    "integrations: [ { name: alertmanager, key: 01234567890123456789012345678901 } ]\n"
	    "---\n"
	    "kind: Alert\nname: load\nservice: web\nquery: avg(load1)\nabove: 0.50\nbelow: "
	    "+1e-1\nfor: 60s\n"
	    "no_data: alert\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	assert_int_equal(w->count, 6);
	body_is(w, 0,
	    "{\"kind\":\"User\",\"name\":\"ana\",\"email\":\"ana@example.com\",\"time_zone\":"
	    "\"Europe/Lisbon\","
	    "\"contacts\":[{\"name\":\"mail\",\"type\":\"email\",\"address\":\"ana@example.com\"}],"
	    "\"notify\":{\"high\":[{\"after\":\"0s\",\"contact\":\"mail\"}],"
	    "\"low\":[{\"after\":\"5m\",\"contact\":\"mail\"}]}}");
	body_is(w, 1, "{\"kind\":\"Team\",\"name\":\"web\",\"users\":[\"ana\"]}");
	body_is(w, 2,
	    "{\"kind\":\"Schedule\",\"name\":\"web-primary\",\"time_zone\":\"Europe/"
	    "Lisbon\",\"layers\":["
	    "{\"start\":\"2026-01-05T09:00\",\"rotation\":\"1w\",\"users\":[\"ana\",null],"
	    "\"restrictions\":[{\"days\":[\"mon\",\"fri\"],\"from\":\"09:00\",\"to\":\"17:00\"}]}],"
	    "\"overrides\":[{\"start\":\"2026-02-01T00:00:00Z\",\"end\":\"2026-02-02T00:00:00Z\"}]"
	    "}");
	body_is(w, 3,
	    "{\"kind\":\"EscalationPolicy\",\"name\":\"web\",\"steps\":[{\"targets\":[{"
	    "\"schedule\":"
	    "\"web-primary\"}],\"delay\":\"1h30m\"},{\"targets\":[{\"user\":\"ana\"}]}],\"loops\":"
	    "2}");
	body_is(w, 4,
	    "{\"kind\":\"Service\",\"name\":\"web\",\"escalation_policy\":\"web\",\"integrations\":"
	    "["
	    "{\"name\":\"alertmanager\",\"key\":\"01234567890123456789012345678901\"}]}");
	body_is(w, 5,
	    "{\"kind\":\"Alert\",\"name\":\"load\",\"service\":\"web\",\"query\":\"avg(load1)\","
	    "\"above\":0.5,\"below\":0.1,\"for\":\"1m\",\"no_data\":\"alert\"}");
	assert_int_equal(w->list[5].line, 30);
}

static void a_rule_file_becomes_groups(void **state)
{
	struct world *w = *state;
	w->faults = conf_faults_make(w->a);
	enum err err = conf_read_yaml(w->a, STR("rules/node.rules.yml"),
	    STR("groups:\n"
	        "  - name: cpu\n"
	        "    interval: 30s\n"
	        "    rules:\n"
	        "      - record: job:cpu:rate5m\n"
	        "        expr: sum by (job) (rate(cpu[5m]))\n"
	        "      - alert: Busy\n"
	        "        expr: 1\n"
	        "        for: 10m\n"
	        "        labels: { severity: page, tier: 1, blank: }\n"
	        "        annotations:\n"
	        "          summary: |\n"
	        "            busy {{ $labels.job }}\n"
	        "  - name: empty\n"),
	    &w->list, &w->count, &w->faults);
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	assert_int_equal(w->count, 2);
	assert_true(str_eq(w->list[0].name, STR("node/cpu")));
	body_is(w, 0,
	    "{\"kind\":\"RuleGroup\",\"name\":\"node/cpu\",\"interval\":\"30s\",\"rules\":["
	    "{\"record\":\"job:cpu:rate5m\",\"expr\":\"sum by (job) (rate(cpu[5m]))\"},"
	    "{\"alert\":\"Busy\",\"expr\":\"1\",\"for\":\"10m\",\"labels\":{\"severity\":\"page\","
	    "\"tier\":"
	    "\"1\",\"blank\":\"\"},\"annotations\":{\"summary\":\"busy {{ $labels.job }}\\n\"}}]}");
	body_is(w, 1, "{\"kind\":\"RuleGroup\",\"name\":\"node/empty\"}");
}

struct refusal {
	const char *yaml, *faults;
};

#define USER "kind: User\nname: ana\n"
#define SCHEDULE "kind: Schedule\nname: s\ntime_zone: UTC\n"
#define POLICY "kind: EscalationPolicy\nname: p\n"
#define SERVICE "kind: Service\nname: web\nescalation_policy: p\n"
#define ALERT "kind: Alert\nname: load\nquery: avg(load1)\n"

static const struct refusal refusals[] = {
	/* YAML itself */
	{ "kind: [User\nname: x\n",
	    "f.yaml:3:1: not valid YAML: flow sequence without a closing bracket\n" },
	{ "kind: User\n name: ana\n", "f.yaml:1:7: not valid YAML: invalid multiline plain key\n" },
	{ "kind: User\nname: 'ana\n",
	    "f.yaml:2:8: not valid YAML: single-quoted scalar without closing quote\n" },
	{ "kind: \"\\q\"\n",
	    "f.yaml:1:8: not valid YAML: invalid escape 'q' in double-quoted string\n" },
	{ "kind: User\nname: ana\nname: bo\n",
	    "f.yaml:3:1: the key \"name\" is there twice; it is also in line 2\n" },
	{ "kind: User\nname: a\tb\x01\n", "f.yaml:2:10: a control character stands here\n" },
	{ "kind: User\nname: \xff\n", "f.yaml: the file is not UTF-8 text; save it as UTF-8\n" },
	{ "kind: !!binary User\n", "f.yaml:1:7: tags are not supported; leave the tag out\n" },
	{ "kind: *x\n", "f.yaml:1:7: this alias has no anchor before it\n" },
	{ "a: &x { b: *x }\n", "f.yaml:1:12: this alias stands inside of what it names\n" },
	{ "? [a]\n: b\n", "f.yaml:1:3: a list or a map cannot be a key; a key is plain text\n" },
	{ "a: &x { b: 1 }\nc:\n  <<: *x\n",
	    "f.yaml:3:3: merge keys are not supported; write the keys out\n" },
	/* which kind */
	{ "name: ana\n", "f.yaml:1:1: \"kind\" is missing; a kind is User, Team, Schedule, "
	                 "EscalationPolicy, Service, Alert or RuleGroup\n" },
	{ "- kind: User\n",
	    "f.yaml:1:1: a document is a map with kind and name, this is a list; "
	    "a kind is User, Team, Schedule, EscalationPolicy, Service, Alert or RuleGroup\n" },
	{ "kind: Usr\nname: ana\n", "f.yaml:1:7: unknown kind \"Usr\"; did you mean \"User\"?\n" },
	{ "kind: 7\n", "f.yaml:1:7: unknown kind \"7\"; a kind is User, Team, Schedule, "
	               "EscalationPolicy, Service, Alert or RuleGroup\n" },
	/* keys */
	{ "kind: User\n", "f.yaml:1:1: User: \"name\" is missing; the name to sign in with and to "
	                  "use in schedules\n" },
	{ USER "emial: ana@example.com\n",
	    "f.yaml:3:1: User ana: unknown key \"emial\"; did you mean \"email\"?\n" },
	{ "kind: Team\nname: t\nmotto: x\n",
	    "f.yaml:3:1: Team t: unknown key \"motto\"; Team has kind, name, users\n" },
	/* values */
	{ USER "email: ana\n", "f.yaml:3:8: User ana: email: \"ana\" is not a mail address; an "
	                       "address is such as ana@example.com\n" },
	{ USER "time_zone: Mars Base\n", "f.yaml:3:12: User ana: time_zone: \"Mars Base\" is not a "
	                                 "time zone; a name such as Europe/Lisbon or UTC\n" },
	{ USER "role: admn\n",
	    "f.yaml:3:7: User ana: role: unknown role \"admn\"; did you mean \"admin\"?\n" },
	{ USER "role: boss\n", "f.yaml:3:7: User ana: role: unknown role \"boss\"; it must be "
	                       "admin, responder or observer\n" },
	{ USER "role: [admin]\n", "f.yaml:3:7: User ana: role: expected a word, this is a list; it "
	                          "must be admin, responder or observer\n" },
	{ USER "full_name: [ana]\n",
	    "f.yaml:3:12: User ana: full_name: expected text, this is a list\n" },
	{ USER "contacts: { name: mail }\n", "f.yaml:3:11: User ana: contacts: expected a list, "
	                                     "this is a map; begin each entry with \"- \"\n" },
	{ USER "contacts: [ mail ]\n",
	    "f.yaml:3:13: User ana: contacts[0]: expected a map, this is text\n" },
	{ USER "contacts: [ { name: mail } ]\n",
	    "f.yaml:3:13: User ana: contacts[0]: \"type\" is missing; the way to the person\n" },
	{ USER "notify: { high: [] }\n",
	    "f.yaml:3:17: User ana: notify.high: the list is empty\n" },
	{ USER "notify: { high: [ { after: soon, contact: mail } ] }\n",
	    "f.yaml:3:28: User ana: notify.high[0].after: \"soon\" is not a duration; "
	    "a duration is such as 500ms, 10s, 5m, 1h30m, 7d\n" },
	{ USER "notify: { high: [ { after: 8d, contact: mail } ] }\n",
	    "f.yaml:3:28: User ana: notify.high[0].after: the duration 8d is too long; it must be "
	    "0s to 1w\n" },
	{ SCHEDULE "layers: [ { start: today, users: [ana] } ]\n",
	    "f.yaml:4:20: Schedule s: layers[0].start: \"today\" is not a local date and time; "
	    "it is such as \"2026-01-05T09:00\", without a zone\n" },
	{ SCHEDULE "layers: [ { start: 2026-01-05T09:00, rotation: 1m, users: [ana] } ]\n",
	    "f.yaml:4:48: Schedule s: layers[0].rotation: \"1m\" is not a rotation; "
	    "a number of hours, days or weeks such as 12h, 1d, 1w\n" },
	{ SCHEDULE "layers: [ { start: 2026-01-05T09:00, end: 2026-01-05T09:00, users: [ana] } ]\n",
	    "f.yaml:4:43: Schedule s: layers[0].end: the end 2026-01-05T09:00 is not after the "
	    "start 2026-01-05T09:00\n" },
	{ SCHEDULE "layers: [ { start: 2026-01-05T09:00, users: [ana], restrictions: [ { from: "
	           "25:00, to: 9:00 } ] } ]\n",
	    "f.yaml:4:76: Schedule s: layers[0].restrictions[0].from: \"25:00\" is not a time of "
	    "day; "
	    "it is such as \"09:00\", at most \"24:00\"\n"
	    "f.yaml:4:87: Schedule s: layers[0].restrictions[0].to: \"9:00\" is not a time of day; "
	    "it is such as \"09:00\", at most \"24:00\"\n" },
	{ SCHEDULE "layers: [ { start: 2026-01-05T09:00, users: [ana], restrictions: [ { days: "
	           "[monday], from: 09:00 } ] } ]\n",
	    "f.yaml:4:77: Schedule s: layers[0].restrictions[0].days[0]: \"monday\" is not a day "
	    "of the week; "
	    "mon, tue, wed, thu, fri, sat or sun\n"
	    "f.yaml:4:68: Schedule s: layers[0].restrictions[0]: give either \"to\" or \"for\"\n" },
	{ POLICY "steps: [ { targets: [ { user: ana, schedule: s } ] } ]\n",
	    "f.yaml:3:23: EscalationPolicy p: steps[0].targets[0]: give either \"user\" or "
	    "\"schedule\", not both\n" },
	{ POLICY "steps: []\n", "f.yaml:3:8: EscalationPolicy p: steps: the list is empty\n" },
	{ POLICY "steps: [ { targets: [ { user: ana } ], delay: 0s } ]\n",
	    "f.yaml:3:47: EscalationPolicy p: steps[0].delay: the duration 0s is too short; it "
	    "must be 1s to 1w\n" },
	{ POLICY "steps: [ { targets: [ { user: ana } ] } ]\nloops: 1.5\n",
	    "f.yaml:4:8: EscalationPolicy p: loops: expected a whole number, this is 1.5\n" },
	{ POLICY "steps: [ { targets: [ { user: ana } ] } ]\nloops: 101\n",
	    "f.yaml:4:8: EscalationPolicy p: loops: 101 is not within 0 to 100\n" },
	{ POLICY "steps: [ { targets: [ { user: ana } ] } ]\nloops: \"2\"\n",
	    "f.yaml:4:8: EscalationPolicy p: loops: expected a number, this is text; leave the "
	    "quotes out\n" },
	{ SERVICE "integrations: [ { name: x, key: abc } ]\n",
	    "f.yaml:4:33: Service web: integrations[0].key: \"abc\" is not an integration key; "
	    "a key has 32 characters, this has 3\n" },
	{ SERVICE "integrations: [ { name: x, key: 0123456789abcdef-123456789abcdef } ]\n",
	    "f.yaml:4:33: Service web: integrations[0].key: \"0123456789abcdef-123456789abcdef\" "
	    "is not an integration key; "
	    "only 0-9, a-z and A-Z\n" },
	{ SERVICE "disabled: yes\n", "f.yaml:4:11: Service web: disabled: expected true or false, "
	                             "this is text; write true\n" },
	{ ALERT "above: 1\nbelow: 2\n", "f.yaml:4:8: Alert load: above: above 1 is not higher than "
	                                "below 2: every value would fire; "
	                                "`above` is the upper limit and `below` the lower one\n" },
	{ ALERT "above: .nan\n",
	    "f.yaml:4:8: Alert load: above: expected a number, this is none that can be held\n" },
	{ "kind: Alert\nname: load\nquery: \"  \"\n",
	    "f.yaml:3:8: Alert load: query: \"  \" is not a query; a PromQL expression such as "
	    "avg(load1)\n" },
	/* rule files */
	{ "groups: [ { rules: [] } ]\n", "f.yaml:1:11: rule file: groups[0]: \"name\" is missing; "
	                                 "the group's name, unique in the file\n" },
	{ "groups: [ { name: g, rules: [ { alert: A, record: b, expr: up } ] } ]\n",
	    "f.yaml:1:31: rule file: groups[0].rules[0]: give either \"record\" or \"alert\", not "
	    "both\n" },
	{ "groups: [ { name: g, rules: [ { record: b, expr: up, for: 1m } ] } ]\n",
	    "f.yaml:1:54: RuleGroup f/g: rules[0]: a recording rule has no \"for\"; it belongs to "
	    "an alert\n" },
	{ "groups: [ { name: g, rules: [ { record: 1b, expr: up, labels: { \"a-b\": c } } ] } ]\n",
	    "f.yaml:1:41: rule file: groups[0].rules[0].record: \"1b\" is not a metric's name; "
	    "letters, digits, _ and :, not beginning with a digit\n"
	    "f.yaml:1:65: rule file: groups[0].rules[0].labels.a-b: \"a-b\" is not a label name; "
	    "letters, digits and _, not beginning with a digit\n" },
	/* all at once, over documents */
	{ USER "emial: x\nrole: x\n---\nkind: Usr\n---\n" ALERT "for: x\n",
	    "f.yaml:3:1: User ana: unknown key \"emial\"; did you mean \"email\"?\n"
	    "f.yaml:4:7: User ana: role: unknown role \"x\"; it must be admin, responder or "
	    "observer\n"
	    "f.yaml:6:7: unknown kind \"Usr\"; did you mean \"User\"?\n"
	    "f.yaml:11:6: Alert load: for: \"x\" is not a duration; a duration is such as 500ms, "
	    "10s, 5m, 1h30m, 7d\n" },
};

static void bad_yaml_has_exact_words(void **state)
{
	struct world *w = *state;
	unsigned wrong = 0;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
		enum err err = read_yaml(w, refusals[i].yaml);
		if (strcmp(faults_text(w), refusals[i].faults) != 0) {
			print_error("for:\n%sexpected:\n%sgot:\n%s", refusals[i].yaml,
			    refusals[i].faults, w->text);
			wrong++;
		}
		assert_int_equal(err, ERR_INPUT);
	}
	assert_int_equal(wrong, 0);
}

static void text_may_look_like_a_number(void **state)
{
	struct world *w = *state;
	enum err err = read_yaml(
	    w, "kind: Team\nname: 007\n---\nkind: Team\nname: 1e3\n---\nkind: Team\nname: \"~\"\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	body_is(w, 0, "{\"kind\":\"Team\",\"name\":\"007\"}");
	body_is(w, 1, "{\"kind\":\"Team\",\"name\":\"1e3\"}");
	body_is(w, 2, "{\"kind\":\"Team\",\"name\":\"~\"}");
}

static void aliases_are_followed_within_limits(void **state)
{
	struct world *w = *state;
	enum err err =
	    read_yaml(w, "kind: Team\nname: &n web\nusers: [*n, *n]\n---\n{}\n---\n# nothing\n");
	assert_int_equal(err, ERR_INPUT); /* {} has no kind */
	err = read_yaml(w, "kind: Team\nname: &n web\nusers: [*n, *n]\n---\n# nothing\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	body_is(w, 0, "{\"kind\":\"Team\",\"name\":\"web\",\"users\":[\"web\",\"web\"]}");
	/* ten to the ninth, if it were expanded */
	struct buf b = buf_make(&mem_system, 1 << 16);
	buf_add_c(&b, "a0: &a0 x\n");
	for (int i = 1; i < 10; i++)
		buf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i,
		    i, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	err = read_yaml(w, b.ptr);
	assert_int_equal(err, ERR_INPUT);
	assert_string_equal(
	    faults_text(w), "f.yaml:7:22: too many values in one file; split the file\n");
	buf_free(&b);
}

static void limits_hold(void **state)
{
	struct world *w = *state;
	struct buf b = buf_make(&mem_system, (size_t)8 << 20);
	for (int i = 0; i < 40; i++)
		buf_add_char(&b, '[');
	for (int i = 0; i < 40; i++)
		buf_add_char(&b, ']');
	assert_int_equal(read_yaml(w, b.ptr), ERR_INPUT);
	assert_string_equal(faults_text(w), "f.yaml:1:33: nested too deeply\n");
	buf_clear(&b);
	for (int i = 0; i < 300; i++)
		buf_printf(&b, "k%d: 1\n", i);
	assert_int_equal(read_yaml(w, b.ptr), ERR_INPUT);
	assert_string_equal(faults_text(w), "f.yaml:257:1: too many keys in one map\n");
	buf_clear(&b);
	while (b.len <= (4u << 20))
		buf_add_c(&b, "# a comment as long as it takes to fill the file\n");
	assert_int_equal(read_yaml(w, b.ptr), ERR_INPUT);
	assert_string_equal(
	    faults_text(w), "f.yaml: the file is larger than 4 MiB; split the file\n");
	/* more faults than are kept */
	buf_clear(&b);
	for (int i = 0; i < 80; i++)
		buf_add_c(&b, "kind: Usr\n---\n");
	assert_int_equal(read_yaml(w, b.ptr), ERR_INPUT);
	assert_int_equal(w->faults.count, w->faults.limit);
	assert_int_equal(w->faults.count + w->faults.more, 80);
	buf_free(&b);
}

static void json_has_paths(void **state)
{
	struct world *w = *state;
	struct conf_document d;
	assert_int_equal(
	    read_json(w, "{\"users\":[\"a\"],\"name\":\"t\",\"kind\":\"Team\"}", &d), OK);
	assert_true(str_eq(d.body, STR("{\"kind\":\"Team\",\"name\":\"t\",\"users\":[\"a\"]}")));
	assert_int_equal(
	    read_json(w, "{\"kind\":\"Team\",\"name\":\"t\",\"users\":[\"a\",7]}", &d), ERR_INPUT);
	assert_string_equal(faults_text(w), "Team t: users[1]: expected text, this is a number\n");
	assert_true(str_eq(w->faults.list[0].path, STR("Team t: users[1]")));
	assert_int_equal(
	    read_json(w, "{\"kind\":\"Team\",\"kind\":\"User\",\"name\":\"t\"}", &d), ERR_INPUT);
	assert_string_equal(faults_text(w), "kind: this key is there twice\n");
	assert_int_equal(read_json(w, "[]", &d), ERR_INPUT);
	assert_string_equal(faults_text(w),
	    "a document is a map with kind and name, this is a list; "
	    "a kind is User, Team, Schedule, EscalationPolicy, Service, Alert or RuleGroup\n");
	assert_int_equal(read_json(w, "{\"kind\":\"Team\",\"name\":\"a\\u0000b\"}", &d), ERR_INPUT);
	assert_string_equal(faults_text(w), "Team a: name: this is not a name; 1 to 128 characters "
	                                    "in one line, no blanks at its ends\n");
}

static void yaml_goes_there_and_back(void **state)
{
	struct world *w = *state;
	enum err err = read_yaml(w,
	    "kind: Service\nname: \"odd: # name\"\ndescription: "
	    "\"two\\nlines\\n\"\nescalation_policy: \"yes\"\n"
	    "integrations:\n- { name: \"1.0\", key: 0123456789abcdef0123456789abcdef }\n"
	    "---\n"
	    "kind: Schedule\nname: s\ntime_zone: UTC\nlayers: [ { start: 2026-01-05T09:00, users: "
	    "[~, ana bo] } ]\n");
	assert_int_equal(err, OK);
	struct buf b = buf_make(&mem_system, 1 << 16);
	conf_write_yaml(&b, w->list, w->count);
	assert_int_equal(b.err, OK);
	assert_string_equal(b.ptr,
	    "kind: Service\nname: \"odd: # name\"\ndescription: |\n  two\n  "
	    "lines\nescalation_policy: \"yes\"\n"
	    "integrations:\n  - name: \"1.0\"\n    key: \"0123456789abcdef0123456789abcdef\"\n"
	    "---\n"
	    "kind: Schedule\nname: s\ntime_zone: UTC\nlayers:\n  - start: \"2026-01-05T09:00\"\n   "
	    " users:\n      - null\n      - ana bo\n");
	struct world again = { .a = w->a };
	assert_int_equal(read_yaml(&again, b.ptr), OK);
	assert_int_equal(again.count, w->count);
	for (size_t i = 0; i < w->count; i++)
		assert_true(str_eq(again.list[i].body, w->list[i].body));
	buf_free(&b);
}

static void a_path_finds_its_place(void **state)
{
	struct world *w = *state;
	assert_int_equal(read_yaml(w, "kind: Team\nname: t\nusers:\n  - ana\n  - bo\n"), OK);
	struct str file;
	unsigned line, column;
	assert_true(
	    conf_document_place(w->list, w->count, STR("Team t: users[1]"), &file, &line, &column));
	assert_true(str_eq(file, STR("f.yaml")));
	assert_int_equal(line, 5);
	assert_int_equal(column, 5);
	assert_true(
	    conf_document_place(w->list, w->count, STR("Team t: users[7]"), &file, &line, &column));
	assert_int_equal(line, 4);
	assert_true(conf_document_place(w->list, w->count, STR("Team t"), &file, &line, &column));
	assert_int_equal(line, 1);
	assert_false(conf_document_place(w->list, w->count, STR("Team tt"), &file, &line, &column));
	assert_false(conf_document_place(w->list, w->count, STR("User t"), &file, &line, &column));
}

static void every_field_is_documented(void **state)
{
	struct world *w = *state;
	const struct conf_field_doc *docs = NULL;
	size_t count = conf_field_docs(w->a, &docs);
	assert_true(count > 80);
	for (size_t i = 0; i < count; i++) {
		assert_true(docs[i].path.len > 0 && docs[i].type.len > 0);
		if (str_empty(docs[i].meaning))
			fail_msg("%.*s %.*s has no meaning", STR_ARG(docs[i].kind),
			    STR_ARG(docs[i].path));
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	const char *text = USER
	    "contacts: [ { name: mail, type: email, address: a@b.c } ]\n---\n" ALERT "above: x\n";
	for (size_t limit = 64; limit < 200000; limit += 64) {
		struct arena *a = NULL;
		assert_int_equal(arena_open(&mem_system, limit, &a), OK);
		struct conf_faults faults = conf_faults_make(a);
		struct conf_document *list;
		size_t count;
		enum err err = conf_read_yaml(a, STR("f"), str_c(text), &list, &count, &faults);
		assert_true(err == ERR_LIMIT || err == ERR_INPUT || err == ERR_NOMEM);
		arena_close(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_kind_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_rule_file_becomes_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_yaml_has_exact_words, setup, teardown),
		cmocka_unit_test_setup_teardown(text_may_look_like_a_number, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    aliases_are_followed_within_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(json_has_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(yaml_goes_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_path_finds_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(every_field_is_documented, setup, teardown),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
