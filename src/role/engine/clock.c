/* SPDX-License-Identifier: Apache-2.0
 *
 * The time of records.
 */
#include "role/engine/clock.h"

#include "base/surprise.h"

#include <assert.h>

struct clock clock_make(struct wall last_at, struct wall wall, struct mono mono)
{
	struct clock c = { .last_at = wall, .last_mono = mono };
	if (wall.ns < last_at.ns) {
		c.last_at = last_at;
		c.behind = true;
		c.steps_back++;
	}
	return c;
}

struct wall clock_now(struct clock *c, struct wall wall, struct mono mono, struct span *ret_stepped)
{
	struct span passed = mono_sub(mono, c->last_mono);
	assert(passed.ns >= 0);
	struct wall expected = wall_add(c->last_at, passed);
	struct span off = wall_sub(wall, expected);
	ret_stepped->ns = 0;
	if (off.ns > CLOCK_STEP.ns) {
		*ret_stepped = off;
		c->steps_forward++;
		c->last_at = wall;
		c->behind = false;
	} else if (off.ns < -CLOCK_STEP.ns) {
		if (surprise(!c->behind, "engine/clock set back"))
			c->steps_back++;
		c->behind = true;
		c->last_at = expected;
	} else {
		c->behind = false;
		if (wall.ns > c->last_at.ns)
			c->last_at = wall;
	}
	c->last_mono = mono;
	return c->last_at;
}
