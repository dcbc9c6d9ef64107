/* SPDX-License-Identifier: Apache-2.0
 *
 * The resources in force, and what a change would make of them. A change is planned first (pure),
 * compiled whole, and only then applied, so it happens altogether or not at all.
 *
 * The installation (providers, fallback contacts, base URL) travels as a resource of a kind of its
 * own that only the engine makes, because decisions depend on it: a replay of the inbox then needs
 * nothing else.
 */
#pragma once
#include "base/map.h"
#include "conf/resource.h"
#include "role/engine/zones.h"
#include "store/control/control.h"

#define RESOURCES_MAX 200000
#define INSTALLATION_KIND STR("Installation")
#define INSTALLATION_NAME STR("installation")

/* Items are struct control_row_resource; texts are the set's own. */
struct resource_set;
must_check enum err resource_set_open(const struct mem *mem, struct resource_set **ret);
void resource_set_close(struct resource_set **set);
must_check enum err resource_set_put(
    struct resource_set *set, const struct control_row_resource *row);
const struct control_row_resource *resource_set_find(
    const struct resource_set *set, struct str kind, struct str name);
bool resource_set_next(
    const struct resource_set *set, size_t *at, const struct control_row_resource **ret);

enum plan_action { PLAN_SAME, PLAN_CREATE, PLAN_UPDATE, PLAN_REMOVE, PLAN_CONFLICT };
struct plan_item {
	enum plan_action action;
	struct str kind, name, body;
	const struct control_row_resource *old; /* what is there now, or NULL */
};
struct plan {
	struct plan_item *list;
	size_t count;
	size_t changes, conflicts; /* items that are neither same nor conflict; conflicts */
};
/* What the record would do; another manager's resources are conflicts and stay. In the arena. */
must_check enum err resources_plan(const struct resource_set *set,
    const struct record_resources *rec, struct arena *a, struct plan *ret);
/* The directory that the set would give after the plan (NULL: as it is). ERR_INPUT with faults. */
must_check enum err resources_compile(const struct resource_set *set, const struct plan *plan,
    uint64_t version, struct zones *zones, struct arena *a, const struct directory **ret,
    struct conf_faults *faults);
/* ERR_NOMEM: the set is broken then, give it up. */
must_check enum err resources_apply(struct resource_set *set, const struct plan *plan, uint64_t seq,
    struct wall at, enum manager manager, struct str actor);

/* A change asked for from outside: the documents are checked and brought into their canonical form,
 * the whole is compiled. ret_json: {"changes":[...],"errors":[...]} (ARCHITECTURE.md) in any case.
 * OK: rec's resources are now canonical and plan says what they do; ERR_INPUT: there are errors;
 * ERR_DENIED: conflicts. */
must_check enum err resources_check(const struct resource_set *set, struct record_resources *rec,
    struct zones *zones, struct arena *a, struct plan *ret_plan, struct buf *ret_json);

/* The slice's documents and installation as a change of what files manage, cut into records of at
 * most RECORD_BYTES_MAX that each compile on their own: sets in order of dependence, then removals.
 * Only what differs is in it. Other managers' resources of the same name are counted in
 * *ret_conflicts. */
must_check enum err resources_from_slice(const struct resource_set *set, const struct json *slice,
    struct arena *a, struct record_resources **ret_list, size_t *ret_count, size_t *ret_conflicts);
/* True when the slice can be in force at all: it is compiled alone with what others manage. */
must_check enum err resources_slice_check(const struct resource_set *set,
    const struct record_resources *list, size_t count, struct zones *zones, struct arena *a,
    struct conf_faults *faults);

/* JSON array of the bodies of kind Alert and RuleGroup, for telemetry. */
void resources_rules_json(const struct resource_set *set, struct buf *b);
