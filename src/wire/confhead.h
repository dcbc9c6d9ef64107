/* SPDX-License-Identifier: Apache-2.0
 *
 * What the short-lived config role hands to the parent: first a head with the few plain fields that
 * the parent itself needs (the parent parses nothing from outside, so no JSON here), then each
 * role's slice, which the parent passes on unread.
 *
 *   head:   u32 CONFIG_HEAD_MAGIC, u16 version, put_str for each field in the order of the struct
 *   slice:  u8 enum role, u32 length, so many bytes of JSON
 *   end:    u8 CONFIG_SLICE_END; without it the stream was cut
 */
#pragma once
#include "base/codec.h"
#include "wire/rolemsg.h"

#define CONFIG_HEAD_MAGIC UINT32_C(0x31464351) /* "QCF1" */
#define CONFIG_HEAD_VERSION 1
#define CONFIG_TEXT_MAX 4096u          /* bytes of one field of the head */
#define CONFIG_SLICE_MAX (64u << 20)   /* bytes of one slice */
#define CONFIG_STREAM_MAX (128u << 20) /* bytes of the whole stream */
#define CONFIG_SLICE_END 0xff

struct config_head {
	struct str data_dir;      /* absolute */
	struct str user;          /* to drop to when started as root; may be empty */
	struct str listen_http;   /* HOST:PORT, never empty; IPv6 hosts in brackets */
	struct str listen_statsd; /* HOST:PORT, or empty: no StatsD */
};

struct config_slice {
	enum role role;
	struct str json;
};

void config_head_encode(struct buf *b, const struct config_head *head);
/* Reads the head and leaves r at the first slice. The texts borrow from r. ERR_INPUT when it is not
 * a head of this version, a field is too long, or data_dir or listen_http is empty. */
must_check enum err config_head_decode(struct rd *r, struct config_head *ret_head);

void config_slice_encode(struct buf *b, struct config_slice slice);
void config_end_encode(struct buf *b);
/* The next slice. ERR_GONE at the end mark when nothing follows it; ERR_INPUT for an unknown role,
 * a length over the limit, a cut stream or bytes after the end. */
must_check enum err config_slice_decode(struct rd *r, struct config_slice *ret_slice);
