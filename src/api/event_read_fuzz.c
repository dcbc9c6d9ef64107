/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an event of each kind: no crash, and what is accepted keeps the limits that the
 * engine relies on.
 */
#include "api/event_read.h"
#include "wire/record.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct record *rec)
{
	if (rec->type == RECORD_EVENT) {
		assert(rec->event.dedup_key.len > 0 &&
		       str_utf8_count(rec->event.dedup_key) <= EVENT_DEDUP_MAX);
		assert(str_utf8_count(rec->event.summary) <= EVENT_SUMMARY_MAX);
		assert(
		    rec->event.action < EVENT_ACTION_COUNT && rec->event.severity < SEVERITY_COUNT);
	} else {
		assert(rec->type == RECORD_CHANGE && rec->change.summary.len > 0);
	}
	struct buf b = buf_make(&mem_system, (size_t)8 << 20);
	record_encode(&b, rec);
	assert(b.err == OK);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = str_make((const char *)data, size);
	struct wall now = { INT64_C(1770000000) * NS_PER_S };
	struct event_random random = { { 1 } };
	struct event_errors errors;
	for (int form = 0; form < 4; form++) {
		struct arena *a = NULL;
		struct record rec, *list = &rec;
		size_t count = 1;
		if (arena_open(&mem_system, (size_t)64 << 20, &a) != OK)
			return 0;
		enum err e;
		if (form == 0)
			e = event_read_v2(a, body, &random, &rec, &errors);
		else if (form == 1)
			e = event_read_change(a, body, now, &rec, &errors);
		else if (form == 2)
			e = event_read_v1(a, body, &random, &rec, &errors);
		else
			e = event_read_alerts(a, body, STR("key"), now, &list, &count, &errors);
		if (e == OK)
			for (size_t i = 0; i < count; i++)
				check(&list[i]);
		else if (e == ERR_INPUT)
			assert(errors.count > 0 && errors.list[0].len > 0);
		arena_close(&a);
	}
	return 0;
}
