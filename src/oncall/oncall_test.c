/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotations over the changes of the clocks and leap days, restrictions, overrides, gaps; and for
 * schedules made by chance: the list of shifts says at every instant what oncall_at says.
 */
#include "oncall/oncall.h"
#include "oncall/test_zone_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define LISBON STR("WET0WEST,M3.5.0/1,M10.5.0")
#define BERLIN STR("CET-1CEST,M3.5.0,M10.5.0/3")
#define LORD_HOWE STR("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")

static const struct user users[] = { { .name = STR_INIT("ana") }, { .name = STR_INIT("bo") },
	{ .name = STR_INIT("cy") } };
static const struct directory dir = { .users = users, .user_count = 3 };
static const int32_t three[] = { 0, 1, 2 };
static const int32_t gap[] = { 0, -1 };

static int setup(void **state)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, 64u << 20, &a) != OK)
		return -1;
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct arena *a = *state;
	arena_close(&a);
	return 0;
}

static struct wall utc(const char *text)
{
	struct wall t;
	assert_int_equal(wall_parse(str_c(text), &t), OK);
	return t;
}

static struct civil local(const char *text)
{
	struct civil c;
	assert_int_equal(civil_parse(str_c(text), &c), OK);
	return c;
}

struct at {
	const char *when;
	int32_t user;
};

static void check_at(const struct schedule *s, const struct at *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int32_t user = oncall_at(&dir, s, utc(list[i].when));
		if (user != list[i].user)
			fprintf(stderr, "at %s: %d and not %d\n", list[i].when, user, list[i].user);
		assert_int_equal(user, list[i].user);
	}
}
#define CHECK_AT(s, ...)                                  \
	check_at((s), (const struct at[]){ __VA_ARGS__ }, \
	    sizeof((const struct at[]){ __VA_ARGS__ }) / sizeof(struct at))

static void test_weekly_hand_over_stays_at_nine(void **state)
{
	struct layer l = { .start = local("2026-01-05T09:00"),
		.unit = ROTATION_WEEK,
		.every = 1,
		.users = three,
		.user_count = 3 };
	struct schedule s = { .layers = &l, .layer_count = 1, .zone = test_zone(*state, LISBON) };
	CHECK_AT(&s, { "2026-01-05T08:59:59Z", -1 }, { "2026-01-05T09:00:00Z", 0 },
	    { "2026-01-12T08:59:59Z", 0 }, { "2026-01-12T09:00:00Z", 1 },
	    { "2026-01-19T09:00:00Z", 2 }, { "2026-01-26T09:00:00Z", 0 },
	    /* summer time from 29 March: nine is eight in UTC */
	    { "2026-03-30T07:59:59Z", 2 }, { "2026-03-30T08:00:00Z", 0 },
	    /* and back on 25 October */
	    { "2026-10-19T08:00:00Z", 2 }, { "2026-10-26T08:59:59Z", 2 },
	    { "2026-10-26T09:00:00Z", 0 });
}

static void test_leap_day(void **state)
{
	struct layer l = { .start = local("2028-02-27T00:00"),
		.unit = ROTATION_DAY,
		.every = 1,
		.users = three,
		.user_count = 3 };
	struct schedule s = { .layers = &l, .layer_count = 1, .zone = test_zone(*state, BERLIN) };
	CHECK_AT(&s, { "2028-02-28T12:00:00Z", 1 }, { "2028-02-29T12:00:00Z", 2 },
	    { "2028-03-01T12:00:00Z", 0 }, { "2028-02-28T22:59:59Z", 1 },
	    { "2028-02-28T23:00:00Z", 2 }, { "2028-02-29T23:00:00Z", 0 });
}

static void test_hours_over_the_changes(void **state)
{
	struct layer l = { .start = local("2026-10-25T00:00"),
		.unit = ROTATION_HOUR,
		.every = 1,
		.users = three,
		.user_count = 3 };
	struct schedule s = { .layers = &l, .layer_count = 1, .zone = test_zone(*state, BERLIN) };
	/* set back at 03:00: turn 2 (02:00) lasts two hours and the next begins at 03:00 */
	CHECK_AT(&s, { "2026-10-24T22:00:00Z", 0 }, { "2026-10-24T23:00:00Z", 1 },
	    { "2026-10-25T00:00:00Z", 2 }, { "2026-10-25T01:00:00Z", 2 },
	    { "2026-10-25T01:59:59Z", 2 }, { "2026-10-25T02:00:00Z", 0 });
	l.start = local("2026-03-29T00:00");
	/* set forward at 02:00: turn 2 does not exist, turn 3 begins at once */
	CHECK_AT(&s, { "2026-03-28T23:00:00Z", 0 }, { "2026-03-29T00:00:00Z", 1 },
	    { "2026-03-29T00:59:59Z", 1 }, { "2026-03-29T01:00:00Z", 0 },
	    { "2026-03-29T02:00:00Z", 1 });
	/* by half an hour */
	l.start = local("2026-04-05T00:00");
	s.zone = test_zone(*state, LORD_HOWE);
	/* 02:00 summer time = 15:00Z, the clock goes back to 01:30 */
	CHECK_AT(&s, { "2026-04-04T13:00:00Z", 0 }, { "2026-04-04T14:00:00Z", 1 },
	    { "2026-04-04T15:00:00Z", 1 }, { "2026-04-04T15:29:59Z", 1 },
	    { "2026-04-04T15:30:00Z", 2 });
}

static void test_restrictions(void **state)
{
	struct restriction day = {
		.start_weekday = -1, .start_s = 9 * 3600, .duration_s = 8 * 3600
	};
	struct restriction night = {
		.start_weekday = -1, .start_s = 22 * 3600, .duration_s = 8 * 3600
	};
	struct restriction weekend = {
		.start_weekday = 5, .start_s = 17 * 3600, .duration_s = 64 * 3600
	};
	struct layer l = { .start = local("2026-01-01T00:00"),
		.unit = ROTATION_WEEK,
		.every = 1,
		.users = three,
		.user_count = 1,
		.restrictions = &day,
		.restriction_count = 1 };
	struct schedule s = { .layers = &l, .layer_count = 1, .zone = test_zone(*state, BERLIN) };
	CHECK_AT(&s, { "2026-01-10T07:59:59Z", -1 }, { "2026-01-10T08:00:00Z", 0 },
	    { "2026-01-10T15:59:59Z", 0 }, { "2026-01-10T16:00:00Z", -1 },
	    { "2026-07-10T07:00:00Z", 0 }, { "2026-07-10T15:00:00Z", -1 });
	l.restrictions = &night; /* over midnight, and longer or shorter when the clocks change */
	CHECK_AT(&s, { "2026-01-10T20:59:59Z", -1 }, { "2026-01-10T21:00:00Z", 0 },
	    { "2026-01-11T04:59:59Z", 0 }, { "2026-01-11T05:00:00Z", -1 },
	    { "2026-10-25T04:59:59Z", 0 }, { "2026-10-25T05:00:00Z", -1 },
	    { "2026-03-29T03:59:59Z", 0 }, { "2026-03-29T04:00:00Z", -1 });
	l.restrictions = &weekend; /* Friday 17:00 to Monday 09:00 */
	CHECK_AT(&s, { "2026-01-09T15:59:59Z", -1 }, { "2026-01-09T16:00:00Z", 0 },
	    { "2026-01-12T07:59:59Z", 0 }, { "2026-01-12T08:00:00Z", -1 },
	    { "2026-03-30T06:59:59Z", 0 }, { "2026-03-30T07:00:00Z", -1 });
}

static void test_layers_and_overrides(void **state)
{
	const int32_t ana[] = { 0 }, bo[] = { 1 };
	struct restriction day = {
		.start_weekday = -1, .start_s = 9 * 3600, .duration_s = 8 * 3600
	};
	struct layer layers[] = {
		{ .start = local("2026-01-01T00:00"),
		    .unit = ROTATION_WEEK,
		    .every = 1,
		    .users = ana,
		    .user_count = 1 },
		{ .start = local("2026-01-01T00:00"),
		    .unit = ROTATION_WEEK,
		    .every = 1,
		    .users = bo,
		    .user_count = 1,
		    .restrictions = &day,
		    .restriction_count = 1,
		    .has_end = true,
		    .end = local("2026-02-01T12:00") },
	};
	struct override over[] = {
		{ .start = utc("2026-01-10T08:00:00Z"),
		    .end = utc("2026-01-10T12:00:00Z"),
		    .user = 2 },
		{ .start = utc("2026-01-10T10:00:00Z"),
		    .end = utc("2026-01-10T11:00:00Z"),
		    .user = -1 },
	};
	struct schedule s = { .layers = layers,
		.layer_count = 2,
		.overrides = over,
		.override_count = 2,
		.zone = test_zone(*state, STR("UTC0")) };
	CHECK_AT(&s, { "2026-01-09T08:59:59Z", 0 }, { "2026-01-09T09:00:00Z", 1 },
	    { "2026-01-09T17:00:00Z", 0 }, { "2026-01-10T07:59:59Z", 0 },
	    { "2026-01-10T08:00:00Z", 2 }, { "2026-01-10T10:00:00Z", -1 },
	    { "2026-01-10T11:00:00Z", 2 }, { "2026-01-10T12:00:00Z", 1 },
	    { "2026-02-01T11:59:59Z", 1 }, { "2026-02-01T12:00:00Z", 0 });
	/* an empty seat lets the layer below show */
	layers[1] = (struct layer){ .start = local("2026-01-01T00:00"),
		.unit = ROTATION_DAY,
		.every = 2,
		.users = gap,
		.user_count = 2 };
	layers[0].users = bo;
	CHECK_AT(&s, { "2026-01-02T23:00:00Z", 0 }, { "2026-01-03T00:00:00Z", 1 },
	    { "2026-01-05T00:00:00Z", 0 });
}

static void test_no_layers(void **state)
{
	(void)state;
	struct schedule s = { .name = STR("empty") };
	struct shift *shifts;
	size_t n;
	assert_int_equal(oncall_at(&dir, &s, utc("2026-01-01T00:00:00Z")), -1);
	assert_int_equal(oncall_shifts(&dir, &s, utc("2026-01-01T00:00:00Z"),
	                     utc("2026-01-02T00:00:00Z"), 10, *state, &shifts, &n),
	    OK);
	assert_int_equal(n, 1);
	assert_int_equal(shifts[0].user, -1);
	assert_int_equal(oncall_shifts(&dir, &s, utc("2026-01-02T00:00:00Z"),
	                     utc("2026-01-02T00:00:00Z"), 10, *state, &shifts, &n),
	    OK);
	assert_int_equal(n, 0);
}

static void test_shifts(void **state)
{
	struct override over = {
		.start = utc("2026-01-12T12:00:00Z"), .end = utc("2026-01-12T13:00:00Z"), .user = 2
	};
	struct layer l = { .start = local("2026-01-05T09:00"),
		.unit = ROTATION_WEEK,
		.every = 1,
		.users = three,
		.user_count = 2 };
	struct schedule s = { .layers = &l,
		.layer_count = 1,
		.overrides = &over,
		.override_count = 1,
		.zone = test_zone(*state, LISBON) };
	static const struct {
		const char *start, *end;
		int32_t user;
		bool is_override;
	} want[] = {
		{ "2026-01-01T00:00:00Z", "2026-01-05T09:00:00Z", -1, false },
		{ "2026-01-05T09:00:00Z", "2026-01-12T09:00:00Z", 0, false },
		{ "2026-01-12T09:00:00Z", "2026-01-12T12:00:00Z", 1, false },
		{ "2026-01-12T12:00:00Z", "2026-01-12T13:00:00Z", 2, true },
		{ "2026-01-12T13:00:00Z", "2026-01-19T09:00:00Z", 1, false },
		{ "2026-01-19T09:00:00Z", "2026-01-20T00:00:00Z", 0, false },
	};
	struct shift *shifts;
	size_t n;
	assert_int_equal(
	    oncall_shifts(&dir, &s, utc(want[0].start), utc(want[5].end), 100, *state, &shifts, &n),
	    OK);
	assert_int_equal(n, ARRAY_COUNT(want));
	for (size_t i = 0; i < n; i++) {
		assert_true(shifts[i].start.ns == utc(want[i].start).ns &&
		            shifts[i].end.ns == utc(want[i].end).ns);
		assert_int_equal(shifts[i].user, want[i].user);
		assert_int_equal(shifts[i].is_override, want[i].is_override);
	}
	assert_int_equal(
	    oncall_shifts(&dir, &s, utc(want[0].start), utc(want[5].end), 2, *state, &shifts, &n),
	    OK);
	assert_int_equal(n, 2);
}

static uint32_t chance(uint64_t *s, uint32_t n)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*s >> 33) % n;
}

/* Schedules made by chance, over a month with a change of the clocks. */
static void test_shifts_are_what_at_says(void **state)
{
	const struct zone *zones[] = { test_zone(*state, LISBON), test_zone(*state, BERLIN),
		test_zone(*state, LORD_HOWE), test_zone(*state, STR("EST5EDT,M3.2.0,M11.1.0")),
		NULL };
	uint64_t seed = 42;
	for (int round = 0; round < 60; round++) {
		struct restriction r[2];
		struct layer layers[3];
		struct override over[2];
		struct wall since =
		    utc(chance(&seed, 2) ? "2026-03-20T00:00:00Z" : "2026-10-15T00:00:00Z");
		struct wall until = wall_add(since, SPAN_S(25 * 86400));
		for (size_t i = 0; i < 2; i++) {
			r[i] = (struct restriction){ (int8_t)((int)chance(&seed, 8) - 1),
				(int32_t)chance(&seed, 24) * 3600,
				1800 + 1800 * (int64_t)chance(&seed, 60) };
			over[i].start = wall_add(since, SPAN_S(3600 * (int64_t)chance(&seed, 600)));
			over[i].end = wall_add(
			    over[i].start, SPAN_S(3600 * (1 + (int64_t)chance(&seed, 40))));
			over[i].user = (int32_t)chance(&seed, 4) - 1;
		}
		for (size_t i = 0; i < 3; i++) {
			layers[i] = (struct layer){ .start = civil_from_s(
				                        since.ns / NS_PER_S +
				                        3600 * ((int64_t)chance(&seed, 200) - 100)),
				.unit = (enum rotation_unit)chance(&seed, 3),
				.every = 1 + chance(&seed, 5),
				.users = three,
				.user_count = 1 + chance(&seed, 3),
				.restrictions = r,
				.restriction_count = chance(&seed, 3) };
			layers[i].has_end = chance(&seed, 4) == 0;
			layers[i].end =
			    civil_from_s(since.ns / NS_PER_S + 3600 * (int64_t)chance(&seed, 700));
		}
		struct schedule s = { .layers = layers,
			.layer_count = 1 + chance(&seed, 3),
			.overrides = over,
			.override_count = chance(&seed, 3),
			.zone = zones[chance(&seed, 5)] };
		struct shift *shifts;
		size_t n, at = 0;
		assert_int_equal(
		    oncall_shifts(&dir, &s, since, until, 100000, *state, &shifts, &n), OK);
		assert_true(
		    n > 0 && shifts[0].start.ns == since.ns && shifts[n - 1].end.ns == until.ns);
		for (struct wall t = since; t.ns < until.ns; t = wall_add(t, SPAN_S(900))) {
			while (t.ns >= shifts[at].end.ns) {
				at++;
				assert_true(at < n && shifts[at].start.ns == shifts[at - 1].end.ns);
			}
			assert_int_equal(oncall_at(&dir, &s, t), shifts[at].user);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_weekly_hand_over_stays_at_nine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leap_day, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hours_over_the_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restrictions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_layers_and_overrides, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_layers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shifts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_shifts_are_what_at_says, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
