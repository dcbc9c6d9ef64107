/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks: the samples of one series as compressed columns. Lossless for every bit pattern.
 *
 * A block is a row of chunks; a chunk is
 *   u8 kind | u8 zstd | varint count | zigzag first ms | varint last - first | varint raw bytes |
 *   varint body bytes | u32 crc32c of the body | body
 * A float body is the times (first delta, then deltas of deltas bit-packed by 64, nothing when the
 * pace is even) and the values: all equal; or decimals scaled to integers without common low bits,
 * as deltas or deltas of deltas, bit-packed by 64 or as varints, with the few that do not scale
 * kept apart; or words XORed with the one before and split into byte planes. A histogram body is
 * the times and hist_put's bytes. zstd goes over a body where it pays.
 */
#pragma once
#include "base/arena.h"
#include "base/hist.h"
#include "store/series/series.h"

#define BLOCK_POINTS_MAX 1024u /* a chunk */
#define BLOCK_HISTS_MAX 256u

struct block_codec; /* zstd's contexts and scratch space; one a thread */
must_check enum err block_codec_open(const struct mem *mem, struct block_codec **ret);
void block_codec_close(struct block_codec **codec);

/* Appends chunks that hold the points (by strictly rising time, count > 0). */
must_check enum err block_put_points(
    struct block_codec *codec, struct buf *b, const struct series_point *list, size_t count);
struct block_hist {
	int64_t ms;
	struct str bytes; /* of hist_put */
};
must_check enum err block_put_hists(
    struct block_codec *codec, struct buf *b, const struct block_hist *list, size_t count);

/* Growing arrays of what was read. */
struct block_out {
	const struct mem *mem;
	struct series_point *points;
	struct series_hist_point *hists;
	size_t point_count, point_cap, hist_count, hist_cap;
	struct arena *arena; /* histograms are put here */
};
/* Appends the samples within [min_ms, max_ms]. ERR_INPUT: not a block, or damaged. */
must_check enum err block_read(struct block_codec *codec, struct str block, int64_t min_ms,
    int64_t max_ms, struct block_out *out);
void block_out_free(struct block_out *out);
must_check enum err block_out_point(struct block_out *out, int64_t ms, double value);
must_check enum err block_out_hist(struct block_out *out, int64_t ms, const struct hist *h);
