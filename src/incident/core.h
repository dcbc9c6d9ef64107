/* SPDX-License-Identifier: Apache-2.0
 *
 * The pager core: a pure, deterministic state machine. (state, record) -> effects. It holds the
 * open incidents, their alerts, the live timers and unsettled messages; everything else is in the
 * store. It sees no clock, no socket and no database: time is `record.at`. The engine feeds it from
 * the inbox and commits the effects; the simulator feeds it from a simulated world. The same
 * records in the same order give the same effects, byte for byte.
 *
 * Before a record with time t is decided, all timers due at or before t fire in order of (due, id),
 * as if at t.
 */
#pragma once
#include "base/arena.h"
#include "base/heap.h"
#include "model/incident.h"
#include "model/record.h"

struct core;

/* An effect is a row to be written. Rows are whole (upsert by id); pointers live in the effects'
 * arena until it is reset. Two columns are kept as they are in the store when the row does not
 * bring them: an alert's `details` when details.ptr is NULL, and a proof's `proven_at`, `by` and
 * `evidence` when `broken` is true (proven_at.ns is 0 then). Each row appears at most once per
 * step, in its last form. */
enum effect_type {
	EFFECT_INCIDENT,
	EFFECT_ALERT,
	EFFECT_MESSAGE,
	EFFECT_TIMER_SET,
	EFFECT_TIMER_CLEAR,
	EFFECT_LOG,
	EFFECT_PROOF,
	EFFECT_CHANGE_EVENT,
	EFFECT_TYPE_COUNT
};
struct effect {
	enum effect_type type;
	union {
		struct incident incident;
		struct alert alert;
		struct message message;
		struct timer timer; /* TIMER_CLEAR: only id counts */
		struct log_entry log;
		struct proof proof;
		struct record_change change;
	};
};
struct effects {
	struct arena *arena; /* the caller's; holds the list and all texts */
	struct effect *list;
	size_t count, cap;
	enum err err; /* sticky */
};
struct effects effects_make(struct arena *arena);

struct core_limits {
	size_t incidents; /* open at once; beyond: the trigger is joined to one overflow incident
	                     per service */
	size_t messages;  /* unsettled at once */
	size_t timers;
	uint64_t seed; /* of the tables by outside keys; never shows in an output */
};

must_check enum err core_open(
    const struct mem *mem, struct core_limits limits, struct core **ret_core);
void core_close(struct core **core);

/* The directory in force from the next step on. Borrowed: it must live until replaced. Set it
 * before the step of the RECORD_RESOURCES that made it: that step moves the pages whose user or
 * address is gone. */
void core_set_directory(struct core *core, const struct directory *dir);

/* Loading at start, from the store's rows, in any order, before the first step. Texts are copied.
 * What decides must be there: all open incidents, their alerts that are triggered, all timers, and
 * all messages that are intended or sending, or that belong to an open incident whatever their
 * state (so that the core knows who was told). Rows of closed incidents that are not needed are
 * skipped. */
must_check enum err core_load_incident(struct core *core, const struct incident *row);
must_check enum err core_load_alert(struct core *core, const struct alert *row);
must_check enum err core_load_message(struct core *core, const struct message *row);
must_check enum err core_load_timer(struct core *core, const struct timer *row);
void core_load_counters(struct core *core, uint64_t last_incident_number, struct wall last_at);

/* Decides one record; appends to *effects. What a command, an event or a receipt came to is told in
 * *ret_outcome (for the answer to the one who asked). ERR_NOMEM / ERR_LIMIT leave the core as it
 * was. */
enum outcome {
	OUTCOME_DONE,
	OUTCOME_NO_SUCH, /* incident or message is not open (or not known) */
	OUTCOME_ALREADY, /* was in that state already */
	OUTCOME_DROPPED, /* acknowledge or resolve of an unknown key: dropped, counted */
};
/* A step fires at most this many due timers (the oldest ones): when core_next_due is still in the
 * past after a step, append a RECORD_TICK. So one step stays short whatever has piled up. */
#define CORE_TIMERS_PER_STEP 256
must_check enum err core_step(struct core *core, const struct record *rec, struct effects *effects,
    enum outcome *ret_outcome);

/* When the next timer is due; ns INT64_MAX when there is none. */
struct wall core_next_due(const struct core *core);

/* Messages to hand over now, in order of (urgency, age): fills at most `max` pointers to rows in
 * state INTENDED whose next_at has come. The engine then appends a RECORD_HANDOVER with their ids;
 * deciding it makes them SENDING (attempt counted, provider chosen, receipt timer set), and when
 * that is committed the messages go to the notifier. */
#define CORE_OUTBOX_MAX 256 /* a larger max is cut to this */
size_t core_outbox(
    const struct core *core, struct wall now, const struct message **ret_rows, size_t max);

/* False for a message that is on its way and no longer wanted (its incident was acknowledged or
 * resolved, or the message is settled): the engine tells the notifier to cancel it. Unknown ids are
 * not wanted. */
bool core_message_wanted(const struct core *core, const struct id *message);

/* Looking at the state. A row and its texts are borrowed until the next step; the row itself is one
 * of a few slots that further calls use again: copy what must stay. */
size_t core_incident_count(const struct core *core);
const struct incident *core_incident(
    const struct core *core, const struct id *id); /* NULL: not open */
bool core_next_incident(const struct core *core, size_t *at, const struct incident **ret);
bool core_next_timer(const struct core *core, size_t *at, const struct timer **ret);
bool core_next_message(const struct core *core, size_t *at, const struct message **ret);

struct core_counters {
	uint64_t triggers, joined, acknowledges, resolves, dropped, no_service, nobody_on_call;
	uint64_t pages_intended, pages_accepted, pages_failed, pages_superseded, pages_doubtful;
	uint64_t escalations, exhausted, clock_stepped_back;
};
const struct core_counters *core_counters(const struct core *core);
