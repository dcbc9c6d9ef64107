/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of the UI, inside the binary: it must work in an incident without any network but the
 * one to this machine.
 *
 * tools/embed.py makes the table from the folder that the option `ui_dist` names (ui/dist after
 * `npm run build`), or from the placeholder page when it names none. Everything is constant, sorted
 * by path, and lives as long as the process; safe for any thread. `index.html` is always there.
 *
 * How to serve: below /ui/, find the path (no leading slash, "" is index.html); what is not found
 * gets index.html when the last part of its path has no dot (the UI routes by itself), else 404.
 * Send `gzip` with `Content-Encoding: gzip` and `Vary: Accept-Encoding` when the client takes it,
 * `plain` otherwise. `ETag: "<etag>"` and 304 on a match; `Cache-Control: public, max-age=31536000,
 * immutable` for immutable ones, else `no-cache`. The UI is written for WEB_CONTENT_SECURITY_POLICY
 * below.
 */
#pragma once
#include "base/str.h"

struct web_asset {
	struct str path;         /* "index.html", "assets/app-4F2A9C01.js" */
	struct str content_type; /* with charset where it is text */
	struct str plain;
	struct str gzip; /* empty when it would not be smaller */
	struct str etag; /* without quotes */
	bool immutable;  /* the name holds the hash of what is inside */
};

/* For every answer below /ui/. */
#define WEB_CONTENT_SECURITY_POLICY                                                         \
	"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; " \
	"object-src 'none'"

extern const struct web_asset web_assets[];
extern const size_t web_asset_count;

/* NULL when there is none of that path. */
const struct web_asset *web_asset_find(struct str path);
/* index.html */
const struct web_asset *web_asset_index(void);
