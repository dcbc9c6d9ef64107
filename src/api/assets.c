/* SPDX-License-Identifier: Apache-2.0
 *
 * The UI's files, out of the binary.
 */
#include "api/api_priv.h"
#include "web/assets.h"

#define HEADERS_UI "Content-Security-Policy: " WEB_CONTENT_SECURITY_POLICY "\r\n"

static bool has_dot(struct str path)
{
	for (size_t i = path.len; i > 0 && path.ptr[i - 1] != '/'; i--)
		if (path.ptr[i - 1] == '.')
			return true;
	return false;
}

static bool accepts_gzip(const struct http_head *head)
{
	struct str value = http_head_get(head, STR("Accept-Encoding"));
	for (struct str rest = value; rest.ptr && value.ptr;) {
		struct str item = str_trim(str_cut(&rest, ','));
		struct str name = str_trim(str_cut(&item, ';'));
		if (str_eq_nocase(name, STR("gzip")) &&
		    !(item.ptr && str_starts(str_trim(item), STR("q=0")) &&
		        str_trim(item).len <= 5))
			return true;
	}
	return false;
}

static void serve(struct call *call, const struct web_asset *asset)
{
	struct arena *a = call->req->arena;
	bool gzip = !str_empty(asset->gzip) && accepts_gzip(&call->req->head);
	struct str headers =
	    arena_printf(a, "%sETag: \"%.*s\"\r\nCache-Control: %s\r\nVary: Accept-Encoding\r\n%s",
	        HEADERS_UI, STR_ARG(asset->etag),
	        asset->immutable ? "public, max-age=31536000, immutable" : "no-cache",
	        gzip ? "Content-Encoding: gzip\r\n" : "");
	struct str match = http_head_get(&call->req->head, STR("If-None-Match"));
	if (match.ptr && str_find_str(match, asset->etag) < match.len)
		call_answer(call, 304, STR(""), headers, STR(""));
	else
		call_answer(
		    call, 200, asset->content_type, headers, gzip ? asset->gzip : asset->plain);
}

void asset_get(struct call *call)
{
	struct str path = call->param[0];
	if (!call->param[0].ptr || str_eq(call->req->head.path, STR("/favicon.ico")))
		path = STR("favicon.ico");
	const struct web_asset *asset = str_empty(path) ? web_asset_index() : web_asset_find(path);
	if (!asset && !has_dot(path))
		asset = web_asset_index(); /* the UI routes by itself */
	if (asset) {
		serve(call, asset);
		return;
	}
	call_error(call, 404, 2100, STR("Not Found"), STR("the UI has no such file"));
}

void root_get(struct call *call)
{
	call_answer(
	    call, 302, STR(""), STR("Location: /ui/\r\nCache-Control: no-cache\r\n"), STR(""));
}
