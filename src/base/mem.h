/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator as a parameter, so that a test can fail the n-th allocation. `mem_system` is the
 * real one (calloc, realloc, free); base/mem_faulty.h makes the failing one.
 */
#pragma once
#include "base/err.h"

struct mem {
	/* Like realloc: ptr NULL allocates; size 0 frees and returns NULL. New bytes are not
	 * zeroed. */
	void *(*resize)(const struct mem *mem, void *ptr, size_t size);
};

extern const struct mem mem_system;

/* count * size zeroed bytes; NULL on overflow, on zero bytes, and when the allocator refuses. */
void *mem_new(const struct mem *mem, size_t count, size_t size);
/* As realloc with a checked product; NULL leaves the old block alone. */
void *mem_resize(const struct mem *mem, void *ptr, size_t count, size_t size);
/* NULL is fine. */
void mem_free(const struct mem *mem, void *ptr);

/* For torture tests: fails the `fail_at`-th allocation (1 = the first; 0 = never) and counts. Use
 * as struct mem_faulty f = mem_faulty_make(n); build(&f.iface); assert(f.live == 0);  */
struct mem_faulty {
	struct mem iface;
	size_t fail_at;
	size_t calls; /* allocations asked for */
	long live;    /* blocks not yet freed */
};
struct mem_faulty mem_faulty_make(size_t fail_at);
