/* SPDX-License-Identifier: Apache-2.0
 *
 * The config role against real files in a folder of its own: the stream that it writes, who gets
 * which secret, and what it says when something is wrong.
 */
#include "role/config/config.h"
#include "base/enc.h"
#include "base/json.h"
#include "os/faulty.h"
#include "wire/confhead.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	char dir[64];
	char path[128];
	struct buf out, err; /* the stream, and what was said */
	struct arena *a;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	if (!w)
		return -1;
	snprintf(w->dir, sizeof w->dir, "/tmp/quis-config-XXXXXX");
	if (!mkdtemp(w->dir) || arena_open(&mem_system, (size_t)64 << 20, &w->a))
		return -1;
	w->out = buf_make(&mem_system, (size_t)64 << 20);
	w->err = buf_make(&mem_system, (size_t)1 << 20);
	*state = w;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int teardown(void **state)
{
	struct world *w = *state;
	nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	buf_free(&w->out);
	buf_free(&w->err);
	arena_close(&w->a);
	free(w);
	return 0;
}

static const char *in_dir(struct world *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
	return w->path;
}

static void put(struct world *w, const char *name, const char *text)
{
	FILE *f = fopen(in_dir(w, name), "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void read_back(FILE *f, struct buf *b)
{
	buf_clear(b);
	rewind(f);
	char chunk[4096];
	size_t n;
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		buf_add(b, str_make(chunk, n));
	fclose(f);
}

/* Runs it with stderr caught; every "DIR/" in what it says becomes "~/". */
static int run_on(struct world *w, const struct os *os, bool serve)
{
	FILE *out = tmpfile(), *err = tmpfile();
	assert_true(out && err);
	fflush(stderr);
	int saved = dup(2), saved_out = dup(1);
	dup2(fileno(err), 2);
	if (!serve)
		dup2(fileno(out), 1);
	const char *file = in_dir(w, "quis.yaml");
	int code = serve ? config_run(os, file, fileno(out)) : config_check(os, file);
	fflush(stderr);
	fflush(stdout);
	dup2(saved, 2);
	dup2(saved_out, 1);
	close(saved);
	close(saved_out);
	read_back(out, &w->out);
	struct buf raw = buf_make(&mem_system, 1 << 20);
	read_back(err, &raw);
	buf_clear(&w->err);
	struct str rest = buf_str(&raw), dir = str_c(w->dir);
	while (rest.len) {
		size_t at = str_find_str(rest, dir);
		buf_add(&w->err, str_first(rest, at));
		if (at < rest.len)
			buf_add_char(&w->err, '~');
		rest = str_from(rest, at < rest.len ? at + dir.len : at);
	}
	buf_add_c(&w->err, "");
	buf_free(&raw);
	return code;
}

static int run(struct world *w)
{
	return run_on(w, &os_linux, true);
}

static const char *said(struct world *w)
{
	return w->err.ptr ? w->err.ptr : "";
}

/* The slices by role; NULL where there is none. */
static void take(struct world *w, struct config_head *head, const struct json *slices[ROLE_COUNT])
{
	struct rd r = rd_make(buf_str(&w->out));
	assert_int_equal(config_head_decode(&r, head), OK);
	struct config_slice s;
	enum err err;
	memset(slices, 0, sizeof(slices[0]) * ROLE_COUNT);
	while ((err = config_slice_decode(&r, &s)) == OK) {
		assert_null(slices[s.role]);
		assert_int_equal(
		    json_read(w->a, s.json, JSON_DEPTH_MAX, &slices[s.role], NULL), OK);
	}
	assert_int_equal(err, ERR_GONE);
}

static bool slice_holds(const struct json *slice, const char *needle)
{
	return str_find_str(slice->raw, str_c(needle)) < slice->raw.len;
}

#define TOKEN "0123456789abcdef-token"
#define TOKEN_SHA256 "3c18109ce815143332983177dfecc23e848446a79ddcca321f551496e0de9c70"

static void a_good_installation(struct world *w)
{
	put(w, "quis.yaml",
	    "data_dir: var\n"
	    "api_tokens: [ { name: admin, role: admin, file: admin.token } ]\n"
	    "providers:\n"
	    "  - { name: mail, type: smtp, url: smtp://127.0.0.1:25, from: q@example.com, "
	    "username: u, password_file: mail.pw }\n"
	    "  - { name: hook, type: webhook, secret_file: hook.key }\n"
	    "resources: [ conf.d, more.yml ]\n"
	    "user: quis\nhost: box\n");
	put(w, "admin.token", TOKEN "\n");
	put(w, "mail.pw", "mail password\n");
	put(w, "hook.key", "hook secret\n");
	assert_int_equal(mkdir(in_dir(w, "conf.d"), 0700), 0);
	put(w, "conf.d/10-people.yaml",
	    "kind: User\nname: ana\ntime_zone: Europe/Lisbon\ncontacts: [ { name: c, type: console "
	    "} ]\n"
	    "---\nkind: Schedule\nname: s\ntime_zone: Europe/Lisbon\nlayers: [ { start: "
	    "2026-01-05T09:00, users: ana } ]\n");
	put(w, "conf.d/20-web.yaml",
	    "kind: EscalationPolicy\nname: p\nsteps: [ { targets: [ { schedule: s } ] } ]\n"
	    "---\nkind: Service\nname: web\nescalation_policy: p\n"
	    "---\nkind: Alert\nname: load\nservice: web\nquery: avg(load1)\nabove: 2\n");
	put(w, "conf.d/.hidden.yaml", "not: this\n");
	put(w, "conf.d/README", "nor this");
	put(w, "more.yml", "groups: [ { name: g, rules: [ { alert: Up, expr: up == 0 } ] } ]\n");
}

static void each_role_gets_its_slice(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	assert_int_equal(run(w), 0);
	assert_string_equal(said(w), "");
	struct config_head head;
	const struct json *s[ROLE_COUNT];
	take(w, &head, s);
	assert_true(str_eq(head.data_dir, str_c(in_dir(w, "var"))));
	assert_true(str_eq(head.user, STR("quis")));
	assert_true(str_eq(head.listen_http, STR("127.0.0.1:7847")));
	assert_true(str_eq(head.listen_statsd, STR("127.0.0.1:8125")));
	for (unsigned role = ROLE_TELEMETRY; role < ROLE_COUNT; role++) {
		assert_non_null(s[role]);
		assert_true(
		    str_eq(json_get_str(s[role], STR("data_dir")), str_c(in_dir(w, "var"))));
		assert_true(
		    str_eq(json_get_str(s[role], STR("base_url")), STR("http://127.0.0.1:7847")));
		assert_true(json_get_str(s[role], STR("version")).len > 0);
	}
	const struct json *resources = json_get(s[ROLE_ENGINE], STR("resources"));
	assert_int_equal(resources->count, 6);
	assert_true(str_eq(json_get_str(resources->child, STR("kind")), STR("User")));
	assert_true(
	    str_eq(json_get_str(json_get(resources->child, STR("body")), STR("name")), STR("ana")));
	assert_int_equal(json_get(s[ROLE_ENGINE], STR("providers"))->count, 3);
	assert_int_equal(json_get(s[ROLE_ENGINE], STR("fallback"))->count, 1);
	assert_true(
	    json_get(json_get(s[ROLE_TELEMETRY], STR("statsd")), STR("flush_ns"))->number == 1e10);
	assert_true(
	    json_get(json_get(s[ROLE_TELEMETRY], STR("rules")), STR("interval_ns"))->number ==
	    15e9);
	assert_true(json_get(s[ROLE_TELEMETRY], STR("retention_ns"))->number == 90 * 86400e9);
	assert_true(json_get(s[ROLE_TELEMETRY], STR("series_limit"))->number == 500000);
	assert_true(str_eq(json_get_str(s[ROLE_PROBER], STR("host")), STR("box")));
	const struct json *token = json_get(s[ROLE_WEB], STR("api_tokens"))->child;
	assert_true(str_eq(json_get_str(token, STR("sha256")), STR(TOKEN_SHA256)));
	assert_int_equal(json_get(s[ROLE_NOTIFIER], STR("providers"))->count, 3);
}

static void secrets_go_to_one_role(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	assert_int_equal(run(w), 0);
	struct config_head head;
	const struct json *s[ROLE_COUNT];
	take(w, &head, s);
	struct str key = json_get_str(s[ROLE_NOTIFIER], STR("link_key"));
	assert_int_equal(key.len, 64);
	char *key_text = strndup(key.ptr, key.len);
	for (unsigned role = ROLE_TELEMETRY; role < ROLE_COUNT; role++) {
		bool notifier = role == ROLE_NOTIFIER, web = role == ROLE_WEB || role == ROLE_WEB2;
		assert_int_equal(slice_holds(s[role], "mail password"), notifier);
		assert_int_equal(slice_holds(s[role], "hook secret"), notifier);
		assert_int_equal(slice_holds(s[role], key_text), notifier || web);
		assert_false(slice_holds(s[role], TOKEN));
	}
	/* the key stays the same, and is nobody else's to read */
	assert_int_equal(run(w), 0);
	take(w, &head, s);
	assert_true(str_eq(json_get_str(s[ROLE_WEB], STR("link_key")), str_c(key_text)));
	free(key_text);
	struct stat st;
	assert_int_equal(stat(in_dir(w, "var/secret/link.key"), &st), 0);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(in_dir(w, "var/secret"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void checking_writes_nothing(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	assert_int_equal(run_on(w, &os_linux, false), 0);
	assert_string_equal(said(w), "");
	assert_true(str_ends(buf_str(&w->out), STR("quis.yaml: OK, 6 resources\n")));
	struct stat st;
	assert_int_equal(stat(in_dir(w, "var"), &st), -1);
}

static void wrong(struct world *w, const char *words)
{
	assert_int_equal(run(w), 2);
	assert_string_equal(said(w), words);
	assert_int_equal(w->out.len, 0);
}

static void all_that_is_wrong_is_said_at_once(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	put(w, "admin.token", "short\n");
	put(w, "mail.pw", "");
	assert_int_equal(remove(in_dir(w, "hook.key")), 0);
	put(w, "more.yml", "groups: [ { name: g } ]\nkind: User\nname: x\n");
	put(w, "conf.d/10-people.yaml", "kind: Usr\n---\nkind: User\nname: bo\nmail: x\n");
	wrong(w,
	    "~/quis.yaml:2:49: the token has 5 characters, at least 8 are needed; make one with: "
	    "openssl rand -hex 32\n"
	    "~/quis.yaml:4:106: ~/mail.pw: it is empty\n"
	    "~/quis.yaml:5:47: ~/hook.key: it is not there\n"
	    "~/conf.d/10-people.yaml:1:7: unknown kind \"Usr\"; did you mean \"User\"?\n"
	    "~/conf.d/10-people.yaml:5:1: User bo: unknown key \"mail\"; did you mean \"email\"?\n"
	    "~/more.yml:1:1: User x: unknown key \"groups\"; User has kind, name, full_name, "
	    "email, time_zone, role, contacts, notify\n"
	    "~/quis.yaml: 6 errors, nothing was changed\n");
}

static void references_and_queries_are_checked(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	put(w, "conf.d/10-people.yaml",
	    "kind: User\nname: ana\ntime_zone: Europe/Lisbom\ncontacts: [ { name: c, type: console "
	    "} ]\n"
	    "---\nkind: Schedule\nname: s\ntime_zone: UTC\nlayers: [ { start: 2026-01-05T09:00, "
	    "users: anna } ]\n");
	put(w, "more.yml", "groups: [ { name: g, rules: [ { alert: Up, expr: up == } ] } ]\n");
	wrong(w,
	    "~/conf.d/10-people.yaml:3:12: User ana: time_zone: unknown time zone "
	    "\"Europe/Lisbom\"; a name such as Europe/Lisbon or UTC, as in /usr/share/zoneinfo\n"
	    "~/conf.d/10-people.yaml:9:45: Schedule s: layers[0].users[0]: unknown user \"anna\"; "
	    "did you mean \"ana\"?\n"
	    "~/more.yml:1:50: RuleGroup more/g: rules[0].expr: this is not PromQL: 1:6: parse "
	    "error: unexpected end of input\n"
	    "~/quis.yaml: 3 errors, nothing was changed\n");
}

static void the_file_itself_may_be_wrong(void **state)
{
	struct world *w = *state;
	wrong(w, "~/quis.yaml: it is not there; name the configuration with --config "
	         "FILE\n~/quis.yaml: 1 error, nothing was changed\n");
	put(w, "quis.yaml", "data_dir: d\nlisten: 7847\nresources: [ nowhere ]\n");
	wrong(w, "~/quis.yaml:2:9: listen: expected a map, this is a number\n~/quis.yaml: 1 error, "
	         "nothing was changed\n");
	put(w, "quis.yaml",
	    "data_dir: d\nresources: [ nowhere ]\ntls: { cert: a.pem, key: b.pem }\n");
	wrong(w,
	    "~/quis.yaml:3:14: ~/a.pem: it is not there\n"
	    "~/quis.yaml:3:26: ~/b.pem: it is not there\n"
	    "~/quis.yaml:2:14: ~/nowhere: it is not there; make it, or take it out of `resources`\n"
	    "~/quis.yaml: 3 errors, nothing was changed\n");
	put(w, "quis.yaml", "data_dir: quis.yaml/var\n");
	wrong(w, "~/quis.yaml:1:11: ~/quis.yaml/var/secret: the folder cannot be made: Not a "
	         "directory; make it, or change data_dir\n"
	         "~/quis.yaml: 1 error, nothing was changed\n");
	put(w, "quis.yaml", "data_dir: var\n");
	assert_int_equal(run(w), 0);
	put(w, "var/secret/link.key", "too short");
	wrong(w, "~/quis.yaml:1:11: ~/var/secret/link.key: it does not hold 32 bytes; remove it: a "
	         "new one is made, and links in older pages stop working\n"
	         "~/quis.yaml: 1 error, nothing was changed\n");
}

static void every_address_is_no_link(void **state)
{
	struct world *w = *state;
	struct config_head head;
	const struct json *s[ROLE_COUNT];
	put(w, "quis.yaml", "data_dir: /\ndata_dir: var\n");
	wrong(w, "~/quis.yaml:2:1: the key \"data_dir\" is there twice; it is also in line "
	         "1\n~/quis.yaml: 1 error, nothing was changed\n");
	put(w, "quis.yaml",
	    "data_dir: var\nlisten: { http: 0.0.0.0:80, statsd: off }\nhost: box\n");
	assert_int_equal(run(w), 0);
	take(w, &head, s);
	assert_true(str_empty(head.listen_statsd));
	assert_true(str_eq(json_get_str(s[ROLE_WEB], STR("base_url")), STR("http://box:80")));
}

static void a_closed_pipe_is_an_error(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	int fd = open("/dev/full", O_WRONLY);
	assert_true(fd >= 0);
	FILE *err = tmpfile();
	int saved = dup(2);
	dup2(fileno(err), 2);
	int code = config_run(&os_linux, in_dir(w, "quis.yaml"), fd);
	dup2(saved, 2);
	close(saved);
	fclose(err);
	close(fd);
	assert_int_equal(code, 1);
}

/* A file of the tree (tests run at its top) with @WORD@ filled in as script/run does. */
static void put_filled(struct world *w, const char *from, const char *to)
{
	static const char *const words[][2] = { { "@KEY@", "0123456789abcdef0123456789abcdef" },
		{ "@HOST@", "box" }, { "@ZONE@", "Etc/UTC" } };
	struct buf b = buf_make(&mem_system, 1 << 20), filled = buf_make(&mem_system, 1 << 20);
	assert_int_equal(os_read_file(&os_linux, from, 1 << 20, &b), OK);
	struct str rest = buf_str(&b);
	while (rest.len) {
		size_t at = str_find(rest, '@');
		buf_add(&filled, str_first(rest, at));
		rest = str_from(rest, at);
		bool found = str_starts(rest, STR("@DIR@"));
		if (found) {
			buf_add_c(&filled, w->dir);
			rest = str_from(rest, 5);
		}
		for (size_t i = 0; !found && i < ARRAY_COUNT(words); i++) {
			found = str_starts(rest, str_c(words[i][0]));
			if (found) {
				buf_add_c(&filled, words[i][1]);
				rest = str_from(rest, strlen(words[i][0]));
			}
		}
		if (!found) {
			buf_add(&filled, str_first(rest, 1));
			rest = str_from(rest, 1);
		}
	}
	put(w, to, filled.ptr);
	buf_free(&b);
	buf_free(&filled);
}

static void the_starter_is_right(void **state)
{
	struct world *w = *state;
	put_filled(w, "conf/starter/quis.yaml", "quis.yaml");
	assert_int_equal(mkdir(in_dir(w, "conf.d"), 0700), 0);
	put_filled(w, "conf/starter/conf.d/people.yaml", "conf.d/people.yaml");
	put_filled(w, "conf/starter/conf.d/machine.yaml", "conf.d/machine.yaml");
	put(w, "admin.token", TOKEN);
	int code = run_on(w, &os_linux, false);
	assert_string_equal(said(w), "");
	assert_int_equal(code, 0);
	assert_true(str_ends(buf_str(&w->out), STR("quis.yaml: OK, 8 resources\n")));
}

static void the_reference_is_fresh(void **state)
{
	struct world *w = *state;
	FILE *f = tmpfile();
	assert_non_null(f);
	assert_int_equal(config_reference(fileno(f)), 0);
	read_back(f, &w->out);
	struct buf committed = buf_make(&mem_system, 1 << 20);
	assert_int_equal(
	    os_read_file(&os_linux, "docs/reference/configuration.md", 1 << 20, &committed), OK);
	if (!str_eq(buf_str(&committed), buf_str(&w->out)))
		fail_msg("docs/reference/configuration.md is stale: quisd --reference > "
		         "docs/reference/configuration.md");
	buf_free(&committed);
}

/* The n-th call to the system fails, for all n: an error is said, and no half of a stream is
 * written. */
static void any_call_may_fail(void **state)
{
	struct world *w = *state;
	a_good_installation(w);
	struct buf whole = buf_make(&mem_system, (size_t)64 << 20);
	assert_int_equal(run(w), 0);
	buf_add(&whole, buf_str(&w->out));
	static const int errors[] = { EIO, EACCES, ENOSPC, ENOENT };
	size_t refused = 0;
	for (size_t e = 0; e < ARRAY_COUNT(errors); e++) {
		bool done = false;
		for (size_t n = 1; !done; n++) {
			struct os_faulty f;
			os_faulty_init(&f, &os_linux, OS_ALL, n, errors[e]);
			f.fail_count = 1;
			int code = run_on(w, &f.iface, true);
			done = f.calls < n;
			assert_true(done ? code == 0 : code == 0 || code == 2);
			/* a zone that cannot be read makes a schedule wrong; nothing is guessed */
			if (code == 0) {
				assert_string_equal(said(w), "");
				continue;
			}
			refused++;
			assert_int_equal(w->out.len, 0);
			assert_true(str_ends(buf_str(&w->err), STR("nothing was changed\n")));
		}
	}
	assert_true(refused > 20);
	assert_int_equal(run(w), 0);
	/* ENOENT on the key makes a new one: that is the one difference there may be */
	assert_int_equal(w->out.len, whole.len);
	buf_free(&whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_role_gets_its_slice, setup, teardown),
		cmocka_unit_test_setup_teardown(secrets_go_to_one_role, setup, teardown),
		cmocka_unit_test_setup_teardown(checking_writes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(all_that_is_wrong_is_said_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    references_and_queries_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(the_file_itself_may_be_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(every_address_is_no_link, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_pipe_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(any_call_may_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(the_starter_is_right, setup, teardown),
		cmocka_unit_test_setup_teardown(the_reference_is_fresh, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
