/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes, cut at any place, give the same judgement; a head that is taken keeps its promises.
 */
#include "net/http_head.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void chunks(struct str bytes, size_t step)
{
	struct http_chunks c = { 0 };
	uint64_t total = 0;
	for (size_t at = 0; at < bytes.len && !c.done;) {
		struct str in =
		    str_make(bytes.ptr + at, bytes.len - at < step ? bytes.len - at : step);
		size_t had = in.len;
		struct str data;
		do {
			if (http_chunks_next(&c, &in, &data) != HTTP_FINE)
				return;
			total += data.len;
		} while (data.len > 0 && in.len > 0);
		at += had - in.len;
		assert(c.done || in.len == 0);
	}
	assert(total <= bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str bytes = str_make((const char *)data, size);
	size_t scanned = 0, len = 0;
	enum http_fault whole = http_head_find(bytes, &scanned, &len);

	/* Byte by byte it must come to the same end. */
	if (size <= 512) {
		size_t scanned2 = 0, len2 = 0;
		enum http_fault f = HTTP_FINE;
		for (size_t n = 1; n <= size && f == HTTP_FINE && len2 == 0; n++)
			f = http_head_find(str_first(bytes, n), &scanned2, &len2);
		assert(f == whole && len2 == len);
	}
	if (whole == HTTP_FINE && len > 0) {
		struct http_head head;
		if (http_head_read(str_first(bytes, len), &head) == HTTP_FINE) {
			assert(head.path.len > 0 &&
			       (head.path.ptr[0] == '/' || head.path.ptr[0] == '*'));
			assert(!(head.chunked && head.has_length));
			assert(head.header_count <= HTTP_HEADERS_MAX);
			assert(memchr(head.path.ptr, '\r', head.path.len) == NULL);
			for (uint32_t i = 0; i < head.header_count; i++)
				assert(head.headers[i].name.len > 0 &&
				       str_find(head.headers[i].value, '\n') ==
				           head.headers[i].value.len &&
				       str_find(head.headers[i].value, '\r') ==
				           head.headers[i].value.len);
		}
	}
	chunks(bytes, 1);
	chunks(bytes, 7);
	chunks(bytes, size ? size : 1);
	return 0;
}
