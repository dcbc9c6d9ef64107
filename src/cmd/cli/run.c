/* SPDX-License-Identifier: Apache-2.0
 *
 * quis: the command line of Quis. Reads arguments and environment, runs one command, prints its
 * result.
 */
#include "cmd/cli/cli.h"
#include "oncall/zone.h"
#include "os/os.h"
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES_MAX ((size_t)1 << 30)
#define INPUT_BYTES_MAX ((size_t)16 << 20)
#define OUT_BYTES_MAX ((size_t)256 << 20)
#define TOKEN_BYTES_MAX 4096u
#define URL_DEFAULT "http://127.0.0.1:7847"

int cli_fail(int code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("quis: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return code;
}

static const char *read_why(enum err err)
{
	switch (err) {
	case ERR_LIMIT: return "it is too large";
	case ERR_NOMEM: return "out of memory";
	default: return strerror(errno);
	}
}

/* A file, a pipe or the standard input: whatever can be read from its beginning to its end. */
static enum err read_stream(FILE *f, struct buf *b)
{
	char chunk[16384];
	size_t n;
	if (!f)
		return ERR_IO;
	while (!b->err && (n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(b, str_make(chunk, n));
	return b->err ? b->err : ferror(f) ? ERR_IO : OK;
}

static enum err read_path(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "re");
	enum err err = read_stream(f, b);
	int saved = errno;
	if (f)
		fclose(f);
	errno = saved;
	return err;
}

int cli_read_input(struct cli *c, struct str path, struct str *ret)
{
	bool from_stdin = str_eq(path, STR("-"));
	struct buf b = buf_make(&mem_system, INPUT_BYTES_MAX);
	struct str file = arena_str(c->a, path);
	enum err err = OK;
	if (from_stdin)
		err = c->in.len ? OK : read_stream(stdin, &c->in);
	else
		err = file.ptr ? read_path(file.ptr, &b) : ERR_NOMEM;
	if (!err) {
		*ret = arena_str(c->a, buf_str(from_stdin ? &c->in : &b));
		err = ret->ptr ? OK : ERR_NOMEM;
	}
	buf_free(&b);
	if (err)
		return cli_fail(CLI_USAGE, "%.*s: %s",
		    STR_ARG(from_stdin ? STR("standard input") : path), read_why(err));
	return CLI_OK;
}

static struct str setting(struct cli *c, const char *option, const char *variable)
{
	struct str value = cli_value(&c->args, option);
	return value.ptr ? value : str_c(getenv(variable));
}

static int take_url(struct cli *c)
{
	c->url = setting(c, "url", "QUIS_URL");
	if (str_empty(c->url))
		c->url = STR(URL_DEFAULT);
	while (str_ends(c->url, STR("/")))
		c->url.len--;
	if (!str_starts(c->url, STR("http://")) && !str_starts(c->url, STR("https://")))
		return cli_fail(CLI_USAGE,
		    "\"%.*s\" is not an address: it begins with http:// or https://",
		    STR_ARG(c->url));
	struct str rest = str_from(c->url, str_find_str(c->url, STR("://")) + 3);
	if (str_find(rest, '@') < rest.len)
		return cli_fail(
		    CLI_USAGE, "no name or password may stand in the address: others could see it");
	c->ca_file = setting(c, "ca-file", "QUIS_CA_FILE");
	c->ca_file = arena_str(c->a, c->ca_file);
	return CLI_OK;
}

/* The token's file as asked for; the usual one only when it is there. */
static int take_token(struct cli *c)
{
	struct str file = setting(c, "token-file", "QUIS_TOKEN_FILE");
	bool asked = !str_empty(file);
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	if (!asked && base && base[0] == '/')
		file = arena_printf(c->a, "%s/quis/token", base);
	else if (!asked && home)
		file = arena_printf(c->a, "%s/.config/quis/token", home);
	if (str_empty(file))
		return CLI_OK;
	file = arena_str(c->a, file);
	struct buf b = buf_make(&mem_system, TOKEN_BYTES_MAX);
	enum err err = read_path(file.ptr, &b);
	bool missing = err == ERR_IO && errno == ENOENT;
	c->token = arena_str(c->a, str_trim(buf_str(&b)));
	buf_free(&b);
	if (missing && !asked)
		return CLI_OK;
	if (err)
		return cli_fail(CLI_USAGE, "token file %.*s: %s", STR_ARG(file), read_why(err));
	for (size_t i = 0; i < c->token.len; i++)
		if ((unsigned char)c->token.ptr[i] <= ' ' || (unsigned char)c->token.ptr[i] >= 0x7f)
			return cli_fail(CLI_USAGE, "token file %.*s: it holds more than one token",
			    STR_ARG(file));
	if (str_empty(c->token))
		return cli_fail(CLI_USAGE, "token file %.*s: it is empty", STR_ARG(file));
	struct stat st;
	if (stat(file.ptr, &st) == 0 && (st.st_mode & 077) != 0 && st.st_uid == getuid())
		cli_fail(0, "warning: others can read the token: chmod 600 %.*s", STR_ARG(file));
	return CLI_OK;
}

static int take_looks(struct cli *c)
{
	struct str color = cli_value(&c->args, "color");
	bool terminal = isatty(1) == 1;
	if (color.ptr && !str_eq(color, STR("auto")) && !str_eq(color, STR("always")) &&
	    !str_eq(color, STR("never")))
		return cli_fail(
		    CLI_USAGE, "--color is auto, always or never, not \"%.*s\"", STR_ARG(color));
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool wanted =
	    terminal && !(no_color && no_color[0]) && !(term && str_eq(str_c(term), STR("dumb")));
	c->color = str_eq(color, STR("always")) || (wanted && !str_eq(color, STR("never")));
	c->json = cli_has(&c->args, "json") || (!terminal && !cli_has(&c->args, "table"));
	struct winsize size = { 0 };
	uint64_t columns;
	if (terminal && ioctl(1, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
		c->width = size.ws_col;
	else if (getenv("COLUMNS") && !str_u64(str_c(getenv("COLUMNS")), &columns) &&
	         columns >= 20 && columns <= 10000)
		c->width = (unsigned)columns;
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str v = str_c(getenv(names[i]));
		if (str_empty(v))
			continue;
		c->utf8 =
		    str_find_str(v, STR("UTF-8")) < v.len || str_find_str(v, STR("utf8")) < v.len;
		break;
	}
	return CLI_OK;
}

static void take_zone(struct cli *c)
{
	const char *name = getenv("TZ");
	struct str path = STR("/etc/localtime");
	if (name && name[0] == ':')
		name++;
	if (name && zone_name_valid(str_c(name)))
		path = arena_printf(c->a, "/usr/share/zoneinfo/%s", name);
	else if (name && !name[0])
		return; /* UTC */
	struct buf b = buf_make(&mem_system, (size_t)1 << 20);
	if (path.ptr && !os_read_file(&os_linux, path.ptr, (size_t)1 << 20, &b))
		ignore_err(zone_read(c->a, arena_str(c->a, buf_str(&b)), &c->zone), "then UTC");
	buf_free(&b);
}

static int take_timeout(struct cli *c)
{
	struct str text = cli_value(&c->args, "timeout");
	c->timeout = SPAN_S(30);
	if (text.ptr && (span_parse(text, &c->timeout) || c->timeout.ns < NS_PER_MS))
		return cli_fail(
		    CLI_USAGE, "--timeout: \"%.*s\" is not a duration such as 10s", STR_ARG(text));
	return CLI_OK;
}

static int prepare(struct cli *c)
{
	int code = take_looks(c);
	if (!code)
		code = take_url(c);
	if (!code)
		code = take_token(c);
	if (!code)
		code = take_timeout(c);
	take_zone(c);
	c->now = os_linux.wall(&os_linux);
	return code;
}

static int print_out(struct cli *c, int code)
{
	if (c->out.err)
		return cli_fail(CLI_USAGE, "the result cannot be held in memory");
	if (c->out.len &&
	    (fwrite(c->out.ptr, 1, c->out.len, stdout) != c->out.len || fflush(stdout))) {
		if (errno == EPIPE)
			return code; /* a reader that has seen enough */
		return cli_fail(CLI_USAGE, "standard output: %s", strerror(errno));
	}
	return code;
}

static int run(struct cli *c, int argc, char **argv)
{
	struct buf error = buf_make(&mem_system, 4096);
	enum err err = cli_args_read(argc - 1, argv + 1, &c->args, &error);
	int code;
	if (err) {
		bool named =
		    c->args.command && !str_starts(buf_str(&error), STR("unknown command"));
		code = cli_fail(CLI_USAGE, "%.*s; see quis%s%s --help", STR_ARG(buf_str(&error)),
		    named ? " " : "", named ? c->args.command->name : "");
	} else if (cli_has(&c->args, "version")) {
		buf_add_c(&c->out, "quis " QUIS_VERSION "\n");
		code = CLI_OK;
	} else if (cli_has(&c->args, "help") || !c->args.command) {
		cli_help_write(&c->out, c->args.command);
		code = CLI_OK;
	} else {
		code = prepare(c);
		if (!code)
			code = c->args.command->run(c);
		if (!code && arena_err(c->a))
			code = cli_fail(CLI_USAGE, "%s", err_text(arena_err(c->a)));
	}
	buf_free(&error);
	return code;
}

int cli_main(int argc, char **argv)
{
	struct cli c = { .out = buf_make(&mem_system, OUT_BYTES_MAX),
		.in = buf_make(&mem_system, INPUT_BYTES_MAX) };
	if (arena_open(&mem_system, ARENA_BYTES_MAX, &c.a) || curl_global_init(CURL_GLOBAL_DEFAULT))
		return cli_fail(CLI_USAGE, "out of memory");
	int code = print_out(&c, run(&c, argc, argv));
	buf_free(&c.out);
	buf_free(&c.in);
	arena_close(&c.a);
	curl_global_cleanup();
	return code;
}
