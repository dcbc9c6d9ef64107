/* SPDX-License-Identifier: Apache-2.0 */
#include "incident/clock.h"

#include <assert.h>

#define STEP_MIN SPAN_S(2) /* less is the wall clock being trimmed */

struct wall core_clock(struct wall last_at, struct span elapsed, struct wall now, struct span *ret_stepped)
{
	bool known = elapsed.ns >= 0;
	assert(ret_stepped);
	if (!known)
		elapsed.ns = 0;
	struct wall slow = wall_add(last_at, (struct span){ elapsed.ns - elapsed.ns / 10 });
	struct span ahead = wall_sub(now, wall_add(last_at, elapsed));
	*ret_stepped = (struct span){ 0 };
	if (known && ahead.ns >= STEP_MIN.ns)
		*ret_stepped = ahead;
	return now.ns > slow.ns ? now : slow;
}
