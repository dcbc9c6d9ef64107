/* SPDX-License-Identifier: Apache-2.0
 *
 * See block.h for the layout. Encoding chooses by size alone, so the same samples give the same
 * bytes. Decimals are tried twice: bit-packed, and as bytewise varints, which zstd makes smaller
 * where the differences repeat or are mostly small.
 */
#include "store/series/block.h"
#include "base/codec.h"
#include "base/hash.h"
#include <assert.h>
#include <math.h>
#include <zstd.h>

enum chunk_kind { KIND_POINTS = 1, KIND_HISTS = 2 };
enum value_mode { VALUES_EQUAL = 0, VALUES_DECIMAL = 1, VALUES_XOR = 2, VALUES_VARINT = 3 };
enum time_mode { TIMES_EVEN = 0, TIMES_PACKED = 1 };

#define RAW_BYTES_MAX (64u << 20) /* of a chunk's body */
#define PACK 64u
#define EXPONENT_MAX 15u
#define ZSTD_LEVEL 1
#define ZSTD_MIN_BYTES 96u

struct block_codec {
	const struct mem *mem;
	ZSTD_CCtx *pack;
	ZSTD_DCtx *unpack;
	struct buf raw, zipped, times;
	int64_t a[BLOCK_POINTS_MAX], b[BLOCK_POINTS_MAX], c[BLOCK_POINTS_MAX];
	int64_t ms[BLOCK_POINTS_MAX];
	double values[BLOCK_POINTS_MAX];
	uint32_t odd_at[BLOCK_POINTS_MAX];
	uint64_t odd_bits[BLOCK_POINTS_MAX];
};

static const double ten[EXPONENT_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };

enum err block_codec_open(const struct mem *mem, struct block_codec **ret)
{
	struct block_codec *c = mem_new(mem, 1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->mem = mem;
	c->pack = ZSTD_createCCtx();
	c->unpack = ZSTD_createDCtx();
	c->raw = buf_make(mem, RAW_BYTES_MAX);
	c->zipped = buf_make(mem, RAW_BYTES_MAX + 4096);
	c->times = buf_make(mem, 64u << 10);
	if (!c->pack || !c->unpack) {
		block_codec_close(&c);
		return ERR_NOMEM;
	}
	*ret = c;
	return OK;
}

void block_codec_close(struct block_codec **codec)
{
	struct block_codec *c = *codec;
	if (!c)
		return;
	ZSTD_freeCCtx(c->pack);
	ZSTD_freeDCtx(c->unpack);
	buf_free(&c->raw);
	buf_free(&c->zipped);
	buf_free(&c->times);
	mem_free(c->mem, c);
	*codec = NULL;
}

static uint64_t bits_of(double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static double of_bits(uint64_t bits)
{
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

static uint64_t zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* ---- bit-packing: groups of 64 as u8 width and width bits each, low bits first ---- */

static unsigned group_width(const int64_t *v, size_t n)
{
	uint64_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= zigzag(v[i]);
	return any ? 64 - (unsigned)__builtin_clzll(any) : 0;
}

static size_t packed_size(const int64_t *v, size_t n)
{
	size_t size = 0;
	for (size_t i = 0; i < n; i += PACK) {
		size_t m = n - i < PACK ? n - i : PACK;
		size += 1 + (group_width(v + i, m) * m + 7) / 8;
	}
	return size;
}

static void put_packed(struct buf *b, const int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i += PACK) {
		size_t m = n - i < PACK ? n - i : PACK;
		unsigned width = group_width(v + i, m);
		put_u8(b, (uint8_t)width);
		size_t bytes = (width * m + 7) / 8;
		unsigned char *to = (unsigned char *)buf_reserve(b, bytes + 16);
		if (!to)
			return;
		memset(to, 0, bytes + 16);
		for (size_t k = 0, bit = 0; k < m && width; k++, bit += width) {
			uint64_t word, z = zigzag(v[i + k]);
			unsigned char *at = to + bit / 8;
			memcpy(&word, at, 8);
			word |= z << (bit % 8);
			memcpy(at, &word, 8);
			if (bit % 8 + width > 64)
				at[8] =
				    (unsigned char)(at[8] | (unsigned char)(z >> (64 - bit % 8)));
		}
		buf_grew(b, bytes);
	}
}

static bool get_packed(struct rd *r, int64_t *v, size_t n)
{
	for (size_t i = 0; i < n; i += PACK) {
		size_t m = n - i < PACK ? n - i : PACK;
		unsigned width = rd_u8(r);
		if (width > 64)
			return false;
		struct str bytes = rd_bytes(r, (width * m + 7) / 8);
		if (r->err != OK)
			return false;
		uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
		const unsigned char *from = (const unsigned char *)bytes.ptr;
		for (size_t k = 0, bit = 0; k < m; k++, bit += width) {
			size_t at = bit / 8, left = bytes.len - at;
			uint64_t word = 0;
			memcpy(&word, from + at, left < 8 ? left : 8);
			word >>= bit % 8;
			if (bit % 8 + width > 64)
				word |= (uint64_t)from[at + 8] << (64 - bit % 8);
			v[i + k] = unzigzag(word & mask);
		}
	}
	return true;
}

/* ---- times ---- */

/* c->ms[0..n) -> body. Wraps around on purpose: differences are taken modulo 2^64. */
static void put_times(struct block_codec *c, struct buf *b, size_t n)
{
	uint64_t step = n > 1 ? (uint64_t)c->ms[1] - (uint64_t)c->ms[0] : 0;
	uint64_t before = step;
	bool even = true;
	for (size_t i = 1; i < n; i++) {
		uint64_t d = (uint64_t)c->ms[i] - (uint64_t)c->ms[i - 1];
		c->a[i - 1] = (int64_t)(d - before);
		even = even && d == before;
		before = d;
	}
	put_u8(b, even ? TIMES_EVEN : TIMES_PACKED);
	put_varint(b, step);
	if (!even)
		put_packed(b, c->a, n - 1);
}

static bool get_times(struct block_codec *c, struct rd *r, int64_t first, size_t n)
{
	enum time_mode mode = (enum time_mode)rd_u8(r);
	uint64_t step = rd_varint(r), t = (uint64_t)first;
	if (r->err != OK || mode > TIMES_PACKED)
		return false;
	if (mode == TIMES_EVEN)
		memset(c->a, 0, sizeof(c->a));
	else if (!get_packed(r, c->a, n - 1))
		return false;
	c->ms[0] = first;
	for (size_t i = 1; i < n; i++) {
		step += (uint64_t)c->a[i - 1];
		t += step;
		c->ms[i] = (int64_t)t;
	}
	return true;
}

/* ---- values ---- */

static bool scales(double v, unsigned e, int64_t *ret)
{
	double x = v * ten[e];
	if (!(x >= -0x1p53 && x <= 0x1p53)) /* NaN too */
		return false;
	int64_t whole = llrint(x);
	*ret = whole;
	return bits_of((double)whole / ten[e]) == bits_of(v);
}

/* The values as integers of 10^-e in c->a; those that are none are kept in odd_*. False: too many.
 */
static bool to_decimal(struct block_codec *c, size_t n, unsigned *ret_e, size_t *ret_odd)
{
	size_t odd_max = n / 8, odd = 0;
	unsigned e = 0;
	int64_t whole;
	for (size_t i = 0; i < n; i++) {
		if (scales(c->values[i], e, &whole))
			continue;
		unsigned up = e + 1;
		while (up <= EXPONENT_MAX && !scales(c->values[i], up, &whole))
			up++;
		if (up <= EXPONENT_MAX)
			e = up;
		else if (++odd > odd_max)
			return false;
	}
	odd = 0;
	int64_t before = 0;
	for (size_t i = 0; i < n; i++) {
		if (scales(c->values[i], e, &whole)) {
			before = whole;
		} else {
			if (odd >= odd_max)
				return false;
			c->odd_at[odd] = (uint32_t)i;
			c->odd_bits[odd++] = bits_of(c->values[i]);
		}
		c->a[i] = before;
	}
	*ret_e = e;
	*ret_odd = odd;
	return true;
}

/* The number of low bits that all of a[0..n) do not need: sizes in bytes are multiples of pages. */
static unsigned common_shift(const int64_t *a, size_t n)
{
	uint64_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= (uint64_t)a[i];
	return any ? (unsigned)__builtin_ctzll(any) : 0;
}

/* c->a (integers) -> c->b their deltas and c->c the deltas of those; true when the second are
 * smaller. */
static bool make_deltas(struct block_codec *c, size_t n)
{
	for (size_t i = 1; i < n; i++)
		c->b[i - 1] = c->a[i] - c->a[i - 1];
	c->c[0] = n > 1 ? c->b[0] : 0;
	for (size_t i = 1; i + 1 < n; i++)
		c->c[i] = c->b[i] - c->b[i - 1];
	return n > 2 && packed_size(c->c, n - 1) < packed_size(c->b, n - 1);
}

struct decimal {
	unsigned e, shift;
	size_t odd;
	bool second;
};

static void put_decimal(
    struct block_codec *c, struct buf *b, size_t n, const struct decimal *d, enum value_mode mode)
{
	assert(n >= 1 && d->e <= EXPONENT_MAX && d->shift < 64);
	const int64_t *deltas = d->second ? c->c : c->b;
	put_u8(b, (uint8_t)mode);
	put_u8(b, (uint8_t)(d->e | (d->second ? 0x80 : 0)));
	put_u8(b, (uint8_t)d->shift);
	put_varint(b, d->odd);
	for (size_t i = 0; i < d->odd; i++) {
		put_varint(b, c->odd_at[i]);
		put_u64(b, c->odd_bits[i]);
	}
	put_zigzag(b, c->a[0]);
	if (mode == VALUES_DECIMAL) {
		put_packed(b, deltas, n - 1);
		return;
	}
	for (size_t i = 0; i + 1 < n; i++)
		put_zigzag(b, deltas[i]);
}

static bool get_decimal(struct block_codec *c, struct rd *r, size_t n, enum value_mode mode)
{
	unsigned head = rd_u8(r), e = head & 0x7f, shift = rd_u8(r);
	uint64_t odd = rd_varint(r);
	if (r->err != OK || e > EXPONENT_MAX || odd > n || shift > 63)
		return false;
	for (size_t i = 0; i < odd; i++) {
		uint64_t at = rd_varint(r);
		c->odd_bits[i] = rd_u64(r);
		if (r->err != OK || at >= n)
			return false;
		c->odd_at[i] = (uint32_t)at;
	}
	uint64_t whole = (uint64_t)rd_zigzag(r), delta = 0;
	if (mode == VALUES_DECIMAL && !get_packed(r, c->b, n - 1))
		return false;
	for (size_t i = 0; mode == VALUES_VARINT && i + 1 < n; i++)
		c->b[i] = rd_zigzag(r);
	double scale = ten[e];
	c->values[0] = (double)(int64_t)(whole << shift) / scale;
	for (size_t i = 1; i < n; i++) {
		delta = head & 0x80 ? delta + (uint64_t)c->b[i - 1] : (uint64_t)c->b[i - 1];
		whole += delta;
		c->values[i] = (double)(int64_t)(whole << shift) / scale;
	}
	for (size_t i = 0; i < odd; i++)
		c->values[c->odd_at[i]] = of_bits(c->odd_bits[i]);
	return r->err == OK;
}

static void put_xor(struct block_codec *c, struct buf *b, size_t n)
{
	put_u8(b, VALUES_XOR);
	unsigned char *to = (unsigned char *)buf_reserve(b, n * 8);
	if (!to)
		return;
	uint64_t before = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = bits_of(c->values[i]), x = bits ^ before;
		before = bits;
		for (unsigned p = 0; p < 8; p++)
			to[p * n + i] = (unsigned char)(x >> (8 * p));
	}
	buf_grew(b, n * 8);
}

static bool get_xor(struct block_codec *c, struct rd *r, size_t n)
{
	struct str bytes = rd_bytes(r, n * 8);
	if (r->err != OK)
		return false;
	uint64_t before = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t x = 0;
		for (unsigned p = 0; p < 8; p++)
			x |= (uint64_t)(unsigned char)bytes.ptr[p * n + i] << (8 * p);
		before ^= x;
		c->values[i] = of_bits(before);
	}
	return true;
}

static bool get_values(struct block_codec *c, struct rd *r, size_t n)
{
	enum value_mode mode = (enum value_mode)rd_u8(r);
	switch (mode) {
	case VALUES_EQUAL: {
		double v = rd_f64(r);
		for (size_t i = 0; i < n; i++)
			c->values[i] = v;
		return r->err == OK;
	}
	case VALUES_DECIMAL:
	case VALUES_VARINT: return get_decimal(c, r, n, mode);
	case VALUES_XOR: return get_xor(c, r, n);
	default: return false;
	}
}

/* ---- chunks ---- */

/* The body of c->raw, zipped into `to` where that pays. */
static enum err zip_body(struct block_codec *c, struct buf *to, struct str *ret, bool *ret_zipped)
{
	*ret = buf_str(&c->raw);
	*ret_zipped = false;
	if (c->raw.err != OK)
		return c->raw.err;
	if (ret->len < ZSTD_MIN_BYTES)
		return OK;
	buf_clear(to);
	size_t bound = ZSTD_compressBound(ret->len);
	char *place = buf_reserve(to, bound);
	if (!place)
		return to->err;
	size_t len = ZSTD_compressCCtx(c->pack, place, bound, ret->ptr, ret->len, ZSTD_LEVEL);
	if (!ZSTD_isError(len) && len + len / 16 < ret->len) {
		buf_grew(to, len);
		*ret = str_make(place, len);
		*ret_zipped = true;
	}
	return OK;
}

/* Appends a chunk whose body c->raw holds. */
static enum err put_chunk(struct block_codec *c, struct buf *b, enum chunk_kind kind, size_t n)
{
	struct str body;
	bool zipped;
	enum err e = zip_body(c, &c->zipped, &body, &zipped);
	if (e != OK)
		return e;
	put_u8(b, (uint8_t)kind);
	put_u8(b, zipped);
	put_varint(b, n);
	put_zigzag(b, c->ms[0]);
	put_varint(b, (uint64_t)c->ms[n - 1] - (uint64_t)c->ms[0]);
	put_varint(b, c->raw.len);
	put_varint(b, body.len);
	put_u32(b, crc32c(0, body.ptr, body.len));
	buf_add(b, body);
	return b->err;
}

/* c->raw for one way of writing the values; the times stand in c->times. */
static void make_body(
    struct block_codec *c, size_t n, const struct decimal *d, enum value_mode mode)
{
	buf_clear(&c->raw);
	buf_add(&c->raw, buf_str(&c->times));
	if (mode == VALUES_EQUAL) {
		put_u8(&c->raw, VALUES_EQUAL);
		put_u64(&c->raw, bits_of(c->values[0]));
	} else if (mode == VALUES_XOR) {
		put_xor(c, &c->raw, n);
	} else {
		put_decimal(c, &c->raw, n, d, mode);
	}
}

/* The smaller of the two ways to write decimals, as a chunk. */
static enum err put_decimal_chunk(struct block_codec *c, struct buf *b, size_t n, struct decimal *d)
{
	d->shift = common_shift(c->a, n);
	for (size_t i = 0; i < n; i++)
		c->a[i] /= INT64_C(1) << d->shift; /* exact: all have these bits 0 */
	d->second = make_deltas(c, n);
	size_t start = b->len;
	make_body(c, n, d, VALUES_DECIMAL);
	enum err e = put_chunk(c, b, KIND_POINTS, n);
	if (e != OK || n < 32)
		return e;
	size_t packed = b->len - start;
	make_body(c, n, d, VALUES_VARINT);
	e = put_chunk(c, b, KIND_POINTS, n);
	if (e != OK)
		return e;
	size_t other = b->len - start - packed;
	if (other + other / 32 <
	    packed) { /* unpacking bits is the faster way: a small gain is not worth it */
		memmove(b->ptr + start, b->ptr + start + packed, other);
		packed = other;
	}
	b->len = start + packed;
	b->ptr[b->len] = 0;
	return OK;
}

static enum err put_point_chunk(struct block_codec *c, struct buf *b, size_t n)
{
	struct decimal d = { 0 };
	bool equal = true;
	buf_clear(&c->times);
	put_times(c, &c->times, n);
	for (size_t i = 1; i < n && equal; i++)
		equal = bits_of(c->values[i]) == bits_of(c->values[0]);
	if (!equal && to_decimal(c, n, &d.e, &d.odd))
		return put_decimal_chunk(c, b, n, &d);
	make_body(c, n, NULL, equal ? VALUES_EQUAL : VALUES_XOR);
	return put_chunk(c, b, KIND_POINTS, n);
}

enum err block_put_points(
    struct block_codec *c, struct buf *b, const struct series_point *list, size_t count)
{
	assert(count > 0);
	enum err e = OK;
	for (size_t at = 0; at < count && e == OK; at += BLOCK_POINTS_MAX) {
		size_t n = count - at < BLOCK_POINTS_MAX ? count - at : BLOCK_POINTS_MAX;
		for (size_t i = 0; i < n; i++) {
			c->ms[i] = list[at + i].ms;
			c->values[i] = list[at + i].value;
			assert(i == 0 || c->ms[i] > c->ms[i - 1]);
		}
		e = put_point_chunk(c, b, n);
	}
	return e;
}

enum err block_put_hists(
    struct block_codec *c, struct buf *b, const struct block_hist *list, size_t count)
{
	assert(count > 0);
	enum err e = OK;
	for (size_t at = 0; at < count && e == OK; at += BLOCK_HISTS_MAX) {
		size_t n = count - at < BLOCK_HISTS_MAX ? count - at : BLOCK_HISTS_MAX;
		buf_clear(&c->raw);
		for (size_t i = 0; i < n; i++) {
			c->ms[i] = list[at + i].ms;
			assert(i == 0 || c->ms[i] > c->ms[i - 1]);
		}
		put_times(c, &c->raw, n);
		for (size_t i = 0; i < n; i++)
			buf_add(&c->raw, list[at + i].bytes);
		e = put_chunk(c, b, KIND_HISTS, n);
	}
	return e;
}

/* ---- reading ---- */

void block_out_free(struct block_out *out)
{
	mem_free(out->mem, out->points);
	mem_free(out->mem, out->hists);
	out->points = NULL;
	out->hists = NULL;
	out->point_count = out->point_cap = out->hist_count = out->hist_cap = 0;
}

static bool grow(const struct mem *mem, void **list, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return true;
	size_t to = *cap ? *cap * 2 : 256;
	while (to < need)
		to *= 2;
	void *p = mem_resize(mem, *list, to, size);
	if (!p)
		return false;
	*list = p;
	*cap = to;
	return true;
}

enum err block_out_point(struct block_out *out, int64_t ms, double value)
{
	void *list = out->points;
	if (!grow(out->mem, &list, &out->point_cap, out->point_count + 1, sizeof(out->points[0])))
		return ERR_NOMEM;
	out->points = list;
	out->points[out->point_count++] = (struct series_point){ ms, value };
	return OK;
}

enum err block_out_hist(struct block_out *out, int64_t ms, const struct hist *h)
{
	void *list = out->hists;
	if (!grow(out->mem, &list, &out->hist_cap, out->hist_count + 1, sizeof(out->hists[0])))
		return ERR_NOMEM;
	out->hists = list;
	out->hists[out->hist_count++] = (struct series_hist_point){ ms, h };
	return OK;
}

static enum err read_points(struct block_codec *c, struct rd *r, int64_t first, size_t n,
    int64_t min_ms, int64_t max_ms, struct block_out *out)
{
	if (!get_times(c, r, first, n) || !get_values(c, r, n) || rd_done(r) != OK)
		return ERR_INPUT;
	void *list = out->points;
	if (!grow(out->mem, &list, &out->point_cap, out->point_count + n, sizeof(out->points[0])))
		return ERR_NOMEM;
	out->points = list;
	struct series_point *to = out->points + out->point_count;
	for (size_t i = 0; i < n; i++) {
		if (c->ms[i] >= min_ms && c->ms[i] <= max_ms)
			*to++ = (struct series_point){ c->ms[i], c->values[i] };
	}
	out->point_count = (size_t)(to - out->points);
	return OK;
}

static enum err read_hists(struct block_codec *c, struct rd *r, int64_t first, size_t n,
    int64_t min_ms, int64_t max_ms, struct block_out *out)
{
	if (!get_times(c, r, first, n))
		return ERR_INPUT;
	for (size_t i = 0; i < n; i++) {
		struct hist *h = arena_new(out->arena, struct hist, 1);
		if (!h)
			return arena_err(out->arena);
		enum err e = hist_read(out->arena, r, h);
		if (e != OK)
			return e;
		if (c->ms[i] >= min_ms && c->ms[i] <= max_ms &&
		    (e = block_out_hist(out, c->ms[i], h)) != OK)
			return e;
	}
	return rd_done(r);
}

static enum err read_chunk(
    struct block_codec *c, struct rd *r, int64_t min_ms, int64_t max_ms, struct block_out *out)
{
	unsigned kind = rd_u8(r), zipped = rd_u8(r);
	uint64_t n = rd_varint(r);
	int64_t first = rd_zigzag(r);
	uint64_t last = (uint64_t)first + rd_varint(r);
	uint64_t raw_bytes = rd_varint(r), body_bytes = rd_varint(r);
	uint32_t crc = rd_u32(r);
	if (r->err != OK || n == 0 || n > BLOCK_POINTS_MAX || (int64_t)last < first ||
	    raw_bytes > RAW_BYTES_MAX || body_bytes > r->rest.len || zipped > 1 ||
	    (kind != KIND_POINTS && kind != KIND_HISTS))
		return ERR_INPUT;
	struct str body = rd_bytes(r, (size_t)body_bytes);
	if (first > max_ms || (int64_t)last < min_ms)
		return OK;
	if (crc32c(0, body.ptr, body.len) != crc)
		return ERR_INPUT;
	if (zipped) {
		buf_clear(&c->zipped);
		char *to = buf_reserve(&c->zipped, raw_bytes ? (size_t)raw_bytes : 1);
		if (!to)
			return c->zipped.err;
		if (ZSTD_decompressDCtx(c->unpack, to, (size_t)raw_bytes, body.ptr, body.len) !=
		    raw_bytes)
			return ERR_INPUT;
		body = str_make(to, (size_t)raw_bytes);
	}
	struct rd in = rd_make(body);
	return kind == KIND_POINTS ? read_points(c, &in, first, (size_t)n, min_ms, max_ms, out)
	                           : read_hists(c, &in, first, (size_t)n, min_ms, max_ms, out);
}

enum err block_read(
    struct block_codec *c, struct str block, int64_t min_ms, int64_t max_ms, struct block_out *out)
{
	struct rd r = rd_make(block);
	enum err e = OK;
	while (r.rest.len > 0 && e == OK)
		e = read_chunk(c, &r, min_ms, max_ms, out);
	return e;
}
