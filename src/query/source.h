/* SPDX-License-Identifier: Apache-2.0
 *
 * Where samples come from, as a query sees it. A store implements struct source; the query room
 * knows nothing else of it. All results live in the caller's arena, so they are valid until it is
 * reset, and nothing has to be closed.
 */
#pragma once
#include "base/arena.h"
#include "base/hist.h"
#include "query/labels.h"
#include "query/regex.h"

enum match_type { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE };

struct matcher {
	enum match_type type;
	struct str name, value;
	const struct regex *re; /* for MATCH_RE and MATCH_NRE, never NULL there */
};

/* A label that is missing has the value "". */
bool matcher_match(const struct matcher *m, struct str value);
bool matchers_match(const struct matcher *m, size_t count, struct labels l);

struct sample {
	int64_t ms;
	double value; /* the NaN of SAMPLE_STALE_BITS says that the series ended */
};
struct hist_sample {
	int64_t ms;
	const struct hist
	    *hist; /* a histogram whose sum has the stale bits says that the series ended */
};

#define SAMPLE_STALE_BITS UINT64_C(0x7ff0000000000002)
static inline bool sample_is_stale(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return bits == SAMPLE_STALE_BITS;
}
static inline double sample_stale(void)
{
	uint64_t bits = SAMPLE_STALE_BITS;
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* Samples of both kinds by rising time, no time twice within or between the two arrays. The
 * *_starts arrays (start timestamps, ms, 0 = unknown) run beside the samples; NULL when none are
 * known. */
struct source_series {
	struct labels labels;
	const struct sample *samples;
	size_t sample_count;
	const struct hist_sample *hists;
	size_t hist_count;
	const int64_t *sample_starts, *hist_starts;
};

struct source_query {
	const struct matcher *matchers; /* all must match */
	size_t matcher_count;
	int64_t min_ms, max_ms; /* both inclusive */
	/* Hints that a store may use, or not: 0 or empty when unknown. */
	int64_t step_ms, range_ms;
	struct str function; /* the function around the selector: "rate", "sum" */
	const struct str *by;
	size_t by_count;
	bool by_is_without;
	uint64_t sample_max; /* give up with ERR_LIMIT beyond it; 0 = no limit */
};

struct source_result {
	const struct source_series *series; /* sorted by labels, no set twice */
	size_t count;
};

struct source_names {
	const struct str *list; /* sorted, unique */
	size_t count;
};

/* For the metadata questions: any of `sets` must match (none = everything), within [min_ms,
 * max_ms]. */
struct source_filter {
	const struct matcher *const *sets;
	const size_t *set_counts;
	size_t count;
	int64_t min_ms, max_ms;
	size_t limit; /* at most so many results; 0 = no limit */
};

struct source {
	void *ctx;
	/* ERR_LIMIT: more than sample_max samples (or the arena's limit); ERR_BUSY: try later;
	 * ERR_IO. */
	enum err (*select)(
	    void *ctx, struct arena *a, const struct source_query *q, struct source_result *ret);
	enum err (*label_names)(
	    void *ctx, struct arena *a, const struct source_filter *f, struct source_names *ret);
	enum err (*label_values)(void *ctx, struct arena *a, struct str name,
	    const struct source_filter *f, struct source_names *ret);
	/* Labels only: the series have no samples. */
	enum err (*series)(
	    void *ctx, struct arena *a, const struct source_filter *f, struct source_result *ret);
};
