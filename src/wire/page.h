/* SPDX-License-Identifier: Apache-2.0
 *
 * A page on its way from the engine (or the auditor) to the notifier: who, over what, and the facts
 * that the message is built from. The body of MSG_SEND.
 */
#pragma once
#include "base/arena.h"
#include "base/codec.h"
#include "model/incident.h"

struct page {
	struct str message; /* id = idempotency key */
	uint32_t attempt;
	bool maybe_duplicate;
	enum message_purpose purpose;
	enum contact_type contact_type;
	struct str provider; /* name of the provider to use */
	struct str address;
	struct str user, user_full_name;
	/* the facts */
	struct str incident; /* id */
	uint64_t incident_number;
	struct str title, service, status;
	enum urgency urgency;
	enum severity severity;
	struct wall created_at;
	uint32_t alerts_open;
	struct str source, client;
	struct str details;  /* JSON object or empty; cut to 16 KiB by the sender */
	struct str base_url; /* links: BASE/ui/incidents/ID, BASE/link/TOKEN */
	struct wall at;      /* when it was decided */
};
#define PAGE_BYTES_MAX (64u * 1024)
/* Texts that are over their limit are cut, details that are over it left out: what was encoded can
 * always be decoded. */
void page_encode(struct buf *b, const struct page *page);
must_check enum err page_decode(struct str bytes, struct page *ret_page); /* borrows */
