/* SPDX-License-Identifier: Apache-2.0
 *
 * Histograms out of any bytes: what is read is valid, writes back to the same, and can be computed
 * with.
 */
#include "base/hist.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct rd r = rd_make(str_make((const char *)data, size));
	struct hist h, again, sum;
	if (arena_open(&mem_system, (size_t)1 << 26, &a) != OK)
		return 0;
	if (hist_read(a, &r, &h) == OK) {
		struct buf b = buf_make(&mem_system, (size_t)1 << 24);
		bool reset;
		if (!hist_valid(&h))
			abort();
		hist_put(&b, &h);
		struct rd back = rd_make(buf_str(&b));
		if (b.err == OK && (hist_read(a, &back, &again) != OK || rd_done(&back) != OK))
			abort();
		if (b.err == OK && !hist_equal(&h, &again) && h.count == again.count)
			abort();
		buf_free(&b);
		ignore_err(hist_add(a, &h, &h, &sum, NULL), "only its memory safety matters");
		ignore_err(hist_is_reset(a, &h, &sum, &reset), "only its memory safety matters");
		ignore_err(hist_trim(a, &h, 1, true, &sum), "only its memory safety matters");
		(void)hist_quantile(&h, 0.5);
		(void)hist_fraction(&h, -1, 1);
		(void)hist_variance(&h);
	}
	arena_close(&a);
	return 0;
}
