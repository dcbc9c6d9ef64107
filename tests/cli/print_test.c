/* SPDX-License-Identifier: Apache-2.0
 *
 * What people see: tables that fit, texts that cannot harm a terminal, times, numbers, little
 * graphs.
 */
#include "cmd/cli/print.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct arena *a;
static struct buf b;

static int setup(void **state)
{
	(void)state;
	b = buf_make(&mem_system, 1 << 20);
	return arena_open(&mem_system, 1 << 20, &a);
}

static int teardown(void **state)
{
	(void)state;
	buf_free(&b);
	arena_close(&a);
	return 0;
}

static const char *text(void)
{
	return b.ptr ? b.ptr : "";
}

static void a_table_lines_up(void **state)
{
	(void)state;
	static const char *const heads[] = { "NR", "TITLE", "WITH", NULL };
	struct table t = table_make(a, heads);
	for (int i = 0; i < 40; i++) {
		struct cell cells[] = { cell(i ? STR("12") : STR("1")),
			cell_styled(i ? STR("\xc3\xbc"
			                    "ber")
			              : STR("\xe6\x97\xa5\xe6\x9c\xac"),
			    STYLE_RED),
			cell(STR("x")) };
		table_add(&t, cells);
	}
	assert_int_equal(t.rows, 40);
	t.rows = 2;
	table_write(&b, &t, 0, false);
	assert_string_equal(text(),
	    "NR  TITLE  WITH\n1   \xe6\x97\xa5\xe6\x9c\xac   x\n12  \xc3\xbc"
	    "ber   x\n");
	buf_clear(&b);
	t.rows = 1;
	table_write(&b, &t, 0, true);
	assert_string_equal(text(), "\x1b[1mNR\x1b[0m  \x1b[1mTITLE\x1b[0m  \x1b[1mWITH\x1b[0m\n1  "
	                            " \x1b[31m\xe6\x97\xa5\xe6\x9c\xac\x1b[0m   x\n");
}

static void a_table_fits_the_terminal(void **state)
{
	(void)state;
	static const char *const heads[] = { "A", "TITLE", NULL };
	struct table t = table_make(a, heads);
	struct cell cells[] = { cell(STR("1")),
		cell(STR("a title that is much longer than the terminal")) };
	table_add(&t, cells);
	table_write(&b, &t, 20, false);
	assert_string_equal(text(), "A  TITLE\n1  a title that is \xe2\x80\xa6\n");
	/* too narrow for anything: the columns keep their least width */
	buf_clear(&b);
	table_write(&b, &t, 3, false);
	assert_string_equal(text(), "A  TITLE\n1  a title\xe2\x80\xa6\n");
}

static void the_terminal_is_safe(void **state)
{
	(void)state;
	size_t width;
	/* escape, bell, C1 control, right-to-left override, broken UTF-8 */
	print_safe(&b,
	    STR("a\x1b[2Jb\x07\xc2\x9b"
	        "c\xe2\x80\xae"
	        "d\xff\n"),
	    &width);
	assert_string_equal(text(), "a?[2Jb??c?d? ");
	assert_int_equal(width, 13);
	assert_int_equal(print_width(STR("e\xcc\x81\xe6\x97\xa5")), 3);
	buf_clear(&b);
	print_styled(&b, STR("\x1b[31mx"), STYLE_GREEN, true);
	assert_string_equal(text(), "\x1b[32m?[31mx\x1b[0m");
}

static void ago_is(int64_t seconds_ago, const char *words)
{
	const struct wall now = { INT64_C(1767600000) * NS_PER_S };
	struct str s = print_ago(a, (struct wall){ now.ns - seconds_ago * NS_PER_S }, now);
	assert_true(str_eq(s, str_c(words)));
}

static void times_are_near(void **state)
{
	(void)state;
	ago_is(0, "now");
	ago_is(89, "89s ago");
	ago_is(90, "1m ago");
	ago_is(3600, "60m ago");
	ago_is(5400, "1h ago");
	ago_is(36 * 3600, "1d ago");
	ago_is(-7200, "in 2h");
	ago_is(40 * 86400, "2025-11-26");
	assert_true(str_eq(print_ago(a, (struct wall){ 0 }, (struct wall){ 5 }), STR("-")));
	assert_true(str_eq(print_time(a, (struct wall){ INT64_C(1767600000) * NS_PER_S }, NULL),
	    STR("2026-01-05 08:00:00")));
}

static void numbers_are_short(void **state)
{
	(void)state;
	static const struct {
		double v;
		const char *words;
	} cases[] = { { 0, "0" }, { 12, "12" }, { -3, "-3" }, { 0.5, "0.5" },
		{ 0.123456, "0.1235" }, { 1e20, "1e+20" }, { 1234567, "1234567" } };
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		buf_clear(&b);
		print_number(&b, cases[i].v);
		assert_string_equal(text(), cases[i].words);
	}
	buf_clear(&b);
	print_number(&b, HUGE_VAL);
	assert_string_equal(text(), "+Inf");
}

static void graphs_are_drawn(void **state)
{
	(void)state;
	const double rising[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
	graph_spark(&b, rising, 8, true);
	assert_string_equal(text(), "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588");
	buf_clear(&b);
	graph_spark(&b, rising, 8, false);
	assert_string_equal(text(), "_.:-=+*#");
	buf_clear(&b);
	const double odd[] = { 5, NAN, 5, HUGE_VAL };
	graph_spark(&b, odd, 4, false);
	assert_string_equal(text(), "_ _ ");
	buf_clear(&b);
	const double extreme[] = { -1.7e308, 1.7e308 };
	graph_spark(&b, extreme, 2, false);
	assert_string_equal(text(), "_#");
	buf_clear(&b);
	graph_spark(&b, rising, 0, true);
	assert_string_equal(text(), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_table_lines_up, setup, teardown),
		cmocka_unit_test_setup_teardown(a_table_fits_the_terminal, setup, teardown),
		cmocka_unit_test_setup_teardown(the_terminal_is_safe, setup, teardown),
		cmocka_unit_test_setup_teardown(times_are_near, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers_are_short, setup, teardown),
		cmocka_unit_test_setup_teardown(graphs_are_drawn, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
