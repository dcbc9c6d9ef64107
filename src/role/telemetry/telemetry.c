/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the parts together; see the header, and each part's own. What runs where:
 *   loop      channels, HTTP relay's frames, samples of other roles, when rule groups are due
 *   receiver  StatsD datagrams -> aggregation
 *   keeper    aggregation -> store, store -> disk
 *   pools     queries (2 threads), remote write (1), rule groups (1)
 */
#include "role/telemetry/telemetry.h"
#include "base/surprise.h"
#include "role/telemetry/ingest.h"
#include "role/telemetry/keeper.h"
#include "role/telemetry/notices.h"
#include "role/telemetry/trelay.h"
#include "role/telemetry/rulers.h"
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define QUERY_ARENA_BYTES (512u << 20)
#define WRITE_ARENA_BYTES (256u << 20)
#define QUEUE_MAX 256u
#define SERIES_MAX_DEFAULT 1000000
#define STOPPED_AFTER_NS (60 * NS_PER_S) /* without a flush the role is not well */

struct telemetry {
	struct child *child;
	struct loop *loop;
	const struct mem *mem;
	struct series_store *store;
	struct agg *agg;
	struct receiver *receiver; /* NULL until the socket comes */
	struct keeper *keeper;
	struct notices *notices;
	struct tpool *queries, *writes, *rule_pool;
	struct trelay *relay;
	struct rulers *rulers;
	struct chan *webs[2];
	struct loop_timer tick;
	struct arena *texts;
	struct str version, base_url;
	struct mono started;
	bool closed;
	uint64_t samples_refused; /* of other roles; loop writes, keeper reads */
	uint64_t bad_seen[STATSD_BAD_COUNT];
};

/* ---- the role's own series ---- */

static void put_statsd(struct telemetry *t, struct keeper *k)
{
	struct agg_counters a;
	agg_counters(t->agg, &a);
	keeper_put(k, "quis_statsd_datagrams_total", "", "", (double)a.datagrams);
	keeper_put(k, "quis_statsd_bytes_total", "", "", (double)a.bytes);
	keeper_put(k, "quis_statsd_lines_total", "", "", (double)a.lines);
	keeper_put(k, "quis_statsd_samples_total", "", "", (double)a.samples);
	keeper_put(k, "quis_statsd_events_total", "", "", (double)(a.events + a.checks));
	keeper_put(k, "quis_statsd_tag_errors_total", "", "", (double)a.tag_errors);
	for (unsigned i = 0; i < STATSD_BAD_COUNT; i++)
		keeper_put(k, "quis_statsd_bad_lines_total", "reason", statsd_bad_name[i].ptr,
		    (double)a.bad[i]);
	keeper_put(k, "quis_statsd_names", "", "", (double)a.metrics);
	keeper_put(k, "quis_statsd_names_forgotten_total", "", "", (double)a.forgotten);
	keeper_put(k, "quis_statsd_refused_samples_total", "", "", (double)a.refused_samples);
	keeper_put(k, "quis_statsd_store_refused_total", "", "", (double)a.store_refused);
	struct receiver *r = __atomic_load_n(&t->receiver, __ATOMIC_ACQUIRE);
	if (r) {
		struct receiver_counters c;
		receiver_counters(r, &c);
		keeper_put(k, "quis_statsd_kernel_drops_total", "", "", (double)c.kernel_drops);
		keeper_put(k, "quis_statsd_receive_calls_total", "", "", (double)c.calls);
		keeper_put(k, "quis_statsd_truncated_total", "", "", (double)c.truncated);
		keeper_put(k, "quis_statsd_buffer_bytes", "", "", c.buffer_bytes);
	}
	struct keeper_state s;
	keeper_state(k, &s);
	keeper_put(k, "quis_statsd_flush_seconds", "", "", (double)s.flush_ns / 1e9);
	keeper_put(k, "quis_statsd_flush_lag_seconds", "", "", (double)s.flush_lag_ns / 1e9);
}

static void put_store(struct telemetry *t, struct keeper *k)
{
	struct series_counters counters, *c = &counters;
	series_counters(t->store, c);
	keeper_put(k, "quis_series", "", "", (double)c->series);
	keeper_put(k, "quis_series_refused_total", "", "", (double)c->series_refused);
	keeper_put(k, "quis_samples_added_total", "", "", (double)c->samples_added);
	keeper_put(
	    k, "quis_samples_refused_total", "reason", "memory", (double)c->samples_refused_memory);
	keeper_put(
	    k, "quis_samples_refused_total", "reason", "log", (double)c->samples_refused_log);
	keeper_put(k, "quis_samples_refused_total", "reason", "windows",
	    (double)c->samples_refused_windows);
	keeper_put(k, "quis_store_head_bytes", "", "", (double)c->head_bytes);
	keeper_put(k, "quis_store_log_bytes", "", "", (double)c->log_bytes);
	keeper_put(k, "quis_store_windows", "", "", (double)c->windows);
	keeper_put(k, "quis_store_flushes_total", "", "", (double)c->flushes);
	keeper_put(k, "quis_store_flush_failures_total", "", "", (double)c->flush_failures);
	keeper_put(k, "quis_store_cuts_total", "", "", (double)c->cuts);
	keeper_put(k, "quis_store_cut_failures_total", "", "", (double)c->cut_failures);
	keeper_put(k, "quis_store_cut_seconds", "", "", (double)c->cut_ns / 1e9);
	keeper_put(k, "quis_store_windows_removed_total", "", "", (double)c->windows_removed);
	keeper_put(k, "quis_store_damaged_files", "", "", (double)c->bad_files);
}

static void put_rest(struct telemetry *t, struct keeper *k)
{
	struct notices_counters n;
	notices_counters(t->notices, &n);
	keeper_put(k, "quis_statsd_notices_queued", "", "", (double)n.queued);
	keeper_put(k, "quis_statsd_notices_accepted_total", "", "", (double)n.accepted);
	keeper_put(k, "quis_statsd_notices_dropped_total", "", "", (double)(n.dropped + n.refused));
	keeper_put(k, "quis_queries_waiting", "", "", (double)tpool_waiting(t->queries));
	keeper_put(k, "quis_role_samples_refused_total", "", "",
	    (double)__atomic_load_n(&t->samples_refused, __ATOMIC_RELAXED));
	for (size_t i = 0; surprise_at(i); i++) {
		const struct surprise_site *site = surprise_at(i);
		uint64_t count = __atomic_load_n(&site->count, __ATOMIC_RELAXED);
		if (count)
			keeper_put(k, "quis_surprises_total", "site", site->what, (double)count);
	}
	rulers_put(t->rulers, k);
}

/* On the keeper's thread. */
static void own_series(void *ctx, struct keeper *k)
{
	struct telemetry *t = ctx;
	put_statsd(t, k);
	put_store(t, k);
	put_rest(t, k);
}

/* ---- what the API asks ---- */

static void write_statsd(void *ctx, struct jw *w)
{
	struct telemetry *t = ctx;
	struct agg_counters *a = mem_new(t->mem, 1, sizeof(*a));
	jw_open(w, '{');
	if (a) {
		agg_counters(t->agg, a);
		jw_kv_i64(w, STR("datagrams"), (int64_t)a->datagrams);
		jw_kv_i64(w, STR("lines"), (int64_t)a->lines);
		jw_kv_i64(w, STR("samples"), (int64_t)a->samples);
		jw_kv_i64(w, STR("names"), (int64_t)a->metrics);
		jw_kv_i64(w, STR("refusedSamples"), (int64_t)a->refused_samples);
		struct receiver *r = __atomic_load_n(&t->receiver, __ATOMIC_ACQUIRE);
		struct receiver_counters c = { 0 };
		if (r)
			receiver_counters(r, &c);
		jw_kv_i64(w, STR("kernelDrops"), (int64_t)c.kernel_drops);
		jw_kv_i64(w, STR("bufferBytes"), c.buffer_bytes);
		jw_key(w, STR("badLines"));
		jw_open(w, '[');
		for (unsigned i = 0; i < STATSD_BAD_COUNT; i++) {
			if (!a->bad[i])
				continue;
			jw_open(w, '{');
			jw_kv_str(w, STR("reason"), statsd_bad_name[i]);
			jw_kv_i64(w, STR("count"), (int64_t)a->bad[i]);
			jw_kv_str(
			    w, STR("last"), str_make(a->last_bad[i].text, a->last_bad[i].len));
			jw_close(w, '}');
		}
		jw_close(w, ']');
	}
	jw_close(w, '}');
	mem_free(t->mem, a);
}

static void write_rules(void *ctx, struct jw *w, struct str type)
{
	struct telemetry *t = ctx;
	rulers_write_rules(t->rulers, w, type);
}

static void write_alerts(void *ctx, struct jw *w)
{
	struct telemetry *t = ctx;
	rulers_write_alerts(t->rulers, w);
}

/* ---- each second ---- */

static void tell_bad_lines(struct telemetry *t)
{
	struct agg_counters *a = mem_new(t->mem, 1, sizeof(*a));
	if (!a)
		return;
	agg_counters(t->agg, a);
	for (unsigned i = 0; i < STATSD_BAD_COUNT; i++) {
		if (a->bad[i] == t->bad_seen[i])
			continue;
		child_log(t->child, "warning",
		    "event=bad-statsd-line reason=%s count=%llu last=\"%s\"",
		    statsd_bad_name[i].ptr, (unsigned long long)a->bad[i], a->last_bad[i].text);
		t->bad_seen[i] = a->bad[i];
	}
	mem_free(t->mem, a);
}

static void tell_verdict(struct telemetry *t)
{
	struct keeper_state k;
	struct rulers_state r;
	char text[256];
	keeper_state(t->keeper, &k);
	rulers_state(t->rulers, &r);
	struct wall now = loop_wall(t->loop);
	bool young = mono_sub(loop_now(t->loop), t->started).ns < STOPPED_AFTER_NS;
	bool stopped = !young && wall_sub(now, k.durable_at).ns > STOPPED_AFTER_NS;
	if (k.disk_errno)
		snprintf(text, sizeof(text), "samples cannot be written to disk: %s",
		    strerror(k.disk_errno));
	else if (stopped)
		snprintf(text, sizeof(text), "nothing was made durable for a minute");
	else if (r.failing)
		snprintf(text, sizeof(text), "%zu of %zu rule groups fail", r.failing, r.groups);
	else
		snprintf(text, sizeof(text), "%zu rule groups, last evaluated %lld ms ago",
		    r.groups,
		    r.groups ? (long long)(wall_sub(now, r.oldest_at).ns / NS_PER_MS) : 0LL);
	child_verdict(t->child, !k.disk_errno && !stopped && !r.failing, str_c(text));
}

static void tick(struct loop_timer *timer)
{
	struct telemetry *t = container_of(timer, struct telemetry, tick);
	loop_timer_after(t->loop, timer, SPAN_S(1));
	notices_send(t->notices);
	if (loop_turns(t->loop) % 16 == 0)
		tell_bad_lines(t);
	tell_verdict(t);
}

/* ---- start and stop ---- */

static int64_t number(const struct json *j, struct str name, int64_t fallback)
{
	const struct json *v = json_get(j, name);
	return json_is(v, JSON_NUMBER) && v->number >= 0 && v->number <= 9e18 ? (int64_t)v->number
	                                                                      : fallback;
}

static struct span flush_of(const struct json *config)
{
	int64_t ns = number(json_get(config, STR("statsd")), STR("flush_ns"), 10 * NS_PER_S);
	return (struct span){ ns >= 10 * NS_PER_MS ? ns : 10 * NS_PER_S };
}

static struct span interval_of(const struct json *config)
{
	int64_t ns = number(json_get(config, STR("rules")), STR("interval_ns"), 15 * NS_PER_S);
	return (struct span){ ns >= 10 * NS_PER_MS ? ns : 15 * NS_PER_S };
}

static void saw_event(void *ctx, const struct statsd_event *e)
{
	notices_event(ctx, e);
}

static void saw_check(void *ctx, const struct statsd_check *c)
{
	notices_check(ctx, c);
}

static enum err open_store(struct telemetry *t, const struct json *config, uint64_t seed)
{
	char folder[4096];
	struct str data_dir = json_get_str(config, STR("data_dir"));
	snprintf(folder, sizeof(folder), "%.*s/series", STR_ARG(data_dir));
	int64_t limit = number(config, STR("series_limit"), SERIES_MAX_DEFAULT);
	struct series_options o = { .mem = t->mem,
		.os = child_os(t->child),
		.folder = folder,
		.hash_seed = seed,
		.retention = { number(config, STR("retention_ns"), 0) },
		.series_max =
		    limit > 0 && limit < UINT32_MAX ? (uint32_t)limit : SERIES_MAX_DEFAULT };
	struct buf fault = buf_make(t->mem, 4096);
	enum err e = series_open(&o, &t->store, &fault);
	if (fault.len)
		child_log(t->child, e == OK ? "warning" : "error", "event=series-store what=\"%s\"",
		    fault.ptr);
	buf_free(&fault);
	struct agg_events events = { t->notices, saw_event, saw_check };
	return e == OK ? agg_open(t->mem, seed, o.series_max, &events, &t->agg) : e;
}

static enum err open_pool(struct telemetry *t, unsigned threads, size_t arena_bytes,
    void (*free_extra)(const struct mem *mem, void *extra), struct tpool **ret)
{
	struct tpool_options o = { .mem = t->mem,
		.loop = t->loop,
		.store = t->store,
		.threads = threads,
		.queue_max = QUEUE_MAX,
		.arena_bytes = arena_bytes,
		.free_extra = free_extra };
	return tpool_open(&o, ret);
}

static enum err open_relay(struct telemetry *t)
{
	struct trelay_options o = { .mem = t->mem,
		.loop = t->loop,
		.store = t->store,
		.queries = t->queries,
		.writes = t->writes,
		.prom = { .version = t->version,
		    .ctx = t,
		    .rules = write_rules,
		    .alerts = write_alerts,
		    .statsd = write_statsd },
		.query_timeout = SPAN_S(60) };
	return trelay_open(&o, &t->relay);
}

static enum err open_rulers(struct telemetry *t, const struct json *config)
{
	struct rulers_options o = { .mem = t->mem,
		.loop = t->loop,
		.store = t->store,
		.pool = t->rule_pool,
		.default_interval = interval_of(config),
		.external_url = t->base_url };
	return rulers_open(&o, &t->rulers);
}

static enum err open_keeper(struct telemetry *t, const struct json *config)
{
	struct keeper_options o = { .mem = t->mem,
		.os = child_os(t->child),
		.store = t->store,
		.agg = t->agg,
		.flush = flush_of(config),
		.ctx = t,
		.own_series = own_series };
	return keeper_start(&o, &t->keeper);
}

static void close_all(struct telemetry *t)
{
	loop_timer_clear(t->loop, &t->tick);
	if (t->receiver)
		receiver_end(t->receiver); /* what is in the socket is taken; its counters can still
		                              be asked */
	keeper_stop(&t->keeper);
	tpool_close(&t->queries);
	tpool_close(&t->writes);
	tpool_close(&t->rule_pool);
	receiver_free(&t->receiver);
	trelay_close(&t->relay);
	rulers_close(&t->rulers);
	agg_close(&t->agg);
	notices_close(&t->notices);
	series_close(&t->store);
	arena_close(&t->texts);
	t->closed = true;
}

static enum err open_parts(struct telemetry *t, const struct json *config)
{
	uint64_t seed = 0;
	const struct os *os = child_os(t->child);
	if (os->random(os, &seed, sizeof(seed)) != 0)
		return ERR_IO;
	enum err e = arena_open(t->mem, 64u << 10, &t->texts);
	if (e == OK) {
		t->version = arena_str(t->texts, json_get_str(config, STR("version")));
		t->base_url = arena_str(t->texts, json_get_str(config, STR("base_url")));
		e = arena_err(t->texts);
	}
	if (e == OK)
		e = notices_open(t->mem, t->loop, &t->notices);
	if (e == OK)
		e = open_store(t, config, seed);
	if (e == OK)
		e = open_pool(t, 2, QUERY_ARENA_BYTES, NULL, &t->queries);
	if (e == OK)
		e = open_pool(t, 1, WRITE_ARENA_BYTES, ingest_free_cache, &t->writes);
	if (e == OK)
		e = open_pool(t, 1, QUERY_ARENA_BYTES, NULL, &t->rule_pool);
	if (e == OK)
		e = open_relay(t);
	if (e == OK)
		e = open_rulers(t, config);
	return e == OK ? open_keeper(t, config) : e;
}

static enum err telemetry_open(struct child *child, const struct json *config, void **ret_self)
{
	const struct mem *mem = child_mem(child);
	struct telemetry *t = mem_new(mem, 1, sizeof(*t));
	if (!t)
		return ERR_NOMEM;
	*t = (struct telemetry){ .child = child, .loop = child_loop(child), .mem = mem };
	t->tick.fire = tick;
	t->started = loop_now(t->loop);
	enum err e = open_parts(t, config);
	if (e != OK) {
		close_all(t);
		mem_free(t->mem, t);
		return e;
	}
	loop_timer_after(t->loop, &t->tick, SPAN_S(1));
	*ret_self = t;
	return OK;
}

static enum err telemetry_config(void *self, const struct json *config)
{
	struct telemetry *t = self;
	if (t->closed)
		return OK;
	keeper_set_flush(t->keeper, flush_of(config));
	rulers_set_interval(t->rulers, interval_of(config));
	return OK; /* retention and the limit of series take effect with the next start */
}

/* ---- channels ---- */

static void telemetry_peer(void *self, enum role peer, struct chan *chan)
{
	struct telemetry *t = self;
	assert(peer < ROLE_COUNT);
	if (t->closed)
		return;
	if (peer == ROLE_ENGINE) {
		notices_peer(t->notices, chan);
		rulers_peer(t->rulers, chan);
	} else if (peer == ROLE_WEB || peer == ROLE_WEB2) {
		if (t->webs[peer == ROLE_WEB2])
			trelay_gone(t->relay, t->webs[peer == ROLE_WEB2]);
		t->webs[peer == ROLE_WEB2] = chan;
	}
}

static void take_samples(struct telemetry *t, enum role peer, enum msg_type type, struct str body)
{
	uint64_t refused = 0;
	enum err e = ingest_samples(
	    t->store, body, type == MSG_METRICS ? role_name[peer] : STR(""), &refused);
	ignore_err(surprise(e != OK, "role/telemetry: samples that cannot be read"), "counted");
	__atomic_fetch_add(&t->samples_refused, refused, __ATOMIC_RELAXED);
}

static bool telemetry_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct telemetry *t = self;
	if (t->closed)
		return true;
	switch (type) {
	case MSG_HTTP:
	case MSG_HTTP_BODY:
	case MSG_HTTP_CANCEL: return trelay_message(t->relay, chan, type, id, body);
	case MSG_RULES:
		if (rulers_take(t->rulers, body) != OK)
			child_log(
			    t->child, "error", "event=rules-refused why=\"they cannot be read\"");
		return true;
	case MSG_SUBMIT_ANSWER: notices_answer(t->notices, id, body); return true;
	case MSG_SAMPLES:
	case MSG_METRICS: take_samples(t, peer, type, body); return true;
	default:
		ignore_err(
		    surprise(true, "role/telemetry: a message that is not for it"), "counted");
		return true;
	}
}

static void telemetry_credit(void *self, enum role peer, struct chan *chan, enum credit_class cls)
{
	struct telemetry *t = self;
	(void)cls;
	if (t->closed)
		return;
	if (peer == ROLE_ENGINE)
		notices_send(t->notices);
	else if (peer == ROLE_WEB || peer == ROLE_WEB2)
		trelay_credit(t->relay, chan);
}

static void telemetry_listen(void *self, struct str name, int fd)
{
	struct telemetry *t = self;
	struct receiver *r = NULL;
	if (!str_eq(name, STR("statsd")) || t->receiver || t->closed) {
		close(fd);
		return;
	}
	if (receiver_start(t->mem, fd, t->agg, &r) != OK) {
		child_log(t->child, "error",
		    "event=no-statsd why=\"the receiver cannot start\" errno=\"%s\"",
		    strerror(errno));
		close(fd);
		return;
	}
	__atomic_store_n(&t->receiver, r, __ATOMIC_RELEASE);
	struct receiver_counters c;
	receiver_counters(r, &c);
	if (c.buffer_bytes < RECEIVER_BUFFER_BYTES)
		child_log(t->child, "notice",
		    "event=small-statsd-buffer bytes=%u wanted=%u hint=\"raise net.core.rmem_max\"",
		    c.buffer_bytes, RECEIVER_BUFFER_BYTES);
}

static void telemetry_stop(void *self)
{
	struct telemetry *t = self;
	close_all(t); /* t itself stays: channels may still tell that they are gone */
	child_exit(t->child, 0);
}

const struct role_body role_telemetry = {
	.role = ROLE_TELEMETRY,
	.open = telemetry_open,
	.config = telemetry_config,
	.peer = telemetry_peer,
	.message = telemetry_message,
	.credit = telemetry_credit,
	.listen = telemetry_listen,
	.stop = telemetry_stop,
};
