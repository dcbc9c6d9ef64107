/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated control store: rows by id, as the effects left them. What was decided shows at
 * once; what was not committed is taken back by a crash. A running sum of the rows' hashes tells
 * two histories apart.
 *
 * Beside each incident it counts what promise 2 is about, from the rows alone, so that the checkers
 * know nothing of the core's inside.
 */
#pragma once
#include "base/map.h"
#include "incident/core.h"

enum row_kind { ROW_INCIDENT, ROW_ALERT, ROW_MESSAGE, ROW_TIMER, ROW_PROOF, ROW_KIND_COUNT };

struct row {
	enum row_kind kind;
	bool exists;
	bool is_listed; /* among the step's changed ones */
	struct str key;
	uint64_t hash;
	union {
		struct incident incident;
		struct alert alert;
		struct message message;
		struct timer timer;
		struct proof proof;
	};
	/* of an incident */
	int32_t paging_timers; /* escalate, notify */
	int32_t other_timers;
	int32_t escalate_timers;
	int32_t pages_moving; /* intended or sending */
	int32_t pages_intended;
	int32_t pages_good; /* accepted or delivered */
	/* of a message: other_timers */
	/* of a timer */
	struct mono set,
	    due; /* on the clock that does not step, as it was when the row was written */
};

struct undo_row {
	struct row *row;
	bool existed, clears; /* clears: a timer that goes for good */
	struct row before;
};

struct rows {
	struct arena *arena;
	struct map *texts;
	struct map *by_id[ROW_KIND_COUNT];
	struct map *triggered; /* source key, dedup key -> the alert's row */
	uint64_t sum;          /* over all rows and timeline entries that exist */
	uint64_t log_count;
	struct undo_row *undos; /* since the last commit */
	size_t undo_count, undo_cap;
	uint64_t *logs; /* hashes of timeline entries since the last commit */
	size_t log_undo_count, log_undo_cap;
	struct row **changed; /* by the last step */
	size_t changed_count, changed_cap;
	struct row *free;
};

void rows_open(struct rows *r);
void rows_close(struct rows *r);
/* Applies an effect; now_mono and at place a timer on the steady clock. */
void rows_apply(struct rows *r, const struct effect *e, struct mono now, struct wall at);
void rows_step(struct rows *r); /* a new step begins: forgets what changed */
/* The first n entries of what is pending are durable: rows_pending tells how many there are now. */
struct rows_mark {
	size_t undos, logs;
};
struct rows_mark rows_mark(const struct rows *r);
void rows_commit(struct rows *r, struct rows_mark upto);
void rows_crash(struct rows *r); /* takes back what was not committed */
struct row *rows_find(const struct rows *r, enum row_kind kind, struct str key);
struct row *rows_find_id(const struct rows *r, enum row_kind kind, const struct id *id);
struct row *rows_triggered(const struct rows *r, struct str source, struct str dedup);
bool rows_next(const struct rows *r, enum row_kind kind, size_t *at, struct row **ret);
struct str rows_text(struct rows *r, struct str s);
