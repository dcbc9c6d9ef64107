/* SPDX-License-Identifier: Apache-2.0
 *
 * Translates matchers in and series out. The two rooms do not know each other, so their structs are
 * twins; samples, of which there may be millions, are not copied but seen through the other name.
 */
#include "role/telemetry/tsource.h"
#include <assert.h>
#include <stdlib.h>

_Static_assert(sizeof(struct sample) == sizeof(struct series_point) &&
                   offsetof(struct sample, ms) == offsetof(struct series_point, ms) &&
                   offsetof(struct sample, value) == offsetof(struct series_point, value),
    "twins");
_Static_assert(sizeof(struct hist_sample) == sizeof(struct series_hist_point) &&
                   offsetof(struct hist_sample, ms) == offsetof(struct series_hist_point, ms) &&
                   offsetof(struct hist_sample, hist) == offsetof(struct series_hist_point, hist),
    "twins");

static bool match_regex(const void *context, struct str value)
{
	return regex_match(context, value);
}

static struct series_matcher *translate(struct arena *a, const struct matcher *list, size_t count)
{
	struct series_matcher *to = arena_new(a, struct series_matcher, count);
	for (size_t i = 0; to && i < count; i++) {
		const struct matcher *m = &list[i];
		to[i] = (struct series_matcher){ .name = m->name, .value = m->value };
		switch (m->type) {
		case MATCH_EQ: to[i].type = SERIES_EQ; break;
		case MATCH_NE: to[i].type = SERIES_NE; break;
		case MATCH_RE: to[i].type = SERIES_RE; break;
		case MATCH_NRE: to[i].type = SERIES_NRE; break;
		}
		if (m->type == MATCH_RE || m->type == MATCH_NRE) {
			assert(m->re);
			to[i].match = match_regex;
			to[i].context = m->re;
			to[i].word_count = regex_words(m->re, &to[i].words);
			if (to[i].word_count == 0)
				to[i].words = NULL;
		}
	}
	return to;
}

static struct labels to_labels(struct arena *a, const struct series_data *d)
{
	struct label *list = arena_new(a, struct label, d->label_count);
	for (uint32_t i = 0; list && i < d->label_count; i++)
		list[i] = (struct label){ d->labels[i].name, d->labels[i].value };
	return (struct labels){ list, list ? d->label_count : 0 };
}

static int by_labels(const void *x, const void *y)
{
	return labels_cmp(
	    ((const struct source_series *)x)->labels, ((const struct source_series *)y)->labels);
}

static enum err give(
    struct arena *a, const struct series_data *data, size_t count, struct source_result *ret)
{
	struct source_series *list = arena_new(a, struct source_series, count);
	if (!list)
		return arena_err(a);
	for (size_t i = 0; i < count; i++) {
		list[i] = (struct source_series){ .labels = to_labels(a, &data[i]),
			.samples = (const struct sample *)(const void *)data[i].points,
			.sample_count = data[i].point_count,
			.hists = (const struct hist_sample *)(const void *)data[i].hists,
			.hist_count = data[i].hist_count };
	}
	if (arena_err(a) != OK)
		return arena_err(a);
	qsort(list, count, sizeof(list[0]), by_labels);
	*ret = (struct source_result){ list, count };
	return OK;
}

static enum err do_select(
    void *ctx, struct arena *a, const struct source_query *q, struct source_result *ret)
{
	struct tsource *t = ctx;
	const struct series_data *data = NULL;
	size_t count = 0;
	if (q->min_ms > q->max_ms) {
		*ret = (struct source_result){ 0 };
		return OK;
	}
	struct series_query sq = { .matchers = translate(a, q->matchers, q->matcher_count),
		.matcher_count = q->matcher_count,
		.min_ms = q->min_ms,
		.max_ms = q->max_ms,
		.sample_max = q->sample_max };
	if (!sq.matchers)
		return arena_err(a);
	enum err e = series_select(t->reader, a, &sq, &data, &count);
	return e == OK ? give(a, data, count, ret) : e;
}

/* Labels of all series that any set of the filter matches; those of several sets come several
 * times. */
static enum err list_series(struct tsource *t, struct arena *a, const struct source_filter *f,
    const struct series_data **ret, size_t *ret_count)
{
	size_t sets = f->count ? f->count : 1, total = 0;
	const struct series_data **parts = arena_new(a, const struct series_data *, sets);
	size_t *counts = arena_new(a, size_t, sets);
	if (!parts || !counts)
		return arena_err(a);
	for (size_t i = 0; i < sets; i++) {
		struct series_query q = {
			.min_ms = f->min_ms, .max_ms = f->max_ms, .labels_only = true
		};
		if (f->count) {
			q.matchers = translate(a, f->sets[i], f->set_counts[i]);
			q.matcher_count = f->set_counts[i];
			if (!q.matchers)
				return arena_err(a);
		}
		enum err e = series_select(t->reader, a, &q, &parts[i], &counts[i]);
		if (e != OK)
			return e;
		total += counts[i];
	}
	if (sets == 1) {
		*ret = parts[0];
		*ret_count = counts[0];
		return OK;
	}
	struct series_data *all = arena_new(a, struct series_data, total);
	if (!all)
		return arena_err(a);
	size_t at = 0;
	for (size_t i = 0; i < sets; i++) {
		if (counts[i])
			memcpy(all + at, parts[i], counts[i] * sizeof(all[0]));
		at += counts[i];
	}
	*ret = all;
	*ret_count = total;
	return OK;
}

static enum err do_series(
    void *ctx, struct arena *a, const struct source_filter *f, struct source_result *ret)
{
	const struct series_data *data = NULL;
	size_t count = 0;
	enum err e = list_series(ctx, a, f, &data, &count);
	struct source_result r = { 0 };
	if (e == OK)
		e = give(a, data, count, &r);
	if (e != OK)
		return e;
	struct source_series *list = arena_new(a, struct source_series, r.count);
	if (!list)
		return arena_err(a);
	size_t kept = 0;
	for (size_t i = 0; i < r.count && (f->limit == 0 || kept < f->limit); i++) {
		if (kept == 0 || !labels_eq(list[kept - 1].labels, r.series[i].labels))
			list[kept++] = r.series[i];
	}
	*ret = (struct source_result){ list, kept };
	return OK;
}

static int by_text(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

static void finish_names(struct str *list, size_t count, size_t limit, struct source_names *ret)
{
	qsort(list, count, sizeof(list[0]), by_text);
	size_t kept = 0;
	for (size_t i = 0; i < count && (limit == 0 || kept < limit); i++) {
		if (kept == 0 || !str_eq(list[kept - 1], list[i]))
			list[kept++] = list[i];
	}
	*ret = (struct source_names){ list, kept };
}

/* Names of labels, or values of `name` when it is not empty. */
static enum err names(struct tsource *t, struct arena *a, struct str name,
    const struct source_filter *f, struct source_names *ret)
{
	if (f->count == 0 && f->min_ms == INT64_MIN && f->max_ms == INT64_MAX) {
		enum err e = series_names(t->reader, a, name, &ret->list, &ret->count);
		if (e == OK && f->limit && ret->count > f->limit)
			ret->count = f->limit;
		return e;
	}
	const struct series_data *data = NULL;
	size_t count = 0, total = 0;
	enum err e = list_series(t, a, f, &data, &count);
	if (e != OK)
		return e;
	for (size_t i = 0; i < count; i++)
		total += name.len ? 1 : data[i].label_count;
	struct str *list = arena_new(a, struct str, total);
	if (!list)
		return arena_err(a);
	size_t n = 0;
	for (size_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < data[i].label_count; k++) {
			if (name.len == 0)
				list[n++] = data[i].labels[k].name;
			else if (str_eq(data[i].labels[k].name, name))
				list[n++] = data[i].labels[k].value;
		}
	}
	finish_names(list, n, f->limit, ret);
	return OK;
}

static enum err do_label_names(
    void *ctx, struct arena *a, const struct source_filter *f, struct source_names *ret)
{
	return names(ctx, a, (struct str){ "", 0 }, f, ret);
}

static enum err do_label_values(void *ctx, struct arena *a, struct str name,
    const struct source_filter *f, struct source_names *ret)
{
	assert(name.len > 0);
	return names(ctx, a, name, f, ret);
}

enum err tsource_open(struct tsource *t, struct series_store *store)
{
	*t = (struct tsource){ .iface = {
		                   t, do_select, do_label_names, do_label_values, do_series } };
	return series_reader_open(store, &t->reader);
}

void tsource_close(struct tsource *t)
{
	series_reader_close(&t->reader);
}
