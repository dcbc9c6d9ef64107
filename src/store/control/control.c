/* SPDX-License-Identifier: Apache-2.0
 *
 * The control store's threads. The commit thread has the only writing connection; the checkpoint
 * thread has one of its own and moves the log into the database beside it. To empty the log the
 * checkpoint thread asks for the gate: the commit thread then begins no transaction until it is
 * done, so neither waits for SQLite's lock of the other. The gate is held at most CHECKPOINT_WAIT
 * for readers, longer only for the copying.
 */
#include "store/control/writer_priv.h"

#include "base/surprise.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define PAGE_BYTES 4096
#define FRAME_BYTES (PAGE_BYTES + 24)
#define PASSIVE_FRAMES (8u * 1024 * 1024 / FRAME_BYTES)
#define EMPTY_FRAMES (32u * 1024 * 1024 / FRAME_BYTES)
#define TRUNCATE_BYTES ((uint64_t)64 << 20)
#define CHECKPOINT_WAIT_MS 300 /* readers let go after 250 */
#define CHECKPOINT_IDLE SPAN_S(1)
#define BACK_OFF_MAX SPAN_S(8)
#define RETRY SPAN_MS(250)
#define BUSY_MS 5000
#define CLOSE_WAIT SPAN_S(3)
#define BATCH_BYTES_DEFAULT ((size_t)64 << 20)
#define CACHE_KIB_DEFAULT 4096
#define BATCHES 2

enum batch_place { BATCH_FREE, BATCH_OWNED, BATCH_GIVEN };

struct control_store {
	const struct mem *mem;
	const struct os *os;
	struct control_options options;
	char path[4096], wal_path[4096 + 8];
	sqlite3 *db, *checkpoint_db;
	struct writer writer;
	bool fresh;

	struct control_batch batch[BATCHES];
	pthread_t commit_thread, checkpoint_thread;
	bool commit_runs, checkpoint_runs;

	pthread_mutex_t lock;      /* of all below */
	pthread_cond_t work, idle; /* work: for the threads; idle: for control_wait */
	enum batch_place place[BATCHES];
	int given; /* index of the batch with the commit thread, -1 = none */
	uint64_t epoch;
	bool stop;
	bool gate_wanted, in_transaction;
	uint32_t wal_frames; /* as of the last commit */
	uint32_t moved_frames;
	struct control_state state;
};

const char *control_error_text(int error)
{
	return sqlite3_errstr(error);
}

void control_batch_add(struct control_batch *b, const struct control_row *row)
{
	if (b->err != OK)
		return;
	assert(row->type < CONTROL_ROW_TYPE_COUNT);
	if (b->count == b->cap) {
		size_t cap = b->cap ? b->cap * 2 : 256;
		void *p = mem_resize(b->mem, b->rows, cap, sizeof(*b->rows));
		if (!p) {
			b->err = ERR_NOMEM;
			return;
		}
		b->rows = p;
		b->cap = cap;
	}
	b->rows[b->count++] = *row;
}

/* Keeps what a batch usually needs. */
#define ROWS_KEPT 4096
static void batch_clear(struct control_batch *b)
{
	arena_reset(b->arena);
	if (b->cap > ROWS_KEPT) {
		mem_free(b->mem, b->rows);
		b->rows = NULL;
		b->cap = 0;
	}
	b->count = b->decisions = 0;
	b->decided_seq = 0;
	b->err = OK;
}

static struct timespec until(const struct control_store *c, struct span wait)
{
	int64_t ns = mono_add(c->os->mono(c->os), wait).ns;
	return (struct timespec){ .tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S };
}

/* ---- the commit thread ---- */

static int on_wal(void *context, sqlite3 *db, const char *name, int frames)
{
	struct control_store *c = context;
	(void)db;
	(void)name;
	pthread_mutex_lock(&c->lock);
	c->wal_frames = (uint32_t)frames;
	pthread_mutex_unlock(&c->lock);
	return SQLITE_OK;
}

/* With the lock. */
static void batch_done(struct control_store *c, struct control_batch *b, int code)
{
	struct control_state *s = &c->state;
	if (code == SQLITE_OK) {
		s->committed_seq = b->decided_seq;
		s->commits++;
		s->rows += b->count;
		s->failing = s->full = false;
		batch_clear(b);
		c->place[c->given] = BATCH_FREE;
		c->given = -1;
		s->busy = false;
		pthread_cond_broadcast(&c->idle);
		return;
	}
	s->failing = true;
	s->full = (code & 0xff) == SQLITE_FULL || sqlite3_system_errno(c->db) == ENOSPC;
	s->failures++;
	s->error = code;
	s->lost_lease = s->lost_lease || code == SQLITE_AUTH;
}

static void *commit_main(void *context)
{
	struct control_store *c = context;
	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		if (c->given < 0 || c->gate_wanted || c->state.lost_lease) {
			pthread_cond_wait(&c->work, &c->lock);
			continue;
		}
		struct control_batch *b = &c->batch[c->given];
		uint64_t epoch = c->epoch;
		c->in_transaction = true;
		pthread_mutex_unlock(&c->lock);
		struct mono start = c->os->mono(c->os);
		int code = writer_commit(&c->writer, b, epoch);
		struct span took = mono_sub(c->os->mono(c->os), start);
		pthread_mutex_lock(&c->lock);
		c->in_transaction = false;
		if (took.ns > c->state.commit_max.ns)
			c->state.commit_max = took;
		batch_done(c, b, code);
		pthread_cond_broadcast(&c->work); /* the checkpoint thread may wait for the gate */
		if (c->options.notify) {
			pthread_mutex_unlock(&c->lock);
			c->options.notify(c->options.context);
			pthread_mutex_lock(&c->lock);
		}
		if (code != SQLITE_OK && !c->stop) {
			struct timespec t = until(c, RETRY);
			pthread_cond_timedwait(&c->work, &c->lock, &t);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- the checkpoint thread ---- */

static void wal_measure(struct control_store *c)
{
	struct stat st;
	uint64_t bytes = stat(c->wal_path, &st) == 0 ? (uint64_t)st.st_size : 0;
	pthread_mutex_lock(&c->lock);
	c->state.wal_bytes = bytes;
	pthread_mutex_unlock(&c->lock);
}

/* Copies what it can without waiting for anybody. With the lock, which it lets go meanwhile. */
static void passive(struct control_store *c)
{
	int log = 0, moved = 0;
	pthread_mutex_unlock(&c->lock);
	sqlite3_busy_timeout(c->checkpoint_db, 0);
	int code = sqlite3_wal_checkpoint_v2(
	    c->checkpoint_db, NULL, SQLITE_CHECKPOINT_PASSIVE, &log, &moved);
	wal_measure(c);
	pthread_mutex_lock(&c->lock);
	if (code == SQLITE_OK && moved >= 0)
		c->moved_frames = (uint32_t)moved;
}

/* Everything into the database, and the log to be written from its start again; when its file has
 * grown large it is cut as well. Commits wait meanwhile. With the lock, which it lets go. */
static bool empty(struct control_store *c)
{
	bool truncate = c->state.wal_bytes > TRUNCATE_BYTES;
	c->gate_wanted = true;
	while (c->in_transaction && !c->stop)
		pthread_cond_wait(&c->work, &c->lock);
	pthread_mutex_unlock(&c->lock);
	sqlite3_busy_timeout(c->checkpoint_db, CHECKPOINT_WAIT_MS);
	int code = sqlite3_wal_checkpoint_v2(c->checkpoint_db, NULL,
	    truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART, NULL, NULL);
	wal_measure(c);
	pthread_mutex_lock(&c->lock);
	c->gate_wanted = false;
	if (code == SQLITE_OK) {
		c->state.truncates++;
		c->wal_frames = c->moved_frames = 0;
	} else {
		c->state.truncates_refused++;
	}
	pthread_cond_broadcast(&c->work);
	return code == SQLITE_OK;
}

static void *checkpoint_main(void *context)
{
	struct control_store *c = context;
	struct span back_off = { 0 };
	struct mono next_empty = { 0 };
	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		struct timespec t = until(c, CHECKPOINT_IDLE);
		int waited = 0;
		while (!c->stop && waited == 0 && c->wal_frames < c->moved_frames + PASSIVE_FRAMES)
			waited = pthread_cond_timedwait(&c->work, &c->lock, &t);
		if (c->stop)
			break;
		struct mono now = c->os->mono(c->os);
		if (c->wal_frames > EMPTY_FRAMES && now.ns >= next_empty.ns) {
			passive(c); /* most of it beside the commits */
			if (empty(c)) {
				back_off = (struct span){ 0 };
				continue;
			}
			back_off = back_off.ns == 0 ? SPAN_S(1) : (struct span){ back_off.ns * 2 };
			if (back_off.ns > BACK_OFF_MAX.ns)
				back_off = BACK_OFF_MAX;
			next_empty = mono_add(c->os->mono(c->os), back_off);
		} else if (c->wal_frames > c->moved_frames) {
			uint32_t before = c->moved_frames;
			passive(c);
			if (c->moved_frames != before)
				continue;
		} else {
			continue;
		}
		/* Somebody reads an old state: look again a little later, not in a circle. */
		t = until(c, SPAN_MS(100));
		if (!c->stop)
			pthread_cond_timedwait(&c->work, &c->lock, &t);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* ---- opening ---- */

static enum err explain(struct control_store *c, sqlite3 *db, struct buf *why, enum err e)
{
	int sys = db ? sqlite3_system_errno(db) : 0;
	bool denied = sys == EACCES || sys == EROFS || sys == EPERM || e == ERR_DENIED;
	if (why && why->len == 0)
		buf_printf(why, "%s: %s%s", c->path, db ? sqlite3_errmsg(db) : err_text(e),
		    denied          ? ": the directory and the file must be writable for this user"
		    : sys == ENOSPC ? ": the disk is full"
		                    : "");
	return denied ? ERR_DENIED : e;
}

static enum err connect(struct control_store *c, sqlite3 **ret)
{
	int persist = 1;
	int code = sqlite3_open_v2(c->path, ret,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
	        SQLITE_OPEN_PRIVATECACHE,
	    NULL);
	if (code != SQLITE_OK)
		return db_err(code);
	sqlite3_busy_timeout(*ret, BUSY_MS);
	enum err e = db_exec(*ret, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; "
	                           "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; "
	                           "PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF");
	if (e == OK)
		e = db_err(sqlite3_file_control(*ret, "main", SQLITE_FCNTL_PERSIST_WAL, &persist));
	return e;
}

static enum err open_database(struct control_store *c, struct buf *why)
{
	char pragma[64];
	int version = 0;
	enum err e = connect(c, &c->db);
	if (e == OK)
		e = control_schema(c->db, &version);
	if (e != OK)
		return explain(c, c->db, why, e);
	c->fresh = version == 0;
	e = control_migrate(c->db, c->path, control_migrations, control_migration_count, why);
	if (e != OK)
		return explain(c, c->db, why, e);
	snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%zu",
	    c->options.cache_kib ? c->options.cache_kib : CACHE_KIB_DEFAULT);
	e = db_exec(c->db, pragma);
	if (e == OK)
		e = writer_open(c->db, &c->writer);
	if (e == OK)
		e = connect(c, &c->checkpoint_db);
	if (e == OK)
		e = db_exec(c->checkpoint_db, "PRAGMA cache_size = -64");
	if (e != OK)
		return explain(c, c->db, why, e);
	sqlite3_wal_hook(c->db, on_wal, c);
	return OK;
}

static enum err make_batches(struct control_store *c)
{
	size_t limit = c->options.batch_bytes ? c->options.batch_bytes : BATCH_BYTES_DEFAULT;
	for (int i = 0; i < BATCHES; i++) {
		c->batch[i].mem = c->mem;
		enum err e = arena_open(c->mem, limit, &c->batch[i].arena);
		if (e != OK)
			return e;
	}
	return OK;
}

enum err control_open(const struct mem *mem, const struct os *os, struct str data_dir,
    const struct control_options *options, struct buf *why, struct control_store **ret_control)
{
	char dir[4096];
	struct control_store *c = mem_new(mem, 1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	*c = (struct control_store){ .mem = mem, .os = os, .options = *options, .given = -1 };
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->work, &attr);
	pthread_cond_init(&c->idle, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&c->lock, NULL);
	enum err e = OK;
	if (snprintf(dir, sizeof(dir), "%.*s/control", STR_ARG(data_dir)) >= (int)sizeof(dir) - 16)
		e = ERR_LIMIT;
	if (e == OK) {
		snprintf(c->path, sizeof(c->path), "%.4000s/control.db", dir);
		snprintf(c->wal_path, sizeof(c->wal_path), "%s-wal", c->path);
		e = os_make_dir(os, dir, 0700);
		if (e != OK)
			e = explain(c, NULL, why, e);
	}
	if (e == OK)
		e = open_database(c, why);
	if (e == OK)
		e = make_batches(c);
	if (e != OK) {
		control_close(&c);
		return e;
	}
	*ret_control = c;
	return OK;
}

static enum err start_threads(struct control_store *c)
{
	if (!c->commit_runs)
		c->commit_runs = pthread_create(&c->commit_thread, NULL, commit_main, c) == 0;
	if (!c->checkpoint_runs)
		c->checkpoint_runs =
		    pthread_create(&c->checkpoint_thread, NULL, checkpoint_main, c) == 0;
	return c->commit_runs && c->checkpoint_runs ? OK : ERR_NOMEM;
}

void control_close(struct control_store **control)
{
	struct control_store *c = *control;
	if (!c)
		return;
	if (c->commit_runs)
		ignore_err(
		    control_wait(c, CLOSE_WAIT), "what is left is decided again from the inbox");
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	if (c->commit_runs)
		pthread_join(c->commit_thread, NULL);
	if (c->checkpoint_runs)
		pthread_join(c->checkpoint_thread, NULL);
	writer_close(&c->writer);
	sqlite3_close(c->checkpoint_db);
	sqlite3_close(c->db);
	for (int i = 0; i < BATCHES; i++) {
		arena_close(&c->batch[i].arena);
		mem_free(c->mem, c->batch[i].rows);
	}
	pthread_cond_destroy(&c->work);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	mem_free(c->mem, c);
	*control = NULL;
}

/* ---- loading ---- */

typedef enum err row_fn(const struct control_load *load, sqlite3_stmt *s);

static enum err each(
    struct control_store *c, const char *sql, row_fn *row, const struct control_load *load)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = db_prepare(c->db, sql, &s);
	int code = SQLITE_DONE;
	while (e == OK && (code = sqlite3_step(s)) == SQLITE_ROW)
		e = row(load, s);
	return e != OK ? e : db_err(code);
}

static enum err load_incident(const struct control_load *load, sqlite3_stmt *s)
{
	struct incident v;
	db_read_incident(s, &v);
	return load->incident(load->context, &v);
}
static enum err load_alert(const struct control_load *load, sqlite3_stmt *s)
{
	struct alert v;
	db_read_alert(s, &v);
	return load->alert(load->context, &v);
}
static enum err load_message(const struct control_load *load, sqlite3_stmt *s)
{
	struct message v;
	db_read_message(s, &v);
	return load->message(load->context, &v);
}
static enum err load_timer(const struct control_load *load, sqlite3_stmt *s)
{
	struct timer v;
	db_read_timer(s, &v);
	return load->timer(load->context, &v);
}
static enum err load_resource(const struct control_load *load, sqlite3_stmt *s)
{
	struct control_row_resource v = {
		.kind = db_str(s, 0),
		.name = db_str(s, 1),
		.body = db_str(s, 2),
		.manager = (enum manager)db_enum(s, 3, manager_name, MANAGER_COUNT),
		.version = db_u64(s, 4),
		.changed_at = db_wall(s, 5),
		.changed_by = db_str(s, 6),
	};
	return load->resource(load->context, &v);
}
static enum err load_meta(const struct control_load *load, sqlite3_stmt *s)
{
	struct control_row_meta v = { db_str(s, 0), db_str(s, 1) };
	return load->meta(load->context, &v);
}

/* Incidents first, and alerts before messages before timers, so that what refers comes later. */
static const struct {
	const char *sql;
	row_fn *row;
} load_table[] = {
	{ "SELECT key, value FROM meta", load_meta },
	{ "SELECT kind, name, body, manager, version, changed_at, changed_by FROM resource ORDER "
	  "BY kind, name",
	    load_resource },
	{ "SELECT " INCIDENT_COLUMNS " FROM incident WHERE resolved_at = 0 ORDER BY id",
	    load_incident },
	{ "SELECT a.id, a.incident, a.service, a.source_key, a.dedup_key, a.status, a.severity, "
	  "a.created_at, "
	  "a.changed_at, a.count, a.summary FROM incident i CROSS JOIN alert a ON a.incident = "
	  "i.id "
	  "WHERE i.resolved_at = 0 AND a.status = 'triggered'",
	    load_alert },
	{ "SELECT m.id, m.incident, m.purpose, m.user, m.contact_type, m.contact, m.address, "
	  "m.provider, m.state, "
	  "m.attempt, m.maybe_duplicate, m.created_at, m.changed_at, m.next_at, m.error, "
	  "m.reference "
	  "FROM incident i CROSS JOIN message m ON m.incident = i.id "
	  "WHERE i.resolved_at = 0 AND m.state NOT IN ('intended', 'sending')",
	    load_message },
	{ "SELECT " MESSAGE_COLUMNS
	  " FROM message WHERE state IN ('intended', 'sending') ORDER BY id",
	    load_message },
	{ "SELECT " TIMER_COLUMNS " FROM timer ORDER BY id", load_timer },
};

static enum err one_number(struct control_store *c, const char *sql, uint64_t *ret)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = db_prepare(c->db, sql, &s);
	if (e != OK)
		return e;
	int code = sqlite3_step(s);
	*ret = code == SQLITE_ROW ? db_u64(s, 0) : 0;
	return db_err(code);
}

enum err control_load(
    struct control_store *c, const struct control_load *load, struct control_mark *ret_mark)
{
	uint64_t at = 0, credentials = 0;
	struct control_mark mark = { .fresh = c->fresh };
	assert(!c->commit_runs && !c->checkpoint_runs);
	enum err e = db_exec(c->db,
	    "INSERT INTO meta VALUES ('epoch', 1) ON CONFLICT DO UPDATE SET value = value + 1");
	if (e == OK)
		e = one_number(c, "SELECT value FROM meta WHERE key = 'epoch'", &mark.epoch);
	if (e == OK)
		e = one_number(
		    c, "SELECT value FROM meta WHERE key = 'decided_seq'", &mark.decided_seq);
	if (e == OK)
		e = one_number(c, "SELECT value FROM meta WHERE key = 'decided_at'", &at);
	if (e == OK)
		e = one_number(c, "SELECT number FROM incident ORDER BY id DESC LIMIT 1",
		    &mark.last_incident_number);
	if (e == OK)
		e = one_number(c, "SELECT count(*) FROM credential", &credentials);
	for (size_t i = 0; e == OK && i < ARRAY_COUNT(load_table); i++)
		e = each(c, load_table[i].sql, load_table[i].row, load);
	if (e != OK)
		return e;
	sqlite3_db_release_memory(c->db);
	mark.decided_at = (struct wall){ (int64_t)at };
	mark.has_credential = credentials > 0;
	c->state.committed_seq = mark.decided_seq;
	e = start_threads(c);
	if (e == OK)
		*ret_mark = mark;
	return e;
}

/* ---- the owner's side ---- */

struct control_batch *control_batch_take(struct control_store *c)
{
	struct control_batch *b = NULL;
	pthread_mutex_lock(&c->lock);
	for (int i = 0; i < BATCHES && !b; i++) {
		if (c->place[i] == BATCH_FREE) {
			c->place[i] = BATCH_OWNED;
			b = &c->batch[i];
		}
	}
	pthread_mutex_unlock(&c->lock);
	return b;
}

bool control_idle(struct control_store *c)
{
	pthread_mutex_lock(&c->lock);
	bool idle = c->given < 0;
	pthread_mutex_unlock(&c->lock);
	return idle;
}

void control_commit(struct control_store *c, struct control_batch *batch, uint64_t epoch)
{
	int i = (int)(batch - c->batch);
	assert(i >= 0 && i < BATCHES && c->commit_runs);
	assert(batch->err == OK && batch->decided_seq > 0);
	pthread_mutex_lock(&c->lock);
	assert(c->place[i] == BATCH_OWNED && c->given < 0);
	c->place[i] = BATCH_GIVEN;
	c->given = i;
	c->epoch = epoch;
	c->state.busy = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
}

void control_state(struct control_store *c, struct control_state *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->state;
	c->state.commit_max = (struct span){ 0 };
	pthread_mutex_unlock(&c->lock);
}

enum err control_wait(struct control_store *c, struct span wait)
{
	struct timespec t = until(c, wait);
	int waited = 0;
	pthread_mutex_lock(&c->lock);
	while (c->given >= 0 && waited == 0 && !c->state.lost_lease)
		waited = pthread_cond_timedwait(&c->idle, &c->lock, &t);
	bool done = c->given < 0;
	pthread_mutex_unlock(&c->lock);
	return done ? OK : ERR_BUSY;
}
