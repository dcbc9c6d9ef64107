/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of everything that two readers of HTTP could understand differently, and what we say to
 * it.
 */
#include "net/http_head.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

struct head_case {
	const char *name;
	struct str bytes;
	enum http_fault expected;
};
#define H "Host: a\r\n"
#define END "\r\n"
#define C(name, bytes, expected)                \
	{                                       \
		name, STR_INIT(bytes), expected \
	}

static const struct head_case cases[] = {
	/* well-formed */
	C("plain", "GET / HTTP/1.1\r\n" H END, HTTP_FINE),
	C("http/1.0 without host", "GET / HTTP/1.0\r\n" END, HTTP_FINE),
	C("absolute form",
	    "POST http://api.example.com/incidents HTTP/1.1\r\nHost: b\r\nContent-Length: "
	    "0\r\n" END,
	    HTTP_FINE),
	C("absolute form without path", "GET http://a?x=1 HTTP/1.1\r\n" H END, HTTP_FINE),
	C("get with a body", "GET /x HTTP/1.1\r\n" H "Content-Length: 2\r\n" END, HTTP_FINE),
	C("options star", "OPTIONS * HTTP/1.1\r\n" H END, HTTP_FINE),
	C("chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n" END, HTTP_FINE),
	C("tab around a value", "GET / HTTP/1.1\r\nHost:\t a \t\r\n" END, HTTP_FINE),
	C("a header that extends a name", "GET / HTTP/1.1\r\n" H "Content-Length-Hint: x\r\n" END,
	    HTTP_FINE),
	C("brackets in the query", "GET /incidents?statuses[]=a&x={y}|z HTTP/1.1\r\n" H END,
	    HTTP_FINE),
	/* request line */
	C("no version", "GET /\r\n" H END, HTTP_BAD_REQUEST_LINE),
	C("two blanks", "GET  / HTTP/1.1\r\n" H END, HTTP_BAD_REQUEST_LINE),
	C("blank at the end", "GET / HTTP/1.1 \r\n" H END, HTTP_BAD_VERSION),
	C("tab for a blank", "GET\t/\tHTTP/1.1\r\n" H END, HTTP_BAD_REQUEST_LINE),
	C("lower case version", "GET / http/1.1\r\n" H END, HTTP_BAD_VERSION),
	C("http/2", "PRI * HTTP/2.0\r\n\r\n", HTTP_OTHER_VERSION),
	C("http/1.2", "GET / HTTP/1.2\r\n" H END, HTTP_OTHER_VERSION),
	C("http/11", "GET / HTTP/11.1\r\n" H END, HTTP_BAD_VERSION),
	C("unknown method", "BREW / HTTP/1.1\r\n" H END, HTTP_BAD_METHOD),
	C("lower case method", "get / HTTP/1.1\r\n" H END, HTTP_BAD_METHOD),
	C("connect", "CONNECT a:443 HTTP/1.1\r\n" H END, HTTP_BAD_METHOD),
	C("target without slash", "GET x HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("other scheme", "GET ftp://a/x HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("absolute form without host", "GET http:///x HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("user in the host", "GET http://u@a/x HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("fragment", "GET /x#y HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("byte above 0x7f", "GET /\xc3\xa9 HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("star with get", "GET * HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	C("cr in the target", "GET /\rx HTTP/1.1\r\n" H END, HTTP_BAD_TARGET),
	/* hosts */
	C("no host", "GET / HTTP/1.1\r\n" END, HTTP_NO_HOST),
	C("two hosts", "GET / HTTP/1.1\r\n" H H END, HTTP_TWO_HOSTS),
	C("bad host", "GET / HTTP/1.1\r\nHost: a/b\r\n" END, HTTP_BAD_HOST),
	C("two hosts in one", "GET / HTTP/1.1\r\nHost: a, b\r\n" END, HTTP_BAD_HOST),
	/* headers */
	C("blank before the colon", "GET / HTTP/1.1\r\nHost : a\r\n" END, HTTP_BAD_HEADER_NAME),
	C("no colon", "GET / HTTP/1.1\r\n" H "nonsense\r\n" END, HTTP_BAD_HEADER_NAME),
	C("empty name", "GET / HTTP/1.1\r\n" H ": x\r\n" END, HTTP_BAD_HEADER_NAME),
	C("name with a slash", "GET / HTTP/1.1\r\n" H "a/b: x\r\n" END, HTTP_BAD_HEADER_NAME),
	C("nul in a name", "GET / HTTP/1.1\r\n" H "Content-Length\0: 1\r\n" END,
	    HTTP_BAD_HEADER_NAME),
	C("folded", "POST / HTTP/1.1\r\n" H "Content-Length: 36\r\n x\r\n" END, HTTP_BAD_FOLD),
	C("folded with a tab", "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n" END, HTTP_BAD_FOLD),
	C("first line is folded", "GET / HTTP/1.1\r\n " H END, HTTP_BAD_FOLD),
	C("nul in a value", "GET / HTTP/1.1\r\n" H "A: b\0c\r\n" END, HTTP_BAD_HEADER_VALUE),
	C("cr in a value", "GET / HTTP/1.1\r\n" H "A: b\rc\r\n" END, HTTP_BAD_HEADER_VALUE),
	C("delete in a value", "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n" END, HTTP_BAD_HEADER_VALUE),
	/* lengths */
	C("two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 2\r\n" END,
	    HTTP_TWO_LENGTHS),
	C("two equal lengths",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 1\r\ncontent-length: 1\r\n" END,
	    HTTP_TWO_LENGTHS),
	C("length list", "POST / HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n" END, HTTP_BAD_LENGTH),
	C("length with plus", "POST / HTTP/1.1\r\n" H "Content-Length: +2\r\n" END,
	    HTTP_BAD_LENGTH),
	C("negative length", "POST / HTTP/1.1\r\n" H "Content-Length: -2\r\n" END, HTTP_BAD_LENGTH),
	C("hex length", "POST / HTTP/1.1\r\n" H "Content-Length: 0x2\r\n" END, HTTP_BAD_LENGTH),
	C("empty length", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n" END, HTTP_BAD_LENGTH),
	C("length with a tail", "POST / HTTP/1.1\r\n" H "Content-Length: 2 x\r\n" END,
	    HTTP_BAD_LENGTH),
	C("huge length", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n" END,
	    HTTP_BAD_LENGTH),
	C("length and coding",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_LENGTH_AND_CODING),
	C("coding and length",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n" END,
	    HTTP_LENGTH_AND_CODING),
	C("unknown coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n" END,
	    HTTP_BAD_CODING),
	C("coding list", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n" END,
	    HTTP_BAD_CODING),
	C("identity", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n" END,
	    HTTP_BAD_CODING),
	C("two codings",
	    "POST / HTTP/1.1\r\n" H
	    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_TWO_CODINGS),
	C("coding in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n" END,
	    HTTP_CODING_IN_1_0),
	C("post with neither", "POST / HTTP/1.1\r\n" H END, HTTP_NO_LENGTH),
	C("put with neither", "PUT / HTTP/1.1\r\n" H END, HTTP_NO_LENGTH),
	C("other expectation",
	    "POST / HTTP/1.1\r\n" H "Expect: miracles\r\nContent-Length: 1\r\n" END,
	    HTTP_BAD_EXPECT),
	/* line ends: found before the head is whole */
	C("bare lf", "GET / HTTP/1.1\nHost: a\n\n", HTTP_BAD_LINE_END),
	C("bare lf later", "GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP_BAD_LINE_END),
	C("tls hello", "\x16\x03\x01\x02\x00", HTTP_BAD_START),
	C("blank first", " GET / HTTP/1.1\r\n\r\n", HTTP_BAD_START),
};

static enum http_fault judge(struct str bytes, struct http_head *head)
{
	size_t scanned = 0, len = 0;
	enum http_fault f = http_head_find(bytes, &scanned, &len);
	if (f != HTTP_FINE)
		return f;
	assert_int_equal(len, bytes.len);
	return http_head_read(bytes, head);
}

static void test_table(void **state)
{
	static const unsigned statuses[] = { 200, 400, 408, 411, 413, 414, 417, 431, 501, 505 };
	struct http_head head;
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		enum http_fault f = judge(cases[i].bytes, &head);
		if (f != cases[i].expected)
			fail_msg("%s: %.*s instead of %.*s", cases[i].name,
			    STR_ARG(http_fault_of(f)->text),
			    STR_ARG(http_fault_of(cases[i].expected)->text));
		bool known = false;
		for (size_t k = 0; k < ARRAY_COUNT(statuses); k++)
			known = known || statuses[k] == http_fault_of(f)->status;
		assert_true(known);
	}
}

/* Cut after any byte, a head is either not yet there or judged as the whole is. */
static void test_any_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str bytes = cases[i].bytes;
		size_t whole_len = 0, whole_scanned = 0;
		enum http_fault whole = http_head_find(bytes, &whole_scanned, &whole_len);
		size_t scanned = 0, len = 0;
		enum http_fault f = HTTP_FINE;
		for (size_t n = 1; n <= bytes.len && f == HTTP_FINE && len == 0; n++)
			f = http_head_find(str_first(bytes, n), &scanned, &len);
		assert_int_equal(f, whole);
		assert_int_equal(len, whole_len);
	}
}

static void test_fields(void **state)
{
	(void)state;
	struct http_head h;
	assert_int_equal(
	    judge(STR("PUT http://api.example.com:80/a%20b?x=1&y HTTP/1.1\r\nHost: other\r\n"
	              "Content-Length: 12\r\nX-A: 1\r\nconnection: Close, x\r\nExpect: "
	              "100-Continue\r\n\r\n"),
	        &h),
	    HTTP_FINE);
	assert_int_equal(h.method, HTTP_PUT);
	assert_true(str_eq(h.host, STR("api.example.com:80")));
	assert_true(str_eq(h.path, STR("/a%20b")));
	assert_true(str_eq(h.query, STR("x=1&y")));
	assert_int_equal(h.length, 12);
	assert_true(h.has_length && h.expect_continue && !h.keep_alive && !h.chunked);
	assert_int_equal(h.header_count, 5);
	assert_true(str_eq(http_head_get(&h, STR("x-a")), STR("1")));
	assert_null(http_head_get(&h, STR("x-b")).ptr);

	assert_int_equal(
	    judge(STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), &h), HTTP_FINE);
	assert_true(h.keep_alive);
	assert_int_equal(judge(STR("GET / HTTP/1.0\r\n\r\n"), &h), HTTP_FINE);
	assert_false(h.keep_alive);
	assert_int_equal(judge(STR("GET /?a? HTTP/1.1\r\nHost:\r\n\r\n"), &h), HTTP_FINE);
	assert_true(str_eq(h.query, STR("a?")));
	assert_true(h.keep_alive && !h.has_length);
}

static void test_limits(void **state)
{
	(void)state;
	static char big[HTTP_HEAD_BYTES_MAX + 64];
	struct http_head h;
	size_t scanned = 0, len = 0;
	memset(big, 'a', sizeof big);
	assert_int_equal(
	    http_head_find(str_make(big, HTTP_HEAD_BYTES_MAX - 1), &scanned, &len), HTTP_FINE);
	assert_int_equal(len, 0);
	assert_int_equal(
	    http_head_find(str_make(big, HTTP_HEAD_BYTES_MAX), &scanned, &len), HTTP_HEAD_TOO_LONG);

	/* A target of exactly the limit is taken, one more is not. */
	for (size_t extra = 0; extra < 2; extra++) {
		char text[HTTP_TARGET_BYTES_MAX + 128];
		size_t target = HTTP_TARGET_BYTES_MAX + extra;
		int n = snprintf(text, sizeof text, "GET /%.*s HTTP/1.1\r\nHost: a\r\n\r\n",
		    (int)target - 1, big);
		assert_true(n > 0 && (size_t)n < sizeof text);
		assert_int_equal(
		    judge(str_make(text, (size_t)n), &h), extra ? HTTP_TARGET_TOO_LONG : HTTP_FINE);
	}
	for (size_t extra = 0; extra < 2; extra++) {
		char text[4096];
		size_t at = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
		for (size_t i = 1; i < HTTP_HEADERS_MAX + extra; i++)
			at += (size_t)snprintf(text + at, sizeof text - at, "a: b\r\n");
		at += (size_t)snprintf(text + at, sizeof text - at, "\r\n");
		assert_int_equal(
		    judge(str_make(text, at), &h), extra ? HTTP_TOO_MANY_HEADERS : HTTP_FINE);
	}
}

struct chunk_case {
	const char *name;
	struct str bytes, data;
	enum http_fault expected;
	bool done;
};
static const struct chunk_case chunk_cases[] = {
	{ "one", STR_INIT("5\r\nhello\r\n0\r\n\r\n"), STR_INIT("hello"), HTTP_FINE, true },
	{ "two", STR_INIT("5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"), STR_INIT("hello!"), HTTP_FINE,
	    true },
	{ "extension", STR_INIT("5;a=b\r\nhello\r\n0;x\r\n\r\n"), STR_INIT("hello"), HTTP_FINE,
	    true },
	{ "trailer", STR_INIT("0\r\nA: b\r\nC: d\r\n\r\n"), STR_INIT(""), HTTP_FINE, true },
	{ "upper case hex", STR_INIT("0000000A\r\n0123456789\r\n0\r\n\r\n"), STR_INIT("0123456789"),
	    HTTP_FINE, true },
	{ "unfinished", STR_INIT("5\r\nhel"), STR_INIT("hel"), HTTP_FINE, false },
	{ "no size", STR_INIT("\r\n"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "bare lf", STR_INIT("5\nhello"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "blank before the size", STR_INIT(" 5\r\nhello"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "blank after the size", STR_INIT("5 \r\nhello"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "0x", STR_INIT("0x5\r\nhello"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "negative", STR_INIT("-1\r\n"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "huge", STR_INIT("123456789\r\n"), STR_INIT(""), HTTP_BAD_CHUNK, false },
	{ "longer than said", STR_INIT("2\r\nabc\r\n"), STR_INIT("ab"), HTTP_BAD_CHUNK, false },
	{ "bare lf after the data", STR_INIT("2\r\nab\n0\r\n"), STR_INIT("ab"), HTTP_BAD_CHUNK,
	    false },
	{ "folded trailer", STR_INIT("0\r\n x\r\n\r\n"), STR_INIT(""), HTTP_BAD_TRAILER, false },
	{ "bare lf in the trailer", STR_INIT("0\r\nA: b\n\r\n"), STR_INIT(""), HTTP_BAD_TRAILER,
	    false },
	{ "cr and another", STR_INIT("0\r\nA: b\rx\r\n"), STR_INIT(""), HTTP_BAD_TRAILER, false },
};

static void test_chunks(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(chunk_cases); i++) {
		const struct chunk_case *k = &chunk_cases[i];
		for (size_t step = 1; step <= k->bytes.len; step++) {
			struct http_chunks c = { 0 };
			char got[64];
			size_t got_len = 0;
			enum http_fault f = HTTP_FINE;
			for (size_t at = 0; at < k->bytes.len && f == HTTP_FINE && !c.done;) {
				struct str in = str_first(str_from(k->bytes, at), step);
				size_t had = in.len;
				struct str data;
				f = http_chunks_next(&c, &in, &data);
				for (size_t d = 0; d < data.len; d++)
					got[got_len++] = data.ptr[d];
				at += had - in.len;
			}
			if (f != k->expected || c.done != k->done ||
			    !str_eq(str_make(got, got_len), k->data))
				fail_msg("%s in steps of %zu", k->name, step);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_any_cut),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_chunks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
