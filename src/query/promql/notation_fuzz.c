/* SPDX-License-Identifier: Apache-2.0
 *
 * Any line of the notation: no crash, no unbounded work, and histograms that stay inside bounds.
 */
#include "query/promql/notation.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct labels l;
	struct notation_points p;
	struct str line = str_make((const char *)data, size), rest;
	if (arena_open(&mem_system, (size_t)1 << 28, &a) != OK)
		return 0;
	if (notation_series(a, line, &l, &rest) != OK)
		rest = line;
	if (notation_points(a, rest, &p) == OK && p.count > NOTATION_POINTS_MAX)
		abort();
	if (notation_starts(a, line, &p) == OK && p.count > NOTATION_POINTS_MAX)
		abort();
	arena_close(&a);
	return 0;
}
