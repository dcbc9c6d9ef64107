/* SPDX-License-Identifier: Apache-2.0
 *
 * Errors. `enum err` is what a function returns when the world refuses; a broken belief of ours is
 * an assert (always on), and a thing that should not happen but is survived is a surprise
 * (surprise.h). Results leave through a last `ret_` parameter that is never written on failure.
 */
#pragma once
#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
/* own(x_close) struct x *x = NULL; calls x_close(&x) at the end of the scope. */
#define own(fn) __attribute__((cleanup(fn)))
/* A result that is ignored on purpose, with the reason in the text. */
#define ignore_err(expr, reason)                                            \
	do {                                                                \
		__typeof__(expr) ignored_ __attribute__((unused)) = (expr); \
	} while (0)
#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* true = overflow, *out unusable */
#define ck_add(a, b, out) __builtin_add_overflow((a), (b), (out))
#define ck_sub(a, b, out) __builtin_sub_overflow((a), (b), (out))
#define ck_mul(a, b, out) __builtin_mul_overflow((a), (b), (out))

enum err {
	OK = 0,
	ERR_NOMEM = -1,  /* out of memory */
	ERR_LIMIT = -2,  /* a stated limit is exceeded */
	ERR_INPUT = -3,  /* the bytes from outside are wrong */
	ERR_IO = -4,     /* the operating system or a library failed; errno may say more */
	ERR_BUSY = -5,   /* try again later: no credit, would block */
	ERR_GONE = -6,   /* it is not there (any more) */
	ERR_DENIED = -7, /* not allowed */
};

/* A constant, lower-case English phrase for an error, never NULL. */
const char *err_text(enum err e);
