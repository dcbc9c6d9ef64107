/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulator's chance: a small generator of integers, so that a seed gives the same world on
 * every build. No floating point.
 */
#pragma once
#include "base/time.h"

struct rng {
	uint64_t s;
};

static inline uint64_t rng_next(struct rng *r)
{
	uint64_t z = (r->s += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}
/* 0 .. n-1 */
static inline uint32_t rng_below(struct rng *r, uint32_t n)
{
	return n ? (uint32_t)((rng_next(r) >> 32) * n >> 32) : 0;
}
/* True in n of 1000. */
static inline bool rng_chance(struct rng *r, uint32_t n)
{
	return rng_below(r, 1000) < n;
}
/* Between the two, both in milliseconds. */
static inline struct span rng_span_ms(struct rng *r, int64_t low, int64_t high)
{
	uint64_t width = (uint64_t)(high - low) + 1;
	return SPAN_MS(low + (int64_t)(rng_next(r) % width));
}
/* Waits like those between unrelated things: mostly short, sometimes many times the mean. */
static inline struct span rng_wait(struct rng *r, struct span mean)
{
	int64_t total = 0;
	uint64_t bits = rng_next(r);
	/* Each further half-mean comes with chance one half: mean of the sum = mean. */
	do {
		total += (int64_t)(rng_next(r) % (uint64_t)(mean.ns + 1));
		bits >>= 1;
	} while (bits & 1);
	return (struct span){ total };
}
