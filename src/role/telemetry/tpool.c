/* SPDX-License-Identifier: Apache-2.0 */
/* Two lists under one mutex: waiting and finished jobs; see the header. */
#include "role/telemetry/tpool.h"
#include <assert.h>
#include <pthread.h>

#define THREADS_MAX 8u

struct list {
	struct tpool_job *first, *last;
	size_t count;
};

struct thread {
	struct tpool *pool;
	struct tpool_worker worker;
	pthread_t id;
};

struct tpool {
	struct tpool_options options;
	pthread_mutex_t mutex;
	pthread_cond_t something;
	struct list waiting, finished;
	bool ending;
	struct loop_wake wake;
	struct thread threads[THREADS_MAX];
	unsigned started;
};

static void push(struct list *l, struct tpool_job *job)
{
	job->next = NULL;
	if (l->last)
		l->last->next = job;
	else
		l->first = job;
	l->last = job;
	l->count++;
}

static struct tpool_job *pop(struct list *l)
{
	struct tpool_job *job = l->first;
	if (job) {
		l->first = job->next;
		l->last = l->first ? l->last : NULL;
		l->count--;
	}
	return job;
}

static void *run(void *arg)
{
	struct thread *t = arg;
	struct tpool *p = t->pool;
	pthread_mutex_lock(&p->mutex);
	for (;;) {
		struct tpool_job *job = p->ending ? NULL : pop(&p->waiting);
		if (!job && p->ending)
			break;
		if (!job) {
			pthread_cond_wait(&p->something, &p->mutex);
			continue;
		}
		pthread_mutex_unlock(&p->mutex);
		arena_reset(t->worker.arena);
		job->run(job, &t->worker);
		pthread_mutex_lock(&p->mutex);
		push(&p->finished, job);
		loop_wake_up(&p->wake);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static void hand_back(struct loop_wake *wake)
{
	struct tpool *p = container_of(wake, struct tpool, wake);
	for (;;) {
		pthread_mutex_lock(&p->mutex);
		struct tpool_job *job = pop(&p->finished);
		pthread_mutex_unlock(&p->mutex);
		if (!job)
			return;
		job->done(job);
	}
}

static enum err start_thread(struct tpool *p)
{
	struct thread *t = &p->threads[p->started];
	t->pool = p;
	enum err e = tsource_open(&t->worker.source, p->options.store);
	if (e == OK)
		e = arena_open(p->options.mem, p->options.arena_bytes, &t->worker.arena);
	if (e == OK && pthread_create(&t->id, NULL, run, t) != 0)
		e = ERR_IO;
	if (e != OK) {
		tsource_close(&t->worker.source);
		arena_close(&t->worker.arena);
		return e;
	}
	p->started++;
	return OK;
}

enum err tpool_open(const struct tpool_options *options, struct tpool **ret)
{
	assert(options->threads > 0 && options->threads <= THREADS_MAX && options->queue_max > 0);
	struct tpool *p = mem_new(options->mem, 1, sizeof(*p));
	if (!p)
		return ERR_NOMEM;
	p->options = *options;
	pthread_mutex_init(&p->mutex, NULL);
	pthread_cond_init(&p->something, NULL);
	p->wake.woken = hand_back;
	enum err e = loop_wake_open(options->loop, &p->wake);
	if (e != OK) {
		mem_free(options->mem, p);
		return e;
	}
	while (e == OK && p->started < options->threads)
		e = start_thread(p);
	if (e != OK)
		tpool_close(&p);
	else
		*ret = p;
	return e;
}

void tpool_close(struct tpool **pool)
{
	struct tpool *p = *pool;
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->ending = true;
	pthread_cond_broadcast(&p->something);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->started; i++) {
		struct thread *t = &p->threads[i];
		pthread_join(t->id, NULL);
		if (t->worker.extra && p->options.free_extra)
			p->options.free_extra(p->options.mem, t->worker.extra);
		tsource_close(&t->worker.source);
		arena_close(&t->worker.arena);
	}
	hand_back(&p->wake);
	loop_wake_close(p->options.loop, &p->wake);
	pthread_mutex_destroy(&p->mutex);
	pthread_cond_destroy(&p->something);
	mem_free(p->options.mem, p);
	*pool = NULL;
}

enum err tpool_add(struct tpool *p, struct tpool_job *job)
{
	assert(job->run && job->done);
	pthread_mutex_lock(&p->mutex);
	bool fits = p->waiting.count < p->options.queue_max;
	if (fits) {
		push(&p->waiting, job);
		pthread_cond_signal(&p->something);
	}
	pthread_mutex_unlock(&p->mutex);
	return fits ? OK : ERR_LIMIT;
}

size_t tpool_waiting(struct tpool *p)
{
	pthread_mutex_lock(&p->mutex);
	size_t n = p->waiting.count;
	pthread_mutex_unlock(&p->mutex);
	return n;
}
