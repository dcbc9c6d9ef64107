/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree of a query. Made by parse.c, completed by check.c (types, constants), then never
 * changed. Room-private.
 */
#pragma once
#include "query/promql/promql.h"

enum promql_kind {
	EXPR_NUMBER,
	EXPR_STRING,
	EXPR_SELECTOR, /* instant vector selector */
	EXPR_MATRIX,   /* selector[range] */
	EXPR_SUBQUERY,
	EXPR_CALL,
	EXPR_AGGREGATE,
	EXPR_BINARY,
	EXPR_UNARY,
	EXPR_PAREN,
	EXPR_DURATION, /* an operation inside a duration, or step(), range() */
};

enum promql_op {
	OP_NONE,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_POW,
	OP_ATAN2,
	OP_EQ,
	OP_NE,
	OP_GT,
	OP_LT,
	OP_GE,
	OP_LE,
	OP_AND,
	OP_OR,
	OP_UNLESS,
	OP_TRIM_UPPER,
	OP_TRIM_LOWER, /* </ and >/ */
	/* only in durations */
	OP_STEP,
	OP_RANGE,
	OP_MIN,
	OP_MAX,
};

enum promql_agg {
	AGG_SUM,
	AGG_AVG,
	AGG_COUNT,
	AGG_MIN,
	AGG_MAX,
	AGG_GROUP,
	AGG_STDDEV,
	AGG_STDVAR,
	AGG_TOPK,
	AGG_BOTTOMK,
	AGG_LIMITK,
	AGG_LIMIT_RATIO,
	AGG_QUANTILE,
	AGG_COUNT_VALUES,
};

enum promql_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };

enum promql_at { AT_NONE, AT_TIME, AT_START, AT_END };

struct names {
	const struct str *list;
	size_t count;
};

/* How two vectors find each other. */
struct promql_matching {
	enum promql_card card;
	bool on;    /* names are those to match on, else those to ignore */
	bool given; /* on() or ignoring() was written */
	struct names names;
	struct names include;
	bool fill_left, fill_right;
	double fill_left_value, fill_right_value;
};

/* Where in time a selector or subquery looks. Durations may hold expressions (step(), arithmetic),
 * which only an evaluation can work out. */
struct promql_shift {
	const struct promql_expr *offset; /* NULL: none */
	enum promql_at at;
	int64_t at_ms;
};

struct promql_expr {
	enum promql_kind kind;
	enum promql_type type;
	uint32_t from, to; /* bytes in the query */
	bool invariant;    /* the same value at every step: computed once */
	union {
		struct {
			double value;
			bool is_duration; /* written as 5m */
		} number;
		struct str string;
		struct {
			struct str name; /* written before the braces; empty when none */
			const struct matcher *matchers; /* includes the one for the name */
			size_t count;
			struct promql_shift shift;
			bool anchored, smoothed;
			bool info_filter; /* second argument of info(): may match anything */
		} selector;
		struct {
			struct promql_expr *selector;
			const struct promql_expr *range;
		} matrix;
		struct {
			struct promql_expr *inner;
			const struct promql_expr *range;
			const struct promql_expr *step; /* NULL: the default */
			struct promql_shift shift;
		} subquery;
		struct {
			const struct promql_function *function;
			struct str name; /* as written */
			struct promql_expr **args;
			size_t count;
		} call;
		struct {
			enum promql_agg op;
			struct promql_expr *param; /* NULL when the operator takes none */
			struct promql_expr *inner;
			struct names by;
			bool without;
			bool grouped; /* by or without was written */
		} agg;
		struct {
			enum promql_op op;
			struct promql_expr *left, *right;
			bool is_bool;
			struct promql_matching matching;
		} binary;
		struct {
			bool minus;
			struct promql_expr *inner;
		} unary;
		struct promql_expr *paren;
		struct {
			enum promql_op op;
			const struct promql_expr *left, *right; /* left NULL: unary */
			bool wrapped;                           /* was in parentheses */
		} duration;
	};
};

/* Without any parentheses around it. */
const struct promql_expr *expr_bare(const struct promql_expr *e);
bool op_is_comparison(enum promql_op op);
bool op_is_set(enum promql_op op);
/* "+", "and", ... */
const char *op_text(enum promql_op op);
const char *agg_text(enum promql_agg op);
bool agg_has_param(enum promql_agg op);
/* "scalar", "instant vector", "range vector", "string" */
const char *type_text(enum promql_type t);

/* Types and constants of a whole tree. ERR_INPUT with the fault's range and text. */
must_check enum err promql_check(
    struct arena *a, struct promql_expr *e, struct promql_fault *ret_fault);

/* Numbers as Go writes them: %g of fmt, and 'f' with the fewest digits. */
void promql_put_g(struct buf *b, double v);
void promql_put_f(struct buf *b, double v);
/* As values stand in answers: without an exponent but for the very large and very small. */
void promql_put_value(struct buf *b, double v);
/* As OpenMetrics wants it: always with a point or an exponent. */
void promql_put_om(struct buf *b, double v);
/* {count:20, sum:10, [-2,-1):2, (0.5,1]:1} */
void promql_put_hist(struct buf *b, const struct hist *h);
/* Milliseconds as 1h30m, "-" before it when negative, 0s for none. */
void promql_put_ms(struct buf *b, int64_t ms);
