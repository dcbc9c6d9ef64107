/* SPDX-License-Identifier: Apache-2.0
 *
 * A source that keeps its series in memory: for tests, rule unit tests and anything small. Samples
 * may come in any order; the same time again replaces. Owns copies of everything.
 */
#pragma once
#include "query/source.h"

struct memsource;

must_check enum err memsource_open(const struct mem *mem, struct memsource **ret);
void memsource_close(struct memsource **m);
/* Forgets every series. */
void memsource_clear(struct memsource *m);
/* start_ms: the start timestamp, 0 = unknown. */
must_check enum err memsource_add(
    struct memsource *m, struct labels l, int64_t ms, double value, int64_t start_ms);
must_check enum err memsource_add_hist(
    struct memsource *m, struct labels l, int64_t ms, const struct hist *h, int64_t start_ms);
/* Borrows m. */
struct source memsource_source(struct memsource *m);
