/* SPDX-License-Identifier: Apache-2.0
 *
 * The JSON writer: commas, escapes, what is not a number, and that the reader takes it all back.
 */
#include "base/json.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>

static struct buf b;

static int setup(void **state)
{
	(void)state;
	b = buf_make(&mem_system, 1 << 16);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

static void expect(struct str want)
{
	assert_int_equal(b.err, OK);
	if (!str_eq(buf_str(&b), want))
		fail_msg("got %.*s", STR_ARG(buf_str(&b)));
}

static void commas_go_where_they_belong(void **state)
{
	(void)state;
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_key(&w, STR("a"));
	jw_open(&w, '[');
	jw_i64(&w, -1);
	jw_u64(&w, UINT64_MAX);
	jw_open(&w, '[');
	jw_close(&w, ']');
	jw_open(&w, '{');
	jw_close(&w, '}');
	jw_null(&w);
	jw_close(&w, ']');
	jw_kv_str(&w, STR("s"), STR("t"));
	jw_kv_i64(&w, STR("i"), 5);
	jw_kv_f64(&w, STR("f"), 0.5);
	jw_kv_bool(&w, STR("b"), false);
	jw_kv_null(&w, STR("n"));
	jw_key(&w, STR("raw"));
	jw_raw(&w, STR("[1, 2]"));
	jw_key(&w, STR("o"));
	jw_open(&w, '{');
	jw_kv_bool(&w, STR("t"), true);
	jw_close(&w, '}');
	jw_close(&w, '}');
	assert_int_equal(w.depth, 0);
	expect(STR(
	    "{\"a\":[-1,18446744073709551615,[],{},null],\"s\":\"t\",\"i\":5,\"f\":0.5,\"b\":false,"
	    "\"n\":null,\"raw\":[1, 2],\"o\":{\"t\":true}}"));
}

static void strings_are_escaped(void **state)
{
	(void)state;
	static const struct {
		struct str text, json;
	} cases[] = {
		{ STR_INIT(""), STR_INIT("\"\"") },
		{ STR_INIT("\"\\/\b\f\n\r\t"), STR_INIT("\"\\\"\\\\/\\b\\f\\n\\r\\t\"") },
		{ STR_INIT("\0\x01\x1f\x7f"), STR_INIT("\"\\u0000\\u0001\\u001f\x7f\"") },
		{ STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
		    STR_INIT("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"") },
		{ STR_INIT("a\x80z\xed\xa0\x80"),
		    STR_INIT("\"a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
		{ STR_INIT("cut \xe2\x82"), STR_INIT("\"cut \xef\xbf\xbd\xef\xbf\xbd\"") },
		{ STR_INIT("a longer text with one \" inside of it"),
		    STR_INIT("\"a longer text with one \\\" inside of it\"") },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct jw w = jw_make(&b);
		jw_str(&w, cases[i].text);
		expect(cases[i].json);
		buf_clear(&b);
	}
	struct jw w = jw_make(&b);
	jw_str(&w, (struct str){ NULL, 0 });
	expect(STR("\"\""));
}

static void not_finite_is_null(void **state)
{
	(void)state;
	struct jw w = jw_make(&b);
	jw_open(&w, '[');
	jw_f64(&w, (double)NAN);
	jw_f64(&w, (double)INFINITY);
	jw_f64(&w, -(double)INFINITY);
	jw_f64(&w, 1e6);
	jw_f64(&w, 1e-7);
	jw_close(&w, ']');
	expect(STR("[null,null,null,1000000,0.0000001]"));
}

static void times(void **state)
{
	(void)state;
	struct jw w = jw_make(&b);
	jw_open(&w, '[');
	jw_wall(&w, (struct wall){ 0 });
	jw_wall(&w, (struct wall){ INT64_MIN });
	jw_wall(&w, (struct wall){ INT64_C(1767603600) * NS_PER_S });
	jw_close(&w, ']');
	expect(STR("[null,null,\"2026-01-05T09:00:00Z\"]"));
}

static void the_reader_takes_back_any_bytes(void **state)
{
	(void)state;
	uint32_t random = 5;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	for (int round = 0; round < 5000; round++) {
		char bytes[24];
		size_t n = (size_t)(round % 24);
		for (size_t i = 0; i < n; i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] =
			    (char)(random >> (round % 2 ? 24 : 25)); /* every other one ASCII */
		}
		struct jw w = jw_make(&b);
		jw_open(&w, '{');
		jw_kv_str(&w, str_make(bytes, n), str_make(bytes, n));
		jw_close(&w, '}');
		const struct json *root;
		assert_int_equal(json_read(a, buf_str(&b), 1, &root, NULL), OK);
		if (str_utf8_valid(str_make(bytes, n))) {
			assert_true(str_eq(root->child->name, str_make(bytes, n)));
			assert_true(str_eq(root->child->text, str_make(bytes, n)));
		}
		buf_clear(&b);
		arena_reset(a);
	}
	arena_close(&a);
}

static void a_full_buffer_is_told_once_at_the_end(void **state)
{
	(void)state;
	struct buf small = buf_make(&mem_system, 10);
	struct jw w = jw_make(&small);
	jw_open(&w, '[');
	for (int i = 0; i < 100; i++)
		jw_i64(&w, i);
	jw_close(&w, ']');
	assert_int_equal(small.err, ERR_LIMIT);
	buf_free(&small);
}

static void depth_up_to_the_limit(void **state)
{
	(void)state;
	struct jw w = jw_make(&b);
	for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
		jw_open(&w, '[');
	jw_i64(&w, 1);
	jw_i64(&w, 2);
	for (int i = 0; i < JSON_DEPTH_MAX - 1; i++)
		jw_close(&w, ']');
	struct arena *a = NULL;
	const struct json *root;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	assert_int_equal(json_read(a, buf_str(&b), JSON_DEPTH_MAX, &root, NULL), OK);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commas_go_where_they_belong, setup, teardown),
		cmocka_unit_test_setup_teardown(strings_are_escaped, setup, teardown),
		cmocka_unit_test_setup_teardown(not_finite_is_null, setup, teardown),
		cmocka_unit_test_setup_teardown(times, setup, teardown),
		cmocka_unit_test_setup_teardown(the_reader_takes_back_any_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    a_full_buffer_is_told_once_at_the_end, setup, teardown),
		cmocka_unit_test_setup_teardown(depth_up_to_the_limit, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
