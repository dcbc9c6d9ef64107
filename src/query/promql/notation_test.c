/* SPDX-License-Identifier: Apache-2.0 */
#include "query/promql/notation.h"
#include "query/source.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	return arena_open(&mem_system, 512 << 20, &arena) == OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

static struct notation_points read_ok(const char *text)
{
	struct notation_points p;
	assert_int_equal(notation_points(arena, str_c(text), &p), OK);
	return p;
}

static void floats(void **state)
{
	(void)state;
	struct notation_points p = read_ok(" 1 -2.5e1 _ 3x2 0+10x3 5-1x1 _x2 stale NaN +Inf 0x1 ");
	const double want[] = { 1, -25, 0, 3, 3, 3, 0, 10, 20, 30, 5, 4 };
	assert_int_equal(p.count, 19);
	for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++) {
		assert_int_equal(p.list[i].set, i != 2);
		assert_true(p.list[i].v == want[i]);
	}
	assert_false(p.list[12].set || p.list[13].set);
	assert_true(sample_is_stale(p.list[14].v));
	assert_true(isnan(p.list[15].v) && !sample_is_stale(p.list[15].v));
	assert_true(isinf(p.list[16].v));
	assert_true(p.list[17].v == 0 && p.list[18].v == 0);
}

static void histograms(void **state)
{
	(void)state;
	struct notation_points p = read_ok("{{schema:1 sum:-.5 count:4 z_bucket:1 z_bucket_w:0.5 "
	                                   "buckets:[1 2] offset:-3 n_buckets:[7] n_offset:2 "
	                                   "counter_reset_hint:gauge}}+{{schema:0 count:1 "
	                                   "buckets:[1]}}x2 {{schema:-53 custom_values:[1 2.5] "
	                                   "buckets:[1 1 1]}}");
	assert_int_equal(p.count, 4);
	const struct hist *h = p.list[0].h;
	assert_true(h && p.list[0].has_hint && h->hint == HIST_GAUGE && h->schema == 1);
	assert_true(h->sum == -0.5 && h->count == 4 && h->zero_count == 1);
	assert_true(h->zero_threshold == 0.5 && h->pos_count == 2 && h->neg_count == 1);
	assert_int_equal(h->pos[0].index, -3);
	assert_int_equal(h->neg[0].index, 2);
	assert_true(p.list[2].h->count == 6 && p.list[2].h->schema == 0);
	assert_true(hist_is_custom(p.list[3].h) && p.list[3].h->custom_count == 2);
}

static void refused(void **state)
{
	(void)state;
	const char *bad[] = { "x", "1x", "1+", "1+2", "1..2", "_3", "{", "{{", "{{}", "{{sum}}",
		"{{sum:[1]}}", "{{buckets:[1 x]}}", "{{buckets:[1}}", "{{schema:1.5}}",
		"{{schema:900}}", "{{offset:99999999999}}", "{{foo:1}}", "{{counter_reset_hint:x}}",
		"1,2", "--1", "{{count:1}}+{{schema:-53 custom_values:[1] buckets:[1]}}x1" };
	struct notation_points p;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_not_equal(notation_points(arena, str_c(bad[i]), &p), OK);
	assert_int_equal(notation_points(arena, STR("1x2000000"), &p), ERR_LIMIT);
	assert_int_equal(notation_points(arena, STR("_x99999999999999999999999"), &p), ERR_LIMIT);
}

static void starts(void **state)
{
	(void)state;
	struct notation_points p;
	assert_int_equal(notation_starts(arena, STR(" -1m 0sx2 _x2 -1m-10sx1 _"), &p), OK);
	const double want[] = { -60000, 0, 0, 0, 0, 0, -60000, -70000, 0 };
	assert_int_equal(p.count, 9);
	for (size_t i = 0; i < p.count; i++)
		assert_true(p.list[i].v == want[i] && p.list[i].set == (i < 4 || i / 2 == 3));
	const char *bad[] = { "x", "1mx", "_y", "1m1m-", "--1m", "1mx2y", "1m+", "1e99" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_not_equal(notation_starts(arena, str_c(bad[i]), &p), OK);
	assert_int_equal(notation_starts(arena, STR("1mx2000000"), &p), ERR_LIMIT);
}

static void series(void **state)
{
	(void)state;
	struct labels l;
	struct str rest;
	assert_int_equal(
	    notation_series(arena, STR("up{job=\"a } b\", x='}'} 1 2"), &l, &rest), OK);
	assert_int_equal(l.count, 3);
	assert_true(str_eq(labels_get(l, STR("job")), STR("a } b")));
	assert_true(str_eq(rest, STR(" 1 2")));
	assert_int_equal(notation_series(arena, STR("up 1"), &l, &rest), OK);
	assert_true(l.count == 1 && str_eq(rest, STR(" 1")));
	assert_int_equal(notation_series(arena, STR("{} 7"), &l, &rest), OK);
	assert_true(l.count == 0 && str_eq(rest, STR(" 7")));
	assert_int_equal(notation_series(arena, STR("{\"my.up\", a=\"b\"} 7"), &l, &rest), OK);
	assert_true(str_eq(labels_get(l, LABEL_NAME), STR("my.up")));
	assert_int_equal(notation_series(arena, STR(""), &l, &rest), ERR_INPUT);
	assert_int_equal(notation_series(arena, STR("up{a=~\"b\"} 7"), &l, &rest), ERR_INPUT);
	assert_int_equal(notation_series(arena, STR("up{a=\"b\" 7"), &l, &rest), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(floats), cmocka_unit_test(histograms),
		cmocka_unit_test(refused), cmocka_unit_test(starts), cmocka_unit_test(series) };
	return cmocka_run_group_tests(tests, start, stop);
}
