/* SPDX-License-Identifier: Apache-2.0
 *
 * The signed links in a page: a token says which message it came with, what its holder may do and
 * until when, and proves that it was us who said so (HMAC-SHA256 under the installation's link
 * key). The notifier makes them, web checks them. A token is text of the base64url alphabet:
 *   base64url( MESSAGE "." a|r "." EXPIRY-SECONDS "." hex(HMAC-SHA256(key,
 * "MESSAGE.a|r.EXPIRY-SECONDS")) ) It is not a login: it acts on that one message's incident alone.
 */
#pragma once
#include "base/buf.h"
#include "base/time.h"
#include "model/incident.h"

#define LINK_KEY_BYTES 32
#define LINK_TOKEN_BYTES_MAX 256u /* of a token's text; ours have 135 */

struct link_key {
	unsigned char bytes[LINK_KEY_BYTES];
};
/* From the slice's hex; ERR_INPUT when it is not exactly so long or not hex. */
must_check enum err link_key_read(struct str hex, struct link_key *ret_key);

enum link_action { LINK_ACKNOWLEDGE, LINK_RESOLVE };
struct link_claim {
	struct id message;
	enum link_action action;
	struct wall expires; /* whole seconds */
};

/* Appends the token; claim->message is not empty. */
void link_make(struct buf *b, const struct link_key *key, const struct link_claim *claim);
/* ERR_INPUT: not a token. ERR_DENIED: not signed with this key. ERR_GONE: it was ours, but its time
 * is over at `now`. The comparison takes the same time wherever the signatures differ. */
must_check enum err link_check(
    struct str token, const struct link_key *key, struct wall now, struct link_claim *ret_claim);
