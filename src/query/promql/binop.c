/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary operators: element by element, vector against scalar, vectors that find each other by
 * labels, and the set operators.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>
#include <math.h>

/* One operand or result: a histogram when h is set, else a float. */
struct elem {
	double v;
	const struct hist *h;
};

static double arithmetic(enum promql_op op, double l, double r)
{
	switch (op) {
	case OP_ADD: return l + r;
	case OP_SUB: return l - r;
	case OP_MUL: return l * r;
	case OP_DIV: return l / r;
	case OP_MOD: return fmod(l, r);
	case OP_POW: return pow(l, r);
	case OP_ATAN2: return atan2(l, r);
	default: assert(op_is_comparison(op)); return l;
	}
}

static bool holds(enum promql_op op, double l, double r)
{
	switch (op) {
	case OP_EQ: return l == r;
	case OP_NE: return l != r;
	case OP_GT: return l > r;
	case OP_LT: return l < r;
	case OP_GE: return l >= r;
	case OP_LE: return l <= r;
	default: return true;
	}
}

enum outcome { DROPPED, FALSE_HOLDS, TRUE_HOLDS };

static enum outcome incompatible(
    struct ev *ev, const struct promql_expr *e, struct elem l, struct elem r)
{
	const char *op = op_text(e->binary.op);
	ev_note(ev, false, e->from,
	    "incompatible sample types encountered for binary operator \"%s\": %s %s %s", op,
	    l.h ? "histogram" : "float", op, r.h ? "histogram" : "float");
	return DROPPED;
}

static enum outcome both_hists(
    struct ev *ev, const struct promql_expr *e, struct elem l, struct elem r, struct elem *ret)
{
	enum promql_op op = e->binary.op;
	bool add = op == OP_ADD;
	struct hist_note note = { 0 };
	*ret = l;
	if (op == OP_EQ || op == OP_NE)
		return hist_equal(l.h, r.h) == (op == OP_EQ) ? TRUE_HOLDS : FALSE_HOLDS;
	if (op != OP_ADD && op != OP_SUB)
		return incompatible(ev, e, l, r);
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out) {
		ev_memory(ev);
		return DROPPED;
	}
	enum err err = add ? hist_add(ev->arena, l.h, r.h, out, &note)
	                   : hist_sub(ev->arena, l.h, r.h, out, &note);
	if (err == ERR_INPUT) {
		ev_note(ev, true, e->from,
		    "incompatible bucket layout encountered for binary operator %s", op_text(op));
		return DROPPED;
	}
	if (err != OK || hist_compact(ev->arena, out, out) != OK) {
		ev_memory(ev);
		return DROPPED;
	}
	if (note.hint_collision)
		ev_note(ev, true, e->from, "conflicting counter resets during histogram %s",
		    add ? "addition" : "subtraction");
	if (note.bounds_reconciled)
		ev_note(ev, false, e->from, "mismatched custom buckets were reconciled during %s",
		    add ? "addition" : "subtraction");
	if (!add)
		out->hint = HIST_GAUGE;
	ret->h = out;
	return TRUE_HOLDS;
}

static enum outcome trim(
    struct ev *ev, const struct promql_expr *e, struct elem l, struct elem r, struct elem *ret)
{
	if (!l.h || r.h)
		return incompatible(ev, e, l, r);
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	if (!out || hist_trim(ev->arena, l.h, r.v, e->binary.op == OP_TRIM_UPPER, out) != OK) {
		ev_memory(ev);
		return DROPPED;
	}
	*ret = (struct elem){ 0, out };
	return TRUE_HOLDS;
}

/* What the operator makes of two elements; DROPPED also after a failure. */
static enum outcome element(
    struct ev *ev, const struct promql_expr *e, struct elem l, struct elem r, struct elem *ret)
{
	enum promql_op op = e->binary.op;
	if (op == OP_TRIM_UPPER || op == OP_TRIM_LOWER)
		return trim(ev, e, l, r, ret);
	if (!l.h && !r.h) {
		*ret = (struct elem){ arithmetic(op, l.v, r.v), NULL };
		return holds(op, l.v, r.v) ? TRUE_HOLDS : FALSE_HOLDS;
	}
	if (l.h && r.h)
		return both_hists(ev, e, l, r, ret);
	if (op != OP_MUL && !(op == OP_DIV && l.h))
		return incompatible(ev, e, l, r);
	struct hist *out = arena_new(ev->arena, struct hist, 1);
	enum err err = !out           ? ERR_NOMEM
	               : op == OP_DIV ? hist_divide(ev->arena, l.h, r.v, out)
	               : l.h          ? hist_scale(ev->arena, l.h, r.v, out)
	                              : hist_scale(ev->arena, r.h, l.v, out);
	if (err != OK || hist_compact(ev->arena, out, out) != OK) {
		ev_memory(ev);
		return DROPPED;
	}
	*ret = (struct elem){ 0, out };
	return TRUE_HOLDS;
}

static bool scalar_scalar(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const double *l, const double *r, struct val *ret)
{
	double *out = arena_new(ev->arena, double, f->steps);
	if (!out)
		return ev_memory(ev);
	for (size_t i = 0; i < f->steps; i++)
		out[i] = op_is_comparison(e->binary.op) ? holds(e->binary.op, l[i], r[i])
		                                        : arithmetic(e->binary.op, l[i], r[i]);
	*ret = (struct val){ .type = PROMQL_SCALAR, .scalar = out };
	return true;
}

/* swapped: the scalar was on the left. */
static bool vector_scalar(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const struct rows *in, const double *s, bool swapped, struct val *ret)
{
	bool comparison = op_is_comparison(e->binary.op);
	struct row *out = rows_alloc(ev, in->count);
	if (!out)
		return false;
	for (size_t k = 0; k < in->count; k++) {
		const struct row *r = &in->list[k];
		bool drop = r->drop_name || !comparison || e->binary.is_bool;
		if (!ev_tick(ev, f->steps) || !row_make(ev, f, r->labels, drop, &out[k]))
			return false;
		for (size_t i = 0; i < f->steps; i++) {
			struct elem v = { r->v[i], slot_hist(r, i) }, n = { s[i], NULL }, got;
			if (!slot_is_set(r, i))
				continue;
			enum outcome o =
			    swapped ? element(ev, e, n, v, &got) : element(ev, e, v, n, &got);
			if (o == DROPPED || (o == FALSE_HOLDS && !e->binary.is_bool))
				continue;
			if (e->binary.is_bool)
				got = (struct elem){ o == TRUE_HOLDS, NULL };
			else if (comparison)
				got = v; /* the vector's value stays, on whichever side */
			if (got.h && !row_set_hist(ev, f, &out[k], i, got.h))
				return false;
			if (!got.h)
				out[k].v[i] = got.v;
		}
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { out, in->count } };
	return ev->err == OK;
}

/* ---- matching ---- */

static bool match_labels(
    struct ev *ev, const struct promql_matching *m, struct labels l, struct labels *ret)
{
	enum err e = m->on ? labels_keep(ev->arena, l, m->names.list, m->names.count, ret)
	                   : labels_without(ev->arena, l, m->names.list, m->names.count, true, ret);
	return e == OK || ev_memory(ev);
}

/* Rows by the labels they match on: for group g the rows order[first[g]] .. order[first[g + 1] -
 * 1]. */
struct sides {
	size_t groups;
	uint32_t *first[2], *order[2];
	uint32_t *group_of[2]; /* by row */
};

static bool group_rows(struct ev *ev, const struct promql_matching *m, const struct rows *l,
    const struct rows *r, struct sides *ret)
{
	const struct rows *side[2] = { l, r };
	struct labels_map map;
	if (labels_map_make(ev->arena, l->count + r->count, &map) != OK)
		return ev_memory(ev);
	for (int s = 0; s < 2; s++) {
		ret->group_of[s] = arena_new(ev->arena, uint32_t, side[s]->count);
		ret->order[s] = arena_new(ev->arena, uint32_t, side[s]->count);
		if (!ret->group_of[s] || !ret->order[s])
			return ev_memory(ev);
		for (size_t k = 0; k < side[s]->count; k++) {
			struct labels key;
			if (!match_labels(ev, m, side[s]->list[k].labels, &key))
				return false;
			if (labels_map_put(&map, key, &ret->group_of[s][k], NULL) != OK)
				return ev_memory(ev);
		}
	}
	ret->groups = map.count;
	for (int s = 0; s < 2; s++) {
		uint32_t *first = arena_new(ev->arena, uint32_t, (size_t)map.count + 2);
		if (!first)
			return ev_memory(ev);
		for (size_t k = 0; k < side[s]->count; k++)
			first[ret->group_of[s][k] + 2]++;
		for (size_t g = 2; g < (size_t)map.count + 2; g++)
			first[g] += first[g - 1];
		for (size_t k = 0; k < side[s]->count; k++)
			ret->order[s][first[ret->group_of[s][k] + 1]++] = (uint32_t)k;
		ret->first[s] = first;
	}
	return true;
}

struct join {
	struct ev *ev;
	const struct frame *f;
	const struct promql_expr *e;
	const struct rows *many, *one; /* after a swap for group_right */
	bool swapped;
	struct outset out;
	uint64_t stamp;
	/* by row of the many side: the partner last met, and the row of the output that they share
	 */
	const struct row **partner;
	uint32_t *out_row;
};

static bool result_labels(struct join *j, struct labels many, struct labels one, struct labels *ret)
{
	const struct promql_matching *m = &j->e->binary.matching;
	struct arena *a = j->ev->arena;
	enum err e = OK;
	*ret = many;
	if (!op_is_comparison(j->e->binary.op))
		e = labels_drop_meta(a, *ret, ret);
	if (e == OK && m->card == CARD_ONE_TO_ONE)
		e = m->on ? labels_keep(a, *ret, m->names.list, m->names.count, ret)
		          : labels_without(a, *ret, m->names.list, m->names.count, false, ret);
	for (size_t i = 0; e == OK && i < m->include.count; i++)
		e = labels_with(
		    a, *ret, m->include.list[i], labels_get(one, m->include.list[i]), ret);
	return e == OK || ev_memory(j->ev);
}

static bool fail_duplicate(struct join *j, const struct row *x, const struct row *y)
{
	struct labels key;
	struct buf b = buf_make(&mem_system, 1 << 16);
	bool in_order = labels_cmp(x->labels, y->labels) <= 0;
	if (!match_labels(j->ev, &j->e->binary.matching, x->labels, &key))
		return false;
	buf_add_c(&b, "found duplicate series for the match group ");
	labels_text_flat(key, &b);
	buf_printf(&b, " on the %s hand-side of the operation: [", j->swapped ? "left" : "right");
	labels_text_flat(in_order ? x->labels : y->labels, &b);
	buf_add_c(&b, ", ");
	labels_text_flat(in_order ? y->labels : x->labels, &b);
	buf_add_c(
	    &b, "];many-to-many matching not allowed: matching labels must be unique on one side");
	ev_fail(j->ev, ERR_INPUT, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return false;
}

/* The output row of row k of the many side and `one` (NULL: a fill value stands for it). */
static bool row_of_pair(struct join *j, uint32_t k, const struct row *one, uint32_t *ret)
{
	static const struct row filled = { 0 };
	const struct row *many = &j->many->list[k], *key = one ? one : &filled;
	struct labels l, one_labels = { 0 };
	if (j->partner[k] == key) {
		*ret = j->out_row[k];
		return true;
	}
	if (one)
		one_labels = one->labels;
	else if (!match_labels(j->ev, &j->e->binary.matching, many->labels, &one_labels))
		return false;
	bool drop = many->drop_name || j->e->binary.is_bool;
	if (!result_labels(j, many->labels, one_labels, &l) ||
	    !outset_row(j->ev, j->f, &j->out, l, drop, ret))
		return false;
	j->partner[k] = key;
	j->out_row[k] = *ret;
	return true;
}

/* One pair at one step; the elements may be fill values. */
static bool pair(
    struct join *j, size_t i, uint32_t row, struct elem many, struct elem one, bool *matched)
{
	const struct promql_expr *e = j->e;
	struct elem got = { 0 };
	enum outcome o =
	    j->swapped ? element(j->ev, e, one, many, &got) : element(j->ev, e, many, one, &got);
	if (j->ev->err != OK)
		return false;
	if (o == DROPPED)
		return true;
	if (e->binary.matching.card == CARD_ONE_TO_ONE) {
		if (*matched)
			return ev_fail(j->ev, ERR_INPUT,
			    "multiple matches for labels: many-to-one matching must be explicit "
			    "(group_left/group_right)");
	} else if (j->out.stamps[row] == j->stamp) {
		return ev_fail(j->ev, ERR_INPUT,
		    "multiple matches for labels: grouping labels must ensure unique matches");
	}
	*matched = true;
	j->out.stamps[row] = j->stamp;
	if (o == FALSE_HOLDS && !e->binary.is_bool)
		return true;
	if (e->binary.is_bool)
		got = (struct elem){ o == TRUE_HOLDS, NULL };
	return outset_put(j->ev, j->f, &j->out, row, i, got.v, got.h);
}

static struct elem elem_at(const struct row *r, size_t i)
{
	return (struct elem){ r->v[i], slot_hist(r, i) };
}

static bool join_group(struct join *j, const struct sides *s, size_t g, size_t i)
{
	const struct promql_matching *m = &j->e->binary.matching;
	const struct row *one = NULL;
	bool matched = false, seen = false;
	for (uint32_t k = s->first[1][g]; k < s->first[1][g + 1]; k++) {
		const struct row *r = &j->one->list[s->order[1][k]];
		if (!slot_is_set(r, i))
			continue;
		if (one)
			return fail_duplicate(j, one, r);
		one = r;
	}
	j->stamp++;
	for (uint32_t k = s->first[0][g]; k < s->first[0][g + 1]; k++) {
		uint32_t at = s->order[0][k], row;
		const struct row *r = &j->many->list[at];
		if (!slot_is_set(r, i))
			continue;
		seen = true;
		if (!one && !m->fill_right)
			continue;
		struct elem other = { m->fill_right_value, NULL };
		if (one)
			other = elem_at(one, i);
		if (!row_of_pair(j, at, one, &row) ||
		    !pair(j, i, row, elem_at(r, i), other, &matched))
			return false;
	}
	if (!m->fill_left || seen || !one)
		return true;
	struct labels many, l;
	uint32_t row;
	return match_labels(j->ev, m, one->labels, &many) &&
	       result_labels(j, many, one->labels, &l) &&
	       outset_row(j->ev, j->f, &j->out, l, j->e->binary.is_bool, &row) &&
	       pair(
	           j, i, row, (struct elem){ m->fill_left_value, NULL }, elem_at(one, i), &matched);
}

static bool *any_of(struct ev *ev, const struct frame *f, const struct rows *rows)
{
	bool *any = arena_new(ev->arena, bool, f->steps);
	if (!any)
		ev_memory(ev);
	for (size_t k = 0; any && k < rows->count; k++)
		for (size_t i = 0; i < f->steps; i++)
			any[i] = any[i] || slot_is_set(&rows->list[k], i);
	return any;
}

static bool vector_vector(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const struct rows *l, const struct rows *r, struct val *ret)
{
	const struct promql_matching *m = &e->binary.matching;
	struct sides s;
	bool swap = m->card == CARD_ONE_TO_MANY;
	struct join j = {
		.ev = ev, .f = f, .e = e, .many = swap ? r : l, .one = swap ? l : r, .swapped = swap
	};
	bool *any_many = any_of(ev, f, j.many), *any_one = any_of(ev, f, j.one);
	j.partner = arena_new(ev->arena, const struct row *, j.many->count);
	j.out_row = arena_new(ev->arena, uint32_t, j.many->count);
	if (!j.partner || !j.out_row)
		return ev_memory(ev);
	if (!any_many || !any_one || !outset_make(ev, j.many->count, &j.out) ||
	    !group_rows(ev, m, j.many, j.one, &s))
		return false;
	bool fill = m->fill_left || m->fill_right;
	for (size_t g = 0; g < s.groups; g++) {
		if (!ev_tick(ev, f->steps))
			return false;
		for (size_t i = 0; i < f->steps; i++)
			if ((fill || (any_many[i] && any_one[i])) && !join_group(&j, &s, g, i))
				return false;
	}
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = outset_rows(&j.out, f) };
	return true;
}

/* ---- and, or, unless ---- */

/* Copies the slots of `from` where the group has a value on the other side (or, with `want` false,
 * where it has none). */
static bool filter_row(struct ev *ev, const struct frame *f, const struct row *from,
    const bool *other, bool want, struct row *ret)
{
	if (!row_make(ev, f, from->labels, from->drop_name, ret))
		return false;
	for (size_t i = 0; i < f->steps; i++)
		if (slot_is_set(from, i) && other[i] == want && !row_copy_slot(ev, f, ret, from, i))
			return false;
	return true;
}

static bool set_operator(struct ev *ev, const struct frame *f, const struct promql_expr *e,
    const struct rows *l, const struct rows *r, struct val *ret)
{
	bool is_or = e->binary.op == OP_OR;
	/* `or` filters the right side by the left, the others the left by the right */
	const struct rows *kept = is_or ? r : l, *by = is_or ? l : r;
	struct sides s;
	bool *other = arena_new(ev->arena, bool, f->steps);
	size_t base = is_or ? l->count : 0;
	struct row *out = rows_alloc(ev, base + kept->count);
	if (!other || !out)
		return ev_memory(ev);
	if (!group_rows(ev, &e->binary.matching, kept, by, &s))
		return false;
	for (size_t k = 0; k < base; k++)
		out[k] = l->list[k];
	for (size_t g = 0; g < s.groups; g++) {
		if (!ev_tick(ev, f->steps))
			return false;
		memset(other, 0, f->steps * sizeof(*other));
		for (uint32_t k = s.first[1][g]; k < s.first[1][g + 1]; k++)
			for (size_t i = 0; i < f->steps; i++)
				other[i] = other[i] || slot_is_set(&by->list[s.order[1][k]], i);
		for (uint32_t k = s.first[0][g]; k < s.first[0][g + 1]; k++) {
			uint32_t at = s.order[0][k];
			if (!filter_row(ev, f, &kept->list[at], other, e->binary.op == OP_AND,
			        &out[base + at]))
				return false;
		}
	}
	size_t n = 0;
	for (size_t k = 0; k < base + kept->count; k++)
		if (row_count(&out[k], f->steps) > 0)
			out[n++] = out[k];
	*ret = (struct val){ .type = PROMQL_VECTOR, .rows = { out, n } };
	return !is_or || rows_merge(ev, f, &ret->rows);
}

bool ev_binary(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	struct val l, r;
	if (!ev_eval(ev, f, e->binary.left, &l) || !ev_eval(ev, f, e->binary.right, &r))
		return false;
	bool lv = l.type == PROMQL_VECTOR, rv = r.type == PROMQL_VECTOR;
	assert((lv || l.type == PROMQL_SCALAR) && (rv || r.type == PROMQL_SCALAR));
	if (lv && rv)
		return op_is_set(e->binary.op) ? set_operator(ev, f, e, &l.rows, &r.rows, ret)
		                               : vector_vector(ev, f, e, &l.rows, &r.rows, ret);
	if (lv)
		return vector_scalar(ev, f, e, &l.rows, r.scalar, false, ret);
	if (rv)
		return vector_scalar(ev, f, e, &r.rows, l.scalar, true, ret);
	return scalar_scalar(ev, f, e, l.scalar, r.scalar, ret);
}
