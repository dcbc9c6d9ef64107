/* SPDX-License-Identifier: Apache-2.0
 *
 * The forms of a mail message: header lines (RFC 5322, with RFC 2047 where a text is not ASCII),
 * quoted-printable bodies (RFC 2045). All lines end in CRLF and hold at most 78 bytes where the
 * text can be broken, never more than 998. Writers append to a buf whose sticky error is the
 * result.
 */
#pragma once
#include "base/buf.h"
#include "base/time.h"

/* One unstructured header. Control characters in the text become blanks, so no text can add a
 * header; invalid UTF-8 becomes question marks. */
void mime_header(struct buf *b, struct str name, struct str text);
/* From, To: a display name (may be empty) and a bare address that was checked before. */
void mime_address(struct buf *b, struct str name, struct str display, struct str address);
/* "Date: Mon, 05 Jan 2026 09:00:00 +0000" */
void mime_date(struct buf *b, struct str name, struct wall t);
/* Text with \n line ends (or CRLF) as quoted-printable; ends with a line end. */
void mime_quoted_printable(struct buf *b, struct str text);
