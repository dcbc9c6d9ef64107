/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser: operator precedence climbing over the lexer's words. The first error is kept and ends
 * everything (every function returns NULL from then on). Types are looked at afterwards, in
 * check.c.
 */
#include "query/promql/parse_priv.h"
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void parser_fail(struct parser *p, uint32_t from, uint32_t to, const char *format, ...)
{
	if (p->failed)
		return;
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	p->failed = true;
	*p->fault = (struct promql_fault){
		.from = from, .to = to, .what = arena_str(p->arena, str_c(text))
	};
}

struct token parser_peek(struct parser *p)
{
	if (!p->has_ahead) {
		p->ahead = lexer_next(&p->lexer);
		p->has_ahead = true;
	}
	return p->ahead;
}

void parser_advance(struct parser *p)
{
	p->last_to = p->tok.to;
	p->tok = parser_peek(p);
	p->has_ahead = false;
}

/* A word as the messages name it. */
static void describe(const struct token *t, char *out, size_t size)
{
	int len = t->text.len > 100 ? 100 : (int)t->text.len;
	const char *kind = t->type == TOK_IDENT          ? "identifier "
	                   : t->type == TOK_METRIC_IDENT ? "metric identifier "
	                   : t->type == TOK_STRING       ? "string "
	                   : t->type == TOK_NUMBER       ? "number "
	                   : t->type == TOK_DURATION     ? "duration "
	                                                 : "";
	if (t->type == TOK_END)
		snprintf(out, size, "end of input");
	else if (t->type == TOK_AGGREGATOR)
		snprintf(out, size, "<aggr:%.*s>", len, t->text.ptr);
	else if (token_is_operator(t->type))
		snprintf(out, size, "<op:%.*s>", len, t->text.ptr);
	else if (t->type > TOK_AGGREGATOR)
		snprintf(out, size, "<%.*s>", len, t->text.ptr);
	else if (t->type == TOK_STRING && t->text.len > 10)
		snprintf(out, size, "%s%.10s...", kind, t->text.ptr);
	else if (t->type == TOK_STRING)
		snprintf(out, size, "%s%.*s", kind, len, t->text.ptr);
	else
		snprintf(out, size, "%s\"%.*s\"", kind, len, t->text.ptr);
}

void *parser_unexpected(struct parser *p, const char *context, const char *expected)
{
	char what[160];
	if (p->tok.type == TOK_ERROR) {
		parser_fail(p, p->lexer.error_from, p->tok.to, "%s", p->lexer.error);
		return NULL;
	}
	describe(&p->tok, what, sizeof(what));
	parser_fail(p, p->tok.from, p->tok.to, "unexpected %s%s%s%s%s", what, context ? " in " : "",
	    context ? context : "", expected ? ", expected " : "", expected ? expected : "");
	return NULL;
}

struct promql_expr *parser_node(struct parser *p, enum promql_kind kind, uint32_t from, uint32_t to)
{
	struct promql_expr *e = p->failed ? NULL : arena_new(p->arena, struct promql_expr, 1);
	if (!e) {
		parser_fail(p, from, to, "the query needs too much memory");
		return NULL;
	}
	e->kind = kind;
	e->from = from;
	e->to = to;
	return e;
}

bool parser_take(struct parser *p, enum token_type type)
{
	if (p->tok.type != type)
		return false;
	parser_advance(p);
	return true;
}

/* A literal number in any of its spellings. */
static double number_value(struct parser *p, const struct token *t)
{
	struct str s = t->text;
	uint64_t v = 0;
	double d = 0;
	if (t->type == TOK_DURATION) {
		struct span span;
		if (span_parse(s, &span) != OK)
			parser_fail(p, t->from, t->to, "not a valid duration string: \"%.*s\"",
			    (int)(s.len > 60 ? 60 : s.len), s.ptr);
		else
			d = (double)(span.ns / NS_PER_MS) / 1000;
		return d;
	}
	if (s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 32) == 'x') {
		for (size_t i = 2; i < s.len; i++) {
			char c = s.ptr[i];
			unsigned digit = (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
			d = d * 16 + digit;
		}
		return d;
	}
	bool octal = s.len > 1 && s.ptr[0] == '0';
	for (size_t i = 0; i < s.len; i++)
		octal = octal && s.ptr[i] >= '0' && s.ptr[i] <= '7';
	if (octal && s.len < 20) {
		for (size_t i = 0; i < s.len; i++)
			v = v * 8 + (uint64_t)(s.ptr[i] - '0');
		return (double)v;
	}
	if (str_f64(s, true, &d) == OK)
		return d;
	/* "2.", ".5", and more digits than the strict reader takes: the lexer has seen to the form,
	 * and no program of ours leaves the "C" locale */
	struct str z = arena_str(p->arena, s);
	char *end = NULL;
	if (z.ptr && z.len && (z.ptr[0] == '.' || (z.ptr[0] >= '0' && z.ptr[0] <= '9')))
		d = strtod(z.ptr, &end);
	if (end && end == z.ptr + z.len)
		return d;
	parser_fail(p, t->from, t->to, "error parsing number: \"%.*s\"",
	    (int)(s.len > 60 ? 60 : s.len), s.ptr);
	return 0;
}

struct promql_expr *parser_number(struct parser *p, const char *context, const char *expected)
{
	struct token t = p->tok;
	if (t.type != TOK_NUMBER && t.type != TOK_DURATION)
		return parser_unexpected(p, context, expected);
	struct promql_expr *e = parser_node(p, EXPR_NUMBER, t.from, t.to);
	if (!e)
		return NULL;
	e->number.value = number_value(p, &t);
	e->number.is_duration = t.type == TOK_DURATION;
	e->type = PROMQL_SCALAR;
	parser_advance(p);
	return e;
}

static struct promql_expr *string_literal(struct parser *p)
{
	struct promql_expr *e = parser_node(p, EXPR_STRING, p->tok.from, p->tok.to);
	if (!e || !parser_unquote(p, &p->tok, &e->string))
		return NULL;
	e->type = PROMQL_STRING;
	parser_advance(p);
	return e;
}

/* (a, b, c) of expressions; the tok is at the opening parenthesis. */
static bool arguments(struct parser *p, struct promql_expr ***ret, size_t *ret_count)
{
	struct promql_expr *list[256];
	size_t n = 0;
	assert(p->tok.type == TOK_LPAREN);
	parser_advance(p);
	while (p->tok.type != TOK_RPAREN) {
		if (n == ARRAY_COUNT(list)) {
			parser_fail(p, p->tok.from, p->tok.to, "too many arguments");
			return false;
		}
		list[n] = parser_expr(p, 0);
		if (!list[n++])
			return false;
		if (p->tok.type == TOK_COMMA) {
			parser_advance(p);
			if (p->tok.type == TOK_RPAREN) {
				parser_fail(p, p->tok.from, p->tok.to,
				    "trailing commas not allowed in function call args");
				return false;
			}
		} else if (p->tok.type != TOK_RPAREN) {
			parser_unexpected(p, NULL, NULL);
			return false;
		}
	}
	parser_advance(p);
	*ret = arena_new(p->arena, struct promql_expr *, n);
	if (!*ret)
		return false;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = list[i];
	*ret_count = n;
	return true;
}

static struct promql_expr *call(struct parser *p)
{
	struct token name = p->tok;
	struct promql_expr *e = parser_node(p, EXPR_CALL, name.from, name.to);
	const struct promql_function *f = promql_function_find(name.text);
	if (!f) {
		parser_fail(p, name.from, name.to, "unknown function with name \"%.*s\"",
		    (int)(name.text.len > 100 ? 100 : name.text.len), name.text.ptr);
		return NULL;
	}
	parser_advance(p);
	if (!e || !arguments(p, &e->call.args, &e->call.count))
		return NULL;
	e->call.function = f;
	e->call.name = name.text;
	e->to = p->last_to;
	e->type = f->type;
	return e;
}

bool parser_label_list(struct parser *p, struct names *ret)
{
	struct str list[LABELS_MAX];
	size_t n = 0;
	if (p->tok.type != TOK_LPAREN)
		return parser_unexpected(p, "grouping opts", "\"(\"") != NULL;
	parser_advance(p);
	while (p->tok.type != TOK_RPAREN) {
		if (n == ARRAY_COUNT(list)) {
			parser_fail(p, p->tok.from, p->tok.to, "too many labels");
			return false;
		}
		if (p->tok.type == TOK_STRING) {
			if (!parser_unquote(p, &p->tok, &list[n]))
				return false;
			if (list[n].len == 0 || !str_utf8_valid(list[n])) {
				parser_fail(p, p->tok.from, p->tok.to,
				    "invalid label name for grouping: %.*s",
				    (int)(p->tok.text.len > 100 ? 100 : p->tok.text.len),
				    p->tok.text.ptr);
				return false;
			}
			n++;
		} else if (p->tok.type == TOK_IDENT || token_is_word(p->tok.type) ||
		           (p->tok.type == TOK_NUMBER && !(p->tok.text.ptr[0] <= '9'))) {
			list[n++] = p->tok.text;
		} else {
			return parser_unexpected(p, "grouping opts", "label") != NULL;
		}
		parser_advance(p);
		if (p->tok.type != TOK_COMMA && p->tok.type != TOK_RPAREN)
			return parser_unexpected(p, "grouping opts", "\",\" or \")\"") != NULL;
		parser_take(p, TOK_COMMA);
	}
	parser_advance(p);
	struct str *copy = arena_new(p->arena, struct str, n);
	if (!copy)
		return false;
	for (size_t i = 0; i < n; i++)
		copy[i] = list[i];
	*ret = (struct names){ copy, n };
	return true;
}

static bool grouping(struct parser *p, struct promql_expr *e)
{
	if (p->tok.type != TOK_BY && p->tok.type != TOK_WITHOUT)
		return true;
	e->agg.without = p->tok.type == TOK_WITHOUT;
	e->agg.grouped = true;
	parser_advance(p);
	return parser_label_list(p, &e->agg.by);
}

static struct promql_expr *aggregate(struct parser *p)
{
	struct promql_expr *e = parser_node(p, EXPR_AGGREGATE, p->tok.from, p->tok.to);
	if (!e)
		return NULL;
	e->agg.op = (enum promql_agg)p->tok.agg;
	e->type = PROMQL_VECTOR;
	parser_advance(p);
	if (!grouping(p, e))
		return NULL;
	if (p->tok.type != TOK_LPAREN)
		return parser_unexpected(p, "aggregation", NULL);
	struct promql_expr **args = NULL;
	size_t n = 0;
	if (!arguments(p, &args, &n) || (!e->agg.grouped && !grouping(p, e)))
		return NULL;
	e->to = p->last_to;
	size_t want = agg_has_param(e->agg.op) ? 2 : 1;
	if (n == 0) {
		parser_fail(p, e->from, e->to, "no arguments for aggregate expression provided");
		return NULL;
	}
	if (n != want) {
		parser_fail(p, e->from, e->to,
		    "wrong number of arguments for aggregate expression provided, expected %zu, "
		    "got %zu",
		    want, n);
		return NULL;
	}
	e->agg.inner = args[n - 1];
	e->agg.param = n == 2 ? args[0] : NULL;
	return e;
}

static struct promql_expr *primary(struct parser *p)
{
	struct token t = p->tok, next = parser_peek(p);
	struct promql_expr *e;
	switch (t.type) {
	case TOK_LPAREN:
		e = parser_node(p, EXPR_PAREN, t.from, t.to);
		parser_advance(p);
		if (!e || !(e->paren = parser_expr(p, 0)))
			return NULL;
		if (p->tok.type != TOK_RPAREN)
			return parser_unexpected(p, NULL, NULL);
		parser_advance(p);
		e->to = p->last_to;
		return e;
	case TOK_NUMBER:
	case TOK_DURATION: return parser_number(p, NULL, NULL);
	case TOK_STRING: return string_literal(p);
	case TOK_LBRACE:
	case TOK_METRIC_IDENT: return parser_selector(p);
	case TOK_AGGREGATOR:
		if (next.type == TOK_LPAREN || next.type == TOK_BY || next.type == TOK_WITHOUT)
			return aggregate(p);
		return parser_selector(p);
	case TOK_IDENT:
	case TOK_START:
	case TOK_END_WORD:
	case TOK_STEP:
	case TOK_RANGE: return next.type == TOK_LPAREN ? call(p) : parser_selector(p);
	case TOK_LAND:
	case TOK_LOR:
	case TOK_LUNLESS:
	case TOK_BY:
	case TOK_WITHOUT:
	case TOK_OFFSET:
	case TOK_ANCHORED:
	case TOK_SMOOTHED:
	case TOK_FILL:
	case TOK_FILL_LEFT:
	case TOK_FILL_RIGHT: return parser_selector(p);
	default: return parser_unexpected(p, NULL, NULL);
	}
}

static struct promql_expr *unary(struct parser *p)
{
	struct token t = p->tok;
	if (t.type != TOK_ADD && t.type != TOK_SUB) {
		struct promql_expr *e = primary(p);
		while (e && !p->failed && parser_has_postfix(p))
			e = parser_postfix(p, e);
		return p->failed ? NULL : e;
	}
	parser_advance(p);
	if (++p->depth > PROMQL_DEPTH_MAX) {
		parser_fail(p, t.from, t.to, "the expression is nested too deeply");
		return NULL;
	}
	struct promql_expr *inner = parser_expr(p, PREC_POW);
	p->depth--;
	if (!inner)
		return NULL;
	if (inner->kind == EXPR_NUMBER) {
		if (t.type == TOK_SUB)
			inner->number.value = -inner->number.value;
		inner->from = t.from;
		return inner;
	}
	struct promql_expr *e = parser_node(p, EXPR_UNARY, t.from, inner->to);
	if (!e)
		return NULL;
	e->unary.minus = t.type == TOK_SUB;
	e->unary.inner = inner;
	return e;
}

static const struct {
	enum token_type token;
	enum promql_op op;
	int prec;
} binaries[] = {
	{ TOK_LOR, OP_OR, 1 },
	{ TOK_LAND, OP_AND, 2 },
	{ TOK_LUNLESS, OP_UNLESS, 2 },
	{ TOK_EQLC, OP_EQ, 3 },
	{ TOK_NEQ, OP_NE, 3 },
	{ TOK_GTR, OP_GT, 3 },
	{ TOK_LSS, OP_LT, 3 },
	{ TOK_GTE, OP_GE, 3 },
	{ TOK_LTE, OP_LE, 3 },
	{ TOK_TRIM_UPPER, OP_TRIM_UPPER, 3 },
	{ TOK_TRIM_LOWER, OP_TRIM_LOWER, 3 },
	{ TOK_ADD, OP_ADD, 4 },
	{ TOK_SUB, OP_SUB, 4 },
	{ TOK_MUL, OP_MUL, 5 },
	{ TOK_DIV, OP_DIV, 5 },
	{ TOK_MOD, OP_MOD, 5 },
	{ TOK_ATAN2, OP_ATAN2, 5 },
	{ TOK_POW, OP_POW, PREC_POW },
};

int parser_binary_prec(enum token_type t, enum promql_op *ret_op)
{
	for (size_t i = 0; i < ARRAY_COUNT(binaries); i++) {
		if (binaries[i].token == t) {
			*ret_op = binaries[i].op;
			return binaries[i].prec;
		}
	}
	return -1;
}

struct promql_expr *parser_expr(struct parser *p, int min_prec)
{
	enum promql_op op = OP_NONE;
	if (++p->depth > PROMQL_DEPTH_MAX) {
		parser_fail(p, p->tok.from, p->tok.to, "the expression is nested too deeply");
		return NULL;
	}
	struct promql_expr *left = unary(p);
	while (left && !p->failed) {
		int prec = parser_binary_prec(p->tok.type, &op);
		if (prec < 0 || prec < min_prec)
			break;
		struct promql_expr *e = parser_node(p, EXPR_BINARY, left->from, p->tok.to);
		parser_advance(p);
		if (!e || !parser_matching(p, e, op))
			return NULL;
		e->binary.op = op;
		e->binary.left = left;
		/* left-associative, but for ^ */
		e->binary.right = parser_expr(p, op == OP_POW ? prec : prec + 1);
		if (!e->binary.right)
			return NULL;
		e->to = e->binary.right->to;
		left = e;
	}
	p->depth--;
	return p->failed ? NULL : left;
}

static void locate(struct str query, struct promql_fault *f)
{
	uint32_t at = f->from <= query.len ? f->from : (uint32_t)query.len;
	f->line = 1;
	f->column = at + 1;
	for (uint32_t i = 0; i < at; i++) {
		if (query.ptr[i] == '\n') {
			f->line++;
			f->column = at - i;
		}
	}
}

static bool begin(struct parser *p, struct arena *a, struct str query, struct promql_fault *fault)
{
	*p = (struct parser){ .arena = a, .fault = fault };
	*fault = (struct promql_fault){ 0 };
	if (query.len > PROMQL_QUERY_MAX) {
		parser_fail(p, 0, 0, "the query is longer than %u bytes", PROMQL_QUERY_MAX);
		return false;
	}
	if (!str_utf8_valid(query)) {
		parser_fail(p, 0, 0, "the query is not valid UTF-8");
		return false;
	}
	p->lexer = lexer_make(query);
	parser_advance(p);
	return true;
}

enum err promql_parse(struct arena *a, struct str query, const struct promql_expr **ret,
    struct promql_fault *ret_fault)
{
	struct parser p;
	struct promql_expr *e = NULL;
	if (begin(&p, a, query, ret_fault)) {
		if (p.tok.type == TOK_END)
			parser_fail(&p, 0, 0, "no expression found in input");
		e = p.failed ? NULL : parser_expr(&p, 0);
		if (e && p.tok.type != TOK_END)
			parser_unexpected(&p, NULL, NULL);
	}
	enum err err = arena_err(a);
	if (err == OK)
		err = p.failed || !e ? ERR_INPUT : promql_check(a, e, ret_fault);
	locate(query, ret_fault);
	if (err != OK)
		return arena_err(a) ? arena_err(a) : err;
	*ret = e;
	return OK;
}

enum err promql_parse_selector(struct arena *a, struct str text, const struct matcher **ret,
    size_t *ret_count, struct promql_fault *ret_fault)
{
	struct parser p;
	struct promql_expr *e = NULL;
	if (begin(&p, a, text, ret_fault)) {
		bool call = parser_peek(&p).type == TOK_LPAREN;
		if (p.tok.type == TOK_LBRACE || p.tok.type == TOK_METRIC_IDENT ||
		    (!call && (p.tok.type == TOK_IDENT || token_is_word(p.tok.type))))
			e = parser_selector(&p);
		else
			parser_unexpected(&p, NULL, NULL);
		if (e && p.tok.type != TOK_END)
			parser_unexpected(&p, NULL, NULL);
	}
	enum err err = arena_err(a);
	if (err == OK)
		err = p.failed || !e ? ERR_INPUT : promql_check(a, e, ret_fault);
	locate(text, ret_fault);
	if (err != OK)
		return err;
	*ret = e->selector.matchers;
	*ret_count = e->selector.count;
	return OK;
}

void promql_fault_text(const struct promql_fault *f, struct buf *b)
{
	buf_printf(b, "%u:%u: parse error: ", f->line, f->column);
	buf_add(b, f->what);
}
