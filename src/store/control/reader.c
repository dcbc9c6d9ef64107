/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of the control store. Statements are prepared when first used and kept; the list of
 * incidents builds its statement by its filters. A progress handler looks at the clock and gives a
 * query up when its time is over, so no snapshot lives long whatever is asked.
 *
 * Ids grow with time and numbers with ids, so ranges of numbers and of creation times are found by
 * halving over the row numbers instead of by an index of their own.
 */
#include "store/control/reader.h"

#include "base/surprise.h"
#include "store/control/db_priv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRESS_STEPS 5000 /* some 50 microseconds */
#define BUSY_MS 100

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
	R_COUNT
};

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
};

struct control_reader {
	const struct mem *mem;
	const struct os *os;
	sqlite3 *db;
	sqlite3_stmt *stmt[R_COUNT];
	struct mono deadline;
	bool in_snapshot; /* several statements share one deadline */
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

static void start_clock(struct control_reader *r)
{
	if (!r->in_snapshot)
		r->deadline = mono_add(r->os->mono(r->os), SPAN_MS(CONTROL_READ_MS));
}

static enum err get(struct control_reader *r, enum reader_stmt which, sqlite3_stmt **ret)
{
	if (!r->stmt[which]) {
		start_clock(r);
		enum err e = db_prepare(r->db, sql[which], &r->stmt[which]);
		if (e != OK)
			return e;
	}
	start_clock(r);
	*ret = r->stmt[which];
	return OK;
}

static void reset(sqlite3_stmt *s)
{
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
}

/* A list that grows in an arena: rows of `size` bytes. */
struct rows {
	struct arena *arena;
	char *list;
	size_t count, cap, size;
};
static void *rows_add(struct rows *rows)
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

static void keep_incident(struct arena *a, sqlite3_stmt *s, void *row)
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

typedef void keep_fn(struct arena *a, sqlite3_stmt *s, void *row);

/* All rows of a bound statement; at most `limit` of them are kept, one more says *ret_more. */
static enum err collect(
    sqlite3_stmt *s, keep_fn *fn, struct rows *rows, size_t limit, bool *ret_more)
{
	int code;
	bool more = false;
	enum err e = OK;
	while (e == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
		if (rows->count == limit) {
			more = true;
			break;
		}
		void *row = rows_add(rows);
		if (row)
			fn(rows->arena, s, row);
		e = arena_err(rows->arena);
	}
	if (e == OK && !more)
		e = db_err(code);
	reset(s);
	if (e == OK && ret_more)
		*ret_more = more;
	return e;
}

/* The one row, or ERR_GONE. */
static enum err one(sqlite3_stmt *s, keep_fn *fn, struct arena *a, void *ret, size_t size)
{
	struct rows rows = { .arena = a, .size = size };
	enum err e = collect(s, fn, &rows, 1, NULL);
	if (e == OK && rows.count == 0)
		e = ERR_GONE;
	if (e == OK)
		memcpy(ret, rows.list, size);
	return e;
}

static void bind_page(sqlite3_stmt *s, int limit_at, size_t limit, size_t offset)
{
	db_bind_i64(s, limit_at, (int64_t)limit + 1);
	db_bind_i64(s, limit_at + 1, (int64_t)offset);
}

/* ---- incidents ---- */

static void bits_add(
    struct buf *b, const char *column, unsigned bits, const struct str *names, unsigned count)
{
	bool first = true;
	if ((bits & ((1u << count) - 1)) == 0 || (bits & ((1u << count) - 1)) == (1u << count) - 1)
		return;
	buf_printf(b, " AND %s IN (", column);
	for (unsigned i = 0; i < count; i++) {
		if (bits & 1u << i) {
			buf_printf(b, "%s'%.*s'", first ? "" : ", ", STR_ARG(names[i]));
			first = false;
		}
	}
	buf_add_c(b, ")");
}

static bool only_open(unsigned statuses)
{
	return statuses != 0 && !(statuses & 1u << INCIDENT_RESOLVED);
}

static void filters_add(struct buf *b, const struct control_incident_query *q)
{
	bool open = only_open(q->statuses);
	buf_printf(b, " FROM incident %s WHERE %s",
	    open ? "INDEXED BY incident_open" : "NOT INDEXED", open ? "resolved_at = 0" : "1");
	bits_add(b, "status", q->statuses, incident_status_name, INCIDENT_STATUS_COUNT);
	bits_add(b, "urgency", q->urgencies, urgency_name, URGENCY_COUNT);
	if (q->service_count) {
		buf_add_c(b, " AND service IN (");
		for (size_t i = 0; i < q->service_count; i++)
			buf_printf(b, "%s?%zu", i ? ", " : "", 10 + i);
		buf_add_c(b, ")");
	}
	if (q->since.ns)
		buf_add_c(b, " AND id >= ?1");
	if (q->until.ns)
		buf_add_c(b, " AND id < ?2");
	if (q->text.len)
		buf_add_c(b, " AND (title LIKE ?3 ESCAPE '\\' OR number = ?4 OR id = ?5)");
}

/* The text as a LIKE pattern that finds it anywhere. */
static struct str like_pattern(struct arena *a, struct str text)
{
	char *p = arena_alloc(a, text.len * 2 + 2, 1);
	size_t n = 0;
	if (!p)
		return STR("");
	p[n++] = '%';
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '%' || text.ptr[i] == '_' || text.ptr[i] == '\\')
			p[n++] = '\\';
		p[n++] = text.ptr[i];
	}
	p[n++] = '%';
	return str_make(p, n);
}

enum by { BY_NUMBER, BY_CREATED };

/* The first incident whose number (creation time) is at or above the value; UINT64_MAX when none
 * is. */
static enum err floor_id(struct control_reader *r, enum by by, int64_t value, uint64_t *ret_id)
{
	sqlite3_stmt *s;
	uint64_t low = 0, high = INT64_MAX, found = UINT64_MAX;
	enum err e = get(r, R_FLOOR, &s);
	while (e == OK && low < high) {
		uint64_t middle = low + (high - low) / 2;
		db_bind_u64(s, 1, middle);
		int code = sqlite3_step(s);
		if (code == SQLITE_ROW && db_i64(s, by == BY_NUMBER ? 1 : 2) < value) {
			low = db_u64(s, 0) + 1;
		} else if (code == SQLITE_ROW) {
			found = db_u64(s, 0);
			high = middle;
		} else {
			high = middle;
		}
		e = db_err(code);
		reset(s);
	}
	if (e == OK)
		*ret_id = found;
	return e;
}

static enum err bind_filters(struct control_reader *r, sqlite3_stmt *s,
    const struct control_incident_query *q, struct arena *a)
{
	uint64_t id = 0, number;
	enum err e = OK;
	struct id text_id;
	if (q->since.ns) {
		e = floor_id(r, BY_CREATED, q->since.ns, &id);
		db_bind_u64(s, 1, id > INT64_MAX ? INT64_MAX : id);
	}
	if (e == OK && q->until.ns) {
		e = floor_id(r, BY_CREATED, q->until.ns, &id);
		db_bind_u64(s, 2, id > INT64_MAX ? INT64_MAX : id);
	}
	if (q->text.len) {
		db_bind_str(s, 3, like_pattern(a, q->text));
		db_bind_i64(s, 4,
		    str_u64(q->text, &number) == OK && number < INT64_MAX ? (int64_t)number : -1);
		db_bind_i64(
		    s, 5, id_parse(q->text, &text_id) == OK ? (int64_t)id_word(&text_id) : -1);
	}
	for (size_t i = 0; i < q->service_count; i++)
		db_bind_str(s, (int)(10 + i), q->services[i]);
	return e == OK ? arena_err(a) : e;
}

/* A statement for this very query. */
static enum err list_prepare(struct control_reader *r, const struct control_incident_query *q,
    bool count, struct arena *a, sqlite3_stmt **ret)
{
	struct buf b = buf_make(r->mem, 64 * 1024);
	buf_add_c(&b, count ? "SELECT count(*)" : "SELECT " INCIDENT_COLUMNS);
	filters_add(&b, q);
	if (!count)
		buf_printf(&b, " ORDER BY id%s LIMIT ?6 OFFSET ?7", q->oldest_first ? "" : " DESC");
	enum err e = b.err;
	sqlite3_stmt *s = NULL;
	if (e == OK)
		e = db_prepare(r->db, b.ptr, &s);
	buf_free(&b);
	if (e == OK)
		e = bind_filters(r, s, q, a);
	if (e != OK) {
		db_finalize(&s);
		return e;
	}
	if (!count)
		bind_page(s, 6, q->limit, q->offset);
	*ret = s;
	return OK;
}

static enum err list_rows(struct control_reader *r, const struct control_incident_query *q,
    struct rows *rows, bool *ret_more)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = list_prepare(r, q, false, rows->arena, &s);
	start_clock(r);
	return e == OK ? collect(s, keep_incident, rows, rows->count + q->limit, ret_more) : e;
}

static enum err list_count(struct control_reader *r, const struct control_incident_query *q,
    struct arena *a, uint64_t *ret)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = list_prepare(r, q, true, a, &s);
	start_clock(r);
	if (e != OK)
		return e;
	int code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*ret = db_u64(s, 0);
	return code == SQLITE_ROW ? OK : db_err(code) == OK ? ERR_IO : db_err(code);
}

/* First those of high urgency, then the others: two lists in their own order, so nothing is sorted.
 */
static enum err list_high_first(struct control_reader *r, const struct control_incident_query *q,
    struct rows *rows, bool *ret_more)
{
	struct control_incident_query part = *q;
	unsigned all = q->urgencies ? q->urgencies : (1u << URGENCY_COUNT) - 1;
	uint64_t high = 0;
	bool more = false;
	enum err e = OK;
	part.urgencies = all & 1u << URGENCY_HIGH;
	if (part.urgencies)
		e = list_rows(r, &part, rows, &more);
	if (e == OK && !more && part.urgencies && rows->count == 0 && q->offset)
		e = list_count(r, &part, rows->arena, &high);
	part.urgencies = all & 1u << URGENCY_LOW;
	if (e == OK && !more && part.urgencies) {
		part.offset = rows->count ? 0 : q->offset - (size_t)high;
		part.limit = q->limit - rows->count;
		if (part.limit == 0) {
			uint64_t low = 0;
			e = list_count(r, &part, rows->arena, &low);
			more = low > 0;
		} else {
			e = list_rows(r, &part, rows, &more);
		}
	}
	*ret_more = more;
	return e;
}

enum err control_incidents(struct control_reader *r, const struct control_incident_query *q,
    struct arena *a, struct control_incidents *ret)
{
	struct control_incidents out = { 0 };
	struct rows rows = { .arena = a, .size = sizeof(struct incident) };
	assert(q->limit >= 1);
	if (q->service_count > 500)
		return ERR_LIMIT;
	enum err e = q->high_first ? list_high_first(r, q, &rows, &out.more)
	                           : list_rows(r, q, &rows, &out.more);
	if (e == OK && q->total)
		e = list_count(r, q, a, &out.total);
	if (e != OK)
		return e;
	out.list = (struct incident *)(void *)rows.list;
	out.count = rows.count;
	*ret = out;
	return OK;
}

enum err control_incident(
    struct control_reader *r, const struct id *id, struct arena *a, struct incident *ret)
{
	sqlite3_stmt *s;
	enum err e = get(r, R_INCIDENT, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return one(s, keep_incident, a, ret, sizeof(*ret));
}

enum err control_incident_by_number(
    struct control_reader *r, uint64_t number, struct arena *a, struct incident *ret)
{
	uint64_t word;
	if (number == 0 || number > INT64_MAX)
		return ERR_GONE;
	enum err e = floor_id(r, BY_NUMBER, (int64_t)number, &word);
	if (e == OK && word == UINT64_MAX)
		e = ERR_GONE;
	if (e != OK)
		return e;
	struct id id = id_from_word(word);
	struct incident row;
	e = control_incident(r, &id, a, &row);
	if (e == OK && row.number != number)
		e = ERR_GONE;
	if (e == OK)
		*ret = row;
	return e;
}

/* The number in the first column of the first row; 0 when there is none. */
static enum err number(
    struct control_reader *r, enum reader_stmt which, const int64_t *bind, int64_t *ret)
{
	sqlite3_stmt *s;
	enum err e = get(r, which, &s);
	if (e != OK)
		return e;
	if (bind)
		db_bind_i64(s, 1, *bind);
	int code = sqlite3_step(s);
	int64_t v = code == SQLITE_ROW ? db_i64(s, 0) : 0;
	reset(s);
	if (db_err(code) == OK)
		*ret = v;
	return db_err(code);
}

static enum err count_by_name(struct control_reader *r, enum reader_stmt which,
    const struct str *names, unsigned count, uint64_t *ret)
{
	sqlite3_stmt *s;
	int code;
	enum err e = get(r, which, &s);
	if (e != OK)
		return e;
	while ((code = sqlite3_step(s)) == SQLITE_ROW)
		ret[db_enum(s, 0, names, count)] += db_u64(s, 1);
	reset(s);
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
		e = number(r, R_OUTBOX_OLDEST, &now.ns, &oldest);
	if (e == OK)
		e = number(r, R_DECIDED, NULL, &decided);
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
	enum err e = list ? get(r, R_PEOPLE, &s) : arena_err(a);
	for (size_t i = 0; e == OK && i < id_count; i++) {
		struct rows rows = { .arena = a, .size = sizeof(struct person) };
		db_bind_id(s, 1, &ids[i]);
		e = collect(s, keep_person, &rows, 100, NULL);
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
	enum err e = get(r,
	    all ? (q->newest_first ? R_LOG_ALL_NEW : R_LOG_ALL)
	        : (q->newest_first ? R_LOG_OF_NEW : R_LOG_OF),
	    &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, &q->incident);
	db_bind_i64(s, 2, q->since.ns);
	db_bind_i64(s, 3, q->until.ns ? q->until.ns : INT64_MAX);
	bind_page(s, 4, q->limit, q->offset);
	e = collect(s, keep_log, &rows, q->limit, ret_more);
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
	enum err e = get(r, R_LOG, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return one(s, keep_log, a, ret, sizeof(*ret));
}

enum err control_alerts(struct control_reader *r, const struct id *incident, bool with_details,
    size_t limit, size_t offset, struct arena *a, struct alert **ret_list, size_t *ret_count,
    bool *ret_more)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct alert) };
	enum err e = get(r, R_ALERTS, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	bind_page(s, 2, limit, offset);
	db_bind_i64(s, 4, with_details);
	e = collect(s, keep_alert, &rows, limit, ret_more);
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
	enum err e = get(r, R_ALERT, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return one(s, keep_alert, a, ret, sizeof(*ret));
}

enum err control_messages(struct control_reader *r, const struct id *incident, size_t limit,
    struct arena *a, struct message **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct message) };
	enum err e = get(r, R_MESSAGES, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	db_bind_i64(s, 2, (int64_t)limit);
	e = collect(s, keep_message, &rows, limit, NULL);
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
	enum err e = get(r, R_MESSAGE, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return one(s, keep_message, a, ret, sizeof(*ret));
}

enum err control_test_messages(struct control_reader *r, size_t limit, struct arena *a,
    struct message **ret_list, size_t *ret_count)
{
	sqlite3_stmt *s;
	struct rows rows = { .arena = a, .size = sizeof(struct message) };
	enum err e = get(r, R_TEST_MESSAGES, &s);
	if (e != OK)
		return e;
	db_bind_i64(s, 1, (int64_t)limit);
	e = collect(s, keep_message, &rows, limit, NULL);
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
	enum err e = get(r, R_TIMERS, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, incident);
	db_bind_i64(s, 2, (int64_t)limit);
	e = collect(s, keep_timer, &rows, limit, NULL);
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
	enum err e = get(r, R_PROOFS, &s);
	if (e != OK)
		return e;
	db_bind_i64(s, 1, (int64_t)limit);
	e = collect(s, keep_proof, &rows, limit, NULL);
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
	enum err e = get(r, R_CHANGES, &s);
	if (e != OK)
		return e;
	bind_page(s, 1, limit, offset);
	e = collect(s, keep_change, &rows, limit, ret_more);
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
	enum err e = get(r, kind.len ? R_RESOURCES_OF : R_RESOURCES, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, kind);
	e = collect(s, keep_resource, &rows, SIZE_MAX, NULL);
	if (e != OK)
		return e;
	*ret_list = (struct control_resource *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

enum err control_resources_version(struct control_reader *r, uint64_t *ret_version)
{
	int64_t v;
	enum err e = number(r, R_RESOURCES_VERSION, NULL, &v);
	if (e == OK)
		*ret_version = (uint64_t)v;
	return e;
}

enum err control_installation(struct control_reader *r, struct arena *a, struct str *ret_json)
{
	sqlite3_stmt *s;
	enum err e = get(r, R_INSTALLATION, &s);
	if (e != OK)
		return e;
	return one(s, keep_text, a, ret_json, sizeof(*ret_json));
}

enum err control_credential(
    struct control_reader *r, struct str user, struct arena *a, struct str *ret_hash)
{
	sqlite3_stmt *s;
	enum err e = get(r, R_CREDENTIAL, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, user);
	return one(s, keep_text, a, ret_hash, sizeof(*ret_hash));
}

static enum err token(struct control_reader *r, enum reader_stmt which, struct str sha256,
    struct wall now, struct arena *a, struct str *ret_user)
{
	sqlite3_stmt *s;
	enum err e = get(r, which, &s);
	if (e != OK)
		return e;
	db_bind_str(s, 1, sha256);
	db_bind_i64(s, 2, now.ns);
	return one(s, keep_text, a, ret_user, sizeof(*ret_user));
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
	enum err e = list ? get(r, R_RATES, &s) : arena_err(a);
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
	reset(s);
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
	enum err e = get(r, R_AUDITS, &s);
	if (e != OK)
		return e;
	bind_page(s, 1, limit, offset);
	e = collect(s, keep_audit, &rows, limit, ret_more);
	if (e != OK)
		return e;
	*ret_list = (struct control_audit *)(void *)rows.list;
	*ret_count = rows.count;
	return OK;
}

/* ---- the promises ---- */

/* Words of ids, sorted once, then looked up. */
struct words {
	const struct mem *mem;
	uint64_t *list;
	size_t count, cap;
};
static enum err words_add(struct words *w, uint64_t word)
{
	if (w->count == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 1024;
		void *p = mem_resize(w->mem, w->list, cap, sizeof(*w->list));
		if (!p)
			return ERR_NOMEM;
		w->list = p;
		w->cap = cap;
	}
	w->list[w->count++] = word;
	return OK;
}
static int word_cmp(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}
static bool words_have(const struct words *w, uint64_t word)
{
	return w->count && bsearch(&word, w->list, w->count, sizeof(word), word_cmp);
}

/* What a look has seen so far. */
struct look {
	struct words untold; /* open incidents that nobody was told of, by rising id */
	struct words
	    cover; /* the exact look: subjects of live timers, incidents of unsettled messages */
	unsigned char *covered; /* the quick look: of untold */
	struct wall late;
	struct control_promises out;
};

typedef enum err look_row(struct look *l, sqlite3_stmt *s);

#define SCAN_ROWS 20000 /* a snapshot's worth */

/* All rows of a statement (the first column is the id that it goes on from), a snapshot for each
 * piece unless one is held already. */
static enum err scan(
    struct control_reader *r, enum reader_stmt which, look_row *row, struct look *l)
{
	sqlite3_stmt *s;
	int64_t last = 0, rows;
	enum err e = OK;
	do {
		int code = SQLITE_DONE;
		rows = 0;
		e = get(r, which, &s);
		if (e != OK)
			return e;
		db_bind_i64(s, 1, last);
		db_bind_i64(s, 2, SCAN_ROWS);
		while (e == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
			last = db_i64(s, 0);
			rows++;
			e = row(l, s);
		}
		reset(s);
		e = e == OK ? db_err(code) : e;
	} while (e == OK && rows == SCAN_ROWS);
	return e;
}

static enum err on_open(struct look *l, sqlite3_stmt *s)
{
	l->out.open++;
	return db_i64(s, 1) == 0 ? words_add(&l->untold, db_u64(s, 0)) : OK;
}

static void mark(struct look *l, uint64_t word)
{
	const struct words *w = &l->untold;
	const uint64_t *at =
	    w->count ? bsearch(&word, w->list, w->count, sizeof(word), word_cmp) : NULL;
	if (at)
		l->covered[at - w->list] = 1;
}

static enum err on_timer(struct look *l, sqlite3_stmt *s)
{
	/* A timer that should have fired long ago is none. */
	if (db_i64(s, 2) < l->late.ns) {
		l->out.lost_timers++;
		return OK;
	}
	if (!l->covered)
		return words_add(&l->cover, db_u64(s, 1));
	mark(l, db_u64(s, 1));
	return OK;
}

static enum err on_unsettled(struct look *l, sqlite3_stmt *s)
{
	if (!l->covered)
		return words_add(&l->cover, db_u64(s, 1));
	mark(l, db_u64(s, 1));
	return OK;
}

/* In many snapshots, each short. While they are taken an incident may go from being covered by one
 * thing to being covered by another, so who seems uncovered is only suspect; that none is, is true.
 */
static enum err look_quickly(struct control_reader *r, struct look *l, bool *ret_suspects)
{
	bool suspects = false;
	enum err e = scan(r, R_OPEN_TOLD, on_open, l);
	if (e != OK)
		return e;
	l->covered = mem_new(r->mem, l->untold.count + 1, 1);
	if (!l->covered)
		return ERR_NOMEM;
	e = scan(r, R_TIMER_SUBJECTS, on_timer, l);
	if (e == OK && l->untold.count)
		e = scan(r, R_MESSAGE_INCIDENTS, on_unsettled, l);
	for (size_t i = 0; e == OK && i < l->untold.count; i++)
		suspects = suspects || !l->covered[i];
	*ret_suspects = suspects;
	return e;
}

/* Everything in one snapshot. */
static enum err look_exactly(struct control_reader *r, struct look *l)
{
	start_clock(r);
	enum err e = db_exec(r->db, "BEGIN");
	if (e != OK)
		return e;
	r->in_snapshot = true;
	e = scan(r, R_TIMER_SUBJECTS, on_timer, l);
	if (e == OK)
		e = scan(r, R_MESSAGE_INCIDENTS, on_unsettled, l);
	if (e == OK)
		e = scan(r, R_OPEN_TOLD, on_open, l);
	r->in_snapshot = false;
	ignore_err(db_exec(r->db, "COMMIT"), "it only ends a snapshot");
	if (e == OK && l->cover.count)
		qsort(l->cover.list, l->cover.count, sizeof(*l->cover.list), word_cmp);
	for (size_t i = 0; e == OK && i < l->untold.count; i++)
		if (!words_have(&l->cover, l->untold.list[i]) && l->out.broken++ == 0)
			l->out.first_broken = id_from_word(l->untold.list[i]);
	return e;
}

static void look_free(struct control_reader *r, struct look *l)
{
	mem_free(r->mem, l->untold.list);
	mem_free(r->mem, l->cover.list);
	mem_free(r->mem, l->covered);
}

static struct look look_make(struct control_reader *r, struct wall late)
{
	return (
	    struct look){ .untold = { .mem = r->mem }, .cover = { .mem = r->mem }, .late = late };
}

static enum err marks(struct control_reader *r, struct wall now, struct control_promises *out)
{
	int64_t oldest = 0, decided = 0, at = 0;
	enum err e = number(r, R_OUTBOX_OLDEST, &now.ns, &oldest);
	if (e == OK)
		e = number(r, R_DECIDED, NULL, &decided);
	if (e == OK)
		e = number(r, R_DECIDED_AT, NULL, &at);
	out->outbox_oldest.ns = oldest;
	out->decided_seq = (uint64_t)decided;
	out->decided_at.ns = at;
	return e;
}

enum err control_promises(
    struct control_reader *r, struct wall now, struct span grace, struct control_promises *ret)
{
	struct look l = look_make(r, (struct wall){ time_add_ns(now.ns, -grace.ns) });
	bool suspects = false;
	enum err e = look_quickly(r, &l, &suspects);
	if (e == OK && suspects) {
		look_free(r, &l);
		l = look_make(r, l.late);
		e = look_exactly(r, &l);
	}
	if (e == OK)
		e = marks(r, now, &l.out);
	if (e == OK)
		*ret = l.out;
	look_free(r, &l);
	return e;
}
