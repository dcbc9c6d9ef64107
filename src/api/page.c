/* SPDX-License-Identifier: Apache-2.0
 *
 * See page.h.
 */
#include "api/page.h"
#include "base/enc.h"
#include <sodium.h>

static const struct str style = STR_INIT(
    ":root{color-scheme:light "
    "dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d8dee4;--ok:#116329;--bad:#b3261e;--okbg:#"
    "dafbe1;--badbg:#ffe2e0}"
    "@media(prefers-color-scheme:dark){:root{--bg:#0f1318;--fg:#e6eaee;--soft:#9aa5b1;--line:#"
    "2c343d;--ok:#6fdd8b;--bad:#ff8a80;--okbg:#10291a;--badbg:#3a1513}}"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;padding:1rem;max-width:44rem;background:var(--bg);color:var(--fg);font:16px/1.5 "
    "system-ui,sans-serif}"
    "h1{font-size:1.4rem;margin:.2rem 0 1rem}ul{list-style:none;margin:0;padding:0}"
    "li{border-top:1px solid var(--line);padding:.6rem 0}li "
    "b{display:inline-block;min-width:3.2rem}"
    ".ok b,.good{color:var(--ok)}.bad "
    "b,.wrong{color:var(--bad)}.bad{background:var(--badbg);margin:0 -1rem;padding:.6rem 1rem}"
    ".sum{padding:.8rem 1rem;margin:0 -1rem "
    "1rem;font-weight:600}.good.sum{background:var(--okbg)}.wrong.sum{background:var(--badbg)}"
    "small{color:var(--soft);display:block;overflow-wrap:anywhere}p{margin:.6rem 0}"
    "button{font:inherit;font-weight:600;padding:.8rem "
    "1.6rem;width:100%;border:0;border-radius:.5rem;background:#0b5cad;color:#fff}");

struct str page_headers(struct arena *a)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct buf b = buf_make(&mem_system, 128);
	crypto_hash_sha256(hash, (const unsigned char *)style.ptr, style.len);
	enc_base64(&b, str_make((const char *)hash, sizeof hash));
	struct str out = arena_printf(a,
	    "Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; style-src "
	    "'sha256-%.*s'; form-action 'self'; "
	    "base-uri 'none'; frame-ancestors 'none'\r\n",
	    STR_ARG(buf_str(&b)));
	buf_free(&b);
	return out.ptr ? out : STR("");
}

void page_open_html(struct buf *b, struct str title)
{
	buf_add(b, STR("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
	               "name=\"viewport\" "
	               "content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" "
	               "content=\"noindex\"><title>"));
	enc_html(b, title);
	buf_add(b, STR("</title><style>"));
	buf_add(b, style);
	buf_add(b, STR("</style></head><body>\n<h1>"));
	enc_html(b, title);
	buf_add(b, STR("</h1>\n"));
}

void page_close_html(struct buf *b)
{
	buf_add(b, STR("</body></html>\n"));
}
