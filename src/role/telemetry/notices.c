/* SPDX-License-Identifier: Apache-2.0
 *
 * A notice is encoded where it is found (its texts borrow from the datagram) and stays in the list
 * until the engine says that it is durable; after a reconnect what was not answered is sent again,
 * which the dedup key makes harmless.
 */
#include "role/telemetry/notices.h"
#include "base/hash.h"
#include "base/json.h"
#include "wire/record.h"
#include <assert.h>
#include <pthread.h>
#include <stdio.h>

#define KEY_BYTES_MAX 255u
#define SUMMARY_BYTES_MAX 1024u

struct item {
	struct item *next;
	uint64_t id;
	bool sent;
	struct buf record;
};

struct notices {
	const struct mem *mem;
	struct loop *loop;
	struct loop_wake wake;
	struct chan *engine;
	pthread_mutex_t mutex; /* all below */
	struct item *first, **last;
	uint64_t next_id;
	struct notices_counters counters;
};

static void woken(struct loop_wake *wake)
{
	notices_send(container_of(wake, struct notices, wake));
}

enum err notices_open(const struct mem *mem, struct loop *loop, struct notices **ret)
{
	struct notices *n = mem_new(mem, 1, sizeof(*n));
	if (!n)
		return ERR_NOMEM;
	n->mem = mem;
	n->loop = loop;
	n->last = &n->first;
	n->next_id = 1;
	n->wake.woken = woken;
	pthread_mutex_init(&n->mutex, NULL);
	enum err e = loop_wake_open(loop, &n->wake);
	if (e != OK)
		mem_free(mem, n);
	else
		*ret = n;
	return e;
}

static void remove_at(struct notices *n, struct item **at)
{
	struct item *i = *at;
	*at = i->next;
	if (n->last == &i->next)
		n->last = at;
	n->counters.queued--;
	buf_free(&i->record);
	mem_free(n->mem, i);
}

void notices_close(struct notices **notices)
{
	struct notices *n = *notices;
	if (!n)
		return;
	while (n->first)
		remove_at(n, &n->first);
	loop_wake_close(n->loop, &n->wake);
	pthread_mutex_destroy(&n->mutex);
	mem_free(n->mem, n);
	*notices = NULL;
}

static void queue(struct notices *n, const struct record *rec)
{
	struct item *i = mem_new(n->mem, 1, sizeof(*i));
	if (i) {
		i->record = buf_make(n->mem, RECORD_BYTES_MAX);
		record_encode(&i->record, rec);
	}
	pthread_mutex_lock(&n->mutex);
	bool fits = i && i->record.err == OK && n->counters.queued < NOTICES_MAX;
	if (fits) {
		i->id = n->next_id++;
		*n->last = i;
		n->last = &i->next;
		n->counters.queued++;
	} else {
		n->counters.dropped++;
	}
	pthread_mutex_unlock(&n->mutex);
	if (fits) {
		loop_wake_up(&n->wake);
	} else if (i) {
		buf_free(&i->record);
		mem_free(n->mem, i);
	}
}

static struct str tag(struct str tags, struct str name)
{
	struct str key, value;
	uint64_t bad = 0;
	while (statsd_tag_next(&tags, &key, &value, &bad)) {
		if (str_eq(key, name))
			return value;
	}
	return (struct str){ "", 0 };
}

static void write_tags(struct jw *w, struct str tags)
{
	struct str key, value;
	uint64_t bad = 0;
	jw_key(w, STR("tags"));
	jw_open(w, '{');
	while (statsd_tag_next(&tags, &key, &value, &bad))
		jw_kv_str(w, key, value);
	jw_close(w, '}');
}

/* "statsd:" and the parts, at most what a key may have: what is longer ends with its hash. */
static struct str make_key(
    char out[KEY_BYTES_MAX + 1], const char *kind, struct str a, struct str b, struct str c)
{
	int len = snprintf(out, KEY_BYTES_MAX + 1, "statsd:%s:%.*s:%.*s:%.*s", kind, STR_ARG(a),
	    STR_ARG(b), STR_ARG(c));
	assert(len > 0);
	if ((size_t)len <= KEY_BYTES_MAX)
		return str_make(out, (size_t)len);
	/* Two that differ only in what does not fit are two. */
	struct hash128 h = hash128(c, hash64(b, hash64(a, 0)));
	struct str front = str_utf8_first(str_make(out, KEY_BYTES_MAX), KEY_BYTES_MAX - 33);
	int more = snprintf(out + front.len, 34, "#%016llx%016llx", (unsigned long long)h.hi,
	    (unsigned long long)h.lo);
	assert(more == 33);
	return str_make(out, front.len + 33);
}

void notices_event(struct notices *n, const struct statsd_event *e)
{
	struct buf details = buf_make(n->mem, 64u << 10);
	struct jw w = jw_make(&details);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("title"), e->title);
	jw_kv_str(&w, STR("text"), e->text);
	jw_kv_str(&w, STR("host"), e->host);
	jw_kv_str(&w, STR("aggregation_key"), e->key);
	jw_kv_str(&w, STR("source_type"), e->source);
	jw_kv_str(&w, STR("priority"), e->low_priority ? STR("low") : STR("normal"));
	write_tags(&w, e->tags);
	jw_close(&w, '}');
	char key[KEY_BYTES_MAX + 1];
	struct str summary = str_utf8_first(e->title, SUMMARY_BYTES_MAX);
	struct record rec = { 0 };
	if (e->alert == STATSD_ALERT_INFO) {
		rec.type = RECORD_CHANGE;
		rec.change = (struct record_change){ .summary = summary,
			.source = e->host,
			.details = buf_str(&details),
			.timestamp = { e->timed ? e->time_s * NS_PER_S : 0 },
			.routing_key = { "", 0 } };
	} else {
		rec.type = RECORD_EVENT;
		rec.event = (struct record_event){ .routing_key = { "", 0 },
			.service = tag(e->tags, STR("service")),
			.action = e->alert == STATSD_ALERT_SUCCESS ? EVENT_RESOLVE : EVENT_TRIGGER,
			.dedup_key = make_key(
			    key, "event", e->key.len ? e->key : e->title, e->host, STR("")),
			.summary = summary,
			.source = e->host,
			.severity =
			    e->alert == STATSD_ALERT_ERROR ? SEVERITY_ERROR : SEVERITY_WARNING,
			.client = STR("statsd"),
			.details = buf_str(&details),
			.via = STR("statsd") };
	}
	if (details.err == OK)
		queue(n, &rec);
	buf_free(&details);
}

void notices_check(struct notices *n, const struct statsd_check *c)
{
	static const struct str words[] = { STR_INIT("ok"), STR_INIT("warning"),
		STR_INIT("critical"), STR_INIT("unknown") };
	static const enum severity severities[] = { SEVERITY_INFO, SEVERITY_WARNING,
		SEVERITY_CRITICAL, SEVERITY_WARNING };
	struct buf details = buf_make(n->mem, 64u << 10);
	struct jw w = jw_make(&details);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("check"), c->name);
	jw_kv_str(&w, STR("status"), words[c->status]);
	jw_kv_str(&w, STR("message"), c->message);
	jw_kv_str(&w, STR("host"), c->host);
	write_tags(&w, c->tags);
	jw_close(&w, '}');
	char key[KEY_BYTES_MAX + 1], summary[SUMMARY_BYTES_MAX + 1];
	int len = snprintf(summary, sizeof(summary), "%.*s is %.*s%s%.*s%s%.*s", STR_ARG(c->name),
	    STR_ARG(words[c->status]), c->host.len ? " on " : "", STR_ARG(c->host),
	    c->message.len ? ": " : "", STR_ARG(c->message));
	struct record rec = { .type = RECORD_EVENT };
	rec.event = (struct record_event){ .routing_key = { "", 0 },
		.service = tag(c->tags, STR("service")),
		.action = c->status == 0 ? EVENT_RESOLVE : EVENT_TRIGGER,
		.dedup_key = make_key(key, "check", c->name, c->host, c->tags),
		.summary = str_utf8_first(
		    str_make(
		        summary, (size_t)len < sizeof(summary) ? (size_t)len : sizeof(summary) - 1),
		    SUMMARY_BYTES_MAX),
		.source = c->host,
		.severity = severities[c->status],
		.client = STR("statsd"),
		.details = buf_str(&details),
		.via = STR("statsd") };
	if (details.err == OK)
		queue(n, &rec);
	buf_free(&details);
}

void notices_send(struct notices *n)
{
	pthread_mutex_lock(&n->mutex);
	for (struct item *i = n->first; i && n->engine; i = i->next) {
		if (i->sent)
			continue;
		if (chan_send(n->engine, MSG_SUBMIT, i->id, buf_str(&i->record)) != OK)
			break; /* no credit: the credit handler goes on */
		i->sent = true;
		n->counters.sent++;
	}
	pthread_mutex_unlock(&n->mutex);
}

void notices_peer(struct notices *n, struct chan *engine)
{
	pthread_mutex_lock(&n->mutex);
	n->engine = engine;
	for (struct item *i = n->first; i; i = i->next)
		i->sent = false;
	pthread_mutex_unlock(&n->mutex);
	if (engine)
		notices_send(n);
}

void notices_answer(struct notices *n, uint64_t id, struct str body)
{
	struct rd r = rd_make(body);
	int32_t code = (int32_t)rd_u32(&r);
	pthread_mutex_lock(&n->mutex);
	for (struct item **at = &n->first; *at; at = &(*at)->next) {
		if ((*at)->id != id)
			continue;
		if (code == SUBMIT_BUSY || code == SUBMIT_STORAGE) {
			(*at)->sent = false; /* tried again by the role's timer */
		} else {
			n->counters.accepted += code == SUBMIT_OK;
			n->counters.refused += code != SUBMIT_OK;
			remove_at(n, at);
		}
		break;
	}
	pthread_mutex_unlock(&n->mutex);
}

void notices_counters(struct notices *n, struct notices_counters *ret)
{
	pthread_mutex_lock(&n->mutex);
	*ret = n->counters;
	pthread_mutex_unlock(&n->mutex);
}
