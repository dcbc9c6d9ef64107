/* SPDX-License-Identifier: Apache-2.0
 *
 * The config role's stream to the parent, see confhead.h. Both ends are of one release, so there is
 * one version and no skipping of unknown fields.
 */
#include "wire/confhead.h"
#include <assert.h>

void config_head_encode(struct buf *b, const struct config_head *head)
{
	assert(!str_empty(head->data_dir) && !str_empty(head->listen_http));
	put_u32(b, CONFIG_HEAD_MAGIC);
	put_u16(b, CONFIG_HEAD_VERSION);
	put_str(b, head->data_dir);
	put_str(b, head->user);
	put_str(b, head->listen_http);
	put_str(b, head->listen_statsd);
}

enum err config_head_decode(struct rd *r, struct config_head *ret_head)
{
	if (rd_u32(r) != CONFIG_HEAD_MAGIC || rd_u16(r) != CONFIG_HEAD_VERSION)
		return ERR_INPUT;
	struct config_head head = { 0 };
	head.data_dir = rd_str(r, CONFIG_TEXT_MAX);
	head.user = rd_str(r, CONFIG_TEXT_MAX);
	head.listen_http = rd_str(r, CONFIG_TEXT_MAX);
	head.listen_statsd = rd_str(r, CONFIG_TEXT_MAX);
	if (r->err || str_empty(head.data_dir) || str_empty(head.listen_http))
		return ERR_INPUT;
	*ret_head = head;
	return OK;
}

void config_slice_encode(struct buf *b, struct config_slice slice)
{
	assert(slice.role > ROLE_PARENT && slice.role < ROLE_COUNT);
	assert(slice.json.len <= CONFIG_SLICE_MAX);
	put_u8(b, (uint8_t)slice.role);
	put_str(b, slice.json);
}

void config_end_encode(struct buf *b)
{
	put_u8(b, CONFIG_SLICE_END);
}

enum err config_slice_decode(struct rd *r, struct config_slice *ret_slice)
{
	uint8_t role = rd_u8(r);
	if (r->err)
		return ERR_INPUT;
	if (role == CONFIG_SLICE_END)
		return rd_done(r) == OK ? ERR_GONE : ERR_INPUT;
	struct str json = rd_str(r, CONFIG_SLICE_MAX);
	if (r->err || role <= ROLE_PARENT || role >= ROLE_COUNT)
		return ERR_INPUT;
	*ret_slice = (struct config_slice){ (enum role)role, json };
	return OK;
}
