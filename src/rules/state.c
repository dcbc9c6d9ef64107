/* SPDX-License-Identifier: Apache-2.0 */
/* States and groups of them: made, taken over by the next version of the rules, closed. See
 * rules.h. */
#include "rules/state.h"
#include <assert.h>

enum err rule_state_open(const struct mem *mem, struct rule_state **ret)
{
	struct rule_state *s = mem_new(mem, 1, sizeof(*s));
	if (!s)
		return ERR_NOMEM;
	s->mem = mem;
	enum err e = arena_open(mem, RULE_STATE_BYTES_MAX, &s->arenas[0]);
	if (e == OK)
		e = arena_open(mem, RULE_STATE_BYTES_MAX, &s->arenas[1]);
	if (e != OK)
		rule_state_close(&s);
	else
		*ret = s;
	return e;
}

void rule_state_close(struct rule_state **state)
{
	struct rule_state *s = *state;
	if (!s)
		return;
	arena_close(&s->arenas[0]);
	arena_close(&s->arenas[1]);
	mem_free(s->mem, s);
	*state = NULL;
}

struct rule_view rule_state_view(const struct rule_state *s)
{
	return (struct rule_view){ s->alerts, s->alert_count, s->evaluated_at, s->took,
		str_c(s->error) };
}

/* Moves the state of the rule of this type and name, which was not yet taken. */
static struct rule_state *take_over(
    const struct rule *rule, const struct rule_group *group, struct group_state *from)
{
	for (uint32_t i = 0; from && group && i < group->rule_count; i++) {
		const struct rule *old = &group->rules[i];
		if (from->rules[i] && old->type == rule->type && str_eq(old->name, rule->name)) {
			struct rule_state *s = from->rules[i];
			from->rules[i] = NULL;
			return s;
		}
	}
	return NULL;
}

enum err group_state_open(const struct mem *mem, const struct rule_group *group,
    const struct rule_group *before_group, struct group_state *before, struct group_state **ret)
{
	struct group_state *g = mem_new(mem, 1, sizeof(*g));
	if (!g)
		return ERR_NOMEM;
	g->mem = mem;
	g->rules = mem_new(mem, group->rule_count ? group->rule_count : 1, sizeof(g->rules[0]));
	enum err e = g->rules ? OK : ERR_NOMEM;
	if (e == OK)
		g->rule_count = group->rule_count;
	if (before) {
		g->evaluated_at = before->evaluated_at;
		g->evaluations = before->evaluations;
		g->failures = before->failures;
	}
	for (uint32_t i = 0; i < g->rule_count && e == OK; i++) {
		g->rules[i] = take_over(&group->rules[i], before_group, before);
		if (!g->rules[i])
			e = rule_state_open(mem, &g->rules[i]);
	}
	if (e != OK)
		group_state_close(&g);
	else
		*ret = g;
	return e;
}

void group_state_close(struct group_state **state)
{
	struct group_state *g = *state;
	if (!g)
		return;
	for (uint32_t i = 0; i < g->rule_count; i++)
		rule_state_close(&g->rules[i]);
	mem_free(g->mem, g->rules);
	mem_free(g->mem, g);
	*state = NULL;
}
