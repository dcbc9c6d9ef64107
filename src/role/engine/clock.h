/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of records: wall time that never goes back. While the wall clock is behind the last
 * record (it was set back) time goes on from that record by the monotonic clock, so timers keep
 * running; a clock that was set forward is noticed, so that timers can be moved with it.
 */
#pragma once
#include "base/time.h"

#define CLOCK_STEP SPAN_S(5) /* less is the slewing of a time daemon */

struct clock {
	struct wall last_at;
	struct mono last_mono;
	uint64_t steps_back, steps_forward;
	bool behind;
};
/* Continues after `last_at`; at start time has passed as the wall clock says. */
struct clock clock_make(struct wall last_at, struct wall wall, struct mono mono);
/* The time now; *ret_stepped: by how much the wall clock jumped ahead since the last call (0: it
 * did not). */
struct wall clock_now(
    struct clock *c, struct wall wall, struct mono mono, struct span *ret_stepped);
