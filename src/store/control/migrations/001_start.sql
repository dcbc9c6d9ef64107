-- SPDX-License-Identifier: Apache-2.0
-- The control store: what the pager core decided. Ids are the words behind the texts that people see
-- (model/incident.h), so they are row numbers and new rows go to the end of their tables. Times are
-- nanoseconds UTC, 0 = not yet. Enumerations are their names.

CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value
) WITHOUT ROWID;

CREATE TABLE incident (
	id INTEGER PRIMARY KEY,
	number INTEGER NOT NULL,
	title TEXT NOT NULL,
	service TEXT NOT NULL,
	status TEXT NOT NULL,
	urgency TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	acknowledged_at INTEGER NOT NULL,
	resolved_at INTEGER NOT NULL,
	changed_by TEXT NOT NULL,
	step INTEGER NOT NULL,
	loop INTEGER NOT NULL,
	alerts_open INTEGER NOT NULL,
	alerts_total INTEGER NOT NULL,
	told INTEGER NOT NULL,
	exhausted INTEGER NOT NULL,
	nobody INTEGER NOT NULL
);
-- The open ones with all that lists filter by: a page of the list touches only its own rows.
CREATE INDEX incident_open ON incident (id, status, urgency, service, told) WHERE resolved_at = 0;

CREATE TABLE alert (
	id INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL,
	service TEXT NOT NULL,
	source_key TEXT NOT NULL,
	dedup_key TEXT NOT NULL,
	status TEXT NOT NULL,
	severity TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	count INTEGER NOT NULL,
	summary TEXT NOT NULL,
	details TEXT NOT NULL
);
CREATE INDEX alert_incident ON alert (incident);

CREATE TABLE message (
	id INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL,
	purpose TEXT NOT NULL,
	user TEXT NOT NULL,
	contact_type TEXT NOT NULL,
	contact TEXT NOT NULL,
	address TEXT NOT NULL,
	provider TEXT NOT NULL,
	state TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	maybe_duplicate INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	next_at INTEGER NOT NULL,
	error TEXT NOT NULL,
	reference TEXT NOT NULL
);
CREATE INDEX message_incident ON message (incident);
-- The outbox: what is not settled, with all that the auditor asks of it.
CREATE INDEX message_open ON message (id, incident, state, created_at, next_at)
	WHERE state IN ('intended', 'sending');

CREATE TABLE timer (
	id INTEGER PRIMARY KEY,
	type TEXT NOT NULL,
	due INTEGER NOT NULL,
	subject INTEGER NOT NULL,
	user TEXT NOT NULL,
	rule INTEGER NOT NULL,
	contact TEXT NOT NULL
);

CREATE TABLE log_entry (
	id INTEGER PRIMARY KEY,
	incident INTEGER NOT NULL,
	at INTEGER NOT NULL,
	type TEXT NOT NULL,
	agent TEXT NOT NULL,
	channel TEXT NOT NULL,
	summary TEXT NOT NULL,
	body TEXT NOT NULL
);
CREATE INDEX log_entry_incident ON log_entry (incident);

CREATE TABLE proof (
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	proven_at INTEGER NOT NULL,
	by TEXT NOT NULL,
	evidence TEXT NOT NULL,
	broken INTEGER NOT NULL,
	PRIMARY KEY (kind, subject)
) WITHOUT ROWID;

CREATE TABLE change_event (
	id INTEGER PRIMARY KEY,
	routing_key TEXT NOT NULL,
	summary TEXT NOT NULL,
	source TEXT NOT NULL,
	details TEXT NOT NULL,
	at INTEGER NOT NULL
);

CREATE TABLE resource (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	body TEXT NOT NULL,
	manager TEXT NOT NULL,
	version INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	changed_by TEXT NOT NULL,
	PRIMARY KEY (kind, name)
);

CREATE TABLE credential (
	user TEXT PRIMARY KEY,
	password_hash TEXT NOT NULL,
	changed_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (
	token_sha256 TEXT PRIMARY KEY,
	user TEXT NOT NULL,
	expires INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE one_time (
	token_sha256 TEXT PRIMARY KEY,
	user TEXT NOT NULL,
	expires INTEGER NOT NULL,
	used_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
	seq INTEGER PRIMARY KEY,
	at INTEGER NOT NULL,
	actor TEXT NOT NULL,
	via TEXT NOT NULL,
	remote TEXT NOT NULL,
	action TEXT NOT NULL,
	subject TEXT NOT NULL
);

-- Decided events and accepted pages, by minute: the business metric.
CREATE TABLE rate (
	minute INTEGER PRIMARY KEY,
	events INTEGER NOT NULL,
	pages INTEGER NOT NULL
);
