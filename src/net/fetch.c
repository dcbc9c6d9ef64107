/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl tells which sockets and which one timer it wants (its socket and timer callbacks) and is
 * told when they are due (curl_multi_socket_action). Its callbacks only note things; finished
 * transfers are read afterwards, outside of them, so a done function may start and cancel calls
 * freely.
 *
 * Traps met. Removing a handle whose name is still being resolved joins the resolver's thread and
 * so blocks the loop, unless CURLOPT_QUICK_EXIT is set. Ending a mail connection sends QUIT and
 * waits for the answer, blocking, for as long as a server cares to be silent; so libcurl only
 * brings mail connections up (CONNECT_ONLY: greeting, EHLO, STARTTLS, AUTH) and net/smtp.c speaks
 * the rest over its send and receive.
 */
#include "net/fetch.h"
#include "net/smtp.h"
#include <assert.h>
#include <curl/curl.h>

#define CONNECT_TIMEOUT_MS 10000L
#define URL_BYTES_MAX 8192u
#define LINE_BYTES_MAX 512u
#define BODY_BYTES_MAX (1u << 20)
#define CA_BYTES_MAX (4u << 20)
#define TEXT_BYTES_MAX 16384u
#define KEPT_CONNECTIONS 32L

struct fetch {
	const struct mem *mem;
	struct loop *loop;
	CURLM *multi;
	struct loop_timer timer;
	struct fetch_limits limits;
	struct fetch_call *calls; /* all in progress */
	size_t call_count;
	bool draining; /* reading finished transfers */
};

/* A socket of libcurl's. */
struct fetch_socket {
	struct loop_io io;
	struct fetch *fetch;
};

struct fetch_call {
	struct fetch *fetch;
	struct fetch_call *prev, *next;
	CURL *easy;
	enum fetch_kind kind;
	void (*done)(void *context, const struct fetch_result *result);
	void *context;
	struct curl_slist *headers;
	struct buf body, answer;
	bool began; /* HTTP */
	struct mono started;
	struct loop_timer deadline;
	char error[CURL_ERROR_SIZE];
	/* MAIL */
	struct buf from, to;
	bool in_dialogue;
	struct smtp smtp;
	struct loop_io io; /* added while in_dialogue */
	unsigned io_events;
};

static void drain(struct fetch *fetch);

/* ---- libcurl's wishes ---- */

static void socket_ready(struct loop_io *io, unsigned events)
{
	struct fetch_socket *s = container_of(io, struct fetch_socket, io);
	struct fetch *fetch = s->fetch;
	int mask = 0, running;
	if (events & LOOP_READ)
		mask |= CURL_CSELECT_IN;
	if (events & LOOP_WRITE)
		mask |= CURL_CSELECT_OUT;
	/* Not CURL_CSELECT_ERR: what the server said before it hung up must still be read. */
	if (events & LOOP_HANGUP)
		mask |= io->events & LOOP_WRITE ? CURL_CSELECT_OUT : CURL_CSELECT_IN;
	curl_multi_socket_action(fetch->multi, io->fd, mask, &running);
	drain(fetch);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *socket_context)
{
	(void)easy;
	struct fetch *fetch = context;
	struct fetch_socket *s = socket_context;
	if (what == CURL_POLL_REMOVE) {
		if (s) {
			loop_io_remove(fetch->loop, &s->io);
			curl_multi_assign(fetch->multi, fd, NULL);
			mem_free(fetch->mem, s);
		}
		return 0;
	}
	unsigned events =
	    (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
	if (s)
		return loop_io_change(fetch->loop, &s->io, events) == OK ? 0 : -1;
	s = mem_new(fetch->mem, 1, sizeof(*s));
	if (!s)
		return -1;
	s->fetch = fetch;
	s->io.fd = fd;
	s->io.ready = socket_ready;
	if (loop_io_add(fetch->loop, &s->io, events) != OK) {
		mem_free(fetch->mem, s);
		return -1;
	}
	curl_multi_assign(fetch->multi, fd, s);
	return 0;
}

static void timer_fire(struct loop_timer *timer)
{
	struct fetch *fetch = container_of(timer, struct fetch, timer);
	int running;
	curl_multi_socket_action(fetch->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	drain(fetch);
}

static int on_timer(CURLM *multi, long timeout_ms, void *context)
{
	(void)multi;
	struct fetch *fetch = context;
	if (timeout_ms < 0)
		loop_timer_clear(fetch->loop, &fetch->timer);
	else
		loop_timer_after(fetch->loop, &fetch->timer, SPAN_MS(timeout_ms));
	return 0;
}

/* ---- open and close ---- */

static bool libcurl_is_fit(void)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	bool smtp = false, https = false;
	for (size_t i = 0; info->protocols[i]; i++) {
		smtp = smtp || strcmp(info->protocols[i], "smtps") == 0;
		https = https || strcmp(info->protocols[i], "https") == 0;
	}
	return smtp && https && (info->features & CURL_VERSION_ASYNCHDNS) &&
	       (info->features & CURL_VERSION_SSL);
}

enum err fetch_open(
    const struct mem *mem, struct loop *loop, struct fetch_limits limits, struct fetch **ret_fetch)
{
	assert(limits.calls > 0 && limits.connections_host > 0);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return ERR_IO;
	if (!libcurl_is_fit()) {
		curl_global_cleanup();
		return ERR_IO;
	}
	struct fetch *fetch = mem_new(mem, 1, sizeof(*fetch));
	CURLM *multi = fetch ? curl_multi_init() : NULL;
	if (!multi) {
		mem_free(mem, fetch);
		curl_global_cleanup();
		return ERR_NOMEM;
	}
	fetch->mem = mem;
	fetch->loop = loop;
	fetch->multi = multi;
	fetch->limits = limits;
	fetch->timer.fire = timer_fire;
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, fetch);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(multi, CURLMOPT_TIMERDATA, fetch);
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)limits.connections_host);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	*ret_fetch = fetch;
	return OK;
}

static void call_free(struct fetch_call *call)
{
	struct fetch *fetch = call->fetch;
	loop_timer_clear(fetch->loop, &call->deadline);
	if (call->in_dialogue) {
		loop_io_remove(fetch->loop, &call->io);
		smtp_free(&call->smtp);
	}
	if (call->easy) {
		curl_multi_remove_handle(fetch->multi, call->easy);
		curl_easy_cleanup(call->easy);
	}
	curl_slist_free_all(call->headers);
	buf_free(&call->body);
	buf_free(&call->answer);
	buf_free(&call->from);
	buf_free(&call->to);
	mem_free(fetch->mem, call);
}

static void call_unlink(struct fetch_call *call)
{
	struct fetch *fetch = call->fetch;
	assert(fetch->call_count > 0);
	if (call->prev)
		call->prev->next = call->next;
	else
		fetch->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	call->prev = call->next = NULL;
	fetch->call_count--;
}

void fetch_close(struct fetch **ref)
{
	struct fetch *fetch = *ref;
	if (!fetch)
		return;
	assert(!fetch->draining);
	while (fetch->calls) {
		struct fetch_call *call = fetch->calls;
		call_unlink(call);
		call_free(call);
	}
	loop_timer_clear(fetch->loop, &fetch->timer);
	curl_multi_cleanup(fetch->multi);
	/* closing kept connections may have set it again */
	loop_timer_clear(fetch->loop, &fetch->timer);
	mem_free(fetch->mem, fetch);
	curl_global_cleanup();
	*ref = NULL;
}

size_t fetch_calls(const struct fetch *fetch)
{
	return fetch->call_count;
}

/* ---- one call ---- */

/* HTTP: about to send the request, after the connection stands. */
static int on_begin(void *context, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
	(void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
	struct fetch_call *call = context;
	if (call->kind == FETCH_HTTP)
		call->began = true;
	return CURL_PREREQFUNC_OK;
}

static size_t on_write(char *in, size_t size, size_t count, void *context)
{
	struct fetch_call *call = context;
	size_t n = size * count, room = call->answer.limit - call->answer.len;
	buf_add(&call->answer, str_make(in, n < room ? n : room));
	return n;
}

/* MAIL: each line that the server says while the connection is brought up; the last one stays. */
static size_t on_header(char *in, size_t size, size_t count, void *context)
{
	struct fetch_call *call = context;
	size_t n = size * count;
	if (call->kind == FETCH_MAIL) {
		buf_clear(&call->answer);
		buf_add(&call->answer, str_first(str_trim(str_make(in, n)), call->answer.limit));
	}
	return n;
}

static bool is_plain(struct str s, size_t limit)
{
	if (s.len > limit)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
			return false;
	return true;
}

/* libcurl wants NUL-terminated text and copies it. */
static enum err set_text(struct fetch_call *call, CURLoption option, struct str s, size_t limit)
{
	if (!is_plain(s, limit))
		return ERR_INPUT;
	own(buf_free) struct buf z = buf_make(call->fetch->mem, limit + 1);
	buf_add(&z, s);
	if (z.err != OK)
		return z.err;
	return curl_easy_setopt(call->easy, option, z.ptr ? z.ptr : "") == CURLE_OK ? OK
	                                                                            : ERR_NOMEM;
}

static enum err add_header(struct fetch_call *call, struct str name, struct str value)
{
	if (!is_plain(name, TEXT_BYTES_MAX) || !is_plain(value, TEXT_BYTES_MAX) || name.len == 0)
		return ERR_INPUT;
	own(buf_free) struct buf z = buf_make(call->fetch->mem, 2 * TEXT_BYTES_MAX + 8);
	buf_add(&z, name);
	/* libcurl's way to say: with nothing in it; "name:" would remove it */
	buf_add_c(&z, value.len > 0 ? ": " : ";");
	buf_add(&z, value);
	if (z.err != OK)
		return z.err;
	struct curl_slist *longer = curl_slist_append(call->headers, z.ptr);
	if (!longer)
		return ERR_NOMEM;
	call->headers = longer;
	return OK;
}

/* What holds for every request, whoever asks. */
static enum err set_common(struct fetch_call *call, const struct fetch_request *r)
{
	CURL *easy = call->easy;
	long timeout_ms = (long)(r->timeout.ns / NS_PER_MS);
	CURLcode c = CURLE_OK;
	c = c ? c : curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_PROXY, "");
	c = c ? c : curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	c = c ? c
	      : curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
	            timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_write);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	if (r->ca_pem.len > 0) {
		struct curl_blob blob = { (void *)(uintptr_t)r->ca_pem.ptr, r->ca_pem.len,
			CURL_BLOB_COPY };
		c = c ? c : curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
		c = c ? c : curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	if (c != CURLE_OK)
		return ERR_NOMEM;
	enum err e = set_text(call, CURLOPT_URL, r->url, URL_BYTES_MAX);
	if (e == OK && r->username.len > 0)
		e = set_text(call, CURLOPT_USERNAME, r->username, TEXT_BYTES_MAX);
	if (e == OK && r->username.len > 0)
		e = set_text(call, CURLOPT_PASSWORD, r->password, TEXT_BYTES_MAX);
	return e;
}

static enum err set_http(struct fetch_call *call, const struct fetch_request *r)
{
	CURL *easy = call->easy;
	buf_add(&call->body, r->body);
	if (call->body.err != OK)
		return call->body.err;
	CURLcode c = CURLE_OK;
	c = c ? c : curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	c = c ? c : curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_begin);
	c = c ? c : curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	if (r->body.len > 0 || str_eq(r->method, STR("POST"))) {
		c = c ? c : curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)call->body.len);
		c = c ? c
		      : curl_easy_setopt(
		            easy, CURLOPT_POSTFIELDS, call->body.ptr ? call->body.ptr : "");
	}
	if (c != CURLE_OK)
		return ERR_NOMEM;
	enum err e = OK;
	if (!str_eq(r->method, STR("POST")))
		e = set_text(call, CURLOPT_CUSTOMREQUEST, r->method, 32);
	for (size_t i = 0; e == OK && i < r->header_count; i++)
		e = add_header(call, r->headers[i].name, r->headers[i].value);
	if (e != OK)
		return e;
	/* no waiting for 100 Continue */
	struct curl_slist *longer = curl_slist_append(call->headers, "Expect:");
	if (!longer)
		return ERR_NOMEM;
	call->headers = longer;
	return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK ? OK
	                                                                             : ERR_NOMEM;
}

static bool is_bare_address(struct str s)
{
	if (s.len == 0 || !is_plain(s, 320))
		return false;
	return str_find(s, '<') == s.len && str_find(s, '>') == s.len && str_find(s, ' ') == s.len;
}

static enum err set_mail(struct fetch_call *call, const struct fetch_request *r)
{
	if (!is_bare_address(r->mail_from) || !is_bare_address(r->mail_to))
		return ERR_INPUT;
	buf_add(&call->body, r->body);
	buf_add(&call->from, r->mail_from);
	buf_add(&call->to, r->mail_to);
	if (call->body.err != OK || call->from.err != OK || call->to.err != OK)
		return ERR_NOMEM;
	static const long use_ssl[] = { [FETCH_TLS_REQUIRED] = CURLUSESSL_ALL,
		[FETCH_TLS_IF_OFFERED] = CURLUSESSL_TRY,
		[FETCH_TLS_OFF] = CURLUSESSL_NONE };
	CURLcode c = CURLE_OK;
	c = c ? c : curl_easy_setopt(call->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	c = c ? c : curl_easy_setopt(call->easy, CURLOPT_USE_SSL, use_ssl[r->tls]);
	c = c ? c : curl_easy_setopt(call->easy, CURLOPT_CONNECT_ONLY, 1L);
	return c == CURLE_OK ? OK : ERR_NOMEM;
}

static void deadline_fire(struct loop_timer *timer);

enum err fetch_start(struct fetch *fetch, const struct fetch_request *request,
    void (*done)(void *context, const struct fetch_result *result), void *context,
    struct fetch_call **ret_call)
{
	assert(request->timeout.ns > 0 && request->answer_bytes_max > 0);
	if (fetch->call_count >= fetch->limits.calls)
		return ERR_BUSY;
	if (request->ca_pem.len > CA_BYTES_MAX)
		return ERR_INPUT;
	struct fetch_call *call = mem_new(fetch->mem, 1, sizeof(*call));
	if (!call)
		return ERR_NOMEM;
	call->fetch = fetch;
	call->kind = request->kind;
	call->done = done;
	call->context = context;
	call->started = loop_now(fetch->loop);
	call->deadline.fire = deadline_fire;
	call->body = buf_make(fetch->mem, BODY_BYTES_MAX);
	call->answer = buf_make(fetch->mem, request->answer_bytes_max);
	call->from = buf_make(fetch->mem, LINE_BYTES_MAX);
	call->to = buf_make(fetch->mem, LINE_BYTES_MAX);
	call->easy = curl_easy_init();
	enum err e = call->easy ? set_common(call, request) : ERR_NOMEM;
	if (e == OK)
		e = call->kind == FETCH_HTTP ? set_http(call, request) : set_mail(call, request);
	if (e == OK && curl_multi_add_handle(fetch->multi, call->easy) != CURLM_OK)
		e = ERR_NOMEM;
	if (e != OK) {
		call_free(call);
		return e;
	}
	call->next = fetch->calls;
	if (call->next)
		call->next->prev = call;
	fetch->calls = call;
	fetch->call_count++;
	loop_timer_after(fetch->loop, &call->deadline, request->timeout);
	*ret_call = call;
	return OK;
}

bool fetch_call_began(const struct fetch_call *call)
{
	return call->began || (call->in_dialogue && call->smtp.began);
}

void fetch_cancel(struct fetch_call **call)
{
	if (!*call)
		return;
	call_unlink(*call);
	call_free(*call);
	*call = NULL;
}

/* ---- results ---- */

static enum fetch_end end_of(CURLcode code)
{
	switch (code) {
	case CURLE_OK: return FETCH_ANSWERED;
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY: return FETCH_NAME;
	case CURLE_COULDNT_CONNECT: return FETCH_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_USE_SSL_FAILED: return FETCH_TLS;
	case CURLE_LOGIN_DENIED: return FETCH_LOGIN;
	case CURLE_OPERATION_TIMEDOUT: return FETCH_TIMEOUT;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL: return FETCH_WRONG;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
	case CURLE_NOT_BUILT_IN: return FETCH_OURS;
	default: return FETCH_CUT;
	}
}

static void finish(struct fetch_call *call, enum fetch_end end, unsigned status, const char *reason)
{
	struct fetch_result result = {
		.end = end,
		.status = status,
		.began = fetch_call_began(call),
		.whole = call->in_dialogue && call->smtp.whole,
		.answer = buf_str(
		    call->in_dialogue && call->smtp.code ? &call->smtp.text : &call->answer),
		.reason = str_c(end == FETCH_ANSWERED ? "" : reason),
		.took = mono_sub(loop_now(call->fetch->loop), call->started),
	};
	call_unlink(call);
	call->done(call->context, &result);
	call_free(call);
}

static void deadline_fire(struct loop_timer *timer)
{
	struct fetch_call *call = container_of(timer, struct fetch_call, deadline);
	finish(call, FETCH_TIMEOUT, 0, "no answer within the time limit");
}

/* ---- mail: the dialogue over a connection that libcurl brought up ---- */

/* What is due is sent; false when the connection is gone. */
static bool dialogue_send(struct fetch_call *call)
{
	for (;;) {
		struct str out = smtp_out(&call->smtp);
		size_t n = 0;
		if (out.len == 0)
			return true;
		CURLcode c = curl_easy_send(call->easy, out.ptr, out.len, &n);
		if (c == CURLE_AGAIN)
			return true;
		if (c != CURLE_OK)
			return false;
		smtp_sent(&call->smtp, n);
	}
}

/* What came is read; false when the connection is gone. */
static bool dialogue_receive(struct fetch_call *call)
{
	while (call->smtp.state < SMTP_DONE) {
		char in[4096];
		size_t n = 0;
		CURLcode c = curl_easy_recv(call->easy, in, sizeof(in), &n);
		if (c == CURLE_AGAIN)
			return true;
		if (c != CURLE_OK || n == 0)
			return false;
		smtp_feed(&call->smtp, str_make(in, n));
		if (call->smtp.state < SMTP_DONE && !dialogue_send(call))
			return false;
	}
	return true;
}

static void dialogue_turn(struct fetch_call *call)
{
	bool alive = dialogue_send(call);
	/* a server that breaks off often says why first */
	alive = dialogue_receive(call) && alive;
	if (smtp_err(&call->smtp) != OK) {
		finish(call, FETCH_OURS, 0, "out of memory");
	} else if (call->smtp.state == SMTP_DONE) {
		dialogue_send(call); /* QUIT, if it goes out at once */
		finish(call, FETCH_ANSWERED, call->smtp.code, "");
	} else if (call->smtp.state == SMTP_BROKEN) {
		finish(call, FETCH_CUT, 0, "what the server answered is not SMTP");
	} else if (!alive) {
		finish(call, FETCH_CUT, 0,
		    call->smtp.whole
		        ? "the connection broke after the message was sent and before the "
		          "server said what it did with it"
		        : "the connection broke before the message was sent");
	} else {
		unsigned events = LOOP_READ | (smtp_out(&call->smtp).len > 0 ? LOOP_WRITE : 0);
		if (events != call->io_events &&
		    loop_io_change(call->fetch->loop, &call->io, events) != OK)
			finish(call, FETCH_OURS, 0, "the loop refused a socket");
		else
			call->io_events = events;
	}
}

static void dialogue_ready(struct loop_io *io, unsigned events)
{
	(void)events;
	dialogue_turn(container_of(io, struct fetch_call, io));
}

static void dialogue_begin(struct fetch_call *call)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	curl_easy_getinfo(call->easy, CURLINFO_ACTIVESOCKET, &fd);
	call->io.fd = fd;
	call->io.ready = dialogue_ready;
	call->io_events = LOOP_READ;
	if (fd == CURL_SOCKET_BAD || loop_io_add(call->fetch->loop, &call->io, LOOP_READ) != OK) {
		finish(call, FETCH_OURS, 0, "the connection cannot be taken over");
		return;
	}
	call->in_dialogue = true;
	smtp_start(&call->smtp, call->fetch->mem, buf_str(&call->from), buf_str(&call->to),
	    buf_str(&call->body));
	dialogue_turn(call);
}

/* ---- finished transfers ---- */

static void finished(struct fetch_call *call, CURLcode code)
{
	long status = 0;
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
	const char *reason = call->error[0] ? call->error : curl_easy_strerror(code);
	enum fetch_end end = end_of(code);
	if (call->kind == FETCH_MAIL && code == CURLE_OK) {
		dialogue_begin(call);
		return;
	}
	/* refused while the connection was brought up: the server's own number says more */
	if (call->kind == FETCH_MAIL && end == FETCH_CUT && status >= 400 && status < 600)
		end = FETCH_ANSWERED;
	/* a head that came counts, even when the body behind it was cut off */
	if (call->kind == FETCH_HTTP && end == FETCH_CUT && status >= 200)
		end = FETCH_ANSWERED;
	finish(call, end, status > 0 && status < 1000 ? (unsigned)status : 0, reason);
}

static void drain(struct fetch *fetch)
{
	CURLMsg *m;
	int left;
	assert(!fetch->draining);
	fetch->draining = true;
	while ((m = curl_multi_info_read(fetch->multi, &left))) {
		if (m->msg != CURLMSG_DONE)
			continue;
		char *private = NULL;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
		struct fetch_call *call = (struct fetch_call *)(void *)private;
		assert(call && call->easy == m->easy_handle);
		finished(call, m->data.result);
	}
	fetch->draining = false;
}
