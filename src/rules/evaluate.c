/* SPDX-License-Identifier: Apache-2.0
 *
 * A group's evaluation: its rules in order, all at one time, each one's series written before the
 * next is asked.
 */
#include "rules/state.h"
#include <assert.h>
#include <stdio.h>

static struct mono mono_of(const struct rules_env *env)
{
	return env->mono ? env->mono(env->ctx) : (struct mono){ 0 };
}

static void note_error(struct rule_state *s, struct str why)
{
	snprintf(s->error, sizeof(s->error), "%.*s",
	    (int)(why.len < sizeof(s->error) - 1 ? why.len : sizeof(s->error) - 1), why.ptr);
}

static enum err run_rule(const struct rules_env *env, struct arena *a,
    const struct rule_group *group, const struct rule *rule, struct rule_state *s, struct wall at)
{
	int64_t at_ms = wall_ms(wall_add(at, (struct span){ -group->query_offset.ns }));
	struct promql_result r = { 0 };
	struct promql_failure failure = { 0 };
	const struct rule_sample *samples = NULL;
	size_t count = 0;
	struct str why = { "", 0 };
	enum err e = promql_instant(&env->engine, a, rule->expr, rule->query, at_ms, &r, &failure);
	if (e != OK) {
		note_error(s, failure.what.len ? failure.what : str_c(err_text(e)));
		return e;
	}
	e = rule_step(env, a, group, rule, s, &r, at, &samples, &count, &why);
	if (e != OK) {
		note_error(s, why);
		return e;
	}
	if (count > 0 && env->write)
		env->write(env->ctx, at_ms, samples, count);
	s->error[0] = 0;
	return OK;
}

enum err rules_evaluate(const struct rules_env *env, struct arena *a,
    const struct rule_group *group, struct group_state *state, struct wall at)
{
	assert(state->rule_count == group->rule_count);
	struct mono start = mono_of(env);
	bool failed = false;
	for (uint32_t i = 0; i < group->rule_count; i++) {
		const struct rule *rule = &group->rules[i];
		struct rule_state *s = state->rules[i];
		if (rule->interval.ns > 0 && s->due_at.ns > at.ns &&
		    s->due_at.ns - at.ns <= rule->interval.ns)
			continue; /* a band with an interval of its own, and not yet its turn */
		s->due_at =
		    wall_add(at, (struct span){ rule->interval.ns - group->interval.ns / 2 });
		struct mono rule_start = mono_of(env);
		arena_reset(a); /* a rule that asks for too much takes nothing from the next ones */
		enum err e = OK;
		if (rule->expr)
			e = run_rule(env, a, group, rule, s, at);
		else
			note_error(s, rule->parse_error);
		failed = failed || e != OK || !rule->expr;
		s->took = mono_sub(mono_of(env), rule_start);
		if (e == ERR_NOMEM)
			return e;
	}
	state->evaluated_at = at;
	state->evaluations++;
	state->failures += failed;
	state->took = mono_sub(mono_of(env), start);
	return OK;
}
