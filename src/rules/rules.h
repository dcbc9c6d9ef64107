/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules: Alert resources (a band or a condition on a query) and Prometheus' rule groups (alerting
 * and recording). Pure: rules, the states that they were in, what their queries give now, and a
 * time go in; the next states, and the series that a rule writes, come out.
 *
 * An alert is one label set of one rule: pending from the first evaluation that finds it, firing
 * once that was `for` ago, gone (resolved) at the first that does not, unless keep_firing_for holds
 * it. When a query gives nothing, an Alert's no_data says what that means: silence is not health. A
 * query that fails changes no state and is told as the group's error.
 */
#pragma once
#include "base/json.h"
#include "model/resource.h"
#include "query/promql/promql.h"

#define RULES_GROUPS_MAX 2000u
#define RULES_ALERTS_MAX 20000u /* active, per rule */

enum rule_type { RULE_BAND, RULE_ALERT, RULE_RECORD };

struct rule {
	enum rule_type type;
	struct str name; /* of the alert, or of the recorded series */
	struct str query;
	const struct promql_expr *expr;
	struct str parse_error; /* not empty: the query cannot be parsed (then expr is NULL) */
	struct str service, summary;
	enum severity severity;
	bool has_above, has_below;
	double above, below;
	struct span for_, keep_firing_for, interval; /* interval: a band's own */
	enum no_data no_data;
	struct labels labels, annotations; /* with the group's labels; templates */
};

struct rule_group {
	struct str name; /* "alerts", or file/group */
	struct span interval, query_offset;
	uint32_t limit;
	const struct rule *rules;
	uint32_t rule_count;
};

struct rule_set {
	uint64_t version;
	const struct rule_group *groups; /* sorted by name */
	uint32_t group_count;
};

/* From a JSON array of resources (Alert, RuleGroup; as such, or as {"kind","name","body"}). A rule
 * that cannot be used stays in with its error, so that it is seen to fail. ERR_INPUT: not such an
 * array. Borrows from text. */
must_check enum err rules_read(struct arena *a, struct str text, uint64_t version,
    struct span default_interval, struct rule_set *ret);

enum rule_alert_state { RULE_INACTIVE, RULE_PENDING, RULE_FIRING };

struct rule_alert {
	struct labels labels;   /* with alertname */
	struct str labels_json; /* canonical */
	enum rule_alert_state state;
	struct wall active_at, fired_at, keep_since; /* ns 0: not so */
	double value;
	struct str reason; /* above below condition no_data */
	struct str summary;
	struct labels annotations; /* expanded */
	struct str annotations_json;
};

struct rule_state; /* of one rule */
struct group_state {
	const struct mem *mem;
	struct rule_state **rules;
	uint32_t rule_count;
	struct wall evaluated_at;
	struct span took;
	uint64_t evaluations, failures;
};

/* States for a group, all inactive; or, where `before` (may be NULL) has a rule of the same type
 * and name, that one's state (which is moved out of `before`). */
must_check enum err group_state_open(const struct mem *mem, const struct rule_group *group,
    const struct rule_group *before_group, struct group_state *before, struct group_state **ret);
void group_state_close(struct group_state **state);

/* What a rule's state looks like from outside; valid until the next evaluation. */
struct rule_view {
	const struct rule_alert *alerts; /* not inactive; sorted by labels */
	size_t alert_count;
	struct wall evaluated_at; /* ns 0: not yet */
	struct span took;
	struct str error; /* of the last evaluation; empty: it went well */
};
struct rule_view rule_state_view(const struct rule_state *s);

/* A sample that a rule writes. */
struct rule_sample {
	struct labels labels;
	double value;
	const struct hist *hist; /* or NULL */
};

struct rules_env {
	struct promql_engine engine;
	struct labels external_labels;
	struct str external_url;
	void *ctx;
	/* Writes what a rule gave at once, so that the next rule of the group sees it. */
	void (*write)(void *ctx, int64_t at_ms, const struct rule_sample *list, size_t count);
	/* The monotonic clock, for how long things took; may be NULL. */
	struct mono (*mono)(void *ctx);
};

/* Evaluates the group's rules in order at one time. The arena is the evaluation's: it is reset
 * before each rule. Errors of single rules are in their states; ERR_NOMEM ends the evaluation. */
must_check enum err rules_evaluate(const struct rules_env *env, struct arena *a,
    const struct rule_group *group, struct group_state *state, struct wall at);

/* One step of one rule's alerts by the query's result: the heart of it, for tests. ERR_INPUT with
 * the text in *ret_why (states unchanged). *ret_samples: the series that the rule writes, stale
 * markers included. */
must_check enum err rule_step(const struct rules_env *env, struct arena *a,
    const struct rule_group *group, const struct rule *rule, struct rule_state *state,
    const struct promql_result *result, struct wall at, const struct rule_sample **ret_samples,
    size_t *ret_count, struct str *ret_why);
must_check enum err rule_state_open(const struct mem *mem, struct rule_state **ret);
void rule_state_close(struct rule_state **state);
