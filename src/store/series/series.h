/* SPDX-License-Identifier: Apache-2.0
 *
 * The series store: samples of named series, floats and native histograms, any time, any order,
 * every bit of a double kept. One folder: log-NNNNNNNN     what was flushed and is not yet in a
 * window (checksummed groups, replayed at start) w-<n>.db         the window [n, n + 1) * length of
 * sample time: SQLite with compressed blocks; retention unlinks whole files. The length is set when
 * the first file is made and stays.
 *
 * A sample is in memory (the head) and in the log's buffer when series_add returns; durable when a
 * series_flush that began later returned OK; in a window file after a cut (series_maintain). kill
 * -9 and a full disk lose nothing that was flushed: what could not be written stays in memory and
 * is tried again, and beyond the memory limit samples are refused and counted. The same series and
 * time again replaces: the later sample wins.
 *
 * Threads: writing (begin .. end) by any thread, one at a time; series_flush and series_maintain by
 * any thread but the writing one between begin and end; reading by any number of threads, each with
 * a reader of its own. Open and close alone. Lock order: maintain, flush, data. Readers hold the
 * data lock for short pieces only.
 */
#pragma once
#include "base/arena.h"
#include "base/hist.h"
#include "base/time.h"
#include "os/os.h"

struct series_store;

struct series_label {
	struct str name, value;
};

struct series_options {
	const struct mem *mem;
	const struct os *os;
	const char *folder;      /* made when it is missing; copied */
	struct span window;      /* sample time in one file; 0: one day */
	struct span retention;   /* 0: keep for ever */
	struct span cut_after;   /* the head is cut when it is older; 0: two hours */
	uint32_t series_max;     /* 0: one million */
	uint32_t windows_max;    /* files; samples for more are refused; 0: 4000 */
	uint64_t head_bytes_cut; /* the head is cut when it is larger; 0: 64 MiB */
	uint64_t head_bytes_max; /* samples are refused beyond; 0: 512 MiB */
	uint64_t log_bytes_max;  /* not yet flushed; samples are refused beyond; 0: 64 MiB */
	uint64_t hash_seed;
};

/* On failure *fault gets a sentence (may be NULL). ERR_IO, ERR_DENIED, ERR_NOMEM, ERR_BUSY: in use.
 */
must_check enum err series_open(
    const struct series_options *options, struct series_store **ret, struct buf *fault);
/* Flushes what it can; *store may be NULL; is NULL afterwards. All readers must be closed before.
 */
void series_close(struct series_store **store);

/* Writing. A ref names a series until it is removed (retention); keep it as a cache only. */
struct series_ref {
	uint32_t slot, generation; /* generation 0: none */
};
void series_write_begin(struct series_store *store);
void series_write_end(struct series_store *store);
/* Finds or makes a series. Labels are sorted by name, unique, values not empty. ERR_LIMIT:
 * series_max is reached (counted in series_refused) or the log's buffer is full; ERR_NOMEM. */
must_check enum err series_ref(struct series_store *store, const struct series_label *labels,
    size_t count, struct series_ref *ret);
/* ERR_GONE: the ref is out of date: ask again. ERR_LIMIT: memory, the log's buffer or the number of
 * windows refuses (counted); ERR_NOMEM. A refused sample changes nothing. */
must_check enum err series_add(
    struct series_store *store, struct series_ref ref, int64_t ms, double value);
must_check enum err series_add_hist(
    struct series_store *store, struct series_ref ref, int64_t ms, const struct hist *h);

/* Makes everything added so far durable. ERR_IO (errno): nothing is lost, it is tried again next
 * time. */
must_check enum err series_flush(struct series_store *store);
/* Cuts the head into window files when it is due (or `force`), and unlinks what is beyond
 * retention. Takes its time: not for the loop's thread. */
must_check enum err series_maintain(struct series_store *store, struct wall now, bool force);

/* Reading. */
enum series_match { SERIES_EQ, SERIES_NE, SERIES_RE, SERIES_NRE };
struct series_matcher {
	enum series_match type;
	struct str name, value; /* value: EQ and NE */
	bool (*match)(
	    const void *context, struct str value); /* RE and NRE: does the expression match? */
	const void *context;
	const struct str
	    *words; /* RE: when the expression is nothing but these words; NULL otherwise */
	size_t word_count;
};
struct series_point {
	int64_t ms;
	double value;
};
struct series_hist_point {
	int64_t ms;
	const struct hist *hist;
};
struct series_data {
	const struct series_label *labels; /* sorted by name */
	uint32_t label_count;
	const struct series_point *points; /* by rising time */
	size_t point_count;
	const struct series_hist_point *hists;
	size_t hist_count;
};
struct series_query {
	const struct series_matcher *matchers;
	size_t matcher_count;
	int64_t min_ms, max_ms; /* both inclusive */
	uint64_t sample_max;    /* 0 = no limit */
	bool labels_only;       /* no samples: series that may have some in the time */
};

struct series_reader; /* one thread's open files */
must_check enum err series_reader_open(struct series_store *store, struct series_reader **ret);
void series_reader_close(struct series_reader **reader);
/* Series with at least one sample in the time, in no order; everything lives in the arena (label
 * strings in the store). ERR_LIMIT: more than sample_max samples, or the arena's limit. ERR_IO: a
 * file cannot be read. */
must_check enum err series_select(struct series_reader *reader, struct arena *a,
    const struct series_query *q, const struct series_data **ret, size_t *ret_count);
/* Sorted and unique. Names of all labels, or (name not empty) all values of that label. */
must_check enum err series_names(struct series_reader *reader, struct arena *a, struct str name,
    const struct str **ret, size_t *ret_count);

struct series_counters {
	uint64_t series, head_bytes, log_pending_bytes, log_bytes, windows;
	uint64_t samples_added, samples_refused_memory, samples_refused_log,
	    samples_refused_windows, series_refused;
	uint64_t flushes, flush_failures, cuts, cut_failures, windows_removed, series_removed;
	uint64_t replayed_samples, torn_bytes, bad_files;
	int64_t cut_ns; /* how long the last cut took */
};
void series_counters(struct series_store *store, struct series_counters *ret);
