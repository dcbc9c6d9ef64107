/* SPDX-License-Identifier: Apache-2.0
 *
 * The console, for the first five minutes and as the last resort: a block on standard error that
 * stands out in a log. There is no right border, so that a long link can be taken with the mouse in
 * one piece.
 */
#include "notify/driver_priv.h"

#define BLOCK_BYTES_MAX (96u * 1024)

static enum err console_build(
    struct arena *a, const struct delivery_order *order, struct delivery *ret, struct str *ret_why)
{
	(void)ret_why;
	own(buf_free) struct buf text = buf_make(&mem_system, BLOCK_BYTES_MAX);
	own(buf_free) struct buf block = buf_make(&mem_system, 2 * BLOCK_BYTES_MAX);
	notice_text(&text, order->notice);
	buf_add(&block,
	    STR("\n+------------------------------ QUIS PAGE ------------------------------\n"));
	for (struct str rest = str_trim(buf_str(&text)); rest.ptr;) {
		struct str line = str_cut(&rest, '\n');
		buf_add(&block, line.len > 0 ? STR("| ") : STR("|"));
		buf_add(&block, line);
		buf_add_char(&block, '\n');
	}
	buf_add(&block,
	    STR("+-----------------------------------------------------------------------\n"));
	if (text.err != OK || block.err != OK)
		return text.err != OK ? text.err : block.err;
	*ret = (struct delivery){ .kind = DELIVERY_PRINT, .text = arena_str(a, buf_str(&block)) };
	return arena_err(a);
}

const struct driver driver_console = {
	.type = PROVIDER_CONSOLE,
	.contact = CONTACT_CONSOLE,
	.build = console_build,
};
