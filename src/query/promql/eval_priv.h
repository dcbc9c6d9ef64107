/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the evaluator share. An expression is evaluated for all steps of a frame at
 * once: a vector is a set of rows, a row has one slot per step. So a selector reads its samples
 * once and slides over them, and an operation on values is a loop over arrays.
 *
 * A slot without a value holds the stale NaN, which no computation produces. A slot with a
 * histogram holds it in row.h (and the stale NaN in row.v).
 *
 * Every function returns false after the first failure, which is kept in the ev; callers just pass
 * it on.
 */
#pragma once
#include "query/promql/ast.h"
#include "query/promql/func.h"

struct frame {
	int64_t start, step;
	size_t steps; /* at least 1 */
};
static inline int64_t frame_time(const struct frame *f, size_t i)
{
	return f->start + f->step * (int64_t)i;
}

struct row {
	struct labels labels;
	bool drop_name; /* the metric's name goes away at the end */
	double *v;
	const struct hist **h; /* NULL: no histogram in the whole row */
};

struct rows {
	struct row *list;
	size_t count;
};

struct val {
	enum promql_type type;
	struct rows rows;
	double *scalar; /* one per step */
	struct str string;
};

struct note {
	bool is_warning;
	uint32_t pos;
	struct str text;
	/* The remark on buckets that do not rise sums up all its cases. */
	bool is_monotony;
	int64_t min_ms, max_ms;
	double min_bucket, max_bucket, max_diff;
	size_t cases;
};

#define NOTES_MAX 4096

struct ev {
	const struct promql_engine *engine;
	struct arena *arena;
	struct str query;
	int64_t start, end, step; /* of the whole query; step 0 for an instant query */
	int64_t lookback;
	uint64_t samples, samples_peak, samples_max;
	unsigned ticks; /* until cancelled is asked again */
	enum err err;
	struct promql_failure *failure;
	struct note *notes;
	size_t note_count, note_cap;
	/* hints for the source */
	struct str hint_function;
	struct names hint_by;
	bool hint_without;
};

/* Keeps the first failure; always false. */
bool ev_fail(struct ev *ev, enum err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The arena's error as a failure; always false. */
bool ev_memory(struct ev *ev);
/* Called in loops: false when the query is to stop. `work` in samples or so. */
bool ev_tick(struct ev *ev, size_t work);
void ev_note(struct ev *ev, bool is_warning, uint32_t pos, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* ` for metric name "x"`, or nothing when there is no name; in the arena. */
const char *ev_for_metric(struct ev *ev, struct labels l);
/* A quoted string, NUL-terminated, in the arena. */
const char *ev_quote(struct ev *ev, struct str s);
bool ev_add_samples(struct ev *ev, uint64_t n);

bool ev_eval(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
/* Evaluates and expects rows. */
bool ev_vector(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct rows *ret);
bool ev_scalar(struct ev *ev, const struct frame *f, const struct promql_expr *e, double **ret);
bool ev_duration_ms(struct ev *ev, const struct promql_expr *e, bool negative_ok, int64_t *ret);

static inline bool slot_is_float(const struct row *r, size_t i)
{
	return !sample_is_stale(r->v[i]);
}
static inline const struct hist *slot_hist(const struct row *r, size_t i)
{
	return r->h ? r->h[i] : NULL;
}
static inline bool slot_is_set(const struct row *r, size_t i)
{
	return slot_is_float(r, i) || slot_hist(r, i);
}
/* An empty row; false when memory is out. */
bool row_make(
    struct ev *ev, const struct frame *f, struct labels l, bool drop_name, struct row *ret);
bool row_set_hist(
    struct ev *ev, const struct frame *f, struct row *r, size_t i, const struct hist *h);
bool row_copy_slot(
    struct ev *ev, const struct frame *f, struct row *to, const struct row *from, size_t i);
size_t row_count(const struct row *r, size_t steps);
struct row *rows_alloc(struct ev *ev, size_t n);
/* Puts rows of equal labels into one; fails where two have a value at the same step. */
bool rows_merge(struct ev *ev, const struct frame *f, struct rows *rows);
void rows_sort(struct rows *rows);

/* A series of samples as functions over ranges see it. */
struct raw {
	struct labels labels;
	bool drop_name;
	const struct sample *f;
	const struct hist_sample *h;
	size_t nf, nh;
	const int64_t *f_starts, *h_starts; /* NULL: unknown */
};

struct ranged {
	struct raw *list;
	size_t count;
	int64_t range_ms;
	int64_t ref0; /* end of the first step's window */
	bool fixed;   /* the same window at every step */
	bool anchored, smoothed;
};
bool ev_ranged(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct ranged *ret);

/* The samples of one series in one window (from, to]; with anchored or smoothed there may be some
 * before or after it. */
struct window {
	const struct sample *f;
	const struct hist_sample *h;
	size_t nf, nh;
	const int64_t *f_starts, *h_starts;
	/* Like h: what is known of a counter reset at that histogram, in the eyes of the one before
	 * it. The windows of a walk overlap, so it is worth keeping. NULL: nothing is kept. */
	uint8_t *h_resets;
	int64_t from, to;
};
enum known_reset { RESET_UNKNOWN, RESET_NO, RESET_YES };
struct window_walk {
	size_t f_lo, f_hi, h_lo, h_hi;
	uint8_t *h_resets; /* of the whole series; may be NULL */
};
/* Moves on to the window of step i; windows must be asked for in order. */
struct window window_at(const struct ev *ev, const struct frame *f, const struct ranged *r,
    const struct raw *raw, size_t i, struct window_walk *w);

/* One call of a window function. */
struct call {
	const struct promql_expr *expr;
	const struct promql_expr *range_arg;
	const struct frame *frame;
	const struct ranged *ranged;
	struct labels labels; /* of the series */
	size_t step;
	double *scalars[4]; /* the scalar arguments in order */
	uint32_t pos;       /* of the range argument, for remarks */
};

bool ev_selector(struct ev *ev, const struct frame *f, const struct promql_expr *e, bool timestamps,
    struct rows *ret);
bool ev_select(struct ev *ev, const struct promql_expr *selector, int64_t min_ms, int64_t max_ms,
    int64_t range_ms, int64_t step_ms, struct source_result *ret);
/* Works out where a selector or subquery looks: ref0 and whether it moves with the steps. */
bool ev_shift(struct ev *ev, const struct frame *f, const struct promql_shift *s, int64_t *ret_ref0,
    bool *ret_fixed);
bool ev_call(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool ev_aggregate(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool ev_binary(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);

/* special functions in files of their own */
bool func_histogram_quantile(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_histogram_quantiles(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_histogram_fraction(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_label_join(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_label_replace(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_sort(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_sort_by_label(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_sort_by_label_desc(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_sort_desc(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);
bool func_info(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret);

/* Kahan-Neumaier. */
static inline void kahan_add(double inc, double *sum, double *low)
{
	double t = *sum + inc;
	if (__builtin_isinf(t))
		*low = 0;
	else if (__builtin_fabs(*sum) >= __builtin_fabs(inc))
		*low += (*sum - t) + inc;
	else
		*low += (inc - t) + *sum;
	*sum = t;
}
/* The q-quantile of n values, sorted in place; NaN sorts lowest. */
double quantile_of(double q, double *values, size_t n);
/* Orders labels' values so that "9" comes before "10". */
int natural_cmp(struct str a, struct str b);

/* Rows that come into being while an operation runs, found by their labels. */
struct outset {
	struct labels_map map;
	struct row *rows;
	uint64_t *stamps; /* by row: the caller's mark of its last use, 0 = none */
	size_t cap;
};
bool outset_make(struct ev *ev, size_t expected, struct outset *ret);
/* The number of the row with these labels, made when new. */
bool outset_row(struct ev *ev, const struct frame *f, struct outset *o, struct labels l,
    bool drop_name, uint32_t *ret);
/* Puts a value into a slot; fails when one is there already. */
bool outset_put(struct ev *ev, const struct frame *f, struct outset *o, uint32_t row, size_t i,
    double v, const struct hist *h);
/* Without the rows that stayed empty. */
struct rows outset_rows(struct outset *o, const struct frame *f);
