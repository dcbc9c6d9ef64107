/* SPDX-License-Identifier: Apache-2.0
 *
 * Anchored matching, replacement templates, bounded work.
 */
#include "query/regex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena *arena_for_test(void)
{
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, (size_t)1 << 26, &a), OK);
	return a;
}

static void test_match(void **state)
{
	static const struct {
		struct str pattern, text;
		bool match;
	} cases[] = {
		{ STR_INIT("abc"), STR_INIT("abc"), true },
		{ STR_INIT("abc"), STR_INIT("abcd"), false },
		{ STR_INIT("abc"), STR_INIT("xabc"), false },
		{ STR_INIT("a|bc"), STR_INIT("bc"), true },
		{ STR_INIT("a|bc"), STR_INIT("b"), false },
		{ STR_INIT(""), STR_INIT(""), true },
		{ STR_INIT(""), STR_INIT("x"), false },
		{ STR_INIT("a|"), STR_INIT(""), true },
		{ STR_INIT(".*"), STR_INIT(""), true },
		{ STR_INIT(".+"), STR_INIT(""), false },
		{ STR_INIT(".+"), STR_INIT("\n"), true },
		{ STR_INIT("a.c"), STR_INIT("a\nc"), true },
		{ STR_INIT("a.c"),
		    STR_INIT("a\xc3\xa9"
		             "c"),
		    true },
		{ STR_INIT("(?i:ABC)"), STR_INIT("abc"), true },
		{ STR_INIT("a|ab"), STR_INIT("ab"), true },
		{ STR_INIT("x(a|ab)"), STR_INIT("xab"), true },
		{ STR_INIT("abc$"), STR_INIT("abc\n"), false },
		{ STR_INIT("[0-9]{3}"), STR_INIT("404"), true },
		{ STR_INIT("5.."), STR_INIT("50"), false },
		{ STR_INIT("a\\.b"), STR_INIT("a.b"), true },
		{ STR_INIT("a\\.b"), STR_INIT("axb"), false },
	};
	(void)state;
	struct arena *a = arena_for_test();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct regex *re;
		assert_int_equal(regex_make(a, cases[i].pattern, &re, NULL), OK);
		if (regex_match(re, cases[i].text) != cases[i].match)
			fail_msg(
			    "%.*s against %.*s", STR_ARG(cases[i].pattern), STR_ARG(cases[i].text));
	}
	arena_close(&a);
}

static void test_refused(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct regex *re;
	struct str why = STR("");
	assert_int_equal(regex_make(a, STR("(a"), &re, &why), ERR_INPUT);
	assert_true(why.len > 0);
	assert_int_equal(regex_make(a, STR("a\xff"), &re, &why), ERR_INPUT);
	char *longest = calloc(1, REGEX_LEN_MAX + 2);
	assert_non_null(longest);
	memset(longest, 'a', REGEX_LEN_MAX + 1);
	assert_int_equal(regex_make(a, str_make(longest, REGEX_LEN_MAX + 1), &re, &why), ERR_LIMIT);
	free(longest);
	arena_close(&a);
}

static void test_bounded(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct regex *re;
	/* would take 2^60 steps: it gives up and does not match */
	assert_int_equal(regex_make(a, STR("(a+)+(a+)+(a+)+b[cd]"), &re, NULL), OK);
	assert_false(regex_match(
	    re, STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabx")));
	assert_true(regex_match(re, STR("aaaabc")));
	arena_close(&a);
}

static void expand(const char *pattern, const char *text, const char *template, const char *want)
{
	struct arena *a = arena_for_test();
	struct regex *re;
	struct buf b = buf_make(&mem_system, 1024);
	assert_int_equal(regex_make(a, str_c(pattern), &re, NULL), OK);
	bool ok = regex_expand(re, str_c(text), str_c(template), &b);
	assert_int_equal(ok, want != NULL);
	if (want)
		assert_string_equal(b.ptr ? b.ptr : "", want);
	buf_free(&b);
	arena_close(&a);
}

static void test_expand(void **state)
{
	(void)state;
	expand("(.*)-(.*)", "a-b", "$2:$1", "b:a");
	expand("(.*)-(.*)", "a-b", "${1}x$$$3", "ax$");
	expand("(?P<first>.)(.*)", "abc", "${first}/$2", "a/bc");
	expand("(.*)", "abc", "$1x", ""); /* the group's name is "1x" */
	expand("(.*)", "abc", "${1", "${1");
	expand("(.*)", "abc", "cost: 5$", "cost: 5$");
	expand("abc", "abc", "$0!", "abc!");
	expand("abc", "abd", "$0", NULL);
	expand(".*", "", "none", "none");
}

static void test_words(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct regex *re;
	const struct str *words;
	assert_int_equal(regex_make(a, STR("GET|POST"), &re, NULL), OK);
	assert_int_equal(regex_words(re, &words), 2);
	assert_true(str_eq(words[1], STR("POST")));
	assert_int_equal(regex_make(a, STR("GET|P.*"), &re, NULL), OK);
	assert_int_equal(regex_words(re, &words), 0);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_expand),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
