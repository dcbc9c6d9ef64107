/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes' table: each can be found, each says who may use it, and what it does.
 */
#include "api/api_priv.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

static void test_each_is_found_and_complete(void **state)
{
	struct arena *a = NULL;
	const struct route *r;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
		struct buf path = buf_make(&mem_system, 4096);
		for (size_t k = 0; k < r->pattern.len; k++)
			if (r->pattern.ptr[k] == '{')
				buf_add(&path, STR("X1"));
			else if (r->pattern.ptr[k] == '*')
				buf_add(&path, STR("zz/yy"));
			else if (r->pattern.ptr[k] != '}')
				buf_add_char(&path, r->pattern.ptr[k]);
		struct str param[2];
		bool other;
		const struct route *found = route_find(a, r->method, buf_str(&path), param, &other);
		if (found != r)
			fail_msg("%.*s is hidden by another route", STR_ARG(r->pattern));
		assert_int_equal((r->run != NULL) + (r->work != NULL) + (r->begin != NULL), 1);
		assert_int_equal(r->streamed, r->begin != NULL);
		/* what changes things for people needs somebody who may */
		if ((r->method == HTTP_PUT || r->method == HTTP_PATCH) && r->access < ACCESS_ACT)
			fail_msg("%.*s may be changed by anybody", STR_ARG(r->pattern));
		buf_free(&path);
	}
	arena_close(&a);
}

static void test_parameters(void **state)
{
	struct arena *a = NULL;
	struct str param[2];
	bool other;
	(void)state;
	assert_int_equal(arena_open(&mem_system, 1u << 20, &a), OK);
	const struct route *r =
	    route_find(a, HTTP_HEAD, STR("/incidents/Q%41/alerts"), param, &other);
	assert_non_null(r);
	assert_true(str_eq(param[0], STR("QA")));
	assert_int_equal(r->method, HTTP_GET);
	assert_null(route_find(a, HTTP_DELETE, STR("/incidents/QA"), param, &other));
	assert_true(other);
	assert_null(route_find(a, HTTP_GET, STR("/incidents/"), param, &other));
	assert_false(other);
	assert_null(route_find(a, HTTP_GET, STR("/nothing"), param, &other));
	assert_null(route_find(a, HTTP_GET, STR("/incidents/%zz"), param, &other));
	assert_null(route_find(a, HTTP_GET, STR("/incidents/a%00b"), param, &other));
	r = route_find(a, HTTP_GET, STR("/ui/assets/a.js"), param, &other);
	assert_true(r && str_eq(param[0], STR("assets/a.js")));
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_each_is_found_and_complete),
		cmocka_unit_test(test_parameters) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
