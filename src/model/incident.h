/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of incident management: what the pager core decides and the control store keeps. The
 * core keeps open ones in memory; texts that only readers need (details, links) live in the store
 * alone.
 */
#pragma once
#include "base/str.h"
#include "base/time.h"
#include "model/resource.h"

/* "Q" + 13 characters of [0-9A-V] (base 32 of a 64-bit word), with a NUL. Derived from the inbox
 * sequence number that made the thing, so a replay gives the same ids. An empty id is all NUL. */
struct id {
	char text[15];
};
static inline struct str id_str(const struct id *id)
{
	return str_c(id->text);
}
struct id id_make(uint64_t seq, uint32_t ordinal); /* distinct for seq < 2^42, ordinal < 2^22 */
must_check enum err id_parse(struct str s, struct id *ret_id);
/* The 64-bit word that the text shows; ids sort as their words do: by age. 0 for the empty id. */
uint64_t id_word(const struct id *id);
struct id id_from_word(uint64_t word); /* 0 gives the empty id */

enum incident_status {
	INCIDENT_TRIGGERED,
	INCIDENT_ACKNOWLEDGED,
	INCIDENT_RESOLVED,
	INCIDENT_STATUS_COUNT
};
extern const struct str incident_status_name[INCIDENT_STATUS_COUNT];

enum alert_status { ALERT_TRIGGERED, ALERT_RESOLVED, ALERT_STATUS_COUNT };
extern const struct str alert_status_name[ALERT_STATUS_COUNT];

struct incident {
	struct id id;
	uint64_t number;    /* 1, 2, 3 ... */
	struct str title;   /* at most 1024 bytes */
	struct str service; /* the service's name: survives a change of the directory */
	enum incident_status status;
	enum urgency urgency;
	struct wall created_at, changed_at, acknowledged_at, resolved_at; /* ns 0 = not yet */
	struct str changed_by; /* user name, "timeout", "events", ... */
	uint32_t step, loop;   /* where the escalation stands */
	uint32_t alerts_open, alerts_total;
	bool told;      /* a page about it was accepted by a provider since it (re)triggered */
	bool exhausted; /* the policy has run to its end */
	bool nobody;    /* nobody was on call when it escalated: the fallback was paged */
};

struct alert {
	struct id id, incident;
	struct str service;
	struct str source_key; /* integration key, or "rule:" + name, or "internal" */
	struct str dedup_key;  /* at most 255 characters */
	enum alert_status status;
	enum severity severity;
	struct wall created_at, changed_at;
	uint64_t count; /* triggers seen */
	struct str summary;
	struct str details; /* JSON: the whole last event as it came (payload, links, images,
	                       client); store only */
};

/* A page: one message to one person over one contact. */
enum message_state {
	MESSAGE_INTENDED,   /* decided, not yet handed over */
	MESSAGE_SENDING,    /* committed as handed to the notifier */
	MESSAGE_ACCEPTED,   /* a provider took it */
	MESSAGE_DELIVERED,  /* the far end proved it */
	MESSAGE_FAILED,     /* given up */
	MESSAGE_SUPERSEDED, /* no longer wanted before it left */
	MESSAGE_STATE_COUNT
};
extern const struct str message_state_name[MESSAGE_STATE_COUNT];

enum message_purpose { PURPOSE_INCIDENT, PURPOSE_RESOLVED, PURPOSE_TEST, PURPOSE_COUNT };
extern const struct str message_purpose_name[PURPOSE_COUNT];

struct message {
	struct id id;       /* also the idempotency key of every attempt */
	struct id incident; /* empty for a test page */
	enum message_purpose purpose;
	struct str user; /* name; "" = fallback */
	enum contact_type contact_type;
	struct str contact; /* the contact's name */
	struct str address;
	struct str provider; /* of the current or last attempt */
	enum message_state state;
	uint32_t attempt;     /* 1 = first */
	bool maybe_duplicate; /* an earlier attempt may have reached its goal */
	struct wall created_at, changed_at, next_at; /* next_at: of the next attempt, 0 = none */
	struct str error;                            /* last provider error, no secrets */
	struct str reference;                        /* the provider's own id for it */
};

enum timer_type {
	TIMER_ESCALATE,     /* incident: next step */
	TIMER_NOTIFY,       /* incident + user + rule: the personal rule's delay is over */
	TIMER_ACK_TIMEOUT,  /* incident: acknowledged too long */
	TIMER_AUTO_RESOLVE, /* incident */
	TIMER_RETRY,        /* message: next attempt */
	TIMER_RECEIPT,      /* message: no receipt came in time */
	TIMER_TYPE_COUNT
};
extern const struct str timer_type_name[TIMER_TYPE_COUNT];

struct timer {
	struct id id;
	enum timer_type type;
	struct wall due;
	struct id subject;  /* incident or message */
	struct str user;    /* TIMER_NOTIFY */
	uint32_t rule;      /* TIMER_NOTIFY: index of the personal rule when it was set */
	struct str contact; /* TIMER_NOTIFY: the contact's name */
};

/* The timeline; types are PagerDuty's names without _log_entry, and ours beside them. */
struct log_entry {
	struct id id, incident;
	struct wall at;
	struct str
	    type; /* trigger acknowledge unacknowledge assign escalate exhaust_escalation_path
	             repeat_escalation_path notify resolve annotate urgency_change */
	struct str agent;   /* user name, integration name, "timeout" ... */
	struct str channel; /* events api ui cli link timeout rule auto */
	struct str summary; /* a sentence */
	struct str body; /* JSON object with the particulars (message id, state, provider, address)
	                    or empty */
};

/* The ledger: when a subject was last proven to work. Keyed by (kind, subject). */
struct proof {
	struct str kind;    /* rule | route | provider | person */
	struct str subject; /* rule name; "service/contact type"; provider name; "user/contact" */
	struct wall proven_at;
	struct str by;       /* receipt | acknowledgement | fired | test */
	struct str evidence; /* id of the message, incident, log entry */
	bool broken;         /* the last attempt failed after proven_at */
};

/* The ledger's names for subjects, in the arena; {NULL, 0} when it refuses. A person's name "" is
 * the fallback. */
struct str proof_subject_route(struct arena *a, struct str service, enum contact_type type);
struct str proof_subject_person(struct arena *a, struct str user, struct str contact);
