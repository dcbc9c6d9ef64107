/* SPDX-License-Identifier: Apache-2.0
 *
 * A few threads that run jobs away from the loop: queries, writes, rule groups, each kind with a
 * pool of its own, so that none starves the other. A job is embedded in what it is for, is run once
 * by one thread, and is then handed back on the loop's thread.
 */
#pragma once
#include "loop/loop.h"
#include "role/telemetry/tsource.h"

struct tpool;

/* A thread's own things. */
struct tpool_worker {
	struct tsource source;
	struct arena *arena; /* empty at the start of each job */
	void *extra;         /* whatever the job's kind keeps from one to the next; freed by
	                        tpool_options.free_extra */
};

struct tpool_job {
	void (*run)(struct tpool_job *job, struct tpool_worker *worker); /* on the thread */
	void (*done)(struct tpool_job *job);                             /* on the loop */
	struct tpool_job *next;                                          /* the pool's */
};

struct tpool_options {
	const struct mem *mem;
	struct loop *loop;
	struct series_store *store;
	unsigned threads;
	size_t queue_max;
	size_t arena_bytes;
	void (*free_extra)(const struct mem *mem, void *extra);
};
must_check enum err tpool_open(const struct tpool_options *options, struct tpool **ret);
/* Finishes the running jobs, drops the waiting ones (neither run nor done is called for those). */
void tpool_close(struct tpool **pool);
/* ERR_LIMIT: the queue is full. */
must_check enum err tpool_add(struct tpool *pool, struct tpool_job *job);
size_t tpool_waiting(struct tpool *pool);
