/* SPDX-License-Identifier: Apache-2.0
 *
 * Worker threads: jobs go in on the loop's thread, run on a worker, and are finished on the loop's
 * thread. The pool is bounded, so a slow store makes 503s and not memory. Also here: the directory
 * compiled from the store's resources, once a version, shared by reference count.
 */
#include "api/api_priv.h"
#include "base/surprise.h"
#include "oncall/zone.h"
#include <assert.h>
#include <signal.h>
#include <time.h>

/* ---- the directory ---- */

struct snapshot *snapshot_take(struct api *api)
{
	pthread_mutex_lock(&api->snapshot_lock);
	struct snapshot *s = api->snapshot;
	if (s)
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&api->snapshot_lock);
	return s;
}

void snapshot_give(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	uint32_t left = __atomic_sub_fetch(&snapshot->refs, 1, __ATOMIC_ACQ_REL);
	if (left == 0)
		arena_close(
		    &(struct arena *){ snapshot->arena }); /* it holds the snapshot itself */
}

struct zones {
	const struct os *os;
	struct arena *arena;
	struct zone_entry {
		struct str name;
		const struct zone *zone;
		struct zone_entry *next;
	} * first;
};

static const struct zone *zone_find(void *context, struct str name)
{
	struct zones *z = context;
	for (struct zone_entry *e = z->first; e; e = e->next)
		if (str_eq(e->name, name))
			return e->zone;
	if (!zone_name_valid(name))
		return NULL;
	const struct zone *zone = NULL;
	struct str path = arena_printf(z->arena, "/usr/share/zoneinfo/%.*s", STR_ARG(name));
	struct buf bytes = buf_make(&mem_system, 1u << 20);
	struct zone_entry *entry = arena_new(z->arena, struct zone_entry, 1);
	if (path.ptr && entry && os_read_file(z->os, path.ptr, 1u << 20, &bytes) == OK) {
		struct str kept = arena_str(z->arena, buf_str(&bytes));
		if (kept.ptr && zone_read(z->arena, kept, &zone) != OK)
			zone = NULL;
	}
	buf_free(&bytes);
	if (entry) {
		*entry = (struct zone_entry){ arena_str(z->arena, name), zone, z->first };
		z->first = entry;
	}
	return zone;
}

static enum err installation_read(struct arena *a, struct str json, struct conf_installation *ret)
{
	const struct json *root;
	enum err e = json_read(a, json, JSON_DEPTH_MAX, &root, NULL);
	if (e != OK)
		return e;
	const struct json *providers = json_get(root, STR("providers")),
	                  *fallback = json_get(root, STR("fallback"));
	size_t np = json_is(providers, JSON_ARRAY) ? providers->count : 0,
	       nf = json_is(fallback, JSON_ARRAY) ? fallback->count : 0;
	struct provider *p = arena_new(a, struct provider, np);
	struct contact *c = arena_new(a, struct contact, nf);
	if (!p || !c)
		return arena_err(a);
	size_t i = 0;
	for (const struct json *j = np ? providers->child : NULL; j; j = j->next, i++) {
		p[i].name = json_get_str(j, STR("name"));
		for (unsigned t = 0; t < CONTACT_TYPE_COUNT; t++)
			if (str_eq(contact_type_name[t], json_get_str(j, STR("type"))) ||
			    (t == CONTACT_EMAIL &&
			        str_eq(json_get_str(j, STR("type")), STR("smtp"))))
				p[i].type = (enum contact_type)t;
	}
	i = 0;
	for (const struct json *j = nf ? fallback->child : NULL; j; j = j->next, i++) {
		c[i].name = json_get_str(j, STR("name"));
		c[i].address = json_get_str(j, STR("address"));
		c[i].provider = STR("");
		for (unsigned t = 0; t < CONTACT_TYPE_COUNT; t++)
			if (str_eq(contact_type_name[t], json_get_str(j, STR("type"))))
				c[i].type = (enum contact_type)t;
	}
	*ret = (struct conf_installation){ p, np, c, nf, json_get_str(root, STR("base_url")) };
	return OK;
}

enum err directory_compile(struct api *api, struct control_reader *r, struct arena *a,
    const struct conf_document *list, size_t count, uint64_t version, const struct directory **ret,
    struct conf_faults *faults)
{
	struct str installation_json = STR("{}");
	struct conf_installation installation;
	struct zones zones = { .os = api->os, .arena = a };
	enum err e = control_installation(r, a, &installation_json);
	if (e != OK && e != ERR_GONE)
		return e;
	e = installation_read(a, installation_json, &installation);
	if (e != OK)
		return e == ERR_INPUT ? ERR_IO : e;
	return conf_compile(a, list, count, &installation, version, zone_find, &zones, ret, faults);
}

static enum err compile(struct api *api, struct control_reader *r, struct arena *a,
    uint64_t version, const struct directory **ret)
{
	struct control_resource *rows;
	size_t count, n = 0;
	enum err e = control_resources(r, STR(""), a, &rows, &count);
	if (e != OK)
		return e;
	struct conf_document *list = arena_new(a, struct conf_document, count);
	if (!list)
		return arena_err(a);
	for (size_t i = 0; i < count; i++)
		if (!str_eq(rows[i].kind, STR("Installation"))) /* the engine's own row */
			list[n++] = (struct conf_document){
				.kind = rows[i].kind, .name = rows[i].name, .body = rows[i].body
			};
	struct conf_faults faults = conf_faults_make(a);
	e = directory_compile(api, r, a, list, n, version, ret, &faults);
	/* The engine accepted these resources: what it compiled must compile here. */
	if (surprise(e == ERR_INPUT, "api/directory-does-not-compile"))
		e = ERR_IO;
	return e;
}

/* Called with the lock held, so that one worker compiles and the other waits for it. */
static enum err snapshot_renew(struct api *api, struct control_reader *r, uint64_t version)
{
	struct arena *a = NULL;
	enum err e = arena_open(api->mem, (size_t)512 << 20, &a);
	if (e != OK)
		return e;
	struct snapshot *s = arena_new(a, struct snapshot, 1);
	e = s ? compile(api, r, a, version, &s->dir) : arena_err(a);
	if (e != OK) {
		arena_close(&a);
		return e;
	}
	s->refs = 1;
	s->version = version;
	s->arena = a;
	snapshot_give(api->snapshot);
	api->snapshot = s;
	return OK;
}

enum err job_directory(struct job *job, struct worker *worker, const struct directory **ret_dir)
{
	struct api *api = job->api;
	struct control_reader *r;
	uint64_t version;
	if (job->snap) {
		*ret_dir = job->snap->dir;
		return OK;
	}
	enum err e = worker_reader(worker, &r);
	if (e == OK)
		e = control_resources_version(r, &version);
	if (e != OK)
		return e;
	pthread_mutex_lock(&api->snapshot_lock);
	if (!api->snapshot || api->snapshot->version != version)
		e = snapshot_renew(api, r, version);
	if (e == OK) {
		job->snap = api->snapshot;
		__atomic_add_fetch(&job->snap->refs, 1, __ATOMIC_RELAXED);
		*ret_dir = job->snap->dir;
	}
	pthread_mutex_unlock(&api->snapshot_lock);
	return e;
}

/* ---- workers ---- */

#define START_PATIENCE                                                             \
	SPAN_S(10) /* after our own start the engine may still be making the store \
	            */
#define START_LOOK_MS 20

enum err worker_reader(struct worker *worker, struct control_reader **ret_reader)
{
	struct api *api = worker->api;
	const struct os *os = api->os;
	enum err e = OK;
	while (!worker->reader) {
		e = control_reader_open(api->mem, os, api->data_dir, &worker->reader);
		bool starting = wall_sub(os->wall(os), api->started_at).ns < START_PATIENCE.ns;
		if (e != ERR_GONE || !starting ||
		    __atomic_load_n(&worker->pool->stopping, __ATOMIC_RELAXED))
			break;
		struct timespec pause = { .tv_nsec = START_LOOK_MS * NS_PER_MS };
		nanosleep(&pause, NULL);
	}
	if (e == OK)
		*ret_reader = worker->reader;
	return e;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	struct pool *p = w->pool;
	for (;;) {
		pthread_mutex_lock(&p->lock);
		while (!p->first && !p->stopping)
			pthread_cond_wait(&p->more, &p->lock);
		struct job *job = p->first;
		if (!job || p->stopping) {
			pthread_mutex_unlock(&p->lock);
			break;
		}
		p->first = job->next;
		if (!p->first)
			p->last = NULL;
		pthread_mutex_unlock(&p->lock);

		job->work(job, w);

		pthread_mutex_lock(&p->lock);
		job->next = NULL;
		if (p->done_last)
			p->done_last->next = job;
		else
			p->done_first = job;
		p->done_last = job;
		pthread_mutex_unlock(&p->lock);
		loop_wake_up(&p->wake);
	}
	control_reader_close(&w->reader);
	return NULL;
}

void job_drop(struct job *job)
{
	snapshot_give(job->snap);
	buf_free(&job->out);
	arena_close(&(struct arena *){ job->arena }); /* it holds the job itself */
}

static void job_answer(struct job *job)
{
	struct call *call = job->call;
	if (!call)
		return;
	if (job->out.err != OK)
		job_error(job, 500, 2000, STR("Internal Server Error"),
		    STR("the answer is too large: ask for less"));
	call_answer(call, job->status, job->content_type, job->headers, buf_str(&job->out));
}

static void pool_woken(struct loop_wake *wake)
{
	struct pool *p = container_of(wake, struct pool, wake);
	pthread_mutex_lock(&p->lock);
	struct job *job = p->done_first;
	p->done_first = p->done_last = NULL;
	pthread_mutex_unlock(&p->lock);
	while (job) {
		struct job *next = job->next;
		assert(p->count > 0);
		p->count--;
		struct call *call = job->call;
		if (call) {
			assert(call->job == job);
			call->job = NULL;
		}
		if (job->done)
			job->done(job);
		else
			job_answer(job);
		job_drop(job);
		job = next;
	}
}

enum err pool_open(struct pool *pool, struct api *api, size_t workers, size_t limit)
{
	assert(workers >= 1 && workers <= ARRAY_COUNT(pool->workers));
	pool->api = pool->owner = api;
	pool->limit = limit;
	pool->wake.woken = pool_woken;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->more, NULL);
	enum err e = loop_wake_open(api->loop, &pool->wake);
	if (e != OK) {
		pool->wake.io.fd = -1;
		return e;
	}
	sigset_t all, before;
	sigfillset(&all); /* signals are the loop's */
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (size_t i = 0; i < workers && e == OK; i++) {
		pool->workers[i] = (struct worker){ .api = api, .pool = pool };
		if (pthread_create(
		        &pool->workers[i].thread, NULL, worker_main, &pool->workers[i]) != 0)
			e = ERR_NOMEM;
		else
			pool->worker_count++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

void pool_close(struct pool *pool)
{
	if (!pool->owner)
		return;
	pthread_mutex_lock(&pool->lock);
	__atomic_store_n(&pool->stopping, true, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&pool->more);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->worker_count; i++)
		pthread_join(pool->workers[i].thread, NULL);
	struct job *lists[] = { pool->first, pool->done_first };
	for (size_t i = 0; i < ARRAY_COUNT(lists); i++)
		for (struct job *job = lists[i], *next; job; job = next) {
			next = job->next;
			if (job->call)
				job->call->job = NULL;
			job_drop(job);
		}
	if (pool->wake.io.fd >= 0)
		loop_wake_close(pool->api->loop, &pool->wake);
	pthread_cond_destroy(&pool->more);
	pthread_mutex_destroy(&pool->lock);
	pool->owner = NULL;
}

struct job *job_new(struct api *api, struct call *call, struct pool *pool)
{
	if (pool->count >= pool->limit) {
		pool->refused++;
		return NULL;
	}
	struct arena *a = NULL;
	if (arena_open(api->mem, API_JOB_ARENA, &a) != OK)
		return NULL;
	struct job *job = arena_new(a, struct job, 1);
	if (!job) {
		arena_close(&a);
		return NULL;
	}
	job->api = api;
	job->arena = a;
	job->out = buf_make(api->mem, API_OUT_MAX);
	job->now = loop_wall(api->loop);
	job->base_url = api->base_url;
	job->status = 200;
	job->content_type = content_json;
	job->headers = STR(HEADERS_DATA);
	if (call) {
		struct http_request *req = call->req;
		assert(!call->job);
		job->route = call->route;
		for (size_t i = 0; i < 2; i++)
			job->param[i] = arena_str(a, call->param[i]);
		job->query = arena_str(a, req->head.query);
		job->accept = arena_str(a, http_head_get(&req->head, STR("Accept")));
		job->from_header = arena_str(a, http_head_get(&req->head, STR("From")));
		job->remote = arena_str(a, req->remote);
		job->who = call->who;
		job->who.name = arena_str(a, call->who.name);
		if (arena_err(a) != OK) {
			arena_close(&a);
			return NULL;
		}
		job->call = call;
	}
	return job;
}

void job_start(struct job *job, struct pool *pool)
{
	assert(job->work);
	if (job->call)
		job->call->job = job;
	job->next = NULL;
	pool->count++;
	pthread_mutex_lock(&pool->lock);
	if (pool->last)
		pool->last->next = job;
	else
		pool->first = job;
	pool->last = job;
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->lock);
}

struct job *call_work(
    struct call *call, void (*work)(struct job *, struct worker *), void (*done)(struct job *))
{
	struct job *job = job_new(call->api, call, &call->api->readers);
	if (!job) {
		call_busy(call, STR("too many requests are being worked on: try again"));
		return NULL;
	}
	job->work = work;
	job->done = done;
	job_start(job, &call->api->readers);
	return job;
}
