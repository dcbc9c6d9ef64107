/* SPDX-License-Identifier: Apache-2.0
 *
 * Incidents, their timeline and alerts, in PagerDuty's shapes. All of it runs on a reader thread;
 * what people do with them is acts.c.
 */
#include "api/incidents.h"
#include <assert.h>

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
void incident_directory(struct job *job, struct worker *worker)
{
	const struct directory *dir;
	ignore_err(job_directory(job, worker, &dir), "names stand in for what it would say");
}

bool incident_reader(struct job *job, struct worker *worker, struct control_reader **r)
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
	if (!incident_reader(job, worker, &r))
		return;
	incident_directory(job, worker);
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
enum err incident_find(
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

void incident_missing(struct job *job, struct worker *worker, enum err e)
{
	if (e == ERR_GONE)
		job_error(job, 404, 2100, STR("Incident Not Found"), STR(""));
	else
		job_fail(job, worker, e);
}

enum err incident_one_write(
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
	if (!incident_reader(job, worker, &r))
		return;
	incident_directory(job, worker);
	enum err e = incident_find(job, r, job->param[0], &inc);
	if (e != OK) {
		incident_missing(job, worker, e);
		return;
	}
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, STR("incident"));
	e = incident_one_write(&w, job, r, &inc);
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
	if (!incident_reader(job, worker, &r))
		return;
	incident_directory(job, worker);
	enum err e = incident_find(job, r, job->param[0], &inc);
	if (e != OK)
		incident_missing(job, worker, e);
	else
		log_page(job, worker, r, &inc.id);
}

void log_list(struct job *job, struct worker *worker)
{
	struct control_reader *r;
	if (!incident_reader(job, worker, &r))
		return;
	incident_directory(job, worker);
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
	if (!incident_reader(job, worker, &r) || !job_params(job, &params) ||
	    !paging_read(job, &params, &paging))
		return;
	enum err e = incident_find(job, r, job->param[0], &inc);
	if (e != OK) {
		incident_missing(job, worker, e);
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
