/* SPDX-License-Identifier: Apache-2.0
 *
 * Fixed-layout binary writing and reading, little endian, for our own messages and files. Both are
 * sticky: after the first failure each call is a no-op (reads give zero / empty) and the end is
 * asked once. A str is a u32 length and its bytes; reads borrow from the input.
 */
#pragma once
#include "base/buf.h"

/* Writers: the buffer's own sticky error is the result. */
void put_u8(struct buf *b, uint8_t v);
void put_u16(struct buf *b, uint16_t v);
void put_u32(struct buf *b, uint32_t v);
void put_u64(struct buf *b, uint64_t v);
void put_i64(struct buf *b, int64_t v);
void put_f64(struct buf *b, double v);
void put_str(struct buf *b, struct str s);
void put_varint(struct buf *b, uint64_t v); /* LEB128 */
void put_zigzag(struct buf *b, int64_t v);

struct rd {
	struct str rest;
	enum err err; /* sticky: ERR_INPUT */
};
static inline struct rd rd_make(struct str s)
{
	return (struct rd){ s, OK };
}
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
int64_t rd_i64(struct rd *r);
double rd_f64(struct rd *r);
struct str rd_str(struct rd *r, size_t limit); /* longer than limit is ERR_INPUT */
uint64_t rd_varint(struct rd *r);
int64_t rd_zigzag(struct rd *r);
struct str rd_bytes(struct rd *r, size_t n);
/* OK when nothing failed and all was read; ERR_INPUT otherwise. */
must_check enum err rd_done(const struct rd *r);
