/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser, second half: selectors with their matchers and modifiers, durations, vector matching.
 */
#include "query/promql/parse_priv.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

static void put_utf8(char *out, size_t *n, uint32_t c)
{
	if (c < 0x80) {
		out[(*n)++] = (char)c;
	} else if (c < 0x800) {
		out[(*n)++] = (char)(0xc0 | c >> 6);
		out[(*n)++] = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		out[(*n)++] = (char)(0xe0 | c >> 12);
		out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[(*n)++] = (char)(0x80 | (c & 0x3f));
	} else {
		out[(*n)++] = (char)(0xf0 | c >> 18);
		out[(*n)++] = (char)(0x80 | (c >> 12 & 0x3f));
		out[(*n)++] = (char)(0x80 | (c >> 6 & 0x3f));
		out[(*n)++] = (char)(0x80 | (c & 0x3f));
	}
}

static int digit_of(char c, unsigned base)
{
	int d = c >= '0' && c <= '9'   ? c - '0'
	        : c >= 'a' && c <= 'f' ? c - 'a' + 10
	        : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                               : 99;
	return d < (int)base ? d : -1;
}

/* One escape after its backslash; *i stands on the letter and is left on the last used byte. */
static bool escape(struct str body, size_t *i, char quote, char *out, size_t *n)
{
	static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
	char c = body.ptr[*i];
	const char *simple = c ? strchr(from, c) : NULL;
	if (simple || c == quote) {
		out[(*n)++] = simple ? to[simple - from] : quote;
		return true;
	}
	size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 3;
	unsigned base = c == 'x' || c == 'u' || c == 'U' ? 16 : 8;
	size_t at = base == 16 ? *i + 1 : *i;
	if (base == 8 && (c < '0' || c > '7'))
		return false;
	if (at + digits > body.len)
		return false;
	uint32_t value = 0;
	for (size_t k = 0; k < digits; k++) {
		int d = digit_of(body.ptr[at + k], base);
		if (d < 0)
			return false;
		value = value * base + (uint32_t)d;
	}
	*i = at + digits - 1;
	if (c == 'x' || base == 8) {
		if (value > 255)
			return false;
		out[(*n)++] = (char)value; /* a byte, whatever it makes of the UTF-8 */
		return true;
	}
	if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
		return false;
	put_utf8(out, n, value);
	return true;
}

bool parser_unquote(struct parser *p, const struct token *t, struct str *ret)
{
	assert(t->type == TOK_STRING && t->text.len >= 2);
	char quote = t->text.ptr[0];
	struct str body = str_make(t->text.ptr + 1, t->text.len - 2);
	if (quote == '`' || str_find(body, '\\') == body.len) {
		*ret = body;
		return true;
	}
	char *out = arena_new(p->arena, char, body.len + 1);
	size_t n = 0;
	if (!out)
		return false;
	for (size_t i = 0; i < body.len; i++) {
		if (body.ptr[i] != '\\') {
			out[n++] = body.ptr[i];
			continue;
		}
		if (++i == body.len || !escape(body, &i, quote, out, &n)) {
			parser_fail(p, t->from, t->to,
			    "error unquoting string \"%.*s\": invalid syntax",
			    (int)(body.len > 100 ? 100 : body.len), body.ptr);
			return false;
		}
	}
	*ret = str_make(out, n);
	return true;
}

static bool add_matcher(struct parser *p, struct matcher *m, const struct token *at)
{
	struct regex *re = NULL;
	struct str why = STR("");
	if (m->type != MATCH_RE && m->type != MATCH_NRE)
		return true;
	if (regex_make(p->arena, m->value, &re, &why) != OK) {
		parser_fail(p, at->from, at->to, "error parsing regexp: %.*s: `%.*s`", STR_ARG(why),
		    (int)(m->value.len > 100 ? 100 : m->value.len), m->value.ptr);
		return false;
	}
	m->re = re;
	return true;
}

/* One matcher inside braces: name op "value", "name" op "value" or "metric name". */
static bool one_matcher(struct parser *p, struct matcher *ret)
{
	struct token name = p->tok;
	*ret = (struct matcher){ .type = MATCH_EQ, .name = name.text };
	if (name.type == TOK_STRING) {
		if (!parser_unquote(p, &name, &ret->name))
			return false;
	} else if (name.type != TOK_IDENT) {
		return parser_unexpected(p, "label matching", "identifier or \"}\"") != NULL;
	}
	parser_advance(p);
	switch (p->tok.type) {
	case TOK_ASSIGN: break;
	case TOK_NEQ: ret->type = MATCH_NE; break;
	case TOK_EQ_REGEX: ret->type = MATCH_RE; break;
	case TOK_NEQ_REGEX: ret->type = MATCH_NRE; break;
	default:
		if (name.type == TOK_STRING &&
		    (p->tok.type == TOK_COMMA || p->tok.type == TOK_RBRACE)) {
			ret->value = ret->name; /* the metric's name */
			ret->name = LABEL_NAME;
			return true;
		}
		return parser_unexpected(p, "label matching", "label matching operator") != NULL;
	}
	parser_advance(p);
	if (p->tok.type != TOK_STRING)
		return parser_unexpected(p, "label matching", "string") != NULL;
	struct token value = p->tok;
	if (!parser_unquote(p, &value, &ret->value))
		return false;
	if (ret->name.len == 0 || !str_utf8_valid(ret->name)) {
		parser_fail(p, name.from, name.to, "invalid label name %.*s",
		    (int)(name.text.len > 100 ? 100 : name.text.len), name.text.ptr);
		return false;
	}
	parser_advance(p);
	return add_matcher(p, ret, &value);
}

static bool twice(struct parser *p, struct promql_expr *e, struct str a, struct str b)
{
	parser_fail(p, e->from, e->to, "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
	    (int)(a.len > 80 ? 80 : a.len), a.ptr, (int)(b.len > 80 ? 80 : b.len), b.ptr);
	return false;
}

static bool braces(
    struct parser *p, struct promql_expr *e, struct matcher *list, size_t max, size_t *n)
{
	bool quoted_name = false;
	parser_advance(p);
	while (p->tok.type != TOK_RBRACE) {
		bool is_string = p->tok.type == TOK_STRING;
		if (*n == max) {
			parser_fail(p, p->tok.from, p->tok.to, "too many label matchers");
			return false;
		}
		if (!one_matcher(p, &list[*n]))
			return false;
		bool bare =
		    is_string && str_eq(list[*n].name, LABEL_NAME) && list[*n].type == MATCH_EQ;
		if (bare && (quoted_name || e->selector.name.len))
			return twice(
			    p, e, *n ? list[*n - 1].value : e->selector.name, list[*n].value);
		quoted_name = quoted_name || bare;
		(*n)++;
		if (p->tok.type != TOK_COMMA && p->tok.type != TOK_RBRACE)
			return parser_unexpected(p, "label matching", "\",\" or \"}\"") != NULL;
		parser_take(p, TOK_COMMA);
	}
	parser_advance(p);
	e->to = p->last_to;
	return true;
}

struct promql_expr *parser_selector(struct parser *p)
{
	struct matcher list[256];
	size_t n = 0;
	struct promql_expr *e = parser_node(p, EXPR_SELECTOR, p->tok.from, p->tok.to);
	if (!e)
		return NULL;
	e->type = PROMQL_VECTOR;
	if (p->tok.type != TOK_LBRACE) {
		e->selector.name = p->tok.text;
		parser_advance(p);
	}
	if (p->tok.type == TOK_LBRACE && !braces(p, e, list, ARRAY_COUNT(list) - 1, &n))
		return NULL;
	if (e->selector.name.len) {
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i].name, LABEL_NAME)) {
				twice(p, e, e->selector.name, list[i].value);
				return NULL;
			}
		list[n++] = (struct matcher){
			.type = MATCH_EQ, .name = LABEL_NAME, .value = e->selector.name
		};
	}
	struct matcher *copy = arena_new(p->arena, struct matcher, n);
	if (!copy)
		return NULL;
	for (size_t i = 0; i < n; i++)
		copy[i] = list[i];
	e->selector.matchers = copy;
	e->selector.count = n;
	return e;
}

static struct promql_expr *duration_expr(struct parser *p, int min_prec);

/* step(), range(), min(a, b), max(a, b) */
static struct promql_expr *duration_call(struct parser *p)
{
	struct token t = p->tok;
	struct promql_expr *e = parser_node(p, EXPR_DURATION, t.from, t.to);
	parser_advance(p);
	if (!e || p->tok.type != TOK_LPAREN)
		return parser_unexpected(p, "duration", "\"(\"");
	parser_advance(p);
	if (t.type == TOK_AGGREGATOR) {
		e->duration.op = t.agg == AGG_MIN ? OP_MIN : OP_MAX;
		e->duration.left = duration_expr(p, 0);
		if (!e->duration.left)
			return NULL;
		if (!parser_take(p, TOK_COMMA))
			return parser_unexpected(p, "duration", "\",\"");
		e->duration.right = duration_expr(p, 0);
		if (!e->duration.right)
			return NULL;
	} else {
		e->duration.op = t.type == TOK_STEP ? OP_STEP : OP_RANGE;
	}
	if (p->tok.type != TOK_RPAREN)
		return parser_unexpected(p, "duration", "\")\"");
	parser_advance(p);
	e->to = p->last_to;
	return e;
}

/* A number, a duration, a call, or anything in parentheses. */
static struct promql_expr *duration_atom(struct parser *p, const char *context)
{
	struct token t = p->tok;
	bool minmax = t.type == TOK_AGGREGATOR && (t.agg == AGG_MIN || t.agg == AGG_MAX);
	if (t.type == TOK_STEP || t.type == TOK_RANGE || minmax)
		return duration_call(p);
	if (t.type != TOK_LPAREN)
		return parser_number(p, context, "number, duration, step(), or range()");
	parser_advance(p);
	struct promql_expr *e = duration_expr(p, 0);
	if (!e)
		return NULL;
	if (p->tok.type != TOK_RPAREN)
		return parser_unexpected(p, context, "\")\"");
	parser_advance(p);
	if (e->kind == EXPR_DURATION)
		e->duration.wrapped = true;
	e->from = t.from;
	e->to = p->last_to;
	return e;
}

static struct promql_expr *duration_unary(struct parser *p, const char *context, bool atom_only)
{
	struct token t = p->tok;
	if (t.type != TOK_ADD && t.type != TOK_SUB)
		return duration_atom(p, context);
	parser_advance(p);
	if (++p->depth > PROMQL_DEPTH_MAX) {
		parser_fail(p, t.from, t.to, "the expression is nested too deeply");
		return NULL;
	}
	struct promql_expr *inner =
	    atom_only ? duration_unary(p, context, true) : duration_expr(p, PREC_POW);
	p->depth--;
	if (!inner || t.type == TOK_ADD)
		return inner;
	if (inner->kind == EXPR_NUMBER) {
		inner->number.value = -inner->number.value;
		inner->from = t.from;
		return inner;
	}
	struct promql_expr *e = parser_node(p, EXPR_DURATION, t.from, inner->to);
	if (!e)
		return NULL;
	e->duration.op = OP_SUB;
	e->duration.right = inner;
	return e;
}

static struct promql_expr *duration_expr(struct parser *p, int min_prec)
{
	enum promql_op op = OP_NONE;
	if (++p->depth > PROMQL_DEPTH_MAX) {
		parser_fail(p, p->tok.from, p->tok.to, "the expression is nested too deeply");
		return NULL;
	}
	struct promql_expr *left = duration_unary(p, "subquery or range selector", false);
	while (left && !p->failed) {
		int prec = parser_binary_prec(p->tok.type, &op);
		if (prec < 4 || prec < min_prec || op == OP_ATAN2)
			break;
		struct promql_expr *e = parser_node(p, EXPR_DURATION, left->from, p->tok.to);
		parser_advance(p);
		struct promql_expr *right = duration_expr(p, op == OP_POW ? prec : prec + 1);
		if (!e || !right)
			return NULL;
		e->duration.op = op;
		e->duration.left = left;
		e->duration.right = right;
		e->to = right->to;
		left = e;
	}
	p->depth--;
	return left;
}

bool parser_has_postfix(const struct parser *p)
{
	enum token_type t = p->tok.type;
	return t == TOK_LBRACKET || t == TOK_OFFSET || t == TOK_AT || t == TOK_ANCHORED ||
	       t == TOK_SMOOTHED;
}

static struct promql_expr *bracket(struct parser *p, struct promql_expr *e)
{
	parser_advance(p);
	struct promql_expr *range = duration_expr(p, 0), *step = NULL;
	if (!range)
		return NULL;
	bool subquery = parser_take(p, TOK_COLON);
	if (subquery && p->tok.type != TOK_RBRACKET && !(step = duration_expr(p, 0)))
		return NULL;
	if (p->tok.type != TOK_RBRACKET)
		return parser_unexpected(p, "subquery or range selector", "\"]\"");
	parser_advance(p);
	if (!subquery && e->kind != EXPR_SELECTOR) {
		parser_fail(p, e->from, p->last_to, "ranges only allowed for vector selectors");
		return NULL;
	}
	if (!subquery && e->selector.shift.offset) {
		parser_fail(p, e->from, p->last_to, "no offset modifiers allowed before range");
		return NULL;
	}
	if (!subquery && e->selector.shift.at != AT_NONE) {
		parser_fail(p, e->from, p->last_to, "no @ modifiers allowed before range");
		return NULL;
	}
	struct promql_expr *out =
	    parser_node(p, subquery ? EXPR_SUBQUERY : EXPR_MATRIX, e->from, p->last_to);
	if (!out)
		return NULL;
	out->type = PROMQL_MATRIX;
	if (subquery) {
		out->subquery.inner = e;
		out->subquery.range = range;
		out->subquery.step = step;
	} else {
		out->matrix.selector = e;
		out->matrix.range = range;
	}
	return out;
}

/* The shift of what a modifier stands behind, or NULL with a complaint. */
static struct promql_shift *shift_of(struct parser *p, struct promql_expr *e, const char *modifier)
{
	if (e->kind == EXPR_SELECTOR)
		return &e->selector.shift;
	if (e->kind == EXPR_MATRIX)
		return &e->matrix.selector->selector.shift;
	if (e->kind == EXPR_SUBQUERY)
		return &e->subquery.shift;
	parser_fail(p, e->from, e->to,
	    "%s modifier must be preceded by an instant vector selector or range vector selector "
	    "or a subquery",
	    modifier);
	return NULL;
}

static struct promql_expr *offset(struct parser *p, struct promql_expr *e)
{
	struct promql_shift *shift = shift_of(p, e, "offset");
	if (!shift)
		return NULL;
	parser_advance(p);
	struct promql_expr *by = duration_unary(p, "offset", true);
	if (!by)
		return NULL;
	if (shift->offset) {
		parser_fail(p, e->from, p->last_to, "offset may not be set multiple times");
		return NULL;
	}
	shift->offset = by;
	e->to = p->last_to;
	return e;
}

static struct promql_expr *at_modifier(struct parser *p, struct promql_expr *e)
{
	struct promql_shift *shift = shift_of(p, e, "@");
	if (!shift)
		return NULL;
	parser_advance(p);
	enum promql_at at = AT_TIME;
	double sign = 1, seconds = 0;
	if (p->tok.type == TOK_START || p->tok.type == TOK_END_WORD) {
		at = p->tok.type == TOK_START ? AT_START : AT_END;
		parser_advance(p);
		if (!parser_take(p, TOK_LPAREN) || p->tok.type != TOK_RPAREN)
			return parser_unexpected(p, "@", "timestamp");
		parser_advance(p);
	} else {
		while (p->tok.type == TOK_ADD || p->tok.type == TOK_SUB) {
			sign = p->tok.type == TOK_SUB ? -sign : sign;
			parser_advance(p);
		}
		struct promql_expr *n = parser_number(p, "@", "timestamp");
		if (!n)
			return NULL;
		seconds = sign * n->number.value;
		if (!isfinite(seconds) || fabs(seconds) > 9.2e15) {
			parser_fail(p, e->from, p->last_to,
			    "timestamp out of bounds for @ modifier: %f", seconds);
			return NULL;
		}
	}
	if (shift->at != AT_NONE) {
		parser_fail(p, e->from, p->last_to, "@ <timestamp> may not be set multiple times");
		return NULL;
	}
	shift->at = at;
	shift->at_ms = (int64_t)llround(seconds * 1000);
	e->to = p->last_to;
	return e;
}

static struct promql_expr *extended(struct parser *p, struct promql_expr *e)
{
	bool anchored = p->tok.type == TOK_ANCHORED;
	struct promql_expr *s = e->kind == EXPR_MATRIX ? e->matrix.selector : e;
	if (s->kind != EXPR_SELECTOR || (anchored && e->kind != EXPR_MATRIX)) {
		parser_fail(p, e->from, p->tok.to,
		    anchored ? "anchored modifier must be preceded by a range vector selector"
		             : "smoothed modifier must be preceded by an instant vector selector "
		               "or range vector selector");
		return NULL;
	}
	if (anchored ? s->selector.smoothed : s->selector.anchored) {
		parser_fail(p, e->from, p->tok.to,
		    "anchored and smoothed modifiers cannot be used together");
		return NULL;
	}
	if (anchored)
		s->selector.anchored = true;
	else
		s->selector.smoothed = true;
	parser_advance(p);
	e->to = p->last_to;
	return e;
}

struct promql_expr *parser_postfix(struct parser *p, struct promql_expr *e)
{
	switch (p->tok.type) {
	case TOK_LBRACKET: return bracket(p, e);
	case TOK_OFFSET: return offset(p, e);
	case TOK_AT: return at_modifier(p, e);
	default: return extended(p, e);
	}
}

static bool fill_value(struct parser *p, double *ret)
{
	parser_advance(p);
	if (p->tok.type != TOK_LPAREN)
		return parser_unexpected(p, "fill modifier", "\"(\"") != NULL;
	parser_advance(p);
	double sign = 1;
	while (p->tok.type == TOK_ADD || p->tok.type == TOK_SUB) {
		sign = p->tok.type == TOK_SUB ? -sign : sign;
		parser_advance(p);
	}
	struct promql_expr *n = parser_number(p, "fill modifier", "number");
	if (!n)
		return false;
	*ret = sign * n->number.value;
	if (p->tok.type != TOK_RPAREN)
		return parser_unexpected(p, "fill modifier", "\")\"") != NULL;
	parser_advance(p);
	return true;
}

static bool is_fill(enum token_type t, enum token_type next)
{
	return (t == TOK_FILL || t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT) && next == TOK_LPAREN;
}

bool parser_matching(struct parser *p, struct promql_expr *e, enum promql_op op)
{
	struct promql_matching *m = &e->binary.matching;
	m->card = op_is_set(op) ? CARD_MANY_TO_MANY : CARD_ONE_TO_ONE;
	e->binary.is_bool = parser_take(p, TOK_BOOL);
	if (p->tok.type == TOK_ON || p->tok.type == TOK_IGNORING) {
		m->on = p->tok.type == TOK_ON;
		m->given = true;
		parser_advance(p);
		if (!parser_label_list(p, &m->names))
			return false;
	}
	if (m->given && (p->tok.type == TOK_GROUP_LEFT || p->tok.type == TOK_GROUP_RIGHT)) {
		m->card = p->tok.type == TOK_GROUP_LEFT ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
		parser_advance(p);
		/* "group_left (x) y": parentheses here are always the list of labels */
		if (p->tok.type == TOK_LPAREN && !parser_label_list(p, &m->include))
			return false;
	}
	while (is_fill(p->tok.type, parser_peek(p).type)) {
		enum token_type t = p->tok.type;
		double v = 0;
		if (!fill_value(p, &v))
			return false;
		if (t != TOK_FILL_RIGHT) {
			m->fill_left = true;
			m->fill_left_value = v;
		}
		if (t != TOK_FILL_LEFT) {
			m->fill_right = true;
			m->fill_right_value = v;
		}
	}
	return !p->failed;
}
