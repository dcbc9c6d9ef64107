/* SPDX-License-Identifier: Apache-2.0
 *
 * The allocator seam: the system's one and the one that fails on purpose. Contract in mem.h.
 */
#include "base/mem.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *system_resize(const struct mem *mem, void *ptr, size_t size)
{
	(void)mem;
	if (size == 0) {
		free(ptr);
		return NULL;
	}
	return realloc(ptr, size);
}

const struct mem mem_system = { system_resize };

void *mem_new(const struct mem *mem, size_t count, size_t size)
{
	assert(mem && mem->resize);
	size_t bytes;
	if (ck_mul(count, size, &bytes) || bytes == 0)
		return NULL;
	void *ptr = mem->resize(mem, NULL, bytes);
	if (ptr)
		memset(ptr, 0, bytes);
	return ptr;
}

void *mem_resize(const struct mem *mem, void *ptr, size_t count, size_t size)
{
	assert(mem && mem->resize);
	size_t bytes;
	if (ck_mul(count, size, &bytes) || bytes == 0)
		return NULL;
	return mem->resize(mem, ptr, bytes);
}

void mem_free(const struct mem *mem, void *ptr)
{
	assert(mem && mem->resize);
	if (ptr)
		(void)mem->resize(mem, ptr, 0);
}

static void *faulty_resize(const struct mem *mem, void *ptr, size_t size)
{
	struct mem_faulty *f = container_of(mem, struct mem_faulty, iface);
	if (size == 0) {
		if (ptr) {
			assert(f->live > 0);
			f->live--;
		}
		return mem_system.resize(&mem_system, ptr, 0);
	}
	f->calls++;
	if (f->calls == f->fail_at)
		return NULL;
	void *fresh = mem_system.resize(&mem_system, ptr, size);
	if (fresh && !ptr)
		f->live++;
	return fresh;
}

struct mem_faulty mem_faulty_make(size_t fail_at)
{
	return (struct mem_faulty){ .iface = { faulty_resize }, .fail_at = fail_at };
}
