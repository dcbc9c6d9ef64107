/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a block (reading ends with an answer), and as samples to be packed and read back
 * exactly.
 */
#include "store/series/block.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(struct block_codec *codec, struct arena *a, const uint8_t *data, size_t size)
{
	size_t n = size / 10;
	if (n == 0)
		return;
	struct series_point *list = arena_new(a, struct series_point, n);
	assert(list);
	int64_t ms = 0;
	for (size_t i = 0; i < n; i++) {
		uint16_t step;
		memcpy(&step, data + i * 10, 2);
		memcpy(&list[i].value, data + i * 10 + 2, 8);
		ms += (int64_t)step + 1;
		list[i].ms = ms;
	}
	struct buf b = buf_make(&mem_system, 1u << 24);
	assert(block_put_points(codec, &b, list, n) == OK);
	struct block_out out = { .mem = &mem_system, .arena = a };
	assert(block_read(codec, buf_str(&b), INT64_MIN, INT64_MAX, &out) == OK);
	assert(out.point_count == n && memcmp(out.points, list, n * sizeof(list[0])) == 0);
	block_out_free(&out);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct block_codec *codec = NULL;
	struct arena *a = NULL;
	if (block_codec_open(&mem_system, &codec) != OK ||
	    arena_open(&mem_system, 1u << 24, &a) != OK)
		return 0;
	struct block_out out = { .mem = &mem_system, .arena = a };
	ignore_err(block_read(codec, str_make((const char *)data, size), 0, 1000000, &out),
	    "any answer will do");
	block_out_free(&out);
	round_trip(codec, a, data, size);
	arena_close(&a);
	block_codec_close(&codec);
	return 0;
}
