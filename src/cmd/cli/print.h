/* SPDX-License-Identifier: Apache-2.0
 *
 * Printing for people: tables that fit the terminal, colours, times, little graphs. Pure. What
 * comes from the server is made safe: control characters and direction marks never reach the
 * terminal.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"
#include "oncall/zone.h"

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_RED, STYLE_YELLOW, STYLE_GREEN };

struct cell {
	struct str text;
	enum style style;
};

#define TABLE_COLUMNS_MAX 16u
struct table {
	struct arena *a;
	const char *heads[TABLE_COLUMNS_MAX];
	unsigned columns;
	struct cell *cells; /* row after row */
	size_t rows, cap;
};
/* heads: names, NULL at the end. */
struct table table_make(struct arena *a, const char *const *heads);
/* One row; `cells` has as many as there are heads. A row that finds no memory is left out; the
 * arena keeps the error. */
void table_add(struct table *t, const struct cell *cells);
/* width 0: as wide as it takes. Otherwise the widest columns are cut, with an ellipsis. */
void table_write(struct buf *b, const struct table *t, unsigned width, bool color);

static inline struct cell cell(struct str text)
{
	return (struct cell){ text, STYLE_PLAIN };
}
static inline struct cell cell_styled(struct str text, enum style style)
{
	return (struct cell){ text, style };
}

/* The text with what a terminal would obey taken out; *ret_width columns wide. */
void print_safe(struct buf *b, struct str text, size_t *ret_width);
void print_styled(struct buf *b, struct str text, enum style style, bool color);
/* Columns that a text takes: 2 for wide characters, 0 for combining ones. */
size_t print_width(struct str text);

/* "now", "5m ago", "in 3h"; the date when it is more than a month away. "-" for 0. */
struct str print_ago(struct arena *a, struct wall t, struct wall now);
/* "2026-11-22 13:05:09" on the zone's wall clock. */
struct str print_time(struct arena *a, struct wall t, const struct zone *zone);
/* A short number: 0.123, 12.3, 1234, 1.23e+09. */
void print_number(struct buf *b, double v);

/* A row of bars, one for each value, from the lowest to the highest; NaN is a gap. */
void graph_spark(struct buf *b, const double *values, size_t count, bool utf8);
