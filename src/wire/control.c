/* SPDX-License-Identifier: Apache-2.0
 *
 * See control.h.
 */
#include "wire/control.h"
#include <assert.h>

#define VERDICT_BYTES_MAX 256

const struct str role_state_name[ROLE_STATE_COUNT] = {
	[ROLE_STATE_OFF] = STR_INIT("off"),
	[ROLE_STATE_STARTING] = STR_INIT("starting"),
	[ROLE_STATE_RUNNING] = STR_INIT("running"),
	[ROLE_STATE_BACKOFF] = STR_INIT("back-off"),
	[ROLE_STATE_STOPPED] = STR_INIT("stopped"),
};

static void put_roles(struct buf *b, const struct control *c)
{
	put_u8(b, ROLE_COUNT);
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const struct role_status *s = &c->roles[i];
		put_u8(b, (uint8_t)s->state);
		put_u32(b, s->restarts);
		put_i64(b, s->since.ns);
		put_i64(b, s->beat_at.ns);
		put_u8(b, s->ok);
		put_u32(b, (uint32_t)s->pid);
		put_str(b, str_utf8_first(s->verdict, VERDICT_BYTES_MAX));
		put_str(b, str_utf8_first(s->last_end, VERDICT_BYTES_MAX));
	}
}

static void get_roles(struct rd *r, struct control *c)
{
	if (rd_u8(r) != ROLE_COUNT && r->err == OK)
		r->err = ERR_INPUT;
	for (size_t i = 0; i < ROLE_COUNT && r->err == OK; i++) {
		struct role_status *s = &c->roles[i];
		uint8_t state = rd_u8(r);
		s->state = state < ROLE_STATE_COUNT ? (enum role_state)state : ROLE_STATE_OFF;
		s->restarts = rd_u32(r);
		s->since.ns = rd_i64(r);
		s->beat_at.ns = rd_i64(r);
		s->ok = rd_u8(r) != 0;
		s->pid = (int32_t)rd_u32(r);
		s->verdict = rd_str(r, VERDICT_BYTES_MAX);
		s->last_end = rd_str(r, VERDICT_BYTES_MAX);
	}
}

void control_encode(struct buf *b, const struct control *c)
{
	assert(c->type > 0 && c->type < CONTROL_TYPE_COUNT);
	put_u8(b, CONTROL_VERSION);
	put_u8(b, (uint8_t)c->type);
	switch (c->type) {
	case CONTROL_PEER:
		put_u8(b, (uint8_t)c->peer);
		put_u32(b, c->generation);
		break;
	case CONTROL_LISTEN: put_str(b, c->name); break;
	case CONTROL_CONFIG:
		put_str(b, c->name);
		put_str(b, c->text);
		break;
	case CONTROL_ROLES: put_roles(b, c); break;
	case CONTROL_BEAT:
		put_u8(b, c->ok);
		put_i64(b, c->lag.ns);
		put_str(b, str_utf8_first(c->text, VERDICT_BYTES_MAX));
		break;
	case CONTROL_REFUSED: put_str(b, str_utf8_first(c->text, VERDICT_BYTES_MAX)); break;
	case CONTROL_STOP:
	case CONTROL_READY:
	case CONTROL_TYPE_COUNT: break;
	}
}

enum err control_decode(struct str bytes, struct control *ret)
{
	struct rd r = rd_make(bytes);
	struct control c = { 0 };
	uint8_t version = rd_u8(&r), type = rd_u8(&r);
	if (version != CONTROL_VERSION || type == 0 || type >= CONTROL_TYPE_COUNT)
		return ERR_INPUT;
	c.type = (enum control_type)type;
	switch (c.type) {
	case CONTROL_PEER: {
		uint8_t peer = rd_u8(&r);
		if (peer >= ROLE_COUNT)
			return ERR_INPUT;
		c.peer = (enum role)peer;
		c.generation = rd_u32(&r);
		break;
	}
	case CONTROL_LISTEN: c.name = rd_str(&r, 64); break;
	case CONTROL_CONFIG:
		c.name = rd_str(&r, 64);
		c.text = rd_str(&r, 4096);
		break;
	case CONTROL_ROLES: get_roles(&r, &c); break;
	case CONTROL_BEAT:
		c.ok = rd_u8(&r) != 0;
		c.lag.ns = rd_i64(&r);
		c.text = rd_str(&r, VERDICT_BYTES_MAX);
		break;
	case CONTROL_REFUSED: c.text = rd_str(&r, VERDICT_BYTES_MAX); break;
	case CONTROL_STOP:
	case CONTROL_READY:
	case CONTROL_TYPE_COUNT: break;
	}
	enum err e = rd_done(&r);
	if (e == OK)
		*ret = c;
	return e;
}
