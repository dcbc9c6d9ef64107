/* SPDX-License-Identifier: Apache-2.0
 *
 * Binary fields, little endian, written byte by byte so that no machine's order leaks (compilers
 * make one store of it). Contract in codec.h.
 */
#include "base/codec.h"
#include <assert.h>

static void put_le(struct buf *b, uint64_t v, size_t width)
{
	char *at = buf_reserve(b, width);
	if (!at)
		return;
	for (size_t i = 0; i < width; i++)
		at[i] = (char)(unsigned char)(v >> (8 * i));
	buf_grew(b, width);
}

void put_u8(struct buf *b, uint8_t v)
{
	put_le(b, v, 1);
}

void put_u16(struct buf *b, uint16_t v)
{
	put_le(b, v, 2);
}

void put_u32(struct buf *b, uint32_t v)
{
	put_le(b, v, 4);
}

void put_u64(struct buf *b, uint64_t v)
{
	put_le(b, v, 8);
}

void put_i64(struct buf *b, int64_t v)
{
	put_le(b, (uint64_t)v, 8);
}

void put_f64(struct buf *b, double v)
{
	uint64_t bits;
	_Static_assert(sizeof(bits) == sizeof(v), "a double has 64 bits");
	memcpy(&bits, &v, sizeof(bits));
	put_le(b, bits, 8);
}

void put_str(struct buf *b, struct str s)
{
	assert(b);
	if (s.len > UINT32_MAX) {
		b->err = b->err ? b->err : ERR_LIMIT;
		return;
	}
	put_u32(b, (uint32_t)s.len);
	buf_add(b, s);
}

void put_varint(struct buf *b, uint64_t v)
{
	char text[10];
	size_t n = 0;
	while (v >= 0x80) {
		text[n++] = (char)(unsigned char)(v | 0x80);
		v >>= 7;
	}
	text[n++] = (char)(unsigned char)v;
	assert(n <= sizeof(text));
	buf_add(b, str_make(text, n));
}

void put_zigzag(struct buf *b, int64_t v)
{
	put_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

struct str rd_bytes(struct rd *r, size_t n)
{
	assert(r);
	if (r->err || n > r->rest.len) {
		r->err = ERR_INPUT;
		return (struct str){ "", 0 };
	}
	struct str bytes = { r->rest.ptr ? r->rest.ptr : "", n };
	r->rest = str_from(r->rest, n);
	return bytes;
}

static uint64_t rd_le(struct rd *r, size_t width)
{
	struct str bytes = rd_bytes(r, width);
	uint64_t v = 0;
	for (size_t i = 0; i < bytes.len; i++)
		v |= (uint64_t)(unsigned char)bytes.ptr[i] << (8 * i);
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_le(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return rd_le(r, 8);
}

int64_t rd_i64(struct rd *r)
{
	return (int64_t)rd_le(r, 8);
}

double rd_f64(struct rd *r)
{
	uint64_t bits = rd_le(r, 8);
	double v;
	memcpy(&v, &bits, sizeof(v));
	return v;
}

struct str rd_str(struct rd *r, size_t limit)
{
	uint32_t len = rd_u32(r);
	if (len > limit)
		r->err = ERR_INPUT;
	return rd_bytes(r, len);
}

uint64_t rd_varint(struct rd *r)
{
	assert(r);
	uint64_t v = 0;
	for (unsigned i = 0; i < 10 && i < r->rest.len && !r->err; i++) {
		unsigned char c = (unsigned char)r->rest.ptr[i];
		if (i == 9 && c > 1) /* the tenth byte has room for bit 63 alone */
			break;
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (c < 0x80) {
			r->rest = str_from(r->rest, i + 1);
			return v;
		}
	}
	r->err = ERR_INPUT;
	return 0;
}

int64_t rd_zigzag(struct rd *r)
{
	uint64_t v = rd_varint(r);
	return (int64_t)((v >> 1) ^ (v & 1 ? UINT64_MAX : 0));
}

enum err rd_done(const struct rd *r)
{
	assert(r);
	return r->err || r->rest.len ? ERR_INPUT : OK;
}
