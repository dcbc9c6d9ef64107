/* SPDX-License-Identifier: Apache-2.0
 *
 * The lexer. See lex.h.
 */
#include "query/promql/lex.h"
#include "query/promql/ast.h"
#include <assert.h>
#include <stdio.h>

static const struct {
	struct str word;
	enum token_type type;
	int agg;
} keywords[] = {
	{ STR_INIT("and"), TOK_LAND, 0 },
	{ STR_INIT("or"), TOK_LOR, 0 },
	{ STR_INIT("unless"), TOK_LUNLESS, 0 },
	{ STR_INIT("atan2"), TOK_ATAN2, 0 },
	{ STR_INIT("sum"), TOK_AGGREGATOR, AGG_SUM },
	{ STR_INIT("avg"), TOK_AGGREGATOR, AGG_AVG },
	{ STR_INIT("count"), TOK_AGGREGATOR, AGG_COUNT },
	{ STR_INIT("min"), TOK_AGGREGATOR, AGG_MIN },
	{ STR_INIT("max"), TOK_AGGREGATOR, AGG_MAX },
	{ STR_INIT("group"), TOK_AGGREGATOR, AGG_GROUP },
	{ STR_INIT("stddev"), TOK_AGGREGATOR, AGG_STDDEV },
	{ STR_INIT("stdvar"), TOK_AGGREGATOR, AGG_STDVAR },
	{ STR_INIT("topk"), TOK_AGGREGATOR, AGG_TOPK },
	{ STR_INIT("bottomk"), TOK_AGGREGATOR, AGG_BOTTOMK },
	{ STR_INIT("limitk"), TOK_AGGREGATOR, AGG_LIMITK },
	{ STR_INIT("limit_ratio"), TOK_AGGREGATOR, AGG_LIMIT_RATIO },
	{ STR_INIT("quantile"), TOK_AGGREGATOR, AGG_QUANTILE },
	{ STR_INIT("count_values"), TOK_AGGREGATOR, AGG_COUNT_VALUES },
	{ STR_INIT("by"), TOK_BY, 0 },
	{ STR_INIT("without"), TOK_WITHOUT, 0 },
	{ STR_INIT("on"), TOK_ON, 0 },
	{ STR_INIT("ignoring"), TOK_IGNORING, 0 },
	{ STR_INIT("group_left"), TOK_GROUP_LEFT, 0 },
	{ STR_INIT("group_right"), TOK_GROUP_RIGHT, 0 },
	{ STR_INIT("bool"), TOK_BOOL, 0 },
	{ STR_INIT("offset"), TOK_OFFSET, 0 },
	{ STR_INIT("anchored"), TOK_ANCHORED, 0 },
	{ STR_INIT("smoothed"), TOK_SMOOTHED, 0 },
	{ STR_INIT("fill"), TOK_FILL, 0 },
	{ STR_INIT("fill_left"), TOK_FILL_LEFT, 0 },
	{ STR_INIT("fill_right"), TOK_FILL_RIGHT, 0 },
	{ STR_INIT("start"), TOK_START, 0 },
	{ STR_INIT("end"), TOK_END_WORD, 0 },
	{ STR_INIT("step"), TOK_STEP, 0 },
	{ STR_INIT("range"), TOK_RANGE, 0 },
	{ STR_INIT("inf"), TOK_NUMBER, 0 },
	{ STR_INIT("nan"), TOK_NUMBER, 0 },
};

struct lexer lexer_make(struct str text)
{
	assert(text.len <= UINT32_MAX);
	return (struct lexer){ .text = text };
}

bool token_is_word(enum token_type t)
{
	return t >= TOK_AGGREGATOR || t == TOK_LAND || t == TOK_LOR || t == TOK_LUNLESS ||
	       t == TOK_ATAN2;
}

bool token_is_operator(enum token_type t)
{
	return t >= TOK_ADD && t <= TOK_LUNLESS;
}

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : '\0';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static struct token token(const struct lexer *l, enum token_type type, size_t from)
{
	return (struct token){ .type = type,
		.from = (uint32_t)from,
		.to = (uint32_t)l->at,
		.text = str_make(l->text.ptr + from, l->at - from) };
}

static struct token fail(struct lexer *l, size_t from, const char *what)
{
	snprintf(l->error, sizeof(l->error), "%s", what);
	l->error_from = (uint32_t)from;
	struct token t = token(l, TOK_ERROR, from);
	l->at = l->text.len;
	return t;
}

/* `what` and the character at the place as Go quotes it: unexpected character: '&' */
static struct token fail_char(struct lexer *l, size_t from, const char *what)
{
	struct str rest = str_from(l->text, l->at);
	unsigned char c = rest.len ? (unsigned char)rest.ptr[0] : 0;
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	char text[96];
	struct str one = str_first(rest, n);
	if (rest.len == 0)
		snprintf(text, sizeof(text), "%s: end of input", what);
	else if (c == '\'' || c == '\\')
		snprintf(text, sizeof(text), "%s: '\\%c'", what, c);
	else if (c < 0x20 || !str_utf8_valid(one))
		snprintf(text, sizeof(text), "%s: '\\x%02x'", what, c);
	else
		snprintf(text, sizeof(text), "%s: '%.*s'", what, STR_ARG(one));
	return fail(l, from, text);
}

/* Blanks and comments. */
static void skip(struct lexer *l)
{
	for (;;) {
		char c = peek(l, 0);
		if (l->at >= l->text.len)
			return;
		if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			l->at++;
		} else if (c == '#') {
			while (l->at < l->text.len && l->text.ptr[l->at] != '\n')
				l->at++;
		} else {
			return;
		}
	}
}

static struct token lex_string(struct lexer *l)
{
	size_t from = l->at;
	char quote = l->text.ptr[l->at++];
	while (l->at < l->text.len) {
		char c = l->text.ptr[l->at];
		if (c == quote) {
			l->at++;
			return token(l, TOK_STRING, from);
		}
		if (quote != '`' && c == '\n')
			break;
		l->at += quote != '`' && c == '\\' && l->at + 1 < l->text.len ? 2 : 1;
	}
	return fail(
	    l, from, quote == '`' ? "unterminated raw string" : "unterminated quoted string");
}

/* The length of a unit of time at the place, or 0. */
static size_t unit(const struct lexer *l)
{
	char c = peek(l, 0), d = peek(l, 1);
	if (c == 'm' && d == 's')
		return 2;
	return c == 's' || c == 'm' || c == 'h' || c == 'd' || c == 'w' || c == 'y';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static struct token lex_number(struct lexer *l)
{
	size_t from = l->at;
	bool point = false;
	if (peek(l, 0) == '0' && (peek(l, 1) == 'x' || peek(l, 1) == 'X')) {
		l->at += 2;
		while (is_hex(peek(l, 0)))
			l->at++;
	} else {
		while (is_digit(peek(l, 0)))
			l->at++;
		if (l->at > from && unit(l)) {
			size_t n;
			while ((n = unit(l)) != 0) { /* 1h30m */
				l->at += n;
				size_t digits = l->at;
				while (is_digit(peek(l, 0)))
					l->at++;
				if (l->at == digits)
					break;
			}
			if (!is_digit(l->text.ptr[l->at - 1]) && !is_alpha(peek(l, 0)))
				return token(l, TOK_DURATION, from);
			goto bad;
		}
		if (peek(l, 0) == '.') {
			point = true;
			l->at++;
			while (is_digit(peek(l, 0)))
				l->at++;
		}
		size_t digits = l->at - from - point;
		char c = peek(l, 0);
		if (digits && (c == 'e' || c == 'E')) {
			size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
			if (is_digit(peek(l, 1 + sign))) {
				l->at += 1 + sign;
				while (is_digit(peek(l, 0)))
					l->at++;
			}
		}
	}
	if (!is_alpha(peek(l, 0)) && !is_digit(peek(l, 0)) && peek(l, 0) != '.')
		return token(l, TOK_NUMBER, from);
bad:
	if (l->at < l->text.len)
		l->at++;
	char text[96];
	snprintf(text, sizeof(text), "bad number or duration syntax: \"%.*s\"",
	    (int)(l->at - from > 40 ? 40 : l->at - from), l->text.ptr + from);
	return fail(l, from, text);
}

static struct token lex_word(struct lexer *l)
{
	size_t from = l->at;
	bool colon = false;
	while (is_alpha(peek(l, 0)) || is_digit(peek(l, 0)) ||
	       (!l->braces && !l->bracket && peek(l, 0) == ':')) {
		colon = colon || peek(l, 0) == ':';
		l->at++;
	}
	struct token t = token(l, colon ? TOK_METRIC_IDENT : TOK_IDENT, from);
	if (l->braces || colon)
		return t;
	for (size_t i = 0; i < ARRAY_COUNT(keywords); i++) {
		if (str_eq_nocase(keywords[i].word, t.text)) {
			t.type = keywords[i].type;
			t.agg = keywords[i].agg;
			break;
		}
	}
	return t;
}

/* Words that begin with =, !, < or >. */
static struct token lex_compare(struct lexer *l)
{
	size_t from = l->at;
	char c = peek(l, 0), d = peek(l, 1);
	l->at++;
	if (d == '=' && (c != '=' || !l->braces)) {
		l->at++;
		return token(l,
		    c == '='   ? TOK_EQLC
		    : c == '!' ? TOK_NEQ
		    : c == '<' ? TOK_LTE
		               : TOK_GTE,
		    from);
	}
	if (d == '/' && !l->braces && (c == '<' || c == '>')) {
		l->at++;
		return token(l, c == '<' ? TOK_TRIM_UPPER : TOK_TRIM_LOWER, from);
	}
	if (d == '~' && l->braces && (c == '=' || c == '!')) {
		l->at++;
		return token(l, c == '=' ? TOK_EQ_REGEX : TOK_NEQ_REGEX, from);
	}
	if (c == '=') {
		if (d == '~' && !l->braces)
			return fail_char(l, from, "unexpected character after '='");
		return token(l, TOK_ASSIGN, from);
	}
	if (c == '!')
		return fail_char(l, from,
		    l->braces ? "unexpected character after '!' inside braces"
		              : "unexpected character after '!'");
	return token(l, c == '<' ? TOK_LSS : TOK_GTR, from);
}

static struct token lex_braces(struct lexer *l, size_t from)
{
	char c = peek(l, 0);
	if (from >= l->text.len)
		return fail(l, from, "unexpected end of input inside braces");
	if (is_alpha(c))
		return lex_word(l);
	if (c == '"' || c == '\'' || c == '`')
		return lex_string(l);
	if (c == '=' || c == '!')
		return lex_compare(l);
	if (c == '{')
		return fail_char(l, from, "unexpected left brace");
	if (c != ',' && c != '}')
		return fail_char(l, from, "unexpected character inside braces");
	l->at++;
	if (c == '}')
		l->braces = false;
	return token(l, c == ',' ? TOK_COMMA : TOK_RBRACE, from);
}

/* Brackets, commas, operators of one character. */
static struct token lex_sign(struct lexer *l, size_t from)
{
	static const char signs[] = "+-*/%^,@";
	static const enum token_type types[] = { TOK_ADD, TOK_SUB, TOK_MUL, TOK_DIV, TOK_MOD,
		TOK_POW, TOK_COMMA, TOK_AT };
	char c = peek(l, 0);
	const char *sign = c ? strchr(signs, c) : NULL;
	if (sign) {
		l->at++;
		return token(l, types[sign - signs], from);
	}
	switch (c) {
	case '(':
		l->at++;
		l->parens++;
		return token(l, TOK_LPAREN, from);
	case ')':
		if (l->parens == 0)
			return fail_char(l, from, "unexpected right parenthesis");
		l->at++;
		l->parens--;
		return token(l, TOK_RPAREN, from);
	case '{':
		l->at++;
		l->braces = true;
		return token(l, TOK_LBRACE, from);
	case '[':
		if (l->bracket)
			return fail_char(l, from, "unexpected left bracket");
		l->at++;
		l->bracket = true;
		l->colon_seen = false;
		return token(l, TOK_LBRACKET, from);
	case ']':
		if (!l->bracket)
			return fail_char(l, from, "unexpected right bracket");
		l->at++;
		l->bracket = false;
		return token(l, TOK_RBRACKET, from);
	default:
		return fail_char(
		    l, from, c == '}' ? "unexpected right brace" : "unexpected character");
	}
}

struct token lexer_next(struct lexer *l)
{
	skip(l);
	size_t from = l->at;
	char c = peek(l, 0);
	if (l->braces)
		return lex_braces(l, from);
	if (from >= l->text.len) {
		if (l->parens)
			return fail(l, from, "unclosed left parenthesis");
		if (l->bracket)
			return fail(l, from, "unclosed left bracket");
		return token(l, TOK_END, from);
	}
	if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
		return lex_number(l);
	if (l->bracket && c == ':') {
		if (l->colon_seen)
			return fail_char(l, from, "unexpected second colon(:) in brackets");
		l->colon_seen = true;
		l->at++;
		return token(l, TOK_COLON, from);
	}
	if (is_alpha(c) || c == ':')
		return lex_word(l);
	if (c == '"' || c == '\'' || c == '`')
		return lex_string(l);
	if (c == '=' || c == '!' || c == '<' || c == '>')
		return lex_compare(l);
	return lex_sign(l, from);
}
