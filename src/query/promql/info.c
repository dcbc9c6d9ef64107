/* SPDX-License-Identifier: Apache-2.0
 *
 * info(v, {filter}): adds to each series of v the labels of the info series (target_info unless the
 * filter names others) that has the same instance and job.
 */
#include "query/promql/eval_priv.h"
#include <assert.h>

#define TARGET_INFO STR("target_info")

struct info {
	struct ev *ev;
	const struct frame *f;
	const struct matcher *filter;
	size_t filter_count;
	struct rows base, infos;
	uint32_t *base_key, *info_key; /* by row: what they match on */
	uint32_t *next;                /* info rows of the same key: index + 1, 0 ends */
	uint32_t *first;               /* by key */
	bool *ignored;                 /* base rows that are info series themselves */
};

static bool is_name(const struct matcher *m)
{
	return str_eq(m->name, LABEL_NAME);
}

/* Fetches the info series; their values become the times of their samples. */
static bool fetch(struct info *n, const struct promql_expr *filter)
{
	struct ev *ev = n->ev;
	struct matcher *m = arena_new(ev->arena, struct matcher, n->filter_count + 1);
	if (!m)
		return ev_memory(ev);
	size_t count = 0;
	bool named = false;
	for (size_t i = 0; i < n->filter_count; i++) {
		m[count++] = n->filter[i];
		named = named || is_name(&n->filter[i]);
	}
	if (!named)
		m[count++] =
		    (struct matcher){ .type = MATCH_EQ, .name = LABEL_NAME, .value = TARGET_INFO };
	struct promql_expr selector = { .kind = EXPR_SELECTOR,
		.type = PROMQL_VECTOR,
		.from = filter ? filter->from : 0,
		.selector = { .matchers = m, .count = count } };
	return ev_selector(ev, n->f, &selector, true, &n->infos);
}

static bool keys(struct info *n)
{
	static const struct str identifying[] = { STR_INIT("instance"), STR_INIT("job") };
	struct ev *ev = n->ev;
	struct labels_map map;
	size_t total = n->base.count + n->infos.count;
	n->base_key = arena_new(ev->arena, uint32_t, n->base.count);
	n->info_key = arena_new(ev->arena, uint32_t, n->infos.count);
	n->next = arena_new(ev->arena, uint32_t, n->infos.count);
	n->first = arena_new(ev->arena, uint32_t, total);
	if (!n->base_key || !n->info_key || !n->next || !n->first ||
	    labels_map_make(ev->arena, total, &map) != OK)
		return ev_memory(ev);
	for (size_t k = 0; k < total; k++) {
		bool base = k < n->base.count;
		size_t at = base ? k : k - n->base.count;
		struct labels l = base ? n->base.list[at].labels : n->infos.list[at].labels;
		uint32_t *key = base ? &n->base_key[at] : &n->info_key[at];
		if (labels_keep(ev->arena, l, identifying, 2, &l) != OK ||
		    labels_map_put(&map, l, key, NULL) != OK)
			return ev_memory(ev);
	}
	for (size_t k = n->infos.count; k > 0; k--) {
		n->next[k - 1] = n->first[n->info_key[k - 1]];
		n->first[n->info_key[k - 1]] = (uint32_t)k;
	}
	return true;
}

static bool fail_twice(struct info *n, const struct row *x, const struct row *y, size_t i)
{
	struct buf b = buf_make(&mem_system, 1 << 16);
	buf_add_c(&b, "found duplicate series for info metric: existing ");
	labels_text_flat(x->labels, &b);
	buf_printf(&b, " @ %lld, new ", (long long)(x->v[i] * 1000));
	labels_text_flat(y->labels, &b);
	buf_printf(&b, " @ %lld", (long long)(y->v[i] * 1000));
	ev_fail(n->ev, ERR_INPUT, "%.*s", STR_ARG(buf_str(&b)));
	buf_free(&b);
	return false;
}

/* Is there another series of the same metric with a newer sample? Two equally new ones are an
 * error. */
static bool is_newest(struct info *n, uint32_t k, size_t i, bool *ret)
{
	const struct row *r = &n->infos.list[k];
	struct str name = labels_get(r->labels, LABEL_NAME);
	*ret = true;
	for (uint32_t o = n->first[n->info_key[k]]; o; o = n->next[o - 1]) {
		const struct row *other = &n->infos.list[o - 1];
		if (o - 1 == k || !slot_is_float(other, i) ||
		    !str_eq(labels_get(other->labels, LABEL_NAME), name))
			continue;
		if (other->v[i] == r->v[i])
			return o - 1 < k ? fail_twice(n, other, r, i) : fail_twice(n, r, other, i);
		*ret = *ret && other->v[i] < r->v[i];
	}
	return true;
}

static bool has_filters(const struct info *n)
{
	for (size_t i = 0; i < n->filter_count; i++)
		if (!is_name(&n->filter[i]))
			return true;
	return false;
}

static bool wanted(const struct info *n, struct str name)
{
	if (str_eq(name, LABEL_NAME))
		return false;
	for (size_t i = 0; i < n->filter_count; i++)
		if (str_eq(n->filter[i].name, name))
			return true;
	return !has_filters(n);
}

/* The labels of base row k at step i with those of its info series. */
static bool enrich(struct info *n, size_t k, size_t i, struct labels *ret, bool *ret_matched)
{
	struct ev *ev = n->ev;
	struct labels base = n->base.list[k].labels;
	*ret = base;
	*ret_matched = false;
	for (uint32_t o = n->first[n->base_key[k]]; o; o = n->next[o - 1]) {
		const struct row *r = &n->infos.list[o - 1];
		bool newest;
		if (!slot_is_float(r, i))
			continue;
		if (!is_newest(n, o - 1, i, &newest))
			return false;
		if (!newest)
			continue;
		*ret_matched = true;
		for (uint32_t x = 0; x < r->labels.count; x++) {
			struct label l = r->labels.list[x];
			if (!wanted(n, l.name) || labels_get(base, l.name).len)
				continue;
			struct str have = labels_get(*ret, l.name);
			if (have.len && !str_eq(have, l.value))
				return ev_fail(
				    ev, ERR_INPUT, "conflicting label: %.*s", STR_ARG(l.name));
			if (labels_with(ev->arena, *ret, l.name, l.value, ret) != OK)
				return ev_memory(ev);
		}
	}
	return true;
}

/* Without an info series a row stays only when no filter asks for a label. */
static bool may_lack(const struct info *n)
{
	for (size_t i = 0; i < n->filter_count; i++)
		if (!is_name(&n->filter[i]) && !matcher_match(&n->filter[i], STR("")))
			return false;
	return true;
}

static bool combine(struct info *n, struct rows *ret)
{
	struct outset o;
	if (!outset_make(n->ev, n->base.count, &o))
		return false;
	for (size_t k = 0; k < n->base.count; k++) {
		const struct row *r = &n->base.list[k];
		for (size_t i = 0; i < n->f->steps; i++) {
			struct labels l = r->labels;
			bool matched = true;
			uint32_t row;
			if (!slot_is_set(r, i))
				continue;
			if (!ev_tick(n->ev, 1) ||
			    (!n->ignored[k] && !enrich(n, k, i, &l, &matched)))
				return false;
			if (!matched && !may_lack(n))
				continue;
			if (!outset_row(n->ev, n->f, &o, l, r->drop_name, &row) ||
			    !outset_put(n->ev, n->f, &o, row, i, r->v[i], slot_hist(r, i)))
				return false;
		}
	}
	*ret = outset_rows(&o, n->f);
	return true;
}

bool func_info(struct ev *ev, const struct frame *f, const struct promql_expr *e, struct val *ret)
{
	const struct promql_expr *filter = e->call.count > 1 ? e->call.args[1] : NULL;
	static const struct matcher target = {
		.type = MATCH_EQ, .name = STR_INIT("__name__"), .value = STR_INIT("target_info")
	};
	struct info n = { .ev = ev, .f = f, .filter = &target, .filter_count = 1 };
	if (filter) {
		assert(filter->kind == EXPR_SELECTOR);
		n.filter = filter->selector.matchers;
		n.filter_count = filter->selector.count;
	}
	*ret = (struct val){ .type = PROMQL_VECTOR };
	if (!ev_vector(ev, f, e->call.args[0], &n.base))
		return false;
	n.ignored = arena_new(ev->arena, bool, n.base.count);
	if (!n.ignored)
		return ev_memory(ev);
	bool any = false;
	for (size_t k = 0; k < n.base.count; k++) {
		struct labels l = n.base.list[k].labels;
		bool named = false, match = true;
		for (size_t i = 0; i < n.filter_count; i++) {
			if (!is_name(&n.filter[i]))
				continue;
			named = true;
			match = match && matcher_match(&n.filter[i], labels_get(l, LABEL_NAME));
		}
		n.ignored[k] = named && match;
		any = any || (!n.ignored[k] && (labels_get(l, STR("instance")).len ||
		                                   labels_get(l, STR("job")).len));
	}
	if (any && !fetch(&n, filter))
		return false;
	return keys(&n) && combine(&n, &ret->rows);
}
