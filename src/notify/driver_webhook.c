/* SPDX-License-Identifier: Apache-2.0
 *
 * A webhook: the page as JSON, signed.
 *
 *   Idempotency-Key: the message's id, the same on every attempt
 *   X-Quis-Timestamp: seconds since 1970
 *   X-Quis-Signature: v1=hex(HMAC-SHA256(secret, TIMESTAMP "." BODY))
 *
 * A receiver compares the signature in constant time, refuses an old timestamp, and takes a key
 * once.
 */
#include "base/enc.h"
#include "base/json.h"
#include "notify/driver_priv.h"
#include <sodium.h>

#define BODY_BYTES_MAX (256u * 1024)
#define HEADERS_MAX 8

static void add_facts(struct jw *w, const struct delivery_order *o)
{
	const struct page *p = o->page;
	const struct notice *n = o->notice;
	jw_key(w, STR("incident"));
	if (p->incident.len == 0) {
		jw_null(w);
		return;
	}
	jw_open(w, '{');
	jw_kv_str(w, STR("id"), p->incident);
	jw_kv_i64(w, STR("number"), (int64_t)p->incident_number);
	jw_kv_str(w, STR("title"), n->title);
	jw_kv_str(w, STR("service"), p->service);
	jw_kv_str(w, STR("status"), p->status);
	jw_kv_str(w, STR("urgency"), urgency_name[p->urgency]);
	jw_kv_str(w, STR("severity"), severity_name[p->severity]);
	jw_key(w, STR("created_at"));
	jw_wall(w, p->created_at);
	jw_kv_i64(w, STR("alerts_open"), p->alerts_open);
	jw_kv_str(w, STR("source"), p->source);
	jw_kv_str(w, STR("client"), p->client);
	jw_kv_str(w, STR("url"), n->incident_url);
	jw_close(w, '}');
}

static void add_body(struct buf *b, const struct delivery_order *o)
{
	const struct page *p = o->page;
	const struct notice *n = o->notice;
	struct jw w = jw_make(b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("type"), STR("quis.page"));
	jw_kv_i64(&w, STR("version"), 1);
	jw_kv_str(&w, STR("id"), p->message);
	jw_kv_i64(&w, STR("attempt"), p->attempt);
	jw_kv_bool(&w, STR("possible_duplicate"), p->maybe_duplicate);
	jw_kv_str(&w, STR("purpose"), message_purpose_name[p->purpose]);
	jw_kv_str(&w, STR("summary"), n->subject);
	jw_key(&w, STR("at"));
	jw_wall(&w, p->at);
	jw_key(&w, STR("to"));
	jw_open(&w, '{');
	jw_kv_str(&w, STR("user"), p->user);
	jw_kv_str(&w, STR("name"), p->user_full_name);
	jw_close(&w, '}');
	add_facts(&w, o);
	jw_key(&w, STR("links"));
	jw_open(&w, '{');
	if (n->acknowledge_url.len > 0)
		jw_kv_str(&w, STR("acknowledge"), n->acknowledge_url);
	if (n->resolve_url.len > 0)
		jw_kv_str(&w, STR("resolve"), n->resolve_url);
	if (n->graph_url.len > 0)
		jw_kv_str(&w, STR("graph"), n->graph_url);
	jw_close(&w, '}');
	jw_key(&w, STR("details"));
	jw_open(&w, '{');
	for (size_t i = 0; i < n->detail_count; i++)
		jw_kv_str(&w, n->details[i].name, n->details[i].value);
	jw_close(&w, '}');
	jw_close(&w, '}');
}

static struct str signature(
    struct arena *a, struct str secret, struct str timestamp, struct str body)
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	char hex[2 * crypto_auth_hmacsha256_BYTES + 1];
	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret.ptr, secret.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)timestamp.ptr, timestamp.len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)".", 1);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.ptr, body.len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac));
	return arena_printf(a, "v1=%s", hex);
}

static enum err webhook_build(
    struct arena *a, const struct delivery_order *o, struct delivery *ret, struct str *ret_why)
{
	const struct notify_provider *p = o->provider;
	struct str url = o->page->address.len > 0 ? o->page->address : p->url;
	if (!address_is_web(url)) {
		*ret_why = STR("the contact's address is not an http:// or https:// URL");
		return ERR_INPUT;
	}
	own(buf_free) struct buf body = buf_make(&mem_system, BODY_BYTES_MAX);
	add_body(&body, o);
	if (body.err != OK)
		return body.err;
	struct str content = arena_str(a, buf_str(&body));
	struct str timestamp = arena_printf(a, "%lld", (long long)(o->now.ns / NS_PER_S));
	struct fetch_header *h = arena_new(a, struct fetch_header, HEADERS_MAX);
	if (arena_err(a) != OK)
		return arena_err(a);
	size_t count = 0;
	h[count++] =
	    (struct fetch_header){ STR("Content-Type"), STR("application/json; charset=utf-8") };
	h[count++] = (struct fetch_header){ STR("User-Agent"), USER_AGENT };
	h[count++] = (struct fetch_header){ STR("Idempotency-Key"), o->page->message };
	h[count++] =
	    (struct fetch_header){ STR("X-Quis-Attempt"), arena_printf(a, "%u", o->page->attempt) };
	h[count++] = (struct fetch_header){ STR("X-Quis-Timestamp"), timestamp };
	if (p->secret.len > 0)
		h[count++] = (struct fetch_header){ STR("X-Quis-Signature"),
			signature(a, p->secret, timestamp, content) };
	if (p->token.len > 0 && is_home(p, url))
		h[count++] = (struct fetch_header){ STR("Authorization"),
			arena_printf(a, "Bearer %.*s", STR_ARG(p->token)) };
	*ret = (struct delivery){
		.kind = DELIVERY_FETCH,
		.request = {
			.kind = FETCH_HTTP,
			.method = STR("POST"),
			.url = url,
			.headers = h,
			.header_count = count,
			.body = content,
			.ca_pem = p->ca_pem,
			.timeout = p->timeout,
			.answer_bytes_max = HTTP_ANSWER_BYTES,
		},
	};
	return arena_err(a);
}

const struct driver driver_webhook = {
	.type = PROVIDER_WEBHOOK,
	.contact = CONTACT_WEBHOOK,
	.build = webhook_build,
	.judge = judge_http,
};
