/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/mime.h"
#include "base/enc.h"
#include <assert.h>

#define LINE_MAX_BYTES 76u
#define HEADER_TEXT_MAX 2000u
/* An encoded word is at most 75 bytes: 12 around it, so 63 of base64, so 45 bytes of text. */
#define WORD_TEXT_MAX 45u

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	/* what looks like an encoded word must be one */
	return str_find_str(s, STR("=?")) == s.len;
}

/* Pure ASCII: folded before blanks. `used` bytes stand in the line already. */
static void add_folded(struct buf *b, struct str s, size_t used)
{
	while (s.len > 0) {
		size_t word = 0;
		while (word < s.len && s.ptr[word] == ' ')
			word++;
		while (word < s.len && s.ptr[word] != ' ')
			word++;
		/* a line must not be blank alone, so what is all blanks stays on the line before */
		bool has_text = s.ptr[word - 1] != ' ';
		if (used + word > LINE_MAX_BYTES && s.ptr[0] == ' ' && has_text) {
			buf_add(b, STR("\r\n"));
			used = 0;
		}
		while (word > 900) { /* never beyond 998, even without any blank */
			buf_add(b, str_first(s, 900));
			buf_add(b, STR("\r\n "));
			s = str_from(s, 900);
			word -= 900;
			used = 1;
		}
		buf_add(b, str_first(s, word));
		used += word;
		s = str_from(s, word);
	}
}

static void add_encoded(struct buf *b, struct str s, size_t used)
{
	bool first = true;
	while (s.len > 0) {
		size_t room = first && used + 75 > LINE_MAX_BYTES ? 24 : WORD_TEXT_MAX;
		struct str part = str_utf8_first(s, room);
		assert(part.len > 0);
		if (!first)
			buf_add(b, STR("\r\n "));
		buf_add(b, STR("=?UTF-8?B?"));
		enc_base64(b, part);
		buf_add(b, STR("?="));
		s = str_from(s, part.len);
		first = false;
	}
}

/* Without control characters, cut, valid. */
static struct str tame(struct buf *b, struct str text)
{
	bool valid = str_utf8_valid(text);
	text = valid ? str_utf8_first(text, HEADER_TEXT_MAX) : str_first(text, HEADER_TEXT_MAX);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		buf_add_char(b, c < 0x20 || c == 0x7f ? ' ' : c >= 0x80 && !valid ? '?' : (char)c);
	}
	return str_trim(buf_str(b));
}

void mime_header(struct buf *b, struct str name, struct str text)
{
	own(buf_free) struct buf t = buf_make(b->mem, HEADER_TEXT_MAX + 1);
	struct str s = tame(&t, text);
	buf_add(b, name);
	buf_add(b, STR(": "));
	if (is_ascii(s))
		add_folded(b, s, name.len + 2);
	else
		add_encoded(b, s, name.len + 2);
	buf_add(b, STR("\r\n"));
	if (t.err != OK && b->err == OK)
		b->err = t.err;
}

void mime_address(struct buf *b, struct str name, struct str display, struct str address)
{
	own(buf_free) struct buf t = buf_make(b->mem, HEADER_TEXT_MAX + 1);
	struct str s = tame(&t, str_utf8_first(display, 200));
	buf_add(b, name);
	buf_add(b, STR(": "));
	if (s.len > 0 && is_ascii(s)) {
		buf_add_char(b, '"');
		for (size_t i = 0; i < s.len; i++) {
			if (s.ptr[i] == '"' || s.ptr[i] == '\\')
				buf_add_char(b, '\\');
			buf_add_char(b, s.ptr[i]);
		}
		buf_add_char(b, '"');
	} else if (s.len > 0) {
		add_encoded(b, s, name.len + 2);
	}
	if (s.len > 0)
		buf_add(b, STR("\r\n "));
	buf_add_char(b, '<');
	buf_add(b, address);
	buf_add(b, STR(">\r\n"));
}

void mime_date(struct buf *b, struct str name, struct wall t)
{
	static const char *const day[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const month[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	int64_t s = t.ns / NS_PER_S - (t.ns % NS_PER_S < 0);
	struct civil c = civil_from_s(s);
	buf_printf(b, "%.*s: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", STR_ARG(name),
	    day[civil_weekday(s)], c.day, month[c.month - 1], c.year, c.hour, c.minute, c.second);
}

void mime_quoted_printable(struct buf *b, struct str text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t used = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		bool at_end =
		    i + 1 == text.len || text.ptr[i + 1] == '\n' ||
		    (text.ptr[i + 1] == '\r' && i + 2 < text.len && text.ptr[i + 2] == '\n');
		if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
			continue;
		if (c == '\n') {
			buf_add(b, STR("\r\n"));
			used = 0;
			continue;
		}
		/* blanks at a line's end do not survive; a leading dot and "From " are touched by
		 * some */
		bool plain =
		    (c > ' ' && c < 0x7f && c != '=') || ((c == ' ' || c == '\t') && !at_end);
		if (used == 0 && (c == '.' || c == 'F'))
			plain = false;
		size_t size = plain ? 1 : 3;
		if (used + size > LINE_MAX_BYTES - (at_end ? 0 : 1)) {
			buf_add(b, STR("=\r\n"));
			used = 0;
		}
		if (plain) {
			buf_add_char(b, (char)c);
		} else {
			char code[3] = { '=', hex[c >> 4], hex[c & 15] };
			buf_add(b, str_make(code, 3));
		}
		used += size;
	}
	if (used > 0)
		buf_add(b, STR("\r\n"));
}
