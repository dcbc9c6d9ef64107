/* SPDX-License-Identifier: Apache-2.0
 *
 * The config role's stream: there and back, cut at every byte, and each refusal.
 */
#include "wire/confhead.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct config_head full = {
	.data_dir = STR_INIT("/var/lib/quis"),
	.user = STR_INIT("quis"),
	.listen_http = STR_INIT("127.0.0.1:7847"),
	.listen_statsd = STR_INIT("[::1]:8125"),
};

static void stream(struct buf *b)
{
	config_head_encode(b, &full);
	config_slice_encode(b, (struct config_slice){ ROLE_ENGINE, STR("{\"a\":1}") });
	config_slice_encode(b, (struct config_slice){ ROLE_WEB2, STR("{}") });
	config_end_encode(b);
	assert_int_equal(b->err, OK);
}

static void there_and_back(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 4096);
	stream(&b);
	struct rd r = rd_make(buf_str(&b));
	struct config_head head;
	assert_int_equal(config_head_decode(&r, &head), OK);
	assert_true(str_eq(head.data_dir, full.data_dir));
	assert_true(str_eq(head.user, full.user));
	assert_true(str_eq(head.listen_http, full.listen_http));
	assert_true(str_eq(head.listen_statsd, full.listen_statsd));
	struct config_slice slice;
	assert_int_equal(config_slice_decode(&r, &slice), OK);
	assert_int_equal(slice.role, ROLE_ENGINE);
	assert_true(str_eq(slice.json, STR("{\"a\":1}")));
	assert_int_equal(config_slice_decode(&r, &slice), OK);
	assert_int_equal(slice.role, ROLE_WEB2);
	assert_int_equal(config_slice_decode(&r, &slice), ERR_GONE);
	buf_free(&b);
}

static enum err read_all(struct str bytes)
{
	struct rd r = rd_make(bytes);
	struct config_head head;
	struct config_slice slice;
	enum err err = config_head_decode(&r, &head);
	while (err == OK)
		err = config_slice_decode(&r, &slice);
	return err;
}

static void cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 4096);
	stream(&b);
	assert_int_equal(read_all(buf_str(&b)), ERR_GONE);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(read_all(str_first(buf_str(&b), n)), ERR_INPUT);
	put_u8(&b, 0);
	assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	buf_free(&b);
}

static void wrong_fields_are_refused(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 16384);
	/* another version */
	put_u32(&b, CONFIG_HEAD_MAGIC);
	put_u16(&b, CONFIG_HEAD_VERSION + 1);
	assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	/* no data_dir */
	buf_clear(&b);
	put_u32(&b, CONFIG_HEAD_MAGIC);
	put_u16(&b, CONFIG_HEAD_VERSION);
	for (int i = 0; i < 6; i++)
		put_str(&b, STR(""));
	assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	/* a certificate without its key */
	buf_clear(&b);
	put_u32(&b, CONFIG_HEAD_MAGIC);
	put_u16(&b, CONFIG_HEAD_VERSION);
	for (int i = 0; i < 5; i++)
		put_str(&b, STR("x"));
	put_str(&b, STR(""));
	assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	/* a slice for the parent, and for nobody */
	for (unsigned role = 0; role <= ROLE_COUNT; role += ROLE_COUNT) {
		buf_clear(&b);
		config_head_encode(&b, &full);
		put_u8(&b, (uint8_t)role);
		put_str(&b, STR("{}"));
		config_end_encode(&b);
		assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	}
	/* a field over its limit */
	buf_clear(&b);
	put_u32(&b, CONFIG_HEAD_MAGIC);
	put_u16(&b, CONFIG_HEAD_VERSION);
	char *place = buf_reserve(&b, 4 + CONFIG_TEXT_MAX + 1);
	assert_non_null(place);
	memset(place, 'x', 4 + CONFIG_TEXT_MAX + 1);
	const unsigned char length[4] = { (CONFIG_TEXT_MAX + 1) & 0xff, (CONFIG_TEXT_MAX + 1) >> 8,
		0, 0 };
	memcpy(place, length, 4);
	buf_grew(&b, 4 + CONFIG_TEXT_MAX + 1);
	for (int i = 0; i < 5; i++)
		put_str(&b, STR("x"));
	config_end_encode(&b);
	assert_int_equal(read_all(buf_str(&b)), ERR_INPUT);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(cut_anywhere_is_refused),
		cmocka_unit_test(wrong_fields_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
