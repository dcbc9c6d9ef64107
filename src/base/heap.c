/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap of timers and the like. Invariants: nodes[i]->place == i + 1, and no node is before its
 * parent. Contract in heap.h.
 */
#include "base/heap.h"
#include <assert.h>

struct heap heap_make(const struct mem *mem, size_t limit)
{
	assert(mem);
	assert(limit > 0);
	return (struct heap){ .mem = mem, .limit = limit };
}

void heap_free(struct heap *h)
{
	assert(h);
	for (size_t i = 0; i < h->count; i++)
		h->nodes[i]->place = 0;
	if (h->mem)
		mem_free(h->mem, h->nodes);
	*h = (struct heap){ .mem = h->mem, .limit = h->limit };
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->tie < b->tie;
}

static void set(struct heap *h, size_t index, struct heap_node *node)
{
	assert(index < h->count);
	h->nodes[index] = node;
	node->place = index + 1;
}

static void rise(struct heap *h, size_t index, struct heap_node *node)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;
		if (!before(node, h->nodes[parent]))
			break;
		set(h, index, h->nodes[parent]);
		index = parent;
	}
	set(h, index, node);
}

static void sink(struct heap *h, size_t index, struct heap_node *node)
{
	for (;;) {
		size_t child = 2 * index + 1;
		if (child >= h->count)
			break;
		if (child + 1 < h->count && before(h->nodes[child + 1], h->nodes[child]))
			child++;
		if (!before(h->nodes[child], node))
			break;
		set(h, index, h->nodes[child]);
		index = child;
	}
	set(h, index, node);
}

enum err heap_reserve(struct heap *h, size_t count)
{
	assert(h && h->mem);
	assert(h->count <= h->limit);
	if (count > h->limit - h->count)
		return ERR_LIMIT;
	size_t need = h->count + count;
	if (need <= h->cap)
		return OK;
	size_t cap = h->cap ? h->cap : 16;
	while (cap < need) {
		if (ck_mul(cap, 2u, &cap))
			return ERR_LIMIT;
	}
	struct heap_node **nodes = mem_resize(h->mem, h->nodes, cap, sizeof(*nodes));
	if (!nodes)
		return ERR_NOMEM;
	h->nodes = nodes;
	h->cap = cap;
	return OK;
}

enum err heap_add(struct heap *h, struct heap_node *node)
{
	assert(h && node);
	assert(node->place == 0);
	enum err e = heap_reserve(h, 1);
	if (e)
		return e;
	h->count++;
	rise(h, h->count - 1, node);
	return OK;
}

struct heap_node *heap_min(const struct heap *h)
{
	assert(h);
	return h->count ? h->nodes[0] : NULL;
}

void heap_remove(struct heap *h, struct heap_node *node)
{
	assert(h && node);
	assert(node->place > 0 && node->place <= h->count);
	size_t index = node->place - 1;
	assert(h->nodes[index] == node);
	struct heap_node *last = h->nodes[h->count - 1];
	h->count--;
	node->place = 0;
	if (last == node)
		return;
	if (index > 0 && before(last, h->nodes[(index - 1) / 2]))
		rise(h, index, last);
	else
		sink(h, index, last);
}
