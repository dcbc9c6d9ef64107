/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that look at labels or order: sort*, label_replace, label_join.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

int natural_cmp(struct str a, struct str b)
{
	size_t i = 0, k = 0;
	while (i < a.len && k < b.len) {
		bool da = a.ptr[i] >= '0' && a.ptr[i] <= '9';
		bool db = b.ptr[k] >= '0' && b.ptr[k] <= '9';
		size_t ia = i, kb = k;
		while (ia < a.len && (a.ptr[ia] >= '0' && a.ptr[ia] <= '9') == da)
			ia++;
		while (kb < b.len && (b.ptr[kb] >= '0' && b.ptr[kb] <= '9') == db)
			kb++;
		struct str x = str_make(a.ptr + i, ia - i), y = str_make(b.ptr + k, kb - k);
		int c;
		if (da && db) {
			while (x.len > 1 && x.ptr[0] == '0')
				x = str_from(x, 1);
			while (y.len > 1 && y.ptr[0] == '0')
				y = str_from(y, 1);
			c = x.len != y.len ? (x.len < y.len ? -1 : 1) : str_cmp(x, y);
		} else {
			c = str_cmp(x, y);
		}
		if (c != 0)
			return c;
		i = ia;
		k = kb;
	}
	return i < a.len ? 1 : k < b.len ? -1 : 0;
}

struct order {
	struct row row;
	size_t place;
	const struct promql_expr *call;
	int direction;
};

static int by_value(const void *x, const void *y)
{
	const struct order *a = x, *b = y;
	double v = a->row.v[0], u = b->row.v[0];
	if (isnan(v) != isnan(u))
		return isnan(v) ? 1 : -1; /* last, whatever the direction */
	if (v != u && !isnan(v))
		return (v < u ? -1 : 1) * a->direction;
	return a->place < b->place ? -1 : 1;
}

static int by_label(const void *x, const void *y)
{
	const struct order *a = x, *b = y;
	for (size_t i = 1; i < a->call->call.count; i++) {
		struct str name = expr_bare(a->call->call.args[i])->string;
		int c =
		    natural_cmp(labels_get(a->row.labels, name), labels_get(b->row.labels, name));
		if (c != 0)
			return c * a->direction;
	}
	return labels_cmp(a->row.labels, b->row.labels) * a->direction;
}

static bool sort_rows(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    int direction, bool labels, struct val *ret)
{
	struct rows in;
	if (!ev_vector(ev, f, e->call.args[0], &in))
		return false;
	if (ev->step != 0)
		ev_note(ev, true, e->from,
		    "sort is ineffective for range queries since results are always ordered by "
		    "labels");
	struct order *order = arena_new(ev->arena, struct order, in.count);
	struct row *out = rows_alloc(ev, in.count);
	if (!order || !out)
		return ev_memory(ev);
	size_t n = 0;
	for (size_t k = 0; k < in.count; k++) {
		struct row r = in.list[k];
		if (!labels)
			r.h = NULL; /* histograms have no order */
		if (row_count(&r, f->steps) > 0)
			order[n++] = (struct order){ r, k, e, direction };
	}
	if (n > 1 && (labels || f->steps == 1))
		qsort(order, n, sizeof(*order), labels ? by_label : by_value);
	for (size_t k = 0; k < n; k++)
		out[k] = order[k].row;
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { out, n } };
	return true;
}

bool func_sort(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	return sort_rows(ev, f, e, 1, false, ret);
}

bool func_sort_desc(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	return sort_rows(ev, f, e, -1, false, ret);
}

bool func_sort_by_label(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	return sort_rows(ev, f, e, 1, true, ret);
}

bool func_sort_by_label_desc(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	return sort_rows(ev, f, e, -1, true, ret);
}

static struct str text_arg(const struct promql_expr *e, size_t i)
{
	const struct promql_expr *arg = expr_bare(e->call.args[i]);
	return arg->kind == EXPR_STRING ? arg->string : STR("");
}

static bool name_ok(struct str name)
{
	return name.len > 0 && str_utf8_valid(name);
}

/* Sets one label of a row; rows may be shared, so the caller works on a copy of the list. */
static bool relabel(struct ev *ev, struct row *r, struct str name, struct str value)
{
	struct str kept = arena_str(ev->arena, value);
	if (!kept.ptr || labels_with(ev->arena, r->labels, name, kept, &r->labels) != OK)
		return ev_memory(ev);
	if (str_eq(name, LABEL_NAME))
		r->drop_name = false;
	return true;
}

static bool rows_clone(struct ev *ev, const struct rows *in, struct rows *ret)
{
	ret->list = rows_alloc(ev, in->count);
	if (!ret->list)
		return false;
	for (size_t k = 0; k < in->count; k++)
		ret->list[k] = in->list[k];
	ret->count = in->count;
	return true;
}

bool func_label_replace(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct str dst = text_arg(e, 1), template = text_arg(e, 2), src = text_arg(e, 3);
	struct str pattern = text_arg(e, 4);
	struct regex *re;
	struct rows in;
	ret->type = PROMQL_VECTOR;
	if (regex_make(ev->arena, pattern, &re, NULL) != OK)
		return ev_fail(ev, ERR_INPUT, "invalid regular expression in label_replace(): %.*s",
		    STR_ARG(pattern));
	if (!name_ok(dst))
		return ev_fail(ev, ERR_INPUT,
		    "invalid destination label name in label_replace(): %.*s", STR_ARG(dst));
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_clone(ev, &in, &ret->rows))
		return false;
	bool ok = true;
	struct buf b = buf_make(&mem_system, 1 << 16);
	for (size_t k = 0; ok && k < in.count; k++) {
		buf_clear(&b);
		if (!regex_expand(re, labels_get(in.list[k].labels, src), template, &b))
			continue;
		ok = b.err == OK ? relabel(ev, &ret->rows.list[k], dst, buf_str(&b))
		                 : ev_fail(ev, b.err, "a label's value became too long");
	}
	buf_free(&b);
	return ok && rows_merge(ev, f, &ret->rows);
}

bool func_label_join(
    struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct str dst = text_arg(e, 1), sep = text_arg(e, 2);
	struct rows in;
	ret->type = PROMQL_VECTOR;
	for (size_t i = 3; i < e->call.count; i++)
		if (!name_ok(text_arg(e, i)))
			return ev_fail(ev, ERR_INPUT,
			    "invalid source label name in label_join(): %.*s",
			    STR_ARG(text_arg(e, i)));
	if (!name_ok(dst))
		return ev_fail(ev, ERR_INPUT,
		    "invalid destination label name in label_join(): %.*s", STR_ARG(dst));
	if (!ev_vector(ev, f, e->call.args[0], &in) || !rows_clone(ev, &in, &ret->rows))
		return false;
	bool ok = true;
	struct buf b = buf_make(&mem_system, 1 << 16);
	for (size_t k = 0; ok && k < in.count; k++) {
		buf_clear(&b);
		for (size_t i = 3; i < e->call.count; i++) {
			if (i > 3)
				buf_add(&b, sep);
			buf_add(&b, labels_get(in.list[k].labels, text_arg(e, i)));
		}
		ok = b.err == OK ? relabel(ev, &ret->rows.list[k], dst, buf_str(&b))
		                 : ev_fail(ev, b.err, "a label's value became too long");
	}
	buf_free(&b);
	return ok && rows_merge(ev, f, &ret->rows);
}
