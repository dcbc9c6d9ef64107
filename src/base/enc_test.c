/* SPDX-License-Identifier: Apache-2.0
 *
 * Text encodings: the RFCs' vectors, strict readers, and failures that leave the buffer alone.
 */
#include "base/enc.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static struct buf b;

static int setup(void **state)
{
	(void)state;
	b = buf_make(&mem_system, 4096);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&b);
	return 0;
}

static void expect(const char *want)
{
	assert_int_equal(b.err, OK);
	assert_string_equal(buf_str(&b).ptr, want);
	assert_int_equal(b.len, strlen(want));
	buf_clear(&b);
}

static void hex(void **state)
{
	(void)state;
	enc_hex(&b, STR("\x00\x7f\xff"
	                "A"));
	expect("007fff41");
	enc_hex(&b, STR(""));
	expect("");
	assert_int_equal(dec_hex(STR("48694aAf"), &b), OK);
	expect("HiJ\xaf");
	buf_add(&b, STR("keep"));
	const char *bad[] = { "4", "4g", "g4", "0x41", "41 4" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(dec_hex(str_c(bad[i]), &b), ERR_INPUT);
	expect("keep");
}

static void base64_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *plain, *coded;
	} cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" } };
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct str coded = str_c(cases[i].coded), plain = str_c(cases[i].plain);
		enc_base64(&b, plain);
		expect(cases[i].coded);
		assert_int_equal(dec_base64(coded, &b), OK);
		expect(cases[i].plain);
		while (str_ends(coded, STR("=")))
			coded.len--;
		enc_base64url(&b, plain);
		assert_true(str_eq(buf_str(&b), coded));
		buf_clear(&b);
		assert_int_equal(dec_base64(coded, &b), OK);
		expect(cases[i].plain);
	}
	enc_base64(&b, STR("\xfb\xff\xbf"));
	expect("+/+/");
	enc_base64url(&b, STR("\xfb\xff\xbf"));
	expect("-_-_");
	assert_int_equal(dec_base64(STR("+/-_"), &b), OK);
	expect("\xfb\xff\xbf");
}

static void base64_bad(void **state)
{
	(void)state;
	buf_add(&b, STR("keep"));
	const char *bad[] = { "Z", "Zg=", "Zg===", "Z===", "=", "====", "Zm9v=", "Zm9vZ", "Zm 9v",
		"Zm9v\n", "Zh==", "Zm9=", "Zg==Zg==", "Zm.v" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		if (dec_base64(str_c(bad[i]), &b) != ERR_INPUT)
			fail_msg("%s was taken", bad[i]);
	}
	expect("keep");
}

static void percent(void **state)
{
	(void)state;
	enc_percent(&b, STR("az-AZ_09.~ /?%\xc3\xa9"));
	expect("az-AZ_09.~%20%2F%3F%25%C3%A9");
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 16, &a), OK);
	struct str out = { NULL, 0 };
	assert_int_equal(dec_percent(a, STR("a+b%20%2f%2F%00z"), false, &out), OK);
	assert_true(str_eq(out, STR("a+b //\0z")));
	assert_int_equal(dec_percent(a, STR("a+b"), true, &out), OK);
	assert_true(str_eq(out, STR("a b")));
	assert_int_equal(dec_percent(a, STR(""), true, &out), OK);
	assert_int_equal(out.len, 0);
	const char *bad[] = { "%", "%2", "a%", "%zz", "%2z", "%%20" };
	out = STR("old");
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(dec_percent(a, str_c(bad[i]), true, &out), ERR_INPUT);
	assert_true(str_eq(out, STR("old")));
	arena_close(&a);
	assert_int_equal(arena_open(&mem_system, 16, &a), OK);
	assert_int_equal(dec_percent(a, STR("longer than sixteen bytes"), true, &out), ERR_LIMIT);
	arena_close(&a);
}

static void html(void **state)
{
	(void)state;
	enc_html(&b, STR("<a href=\"x\">'&'</a>"));
	expect("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
	enc_html(&b, STR("plain"));
	expect("plain");
	enc_html(&b, (struct str){ NULL, 0 });
	expect("");
}

static void limits_are_kept(void **state)
{
	(void)state;
	struct buf small = buf_make(&mem_system, 3);
	enc_hex(&small, STR("ab"));
	assert_int_equal(small.err, ERR_LIMIT);
	assert_int_equal(dec_hex(STR("41"), &small), ERR_LIMIT); /* sticky */
	buf_clear(&small);
	assert_int_equal(dec_base64(STR("Zm9vYmFy"), &small), ERR_LIMIT);
	buf_clear(&small);
	enc_base64url(&small, STR("ab")); /* exactly three characters */
	assert_int_equal(small.err, OK);
	assert_string_equal(small.ptr, "YWI");
	buf_free(&small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(hex, setup, teardown),
		cmocka_unit_test_setup_teardown(base64_vectors, setup, teardown),
		cmocka_unit_test_setup_teardown(base64_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(percent, setup, teardown),
		cmocka_unit_test_setup_teardown(html, setup, teardown),
		cmocka_unit_test_setup_teardown(limits_are_kept, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
