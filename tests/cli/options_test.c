/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments: which command is meant, which values go where, and what is said about mistakes.
 */
#include "cmd/cli/cli.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct cli_args args;
static char said[4096];

/* The words are separated by blanks; "_" is the empty word. */
static enum err read_line(const char *line)
{
	static char copy[4096];
	char *words[64];
	int count = 0;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *p = copy; *p; count++) {
		words[count] = p;
		while (*p && *p != ' ')
			p++;
		if (*p)
			*p++ = 0;
		if (strcmp(words[count], "_") == 0)
			words[count][0] = 0;
	}
	struct buf error = buf_make(&mem_system, 4096);
	enum err err = cli_args_read(count, words, &args, &error);
	snprintf(said, sizeof said, "%.*s", STR_ARG(buf_str(&error)));
	buf_free(&error);
	return err;
}

static void is_command(const char *line, const char *name)
{
	assert_int_equal(read_line(line), OK);
	assert_string_equal(said, "");
	assert_non_null(args.command);
	assert_string_equal(args.command->name, name);
}

static void value_is(const char *option, const char *value)
{
	struct str v = cli_value(&args, option);
	assert_non_null(v.ptr);
	assert_true(str_eq(v, str_c(value)));
}

static void commands_are_found(void **state)
{
	(void)state;
	is_command("send hello", "send");
	assert_int_equal(args.argument_count, 1);
	is_command("incidents", "incidents list");
	is_command("incidents list", "incidents list");
	is_command("incidents --status all", "incidents list");
	value_is("status", "all");
	is_command("--url http://x incidents show 12", "incidents show");
	value_is("url", "http://x");
	assert_int_equal(args.argument_count, 1);
	assert_true(str_eq(args.arguments[0], STR("12")));
	is_command("incidents show -j 12", "incidents show");
	is_command("incidents -j show 12", "incidents show");
	is_command("help incidents list", "help");
	assert_int_equal(args.argument_count, 2);
	is_command("query show", "query");
}

static void options_are_read(void **state)
{
	(void)state;
	is_command("send -k KEY --severity=info -f a=b -fc=d --detail e=f -j text", "send");
	value_is("key", "KEY");
	value_is("severity", "info");
	assert_true(cli_has(&args, "json"));
	assert_false(cli_has(&args, "source"));
	assert_null(cli_value(&args, "source").ptr);
	struct str v;
	unsigned at = 0;
	static const char *const details[] = { "a=b", "c=d", "e=f" };
	for (size_t i = 0; i < ARRAY_COUNT(details); i++) {
		assert_true(cli_next(&args, "detail", &at, &v));
		assert_true(str_eq(v, str_c(details[i])));
	}
	assert_false(cli_next(&args, "detail", &at, &v));
	/* letters together, the last with a value; an empty value; the last one wins */
	is_command("send -jk KEY _", "send");
	value_is("key", "KEY");
	is_command("send --source= --key a --key b x", "send");
	value_is("source", "");
	value_is("key", "b");
	/* -- ends the options, - is an argument */
	is_command("send -k KEY -- --weird", "send");
	assert_true(str_eq(args.arguments[0], STR("--weird")));
	is_command("check -", "check");
	assert_true(str_eq(args.arguments[0], STR("-")));
}

static void mistakes_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *line, *said;
	} cases[] = {
		{ "snd hello", "unknown command \"snd\"" },
		{ "incidents foo", "unknown command \"incidents foo\"" },
		{ "send --sevrity info x", "unknown option \"--sevrity\"" },
		{ "send -z x", "unknown option \"-z\"" },
		{ "send --key", "--key needs a value" },
		{ "send -k", "--key needs a value" },
		{ "oncall --json=yes", "--json takes no value" },
		{ "send a b", "send: too many arguments at \"b\"" },
		{ "incidents show", "incidents show needs ID" },
		{ "incidents note 12", "incidents note needs ID TEXT" },
		{ "query", "query needs EXPRESSION" },
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		assert_int_equal(read_line(cases[i].line), ERR_INPUT);
		assert_string_equal(said, cases[i].said);
	}
}

static void help_and_version_win(void **state)
{
	(void)state;
	assert_int_equal(read_line("incidents show --help"), OK);
	assert_string_equal(args.command->name, "incidents show");
	assert_int_equal(read_line("--version"), OK);
	assert_null(args.command);
	assert_int_equal(read_line("send --nonsense -h"), OK);
	assert_true(cli_has(&args, "help"));
	assert_int_equal(read_line(""), OK);
	assert_null(args.command);
}

static void too_many_are_refused(void **state)
{
	(void)state;
	char *words[600];
	static char flag[] = "-j", word[] = "x", name[] = "check";
	words[0] = name;
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 1; i < ARRAY_COUNT(words); i++)
			words[i] = kind ? flag : word;
		struct buf error = buf_make(&mem_system, 4096);
		assert_int_equal(
		    cli_args_read(ARRAY_COUNT(words), words, &args, &error), ERR_INPUT);
		assert_true(error.len > 0);
		buf_free(&error);
	}
}

/* What the parser, the help, the completion and the reference rely on. */
static void the_table_is_sound(void **state)
{
	(void)state;
	for (unsigned i = 0; i < cli_command_count; i++) {
		const struct cli_command *c = &cli_commands[i];
		assert_non_null(c->run);
		assert_true(c->summary[0] >= 'a' && c->summary[0] <= 'z');
		assert_true(c->hidden || c->examples);
		assert_true(
		    c->arguments_min <= c->arguments_max && c->arguments_max <= CLI_VALUES_MAX);
		assert_true(c->option_count + cli_global_option_count <= CLI_OPTIONS_MAX);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(c->name, cli_commands[j].name);
		for (unsigned o = 0; o < c->option_count; o++) {
			for (unsigned g = 0; g < cli_global_option_count; g++) {
				assert_string_not_equal(
				    c->options[o].name, cli_global_options[g].name);
				assert_true(!c->options[o].letter ||
				            c->options[o].letter != cli_global_options[g].letter);
			}
			for (unsigned p = 0; p < o; p++) {
				assert_string_not_equal(c->options[o].name, c->options[p].name);
				assert_true(!c->options[o].letter ||
				            c->options[o].letter != c->options[p].letter);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_found),
		cmocka_unit_test(options_are_read),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(help_and_version_win),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(the_table_is_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
