/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a datagram: the reader ends, and everything that it gives lies within the bytes.
 */
#include "wire/statsd.h"
#include <assert.h>
#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(struct str s, struct str all)
{
	assert(s.len == 0 || (s.ptr >= all.ptr && s.ptr + s.len <= all.ptr + all.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_make((const char *)data, size);
	struct statsd_reader r = statsd_reader_make(all);
	struct buf name = buf_make(&mem_system, 1u << 20);
	size_t items = 0;
	for (enum statsd_item item; (item = statsd_next(&r)) != STATSD_END; items++) {
		assert(items <= size);
		inside(r.line, all);
		if (item == STATSD_SAMPLE) {
			assert(
			    isfinite(r.sample.value) && r.sample.rate > 0 && r.sample.name.len > 0);
			inside(r.sample.name, all);
			inside(r.sample.member, all);
			buf_clear(&name);
			statsd_name(&name, r.sample.name);
			struct str tags = r.sample.tags, key, value;
			uint64_t bad = 0;
			inside(tags, all);
			while (statsd_tag_next(&tags, &key, &value, &bad))
				assert(key.len > 0 && value.len > 0);
		} else if (item == STATSD_EVENT) {
			inside(r.event.title, all);
			inside(r.event.text, all);
			inside(r.event.tags, all);
		} else if (item == STATSD_CHECK) {
			inside(r.check.message, all);
			assert(r.check.status <= 3);
		}
	}
	buf_free(&name);
	return 0;
}
