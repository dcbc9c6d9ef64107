/* SPDX-License-Identifier: Apache-2.0
 *
 * What parse.c and parse_selector.c share.
 */
#pragma once
#include "base/time.h"
#include "query/promql/ast.h"
#include "query/promql/func.h"
#include "query/promql/lex.h"

#define PREC_POW 6

struct parser {
	struct arena *arena;
	struct lexer lexer;
	struct token tok, ahead;
	bool has_ahead;
	uint32_t last_to; /* end of the word before tok */
	unsigned depth;
	bool failed;
	struct promql_fault *fault;
};

void parser_fail(struct parser *p, uint32_t from, uint32_t to, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Complains of the current word; always NULL. */
void *parser_unexpected(struct parser *p, const char *context, const char *expected);
struct token parser_peek(struct parser *p);
void parser_advance(struct parser *p);
bool parser_take(struct parser *p, enum token_type type);
struct promql_expr *parser_node(
    struct parser *p, enum promql_kind kind, uint32_t from, uint32_t to);
struct promql_expr *parser_expr(struct parser *p, int min_prec);
struct promql_expr *parser_number(struct parser *p, const char *context, const char *expected);
bool parser_label_list(struct parser *p, struct names *ret);
int parser_binary_prec(enum token_type t, enum promql_op *ret_op);

/* parse_selector.c */
bool parser_unquote(struct parser *p, const struct token *t, struct str *ret);
struct promql_expr *parser_selector(struct parser *p);
bool parser_has_postfix(const struct parser *p);
struct promql_expr *parser_postfix(struct parser *p, struct promql_expr *e);
bool parser_matching(struct parser *p, struct promql_expr *e, enum promql_op op);
