/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. Sorting is by (time, order of arrival), so that equal times keep their order and
 * the last can be told.
 */
#include "store/series/head.h"
#include <assert.h>
#include <stdlib.h>

static struct head *get(const struct mem *mem, struct head **head, uint64_t *bytes)
{
	if (*head)
		return *head;
	struct head *h = mem_new(mem, 1, sizeof(*h));
	if (!h)
		return NULL;
	h->last_ms = INT64_MIN;
	h->rising = true;
	*bytes += sizeof(*h);
	*head = h;
	return h;
}

static bool room(const struct mem *mem, void *list_ptr, uint32_t *cap, uint32_t count, size_t size,
    uint64_t *bytes)
{
	if (count < *cap)
		return true;
	void *list;
	memcpy(&list, list_ptr, sizeof(list));
	uint32_t to = *cap ? *cap + *cap / 2 : 8;
	if (to < *cap)
		return false;
	void *grown = mem_resize(mem, list, to, size);
	if (!grown)
		return false;
	memcpy(list_ptr, &grown, sizeof(grown));
	*bytes += (uint64_t)(to - *cap) * size;
	*cap = to;
	return true;
}

static void saw(struct head *h, int64_t ms)
{
	h->rising = h->rising && (ms > h->last_ms || h->point_count + h->hist_count == 0);
	h->last_ms = ms;
}

enum err head_add_point(
    const struct mem *mem, struct head **head, int64_t ms, double value, uint64_t *bytes)
{
	struct head *h = get(mem, head, bytes);
	if (!h ||
	    !room(mem, &h->points, &h->point_cap, h->point_count, sizeof(h->points[0]), bytes))
		return ERR_NOMEM;
	saw(h, ms);
	h->points[h->point_count++] = (struct series_point){ ms, value };
	return OK;
}

enum err head_add_hist(
    const struct mem *mem, struct head **head, int64_t ms, struct str hist, uint64_t *bytes)
{
	struct head *h = get(mem, head, bytes);
	if (!h || !room(mem, &h->hists, &h->hist_cap, h->hist_count, sizeof(h->hists[0]), bytes))
		return ERR_NOMEM;
	char *copy = mem_resize(mem, NULL, hist.len ? hist.len : 1, 1);
	if (!copy)
		return ERR_NOMEM;
	memcpy(copy, hist.ptr, hist.len);
	*bytes += hist.len;
	saw(h, ms);
	h->hists[h->hist_count++] = (struct block_hist){ ms, str_make(copy, hist.len) };
	return OK;
}

void head_free(const struct mem *mem, struct head **head, uint64_t *bytes)
{
	struct head *h = *head;
	if (!h)
		return;
	uint64_t gone = sizeof(*h) + (uint64_t)h->point_cap * sizeof(h->points[0]) +
	                (uint64_t)h->hist_cap * sizeof(h->hists[0]);
	for (uint32_t i = 0; i < h->hist_count; i++) {
		gone += h->hists[i].bytes.len;
		char *copy = (char *)(uintptr_t)h->hists[i].bytes.ptr;
		mem_free(mem, copy);
	}
	mem_free(mem, h->points);
	mem_free(mem, h->hists);
	mem_free(mem, h);
	assert(*bytes >= gone);
	*bytes -= gone;
	*head = NULL;
}

struct place {
	int64_t ms;
	size_t at;
};

static int by_place(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->ms != y->ms)
		return x->ms < y->ms ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorts elements of `size` bytes that begin with their time. */
static enum err sort_and_keep_last(const struct mem *mem, void *list, size_t *count, size_t size)
{
	char *bytes = list;
	size_t n = *count;
	int64_t before = INT64_MIN, ms;
	bool rising = true;
	for (size_t i = 0; i < n && rising; i++) {
		memcpy(&ms, bytes + i * size, sizeof(ms));
		rising = i == 0 || ms > before;
		before = ms;
	}
	if (rising)
		return OK;
	struct place *order = mem_resize(mem, NULL, n, sizeof(order[0]));
	char *copy = mem_resize(mem, NULL, n, size);
	if (!order || !copy) {
		mem_free(mem, order);
		mem_free(mem, copy);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		memcpy(&order[i].ms, bytes + i * size, sizeof(ms));
		order[i].at = i;
	}
	qsort(order, n, sizeof(order[0]), by_place);
	memcpy(copy, bytes, n * size);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (i + 1 < n && order[i + 1].ms == order[i].ms)
			continue;
		memcpy(bytes + kept * size, copy + order[i].at * size, size);
		kept++;
	}
	*count = kept;
	mem_free(mem, order);
	mem_free(mem, copy);
	return OK;
}

_Static_assert(offsetof(struct series_point, ms) == 0 &&
                   offsetof(struct series_hist_point, ms) == 0 &&
                   offsetof(struct block_hist, ms) == 0,
    "sorted by their first field");

enum err series_sort_points(const struct mem *mem, struct series_point *list, size_t *count)
{
	return sort_and_keep_last(mem, list, count, sizeof(list[0]));
}

enum err series_sort_hists(const struct mem *mem, struct series_hist_point *list, size_t *count)
{
	return sort_and_keep_last(mem, list, count, sizeof(list[0]));
}

enum err series_sort_block_hists(const struct mem *mem, struct block_hist *list, size_t *count)
{
	return sort_and_keep_last(mem, list, count, sizeof(list[0]));
}
