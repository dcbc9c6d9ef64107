/* SPDX-License-Identifier: Apache-2.0 */
#include "net/smtp.h"
#include <assert.h>

#define LINE_BYTES_MAX 1024u /* RFC 5321 says 512; what is over is cut from the text */
#define LINES_MAX 128u       /* of one reply */
#define OUT_BYTES_MAX (2u << 20)

void smtp_start(
    struct smtp *s, const struct mem *mem, struct str from, struct str to, struct str content)
{
	*s = (struct smtp){
		.state = SMTP_MAIL,
		.line = buf_make(mem, LINE_BYTES_MAX),
		.text = buf_make(mem, LINE_BYTES_MAX),
		.out = buf_make(mem, OUT_BYTES_MAX),
		.rcpt = to,
		.content = content,
	};
	buf_add(&s->out, STR("MAIL FROM:<"));
	buf_add(&s->out, from);
	buf_add(&s->out, STR(">\r\n"));
}

void smtp_free(struct smtp *s)
{
	buf_free(&s->line);
	buf_free(&s->text);
	buf_free(&s->out);
}

struct str smtp_out(const struct smtp *s)
{
	return str_from(buf_str(&s->out), s->out_at);
}

void smtp_sent(struct smtp *s, size_t n)
{
	assert(n <= s->out.len - s->out_at);
	s->out_at += n;
	if (s->state == SMTP_CONTENT && n > 0) {
		s->began = true;
		s->whole = s->out_at == s->out.len;
	}
}

enum err smtp_err(const struct smtp *s)
{
	return s->out.err != OK ? s->out.err : s->line.err != OK ? s->line.err : s->text.err;
}

/* The commands before are all sent when their answer is here; out begins anew. */
static void out_anew(struct smtp *s)
{
	buf_clear(&s->out);
	s->out_at = 0;
}

/* The message with a dot before each line that begins with one, and the line of a single dot. */
static void add_content(struct smtp *s)
{
	struct str rest = s->content;
	while (rest.len > 0) {
		size_t n = str_find(rest, '\n');
		n = n < rest.len ? n + 1 : n;
		if (rest.ptr[0] == '.')
			buf_add_char(&s->out, '.');
		buf_add(&s->out, str_first(rest, n));
		rest = str_from(rest, n);
	}
	if (s->content.len > 0 && !str_ends(s->content, STR("\r\n")))
		buf_add(&s->out, STR("\r\n"));
	buf_add(&s->out, STR(".\r\n"));
}

/* Settled: what is left to say is good-bye, unless half a message stands before it. */
static void settle(struct smtp *s)
{
	s->state = SMTP_DONE;
	if (s->out_at < s->out.len)
		return;
	out_anew(s);
	buf_add(&s->out, STR("QUIT\r\n"));
}

/* A consent: the next command. */
static void proceed(struct smtp *s)
{
	if (s->out_at < s->out.len) {
		s->state = SMTP_BROKEN; /* the answer to what was not said yet */
		return;
	}
	if (s->state == SMTP_CONTENT) {
		assert(s->whole);
		settle(s);
		return;
	}
	out_anew(s);
	if (s->state == SMTP_MAIL) {
		buf_add(&s->out, STR("RCPT TO:<"));
		buf_add(&s->out, s->rcpt);
		buf_add(&s->out, STR(">\r\n"));
		s->state = SMTP_RCPT;
	} else if (s->state == SMTP_RCPT) {
		buf_add(&s->out, STR("DATA\r\n"));
		s->state = SMTP_DATA;
	} else {
		assert(s->state == SMTP_DATA);
		add_content(s);
		s->state = SMTP_CONTENT;
	}
}

static void reply(struct smtp *s)
{
	unsigned want = s->state == SMTP_DATA ? 3 : 2;
	if (s->code / 100 == want)
		proceed(s);
	else if (s->code >= 400)
		settle(s);
	else
		s->state = SMTP_BROKEN;
}

/* One line without its end. */
static void line(struct smtp *s)
{
	struct str l = buf_str(&s->line);
	if (str_ends(l, STR("\r")))
		l.len--;
	unsigned code = 0;
	bool is_reply = l.len >= 3 && (l.len == 3 || l.ptr[3] == ' ' || l.ptr[3] == '-');
	for (size_t i = 0; is_reply && i < 3; i++) {
		is_reply = l.ptr[i] >= '0' && l.ptr[i] <= '9';
		code = code * 10 + (unsigned)(l.ptr[i] - '0');
	}
	bool more = is_reply && l.len > 3 && l.ptr[3] == '-';
	if (!is_reply || code < 200 || code > 599 || (more && ++s->lines > LINES_MAX)) {
		s->state = SMTP_BROKEN;
		return;
	}
	if (more)
		return;
	s->lines = 0;
	s->code = code;
	buf_clear(&s->text);
	buf_add(&s->text, l);
	reply(s);
}

void smtp_feed(struct smtp *s, struct str bytes)
{
	for (size_t i = 0; i < bytes.len && s->state < SMTP_DONE; i++) {
		char c = bytes.ptr[i];
		if (c == '\n') {
			line(s);
			buf_clear(&s->line);
			continue;
		}
		if (s->line.len < LINE_BYTES_MAX)
			buf_add_char(&s->line, c);
	}
}
