/* SPDX-License-Identifier: Apache-2.0
 *
 * Provider drivers: pure codecs. build turns a page into a request, judge turns what came back into
 * a verdict; net/fetch.h carries the one and brings the other. A driver keeps no state.
 *
 * Error texts are sentences for people and go into the timeline: they name host and cause and never
 * hold a password, secret, token, or more of a URL than its host.
 */
#pragma once
#include "notify/notice.h"
#include "notify/provider.h"

enum verdict {
	VERDICT_ACCEPTED,
	VERDICT_RETRY,   /* not taken now: try again, or another provider */
	VERDICT_FINAL,   /* not taken, and will not be: the address or the message is refused */
	VERDICT_UNKNOWN, /* it may have been taken */
};

struct judgement {
	enum verdict verdict;
	struct str error;     /* empty when accepted */
	struct str reference; /* what the far end calls it, or empty */
};

enum delivery_kind { DELIVERY_FETCH, DELIVERY_PRINT };
struct delivery {
	enum delivery_kind kind;
	struct fetch_request request; /* DELIVERY_FETCH */
	struct str text; /* DELIVERY_PRINT: to standard error, and that counts as accepted */
};

struct delivery_order {
	const struct notify_provider *provider;
	const struct page *page;
	const struct notice *notice;
	struct wall now;
};

struct driver {
	enum provider_type type;
	enum contact_type contact;
	/* All that *ret points to lives in the arena or in the order. ERR_INPUT with *ret_why: this
	 * page can never leave this way (its address is wrong). ERR_NOMEM / ERR_LIMIT. */
	enum err (*build)(struct arena *a, const struct delivery_order *order, struct delivery *ret,
	    struct str *ret_why);
	/* url: where the request went. NULL for what is printed. */
	void (*judge)(struct arena *a, const struct notify_provider *provider, struct str url,
	    const struct fetch_result *result, struct judgement *ret);
};
const struct driver *driver_find(enum provider_type type);

extern const struct driver driver_smtp, driver_webhook, driver_ntfy, driver_console;
