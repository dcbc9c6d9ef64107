/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a page: what decodes encodes to the same bytes again.
 */
#include "wire/page.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct page page;
	struct str in = str_make((const char *)data, size);
	if (page_decode(in, &page) != OK)
		return 0;
	struct buf b = buf_make(&mem_system, PAGE_BYTES_MAX);
	page_encode(&b, &page);
	assert(b.err == OK && str_eq(buf_str(&b), in));
	buf_free(&b);
	return 0;
}
