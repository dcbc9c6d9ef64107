/* SPDX-License-Identifier: Apache-2.0
 *
 * Times are multiples of the interval on the monotonic clock; a sample's timestamp is the wall
 * clock at its flush. See the header.
 */
#include "role/telemetry/keeper.h"
#include "base/surprise.h"
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define DURABLE_NS NS_PER_S
#define MAINTAIN_NS (5 * NS_PER_S)

struct own {
	const char *name, *label;
	char value_of_label[120];
	double value;
};

struct keeper {
	struct keeper_options options;
	struct own own[KEEPER_OWN_MAX]; /* gathered first, because who tells may ask the store */
	size_t own_count;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool ending;
	struct keeper_state state; /* under mutex */
	int64_t now_ms;            /* of the flush that is running */
};

/* Runs the clock's waiting: true when `ending`. */
static bool wait_until(struct keeper *k, struct mono due)
{
	struct timespec ts = { .tv_sec = due.ns / NS_PER_S, .tv_nsec = due.ns % NS_PER_S };
	pthread_mutex_lock(&k->mutex);
	int rc = 0;
	while (!k->ending && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&k->wake, &k->mutex, &ts);
	bool ending = k->ending;
	pthread_mutex_unlock(&k->mutex);
	return ending;
}

void keeper_put(
    struct keeper *k, const char *name, const char *label, const char *value_of_label, double value)
{
	if (surprise(k->own_count == KEEPER_OWN_MAX, "role/telemetry: too many series of its own"))
		return;
	struct own *o = &k->own[k->own_count++];
	o->name = name;
	o->label = label;
	snprintf(o->value_of_label, sizeof(o->value_of_label), "%s", value_of_label);
	o->value = value;
}

static void write_own(struct keeper *k)
{
	series_write_begin(k->options.store);
	for (size_t i = 0; i < k->own_count; i++) {
		const struct own *o = &k->own[i];
		struct series_label labels[2] = { { STR("__name__"), str_c(o->name) },
			{ str_c(o->label), str_c(o->value_of_label) } };
		struct series_ref ref;
		assert(o->label[0] == 0 || o->label[0] > '_'); /* sorted behind __name__ */
		if (series_ref(k->options.store, labels, o->label[0] ? 2 : 1, &ref) == OK)
			ignore_err(series_add(k->options.store, ref, k->now_ms, o->value),
			    "the store counts what it refuses");
	}
	series_write_end(k->options.store);
	k->own_count = 0;
}

static void flush(struct keeper *k, struct mono due)
{
	const struct os *os = k->options.os;
	struct mono start = os->mono(os);
	struct wall now = os->wall(os);
	k->now_ms = wall_ms(now);
	agg_flush(k->options.agg, k->options.store, k->now_ms);
	if (k->options.own_series) {
		k->options.own_series(k->options.ctx, k);
		write_own(k);
	}
	pthread_mutex_lock(&k->mutex);
	k->state.flushes++;
	k->state.flush_lag_ns = mono_sub(start, due).ns;
	k->state.flush_ns = mono_sub(os->mono(os), start).ns;
	k->state.flushed_at = now;
	pthread_mutex_unlock(&k->mutex);
}

static void make_durable(struct keeper *k)
{
	const struct os *os = k->options.os;
	struct wall now = os->wall(os);
	errno = 0;
	enum err e = series_flush(k->options.store);
	int why = e == OK ? 0 : errno ? errno : EIO;
	pthread_mutex_lock(&k->mutex);
	k->state.disk_errno = why;
	if (e == OK)
		k->state.durable_at = now;
	pthread_mutex_unlock(&k->mutex);
}

static void maintain(struct keeper *k)
{
	errno = 0;
	enum err e = series_maintain(k->options.store, k->options.os->wall(k->options.os), false);
	if (e == OK)
		return;
	pthread_mutex_lock(&k->mutex);
	k->state.disk_errno = errno ? errno : EIO;
	pthread_mutex_unlock(&k->mutex);
}

static struct span flush_interval(struct keeper *k)
{
	pthread_mutex_lock(&k->mutex);
	struct span d = k->options.flush;
	pthread_mutex_unlock(&k->mutex);
	return d;
}

static void *run(void *arg)
{
	struct keeper *k = arg;
	const struct os *os = k->options.os;
	struct mono now = os->mono(os);
	struct mono flush_due = mono_add(now, flush_interval(k)), durable_due = now,
	            maintain_due = now;
	for (bool ending = false; !ending;) {
		struct mono due = flush_due.ns < durable_due.ns ? flush_due : durable_due;
		ending = wait_until(k, due);
		now = os->mono(os);
		if (ending || now.ns >= flush_due.ns) {
			flush(k, ending ? now : flush_due);
			struct span every = flush_interval(k);
			flush_due = mono_add(flush_due, every);
			if (flush_due.ns <=
			    now.ns) /* late by a whole interval: not twice in a row */
				flush_due = mono_add(now, every);
		}
		if (ending || now.ns >= durable_due.ns) {
			make_durable(k);
			durable_due = mono_add(now, (struct span){ DURABLE_NS });
		}
		if (!ending && now.ns >= maintain_due.ns) {
			maintain(k);
			maintain_due = mono_add(os->mono(os), (struct span){ MAINTAIN_NS });
		}
	}
	return NULL;
}

enum err keeper_start(const struct keeper_options *options, struct keeper **ret)
{
	assert(options->flush.ns > 0);
	struct keeper *k = mem_new(options->mem, 1, sizeof(*k));
	if (!k)
		return ERR_NOMEM;
	k->options = *options;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&k->mutex, NULL);
	if (pthread_create(&k->thread, NULL, run, k) != 0) {
		mem_free(options->mem, k);
		return ERR_IO;
	}
	*ret = k;
	return OK;
}

void keeper_stop(struct keeper **keeper)
{
	struct keeper *k = *keeper;
	if (!k)
		return;
	pthread_mutex_lock(&k->mutex);
	k->ending = true;
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->mutex);
	pthread_join(k->thread, NULL);
	pthread_mutex_destroy(&k->mutex);
	pthread_cond_destroy(&k->wake);
	mem_free(k->options.mem, k);
	*keeper = NULL;
}

void keeper_set_flush(struct keeper *k, struct span flush)
{
	assert(flush.ns > 0);
	pthread_mutex_lock(&k->mutex);
	k->options.flush = flush;
	pthread_mutex_unlock(&k->mutex);
}

void keeper_state(struct keeper *k, struct keeper_state *ret)
{
	pthread_mutex_lock(&k->mutex);
	*ret = k->state;
	pthread_mutex_unlock(&k->mutex);
}
