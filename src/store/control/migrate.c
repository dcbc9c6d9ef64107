/* SPDX-License-Identifier: Apache-2.0
 *
 * Bringing an older database up to this program's schema: forward only, one transaction a step,
 * after a copy. `user_version` holds how far it is.
 */
#include "store/control/db_priv.h"

#include <assert.h>
#include <stdio.h>

enum err control_schema(sqlite3 *db, int *ret_version)
{
	sqlite3_stmt *s;
	enum err e = db_prepare(db, "PRAGMA user_version", &s);
	if (e != OK)
		return e;
	int code = sqlite3_step(s);
	int version = code == SQLITE_ROW ? sqlite3_column_int(s, 0) : 0;
	sqlite3_finalize(s);
	if (code != SQLITE_ROW)
		return db_err(code) == OK ? ERR_IO : db_err(code);
	*ret_version = version;
	return OK;
}

/* A whole copy beside the database; replaces one of the same name that an earlier try has left. */
static enum err backup(sqlite3 *db, const char *path, int version)
{
	char name[4096];
	sqlite3 *to = NULL;
	if (snprintf(name, sizeof(name), "%s.before-%d", path, version + 1) >= (int)sizeof(name))
		return ERR_LIMIT;
	int code = sqlite3_open_v2(name, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (code == SQLITE_OK) {
		sqlite3_backup *b = sqlite3_backup_init(to, "main", db, "main");
		code = b ? sqlite3_backup_step(b, -1) : sqlite3_errcode(to);
		if (b)
			sqlite3_backup_finish(b);
	}
	sqlite3_close(to);
	return code == SQLITE_DONE ? OK : db_err(code) == OK ? ERR_IO : db_err(code);
}

static enum err step(sqlite3 *db, const struct control_migration *m, struct buf *why)
{
	char pragma[64];
	snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", m->version);
	enum err e = db_exec(db, "BEGIN IMMEDIATE");
	if (e != OK)
		return e;
	e = db_exec(db, m->sql);
	if (e == OK)
		e = db_exec(db, pragma);
	if (e == OK)
		e = db_exec(db, "COMMIT");
	if (e != OK) {
		if (why)
			buf_printf(why, "migration %s: %s", m->name, sqlite3_errmsg(db));
		ignore_err(db_exec(db, "ROLLBACK"), "the error above is the one that counts");
	}
	return e;
}

enum err control_migrate(sqlite3 *db, const char *path, const struct control_migration *list,
    size_t count, struct buf *why)
{
	int version;
	assert(count > 0);
	enum err e = control_schema(db, &version);
	if (e != OK)
		return e;
	int newest = list[count - 1].version;
	if (version > newest) {
		if (why)
			buf_printf(why,
			    "%s has schema %d, this program knows up to %d: start the newer "
			    "release again, or "
			    "restore a backup from before it",
			    path, version, newest);
		return ERR_DENIED;
	}
	if (version > 0 && version < newest) {
		e = backup(db, path, version);
		if (e != OK && why)
			buf_printf(
			    why, "cannot copy %s before its migration: is there room?", path);
	}
	for (size_t i = 0; e == OK && i < count; i++) {
		assert(i == 0 || list[i].version > list[i - 1].version);
		if (list[i].version > version)
			e = step(db, &list[i], why);
	}
	return e;
}
