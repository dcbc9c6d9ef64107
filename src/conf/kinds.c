/* SPDX-License-Identifier: Apache-2.0
 *
 * What teams own, as data: the fields of each kind of resource with type, limits, default and
 * meaning. The reference pages, the checks and the canonical form all come from here.
 */
#include "conf/kinds_priv.h"

#define S(lit) STR_INIT(lit)
#define TABLE(table_name, fields_) \
	.name = STR_INIT(table_name), .fields = (fields_), .field_count = ARRAY_COUNT(fields_)

static const struct str contact_types[] = { S("email"), S("webhook"), S("ntfy"), S("console"),
	S("sms"), S("phone") };
static const struct str user_roles[] = { S("admin"), S("responder"), S("observer") };
static const struct str urgencies[] = { S("high"), S("low"), S("severity") };
static const struct str severities[] = { S("critical"), S("error"), S("warning"), S("info") };
static const struct str no_data_words[] = { S("alert"), S("ok"), S("keep") };
static const struct str integration_types[] = { S("events_v2") };

/* kind and name, which every resource begins with */
#define HEAD(kind_meaning)                                                                         \
	{ .name = S("kind"),                                                                       \
		.type = FIELD_TEXT,                                                                \
		.form = FORM_NAME,                                                                 \
		.flags = FIELD_REQUIRED,                                                           \
		.meaning = S("what this document is") },                                           \
	{                                                                                          \
		.name = S("name"), .type = FIELD_TEXT, .form = FORM_NAME, .flags = FIELD_REQUIRED, \
		.meaning = S(kind_meaning)                                                         \
	}

static const struct conf_field contact_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("how notification rules call it; unique within the user") },
	{ .name = S("type"),
	    .type = FIELD_CHOICE,
	    .choices = contact_types,
	    .choice_count = ARRAY_COUNT(contact_types),
	    .flags = FIELD_REQUIRED,
	    .meaning = S("the way to the person") },
	{ .name = S("address"),
	    .type = FIELD_TEXT,
	    .form = FORM_LINE,
	    .meaning = S("a mail address, a web address, the address of an ntfy topic, a number; a "
	                 "console needs none") },
	{ .name = S("provider"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .meaning = S("the provider to try first; otherwise any of the type, in the order of "
	                 "quis.yaml") },
};
const struct conf_table conf_contact_table = { TABLE("a contact", contact_fields),
	.meaning = S("one way to reach the person") };

static const struct conf_field notify_rule_fields[] = {
	{ .name = S("after"),
	    .type = FIELD_SPAN,
	    .max = 7 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("how long after the incident was assigned to the person") },
	{ .name = S("contact"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("the name of one of the user's contacts") },
};
const struct conf_table conf_notify_rule_table = { TABLE(
    "a notification rule", notify_rule_fields) };

static const struct conf_field notify_fields[] = {
	{ .name = S("high"),
	    .type = FIELD_MAPS,
	    .table = &conf_notify_rule_table,
	    .min = 1,
	    .max = 32,
	    .meaning = S("for urgent incidents; when left out, every contact at once") },
	{ .name = S("low"),
	    .type = FIELD_MAPS,
	    .table = &conf_notify_rule_table,
	    .min = 1,
	    .max = 32,
	    .meaning = S("for all others; when left out, the first contact at once") },
};
const struct conf_table conf_notify_table = { TABLE("notify", notify_fields) };

static const struct conf_field user_fields[] = {
	HEAD("the name to sign in with and to use in schedules"),
	{ .name = S("full_name"),
	    .type = FIELD_TEXT,
	    .form = FORM_LINE,
	    .meaning = S("as shown to people") },
	{ .name = S("email"),
	    .type = FIELD_TEXT,
	    .form = FORM_EMAIL,
	    .meaning = S("shown in the API; pages go to contacts") },
	{ .name = S("time_zone"),
	    .type = FIELD_TEXT,
	    .form = FORM_ZONE,
	    .default_ = S("UTC"),
	    .meaning = S("in which times are shown to this person") },
	{ .name = S("role"),
	    .type = FIELD_CHOICE,
	    .choices = user_roles,
	    .choice_count = ARRAY_COUNT(user_roles),
	    .default_ = S("responder"),
	    .meaning = S("what the person may do: admin everything, responder handle incidents, "
	                 "observer look") },
	{ .name = S("contacts"),
	    .type = FIELD_MAPS,
	    .table = &conf_contact_table,
	    .max = 32,
	    .meaning = S("the ways to reach the person") },
	{ .name = S("notify"),
	    .type = FIELD_MAP,
	    .table = &conf_notify_table,
	    .meaning = S("when which contact is used") },
};
static const struct conf_table user_table = { TABLE("User", user_fields),
	.meaning = S("a person who is paged or who looks") };

static const struct conf_field team_fields[] = {
	HEAD("the team's name"),
	{ .name = S("users"),
	    .type = FIELD_TEXTS,
	    .form = FORM_NAME,
	    .max = 1000,
	    .refers = S("User"),
	    .meaning = S("its members") },
};
static const struct conf_table team_table = { TABLE("Team", team_fields),
	.meaning = S("people who own services together") };

static const struct conf_field restriction_fields[] = {
	{ .name = S("days"),
	    .type = FIELD_TEXTS,
	    .form = FORM_WEEKDAY,
	    .max = 7,
	    .min = 1,
	    .meaning =
	        S("days on which the window begins (mon, tue ...); every day when left out") },
	{ .name = S("from"),
	    .type = FIELD_TEXT,
	    .form = FORM_CLOCK,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("local time at which the window begins") },
	{ .name = S("to"),
	    .type = FIELD_TEXT,
	    .form = FORM_CLOCK,
	    .meaning = S("local time at which it ends; not after `from` means the next day") },
	{ .name = S("for"),
	    .type = FIELD_SPAN,
	    .min = 60,
	    .max = 7 * 86400,
	    .meaning = S("how long the window is on the wall clock, instead of `to`") },
};
const struct conf_table conf_restriction_table = { TABLE("a restriction", restriction_fields),
	.one_of = { S("to"), S("for") }, .meaning = S("a window of local time") };

static const struct conf_field layer_fields[] = {
	{ .name = S("name"), .type = FIELD_TEXT, .form = FORM_NAME, .meaning = S("for people") },
	{ .name = S("start"),
	    .type = FIELD_TEXT,
	    .form = FORM_CIVIL,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("when the first turn begins, in the schedule's zone; hand-overs keep this "
	                 "time of day") },
	{ .name = S("end"),
	    .type = FIELD_TEXT,
	    .form = FORM_CIVIL,
	    .meaning = S("when the layer ends") },
	{ .name = S("rotation"),
	    .type = FIELD_TEXT,
	    .form = FORM_ROTATION,
	    .default_ = S("1w"),
	    .meaning = S("how long a turn lasts on the wall clock: 12h, 1d, 1w ...") },
	{ .name = S("users"),
	    .type = FIELD_TEXTS,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED | FIELD_NULLS,
	    .min = 1,
	    .max = 500,
	    .refers = S("User"),
	    .meaning = S("who takes turns, in this order; null is a seat that nobody has") },
	{ .name = S("restrictions"),
	    .type = FIELD_MAPS,
	    .table = &conf_restriction_table,
	    .max = 50,
	    .meaning = S("the layer is on duty in these windows only") },
};
const struct conf_table conf_layer_table = { TABLE("a layer", layer_fields),
	.meaning = S("people who take turns; later layers cover earlier ones") };

static const struct conf_field override_fields[] = {
	{ .name = S("start"),
	    .type = FIELD_TEXT,
	    .form = FORM_INSTANT,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("from this instant") },
	{ .name = S("end"),
	    .type = FIELD_TEXT,
	    .form = FORM_INSTANT,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("up to and without this instant") },
	{ .name = S("user"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("User"),
	    .meaning = S("who is on call instead; nobody when left out") },
};
const struct conf_table conf_override_table = { TABLE("an override", override_fields),
	.meaning = S("somebody else for a while; later ones win") };

static const struct conf_field schedule_fields[] = {
	HEAD("the schedule's name"),
	{ .name = S("time_zone"),
	    .type = FIELD_TEXT,
	    .form = FORM_ZONE,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("the zone on whose wall clock turns change, such as Europe/Lisbon") },
	{ .name = S("layers"),
	    .type = FIELD_MAPS,
	    .table = &conf_layer_table,
	    .flags = FIELD_REQUIRED,
	    .min = 1,
	    .max = 50,
	    .meaning = S("who takes turns") },
	{ .name = S("overrides"),
	    .type = FIELD_MAPS,
	    .table = &conf_override_table,
	    .max = 1000,
	    .meaning = S("exceptions") },
};
static const struct conf_table schedule_table = { TABLE("Schedule", schedule_fields),
	.meaning = S("who is on call when") };

static const struct conf_field target_fields[] = {
	{ .name = S("user"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("User"),
	    .meaning = S("this person") },
	{ .name = S("schedule"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("Schedule"),
	    .meaning = S("whoever is on call then") },
};
const struct conf_table conf_target_table = { TABLE("a target", target_fields),
	.one_of = { S("user"), S("schedule") } };

static const struct conf_field step_fields[] = {
	{ .name = S("targets"),
	    .type = FIELD_MAPS,
	    .table = &conf_target_table,
	    .flags = FIELD_REQUIRED,
	    .min = 1,
	    .max = 20,
	    .meaning = S("who is told in this step") },
	{ .name = S("delay"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 7 * 86400,
	    .default_ = S("30m"),
	    .meaning = S("how long to wait for an acknowledgement before the next step") },
};
const struct conf_table conf_step_table = { TABLE("a step", step_fields) };

static const struct conf_field policy_fields[] = {
	HEAD("the policy's name"),
	{ .name = S("steps"),
	    .type = FIELD_MAPS,
	    .table = &conf_step_table,
	    .flags = FIELD_REQUIRED,
	    .min = 1,
	    .max = 20,
	    .meaning = S("who is told, one step after the other") },
	{ .name = S("loops"),
	    .type = FIELD_INT,
	    .min = 0,
	    .max = 100,
	    .default_ = S("0"),
	    .meaning = S("how often all steps are repeated when nobody acknowledges") },
};
static const struct conf_table policy_table = { TABLE("EscalationPolicy", policy_fields),
	.meaning = S("who is told, and who next when nobody answers") };

static const struct conf_field integration_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("where the events come from") },
	{ .name = S("type"),
	    .type = FIELD_CHOICE,
	    .choices = integration_types,
	    .choice_count = ARRAY_COUNT(integration_types),
	    .default_ = S("events_v2"),
	    .meaning =
	        S("what is spoken; events_v2 also takes Events v1 and Alertmanager's alerts") },
	{ .name = S("key"),
	    .type = FIELD_TEXT,
	    .form = FORM_KEY,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("32 characters 0-9 a-z A-Z, the secret that senders use as routing key") },
};
const struct conf_table conf_integration_table = { TABLE("an integration", integration_fields) };

static const struct conf_field service_fields[] = {
	HEAD("the service's name"),
	{ .name = S("description"),
	    .type = FIELD_TEXT,
	    .form = FORM_ANY,
	    .meaning = S("for people") },
	{ .name = S("escalation_policy"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .refers = S("EscalationPolicy"),
	    .meaning = S("who is told about its incidents") },
	{ .name = S("urgency"),
	    .type = FIELD_CHOICE,
	    .choices = urgencies,
	    .choice_count = ARRAY_COUNT(urgencies),
	    .default_ = S("high"),
	    .meaning =
	        S("of its incidents; severity: high for critical and error, low for others") },
	{ .name = S("ack_timeout"),
	    .type = FIELD_SPAN,
	    .max = 30 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("an incident acknowledged for so long is triggered again; 0 = never") },
	{ .name = S("auto_resolve"),
	    .type = FIELD_SPAN,
	    .max = 365 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("an incident open for so long without news is resolved; 0 = never") },
	{ .name = S("disabled"),
	    .type = FIELD_BOOL,
	    .default_ = S("false"),
	    .meaning = S("true: its events are kept but make no incidents") },
	{ .name = S("team"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("Team"),
	    .meaning = S("who owns it") },
	{ .name = S("integrations"),
	    .type = FIELD_MAPS,
	    .table = &conf_integration_table,
	    .max = 100,
	    .meaning = S("the keys with which events come in") },
};
static const struct conf_table service_table = { TABLE("Service", service_fields),
	.meaning = S("what incidents are about, and where events go") };

static const struct conf_field alert_fields[] = {
	HEAD("the rule's name"),
	{ .name = S("service"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("Service"),
	    .meaning =
	        S("whose incident it makes; the fallback contacts are paged when left out") },
	{ .name = S("severity"),
	    .type = FIELD_CHOICE,
	    .choices = severities,
	    .choice_count = ARRAY_COUNT(severities),
	    .default_ = S("critical"),
	    .meaning = S("how bad it is") },
	{ .name = S("summary"),
	    .type = FIELD_TEXT,
	    .form = FORM_LINE,
	    .meaning = S("the sentence in the page; made from the query when left out") },
	{ .name = S("query"),
	    .type = FIELD_TEXT,
	    .form = FORM_QUERY,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("a PromQL expression; each series of its result is judged by itself") },
	{ .name = S("above"), .type = FIELD_NUMBER, .meaning = S("fires over this value") },
	{ .name = S("below"),
	    .type = FIELD_NUMBER,
	    .meaning =
	        S("fires under this value; with neither, every series of the result fires") },
	{ .name = S("for"),
	    .type = FIELD_SPAN,
	    .max = 30 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("how long it must be so before it fires") },
	{ .name = S("keep_firing_for"),
	    .type = FIELD_SPAN,
	    .max = 30 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("how long it goes on firing after it is well again") },
	{ .name = S("interval"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 86400,
	    .meaning = S("how often it is evaluated; rules.interval of quis.yaml when left out") },
	{ .name = S("no_data"),
	    .type = FIELD_CHOICE,
	    .choices = no_data_words,
	    .choice_count = ARRAY_COUNT(no_data_words),
	    .default_ = S("alert"),
	    .meaning = S("when the query gives nothing: alert, be ok, or keep the last state") },
};
static const struct conf_table alert_table = { TABLE("Alert", alert_fields),
	.meaning = S("a band or a condition on a query: too high and too low are both wrong") };

static const struct conf_field rule_fields[] = {
	{ .name = S("record"),
	    .type = FIELD_TEXT,
	    .form = FORM_METRIC,
	    .meaning = S("the series that the result is stored as") },
	{ .name = S("alert"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .meaning = S("the alert's name") },
	{ .name = S("expr"),
	    .type = FIELD_TEXT,
	    .form = FORM_QUERY,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("a PromQL expression") },
	{ .name = S("for"),
	    .type = FIELD_SPAN,
	    .max = 365 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("how long it must be so before it fires") },
	{ .name = S("keep_firing_for"),
	    .type = FIELD_SPAN,
	    .max = 365 * 86400,
	    .default_ = S("0s"),
	    .meaning = S("how long it goes on firing afterwards") },
	{ .name = S("labels"),
	    .type = FIELD_LABELS,
	    .meaning =
	        S("labels to add; `service` and `severity` say whose incident it is and how bad") },
	{ .name = S("annotations"),
	    .type = FIELD_LABELS,
	    .meaning = S("texts for people, such as `summary`") },
};
const struct conf_table conf_rule_table = { TABLE("a rule", rule_fields),
	.one_of = { S("record"), S("alert") } };

static const struct conf_field rule_group_fields[] = {
	HEAD("file/group"),
	{ .name = S("service"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .refers = S("Service"),
	    .meaning = S("whose incidents its alerts make when they have no label `service` of a "
	                 "known one") },
	{ .name = S("interval"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 86400,
	    .meaning = S("how often it is evaluated; rules.interval of quis.yaml when left out") },
	{ .name = S("query_offset"),
	    .type = FIELD_SPAN,
	    .max = 86400,
	    .default_ = S("0s"),
	    .meaning = S("how far back its queries look") },
	{ .name = S("limit"),
	    .type = FIELD_INT,
	    .min = 0,
	    .max = 1000000,
	    .default_ = S("0"),
	    .meaning = S("the most series or alerts that a rule may give; 0 = no limit") },
	{ .name = S("labels"), .type = FIELD_LABELS, .meaning = S("labels of all its rules") },
	{ .name = S("rules"),
	    .type = FIELD_MAPS,
	    .table = &conf_rule_table,
	    .max = 5000,
	    .meaning = S("evaluated one after the other") },
};
static const struct conf_table rule_group_table = { TABLE("RuleGroup", rule_group_fields),
	.meaning = S("a group of a Prometheus rule file") };

/* In a rule file a group has no kind, and Prometheus knows no service. */
static const struct conf_field file_group_fields[] = {
	{ .name = S("name"),
	    .type = FIELD_TEXT,
	    .form = FORM_NAME,
	    .flags = FIELD_REQUIRED,
	    .meaning = S("the group's name, unique in the file") },
	{ .name = S("interval"),
	    .type = FIELD_SPAN,
	    .min = 1,
	    .max = 86400,
	    .meaning = S("how often it is evaluated") },
	{ .name = S("query_offset"),
	    .type = FIELD_SPAN,
	    .max = 86400,
	    .meaning = S("how far back its queries look") },
	{ .name = S("limit"),
	    .type = FIELD_INT,
	    .min = 0,
	    .max = 1000000,
	    .meaning = S("the most series or alerts that a rule may give") },
	{ .name = S("labels"), .type = FIELD_LABELS, .meaning = S("labels of all its rules") },
	{ .name = S("rules"),
	    .type = FIELD_MAPS,
	    .table = &conf_rule_table,
	    .max = 5000,
	    .meaning = S("evaluated one after the other") },
};
static const struct conf_table file_group_table = { TABLE("a rule group", file_group_fields) };
static const struct conf_field rule_file_fields[] = {
	{ .name = S("groups"),
	    .type = FIELD_MAPS,
	    .table = &file_group_table,
	    .flags = FIELD_REQUIRED,
	    .max = 1000,
	    .meaning = S("the groups") },
};
const struct conf_table conf_rule_file_table = { TABLE("a rule file", rule_file_fields) };

const struct conf_table *const conf_kind_table[KIND_COUNT] = {
	[KIND_USER] = &user_table,
	[KIND_TEAM] = &team_table,
	[KIND_SCHEDULE] = &schedule_table,
	[KIND_POLICY] = &policy_table,
	[KIND_SERVICE] = &service_table,
	[KIND_ALERT] = &alert_table,
	[KIND_RULE_GROUP] = &rule_group_table,
};

enum conf_kind conf_kind_find(struct str name)
{
	unsigned k = 0;
	while (k < KIND_COUNT && !str_eq(conf_kind_table[k]->name, name))
		k++;
	return (enum conf_kind)k;
}

struct str conf_kind_name(enum conf_kind kind)
{
	return conf_kind_table[kind]->name;
}
