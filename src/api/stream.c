/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events: the UI is told that something was committed and fetches what it shows. What
 * is told is a state and not an edge, so a slow reader misses nothing by missing a message: it gets
 * the newest when it has room.
 */
#include "api/api_priv.h"
#include <assert.h>

static void tell(struct stream *s)
{
	struct api *api = s->call->api;
	struct buf b = buf_make(api->mem, 512);
	buf_printf(&b, "event: changed\ndata: {\"seq\":%llu,\"open\":%u,\"triggered\":%u}\n\n",
	    (unsigned long long)api->changed_seq, api->changed_open, api->changed_triggered);
	s->behind = false;
	if (http_answer_write(s->call->req, buf_str(&b)) == ERR_BUSY)
		s->behind = true; /* a stream that is gone was taken off the list by its leave */
	buf_free(&b);
}

static void stream_leave(struct call *call)
{
	struct stream *s = call->user;
	struct api *api = call->api;
	if (s->prev)
		s->prev->next = s->next;
	else
		api->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	assert(api->stream_count > 0);
	api->stream_count--;
}

static void stream_drained(struct call *call)
{
	struct stream *s = call->user;
	if (s->behind)
		tell(s);
}

void stream_get(struct call *call)
{
	struct api *api = call->api;
	struct stream *s = arena_new(call->req->arena, struct stream, 1);
	if (!s || api->stream_count >= API_STREAMS_MAX) {
		call_busy(call, STR("too many are listening already"));
		return;
	}
	s->call = call;
	s->next = api->streams;
	if (s->next)
		s->next->prev = s;
	api->streams = s;
	api->stream_count++;
	call->user = s;
	call->leave = stream_leave;
	call->drained = stream_drained;
	http_unhurried(call->req);
	http_answer_begin(call->req, 200, STR("text/event-stream"),
	    STR(HEADERS_DATA "X-Accel-Buffering: no\r\n"), HTTP_LENGTH_UNKNOWN);
	tell(s);
}

void streams_tell(struct api *api)
{
	for (struct stream *s = api->streams, *next; s; s = next) {
		next = s->next;
		if (!s->behind)
			tell(s);
	}
}

void streams_beat(struct api *api)
{
	for (struct stream *s = api->streams, *next; s; s = next) {
		next = s->next;
		if (http_answer_write(s->call->req, STR(": beat\n\n")) == ERR_BUSY)
			s->behind = true;
	}
}
