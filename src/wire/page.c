/* SPDX-License-Identifier: Apache-2.0
 *
 * A page as bytes: a version, then the fields in the order of the struct. The limits here are those
 * of the rows that a page is made of, with room to spare: what is over them was not made by this
 * release.
 */
#include "wire/page.h"
#include <assert.h>

#define PAGE_VERSION 1
#define NAME_MAX_BYTES 512u /* names of people, services, providers */
#define ADDRESS_MAX_BYTES 2048u
#define TITLE_MAX_BYTES 4096u /* 1024 characters of UTF-8 */
#define DETAILS_MAX_BYTES (16u * 1024)

/* What is longer than the reader takes is cut: a source with a long name must not stop a page. */
static void put_cut(struct buf *b, struct str s, size_t limit)
{
	put_str(b, str_utf8_first(s, limit));
}

void page_encode(struct buf *b, const struct page *page)
{
	assert(page->purpose < PURPOSE_COUNT && page->contact_type < CONTACT_TYPE_COUNT);
	assert(page->urgency < URGENCY_COUNT && page->severity < SEVERITY_COUNT);
	put_u8(b, PAGE_VERSION);
	put_cut(b, page->message, sizeof(struct id));
	put_u32(b, page->attempt);
	put_u8(b, page->maybe_duplicate);
	put_u8(b, (uint8_t)page->purpose);
	put_u8(b, (uint8_t)page->contact_type);
	put_cut(b, page->provider, NAME_MAX_BYTES);
	put_cut(b, page->address, ADDRESS_MAX_BYTES);
	put_cut(b, page->user, NAME_MAX_BYTES);
	put_cut(b, page->user_full_name, NAME_MAX_BYTES);
	put_cut(b, page->incident, sizeof(struct id));
	put_u64(b, page->incident_number);
	put_cut(b, page->title, TITLE_MAX_BYTES);
	put_cut(b, page->service, NAME_MAX_BYTES);
	put_cut(b, page->status, NAME_MAX_BYTES);
	put_u8(b, (uint8_t)page->urgency);
	put_u8(b, (uint8_t)page->severity);
	put_i64(b, page->created_at.ns);
	put_u32(b, page->alerts_open);
	put_cut(b, page->source, TITLE_MAX_BYTES);
	put_cut(b, page->client, TITLE_MAX_BYTES);
	/* the sender cuts; a cut JSON text would not be JSON any more, so what is over is left out
	 * whole */
	put_str(b, page->details.len <= DETAILS_MAX_BYTES ? page->details : STR(""));
	put_cut(b, page->base_url, ADDRESS_MAX_BYTES);
	put_i64(b, page->at.ns);
}

/* One byte that must be below count. */
static unsigned rd_enum(struct rd *r, unsigned count)
{
	unsigned v = rd_u8(r);
	if (v < count)
		return v;
	r->err = ERR_INPUT;
	return 0;
}

enum err page_decode(struct str bytes, struct page *ret_page)
{
	if (bytes.len > PAGE_BYTES_MAX)
		return ERR_INPUT;
	struct rd r = rd_make(bytes);
	if (rd_u8(&r) != PAGE_VERSION)
		return ERR_INPUT;
	struct page p = { 0 };
	p.message = rd_str(&r, sizeof(struct id));
	p.attempt = rd_u32(&r);
	p.maybe_duplicate = rd_enum(&r, 2) != 0;
	p.purpose = (enum message_purpose)rd_enum(&r, PURPOSE_COUNT);
	p.contact_type = (enum contact_type)rd_enum(&r, CONTACT_TYPE_COUNT);
	p.provider = rd_str(&r, NAME_MAX_BYTES);
	p.address = rd_str(&r, ADDRESS_MAX_BYTES);
	p.user = rd_str(&r, NAME_MAX_BYTES);
	p.user_full_name = rd_str(&r, NAME_MAX_BYTES);
	p.incident = rd_str(&r, sizeof(struct id));
	p.incident_number = rd_u64(&r);
	p.title = rd_str(&r, TITLE_MAX_BYTES);
	p.service = rd_str(&r, NAME_MAX_BYTES);
	p.status = rd_str(&r, NAME_MAX_BYTES);
	p.urgency = (enum urgency)rd_enum(&r, URGENCY_COUNT);
	p.severity = (enum severity)rd_enum(&r, SEVERITY_COUNT);
	p.created_at.ns = rd_i64(&r);
	p.alerts_open = rd_u32(&r);
	p.source = rd_str(&r, TITLE_MAX_BYTES);
	p.client = rd_str(&r, TITLE_MAX_BYTES);
	p.details = rd_str(&r, DETAILS_MAX_BYTES);
	p.base_url = rd_str(&r, ADDRESS_MAX_BYTES);
	p.at.ns = rd_i64(&r);
	if (rd_done(&r) != OK || p.message.len == 0)
		return ERR_INPUT;
	*ret_page = p;
	return OK;
}
