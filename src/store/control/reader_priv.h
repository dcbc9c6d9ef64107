/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the reader share: prepared statements, the clock of a query, rows into an
 * arena.
 */
#pragma once
#include "store/control/db_priv.h"
#include "store/control/reader.h"

enum reader_stmt {
	R_COUNT_OPEN,
	R_COUNT_MESSAGES,
	R_OUTBOX_OLDEST,
	R_DECIDED,
	R_DECIDED_AT,
	R_INCIDENT,
	R_FLOOR,
	R_PEOPLE,
	R_LOG_OF,
	R_LOG_OF_NEW,
	R_LOG_ALL,
	R_LOG_ALL_NEW,
	R_LOG,
	R_ALERTS,
	R_ALERT,
	R_MESSAGES,
	R_MESSAGE,
	R_TEST_MESSAGES,
	R_TIMERS,
	R_PROOFS,
	R_CHANGES,
	R_RESOURCES,
	R_RESOURCES_OF,
	R_RESOURCES_VERSION,
	R_INSTALLATION,
	R_CREDENTIAL,
	R_SESSION,
	R_ONE_TIME,
	R_RATES,
	R_AUDITS,
	R_TIMER_SUBJECTS,
	R_MESSAGE_INCIDENTS,
	R_OPEN_TOLD,
	R_NOBODY,
	R_COUNT
};

struct control_reader {
	const struct mem *mem;
	const struct os *os;
	sqlite3 *db;
	sqlite3_stmt *stmt[R_COUNT];
	struct mono deadline;
	bool in_snapshot; /* several statements share one deadline */
};

/* A query may run until CONTROL_READ_MS from now (from the snapshot's start, when one is held). */
void reader_start_clock(struct control_reader *r);
/* The statement, prepared when first asked for; starts the clock. */
must_check enum err reader_get(
    struct control_reader *r, enum reader_stmt which, sqlite3_stmt **ret);
void reader_reset(sqlite3_stmt *s);

/* A list that grows in an arena: rows of `size` bytes. */
struct rows {
	struct arena *arena;
	char *list;
	size_t count, cap, size;
};

typedef void reader_keep(struct arena *a, sqlite3_stmt *s, void *row);
void reader_keep_incident(struct arena *a, sqlite3_stmt *s, void *row);
/* All rows of a bound statement; at most `limit` of them are kept, one more says *ret_more (may be
 * NULL). */
must_check enum err reader_collect(
    sqlite3_stmt *s, reader_keep *fn, struct rows *rows, size_t limit, bool *ret_more);
/* The one row, or ERR_GONE. */
must_check enum err reader_one(
    sqlite3_stmt *s, reader_keep *fn, struct arena *a, void *ret, size_t size);
/* The number in the first column of the first row, with one value bound or none (NULL); 0 when
 * there is no row. */
must_check enum err reader_number(
    struct control_reader *r, enum reader_stmt which, const int64_t *bind, int64_t *ret);
/* For LIMIT and OFFSET: one more than asked for, so that it is known whether there is more. */
void reader_bind_page(sqlite3_stmt *s, int limit_at, size_t limit, size_t offset);
