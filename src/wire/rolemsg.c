/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of role messages and the frame's head. The table is indexed by the type's number, so
 * that a lookup is one bounds check; holes in the numbering stay zero and are refused.
 */
#include "wire/rolemsg.h"
#include "wire/page.h"
#include "wire/record.h"
#include <assert.h>

const struct str role_name[ROLE_COUNT] = {
	[ROLE_PARENT] = STR_INIT("parent"),
	[ROLE_CONFIG] = STR_INIT("config"),
	[ROLE_TELEMETRY] = STR_INIT("telemetry"),
	[ROLE_ENGINE] = STR_INIT("engine"),
	[ROLE_AUDITOR] = STR_INIT("auditor"),
	[ROLE_NOTIFIER] = STR_INIT("notifier"),
	[ROLE_PROBER] = STR_INIT("prober"),
	[ROLE_RUNNER] = STR_INIT("runner"),
	[ROLE_WEB] = STR_INIT("web"),
	[ROLE_WEB2] = STR_INIT("web2"),
};

/* An answer may always be given to what was taken in: its window is that of all requests together
 * and more, so it never binds. */
const uint32_t credit_window[CREDIT_CLASS_COUNT] = {
	[CREDIT_EVENT] = 8192,
	[CREDIT_COMMAND] = 256,
	[CREDIT_QUERY] = 64,
	[CREDIT_STREAM] = 256,
	[CREDIT_PAGE] = 256,
	[CREDIT_STATE] = 1024,
	[CREDIT_ANSWER] = 65535,
};

#define KIB 1024u
#define MIB (1024u * 1024u)
#define TYPE_SLOTS 64u

#define ROW(type_, credit_, bytes_) \
	[MSG_##type_] = { MSG_##type_, STR_INIT(#type_), CREDIT_##credit_, bytes_ }
/* MSG_CREDIT is charged to no window: chan sends it whatever the credit is. */
static const struct rolemsg_type types[TYPE_SLOTS] = {
	ROW(CREDIT, ANSWER, 5),
	ROW(SUBMIT, EVENT, RECORD_BYTES_MAX),
	ROW(SUBMIT_ANSWER, ANSWER, 64 * KIB),
	ROW(COMMAND, COMMAND, RECORD_BYTES_MAX),
	ROW(COMMAND_ANSWER, ANSWER, 2 * MIB),
	ROW(CHANGED, STATE, 16),
	ROW(HTTP, QUERY, 64 * KIB),
	ROW(HTTP_BODY, STREAM, 64 * KIB),
	ROW(HTTP_CANCEL, STATE, 0),
	ROW(HTTP_ANSWER, ANSWER, 64 * KIB),
	ROW(HTTP_ANSWER_BODY, STREAM, 64 * KIB),
	ROW(RULES, STATE, 8 * MIB),
	ROW(RULE_GROUP, STATE, 8 * MIB),
	ROW(SAMPLES, STATE, 1 * MIB),
	ROW(SEND, PAGE, PAGE_BYTES_MAX),
	ROW(CANCEL, STATE, 64),
	ROW(RECEIPT_CONFIRM, STATE, 64),
	ROW(RECEIPT, STATE, 16 * KIB),
	ROW(HOLDING, STATE, 1 * MIB),
	ROW(ENGINE_STATE, STATE, 48),
	ROW(METRICS, STATE, 1 * MIB),
};
#undef ROW

_Static_assert(MSG_METRICS < TYPE_SLOTS, "the table has a slot for the last type");

const struct rolemsg_type *rolemsg_find(unsigned type)
{
	if (type >= TYPE_SLOTS || types[type].name.len == 0)
		return NULL;
	assert(types[type].type == (enum msg_type)type);
	assert(types[type].credit < CREDIT_CLASS_COUNT);
	return &types[type];
}

static void put_le(unsigned char *out, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t get_le(const unsigned char *in, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint64_t)in[i] << (8 * i);
	return v;
}

void rolemsg_head_write(unsigned char out[ROLEMSG_HEAD_BYTES], struct rolemsg_head head)
{
	const struct rolemsg_type *type = rolemsg_find(head.type);
	assert(type && head.version == ROLEMSG_VERSION);
	assert(head.body_bytes <= type->body_bytes_max);
	put_le(out, head.body_bytes, 4);
	put_le(out + 4, head.type, 2);
	put_le(out + 6, head.version, 2);
	put_le(out + 8, head.id, 8);
}

enum err rolemsg_head_read(const unsigned char in[ROLEMSG_HEAD_BYTES], struct rolemsg_head *ret)
{
	struct rolemsg_head head = {
		.body_bytes = (uint32_t)get_le(in, 4),
		.type = (uint16_t)get_le(in + 4, 2),
		.version = (uint16_t)get_le(in + 6, 2),
		.id = get_le(in + 8, 8),
	};
	const struct rolemsg_type *type = rolemsg_find(head.type);
	if (!type || head.version != ROLEMSG_VERSION || head.body_bytes > type->body_bytes_max)
		return ERR_INPUT;
	*ret = head;
	return OK;
}
