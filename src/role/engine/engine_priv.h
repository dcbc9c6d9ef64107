/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the engine share. Everything here is for the loop's thread.
 *
 *   engine.c  opening, starting up, stopping        intake.c  what peers submit and command, their
 * answers turn.c    deciding in slices, committing        pages.c   the conversation with the
 * notifier todo.c    records that the engine makes itself  watch.c   rule groups, alerts about
 * itself report.c  beats, figures, /status
 */
#pragma once
#include "role/engine/clock.h"
#include "role/engine/decide.h"
#include "role/engine/engine.h"
#include "role/engine/firing.h"
#include "store/control/inbox.h"
#include "store/control/reader.h"
#include "wire/record.h"

#define FLIGHTS_MAX 512
#define FLIGHT_WINDOW 64u  /* messages with the notifier at once */
#define SUBMITS_MAX 65536u /* not yet answered; a power of two. Credit keeps it far below */
#define COMMANDS_MAX 2048u
#define TODO_MAX 20000u
#define TODO_BYTES_MAX ((size_t)64 << 20)
#define BACKLOG_WINDOW 8192u /* answered, not yet committed: beyond, answers wait */
#define ALERTS_MAX 64u

struct peer_end {
	struct chan *chan;
	uint32_t generation; /* answers to an earlier end are not sent to a later one */
};

/* A request whose answer waits: for the disk (submits), for the commit (commands). */
struct pending {
	uint64_t seq, id;
	uint32_t generation;
	uint8_t peer, outcome;
	char *text; /* commands: the answer's text, mem's; or NULL */
	size_t text_len;
};

enum todo_kind { TODO_PLAIN, TODO_RECEIPT, TODO_STARTUP };
/* A record of the engine's own, kept until it is durable. */
struct todo {
	struct todo *next;
	enum todo_kind kind;
	uint64_t seq;      /* 0 = not appended yet */
	struct id message; /* TODO_RECEIPT: what is confirmed then */
	uint32_t attempt;
	uint8_t state;
	size_t len;
	char bytes[];
};

/* A message that is sending: from the decision until its receipt is decided. */
struct flight {
	struct id id;
	uint64_t seq; /* of the decision: may go out when that is committed */
	uint32_t attempt;
	bool sent; /* to a notifier, this one or an earlier one */
	bool cancelled;
	struct message row; /* texts in `texts` */
	char *texts;
};

/* An alert about the engine's own world. One that a person resolved while it lasts is quiet for
 * FIRING_HOLD and then fires again, as rules' alerts do. */
struct own_alert {
	char key[128];
	bool firing;
	bool ending; /* the engine itself has resolved it; its row is still to come */
	struct wall quiet_until;
};

struct engine {
	struct child *child;
	struct loop *loop;
	const struct mem *mem;
	const struct os *os;
	char *data_dir, *base_url, *version, *slice;
	size_t slice_len;
	uint64_t keep_bytes; /* of decided inbox segments; 0 = all */

	struct zones *zones;
	struct decider *decider;
	struct control_store *store;
	struct control_reader *reader; /* opened when first needed */
	struct inbox *inbox;
	struct arena *arena; /* one record or message at a time */
	struct buf body;     /* of one outgoing message */
	struct clock clock;
	struct span step; /* the clock went ahead by so much: not yet in a TICK */

	/* deciding */
	struct control_batch *batch; /* being filled, or NULL */
	uint64_t epoch;
	uint64_t decided_seq; /* last decided, in memory */
	uint64_t committed_seq;
	uint64_t deciding_seq;   /* the record under decision */
	struct inbox_walk *walk; /* what a former run left undecided; NULL when done */
	uint64_t walk_end;
	struct inbox_record held; /* a record that did not fit into the batch */
	bool has_held;
	bool begun, ready, stopping, stopped;
	bool is_clean, fresh, has_credential;
	uint64_t startup_seq;
	struct loop_wake wake;
	struct loop_hook hook;
	struct mono append_times[4096]; /* ring: when the turn's first record was appended */
	uint64_t append_seqs[4096];
	uint32_t append_head, append_count;

	/* asked from outside */
	struct peer_end peers[ROLE_COUNT];
	struct pending *submits; /* ring of SUBMITS_MAX, by rising seq */
	uint32_t submit_head, submit_count;
	struct pending commands[COMMANDS_MAX]; /* by rising seq */
	uint32_t command_count;
	uint64_t resources_seq; /* a change of resources that is not yet decided, or 0 */
	uint64_t one_time_seq;  /* the use of a one-time link that is not yet committed, or 0 */

	/* the engine's own records */
	struct todo *todo_first, *todo_last;
	size_t todo_count, todo_bytes;
	uint64_t tick_seq, handover_seq;

	/* pages */
	struct flight flights[FLIGHTS_MAX];
	uint32_t flight_count;
	bool notifier_ready;
	bool flights_changed;

	/* rules and own alerts */
	struct firing *firing;
	struct own_alert alerts[ALERTS_MAX];
	struct map *beats; /* by group */
	uint64_t reports;
	struct mono ready_at;
	struct mono rules_at; /* when resources changed last */
	bool rules_dirty;
	uint64_t rules_version;

	/* storage */
	bool low_space;              /* the ballast was dropped */
	off_t ballast_bytes;         /* its size */
	struct mono failing_since;   /* commits fail; ns 0 = they do not */
	struct mono undecided_since; /* the oldest undecided record is too old; ns 0 = it is not */
	struct mono storage_logged;
	uint64_t wal_bytes;

	/* reports */
	struct loop_timer second, due, retry;
	struct mono changed_at;
	bool changed;
	uint32_t seconds;
	uint64_t decided_before,
	    trimmed_at; /* counts.decided a second ago; when memory was given back */
	struct {
		uint64_t events, commands, receipts, unknown_key, invalid, refused_storage,
		    refused_busy, sent, cancelled, doubtful, rules, ticks, handovers, decided,
		    slices_over;
	} counts;
};

/* engine.c */
void engine_die(struct engine *e, const char *why); /* the state cannot be trusted: start again */
void engine_begin(
    struct engine *e); /* all of former runs is decided: the engine's own first records */
void engine_ready(struct engine *e); /* they are committed: the doors open */

/* turn.c */
void engine_turn(struct engine *e); /* at the end of each turn */
/* Now, for a record; appends a TICK first when the clock was set forward. */
struct wall engine_stamp(struct engine *e);
/* Appends an encoded record; urgent ones may use the reserve. As inbox_append. */
must_check enum err engine_append(
    struct engine *e, struct str body, bool urgent, uint64_t *ret_seq);
struct span engine_undecided_age(const struct engine *e);
bool engine_takes_events(const struct engine *e); /* false: storage or backlog does not allow it */

/* intake.c */
bool intake_submit(struct engine *e, enum role peer, uint64_t id, struct str body);
bool intake_command(struct engine *e, enum role peer, uint64_t id, struct str body);
void intake_refuse(
    struct engine *e, uint64_t first); /* what was appended from here on is not durable */
void intake_durable(struct engine *e, uint64_t durable); /* answers submits */
void intake_decided(struct engine *e, uint64_t seq, enum outcome outcome);
void intake_committed(struct engine *e, uint64_t committed); /* answers commands */
void intake_peer_gone(struct engine *e, enum role peer);

/* todo.c */
struct todo *todo_add(
    struct engine *e, const struct record *rec, enum todo_kind kind); /* NULL: no room */
void todo_append(struct engine *e); /* as many as the inbox takes */
void todo_refuse(struct engine *e, uint64_t first);
void todo_durable(struct engine *e, uint64_t durable);
bool todo_is_appended(const struct engine *e); /* nothing waits for the inbox */

/* pages.c */
void pages_row(struct engine *e, const struct message *row); /* decided or loaded */
void pages_turn(struct engine *e);                           /* hand over, send, cancel */
void pages_notifier(struct engine *e, struct chan *chan);
void pages_holding(struct engine *e, struct str body);
bool pages_receipt(struct engine *e, struct str body);
void pages_close(struct engine *e);
/* A view of what is committed, for pages and figures, never for decisions; NULL: it cannot be read
 * now. */
struct control_reader *engine_reader(struct engine *e);

/* watch.c */
void watch_alert_row(struct engine *e, const struct alert *row); /* decided or loaded */
void watch_rule_group(struct engine *e, struct str body);
void watch_resources(struct engine *e); /* the directory has changed */
void watch_second(struct engine *e);
void watch_close(struct engine *e);
/* Raises or ends an alert of the engine's own; only changes make a record. */
void watch_own_alert(struct engine *e, const char *key, bool firing, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* report.c */
void report_second(struct engine *e);
void report_changed(struct engine *e);
void report_rules(struct engine *e); /* the rules to telemetry */
