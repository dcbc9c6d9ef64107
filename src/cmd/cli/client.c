/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP for the command line: the one file that knows libcurl here. One request at a time, no
 * redirects (a token must not travel further than it was told to), bounded answers, errors in a
 * sentence.
 */
#include "cmd/cli/cli.h"
#include "base/enc.h"
#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>

#define ANSWER_BYTES_MAX ((size_t)64 << 20)
#define CONNECT_MS 5000L

static size_t take_body(char *ptr, size_t size, size_t count, void *context)
{
	struct buf *b = context;
	buf_add(b, str_make(ptr, size * count));
	return b->err ? 0 : size * count;
}

static bool is_loopback(struct str url)
{
	static const struct str hosts[] = { STR_INIT("127."), STR_INIT("localhost"),
		STR_INIT("[::1]") };
	struct str rest = str_from(url, str_find_str(url, STR("://")) + 3);
	for (size_t i = 0; i < ARRAY_COUNT(hosts); i++)
		if (str_starts(rest, hosts[i]))
			return true;
	return false;
}

static struct curl_slist *headers_make(struct cli *c)
{
	static const char *const fixed[] = { "Content-Type: application/json",
		"Accept: application/json", "Expect:" };
	struct curl_slist *list = NULL;
	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		struct curl_slist *longer = curl_slist_append(list, fixed[i]);
		if (!longer)
			return list;
		list = longer;
	}
	if (str_empty(c->token))
		return list;
	struct str header =
	    arena_printf(c->a, "Authorization: Token token=%.*s", STR_ARG(c->token));
	struct curl_slist *longer = header.ptr ? curl_slist_append(list, header.ptr) : NULL;
	return longer ? longer : list;
}

static int unreachable(struct cli *c, const char *url, CURLcode code, const char *why)
{
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
		return cli_fail(CLI_UNREACHABLE,
		    "cannot reach %.*s: %s; is quisd running? --url or QUIS_URL names another",
		    STR_ARG(c->url), why);
	return cli_fail(CLI_UNREACHABLE, "no answer from %s: %s", url, why);
}

int client_call(
    struct cli *c, const char *method, struct str path, struct str body, struct answer *ret)
{
	assert(str_starts(path, STR("/")));
	struct str url = arena_printf(c->a, "%.*s%.*s", STR_ARG(c->url), STR_ARG(path));
	CURL *easy = curl_easy_init();
	if (!url.ptr || !easy)
		return cli_fail(CLI_USAGE, "out of memory");
	struct buf b = buf_make(&mem_system, ANSWER_BYTES_MAX);
	char why[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = headers_make(c);
	curl_easy_setopt(easy, CURLOPT_URL, url.ptr);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "quis/" QUIS_VERSION);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(c->timeout.ns / NS_PER_MS));
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &b);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
	if (is_loopback(c->url))
		curl_easy_setopt(easy, CURLOPT_PROXY, "");
	if (!str_empty(c->ca_file))
		curl_easy_setopt(easy, CURLOPT_CAINFO, c->ca_file.ptr);
	if (body.ptr) {
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
	}
	CURLcode code = curl_easy_perform(easy);
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	struct str text = arena_str(c->a, buf_str(&b));
	enum err too_long = b.err;
	buf_free(&b);
	if (code != CURLE_OK)
		return unreachable(c, url.ptr, code,
		    too_long ? "the answer is too long"
		    : why[0] ? why
		             : curl_easy_strerror(code));
	if (!text.ptr)
		return cli_fail(CLI_USAGE, "out of memory");
	*ret = (struct answer){ (unsigned)status, text };
	return CLI_OK;
}

/* {"error":{"message","errors":[]}}, {"message","errors":[]}, {"error":"..."}, or no JSON at all.
 */
static struct str refusal(struct cli *c, struct str body)
{
	const struct json *root = NULL;
	if (json_read(c->a, body, JSON_DEPTH_MAX, &root, NULL))
		return str_utf8_first(str_trim(body), 300);
	const struct json *inner = json_get(root, STR("error"));
	if (json_is(inner, JSON_STRING))
		return inner->text;
	const struct json *from = json_is(inner, JSON_OBJECT) ? inner : root;
	struct str message = json_get_str(from, STR("message"));
	const struct json *list = json_get(from, STR("errors"));
	struct buf b = buf_make(&mem_system, 4096);
	buf_add(&b, message.ptr ? message : STR(""));
	for (const struct json *e = json_is(list, JSON_ARRAY) ? list->child : NULL; e;
	     e = e->next) {
		if (e->type != JSON_STRING || str_empty(e->text))
			continue;
		buf_add_c(&b, b.len ? ": " : "");
		buf_add(&b, e->text);
	}
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s;
}

int client_refused(struct cli *c, const struct answer *answer)
{
	struct str why = refusal(c, answer->body);
	if (answer->status == 401 && str_empty(c->token))
		return cli_fail(CLI_REFUSED,
		    "this needs an API token: put one into ~/.config/quis/token, "
		    "or name its file with --token-file or QUIS_TOKEN_FILE");
	if (str_empty(why))
		return cli_fail(CLI_REFUSED, "the server said %u", answer->status);
	return cli_fail(CLI_REFUSED, "the server said %u: %.*s", answer->status, STR_ARG(why));
}

int client_json(
    struct cli *c, const char *method, struct str path, struct str body, const struct json **ret)
{
	struct answer answer;
	int code = client_call(c, method, path, body, &answer);
	if (code)
		return code;
	if (answer.status >= 400 || answer.status < 200)
		return client_refused(c, &answer);
	if (answer.status >= 300)
		return cli_fail(CLI_REFUSED,
		    "%.*s answers with a redirection: give the address itself with --url",
		    STR_ARG(c->url));
	struct json_error error;
	if (json_read(c->a, answer.body, JSON_DEPTH_MAX, ret, &error))
		return cli_fail(CLI_REFUSED,
		    "%.*s does not answer as a Quis does (no JSON): is the address right?",
		    STR_ARG(c->url));
	return CLI_OK;
}

struct str client_query(struct cli *c, struct str path, const char *name, struct str value)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 20);
	buf_add(&b, path);
	buf_add_char(&b, str_find(path, '?') < path.len ? '&' : '?');
	enc_percent(&b, str_c(name));
	buf_add_char(&b, '=');
	enc_percent(&b, value);
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s.ptr ? s : path;
}

struct str client_path(struct cli *c, const char *before, struct str id, const char *after)
{
	struct buf b = buf_make(&mem_system, (size_t)1 << 16);
	buf_add_c(&b, before);
	enc_percent(&b, id);
	buf_add_c(&b, after);
	struct str s = arena_str(c->a, buf_str(&b));
	buf_free(&b);
	return s.ptr ? s : STR("/");
}
