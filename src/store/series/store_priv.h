/* SPDX-License-Identifier: Apache-2.0
 *
 * What store.c (writing, flushing, start), cut.c (to window files) and read.c share.
 *
 * Locks, in this order: maintain (cuts and retention), flush (the log's file), data (index, heads,
 * list of windows, the log's buffer). The data lock prefers writers, so that reading never starves
 * ingest.
 */
#pragma once
#include "store/series/head.h"
#include "store/series/index.h"
#include "store/series/log.h"
#include "store/series/window.h"
#include <pthread.h>

struct window {
	int64_t number;
	bool on_disk;
	uint64_t incarnation; /* a file of this number made anew is another one */
};

struct series_store {
	struct series_options options;
	char folder[3072];
	int lock_fd;
	pthread_mutex_t maintain, flush;
	pthread_rwlock_t data;

	/* under data */
	struct index *index;
	struct log_writer log;
	struct window *windows; /* by number */
	size_t window_count, window_cap, last_window;
	uint64_t next_id, incarnations;
	uint64_t head_bytes;
	uint32_t log_number; /* the segment that is being written */
	struct buf scratch;  /* a histogram's bytes */
	struct series_counters counters;

	/* under flush */
	struct buf flushing; /* entries that are to be written */
	struct buf frame;
	int log_fd;
	int64_t log_at;

	/* under maintain */
	uint32_t log_first; /* the oldest segment that is still needed */
	uint32_t *cutting;  /* slots whose `old` is being written */
	size_t cutting_count;
	int64_t *cut_done; /* windows that this cut has committed already */
	size_t cut_done_count, cut_done_cap;
	struct block_codec *codec;
	struct wall cut_at;
	int64_t length_ms; /* constant after open */
	/* for retention: the end of the last window at the start (INT64_MAX: not known yet), and
	 * when that was */
	int64_t newest_ms;
	struct mono opened;
};

/* floor(ms / length) */
static inline int64_t window_of(const struct series_store *s, int64_t ms)
{
	return ms / s->length_ms - (ms % s->length_ms < 0);
}
/* The place of the window, or of the first behind it. Under data. */
size_t store_window_at(const struct series_store *s, int64_t number);
/* The window is known from here on. ERR_LIMIT: there are too many (never for one that is on disk).
 * Under data. */
must_check enum err store_need_window(struct series_store *s, int64_t number, bool on_disk);
/* Cuts (again, if the last attempt failed). Under maintain. */
must_check enum err store_cut(struct series_store *s);
must_check enum err store_expire(struct series_store *s, struct wall now);
/* Writes s->flushing to the log; under flush. */
must_check enum err store_write_flushing(struct series_store *s);
