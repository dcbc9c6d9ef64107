/* SPDX-License-Identifier: Apache-2.0
 *
 * A cut moves the head into window files:
 *   1. a new log segment is begun and, under the data lock, every series' head becomes its `old`;
 *   2. without that lock, `old` (which nobody changes) is written, window after window, each one
 *      transaction; readers see a sample in memory, in the file, or for a moment in both;
 *   3. `old` is dropped and the segments before the new one are unlinked.
 * When 2 fails, `old` and the segments stay, and the next attempt goes on with the windows that are
 * missing. A crash between 2 and 3 replays samples that are in the files too: the same twice is the
 * same.
 */
#include "store/series/store_priv.h"
#include "base/surprise.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define LABELS_MAX 512u

/* Step 1. */
static enum err begin_cut(struct series_store *s)
{
	const struct os *os = s->options.os;
	int fd = -1;
	int64_t at = 0;
	enum err e = log_create(os, s->folder, s->log_number + 1, &fd, &at);
	if (e != OK)
		return e;
	pthread_mutex_lock(&s->flush);
	pthread_rwlock_wrlock(&s->data);
	size_t slots = index_slots(s->index);
	uint32_t *cutting =
	    mem_resize(s->options.mem, s->cutting, slots ? slots : 1, sizeof(cutting[0]));
	if (!cutting) {
		pthread_rwlock_unlock(&s->data);
		pthread_mutex_unlock(&s->flush);
		os->close(os, fd);
		char path[4096];
		log_path(path, s->folder, s->log_number + 1);
		os->unlink(os, path);
		return ERR_NOMEM;
	}
	s->cutting = cutting;
	for (uint32_t i = 0; i < slots; i++) {
		struct series *x = index_at(s->index, i);
		if (!x || !x->head)
			continue;
		assert(!x->old);
		x->old = x->head;
		x->head = NULL;
		s->cutting[s->cutting_count++] = i;
	}
	/* What is not yet flushed goes to the new segment; the series that it names and that are
	 * defined only in old segments are in the window files by the time those segments go. */
	s->log_number++;
	pthread_rwlock_unlock(&s->data);
	os->close(os, s->log_fd);
	s->log_fd = fd;
	s->log_at = at;
	pthread_mutex_unlock(&s->flush);
	return OK;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

struct numbers {
	const struct mem *mem;
	int64_t *list;
	size_t count, cap;
};

static enum err add_number(struct numbers *n, int64_t number)
{
	if (n->count > 0 && n->list[n->count - 1] == number)
		return OK;
	if (n->count == n->cap) {
		size_t to = n->cap ? n->cap * 2 : 64;
		int64_t *grown = mem_resize(n->mem, n->list, to, sizeof(grown[0]));
		if (!grown)
			return ERR_NOMEM;
		n->list = grown;
		n->cap = to;
	}
	n->list[n->count++] = number;
	return OK;
}

static void unique(struct numbers *n)
{
	if (n->count == 0)
		return;
	qsort(n->list, n->count, sizeof(n->list[0]), by_number);
	size_t kept = 1;
	for (size_t i = 1; i < n->count; i++) {
		if (n->list[i] != n->list[kept - 1])
			n->list[kept++] = n->list[i];
	}
	n->count = kept;
}

/* Every window that a series' old samples fall in. */
static enum err list_windows(const struct series_store *s, struct numbers *n)
{
	enum err e = OK;
	for (size_t i = 0; i < s->cutting_count && e == OK; i++) {
		const struct head *h = index_at(s->index, s->cutting[i])->old;
		for (uint32_t k = 0; k < h->point_count && e == OK; k++)
			e = add_number(n, window_of(s, h->points[k].ms));
		for (uint32_t k = 0; k < h->hist_count && e == OK; k++)
			e = add_number(n, window_of(s, h->hists[k].ms));
		if (n->count > 4096)
			unique(n);
	}
	unique(n);
	return e;
}

struct cutter {
	struct series_store *store;
	struct series_point *points;
	struct block_hist *hists;
	size_t point_cap, hist_cap;
	struct buf block, labels;
};

static bool room(const struct mem *mem, void *list_ptr, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return true;
	void *list;
	memcpy(&list, list_ptr, sizeof(list));
	void *grown = mem_resize(mem, list, need, size);
	if (!grown)
		return false;
	memcpy(list_ptr, &grown, sizeof(grown));
	*cap = need;
	return true;
}

/* The samples of h within the window, sorted, as a block in c->block (empty: none). */
static enum err make_block(
    struct cutter *c, const struct head *h, int64_t number, int64_t *min_ms, int64_t *max_ms)
{
	struct series_store *s = c->store;
	const struct mem *mem = s->options.mem;
	size_t points = 0, hists = 0;
	buf_clear(&c->block);
	if (!room(mem, &c->points, &c->point_cap, h->point_count, sizeof(c->points[0])) ||
	    !room(mem, &c->hists, &c->hist_cap, h->hist_count, sizeof(c->hists[0])))
		return ERR_NOMEM;
	for (uint32_t i = 0; i < h->point_count; i++) {
		if (window_of(s, h->points[i].ms) == number)
			c->points[points++] = h->points[i];
	}
	for (uint32_t i = 0; i < h->hist_count; i++) {
		if (window_of(s, h->hists[i].ms) == number)
			c->hists[hists++] = h->hists[i];
	}
	*min_ms = INT64_MAX;
	*max_ms = INT64_MIN;
	enum err e = OK;
	if (points > 0 && (e = series_sort_points(mem, c->points, &points)) == OK) {
		*min_ms = c->points[0].ms;
		*max_ms = c->points[points - 1].ms;
		e = block_put_points(s->codec, &c->block, c->points, points);
	}
	if (e == OK && hists > 0 && (e = series_sort_block_hists(mem, c->hists, &hists)) == OK) {
		if (c->hists[0].ms < *min_ms)
			*min_ms = c->hists[0].ms;
		if (c->hists[hists - 1].ms > *max_ms)
			*max_ms = c->hists[hists - 1].ms;
		e = block_put_hists(s->codec, &c->block, c->hists, hists);
	}
	return e;
}

/* The series' labels as bytes in c->labels. The index may grow meanwhile, hence the lock. */
static enum err take_labels(struct cutter *c, uint32_t slot)
{
	struct series_store *s = c->store;
	struct series_label labels[LABELS_MAX];
	pthread_rwlock_rdlock(&s->data);
	const struct series *x = index_at(s->index, slot);
	for (uint32_t i = 0; i < x->pair_count; i++)
		labels[i] = index_label(s->index, x, i);
	size_t count = x->pair_count;
	pthread_rwlock_unlock(&s->data);
	buf_clear(&c->labels);
	window_put_labels(&c->labels, labels, count);
	return c->labels.err;
}

/* One series into the window; nothing when it has nothing there. */
static enum err write_series(
    struct cutter *c, struct window_writer *w, struct series *x, int64_t number, bool *ret_new)
{
	int64_t min_ms, max_ms;
	*ret_new = false;
	enum err e = make_block(c, x->old, number, &min_ms, &max_ms);
	if (e != OK || c->block.len == 0)
		return e;
	e = take_labels(c, x->slot);
	return e == OK ? window_write_block(w, x->id, buf_str(&c->labels), min_ms, max_ms,
	                     buf_str(&c->block), ret_new)
	               : e;
}

/* The series that a slot being cut holds: its place does not move and it is not removed while it
 * has `old`. */
static struct series *cut_series(struct series_store *s, size_t i)
{
	pthread_rwlock_rdlock(&s->data);
	struct series *x = index_at(s->index, s->cutting[i]);
	pthread_rwlock_unlock(&s->data);
	assert(x && x->old);
	return x;
}

static enum err write_window(struct cutter *c, int64_t number)
{
	struct series_store *s = c->store;
	struct window_writer *w = NULL;
	char path[4096];
	window_path(path, s->folder, number);
	uint8_t *is_new = mem_new(s->options.mem, s->cutting_count, 1);
	enum err e = is_new ? window_write_open(s->options.mem, path, s->length_ms, &w) : ERR_NOMEM;
	for (size_t i = 0; i < s->cutting_count && e == OK; i++) {
		bool fresh;
		e = write_series(c, w, cut_series(s, i), number, &fresh);
		is_new[i] = e == OK && fresh;
	}
	if (e == OK)
		e = window_write_commit(w);
	window_write_close(&w);
	if (e == OK) {
		pthread_rwlock_wrlock(&s->data);
		for (size_t i = 0; i < s->cutting_count; i++)
			index_at(s->index, s->cutting[i])->windows += is_new[i];
		e = store_need_window(
		    s, number, true); /* retention may have taken it off the list */
		pthread_rwlock_unlock(&s->data);
	}
	mem_free(s->options.mem, is_new);
	return e;
}

static bool is_done(const struct series_store *s, int64_t number)
{
	for (size_t i = 0; i < s->cut_done_count; i++) {
		if (s->cut_done[i] == number)
			return true;
	}
	return false;
}

/* Step 2. */
static enum err write_windows(struct series_store *s)
{
	struct numbers n = { .mem = s->options.mem };
	struct cutter c = { .store = s,
		.block = buf_make(s->options.mem, 64u << 20),
		.labels = buf_make(s->options.mem, 4u << 20) };
	pthread_rwlock_rdlock(&s->data);
	enum err e = list_windows(s, &n);
	pthread_rwlock_unlock(&s->data);
	for (size_t i = 0; i < n.count && e == OK; i++) {
		if (is_done(s, n.list[i]))
			continue;
		if (!room(s->options.mem, &s->cut_done, &s->cut_done_cap, s->cut_done_count + 1,
		        sizeof(s->cut_done[0])))
			e = ERR_NOMEM;
		if (e == OK)
			e = write_window(&c, n.list[i]);
		if (e == OK)
			s->cut_done[s->cut_done_count++] = n.list[i];
	}
	mem_free(s->options.mem, n.list);
	mem_free(s->options.mem, c.points);
	mem_free(s->options.mem, c.hists);
	buf_free(&c.block);
	buf_free(&c.labels);
	return e;
}

/* Step 3. */
static void end_cut(struct series_store *s)
{
	const struct os *os = s->options.os;
	const size_t piece = 256; /* series a turn of the lock */
	for (size_t at = 0; at < s->cutting_count; at += piece) {
		pthread_rwlock_wrlock(&s->data);
		for (size_t i = at; i < s->cutting_count && i < at + piece; i++)
			head_free(s->options.mem, &index_at(s->index, s->cutting[i])->old,
			    &s->head_bytes);
		pthread_rwlock_unlock(&s->data);
	}
	pthread_rwlock_wrlock(&s->data);
	s->cutting_count = 0;
	s->counters.cuts++;
	pthread_rwlock_unlock(&s->data);
	s->cut_done_count = 0;
	for (; s->log_first < s->log_number; s->log_first++) {
		char path[4096];
		log_path(path, s->folder, s->log_first);
		if (os->unlink(os, path) != 0 && errno != ENOENT)
			break; /* tried again after the next cut; its samples are in the files too
			        */
	}
}

enum err store_cut(struct series_store *s)
{
	struct mono start = s->options.os->mono(s->options.os);
	enum err e = OK;
	if (s->cutting_count == 0) {
		pthread_rwlock_rdlock(&s->data);
		bool nothing = s->head_bytes == 0;
		pthread_rwlock_unlock(&s->data);
		if (nothing && s->log_first == s->log_number)
			return OK;
		e = series_flush(s);
		if (e == OK)
			e = begin_cut(s);
	}
	if (e == OK)
		e = write_windows(s);
	if (e == OK)
		end_cut(s);
	pthread_rwlock_wrlock(&s->data);
	s->counters.cut_ns = mono_sub(s->options.os->mono(s->options.os), start).ns;
	s->counters.cut_failures += e != OK;
	pthread_rwlock_unlock(&s->data);
	return e;
}

/* ---- retention ---- */

static enum err forget_series(
    void *context, uint64_t id, int64_t min_ms, int64_t max_ms, struct str bytes)
{
	struct series_store *s = context;
	struct series_label labels[LABELS_MAX];
	size_t count;
	(void)min_ms;
	(void)max_ms;
	if (window_get_labels(bytes, labels, LABELS_MAX, &count) != OK)
		return OK;
	pthread_rwlock_wrlock(&s->data);
	struct series *x = index_find(s->index, labels, count);
	if (x && x->id == id &&
	    !surprise(x->windows == 0, "store/series: a file knows a series that has no files")) {
		x->windows--;
		if (x->windows == 0 && !x->head && !x->old) {
			index_remove(s->index, x);
			s->counters.series_removed++;
		}
	}
	pthread_rwlock_unlock(&s->data);
	return OK;
}

static enum err remove_window(struct series_store *s, int64_t number)
{
	const struct os *os = s->options.os;
	char path[4096], beside[4104];
	int64_t length_ms;
	window_path(path, s->folder, number);
	enum err e = window_list(path, &length_ms, forget_series, s);
	if (e != OK && e != ERR_INPUT)
		return e;
	if (os->unlink(os, path) != 0 && errno != ENOENT)
		return ERR_IO;
	static const char *const suffix[] = { "-wal", "-shm" };
	for (size_t i = 0; i < ARRAY_COUNT(suffix); i++) {
		snprintf(beside, sizeof(beside), "%s%s", path, suffix[i]);
		os->unlink(os, beside);
	}
	pthread_rwlock_wrlock(&s->data);
	size_t at = store_window_at(s, number);
	assert(at < s->window_count && s->windows[at].number == number);
	memmove(s->windows + at, s->windows + at + 1,
	    (s->window_count - at - 1) * sizeof(s->windows[0]));
	s->window_count--;
	s->counters.windows_removed++;
	pthread_rwlock_unlock(&s->data);
	return OK;
}

enum err store_expire(struct series_store *s, struct wall now)
{
	if (s->options.retention.ns <= 0)
		return OK;
	/* A window goes when all of it is older than the retention. A clock that was set far ahead
	 * must not empty the store: since its start no more time has passed than the monotonic
	 * clock says. */
	if (s->newest_ms == INT64_MAX) { /* it was empty */
		s->newest_ms = wall_ms(now);
		s->opened = s->options.os->mono(s->options.os);
	}
	struct span passed = mono_sub(s->options.os->mono(s->options.os), s->opened);
	int64_t latest = time_add_ns(s->newest_ms, passed.ns / NS_PER_MS);
	int64_t now_ms = wall_ms(now) < latest ? wall_ms(now) : latest;
	int64_t first = window_of(s, time_add_ns(now_ms, -(s->options.retention.ns / NS_PER_MS)));
	enum err e = OK;
	for (;;) {
		pthread_rwlock_rdlock(&s->data);
		size_t at = 0;
		while (at < s->window_count && s->windows[at].number < first &&
		       !s->windows[at].on_disk)
			at++;
		bool found = at < s->window_count && s->windows[at].number < first;
		int64_t number = found ? s->windows[at].number : 0;
		pthread_rwlock_unlock(&s->data);
		if (!found)
			return e;
		e = remove_window(s, number);
		if (e != OK)
			return e;
	}
}
