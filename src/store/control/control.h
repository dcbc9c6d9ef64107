/* SPDX-License-Identifier: Apache-2.0
 *
 * The control store's writer: SQLite, write-ahead log, synchronous=FULL, behind `load`, an
 * asynchronous `commit` and nothing else: the engine never reads while it decides, so another
 * database can stand here.
 *
 * The owner (the engine's loop) fills a batch with rows, the outcome of some decisions, and gives
 * it away; the commit thread writes it in one transaction together with how far the inbox was read.
 * A batch that cannot be written (full disk, failing disk, a lock held by somebody) stays and is
 * tried again until it succeeds: what was decided is never thrown away. A row that can never be
 * written is left out, and counted as a surprise, so that it does not stop the queue.
 *
 * A second thread moves the write-ahead log into the database: passively all the time, and by
 * truncating it when it is over 64 MiB. A reader that does not let go (they hold a snapshot for at
 * most 250 ms) makes the log grow; `wal_bytes` tells, and the engine refuses new events above its
 * limit.
 *
 * All functions are for the owner's thread. `notify` is called from the commit thread.
 */
#pragma once
#include "base/arena.h"
#include "model/record.h"
#include "os/os.h"

struct control_store;

enum control_row_type {
	CONTROL_INCIDENT,
	CONTROL_ALERT,
	CONTROL_MESSAGE,
	CONTROL_TIMER_SET,
	CONTROL_TIMER_CLEAR,
	CONTROL_LOG,
	CONTROL_PROOF,
	CONTROL_CHANGE,
	CONTROL_RESOURCE_SET,
	CONTROL_RESOURCE_REMOVE,
	CONTROL_CREDENTIAL,
	CONTROL_AUDIT,
	CONTROL_RATE,
	CONTROL_META,
	CONTROL_ROW_TYPE_COUNT
};

struct control_row_change {
	uint64_t seq;
	struct wall at;
	struct record_change change;
};
struct control_row_resource {
	struct str kind, name, body, changed_by;
	enum manager manager;
	uint64_t version;
	struct wall changed_at;
};
struct control_row_credential {
	struct record_credential credential;
	struct wall at;
};
struct control_row_audit {
	uint64_t seq;
	struct wall at;
	struct str actor, via, remote, action, subject;
};
/* Adds to the figures of the minute that holds `at`. */
struct control_row_rate {
	struct wall at;
	uint64_t events, pages;
};
struct control_row_meta {
	struct str key, value;
};

struct control_row {
	enum control_row_type type;
	union {
		struct incident incident;
		struct alert alert; /* details.ptr NULL: the store's stay */
		struct message message;
		struct timer timer; /* CLEAR: only id counts */
		struct log_entry log;
		struct proof proof; /* broken: proven_at, by and evidence stay as they are */
		struct control_row_change change;
		struct control_row_resource resource;
		struct control_row_credential credential;
		struct control_row_audit audit;
		struct control_row_rate rate;
		struct control_row_meta meta;
	};
};

/* Decisions to be written together. Texts live in the batch's arena (or longer than the batch). */
struct control_batch {
	struct arena *arena;
	struct control_row *rows;
	size_t count, cap;
	size_t decisions;       /* for the owner's slicing */
	uint64_t decided_seq;   /* the last record whose effects are in here */
	struct wall decided_at; /* its time */
	enum err err;           /* sticky: ERR_NOMEM, ERR_LIMIT */
	const struct mem *mem;
};
void control_batch_add(struct control_batch *batch, const struct control_row *row);

struct control_options {
	size_t batch_bytes;            /* limit of a batch's arena; 0 = 64 MiB */
	size_t cache_kib;              /* SQLite's page cache; 0 = 4 MiB */
	void (*notify)(void *context); /* a batch was committed, or is failing; may be NULL */
	void *context;
};

/* Opens or makes data_dir/control/control.db, after a backup migrates it when it is older, and
 * takes the write lease (the epoch). ERR_DENIED: newer schema, or not writable; ERR_IO; ERR_NOMEM.
 * Says why in *why (a text in the buffer, may be NULL). */
must_check enum err control_open(const struct mem *mem, const struct os *os, struct str data_dir,
    const struct control_options *options, struct buf *why, struct control_store **ret_control);
/* Waits for the batch under way at most 3 s, stops the threads, closes the database. */
void control_close(struct control_store **control);

/* Everything that the pager core and the engine keep in memory, row by row; before the first
 * commit. A handler that returns an error stops the load with it. Texts are borrowed until the
 * handler returns. */
struct control_load {
	enum err (*incident)(void *context, const struct incident *row); /* the open ones */
	enum err (*alert)(
	    void *context, const struct alert *row); /* triggered, of open incidents; no details */
	enum err (*message)(
	    void *context, const struct message *row); /* of open incidents; unsettled ones */
	enum err (*timer)(void *context, const struct timer *row);
	enum err (*resource)(void *context, const struct control_row_resource *row);
	enum err (*meta)(void *context, const struct control_row_meta *row);
	void *context;
};
struct control_mark {
	uint64_t decided_seq;
	struct wall decided_at;
	uint64_t last_incident_number;
	uint64_t epoch;
	bool fresh;          /* this open made the database */
	bool has_credential; /* somebody can sign in */
};
must_check enum err control_load(
    struct control_store *control, const struct control_load *load, struct control_mark *ret_mark);

/* An empty batch to fill, or NULL: all are with the commit thread. There are two. */
struct control_batch *control_batch_take(struct control_store *control);
/* True when the commit thread has no batch: control_commit may be called. */
bool control_idle(struct control_store *control);
/* Gives the batch away, when idle; it comes back empty by control_batch_take. The epoch is that of
 * the load; when the database has another one, another writer has taken over and `state.lost_lease`
 * tells: stop at once. */
void control_commit(struct control_store *control, struct control_batch *batch, uint64_t epoch);

struct control_state {
	uint64_t committed_seq; /* durable in the database */
	bool busy;              /* a batch is being written or retried */
	bool failing; /* the batch under way has failed at least once: full or failing disk */
	bool full;    /* ... because there is no room */
	bool lost_lease;
	int error; /* SQLite's code of the last failure */
	uint64_t commits, rows, failures;
	struct span commit_max; /* since the last call */
	uint64_t wal_bytes;
	uint64_t truncates, truncates_refused; /* refused: a reader would not let go */
};
void control_state(struct control_store *control, struct control_state *ret);
/* A constant text for state.error. */
const char *control_error_text(int error);

/* Waits until everything given away is committed, at most so long. ERR_BUSY when it is not. */
must_check enum err control_wait(struct control_store *control, struct span wait);
