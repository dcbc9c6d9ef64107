/* SPDX-License-Identifier: Apache-2.0
 *
 * Three open-addressing tables of numbers (strings, pairs, series), each over an array in order of
 * creation. Numbers in the tables are one more than the place, so 0 is free; a removed series
 * leaves a tombstone that the next rebuild of its table drops.
 */
#include "store/series/index.h"
#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>

#define TOMB UINT32_MAX
#define TEXT_CHUNK (256u << 10)

struct table {
	uint32_t *at;
	size_t cap, used; /* used counts tombstones */
};

struct pair {
	uint32_t name, value;
	uint32_t *slots;
	uint32_t count, cap;
};

struct name {
	uint32_t *pairs;
	uint32_t count, cap;
};

struct chunk {
	struct chunk *next;
	char bytes[];
};

struct index {
	const struct mem *mem;
	uint64_t seed;
	struct str *texts;
	struct name *names; /* beside texts: the pairs that have this text as name */
	size_t text_count, text_cap, name_cap;
	struct pair *pairs;
	size_t pair_count, pair_cap;
	struct series **slots;
	size_t slot_count, slot_cap, living;
	uint32_t *free_slots; /* a stack */
	size_t free_count, free_cap;
	struct table text_table, pair_table, series_table;
	struct chunk *chunks;
	size_t chunk_used, chunk_bytes;
};

enum err index_open(const struct mem *mem, uint64_t seed, struct index **ret)
{
	struct index *x = mem_new(mem, 1, sizeof(*x));
	if (!x)
		return ERR_NOMEM;
	x->mem = mem;
	x->seed = seed;
	*ret = x;
	return OK;
}

void index_close(struct index **index)
{
	struct index *x = *index;
	if (!x)
		return;
	for (size_t i = 0; i < x->slot_count; i++) {
		mem_free(x->mem, x->slots[i]->pairs);
		mem_free(x->mem, x->slots[i]);
	}
	for (size_t i = 0; i < x->pair_count; i++)
		mem_free(x->mem, x->pairs[i].slots);
	for (size_t i = 0; i < x->text_count; i++)
		mem_free(x->mem, x->names[i].pairs);
	for (struct chunk *c = x->chunks, *next; c; c = next) {
		next = c->next;
		mem_free(x->mem, c);
	}
	mem_free(x->mem, x->texts);
	mem_free(x->mem, x->names);
	mem_free(x->mem, x->pairs);
	mem_free(x->mem, x->slots);
	mem_free(x->mem, x->free_slots);
	mem_free(x->mem, x->text_table.at);
	mem_free(x->mem, x->pair_table.at);
	mem_free(x->mem, x->series_table.at);
	mem_free(x->mem, x);
	*index = NULL;
}

/* Room for one more in an array. */
static bool room(const struct mem *mem, void *list_ptr, size_t *cap, size_t count, size_t size)
{
	if (count < *cap)
		return true;
	void *list;
	memcpy(&list, list_ptr, sizeof(list));
	size_t to = *cap ? *cap * 2 : 64;
	void *grown = mem_resize(mem, list, to, size);
	if (!grown)
		return false;
	memcpy(list_ptr, &grown, sizeof(grown));
	*cap = to;
	return true;
}

static bool push_u32(
    const struct mem *mem, uint32_t **list, uint32_t *count, uint32_t *cap, uint32_t v)
{
	if (*count == *cap) {
		uint32_t to = *cap ? *cap * 2 : 4;
		uint32_t *grown = mem_resize(mem, *list, to, sizeof(v));
		if (!grown)
			return false;
		*list = grown;
		*cap = to;
	}
	(*list)[(*count)++] = v;
	return true;
}

/* The hash of what a table's number stands for. */
typedef uint64_t hash_of(const struct index *x, uint32_t number);

static uint64_t text_hash(const struct index *x, uint32_t number)
{
	return hash64(x->texts[number], x->seed);
}

static uint64_t pair_hash(const struct index *x, uint32_t number)
{
	return hash_mix(x->seed, (uint64_t)x->pairs[number].name << 32 | x->pairs[number].value);
}

static uint64_t series_hash(const struct index *x, uint32_t number)
{
	return x->slots[number]->hash;
}

/* Makes place for one more, rebuilding at two thirds. */
static bool table_room(const struct index *x, struct table *t, hash_of *hash)
{
	if ((t->used + 1) * 3 < t->cap * 2)
		return true;
	size_t living = 0;
	for (size_t i = 0; i < t->cap; i++)
		living += t->at[i] != 0 && t->at[i] != TOMB;
	size_t cap = 64;
	while (cap < living * 3)
		cap *= 2;
	uint32_t *at = mem_new(x->mem, cap, sizeof(at[0]));
	if (!at)
		return false;
	for (size_t i = 0; i < t->cap; i++) {
		if (t->at[i] == 0 || t->at[i] == TOMB)
			continue;
		size_t k = hash(x, t->at[i] - 1) & (cap - 1);
		while (at[k])
			k = (k + 1) & (cap - 1);
		at[k] = t->at[i];
	}
	mem_free(x->mem, t->at);
	*t = (struct table){ at, cap, living };
	return true;
}

static void table_put(struct table *t, uint64_t hash, uint32_t number)
{
	assert(t->used < t->cap);
	size_t k = hash & (t->cap - 1);
	while (t->at[k] && t->at[k] != TOMB)
		k = (k + 1) & (t->cap - 1);
	t->used += t->at[k] == 0;
	t->at[k] = number + 1;
}

static bool text_find(const struct index *x, struct str s, uint32_t *ret)
{
	const struct table *t = &x->text_table;
	if (!t->cap)
		return false;
	for (size_t k = hash64(s, x->seed) & (t->cap - 1); t->at[k]; k = (k + 1) & (t->cap - 1)) {
		if (str_eq(x->texts[t->at[k] - 1], s)) {
			*ret = t->at[k] - 1;
			return true;
		}
	}
	return false;
}

static bool text_add(struct index *x, struct str s, uint32_t *ret)
{
	if (text_find(x, s, ret))
		return true;
	if (!table_room(x, &x->text_table, text_hash) ||
	    !room(x->mem, &x->texts, &x->text_cap, x->text_count, sizeof(x->texts[0])) ||
	    !room(x->mem, &x->names, &x->name_cap, x->text_count, sizeof(x->names[0])))
		return false;
	if (!x->chunks || x->chunk_bytes - x->chunk_used < s.len) {
		size_t bytes = s.len > TEXT_CHUNK ? s.len : TEXT_CHUNK;
		struct chunk *c = mem_resize(x->mem, NULL, 1, sizeof(*c) + bytes);
		if (!c)
			return false;
		c->next = x->chunks;
		x->chunks = c;
		x->chunk_used = 0;
		x->chunk_bytes = bytes;
	}
	char *to = x->chunks->bytes + x->chunk_used;
	if (s.len)
		memcpy(to, s.ptr, s.len);
	x->chunk_used += s.len;
	x->names[x->text_count] = (struct name){ 0 };
	x->texts[x->text_count] = str_make(to, s.len);
	table_put(&x->text_table, hash64(s, x->seed), (uint32_t)x->text_count);
	*ret = (uint32_t)x->text_count++;
	return true;
}

static bool pair_find(const struct index *x, uint32_t name, uint32_t value, uint32_t *ret)
{
	const struct table *t = &x->pair_table;
	if (!t->cap)
		return false;
	uint64_t h = hash_mix(x->seed, (uint64_t)name << 32 | value);
	for (size_t k = h & (t->cap - 1); t->at[k]; k = (k + 1) & (t->cap - 1)) {
		const struct pair *p = &x->pairs[t->at[k] - 1];
		if (p->name == name && p->value == value) {
			*ret = t->at[k] - 1;
			return true;
		}
	}
	return false;
}

static bool pair_add(struct index *x, struct series_label label, uint32_t *ret)
{
	uint32_t name, value;
	if (!text_add(x, label.name, &name) || !text_add(x, label.value, &value))
		return false;
	if (pair_find(x, name, value, ret))
		return true;
	struct name *n = &x->names[name];
	if (!table_room(x, &x->pair_table, pair_hash) ||
	    !room(x->mem, &x->pairs, &x->pair_cap, x->pair_count, sizeof(x->pairs[0])) ||
	    !push_u32(x->mem, &n->pairs, &n->count, &n->cap, (uint32_t)x->pair_count))
		return false;
	x->pairs[x->pair_count] = (struct pair){ .name = name, .value = value };
	*ret = (uint32_t)x->pair_count++;
	table_put(&x->pair_table, pair_hash(x, *ret), *ret);
	return true;
}

static uint64_t labels_hash64(
    const struct index *x, const struct series_label *labels, size_t count)
{
	uint64_t h = x->seed;
	for (size_t i = 0; i < count; i++)
		h = hash64(labels[i].value, hash64(labels[i].name, h));
	return h;
}

size_t index_count(const struct index *x)
{
	return x->living;
}

size_t index_slots(const struct index *x)
{
	return x->slot_count;
}

struct series *index_at(const struct index *x, uint32_t slot)
{
	if (slot >= x->slot_count || x->slots[slot]->pairs == NULL)
		return NULL;
	return x->slots[slot];
}

struct series_label index_label(const struct index *x, const struct series *s, uint32_t i)
{
	assert(i < s->pair_count);
	const struct pair *p = &x->pairs[s->pairs[i]];
	return (struct series_label){ x->texts[p->name], x->texts[p->value] };
}

struct series *index_find(const struct index *x, const struct series_label *labels, size_t count)
{
	const struct table *t = &x->series_table;
	if (!t->cap)
		return NULL;
	uint64_t h = labels_hash64(x, labels, count);
	for (size_t k = h & (t->cap - 1); t->at[k]; k = (k + 1) & (t->cap - 1)) {
		if (t->at[k] == TOMB)
			continue;
		struct series *s = x->slots[t->at[k] - 1];
		if (s->hash != h || s->pair_count != count)
			continue;
		size_t i = 0;
		for (; i < count; i++) {
			struct series_label l = index_label(x, s, (uint32_t)i);
			if (!str_eq(l.name, labels[i].name) || !str_eq(l.value, labels[i].value))
				break;
		}
		if (i == count)
			return s;
	}
	return NULL;
}

/* A free slot's series, from the stack or new. */
static struct series *take_slot(struct index *x)
{
	if (x->free_count > 0)
		return x->slots[x->free_slots[--x->free_count]];
	if (!room(x->mem, &x->slots, &x->slot_cap, x->slot_count, sizeof(x->slots[0])))
		return NULL;
	struct series *s = mem_new(x->mem, 1, sizeof(*s));
	if (!s)
		return NULL;
	s->slot = (uint32_t)x->slot_count;
	x->slots[x->slot_count++] = s;
	return s;
}

static bool give_slot(struct index *x, struct series *s)
{
	uint32_t slot = s->slot, generation = s->generation;
	mem_free(x->mem, s->pairs);
	*s = (struct series){ .slot = slot, .generation = generation };
	if (!room(x->mem, &x->free_slots, &x->free_cap, x->free_count, sizeof(x->free_slots[0])))
		return false; /* the slot stays unused: a leak of one slot, nothing else */
	x->free_slots[x->free_count++] = slot;
	return true;
}

static void drop_posting(struct pair *p, uint32_t slot)
{
	uint32_t lo = 0, hi = p->count;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (p->slots[mid] < slot)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == p->count || p->slots[lo] != slot)
		return;
	memmove(p->slots + lo, p->slots + lo + 1, (p->count - lo - 1) * sizeof(p->slots[0]));
	p->count--;
}

static bool add_posting(const struct mem *mem, struct pair *p, uint32_t slot)
{
	if (!push_u32(mem, &p->slots, &p->count, &p->cap, slot))
		return false;
	uint32_t i = p->count - 1;
	for (; i > 0 && p->slots[i - 1] > slot; i--)
		p->slots[i] = p->slots[i - 1];
	p->slots[i] = slot;
	return true;
}

enum err index_add(
    struct index *x, const struct series_label *labels, size_t count, struct series **ret)
{
	assert(!index_find(x, labels, count));
	if (!table_room(x, &x->series_table, series_hash))
		return ERR_NOMEM;
	struct series *s = take_slot(x);
	if (!s)
		return ERR_NOMEM;
	s->pairs = mem_new(x->mem, count ? count : 1, sizeof(s->pairs[0]));
	s->pair_count = (uint32_t)count;
	s->generation++;
	s->hash = labels_hash64(x, labels, count);
	s->min_ms = INT64_MAX;
	s->max_ms = INT64_MIN;
	size_t done = 0;
	while (s->pairs && done < count && pair_add(x, labels[done], &s->pairs[done]) &&
	       add_posting(x->mem, &x->pairs[s->pairs[done]], s->slot))
		done++;
	if (!s->pairs || done < count) {
		for (size_t i = 0; i < done; i++)
			drop_posting(&x->pairs[s->pairs[i]], s->slot);
		give_slot(x, s);
		return ERR_NOMEM;
	}
	table_put(&x->series_table, s->hash, s->slot);
	x->living++;
	*ret = s;
	return OK;
}

void index_remove(struct index *x, struct series *s)
{
	assert(s->pairs && !s->head && !s->old);
	struct table *t = &x->series_table;
	for (uint32_t i = 0; i < s->pair_count; i++)
		drop_posting(&x->pairs[s->pairs[i]], s->slot);
	size_t k = s->hash & (t->cap - 1);
	while (t->at[k] != s->slot + 1) {
		assert(t->at[k] != 0);
		k = (k + 1) & (t->cap - 1);
	}
	t->at[k] = TOMB;
	x->living--;
	give_slot(x, s);
}

/* ---- matching ---- */

static bool matches(const struct series_matcher *m, struct str value)
{
	switch (m->type) {
	case SERIES_EQ: return str_eq(m->value, value);
	case SERIES_NE: return !str_eq(m->value, value);
	case SERIES_RE: return m->match(m->context, value);
	case SERIES_NRE: return !m->match(m->context, value);
	}
	return false;
}

/* A set of pairs, one of which a matching series must have; count == 0 with `known`: nothing
 * matches. */
struct choice {
	bool known; /* false: the matcher takes series without the label too */
	const uint32_t *pairs;
	size_t count;
	size_t postings; /* their sum */
};

static enum err choose(
    const struct index *x, struct arena *a, const struct series_matcher *m, struct choice *ret)
{
	*ret = (struct choice){ 0 };
	if (matches(m, (struct str){ "", 0 }))
		return OK;
	ret->known = true;
	uint32_t name, value, pair;
	if (!text_find(x, m->name, &name))
		return OK;
	const struct name *n = &x->names[name];
	size_t max = m->type == SERIES_EQ               ? 1
	             : m->words && m->type == SERIES_RE ? m->word_count
	                                                : n->count;
	uint32_t *pairs = arena_new(a, uint32_t, max);
	if (!pairs)
		return arena_err(a);
	if (m->type == SERIES_EQ || (m->words && m->type == SERIES_RE)) {
		for (size_t i = 0; i < max; i++) {
			struct str word = m->type == SERIES_EQ ? m->value : m->words[i];
			if (text_find(x, word, &value) && pair_find(x, name, value, &pair))
				pairs[ret->count++] = pair;
		}
	} else {
		for (uint32_t i = 0; i < n->count; i++) {
			const struct pair *p = &x->pairs[n->pairs[i]];
			if (p->count > 0 && matches(m, x->texts[p->value]))
				pairs[ret->count++] = n->pairs[i];
		}
	}
	for (size_t i = 0; i < ret->count; i++)
		ret->postings += x->pairs[pairs[i]].count;
	ret->pairs = pairs;
	return OK;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

/* All slots of a choice, rising, once each. */
static enum err gather(const struct index *x, struct arena *a, const struct choice *c,
    uint32_t **ret, size_t *ret_count)
{
	size_t max = c->known ? c->postings : x->slot_count, count = 0;
	uint32_t *slots = arena_new(a, uint32_t, max);
	if (!slots)
		return arena_err(a);
	if (!c->known) {
		for (uint32_t i = 0; i < x->slot_count; i++) {
			if (x->slots[i]->pairs)
				slots[count++] = i;
		}
	} else {
		for (size_t i = 0; i < c->count; i++) {
			const struct pair *p = &x->pairs[c->pairs[i]];
			if (p->count)
				memcpy(slots + count, p->slots, p->count * sizeof(slots[0]));
			count += p->count;
		}
		if (c->count > 1) {
			qsort(slots, count, sizeof(slots[0]), by_number);
			size_t kept = 0;
			for (size_t i = 0; i < count; i++) {
				if (kept == 0 || slots[kept - 1] != slots[i])
					slots[kept++] = slots[i];
			}
			count = kept;
		}
	}
	*ret = slots;
	*ret_count = count;
	return OK;
}

/* Keeps the slots whose series match m. Each value of the label is judged once (seen: 0 not yet, 1
 * no, 2 yes). */
static enum err keep(const struct index *x, struct arena *a, const struct series_matcher *m,
    uint32_t *slots, size_t *count)
{
	uint8_t *seen = arena_new(a, uint8_t, x->pair_count + 1);
	if (!seen)
		return arena_err(a);
	bool without = matches(m, (struct str){ "", 0 });
	size_t kept = 0;
	for (size_t i = 0; i < *count; i++) {
		const struct series *s = x->slots[slots[i]];
		bool yes = without;
		for (uint32_t k = 0; k < s->pair_count; k++) {
			uint32_t number = s->pairs[k];
			const struct pair *p = &x->pairs[number];
			if (!str_eq(x->texts[p->name], m->name))
				continue;
			if (!seen[number])
				seen[number] = matches(m, x->texts[p->value]) ? 2 : 1;
			yes = seen[number] == 2;
			break;
		}
		if (yes)
			slots[kept++] = slots[i];
	}
	*count = kept;
	return OK;
}

enum err index_select(const struct index *x, struct arena *a, const struct series_matcher *matchers,
    size_t count, const uint32_t **ret_slots, size_t *ret_count)
{
	struct choice best = { 0 };
	size_t best_at = count;
	for (size_t i = 0; i < count; i++) {
		struct choice c;
		enum err e = choose(x, a, &matchers[i], &c);
		if (e != OK)
			return e;
		if (c.known && (!best.known || c.postings < best.postings)) {
			best = c;
			best_at = i;
		}
	}
	uint32_t *slots = NULL;
	size_t n = 0;
	enum err e = gather(x, a, &best, &slots, &n);
	for (size_t i = 0; i < count && e == OK; i++) {
		if (i != best_at && n > 0)
			e = keep(x, a, &matchers[i], slots, &n);
	}
	if (e != OK)
		return e;
	*ret_slots = slots;
	*ret_count = n;
	return OK;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

enum err index_names(const struct index *x, struct arena *a, struct str name,
    const struct str **ret, size_t *ret_count)
{
	uint32_t number = 0;
	bool all_names = name.len == 0;
	bool known = all_names || text_find(x, name, &number);
	size_t max = all_names ? x->text_count : known ? x->names[number].count : 0, count = 0;
	struct str *list = arena_new(a, struct str, max);
	if (!list)
		return arena_err(a);
	for (size_t i = 0; i < max; i++) {
		if (!all_names) {
			const struct pair *p = &x->pairs[x->names[number].pairs[i]];
			if (p->count)
				list[count++] = x->texts[p->value];
			continue;
		}
		bool used = false;
		for (uint32_t k = 0; k < x->names[i].count && !used; k++)
			used = x->pairs[x->names[i].pairs[k]].count > 0;
		if (used)
			list[count++] = x->texts[i];
	}
	qsort(list, count, sizeof(list[0]), by_text);
	*ret = list;
	*ret_count = count;
	return OK;
}
