/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/page.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct page sample(void)
{
	return (struct page){
		.message = STR("Q0000000000001"),
		.attempt = 3,
		.maybe_duplicate = true,
		.purpose = PURPOSE_RESOLVED,
		.contact_type = CONTACT_NTFY,
		.provider = STR("mail"),
		.address = STR("ana@example.com"),
		.user = STR("ana"),
		.user_full_name = STR("Ana Souza"),
		.incident = STR("Q00000000000A1"),
		.incident_number = 42,
		.title = STR("disk full on db1"),
		.service = STR("web"),
		.status = STR("triggered"),
		.urgency = URGENCY_LOW,
		.severity = SEVERITY_WARNING,
		.created_at = { 1767600000 * NS_PER_S },
		.alerts_open = 2,
		.source = STR("db1"),
		.client = STR("backup"),
		.details = STR("{\"a\":1}"),
		.base_url = STR("http://127.0.0.1:7847"),
		.at = { 1767600001 * NS_PER_S },
	};
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct page in = sample(), out = { 0 };
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	page_encode(&b, &in);
	assert_int_equal(b.err, OK);
	assert_int_equal(page_decode(buf_str(&b), &out), OK);
	assert_true(str_eq(out.message, in.message));
	assert_int_equal(out.attempt, 3);
	assert_true(out.maybe_duplicate);
	assert_int_equal(out.purpose, PURPOSE_RESOLVED);
	assert_int_equal(out.contact_type, CONTACT_NTFY);
	assert_true(str_eq(out.provider, in.provider));
	assert_true(str_eq(out.address, in.address));
	assert_true(str_eq(out.user, in.user));
	assert_true(str_eq(out.user_full_name, in.user_full_name));
	assert_true(str_eq(out.incident, in.incident));
	assert_int_equal(out.incident_number, 42);
	assert_true(str_eq(out.title, in.title));
	assert_true(str_eq(out.service, in.service));
	assert_true(str_eq(out.status, in.status));
	assert_int_equal(out.urgency, URGENCY_LOW);
	assert_int_equal(out.severity, SEVERITY_WARNING);
	assert_true(out.created_at.ns == in.created_at.ns);
	assert_int_equal(out.alerts_open, 2);
	assert_true(str_eq(out.source, in.source));
	assert_true(str_eq(out.client, in.client));
	assert_true(str_eq(out.details, in.details));
	assert_true(str_eq(out.base_url, in.base_url));
	assert_true(out.at.ns == in.at.ns);
	buf_free(&b);
}

static void test_every_prefix_is_refused(void **state)
{
	(void)state;
	struct page in = sample(), out = { .attempt = 99 };
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	page_encode(&b, &in);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(page_decode(str_first(buf_str(&b), n), &out), ERR_INPUT);
	assert_int_equal(out.attempt, 99); /* never written on failure */
	buf_add_char(&b, 'x');
	assert_int_equal(page_decode(buf_str(&b), &out), ERR_INPUT);
	buf_free(&b);
}

static void test_unknown_numbers_are_refused(void **state)
{
	(void)state;
	struct page in = sample(), out;
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	page_encode(&b, &in);
	size_t after_attempt = 1 + 4 + in.message.len + 4;
	static const unsigned char too_big[] = { 2, PURPOSE_COUNT, CONTACT_TYPE_COUNT };
	for (size_t i = 0; i < ARRAY_COUNT(too_big); i++) {
		char keep = b.ptr[after_attempt + i];
		b.ptr[after_attempt + i] = (char)too_big[i];
		assert_int_equal(page_decode(buf_str(&b), &out), ERR_INPUT);
		b.ptr[after_attempt + i] = keep;
	}
	b.ptr[0] = 2;
	assert_int_equal(page_decode(buf_str(&b), &out), ERR_INPUT);
	b.ptr[0] = 1;
	assert_int_equal(page_decode(buf_str(&b), &out), OK);
	buf_free(&b);
}

static void test_details_over_the_limit_are_left_out(void **state)
{
	(void)state;
	static char big[16 * 1024 + 1];
	memset(big, 'x', sizeof(big));
	struct page in = sample(), out;
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	in.details = str_make(big, sizeof(big) - 1);
	page_encode(&b, &in);
	assert_int_equal(page_decode(buf_str(&b), &out), OK);
	assert_int_equal(out.details.len, sizeof(big) - 1);
	buf_clear(&b);
	in.details = str_make(big, sizeof(big));
	page_encode(&b, &in);
	assert_int_equal(page_decode(buf_str(&b), &out), OK);
	assert_int_equal(out.details.len, 0);
	buf_free(&b);
}

/* A page must arrive whatever its source called itself. */
static void test_long_texts_are_cut(void **state)
{
	(void)state;
	static char big[20000];
	memset(big, 'x', sizeof(big));
	struct str long_text = str_make(big, sizeof(big));
	struct page in = sample(), out;
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	in.title = in.source = in.client = in.service = in.user_full_name = in.address = long_text;
	in.details = str_make(big, 16 * 1024);
	page_encode(&b, &in);
	assert_int_equal(b.err, OK);
	assert_int_equal(page_decode(buf_str(&b), &out), OK);
	assert_int_equal(out.title.len, 4096);
	assert_int_equal(out.source.len, 4096);
	assert_int_equal(out.service.len, 512);
	assert_int_equal(out.address.len, 2048);
	assert_true(str_eq(out.message, in.message));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_unknown_numbers_are_refused),
		cmocka_unit_test(test_details_over_the_limit_are_left_out),
		cmocka_unit_test(test_long_texts_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
