/* SPDX-License-Identifier: Apache-2.0
 *
 * The notation of series that Prometheus' test scripts and rule unit tests use:
 *
 *   up{job="x"} 1 2 _ 3x4 0+10x5 stale {{schema:0 sum:3 count:2 buckets:[1 1]}}x3
 *
 * Numbers follow each other at equal steps; `_` is a gap, `_x3` three; `3x4` is 3 and four more;
 * `0+10x5` adds 10 each time. Nothing here keeps state; results live in the arena.
 */
#pragma once
#include "base/hist.h"
#include "query/labels.h"

#define NOTATION_POINTS_MAX 1000000u /* per line */

struct notation_point {
	bool set;      /* false: a gap */
	bool has_hint; /* the text told the counter reset hint */
	double v;
	const struct hist *h; /* NULL: v counts */
};

struct notation_points {
	struct notation_point *list;
	size_t count, cap;
};

/* The points of one line (behind the series). ERR_INPUT, ERR_LIMIT, ERR_NOMEM. */
must_check enum err notation_points(struct arena *a, struct str text, struct notation_points *ret);
/* The start times of a line "name@st -1m 0sx5 -1m-10sx3 _ _x3" (behind the @st): v is the distance
 * in ms from the sample of the same place. */
must_check enum err notation_starts(struct arena *a, struct str text, struct notation_points *ret);
/* A time or a step: 5m, -1h30m, 90 (seconds), 0.5. */
must_check enum err notation_ms(struct str s, int64_t *ret);
/* name{a="b"} at the front of a line; *ret_rest is what follows it. ERR_INPUT, ERR_NOMEM. */
must_check enum err notation_series(
    struct arena *a, struct str line, struct labels *ret, struct str *ret_rest);

/* Parts, for others that read such lines. */
must_check enum err notation_add(
    struct arena *a, struct notation_points *p, struct notation_point x, size_t times);
/* The next word; the rest begins behind it. Empty at the end. */
struct str notation_word(struct str *rest);
/* A number with sign at the front of *s (also Inf, NaN and stale); false when there is none. */
bool notation_number(struct str *s, double *ret);
/* xN at the front of *s; false leaves *s alone. */
bool notation_times(struct str *s, size_t *ret);
