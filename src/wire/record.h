/* SPDX-License-Identifier: Apache-2.0
 *
 * Inbox records as bytes (model/record.h has the structs). Little endian, versioned by the first
 * byte; an unknown version or type is refused. Also the form in which web hands inputs to the
 * engine.
 */
#pragma once
#include "base/arena.h"
#include "base/codec.h"
#include "model/record.h"

#define RECORD_VERSION 1
#define RECORD_BYTES_MAX (1u << 20)
#define RECORD_LIST_MAX 10000 /* states, resources, ids in one record */

/* Appends the body of rec (version, type and fields, without seq and at) to b. */
void record_encode(struct buf *b, const struct record *rec);
/* Decodes a body; seq and at are left 0; lists are made in the arena, texts borrow from bytes.
 * ERR_INPUT for anything unknown, too long or left over; ERR_NOMEM / ERR_LIMIT from the arena. */
must_check enum err record_decode(struct arena *a, struct str bytes, struct record *ret_rec);
