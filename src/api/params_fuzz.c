/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a query string.
 */
#include "api/params.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct params p;
	if (arena_open(&mem_system, 1u << 20, &a) != OK)
		return 0;
	if (params_read(a, str_make((const char *)data, size), &p) == OK) {
		assert(p.count <= PARAMS_MAX);
		for (size_t i = 0; i < p.count; i++)
			assert(str_utf8_valid(p.list[i].name) && str_utf8_valid(p.list[i].value));
		struct wall t = { 0 };
		uint64_t n = 0;
		if (params_wall(&p, STR("a"), &t) == OK && params_u64(&p, STR("a"), &n) == OK)
			assert(params_get(&p, STR("a")).ptr == NULL || n < UINT64_MAX ||
			       n == UINT64_MAX);
	}
	arena_close(&a);
	return 0;
}
