/* SPDX-License-Identifier: Apache-2.0
 *
 * The one table of functions: name, types, and what computes it. Room-private.
 */
#pragma once
#include "query/promql/ast.h"

#define FUNCTION_ARGS_MAX 5

struct ev;
struct frame;
struct window;
struct call;
struct val;

enum function_class {
	FUNC_MATH,    /* vector -> vector, value by value, histograms left out */
	FUNC_HIST,    /* vector -> vector, of histograms only */
	FUNC_DATE,    /* time (or the vector's values) -> calendar field */
	FUNC_WINDOW,  /* range vector -> vector, window by window */
	FUNC_SPECIAL, /* whole values */
};

struct promql_function {
	struct str name;
	enum promql_type args[FUNCTION_ARGS_MAX];
	uint8_t arg_count;
	int8_t
	    variadic; /* 0: exactly arg_count; n: the last n are optional; -1: the last any often */
	enum promql_type type;
	enum function_class class;
	bool keeps_name;
	bool time_bound; /* depends on the time of evaluation although its arguments may not */
	union {
		double (*math)(double v);
		double (*hist)(const struct hist *h);
		double (*date)(int64_t s);
		bool (*window)(struct ev *ev, const struct call *c, const struct window *w,
		    double *v, const struct hist **h);
		bool (*special)(struct ev *ev, const struct frame *f, const struct promql_expr *e,
		    struct val *ret);
	};
};

/* NULL when there is none of that name. */
const struct promql_function *promql_function_find(struct str name);
