/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary fields: exact bytes, round trips, every cut refused, sticky errors.
 */
#include "base/codec.h"
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>

static void the_bytes_are_little_endian(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 100);
	put_u8(&b, 0x81);
	put_u16(&b, 0x8283);
	put_u32(&b, 0x84858687);
	put_u64(&b, UINT64_C(0x88898a8b8c8d8e8f));
	put_i64(&b, -2);
	put_f64(&b, 1.0);
	put_str(&b, STR("hi"));
	static const unsigned char want[] = { 0x81, 0x83, 0x82, 0x87, 0x86, 0x85, 0x84, 0x8f, 0x8e,
		0x8d, 0x8c, 0x8b, 0x8a, 0x89, 0x88, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 2, 0, 0, 0, 'h', 'i' };
	assert_int_equal(b.len, sizeof(want));
	assert_memory_equal(b.ptr, want, sizeof(want));
	struct rd r = rd_make(buf_str(&b));
	assert_int_equal(rd_u8(&r), 0x81);
	assert_int_equal(rd_u16(&r), 0x8283);
	assert_int_equal(rd_u32(&r), 0x84858687);
	assert_true(rd_u64(&r) == UINT64_C(0x88898a8b8c8d8e8f));
	assert_int_equal(rd_i64(&r), -2);
	assert_true(rd_f64(&r) == 1.0);
	assert_true(str_eq(rd_str(&r, 2), STR("hi")));
	assert_int_equal(rd_done(&r), OK);
	buf_free(&b);
}

static void varints(void **state)
{
	(void)state;
	static const struct {
		uint64_t v;
		size_t len;
	} cases[] = { { 0, 1 }, { 127, 1 }, { 128, 2 }, { 16383, 2 }, { 16384, 3 },
		{ UINT32_MAX, 5 }, { UINT64_C(1) << 63, 10 }, { UINT64_MAX, 10 } };
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct buf b = buf_make(&mem_system, 10);
		put_varint(&b, cases[i].v);
		assert_int_equal(b.len, cases[i].len);
		struct rd r = rd_make(buf_str(&b));
		assert_true(rd_varint(&r) == cases[i].v);
		assert_int_equal(rd_done(&r), OK);
		for (size_t cut = 0; cut < b.len; cut++) {
			r = rd_make(str_first(buf_str(&b), cut));
			assert_int_equal(rd_varint(&r), 0);
			assert_int_equal(r.err, ERR_INPUT);
		}
		buf_free(&b);
	}
	struct rd r = rd_make(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")); /* 65 bits */
	assert_int_equal(rd_varint(&r), 0);
	assert_int_equal(r.err, ERR_INPUT);
	r = rd_make(STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
	assert_int_equal(rd_varint(&r), 0);
	assert_int_equal(r.err, ERR_INPUT);
	static const int64_t signs[] = { 0, -1, 1, -64, 64, INT64_MIN, INT64_MAX };
	for (size_t i = 0; i < ARRAY_COUNT(signs); i++) {
		struct buf b = buf_make(&mem_system, 10);
		put_zigzag(&b, signs[i]);
		if (signs[i] == -64)
			assert_int_equal(b.len, 1);
		r = rd_make(buf_str(&b));
		assert_true(rd_zigzag(&r) == signs[i]);
		assert_int_equal(rd_done(&r), OK);
		buf_free(&b);
	}
}

static void read_all(struct rd *r)
{
	(void)rd_u8(r);
	(void)rd_str(r, 100);
	(void)rd_u16(r);
	(void)rd_varint(r);
	(void)rd_f64(r);
	(void)rd_bytes(r, 3);
}

static void every_cut_is_refused(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 100);
	put_u8(&b, 1);
	put_str(&b, STR("some text"));
	put_u16(&b, 2);
	put_varint(&b, 300);
	put_f64(&b, -0.0);
	buf_add(&b, STR("abc"));
	struct rd r = rd_make(buf_str(&b));
	read_all(&r);
	assert_int_equal(rd_done(&r), OK);
	for (size_t cut = 0; cut < b.len; cut++) {
		r = rd_make(str_first(buf_str(&b), cut));
		read_all(&r);
		assert_int_equal(rd_done(&r), ERR_INPUT);
		assert_int_equal(rd_u8(&r), 0); /* sticky */
		assert_int_equal(rd_bytes(&r, 0).len, 0);
		assert_int_equal(rd_done(&r), ERR_INPUT);
	}
	buf_add_char(&b, 'x');
	r = rd_make(buf_str(&b));
	read_all(&r);
	assert_int_equal(r.err, OK);
	assert_int_equal(rd_done(&r), ERR_INPUT); /* something is left over */
	buf_free(&b);
}

static void strings_have_limits_and_empty_is_fine(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 100);
	put_str(&b, STR("abcd"));
	struct rd r = rd_make(buf_str(&b));
	assert_true(str_eq(rd_str(&r, 3), STR("")));
	assert_int_equal(r.err, ERR_INPUT);
	r = rd_make(buf_str(&b));
	assert_true(str_eq(rd_str(&r, 4), STR("abcd")));
	buf_clear(&b);
	put_str(&b, (struct str){ NULL, 0 });
	r = rd_make(buf_str(&b));
	struct str empty = rd_str(&r, 0);
	assert_int_equal(empty.len, 0);
	assert_non_null(empty.ptr);
	assert_int_equal(rd_done(&r), OK);
	r = rd_make(STR("\xff\xff\xff\xff"));
	assert_int_equal(rd_str(&r, SIZE_MAX).len, 0);
	assert_int_equal(r.err, ERR_INPUT);
	r = rd_make((struct str){ NULL, 0 });
	assert_int_equal(rd_done(&r), OK);
	assert_int_equal(rd_u64(&r), 0);
	assert_int_equal(rd_done(&r), ERR_INPUT);
	buf_free(&b);
}

static void a_full_buffer_keeps_its_error(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 5);
	put_u32(&b, 1);
	put_u16(&b, 2);
	assert_int_equal(b.err, ERR_LIMIT);
	put_u8(&b, 2);
	put_varint(&b, 2);
	assert_int_equal(b.len, 4);
	buf_clear(&b);
	put_u32(&b, 1);
	put_varint(&b, 127); /* the last byte that fits */
	assert_int_equal(b.err, OK);
	assert_int_equal(b.len, 5);
	buf_clear(&b);
	put_str(&b, (struct str){ "x", (size_t)UINT32_MAX + 1 });
	assert_int_equal(b.err, ERR_LIMIT);
	buf_free(&b);
}

static void not_a_number_keeps_its_bits(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 8);
	uint64_t bits = UINT64_C(0x7ff0000000000002); /* the stale marker */
	double v;
	memcpy(&v, &bits, sizeof(v));
	put_f64(&b, v);
	struct rd r = rd_make(buf_str(&b));
	double back = rd_f64(&r);
	assert_memory_equal(&back, &v, sizeof(v));
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_bytes_are_little_endian),
		cmocka_unit_test(varints),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(strings_have_limits_and_empty_is_fine),
		cmocka_unit_test(a_full_buffer_keeps_its_error),
		cmocka_unit_test(not_a_number_keeps_its_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
