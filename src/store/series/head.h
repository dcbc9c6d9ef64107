/* SPDX-License-Identifier: Apache-2.0
 *
 * What one series got since the last cut: samples in the order in which they came. The later of two
 * with the same time wins, which whoever reads sees to (series_sort_points).
 */
#pragma once
#include "store/series/block.h"

struct head {
	struct series_point *points;
	struct block_hist *hists; /* bytes are owned */
	uint32_t point_count, point_cap, hist_count, hist_cap;
	int64_t last_ms;
	bool rising; /* each time greater than the one before, over both kinds */
};

/* Bytes that the head grew by are added to *bytes. ERR_NOMEM changes nothing. */
must_check enum err head_add_point(
    const struct mem *mem, struct head **head, int64_t ms, double value, uint64_t *bytes);
must_check enum err head_add_hist(
    const struct mem *mem, struct head **head, int64_t ms, struct str hist, uint64_t *bytes);
void head_free(const struct mem *mem, struct head **head, uint64_t *bytes);

/* Sorts by time and keeps the last of each; returns how many are left. ERR_NOMEM. */
must_check enum err series_sort_points(
    const struct mem *mem, struct series_point *list, size_t *count);
must_check enum err series_sort_hists(
    const struct mem *mem, struct series_hist_point *list, size_t *count);
must_check enum err series_sort_block_hists(
    const struct mem *mem, struct block_hist *list, size_t *count);
