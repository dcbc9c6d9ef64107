/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as YAML in block style, as a person would write it: no quotes where none are needed, a
 * literal block for text of several lines. What it writes reads back as the same value (the fuzzer
 * checks).
 */
#include "conf/yaml_priv.h"
#include <assert.h>

/* Words that YAML 1.1 readers take for truth values. */
static bool is_old_bool(struct str s)
{
	static const struct str old[] = { STR_INIT("y"), STR_INIT("n"), STR_INIT("yes"),
		STR_INIT("no"), STR_INIT("on"), STR_INIT("off") };
	for (size_t i = 0; i < ARRAY_COUNT(old); i++)
		if (str_eq_nocase(s, old[i]))
			return true;
	return false;
}

/* 5m, 1h30m: begins with a digit, and is text to every reader of YAML. */
static bool is_duration(struct str s)
{
	struct span d;
	return s.len > 1 && s.len <= 24 && s.ptr[0] >= '0' && s.ptr[0] <= '9' &&
	       s.ptr[s.len - 1] >= 'a' && s.ptr[s.len - 1] <= 'z' && span_parse(s, &d) == OK;
}

/* Needs no quotes in block style: begins with a letter, no comment, no "key: " and no blank at its
 * end can be seen in it. */
static bool is_plain(struct str s)
{
	if (is_duration(s))
		return true;
	if (s.len == 0 || s.len > 120 || s.ptr[s.len - 1] == ' ')
		return false;
	char first = s.ptr[0];
	if (!((first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') || first == '/'))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		if (c < 0x20 || c > 0x7e || c == '#' || (c == ' ' && s.ptr[i + 1] == ' '))
			return false;
		if (c == ':' && (i + 1 == s.len || s.ptr[i + 1] == ' '))
			return false;
	}
	return conf_scalar_type(s) == CONF_TEXT && !is_old_bool(s);
}

/* Several lines that a literal block can hold exactly. */
static bool is_block(struct str s)
{
	if (str_find(s, '\n') == s.len || s.ptr[0] == '\n' || s.ptr[0] == ' ')
		return false;
	if (str_ends(s, STR("\n")))
		s.len--;
	bool line_start = true;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '\n') {
			if (line_start || s.ptr[i - 1] == ' ')
				return false;
			line_start = true;
			continue;
		}
		/* The line separators of Unicode and controls above ASCII are best left to escapes.
		 */
		if (c < 0x20 || c >= 0x7f || (line_start && i == 0 && c == '#'))
			return false;
		line_start = false;
	}
	return !line_start && s.ptr[s.len - 1] != ' ';
}

static void indent(struct buf *b, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buf_add_c(b, "  ");
}

/* JSON's escapes are YAML's; what is invisible above ASCII is escaped too. */
static void write_quoted(struct buf *b, struct str s)
{
	struct jw w = jw_make(b);
	size_t start = b->len;
	jw_str(&w, s);
	bool has_hidden = false;
	for (size_t i = start; i < b->len; i++)
		has_hidden |= (unsigned char)b->ptr[i] == 0x7f ||
		              (unsigned char)b->ptr[i] == 0xc2 ||
		              (unsigned char)b->ptr[i] == 0xe2 || (unsigned char)b->ptr[i] == 0xef;
	if (!has_hidden || b->err)
		return;
	struct str tail = buf_str(b);
	struct buf copy = buf_make(b->mem, b->limit);
	buf_add(&copy, str_from(tail, start));
	b->len = start;
	for (size_t i = 0; i < copy.len; i++) {
		const unsigned char *p = (const unsigned char *)copy.ptr + i;
		size_t left = copy.len - i;
		if (*p == 0x7f) {
			buf_add_c(b, "\\u007f");
		} else if (left >= 2 && p[0] == 0xc2 && p[1] < 0xa0) {
			buf_printf(b, "\\u00%02x", p[1]);
			i++;
		} else if (left >= 3 && p[0] == 0xe2 && p[1] == 0x80 &&
		           (p[2] == 0xa8 || p[2] == 0xa9)) {
			buf_add_c(b, p[2] == 0xa8 ? "\\u2028" : "\\u2029");
			i += 2;
		} else if (left >= 3 && p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
			buf_add_c(b, "\\ufeff");
			i += 2;
		} else {
			buf_add_char(b, copy.ptr[i]);
		}
	}
	if (copy.err && !b->err)
		b->err = copy.err;
	buf_free(&copy);
}

static void write_text(struct buf *b, struct str s, unsigned depth)
{
	if (is_plain(s)) {
		buf_add(b, s);
		return;
	}
	if (!is_block(s)) {
		write_quoted(b, s);
		return;
	}
	buf_add_c(b, str_ends(s, STR("\n")) ? "|" : "|-");
	if (str_ends(s, STR("\n")))
		s.len--;
	while (s.ptr) {
		struct str line = str_cut(&s, '\n');
		buf_add_char(b, '\n');
		indent(b, depth);
		buf_add(b, line);
	}
}

static void write_value(struct buf *b, const struct json *j, unsigned depth, bool after_dash);

static void write_children(struct buf *b, const struct json *j, unsigned depth, bool after_dash)
{
	bool first = true;
	for (const struct json *m = j->child; m; m = m->next) {
		if (!first || !after_dash) {
			if (b->len && b->ptr[b->len - 1] != '\n')
				buf_add_char(b, '\n');
			indent(b, depth);
		}
		first = false;
		if (j->type == JSON_ARRAY) {
			buf_add_c(b, "- ");
			write_value(b, m, depth + 1, true);
			continue;
		}
		if (is_plain(m->name))
			buf_add(b, m->name);
		else
			write_quoted(b, m->name);
		buf_add_char(b, ':');
		bool nested = (m->type == JSON_ARRAY || m->type == JSON_OBJECT) && m->child;
		if (!nested)
			buf_add_char(b, ' ');
		write_value(b, m, depth + 1, false);
	}
}

static void write_value(struct buf *b, const struct json *j, unsigned depth, bool after_dash)
{
	assert(depth <= JSON_DEPTH_MAX + 1);
	switch (j->type) {
	case JSON_NULL: buf_add_c(b, "null"); return;
	case JSON_TRUE: buf_add_c(b, "true"); return;
	case JSON_FALSE: buf_add_c(b, "false"); return;
	case JSON_NUMBER: buf_add(b, j->raw); return;
	case JSON_STRING: write_text(b, j->text, depth); return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		if (!j->child)
			buf_add_c(b, j->type == JSON_ARRAY ? "[]" : "{}");
		else
			write_children(b, j, depth, after_dash);
		return;
	}
	assert(false && "every type is written");
}

void conf_yaml_write(struct buf *b, const struct json *value)
{
	assert(value);
	write_value(b, value, 0, false);
	if (b->len && b->ptr[b->len - 1] != '\n')
		buf_add_char(b, '\n');
}
