/* SPDX-License-Identifier: Apache-2.0 */
#include "notify/driver_priv.h"
#include <assert.h>

#define ERROR_BYTES_MAX 400u
#define SNIPPET_BYTES_MAX 160u

const struct driver *driver_find(enum provider_type type)
{
	static const struct driver *const table[PROVIDER_TYPE_COUNT] = {
		[PROVIDER_SMTP] = &driver_smtp,
		[PROVIDER_WEBHOOK] = &driver_webhook,
		[PROVIDER_NTFY] = &driver_ntfy,
		[PROVIDER_CONSOLE] = &driver_console,
	};
	assert(type < PROVIDER_TYPE_COUNT && table[type]->type == type);
	return table[type];
}

struct str url_host(struct str url)
{
	size_t at = str_find_str(url, STR("://"));
	struct str rest = str_from(url, at < url.len ? at + 3 : 0);
	size_t n = 0;
	while (n < rest.len && !strchr("/?#", rest.ptr[n]))
		n++;
	return str_first(rest, n);
}

bool is_home(const struct notify_provider *p, struct str url)
{
	struct str host = url_host(p->url);
	size_t head = host.len > 0 ? (size_t)(host.ptr - p->url.ptr) + host.len : 0;
	return head > 0 && str_eq(url_host(url), host) && str_starts(url, str_first(p->url, head));
}

struct str without_secrets(struct arena *a, const struct notify_provider *p, struct str text)
{
	const struct str secrets[] = { p->password, p->secret, p->token };
	own(buf_free) struct buf b = buf_make(&mem_system, ERROR_BYTES_MAX * 4);
	text = str_first(text, ERROR_BYTES_MAX);
	for (size_t i = 0; i < text.len;) {
		size_t skip = 0;
		for (size_t s = 0; s < ARRAY_COUNT(secrets); s++)
			if (secrets[s].len > 0 && str_starts(str_from(text, i), secrets[s]))
				skip = secrets[s].len;
		unsigned char c = (unsigned char)text.ptr[i];
		if (skip > 0)
			buf_add(&b, STR("***"));
		else
			buf_add_char(&b, c < 0x20 || c == 0x7f ? ' ' : (char)c);
		i += skip > 0 ? skip : 1;
	}
	struct str out = str_trim(buf_str(&b));
	if (!str_utf8_valid(out)) {
		for (size_t i = 0; i < b.len; i++)
			if ((unsigned char)b.ptr[i] >= 0x80)
				b.ptr[i] = '?';
	}
	struct str copy = arena_str(a, str_utf8_first(out, ERROR_BYTES_MAX));
	return copy.ptr ? copy : STR("");
}

struct str no_answer_text(
    struct arena *a, const struct notify_provider *p, struct str host, const struct fetch_result *r)
{
	struct str text = STR("");
	switch (r->end) {
	case FETCH_NAME:
		text = arena_printf(a, "cannot resolve the name of %.*s", STR_ARG(host));
		break;
	case FETCH_CONNECT: text = arena_printf(a, "cannot connect to %.*s", STR_ARG(host)); break;
	case FETCH_TLS:
		text = arena_printf(
		    a, "no secure connection to %.*s: %.*s", STR_ARG(host), STR_ARG(r->reason));
		break;
	case FETCH_LOGIN:
		text = arena_printf(a, "%.*s refused the username and password: %.*s",
		    STR_ARG(host), STR_ARG(r->answer));
		break;
	case FETCH_TIMEOUT: {
		own(buf_free) struct buf t = buf_make(&mem_system, 64);
		span_format(&t, p->timeout);
		text = arena_printf(
		    a, "no answer from %.*s within %.*s", STR_ARG(host), STR_ARG(buf_str(&t)));
		break;
	}
	case FETCH_CUT:
		text = arena_printf(a, "%.*s: %.*s", STR_ARG(host), STR_ARG(r->reason));
		break;
	case FETCH_WRONG:
		text = arena_printf(a, "the address cannot be used: %.*s", STR_ARG(r->reason));
		break;
	case FETCH_OURS:
		text = arena_printf(a, "an error of our own: %.*s", STR_ARG(r->reason));
		break;
	case FETCH_ANSWERED: assert(0 && "there was an answer");
	}
	return without_secrets(a, p, text);
}

/* What is worth another try: the far end is busy or broken, or will believe us once somebody has
 * mended the credentials. */
static bool http_may_change(unsigned status)
{
	return status >= 500 || status == 401 || status == 403 || status == 407 || status == 408 ||
	       status == 425 || status == 429;
}

void judge_http(struct arena *a, const struct notify_provider *p, struct str url,
    const struct fetch_result *r, struct judgement *ret)
{
	*ret =
	    (struct judgement){ .verdict = VERDICT_RETRY, .error = STR(""), .reference = STR("") };
	if (r->end != FETCH_ANSWERED) {
		ret->error = no_answer_text(a, p, url_host(url), r);
		if (r->end == FETCH_WRONG)
			ret->verdict = VERDICT_FINAL;
		else if (r->began)
			ret->verdict = VERDICT_UNKNOWN;
		return;
	}
	if (r->status / 100 == 2) {
		ret->verdict = VERDICT_ACCEPTED;
		return;
	}
	if (r->status / 100 == 3) {
		ret->verdict = VERDICT_FINAL;
		ret->error = arena_printf(a,
		    "answered %u: redirects are not followed, use the address it leads to",
		    r->status);
		return;
	}
	if (r->status ==
	    504) /* a gateway that gave up waiting: what is behind it may have taken it */
		ret->verdict = VERDICT_UNKNOWN;
	else if (!http_may_change(r->status))
		ret->verdict = VERDICT_FINAL;
	struct str body = str_trim(r->answer);
	struct str line = str_trim(str_cut(&body, '\n'));
	ret->error = line.len > 0
	                 ? arena_printf(a, "answered %u: %.*s", r->status,
	                       STR_ARG(without_secrets(a, p, str_first(line, SNIPPET_BYTES_MAX))))
	                 : arena_printf(a, "answered %u", r->status);
}
