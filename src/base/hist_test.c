/* SPDX-License-Identifier: Apache-2.0
 *
 * Native histograms: borders, arithmetic, resets, quantiles, the codec and the accumulator.
 */
#include "base/hist.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena *arena_for_test(void)
{
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1 << 22, &a), OK);
	return a;
}

static void near(double got, double want)
{
	if (isnan(want)) {
		assert_true(isnan(got));
	} else if (isinf(want)) {
		assert_true(got == want);
	} else if (fabs(got - want) > 1e-9 * fmax(1, fabs(want))) {
		fail_msg("got %.17g, want %.17g", got, want);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	struct hist h = { .schema = 0 };
	near(hist_bound(&h, 0), 1);
	near(hist_bound(&h, 1), 2);
	near(hist_bound(&h, -1), 0.5);
	h.schema = 3;
	near(hist_bound(&h, 8), 2);
	near(hist_bound(&h, 4), sqrt(2));
	near(hist_bound(&h, -8), 0.5);
	h.schema = -2;
	near(hist_bound(&h, 1), 16);
	near(hist_bound(&h, -1), 1.0 / 16);
	for (int32_t schema = HIST_SCHEMA_MIN; schema <= HIST_SCHEMA_MAX; schema++) {
		h.schema = schema;
		for (double v = 1e-12; v < 1e15; v *= 1.37) {
			int32_t i = hist_index(schema, v);
			assert_true(v <= hist_bound(&h, i));
			assert_true(v > hist_bound(&h, i - 1));
		}
		for (int32_t i = -40; i < 40; i++) { /* exact borders belong to the bucket below */
			double v = hist_bound(&h, i);
			assert_int_equal(hist_index(schema, v), i);
		}
	}
}

static struct hist make(
    const struct hist_bucket *pos, uint32_t n, int32_t schema, double count, double sum)
{
	return (struct hist){
		.schema = schema, .count = count, .sum = sum, .pos = pos, .pos_count = n
	};
}

static void test_add_differing_schema(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct hist_bucket fine[] = { { 1, 1 }, { 2, 2 }, { 3, 4 }, { 4, 8 } };
	struct hist_bucket coarse[] = { { 0, 5 }, { 1, 10 } };
	struct hist x = make(fine, 4, 1, 15, 20), y = make(coarse, 2, 0, 15, 10), z;
	assert_int_equal(hist_add(a, &x, &y, &z, NULL), OK);
	assert_int_equal(z.schema, 0);
	assert_int_equal(z.pos_count, 3);
	assert_int_equal(z.pos[0].index, 0);
	near(z.pos[0].count, 5);
	near(z.pos[1].count, 13); /* 1 + 2 of x, 10 of y */
	near(z.pos[2].count, 12);
	near(z.count, 30);
	assert_int_equal(hist_sub(a, &z, &y, &z, NULL), OK);
	near(z.pos[1].count, 3);
	struct hist r;
	assert_int_equal(hist_reduce(a, &x, 0, &r), OK);
	assert_int_equal(hist_compact(a, &z, &z), OK);
	assert_true(hist_equal(&z, &r));
	arena_close(&a);
}

static void test_zero_threshold(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct hist_bucket pos[] = { { -3, 1 }, { 0, 2 }, { 2, 3 } }; /* (1/16,1/8] (1/2,1] (2,4] */
	struct hist x = make(pos, 3, 0, 6, 6),
	            y = { .schema = 0, .zero_threshold = 0.25, .zero_count = 7, .count = 7 }, z;
	assert_int_equal(hist_add(a, &x, &y, &z, NULL), OK);
	near(z.zero_threshold, 0.25);
	near(z.zero_count, 8);
	assert_int_equal(z.pos_count, 2);
	y.zero_threshold = 0.75; /* inside the populated bucket (1/2, 1]: widened to 1 */
	assert_int_equal(hist_add(a, &x, &y, &z, NULL), OK);
	near(z.zero_threshold, 1);
	near(z.zero_count, 10);
	arena_close(&a);
}

static void test_custom_bounds(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	double b1[] = { 1, 2, 5 }, b2[] = { 2, 5, 10 };
	struct hist_bucket p1[] = { { 0, 1 }, { 1, 2 }, { 3, 4 } };
	struct hist_bucket p2[] = { { 0, 10 }, { 2, 20 }, { 3, 30 } };
	struct hist x = make(p1, 3, HIST_CUSTOM, 7, 0), y = make(p2, 3, HIST_CUSTOM, 60, 0), z;
	x.custom = b1;
	y.custom = b2;
	x.custom_count = y.custom_count = 3;
	struct hist_note note = { 0 };
	assert_true(hist_valid(&x) && hist_valid(&y));
	assert_int_equal(hist_add(a, &x, &y, &z, &note), OK);
	assert_true(note.bounds_reconciled);
	assert_int_equal(z.custom_count, 2);
	near(z.custom[0], 2);
	near(z.pos[0].count, 13);
	near(z.pos[z.pos_count - 1].count, 54);
	struct hist exponential = { .schema = 0 };
	assert_int_equal(hist_add(a, &x, &exponential, &z, NULL), ERR_INPUT);
	arena_close(&a);
}

static void test_reset(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct hist_bucket p1[] = { { 0, 1 }, { 1, 2 } }, p2[] = { { 0, 1 }, { 1, 3 } };
	struct hist_bucket p3[] = { { 0, 0 }, { 1, 4 } };
	struct hist x = make(p1, 2, 0, 3, 3), y = make(p2, 2, 0, 4, 4), z = make(p3, 2, 0, 4, 4);
	bool reset;
	assert_int_equal(hist_is_reset(a, &y, &x, &reset), OK);
	assert_false(reset);
	assert_int_equal(hist_is_reset(a, &x, &y, &reset), OK);
	assert_true(reset);
	assert_int_equal(hist_is_reset(a, &z, &x, &reset), OK);
	assert_true(reset); /* one bucket fell although the count rose */
	y.hint = HIST_RESET;
	assert_int_equal(hist_is_reset(a, &y, &x, &reset), OK);
	assert_true(reset);
	x.hint = HIST_NOT_RESET;
	assert_int_equal(hist_is_reset(a, &x, &y, &reset), OK);
	assert_false(reset);
	arena_close(&a);
}

static void test_quantile(void **state)
{
	(void)state;
	struct hist_bucket p[] = { { 1, 10 } }; /* (1, 2] */
	struct hist h = make(p, 1, 0, 10, 15);
	near(hist_quantile(&h, 0.5), sqrt(2));
	near(hist_quantile(&h, 1), 2);
	near(hist_quantile(&h, 0), 1);
	near(hist_quantile(&h, -0.1), -INFINITY);
	near(hist_quantile(&h, 1.1), INFINITY);
	near(hist_quantile(&h, NAN), NAN);
	near(hist_fraction(&h, 1, 2), 1);
	near(hist_fraction(&h, 0, sqrt(2)), 0.5);
	near(hist_fraction(&h, 3, 2), 0);
	struct hist_bucket both[] = { { 1, 5 } };
	struct hist m = make(both, 1, 0, 12, 0);
	m.neg = both;
	m.neg_count = 1;
	m.zero_count = 2;
	m.zero_threshold = 0.01;
	near(hist_quantile(&m, 0), -2);
	near(hist_quantile(&m, 0.5), 0);
	near(hist_quantile(&m, 1), 2);
	near(hist_fraction(&m, -INFINITY, 0), 0.5);
	double bounds[] = { 1, 2 };
	struct hist_bucket c[] = { { 0, 1 }, { 1, 2 }, { 2, 1 } };
	struct hist n = make(c, 3, HIST_CUSTOM, 4, 0);
	n.custom = bounds;
	n.custom_count = 2;
	near(hist_quantile(&n, 0.25), 1);
	near(hist_quantile(&n, 0.5), 1.5);
	near(hist_quantile(&n, 0.99), 2);
	struct hist empty = { .schema = 0 };
	near(hist_quantile(&empty, 0.5), NAN);
}

static void test_sum_compensates(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	double values[] = { 1, 1e100, 1, -1e100 };
	struct hist_sum s;
	for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
		struct hist_bucket p[] = { { (int32_t)(i % 2), values[i] }, { 5, 1 } };
		struct hist h = make(p, 2, 0, 1, values[i]);
		if (i == 0)
			assert_int_equal(hist_sum_start(a, &h, &s), OK);
		else
			assert_int_equal(hist_sum_add(a, &s, &h, NULL), OK);
	}
	struct hist total;
	assert_int_equal(hist_sum_end(a, &s, &total), OK);
	near(total.sum, 2);
	near(total.count, 4);
	near(total.pos[0].count, 2);
	near(total.pos[1].count, 0);
	near(total.pos[2].count, 4);
	arena_close(&a);
}

static void test_codec(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct hist_bucket p[] = { { -7, 3 }, { 2, 0.25 } }, n[] = { { 1, 9 } };
	struct hist h = make(p, 2, 4, 12.25, NAN), back;
	h.neg = n;
	h.neg_count = 1;
	h.zero_threshold = 1e-100;
	h.hint = HIST_GAUGE;
	uint64_t stale = UINT64_C(0x7ff0000000000002);
	memcpy(&h.sum, &stale, 8);
	struct buf b = buf_make(&mem_system, 1 << 16);
	hist_put(&b, &h);
	struct rd r = rd_make(buf_str(&b));
	assert_int_equal(hist_read(a, &r, &back), OK);
	assert_int_equal(rd_done(&r), OK);
	assert_true(hist_equal(&h, &back));
	assert_int_equal(back.hint, HIST_GAUGE);
	for (size_t cut = 0; cut < b.len; cut++) { /* every truncation is refused */
		struct rd t = rd_make(str_first(buf_str(&b), cut));
		assert_int_equal(hist_read(a, &t, &back), ERR_INPUT);
	}
	buf_free(&b);
	arena_close(&a);
}

static void test_spans(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct hist_span spans[] = { { -2, 2 }, { 3, 1 } };
	int64_t deltas[] = { 5, -2, 4 };
	const struct hist_bucket *b;
	uint32_t n;
	assert_int_equal(hist_from_deltas(a, spans, 2, deltas, 3, &b, &n), OK);
	assert_int_equal(n, 3);
	assert_int_equal(b[0].index, -2);
	assert_int_equal(b[2].index, 3);
	near(b[1].count, 3);
	near(b[2].count, 7);
	assert_int_equal(hist_from_deltas(a, spans, 2, deltas, 2, &b, &n), ERR_INPUT);
	double counts[] = { 1, 2, -1 };
	assert_int_equal(hist_from_spans(a, spans, 2, counts, 3, &b, &n), ERR_INPUT);
	arena_close(&a);
}

static void test_accumulator(void **state)
{
	(void)state;
	struct hist_acc acc = hist_acc_make(&mem_system, HIST_ACC_SCHEMA, 20);
	double sum = 0;
	for (int i = 1; i <= 1000; i++) {
		assert_int_equal(hist_acc_observe(&acc, i / 10.0, 1), OK);
		sum += i / 10.0;
	}
	assert_int_equal(hist_acc_observe(&acc, 0, 2), OK);
	assert_int_equal(hist_acc_observe(&acc, -3, 0.5), OK);
	struct hist h = hist_acc_view(&acc);
	assert_true(h.pos_count + h.neg_count <= 20);
	assert_true(h.schema < HIST_ACC_SCHEMA);
	near(h.count, 1002.5);
	near(h.sum, sum - 1.5);
	near(h.zero_count, 2);
	assert_true(hist_valid(&h));
	near(acc.min, -3);
	near(acc.max, 100);
	double median = hist_quantile(&h, 0.5);
	assert_true(median > 35 && median < 70); /* the resolution is coarse by now */
	struct hist_acc other = hist_acc_make(&mem_system, HIST_ACC_SCHEMA, 160);
	assert_int_equal(hist_acc_merge(&other, &h), OK);
	assert_int_equal(hist_acc_merge(&other, &h), OK);
	struct hist twice = hist_acc_view(&other);
	near(twice.count, 2005);
	near(hist_quantile(&twice, 0.9), hist_quantile(&h, 0.9));
	hist_acc_clear(&other, HIST_ACC_SCHEMA);
	near(hist_acc_view(&other).count, 0);
	hist_acc_free(&acc);
	hist_acc_free(&other);
}

static void test_accuracy(void **state)
{
	(void)state;
	struct hist_acc acc = hist_acc_make(&mem_system, HIST_ACC_SCHEMA, 4096);
	for (int i = 1; i <= 10000; i++)
		assert_int_equal(hist_acc_observe(&acc, i, 1), OK);
	struct hist h = hist_acc_view(&acc);
	for (double q = 0.05; q < 1; q += 0.05) {
		double got = hist_quantile(&h, q), want = q * 10000;
		assert_true(fabs(got - want) / want < 0.0113); /* half a bucket of 2^(1/32) */
	}
	hist_acc_free(&acc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_add_differing_schema),
		cmocka_unit_test(test_zero_threshold),
		cmocka_unit_test(test_custom_bounds),
		cmocka_unit_test(test_reset),
		cmocka_unit_test(test_quantile),
		cmocka_unit_test(test_sum_compensates),
		cmocka_unit_test(test_codec),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_accumulator),
		cmocka_unit_test(test_accuracy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
