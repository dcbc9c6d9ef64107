/* SPDX-License-Identifier: Apache-2.0
 *
 * The map: an array of entries in the order of insertion, and an open-addressed index of u32 places
 * into it (place + 1; 0 = empty). A removed entry stays as a dead one (value NULL), still pointed
 * at by the index, until the next rebuild; so removing moves nothing and an iteration may go on.
 * Invariants: live <= used <= cap <= half the index. Contract in map.h.
 */
#include "base/map.h"
#include "base/hash.h"
#include <assert.h>

struct entry {
	struct str key;
	void *value; /* NULL = dead */
	uint64_t hash;
};

struct map {
	const struct mem *mem;
	uint64_t seed;
	size_t limit, live, used, cap;
	struct entry *entries;
	uint32_t *index; /* 2 * cap */
};

enum err map_open(const struct mem *mem, uint64_t seed, size_t limit, struct map **ret_map)
{
	assert(mem && ret_map);
	assert(limit > 0 && limit < UINT32_MAX / 4);
	struct map *map = mem_new(mem, 1, sizeof(*map));
	if (!map)
		return ERR_NOMEM;
	map->mem = mem;
	map->seed = seed;
	map->limit = limit;
	*ret_map = map;
	return OK;
}

void map_close(struct map **map)
{
	assert(map);
	struct map *m = *map;
	if (!m)
		return;
	mem_free(m->mem, m->entries);
	mem_free(m->mem, m->index);
	mem_free(m->mem, m);
	*map = NULL;
}

size_t map_count(const struct map *map)
{
	assert(map);
	return map->live;
}

static struct entry *find(const struct map *map, struct str key, uint64_t hash)
{
	if (map->live == 0)
		return NULL;
	size_t mask = 2 * map->cap - 1;
	for (size_t i = (size_t)hash & mask; map->index[i]; i = (i + 1) & mask) {
		struct entry *entry = &map->entries[map->index[i] - 1];
		if (entry->hash == hash && entry->value && str_eq(entry->key, key))
			return entry;
	}
	return NULL;
}

void *map_find(const struct map *map, struct str key)
{
	assert(map);
	struct entry *entry = find(map, key, hash64(key, map->seed));
	return entry ? entry->value : NULL;
}

/* Puts the entry at `place` into an index that has room. */
static void index_add(uint32_t *index, size_t mask, uint64_t hash, size_t place)
{
	size_t i = (size_t)hash & mask;
	while (index[i])
		i = (i + 1) & mask;
	index[i] = (uint32_t)(place + 1);
}

/* New arrays without the dead entries, with room for one more at least; all or nothing. */
static enum err rebuild(struct map *map)
{
	/* Doubling only when less than a quarter is dead keeps the price of removals constant. */
	size_t cap = map->cap ? map->cap : 8;
	if (map->live >= cap - cap / 4)
		cap *= 2;
	struct entry *entries = mem_new(map->mem, cap, sizeof(*entries));
	uint32_t *index = entries ? mem_new(map->mem, 2 * cap, sizeof(*index)) : NULL;
	if (!index) {
		mem_free(map->mem, entries);
		return ERR_NOMEM;
	}
	size_t used = 0;
	for (size_t i = 0; i < map->used; i++) {
		if (!map->entries[i].value)
			continue;
		entries[used] = map->entries[i];
		index_add(index, 2 * cap - 1, entries[used].hash, used);
		used++;
	}
	assert(used == map->live && used < cap);
	mem_free(map->mem, map->entries);
	mem_free(map->mem, map->index);
	map->entries = entries;
	map->index = index;
	map->used = used;
	map->cap = cap;
	return OK;
}

enum err map_put(struct map *map, struct str key, void *value)
{
	assert(map);
	assert(value);
	uint64_t hash = hash64(key, map->seed);
	struct entry *entry = find(map, key, hash);
	if (entry) {
		entry->key = key; /* the old key may live in the old value, which goes away */
		entry->value = value;
		return OK;
	}
	if (map->live >= map->limit)
		return ERR_LIMIT;
	if (map->used == map->cap) {
		enum err e = rebuild(map);
		if (e)
			return e;
	}
	assert(map->used < map->cap);
	map->entries[map->used] = (struct entry){ key, value, hash };
	index_add(map->index, 2 * map->cap - 1, hash, map->used);
	map->used++;
	map->live++;
	return OK;
}

void *map_remove(struct map *map, struct str key)
{
	assert(map);
	struct entry *entry = find(map, key, hash64(key, map->seed));
	if (!entry)
		return NULL;
	void *value = entry->value;
	entry->value = NULL;
	entry->key = (struct str){ "", 0 };
	assert(map->live > 0);
	map->live--;
	return value;
}

void map_clear(struct map *map)
{
	assert(map);
	if (map->used)
		memset(map->index, 0, 2 * map->cap * sizeof(*map->index));
	map->used = map->live = 0;
}

bool map_next(const struct map *map, size_t *at, struct str *key, void **value)
{
	assert(map && at);
	while (*at < map->used) {
		const struct entry *entry = &map->entries[(*at)++];
		if (!entry->value)
			continue;
		if (key)
			*key = entry->key;
		if (value)
			*value = entry->value;
		return true;
	}
	return false;
}
