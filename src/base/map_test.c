/* SPDX-License-Identifier: Apache-2.0
 *
 * The map against a plain array that is searched from the front: same answers, same order.
 */
#include "base/map.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>

static void put_find_replace_remove(void **state)
{
	(void)state;
	struct map *map = NULL;
	int one = 1, two = 2;
	assert_int_equal(map_open(&mem_system, 7, 100, &map), OK);
	assert_null(map_find(map, STR("a")));
	assert_null(map_remove(map, STR("a")));
	assert_int_equal(map_put(map, STR("a"), &one), OK);
	assert_int_equal(map_put(map, STR(""), &two), OK);
	assert_int_equal(map_count(map), 2);
	assert_ptr_equal(map_find(map, STR("a")), &one);
	assert_ptr_equal(map_find(map, (struct str){ NULL, 0 }), &two);
	assert_null(map_find(map, STR("A")));
	assert_int_equal(map_put(map, STR("a"), &two), OK);
	assert_int_equal(map_count(map), 2);
	assert_ptr_equal(map_find(map, STR("a")), &two);
	assert_ptr_equal(map_remove(map, STR("a")), &two);
	assert_null(map_find(map, STR("a")));
	assert_int_equal(map_count(map), 1);
	map_clear(map);
	assert_int_equal(map_count(map), 0);
	assert_null(map_find(map, STR("")));
	assert_int_equal(map_put(map, STR("x"), &one), OK);
	assert_ptr_equal(map_find(map, STR("x")), &one);
	map_close(&map);
	assert_null(map);
	map_close(&map);
}

/* The key lives in the value; after a replacement the old value may be freed. */
static void replacing_takes_the_new_key(void **state)
{
	(void)state;
	struct map *map = NULL;
	assert_int_equal(map_open(&mem_system, 7, 100, &map), OK);
	char first[] = "key", second[] = "key";
	assert_int_equal(map_put(map, str_c(first), first), OK);
	assert_int_equal(map_put(map, str_c(second), second), OK);
	memset(first, 'x', 3);
	assert_ptr_equal(map_find(map, STR("key")), second);
	size_t at = 0;
	struct str key;
	void *value;
	assert_true(map_next(map, &at, &key, &value));
	assert_ptr_equal(key.ptr, second);
	map_close(&map);
}

static void limit_refuses_new_keys_only(void **state)
{
	(void)state;
	struct map *map = NULL;
	int v = 0;
	assert_int_equal(map_open(&mem_system, 7, 2, &map), OK);
	assert_int_equal(map_put(map, STR("a"), &v), OK);
	assert_int_equal(map_put(map, STR("b"), &v), OK);
	assert_int_equal(map_put(map, STR("c"), &v), ERR_LIMIT);
	assert_int_equal(map_put(map, STR("b"), &v), OK);
	assert_ptr_equal(map_remove(map, STR("a")), &v);
	assert_int_equal(map_put(map, STR("c"), &v), OK);
	assert_int_equal(map_count(map), 2);
	map_close(&map);
}

struct model {
	int ids[600];
	size_t count;
};

static void model_remove(struct model *m, int id)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->ids[i] != id)
			continue;
		memmove(m->ids + i, m->ids + i + 1, (m->count - i - 1) * sizeof(m->ids[0]));
		m->count--;
		return;
	}
}

static bool model_has(const struct model *m, int id)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->ids[i] == id)
			return true;
	}
	return false;
}

static void like_the_model_in_answers_and_order(void **state)
{
	(void)state;
	struct map *map = NULL;
	static char keys[500][8];
	static struct model model;
	for (int i = 0; i < 500; i++)
		(void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
	assert_int_equal(map_open(&mem_system, 99, 1000, &map), OK);
	uint32_t random = 12345;
	for (int round = 0; round < 20000; round++) {
		random = random * 1664525 + 1013904223;
		int id = (int)(random >> 16) % 500;
		bool put = (random >> 8 & 7) < (round % 4000 < 2000 ? 5u : 2u);
		bool had = model_has(&model, id);
		if (put) {
			assert_int_equal(map_put(map, str_c(keys[id]), keys[id]), OK);
			if (!had)
				model.ids[model.count++] = id;
		} else {
			assert_ptr_equal(map_remove(map, str_c(keys[id])), had ? keys[id] : NULL);
			model_remove(&model, id);
		}
		assert_int_equal(map_count(map), model.count);
		if (round % 50)
			continue;
		size_t at = 0, i = 0;
		void *value;
		for (; map_next(map, &at, NULL, &value); i++)
			assert_ptr_equal(value, keys[model.ids[i]]);
		assert_int_equal(i, model.count);
		for (int k = 0; k < 500; k++)
			assert_int_equal(
			    map_find(map, str_c(keys[k])) != NULL, model_has(&model, k));
	}
	map_close(&map);
}

static void entries_may_be_removed_while_walking(void **state)
{
	(void)state;
	struct map *map = NULL;
	static char keys[100][8];
	assert_int_equal(map_open(&mem_system, 1, 100, &map), OK);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%d", i);
		assert_int_equal(map_put(map, str_c(keys[i]), keys[i]), OK);
	}
	size_t at = 0, seen = 0;
	struct str key;
	void *value;
	while (map_next(map, &at, &key, &value)) {
		assert_ptr_equal(value, keys[seen]);
		if (seen % 3 == 0)
			assert_ptr_equal(map_remove(map, key), value);
		seen++;
	}
	assert_int_equal(seen, 100);
	assert_int_equal(map_count(map), 66);
	map_close(&map);
}

/* Putting and removing for ever must not grow the map. */
static void churn_stays_small(void **state)
{
	(void)state;
	struct mem_faulty f = mem_faulty_make(0);
	struct map *map = NULL;
	int v = 0;
	static char keys[4][4] = { "a", "b", "c", "d" };
	assert_int_equal(map_open(&f.iface, 1, 4, &map), OK);
	for (int i = 0; i < 10000; i++) {
		assert_int_equal(map_put(map, str_c(keys[i % 4]), &v), OK);
		assert_ptr_equal(map_remove(map, str_c(keys[i % 4])), &v);
	}
	assert_int_equal(f.live, 3);
	map_close(&map);
	assert_int_equal(f.live, 0);
}

static enum err build(const struct mem *mem)
{
	static char keys[200][8];
	struct map *map = NULL;
	enum err e = map_open(mem, 1, 200, &map);
	if (e)
		return e;
	size_t in = 0;
	for (size_t i = 0; i < 200; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "%zu", i);
		enum err put = map_put(map, str_c(keys[i]), keys[i]);
		e = e ? e : put;
		in += put == OK;
		assert_int_equal(map_count(map), in); /* a failed put changes nothing */
		assert_ptr_equal(map_find(map, str_c(keys[i])), put ? NULL : keys[i]);
	}
	size_t at = 0, walked = 0;
	while (map_next(map, &at, NULL, NULL))
		walked++;
	assert_int_equal(walked, in);
	map_close(&map);
	return e;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	size_t n = 1;
	for (;; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		enum err e = build(&f.iface);
		assert_int_equal(f.live, 0);
		if (f.calls < n) {
			assert_int_equal(e, OK);
			break;
		}
		assert_int_equal(e, ERR_NOMEM);
	}
	assert_true(n > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_find_replace_remove),
		cmocka_unit_test(replacing_takes_the_new_key),
		cmocka_unit_test(limit_refuses_new_keys_only),
		cmocka_unit_test(like_the_model_in_answers_and_order),
		cmocka_unit_test(entries_may_be_removed_while_walking),
		cmocka_unit_test(churn_stays_small),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
