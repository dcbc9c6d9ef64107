/* SPDX-License-Identifier: Apache-2.0
 *
 * The body of the web role: everything that it serves is in room `api`; here it is tied to the
 * process.
 */
#include "role/web/web.h"
#include "api/api.h"
#include <assert.h>
#include <signal.h>
#include <sys/resource.h>

#define STOP_WAIT SPAN_S(4) /* of the five seconds that a role has */
#define STOP_LOOK SPAN_MS(50)

struct web {
	struct child *child;
	struct api *api;
	struct loop_timer stop;
	struct mono stop_at;
};

/* Ten thousand idle clients need as many descriptors. */
static void raise_descriptor_limit(void)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
		ignore_err(setrlimit(RLIMIT_NOFILE, &r), "then fewer clients fit");
	}
}

/* Finishes when the last answer has left, or when the time for that is over. */
static void stop_look(struct loop_timer *timer)
{
	struct web *w = container_of(timer, struct web, stop);
	struct loop *loop = child_loop(w->child);
	if (api_idle(w->api) || loop_now(loop).ns >= w->stop_at.ns) {
		api_close(&w->api);
		child_exit(w->child, 0);
		return;
	}
	loop_timer_after(loop, &w->stop, STOP_LOOK);
}

static enum err web_open(
    struct child *child, enum role self, const struct json *config, void **ret_self)
{
	const struct mem *mem = child_mem(child);
	struct web *w = mem_new(mem, 1, sizeof *w);
	if (!w)
		return ERR_NOMEM;
	w->child = child;
	w->stop.fire = stop_look;
	raise_descriptor_limit();
	signal(SIGPIPE, SIG_IGN); /* TLS writes with plain write */
	enum err e = api_open(child, self, config, &w->api);
	if (e != OK) {
		mem_free(mem, w);
		return e;
	}
	*ret_self = w;
	return OK;
}

static enum err open_first(struct child *child, const struct json *config, void **ret_self)
{
	return web_open(child, ROLE_WEB, config, ret_self);
}

static enum err open_second(struct child *child, const struct json *config, void **ret_self)
{
	return web_open(child, ROLE_WEB2, config, ret_self);
}

static enum err web_config(void *self, const struct json *config)
{
	struct web *w = self;
	return api_configure(w->api, config);
}

static void web_peer(void *self, enum role peer, struct chan *chan)
{
	struct web *w = self;
	if (w->api)
		api_peer(w->api, peer, chan);
}

static bool web_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct web *w = self;
	return w->api ? api_message(w->api, peer, chan, type, id, body) : true;
}

static void web_credit(void *self, enum role peer, struct chan *chan, enum credit_class cls)
{
	struct web *w = self;
	(void)chan;
	if (w->api)
		api_credit(w->api, peer, cls);
}

static void web_listen(void *self, struct str name, int fd)
{
	struct web *w = self;
	assert(w->api);
	(void)name; /* there is but one: http */
	api_listen(w->api, fd);
}

static void web_stop(void *self)
{
	struct web *w = self;
	struct loop *loop = child_loop(w->child);
	api_drain(w->api);
	w->stop_at = mono_add(loop_now(loop), STOP_WAIT);
	loop_timer_after(loop, &w->stop, SPAN_MS(0));
}

const struct role_body role_web = {
	.role = ROLE_WEB,
	.open = open_first,
	.config = web_config,
	.peer = web_peer,
	.message = web_message,
	.credit = web_credit,
	.listen = web_listen,
	.stop = web_stop,
};

const struct role_body role_web2 = {
	.role = ROLE_WEB2,
	.open = open_second,
	.config = web_config,
	.peer = web_peer,
	.message = web_message,
	.credit = web_credit,
	.listen = web_listen,
	.stop = web_stop,
};
