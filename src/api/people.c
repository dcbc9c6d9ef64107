/* SPDX-License-Identifier: Apache-2.0
 *
 * Users, teams, services, schedules, escalation policies and who is on call, in PagerDuty's shapes,
 * out of the compiled directory. All of it runs on a reader thread.
 */
#include "api/shape.h"
#include <assert.h>

/* The directory for this job, or the error in it. */
static const struct directory *need_directory(struct job *job, struct worker *worker)
{
	const struct directory *dir = NULL;
	enum err e = job_directory(job, worker, &dir);
	if (e != OK)
		job_fail(job, worker, e);
	return e == OK ? dir : NULL;
}

static bool contains_nocase(struct str text, struct str part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (str_eq_nocase(str_make(text.ptr + i, part.len), part))
			return true;
	return false;
}

/* A page over n things: `name` of the i-th is what "query" looks into; `write` writes it. */
struct listing {
	struct str name;
	uint32_t count;
	struct str (*text)(const struct directory *dir, uint32_t i);
	void (*write)(struct jw *w, struct job *job, const struct directory *dir, uint32_t i);
};

static void list_write(
    struct job *job, struct worker *worker, const struct directory *dir, const struct listing *l)
{
	struct params params;
	struct paging paging;
	(void)worker;
	if (!job_params(job, &params) || !paging_read(job, &params, &paging))
		return;
	struct str query = params_get(&params, STR("query"));
	uint64_t matched = 0;
	struct jw w = page_open(job, l->name);
	for (uint32_t i = 0; i < l->count; i++) {
		if (!str_empty(query) && !contains_nocase(l->text(dir, i), query))
			continue;
		if (matched >= paging.offset && matched < paging.offset + paging.limit)
			l->write(&w, job, dir, i);
		matched++;
	}
	jw_close(&w, ']');
	paging_write(&w, &paging, matched > paging.offset + paging.limit, matched);
	jw_close(&w, '}');
}

static void not_found(struct job *job)
{
	job_error(job, 404, 2100, STR("Not Found"), STR(""));
}

/* ---- users ---- */

static struct str user_text(const struct directory *dir, uint32_t i)
{
	return str_empty(dir->users[i].full_name) ? dir->users[i].name : dir->users[i].full_name;
}

static void user_item(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	user_write(w, job, dir, i, false);
}

void users_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (dir)
		list_write(job, worker, dir,
		    &(struct listing){ STR("users"), dir->user_count, user_text, user_item });
}

void user_get(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (!dir)
		return;
	bool me = str_eq(job->param[0], STR("me"));
	for (uint32_t i = 0; i < dir->user_count; i++) {
		const struct user *u = &dir->users[i];
		bool hit = me ? job->who.by_session && str_eq(u->name, job->who.name)
		              : str_eq(u->id, job->param[0]) || str_eq(u->name, job->param[0]);
		if (!hit)
			continue;
		struct jw w = jw_make(&job->out);
		jw_open(&w, '{');
		jw_key(&w, STR("user"));
		user_write(&w, job, dir, i, true);
		jw_close(&w, '}');
		return;
	}
	if (me) /* as PagerDuty says it to an account-level token */
		job_bad(job, STR("this is an API token of the installation and not of a user"));
	else
		not_found(job);
}

/* ---- teams ---- */

static struct str team_text(const struct directory *dir, uint32_t i)
{
	return dir->teams[i].name;
}

static void team_item(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	jw_open(w, '{');
	head_write(
	    w, job->base_url, STR("teams"), STR("team"), dir->teams[i].id, dir->teams[i].name);
	jw_kv_str(w, STR("name"), dir->teams[i].name);
	jw_kv_null(w, STR("description"));
	jw_key(w, STR("users"));
	jw_open(w, '[');
	for (uint32_t m = 0; m < dir->teams[i].user_count; m++)
		user_ref(w, job, dir->users[dir->teams[i].users[m]].name);
	jw_close(w, ']');
	jw_close(w, '}');
}

void teams_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (dir)
		list_write(job, worker, dir,
		    &(struct listing){ STR("teams"), dir->team_count, team_text, team_item });
}

/* {"name": item i}, or 404 when i is count. */
static void one_write(struct job *job, const struct directory *dir, struct str name, uint32_t i,
    uint32_t count, void (*write)(struct jw *, struct job *, const struct directory *, uint32_t))
{
	if (i >= count) {
		not_found(job);
		return;
	}
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, name);
	write(&w, job, dir, i);
	jw_close(&w, '}');
}

void team_get(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	uint32_t i = 0;
	if (!dir)
		return;
	while (i < dir->team_count && !str_eq(dir->teams[i].id, job->param[0]) &&
	       !str_eq(dir->teams[i].name, job->param[0]))
		i++;
	one_write(job, dir, STR("team"), i, dir->team_count, team_item);
}

/* ---- services ---- */

static struct str service_text(const struct directory *dir, uint32_t i)
{
	return dir->services[i].name;
}

static void span_or_null(struct jw *w, struct str key, struct span d)
{
	if (d.ns)
		jw_kv_i64(w, key, d.ns / NS_PER_S);
	else
		jw_kv_null(w, key);
}

static void service_item(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	static const struct str urgencies[] = { STR_INIT("high"), STR_INIT("low"),
		STR_INIT("severity_based") };
	const struct service *s = &dir->services[i];
	jw_open(w, '{');
	head_write(w, job->base_url, STR("services"), STR("service"), s->id, s->name);
	jw_kv_str(w, STR("name"), s->name);
	jw_kv_str(w, STR("description"), s->description);
	span_or_null(w, STR("acknowledgement_timeout"), s->ack_timeout);
	span_or_null(w, STR("auto_resolve_timeout"), s->auto_resolve);
	jw_kv_str(w, STR("status"), s->disabled ? STR("disabled") : STR("active"));
	jw_kv_str(w, STR("alert_creation"), STR("create_alerts_and_incidents"));
	jw_key(w, STR("escalation_policy"));
	policy_ref(w, job, dir, s->policy);
	jw_key(w, STR("incident_urgency_rule"));
	jw_open(w, '{');
	jw_kv_str(w, STR("type"), STR("constant"));
	jw_kv_str(w, STR("urgency"), urgencies[s->urgency]);
	jw_close(w, '}');
	jw_key(w, STR("integrations"));
	jw_open(w, '[');
	for (uint32_t k = 0; k < dir->integration_count; k++) {
		const struct integration *g = &dir->integrations[k];
		if (g->service != i)
			continue;
		jw_open(w, '{');
		head_write(w, job->base_url, STR("integrations"),
		    STR("events_api_v2_inbound_integration"), g->id, g->name);
		jw_kv_str(w, STR("name"), g->name);
		if (job->who.role >= API_ROLE_ADMIN) /* the key is the right to page people */
			jw_kv_str(w, STR("integration_key"), g->key);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_key(w, STR("teams"));
	jw_open(w, '[');
	if (!str_empty(s->team))
		team_ref(w, job, s->team);
	jw_close(w, ']');
	jw_close(w, '}');
}

void services_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (dir)
		list_write(job, worker, dir,
		    &(struct listing){
		        STR("services"), dir->service_count, service_text, service_item });
}

void service_get(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	uint32_t i = 0;
	if (!dir)
		return;
	while (i < dir->service_count && !str_eq(dir->services[i].id, job->param[0]) &&
	       !str_eq(dir->services[i].name, job->param[0]))
		i++;
	one_write(job, dir, STR("service"), i, dir->service_count, service_item);
}

/* ---- escalation policies ---- */

static struct str policy_text(const struct directory *dir, uint32_t i)
{
	return dir->policies[i].name;
}

static void target_write(
    struct jw *w, struct job *job, const struct directory *dir, const struct target *t)
{
	if (t->type == TARGET_USER)
		user_ref(w, job, dir->users[t->index].name);
	else
		schedule_ref(w, job, dir, t->index);
}

static void policy_item(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	const struct policy *p = &dir->policies[i];
	jw_open(w, '{');
	head_write(
	    w, job->base_url, STR("escalation_policies"), STR("escalation_policy"), p->id, p->name);
	jw_kv_str(w, STR("name"), p->name);
	jw_kv_null(w, STR("description"));
	jw_kv_i64(w, STR("num_loops"), p->loops);
	jw_kv_str(w, STR("on_call_handoff_notifications"), STR("if_has_services"));
	jw_key(w, STR("escalation_rules"));
	jw_open(w, '[');
	for (uint32_t s = 0; s < p->step_count; s++) {
		jw_open(w, '{');
		jw_kv_str(w, STR("id"), arena_printf(job->arena, "%.*s-%u", STR_ARG(p->id), s + 1));
		jw_kv_i64(w, STR("escalation_delay_in_minutes"),
		    (p->steps[s].delay.ns + 60 * NS_PER_S - 1) / (60 * NS_PER_S));
		jw_kv_i64(w, STR("escalation_delay_in_seconds"), p->steps[s].delay.ns / NS_PER_S);
		jw_key(w, STR("targets"));
		jw_open(w, '[');
		for (uint32_t t = 0; t < p->steps[s].target_count; t++)
			target_write(w, job, dir, &p->steps[s].targets[t]);
		jw_close(w, ']');
		jw_close(w, '}');
	}
	jw_close(w, ']');
	jw_key(w, STR("services"));
	jw_open(w, '[');
	for (uint32_t s = 0; s < dir->service_count; s++)
		if (dir->services[s].policy == i)
			service_ref(w, job, dir->services[s].name);
	jw_close(w, ']');
	jw_key(w, STR("teams"));
	jw_open(w, '[');
	jw_close(w, ']');
	jw_close(w, '}');
}

void policies_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (dir)
		list_write(job, worker, dir,
		    &(struct listing){
		        STR("escalation_policies"), dir->policy_count, policy_text, policy_item });
}

void policy_get(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	uint32_t i = 0;
	if (!dir)
		return;
	while (i < dir->policy_count && !str_eq(dir->policies[i].id, job->param[0]) &&
	       !str_eq(dir->policies[i].name, job->param[0]))
		i++;
	one_write(job, dir, STR("escalation_policy"), i, dir->policy_count, policy_item);
}

/* ---- schedules ---- */

#define SHIFTS_MAX 2000u
#define SCHEDULE_SPAN_MAX SPAN_S(400 * 86400)

static struct str schedule_text(const struct directory *dir, uint32_t i)
{
	return dir->schedules[i].name;
}

static void layer_users(
    struct jw *w, struct job *job, const struct directory *dir, const struct layer *layer)
{
	jw_key(w, STR("users"));
	jw_open(w, '[');
	for (uint32_t u = 0; u < layer->user_count; u++) {
		jw_open(w, '{');
		jw_key(w, STR("user"));
		if (layer->users[u] >= 0)
			user_ref(w, job, dir->users[layer->users[u]].name);
		else
			jw_null(w);
		jw_close(w, '}');
	}
	jw_close(w, ']');
}

static void restrictions_write(struct jw *w, const struct layer *layer)
{
	jw_key(w, STR("restrictions"));
	jw_open(w, '[');
	for (uint32_t r = 0; r < layer->restriction_count; r++) {
		const struct restriction *x = &layer->restrictions[r];
		int32_t s = x->start_s;
		struct buf b = buf_make(&mem_system, 64);
		buf_printf(&b, "%02d:%02d:%02d", s / 3600 % 24, s / 60 % 60, s % 60);
		jw_open(w, '{');
		jw_kv_str(w, STR("type"),
		    x->start_weekday < 0 ? STR("daily_restriction") : STR("weekly_restriction"));
		jw_kv_str(w, STR("start_time_of_day"), buf_str(&b));
		jw_kv_i64(w, STR("duration_seconds"), x->duration_s);
		if (x->start_weekday >= 0) /* 1 = Monday */
			jw_kv_i64(w, STR("start_day_of_week"),
			    x->start_weekday == 0 ? 7 : x->start_weekday);
		jw_close(w, '}');
		buf_free(&b);
	}
	jw_close(w, ']');
}

static void layer_write(struct jw *w, struct job *job, const struct directory *dir,
    const struct schedule *s, uint32_t i)
{
	static const int64_t unit_s[] = { 3600, 86400, 604800 };
	const struct layer *l = &s->layers[i];
	struct wall first, last;
	jw_open(w, '{');
	jw_kv_str(w, STR("id"), arena_printf(job->arena, "%.*s-%u", STR_ARG(s->id), i + 1));
	jw_kv_str(w, STR("name"),
	    str_empty(l->name) ? arena_printf(job->arena, "Layer %u", i + 1) : l->name);
	zone_instants(s->zone, l->start, &first, &last);
	jw_key(w, STR("start"));
	jw_wall(w, first);
	jw_key(w, STR("rotation_virtual_start"));
	jw_wall(w, first);
	jw_key(w, STR("end"));
	if (l->has_end) {
		zone_instants(s->zone, l->end, &first, &last);
		jw_wall(w, last);
	} else {
		jw_null(w);
	}
	jw_kv_i64(w, STR("rotation_turn_length_seconds"), unit_s[l->unit] * l->every);
	layer_users(w, job, dir, l);
	restrictions_write(w, l);
	jw_close(w, '}');
}

/* {"name","rendered_schedule_entries":[...],"rendered_coverage_percentage"}; gaps are what the
 * entries leave out. */
static enum err rendered_write(struct jw *w, struct job *job, const struct directory *dir,
    const struct schedule *s, struct wall since, struct wall until, bool only_overrides)
{
	struct shift *shifts;
	size_t count;
	enum err e = oncall_shifts(dir, s, since, until, SHIFTS_MAX, job->arena, &shifts, &count);
	if (e != OK)
		return e;
	int64_t covered = 0;
	jw_open(w, '{');
	jw_kv_str(w, STR("name"), only_overrides ? STR("Overrides") : STR("Final Schedule"));
	jw_key(w, STR("rendered_schedule_entries"));
	jw_open(w, '[');
	for (size_t i = 0; i < count; i++) {
		if (shifts[i].user < 0 || (only_overrides && !shifts[i].is_override))
			continue;
		covered += wall_sub(shifts[i].end, shifts[i].start).ns;
		jw_open(w, '{');
		jw_key(w, STR("start"));
		jw_wall(w, shifts[i].start);
		jw_key(w, STR("end"));
		jw_wall(w, shifts[i].end);
		jw_key(w, STR("user"));
		user_ref(w, job, dir->users[shifts[i].user].name);
		jw_kv_bool(w, STR("override"), shifts[i].is_override);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	double all = (double)wall_sub(until, since).ns;
	jw_kv_f64(w, STR("rendered_coverage_percentage"),
	    all > 0 ? (double)(covered * 1000 / (int64_t)(all / 100)) / 1000.0 : 0);
	jw_close(w, '}');
	return OK;
}

static void schedule_fields(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	const struct schedule *s = &dir->schedules[i];
	head_write(w, job->base_url, STR("schedules"), STR("schedule"), s->id, s->name);
	jw_kv_str(w, STR("name"), s->name);
	jw_kv_str(w, STR("time_zone"), s->time_zone);
	jw_kv_null(w, STR("description"));
	jw_key(w, STR("users"));
	jw_open(w, '[');
	for (uint32_t u = 0; u < dir->user_count; u++) {
		bool in = false;
		for (uint32_t l = 0; l < s->layer_count; l++)
			for (uint32_t k = 0; k < s->layers[l].user_count; k++)
				in = in || s->layers[l].users[k] == (int32_t)u;
		if (in)
			user_ref(w, job, dir->users[u].name);
	}
	jw_close(w, ']');
	jw_key(w, STR("escalation_policies"));
	jw_open(w, '[');
	for (uint32_t p = 0; p < dir->policy_count; p++) {
		bool in = false;
		for (uint32_t k = 0; k < dir->policies[p].step_count; k++)
			for (uint32_t t = 0; t < dir->policies[p].steps[k].target_count; t++)
				in = in || (dir->policies[p].steps[k].targets[t].type ==
				                   TARGET_SCHEDULE &&
				               dir->policies[p].steps[k].targets[t].index == i);
		if (in)
			policy_ref(w, job, dir, p);
	}
	jw_close(w, ']');
}

static void schedule_item(struct jw *w, struct job *job, const struct directory *dir, uint32_t i)
{
	jw_open(w, '{');
	schedule_fields(w, job, dir, i);
	jw_close(w, '}');
}

void schedules_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	if (dir)
		list_write(job, worker, dir,
		    &(struct listing){
		        STR("schedules"), dir->schedule_count, schedule_text, schedule_item });
}

static bool read_bounds(struct job *job, const struct params *params, struct span standard,
    struct wall *since, struct wall *until)
{
	*since = (struct wall){ 0 };
	*until = (struct wall){ 0 };
	if (params_wall(params, STR("since"), since) != OK ||
	    params_wall(params, STR("until"), until) != OK)
		return job_bad(job, STR("'since' and 'until' must be ISO 8601 times"));
	if (since->ns == 0)
		*since = job->now;
	if (until->ns == 0)
		*until = wall_add(*since, standard);
	if (until->ns < since->ns)
		return job_bad(job, STR("'until' is before 'since'"));
	if (wall_sub(*until, *since).ns > SCHEDULE_SPAN_MAX.ns)
		return job_bad(job, STR("'since' and 'until' are more than 400 days apart"));
	return true;
}

void schedule_get(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	struct params params;
	struct wall since, until;
	uint32_t i = 0;
	if (!dir || !job_params(job, &params) ||
	    !read_bounds(job, &params, SPAN_S(14 * 86400), &since, &until))
		return;
	while (i < dir->schedule_count && !str_eq(dir->schedules[i].id, job->param[0]) &&
	       !str_eq(dir->schedules[i].name, job->param[0]))
		i++;
	if (i == dir->schedule_count) {
		not_found(job);
		return;
	}
	const struct schedule *s = &dir->schedules[i];
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, STR("schedule"));
	jw_open(&w, '{');
	schedule_fields(&w, job, dir, i);
	jw_key(&w, STR("schedule_layers"));
	jw_open(&w, '[');
	for (uint32_t l = s->layer_count; l > 0; l--) /* PagerDuty lists the strongest first */
		layer_write(&w, job, dir, s, l - 1);
	jw_close(&w, ']');
	jw_key(&w, STR("final_schedule"));
	enum err e = rendered_write(&w, job, dir, s, since, until, false);
	if (e == OK) {
		jw_key(&w, STR("overrides_subschedule"));
		e = rendered_write(&w, job, dir, s, since, until, true);
	}
	if (e != OK) {
		job_fail(job, worker, e);
		return;
	}
	jw_close(&w, '}');
	jw_close(&w, '}');
}

/* ---- on call ---- */

struct oncall_filter {
	const struct params *params;
	struct wall since, until;
	bool earliest;
};

static bool wanted(const struct params *params, struct str name, struct str id)
{
	size_t at = 0;
	bool any = false;
	struct str v;
	while (params_next(params, &at, name, &v)) {
		if (str_eq(v, id))
			return true;
		any = true;
	}
	return !any;
}

struct oncall_page {
	struct paging paging;
	uint64_t matched;
};

static void oncall_write(struct jw *w, struct job *job, const struct directory *dir,
    uint32_t policy, uint32_t level, int32_t schedule, int32_t user, const struct shift *shift,
    struct oncall_page *page)
{
	uint64_t at = page->matched++;
	if (at < page->paging.offset || at >= page->paging.offset + page->paging.limit)
		return;
	jw_open(w, '{');
	jw_key(w, STR("escalation_policy"));
	policy_ref(w, job, dir, policy);
	jw_kv_i64(w, STR("escalation_level"), level);
	jw_key(w, STR("schedule"));
	if (schedule >= 0)
		schedule_ref(w, job, dir, (uint32_t)schedule);
	else
		jw_null(w);
	jw_key(w, STR("user"));
	user_ref(w, job, dir->users[user].name);
	jw_key(w, STR("start"));
	if (shift)
		jw_wall(w, shift->start);
	else
		jw_null(w);
	jw_key(w, STR("end"));
	if (shift)
		jw_wall(w, shift->end);
	else
		jw_null(w);
	jw_close(w, '}');
}

/* The shifts of a schedule that touch [since, until]; their true starts and ends are looked for in
 * two weeks around. */
static enum err schedule_oncalls(struct jw *w, struct job *job, const struct directory *dir,
    uint32_t policy, uint32_t level, uint32_t schedule, const struct oncall_filter *f,
    struct oncall_page *page)
{
	struct shift *shifts;
	size_t count;
	struct wall from = wall_add(f->since, SPAN_S(-14 * 86400)),
	            to = wall_add(f->until, SPAN_S(14 * 86400));
	enum err e = oncall_shifts(
	    dir, &dir->schedules[schedule], from, to, SHIFTS_MAX, job->arena, &shifts, &count);
	if (e != OK)
		return e;
	for (size_t i = 0; i < count; i++) {
		const struct shift *s = &shifts[i];
		if (s->user < 0 || s->end.ns <= f->since.ns || s->start.ns > f->until.ns)
			continue;
		if (!wanted(f->params, STR("user_ids"), dir->users[s->user].id))
			continue;
		oncall_write(w, job, dir, policy, level, (int32_t)schedule, s->user, s, page);
	}
	return OK;
}

void oncalls_list(struct job *job, struct worker *worker)
{
	const struct directory *dir = need_directory(job, worker);
	struct params params;
	struct oncall_page page = { 0 };
	struct oncall_filter f = { .params = &params };
	if (!dir || !job_params(job, &params) || !paging_read(job, &params, &page.paging) ||
	    !read_bounds(job, &params, SPAN_S(0), &f.since, &f.until))
		return;
	struct jw w = page_open(job, STR("oncalls"));
	enum err e = OK;
	for (uint32_t p = 0; p < dir->policy_count && e == OK; p++) {
		if (!wanted(&params, STR("escalation_policy_ids"), dir->policies[p].id))
			continue;
		for (uint32_t s = 0; s < dir->policies[p].step_count && e == OK; s++)
			for (uint32_t t = 0; t < dir->policies[p].steps[s].target_count && e == OK;
			     t++) {
				const struct target *x = &dir->policies[p].steps[s].targets[t];
				if (x->type == TARGET_SCHEDULE) {
					if (wanted(&params, STR("schedule_ids"),
					        dir->schedules[x->index].id))
						e = schedule_oncalls(
						    &w, job, dir, p, s + 1, x->index, &f, &page);
				} else if (!params_has(&params, STR("schedule_ids[]")) &&
				           wanted(
				               &params, STR("user_ids"), dir->users[x->index].id)) {
					oncall_write(&w, job, dir, p, s + 1, -1, (int32_t)x->index,
					    NULL, &page);
				}
			}
	}
	if (e != OK) {
		job_fail(job, worker, e);
		return;
	}
	jw_close(&w, ']');
	paging_write(
	    &w, &page.paging, page.matched > page.paging.offset + page.paging.limit, page.matched);
	jw_close(&w, '}');
}

/* Lists that clients ask for and that have nothing in them here, such as priorities. */
void empty_list(struct job *job, struct worker *worker)
{
	struct params params;
	struct paging paging;
	(void)worker;
	if (!job_params(job, &params) || !paging_read(job, &params, &paging))
		return;
	struct jw w = page_open(job, STR("priorities"));
	jw_close(&w, ']');
	paging_write(&w, &paging, false, 0);
	jw_close(&w, '}');
}
