/* SPDX-License-Identifier: Apache-2.0
 *
 * See shape.h.
 */
#include "api/shape.h"
#include <assert.h>

bool job_bad(struct job *job, struct str detail)
{
	job_error(job, 400, 2001, STR("Invalid Input Provided"), detail);
	return false;
}

bool job_params(struct job *job, struct params *ret)
{
	if (params_read(job->arena, job->query, ret) == OK)
		return true;
	return job_bad(job, STR("the query string is malformed"));
}

bool paging_read(struct job *job, const struct params *params, struct paging *ret)
{
	*ret = (struct paging){ .limit = 25 };
	if (params_u64(params, STR("limit"), &ret->limit) != OK ||
	    params_u64(params, STR("offset"), &ret->offset) != OK)
		return job_bad(job, STR("'limit' and 'offset' must be whole numbers"));
	if (ret->limit == 0 || ret->limit > 100)
		ret->limit = ret->limit ? 100 : 25;
	if (ret->offset > 10000 || ret->offset + ret->limit > 10000)
		return job_bad(job, STR("'offset' + 'limit' must not be more than 10000: narrow "
		                        "the search with 'since' and 'until'"));
	ret->total = str_eq(params_get(params, STR("total")), STR("true"));
	return true;
}

void paging_write(struct jw *w, const struct paging *p, bool more, uint64_t total)
{
	jw_kv_i64(w, STR("limit"), (int64_t)p->limit);
	jw_kv_i64(w, STR("offset"), (int64_t)p->offset);
	jw_kv_bool(w, STR("more"), more);
	jw_key(w, STR("total"));
	if (p->total && total != UINT64_MAX)
		jw_u64(w, total);
	else
		jw_null(w);
}

struct jw page_open(struct job *job, struct str name)
{
	struct jw w = jw_make(&job->out);
	jw_open(&w, '{');
	jw_key(&w, name);
	jw_open(&w, '[');
	return w;
}

static void url_write(
    struct jw *w, struct str base_url, const char *between, struct str path, struct str id)
{
	struct buf b = buf_make(&mem_system, 4096);
	buf_printf(&b, "%.*s%s%.*s/%.*s", STR_ARG(base_url), between, STR_ARG(path), STR_ARG(id));
	jw_str(w, buf_str(&b));
	buf_free(&b);
}

void head_write(struct jw *w, struct str base_url, struct str path, struct str type, struct str id,
    struct str summary)
{
	jw_kv_str(w, STR("id"), id);
	jw_kv_str(w, STR("type"), type);
	jw_kv_str(w, STR("summary"), summary);
	jw_key(w, STR("self"));
	url_write(w, base_url, "/", path, id);
	jw_key(w, STR("html_url"));
	url_write(w, base_url, "/ui/", path, id);
}

void ref_write(struct jw *w, struct str base_url, struct str path, struct str type, struct str id,
    struct str summary)
{
	if (str_empty(id)) {
		jw_null(w);
		return;
	}
	jw_open(w, '{');
	head_write(w, base_url, path, type, id, summary);
	jw_close(w, '}');
}

static struct str id_of(struct job *job, const char *kind, struct str name)
{
	return str_empty(name) ? STR("") : resource_id(job->arena, 'P', str_c(kind), name);
}

void user_ref(struct jw *w, struct job *job, struct str name)
{
	struct str shown = name;
	if (job->snap) {
		int32_t u = directory_user(job->snap->dir, name);
		if (u >= 0 && !str_empty(job->snap->dir->users[u].full_name))
			shown = job->snap->dir->users[u].full_name;
	}
	ref_write(
	    w, job->base_url, STR("users"), STR("user_reference"), id_of(job, "User", name), shown);
}

void service_ref(struct jw *w, struct job *job, struct str name)
{
	ref_write(w, job->base_url, STR("services"), STR("service_reference"),
	    id_of(job, "Service", name), name);
}

void team_ref(struct jw *w, struct job *job, struct str name)
{
	ref_write(
	    w, job->base_url, STR("teams"), STR("team_reference"), id_of(job, "Team", name), name);
}

void policy_ref(struct jw *w, struct job *job, const struct directory *dir, uint32_t index)
{
	assert(index < dir->policy_count);
	const struct policy *p = &dir->policies[index];
	ref_write(w, job->base_url, STR("escalation_policies"), STR("escalation_policy_reference"),
	    p->id, p->name);
}

void schedule_ref(struct jw *w, struct job *job, const struct directory *dir, uint32_t index)
{
	assert(index < dir->schedule_count);
	const struct schedule *s = &dir->schedules[index];
	ref_write(w, job->base_url, STR("schedules"), STR("schedule_reference"), s->id, s->name);
}

static void contact_write(
    struct jw *w, struct job *job, const struct user *u, const struct contact *c)
{
	static const struct str types[CONTACT_TYPE_COUNT] = { STR_INIT("email_contact_method"),
		STR_INIT("webhook_contact_method"), STR_INIT("push_notification_contact_method"),
		STR_INIT("console_contact_method"), STR_INIT("sms_contact_method"),
		STR_INIT("phone_contact_method") };
	struct str id = resource_id(job->arena, 'P', u->name, c->name);
	jw_open(w, '{');
	jw_kv_str(w, STR("id"), id);
	jw_kv_str(w, STR("type"), types[c->type]);
	jw_kv_str(w, STR("summary"), c->name);
	jw_kv_str(w, STR("label"), c->name);
	jw_kv_str(w, STR("address"), c->address);
	jw_kv_null(w, STR("self"));
	jw_kv_null(w, STR("html_url"));
	jw_close(w, '}');
}

static void rules_write(struct jw *w, struct job *job, const struct user *u)
{
	jw_key(w, STR("notification_rules"));
	jw_open(w, '[');
	for (unsigned g = 0; g < URGENCY_COUNT; g++)
		for (uint32_t i = 0; i < u->rule_count[g]; i++) {
			const struct notify_rule *r = &u->rules[g][i];
			jw_open(w, '{');
			jw_kv_str(w, STR("id"),
			    arena_printf(job->arena, "%.*s-%.*s-%u", STR_ARG(u->id),
			        STR_ARG(urgency_name[g]), i));
			jw_kv_str(w, STR("type"), STR("assignment_notification_rule"));
			jw_kv_i64(w, STR("start_delay_in_minutes"), r->after.ns / (60 * NS_PER_S));
			jw_kv_str(w, STR("urgency"), urgency_name[g]);
			jw_key(w, STR("contact_method"));
			assert(r->contact < u->contact_count);
			contact_write(w, job, u, &u->contacts[r->contact]);
			jw_close(w, '}');
		}
	jw_close(w, ']');
}

/* PagerDuty's words for what a user may do. */
static struct str pd_role(struct str role)
{
	if (str_eq(role, STR("admin")))
		return STR("admin");
	return str_eq(role, STR("observer")) ? STR("read_only_user") : STR("user");
}

void user_write(
    struct jw *w, struct job *job, const struct directory *dir, uint32_t index, bool detail)
{
	assert(index < dir->user_count);
	const struct user *u = &dir->users[index];
	jw_open(w, '{');
	head_write(w, job->base_url, STR("users"), STR("user"), u->id,
	    str_empty(u->full_name) ? u->name : u->full_name);
	jw_kv_str(w, STR("name"), str_empty(u->full_name) ? u->name : u->full_name);
	jw_kv_str(w, STR("login"), u->name);
	jw_kv_str(w, STR("email"), u->email);
	jw_kv_str(w, STR("time_zone"), u->time_zone);
	jw_kv_str(w, STR("role"), pd_role(u->role));
	jw_kv_null(w, STR("job_title"));
	jw_kv_null(w, STR("description"));
	jw_kv_bool(w, STR("invitation_sent"), false);
	jw_key(w, STR("teams"));
	jw_open(w, '[');
	for (uint32_t t = 0; t < dir->team_count; t++)
		for (uint32_t m = 0; m < dir->teams[t].user_count; m++)
			if (dir->teams[t].users[m] == index)
				team_ref(w, job, dir->teams[t].name);
	jw_close(w, ']');
	jw_key(w, STR("contact_methods"));
	jw_open(w, '[');
	for (uint32_t c = 0; c < u->contact_count; c++)
		contact_write(w, job, u, &u->contacts[c]);
	jw_close(w, ']');
	if (detail)
		rules_write(w, job, u);
	else {
		jw_key(w, STR("notification_rules"));
		jw_open(w, '[');
		jw_close(w, ']');
	}
	jw_close(w, '}');
}
