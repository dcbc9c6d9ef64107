/* SPDX-License-Identifier: Apache-2.0
 *
 * surprise(cond, "room/what"): true when a condition that should not happen did. It is survived,
 * counted per call site, and visible as quis_surprises_total{site}, on which an internal alert
 * stands.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

struct surprise_site {
	const char *what;
	uint64_t count;
};

#define surprise(cond, what_)                                                                     \
	__extension__({                                                                           \
		static struct surprise_site site_                                                 \
		    __attribute__((section("quis_surprises"), used, aligned(16))) = { what_, 0 }; \
		bool hit_ = (cond);                                                               \
		if (__builtin_expect(hit_, 0))                                                    \
			__atomic_fetch_add(&site_.count, 1, __ATOMIC_RELAXED);                    \
		hit_;                                                                             \
	})

/* The i-th call site linked into this program, or NULL past the last. */
const struct surprise_site *surprise_at(size_t i);
/* Sum over all sites. */
uint64_t surprise_total(void);
