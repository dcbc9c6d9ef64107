/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of events: what is taken, what is refused, and in which words.
 */
#include "api/event_read.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define KEY "\"routing_key\":\"0123456789abcdef0123456789abcdef\","
#define PAYLOAD "\"payload\":{\"summary\":\"s\",\"source\":\"h\",\"severity\":\"error\"}"
#define TRIGGER "\"event_action\":\"trigger\","

struct v2_case {
	struct str body;
	const char *error; /* the first one; NULL: accepted */
	bool not_json;
};

static const struct v2_case v2_cases[] = {
	{ STR_INIT("{" KEY TRIGGER PAYLOAD "}"), NULL, false },
	{ STR_INIT("{" KEY TRIGGER PAYLOAD
	           ",\"unknown\":[1,{\"x\":null}],\"client\":null,\"images\":null}"),
	    NULL, false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":{\"summary\":\"s\",\"source\":\"h\",\"severity\":"
	           "\"info\",\"timestamp\":\"2015-07-17T08:42:58.315+0000\","
	           "\"custom_details\":{\"a\":[]}},\"links\":[{\"href\":\"http://"
	           "x\",\"text\":\"t\"}],\"images\":[{\"src\":\"https://x\"}]}"),
	    NULL, false },
	{ STR_INIT("{" KEY "\"event_action\":\"resolve\",\"dedup_key\":\"k\"}"), NULL, false },
	{ STR_INIT("{" KEY "\"event_action\":\"acknowledge\",\"dedup_key\":\"k\",\"payload\":{"
	           "\"summary\":5,\"severity\":\"nonsense\"}}"),
	    NULL, false },
	{ STR_INIT(""), "JSON parse error", true },
	{ STR_INIT("{"), "JSON parse error", true },
	{ STR_INIT("{\"a\":1,}"), "JSON parse error", true },
	{ STR_INIT("\xff"), "JSON parse error", true },
	{ STR_INIT("[]"), "the body must be a JSON object", true },
	{ STR_INIT("\"text\""), "the body must be a JSON object", true },
	{ STR_INIT("null"), "the body must be a JSON object", true },
	{ STR_INIT("{}"), "'routing_key' is missing or blank", false },
	{ STR_INIT("{\"routing_key\":\" \"," TRIGGER PAYLOAD "}"),
	    "'routing_key' is missing or blank", false },
	{ STR_INIT("{\"routing_key\":5," TRIGGER PAYLOAD "}"), "'routing_key' must be a string",
	    false },
	{ STR_INIT("{\"routing_key\":null," TRIGGER PAYLOAD "}"),
	    "'routing_key' is missing or blank", false },
	{ STR_INIT("{" KEY PAYLOAD "}"), "'event_action' is missing or blank", false },
	{ STR_INIT("{" KEY "\"event_action\":\"Trigger\"," PAYLOAD "}"),
	    "'event_action' is invalid (must be one of 'trigger', 'acknowledge' or 'resolve')",
	    false },
	{ STR_INIT("{" KEY "\"event_action\":\"resolve\"}"),
	    "'dedup_key' is missing or blank: an acknowledge or resolve needs one", false },
	{ STR_INIT("{" KEY TRIGGER "\"dedup_key\":{}," PAYLOAD "}"), "'dedup_key' must be a string",
	    false },
	{ STR_INIT("{" KEY "\"event_action\":\"trigger\"}"), "'payload' is missing or blank",
	    false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":\"s\"}"), "'payload' must be an object", false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":{\"source\":\"h\",\"severity\":\"error\"}}"),
	    "'payload.summary' is missing or blank", false },
	{ STR_INIT("{" KEY TRIGGER
	           "\"payload\":{\"summary\":[],\"source\":\"h\",\"severity\":\"error\"}}"),
	    "'payload.summary' must be a string", false },
	{ STR_INIT("{" KEY TRIGGER
	           "\"payload\":{\"summary\":\"s\",\"source\":1,\"severity\":\"error\"}}"),
	    "'payload.source' must be a string", false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":{\"summary\":\"s\",\"source\":\"h\"}}"),
	    "'payload.severity' is missing or blank", false },
	{ STR_INIT("{" KEY TRIGGER
	           "\"payload\":{\"summary\":\"s\",\"source\":\"h\",\"severity\":\"fatal\"}}"),
	    "'payload.severity' is invalid (must be one of 'critical', 'error', 'warning' or "
	    "'info')",
	    false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":{\"summary\":\"s\",\"source\":\"h\",\"severity\":"
	           "\"info\",\"timestamp\":\"yesterday\"}}"),
	    "'payload.timestamp' is not an ISO 8601 time (such as 2015-07-17T08:42:58.315+0000)",
	    false },
	{ STR_INIT("{" KEY TRIGGER "\"payload\":{\"summary\":\"s\",\"source\":\"h\",\"severity\":"
	           "\"info\",\"component\":7}}"),
	    "'payload.component' must be a string", false },
	{ STR_INIT("{" KEY TRIGGER PAYLOAD ",\"links\":{}}"), "'links' must be an array", false },
	{ STR_INIT("{" KEY TRIGGER PAYLOAD ",\"links\":[{\"text\":\"t\"}]}"),
	    "each of 'links' must be an object with a string 'href'", false },
	{ STR_INIT("{" KEY TRIGGER PAYLOAD ",\"images\":[\"x\"]}"),
	    "each of 'images' must be an object with a string 'src'", false },
};

static struct arena *arena;
static int setup(void **state)
{
	(void)state;
	return arena_open(&mem_system, (size_t)64 << 20, &arena) == OK ? 0 : -1;
}
static int teardown(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}
static const struct event_random random_bytes = { { 0xab, 0xcd } };

static void test_v2_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(v2_cases); i++) {
		struct record rec;
		struct event_errors errors;
		enum err e = event_read_v2(arena, v2_cases[i].body, &random_bytes, &rec, &errors);
		if (!v2_cases[i].error) {
			if (e != OK)
				fail_msg("%.*s: %.*s", STR_ARG(v2_cases[i].body),
				    STR_ARG(errors.list[0]));
			continue;
		}
		assert_int_equal(e, ERR_INPUT);
		assert_true(errors.count > 0);
		if (!str_eq(errors.list[0], str_c(v2_cases[i].error)))
			fail_msg("%.*s: %.*s", STR_ARG(v2_cases[i].body), STR_ARG(errors.list[0]));
		assert_int_equal(errors.not_json, v2_cases[i].not_json);
	}
}

static void test_v2_fields(void **state)
{
	struct record rec;
	struct event_errors errors;
	struct str body = STR("{" KEY TRIGGER "\"dedup_key\":\"srv01/"
	                      "HTTP\",\"client\":\"mon\",\"payload\":{\"summary\":\"disk \\u00e9\","
	                      "\"source\":\"h1\",\"severity\":\"warning\"}}");
	(void)state;
	assert_int_equal(event_read_v2(arena, body, &random_bytes, &rec, &errors), OK);
	assert_int_equal(rec.type, RECORD_EVENT);
	assert_int_equal(rec.event.action, EVENT_TRIGGER);
	assert_true(str_eq(rec.event.routing_key, STR("0123456789abcdef0123456789abcdef")));
	assert_true(str_eq(rec.event.dedup_key, STR("srv01/HTTP")));
	assert_true(str_eq(rec.event.summary, STR("disk \xc3\xa9")));
	assert_true(str_eq(rec.event.source, STR("h1")) && str_eq(rec.event.client, STR("mon")));
	assert_int_equal(rec.event.severity, SEVERITY_WARNING);
	assert_true(str_eq(rec.event.details, body) && str_eq(rec.event.via, STR("v2")));
	/* a trigger without a key gets one out of the random bytes */
	assert_int_equal(
	    event_read_v2(arena, STR("{" KEY TRIGGER PAYLOAD "}"), &random_bytes, &rec, &errors),
	    OK);
	assert_true(str_eq(rec.event.dedup_key, STR("abcd0000000000000000000000000000")));
	/* all that is wrong is told at once */
	assert_int_equal(
	    event_read_v2(arena, STR("{\"event_action\":\"x\"}"), &random_bytes, &rec, &errors),
	    ERR_INPUT);
	assert_int_equal(errors.count, 3);
}

/* Exactly the limit is taken, one more is not; characters count, not bytes. */
static void test_limits(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		char summary[4096] = "", key[512] = "", body[8192];
		struct record rec;
		struct event_errors errors;
		size_t at = 0;
		for (int i = 0; i < 1024 + over; i++)
			at += (size_t)snprintf(summary + at, sizeof summary - at, "\xc3\xa9");
		memset(key, 'k', 255);
		int n = snprintf(body, sizeof body,
		    "{%s%s\"dedup_key\":\"%s\",\"payload\":{\"summary\":\"%s\",\"source\":\"h\","
		    "\"severity\":\"error\"}}",
		    KEY, TRIGGER, key, summary);
		enum err e =
		    event_read_v2(arena, str_make(body, (size_t)n), &random_bytes, &rec, &errors);
		assert_int_equal(e, over ? ERR_INPUT : OK);
		if (over)
			assert_true(str_eq(errors.list[0],
			    STR("'payload.summary' is longer than 1024 characters (it has 1025)")));
		memset(key, 'k', 255 + (size_t)over);
		n = snprintf(body, sizeof body,
		    "{%s\"event_action\":\"resolve\",\"dedup_key\":\"%s\"}", KEY, key);
		e = event_read_v2(arena, str_make(body, (size_t)n), &random_bytes, &rec, &errors);
		assert_int_equal(e, over ? ERR_INPUT : OK);
		if (over)
			assert_true(str_eq(errors.list[0],
			    STR("'dedup_key' is longer than 255 characters (it has 256)")));
	}
}

static void test_change(void **state)
{
	struct record rec;
	struct event_errors errors;
	struct wall now = { 5 };
	(void)state;
	assert_int_equal(event_read_change(arena,
	                     STR("{" KEY "\"payload\":{\"summary\":\"deployed\",\"timestamp\":"
	                         "\"1970-01-01T00:00:01Z\"}}"),
	                     now, &rec, &errors),
	    OK);
	assert_int_equal(rec.type, RECORD_CHANGE);
	assert_int_equal(rec.change.timestamp.ns, NS_PER_S);
	assert_int_equal(
	    event_read_change(
	        arena, STR("{" KEY "\"payload\":{\"summary\":\"deployed\"}}"), now, &rec, &errors),
	    OK);
	assert_int_equal(rec.change.timestamp.ns, 5);
	assert_int_equal(
	    event_read_change(arena, STR("{" KEY "\"payload\":{}}"), now, &rec, &errors),
	    ERR_INPUT);
	assert_true(str_eq(errors.list[0], STR("'payload.summary' is missing or blank")));
}

static void test_v1(void **state)
{
	struct record rec;
	struct event_errors errors;
	(void)state;
	assert_int_equal(event_read_v1(arena,
	                     STR("{\"service_key\":\"k\",\"event_type\":\"trigger\",\"incident_"
	                         "key\":\"i\",\"description\":\"d\",\"details\":{}}"),
	                     &random_bytes, &rec, &errors),
	    OK);
	assert_true(str_eq(rec.event.summary, STR("d")) && str_eq(rec.event.dedup_key, STR("i")) &&
	            str_eq(rec.event.via, STR("v1")));
	assert_int_equal(rec.event.severity, SEVERITY_CRITICAL);
	assert_int_equal(
	    event_read_v1(arena, STR("{\"service_key\":\"k\",\"event_type\":\"trigger\"}"),
	        &random_bytes, &rec, &errors),
	    ERR_INPUT);
	assert_true(str_eq(errors.list[0], STR("'description' is missing or blank")));
	assert_int_equal(
	    event_read_v1(arena, STR("{\"service_key\":\"k\",\"event_type\":\"resolve\"}"),
	        &random_bytes, &rec, &errors),
	    ERR_INPUT);
}

static void test_alerts(void **state)
{
	struct record *list;
	size_t count;
	struct event_errors errors;
	struct wall now;
	(void)state;
	assert_int_equal(wall_parse(STR("2026-01-01T00:00:00Z"), &now), OK);
	struct str body = STR(
	    "[{\"labels\":{\"alertname\":\"Disk\",\"instance\":\"h1\",\"severity\":\"page\"},"
	    "\"annotations\":{\"summary\":\"disk full\"},"
	    "\"startsAt\":\"2025-12-31T23:00:00Z\",\"endsAt\":\"2026-01-01T00:04:00Z\","
	    "\"generatorURL\":\"http://p\"},"
	    "{\"labels\":{\"severity\":\"page\",\"instance\":\"h1\",\"alertname\":\"Disk\"},"
	    "\"endsAt\":\"2025-12-31T23:59:00Z\"},"
	    "{\"labels\":{\"alertname\":\"A\",\"b\":\"c\"},\"endsAt\":\"0001-01-01T00:00:00Z\"}]");
	assert_int_equal(
	    event_read_alerts(arena, body, STR("key"), now, &list, &count, &errors), OK);
	assert_int_equal(count, 3);
	assert_int_equal(list[0].event.action, EVENT_TRIGGER);
	assert_int_equal(list[1].event.action, EVENT_RESOLVE);
	assert_int_equal(list[2].event.action, EVENT_TRIGGER);
	assert_int_equal(list[0].event.dedup_key.len, 64);
	assert_true(str_eq(list[0].event.dedup_key,
	    list[1].event.dedup_key)); /* the order of labels does not matter */
	assert_false(str_eq(list[0].event.dedup_key, list[2].event.dedup_key));
	assert_true(str_eq(list[0].event.summary, STR("disk full")) &&
	            str_eq(list[2].event.summary, STR("A b=c")));
	assert_int_equal(list[0].event.severity, SEVERITY_CRITICAL);
	assert_int_equal(list[2].event.severity, SEVERITY_ERROR);
	assert_true(str_eq(list[0].event.source, STR("h1")) &&
	            str_eq(list[0].event.routing_key, STR("key")));

	assert_int_equal(
	    event_read_alerts(arena, STR("[]"), STR("key"), now, &list, &count, &errors), OK);
	assert_int_equal(count, 0);
	static const struct str bad[] = { STR_INIT("{}"), STR_INIT("[{}]"),
		STR_INIT("[{\"labels\":{}}]"), STR_INIT("[{\"labels\":{\"a\":1}}]"),
		STR_INIT("[{\"labels\":{\"a\":\"b\"},\"endsAt\":\"soon\"}]"), STR_INIT("[5]") };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(
		    event_read_alerts(arena, bad[i], STR("key"), now, &list, &count, &errors),
		    ERR_INPUT);
	/* labels that run into each other are not the same */
	assert_int_equal(event_read_alerts(arena,
	                     STR("[{\"labels\":{\"a\":\"bc\"}},{\"labels\":{\"ab\":\"c\"}}]"),
	                     STR("key"), now, &list, &count, &errors),
	    OK);
	assert_false(str_eq(list[0].event.dedup_key, list[1].event.dedup_key));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = { T(test_v2_table), T(test_v2_fields), T(test_limits),
		T(test_change), T(test_v1), T(test_alerts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
