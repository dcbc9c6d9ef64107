/* SPDX-License-Identifier: Apache-2.0
 *
 * A binary min-heap of nodes embedded in other objects, ordered by (key, tie). Each node knows its
 * place, so removing any node is O(log n). The heap does not own the nodes.
 */
#pragma once
#include "base/mem.h"
#include <stdint.h>
#include <stdbool.h>

struct heap_node {
	int64_t key;
	uint64_t tie; /* orders equal keys, so that the order is the same in every run */
	size_t place; /* 1-based; 0 = not in a heap */
};

struct heap {
	const struct mem *mem;
	struct heap_node **nodes;
	size_t count, cap, limit;
};

struct heap heap_make(const struct mem *mem, size_t limit);
void heap_free(struct heap *h);
must_check enum err heap_add(struct heap *h, struct heap_node *node); /* node->place must be 0 */
struct heap_node *heap_min(const struct heap *h);                     /* NULL when empty */
void heap_remove(struct heap *h, struct heap_node *node); /* node->place must not be 0 */
/* Reserve so that the next `count` adds cannot fail. */
must_check enum err heap_reserve(struct heap *h, size_t count);
