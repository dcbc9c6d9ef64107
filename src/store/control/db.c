/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows from statements, and SQLite's errors as ours.
 */
#include "store/control/db_priv.h"

#include "base/surprise.h"

#include <assert.h>

enum err db_err(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return OK;
	case SQLITE_NOMEM: return ERR_NOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_INTERRUPT: return ERR_BUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH: return ERR_DENIED;
	default: return ERR_IO;
	}
}

enum err db_exec(sqlite3 *db, const char *sql)
{
	return db_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

enum err db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret)
{
	sqlite3_stmt *s;
	int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, NULL);
	if (code != SQLITE_OK)
		return db_err(code);
	assert(s);
	*ret = s;
	return OK;
}

struct id db_id(sqlite3_stmt *s, int i)
{
	return id_from_word(db_u64(s, i));
}

unsigned db_enum(sqlite3_stmt *s, int i, const struct str *names, unsigned count)
{
	struct str text = db_str(s, i);
	for (unsigned n = 0; n < count; n++)
		if (str_eq(text, names[n]))
			return n;
	if (surprise(true, "store/unknown name in a row"))
		return 0;
	return 0;
}

void db_read_incident(sqlite3_stmt *s, struct incident *ret)
{
	*ret = (struct incident){
		.id = db_id(s, 0),
		.number = db_u64(s, 1),
		.title = db_str(s, 2),
		.service = db_str(s, 3),
		.status = (enum incident_status)db_enum(
		    s, 4, incident_status_name, INCIDENT_STATUS_COUNT),
		.urgency = (enum urgency)db_enum(s, 5, urgency_name, URGENCY_COUNT),
		.created_at = db_wall(s, 6),
		.changed_at = db_wall(s, 7),
		.acknowledged_at = db_wall(s, 8),
		.resolved_at = db_wall(s, 9),
		.changed_by = db_str(s, 10),
		.step = db_u32(s, 11),
		.loop = db_u32(s, 12),
		.alerts_open = db_u32(s, 13),
		.alerts_total = db_u32(s, 14),
		.told = db_i64(s, 15) != 0,
		.exhausted = db_i64(s, 16) != 0,
		.nobody = db_i64(s, 17) != 0,
	};
}

void db_read_alert(sqlite3_stmt *s, struct alert *ret)
{
	*ret = (struct alert){
		.id = db_id(s, 0),
		.incident = db_id(s, 1),
		.service = db_str(s, 2),
		.source_key = db_str(s, 3),
		.dedup_key = db_str(s, 4),
		.status = (enum alert_status)db_enum(s, 5, alert_status_name, ALERT_STATUS_COUNT),
		.severity = (enum severity)db_enum(s, 6, severity_name, SEVERITY_COUNT),
		.created_at = db_wall(s, 7),
		.changed_at = db_wall(s, 8),
		.count = db_u64(s, 9),
		.summary = db_str(s, 10),
		.details = { NULL, 0 },
	};
}

void db_read_message(sqlite3_stmt *s, struct message *ret)
{
	*ret = (struct message){
		.id = db_id(s, 0),
		.incident = db_id(s, 1),
		.purpose = (enum message_purpose)db_enum(s, 2, message_purpose_name, PURPOSE_COUNT),
		.user = db_str(s, 3),
		.contact_type =
		    (enum contact_type)db_enum(s, 4, contact_type_name, CONTACT_TYPE_COUNT),
		.contact = db_str(s, 5),
		.address = db_str(s, 6),
		.provider = db_str(s, 7),
		.state = (enum message_state)db_enum(s, 8, message_state_name, MESSAGE_STATE_COUNT),
		.attempt = db_u32(s, 9),
		.maybe_duplicate = db_i64(s, 10) != 0,
		.created_at = db_wall(s, 11),
		.changed_at = db_wall(s, 12),
		.next_at = db_wall(s, 13),
		.error = db_str(s, 14),
		.reference = db_str(s, 15),
	};
}

void db_read_timer(sqlite3_stmt *s, struct timer *ret)
{
	*ret = (struct timer){
		.id = db_id(s, 0),
		.type = (enum timer_type)db_enum(s, 1, timer_type_name, TIMER_TYPE_COUNT),
		.due = db_wall(s, 2),
		.subject = db_id(s, 3),
		.user = db_str(s, 4),
		.rule = db_u32(s, 5),
		.contact = db_str(s, 6),
	};
}

void db_read_log(sqlite3_stmt *s, struct log_entry *ret)
{
	*ret = (struct log_entry){
		.id = db_id(s, 0),
		.incident = db_id(s, 1),
		.at = db_wall(s, 2),
		.type = db_str(s, 3),
		.agent = db_str(s, 4),
		.channel = db_str(s, 5),
		.summary = db_str(s, 6),
		.body = db_str(s, 7),
	};
}
