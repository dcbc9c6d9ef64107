/* SPDX-License-Identifier: Apache-2.0 */
#include "proof/proof.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_verdict(void **state)
{
	(void)state;
	const struct wall now = { 1000000 * NS_PER_S };
	const struct span fresh = SPAN_S(3600);
	static const struct {
		int64_t age_s;
		bool broken, never;
		enum verdict want;
	} cases[] = {
		{ 0, false, false, VERDICT_PROVEN },
		{ 3600, false, false, VERDICT_PROVEN },
		{ 3601, false, false, VERDICT_STALE },
		{ -300, false, false, VERDICT_PROVEN },
		{ -301, false, false, VERDICT_STALE },
		{ 1, true, false, VERDICT_BROKEN },
		{ 9999, true, false, VERDICT_BROKEN },
		{ 0, true, true, VERDICT_BROKEN },
		{ 0, false, true, VERDICT_NEVER },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct proof p = { .broken = cases[i].broken };
		if (!cases[i].never)
			p.proven_at.ns = now.ns - cases[i].age_s * NS_PER_S;
		assert_int_equal(proof_verdict(&p, now, fresh), cases[i].want);
	}
	assert_int_equal(proof_verdict(NULL, now, fresh), VERDICT_NEVER);
	assert_int_equal(verdict_worse(VERDICT_STALE, VERDICT_PROVEN), VERDICT_STALE);
	assert_int_equal(verdict_worse(VERDICT_NEVER, VERDICT_BROKEN), VERDICT_BROKEN);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_true(proof_fresh_for(STR("rule")).ns > proof_fresh_for(STR("provider")).ns);
	assert_true(proof_fresh_for(STR("unheard of")).ns > 0);
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		assert_true(verdict_name[i].len > 0);
}

static void test_subjects(void **state)
{
	(void)state;
	struct str a = STR("kept"), b = STR("kept");
	assert_true(proof_subject_cut(STR("web/email"), &a, &b));
	assert_true(str_eq(a, STR("web")) && str_eq(b, STR("email")));
	assert_true(proof_subject_cut(STR("eu/web/email"), &a, &b));
	assert_true(str_eq(a, STR("eu/web")) && str_eq(b, STR("email")));
	assert_false(proof_subject_cut(STR("web"), &a, &b));
	assert_true(str_eq(a, STR("eu/web")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdict),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_subjects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
