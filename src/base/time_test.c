/* SPDX-License-Identifier: Apache-2.0
 *
 * Calendar, RFC 3339 and durations, with the days on which calendars go wrong.
 */
#include "base/time.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static void calendar_there_and_back(void **state)
{
	(void)state;
	/* walk every day of 1..9999 by hand and compare */
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t s = INT64_C(-62135596800);
	int weekday = 1; /* 0001-01-01 was a Monday */
	for (int year = 1; year <= 9999; year++) {
		bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
		for (int month = 1; month <= 12; month++) {
			int days = lengths[month - 1] + (leap && month == 2);
			for (int day = 1; day <= days;
			     day++, s += 86400, weekday = (weekday + 1) % 7) {
				struct civil c = {
					.year = year, .month = (int8_t)month, .day = (int8_t)day
				};
				struct civil back = civil_from_s(s + 86399);
				bool same = civil_to_s(c) == s && back.year == year &&
				            back.month == month && back.day == day &&
				            back.hour == 23 && back.minute == 59 &&
				            back.second == 59 && civil_weekday(s) == weekday &&
				            civil_valid(c);
				if (!same)
					fail_msg("%d-%d-%d", year, month, day);
			}
			assert_false(civil_valid((struct civil){
			    .year = year, .month = (int8_t)month, .day = (int8_t)(days + 1) }));
		}
	}
	assert_int_equal(civil_from_s(INT64_MAX).year, 9999);
	assert_int_equal(civil_from_s(INT64_MIN).year, 1);
	assert_int_equal(civil_weekday(-1), 3);
	assert_int_equal(civil_weekday(0), 4);
}

static void civil_ranges(void **state)
{
	(void)state;
	struct civil good = { 2024, 2, 29, 23, 59, 59, 999999999 };
	assert_true(civil_valid(good));
	struct civil bad[] = { good, good, good, good, good, good, good, good, good };
	bad[0].year = 2023;
	bad[1].year = 0;
	bad[2].year = 10000;
	bad[3].month = 13;
	bad[4].month = 0;
	bad[5].day = 0;
	bad[6].hour = 24;
	bad[7].minute = 60;
	bad[8].second = 60;
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_false(civil_valid(bad[i]));
	good.ns = 1000000000;
	assert_false(civil_valid(good));
}

static void wall_texts_good(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1970-01-01t00:00:00z", 0 },
		{ "1970-01-01 00:00:01Z", NS_PER_S },
		{ "1970-01-01T00:00:00.5Z", NS_PER_S / 2 },
		{ "1970-01-01T00:00:00,25Z", NS_PER_S / 4 },
		{ "1970-01-01T00:00:00.123456789Z", 123456789 },
		{ "1970-01-01T01:00:00+01:00", 0 },
		{ "1970-01-01T01:00:00+0100", 0 },
		{ "1970-01-01T01:00:00+01", 0 },
		{ "1969-12-31T18:30:00-05:30", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "1969-12-31T23:59:59.999Z", -NS_PER_MS },
		{ "2026-01-05T09:00:00Z", INT64_C(1767603600) * NS_PER_S },
		{ "2000-02-29T00:00:00Z", INT64_C(951782400) * NS_PER_S },
		{ "2016-12-31T23:59:60Z", INT64_C(1483228800) * NS_PER_S },
		{ "2017-01-01T05:29:60+05:30", INT64_C(1483228800) * NS_PER_S },
		{ "2262-04-11T23:47:16.854775807Z", INT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct wall t = { 42 };
		if (wall_parse(str_c(good[i].text), &t) || t.ns != good[i].ns)
			fail_msg("%s gave %lld", good[i].text, (long long)t.ns);
	}
}

static void wall_texts_bad(void **state)
{
	(void)state;
	static const char *bad[] = {
		"",
		"2026",
		"2026-01-05",
		"2026-01-05T09:00Z",
		"2026-01-05T09:00:00",
		"2026-01-05T09:00:00 Z",
		"2026-02-30T00:00:00Z",
		"2023-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-05T24:00:00Z",
		"2026-01-05T09:60:00Z",
		"2026-01-05T09:00:61Z",
		"2026-01-05T09:00:60Z",
		"2026-01-05T09:00:00.Z",
		"2026-01-05T09:00:00.1234567890Z",
		"2026-01-05T09:00:00+1",
		"2026-01-05T09:00:00+24:00",
		"2026-01-05T09:00:00+01:60",
		"2026-01-05T09:00:00+01:",
		"2026-01-05T09:00:00+01:0",
		"2026-01-05T09:00:00Zx",
		"2026-01-05X09:00:00Z",
		" 2026-01-05T09:00:00Z",
		"2026-1-05T09:00:00Z",
		"+2026-01-05T09:00:00Z",
		"0000-01-01T00:00:00Z",
		"0001-01-01T00:00:00Z",
		"9999-12-31T23:59:59Z",
		"2262-04-11T23:47:16.854775808Z",
		"2026-01-05T09:00:00.5",
		"2026-01-05T-9:00:00Z",
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct wall t = { 42 };
		if (wall_parse(str_c(bad[i]), &t) != ERR_INPUT || t.ns != 42)
			fail_msg("%s was taken", bad[i]);
	}
}

static void expect_wall(int64_t ns, const char *want)
{
	struct buf b = buf_make(&mem_system, 100);
	wall_format(&b, (struct wall){ ns });
	assert_string_equal(b.ptr, want);
	buf_free(&b);
}

static void wall_texts_written(void **state)
{
	(void)state;
	expect_wall(0, "1970-01-01T00:00:00Z");
	expect_wall(NS_PER_MS, "1970-01-01T00:00:00.001Z");
	expect_wall(999999, "1970-01-01T00:00:00Z");
	expect_wall(-1, "1969-12-31T23:59:59.999Z");
	expect_wall(INT64_C(1767603600) * NS_PER_S + 120 * NS_PER_MS, "2026-01-05T09:00:00.120Z");
	expect_wall(INT64_MAX, "2262-04-11T23:47:16.854Z");
	expect_wall(INT64_MIN, "1677-09-21T00:12:43.145Z");
}

static void civil_texts(void **state)
{
	(void)state;
	struct civil c;
	assert_int_equal(civil_parse(STR("2026-01-05T09:00"), &c), OK);
	assert_int_equal(civil_to_s(c), 1767603600);
	assert_int_equal(civil_parse(STR("2026-01-05 09:00:07"), &c), OK);
	assert_int_equal(c.second, 7);
	const char *bad[] = { "", "2026-01-05", "2026-01-05T09", "2026-01-05T09:00Z",
		"2026-01-05T09:00:60", "2026-02-29T00:00",
		"2026-01-05T09:00:", "2026-01-05T09:00:00.5", "0000-01-01T00:00" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(civil_parse(str_c(bad[i]), &c), ERR_INPUT);
	struct buf b = buf_make(&mem_system, 100);
	civil_format(&b, (struct civil){ 987, 6, 5, 4, 3, 2, 1 });
	assert_string_equal(b.ptr, "0987-06-05T04:03:02");
	buf_free(&b);
}

static void spans_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "500ms", 500 },
		{ "10s", 10000 },
		{ "5m", 300000 },
		{ "1h30m", 5400000 },
		{ "7d", 604800000 },
		{ "1w", 604800000 },
		{ "1y", INT64_C(31536000000) },
		{ "1y2w3d4h5m6s7ms", INT64_C(33019506007) },
		{ "90m", 5400000 },
		{ "00000000000000000000001s", 1000 },
		{ "292y", INT64_C(292) * 31536000000 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(good); i++) {
		struct span d = { -1 };
		if (span_parse(str_c(good[i].text), &d) || d.ns != good[i].ms * NS_PER_MS)
			fail_msg("%s gave %lld", good[i].text, (long long)d.ns);
	}
	static const char *bad[] = { "", "1", "00", "s", "1 s", " 1s", "-1s", "+1s", "1.5h", "1m1h",
		"1h1h", "1S", "1us", "1ns", "1hr", "1mm", "1sm", "1h30", "h1", "1min", "1h 30m" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct span d = { -1 };
		if (span_parse(str_c(bad[i]), &d) != ERR_INPUT || d.ns != -1)
			fail_msg("%s was taken", bad[i]);
	}
	struct span d = { -1 };
	assert_int_equal(span_parse(STR("293y"), &d), ERR_LIMIT);
	assert_int_equal(span_parse(STR("99999999999999999999999s"), &d), ERR_LIMIT);
	assert_int_equal(span_parse(STR("292y292y"), &d), ERR_INPUT);
	assert_int_equal(span_parse(STR("292y9999d"), &d), ERR_LIMIT);
	assert_int_equal(d.ns, -1);
}

static void expect_span(int64_t ns, const char *want)
{
	struct buf b = buf_make(&mem_system, 100);
	span_format(&b, (struct span){ ns });
	assert_string_equal(b.ptr, want);
	struct span back;
	struct str text = buf_str(&b);
	if (ns >= 0 && ns % NS_PER_MS == 0) {
		assert_int_equal(span_parse(text, &back), OK);
		assert_int_equal(back.ns, ns);
	}
	buf_free(&b);
}

static void spans_written(void **state)
{
	(void)state;
	const int64_t hour = 3600 * NS_PER_S;
	expect_span(0, "0s");
	expect_span(1, "0s");
	expect_span(-1, "0s");
	expect_span(NS_PER_MS, "1ms");
	expect_span(1500 * NS_PER_MS, "1s500ms");
	expect_span(90 * 60 * NS_PER_S, "1h30m");
	expect_span(-90 * NS_PER_S, "-1m30s");
	expect_span(24 * hour, "1d");
	expect_span(36 * hour, "36h");
	expect_span(7 * 24 * hour, "1w");
	expect_span(8 * 24 * hour, "8d");
	expect_span(365 * 24 * hour, "1y");
	expect_span(366 * 24 * hour, "366d");
	expect_span(INT64_MAX, "2562047h47m16s854ms");
	expect_span(INT64_MIN, "-2562047h47m16s854ms");
}

static void arithmetic_saturates(void **state)
{
	(void)state;
	assert_true(wall_add((struct wall){ INT64_MAX - 1 }, SPAN_S(1)).ns == INT64_MAX);
	assert_true(wall_add((struct wall){ INT64_MIN + 1 }, SPAN_S(-1)).ns == INT64_MIN);
	assert_true(
	    wall_sub((struct wall){ INT64_MAX }, (struct wall){ INT64_MIN }).ns == INT64_MAX);
	assert_true(wall_sub((struct wall){ 5 }, (struct wall){ 7 }).ns == -2);
	assert_true(mono_add((struct mono){ 1 }, SPAN_MS(2)).ns == 2000001);
	assert_true(wall_from_ms(INT64_MAX).ns == INT64_MAX);
	assert_true(wall_from_ms(INT64_MIN).ns == INT64_MIN);
	assert_true(wall_ms((struct wall){ -1 }) == -1);
	assert_true(wall_ms((struct wall){ -NS_PER_MS }) == -1);
	assert_true(wall_ms((struct wall){ 1999999 }) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calendar_there_and_back),
		cmocka_unit_test(civil_ranges),
		cmocka_unit_test(wall_texts_good),
		cmocka_unit_test(wall_texts_bad),
		cmocka_unit_test(wall_texts_written),
		cmocka_unit_test(civil_texts),
		cmocka_unit_test(spans_read),
		cmocka_unit_test(spans_written),
		cmocka_unit_test(arithmetic_saturates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
