/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. Varints of one byte, by far the most, take a short way.
 */
#include "wire/protobuf.h"
#include <assert.h>

struct pb pb_make(struct str message)
{
	const unsigned char *at = (const unsigned char *)message.ptr;
	return (struct pb){ .at = at, .end = at + message.len };
}

bool pb_fail(struct pb *p, const char *what)
{
	assert(what);
	if (p->err == OK) {
		p->err = ERR_INPUT;
		p->what = what;
	}
	p->at = p->end;
	return false;
}

static const unsigned char *varint(const unsigned char *at, const unsigned char *end, uint64_t *ret)
{
	if (at < end && *at < 0x80) {
		*ret = *at;
		return at + 1;
	}
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
		unsigned char c = *at++;
		if (shift == 63 && c > 1)
			return NULL;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*ret = v;
			return at;
		}
	}
	return NULL;
}

static bool fixed(struct pb *p, size_t bytes)
{
	if ((size_t)(p->end - p->at) < bytes)
		return pb_fail(p, "unexpected end of the message");
	p->value = 0;
	for (size_t i = 0; i < bytes; i++)
		p->value |= (uint64_t)p->at[i] << (8 * i);
	p->at += bytes;
	return true;
}

bool pb_next(struct pb *p)
{
	if (p->err != OK || p->at == p->end)
		return false;
	uint64_t tag;
	const unsigned char *at = varint(p->at, p->end, &tag);
	if (!at || tag >> 3 == 0 || tag >> 3 > 0x1fffffff)
		return pb_fail(p, "broken field tag");
	p->at = at;
	p->field = (uint32_t)(tag >> 3);
	p->wire = (enum pb_wire)(tag & 7);
	switch (p->wire) {
	case PB_VARINT:
		at = varint(p->at, p->end, &p->value);
		if (!at)
			return pb_fail(p, "broken varint");
		p->at = at;
		return true;
	case PB_FIXED64: return fixed(p, 8);
	case PB_FIXED32: return fixed(p, 4);
	case PB_BYTES: {
		uint64_t len;
		at = varint(p->at, p->end, &len);
		if (!at || len > (uint64_t)(p->end - at))
			return pb_fail(p, "unexpected end of the message");
		p->bytes = str_make((const char *)at, (size_t)len);
		p->at = at + len;
		return true;
	}
	default: return pb_fail(p, "unknown wire type");
	}
}

bool pb_packed_varint(struct str *bytes, uint64_t *ret)
{
	const unsigned char *start = (const unsigned char *)bytes->ptr;
	const unsigned char *at = bytes->len ? varint(start, start + bytes->len, ret) : NULL;
	if (!at)
		return false;
	*bytes = str_from(*bytes, (size_t)(at - start));
	return true;
}

bool pb_packed_fixed64(struct str *bytes, uint64_t *ret)
{
	if (bytes->len < 8)
		return false;
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++)
		v |= (uint64_t)(unsigned char)bytes->ptr[i] << (8 * i);
	*ret = v;
	*bytes = str_from(*bytes, 8);
	return true;
}
