/* SPDX-License-Identifier: Apache-2.0
 *
 * A provider: the account over which pages leave. It comes as an object of the notifier's slice:
 *
 *   name        text, needed
 *   type        smtp | webhook | ntfy | console, needed
 *   url         smtp: smtp://HOST[:PORT] or smtps://HOST[:PORT], needed
 *               ntfy: the server that a contact's bare topic belongs to
 *               webhook: where to send when the contact has no address
 *   from        smtp: the sender's address, or "Name <address>", needed
 *   username    smtp, ntfy; with password, both or none
 *   password
 *   token       webhook, ntfy: sent as "Authorization: Bearer"
 *   secret      webhook: key of the signature
 *   tls         smtp: for smtp://, required | if_offered | off; default: required with a
 *               password, if_offered without
 *   ca          PEM text of the certificates to believe instead of the system's
 *   timeout_ns  of one attempt, 1 s .. 5 min, default 30 s
 *   concurrency attempts at once, 1 .. 64, default 8
 *
 * A token or password of webhook and ntfy goes to the server in `url` alone, which is needed
 * then: a contact's own address elsewhere never gets to see it.
 */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "model/resource.h"
#include "net/fetch.h"

enum provider_type {
	PROVIDER_SMTP,
	PROVIDER_WEBHOOK,
	PROVIDER_NTFY,
	PROVIDER_CONSOLE,
	PROVIDER_TYPE_COUNT
};
extern const struct str provider_type_name[PROVIDER_TYPE_COUNT];

struct notify_provider {
	struct str name;
	enum provider_type type;
	struct str url;
	struct str from_name, from; /* smtp: display name (may be empty) and bare address */
	struct str username, password, token, secret;
	enum fetch_tls tls;
	struct str ca_pem;
	struct span timeout;
	uint32_t concurrency;
};

/* Reads one; all texts are copied into the arena. ERR_INPUT with *ret_why: a sentence that names
 * the provider and the field and holds no secret. ERR_NOMEM / ERR_LIMIT from the arena. */
must_check enum err provider_read(
    struct arena *a, const struct json *object, struct notify_provider *ret, struct str *ret_why);
/* A bare mail address that we are ready to put into a header and an envelope: ASCII without blanks,
 * quotes, brackets, one @ with something on both sides, at most 254 characters. */
bool address_is_mail(struct str s);
/* An http:// or https:// URL of printable ASCII without blanks and quotes, at most 2,000
 * characters, without a username or password in it. */
bool address_is_web(struct str s);
