/* SPDX-License-Identifier: Apache-2.0
 *
 * Any title and any details become a notice of valid, tame text, and a mail whose head nobody else
 * wrote. The first line of the input is the title, the rest are the details.
 */
#include "notify/driver.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_tame(struct str s, bool lines)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c < 0x20 && !(lines && c == '\n')) || c == 0x7f)
			return false;
		if (c == 0xc2 && i + 1 < s.len && (unsigned char)s.ptr[i + 1] < 0xa0)
			return false;
	}
	return str_utf8_valid(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct link_key key = { { 7 } };
	struct str rest = str_make((const char *)data, size < 32768 ? size : 32768);
	struct str title = str_cut(&rest, '\n');
	struct page page = { .message = STR("Q0000000000001"),
		.incident = STR("Q0000000000002"),
		.attempt = 1,
		.title = title,
		.service = title,
		.status = STR("triggered"),
		.source = title,
		.address = STR("a@b"),
		.base_url = STR("http://q"),
		.details = rest.ptr ? rest : STR("") };
	struct notify_provider provider = {
		.name = STR("p"), .from = STR("q@e"), .url = STR("smtp://h")
	};
	struct arena *a = NULL;
	struct notice n;
	struct delivery d;
	struct str why = STR("");
	assert(arena_open(&mem_system, 16 << 20, &a) == OK);
	assert(notice_make(a, &page, &key, &n) == OK);
	assert(is_tame(n.title, false) && is_tame(n.subject, false));
	for (size_t i = 0; i < n.detail_count; i++)
		assert(is_tame(n.details[i].name, false) && is_tame(n.details[i].value, true));
	struct delivery_order order = { .provider = &provider, .page = &page, .notice = &n };
	assert(driver_smtp.build(a, &order, &d, &why) == OK);
	assert(str_starts(d.request.body,
	    STR("Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nFrom: \"Quis\"\r\n <q@e>\r\n")));
	size_t head = str_find_str(d.request.body, STR("\r\n\r\n"));
	assert(str_find_str(d.request.body, STR("Content-Type: multipart/alternative")) < head);
	arena_close(&a);
	return 0;
}
