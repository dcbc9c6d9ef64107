/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the control store, for web's workers and the auditor: read-only, beside the one writer
 * (the engine). A reader belongs to one thread. Every function is one short snapshot: it begins and
 * ends its own read transaction, and a query that has run for CONTROL_READ_MS is given up with
 * ERR_BUSY, because a snapshot that is held keeps the write-ahead log from being emptied.
 *
 * Rows and their texts live in the given arena (bound it: its limit bounds the answer). Errors
 * common to all: ERR_BUSY (took too long, or the writer starts just now: try again), ERR_NOMEM /
 * ERR_LIMIT of the arena, ERR_IO. After ERR_IO close the reader and open it again.
 */
#pragma once
#include "base/arena.h"
#include "model/record.h"
#include "os/os.h"

#define CONTROL_READ_MS 250

struct control_reader;

/* Opens data_dir/control/control.db. ERR_GONE: there is none yet (the engine makes it): try later.
 * ERR_DENIED: its schema is newer or older than this program's. ERR_IO. Cheap enough to repeat. */
must_check enum err control_reader_open(const struct mem *mem, const struct os *os,
    struct str data_dir, struct control_reader **ret_reader);
void control_reader_close(struct control_reader **reader);

/* ---- incidents ---- */
struct control_incident_query {
	unsigned statuses;          /* bits 1u << enum incident_status; 0 = all */
	unsigned urgencies;         /* bits 1u << enum urgency; 0 = all */
	const struct str *services; /* names; service_count 0 = all */
	size_t service_count;
	struct wall since, until; /* created_at in [since, until); ns 0 = no bound */
	struct str text;      /* part of the title, ASCII case ignored; or the whole number or id */
	bool oldest_first;    /* by number; else the newest first */
	bool high_first;      /* high urgency before low, then as above */
	size_t limit, offset; /* limit >= 1 */
	bool total;           /* count all that match */
};
struct control_incidents {
	struct incident *list;
	size_t count;
	bool more;      /* there are rows beyond offset + count */
	uint64_t total; /* 0 when not asked for */
};
must_check enum err control_incidents(struct control_reader *r,
    const struct control_incident_query *q, struct arena *a, struct control_incidents *ret);
/* ERR_GONE: no such incident. */
must_check enum err control_incident(
    struct control_reader *r, const struct id *id, struct arena *a, struct incident *ret);
/* By its number, for people who type "12". */
must_check enum err control_incident_by_number(
    struct control_reader *r, uint64_t number, struct arena *a, struct incident *ret);

struct control_counts {
	uint64_t open, triggered, acknowledged;
	uint64_t outbox;    /* messages intended */
	uint64_t unsettled; /* intended or sending */
	struct wall
	    outbox_oldest; /* created_at of the oldest intended one whose time has come, 0 = none */
	uint64_t decided_seq;
};
must_check enum err control_counts(
    struct control_reader *r, struct wall now, struct control_counts *ret);

/* Whom an incident's pages were for: distinct user names, in order of their first message. For the
 * `assignments` of a list page; the answer has one entry per id, in the order asked. */
struct control_people {
	struct str *users;
	struct wall *at; /* of the first message */
	size_t count;
};
must_check enum err control_people(struct control_reader *r, const struct id *ids, size_t id_count,
    struct arena *a, struct control_people **ret_list);

/* ---- what belongs to an incident ---- */
struct control_log_query {
	struct id incident;       /* empty = all incidents */
	struct wall since, until; /* as above */
	bool newest_first;
	size_t limit, offset;
};
must_check enum err control_log_entries(struct control_reader *r, const struct control_log_query *q,
    struct arena *a, struct log_entry **ret_list, size_t *ret_count, bool *ret_more);
/* ERR_GONE: no such entry. */
must_check enum err control_log_entry(
    struct control_reader *r, const struct id *id, struct arena *a, struct log_entry *ret);
/* with_details false leaves `details` empty (it may be half a megabyte each). Oldest first. */
must_check enum err control_alerts(struct control_reader *r, const struct id *incident,
    bool with_details, size_t limit, size_t offset, struct arena *a, struct alert **ret_list,
    size_t *ret_count, bool *ret_more);
must_check enum err control_alert(
    struct control_reader *r, const struct id *id, struct arena *a, struct alert *ret);
must_check enum err control_messages(struct control_reader *r, const struct id *incident,
    size_t limit, struct arena *a, struct message **ret_list, size_t *ret_count);
/* One message, for the links in pages. ERR_GONE. */
must_check enum err control_message(
    struct control_reader *r, const struct id *id, struct arena *a, struct message *ret);
/* Test pages belong to no incident: the newest first. */
must_check enum err control_test_messages(struct control_reader *r, size_t limit, struct arena *a,
    struct message **ret_list, size_t *ret_count);
must_check enum err control_timers(struct control_reader *r, const struct id *incident,
    size_t limit, struct arena *a, struct timer **ret_list, size_t *ret_count);

/* ---- the ledger ---- */
must_check enum err control_proofs(struct control_reader *r, size_t limit, struct arena *a,
    struct proof **ret_list, size_t *ret_count);

/* ---- change events, newest first ---- */
struct control_change {
	struct id id;
	struct str routing_key, summary, source, details;
	struct wall at;
};
must_check enum err control_changes(struct control_reader *r, size_t limit, size_t offset,
    struct arena *a, struct control_change **ret_list, size_t *ret_count, bool *ret_more);

/* ---- resources ---- */
struct control_resource {
	struct str kind, name, body; /* body: the document as JSON */
	enum manager manager;
	uint64_t version; /* inbox sequence number of the last change */
	struct wall changed_at;
	struct str changed_by;
};
/* kind "" = all; ordered by (kind, name). */
must_check enum err control_resources(struct control_reader *r, struct str kind, struct arena *a,
    struct control_resource **ret_list, size_t *ret_count);
/* Changes whenever a resource does: compile the directory anew then. Cheap. */
must_check enum err control_resources_version(struct control_reader *r, uint64_t *ret_version);
/* The providers, fallback contacts and base_url with which the engine decides:
 * {"providers":[{"name","type"}],"fallback":[{"name","type","address"}],"base_url":"..."}.
 * ERR_GONE: not yet. */
must_check enum err control_installation(
    struct control_reader *r, struct arena *a, struct str *ret_json);

/* ---- sign-in ---- */
/* The argon2id string of a user. ERR_GONE: has none. */
must_check enum err control_credential(
    struct control_reader *r, struct str user, struct arena *a, struct str *ret_hash);
/* Hex SHA-256 of the token. ERR_GONE: unknown or over at `now`. */
must_check enum err control_session(struct control_reader *r, struct str token_sha256,
    struct wall now, struct arena *a, struct str *ret_user);
/* ERR_GONE: unknown, used, or over. *ret_user may be empty: the one who uses it chooses a name. */
must_check enum err control_one_time(struct control_reader *r, struct str token_sha256,
    struct wall now, struct arena *a, struct str *ret_user);

/* ---- figures ---- */
struct control_rate {
	struct wall at;         /* the minute's start */
	uint64_t events, pages; /* decided inputs; pages that a provider took */
};
/* One entry for each of the `minutes` (<= 1440) minutes that end with the one holding `now`. */
must_check enum err control_rates(struct control_reader *r, struct wall now, size_t minutes,
    struct arena *a, struct control_rate **ret_list);

struct control_audit {
	uint64_t seq;
	struct wall at;
	struct str actor, via, remote, action, subject;
};
must_check enum err control_audits(struct control_reader *r, size_t limit, size_t offset,
    struct arena *a, struct control_audit **ret_list, size_t *ret_count, bool *ret_more);

/* ---- the promises, for the auditor ---- */
struct control_promises {
	uint64_t open;   /* incidents looked at */
	uint64_t broken; /* of them without a live timer, an unsettled message or a told human */
	struct id first_broken;
	uint64_t nobody; /* triggered incidents that found nobody on call: the fallback was paged */
	uint64_t lost_timers;      /* timers overdue by more than `grace` */
	struct wall outbox_oldest; /* as in control_counts */
	uint64_t decided_seq;
	struct wall decided_at; /* record time of the last decided record */
};
/* Promise 2 for every open incident; costs as many rows as are open. */
must_check enum err control_promises(
    struct control_reader *r, struct wall now, struct span grace, struct control_promises *ret);
