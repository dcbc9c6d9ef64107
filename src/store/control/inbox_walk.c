/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the inbox: segments in order, records while their checksums continue the chain. The first
 * place that does not is the end of a segment: either its unused rest, or a write that a crash has
 * torn. What stands behind it is not looked at, but for the next segment, which says itself where
 * it begins.
 */
#include "store/control/inbox_priv.h"

#include "base/hash.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define WINDOW_BYTES (256u * 1024)

struct inbox_walk {
	const struct mem *mem;
	const struct os *os;
	char *dir;
	struct inbox_segment *segments;
	size_t count, index; /* index: the open one, when fd is not -1 */
	int fd;
	off_t at; /* of the next record */
	uint32_t chain;
	uint64_t next; /* the sequence number that must come */
	uint64_t after, lost;
	bool head_ok, started;
	/* bytes of the file from `base` on */
	unsigned char *window;
	size_t window_len, window_cap;
	off_t base;
};

enum err inbox_path(struct str dir, uint64_t first, const char *suffix, char *out)
{
	int n = snprintf(out, INBOX_PATH_MAX, "%.*s/%020llu.seg%s", STR_ARG(dir),
	    (unsigned long long)first, suffix);
	return n < 0 || n >= INBOX_PATH_MAX ? ERR_LIMIT : OK;
}

void inbox_head_write(
    unsigned char out[INBOX_HEAD_BYTES], uint64_t first, uint32_t chain, struct wall at)
{
	assert(first > 0);
	memset(out, 0, INBOX_HEAD_BYTES);
	memcpy(out, INBOX_MAGIC, 8);
	le_put64(out + 8, first);
	le_put64(out + 16, (uint64_t)at.ns);
	le_put32(out + 24, chain);
	le_put32(out + INBOX_HEAD_BYTES - 4, crc32c(0, out, INBOX_HEAD_BYTES - 4));
}

enum err inbox_head_read(
    const unsigned char in[INBOX_HEAD_BYTES], uint64_t first, uint32_t *ret_chain)
{
	if (memcmp(in, INBOX_MAGIC, 8) != 0 || le_get64(in + 8) != first)
		return ERR_INPUT;
	if (le_get32(in + INBOX_HEAD_BYTES - 4) != crc32c(0, in, INBOX_HEAD_BYTES - 4))
		return ERR_INPUT;
	*ret_chain = le_get32(in + 24);
	return OK;
}

uint32_t inbox_record_checksum(uint32_t chain, const unsigned char *ptr)
{
	uint32_t len = le_get32(ptr);
	assert(len > 0 && len <= INBOX_BODY_BYTES_MAX);
	chain = crc32c(chain, ptr, 4);
	return crc32c(chain, ptr + 8, INBOX_RECORD_HEAD_BYTES - 8 + (size_t)len);
}

/* "<20 digits>.seg" */
static bool name_read(struct str name, uint64_t *ret_first)
{
	uint64_t first;
	if (name.len != INBOX_NAME_DIGITS + 4 || !str_ends(name, STR(".seg")))
		return false;
	if (str_u64(str_first(name, INBOX_NAME_DIGITS), &first) != OK || first == 0 ||
	    first == AHEAD_FIRST)
		return false;
	*ret_first = first;
	return true;
}

enum err inbox_list(const struct mem *mem, const struct os *os, struct str dir,
    struct inbox_segment **ret_list, size_t *ret_count)
{
	char path[INBOX_PATH_MAX];
	own(arena_close) struct arena *arena = NULL;
	enum err e = arena_open(mem, 64u << 20, &arena);
	if (e != OK)
		return e;
	if (snprintf(path, sizeof(path), "%.*s", STR_ARG(dir)) >= (int)sizeof(path))
		return ERR_LIMIT;
	struct str *names;
	size_t name_count, count = 0;
	e = os_list_dir(path, arena, &names, &name_count);
	if (e != OK)
		return e;
	struct inbox_segment *list = name_count ? mem_new(mem, name_count, sizeof(*list)) : NULL;
	if (name_count && !list)
		return ERR_NOMEM;
	for (size_t i = 0; i < name_count; i++) {
		struct stat st;
		if (!name_read(names[i], &list[count].first))
			continue;
		e = inbox_path(dir, list[count].first, "", path);
		if (e == OK && stat(path, &st) == 0) {
			list[count].bytes = (uint64_t)st.st_size;
			assert(count == 0 || list[count].first > list[count - 1].first);
			count++;
		}
	}
	(void)os;
	*ret_list = list;
	*ret_count = count;
	return OK;
}

enum err inbox_walk_open(const struct mem *mem, const struct os *os, struct str dir, uint64_t after,
    struct inbox_walk **ret_walk)
{
	struct inbox_walk *w = mem_new(mem, 1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	*w = (struct inbox_walk){ .mem = mem, .os = os, .fd = -1, .after = after };
	w->dir = mem_new(mem, dir.len + 1, 1);
	enum err e = w->dir ? OK : ERR_NOMEM;
	if (e == OK) {
		memcpy(w->dir, dir.ptr, dir.len);
		e = inbox_list(mem, os, dir, &w->segments, &w->count);
		e = e == ERR_GONE ? OK : e;
	}
	if (e != OK) {
		inbox_walk_close(&w);
		return e;
	}
	/* The last segment that can hold the record after `after`; the first when none reaches down
	 * to it. */
	while (w->index + 1 < w->count && w->segments[w->index + 1].first - 1 <= after)
		w->index++;
	*ret_walk = w;
	return OK;
}

/* True when n bytes from `at` are in the window. */
static bool window_fill(struct inbox_walk *w, size_t n, enum err *e)
{
	if (w->at >= w->base && w->at + (off_t)n <= w->base + (off_t)w->window_len)
		return true;
	size_t want = n > WINDOW_BYTES ? n : WINDOW_BYTES;
	if (want > w->window_cap) {
		unsigned char *p = mem_resize(w->mem, w->window, want, 1);
		if (!p) {
			*e = ERR_NOMEM;
			return false;
		}
		w->window = p;
		w->window_cap = want;
	}
	w->base = w->at;
	w->window_len = 0;
	while (w->window_len < want) {
		ssize_t got = w->os->pread(w->os, w->fd, w->window + w->window_len,
		    want - w->window_len, w->base + (off_t)w->window_len);
		if (got < 0) {
			*e = ERR_IO;
			return false;
		}
		if (got == 0)
			break;
		w->window_len += (size_t)got;
	}
	return w->window_len >= n;
}

static enum err segment_open(struct inbox_walk *w)
{
	char path[INBOX_PATH_MAX];
	const struct inbox_segment *s = &w->segments[w->index];
	enum err e = inbox_path(str_c(w->dir), s->first, "", path);
	if (e != OK)
		return e;
	w->fd = w->os->open(w->os, path, O_RDONLY, 0);
	if (w->fd < 0)
		return ERR_IO;
	w->window_len = 0;
	w->at = 0;
	if (w->started && s->first > w->next)
		w->lost += s->first - w->next;
	w->started = true;
	w->next = s->first;
	w->head_ok = window_fill(w, INBOX_HEAD_BYTES, &e) &&
	             inbox_head_read(w->window, s->first, &w->chain) == OK;
	w->at = INBOX_HEAD_BYTES;
	return e;
}

/* The record at the walk's place, or false: the segment ends here. */
static bool record_read(struct inbox_walk *w, struct inbox_record *ret, enum err *e)
{
	bool is_last = w->index + 1 == w->count;
	if (!w->head_ok || (!is_last && w->next >= w->segments[w->index + 1].first))
		return false;
	if (!window_fill(w, INBOX_RECORD_HEAD_BYTES, e))
		return false;
	const unsigned char *p = w->window + (w->at - w->base);
	uint32_t len = le_get32(p);
	if (len == 0 || len > INBOX_BODY_BYTES_MAX)
		return false;
	if (!window_fill(w, inbox_record_bytes(len), e))
		return false;
	p = w->window + (w->at - w->base);
	uint32_t checksum = inbox_record_checksum(w->chain, p);
	if (le_get32(p + 4) != checksum || le_get64(p + 8) != w->next)
		return false;
	*ret = (struct inbox_record){
		.seq = w->next,
		.at = { (int64_t)le_get64(p + 16) },
		.body = str_make((const char *)p + INBOX_RECORD_HEAD_BYTES, len),
	};
	w->chain = checksum;
	w->at += (off_t)inbox_record_bytes(len);
	w->next++;
	return true;
}

enum err inbox_walk_next(struct inbox_walk *w, struct inbox_record *ret)
{
	enum err e = OK;
	while (w->index < w->count) {
		if (w->fd < 0)
			e = segment_open(w);
		struct inbox_record rec;
		while (e == OK && record_read(w, &rec, &e)) {
			if (rec.seq <= w->after)
				continue;
			*ret = rec;
			return OK;
		}
		if (e != OK)
			return e;
		if (w->index + 1 == w->count)
			break; /* stays open, so that the tail is known */
		w->os->close(w->os, w->fd);
		w->fd = -1;
		w->index++;
	}
	return ERR_GONE;
}

uint64_t inbox_walk_lost(const struct inbox_walk *w)
{
	return w->lost;
}

void inbox_walk_tail(const struct inbox_walk *w, struct inbox_tail *ret)
{
	*ret = (struct inbox_tail){ 0 };
	if (w->count == 0)
		return;
	assert(w->index + 1 == w->count && w->fd >= 0);
	ret->first = w->segments[w->index].first;
	ret->last = w->next - 1;
	ret->at = w->at;
	ret->size = (off_t)w->segments[w->index].bytes;
	ret->chain = w->chain;
	ret->head_ok = w->head_ok;
}

void inbox_walk_close(struct inbox_walk **walk)
{
	struct inbox_walk *w = *walk;
	if (!w)
		return;
	if (w->fd >= 0)
		w->os->close(w->os, w->fd);
	mem_free(w->mem, w->window);
	mem_free(w->mem, w->segments);
	mem_free(w->mem, w->dir);
	mem_free(w->mem, w);
	*walk = NULL;
}
