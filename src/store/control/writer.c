/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a kind of row: bind, step, reset. Rows are whole and keyed by their id, so writing
 * one again (a batch that is retried, a record that is decided again after a crash) gives the same
 * store. The figures by minute are the exception: they are added, which is right because they stand
 * in the same transaction as the mark that says how far was decided.
 */
#include "store/control/writer_priv.h"

#include "base/surprise.h"

#include <assert.h>

static const char *const sql[W_COUNT] = {
	[W_BEGIN] = "BEGIN IMMEDIATE",
	[W_COMMIT] = "COMMIT",
	[W_ROLLBACK] = "ROLLBACK",
	[W_EPOCH] = "SELECT value FROM meta WHERE key = 'epoch'",
	[W_META] =
	    "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
	[W_INCIDENT] =
	    ("INSERT INTO incident VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO "
	     "UPDATE "
	     "SET title = excluded.title, status = excluded.status, urgency = excluded.urgency, "
	     "changed_at = excluded.changed_at, acknowledged_at = excluded.acknowledged_at, "
	     "resolved_at = excluded.resolved_at, changed_by = excluded.changed_by, "
	     "step = excluded.step, loop = excluded.loop, alerts_open = excluded.alerts_open, "
	     "alerts_total = excluded.alerts_total, told = excluded.told, "
	     "exhausted = excluded.exhausted, nobody = excluded.nobody"),
	[W_ALERT] =
	    ("INSERT INTO alert VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
	     "status = excluded.status, severity = excluded.severity, changed_at = "
	     "excluded.changed_at, "
	     "count = excluded.count, summary = excluded.summary, details = excluded.details"),
	[W_ALERT_KEEP] =
	    ("INSERT INTO alert VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
	     "status = excluded.status, severity = excluded.severity, "
	     "changed_at = excluded.changed_at, count = excluded.count, summary = "
	     "excluded.summary"),
	[W_MESSAGE] =
	    ("INSERT INTO message VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE "
	     "SET "
	     "provider = excluded.provider, state = excluded.state, attempt = excluded.attempt, "
	     "maybe_duplicate = excluded.maybe_duplicate, changed_at = excluded.changed_at, "
	     "next_at = excluded.next_at, error = excluded.error, reference = excluded.reference"),
	[W_TIMER_SET] = "INSERT OR REPLACE INTO timer VALUES (?,?,?,?,?,?,?)",
	[W_TIMER_CLEAR] = "DELETE FROM timer WHERE id = ?",
	[W_LOG] = "INSERT INTO log_entry VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
	[W_PROOF] = "INSERT OR REPLACE INTO proof VALUES (?,?,?,?,?,?)",
	[W_PROOF_BROKEN] =
	    "INSERT INTO proof VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET broken = 1",
	[W_CHANGE] = "INSERT OR REPLACE INTO change_event VALUES (?,?,?,?,?,?)",
	[W_RESOURCE_SET] =
	    ("INSERT INTO resource VALUES (?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET "
	     "body = excluded.body, manager = excluded.manager, version = excluded.version, "
	     "changed_at = excluded.changed_at, changed_by = excluded.changed_by"),
	[W_RESOURCE_REMOVE] = "DELETE FROM resource WHERE kind = ? AND name = ?",
	[W_PASSWORD] = "INSERT OR REPLACE INTO credential VALUES (?,?,?)",
	[W_PASSWORD_END] = "DELETE FROM credential WHERE user = ?",
	[W_SESSION] = "INSERT OR REPLACE INTO session VALUES (?,?,?)",
	[W_SESSION_EXPIRE] = "DELETE FROM session WHERE expires < ?",
	[W_SESSION_END] = "DELETE FROM session WHERE token_sha256 = ?",
	[W_ONE_TIME] = "INSERT OR REPLACE INTO one_time VALUES (?,?,?,0)",
	[W_ONE_TIME_USED] = "UPDATE one_time SET used_at = ? WHERE token_sha256 = ?",
	[W_AUDIT] = "INSERT OR REPLACE INTO audit VALUES (?,?,?,?,?,?,?)",
	[W_RATE] = ("INSERT INTO rate VALUES (?,?,?) ON CONFLICT DO UPDATE SET events = events + "
	            "excluded.events, "
	            "pages = pages + excluded.pages"),
};

enum err writer_open(sqlite3 *db, struct writer *ret)
{
	*ret = (struct writer){ .db = db };
	for (int i = 0; i < W_COUNT; i++) {
		enum err e = db_prepare(db, sql[i], &ret->stmt[i]);
		if (e != OK) {
			writer_close(ret);
			return e;
		}
	}
	return OK;
}

void writer_close(struct writer *w)
{
	for (int i = 0; i < W_COUNT; i++)
		db_finalize(&w->stmt[i]);
}

/* A code that a retry would not change: the row itself is at fault. */
static bool is_poison(int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE: return true;
	default: return false;
	}
}

static int run(struct writer *w, enum writer_stmt which)
{
	int code = sqlite3_step(w->stmt[which]);
	sqlite3_reset(w->stmt[which]);
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		return SQLITE_OK;
	if (surprise(is_poison(code), "store/row refused"))
		return SQLITE_OK;
	return code;
}

static int put_incident(struct writer *w, const struct incident *v)
{
	sqlite3_stmt *s = w->stmt[W_INCIDENT];
	assert(v->status < INCIDENT_STATUS_COUNT && v->urgency < URGENCY_COUNT);
	assert((v->status == INCIDENT_RESOLVED) == (v->resolved_at.ns != 0));
	db_bind_id(s, 1, &v->id);
	db_bind_u64(s, 2, v->number);
	db_bind_str(s, 3, v->title);
	db_bind_str(s, 4, v->service);
	db_bind_str(s, 5, incident_status_name[v->status]);
	db_bind_str(s, 6, urgency_name[v->urgency]);
	db_bind_i64(s, 7, v->created_at.ns);
	db_bind_i64(s, 8, v->changed_at.ns);
	db_bind_i64(s, 9, v->acknowledged_at.ns);
	db_bind_i64(s, 10, v->resolved_at.ns);
	db_bind_str(s, 11, v->changed_by);
	db_bind_i64(s, 12, v->step);
	db_bind_i64(s, 13, v->loop);
	db_bind_i64(s, 14, v->alerts_open);
	db_bind_i64(s, 15, v->alerts_total);
	db_bind_i64(s, 16, v->told);
	db_bind_i64(s, 17, v->exhausted);
	db_bind_i64(s, 18, v->nobody);
	return run(w, W_INCIDENT);
}

static int put_alert(struct writer *w, const struct alert *v)
{
	enum writer_stmt which = v->details.ptr ? W_ALERT : W_ALERT_KEEP;
	sqlite3_stmt *s = w->stmt[which];
	assert(v->status < ALERT_STATUS_COUNT && v->severity < SEVERITY_COUNT);
	db_bind_id(s, 1, &v->id);
	db_bind_id(s, 2, &v->incident);
	db_bind_str(s, 3, v->service);
	db_bind_str(s, 4, v->source_key);
	db_bind_str(s, 5, v->dedup_key);
	db_bind_str(s, 6, alert_status_name[v->status]);
	db_bind_str(s, 7, severity_name[v->severity]);
	db_bind_i64(s, 8, v->created_at.ns);
	db_bind_i64(s, 9, v->changed_at.ns);
	db_bind_u64(s, 10, v->count);
	db_bind_str(s, 11, v->summary);
	db_bind_str(s, 12, v->details);
	return run(w, which);
}

static int put_message(struct writer *w, const struct message *v)
{
	sqlite3_stmt *s = w->stmt[W_MESSAGE];
	assert(v->state < MESSAGE_STATE_COUNT && v->purpose < PURPOSE_COUNT);
	assert(v->contact_type < CONTACT_TYPE_COUNT);
	db_bind_id(s, 1, &v->id);
	db_bind_id(s, 2, &v->incident);
	db_bind_str(s, 3, message_purpose_name[v->purpose]);
	db_bind_str(s, 4, v->user);
	db_bind_str(s, 5, contact_type_name[v->contact_type]);
	db_bind_str(s, 6, v->contact);
	db_bind_str(s, 7, v->address);
	db_bind_str(s, 8, v->provider);
	db_bind_str(s, 9, message_state_name[v->state]);
	db_bind_i64(s, 10, v->attempt);
	db_bind_i64(s, 11, v->maybe_duplicate);
	db_bind_i64(s, 12, v->created_at.ns);
	db_bind_i64(s, 13, v->changed_at.ns);
	db_bind_i64(s, 14, v->next_at.ns);
	db_bind_str(s, 15, v->error);
	db_bind_str(s, 16, v->reference);
	return run(w, W_MESSAGE);
}

static int put_timer(struct writer *w, const struct timer *v)
{
	sqlite3_stmt *s = w->stmt[W_TIMER_SET];
	assert(v->type < TIMER_TYPE_COUNT);
	db_bind_id(s, 1, &v->id);
	db_bind_str(s, 2, timer_type_name[v->type]);
	db_bind_i64(s, 3, v->due.ns);
	db_bind_id(s, 4, &v->subject);
	db_bind_str(s, 5, v->user);
	db_bind_i64(s, 6, v->rule);
	db_bind_str(s, 7, v->contact);
	return run(w, W_TIMER_SET);
}

static int put_log(struct writer *w, const struct log_entry *v)
{
	sqlite3_stmt *s = w->stmt[W_LOG];
	db_bind_id(s, 1, &v->id);
	db_bind_id(s, 2, &v->incident);
	db_bind_i64(s, 3, v->at.ns);
	db_bind_str(s, 4, v->type);
	db_bind_str(s, 5, v->agent);
	db_bind_str(s, 6, v->channel);
	db_bind_str(s, 7, v->summary);
	db_bind_str(s, 8, v->body);
	return run(w, W_LOG);
}

static int put_proof(struct writer *w, const struct proof *v)
{
	enum writer_stmt which = v->broken ? W_PROOF_BROKEN : W_PROOF;
	sqlite3_stmt *s = w->stmt[which];
	db_bind_str(s, 1, v->kind);
	db_bind_str(s, 2, v->subject);
	db_bind_i64(s, 3, v->proven_at.ns);
	db_bind_str(s, 4, v->by);
	db_bind_str(s, 5, v->evidence);
	db_bind_i64(s, 6, v->broken);
	return run(w, which);
}

static int put_change(struct writer *w, const struct control_row_change *v)
{
	struct id id = id_make(v->seq, 0);
	sqlite3_stmt *s = w->stmt[W_CHANGE];
	db_bind_id(s, 1, &id);
	db_bind_str(s, 2, v->change.routing_key);
	db_bind_str(s, 3, v->change.summary);
	db_bind_str(s, 4, v->change.source);
	db_bind_str(s, 5, v->change.details);
	db_bind_i64(s, 6, v->change.timestamp.ns ? v->change.timestamp.ns : v->at.ns);
	return run(w, W_CHANGE);
}

static int put_resource(struct writer *w, const struct control_row_resource *v)
{
	sqlite3_stmt *s = w->stmt[W_RESOURCE_SET];
	assert(v->manager < MANAGER_COUNT);
	db_bind_str(s, 1, v->kind);
	db_bind_str(s, 2, v->name);
	db_bind_str(s, 3, v->body);
	db_bind_str(s, 4, manager_name[v->manager]);
	db_bind_u64(s, 5, v->version);
	db_bind_i64(s, 6, v->changed_at.ns);
	db_bind_str(s, 7, v->changed_by);
	return run(w, W_RESOURCE_SET);
}

static int put_session(struct writer *w, const struct control_row_credential *v)
{
	sqlite3_stmt *s = w->stmt[W_SESSION];
	db_bind_i64(w->stmt[W_SESSION_EXPIRE], 1, v->at.ns);
	int code = run(w, W_SESSION_EXPIRE);
	if (code != SQLITE_OK)
		return code;
	db_bind_str(s, 1, v->credential.secret_hash);
	db_bind_str(s, 2, v->credential.user);
	db_bind_i64(s, 3, v->credential.expires.ns);
	return run(w, W_SESSION);
}

static int put_password(struct writer *w, const struct control_row_credential *v)
{
	bool ends = v->credential.secret_hash.len == 0;
	enum writer_stmt which = ends ? W_PASSWORD_END : W_PASSWORD;
	db_bind_str(w->stmt[which], 1, v->credential.user);
	if (!ends) {
		db_bind_str(w->stmt[which], 2, v->credential.secret_hash);
		db_bind_i64(w->stmt[which], 3, v->at.ns);
	}
	return run(w, which);
}

static int put_credential(struct writer *w, const struct control_row_credential *v)
{
	const struct record_credential *c = &v->credential;
	switch (c->type) {
	case CREDENTIAL_PASSWORD: return put_password(w, v);
	case CREDENTIAL_SESSION: return put_session(w, v);
	case CREDENTIAL_SESSION_END:
		db_bind_str(w->stmt[W_SESSION_END], 1, c->secret_hash);
		return run(w, W_SESSION_END);
	case CREDENTIAL_ONE_TIME:
		db_bind_str(w->stmt[W_ONE_TIME], 1, c->secret_hash);
		db_bind_str(w->stmt[W_ONE_TIME], 2, c->user);
		db_bind_i64(w->stmt[W_ONE_TIME], 3, c->expires.ns);
		return run(w, W_ONE_TIME);
	case CREDENTIAL_ONE_TIME_USED:
		db_bind_i64(w->stmt[W_ONE_TIME_USED], 1, v->at.ns);
		db_bind_str(w->stmt[W_ONE_TIME_USED], 2, c->secret_hash);
		return run(w, W_ONE_TIME_USED);
	case CREDENTIAL_TYPE_COUNT: break;
	}
	assert(false && "a credential of no type");
	return SQLITE_OK;
}

static int put_audit(struct writer *w, const struct control_row_audit *v)
{
	sqlite3_stmt *s = w->stmt[W_AUDIT];
	db_bind_u64(s, 1, v->seq);
	db_bind_i64(s, 2, v->at.ns);
	db_bind_str(s, 3, v->actor);
	db_bind_str(s, 4, v->via);
	db_bind_str(s, 5, v->remote);
	db_bind_str(s, 6, v->action);
	db_bind_str(s, 7, v->subject);
	return run(w, W_AUDIT);
}

static int put_meta(struct writer *w, struct str key, struct str text, const uint64_t *number)
{
	db_bind_str(w->stmt[W_META], 1, key);
	if (number)
		db_bind_u64(w->stmt[W_META], 2, *number);
	else
		db_bind_str(w->stmt[W_META], 2, text);
	return run(w, W_META);
}

static int put_row(struct writer *w, const struct control_row *row)
{
	switch (row->type) {
	case CONTROL_INCIDENT: return put_incident(w, &row->incident);
	case CONTROL_ALERT: return put_alert(w, &row->alert);
	case CONTROL_MESSAGE: return put_message(w, &row->message);
	case CONTROL_TIMER_SET: return put_timer(w, &row->timer);
	case CONTROL_TIMER_CLEAR:
		db_bind_id(w->stmt[W_TIMER_CLEAR], 1, &row->timer.id);
		return run(w, W_TIMER_CLEAR);
	case CONTROL_LOG: return put_log(w, &row->log);
	case CONTROL_PROOF: return put_proof(w, &row->proof);
	case CONTROL_CHANGE: return put_change(w, &row->change);
	case CONTROL_RESOURCE_SET: return put_resource(w, &row->resource);
	case CONTROL_RESOURCE_REMOVE:
		db_bind_str(w->stmt[W_RESOURCE_REMOVE], 1, row->resource.kind);
		db_bind_str(w->stmt[W_RESOURCE_REMOVE], 2, row->resource.name);
		return run(w, W_RESOURCE_REMOVE);
	case CONTROL_CREDENTIAL: return put_credential(w, &row->credential);
	case CONTROL_AUDIT: return put_audit(w, &row->audit);
	case CONTROL_RATE:
		db_bind_i64(w->stmt[W_RATE], 1, row->rate.at.ns / (60 * NS_PER_S));
		db_bind_u64(w->stmt[W_RATE], 2, row->rate.events);
		db_bind_u64(w->stmt[W_RATE], 3, row->rate.pages);
		return run(w, W_RATE);
	case CONTROL_META: return put_meta(w, row->meta.key, row->meta.value, NULL);
	case CONTROL_ROW_TYPE_COUNT: break;
	}
	assert(false && "a row of no type");
	return SQLITE_OK;
}

static int epoch_check(struct writer *w, uint64_t epoch)
{
	sqlite3_stmt *s = w->stmt[W_EPOCH];
	int code = sqlite3_step(s);
	bool same = code == SQLITE_ROW && db_u64(s, 0) == epoch;
	sqlite3_reset(s);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return code;
	return same ? SQLITE_OK : SQLITE_AUTH;
}

static int write_all(struct writer *w, const struct control_batch *batch, uint64_t epoch)
{
	uint64_t at = (uint64_t)batch->decided_at.ns;
	int code = epoch_check(w, epoch);
	for (size_t i = 0; code == SQLITE_OK && i < batch->count; i++)
		code = put_row(w, &batch->rows[i]);
	if (code == SQLITE_OK)
		code = put_meta(w, STR("decided_seq"), STR(""), &batch->decided_seq);
	if (code == SQLITE_OK)
		code = put_meta(w, STR("decided_at"), STR(""), &at);
	return code;
}

int writer_commit(struct writer *w, const struct control_batch *batch, uint64_t epoch)
{
	assert(batch->err == OK && batch->decided_seq > 0);
	int code = run(w, W_BEGIN);
	if (code != SQLITE_OK)
		return code;
	code = write_all(w, batch, epoch);
	if (code == SQLITE_OK)
		code = run(w, W_COMMIT);
	if (code != SQLITE_OK && !sqlite3_get_autocommit(w->db))
		ignore_err(run(w, W_ROLLBACK), "the error that led here is the one that counts");
	return code;
}
