/* SPDX-License-Identifier: Apache-2.0 */
#include "proof/proof.h"

#include <assert.h>

#define DAY_S 86400
#define FUTURE_MAX SPAN_S(300)

const struct str verdict_name[VERDICT_COUNT] = {
	[VERDICT_PROVEN] = STR_INIT("proven"),
	[VERDICT_STALE] = STR_INIT("stale"),
	[VERDICT_NEVER] = STR_INIT("never"),
	[VERDICT_BROKEN] = STR_INIT("broken"),
};

static const struct {
	struct str kind;
	struct span fresh_for;
} kinds[] = {
	{ STR_INIT("rule"), SPAN_S(90 * DAY_S) },
	{ STR_INIT("route"), SPAN_S(30 * DAY_S) },
	{ STR_INIT("provider"), SPAN_S(7 * DAY_S) },
	{ STR_INIT("person"), SPAN_S(30 * DAY_S) },
};

struct span proof_fresh_for(struct str kind)
{
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
		if (str_eq(kinds[i].kind, kind))
			return kinds[i].fresh_for;
	}
	return SPAN_S(7 * DAY_S);
}

enum verdict proof_verdict(const struct proof *proof, struct wall now, struct span fresh_for)
{
	assert(fresh_for.ns > 0);
	if (proof && proof->broken)
		return VERDICT_BROKEN;
	if (!proof || proof->proven_at.ns == 0)
		return VERDICT_NEVER;
	struct span age = wall_sub(now, proof->proven_at);
	return age.ns > fresh_for.ns || age.ns < -FUTURE_MAX.ns ? VERDICT_STALE : VERDICT_PROVEN;
}

bool proof_subject_cut(struct str subject, struct str *ret_first, struct str *ret_second)
{
	for (size_t i = subject.len; i-- > 0;) {
		if (subject.ptr[i] != '/')
			continue;
		*ret_first = str_first(subject, i);
		*ret_second = str_from(subject, i + 1);
		return true;
	}
	return false;
}
