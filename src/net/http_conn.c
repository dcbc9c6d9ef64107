/* SPDX-License-Identifier: Apache-2.0
 *
 * One HTTP connection: bytes -> head -> body -> handler, and the answer back. conn_advance is the
 * only place that takes requests out of what has come; it is never entered twice for the same
 * connection (`busy`), so a handler may answer from within its own begin or ready.
 */
#include "base/surprise.h"
#include "net/http_priv.h"
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void conn_advance(struct http_conn *c);
static void conn_flush(struct http_conn *c);
static void conn_read_buffered(struct http_conn *c);

static size_t conn_unsent(const struct http_conn *c)
{
	assert(c->sent <= c->out.len);
	return c->out.len - c->sent;
}

/* Brings server->held up to date with what this connection keeps in memory. */
static void conn_account(struct http_conn *c)
{
	size_t now = c->in.len + c->body.len + c->out.len;
	assert(c->server->held >= c->held);
	c->server->held = c->server->held - c->held + now;
	c->held = now;
}

static void conn_state_set(struct http_conn *c, enum conn_state state)
{
	struct http_server *s = c->server;
	if (c->state == CONN_HEAD && state != CONN_HEAD)
		link_remove(&c->heads);
	if (state == CONN_HEAD) {
		link_remove(&c->heads);
		link_append(&s->heads, &c->heads);
	}
	c->state = state;
	c->since = loop_now(s->loop);
}

static void request_end(struct http_conn *c)
{
	struct http_request *req = c->req;
	if (!req)
		return;
	c->server->handler->gone(c->server->context, req);
	c->req = NULL;
	buf_free(&c->body);
	server_request_give(c->server, req);
}

void conn_kill(struct http_conn *c)
{
	struct http_server *s = c->server;
	if (c->dead)
		return;
	c->dead = true;
	request_end(c);
	loop_io_remove(s->loop, &c->io);
	tls_conn_close(&c->tls);
	close(c->io.fd);
	c->io.fd = -1;
	buf_free(&c->in);
	buf_free(&c->out);
	c->sent = 0;
	conn_account(c);
	link_remove(&c->heads);
	link_remove(&c->all);
	link_append(&s->dead, &c->all);
	assert(s->count > 0);
	s->count--;
}

static bool wants_input(const struct http_conn *c)
{
	return c->state == CONN_LINGER ||
	       (c->in.len < HTTP_IN_MAX && !(c->state == CONN_BODY && c->body_paused));
}

/* Which events are wanted depends on the whole of the connection; asked after each change. */
static void conn_watch(struct http_conn *c)
{
	if (c->dead)
		return;
	unsigned want = 0;
	if (!c->eof && wants_input(c))
		want |= LOOP_READ;
	if (conn_unsent(c) > 0 || (c->tls && tls_wants_write(c->tls)))
		want |= LOOP_WRITE;
	if (loop_io_change(c->server->loop, &c->io, want) != OK)
		conn_kill(c);
}

/* All is sent and nothing more will be: close, or first read away what the client is still sending,
 * because closing with unread bytes resets the connection and may destroy the answer on its way. */
static void conn_finish(struct http_conn *c)
{
	if (!c->linger_after || c->eof || c->tls) {
		conn_kill(c);
		return;
	}
	shutdown(c->io.fd, SHUT_WR);
	buf_free(&c->in);
	conn_state_set(c, CONN_LINGER);
}

static void conn_flush(struct http_conn *c)
{
	struct http_server *s = c->server;
	if (c->dead)
		return;
	if (c->out.err != OK) { /* no memory for the answer: the client must see that it is cut */
		conn_kill(c);
		return;
	}
	while (conn_unsent(c) > 0) {
		const char *from = c->out.ptr + c->sent;
		ssize_t n = c->tls ? tls_send(c->tls, from, conn_unsent(c))
		                   : loop_os(s->loop)->send(
		                         loop_os(s->loop), c->io.fd, from, conn_unsent(c));
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0) {
			conn_kill(c);
			return;
		}
		c->sent += (size_t)n;
		s->counters.sent_bytes += (uint64_t)n;
		c->out_since = loop_now(s->loop);
	}
	if (conn_unsent(c) == 0) {
		c->sent = 0;
		if (c->out.cap > 2048)
			buf_free(&c->out);
		else
			buf_clear(&c->out);
		if (c->state == CONN_LAST) {
			conn_finish(c);
			return;
		}
	} else if (c->sent > HTTP_OUT_HIGH) {
		buf_consume(&c->out, c->sent);
		c->sent = 0;
	}
	conn_account(c);
	if (c->refused && conn_unsent(c) <= HTTP_OUT_LOW && c->req && s->handler->drained) {
		c->refused = false;
		s->handler->drained(s->context, c->req);
	}
}

static void out_status(struct http_conn *c, unsigned status)
{
	assert(status >= 200 && status <= 599);
	buf_add(&c->out, STR("HTTP/1.1 "));
	buf_add_u64(&c->out, status);
	buf_add_char(&c->out, ' ');
	buf_add(&c->out, http_status_text(status));
	buf_add(&c->out, STR("\r\n"));
	buf_add(&c->out, server_common_headers(c->server));
	c->server->counters.answers[status / 100]++;
}

static void out_head(struct http_conn *c, unsigned status, struct str content_type,
    struct str headers, uint64_t length)
{
	if (conn_unsent(c) == 0)
		c->out_since = loop_now(c->server->loop);
	out_status(c, status);
	if (!str_empty(content_type)) {
		buf_add(&c->out, STR("Content-Type: "));
		buf_add(&c->out, content_type);
		buf_add(&c->out, STR("\r\n"));
	}
	buf_add(&c->out, headers);
	if (length != HTTP_LENGTH_UNKNOWN && status != 204 && status != 304) {
		buf_add(&c->out, STR("Content-Length: "));
		buf_add_u64(&c->out, length);
		buf_add(&c->out, STR("\r\n"));
	} else if (c->answer_chunked) {
		buf_add(&c->out, STR("Transfer-Encoding: chunked\r\n"));
	}
	if (c->close_after)
		buf_add(&c->out, STR("Connection: close\r\n"));
	else if (c->req && c->req->head.minor == 0)
		buf_add(&c->out, STR("Connection: keep-alive\r\n"));
	buf_add(&c->out, STR("\r\n"));
}

static bool body_whole(const struct http_conn *c)
{
	return c->state == CONN_WAIT || (c->body_chunked ? c->chunks.done : c->body_left == 0);
}

/* Before the answer's head is written: may the connection live on behind it? */
static void decide_close(struct http_conn *c)
{
	assert(c->req);
	if (!c->req->head.keep_alive || c->server->draining || c->eof)
		c->close_after = true;
	if (!body_whole(c)) {
		/* Unwanted body bytes are read away when they are few and surely coming. */
		bool few = !c->body_chunked && c->body_left <= HTTP_DISCARD_MAX &&
		           !c->req->head.expect_continue;
		if (!few)
			c->close_after = true;
	}
}

/* The answer is whole (in `out`). */
static void answer_whole(struct http_conn *c)
{
	bool whole = body_whole(c);
	request_end(c);
	if (c->dead)
		return;
	if (c->close_after) {
		c->linger_after = c->linger_after || !whole || c->in.len > 0;
		conn_state_set(c, CONN_LAST);
	} else if (whole) {
		conn_state_set(c, CONN_HEAD);
	} else {
		c->discard = true; /* state stays CONN_BODY */
		c->body_paused = false;
	}
	if (!c->busy) {
		conn_advance(c);
		server_reap(c->server);
	}
}

void http_answer(struct http_request *req, const struct http_answer *answer)
{
	struct http_conn *c = req->conn;
	assert(c && c->req == req && !c->begun && !c->dead);
	c->begun = true;
	c->close_after |= answer->close;
	decide_close(c);
	out_head(c, answer->status, answer->content_type, answer->headers, answer->body.len);
	if (req->head.method != HTTP_HEAD && answer->status != 204 && answer->status != 304)
		buf_add(&c->out, answer->body);
	answer_whole(c);
}

void http_answer_begin(struct http_request *req, unsigned status, struct str content_type,
    struct str headers, uint64_t length)
{
	struct http_conn *c = req->conn;
	assert(c && c->req == req && !c->begun && !c->dead);
	c->begun = true;
	c->answer_no_body = req->head.method == HTTP_HEAD;
	c->answer_unknown = length == HTTP_LENGTH_UNKNOWN;
	c->answer_chunked = c->answer_unknown && req->head.minor == 1;
	c->answer_left = length;
	if (c->answer_unknown && !c->answer_chunked)
		c->close_after =
		    true; /* HTTP/1.0: the end of the body is the end of the connection */
	decide_close(c);
	out_head(c, status, content_type, headers, length);
}

enum err http_answer_write(struct http_request *req, struct str bytes)
{
	struct http_conn *c = req->conn;
	assert(c && c->req == req && c->begun);
	if (c->dead)
		return ERR_GONE;
	if (conn_unsent(c) > HTTP_OUT_HIGH) {
		c->refused = true;
		return ERR_BUSY;
	}
	if (!c->answer_unknown) {
		assert(bytes.len <= c->answer_left);
		c->answer_left -= bytes.len;
	}
	if (bytes.len > 0 && !c->answer_no_body) {
		if (conn_unsent(c) == 0)
			c->out_since = loop_now(c->server->loop);
		if (c->answer_chunked)
			buf_printf(&c->out, "%zx\r\n", bytes.len);
		buf_add(&c->out, bytes);
		if (c->answer_chunked)
			buf_add(&c->out, STR("\r\n"));
	}
	if (!c->busy) {
		struct http_server *s = c->server;
		s->depth++;
		conn_flush(c);
		conn_watch(c);
		bool dead = c->dead;
		s->depth--;
		server_reap(s);
		return dead ? ERR_GONE : OK;
	}
	return OK;
}

void http_answer_end(struct http_request *req)
{
	struct http_conn *c = req->conn;
	assert(c && c->req == req && c->begun);
	if (c->answer_chunked && !c->answer_no_body)
		buf_add(&c->out, STR("0\r\n\r\n"));
	if (!c->answer_unknown && c->answer_left > 0 && !c->answer_no_body) {
		http_abort(req); /* shorter than promised: the client must not take it for whole */
		return;
	}
	answer_whole(c);
}

void http_abort(struct http_request *req)
{
	struct http_server *s = req->conn->server;
	conn_kill(req->conn);
	server_reap(s);
}

bool http_answer_begun(const struct http_request *req)
{
	return req->conn->begun;
}

void http_unhurried(struct http_request *req)
{
	req->conn->unhurried = true;
}

void http_resume(struct http_request *req)
{
	struct http_conn *c = req->conn;
	assert(c && c->req == req);
	c->body_paused = false;
	if (!c->busy && !c->dead) {
		struct http_server *s = c->server;
		s->depth++;
		conn_advance(c);
		conn_read_buffered(c);
		s->depth--;
		server_reap(s);
	}
}

/* A fault before there is a request to hand to anyone. */
static void fault_early(struct http_conn *c, unsigned status, struct str text)
{
	static const struct str before = STR_INIT("{\"error\":{\"message\":\""),
	                        after = STR_INIT("\",\"code\":2001}}\n");
	c->server->counters.faults++;
	c->close_after = true;
	c->linger_after = true;
	c->answer_chunked = false;
	out_head(c, status, STR("application/json"), STR(""), before.len + text.len + after.len);
	buf_add(&c->out, before);
	buf_add(&c->out, text);
	buf_add(&c->out, after);
	conn_state_set(c, CONN_LAST);
}

/* A fault of a request that the handler knows. */
static void fault(struct http_conn *c, unsigned status, struct str text)
{
	assert(c->req);
	c->server->counters.faults++;
	if (c->begun) { /* nothing sensible can follow half an answer */
		conn_kill(c);
		return;
	}
	struct http_request *req = c->req;
	c->close_after = true;
	c->server->handler->fault(c->server->context, req, status, text);
	if (surprise(!c->dead && c->req == req && !c->begun, "net/http-fault-unanswered"))
		conn_kill(c);
}

static void fault_of(struct http_conn *c, enum http_fault f)
{
	const struct http_fault_text *t = http_fault_of(f);
	if (c->req)
		fault(c, t->status, t->text);
	else
		fault_early(c, t->status, t->text);
}

static void request_reset(struct http_conn *c, struct http_request *req)
{
	req->body = STR("");
	req->remote = str_c(c->remote);
	req->secure = c->tls != NULL;
	req->user = NULL;
	req->body_limit = 0;
	req->streamed = false;
	req->conn = c;
	c->body = buf_make(c->server->mem, SIZE_MAX / 2);
	c->body_got = 0;
	c->chunks = (struct http_chunks){ 0 };
	c->body_paused = c->discard = c->begun = c->unhurried = c->refused = false;
	c->answer_chunked = c->answer_unknown = c->answer_no_body = false;
}

/* Takes one head out of `in` and begins its request. False: more bytes are needed. */
static bool take_head(struct http_conn *c)
{
	struct http_server *s = c->server;
	/* One empty line before a request is what some old clients send after a body (RFC
	 * 9112, 2.2). */
	if (c->scanned == 0 && c->in.len >= 2 && c->in.ptr[0] == '\r' && c->in.ptr[1] == '\n')
		buf_consume(&c->in, 2);
	if (c->in.len == 1 && c->in.ptr[0] == '\r')
		return false;
	size_t len;
	enum http_fault f = http_head_find(buf_str(&c->in), &c->scanned, &len);
	if (f != HTTP_FINE) {
		fault_of(c, f);
		return true;
	}
	if (len == 0)
		return false;
	struct http_request *req = server_request_take(s);
	struct str head =
	    req ? arena_str(req->arena, str_make(c->in.ptr, len)) : (struct str){ NULL, 0 };
	if (!head.ptr) {
		if (req)
			server_request_give(s, req);
		fault_early(c, 503, STR("out of memory"));
		return true;
	}
	f = http_head_read(head, &req->head);
	if (f != HTTP_FINE) {
		server_request_give(s, req);
		fault_of(c, f);
		return true;
	}
	buf_consume(&c->in, len);
	c->scanned = 0;
	s->counters.requests++;
	request_reset(c, req);
	c->body_chunked = req->head.chunked;
	c->body_left = req->head.length;
	c->req = req;
	conn_state_set(c, CONN_BODY);
	s->handler->begin(s->context, req);
	if (c->dead || c->req != req || c->begun)
		return true; /* answered already */
	if (!req->head.chunked && req->head.length > req->body_limit) {
		fault(c, 413, STR("the body is longer than this path takes"));
	} else if (req->head.expect_continue && c->in.len == 0 &&
	           (req->head.chunked || req->head.length > 0)) {
		buf_add(&c->out, STR("HTTP/1.1 100 Continue\r\n\r\n"));
		c->out_since = loop_now(s->loop);
	}
	return true;
}

/* One piece of body; false when the connection should not go on reading now. */
static bool body_piece(struct http_conn *c, struct str piece)
{
	struct http_server *s = c->server;
	c->body_got += piece.len;
	if (c->discard || piece.len == 0) {
		if (c->discard && c->body_got > HTTP_DISCARD_MAX * 2 && c->body_chunked)
			conn_kill(c);
		return !c->dead;
	}
	if (c->body_got > c->req->body_limit) {
		fault(c, 413, STR("the body is longer than this path takes"));
		return true;
	}
	if (c->req->streamed) {
		struct http_request *req = c->req;
		bool more = s->handler->body(s->context, req, piece);
		if (!more && !c->dead && c->req == req)
			c->body_paused = true;
		return true;
	}
	if (s->held + piece.len > s->held_max) {
		fault(c, 503, STR("too many bodies are being received at once: try again"));
		return true;
	}
	buf_add(&c->body, piece);
	if (c->body.err != OK)
		fault(c, 503, STR("out of memory"));
	return true;
}

static void body_end(struct http_conn *c)
{
	if (c->discard) {
		c->discard = false;
		conn_state_set(c, CONN_HEAD);
		return;
	}
	conn_state_set(c, CONN_WAIT);
	c->req->body = buf_str(&c->body);
	c->server->handler->ready(c->server->context, c->req);
}

/* Takes body bytes out of `in`. False: more are needed, or the handler wants a pause. */
static bool take_body(struct http_conn *c)
{
	if (c->body_paused)
		return false;
	struct http_request *req = c->req;
	if (!c->body_chunked) {
		size_t n = c->in.len < c->body_left ? c->in.len : (size_t)c->body_left;
		if (n > 0) {
			c->body_left -= n;
			body_piece(c, str_make(c->in.ptr, n));
			if (c->dead)
				return false;
			buf_consume(&c->in, n);
		}
		if (c->body_paused)
			return false;
		if (c->state != CONN_BODY || (c->req != req && !c->discard))
			return true;
		if (c->body_left > 0)
			return false;
		if (!c->begun || c->discard)
			body_end(c);
		else
			conn_state_set(c, CONN_WAIT); /* an answer is being given already */
		return true;
	}
	struct str in = buf_str(&c->in), piece;
	enum http_fault f = http_chunks_next(&c->chunks, &in, &piece);
	size_t used = c->in.len - in.len;
	if (f != HTTP_FINE) {
		if (c->discard)
			conn_kill(c);
		else
			fault_of(c, f);
		return !c->dead;
	}
	body_piece(c, piece);
	if (c->dead)
		return false;
	buf_consume(&c->in, used);
	if (c->body_paused)
		return false;
	if (c->state != CONN_BODY || (c->req != req && !c->discard))
		return true;
	if (c->chunks.done) {
		if (!c->begun || c->discard)
			body_end(c);
		else
			conn_state_set(c, CONN_WAIT);
		return true;
	}
	return c->in.len > 0 && used > 0;
}

static void conn_advance(struct http_conn *c)
{
	struct http_server *s = c->server;
	assert(!c->busy);
	c->busy = true;
	s->depth++;
	bool more = true;
	while (more && !c->dead) {
		switch (c->state) {
		case CONN_HEAD: more = c->in.len > 0 && take_head(c); break;
		case CONN_BODY: more = take_body(c); break;
		case CONN_WAIT:
		case CONN_LAST:
		case CONN_LINGER: more = false; break;
		}
	}
	c->busy = false;
	if (!c->dead && c->state == CONN_HEAD) {
		if (c->in.len == 0)
			buf_free(&c->in); /* an idle connection costs only its struct */
		if (c->eof || (s->draining && c->in.len == 0)) {
			c->linger_after = false;
			conn_state_set(c, CONN_LAST);
			if (conn_unsent(c) == 0)
				conn_kill(c);
		}
	}
	if (!c->dead && c->eof && ((c->begun && c->unhurried && c->req) || c->state == CONN_BODY))
		conn_kill(c); /* a stream's reader has left, or a body will never be whole */
	conn_flush(c);
	conn_watch(c);
	if (!c->dead)
		conn_account(c);
	s->depth--;
}

static void take_bytes(struct http_conn *c, struct str bytes)
{
	c->server->counters.received_bytes += bytes.len;
	if (c->state == CONN_LINGER || c->state == CONN_LAST)
		return;
	if (c->in.len == 0 && c->state == CONN_HEAD)
		c->since =
		    loop_now(c->server->loop); /* the head's time starts with its first byte */
	buf_add(&c->in, bytes);
	if (c->in.err != OK)
		conn_kill(c);
}

/* Reads what is there, at most one scratch buffer a turn so that nobody starves the others (TLS:
 * until it is empty, since what OpenSSL has buffered is not seen by epoll). */
static void conn_read(struct http_conn *c)
{
	struct http_server *s = c->server;
	do {
		ssize_t n = c->tls ? tls_recv(c->tls, s->scratch, HTTP_SCRATCH_BYTES)
		                   : loop_os(s->loop)->recv(loop_os(s->loop), c->io.fd, s->scratch,
		                         HTTP_SCRATCH_BYTES);
		if (n < 0) {
			if (errno != EAGAIN && errno != EWOULDBLOCK) {
				s->counters.tls_failed += c->tls && errno == EPROTO;
				conn_kill(c);
			}
			return;
		}
		if (n == 0) {
			c->eof = true;
			if (c->state == CONN_LINGER)
				conn_kill(c);
			return;
		}
		take_bytes(c, str_make(s->scratch, (size_t)n));
	} while (c->tls && !c->dead && wants_input(c));
}

/* What OpenSSL has read ahead wakes nobody: take it when there is room (again). */
static void conn_read_buffered(struct http_conn *c)
{
	while (!c->dead && c->tls && !c->eof && tls_pending(c->tls) && wants_input(c)) {
		conn_read(c);
		if (!c->dead)
			conn_advance(c);
	}
}

static void conn_ready(struct loop_io *io, unsigned events)
{
	struct http_conn *c = container_of(io, struct http_conn, io);
	struct http_server *s = c->server;
	s->depth++;
	bool tls_write = c->tls && tls_wants_write(c->tls);
	if ((events & (LOOP_READ | LOOP_HANGUP)) || (tls_write && (events & LOOP_WRITE))) {
		if (!c->eof)
			conn_read(c);
		else if (events & LOOP_HANGUP)
			conn_kill(c);
	}
	if (!c->dead)
		conn_advance(c); /* flushes as well */
	conn_read_buffered(c);
	s->depth--;
	server_reap(s);
}

enum err conn_open(struct http_server *s, int fd, const char *remote)
{
	struct http_conn *c = mem_new(s->mem, 1, sizeof *c);
	if (!c)
		return ERR_NOMEM;
	int one = 1;
	ignore_err(
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one), "a unix socket has none");
	c->server = s;
	c->io = (struct loop_io){ .fd = fd, .ready = conn_ready };
	c->in = buf_make(s->mem, HTTP_IN_MAX + HTTP_SCRATCH_BYTES);
	c->out = buf_make(s->mem, HTTP_OUT_MAX);
	c->body = buf_make(s->mem, SIZE_MAX / 2);
	c->since = c->out_since = loop_now(s->loop);
	for (size_t i = 0; remote[i] && i < sizeof c->remote - 1; i++)
		c->remote[i] = remote[i];
	link_init(&c->all);
	link_init(&c->heads);
	enum err e = s->tls ? tls_conn_open(s->tls, fd, &c->tls) : OK;
	if (e == OK)
		e = loop_io_add(s->loop, &c->io, LOOP_READ);
	if (e != OK) {
		tls_conn_close(&c->tls);
		mem_free(s->mem, c);
		return e;
	}
	link_append(&s->all, &c->all);
	link_append(&s->heads, &c->heads);
	s->count++;
	return OK;
}

/* Time is enforced once a second for all; which limit holds depends on the state. */
void conn_sweep(struct http_conn *c, struct mono now)
{
	struct http_server *s = c->server;
	if (c->dead)
		return;
	int64_t waited = mono_sub(now, c->since).ns;
	if (conn_unsent(c) > 0 && mono_sub(now, c->out_since).ns > HTTP_SEND_WAIT.ns) {
		s->counters.timeouts++;
		conn_kill(c);
		return;
	}
	switch (c->state) {
	case CONN_HEAD:
		if (c->in.len > 0 && waited > HTTP_HEAD_WAIT.ns) {
			s->counters.timeouts++;
			fault_early(
			    c, 408, STR("the request's head did not come within 10 seconds"));
		} else if (c->in.len == 0 && waited > HTTP_IDLE_WAIT.ns) {
			conn_kill(c);
		}
		break;
	case CONN_BODY: {
		int64_t allowed =
		    HTTP_BODY_GRACE.ns + (int64_t)(c->body_got / HTTP_BODY_BYTES_PER_S) * NS_PER_S;
		if (c->body_paused) {
			c->since = time_add_ns(c->since.ns, NS_PER_S) < now.ns
			               ? (struct mono){ c->since.ns + NS_PER_S }
			               : now;
		} else if (waited > allowed) {
			s->counters.timeouts++;
			if (c->discard)
				conn_kill(c);
			else
				fault(c, 408, STR("the request's body comes too slowly"));
		}
		break;
	}
	case CONN_WAIT:
		if (!c->begun && !c->unhurried && waited > HTTP_HANDLER_WAIT.ns) {
			s->counters.timeouts++;
			fault(c, 503, STR("the request took too long: try again"));
		}
		break;
	case CONN_LAST: break; /* the sending has its own limit */
	case CONN_LINGER:
		if (waited > HTTP_LINGER_WAIT.ns)
			conn_kill(c);
		break;
	}
	if (!c->dead && !c->busy)
		conn_advance(c);
}
