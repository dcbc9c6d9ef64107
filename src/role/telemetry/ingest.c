/* SPDX-License-Identifier: Apache-2.0
 *
 * Remote write: a sender repeats the same labels in every request, so each thread remembers which
 * bytes were which series (by a 128-bit hash, seeded). Valid series of a request are kept even when
 * others are refused, as the protocol allows; the answer says why. What is full for the moment
 * (log, memory) answers 503, so the sender tries again; what will never fit (too many series, too
 * many files) answers 400, so it does not.
 */
#include "role/telemetry/ingest.h"
#include "base/hash.h"
#include "wire/remote_write.h"
#include <assert.h>
#include <stdio.h>

#define CACHE_SLOTS 65536u /* a power of two */
#define CACHE_TRIES 8u
#define SERIES_PER_LOCK 256u

struct cached {
	struct hash128 hash;
	struct series_ref ref;
};
struct cache {
	struct cached slots[CACHE_SLOTS];
	uint64_t seed;
};

void ingest_free_cache(const struct mem *mem, void *extra)
{
	mem_free(mem, extra);
}

static struct cache *get_cache(struct tpool_worker *worker)
{
	if (!worker->extra) {
		struct cache *c = mem_new(&mem_system, 1, sizeof(*c));
		if (c) {
			uint64_t seed = 1;
			ignore_err(os_linux.random(&os_linux, &seed, sizeof(seed)),
			    "then the seed is known");
			c->seed = seed;
		}
		worker->extra = c;
	}
	return worker->extra;
}

/* The slot that has this hash, or the one to use for it. */
static struct cached *cache_slot(struct cache *c, struct hash128 h)
{
	for (unsigned i = 0; i < CACHE_TRIES; i++) {
		struct cached *s = &c->slots[(h.lo + i) & (CACHE_SLOTS - 1)];
		if ((s->hash.lo == h.lo && s->hash.hi == h.hi) || s->ref.generation == 0)
			return s;
	}
	return &c->slots[h.lo & (CACHE_SLOTS - 1)];
}

struct write {
	struct series_store *store;
	struct rw reader;
	struct arena *arena;
	struct cache *cache;
	struct ingest_answer *answer;
	enum err refused; /* the first reason */
};

static enum err find_series(struct write *w, const struct rw_series *s, struct series_ref *ret)
{
	struct rw_label labels[RW_LABELS_MAX];
	struct series_label to[RW_LABELS_MAX];
	size_t count;
	enum err e = rw_labels(&w->reader, s, labels, &count);
	if (e != OK)
		return ERR_INPUT;
	for (size_t i = 0; i < count; i++)
		to[i] = (struct series_label){ labels[i].name, labels[i].value };
	return series_ref(w->store, to, count, ret);
}

static enum err put(struct write *w, struct series_ref ref, const struct rw_sample *x)
{
	return x->is_hist ? series_add_hist(w->store, ref, x->t_ms, &x->hist)
	                  : series_add(w->store, ref, x->t_ms, x->value);
}

/* One series with all its samples. False: the request is broken, the reader says how. */
static bool write_series(struct write *w, struct rw_series *s)
{
	struct hash128 h = hash128(s->label_bytes, w->cache->seed);
	struct cached *c = cache_slot(w->cache, h);
	bool known = c->ref.generation != 0 && c->hash.lo == h.lo && c->hash.hi == h.hi;
	struct rw_sample x;
	enum err found = known ? OK : ERR_GONE;
	while (rw_next_sample(&w->reader, s, w->arena, &x)) {
		enum err e = found == OK ? put(w, c->ref, &x) : found;
		if (e == ERR_GONE) {
			struct series_ref ref;
			found = e = find_series(w, s, &ref);
			if (e == ERR_INPUT)
				return false;
			if (e == OK) {
				*c = (struct cached){ h, ref };
				e = put(w, ref, &x);
			}
		}
		if (e == OK) {
			w->answer->samples += !x.is_hist;
			w->answer->hists += x.is_hist;
		} else {
			w->answer->refused++;
			w->refused = w->refused == OK ? e : w->refused;
		}
	}
	return w->reader.err == OK;
}

static void write_request(struct write *w)
{
	struct rw_series s;
	bool more = true;
	while (more) {
		series_write_begin(w->store);
		for (unsigned i = 0; i < SERIES_PER_LOCK && more; i++)
			more = rw_next_series(&w->reader, &s) && write_series(w, &s);
		series_write_end(w->store);
	}
}

static void conclude(struct write *w, const struct series_counters *before)
{
	struct ingest_answer *a = w->answer;
	struct series_counters now;
	if (w->reader.err != OK) {
		a->status = w->reader.err == ERR_INPUT ? 400 : 413;
		snprintf(a->text, sizeof(a->text), "%s\n", w->reader.fault);
		return;
	}
	if (a->refused == 0) {
		a->status = 204;
		return;
	}
	series_counters(w->store, &now);
	bool for_now = now.samples_refused_memory > before->samples_refused_memory ||
	               now.samples_refused_log > before->samples_refused_log ||
	               w->refused == ERR_NOMEM;
	const char *why =
	    for_now ? "the store cannot keep up or cannot write to its disk: try again"
	    : now.series_refused > before->series_refused
	        ? "the limit of series is reached: raise series_limit or send fewer series"
	        : "the timestamps are spread over more days than there may be files";
	a->status = for_now ? 503 : 400;
	snprintf(a->text, sizeof(a->text), "%llu of %llu samples refused: %s\n",
	    (unsigned long long)a->refused,
	    (unsigned long long)(a->refused + a->samples + a->hists), why);
}

void ingest_remote_write(struct series_store *store, struct tpool_worker *worker,
    struct str content_encoding, struct str body, struct ingest_answer *ret)
{
	*ret = (struct ingest_answer){ .status = 400 };
	struct cache *cache = get_cache(worker);
	struct buf request = buf_make(&mem_system, RW_BYTES_MAX);
	const char *fault = "out of memory";
	if (content_encoding.len && !str_eq_nocase(content_encoding, STR("snappy"))) {
		ret->status = 415;
		snprintf(ret->text, sizeof(ret->text),
		    "%.*s encoding (compression) is not accepted by this server; only snappy is "
		    "acceptable\n",
		    (int)(content_encoding.len < 64 ? content_encoding.len : 64),
		    content_encoding.ptr);
		return;
	}
	enum err e = cache ? rw_unpack(body, RW_BYTES_MAX, &request, &fault) : ERR_NOMEM;
	if (e != OK) {
		ret->status = e == ERR_INPUT ? 400 : e == ERR_LIMIT ? 413 : 503;
		snprintf(ret->text, sizeof(ret->text), "%s\n", fault);
	} else {
		struct series_counters before;
		series_counters(store, &before);
		struct write w = { .store = store,
			.reader = rw_make(buf_str(&request)),
			.arena = worker->arena,
			.cache = cache,
			.answer = ret };
		write_request(&w);
		conclude(&w, &before);
	}
	buf_free(&request);
}

/* ---- samples of other roles ---- */

#define SAMPLE_LABELS_MAX 32u

static void put_label(struct series_label *labels, size_t *count, struct str name, struct str value)
{
	size_t at = *count;
	if (value.len == 0)
		return;
	while (at > 0 && str_cmp(labels[at - 1].name, name) > 0)
		at--;
	if (at > 0 && str_eq(labels[at - 1].name, name))
		return;
	memmove(labels + at + 1, labels + at, (*count - at) * sizeof(labels[0]));
	labels[at] = (struct series_label){ name, value };
	(*count)++;
}

static enum err one_sample(
    struct series_store *store, struct rd *r, int64_t at_ms, struct str role, uint64_t *refused)
{
	struct series_label labels[SAMPLE_LABELS_MAX + 2];
	size_t count = 0;
	put_label(labels, &count, STR("__name__"), rd_str(r, 1024));
	unsigned n = rd_u8(r);
	if (n > SAMPLE_LABELS_MAX || count == 0)
		return ERR_INPUT;
	for (unsigned i = 0; i < n; i++) {
		struct str name = rd_str(r, 1024), value = rd_str(r, 8192);
		if (r->err != OK || name.len == 0)
			return ERR_INPUT;
		put_label(labels, &count, name, value);
	}
	if (role.len)
		put_label(labels, &count, STR("role"), role);
	double value = rd_f64(r);
	if (r->err != OK)
		return ERR_INPUT;
	struct series_ref ref;
	enum err e = series_ref(store, labels, count, &ref);
	if (e == OK)
		e = series_add(store, ref, at_ms, value);
	*refused += e != OK;
	return OK;
}

enum err ingest_samples(
    struct series_store *store, struct str body, struct str role, uint64_t *refused)
{
	assert(refused);
	struct rd r = rd_make(body);
	int64_t at_ms = rd_i64(&r);
	uint32_t count = rd_u32(&r);
	enum err e = r.err;
	series_write_begin(store);
	for (uint32_t i = 0; i < count && e == OK; i++)
		e = one_sample(store, &r, at_ms, role, refused);
	series_write_end(store);
	return e == OK ? rd_done(&r) : e;
}
