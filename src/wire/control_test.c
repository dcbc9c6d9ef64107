/* SPDX-License-Identifier: Apache-2.0
 *
 * The control protocol: every type survives a round trip; cut or wrong bytes are refused.
 */
#include "wire/control.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void round_trip(void **state)
{
	(void)state;
	for (int type = 1; type < CONTROL_TYPE_COUNT; type++) {
		struct control c = {
			.type = (enum control_type)type,
			.peer = ROLE_NOTIFIER,
			.generation = 7,
			.name = STR("http"),
			.text = STR("all is well"),
			.ok = true,
			.lag = SPAN_MS(3),
		};
		c.roles[ROLE_ENGINE].restarts = 5;
		c.roles[ROLE_ENGINE].last_end = STR("killed by signal 9");
		struct buf b = buf_make(&mem_system, CONTROL_BYTES_MAX);
		control_encode(&b, &c);
		assert_int_equal(b.err, OK);
		struct control got;
		assert_int_equal(control_decode(buf_str(&b), &got), OK);
		assert_int_equal(got.type, type);
		if (type == CONTROL_PEER)
			assert_int_equal(got.peer, ROLE_NOTIFIER);
		if (type == CONTROL_BEAT)
			assert_true(str_eq(got.text, c.text) && got.ok && got.lag.ns == c.lag.ns);
		if (type == CONTROL_ROLES)
			assert_true(
			    str_eq(got.roles[ROLE_ENGINE].last_end, STR("killed by signal 9")));
		for (size_t cut = 0; cut < b.len; cut++)
			assert_int_equal(
			    control_decode(str_first(buf_str(&b), cut), &got), ERR_INPUT);
		buf_add_char(&b, 'x');
		assert_int_equal(control_decode(buf_str(&b), &got), ERR_INPUT);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip) };
	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
