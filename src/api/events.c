/* SPDX-License-Identifier: Apache-2.0
 *
 * Events in: read, handed to the engine, and answered when the engine says that they are durable,
 * never before. Several alerts in one request are answered as one: good only when all of them are.
 */
#include "api/api_priv.h"
#include "api/event_read.h"
#include <assert.h>
#include <sodium.h>

enum event_form { FORM_V2, FORM_CHANGE, FORM_V1, FORM_ALERTS, FORM_ALERTS_V1 };

/* One record of a request; its bytes are kept for another try. */
struct part {
	struct submit *submit;
	struct str bytes;
};

/* What is asked of the engine for one request. */
struct submit {
	enum event_form form;
	struct str dedup_key;
	size_t total, answered;
	enum submit_code worst;
	struct str text; /* of the worst */
	bool gone;
	struct mono until; /* how long another try is made */
};

static void answer_body(struct call *call, unsigned status, struct str headers, struct str body)
{
	call_answer(call, status, content_json, headers, body);
}

static void answer_errors(struct call *call, unsigned status, struct str word, struct str message,
    const struct str *errors, size_t count)
{
	struct buf b = buf_make(call->api->mem, 65536);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("status"), word);
	jw_kv_str(&w, STR("message"), message);
	jw_key(&w, STR("errors"));
	jw_open(&w, '[');
	for (size_t i = 0; i < count; i++)
		jw_str(&w, errors[i]);
	jw_close(&w, ']');
	jw_close(&w, '}');
	struct str headers = status == 503 || status == 429 ? STR(HEADERS_DATA "Retry-After: 1\r\n")
	                                                    : STR(HEADERS_DATA);
	answer_body(call, status, headers, buf_str(&b));
	buf_free(&b);
}

static void answer_refused(struct call *call, const struct event_errors *errors)
{
	call->api->counters.events_refused++;
	if (errors->not_json)
		answer_errors(call, 400, STR("Unrecognized object"),
		    STR("Event object format is unrecognized"), errors->list, errors->count);
	else
		answer_errors(call, 400, STR("invalid event"), STR("Event object is invalid"),
		    errors->list, errors->count);
}

static void answer_unread(struct call *call, enum err e, const struct event_errors *errors)
{
	if (e == ERR_INPUT) {
		answer_refused(call, errors);
	} else {
		struct str why = STR(
		    "the event is too complex to be read"); /* a bounded arena: too many values */
		if (e == ERR_LIMIT)
			answer_errors(
			    call, 413, STR("invalid event"), STR("Event is too large"), &why, 1);
		else
			answer_errors(call, 503, STR("error"), STR("Event was not received"),
			    &(struct str)STR_INIT("out of memory: retry later"), 1);
	}
}

static void answer_accepted(struct call *call, const struct submit *s)
{
	call->api->counters.events_accepted += s->total;
	struct buf *b = &call->api->encode;
	buf_clear(b);
	switch (s->form) {
	case FORM_ALERTS: answer_body(call, 200, STR(HEADERS_DATA), STR("")); return;
	case FORM_ALERTS_V1:
		answer_body(call, 200, STR(HEADERS_DATA), STR("{\"status\":\"success\"}"));
		return;
	case FORM_CHANGE:
		answer_body(call, 202, STR(HEADERS_DATA),
		    STR("{\"status\":\"success\",\"message\":\"Change event processed\"}"));
		return;
	case FORM_V1:
	case FORM_V2: break;
	}
	struct jw w = jw_make(b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("status"), STR("success"));
	jw_kv_str(&w, STR("message"), STR("Event processed"));
	jw_kv_str(&w, s->form == FORM_V1 ? STR("incident_key") : STR("dedup_key"), s->dedup_key);
	jw_close(&w, '}');
	answer_body(call, s->form == FORM_V1 ? 200 : 202, STR(HEADERS_DATA), buf_str(b));
}

static void answer_submit(struct call *call, const struct submit *s)
{
	struct str text = s->text;
	if (s->gone) {
		call->api->counters.events_busy++;
		text = STR("the engine is not there: retry later");
		answer_errors(call, 503, STR("error"), STR("Event was not accepted"), &text, 1);
		return;
	}
	switch (s->worst) {
	case SUBMIT_OK: answer_accepted(call, s); return;
	case SUBMIT_UNKNOWN_KEY:
		call->api->counters.events_unknown_key++;
		text = STR("Invalid routing key");
		answer_errors(
		    call, 400, STR("invalid event"), STR("Event object is invalid"), &text, 1);
		return;
	case SUBMIT_BUSY:
		call->api->counters.events_busy++;
		text = STR("events arrive faster than they can be stored: retry later");
		answer_errors(
		    call, 429, STR("throttle exceeded"), STR("Event was not accepted"), &text, 1);
		return;
	case SUBMIT_STORAGE:
		call->api->counters.events_busy++;
		text = STR("the inbox cannot be written (is the disk full?): retry later");
		answer_errors(call, 503, STR("error"), STR("Event was not accepted"), &text, 1);
		return;
	case SUBMIT_INVALID:
	case SUBMIT_CONFLICT:
	case SUBMIT_NOT_FOUND: break;
	}
	call->api->counters.events_refused++;
	if (str_empty(text))
		text = STR("the engine refused the event");
	answer_errors(call, 400, STR("invalid event"), STR("Event object is invalid"), &text, 1);
}

/* How bad, for the one answer to many: what can be tried again is better than what cannot. */
static int badness(enum submit_code code)
{
	switch (code) {
	case SUBMIT_OK: return 0;
	case SUBMIT_BUSY: return 2;
	case SUBMIT_STORAGE: return 3;
	case SUBMIT_UNKNOWN_KEY: return 4;
	case SUBMIT_INVALID:
	case SUBMIT_CONFLICT:
	case SUBMIT_NOT_FOUND: break;
	}
	return 5;
}

static void on_answer(struct call *call, void *user, enum msg_type type, struct str body);

/* The engine was busy, starting, or died before it had answered: another try is better than an
 * error, while there is time. A trigger that was stored already is then counted twice, which harms
 * nobody; a change event would be shown twice. */
static bool try_again(struct call *call, struct part *part, bool answered)
{
	struct submit *s = part->submit;
	struct mono now = loop_now(call->api->loop);
	if (!part->bytes.ptr || now.ns >= s->until.ns || (!answered && s->form == FORM_CHANGE))
		return false;
	return ask_patiently(
	           call->api, MSG_SUBMIT, part->bytes, call, on_answer, part, s->until, true) == OK;
}

static void on_answer(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct part *part = user;
	if (!call)
		return;
	struct submit *s = part->submit;
	enum submit_code code = SUBMIT_OK;
	struct str text = STR("");
	if (type == MSG_SUBMIT_ANSWER) {
		struct rd r = rd_make(body);
		code = (enum submit_code)rd_u32(&r);
		rd_u64(&r);
		text = rd_str(&r, 65536);
	}
	if ((type != MSG_SUBMIT_ANSWER || code == SUBMIT_BUSY) &&
	    try_again(call, part, type == MSG_SUBMIT_ANSWER))
		return;
	s->answered++;
	if (type != MSG_SUBMIT_ANSWER) {
		s->gone = true;
	} else if (badness(code) > badness(s->worst)) {
		s->worst = code;
		s->text = arena_str(call->req->arena, text);
	}
	assert(s->answered <= s->total);
	if (s->answered == s->total)
		answer_submit(call, s);
}

static void submit_all(
    struct call *call, enum event_form form, const struct record *list, size_t count)
{
	struct api *api = call->api;
	struct arena *a = call->req->arena;
	struct submit *s = arena_new(a, struct submit, 1);
	struct part *parts = arena_new(a, struct part, count);
	struct event_errors none = { 0 };
	if (!s || !parts) {
		answer_unread(call, ERR_NOMEM, &none);
		return;
	}
	*s = (struct submit){ .form = form,
		.total = count,
		.worst = SUBMIT_OK,
		.until = mono_add(loop_now(api->loop), API_WAIT) };
	s->dedup_key =
	    count && list[0].type == RECORD_EVENT ? arena_str(a, list[0].event.dedup_key) : STR("");
	for (size_t i = 0; i < count; i++) {
		buf_clear(&api->encode);
		record_encode(&api->encode, &list[i]);
		enum err e = api->encode.err;
		parts[i] =
		    (struct part){ s, arena_err(a) == OK ? arena_str(a, buf_str(&api->encode))
			                                 : (struct str){ NULL, 0 } };
		if (e == OK)
			e = ask_patiently(api, MSG_SUBMIT, buf_str(&api->encode), call, on_answer,
			    &parts[i], s->until, false);
		if (e == OK)
			continue;
		s->answered++;
		if (badness(e == ERR_LIMIT ? SUBMIT_INVALID : SUBMIT_BUSY) > badness(s->worst))
			s->worst = e == ERR_LIMIT ? SUBMIT_INVALID : SUBMIT_BUSY;
	}
	/* The encode buffer does not keep what one large event made of it. */
	if (api->encode.cap > 65536)
		buf_free(&api->encode);
	if (s->answered == s->total)
		answer_submit(call, s);
}

/* Reading needs up to fifty times the event's size for a moment; what is kept is only the record.
 */
static struct arena *scratch(struct call *call)
{
	arena_reset(call->api->scratch);
	return call->api->scratch;
}

static struct event_random take_random(struct api *api)
{
	struct event_random r;
	if (api->random_left < sizeof r.bytes) {
		randombytes_buf(api->random, sizeof api->random);
		api->random_left = sizeof api->random;
	}
	api->random_left -= sizeof r.bytes;
	memcpy(r.bytes, api->random + api->random_left, sizeof r.bytes);
	return r;
}

/* Keys are bounded before the engine sees them; what is longer cannot be one. */
static bool key_possible(struct call *call, struct str key)
{
	if (key.len <= 255)
		return true;
	call->api->counters.events_unknown_key++;
	struct str text = STR("Invalid routing key");
	answer_errors(call, 400, STR("invalid event"), STR("Event object is invalid"), &text, 1);
	return false;
}

void event_v2(struct call *call)
{
	struct record rec;
	struct event_errors errors;
	struct event_random random = take_random(call->api);
	enum err e = event_read_v2(scratch(call), call->req->body, &random, &rec, &errors);
	if (e != OK)
		answer_unread(call, e, &errors);
	else if (key_possible(call, rec.event.routing_key))
		submit_all(call, FORM_V2, &rec, 1);
}

void event_change(struct call *call)
{
	struct record rec;
	struct event_errors errors;
	enum err e = event_read_change(
	    scratch(call), call->req->body, loop_wall(call->api->loop), &rec, &errors);
	if (e != OK)
		answer_unread(call, e, &errors);
	else if (key_possible(call, rec.change.routing_key))
		submit_all(call, FORM_CHANGE, &rec, 1);
}

void event_v1(struct call *call)
{
	struct record rec;
	struct event_errors errors;
	struct event_random random = take_random(call->api);
	enum err e = event_read_v1(scratch(call), call->req->body, &random, &rec, &errors);
	if (e != OK)
		answer_unread(call, e, &errors);
	else if (key_possible(call, rec.event.routing_key))
		submit_all(call, FORM_V1, &rec, 1);
}

static void alerts(struct call *call, enum event_form form)
{
	struct record *list = NULL;
	size_t count = 0;
	struct event_errors errors;
	enum err e = event_read_alerts(scratch(call), call->req->body, call->param[0],
	    loop_wall(call->api->loop), &list, &count, &errors);
	if (e != OK)
		answer_unread(call, e, &errors);
	else if (key_possible(call, call->param[0]))
		submit_all(call, form, list, count);
}

void event_alerts(struct call *call)
{
	alerts(call, FORM_ALERTS);
}

void event_alerts_v1(struct call *call)
{
	alerts(call, FORM_ALERTS_V1);
}

/* The little that a client may ask of an Alertmanager before it sends. */
void alertmanager_status(struct call *call)
{
	call_json(call, 200,
	    STR("{\"cluster\":{\"status\":\"disabled\",\"peers\":[]},\"versionInfo\":{\"version\":"
	        "\"0.25.0\","
	        "\"branch\":\"quis\",\"revision\":\"\",\"buildUser\":\"\",\"buildDate\":\"\","
	        "\"goVersion\":\"\"},"
	        "\"config\":{\"original\":\"\"},\"uptime\":\"1970-01-01T00:00:00.000Z\"}"));
}
