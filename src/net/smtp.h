/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of an SMTP dialogue that hands over one message: MAIL, RCPT, DATA, the message, QUIT.
 * Bytes in, bytes out, no socket: net/fetch.c brings up the connection (greeting, EHLO, STARTTLS,
 * AUTH) and carries the bytes. Exactly when the end of the message left is known here, and with
 * that whether the server may have taken it although its answer never came.
 */
#pragma once
#include "base/buf.h"

enum smtp_state {
	SMTP_MAIL, /* awaiting the answer to MAIL FROM */
	SMTP_RCPT,
	SMTP_DATA,
	SMTP_CONTENT, /* sending the message, then awaiting the answer that settles it */
	SMTP_DONE,    /* settled: see code */
	SMTP_BROKEN,  /* what came was not SMTP */
};

struct smtp {
	enum smtp_state state;
	unsigned code;   /* of the last whole reply */
	struct buf line; /* the last reply's last line, then the beginning of the next */
	struct buf text; /* the last whole reply's last line, without CRLF */
	struct buf out;  /* to be sent, from out_at on */
	size_t out_at;
	bool began; /* the message itself began to leave */
	bool whole; /* all of it left (was given to the socket): the server may have taken it */
	struct str rcpt, content; /* borrowed */
	unsigned lines;           /* of the reply so far */
};

/* from and to are bare addresses without control characters, < and >; content's lines end in CRLF.
 * All are borrowed until smtp_free. */
void smtp_start(
    struct smtp *s, const struct mem *mem, struct str from, struct str to, struct str content);
void smtp_free(struct smtp *s);
/* What is to be sent now; then that n bytes of it were given to the socket. */
struct str smtp_out(const struct smtp *s);
void smtp_sent(struct smtp *s, size_t n);
/* What came. */
void smtp_feed(struct smtp *s, struct str bytes);
/* OK, or ERR_NOMEM / ERR_LIMIT of its buffers. */
must_check enum err smtp_err(const struct smtp *s);
