/* SPDX-License-Identifier: Apache-2.0
 *
 * See runner.h.
 */
#include "role/runner/runner.h"

struct runner {
	struct child *child;
};

static enum err runner_open(struct child *child, const struct json *config, void **ret_self)
{
	(void)config;
	struct runner *r = mem_new(child_mem(child), 1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	r->child = child;
	child_verdict(child, true, STR("nothing configured to run"));
	*ret_self = r;
	return OK;
}

static void runner_peer(void *self, enum role peer, struct chan *chan)
{
	(void)self, (void)peer, (void)chan;
}

static bool runner_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	(void)self, (void)peer, (void)chan, (void)type, (void)id, (void)body;
	return true;
}

static void runner_stop(void *self)
{
	child_exit(((struct runner *)self)->child, 0);
}

const struct role_body role_runner = {
	.role = ROLE_RUNNER,
	.open = runner_open,
	.peer = runner_peer,
	.message = runner_message,
	.stop = runner_stop,
};
