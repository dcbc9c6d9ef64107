/* SPDX-License-Identifier: Apache-2.0
 *
 * Whatever decodes must encode to the same bytes.
 */
#include "wire/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct record rec;
	if (arena_open(&mem_system, 4u << 20, &a) != OK)
		return 0;
	struct str bytes = { (const char *)data, size };
	if (record_decode(a, bytes, &rec) == OK) {
		struct buf b = buf_make(&mem_system, RECORD_BYTES_MAX);
		record_encode(&b, &rec);
		assert(b.err == OK);
		assert(str_eq(buf_str(&b), bytes));
		buf_free(&b);
	}
	arena_close(&a);
	return 0;
}
