/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of incidents. A statement is built for the very filters that are asked for; the open ones
 * come from an index that has all that is filtered by, so a page touches only its own rows.
 *
 * Ids grow with time and numbers with ids, so ranges of numbers and of creation times are found by
 * halving over the row numbers instead of by an index of their own.
 */
#include "store/control/reader_priv.h"

#include <assert.h>

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
	enum err e = reader_get(r, R_FLOOR, &s);
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
		reader_reset(s);
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
		reader_bind_page(s, 6, q->limit, q->offset);
	*ret = s;
	return OK;
}

static enum err list_rows(struct control_reader *r, const struct control_incident_query *q,
    struct rows *rows, bool *ret_more)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = list_prepare(r, q, false, rows->arena, &s);
	reader_start_clock(r);
	return e == OK
	           ? reader_collect(s, reader_keep_incident, rows, rows->count + q->limit, ret_more)
	           : e;
}

static enum err list_count(struct control_reader *r, const struct control_incident_query *q,
    struct arena *a, uint64_t *ret)
{
	own(db_finalize) sqlite3_stmt *s = NULL;
	enum err e = list_prepare(r, q, true, a, &s);
	reader_start_clock(r);
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
	enum err e = reader_get(r, R_INCIDENT, &s);
	if (e != OK)
		return e;
	db_bind_id(s, 1, id);
	return reader_one(s, reader_keep_incident, a, ret, sizeof(*ret));
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
