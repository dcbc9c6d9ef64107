/* SPDX-License-Identifier: Apache-2.0
 *
 * Three steps over a batch of up to 64 samples hide the cache misses of a large table: hash and
 * prefetch the alias slot; find the alias and prefetch the metric; add. The metric's hot part is 32
 * bytes; labels, store refs, histograms and sets are in its cold part.
 *
 * Exactness: a counter is an int64 of whole numbers and a double for the rest. A value sent with a
 * sample rate counts value / rate, which is whole more often than not (1 at @0.1 is 10) and goes to
 * the int64 then.
 *
 * Places of forgotten metrics are used again. An alias may still lead to such a place: it carries
 * the place's generation, which forgetting raises, so that it then counts as never seen.
 */
#include "role/telemetry/agg.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/surprise.h"
#include "query/source.h"
#include "role/telemetry/agg_set.h"
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define BATCH 64u
#define TAGS_MAX 64u
#define SLICE 1024u
#define NAME_BYTES_MAX 1024u
/* More than this between two flushes (the longest interval that can be configured) is a clock that
 * was set, or a machine that slept: it is not idleness, so no jump forgets everything. */
#define STEP_MS INT64_C(3600000)
#define NO_METRIC UINT32_MAX

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HIST, KIND_SET, KIND_COUNT };

struct metric {
	int64_t whole; /* counter */
	double part;   /* counter: the rest; gauge: its value */
	uint32_t cold, generation;
	uint8_t kind;
	bool fresh;  /* something came since the last flush */
	bool silent; /* not written: nothing came yet, or its series was ended */
};

/* A name keeps its kind while it has metrics. */
struct name {
	enum kind kind;
	uint32_t metrics, len;
	char bytes[];
};

struct cold {
	struct series_label *labels; /* NULL: the place is free */
	uint32_t label_count;
	uint32_t next_free;
	struct name *name; /* NULL: there was no memory for it */
	int64_t heard_ms;  /* idle_ms of the table when something came last, seen at a flush */
	struct series_ref ref;
	struct hist_acc *hist;
	struct agg_set *set;
	uint64_t key; /* of the canonical labels */
};

struct alias {
	struct hash128 hash; /* both 0: free */
	uint32_t metric, generation;
};

/* A sample on its way through the three steps. */
struct pending {
	struct statsd_sample sample;
	struct str line;
	struct hash128 hash;
	uint32_t metric, generation;
};

struct agg {
	const struct mem *mem;
	struct agg_events events;
	pthread_mutex_t mutex;
	uint64_t seed;
	uint32_t limit;
	struct alias *aliases;
	size_t alias_cap, alias_count;
	struct metric *metrics;
	struct cold *colds;
	uint32_t metric_count, metric_cap; /* places, free ones too */
	uint32_t free_first, free_count;
	uint32_t *by_labels; /* metric + 1 by hash of the labels; 0 = free */
	size_t by_labels_cap;
	struct map *names; /* series name -> its struct name */
	uint32_t overflow[KIND_COUNT];
	struct pending batch[BATCH];
	size_t batch_count;
	struct buf text;
	int64_t flushed_ms, idle_ms; /* the last flush; a clock for idleness, see STEP_MS */
	struct agg_counters counters;
};

static enum err grow_aliases(struct agg *g);
static uint32_t add_metric(
    struct agg *g, enum kind kind, const struct series_label *labels, size_t count, uint64_t key);

enum err agg_open(const struct mem *mem, uint64_t seed, uint32_t limit,
    const struct agg_events *events, struct agg **ret)
{
	assert(limit > 0);
	struct agg *g = mem_new(mem, 1, sizeof(*g));
	if (!g)
		return ERR_NOMEM;
	g->mem = mem;
	g->seed = seed;
	g->limit = limit;
	g->events = *events;
	g->text = buf_make(mem, 1u << 20);
	pthread_mutex_init(&g->mutex, NULL);
	memset(g->overflow, 0xff, sizeof(g->overflow));
	g->free_first = NO_METRIC;
	enum err e = map_open(mem, seed, (size_t)limit + 16, &g->names);
	if (e == OK)
		e = grow_aliases(g);
	if (e != OK)
		agg_close(&g);
	else
		*ret = g;
	return e;
}

static void release_name(struct agg *g, struct name *n)
{
	if (!n)
		return;
	assert(n->metrics > 0);
	if (--n->metrics > 0)
		return;
	void *was = map_remove(g->names, str_make(n->bytes, n->len));
	assert(was == n);
	mem_free(g->mem, n);
}

static void free_cold(struct agg *g, struct cold *c)
{
	mem_free(g->mem, c->labels);
	if (c->hist)
		hist_acc_free(c->hist);
	mem_free(g->mem, c->hist);
	agg_set_free(g->mem, c->set);
	release_name(g, c->name);
	*c = (struct cold){ .next_free = NO_METRIC };
}

void agg_close(struct agg **agg)
{
	struct agg *g = *agg;
	if (!g)
		return;
	for (uint32_t i = 0; i < g->metric_count; i++)
		free_cold(g, &g->colds[i]);
	mem_free(g->mem, g->metrics);
	mem_free(g->mem, g->colds);
	mem_free(g->mem, g->aliases);
	mem_free(g->mem, g->by_labels);
	map_close(&g->names);
	buf_free(&g->text);
	pthread_mutex_destroy(&g->mutex);
	mem_free(g->mem, g);
	*agg = NULL;
}

void agg_lock(struct agg *g)
{
	pthread_mutex_lock(&g->mutex);
}

void agg_unlock(struct agg *g)
{
	pthread_mutex_unlock(&g->mutex);
}

static void note_bad(struct agg *g, enum statsd_bad why, struct str line)
{
	g->counters.bad[why]++;
	uint32_t n = line.len < AGG_BAD_BYTES - 1 ? (uint32_t)line.len : AGG_BAD_BYTES - 1;
	char *to = g->counters.last_bad[why].text;
	for (uint32_t i = 0; i < n; i++)
		to[i] = line.ptr[i] >= 0x20 && line.ptr[i] < 0x7f ? line.ptr[i] : '?';
	to[n] = 0;
	g->counters.last_bad[why].len = n;
}

/* ---- aliases: the spelling of a sample -> its metric ---- */

static enum err grow_aliases(struct agg *g)
{
	size_t cap = g->alias_cap ? g->alias_cap * 2 : 1024;
	struct alias *to = mem_new(g->mem, cap, sizeof(to[0]));
	if (!to)
		return ERR_NOMEM;
	for (size_t i = 0; i < g->alias_cap; i++) {
		if ((g->aliases[i].hash.lo | g->aliases[i].hash.hi) == 0)
			continue;
		size_t k = g->aliases[i].hash.lo & (cap - 1);
		while ((to[k].hash.lo | to[k].hash.hi) != 0)
			k = (k + 1) & (cap - 1);
		to[k] = g->aliases[i];
	}
	mem_free(g->mem, g->aliases);
	g->aliases = to;
	g->alias_cap = cap;
	return OK;
}

static uint32_t find_alias(const struct agg *g, struct hash128 h, uint32_t *generation)
{
	for (size_t k = h.lo & (g->alias_cap - 1);; k = (k + 1) & (g->alias_cap - 1)) {
		const struct alias *a = &g->aliases[k];
		if (a->hash.lo == h.lo && a->hash.hi == h.hi) {
			*generation = a->generation;
			return a->metric;
		}
		if ((a->hash.lo | a->hash.hi) == 0)
			return NO_METRIC;
	}
}

static void put_alias(struct agg *g, struct hash128 h, uint32_t metric)
{
	if ((g->alias_count + 1) * 2 > g->alias_cap && grow_aliases(g) != OK &&
	    (g->alias_count + 1) * 8 > g->alias_cap * 7)
		return;                                      /* it is only a short way */
	if (g->alias_count >= 4 * (size_t)g->limit + 1024) { /* so many spellings: begin again */
		memset(g->aliases, 0, g->alias_cap * sizeof(g->aliases[0]));
		g->alias_count = 0;
	}
	size_t k = h.lo & (g->alias_cap - 1);
	while ((g->aliases[k].hash.lo | g->aliases[k].hash.hi) != 0 &&
	       (g->aliases[k].hash.lo != h.lo || g->aliases[k].hash.hi != h.hi))
		k = (k + 1) & (g->alias_cap - 1);
	/* in place of one that leads to a forgotten metric */
	g->alias_count += (g->aliases[k].hash.lo | g->aliases[k].hash.hi) == 0;
	g->aliases[k] = (struct alias){ h, metric, g->metrics[metric].generation };
}

/* ---- metrics ---- */

static enum kind kind_of(enum statsd_type type)
{
	switch (type) {
	case STATSD_COUNTER: return KIND_COUNTER;
	case STATSD_GAUGE: return KIND_GAUGE;
	case STATSD_SET: return KIND_SET;
	default: return KIND_HIST;
	}
}

static bool same_labels(const struct cold *c, const struct series_label *labels, size_t count)
{
	if (c->label_count != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!str_eq(c->labels[i].name, labels[i].name) ||
		    !str_eq(c->labels[i].value, labels[i].value))
			return false;
	}
	return true;
}

static bool grow_by_labels(struct agg *g)
{
	if (((size_t)g->metric_count + 1) * 2 <= g->by_labels_cap)
		return true;
	size_t cap = g->by_labels_cap ? g->by_labels_cap * 2 : 1024;
	uint32_t *to = mem_new(g->mem, cap, sizeof(to[0]));
	if (!to)
		return false;
	for (uint32_t i = 0; i < g->metric_count; i++) {
		if (!g->colds[i].labels)
			continue;
		size_t k = g->colds[i].key & (cap - 1);
		while (to[k])
			k = (k + 1) & (cap - 1);
		to[k] = i + 1;
	}
	mem_free(g->mem, g->by_labels);
	g->by_labels = to;
	g->by_labels_cap = cap;
	return true;
}

static bool grow_metrics(struct agg *g)
{
	if (g->free_first != NO_METRIC || g->metric_count < g->metric_cap)
		return true;
	uint32_t to = g->metric_cap ? g->metric_cap * 2 : 256;
	struct metric *m = mem_resize(g->mem, g->metrics, to, sizeof(m[0]));
	if (!m)
		return false;
	g->metrics = m;
	struct cold *c = mem_resize(g->mem, g->colds, to, sizeof(c[0]));
	if (!c)
		return false;
	g->colds = c;
	g->metric_cap = to;
	return true;
}

/* One block holds the labels and their bytes. */
static struct series_label *copy_labels(
    const struct mem *mem, const struct series_label *labels, size_t count)
{
	size_t bytes = count * sizeof(labels[0]);
	for (size_t i = 0; i < count; i++)
		bytes += labels[i].name.len + labels[i].value.len;
	struct series_label *to = mem_resize(mem, NULL, 1, bytes);
	if (!to)
		return NULL;
	char *text = (char *)(to + count);
	for (size_t i = 0; i < count; i++) {
		memcpy(text, labels[i].name.ptr, labels[i].name.len);
		to[i].name = str_make(text, labels[i].name.len);
		text += labels[i].name.len;
		memcpy(text, labels[i].value.ptr, labels[i].value.len);
		to[i].value = str_make(text, labels[i].value.len);
		text += labels[i].value.len;
	}
	return to;
}

static uint32_t take_place(struct agg *g)
{
	uint32_t at = g->free_first;
	if (at == NO_METRIC) {
		assert(g->metric_count < g->metric_cap);
		at = g->metric_count++;
		g->metrics[at].generation = 0;
	} else {
		g->free_first = g->colds[at].next_free;
		g->free_count--;
	}
	g->counters.metrics = g->metric_count - g->free_count;
	return at;
}

static uint32_t add_metric(
    struct agg *g, enum kind kind, const struct series_label *labels, size_t count, uint64_t key)
{
	struct cold c = { .label_count = (uint32_t)count, .key = key, .heard_ms = g->idle_ms };
	if (!grow_by_labels(g) || !grow_metrics(g))
		return NO_METRIC;
	c.labels = copy_labels(g->mem, labels, count);
	if (kind == KIND_HIST && (c.hist = mem_new(g->mem, 1, sizeof(*c.hist))))
		*c.hist = hist_acc_make(g->mem, HIST_ACC_SCHEMA, HIST_ACC_BUCKETS);
	if (kind == KIND_SET)
		c.set = mem_new(g->mem, 1, sizeof(*c.set));
	if (!c.labels || (kind == KIND_HIST && !c.hist) || (kind == KIND_SET && !c.set)) {
		mem_free(g->mem, c.labels);
		mem_free(g->mem, c.hist);
		mem_free(g->mem, c.set);
		return NO_METRIC;
	}
	uint32_t at = take_place(g);
	g->metrics[at] = (struct metric){ .cold = at,
		.generation = g->metrics[at].generation,
		.kind = (uint8_t)kind,
		.silent = true };
	g->colds[at] = c;
	size_t k = key & (g->by_labels_cap - 1);
	while (g->by_labels[k])
		k = (k + 1) & (g->by_labels_cap - 1);
	g->by_labels[k] = at + 1;
	return at;
}

/* Takes the metric out of by_labels and moves up what stood behind its place by collision. */
static void drop_labels(struct agg *g, uint32_t metric)
{
	size_t mask = g->by_labels_cap - 1, k = g->colds[metric].key & mask;
	while (g->by_labels[k] != metric + 1) {
		assert(g->by_labels[k]);
		k = (k + 1) & mask;
	}
	for (size_t n = (k + 1) & mask; g->by_labels[n]; n = (n + 1) & mask) {
		size_t home = g->colds[g->by_labels[n] - 1].key & mask;
		if (((n - home) & mask) >= ((n - k) & mask)) {
			g->by_labels[k] = g->by_labels[n];
			k = n;
		}
	}
	g->by_labels[k] = 0;
}

static void forget(struct agg *g, uint32_t metric)
{
	assert(g->batch_count == 0); /* nobody holds its place */
	assert(g->colds[metric].labels);
	drop_labels(g, metric);
	free_cold(g, &g->colds[metric]);
	g->metrics[metric].generation++;
	g->colds[metric].next_free = g->free_first;
	g->free_first = metric;
	g->free_count++;
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (g->overflow[i] == metric)
			g->overflow[i] = NO_METRIC;
	}
	g->counters.forgotten++;
	g->counters.metrics = g->metric_count - g->free_count;
}

static uint32_t find_metric(
    const struct agg *g, const struct series_label *labels, size_t count, uint64_t key)
{
	if (!g->by_labels_cap)
		return NO_METRIC;
	for (size_t k = key & (g->by_labels_cap - 1); g->by_labels[k];
	     k = (k + 1) & (g->by_labels_cap - 1)) {
		const struct cold *c = &g->colds[g->by_labels[k] - 1];
		if (c->key == key && same_labels(c, labels, count))
			return g->by_labels[k] - 1;
	}
	return NO_METRIC;
}

static uint64_t labels_key(const struct agg *g, const struct series_label *labels, size_t count)
{
	uint64_t h = g->seed;
	for (size_t i = 0; i < count; i++)
		h = hash64(labels[i].value, hash64(labels[i].name, h));
	return h;
}

/* The metric that keeps what has no place of its own. */
static uint32_t overflow(struct agg *g, enum kind kind)
{
	static const struct str words[KIND_COUNT] = { STR_INIT("counter"), STR_INIT("gauge"),
		STR_INIT("timer"), STR_INIT("set") };
	if (kind == KIND_GAUGE || kind == KIND_SET)
		return NO_METRIC;
	if (g->overflow[kind] == NO_METRIC) {
		struct series_label labels[] = { { STR("__name__"), STR("__overflow__") },
			{ STR("type"), words[kind] } };
		g->overflow[kind] = add_metric(g, kind, labels, 2, labels_key(g, labels, 2));
	}
	return g->overflow[kind];
}

/* Puts a label in its place by name; a name that is there already takes the later value. */
static void put_label(struct series_label *labels, size_t *count, struct str name, struct str value)
{
	size_t at = *count;
	while (at > 0 && str_cmp(labels[at - 1].name, name) > 0)
		at--;
	if (at > 0 && str_eq(labels[at - 1].name, name)) {
		labels[at - 1].value = value;
		return;
	}
	memmove(labels + at + 1, labels + at, (*count - at) * sizeof(labels[0]));
	labels[at] = (struct series_label){ name, value };
	(*count)++;
}

/* The mapped spelling of a name, in g->text, whose memory must not move while it is in use. */
static struct str mapped(struct agg *g, struct str name)
{
	size_t start = g->text.len;
	statsd_name(&g->text, name);
	return str_make(g->text.ptr + start, g->text.len - start);
}

/* The sample's series labels; false: too many tags, or no memory. */
static bool make_labels(struct agg *g, const struct statsd_sample *s,
    struct series_label labels[TAGS_MAX + 2], size_t *count)
{
	buf_clear(&g->text);
	if (s->name.len > NAME_BYTES_MAX ||
	    !buf_reserve(&g->text, 2 * (s->name.len + s->tags.len) + 64))
		return false;
	*count = 0;
	struct str tags = s->tags, key, value;
	while (statsd_tag_next(&tags, &key, &value, &g->counters.tag_errors)) {
		if (*count == TAGS_MAX)
			return false;
		put_label(labels, count, mapped(g, key), value);
	}
	if (s->container.len)
		put_label(labels, count, STR("container_id"), s->container);
	put_label(labels, count, STR("__name__"), mapped(g, s->name));
	assert(g->text.err == OK);
	return true;
}

/* A name keeps the kind that it had first: histograms and counters of one name cannot be added up.
 */
static bool kind_fits(const struct agg *g, struct str name, enum kind kind)
{
	const struct name *known = map_find(g->names, name);
	return !known || known->kind == kind;
}

/* The name of one more metric; NULL: no memory, then the name's kind is not remembered. */
static struct name *hold_name(struct agg *g, struct str name, enum kind kind)
{
	struct name *n = map_find(g->names, name);
	if (!n) {
		n = mem_resize(g->mem, NULL, 1, sizeof(*n) + name.len);
		if (!n)
			return NULL;
		*n = (struct name){ .kind = kind, .len = (uint32_t)name.len };
		memcpy(n->bytes, name.ptr, name.len);
		if (map_put(g->names, str_make(n->bytes, n->len), n) != OK) {
			mem_free(g->mem, n);
			return NULL;
		}
	}
	n->metrics++;
	return n;
}

static struct str label_value(const struct series_label *labels, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(labels[i].name, name))
			return labels[i].value;
	}
	return (struct str){ "", 0 };
}

/* A spelling that was never seen. */
static uint32_t resolve(struct agg *g, const struct pending *p)
{
	struct series_label labels[TAGS_MAX + 2];
	size_t count = 0;
	enum kind kind = kind_of(p->sample.type);
	if (!make_labels(g, &p->sample, labels, &count)) {
		note_bad(g, STATSD_BAD_TOO_LONG, p->line);
		return NO_METRIC;
	}
	uint64_t key = labels_key(g, labels, count);
	uint32_t m = find_metric(g, labels, count, key);
	if (m == NO_METRIC) {
		struct str name = label_value(labels, count, STR("__name__"));
		if (!kind_fits(g, name, kind)) {
			note_bad(g, STATSD_BAD_CONFLICT, p->line);
			return NO_METRIC;
		}
		m = g->metric_count - g->free_count < g->limit
		        ? add_metric(g, kind, labels, count, key)
		        : NO_METRIC;
		if (m == NO_METRIC) {
			g->counters.refused_samples++;
			return overflow(g, kind); /* no alias: each refused sample is counted */
		}
		g->colds[m].name = hold_name(g, name, kind);
	}
	if (g->metrics[m].kind != kind) {
		note_bad(g, STATSD_BAD_CONFLICT, p->line);
		return NO_METRIC;
	}
	put_alias(g, p->hash, m);
	return m;
}

/* ---- adding ---- */

static void add_counter(struct metric *m, const struct statsd_sample *s)
{
	int64_t sum;
	if (s->rate == 1 && s->whole && !ck_add(m->whole, s->whole_value, &sum)) {
		m->whole = sum;
		return;
	}
	double v = s->value / s->rate;
	if (!isfinite(v))
		return;
	double whole = nearbyint(v);
	/* 3 / 0.1 is 30 to the last bit or one beside it */
	bool is_whole = fabs(v) < 0x1p52 && fabs(v - whole) <= fabs(v) * 0x1p-51 && s->whole;
	if ((is_whole || v == whole) && fabs(whole) < 0x1p53 &&
	    !ck_add(m->whole, (int64_t)whole, &sum))
		m->whole = sum;
	else
		m->part += v;
}

static void add_hist(struct agg *g, struct cold *c, const struct statsd_sample *s)
{
	double v = s->type == STATSD_TIMER ? s->value / 1000 : s->value;
	double n = floor(1 / s->rate);
	if (n < 1)
		n = 1;
	if (hist_acc_observe(c->hist, v, n) != OK)
		g->counters.refused_samples++;
}

static void add(struct agg *g, struct pending *p)
{
	const struct statsd_sample *s = &p->sample;
	if (p->metric == NO_METRIC)
		return;
	struct metric *m = &g->metrics[p->metric];
	g->counters.samples++;
	switch ((enum kind)m->kind) {
	case KIND_COUNTER: add_counter(m, s); break;
	case KIND_GAUGE: m->part = s->relative ? m->part + s->value : s->value; break;
	case KIND_HIST: add_hist(g, &g->colds[m->cold], s); break;
	case KIND_SET:
		agg_set_add(g->mem, g->colds[m->cold].set, hash64(s->member, g->seed));
		break;
	case KIND_COUNT: assert(false);
	}
	m->fresh = true;
}

static void run_batch(struct agg *g)
{
	for (size_t i = 0; i < g->batch_count; i++) {
		struct pending *p = &g->batch[i];
		p->metric = find_alias(g, p->hash, &p->generation);
		if (p->metric != NO_METRIC)
			__builtin_prefetch(&g->metrics[p->metric], 1);
	}
	for (size_t i = 0; i < g->batch_count; i++) {
		struct pending *p = &g->batch[i];
		if (p->metric == NO_METRIC || g->metrics[p->metric].generation != p->generation)
			p->metric = resolve(g, p);
		add(g, p);
	}
	g->batch_count = 0;
}

static void put_pending(struct agg *g, const struct statsd_reader *r)
{
	struct pending *p = &g->batch[g->batch_count];
	p->sample = r->sample;
	p->line = r->line;
	struct hash128 h = hash128(r->sample.name, g->seed + (uint64_t)r->sample.type);
	if (r->sample.tags.len | r->sample.container.len) {
		struct hash128 t = hash128(r->sample.tags, h.lo);
		h.lo ^= t.lo + hash64(r->sample.container, t.hi);
		h.hi ^= t.hi;
	}
	h.lo |= (h.lo | h.hi) == 0;
	p->hash = h;
	__builtin_prefetch(&g->aliases[h.lo & (g->alias_cap - 1)]);
	if (++g->batch_count == BATCH)
		run_batch(g);
}

void agg_take(struct agg *g, struct str datagram)
{
	struct statsd_reader r = statsd_reader_make(datagram);
	g->counters.datagrams++;
	g->counters.bytes += datagram.len;
	for (enum statsd_item item; (item = statsd_next(&r)) != STATSD_END;) {
		switch (item) {
		case STATSD_SAMPLE: put_pending(g, &r); break;
		case STATSD_EVENT:
			g->counters.events++;
			if (g->events.event)
				g->events.event(g->events.context, &r.event);
			break;
		case STATSD_CHECK:
			g->counters.checks++;
			if (g->events.check)
				g->events.check(g->events.context, &r.check);
			break;
		case STATSD_BAD: note_bad(g, r.bad, r.line); break;
		case STATSD_END: break;
		}
	}
	run_batch(g); /* samples borrow from the datagram */
	g->counters.lines += r.lines;
}

/* ---- flushing ---- */

static double counter_value(const struct metric *m)
{
	return (double)m->whole + m->part;
}

static enum err write_metric(
    struct series_store *store, struct cold *c, const struct metric *m, int64_t now_ms)
{
	if (m->kind == KIND_HIST) {
		struct hist h = hist_acc_view(c->hist);
		return series_add_hist(store, c->ref, now_ms, &h);
	}
	double v = m->kind == KIND_COUNTER ? counter_value(m)
	           : m->kind == KIND_SET   ? agg_set_count(c->set)
	                                   : m->part;
	return series_add(store, c->ref, now_ms, v);
}

/* Says that the series has ended. Where the store has none (any more), nothing needs an end. */
static void write_stale(
    struct agg *g, struct series_store *store, const struct cold *c, int64_t now_ms)
{
	if (!c->ref.generation)
		return;
	enum err e = series_add(store, c->ref, now_ms, sample_stale());
	g->counters.store_refused += e != OK && e != ERR_GONE;
}

/* Notes what came and how long nothing came; false: there is nothing to write. */
static bool is_due(struct agg *g, struct series_store *store, uint32_t i, int64_t now_ms)
{
	struct metric *m = &g->metrics[i];
	struct cold *c = &g->colds[m->cold];
	if (m->fresh) {
		m->fresh = m->silent = false;
		c->heard_ms = g->idle_ms;
	}
	int64_t idle = g->idle_ms - c->heard_ms;
	bool sums = m->kind == KIND_COUNTER || m->kind == KIND_HIST;
	assert(idle >= 0);
	if (!m->silent && idle >= (sums ? AGG_FORGET_MS : AGG_SILENT_MS)) {
		write_stale(g, store, c, now_ms);
		m->silent = true;
	}
	if (idle >= AGG_FORGET_MS) {
		forget(g, i);
		return false;
	}
	return !m->silent;
}

static void flush_one(struct agg *g, struct series_store *store, uint32_t i, int64_t now_ms)
{
	if (!g->colds[i].labels || !is_due(g, store, i, now_ms))
		return;
	struct metric *m = &g->metrics[i];
	struct cold *c = &g->colds[m->cold];
	enum err e = c->ref.generation ? write_metric(store, c, m, now_ms) : ERR_GONE;
	if (e == ERR_GONE) {
		e = series_ref(store, c->labels, c->label_count, &c->ref);
		if (e == OK)
			e = write_metric(store, c, m, now_ms);
	}
	g->counters.store_refused += e != OK;
	if (m->kind == KIND_SET)
		agg_set_clear(c->set);
}

/* The wall clock may jump either way; idleness goes forward by at most STEP_MS. */
static void pass_time(struct agg *g, int64_t now_ms)
{
	int64_t step;
	if (g->flushed_ms && !ck_sub(now_ms, g->flushed_ms, &step) && step > 0)
		g->idle_ms += step < STEP_MS ? step : STEP_MS;
	g->flushed_ms = now_ms;
}

void agg_flush(struct agg *g, struct series_store *store, int64_t now_ms)
{
	uint32_t at = 0, count;
	pthread_mutex_lock(&g->mutex);
	pass_time(g, now_ms);
	pthread_mutex_unlock(&g->mutex);
	do {
		pthread_mutex_lock(&g->mutex);
		count = g->metric_count;
		series_write_begin(store);
		for (uint32_t end = at + SLICE; at < count && at < end; at++)
			flush_one(g, store, at, now_ms);
		series_write_end(store);
		pthread_mutex_unlock(&g->mutex);
	} while (at < count);
}

void agg_counters(struct agg *g, struct agg_counters *ret)
{
	pthread_mutex_lock(&g->mutex);
	*ret = g->counters;
	pthread_mutex_unlock(&g->mutex);
}

bool agg_counter(struct agg *g, struct str name, double *ret)
{
	struct series_label label = { STR("__name__"), name };
	pthread_mutex_lock(&g->mutex);
	uint32_t m = find_metric(g, &label, 1, labels_key(g, &label, 1));
	bool found = m != NO_METRIC && g->metrics[m].kind == KIND_COUNTER;
	if (found)
		*ret = counter_value(&g->metrics[m]);
	pthread_mutex_unlock(&g->mutex);
	return found;
}
