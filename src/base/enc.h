/* SPDX-License-Identifier: Apache-2.0
 *
 * Text encodings of bytes: hex (lower case), base64 and base64url (RFC 4648), percent-encoding
 * (RFC 3986). Writers append to a buf; readers are strict and return ERR_INPUT.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

void enc_hex(struct buf *b, struct str bytes);
void enc_base64(struct buf *b, struct str bytes);    /* with padding */
void enc_base64url(struct buf *b, struct str bytes); /* without padding */
/* Percent-encodes everything but the unreserved characters. */
void enc_percent(struct buf *b, struct str s);
/* &, <, >, ", ' as entities: safe in HTML text and quoted attributes. */
void enc_html(struct buf *b, struct str s);
must_check enum err dec_hex(struct str s, struct buf *ret_bytes);
must_check enum err dec_base64(
    struct str s, struct buf *ret_bytes); /* padding optional, both alphabets */
/* plus_is_blank for form bodies and query strings. */
must_check enum err dec_percent(struct arena *a, struct str s, bool plus_is_blank, struct str *ret);
