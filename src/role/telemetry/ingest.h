/* SPDX-License-Identifier: Apache-2.0
 *
 * Remote write into the store, and the samples that other roles send.
 */
#pragma once
#include "role/telemetry/tpool.h"

struct ingest_answer {
	unsigned status;
	char text[256]; /* for the client; empty when all is well; ends in NUL */
	uint64_t samples, hists, refused;
};

/* A body of POST /api/v1/write. Uses worker->extra for a cache of series. */
void ingest_remote_write(struct series_store *store, struct tpool_worker *worker,
    struct str content_encoding, struct str body, struct ingest_answer *ret);
void ingest_free_cache(const struct mem *mem, void *extra);

/* A body of MSG_SAMPLES or MSG_METRICS, with the label role="..." added unless `role` is empty.
 * ERR_INPUT: it is not one; what the store refuses is counted in *refused. */
must_check enum err ingest_samples(
    struct series_store *store, struct str body, struct str role, uint64_t *refused);
