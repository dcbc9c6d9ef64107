/* SPDX-License-Identifier: Apache-2.0
 *
 * A hash map from bytes to a pointer. Iteration is in order of insertion (never in hash order, so
 * it may reach an output); removal keeps the order of the rest. Keys are borrowed: the caller keeps
 * the bytes alive while the entry is in (usually they live in the value). SipHash-like resistance
 * comes from `seed`, which the caller takes from os random where keys come from outside.
 */
#pragma once
#include "base/mem.h"
#include "base/str.h"

struct map;

must_check enum err map_open(
    const struct mem *mem, uint64_t seed, size_t limit, struct map **ret_map);
void map_close(struct map **map);
size_t map_count(const struct map *map);
/* NULL when there is none. */
void *map_find(const struct map *map, struct str key);
/* Adds or replaces; value is not NULL. ERR_LIMIT at the limit, ERR_NOMEM. */
must_check enum err map_put(struct map *map, struct str key, void *value);
/* Returns the value that was removed, or NULL. */
void *map_remove(struct map *map, struct str key);
void map_clear(struct map *map);
/* for (size_t at = 0; map_next(map, &at, &key, &value);). Entries may be removed meanwhile, not
 * added. */
bool map_next(const struct map *map, size_t *at, struct str *key, void **value);
