/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON reader: the tree, what is refused and where, and every allocation failing once. The
 * whole public suite runs in json_suite_test.c where it is at hand; its tricky cases stand here
 * too.
 */
#include "base/json.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

static struct arena *arena;

static int setup(void **state)
{
	(void)state;
	return arena_open(&mem_system, 4 << 20, &arena) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

static const struct json *must_read(struct str text)
{
	const struct json *root = NULL;
	struct json_error error = { 0 };
	/* from a block of its own size, so that a sanitizer sees a read beyond the end */
	char *copy = mem_new(&mem_system, text.len, 1);
	assert_non_null(copy);
	memcpy(copy, text.ptr, text.len);
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 4 << 20, &a), OK);
	assert_int_equal(json_read(a, str_make(copy, text.len), JSON_DEPTH_MAX, &root, NULL), OK);
	arena_close(&a);
	mem_free(&mem_system, copy);
	if (json_read(arena, text, JSON_DEPTH_MAX, &root, &error))
		fail_msg("%.*s: %s at %zu", STR_ARG(text), error.what, error.offset);
	return root;
}

static void the_tree(void **state)
{
	(void)state;
	struct str text =
	    STR(" {\"a\": [1, -2.5e1, \"x\\ny\", true, false, null], \"\":{}, \"a\" : [] } ");
	const struct json *root = must_read(text);
	assert_int_equal(root->type, JSON_OBJECT);
	assert_int_equal(root->count, 3);
	assert_true(str_eq(root->raw, str_trim(text)));
	assert_null(root->next);
	const struct json *a = root->child;
	assert_true(str_eq(a->name, STR("a")));
	assert_int_equal(a->type, JSON_ARRAY);
	assert_int_equal(a->count, 6);
	assert_true(str_eq(a->raw, STR("[1, -2.5e1, \"x\\ny\", true, false, null]")));
	const struct json *e = a->child;
	assert_true(json_is(e, JSON_NUMBER) && e->number == 1 && str_eq(e->text, STR("1")));
	e = e->next;
	assert_true(json_is(e, JSON_NUMBER) && e->number == -25 && str_eq(e->text, STR("-2.5e1")));
	e = e->next;
	assert_true(json_is(e, JSON_STRING) && str_eq(e->text, STR("x\ny")));
	assert_true(str_eq(e->raw, STR("\"x\\ny\"")));
	e = e->next;
	assert_true(json_is(e, JSON_TRUE) && json_is_bool(e));
	e = e->next;
	assert_true(json_is(e, JSON_FALSE) && json_is_bool(e));
	e = e->next;
	assert_true(json_is(e, JSON_NULL) && !json_is_bool(e));
	assert_null(e->next);
	/* the last of two members with one name */
	assert_true(json_is(json_get(root, STR("a")), JSON_ARRAY));
	assert_int_equal(json_get(root, STR("a"))->count, 0);
	assert_true(json_is(json_get(root, STR("")), JSON_OBJECT));
	assert_null(json_get(root, STR("b")));
	assert_null(json_get(NULL, STR("b")));
	assert_null(json_get(a, STR("b")));
	assert_null(json_get_str(root, STR("a")).ptr);
	root = must_read(STR("{\"name\":\"v\"}"));
	assert_true(str_eq(json_get_str(root, STR("name")), STR("v")));
}

static void strings(void **state)
{
	(void)state;
	static const struct {
		struct str json, text;
	} cases[] = {
		{ STR_INIT("\"\""), STR_INIT("") },
		{ STR_INIT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), STR_INIT("\"\\/\b\f\n\r\t") },
		{ STR_INIT("\"\\u0000\""), STR_INIT("\0") },
		{ STR_INIT("\"\\u0041\\u00e9\\u20aC\""), STR_INIT("A\xc3\xa9\xe2\x82\xac") },
		{ STR_INIT("\"\\ud83d\\ude00\""), STR_INIT("\xf0\x9f\x98\x80") },
		{ STR_INIT("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
		    STR_INIT("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
		{ STR_INIT("\"\\uFFFF\\ud7ff\\ue000\""),
		    STR_INIT("\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80") },
		{ STR_INIT("\"\x7f\xf0\x9f\x98\x80\xe2\x80\xa8\""),
		    STR_INIT("\x7f\xf0\x9f\x98\x80\xe2\x80\xa8") },
		{ STR_INIT("\"0123456789abcdef0123456789\\\\\""),
		    STR_INIT("0123456789abcdef0123456789\\") },
		{ STR_INIT("\"a\\\\\""), STR_INIT("a\\") },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct json *j = must_read(cases[i].json);
		assert_true(json_is(j, JSON_STRING));
		assert_true(str_eq(j->text, cases[i].text));
		assert_true(str_eq(j->raw, cases[i].json));
	}
	/* every length and every place of a special byte within the eight at a time */
	char text[64];
	for (size_t n = 0; n < 40; n++) {
		for (size_t at = 0; at < n; at++) {
			memset(text, 'x', sizeof(text));
			text[0] = text[n + 1] = '"';
			text[at + 1] = '\x1f';
			const struct json *j;
			struct json_error error;
			assert_int_equal(
			    json_read(arena, str_make(text, n + 2), 1, &j, &error), ERR_INPUT);
			assert_int_equal(error.offset, at + 1);
			text[at + 1] = '\x80';
			assert_int_equal(
			    json_read(arena, str_make(text, n + 2), 1, &j, &error), ERR_INPUT);
			assert_int_equal(error.offset, at + 1);
			text[at + 1] = '\x7f';
			j = must_read(str_make(text, n + 2));
			assert_int_equal(j->text.len, n);
		}
		arena_reset(arena);
	}
	/* borrowed when there is no escape */
	struct str plain = STR("[\"abc\"]");
	assert_ptr_equal(must_read(plain)->child->text.ptr, plain.ptr + 2);
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value;
	} cases[] = {
		{ "0", 0 },
		{ "-0", -0.0 },
		{ "-0.0", -0.0 },
		{ "1", 1 },
		{ "-1", -1 },
		{ "10", 10 },
		{ "0.5", 0.5 },
		{ "123456789012345678", 123456789012345678.0 },
		{ "9007199254740993", 0x1p53 },
		{ "1E5", 1e5 },
		{ "1e+5", 1e5 },
		{ "1e-5", 1e-5 },
		{ "0e1", 0 },
		{ "20e1", 200 },
		{ "18446744073709551616", 0x1p64 },
		{ "100000000000000000000000", 1e23 },
		{ "0.1", 0.1 },
		{ "3.141592653589793", 3.141592653589793 },
		{ "1.7976931348623157e308", DBL_MAX },
		{ "2.2250738585072014E-308", DBL_MIN },
		{ "123.456e-789", 0 },
		{ "-1e999", -(double)INFINITY },
		{ "1e999", (double)INFINITY },
		{ "1.00000000000000000000000000001", 1 },
		{ "1577836800123.456", 1577836800123.456 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct json *j = must_read(str_c(cases[i].text));
		if (memcmp(&j->number, &cases[i].value, sizeof(double)) != 0)
			fail_msg("%s gave %.17g", cases[i].text, j->number);
		assert_true(str_eq(j->text, str_c(cases[i].text)));
	}
}

struct refused {
	struct str text;
	size_t offset;
};

#define R(text, offset)                \
	{                              \
		STR_INIT(text), offset \
	}

static void refused_and_where(void **state)
{
	(void)state;
	static const struct refused cases[] = {
		R("", 0),
		R(" ", 1),
		R("\xef\xbb\xbf{}", 0),
		R("\xef\xbb\xbf", 0),
		R("{\"a\":1}x", 7),
		R("[1 2]", 3),
		R("[1,]", 3),
		R("[,1]", 1),
		R("[1,,2]", 3),
		R("[1}", 2),
		R("[", 1),
		R("[1", 2),
		R("[1,", 3),
		R("]", 0),
		R("[]]", 2),
		R("{", 1),
		R("{}}", 2),
		R("{\"a\"", 4),
		R("{\"a\":", 5),
		R("{\"a\":1", 6),
		R("{\"a\":1,}", 7),
		R("{,\"a\":1}", 1),
		R("{\"a\" 1}", 5),
		R("{\"a\",1}", 4),
		R("{a:1}", 1),
		R("{'a':1}", 1),
		R("{1:1}", 1),
		R("{\"a\":1]", 6),
		R("{\"a\"::1}", 5),
		R("nul", 0),
		R("nulL", 0),
		R("True", 0),
		R("tru", 0),
		R("truex", 4),
		R("falsE", 0),
		R("NaN", 0),
		R("Infinity", 0),
		R("-Infinity", 1),
		R("-NaN", 1),
		R("undefined", 0),
		R("01", 0),
		R("-01", 1),
		R("-", 1),
		R("+1", 0),
		R(".5", 0),
		R("-.5", 1),
		R("5.", 2),
		R("1.e3", 2),
		R("1e", 2),
		R("1e+", 3),
		R("1.5.5", 3),
		R("0x1", 1),
		R("1_000", 1),
		R("--1", 1),
		R("1e1.5", 3),
		R("\"", 1),
		R("\"a", 2),
		R("\"\\\"", 3),
		R("\"\\", 2),
		R("\"\\x\"", 1),
		R("\"\\u\"", 1),
		R("\"\\u12\"", 1),
		R("\"\\u12g4\"", 1),
		R("\"\\U0041\"", 1),
		R("\"\\a\"", 1),
		R("\"\\\n\"", 1),
		R("\"\n\"", 1),
		R("\"\t\"", 1),
		R("\"a\0b\"", 2),
		R("\"\\ud800\"", 1),
		R("\"\\udc00\"", 1),
		R("\"\\ud800\\u0041\"", 1),
		R("\"\\ud800\\ud800\"", 1),
		R("\"\\ud800x\"", 1),
		R("\"\\ud800\\n\"", 1),
		R("\"\\ud83d\\u", 9),
		R("\"\\ud83d\\ude0\"", 1),
		R("\"x\x80\"", 2),
		R("\"\xc0\x80\"", 1),
		R("\"\xed\xa0\x80\"", 1),
		R("\"\xf4\x90\x80\x80\"", 1),
		R("\"\xe2\x82\"", 1),
		R("\"\\n\xff\"", 3),
		R("[\"a\",\n4\n,1,", 11),
		R("[\"\": 1]", 3),
		R("{\"a\":/*c*/1}", 5),
		R("[1]//c", 3),
		R("#", 0),
		R("\0", 0),
		R("1\0", 1),
		R("[\f1]", 1),
		R("[\v1]", 1),
		R("[\xc2\xa0]", 1),
		R("\xe2\x81\xa0", 0),
		R("'a'", 0),
		R("{\"a\":\"b\",\"c\"}", 12),
		R("[\"x\"", 4),
		R("*", 0),
		R("<null>", 0),
		R("[\\u0020]", 1),
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct json *root = NULL;
		struct json_error error = { SIZE_MAX, NULL };
		enum err e = json_read(arena, cases[i].text, JSON_DEPTH_MAX, &root, &error);
		if (e != ERR_INPUT || error.offset != cases[i].offset || !error.what || root)
			fail_msg("case %zu (%.*s): %d at %zu: %s", i, STR_ARG(cases[i].text), e,
			    error.offset, error.what ? error.what : "-");
		assert_int_equal(
		    json_read(arena, cases[i].text, JSON_DEPTH_MAX, &root, NULL), ERR_INPUT);
		arena_reset(arena);
	}
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	struct str text =
	    STR("{\"a\":[1.5e3,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\",{\"b\":true}],\"c\":null}");
	(void)must_read(text);
	for (size_t n = 0; n < text.len; n++) {
		const struct json *root;
		struct json_error error;
		char *copy = mem_new(&mem_system, n + 1, 1);
		assert_non_null(copy);
		memcpy(copy, text.ptr, n);
		copy = mem_resize(&mem_system, copy, n ? n : 1, 1);
		assert_int_equal(json_read(arena, str_make(copy, n), 8, &root, &error), ERR_INPUT);
		assert_true(error.offset <= n);
		mem_free(&mem_system, copy);
	}
}

static void depth_is_bounded(void **state)
{
	(void)state;
	const struct json *root;
	struct json_error error;
	assert_int_equal(json_read(arena, STR("1"), 0, &root, &error), OK);
	assert_int_equal(json_read(arena, STR("[]"), 0, &root, &error), ERR_INPUT);
	assert_int_equal(json_read(arena, STR("[[{}]]"), 3, &root, &error), OK);
	assert_int_equal(json_read(arena, STR("[[{}]]"), 2, &root, &error), ERR_INPUT);
	assert_int_equal(error.offset, 2);
	assert_int_equal(json_read(arena, STR("[[],[],{}]"), 2, &root, &error), OK);
	static char deep[100000];
	memset(deep, '[', sizeof(deep));
	assert_int_equal(
	    json_read(arena, str_make(deep, sizeof(deep)), JSON_DEPTH_MAX, &root, &error),
	    ERR_INPUT);
	assert_int_equal(error.offset, JSON_DEPTH_MAX);
}

static void the_place_of_an_error(void **state)
{
	(void)state;
	unsigned line, column;
	struct str text = STR("{\n  \"a\": x\n}");
	const struct json *root;
	struct json_error error;
	assert_int_equal(json_read(arena, text, 4, &root, &error), ERR_INPUT);
	json_place(text, error.offset, &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 8);
	json_place(text, 0, &line, &column);
	assert_int_equal(line, 1);
	assert_int_equal(column, 1);
	json_place(text, 9999, &line, &column);
	assert_int_equal(line, 3);
}

static void memory_limit_is_told_apart(void **state)
{
	(void)state;
	struct arena *small = NULL;
	const struct json *root = NULL;
	struct json_error error = { 7, NULL };
	assert_int_equal(arena_open(&mem_system, 1000, &small), OK);
	assert_int_equal(
	    json_read(small, STR("[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]"), 4, &root, &error),
	    ERR_LIMIT);
	assert_null(error.what);
	assert_null(root);
	arena_close(&small);
}

/* An array of n numbers must not cost more memory than its nodes and one batch. */
static void memory_is_proportional(void **state)
{
	(void)state;
	static char text[200001];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '1' : ',';
	text[0] = '[';
	text[sizeof(text) - 1] = ']';
	arena_close(&arena);
	assert_int_equal(arena_open(&mem_system, 100200 * sizeof(struct json), &arena), OK);
	const struct json *root;
	assert_int_equal(json_read(arena, str_make(text, sizeof(text)), 1, &root, NULL), OK);
	assert_int_equal(root->count, 100000);
}

static enum err build(const struct mem *mem)
{
	static char text[20000];
	size_t n = 0;
	text[n++] = '[';
	while (n < sizeof(text) - 100)
		n += (size_t)snprintf(text + n, 100, "{\"k\\u0041\":[1,2,\"a\\nb\"]},");
	text[n - 1] = ']';
	struct arena *a = NULL;
	const struct json *root = NULL;
	struct json_error error = { 0, NULL };
	enum err e = arena_open(mem, 4 << 20, &a);
	if (!e) {
		e = json_read(a, str_make(text, n), 8, &root, &error);
		assert_null(error.what);
	}
	if (!e)
		assert_true(json_is(json_get(root->child, STR("kA")), JSON_ARRAY));
	arena_close(&a);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	size_t n = 1;
	for (;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		enum err e = build(&f.iface);
		assert_int_equal(f.live, 0);
		if (f.calls < n) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_NOMEM);
	}
	assert_true(n > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_tree, setup, teardown),
		cmocka_unit_test_setup_teardown(strings, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(refused_and_where, setup, teardown),
		cmocka_unit_test_setup_teardown(every_cut_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_is_bounded, setup, teardown),
		cmocka_unit_test_setup_teardown(the_place_of_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_limit_is_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(memory_is_proportional, setup, teardown),
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
