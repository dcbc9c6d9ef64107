/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory of the pager core: pools of objects, interned texts, tables, and the journal that
 * makes a step atomic (core_priv.h says why). The journal holds what to do to take a step back,
 * newest last; nothing is freed before the step's end, so taking back never needs memory.
 *
 * Invariants: an object is written only after its bytes went into the journal; tables and pools
 * grow only where nothing of the current step depends on their place.
 */
#include "incident/core_priv.h"

#include <assert.h>

#define CHUNK 512u /* slots */
#define SLOT_MAX (1u << 26)
#define JOURNAL_KEEP (1u << 20) /* bytes kept from one step to the next */

enum undo_type {
	UNDO_SAVED, /* an object's bytes from before */
	UNDO_NEW,   /* a slot was taken */
	UNDO_PLACE, /* a table's head */
	UNDO_HEAP_ADD,
	UNDO_HEAP_REMOVE,
	UNDO_SHIFT, /* all timers were moved */
	UNDO_TEXT_GET,
	UNDO_TEXT_DROP, /* done only at the end of a step that holds */
};

struct undo {
	uint8_t type, pool;
	ref ref;
	union {
		size_t at; /* in saved */
		struct {
			uint32_t *place, old;
		};
		struct text *text;
		int64_t shift;
	};
};

static const uint32_t pool_size[POOL_COUNT] = {
	[POOL_INC] = sizeof(struct inc),
	[POOL_ALR] = sizeof(struct alr),
	[POOL_MSG] = sizeof(struct msg),
	[POOL_TMR] = sizeof(struct tmr),
	[POOL_SVC] = sizeof(struct svc),
};

static void fail(struct core *c, enum err e)
{
	assert(e != OK);
	if (c->err == OK)
		c->err = e;
}

/* -- pools ------------------------------------------------------------------------------------ */

static void *slot(const struct pool *p, ref r)
{
	assert(r < p->top);
	return p->chunks[r / CHUNK] + (size_t)(r % CHUNK) * p->size;
}

static bool pool_grow(const struct mem *mem, struct pool *p)
{
	if (p->chunk_count == p->chunk_cap) {
		uint32_t cap = p->chunk_cap ? p->chunk_cap * 2 : 16;
		char **chunks = mem_resize(mem, p->chunks, cap, sizeof(*chunks));
		if (!chunks)
			return false;
		p->chunks = chunks;
		p->chunk_cap = cap;
	}
	char *chunk = mem_new(mem, CHUNK, p->size);
	if (!chunk)
		return false;
	p->chunks[p->chunk_count++] = chunk;
	return true;
}

/* A zeroed slot, or 0. A free slot keeps the next free one in its head's mark. */
static ref pool_take(const struct mem *mem, struct pool *p)
{
	ref r = p->free;
	if (r != 0) {
		struct head *h = slot(p, r);
		p->free = h->mark;
		memset(h, 0, p->size);
	} else {
		if (p->top == SLOT_MAX || (p->top == p->chunk_count * CHUNK && !pool_grow(mem, p)))
			return 0;
		r = p->top++;
		memset(slot(p, r), 0, p->size);
	}
	p->count++;
	return r;
}

static void pool_give(struct pool *p, ref r)
{
	struct head *h = slot(p, r);
	assert(r != 0 && p->count > 0);
	memset(h, 0, p->size);
	h->mark = p->free;
	p->free = r;
	p->count--;
}

void *obj_at(const struct core *c, enum pool_id pool, ref r)
{
	return slot(&c->pools[pool], r);
}

bool obj_next(const struct core *c, enum pool_id pool, ref *r)
{
	const struct pool *p = &c->pools[pool];
	while (++*r < p->top) {
		const struct head *h = slot(p, *r);
		if (h->flags & HEAD_LIVE)
			return true;
	}
	return false;
}

/* -- the journal ------------------------------------------------------------------------------ */

static struct undo *undo_add(struct core *c, enum undo_type type)
{
	if (c->err != OK)
		return NULL;
	if (c->undo_count == c->undo_cap) {
		size_t cap = c->undo_cap ? c->undo_cap * 2 : 64;
		struct undo *undos = mem_resize(c->mem, c->undos, cap, sizeof(*undos));
		if (!undos) {
			fail(c, ERR_NOMEM);
			return NULL;
		}
		c->undos = undos;
		c->undo_cap = cap;
	}
	struct undo *u = &c->undos[c->undo_count++];
	*u = (struct undo){ .type = (uint8_t)type };
	return u;
}

static bool saved_room(struct core *c, size_t bytes)
{
	if (c->saved_len + bytes <= c->saved_cap)
		return true;
	size_t cap = c->saved_cap ? c->saved_cap * 2 : 8192;
	char *saved = mem_resize(c->mem, c->saved, cap, 1);
	if (!saved) {
		fail(c, ERR_NOMEM);
		return false;
	}
	c->saved = saved;
	c->saved_cap = cap;
	return c->saved_len + bytes <= cap;
}

/* What cannot be saved is written here instead, and read by nobody. */
static void *sink(struct pool *p)
{
	return memset(slot(p, 0), 0, p->size);
}

void *obj_edit(struct core *c, enum pool_id pool, ref r)
{
	struct pool *p = &c->pools[pool];
	struct head *h = slot(p, r);
	if (r == 0 || c->err != OK)
		return sink(p);
	assert(h->flags & HEAD_LIVE);
	if (h->mark == c->mark)
		return h;
	struct undo *u = saved_room(c, p->size) ? undo_add(c, UNDO_SAVED) : NULL;
	if (!u)
		return sink(p);
	u->pool = (uint8_t)pool;
	u->ref = r;
	u->at = c->saved_len;
	memcpy(c->saved + c->saved_len, h, p->size);
	c->saved_len += p->size;
	h->mark = c->mark;
	h->effect = 0;
	return h;
}

ref obj_new(struct core *c, enum pool_id pool)
{
	struct undo *u = undo_add(c, UNDO_NEW);
	if (!u)
		return 0;
	ref r = pool_take(c->mem, &c->pools[pool]);
	if (r == 0) {
		c->undo_count--;
		fail(c, ERR_NOMEM);
		return 0;
	}
	u->pool = (uint8_t)pool;
	u->ref = r;
	struct head *h = slot(&c->pools[pool], r);
	h->mark = c->mark;
	h->flags = HEAD_LIVE | HEAD_BORN;
	return r;
}

void obj_drop(struct core *c, enum pool_id pool, ref r)
{
	struct head *h = obj_edit(c, pool, r);
	assert(r == 0 || c->err != OK || !(h->flags & HEAD_DEAD));
	h->flags |= HEAD_DEAD;
}

/* -- texts ------------------------------------------------------------------------------------ */

static struct text **text_bucket(const struct core *c, struct str s)
{
	return &c->texts.heads[hash64(s, c->limits.seed) & (c->texts.cap - 1)];
}

const struct text *text_find(const struct core *c, struct str s)
{
	if (s.len == 0)
		return NULL;
	for (struct text *t = *text_bucket(c, s); t; t = t->next) {
		if (str_eq(text_str(t), s))
			return t;
	}
	return NULL;
}

static void text_release(struct core *c, struct text *t)
{
	assert(t->refs > 0);
	if (--t->refs > 0)
		return;
	struct text **at = text_bucket(c, text_str(t));
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	c->texts.count--;
	mem_free(c->mem, t);
}

static struct text *text_get(struct core *c, struct str s)
{
	struct undo *u = undo_add(c, UNDO_TEXT_GET);
	if (!u)
		return NULL;
	struct text **bucket = text_bucket(c, s), *t = *bucket;
	while (t && !str_eq(text_str(t), s))
		t = t->next;
	if (!t) {
		assert(s.len <= UINT32_MAX);
		t = mem_resize(c->mem, NULL, 1, sizeof(*t) + s.len);
		if (!t) {
			c->undo_count--;
			fail(c, ERR_NOMEM);
			return NULL;
		}
		*t = (struct text){ .next = *bucket, .len = (uint32_t)s.len };
		memcpy(t->bytes, s.ptr, s.len);
		*bucket = t;
		c->texts.count++;
	}
	t->refs++;
	u->text = t;
	return t;
}

void text_set(struct core *c, struct text **place, struct str s)
{
	struct text *old = *place;
	if (old && str_eq(text_str(old), s))
		return;
	if (old) {
		struct undo *u = undo_add(c, UNDO_TEXT_DROP);
		if (!u)
			return;
		u->text = old;
	}
	*place = s.len ? text_get(c, s) : NULL;
}

/* The texts that an object holds, to let go with it. */
static size_t texts_of(enum pool_id pool, void *object, struct text *list[6])
{
	switch (pool) {
	case POOL_INC: {
		const struct inc *o = object;
		list[0] = o->title, list[1] = o->changed_by;
		return 2;
	}
	case POOL_ALR: {
		const struct alr *o = object;
		list[0] = o->source, list[1] = o->dedup, list[2] = o->summary;
		return 3;
	}
	case POOL_MSG: {
		const struct msg *o = object;
		list[0] = o->user, list[1] = o->contact, list[2] = o->address;
		list[3] = o->provider, list[4] = o->error, list[5] = o->reference;
		return 6;
	}
	case POOL_TMR: {
		const struct tmr *o = object;
		list[0] = o->user, list[1] = o->contact;
		return 2;
	}
	case POOL_SVC: list[0] = ((const struct svc *)object)->name; return 1;
	case POOL_COUNT: break;
	}
	assert(false);
	return 0;
}

static void texts_let_go(struct core *c, enum pool_id pool, void *object)
{
	struct text *list[6];
	size_t n = texts_of(pool, object, list);
	for (size_t i = 0; i < n; i++) {
		if (list[i])
			text_release(c, list[i]);
	}
}

/* -- tables ----------------------------------------------------------------------------------- */

/* Every indexed object has its chain link at the same place of its kind. */
static ref *chain(struct core *c, enum pool_id pool, ref r)
{
	switch (pool) {
	case POOL_INC: return &inc_edit(c, r)->hash_next;
	case POOL_MSG: return &msg_edit(c, r)->hash_next;
	case POOL_ALR: return &alr_edit(c, r)->hash_next;
	case POOL_SVC: return &svc_edit(c, r)->hash_next;
	case POOL_TMR:
	case POOL_COUNT: break;
	}
	assert(false);
	return NULL;
}

static ref chain_next(const struct core *c, enum pool_id pool, ref r)
{
	switch (pool) {
	case POOL_INC: return inc_at(c, r)->hash_next;
	case POOL_MSG: return msg_at(c, r)->hash_next;
	case POOL_ALR: return alr_at(c, r)->hash_next;
	case POOL_SVC: return svc_at(c, r)->hash_next;
	case POOL_TMR:
	case POOL_COUNT: break;
	}
	assert(false);
	return 0;
}

static uint64_t key_hash(const struct text *source, const struct text *dedup)
{
	return hash_mix(hash_mix(1, (uintptr_t)source), (uintptr_t)dedup);
}

static uint64_t obj_hash(const struct core *c, enum pool_id pool, ref r)
{
	switch (pool) {
	case POOL_INC: return hash_mix(1, inc_at(c, r)->word);
	case POOL_MSG: return hash_mix(1, msg_at(c, r)->word);
	case POOL_ALR: return key_hash(alr_at(c, r)->source, alr_at(c, r)->dedup);
	case POOL_SVC: return hash_mix(1, (uintptr_t)svc_at(c, r)->name);
	case POOL_TMR:
	case POOL_COUNT: break;
	}
	assert(false);
	return 0;
}

static void place_write(struct core *c, uint32_t *place, uint32_t value)
{
	struct undo *u = undo_add(c, UNDO_PLACE);
	if (!u)
		return;
	u->place = place;
	u->old = *place;
	*place = value;
}

static void table_add(struct core *c, struct table *t, enum pool_id pool, ref r)
{
	if (r == 0 || c->err != OK)
		return;
	uint32_t *head = &t->heads[obj_hash(c, pool, r) & (t->cap - 1)];
	*chain(c, pool, r) = *head;
	place_write(c, head, r);
}

static void table_remove(struct core *c, struct table *t, enum pool_id pool, ref r)
{
	if (r == 0 || c->err != OK)
		return;
	uint32_t *head = &t->heads[obj_hash(c, pool, r) & (t->cap - 1)];
	ref next = chain_next(c, pool, r), at = *head;
	if (at == r) {
		place_write(c, head, next);
		return;
	}
	while (chain_next(c, pool, at) != r) {
		at = chain_next(c, pool, at);
		assert(at != 0);
	}
	*chain(c, pool, at) = next;
}

/* Between steps only; without memory the chains just get longer. */
static void table_grow(struct core *c, struct table *t, enum pool_id pool)
{
	const struct pool *p = &c->pools[pool];
	if (p->count <= t->cap)
		return;
	assert(c->undo_count == 0);
	uint32_t cap = t->cap * 2;
	uint32_t *heads = mem_new(c->mem, cap, sizeof(*heads));
	if (!heads)
		return;
	mem_free(c->mem, t->heads);
	t->heads = heads;
	t->cap = cap;
	for (ref r = 0; obj_next(c, pool, &r);) {
		uint32_t *head = &heads[obj_hash(c, pool, r) & (cap - 1)];
		switch (pool) {
		case POOL_INC: ((struct inc *)slot(p, r))->hash_next = *head; break;
		case POOL_MSG: ((struct msg *)slot(p, r))->hash_next = *head; break;
		case POOL_ALR: ((struct alr *)slot(p, r))->hash_next = *head; break;
		case POOL_SVC: ((struct svc *)slot(p, r))->hash_next = *head; break;
		case POOL_TMR:
		case POOL_COUNT: assert(false);
		}
		*head = r;
	}
}

static void texts_grow(struct core *c)
{
	if (c->texts.count <= c->texts.cap)
		return;
	uint32_t old_cap = c->texts.cap;
	struct text **old = c->texts.heads, **heads = mem_new(c->mem, old_cap * 2u, sizeof(*heads));
	if (!heads)
		return;
	c->texts.heads = heads;
	c->texts.cap = old_cap * 2;
	for (uint32_t i = 0; i < old_cap; i++) {
		for (struct text *t = old[i], *next; t; t = next) {
			struct text **bucket = text_bucket(c, text_str(t));
			next = t->next;
			t->next = *bucket;
			*bucket = t;
		}
	}
	mem_free(c->mem, old);
}

ref inc_find(const struct core *c, uint64_t word)
{
	ref r = c->by_id[0].heads[hash_mix(1, word) & (c->by_id[0].cap - 1)];
	while (r != 0 && inc_at(c, r)->word != word)
		r = inc_at(c, r)->hash_next;
	return r;
}

ref msg_find(const struct core *c, uint64_t word)
{
	ref r = c->by_id[1].heads[hash_mix(1, word) & (c->by_id[1].cap - 1)];
	while (r != 0 && msg_at(c, r)->word != word)
		r = msg_at(c, r)->hash_next;
	return r;
}

ref alr_find(const struct core *c, struct str source, struct str dedup)
{
	const struct text *s = text_find(c, source), *d = text_find(c, dedup);
	if (!d || (!s && source.len))
		return 0;
	ref r = c->by_key.heads[key_hash(s, d) & (c->by_key.cap - 1)];
	while (r != 0 && (alr_at(c, r)->source != s || alr_at(c, r)->dedup != d))
		r = alr_at(c, r)->hash_next;
	return r;
}

ref svc_find(const struct core *c, struct str name)
{
	const struct text *t = text_find(c, name);
	if (!t && name.len)
		return 0;
	ref r = c->by_service.heads[hash_mix(1, (uintptr_t)t) & (c->by_service.cap - 1)];
	while (r != 0 && svc_at(c, r)->name != t)
		r = svc_at(c, r)->hash_next;
	return r;
}

void inc_index(struct core *c, ref r, bool in)
{
	(in ? table_add : table_remove)(c, &c->by_id[0], POOL_INC, r);
}

void msg_index(struct core *c, ref r, bool in)
{
	(in ? table_add : table_remove)(c, &c->by_id[1], POOL_MSG, r);
}

void alr_index(struct core *c, ref r, bool in)
{
	(in ? table_add : table_remove)(c, &c->by_key, POOL_ALR, r);
}

void svc_index(struct core *c, ref r, bool in)
{
	(in ? table_add : table_remove)(c, &c->by_service, POOL_SVC, r);
}

/* -- timers ----------------------------------------------------------------------------------- */

bool timer_is_of_message(enum timer_type type)
{
	return type == TIMER_RETRY || type == TIMER_RECEIPT;
}

static void timer_link(struct core *c, ref inc, ref t)
{
	struct inc *i = inc_edit(c, inc);
	ref after = i->timers_tail;
	while (after != 0 && tmr_at(c, after)->node.tie > tmr_at(c, t)->node.tie)
		after = tmr_at(c, after)->prev;
	ref next = after ? tmr_at(c, after)->next : i->timers;
	tmr_edit(c, t)->prev = after;
	tmr_edit(c, t)->next = next;
	if (after)
		tmr_edit(c, after)->next = t;
	else
		i->timers = t;
	if (next)
		tmr_edit(c, next)->prev = t;
	else
		i->timers_tail = t;
}

ref timer_add(struct core *c, uint64_t word, enum timer_type type, ref subject, struct wall due)
{
	ref r = obj_new(c, POOL_TMR);
	struct undo *u = undo_add(c, UNDO_HEAP_ADD);
	if (!u)
		return 0;
	struct tmr *t = tmr_edit(c, r);
	u->ref = r;
	t->type = (uint8_t)type;
	t->self = r;
	t->subject = subject;
	t->node = (struct heap_node){ .key = due.ns, .tie = word };
	enum err e = heap_add(&c->heap, &t->node);
	if (e != OK) {
		c->undo_count--;
		fail(c, e);
		return 0;
	}
	if (timer_is_of_message(type))
		msg_edit(c, subject)->timer = r;
	else
		timer_link(c, subject, r);
	return r;
}

void timer_drop(struct core *c, ref r)
{
	if (r == 0)
		return;
	struct tmr *t = tmr_edit(c, r);
	struct undo *u = undo_add(c, UNDO_HEAP_REMOVE);
	if (!u)
		return;
	u->ref = r;
	heap_remove(&c->heap, &t->node);
	if (timer_is_of_message(t->type)) {
		if (t->subject)
			msg_edit(c, t->subject)->timer = 0;
	} else if (t->subject) {
		struct inc *i = inc_edit(c, t->subject);
		if (t->prev)
			tmr_edit(c, t->prev)->next = t->next;
		else
			i->timers = t->next;
		if (t->next)
			tmr_edit(c, t->next)->prev = t->prev;
		else
			i->timers_tail = t->prev;
	}
	obj_drop(c, POOL_TMR, r);
}

static void heap_shift(struct core *c, int64_t by_ns)
{
	for (size_t i = 0; i < c->heap.count; i++)
		c->heap.nodes[i]->key = c->heap.nodes[i]->key + by_ns;
}

void timers_shift(struct core *c, int64_t by_ns)
{
	struct undo *u = undo_add(c, UNDO_SHIFT);
	if (!u)
		return;
	u->shift = by_ns;
	heap_shift(c, by_ns);
}

/* -- opening, and the borders of a step ---------------------------------------------------------
 */

static bool table_open(struct core *c, struct table *t)
{
	t->cap = 64;
	t->heads = mem_new(c->mem, t->cap, sizeof(*t->heads));
	return t->heads != NULL;
}

enum err state_open(struct core *c)
{
	c->heap = heap_make(c->mem, SLOT_MAX);
	c->texts.cap = 64;
	c->texts.heads = mem_new(c->mem, c->texts.cap, sizeof(*c->texts.heads));
	if (!c->texts.heads || !table_open(c, &c->by_id[0]) || !table_open(c, &c->by_id[1]) ||
	    !table_open(c, &c->by_key) || !table_open(c, &c->by_service))
		return ERR_NOMEM;
	for (size_t i = 0; i < POOL_COUNT; i++) {
		c->pools[i].size = pool_size[i];
		if (!pool_grow(c->mem, &c->pools[i]))
			return ERR_NOMEM;
		c->pools[i].top = 1;
	}
	return OK;
}

void state_close(struct core *c)
{
	for (uint32_t i = 0; c->texts.heads && i < c->texts.cap; i++) {
		for (struct text *t = c->texts.heads[i], *next; t; t = next) {
			next = t->next;
			mem_free(c->mem, t);
		}
	}
	mem_free(c->mem, c->texts.heads);
	mem_free(c->mem, c->by_id[0].heads);
	mem_free(c->mem, c->by_id[1].heads);
	mem_free(c->mem, c->by_key.heads);
	mem_free(c->mem, c->by_service.heads);
	heap_free(&c->heap);
	for (size_t i = 0; i < POOL_COUNT; i++) {
		for (uint32_t n = 0; n < c->pools[i].chunk_count; n++)
			mem_free(c->mem, c->pools[i].chunks[n]);
		mem_free(c->mem, c->pools[i].chunks);
	}
	mem_free(c->mem, c->undos);
	mem_free(c->mem, c->saved);
}

void step_begin(struct core *c)
{
	assert(c->undo_count == 0 && c->saved_len == 0);
	c->err = OK;
	c->ordinal = 0;
	c->v_before = c->v;
	if (++c->mark == 0) { /* after 2^32 steps: no old mark may look like a new one */
		c->mark = 1;
		for (size_t i = 0; i < POOL_COUNT; i++) {
			for (ref r = 0; obj_next(c, (enum pool_id)i, &r);)
				((struct head *)slot(&c->pools[i], r))->mark = 0;
		}
	}
	table_grow(c, &c->by_id[0], POOL_INC);
	table_grow(c, &c->by_id[1], POOL_MSG);
	table_grow(c, &c->by_key, POOL_ALR);
	table_grow(c, &c->by_service, POOL_SVC);
	texts_grow(c);
}

void journal_walk(struct core *c, void (*fn)(struct core *, enum pool_id, ref))
{
	size_t count = c->undo_count;
	for (size_t i = 0; i < count; i++) {
		struct undo u = c->undos[i];
		if ((u.type == UNDO_SAVED || u.type == UNDO_NEW) && u.pool != POOL_SVC)
			fn(c, (enum pool_id)u.pool, u.ref);
	}
}

static void undo_saved(struct core *c, const struct undo *u)
{
	struct pool *p = &c->pools[u->pool];
	char *object = slot(p, u->ref);
	if (u->pool == POOL_TMR) { /* the heap moves nodes: its word on their place holds */
		struct heap_node node = ((struct tmr *)(void *)object)->node;
		memcpy(object, c->saved + u->at, p->size);
		((struct tmr *)(void *)object)->node = node;
		return;
	}
	memcpy(object, c->saved + u->at, p->size);
}

static void take_back(struct core *c)
{
	while (c->undo_count > 0) {
		const struct undo *u = &c->undos[--c->undo_count];
		switch ((enum undo_type)u->type) {
		case UNDO_SAVED: undo_saved(c, u); break;
		case UNDO_NEW: pool_give(&c->pools[u->pool], u->ref); break;
		case UNDO_PLACE: *u->place = u->old; break;
		case UNDO_HEAP_ADD:
			heap_remove(
			    &c->heap, &((struct tmr *)slot(&c->pools[POOL_TMR], u->ref))->node);
			break;
		case UNDO_HEAP_REMOVE: {
			struct tmr *t = slot(&c->pools[POOL_TMR], u->ref);
			enum err e = heap_add(&c->heap, &t->node);
			assert(e == OK); /* it was in: there is room */
			break;
		}
		case UNDO_SHIFT: heap_shift(c, -u->shift); break;
		case UNDO_TEXT_GET: text_release(c, u->text); break;
		case UNDO_TEXT_DROP: break;
		}
	}
	c->v = c->v_before;
}

/* First all texts, then the slots: a slot may be named by two entries. */
static void let_go(struct core *c)
{
	for (size_t i = 0; i < c->undo_count; i++) {
		const struct undo *u = &c->undos[i];
		if (u->type == UNDO_TEXT_DROP)
			text_release(c, u->text);
	}
	for (size_t i = 0; i < c->undo_count; i++) {
		const struct undo *u = &c->undos[i];
		if (u->type != UNDO_SAVED && u->type != UNDO_NEW)
			continue;
		struct head *h = slot(&c->pools[u->pool], u->ref);
		h->flags &= (uint8_t)~HEAD_BORN;
		if (h->flags & HEAD_DEAD) {
			texts_let_go(c, (enum pool_id)u->pool, h);
			pool_give(&c->pools[u->pool], u->ref);
		}
	}
	c->undo_count = 0;
}

enum err step_end(struct core *c)
{
	enum err e = c->err;
	if (e != OK)
		take_back(c);
	else
		let_go(c);
	assert(c->undo_count == 0);
	c->saved_len = 0;
	c->fx = NULL;
	if (c->saved_cap > JOURNAL_KEEP) {
		mem_free(c->mem, c->saved);
		mem_free(c->mem, c->undos);
		c->saved = NULL;
		c->undos = NULL;
		c->saved_cap = c->undo_cap = 0;
	}
	return e;
}
