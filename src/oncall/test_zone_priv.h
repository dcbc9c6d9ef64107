/* SPDX-License-Identifier: Apache-2.0
 *
 * A zone that is nothing but a POSIX rule, so that tests read no file of the machine.
 */
#pragma once
#include "oncall/zone.h"

static inline struct buf test_zone_bytes(struct str footer)
{
	struct buf b = buf_make(&mem_system, 4096);
	for (int i = 0; i < 2; i++) {
		buf_add(&b, STR("TZif2"));
		for (int n = 0; n < 15 + 16; n++) /* reserved, and four counts of nothing */
			buf_add_char(&b, '\0');
		buf_add(&b, STR("\0\0\0\1\0\0\0\1")); /* one type, one character */
		buf_add(&b, STR("\0\0\0\0\0\0\0"));
	}
	buf_add_char(&b, '\n');
	buf_add(&b, footer);
	buf_add_char(&b, '\n');
	return b;
}

static inline const struct zone *test_zone(struct arena *a, struct str footer)
{
	const struct zone *z = NULL;
	struct buf b = test_zone_bytes(footer);
	enum err e = zone_read(a, buf_str(&b), &z);
	buf_free(&b);
	return e == OK ? z : NULL;
}
