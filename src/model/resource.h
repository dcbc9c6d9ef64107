/* SPDX-License-Identifier: Apache-2.0
 *
 * What teams own: users, teams, schedules, escalation policies, services, alert rules. Written as
 * resources (YAML, or the same as JSON) and compiled into one immutable directory, which the pager
 * core reads. A directory and all that it points to live in one arena; names are unique per kind
 * and compared by bytes.
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"

enum contact_type {
	CONTACT_EMAIL,
	CONTACT_WEBHOOK,
	CONTACT_NTFY,
	CONTACT_CONSOLE,
	CONTACT_SMS,
	CONTACT_PHONE,
	CONTACT_TYPE_COUNT
};
extern const struct str
    contact_type_name[CONTACT_TYPE_COUNT]; /* email webhook ntfy console sms phone */

enum urgency { URGENCY_HIGH, URGENCY_LOW, URGENCY_COUNT };
extern const struct str urgency_name[URGENCY_COUNT];

enum severity {
	SEVERITY_CRITICAL,
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_INFO,
	SEVERITY_COUNT
};
extern const struct str severity_name[SEVERITY_COUNT];

/* Who manages a resource: another owner never overwrites it, a file's is read-only elsewhere. */
enum manager { MANAGER_FILE, MANAGER_APPLY, MANAGER_UI, MANAGER_API, MANAGER_COUNT };
extern const struct str manager_name[MANAGER_COUNT];

struct contact {
	struct str name; /* unique within the user */
	enum contact_type type;
	struct str address; /* mail address, URL, ntfy topic URL, number; console: may be empty */
	struct str
	    provider; /* preferred provider's name, or empty: any of the type in their order */
};

struct notify_rule {
	struct span after; /* since the user was assigned */
	uint32_t contact;  /* index into user->contacts */
};

struct user {
	struct str id; /* "P" + 6: derived from kind and name, so that it survives a re-apply */
	struct str name, full_name, email, time_zone, role; /* role: admin | responder | observer */
	const struct contact *contacts;
	uint32_t contact_count;
	const struct notify_rule *rules[URGENCY_COUNT]; /* in order of `after` */
	uint32_t rule_count[URGENCY_COUNT];
};

struct team {
	struct str id, name;
	const uint32_t *users; /* indices into the directory */
	uint32_t user_count;
};

enum rotation_unit { ROTATION_HOUR, ROTATION_DAY, ROTATION_WEEK };

/* A window of local wall-clock time in which a layer is on duty. start_weekday: 0 Sunday..6, or -1
 * for every day. Times are seconds after local midnight; a duration may cross midnight. */
struct restriction {
	int8_t start_weekday;
	int32_t start_s;
	int64_t duration_s;
};

struct layer {
	struct str name;
	struct civil start; /* local, in the schedule's zone */
	bool has_end;
	struct civil end;
	enum rotation_unit
	    unit;       /* turns are counted on the local wall clock, not in elapsed seconds */
	uint32_t every; /* each turn lasts `every` units, >= 1 */
	const int32_t *users; /* index into directory users; -1 = an unassigned seat */
	uint32_t user_count;
	const struct restriction *restrictions;
	uint32_t restriction_count;
};

struct override {
	struct str id;
	struct wall start, end; /* [start, end) */
	int32_t user;           /* -1 = nobody */
};

struct zone; /* oncall/zone.h: a parsed time zone */

struct schedule {
	struct str id, name, time_zone;
	const struct layer *layers; /* later layers win */
	uint32_t layer_count;
	const struct override *overrides; /* later ones win */
	uint32_t override_count;
	const struct zone
	    *zone; /* NULL until the owner of the directory loads it: then UTC rules */
};

enum target_type { TARGET_USER, TARGET_SCHEDULE };
struct target {
	enum target_type type;
	uint32_t index;
};

struct policy_step {
	const struct target *targets;
	uint32_t target_count;
	struct span delay; /* until the next step, >= 1 s */
};

struct policy {
	struct str id, name;
	const struct policy_step *steps;
	uint32_t step_count; /* >= 1 */
	uint32_t loops;      /* times the whole is repeated after the first pass */
};

enum integration_type { INTEGRATION_EVENTS_V2, INTEGRATION_TYPE_COUNT };
struct integration {
	struct str id, name, key; /* 32 characters, unique in the directory */
	uint32_t service;
};

enum urgency_rule {
	URGENCY_RULE_HIGH,
	URGENCY_RULE_LOW,
	URGENCY_RULE_SEVERITY
}; /* severity: critical, error -> high */

struct service {
	struct str id, name, description;
	uint32_t policy;
	enum urgency_rule urgency;
	struct span ack_timeout;  /* 0 = off */
	struct span auto_resolve; /* 0 = off */
	bool disabled;
	struct str team; /* name or empty */
};

/* A band or a condition on a query: evaluated by telemetry; the engine needs its service. */
enum no_data { NO_DATA_ALERT, NO_DATA_OK, NO_DATA_KEEP };
struct alert_rule {
	struct str id, name,
	    group;       /* group: "alerts" for kind Alert, file/group for Prometheus rules */
	int32_t service; /* index, -1: the fallback service */
	enum severity severity;
	/* The labels of a Prometheus rule by which it is told from others of its name; may be
	 * empty. */
	struct str service_label, severity_label;
	struct str query, summary;
	bool has_above, has_below;
	double above, below;
	struct span for_, keep_firing_for, interval;
	enum no_data no_data;
};

struct provider {
	struct str name;
	enum contact_type type;
};

/* The compiled whole. Arrays are sorted by name, so an index is stable for one version only. */
struct directory {
	uint64_t version; /* the inbox sequence number that made it */
	const struct user *users;
	uint32_t user_count;
	const struct team *teams;
	uint32_t team_count;
	const struct schedule *schedules;
	uint32_t schedule_count;
	const struct policy *policies;
	uint32_t policy_count;
	const struct service *services;
	uint32_t service_count;
	const struct integration *integrations;
	uint32_t integration_count; /* sorted by key */
	const struct alert_rule *rules;
	uint32_t rule_count;
	const struct provider *providers;
	uint32_t provider_count; /* in order of preference */
	/* Paged when nobody else can be (promise 5): at least a console contact, always. */
	const struct contact *fallback;
	uint32_t fallback_count;
	struct str base_url; /* for links in pages; no trailing slash */
};

/* Index by name, or -1. */
int32_t directory_user(const struct directory *d, struct str name);
int32_t directory_schedule(const struct directory *d, struct str name);
int32_t directory_policy(const struct directory *d, struct str name);
int32_t directory_service(const struct directory *d, struct str name);
int32_t directory_rule(const struct directory *d, struct str name);
/* Prometheus allows a name many times: of the rules with this name the one whose group and labels
 * fit best to an alert with these labels (as JSON); of those that fit alike the most severe one. */
int32_t directory_rule_of(
    const struct directory *d, struct str name, struct str group, struct str labels);
/* In how many groups are rules of this name? Is this group one of them? */
uint32_t directory_rule_groups(
    const struct directory *d, struct str name, struct str group, bool *ret_has);
/* The integration with this key, or NULL; binary search, then a compare in constant time. */
const struct integration *directory_integration(const struct directory *d, struct str key);

/* A stable id for a named thing: first letter + 6 characters [0-9A-Z] from a hash of kind and name.
 */
struct str resource_id(struct arena *a, char letter, struct str kind, struct str name);
