/* SPDX-License-Identifier: Apache-2.0
 *
 * One function a promise.
 */
#include "role/auditor/checks.h"

#include <assert.h>

const struct str check_name[CHECK_COUNT] = {
	[CHECK_BEAT] = STR_INIT("beat"),
	[CHECK_UNDECIDED] = STR_INIT("undecided"),
	[CHECK_OUTBOX] = STR_INIT("outbox"),
	[CHECK_COVER] = STR_INIT("cover"),
	[CHECK_TIMERS] = STR_INIT("timers"),
	[CHECK_STORE] = STR_INIT("store"),
};

static long long seconds(struct span d)
{
	return (long long)(d.ns / NS_PER_S);
}

static bool is_starting(const struct sight *s)
{
	return mono_sub(s->now, s->started).ns < CHECK_START.ns;
}

static struct str look_beat(const struct sight *s, struct arena *a)
{
	struct span silent = mono_sub(s->now, s->beat_at.ns ? s->beat_at : s->started);
	if (silent.ns <= CHECK_BEAT_MAX.ns || (s->beat_at.ns == 0 && is_starting(s)))
		return STR("");
	return arena_printf(
	    a, "The engine is silent since %lld s: nobody decides whom to page", seconds(silent));
}

/* A figure of the engine counts as long as it is young; its silence is another check. */
static bool is_fresh(const struct sight *s)
{
	return s->beat_at.ns && mono_sub(s->now, s->beat_at).ns <= CHECK_BEAT_MAX.ns;
}

static struct str look_undecided(const struct sight *s, struct arena *a)
{
	if (!is_fresh(s) || s->undecided.ns <= CHECK_UNDECIDED_MAX.ns)
		return STR("");
	return arena_printf(
	    a, "Accepted events wait to be decided since %lld s", seconds(s->undecided));
}

static struct str look_outbox(const struct sight *s, struct arena *a)
{
	struct span age = is_fresh(s) ? s->outbox : (struct span){ 0 };
	if (s->has_promises && s->promises.outbox_oldest.ns && age.ns == 0 && !is_fresh(s))
		age = wall_sub(s->wall, s->promises.outbox_oldest);
	if (age.ns <= CHECK_OUTBOX_MAX.ns)
		return STR("");
	return arena_printf(
	    a, "A page waits to be handed to a provider since %lld s", seconds(age));
}

static struct str look_cover(const struct sight *s, struct arena *a)
{
	if (!s->has_promises || s->promises.broken == 0)
		return STR("");
	return arena_printf(a,
	    "%llu of %llu open incidents have no timer, no page under way and nobody who was told; "
	    "the first is %s",
	    (unsigned long long)s->promises.broken, (unsigned long long)s->promises.open,
	    s->promises.first_broken.text);
}

static struct str look_timers(const struct sight *s, struct arena *a)
{
	if (!s->has_promises || s->promises.lost_timers == 0 || is_starting(s))
		return STR("");
	return arena_printf(a, "%llu timers are overdue by more than %lld s",
	    (unsigned long long)s->promises.lost_timers, seconds(CHECK_TIMER_GRACE));
}

static struct str look_store(const struct sight *s, struct arena *a)
{
	struct span blind = mono_sub(s->now, s->promises_at.ns ? s->promises_at : s->started);
	if (blind.ns <= CHECK_STORE_MAX.ns || (s->promises_at.ns == 0 && is_starting(s)))
		return STR("");
	return arena_printf(a,
	    "The control store cannot be read since %lld s: the promises cannot be checked",
	    seconds(blind));
}

struct str check_look(enum check check, const struct sight *s, struct arena *a)
{
	static struct str (*const look[CHECK_COUNT])(const struct sight *, struct arena *) = {
		[CHECK_BEAT] = look_beat,
		[CHECK_UNDECIDED] = look_undecided,
		[CHECK_OUTBOX] = look_outbox,
		[CHECK_COVER] = look_cover,
		[CHECK_TIMERS] = look_timers,
		[CHECK_STORE] = look_store,
	};
	assert(check < CHECK_COUNT && s->now.ns >= s->started.ns);
	return look[check](s, a);
}
