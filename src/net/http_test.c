/* SPDX-License-Identifier: Apache-2.0
 *
 * The HTTP server on a real loopback socket with a clock that the test moves.
 */
#include "net/http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct fake {
	struct os os;
	int64_t shift_ns;
};
static struct mono fake_mono(const struct os *os)
{
	const struct fake *f = (const struct fake *)(const void *)os;
	return (struct mono){ os_linux.mono(&os_linux).ns + f->shift_ns };
}

struct world {
	struct fake fake;
	struct loop *loop;
	struct http_server *server;
	int port;
	struct http_request *later;
	unsigned begun, gone, drained, faults;
	uint64_t streamed;
	bool pause;
};

static void begin(void *context, struct http_request *req)
{
	struct world *w = context;
	w->begun++;
	if (str_eq(req->head.path, STR("/refuse"))) {
		http_answer(req, &(struct http_answer){ .status = 404, .body = STR("no") });
		return;
	}
	req->body_limit = 16;
	req->streamed = str_eq(req->head.path, STR("/stream"));
	if (req->streamed)
		req->body_limit = 1 << 20;
}
static bool body(void *context, struct http_request *req, struct str bytes)
{
	struct world *w = context;
	w->streamed += bytes.len;
	w->later = req;
	return !w->pause;
}
static void ready(void *context, struct http_request *req)
{
	struct world *w = context;
	struct str path = req->head.path;
	if (str_eq(path, STR("/later"))) {
		w->later = req;
	} else if (str_eq(path, STR("/big"))) {
		http_answer_begin(req, 200, STR("text/plain"), STR(""), HTTP_LENGTH_UNKNOWN);
		w->later = req;
	} else if (req->streamed) {
		char text[32];
		int n = snprintf(text, sizeof text, "%llu", (unsigned long long)w->streamed);
		http_answer(
		    req, &(struct http_answer){ .status = 200, .body = str_make(text, (size_t)n) });
	} else {
		http_answer(req, &(struct http_answer){ .status = 200,
		                     .content_type = STR("text/plain"),
		                     .headers = STR("X-A: b\r\n"),
		                     .body = str_empty(req->body) ? STR("hello") : req->body });
	}
}
static void on_fault(void *context, struct http_request *req, unsigned status, struct str text)
{
	struct world *w = context;
	w->faults++;
	http_answer(req, &(struct http_answer){ .status = status, .body = text });
}
static void drained(void *context, struct http_request *req)
{
	struct world *w = context;
	(void)req;
	w->drained++;
}
static void gone(void *context, struct http_request *req)
{
	struct world *w = context;
	w->gone++;
	if (w->later == req)
		w->later = NULL;
}
static const struct http_handler handler = { begin, body, ready, on_fault, drained, gone };

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	w->fake.os = os_linux;
	w->fake.os.mono = fake_mono;
	assert_int_equal(loop_open(&mem_system, &w->fake.os, &w->loop), OK);
	struct http_config config = { .mem = &mem_system,
		.loop = w->loop,
		.handler = &handler,
		.context = w,
		.common_headers = STR("X-Common: 1\r\n"),
		.connections_max = 8 };
	assert_int_equal(http_open(&config, &w->server), OK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	w->port = ntohs(a.sin_port);
	assert_int_equal(http_listen(w->server, fd), OK);
	return 0;
}
static int teardown(void **state)
{
	struct world *w = *state;
	http_close(&w->server);
	assert_int_equal(w->begun, w->gone);
	loop_close(&w->loop);
	free(w);
	return 0;
}

static void turns(struct world *w)
{
	for (int i = 0; i < 12; i++)
		assert_int_equal(loop_turn(w->loop, SPAN_MS(1)), OK);
}
static void pass(struct world *w, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		w->fake.shift_ns += NS_PER_S;
		assert_int_equal(loop_turn(w->loop, SPAN_MS(0)), OK);
	}
	turns(w);
}
static int client(struct world *w)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)w->port) };
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	turns(w);
	return fd;
}
static void say(struct world *w, int fd, struct str bytes)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			bytes = str_from(bytes, (size_t)n);
		turns(w);
	}
}
/* All that has come; *ret_end: the server closed. */
static struct str hear(struct world *w, int fd, char *buffer, size_t size, bool *ret_end)
{
	size_t len = 0;
	*ret_end = false;
	turns(w);
	for (;;) {
		ssize_t n = recv(fd, buffer + len, size - len, MSG_DONTWAIT);
		if (n <= 0) {
			*ret_end = n == 0 || errno == ECONNRESET;
			return str_make(buffer, len);
		}
		len += (size_t)n;
		turns(w);
	}
}
static bool has(struct str s, struct str part)
{
	return str_find_str(s, part) < s.len;
}

static void test_keep_alive_and_pipelining(void **state)
{
	struct world *w = *state;
	char buffer[8192];
	bool end;
	int fd = client(w);
	say(w, fd, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	struct str s = hear(w, fd, buffer, sizeof buffer, &end);
	assert_true(str_starts(s, STR("HTTP/1.1 200 OK\r\nDate: ")));
	assert_true(has(s, STR("X-Common: 1\r\n")) && has(s, STR("X-A: b\r\n")) &&
	            has(s, STR("Content-Length: 5\r\n")));
	assert_true(str_ends(s, STR("\r\n\r\nhello")) && !end);
	/* three at once, one of them without a body in the answer */
	say(w, fd,
	    STR("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nonePOST /b "
	        "HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
	        "chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\nConnection: "
	        "close\r\n\r\n"));
	s = hear(w, fd, buffer, sizeof buffer, &end);
	assert_true(
	    has(s, STR("\r\n\r\noneHTTP/1.1 200 OK")) && has(s, STR("\r\n\r\ntwoHTTP/1.1 200 OK")));
	assert_true(str_ends(s, STR("Content-Length: 5\r\nConnection: close\r\n\r\n")) && end);
	assert_int_equal(w->begun, 4);
	assert_int_equal(http_connection_count(w->server), 0);
	close(fd);
}

static void test_faults(void **state)
{
	static const struct {
		struct str bytes, answer;
		bool end;
	} cases[] = {
		{ STR_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: "
		           "1\r\n\r\nxGET /smuggled HTTP/1.1\r\n\r\n"),
		    STR_INIT("HTTP/1.1 400 "), true },
		{ STR_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 17\r\n\r\n"),
		    STR_INIT("HTTP/1.1 413 "), true },
		{ STR_INIT("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
		           "chunked\r\n\r\n11\r\n12345678901234567\r\n"),
		    STR_INIT("HTTP/1.1 413 "), true },
		{ STR_INIT(
		      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
		    STR_INIT("HTTP/1.1 400 "), true },
		{ STR_INIT("GET / HTTP/1.1\r\n\r\n"), STR_INIT("HTTP/1.1 400 "), true },
		{ STR_INIT("\x16\x03\x01"), STR_INIT("HTTP/1.1 400 "), true },
		{ STR_INIT("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: "
		           "100-continue\r\n\r\n"),
		    STR_INIT("HTTP/1.1 100 Continue\r\n\r\n"), false },
		{ STR_INIT("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / "
		           "HTTP/1.1\r\nHost: a\r\n\r\n"),
		    STR_INIT("HTTP/1.1 404 "), false },
		{ STR_INIT(
		      "POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc"),
		    STR_INIT("HTTP/1.1 404 "), true },
	};
	struct world *w = *state;
	char buffer[8192];
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		bool end;
		int fd = client(w);
		say(w, fd, cases[i].bytes);
		struct str s = hear(w, fd, buffer, sizeof buffer, &end);
		if (!str_starts(s, cases[i].answer) || end != cases[i].end ||
		    has(s, STR("smuggled")))
			fail_msg("case %zu: end %d: %.*s", i, end, STR_ARG(s));
		close(fd);
		turns(w);
	}
	pass(w, 3); /* what lingers is closed */
	assert_int_equal(http_connection_count(w->server), 0);
}

static void test_one_connection_after_a_refused_body(void **state)
{
	struct world *w = *state;
	char buffer[8192];
	bool end;
	int fd = client(w);
	say(w, fd, STR("POST /refuse HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na"));
	say(w, fd, STR("bcGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	struct str s = hear(w, fd, buffer, sizeof buffer, &end);
	assert_true(has(s, STR("404 Not Found")) && str_ends(s, STR("\r\n\r\nhello")) && !end);
	close(fd);
}

static void test_later_and_client_leaves(void **state)
{
	struct world *w = *state;
	char buffer[8192];
	bool end;
	int fd = client(w);
	say(w, fd, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_non_null(w->later);
	assert_int_equal(hear(w, fd, buffer, sizeof buffer, &end).len, 0);
	http_answer(w->later, &(struct http_answer){ .status = 202, .body = STR("now") });
	struct str s = hear(w, fd, buffer, sizeof buffer, &end);
	assert_true(str_starts(s, STR("HTTP/1.1 202 Accepted")) && str_ends(s, STR("hello")));
	/* half-closed: the answer is still wanted */
	say(w, fd, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	shutdown(fd, SHUT_WR);
	turns(w);
	assert_non_null(w->later);
	http_answer(w->later, &(struct http_answer){ .status = 200, .body = STR("late") });
	s = hear(w, fd, buffer, sizeof buffer, &end);
	assert_true(str_ends(s, STR("late")) && end);
	close(fd);
	/* reset: gone is told */
	fd = client(w);
	say(w, fd, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	struct linger hard = { 1, 0 };
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
	assert_non_null(w->later);
	close(fd);
	turns(w);
	assert_null(w->later);
}

static void test_time(void **state)
{
	struct world *w = *state;
	char buffer[8192];
	bool end;
	int idle = client(w), slow = client(w), slow_body = client(w), waiting = client(w);
	say(w, slow, STR("GET / HTTP/1.1\r\nHost"));
	say(w, slow_body, STR("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"));
	say(w, waiting, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	pass(w, 5);
	say(w, slow, STR(": a\r\nX: ")); /* a byte now and then does not help */
	pass(w, 7);
	assert_true(str_starts(hear(w, slow, buffer, sizeof buffer, &end), STR("HTTP/1.1 408 ")));
	assert_true(
	    str_starts(hear(w, slow_body, buffer, sizeof buffer, &end), STR("HTTP/1.1 408 ")));
	assert_int_equal(hear(w, waiting, buffer, sizeof buffer, &end).len, 0);
	pass(w, 20);
	assert_true(
	    str_starts(hear(w, waiting, buffer, sizeof buffer, &end), STR("HTTP/1.1 503 ")));
	assert_int_equal(hear(w, idle, buffer, sizeof buffer, &end).len, 0);
	assert_false(end);
	pass(w, 30);
	hear(w, idle, buffer, sizeof buffer, &end);
	assert_true(end);
	close(idle);
	close(slow);
	close(slow_body);
	close(waiting);
	pass(w, 3);
	assert_int_equal(http_connection_count(w->server), 0);
}

static void test_the_longest_idle_makes_room(void **state)
{
	struct world *w = *state;
	int fds[9];
	char buffer[4096];
	bool end;
	for (size_t i = 0; i < 9; i++) /* eight are allowed */
		fds[i] = client(w);
	assert_int_equal(http_connection_count(w->server), 8);
	assert_int_equal(http_counters(w->server)->evicted, 1);
	hear(w, fds[0], buffer, sizeof buffer, &end);
	assert_true(end);
	say(w, fds[8], STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_true(str_ends(hear(w, fds[8], buffer, sizeof buffer, &end), STR("hello")));
	for (size_t i = 0; i < 9; i++)
		close(fds[i]);
}

static void test_streamed_body_pauses(void **state)
{
	struct world *w = *state;
	static char bytes[200000];
	char buffer[4096];
	bool end;
	int fd = client(w);
	w->pause = true;
	say(w, fd, STR("POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n"));
	struct str rest = str_make(bytes, sizeof bytes);
	uint64_t seen = 0;
	unsigned pauses = 0;
	while (rest.len > 0 || w->streamed < sizeof bytes) {
		ssize_t n =
		    rest.len ? send(fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
		if (n > 0)
			rest = str_from(rest, (size_t)n);
		turns(w);
		if (w->streamed > seen) {
			assert_true(w->streamed - seen <= 131072);
			seen = w->streamed;
			pauses++;
			turns(w);
			assert_int_equal(w->streamed, seen); /* nothing comes while paused */
			http_resume(w->later);
		}
	}
	assert_true(pauses >= 2);
	assert_true(str_ends(hear(w, fd, buffer, sizeof buffer, &end), STR("\r\n\r\n200000")));
	close(fd);
}

static void test_streamed_answer_waits_for_its_reader(void **state)
{
	struct world *w = *state;
	static char piece[65536], buffer[65536];
	bool end;
	int fd = client(w);
	say(w, fd, STR("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
	assert_non_null(w->later);
	size_t sent = 0;
	enum err e = OK;
	while (sent < ((size_t)64 << 20) &&
	       (e = http_answer_write(w->later, str_make(piece, sizeof piece))) == OK)
		sent += sizeof piece;
	assert_int_equal(e, ERR_BUSY); /* bounded, far below what was offered */
	size_t got = 0;
	while (w->drained == 0)
		got += hear(w, fd, buffer, 65536, &end).len;
	assert_int_equal(http_answer_write(w->later, STR("end")), OK);
	http_answer_end(w->later);
	struct str last = STR("");
	do {
		last = hear(w, fd, buffer, 65536, &end);
		got += last.len;
	} while (last.len > 0);
	assert_true(got > sent);
	say(w, fd, STR("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
	assert_true(str_ends(hear(w, fd, buffer, sizeof buffer, &end), STR("hello")) && end);
	/* a reader that takes nothing is cut */
	fd = client(w);
	say(w, fd, STR("GET /big HTTP/1.1\r\nHost: a\r\n\r\n"));
	while (http_answer_write(w->later, str_make(piece, sizeof piece)) == OK)
		;
	pass(w, 32);
	assert_null(w->later);
	close(fd);
}

static void test_drain(void **state)
{
	struct world *w = *state;
	char buffer[4096];
	bool end;
	int idle = client(w), busy = client(w);
	say(w, busy, STR("GET /later HTTP/1.1\r\nHost: a\r\n\r\n"));
	http_drain(w->server);
	hear(w, idle, buffer, sizeof buffer, &end);
	assert_true(end);
	http_answer(w->later, &(struct http_answer){ .status = 200, .body = STR("bye") });
	struct str s = hear(w, busy, buffer, sizeof buffer, &end);
	assert_true(str_ends(s, STR("bye")) && has(s, STR("Connection: close")) && end);
	assert_int_equal(http_connection_count(w->server), 0);
	close(idle);
	close(busy);
}

/* Whichever allocation fails, the server neither crashes nor keeps anything, and every begin has
 * its gone. */
static void test_each_allocation_fails_once(void **state)
{
	struct world *w = *state;
	http_close(&w->server);
	unsigned answered = 0;
	for (size_t n = 1; n < 100; n++) {
		struct mem_faulty f = mem_faulty_make(n);
		struct http_config config = {
			.mem = &f.iface, .loop = w->loop, .handler = &handler, .context = w
		};
		bool end = false;
		if (http_open(&config, &w->server) != OK) {
			assert_int_equal(f.live, 0);
			continue;
		}
		struct sockaddr_in a = { .sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		socklen_t len = sizeof a;
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
		assert_int_equal(listen(fd, 4), 0);
		assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
		w->port = ntohs(a.sin_port);
		if (http_listen(w->server, fd) != OK) {
			close(fd);
		} else {
			char buffer[8192];
			int c = client(w);
			say(w, c,
			    STR("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\noneGET "
			        "/big HTTP/1.1\r\nHost: a\r\n\r\n"));
			if (w->later && http_answer_write(w->later, STR("some")) == OK && w->later)
				http_answer_end(w->later);
			struct str got = hear(w, c, buffer, sizeof buffer, &end);
			answered += has(got, STR("one")) && has(got, STR("some"));
			close(c);
			turns(w);
		}
		http_close(&w->server);
		assert_int_equal(f.live, 0);
		assert_int_equal(w->begun, w->gone);
	}
	assert_true(answered > 40); /* beyond the last allocation all is well */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_keep_alive_and_pipelining),
		T(test_faults),
		T(test_one_connection_after_a_refused_body),
		T(test_later_and_client_leaves),
		T(test_time),
		T(test_the_longest_idle_makes_room),
		T(test_streamed_body_pauses),
		T(test_streamed_answer_waits_for_its_reader),
		T(test_drain),
		T(test_each_allocation_fails_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
