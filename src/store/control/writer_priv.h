/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows into SQLite: prepared statements, one transaction a batch. For the commit thread.
 */
#pragma once
#include "store/control/control.h"
#include "store/control/db_priv.h"

enum writer_stmt {
	W_BEGIN,
	W_COMMIT,
	W_ROLLBACK,
	W_EPOCH,
	W_META,
	W_INCIDENT,
	W_ALERT,
	W_ALERT_KEEP,
	W_MESSAGE,
	W_TIMER_SET,
	W_TIMER_CLEAR,
	W_LOG,
	W_PROOF,
	W_PROOF_BROKEN,
	W_CHANGE,
	W_RESOURCE_SET,
	W_RESOURCE_REMOVE,
	W_PASSWORD,
	W_PASSWORD_END,
	W_SESSION,
	W_SESSION_EXPIRE,
	W_SESSION_END,
	W_ONE_TIME,
	W_ONE_TIME_USED,
	W_AUDIT,
	W_RATE,
	W_COUNT
};

struct writer {
	sqlite3 *db;
	sqlite3_stmt *stmt[W_COUNT];
};

must_check enum err writer_open(sqlite3 *db, struct writer *ret);
void writer_close(struct writer *w);
/* The whole batch and its mark, or nothing. Returns SQLite's code: SQLITE_OK, or why it was rolled
 * back; SQLITE_AUTH when the lease has another epoch. */
must_check int writer_commit(struct writer *w, const struct control_batch *batch, uint64_t epoch);
