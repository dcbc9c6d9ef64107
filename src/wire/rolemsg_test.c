/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame's head goes there and back, what is not in the table is refused, and the table is
 * whole.
 */
#include "wire/rolemsg.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void test_names_and_windows(void **state)
{
	(void)state;
	assert_true(str_eq(role_name[ROLE_PARENT], STR("parent")));
	assert_true(str_eq(role_name[ROLE_WEB2], STR("web2")));
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		assert_true(role_name[r].len > 0);
	for (unsigned c = 0; c < CREDIT_CLASS_COUNT; c++)
		assert_true(credit_window[c] > 0);
	assert_int_equal(credit_window[CREDIT_EVENT], 8192);
	assert_int_equal(credit_window[CREDIT_ANSWER], 65535);
}

static void test_every_type_is_in_the_table(void **state)
{
	(void)state;
	static const unsigned known[] = { MSG_CREDIT, MSG_SUBMIT, MSG_SUBMIT_ANSWER, MSG_COMMAND,
		MSG_COMMAND_ANSWER, MSG_CHANGED, MSG_HTTP, MSG_HTTP_BODY, MSG_HTTP_CANCEL,
		MSG_HTTP_ANSWER, MSG_HTTP_ANSWER_BODY, MSG_RULES, MSG_RULE_GROUP, MSG_SAMPLES,
		MSG_SEND, MSG_CANCEL, MSG_RECEIPT_CONFIRM, MSG_RECEIPT, MSG_HOLDING,
		MSG_ENGINE_STATE, MSG_METRICS };
	size_t found = 0;
	for (unsigned t = 0; t < 70000; t++) {
		const struct rolemsg_type *type = rolemsg_find(t);
		if (!type)
			continue;
		assert_true(found < ARRAY_COUNT(known));
		assert_int_equal(known[found], t);
		assert_int_equal(type->type, t);
		assert_true(type->name.len > 0);
		found++;
	}
	assert_int_equal(found, ARRAY_COUNT(known));
	assert_null(rolemsg_find(0));
	assert_null(rolemsg_find(MSG_METRICS + 1));
}

static void test_head_there_and_back(void **state)
{
	(void)state;
	struct rolemsg_head in = { .body_bytes = 0x01234,
		.type = MSG_SUBMIT,
		.version = ROLEMSG_VERSION,
		.id = UINT64_C(0x1122334455667788) };
	unsigned char bytes[ROLEMSG_HEAD_BYTES];
	rolemsg_head_write(bytes, in);
	static const unsigned char want[] = { 0x34, 0x12, 0, 0, MSG_SUBMIT, 0, 1, 0, 0x88, 0x77,
		0x66, 0x55, 0x44, 0x33, 0x22, 0x11 };
	assert_memory_equal(bytes, want, sizeof(want));
	struct rolemsg_head out = { 0 };
	assert_int_equal(rolemsg_head_read(bytes, &out), OK);
	assert_int_equal(out.body_bytes, in.body_bytes);
	assert_int_equal(out.type, in.type);
	assert_int_equal(out.version, in.version);
	assert_true(out.id == in.id);
}

static void test_wrong_heads_are_refused(void **state)
{
	(void)state;
	struct rolemsg_head out = { .id = 7 };
	unsigned char good[ROLEMSG_HEAD_BYTES];
	rolemsg_head_write(good, (struct rolemsg_head){ 48, MSG_ENGINE_STATE, ROLEMSG_VERSION, 0 });
	assert_int_equal(rolemsg_head_read(good, &out), OK);
	static const struct {
		size_t at;
		unsigned char value;
	} wrong[] = { { 0, 49 }, { 3, 1 }, { 4, 0 }, { 4, 2 }, { 5, 1 }, { 6, 2 }, { 6, 0 },
		{ 7, 1 } };
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		unsigned char bad[ROLEMSG_HEAD_BYTES];
		memcpy(bad, good, sizeof(bad));
		bad[wrong[i].at] = wrong[i].value;
		out.id = 7;
		assert_int_equal(rolemsg_head_read(bad, &out), ERR_INPUT);
		assert_int_equal(out.id, 7); /* never written on failure */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_windows),
		cmocka_unit_test(test_every_type_is_in_the_table),
		cmocka_unit_test(test_head_there_and_back),
		cmocka_unit_test(test_wrong_heads_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
