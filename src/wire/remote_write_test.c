/* SPDX-License-Identifier: Apache-2.0
 *
 * Remote write requests, made field by field, then read back; and each way to be wrong with its
 * words.
 */
#include "wire/remote_write.h"
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <snappy-c.h>
#include <stdlib.h>

struct msg {
	struct buf b;
};

static struct msg msg_make(void)
{
	return (struct msg){ buf_make(&mem_system, 1u << 20) };
}

static void add_varint(struct msg *m, uint64_t v)
{
	put_varint(&m->b, v);
}

static void add_bytes(struct msg *m, uint32_t field, struct str s)
{
	add_varint(m, field << 3 | PB_BYTES);
	add_varint(m, s.len);
	buf_add(&m->b, s);
}

static void add_u64(struct msg *m, uint32_t field, uint64_t v)
{
	add_varint(m, field << 3 | PB_VARINT);
	add_varint(m, v);
}

static void add_s64(struct msg *m, uint32_t field, int64_t v)
{
	add_varint(m, field << 3 | PB_VARINT);
	put_zigzag(&m->b, v);
}

static void add_bits(struct msg *m, uint32_t field, uint64_t bits)
{
	add_varint(m, field << 3 | PB_FIXED64);
	put_u64(&m->b, bits);
}

static void add_f64(struct msg *m, uint32_t field, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, 8);
	add_bits(m, field, bits);
}

/* Puts the inner message into the outer one and frees it. */
static void add_msg(struct msg *m, uint32_t field, struct msg inner)
{
	add_bytes(m, field, buf_str(&inner.b));
	buf_free(&inner.b);
}

static void add_label(struct msg *series, const char *name, const char *value)
{
	struct msg label = msg_make();
	add_bytes(&label, 1, str_c(name));
	add_bytes(&label, 2, str_c(value));
	add_msg(series, 1, label);
}

static void add_sample(struct msg *series, int64_t t_ms, uint64_t bits)
{
	struct msg sample = msg_make();
	add_bits(&sample, 1, bits);
	add_u64(&sample, 2, (uint64_t)t_ms);
	add_msg(series, 2, sample);
}

static void add_span(struct msg *hist, uint32_t field, int32_t offset, uint32_t length)
{
	struct msg span = msg_make();
	add_s64(&span, 1, offset);
	add_u64(&span, 2, length);
	add_msg(hist, field, span);
}

static struct arena *arena;
static int setup(void **state)
{
	(void)state;
	return arena_open(&mem_system, 1u << 20, &arena) == OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	arena_close(&arena);
	return 0;
}

static void floats(void **state)
{
	(void)state;
	struct msg req = msg_make(), one = msg_make(), two = msg_make();
	add_label(&one, "job", "api");
	add_label(&one, "__name__", "up");
	add_label(&one, "gone", "");
	add_sample(&one, 2000, UINT64_C(0x3ff0000000000000));
	add_sample(&one, -5, RW_STALE_BITS);
	add_sample(&one, 0, UINT64_C(0x8000000000000000));
	add_msg(&req, 1, one);
	add_bytes(&req, 3, STR("\x08\x01"));
	add_label(&two, "__name__", "empty");
	add_msg(&req, 1, two);

	char packed[512];
	size_t packed_len = sizeof(packed);
	assert_int_equal(snappy_compress(req.b.ptr, req.b.len, packed, &packed_len), SNAPPY_OK);
	struct buf b = buf_make(&mem_system, 1u << 20);
	const char *fault = NULL;
	assert_int_equal(rw_unpack(str_make(packed, packed_len), 1u << 20, &b, &fault), OK);
	assert_true(str_eq(buf_str(&b), buf_str(&req.b)));

	struct rw r = rw_make(buf_str(&b));
	struct rw_series s;
	struct rw_label labels[RW_LABELS_MAX];
	struct rw_sample sample;
	size_t count = 0;
	assert_true(rw_next_series(&r, &s));
	assert_int_equal(rw_labels(&r, &s, labels, &count), OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(labels[0].name, STR("__name__")) && str_eq(labels[0].value, STR("up")));
	assert_true(str_eq(labels[1].name, STR("job")) && str_eq(labels[1].value, STR("api")));
	static const int64_t times[] = { 2000, -5, 0 };
	static const uint64_t bits[] = { UINT64_C(0x3ff0000000000000), RW_STALE_BITS,
		UINT64_C(0x8000000000000000) };
	for (size_t i = 0; i < 3; i++) {
		assert_true(rw_next_sample(&r, &s, arena, &sample));
		assert_false(sample.is_hist);
		assert_true(sample.t_ms == times[i]);
		assert_memory_equal(&sample.value, &bits[i], 8);
	}
	assert_false(rw_next_sample(&r, &s, arena, &sample));
	assert_true(rw_next_series(&r, &s));
	assert_false(rw_next_sample(&r, &s, arena, &sample));
	assert_false(rw_next_series(&r, &s));
	assert_int_equal(r.err, OK);
	buf_free(&b);
	buf_free(&req.b);
}

static void histograms(void **state)
{
	(void)state;
	struct msg req = msg_make(), series = msg_make(), whole = msg_make(), fraction = msg_make();
	add_label(&series, "__name__", "h");
	add_u64(&whole, 1, 7);
	add_f64(&whole, 3, 12.5);
	add_s64(&whole, 4, -1);
	add_f64(&whole, 5, 0.001);
	add_u64(&whole, 6, 1);
	add_span(&whole, 11, -2, 2);
	add_span(&whole, 11, 3, 1);
	struct msg deltas = msg_make();
	put_zigzag(&deltas.b, 1);
	put_zigzag(&deltas.b, 2);
	put_zigzag(&deltas.b, -1);
	add_msg(&whole, 12, deltas);
	add_u64(&whole, 14, HIST_NOT_RESET);
	add_u64(&whole, 15, 99);
	add_msg(&series, 4, whole);
	add_f64(&fraction, 2, 2.5);
	add_s64(&fraction, 4, HIST_CUSTOM);
	add_span(&fraction, 11, 0, 2);
	add_f64(&fraction, 13, 0.5);
	add_f64(&fraction, 13, 2);
	add_f64(&fraction, 16, 0.25);
	add_f64(&fraction, 16, 10);
	add_msg(&series, 4, fraction);
	add_msg(&req, 1, series);

	struct rw r = rw_make(buf_str(&req.b));
	struct rw_series s;
	struct rw_sample x;
	assert_true(rw_next_series(&r, &s));
	if (!rw_next_sample(&r, &s, arena, &x))
		fail_msg("%s", r.fault);
	assert_true(x.is_hist && x.t_ms == 99);
	assert_true(x.hist.count == 7 && x.hist.sum == 12.5 && x.hist.schema == -1 &&
	            x.hist.zero_count == 1);
	assert_int_equal(x.hist.hint, HIST_NOT_RESET);
	assert_int_equal(x.hist.pos_count, 3);
	assert_true(x.hist.pos[0].index == -2 && x.hist.pos[0].count == 1);
	assert_true(x.hist.pos[1].index == -1 && x.hist.pos[1].count == 3);
	assert_true(x.hist.pos[2].index == 3 && x.hist.pos[2].count == 2);
	assert_true(rw_next_sample(&r, &s, arena, &x));
	assert_true(x.hist.count == 2.5 && x.hist.custom_count == 2 && x.hist.custom[1] == 10);
	assert_true(x.hist.pos_count == 2 && x.hist.pos[0].count == 0.5);
	assert_false(rw_next_sample(&r, &s, arena, &x));
	buf_free(&req.b);
}

/* Reads everything and gives the fault. */
static void is_refused(struct msg *req, const char *want)
{
	struct rw r = rw_make(buf_str(&req->b));
	struct rw_series s;
	struct rw_label labels[RW_LABELS_MAX];
	struct rw_sample sample;
	size_t count;
	while (rw_next_series(&r, &s) && rw_labels(&r, &s, labels, &count) == OK) {
		while (rw_next_sample(&r, &s, arena, &sample))
			;
	}
	assert_int_equal(r.err, ERR_INPUT);
	assert_string_equal(r.fault, want);
	assert_false(rw_next_series(&r, &s));
	buf_free(&req->b);
}

static void bad_labels(void **state)
{
	(void)state;
	struct msg req = msg_make(), s = msg_make();
	add_label(&s, "", "x");
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: a label has an empty name");

	req = msg_make(), s = msg_make();
	add_label(&s, "a", "1");
	add_label(&s, "b", "1");
	add_label(&s, "a", "2");
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: a label is there twice");

	req = msg_make(), s = msg_make();
	add_label(&s, "a", "\xff");
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: a label is not valid UTF-8");

	req = msg_make(), s = msg_make();
	for (unsigned i = 0; i <= RW_LABELS_MAX; i++) {
		char name[8] = { 'n', (char)('a' + i / 26), (char)('a' + i % 26), 0 };
		add_label(&s, name, "v");
	}
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: more than 64 labels");

	req = msg_make(), s = msg_make();
	add_label(&s, "a", "1");
	add_sample(&s, 1, 0);
	add_label(&s, "b", "1");
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: sample 1: labels must come before samples");
}

static void bad_messages(void **state)
{
	(void)state;
	struct msg req = msg_make();
	buf_add(&req.b, STR("\x0a\x05"
	                    "ab"));
	is_refused(&req, "unexpected end of the message");
	req = msg_make();
	add_u64(&req, 1, 5);
	is_refused(&req, "series 1: a time series must be a message");
	req = msg_make();
	buf_add(&req.b, STR("\x0b"));
	is_refused(&req, "unknown wire type");
	req = msg_make();
	struct msg s = msg_make();
	add_bytes(&s, 2, STR("\x10"));
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: sample 1: broken varint");

	req = msg_make();
	struct msg h = msg_make();
	s = msg_make();
	add_span(&h, 11, 0, 3);
	add_msg(&s, 4, h);
	add_msg(&req, 1, s);
	is_refused(
	    &req, "series 1: sample 1: spans and buckets of a histogram do not fit each other");

	req = msg_make(), h = msg_make(), s = msg_make();
	add_s64(&h, 4, 9);
	add_msg(&s, 4, h);
	add_msg(&req, 1, s);
	is_refused(&req, "series 1: sample 1: the histogram's schema is not one of -53, -4..8");
}

static void bad_snappy(void **state)
{
	(void)state;
	struct buf b = buf_make(&mem_system, 1u << 20);
	const char *fault = NULL;
	assert_int_equal(
	    rw_unpack(STR("\xff\xff\xff\xff\xff\xff"), 1u << 20, &b, &fault), ERR_INPUT);
	assert_string_equal(fault, "snappy: corrupt input");
	assert_int_equal(rw_unpack(STR(""), 1u << 20, &b, &fault), ERR_INPUT);
	assert_int_equal(rw_unpack(STR("\x05zz"), 1u << 20, &b, &fault), ERR_INPUT);
	assert_int_equal(rw_unpack(STR("\x80\x80\x80\x40z"), 1u << 20, &b, &fault), ERR_LIMIT);
	assert_string_equal(fault, "snappy: decoded block is too large");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(floats, setup, teardown),
		cmocka_unit_test_setup_teardown(histograms, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_labels, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_messages, setup, teardown),
		cmocka_unit_test(bad_snappy),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
