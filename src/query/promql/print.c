/* SPDX-License-Identifier: Apache-2.0
 *
 * Expressions, numbers and histograms back to text.
 */
#include "base/time.h"
#include "query/promql/ast.h"
#include "query/promql/func.h"
#include <assert.h>
#include <math.h>

void promql_put_f(struct buf *b, double v)
{
	if (isnan(v))
		buf_add_c(b, "NaN");
	else if (isinf(v))
		buf_add_c(b, v < 0 ? "-Inf" : "+Inf");
	else
		buf_add_f64(b, v);
}

/* The fewest digits that mean v (finite, not zero): v = 0.d1d2d3... * 10^point. */
static size_t digits_of(double v, char *out, size_t max, int *ret_point)
{
	struct buf b = buf_make(&mem_system, 1024);
	buf_add_f64(&b, fabs(v));
	struct str s = buf_str(&b);
	size_t n = 0, dot = str_find(s, '.');
	int point = (int)dot;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c == '.')
			continue;
		if (c < '0' || c > '9') { /* an exponent, should the writer ever use one */
			break;
		}
		if (n == 0 && c == '0') {
			if (i > dot || (i == 0 && dot == 1))
				point--;
			continue;
		}
		if (n < max)
			out[n++] = c;
	}
	while (n > 1 && out[n - 1] == '0')
		n--;
	buf_free(&b);
	*ret_point = point;
	return n;
}

static void put_exponent(struct buf *b, double v, const char *digits, size_t n, int point)
{
	int e = point - 1;
	if (v < 0)
		buf_add_char(b, '-');
	buf_add_char(b, digits[0]);
	if (n > 1) {
		buf_add_char(b, '.');
		buf_add(b, str_make(digits + 1, n - 1));
	}
	buf_printf(b, "e%c%02d", e < 0 ? '-' : '+', e < 0 ? -e : e);
}

/* %g of Go's fmt: an exponent below 1e-4 and from 1e6 on. */
void promql_put_g(struct buf *b, double v)
{
	char digits[32];
	int point;
	if (v == 0 || !isfinite(v)) {
		if (v == 0 && signbit(v))
			buf_add_c(b, "-0");
		else
			promql_put_f(b, v);
		return;
	}
	size_t n = digits_of(v, digits, sizeof(digits), &point);
	assert(n > 0);
	if (point - 1 < -4 || point - 1 >= 6)
		put_exponent(b, v, digits, n, point);
	else
		promql_put_f(b, v);
}

void promql_put_value(struct buf *b, double v)
{
	char digits[32];
	int point;
	double abs = fabs(v);
	if (abs == 0 || !isfinite(v) || (abs >= 1e-6 && abs < 1e21)) {
		promql_put_f(b, v);
		return;
	}
	size_t n = digits_of(v, digits, sizeof(digits), &point);
	put_exponent(b, v, digits, n, point);
}

void promql_put_om(struct buf *b, double v)
{
	size_t from = b->len;
	promql_put_g(b, v);
	struct str s = str_from(buf_str(b), from);
	if (isfinite(v) && str_find(s, '.') == s.len && str_find(s, 'e') == s.len)
		buf_add_c(b, ".0");
}

void promql_put_hist(struct buf *b, const struct hist *h)
{
	struct hist_range r;
	buf_add_c(b, "{count:");
	promql_put_g(b, h->count);
	buf_add_c(b, ", sum:");
	promql_put_g(b, h->sum);
	for (struct hist_walk w = hist_walk_make(h); hist_walk_next(&w, &r);) {
		if (r.count == 0)
			continue;
		buf_add_c(b, ", ");
		buf_add_char(b, r.lower_inclusive ? '[' : '(');
		promql_put_g(b, r.lower);
		buf_add_char(b, ',');
		promql_put_g(b, r.upper);
		buf_add_char(b, r.upper_inclusive ? ']' : ')');
		buf_add_char(b, ':');
		promql_put_g(b, r.count);
	}
	buf_add_char(b, '}');
}

void promql_put_ms(struct buf *b, int64_t ms)
{
	if (ms == 0) {
		buf_add_c(b, "0s");
		return;
	}
	span_format(b, (struct span){ ms * NS_PER_MS });
}

static void put_names(struct buf *b, struct names names)
{
	buf_add_char(b, '(');
	for (size_t i = 0; i < names.count; i++) {
		if (i)
			buf_add_c(b, ", ");
		if (labels_name_plain(names.list[i]))
			buf_add(b, names.list[i]);
		else
			labels_quote(b, names.list[i]);
	}
	buf_add_char(b, ')');
}

static void put_duration(struct buf *b, const struct promql_expr *e)
{
	if (e->kind == EXPR_NUMBER) {
		double ms = e->number.value * 1000;
		if (fabs(ms) < 9e12 && ms == trunc(ms))
			promql_put_ms(b, (int64_t)ms);
		else
			promql_put_value(b, e->number.value);
		return;
	}
	assert(e->kind == EXPR_DURATION);
	if (e->duration.wrapped)
		buf_add_char(b, '(');
	switch (e->duration.op) {
	case OP_STEP:
	case OP_RANGE: buf_printf(b, "%s()", op_text(e->duration.op)); break;
	case OP_MIN:
	case OP_MAX:
		buf_printf(b, "%s(", op_text(e->duration.op));
		put_duration(b, e->duration.left);
		buf_add_c(b, ", ");
		put_duration(b, e->duration.right);
		buf_add_char(b, ')');
		break;
	default:
		if (e->duration.left) {
			put_duration(b, e->duration.left);
			buf_printf(b, " %s ", op_text(e->duration.op));
		} else {
			buf_add_c(b, op_text(e->duration.op));
		}
		put_duration(b, e->duration.right);
	}
	if (e->duration.wrapped)
		buf_add_char(b, ')');
}

static void put_shift(struct buf *b, const struct promql_shift *s)
{
	if (s->at == AT_START)
		buf_add_c(b, " @ start()");
	else if (s->at == AT_END)
		buf_add_c(b, " @ end()");
	else if (s->at == AT_TIME)
		buf_printf(b, " @ %.3f", (double)s->at_ms / 1000);
	if (s->offset) {
		buf_add_c(b, " offset ");
		put_duration(b, s->offset);
	}
}

static void put_matchers(struct buf *b, const struct promql_expr *e)
{
	static const char *const ops[] = {
		[MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"
	};
	bool any = false;
	buf_add(b, e->selector.name);
	for (size_t i = 0; i < e->selector.count; i++) {
		const struct matcher *m = &e->selector.matchers[i];
		if (e->selector.name.len && str_eq(m->name, LABEL_NAME))
			continue;
		buf_add_c(b, any ? "," : "{");
		any = true;
		if (str_eq(m->name, LABEL_NAME) && m->type == MATCH_EQ) {
			labels_quote(b, m->value);
			continue;
		}
		if (labels_name_plain(m->name))
			buf_add(b, m->name);
		else
			labels_quote(b, m->name);
		buf_add_c(b, ops[m->type]);
		labels_quote(b, m->value);
	}
	if (any)
		buf_add_char(b, '}');
	else if (e->selector.name.len == 0)
		buf_add_c(b, "{}");
}

static void put_extended(struct buf *b, const struct promql_expr *s)
{
	if (s->selector.anchored)
		buf_add_c(b, " anchored");
	if (s->selector.smoothed)
		buf_add_c(b, " smoothed");
}

static void put_binary(struct buf *b, const struct promql_expr *e)
{
	const struct promql_matching *m = &e->binary.matching;
	promql_print(e->binary.left, b);
	buf_printf(b, " %s ", op_text(e->binary.op));
	if (e->binary.is_bool)
		buf_add_c(b, "bool ");
	if (m->given && (m->on || m->names.count || m->card != CARD_ONE_TO_ONE)) {
		buf_add_c(b, m->on ? "on " : "ignoring ");
		put_names(b, m->names);
		buf_add_char(b, ' ');
	}
	if (m->card == CARD_MANY_TO_ONE || m->card == CARD_ONE_TO_MANY) {
		buf_add_c(b, m->card == CARD_MANY_TO_ONE ? "group_left " : "group_right ");
		put_names(b, m->include);
		buf_add_char(b, ' ');
	}
	if (m->fill_left) {
		buf_add_c(b, "fill_left (");
		promql_put_value(b, m->fill_left_value);
		buf_add_c(b, ") ");
	}
	if (m->fill_right) {
		buf_add_c(b, "fill_right (");
		promql_put_value(b, m->fill_right_value);
		buf_add_c(b, ") ");
	}
	promql_print(e->binary.right, b);
}

static void put_aggregate(struct buf *b, const struct promql_expr *e)
{
	buf_add_c(b, agg_text(e->agg.op));
	if (e->agg.without || e->agg.by.count) {
		buf_add_c(b, e->agg.without ? " without " : " by ");
		put_names(b, e->agg.by);
		buf_add_char(b, ' ');
	}
	buf_add_char(b, '(');
	if (e->agg.param) {
		promql_print(e->agg.param, b);
		buf_add_c(b, ", ");
	}
	promql_print(e->agg.inner, b);
	buf_add_char(b, ')');
}

void promql_print(const struct promql_expr *e, struct buf *b)
{
	switch (e->kind) {
	case EXPR_NUMBER:
		/* without a sign, which would be read as an operator that binds less than ^ */
		if (isinf(e->number.value) && e->number.value > 0)
			buf_add_c(b, "Inf");
		else
			promql_put_value(b, e->number.value);
		break;
	case EXPR_STRING: labels_quote(b, e->string); break;
	case EXPR_SELECTOR:
		put_matchers(b, e);
		put_extended(b, e);
		put_shift(b, &e->selector.shift);
		break;
	case EXPR_MATRIX:
		put_matchers(b, e->matrix.selector);
		buf_add_char(b, '[');
		put_duration(b, e->matrix.range);
		buf_add_char(b, ']');
		put_extended(b, e->matrix.selector);
		put_shift(b, &e->matrix.selector->selector.shift);
		break;
	case EXPR_SUBQUERY:
		promql_print(e->subquery.inner, b);
		buf_add_char(b, '[');
		put_duration(b, e->subquery.range);
		buf_add_char(b, ':');
		if (e->subquery.step)
			put_duration(b, e->subquery.step);
		buf_add_char(b, ']');
		put_shift(b, &e->subquery.shift);
		break;
	case EXPR_CALL:
		buf_add(b, e->call.name);
		buf_add_char(b, '(');
		for (size_t i = 0; i < e->call.count; i++) {
			if (i)
				buf_add_c(b, ", ");
			promql_print(e->call.args[i], b);
		}
		buf_add_char(b, ')');
		break;
	case EXPR_AGGREGATE: put_aggregate(b, e); break;
	case EXPR_BINARY: put_binary(b, e); break;
	case EXPR_UNARY:
		buf_add_char(b, e->unary.minus ? '-' : '+');
		promql_print(e->unary.inner, b);
		break;
	case EXPR_PAREN:
		buf_add_char(b, '(');
		promql_print(e->paren, b);
		buf_add_char(b, ')');
		break;
	case EXPR_DURATION: put_duration(b, e); break;
	}
}

void promql_selectors(const struct promql_expr *e,
    void (*see)(void *ctx, const struct matcher *m, size_t count), void *ctx)
{
	switch (e->kind) {
	case EXPR_SELECTOR: see(ctx, e->selector.matchers, e->selector.count); break;
	case EXPR_MATRIX: promql_selectors(e->matrix.selector, see, ctx); break;
	case EXPR_SUBQUERY: promql_selectors(e->subquery.inner, see, ctx); break;
	case EXPR_CALL:
		for (size_t i = 0; i < e->call.count; i++)
			promql_selectors(e->call.args[i], see, ctx);
		break;
	case EXPR_AGGREGATE:
		if (e->agg.param)
			promql_selectors(e->agg.param, see, ctx);
		promql_selectors(e->agg.inner, see, ctx);
		break;
	case EXPR_BINARY:
		promql_selectors(e->binary.left, see, ctx);
		promql_selectors(e->binary.right, see, ctx);
		break;
	case EXPR_UNARY: promql_selectors(e->unary.inner, see, ctx); break;
	case EXPR_PAREN: promql_selectors(e->paren, see, ctx); break;
	default: break;
	}
}
