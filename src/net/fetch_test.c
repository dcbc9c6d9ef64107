/* SPDX-License-Identifier: Apache-2.0
 *
 * The client against a small server on the same loop. Real servers, TLS and mail are in
 * tests/notify.
 */
#include "net/fetch.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
	struct loop *loop;
	struct fetch *fetch;
	/* the server */
	struct loop_io listener, conn;
	struct buf got;
	const char *answer; /* NULL: silence; "": cut */
	char url[64];
	/* the last result */
	unsigned done;
	enum fetch_end end;
	unsigned status;
	bool began;
	struct buf body;
};

static void conn_close(struct world *w)
{
	if (w->conn.fd < 0)
		return;
	loop_io_remove(w->loop, &w->conn);
	close(w->conn.fd);
	w->conn.fd = -1;
}

static void conn_ready(struct loop_io *io, unsigned events)
{
	struct world *w = container_of(io, struct world, conn);
	char in[4096];
	(void)events;
	ssize_t n = recv(io->fd, in, sizeof(in), MSG_DONTWAIT);
	if (n <= 0) {
		conn_close(w);
		return;
	}
	buf_add(&w->got, str_make(in, (size_t)n));
	if (!w->answer || str_find_str(buf_str(&w->got), STR("\r\n\r\n")) == w->got.len)
		return;
	if (w->answer[0])
		assert_int_equal(send(io->fd, w->answer, strlen(w->answer), MSG_NOSIGNAL),
		    (ssize_t)strlen(w->answer));
	conn_close(w);
}

static void listener_ready(struct loop_io *io, unsigned events)
{
	struct world *w = container_of(io, struct world, listener);
	(void)events;
	conn_close(w);
	w->conn.fd = accept(io->fd, NULL, NULL);
	assert_true(w->conn.fd >= 0);
	assert_int_equal(loop_io_add(w->loop, &w->conn, LOOP_READ), OK);
}

static void world_open(struct world *w)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	*w = (struct world){ .got = buf_make(&mem_system, 1 << 16),
		.body = buf_make(&mem_system, 1 << 16) };
	assert_int_equal(loop_open(&mem_system, &os_linux, &w->loop), OK);
	assert_int_equal(
	    fetch_open(&mem_system, w->loop, (struct fetch_limits){ 2, 2 }, &w->fetch), OK);
	w->conn.fd = -1;
	w->conn.ready = conn_ready;
	w->listener.ready = listener_ready;
	w->listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener.fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(w->listener.fd, 8), 0);
	assert_int_equal(getsockname(w->listener.fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(loop_io_add(w->loop, &w->listener, LOOP_READ), OK);
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/x", ntohs(address.sin_port));
}

static void world_close(struct world *w)
{
	fetch_close(&w->fetch);
	conn_close(w);
	loop_io_remove(w->loop, &w->listener);
	close(w->listener.fd);
	loop_close(&w->loop);
	buf_free(&w->got);
	buf_free(&w->body);
}

static void done(void *context, const struct fetch_result *r)
{
	struct world *w = context;
	w->done++;
	w->end = r->end;
	w->status = r->status;
	w->began = r->began;
	buf_clear(&w->body);
	buf_add(&w->body, r->answer);
}

static struct fetch_request request_of(struct world *w)
{
	return (struct fetch_request){ .kind = FETCH_HTTP,
		.url = str_c(w->url),
		.method = STR("POST"),
		.body = STR("hello"),
		.timeout = SPAN_S(10),
		.answer_bytes_max = 5 };
}

static struct fetch_call *start(struct world *w, const struct fetch_request *r)
{
	struct fetch_call *call = NULL;
	assert_int_equal(fetch_start(w->fetch, r, done, w, &call), OK);
	return call;
}

static void run_until_done(struct world *w)
{
	for (unsigned i = 0; i < 10000 && !w->done; i++)
		assert_int_equal(loop_turn(w->loop, SPAN_MS(100)), OK);
	assert_int_equal(w->done, 1);
}

static void test_post(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	w.answer = "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nabcdefghi";
	struct fetch_header headers[] = { { STR("X-One"), STR("1") }, { STR("X-None"), STR("") } };
	struct fetch_request r = request_of(&w);
	r.headers = headers;
	r.header_count = 2;
	r.username = STR("u");
	r.password = STR("p");
	start(&w, &r);
	assert_int_equal(w.done, 0); /* never from within fetch_start */
	run_until_done(&w);
	assert_int_equal(w.end, FETCH_ANSWERED);
	assert_int_equal(w.status, 201);
	assert_true(w.began);
	assert_true(str_eq(buf_str(&w.body), STR("abcde"))); /* cut at the limit */
	struct str got = buf_str(&w.got);
	assert_true(str_starts(got, STR("POST /x HTTP/1.1\r\n")));
	assert_true(str_find_str(got, STR("\r\nX-One: 1\r\n")) < got.len);
	assert_true(str_find_str(got, STR("\r\nX-None:\r\n")) < got.len);
	assert_true(str_find_str(got, STR("\r\nAuthorization: Basic dTpw\r\n")) < got.len);
	assert_true(str_find_str(got, STR("Expect")) == got.len);
	assert_int_equal(fetch_calls(w.fetch), 0);
	world_close(&w);
}

static void test_cut(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	w.answer = "";
	struct fetch_request r = request_of(&w);
	start(&w, &r);
	run_until_done(&w);
	assert_int_equal(w.end, FETCH_CUT);
	assert_int_equal(w.status, 0);
	assert_true(w.began);
	world_close(&w);
}

/* A head that came is an answer even when the body behind it is cut off. */
static void test_cut_body(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	w.answer = "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nabc";
	struct fetch_request r = request_of(&w);
	start(&w, &r);
	run_until_done(&w);
	assert_int_equal(w.end, FETCH_ANSWERED);
	assert_int_equal(w.status, 500);
	world_close(&w);
}

static void test_timeout(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct fetch_request r = request_of(&w);
	r.timeout = SPAN_MS(50);
	start(&w, &r);
	run_until_done(&w);
	assert_int_equal(w.end, FETCH_TIMEOUT);
	world_close(&w);
}

static void test_nobody_there(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	loop_io_remove(w.loop, &w.listener);
	close(w.listener.fd);
	struct fetch_request r = request_of(&w);
	start(&w, &r);
	run_until_done(&w);
	assert_int_equal(w.end, FETCH_CONNECT);
	assert_false(w.began);
	w.listener.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(loop_io_add(w.loop, &w.listener, LOOP_READ), OK);
	world_close(&w);
}

static void test_cancel(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct fetch_request r = request_of(&w);
	struct fetch_call *call = start(&w, &r);
	assert_false(fetch_call_began(call));
	for (unsigned i = 0; i < 1000 && !fetch_call_began(call); i++)
		assert_int_equal(loop_turn(w.loop, SPAN_MS(100)), OK);
	assert_true(fetch_call_began(call));
	fetch_cancel(&call);
	assert_null(call);
	assert_int_equal(fetch_calls(w.fetch), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(loop_turn(w.loop, SPAN_MS(5)), OK);
	assert_int_equal(w.done, 0);
	fetch_cancel(&call); /* NULL is fine */
	world_close(&w);
}

static void test_limits(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct fetch_request r = request_of(&w);
	struct fetch_call *call = NULL;
	start(&w, &r);
	start(&w, &r);
	assert_int_equal(fetch_start(w.fetch, &r, done, &w, &call), ERR_BUSY);
	assert_null(call);
	world_close(&w); /* with both under way: nothing is lost and done is not called */
	assert_int_equal(w.done, 0);
}

static void test_what_cannot_be_asked(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct fetch_header evil[] = { { STR("X"), STR("a\r\nY: b") } };
	struct fetch_call *call = NULL;
	struct fetch_request r = request_of(&w);
	r.headers = evil;
	r.header_count = 1;
	assert_int_equal(fetch_start(w.fetch, &r, done, &w, &call), ERR_INPUT);
	r = request_of(&w);
	r.url = STR("http://h/\n");
	assert_int_equal(fetch_start(w.fetch, &r, done, &w, &call), ERR_INPUT);
	r.kind = FETCH_MAIL;
	r.url = STR("smtp://127.0.0.1:1");
	r.mail_from = STR("a@b");
	static const struct str to[] = { STR_INIT(""), STR_INIT("a@b>\r\nDATA"), STR_INIT("a@b> x"),
		STR_INIT("<a@b>") };
	for (size_t i = 0; i < ARRAY_COUNT(to); i++) {
		r.mail_to = to[i];
		assert_int_equal(fetch_start(w.fetch, &r, done, &w, &call), ERR_INPUT);
	}
	assert_int_equal(fetch_calls(w.fetch), 0);
	/* a protocol of another kind is refused by the exchange */
	static const struct str urls[] = { STR_INIT("file:///etc/passwd"),
		STR_INIT("smtp://127.0.0.1:1"), STR_INIT("gopher://127.0.0.1:1/"),
		STR_INIT("http://[") };
	for (size_t i = 0; i < ARRAY_COUNT(urls); i++) {
		w.done = 0;
		r = request_of(&w);
		r.url = urls[i];
		start(&w, &r);
		run_until_done(&w);
		assert_int_equal(w.end, FETCH_WRONG);
		assert_false(w.began);
	}
	world_close(&w);
}

/* Opening and starting with every allocation of ours failing once: the right error, and nothing
 * lost. */
static void test_every_allocation_may_fail(void **state)
{
	(void)state;
	struct world w;
	world_open(&w);
	for (int mail = 0; mail < 2; mail++)
		for (size_t at = 1;; at++) {
			struct mem_faulty f = mem_faulty_make(at);
			struct fetch *fetch = NULL;
			struct fetch_call *call = NULL;
			struct fetch_header header = { STR("X-One"), STR("1") };
			struct fetch_request r = request_of(&w);
			r.headers = &header;
			r.header_count = 1;
			if (mail) {
				r.kind = FETCH_MAIL;
				r.url = STR("smtp://127.0.0.1:1");
				r.mail_from = r.mail_to = STR("a@b");
				r.username = r.password = STR("x");
			}
			enum err e =
			    fetch_open(&f.iface, w.loop, (struct fetch_limits){ 2, 2 }, &fetch);
			if (e == OK)
				e = fetch_start(fetch, &r, done, &w, &call);
			fetch_close(&fetch);
			assert_int_equal(f.live, 0);
			if (e == OK && f.calls < at)
				break;
			assert_int_equal(e, ERR_NOMEM);
		}
	assert_int_equal(w.done, 0);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_post),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_body),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_what_cannot_be_asked),
		cmocka_unit_test(test_every_allocation_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
