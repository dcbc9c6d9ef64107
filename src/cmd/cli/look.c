/* SPDX-License-Identifier: Apache-2.0
 *
 * See look.h.
 */
#include "cmd/cli/look.h"

bool look_json(struct cli *c, const struct json *root)
{
	if (!c->json)
		return false;
	buf_add(&c->out, look_raw(root));
	buf_add_char(&c->out, '\n');
	return true;
}

struct str look_text(const struct json *j)
{
	if (!j || j->type == JSON_NULL)
		return STR("");
	return j->type == JSON_STRING ? j->text : j->raw;
}

struct str look_raw(const struct json *j)
{
	return j ? j->raw : STR("null");
}

struct str look_summary(const struct json *j)
{
	static const struct str names[] = { STR_INIT("summary"), STR_INIT("name"),
		STR_INIT("login"), STR_INIT("id") };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str s = json_get_str(j, names[i]);
		if (s.len)
			return s;
	}
	return STR("");
}

struct str look_ago(struct cli *c, struct str time)
{
	struct wall t;
	return str_empty(time) || wall_parse(time, &t) ? STR("") : print_ago(c->a, t, c->now);
}

struct str look_local(struct cli *c, struct str time)
{
	struct wall t;
	return str_empty(time) || wall_parse(time, &t) ? STR("") : print_time(c->a, t, c->zone);
}

struct str look_when(struct cli *c, struct str time)
{
	struct str ago = look_ago(c, time), local = look_local(c, time);
	return str_empty(ago) ? STR("")
	                      : arena_printf(c->a, "%.*s (%.*s)", STR_ARG(local), STR_ARG(ago));
}

void look_line(struct cli *c, const char *name, struct str text)
{
	if (str_empty(text))
		return;
	buf_printf(&c->out, "%-10s ", name);
	print_safe(&c->out, text, NULL);
	buf_add_char(&c->out, '\n');
}

int look_time(struct cli *c, const char *option, struct str text, struct wall *ret)
{
	struct span back;
	if (!wall_parse(text, ret))
		return CLI_OK;
	if (!span_parse(text, &back) && back.ns >= 0) {
		*ret = wall_add(c->now, (struct span){ -back.ns });
		return CLI_OK;
	}
	return cli_fail(CLI_USAGE,
	    "--%s is a time such as 2026-01-05T09:00:00Z, or how long ago such as 2h, not \"%.*s\"",
	    option, STR_ARG(text));
}
