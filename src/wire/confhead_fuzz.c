/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a configuration stream: what is accepted encodes back to the same bytes.
 */
#include "wire/confhead.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r = rd_make(str_make((const char *)data, size));
	struct config_head head;
	if (config_head_decode(&r, &head))
		return 0;
	struct buf b = buf_make(&mem_system, CONFIG_STREAM_MAX);
	config_head_encode(&b, &head);
	struct config_slice slice;
	enum err err;
	while ((err = config_slice_decode(&r, &slice)) == OK)
		config_slice_encode(&b, slice);
	if (err == ERR_GONE) {
		config_end_encode(&b);
		assert(str_eq(buf_str(&b), str_make((const char *)data, size)));
	}
	buf_free(&b);
	return 0;
}
