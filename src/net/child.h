/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of the parent's protocol: what every role is given and what it must do. A role
 * is a `struct role_body`; cmd/quisd starts it with child_main. Everything here is for the loop's
 * thread.
 *
 * Order of calls: open(config) -> listen() and peer() as they come, any time, again after the other
 * end was restarted (peer with the new channel; the old one was closed) -> message() ... -> stop().
 * The process is sandboxed before open() (so that threads made there are too): a role sees only the
 * paths of its profile in cmd/quisd/roles.c, which exist by then.
 */
#pragma once
#include "base/json.h"
#include "loop/loop.h"
#include "net/chan.h"
#include "os/linux/sandbox.h"
#include "wire/control.h"

struct child;

struct role_body {
	enum role role;
	/* config: the role's slice (ARCHITECTURE.md, "Slices"), valid until open returns; copy what
	 * stays. */
	enum err (*open)(struct child *child, const struct json *config, void **ret_self);
	/* A new configuration (SIGHUP). ERR_INPUT with text by child_refuse: the old one stays. May
	 * be NULL. */
	enum err (*config)(void *self, const struct json *config);
	/* A channel to this peer is up, or gone (NULL). */
	void (*peer)(void *self, enum role peer, struct chan *chan);
	/* As chan_handler.message: true gives the credit back at once. */
	bool (*message)(void *self, enum role peer, struct chan *chan, enum msg_type type,
	    uint64_t id, struct str body);
	void (*credit)(
	    void *self, enum role peer, struct chan *chan, enum credit_class cls); /* may be NULL */
	/* A listening (or datagram) socket: name is http, statsd ... The role owns fd. May be NULL.
	 */
	void (*listen)(void *self, struct str name, int fd);
	/* The table of roles changed (child_roles). May be NULL. */
	void (*roles)(void *self);
	/* Finish: write what must be written, then child_exit(child, 0), within 5 s. */
	void (*stop)(void *self);
};

struct loop *child_loop(struct child *child);
const struct mem *child_mem(struct child *child);
const struct os *child_os(struct child *child);
/* One line to stderr: "quisd: <role>: key=value ..." with a level; rate limited per call site by
 * the caller. The line must hold no secret. */
void child_log(struct child *child, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What this role thinks of itself, for /status and the other roles; sent when it changes and every
 * second. text: a short sentence. */
void child_verdict(struct child *child, bool ok, struct str text);
void child_exit(struct child *child, int code);

/* The parent's view of every role (wire/control.h); texts live until the next roles() call. */
const struct role_status *child_roles(const struct child *child); /* ROLE_COUNT entries */

/* Runs the role in this process until it ends; returns the exit code. fd 3 is the control socket.
 * The sandbox is entered before open(): paths that begin with '@' are below data_dir ("@/control").
 * `user` is taken first when the process is root and the account exists. */
int child_main(const struct role_body *body, const struct sandbox *sandbox);
