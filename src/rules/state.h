/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside of a rule's state: two arenas, of which one holds the alerts that are, and the other is
 * where the next step builds those that will be.
 */
#pragma once
#include "rules/rules.h"

#define RULE_STATE_BYTES_MAX (64u << 20)

struct rule_state {
	const struct mem *mem;
	struct arena *arenas[2];
	unsigned current;
	struct rule_alert *alerts; /* sorted by labels_json */
	size_t alert_count;
	struct labels *written; /* the series that the last step wrote */
	size_t written_count;
	struct wall evaluated_at, due_at;
	struct span took;
	char error[512];
};
