/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as numbers, UTF-8 and parts: no crash, cuts put together give the whole, and numbers
 * agree with the C library and with their own text.
 */
#include "base/buf.h"
#include "base/enc.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void numbers(struct str text)
{
	struct buf b = buf_make(&mem_system, 500);
	uint64_t u;
	int64_t i;
	double f, again;
	if (!str_u64(text, &u)) {
		buf_add_u64(&b, u);
		uint64_t back;
		assert(!str_u64(buf_str(&b), &back) && back == u);
	}
	buf_clear(&b);
	if (!str_i64(text, &i)) {
		buf_add_i64(&b, i);
		int64_t back;
		assert(!str_i64(buf_str(&b), &back) && back == i);
	}
	buf_clear(&b);
	if (!str_f64(text, false, &f)) {
		buf_add(&b, text);
		assert(strtod(b.ptr, NULL) == f);
		buf_clear(&b);
		buf_add_f64(&b, f);
		assert(strtod(b.ptr, NULL) == f);
	} else if (!str_f64(text, true, &f)) {
		assert(!isfinite(f));
		buf_add_f64(&b, f);
		enum err e = str_f64(buf_str(&b), true, &again);
		assert(!e && (isnan(f) ? isnan(again) : f == again));
	}
	buf_free(&b);
}

static void parts(struct str text)
{
	struct str rest = text;
	size_t total = 0, count = 0;
	while (rest.ptr) {
		struct str part = str_cut(&rest, ',');
		assert(str_find(part, ',') == part.len);
		total += part.len;
		count++;
	}
	assert(text.ptr == NULL || total + count - 1 == text.len);
	bool valid = str_utf8_valid(text);
	for (size_t n = 0; n < text.len && n < 64; n++) {
		struct str first = str_utf8_first(text, n);
		assert(first.len <= n && n - first.len <= 3);
		assert(!valid || str_utf8_valid(first));
	}
	assert(str_utf8_count(text) <= text.len);
	struct str trimmed = str_trim(text);
	assert(str_find_str(text, trimmed) + trimmed.len <= text.len);
}

static void encodings(struct str text)
{
	struct buf coded = buf_make(&mem_system, 1 << 20), plain = buf_make(&mem_system, 1 << 20);
	struct arena *a = NULL;
	enum err e = arena_open(&mem_system, 1 << 22, &a);
	if (e)
		return;
	enc_base64(&coded, text);
	e = dec_base64(buf_str(&coded), &plain);
	assert(coded.err || (!e && str_eq(buf_str(&plain), text)));
	buf_clear(&coded);
	buf_clear(&plain);
	enc_hex(&coded, text);
	e = dec_hex(buf_str(&coded), &plain);
	assert(coded.err || (!e && str_eq(buf_str(&plain), text)));
	buf_clear(&coded);
	buf_clear(&plain);
	struct str out;
	enc_percent(&coded, text);
	e = dec_percent(a, buf_str(&coded), true, &out);
	assert(coded.err || e == ERR_LIMIT || (!e && str_eq(out, text)));
	buf_clear(&coded);
	ignore_err(dec_base64(text, &plain), "any bytes may be refused");
	ignore_err(dec_hex(text, &plain), "any bytes may be refused");
	ignore_err(dec_percent(a, text, true, &out), "any bytes may be refused");
	enc_html(&coded, text);
	assert(str_find(buf_str(&coded), '<') == coded.len);
	buf_free(&coded);
	buf_free(&plain);
	arena_close(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	numbers(text);
	parts(text);
	encodings(text);
	return 0;
}
