/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mime.h"
#include "base/enc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct buf out(void)
{
	return buf_make(&mem_system, 1 << 20);
}

static void expect(struct buf *b, struct str want)
{
	assert_int_equal(b->err, OK);
	if (!str_eq(buf_str(b), want))
		print_error("got  '%.*s'\nwant '%.*s'\n", STR_ARG(buf_str(b)), STR_ARG(want));
	assert_true(str_eq(buf_str(b), want));
	buf_free(b);
}

static void header_is(struct str text, struct str want)
{
	struct buf b = out();
	mime_header(&b, STR("Subject"), text);
	expect(&b, want);
}

static void test_headers(void **state)
{
	(void)state;
	header_is(STR("disk full"), STR("Subject: disk full\r\n"));
	header_is(STR(""), STR("Subject: \r\n"));
	header_is(STR("  a \r\n b\tc "), STR("Subject: a    b c\r\n"));
	header_is(STR("Gr\xc3\xb6\xc3\x9f"
	              "e"),
	    STR("Subject: =?UTF-8?B?R3LDtsOfZQ==?=\r\n"));
	header_is(STR("=?x"), STR("Subject: =?UTF-8?B?PT94?=\r\n"));
	header_is(STR("\xff!"), STR("Subject: ?!\r\n"));
	header_is(STR("x\r\nBcc: eve@example.com"), STR("Subject: x  Bcc: eve@example.com\r\n"));
}

/* Every line of a header but the first begins with a blank and is not blank alone, and none is over
 * the limit. */
static void check_lines(struct str header, size_t limit)
{
	bool first = true;
	while (header.len > 0) {
		size_t n = str_find_str(header, STR("\r\n"));
		assert_true(n < header.len);
		struct str line = str_first(header, n);
		assert_true(line.len <= limit);
		assert_true(str_find(line, '\n') == line.len && str_find(line, '\r') == line.len);
		assert_true(str_trim(line).len > 0);
		if (!first)
			assert_true(line.ptr[0] == ' ');
		first = false;
		header = str_from(header, n + 2);
	}
}

static void test_folding(void **state)
{
	(void)state;
	static char text[3000];
	for (size_t seed = 0; seed < 200; seed++) {
		size_t len = 1 + seed * 13 % sizeof(text);
		for (size_t i = 0; i < len; i++) /* words of all lengths, some blanks in a row */
			text[i] = (i * 7 + seed * i / 3) % (3 + seed % 40) == 0
			              ? ' '
			              : (char)('a' + i % 26);
		struct buf b = out();
		mime_header(&b, STR("Subject"), str_make(text, len));
		check_lines(buf_str(&b), 998);
		buf_free(&b);
		if (len > 4)
			memcpy(text, "\xe2\x82\xac", 3); /* now it must be encoded */
		struct buf e = out();
		mime_header(&e, STR("Subject"), str_make(text, len));
		check_lines(buf_str(&e), 78);
		buf_free(&e);
	}
}

/* Encoded words do not cut a character, and give back the text. */
static void test_encoded_words_hold_whole_characters(void **state)
{
	(void)state;
	struct buf text = out(), b = out(), back = out();
	for (size_t i = 0; i < 100; i++)
		buf_add(&text, i % 3 ? STR("\xe2\x82\xac") : STR("a"));
	mime_header(&b, STR("Subject"), buf_str(&text));
	for (struct str rest = buf_str(&b);;) {
		size_t start = str_find_str(rest, STR("=?UTF-8?B?"));
		if (start == rest.len)
			break;
		rest = str_from(rest, start + 10);
		size_t end = str_find_str(rest, STR("?="));
		assert_true(end < rest.len);
		struct buf word = out();
		assert_int_equal(dec_base64(str_first(rest, end), &word), OK);
		assert_true(str_utf8_valid(buf_str(&word)));
		buf_add(&back, buf_str(&word));
		buf_free(&word);
		rest = str_from(rest, end + 2);
	}
	assert_true(str_eq(buf_str(&back), buf_str(&text)));
	buf_free(&text);
	buf_free(&b);
	buf_free(&back);
}

static void test_addresses(void **state)
{
	(void)state;
	struct buf b = out();
	mime_address(&b, STR("To"), STR(""), STR("ana@example.com"));
	expect(&b, STR("To: <ana@example.com>\r\n"));
	b = out();
	mime_address(&b, STR("To"), STR("Ana \"A\" \\ Souza\r\nX: 1"), STR("ana@example.com"));
	expect(&b, STR("To: \"Ana \\\"A\\\" \\\\ Souza  X: 1\"\r\n <ana@example.com>\r\n"));
	b = out();
	mime_address(&b, STR("To"), STR("\xc3\x84na"), STR("ana@example.com"));
	expect(&b, STR("To: =?UTF-8?B?w4RuYQ==?=\r\n <ana@example.com>\r\n"));
}

static void test_dates(void **state)
{
	(void)state;
	struct buf b = out();
	mime_date(&b, STR("Date"), (struct wall){ INT64_C(1767600000) * NS_PER_S + 999 });
	expect(&b, STR("Date: Mon, 05 Jan 2026 08:00:00 +0000\r\n"));
	b = out();
	mime_date(&b, STR("Date"), (struct wall){ -1 });
	expect(&b, STR("Date: Wed, 31 Dec 1969 23:59:59 +0000\r\n"));
}

static void test_quoted_printable(void **state)
{
	(void)state;
	static const struct {
		struct str in, want;
	} cases[] = {
		{ STR_INIT(""), STR_INIT("") },
		{ STR_INIT("a=b"), STR_INIT("a=3Db\r\n") },
		{ STR_INIT("end \nnext\t\r\n"), STR_INIT("end=20\r\nnext=09\r\n") },
		{ STR_INIT("\xc3\xa4"), STR_INIT("=C3=A4\r\n") },
		{ STR_INIT(".\nFrom me"), STR_INIT("=2E\r\n=46rom me\r\n") },
		{ STR_INIT("a\r b\n\n"), STR_INIT("a=0D b\r\n\r\n") },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct buf b = out();
		mime_quoted_printable(&b, cases[i].in);
		expect(&b, cases[i].want);
	}
}

static int digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Any bytes come back as they were, in lines of at most 76. */
static void test_quoted_printable_there_and_back(void **state)
{
	(void)state;
	static char in[4000];
	for (size_t seed = 0; seed < 300; seed++) {
		size_t len = seed * 13;
		for (size_t i = 0; i < len; i++) {
			char c = (char)((i * 31 + seed * 17 + i * i / (seed + 1)) % 256);
			in[i] = seed % 2 ? c : (char)(c % 20 ? 'x' : c % 40 ? ' ' : '.');
			if (in[i] == '\r' || (in[i] == '\n' && i + 1 == len))
				in[i] = 'r';
		}
		struct buf b = out(), back = out();
		mime_quoted_printable(&b, str_make(in, len));
		struct str rest = buf_str(&b);
		while (rest.len > 0) {
			size_t n = str_find_str(rest, STR("\r\n"));
			struct str line = str_first(rest, n);
			assert_true(n < rest.len && line.len <= 76);
			bool soft = str_ends(line, STR("="));
			for (size_t i = 0; i + soft < line.len; i++) {
				if (line.ptr[i] != '=') {
					buf_add_char(&back, line.ptr[i]);
					continue;
				}
				buf_add_char(&back,
				    (char)(digit(line.ptr[i + 1]) * 16 + digit(line.ptr[i + 2])));
				i += 2;
			}
			if (!soft)
				buf_add_char(&back, '\n');
			rest = str_from(rest, n + 2);
		}
		if (back.len > len)
			back.len = len; /* the line end that a text's end is given */
		assert_true(str_eq(buf_str(&back), str_make(in, len)));
		buf_free(&b);
		buf_free(&back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_folding),
		cmocka_unit_test(test_encoded_words_hold_whole_characters),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_quoted_printable),
		cmocka_unit_test(test_quoted_printable_there_and_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
