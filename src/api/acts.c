/* SPDX-License-Identifier: Apache-2.0
 *
 * What people do with incidents. Three steps: a reader checks that the incidents are there and who
 * asks, commands go to the engine and are answered when their effects are committed, and a reader
 * fetches what they are now.
 */
#include "api/incidents.h"
#include "incident/core.h"
#include <assert.h>

#define ACT_MAX 250u /* as PagerDuty's bulk update */
#define NOTE_MAX 2000u

struct act_item {
	struct str text; /* as asked: id or number */
	struct id id;
	enum command_type type;
	enum incident_status status; /* before */
	bool found, skip;
	enum submit_code code;
	unsigned outcome;
};

struct act {
	bool bulk, note;
	size_t count, answered;
	struct act_item *items;
	struct str actor, text;
	bool actor_unknown, engine_gone;
	enum err err; /* of the store */
	struct str engine_text;
};

static struct act *act_copy(struct arena *a, const struct act *from)
{
	struct act *act = arena_new(a, struct act, 1);
	struct act_item *items = arena_new(a, struct act_item, from->count);
	if (!act || !items)
		return NULL;
	*act = *from;
	act->items = items;
	for (size_t i = 0; i < from->count; i++) {
		items[i] = from->items[i];
		items[i].text = arena_str(a, from->items[i].text);
	}
	act->actor = arena_str(a, from->actor);
	act->text = arena_str(a, from->text);
	act->engine_text = arena_str(a, from->engine_text);
	return arena_err(a) == OK ? act : NULL;
}

/* From: the mail address of the user who acts; without it, the token or the session says who. */
static void act_find_actor(struct act *act, struct job *job)
{
	struct str from = str_trim(job->from_header);
	if (str_empty(from) || job->who.by_session || !job->snap)
		return;
	for (uint32_t i = 0; i < job->snap->dir->user_count; i++)
		if (str_eq_nocase(job->snap->dir->users[i].email, from)) {
			act->actor = arena_str(job->arena, job->snap->dir->users[i].name);
			return;
		}
	act->actor_unknown = true;
}

static void act_check(struct job *job, struct worker *worker)
{
	struct act *act = job->user;
	struct control_reader *r;
	const struct directory *dir;
	act->err = worker_reader(worker, &r);
	if (act->err == OK)
		act->err = job_directory(job, worker, &dir);
	if (act->err == OK)
		act_find_actor(act, job);
	for (size_t i = 0; i < act->count && act->err == OK; i++) {
		struct incident inc;
		enum err e = incident_find(job, r, act->items[i].text, &inc);
		if (e != OK && e != ERR_GONE)
			act->err = e;
		act->items[i].found = e == OK;
		if (e == OK) {
			act->items[i].id = inc.id;
			act->items[i].status = inc.status;
		}
	}
	if (act->err == ERR_IO)
		control_reader_close(&worker->reader);
}

static void act_read(struct job *job, struct worker *worker)
{
	struct act *act = job->user;
	struct control_reader *r;
	struct incident inc;
	if (!incident_reader(job, worker, &r))
		return;
	incident_directory(job, worker);
	struct jw w = jw_make(&job->out);
	enum err e = OK;
	jw_open(&w, '{');
	jw_key(&w, act->bulk ? STR("incidents") : STR("incident"));
	if (act->bulk)
		jw_open(&w, '[');
	for (size_t i = 0; i < act->count && e == OK; i++) {
		e = control_incident(r, &act->items[i].id, job->arena, &inc);
		if (e == OK)
			e = incident_one_write(&w, job, r, &inc);
	}
	if (e != OK) {
		incident_missing(job, worker, e);
		return;
	}
	if (act->bulk)
		jw_close(&w, ']');
	jw_close(&w, '}');
}

static void act_job(struct call *call, const struct act *from,
    void (*work)(struct job *, struct worker *), void (*done)(struct job *))
{
	struct job *job = job_new(call->api, call, &call->api->readers);
	struct act *act = job ? act_copy(job->arena, from) : NULL;
	if (!act) {
		if (job)
			job_drop(job);
		call_busy(call, STR("too many requests are being worked on: try again"));
		return;
	}
	job->user = act;
	job->work = work;
	job->done = done;
	job_start(job, &call->api->readers);
}

static void note_answer(struct call *call, const struct act *act)
{
	struct buf b = buf_make(call->api->mem, 65536);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_key(&w, STR("note"));
	jw_open(&w, '{');
	jw_kv_str(&w, STR("id"), id_str(&act->items[0].id));
	jw_kv_str(&w, STR("content"), act->text);
	jw_key(&w, STR("created_at"));
	jw_wall(&w, loop_wall(call->api->loop));
	jw_key(&w, STR("user"));
	ref_write(&w, call->api->base_url, STR("users"), STR("user_reference"),
	    resource_id(call->req->arena, 'P', STR("User"), act->actor), act->actor);
	jw_close(&w, '}');
	jw_close(&w, '}');
	call_json(call, 201, buf_str(&b));
	buf_free(&b);
}

/* All commands are answered: what does that come to? */
static void act_finish(struct call *call, struct act *act)
{
	if (act->engine_gone) {
		call_busy(call, STR("the engine went away before it had answered: look at the "
		                    "incident and try again"));
		return;
	}
	for (size_t i = 0; i < act->count; i++) {
		const struct act_item *item = &act->items[i];
		if (item->skip)
			continue;
		if (item->code == SUBMIT_BUSY || item->code == SUBMIT_STORAGE) {
			call_busy(call, STR("the engine could not store the change: try again"));
			return;
		}
		if (item->code == SUBMIT_INVALID) {
			call_error(
			    call, 400, 2001, STR("Invalid Input Provided"), act->engine_text);
			return;
		}
		bool gone = item->code == SUBMIT_NOT_FOUND ||
		            item->outcome == OUTCOME_NO_SUCH; /* no longer open */
		bool already = item->code == SUBMIT_CONFLICT || item->outcome == OUTCOME_ALREADY;
		if (act->bulk || act->note)
			continue; /* somebody was faster: the answer shows what it is now */
		if (gone || (already && item->type == COMMAND_RESOLVE)) {
			call_error(call, 400, 1001, STR("Incident Already Resolved"), STR(""));
			return;
		}
		if (already && item->type == COMMAND_ACKNOWLEDGE) {
			call_error(call, 400, 1002, STR("Incident Already Acknowledged"), STR(""));
			return;
		}
	}
	if (act->note)
		note_answer(call, act);
	else
		act_job(call, act, act_read, NULL);
}

struct act_reply {
	struct act *act;
	size_t index;
};

static void act_answered(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct act_reply *reply = user;
	struct command_answer answer;
	if (!call)
		return;
	struct act *act = reply->act;
	act->answered++;
	if (command_answer_read(type, body, &answer) != OK) {
		act->engine_gone = true;
	} else {
		act->items[reply->index].code = answer.code;
		act->items[reply->index].outcome = answer.outcome;
		if (answer.code != SUBMIT_OK)
			act->engine_text = arena_str(call->req->arena, answer.text);
	}
	if (act->answered == act->count)
		act_finish(call, act);
}

static struct str call_via(const struct call *call)
{
	if (call->who.by_session)
		return STR("ui");
	return str_starts(http_head_get(&call->req->head, STR("User-Agent")), STR("quis/"))
	           ? STR("cli")
	           : STR("api");
}

static void act_send(struct call *call, struct act *act)
{
	struct arena *a = call->req->arena;
	struct act_reply *replies = arena_new(a, struct act_reply, act->count);
	if (!replies) {
		call_busy(call, STR("out of memory"));
		return;
	}
	for (size_t i = 0; i < act->count; i++) {
		struct act_item *item = &act->items[i];
		replies[i] = (struct act_reply){ act, i };
		struct record rec = { .type = RECORD_COMMAND };
		rec.command = (struct record_command){ .type = item->type,
			.incident = item->id,
			.actor = act->actor,
			.via = call_via(call),
			.from = call->req->remote,
			.text = act->text };
		enum err e =
		    item->skip ? OK : command(call->api, &rec, call, act_answered, &replies[i]);
		if (item->skip || e != OK)
			act->answered++;
		if (e == ERR_GONE)
			act->engine_gone = true;
		else if (e != OK)
			item->code = SUBMIT_BUSY;
	}
	if (act->answered == act->count)
		act_finish(call, act);
}

/* Is the incident in a state in which this makes sense? False: the answer was given. */
static bool act_sensible(struct call *call, const struct act *act, struct act_item *item)
{
	if (!item->found) {
		call_error(call, 404, 2100, STR("Incident Not Found"), item->text);
		return false;
	}
	if (act->note)
		return true;
	bool same = (item->type == COMMAND_ACKNOWLEDGE && item->status == INCIDENT_ACKNOWLEDGED) ||
	            (item->type == COMMAND_UNACKNOWLEDGE && item->status == INCIDENT_TRIGGERED);
	bool resolved = item->status == INCIDENT_RESOLVED;
	item->skip = same || resolved;
	if (act->bulk || !item->skip)
		return true;
	if (resolved)
		call_error(call, 400, 1001, STR("Incident Already Resolved"),
		    item->type == COMMAND_UNACKNOWLEDGE
		        ? STR("a resolved incident is not opened again: send a new event")
		        : STR(""));
	else if (item->type == COMMAND_ACKNOWLEDGE)
		call_error(call, 400, 1002, STR("Incident Already Acknowledged"), STR(""));
	else
		return true; /* triggered already: nothing to do, and the answer shows it */
	return false;
}

static void act_checked(struct job *job)
{
	struct call *call = job->call;
	struct act *from = job->user;
	if (!call)
		return;
	struct act *act = act_copy(call->req->arena, from);
	if (!act || act->err != OK) {
		call_busy(call, STR("the control store cannot be read now: try again"));
		return;
	}
	if (act->actor_unknown) {
		call_error(call, 400, 1008, STR("Requester User Not Found"),
		    STR("no user has the mail address of the From header"));
		return;
	}
	for (size_t i = 0; i < act->count; i++)
		if (!act_sensible(call, act, &act->items[i]))
			return;
	act_send(call, act);
}

static bool bad(struct call *call, struct str detail)
{
	call_error(call, 400, 2001, STR("Invalid Input Provided"), detail);
	return false;
}

static bool read_object(struct call *call, const struct json **ret)
{
	struct json_error where = { 0, NULL };
	if (json_read(call->req->arena, call->req->body, JSON_DEPTH_MAX, ret, &where) != OK) {
		unsigned line = 1, column = 1;
		json_place(call->req->body, where.offset, &line, &column);
		return bad(call,
		    arena_printf(call->req->arena, "the body is not JSON: line %u, column %u: %s",
		        line, column, where.what ? where.what : "too large"));
	}
	return (*ret)->type == JSON_OBJECT || bad(call, STR("the body must be a JSON object"));
}

/* {"status": ...} -> a command. False: the answer was given. */
static bool read_change(struct call *call, const struct json *change, struct act_item *item)
{
	static const struct {
		struct str status;
		enum command_type type;
	} words[] = {
		{ STR_INIT("acknowledged"), COMMAND_ACKNOWLEDGE },
		{ STR_INIT("resolved"), COMMAND_RESOLVE },
		{ STR_INIT("triggered"), COMMAND_UNACKNOWLEDGE },
	};
	if (!json_is(change, JSON_OBJECT))
		return bad(call, STR("'incident' must be an object with a 'status'"));
	const struct json *level = json_get(change, STR("escalation_level"));
	struct str status = json_get_str(change, STR("status"));
	if (!status.ptr && level && level->type == JSON_NUMBER) {
		item->type = COMMAND_ESCALATE;
		return true;
	}
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (str_eq(words[i].status, status) && status.ptr) {
			item->type = words[i].type;
			return true;
		}
	return bad(call, STR("'status' must be one of 'acknowledged', 'resolved' or 'triggered'; "
	                     "other fields cannot be changed here"));
}

void incident_put(struct call *call)
{
	const struct json *root;
	struct act_item item = { .text = call->param[0] };
	struct act act = { .count = 1,
		.items = &item,
		.actor = call->who.name,
		.text = STR(""),
		.engine_text = STR("") };
	if (!read_object(call, &root))
		return;
	const struct json *change = json_get(root, STR("incident"));
	if (read_change(call, change, &item))
		act_job(call, &act, act_check, act_checked);
}

void incidents_put(struct call *call)
{
	const struct json *root;
	if (!read_object(call, &root))
		return;
	const struct json *list = json_get(root, STR("incidents"));
	if (!json_is(list, JSON_ARRAY) || list->count == 0) {
		bad(call, STR("'incidents' must be an array of objects with 'id' and 'status'"));
		return;
	}
	if (list->count > ACT_MAX) {
		call_error(call, 413, 2001, STR("Content Too Large"),
		    STR("at most 250 incidents in one request"));
		return;
	}
	struct act_item *items = arena_new(call->req->arena, struct act_item, list->count);
	if (!items) {
		call_busy(call, STR("out of memory"));
		return;
	}
	size_t n = 0;
	for (const struct json *j = list->child; j; j = j->next, n++) {
		items[n].text = json_get_str(j, STR("id"));
		if (!items[n].text.ptr) {
			bad(call, STR("each of 'incidents' needs an 'id'"));
			return;
		}
		if (!read_change(call, j, &items[n]))
			return;
	}
	assert(n == list->count);
	struct act act = { .bulk = true,
		.count = n,
		.items = items,
		.actor = call->who.name,
		.text = STR(""),
		.engine_text = STR("") };
	act_job(call, &act, act_check, act_checked);
}

void incident_note(struct call *call)
{
	const struct json *root;
	if (!read_object(call, &root))
		return;
	struct str content = json_get_str(json_get(root, STR("note")), STR("content"));
	if (str_empty(str_trim(content)) || str_utf8_count(content) > NOTE_MAX) {
		bad(call, STR("'note.content' must be a text of at most 2000 characters"));
		return;
	}
	struct act_item item = { .text = call->param[0], .type = COMMAND_NOTE };
	struct act act = { .note = true,
		.count = 1,
		.items = &item,
		.actor = call->who.name,
		.text = content,
		.engine_text = STR("") };
	act_job(call, &act, act_check, act_checked);
}
