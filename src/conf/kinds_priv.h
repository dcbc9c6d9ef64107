/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of all kinds of resources, and of the installation file.
 */
#pragma once
#include "conf/schema_priv.h"

enum conf_kind {
	KIND_USER,
	KIND_TEAM,
	KIND_SCHEDULE,
	KIND_POLICY,
	KIND_SERVICE,
	KIND_ALERT,
	KIND_RULE_GROUP,
	KIND_COUNT
};
extern const struct conf_table *const conf_kind_table[KIND_COUNT];
/* KIND_COUNT when there is none of that name. */
enum conf_kind conf_kind_find(struct str name);
struct str conf_kind_name(enum conf_kind kind);

extern const struct conf_table conf_contact_table, conf_notify_table, conf_notify_rule_table,
    conf_layer_table, conf_restriction_table, conf_override_table, conf_step_table,
    conf_target_table, conf_integration_table, conf_rule_table;
/* A Prometheus rule file: `groups:`. */
extern const struct conf_table conf_rule_file_table;
extern const struct conf_table conf_install_table, conf_provider_table, conf_fallback_table,
    conf_token_table, conf_listen_table, conf_tls_table, conf_statsd_table, conf_rules_table,
    conf_prober_table;
