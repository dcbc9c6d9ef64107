/* SPDX-License-Identifier: Apache-2.0 */
#include "model/incident.h"
#include "model/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void test_id_round_trip(void **state)
{
	(void)state;
	static const uint64_t seqs[] = { 1, 2, 77, 1u << 31, (UINT64_C(1) << 42) - 1 };
	static const uint32_t ordinals[] = { 0, 1, 65535, 65536, (1u << 22) - 1 };
	struct id before = { { 0 } };
	for (size_t i = 0; i < ARRAY_COUNT(seqs); i++) {
		for (size_t j = 0; j < ARRAY_COUNT(ordinals); j++) {
			struct id id = id_make(seqs[i], ordinals[j]), again;
			assert_int_equal(strlen(id.text), 14);
			assert_int_equal(id_parse(id_str(&id), &again), OK);
			assert_string_equal(id.text, again.text);
			assert_true(id_word(&id) == (seqs[i] << 22 | ordinals[j]));
			/* text sorts by age */
			assert_true(str_cmp(id_str(&before), id_str(&id)) < 0);
			before = id;
		}
	}
	struct id none = id_from_word(0);
	assert_int_equal(none.text[0], 0);
	assert_true(id_word(&none) == 0);
}

static void test_id_refuses(void **state)
{
	(void)state;
	static const char *bad[] = { "", "Q", "P0000000000001", "Q000000000000", "Q00000000000011",
		"Q000000000000W", "Q00000000000a1", "QG000000000001", "Q0000000000000",
		"Q 000000000001" };
	struct id id = { "unchanged" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(id_parse(str_c(bad[i]), &id), ERR_INPUT);
	assert_string_equal(id.text, "unchanged");
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < INCIDENT_STATUS_COUNT; i++)
		assert_true(incident_status_name[i].len > 0);
	for (size_t i = 0; i < ALERT_STATUS_COUNT; i++)
		assert_true(alert_status_name[i].len > 0);
	for (size_t i = 0; i < MESSAGE_STATE_COUNT; i++)
		assert_true(message_state_name[i].len > 0);
	for (size_t i = 0; i < PURPOSE_COUNT; i++)
		assert_true(message_purpose_name[i].len > 0);
	for (size_t i = 0; i < TIMER_TYPE_COUNT; i++)
		assert_true(timer_type_name[i].len > 0);
	for (size_t i = 0; i < EVENT_ACTION_COUNT; i++)
		assert_true(event_action_name[i].len > 0);
}

static void test_subjects(void **state)
{
	(void)state;
	struct arena *a = NULL;
	assert_int_equal(arena_open(&mem_system, 4096, &a), OK);
	assert_true(str_eq(proof_subject_route(a, STR("web"), CONTACT_EMAIL), STR("web/email")));
	assert_true(
	    str_eq(proof_subject_route(a, STR(""), CONTACT_CONSOLE), STR("fallback/console")));
	assert_true(str_eq(proof_subject_person(a, STR("ana"), STR("mail")), STR("ana/mail")));
	assert_true(str_eq(proof_subject_person(a, STR(""), STR("tty")), STR("fallback/tty")));
	arena_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id_round_trip),
		cmocka_unit_test(test_id_refuses),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_subjects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
