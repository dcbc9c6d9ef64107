/* SPDX-License-Identifier: Apache-2.0
 *
 * Output rows by labels. See eval_priv.h.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>

bool outset_make(struct ev *ev, size_t expected, struct outset *ret)
{
	*ret = (struct outset){ .cap = expected < 8 ? 8 : expected };
	ret->rows = arena_new(ev->arena, struct row, ret->cap);
	ret->stamps = arena_new(ev->arena, uint64_t, ret->cap);
	if (!ret->rows || !ret->stamps || labels_map_make(ev->arena, ret->cap, &ret->map) != OK)
		return ev_memory(ev);
	return true;
}

bool outset_row(struct ev *ev, const struct frame *f, struct outset *o, struct labels l,
    bool drop_name, uint32_t *ret)
{
	bool is_new;
	if (labels_map_put(&o->map, l, ret, &is_new) != OK)
		return ev_memory(ev);
	if (!is_new) {
		o->rows[*ret].drop_name = o->rows[*ret].drop_name || drop_name;
		return true;
	}
	if (*ret == o->cap) {
		struct row *rows = arena_new(ev->arena, struct row, o->cap * 2);
		uint64_t *stamps = arena_new(ev->arena, uint64_t, o->cap * 2);
		if (!rows || !stamps)
			return ev_memory(ev);
		memcpy(rows, o->rows, o->cap * sizeof(*rows));
		memcpy(stamps, o->stamps, o->cap * sizeof(*stamps));
		o->rows = rows;
		o->stamps = stamps;
		o->cap *= 2;
	}
	assert(*ret < o->cap);
	return row_make(ev, f, l, drop_name, &o->rows[*ret]);
}

bool outset_put(struct ev *ev, const struct frame *f, struct outset *o, uint32_t row, size_t i,
    double v, const struct hist *h)
{
	assert(row < o->map.count);
	struct row *r = &o->rows[row];
	if (slot_is_set(r, i))
		return ev_fail(
		    ev, ERR_INPUT, "vector cannot contain metrics with the same labelset");
	if (h)
		return row_set_hist(ev, f, r, i, h);
	r->v[i] = v;
	return true;
}

struct rows outset_rows(struct outset *o, const struct frame *f)
{
	size_t kept = 0;
	for (uint32_t k = 0; k < o->map.count; k++)
		if (row_count(&o->rows[k], f->steps) > 0)
			o->rows[kept++] = o->rows[k];
	return (struct rows){ o->rows, kept };
}
