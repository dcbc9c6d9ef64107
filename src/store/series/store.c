/* SPDX-License-Identifier: Apache-2.0
 *
 * The series store's writing side: refs, adding, flushing the log, and the start: window files are
 * listed, then the log's segments are replayed into the head. After a start a new segment is begun;
 * the old ones stay until the next cut has put their samples into window files.
 */
#include "base/surprise.h"
#include "base/map.h"
#include "store/series/store_priv.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#define LABELS_MAX 512u

size_t store_window_at(const struct series_store *s, int64_t number)
{
	size_t lo = 0, hi = s->window_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->windows[mid].number < number)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

enum err store_need_window(struct series_store *s, int64_t number, bool on_disk)
{
	if (!on_disk && s->last_window < s->window_count &&
	    s->windows[s->last_window].number == number)
		return OK;
	size_t at = store_window_at(s, number);
	if (at == s->window_count || s->windows[at].number != number) {
		if (s->window_count >= s->options.windows_max && !on_disk)
			return ERR_LIMIT;
		if (s->window_count == s->window_cap) {
			size_t to = s->window_cap ? s->window_cap * 2 : 32;
			struct window *grown =
			    mem_resize(s->options.mem, s->windows, to, sizeof(grown[0]));
			if (!grown)
				return ERR_NOMEM;
			s->windows = grown;
			s->window_cap = to;
		}
		memmove(s->windows + at + 1, s->windows + at,
		    (s->window_count - at) * sizeof(s->windows[0]));
		s->windows[at] = (struct window){ number, on_disk, ++s->incarnations };
		s->window_count++;
	}
	s->windows[at].on_disk = s->windows[at].on_disk || on_disk;
	s->last_window = at;
	return OK;
}

/* ---- adding ---- */

void series_write_begin(struct series_store *s)
{
	pthread_rwlock_wrlock(&s->data);
}

void series_write_end(struct series_store *s)
{
	pthread_rwlock_unlock(&s->data);
}

enum err series_ref(
    struct series_store *s, const struct series_label *labels, size_t count, struct series_ref *ret)
{
	assert(count <= LABELS_MAX);
	struct series *x = index_find(s->index, labels, count);
	if (!x) {
		if (index_count(s->index) >= s->options.series_max) {
			s->counters.series_refused++;
			return ERR_LIMIT;
		}
		enum err e = index_add(s->index, labels, count, &x);
		if (e != OK)
			return e;
		x->id = s->next_id++;
	}
	*ret = (struct series_ref){ x->slot, x->generation };
	return OK;
}

static struct series *resolve(const struct series_store *s, struct series_ref ref)
{
	struct series *x = index_at(s->index, ref.slot);
	return x && x->generation == ref.generation ? x : NULL;
}

static void widen(struct series *x, int64_t ms)
{
	if (ms < x->min_ms)
		x->min_ms = ms;
	if (ms > x->max_ms)
		x->max_ms = ms;
}

/* Checks every limit, and defines the series in the log when it is not yet. */
static enum err admit(struct series_store *s, struct series *x, int64_t ms, size_t extra_bytes)
{
	if (s->head_bytes + extra_bytes > s->options.head_bytes_max) {
		s->counters.samples_refused_memory++;
		return ERR_LIMIT;
	}
	enum err e = store_need_window(s, window_of(s, ms), false);
	if (e != OK) {
		s->counters.samples_refused_windows += e == ERR_LIMIT;
		return e;
	}
	bool define = x->log_number != s->log_number;
	struct series_label labels[LABELS_MAX];
	size_t label_bytes = 0;
	for (uint32_t i = 0; define && i < x->pair_count; i++) {
		labels[i] = index_label(s->index, x, i);
		label_bytes += labels[i].name.len + labels[i].value.len + 8;
	}
	if (!log_room(&s->log, 2 * (size_t)LOG_ENTRY_BYTES + label_bytes + extra_bytes)) {
		s->counters.samples_refused_log++;
		return ERR_LIMIT;
	}
	if (define) {
		log_put_series(&s->log, x->id, labels, x->pair_count);
		x->log_number = s->log_number;
	}
	return OK;
}

enum err series_add(struct series_store *s, struct series_ref ref, int64_t ms, double value)
{
	struct series *x = resolve(s, ref);
	if (!x)
		return ERR_GONE;
	enum err e = admit(s, x, ms, 0);
	if (e == OK)
		e = head_add_point(s->options.mem, &x->head, ms, value, &s->head_bytes);
	if (e != OK)
		return e;
	log_put_point(&s->log, x->id, ms, value);
	widen(x, ms);
	s->counters.samples_added++;
	return OK;
}

enum err series_add_hist(
    struct series_store *s, struct series_ref ref, int64_t ms, const struct hist *h)
{
	struct series *x = resolve(s, ref);
	if (!x)
		return ERR_GONE;
	buf_clear(&s->scratch);
	hist_put(&s->scratch, h);
	if (s->scratch.err != OK)
		return s->scratch.err;
	struct str bytes = buf_str(&s->scratch);
	enum err e = admit(s, x, ms, bytes.len);
	if (e == OK)
		e = head_add_hist(s->options.mem, &x->head, ms, bytes, &s->head_bytes);
	if (e != OK)
		return e;
	log_put_hist(&s->log, x->id, ms, bytes);
	widen(x, ms);
	s->counters.samples_added++;
	return OK;
}

/* ---- flushing ---- */

enum err store_write_flushing(struct series_store *s)
{
	const struct os *os = s->options.os;
	if (s->flushing.len == 0)
		return OK;
	buf_clear(&s->frame);
	enum err e = log_frame(&s->frame, buf_str(&s->flushing));
	if (e == OK && s->log_fd < 0)
		e = ERR_IO;
	if (e == OK && (os_pwrite_all(os, s->log_fd, buf_str(&s->frame), s->log_at) != OK ||
	                   os->fdatasync(os, s->log_fd) != 0)) {
		int why = errno;
		ignore_err(os->ftruncate(os, s->log_fd, s->log_at),
		    "the next attempt writes at the same place");
		errno = why;
		e = ERR_IO;
	}
	pthread_rwlock_wrlock(&s->data);
	s->counters.flushes += e == OK;
	s->counters.flush_failures += e != OK;
	pthread_rwlock_unlock(&s->data);
	if (e != OK)
		return e;
	s->log_at += (int64_t)s->frame.len;
	if (s->flushing.cap > (4u << 20)) {
		buf_free(&s->flushing);
		buf_free(&s->frame);
	} else {
		buf_clear(&s->flushing);
	}
	return OK;
}

enum err series_flush(struct series_store *s)
{
	pthread_mutex_lock(&s->flush);
	enum err e = store_write_flushing(s); /* what failed last time */
	if (e == OK) {
		pthread_rwlock_wrlock(&s->data);
		struct buf empty = s->flushing;
		s->flushing = s->log.entries;
		s->log.entries = empty;
		log_writer_next(&s->log);
		pthread_rwlock_unlock(&s->data);
		e = store_write_flushing(s);
	}
	pthread_mutex_unlock(&s->flush);
	return e;
}

enum err series_maintain(struct series_store *s, struct wall now, bool force)
{
	pthread_mutex_lock(&s->maintain);
	if (s->cut_at.ns == 0)
		s->cut_at = now;
	pthread_rwlock_rdlock(&s->data);
	bool due = force || s->cutting_count > 0 || s->head_bytes > s->options.head_bytes_cut;
	pthread_rwlock_unlock(&s->data);
	struct span age = wall_sub(now, s->cut_at);
	due = due || age.ns >= s->options.cut_after.ns || age.ns < 0;
	enum err e = OK;
	if (due) {
		e = store_cut(s);
		s->cut_at = now;
	}
	enum err expired = store_expire(s, now);
	pthread_mutex_unlock(&s->maintain);
	return e != OK ? e : expired;
}

void series_counters(struct series_store *s, struct series_counters *ret)
{
	pthread_rwlock_rdlock(&s->data);
	*ret = s->counters;
	ret->series = index_count(s->index);
	ret->head_bytes = s->head_bytes;
	ret->log_pending_bytes = s->log.entries.len;
	ret->windows = s->window_count;
	pthread_rwlock_unlock(&s->data);
	pthread_mutex_lock(&s->flush);
	ret->log_bytes = (uint64_t)s->log_at;
	ret->log_pending_bytes += s->flushing.len;
	pthread_mutex_unlock(&s->flush);
}

/* ---- start ---- */

struct loading {
	struct series_store *store;
	struct map *by_id; /* id's 8 bytes -> struct series */
	bool nomem;
};

static struct str id_key(const uint64_t *id)
{
	return str_make((const char *)id, sizeof(*id));
}

static enum err get_series(struct loading *l, uint64_t id, const struct series_label *labels,
    size_t count, struct series **ret)
{
	struct series_store *s = l->store;
	struct series *x = index_find(s->index, labels, count);
	if (!x) {
		enum err e = index_add(s->index, labels, count, &x);
		if (e != OK)
			return e;
		x->id = id;
	}
	if (surprise(x->id != id, "store/series: two ids for one label set"))
		id = x->id;
	if (id >= s->next_id)
		s->next_id = id + 1;
	*ret = x;
	return map_put(l->by_id, id_key(&x->id), x);
}

static enum err load_listed(
    void *context, uint64_t id, int64_t min_ms, int64_t max_ms, struct str bytes)
{
	struct loading *l = context;
	struct series_label labels[LABELS_MAX];
	size_t count;
	if (window_get_labels(bytes, labels, LABELS_MAX, &count) != OK || id == 0)
		return ERR_INPUT;
	struct series *x;
	enum err e = get_series(l, id, labels, count, &x);
	if (e != OK)
		return e;
	x->windows++;
	widen(x, min_ms);
	widen(x, max_ms);
	return OK;
}

static enum err replay_series(
    void *context, uint64_t id, const struct series_label *labels, size_t count)
{
	struct series *x;
	return id == 0 ? ERR_INPUT : get_series(context, id, labels, count, &x);
}

static struct series *replayed(struct loading *l, uint64_t id, int64_t ms)
{
	struct series *x = map_find(l->by_id, id_key(&id));
	if (surprise(!x, "store/series: the log names an unknown series"))
		return NULL;
	l->store->counters.replayed_samples++;
	widen(x, ms);
	return x;
}

static enum err replay_point(void *context, uint64_t id, int64_t ms, double value)
{
	struct loading *l = context;
	struct series_store *s = l->store;
	struct series *x = replayed(l, id, ms);
	if (!x)
		return OK;
	enum err e = store_need_window(s, window_of(s, ms), false);
	return e == OK ? head_add_point(s->options.mem, &x->head, ms, value, &s->head_bytes) : e;
}

static enum err replay_hist(void *context, uint64_t id, int64_t ms, struct str hist)
{
	struct loading *l = context;
	struct series_store *s = l->store;
	struct series *x = replayed(l, id, ms);
	if (!x)
		return OK;
	enum err e = store_need_window(s, window_of(s, ms), false);
	return e == OK ? head_add_hist(s->options.mem, &x->head, ms, hist, &s->head_bytes) : e;
}

/* A file that cannot be understood is set aside under another name, so that the rest works. */
static enum err set_aside(struct series_store *s, const char *path, struct buf *fault)
{
	char to[4200];
	snprintf(to, sizeof(to), "%s.damaged", path);
	if (s->options.os->rename(s->options.os, path, to) != 0)
		return ERR_IO;
	s->counters.bad_files++;
	if (fault)
		buf_printf(fault, "%s%s is damaged and was set aside as %s.damaged",
		    fault->len ? "; " : "", path, path);
	return OK;
}

static enum err load_windows(struct series_store *s, struct loading *l, const struct str *names,
    size_t count, struct buf *fault)
{
	for (size_t i = 0; i < count; i++) {
		int64_t number, length_ms = 0;
		char path[4096];
		if (!window_number(names[i], &number))
			continue;
		window_path(path, s->folder, number);
		enum err e = window_list(path, &length_ms, load_listed, l);
		if (e == OK && s->window_count > 0 && length_ms != s->length_ms)
			e = ERR_INPUT;
		if (e == ERR_INPUT) {
			e = set_aside(s, path, fault);
			if (e == OK)
				continue;
		}
		if (e == OK) {
			s->length_ms = length_ms;
			e = store_need_window(s, number, true);
		}
		if (e != OK) {
			if (fault)
				buf_printf(fault, "cannot read %s: %s", path, err_text(e));
			return e;
		}
	}
	return OK;
}

static bool log_number(struct str name, uint32_t *ret)
{
	uint64_t n;
	if (!str_starts(name, STR("log-")) || str_u64(str_from(name, 4), &n) != OK || n == 0 ||
	    n >= UINT32_MAX)
		return false;
	*ret = (uint32_t)n;
	return true;
}

/* Segments in order of their numbers (names are sorted and padded). */
static enum err load_logs(struct series_store *s, struct loading *l, const struct str *names,
    size_t count, struct buf *fault)
{
	const struct log_visitor visitor = { l, replay_series, replay_point, replay_hist };
	for (size_t i = 0; i < count; i++) {
		uint32_t number;
		uint64_t torn = 0;
		if (!log_number(names[i], &number))
			continue;
		enum err e =
		    log_replay(s->options.os, s->options.mem, s->folder, number, &visitor, &torn);
		if (e != OK) {
			if (fault)
				buf_printf(fault, "cannot replay %s/%.*s: %s", s->folder,
				    STR_ARG(names[i]), err_text(e));
			return e;
		}
		s->counters.torn_bytes += torn;
		if (s->log_first == 0)
			s->log_first = number;
		s->log_number = number;
	}
	return OK;
}

static enum err load(struct series_store *s, struct buf *fault)
{
	struct arena *a = NULL;
	struct loading l = { .store = s };
	struct str *names = NULL;
	size_t count = 0;
	enum err e = arena_open(s->options.mem, 16u << 20, &a);
	if (e == OK)
		e = map_open(s->options.mem, s->options.hash_seed, 1u << 29, &l.by_id);
	if (e == OK)
		e = os_list_dir(s->folder, a, &names, &count);
	if (e == OK)
		e = load_windows(s, &l, names, count, fault);
	if (e == OK)
		e = load_logs(s, &l, names, count, fault);
	map_close(&l.by_id);
	arena_close(&a);
	if (e != OK)
		return e;
	int64_t end;
	s->newest_ms = INT64_MAX;
	if (s->window_count && !ck_add(s->windows[s->window_count - 1].number, 1, &end) &&
	    !ck_mul(end, s->length_ms, &end))
		s->newest_ms = end;
	s->opened = s->options.os->mono(s->options.os);
	s->log_number++;
	if (s->log_first == 0)
		s->log_first = s->log_number;
	e = log_create(s->options.os, s->folder, s->log_number, &s->log_fd, &s->log_at);
	if (e != OK && fault)
		buf_printf(fault, "cannot make a log in %s: errno %d", s->folder, errno);
	return e;
}

static enum err take_folder(struct series_store *s, struct buf *fault)
{
	enum err e = os_make_dir(s->options.os, s->folder, 0750);
	if (e == OK) {
		char path[4096];
		snprintf(path, sizeof(path), "%s/lock", s->folder);
		s->lock_fd = s->options.os->open(s->options.os, path, O_RDWR | O_CREAT, 0640);
		e = s->lock_fd < 0 ? ERR_IO : OK;
	}
	if (e != OK) {
		if (fault)
			buf_printf(fault,
			    "cannot write in %s: errno %d: make the folder writable for the user "
			    "of quisd",
			    s->folder, errno);
		return e;
	}
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (fault)
			buf_printf(fault, "%s is in use by another process", s->folder);
		return ERR_BUSY;
	}
	return OK;
}

static void set_defaults(struct series_options *o)
{
	const uint64_t mib = 1u << 20;
	o->window = o->window.ns > 0 ? o->window : SPAN_S(86400);
	o->cut_after = o->cut_after.ns > 0 ? o->cut_after : SPAN_S(7200);
	o->series_max = o->series_max ? o->series_max : 1000000;
	o->windows_max = o->windows_max ? o->windows_max : 4000;
	o->head_bytes_cut = o->head_bytes_cut ? o->head_bytes_cut : 64 * mib;
	o->head_bytes_max = o->head_bytes_max ? o->head_bytes_max : 512 * mib;
	o->log_bytes_max = o->log_bytes_max ? o->log_bytes_max : 64 * mib;
	if (o->log_bytes_max > 128 * mib)
		o->log_bytes_max = 128 * mib; /* a group's size in the log is bounded */
}

static void make_locks(struct series_store *s)
{
	pthread_rwlockattr_t attr;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&s->data, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&s->maintain, NULL);
	pthread_mutex_init(&s->flush, NULL);
}

enum err series_open(
    const struct series_options *options, struct series_store **ret, struct buf *fault)
{
	assert(options->mem && options->os && options->folder);
	struct series_store *s = mem_new(options->mem, 1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->options = *options;
	set_defaults(&s->options);
	s->length_ms = s->options.window.ns / NS_PER_MS > 0 ? s->options.window.ns / NS_PER_MS : 1;
	s->lock_fd = s->log_fd = -1;
	s->next_id = 1;
	s->last_window = SIZE_MAX;
	snprintf(s->folder, sizeof(s->folder), "%s", options->folder);
	s->options.folder = s->folder;
	make_locks(s);
	s->log = log_writer_make(options->mem, (size_t)s->options.log_bytes_max);
	s->flushing = buf_make(options->mem, (size_t)s->options.log_bytes_max);
	s->frame = buf_make(options->mem, 2 * (size_t)s->options.log_bytes_max + 4096);
	s->scratch = buf_make(options->mem, 8u << 20);
	enum err e = strlen(options->folder) >= sizeof(s->folder)
	                 ? ERR_LIMIT
	                 : index_open(options->mem, s->options.hash_seed, &s->index);
	if (e == OK)
		e = block_codec_open(options->mem, &s->codec);
	if (e == OK)
		e = take_folder(s, fault);
	if (e == OK)
		e = load(s, fault);
	if (e != OK)
		series_close(&s);
	else
		*ret = s;
	return e;
}

void series_close(struct series_store **store)
{
	struct series_store *s = *store;
	if (!s)
		return;
	const struct mem *mem = s->options.mem;
	ignore_err(series_flush(s),
	    "what cannot be written now is lost with the process; the caller flushed before");
	for (uint32_t i = 0; s->index && i < index_slots(s->index); i++) {
		struct series *x = index_at(s->index, i);
		if (x) {
			head_free(mem, &x->head, &s->head_bytes);
			head_free(mem, &x->old, &s->head_bytes);
		}
	}
	index_close(&s->index);
	block_codec_close(&s->codec);
	buf_free(&s->log.entries);
	buf_free(&s->flushing);
	buf_free(&s->frame);
	buf_free(&s->scratch);
	mem_free(mem, s->windows);
	mem_free(mem, s->cutting);
	mem_free(mem, s->cut_done);
	if (s->log_fd >= 0)
		s->options.os->close(s->options.os, s->log_fd);
	if (s->lock_fd >= 0)
		s->options.os->close(s->options.os, s->lock_fd);
	pthread_rwlock_destroy(&s->data);
	pthread_mutex_destroy(&s->maintain);
	pthread_mutex_destroy(&s->flush);
	mem_free(mem, s);
	*store = NULL;
}
