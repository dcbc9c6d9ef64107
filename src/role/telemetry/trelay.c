/* SPDX-License-Identifier: Apache-2.0
 *
 * A request goes gathering -> working -> answering. It belongs to the loop but while it is working:
 * then only `gone` is touched from the loop (atomically), and it is freed when the pool hands it
 * back.
 */
#include "role/telemetry/trelay.h"
#include "base/surprise.h"
#include "role/telemetry/ingest.h"
#include <assert.h>
#include <stdio.h>

#define FRAME_MAX 65536u
static const struct str write_path = STR_INIT("/api/v1/write");

enum state { GATHERING, WORKING, ANSWERING };

struct request {
	struct request *next; /* all requests of the relay */
	struct trelay *relay;
	struct chan *chan; /* NULL: gone */
	uint64_t id;
	enum state state;
	struct buf head; /* holds the strs below */
	struct str method, path, query, content_type, content_encoding;
	uint64_t body_bytes;
	struct buf body;
	struct tpool_job job;
	struct wall now;
	struct mono deadline;
	bool gone; /* set by the loop, read by the worker */
	bool is_write;
	struct prom_answer answer;
	struct ingest_answer written;
	size_t sent;
	bool head_sent;
};

struct trelay {
	struct trelay_options options;
	struct request *requests;
	struct trelay_counters counters;
};

enum err trelay_open(const struct trelay_options *options, struct trelay **ret)
{
	struct trelay *r = mem_new(options->mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->options = *options;
	*ret = r;
	return OK;
}

static void drop(struct request *q)
{
	struct trelay *r = q->relay;
	struct request **at = &r->requests;
	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	r->counters.active--;
	if (q->chan)
		chan_release(q->chan, CREDIT_QUERY, 1);
	buf_free(&q->head);
	buf_free(&q->body);
	buf_free(&q->answer.body);
	mem_free(r->options.mem, q);
}

void trelay_close(struct trelay **relay)
{
	struct trelay *r = *relay;
	if (!r)
		return;
	while (r->requests) {
		r->requests->chan = NULL;
		drop(r->requests);
	}
	mem_free(r->options.mem, r);
	*relay = NULL;
}

static struct request *find(struct trelay *r, const struct chan *chan, uint64_t id)
{
	for (struct request *q = r->requests; q; q = q->next) {
		if (q->chan == chan && q->id == id)
			return q;
	}
	return NULL;
}

/* ---- answering ---- */

static void send_head(struct request *q)
{
	struct buf b = buf_make(q->relay->options.mem, FRAME_MAX);
	put_u16(&b, (uint16_t)q->answer.status);
	put_str(&b, str_c(q->answer.content_type));
	put_str(&b, STR(""));
	put_u64(&b, q->answer.body.len);
	q->head_sent = b.err == OK && chan_send(q->chan, MSG_HTTP_ANSWER, q->id, buf_str(&b)) == OK;
	buf_free(&b);
}

/* Sends what there is credit for; frees the request when all is out. */
static void answer_more(struct request *q)
{
	assert(q->state == ANSWERING && q->chan);
	if (!q->head_sent)
		send_head(q);
	while (q->head_sent && q->sent < q->answer.body.len) {
		struct str piece =
		    str_first(str_from(buf_str(&q->answer.body), q->sent), FRAME_MAX);
		if (chan_send(q->chan, MSG_HTTP_ANSWER_BODY, q->id, piece) != OK)
			return; /* the credit handler goes on */
		q->sent += piece.len;
	}
	if (q->head_sent)
		drop(q);
}

static void start_answer(struct request *q)
{
	q->state = ANSWERING;
	q->relay->counters.errors += q->answer.status >= 500;
	if (q->chan)
		answer_more(q);
	else
		drop(q);
}

static void refuse(struct request *q, unsigned status, const char *type, struct str what)
{
	q->relay->counters.refused++;
	prom_error(&q->answer, status, type, what);
	start_answer(q);
}

/* ---- working ---- */

static bool cancelled(void *ctx)
{
	const struct request *q = ctx;
	const struct os *os = loop_os(q->relay->options.loop);
	return __atomic_load_n(&q->gone, __ATOMIC_RELAXED) || os->mono(os).ns > q->deadline.ns;
}

static void run_query(struct tpool_job *job, struct tpool_worker *worker)
{
	struct request *q = container_of(job, struct request, job);
	struct prom p = q->relay->options.prom;
	p.source = &worker->source.iface;
	p.engine.cancelled = cancelled;
	p.engine.cancel_ctx = q;
	struct prom_request r = { q->method, q->path, q->query, q->content_type, buf_str(&q->body),
		q->now };
	prom_handle(&p, worker->arena, &r, &q->answer);
}

static void run_write(struct tpool_job *job, struct tpool_worker *worker)
{
	struct request *q = container_of(job, struct request, job);
	ingest_remote_write(
	    q->relay->options.store, worker, q->content_encoding, buf_str(&q->body), &q->written);
	q->answer.status = q->written.status;
	q->answer.content_type = "text/plain; charset=utf-8";
	buf_add_c(&q->answer.body, q->written.text);
}

static void done(struct tpool_job *job)
{
	struct request *q = container_of(job, struct request, job);
	if (q->is_write) {
		q->relay->counters.write_samples += q->written.samples + q->written.hists;
		q->relay->counters.write_refused += q->written.refused;
	}
	start_answer(q);
}

static void start_work(struct request *q)
{
	struct trelay *r = q->relay;
	q->state = WORKING;
	q->is_write = str_eq(q->path, write_path);
	q->now = loop_wall(r->options.loop);
	q->deadline = mono_add(loop_now(r->options.loop), r->options.query_timeout);
	q->job = (struct tpool_job){ .run = q->is_write ? run_write : run_query, .done = done };
	r->counters.requests++;
	r->counters.write_requests += q->is_write;
	if (q->is_write && !str_eq(q->method, STR("POST"))) {
		refuse(q, 405, "bad_data", STR("method not allowed"));
		return;
	}
	if (tpool_add(q->is_write ? r->options.writes : r->options.queries, &q->job) != OK)
		refuse(q, 503, "unavailable", STR("too many requests at once: try again"));
}

/* ---- messages ---- */

static bool read_head(struct request *q, struct str body)
{
	buf_add(&q->head, body);
	struct rd r = rd_make(buf_str(&q->head));
	q->method = rd_str(&r, 32);
	q->path = rd_str(&r, FRAME_MAX);
	q->query = rd_str(&r, FRAME_MAX);
	q->content_type = rd_str(&r, 1024);
	q->content_encoding = rd_str(&r, 1024);
	q->body_bytes = rd_u64(&r);
	return q->head.err == OK && rd_done(&r) == OK;
}

static void take_request(struct trelay *r, struct chan *chan, uint64_t id, struct str body)
{
	struct request *q = mem_new(r->options.mem, 1, sizeof(*q));
	if (!q || r->counters.active >= RELAY_REQUESTS_MAX) {
		/* Web's own time limit answers the client. */
		r->counters.refused++;
		mem_free(r->options.mem, q);
		chan_release(chan, CREDIT_QUERY, 1);
		return;
	}
	*q = (struct request){ .relay = r, .chan = chan, .id = id, .next = r->requests };
	q->head = buf_make(r->options.mem, FRAME_MAX + 1024);
	q->body = buf_make(r->options.mem, RELAY_BODY_MAX);
	q->answer.body = buf_make(r->options.mem, PROM_ANSWER_BYTES_MAX);
	r->requests = q;
	r->counters.active++;
	if (surprise(!read_head(q, body), "role/telemetry: a relayed request cannot be read"))
		refuse(q, 400, "bad_data", STR("the request cannot be read"));
	else if (q->body_bytes > RELAY_BODY_MAX)
		refuse(q, 413, "bad_data", STR("the body is larger than 32 MiB"));
	else if (q->body_bytes == 0)
		start_work(q);
}

static void take_body(struct trelay *r, const struct chan *chan, uint64_t id, struct str body)
{
	struct request *q = find(r, chan, id);
	if (!q || q->state != GATHERING)
		return; /* refused or cancelled already */
	buf_add(&q->body, body);
	if (q->body.err != OK || q->body.len > q->body_bytes)
		refuse(q, 400, "bad_data", STR("the body is longer than announced"));
	else if (q->body.len == q->body_bytes)
		start_work(q);
}

static void forget(struct request *q)
{
	__atomic_store_n(&q->gone, true, __ATOMIC_RELAXED);
	if (q->state != WORKING)
		drop(q);
}

bool trelay_message(
    struct trelay *r, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct request *q;
	switch (type) {
	case MSG_HTTP:
		take_request(r, chan, id, body);
		return false; /* the credit comes back with the answer */
	case MSG_HTTP_BODY: take_body(r, chan, id, body); return true;
	case MSG_HTTP_CANCEL:
		q = find(r, chan, id);
		if (q) {
			r->counters.cancelled++;
			if (q->state == WORKING) {
				chan_release(chan, CREDIT_QUERY, 1);
				q->chan = NULL;
			}
			forget(q);
		}
		return true;
	default: return true;
	}
}

void trelay_credit(struct trelay *r, struct chan *chan)
{
	for (struct request *q = r->requests, *next; q; q = next) {
		next = q->next;
		if (q->chan == chan && q->state == ANSWERING)
			answer_more(q);
	}
}

void trelay_gone(struct trelay *r, struct chan *chan)
{
	for (struct request *q = r->requests, *next; q; q = next) {
		next = q->next;
		if (q->chan != chan)
			continue;
		q->chan = NULL;
		forget(q);
	}
}

void trelay_counters(const struct trelay *r, struct trelay_counters *ret)
{
	*ret = r->counters;
}
