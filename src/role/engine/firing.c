/* SPDX-License-Identifier: Apache-2.0
 *
 * Firing alerts by key. An entry and its texts are one block.
 */
#include "role/engine/firing.h"

#include "base/hash.h"

#include <assert.h>

#define DEDUP_CHARS 255

struct firing {
	const struct mem *mem;
	struct map *by_key;
};

enum err firing_open(const struct mem *mem, uint64_t seed, struct firing **ret)
{
	struct firing *f = mem_new(mem, 1, sizeof(*f));
	if (!f)
		return ERR_NOMEM;
	f->mem = mem;
	enum err e = map_open(mem, seed, FIRING_MAX, &f->by_key);
	if (e != OK) {
		mem_free(mem, f);
		return e;
	}
	*ret = f;
	return OK;
}

void firing_close(struct firing **firing)
{
	struct firing *f = *firing;
	struct firing_entry *entry;
	if (!f)
		return;
	for (size_t at = 0; (entry = firing_next(f, &at)) != NULL;)
		mem_free(f->mem, entry);
	map_close(&f->by_key);
	mem_free(f->mem, f);
	*firing = NULL;
}

size_t firing_count(const struct firing *f)
{
	return map_count(f->by_key);
}

/* As the core makes it; firing_test holds both against each other. */
void firing_key(struct buf *b, struct str rule, struct str labels)
{
	buf_clear(b);
	buf_printf(b, "rule:%.*s%.*s", STR_ARG(rule), STR_ARG(labels));
	if (b->err == OK && str_utf8_count(buf_str(b)) <= DEDUP_CHARS)
		return;
	struct hash128 h = hash128(labels, hash64(rule, 0));
	buf_clear(b);
	buf_printf(b, "rule:%.*s#%016llx%016llx", STR_ARG(str_utf8_first(rule, 200)),
	    (unsigned long long)h.hi, (unsigned long long)h.lo);
}

struct firing_entry *firing_find(struct firing *f, struct str key)
{
	return map_find(f->by_key, key);
}

static struct str put(char **p, struct str s)
{
	struct str out = { *p, s.len };
	if (s.len)
		memcpy(*p, s.ptr, s.len);
	*p += s.len;
	return out;
}

struct firing_entry *firing_add(
    struct firing *f, struct str key, struct str rule, struct str labels)
{
	struct firing_entry *entry =
	    mem_new(f->mem, 1, sizeof(*entry) + key.len + rule.len + labels.len);
	if (!entry)
		return NULL;
	char *p = (char *)(entry + 1);
	entry->key = put(&p, key);
	entry->rule = put(&p, rule);
	entry->labels = put(&p, labels);
	assert(!map_find(f->by_key, key));
	if (map_put(f->by_key, entry->key, entry) != OK) {
		mem_free(f->mem, entry);
		return NULL;
	}
	return entry;
}

void firing_remove(struct firing *f, struct firing_entry *entry)
{
	void *gone = map_remove(f->by_key, entry->key);
	assert(gone == entry);
	mem_free(f->mem, entry);
}

struct firing_entry *firing_next(const struct firing *f, size_t *at)
{
	struct str key;
	void *value;
	return map_next(f->by_key, at, &key, &value) ? value : NULL;
}

void firing_row(struct firing *f, const struct alert *row)
{
	if (!str_starts(row->source_key, STR("rule:")))
		return;
	struct firing_entry *entry = firing_find(f, row->dedup_key);
	if (row->status == ALERT_RESOLVED) {
		/* By the rule itself it was forgotten before; so this was somebody else. */
		if (entry && !entry->quiet) {
			entry->quiet = true;
			entry->quiet_until = wall_add(row->changed_at, FIRING_HOLD);
		}
		return;
	}
	if (entry) {
		entry->quiet = false;
		return;
	}
	struct str rule = str_from(row->source_key, 5);
	struct str rest = str_from(row->dedup_key, 5 + rule.len);
	bool has_labels = str_starts(rest, STR("{"));
	(void)firing_add(f, row->dedup_key, rule, has_labels ? rest : STR(""));
}
