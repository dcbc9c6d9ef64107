/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a row of fields: the first half of the input says which reads, the second is read.
 * No read leaves the input, the error is sticky, and varints come back as they were written.
 */
#include "base/codec.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_one(struct rd *r, uint8_t what)
{
	switch (what % 10) {
	case 0: (void)rd_u8(r); break;
	case 1: (void)rd_u16(r); break;
	case 2: (void)rd_u32(r); break;
	case 3: (void)rd_u64(r); break;
	case 4: (void)rd_i64(r); break;
	case 5: (void)rd_f64(r); break;
	case 6: assert(rd_str(r, what).len <= what); break;
	case 7: (void)rd_varint(r); break;
	case 8: (void)rd_zigzag(r); break;
	case 9: assert(rd_bytes(r, what / 10).len <= what / 10); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half = size / 2;
	struct rd r = rd_make(str_make((const char *)data + half, size - half));
	for (size_t i = 0; i < half; i++) {
		struct rd before = r;
		read_one(&r, data[i]);
		assert(r.rest.len <= before.rest.len);
		assert(!before.err || (r.err && r.rest.len == before.rest.len));
		if (!before.err && !r.err && data[i] % 10 == 7) {
			uint64_t v = rd_varint(&before), back;
			struct buf b = buf_make(&mem_system, 10);
			put_varint(&b, v);
			struct rd again = rd_make(buf_str(&b));
			back = rd_varint(&again);
			assert(back == v && rd_done(&again) == OK);
			buf_free(&b);
		}
	}
	assert((rd_done(&r) == OK) == (!r.err && r.rest.len == 0));
	return 0;
}
