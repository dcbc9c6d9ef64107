/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. Parameters come from the query string and, for POST, from a form body; both
 * count.
 */
#include "api/prom.h"
#include "api/params.h"
#include <assert.h>
#include <math.h>

struct ask {
	const struct prom *p;
	struct arena *a;
	const struct prom_request *r;
	struct params url, form;
	struct prom_answer *answer;
};

void prom_error(struct prom_answer *answer, unsigned status, const char *type, struct str what)
{
	answer->status = status;
	answer->content_type = "application/json";
	buf_clear(&answer->body);
	promql_answer_error(&answer->body, str_c(type), what);
}

static void bad_data(struct ask *q, struct str what)
{
	prom_error(q->answer, 400, "bad_data", what);
}

static void bad_parameter(struct ask *q, const char *name, struct str what)
{
	struct str text = arena_printf(q->a, "invalid parameter \"%s\": %.*s", name, STR_ARG(what));
	bad_data(q, text);
}

static struct buf *start(struct ask *q)
{
	q->answer->status = 200;
	q->answer->content_type = "application/json";
	buf_clear(&q->answer->body);
	return &q->answer->body;
}

static struct jw begin(struct ask *q)
{
	struct jw w = jw_make(start(q));
	jw_open(&w, '{');
	jw_kv_str(&w, STR("status"), STR("success"));
	jw_key(&w, STR("data"));
	return w;
}

/* The last of a parameter: the form's before the URL's; ptr NULL: not there. */
static struct str get(const struct ask *q, struct str name)
{
	struct str v = params_get(&q->form, name);
	return v.ptr ? v : params_get(&q->url, name);
}

/* ---- times ---- */

static bool read_seconds(struct str s, int64_t *ret_ms)
{
	double v;
	if (str_f64(s, false, &v) != OK || !(v > -9e15 && v < 9e15))
		return false;
	*ret_ms = llrint(v * 1000);
	return true;
}

static bool read_time(struct str s, int64_t *ret_ms)
{
	struct wall t;
	if (read_seconds(s, ret_ms))
		return true;
	if (wall_parse(s, &t) != OK)
		return false;
	*ret_ms = wall_ms(t);
	return true;
}

/* False with the answer written when it is there and wrong. */
static bool time_parameter(struct ask *q, const char *name, int64_t fallback, int64_t *ret_ms)
{
	struct str s = get(q, str_c(name));
	*ret_ms = fallback;
	if (s.len == 0 || read_time(s, ret_ms))
		return true;
	bad_parameter(
	    q, name, arena_printf(q->a, "cannot parse \"%.*s\" to a valid timestamp", STR_ARG(s)));
	return false;
}

static bool span_parameter(struct ask *q, const char *name, int64_t fallback, int64_t *ret_ms)
{
	struct str s = get(q, str_c(name));
	struct span d;
	*ret_ms = fallback;
	if (s.len == 0 || read_seconds(s, ret_ms))
		return true;
	if (span_parse(s, &d) == OK) {
		*ret_ms = d.ns / NS_PER_MS;
		return true;
	}
	bad_parameter(
	    q, name, arena_printf(q->a, "cannot parse \"%.*s\" to a valid duration", STR_ARG(s)));
	return false;
}

static bool limit_parameter(struct ask *q, size_t *ret)
{
	struct str s = get(q, STR("limit"));
	uint64_t v = 0;
	*ret = 0;
	if (s.len == 0)
		return true;
	if (str_u64(s, &v) != OK) {
		bad_parameter(q, "limit", STR("limit must be non-negative"));
		return false;
	}
	*ret = (size_t)v;
	return true;
}

/* ---- query ---- */

static const struct promql_expr *parse_query(struct ask *q, struct str text)
{
	const struct promql_expr *e = NULL;
	struct promql_fault fault = { 0 };
	enum err err = promql_parse(q->a, text, &e, &fault);
	if (err == OK)
		return e;
	struct buf b = buf_make(&mem_system, 1u << 16);
	if (err == ERR_INPUT)
		promql_fault_text(&fault, &b);
	else
		buf_add_c(&b, err_text(err));
	bad_parameter(q, "query", buf_str(&b));
	buf_free(&b);
	return NULL;
}

static void fail_query(struct ask *q, enum err err, const struct promql_failure *f)
{
	struct str what = f->what.len ? f->what : str_c(err_text(err));
	if (err == ERR_BUSY || f->type == PROMQL_ERR_TIMEOUT)
		prom_error(q->answer, 503, "timeout", what);
	else if (err == ERR_INPUT || err == ERR_LIMIT || f->type == PROMQL_ERR_EXECUTION)
		prom_error(q->answer, 422, "execution", what);
	else
		prom_error(q->answer, 500, "internal", what);
}

static void answer_result(struct ask *q, struct promql_result *r, size_t limit)
{
	static const struct str cut = STR_INIT("results truncated due to limit");
	bool truncated =
	    limit > 0 && r->count > limit && (r->type == PROMQL_VECTOR || r->type == PROMQL_MATRIX);
	if (truncated) {
		struct str *warnings = arena_new(q->a, struct str, r->warning_count + 1);
		if (!warnings)
			return; /* prom_handle says so */
		if (r->warning_count)
			memcpy(warnings, r->warnings, r->warning_count * sizeof(warnings[0]));
		warnings[r->warning_count++] = cut;
		r->warnings = warnings;
		r->count = limit;
	}
	promql_answer(start(q), r);
}

static bool engine_parameters(struct ask *q, struct promql_engine *engine, size_t *limit)
{
	int64_t lookback;
	*engine = q->p->engine;
	engine->source = q->p->source;
	if (!limit_parameter(q, limit) ||
	    !span_parameter(q, "lookback_delta", engine->lookback_ms, &lookback))
		return false;
	engine->lookback_ms = lookback;
	return true;
}

static void instant(struct ask *q)
{
	int64_t at;
	size_t limit;
	struct promql_engine engine;
	if (!engine_parameters(q, &engine, &limit) ||
	    !time_parameter(q, "time", wall_ms(q->r->now), &at))
		return;
	struct str text = get(q, STR("query"));
	const struct promql_expr *e = parse_query(q, text.ptr ? text : STR(""));
	if (!e)
		return;
	struct promql_result r = { 0 };
	struct promql_failure f = { 0 };
	enum err err = promql_instant(&engine, q->a, e, text, at, &r, &f);
	if (err != OK)
		fail_query(q, err, &f);
	else
		answer_result(q, &r, limit);
}

static bool range_parameters(struct ask *q, int64_t *start, int64_t *end, int64_t *step)
{
	static const char *const names[] = { "start", "end", "step" };
	for (size_t i = 0; i < 3; i++) {
		if (get(q, str_c(names[i])).len == 0) {
			const char *what = i < 2 ? "cannot parse \"\" to a valid timestamp"
			                         : "cannot parse \"\" to a valid duration";
			bad_parameter(q, names[i], str_c(what));
			return false;
		}
	}
	if (!time_parameter(q, "start", 0, start) || !time_parameter(q, "end", 0, end))
		return false;
	if (*end < *start) {
		bad_parameter(q, "end", STR("end timestamp must not be before start time"));
		return false;
	}
	if (!span_parameter(q, "step", 0, step))
		return false;
	if (*step <= 0) {
		bad_parameter(q, "step",
		    STR("zero or negative query resolution step widths are not accepted. Try a "
		        "positive integer"));
		return false;
	}
	if ((*end - *start) / *step > PROM_POINTS_MAX) {
		bad_data(q, STR("exceeded maximum resolution of 11,000 points per timeseries. Try "
		                "decreasing the query resolution (?step=XX)"));
		return false;
	}
	return true;
}

static void range(struct ask *q)
{
	int64_t start, end, step;
	size_t limit;
	struct promql_engine engine;
	if (!range_parameters(q, &start, &end, &step) || !engine_parameters(q, &engine, &limit))
		return;
	struct str text = get(q, STR("query"));
	const struct promql_expr *e = parse_query(q, text.ptr ? text : STR(""));
	if (!e)
		return;
	enum promql_type type = promql_type_of(e);
	if (type != PROMQL_SCALAR && type != PROMQL_VECTOR) {
		const char *is = type == PROMQL_MATRIX ? "range vector" : "string";
		bad_parameter(q, "query",
		    arena_printf(q->a,
		        "invalid expression type \"%s\" for range query, must be Scalar or instant "
		        "Vector",
		        is));
		return;
	}
	struct promql_result r = { 0 };
	struct promql_failure f = { 0 };
	enum err err = promql_range(&engine, q->a, e, text, start, end, step, &r, &f);
	if (err != OK)
		fail_query(q, err, &f);
	else
		answer_result(q, &r, limit);
}

static void format_query(struct ask *q)
{
	struct str text = get(q, STR("query"));
	const struct promql_expr *e = parse_query(q, text.ptr ? text : STR(""));
	if (!e)
		return;
	struct buf b = buf_make(&mem_system, 1u << 20);
	promql_print(e, &b);
	struct jw w = begin(q);
	jw_str(&w, buf_str(&b));
	jw_close(&w, '}');
	buf_free(&b);
}

/* ---- metadata ---- */

#define MATCHES_MAX 64u

/* match[], start, end, limit. */
static bool read_filter(struct ask *q, bool need_match, struct source_filter *f)
{
	*f = (struct source_filter){ .min_ms = INT64_MIN, .max_ms = INT64_MAX };
	if (!time_parameter(q, "start", INT64_MIN, &f->min_ms) ||
	    !time_parameter(q, "end", INT64_MAX, &f->max_ms) || !limit_parameter(q, &f->limit))
		return false;
	if (f->max_ms < f->min_ms) {
		bad_parameter(q, "end", STR("end timestamp must not be before start timestamp"));
		return false;
	}
	const struct matcher **sets = arena_new(q->a, const struct matcher *, MATCHES_MAX);
	size_t *counts = arena_new(q->a, size_t, MATCHES_MAX);
	if (!sets || !counts)
		return false;
	const struct params *both[2] = { &q->url, &q->form };
	for (size_t k = 0; k < 2; k++) {
		struct str text;
		for (size_t at = 0;
		     f->count < MATCHES_MAX && params_next(both[k], &at, STR("match"), &text);) {
			struct promql_fault fault = { 0 };
			if (promql_parse_selector(
			        q->a, text, &sets[f->count], &counts[f->count], &fault) != OK) {
				struct buf b = buf_make(&mem_system, 1u << 16);
				promql_fault_text(&fault, &b);
				bad_parameter(q, "match[]", buf_str(&b));
				buf_free(&b);
				return false;
			}
			f->count++;
		}
	}
	f->sets = sets;
	f->set_counts = counts;
	if (need_match && f->count == 0) {
		bad_data(q, STR("no match[] parameter provided"));
		return false;
	}
	return true;
}

static void fail_source(struct ask *q, enum err e)
{
	prom_error(q->answer, e == ERR_LIMIT ? 422 : 500, e == ERR_LIMIT ? "execution" : "internal",
	    str_c(err_text(e)));
}

static void answer_names(struct ask *q, const struct source_names *n)
{
	promql_answer_names(start(q), n);
}

static void label_names(struct ask *q)
{
	struct source_filter f;
	struct source_names n = { 0 };
	if (!read_filter(q, false, &f))
		return;
	enum err e = q->p->source->label_names(q->p->source->ctx, q->a, &f, &n);
	if (e != OK)
		fail_source(q, e);
	else
		answer_names(q, &n);
}

/* Names that are not plain come as U__ with _hex_ escapes; the plain ones as they are. */
static void label_values(struct ask *q, struct str name)
{
	struct source_filter f;
	struct source_names n = { 0 };
	if (name.len == 0 || !str_utf8_valid(name)) {
		bad_data(q, arena_printf(q->a, "invalid label name: \"%.*s\"", STR_ARG(name)));
		return;
	}
	if (!read_filter(q, false, &f))
		return;
	enum err e = q->p->source->label_values(q->p->source->ctx, q->a, name, &f, &n);
	if (e != OK)
		fail_source(q, e);
	else
		answer_names(q, &n);
}

static void series(struct ask *q)
{
	struct source_filter f;
	struct source_result r = { 0 };
	if (!read_filter(q, true, &f))
		return;
	enum err e = q->p->source->series(q->p->source->ctx, q->a, &f, &r);
	if (e != OK) {
		fail_source(q, e);
		return;
	}
	promql_answer_series(start(q), &r);
}

/* ---- the rest ---- */

static void rules(struct ask *q)
{
	struct str type = get(q, STR("type"));
	if (type.len && !str_eq(type, STR("alert")) && !str_eq(type, STR("record"))) {
		bad_parameter(
		    q, "type", arena_printf(q->a, "not supported value \"%.*s\"", STR_ARG(type)));
		return;
	}
	struct jw w = begin(q);
	q->p->rules(q->p->ctx, &w, type.ptr ? type : STR(""));
	jw_close(&w, '}');
}

static void alerts(struct ask *q)
{
	struct jw w = begin(q);
	q->p->alerts(q->p->ctx, &w);
	jw_close(&w, '}');
}

static void statsd(struct ask *q)
{
	struct jw w = begin(q);
	q->p->statsd(q->p->ctx, &w);
	jw_close(&w, '}');
}

static void nothing(struct ask *q, char open, char close)
{
	struct jw w = begin(q);
	jw_open(&w, open);
	jw_close(&w, close);
	jw_close(&w, '}');
}

static void metadata(struct ask *q)
{
	nothing(q, '{', '}');
}

static void exemplars(struct ask *q)
{
	nothing(q, '[', ']');
}

static void buildinfo(struct ask *q)
{
	struct jw w = begin(q);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("application"), STR("quis"));
	/* clients look here for what the query language can do */
	jw_kv_str(&w, STR("version"), STR("3.4.0"));
	jw_kv_str(&w, STR("revision"), q->p->version);
	jw_kv_str(&w, STR("branch"), STR(""));
	jw_kv_str(&w, STR("buildUser"), STR(""));
	jw_kv_str(&w, STR("buildDate"), STR(""));
	jw_kv_str(&w, STR("goVersion"), STR(""));
	jw_close(&w, '}');
	jw_close(&w, '}');
}

static const struct {
	struct str path;
	void (*answer)(struct ask *q);
	bool post;
} routes[] = {
	{ STR_INIT("/api/v1/query"), instant, true },
	{ STR_INIT("/api/v1/query_range"), range, true },
	{ STR_INIT("/api/v1/series"), series, true },
	{ STR_INIT("/api/v1/labels"), label_names, true },
	{ STR_INIT("/api/v1/rules"), rules, false },
	{ STR_INIT("/api/v1/alerts"), alerts, false },
	{ STR_INIT("/api/v1/metadata"), metadata, false },
	{ STR_INIT("/api/v1/query_exemplars"), exemplars, true },
	{ STR_INIT("/api/v1/format_query"), format_query, true },
	{ STR_INIT("/api/v1/status/buildinfo"), buildinfo, false },
	{ STR_INIT("/api/v1/status/statsd"), statsd, false },
};

static const struct str label_prefix = STR_INIT("/api/v1/label/");
static const struct str label_suffix = STR_INIT("/values");

static bool is_label_path(struct str path)
{
	return str_starts(path, label_prefix) && str_ends(path, label_suffix) &&
	       path.len > label_prefix.len + label_suffix.len;
}

bool prom_knows(struct str path)
{
	for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
		if (str_eq(routes[i].path, path))
			return true;
	}
	return is_label_path(path);
}

static bool read_parameters(struct ask *q)
{
	enum err e = params_read(q->a, q->r->query, &q->url);
	bool form = str_eq(q->r->method, STR("POST")) &&
	            str_starts(q->r->content_type, STR("application/x-www-form-urlencoded"));
	if (e == OK && form)
		e = params_read(q->a, q->r->body, &q->form);
	if (e != OK)
		bad_data(q, STR("error parsing form values: invalid encoding"));
	return e == OK;
}

static void dispatch(struct ask *q)
{
	const struct prom_request *r = q->r;
	bool get_method = str_eq(r->method, STR("GET"));
	for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
		if (!str_eq(routes[i].path, r->path))
			continue;
		if (!get_method && !(routes[i].post && str_eq(r->method, STR("POST"))))
			prom_error(q->answer, 405, "bad_data", STR("method not allowed"));
		else if (read_parameters(q))
			routes[i].answer(q);
		return;
	}
	if (!is_label_path(r->path)) {
		prom_error(q->answer, 404, "not_found", STR("there is no such path"));
		return;
	}
	struct str name = str_make(
	    r->path.ptr + label_prefix.len, r->path.len - label_prefix.len - label_suffix.len);
	if (!get_method)
		prom_error(q->answer, 405, "bad_data", STR("method not allowed"));
	else if (read_parameters(q))
		label_values(q, name);
}

void prom_handle(
    const struct prom *p, struct arena *a, const struct prom_request *r, struct prom_answer *ret)
{
	assert(p->source && p->rules && p->alerts && p->statsd);
	struct ask q = { .p = p, .a = a, .r = r, .answer = ret };
	ret->status = 0;
	dispatch(&q);
	if (ret->body.err != OK || ret->status == 0) {
		enum err e = ret->body.err != OK ? ret->body.err : arena_err(a);
		buf_free(&ret->body);
		prom_error(ret, e == ERR_LIMIT ? 422 : 500,
		    e == ERR_LIMIT ? "execution" : "internal",
		    e == ERR_LIMIT ? STR("the answer is too large: ask for less time, fewer series "
		                         "or a larger step")
		                   : str_c(err_text(e)));
	}
}
