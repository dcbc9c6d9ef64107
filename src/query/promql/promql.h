/* SPDX-License-Identifier: Apache-2.0
 *
 * PromQL: parse a query, evaluate it at one time or over a range, print it, write the answer. The
 * language and its results are those of Prometheus 3.x with every experimental feature on (duration
 * expressions, anchored and smoothed selectors, fill, info, experimental functions) and with
 * delayed removal of the metric name: names that a computation drops vanish at the end, so that a
 * regex over names does not collide in the middle of an expression.
 *
 * Everything (expression, result, texts) lives in the caller's arena. Nothing here reads a clock.
 */
#pragma once
#include "query/source.h"

#define PROMQL_QUERY_MAX 65536u   /* bytes of a query */
#define PROMQL_DEPTH_MAX 150u     /* nesting of an expression */
#define PROMQL_STEPS_MAX 1000000u /* points of a range; the HTTP door has its own, lower limit */
#define PROMQL_SAMPLES_MAX UINT64_C(50000000)
#define PROMQL_LOOKBACK_MS 300000
#define PROMQL_SUBQUERY_STEP_MS 60000

struct promql_expr;

enum promql_type { PROMQL_NONE, PROMQL_SCALAR, PROMQL_VECTOR, PROMQL_MATRIX, PROMQL_STRING };

/* A query that cannot be parsed. */
struct promql_fault {
	uint32_t from, to;     /* bytes in the query */
	uint32_t line, column; /* of `from`, 1-based, in bytes */
	struct str what;       /* without the position: "unexpected end of input" */
};

/* ERR_INPUT with *ret_fault filled, ERR_NOMEM or ERR_LIMIT from the arena (a query that is too long
 * is ERR_INPUT). The expression borrows from `query`, which must outlive it. */
must_check enum err promql_parse(struct arena *a, struct str query, const struct promql_expr **ret,
    struct promql_fault *ret_fault);
/* A series selector alone, such as the match[] of the metadata endpoints. */
must_check enum err promql_parse_selector(struct arena *a, struct str text,
    const struct matcher **ret, size_t *ret_count, struct promql_fault *ret_fault);
/* "1:3: parse error: unexpected end of input" */
void promql_fault_text(const struct promql_fault *f, struct buf *b);
/* The type of the value that the expression gives. */
enum promql_type promql_type_of(const struct promql_expr *e);
/* The expression in its canonical spelling; parses back to the same expression. */
void promql_print(const struct promql_expr *e, struct buf *b);
/* Calls `see` for each selector in the expression, in order of the text: what a rule depends on. */
void promql_selectors(const struct promql_expr *e,
    void (*see)(void *ctx, const struct matcher *m, size_t count), void *ctx);

struct promql_engine {
	const struct source *source;
	int64_t lookback_ms;      /* 0 = PROMQL_LOOKBACK_MS */
	int64_t subquery_step_ms; /* of subqueries that name none; 0 = PROMQL_SUBQUERY_STEP_MS */
	uint64_t sample_max;      /* 0 = PROMQL_SAMPLES_MAX */
	/* Asked now and then during an evaluation; true ends it with "timeout". May be NULL. */
	bool (*cancelled)(void *ctx);
	void *cancel_ctx;
};

struct promql_point {
	int64_t ms;
	double value;
	const struct hist *hist; /* NULL for a float */
};

struct promql_series {
	struct labels labels;
	const struct promql_point *points; /* by time; a vector has exactly one */
	size_t count;
};

struct promql_result {
	enum promql_type type;
	const struct promql_series
	    *series; /* a matrix is sorted by labels; scalar: one, no labels */
	size_t count;
	struct str string;
	int64_t ms;                         /* of the string */
	const struct str *warnings, *infos; /* whole texts with position */
	size_t warning_count, info_count;
	uint64_t samples; /* most samples held at once */
};

/* Why an evaluation failed. */
enum promql_error { PROMQL_ERR_EXECUTION, PROMQL_ERR_TIMEOUT, PROMQL_ERR_INTERNAL };
struct promql_failure {
	enum promql_error type;
	struct str what;
};

/* ERR_INPUT: the query fails (text in *ret_failure); ERR_BUSY: cancelled; ERR_LIMIT: too many
 * samples or too much memory; ERR_NOMEM, ERR_IO: as the source or the arena said. *ret_failure is
 * always filled on failure. */
must_check enum err promql_instant(const struct promql_engine *engine, struct arena *a,
    const struct promql_expr *e, struct str query, int64_t at_ms, struct promql_result *ret,
    struct promql_failure *ret_failure);
/* start <= end, step > 0. */
must_check enum err promql_range(const struct promql_engine *engine, struct arena *a,
    const struct promql_expr *e, struct str query, int64_t start_ms, int64_t end_ms,
    int64_t step_ms, struct promql_result *ret, struct promql_failure *ret_failure);
