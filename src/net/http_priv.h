/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two halves of the HTTP server share: http.c (server: accepting, limits over all
 * connections, time) and http_conn.c (one connection: bytes in, request, answer, bytes out).
 *
 * Invariants: a connection is in the list `all` until it is dead; in `heads` exactly while it is in
 * CONN_HEAD; it has a request exactly between the whole head and the end of the answer. A dead
 * connection stays allocated until no function of it is on the stack (server->depth 0).
 */
#pragma once
#include "net/http.h"
#include "net/http_tls.h"

#define HTTP_IN_MAX 65536u /* unread bytes kept behind the current request */
#define HTTP_SCRATCH_BYTES 65536u
#define HTTP_OUT_HIGH (256u * 1024) /* above: http_answer_write is ERR_BUSY */
#define HTTP_OUT_LOW (64u * 1024)
#define HTTP_OUT_MAX ((size_t)256 << 20)
#define HTTP_DISCARD_MAX \
	65536u /* an unwanted body up to this is read and dropped to keep the connection */
#define HTTP_ARENA_BYTES ((size_t)8 << 20)
#define HTTP_POOL_MAX 64u

#define HTTP_IDLE_WAIT SPAN_S(60)
#define HTTP_HEAD_WAIT SPAN_S(10)
#define HTTP_BODY_GRACE SPAN_S(10)
#define HTTP_BODY_BYTES_PER_S 1024
#define HTTP_SEND_WAIT SPAN_S(30)
#define HTTP_HANDLER_WAIT SPAN_S(30)
#define HTTP_LINGER_WAIT SPAN_S(2)

enum conn_state {
	CONN_HEAD,   /* between requests, or in the middle of a head */
	CONN_BODY,   /* head read, body not yet whole */
	CONN_WAIT,   /* body whole, answer not yet whole */
	CONN_LAST,   /* the last answer is on its way out */
	CONN_LINGER, /* all is sent; what still comes is dropped, so that the answer is not lost to
	                a reset */
};

struct link {
	struct link *prev, *next;
};

struct http_conn {
	struct http_server *server;
	struct loop_io io;
	struct link all, heads;
	struct tls_conn *tls;
	struct http_request *req;
	struct buf in, out, body;
	size_t scanned;        /* of `in`, by http_head_find */
	size_t sent;           /* of `out` */
	size_t held;           /* what this connection counts in server->held */
	struct mono since;     /* of the state; HEAD: first byte of the head */
	struct mono out_since; /* last progress of sending */
	uint64_t body_left, body_got;
	struct http_chunks chunks;
	uint64_t answer_left; /* of a known length */
	enum conn_state state;
	uint16_t begin_status;
	bool body_chunked, body_paused, discard;
	bool begun; /* an answer was begun */
	bool answer_chunked, answer_unknown, answer_no_body;
	bool close_after, linger_after, eof, dead, unhurried, refused, busy;
	char remote[48];
};

struct pooled {
	struct http_request req; /* first: a request is its pooled */
	struct pooled *next;
};

struct http_listener {
	struct http_server *server;
	struct loop_io io;
	struct http_listener *next;
};

struct http_server {
	const struct mem *mem;
	struct loop *loop;
	const struct http_handler *handler;
	void *context;
	struct buf own_headers; /* the caller's common headers */
	struct buf common;      /* with the Date of this second */
	int64_t common_at_s;
	size_t connections_max, held_max, held, count;
	struct tls_server *tls;
	struct http_listener *listeners;
	struct link all, heads; /* heads: oldest first */
	struct link dead;
	struct pooled *pool;
	size_t pool_count;
	unsigned depth;
	bool draining, accept_paused;
	struct loop_timer sweep, accept_again;
	struct http_counters counters;
	char *scratch;
};

static inline void link_init(struct link *l)
{
	l->prev = l->next = l;
}
static inline void link_remove(struct link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	link_init(l);
}
static inline void link_append(struct link *list, struct link *l)
{
	l->prev = list->prev;
	l->next = list;
	list->prev->next = l;
	list->prev = l;
}

/* http_conn.c */
must_check enum err conn_open(struct http_server *s, int fd, const char *remote);
void conn_kill(struct http_conn *c); /* closes and marks dead; freed by server_reap */
void conn_sweep(struct http_conn *c, struct mono now);
/* http.c */
void server_reap(struct http_server *s); /* frees the dead when nothing of them is on the stack */
struct str server_common_headers(struct http_server *s);
struct http_request *server_request_take(struct http_server *s);
void server_request_give(struct http_server *s, struct http_request *req);
