/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes either are refused or decode to a message that encodes again.
 */
#include "wire/control.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control c;
	if (control_decode(str_make((const char *)data, size), &c) != OK)
		return 0;
	struct buf b = buf_make(&mem_system, 1 << 16);
	control_encode(&b, &c);
	assert(b.err == OK);
	struct control again;
	assert(control_decode(buf_str(&b), &again) == OK);
	assert(again.type == c.type);
	buf_free(&b);
	return 0;
}
