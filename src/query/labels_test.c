/* SPDX-License-Identifier: Apache-2.0
 *
 * Label sets: building, order, text, the map of sets; matchers and the in-memory source.
 */
#include "query/memsource.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static struct arena *arena_for_test(void)
{
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, (size_t)1 << 24, &a), OK);
	return a;
}

static void same_text(struct buf *b, const char *want)
{
	assert_int_equal(b->err, OK);
	assert_string_equal(b->ptr ? b->ptr : "", want);
	buf_free(b);
}

static void test_make(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct label list[] = { { STR("job"), STR("x") }, { LABEL_NAME, STR("up") },
		{ STR("empty"), STR("") }, { STR("a.b"), STR("q\"\n") } };
	struct labels l, again;
	assert_int_equal(labels_make(a, list, 4, &l), OK);
	assert_int_equal(l.count, 3);
	assert_true(str_eq(labels_get(l, STR("job")), STR("x")));
	assert_true(str_empty(labels_get(l, STR("nothing"))));
	struct buf b = buf_make(&mem_system, 1024);
	labels_text(l, &b);
	same_text(&b, "up{\"a.b\"=\"q\\\"\\n\", job=\"x\"}");
	labels_json(l, &b);
	same_text(&b, "{\"__name__\":\"up\",\"a.b\":\"q\\\"\\n\",\"job\":\"x\"}");
	struct label odd[] = { { LABEL_NAME, STR("my.up") }, { STR("j"), STR("\xff"
		                                                             "\xc3\xa9") } };
	assert_int_equal(labels_make(a, odd, 2, &again), OK);
	labels_text(again, &b);
	same_text(&b, "{\"my.up\", j=\"\\xff\xc3\xa9\"}");
	labels_json(again, &b);
	same_text(&b, "{\"__name__\":\"my.up\",\"j\":\"\xef\xbf\xbd\xc3\xa9\"}");
	struct label twice[] = { { STR("a"), STR("1") }, { STR("a"), STR("2") } };
	assert_int_equal(labels_make(a, twice, 2, &again), ERR_INPUT);
	struct label nameless[] = { { STR(""), STR("1") } };
	assert_int_equal(labels_make(a, nameless, 1, &again), ERR_INPUT);
	struct label *many = calloc(LABELS_MAX + 1, sizeof(*many));
	assert_non_null(many);
	assert_int_equal(labels_make(a, many, LABELS_MAX + 1, &again), ERR_LIMIT);
	free(many);
	arena_close(&a);
}

static void test_change(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct label list[] = { { STR("__name__"), STR("m") }, { STR("__type__"), STR("counter") },
		{ STR("a"), STR("1") }, { STR("c"), STR("3") } };
	struct labels l, out;
	struct str names[] = { STR_INIT("a"), STR_INIT("zz") };
	assert_int_equal(labels_make(a, list, 4, &l), OK);
	assert_int_equal(labels_with(a, l, STR("b"), STR("2"), &out), OK);
	assert_int_equal(out.count, 5);
	assert_true(str_eq(out.list[3].name, STR("b")));
	assert_int_equal(labels_with(a, out, STR("b"), STR("9"), &out), OK);
	assert_true(str_eq(labels_get(out, STR("b")), STR("9")));
	assert_int_equal(labels_with(a, out, STR("b"), STR(""), &out), OK);
	assert_true(labels_eq(out, l));
	assert_int_equal(labels_keep(a, l, names, 2, &out), OK);
	assert_int_equal(out.count, 1);
	assert_int_equal(labels_without(a, l, names, 2, true, &out), OK);
	assert_int_equal(out.count, 2);
	assert_int_equal(labels_drop_meta(a, l, &out), OK);
	assert_int_equal(out.count, 2);
	assert_true(str_eq(out.list[0].name, STR("a")));
	assert_true(labels_cmp(l, out) < 0);
	assert_true(labels_cmp(out, l) > 0);
	assert_int_equal(labels_cmp(l, l), 0);
	arena_close(&a);
}

static void test_map(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct labels_map map;
	assert_int_equal(labels_map_make(a, 1, &map), OK);
	for (int round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 3000; i++) {
			char *text = arena_new(a, char, 16);
			snprintf(text, 16, "%u", i);
			struct label *one = arena_new(a, struct label, 1);
			*one = (struct label){ STR("n"), str_c(text) };
			uint32_t number;
			bool is_new;
			assert_int_equal(
			    labels_map_put(&map, (struct labels){ one, 1 }, &number, &is_new), OK);
			assert_int_equal(number, i);
			assert_int_equal(is_new, round == 0);
		}
	}
	struct label other = { STR("n"), STR("x") };
	assert_int_equal(labels_map_find(&map, (struct labels){ &other, 1 }), UINT32_MAX);
	arena_close(&a);
}

static struct matcher matcher_of(
    struct arena *a, enum match_type type, struct str name, struct str value)
{
	struct matcher m = { .type = type, .name = name, .value = value };
	struct regex *re = NULL;
	if (type == MATCH_RE || type == MATCH_NRE)
		assert_int_equal(regex_make(a, value, &re, NULL), OK);
	m.re = re;
	return m;
}

static void test_memsource(void **state)
{
	(void)state;
	struct arena *a = arena_for_test();
	struct memsource *mem;
	assert_int_equal(memsource_open(&mem_system, &mem), OK);
	struct label x[] = { { LABEL_NAME, STR("m") }, { STR("x"), STR("1") } };
	struct label y[] = { { LABEL_NAME, STR("m") }, { STR("x"), STR("2") } };
	struct labels lx = { x, 2 }, ly = { y, 2 };
	assert_int_equal(memsource_add(mem, ly, 3000, 3, 0), OK);
	assert_int_equal(memsource_add(mem, ly, 1000, 1, 0), OK); /* out of order */
	assert_int_equal(memsource_add(mem, ly, 2000, 9, 0), OK);
	assert_int_equal(memsource_add(mem, ly, 2000, 2, 0), OK); /* replaced */
	assert_int_equal(memsource_add(mem, lx, 2500, 7, 500), OK);
	struct source s = memsource_source(mem);
	struct matcher m = matcher_of(a, MATCH_EQ, LABEL_NAME, STR("m"));
	struct source_query q = {
		.matchers = &m, .matcher_count = 1, .min_ms = 1001, .max_ms = 3000
	};
	struct source_result r;
	assert_int_equal(s.select(s.ctx, a, &q, &r), OK);
	assert_int_equal(r.count, 2);
	assert_true(labels_eq(r.series[0].labels, lx));
	assert_non_null(r.series[0].sample_starts);
	assert_int_equal(r.series[0].sample_starts[0], 500);
	assert_null(r.series[1].sample_starts);
	assert_int_equal(r.series[1].sample_count, 2);
	assert_true(r.series[1].samples[0].value == 2);
	q.sample_max = 2;
	assert_int_equal(s.select(s.ctx, a, &q, &r), ERR_LIMIT);
	struct matcher one = matcher_of(a, MATCH_NRE, STR("x"), STR("1|3"));
	const struct matcher *sets[] = { &one };
	size_t counts[] = { 1 };
	struct source_filter f = {
		.sets = sets, .set_counts = counts, .count = 1, .min_ms = 0, .max_ms = 9000
	};
	struct source_names names;
	assert_int_equal(s.label_values(s.ctx, a, STR("x"), &f, &names), OK);
	assert_int_equal(names.count, 1);
	assert_true(str_eq(names.list[0], STR("2")));
	f.count = 0;
	assert_int_equal(s.label_names(s.ctx, a, &f, &names), OK);
	assert_int_equal(names.count, 2);
	assert_int_equal(s.series(s.ctx, a, &f, &r), OK);
	assert_int_equal(r.count, 2);
	f.max_ms = 500;
	assert_int_equal(s.series(s.ctx, a, &f, &r), OK);
	assert_int_equal(r.count, 0);
	memsource_clear(mem);
	f.max_ms = 9000;
	assert_int_equal(s.series(s.ctx, a, &f, &r), OK);
	assert_int_equal(r.count, 0);
	memsource_close(&mem);
	assert_null(mem);
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_memsource),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
