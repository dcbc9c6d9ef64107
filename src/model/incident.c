/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and ids of the rows of incident management. An id is a word of (inbox sequence number,
 * ordinal within the step that made it), so ids sort by age, need no counter of their own, and come
 * out the same when the inbox is replayed.
 */
#include "model/incident.h"

#include <assert.h>

const struct str incident_status_name[INCIDENT_STATUS_COUNT] = {
	[INCIDENT_TRIGGERED] = STR_INIT("triggered"),
	[INCIDENT_ACKNOWLEDGED] = STR_INIT("acknowledged"),
	[INCIDENT_RESOLVED] = STR_INIT("resolved"),
};
const struct str alert_status_name[ALERT_STATUS_COUNT] = {
	[ALERT_TRIGGERED] = STR_INIT("triggered"),
	[ALERT_RESOLVED] = STR_INIT("resolved"),
};
const struct str message_state_name[MESSAGE_STATE_COUNT] = {
	[MESSAGE_INTENDED] = STR_INIT("intended"),
	[MESSAGE_SENDING] = STR_INIT("sending"),
	[MESSAGE_ACCEPTED] = STR_INIT("accepted"),
	[MESSAGE_DELIVERED] = STR_INIT("delivered"),
	[MESSAGE_FAILED] = STR_INIT("failed"),
	[MESSAGE_SUPERSEDED] = STR_INIT("superseded"),
};
const struct str message_purpose_name[PURPOSE_COUNT] = {
	[PURPOSE_INCIDENT] = STR_INIT("incident"),
	[PURPOSE_RESOLVED] = STR_INIT("resolved"),
	[PURPOSE_TEST] = STR_INIT("test"),
};
const struct str timer_type_name[TIMER_TYPE_COUNT] = {
	[TIMER_ESCALATE] = STR_INIT("escalate"),
	[TIMER_NOTIFY] = STR_INIT("notify"),
	[TIMER_ACK_TIMEOUT] = STR_INIT("ack_timeout"),
	[TIMER_AUTO_RESOLVE] = STR_INIT("auto_resolve"),
	[TIMER_RETRY] = STR_INIT("retry"),
	[TIMER_RECEIPT] = STR_INIT("receipt"),
};

#define ID_ORDINAL_BITS 22
#define ID_SEQ_BITS (64 - ID_ORDINAL_BITS)
#define ID_DIGITS 13 /* 13 * 5 = 65 bits: the first digit is 0..F */

static const char id_digit[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";

struct id id_from_word(uint64_t word)
{
	struct id id = { { 0 } };
	if (word == 0)
		return id;
	id.text[0] = 'Q';
	for (int i = ID_DIGITS; i >= 1; i--) {
		id.text[i] = id_digit[word & 31];
		word >>= 5;
	}
	assert(word == 0);
	return id;
}

struct id id_make(uint64_t seq, uint32_t ordinal)
{
	assert(seq < UINT64_C(1) << ID_SEQ_BITS);
	assert(ordinal < UINT32_C(1) << ID_ORDINAL_BITS);
	assert(seq != 0 || ordinal != 0);
	return id_from_word(seq << ID_ORDINAL_BITS | ordinal);
}

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'V')
		return c - 'A' + 10;
	return -1;
}

uint64_t id_word(const struct id *id)
{
	uint64_t word = 0;
	if (id->text[0] == '\0')
		return 0;
	assert(id->text[0] == 'Q');
	for (int i = 1; i <= ID_DIGITS; i++) {
		int v = digit_value(id->text[i]);
		assert(v >= 0);
		word = word << 5 | (uint64_t)v;
	}
	return word;
}

enum err id_parse(struct str s, struct id *ret_id)
{
	struct id id = { { 0 } };
	if (s.len != ID_DIGITS + 1 || s.ptr[0] != 'Q')
		return ERR_INPUT;
	bool zero = true;
	for (size_t i = 1; i <= ID_DIGITS; i++) {
		int v = digit_value(s.ptr[i]);
		if (v < 0 || (i == 1 && v > 15))
			return ERR_INPUT;
		zero = zero && v == 0;
	}
	if (zero)
		return ERR_INPUT;
	memcpy(id.text, s.ptr, s.len);
	*ret_id = id;
	return OK;
}

struct str proof_subject_route(struct arena *a, struct str service, enum contact_type type)
{
	assert(type < CONTACT_TYPE_COUNT);
	struct str name = service.len ? service : STR("fallback");
	return arena_printf(a, "%.*s/%s", STR_ARG(name), contact_type_name[type].ptr);
}

struct str proof_subject_person(struct arena *a, struct str user, struct str contact)
{
	struct str name = user.len ? user : STR("fallback");
	return arena_printf(a, "%.*s/%.*s", STR_ARG(name), STR_ARG(contact));
}
