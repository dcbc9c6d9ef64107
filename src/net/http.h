/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server: a small strict HTTP/1.1 core on our own loop, with TLS when a certificate is
 * given. It knows bytes, connections and limits; what a request means is the handler's. For the
 * loop's thread.
 *
 * The life of a request: begin (the head is there) -> body (streamed requests only, any number) ->
 * ready (all of the body is there) -> gone. The handler answers at any time from begin on, also
 * much later, with http_answer or http_answer_begin ... http_answer_end. `gone` comes exactly once
 * for each begin, when the answer is whole or the client has left; after it the request is no
 * longer valid. One connection has one request at a time; pipelined ones wait.
 *
 * Limits that make a hostile client harmless: a head must be whole 10 s after its first byte; a
 * body must come with at least 1 KiB/s after 10 s of grace; a client must take its answer within 30
 * s of each write; an idle connection closes after 60 s, and the longest idle ones make room when
 * the connections run out; a handler that has not answered after 30 s is answered for. Bodies that
 * are held in memory have a limit over all connections.
 */
#pragma once
#include "base/arena.h"
#include "loop/loop.h"
#include "net/http_head.h"

struct http_server;
struct http_conn;

struct http_request {
	struct http_head head; /* valid until gone */
	struct str body;       /* from ready on, when not streamed */
	struct arena *arena;   /* for the handler; lives until gone; at most 8 MiB */
	struct str remote;     /* the client's address as text, without the port */
	bool secure;           /* came over TLS */
	void *user;            /* the handler's; NULL at begin */

	/* Set in begin by the handler. */
	uint64_t body_limit; /* more is a 413; 0: no body is taken */
	bool streamed;       /* the body goes to the handler's body() as it comes */

	struct http_conn *conn; /* the server's */
};

struct http_handler {
	void (*begin)(void *context, struct http_request *req);
	/* A piece of a streamed body (at most 64 KiB); returning false stops the reading until
	 * http_resume. */
	bool (*body)(void *context, struct http_request *req, struct str bytes);
	void (*ready)(void *context, struct http_request *req);
	/* The request cannot be served after its head was fine: 413 (too long), 408 (too slow), 503
	 * (the handler took too long, or memory is short), 400 (bad chunks). Must call http_answer
	 * at once. */
	void (*fault)(void *context, struct http_request *req, unsigned status, struct str text);
	/* There is room again for http_answer_write after it was ERR_BUSY. May be NULL. */
	void (*drained)(void *context, struct http_request *req);
	void (*gone)(void *context, struct http_request *req);
};

struct http_config {
	const struct mem *mem;
	struct loop *loop;
	const struct http_handler *handler;
	void *context;
	struct str common_headers; /* "Name: value\r\n" lines that go into every answer; copied */
	size_t connections_max;    /* 0: 12,000, or what the descriptor limit allows */
	size_t held_bytes_max; /* 0: 128 MiB of bodies and unsent answers over all connections */
	struct str tls_certificate; /* PEM chain and key; empty: plain HTTP */
	struct str tls_key;
};

/* ERR_INPUT when certificate and key cannot be used. */
must_check enum err http_open(const struct http_config *config, struct http_server **ret_server);
/* Takes fd, a listening socket; it is made nonblocking. Any number of times. */
must_check enum err http_listen(struct http_server *server, int fd);
/* Takes no new connections, closes the idle ones, and each other one after its answer. */
void http_drain(struct http_server *server);
size_t http_connection_count(const struct http_server *server);
/* Closes everything; `gone` is called for what is open. */
void http_close(struct http_server **server);

struct http_answer {
	unsigned status;
	struct str content_type; /* empty: none */
	struct str headers;      /* "Name: value\r\n" lines or empty */
	struct str body;
	bool close; /* close the connection behind it */
};
/* The whole answer at once. The request may be gone when this returns. */
void http_answer(struct http_request *req, const struct http_answer *answer);

#define HTTP_LENGTH_UNKNOWN UINT64_MAX
/* An answer in pieces. With an unknown length it is chunked (HTTP/1.0: ended by closing). */
void http_answer_begin(struct http_request *req, unsigned status, struct str content_type,
    struct str headers, uint64_t length);
/* ERR_BUSY: too much is unsent, wait for drained (nothing was taken). The request may be gone when
 * this returns ERR_GONE. */
must_check enum err http_answer_write(struct http_request *req, struct str bytes);
void http_answer_end(struct http_request *req);
/* The answer that was begun cannot be finished: cut the connection so that the client sees it.
 * Before the beginning of an answer it cuts as well. */
void http_abort(struct http_request *req);
bool http_answer_begun(const struct http_request *req);
/* Goes on with a streamed body after body() returned false. */
void http_resume(struct http_request *req);
/* This request may take its time (a stream of events): no limit on the handler. */
void http_unhurried(struct http_request *req);

struct http_counters {
	uint64_t accepted, requests, faults, evicted, timeouts, refused_busy, received_bytes,
	    sent_bytes, tls_failed;
	uint64_t answers[6]; /* by hundred: 0 unused, 2 = 2xx ... */
};
const struct http_counters *http_counters(const struct http_server *server);
