/* SPDX-License-Identifier: Apache-2.0
 *
 * check, apply, export: resources as YAML files. The files are checked here first, by the same
 * tables as in the server; what only the server can know (who else there is) comes back with its
 * path, which is turned into file:line:column again.
 */
#include "cmd/cli/look.h"
#include "conf/resource.h"
#include "os/os.h"
#include "rules/check.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define DOCUMENTS_MAX 10000u
#define BODY_BYTES_MAX ((size_t)64 << 20)

struct files {
	struct conf_document *list;
	size_t count, cap;
	struct conf_faults faults;
};

static int add(struct cli *c, struct files *f, const struct conf_document *list, size_t count)
{
	if (f->count + count > DOCUMENTS_MAX)
		return cli_fail(CLI_USAGE, "more than %u resources", DOCUMENTS_MAX);
	if (f->count + count > f->cap) {
		size_t cap = (f->count + count) * 2;
		struct conf_document *more = arena_new(c->a, struct conf_document, cap);
		if (!more)
			return cli_fail(CLI_USAGE, "out of memory");
		if (f->count)
			memcpy(more, f->list, f->count * sizeof *more);
		f->list = more;
		f->cap = cap;
	}
	if (count)
		memcpy(f->list + f->count, list, count * sizeof *list);
	f->count += count;
	return CLI_OK;
}

static int read_file(struct cli *c, struct files *f, struct str path)
{
	struct str text, name = str_eq(path, STR("-")) ? STR("<stdin>") : path;
	struct conf_document *list = NULL;
	size_t count = 0;
	int code = cli_read_input(c, path, &text);
	if (code)
		return code;
	enum err err = conf_read_yaml(c->a, name, text, &list, &count, &f->faults);
	if (err == ERR_INPUT)
		return CLI_OK; /* reported together at the end */
	return err ? cli_fail(CLI_USAGE, "%.*s: %s", STR_ARG(name), err_text(err))
	           : add(c, f, list, count);
}

static int read_path(struct cli *c, struct files *f, struct str path)
{
	struct stat st;
	if (str_eq(path, STR("-")))
		return read_file(c, f, path);
	while (path.len > 1 && str_ends(path, STR("/")))
		path.len--;
	path = arena_str(c->a, path);
	if (!path.ptr || stat(path.ptr, &st))
		return cli_fail(CLI_USAGE, "%.*s: %s", STR_ARG(path), strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return read_file(c, f, path);
	struct str *names;
	size_t count;
	if (os_list_dir(path.ptr, c->a, &names, &count))
		return cli_fail(CLI_USAGE, "%.*s: it cannot be read", STR_ARG(path));
	unsigned found = 0;
	for (size_t i = 0; i < count; i++) {
		if (str_starts(names[i], STR(".")) ||
		    !(str_ends(names[i], STR(".yaml")) || str_ends(names[i], STR(".yml"))))
			continue;
		found++;
		int code = read_file(
		    c, f, arena_printf(c->a, "%.*s/%.*s", STR_ARG(path), STR_ARG(names[i])));
		if (code)
			return code;
	}
	return found ? CLI_OK
	             : cli_fail(
	                   CLI_USAGE, "%.*s: there is no .yaml or .yml file in it", STR_ARG(path));
}

static void print_fault(struct cli *c, const struct conf_fault *fault)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 16),
	           safe = buf_make(&mem_system, (size_t)1 << 16);
	conf_fault_write(&b, fault);
	print_safe(&safe, buf_str(&b), NULL);
	fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&safe)));
	buf_free(&b);
	buf_free(&safe);
	(void)c;
}

struct query_check {
	struct cli *c;
	struct files *f;
	const struct conf_document *document;
};

/* The server would find it too late: when the rule is first evaluated. */
static enum err check_query(void *context, struct str path, struct str query)
{
	const struct query_check *q = context;
	const struct conf_document *d = q->document;
	struct str why;
	enum err err = rules_query_check(q->c->a, query, &why);
	if (err != ERR_INPUT)
		return err;
	struct conf_fault f = { .file = d->file,
		.path = arena_printf(
		    q->c->a, "%.*s %.*s: %.*s", STR_ARG(d->kind), STR_ARG(d->name), STR_ARG(path)),
		.message = why };
	ignore_err(
	    conf_document_place(d, 1, f.path, &f.file, &f.line, &f.column), "then without a place");
	conf_faults_add(&q->f->faults, &f);
	return OK;
}

static int read_all(struct cli *c, struct files *f)
{
	f->faults = conf_faults_make(c->a);
	for (unsigned i = 0; i < c->args.argument_count; i++) {
		int code = read_path(c, f, c->args.arguments[i]);
		if (code)
			return code;
	}
	for (size_t i = 0; i < f->count; i++) {
		struct query_check check = { c, f, &f->list[i] };
		if (conf_document_queries(c->a, &f->list[i], check_query, &check))
			return cli_fail(CLI_USAGE, "out of memory");
	}
	for (size_t i = 0; i < f->faults.count; i++)
		print_fault(c, &f->faults.list[i]);
	if (f->faults.more)
		fprintf(stderr, "and %zu more\n", f->faults.more);
	return f->faults.count ? CLI_USAGE : CLI_OK;
}

static enum style action_style(struct str action)
{
	if (str_eq(action, STR("create")))
		return STYLE_GREEN;
	return str_eq(action, STR("remove")) || str_eq(action, STR("conflict")) ? STYLE_RED
	                                                                        : STYLE_YELLOW;
}

static void print_diff(struct cli *c, struct str diff)
{
	while (diff.ptr && diff.len) {
		struct str line = str_cut(&diff, '\n');
		enum style style = str_starts(line, STR("+"))   ? STYLE_GREEN
		                   : str_starts(line, STR("-")) ? STYLE_RED
		                                                : STYLE_PLAIN;
		buf_add_c(&c->out, "    ");
		print_styled(&c->out, line, style, c->color);
		buf_add_char(&c->out, '\n');
	}
}

struct tally {
	unsigned create, update, remove, same, other;
};

static void print_changes(struct cli *c, const struct json *root, bool dry_run)
{
	struct tally n = { 0 };
	const struct json *list = json_get(root, STR("changes"));
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		struct str action = json_get_str(j, STR("action"));
		bool same = str_eq(action, STR("same"));
		unsigned *count = str_eq(action, STR("create"))   ? &n.create
		                  : str_eq(action, STR("update")) ? &n.update
		                  : str_eq(action, STR("remove")) ? &n.remove
		                  : same                          ? &n.same
		                                                  : &n.other;
		++*count;
		if (same && !cli_has(&c->args, "verbose"))
			continue;
		print_styled(&c->out, action, same ? STYLE_DIM : action_style(action), c->color);
		buf_add_char(&c->out, ' ');
		print_safe(&c->out, json_get_str(j, STR("kind")), NULL);
		buf_add_char(&c->out, ' ');
		print_safe(&c->out, json_get_str(j, STR("name")), NULL);
		buf_add_char(&c->out, '\n');
		print_diff(c, json_get_str(j, STR("diff")));
	}
	buf_printf(&c->out,
	    dry_run ? "%u to create, %u to update, %u to remove, %u unchanged\n"
	            : "%u created, %u updated, %u removed, %u unchanged\n",
	    n.create, n.update, n.remove, n.same);
}

/* The server's faults, at their places in the files. */
static int print_errors(struct cli *c, const struct files *f, const struct json *root)
{
	const struct json *list = json_get(root, STR("errors"));
	unsigned count = 0;
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next, count++) {
		struct conf_fault fault = { .path = json_get_str(j, STR("path")),
			.message = json_get_str(j, STR("message")),
			.hint = json_get_str(j, STR("hint")) };
		fault.file = STR("");
		ignore_err(conf_document_place(f->list, f->count, fault.path, &fault.file,
		               &fault.line, &fault.column),
		    "then without a place");
		print_fault(c, &fault);
	}
	return count ? CLI_REFUSED : CLI_OK;
}

static int post(struct cli *c, bool dry_run)
{
	struct files f = { 0 };
	int code = read_all(c, &f);
	if (code)
		return code;
	struct buf b = buf_make(&mem_system, BODY_BYTES_MAX);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_bool(&w, STR("dry_run"), dry_run);
	jw_kv_bool(&w, STR("whole"), cli_has(&c->args, "whole"));
	jw_key(&w, STR("resources"));
	jw_open(&w, '[');
	for (size_t i = 0; i < f.count; i++)
		jw_raw(&w, f.list[i].body);
	jw_close(&w, ']');
	jw_close(&w, '}');
	struct str body = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	struct answer answer;
	const struct json *root;
	code = client_call(c, "POST", STR("/api/quis/v1/resources"), body, &answer);
	if (code)
		return code;
	bool known = answer.status == 200 || answer.status == 422;
	if (!known || json_read(c->a, answer.body, JSON_DEPTH_MAX, &root, NULL) ||
	    !json_get(root, STR("changes")))
		return client_refused(c, &answer);
	code = print_errors(c, &f, root);
	if (!code && answer.status != 200)
		code = cli_fail(CLI_REFUSED, "the server refused the resources");
	if (look_json(c, root))
		return code;
	if (!code)
		print_changes(c, root, dry_run);
	return code;
}

int cmd_check(struct cli *c)
{
	return post(c, true);
}

int cmd_apply(struct cli *c)
{
	return post(c, false);
}

int cmd_export(struct cli *c)
{
	struct str path = STR("/api/quis/v1/resources"), kind = cli_value(&c->args, "kind");
	struct str manager = cli_value(&c->args, "manager");
	const struct json *root;
	if (kind.ptr)
		path = client_query(c, path, "kind", kind);
	int code = client_json(c, "GET", path, (struct str){ NULL, 0 }, &root);
	if (code)
		return code;
	const struct json *list = json_get(root, STR("resources"));
	if (cli_has(&c->args, "json") && look_json(c, root))
		return CLI_OK;
	bool any = false;
	for (const struct json *j = json_is(list, JSON_ARRAY) ? list->child : NULL; j;
	     j = j->next) {
		const struct json *body = json_get(j, STR("body"));
		struct str by = json_get_str(j, STR("manager"));
		if (!json_is(body, JSON_OBJECT) || (manager.ptr && !str_eq(manager, by)))
			continue;
		struct conf_document d = { .kind = json_get_str(j, STR("kind")),
			.name = json_get_str(j, STR("name")),
			.body = body->raw };
		buf_add_c(&c->out, any ? "---\n" : "");
		if (!str_eq(by, STR("apply"))) {
			buf_add_c(&c->out, "# managed by ");
			print_safe(&c->out, by, NULL);
			buf_add_char(&c->out, '\n');
		}
		conf_write_yaml(&c->out, &d, 1);
		any = true;
	}
	return CLI_OK;
}
