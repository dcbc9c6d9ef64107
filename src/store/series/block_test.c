/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks give back every bit of what went in, in the size that the layout promises, and refuse
 * damage.
 */
#include "store/series/block.h"
#include "base/codec.h"
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>

#define N 3000

struct world {
	struct block_codec *codec;
	struct arena *arena;
	struct buf block;
	struct block_out out;
	struct series_point list[N];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	w->block = buf_make(&mem_system, 1u << 24);
	if (block_codec_open(&mem_system, &w->codec) != OK ||
	    arena_open(&mem_system, 1u << 24, &w->arena) != OK)
		return -1;
	w->out = (struct block_out){ .mem = &mem_system, .arena = w->arena };
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	block_out_free(&w->out);
	buf_free(&w->block);
	arena_close(&w->arena);
	block_codec_close(&w->codec);
	free(w);
	return 0;
}

/* Packs list[0..n), reads it back, compares all bits; the bytes per sample. */
static double round_trip(struct world *w, size_t n)
{
	buf_clear(&w->block);
	w->out.point_count = 0;
	assert_int_equal(block_put_points(w->codec, &w->block, w->list, n), OK);
	assert_int_equal(
	    block_read(w->codec, buf_str(&w->block), INT64_MIN, INT64_MAX, &w->out), OK);
	assert_int_equal(w->out.point_count, n);
	assert_memory_equal(w->out.points, w->list, n * sizeof(w->list[0]));
	return (double)w->block.len / (double)n;
}

static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static void kinds_of_values(void **state)
{
	struct world *w = *state;
	uint64_t seed = 7;
	double sum = 0;
	for (size_t i = 0; i < N; i++)
		w->list[i] = (struct series_point){ (int64_t)i * 15000, 42 };
	assert_true(round_trip(w, N) < 0.1);
	for (size_t i = 0; i < N; i++)
		w->list[i].value = sum += (double)(next_random(&seed) % 50);
	assert_true(round_trip(w, N) < 1.0);
	for (size_t i = 0; i < N; i++)
		w->list[i].value = (double)(next_random(&seed) % 10000) / 100;
	assert_true(round_trip(w, N) < 2.1);
	for (size_t i = 0; i < N; i++)
		w->list[i].value = sqrt((double)next_random(&seed));
	assert_true(round_trip(w, N) < 8.2);
	for (size_t i = 0; i < N; i++) {
		uint64_t bits = next_random(&seed);
		memcpy(&w->list[i].value, &bits, 8);
		w->list[i].ms += (int64_t)(next_random(&seed) % 1000);
	}
	round_trip(w, N);
}

static void odd_values_and_times(void **state)
{
	struct world *w = *state;
	static const uint64_t odd[] = { UINT64_C(0x7ff0000000000002), UINT64_C(0x8000000000000000),
		UINT64_C(0x7ff0000000000000), UINT64_C(0xfff8000000000001), 1,
		UINT64_C(0x4340000000000000), UINT64_C(0xc340000000000001) };
	for (size_t i = 0; i < 200; i++) {
		w->list[i] = (struct series_point){ (int64_t)i, (double)i };
		if (i % 20 == 3)
			memcpy(&w->list[i].value, &odd[i / 20 % ARRAY_COUNT(odd)], 8);
	}
	round_trip(w, 200);
	for (size_t i = 0; i < ARRAY_COUNT(odd); i++)
		memcpy(&w->list[i].value, &odd[i], 8);
	round_trip(w, ARRAY_COUNT(odd));
	round_trip(w, 1);
	w->list[0] = (struct series_point){ INT64_MIN, 1 };
	w->list[1] = (struct series_point){ -1, 2 };
	w->list[2] = (struct series_point){ 0, 3.5 };
	w->list[3] = (struct series_point){ INT64_MAX, -4 };
	round_trip(w, 4);
}

static void part_of_the_time(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < N; i++)
		w->list[i] = (struct series_point){ (int64_t)i * 10, (double)i };
	round_trip(w, N);
	w->out.point_count = 0;
	assert_int_equal(block_read(w->codec, buf_str(&w->block), 11000, 11020, &w->out), OK);
	assert_int_equal(w->out.point_count, 3);
	assert_true(w->out.points[0].ms == 11000 && w->out.points[2].value == 1102);
}

static void histograms(void **state)
{
	struct world *w = *state;
	struct hist_bucket pos[] = { { -3, 1 }, { 4, 2.5 } };
	struct hist h = { .schema = 5,
		.count = 3.5,
		.sum = 10,
		.zero_threshold = 0x1p-128,
		.pos = pos,
		.pos_count = 2 };
	struct buf bytes = buf_make(&mem_system, 1u << 16);
	hist_put(&bytes, &h);
	struct block_hist list[300];
	for (size_t i = 0; i < 300; i++)
		list[i] = (struct block_hist){ (int64_t)i * 7 - 70, buf_str(&bytes) };
	assert_int_equal(block_put_hists(w->codec, &w->block, list, 300), OK);
	assert_int_equal(block_read(w->codec, buf_str(&w->block), 0, 70, &w->out), OK);
	assert_int_equal(w->out.hist_count, 11);
	assert_true(w->out.hists[10].ms == 70);
	assert_true(hist_equal(w->out.hists[10].hist, &h));
	buf_free(&bytes);
}

static void damage(void **state)
{
	struct world *w = *state;
	for (size_t i = 0; i < 500; i++)
		w->list[i] = (struct series_point){ (int64_t)i * 10, (double)(i * i % 97) };
	round_trip(w, 500);
	size_t refused = 0;
	for (size_t i = 0; i < w->block.len; i++) {
		w->block.ptr[i] = (char)(w->block.ptr[i] ^ 0x10);
		w->out.point_count = 0;
		enum err e =
		    block_read(w->codec, buf_str(&w->block), INT64_MIN, INT64_MAX, &w->out);
		assert_true(e == OK || e == ERR_INPUT);
		refused += e == ERR_INPUT;
		w->block.ptr[i] = (char)(w->block.ptr[i] ^ 0x10);
	}
	assert_true(refused + 8 >=
	            w->block.len); /* but for the times of the head, all is under the checksum */
	for (size_t len = 1; len < w->block.len; len++)
		assert_int_equal(block_read(w->codec, str_make(w->block.ptr, len), INT64_MIN,
		                     INT64_MAX, &w->out),
		    ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(kinds_of_values, setup, teardown),
		cmocka_unit_test_setup_teardown(odd_values_and_times, setup, teardown),
		cmocka_unit_test_setup_teardown(part_of_the_time, setup, teardown),
		cmocka_unit_test_setup_teardown(histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(damage, setup, teardown),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
