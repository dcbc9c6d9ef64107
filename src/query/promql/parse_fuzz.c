/* SPDX-License-Identifier: Apache-2.0
 *
 * Lexer and parser on any bytes: no crash, positions inside the text, and what parses prints to
 * something that parses and prints the same.
 */
#include "query/promql/promql.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool ok)
{
	if (!ok)
		abort();
}

static void see(void *ctx, const struct matcher *m, size_t count)
{
	size_t *n = ctx;
	for (size_t i = 0; i < count; i++)
		*n += m[i].name.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = NULL;
	struct str text = str_make((const char *)data, size);
	struct promql_fault fault;
	const struct promql_expr *e = NULL, *again = NULL;
	if (arena_open(&mem_system, (size_t)1 << 26, &a) != OK)
		return 0;
	enum err err = promql_parse(a, text, &e, &fault);
	if (err == OK) {
		struct buf one = buf_make(&mem_system, 1 << 22), two = one;
		size_t names = 0;
		promql_selectors(e, see, &names);
		promql_print(e, &one);
		need(promql_type_of(e) != PROMQL_NONE);
		if (one.len <= PROMQL_QUERY_MAX &&
		    promql_parse(a, buf_str(&one), &again, &fault) == OK) {
			promql_print(again, &two);
			need(str_eq(buf_str(&one), buf_str(&two)));
		} else {
			need(one.len > PROMQL_QUERY_MAX || arena_err(a) != OK);
		}
		buf_free(&one);
		buf_free(&two);
	} else if (err == ERR_INPUT) {
		need(fault.from <= size && fault.line >= 1 && fault.column >= 1);
		need(fault.what.len > 0);
	}
	arena_close(&a);
	return 0;
}
