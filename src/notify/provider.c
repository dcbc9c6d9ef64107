/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/provider.h"
#include <assert.h>

const struct str provider_type_name[PROVIDER_TYPE_COUNT] = {
	[PROVIDER_SMTP] = STR_INIT("smtp"),
	[PROVIDER_WEBHOOK] = STR_INIT("webhook"),
	[PROVIDER_NTFY] = STR_INIT("ntfy"),
	[PROVIDER_CONSOLE] = STR_INIT("console"),
};

#define TIMEOUT_DEFAULT SPAN_S(30)
#define TIMEOUT_MIN SPAN_S(1)
#define TIMEOUT_MAX SPAN_S(300)
#define CONCURRENCY_DEFAULT 8
#define CONCURRENCY_MAX 64
#define FIELD_BYTES_MAX 4096u
#define CA_BYTES_MAX (1u << 20)

bool address_is_mail(struct str s)
{
	size_t at = str_find(s, '@');
	if (s.len > 254 || at == 0 || at + 1 >= s.len ||
	    str_find(str_from(s, at + 1), '@') + at + 1 != s.len)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= ' ' || c >= 0x7f || strchr("<>()[],;:\"\\", c))
			return false;
	}
	return true;
}

bool address_is_web(struct str s)
{
	bool tls = str_starts(s, STR("https://"));
	if (s.len > 2000 || (!tls && !str_starts(s, STR("http://"))))
		return false;
	struct str rest = str_from(s, tls ? 8 : 7);
	size_t host = 0;
	while (host < rest.len && !strchr("/?#", rest.ptr[host]))
		host++;
	if (host == 0 || str_find(str_first(rest, host), '@') < host)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c <= ' ' || c >= 0x7f || strchr("<>\"\\^`{|}", c))
			return false;
	}
	return true;
}

/* One provider being read: the first thing wrong is kept. */
struct reading {
	struct arena *a;
	const struct json *object;
	struct str name;
	struct str why;
};

static void refuse(struct reading *r, struct str field, const char *what)
{
	if (r->why.len > 0)
		return;
	r->why = arena_printf(
	    r->a, "provider \"%.*s\": %.*s: %s", STR_ARG(r->name), STR_ARG(field), what);
}

static struct str text(struct reading *r, struct str field, size_t limit)
{
	const struct json *j = json_get(r->object, field);
	if (!j || j->type == JSON_NULL)
		return STR("");
	if (j->type != JSON_STRING) {
		refuse(r, field, "must be text");
		return STR("");
	}
	if (j->text.len > limit) {
		refuse(r, field, "is too long");
		return STR("");
	}
	for (size_t i = 0; limit == FIELD_BYTES_MAX && i < j->text.len; i++)
		if ((unsigned char)j->text.ptr[i] < 0x20 || j->text.ptr[i] == 0x7f) {
			refuse(r, field, "holds a control character (is there a line end in it?)");
			return STR("");
		}
	struct str copy = arena_str(r->a, j->text);
	return copy.ptr ? copy : STR("");
}

static int64_t number(
    struct reading *r, struct str field, int64_t default_, int64_t min, int64_t max)
{
	const struct json *j = json_get(r->object, field);
	int64_t v;
	if (!j || j->type == JSON_NULL)
		return default_;
	if (j->type != JSON_NUMBER || str_i64(j->text, &v) != OK || v < min || v > max) {
		refuse(r, field, "is not a number in its range");
		return default_;
	}
	return v;
}

/* "Name <address>" or the bare address. */
static void read_from(struct reading *r, struct str from, struct notify_provider *p)
{
	size_t open = str_find(from, '<');
	p->from = from;
	if (open < from.len && str_ends(from, STR(">"))) {
		p->from = str_make(from.ptr + open + 1, from.len - open - 2);
		p->from_name = str_trim(str_first(from, open));
		if (p->from_name.len >= 2 && p->from_name.ptr[0] == '"' &&
		    str_ends(p->from_name, STR("\"")))
			p->from_name = str_make(p->from_name.ptr + 1, p->from_name.len - 2);
	}
	if (!address_is_mail(p->from))
		refuse(r, STR("from"), "is not a mail address such as quis@example.com");
}

static void read_smtp(struct reading *r, struct notify_provider *p)
{
	struct str tls = text(r, STR("tls"), FIELD_BYTES_MAX);
	if (!str_starts(p->url, STR("smtp://")) && !str_starts(p->url, STR("smtps://")))
		refuse(r, STR("url"), "must be smtp://HOST:PORT or smtps://HOST:PORT");
	if (str_find(p->url, '@') < p->url.len)
		refuse(r, STR("url"),
		    "must not hold a username; use the fields username and password");
	read_from(r, text(r, STR("from"), FIELD_BYTES_MAX), p);
	p->tls = p->password.len > 0 ? FETCH_TLS_REQUIRED : FETCH_TLS_IF_OFFERED;
	if (str_eq(tls, STR("required")))
		p->tls = FETCH_TLS_REQUIRED;
	else if (str_eq(tls, STR("if_offered")))
		p->tls = FETCH_TLS_IF_OFFERED;
	else if (str_eq(tls, STR("off")))
		p->tls = FETCH_TLS_OFF;
	else if (tls.len > 0)
		refuse(r, STR("tls"), "must be required, if_offered or off");
}

enum err provider_read(
    struct arena *a, const struct json *object, struct notify_provider *ret, struct str *ret_why)
{
	struct reading r = { .a = a, .object = object, .name = STR("?") };
	struct notify_provider p = { 0 };
	if (!json_is(object, JSON_OBJECT)) {
		*ret_why = STR("a provider must be an object");
		return ERR_INPUT;
	}
	p.name = text(&r, STR("name"), FIELD_BYTES_MAX);
	if (p.name.len > 0)
		r.name = p.name;
	else
		refuse(&r, STR("name"), "is missing");
	struct str type = text(&r, STR("type"), FIELD_BYTES_MAX);
	p.type = PROVIDER_TYPE_COUNT;
	for (unsigned t = 0; t < PROVIDER_TYPE_COUNT; t++)
		if (str_eq(type, provider_type_name[t]))
			p.type = (enum provider_type)t;
	if (p.type == PROVIDER_TYPE_COUNT)
		refuse(&r, STR("type"), "must be smtp, webhook, ntfy or console");
	p.url = text(&r, STR("url"), FIELD_BYTES_MAX);
	p.username = text(&r, STR("username"), FIELD_BYTES_MAX);
	p.password = text(&r, STR("password"), FIELD_BYTES_MAX);
	p.token = text(&r, STR("token"), FIELD_BYTES_MAX);
	p.secret = text(&r, STR("secret"), FIELD_BYTES_MAX);
	p.ca_pem = text(&r, STR("ca"), CA_BYTES_MAX);
	if ((p.username.len > 0) != (p.password.len > 0))
		refuse(&r, p.username.len > 0 ? STR("password") : STR("username"),
		    "is missing beside the other");
	p.timeout.ns =
	    number(&r, STR("timeout_ns"), TIMEOUT_DEFAULT.ns, TIMEOUT_MIN.ns, TIMEOUT_MAX.ns);
	p.concurrency =
	    (uint32_t)number(&r, STR("concurrency"), CONCURRENCY_DEFAULT, 1, CONCURRENCY_MAX);
	if (p.type == PROVIDER_SMTP)
		read_smtp(&r, &p);
	else if (p.url.len == 0 && (p.token.len > 0 || p.password.len > 0))
		refuse(
		    &r, STR("url"), "is missing: a token or password is sent to that server alone");
	else if (p.url.len > 0 && !address_is_web(p.url))
		refuse(&r, STR("url"),
		    "must be http://HOST/... or https://HOST/... without a username");
	if (arena_err(a) != OK)
		return arena_err(a);
	if (r.why.len > 0) {
		*ret_why = r.why;
		return ERR_INPUT;
	}
	assert(p.type < PROVIDER_TYPE_COUNT && p.name.len > 0);
	*ret = p;
	return OK;
}
