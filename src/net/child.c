/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side of the parent's protocol. See child.h.
 *
 * The first CONFIG starts the role: account, sandbox, watchdog, open(), READY. PEER and LISTEN that
 * come earlier wait (their descriptors are kept) until the role is open. When the parent is gone,
 * so is the role: a role without its parent cannot be seen or restarted.
 */
#include "net/child.h"
#include "os/linux/fdpass.h"
#include "os/linux/proc.h"
#include <assert.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define CONTROL_FD 3
#define SLICE_BYTES_MAX ((size_t)64 << 20)
#define SLICE_ARENA_MAX ((size_t)512 << 20)
#define WAITING_MAX 32
#define SANDBOX_PATHS_MAX 32
#define STUCK_TURNS_S 10

struct waiting {
	struct control control;
	char name[64];
	int fd;
};

struct peer_end {
	struct chan *chan;
	struct child *child;
	enum role role;
};

struct child {
	const struct role_body *body;
	const struct sandbox *sandbox;
	struct loop *loop;
	struct loop_io control_io;
	struct loop_timer beat;
	void *self;
	bool open, stopping;
	bool watched; /* atomic: the loop turns from here on */
	int exit_code;
	struct peer_end peers[ROLE_COUNT];
	struct waiting waiting[WAITING_MAX];
	size_t waiting_count;
	bool ok;
	char verdict[256];
	char data_dir[4096];
	struct role_status roles[ROLE_COUNT];
	struct buf roles_bytes;
};

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
	return loop_os(child->loop);
}

const struct role_status *child_roles(const struct child *child)
{
	return child->roles;
}

void child_log(struct child *child, const char *level, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	fprintf(
	    stderr, "quisd: %.*s: %s: %s\n", STR_ARG(role_name[child->body->role]), level, line);
}

static void send_control(const struct control *control)
{
	struct buf b = buf_make(&mem_system, CONTROL_BYTES_MAX);
	control_encode(&b, control);
	if (b.err == OK) {
		enum err e = fdpass_send(CONTROL_FD, buf_str(&b), NULL, 0);
		ignore_err(
		    e, "a full queue means that the parent is behind; the next beat tells again");
	}
	buf_free(&b);
}

static void send_beat(struct child *child)
{
	struct control c = {
		.type = CONTROL_BEAT,
		.ok = child->ok,
		.text = str_c(child->verdict),
		.lag = loop_lag_take(child->loop),
	};
	send_control(&c);
}

void child_verdict(struct child *child, bool ok, struct str text)
{
	text = str_utf8_first(text, sizeof child->verdict - 1);
	if (ok == child->ok && str_eq(text, str_c(child->verdict)))
		return;
	bool turned = ok != child->ok;
	child->ok = ok;
	memcpy(child->verdict, text.ptr, text.len);
	child->verdict[text.len] = '\0';
	if (turned)
		send_beat(child);
}

void child_exit(struct child *child, int code)
{
	child->exit_code = code;
	loop_stop(child->loop);
}

/* Channels */

static bool peer_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct peer_end *end = context;
	return end->child->body->message(end->child->self, end->role, chan, type, id, body);
}

static void peer_gone(void *context, struct chan *chan, const char *why)
{
	struct peer_end *end = context;
	assert(end->chan == chan);
	if (!end->child->stopping)
		child_log(end->child, "notice", "peer=%.*s event=gone why=\"%s\"",
		    STR_ARG(role_name[end->role]), why);
	end->child->body->peer(end->child->self, end->role, NULL);
	chan_close(&end->chan);
}

static void peer_credit(void *context, struct chan *chan, enum credit_class cls)
{
	struct peer_end *end = context;
	if (end->child->body->credit)
		end->child->body->credit(end->child->self, end->role, chan, cls);
}

static const struct chan_handler peer_handler = { peer_message, peer_gone, peer_credit };

static void attach_peer(struct child *child, enum role role, int fd)
{
	struct peer_end *end = &child->peers[role];
	if (end->chan) {
		child->body->peer(child->self, role, NULL);
		chan_close(&end->chan);
	}
	end->child = child;
	end->role = role;
	enum err e = chan_open(&mem_system, child->loop, fd, &peer_handler, end, &end->chan);
	if (e != OK) {
		child_log(child, "error", "peer=%.*s event=channel-failed why=\"%s\"",
		    STR_ARG(role_name[role]), err_text(e));
		close(fd);
		return;
	}
	child->body->peer(child->self, role, end->chan);
}

/* Starting */

static enum err read_slice(int fd, struct arena **ret_arena, const struct json **ret_json)
{
	struct buf text = buf_make(&mem_system, SLICE_BYTES_MAX);
	struct arena *arena = NULL;
	enum err e = OK;
	off_t at = 0;
	for (;;) {
		char *to = buf_reserve(&text, 65536);
		if (!to) {
			e = text.err;
			break;
		}
		ssize_t n = os_linux.pread(&os_linux, fd, to, 65536, at);
		if (n < 0)
			e = ERR_IO;
		if (n <= 0)
			break;
		buf_grew(&text, (size_t)n);
		at += n;
	}
	if (e == OK)
		e = arena_open(&mem_system, SLICE_ARENA_MAX, &arena);
	if (e == OK) {
		struct str kept = arena_str(arena, buf_str(&text));
		e = kept.ptr ? json_read(arena, kept, JSON_DEPTH_MAX, ret_json, NULL)
		             : arena_err(arena);
	}
	/* The slice may hold secrets. */
	if (text.ptr)
		explicit_bzero(text.ptr, text.len);
	buf_free(&text);
	if (e == OK)
		*ret_arena = arena;
	else
		arena_close(&arena);
	return e;
}

static enum err enter_sandbox(struct child *child)
{
	struct sandbox_path paths[SANDBOX_PATHS_MAX];
	static const size_t path_bytes = 4352;
	struct arena *arena = NULL;
	enum err e = arena_open(&mem_system, SANDBOX_PATHS_MAX * path_bytes, &arena);
	if (e != OK)
		return e;
	assert(child->sandbox->path_count <= SANDBOX_PATHS_MAX);
	for (size_t i = 0; i < child->sandbox->path_count; i++) {
		paths[i] = child->sandbox->paths[i];
		if (paths[i].path[0] == '@') {
			struct str full =
			    arena_printf(arena, "%s%s", child->data_dir, paths[i].path + 1);
			if (!full.ptr) {
				arena_close(&arena);
				return ERR_NOMEM;
			}
			paths[i].path = full.ptr;
		}
	}
	struct sandbox s = { child->sandbox->allow, paths, child->sandbox->path_count };
	struct sandbox_report report = { false, false };
	e = sandbox_enter(&s, &report);
	if (e == OK && !report.landlock)
		child_log(child, "notice", "event=no-landlock effect=\"file system not narrowed\"");
	arena_close(&arena);
	return e;
}

static void take_waiting(struct child *child)
{
	for (size_t i = 0; i < child->waiting_count; i++) {
		struct waiting *w = &child->waiting[i];
		if (w->control.type == CONTROL_PEER)
			attach_peer(child, w->control.peer, w->fd);
		else if (child->body->listen)
			child->body->listen(child->self, str_c(w->name), w->fd);
		else
			close(w->fd);
	}
	child->waiting_count = 0;
}

/* The watchdog does not share the loop: it sees the loop's turns stand still while the beat timer
 * should turn it each second, and ends the process with a trace; the parent starts it again. */
static void *watchdog(void *arg)
{
	struct child *child = arg;
	uint64_t seen = 0;
	int64_t since = os_linux.mono(&os_linux).ns, looked = since;
	for (;;) {
		struct timespec pause = { .tv_sec = 1 };
		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		if (!__atomic_load_n(&child->watched, __ATOMIC_ACQUIRE)) {
			since = looked = os_linux.mono(&os_linux).ns;
			continue; /* still in open(), which may read long: the parent limits that */
		}
		uint64_t turns = loop_turns(child->loop);
		int64_t now = os_linux.mono(&os_linux).ns;
		if (turns != seen ||
		    now - looked > 3 * NS_PER_S) { /* or this thread stood still as well */
			seen = turns;
			since = now;
		} else if (now - since > STUCK_TURNS_S * NS_PER_S) {
			fprintf(stderr, "quisd: %.*s: error: event=stuck seconds=%d\n",
			    STR_ARG(role_name[child->body->role]), STUCK_TURNS_S);
			abort();
		}
		looked = now;
	}
	return NULL;
}

static enum err start_watchdog(struct child *child)
{
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are the loop's */
	int rc = pthread_create(&thread, NULL, watchdog, child);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return ERR_NOMEM;
	pthread_detach(thread);
	return OK;
}

static void start(struct child *child, const struct control *control, const struct json *config)
{
	bool dropped = false;
	if (proc_drop_to(control->name, &dropped) != OK) {
		child_log(
		    child, "error", "event=cannot-leave-root user=%.*s", STR_ARG(control->name));
		child_exit(child, 70);
		return;
	}
	/* Changing the account cleared it. Roles are safe to kill at any instant; two generations
	 * of them on one data directory are not. */
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	enum err e = enter_sandbox(child);
	if (e == OK)
		e = start_watchdog(child);
	if (e == OK)
		e = child->body->open(child, config, &child->self);
	if (e != OK) {
		child_log(child, "error", "event=cannot-start why=\"%s\" errno=\"%s\"", err_text(e),
		    strerror(errno));
		child_exit(child, 71);
		return;
	}
	child->open = true;
	__atomic_store_n(&child->watched, true, __ATOMIC_RELEASE);
	struct control ready = { .type = CONTROL_READY };
	send_control(&ready);
	take_waiting(child);
	send_beat(child);
}

static void on_config(struct child *child, const struct control *control, int fd)
{
	struct arena *arena = NULL;
	const struct json *config = NULL;
	enum err e = read_slice(fd, &arena, &config);
	if (e != OK) {
		child_log(child, "error", "event=bad-slice why=\"%s\"", err_text(e));
		if (!child->open)
			child_exit(child, 72);
		return;
	}
	snprintf(child->data_dir, sizeof child->data_dir, "%.*s", STR_ARG(control->text));
	if (!child->open)
		start(child, control, config);
	else if (child->body->config && (e = child->body->config(child->self, config)) != OK) {
		struct control refused = { .type = CONTROL_REFUSED, .text = str_c(err_text(e)) };
		send_control(&refused);
	}
	arena_close(&arena);
}

static void on_roles(struct child *child, struct str bytes)
{
	/* The table's texts borrow from a copy that lives until the next one. */
	buf_clear(&child->roles_bytes);
	buf_add(&child->roles_bytes, bytes);
	struct control c;
	if (child->roles_bytes.err != OK || control_decode(buf_str(&child->roles_bytes), &c) != OK)
		return;
	memcpy(child->roles, c.roles, sizeof child->roles);
	if (child->open && child->body->roles)
		child->body->roles(child->self);
}

static void on_control(struct child *child, struct str bytes, int fd)
{
	struct control c;
	if (control_decode(bytes, &c) != OK) {
		child_log(child, "error", "event=bad-control");
		child_exit(child, 73);
		return;
	}
	if (c.type == CONTROL_CONFIG && fd >= 0) {
		on_config(child, &c, fd);
	} else if ((c.type == CONTROL_PEER || c.type == CONTROL_LISTEN) && fd >= 0) {
		assert(child->waiting_count < WAITING_MAX);
		struct waiting *w = &child->waiting[child->waiting_count++];
		w->control = c;
		w->fd = fd;
		snprintf(w->name, sizeof w->name, "%.*s", STR_ARG(c.name));
		fd = -1;
		if (child->open)
			take_waiting(child);
	} else if (c.type == CONTROL_ROLES) {
		on_roles(child, bytes);
	} else if (c.type == CONTROL_STOP && !child->stopping) {
		child->stopping = true;
		if (child->open)
			child->body->stop(child->self);
		else
			child_exit(child, 0);
	}
	if (fd >= 0)
		close(fd);
}

static void control_ready(struct loop_io *io, unsigned events)
{
	struct child *child = container_of(io, struct child, control_io);
	(void)events;
	for (;;) {
		char bytes[CONTROL_BYTES_MAX];
		size_t len = 0;
		int fds[FDPASS_FDS_MAX] = { -1, -1 };
		enum err e = fdpass_recv(CONTROL_FD, bytes, sizeof bytes, &len, fds);
		if (e == ERR_BUSY)
			return;
		if (e != OK || len == 0) {
			child_exit(child, 74); /* no parent, no role */
			return;
		}
		if (fds[1] >= 0)
			close(fds[1]);
		on_control(child, str_make(bytes, len), fds[0]);
		if (child->exit_code >= 0)
			return;
	}
}

static void beat_fire(struct loop_timer *timer)
{
	struct child *child = container_of(timer, struct child, beat);
	if (child->open)
		send_beat(child);
	loop_timer_after(child->loop, timer, SPAN_S(1));
}

static void crash(int signal)
{
	void *frames[48];
	int n = backtrace(frames, 48);
	static const char text[] = "quisd: crash, frames follow\n";
	ignore_err(write(2, text, sizeof text - 1), "nothing else can be done");
	backtrace_symbols_fd(frames, n, 2);
	struct sigaction plain = { .sa_handler = SIG_DFL };
	sigaction(signal, &plain, NULL);
	raise(signal);
}

static void set_signals(void)
{
	static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction on_crash = { .sa_handler = crash, .sa_flags = (int)SA_RESETHAND };
	for (size_t i = 0; i < ARRAY_COUNT(crashes); i++)
		sigaction(crashes[i], &on_crash, NULL);
	/* The terminal's ^C and a service manager's SIGTERM reach the whole group: the parent alone
	 * decides, and tells by STOP. */
	struct sigaction ignored = { .sa_handler = SIG_IGN };
	sigaction(SIGINT, &ignored, NULL);
	sigaction(SIGTERM, &ignored, NULL);
	sigaction(SIGHUP, &ignored, NULL);
	sigaction(SIGPIPE, &ignored, NULL);
}

int child_main(const struct role_body *body, const struct sandbox *sandbox)
{
	assert(body && sandbox && body->open && body->message && body->peer && body->stop);
	struct child *child = mem_new(&mem_system, 1, sizeof *child);
	if (!child)
		return 71;
	void *warm[1];
	backtrace(
	    warm, 1); /* loads what the crash handler needs, while the file system can be read */
	set_signals();
	child->body = body;
	child->sandbox = sandbox;
	child->exit_code = -1;
	child->ok = true;
	child->roles_bytes = buf_make(&mem_system, CONTROL_BYTES_MAX);
	child->beat.fire = beat_fire;
	child->control_io = (struct loop_io){ .fd = CONTROL_FD, .ready = control_ready };
	fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	if (loop_open(&mem_system, &os_linux, &child->loop) != OK ||
	    loop_io_add(child->loop, &child->control_io, LOOP_READ) != OK)
		return 71;
	loop_timer_after(child->loop, &child->beat, SPAN_S(1));
	enum err e = loop_run(child->loop);
	if (e != OK)
		child->exit_code = 75;
	fflush(NULL);
	_exit(child->exit_code < 0 ? 0 : child->exit_code);
}
