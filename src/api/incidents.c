/* SPDX-License-Identifier: Apache-2.0
 *
 * Incidents, their timeline and alerts, and what people do with them, in PagerDuty's shapes.
 * Reading runs on a reader thread. Acting is three steps: a reader checks that the incidents are
 * there and who asks, commands go to the engine and are answered when their effects are committed,
 * and a reader fetches what they are now.
 */
#include "api/shape.h"
#include "incident/core.h"
#include <assert.h>

#define ACT_MAX 250u /* as PagerDuty's bulk update */
#define NOTE_MAX 2000u

/* ---- writing ---- */

static void agent_write(struct jw *w, struct job *job, struct str name)
{
	if (job->snap && directory_user(job->snap->dir, name) >= 0) {
		user_ref(w, job, name);
		return;
	}
	jw_open(w, '{');
	jw_kv_str(w, STR("id"), name);
	jw_kv_str(w, STR("type"), STR("generic_agent_reference"));
	jw_kv_str(w, STR("summary"), name);
	jw_kv_null(w, STR("self"));
	jw_kv_null(w, STR("html_url"));
	jw_close(w, '}');
}

static void assignments_write(
    struct jw *w, struct job *job, const struct incident *inc, const struct control_people *people)
{
	jw_key(w, STR("assignments"));
	jw_open(w, '[');
	for (size_t i = 0; people && inc->status != INCIDENT_RESOLVED && i < people->count; i++) {
		if (str_empty(people->users[i]))
			continue;
		jw_open(w, '{');
		jw_key(w, STR("at"));
		jw_wall(w, people->at[i]);
		jw_key(w, STR("assignee"));
		user_ref(w, job, people->users[i]);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_kv_str(w, STR("assigned_via"), STR("escalation_policy"));
	jw_key(w, STR("acknowledgements"));
	jw_open(w, '[');
	if (inc->status == INCIDENT_ACKNOWLEDGED) {
		jw_open(w, '{');
		jw_key(w, STR("at"));
		jw_wall(w, inc->acknowledged_at);
		jw_key(w, STR("acknowledger"));
		agent_write(w, job, inc->changed_by);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void pending_write(struct jw *w, const struct timer *timers, size_t count)
{
	static const struct {
		enum timer_type type;
		struct str name, to;
	} actions[] = {
		{ TIMER_ESCALATE, STR_INIT("escalate"), STR_INIT("") },
		{ TIMER_ACK_TIMEOUT, STR_INIT("unacknowledge"), STR_INIT("triggered") },
		{ TIMER_AUTO_RESOLVE, STR_INIT("resolve"), STR_INIT("resolved") },
	};
	jw_key(w, STR("pending_actions"));
	jw_open(w, '[');
	for (size_t i = 0; i < count; i++)
		for (size_t a = 0; a < ARRAY_COUNT(actions); a++) {
			if (timers[i].type != actions[a].type)
				continue;
			jw_open(w, '{');
			jw_kv_str(w, STR("type"), actions[a].name);
			jw_key(w, STR("at"));
			jw_wall(w, timers[i].due);
			jw_close(w, '}');
		}
	jw_close(w, ']');
}

static void incident_write(struct jw *w, struct job *job, const struct incident *inc,
    const struct control_people *people, const struct timer *timers, size_t timer_count)
{
	const struct directory *dir = job->snap ? job->snap->dir : NULL;
	int32_t s = dir ? directory_service(dir, inc->service) : -1;
	jw_open(w, '{');
	head_write(w, job->base_url, STR("incidents"), STR("incident"), id_str(&inc->id),
	    arena_printf(
	        job->arena, "[#%llu] %.*s", (unsigned long long)inc->number, STR_ARG(inc->title)));
	jw_kv_i64(w, STR("incident_number"), (int64_t)inc->number);
	jw_kv_str(w, STR("title"), inc->title);
	jw_key(w, STR("created_at"));
	jw_wall(w, inc->created_at);
	jw_key(w, STR("updated_at"));
	jw_wall(w, inc->changed_at);
	jw_kv_str(w, STR("status"), incident_status_name[inc->status]);
	jw_kv_null(w, STR("incident_key"));
	jw_kv_str(w, STR("urgency"), urgency_name[inc->urgency]);
	jw_kv_null(w, STR("priority"));
	jw_key(w, STR("service"));
	service_ref(w, job, inc->service);
	jw_key(w, STR("escalation_policy"));
	if (s >= 0)
		policy_ref(w, job, dir, dir->services[s].policy);
	else
		jw_null(w);
	jw_key(w, STR("teams"));
	jw_open(w, '[');
	if (s >= 0 && !str_empty(dir->services[s].team))
		team_ref(w, job, dir->services[s].team);
	jw_close(w, ']');
	assignments_write(w, job, inc, people);
	jw_key(w, STR("last_status_change_at"));
	jw_wall(w, inc->changed_at);
	jw_key(w, STR("last_status_change_by"));
	agent_write(w, job, str_empty(inc->changed_by) ? inc->service : inc->changed_by);
	jw_key(w, STR("resolved_at"));
	jw_wall(w, inc->resolved_at);
	jw_kv_null(w, STR("first_trigger_log_entry"));
	jw_key(w, STR("alert_counts"));
	jw_open(w, '{');
	jw_kv_i64(w, STR("all"), inc->alerts_total);
	jw_kv_i64(w, STR("triggered"), inc->alerts_open);
	jw_kv_i64(w, STR("resolved"), (int64_t)inc->alerts_total - inc->alerts_open);
	jw_close(w, '}');
	jw_kv_bool(w, STR("is_mergeable"), false);
	jw_key(w, STR("incident_type"));
	jw_open(w, '{');
	jw_kv_str(w, STR("name"), STR("incident_default"));
	jw_close(w, '}');
	pending_write(w, timers, timer_count);
	/* Quis' own: does anybody know? */
	jw_key(w, STR("quis"));
	jw_open(w, '{');
	jw_kv_bool(w, STR("told"), inc->told);
	jw_kv_bool(w, STR("exhausted"), inc->exhausted);
	jw_kv_bool(w, STR("nobody_on_call"), inc->nobody);
	jw_kv_i64(w, STR("step"), inc->step);
	jw_kv_i64(w, STR("loop"), inc->loop);
	jw_close(w, '}');
	jw_close(w, '}');
}

static struct str channel_name(struct str channel)
{
	static const struct {
		struct str ours, theirs;
	} names[] = {
		{ STR_INIT("events"), STR_INIT("api") },
		{ STR_INIT("cli"), STR_INIT("api") },
		{ STR_INIT("ui"), STR_INIT("website") },
		{ STR_INIT("link"), STR_INIT("email") },
		{ STR_INIT("rule"), STR_INIT("auto") },
	};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (str_eq(names[i].ours, channel))
			return names[i].theirs;
	return channel;
}

static void log_write(struct jw *w, struct job *job, const struct log_entry *e)
{
	const struct json *body = NULL;
	if (!str_empty(e->body) &&
	    json_read(job->arena, e->body, JSON_DEPTH_MAX, &body, NULL) != OK)
		body = NULL;
	jw_open(w, '{');
	head_write(w, job->base_url, STR("log_entries"),
	    arena_printf(job->arena, "%.*s_log_entry", STR_ARG(e->type)), id_str(&e->id),
	    e->summary);
	jw_key(w, STR("created_at"));
	jw_wall(w, e->at);
	jw_key(w, STR("agent"));
	agent_write(w, job, e->agent);
	jw_key(w, STR("channel"));
	jw_open(w, '{');
	jw_kv_str(w, STR("type"), channel_name(e->channel));
	jw_kv_str(w, STR("via"), e->channel);
	if (str_eq(e->type, STR("notify")) && body) {
		jw_key(w, STR("notification"));
		jw_open(w, '{');
		jw_kv_str(w, STR("type"), json_get_str(body, STR("type")));
		jw_kv_str(w, STR("address"), json_get_str(body, STR("address")));
		jw_kv_str(w, STR("status"), json_get_str(body, STR("state")));
		jw_close(w, '}');
	}
	jw_close(w, '}');
	jw_key(w, STR("incident"));
	ref_write(w, job->base_url, STR("incidents"), STR("incident_reference"),
	    id_str(&e->incident), STR("incident"));
	jw_key(w, STR("contexts"));
	jw_open(w, '[');
	jw_close(w, ']');
	if (str_eq(e->type, STR("annotate")))
		jw_kv_str(w, STR("note"), body ? json_get_str(body, STR("note")) : e->summary);
	jw_key(w, STR("details"));
	if (body)
		jw_raw(w, body->raw);
	else
		jw_null(w);
	jw_close(w, '}');
}

/* The links and images that came with the event. */
static void contexts_write(struct jw *w, const struct json *event)
{
	static const struct {
		struct str list, type, from, to;
	} kinds[] = {
		{ STR_INIT("links"), STR_INIT("link"), STR_INIT("href"), STR_INIT("href") },
		{ STR_INIT("images"), STR_INIT("image"), STR_INIT("src"), STR_INIT("src") },
	};
	jw_key(w, STR("contexts"));
	jw_open(w, '[');
	for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
		const struct json *list = json_get(event, kinds[k].list);
		for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
		     j = j->next) {
			jw_open(w, '{');
			jw_kv_str(w, STR("type"), kinds[k].type);
			jw_kv_str(w, kinds[k].to, json_get_str(j, kinds[k].from));
			jw_kv_str(
			    w, STR("text"), json_get_str(j, k == 0 ? STR("text") : STR("alt")));
			jw_close(w, '}');
		}
	}
	jw_close(w, ']');
}

/* The event as it came, without the key that it came with: whoever may read an incident may not
 * therefore send events. */
static void event_write(struct jw *w, const struct json *event)
{
	if (!json_is(event, JSON_OBJECT)) {
		jw_null(w);
		return;
	}
	jw_open(w, '{');
	for (const struct json *m = event->child; m; m = m->next) {
		if (str_eq(m->name, STR("routing_key")) || str_eq(m->name, STR("service_key")))
			continue;
		jw_key(w, m->name);
		jw_raw(w, m->raw);
	}
	jw_close(w, '}');
}

static void alert_write(struct jw *w, struct job *job, const struct alert *a)
{
	const struct json *event = NULL, *details = NULL;
	if (!str_empty(a->details) &&
	    json_read(job->arena, a->details, JSON_DEPTH_MAX, &event, NULL) != OK)
		event = NULL;
	jw_open(w, '{');
	head_write(w, job->base_url, STR("alerts"), STR("alert"), id_str(&a->id), a->summary);
	jw_kv_str(w, STR("alert_key"), a->dedup_key);
	jw_kv_str(w, STR("status"), alert_status_name[a->status]);
	jw_kv_str(w, STR("severity"), severity_name[a->severity]);
	jw_kv_bool(w, STR("suppressed"), false);
	jw_key(w, STR("created_at"));
	jw_wall(w, a->created_at);
	jw_key(w, STR("updated_at"));
	jw_wall(w, a->changed_at);
	jw_kv_i64(w, STR("count"), (int64_t)a->count);
	jw_key(w, STR("service"));
	service_ref(w, job, a->service);
	jw_key(w, STR("incident"));
	ref_write(w, job->base_url, STR("incidents"), STR("incident_reference"),
	    id_str(&a->incident), STR("incident"));
	jw_kv_null(w, STR("integration"));
	jw_kv_null(w, STR("first_trigger_log_entry"));
	jw_key(w, STR("body"));
	jw_open(w, '{');
	jw_kv_str(w, STR("type"), STR("alert_body"));
	contexts_write(w, event);
	details = json_get(json_get(event, STR("payload")), STR("custom_details"));
	if (!details)
		details = json_get(event, STR("details")); /* v1 */
	jw_key(w, STR("details"));
	if (details)
		jw_raw(w, details->raw);
	else
		event_write(w, event);
	jw_key(w, STR("event"));
	event_write(w, event);
	jw_close(w, '}');
	jw_close(w, '}');
}

/* ---- reading ---- */

/* The directory is for names and references: a list is answered without it rather than not at all.
 */
static void want_directory(struct job *job, struct worker *worker)
{
	const struct directory *dir;
	ignore_err(job_directory(job, worker, &dir), "names stand in for what it would say");
}

static bool need_reader(struct job *job, struct worker *worker, struct control_reader **r)
{
	enum err e = worker_reader(worker, r);
	if (e != OK)
		job_fail(job, worker, e);
	return e == OK;
}

static bool read_bits(struct job *job, const struct params *params, struct str name,
    const struct str *names, unsigned count, unsigned *ret)
{
	size_t at = 0;
	struct str v;
	*ret = 0;
	while (params_next(params, &at, name, &v)) {
		unsigned i = 0;
		while (i < count && !str_eq(names[i], v))
			i++;
		if (i == count)
			return job_bad(job,
			    arena_printf(job->arena, "'%.*s' is not one of the values of '%.*s[]'",
			        STR_ARG(v), STR_ARG(name)));
		*ret |= 1u << i;
	}
	return true;
}

/* service_ids[] and team_ids[] -> names of services. *ret_none: asked for, and there are none. */
static void read_services(
    struct job *job, const struct params *params, struct control_incident_query *q, bool *ret_none)
{
	const struct directory *dir = job->snap ? job->snap->dir : NULL;
	bool by_service =
	    params_has(params, STR("service_ids[]")) || params_has(params, STR("service_ids"));
	bool by_team = params_has(params, STR("team_ids[]")) || params_has(params, STR("team_ids"));
	*ret_none = false;
	if (!by_service && !by_team)
		return;
	struct str *names = arena_new(job->arena, struct str, dir ? dir->service_count : 0);
	size_t n = 0;
	for (uint32_t i = 0; names && dir && i < dir->service_count; i++) {
		const struct service *s = &dir->services[i];
		struct str team_id = str_empty(s->team)
		                         ? STR("")
		                         : resource_id(job->arena, 'P', STR("Team"), s->team);
		size_t at = 0, at_team = 0;
		struct str v;
		bool service_hit = !by_service, team_hit = !by_team;
		while (!service_hit && params_next(params, &at, STR("service_ids"), &v))
			service_hit = str_eq(v, s->id) || str_eq(v, s->name);
		while (!team_hit && params_next(params, &at_team, STR("team_ids"), &v))
			team_hit =
			    !str_empty(team_id) && (str_eq(v, team_id) || str_eq(v, s->team));
		if (service_hit && team_hit)
			names[n++] = s->name;
	}
	q->services = names;
	q->service_count = n;
	*ret_none = n == 0;
}

static void read_sort(const struct params *params, struct control_incident_query *q)
{
	struct str sort = params_get(params, STR("sort_by"));
	for (struct str rest = sort; rest.ptr && sort.ptr;) {
		struct str item = str_cut(&rest, ',');
		struct str field = str_cut(&item, ':');
		bool rising = !item.ptr || str_eq(item, STR("asc"));
		if (str_eq(field, STR("urgency")))
			q->high_first = !rising;
		else if (str_eq(field, STR("created_at")) || str_eq(field, STR("incident_number")))
			q->oldest_first = rising;
	}
}

static bool read_query(struct job *job, const struct params *params, struct paging *paging,
    struct control_incident_query *q, bool *ret_none)
{
	*q = (struct control_incident_query){ 0 };
	if (!paging_read(job, params, paging) ||
	    !read_bits(job, params, STR("statuses"), incident_status_name, INCIDENT_STATUS_COUNT,
	        &q->statuses) ||
	    !read_bits(job, params, STR("urgencies"), urgency_name, URGENCY_COUNT, &q->urgencies))
		return false;
	static const struct str unknown[] = { STR_INIT("incident_key"), STR_INIT("user_ids[]"),
		STR_INIT("user_ids") };
	for (size_t i = 0; i < ARRAY_COUNT(unknown); i++)
		if (params_has(
		        params, unknown[i])) /* answering more than was asked for would mislead */
			return job_bad(job,
			    arena_printf(job->arena, "incidents cannot be filtered by '%.*s' here",
			        STR_ARG(unknown[i])));
	if (!str_eq(params_get(params, STR("date_range")), STR("all")) &&
	    (params_wall(params, STR("since"), &q->since) != OK ||
	        params_wall(params, STR("until"), &q->until) != OK))
		return job_bad(job, STR("'since' and 'until' must be ISO 8601 times"));
	read_services(job, params, q, ret_none);
	read_sort(params, q);
	q->text = params_get(params, STR("q"));
	if (!q->text.ptr)
		q->text = STR("");
	q->limit = paging->limit;
	q->offset = paging->offset;
	q->total = paging->total;
	return true;
}

void incidents_list(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct params params;
	struct paging paging;
	struct control_incident_query q;
	struct control_incidents found = { 0 };
	struct control_people *people = NULL;
	bool none;
	if (!need_reader(job, worker, &r))
		return;
	want_directory(job, worker);
	if (!job_params(job, &params) || !read_query(job, &params, &paging, &q, &none))
		return;
	enum err e = none ? OK : control_incidents(r, &q, job->arena, &found);
	struct id *ids = arena_new(job->arena, struct id, found.count);
	for (size_t i = 0; ids && i < found.count; i++)
		ids[i] = found.list[i].id;
	if (e == OK && found.count > 0)
		e = ids ? control_people(r, ids, found.count, job->arena, &people) : ERR_NOMEM;
	if (e != OK) {
		job_fail(job, worker, e);
		return;
	}
	struct jw w = page_open(job, STR("incidents"));
	for (size_t i = 0; i < found.count; i++)
		incident_write(&w, job, &found.list[i], &people[i], NULL, 0);
	jw_close(&w, ']');
	paging_write(&w, &paging, found.more, found.total);
	jw_close(&w, '}');
}

/* By id, or by the number that people say. ERR_GONE: there is none. */
static enum err find_incident(
    struct job *job, struct control_reader *r, struct str text, struct incident *ret)
{
	struct id id;
	uint64_t number;
	if (id_parse(text, &id) == OK)
		return control_incident(r, &id, job->arena, ret);
	if (str_u64(text, &number) == OK)
		return control_incident_by_number(r, number, job->arena, ret);
	return ERR_GONE;
}

static void no_incident(struct job *job, struct worker *worker, enum err e)
{
	if (e == ERR_GONE)
		job_error(job, 404, 2100, STR("Incident Not Found"), STR(""));
	else
		job_fail(job, worker, e);
}

static enum err one_write(
    struct jw *w, struct job *job, struct control_reader *r, const struct incident *inc)
{
	struct timer *timers;
	size_t timer_count;
	struct control_people *people;
	enum err e = control_timers(r, &inc->id, 100, job->arena, &timers, &timer_count);
	if (e == OK)
		e = control_people(r, &inc->id, 1, job->arena, &people);
	if (e == OK)
		incident_write(w, job, inc, &people[0], timers, timer_count);
	return e;
}

void incident_get(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct incident inc;
	if (!need_reader(job, worker, &r))
		return;
	want_directory(job, worker);
	enum err e = find_incident(job, r, job->param[0], &inc);
	if (e != OK) {
		no_incident(job, worker, e);
		return;
	}
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, STR("incident"));
	e = one_write(&w, job, r, &inc);
	if (e != OK)
		job_fail(job, worker, e);
	else
		jw_close(&w, '}');
}

static void log_page(
    struct job *job, struct worker *worker, struct control_reader *r, const struct id *incident)
{
	struct params params;
	struct paging paging;
	struct control_log_query q = { 0 };
	struct log_entry *list;
	size_t count;
	bool more;
	if (!job_params(job, &params) || !paging_read(job, &params, &paging))
		return;
	if (params_wall(&params, STR("since"), &q.since) != OK ||
	    params_wall(&params, STR("until"), &q.until) != OK) {
		job_bad(job, STR("'since' and 'until' must be ISO 8601 times"));
		return;
	}
	if (incident)
		q.incident = *incident;
	q.newest_first = !str_eq(params_get(&params, STR("order")), STR("asc"));
	q.limit = paging.limit;
	q.offset = paging.offset;
	enum err e = control_log_entries(r, &q, job->arena, &list, &count, &more);
	if (e != OK) {
		job_fail(job, worker, e);
		return;
	}
	struct jw w = page_open(job, STR("log_entries"));
	for (size_t i = 0; i < count; i++)
		log_write(&w, job, &list[i]);
	jw_close(&w, ']');
	paging_write(&w, &paging, more, UINT64_MAX);
	jw_close(&w, '}');
}

void incident_log(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct incident inc;
	if (!need_reader(job, worker, &r))
		return;
	want_directory(job, worker);
	enum err e = find_incident(job, r, job->param[0], &inc);
	if (e != OK)
		no_incident(job, worker, e);
	else
		log_page(job, worker, r, &inc.id);
}

void log_list(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	if (!need_reader(job, worker, &r))
		return;
	want_directory(job, worker);
	log_page(job, worker, r, NULL);
}

void incident_alerts(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	struct incident inc;
	struct params params;
	struct paging paging;
	struct alert *list;
	size_t count;
	bool more;
	if (!need_reader(job, worker, &r) || !job_params(job, &params) ||
	    !paging_read(job, &params, &paging))
		return;
	enum err e = find_incident(job, r, job->param[0], &inc);
	if (e != OK) {
		no_incident(job, worker, e);
		return;
	}
	e = control_alerts(
	    r, &inc.id, true, paging.limit, paging.offset, job->arena, &list, &count, &more);
	if (e != OK) {
		job_fail(job, worker, e);
		return;
	}
	struct jw w = page_open(job, STR("alerts"));
	for (size_t i = 0; i < count; i++)
		alert_write(&w, job, &list[i]);
	jw_close(&w, ']');
	paging_write(&w, &paging, more, inc.alerts_total);
	jw_close(&w, '}');
}

/* ---- acting ---- */

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
		enum err e = find_incident(job, r, act->items[i].text, &inc);
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
	if (!need_reader(job, worker, &r))
		return;
	want_directory(job, worker);
	struct jw w = jw_make(&job->out);
	enum err e = OK;
	jw_open(&w, '{');
	jw_key(&w, act->bulk ? STR("incidents") : STR("incident"));
	if (act->bulk)
		jw_open(&w, '[');
	for (size_t i = 0; i < act->count && e == OK; i++) {
		e = control_incident(r, &act->items[i].id, job->arena, &inc);
		if (e == OK)
			e = one_write(&w, job, r, &inc);
	}
	if (e != OK) {
		no_incident(job, worker, e);
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
