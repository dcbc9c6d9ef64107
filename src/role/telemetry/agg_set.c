/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes in an open-addressed table up to SET_EXACT members, HyperLogLog registers beyond. Contract
 * in agg_set.h.
 */
#include "role/telemetry/agg_set.h"
#include <math.h>
#include <string.h>

#define SET_EXACT 1024u
#define SET_REGISTERS 4096u

static void register_member(struct agg_set *s, uint64_t h)
{
	size_t r = h & (SET_REGISTERS - 1);
	uint64_t rest = h >> 12;
	uint8_t rank = (uint8_t)(rest ? __builtin_ctzll(rest) + 1 : 53);
	if (rank > s->registers[r])
		s->registers[r] = rank;
}

void agg_set_add(const struct mem *mem, struct agg_set *s, uint64_t h)
{
	const size_t cap = 2 * SET_EXACT;
	h |= h == 0;
	if (s->registers && s->count > SET_EXACT) {
		register_member(s, h);
		return;
	}
	if (!s->members && !(s->members = mem_new(mem, cap, sizeof(s->members[0]))))
		return;
	size_t k = h & (cap - 1);
	while (s->members[k] && s->members[k] != h)
		k = (k + 1) & (cap - 1);
	if (s->members[k])
		return;
	if (s->count < SET_EXACT) {
		s->members[k] = h;
		s->count++;
		return;
	}
	if (!s->registers && !(s->registers = mem_new(mem, SET_REGISTERS, 1)))
		return;
	for (size_t i = 0; i < cap; i++) {
		if (s->members[i])
			register_member(s, s->members[i]);
	}
	register_member(s, h);
	s->count = SET_EXACT + 1;
}

double agg_set_count(const struct agg_set *s)
{
	if (s->count <= SET_EXACT || !s->registers)
		return s->count;
	double sum = 0, m = SET_REGISTERS;
	unsigned zero = 0;
	for (size_t i = 0; i < SET_REGISTERS; i++) {
		sum += ldexp(1, -s->registers[i]);
		zero += s->registers[i] == 0;
	}
	double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
	if (estimate <= 2.5 * m && zero > 0)
		estimate = m * log(m / zero);
	return floor(estimate + 0.5);
}

void agg_set_clear(struct agg_set *s)
{
	if (s->members && s->count > 0)
		memset(s->members, 0, 2 * SET_EXACT * sizeof(s->members[0]));
	if (s->registers)
		memset(s->registers, 0, SET_REGISTERS);
	s->count = 0;
}

void agg_set_free(const struct mem *mem, struct agg_set *s)
{
	if (!s)
		return;
	mem_free(mem, s->members);
	mem_free(mem, s->registers);
	mem_free(mem, s);
}
