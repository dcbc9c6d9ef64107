/* SPDX-License-Identifier: Apache-2.0 */
#include "net/smtp.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Takes all that is to be sent. */
static void expect_out(struct smtp *s, struct str want)
{
	struct str out = smtp_out(s);
	if (!str_eq(out, want))
		print_error("got '%.*s', want '%.*s'\n", STR_ARG(out), STR_ARG(want));
	assert_true(str_eq(out, want));
	smtp_sent(s, out.len);
}

static struct smtp started(struct str content)
{
	struct smtp s;
	smtp_start(&s, &mem_system, STR("quis@example.com"), STR("ana@example.com"), content);
	return s;
}

static void to_content(struct smtp *s)
{
	expect_out(s, STR("MAIL FROM:<quis@example.com>\r\n"));
	smtp_feed(s, STR("250 2.1.0 fine\r\n"));
	expect_out(s, STR("RCPT TO:<ana@example.com>\r\n"));
	smtp_feed(s, STR("250 2.1.5 fine\r\n"));
	expect_out(s, STR("DATA\r\n"));
	assert_false(s->began);
	smtp_feed(s, STR("354 go on\r\n"));
	assert_int_equal(s->state, SMTP_CONTENT);
	assert_false(s->began);
}

static void test_taken(void **state)
{
	(void)state;
	struct smtp s = started(STR("Subject: x\r\n\r\n.hidden\r\nend\r\n"));
	to_content(&s);
	expect_out(&s, STR("Subject: x\r\n\r\n..hidden\r\nend\r\n.\r\n"));
	assert_true(s.began && s.whole);
	smtp_feed(&s, STR("250-2.0.0\r\n250 OK queued as 1234\r\n"));
	assert_int_equal(s.state, SMTP_DONE);
	assert_int_equal(s.code, 250);
	assert_true(str_eq(buf_str(&s.text), STR("250 OK queued as 1234")));
	expect_out(&s, STR("QUIT\r\n"));
	assert_true(s.whole); /* stays known */
	assert_int_equal(smtp_err(&s), OK);
	smtp_free(&s);
}

static void test_content_without_last_line_end(void **state)
{
	(void)state;
	struct smtp s = started(STR("a"));
	to_content(&s);
	expect_out(&s, STR("a\r\n.\r\n"));
	smtp_free(&s);
}

static void test_half_sent_is_not_whole(void **state)
{
	(void)state;
	struct smtp s = started(STR("Subject: x\r\n\r\nbody\r\n"));
	to_content(&s);
	size_t all = smtp_out(&s).len;
	smtp_sent(&s, all - 1);
	assert_true(s.began);
	assert_false(s.whole);
	smtp_sent(&s, 1);
	assert_true(s.whole);
	smtp_free(&s);
}

static void test_refusals(void **state)
{
	(void)state;
	static const struct str refusal[] = { STR_INIT("550 5.1.1 no such user\r\n"),
		STR_INIT("451 4.3.0 later\r\n") };
	for (size_t at = 0; at < 4; at++)
		for (size_t i = 0; i < ARRAY_COUNT(refusal); i++) {
			struct smtp s = started(STR("x\r\n"));
			for (size_t step = 0; step < 4; step++) {
				smtp_sent(&s, smtp_out(&s).len);
				if (step == at)
					break;
				smtp_feed(&s, step == 2 ? STR("354 go\r\n") : STR("250 ok\r\n"));
			}
			smtp_feed(&s, refusal[i]);
			assert_int_equal(s.state, SMTP_DONE);
			assert_int_equal(s.code, i == 0 ? 550 : 451);
			assert_int_equal(s.whole, at == 3);
			expect_out(&s, STR("QUIT\r\n"));
			smtp_free(&s);
		}
}

static void test_replies_in_any_pieces(void **state)
{
	(void)state;
	struct smtp s = started(STR("x\r\n"));
	smtp_sent(&s, smtp_out(&s).len);
	struct str reply = STR("250-one\r\n250-two\r\n250 three\r\n");
	for (size_t i = 0; i < reply.len; i++) {
		assert_int_equal(s.state, SMTP_MAIL);
		smtp_feed(&s, str_make(reply.ptr + i, 1));
	}
	assert_int_equal(s.state, SMTP_RCPT);
	smtp_free(&s);
}

static void test_what_is_no_smtp(void **state)
{
	(void)state;
	static const struct str wrong[] = { STR_INIT("HTTP/1.1 400 Bad Request\r\n"),
		STR_INIT("\r\n"), STR_INIT("25\r\n"), STR_INIT("2500 x\r\n"), STR_INIT("199 x\r\n"),
		STR_INIT("600 x\r\n"), STR_INIT("354 not now\r\n") };
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		struct smtp s = started(STR("x\r\n"));
		smtp_sent(&s, smtp_out(&s).len);
		smtp_feed(&s, wrong[i]);
		assert_int_equal(s.state, SMTP_BROKEN);
		smtp_free(&s);
	}
}

/* A server that runs ahead must not make us believe that it has the message. */
static void test_answers_to_what_was_not_said(void **state)
{
	(void)state;
	struct smtp s = started(STR("x\r\n"));
	smtp_sent(&s, smtp_out(&s).len);
	smtp_feed(&s, STR("250 ok\r\n250 ok\r\n354 go\r\n250 queued\r\n"));
	assert_int_equal(s.state, SMTP_BROKEN);
	assert_false(s.whole);
	smtp_free(&s);
	s = started(STR("x\r\n"));
	to_content(&s);
	smtp_sent(&s, 1);
	smtp_feed(&s, STR("250 queued\r\n"));
	assert_int_equal(s.state, SMTP_BROKEN);
	smtp_free(&s);
}

static void test_endless_replies_end(void **state)
{
	(void)state;
	struct smtp s = started(STR("x\r\n"));
	smtp_sent(&s, smtp_out(&s).len);
	for (size_t i = 0; i < 1000 && s.state < SMTP_DONE; i++)
		smtp_feed(&s, STR("250-more\r\n"));
	assert_int_equal(s.state, SMTP_BROKEN);
	smtp_free(&s);
	s = started(STR("x\r\n"));
	smtp_sent(&s, smtp_out(&s).len);
	smtp_feed(&s, STR("550 "));
	for (size_t i = 0; i < 1000; i++)
		smtp_feed(&s, STR("a very long line "));
	smtp_feed(&s, STR("\r\n"));
	assert_int_equal(s.state, SMTP_DONE);
	assert_int_equal(s.code, 550);
	assert_true(s.text.len <= 1024);
	smtp_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_content_without_last_line_end),
		cmocka_unit_test(test_half_sent_is_not_whole),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_replies_in_any_pieces),
		cmocka_unit_test(test_what_is_no_smtp),
		cmocka_unit_test(test_answers_to_what_was_not_said),
		cmocka_unit_test(test_endless_replies_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
