/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of verdicts, and what a provider may be. Requests on the wire are tried against real
 * servers in tests/notify.
 */
#include "notify/driver.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define ARENA_BYTES ((size_t)4 << 20)

static struct arena *arena(void)
{
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, ARENA_BYTES, &a), OK);
	return a;
}

struct verdict_case {
	struct fetch_result result;
	enum verdict want;
	const char *error;
};

static void judge_all(const struct driver *driver, const struct verdict_case *cases, size_t count)
{
	const struct notify_provider p = { .name = STR("p"),
		.type = driver->type,
		.password = STR("hunter2"),
		.timeout = SPAN_S(30) };
	for (size_t i = 0; i < count; i++) {
		struct arena *a = arena();
		struct judgement j;
		driver->judge(a, &p, STR("smtp://mx.example:25/secret-path"), &cases[i].result, &j);
		assert_int_equal(j.verdict, cases[i].want);
		if (!str_eq(j.error, str_c(cases[i].error)))
			print_error("got '%.*s', want '%s'\n", STR_ARG(j.error), cases[i].error);
		assert_true(str_eq(j.error, str_c(cases[i].error)));
		arena_close(&a);
	}
}

#define REASON(text) .answer = STR_INIT(""), .reason = STR_INIT(text)
#define ANSWER(status_, text) \
	.end = FETCH_ANSWERED, .status = (status_), .answer = STR_INIT(text), .reason = STR_INIT("")

static void test_mail_verdicts(void **state)
{
	(void)state;
	static const struct verdict_case cases[] = {
		{ { ANSWER(250, "250 ok as 1"), .began = true, .whole = true }, VERDICT_ACCEPTED,
		    "" },
		{ { ANSWER(421, "421 going down") }, VERDICT_RETRY,
		    "mx.example:25 answered: 421 going down" },
		{ { ANSWER(550, "550 who?") }, VERDICT_FINAL, "mx.example:25 answered: 550 who?" },
		{ { ANSWER(554, "554 no"), .began = true, .whole = true }, VERDICT_FINAL,
		    "mx.example:25 answered: 554 no" },
		{ { ANSWER(535, "535 hunter2 is wrong") }, VERDICT_RETRY,
		    "mx.example:25 answered: 535 *** is wrong" },
		{ { .end = FETCH_CUT, REASON("it broke"), .began = true }, VERDICT_RETRY,
		    "mx.example:25: it broke" },
		{ { .end = FETCH_CUT, REASON("it broke"), .began = true, .whole = true },
		    VERDICT_UNKNOWN, "mx.example:25: it broke" },
		{ { .end = FETCH_TIMEOUT, REASON("x") }, VERDICT_RETRY,
		    "no answer from mx.example:25 within 30s" },
		{ { .end = FETCH_TIMEOUT, REASON("x"), .began = true, .whole = true },
		    VERDICT_UNKNOWN, "no answer from mx.example:25 within 30s" },
		{ { .end = FETCH_NAME, REASON("x") }, VERDICT_RETRY,
		    "cannot resolve the name of mx.example:25" },
		{ { .end = FETCH_CONNECT, REASON("x") }, VERDICT_RETRY,
		    "cannot connect to mx.example:25" },
		{ { .end = FETCH_TLS, REASON("bad certificate") }, VERDICT_RETRY,
		    "no secure connection to mx.example:25: bad certificate" },
		{ { .end = FETCH_LOGIN, .answer = STR_INIT("535 no"), .reason = STR_INIT("") },
		    VERDICT_RETRY, "mx.example:25 refused the username and password: 535 no" },
		{ { .end = FETCH_WRONG, REASON("bad URL") }, VERDICT_FINAL,
		    "the address cannot be used: bad URL" },
		{ { .end = FETCH_OURS, REASON("memory") }, VERDICT_RETRY,
		    "an error of our own: memory" },
	};
	judge_all(&driver_smtp, cases, ARRAY_COUNT(cases));
}

static void test_http_verdicts(void **state)
{
	(void)state;
	static const struct verdict_case cases[] = {
		{ { ANSWER(200, "fine"), .began = true }, VERDICT_ACCEPTED, "" },
		{ { ANSWER(299, ""), .began = true }, VERDICT_ACCEPTED, "" },
		{ { ANSWER(302, ""), .began = true }, VERDICT_FINAL,
		    "answered 302: redirects are not followed, use the address it leads to" },
		{ { ANSWER(404, " gone \r\nmore"), .began = true }, VERDICT_FINAL,
		    "answered 404: gone" },
		{ { ANSWER(400, "\x01\xff hunter2"), .began = true }, VERDICT_FINAL,
		    "answered 400: ? ***" },
		{ { ANSWER(401, ""), .began = true }, VERDICT_RETRY, "answered 401" },
		{ { ANSWER(429, ""), .began = true }, VERDICT_RETRY, "answered 429" },
		{ { ANSWER(500, ""), .began = true }, VERDICT_RETRY, "answered 500" },
		{ { ANSWER(504, ""), .began = true }, VERDICT_UNKNOWN, "answered 504" },
		{ { .end = FETCH_CUT, REASON("it broke"), .began = true }, VERDICT_UNKNOWN,
		    "mx.example:25: it broke" },
		{ { .end = FETCH_CUT, REASON("it broke") }, VERDICT_RETRY,
		    "mx.example:25: it broke" },
		{ { .end = FETCH_TIMEOUT, REASON("x"), .began = true }, VERDICT_UNKNOWN,
		    "no answer from mx.example:25 within 30s" },
		{ { .end = FETCH_CONNECT, REASON("x") }, VERDICT_RETRY,
		    "cannot connect to mx.example:25" },
	};
	judge_all(&driver_webhook, cases, ARRAY_COUNT(cases));
}

static void test_every_type_has_its_driver(void **state)
{
	(void)state;
	for (unsigned t = 0; t < PROVIDER_TYPE_COUNT; t++) {
		const struct driver *d = driver_find((enum provider_type)t);
		assert_int_equal(d->type, t);
		assert_non_null(d->build);
		assert_true((d->judge == NULL) == (t == PROVIDER_CONSOLE));
	}
}

static void test_addresses(void **state)
{
	(void)state;
	static const struct {
		struct str s;
		bool mail, web;
	} cases[] = {
		{ STR_INIT("ana@example.com"), true, false },
		{ STR_INIT("a@b"), true, false },
		{ STR_INIT("a+b.c-d@e-f.example"), true, false },
		{ STR_INIT(""), false, false },
		{ STR_INIT("ana"), false, false },
		{ STR_INIT("@b"), false, false },
		{ STR_INIT("a@"), false, false },
		{ STR_INIT("a@b@c"), false, false },
		{ STR_INIT("a b@c"), false, false },
		{ STR_INIT("\"a\"@b"), false, false },
		{ STR_INIT("a\xc3\xa4@b"), false, false },
		{ STR_INIT("a@b\n"), false, false },
		{ STR_INIT("http://h"), false, true },
		{ STR_INIT("https://h:8443/a/b?c=d#e"), false, true },
		{ STR_INIT("https://h/@user"), false, true },
		{ STR_INIT("https://u:p@h/"), false, false },
		{ STR_INIT("https://"), false, false },
		{ STR_INIT("http:///x"), false, false },
		{ STR_INIT("HTTP://h"), false, false },
		{ STR_INIT("http://h/ x"), false, false },
		{ STR_INIT("http://h/\"x"), false, false },
		{ STR_INIT("http://h/\r\n"), false, false },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(address_is_mail(cases[i].s), cases[i].mail);
		assert_int_equal(address_is_web(cases[i].s), cases[i].web);
	}
}

static enum err provider_from(
    struct arena *a, struct str text, struct notify_provider *ret, struct str *ret_why)
{
	const struct json *root;
	assert_int_equal(json_read(a, text, 8, &root, NULL), OK);
	return provider_read(a, root, ret, ret_why);
}

static void test_a_provider(void **state)
{
	(void)state;
	struct arena *a = arena();
	struct notify_provider p;
	struct str why;
	assert_int_equal(provider_from(a,
	                     STR("{\"name\":\"mail\",\"type\":\"smtp\",\"url\":\"smtp://"
	                         "h:25\",\"from\":\"\\\"Quis\\\" <q@e>\","
	                         "\"username\":null,\"ca\":\"A\\nB\\n\",\"timeout_ns\":1000000000,"
	                         "\"concurrency\":3}"),
	                     &p, &why),
	    OK);
	assert_true(str_eq(p.from_name, STR("Quis")) && str_eq(p.from, STR("q@e")));
	assert_true(str_eq(p.ca_pem, STR("A\nB\n")));
	assert_int_equal(p.tls, FETCH_TLS_IF_OFFERED);
	assert_true(p.timeout.ns == NS_PER_S);
	assert_int_equal(p.concurrency, 3);
	assert_int_equal(provider_from(a,
	                     STR("{\"name\":\"m\",\"type\":\"smtp\",\"url\":\"smtp://"
	                         "h\",\"from\":\"q@e\",\"username\":\"u\","
	                         "\"password\":\"p\"}"),
	                     &p, &why),
	    OK);
	assert_int_equal(p.tls, FETCH_TLS_REQUIRED);
	assert_int_equal(p.concurrency, 8);
	assert_int_equal(provider_from(a,
	                     STR("{\"name\":\"m\",\"type\":\"smtp\",\"url\":\"smtp://"
	                         "u:pw@h\",\"from\":\"q@e\"}"),
	                     &p, &why),
	    ERR_INPUT);
	assert_true(str_eq(why, STR("provider \"m\": url: must not hold a username; use the fields "
	                            "username and password")));
	assert_int_equal(
	    provider_from(
	        a, STR("{\"name\":\"c\",\"type\":\"webhook\",\"token\":\"a\\nb\"}"), &p, &why),
	    ERR_INPUT);
	assert_true(str_eq(why,
	    STR("provider \"c\": token: holds a control character (is there a line end in it?)")));
	assert_int_equal(provider_from(a, STR("[]"), &p, &why), ERR_INPUT);
	assert_int_equal(
	    provider_from(a, STR("{\"name\":7,\"type\":\"console\"}"), &p, &why), ERR_INPUT);
	assert_true(str_eq(why, STR("provider \"?\": name: must be text")));
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mail_verdicts),
		cmocka_unit_test(test_http_verdicts),
		cmocka_unit_test(test_every_type_has_its_driver),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_a_provider),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
