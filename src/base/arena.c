/* SPDX-License-Identifier: Apache-2.0
 *
 * The arena: a chain of blocks, each at least twice as large as the one before (up to a bound), and
 * a pointer that moves through the newest. Invariants: used <= limit; at <= end within the newest
 * block. Contract in arena.h.
 */
#include "base/arena.h"
#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
/* Under the address sanitizer bytes that are not handed out may not be touched, so a pointer that
 * outlives a reset, or a write beyond a piece, is seen. */
#define HIDE(ptr, size) ASAN_POISON_MEMORY_REGION((ptr), (size))
#define SHOW(ptr, size) ASAN_UNPOISON_MEMORY_REGION((ptr), (size))
#else
#define HIDE(ptr, size) ((void)(ptr), (void)(size))
#define SHOW(ptr, size) ((void)(ptr), (void)(size))
#endif

#define ALIGN alignof(max_align_t)
#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 20) /* a larger thing gets a block of its own size */

struct block {
	struct block *older;
	size_t size; /* of bytes */
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	const struct mem *mem;
	struct block *newest;
	char *at, *end;
	size_t limit, used, next_size;
	enum err err;
};

enum err arena_open(const struct mem *mem, size_t limit_bytes, struct arena **ret_arena)
{
	assert(mem && ret_arena);
	assert(limit_bytes > 0);
	struct arena *a = mem_new(mem, 1, sizeof(*a));
	if (!a)
		return ERR_NOMEM;
	a->mem = mem;
	a->limit = limit_bytes;
	a->next_size = BLOCK_MIN;
	*ret_arena = a;
	return OK;
}

static void blocks_free(struct arena *a, struct block *block)
{
	while (block) {
		struct block *older = block->older;
		SHOW(block->bytes, block->size);
		mem_free(a->mem, block);
		block = older;
	}
}

void arena_close(struct arena **arena)
{
	assert(arena);
	struct arena *a = *arena;
	if (!a)
		return;
	blocks_free(a, a->newest);
	mem_free(a->mem, a);
	*arena = NULL;
}

void arena_reset(struct arena *a)
{
	assert(a);
	a->used = 0;
	a->err = OK;
	if (!a->newest)
		return;
	blocks_free(a, a->newest->older);
	a->newest->older = NULL;
	if (a->newest->size > BLOCK_MAX) { /* one huge request does not hold its memory for ever */
		blocks_free(a, a->newest);
		a->newest = NULL;
		a->at = a->end = NULL;
		return;
	}
	a->at = a->newest->bytes;
	a->end = a->at + a->newest->size;
	HIDE(a->at, a->newest->size);
}

/* A new block with room for `bytes` at least. */
static bool block_add(struct arena *a, size_t bytes)
{
	size_t size = bytes > a->next_size ? bytes : a->next_size, whole;
	struct block *block = NULL;
	if (!ck_add(size, sizeof(struct block), &whole))
		block = mem_resize(a->mem, NULL, whole, 1);
	if (!block) {
		a->err = ERR_NOMEM;
		return false;
	}
	if (a->next_size < BLOCK_MAX)
		a->next_size *= 2;
	block->older = a->newest;
	block->size = size;
	a->newest = block;
	a->at = block->bytes;
	a->end = block->bytes + size;
	HIDE(block->bytes, size);
	return true;
}

void *arena_alloc(struct arena *a, size_t n, size_t size)
{
	assert(a);
	if (a->err)
		return NULL;
	size_t bytes, rounded;
	if (ck_mul(n, size, &bytes) || ck_add(bytes, ALIGN - 1, &rounded)) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	rounded &= ~(ALIGN - 1);
	assert(a->used <= a->limit);
	if (rounded > a->limit - a->used) {
		a->err = ERR_LIMIT;
		return NULL;
	}
	if ((!a->at || rounded > (size_t)(a->end - a->at)) && !block_add(a, rounded))
		return NULL;
	char *ptr = a->at;
	a->at += rounded;
	a->used += rounded;
	SHOW(ptr, bytes);
	memset(ptr, 0, bytes);
	return ptr;
}

struct str arena_str(struct arena *a, struct str s)
{
	size_t whole;
	if (ck_add(s.len, 1u, &whole))
		whole = SIZE_MAX; /* refused by any limit */
	char *ptr = arena_alloc(a, whole, 1);
	if (!ptr)
		return (struct str){ NULL, 0 };
	if (s.len)
		memcpy(ptr, s.ptr, s.len);
	return (struct str){ ptr, s.len };
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
	assert(a && format);
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	assert(n >= 0);
	char *ptr = arena_alloc(a, (size_t)n + 1, 1);
	if (!ptr)
		return (struct str){ NULL, 0 };
	va_start(args, format);
	(void)vsnprintf(ptr, (size_t)n + 1, format, args);
	va_end(args);
	return (struct str){ ptr, (size_t)n };
}

enum err arena_err(const struct arena *a)
{
	assert(a);
	return a->err;
}

size_t arena_used(const struct arena *a)
{
	assert(a);
	return a->used;
}
