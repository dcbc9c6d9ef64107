/* SPDX-License-Identifier: Apache-2.0
 *
 * Every command of quis with its options, in one table: what --help, the completion and
 * docs/reference/cli.md say is what the parser takes.
 */
#include "cmd/cli/cli.h"

#define OPTIONS(list) .options = (list), .option_count = ARRAY_COUNT(list)

const struct cli_option cli_global_options[] = {
	{ "url", 'u', "URL", "where quisd listens (QUIS_URL; http://127.0.0.1:7847)", NULL },
	{ "token-file", 't', "FILE", "holds the API token (QUIS_TOKEN_FILE; ~/.config/quis/token)",
	    "@file" },
	{ "ca-file", 0, "FILE", "PEM certificates to trust instead of the system's (QUIS_CA_FILE)",
	    "@file" },
	{ "timeout", 0, "DURATION", "the longest to wait for an answer (30s)", NULL },
	{ "json", 'j', NULL, "print the server's JSON; what is not a terminal gets it anyway",
	    NULL },
	{ "table", 0, NULL, "print for people although this is not a terminal", NULL },
	{ "color", 0, "WHEN", "auto, always or never (auto; NO_COLOR is heeded)",
	    "auto always never" },
	{ "help", 'h', NULL, "say how a command is used", NULL },
	{ "version", 0, NULL, "print the version", NULL },
};
const unsigned cli_global_option_count = ARRAY_COUNT(cli_global_options);

static const struct cli_option send_options[] = {
	{ "summary", 0, "TEXT", "what happened, instead of the argument", NULL },
	{ "key-file", 0, "FILE", "holds the integration key (QUIS_KEY_FILE)", "@file" },
	{ "key", 'k', "KEY", "the integration key; others on this machine can see it here", NULL },
	{ "action", 'a', "ACTION", "trigger, acknowledge or resolve (trigger)",
	    "trigger acknowledge resolve" },
	{ "dedup-key", 'd', "KEY", "what the event is about; events with one key are one alert",
	    NULL },
	{ "severity", 's', "SEVERITY", "critical, error, warning or info (error)",
	    "critical error warning info" },
	{ "source", 0, "NAME", "what it happened on (this machine's name)", NULL },
	{ "detail", 'f', "NAME=VALUE", "one more fact; may be given many times", NULL },
	{ "details", 0, "FILE", "facts as a JSON object, or any text; - reads standard input",
	    "@file" },
	{ "link", 0, "URL", "where to read more; may be given many times", NULL },
};

static const struct cli_option list_options[] = {
	{ "status", 's', "STATUS", "triggered, acknowledged, resolved, open or all (open)",
	    "triggered acknowledged resolved open all" },
	{ "service", 0, "NAME", "only of this service; may be given many times", NULL },
	{ "urgency", 0, "URGENCY", "high or low", "high low" },
	{ "since", 0, "TIME", "not before: an RFC 3339 time, or how long ago, such as 2h", NULL },
	{ "until", 0, "TIME", "not after", NULL },
	{ "search", 'q', "TEXT", "only with this text in the title", NULL },
	{ "limit", 'n', "COUNT", "at most so many, 1 to 100 (25)", NULL },
	{ "offset", 0, "COUNT", "leave out so many (0)", NULL },
};

static const struct cli_option oncall_options[] = {
	{ "schedule", 0, "NAME", "only this schedule", NULL },
	{ "user", 0, "NAME", "only this person", NULL },
};

static const struct cli_option query_options[] = {
	{ "time", 0, "TIME", "at this time: RFC 3339, or how long ago, such as 2h (now)", NULL },
	{ "range", 'r', "DURATION", "over the time up to --time, such as 1h", NULL },
	{ "step", 0, "DURATION", "between two points of a range (a sixtieth of it)", NULL },
	{ "graph", 'g', NULL,
	    "draw a little graph of each series; a range of 1h when none is given", NULL },
};

static const struct cli_option apply_options[] = {
	{ "whole", 0, NULL, "remove what an earlier apply made and these files no longer hold",
	    NULL },
	{ "verbose", 'v', NULL, "name what stays the same as well", NULL },
};

static const struct cli_option export_options[] = {
	{ "kind", 0, "KIND",
	    "only User, Team, Schedule, EscalationPolicy, Service, Alert or RuleGroup",
	    "User Team Schedule EscalationPolicy Service Alert RuleGroup" },
	{ "manager", 0, "MANAGER", "only what is managed by file, apply, ui or api",
	    "file apply ui api" },
};

static const struct cli_option proof_options[] = {
	{ "state", 0, "STATE", "only proven, stale, broken or never", "proven stale broken never" },
};

const struct cli_command cli_commands[] = {
	{ .name = "send",
	    .arguments = "[SUMMARY]",
	    .arguments_max = 1,
	    OPTIONS(send_options),
	    .run = cmd_send,
	    .summary = "send an event: trigger, acknowledge or resolve an alert",
	    .details = "The integration key says which service the event is for; it stands in the "
	               "resource of that Service. "
	               "To acknowledge or resolve, give the --dedup-key of the alert. The answer "
	               "holds the dedup key.",
	    .examples =
	        "quis send --key-file web.key \"disk full on db1\"\n"
	        "quis send --key-file web.key -d backup -s critical -f host=db1 \"backup failed\"\n"
	        "backup 2>&1 | quis send --key-file web.key -d backup --details - \"backup "
	        "failed\"\n"
	        "quis send --key-file web.key -d backup --action resolve\n" },
	{ .name = "incidents list",
	    .arguments = "",
	    OPTIONS(list_options),
	    .run = cmd_incidents_list,
	    .summary = "list incidents, the open ones when nothing is said",
	    .examples = "quis incidents\n"
	                "quis incidents list --status all --since 7d --service web\n"
	                "quis incidents list --json | jq '.incidents[].title'\n" },
	{ .name = "incidents show",
	    .arguments = "ID",
	    .arguments_min = 1,
	    .arguments_max = 1,
	    .run = cmd_incidents_show,
	    .summary = "show one incident: who was told over what, and what happened",
	    .details = "An incident is named by its number or its id.",
	    .examples = "quis incidents show 12\n" },
	{ .name = "incidents ack",
	    .arguments = "ID...",
	    .arguments_min = 1,
	    .arguments_max = 100,
	    .run = cmd_incidents_ack,
	    .summary = "acknowledge incidents: paging stops",
	    .examples = "quis incidents ack 12 13\n" },
	{ .name = "incidents resolve",
	    .arguments = "ID...",
	    .arguments_min = 1,
	    .arguments_max = 100,
	    .run = cmd_incidents_resolve,
	    .summary = "resolve incidents",
	    .examples = "quis incidents resolve 12\n" },
	{ .name = "incidents note",
	    .arguments = "ID TEXT",
	    .arguments_min = 2,
	    .arguments_max = 2,
	    .run = cmd_incidents_note,
	    .summary = "write a note into an incident's timeline; - reads standard input",
	    .examples = "quis incidents note 12 \"restarted the pool\"\n" },
	{ .name = "oncall",
	    .arguments = "",
	    OPTIONS(oncall_options),
	    .run = cmd_oncall,
	    .summary = "who is on call now, and until when",
	    .examples = "quis oncall\nquis oncall --schedule web-primary\n" },
	{ .name = "query",
	    .arguments = "EXPRESSION",
	    .arguments_min = 1,
	    .arguments_max = 1,
	    OPTIONS(query_options),
	    .run = cmd_query,
	    .summary = "ask the metrics in PromQL",
	    .examples = "quis query 'avg(load1)'\n"
	                "quis query --graph --range 6h 'rate(http_requests_total[5m])'\n"
	                "quis query --time 2h 'load1 > 1'\n" },
	{ .name = "check",
	    .arguments = "PATH...",
	    .arguments_min = 1,
	    .arguments_max = 100,
	    OPTIONS(apply_options),
	    .run = cmd_check,
	    .summary = "say what apply would do, with a diff, and what is wrong",
	    .details = "A path is a YAML file, a folder of them, or - for standard input. Nothing "
	               "is changed. "
	               "What is wrong is named as file:line:column.",
	    .examples = "quis check team/\n" },
	{ .name = "apply",
	    .arguments = "PATH...",
	    .arguments_min = 1,
	    .arguments_max = 100,
	    OPTIONS(apply_options),
	    .run = cmd_apply,
	    .summary = "create and change resources from YAML files: all of them, or none",
	    .details =
	        "What a file of the installation or the UI manages is left alone and reported.",
	    .examples = "quis apply team/\nquis apply --whole team/ alerts.yaml\n" },
	{ .name = "export",
	    .arguments = "",
	    OPTIONS(export_options),
	    .run = cmd_export,
	    .summary = "write resources as YAML, as apply reads them",
	    .examples = "quis export > all.yaml\nquis export --kind Schedule\n" },
	{ .name = "status",
	    .arguments = "",
	    .run = cmd_status,
	    .summary = "is Quis itself well? 0 when it is, 1 when not",
	    .examples = "quis status\n" },
	{ .name = "proof",
	    .arguments = "",
	    OPTIONS(proof_options),
	    .run = cmd_proof,
	    .summary = "when each rule, route, provider and person was last proven to work",
	    .examples = "quis proof\nquis proof --state broken\n" },
	{ .name = "test-page",
	    .arguments = "USER [CONTACT]",
	    .arguments_min = 1,
	    .arguments_max = 2,
	    .run = cmd_test_page,
	    .summary = "page somebody as a test",
	    .examples = "quis test-page ana\nquis test-page ana mail\n" },
	{ .name = "completion",
	    .arguments = "bash",
	    .arguments_min = 1,
	    .arguments_max = 1,
	    .run = cmd_completion,
	    .summary = "print the completion for a shell",
	    .examples =
	        "quis completion bash > ~/.local/share/bash-completion/completions/quis\n" },
	{ .name = "help",
	    .arguments = "[COMMAND]",
	    .arguments_max = 2,
	    .run = cmd_help,
	    .summary = "say how a command is used",
	    .examples = "quis help incidents list\n" },
	{ .name = "reference",
	    .arguments = "",
	    .run = cmd_reference,
	    .hidden = true,
	    .summary = "print docs/reference/cli.md" },
};
const unsigned cli_command_count = ARRAY_COUNT(cli_commands);
