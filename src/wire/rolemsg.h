/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages between the roles of quisd: one table of types with who may send them, their credit
 * class and their size limit. The frame is: u32 length of the body, u16 type, u16 version, u64 id;
 * little endian. `id` pairs an answer with its request; 0 for what has no answer. Bodies are
 * codec.h fields, in the order given here. An unknown type, a wrong version or a body over its
 * limit closes the channel: both ends are of one release, so it is a defect.
 */
#pragma once
#include "base/str.h"

#define ROLEMSG_VERSION 1
#define ROLEMSG_HEAD_BYTES 16

enum role {
	ROLE_PARENT,
	ROLE_CONFIG,
	ROLE_TELEMETRY,
	ROLE_ENGINE,
	ROLE_AUDITOR,
	ROLE_NOTIFIER,
	ROLE_PROBER,
	ROLE_RUNNER,
	ROLE_WEB,
	ROLE_WEB2,
	ROLE_COUNT
};
extern const struct str role_name[ROLE_COUNT]; /* parent config telemetry engine auditor notifier
                                                  prober runner web web2 */

/* Credit: a sender may have so many messages of a class unreleased by the receiver. Events have
 * credit of their own that nothing else can use up. */
enum credit_class {
	CREDIT_EVENT,
	CREDIT_COMMAND,
	CREDIT_QUERY,
	CREDIT_STREAM,
	CREDIT_PAGE,
	CREDIT_STATE,
	CREDIT_ANSWER,
	CREDIT_CLASS_COUNT
};
extern const uint32_t credit_window[CREDIT_CLASS_COUNT];

enum msg_type {
	MSG_CREDIT = 1, /* u8 class, u32 count: the receiver gives back */

	/* web, telemetry, auditor, prober -> engine */
	MSG_SUBMIT =
	    10, /* [EVENT] one encoded record (event, change). Answered when durable in the inbox */
	MSG_SUBMIT_ANSWER, /* [ANSWER] i32 enum submit_code, u64 seq, str text */
	MSG_COMMAND, /* [COMMAND] one encoded record (command, resources, credential, test page);
	                answered when its effects are committed */
	MSG_COMMAND_ANSWER, /* [ANSWER] i32 enum submit_code, u64 seq, u8 enum outcome, str text
	                       (JSON for resources) */
	MSG_CHANGED, /* engine -> web [STATE] u64 seq, u32 open incidents, u32 triggered: something
	                was committed; at most ten a second */

	/* web -> telemetry: an HTTP request relayed undecoded */
	MSG_HTTP = 20,        /* [QUERY] str method, str path, str query, str content_type, str
	                         content_encoding, u64 body bytes */
	MSG_HTTP_BODY,        /* [STREAM] raw bytes, at most 64 KiB; same id */
	MSG_HTTP_CANCEL,      /* [STATE] the client has gone */
	MSG_HTTP_ANSWER,      /* telemetry -> web [ANSWER] u16 status, str content_type, str extra
	                         headers "K: V\n", u64 body bytes */
	MSG_HTTP_ANSWER_BODY, /* [STREAM] raw bytes, at most 64 KiB; same id */

	/* telemetry <-> engine */
	MSG_RULES = 30, /* engine -> telemetry [STATE] u64 version, str JSON array of resources of
	                   kind Alert and RuleGroup */
	MSG_RULE_GROUP, /* telemetry -> engine [STATE] u64 sequence, u64 rules version, i64 at ns,
	                   i64 took ns, i64 interval ns, str group, str error, u32 count, then per
	                   state: str rule, str labels JSON, u8 state (0 inactive 1 pending 2
	                   firing), f64 value, str summary, str annotations JSON, str reason; then
	                   u32 count, str rule of each that failed. All states of the group that are
	                   not inactive (a failed rule's are those of before): this message is also
	                   the group's beat */

	/* prober -> telemetry */
	MSG_SAMPLES = 40, /* [STATE] i64 at ms, u32 count, then str name, u8 label count, (str,
	                     str)..., f64 value */

	/* engine, auditor -> notifier */
	MSG_SEND = 50,       /* [PAGE] struct page, see wire/page.h */
	MSG_CANCEL,          /* [STATE] str message id */
	MSG_RECEIPT_CONFIRM, /* [STATE] str message id, u32 attempt, u8 enum receipt_state: durable,
	                        forget it */
	MSG_RECEIPT, /* notifier -> engine, auditor [STATE] one encoded record_receipt record */
	MSG_HOLDING, /* notifier -> engine [STATE] u32 count, (str message id, u32 attempt)...: sent
	                once at connect, before anything else: attempts in progress and receipts not
	                yet confirmed */

	/* engine -> auditor, the beat, once a second */
	MSG_ENGINE_STATE = 60, /* [STATE] u64 durable seq, u64 decided seq, i64 age ns of the oldest
	                          undecided input, i64 age ns of the oldest intended message, u32
	                          open incidents, u32 unsettled messages, i64 now wall ns */
	MSG_METRICS, /* any -> telemetry [STATE] as MSG_SAMPLES: the role's own series, every 10 s
	              */
};

enum submit_code {
	SUBMIT_OK,
	SUBMIT_UNKNOWN_KEY,
	SUBMIT_INVALID,
	SUBMIT_BUSY,
	SUBMIT_STORAGE,
	SUBMIT_CONFLICT,
	SUBMIT_NOT_FOUND
};

struct rolemsg_type {
	enum msg_type type;
	struct str name;
	enum credit_class credit;
	uint32_t body_bytes_max;
};
/* NULL for an unknown type. */
const struct rolemsg_type *rolemsg_find(unsigned type);

struct rolemsg_head {
	uint32_t body_bytes;
	uint16_t type, version;
	uint64_t id;
};
void rolemsg_head_write(unsigned char out[ROLEMSG_HEAD_BYTES], struct rolemsg_head head);
/* ERR_INPUT when version or type is unknown or the body is over the type's limit. */
must_check enum err rolemsg_head_read(
    const unsigned char in[ROLEMSG_HEAD_BYTES], struct rolemsg_head *ret);
