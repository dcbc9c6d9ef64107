/* SPDX-License-Identifier: Apache-2.0
 *
 * A group's state is touched by the rules' thread while it is evaluated and read by whoever asks,
 * hence a mutex per group; the list of groups changes on the loop only, under the list's lock, when
 * no group is running.
 */
#include "role/telemetry/rulers.h"
#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>

#define SET_BYTES_MAX (64u << 20)
#define BODY_MAX (8u << 20)
#define STATES_BYTES_MAX (6u << 20) /* of a report */
#define STATE_BYTES 64u             /* of a state beside its texts, at most */

struct ruler {
	struct rulers *rulers;
	const struct rule_group *group;
	struct group_state *state; /* under mutex */
	pthread_mutex_t mutex;
	struct loop_timer timer;
	struct mono due;
	struct tpool_job job;
	bool running;
	struct wall at;
	struct buf message;       /* the body for the engine */
	uint64_t version, missed; /* missed: atomic */
	enum err outcome;
};

struct rulers {
	struct rulers_options options;
	struct chan *engine;
	pthread_rwlock_t list; /* of the groups: written on the loop */
	struct arena *arena;   /* of the set in force */
	struct ruler *groups;
	uint32_t count, running;
	struct buf waiting; /* rules that came while a group was running */
	bool has_waiting;
	uint64_t sequence, unsent;
};

static void evaluate_due(struct loop_timer *timer);
static enum err put_in_force(struct rulers *r, struct str body);

enum err rulers_open(const struct rulers_options *options, struct rulers **ret)
{
	assert(options->default_interval.ns > 0);
	struct rulers *r = mem_new(options->mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->options = *options;
	r->waiting = buf_make(options->mem, BODY_MAX + 64);
	/* grows over restarts too, so that the engine can tell old from new */
	r->sequence = (uint64_t)loop_wall(options->loop).ns;
	pthread_rwlock_init(&r->list, NULL);
	*ret = r;
	return OK;
}

static void close_groups(struct rulers *r, struct ruler *groups, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		loop_timer_clear(r->options.loop, &groups[i].timer);
		group_state_close(&groups[i].state);
		pthread_mutex_destroy(&groups[i].mutex);
		buf_free(&groups[i].message);
	}
	mem_free(r->options.mem, groups);
}

void rulers_close(struct rulers **rulers)
{
	struct rulers *r = *rulers;
	if (!r)
		return;
	close_groups(r, r->groups, r->count);
	arena_close(&r->arena);
	buf_free(&r->waiting);
	pthread_rwlock_destroy(&r->list);
	mem_free(r->options.mem, r);
	*rulers = NULL;
}

void rulers_peer(struct rulers *r, struct chan *engine)
{
	r->engine = engine;
}

void rulers_set_interval(struct rulers *r, struct span default_interval)
{
	assert(default_interval.ns > 0);
	r->options.default_interval = default_interval;
}

/* ---- new rules ---- */

static struct ruler *same_group(struct rulers *r, struct str name)
{
	for (uint32_t i = 0; i < r->count; i++) {
		if (str_eq(r->groups[i].group->name, name))
			return &r->groups[i];
	}
	return NULL;
}

static enum err make_groups(struct rulers *r, const struct rule_set *set, struct ruler **ret)
{
	struct ruler *groups =
	    mem_new(r->options.mem, set->group_count ? set->group_count : 1, sizeof(groups[0]));
	if (!groups)
		return ERR_NOMEM;
	enum err e = OK;
	uint32_t made = 0;
	for (; made < set->group_count && e == OK; made++) {
		struct ruler *g = &groups[made], *old = same_group(r, set->groups[made].name);
		g->rulers = r;
		g->group = &set->groups[made];
		g->version = set->version;
		g->timer.fire = evaluate_due;
		g->message = buf_make(r->options.mem, BODY_MAX);
		g->due = old ? old->due : loop_now(r->options.loop);
		g->missed = old ? old->missed : 0;
		pthread_mutex_init(&g->mutex, NULL);
		e = group_state_open(r->options.mem, g->group, old ? old->group : NULL,
		    old ? old->state : NULL, &g->state);
	}
	if (e != OK)
		close_groups(r, groups, made);
	else
		*ret = groups;
	return e;
}

static enum err put_in_force(struct rulers *r, struct str body)
{
	struct arena *a = NULL;
	struct rd in = rd_make(body);
	uint64_t version = rd_u64(&in);
	struct str text = rd_str(&in, BODY_MAX);
	if (rd_done(&in) != OK)
		return ERR_INPUT;
	struct rule_set set = { 0 };
	struct ruler *groups = NULL, *old = r->groups;
	uint32_t old_count = r->count;
	enum err e = arena_open(r->options.mem, SET_BYTES_MAX, &a);
	if (e != OK)
		return e;
	text = arena_str(a, text);
	e = text.ptr ? rules_read(a, text, version, r->options.default_interval, &set)
	             : arena_err(a);
	if (e == OK)
		e = make_groups(r, &set, &groups);
	if (e != OK) {
		arena_close(&a);
		return e;
	}
	struct arena *old_arena = r->arena;
	pthread_rwlock_wrlock(&r->list);
	r->groups = groups;
	r->count = set.group_count;
	r->arena = a;
	pthread_rwlock_unlock(&r->list);
	close_groups(r, old, old_count);
	arena_close(&old_arena);
	struct mono now = loop_now(r->options.loop);
	for (uint32_t i = 0; i < r->count; i++) {
		if (groups[i].due.ns >
		    now.ns + groups[i].group->interval.ns) /* the interval is shorter now */
			groups[i].due = now;
		loop_timer_set(r->options.loop, &groups[i].timer, groups[i].due);
	}
	return OK;
}

enum err rulers_take(struct rulers *r, struct str body)
{
	if (r->running == 0)
		return put_in_force(r, body);
	buf_clear(&r->waiting);
	buf_add(&r->waiting, body);
	r->has_waiting = r->waiting.err == OK;
	return r->waiting.err;
}

/* ---- evaluating ---- */

static void write_samples(void *ctx, int64_t at_ms, const struct rule_sample *list, size_t count)
{
	struct ruler *g = ctx;
	struct series_store *store = g->rulers->options.store;
	series_write_begin(store);
	for (size_t i = 0; i < count; i++) {
		struct series_label labels[LABELS_MAX];
		struct series_ref ref;
		uint32_t n = list[i].labels.count;
		if (n > LABELS_MAX)
			continue;
		for (uint32_t k = 0; k < n; k++)
			labels[k] = (struct series_label){ list[i].labels.list[k].name,
				list[i].labels.list[k].value };
		if (series_ref(store, labels, n, &ref) != OK)
			continue; /* the store counts what it refuses */
		enum err e = list[i].hist ? series_add_hist(store, ref, at_ms, list[i].hist)
		                          : series_add(store, ref, at_ms, list[i].value);
		ignore_err(e, "the store counts what it refuses");
	}
	series_write_end(store);
}

static struct mono mono_of(void *ctx)
{
	struct ruler *g = ctx;
	const struct os *os = loop_os(g->rulers->options.loop);
	return os->mono(os);
}

/* Too high and too low are two conditions of one series: each has an alert of its own, told apart
 * by this label, so that a change from one to the other resolves the first and pages for the
 * second. */
static void put_labels(struct buf *b, const struct rule_alert *x)
{
	bool band = str_eq(x->reason, STR("above")) || str_eq(x->reason, STR("below"));
	if (!band || x->labels_json.len < 2) {
		put_str(b, x->labels_json);
		return;
	}
	struct str rest = str_from(x->labels_json, 1);
	put_u32(b, (uint32_t)(STR("{\"band\":\"above\",").len + rest.len - (rest.len == 1)));
	buf_printf(b, "{\"band\":\"%.*s\"%s%.*s", STR_ARG(x->reason), rest.len == 1 ? "" : ",",
	    STR_ARG(rest));
}

static void put_alert(struct buf *b, const struct rule *rule, const struct rule_alert *x)
{
	put_str(b, rule->name);
	put_labels(b, x);
	put_u8(b, (uint8_t)x->state);
	put_f64(b, x->value);
	put_str(b, x->summary);
	put_str(b, x->annotations_json);
	put_str(b, x->reason);
}

/* Is there room for the rule's states? One rule that fires for everything must not take the report
 * from the others: it counts as failed then. */
static bool states_fit(const struct rule *rule, const struct rule_view *v, size_t *room)
{
	size_t bytes = 0;
	for (size_t k = 0; k < v->alert_count; k++) {
		const struct rule_alert *x = &v->alerts[k];
		bytes += rule->name.len + x->labels_json.len + x->summary.len +
		         x->annotations_json.len + x->reason.len + STATE_BYTES;
	}
	if (bytes > *room)
		return false;
	*room -= bytes;
	return true;
}

/* All states that are not inactive, and which rules failed: their states are those of before. The
 * sequence is put in front when it is sent. */
static void make_message(struct ruler *g)
{
	struct buf *b = &g->message;
	char error[640] = "";
	uint32_t count = 0, failed = 0;
	size_t room = STATES_BYTES_MAX;
	for (uint32_t i = 0; i < g->state->rule_count; i++) {
		const struct rule *rule = &g->group->rules[i];
		struct rule_view v = rule_state_view(g->state->rules[i]);
		bool fits = states_fit(rule, &v, &room);
		struct str why = fits ? v.error : STR("it has more alerts than can be told");
		count += fits ? (uint32_t)v.alert_count : 0;
		if (why.len && failed++ == 0)
			snprintf(
			    error, sizeof(error), "%.*s: %.*s", STR_ARG(rule->name), STR_ARG(why));
	}
	buf_clear(b);
	put_u64(b, g->version);
	put_i64(b, g->at.ns);
	put_i64(b, g->state->took.ns);
	put_i64(b, g->group->interval.ns);
	put_str(b, g->group->name);
	put_str(b, str_c(error));
	put_u32(b, count);
	room = STATES_BYTES_MAX;
	for (uint32_t i = 0; i < g->state->rule_count; i++) {
		struct rule_view v = rule_state_view(g->state->rules[i]);
		bool fits = states_fit(&g->group->rules[i], &v, &room);
		for (size_t k = 0; k < v.alert_count && fits; k++)
			put_alert(b, &g->group->rules[i], &v.alerts[k]);
	}
	put_u32(b, failed);
	room = STATES_BYTES_MAX;
	for (uint32_t i = 0; i < g->state->rule_count; i++) {
		struct rule_view v = rule_state_view(g->state->rules[i]);
		if (!states_fit(&g->group->rules[i], &v, &room) || v.error.len)
			put_str(b, g->group->rules[i].name);
	}
}

static void run(struct tpool_job *job, struct tpool_worker *worker)
{
	struct ruler *g = container_of(job, struct ruler, job);
	struct rules_env env = { .engine = { .source = &worker->source.iface },
		.external_url = g->rulers->options.external_url,
		.ctx = g,
		.write = write_samples,
		.mono = mono_of };
	pthread_mutex_lock(&g->mutex);
	g->outcome = rules_evaluate(&env, worker->arena, g->group, g->state, g->at);
	make_message(g);
	pthread_mutex_unlock(&g->mutex);
}

static void send(struct ruler *g)
{
	struct rulers *r = g->rulers;
	struct buf b = buf_make(r->options.mem, BODY_MAX + 8);
	put_u64(&b, ++r->sequence);
	buf_add(&b, buf_str(&g->message));
	bool fine = g->message.err == OK && b.err == OK && g->outcome == OK;
	if (!fine || !r->engine || chan_send(r->engine, MSG_RULE_GROUP, 0, buf_str(&b)) != OK)
		r->unsent++; /* the next evaluation tells all states again; the engine notices when
		                none comes */
	buf_free(&b);
}

static void done(struct tpool_job *job)
{
	struct ruler *g = container_of(job, struct ruler, job);
	struct rulers *r = g->rulers;
	g->running = false;
	r->running--;
	send(g);
	if (r->running == 0 && r->has_waiting) {
		r->has_waiting = false;
		ignore_err(put_in_force(r, buf_str(&r->waiting)),
		    "rules that cannot be read were refused when they were applied");
		buf_free(&r->waiting);
	}
}

static void evaluate_due(struct loop_timer *timer)
{
	struct ruler *g = container_of(timer, struct ruler, timer);
	struct rulers *r = g->rulers;
	struct mono now = loop_now(r->options.loop);
	do
		g->due = mono_add(g->due, g->group->interval);
	while (g->due.ns <= now.ns);
	loop_timer_set(r->options.loop, timer, g->due);
	if (r->has_waiting)
		return; /* new rules come first */
	if (g->running) {
		__atomic_fetch_add(&g->missed, 1, __ATOMIC_RELAXED);
		return;
	}
	g->at = loop_wall(r->options.loop);
	g->job = (struct tpool_job){ .run = run, .done = done };
	if (tpool_add(r->options.pool, &g->job) == OK) {
		g->running = true;
		r->running++;
	}
}

/* ---- looking ---- */

static void write_seconds(struct jw *w, struct str key, struct span d)
{
	jw_kv_f64(w, key, (double)d.ns / 1e9);
}

static void write_labels(struct jw *w, struct str key, struct labels l)
{
	jw_key(w, key);
	jw_open(w, '{');
	for (uint32_t i = 0; i < l.count; i++)
		jw_kv_str(w, l.list[i].name, l.list[i].value);
	jw_close(w, '}');
}

static void write_time(struct jw *w, struct str key, struct wall t)
{
	jw_key(w, key);
	if (t.ns)
		jw_wall(w, t);
	else
		jw_str(w, STR("0001-01-01T00:00:00Z"));
}

static void write_alert(struct jw *w, const struct rule_alert *x)
{
	char value[40];
	if (isnan(x->value))
		snprintf(value, sizeof(value), "NaN");
	else if (isinf(x->value))
		snprintf(value, sizeof(value), x->value > 0 ? "+Inf" : "-Inf");
	else
		for (int digits = 0; digits < 18; digits++) {
			double back;
			int n = snprintf(value, sizeof(value), "%.*e", digits, x->value);
			if (str_f64(str_make(value, (size_t)n), false, &back) == OK &&
			    back == x->value)
				break;
		}
	jw_open(w, '{');
	write_labels(w, STR("labels"), x->labels);
	write_labels(w, STR("annotations"), x->annotations);
	jw_kv_str(w, STR("state"), x->state == RULE_FIRING ? STR("firing") : STR("pending"));
	write_time(w, STR("activeAt"), x->active_at);
	if (x->keep_since.ns)
		write_time(w, STR("keepFiringSince"), x->keep_since);
	jw_kv_str(w, STR("value"), str_c(value));
	jw_close(w, '}');
}

static struct str state_of(const struct rule_view *v)
{
	bool pending = false;
	for (size_t i = 0; i < v->alert_count; i++) {
		if (v->alerts[i].state == RULE_FIRING)
			return STR("firing");
		pending = true;
	}
	return pending ? STR("pending") : STR("inactive");
}

static void write_rule(struct jw *w, const struct rule *rule, const struct rule_view *v)
{
	jw_open(w, '{');
	if (rule->type != RULE_RECORD)
		jw_kv_str(w, STR("state"), state_of(v));
	jw_kv_str(w, STR("name"), rule->name);
	jw_kv_str(w, STR("query"), rule->query);
	if (rule->type != RULE_RECORD) {
		write_seconds(w, STR("duration"), rule->for_);
		write_seconds(w, STR("keepFiringFor"), rule->keep_firing_for);
	}
	if (rule->has_above)
		jw_kv_f64(w, STR("above"), rule->above);
	if (rule->has_below)
		jw_kv_f64(w, STR("below"), rule->below);
	write_labels(w, STR("labels"), rule->labels);
	if (rule->type != RULE_RECORD) {
		write_labels(w, STR("annotations"), rule->annotations);
		jw_key(w, STR("alerts"));
		jw_open(w, '[');
		for (size_t i = 0; i < v->alert_count; i++)
			write_alert(w, &v->alerts[i]);
		jw_close(w, ']');
	}
	jw_kv_str(w, STR("health"),
	    v->error.len         ? STR("err")
	    : v->evaluated_at.ns ? STR("ok")
	                         : STR("unknown"));
	if (v->error.len)
		jw_kv_str(w, STR("lastError"), v->error);
	write_seconds(w, STR("evaluationTime"), v->took);
	write_time(w, STR("lastEvaluation"), v->evaluated_at);
	jw_kv_str(w, STR("type"), rule->type == RULE_RECORD ? STR("recording") : STR("alerting"));
	jw_close(w, '}');
}

static void write_group(struct jw *w, struct ruler *g, struct str type)
{
	struct str name = g->group->name;
	size_t slash = name.len; /* file/group: the last part is the group's own name */
	while (slash > 0 && name.ptr[slash - 1] != '/')
		slash--;
	jw_open(w, '{');
	jw_kv_str(w, STR("name"), str_from(name, slash));
	jw_kv_str(w, STR("file"), str_first(name, slash ? slash - 1 : 0));
	jw_key(w, STR("rules"));
	jw_open(w, '[');
	for (uint32_t i = 0; i < g->group->rule_count; i++) {
		const struct rule *rule = &g->group->rules[i];
		struct rule_view v = rule_state_view(g->state->rules[i]);
		if (type.len == 0 || str_eq(type, STR("record")) == (rule->type == RULE_RECORD))
			write_rule(w, rule, &v);
	}
	jw_close(w, ']');
	write_seconds(w, STR("interval"), g->group->interval);
	jw_kv_i64(w, STR("limit"), g->group->limit);
	write_seconds(w, STR("evaluationTime"), g->state->took);
	write_time(w, STR("lastEvaluation"), g->state->evaluated_at);
	jw_close(w, '}');
}

void rulers_write_rules(struct rulers *r, struct jw *w, struct str type)
{
	jw_open(w, '{');
	jw_key(w, STR("groups"));
	jw_open(w, '[');
	pthread_rwlock_rdlock(&r->list);
	for (uint32_t i = 0; i < r->count; i++) {
		pthread_mutex_lock(&r->groups[i].mutex);
		write_group(w, &r->groups[i], type);
		pthread_mutex_unlock(&r->groups[i].mutex);
	}
	pthread_rwlock_unlock(&r->list);
	jw_close(w, ']');
	jw_close(w, '}');
}

void rulers_write_alerts(struct rulers *r, struct jw *w)
{
	jw_open(w, '{');
	jw_key(w, STR("alerts"));
	jw_open(w, '[');
	pthread_rwlock_rdlock(&r->list);
	for (uint32_t i = 0; i < r->count; i++) {
		pthread_mutex_lock(&r->groups[i].mutex);
		for (uint32_t k = 0; k < r->groups[i].state->rule_count; k++) {
			struct rule_view v = rule_state_view(r->groups[i].state->rules[k]);
			for (size_t n = 0; n < v.alert_count; n++)
				write_alert(w, &v.alerts[n]);
		}
		pthread_mutex_unlock(&r->groups[i].mutex);
	}
	pthread_rwlock_unlock(&r->list);
	jw_close(w, ']');
	jw_close(w, '}');
}

static bool fails(const struct ruler *g)
{
	for (uint32_t i = 0; i < g->state->rule_count; i++) {
		if (rule_state_view(g->state->rules[i]).error.len)
			return true;
	}
	return false;
}

void rulers_put(struct rulers *r, struct keeper *keeper)
{
	uint64_t evaluations = 0, failures = 0, missed = 0;
	pthread_rwlock_rdlock(&r->list);
	for (uint32_t i = 0; i < r->count; i++) {
		struct ruler *g = &r->groups[i];
		pthread_mutex_lock(&g->mutex);
		evaluations += g->state->evaluations;
		failures += g->state->failures;
		missed += __atomic_load_n(&g->missed, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&g->mutex);
	}
	uint32_t count = r->count;
	pthread_rwlock_unlock(&r->list);
	keeper_put(keeper, "quis_rule_groups", "", "", count);
	keeper_put(keeper, "quis_rule_evaluations_total", "", "", (double)evaluations);
	keeper_put(keeper, "quis_rule_evaluation_failures_total", "", "", (double)failures);
	keeper_put(keeper, "quis_rule_evaluations_missed_total", "", "", (double)missed);
}

void rulers_state(struct rulers *r, struct rulers_state *ret)
{
	*ret = (struct rulers_state){
		.groups = r->count, .unsent = r->unsent, .oldest_at = { INT64_MAX }
	};
	for (uint32_t i = 0; i < r->count; i++) {
		struct ruler *g = &r->groups[i];
		ret->missed += g->missed;
		if (pthread_mutex_trylock(&g->mutex) != 0)
			continue; /* it is being evaluated: alive */
		ret->failing += fails(g);
		if (g->state->evaluated_at.ns < ret->oldest_at.ns)
			ret->oldest_at = g->state->evaluated_at;
		pthread_mutex_unlock(&g->mutex);
	}
	if (ret->oldest_at.ns == INT64_MAX)
		ret->oldest_at = loop_wall(r->options.loop);
}
