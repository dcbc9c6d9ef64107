/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of this room share: a small town. Users: ana (mail), bo (mail, push), cy (no
 * contact), dee (mail at once, push after 10 min; low: mail after 5 min), eve (sms, for which there
 * is no provider). Services, each with an integration "k-NAME": web    ana 5 min, bo 10 min, once
 * over again      batch  low urgency, dee night  a schedule without anybody                 team cy
 * 1 min, eve 1 min, dee 5 min shift  ana, acknowledgement lasts 30 min          auto   ana,
 * resolves itself after an hour grade  dee, urgent when critical or error         off    disabled
 * Fallback: the console. Providers: mail1, mail2, push1.
 */
#pragma once
#include "incident/core.h"

/* clang-format off */
static const struct contact town_ana[] = { { STR_INIT("mail"), CONTACT_EMAIL, STR_INIT("ana@x"), STR_INIT("") } };
static const struct contact town_bo[] = { { STR_INIT("mail"), CONTACT_EMAIL, STR_INIT("bo@x"), STR_INIT("mail2") },
	{ STR_INIT("push"), CONTACT_NTFY, STR_INIT("bo-topic"), STR_INIT("") } };
static const struct contact town_dee[] = { { STR_INIT("mail"), CONTACT_EMAIL, STR_INIT("dee@x"), STR_INIT("") },
	{ STR_INIT("push"), CONTACT_NTFY, STR_INIT("dee-topic"), STR_INIT("") } };
static const struct contact town_eve[] = { { STR_INIT("sms"), CONTACT_SMS, STR_INIT("+1"), STR_INIT("") } };
static const struct notify_rule town_at_once[] = { { { 0 }, 0 } };
static const struct notify_rule town_dee_high[] = { { { 0 }, 0 }, { SPAN_S(600), 1 } };
static const struct notify_rule town_dee_low[] = { { SPAN_S(300), 0 } };
static const struct user town_users[] = {
	{ .name = STR_INIT("ana"), .contacts = town_ana, .contact_count = 1,
	    .rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } },
	{ .name = STR_INIT("bo"), .contacts = town_bo, .contact_count = 2,
	    .rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } },
	{ .name = STR_INIT("cy") },
	{ .name = STR_INIT("dee"), .contacts = town_dee, .contact_count = 2,
	    .rules = { town_dee_high, town_dee_low }, .rule_count = { 2, 1 } },
	{ .name = STR_INIT("eve"), .contacts = town_eve, .contact_count = 1,
	    .rules = { town_at_once, town_at_once }, .rule_count = { 1, 1 } },
};
static const struct schedule town_schedules[] = { { .name = STR_INIT("empty") } };
static const struct target town_to[] = { { TARGET_USER, 0 }, { TARGET_USER, 1 }, { TARGET_USER, 2 },
	{ TARGET_USER, 3 }, { TARGET_USER, 4 }, { TARGET_SCHEDULE, 0 } };
static const struct policy_step town_steps_web[] = { { &town_to[0], 1, SPAN_S(300) }, { &town_to[1], 1, SPAN_S(600) } };
static const struct policy_step town_steps_night[] = { { &town_to[5], 1, SPAN_S(300) } };
static const struct policy_step town_steps_team[] = { { &town_to[2], 1, SPAN_S(60) }, { &town_to[4], 1, SPAN_S(60) },
	{ &town_to[3], 1, SPAN_S(1200) } };
static const struct policy_step town_steps_ana[] = { { &town_to[0], 1, SPAN_S(300) } };
static const struct policy_step town_steps_dee[] = { { &town_to[3], 1, SPAN_S(1200) } };
enum { TOWN_ANA, TOWN_DEE, TOWN_NIGHT, TOWN_TEAM, TOWN_WEB };
static const struct policy town_policies[] = {
	[TOWN_ANA] = { .name = STR_INIT("ana"), .steps = town_steps_ana, .step_count = 1 },
	[TOWN_DEE] = { .name = STR_INIT("dee"), .steps = town_steps_dee, .step_count = 1 },
	[TOWN_NIGHT] = { .name = STR_INIT("night"), .steps = town_steps_night, .step_count = 1 },
	[TOWN_TEAM] = { .name = STR_INIT("team"), .steps = town_steps_team, .step_count = 3 },
	[TOWN_WEB] = { .name = STR_INIT("web"), .steps = town_steps_web, .step_count = 2, .loops = 1 },
};
static const struct service town_services[] = {
	{ .name = STR_INIT("auto"), .policy = TOWN_ANA, .auto_resolve = SPAN_S(3600) },
	{ .name = STR_INIT("batch"), .policy = TOWN_DEE, .urgency = URGENCY_RULE_LOW },
	{ .name = STR_INIT("grade"), .policy = TOWN_DEE, .urgency = URGENCY_RULE_SEVERITY },
	{ .name = STR_INIT("night"), .policy = TOWN_NIGHT },
	{ .name = STR_INIT("off"), .policy = TOWN_ANA, .disabled = true },
	{ .name = STR_INIT("shift"), .policy = TOWN_ANA, .ack_timeout = SPAN_S(1800) },
	{ .name = STR_INIT("team"), .policy = TOWN_TEAM },
	{ .name = STR_INIT("web"), .policy = TOWN_WEB },
};
static const struct integration town_integrations[] = {
	{ .name = STR_INIT("source"), .key = STR_INIT("k-auto"), .service = 0 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-batch"), .service = 1 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-grade"), .service = 2 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-night"), .service = 3 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-off"), .service = 4 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-shift"), .service = 5 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-team"), .service = 6 },
	{ .name = STR_INIT("source"), .key = STR_INIT("k-web"), .service = 7 },
};
static const struct alert_rule town_rules[] = { { .name = STR_INIT("load"), .service = 7, .severity = SEVERITY_CRITICAL } };
static const struct provider town_providers[] = { { STR_INIT("mail1"), CONTACT_EMAIL }, { STR_INIT("mail2"), CONTACT_EMAIL },
	{ STR_INIT("push1"), CONTACT_NTFY } };
static const struct contact town_fallback[] = { { STR_INIT("tty"), CONTACT_CONSOLE, STR_INIT(""), STR_INIT("") } };

static const struct directory town = {
	.users = town_users, .user_count = ARRAY_COUNT(town_users),
	.schedules = town_schedules, .schedule_count = ARRAY_COUNT(town_schedules),
	.policies = town_policies, .policy_count = ARRAY_COUNT(town_policies),
	.services = town_services, .service_count = ARRAY_COUNT(town_services),
	.integrations = town_integrations, .integration_count = ARRAY_COUNT(town_integrations),
	.rules = town_rules, .rule_count = ARRAY_COUNT(town_rules),
	.providers = town_providers, .provider_count = ARRAY_COUNT(town_providers),
	.fallback = town_fallback, .fallback_count = ARRAY_COUNT(town_fallback),
};
