/* SPDX-License-Identifier: Apache-2.0
 *
 * quis oncall: who is on call now.
 */
#include "cmd/cli/look.h"

/* A name that is one, or what an id stands for: both sides are compared as printed. */
static bool is_wanted(struct cli *c, const char *option, struct str name)
{
	struct str wanted = cli_value(&c->args, option);
	return !wanted.ptr || str_eq_nocase(wanted, name);
}

int cmd_oncall(struct cli *c)
{
	static const char *const heads[] = { "POLICY", "LEVEL", "SCHEDULE", "ON CALL", "UNTIL", "",
		NULL };
	const struct json *root;
	int code = client_json(c, "GET", STR("/oncalls?limit=100"), (struct str){ NULL, 0 }, &root);
	if (code || look_json(c, root))
		return code;
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("oncalls"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str schedule = look_summary(json_get(j, STR("schedule"))),
		           user = look_summary(json_get(j, STR("user")));
		if (!is_wanted(c, "schedule", schedule) || !is_wanted(c, "user", user))
			continue;
		struct str end = json_get_str(j, STR("end"));
		struct cell cells[] = {
			cell(look_summary(json_get(j, STR("escalation_policy")))),
			cell(look_text(json_get(j, STR("escalation_level")))),
			cell(schedule.len ? schedule : STR("-")),
			user.len ? cell_styled(user, STYLE_BOLD)
			         : cell_styled(STR("nobody"), STYLE_RED),
			cell(end.len ? look_local(c, end) : STR("always")),
			cell_styled(look_ago(c, end), STYLE_DIM),
		};
		table_add(&t, cells);
	}
	if (t.rows)
		table_write(&c->out, &t, c->width, c->color);
	else
		buf_add_c(
		    &c->out, cli_has(&c->args, "schedule") || cli_has(&c->args, "user")
		                 ? "Nobody is on call there, or no escalation policy uses it.\n"
		                 : "Nobody is on call: there is no escalation policy yet.\n");
	return CLI_OK;
}
