/* SPDX-License-Identifier: Apache-2.0
 *
 * The notifier role at a desk: the real role body, real channels and the real network, with a test
 * in the engine's chair. It is this program that plays the child's side of the parent
 * (net/child.h), so no parent and no engine are needed. Commands come as JSON lines on standard
 * input, what the role says leaves as JSON lines on standard output:
 *
 *   {"do":"config","config":{...}}                          open, or a new configuration
 *   {"do":"connect","role":"engine"}, {"do":"disconnect",...}
 *   {"do":"send","role":"engine","page":{...}}              fields as in struct page
 *   {"do":"cancel","role":"engine","message":ID}
 *   {"do":"confirm","message":ID,"attempt":1,"state":0}
 *   {"do":"stop"}
 */
#include "base/codec.h"
#include "role/notifier/notifier_priv.h"
#include "wire/page.h"
#include "wire/record.h"
#include <assert.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct link_end {
	struct chan *ours; /* the notifier's end */
	struct chan *far;  /* the engine's, the auditor's, telemetry's */
};

struct child {
	struct loop *loop;
	struct loop_io input;
	struct buf lines;
	void *self;
	struct link_end peers[ROLE_COUNT];
	struct loop_timer last;
	bool stopping;
};

/* ---- what net/child.c is to a role ---- */

struct loop *child_loop(struct child *child)
{
	return child->loop;
}
const struct mem *child_mem(struct child *child)
{
	(void)child;
	return &mem_system;
}
const struct os *child_os(struct child *child)
{
	(void)child;
	return &os_linux;
}
void child_log(struct child *child, const char *level, const char *format, ...)
{
	va_list args;
	(void)child;
	va_start(args, format);
	fprintf(stderr, "notifier: level=%s ", level);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
void child_verdict(struct child *child, bool ok, struct str text)
{
	(void)child, (void)ok, (void)text;
}
void child_exit(struct child *child, int code)
{
	assert(code == 0);
	/* both ends of the channels turn on this one loop: what was said last is still to be heard
	 */
	loop_timer_after(child->loop, &child->last, SPAN_MS(100));
}

static void last_fire(struct loop_timer *timer)
{
	loop_stop(container_of(timer, struct child, last)->loop);
}

/* ---- output ---- */

static void say(struct buf *b)
{
	assert(b->err == OK);
	printf("%.*s\n", STR_ARG(buf_str(b)));
	fflush(stdout);
	buf_free(b);
}

static void say_word(const char *word)
{
	printf("{\"got\":\"%s\"}\n", word);
	fflush(stdout);
}

static enum role role_of(struct str name)
{
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (str_eq(role_name[r], name))
			return (enum role)r;
	abort();
}

static enum role role_at(struct child *child, struct chan *chan)
{
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (child->peers[r].ours == chan || child->peers[r].far == chan)
			return (enum role)r;
	return ROLE_COUNT;
}

static void say_receipt(enum role role, struct str body)
{
	static const char *const state_name[] = { "accepted", "delivered", "retry", "final",
		"cancelled", "unknown" };
	struct arena *a = NULL;
	struct record rec;
	struct buf b = buf_make(&mem_system, 1 << 16);
	struct jw w = jw_make(&b);
	if (arena_open(&mem_system, 1 << 20, &a) != OK || record_decode(a, body, &rec) != OK ||
	    rec.type != RECORD_RECEIPT)
		abort();
	jw_open(&w, '{');
	jw_kv_str(&w, STR("got"), STR("receipt"));
	jw_kv_str(&w, STR("role"), role_name[role]);
	jw_kv_str(&w, STR("message"), id_str(&rec.receipt.message));
	jw_kv_i64(&w, STR("attempt"), rec.receipt.attempt);
	jw_kv_i64(&w, STR("number"), rec.receipt.state);
	jw_kv_str(&w, STR("state"), str_c(state_name[rec.receipt.state]));
	jw_kv_str(&w, STR("provider"), rec.receipt.provider);
	jw_kv_str(&w, STR("reference"), rec.receipt.reference);
	jw_kv_str(&w, STR("error"), rec.receipt.error);
	jw_close(&w, '}');
	arena_close(&a);
	say(&b);
}

static void say_holding(struct str body)
{
	struct rd r = rd_make(body);
	uint32_t count = rd_u32(&r);
	struct buf b = buf_make(&mem_system, 1 << 20);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("got"), STR("holding"));
	jw_key(&w, STR("attempts"));
	jw_open(&w, '[');
	for (uint32_t i = 0; i < count; i++) {
		jw_open(&w, '[');
		jw_str(&w, rd_str(&r, 64));
		jw_i64(&w, rd_u32(&r));
		jw_close(&w, ']');
	}
	jw_close(&w, ']');
	jw_close(&w, '}');
	if (rd_done(&r) != OK)
		abort();
	say(&b);
}

static void say_metrics(struct str body)
{
	struct rd r = rd_make(body);
	struct buf b = buf_make(&mem_system, 1 << 20);
	struct jw w = jw_make(&b);
	rd_i64(&r);
	uint32_t count = rd_u32(&r);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("got"), STR("metrics"));
	for (uint32_t i = 0; i < count; i++) {
		struct buf name = buf_make(&mem_system, 4096);
		buf_add(&name, rd_str(&r, 200));
		for (unsigned labels = rd_u8(&r); labels > 0; labels--) {
			buf_add_char(&name, ' ');
			buf_add(&name, rd_str(&r, 200));
			buf_add_char(&name, '=');
			buf_add(&name, rd_str(&r, 200));
		}
		jw_kv_f64(&w, buf_str(&name), rd_f64(&r));
		buf_free(&name);
	}
	jw_close(&w, '}');
	if (rd_done(&r) != OK)
		abort();
	say(&b);
}

/* ---- channels ---- */

static bool far_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	enum role role = role_at(context, chan);
	(void)id;
	if (type == MSG_RECEIPT)
		say_receipt(role, body);
	else if (type == MSG_HOLDING)
		say_holding(body);
	else if (type == MSG_METRICS)
		say_metrics(body);
	else
		abort();
	return true;
}

static bool our_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct child *child = context;
	return role_notifier.message(child->self, role_at(child, chan), chan, type, id, body);
}

static void our_credit(void *context, struct chan *chan, enum credit_class cls)
{
	struct child *child = context;
	role_notifier.credit(child->self, role_at(child, chan), chan, cls);
}

static void gone(void *context, struct chan *chan, const char *why)
{
	(void)context, (void)chan;
	fprintf(stderr, "desk: a channel is gone: %s\n", why);
	abort();
}

static const struct chan_handler far_handler = { .message = far_message, .gone = gone };
static const struct chan_handler our_handler = {
	.message = our_message, .gone = gone, .credit = our_credit
};

static void disconnect(struct child *child, enum role role)
{
	struct link_end *end = &child->peers[role];
	if (!end->ours)
		return;
	role_notifier.peer(child->self, role, NULL);
	chan_close(&end->ours);
	chan_close(&end->far);
}

static void connect_role(struct child *child, enum role role)
{
	int fds[2];
	struct link_end *end = &child->peers[role];
	disconnect(child, role);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
	    chan_open(&mem_system, child->loop, fds[0], &our_handler, child, &end->ours) != OK ||
	    chan_open(&mem_system, child->loop, fds[1], &far_handler, child, &end->far) != OK)
		abort();
	role_notifier.peer(child->self, role, end->ours);
}

/* ---- commands ---- */

static int64_t number(const struct json *j, struct str name, int64_t default_)
{
	const struct json *v = json_get(j, name);
	return json_is(v, JSON_NUMBER) ? (int64_t)v->number : default_;
}

static struct page page_of(const struct json *j)
{
	const struct json *duplicate = json_get(j, STR("maybe_duplicate"));
	return (struct page){
		.message = json_get_str(j, STR("message")),
		.attempt = (uint32_t)number(j, STR("attempt"), 1),
		.maybe_duplicate = json_is(duplicate, JSON_TRUE),
		.purpose = (enum message_purpose)number(j, STR("purpose"), PURPOSE_INCIDENT),
		.contact_type = (enum contact_type)number(j, STR("contact_type"), CONTACT_EMAIL),
		.provider = json_get_str(j, STR("provider")),
		.address = json_get_str(j, STR("address")),
		.user = json_get_str(j, STR("user")),
		.user_full_name = json_get_str(j, STR("user_full_name")),
		.incident = json_get_str(j, STR("incident")),
		.incident_number = (uint64_t)number(j, STR("incident_number"), 0),
		.title = json_get_str(j, STR("title")),
		.service = json_get_str(j, STR("service")),
		.status = json_get_str(j, STR("status")),
		.urgency = (enum urgency)number(j, STR("urgency"), URGENCY_HIGH),
		.severity = (enum severity)number(j, STR("severity"), SEVERITY_CRITICAL),
		.created_at = { number(j, STR("created_at_s"), 0) * NS_PER_S },
		.alerts_open = (uint32_t)number(j, STR("alerts_open"), 1),
		.source = json_get_str(j, STR("source")),
		.client = json_get_str(j, STR("client")),
		.details = json_get_str(j, STR("details")),
		.base_url = json_get_str(j, STR("base_url")),
		.at = { number(j, STR("at_s"), 0) * NS_PER_S },
	};
}

static void far_send(struct child *child, enum role role, enum msg_type type, struct buf *b)
{
	enum err e = b->err != OK ? b->err : chan_send(child->peers[role].far, type, 0, buf_str(b));
	if (e == ERR_BUSY)
		say_word("busy");
	else if (e != OK)
		abort();
	buf_free(b);
}

static void stop(struct child *child)
{
	if (!child->self)
		loop_stop(child->loop);
	else if (!child->stopping)
		role_notifier.stop(child->self);
	child->stopping = true;
}

static void command(struct child *child, const struct json *j)
{
	struct str what = json_get_str(j, STR("do"));
	struct str role_text = json_get_str(j, STR("role"));
	enum role role = role_text.len > 0 ? role_of(role_text) : ROLE_ENGINE;
	struct buf b = buf_make(&mem_system, 1 << 20);
	if (str_eq(what, STR("config"))) {
		const struct json *config = json_get(j, STR("config"));
		enum err e = child->self ? role_notifier.config(child->self, config)
		                         : role_notifier.open(child, config, &child->self);
		say_word(e == OK ? "configured" : "refused");
	} else if (str_eq(what, STR("connect"))) {
		connect_role(child, role);
	} else if (str_eq(what, STR("disconnect"))) {
		disconnect(child, role);
		say_word("disconnected");
	} else if (str_eq(what, STR("send"))) {
		struct page page = page_of(json_get(j, STR("page")));
		page_encode(&b, &page);
		far_send(child, role, MSG_SEND, &b);
	} else if (str_eq(what, STR("cancel"))) {
		put_str(&b, json_get_str(j, STR("message")));
		far_send(child, role, MSG_CANCEL, &b);
	} else if (str_eq(what, STR("confirm"))) {
		put_str(&b, json_get_str(j, STR("message")));
		put_u32(&b, (uint32_t)number(j, STR("attempt"), 1));
		put_u8(&b, (uint8_t)number(j, STR("state"), 0));
		far_send(child, role, MSG_RECEIPT_CONFIRM, &b);
	} else if (str_eq(what, STR("stop"))) {
		stop(child);
	} else {
		abort();
	}
}

static void input_ready(struct loop_io *io, unsigned events)
{
	struct child *child = container_of(io, struct child, input);
	char in[65536];
	(void)events;
	ssize_t n = read(STDIN_FILENO, in, sizeof(in));
	if (n <= 0) { /* the same as stop */
		loop_io_remove(child->loop, io);
		stop(child);
		return;
	}
	buf_add(&child->lines, str_make(in, (size_t)n));
	for (;;) {
		struct str all = buf_str(&child->lines);
		size_t end = str_find(all, '\n');
		struct arena *a = NULL;
		const struct json *root;
		if (end == all.len)
			return;
		if (arena_open(&mem_system, 1 << 24, &a) != OK ||
		    json_read(a, str_first(all, end), 32, &root, NULL) != OK)
			abort();
		command(child, root);
		arena_close(&a);
		buf_consume(&child->lines, end + 1);
	}
}

int main(void)
{
	struct child child = { .lines = buf_make(&mem_system, 1 << 24) };
	if (loop_open(&mem_system, &os_linux, &child.loop) != OK)
		return 1;
	child.input.fd = STDIN_FILENO;
	child.input.ready = input_ready;
	child.last.fire = last_fire;
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 ||
	    loop_io_add(child.loop, &child.input, LOOP_READ) != OK || loop_run(child.loop) != OK)
		return 1;
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		if (child.peers[r].ours) {
			chan_close(&child.peers[r].ours);
			chan_close(&child.peers[r].far);
		}
	if (child.self)
		notifier_free(child.self);
	loop_close(&child.loop);
	buf_free(&child.lines);
	return 0;
}
