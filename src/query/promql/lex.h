/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of PromQL. The lexer borrows the text and allocates nothing; keywords in any case. Inside
 * braces there are no keywords; ':' is a word of its own inside brackets. Room-private.
 */
#pragma once
#include "base/str.h"

enum token_type {
	TOK_END,
	TOK_ERROR, /* lexer.error says why */
	TOK_IDENT,
	TOK_METRIC_IDENT, /* holds a colon */
	TOK_STRING,
	TOK_NUMBER,
	TOK_DURATION,
	TOK_LPAREN,
	TOK_RPAREN,
	TOK_LBRACE,
	TOK_RBRACE,
	TOK_LBRACKET,
	TOK_RBRACKET,
	TOK_COMMA,
	TOK_COLON,
	TOK_ASSIGN,
	TOK_AT,
	/* operators */
	TOK_ADD,
	TOK_SUB,
	TOK_MUL,
	TOK_DIV,
	TOK_MOD,
	TOK_POW,
	TOK_ATAN2,
	TOK_EQLC,
	TOK_NEQ,
	TOK_GTR,
	TOK_LSS,
	TOK_GTE,
	TOK_LTE,
	TOK_EQ_REGEX,
	TOK_NEQ_REGEX,
	TOK_TRIM_UPPER,
	TOK_TRIM_LOWER,
	TOK_LAND,
	TOK_LOR,
	TOK_LUNLESS,
	/* words */
	TOK_AGGREGATOR, /* lexer token's agg says which */
	TOK_BY,
	TOK_WITHOUT,
	TOK_ON,
	TOK_IGNORING,
	TOK_GROUP_LEFT,
	TOK_GROUP_RIGHT,
	TOK_BOOL,
	TOK_OFFSET,
	TOK_ANCHORED,
	TOK_SMOOTHED,
	TOK_FILL,
	TOK_FILL_LEFT,
	TOK_FILL_RIGHT,
	TOK_START,
	TOK_END_WORD,
	TOK_STEP,
	TOK_RANGE,
};

struct token {
	enum token_type type;
	uint32_t from, to;
	struct str text;
	int agg; /* enum promql_agg of TOK_AGGREGATOR */
};

struct lexer {
	struct str text;
	size_t at;
	unsigned parens;
	bool braces, bracket, colon_seen;
	char error[96]; /* why the last token is TOK_ERROR */
	uint32_t error_from;
};

struct lexer lexer_make(struct str text);
struct token lexer_next(struct lexer *l);
/* True for words that may also be metric or label names. */
bool token_is_word(enum token_type t);
bool token_is_operator(enum token_type t);
