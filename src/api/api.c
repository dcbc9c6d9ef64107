/* SPDX-License-Identifier: Apache-2.0
 *
 * The web role's centre: a request comes in, its route is found, its caller is known, its handler
 * runs; questions go to the engine and to telemetry and their answers come back. See api_priv.h for
 * calls, jobs and slots.
 */
#include "api/api_priv.h"
#include "base/enc.h"
#include "base/surprise.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

/* ---- slots ---- */

static void slots_init(struct api *api)
{
	for (uint32_t i = 0; i < API_SLOTS; i++) {
		api->slots[i].generation = 1;
		api->slots[i].next_free = i + 2 <= API_SLOTS ? i + 2 : 0;
	}
	api->slot_free = 1;
}

static uint64_t slot_id(const struct api *api, const struct slot *slot)
{
	return (uint64_t)slot->generation << 32 | (uint32_t)(slot - api->slots + 1);
}

static struct slot *slot_find(struct api *api, uint64_t id)
{
	uint32_t index = (uint32_t)id;
	if (index == 0 || index > API_SLOTS)
		return NULL;
	struct slot *s = &api->slots[index - 1];
	return s->used && s->generation == (uint32_t)(id >> 32) ? s : NULL;
}

static struct slot *slot_take(
    struct api *api, struct call *call, enum role peer, slot_answer *answer, void *user)
{
	if (api->slot_free == 0)
		return NULL;
	uint32_t index = api->slot_free;
	struct slot *s = &api->slots[index - 1];
	assert(!s->used);
	api->slot_free = s->next_free;
	api->slots_used++;
	s->used = true;
	s->stays = s->queued = false;
	s->call = call;
	s->peer = peer;
	s->answer = answer;
	s->user = user;
	s->prev_of_call = s->next_of_call = 0;
	if (call) {
		s->next_of_call = call->first_slot;
		if (call->first_slot)
			api->slots[call->first_slot - 1].prev_of_call = index;
		call->first_slot = index;
	}
	return s;
}

static void slot_leave_call(struct api *api, struct slot *s)
{
	if (!s->call)
		return;
	if (s->prev_of_call)
		api->slots[s->prev_of_call - 1].next_of_call = s->next_of_call;
	else
		s->call->first_slot = s->next_of_call;
	if (s->next_of_call)
		api->slots[s->next_of_call - 1].prev_of_call = s->prev_of_call;
	s->prev_of_call = s->next_of_call = 0;
	s->call = NULL;
}

static void slot_give(struct api *api, struct slot *s)
{
	assert(s->used);
	slot_leave_call(api, s);
	s->used = false;
	s->generation++;
	s->next_free = api->slot_free;
	api->slot_free = (uint32_t)(s - api->slots + 1);
	api->slots_used--;
}

void slot_free(struct api *api, uint64_t id)
{
	struct slot *s = slot_find(api, id);
	if (s)
		slot_give(api, s);
}

static struct chan *peer_chan(struct api *api, enum role peer)
{
	return peer == ROLE_ENGINE ? api->engine : peer == ROLE_TELEMETRY ? api->telemetry : NULL;
}

#define WAITING_RETRY SPAN_MS(50)

/* An event that cannot be sent now waits its turn; there is room for a bounded number. */
static enum err wait_in_line(
    struct api *api, struct slot *slot, enum msg_type type, struct str body, struct mono until)
{
	if (api->waiting_count >= API_WAITING_MAX ||
	    api->waiting_bytes + body.len > API_WAITING_BYTES)
		return ERR_BUSY;
	struct waiting *w = mem_new(api->mem, 1, sizeof *w + body.len);
	if (!w)
		return ERR_NOMEM;
	slot->queued = true;
	w->id = slot_id(api, slot);
	w->type = type;
	w->until = until;
	w->len = body.len;
	memcpy(w->bytes, body.ptr, body.len);
	if (api->waiting_last)
		api->waiting_last->next = w;
	else
		api->waiting_first = w;
	api->waiting_last = w;
	api->waiting_count++;
	api->waiting_bytes += body.len;
	if (!loop_timer_is_set(&api->waiting_retry))
		loop_timer_after(api->loop, &api->waiting_retry, WAITING_RETRY);
	return OK;
}

static void waiting_drop(struct api *api)
{
	struct waiting *w = api->waiting_first;
	api->waiting_first = w->next;
	if (!api->waiting_first)
		api->waiting_last = NULL;
	api->waiting_count--;
	api->waiting_bytes -= w->len;
	mem_free(api->mem, w);
}

/* In order: sends what can be sent, and tells those whose time is over. */
static void waiting_send(struct api *api)
{
	struct mono now = loop_now(api->loop);
	while (api->waiting_first) {
		struct waiting *w = api->waiting_first;
		struct slot *s = slot_find(api, w->id);
		bool late = w->until.ns <= now.ns;
		if (s && !late) {
			enum err e = api->engine ? chan_send(api->engine, w->type, w->id,
			                               str_make(w->bytes, w->len))
			                         : ERR_GONE;
			if (e != OK)
				return;
			s->queued = false;
		}
		waiting_drop(api);
		if (s && late) {
			struct call *call = s->call;
			slot_answer *answer = s->answer;
			void *user = s->user;
			slot_give(api, s);
			answer(call, user, (enum msg_type)0, STR(""));
		}
	}
}

static void waiting_retry(struct loop_timer *timer)
{
	struct api *api = container_of(timer, struct api, waiting_retry);
	waiting_send(api);
	if (api->waiting_first)
		loop_timer_after(api->loop, &api->waiting_retry, WAITING_RETRY);
}

enum err ask_patiently(struct api *api, enum msg_type type, struct str record, struct call *call,
    slot_answer *answer, void *user, struct mono until, bool again)
{
	struct slot *s = slot_take(api, call, ROLE_ENGINE, answer, user);
	if (!s)
		return ERR_BUSY;
	enum err e = ERR_BUSY;
	if (!again && api->engine && !api->waiting_first) /* nobody is overtaken */
		e = chan_send(api->engine, type, slot_id(api, s), record);
	if (e == ERR_BUSY || e == ERR_GONE)
		e = wait_in_line(api, s, type, record, until);
	if (e != OK)
		slot_give(api, s);
	return e;
}

static enum err ask_slot(struct api *api, enum role peer, enum msg_type type, struct str body,
    struct call *call, slot_answer *answer, void *user, bool stays, uint64_t *ret_id)
{
	struct chan *chan = peer_chan(api, peer);
	if (!chan)
		return ERR_GONE;
	struct slot *s = slot_take(api, call, peer, answer, user);
	if (!s)
		return ERR_BUSY;
	s->stays = stays;
	uint64_t id = slot_id(api, s);
	enum err e = chan_send(chan, type, id, body);
	if (e != OK)
		slot_give(api, s);
	else if (ret_id)
		*ret_id = id;
	return e;
}

enum err ask(struct api *api, enum role peer, enum msg_type type, struct str body,
    struct call *call, slot_answer *answer, void *user)
{
	return ask_slot(api, peer, type, body, call, answer, user, false, NULL);
}

enum err ask_open(struct api *api, enum role peer, enum msg_type type, struct str body,
    struct call *call, slot_answer *answer, void *user, uint64_t *ret_id)
{
	return ask_slot(api, peer, type, body, call, answer, user, true, ret_id);
}

/* A command on its way; kept for another try. */
struct errand {
	struct str bytes;
	slot_answer *answer;
	void *user;
	struct mono until;
};

/* Busy means that nothing was done, so it is safe to ask again; an engine that went away may have
 * done it, so it is not. */
static void errand_answered(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct errand *e = user;
	struct command_answer answer;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) == OK && answer.code == SUBMIT_BUSY &&
	    loop_now(call->api->loop).ns < e->until.ns &&
	    ask_patiently(
	        call->api, MSG_COMMAND, e->bytes, call, errand_answered, e, e->until, true) == OK)
		return;
	e->answer(call, e->user, type, body);
}

enum err command(
    struct api *api, const struct record *rec, struct call *call, slot_answer *answer, void *user)
{
	struct errand *errand = arena_new(call->req->arena, struct errand, 1);
	struct buf b = buf_make(api->mem, RECORD_BYTES_MAX);
	record_encode(&b, rec);
	enum err e = !errand ? ERR_NOMEM : b.err;
	if (e == OK) {
		*errand = (struct errand){ arena_str(call->req->arena, buf_str(&b)), answer, user,
			mono_add(loop_now(api->loop), API_WAIT) };
		e = errand->bytes.ptr ? ask_patiently(api, MSG_COMMAND, errand->bytes, call,
		                            errand_answered, errand, errand->until, false)
		                      : ERR_LIMIT;
	}
	buf_free(&b);
	api->counters.commands += e == OK;
	return e;
}

enum err command_answer_read(enum msg_type type, struct str body, struct command_answer *ret)
{
	if (type != MSG_COMMAND_ANSWER)
		return ERR_GONE;
	struct rd r = rd_make(body);
	ret->code = (enum submit_code)rd_u32(&r);
	ret->seq = rd_u64(&r);
	ret->outcome = rd_u8(&r);
	ret->text = rd_str(&r, 2u << 20);
	return rd_done(&r);
}

/* Every question to a peer that has gone is answered with "gone". */
static void peer_gone(struct api *api, enum role peer)
{
	for (uint32_t i = 0; i < API_SLOTS; i++) {
		struct slot *s = &api->slots[i];
		if (!s->used || s->peer != peer || s->queued)
			continue;
		struct call *call = s->call;
		slot_answer *answer = s->answer;
		void *user = s->user;
		slot_give(api, s);
		if (answer)
			answer(call, user, (enum msg_type)0, STR(""));
	}
}

void api_peer(struct api *api, enum role peer, struct chan *chan)
{
	if (peer == ROLE_ENGINE)
		api->engine = chan;
	else if (peer == ROLE_TELEMETRY)
		api->telemetry = chan;
	else
		return;
	peer_gone(api, peer); /* what was asked over the old channel will not be answered */
	if (peer == ROLE_ENGINE && chan)
		waiting_send(api);
}

bool api_message(struct api *api, enum role peer, struct chan *chan, enum msg_type type,
    uint64_t id, struct str body)
{
	(void)chan;
	if (type == MSG_CHANGED && peer == ROLE_ENGINE) {
		struct rd r = rd_make(body);
		uint64_t seq = rd_u64(&r);
		uint32_t open = rd_u32(&r), triggered = rd_u32(&r);
		if (!surprise(rd_done(&r) != OK, "api/changed-malformed")) {
			api->changed_seq = seq;
			api->changed_open = open;
			api->changed_triggered = triggered;
			api->changed_at = loop_wall(api->loop);
			streams_tell(api);
		}
		return true;
	}
	struct slot *s = slot_find(api, id);
	if (!s || s->peer != peer)
		return true; /* whoever asked has left */
	struct call *call = s->call;
	slot_answer *answer = s->answer;
	void *user = s->user;
	if (!s->stays)
		slot_give(api, s);
	if (answer)
		answer(call, user, type, body);
	return true;
}

void api_credit(struct api *api, enum role peer, enum credit_class cls)
{
	if (peer == ROLE_ENGINE && cls == CREDIT_EVENT)
		waiting_send(api);
	if (peer == ROLE_TELEMETRY && cls == CREDIT_STREAM)
		relay_credit(api);
}

/* ---- requests ---- */

void call_proceed(struct call *call)
{
	assert(!call->proceeded);
	call->proceeded = true;
	if (call->route->run) {
		call->route->run(call);
	} else if (call->route->work) {
		call_work(call, call->route->work, NULL);
	} else {
		struct http_request *req = call->req;
		if (!call->route->begin(call))
			return;
		if (call->whole_seen && call->whole)
			call->whole(call);
		else if (call->held.len > 0 && call->piece(call, call->held))
			http_resume(req);
	}
}

/* Clients that insist on a host ending in .com can be given ours with one of PagerDuty's behind it,
 * as a folder. */
static struct str path_of(struct str path)
{
	static const struct str hosts[] = { STR_INIT("/api.pagerduty.com/"),
		STR_INIT("/events.pagerduty.com/") };
	for (size_t i = 0; i < ARRAY_COUNT(hosts); i++)
		if (str_starts(path, hosts[i]))
			return str_from(path, hosts[i].len - 1);
	return path;
}

static void on_begin(void *context, struct http_request *req)
{
	struct api *api = context;
	struct call *call = arena_new(req->arena, struct call, 1);
	bool other = false;
	if (!call) {
		http_answer(req, &(struct http_answer){ .status = 503, .close = true });
		return;
	}
	req->user = call;
	call->api = api;
	call->req = req;
	call->route =
	    route_find(req->arena, req->head.method, path_of(req->head.path), call->param, &other);
	if (!call->route) {
		if (other)
			call_error(call, 405, 2001, STR("Method Not Allowed"),
			    STR("this path exists, but not for this method"));
		else
			call_error(call, 404, 2100, STR("Not Found"),
			    STR("there is nothing at this path; see the API reference"));
		return;
	}
	req->body_limit = call->route->body_limit;
	req->streamed = call->route->streamed;
	if (req->streamed && (call->route->access == ACCESS_OPEN || auth_check(call)))
		call_proceed(call);
}

static bool on_body(void *context, struct http_request *req, struct str bytes)
{
	struct call *call = req->user;
	(void)context;
	assert(call && call->route);
	if (!call->proceeded) { /* the caller is still being found out */
		call->held = arena_str(req->arena, bytes);
		if (!call->held.ptr)
			call_busy(call, STR("out of memory"));
		return false;
	}
	return call->piece ? call->piece(call, bytes) : true;
}

static void on_ready(void *context, struct http_request *req)
{
	struct call *call = req->user;
	(void)context;
	assert(call && call->route);
	if (req->streamed) {
		call->whole_seen = true;
		if (call->proceeded && call->whole)
			call->whole(call);
		return;
	}
	if (call->route->access == ACCESS_OPEN || auth_check(call))
		call_proceed(call);
}

static void on_fault(void *context, struct http_request *req, unsigned status, struct str text)
{
	struct call *call = req->user;
	(void)context;
	assert(call && call->route);
	const struct route *r = call->route;
	if (r->run == event_v2 || r->run == event_change || r->run == event_v1) {
		struct buf b = buf_make(call->api->mem, 4096);
		buf_add(&b, STR("{\"status\":\"invalid event\",\"message\":\""));
		buf_add(
		    &b, status == 413 ? STR("Event is too large") : STR("Event was not received"));
		buf_add(&b, STR("\",\"errors\":[\""));
		buf_add(&b,
		    status == 413 ? STR("the event is larger than 512 KiB (524288 bytes)") : text);
		buf_add(&b, STR("\"]}"));
		call->api->counters.events_refused++;
		call_answer(call, status, content_json,
		    status == 503 ? STR(HEADERS_DATA "Retry-After: 1\r\n") : STR(HEADERS_DATA),
		    buf_str(&b));
		buf_free(&b);
		return;
	}
	char detail[128];
	struct buf b = buf_make(call->api->mem, sizeof detail);
	if (status == 413)
		buf_printf(&b, "the body is longer than this path takes (%u bytes)", r->body_limit);
	else
		buf_add(&b, text);
	call_error(call, status, 2001, http_status_text(status), buf_str(&b));
	buf_free(&b);
}

static void on_drained(void *context, struct http_request *req)
{
	struct call *call = req->user;
	(void)context;
	if (call && call->drained)
		call->drained(call);
}

static void on_gone(void *context, struct http_request *req)
{
	struct api *api = context;
	struct call *call = req->user;
	if (!call)
		return;
	req->user = NULL;
	if (call->leave)
		call->leave(call);
	if (call->job)
		call->job->call = NULL;
	while (call->first_slot)
		slot_leave_call(api, &api->slots[call->first_slot - 1]);
}

static const struct http_handler http_handler = { on_begin, on_body, on_ready, on_fault, on_drained,
	on_gone };

/* ---- life ---- */

static enum err tokens_read(
    struct arena *a, const struct json *list, struct token **ret, size_t *ret_count)
{
	size_t n = json_is(list, JSON_ARRAY) ? list->count : 0, i = 0;
	struct token *tokens = arena_new(a, struct token, n);
	if (!tokens)
		return arena_err(a);
	for (const struct json *j = n ? list->child : NULL; j; j = j->next) {
		struct token *t = &tokens[i];
		struct buf hash = buf_make(&mem_system, 64);
		t->name = arena_str(a, json_get_str(j, STR("name")));
		t->role = api_role_of(json_get_str(j, STR("role")));
		enum err e = dec_hex(json_get_str(j, STR("sha256")), &hash);
		if (e == OK && hash.len == 32 && t->role != API_ROLE_NONE) {
			memcpy(t->sha256, hash.ptr, 32);
			i++;
		}
		buf_free(&hash);
		if (e != OK)
			return ERR_INPUT;
	}
	*ret = tokens;
	*ret_count = i;
	return OK;
}

enum err api_configure(struct api *api, const struct json *config)
{
	struct token *tokens;
	size_t token_count;
	/* What is replaced stays until the end: calls in hand still look at it, and reloads are
	 * few. */
	struct arena *a = api->keep;
	struct link_key key;
	struct str key_hex = json_get_str(config, STR("link_key"));
	bool has_key = !str_empty(key_hex);
	enum err e = tokens_read(a, json_get(config, STR("api_tokens")), &tokens, &token_count);
	if (e == OK && has_key)
		e = link_key_read(key_hex, &key);
	struct str base_url = arena_str(a, json_get_str(config, STR("base_url")));
	struct str data_dir = arena_str(a, json_get_str(config, STR("data_dir")));
	struct str version = arena_str(a, json_get_str(config, STR("version")));
	if (e == OK)
		e = arena_err(a);
	if (e != OK)
		return e;
	while (str_ends(base_url, STR("/")))
		base_url.len--;
	api->tokens = tokens;
	api->token_count = token_count;
	api->has_link_key = has_key;
	if (has_key)
		api->link_key = key;
	api->base_url = base_url;
	api->secure = str_starts(base_url, STR("https://"));
	if (str_empty(api->data_dir)) /* the workers read it: it does not change while they run */
		api->data_dir = data_dir;
	api->version = version;
	api->metrics_open = json_is(json_get(config, STR("metrics_open")), JSON_TRUE);
	return OK;
}

static void tick(struct loop_timer *timer)
{
	struct api *api = container_of(timer, struct api, tick);
	api->ticks++;
	if (api->ticks % 15 == 0)
		streams_beat(api);
	if (api->ticks % 10 == 0)
		metrics_send(api);
	if (!api->engine)
		child_verdict(api->child, false,
		    STR("serving, but the engine is not connected: events are refused"));
	else if (!api->telemetry)
		child_verdict(api->child, true, STR("serving; telemetry is not connected"));
	else
		child_verdict(api->child, true, STR("serving"));
	loop_timer_after(api->loop, &api->tick, SPAN_S(1));
}

static enum err http_start(struct api *api, const struct json *config)
{
	const struct json *tls = json_get(config, STR("tls"));
	struct http_config hc = {
		.mem = api->mem,
		.loop = api->loop,
		.handler = &http_handler,
		.context = api,
		.common_headers = STR("X-Content-Type-Options: nosniff\r\nX-Frame-Options: "
		                      "DENY\r\nReferrer-Policy: no-referrer\r\n"),
		.tls_certificate = json_get_str(tls, STR("certificate")),
		.tls_key = json_get_str(tls, STR("key")),
	};
	return http_open(&hc, &api->http);
}

enum err api_open(
    struct child *child, enum role self, const struct json *config, struct api **ret_api)
{
	const struct mem *mem = child_mem(child);
	if (sodium_init() < 0)
		return ERR_IO;
	struct api *api = mem_new(mem, 1, sizeof *api);
	if (!api)
		return ERR_NOMEM;
	api->mem = mem;
	api->child = child;
	api->loop = child_loop(child);
	api->os = child_os(child);
	api->self = self;
	api->started_at = loop_wall(api->loop);
	api->tick.fire = tick;
	api->waiting_retry.fire = waiting_retry;
	pthread_mutex_init(&api->snapshot_lock, NULL);
	api->encode = buf_make(mem, RECORD_BYTES_MAX);
	enum err e = arena_open(mem, (size_t)16 << 20, &api->keep);
	if (e == OK)
		e = arena_open(mem, (size_t)64 << 20, &api->scratch);
	if (e == OK) {
		api->slots = mem_new(mem, API_SLOTS, sizeof *api->slots);
		e = api->slots ? OK : ERR_NOMEM;
	}
	if (e == OK) {
		slots_init(api);
		e = api_configure(api, config);
	}
	if (e == OK)
		e = auth_open(api);
	if (e == OK)
		e = pool_open(&api->readers, api, 2, API_JOBS_MAX);
	if (e == OK)
		e = pool_open(&api->slow, api, 1, API_SLOW_JOBS_MAX);
	if (e == OK)
		e = http_start(api, config);
	if (e != OK) {
		api_close(&api);
		return e;
	}
	loop_timer_after(api->loop, &api->tick, SPAN_S(1));
	*ret_api = api;
	return OK;
}

void api_listen(struct api *api, int fd)
{
	if (http_listen(api->http, fd) != OK)
		child_log(api->child, "error", "event=cannot-listen");
}

void api_drain(struct api *api)
{
	http_drain(api->http);
	while (api->streams)
		http_abort(api->streams->call->req);
}

bool api_idle(const struct api *api)
{
	return http_connection_count(api->http) == 0;
}

void api_close(struct api **api_at)
{
	struct api *api = *api_at;
	if (!api)
		return;
	*api_at = NULL;
	loop_timer_clear(api->loop, &api->tick);
	loop_timer_clear(api->loop, &api->waiting_retry);
	http_close(&api->http);
	pool_close(&api->readers);
	pool_close(&api->slow);
	while (api->waiting_first)
		waiting_drop(api);
	snapshot_give(api->snapshot);
	status_close(api);
	auth_close(api);
	pthread_mutex_destroy(&api->snapshot_lock);
	buf_free(&api->encode);
	arena_close(&api->scratch);
	mem_free(api->mem, api->slots);
	arena_close(&api->keep);
	mem_free(api->mem, api);
}
