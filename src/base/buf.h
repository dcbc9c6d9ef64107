/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing byte buffer with a mandatory limit and a sticky error: after the first failure every
 * append is a no-op and `err` tells why, so a builder appends freely and checks once at its end.
 */
#pragma once
#include "base/mem.h"
#include "base/str.h"
#include <stdarg.h>

struct buf {
	const struct mem *mem;
	char *ptr; /* always NUL-terminated at ptr[len] when ptr is not NULL */
	size_t len, cap, limit;
	enum err err; /* sticky: ERR_NOMEM or ERR_LIMIT */
};

/* An empty buffer that will hold at most limit bytes; allocates nothing yet. */
struct buf buf_make(const struct mem *mem, size_t limit);
/* Frees the bytes and leaves an empty buffer with the same limit, error cleared. */
void buf_free(struct buf *b);
/* Forgets the bytes and the error, keeps the memory. */
void buf_clear(struct buf *b);
void buf_add(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *z);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);
/* Shortest text that reads back as the same double; +Inf, -Inf and NaN as Prometheus writes them.
 */
void buf_add_f64(struct buf *b, double v);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Room for n more bytes to be written at the returned place, then buf_grew(b, used). NULL on error.
 */
char *buf_reserve(struct buf *b, size_t n);
void buf_grew(struct buf *b, size_t n);
/* Removes the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->ptr ? b->ptr : "", b->len };
}
