/* SPDX-License-Identifier: Apache-2.0
 *
 * The series store as a query's source of samples. One a thread.
 */
#pragma once
#include "query/source.h"
#include "store/series/series.h"

struct tsource {
	struct series_reader *reader;
	struct source iface; /* ctx is this tsource: it must not move */
};
must_check enum err tsource_open(struct tsource *t, struct series_store *store);
void tsource_close(struct tsource *t);
