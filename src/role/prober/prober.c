/* SPDX-License-Identifier: Apache-2.0
 *
 * See prober.h. Samples that telemetry cannot take (it is away, or has no credit left) are dropped
 * and counted; the gap is what the rules' no_data is for.
 */
#include "role/prober/prober.h"
#include "collect/host.h"
#include <assert.h>
#include <stdio.h>

#define INTERVAL_DEFAULT SPAN_S(10)
#define SAMPLES_BYTES_MAX ((size_t)256 << 10)

struct prober {
	struct child *child;
	struct chan *telemetry;
	struct loop_timer collect;
	struct span interval;
	char host[256];
	struct host_state state;
	uint64_t collected, dropped, failed;
};

static void collect_fire(struct loop_timer *timer)
{
	struct prober *p = container_of(timer, struct prober, collect);
	loop_timer_after(child_loop(p->child), timer, p->interval);
	struct buf samples = buf_make(child_mem(p->child), SAMPLES_BYTES_MAX);
	struct host_sample_writer w = { .body = &samples, .host = str_c(p->host) };
	uint32_t failed = 0;
	host_collect(child_os(p->child), &p->state, &w, &failed);
	p->failed += failed;
	struct buf body = buf_make(child_mem(p->child), SAMPLES_BYTES_MAX + 64);
	put_i64(&body, wall_ms(loop_wall(child_loop(p->child))));
	put_u32(&body, w.count);
	buf_add(&body, buf_str(&samples));
	enum err e = samples.err != OK ? samples.err : body.err;
	if (e == OK)
		e = p->telemetry ? chan_send(p->telemetry, MSG_SAMPLES, 0, buf_str(&body))
		                 : ERR_GONE;
	if (e == OK)
		p->collected += w.count;
	else
		p->dropped += w.count;
	char text[160];
	snprintf(text, sizeof text, "collected=%llu dropped=%llu unreadable=%llu",
	    (unsigned long long)p->collected, (unsigned long long)p->dropped,
	    (unsigned long long)p->failed);
	child_verdict(p->child, e == OK, str_c(text));
	buf_free(&samples);
	buf_free(&body);
}

static void take_config(struct prober *p, const struct json *config)
{
	struct str host = json_get_str(config, STR("host"));
	if (host.len == 0 || host.len >= sizeof p->host)
		host = STR("localhost");
	snprintf(p->host, sizeof p->host, "%.*s", STR_ARG(host));
	const struct json *interval = json_get(config, STR("interval_ns"));
	p->interval = INTERVAL_DEFAULT;
	if (json_is(interval, JSON_NUMBER) && interval->number >= 1e8 && interval->number <= 1e12)
		p->interval.ns = (int64_t)interval->number;
}

static enum err prober_open(struct child *child, const struct json *config, void **ret_self)
{
	struct prober *p = mem_new(child_mem(child), 1, sizeof *p);
	if (!p)
		return ERR_NOMEM;
	p->child = child;
	p->collect.fire = collect_fire;
	take_config(p, config);
	loop_timer_after(child_loop(child), &p->collect, SPAN_MS(0));
	*ret_self = p;
	return OK;
}

static enum err prober_config(void *self, const struct json *config)
{
	take_config(self, config);
	return OK;
}

static void prober_peer(void *self, enum role peer, struct chan *chan)
{
	struct prober *p = self;
	if (peer != ROLE_TELEMETRY)
		return;
	p->telemetry = chan;
	if (chan) /* it just came (back): no gap longer than needed */
		loop_timer_after(child_loop(p->child), &p->collect, SPAN_MS(0));
}

static bool prober_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	(void)self, (void)peer, (void)chan, (void)type, (void)id, (void)body;
	return true; /* nothing is asked of the prober yet */
}

static void prober_stop(void *self)
{
	child_exit(((struct prober *)self)->child, 0);
}

const struct role_body role_prober = {
	.role = ROLE_PROBER,
	.open = prober_open,
	.config = prober_config,
	.peer = prober_peer,
	.message = prober_message,
	.stop = prober_stop,
};
