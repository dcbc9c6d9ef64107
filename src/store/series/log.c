/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry is varint(zigzag(id - last id) * 4 + kind), then by kind:
 *   series  varint label count, (str name, str value)...
 *   point   zigzag(ms - last ms), f64
 *   hist    zigzag(ms - last ms), str of hist_put
 */
#include "store/series/log.h"
#include "base/hash.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <zstd.h>

enum { ENTRY_SERIES, ENTRY_POINT, ENTRY_HIST };

#define FRAME_BYTES 12u
#define GROUP_BYTES_MAX (256u << 20)
#define LABELS_MAX 512u
static const struct str magic = STR_INIT("QUISLOG1");

struct log_writer log_writer_make(const struct mem *mem, size_t limit)
{
	return (struct log_writer){ .entries = buf_make(mem, limit) };
}

bool log_room(struct log_writer *w, size_t n)
{
	size_t need;
	if (ck_add(w->entries.len, n, &need) || need > w->entries.limit)
		return false;
	bool fits = buf_reserve(&w->entries, n) != NULL;
	if (!fits)
		w->entries.err = OK; /* nothing was appended: the group so far is whole */
	return fits;
}

static void put_head(struct log_writer *w, uint64_t id, unsigned kind)
{
	int64_t d = (int64_t)(id - w->last_id);
	uint64_t z = ((uint64_t)d << 1) ^ (uint64_t)(d >> 63);
	put_varint(&w->entries, z << 2 | kind); /* ids are below 2^40 */
	w->last_id = id;
}

static void put_ms(struct log_writer *w, int64_t ms)
{
	put_zigzag(&w->entries, (int64_t)((uint64_t)ms - (uint64_t)w->last_ms));
	w->last_ms = ms;
}

void log_put_series(
    struct log_writer *w, uint64_t id, const struct series_label *labels, size_t count)
{
	assert(count <= LABELS_MAX);
	put_head(w, id, ENTRY_SERIES);
	put_varint(&w->entries, count);
	for (size_t i = 0; i < count; i++) {
		put_str(&w->entries, labels[i].name);
		put_str(&w->entries, labels[i].value);
	}
}

void log_put_point(struct log_writer *w, uint64_t id, int64_t ms, double value)
{
	put_head(w, id, ENTRY_POINT);
	put_ms(w, ms);
	put_f64(&w->entries, value);
}

void log_put_hist(struct log_writer *w, uint64_t id, int64_t ms, struct str hist)
{
	put_head(w, id, ENTRY_HIST);
	put_ms(w, ms);
	put_str(&w->entries, hist);
}

void log_writer_next(struct log_writer *w)
{
	w->last_id = 0;
	w->last_ms = 0;
}

static void put_le32(char *to, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (char)(v >> (8 * i));
}

enum err log_frame(struct buf *out, struct str entries)
{
	assert(entries.len > 0 && entries.len <= GROUP_BYTES_MAX);
	size_t bound = ZSTD_compressBound(entries.len), start = out->len;
	char *to = buf_reserve(out, FRAME_BYTES + bound);
	if (!to)
		return out->err;
	size_t len = ZSTD_compress(to + FRAME_BYTES, bound, entries.ptr, entries.len, 1);
	bool zipped = !ZSTD_isError(len) && len < entries.len;
	if (!zipped) {
		len = entries.len;
		memcpy(to + FRAME_BYTES, entries.ptr, len);
	}
	put_le32(to, (uint32_t)len);
	put_le32(to + 4, zipped ? (uint32_t)entries.len : 0);
	put_le32(to + 8, crc32c(crc32c(0, to, 8), to + FRAME_BYTES, len));
	buf_grew(out, FRAME_BYTES + len);
	assert(out->len == start + FRAME_BYTES + len);
	return OK;
}

static enum err visit_series(struct rd *r, uint64_t id, const struct log_visitor *v)
{
	struct series_label labels[LABELS_MAX];
	uint64_t count = rd_varint(r);
	if (r->err != OK || count > LABELS_MAX)
		return ERR_INPUT;
	for (size_t i = 0; i < count; i++) {
		labels[i].name = rd_str(r, 1u << 20);
		labels[i].value = rd_str(r, 1u << 20);
	}
	return r->err == OK ? v->series(v->context, id, labels, (size_t)count) : ERR_INPUT;
}

enum err log_visit(struct str entries, const struct log_visitor *v)
{
	struct rd r = rd_make(entries);
	uint64_t id = 0, ms = 0;
	enum err e = OK;
	while (r.rest.len > 0 && e == OK) {
		uint64_t head = rd_varint(&r), z = head >> 2;
		id += (uint64_t)((int64_t)(z >> 1) ^ -(int64_t)(z & 1));
		unsigned kind = head & 3;
		if (r.err != OK || kind > ENTRY_HIST)
			return ERR_INPUT;
		if (kind == ENTRY_SERIES) {
			e = visit_series(&r, id, v);
			continue;
		}
		ms += (uint64_t)rd_zigzag(&r);
		if (kind == ENTRY_POINT) {
			double value = rd_f64(&r);
			e = r.err == OK ? v->point(v->context, id, (int64_t)ms, value) : ERR_INPUT;
		} else {
			struct str hist = rd_str(&r, GROUP_BYTES_MAX);
			e = r.err == OK ? v->hist(v->context, id, (int64_t)ms, hist) : ERR_INPUT;
		}
	}
	return e == OK ? rd_done(&r) : e;
}

void log_path(char out[4096], const char *folder, uint32_t number)
{
	snprintf(out, 4096, "%s/log-%08u", folder, number);
}

static enum err sync_folder(const struct os *os, const char *folder)
{
	int fd = os->open(os, folder, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return ERR_IO;
	int rc = os->fsync(os, fd);
	os->close(os, fd);
	return rc == 0 ? OK : ERR_IO;
}

enum err log_create(
    const struct os *os, const char *folder, uint32_t number, int *ret_fd, int64_t *ret_at)
{
	char path[4096];
	log_path(path, folder, number);
	int fd = os->open(os, path, O_RDWR | O_CREAT | O_TRUNC, 0640);
	if (fd < 0)
		return ERR_IO;
	if (os_pwrite_all(os, fd, magic, 0) != OK || os->fdatasync(os, fd) != 0 ||
	    sync_folder(os, folder) != OK) {
		int why = errno;
		os->close(os, fd);
		os->unlink(os, path);
		errno = why;
		return ERR_IO;
	}
	*ret_fd = fd;
	*ret_at = (int64_t)magic.len;
	return OK;
}

/* Up to len bytes; fewer only at the end of the file. -1 on an error. */
static ssize_t read_at(const struct os *os, int fd, char *to, size_t len, int64_t at)
{
	size_t got = 0;
	while (got < len) {
		ssize_t n = os->pread(os, fd, to + got, len - got, at + (int64_t)got);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

/* One group into *entries. OK with *ret_bytes 0: no whole group is there. */
static enum err read_group(const struct os *os, int fd, int64_t at, struct buf *disk,
    struct buf *raw, struct str *entries, size_t *ret_bytes)
{
	char frame[FRAME_BYTES];
	*ret_bytes = 0;
	ssize_t n = read_at(os, fd, frame, FRAME_BYTES, at);
	if (n < 0)
		return ERR_IO;
	if (n < (ssize_t)FRAME_BYTES)
		return OK;
	struct rd r = rd_make(str_make(frame, FRAME_BYTES));
	uint32_t bytes = rd_u32(&r), raw_bytes = rd_u32(&r), crc = rd_u32(&r);
	if (bytes == 0 || bytes > GROUP_BYTES_MAX || raw_bytes > GROUP_BYTES_MAX)
		return OK;
	buf_clear(disk);
	char *to = buf_reserve(disk, bytes);
	if (!to)
		return disk->err;
	n = read_at(os, fd, to, bytes, at + (int64_t)FRAME_BYTES);
	if (n < 0)
		return ERR_IO;
	if (n < (ssize_t)bytes || crc32c(crc32c(0, frame, 8), to, bytes) != crc)
		return OK;
	*entries = str_make(to, bytes);
	if (raw_bytes) {
		buf_clear(raw);
		char *plain = buf_reserve(raw, raw_bytes);
		if (!plain)
			return raw->err;
		if (ZSTD_decompress(plain, raw_bytes, to, bytes) != raw_bytes)
			return OK;
		*entries = str_make(plain, raw_bytes);
	}
	*ret_bytes = FRAME_BYTES + bytes;
	return OK;
}

enum err log_replay(const struct os *os, const struct mem *mem, const char *folder, uint32_t number,
    const struct log_visitor *visitor, uint64_t *ret_torn)
{
	char path[4096], head[8];
	log_path(path, folder, number);
	int fd = os->open(os, path, O_RDONLY, 0);
	if (fd < 0)
		return ERR_IO;
	struct buf disk = buf_make(mem, GROUP_BYTES_MAX + 1),
	           raw = buf_make(mem, GROUP_BYTES_MAX + 1);
	ssize_t n = read_at(os, fd, head, sizeof(head), 0);
	bool ours = n == (ssize_t)sizeof(head) && memcmp(head, magic.ptr, magic.len) == 0;
	int64_t at = ours ? (int64_t)magic.len : 0;
	enum err e = n < 0 ? ERR_IO : OK;
	size_t bytes = 0;
	struct str entries;
	while (ours && e == OK &&
	       (e = read_group(os, fd, at, &disk, &raw, &entries, &bytes)) == OK && bytes > 0) {
		e = log_visit(entries, visitor);
		at += (int64_t)bytes;
	}
	uint64_t torn = 0;
	char rest[4096];
	for (int64_t end = at; e == OK; end += n) {
		n = read_at(os, fd, rest, sizeof(rest), end);
		if (n <= 0) {
			e = n < 0 ? ERR_IO : OK;
			break;
		}
		torn += (uint64_t)n;
	}
	buf_free(&disk);
	buf_free(&raw);
	os->close(os, fd);
	if (e == OK)
		*ret_torn = torn;
	return e;
}
