/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that the engine makes itself: receipts, rule states, resources, alerts about its own
 * world. They are kept, in order, until they are durable, so a full or failing disk delays them and
 * loses none.
 */
#include "role/engine/engine_priv.h"

#include <assert.h>

struct todo *todo_add(struct engine *e, const struct record *rec, enum todo_kind kind)
{
	struct buf b = buf_make(e->mem, RECORD_BYTES_MAX);
	struct todo *t = NULL;
	record_encode(&b, rec);
	bool fits =
	    b.err == OK && e->todo_count < TODO_MAX && e->todo_bytes + b.len <= TODO_BYTES_MAX;
	if (fits)
		t = e->mem->resize(e->mem, NULL, sizeof(*t) + b.len);
	if (t) {
		*t = (struct todo){ .kind = kind, .len = b.len };
		memcpy(t->bytes, b.ptr, b.len);
		if (e->todo_last)
			e->todo_last->next = t;
		else
			e->todo_first = t;
		e->todo_last = t;
		e->todo_count++;
		e->todo_bytes += b.len;
	}
	buf_free(&b);
	return t;
}

void todo_append(struct engine *e)
{
	for (struct todo *t = e->todo_first; t; t = t->next) {
		if (t->seq != 0)
			continue;
		enum err err = engine_append(e, str_make(t->bytes, t->len), true, &t->seq);
		if (err != OK) {
			t->seq = 0;
			return;
		}
		if (t->kind == TODO_STARTUP)
			e->startup_seq = t->seq;
	}
}

void todo_refuse(struct engine *e, uint64_t first)
{
	for (struct todo *t = e->todo_first; t; t = t->next)
		if (t->seq >= first)
			t->seq = 0;
}

static void confirm(struct engine *e, const struct todo *t)
{
	struct chan *chan = e->peers[ROLE_NOTIFIER].chan;
	if (!chan)
		return;
	buf_clear(&e->body);
	put_str(&e->body, id_str(&t->message));
	put_u32(&e->body, t->attempt);
	put_u8(&e->body, t->state);
	ignore_err(chan_send(chan, MSG_RECEIPT_CONFIRM, 0, buf_str(&e->body)),
	    "it is held until the next connection, which lists it; a receipt twice is harmless");
}

void todo_durable(struct engine *e, uint64_t durable)
{
	while (e->todo_first && e->todo_first->seq != 0 && e->todo_first->seq <= durable) {
		struct todo *t = e->todo_first;
		if (t->kind == TODO_RECEIPT)
			confirm(e, t);
		e->todo_first = t->next;
		if (!e->todo_first)
			e->todo_last = NULL;
		assert(e->todo_count > 0 && e->todo_bytes >= t->len);
		e->todo_count--;
		e->todo_bytes -= t->len;
		mem_free(e->mem, t);
	}
}

bool todo_is_appended(const struct engine *e)
{
	return !e->todo_last || e->todo_last->seq != 0;
}
