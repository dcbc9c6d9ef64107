/* SPDX-License-Identifier: Apache-2.0
 *
 * Is Quis itself well, when was what proven, and a page to prove it now.
 */
#include "cmd/cli/look.h"

int cmd_status(struct cli *c)
{
	static const char *const heads[] = { "", "CHECK", "AGE", "SAYS", NULL };
	struct answer answer;
	const struct json *root;
	int code =
	    client_call(c, "GET", STR("/status?format=json"), (struct str){ NULL, 0 }, &answer);
	if (code)
		return code;
	if (json_read(c->a, answer.body, JSON_DEPTH_MAX, &root, NULL) ||
	    !json_get(root, STR("checks")))
		return client_refused(c, &answer);
	bool ok = json_is(json_get(root, STR("ok")), JSON_TRUE) && answer.status == 200;
	code = ok ? CLI_OK : CLI_REFUSED;
	if (look_json(c, root))
		return code;
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("checks"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		bool well = json_is(json_get(j, STR("ok")), JSON_TRUE);
		const struct json *age = json_get(j, STR("age_s"));
		struct buf b = buf_make(&mem_system, 64);
		if (json_is(age, JSON_NUMBER) && age->number >= 0 && age->number < 1e9)
			span_format(&b, SPAN_MS(age->number < 10 ? (int64_t)(age->number * 1000)
			                                         : (int64_t)age->number * 1000));
		struct cell cells[] = {
			well ? cell_styled(STR("ok"), STYLE_GREEN)
			     : cell_styled(STR("BAD"), STYLE_RED),
			cell(json_get_str(j, STR("name"))),
			cell(arena_str(c->a, buf_str(&b))),
			cell(json_get_str(j, STR("text"))),
		};
		buf_free(&b);
		table_add(&t, cells);
	}
	struct str status = json_get_str(root, STR("status"));
	print_styled(&c->out, status, ok ? STYLE_GREEN : STYLE_RED, c->color);
	buf_add_c(&c->out, "  ");
	print_safe(&c->out, json_get_str(root, STR("version")), NULL);
	buf_add_c(&c->out, "\n\n");
	table_write(&c->out, &t, c->width, c->color);
	return code;
}

int cmd_proof(struct cli *c)
{
	static const char *const heads[] = { "KIND", "SUBJECT", "STATE", "PROVEN", "BY", "EVIDENCE",
		NULL };
	static const struct str states[] = { STR_INIT("proven"), STR_INIT("stale"),
		STR_INIT("broken"), STR_INIT("never") };
	const struct json *root;
	struct str wanted = cli_value(&c->args, "state");
	bool known = !wanted.ptr;
	for (size_t i = 0; i < ARRAY_COUNT(states); i++)
		known = known || str_eq(wanted, states[i]);
	if (!known)
		return cli_fail(CLI_USAGE,
		    "--state is proven, stale, broken or never, not \"%.*s\"", STR_ARG(wanted));
	int code =
	    client_json(c, "GET", STR("/api/quis/v1/proofs"), (struct str){ NULL, 0 }, &root);
	if (code || look_json(c, root))
		return code;
	struct table t = table_make(c->a, heads);
	const struct json *list = json_get(root, STR("proofs"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str state = json_get_str(j, STR("state")),
		           ago = look_ago(c, json_get_str(j, STR("proven_at")));
		if (wanted.ptr && !str_eq(wanted, state))
			continue;
		enum style style = str_eq(state, STR("proven"))  ? STYLE_GREEN
		                   : str_eq(state, STR("stale")) ? STYLE_YELLOW
		                                                 : STYLE_RED;
		struct cell cells[] = {
			cell(json_get_str(j, STR("kind"))),
			cell(json_get_str(j, STR("subject"))),
			cell_styled(state, style),
			cell(ago.len ? ago : STR("-")),
			cell(json_get_str(j, STR("by"))),
			cell_styled(json_get_str(j, STR("evidence")), STYLE_DIM),
		};
		table_add(&t, cells);
	}
	if (t.rows)
		table_write(&c->out, &t, c->width, c->color);
	else
		buf_add_c(&c->out, "Nothing.\n");
	return CLI_OK;
}

int cmd_test_page(struct cli *c)
{
	struct str contact = c->args.argument_count > 1 ? c->args.arguments[1] : STR("");
	struct buf b = buf_make(&mem_system, (size_t)1 << 16);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("user"), c->args.arguments[0]);
	jw_kv_str(&w, STR("contact"), contact);
	jw_close(&w, '}');
	struct str body = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	const struct json *root;
	int code = client_json(c, "POST", STR("/api/quis/v1/test-page"), body, &root);
	if (code || look_json(c, root))
		return code;
	buf_add_c(&c->out, "A test page is on its way to ");
	print_safe(&c->out, c->args.arguments[0], NULL);
	buf_add_c(&c->out, "; `quis proof` tells when it arrived.\n");
	return CLI_OK;
}
