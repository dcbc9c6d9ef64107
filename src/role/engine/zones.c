/* SPDX-License-Identifier: Apache-2.0
 *
 * The zone cache.
 */
#include "role/engine/zones.h"

#include "base/map.h"

#include <assert.h>
#include <stdio.h>

#define ZONES_MAX 1000
#define ZONE_BYTES_MAX (256u * 1024)
#define ARENA_BYTES ((size_t)64 << 20)

struct zones {
	const struct mem *mem;
	const struct os *os;
	struct arena *arena;
	struct map *by_name;
	const char *folder;
};

enum err zones_open(
    const struct mem *mem, const struct os *os, const char *folder, struct zones **ret)
{
	struct zones *z = mem_new(mem, 1, sizeof(*z));
	if (!z)
		return ERR_NOMEM;
	*z = (struct zones){ .mem = mem, .os = os, .folder = folder };
	enum err e = arena_open(mem, ARENA_BYTES, &z->arena);
	if (e == OK)
		e = map_open(mem, 0, ZONES_MAX, &z->by_name);
	if (e != OK) {
		zones_close(&z);
		return e;
	}
	*ret = z;
	return OK;
}

void zones_close(struct zones **zones)
{
	struct zones *z = *zones;
	if (!z)
		return;
	map_close(&z->by_name);
	arena_close(&z->arena);
	mem_free(z->mem, z);
	*zones = NULL;
}

const struct zone *zones_find(void *context, struct str name)
{
	struct zones *z = context;
	char path[512];
	const struct zone *zone = map_find(z->by_name, name);
	if (zone || !zone_name_valid(name))
		return zone;
	if (snprintf(path, sizeof(path), "%s/%.*s", z->folder, STR_ARG(name)) >= (int)sizeof(path))
		return NULL;
	struct buf bytes = buf_make(z->mem, ZONE_BYTES_MAX);
	if (os_read_file(z->os, path, ZONE_BYTES_MAX, &bytes) == OK) {
		/* The zone may borrow from its bytes: they live as long. */
		struct str kept = arena_str(z->arena, buf_str(&bytes));
		struct str key = arena_str(z->arena, name);
		if (!kept.ptr || !key.ptr || zone_read(z->arena, kept, &zone) != OK ||
		    map_put(z->by_name, key, (void *)(uintptr_t)zone) != OK)
			zone = NULL;
	}
	buf_free(&bytes);
	return zone;
}
