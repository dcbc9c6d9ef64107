/* SPDX-License-Identifier: Apache-2.0
 *
 * quis send: one event over Events API v2, as any other client would send it.
 */
#include "cmd/cli/cli.h"
#include "cmd/cli/print.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int take_key(struct cli *c, struct str *ret_key)
{
	struct str key = cli_value(&c->args, "key"), file = cli_value(&c->args, "key-file");
	if (key.ptr && file.ptr)
		return cli_fail(CLI_USAGE, "give either --key or --key-file");
	if (!key.ptr && !file.ptr)
		file = str_c(getenv("QUIS_KEY_FILE"));
	if (!key.ptr && str_empty(file))
		return cli_fail(CLI_USAGE, "an integration key is needed: --key-file FILE; `quis "
		                           "export --kind Service` shows the keys");
	if (!key.ptr) {
		int code = cli_read_input(c, file, &key);
		if (code)
			return code;
	}
	*ret_key = str_trim(key);
	return CLI_OK;
}

static bool is_one_of(struct str word, const char *const *words)
{
	for (; *words; words++)
		if (str_eq(word, str_c(*words)))
			return true;
	return false;
}

/* --details: a JSON object as it is, anything else as text; --detail adds to it. */
static int write_details(struct cli *c, struct jw *w)
{
	struct str file = cli_value(&c->args, "details"), text = { NULL, 0 }, pair;
	const struct json *object = NULL;
	if (file.ptr) {
		int code = cli_read_input(c, file, &text);
		if (code)
			return code;
		if (json_read(c->a, text, JSON_DEPTH_MAX, &object, NULL) ||
		    !json_is(object, JSON_OBJECT))
			object = NULL;
	}
	unsigned at = 0;
	if (!file.ptr && !cli_has(&c->args, "detail"))
		return CLI_OK;
	jw_key(w, STR("custom_details"));
	jw_open(w, '{');
	for (const struct json *m = object ? object->child : NULL; m; m = m->next) {
		jw_key(w, m->name);
		jw_raw(w, m->raw);
	}
	if (file.ptr && !object)
		jw_kv_str(w, STR("text"), str_utf8_first(text, (size_t)256 << 10));
	while (cli_next(&c->args, "detail", &at, &pair)) {
		struct str value = pair, name = str_cut(&value, '=');
		if (!value.ptr || str_empty(name))
			return cli_fail(
			    CLI_USAGE, "--detail is NAME=VALUE, not \"%.*s\"", STR_ARG(pair));
		jw_kv_str(w, name, value);
	}
	jw_close(w, '}');
	return CLI_OK;
}

static int write_payload(struct cli *c, struct jw *w, struct str summary)
{
	static const char *const severities[] = { "critical", "error", "warning", "info", NULL };
	struct str severity = cli_value(&c->args, "severity"),
	           source = cli_value(&c->args, "source"), link;
	if (severity.ptr && !is_one_of(severity, severities))
		return cli_fail(CLI_USAGE,
		    "--severity is critical, error, warning or info, not \"%.*s\"",
		    STR_ARG(severity));
	char host[256] = "unknown";
	if (gethostname(host, sizeof host - 1))
		snprintf(host, sizeof host, "unknown");
	jw_key(w, STR("payload"));
	jw_open(w, '{');
	jw_kv_str(w, STR("summary"), str_utf8_first(summary, 1024));
	jw_kv_str(w, STR("source"), source.ptr ? source : str_c(host));
	jw_kv_str(w, STR("severity"), severity.ptr ? severity : STR("error"));
	int code = write_details(c, w);
	jw_close(w, '}');
	unsigned at = 0;
	if (!cli_has(&c->args, "link"))
		return code;
	jw_key(w, STR("links"));
	jw_open(w, '[');
	while (cli_next(&c->args, "link", &at, &link)) {
		jw_open(w, '{');
		jw_kv_str(w, STR("href"), link);
		jw_close(w, '}');
	}
	jw_close(w, ']');
	return code;
}

static int write_event(struct cli *c, struct jw *w)
{
	static const char *const actions[] = { "trigger", "acknowledge", "resolve", NULL };
	struct str action = cli_value(&c->args, "action"), dedup = cli_value(&c->args, "dedup-key"),
	           key;
	if (!action.ptr)
		action = STR("trigger");
	if (!is_one_of(action, actions))
		return cli_fail(CLI_USAGE,
		    "--action is trigger, acknowledge or resolve, not \"%.*s\"", STR_ARG(action));
	bool trigger = str_eq(action, STR("trigger"));
	struct str summary =
	    c->args.argument_count ? c->args.arguments[0] : cli_value(&c->args, "summary");
	if (trigger && str_empty(str_trim(summary)))
		return cli_fail(CLI_USAGE, "say what happened: quis send ... \"disk full on db1\"");
	if (!trigger && !dedup.ptr)
		return cli_fail(
		    CLI_USAGE, "--action %.*s needs the --dedup-key of the alert", STR_ARG(action));
	int code = take_key(c, &key);
	if (code)
		return code;
	jw_open(w, '{');
	jw_kv_str(w, STR("routing_key"), key);
	jw_kv_str(w, STR("event_action"), action);
	if (dedup.ptr)
		jw_kv_str(w, STR("dedup_key"), dedup);
	if (trigger) {
		jw_kv_str(w, STR("client"), STR("quis send"));
		code = write_payload(c, w, summary);
	}
	jw_close(w, '}');
	return code;
}

int cmd_send(struct cli *c)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 20);
	struct jw w = jw_make(&b);
	int code = write_event(c, &w);
	if (!code && b.err)
		code = cli_fail(CLI_USAGE, "the event is too large");
	struct str body = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	struct answer answer;
	if (!code)
		code = client_call(c, "POST", STR("/v2/enqueue"), body, &answer);
	if (code)
		return code;
	if (answer.status != 202)
		return client_refused(c, &answer);
	if (c->json) {
		buf_add(&c->out, answer.body);
		buf_add_char(&c->out, '\n');
		return CLI_OK;
	}
	const struct json *root = NULL;
	if (json_read(c->a, answer.body, JSON_DEPTH_MAX, &root, NULL))
		root = NULL;
	buf_add_c(&c->out, "Accepted, dedup key ");
	print_safe(&c->out, json_get_str(root, STR("dedup_key")), NULL);
	buf_add_char(&c->out, '\n');
	return CLI_OK;
}
