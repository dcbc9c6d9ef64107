/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: groups of entries, appended to numbered segment files. A group is all that one flush
 * wrote: u32 bytes on disk | u32 raw bytes, 0 = not compressed | u32 crc32c of both and the payload
 * | payload and is there whole or not at all: reading stops at the first that does not check. Times
 * and ids in a group are differences that start anew with it.
 */
#pragma once
#include "base/codec.h"
#include "store/series/series.h"

struct log_writer {
	struct buf entries; /* of the group being gathered */
	uint64_t last_id;
	int64_t last_ms;
};
struct log_writer log_writer_make(const struct mem *mem, size_t limit);
/* True when n more bytes fit; memory is reserved then. */
bool log_room(struct log_writer *w, size_t n);
#define LOG_ENTRY_BYTES 40u /* of a point at most; a series or histogram: and its bytes */
void log_put_series(
    struct log_writer *w, uint64_t id, const struct series_label *labels, size_t count);
void log_put_point(struct log_writer *w, uint64_t id, int64_t ms, double value);
void log_put_hist(struct log_writer *w, uint64_t id, int64_t ms, struct str hist);
/* The group is gathered no more: the next begins. The caller has taken the bytes. */
void log_writer_next(struct log_writer *w);

/* Appends the frame of a group. */
must_check enum err log_frame(struct buf *out, struct str entries);

struct log_visitor {
	void *context;
	enum err (*series)(
	    void *context, uint64_t id, const struct series_label *labels, size_t count);
	enum err (*point)(void *context, uint64_t id, int64_t ms, double value);
	enum err (*hist)(void *context, uint64_t id, int64_t ms, struct str hist);
};
/* Visits the entries of one group (without its frame). ERR_INPUT: broken. */
must_check enum err log_visit(struct str entries, const struct log_visitor *visitor);

/* Segment files. */
must_check enum err log_create(
    const struct os *os, const char *folder, uint32_t number, int *ret_fd, int64_t *ret_at);
/* Visits all whole groups; *ret_torn gets the bytes behind them that are not one. */
must_check enum err log_replay(const struct os *os, const struct mem *mem, const char *folder,
    uint32_t number, const struct log_visitor *visitor, uint64_t *ret_torn);
void log_path(char out[4096], const char *folder, uint32_t number);
