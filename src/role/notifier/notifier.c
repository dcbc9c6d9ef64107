/* SPDX-License-Identifier: Apache-2.0 */
#include "role/notifier/notifier_priv.h"
#include "base/codec.h"
#include <assert.h>
#include <stdio.h>

#define METRICS_INTERVAL SPAN_S(10)
#define STOP_WAIT SPAN_S(3)
#define WAITING_TOO_LONG SPAN_S(60)
#define METRICS_BYTES_MAX (512u * 1024)
#define FETCH_CALLS 512
#define FETCH_CONNECTIONS_HOST 64

static void say_verdict(struct notifier *n)
{
	const struct job *oldest = n->first;
	while (oldest && oldest->state != JOB_WAITING)
		oldest = oldest->next;
	bool late =
	    oldest && mono_sub(loop_now(n->loop), oldest->taken_at).ns > WAITING_TOO_LONG.ns;
	char text[160];
	snprintf(text, sizeof(text),
	    "%s%zu providers, %zu waiting, %zu sending, %zu receipts unconfirmed",
	    late ? "a page waits for more than a minute; " : "", n->setup->provider_count,
	    n->counts[JOB_WAITING], n->counts[JOB_SENDING], n->counts[JOB_SETTLED]);
	child_verdict(n->child, !late && n->setup->provider_count > 0, str_c(text));
}

static void metrics_fire(struct loop_timer *timer)
{
	struct notifier *n = container_of(timer, struct notifier, metrics);
	loop_timer_after(n->loop, timer, METRICS_INTERVAL);
	say_verdict(n);
	if (!n->telemetry)
		return;
	struct tally_gauges gauges = { n->counts[JOB_WAITING], n->counts[JOB_SENDING],
		n->counts[JOB_SETTLED] };
	own(buf_free) struct buf b = buf_make(n->mem, METRICS_BYTES_MAX);
	tally_write(&b, &n->tallies, &gauges, wall_ms(loop_wall(n->loop)));
	if (b.err != OK || chan_send(n->telemetry, MSG_METRICS, 0, buf_str(&b)) != OK)
		n->dropped++;
}

static void finish(struct notifier *n)
{
	struct child *child = n->child;
	jobs_abort(n);
	child_exit(child, 0);
}

static void turn_end(struct loop_hook *hook)
{
	struct notifier *n = container_of(hook, struct notifier, hook);
	if (n->due)
		jobs_dispatch(n);
	if (n->stopping && n->counts[JOB_SENDING] == 0 && loop_timer_is_set(&n->stop_limit)) {
		loop_timer_clear(n->loop, &n->stop_limit);
		finish(n);
	}
}

static void stop_limit_fire(struct loop_timer *timer)
{
	finish(container_of(timer, struct notifier, stop_limit));
}

static enum err take_config(struct notifier *n, const struct json *config)
{
	own(buf_free) struct buf why = buf_make(n->mem, 1024);
	struct setup *next = NULL;
	enum err e = setup_read(n->mem, config, &why, &next);
	if (e != OK) {
		child_log(n->child, "error", "event=config_refused why=\"%.*s\"",
		    STR_ARG(why.len > 0 ? buf_str(&why) : str_c(err_text(e))));
		return e;
	}
	setup_release(&n->setup);
	n->setup = next;
	n->due = true;
	return OK;
}

void notifier_free(struct notifier *n)
{
	loop_timer_clear(n->loop, &n->metrics);
	loop_timer_clear(n->loop, &n->stop_limit);
	jobs_free_all(n);
	fetch_close(&n->fetch);
	setup_release(&n->setup);
	map_close(&n->jobs);
	map_close(&n->under_way);
	mem_free(n->mem, n);
}

static enum err notifier_open(struct child *child, const struct json *config, void **ret_self)
{
	const struct mem *mem = child_mem(child);
	const struct os *os = child_os(child);
	uint64_t seed = 0;
	struct notifier *n = mem_new(mem, 1, sizeof(*n));
	if (!n)
		return ERR_NOMEM;
	n->child = child;
	n->mem = mem;
	n->loop = child_loop(child);
	n->hook.run = turn_end;
	n->metrics.fire = metrics_fire;
	n->stop_limit.fire = stop_limit_fire;
	enum err e = os->random(os, &seed, sizeof(seed)) == 0 ? OK : ERR_IO;
	if (e == OK)
		e = map_open(mem, seed, JOBS_MAX + 1, &n->jobs);
	if (e == OK)
		e = map_open(mem, seed, JOBS_MAX + 1, &n->under_way);
	struct fetch_limits limits = { .calls = FETCH_CALLS,
		.connections_host = FETCH_CONNECTIONS_HOST };
	if (e == OK)
		e = fetch_open(mem, n->loop, limits, &n->fetch);
	if (e == OK)
		e = take_config(n, config);
	if (e != OK) {
		notifier_free(n);
		return e;
	}
	loop_hook_add(n->loop, &n->hook);
	loop_timer_after(n->loop, &n->metrics, SPAN_S(1));
	say_verdict(n);
	*ret_self = n;
	return OK;
}

static enum err notifier_config(void *self, const struct json *config)
{
	enum err e = take_config(self, config);
	say_verdict(self);
	return e;
}

static void notifier_peer_changed(void *self, enum role peer, struct chan *chan)
{
	struct notifier *n = self;
	if (peer == ROLE_TELEMETRY)
		n->telemetry = chan;
	if (peer != ROLE_ENGINE && peer != ROLE_AUDITOR)
		return;
	struct peer_end *end = notifier_peer(n, peer);
	end->chan = NULL;
	jobs_peer_gone(n, peer);
	end->chan = chan;
	if (!chan)
		return;
	end->generation++;
	if (peer == ROLE_ENGINE) {
		own(buf_free) struct buf b = buf_make(n->mem, 1u << 20);
		jobs_write_holding(n, &b);
		if (b.err != OK || chan_send(chan, MSG_HOLDING, 0, buf_str(&b)) != OK)
			child_log(n->child, "error", "event=holding_not_sent");
	}
	jobs_flush_receipts(n, peer);
}

static bool notifier_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	(void)chan, (void)id;
	struct notifier *n = self;
	struct rd r = rd_make(body);
	if (peer != ROLE_ENGINE && peer != ROLE_AUDITOR)
		return true;
	if (type == MSG_SEND)
		return jobs_take(n, peer, body);
	struct str message = rd_str(&r, sizeof(struct id));
	if (type == MSG_CANCEL) {
		if (rd_done(&r) == OK)
			jobs_cancel(n, message);
	} else if (type == MSG_RECEIPT_CONFIRM) {
		uint32_t attempt = rd_u32(&r);
		uint8_t state = rd_u8(&r);
		if (rd_done(&r) == OK && state <= RECEIPT_UNKNOWN)
			jobs_confirm(n, message, attempt, (enum receipt_state)state);
	}
	return true;
}

static void notifier_credit(void *self, enum role peer, struct chan *chan, enum credit_class cls)
{
	(void)chan;
	if (cls == CREDIT_STATE && (peer == ROLE_ENGINE || peer == ROLE_AUDITOR))
		jobs_flush_receipts(self, peer);
}

static void notifier_stop(void *self)
{
	struct notifier *n = self;
	n->stopping = true;
	loop_timer_after(n->loop, &n->stop_limit, STOP_WAIT);
}

const struct role_body role_notifier = {
	.role = ROLE_NOTIFIER,
	.open = notifier_open,
	.config = notifier_config,
	.peer = notifier_peer_changed,
	.message = notifier_message,
	.credit = notifier_credit,
	.stop = notifier_stop,
};
