/* SPDX-License-Identifier: Apache-2.0
 *
 * The call sites of surprise() are found through the linker: it lays the objects of the section
 * "quis_surprises" side by side and names its ends. A program without a site has no such section,
 * so the names are weak and then NULL. Contract in surprise.h.
 */
#include "base/surprise.h"
#include <assert.h>

extern const struct surprise_site __start_quis_surprises[] __attribute__((weak));
extern const struct surprise_site __stop_quis_surprises[] __attribute__((weak));

_Static_assert(sizeof(struct surprise_site) == 16, "sites lie side by side without gaps");

static size_t site_count(void)
{
	uintptr_t start = (uintptr_t)__start_quis_surprises,
	          stop = (uintptr_t)__stop_quis_surprises;
	assert(start <= stop);
	assert((stop - start) % sizeof(struct surprise_site) == 0);
	return (stop - start) / sizeof(struct surprise_site);
}

const struct surprise_site *surprise_at(size_t i)
{
	return i < site_count() ? &__start_quis_surprises[i] : NULL;
}

uint64_t surprise_total(void)
{
	uint64_t total = 0;
	for (size_t i = 0; i < site_count(); i++)
		total += __atomic_load_n(&__start_quis_surprises[i].count, __ATOMIC_RELAXED);
	return total;
}
