/* SPDX-License-Identifier: Apache-2.0
 *
 * Three kinds of time that the compiler does not let mix: mono (since some start, never steps),
 * wall (nanoseconds since 1970-01-01T00:00:00Z, POSIX: no leap seconds; may step), span (a
 * difference). Nothing here reads a clock: that is os/clock.h. Calendar arithmetic is proleptic
 * Gregorian.
 */
#pragma once
#include "base/buf.h"
#include "base/str.h"

struct mono {
	int64_t ns;
};
struct wall {
	int64_t ns;
};
struct span {
	int64_t ns;
};

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S INT64_C(1000000000)
#define SPAN_MS(n) ((struct span){ (int64_t)(n)*NS_PER_MS })
#define SPAN_S(n) ((struct span){ (int64_t)(n)*NS_PER_S })

/* Saturating, so a time near the end of the range never wraps. */
static inline int64_t time_add_ns(int64_t a, int64_t b)
{
	int64_t out;
	return __builtin_add_overflow(a, b, &out) ? (b < 0 ? INT64_MIN : INT64_MAX) : out;
}
static inline struct wall wall_add(struct wall t, struct span d)
{
	return (struct wall){ time_add_ns(t.ns, d.ns) };
}
static inline struct mono mono_add(struct mono t, struct span d)
{
	return (struct mono){ time_add_ns(t.ns, d.ns) };
}
static inline struct span wall_sub(struct wall a, struct wall b)
{
	return (struct span){ time_add_ns(a.ns, b.ns == INT64_MIN ? INT64_MAX : -b.ns) };
}
static inline struct span mono_sub(struct mono a, struct mono b)
{
	return (struct span){ a.ns - b.ns };
}
static inline struct wall wall_from_ms(int64_t ms)
{
	int64_t ns;
	return (struct wall){
		__builtin_mul_overflow(ms, NS_PER_MS, &ns) ? (ms < 0 ? INT64_MIN : INT64_MAX) : ns
	};
}
/* Milliseconds, rounded towards minus infinity. */
static inline int64_t wall_ms(struct wall t)
{
	return t.ns / NS_PER_MS - (t.ns % NS_PER_MS < 0);
}

/* A date and a time of day without a zone. */
struct civil {
	int32_t year; /* 1..9999 */
	int8_t month; /* 1..12 */
	int8_t day;   /* 1..31 */
	int8_t hour, minute, second;
	int32_t ns;
};
/* Seconds since 1970-01-01T00:00:00 in the civil line (that is, read as UTC). */
int64_t civil_to_s(struct civil c);
struct civil civil_from_s(int64_t s);
/* 0 = Sunday .. 6. */
int civil_weekday(int64_t s);
/* True when every field is in its range and the day exists. */
bool civil_valid(struct civil c);

/* RFC 3339 and the ISO 8601 forms that clients send: 'T' or blank, fraction of 1-9 digits, Z or an
 * offset with or without the colon (+0100, +01:00, +01). ERR_INPUT otherwise. */
must_check enum err wall_parse(struct str s, struct wall *ret_wall);
/* "2026-01-05T09:00" or with seconds, no zone. */
must_check enum err civil_parse(struct str s, struct civil *ret_civil);
/* RFC 3339 in UTC with 'Z': seconds when ms is zero, else three digits. */
void wall_format(struct buf *b, struct wall t);
void civil_format(struct buf *b, struct civil c); /* 2026-01-05T09:00:00 */

/* Durations as 500ms, 10s, 5m, 1h30m, 7d, 1w, 1y (365d); 0 alone; in that falling order of units,
 * as Prometheus' model.ParseDuration. ERR_INPUT, or ERR_LIMIT beyond 292 years. */
must_check enum err span_parse(struct str s, struct span *ret_span);
/* The shortest such text: 90m -> 1h30m; negative with a leading '-'. */
void span_format(struct buf *b, struct span d);
