/* SPDX-License-Identifier: Apache-2.0
 *
 * The heap: order by key and tie, removal from anywhere, limits and failing memory.
 */
#include "base/heap.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

static void smallest_first_and_ties_in_order(void **state)
{
	(void)state;
	struct heap h = heap_make(&mem_system, 100);
	assert_null(heap_min(&h));
	struct heap_node nodes[] = {
		{ .key = 5, .tie = 1 },
		{ .key = INT64_MIN, .tie = 9 },
		{ .key = 5, .tie = 0 },
		{ .key = INT64_MAX, .tie = 0 },
		{ .key = 0, .tie = 3 },
	};
	const size_t order[] = { 1, 4, 2, 0, 3 };
	for (size_t i = 0; i < ARRAY_COUNT(nodes); i++)
		assert_int_equal(heap_add(&h, &nodes[i]), OK);
	for (size_t i = 0; i < ARRAY_COUNT(order); i++) {
		assert_ptr_equal(heap_min(&h), &nodes[order[i]]);
		heap_remove(&h, &nodes[order[i]]);
		assert_int_equal(nodes[order[i]].place, 0);
	}
	assert_null(heap_min(&h));
	heap_free(&h);
}

static void check(const struct heap *h)
{
	for (size_t i = 0; i < h->count; i++) {
		assert_int_equal(h->nodes[i]->place, i + 1);
		const struct heap_node *parent = h->nodes[i ? (i - 1) / 2 : 0];
		assert_true(parent->key <= h->nodes[i]->key);
		if (i && parent->key == h->nodes[i]->key)
			assert_true(parent->tie < h->nodes[i]->tie);
	}
}

static void removal_from_anywhere_keeps_the_order(void **state)
{
	(void)state;
	static struct heap_node nodes[300];
	struct heap h = heap_make(&mem_system, 300);
	uint32_t random = 1;
	size_t in = 0;
	for (int round = 0; round < 20000; round++) {
		random = random * 1664525 + 1013904223;
		struct heap_node *node = &nodes[(random >> 16) % 300];
		if (node->place) {
			heap_remove(&h, node);
			in--;
		} else {
			node->key = (int64_t)(random >> 8 & 31);
			node->tie = (uint64_t)(node - nodes);
			assert_int_equal(heap_add(&h, node), OK);
			in++;
		}
		assert_int_equal(h.count, in);
		check(&h);
	}
	int64_t last = INT64_MIN;
	while (heap_min(&h)) {
		struct heap_node *min = heap_min(&h);
		assert_true(min->key >= last);
		last = min->key;
		heap_remove(&h, min);
	}
	heap_free(&h);
}

static void limit_reserve_and_free(void **state)
{
	(void)state;
	struct mem_faulty f = mem_faulty_make(2);
	struct heap h = heap_make(&f.iface, 40);
	static struct heap_node nodes[41];
	assert_int_equal(heap_reserve(&h, 41), ERR_LIMIT);
	assert_int_equal(heap_reserve(&h, 1), OK);
	size_t cap = h.cap;
	for (size_t i = 0; i < cap; i++)
		assert_int_equal(heap_add(&h, &nodes[i]), OK);
	assert_int_equal(heap_add(&h, &nodes[cap]), ERR_NOMEM); /* the second allocation fails */
	assert_int_equal(nodes[cap].place, 0);
	assert_int_equal(h.count, cap);
	assert_int_equal(heap_reserve(&h, 40 - cap), OK);
	size_t calls = f.calls;
	for (size_t i = cap; i < 40; i++)
		assert_int_equal(heap_add(&h, &nodes[i]), OK);
	assert_int_equal(f.calls, calls);
	assert_int_equal(heap_add(&h, &nodes[40]), ERR_LIMIT);
	heap_free(&h);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(nodes[i].place, 0);
	assert_int_equal(f.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(smallest_first_and_ties_in_order),
		cmocka_unit_test(removal_from_anywhere_keeps_the_order),
		cmocka_unit_test(limit_reserve_and_free),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
