/* SPDX-License-Identifier: Apache-2.0
 *
 * The type checker, and the small tables of names. Runs once over a parsed tree: sets the types,
 * refuses what has no meaning, marks what has the same value at every step.
 */
#include "query/promql/ast.h"
#include "query/promql/func.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

const struct promql_expr *expr_bare(const struct promql_expr *e)
{
	while (e->kind == EXPR_PAREN)
		e = e->paren;
	return e;
}

bool op_is_comparison(enum promql_op op)
{
	return op >= OP_EQ && op <= OP_LE;
}

bool op_is_set(enum promql_op op)
{
	return op == OP_AND || op == OP_OR || op == OP_UNLESS;
}

const char *op_text(enum promql_op op)
{
	static const char *const texts[] = { [OP_NONE] = "",
		[OP_ADD] = "+",
		[OP_SUB] = "-",
		[OP_MUL] = "*",
		[OP_DIV] = "/",
		[OP_MOD] = "%",
		[OP_POW] = "^",
		[OP_ATAN2] = "atan2",
		[OP_EQ] = "==",
		[OP_NE] = "!=",
		[OP_GT] = ">",
		[OP_LT] = "<",
		[OP_GE] = ">=",
		[OP_LE] = "<=",
		[OP_AND] = "and",
		[OP_OR] = "or",
		[OP_UNLESS] = "unless",
		[OP_TRIM_UPPER] = "</",
		[OP_TRIM_LOWER] = ">/",
		[OP_STEP] = "step",
		[OP_RANGE] = "range",
		[OP_MIN] = "min",
		[OP_MAX] = "max" };
	assert((size_t)op < ARRAY_COUNT(texts));
	return texts[op];
}

const char *agg_text(enum promql_agg op)
{
	static const char *const texts[] = { [AGG_SUM] = "sum",
		[AGG_AVG] = "avg",
		[AGG_COUNT] = "count",
		[AGG_MIN] = "min",
		[AGG_MAX] = "max",
		[AGG_GROUP] = "group",
		[AGG_STDDEV] = "stddev",
		[AGG_STDVAR] = "stdvar",
		[AGG_TOPK] = "topk",
		[AGG_BOTTOMK] = "bottomk",
		[AGG_LIMITK] = "limitk",
		[AGG_LIMIT_RATIO] = "limit_ratio",
		[AGG_QUANTILE] = "quantile",
		[AGG_COUNT_VALUES] = "count_values" };
	assert((size_t)op < ARRAY_COUNT(texts));
	return texts[op];
}

bool agg_has_param(enum promql_agg op)
{
	return op >= AGG_TOPK;
}

const char *type_text(enum promql_type t)
{
	static const char *const texts[] = { [PROMQL_NONE] = "none",
		[PROMQL_SCALAR] = "scalar",
		[PROMQL_VECTOR] = "instant vector",
		[PROMQL_MATRIX] = "range vector",
		[PROMQL_STRING] = "string" };
	assert((size_t)t < ARRAY_COUNT(texts));
	return texts[t];
}

enum promql_type promql_type_of(const struct promql_expr *e)
{
	return e->type;
}

struct check {
	struct arena *arena;
	struct promql_fault *fault;
	bool failed;
};

static void complain(struct check *c, const struct promql_expr *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void complain(struct check *c, const struct promql_expr *e, const char *format, ...)
{
	char text[512];
	if (c->failed)
		return;
	va_list args;
	va_start(args, format);
	struct buf b = buf_make(&mem_system, sizeof(text));
	buf_vprintf(&b, format, args);
	va_end(args);
	c->failed = true;
	*c->fault = (struct promql_fault){
		.from = e->from, .to = e->to, .what = arena_str(c->arena, buf_str(&b))
	};
	buf_free(&b);
}

static enum promql_type visit(struct check *c, struct promql_expr *e);

static void expect(struct check *c, struct promql_expr *e, enum promql_type want,
    const char *context, const char *name)
{
	enum promql_type got = visit(c, e);
	if (got != want && got != PROMQL_NONE)
		complain(c, e, "expected type %s in %s%s%s%s, got %s", type_text(want), context,
		    name ? " \"" : "", name ? name : "", name ? "\"" : "", type_text(got));
}

static bool is_literal_duration(const struct promql_expr *e)
{
	return !e || e->kind == EXPR_NUMBER;
}

/* A duration that is known already must be positive. */
static void positive(struct check *c, const struct promql_expr *d)
{
	if (!is_literal_duration(d))
		return;
	if (d && !(d->number.value > 0))
		complain(c, d, "duration must be greater than 0");
	else if (d && d->number.value > 9.2e9)
		complain(c, d, "duration out of range");
}

static void check_offset(struct check *c, const struct promql_shift *s)
{
	if (s->offset && s->offset->kind == EXPR_NUMBER &&
	    !(s->offset->number.value < 9.2e9 && s->offset->number.value > -9.2e9))
		complain(c, s->offset, "duration out of range");
}

static void check_selector(struct check *c, struct promql_expr *e)
{
	check_offset(c, &e->selector.shift);
	e->invariant =
	    e->selector.shift.at != AT_NONE && is_literal_duration(e->selector.shift.offset);
	if (e->selector.info_filter)
		return;
	for (size_t i = 0; i < e->selector.count; i++)
		if (!matcher_match(&e->selector.matchers[i], STR("")))
			return;
	complain(c, e, "vector selector must contain at least one non-empty matcher");
}

static void check_call(struct check *c, struct promql_expr *e)
{
	const struct promql_function *f = e->call.function;
	size_t n = e->call.count, required = f->arg_count;
	char name[80];
	snprintf(name, sizeof(name), "%.*s", STR_ARG(f->name));
	bool is_info = str_eq(f->name, STR("info"));
	if (f->variadic > 0)
		required -= (size_t)f->variadic;
	else if (f->variadic < 0)
		required -= 1;
	if (f->variadic == 0 && n != required) {
		complain(
		    c, e, "expected %zu argument(s) in call to \"%s\", got %zu", required, name, n);
		return;
	}
	if (n < required) {
		complain(c, e, "expected at least %zu argument(s) in call to \"%s\", got %zu",
		    required, name, n);
		return;
	}
	if (f->variadic > 0 && n > f->arg_count) {
		complain(c, e, "expected at most %u argument(s) in call to \"%s\", got %zu",
		    (unsigned)f->arg_count, name, n);
		return;
	}
	if (is_info && n > 1) {
		struct promql_expr *s = e->call.args[1];
		if (s->kind != EXPR_SELECTOR) {
			complain(c, s, "expected type %s in call to \"info\", got %s",
			    type_text(PROMQL_VECTOR), type_text(s->type));
			return;
		}
		if (s->selector.name.len) {
			complain(
			    c, s, "expected label selectors only, got vector selector instead");
			return;
		}
		s->selector.info_filter = true;
	}
	e->invariant = !f->time_bound;
	for (size_t i = 0; i < n; i++) {
		size_t k = i < f->arg_count ? i : (size_t)f->arg_count - 1u;
		expect(c, e->call.args[i], f->args[k], "call to function", name);
		if (!(is_info && i == 1))
			e->invariant = e->invariant && e->call.args[i]->invariant;
	}
	if (n == 0 && f->class == FUNC_DATE)
		e->invariant = false;
}

static void check_aggregate(struct check *c, struct promql_expr *e)
{
	expect(c, e->agg.inner, PROMQL_VECTOR, "aggregation expression", NULL);
	e->invariant = e->agg.inner->invariant;
	if (!e->agg.param)
		return;
	bool text = e->agg.op == AGG_COUNT_VALUES;
	expect(
	    c, e->agg.param, text ? PROMQL_STRING : PROMQL_SCALAR, "aggregation parameter", NULL);
	e->invariant = e->invariant && e->agg.param->invariant;
}

static void check_matching(
    struct check *c, struct promql_expr *e, enum promql_type l, enum promql_type r)
{
	struct promql_matching *m = &e->binary.matching;
	enum promql_op op = e->binary.op;
	bool vectors = l == PROMQL_VECTOR && r == PROMQL_VECTOR;
	if (m->on)
		for (size_t i = 0; i < m->names.count; i++)
			for (size_t k = 0; k < m->include.count; k++)
				if (str_eq(m->names.list[i], m->include.list[k]))
					complain(c, e,
					    "label \"%.*s\" must not occur in ON and GROUP clause "
					    "at once",
					    STR_ARG(m->names.list[i]));
	if (!vectors && m->names.count)
		complain(c, e, "vector matching only allowed between instant vectors");
	if (!vectors && (m->fill_left || m->fill_right))
		complain(c, e, "filling in missing series only allowed between instant vectors");
	if (vectors && op_is_set(op)) {
		if (m->card == CARD_ONE_TO_MANY || m->card == CARD_MANY_TO_ONE)
			complain(c, e, "no grouping allowed for \"%s\" operation", op_text(op));
		if (m->fill_left || m->fill_right)
			complain(c, e, "filling in missing series not allowed for set operators");
	}
}

static void check_binary(struct check *c, struct promql_expr *e)
{
	struct promql_expr *left = e->binary.left, *right = e->binary.right;
	enum promql_op op = e->binary.op;
	enum promql_type l = visit(c, left), r = visit(c, right);
	if (c->failed)
		return;
	if (e->binary.is_bool && !op_is_comparison(op))
		complain(c, e, "bool modifier can only be used on comparison operators");
	if (op_is_comparison(op) && !e->binary.is_bool && l == PROMQL_SCALAR && r == PROMQL_SCALAR)
		complain(c, e, "comparisons between scalars must use BOOL modifier");
	if (l != PROMQL_SCALAR && l != PROMQL_VECTOR)
		complain(
		    c, left, "binary expression must contain only scalar and instant vector types");
	if (r != PROMQL_SCALAR && r != PROMQL_VECTOR)
		complain(c, right,
		    "binary expression must contain only scalar and instant vector types");
	check_matching(c, e, l, r);
	if ((l == PROMQL_SCALAR || r == PROMQL_SCALAR) && op_is_set(op))
		complain(c, e, "set operator \"%s\" not allowed in binary scalar expression",
		    op_text(op));
	if (l == PROMQL_SCALAR && r == PROMQL_SCALAR &&
	    (op == OP_TRIM_UPPER || op == OP_TRIM_LOWER))
		complain(c, e, "operator \"%s\" not allowed for Scalar operations", op_text(op));
	e->type = l == PROMQL_SCALAR && r == PROMQL_SCALAR ? PROMQL_SCALAR : PROMQL_VECTOR;
	e->invariant = left->invariant && right->invariant;
}

static void check_subquery(struct check *c, struct promql_expr *e)
{
	enum promql_type t = visit(c, e->subquery.inner);
	if (t != PROMQL_VECTOR && t != PROMQL_SCALAR && t != PROMQL_NONE)
		complain(c, e, "subquery is only allowed on instant vector, got %s instead",
		    t == PROMQL_MATRIX ? "matrix" : type_text(t));
	positive(c, e->subquery.range);
	positive(c, e->subquery.step);
	check_offset(c, &e->subquery.shift);
	e->invariant = e->subquery.shift.at != AT_NONE && is_literal_duration(e->subquery.range) &&
	               is_literal_duration(e->subquery.step) &&
	               is_literal_duration(e->subquery.shift.offset);
}

static enum promql_type visit(struct check *c, struct promql_expr *e)
{
	enum promql_type t;
	assert(e->kind != EXPR_DURATION); /* those are looked at where they stand */
	if (c->failed)
		return PROMQL_NONE;
	switch (e->kind) {
	case EXPR_NUMBER:
	case EXPR_STRING: e->invariant = true; break;
	case EXPR_SELECTOR: check_selector(c, e); break;
	case EXPR_MATRIX:
		check_selector(c, e->matrix.selector);
		positive(c, e->matrix.range);
		e->invariant =
		    e->matrix.selector->invariant && is_literal_duration(e->matrix.range);
		break;
	case EXPR_SUBQUERY: check_subquery(c, e); break;
	case EXPR_CALL: check_call(c, e); break;
	case EXPR_AGGREGATE: check_aggregate(c, e); break;
	case EXPR_BINARY: check_binary(c, e); break;
	case EXPR_UNARY:
		t = visit(c, e->unary.inner);
		if (t != PROMQL_SCALAR && t != PROMQL_VECTOR && t != PROMQL_NONE)
			complain(c, e,
			    "unary expression only allowed on expressions of type scalar or "
			    "instant vector, got \"%s\"",
			    type_text(t));
		e->type = t;
		e->invariant = e->unary.inner->invariant;
		break;
	case EXPR_PAREN:
		e->type = visit(c, e->paren);
		e->invariant = e->paren->invariant;
		break;
	case EXPR_DURATION: break;
	}
	return c->failed ? PROMQL_NONE : e->type;
}

enum err promql_check(struct arena *a, struct promql_expr *e, struct promql_fault *ret_fault)
{
	struct check c = { .arena = a, .fault = ret_fault };
	visit(&c, e);
	if (arena_err(a) != OK)
		return arena_err(a);
	return c.failed ? ERR_INPUT : OK;
}
