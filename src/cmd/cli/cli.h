/* SPDX-License-Identifier: Apache-2.0
 *
 * quis, the command line: what its files share. One table (commands.c) names every command with its
 * options; the parser, --help, the completion and the reference page all read it.
 *
 * A command writes its result into c->out, which main prints, and returns the exit code. Messages
 * go to stderr at once. Everything lives in one arena until the end.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"

enum {
	CLI_OK = 0,
	CLI_REFUSED = 1,     /* the server said no, or what was asked about is not well */
	CLI_USAGE = 2,       /* wrong arguments or input */
	CLI_UNREACHABLE = 3, /* no answer */
};

#define CLI_OPTIONS_MAX 24u /* of one command, with the global ones */
#define CLI_VALUES_MAX 256u /* given options, and positional arguments */

struct cli;

struct cli_option {
	const char *name;  /* without the dashes */
	char letter;       /* or 0 */
	const char *value; /* what the value is called, NULL for a flag */
	const char *help;
	const char *words; /* for the completion: words, or "@file"; may be NULL */
};

struct cli_command {
	const char *name;      /* one or two words: "incidents show" */
	const char *arguments; /* as shown: "ID..." */
	unsigned arguments_min, arguments_max;
	const char *summary;  /* one line */
	const char *details;  /* more, or NULL */
	const char *examples; /* lines, each a command and what it does */
	const struct cli_option *options;
	unsigned option_count;
	int (*run)(struct cli *c);
	bool hidden;
};
extern const struct cli_command cli_commands[];
extern const unsigned cli_command_count;
extern const struct cli_option cli_global_options[];
extern const unsigned cli_global_option_count;

struct cli_args {
	const struct cli_command *command; /* NULL: only global options were given */
	struct {
		const struct cli_option *option;
		struct str value; /* empty for a flag */
	} given[CLI_VALUES_MAX];
	unsigned given_count;
	struct str arguments[CLI_VALUES_MAX];
	unsigned argument_count;
};

/* Reads the arguments (without the program's name). ERR_INPUT with a sentence in error. --help and
 * --version win over what is wrong elsewhere. */
must_check enum err cli_args_read(
    int count, char *const *words, struct cli_args *ret, struct buf *error);
bool cli_has(const struct cli_args *args, const char *option);
/* The last value given, or the empty str with ptr NULL. */
struct str cli_value(const struct cli_args *args, const char *option);
/* The next value from *at on; false when there is none. */
bool cli_next(const struct cli_args *args, const char *option, unsigned *at, struct str *ret_value);

struct cli {
	struct arena *a;
	struct cli_args args;
	struct str url, token, ca_file;
	struct span timeout;
	bool json; /* print what the server said */
	bool color;
	bool utf8;
	unsigned width; /* of the terminal, 0 = unlimited */
	struct wall now;
	const struct zone *zone;
	struct buf out;
	struct buf in; /* stdin, once read */
};

/* The whole program; returns the exit code. */
int cli_main(int argc, char **argv);
/* "quis: ..." on stderr; returns code. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The whole of a file, or of stdin for "-"; a fault is printed and gives CLI_USAGE. */
int cli_read_input(struct cli *c, struct str path, struct str *ret);
/* How to call the program for help. */
void cli_help_write(struct buf *b, const struct cli_command *command);

/* --- client.c: HTTP --- */
struct answer {
	unsigned status;
	struct str body;
};
/* One request; path begins with a slash. CLI_UNREACHABLE (printed) when there is no answer. */
int client_call(
    struct cli *c, const char *method, struct str path, struct str body, struct answer *ret);
/* The same, and the answer must be JSON with a status below 400: otherwise its message is printed
 * and CLI_REFUSED returned. */
int client_json(
    struct cli *c, const char *method, struct str path, struct str body, const struct json **ret);
/* Prints what the server said about a refusal. */
int client_refused(struct cli *c, const struct answer *answer);
/* path?name=value with the value encoded; the separator is found out. */
struct str client_query(struct cli *c, struct str path, const char *name, struct str value);
struct str client_path(struct cli *c, const char *before, struct str id, const char *after);

/* --- the commands --- */
int cmd_send(struct cli *c);
int cmd_incidents_list(struct cli *c);
int cmd_incidents_show(struct cli *c);
int cmd_incidents_ack(struct cli *c);
int cmd_incidents_resolve(struct cli *c);
int cmd_incidents_note(struct cli *c);
int cmd_oncall(struct cli *c);
int cmd_query(struct cli *c);
int cmd_check(struct cli *c);
int cmd_apply(struct cli *c);
int cmd_export(struct cli *c);
int cmd_status(struct cli *c);
int cmd_proof(struct cli *c);
int cmd_test_page(struct cli *c);
int cmd_completion(struct cli *c);
int cmd_help(struct cli *c);
int cmd_reference(struct cli *c);
