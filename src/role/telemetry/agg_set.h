/* SPDX-License-Identifier: Apache-2.0
 *
 * How many distinct members a StatsD set had since it was cleared: exact up to 1024, beyond it
 * estimated within about 2 % in bounded memory. Members come as 64-bit hashes. A zeroed struct is
 * an empty set; it owns its arrays.
 */
#pragma once
#include "base/mem.h"
#include <stdint.h>

struct agg_set {
	uint64_t *members; /* open addressing, twice the exact number; 0 = free */
	uint32_t count;
	uint8_t *registers; /* HyperLogLog, once there are too many */
};

/* Where there is no memory, the member is not counted. */
void agg_set_add(const struct mem *mem, struct agg_set *s, uint64_t h);
double agg_set_count(const struct agg_set *s);
/* Empties it and keeps the memory. */
void agg_set_clear(struct agg_set *s);
/* Frees s, too; NULL is fine. */
void agg_set_free(const struct mem *mem, struct agg_set *s);
