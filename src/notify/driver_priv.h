/* SPDX-License-Identifier: Apache-2.0
 *
 * What the drivers share.
 */
#pragma once
#include "notify/driver.h"

#define HTTP_ANSWER_BYTES 4096u
#define USER_AGENT STR("Quis (paging)")

/* host:port of a URL, for error texts. */
struct str url_host(struct str url);
/* True when url is on the provider's own server (same scheme, host and port): only there its token
 * or password may go. */
bool is_home(const struct notify_provider *p, struct str url);
/* The verdict on an HTTP exchange; reference stays empty. */
void judge_http(struct arena *a, const struct notify_provider *p, struct str url,
    const struct fetch_result *r, struct judgement *ret);
/* A copy of text, cut, on one line, with the provider's secrets replaced by ***. */
struct str without_secrets(struct arena *a, const struct notify_provider *p, struct str text);
/* The error of an exchange that brought no answer (not FETCH_ANSWERED), without a verdict. */
struct str no_answer_text(struct arena *a, const struct notify_provider *p, struct str host,
    const struct fetch_result *r);
