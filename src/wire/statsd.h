/* SPDX-License-Identifier: Apache-2.0
 *
 * StatsD and DogStatsD lines, read one sample at a time out of a datagram without copying.
 *
 *   name:value|type[|@rate][|#key:value,...][|c:container][|Tseconds]
 *   name:value|type:value|type          several samples of one name (only without tags)
 *   name:value:value|type...            packed values (not for sets)
 *   _e{title bytes,text bytes}:title|text|...      event
 *   _sc|name|status|...                            service check
 *
 * Lines are separated by '\n' ("\r\n" is taken too); empty lines are nothing. What a sample means
 * (adding up, unit, series name) is the reader's business; statsd_name and statsd_tag_next say how
 * Prometheus' statsd_exporter would spell it. All strs borrow from the datagram.
 */
#pragma once
#include "base/buf.h"
#include "base/str.h"

#define STATSD_LINE_MAX 8192u /* bytes; a longer line is refused whole */

enum statsd_type {
	STATSD_COUNTER,   /* c */
	STATSD_GAUGE,     /* g */
	STATSD_TIMER,     /* ms: in milliseconds */
	STATSD_HISTOGRAM, /* h, d: as it is */
	STATSD_SET,       /* s */
	STATSD_TYPE_COUNT
};

/* Why a line, or a sample within it, was refused. */
enum statsd_bad {
	STATSD_BAD_LINE, /* no name, no colon, or not UTF-8 */
	STATSD_BAD_TOO_LONG,
	STATSD_BAD_PARTS,     /* no '|' after the colon */
	STATSD_BAD_COMPONENT, /* an empty or unknown part after the type, or too many */
	STATSD_BAD_VALUE,     /* not a finite number */
	STATSD_BAD_NEGATIVE,  /* a counter below zero */
	STATSD_BAD_TYPE,
	STATSD_BAD_RATE,
	STATSD_BAD_TIMESTAMP,
	STATSD_BAD_CONTAINER,
	STATSD_BAD_EVENT,    /* a broken _e{} */
	STATSD_BAD_CHECK,    /* a broken _sc */
	STATSD_BAD_CONFLICT, /* the name is in use with another type (found by who adds up) */
	STATSD_BAD_COUNT
};
extern const struct str statsd_bad_name[STATSD_BAD_COUNT];   /* the value of the label reason */
extern const struct str statsd_type_name[STATSD_TYPE_COUNT]; /* counter gauge timer histogram set */

struct statsd_sample {
	enum statsd_type type;
	bool relative; /* gauge: the value has a sign, so it is added */
	bool whole;    /* the value is `whole_value` exactly */
	bool timed;
	int64_t whole_value;
	double value;         /* as sent: not scaled by rate or unit; 0 for a set */
	double rate;          /* > 0; 1 when there is none */
	int64_t time_s;       /* when timed */
	struct str name;      /* as sent, not empty */
	struct str member;    /* set: the value's bytes */
	struct str tags;      /* what follows '#', or empty */
	struct str container; /* or empty */
};

enum statsd_alert {
	STATSD_ALERT_INFO,
	STATSD_ALERT_SUCCESS,
	STATSD_ALERT_WARNING,
	STATSD_ALERT_ERROR
};
struct statsd_event {
	struct str title, text; /* text: with the two bytes \n for a line break, as sent */
	enum statsd_alert alert;
	bool low_priority;
	bool timed;
	int64_t time_s;
	struct str host, key, source, tags; /* empty when absent; key: to group events */
};

struct statsd_check {
	struct str name;
	uint8_t status; /* 0 ok, 1 warning, 2 critical, 3 unknown */
	bool timed;
	int64_t time_s;
	struct str host, tags, message;
};

enum statsd_item { STATSD_END, STATSD_SAMPLE, STATSD_EVENT, STATSD_CHECK, STATSD_BAD };

struct statsd_reader {
	/* results of the last statsd_next, by the item it returned */
	struct statsd_sample sample;
	struct statsd_event event;
	struct statsd_check check;
	enum statsd_bad bad;
	struct str line; /* the whole line it came from */
	uint64_t lines;  /* not empty ones so far */
	/* private */
	struct str rest;   /* lines to come */
	struct str parts;  /* samples to come in this line: value|type... ptr NULL = none */
	struct str values; /* packed values to come; ptr NULL = none */
	bool ascii, tagged;
};

struct statsd_reader statsd_reader_make(struct str datagram);
/* The next item; STATSD_END when nothing is left. Never fails otherwise: what cannot be understood
 * is STATSD_BAD with the reason in r->bad, and the reading goes on behind it. */
enum statsd_item statsd_next(struct statsd_reader *r);

/* Appends the name as statsd_exporter maps it: every character but [a-zA-Z0-9_] becomes one '_' (a
 * run of '-' only one), a leading digit gets a '_' before it. */
void statsd_name(struct buf *b, struct str name);
/* Cuts the next well-formed key:value off *tags; false at the end. Tags without a key, a value or a
 * colon are skipped and counted in *bad. */
bool statsd_tag_next(struct str *tags, struct str *ret_key, struct str *ret_value, uint64_t *bad);
