/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server's whole: listeners, the limits over all connections, the sweep that enforces
 * time, the pool of requests. One connection's life is in http_conn.c.
 */
#include "net/http_priv.h"
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 12000u
#define DESCRIPTORS_SPARE 96u
#define ACCEPTS_A_TURN 8 /* few, so that two processes at one listener share what comes */
#define HELD_DEFAULT ((size_t)128 << 20)

static size_t connections_allowed(size_t wanted)
{
	struct rlimit r;
	if (wanted == 0)
		wanted = CONNECTIONS_DEFAULT;
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
		size_t limit = r.rlim_cur > DESCRIPTORS_SPARE * 2
		                   ? (size_t)r.rlim_cur - DESCRIPTORS_SPARE
		                   : DESCRIPTORS_SPARE;
		wanted = wanted < limit ? wanted : limit;
	}
	return wanted;
}

struct str server_common_headers(struct http_server *s)
{
	static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug",
		"Sep", "Oct", "Nov", "Dec" };
	int64_t now_s = loop_wall(s->loop).ns / NS_PER_S;
	if (now_s != s->common_at_s || s->common.len == 0) {
		struct civil c = civil_from_s(now_s);
		s->common_at_s = now_s;
		buf_clear(&s->common);
		buf_printf(&s->common, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
		    days[civil_weekday(now_s)], c.day, months[c.month - 1], c.year, c.hour,
		    c.minute, c.second);
		buf_add(&s->common, buf_str(&s->own_headers));
	}
	return buf_str(&s->common);
}

struct http_request *server_request_take(struct http_server *s)
{
	struct pooled *p = s->pool;
	if (p) {
		s->pool = p->next;
		s->pool_count--;
		return &p->req;
	}
	p = mem_new(s->mem, 1, sizeof *p);
	if (p && arena_open(s->mem, HTTP_ARENA_BYTES, &p->req.arena) != OK) {
		mem_free(s->mem, p);
		p = NULL;
	}
	return p ? &p->req : NULL;
}

void server_request_give(struct http_server *s, struct http_request *req)
{
	struct pooled *p = container_of(req, struct pooled, req);
	if (s->pool_count < HTTP_POOL_MAX && arena_used(req->arena) <= 65536) {
		arena_reset(req->arena);
		p->next = s->pool;
		s->pool = p;
		s->pool_count++;
		return;
	}
	arena_close(&req->arena);
	mem_free(s->mem, p);
}

void server_reap(struct http_server *s)
{
	if (s->depth > 0)
		return;
	while (s->dead.next != &s->dead) {
		struct http_conn *c = container_of(s->dead.next, struct http_conn, all);
		assert(c->dead && !c->req);
		link_remove(&c->all);
		mem_free(s->mem, c);
	}
}

/* The connection that has waited longest between requests, or in the middle of a head, makes room.
 */
static bool evict(struct http_server *s)
{
	if (s->heads.next == &s->heads)
		return false;
	struct http_conn *c = container_of(s->heads.next, struct http_conn, heads);
	s->counters.evicted++;
	conn_kill(c);
	return true;
}

static void remote_text(const struct sockaddr_storage *address, char out[48])
{
	out[0] = 0;
	const char *ok = NULL;
	if (address->ss_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		ok = inet_ntop(AF_INET, &in.sin_addr, out, 48);
	} else if (address->ss_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		ok = inet_ntop(AF_INET6, &in6.sin6_addr, out, 48);
	}
	if (!ok)
		out[0] = 0;
}

static void listeners_watch(struct http_server *s, bool on)
{
	for (struct http_listener *l = s->listeners; l; l = l->next) {
		if (!on)
			loop_io_remove(s->loop, &l->io);
		else if (!l->io.added && loop_io_add(s->loop, &l->io, LOOP_READ) != OK)
			loop_timer_after(s->loop, &s->accept_again, SPAN_MS(100));
	}
	s->accept_paused = !on;
}

static void accept_again(struct loop_timer *timer)
{
	struct http_server *s = container_of(timer, struct http_server, accept_again);
	if (!s->draining)
		listeners_watch(s, true);
}

/* False when there is nothing (more) to accept now. */
static bool accept_one(struct http_server *s, int listen_fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof address;
	int fd =
	    accept4(listen_fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == ECONNABORTED || errno == EINTR)
			return true;
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			if (!evict(s)) { /* nobody can go: let the kernel keep the queue for a
				            moment */
				listeners_watch(s, false);
				loop_timer_after(s->loop, &s->accept_again, SPAN_MS(100));
			}
		}
		return false;
	}
	char remote[48];
	remote_text(&address, remote);
	if (s->count >= s->connections_max && !evict(s)) {
		s->counters.refused_busy++;
		close(fd);
		return true;
	}
	s->counters.accepted++;
	if (conn_open(s, fd, remote) != OK)
		close(fd);
	return true;
}

static void listener_ready(struct loop_io *io, unsigned events)
{
	struct http_listener *l = container_of(io, struct http_listener, io);
	struct http_server *s = l->server;
	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN && l->io.added && accept_one(s, io->fd); i++)
		;
	server_reap(s);
}

static void sweep(struct loop_timer *timer)
{
	struct http_server *s = container_of(timer, struct http_server, sweep);
	struct mono now = loop_now(s->loop);
	s->depth++;
	struct link *next;
	for (struct link *l = s->all.next; l != &s->all; l = next) {
		next = l->next; /* conn_sweep may kill its own connection, not another */
		conn_sweep(container_of(l, struct http_conn, all), now);
	}
	s->depth--;
	server_reap(s);
	loop_timer_after(s->loop, &s->sweep, SPAN_S(1));
}

enum err http_open(const struct http_config *config, struct http_server **ret_server)
{
	assert(config->handler && config->handler->begin && config->handler->ready &&
	       config->handler->fault && config->handler->gone);
	struct http_server *s = mem_new(config->mem, 1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	s->mem = config->mem;
	s->loop = config->loop;
	s->handler = config->handler;
	s->context = config->context;
	s->own_headers = buf_make(s->mem, 4096);
	s->common = buf_make(s->mem, 8192);
	s->connections_max = connections_allowed(config->connections_max);
	s->held_max = config->held_bytes_max ? config->held_bytes_max : HELD_DEFAULT;
	link_init(&s->all);
	link_init(&s->heads);
	link_init(&s->dead);
	s->sweep.fire = sweep;
	s->accept_again.fire = accept_again;
	s->scratch = mem_new(s->mem, 1, HTTP_SCRATCH_BYTES);
	buf_add(&s->own_headers, config->common_headers);
	enum err e = !s->scratch ? ERR_NOMEM : s->own_headers.err;
	if (e == OK && !str_empty(config->tls_certificate))
		e = tls_server_open(config->tls_certificate, config->tls_key, &s->tls);
	if (e != OK) {
		http_close(&s);
		return e;
	}
	loop_timer_after(s->loop, &s->sweep, SPAN_S(1));
	*ret_server = s;
	return OK;
}

enum err http_listen(struct http_server *server, int fd)
{
	assert(server && fd >= 0);
	struct http_listener *l = mem_new(server->mem, 1, sizeof *l);
	if (!l)
		return ERR_NOMEM;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) {
		mem_free(server->mem, l);
		return ERR_IO;
	}
	l->server = server;
	l->io = (struct loop_io){ .fd = fd, .ready = listener_ready };
	enum err e = loop_io_add(server->loop, &l->io, LOOP_READ);
	if (e != OK) {
		mem_free(server->mem, l);
		return e;
	}
	l->next = server->listeners;
	server->listeners = l;
	return OK;
}

static void listeners_close(struct http_server *s)
{
	while (s->listeners) {
		struct http_listener *l = s->listeners;
		s->listeners = l->next;
		loop_io_remove(s->loop, &l->io);
		close(l->io.fd);
		mem_free(s->mem, l);
	}
}

void http_drain(struct http_server *server)
{
	server->draining = true;
	loop_timer_clear(server->loop, &server->accept_again);
	listeners_close(server);
	server->depth++;
	struct link *next;
	for (struct link *l = server->all.next; l != &server->all; l = next) {
		next = l->next;
		struct http_conn *c = container_of(l, struct http_conn, all);
		if (c->state == CONN_HEAD && c->in.len == 0 && c->out.len == 0)
			conn_kill(c);
	}
	server->depth--;
	server_reap(server);
}

size_t http_connection_count(const struct http_server *server)
{
	return server->count;
}

void http_close(struct http_server **server)
{
	struct http_server *s = *server;
	if (!s)
		return;
	*server = NULL;
	if (s->sweep.fire) {
		loop_timer_clear(s->loop, &s->sweep);
		loop_timer_clear(s->loop, &s->accept_again);
	}
	listeners_close(s);
	s->depth++;
	while (s->all.next != &s->all)
		conn_kill(container_of(s->all.next, struct http_conn, all));
	s->depth--;
	server_reap(s);
	while (s->pool) {
		struct pooled *p = s->pool;
		s->pool = p->next;
		arena_close(&p->req.arena);
		mem_free(s->mem, p);
	}
	tls_server_close(&s->tls);
	buf_free(&s->own_headers);
	buf_free(&s->common);
	mem_free(s->mem, s->scratch);
	mem_free(s->mem, s);
}

const struct http_counters *http_counters(const struct http_server *server)
{
	return &server->counters;
}
