/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' API and remote write: bodies go to telemetry undecoded in pieces of at most 64 KiB as
 * there is credit, and its answers come back the same way. Nothing here understands them. A client
 * that reads its answer slowly costs memory up to a limit over all of them and is then cut.
 */
#include "api/api_priv.h"
#include <assert.h>

#define PIECE_MAX 65536u
#define HELD_MAX ((size_t)128 << 20)

struct relay {
	struct relay *prev, *next;
	struct call *call;
	uint64_t id; /* of the question; 0: not asked (yet, or any more) */
	struct buf
	    up; /* request bytes for which there was no credit, or a chunked body as it comes */
	size_t up_sent;
	bool gathering; /* chunked: asked when it is whole */
	bool paused;
	struct buf down; /* answer bytes for which the client has no room */
	uint64_t answer_left;
	bool answer_whole;
};

static void unavailable(struct call *call, struct str why)
{
	struct buf b = buf_make(call->api->mem, 4096);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("status"), STR("error"));
	jw_kv_str(&w, STR("errorType"), STR("unavailable"));
	jw_kv_str(&w, STR("error"), why);
	jw_close(&w, '}');
	call->api->counters.relay_busy++;
	call_answer(call, 503, content_json, STR(HEADERS_DATA "Retry-After: 1\r\n"), buf_str(&b));
	buf_free(&b);
}

static void leave(struct call *call)
{
	struct relay *r = call->user;
	struct api *api = call->api;
	if (r->id) {
		if (api->telemetry && !r->answer_whole)
			ignore_err(chan_send(api->telemetry, MSG_HTTP_CANCEL, r->id, STR("")),
			    "it will find nobody to answer");
		slot_free(api, r->id);
	}
	assert(api->relay_held >= r->down.len);
	api->relay_held -= r->down.len;
	buf_free(&r->up);
	buf_free(&r->down);
	if (r->prev)
		r->prev->next = r->next;
	else
		api->relays = r->next;
	if (r->next)
		r->next->prev = r->prev;
}

/* "K: V\n" lines -> header lines; anything that could break out of a line ends it. */
static struct str headers_of(struct arena *a, struct str lines)
{
	struct str out = STR(HEADERS_DATA);
	for (struct str rest = lines; rest.ptr && out.ptr;) {
		struct str line = str_cut(&rest, '\n');
		if (!str_empty(line) && str_find(line, '\r') == line.len &&
		    str_find(line, ':') < line.len)
			out = arena_printf(a, "%.*s%.*s\r\n", STR_ARG(out), STR_ARG(line));
	}
	return out.ptr ? out : STR(HEADERS_DATA);
}

/* The request may be gone when this returns. */
static void give_down(struct relay *r, struct str bytes)
{
	struct call *call = r->call;
	struct api *api = call->api;
	if (r->down.len == 0) {
		bool last = r->answer_left == 0;
		enum err e = http_answer_write(call->req, bytes);
		if (e == ERR_GONE)
			return;
		if (e == OK) {
			if (last) {
				r->answer_whole = true;
				http_answer_end(call->req);
			}
			return;
		}
	}
	buf_add(&r->down, bytes);
	api->relay_held += bytes.len;
	if (r->down.err != OK || api->relay_held > HELD_MAX) {
		if (r->down.err != OK)
			api->relay_held -= bytes.len;
		http_abort(call->req);
	}
}

static void drained(struct call *call)
{
	struct relay *r = call->user;
	struct api *api = call->api;
	while (r->down.len > 0) {
		struct str piece = str_first(buf_str(&r->down), PIECE_MAX);
		bool last = r->answer_left == 0 && piece.len == r->down.len;
		enum err e = http_answer_write(call->req, piece);
		if (e != OK)
			return;
		api->relay_held -= piece.len;
		buf_consume(&r->down, piece.len);
		if (last) {
			r->answer_whole = true;
			http_answer_end(call->req);
			return;
		}
	}
}

static void on_answer_head(struct relay *r, struct str body)
{
	struct call *call = r->call;
	struct rd in = rd_make(body);
	unsigned status = rd_u16(&in);
	struct str content_type = rd_str(&in, 1024), headers = rd_str(&in, 65536);
	uint64_t length = rd_u64(&in);
	if (rd_done(&in) != OK || status < 200 || status > 599 || http_answer_begun(call->req)) {
		if (http_answer_begun(call->req))
			http_abort(call->req);
		else
			unavailable(call, STR("telemetry gave an answer that is none"));
		return;
	}
	r->answer_left = length;
	struct str lines = headers_of(call->req->arena, headers);
	if (length == 0) {
		r->answer_whole = true;
		call_answer(call, status, content_type, lines, STR(""));
		return;
	}
	http_answer_begin(call->req, status, content_type, lines, length);
}

static void on_answer(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct relay *r = user;
	if (!call)
		return;
	if (type == MSG_HTTP_ANSWER) {
		on_answer_head(r, body);
	} else if (type == MSG_HTTP_ANSWER_BODY) {
		if (!http_answer_begun(call->req) || body.len > r->answer_left) {
			http_abort(call->req);
			return;
		}
		r->answer_left -= body.len;
		give_down(r, body);
	} else { /* telemetry has gone */
		r->id = 0;
		if (http_answer_begun(call->req))
			http_abort(call->req);
		else
			unavailable(call, STR("telemetry went away: try again"));
	}
}

static enum err ask_telemetry(struct relay *r, uint64_t body_bytes)
{
	struct call *call = r->call;
	const struct http_head *head = &call->req->head;
	struct buf b = buf_make(call->api->mem, 64 * 1024);
	enum http_method method = head->method == HTTP_HEAD ? HTTP_GET : head->method;
	struct str type = http_head_get(head, STR("Content-Type")),
	           encoding = http_head_get(head, STR("Content-Encoding"));
	put_str(&b, http_method_name[method]);
	put_str(&b, head->path);
	put_str(&b, head->query);
	put_str(&b, type.ptr ? type : STR(""));
	put_str(&b, encoding.ptr ? encoding : STR(""));
	put_u64(&b, body_bytes);
	enum err e = b.err;
	if (e == OK)
		e = ask_open(
		    call->api, ROLE_TELEMETRY, MSG_HTTP, buf_str(&b), call, on_answer, r, &r->id);
	buf_free(&b);
	call->api->counters.relayed += e == OK;
	return e;
}

/* Sends what waits; true when nothing waits any more. */
static bool pump(struct relay *r)
{
	struct api *api = r->call->api;
	while (r->up_sent < r->up.len) {
		struct str piece = str_first(str_from(buf_str(&r->up), r->up_sent), PIECE_MAX);
		if (!api->telemetry || chan_send(api->telemetry, MSG_HTTP_BODY, r->id, piece) != OK)
			return false;
		r->up_sent += piece.len;
	}
	buf_clear(&r->up);
	r->up_sent = 0;
	return true;
}

static bool piece(struct call *call, struct str bytes)
{
	struct relay *r = call->user;
	struct api *api = call->api;
	if (r->gathering) {
		buf_add(&r->up, bytes);
		return true;
	}
	while (bytes.len > 0 && r->up.len == 0) {
		struct str part = str_first(bytes, PIECE_MAX);
		if (!api->telemetry || chan_send(api->telemetry, MSG_HTTP_BODY, r->id, part) != OK)
			break;
		bytes = str_from(bytes, part.len);
	}
	buf_add(&r->up, bytes);
	r->paused = r->up.len > 0;
	return !r->paused;
}

static void refuse(struct call *call, enum err e)
{
	if (e == ERR_GONE)
		unavailable(call, STR("telemetry is not there: try again"));
	else if (e == ERR_LIMIT)
		call_error(call, 414, 2001, STR("URI Too Long"),
		    STR("the query is too long: send it as a form in the body"));
	else
		unavailable(call, STR("telemetry has too much to do: try again"));
}

static void whole(struct call *call)
{
	struct relay *r = call->user;
	if (!r->gathering)
		return;
	r->gathering = false;
	enum err e = r->up.err != OK ? ERR_NOMEM : ask_telemetry(r, r->up.len);
	if (e != OK)
		refuse(call, e);
	else
		pump(r);
}

bool relay_begin(struct call *call)
{
	struct api *api = call->api;
	struct relay *r = arena_new(call->req->arena, struct relay, 1);
	if (!r) {
		unavailable(call, STR("out of memory"));
		return false;
	}
	r->call = call;
	r->up = buf_make(api->mem, call->route->body_limit + PIECE_MAX);
	r->down = buf_make(api->mem, HELD_MAX);
	r->gathering = call->req->head.chunked;
	enum err e = r->gathering ? OK : ask_telemetry(r, call->req->head.length);
	if (e != OK) {
		refuse(call, e);
		return false;
	}
	call->user = r;
	call->leave = leave;
	call->piece = piece;
	call->whole = whole;
	call->drained = drained;
	r->next = api->relays;
	if (r->next)
		r->next->prev = r;
	api->relays = r;
	return true;
}

void relay_credit(struct api *api)
{
	for (struct relay *r = api->relays, *next; r; r = next) {
		next = r->next; /* only this one's request can end here */
		if (r->gathering || r->up.len == 0 || !pump(r))
			continue;
		if (r->paused) {
			r->paused = false;
			http_resume(r->call->req);
		}
	}
}
