/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is on call. A layer's turns are numbered: turn k begins at the local time start + k * length,
 * and its instant is the first occurrence of that local time, so the clocks' changes need no case
 * of their own. Shifts are found by walking from one border to the next and asking who is on call
 * between them.
 */
#include "oncall/oncall.h"

#include <assert.h>

#define DAY_S INT64_C(86400)
#define HOUR_S INT64_C(3600)

static int64_t floor_div(int64_t a, int64_t b)
{
	assert(b > 0);
	return a / b - (a % b < 0);
}

static struct wall first_instant(const struct zone *z, int64_t local_s)
{
	struct wall first, last;
	zone_instants(z, civil_from_s(local_s), &first, &last);
	return first;
}

static struct wall last_instant(const struct zone *z, int64_t local_s)
{
	struct wall first, last;
	zone_instants(z, civil_from_s(local_s), &first, &last);
	return last;
}

/* Local seconds in the civil line. */
static int64_t local_s(const struct zone *z, struct wall t)
{
	struct civil c = zone_local(z, t);
	return civil_to_s(c);
}

static int64_t turn_length_s(const struct layer *l)
{
	int64_t unit = l->unit == ROTATION_HOUR  ? HOUR_S
	               : l->unit == ROTATION_DAY ? DAY_S
	                                         : 7 * DAY_S;
	assert(l->every >= 1);
	return unit * l->every;
}

static struct wall turn_start(const struct layer *l, const struct zone *z, int64_t k)
{
	return first_instant(z, civil_to_s(l->start) + k * turn_length_s(l));
}

/* The turn that holds t, or -1 before the first. Where the clocks were set back, the next turn may
 * have begun although the local time reads earlier. */
static int64_t turn_at(const struct layer *l, const struct zone *z, struct wall t)
{
	int64_t k = floor_div(local_s(z, t) - civil_to_s(l->start), turn_length_s(l));
	if (k < -1)
		k = -1;
	while (turn_start(l, z, k + 1).ns <= t.ns)
		k++;
	return k;
}

static bool restriction_is_always(const struct restriction *r)
{
	return r->duration_s >= (r->start_weekday < 0 ? DAY_S : 7 * DAY_S);
}

/* The first and the last local midnight on which a window near t may begin. */
static void window_days(const struct restriction *r, const struct zone *z, struct wall t,
    int64_t *ret_from, int64_t *ret_to)
{
	int64_t midnight = floor_div(local_s(z, t), DAY_S) * DAY_S;
	int64_t back = floor_div(r->start_s + r->duration_s, DAY_S) + 2;
	*ret_from = midnight - back * DAY_S;
	*ret_to = midnight + (r->start_weekday < 0 ? 2 : 8) * DAY_S;
}

static bool restriction_holds(const struct restriction *r, const struct zone *z, struct wall t)
{
	int64_t from, to;
	if (restriction_is_always(r))
		return true;
	window_days(r, z, t, &from, &to);
	for (int64_t day = from; day <= to; day += DAY_S) {
		if (r->start_weekday >= 0 && civil_weekday(day) != r->start_weekday)
			continue;
		if (first_instant(z, day + r->start_s).ns <= t.ns &&
		    t.ns < last_instant(z, day + r->start_s + r->duration_s).ns)
			return true;
	}
	return false;
}

/* The user on duty in one layer, or -1. */
static int32_t layer_at(const struct layer *l, const struct zone *z, struct wall t)
{
	if (l->user_count == 0)
		return -1;
	if (l->has_end && t.ns >= last_instant(z, civil_to_s(l->end)).ns)
		return -1;
	int64_t k = turn_at(l, z, t);
	if (k < 0)
		return -1;
	bool holds = l->restriction_count == 0;
	for (uint32_t i = 0; i < l->restriction_count && !holds; i++)
		holds = restriction_holds(&l->restrictions[i], z, t);
	return holds ? l->users[k % (int64_t)l->user_count] : -1;
}

/* An override decides even when it says nobody; a layer without anybody lets the ones below show.
 */
static int32_t user_at(const struct schedule *s, struct wall t, bool *ret_is_override)
{
	*ret_is_override = true;
	for (uint32_t i = s->override_count; i-- > 0;) {
		const struct override *o = &s->overrides[i];
		if (o->start.ns <= t.ns && t.ns < o->end.ns)
			return o->user;
	}
	*ret_is_override = false;
	for (uint32_t i = s->layer_count; i-- > 0;) {
		int32_t user = layer_at(&s->layers[i], s->zone, t);
		if (user >= 0)
			return user;
	}
	return -1;
}

int32_t oncall_at(const struct directory *dir, const struct schedule *schedule, struct wall t)
{
	bool is_override;
	int32_t user = user_at(schedule, t, &is_override);
	assert(user >= -1 && (user < 0 || (uint32_t)user < dir->user_count));
	return user;
}

static void earliest(int64_t *best, struct wall t, struct wall candidate)
{
	if (candidate.ns > t.ns && candidate.ns < *best)
		*best = candidate.ns;
}

static void layer_next_border(
    const struct layer *l, const struct zone *z, struct wall t, int64_t *best)
{
	if (l->user_count == 0 || (l->has_end && t.ns >= last_instant(z, civil_to_s(l->end)).ns))
		return;
	int64_t k = turn_at(l, z, t) + 1;
	struct wall next = turn_start(l, z, k);
	assert(next.ns > t.ns);
	earliest(best, t, next);
	if (l->has_end)
		earliest(best, t, last_instant(z, civil_to_s(l->end)));
	for (uint32_t i = 0; i < l->restriction_count; i++) {
		const struct restriction *r = &l->restrictions[i];
		int64_t from, to;
		if (restriction_is_always(r))
			continue;
		window_days(r, z, t, &from, &to);
		for (int64_t day = from; day <= to; day += DAY_S) {
			if (r->start_weekday >= 0 && civil_weekday(day) != r->start_weekday)
				continue;
			earliest(best, t, first_instant(z, day + r->start_s));
			earliest(best, t, last_instant(z, day + r->start_s + r->duration_s));
		}
	}
}

/* The next instant after t at which somebody's duty may begin or end. */
static struct wall next_border(const struct schedule *s, struct wall t)
{
	int64_t best = INT64_MAX;
	for (uint32_t i = 0; i < s->override_count; i++) {
		earliest(&best, t, s->overrides[i].start);
		earliest(&best, t, s->overrides[i].end);
	}
	for (uint32_t i = 0; i < s->layer_count; i++)
		layer_next_border(&s->layers[i], s->zone, t, &best);
	return (struct wall){ best };
}

enum err oncall_shifts(const struct directory *dir, const struct schedule *schedule,
    struct wall since, struct wall until, size_t max, struct arena *arena,
    struct shift **ret_shifts, size_t *ret_count)
{
	struct shift *list = NULL;
	size_t count = 0, cap = 0;
	for (struct wall t = since; t.ns < until.ns;) {
		struct shift next = { .start = t, .end = next_border(schedule, t) };
		if (next.end.ns > until.ns)
			next.end = until;
		next.user = user_at(schedule, t, &next.is_override);
		assert(next.end.ns > t.ns);
		assert(next.user < (int32_t)dir->user_count);
		t = next.end;
		if (count > 0 && list[count - 1].user == next.user &&
		    list[count - 1].is_override == next.is_override) {
			list[count - 1].end = next.end;
			continue;
		}
		if (count == max)
			break;
		if (count == cap) {
			size_t more = cap ? cap * 2 : 16;
			struct shift *bigger = arena_new(arena, struct shift, more);
			if (!bigger)
				return arena_err(arena);
			if (count)
				memcpy(bigger, list, count * sizeof(*list));
			list = bigger;
			cap = more;
		}
		list[count++] = next;
	}
	*ret_shifts = list;
	*ret_count = count;
	return OK;
}
