/* SPDX-License-Identifier: Apache-2.0
 *
 * XXH3 (64 and 128 bit): fast, not cryptographic. Where keys come from outside, seed it with random
 * bytes (per process) so that collisions cannot be prepared.
 */
#pragma once
#include "base/str.h"

struct hash128 {
	uint64_t lo, hi;
};
uint64_t hash64(struct str s, uint64_t seed);
struct hash128 hash128(struct str s, uint64_t seed);
/* XXH64 with seed 0: only where others' rules ask for it. */
uint64_t hash_xxh64(struct str s);
/* Mixes one more word into a running hash; for histories and ids. */
static inline uint64_t hash_mix(uint64_t h, uint64_t v)
{
	h ^= v + UINT64_C(0x9e3779b97f4a7c15) + (h << 6) + (h >> 2);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ (h >> 32);
}
/* CRC-32C (Castagnoli), the checksum of our files. Continues from `crc` (0 to begin). */
uint32_t crc32c(uint32_t crc, const void *ptr, size_t len);
