/* SPDX-License-Identifier: Apache-2.0
 *
 * One step: what the query gives becomes a list of hits (labels, value, reason); hits and the
 * alerts that were become the alerts that are; those become series. Everything is built in the
 * state's other arena and put in force at the end, so a step that fails changes nothing.
 */
#include "rules/state.h"
#include "rules/template.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NO_DATA_INTERVALS 3            /* a start of everything at once is not yet silence */
#define VANISHED_NS (86400 * NS_PER_S) /* a series that is gone for so long is forgotten */

struct hit {
	struct labels labels;
	struct labels metric; /* of the result, which templates see as $labels */
	struct str key;       /* canonical JSON of labels */
	double value;
	struct str reason;
	bool present; /* the series is there, but nothing is wrong with it */
	const struct promql_point *point;
};

struct step {
	const struct rules_env *env;
	struct arena *a;    /* the evaluation's */
	struct arena *next; /* the state's other */
	const struct rule_group *group;
	const struct rule *rule;
	struct rule_state *state;
	struct wall at;
	struct hit *hits;
	size_t hit_count, wrong_count;
	struct rule_alert *alerts;
	size_t alert_count;
	struct rule_sample *samples;
	size_t sample_count, sample_cap;
	struct labels *written;
	size_t written_count;
	struct str why;
};

static enum err refuse(struct step *s, const char *what)
{
	s->why = str_c(what);
	return ERR_INPUT;
}

static struct str to_json(struct arena *a, struct labels l)
{
	struct buf b = buf_make(&mem_system, 1u << 20);
	labels_json(l, &b);
	struct str s = b.err == OK ? arena_str(a, buf_str(&b)) : (struct str){ NULL, 0 };
	buf_free(&b);
	return s;
}

/* ---- templates ---- */

static enum err query_for_template(void *ctx, struct arena *a, struct str query,
    const struct template_sample **ret, size_t *ret_count, struct str *ret_why)
{
	struct step *s = ctx;
	const struct promql_expr *e = NULL;
	struct promql_fault fault = { 0 };
	struct promql_failure failure = { 0 };
	struct promql_result r = { 0 };
	if (promql_parse(a, query, &e, &fault) != OK) {
		*ret_why = fault.what;
		return ERR_INPUT;
	}
	int64_t at_ms = wall_ms(wall_add(s->at, (struct span){ -s->group->query_offset.ns }));
	enum err err = promql_instant(&s->env->engine, a, e, query, at_ms, &r, &failure);
	if (err != OK || (r.type != PROMQL_VECTOR && r.type != PROMQL_SCALAR)) {
		*ret_why = err != OK ? failure.what : STR("not a vector");
		return ERR_INPUT;
	}
	struct template_sample *list = arena_new(a, struct template_sample, r.count);
	if (!list)
		return arena_err(a);
	for (size_t i = 0; i < r.count; i++)
		list[i] =
		    (struct template_sample){ r.series[i].labels, r.series[i].points[0].value };
	*ret = list;
	*ret_count = r.count;
	return OK;
}

/* The text with its templates expanded; a broken template is seen in the text, as Prometheus does
 * it. */
static struct str expand(
    struct step *s, struct arena *to, struct str text, struct labels labels, double value)
{
	struct template_data data = { .labels = labels,
		.value = value,
		.external_labels = s->env->external_labels,
		.external_url = s->env->external_url,
		.query = query_for_template,
		.ctx = s };
	struct buf b = buf_make(&mem_system, TEMPLATE_OUT_MAX);
	struct str why = { "", 0 }, out;
	enum err e = template_expand(s->a, text, &data, &b, &why);
	if (e == OK)
		out = arena_str(to, buf_str(&b));
	else
		out = arena_printf(to, "<error expanding template: %.*s>",
		    STR_ARG(why.len ? why : str_c(err_text(e))));
	buf_free(&b);
	return out;
}

static enum err expand_labels(struct step *s, struct arena *to, struct labels templates,
    struct labels data, double value, struct labels onto, struct labels *ret)
{
	struct labels all = onto;
	for (uint32_t i = 0; i < templates.count; i++) {
		struct str text = expand(s, to, templates.list[i].value, data, value);
		struct labels next;
		if (!text.ptr)
			return arena_err(to);
		enum err e = labels_with(to, all, templates.list[i].name, text, &next);
		if (e != OK)
			return e;
		all = next;
	}
	*ret = all;
	return OK;
}

/* ---- hits ---- */

static struct str judge(const struct rule *r, double v)
{
	if (r->type != RULE_BAND)
		return STR("condition");
	if (isnan(v))
		return STR("no_data");
	if (r->has_above && v > r->above)
		return STR("above");
	if (r->has_below && v < r->below)
		return STR("below");
	return !r->has_above && !r->has_below ? STR("condition") : STR("");
}

static enum err alert_labels(struct step *s, struct labels metric, double value, struct labels *ret)
{
	static const struct str drop[] = { STR_INIT("__name__") };
	struct labels l, named;
	enum err e = labels_without(s->a, metric, drop, 1, true, &l);
	struct labels expanded = { 0 };
	if (e == OK)
		e = expand_labels(s, s->a, s->rule->labels, metric, value, l, &expanded);
	if (e == OK)
		e = labels_with(s->a, expanded, STR("alertname"), s->rule->name, &named);
	if (e == OK)
		*ret = named;
	return e;
}

static enum err add_hit(
    struct step *s, struct labels metric, const struct promql_point *p, struct str reason)
{
	struct hit *h = &s->hits[s->hit_count];
	double value = p ? (p->hist ? p->hist->sum : p->value) : NAN;
	*h = (struct hit){ .metric = metric,
		.value = value,
		.reason = reason,
		.present = reason.len == 0,
		.point = p };
	if (isnan(value) && str_eq(reason, STR("no_data"))) {
		h->present = s->rule->no_data == NO_DATA_OK;
		if (s->rule->no_data == NO_DATA_KEEP)
			return OK; /* as if it was not there: which keeps */
	}
	enum err e = alert_labels(s, metric, value, &h->labels);
	if (e != OK)
		return e;
	h->key = to_json(s->a, h->labels);
	if (!h->key.ptr)
		return ERR_NOMEM;
	s->hit_count++;
	s->wrong_count += !h->present;
	return OK;
}

static int by_key(const void *a, const void *b)
{
	return str_cmp(((const struct hit *)a)->key, ((const struct hit *)b)->key);
}

static enum err find_hits(struct step *s, const struct promql_result *r)
{
	s->hits = arena_new(s->a, struct hit, r->count + 1);
	if (!s->hits)
		return arena_err(s->a);
	enum err e = OK;
	for (size_t i = 0; i < r->count && e == OK; i++) {
		const struct promql_point *p = &r->series[i].points[0];
		e = add_hit(
		    s, r->series[i].labels, p, judge(s->rule, p->hist ? p->hist->sum : p->value));
	}
	bool silent =
	    s->rule->type == RULE_BAND && r->count == 0 && s->rule->no_data == NO_DATA_ALERT;
	bool known = false; /* some alert of a series tells it already */
	for (size_t i = 0; i < s->state->alert_count; i++)
		known = known || s->state->alerts[i].labels.count > 1;
	if (e == OK && silent && !known)
		e = add_hit(s, (struct labels){ 0 }, NULL, STR("no_data"));
	if (e != OK)
		return e;
	qsort(s->hits, s->hit_count, sizeof(s->hits[0]), by_key);
	for (size_t i = 1; i < s->hit_count; i++) {
		if (str_eq(s->hits[i - 1].key, s->hits[i].key))
			return refuse(s, "vector contains metrics with the same labelset after "
			                 "applying alert labels");
	}
	return OK;
}

/* ---- alerts ---- */

static const struct hit *find_hit(const struct step *s, struct str key)
{
	struct hit want = { .key = key };
	return s->hit_count ? bsearch(&want, s->hits, s->hit_count, sizeof(s->hits[0]), by_key)
	                    : NULL;
}

static const struct rule_alert *find_alert(const struct rule_state *st, struct str key)
{
	size_t lo = 0, hi = st->alert_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = str_cmp(st->alerts[mid].labels_json, key);
		if (order == 0)
			return &st->alerts[mid];
		if (order < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

static struct span hold_of(const struct step *s, struct str reason)
{
	struct span hold = s->rule->for_;
	struct span least = { NO_DATA_INTERVALS * s->group->interval.ns };
	return str_eq(reason, STR("no_data")) && hold.ns < least.ns ? least : hold;
}

static struct str make_summary(struct step *s, const struct hit *h)
{
	const struct rule *r = s->rule;
	if (r->type == RULE_ALERT) {
		struct str text = labels_get(r->annotations, STR("summary"));
		if (text.len == 0)
			text = labels_get(r->annotations, STR("description"));
		return text.len ? expand(s, s->next, text, h->metric, h->value)
		                : arena_str(s->next, r->name);
	}
	if (r->summary.len)
		return expand(s, s->next, r->summary, h->metric, h->value);
	if (str_eq(h->reason, STR("no_data")))
		return arena_printf(s->next, "%.*s: no data", STR_ARG(r->name));
	if (str_eq(h->reason, STR("above")))
		return arena_printf(
		    s->next, "%.*s is %.6g, above %.6g", STR_ARG(r->name), h->value, r->above);
	if (str_eq(h->reason, STR("below")))
		return arena_printf(
		    s->next, "%.*s is %.6g, below %.6g", STR_ARG(r->name), h->value, r->below);
	return arena_printf(s->next, "%.*s is %.6g", STR_ARG(r->name), h->value);
}

/* Adds the alert to the next ones; its texts and labels are copied there. */
static enum err keep_alert(struct step *s, const struct rule_alert *alert)
{
	struct rule_alert *to = &s->alerts[s->alert_count];
	*to = *alert;
	enum err e = labels_copy(s->next, alert->labels, &to->labels);
	if (e == OK)
		e = labels_copy(s->next, alert->annotations, &to->annotations);
	to->labels_json = arena_str(s->next, alert->labels_json);
	to->annotations_json = arena_str(s->next, alert->annotations_json);
	to->summary = arena_str(s->next, alert->summary);
	if (e == OK && arena_err(s->next) == OK)
		s->alert_count++;
	return e == OK ? arena_err(s->next) : e;
}

static void advance(const struct step *s, struct rule_alert *x)
{
	if (x->state == RULE_PENDING &&
	    wall_sub(s->at, x->active_at).ns >= hold_of(s, x->reason).ns) {
		x->state = RULE_FIRING;
		x->fired_at = s->at;
	}
}

/* Since when was this alert active before this process began? From the series that it wrote then.
 */
static struct wall restored(struct step *s, struct labels labels)
{
	struct labels l;
	struct matcher *m = arena_new(s->a, struct matcher, labels.count + 1);
	if (s->state->evaluated_at.ns != 0 || !s->env->engine.source || !m ||
	    labels_with(s->a, labels, LABEL_NAME, STR("ALERTS_FOR_STATE"), &l) != OK)
		return s->at;
	for (uint32_t i = 0; i < l.count; i++)
		m[i] = (struct matcher){
			.type = MATCH_EQ, .name = l.list[i].name, .value = l.list[i].value
		};
	int64_t now_ms = wall_ms(s->at), hour_ms = 3600000;
	struct source_query q = { .matchers = m,
		.matcher_count = l.count,
		.min_ms = now_ms - hour_ms,
		.max_ms = now_ms - 1 };
	struct source_result r = { 0 };
	const struct source *source = s->env->engine.source;
	if (source->select(source->ctx, s->a, &q, &r) != OK)
		return s->at;
	for (size_t i = 0; i < r.count; i++) {
		const struct source_series *x = &r.series[i];
		if (!labels_eq(x->labels, l) || x->sample_count == 0)
			continue;
		double since = x->samples[x->sample_count - 1].value;
		if (isfinite(since) && since > 0 && since * 1e9 < (double)s->at.ns)
			return (struct wall){ (int64_t)(since * 1e9) };
	}
	return s->at;
}

static enum err take_hit(struct step *s, const struct hit *h)
{
	const struct rule_alert *was = find_alert(s->state, h->key);
	struct rule_alert x = { .state = RULE_PENDING };
	if (was)
		x = *was;
	else
		x.active_at = restored(s, h->labels);
	x.labels = h->labels;
	x.labels_json = h->key;
	x.value = h->value;
	x.reason = h->reason;
	x.keep_since = (struct wall){ 0 };
	x.summary = make_summary(s, h);
	enum err e = expand_labels(s, s->a, s->rule->annotations, h->metric, h->value,
	    (struct labels){ 0 }, &x.annotations);
	if (e != OK)
		return e;
	x.annotations_json = to_json(s->a, x.annotations);
	if (!x.annotations_json.ptr || !x.summary.ptr)
		return ERR_NOMEM;
	advance(s, &x);
	return keep_alert(s, &x);
}

/* An alert that was, and is not among what is wrong now. */
static enum err take_missing(
    struct step *s, const struct rule_alert *was, const struct hit *present)
{
	struct rule_alert x = *was;
	bool rule_level = was->labels.count <= 1;
	bool vanished = s->rule->type == RULE_BAND && !present && !(rule_level && s->hit_count > 0);
	if (vanished && s->rule->no_data == NO_DATA_KEEP) {
		advance(s, &x);
		return keep_alert(s, &x);
	}
	if (vanished && s->rule->no_data == NO_DATA_ALERT) {
		x.keep_since = x.keep_since.ns ? x.keep_since : s->at;
		x.reason = STR("no_data");
		x.value = NAN;
		advance(s, &x);
		return wall_sub(s->at, x.keep_since).ns < VANISHED_NS ? keep_alert(s, &x) : OK;
	}
	if (x.state == RULE_FIRING && s->rule->keep_firing_for.ns > 0) {
		x.keep_since = x.keep_since.ns ? x.keep_since : s->at;
		if (wall_sub(s->at, x.keep_since).ns < s->rule->keep_firing_for.ns)
			return keep_alert(s, &x);
	}
	return OK;
}

static int by_json(const void *a, const void *b)
{
	return str_cmp(((const struct rule_alert *)a)->labels_json,
	    ((const struct rule_alert *)b)->labels_json);
}

static enum err next_alerts(struct step *s)
{
	if (s->group->limit > 0 && s->wrong_count > s->group->limit) {
		s->why = arena_printf(
		    s->a, "exceeded limit of %u with %zu alerts", s->group->limit, s->wrong_count);
		return ERR_INPUT;
	}
	if (s->wrong_count > RULES_ALERTS_MAX)
		return refuse(s, "more than 20000 alerts of one rule");
	s->alerts = arena_new(s->next, struct rule_alert, s->hit_count + s->state->alert_count);
	if (!s->alerts)
		return arena_err(s->next);
	enum err e = OK;
	for (size_t i = 0; i < s->hit_count && e == OK; i++) {
		if (!s->hits[i].present)
			e = take_hit(s, &s->hits[i]);
	}
	for (size_t i = 0; i < s->state->alert_count && e == OK; i++) {
		const struct hit *h = find_hit(s, s->state->alerts[i].labels_json);
		if (!h || h->present)
			e = take_missing(s, &s->state->alerts[i], h);
	}
	if (s->alert_count)
		qsort(s->alerts, s->alert_count, sizeof(s->alerts[0]), by_json);
	return e;
}

/* ---- series ---- */

static enum err put_sample(
    struct step *s, struct labels labels, double value, const struct hist *hist, bool stale)
{
	if (s->sample_count == s->sample_cap) {
		size_t cap = s->sample_cap ? s->sample_cap * 2 : 64;
		struct rule_sample *grown = arena_new(s->a, struct rule_sample, cap);
		if (!grown)
			return arena_err(s->a);
		if (s->sample_count)
			memcpy(grown, s->samples, s->sample_count * sizeof(grown[0]));
		s->samples = grown;
		s->sample_cap = cap;
	}
	s->samples[s->sample_count++] = (struct rule_sample){ labels, value, hist };
	return stale ? OK : labels_copy(s->next, labels, &s->written[s->written_count++]);
}

static enum err alert_series(struct step *s)
{
	s->written = arena_new(s->next, struct labels, 2 * s->alert_count);
	if (!s->written)
		return arena_err(s->next);
	enum err e = OK;
	for (size_t i = 0; i < s->alert_count && e == OK; i++) {
		const struct rule_alert *x = &s->alerts[i];
		struct labels l, named;
		e = labels_with(s->a, x->labels, STR("alertstate"),
		    x->state == RULE_FIRING ? STR("firing") : STR("pending"), &l);
		if (e == OK)
			e = labels_with(s->a, l, LABEL_NAME, STR("ALERTS"), &named);
		if (e == OK)
			e = put_sample(s, named, 1, NULL, false);
		if (e == OK)
			e = labels_with(
			    s->a, x->labels, LABEL_NAME, STR("ALERTS_FOR_STATE"), &named);
		if (e == OK)
			e = put_sample(s, named, floor((double)x->active_at.ns / 1e9), NULL, false);
	}
	return e;
}

static enum err record_series(struct step *s, const struct promql_result *r)
{
	struct labels_map seen;
	if (s->group->limit > 0 && r->count > s->group->limit) {
		s->why = arena_printf(
		    s->a, "exceeded limit of %u with %zu series", s->group->limit, r->count);
		return ERR_INPUT;
	}
	s->written = arena_new(s->next, struct labels, r->count);
	enum err e = s->written ? labels_map_make(s->a, r->count, &seen) : arena_err(s->next);
	for (size_t i = 0; i < r->count && e == OK; i++) {
		struct labels l = r->series[i].labels, next;
		const struct promql_point *p = &r->series[i].points[0];
		for (uint32_t k = 0; k < s->rule->labels.count && e == OK; k++) {
			e = labels_with(s->a, l, s->rule->labels.list[k].name,
			    s->rule->labels.list[k].value, &next);
			l = e == OK ? next : l;
		}
		if (e == OK)
			e = labels_with(s->a, l, LABEL_NAME, s->rule->name, &next);
		uint32_t number;
		bool is_new = true;
		if (e == OK)
			e = labels_map_put(&seen, next, &number, &is_new);
		if (e == OK && !is_new)
			return refuse(s, "vector contains metrics with the same labelset after "
			                 "applying rule labels");
		if (e == OK)
			e = put_sample(s, next, p->value, p->hist, false);
	}
	return e;
}

/* What the last step wrote and this one does not has ended. */
static enum err end_series(struct step *s)
{
	struct labels_map now;
	enum err e = labels_map_make(s->a, s->written_count, &now);
	for (size_t i = 0; i < s->written_count && e == OK; i++) {
		uint32_t number;
		bool is_new;
		e = labels_map_put(&now, s->written[i], &number, &is_new);
	}
	for (size_t i = 0; i < s->state->written_count && e == OK; i++) {
		if (labels_map_find(&now, s->state->written[i]) != UINT32_MAX)
			continue;
		struct labels copy; /* the state's arena is reset before the samples are written */
		e = labels_copy(s->a, s->state->written[i], &copy);
		if (e == OK)
			e = put_sample(s, copy, sample_stale(), NULL, true);
	}
	return e;
}

enum err rule_step(const struct rules_env *env, struct arena *a, const struct rule_group *group,
    const struct rule *rule, struct rule_state *state, const struct promql_result *result,
    struct wall at, const struct rule_sample **ret_samples, size_t *ret_count, struct str *ret_why)
{
	assert(result->type == PROMQL_VECTOR || result->type == PROMQL_SCALAR);
	struct step s = { .env = env,
		.a = a,
		.next = state->arenas[1 - state->current],
		.group = group,
		.rule = rule,
		.state = state,
		.at = at,
		.why = { "", 0 } };
	arena_reset(s.next);
	enum err e;
	if (rule->type == RULE_RECORD) {
		e = record_series(&s, result);
	} else {
		e = find_hits(&s, result);
		if (e == OK)
			e = next_alerts(&s);
		if (e == OK)
			e = alert_series(&s);
	}
	if (e == OK)
		e = end_series(&s);
	if (e != OK) {
		*ret_why = s.why.len ? s.why : str_c(err_text(e));
		return e;
	}
	state->current = 1 - state->current;
	state->alerts = s.alerts;
	state->alert_count = s.alert_count;
	state->written = s.written;
	state->written_count = s.written_count;
	state->evaluated_at = at;
	*ret_samples = s.samples;
	*ret_count = s.sample_count;
	return OK;
}
