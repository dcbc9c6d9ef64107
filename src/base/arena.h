/* SPDX-License-Identifier: Apache-2.0
 *
 * One lifetime for many small things: a request, a message, a rule evaluation. Everything is freed
 * at once; nothing in an arena may be stored outside its lifetime. A byte limit is mandatory, and
 * the error is sticky (`arena_err`).
 */
#pragma once
#include "base/mem.h"
#include "base/str.h"

struct arena;

must_check enum err arena_open(const struct mem *mem, size_t limit_bytes, struct arena **ret_arena);
void arena_close(struct arena **arena); /* *arena may be NULL; is NULL afterwards */
/* Forgets everything and keeps one block; the limit starts anew. */
void arena_reset(struct arena *arena);
/* n * size zeroed bytes aligned for any type; NULL when the limit, memory or the product refuses.
 * n * size == 0 gives a valid non-NULL pointer. */
void *arena_alloc(struct arena *arena, size_t n, size_t size);
#define arena_new(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))
/* A copy of the bytes with a NUL after them (not counted); {NULL, 0} on failure. */
struct str arena_str(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* OK, or the first error since open or reset. */
enum err arena_err(const struct arena *arena);
size_t arena_used(const struct arena *arena);
