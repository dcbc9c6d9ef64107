/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parent starts and connects, as data, and when it starts a dead role again: pure.
 */
#pragma once
#include "base/time.h"
#include "wire/control.h"

/* Roles that have a socketpair between them. */
struct role_link {
	enum role a, b;
};
extern const struct role_link role_links[];
extern const size_t role_link_count;

/* The roles that the parent keeps running, in the order of their start. */
extern const enum role role_started[];
extern const size_t role_started_count;

/* How long to wait before the n-th restart in a row (n = 1, 2, ...): at once, then doubling from
 * 100 ms to 5 s. A run of at least ten seconds begins a new row. */
struct span restart_wait(uint32_t in_a_row);
#define RESTART_ROW_ENDS SPAN_S(10)
/* A running role without a beat for so long is killed. */
#define BEAT_LIMIT SPAN_S(10)
/* One that is starting (reading its store) has so long until it is ready. */
#define START_LIMIT SPAN_S(120)
/* The parent's own clock stood still when its tick of a second comes so late. */
#define OWN_GAP SPAN_S(3)
/* One that was told to stop and has not. */
#define STOP_LIMIT SPAN_S(10)

/* "killed by signal 9 (Killed)", "exit 71", "ended"; into buf. status: as waitpid gives it. */
void role_end_text(struct buf *b, int status, bool stuck);
