/* SPDX-License-Identifier: Apache-2.0
 *
 * Quis' own API for its UI and command line: overview, the ledger, messages of an incident,
 * resources, test pages.
 */
#include "api/shape.h"
#include "incident/core.h"
#include "proof/proof.h"
#include "rules/check.h"
#include <assert.h>

#define PROOFS_MAX 20000u
#define MESSAGES_MAX 1000u
#define RATE_MINUTES 60u

static bool need(struct job *job, struct worker *worker, enum err e)
{
	if (e != OK)
		job_fail(job, worker, e);
	return e == OK;
}

/* ---- the ledger ---- */

struct subject {
	struct str kind, name;
	const struct proof *proof;
	enum verdict verdict;
};
struct subjects {
	struct job *job;
	const struct proof *rows;
	size_t row_count;
	struct subject *list;
	size_t count, cap;
};

static const struct proof *proof_row(const struct subjects *s, struct str kind, struct str name)
{
	for (size_t i = 0; i < s->row_count; i++)
		if (str_eq(s->rows[i].kind, kind) && str_eq(s->rows[i].subject, name))
			return &s->rows[i];
	return NULL;
}

static void subject_add(
    struct subjects *s, struct str kind, struct str name, const struct proof *proof)
{
	if (s->count == s->cap)
		return;
	s->list[s->count++] = (struct subject){ kind, name, proof,
		proof_verdict(proof, s->job->now, proof_fresh_for(kind)) };
}

/* Everything that should be provable, whether there is a row for it or not: what was never proven
 * must be seen. Rows of subjects that no longer exist are left out. */
static enum err subjects_collect(
    struct job *job, struct control_reader *r, const struct directory *dir, struct subjects *ret)
{
	struct proof *rows;
	size_t count, contacts = 0;
	enum err e = control_proofs(r, PROOFS_MAX, job->arena, &rows, &count);
	if (e != OK)
		return e;
	for (uint32_t u = 0; u < dir->user_count; u++)
		contacts += dir->users[u].contact_count;
	size_t cap = count + contacts + dir->provider_count + dir->rule_count;
	*ret = (struct subjects){ .job = job, .rows = rows, .row_count = count, .cap = cap };
	ret->list = arena_new(job->arena, struct subject, cap);
	if (!ret->list)
		return arena_err(job->arena);
	for (uint32_t p = 0; p < dir->provider_count; p++)
		subject_add(ret, STR("provider"), dir->providers[p].name,
		    proof_row(ret, STR("provider"), dir->providers[p].name));
	for (size_t i = 0; i < count; i++)
		if (str_eq(rows[i].kind, STR("route")))
			subject_add(ret, rows[i].kind, rows[i].subject, &rows[i]);
	for (uint32_t u = 0; u < dir->user_count; u++)
		for (uint32_t c = 0; c < dir->users[u].contact_count; c++) {
			struct str name = arena_printf(job->arena, "%.*s/%.*s",
			    STR_ARG(dir->users[u].name), STR_ARG(dir->users[u].contacts[c].name));
			subject_add(ret, STR("person"), name, proof_row(ret, STR("person"), name));
		}
	for (uint32_t i = 0; i < dir->rule_count; i++)
		subject_add(ret, STR("rule"), dir->rules[i].name,
		    proof_row(ret, STR("rule"), dir->rules[i].name));
	return arena_err(job->arena);
}

static void subject_write(struct jw *w, const struct subject *s)
{
	jw_open(w, '{');
	jw_kv_str(w, STR("kind"), s->kind);
	jw_kv_str(w, STR("subject"), s->name);
	jw_kv_str(w, STR("state"), verdict_name[s->verdict]);
	jw_key(w, STR("proven_at"));
	jw_wall(w, s->proof ? s->proof->proven_at : (struct wall){ 0 });
	jw_kv_str(w, STR("by"), s->proof ? s->proof->by : STR(""));
	jw_kv_str(w, STR("evidence"), s->proof ? s->proof->evidence : STR(""));
	jw_close(w, '}');
}

void proofs_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	const struct directory *dir;
	struct subjects s;
	if (!need(job, worker, worker_reader(worker, &r)) ||
	    !need(job, worker, job_directory(job, worker, &dir)) ||
	    !need(job, worker, subjects_collect(job, r, dir, &s)))
		return;
	struct jw w = page_open(job, STR("proofs"));
	for (size_t i = 0; i < s.count; i++)
		subject_write(&w, &s.list[i]);
	jw_close(&w, ']');
	jw_close(&w, '}');
}

/* ---- overview ---- */

/* Paging is as proven as the worst of its providers. */
static void paging_state(struct jw *w, const struct subjects *s)
{
	const struct subject *worst = NULL;
	for (size_t i = 0; i < s->count; i++)
		if (str_eq(s->list[i].kind, STR("provider")) &&
		    (!worst || s->list[i].verdict > worst->verdict))
			worst = &s->list[i];
	jw_key(w, STR("paging"));
	jw_open(w, '{');
	jw_kv_str(w, STR("state"), verdict_name[worst ? worst->verdict : VERDICT_NEVER]);
	jw_kv_str(w, STR("subject"), worst ? worst->name : STR(""));
	jw_key(w, STR("proven_at"));
	jw_wall(w, worst && worst->proof ? worst->proof->proven_at : (struct wall){ 0 });
	jw_kv_str(w, STR("by"), worst && worst->proof ? worst->proof->by : STR(""));
	jw_kv_str(w, STR("evidence"), worst && worst->proof ? worst->proof->evidence : STR(""));
	jw_close(w, '}');
	jw_key(w, STR("routes"));
	jw_open(w, '[');
	for (size_t i = 0; i < s->count; i++)
		if (!str_eq(s->list[i].kind, STR("rule")) &&
		    !str_eq(s->list[i].kind, STR("person")))
			subject_write(w, &s->list[i]);
	jw_close(w, ']');
}

static void user_or_null(struct jw *w, struct str key, const struct directory *dir, int32_t user)
{
	jw_key(w, key);
	if (user >= 0)
		jw_str(w, dir->users[user].name);
	else
		jw_null(w);
}

static enum err oncalls_write(struct jw *w, struct job *job, const struct directory *dir)
{
	jw_key(w, STR("oncalls"));
	jw_open(w, '[');
	for (uint32_t i = 0; i < dir->schedule_count && i < 200; i++) {
		struct shift *shifts;
		size_t count;
		enum err e = oncall_shifts(dir, &dir->schedules[i], job->now,
		    wall_add(job->now, SPAN_S(28 * 86400)), 8, job->arena, &shifts, &count);
		if (e != OK)
			return e;
		jw_open(w, '{');
		jw_kv_str(w, STR("schedule"), dir->schedules[i].name);
		jw_kv_str(w, STR("schedule_id"), dir->schedules[i].id);
		user_or_null(w, STR("user"), dir, count ? shifts[0].user : -1);
		jw_key(w, STR("until"));
		jw_wall(w, count > 1 ? shifts[0].end : (struct wall){ 0 });
		user_or_null(w, STR("next_user"), dir, count > 1 ? shifts[1].user : -1);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	return OK;
}

static void rates_write(struct jw *w, const struct control_rate *rates, size_t count)
{
	jw_key(w, STR("rates"));
	jw_open(w, '{');
	for (int which = 0; which < 2; which++) {
		jw_key(w, which == 0 ? STR("events_per_minute") : STR("pages_per_minute"));
		jw_open(w, '[');
		for (size_t i = 0; i < count; i++) {
			jw_open(w, '{');
			jw_key(w, STR("at"));
			jw_wall(w, rates[i].at);
			jw_key(w, STR("value"));
			jw_u64(w, which == 0 ? rates[i].events : rates[i].pages);
			jw_close(w, '}');
		}
		jw_close(w, ']');
	}
	jw_close(w, '}');
}

void roles_write(struct jw *w, const struct role_status *roles, struct wall now)
{
	static const struct str states[] = { STR_INIT("off"), STR_INIT("starting"),
		STR_INIT("running"), STR_INIT("backoff"), STR_INIT("stopped") };
	jw_key(w, STR("roles"));
	jw_open(w, '[');
	for (unsigned i = 0; i < ROLE_COUNT; i++) {
		const struct role_status *r = &roles[i];
		if (i == ROLE_PARENT || i == ROLE_CONFIG || r->state == ROLE_STATE_OFF)
			continue;
		jw_open(w, '{');
		jw_kv_str(w, STR("role"), role_name[i]);
		jw_kv_str(w, STR("state"), states[r->state]);
		jw_kv_bool(w, STR("ok"), r->ok && r->state == ROLE_STATE_RUNNING);
		jw_kv_str(w, STR("verdict"), r->verdict);
		jw_kv_i64(w, STR("restarts"), r->restarts);
		jw_key(w, STR("since"));
		jw_wall(w, r->since);
		jw_kv_i64(w, STR("beat_age_ms"),
		    r->beat_at.ns ? wall_sub(now, r->beat_at).ns / NS_PER_MS : -1);
		jw_kv_str(w, STR("last_end"), r->last_end);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

struct role_status *roles_copy(struct api *api, struct arena *a)
{
	const struct role_status *roles = child_roles(api->child);
	struct role_status *copy = arena_new(a, struct role_status, ROLE_COUNT);
	for (unsigned i = 0; copy && i < ROLE_COUNT; i++) {
		copy[i] = roles[i];
		copy[i].verdict = arena_str(a, roles[i].verdict);
		copy[i].last_end = arena_str(a, roles[i].last_end);
	}
	return copy && arena_err(a) == OK ? copy : NULL;
}

static void overview_work(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	const struct directory *dir;
	struct subjects s;
	struct control_counts counts;
	struct control_rate *rates;
	const struct role_status *roles = job->user;
	if (!need(job, worker, worker_reader(worker, &r)) ||
	    !need(job, worker, job_directory(job, worker, &dir)) ||
	    !need(job, worker, subjects_collect(job, r, dir, &s)) ||
	    !need(job, worker, control_counts(r, job->now, &counts)) ||
	    !need(job, worker, control_rates(r, job->now, RATE_MINUTES, job->arena, &rates)))
		return;
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, STR("now"));
	jw_wall(&w, job->now);
	paging_state(&w, &s);
	jw_key(&w, STR("incidents"));
	jw_open(&w, '{');
	jw_kv_i64(&w, STR("open"), (int64_t)counts.open);
	jw_kv_i64(&w, STR("triggered"), (int64_t)counts.triggered);
	jw_kv_i64(&w, STR("acknowledged"), (int64_t)counts.acknowledged);
	jw_close(&w, '}');
	if (!need(job, worker, oncalls_write(&w, job, dir)))
		return;
	rates_write(&w, rates, RATE_MINUTES);
	roles_write(&w, roles, job->now);
	jw_close(&w, '}');
}

void overview_get(struct call *call)
{
	struct job *job = job_new(call->api, call, &call->api->readers);
	if (job)
		job->user = roles_copy(call->api, job->arena);
	if (!job || !job->user) {
		if (job)
			job_drop(job);
		call_busy(call, STR("too many requests are being worked on: try again"));
		return;
	}
	job->work = overview_work;
	job_start(job, &call->api->readers);
}

/* ---- an incident's messages and timers ---- */

static void message_write(struct jw *w, const struct message *m)
{
	jw_open(w, '{');
	jw_kv_str(w, STR("id"), id_str(&m->id));
	jw_kv_str(w, STR("purpose"), message_purpose_name[m->purpose]);
	jw_kv_str(w, STR("user"), m->user);
	jw_kv_str(w, STR("contact_type"), contact_type_name[m->contact_type]);
	jw_kv_str(w, STR("contact"), m->contact);
	jw_kv_str(w, STR("address"), m->address);
	jw_kv_str(w, STR("provider"), m->provider);
	jw_kv_str(w, STR("state"), message_state_name[m->state]);
	jw_kv_i64(w, STR("attempt"), m->attempt);
	jw_kv_bool(w, STR("maybe_duplicate"), m->maybe_duplicate);
	jw_key(w, STR("created_at"));
	jw_wall(w, m->created_at);
	jw_key(w, STR("changed_at"));
	jw_wall(w, m->changed_at);
	jw_key(w, STR("next_at"));
	jw_wall(w, m->next_at);
	jw_kv_str(w, STR("error"), m->error);
	jw_kv_str(w, STR("reference"), m->reference);
	jw_close(w, '}');
}

static void messages_page(struct job *job, const struct message *list, size_t count,
    const struct timer *timers, size_t timer_count)
{
	struct jw w = page_open(job, STR("messages"));
	for (size_t i = 0; i < count; i++)
		message_write(&w, &list[i]);
	jw_close(&w, ']');
	jw_key(&w, STR("timers"));
	jw_open(&w, '[');
	for (size_t i = 0; i < timer_count; i++) {
		jw_open(&w, '{');
		jw_kv_str(&w, STR("type"), timer_type_name[timers[i].type]);
		jw_key(&w, STR("due"));
		jw_wall(&w, timers[i].due);
		jw_kv_str(&w, STR("user"), timers[i].user);
		jw_kv_str(&w, STR("contact"), timers[i].contact);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
}

void messages_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct message *list;
	struct timer *timers = NULL;
	size_t count, timer_count = 0;
	struct id id;
	if (!need(job, worker, worker_reader(worker, &r)))
		return;
	if (str_eq(job->param[0], STR("test"))) { /* test pages belong to no incident */
		if (need(job, worker, control_test_messages(r, 100, job->arena, &list, &count)))
			messages_page(job, list, count, NULL, 0);
		return;
	}
	struct incident inc;
	enum err e = id_parse(job->param[0], &id) == OK ? control_incident(r, &id, job->arena, &inc)
	                                                : ERR_GONE;
	if (e == ERR_GONE) {
		job_error(job, 404, 2100, STR("Incident Not Found"), STR(""));
		return;
	}
	if (need(job, worker, e) &&
	    need(job, worker, control_messages(r, &id, MESSAGES_MAX, job->arena, &list, &count)) &&
	    need(job, worker,
	        control_timers(r, &id, MESSAGES_MAX, job->arena, &timers, &timer_count)))
		messages_page(job, list, count, timers, timer_count);
}

void changes_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct params params;
	struct paging paging;
	struct control_change *list;
	size_t count;
	bool more;
	if (!need(job, worker, worker_reader(worker, &r)) || !job_params(job, &params) ||
	    !paging_read(job, &params, &paging) ||
	    !need(job, worker,
	        control_changes(r, paging.limit, paging.offset, job->arena, &list, &count, &more)))
		return;
	struct jw w = page_open(job, STR("change_events"));
	for (size_t i = 0; i < count; i++) {
		jw_open(&w, '{');
		jw_kv_str(&w, STR("id"), id_str(&list[i].id));
		jw_kv_str(&w, STR("type"), STR("change_event"));
		jw_kv_str(&w, STR("summary"), list[i].summary);
		jw_kv_str(&w, STR("source"), list[i].source);
		jw_key(&w, STR("timestamp"));
		jw_wall(&w, list[i].at);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	paging_write(&w, &paging, more, UINT64_MAX);
	jw_close(&w, '}');
}

void audit_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct params params;
	struct paging paging;
	struct control_audit *list;
	size_t count;
	bool more;
	if (!need(job, worker, worker_reader(worker, &r)) || !job_params(job, &params) ||
	    !paging_read(job, &params, &paging) ||
	    !need(job, worker,
	        control_audits(r, paging.limit, paging.offset, job->arena, &list, &count, &more)))
		return;
	struct jw w = page_open(job, STR("records"));
	for (size_t i = 0; i < count; i++) {
		jw_open(&w, '{');
		jw_kv_i64(&w, STR("seq"), (int64_t)list[i].seq);
		jw_key(&w, STR("at"));
		jw_wall(&w, list[i].at);
		jw_kv_str(&w, STR("actor"), list[i].actor);
		jw_kv_str(&w, STR("via"), list[i].via);
		jw_kv_str(&w, STR("remote"), list[i].remote);
		jw_kv_str(&w, STR("action"), list[i].action);
		jw_kv_str(&w, STR("subject"), list[i].subject);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	paging_write(&w, &paging, more, UINT64_MAX);
	jw_close(&w, '}');
}

/* ---- resources ---- */

#define INSTALLATION_KIND STR("Installation") /* the engine's own row */

void resources_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct params params;
	struct control_resource *rows;
	size_t count;
	if (!need(job, worker, worker_reader(worker, &r)) || !job_params(job, &params))
		return;
	struct str kind = params_get(&params, STR("kind"));
	if (!need(job, worker,
	        control_resources(r, kind.ptr ? kind : STR(""), job->arena, &rows, &count)))
		return;
	struct jw w = page_open(job, STR("resources"));
	for (size_t i = 0; i < count; i++) {
		if (str_eq(rows[i].kind, INSTALLATION_KIND))
			continue;
		jw_open(&w, '{');
		jw_kv_str(&w, STR("kind"), rows[i].kind);
		jw_kv_str(&w, STR("name"), rows[i].name);
		jw_kv_str(&w, STR("manager"), manager_name[rows[i].manager]);
		jw_kv_i64(&w, STR("version"), (int64_t)rows[i].version);
		jw_key(&w, STR("changed_at"));
		jw_wall(&w, rows[i].changed_at);
		jw_kv_str(&w, STR("changed_by"), rows[i].changed_by);
		jw_key(&w, STR("body"));
		jw_raw(&w, rows[i].body);
		jw_close(&w, '}');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
}

static void resources_answered(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct command_answer answer;
	(void)user;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) != OK || answer.code == SUBMIT_BUSY ||
	    answer.code == SUBMIT_STORAGE) {
		call_busy(call, STR("the engine could not store the change: look at the resources "
		                    "and try again"));
		return;
	}
	struct str text = answer.text;
	if (str_empty(text) || text.ptr[0] != '{')
		text = STR("{\"changes\":[],\"errors\":[]}");
	call_json(call, answer.code == SUBMIT_OK ? 200 : 422, text);
}

static enum manager call_manager(const struct call *call)
{
	if (call->who.by_session)
		return MANAGER_UI;
	return str_starts(http_head_get(&call->req->head, STR("User-Agent")), STR("quis/"))
	           ? MANAGER_APPLY
	           : MANAGER_API;
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

/* The list of the body as record resources; removed ones are {"kind","name","remove":true}. */
static bool read_resources(
    struct call *call, const struct json *root, struct record_resource **ret, uint32_t *ret_count)
{
	const struct json *list = json_get(root, STR("resources"));
	if (!json_is(list, JSON_ARRAY) || list->count > RECORD_LIST_MAX)
		return bad(call, STR("'resources' must be an array of at most 10000 documents"));
	struct record_resource *res =
	    arena_new(call->req->arena, struct record_resource, list->count);
	if (!res)
		return bad(call, STR("too many resources in one request"));
	uint32_t n = 0;
	for (const struct json *j = list->child; j; j = j->next, n++) {
		struct str kind = json_get_str(j, STR("kind")), name = json_get_str(j, STR("name"));
		if (!kind.ptr || !name.ptr)
			return bad(call,
			    STR("each of 'resources' must be an object with 'kind' and 'name'"));
		if (str_eq(kind, INSTALLATION_KIND))
			return bad(call, STR("unknown kind 'Installation'"));
		bool remove = json_is(json_get(j, STR("remove")), JSON_TRUE);
		res[n] = (struct record_resource){ .remove = remove,
			.kind = kind,
			.name = name,
			.body = remove ? STR("") : j->raw };
	}
	*ret = res;
	*ret_count = n;
	return true;
}

struct query_errors {
	struct arena *a;
	const struct record_resource *resource;
	struct jw w;
	uint32_t count;
};

/* A rule whose query cannot be judged is refused here: the engine knows no PromQL. */
static enum err query_see(void *context, struct str path, struct str query)
{
	struct query_errors *q = context;
	struct str why;
	enum err e = rules_query_check(q->a, query, &why);
	if (e != ERR_INPUT)
		return e;
	q->count++;
	jw_open(&q->w, '{');
	jw_kv_str(&q->w, STR("path"),
	    arena_printf(q->a, "%.*s %.*s: %.*s", STR_ARG(q->resource->kind),
	        STR_ARG(q->resource->name), STR_ARG(path)));
	jw_kv_str(&q->w, STR("message"), why);
	jw_kv_str(&q->w, STR("hint"), STR(""));
	jw_close(&q->w, '}');
	return OK;
}

/* False when queries are wrong: the call has been answered. */
static bool queries_right(struct call *call, const struct record_resource *res, uint32_t count)
{
	struct buf b = buf_make(&mem_system, 1u << 20);
	struct query_errors q = { .w = jw_make(&b) };
	enum err e = arena_open(&mem_system, (size_t)64 << 20, &q.a);
	jw_open(&q.w, '{');
	jw_key(&q.w, STR("changes"));
	jw_open(&q.w, '[');
	jw_close(&q.w, ']');
	jw_key(&q.w, STR("errors"));
	jw_open(&q.w, '[');
	for (uint32_t i = 0; i < count && e == OK; i++) {
		struct conf_document d = {
			.kind = res[i].kind, .name = res[i].name, .body = res[i].body
		};
		q.resource = &res[i];
		if (!res[i].remove)
			e = conf_document_queries(q.a, &d, query_see, &q);
		arena_reset(q.a);
	}
	arena_close(&q.a);
	jw_close(&q.w, ']');
	jw_close(&q.w, '}');
	if (e != OK || b.err != OK)
		call_busy(
		    call, STR("the resources are too large to be checked: send fewer at once"));
	else if (q.count)
		call_json(call, 422, buf_str(&b));
	buf_free(&b);
	return e == OK && !q.count;
}

void resources_post(struct call *call)
{
	const struct json *root;
	struct record_resource *res;
	uint32_t count;
	if (!read_object(call, &root) || !read_resources(call, root, &res, &count))
		return;
	if (!queries_right(call, res, count))
		return;
	bool whole = json_is(json_get(root, STR("whole")), JSON_TRUE);
	static const struct str via[MANAGER_COUNT] = { [MANAGER_FILE] = STR_INIT("file"),
		[MANAGER_APPLY] = STR_INIT("cli"),
		[MANAGER_UI] = STR_INIT("ui"),
		[MANAGER_API] = STR_INIT("api") };
	struct str how = via[call_manager(call)];
	if (json_is(json_get(root, STR("dry_run")),
	        JSON_TRUE)) /* the engine checks, says what would be, and changes nothing */
		how = arena_printf(call->req->arena, "dry-run:%.*s", STR_ARG(how));
	struct record rec = { .type = RECORD_RESOURCES };
	rec.resources = (struct record_resources){ .manager = call_manager(call),
		.whole = whole,
		.actor = call->who.name,
		.via = how,
		.from = call->req->remote,
		.resources = res,
		.resource_count = count };
	enum err e = command(call->api, &rec, call, resources_answered, NULL);
	if (e == ERR_LIMIT)
		call_error(call, 413, 2001, STR("Content Too Large"),
		    STR("the resources together are too large for one request"));
	else if (e != OK)
		call_busy(call, STR("the engine is not there: try again"));
}

/* ---- test pages ---- */

static void test_page_answered(struct call *call, void *user, enum msg_type type, struct str body)
{
	struct command_answer answer;
	(void)user;
	if (!call)
		return;
	if (command_answer_read(type, body, &answer) != OK || answer.code == SUBMIT_BUSY ||
	    answer.code == SUBMIT_STORAGE)
		call_busy(call, STR("the engine could not store the request: try again"));
	else if (answer.code == SUBMIT_NOT_FOUND || answer.outcome == OUTCOME_NO_SUCH)
		call_error(
		    call, 404, 2100, STR("Not Found"), STR("there is no such user or contact"));
	else if (answer.code != SUBMIT_OK)
		bad(call, str_empty(answer.text) ? STR("the engine refused it") : answer.text);
	else
		call_json(call, 202,
		    STR("{\"status\":\"accepted\",\"messages\":\"/api/quis/v1/incidents/test/"
		        "messages\"}"));
}

void test_page_post(struct call *call)
{
	const struct json *root;
	if (!read_object(call, &root))
		return;
	struct str user = json_get_str(root, STR("user")),
	           contact = json_get_str(root, STR("contact"));
	struct record rec = { .type = RECORD_TEST_PAGE };
	rec.test_page = (struct record_test_page){ .user = user.ptr ? user : STR(""),
		.contact = contact.ptr ? contact : STR(""),
		.actor = call->who.name };
	if (command(call->api, &rec, call, test_page_answered, NULL) != OK)
		call_busy(call, STR("the engine is not there: try again"));
}
