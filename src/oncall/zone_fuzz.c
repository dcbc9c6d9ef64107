/* SPDX-License-Identifier: Apache-2.0
 *
 * A zone from any bytes answers without falling over, and a local time that exists reads back.
 */
#include "oncall/zone.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	const struct zone *z = NULL;
	if (arena_open(&mem_system, 4u << 20, &a) != OK)
		return 0;
	if (zone_read(a, (struct str){ (const char *)data, size }, &z) == OK) {
		for (int64_t year = 1901; year < 2101; year += 7) {
			struct wall t = { civil_to_s(
				              (struct civil){ (int32_t)year, 3, 29, 1, 30, 0, 0 }) *
				          NS_PER_S };
			struct wall first, last;
			zone_instants(z, zone_local(z, t), &first, &last);
			assert(first.ns <= t.ns && t.ns <= last.ns);
		}
	}
	(void)zone_name_valid((struct str){ (const char *)data, size });
	arena_close(&a);
	return 0;
}
