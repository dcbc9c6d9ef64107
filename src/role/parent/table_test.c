/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent's tables: every role that is started is linked to somebody, no link twice; the
 * back-off.
 */
#include "role/parent/table.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <cmocka.h>

static bool started(enum role role)
{
	for (size_t i = 0; i < role_started_count; i++)
		if (role_started[i] == role)
			return true;
	return false;
}

static void links_join_started_roles_once(void **state)
{
	(void)state;
	bool linked[ROLE_COUNT] = { false };
	for (size_t i = 0; i < role_link_count; i++) {
		assert_true(started(role_links[i].a) && started(role_links[i].b));
		assert_int_not_equal(role_links[i].a, role_links[i].b);
		linked[role_links[i].a] = linked[role_links[i].b] = true;
		for (size_t k = 0; k < i; k++)
			assert_false((role_links[k].a == role_links[i].a &&
			                 role_links[k].b == role_links[i].b) ||
			             (role_links[k].a == role_links[i].b &&
			                 role_links[k].b == role_links[i].a));
	}
	for (size_t i = 0; i < role_started_count; i++)
		assert_true(linked[role_started[i]]);
}

static void back_off_grows_to_its_limit(void **state)
{
	(void)state;
	assert_int_equal(restart_wait(1).ns, 0);
	assert_int_equal(restart_wait(2).ns, SPAN_MS(100).ns);
	for (uint32_t n = 2; n < 40; n++) {
		assert_true(restart_wait(n + 1).ns >= restart_wait(n).ns);
		assert_true(restart_wait(n).ns <= SPAN_S(5).ns);
	}
	assert_int_equal(restart_wait(UINT32_MAX).ns, SPAN_S(5).ns);
}

static void ends_are_named(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 256);
	role_end_text(&b, SIGKILL, false);
	assert_string_equal(b.ptr, "killed by signal 9 (Killed)");
	buf_clear(&b);
	role_end_text(&b, 71 << 8, false);
	assert_string_equal(b.ptr, "exit 71");
	buf_clear(&b);
	role_end_text(&b, SIGKILL, true);
	assert_string_equal(b.ptr, "no beat, killed by signal 9 (Killed)");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_join_started_roles_once),
		cmocka_unit_test(back_off_grows_to_its_limit),
		cmocka_unit_test(ends_are_named),
	};
	return cmocka_run_group_tests_name("parent table", tests, NULL, NULL);
}
