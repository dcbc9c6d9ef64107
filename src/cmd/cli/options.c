/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments by the table of commands. Options may stand anywhere; `--` ends them.
 */
#include "cmd/cli/cli.h"
#include <assert.h>

static const struct cli_option *find_name(
    const struct cli_option *list, unsigned count, struct str name)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq(str_c(list[i].name), name))
			return &list[i];
	return NULL;
}

static const struct cli_option *find_letter(
    const struct cli_option *list, unsigned count, char letter)
{
	for (unsigned i = 0; i < count; i++)
		if (list[i].letter == letter)
			return &list[i];
	return NULL;
}

static const struct cli_option *find(
    const struct cli_command *command, struct str name, char letter)
{
	const struct cli_option *o = NULL;
	if (command)
		o = letter ? find_letter(command->options, command->option_count, letter)
		           : find_name(command->options, command->option_count, name);
	if (!o)
		o = letter ? find_letter(cli_global_options, cli_global_option_count, letter)
		           : find_name(cli_global_options, cli_global_option_count, name);
	return o;
}

/* The command whose one or two words begin at `from`; *ret_words says how many it took. */
static const struct cli_command *find_command(
    struct str first, struct str second, unsigned *ret_words)
{
	const struct cli_command *found = NULL;
	for (unsigned i = 0; i < cli_command_count; i++) {
		struct str rest = str_c(cli_commands[i].name);
		struct str one = str_cut(&rest, ' ');
		if (!str_eq(one, first))
			continue;
		if (rest.ptr && str_eq(rest, second)) {
			*ret_words = 2;
			return &cli_commands[i];
		}
		if (!rest.ptr) {
			*ret_words = 1;
			found = &cli_commands[i];
		}
	}
	return found;
}

/* Does any command begin with this word? ("incidents" alone means "incidents list".) */
static const struct cli_command *first_of_family(struct str word)
{
	for (unsigned i = 0; i < cli_command_count; i++) {
		struct str rest = str_c(cli_commands[i].name);
		if (str_eq(str_cut(&rest, ' '), word))
			return &cli_commands[i];
	}
	return NULL;
}

struct reader {
	int count;
	char *const *words;
	int at;
	struct cli_args *to;
	struct buf *error;
	bool ended; /* "--" was seen */
};

static enum err refuse(struct reader *r, const char *format, struct str word)
{
	if (!r->error->len)
		buf_printf(r->error, format, STR_ARG(word));
	return ERR_INPUT;
}

static enum err give(struct reader *r, const struct cli_option *o, struct str value, bool has_value)
{
	if (!o->value && has_value)
		return refuse(r, "--%.*s takes no value", str_c(o->name));
	if (o->value && !has_value) {
		if (r->at >= r->count)
			return refuse(r, "--%.*s needs a value", str_c(o->name));
		value = str_c(r->words[r->at++]);
	}
	if (r->to->given_count == CLI_VALUES_MAX)
		return refuse(r, "too many options at \"%.*s\"", value);
	r->to->given[r->to->given_count].option = o;
	r->to->given[r->to->given_count++].value = value;
	return OK;
}

static enum err take_long(struct reader *r, struct str word)
{
	struct str value = str_from(word, 2);
	struct str name = str_cut(&value, '=');
	const struct cli_option *o = find(r->to->command, name, 0);
	return o ? give(r, o, value, value.ptr != NULL)
	         : refuse(r, "unknown option \"%.*s\"", word);
}

/* -j, -k KEY, -kKEY, -jk KEY */
static enum err take_letters(struct reader *r, struct str word)
{
	struct str rest = str_from(word, 1);
	while (rest.len) {
		const struct cli_option *o = find(r->to->command, STR(""), rest.ptr[0]);
		if (!o)
			return refuse(r, "unknown option \"%.*s\"", word);
		rest = str_from(rest, 1);
		bool takes_rest = o->value && rest.len;
		enum err err = give(r, o, rest, takes_rest);
		if (err || o->value)
			return err;
	}
	return OK;
}

/* Options are known by their command, so that is looked for first: the first words that are no
 * options and no values of global ones. */
static enum err find_own_command(struct reader *r)
{
	struct str words[2] = { { "", 0 }, { "", 0 } };
	unsigned found = 0;
	for (int i = 0; i < r->count && found < 2; i++) {
		struct str w = str_c(r->words[i]);
		if (str_eq(w, STR("--")))
			break;
		if (w.len > 1 && w.ptr[0] == '-') {
			struct str value = str_from(w, 2), name = str_cut(&value, '=');
			const struct cli_option *o =
			    w.ptr[1] == '-' ? find(NULL, name, 0) : find(NULL, STR(""), w.ptr[1]);
			if (o && o->value && (w.ptr[1] == '-' ? !value.ptr : w.len == 2))
				i++;
			else if (!o && found)
				break; /* an option of the command: what follows may be its value */
			continue;
		}
		words[found++] = w;
	}
	if (!found)
		return OK;
	unsigned taken = 0;
	r->to->command = find_command(words[0], words[1], &taken);
	if (r->to->command)
		return OK;
	const struct cli_command *family = first_of_family(words[0]);
	if (!family)
		return refuse(r, "unknown command \"%.*s\"", words[0]);
	r->to->command = family;
	return OK;
}

/* A word that is no option: part of the command's name, or an argument. */
static enum err take_word(struct reader *r, struct str word, unsigned *name_words)
{
	struct str name = str_c(r->to->command ? r->to->command->name : "");
	for (unsigned i = 0; i < *name_words; i++)
		str_cut(&name, ' ');
	if (name.ptr && name.len) {
		struct str rest = name;
		if (str_eq(str_cut(&rest, ' '), word)) {
			++*name_words;
			return OK;
		}
		/* "incidents" alone is "incidents list", but "incidents foo" is a mistake */
		if (*name_words == 1) {
			struct str all = str_c(r->to->command->name);
			struct str family = str_cut(&all, ' ');
			if (!r->error->len)
				buf_printf(r->error, "unknown command \"%.*s %.*s\"",
				    STR_ARG(family), STR_ARG(word));
			return ERR_INPUT;
		}
	}
	if (r->to->argument_count == CLI_VALUES_MAX)
		return refuse(r, "too many arguments at \"%.*s\"", word);
	r->to->arguments[r->to->argument_count++] = word;
	return OK;
}

static enum err check_count(struct reader *r)
{
	const struct cli_command *command = r->to->command;
	if (!command)
		return OK;
	if (r->to->argument_count < command->arguments_min) {
		if (!r->error->len)
			buf_printf(r->error, "%s needs %s", command->name, command->arguments);
		return ERR_INPUT;
	}
	if (r->to->argument_count > command->arguments_max) {
		if (!r->error->len)
			buf_printf(r->error, "%s: too many arguments at \"%.*s\"", command->name,
			    STR_ARG(r->to->arguments[command->arguments_max]));
		return ERR_INPUT;
	}
	return OK;
}

enum err cli_args_read(int count, char *const *words, struct cli_args *ret, struct buf *error)
{
	assert(count >= 0 && (words || !count));
	*ret = (struct cli_args){ 0 };
	struct reader r = { .count = count, .words = words, .to = ret, .error = error };
	enum err worst = find_own_command(&r);
	unsigned name_words = 0;
	while (r.at < r.count) {
		struct str w = str_c(r.words[r.at++]);
		enum err err;
		if (r.ended || w.len < 2 || w.ptr[0] != '-')
			err = take_word(&r, w, &name_words);
		else if (str_eq(w, STR("--")))
			err = (r.ended = true, OK);
		else
			err = w.ptr[1] == '-' ? take_long(&r, w) : take_letters(&r, w);
		if (err)
			worst = err;
	}
	if (!worst)
		worst = check_count(&r);
	if (cli_has(ret, "help") || cli_has(ret, "version"))
		return OK;
	return worst;
}

bool cli_has(const struct cli_args *args, const char *option)
{
	for (unsigned i = 0; i < args->given_count; i++)
		if (str_eq(str_c(args->given[i].option->name), str_c(option)))
			return true;
	return false;
}

struct str cli_value(const struct cli_args *args, const char *option)
{
	struct str last = { NULL, 0 }, value;
	for (unsigned at = 0; cli_next(args, option, &at, &value);)
		last = value;
	return last;
}

bool cli_next(const struct cli_args *args, const char *option, unsigned *at, struct str *ret_value)
{
	for (; *at < args->given_count; ++*at) {
		if (!str_eq(str_c(args->given[*at].option->name), str_c(option)))
			continue;
		*ret_value = args->given[(*at)++].value;
		return true;
	}
	return false;
}
