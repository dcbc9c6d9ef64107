/* SPDX-License-Identifier: Apache-2.0
 *
 * Protocol Buffers' wire format, pulled field by field out of bytes: no schema, no copies, no
 * allocation. A message is a struct pb; a field of length-delimited type borrows its bytes, which
 * may be read as a message again. The error is sticky: after it pb_next returns false for good.
 */
#pragma once
#include "base/str.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb {
	const unsigned char *at, *end;
	enum err
	    err; /* ERR_INPUT: truncated, an overlong varint, a group or an unknown wire type */
	const char *what; /* why, a constant phrase, when err is set */
	/* the current field */
	uint32_t field;
	enum pb_wire wire;
	uint64_t value;   /* varint, fixed64, fixed32 */
	struct str bytes; /* PB_BYTES */
};

struct pb pb_make(struct str message);
/* The next field, or false at the end or on an error. */
bool pb_next(struct pb *p);
/* Marks the message as wrong, for callers who find it so; always returns false. */
bool pb_fail(struct pb *p, const char *what);

/* Readings of a varint or fixed64 field's value. */
static inline int64_t pb_zigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
static inline double pb_double(uint64_t v)
{
	double d;
	memcpy(&d, &v, sizeof(d));
	return d;
}
/* Cuts one varint, or eight bytes, off a packed list; false when the list is empty or broken (then
 * *bytes is left as it was and not empty). */
bool pb_packed_varint(struct str *bytes, uint64_t *ret);
bool pb_packed_fixed64(struct str *bytes, uint64_t *ret);
