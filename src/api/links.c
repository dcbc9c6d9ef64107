/* SPDX-License-Identifier: Apache-2.0
 *
 * The links in a page. A GET shows what would happen and a button, and never acts: mail scanners
 * follow links. The POST of the button acts, in the name of the person to whom the page went; the
 * token proves that he has the page.
 */
#include "api/page.h"
#include "base/enc.h"
#include "incident/core.h"

struct link_work {
	struct link_claim claim;
	bool act;
	/* found by the worker */
	enum err err;
	struct message message;
	struct incident incident;
};

static const struct str verbs[] = { STR_INIT("Acknowledge"), STR_INIT("Resolve") };

static void answer_page(struct call *call, unsigned status, struct str title, struct str text)
{
	struct buf b = buf_make(call->api->mem, 65536);
	page_open_html(&b, title);
	buf_add(&b, STR("<p>"));
	enc_html(&b, text);
	buf_add(&b, STR("</p>\n"));
	page_close_html(&b);
	call_answer(call, status, content_html, page_headers(call->req->arena), buf_str(&b));
	buf_free(&b);
}

static void try_again(struct call *call)
{
	answer_page(call, 503, STR("Not now"),
	    STR("The incident cannot be looked at or changed at this moment. Nothing was changed. "
	        "Please try again."));
}

static void link_find(struct job *job, struct worker *worker)
{
	struct link_work *w = job->user;
	struct control_reader *r;
	w->err = worker_reader(worker, &r);
	if (w->err == OK)
		w->err = control_message(r, &w->claim.message, job->arena, &w->message);
	if (w->err == OK)
		w->err = control_incident(r, &w->message.incident, job->arena, &w->incident);
	if (w->err == ERR_IO)
		control_reader_close(&worker->reader);
}

static void incident_text(struct buf *b, const struct incident *inc)
{
	buf_add(b, STR("<p><strong>#"));
	buf_add_u64(b, inc->number);
	buf_add(b, STR(" "));
	enc_html(b, inc->title);
	buf_add(b, STR("</strong><small>"));
	enc_html(b, inc->service);
	buf_add(b, STR(" · "));
	enc_html(b, incident_status_name[inc->status]);
	buf_add(b, STR(" · since "));
	wall_format(b, inc->created_at);
	buf_add(b, STR("</small></p>\n"));
}

static void show_form(struct call *call, const struct link_work *w)
{
	struct str verb = verbs[w->claim.action];
	struct buf b = buf_make(call->api->mem, 65536);
	bool done =
	    w->incident.status == INCIDENT_RESOLVED ||
	    (w->incident.status == INCIDENT_ACKNOWLEDGED && w->claim.action == LINK_ACKNOWLEDGE);
	page_open_html(&b, verb);
	incident_text(&b, &w->incident);
	if (done) {
		buf_add(&b, STR("<p>Nothing to do: it is "));
		enc_html(&b, incident_status_name[w->incident.status]);
		buf_add(&b, STR(" already.</p>\n"));
	} else {
		buf_add(&b, STR("<form method=\"post\"><button type=\"submit\">"));
		enc_html(&b, verb);
		buf_add(&b, STR(" this incident</button></form>\n<p><small>You are acting as "));
		enc_html(
		    &b, str_empty(w->message.user) ? STR("the fallback contact") : w->message.user);
		buf_add(&b, STR(".</small></p>\n"));
	}
	page_close_html(&b);
	call_answer(call, 200, content_html, page_headers(call->req->arena), buf_str(&b));
	buf_free(&b);
}

static void acted(struct call *call, void *user, enum msg_type type, struct str body)
{
	const struct link_work *w = user;
	struct command_answer answer;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) != OK || answer.code == SUBMIT_BUSY ||
	    answer.code == SUBMIT_STORAGE)
		try_again(call);
	else if (answer.code == SUBMIT_OK && answer.outcome == OUTCOME_DONE)
		answer_page(call, 200,
		    w->claim.action == LINK_ACKNOWLEDGE ? STR("Acknowledged") : STR("Resolved"),
		    w->claim.action == LINK_ACKNOWLEDGE
		        ? STR("The incident is yours. Nobody else will be paged for it while you "
		              "work on it.")
		        : STR("The incident is resolved. Thank you."));
	else
		answer_page(call, 200, STR("Nothing to do"),
		    STR("Somebody was faster: the incident has been acknowledged or resolved "
		        "already."));
}

static void send_act(struct call *call, const struct link_work *from)
{
	struct arena *a = call->req->arena;
	struct link_work *w = arena_new(a, struct link_work, 1);
	if (!w) {
		try_again(call);
		return;
	}
	w->claim = from->claim;
	struct record rec = { .type = RECORD_COMMAND };
	rec.command = (struct record_command){
		.type = w->claim.action == LINK_ACKNOWLEDGE ? COMMAND_ACKNOWLEDGE : COMMAND_RESOLVE,
		.incident = from->message.incident,
		.actor = str_empty(from->message.user) ? STR("fallback") : from->message.user,
		.via = STR("link"),
		.from = call->req->remote,
		.text = STR(""),
		.message = from->claim.message,
	};
	if (command(call->api, &rec, call, acted, w) != OK)
		try_again(call);
}

static void link_found(struct job *job)
{
	struct link_work *w = job->user;
	struct call *call = job->call;
	if (!call)
		return;
	if (w->err == ERR_GONE)
		answer_page(call, 404, STR("Not found"),
		    STR("This link belongs to a page or an incident that no longer exists."));
	else if (w->err != OK)
		try_again(call);
	else if (w->act && w->incident.status != INCIDENT_RESOLVED)
		send_act(call, w);
	else if (w->act)
		answer_page(
		    call, 200, STR("Nothing to do"), STR("The incident is resolved already."));
	else
		show_form(call, w);
}

static void link_begin(struct call *call, bool act)
{
	struct api *api = call->api;
	struct link_claim claim;
	enum err e = api->has_link_key
	                 ? link_check(call->param[0], &api->link_key, loop_wall(api->loop), &claim)
	                 : ERR_DENIED;
	if (e == ERR_GONE) {
		answer_page(call, 410, STR("Too old"),
		    STR("This link has expired. Sign in to see the incident as it is now."));
		return;
	}
	if (e != OK) {
		answer_page(call, 404, STR("Not a valid link"),
		    STR("This link was not made by this installation, or a part of it is "
		        "missing."));
		return;
	}
	struct job *job = job_new(api, call, &api->readers);
	struct link_work *w = job ? arena_new(job->arena, struct link_work, 1) : NULL;
	if (!w) {
		if (job)
			job_drop(job);
		try_again(call);
		return;
	}
	w->claim = claim;
	w->act = act;
	job->user = w;
	job->work = link_find;
	job->done = link_found;
	job_start(job, &api->readers);
}

void link_page(struct call *call)
{
	link_begin(call, false);
}

void link_act(struct call *call)
{
	link_begin(call, true);
}
