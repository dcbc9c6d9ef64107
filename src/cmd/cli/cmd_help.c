/* SPDX-License-Identifier: Apache-2.0
 *
 * help, completion and the reference page: all three print the table of commands.
 */
#include "cmd/cli/cli.h"
#include <assert.h>
#include <string.h>

static void option_lines(struct buf *b, const struct cli_option *list, unsigned count)
{
	size_t widest = 0;
	for (unsigned i = 0; i < count; i++) {
		size_t w = strlen(list[i].name) + (list[i].value ? strlen(list[i].value) + 1 : 0);
		widest = w > widest ? w : widest;
	}
	for (unsigned i = 0; i < count; i++) {
		const struct cli_option *o = &list[i];
		size_t w = strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0);
		if (o->letter)
			buf_printf(b, "  -%c, --%s", o->letter, o->name);
		else
			buf_printf(b, "      --%s", o->name);
		if (o->value)
			buf_printf(b, " %s", o->value);
		for (; w < widest; w++)
			buf_add_char(b, ' ');
		buf_printf(b, "  %s\n", o->help);
	}
}

/* Text in lines of at most 78 characters. */
static void wrapped(struct buf *b, const char *text)
{
	struct str rest = str_c(text);
	size_t column = 0;
	while (rest.ptr) {
		struct str word = str_cut(&rest, ' ');
		if (column && column + 1 + word.len > 78) {
			buf_add_char(b, '\n');
			column = 0;
		}
		if (column) {
			buf_add_char(b, ' ');
			column++;
		}
		buf_add(b, word);
		column += word.len;
	}
	buf_add_char(b, '\n');
}

static void example_lines(struct buf *b, const char *examples, const char *before)
{
	struct str rest = str_c(examples);
	while (rest.ptr && rest.len) {
		struct str line = str_cut(&rest, '\n');
		buf_printf(b, "%s%.*s\n", before, STR_ARG(line));
	}
}

static void overview(struct buf *b)
{
	buf_add_c(b,
	    "Usage: quis COMMAND [OPTION]... [ARGUMENT]...\n\n"
	    "The command line of Quis: send events, handle incidents, see who is on call, ask\n"
	    "the metrics, and keep people, schedules and rules in files.\n\nCommands:\n");
	for (unsigned i = 0; i < cli_command_count; i++)
		if (!cli_commands[i].hidden)
			buf_printf(
			    b, "  %-18s %s\n", cli_commands[i].name, cli_commands[i].summary);
	buf_add_c(b, "\nOptions of all commands:\n");
	option_lines(b, cli_global_options, cli_global_option_count);
	buf_add_c(b, "\nExit codes: 0 done; 1 the server said no, or what was asked about is not "
	             "well; 2 wrong\n"
	             "arguments or input; 3 no answer.\n\nExamples:\n"
	             "  quis send --key-file web.key \"disk full on db1\"\n"
	             "  quis incidents\n"
	             "  quis oncall\n"
	             "  quis query --graph 'avg(load1)'\n"
	             "  quis check team/ && quis apply team/\n\n"
	             "`quis COMMAND --help` says more about one.\n");
}

void cli_help_write(struct buf *b, const struct cli_command *command)
{
	if (!command) {
		overview(b);
		return;
	}
	buf_printf(b, "Usage: quis %s%s%s%s\n\n", command->name,
	    command->option_count ? " [OPTION]..." : "", command->arguments[0] ? " " : "",
	    command->arguments);
	struct str summary = str_c(command->summary);
	buf_printf(b, "%c%.*s.\n", summary.ptr[0] - 'a' + 'A', STR_ARG(str_from(summary, 1)));
	if (command->details) {
		buf_add_char(b, '\n');
		wrapped(b, command->details);
	}
	if (command->option_count) {
		buf_add_c(b, "\nOptions:\n");
		option_lines(b, command->options, command->option_count);
	}
	buf_add_c(b, "\nOptions of all commands:\n");
	option_lines(b, cli_global_options, cli_global_option_count);
	if (command->examples) {
		buf_add_c(b, "\nExamples:\n");
		example_lines(b, command->examples, "  ");
	}
}

int cmd_help(struct cli *c)
{
	if (!c->args.argument_count) {
		cli_help_write(&c->out, NULL);
		return CLI_OK;
	}
	struct str wanted = c->args.arguments[0];
	if (c->args.argument_count == 2)
		wanted = arena_printf(c->a, "%.*s %.*s", STR_ARG(c->args.arguments[0]),
		    STR_ARG(c->args.arguments[1]));
	unsigned found = 0;
	struct str family = arena_printf(c->a, "%.*s ", STR_ARG(wanted));
	for (unsigned i = 0; i < cli_command_count; i++) {
		struct str name = str_c(cli_commands[i].name);
		if (!str_eq(name, wanted) && !str_starts(name, family))
			continue;
		if (found++)
			buf_add_c(&c->out, "\n\n");
		cli_help_write(&c->out, &cli_commands[i]);
	}
	if (!found)
		return cli_fail(
		    CLI_USAGE, "unknown command \"%.*s\"; see quis --help", STR_ARG(wanted));
	return CLI_OK;
}

/* --- completion --- */

static void option_words(struct buf *b, const struct cli_option *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		buf_printf(b, " --%s", list[i].name);
}

/* case "$last" in: what may follow an option. */
static void value_cases(struct buf *b, const struct cli_option *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		const struct cli_option *o = &list[i];
		if (!o->value)
			continue;
		buf_printf(b, "\t--%s", o->name);
		if (o->letter)
			buf_printf(b, "|-%c", o->letter);
		if (!o->words)
			buf_add_c(b, ") return ;;\n");
		else if (o->words[0] == '@')
			buf_add_c(b, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
		else
			buf_printf(b, ") COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n",
			    o->words);
	}
}

static struct str first_word(unsigned i)
{
	struct str rest = str_c(cli_commands[i].name);
	return str_cut(&rest, ' ');
}

static struct str second_word(unsigned i)
{
	struct str rest = str_c(cli_commands[i].name);
	str_cut(&rest, ' ');
	return rest.ptr ? rest : STR("");
}

static void command_words(struct buf *b)
{
	for (unsigned i = 0; i < cli_command_count; i++) {
		if (cli_commands[i].hidden || (i && str_eq(first_word(i), first_word(i - 1))))
			continue;
		buf_printf(b, " %.*s", STR_ARG(first_word(i)));
	}
}

static void family_cases(struct buf *b)
{
	for (unsigned i = 0; i < cli_command_count; i++) {
		if (!second_word(i).len || (i && str_eq(first_word(i), first_word(i - 1))))
			continue;
		buf_printf(b, "\t%.*s) words=\"", STR_ARG(first_word(i)));
		for (unsigned j = i; j < cli_command_count && str_eq(first_word(j), first_word(i));
		     j++)
			buf_printf(b, "%s%.*s", j == i ? "" : " ", STR_ARG(second_word(j)));
		buf_add_c(b, "\" ;;\n");
	}
	buf_add_c(b, "\thelp) words=\"");
	command_words(b);
	buf_add_c(b, "\" ;;\n\tcompletion) words=bash ;;\n");
}

int cmd_completion(struct cli *c)
{
	if (!str_eq(c->args.arguments[0], STR("bash")))
		return cli_fail(CLI_USAGE, "there is a completion for bash only, not for \"%.*s\"",
		    STR_ARG(c->args.arguments[0]));
	struct buf *b = &c->out;
	buf_add_c(b, "# bash completion of quis, made by: quis completion bash\n"
	             "_quis() {\n"
	             "\tlocal cur=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD-1]} "
	             "command= second= words= i\n"
	             "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	             "\t\tcase ${COMP_WORDS[i]} in\n"
	             "\t\t-*) ;;\n"
	             "\t\t*) if [ -z \"$command\" ]; then command=${COMP_WORDS[i]}; elif [ -z "
	             "\"$second\" ]; then second=${COMP_WORDS[i]}; fi ;;\n"
	             "\t\tesac\n"
	             "\tdone\n"
	             "\tcase $command:$last in\n");
	for (unsigned i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = &cli_commands[i];
		for (unsigned o = 0; o < command->option_count; o++) {
			const struct cli_option *opt = &command->options[o];
			if (!opt->value || !opt->words)
				continue;
			buf_printf(b, "\t%.*s:--%s", STR_ARG(first_word(i)), opt->name);
			if (opt->letter)
				buf_printf(b, "|%.*s:-%c", STR_ARG(first_word(i)), opt->letter);
			if (opt->words[0] == '@')
				buf_add_c(
				    b, ") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
			else
				buf_printf(b,
				    ") COMPREPLY=($(compgen -W \"%s\" -- \"$cur\")); return ;;\n",
				    opt->words);
		}
	}
	buf_add_c(b, "\tesac\n\tcase $last in\n");
	value_cases(b, cli_global_options, cli_global_option_count);
	buf_add_c(b, "\tesac\n\tif [ -z \"$command\" ]; then\n\t\twords=\"");
	command_words(b);
	buf_add_c(b, "\"\n\telif [ -z \"$second\" ]; then\n\t\tcase $command in\n");
	family_cases(b);
	buf_add_c(b, "\t\tesac\n\tfi\n\tcase $cur in\n\t-*)\n\t\tcase $command:$second in\n");
	for (unsigned i = 0; i < cli_command_count; i++) {
		if (!cli_commands[i].option_count)
			continue;
		struct str second = second_word(i);
		if (second.len)
			buf_printf(b, "\t\t%s%.*s:%.*s) words=\"",
			    str_eq(second, STR("list")) ? "incidents:|" : "",
			    STR_ARG(first_word(i)), STR_ARG(second));
		else
			buf_printf(b, "\t\t%.*s:*) words=\"", STR_ARG(first_word(i)));
		option_words(b, cli_commands[i].options, cli_commands[i].option_count);
		buf_add_c(b, "\" ;;\n");
	}
	buf_add_c(b, "\t\t*) words= ;;\n\t\tesac\n\t\twords=\"$words");
	option_words(b, cli_global_options, cli_global_option_count);
	buf_add_c(b, "\" ;;\n"
	             "\t*) case $command in apply|check) COMPREPLY=($(compgen -f -- \"$cur\")); "
	             "return ;; esac ;;\n"
	             "\tesac\n"
	             "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	             "}\n"
	             "complete -o filenames -F _quis quis\n");
	return CLI_OK;
}

/* --- docs/reference/cli.md --- */

static void cell(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '|')
			buf_add_char(b, '\\');
		buf_add_char(b, s.ptr[i]);
	}
}

static void option_table(struct buf *b, const struct cli_option *list, unsigned count)
{
	buf_add_c(b, "\n| option | meaning |\n|---|---|\n");
	for (unsigned i = 0; i < count; i++) {
		buf_add_c(b, "| `");
		if (list[i].letter)
			buf_printf(b, "-%c, ", list[i].letter);
		buf_printf(b, "--%s%s%s` | ", list[i].name, list[i].value ? " " : "",
		    list[i].value ? list[i].value : "");
		cell(b, str_c(list[i].help));
		buf_add_c(b, " |\n");
	}
}

int cmd_reference(struct cli *c)
{
	struct buf *b = &c->out;
	buf_add_c(b,
	    "# The command line\n\n"
	    "This page is made from the program's own table (`quis reference`); change that and "
	    "not it.\n\n"
	    "`quis COMMAND [OPTION]... [ARGUMENT]...`: tables on a terminal, the server's JSON "
	    "everywhere else "
	    "and with `--json`.\n\n"
	    "| exit code | meaning |\n|---|---|\n"
	    "| 0 | done |\n| 1 | the server said no, or what was asked about is not well |\n"
	    "| 2 | wrong arguments or input |\n| 3 | no answer |\n\n"
	    "The token is read from a file and never taken as an argument, where other users of "
	    "the machine could "
	    "see it.\n\n## Options of all commands\n");
	option_table(b, cli_global_options, cli_global_option_count);
	for (unsigned i = 0; i < cli_command_count; i++) {
		const struct cli_command *command = &cli_commands[i];
		if (command->hidden)
			continue;
		struct str summary = str_c(command->summary);
		buf_printf(b, "\n## quis %s%s%s\n\n%c%.*s.", command->name,
		    command->arguments[0] ? " " : "", command->arguments,
		    summary.ptr[0] - 'a' + 'A', STR_ARG(str_from(summary, 1)));
		if (command->details)
			buf_printf(b, " %s", command->details);
		buf_add_c(b, "\n");
		if (command->option_count)
			option_table(b, command->options, command->option_count);
		if (command->examples) {
			buf_add_c(b, "\n```sh\n");
			example_lines(b, command->examples, "");
			buf_add_c(b, "```\n");
		}
	}
	return CLI_OK;
}
