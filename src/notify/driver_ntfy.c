/* SPDX-License-Identifier: Apache-2.0
 *
 * ntfy: a push message to a topic, published as JSON to the server's root. A contact's address is
 * the topic's whole URL, or a bare topic of the provider's server. Acknowledge and Resolve are
 * buttons that post the signed link from the phone; the third opens the incident.
 */
#include "base/json.h"
#include "notify/driver_priv.h"
#include <assert.h>

#define BODY_BYTES_MAX (64u * 1024)
#define MESSAGE_BYTES_MAX 3500u /* the server turns 4,096 and more into an attachment */
#define HEADERS_MAX 4

static bool is_topic(struct str s)
{
	if (s.len == 0 || s.len > 64)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		            (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!good)
			return false;
	}
	return true;
}

/* The server's root (with the last slash) and the topic. */
static bool place_of(struct arena *a, struct str address, struct str base, struct str *ret_root,
    struct str *ret_topic)
{
	if (is_topic(address) && base.len > 0) {
		bool slash = str_ends(base, STR("/"));
		*ret_root = arena_printf(a, "%.*s%s", STR_ARG(base), slash ? "" : "/");
		*ret_topic = address;
		return true;
	}
	if (!address_is_web(address))
		return false;
	size_t cut = address.len;
	while (cut > 0 && address.ptr[cut - 1] != '/')
		cut--;
	*ret_root = str_first(address, cut);
	*ret_topic = str_from(address, cut);
	return is_topic(*ret_topic) && ret_root->len > sizeof("https://");
}

static int64_t priority(const struct page *p)
{
	if (p->purpose != PURPOSE_INCIDENT || p->urgency == URGENCY_LOW)
		return 3;
	return p->severity == SEVERITY_CRITICAL || p->severity == SEVERITY_ERROR ? 5 : 4;
}

static void action(struct jw *w, struct str label, struct str url, bool post)
{
	if (url.len == 0)
		return;
	jw_open(w, '{');
	jw_kv_str(w, STR("action"), post ? STR("http") : STR("view"));
	jw_kv_str(w, STR("label"), label);
	jw_kv_str(w, STR("url"), url);
	if (post)
		jw_kv_str(w, STR("method"), STR("POST"));
	if (post)
		jw_kv_bool(w, STR("clear"), true);
	jw_close(w, '}');
}

/* The notice without its links: those are buttons. */
static void add_message(struct buf *b, const struct notice *n)
{
	buf_printf(b, "%.*s\n", STR_ARG(n->title));
	if (n->duplicate.len > 0)
		buf_printf(b, "%.*s\n", STR_ARG(n->duplicate));
	for (size_t i = 0; i < n->fact_count; i++)
		buf_printf(
		    b, "%.*s: %.*s\n", STR_ARG(n->facts[i].name), STR_ARG(n->facts[i].value));
	for (size_t i = 0; i < n->detail_count && b->len < MESSAGE_BYTES_MAX; i++)
		buf_printf(
		    b, "%.*s: %.*s\n", STR_ARG(n->details[i].name), STR_ARG(n->details[i].value));
}

static void add_body(
    struct buf *b, const struct delivery_order *o, struct str topic, struct str message)
{
	const struct notice *n = o->notice;
	struct jw w = jw_make(b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("topic"), topic);
	jw_kv_str(&w, STR("title"), n->subject);
	jw_kv_str(&w, STR("message"), message);
	jw_kv_i64(&w, STR("priority"), priority(o->page));
	jw_key(&w, STR("tags"));
	jw_open(&w, '[');
	jw_str(&w, o->page->purpose == PURPOSE_INCIDENT   ? STR("rotating_light")
	           : o->page->purpose == PURPOSE_RESOLVED ? STR("white_check_mark")
	                                                  : STR("test_tube"));
	if (o->page->maybe_duplicate)
		jw_str(&w, STR("possible-duplicate"));
	jw_close(&w, ']');
	if (n->incident_url.len > 0)
		jw_kv_str(&w, STR("click"), n->incident_url);
	jw_key(&w, STR("actions"));
	jw_open(&w, '[');
	action(&w, STR("Acknowledge"), n->acknowledge_url, true);
	action(&w, STR("Resolve"), n->resolve_url, true);
	action(&w, STR("Open"), n->incident_url, false);
	jw_close(&w, ']');
	jw_close(&w, '}');
}

static enum err ntfy_build(
    struct arena *a, const struct delivery_order *o, struct delivery *ret, struct str *ret_why)
{
	const struct notify_provider *p = o->provider;
	struct str root, topic;
	if (!place_of(a, o->page->address, p->url, &root, &topic)) {
		*ret_why = STR("the contact's address is neither a topic's URL such as "
		               "https://ntfy.example.com/alerts "
		               "nor a topic of the provider's url");
		return ERR_INPUT;
	}
	own(buf_free) struct buf message = buf_make(&mem_system, BODY_BYTES_MAX);
	own(buf_free) struct buf body = buf_make(&mem_system, BODY_BYTES_MAX);
	add_message(&message, o->notice);
	add_body(&body, o, topic, str_utf8_first(str_trim(buf_str(&message)), MESSAGE_BYTES_MAX));
	if (message.err != OK || body.err != OK)
		return message.err != OK ? message.err : body.err;
	struct fetch_header *h = arena_new(a, struct fetch_header, HEADERS_MAX);
	if (!h)
		return arena_err(a);
	size_t count = 0;
	h[count++] = (struct fetch_header){ STR("Content-Type"), STR("application/json") };
	h[count++] = (struct fetch_header){ STR("User-Agent"), USER_AGENT };
	bool home = is_home(p, root);
	if (home && p->token.len > 0)
		h[count++] = (struct fetch_header){ STR("Authorization"),
			arena_printf(a, "Bearer %.*s", STR_ARG(p->token)) };
	*ret = (struct delivery){
		.kind = DELIVERY_FETCH,
		.request = {
			.kind = FETCH_HTTP,
			.method = STR("POST"),
			.url = root,
			.headers = h,
			.header_count = count,
			.body = arena_str(a, buf_str(&body)),
			.username = home ? p->username : STR(""),
			.password = home ? p->password : STR(""),
			.ca_pem = p->ca_pem,
			.timeout = p->timeout,
			.answer_bytes_max = HTTP_ANSWER_BYTES,
		},
	};
	return arena_err(a);
}

static void ntfy_judge(struct arena *a, const struct notify_provider *p, struct str url,
    const struct fetch_result *r, struct judgement *ret)
{
	const struct json *root;
	judge_http(a, p, url, r, ret);
	if (ret->verdict != VERDICT_ACCEPTED)
		return;
	/* the server's id of the message; an answer without one comes from something else than ntfy
	 */
	if (json_read(a, r->answer, 16, &root, NULL) == OK &&
	    json_get_str(root, STR("id")).len > 0) {
		ret->reference = without_secrets(a, p, json_get_str(root, STR("id")));
		return;
	}
	ret->verdict = VERDICT_FINAL;
	ret->error = STR("answered 200, but not as an ntfy server does: is the address right?");
}

const struct driver driver_ntfy = {
	.type = PROVIDER_NTFY,
	.contact = CONTACT_NTFY,
	.build = ntfy_build,
	.judge = ntfy_judge,
};
