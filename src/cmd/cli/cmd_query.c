/* SPDX-License-Identifier: Apache-2.0
 *
 * quis query: PromQL at one time or over a range, as a table or as little graphs.
 */
#include "cmd/cli/look.h"
#include <math.h>

#define POINTS_DEFAULT 60
#define POINTS_MAX 11000

static struct str seconds(struct cli *c, struct wall t)
{
	return arena_printf(
	    c->a, "%lld.%03lld", (long long)(wall_ms(t) / 1000), (long long)(wall_ms(t) % 1000));
}

/* name{label="value"} in the order of the answer. */
static struct str series_name(struct cli *c, const struct json *metric)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 16);
	buf_add(&b,
	    json_get(metric, STR("__name__")) ? json_get_str(metric, STR("__name__")) : STR(""));
	bool any = false;
	for (const struct json *m = json_is(metric, JSON_OBJECT) ? metric->child : NULL; m;
	     m = m->next) {
		if (str_eq(m->name, STR("__name__")))
			continue;
		buf_printf(&b, "%s%.*s=%.*s", any ? "," : "{", STR_ARG(m->name), STR_ARG(m->raw));
		any = true;
	}
	if (any || !b.len)
		buf_add_c(&b, any ? "}" : "{}");
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s;
}

/* [seconds, "value"] */
static double point_value(const struct json *point)
{
	const struct json *text =
	    json_is(point, JSON_ARRAY) && point->count == 2 ? point->child->next : NULL;
	double v;
	return text && text->type == JSON_STRING && !str_f64(text->text, true, &v) ? v : NAN;
}

static struct str number_text(struct cli *c, double v)
{
	struct buf b = buf_make(&mem_system, 512);
	print_number(&b, v);
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s;
}

/* A native histogram is told by its count and sum; the buckets are in the JSON. */
static struct str sample_text(struct cli *c, const struct json *point, const struct json *histogram)
{
	const struct json *h =
	    json_is(histogram, JSON_ARRAY) && histogram->count == 2 ? histogram->child->next : NULL;
	if (h)
		return arena_printf(c->a, "count %.*s, sum %.*s",
		    STR_ARG(json_get_str(h, STR("count"))), STR_ARG(json_get_str(h, STR("sum"))));
	return number_text(c, point_value(point));
}

static void print_vector(struct cli *c, const struct json *result)
{
	static const char *const heads[] = { "SERIES", "VALUE", NULL };
	struct table t = table_make(c->a, heads);
	for (const struct json *j = result->child; j; j = j->next) {
		struct cell cells[] = { cell(series_name(c, json_get(j, STR("metric")))),
			cell_styled(sample_text(c, json_get(j, STR("value")),
			                json_get(j, STR("histogram"))),
			    STYLE_BOLD) };
		table_add(&t, cells);
	}
	if (t.rows)
		table_write(&c->out, &t, c->width, c->color);
	else
		buf_add_c(&c->out, "No data.\n");
}

struct figures {
	double low, high, sum, last;
	size_t count;
};

static struct figures figures_of(const struct json *points, double *values, size_t cap)
{
	struct figures f = { HUGE_VAL, -HUGE_VAL, 0, NAN, 0 };
	for (const struct json *p = points->child; p; p = p->next) {
		double v = point_value(p);
		if (f.count < cap && values)
			values[f.count] = v;
		f.low = fmin(f.low, v);
		f.high = fmax(f.high, v);
		f.sum += v;
		f.last = v;
		f.count++;
	}
	return f;
}

/* The points of a series on the range's own steps, so that a gap is seen and all graphs share one
 * axis. */
static void spread(
    const struct json *points, double start, double step, double *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		values[i] = NAN;
	for (const struct json *p = points->child; p; p = p->next) {
		double at = json_is(p, JSON_ARRAY) && p->child ? p->child->number : NAN;
		double place = round((at - start) / step);
		if (place >= 0 && place < (double)count)
			values[(size_t)place] = point_value(p);
	}
}

struct range {
	double start, step;
	size_t points;
	bool graph;
};

static void print_matrix(struct cli *c, const struct json *result, const struct range *range)
{
	static const char *const plain[] = { "SERIES", "POINTS", "MIN", "AVG", "MAX", "LAST",
		NULL };
	static const char *const drawn[] = { "SERIES", "GRAPH", "MIN", "AVG", "MAX", "LAST", NULL };
	struct table t = table_make(c->a, range->graph ? drawn : plain);
	double *values = arena_new(c->a, double, range->points);
	for (const struct json *j = result->child; values && j; j = j->next) {
		const struct json *points = json_get(j, STR("values"));
		if (!json_is(points, JSON_ARRAY) || !points->count)
			points = json_get(j, STR("histograms"));
		if (!json_is(points, JSON_ARRAY) || !points->count)
			continue;
		struct figures f = figures_of(points, NULL, 0);
		struct buf b = buf_make(&mem_system, (size_t)1 << 16);
		spread(points, range->start, range->step, values, range->points);
		if (range->graph)
			graph_spark(&b, values, range->points, c->utf8);
		else
			buf_add_u64(&b, f.count);
		struct cell cells[] = { cell(series_name(c, json_get(j, STR("metric")))),
			cell(arena_str(c->a, buf_str(&b))), cell(number_text(c, f.low)),
			cell(number_text(c, f.sum / (double)f.count)), cell(number_text(c, f.high)),
			cell_styled(number_text(c, f.last), STYLE_BOLD) };
		buf_free(&b);
		table_add(&t, cells);
	}
	if (t.rows)
		table_write(&c->out, &t, c->width, c->color);
	else
		buf_add_c(&c->out, "No data.\n");
}

static int take_span(struct cli *c, const char *option, struct span *ret)
{
	struct str text = cli_value(&c->args, option);
	if (!text.ptr)
		return CLI_OK;
	if (span_parse(text, ret) || ret->ns < NS_PER_MS)
		return cli_fail(CLI_USAGE, "--%s is a duration such as 5m, not \"%.*s\"", option,
		    STR_ARG(text));
	return CLI_OK;
}

static int range_path(struct cli *c, struct wall at, struct str *path, struct range *ret)
{
	struct span over = SPAN_S(3600), step = { 0 };
	int code = take_span(c, "range", &over);
	if (!code)
		code = take_span(c, "step", &step);
	if (code)
		return code;
	if (!step.ns)
		step.ns = over.ns / POINTS_DEFAULT > NS_PER_S
		              ? over.ns / POINTS_DEFAULT / NS_PER_S * NS_PER_S
		              : NS_PER_S;
	if (over.ns / step.ns >= POINTS_MAX)
		return cli_fail(
		    CLI_USAGE, "--step is too short for that range: at most %d points", POINTS_MAX);
	struct wall start = wall_add(at, (struct span){ -over.ns });
	*path = client_query(c, *path, "start", seconds(c, start));
	*path = client_query(c, *path, "end", seconds(c, at));
	*path = client_query(c, *path, "step", arena_printf(c->a, "%.3f", (double)step.ns / 1e9));
	*ret = (struct range){ (double)wall_ms(start) / 1e3, (double)step.ns / 1e9,
		(size_t)(over.ns / step.ns) + 1, cli_has(&c->args, "graph") };
	return CLI_OK;
}

static void print_notes(const struct json *root)
{
	static const struct str names[] = { STR_INIT("warnings"), STR_INIT("infos") };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const struct json *list = json_get(root, names[i]);
		for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
		     j = j->next)
			cli_fail(0, "%.*s", STR_ARG(look_text(j)));
	}
}

int cmd_query(struct cli *c)
{
	bool ranged = cli_has(&c->args, "range") || cli_has(&c->args, "graph");
	struct wall at = c->now;
	struct str time = cli_value(&c->args, "time");
	struct str path = ranged ? STR("/api/v1/query_range") : STR("/api/v1/query");
	struct range range = { 0 };
	path = client_query(c, path, "query", c->args.arguments[0]);
	int code = time.ptr ? look_time(c, "time", time, &at) : CLI_OK;
	if (!code && ranged)
		code = range_path(c, at, &path, &range);
	else if (!code)
		path = client_query(c, path, "time", seconds(c, at));
	const struct json *root;
	if (!code)
		code = client_json(c, "GET", path, (struct str){ NULL, 0 }, &root);
	if (code || look_json(c, root))
		return code;
	const struct json *data = json_get(root, STR("data")),
	                  *result = json_get(data, STR("result"));
	struct str type = json_get_str(data, STR("resultType"));
	if (str_eq(type, STR("vector")))
		print_vector(c, result);
	else if (str_eq(type, STR("matrix")) && ranged)
		print_matrix(c, result, &range);
	else if (json_is(result, JSON_ARRAY) && result->count == 2 && !str_eq(type, STR("matrix")))
		buf_printf(&c->out, "%.*s\n", STR_ARG(look_text(result->child->next)));
	else
		buf_printf(&c->out, "%.*s\n", STR_ARG(look_raw(result)));
	print_notes(root);
	return CLI_OK;
}
