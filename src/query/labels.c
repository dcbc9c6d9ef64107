/* SPDX-License-Identifier: Apache-2.0
 *
 * Label sets. See labels.h. Sets are small (5..20 labels), so lookups scan.
 */
#include "query/labels.h"
#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>

struct str labels_get(struct labels l, struct str name)
{
	for (uint32_t i = 0; i < l.count; i++)
		if (str_eq(l.list[i].name, name))
			return l.list[i].value;
	return STR("");
}

int labels_cmp(struct labels a, struct labels b)
{
	uint32_t n = a.count < b.count ? a.count : b.count;
	for (uint32_t i = 0; i < n; i++) {
		int c = str_cmp(a.list[i].name, b.list[i].name);
		if (c == 0)
			c = str_cmp(a.list[i].value, b.list[i].value);
		if (c != 0)
			return c;
	}
	return a.count < b.count ? -1 : a.count > b.count;
}

bool labels_eq(struct labels a, struct labels b)
{
	if (a.count != b.count)
		return false;
	for (uint32_t i = 0; i < a.count; i++)
		if (!str_eq(a.list[i].name, b.list[i].name) ||
		    !str_eq(a.list[i].value, b.list[i].value))
			return false;
	return true;
}

uint64_t labels_hash(struct labels l)
{
	uint64_t h = l.count;
	for (uint32_t i = 0; i < l.count; i++) {
		h = hash_mix(h, hash64(l.list[i].name, 1));
		h = hash_mix(h, hash64(l.list[i].value, 2));
	}
	return h;
}

static void add_sized(struct buf *b, struct str s)
{
	if (s.len < 255) {
		buf_add_char(b, (char)s.len);
	} else {
		buf_add_char(b, (char)255);
		for (int shift = 0; shift < 24; shift += 8)
			buf_add_char(b, (char)(s.len >> shift & 255));
	}
	buf_add(b, s);
}

uint64_t labels_hash_prometheus(struct labels l, struct buf *scratch)
{
	buf_clear(scratch);
	for (uint32_t i = 0; i < l.count; i++) {
		add_sized(scratch, l.list[i].name);
		add_sized(scratch, l.list[i].value);
	}
	return scratch->err == OK ? hash_xxh64(buf_str(scratch)) : 0;
}

void labels_quote(struct buf *b, struct str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '"' || c == '\\') {
			buf_add_char(b, '\\');
			buf_add_char(b, (char)c);
		} else if (c == '\n') {
			buf_add_c(b, "\\n");
		} else if (c == '\t') {
			buf_add_c(b, "\\t");
		} else if (c == '\r') {
			buf_add_c(b, "\\r");
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(b, "\\x%02x", c);
		} else if (c < 0x80) {
			buf_add_char(b, (char)c);
		} else {
			size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
			struct str one = str_first(str_from(s, i), n);
			if (one.len == n && str_utf8_valid(one)) {
				buf_add(b, one);
				i += n - 1;
			} else {
				buf_printf(b, "\\x%02x", c);
			}
		}
	}
	buf_add_char(b, '"');
}

static bool plain(struct str name, bool colon)
{
	if (name.len == 0)
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
		          (colon && c == ':') || (i > 0 && c >= '0' && c <= '9');
		if (!ok)
			return false;
	}
	return true;
}

bool labels_name_plain(struct str name)
{
	return plain(name, false);
}

bool labels_metric_plain(struct str name)
{
	return plain(name, true);
}

static void json_string(struct buf *b, struct str s)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '"' || c == '\\') {
			buf_add_char(b, '\\');
			buf_add_char(b, (char)c);
		} else if (c == '\n') {
			buf_add_c(b, "\\n");
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(b, "\\u%04x", c);
		} else if (c < 0x80) {
			buf_add_char(b, (char)c);
		} else {
			size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
			struct str one = str_first(str_from(s, i), n);
			if (one.len == n && str_utf8_valid(one)) {
				buf_add(b, one);
				i += n - 1;
			} else {
				buf_add_c(b, "\xef\xbf\xbd");
			}
		}
	}
	buf_add_char(b, '"');
}

void labels_json(struct labels l, struct buf *b)
{
	buf_add_char(b, '{');
	for (uint32_t i = 0; i < l.count; i++) {
		if (i)
			buf_add_char(b, ',');
		json_string(b, l.list[i].name);
		buf_add_char(b, ':');
		json_string(b, l.list[i].value);
	}
	buf_add_char(b, '}');
}

static void text_pairs(struct labels l, struct buf *b, bool with_name, bool after)
{
	for (uint32_t i = 0; i < l.count; i++) {
		if (!with_name && str_eq(l.list[i].name, LABEL_NAME))
			continue;
		if (after)
			buf_add_c(b, ", ");
		after = true;
		if (labels_name_plain(l.list[i].name))
			buf_add(b, l.list[i].name);
		else
			labels_quote(b, l.list[i].name);
		buf_add_char(b, '=');
		labels_quote(b, l.list[i].value);
	}
}

void labels_text(struct labels l, struct buf *b)
{
	struct str name = labels_get(l, LABEL_NAME);
	bool bare = labels_metric_plain(name);
	if (bare) {
		buf_add(b, name);
		if (l.count == 1)
			return;
	}
	buf_add_char(b, '{');
	if (!bare && name.len)
		labels_quote(b, name);
	text_pairs(l, b, false, !bare && name.len);
	buf_add_char(b, '}');
}

void labels_text_flat(struct labels l, struct buf *b)
{
	buf_add_char(b, '{');
	text_pairs(l, b, true, false);
	buf_add_char(b, '}');
}

static int by_name(const void *x, const void *y)
{
	const struct label *a = x, *b = y;
	return str_cmp(a->name, b->name);
}

enum err labels_make(struct arena *a, const struct label *list, size_t count, struct labels *ret)
{
	if (count > LABELS_MAX)
		return ERR_LIMIT;
	struct label *out = arena_new(a, struct label, count);
	if (!out)
		return arena_err(a);
	uint32_t n = 0;
	for (size_t i = 0; i < count; i++) {
		if (list[i].name.len == 0)
			return ERR_INPUT;
		out[n++] = list[i];
	}
	if (n > 1)
		qsort(out, n, sizeof(*out), by_name);
	uint32_t kept = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (i > 0 && str_eq(out[i].name, out[i - 1].name))
			return ERR_INPUT;
		out[kept] = out[i];
		kept += out[i].value.len != 0;
	}
	*ret = (struct labels){ out, kept };
	return OK;
}

enum err labels_copy(struct arena *a, struct labels l, struct labels *ret)
{
	struct label *out = arena_new(a, struct label, l.count);
	if (!out)
		return arena_err(a);
	for (uint32_t i = 0; i < l.count; i++) {
		out[i].name = arena_str(a, l.list[i].name);
		out[i].value = arena_str(a, l.list[i].value);
		if (!out[i].name.ptr || !out[i].value.ptr)
			return arena_err(a);
	}
	*ret = (struct labels){ out, l.count };
	return OK;
}

enum err labels_with(
    struct arena *a, struct labels l, struct str name, struct str value, struct labels *ret)
{
	assert(name.len > 0);
	struct label *out = arena_new(a, struct label, (size_t)l.count + 1);
	if (!out)
		return arena_err(a);
	uint32_t n = 0, i = 0;
	while (i < l.count && str_cmp(l.list[i].name, name) < 0)
		out[n++] = l.list[i++];
	if (i < l.count && str_eq(l.list[i].name, name))
		i++;
	if (value.len)
		out[n++] = (struct label){ name, value };
	while (i < l.count)
		out[n++] = l.list[i++];
	*ret = (struct labels){ out, n };
	return OK;
}

static bool among(struct str name, const struct str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(name, names[i]))
			return true;
	return false;
}

enum err labels_keep(struct arena *a, struct labels l, const struct str *names, size_t name_count,
    struct labels *ret)
{
	struct label *out = arena_new(a, struct label, l.count < name_count ? l.count : name_count);
	if (!out)
		return arena_err(a);
	uint32_t n = 0;
	for (uint32_t i = 0; i < l.count; i++)
		if (among(l.list[i].name, names, name_count))
			out[n++] = l.list[i];
	*ret = (struct labels){ out, n };
	return OK;
}

enum err labels_without(struct arena *a, struct labels l, const struct str *names,
    size_t name_count, bool drop_name, struct labels *ret)
{
	struct label *out = arena_new(a, struct label, l.count);
	if (!out)
		return arena_err(a);
	uint32_t n = 0;
	for (uint32_t i = 0; i < l.count; i++) {
		if (drop_name && str_eq(l.list[i].name, LABEL_NAME))
			continue;
		if (!among(l.list[i].name, names, name_count))
			out[n++] = l.list[i];
	}
	*ret = (struct labels){ out, n };
	return OK;
}

enum err labels_drop_meta(struct arena *a, struct labels l, struct labels *ret)
{
	static const struct str meta[] = { STR_INIT("__name__"), STR_INIT("__type__"),
		STR_INIT("__unit__") };
	for (uint32_t i = 0; i < l.count; i++)
		if (among(l.list[i].name, meta, ARRAY_COUNT(meta)))
			return labels_without(a, l, meta, ARRAY_COUNT(meta), false, ret);
	*ret = l;
	return OK;
}

enum err labels_map_make(struct arena *a, size_t expected, struct labels_map *ret)
{
	uint32_t slots = 16;
	while (slots / 2 < expected && slots < UINT32_C(1) << 30)
		slots *= 2;
	struct labels_map m = { .arena = a, .slot_count = slots, .cap = slots / 2 };
	m.slots = arena_new(a, uint32_t, slots);
	m.sets = arena_new(a, struct labels, m.cap);
	m.hashes = arena_new(a, uint64_t, m.cap);
	if (!m.slots || !m.sets || !m.hashes)
		return arena_err(a);
	*ret = m;
	return OK;
}

/* Twice the room; the old arrays stay behind in the arena. */
static enum err map_grow(struct labels_map *m)
{
	struct labels_map bigger;
	enum err e = labels_map_make(m->arena, (size_t)m->cap * 2, &bigger);
	if (e != OK)
		return e;
	memcpy(bigger.sets, m->sets, m->count * sizeof(*m->sets));
	memcpy(bigger.hashes, m->hashes, m->count * sizeof(*m->hashes));
	bigger.count = m->count;
	for (uint32_t i = 0; i < m->count; i++) {
		uint32_t at = (uint32_t)m->hashes[i] & (bigger.slot_count - 1);
		while (bigger.slots[at])
			at = (at + 1) & (bigger.slot_count - 1);
		bigger.slots[at] = i + 1;
	}
	*m = bigger;
	return OK;
}

static uint32_t map_slot(const struct labels_map *m, struct labels l, uint64_t h)
{
	uint32_t at = (uint32_t)h & (m->slot_count - 1);
	for (; m->slots[at]; at = (at + 1) & (m->slot_count - 1)) {
		uint32_t i = m->slots[at] - 1;
		assert(i < m->count);
		if (m->hashes[i] == h && labels_eq(m->sets[i], l))
			break;
	}
	return at;
}

enum err labels_map_put(
    struct labels_map *m, struct labels l, uint32_t *ret_number, bool *ret_is_new)
{
	uint64_t h = labels_hash(l);
	uint32_t at = map_slot(m, l, h);
	bool is_new = m->slots[at] == 0;
	if (is_new) {
		if (m->count == m->cap) {
			enum err e = map_grow(m);
			if (e != OK)
				return e;
			at = map_slot(m, l, h);
		}
		m->sets[m->count] = l;
		m->hashes[m->count] = h;
		m->slots[at] = ++m->count;
	}
	*ret_number = m->slots[at] - 1;
	if (ret_is_new)
		*ret_is_new = is_new;
	return OK;
}

uint32_t labels_map_find(const struct labels_map *m, struct labels l)
{
	uint32_t at = map_slot(m, l, labels_hash(l));
	return m->slots[at] ? m->slots[at] - 1 : UINT32_MAX;
}
