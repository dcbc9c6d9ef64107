/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading. First the index and the heads are looked at under the data lock, in pieces; then,
 * without it, the window files. A cut that ends in between has its samples in both places, never in
 * none, because the files are opened after memory was copied. What came later wins: cuts in their
 * order, then memory.
 */
#include "store/series/store_priv.h"
#include <assert.h>
#include <stdlib.h>

#define OPEN_MAX 16u
#define PIECE 64u /* series a turn of the lock */

struct open_window {
	int64_t number;
	uint64_t incarnation; /* 0: free */
	uint64_t used;
	struct window_reader *file;
};

struct series_reader {
	struct series_store *store;
	struct block_codec *codec;
	struct block_out out;
	struct open_window open[OPEN_MAX];
	uint64_t uses;
};

/* What is known of one selected series before the files are read. */
struct found {
	uint64_t id;
	uint32_t slot, generation;
	struct series_label *labels;
	uint32_t label_count;
	struct series_point *points;
	struct series_hist_point *hists;
	size_t point_count, hist_count;
	bool on_disk;
};

enum err series_reader_open(struct series_store *store, struct series_reader **ret)
{
	struct series_reader *r = mem_new(store->options.mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->store = store;
	r->out.mem = store->options.mem;
	enum err e = block_codec_open(store->options.mem, &r->codec);
	if (e != OK)
		series_reader_close(&r);
	else
		*ret = r;
	return e;
}

void series_reader_close(struct series_reader **reader)
{
	struct series_reader *r = *reader;
	if (!r)
		return;
	for (size_t i = 0; i < OPEN_MAX; i++)
		window_read_close(&r->open[i].file);
	block_codec_close(&r->codec);
	block_out_free(&r->out);
	mem_free(r->store->options.mem, r);
	*reader = NULL;
}

static enum err list_found(struct series_reader *r, struct arena *a, const struct series_query *q,
    struct found **ret, size_t *ret_count)
{
	struct series_store *s = r->store;
	const uint32_t *slots = NULL;
	size_t count = 0, kept = 0;
	enum err e = index_select(s->index, a, q->matchers, q->matcher_count, &slots, &count);
	struct found *list = e == OK ? arena_new(a, struct found, count) : NULL;
	if (!list)
		return e == OK ? arena_err(a) : e;
	for (size_t i = 0; i < count; i++) {
		const struct series *x = index_at(s->index, slots[i]);
		if (x->min_ms > q->max_ms || x->max_ms < q->min_ms)
			continue;
		struct found *f = &list[kept++];
		*f = (struct found){ .id = x->id,
			.slot = x->slot,
			.generation = x->generation,
			.label_count = x->pair_count,
			.on_disk = x->windows > 0 || x->old };
		f->labels = arena_new(a, struct series_label, x->pair_count);
		if (!f->labels)
			return arena_err(a);
		for (uint32_t k = 0; k < x->pair_count; k++)
			f->labels[k] = index_label(s->index, x, k);
	}
	*ret = list;
	*ret_count = kept;
	return OK;
}

static bool within(int64_t ms, const struct series_query *q)
{
	return ms >= q->min_ms && ms <= q->max_ms;
}

static enum err copy_hists(
    struct arena *a, const struct series_query *q, const struct head *h, struct found *f)
{
	for (uint32_t i = 0; i < h->hist_count; i++) {
		if (!within(h->hists[i].ms, q))
			continue;
		struct hist *to = arena_new(a, struct hist, 1);
		struct rd in = rd_make(h->hists[i].bytes);
		enum err e = to ? hist_read(a, &in, to) : arena_err(a);
		if (e != OK)
			return e;
		f->hists[f->hist_count++] = (struct series_hist_point){ h->hists[i].ms, to };
	}
	return OK;
}

/* What memory holds of a series, `old` before `head`. */
static enum err copy_memory(
    struct arena *a, const struct series_query *q, const struct series *x, struct found *f)
{
	const struct head *heads[2] = { x->old, x->head };
	size_t points = 0, hists = 0;
	for (size_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; heads[k] && i < heads[k]->point_count; i++)
			points += within(heads[k]->points[i].ms, q);
		for (uint32_t i = 0; heads[k] && i < heads[k]->hist_count; i++)
			hists += within(heads[k]->hists[i].ms, q);
	}
	f->on_disk = x->windows > 0;
	f->points = arena_new(a, struct series_point, points);
	f->hists = arena_new(a, struct series_hist_point, hists);
	if (!f->points || !f->hists)
		return arena_err(a);
	for (size_t k = 0; k < 2; k++) {
		for (uint32_t i = 0; heads[k] && i < heads[k]->point_count; i++) {
			if (within(heads[k]->points[i].ms, q))
				f->points[f->point_count++] = heads[k]->points[i];
		}
		enum err e = heads[k] ? copy_hists(a, q, heads[k], f) : OK;
		if (e != OK)
			return e;
	}
	return OK;
}

static enum err copy_heads(struct series_reader *r, struct arena *a, const struct series_query *q,
    struct found *list, size_t count)
{
	struct series_store *s = r->store;
	enum err e = OK;
	uint64_t samples = 0;
	for (size_t at = 0; at < count && e == OK; at += PIECE) {
		pthread_rwlock_rdlock(&s->data);
		for (size_t i = at; i < count && i < at + PIECE && e == OK; i++) {
			const struct series *x = index_at(s->index, list[i].slot);
			if (x && x->generation == list[i].generation)
				e = copy_memory(a, q, x, &list[i]);
			samples += list[i].point_count + list[i].hist_count;
		}
		pthread_rwlock_unlock(&s->data);
		if (q->sample_max && samples > q->sample_max)
			return ERR_LIMIT;
	}
	return e;
}

/* ---- files ---- */

struct view {
	struct window_reader *file;
	const struct window_cut *cuts;
	size_t cut_count;
};

/* An open file for the window, from the cache or new. ERR_GONE: it was removed meanwhile. */
static enum err open_window(
    struct series_reader *r, const struct window *w, struct window_reader **ret)
{
	struct open_window *oldest = &r->open[0];
	for (size_t i = 0; i < OPEN_MAX; i++) {
		struct open_window *o = &r->open[i];
		if (o->file && o->number == w->number && o->incarnation == w->incarnation) {
			o->used = ++r->uses;
			*ret = o->file;
			return OK;
		}
		if (!o->file || (oldest->file && o->used < oldest->used))
			oldest = o;
	}
	window_read_close(&oldest->file);
	char path[4096];
	window_path(path, r->store->folder, w->number);
	enum err e = window_read_open(r->store->options.mem, path, &oldest->file);
	if (e != OK)
		return e;
	oldest->number = w->number;
	oldest->incarnation = w->incarnation;
	oldest->used = ++r->uses;
	*ret = oldest->file;
	return OK;
}

/* The windows on disk that the time touches. */
static enum err list_windows(struct series_reader *r, struct arena *a, const struct series_query *q,
    struct window **ret, size_t *ret_count)
{
	struct series_store *s = r->store;
	pthread_rwlock_rdlock(&s->data);
	size_t at = store_window_at(s, window_of(s, q->min_ms)), count = 0;
	int64_t last = window_of(s, q->max_ms);
	struct window *list = arena_new(a, struct window, s->window_count - at);
	for (; list && at < s->window_count && s->windows[at].number <= last; at++) {
		if (s->windows[at].on_disk)
			list[count++] = s->windows[at];
	}
	pthread_rwlock_unlock(&s->data);
	if (!list)
		return arena_err(a);
	*ret = list;
	*ret_count = count;
	return OK;
}

static bool is_listed(struct series_reader *r, const struct window *w)
{
	struct series_store *s = r->store;
	pthread_rwlock_rdlock(&s->data);
	size_t at = store_window_at(s, w->number);
	bool yes = at < s->window_count && s->windows[at].number == w->number &&
	           s->windows[at].incarnation == w->incarnation;
	pthread_rwlock_unlock(&s->data);
	return yes;
}

static enum err read_blocks(
    struct series_reader *r, const struct view *v, const struct series_query *q, uint64_t id)
{
	enum err e = OK;
	for (size_t i = 0; i < v->cut_count && e == OK; i++) {
		if (v->cuts[i].min_ms > q->max_ms || v->cuts[i].max_ms < q->min_ms)
			continue;
		struct str block;
		e = window_read_block(v->file, v->cuts[i].ord, id, &block);
		if (e == OK && block.len > 0) {
			e = block_read(r->codec, block, q->min_ms, q->max_ms, &r->out);
			if (e == ERR_INPUT)
				e = ERR_IO; /* a damaged block is not the asker's fault */
		}
	}
	return e;
}

/* Where both kinds have the same time, the histogram stays. */
static void drop_doubles(struct series_data *d, struct series_point *points)
{
	size_t kept = 0, h = 0;
	for (size_t i = 0; i < d->point_count; i++) {
		while (h < d->hist_count && d->hists[h].ms < points[i].ms)
			h++;
		if (h < d->hist_count && d->hists[h].ms == points[i].ms)
			continue;
		points[kept++] = points[i];
	}
	d->point_count = kept;
}

/* out (from files) and memory's samples -> the result, in the arena. */
static enum err finish_series(
    struct series_reader *r, struct arena *a, const struct found *f, struct series_data *ret)
{
	const struct mem *mem = r->store->options.mem;
	struct block_out *o = &r->out;
	size_t points = o->point_count + f->point_count, hists = o->hist_count + f->hist_count;
	struct series_point *p = arena_new(a, struct series_point, points);
	struct series_hist_point *h = arena_new(a, struct series_hist_point, hists);
	if (!p || !h)
		return arena_err(a);
	if (o->point_count)
		memcpy(p, o->points, o->point_count * sizeof(p[0]));
	if (f->point_count)
		memcpy(p + o->point_count, f->points, f->point_count * sizeof(p[0]));
	if (o->hist_count)
		memcpy(h, o->hists, o->hist_count * sizeof(h[0]));
	if (f->hist_count)
		memcpy(h + o->hist_count, f->hists, f->hist_count * sizeof(h[0]));
	enum err e = series_sort_points(mem, p, &points);
	if (e == OK)
		e = series_sort_hists(mem, h, &hists);
	*ret = (struct series_data){ f->labels, f->label_count, p, points, h, hists };
	if (points > 0 && hists > 0)
		drop_doubles(ret, p);
	return e;
}

static enum err read_series(struct series_reader *r, struct arena *a, const struct series_query *q,
    const struct view *views, size_t view_count, const struct found *f, struct series_data *ret)
{
	enum err e = OK;
	r->out.point_count = r->out.hist_count = 0;
	r->out.arena = a;
	for (size_t i = 0; f->on_disk && i < view_count && e == OK; i++)
		e = read_blocks(r, &views[i], q, f->id);
	if (e == OK && r->out.point_count == 0 &&
	    r->out.hist_count == 0) { /* memory only: it is in the arena already */
		size_t points = f->point_count, hists = f->hist_count;
		e = series_sort_points(r->store->options.mem, f->points, &points);
		if (e == OK)
			e = series_sort_hists(r->store->options.mem, f->hists, &hists);
		*ret = (struct series_data){ f->labels, f->label_count, f->points, points, f->hists,
			hists };
		if (points > 0 && hists > 0)
			drop_doubles(ret, f->points);
		return e;
	}
	return e == OK ? finish_series(r, a, f, ret) : e;
}

static enum err read_all(struct series_reader *r, struct arena *a, const struct series_query *q,
    const struct view *views, size_t view_count, const struct found *list, size_t count,
    struct series_data *data, size_t *ret_count)
{
	uint64_t samples = 0;
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		enum err e = read_series(r, a, q, views, view_count, &list[i], &data[kept]);
		if (e != OK)
			return e;
		samples += data[kept].point_count + data[kept].hist_count;
		if (q->sample_max && samples > q->sample_max)
			return ERR_LIMIT;
		kept += data[kept].point_count + data[kept].hist_count > 0;
	}
	*ret_count = kept;
	return OK;
}

/* Reads in groups of windows no larger than the cache, so that a view's file stays open. Long
 * queries over more files than that open them all by views of their own. */
static enum err with_views(struct series_reader *r, struct arena *a, const struct series_query *q,
    const struct window *windows, size_t window_count, const struct found *list, size_t count,
    struct series_data *data, size_t *ret_count)
{
	struct view *views = arena_new(a, struct view, window_count);
	struct window_reader **extra = arena_new(a, struct window_reader *, window_count);
	size_t n = 0, extras = 0;
	enum err e = views && extra ? OK : arena_err(a);
	for (size_t i = 0; i < window_count && e == OK; i++) {
		struct view *v = &views[n];
		if (i + OPEN_MAX >= window_count) { /* the latest stay open for the next time */
			e = open_window(r, &windows[i], &v->file);
		} else {
			char path[4096];
			window_path(path, r->store->folder, windows[i].number);
			e = window_read_open(r->store->options.mem, path, &v->file);
			if (e == OK)
				extra[extras++] = v->file;
		}
		if (e == OK)
			e = window_read_begin(v->file, &v->cuts, &v->cut_count);
		if (e == OK)
			n++;
		else if (!is_listed(r, &windows[i]))
			e = OK; /* retention took it */
	}
	if (e == OK)
		e = read_all(r, a, q, views, n, list, count, data, ret_count);
	while (n > 0)
		window_read_end(views[--n].file);
	while (extras > 0)
		window_read_close(&extra[--extras]);
	return e;
}

static enum err labels_only(
    struct arena *a, const struct found *list, size_t count, const struct series_data **ret)
{
	struct series_data *data = arena_new(a, struct series_data, count);
	if (!data)
		return arena_err(a);
	for (size_t i = 0; i < count; i++)
		data[i] = (struct series_data){ .labels = list[i].labels,
			.label_count = list[i].label_count };
	*ret = data;
	return OK;
}

enum err series_select(struct series_reader *r, struct arena *a, const struct series_query *q,
    const struct series_data **ret, size_t *ret_count)
{
	assert(q->min_ms <= q->max_ms);
	struct found *list = NULL;
	struct window *windows = NULL;
	size_t count = 0, window_count = 0, kept = 0;
	pthread_rwlock_rdlock(&r->store->data);
	enum err e = list_found(r, a, q, &list, &count);
	pthread_rwlock_unlock(&r->store->data);
	if (e == OK && q->labels_only) {
		e = labels_only(a, list, count, ret);
		if (e == OK)
			*ret_count = count;
		return e;
	}
	if (e == OK)
		e = copy_heads(r, a, q, list, count);
	if (e == OK)
		e = list_windows(r, a, q, &windows, &window_count);
	struct series_data *data = e == OK ? arena_new(a, struct series_data, count + 1) : NULL;
	if (e == OK && !data)
		e = arena_err(a);
	bool any_on_disk = false;
	for (size_t i = 0; i < count && e == OK; i++)
		any_on_disk = any_on_disk || list[i].on_disk;
	if (e == OK)
		e = with_views(
		    r, a, q, windows, any_on_disk ? window_count : 0, list, count, data, &kept);
	if (e == OK) {
		*ret = data;
		*ret_count = kept;
	}
	return e;
}

enum err series_names(struct series_reader *r, struct arena *a, struct str name,
    const struct str **ret, size_t *ret_count)
{
	pthread_rwlock_rdlock(&r->store->data);
	enum err e = index_names(r->store->index, a, name, ret, ret_count);
	pthread_rwlock_unlock(&r->store->data);
	return e;
}
