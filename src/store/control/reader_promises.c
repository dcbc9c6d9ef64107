/* SPDX-License-Identifier: Apache-2.0
 *
 * The auditor's look at all open incidents.
 */
#include "store/control/reader_priv.h"

#include <assert.h>
#include <stdlib.h>

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
		e = reader_get(r, which, &s);
		if (e != OK)
			return e;
		db_bind_i64(s, 1, last);
		db_bind_i64(s, 2, SCAN_ROWS);
		while (e == OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
			last = db_i64(s, 0);
			rows++;
			e = row(l, s);
		}
		reader_reset(s);
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
	reader_start_clock(r);
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
	int64_t oldest = 0, decided = 0, at = 0, alone = 0;
	enum err e = reader_number(r, R_OUTBOX_OLDEST, &now.ns, &oldest);
	if (e == OK)
		e = reader_number(r, R_DECIDED, NULL, &decided);
	if (e == OK)
		e = reader_number(r, R_DECIDED_AT, NULL, &at);
	if (e == OK)
		e = reader_number(r, R_NOBODY, NULL, &alone);
	out->outbox_oldest.ns = oldest;
	out->nobody = (uint64_t)alone;
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
