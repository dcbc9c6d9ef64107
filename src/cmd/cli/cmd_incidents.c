/* SPDX-License-Identifier: Apache-2.0
 *
 * quis incidents: the list, one incident with its pages and its timeline, and what people do with
 * them.
 */
#include "cmd/cli/cli.h"
#include "cmd/cli/look.h"
#include <assert.h>

/* "2h" ago, or a time as it is. */
static int take_time(struct cli *c, const char *option, struct str *path)
{
	struct str text = cli_value(&c->args, option);
	struct wall t;
	if (!text.ptr)
		return CLI_OK;
	int code = look_time(c, option, text, &t);
	if (code)
		return code;
	struct buf b = buf_make(&mem_system, 64);
	wall_format(&b, t);
	*path = client_query(c, *path, option, buf_str(&b));
	buf_free(&b);
	return CLI_OK;
}

static int list_path(struct cli *c, struct str *ret_path)
{
	struct str path = STR("/incidents"), value;
	struct str status = cli_value(&c->args, "status");
	if (!status.ptr || str_eq(status, STR("open"))) {
		path = client_query(c, path, "statuses[]", STR("triggered"));
		path = client_query(c, path, "statuses[]", STR("acknowledged"));
	} else if (!str_eq(status, STR("all"))) {
		while (status.ptr)
			path = client_query(c, path, "statuses[]", str_cut(&status, ','));
	}
	for (unsigned at = 0; cli_next(&c->args, "service", &at, &value);)
		path = client_query(c, path, "service_ids[]", value);
	static const struct {
		const char *option, *parameter;
	} plain[] = { { "urgency", "urgencies[]" }, { "search", "q" }, { "limit", "limit" },
		{ "offset", "offset" } };
	for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
		value = cli_value(&c->args, plain[i].option);
		if (value.ptr)
			path = client_query(c, path, plain[i].parameter, value);
	}
	int code = take_time(c, "since", &path);
	if (!code)
		code = take_time(c, "until", &path);
	*ret_path = path;
	return code;
}

static enum style status_style(struct str status)
{
	return str_eq(status, STR("triggered"))      ? STYLE_RED
	       : str_eq(status, STR("acknowledged")) ? STYLE_YELLOW
	                                             : STYLE_GREEN;
}

/* Whoever has it: the acknowledger, else those who are assigned. */
static struct str holders(struct cli *c, const struct json *incident)
{
	static const struct {
		struct str list, member;
	} from[] = { { STR_INIT("acknowledgements"), STR_INIT("acknowledger") },
		{ STR_INIT("assignments"), STR_INIT("assignee") } };
	struct buf b = buf_make(&mem_system, 4096);
	for (size_t f = 0; f < ARRAY_COUNT(from) && !b.len; f++) {
		const struct json *list = json_get(incident, from[f].list);
		for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
		     j = j->next)
			buf_printf(&b, "%s%.*s", b.len ? ", " : "",
			    STR_ARG(look_summary(json_get(j, from[f].member))));
	}
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s;
}

int cmd_incidents_list(struct cli *c)
{
	static const char *const heads[] = { "NR", "STATUS", "URGENCY", "SINCE", "SERVICE", "WITH",
		"TITLE", NULL };
	struct str path;
	const struct json *root;
	int code = list_path(c, &path);
	if (!code)
		code = client_json(c, "GET", path, (struct str){ NULL, 0 }, &root);
	if (code || look_json(c, root))
		return code;
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("incidents"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str status = json_get_str(j, STR("status")),
		           urgency = json_get_str(j, STR("urgency"));
		struct cell cells[] = {
			cell(look_text(json_get(j, STR("incident_number")))),
			cell_styled(status, status_style(status)),
			cell_styled(urgency, str_eq(urgency, STR("high")) ? STYLE_BOLD : STYLE_DIM),
			cell(look_ago(c, json_get_str(j, STR("created_at")))),
			cell(look_summary(json_get(j, STR("service")))),
			cell(holders(c, j)),
			cell(json_get_str(j, STR("title"))),
		};
		table_add(&t, cells);
	}
	if (!t.rows)
		buf_add_c(&c->out, "No incidents.\n");
	else
		table_write(&c->out, &t, c->width, c->color);
	if (json_is(json_get(root, STR("more")), JSON_TRUE))
		buf_printf(&c->out, "There are more: --limit 100, or --offset %zu\n", t.rows);
	return CLI_OK;
}

static void show_head(struct cli *c, const struct json *j)
{
	struct str status = json_get_str(j, STR("status"));
	buf_printf(&c->out, "#%.*s  ", STR_ARG(look_text(json_get(j, STR("incident_number")))));
	print_styled(&c->out, json_get_str(j, STR("title")), STYLE_BOLD, c->color);
	buf_add_c(&c->out, "\n\nstatus     ");
	print_styled(&c->out, status, status_style(status), c->color);
	buf_printf(&c->out, ", %.*s urgency\n", STR_ARG(json_get_str(j, STR("urgency"))));
	look_line(c, "service", look_summary(json_get(j, STR("service"))));
	look_line(c, "policy", look_summary(json_get(j, STR("escalation_policy"))));
	look_line(c, "with", holders(c, j));
	look_line(c, "since", look_when(c, json_get_str(j, STR("created_at"))));
	look_line(c, "changed", look_when(c, json_get_str(j, STR("last_status_change_at"))));
	look_line(c, "resolved", look_when(c, json_get_str(j, STR("resolved_at"))));
	look_line(c, "id", json_get_str(j, STR("id")));
	const struct json *own_part = json_get(j, STR("quis"));
	if (json_is(json_get(own_part, STR("nobody_on_call")), JSON_TRUE)) {
		print_styled(&c->out, STR("nobody was on call: the fallback contacts were paged"),
		    STYLE_RED, c->color);
		buf_add_char(&c->out, '\n');
	}
	const struct json *pending = json_get(j, STR("pending_actions"));
	for (const struct json *p = json_is(pending, JSON_ARRAY) ? pending->child : NULL; p;
	     p = p->next)
		look_line(c, "next",
		    arena_printf(c->a, "%.*s %.*s", STR_ARG(json_get_str(p, STR("type"))),
		        STR_ARG(look_ago(c, json_get_str(p, STR("at"))))));
}

static enum style message_style(struct str state)
{
	if (str_eq(state, STR("failed")))
		return STYLE_RED;
	return str_eq(state, STR("accepted")) || str_eq(state, STR("delivered")) ? STYLE_GREEN
	                                                                         : STYLE_YELLOW;
}

static void show_messages(struct cli *c, const struct json *root)
{
	static const char *const heads[] = { "PAGED", "OVER", "PROVIDER", "STATE", "TRY", "WHEN",
		"ERROR", NULL };
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("messages"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str user = json_get_str(j, STR("user")),
		           state = json_get_str(j, STR("state"));
		bool twice = json_is(json_get(j, STR("maybe_duplicate")), JSON_TRUE);
		struct cell cells[] = {
			cell(str_empty(user) ? STR("(fallback)") : user),
			cell(json_get_str(j, STR("contact"))),
			cell(json_get_str(j, STR("provider"))),
			cell_styled(state, message_style(state)),
			cell(arena_printf(c->a, "%.*s%s",
			    STR_ARG(look_text(json_get(j, STR("attempt")))),
			    twice ? " (maybe twice)" : "")),
			cell(look_ago(c, json_get_str(j, STR("changed_at")))),
			cell(json_get_str(j, STR("error"))),
		};
		table_add(&t, cells);
	}
	if (!t.rows)
		return;
	buf_add_char(&c->out, '\n');
	table_write(&c->out, &t, c->width, c->color);
}

static void show_timeline(struct cli *c, const struct json *root)
{
	static const char *const heads[] = { "WHEN", "WHO", "WHAT", NULL };
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("log_entries"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str note = json_get_str(j, STR("note"));
		struct cell cells[] = {
			cell_styled(look_local(c, json_get_str(j, STR("created_at"))), STYLE_DIM),
			cell(look_summary(json_get(j, STR("agent")))),
			cell(note.len ? note : json_get_str(j, STR("summary"))),
		};
		table_add(&t, cells);
	}
	if (!t.rows)
		return;
	buf_add_char(&c->out, '\n');
	table_write(&c->out, &t, c->width, c->color);
}

int cmd_incidents_show(struct cli *c)
{
	const struct str nothing = { NULL, 0 };
	struct str id = c->args.arguments[0];
	const struct json *root, *messages, *log;
	int code = client_json(c, "GET", client_path(c, "/incidents/", id, ""), nothing, &root);
	if (code)
		return code;
	const struct json *incident = json_get(root, STR("incident"));
	id = json_get_str(incident, STR("id"));
	code = client_json(c, "GET", client_path(c, "/api/quis/v1/incidents/", id, "/messages"),
	    nothing, &messages);
	if (!code)
		code = client_json(c, "GET",
		    client_path(c, "/incidents/", id, "/log_entries?limit=100"), nothing, &log);
	if (code)
		return code;
	if (c->json) {
		buf_printf(&c->out, "{\"incident\":%.*s,\"messages\":%.*s,\"log_entries\":%.*s}\n",
		    STR_ARG(look_raw(incident)),
		    STR_ARG(look_raw(json_get(messages, STR("messages")))),
		    STR_ARG(look_raw(json_get(log, STR("log_entries")))));
		return CLI_OK;
	}
	show_head(c, incident);
	show_messages(c, messages);
	show_timeline(c, log);
	return CLI_OK;
}

/* All of them are tried; the worst code is the result. With JSON the answers come as one array. */
static int set_status(struct cli *c, struct str status, const char *done)
{
	int worst = CLI_OK;
	struct str body = arena_printf(
	    c->a, "{\"incident\":{\"type\":\"incident\",\"status\":\"%.*s\"}}", STR_ARG(status));
	if (c->json)
		buf_add_char(&c->out, '[');
	bool comma = false;
	for (unsigned i = 0; i < c->args.argument_count; i++) {
		const struct json *root;
		int code = client_json(
		    c, "PUT", client_path(c, "/incidents/", c->args.arguments[i], ""), body, &root);
		if (code == CLI_UNREACHABLE)
			return code;
		worst = code ? code : worst;
		const struct json *j = code ? NULL : json_get(root, STR("incident"));
		if (!j)
			continue;
		if (c->json) {
			buf_printf(&c->out, "%s%.*s", comma ? "," : "", STR_ARG(look_raw(j)));
			comma = true;
			continue;
		}
		buf_printf(&c->out, "%s #%.*s ", done,
		    STR_ARG(look_text(json_get(j, STR("incident_number")))));
		print_safe(&c->out, json_get_str(j, STR("title")), NULL);
		buf_add_char(&c->out, '\n');
	}
	if (c->json)
		buf_add_c(&c->out, "]\n");
	return worst;
}

int cmd_incidents_ack(struct cli *c)
{
	return set_status(c, STR("acknowledged"), "Acknowledged");
}

int cmd_incidents_resolve(struct cli *c)
{
	return set_status(c, STR("resolved"), "Resolved");
}

int cmd_incidents_note(struct cli *c)
{
	struct str text = c->args.arguments[1];
	if (str_eq(text, STR("-"))) {
		int code = cli_read_input(c, text, &text);
		if (code)
			return code;
	}
	struct buf b = buf_make(&mem_system, (size_t)1 << 20);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_key(&w, STR("note"));
	jw_open(&w, '{');
	jw_kv_str(&w, STR("content"), str_trim(text));
	jw_close(&w, '}');
	jw_close(&w, '}');
	struct str body = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	const struct json *root;
	int code = client_json(
	    c, "POST", client_path(c, "/incidents/", c->args.arguments[0], "/notes"), body, &root);
	if (code || look_json(c, root))
		return code;
	buf_add_c(&c->out, "Noted.\n");
	return CLI_OK;
}
