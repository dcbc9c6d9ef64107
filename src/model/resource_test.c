/* SPDX-License-Identifier: Apache-2.0 */
#include "model/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct user users[] = {
	{ .name = STR_INIT("ana") },
	{ .name = STR_INIT("bo") },
	{ .name = STR_INIT("bob") },
	{ .name = STR_INIT("zoe") },
};
static const struct service services[] = { { .name = STR_INIT("db") },
	{ .name = STR_INIT("web") } };
static const struct integration integrations[] = {
	{ .name = STR_INIT("two"),
	    .key = STR_INIT("0123456789abcdef0123456789abcdef"),
	    .service = 1 },
	{ .name = STR_INIT("one"),
	    .key = STR_INIT("f123456789abcdef0123456789abcdef"),
	    .service = 0 },
};

static void test_finds_by_name(void **state)
{
	(void)state;
	const struct directory d = { .users = users,
		.user_count = 4,
		.services = services,
		.service_count = 2,
		.integrations = integrations,
		.integration_count = 2 };
	for (int32_t i = 0; i < 4; i++)
		assert_int_equal(directory_user(&d, users[i].name), i);
	assert_int_equal(directory_user(&d, STR("b")), -1);
	assert_int_equal(directory_user(&d, STR("")), -1);
	assert_int_equal(directory_user(&d, STR("zoe2")), -1);
	assert_int_equal(directory_service(&d, STR("web")), 1);
	assert_int_equal(directory_policy(&d, STR("web")), -1);
	assert_int_equal(directory_schedule(&d, STR("web")), -1);
	assert_int_equal(directory_rule(&d, STR("web")), -1);
	const struct integration *in =
	    directory_integration(&d, STR("f123456789abcdef0123456789abcdef"));
	assert_ptr_equal(in, &integrations[1]);
	assert_null(directory_integration(&d, STR("e123456789abcdef0123456789abcdef")));
	assert_null(directory_integration(&d, STR("")));
}

/* One name in several groups, and twice in one. */
static void test_rules_of_a_name(void **state)
{
	(void)state;
	static const struct alert_rule rules[] = {
		{ .name = STR_INIT("Load"), .group = STR_INIT("a"), .severity = SEVERITY_INFO },
		{ .name = STR_INIT("Up"),
		    .group = STR_INIT("a"),
		    .severity = SEVERITY_WARNING,
		    .severity_label = STR_INIT("warning") },
		{ .name = STR_INIT("Up"),
		    .group = STR_INIT("a"),
		    .severity = SEVERITY_CRITICAL,
		    .severity_label = STR_INIT("critical"),
		    .service_label = STR_INIT("web") },
		{ .name = STR_INIT("Up"), .group = STR_INIT("b"), .severity = SEVERITY_INFO },
	};
	struct directory d = { .rules = rules, .rule_count = 4 };
	static const struct {
		struct str group, labels;
		int32_t want;
	} cases[] = {
		{ STR_INIT("a"), STR_INIT("{\"severity\":\"warning\"}"), 1 },
		{ STR_INIT("a"), STR_INIT("{\"service\":\"web\",\"severity\":\"critical\"}"), 2 },
		{ STR_INIT(""), STR_INIT("{\"severity\":\"warning\"}"), 1 },
		{ STR_INIT("b"), STR_INIT("{\"severity\":\"critical\"}"), 3 },
		{ STR_INIT("b"), STR_INIT("{}"), 3 },
		/* In doubt the most severe one. */
		{ STR_INIT("c"), STR_INIT("{\"severity\":\"warning2\",\"service\":\"x\"}"), 2 },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		assert_int_equal(directory_rule_of(&d, STR("Up"), cases[i].group, cases[i].labels),
		    cases[i].want);
	assert_int_equal(directory_rule_of(&d, STR("Load"), STR("z"), STR("{}")), 0);
	assert_int_equal(directory_rule_of(&d, STR("Down"), STR("a"), STR("{}")), -1);
	bool has;
	assert_int_equal(directory_rule_groups(&d, STR("Up"), STR("b"), &has), 2);
	assert_true(has);
	assert_int_equal(directory_rule_groups(&d, STR("Load"), STR("b"), &has), 1);
	assert_false(has);
	assert_int_equal(directory_rule_groups(&d, STR("Down"), STR("b"), &has), 0);
}

static void test_resource_id(void **state)
{
	(void)state;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 4096, &a), OK);
	struct str x = resource_id(a, 'P', STR("User"), STR("ana"));
	assert_int_equal(x.len, 7);
	assert_int_equal(x.ptr[0], 'P');
	assert_true(str_eq(x, resource_id(a, 'P', STR("User"), STR("ana"))));
	assert_false(str_eq(x, resource_id(a, 'P', STR("User"), STR("bo"))));
	assert_false(str_eq(x, resource_id(a, 'P', STR("Service"), STR("ana"))));
	arena_close(&a);
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONTACT_TYPE_COUNT; i++)
		assert_true(contact_type_name[i].len > 0);
	for (size_t i = 0; i < URGENCY_COUNT; i++)
		assert_true(urgency_name[i].len > 0);
	for (size_t i = 0; i < SEVERITY_COUNT; i++)
		assert_true(severity_name[i].len > 0);
	for (size_t i = 0; i < MANAGER_COUNT; i++)
		assert_true(manager_name[i].len > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_by_name),
		cmocka_unit_test(test_rules_of_a_name),
		cmocka_unit_test(test_resource_id),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
