/* SPDX-License-Identifier: Apache-2.0
 *
 * Inbox records: every input on which the pager core decides. The inbox holds them in order (as
 * bytes: wire/record.h); each has a sequence number and the time `at` at which it was accepted
 * (never decreasing), so the inbox replayed into an empty store gives the same history. Passing
 * time is an input as well: RECORD_TICK is appended before due timers are decided. A record borrows
 * all its texts.
 */
#pragma once
#include "base/time.h"
#include "model/incident.h"

enum record_type {
	RECORD_TICK = 1,      /* nothing but its time: fire what is due */
	RECORD_EVENT = 2,     /* trigger, acknowledge, resolve by a source */
	RECORD_COMMAND = 3,   /* a person's act on an incident */
	RECORD_RECEIPT = 4,   /* what became of an attempt at a message */
	RECORD_RULES = 5,     /* changed states of a rule group */
	RECORD_RESOURCES = 6, /* resources set or removed */
	RECORD_CREDENTIAL =
	    7, /* sign-in data: password hashes, sessions, one-time links (hashes only) */
	RECORD_CHANGE = 8, /* a change event: kept, never notifies */
	RECORD_BOOT =
	    9, /* the engine started (how the last run ended): sends in flight are in doubt */
	RECORD_TEST_PAGE = 10, /* page this contact as a test */
	RECORD_HANDOVER =
	    11, /* these intended messages go to the notifier now: they become `sending` */
	RECORD_TYPE_COUNT
};

enum event_action { EVENT_TRIGGER, EVENT_ACKNOWLEDGE, EVENT_RESOLVE, EVENT_ACTION_COUNT };
extern const struct str event_action_name[EVENT_ACTION_COUNT];

/* A clock that was set forward: `stepped` is by how much the wall time of this record is ahead of
 * the time that has really passed since the record before. Timers are durations, so they move with
 * it. */
struct record_tick {
	struct span stepped; /* >= 0; 0 = nothing unusual */
};

struct record_event {
	struct str
	    routing_key; /* an integration key; or "" with `service` set (rules, internal alerts) */
	struct str service; /* name; "" = by routing_key; unknown = the fallback service */
	enum event_action action;
	struct str
	    dedup_key; /* <= 255 characters; never empty: web makes one for a trigger without */
	struct str summary; /* <= 1024 characters */
	struct str source;
	enum severity severity;
	struct str client;  /* for the timeline */
	struct str details; /* the event's JSON as it came, or empty */
	struct str via;     /* "v2" "v1" "alertmanager" "statsd" "rule" "internal" */
};

enum command_type {
	COMMAND_ACKNOWLEDGE,
	COMMAND_RESOLVE,
	COMMAND_UNACKNOWLEDGE,
	COMMAND_NOTE,
	COMMAND_ESCALATE,
	COMMAND_TYPE_COUNT
};
struct record_command {
	enum command_type type;
	struct id incident;
	struct str actor; /* user or token name */
	struct str via;   /* api ui cli link */
	struct str from;  /* remote address */
	struct str text;  /* note */
	struct id
	    message; /* via link: the message whose link it was (proves that person's contact) */
};

enum receipt_state {
	RECEIPT_ACCEPTED,
	RECEIPT_DELIVERED,
	RECEIPT_FAILED_RETRY,
	RECEIPT_FAILED_FINAL,
	RECEIPT_CANCELLED,
	RECEIPT_UNKNOWN
};
struct record_receipt {
	struct id message;
	uint32_t attempt;
	enum receipt_state
	    state; /* UNKNOWN: it may have gone out (connection lost after DATA, crash) */
	struct str provider, reference, error;
};

struct record_rule_state {
	struct str rule; /* the rule's name */
	struct str
	    labels; /* canonical JSON object of the alert's labels: with rule it is the key */
	bool firing;
	double value;
	struct str summary, annotations; /* JSON object or empty */
	struct str reason;               /* above | below | no_data | condition | silent */
};
struct record_rules {
	struct str group;
	const struct record_rule_state *states;
	uint32_t state_count;
};

struct record_resource {
	bool remove;
	struct str kind, name, body; /* body: the document as JSON; empty when removed */
};
struct record_resources {
	enum manager manager;
	bool whole; /* this is all that the manager has: what is not in it is removed */
	struct str actor, via, from;
	const struct record_resource *resources;
	uint32_t resource_count;
};

enum credential_type {
	CREDENTIAL_PASSWORD, /* user -> argon2id string */
	CREDENTIAL_SESSION,  /* token hash -> user, expires */
	CREDENTIAL_SESSION_END,
	CREDENTIAL_ONE_TIME, /* one-time sign-in link: token hash -> user (may be ""), expires */
	CREDENTIAL_ONE_TIME_USED,
	CREDENTIAL_TYPE_COUNT
};
struct record_credential {
	enum credential_type type;
	struct str user, secret_hash; /* PHC string or hex of a SHA-256 */
	struct wall expires;
	struct str from;
};

struct record_change {
	struct str routing_key, summary, source, details;
	struct wall timestamp;
};

struct record_boot {
	struct str how; /* "clean", "crash", "first" */
	struct str version;
};

struct record_test_page {
	struct str user, contact; /* contact's name; user "" = the fallback contacts */
	struct str actor;
};

struct record_handover {
	const struct id *messages;
	uint32_t message_count;
};

struct record {
	uint64_t seq;   /* given by the inbox */
	struct wall at; /* given by the engine when it is appended */
	enum record_type type;
	union {
		struct record_tick tick;
		struct record_event event;
		struct record_command command;
		struct record_receipt receipt;
		struct record_rules rules;
		struct record_resources resources;
		struct record_credential credential;
		struct record_change change;
		struct record_boot boot;
		struct record_test_page test_page;
		struct record_handover handover;
	};
};
