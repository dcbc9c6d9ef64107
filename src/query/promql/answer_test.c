/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's door: parse faults with their places, limits, cancellation, and the JSON of answers.
 */
#include "base/json.h"
#include "query/memsource.h"
#include "query/promql/answer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

struct world {
	struct arena *arena;
	struct memsource *mem;
	struct source source;
	struct promql_engine engine;
};

static struct world world_for_test(void)
{
	struct world w = { 0 };
	assert_int_equal(arena_open(&mem_system, (size_t)1 << 26, &w.arena), OK);
	assert_int_equal(memsource_open(&mem_system, &w.mem), OK);
	struct label up[] = { { LABEL_NAME, STR("up") }, { STR("job"), STR("a") } };
	struct hist_bucket pos[] = { { 0, 1 }, { 1, 2 } };
	struct hist h = { .count = 4,
		.sum = 5.5,
		.pos = pos,
		.pos_count = 2,
		.zero_count = 1,
		.zero_threshold = 0.001 };
	struct label hist[] = { { LABEL_NAME, STR("h") } };
	for (int i = 0; i < 10; i++)
		assert_int_equal(
		    memsource_add(w.mem, (struct labels){ up, 2 }, i * 1000, i + 0.5, 0), OK);
	assert_int_equal(memsource_add_hist(w.mem, (struct labels){ hist, 1 }, 1000, &h, 0), OK);
	w.source = memsource_source(w.mem);
	return w;
}

static void world_end(struct world *w)
{
	memsource_close(&w->mem);
	arena_close(&w->arena);
}

static enum err ask(
    struct world *w, struct str query, struct promql_result *ret, struct promql_failure *failure)
{
	const struct promql_expr *e;
	struct promql_fault fault;
	w->engine.source = &w->source;
	assert_int_equal(promql_parse(w->arena, query, &e, &fault), OK);
	return promql_instant(&w->engine, w->arena, e, query, 9000, ret, failure);
}

static void answers(struct world *w, const char *query, const char *want)
{
	struct promql_result r;
	struct promql_failure f;
	struct buf b = buf_make(&mem_system, 1 << 20);
	const struct json *root;
	assert_int_equal(ask(w, str_c(query), &r, &f), OK);
	promql_answer(&b, &r);
	assert_string_equal(b.ptr, want);
	assert_int_equal(json_read(w->arena, buf_str(&b), JSON_DEPTH_MAX, &root, NULL), OK);
	buf_free(&b);
}

static void test_answers(void **state)
{
	(void)state;
	struct world w = world_for_test();
	answers(&w, "up",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"up\",\"job\":\"a\"},\"value\":[9,\"9.5\"]}]}}");
	answers(&w, "1 / 0",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[9,\"+Inf\"]}"
	    "}");
	answers(&w, "1e-9",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[9,\"1e-09\"]}"
	    "}");
	answers(&w, "\"a\\\"b\"",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"string\",\"result\":[9,\"a\\\"b\"]}"
	    "}");
	answers(&w, "up[1500ms]",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"up\",\"job\":\"a\"},\"values\":[[8,\"8.5\"],[9,\"9.5\"]]}]}}");
	answers(&w, "h",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"h\"},\"histogram\":[9,{\"count\":\"4\",\"sum\":\"5.5\",\"buckets\":[[3,"
	    "\"-0.001\",\"0.001\",\"1\"],[0,\"0.5\",\"1\",\"1\"],[0,\"1\",\"2\",\"2\"]]}]}]}}");
	answers(&w, "max(h)",
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]},\"infos\":["
	    "\"PromQL info: ignored histogram in max aggregation (1:5)\"]}");
	struct buf b = buf_make(&mem_system, 1024);
	promql_answer_point(&b, 1435781430781, 1);
	promql_answer_point(&b, -1500, 0.1);
	promql_answer_point(&b, 20, 2);
	assert_string_equal(b.ptr, "[1435781430.781,\"1\"][-1.5,\"0.1\"][0.02,\"2\"]");
	buf_free(&b);
	world_end(&w);
}

static void test_faults(void **state)
{
	static const struct {
		const char *query, *text;
	} cases[] = {
		{ "", "1:1: parse error: no expression found in input" },
		{ "1 +", "1:4: parse error: unexpected end of input" },
		{ "up{", "1:4: parse error: unexpected end of input inside braces" },
		{ "up\n  {a=}",
		    "2:6: parse error: unexpected \"}\" in label matching, expected string" },
		{ "up{a}", "1:5: parse error: unexpected \"}\" in label matching, expected label "
		           "matching operator" },
		{ "up[", "1:4: parse error: unclosed left bracket" },
		{ "up[5x]", "1:4: parse error: bad number or duration syntax: \"5x\"" },
		{ "up[5m:1m:2m]", "1:9: parse error: unexpected second colon(:) in brackets: ':'" },
		{ "sum(up) by job", "1:12: parse error: unexpected identifier \"job\" in grouping "
		                    "opts, expected \"(\"" },
		{ "up offset", "1:10: parse error: unexpected end of input in offset, expected "
		               "number, duration, step(), or range()" },
		{ "up offset 5m offset 5m",
		    "1:1: parse error: offset may not be set multiple times" },
		{ "(up)[5m]", "1:1: parse error: ranges only allowed for vector selectors" },
		{ "up @ foo",
		    "1:6: parse error: unexpected identifier \"foo\" in @, expected timestamp" },
		{ "rate(up)", "1:6: parse error: expected type range vector in call to function "
		              "\"rate\", got instant vector" },
		{ "sum(up[5m])", "1:5: parse error: expected type instant vector in aggregation "
		                 "expression, got range vector" },
		{ "rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0" },
		{ "foo(up)", "1:1: parse error: unknown function with name \"foo\"" },
		{ "topk(up)", "1:1: parse error: wrong number of arguments for aggregate "
		              "expression provided, expected 2, got 1" },
		{ "up and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar "
		              "expression" },
		{ "up + on(a) group_left(a) up",
		    "1:1: parse error: label \"a\" must not occur in ON and GROUP clause at once" },
		{ "up == bool", "1:11: parse error: unexpected end of input" },
		{ "up + bool up",
		    "1:1: parse error: bool modifier can only be used on comparison operators" },
		{ "{__name__=\"\"}", "1:1: parse error: vector selector must contain at least one "
		                     "non-empty matcher" },
		{ "up{__name__=\"x\"}",
		    "1:1: parse error: metric name must not be set twice: \"up\" or \"x\"" },
		{ "\"abc", "1:1: parse error: unterminated quoted string" },
		{ "up & up", "1:4: parse error: unexpected character: '&'" },
		{ "up)", "1:3: parse error: unexpected right parenthesis: ')'" },
		{ "abs(1,)",
		    "1:7: parse error: trailing commas not allowed in function call args" },
		{ "-\"a\"", "1:1: parse error: unary expression only allowed on expressions of "
		            "type scalar or instant vector, got \"string\"" },
	};
	(void)state;
	struct world w = world_for_test();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct promql_expr *e;
		struct promql_fault fault;
		struct buf b = buf_make(&mem_system, 4096);
		assert_int_equal(
		    promql_parse(w.arena, str_c(cases[i].query), &e, &fault), ERR_INPUT);
		promql_fault_text(&fault, &b);
		assert_string_equal(b.ptr, cases[i].text);
		buf_free(&b);
	}
	struct promql_fault fault;
	const struct promql_expr *e;
	struct buf b = buf_make(&mem_system, 4096);
	assert_int_equal(promql_parse(w.arena, STR("1 +"), &e, &fault), ERR_INPUT);
	promql_answer_fault(&b, STR("query"), &fault);
	assert_string_equal(b.ptr,
	    "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"invalid parameter "
	    "\\\"query\\\": 1:4: parse error: unexpected end of input\"}");
	buf_free(&b);
	world_end(&w);
}

static bool stop(void *ctx)
{
	(*(int *)ctx)++;
	return true;
}

static void test_limits(void **state)
{
	(void)state;
	struct world w = world_for_test();
	struct promql_result r;
	struct promql_failure f;
	const struct promql_expr *e;
	struct promql_fault fault;
	/* samples */
	w.engine.sample_max = 5;
	assert_int_equal(ask(&w, STR("sum_over_time(up[1m])"), &r, &f), ERR_LIMIT);
	assert_true(str_eq(f.what,
	    STR("query processing would load too many samples into memory in query execution")));
	w.engine.sample_max = 0;
	assert_int_equal(ask(&w, STR("sum_over_time(up[1m])"), &r, &f), OK);
	assert_int_equal(r.samples, 10);
	/* time */
	int asked = 0;
	w.engine.cancelled = stop;
	w.engine.cancel_ctx = &asked;
	struct str range = STR("sum_over_time(up[1m])");
	assert_int_equal(promql_parse(w.arena, range, &e, &fault), OK);
	assert_int_equal(promql_range(&w.engine, w.arena, e, range, 0, 9000, 1, &r, &f), ERR_BUSY);
	assert_int_equal(f.type, PROMQL_ERR_TIMEOUT);
	assert_true(asked > 0);
	w.engine.cancelled = NULL;
	/* steps */
	assert_int_equal(
	    promql_range(&w.engine, w.arena, e, range, 0, INT64_C(1) << 40, 1, &r, &f), ERR_LIMIT);
	/* a range vector has no range query */
	struct str matrix = STR("up[1m]");
	assert_int_equal(promql_parse(w.arena, matrix, &e, &fault), OK);
	assert_int_equal(promql_range(&w.engine, w.arena, e, matrix, 0, 10, 1, &r, &f), ERR_INPUT);
	/* length and depth of a query */
	size_t n = PROMQL_QUERY_MAX + 1;
	char *text = malloc(n);
	assert_non_null(text);
	memset(text, '(', n);
	assert_int_equal(promql_parse(w.arena, str_make(text, n), &e, &fault), ERR_INPUT);
	assert_int_equal(promql_parse(w.arena, str_make(text, 5000), &e, &fault), ERR_INPUT);
	memset(text, '-', n);
	assert_int_equal(promql_parse(w.arena, str_make(text, 5000), &e, &fault), ERR_INPUT);
	free(text);
	world_end(&w);
}

/* Every allocation that the arena makes may fail: an error comes back, nothing is lost. */
static void test_out_of_memory(void **state)
{
	(void)state;
	struct world w = world_for_test();
	struct str query = STR("sum by (job) (rate(up[5s])) > 0 or label_replace(up, \"a\", "
	                       "\"$1\", \"job\", \"(.+)b?\")");
	w.engine.source = &w.source;
	for (size_t n = 1;; n++) {
		struct mem_faulty mem = mem_faulty_make(n);
		struct arena *a = NULL;
		const struct promql_expr *e;
		struct promql_fault fault;
		struct promql_failure failure;
		struct promql_result r;
		enum err err = arena_open(&mem.iface, (size_t)1 << 24, &a);
		if (err == OK)
			err = promql_parse(a, query, &e, &fault);
		if (err == OK)
			err = promql_range(&w.engine, a, e, query, 0, 900000, 100, &r, &failure);
		arena_close(&a);
		assert_int_equal(mem.live, 0);
		if (err == OK && mem.calls < n)
			break;
		assert_int_equal(err, ERR_NOMEM);
		assert_true(n < 1000);
	}
	world_end(&w);
}

static void count_matchers(void *ctx, const struct matcher *m, size_t count)
{
	(void)m;
	*(size_t *)ctx += count;
}

static void test_selectors(void **state)
{
	(void)state;
	struct world w = world_for_test();
	const struct promql_expr *e;
	struct promql_fault fault;
	size_t n = 0, count;
	const struct matcher *m;
	struct str q = STR("sum(rate(a{x=\"1\"}[5m])) / on() (b - c[5m:1m] @ 5 offset 1m)");
	assert_int_equal(promql_parse(w.arena, q, &e, &fault), ERR_INPUT);
	q = STR("sum(rate(a{x=\"1\"}[5m])) / on() (b - max_over_time(c[5m:1m]))");
	assert_int_equal(promql_parse(w.arena, q, &e, &fault), OK);
	promql_selectors(e, count_matchers, &n);
	assert_int_equal(n, 4);
	assert_int_equal(promql_type_of(e), PROMQL_VECTOR);
	assert_int_equal(
	    promql_parse_selector(w.arena, STR("a{b!=\"c\"}"), &m, &count, &fault), OK);
	assert_int_equal(count, 2);
	assert_int_equal(
	    promql_parse_selector(w.arena, STR("sum(a)"), &m, &count, &fault), ERR_INPUT);
	struct buf b = buf_make(&mem_system, 4096);
	promql_print(e, &b);
	assert_string_equal(
	    b.ptr, "sum(rate(a{x=\"1\"}[5m])) / on () (b - max_over_time(c[5m:1m]))");
	buf_free(&b);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_selectors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
