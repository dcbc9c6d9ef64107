/* SPDX-License-Identifier: Apache-2.0
 *
 * See the header. The writer checkpoints after its commit and closes, so between cuts the WAL is
 * empty. A step that is neither a row nor done is an error, SQLITE_BUSY after five seconds
 * included.
 */
#include "store/series/window.h"
#include "base/codec.h"
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>

#define FORMAT 1
#define BUSY_MS 5000
#define LABELS_MAX 512u

struct window_writer {
	const struct mem *mem;
	sqlite3 *db;
	sqlite3_stmt *put_series, *put_block;
	uint64_t ord;
	int64_t min_ms, max_ms;
};

struct window_reader {
	const struct mem *mem;
	sqlite3 *db;
	sqlite3_stmt *block, *begin, *end, *cuts;
	struct window_cut *list;
	size_t list_cap;
};

void window_path(char out[4096], const char *folder, int64_t number)
{
	snprintf(out, 4096, "%s/w-%lld.db", folder, (long long)number);
}

bool window_number(struct str name, int64_t *ret)
{
	if (!str_starts(name, STR("w-")) || !str_ends(name, STR(".db")))
		return false;
	return str_i64(str_make(name.ptr + 2, name.len - 5), ret) == OK;
}

static bool run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* The first column of the first row of a statement. */
static bool ask(sqlite3 *db, const char *sql, int64_t *ret)
{
	sqlite3_stmt *s = NULL;
	bool fine =
	    sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;
	if (fine)
		*ret = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return fine;
}

static enum err open_db(const char *path, int flags, sqlite3 **ret)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK || sqlite3_busy_timeout(db, BUSY_MS) != SQLITE_OK ||
	    !run(db, "PRAGMA temp_store=MEMORY")) {
		sqlite3_close(db);
		return ERR_IO;
	}
	*ret = db;
	return OK;
}

static bool make_tables(sqlite3 *db, int64_t length_ms)
{
	char sql[256];
	snprintf(sql, sizeof(sql), "INSERT INTO meta VALUES('format', %d), ('length_ms', %lld)",
	    FORMAT, (long long)length_ms);
	return run(db, "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	               "CREATE TABLE series(id INTEGER PRIMARY KEY, min_ms INTEGER, max_ms "
	               "INTEGER, labels BLOB);"
	               "CREATE TABLE cut(ord INTEGER PRIMARY KEY, min_ms INTEGER, max_ms INTEGER);"
	               "CREATE TABLE block(key INTEGER PRIMARY KEY, data BLOB);") &&
	       run(db, sql);
}

static enum err write_begin(struct window_writer *w, int64_t length_ms)
{
	int64_t tables, ord;
	if (!run(w->db, "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
	                "PRAGMA wal_autocheckpoint=0; BEGIN IMMEDIATE") ||
	    !ask(w->db, "SELECT count(*) FROM sqlite_master WHERE name='meta'", &tables) ||
	    (tables == 0 && !make_tables(w->db, length_ms)) ||
	    !ask(w->db, "SELECT coalesce(max(ord), 0) + 1 FROM cut", &ord))
		return ERR_IO;
	w->ord = (uint64_t)ord;
	bool fine =
	    sqlite3_prepare_v2(w->db,
	        "INSERT INTO series VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO UPDATE SET "
	        "min_ms = min(min_ms, excluded.min_ms), max_ms = max(max_ms, excluded.max_ms)",
	        -1, &w->put_series, NULL) == SQLITE_OK &&
	    sqlite3_prepare_v2(
	        w->db, "INSERT INTO block VALUES(?1, ?2)", -1, &w->put_block, NULL) == SQLITE_OK;
	return fine ? OK : ERR_IO;
}

enum err window_write_open(
    const struct mem *mem, const char *path, int64_t length_ms, struct window_writer **ret)
{
	struct window_writer *w = mem_new(mem, 1, sizeof(*w));
	if (!w)
		return ERR_NOMEM;
	w->mem = mem;
	w->min_ms = INT64_MAX;
	w->max_ms = INT64_MIN;
	enum err e = open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &w->db);
	if (e == OK)
		e = write_begin(w, length_ms);
	if (e != OK)
		window_write_close(&w);
	else
		*ret = w;
	return e;
}

enum err window_write_block(struct window_writer *w, uint64_t id, struct str labels, int64_t min_ms,
    int64_t max_ms, struct str block, bool *ret_new)
{
	assert(id < UINT64_C(1) << WINDOW_ID_BITS && min_ms <= max_ms && block.len > 0);
	int64_t before = sqlite3_last_insert_rowid(w->db);
	sqlite3_set_last_insert_rowid(
	    w->db, 0); /* an insert sets it, an update of the conflict does not */
	sqlite3_stmt *s = w->put_series;
	sqlite3_bind_int64(s, 1, (int64_t)id);
	sqlite3_bind_int64(s, 2, min_ms);
	sqlite3_bind_int64(s, 3, max_ms);
	sqlite3_bind_blob64(s, 4, labels.ptr, labels.len, SQLITE_STATIC);
	bool fine = sqlite3_step(s) == SQLITE_DONE;
	bool is_new = sqlite3_last_insert_rowid(w->db) != 0;
	fine = sqlite3_reset(s) == SQLITE_OK && fine;
	sqlite3_set_last_insert_rowid(w->db, before);
	s = w->put_block;
	sqlite3_bind_int64(s, 1, (int64_t)(w->ord << WINDOW_ID_BITS | id));
	sqlite3_bind_blob64(s, 2, block.ptr, block.len, SQLITE_STATIC);
	fine = fine && sqlite3_step(s) == SQLITE_DONE;
	fine = sqlite3_reset(s) == SQLITE_OK && fine;
	if (!fine)
		return ERR_IO;
	w->min_ms = min_ms < w->min_ms ? min_ms : w->min_ms;
	w->max_ms = max_ms > w->max_ms ? max_ms : w->max_ms;
	*ret_new = is_new;
	return OK;
}

enum err window_write_commit(struct window_writer *w)
{
	char sql[160];
	snprintf(sql, sizeof(sql), "INSERT INTO cut VALUES(%llu, %lld, %lld); COMMIT",
	    (unsigned long long)w->ord, (long long)w->min_ms, (long long)w->max_ms);
	if (!run(w->db, sql))
		return ERR_IO;
	run(w->db, "PRAGMA wal_checkpoint(TRUNCATE)"); /* a reader may be in the way: the next cut's
	                                                  turn */
	return OK;
}

void window_write_close(struct window_writer **writer)
{
	struct window_writer *w = *writer;
	if (!w)
		return;
	sqlite3_finalize(w->put_series);
	sqlite3_finalize(w->put_block);
	if (w->db && !sqlite3_get_autocommit(w->db))
		run(w->db, "ROLLBACK");
	sqlite3_close(w->db);
	mem_free(w->mem, w);
	*writer = NULL;
}

static enum err step_err(int rc)
{
	return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? ERR_INPUT : ERR_IO;
}

static enum err list_all(sqlite3 *db, int64_t *ret_length_ms, window_each *each, void *context)
{
	int64_t format = 0, length = 0;
	if (!ask(db, "SELECT value FROM meta WHERE key='format'", &format) ||
	    !ask(db, "SELECT value FROM meta WHERE key='length_ms'", &length) || format != FORMAT ||
	    length <= 0)
		return sqlite3_errcode(db) == SQLITE_BUSY || sqlite3_errcode(db) == SQLITE_IOERR
		           ? ERR_IO
		           : ERR_INPUT;
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
	    db, "SELECT id, min_ms, max_ms, labels FROM series ORDER BY id", -1, &s, NULL);
	enum err e = rc == SQLITE_OK ? OK : step_err(rc);
	while (e == OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct str labels =
		    str_make(sqlite3_column_blob(s, 3), (size_t)sqlite3_column_bytes(s, 3));
		e = each(context, (uint64_t)sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
		    sqlite3_column_int64(s, 2), labels);
	}
	if (e == OK && rc != SQLITE_DONE)
		e = step_err(rc);
	sqlite3_finalize(s);
	if (e == OK)
		*ret_length_ms = length;
	return e;
}

enum err window_list(const char *path, int64_t *ret_length_ms, window_each *each, void *context)
{
	sqlite3 *db = NULL;
	enum err e = open_db(path, SQLITE_OPEN_READWRITE, &db);
	if (e != OK)
		return e;
	e = list_all(db, ret_length_ms, each, context);
	sqlite3_close(db);
	return e;
}

enum err window_read_open(const struct mem *mem, const char *path, struct window_reader **ret)
{
	struct window_reader *r = mem_new(mem, 1, sizeof(*r));
	if (!r)
		return ERR_NOMEM;
	r->mem = mem;
	enum err e = open_db(path, SQLITE_OPEN_READWRITE, &r->db);
	bool fine = e == OK && run(r->db, "PRAGMA query_only=1; PRAGMA mmap_size=268435456") &&
	            sqlite3_prepare_v2(r->db, "SELECT data FROM block WHERE key=?1", -1, &r->block,
	                NULL) == SQLITE_OK &&
	            sqlite3_prepare_v2(r->db, "SELECT ord, min_ms, max_ms FROM cut ORDER BY ord",
	                -1, &r->cuts, NULL) == SQLITE_OK &&
	            sqlite3_prepare_v2(r->db, "BEGIN", -1, &r->begin, NULL) == SQLITE_OK &&
	            sqlite3_prepare_v2(r->db, "COMMIT", -1, &r->end, NULL) == SQLITE_OK;
	if (!fine) {
		window_read_close(&r);
		return e == OK ? ERR_IO : e;
	}
	*ret = r;
	return OK;
}

void window_read_close(struct window_reader **reader)
{
	struct window_reader *r = *reader;
	if (!r)
		return;
	sqlite3_finalize(r->block);
	sqlite3_finalize(r->cuts);
	sqlite3_finalize(r->begin);
	sqlite3_finalize(r->end);
	sqlite3_close(r->db);
	mem_free(r->mem, r->list);
	mem_free(r->mem, r);
	*reader = NULL;
}

enum err window_read_begin(
    struct window_reader *r, const struct window_cut **ret_cuts, size_t *ret_count)
{
	int rc = sqlite3_step(r->begin);
	if (sqlite3_reset(r->begin) != SQLITE_OK || rc != SQLITE_DONE)
		return ERR_IO;
	size_t count = 0;
	enum err e = OK;
	while ((rc = sqlite3_step(r->cuts)) == SQLITE_ROW && e == OK) {
		if (count == r->list_cap) {
			size_t to = r->list_cap ? r->list_cap * 2 : 32;
			struct window_cut *grown =
			    mem_resize(r->mem, r->list, to, sizeof(grown[0]));
			if (!grown) {
				e = ERR_NOMEM;
				break;
			}
			r->list = grown;
			r->list_cap = to;
		}
		r->list[count++] = (struct window_cut){ (uint64_t)sqlite3_column_int64(r->cuts, 0),
			sqlite3_column_int64(r->cuts, 1), sqlite3_column_int64(r->cuts, 2) };
	}
	sqlite3_reset(r->cuts);
	if (e == OK && rc != SQLITE_DONE)
		e = ERR_IO;
	if (e != OK) {
		window_read_end(r);
		return e;
	}
	*ret_cuts = r->list;
	*ret_count = count;
	return OK;
}

void window_read_end(struct window_reader *r)
{
	sqlite3_reset(r->block);
	sqlite3_step(r->end);
	sqlite3_reset(r->end);
}

enum err window_read_block(struct window_reader *r, uint64_t ord, uint64_t id, struct str *ret)
{
	sqlite3_reset(r->block);
	sqlite3_bind_int64(r->block, 1, (int64_t)(ord << WINDOW_ID_BITS | id));
	int rc = sqlite3_step(r->block);
	if (rc == SQLITE_ROW) {
		*ret = str_make(
		    sqlite3_column_blob(r->block, 0), (size_t)sqlite3_column_bytes(r->block, 0));
		return OK;
	}
	*ret = (struct str){ "", 0 };
	return rc == SQLITE_DONE ? OK : ERR_IO;
}

void window_put_labels(struct buf *b, const struct series_label *labels, size_t count)
{
	assert(count <= LABELS_MAX);
	for (size_t i = 0; i < count; i++) {
		put_str(b, labels[i].name);
		put_str(b, labels[i].value);
	}
}

enum err window_get_labels(
    struct str bytes, struct series_label *labels, size_t max, size_t *ret_count)
{
	struct rd r = rd_make(bytes);
	size_t count = 0;
	while (r.rest.len > 0 && r.err == OK) {
		if (count == max)
			return ERR_INPUT;
		labels[count].name = rd_str(&r, 1u << 20);
		labels[count].value = rd_str(&r, 1u << 20);
		count++;
	}
	enum err e = rd_done(&r);
	if (e == OK)
		*ret_count = count;
	return e;
}
