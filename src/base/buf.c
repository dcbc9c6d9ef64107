/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer. Invariants: len <= limit; ptr == NULL or len < cap and ptr[len] == 0;
 * after err is set nothing changes until buf_clear or buf_free. Contract in buf.h.
 */
#include "base/buf.h"
#include "base/str_priv.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>

struct buf buf_make(const struct mem *mem, size_t limit)
{
	assert(mem);
	assert(limit < SIZE_MAX); /* one more is needed for the NUL */
	return (struct buf){ .mem = mem, .limit = limit };
}

void buf_free(struct buf *b)
{
	assert(b);
	if (b->mem)
		mem_free(b->mem, b->ptr);
	*b = (struct buf){ .mem = b->mem, .limit = b->limit };
}

void buf_clear(struct buf *b)
{
	assert(b);
	b->len = 0;
	b->err = OK;
	if (b->ptr)
		b->ptr[0] = 0;
}

/* Makes room for n more bytes and the NUL. */
static bool make_room(struct buf *b, size_t n)
{
	if (b->err)
		return false;
	assert(b->len <= b->limit);
	if (n > b->limit - b->len) {
		b->err = ERR_LIMIT;
		return false;
	}
	size_t need = b->len + n + 1;
	if (need <= b->cap)
		return true;
	size_t cap = b->cap < 64 ? 64 : b->cap;
	while (cap < need) {
		if (ck_mul(cap, 2u, &cap))
			cap = need;
	}
	if (cap > b->limit + 1)
		cap = b->limit + 1;
	char *fresh = mem_resize(b->mem, b->ptr, cap, 1);
	if (!fresh) {
		b->err = ERR_NOMEM;
		return false;
	}
	b->ptr = fresh;
	b->cap = cap;
	b->ptr[b->len] = 0;
	assert(need <= b->cap);
	return true;
}

char *buf_reserve(struct buf *b, size_t n)
{
	assert(b);
	return make_room(b, n) ? b->ptr + b->len : NULL;
}

void buf_grew(struct buf *b, size_t n)
{
	assert(b);
	if (b->err)
		return;
	if (n == 0 && !b->ptr)
		return;
	assert(n < b->cap - b->len);
	b->len += n;
	b->ptr[b->len] = 0;
}

void buf_add(struct buf *b, struct str s)
{
	if (s.len == 0)
		return;
	char *at = buf_reserve(b, s.len);
	if (!at)
		return;
	memcpy(at, s.ptr, s.len);
	buf_grew(b, s.len);
}

void buf_add_c(struct buf *b, const char *z)
{
	buf_add(b, str_c(z));
}

void buf_add_char(struct buf *b, char c)
{
	char *at = buf_reserve(b, 1);
	if (!at)
		return;
	*at = c;
	buf_grew(b, 1);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char text[20];
	buf_add(b, str_make(text, u64_write(v, text)));
}

void buf_add_i64(struct buf *b, int64_t v)
{
	char text[21];
	size_t n = 0;
	if (v < 0)
		text[n++] = '-';
	n += u64_write(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, text + n);
	buf_add(b, str_make(text, n));
}

void buf_add_f64(struct buf *b, double v)
{
	if (isnan(v)) {
		buf_add(b, STR("NaN"));
	} else if (isinf(v)) {
		buf_add(b, v < 0 ? STR("-Inf") : STR("+Inf"));
	} else {
		char text[F64_TEXT_MAX];
		buf_add(b, str_make(text, f64_write(v, text)));
	}
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
	assert(b && format);
	if (b->err)
		return;
	/* The first try goes into what is free already; a short text never needs the second. */
	size_t room = b->ptr ? b->cap - b->len : 0;
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(b->ptr ? b->ptr + b->len : NULL, room, format, args);
	if (n < 0) {
		b->err = ERR_INPUT; /* a wide character that cannot be written; not a thing we do */
	} else if ((size_t)n < room) {
		buf_grew(b, (size_t)n);
	} else {
		if (b->ptr)
			b->ptr[b->len] = 0;
		char *at = buf_reserve(b, (size_t)n);
		if (at) {
			(void)vsnprintf(at, (size_t)n + 1, format, again);
			buf_grew(b, (size_t)n);
		}
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
	assert(b);
	assert(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->ptr, b->ptr + n, b->len);
	b->ptr[b->len] = 0;
}
