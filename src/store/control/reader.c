/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of the control store. Statements are prepared when first used and kept. A progress
 * handler looks at the clock and gives a query up when its time is over, so no snapshot lives long
 * whatever is asked.
 */
#include "store/control/reader_priv.h"

#include <assert.h>
#include <stdio.h>

#define PROGRESS_STEPS 5000 /* some 50 microseconds */
#define BUSY_MS 100

static const char *const sql[R_COUNT] = {
	[R_COUNT_OPEN] =
	    "SELECT status, count(*) FROM incident INDEXED BY incident_open WHERE resolved_at = 0 "
	    "GROUP BY status",
	[R_COUNT_MESSAGES] = "SELECT state, count(*) FROM message INDEXED BY message_open "
	                     "WHERE state IN ('intended', 'sending') GROUP BY state",
	[R_OUTBOX_OLDEST] =
	    "SELECT min(max(created_at, next_at)) FROM message INDEXED BY message_open "
	    "WHERE state IN ('intended', 'sending') AND state = 'intended' AND next_at <= ?",
	[R_DECIDED] = "SELECT value FROM meta WHERE key = 'decided_seq'",
	[R_DECIDED_AT] = "SELECT value FROM meta WHERE key = 'decided_at'",
	[R_INCIDENT] = "SELECT " INCIDENT_COLUMNS " FROM incident WHERE id = ?",
	[R_FLOOR] = "SELECT id, number, created_at FROM incident WHERE id >= ? ORDER BY id LIMIT 1",
	[R_PEOPLE] =
	    "SELECT user, min(created_at) FROM message WHERE incident = ? AND purpose = 'incident' "
	    "AND user <> '' GROUP BY user ORDER BY min(id)",
	[R_LOG_OF] =
	    "SELECT " LOG_COLUMNS " FROM log_entry WHERE incident = ?1 AND at >= ?2 AND at < ?3 "
	    "ORDER BY id LIMIT ?4 OFFSET ?5",
	[R_LOG_OF_NEW] =
	    "SELECT " LOG_COLUMNS " FROM log_entry WHERE incident = ?1 AND at >= ?2 AND at < ?3 "
	    "ORDER BY id DESC LIMIT ?4 OFFSET ?5",
	[R_LOG_ALL] = "SELECT " LOG_COLUMNS
	              " FROM log_entry NOT INDEXED WHERE ?1 = 0 AND at >= ?2 AND at < ?3 "
	              "ORDER BY id LIMIT ?4 OFFSET ?5",
	[R_LOG_ALL_NEW] = "SELECT " LOG_COLUMNS
	                  " FROM log_entry NOT INDEXED WHERE ?1 = 0 AND at >= ?2 AND at < ?3 "
	                  "ORDER BY id DESC LIMIT ?4 OFFSET ?5",
	[R_LOG] = "SELECT " LOG_COLUMNS " FROM log_entry WHERE id = ?",
	[R_ALERTS] =
	    "SELECT " ALERT_COLUMNS ", iif(?4, details, '') FROM alert WHERE incident = ?1 "
	    "ORDER BY id LIMIT ?2 OFFSET ?3",
	[R_ALERT] = "SELECT " ALERT_COLUMNS ", details FROM alert WHERE id = ?",
	[R_MESSAGES] =
	    "SELECT " MESSAGE_COLUMNS " FROM message WHERE incident = ? ORDER BY id LIMIT ?",
	[R_MESSAGE] = "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = ?",
	[R_TEST_MESSAGES] =
	    "SELECT " MESSAGE_COLUMNS " FROM message WHERE incident = 0 ORDER BY id DESC LIMIT ?",
	[R_TIMERS] = "SELECT " TIMER_COLUMNS " FROM timer WHERE subject = ?1 OR subject IN "
	             "(SELECT id FROM message WHERE incident = ?1) ORDER BY due LIMIT ?2",
	[R_PROOFS] = "SELECT kind, subject, proven_at, by, evidence, broken FROM proof ORDER BY "
	             "kind, subject LIMIT ?",
	[R_CHANGES] = "SELECT id, routing_key, summary, source, details, at FROM change_event "
	              "ORDER BY id DESC "
	              "LIMIT ? OFFSET ?",
	[R_RESOURCES] =
	    "SELECT kind, name, body, manager, version, changed_at, changed_by FROM resource "
	    "WHERE ? = '' ORDER BY kind, name",
	[R_RESOURCES_OF] =
	    "SELECT kind, name, body, manager, version, changed_at, changed_by FROM resource "
	    "WHERE kind = ? ORDER BY kind, name",
	[R_RESOURCES_VERSION] = "SELECT value FROM meta WHERE key = 'resources_version'",
	[R_INSTALLATION] = "SELECT value FROM meta WHERE key = 'installation'",
	[R_CREDENTIAL] = "SELECT password_hash FROM credential WHERE user = ?",
	[R_SESSION] = "SELECT user FROM session WHERE token_sha256 = ? AND expires > ?",
	[R_ONE_TIME] =
	    "SELECT user FROM one_time WHERE token_sha256 = ? AND expires > ? AND used_at = 0",
	[R_RATES] = "SELECT minute, events, pages FROM rate WHERE minute BETWEEN ? AND ?",
	[R_AUDITS] = "SELECT seq, at, actor, via, remote, action, subject FROM audit ORDER BY seq "
	             "DESC LIMIT ? OFFSET ?",
	[R_TIMER_SUBJECTS] = "SELECT id, subject, due FROM timer WHERE id > ? ORDER BY id LIMIT ?",
	[R_MESSAGE_INCIDENTS] =
	    "SELECT id, incident FROM message INDEXED BY message_open "
	    "WHERE state IN ('intended', 'sending') AND id > ? ORDER BY id LIMIT ?",
	[R_OPEN_TOLD] = "SELECT id, told FROM incident INDEXED BY incident_open WHERE resolved_at "
	                "= 0 AND id > ? "
	                "ORDER BY id LIMIT ?",
	[R_NOBODY] =
	    "SELECT count(*) FROM incident INDEXED BY incident_nobody WHERE resolved_at = 0 "
	    "AND nobody = 1 AND status = 'triggered'",
};

static int on_progress(void *context)
{
	struct control_reader *r = context;
	return r->os->mono(r->os).ns > r->deadline.ns;
}

enum err control_reader_open(const struct mem *mem, const struct os *os, struct str data_dir,
    struct control_reader **ret_reader)
{
	char path[4096];
	int version = 0;
	if (snprintf(path, sizeof(path), "%.*s/control/control.db", STR_ARG(data_dir)) >=
	    (int)sizeof(path))
		return ERR_LIMIT;
	struct control_reader *r = mem_new(mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	*r = (struct control_reader){ .mem = mem, .os = os };
	int code = sqlite3_open_v2(path, &r->db,
	    SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL);
	enum err e = code == SQLITE_CANTOPEN ? ERR_GONE : db_err(code);
	if (e == OK) {
		sqlite3_busy_timeout(r->db, BUSY_MS);
		r->deadline = mono_add(os->mono(os), SPAN_MS(CONTROL_READ_MS));
		sqlite3_progress_handler(r->db, PROGRESS_STEPS, on_progress, r);
		e = db_exec(r->db, "PRAGMA query_only = ON; PRAGMA cache_size = -1024; PRAGMA "
		                   "temp_store = MEMORY");
	}
	if (e == OK)
		e = control_schema(r->db, &version);
	if (e == OK && version != CONTROL_SCHEMA)
		e = version == 0 ? ERR_GONE : ERR_DENIED;
	if (e != OK) {
		control_reader_close(&r);
		return e;
	}
	*ret_reader = r;
	return OK;
}

void control_reader_close(struct control_reader **reader)
{
	struct control_reader *r = *reader;
	if (!r)
		return;
	for (int i = 0; i < R_COUNT; i++)
		db_finalize(&r->stmt[i]);
	sqlite3_close(r->db);
	mem_free(r->mem, r);
	*reader = NULL;
}

/* ---- the frame of every query ---- */

void reader_start_clock(struct control_reader *r)
{
	if (!r->in_snapshot)
		r->deadline = mono_add(r->os->mono(r->os), SPAN_MS(CONTROL_READ_MS));
}

enum err reader_get(struct control_reader *r, enum reader_stmt which, sqlite3_stmt **ret)
{
	if (!r->stmt[which]) {
		reader_start_clock(r);
		enum err e = db_prepare(r->db, sql[which], &r->stmt[which]);
		if (e != OK)
			return e;
	}
	reader_start_clock(r);
	*ret = r->stmt[which];
	return OK;
}

void reader_reset(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

static void *reader_rows_add(struct rows *rows)
{
	if (rows->count == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 32;
		char *list = arena_alloc(rows->arena, cap, rows->size);
		if (!list)
			return NULL;
		if (rows->count)
			memcpy(list, rows->list, rows->count * rows->size);
		rows->list = list;
		rows->cap = cap;
	}
	return rows->list + rows->size * rows->count++;
}

static struct str keep(struct arena *a, struct str s)
{
	return s.len ? arena_str(a, s) : STR("");
}

void reader_keep_incident(struct arena *a, sqlite3_stmt *s, void *row)
{
	struct incident *v = row;
	db_read_incident(s, v);
	v->title = keep(a, v->title);
	v->service = keep(a, v->service);
	v->changed_by = keep(a, v->changed_by);
}
static void keep_alert(struct arena *a, sqlite3_stmt *s, void *row)
{
	struct alert *v = row;
	db_read_alert(s, v);
	v->service = keep(a, v->service);
	v->source_key = keep(a, v->source_key);
	v->dedup_key = keep(a, v->dedup_key);
	v->summary = keep(a, v->summary);
	v->details = keep(a, db_str(s, 11));
}
static void keep_message(struct arena *a, sqlite3_stmt *s, void *row)
{
	struct message *v = row;
	db_read_message(s, v);
	v->user = keep(a, v->user);
	v->contact = keep(a, v->contact);
	v->address = keep(a, v->address);
	v->provider = keep(a, v->provider);
	v->error = keep(a, v->error);
	v->reference = keep(a, v->reference);
}
static void keep_timer(struct arena *a, sqlite3_stmt *s, void *row)
{
	struct timer *v = row;
	db_read_timer(s, v);
	v->user = keep(a, v->user);
	v->contact = keep(a, v->contact);
}
static void keep_log(struct arena *a, sqlite3_stmt *s, void *row)
{
	struct log_entry *v = row;
	db_read_log(s, v);
	v->type = keep(a, v->type);
	v->agent = keep(a, v->agent);
	v->channel = keep(a, v->channel);
	v->summary = keep(a, v->summary);
	v->body = keep(a, v->body);
}
static void keep_proof(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct proof *)row = (struct proof){
		.kind = keep(a, db_str(s, 0)),
		.subject = keep(a, db_str(s, 1)),
		.proven_at = db_wall(s, 2),
		.by = keep(a, db_str(s, 3)),
		.evidence = keep(a, db_str(s, 4)),
		.broken = db_i64(s, 5) != 0,
	};
}
static void keep_change(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct control_change *)row = (struct control_change){
		.id = db_id(s, 0),
		.routing_key = keep(a, db_str(s, 1)),
		.summary = keep(a, db_str(s, 2)),
		.source = keep(a, db_str(s, 3)),
		.details = keep(a, db_str(s, 4)),
		.at = db_wall(s, 5),
	};
}
static void keep_resource(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct control_resource *)row = (struct control_resource){
		.kind = keep(a, db_str(s, 0)),
		.name = keep(a, db_str(s, 1)),
		.body = keep(a, db_str(s, 2)),
		.manager = (enum manager)db_enum(s, 3, manager_name, MANAGER_COUNT),
		.version = db_u64(s, 4),
		.changed_at = db_wall(s, 5),
		.changed_by = keep(a, db_str(s, 6)),
	};
}
static void keep_audit(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct control_audit *)row = (struct control_audit){
		.seq = db_u64(s, 0),
		.at = db_wall(s, 1),
		.actor = keep(a, db_str(s, 2)),
		.via = keep(a, db_str(s, 3)),
		.remote = keep(a, db_str(s, 4)),
		.action = keep(a, db_str(s, 5)),
		.subject = keep(a, db_str(s, 6)),
	};
}
static void keep_text(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct str *)row = keep(a, db_str(s, 0));
}

/* All rows of a bound statement; at most `limit` of them are kept, one more says *ret_more. */
enum err reader_collect(
    sqlite3_stmt *s, reader_keep *fn, struct rows *rows, size_t limit, bool *ret_more)
{
	int code;
	bool more = false;
	enum err e = OK;
	while (e == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
		if (rows->count == limit) {
			more = true;
			break;
		}
		void *row = reader_rows_add(rows);
		if (row)
			fn(rows->arena, s, row);
		e = arena_err(rows->arena);
	}
	if (e == OK && !more)
		e = db_err(code);
	reader_reset(s);
	if (e == OK && ret_more)
		*ret_more = more;
	return e;
}

/* The one row, or ERR_GONE. */
enum err reader_one(sqlite3_stmt *s, reader_keep *fn, struct arena *a, void *ret, size_t size)
{
	struct rows rows = { .arena = a, .size = size };
	enum err e = reader_collect(s, fn, &rows, 1, NULL);
	if (e == OK && rows.count == 0)
		e = ERR_GONE;
	if (e == OK)
		memcpy(ret, rows.list, size);
	return e;
}

void reader_bind_page(sqlite3_stmt *s, int limit_at, size_t limit, size_t offset)
{
	db_bind_i64(s, limit_at, (int64_t)limit + 1);
	db_bind_i64(s, limit_at + 1, (int64_t)offset);
}

/* The number in the first column of the first row; 0 when there is none. */
enum err reader_number(
    struct control_reader *r, enum reader_stmt which, const int64_t *bind, int64_t *ret)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, which, &s);
	if (e != OK)
		return e;
	if (bind)
		db_bind_i64(s, 1, *bind);
	int code = sqlite3_step(s);
	int64_t v = code == SQLITE_ROW ? db_i64(s, 0) : 0;
	reader_reset(s);
	if (db_err(code) == OK)
		*ret = v;
	return db_err(code);
}

static enum err count_by_name(struct control_reader *r, enum reader_stmt which,
    const struct str *names, unsigned count, uint64_t *ret)
{
	sqlite3_stmt *s;
	int code;
	enum err e = reader_get(r, which, &s);
	if (e != OK)
		return e;
	while ((code = sqlite3_step(s)) == SQLITE_ROW)
		ret[db_enum(s, 0, names, count)] += db_u64(s, 1);
	reader_reset(s);
	return db_err(code);
}

enum err control_counts(struct control_reader *r, struct wall now, struct control_counts *ret)
{
	uint64_t incidents[INCIDENT_STATUS_COUNT] = { 0 }, messages[MESSAGE_STATE_COUNT] = { 0 };
	int64_t oldest = 0, decided = 0;
	enum err e =
	    count_by_name(r, R_COUNT_OPEN, incident_status_name, INCIDENT_STATUS_COUNT, incidents);
	if (e == OK)
		e = count_by_name(
		    r, R_COUNT_MESSAGES, message_state_name, MESSAGE_STATE_COUNT, messages);
	if (e == OK)
		e = reader_number(r, R_OUTBOX_OLDEST, &now.ns, &oldest);
	if (e == OK)
		e = reader_number(r, R_DECIDED, NULL, &decided);
	if (e != OK)
		return e;
	*ret = (struct control_counts){
		.open = incidents[INCIDENT_TRIGGERED] + incidents[INCIDENT_ACKNOWLEDGED],
		.triggered = incidents[INCIDENT_TRIGGERED],
		.acknowledged = incidents[INCIDENT_ACKNOWLEDGED],
		.outbox = messages[MESSAGE_INTENDED],
		.unsettled = messages[MESSAGE_INTENDED] + messages[MESSAGE_SENDING],
		.outbox_oldest = { oldest },
		.decided_seq = (uint64_t)decided,
	};
	return OK;
}

struct person {
	struct str user;
	struct wall at;
};
static void keep_person(struct arena *a, sqlite3_stmt *s, void *row)
{
	*(struct person *)row = (struct person){ keep(a, db_str(s, 0)), db_wall(s, 1) };
}

enum err control_people(struct control_reader *r, const struct id *ids, size_t id_count,
    struct arena *a, struct control_people **ret_list)
{
	struct control_people *list = arena_new(a, struct control_people, id_count);
	sqlite3_stmt *s;
	enum err e = list ? reader_get(r, R_PEOPLE, &s) : arena_err(a);
	for (size_t i = 0; e == OK && i < id_count; i++) {
		struct rows rows = { .arena = a, .size = sizeof(struct person) };
		db_bind_id(s, 1, &ids[i]);
		e = reader_collect(s, keep_person, &rows, 100, NULL);
		list[i].count = rows.count;
		list[i].users = arena_new(a, struct str, rows.count);
		list[i].at = arena_new(a, struct wall, rows.count);
		if (e == OK)
			e = arena_err(a);
		for (size_t k = 0; e == OK && k < rows.count; k++) {
			list[i].users[k] = ((struct person *)(void *)rows.list)[k].user;
			list[i].at[k] = ((struct person *)(void *)rows.list)[k].at;
		}
	}
	if (e == OK)
		*ret_list = list;
	return e;
}

/* ---- what belongs to an incident ---- */

enum err control_log_entries(struct control_reader *r, const struct control_log_query *q,
    struct arena *a, struct log_entry **ret_list, size_t *ret_count, bool *ret_more)
{
	bool all = id_word(&q->incident) == 0;
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct log_entry) };
	assert(q->limit >= 1);
	enum err e = reader_get(r,
	    all ? (q->newest_first ? R_LOG_ALL_NEW : R_LOG_ALL)
	        : (q->newest_first ? R_LOG_OF_NEW : R_LOG_OF),
	    &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, &q->incident);
	db_bind_i64(s, 2, q->since.ns);
	db_bind_i64(s, 3, q->until.ns ? q->until.ns : INT64_MAX);
	reader_bind_page(s, 4, q->limit, q->offset);
	e = reader_collect(s, keep_log, &rows, q->limit, ret_more);
	if (e != OK)
		return e;
	*ret_list = (struct log_entry *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_log_entry(
    struct control_reader *r, const struct id *id, struct arena *a, struct log_entry *ret)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, R_LOG, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return reader_one(s, keep_log, a, ret, sizeof(*ret));
}

enum err control_alerts(struct control_reader *r, const struct id *incident, bool with_details,
    size_t limit, size_t offset, struct arena *a, struct alert **ret_list, size_t *ret_count,
    bool *ret_more)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct alert) };
	enum err e = reader_get(r, R_ALERTS, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	reader_bind_page(s, 2, limit, offset);
	db_bind_i64(s, 4, with_details);
	e = reader_collect(s, keep_alert, &rows, limit, ret_more);
	if (e != OK)
		return e;
	*ret_list = (struct alert *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_alert(
    struct control_reader *r, const struct id *id, struct arena *a, struct alert *ret)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, R_ALERT, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return reader_one(s, keep_alert, a, ret, sizeof(*ret));
}

enum err control_messages(struct control_reader *r, const struct id *incident, size_t limit,
    struct arena *a, struct message **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct message) };
	enum err e = reader_get(r, R_MESSAGES, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	db_bind_i64(s, 2, (int64_t)limit);
	e = reader_collect(s, keep_message, &rows, limit, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct message *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_message(
    struct control_reader *r, const struct id *id, struct arena *a, struct message *ret)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, R_MESSAGE, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return reader_one(s, keep_message, a, ret, sizeof(*ret));
}

enum err control_test_messages(struct control_reader *r, size_t limit, struct arena *a,
    struct message **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct message) };
	enum err e = reader_get(r, R_TEST_MESSAGES, &s);
	if (e != OK)
		return e;
	db_bind_i64(s, 1, (int64_t)limit);
	e = reader_collect(s, keep_message, &rows, limit, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct message *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_timers(struct control_reader *r, const struct id *incident, size_t limit,
    struct arena *a, struct timer **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct timer) };
	enum err e = reader_get(r, R_TIMERS, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	db_bind_i64(s, 2, (int64_t)limit);
	e = reader_collect(s, keep_timer, &rows, limit, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct timer *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

/* ---- the rest ---- */

enum err control_proofs(struct control_reader *r, size_t limit, struct arena *a,
    struct proof **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct proof) };
	enum err e = reader_get(r, R_PROOFS, &s);
	if (e != OK)
		return e;
	db_bind_i64(s, 1, (int64_t)limit);
	e = reader_collect(s, keep_proof, &rows, limit, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct proof *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_changes(struct control_reader *r, size_t limit, size_t offset, struct arena *a,
    struct control_change **ret_list, size_t *ret_count, bool *ret_more)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct control_change) };
	enum err e = reader_get(r, R_CHANGES, &s);
	if (e != OK)
		return e;
	reader_bind_page(s, 1, limit, offset);
	e = reader_collect(s, keep_change, &rows, limit, ret_more);
	if (e != OK)
		return e;
	*ret_list = (struct control_change *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_resources(struct control_reader *r, struct str kind, struct arena *a,
    struct control_resource **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct control_resource) };
	enum err e = reader_get(r, kind.len ? R_RESOURCES_OF : R_RESOURCES, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, kind);
	e = reader_collect(s, keep_resource, &rows, SIZE_MAX, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct control_resource *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_resources_version(struct control_reader *r, uint64_t *ret_version)
{
	int64_t v;
	enum err e = reader_number(r, R_RESOURCES_VERSION, NULL, &v);
	if (e == OK)
		*ret_version = (uint64_t)v;
	return e;
}

enum err control_installation(struct control_reader *r, struct arena *a, struct str *ret_json)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, R_INSTALLATION, &s);
	if (e != OK)
		return e;
	return reader_one(s, keep_text, a, ret_json, sizeof(*ret_json));
}

enum err control_credential(
    struct control_reader *r, struct str user, struct arena *a, struct str *ret_hash)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, R_CREDENTIAL, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, user);
	return reader_one(s, keep_text, a, ret_hash, sizeof(*ret_hash));
}

static enum err token(struct control_reader *r, enum reader_stmt which, struct str sha256,
    struct wall now, struct arena *a, struct str *ret_user)
{
	sqlite3_stmt *s;
	enum err e = reader_get(r, which, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, sha256);
	db_bind_i64(s, 2, now.ns);
	return reader_one(s, keep_text, a, ret_user, sizeof(*ret_user));
}

enum err control_session(struct control_reader *r, struct str token_sha256, struct wall now,
    struct arena *a, struct str *ret_user)
{
	return token(r, R_SESSION, token_sha256, now, a, ret_user);
}

enum err control_one_time(struct control_reader *r, struct str token_sha256, struct wall now,
    struct arena *a, struct str *ret_user)
{
	return token(r, R_ONE_TIME, token_sha256, now, a, ret_user);
}

#define NS_PER_MINUTE (60 * NS_PER_S)
enum err control_rates(struct control_reader *r, struct wall now, size_t minutes, struct arena *a,
    struct control_rate **ret_list)
{
	sqlite3_stmt *s;
	int code;
	int64_t last = now.ns / NS_PER_MINUTE;
	assert(minutes >= 1 && minutes <= 1440);
	int64_t first = last - (int64_t)minutes + 1;
	struct control_rate *list = arena_new(a, struct control_rate, minutes);
	enum err e = list ? reader_get(r, R_RATES, &s) : arena_err(a);
	if (e != OK)
		return e;
	for (size_t i = 0; i < minutes; i++)
		list[i].at.ns = (first + (int64_t)i) * NS_PER_MINUTE;
	db_bind_i64(s, 1, first);
	db_bind_i64(s, 2, last);
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t i = db_i64(s, 0) - first;
		assert(i >= 0 && i < (int64_t)minutes);
		list[i].events = db_u64(s, 1);
		list[i].pages = db_u64(s, 2);
	}
	reader_reset(s);
	e = db_err(code);
	if (e == OK)
		*ret_list = list;
	return e;
}

enum err control_audits(struct control_reader *r, size_t limit, size_t offset, struct arena *a,
    struct control_audit **ret_list, size_t *ret_count, bool *ret_more)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct control_audit) };
	enum err e = reader_get(r, R_AUDITS, &s);
	if (e != OK)
		return e;
	reader_bind_page(s, 1, limit, offset);
	e = reader_collect(s, keep_audit, &rows, limit, ret_more);
	if (e != OK)
		return e;
	*ret_list = (struct control_audit *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}
