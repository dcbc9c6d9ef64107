/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules over a source in memory and a time that the test sets: bands, no data, for and
 * keep_firing_for, Prometheus' groups, recording, limits, errors, restarts.
 */
#include "rules/rules.h"
#include "query/memsource.h"
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

struct world {
	struct memsource *memory;
	struct source source;
	struct arena *set_arena, *arena;
	struct rule_set set;
	struct group_state *state;
	struct rules_env env;
	int64_t now_s;
};

static void write_samples(void *ctx, int64_t at_ms, const struct rule_sample *list, size_t count)
{
	struct world *w = ctx;
	for (size_t i = 0; i < count; i++) {
		enum err e =
		    list[i].hist
		        ? memsource_add_hist(w->memory, list[i].labels, at_ms, list[i].hist, 0)
		        : memsource_add(w->memory, list[i].labels, at_ms, list[i].value, 0);
		assert_int_equal(e, OK);
	}
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	if (memsource_open(&mem_system, &w->memory) != OK ||
	    arena_open(&mem_system, 8u << 20, &w->set_arena) != OK ||
	    arena_open(&mem_system, 64u << 20, &w->arena) != OK)
		return -1;
	w->source = memsource_source(w->memory);
	w->env = (struct rules_env){ .engine = { .source = &w->source },
		.ctx = w,
		.write = write_samples,
		.external_url = { "", 0 } };
	w->now_s = 100000;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	group_state_close(&w->state);
	arena_close(&w->set_arena);
	arena_close(&w->arena);
	memsource_close(&w->memory);
	free(w);
	return 0;
}

static void use(struct world *w, const char *json)
{
	group_state_close(&w->state);
	arena_reset(w->set_arena);
	assert_int_equal(rules_read(w->set_arena, str_c(json), 7, SPAN_S(15), &w->set), OK);
	assert_int_equal(w->set.group_count, 1);
	assert_int_equal(
	    group_state_open(&mem_system, &w->set.groups[0], NULL, NULL, &w->state), OK);
}

/* value now (and seen until it is older than five minutes) */
static void put(struct world *w, const char *name, const char *host, double value)
{
	struct label list[] = { { STR("__name__"), str_c(name) }, { STR("host"), str_c(host) } };
	struct labels l = { list, host[0] ? 2 : 1 };
	assert_int_equal(memsource_add(w->memory, l, w->now_s * 1000, value, 0), OK);
}

static void eval_after(struct world *w, int64_t seconds)
{
	w->now_s += seconds;
	arena_reset(w->arena);
	assert_int_equal(rules_evaluate(&w->env, w->arena, &w->set.groups[0], w->state,
	                     (struct wall){ w->now_s * NS_PER_S }),
	    OK);
}

/* "labels state reason; ..." of the group's rule */
static void is(struct world *w, uint32_t rule, const char *want)
{
	struct rule_view v = rule_state_view(w->state->rules[rule]);
	struct buf b = buf_make(&mem_system, 1u << 16);
	for (size_t i = 0; i < v.alert_count; i++)
		buf_printf(&b, "%s%.*s %s %.*s", i ? "; " : "", STR_ARG(v.alerts[i].labels_json),
		    v.alerts[i].state == RULE_FIRING ? "firing" : "pending",
		    STR_ARG(v.alerts[i].reason));
	if (v.error.len)
		buf_printf(&b, "! %.*s", STR_ARG(v.error));
	assert_string_equal(b.ptr ? b.ptr : "", want);
	buf_free(&b);
}

/* The latest value of a series; NaN with the stale bits counts as gone. */
static bool latest(struct world *w, const char *query, double *ret)
{
	const struct promql_expr *e = NULL;
	struct promql_fault fault;
	struct promql_failure failure;
	struct promql_result r;
	assert_int_equal(promql_parse(w->arena, str_c(query), &e, &fault), OK);
	assert_int_equal(promql_instant(&w->env.engine, w->arena, e, str_c(query), w->now_s * 1000,
	                     &r, &failure),
	    OK);
	if (r.count == 0)
		return false;
	*ret = r.series[0].points[0].value;
	return true;
}

#define A(host, rest) "{\"alertname\":\"load\",\"host\":\"" host "\"} " rest

static void band(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5,\"below\":"
	       "0.1,\"for\":\"1m\"}]");
	put(w, "load1", "a", 0.3);
	put(w, "load1", "b", 0.9);
	eval_after(w, 0);
	is(w, 0, A("b", "pending above"));
	eval_after(w, 50);
	is(w, 0, A("b", "pending above"));
	put(w, "load1", "a", 0.05);
	eval_after(w, 10);
	is(w, 0, A("a", "pending below") "; " A("b", "firing above"));
	struct rule_view v = rule_state_view(w->state->rules[0]);
	assert_true(str_eq(v.alerts[1].summary, STR("load is 0.9, above 0.5")));
	double n;
	assert_true(latest(w, "ALERTS{alertstate=\"firing\",host=\"b\"}", &n) && n == 1);
	put(w, "load1", "a", 0.3);
	put(w, "load1", "b", 0.3);
	eval_after(w, 15);
	is(w, 0, "");
	assert_false(latest(w, "ALERTS", &n));
	/* the borders themselves are well */
	put(w, "load1", "a", 0.5);
	put(w, "load1", "b", 0.1);
	eval_after(w, 15);
	is(w, 0, "");
}

static void silence_is_an_alert(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5}]");
	eval_after(w, 0);
	is(w, 0, "{\"alertname\":\"load\"} pending no_data"); /* a start is not yet silence */
	eval_after(w, 45);
	is(w, 0, "{\"alertname\":\"load\"} firing no_data");
	put(w, "load1", "a", 0.2);
	eval_after(w, 15);
	is(w, 0, "");
	put(w, "load1", "a", 0.8);
	eval_after(w, 15);
	is(w, 0, A("a", "firing above"));
	eval_after(w, 301); /* the series vanishes while it fires: that is no good news */
	is(w, 0, A("a", "firing no_data"));
	put(w, "load1", "a", NAN);
	eval_after(w, 15);
	is(w, 0, A("a", "firing no_data"));
	put(w, "load1", "a", 0.1);
	eval_after(w, 15);
	is(w, 0, "");
}

static void no_data_keep_and_ok(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5,\"no_"
	       "data\":\"keep\"}]");
	eval_after(w, 0);
	is(w, 0, "");
	put(w, "load1", "a", 0.8);
	eval_after(w, 15);
	eval_after(w, 400);
	is(w, 0, A("a", "firing above"));
	put(w, "load1", "a", 0.1);
	eval_after(w, 15);
	is(w, 0, "");
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5,\"no_"
	       "data\":\"ok\"}]");
	put(w, "load1", "a", 0.8);
	eval_after(w, 15);
	is(w, 0, A("a", "firing above"));
	eval_after(w, 400);
	is(w, 0, "");
}

static void keep_firing(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5,\"keep_"
	       "firing_for\":\"1m\"}]");
	put(w, "load1", "a", 0.8);
	eval_after(w, 15);
	put(w, "load1", "a", 0.1);
	eval_after(w, 15);
	is(w, 0, A("a", "firing above"));
	eval_after(w, 50);
	is(w, 0, A("a", "firing above"));
	eval_after(w, 10);
	is(w, 0, "");
}

static const char group[] =
    "[{\"kind\":\"RuleGroup\",\"name\":\"f/g\",\"labels\":{\"team\":\"x\"},\"rules\":["
    "{\"record\":\"job:load\",\"expr\":\"sum without(host) "
    "(load1)\",\"labels\":{\"kind\":\"sum\"}},"
    "{\"alert\":\"Busy\",\"expr\":\"job:load > 1\",\"for\":\"30s\",\"labels\":{\"severity\":\"{{ "
    "if gt $value 5.0 }}critical{{ else }}warning{{ end }}\"},"
    "\"annotations\":{\"summary\":\"{{ $labels.team }} at {{ $value | humanize }}\"}},"
    "{\"alert\":\"Both\",\"expr\":\"ALERTS{alertname=\\\"Busy\\\"}\"}]}]";

static void prometheus_group(void **state)
{
	struct world *w = *state;
	double n;
	use(w, group);
	put(w, "load1", "a", 1);
	put(w, "load1", "b", 1);
	eval_after(w, 0);
	assert_true(latest(w, "job:load{kind=\"sum\",team=\"x\"}", &n) && n == 2);
	is(w, 1,
	    "{\"alertname\":\"Busy\",\"kind\":\"sum\",\"severity\":\"warning\",\"team\":\"x\"} "
	    "pending condition");
	is(w, 2,
	    "{\"alertname\":\"Both\",\"alertstate\":\"pending\",\"kind\":\"sum\",\"severity\":"
	    "\"warning\",\"team\":\"x\"} firing condition");
	eval_after(w, 30);
	is(w, 1,
	    "{\"alertname\":\"Busy\",\"kind\":\"sum\",\"severity\":\"warning\",\"team\":\"x\"} "
	    "firing condition");
	struct rule_view v = rule_state_view(w->state->rules[1]);
	assert_true(str_eq(v.alerts[0].summary, STR("x at 2")));
	assert_true(str_eq(v.alerts[0].annotations_json, STR("{\"summary\":\"x at 2\"}")));
	put(w, "load1", "a", 0);
	eval_after(w, 15);
	is(w, 1, "");
	assert_false(latest(w, "ALERTS{alertname=\"Busy\"}", &n));
	/* a series that a recording rule no longer gives has ended */
	eval_after(w, 301);
	assert_false(latest(w, "job:load", &n));
}

static void errors_change_nothing(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"RuleGroup\",\"name\":\"f/g\",\"limit\":1,\"rules\":["
	       "{\"alert\":\"A\",\"expr\":\"load1 > 0\"},{\"alert\":\"Broken\",\"expr\":\"load1 "
	       ">\"},{\"record\":\"r\",\"expr\":\"load1\"},"
	       "{\"alert\":\"Same\",\"expr\":\"{__name__=~\\\"load1|load2\\\"}\"}]}]");
	put(w, "load1", "a", 1);
	eval_after(w, 0);
	is(w, 0, "{\"alertname\":\"A\",\"host\":\"a\"} firing condition");
	struct rule_view v = rule_state_view(w->state->rules[1]);
	assert_true(str_find_str(v.error, STR("parse error")) < v.error.len);
	is(w, 2, "");
	put(w, "load1", "b", 1);
	eval_after(w, 1);
	v = rule_state_view(w->state->rules[0]);
	assert_true(
	    str_eq(v.error, STR("exceeded limit of 1 with 2 alerts")) && v.alert_count == 1);
	v = rule_state_view(w->state->rules[2]);
	assert_true(str_eq(v.error, STR("exceeded limit of 1 with 2 series")));
	memsource_clear(w->memory);
	put(w, "load1", "a", 1);
	put(w, "load2", "a", 1);
	eval_after(w, 1);
	v = rule_state_view(w->state->rules[3]);
	assert_true(str_eq(v.error,
	    STR("vector contains metrics with the same labelset after applying alert labels")));
	is(w, 0, "{\"alertname\":\"A\",\"host\":\"a\"} firing condition");
	assert_int_equal(w->state->failures, 3);
}

static void survives_a_restart(void **state)
{
	struct world *w = *state;
	const char *json = "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0."
	                   "5,\"for\":\"1m\"}]";
	use(w, json);
	put(w, "load1", "a", 0.8);
	eval_after(w, 0);
	eval_after(w, 60);
	is(w, 0, A("a", "firing above"));
	use(w, json); /* a new process: nothing but the series is left */
	eval_after(w, 15);
	is(w, 0, A("a", "firing above"));
}

static void new_rules_take_over(void **state)
{
	struct world *w = *state;
	use(w, "[{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.5,\"for\":"
	       "\"10m\"}]");
	put(w, "load1", "a", 0.8);
	eval_after(w, 0);
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	struct rule_set next;
	struct group_state *state_next = NULL;
	struct str json =
	    STR("[{\"kind\":\"Alert\",\"name\":\"aaa\",\"body\":{\"name\":\"aaa\",\"query\":\"1\","
	        "\"no_data\":\"ok\"}},"
	        "{\"kind\":\"Alert\",\"name\":\"load\",\"query\":\"load1\",\"above\":0.6}]");
	assert_int_equal(rules_read(a, json, 8, SPAN_S(15), &next), OK);
	assert_int_equal(group_state_open(&mem_system, &next.groups[0], &w->set.groups[0], w->state,
	                     &state_next),
	    OK);
	group_state_close(&w->state);
	w->state = state_next;
	w->set = next;
	eval_after(w, 15);
	is(w, 0, "{\"alertname\":\"aaa\"} firing condition");
	is(w, 1, A("a", "firing above"));
	group_state_close(&w->state);
	arena_close(&a);
}

static void greedy(void **state)
{
	struct world *w = *state;
	char host[16];
	arena_close(&w->arena);
	assert_int_equal(arena_open(&mem_system, 1u << 20, &w->arena), OK);
	use(w, "[{\"kind\":\"RuleGroup\",\"name\":\"f/g\",\"rules\":["
	       "{\"alert\":\"greedy\",\"expr\":\"load1 > 0\"},"
	       "{\"alert\":\"modest\",\"expr\":\"up == 0\"}]}]");
	for (int i = 0; i < 5000; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		put(w, "load1", host, 1);
	}
	put(w, "up", "", 0);
	eval_after(w, 15);
	is(w, 0, "! query needs more memory than it may have");
	is(w, 1, "{\"alertname\":\"modest\"} firing condition");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest list[] = {
		T(band),
		T(silence_is_an_alert),
		T(no_data_keep_and_ok),
		T(keep_firing),
		T(prometheus_group),
		T(errors_change_nothing),
		T(greedy),
		T(survives_a_restart),
		T(new_rules_take_over),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
