/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox: every accepted input, in order, durable before anybody is told so. An append-only log
 * cut into preallocated segments (`<first sequence number>.seg`); one thread makes batches durable
 * (one write, one fdatasync a batch) while the owner's thread goes on appending: group commit.
 *
 * A segment is a head (magic, first sequence number, a random start of the checksum chain) and
 * records {length, checksum, sequence number, time, body}, padded to 8 bytes. The checksum of a
 * record continues that of the one before it, so bytes that an earlier, refused or torn write left
 * behind never look like records. Sequence numbers start at 1 and have no gaps (but for damage: see
 * `lost`).
 *
 * Invariants: durable <= appended; a record is handed out by inbox_next only when it is durable;
 * after a failed write or sync the records concerned are refused as a whole, their sequence numbers
 * are given again, and nothing is taken until the place where they stood is proven empty.
 *
 * All functions are for the owner's thread. `notify` is called from the sync thread.
 */
#pragma once
#include "base/arena.h"
#include "os/os.h"

#define INBOX_HEAD_BYTES 64
#define INBOX_RECORD_HEAD_BYTES 24
#define INBOX_BODY_BYTES_MAX (1u << 20)

struct inbox;

struct inbox_options {
	size_t segment_bytes; /* 0 = 64 MiB; at least 4 KiB */
	size_t
	    reserve_bytes; /* room that only urgent records may use; 0 = an eighth of a segment */
	uint64_t
	    keep_bytes; /* decided segments beyond so many bytes are removed; 0 = all are kept */
	size_t pending_bytes;          /* of records in memory that were not released; 0 = 32 MiB */
	struct span retry;             /* of what failed or found no room; 0 = 200 ms */
	void (*notify)(void *context); /* something became durable, or failed; may be NULL */
	void *context;
};

/* Opens or makes `dir`. decided: the last sequence number that the control store has; the log is
 * never continued below it. Finds the tail (a torn last record is cut off) and starts the thread.
 * ERR_IO (errno), ERR_GONE (no parent), ERR_DENIED (not writable), ERR_NOMEM. */
must_check enum err inbox_open(const struct mem *mem, const struct os *os, struct str dir,
    const struct inbox_options *options, uint64_t decided, struct inbox **ret_inbox);
/* Makes durable what was appended (as far as the disk lets it), stops the thread, frees everything.
 */
void inbox_close(struct inbox **inbox);

/* Appends; the body is copied. Urgent records (acts of people, receipts, hand-overs, time) may use
 * the reserve. ERR_IO: the disk is full or fails: refused, try later. ERR_BUSY: too much is waiting
 * in memory. ERR_LIMIT: longer than INBOX_BODY_BYTES_MAX or than a segment holds. ERR_NOMEM. */
must_check enum err inbox_append(
    struct inbox *inbox, struct wall at, struct str body, bool urgent, uint64_t *ret_seq);
/* Lets the sync thread take what was appended since the last call. Call it at the end of each turn.
 */
void inbox_flush(struct inbox *inbox);

/* The last sequence number that is durable. */
uint64_t inbox_durable(const struct inbox *inbox);
/* True once after a failure: records from *ret_first on (that were appended and not yet durable)
 * are refused and their numbers will be given again. *ret_errno says why. */
bool inbox_take_failure(struct inbox *inbox, uint64_t *ret_first, int *ret_errno);

struct inbox_record {
	uint64_t seq;
	struct wall at;
	struct str body;      /* borrowed until inbox_release of it */
	struct mono appended; /* when it was appended; ns 0 for one that was read from the disk */
};
/* The next durable record that this process appended and has not yet been given. */
bool inbox_next(struct inbox *inbox, struct inbox_record *ret);
/* The memory of records up to seq is not needed any more. */
void inbox_release(struct inbox *inbox, uint64_t seq);
/* The control store has everything up to seq: segments may go if keep_bytes says so. */
void inbox_decided(struct inbox *inbox, uint64_t seq);

struct inbox_state {
	uint64_t appended, durable;
	bool failing;   /* nothing is taken at present */
	bool full;      /* only urgent records are taken: no room for another segment */
	int error;      /* errno of the last failure, 0 = none yet */
	uint64_t bytes; /* of all segments on disk */
	uint32_t segments;
	uint64_t syncs, failures;
	uint64_t lost;        /* sequence numbers that damage has taken, seen at open */
	struct span sync_max; /* the longest write and sync since the last call */
	size_t pending_bytes; /* in memory */
};
void inbox_state(struct inbox *inbox, struct inbox_state *ret);

/* Reading the log from the disk, from the record after `after` to the last whole one: at start, for
 * a replay, for tools. Needs no inbox, and does not see what a running one appends after the open.
 */
struct inbox_walk;
must_check enum err inbox_walk_open(const struct mem *mem, const struct os *os, struct str dir,
    uint64_t after, struct inbox_walk **ret_walk);
/* ERR_GONE at the end. The body is borrowed until the next call. */
must_check enum err inbox_walk_next(struct inbox_walk *walk, struct inbox_record *ret);
/* Sequence numbers that were not there between two records. */
uint64_t inbox_walk_lost(const struct inbox_walk *walk);
void inbox_walk_close(struct inbox_walk **walk);
