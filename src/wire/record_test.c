/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SAMPLE_COUNT 12

static struct record_rule_state states[2];
static struct record_resource resources[2];
static struct id ids[3];

/* One of each type, every field with something in it. */
static void samples_make(struct record *s)
{
	struct id incident = id_make(7, 3), message = id_make(8, 1);
	states[0] = (struct record_rule_state){ STR("load"), STR("{\"host\":\"a\"}"), true, 1.5,
		STR("too high"), STR("{}"), STR("above") };
	states[1] = (struct record_rule_state){ .rule = STR("load"), .value = -0.0 };
	resources[0] =
	    (struct record_resource){ false, STR("User"), STR("ana"), STR("{\"name\":\"ana\"}") };
	resources[1] = (struct record_resource){ true, STR("User"), STR("bo"), STR("") };
	for (uint32_t i = 0; i < 3; i++)
		ids[i] = id_make(9, i);
	s[0] = (struct record){ .type = RECORD_TICK, .tick = { SPAN_S(3600) } };
	s[1] = (struct record){ .type = RECORD_EVENT,
		.event = { STR("key"), STR("web"), EVENT_RESOLVE, STR("d1"), STR("sum"), STR("src"),
		    SEVERITY_WARNING, STR("client"), STR("{}"), STR("v2") } };
	s[2] = (struct record){ .type = RECORD_COMMAND,
		.command = { COMMAND_NOTE, incident, STR("ana"), STR("link"), STR("127.0.0.1"),
		    STR("looking"), message } };
	s[3] = (struct record){ .type = RECORD_RECEIPT,
		.receipt = {
		    message, 3, RECEIPT_UNKNOWN, STR("mail"), STR("<1@x>"), STR("timeout") } };
	s[4] = (struct record){ .type = RECORD_RULES, .rules = { STR("alerts"), states, 2 } };
	s[5] = (struct record){ .type = RECORD_RESOURCES,
		.resources = {
		    MANAGER_APPLY, true, STR("ana"), STR("cli"), STR("::1"), resources, 2 } };
	s[6] = (struct record){ .type = RECORD_CREDENTIAL,
		.credential = {
		    CREDENTIAL_SESSION, STR("ana"), STR("abcd"), { 12345 }, STR("::1") } };
	s[7] = (struct record){ .type = RECORD_CHANGE,
		.change = { STR("key"), STR("deploy"), STR("ci"), STR("{}"), { -5 } } };
	s[8] = (struct record){ .type = RECORD_BOOT, .boot = { STR("crash"), STR("0.1") } };
	s[9] = (struct record){ .type = RECORD_TEST_PAGE,
		.test_page = { STR("ana"), STR("mail"), STR("bo") } };
	s[10] = (struct record){ .type = RECORD_HANDOVER, .handover = { ids, 3 } };
	s[11] = (struct record){ .type = RECORD_RULES, .rules = { STR("idle"), NULL, 0 } };
}

struct fixture {
	struct arena *arena;
	struct buf a, b;
	struct record samples[SAMPLE_COUNT];
};

static int setup(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .a = buf_make(&mem_system, RECORD_BYTES_MAX + 100),
		.b = buf_make(&mem_system, RECORD_BYTES_MAX + 100) };
	if (arena_open(&mem_system, 1u << 20, &f.arena) != OK)
		return -1;
	samples_make(f.samples);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_close(&f->arena);
	buf_free(&f->a);
	buf_free(&f->b);
	return 0;
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct record again;
		buf_clear(&f->a);
		buf_clear(&f->b);
		record_encode(&f->a, &f->samples[i]);
		assert_int_equal(record_decode(f->arena, buf_str(&f->a), &again), OK);
		assert_int_equal(again.type, f->samples[i].type);
		assert_true(again.seq == 0 && again.at.ns == 0);
		record_encode(&f->b, &again);
		assert_true(str_eq(buf_str(&f->a), buf_str(&f->b)));
	}
}

static void test_fields_come_back(void **state)
{
	struct fixture *f = *state;
	struct record r;
	record_encode(&f->a, &f->samples[4]);
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), OK);
	assert_int_equal(r.rules.state_count, 2);
	assert_true(str_eq(r.rules.states[0].labels, STR("{\"host\":\"a\"}")));
	assert_true(r.rules.states[0].firing && !r.rules.states[1].firing);
	assert_true(r.rules.states[0].value > 1.4 && r.rules.states[0].value < 1.6);
	buf_clear(&f->a);
	record_encode(&f->a, &f->samples[3]);
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), OK);
	assert_int_equal(r.receipt.state, RECEIPT_UNKNOWN);
	assert_int_equal(r.receipt.attempt, 3);
	assert_true(id_word(&r.receipt.message) == id_word(&f->samples[3].receipt.message));
}

/* No prefix and no extension of a record is a record; no flipped byte crashes. */
static void test_cut_and_bent(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct record r = { .seq = 99 };
		buf_clear(&f->a);
		record_encode(&f->a, &f->samples[i]);
		for (size_t n = 0; n < f->a.len; n++)
			assert_int_equal(
			    record_decode(f->arena, str_first(buf_str(&f->a), n), &r), ERR_INPUT);
		buf_add_char(&f->a, 0);
		assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);
		assert_true(r.seq == 99); /* never written on failure */
		f->a.len--;
		for (size_t n = 0; n < f->a.len; n++) {
			struct record bent;
			char old = f->a.ptr[n];
			f->a.ptr[n] = (char)(old ^ 0x55);
			enum err e = record_decode(f->arena, buf_str(&f->a), &bent);
			assert_true(e == OK || e == ERR_INPUT);
			f->a.ptr[n] = old;
			arena_reset(f->arena);
		}
	}
}

static void test_refuses(void **state)
{
	struct fixture *f = *state;
	struct record r;
	record_encode(&f->a, &f->samples[8]);
	f->a.ptr[0] = RECORD_VERSION + 1;
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);
	f->a.ptr[0] = RECORD_VERSION;
	f->a.ptr[1] = 0;
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);
	f->a.ptr[1] = RECORD_TYPE_COUNT;
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);

	buf_clear(&f->a); /* a list that says it is longer than its bytes */
	put_u8(&f->a, RECORD_VERSION);
	put_u8(&f->a, RECORD_HANDOVER);
	put_u32(&f->a, RECORD_LIST_MAX);
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);

	struct record_event no_key = f->samples[1].event;
	no_key.dedup_key = STR("");
	buf_clear(&f->a);
	record_encode(&f->a, &(struct record){ .type = RECORD_EVENT, .event = no_key });
	assert_int_equal(record_decode(f->arena, buf_str(&f->a), &r), ERR_INPUT);
}

static void test_arena_refuses(void **state)
{
	struct fixture *f = *state;
	record_encode(&f->a, &f->samples[4]);
	for (size_t n = 1;; n++) {
		struct mem_faulty faulty = mem_faulty_make(n);
		struct arena *a = NULL;
		struct record r;
		enum err e = arena_open(&faulty.iface, 1u << 20, &a);
		if (e == OK)
			e = record_decode(a, buf_str(&f->a), &r);
		arena_close(&a);
		assert_int_equal(faulty.live, 0);
		if (e == OK)
			break;
		assert_int_equal(e, ERR_NOMEM);
		assert_true(n < 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_and_bent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_arena_refuses, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
