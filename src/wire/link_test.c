/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/link.h"
#include "base/enc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BEFORE ((struct wall){ INT64_C(1767600000) * NS_PER_S })
#define EXPIRES ((struct wall){ INT64_C(1767700000) * NS_PER_S })

static struct link_key key_of(struct str hex)
{
	struct link_key key = { { 0 } };
	assert_int_equal(link_key_read(hex, &key), OK);
	return key;
}

static struct buf token_of(enum link_action action)
{
	struct link_key key = key_of(STR(KEY_HEX));
	struct link_claim claim = {
		.message = id_make(77, 3), .action = action, .expires = EXPIRES
	};
	struct buf b = buf_make(&mem_system, LINK_TOKEN_BYTES_MAX);
	link_make(&b, &key, &claim);
	assert_int_equal(b.err, OK);
	return b;
}

static void test_there_and_back(void **state)
{
	(void)state;
	struct link_key key = key_of(STR(KEY_HEX));
	for (enum link_action action = LINK_ACKNOWLEDGE; action <= LINK_RESOLVE; action++) {
		struct buf b = token_of(action);
		struct link_claim out;
		assert_int_equal(link_check(buf_str(&b), &key, BEFORE, &out), OK);
		struct id want = id_make(77, 3);
		assert_true(str_eq(id_str(&out.message), id_str(&want)));
		assert_int_equal(out.action, action);
		assert_true(out.expires.ns == EXPIRES.ns);
		for (size_t i = 0; i < b.len; i++) /* can stand in a path as it is */
			assert_true((b.ptr[i] >= 'a' && b.ptr[i] <= 'z') ||
			            (b.ptr[i] >= 'A' && b.ptr[i] <= 'Z') ||
			            (b.ptr[i] >= '0' && b.ptr[i] <= '9') || b.ptr[i] == '-' ||
			            b.ptr[i] == '_');
		buf_free(&b);
	}
}

/* The signature is the one that any other HMAC-SHA256 gives. */
static void test_form(void **state)
{
	(void)state;
	struct buf b = token_of(LINK_ACKNOWLEDGE), plain = buf_make(&mem_system, 256);
	assert_int_equal(dec_base64(buf_str(&b), &plain), OK);
	struct id id = id_make(77, 3);
	struct str rest = buf_str(&plain);
	assert_true(str_eq(str_cut(&rest, '.'), id_str(&id)));
	assert_true(str_eq(str_cut(&rest, '.'), STR("a")));
	assert_true(str_eq(str_cut(&rest, '.'), STR("1767700000")));
	assert_int_equal(rest.len, 64);
	buf_free(&b);
	buf_free(&plain);
}

static void test_time(void **state)
{
	(void)state;
	struct link_key key = key_of(STR(KEY_HEX));
	struct buf b = token_of(LINK_RESOLVE);
	struct link_claim out = { .action = LINK_ACKNOWLEDGE };
	assert_int_equal(link_check(buf_str(&b), &key, EXPIRES, &out), ERR_GONE);
	assert_int_equal(out.action, LINK_ACKNOWLEDGE); /* never written on failure */
	struct wall last = { EXPIRES.ns - 1 };
	assert_int_equal(link_check(buf_str(&b), &key, last, &out), OK);
	buf_free(&b);
}

static void test_other_key(void **state)
{
	(void)state;
	struct link_key key =
	    key_of(STR("010102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
	struct buf b = token_of(LINK_RESOLVE);
	struct link_claim out;
	assert_int_equal(link_check(buf_str(&b), &key, BEFORE, &out), ERR_DENIED);
	buf_free(&b);
}

/* Every single changed bit of the signed text is refused. */
static void test_every_changed_bit_is_refused(void **state)
{
	(void)state;
	struct link_key key = key_of(STR(KEY_HEX));
	struct buf good = token_of(LINK_ACKNOWLEDGE), plain = buf_make(&mem_system, 256);
	assert_int_equal(dec_base64(buf_str(&good), &plain), OK);
	struct buf bad = buf_make(&mem_system, 512);
	struct link_claim out;
	for (size_t bit = 0; bit < plain.len * 8; bit++) {
		plain.ptr[bit / 8] = (char)(plain.ptr[bit / 8] ^ (1 << (bit % 8)));
		buf_clear(&bad);
		enc_base64url(&bad, buf_str(&plain));
		assert_int_not_equal(link_check(buf_str(&bad), &key, BEFORE, &out), OK);
		plain.ptr[bit / 8] = (char)(plain.ptr[bit / 8] ^ (1 << (bit % 8)));
	}
	buf_clear(&bad);
	enc_base64url(&bad, buf_str(&plain));
	assert_int_equal(link_check(buf_str(&bad), &key, BEFORE, &out), OK);
	buf_free(&bad);
	buf_free(&good);
	buf_free(&plain);
}

static void test_what_is_no_token(void **state)
{
	(void)state;
	struct link_key key = key_of(STR(KEY_HEX));
	struct link_claim out;
	static char longest[4096];
	memset(longest, 'A', sizeof(longest));
	static const struct str wrong[] = { STR_INIT(""), STR_INIT("x"), STR_INIT("!!!!"),
		STR_INIT("UTAwMDAwMDAwMDAwMDEuYS4xLg"), { longest, 256 },
		{ longest, sizeof(longest) } };
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_int_equal(link_check(wrong[i], &key, BEFORE, &out), ERR_INPUT);
	struct buf b = token_of(LINK_ACKNOWLEDGE);
	for (size_t n = 0; n < b.len; n++)
		assert_int_not_equal(link_check(str_first(buf_str(&b), n), &key, BEFORE, &out), OK);
	buf_free(&b);
}

static void test_wrong_keys(void **state)
{
	(void)state;
	struct link_key key;
	assert_int_equal(link_key_read(STR(""), &key), ERR_INPUT);
	assert_int_equal(link_key_read(STR("00"), &key), ERR_INPUT);
	assert_int_equal(
	    link_key_read(
	        STR("g00102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"), &key),
	    ERR_INPUT);
	assert_int_equal(link_key_read(STR(KEY_HEX "00"), &key), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_other_key),
		cmocka_unit_test(test_every_changed_bit_is_refused),
		cmocka_unit_test(test_what_is_no_token),
		cmocka_unit_test(test_wrong_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
