/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables, colours and times for people. Texts from the server pass print_safe before they reach a
 * terminal: an incident's title is written by whoever sends an event.
 */
#include "cmd/cli/print.h"
#include <assert.h>
#include <math.h>

#define COLUMN_MIN 8u
#define GAP 2u

static const char *const style_on[] = { "", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[33m",
	"\x1b[32m" };

/* The code point at s (well-formed or not) and its length. */
static uint32_t code_point(struct str s, size_t *ret_len)
{
	unsigned char c = (unsigned char)s.ptr[0];
	size_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
	if (len == 1 || len > s.len || !str_utf8_valid(str_first(s, len))) {
		*ret_len = 1;
		return c < 0x80 ? c : 0xfffd;
	}
	uint32_t v = c & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		v = v << 6 | ((unsigned char)s.ptr[i] & 0x3f);
	*ret_len = len;
	return v;
}

struct range {
	uint32_t from, to;
};
static bool in_ranges(uint32_t c, const struct range *r, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (c >= r[i].from && c <= r[i].to)
			return true;
	return false;
}

/* What moves the cursor, changes the direction or hides itself. */
static bool is_unsafe(uint32_t c)
{
	static const struct range unsafe[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad },
		{ 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff } };
	return in_ranges(c, unsafe, ARRAY_COUNT(unsafe));
}

static size_t width_of(uint32_t c)
{
	static const struct range none[] = { { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd },
		{ 0x610, 0x61a }, { 0x64b, 0x65f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
		{ 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f } };
	static const struct range wide[] = { { 0x1100, 0x115f }, { 0x2e80, 0x303e },
		{ 0x3041, 0x33ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf },
		{ 0xac00, 0xd7a3 }, { 0xf900, 0xfaff }, { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 },
		{ 0xffe0, 0xffe6 }, { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff },
		{ 0x1f900, 0x1f9ff }, { 0x20000, 0x3fffd } };
	if (in_ranges(c, none, ARRAY_COUNT(none)))
		return 0;
	return in_ranges(c, wide, ARRAY_COUNT(wide)) ? 2 : 1;
}

/* At most `limit` columns of the text, made safe. Returns the columns written. */
static size_t write_safe(struct buf *b, struct str text, size_t limit)
{
	size_t width = 0;
	while (text.len) {
		size_t len;
		uint32_t c = code_point(text, &len);
		bool line = c == '\n' || c == '\t' || c == '\r';
		size_t w = is_unsafe(c) ? 1 : width_of(c);
		if (width + w > limit)
			break;
		if (line)
			buf_add_char(b, ' ');
		else if (is_unsafe(c) || c == 0xfffd)
			buf_add_char(b, '?');
		else
			buf_add(b, str_first(text, len));
		width += w;
		text = str_from(text, len);
	}
	return width;
}

void print_safe(struct buf *b, struct str text, size_t *ret_width)
{
	size_t width = write_safe(b, text, SIZE_MAX);
	if (ret_width)
		*ret_width = width;
}

size_t print_width(struct str text)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 24);
	size_t width = write_safe(&b, text, SIZE_MAX);
	buf_free(&b);
	return width;
}

void print_styled(struct buf *b, struct str text, enum style style, bool color)
{
	bool on = color && style != STYLE_PLAIN;
	if (on)
		buf_add_c(b, style_on[style]);
	write_safe(b, text, SIZE_MAX);
	if (on)
		buf_add_c(b, "\x1b[0m");
}

struct table table_make(struct arena *a, const char *const *heads)
{
	struct table t = { .a = a };
	for (; heads[t.columns]; t.columns++) {
		assert(t.columns < TABLE_COLUMNS_MAX);
		t.heads[t.columns] = heads[t.columns];
	}
	assert(t.columns > 0);
	return t;
}

void table_add(struct table *t, const struct cell *cells)
{
	if (t->rows == t->cap) {
		size_t cap = t->cap ? t->cap * 2 : 16;
		struct cell *all = arena_new(t->a, struct cell, cap * t->columns);
		if (!all)
			return;
		if (t->rows)
			memcpy(all, t->cells, t->rows * t->columns * sizeof *all);
		t->cells = all;
		t->cap = cap;
	}
	memcpy(t->cells + t->rows * t->columns, cells, t->columns * sizeof *cells);
	t->rows++;
}

/* The widest column gives one column after the other until all fit, or none can give any more. */
static void fit(size_t *widths, unsigned columns, size_t width)
{
	for (;;) {
		size_t total = (size_t)(columns - 1) * GAP;
		unsigned widest = 0;
		for (unsigned i = 0; i < columns; i++) {
			total += widths[i];
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (total <= width || widths[widest] <= COLUMN_MIN)
			return;
		widths[widest]--;
	}
}

static void write_cell(struct buf *b, struct cell c, size_t width, bool last, bool color)
{
	size_t full = print_width(c.text);
	bool on = color && c.style != STYLE_PLAIN;
	if (on)
		buf_add_c(b, style_on[c.style]);
	size_t done =
	    full <= width ? write_safe(b, c.text, width) : write_safe(b, c.text, width - 1);
	if (full > width) {
		buf_add_c(b, "\u2026");
		done++;
	}
	if (on)
		buf_add_c(b, "\x1b[0m");
	for (size_t i = done; !last && i < width + GAP; i++)
		buf_add_char(b, ' ');
}

/* Ends a line without the blanks before its end. */
static void line_end(struct buf *b)
{
	while (b->len && b->ptr[b->len - 1] == ' ')
		b->ptr[--b->len] = 0;
	buf_add_char(b, '\n');
}

void table_write(struct buf *b, const struct table *t, unsigned width, bool color)
{
	size_t widths[TABLE_COLUMNS_MAX];
	for (unsigned i = 0; i < t->columns; i++) {
		widths[i] = strlen(t->heads[i]);
		for (size_t r = 0; r < t->rows; r++) {
			size_t w = print_width(t->cells[r * t->columns + i].text);
			widths[i] = w > widths[i] ? w : widths[i];
		}
	}
	if (width)
		fit(widths, t->columns, width);
	for (unsigned i = 0; i < t->columns; i++)
		write_cell(b, cell_styled(str_c(t->heads[i]), STYLE_BOLD), widths[i],
		    i + 1 == t->columns, color);
	line_end(b);
	for (size_t r = 0; r < t->rows; r++) {
		for (unsigned i = 0; i < t->columns; i++)
			write_cell(
			    b, t->cells[r * t->columns + i], widths[i], i + 1 == t->columns, color);
		line_end(b);
	}
}

struct str print_ago(struct arena *a, struct wall t, struct wall now)
{
	if (!t.ns)
		return STR("-");
	struct span d = wall_sub(now, t);
	bool future = d.ns < 0;
	int64_t s = (future ? -d.ns : d.ns) / NS_PER_S;
	if (s > 31 * INT64_C(86400))
		return str_first(print_time(a, t, NULL), 10);
	if (s < 1)
		return STR("now");
	char unit = s < 90 ? 's' : s < 90 * 60 ? 'm' : s < 36 * 3600 ? 'h' : 'd';
	int64_t n = unit == 's' ? s : unit == 'm' ? s / 60 : unit == 'h' ? s / 3600 : s / 86400;
	return arena_printf(a, future ? "in %lld%c" : "%lld%c ago", (long long)n, unit);
}

struct str print_time(struct arena *a, struct wall t, const struct zone *zone)
{
	if (!t.ns)
		return STR("-");
	struct civil c = zone_local(zone, t);
	return arena_printf(
	    a, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute, c.second);
}

void print_number(struct buf *b, double v)
{
	if (isfinite(v) && v == floor(v) && fabs(v) < 1e15)
		buf_add_f64(b, v);
	else if (isfinite(v))
		buf_printf(b, "%.4g", v);
	else
		buf_add_f64(b, v);
}

void graph_spark(struct buf *b, const double *values, size_t count, bool utf8)
{
	static const char *const bars[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585",
		"\u2586", "\u2587", "\u2588" };
	static const char *const letters[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
	double low = HUGE_VAL, high = -HUGE_VAL;
	for (size_t i = 0; i < count; i++) {
		if (isfinite(values[i])) {
			low = values[i] < low ? values[i] : low;
			high = values[i] > high ? values[i] : high;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(values[i])) {
			buf_add_char(b, ' ');
			continue;
		}
		/* halves first: the difference of two finite numbers need not be finite */
		double part = high > low ? (values[i] / 2 - low / 2) / (high / 2 - low / 2) : 0;
		size_t level = (size_t)(part * 7.0 + 0.5);
		assert(level < ARRAY_COUNT(bars));
		buf_add_c(b, utf8 ? bars[level] : letters[level]);
	}
}
