/* SPDX-License-Identifier: Apache-2.0
 *
 * quis.yaml: defaults, a full example, refusals with their exact words; and the engine's slice.
 */
#include "conf/install.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct world {
	struct arena *a;
	struct conf_faults faults;
	struct conf_install in;
	char *text;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	if (!w || arena_open(&mem_system, (size_t)64 << 20, &w->a))
		return -1;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	arena_close(&w->a);
	free(w->text);
	free(w);
	return 0;
}

static const char *faults_text(struct world *w)
{
	struct buf b = buf_make(&mem_system, 1 << 20);
	for (size_t i = 0; i < w->faults.count; i++) {
		conf_fault_write(&b, &w->faults.list[i]);
		buf_add_char(&b, '\n');
	}
	free(w->text);
	w->text = strndup(b.len ? b.ptr : "", b.len);
	buf_free(&b);
	return w->text;
}

static enum err read(struct world *w, const char *text)
{
	w->faults = conf_faults_make(w->a);
	return conf_install_read(w->a, STR("quis.yaml"), str_c(text), &w->in, &w->faults);
}

static void little_is_needed(void **state)
{
	struct world *w = *state;
	enum err err = read(w, "data_dir: var\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	const struct conf_install *in = &w->in;
	assert_true(str_eq(in->data_dir.path, STR("var")));
	assert_int_equal(in->data_dir.line, 1);
	assert_int_equal(in->data_dir.column, 11);
	assert_true(str_eq(in->listen_http, STR("127.0.0.1:7847")));
	assert_true(str_eq(in->listen_statsd, STR("127.0.0.1:8125")));
	assert_true(str_empty(in->base_url) && str_empty(in->user) && str_empty(in->tls_cert.path));
	assert_int_equal(in->statsd_flush.ns, 10 * NS_PER_S);
	assert_int_equal(in->rules_interval.ns, 15 * NS_PER_S);
	assert_int_equal(in->prober_interval.ns, 10 * NS_PER_S);
	assert_int_equal(in->retention.ns, 90 * 86400 * NS_PER_S);
	assert_int_equal(in->series_limit, 500000);
	assert_int_equal(in->token_count, 0);
	assert_int_equal(in->resource_count, 0);
	/* a console can always be paged */
	assert_int_equal(in->provider_count, 1);
	assert_int_equal(in->providers[0].driver, DRIVER_CONSOLE);
	assert_int_equal(in->fallback_count, 1);
	assert_int_equal(in->fallback[0].type, CONTACT_CONSOLE);
}

static void all_can_be_said(void **state)
{
	struct world *w = *state;
	enum err err = read(w, "data_dir: /var/lib/quis\n"
	                       "base_url: https://quis.example.com/\n"
	                       "listen: { http: \"[::1]:7847\", statsd: off }\n"
	                       "tls: { cert: tls.crt, key: tls.key }\n"
	                       "statsd: { flush: 5s }\n"
	                       "rules: { interval: 1m }\n"
	                       "retention: 0\n"
	                       "series_limit: 1000000\n"
	                       "api_tokens: [ { name: admin, role: admin, file: admin.token } ]\n"
	                       "providers:\n"
	                       "  - { name: mail, type: smtp, url: smtp://127.0.0.1:25, from: "
	                       "\"Quis <quis@example.com>\", username: q,\n"
	                       "      password_file: mail.pw, tls: required, timeout: 5s }\n"
	                       "  - { name: hook, type: webhook, secret_file: hook.key }\n"
	                       "  - { name: push, type: ntfy, url: https://ntfy.example.com, "
	                       "token_file: ntfy.token, concurrency: 2 }\n"
	                       "  - { name: screen, type: console }\n"
	                       "fallback: [ { type: email, address: ops@example.com }, { name: "
	                       "screen, type: console } ]\n"
	                       "resources: [ conf.d, rules/node.yml ]\n"
	                       "user: quis\nhost: box\n");
	assert_string_equal(faults_text(w), "");
	assert_int_equal(err, OK);
	const struct conf_install *in = &w->in;
	assert_true(str_eq(in->base_url, STR("https://quis.example.com")));
	assert_true(str_empty(in->listen_statsd));
	assert_int_equal(in->retention.ns, 0);
	assert_true(str_eq(in->tokens[0].role, STR("admin")));
	assert_int_equal(in->provider_count, 4);
	assert_true(str_eq(in->providers[0].password_file.path, STR("mail.pw")));
	assert_true(str_eq(in->providers[0].tls, STR("required")));
	assert_true(str_eq(in->providers[1].secret_file.path, STR("hook.key")));
	assert_int_equal(in->providers[2].concurrency, 2);
	assert_int_equal(in->fallback_count, 2);
	assert_true(str_eq(in->fallback[0].name, STR("email")));
	assert_int_equal(in->resource_count, 2);
	assert_true(str_eq(in->resources[1].path, STR("rules/node.yml")));
	struct conf_installation view;
	assert_int_equal(conf_install_view(w->a, in, &view), OK);
	assert_int_equal(view.provider_count, 4);
	assert_int_equal(view.providers[0].type, CONTACT_EMAIL);
	assert_int_equal(view.providers[3].type, CONTACT_CONSOLE);
}

#define D "data_dir: d\n"
#define MAIL "name: mail, type: smtp, from: q@example.com, url: "
static const struct {
	const char *yaml, *faults;
} refusals[] = {
	{ "", "quis.yaml: the file is empty\n" },
	{ "{}\n", "quis.yaml:1:1: \"data_dir\" is missing; the folder in which everything is kept, "
	          "such as /var/lib/quis\n" },
	{ D "---\nkind: User\nname: ana\n",
	    "quis.yaml:3:1: the installation file is one document; resources stand in files of "
	    "their own, named by `resources`\n" },
	{ D "listn: {}\n", "quis.yaml:2:1: unknown key \"listn\"; did you mean \"listen\"?\n" },
	{ D "listen: { http: 7847 }\n",
	    "quis.yaml:2:17: listen.http: \"7847\" is not an address to listen on; HOST:PORT such "
	    "as 127.0.0.1:7847, or [::1]:7847\n" },
	{ D "listen: { http: 127.0.0.1:99999 }\n",
	    "quis.yaml:2:17: listen.http: \"127.0.0.1:99999\" is not an address to listen on; "
	    "HOST:PORT such as 127.0.0.1:7847, or [::1]:7847\n" },
	{ D "listen: { http: off }\n", "quis.yaml:2:9: listen: http cannot be off\n" },
	{ D "tls: { cert: a.pem }\n",
	    "quis.yaml:2:6: tls: \"key\" is missing; a PEM file with the private key\n" },
	{ D "statsd: { flush: 1ms }\n",
	    "quis.yaml:2:18: statsd.flush: the duration 1ms is too short; it must be 1s to 1h\n" },
	{ D "api_tokens: [ { name: a, role: root, file: f } ]\n",
	    "quis.yaml:2:32: api_tokens[0].role: unknown role \"root\"; it must be admin, "
	    "responder, observer or ingest\n" },
	{ D "api_tokens: [ { name: a, role: admin, token: secret } ]\n",
	    "quis.yaml:2:39: api_tokens[0]: unknown key \"token\"; a token has name, role, file\n"
	    "quis.yaml:2:15: api_tokens[0]: \"file\" is missing; a file that holds the token, at "
	    "least 8 characters\n" },
	{ D "providers: [ { name: mail, type: smtp } ]\n",
	    "quis.yaml:2:14: providers[0]: \"url\" is missing; smtp: smtp://HOST:PORT or "
	    "smtps://HOST:PORT, required; ntfy: the server of bare topics; webhook: where to send "
	    "when the contact has no address\n"
	    "quis.yaml:2:14: providers[0]: \"from\" is missing; smtp: the sender, such as "
	    "quis@example.com or \"Quis <quis@example.com>\"; required\n" },
	{ D "providers: [ { " MAIL "http://x } ]\n",
	    "quis.yaml:2:66: providers[0]: this is not the address of a mail server; "
	    "smtp://HOST:PORT, or smtps://HOST:PORT\n" },
	{ D "providers: [ { " MAIL "\"smtp://q:secret@mail\" } ]\n",
	    "quis.yaml:2:66: providers[0]: no name or password may stand in the address; use "
	    "username and password_file\n" },
	{ D "providers: [ { " MAIL "smtp://mail, username: q } ]\n",
	    "quis.yaml:2:14: providers[0]: username and password_file belong together\n" },
	{ D "providers: [ { name: hook, type: webhook, from: a@example.com } ]\n",
	    "quis.yaml:2:43: providers[0]: a provider of type webhook has no \"from\"; leave it "
	    "out\n" },
	{ D "providers: [ { name: push, type: ntfy, token_file: t } ]\n",
	    "quis.yaml:2:14: providers[0]: \"url\" is missing; the password or token is sent to "
	    "that server alone\n" },
	{ D "providers: [ { name: a, type: console }, { name: a, type: console } ]\n",
	    "quis.yaml:2:50: providers[1]: this name is there twice; each needs its own\n" },
	{ D "fallback: [ { type: email } ]\n",
	    "quis.yaml:2:13: fallback[0]: the address does not fit the type; an address is such as "
	    "ana@example.com\n" },
	{ D "fallback: []\n", "quis.yaml:2:11: fallback: the list is empty\n" },
	{ D "series_limit: 10\n",
	    "quis.yaml:2:15: series_limit: 10 is not within 1000 to 100000000\n" },
	{ D "base_url: quis.example.com\n",
	    "quis.yaml:2:11: base_url: \"quis.example.com\" is not a web address; it begins with "
	    "http:// or https:// and a host\n" },
};

static void bad_files_have_exact_words(void **state)
{
	struct world *w = *state;
	unsigned wrong = 0;
	for (size_t i = 0; i < ARRAY_COUNT(refusals); i++) {
		enum err err = read(w, refusals[i].yaml);
		if (strcmp(faults_text(w), refusals[i].faults) != 0) {
			print_error("for:\n%sexpected:\n%sgot:\n%s", refusals[i].yaml,
			    refusals[i].faults, w->text);
			wrong++;
		}
		assert_int_equal(err, ERR_INPUT);
	}
	assert_int_equal(wrong, 0);
}

static enum err slice(struct world *w, const char *text, struct conf_installation *in,
    struct conf_document **list, size_t *count)
{
	const struct json *j;
	assert_int_equal(json_read(w->a, str_c(text), JSON_DEPTH_MAX, &j, NULL), OK);
	return conf_slice_read(w->a, j, in, list, count);
}

static void the_engine_reads_its_slice(void **state)
{
	struct world *w = *state;
	struct conf_installation in;
	struct conf_document *list;
	size_t count;
	assert_int_equal(
	    slice(w,
	        "{\"base_url\":\"http://"
	        "q\",\"providers\":[{\"name\":\"mail\",\"type\":\"email\"},{\"name\":\"m2\","
	        "\"type\":\"smtp\"}],"
	        "\"fallback\":[{\"name\":\"console\",\"type\":\"console\",\"address\":\"\"}],"
	        "\"resources\":[{\"kind\":\"Team\",\"name\":\"t\",\"body\":{\"kind\":\"Team\","
	        "\"name\":\"t\"}}]}",
	        &in, &list, &count),
	    OK);
	assert_int_equal(in.provider_count, 2);
	assert_int_equal(in.providers[1].type, CONTACT_EMAIL);
	assert_int_equal(in.fallback_count, 1);
	assert_int_equal(count, 1);
	assert_true(str_eq(list[0].body, STR("{\"kind\":\"Team\",\"name\":\"t\"}")));
	const struct directory *d;
	w->faults = conf_faults_make(w->a);
	assert_int_equal(conf_compile(w->a, list, count, &in, 1, NULL, NULL, &d, &w->faults), OK);
	assert_int_equal(d->team_count, 1);
	assert_true(str_eq(d->base_url, STR("http://q")));
	static const char *const bad[] = { "{}",
		"{\"providers\":[],\"fallback\":[],\"resources\":[]}",
		"{\"providers\":[{\"name\":\"x\",\"type\":\"pigeon\"}],\"fallback\":[{\"name\":"
		"\"c\",\"type\":\"console\"}],\"resources\":[]}",
		"{\"providers\":[],\"fallback\":[{\"name\":\"c\",\"type\":\"console\"}],"
		"\"resources\":[{\"kind\":\"Team\",\"name\":\"t\"}]}" };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		assert_int_equal(slice(w, bad[i], &in, &list, &count), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(little_is_needed, setup, teardown),
		cmocka_unit_test_setup_teardown(all_can_be_said, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files_have_exact_words, setup, teardown),
		cmocka_unit_test_setup_teardown(the_engine_reads_its_slice, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
