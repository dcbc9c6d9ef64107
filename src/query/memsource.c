/* SPDX-License-Identifier: Apache-2.0
 *
 * The in-memory source. Series are kept in order of their labels, samples in order of time.
 */
#include "query/memsource.h"
#include <assert.h>
#include <stdlib.h>

#define MEMSOURCE_BYTES_MAX ((size_t)1 << 32)

struct point {
	int64_t ms, start_ms;
	double value;
	const struct hist *hist; /* NULL for a float */
};

struct mem_series {
	struct labels labels;
	struct point *points;
	size_t count, cap;
};

struct memsource {
	const struct mem *mem;
	struct arena *arena; /* labels and histograms */
	struct mem_series *series;
	size_t count, cap;
};

enum err memsource_open(const struct mem *mem, struct memsource **ret)
{
	struct memsource *m = mem_new(mem, 1, sizeof(*m));
	if (!m)
		return ERR_NOMEM;
	m->mem = mem;
	enum err e = arena_open(mem, MEMSOURCE_BYTES_MAX, &m->arena);
	if (e != OK) {
		mem_free(mem, m);
		return e;
	}
	*ret = m;
	return OK;
}

void memsource_clear(struct memsource *m)
{
	for (size_t i = 0; i < m->count; i++)
		mem_free(m->mem, m->series[i].points);
	mem_free(m->mem, m->series);
	m->series = NULL;
	m->count = m->cap = 0;
	arena_reset(m->arena);
}

void memsource_close(struct memsource **m)
{
	if (!*m)
		return;
	memsource_clear(*m);
	arena_close(&(*m)->arena);
	mem_free((*m)->mem, *m);
	*m = NULL;
}

/* The place of l, or where it would go. */
static size_t place_of(const struct memsource *m, struct labels l, bool *ret_found)
{
	size_t lo = 0, hi = m->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = labels_cmp(m->series[mid].labels, l);
		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_found = false;
	return lo;
}

static enum err series_of(struct memsource *m, struct labels l, struct mem_series **ret)
{
	bool found;
	size_t at = place_of(m, l, &found);
	if (!found) {
		if (m->count == m->cap) {
			size_t cap = m->cap ? m->cap * 2 : 16;
			void *p = mem_resize(m->mem, m->series, cap, sizeof(*m->series));
			if (!p)
				return ERR_NOMEM;
			m->series = p;
			m->cap = cap;
		}
		struct mem_series s = { 0 };
		enum err e = labels_copy(m->arena, l, &s.labels);
		if (e != OK)
			return e;
		memmove(m->series + at + 1, m->series + at, (m->count - at) * sizeof(*m->series));
		m->series[at] = s;
		m->count++;
	}
	*ret = &m->series[at];
	return OK;
}

static enum err add_point(struct memsource *m, struct labels l, struct point p)
{
	struct mem_series *s;
	enum err e = series_of(m, l, &s);
	if (e != OK)
		return e;
	size_t at = s->count;
	while (at > 0 && s->points[at - 1].ms >= p.ms)
		at--;
	if (at < s->count && s->points[at].ms == p.ms) {
		s->points[at] = p;
		return OK;
	}
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		void *bigger = mem_resize(m->mem, s->points, cap, sizeof(*s->points));
		if (!bigger)
			return ERR_NOMEM;
		s->points = bigger;
		s->cap = cap;
	}
	memmove(s->points + at + 1, s->points + at, (s->count - at) * sizeof(*s->points));
	s->points[at] = p;
	s->count++;
	return OK;
}

enum err memsource_add(
    struct memsource *m, struct labels l, int64_t ms, double value, int64_t start_ms)
{
	return add_point(m, l, (struct point){ .ms = ms, .start_ms = start_ms, .value = value });
}

enum err memsource_add_hist(
    struct memsource *m, struct labels l, int64_t ms, const struct hist *h, int64_t start_ms)
{
	struct hist *copy = arena_new(m->arena, struct hist, 1);
	if (!copy)
		return arena_err(m->arena);
	enum err e = hist_copy(m->arena, h, copy);
	if (e != OK)
		return e;
	return add_point(m, l, (struct point){ .ms = ms, .start_ms = start_ms, .hist = copy });
}

/* Splits the points of [min, max] into the two arrays of a source_series. */
static enum err fill_series(struct arena *a, const struct mem_series *s, int64_t min, int64_t max,
    struct source_series *ret)
{
	size_t from = 0, to, floats = 0, hists = 0;
	bool starts = false;
	while (from < s->count && s->points[from].ms < min)
		from++;
	for (to = from; to < s->count && s->points[to].ms <= max; to++) {
		floats += s->points[to].hist == NULL;
		hists += s->points[to].hist != NULL;
		starts = starts || s->points[to].start_ms != 0;
	}
	struct sample *f = arena_new(a, struct sample, floats);
	struct hist_sample *h = arena_new(a, struct hist_sample, hists);
	int64_t *fs = arena_new(a, int64_t, starts ? floats : 0);
	int64_t *hs = arena_new(a, int64_t, starts ? hists : 0);
	if (!f || !h || !fs || !hs)
		return arena_err(a);
	size_t nf = 0, nh = 0;
	for (size_t i = from; i < to; i++) {
		const struct point *p = &s->points[i];
		if (p->hist) {
			if (starts)
				hs[nh] = p->start_ms;
			h[nh++] = (struct hist_sample){ p->ms, p->hist };
		} else {
			if (starts)
				fs[nf] = p->start_ms;
			f[nf++] = (struct sample){ p->ms, p->value };
		}
	}
	assert(nf == floats && nh == hists);
	*ret = (struct source_series){ .labels = s->labels,
		.samples = f,
		.sample_count = nf,
		.hists = h,
		.hist_count = nh,
		.sample_starts = starts ? fs : NULL,
		.hist_starts = starts ? hs : NULL };
	return OK;
}

static enum err mem_select(
    void *ctx, struct arena *a, const struct source_query *q, struct source_result *ret)
{
	struct memsource *m = ctx;
	struct source_series *out = arena_new(a, struct source_series, m->count);
	if (!out)
		return arena_err(a);
	size_t n = 0;
	uint64_t samples = 0;
	for (size_t i = 0; i < m->count; i++) {
		if (!matchers_match(q->matchers, q->matcher_count, m->series[i].labels))
			continue;
		enum err e = fill_series(a, &m->series[i], q->min_ms, q->max_ms, &out[n]);
		if (e != OK)
			return e;
		samples += out[n].sample_count + out[n].hist_count;
		if (q->sample_max && samples > q->sample_max)
			return ERR_LIMIT;
		n += out[n].sample_count + out[n].hist_count > 0;
	}
	*ret = (struct source_result){ out, n };
	return OK;
}

static bool wanted(const struct mem_series *s, const struct source_filter *f)
{
	bool in_time = false;
	for (size_t i = 0; i < s->count && !in_time; i++)
		in_time = s->points[i].ms >= f->min_ms && s->points[i].ms <= f->max_ms;
	if (!in_time)
		return false;
	for (size_t i = 0; i < f->count; i++)
		if (matchers_match(f->sets[i], f->set_counts[i], s->labels))
			return true;
	return f->count == 0;
}

static enum err mem_series(
    void *ctx, struct arena *a, const struct source_filter *f, struct source_result *ret)
{
	struct memsource *m = ctx;
	struct source_series *out = arena_new(a, struct source_series, m->count);
	if (!out)
		return arena_err(a);
	size_t n = 0;
	for (size_t i = 0; i < m->count && (f->limit == 0 || n < f->limit); i++)
		if (wanted(&m->series[i], f))
			out[n++] = (struct source_series){ .labels = m->series[i].labels };
	*ret = (struct source_result){ out, n };
	return OK;
}

static int by_str(const void *x, const void *y)
{
	return str_cmp(*(const struct str *)x, *(const struct str *)y);
}

/* Label names (name.ptr NULL) or the values of one. */
static enum err mem_strings(struct memsource *m, struct arena *a, const struct str *name,
    const struct source_filter *f, struct source_names *ret)
{
	size_t cap = 0, n = 0;
	for (size_t i = 0; i < m->count; i++)
		cap += name ? 1 : m->series[i].labels.count;
	struct str *out = arena_new(a, struct str, cap);
	if (!out)
		return arena_err(a);
	for (size_t i = 0; i < m->count; i++) {
		struct labels l = m->series[i].labels;
		if (!wanted(&m->series[i], f))
			continue;
		for (uint32_t k = 0; k < l.count; k++) {
			if (!name)
				out[n++] = l.list[k].name;
			else if (str_eq(l.list[k].name, *name))
				out[n++] = l.list[k].value;
		}
	}
	if (n > 1)
		qsort(out, n, sizeof(*out), by_str);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || !str_eq(out[i], out[kept - 1]))
			out[kept++] = out[i];
	if (f->limit && kept > f->limit)
		kept = f->limit;
	*ret = (struct source_names){ out, kept };
	return OK;
}

static enum err mem_label_names(
    void *ctx, struct arena *a, const struct source_filter *f, struct source_names *ret)
{
	return mem_strings(ctx, a, NULL, f, ret);
}

static enum err mem_label_values(void *ctx, struct arena *a, struct str name,
    const struct source_filter *f, struct source_names *ret)
{
	return mem_strings(ctx, a, &name, f, ret);
}

struct source memsource_source(struct memsource *m)
{
	return (struct source){ .ctx = m,
		.select = mem_select,
		.label_names = mem_label_names,
		.label_values = mem_label_values,
		.series = mem_series };
}
