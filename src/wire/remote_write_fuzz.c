/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a snappy block and as an unpacked request: reading ends, labels are sorted,
 * histograms hold what they promise, memory stays within the arena's limit.
 */
#include "wire/remote_write.h"
#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(struct str request)
{
	struct arena *a = NULL;
	if (arena_open(&mem_system, 1u << 22, &a) != OK)
		return;
	struct rw r = rw_make(request);
	struct rw_series s;
	while (rw_next_series(&r, &s)) {
		struct rw_label labels[RW_LABELS_MAX];
		size_t count = 0;
		if (rw_labels(&r, &s, labels, &count) != OK)
			break;
		for (size_t i = 1; i < count; i++)
			assert(str_cmp(labels[i - 1].name, labels[i].name) < 0);
		struct rw_sample sample;
		while (rw_next_sample(&r, &s, a, &sample))
			assert(!sample.is_hist || hist_valid(&sample.hist));
	}
	assert(r.err == OK || r.fault[0] != 0);
	arena_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_make((const char *)data, size);
	struct buf b = buf_make(&mem_system, 1u << 20);
	const char *fault = NULL;
	if (rw_unpack(all, 1u << 20, &b, &fault) == OK)
		read_all(buf_str(&b));
	else
		assert(fault);
	buf_free(&b);
	read_all(all);
	return 0;
}
