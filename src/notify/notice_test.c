/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/notice.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct page sample(void)
{
	return (struct page){
		.message = STR("Q0000000000001"),
		.attempt = 2,
		.purpose = PURPOSE_INCIDENT,
		.contact_type = CONTACT_EMAIL,
		.provider = STR("mail"),
		.address = STR("ana@example.com"),
		.user = STR("ana"),
		.user_full_name = STR("Ana Souza"),
		.incident = STR("Q00000000000A1"),
		.incident_number = 42,
		.title = STR("disk full on db1"),
		.service = STR("web"),
		.status = STR("triggered"),
		.urgency = URGENCY_HIGH,
		.severity = SEVERITY_CRITICAL,
		.created_at = { INT64_C(1767600000) * NS_PER_S },
		.alerts_open = 2,
		.source = STR("db1"),
		.client = STR(""),
		.details =
		    STR("{\"routing_key\":\"K\",\"payload\":{\"summary\":\"disk full on db1\","
		        "\"custom_details\":{\"free\":0,\"log\":\"one\\ntwo\"}}}"),
		.base_url = STR("http://q.example"),
		.at = { INT64_C(1767600060) * NS_PER_S },
	};
}

static struct notice notice_of(struct arena *a, const struct page *page)
{
	struct notice n;
	assert_int_equal(notice_make(a, page, NULL, &n), OK);
	return n;
}

static void test_text(void **state)
{
	(void)state;
	struct arena *a = NULL;
	struct page page = sample();
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	struct notice n = notice_of(a, &page);
	struct buf b = buf_make(&mem_system, 1 << 16);
	notice_text(&b, &n);
	assert_int_equal(b.err, OK);
	assert_string_equal(b.ptr,
	    "TRIGGERED: disk full on db1\n\n"
	    "Service:  web\n"
	    "Severity: critical (urgency high)\n"
	    "Status:   triggered\n"
	    "Since:    2026-01-05 08:00:00 UTC\n"
	    "Alerts:   2 open\n"
	    "Source:   db1\n"
	    "Incident: #42\n\n"
	    "Incident:    http://q.example/ui/incidents/Q00000000000A1\n"
	    "\nDetails\n"
	    "  free: 0\n"
	    "  log: \n    one\n    two\n"
	    "\n-- \nQuis paged Ana Souza. Message Q0000000000001, attempt 2.\n");
	buf_free(&b);
	arena_close(&a);
}

/* U+009B begins an escape for some terminals, U+202E turns what follows around. */
static void test_title_commands_nothing(void **state)
{
	(void)state;
	struct arena *a = NULL;
	struct page page = sample();
	page.title = STR("a\xc2\x9b"
	                 "31m\x1b[2J\xe2\x80\xae"
	                 "b\xe2\x80\xa8\xe2\x81\xa6\xc2\x85\xc2\xa0\xe2\x80\xa6\xc3\xa9");
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	struct notice n = notice_of(a, &page);
	assert_true(str_eq(n.title, STR("a 31m [2J b   \xc2\xa0\xe2\x80\xa6\xc3\xa9")));
	arena_close(&a);
}

static void test_keys_are_never_shown(void **state)
{
	(void)state;
	static const struct str details[] = {
		STR_INIT("{\"routing_key\":\"SECRET\"}"),
		STR_INIT("{\"service_key\":\"SECRET\",\"details\":{}}"),
		STR_INIT("{\"payload\":{\"routing_key\":\"SECRET\"}}"),
		STR_INIT("{\"routing_key\":{\"a\":\"SECRET\"}}"),
		STR_INIT("{\"routing_key\":\"SECRET\""), /* cut: no JSON */
		STR_INIT("\"SECRET\""),
	};
	for (size_t i = 0; i < ARRAY_COUNT(details); i++) {
		struct arena *a = NULL;
		struct page page = sample();
		page.details = details[i];
		assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
		struct notice n = notice_of(a, &page);
		struct buf b = buf_make(&mem_system, 1 << 16);
		notice_text(&b, &n);
		notice_html(&b, &n);
		assert_int_equal(b.err, OK);
		assert_true(str_find_str(buf_str(&b), STR("SECRET")) == b.len);
		buf_free(&b);
		arena_close(&a);
	}
}

static void test_details_are_bounded(void **state)
{
	(void)state;
	struct arena *a = NULL;
	struct page page = sample();
	struct buf d = buf_make(&mem_system, 1 << 16), b = buf_make(&mem_system, 1 << 18);
	buf_add(&d, STR("{"));
	for (unsigned i = 0; i < 1000; i++)
		buf_printf(&d, "%s\"k%u\":%u", i ? "," : "", i, i);
	buf_add(&d, STR("}"));
	page.details = buf_str(&d);
	assert_int_equal(arena_open(&mem_system, 1 << 21, &a), OK);
	struct notice n = notice_of(a, &page);
	assert_int_equal(n.detail_count, 60);
	assert_int_equal(n.details_left_out, 940);
	notice_text(&b, &n);
	assert_true(
	    str_find_str(buf_str(&b), STR("  ... and 940 more on the incident's page\n")) < b.len);
	buf_free(&d);
	buf_free(&b);
	arena_close(&a);
}

static void test_links(void **state)
{
	(void)state;
	struct arena *a = NULL;
	struct page page = sample();
	struct link_key key = { { 1, 2, 3 } };
	struct notice n;
	page.client = STR("cron");
	page.details = STR(
	    "{\"client_url\":\"https://c.example/1\",\"links\":[{\"href\":\"javascript:alert(1)\","
	    "\"text\":\"x\"},{\"href\":\"https://a.example/\\\"><b>\"},{\"href\":\"http://"
	    "b.example/\"}],"
	    "\"images\":[{\"src\":\"https://i.example/p.png\",\"alt\":\"a picture\"}],"
	    "\"generatorURL\":\"http://prom.example/graph?g0.expr=up\"}");
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	assert_int_equal(notice_make(a, &page, &key, &n), OK);
	assert_int_equal(n.link_count, 3);
	assert_true(str_eq(n.links[0].url, STR("http://b.example/")));
	assert_true(str_eq(n.links[0].text, STR("http://b.example/")));
	assert_true(str_eq(n.links[1].text, STR("a picture")));
	assert_true(str_eq(n.links[2].text, STR("cron")));
	assert_true(str_eq(n.graph_url, STR("http://prom.example/graph?g0.expr=up")));
	page.details = STR("{\"rule\":\"disk full\",\"generatorURL\":\"http://prom.example/\"}");
	assert_int_equal(notice_make(a, &page, &key, &n), OK);
	assert_true(str_eq(n.graph_url, STR("http://q.example/ui/explore?rule=disk%20full")));
	page.details = STR("{\"rule\":\"r\",\"query\":\"up{a=\\\"b\\\"} > 1\"}");
	assert_int_equal(notice_make(a, &page, &key, &n), OK);
	assert_true(str_eq(
	    n.graph_url, STR("http://q.example/ui/explore?q=up%7Ba%3D%22b%22%7D%20%3E%201")));
	struct link_claim claim;
	struct str token = str_from(n.resolve_url, STR("http://q.example/link/").len);
	assert_int_equal(link_check(token, &key, page.at, &claim), OK);
	assert_int_equal(claim.action, LINK_RESOLVE);
	assert_true(str_eq(id_str(&claim.message), page.message));
	token = str_from(n.acknowledge_url, STR("http://q.example/link/").len);
	assert_int_equal(link_check(token, &key, page.at, &claim), OK);
	assert_int_equal(claim.action, LINK_ACKNOWLEDGE);
	page.purpose = PURPOSE_RESOLVED;
	assert_int_equal(notice_make(a, &page, &key, &n), OK);
	assert_int_equal(n.acknowledge_url.len + n.resolve_url.len, 0);
	arena_close(&a);
}

static void test_subjects(void **state)
{
	(void)state;
	struct arena *a = NULL;
	static char title[2000];
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	struct page page = sample();
	page.maybe_duplicate = true;
	page.status = STR("acknowledged");
	struct notice n = notice_of(a, &page);
	assert_true(str_eq(
	    n.subject, STR("[Quis #42] (possible duplicate) ACKNOWLEDGED web: disk full on db1")));
	assert_true(n.duplicate.len > 0);
	page = sample();
	page.purpose = PURPOSE_TEST;
	page.user = page.user_full_name = page.title = STR("");
	n = notice_of(a, &page);
	assert_true(str_eq(n.subject, STR("[Quis] TEST: page for the fallback contact")));
	assert_true(str_eq(n.title, STR("A test page for the fallback contact")));
	page = sample();
	memset(title, 'x', sizeof(title));
	memcpy(title + 178, "\xe2\x82\xac\xff\x01",
	    5); /* a character across the cut, and what is no text */
	page.title = str_make(title, sizeof(title));
	n = notice_of(a, &page);
	assert_true(str_utf8_valid(n.subject) && n.subject.len < 260);
	assert_true(str_utf8_valid(n.title) && n.title.len < 1100);
	assert_true(str_ends(n.title, STR("\xe2\x80\xa6")));
	arena_close(&a);
}

static void test_html_is_escaped(void **state)
{
	(void)state;
	struct arena *a = NULL;
	struct page page = sample();
	page.title = STR("<img src=x onerror=\"alert('1')\">");
	page.service = page.source = page.user_full_name = page.title;
	page.details = STR("{\"<b>\":\"</td><script>\"}");
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	struct notice n = notice_of(a, &page);
	struct buf b = buf_make(&mem_system, 1 << 16);
	notice_html(&b, &n);
	assert_int_equal(b.err, OK);
	assert_true(str_find_str(buf_str(&b), STR("<img")) == b.len);
	assert_true(str_find_str(buf_str(&b), STR("<script")) == b.len);
	assert_true(str_find_str(buf_str(&b), STR("<b>")) == b.len);
	buf_free(&b);
	arena_close(&a);
}

static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	struct page page = sample();
	struct link_key key = { { 9 } };
	for (size_t at = 1;; at++) {
		struct mem_faulty f = mem_faulty_make(at);
		struct arena *a = NULL;
		struct notice n;
		enum err e = arena_open(&f.iface, 1 << 20, &a);
		if (e == OK)
			e = notice_make(a, &page, &key, &n);
		arena_close(&a);
		assert_int_equal(f.live, 0);
		if (e == OK && f.calls < at)
			break;
		assert_int_equal(e, ERR_NOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_title_commands_nothing),
		cmocka_unit_test(test_keys_are_never_shown),
		cmocka_unit_test(test_details_are_bounded),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_html_is_escaped),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
