/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of the next record, from two clocks: one that steps (wall) and one that does not (elapsed). Records'
 * times never fall, and durations must pass at about their pace whatever is done to the wall clock:
 *   - set forward: the records jump with it, and `stepped` says how far, so that timers move along
 *     (append a RECORD_TICK with it first);
 *   - set back: the records go on, a tenth slower than time passes, until the wall clock has caught up.
 */
#pragma once
#include "base/time.h"

/* last_at: of the last record, or from the inbox after a start; elapsed: on the steady clock since then,
 * negative after a start, when nobody knows; now: the wall clock. *ret_stepped is 0 or positive. */
struct wall core_clock(struct wall last_at, struct span elapsed, struct wall now, struct span *ret_stepped);
