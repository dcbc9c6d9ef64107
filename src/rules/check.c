/* SPDX-License-Identifier: Apache-2.0
 *
 * See check.h.
 */
#include "rules/check.h"
#include "query/promql/promql.h"

enum err rules_query_check(struct arena *a, struct str query, struct str *ret_why)
{
	const struct promql_expr *expr;
	struct promql_fault fault = { 0 };
	enum err err = promql_parse(a, query, &expr, &fault);
	if (err == OK) {
		enum promql_type type = promql_type_of(expr);
		if (type == PROMQL_VECTOR || type == PROMQL_SCALAR)
			return OK;
		*ret_why = type == PROMQL_MATRIX
		               ? STR("this gives a range of samples, a rule needs one value: use a "
		                     "function such as rate")
		               : STR("this gives text, a rule needs a vector or a scalar");
		return ERR_INPUT;
	}
	if (err != ERR_INPUT)
		return err;
	struct buf b = buf_make(&mem_system, 4096);
	buf_add_c(&b, "this is not PromQL: ");
	promql_fault_text(&fault, &b);
	struct str why = arena_str(a, str_utf8_first(buf_str(&b), 1024));
	buf_free(&b);
	if (!why.ptr)
		return arena_err(a);
	*ret_why = why;
	return ERR_INPUT;
}
