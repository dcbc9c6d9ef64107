/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the pager core share: the objects it holds, and the only ways to change them.
 *
 * A step is atomic: it happens whole or not at all, even when memory or the effects' arena refuses
 * in its middle. So an object is only ever written through x_edit(), which first saves it in the
 * step's journal; what cannot be saved is not written (edit returns a sink that nobody reads),
 * `err` is set, and the step's end takes everything back. The machines above this line therefore
 * need no error handling.
 *
 * Objects live in pools and are named by a ref (0 = none), texts are interned and counted. Neither
 * refs nor addresses ever reach an output: what is shown is ordered by id.
 */
#pragma once
#include "incident/core.h"
#include "base/hash.h"
#include "base/json.h"

typedef uint32_t ref;

enum pool_id { POOL_INC, POOL_ALR, POOL_MSG, POOL_TMR, POOL_SVC, POOL_COUNT };

enum head_flag {
	HEAD_LIVE = 1, /* the slot is in use */
	HEAD_BORN = 2, /* made in this step */
	HEAD_DEAD = 4, /* goes at this step's end */
	HEAD_STUB = 8, /* named by another row while loading, its own row not seen (yet) */
};

struct head {
	uint32_t mark;   /* the step that saved it last */
	uint32_t effect; /* 1 + index of its effect in this step, 0 = none (valid when mark is the
	                    step's) */
	uint8_t flags;
};

struct text {
	struct text *next; /* in its bucket */
	uint32_t refs, len;
	char bytes[];
};

struct inc {
	struct head h;
	uint8_t status, urgency;
	bool told, exhausted, nobody;
	uint32_t step, loop;
	ref hash_next, svc, svc_prev, svc_next;
	ref alerts, alerts_tail, messages, messages_tail, timers, timers_tail; /* by rising id */
	uint32_t alerts_open, alerts_total;
	uint64_t word, number;
	struct wall created, changed, acknowledged;
	struct text *title, *changed_by;
};

/* Only triggered alerts are held. */
struct alr {
	struct head h;
	uint8_t severity, status;
	ref hash_next, prev, next, inc;
	uint32_t count;
	uint64_t word;
	struct wall created, changed;
	struct text *source, *dedup, *summary;
};

/* Held: what is unsettled, and the newest few pages of each open incident. */
struct msg {
	struct head h;
	uint8_t purpose, state, type, attempt;
	bool maybe_duplicate, urgent, is_ready;
	ref hash_next, prev, next, inc, timer, ready_prev, ready_next;
	uint64_t word, inc_word;
	struct wall created, changed;
	struct text *user, *contact, *address, *provider, *error, *reference;
};

struct tmr {
	struct head h;
	uint8_t type;
	uint16_t rule;
	ref self, prev, next;
	ref subject;           /* an inc, or a msg for retry and receipt */
	struct heap_node node; /* key: due in ns, tie: the id's word */
	struct text *user, *contact;
};

struct svc {
	struct head h;
	ref hash_next, newest;
	uint32_t open;
	struct text *name;
};

struct pool {
	uint32_t size, count,
	    top; /* bytes of one, live ones, slots ever used (slot 0 is the sink) */
	ref free;
	char **chunks;
	uint32_t chunk_count, chunk_cap;
};

struct table {
	uint32_t *heads;
	uint32_t cap; /* a power of two */
};

struct undo;
struct look;

/* All that is small and changes with a step; the step's start keeps a copy. */
struct vars {
	struct core_counters counters;
	uint64_t last_number;
	struct wall last_at;
	ref ready[2], ready_tail[2]; /* urgent first; oldest first */
	size_t unsettled;            /* messages: what limits.messages is about */
};

#define SCRATCH_ROWS 8

struct core {
	const struct mem *mem;
	struct core_limits limits;
	const struct directory *dir;
	struct pool pools[POOL_COUNT];
	struct table by_id[2], by_key, by_service; /* by_id: POOL_INC, POOL_MSG at [0], [1] */
	struct {
		struct text **heads;
		uint32_t cap, count;
	} texts;
	struct heap heap;
	struct vars v, v_before;
	bool is_linked; /* what was loaded is bound together */

	/* the step */
	enum err err;
	uint32_t mark, ordinal;
	uint64_t seq;
	struct wall now;
	struct effects *fx;
	size_t fx_start; /* effects of this step begin here */
	struct undo *undos;
	size_t undo_count, undo_cap;
	char *saved;
	size_t saved_len, saved_cap;

	struct buf body; /* of timeline entries, used again and again */

	struct look *look;
};

/* Rows made for those who look at the state: slots that are used in turn. */
struct look {
	uint32_t next;
	struct incident incidents[SCRATCH_ROWS];
	struct timer timers[SCRATCH_ROWS];
	struct message messages[SCRATCH_ROWS];
	struct message outbox[CORE_OUTBOX_MAX];
};

/* -- state.c: objects, texts, the journal ------------------------------------------------------ */

void *obj_at(const struct core *c, enum pool_id pool, ref r); /* to read; r may be 0: the sink */
void *obj_edit(struct core *c, enum pool_id pool, ref r);     /* to write, saved before */
ref obj_new(struct core *c, enum pool_id pool);               /* zeroed; 0 when it failed */
void obj_drop(
    struct core *c, enum pool_id pool, ref r); /* gone at the step's end, with its texts */
bool obj_next(
    const struct core *c, enum pool_id pool, ref *r); /* walks the live ones; start with 0 */

static inline const struct inc *inc_at(const struct core *c, ref r)
{
	return obj_at(c, POOL_INC, r);
}
static inline const struct alr *alr_at(const struct core *c, ref r)
{
	return obj_at(c, POOL_ALR, r);
}
static inline const struct msg *msg_at(const struct core *c, ref r)
{
	return obj_at(c, POOL_MSG, r);
}
static inline const struct tmr *tmr_at(const struct core *c, ref r)
{
	return obj_at(c, POOL_TMR, r);
}
static inline const struct svc *svc_at(const struct core *c, ref r)
{
	return obj_at(c, POOL_SVC, r);
}
static inline struct inc *inc_edit(struct core *c, ref r)
{
	return obj_edit(c, POOL_INC, r);
}
static inline struct alr *alr_edit(struct core *c, ref r)
{
	return obj_edit(c, POOL_ALR, r);
}
static inline struct msg *msg_edit(struct core *c, ref r)
{
	return obj_edit(c, POOL_MSG, r);
}
static inline struct tmr *tmr_edit(struct core *c, ref r)
{
	return obj_edit(c, POOL_TMR, r);
}
static inline struct svc *svc_edit(struct core *c, ref r)
{
	return obj_edit(c, POOL_SVC, r);
}

static inline struct str text_str(const struct text *t)
{
	return t ? str_make(t->bytes, t->len) : STR("");
}
/* Puts s where *slot (in an object being edited) was; the empty str is NULL. */
void text_set(struct core *c, struct text **slot, struct str s);
/* The interned text, or NULL when nothing has it (or it is empty). */
const struct text *text_find(const struct core *c, struct str s);

ref inc_find(const struct core *c, uint64_t word);
ref msg_find(const struct core *c, uint64_t word);
ref alr_find(const struct core *c, struct str source, struct str dedup);
ref svc_find(const struct core *c, struct str name);
/* Into and out of the tables; the key fields must be set and stay. */
void inc_index(struct core *c, ref r, bool in);
void msg_index(struct core *c, ref r, bool in);
void alr_index(struct core *c, ref r, bool in);
void svc_index(struct core *c, ref r, bool in);

/* Lists of an incident, kept by rising id (new ones come at the end, so this costs nothing). */
void inc_link_alert(struct core *c, ref inc, ref alr);
void inc_link_message(struct core *c, ref inc, ref msg);
void inc_link_service(struct core *c, ref inc, struct str service);
void inc_unlink_alert(struct core *c, ref alr);
void inc_unlink_message(struct core *c, ref msg);
void inc_unlink_service(struct core *c, ref inc);
void ready_add(struct core *c, ref msg);
void ready_remove(struct core *c, ref msg);

/* A timer on an incident or a message (by its type); due may lie in the past. */
ref timer_add(struct core *c, uint64_t word, enum timer_type type, ref subject, struct wall due);
void timer_drop(struct core *c, ref t);
bool timer_is_of_message(enum timer_type type);
/* Moves all timers; their order stays. */
void timers_shift(struct core *c, int64_t by_ns);

enum err state_open(struct core *c);
void state_close(struct core *c);
void step_begin(struct core *c);
/* Calls fn for each object that this step saved or made, in order of its first change. */
void journal_walk(struct core *c, void (*fn)(struct core *, enum pool_id, ref));
/* Takes all back when c->err is set (and returns it), otherwise frees what went. */
enum err step_end(struct core *c);

/* -- rows.c: objects as rows ------------------------------------------------------------------- */

struct incident row_incident(const struct core *c, ref r); /* borrowed texts */
struct alert row_alert(const struct core *c, ref r);
struct message row_message(const struct core *c, ref r);
struct timer row_timer(const struct core *c, ref r);

/* x_row(): edit, and the object's row belongs to this step's effects in its last form. */
struct inc *inc_row(struct core *c, ref r);
struct alr *alr_row(struct core *c, ref r);
struct msg *msg_row(struct core *c, ref r);
void tmr_row(struct core *c, ref r);
void alr_row_details(struct core *c, ref r, struct str details);
/* Fills all rows; to be called before step_end. */
void rows_fill(struct core *c);
/* A new effect of its own, or NULL; texts by effect_str (a copy in the arena). */
struct effect *effect_add(struct core *c, enum effect_type type);
struct str effect_str(struct core *c, struct str s);
/* Memory in the effects' arena, or NULL: the step fails. */
void *effect_room(struct core *c, size_t count, size_t size);
struct str effect_printf(struct core *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
uint64_t word_new(struct core *c);
/* Timers as rows; r may be 0. */
ref timer_set(struct core *c, enum timer_type type, ref subject, struct wall due);
void timer_clear(struct core *c, ref r);

struct log_args {
	struct str type, agent, channel, summary, body;
};
void log_add(struct core *c, uint64_t incident_word, const struct log_args *args);
/* A timeline entry's body: a JSON object, {"k":v,...} */
struct jw body_start(struct core *c);
struct str body_end(struct core *c, struct jw *w);
struct str subject_route(struct core *c, const struct msg *m);
struct str subject_person(struct core *c, const struct msg *m);
void proof_add(
    struct core *c, struct str kind, struct str subject, struct str by, uint64_t evidence);
void proof_broken(struct core *c, struct str kind, struct str subject);

/* -- alert_table.c ----------------------------------------------------------------------------- */

/* Where an event came from and where it goes; made from a record. */
struct signal {
	struct str source_key, dedup_key;
	struct str service;        /* a name in the directory, or "": the fallback */
	struct str agent, channel; /* for the timeline */
	struct str summary, details;
	enum severity severity;
};
enum outcome alert_event(
    struct core *c, enum event_action action, const struct signal *s, ref *ret_inc);
/* Resolves it and lets it go; its incident's counts are the caller's. */
void alert_close(struct core *c, ref alr);

/* -- incident_table.c -------------------------------------------------------------------------- */

enum inc_event {
	INC_REPEAT, /* one of its alerts was triggered again, or another joined */
	INC_ACKNOWLEDGE,
	INC_UNACKNOWLEDGE,
	INC_RESOLVE,
	INC_ESCALATE, /* a person wants the next step now */
	INC_NOTE,
	INC_STEP_OVER,  /* the step's delay is over */
	INC_NOTIFY_DUE, /* a personal rule's delay is over */
	INC_ACK_TIMEOUT,
	INC_AUTO_RESOLVE,
	INC_EVENT_COUNT
};
struct cause {
	struct str agent, channel, text;
	struct str user, contact; /* INC_NOTIFY_DUE */
};
enum outcome incident_event(
    struct core *c, ref inc, enum inc_event event, const struct cause *cause);
ref incident_new(struct core *c, const struct signal *s);

/* -- escalation.c: whom to page and when ------------------------------------------------------- */

enum assign_how { ASSIGN_NEW, ASSIGN_DELAY, ASSIGN_PERSON, ASSIGN_AGAIN };
/* Goes to the first step from (step, loop) on where somebody can be paged; nobody: the fallback. */
void escalation_go(struct core *c, ref inc, uint32_t step, uint32_t loop, enum assign_how how,
    const struct cause *cause);
void escalation_next(struct core *c, ref inc, enum assign_how how, const struct cause *cause);
/* Pages this one as well, when he can be. */
void escalation_page(struct core *c, ref inc, struct str user);
void escalation_notify_due(struct core *c, ref inc, struct str user, struct str contact);
/* Pages the other contacts of the message's user that were not tried while it was under way. */
void escalation_others(struct core *c, ref inc, ref msg);
/* The page to this user's contact failed for good: his other contacts, the next step or the
 * fallback. */
void escalation_failed(struct core *c, ref inc, ref msg);
/* The message's user is paged anew, instead of all that was to go where he is not any more; when he
 * is gone the next ones are. */
void escalation_moved(struct core *c, ref inc, ref msg);
/* Promise 2: a triggered incident has a timer that pages, a page on its way, or somebody was told.
 */
void escalation_care(struct core *c, ref inc);
/* Clears the timers that page. */
void escalation_stop(struct core *c, ref inc);
const struct service *incident_service(const struct core *c, ref inc); /* NULL: the fallback */
ref incident_timer(const struct core *c, ref inc, enum timer_type type);
bool contact_is_usable(const struct core *c, const struct contact *contact);

/* -- message_table.c --------------------------------------------------------------------------- */

enum msg_event {
	MSG_HANDOVER,
	MSG_ACCEPTED,
	MSG_DELIVERED,
	MSG_AGAIN,     /* the attempt failed, another one follows */
	MSG_DOUBT,     /* nobody knows what became of the attempt; another one follows, marked */
	MSG_GIVE_UP,   /* the last attempt failed */
	MSG_STOP,      /* the attempt came to nothing and is no longer wanted */
	MSG_SUPERSEDE, /* no longer wanted */
	MSG_DUE,       /* the wait before the next attempt is over */
	MSG_MOVED,     /* where it was to go is not where its person can be reached any more */
	MSG_EVENT_COUNT
};
enum outcome message_event(struct core *c, ref m, enum msg_event event, struct wall next);
struct page {
	ref inc; /* 0 for a test page and the news that an incident is over */
	uint64_t inc_word;
	enum message_purpose purpose;
	bool urgent;
	struct str user; /* "" = the fallback */
	const struct contact *contact;
};
/* True: a page to this contact is on its way (a new one, or one that has not arrived yet). False:
 * no room. */
bool message_intend(struct core *c, const struct page *page);
/* Tells whom this message told that the incident is over. */
void message_all_clear(struct core *c, ref m);
/* The current attempt came to nothing, in one of the receipt's bad ways. */
enum outcome message_fail(struct core *c, ref m, enum receipt_state how, struct str error);
enum outcome message_receipt(struct core *c, const struct record_receipt *r);
void message_timer(struct core *c, ref m, enum timer_type type);
/* Lets go of a settled message that is of no use any more. */
void message_settle(struct core *c, ref m);
/* Of an open incident's settled pages the newest few are held, so that it is known who was told. */
void message_prune(struct core *c, ref inc);
bool message_is_wanted(const struct core *c, ref m);
/* It was not sent yet, and its user or contact is gone or has another address. */
bool message_is_moved(const struct core *c, ref m);
/* Such a one is superseded, and its person paged where he is now, or the next ones. */
void message_move(struct core *c, ref m);
/* All such ones; costs what is unsettled and the timers. */
void messages_move(struct core *c);
static inline bool message_is_unsettled(const struct msg *m)
{
	return m->state == MESSAGE_INTENDED || m->state == MESSAGE_SENDING;
}
static inline bool message_is_good(const struct msg *m)
{
	return m->state == MESSAGE_ACCEPTED || m->state == MESSAGE_DELIVERED;
}

/* -- load.c ------------------------------------------------------------------------------------ */

/* Binds what was loaded; part of the first step. */
void load_link(struct core *c);
