/* SPDX-License-Identifier: Apache-2.0
 *
 * The little that the control store's files share about SQLite: opening with the same settings,
 * binding and reading by column number, enumerations by name. Nothing outside this room sees
 * sqlite3.h.
 */
#pragma once
#include "base/arena.h"
#include "model/record.h"

#include <sqlite3.h>

#define CONTROL_SCHEMA 2 /* the last migration */

struct control_migration {
	int version;
	const char *name, *sql;
};
/* By rising version, the last is CONTROL_SCHEMA. Made from migrations/ at build. */
extern const struct control_migration control_migrations[];
extern const size_t control_migration_count;

/* Brings the database to the last migration of the list, one transaction each; a database that is
 * not empty is copied to path.before-<version> first. ERR_DENIED: newer than the list. `why` may be
 * NULL. */
must_check enum err control_migrate(sqlite3 *db, const char *path,
    const struct control_migration *list, size_t count, struct buf *why);
must_check enum err control_schema(sqlite3 *db, int *ret_version);

/* SQLite's code as ours. */
enum err db_err(int code);
must_check enum err db_exec(sqlite3 *db, const char *sql);
must_check enum err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret);
static inline void db_finalize(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
}

/* Texts must live until the statement was stepped and reset. */
static inline void db_bind_str(sqlite3_stmt *s, int i, struct str v)
{
	sqlite3_bind_text64(s, i, v.ptr ? v.ptr : "", v.len, SQLITE_STATIC, SQLITE_UTF8);
}
static inline void db_bind_i64(sqlite3_stmt *s, int i, int64_t v)
{
	sqlite3_bind_int64(s, i, v);
}
static inline void db_bind_u64(sqlite3_stmt *s, int i, uint64_t v)
{
	sqlite3_bind_int64(s, i, (int64_t)v);
}
static inline void db_bind_id(sqlite3_stmt *s, int i, const struct id *id)
{
	sqlite3_bind_int64(s, i, (int64_t)id_word(id));
}

/* Borrowed until the next step. */
static inline struct str db_str(sqlite3_stmt *s, int i)
{
	const char *p = (const char *)sqlite3_column_text(s, i);
	return str_make(p ? p : "", (size_t)sqlite3_column_bytes(s, i));
}
static inline int64_t db_i64(sqlite3_stmt *s, int i)
{
	return sqlite3_column_int64(s, i);
}
static inline uint64_t db_u64(sqlite3_stmt *s, int i)
{
	return (uint64_t)sqlite3_column_int64(s, i);
}
static inline uint32_t db_u32(sqlite3_stmt *s, int i)
{
	int64_t v = sqlite3_column_int64(s, i);
	return v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}
static inline struct wall db_wall(sqlite3_stmt *s, int i)
{
	return (struct wall){ sqlite3_column_int64(s, i) };
}
struct id db_id(sqlite3_stmt *s, int i);
/* Index of the column's text in the names, or 0 (and a surprise) when it is none of them. */
unsigned db_enum(sqlite3_stmt *s, int i, const struct str *names, unsigned count);

/* The columns that the readers of a row below expect, in this order. */
#define INCIDENT_COLUMNS                                                                         \
	"id, number, title, service, status, urgency, created_at, changed_at, acknowledged_at, " \
	"resolved_at, changed_by, step, loop, alerts_open, alerts_total, told, exhausted, nobody"
#define ALERT_COLUMNS                                                                              \
	"id, incident, service, source_key, dedup_key, status, severity, created_at, changed_at, " \
	"count, summary"
#define MESSAGE_COLUMNS                                                                           \
	"id, incident, purpose, user, contact_type, contact, address, provider, state, attempt, " \
	"maybe_duplicate, created_at, changed_at, next_at, error, reference"
#define TIMER_COLUMNS "id, type, due, subject, user, rule, contact"
#define LOG_COLUMNS "id, incident, at, type, agent, channel, summary, body"

/* Texts borrow from the statement until its next step. Alerts come without details. */
void db_read_incident(sqlite3_stmt *s, struct incident *ret);
void db_read_alert(sqlite3_stmt *s, struct alert *ret);
void db_read_message(sqlite3_stmt *s, struct message *ret);
void db_read_timer(sqlite3_stmt *s, struct timer *ret);
void db_read_log(sqlite3_stmt *s, struct log_entry *ret);
