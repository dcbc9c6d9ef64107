/* SPDX-License-Identifier: Apache-2.0
 *
 * Events from outside -> inbox records: PagerDuty Events API v2 (alert and change), its v1, and
 * Alertmanager's alerts. Pure; every wrong thing in an event is found and named, so that whoever
 * wired it up sees all of it at once. Unknown fields are kept in `details` and otherwise ignored.
 */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "model/record.h"

#define EVENT_BODY_MAX (512u * 1024)
#define EVENT_SUMMARY_MAX 1024u /* characters */
#define EVENT_DEDUP_MAX 255u
#define EVENT_ERRORS_MAX 16u

/* What is wrong, in the words of the answer. */
struct event_errors {
	bool not_json; /* "Unrecognized object" instead of "invalid event" */
	size_t count;
	struct str list[EVENT_ERRORS_MAX];
};

/* The key of a trigger that has none: the caller's random bytes. */
struct event_random {
	unsigned char bytes[16];
};

/* ERR_INPUT with *ret_errors; ERR_NOMEM, ERR_LIMIT (arena). The record borrows from body and arena.
 */
must_check enum err event_read_v2(struct arena *a, struct str body,
    const struct event_random *random, struct record *ret, struct event_errors *ret_errors);
must_check enum err event_read_change(struct arena *a, struct str body, struct wall now,
    struct record *ret, struct event_errors *ret_errors);
must_check enum err event_read_v1(struct arena *a, struct str body,
    const struct event_random *random, struct record *ret, struct event_errors *ret_errors);

#define EVENT_ALERTS_MAX 1024u
/* Alertmanager's POST /api/v2/alerts: a list of alerts, each of which becomes a trigger, or a
 * resolve when its end has come at `now`. The dedup key is a hash of the labels. */
must_check enum err event_read_alerts(struct arena *a, struct str body, struct str key,
    struct wall now, struct record **ret_list, size_t *ret_count, struct event_errors *ret_errors);
