/* SPDX-License-Identifier: Apache-2.0
 *
 * What a page says, before it takes the form of one provider: the facts, the links, the words. Made
 * from a struct page alone, so the same page gives the same notice, byte for byte, on every
 * attempt.
 *
 * All texts are valid UTF-8 without control characters (a detail's value may hold line ends), so a
 * driver's only duty is the escaping of its own format. The keys with which a source signs in are
 * left out.
 */
#pragma once
#include "base/arena.h"
#include "wire/link.h"
#include "wire/page.h"

struct notice_fact {
	struct str name, value;
};
struct notice_link {
	struct str text, url; /* url is http or https */
};

struct notice {
	struct str state;     /* TRIGGERED, ACKNOWLEDGED, RESOLVED, TEST */
	struct str title;     /* what it is about */
	struct str subject;   /* one line that says it all: state, number, service, title, possible
	                         duplicate */
	struct str duplicate; /* a sentence when an earlier attempt may have arrived, else empty */
	struct str footer;    /* to whom, over what, which attempt */
	const struct notice_fact *facts; /* service, severity, status, since ... */
	size_t fact_count;
	const struct notice_fact *details; /* what the source sent, flattened: a.b[0].c */
	size_t detail_count;
	size_t details_left_out;
	const struct notice_link *links; /* what the source linked to */
	size_t link_count;
	struct str incident_url, graph_url, acknowledge_url,
	    resolve_url; /* empty when there is none */
};

/* link_key NULL: no acknowledge and resolve links. ERR_NOMEM / ERR_LIMIT from the arena. */
must_check enum err notice_make(
    struct arena *a, const struct page *page, const struct link_key *link_key, struct notice *ret);
/* As plain text (lines end in \n) and as an HTML document. The buffer's sticky error is the result.
 */
void notice_text(struct buf *b, const struct notice *n);
void notice_html(struct buf *b, const struct notice *n);
/* "2026-01-05 09:00:00 UTC" */
void notice_time(struct buf *b, struct wall t);
