/* SPDX-License-Identifier: Apache-2.0
 *
 * The UI's files: out of the binary, or out of the folder `ui_dir` for those who work on the UI.
 */
#include "api/api_priv.h"
#include "web/assets.h"

#define FILE_MAX ((size_t)8 << 20)

static const struct {
	struct str suffix, type;
} types[] = {
	{ STR_INIT(".html"), STR_INIT("text/html; charset=utf-8") },
	{ STR_INIT(".js"), STR_INIT("text/javascript; charset=utf-8") },
	{ STR_INIT(".css"), STR_INIT("text/css; charset=utf-8") },
	{ STR_INIT(".svg"), STR_INIT("image/svg+xml") },
	{ STR_INIT(".png"), STR_INIT("image/png") },
	{ STR_INIT(".ico"), STR_INIT("image/x-icon") },
	{ STR_INIT(".json"), STR_INIT("application/json") },
	{ STR_INIT(".map"), STR_INIT("application/json") },
	{ STR_INIT(".txt"), STR_INIT("text/plain; charset=utf-8") },
	{ STR_INIT(".webmanifest"), STR_INIT("application/manifest+json") },
	{ STR_INIT(".woff2"), STR_INIT("font/woff2") },
};

#define HEADERS_UI "Content-Security-Policy: " WEB_CONTENT_SECURITY_POLICY "\r\n"

static bool has_dot(struct str path)
{
	for (size_t i = path.len; i > 0 && path.ptr[i - 1] != '/'; i--)
		if (path.ptr[i - 1] == '.')
			return true;
	return false;
}

/* A part of a path that could lead out of the folder, or is hidden. */
static bool path_safe(struct str path)
{
	for (struct str rest = path; rest.ptr;) {
		struct str part = str_cut(&rest, '/');
		if (part.len > 0 && part.ptr[0] == '.')
			return false;
	}
	return path.len < 512;
}

static bool from_folder(struct call *call, struct str path)
{
	struct api *api = call->api;
	struct arena *a = call->req->arena;
	if (!path_safe(path))
		return false;
	struct str name = arena_printf(a, "%.*s/%.*s", STR_ARG(api->ui_dir),
	    STR_ARG(str_empty(path) ? STR("index.html") : path));
	struct buf b = buf_make(api->mem, FILE_MAX);
	enum err e = name.ptr ? os_read_file(api->os, name.ptr, FILE_MAX, &b) : ERR_NOMEM;
	if (e == OK) {
		struct str type = STR("application/octet-stream");
		for (size_t i = 0; i < ARRAY_COUNT(types); i++)
			if (str_ends(name, types[i].suffix))
				type = types[i].type;
		call_answer(
		    call, 200, type, STR(HEADERS_UI "Cache-Control: no-cache\r\n"), buf_str(&b));
	}
	buf_free(&b);
	return e == OK;
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
	if (!str_empty(call->api->ui_dir)) {
		if (from_folder(call, path) ||
		    (!has_dot(path) && from_folder(call, STR("index.html"))))
			return;
	} else {
		const struct web_asset *asset =
		    str_empty(path) ? web_asset_index() : web_asset_find(path);
		if (!asset && !has_dot(path))
			asset = web_asset_index(); /* the UI routes by itself */
		if (asset) {
			serve(call, asset);
			return;
		}
	}
	call_error(call, 404, 2100, STR("Not Found"), STR("the UI has no such file"));
}

void root_get(struct call *call)
{
	call_answer(
	    call, 302, STR(""), STR("Location: /ui/\r\nCache-Control: no-cache\r\n"), STR(""));
}
