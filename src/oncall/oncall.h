/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is on call: pure functions of (schedule, instant). Rotations turn on the local wall clock of
 * the schedule's zone: a weekly turn at 09:00 is at 09:00 before and after a change of the clocks.
 * Where a local time happens twice (clocks set back) a shift starts at its first occurrence and
 * ends at its last; where it does not exist (set forward) it is the instant of the change.
 */
#pragma once
#include "model/resource.h"
#include "oncall/zone.h"

/* Index of the user on call at t, or -1 for nobody. */
int32_t oncall_at(const struct directory *dir, const struct schedule *schedule, struct wall t);

struct shift {
	struct wall start, end; /* [start, end) */
	int32_t user;           /* -1 = nobody: a gap */
	bool is_override;
};
/* The final schedule over [since, until): consecutive shifts, gaps included, clipped to the bounds,
 * in the arena. At most `max` shifts (the rest is cut). */
must_check enum err oncall_shifts(const struct directory *dir, const struct schedule *schedule,
    struct wall since, struct wall until, size_t max, struct arena *arena,
    struct shift **ret_shifts, size_t *ret_count);
