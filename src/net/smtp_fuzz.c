/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that says anything, cut into any pieces: the dialogue ends or waits, and never believes
 * that a message was taken which had not left. The first byte of the input says how large the
 * pieces are.
 */
#include "net/smtp.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	size_t step = (size_t)data[0] % 64 + 1;
	bool slow = data[0] & 0x80;
	struct str in = str_make((const char *)data + 1, size - 1);
	struct smtp s;
	smtp_start(&s, &mem_system, STR("a@b"), STR("c@d"), STR("Subject: x\r\n\r\n.dot\r\n"));
	while (in.len > 0 && s.state < SMTP_DONE) {
		size_t n = smtp_out(&s).len;
		smtp_sent(&s, slow && n > 0 ? 1 : n);
		smtp_feed(&s, str_first(in, step));
		in = str_from(in, step);
	}
	assert(smtp_err(&s) == OK);
	if (s.state == SMTP_DONE && s.code < 400)
		assert(s.whole && s.began);
	smtp_free(&s);
	return 0;
}
