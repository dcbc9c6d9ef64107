/* SPDX-License-Identifier: Apache-2.0
 *
 * What the web role serves: events in, the PagerDuty-shaped REST API, Quis' own API, links in
 * pages, the status page, the UI, and the relay to telemetry. It owns the HTTP server, two reader
 * threads on the control store and one for password hashing; it decides nothing and writes nothing
 * itself: inputs go to the engine, and an answer waits until the engine has said what became of
 * them.
 *
 * For the loop's thread. `net/child.h` says when each function is called.
 */
#pragma once
#include "base/json.h"
#include "net/child.h"

struct api;

/* config: web's slice. */
must_check enum err api_open(
    struct child *child, enum role self, const struct json *config, struct api **ret_api);
void api_close(struct api **api);
/* A new configuration; ERR_INPUT leaves the old one in force. */
must_check enum err api_configure(struct api *api, const struct json *config);
/* Takes fd. */
void api_listen(struct api *api, int fd);
void api_peer(struct api *api, enum role peer, struct chan *chan);
bool api_message(struct api *api, enum role peer, struct chan *chan, enum msg_type type,
    uint64_t id, struct str body);
void api_credit(struct api *api, enum role peer, enum credit_class cls);
/* Takes no new connection and finishes what is in hand; api_idle says when that is done. */
void api_drain(struct api *api);
bool api_idle(const struct api *api);
