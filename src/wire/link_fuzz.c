/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a token: without the key nothing is ever believed.
 */
#include "wire/link.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_key key = { { 0x51, 0x75, 0x69, 0x73 } };
	struct link_claim claim;
	enum err e =
	    link_check(str_make((const char *)data, size), &key, (struct wall){ 0 }, &claim);
	assert(e == ERR_INPUT || e == ERR_DENIED);
	return 0;
}
