/* SPDX-License-Identifier: Apache-2.0
 *
 * See parent.h. One struct, one loop. A child's life is a row of `struct kid`: its process (pidfd),
 * its control socket, its state for the others. When a role is started or restarted, new
 * socketpairs are made for all its links and the ends go to both sides with a generation number.
 */
#include "role/parent/parent.h"
#include "base/json.h"
#include "loop/loop.h"
#include "os/linux/fdpass.h"
#include "os/linux/proc.h"
#include "os/linux/sockets.h"
#include "role/parent/table.h"
#include "wire/confhead.h"
#include "wire/control.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct parent;

struct kid {
	struct parent *parent;
	enum role role;
	pid_t pid;                 /* 0 = not running */
	struct loop_io exit_io;    /* a pidfd: readable when the process ended */
	struct loop_io control_io; /* our end of the control socket */
	struct loop_timer restart, limit;
	enum role_state state;
	uint32_t restarts, in_a_row;
	struct wall since, beat_at;
	struct mono started, beat;
	bool ok, stuck;
	char verdict[256], last_end[256];
	int slice_fd; /* memfd, -1 = none */
};

struct listener {
	struct str name; /* http, statsd */
	enum socket_kind kind;
	char address[300];
	int fd;
};
enum { LISTENER_HTTP, LISTENER_STATSD, LISTENER_COUNT };

struct parent {
	const struct parent_args *args;
	struct loop *loop;
	int self_fd, lock_fd;
	struct kid kids[ROLE_COUNT];
	struct listener listeners[LISTENER_COUNT];
	char data_dir[4096], user[64];
	uint32_t generation;
	struct loop_timer tick;
	struct mono ticked;
	bool stopping, ready_told;
	struct loop_timer stop_limit;
	char last_run[64];
};

static void say(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const char *level, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	fprintf(stderr, "quisd: parent: %s: %s\n", level, line);
}

static void copy_text(char *to, size_t cap, struct str from)
{
	from = str_utf8_first(from, cap - 1);
	if (from.len)
		memcpy(to, from.ptr, from.len);
	to[from.len] = '\0';
}

static void set_state(struct kid *kid, enum role_state state)
{
	kid->state = state;
	kid->since = os_linux.wall(&os_linux);
}

/* Talking to children */

static enum err tell(struct kid *kid, const struct control *control, int fd)
{
	if (kid->pid == 0)
		return ERR_GONE;
	struct buf b = buf_make(&mem_system, CONTROL_BYTES_MAX);
	control_encode(&b, control);
	enum err e = b.err;
	if (e == OK)
		e = fdpass_send(kid->control_io.fd, buf_str(&b), &fd, fd >= 0 ? 1 : 0);
	buf_free(&b);
	return e;
}

static void tell_roles(struct parent *p)
{
	struct control c = { .type = CONTROL_ROLES };
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		const struct kid *kid = &p->kids[i];
		c.roles[i] = (struct role_status){
			.state = kid->state,
			.restarts = kid->restarts,
			.since = kid->since,
			.beat_at = kid->beat_at,
			.ok = kid->ok,
			.verdict = str_c(kid->verdict),
			.last_end = str_c(kid->last_end),
			.pid = kid->pid,
		};
	}
	for (size_t i = 0; i < role_started_count; i++) {
		struct kid *kid = &p->kids[role_started[i]];
		if (kid->state == ROLE_STATE_RUNNING)
			ignore_err(tell(kid, &c, -1), "the next tick tells again");
	}
}

static void link_up(struct parent *p, const struct role_link *link)
{
	struct kid *a = &p->kids[link->a], *b = &p->kids[link->b];
	if (a->pid == 0 || b->pid == 0)
		return;
	int ends[2];
	if (fdpass_pair(true, ends) != OK) {
		say("error", "event=socketpair-failed errno=\"%s\"", strerror(errno));
		return;
	}
	p->generation++;
	struct control to_a = {
		.type = CONTROL_PEER, .peer = link->b, .generation = p->generation
	};
	struct control to_b = {
		.type = CONTROL_PEER, .peer = link->a, .generation = p->generation
	};
	/* When one cannot be told, closing its end tells the other. */
	ignore_err(tell(a, &to_a, ends[0]), "its end is closed below: the other sees it gone");
	ignore_err(tell(b, &to_b, ends[1]), "as above");
	close(ends[0]);
	close(ends[1]);
}

static void give_listeners(struct parent *p, struct kid *kid)
{
	for (size_t i = 0; i < LISTENER_COUNT; i++) {
		bool wants = i == LISTENER_HTTP ? kid->role == ROLE_WEB || kid->role == ROLE_WEB2
		                                : kid->role == ROLE_TELEMETRY;
		if (!wants || p->listeners[i].fd < 0)
			continue;
		struct control c = { .type = CONTROL_LISTEN, .name = p->listeners[i].name };
		if (tell(kid, &c, p->listeners[i].fd) != OK)
			say("error", "role=%.*s event=listener-not-given",
			    STR_ARG(role_name[kid->role]));
	}
}

static void give_config(struct parent *p, struct kid *kid)
{
	struct control c = {
		.type = CONTROL_CONFIG, .name = str_c(p->user), .text = str_c(p->data_dir)
	};
	if (kid->slice_fd >= 0 && tell(kid, &c, kid->slice_fd) != OK)
		say("error", "role=%.*s event=config-not-given", STR_ARG(role_name[kid->role]));
}

/* Children's lives */

static void kid_start(struct kid *kid);
static void check_stopped(struct parent *p);

static void restart_fire(struct loop_timer *timer)
{
	struct kid *kid = container_of(timer, struct kid, restart);
	if (!kid->parent->stopping)
		kid_start(kid);
}

static void limit_fire(struct loop_timer *timer)
{
	struct kid *kid = container_of(timer, struct kid, limit);
	if (kid->pid == 0)
		return;
	struct span silent = mono_sub(loop_now(kid->parent->loop), kid->beat);
	struct span limit = kid->state == ROLE_STATE_STARTING ? START_LIMIT : BEAT_LIMIT;
	if (silent.ns < limit.ns) {
		loop_timer_set(kid->parent->loop, timer, mono_add(kid->beat, limit));
		return;
	}
	say("error", "role=%.*s event=stuck silent_s=%lld action=kill",
	    STR_ARG(role_name[kid->role]), (long long)(silent.ns / NS_PER_S));
	kid->stuck = true;
	kill(kid->pid, SIGKILL);
}

static void kid_ended(struct kid *kid, int status)
{
	struct parent *p = kid->parent;
	struct buf text = buf_make(&mem_system, sizeof kid->last_end - 1);
	role_end_text(&text, status, kid->stuck);
	copy_text(kid->last_end, sizeof kid->last_end, buf_str(&text));
	buf_free(&text);
	loop_io_remove(p->loop, &kid->exit_io);
	loop_io_remove(p->loop, &kid->control_io);
	close(kid->exit_io.fd);
	close(kid->control_io.fd);
	loop_timer_clear(p->loop, &kid->limit);
	kid->pid = 0;
	kid->ok = false;
	kid->stuck = false;
	if (p->stopping) {
		set_state(kid, ROLE_STATE_STOPPED);
		check_stopped(p);
		return;
	}
	if (mono_sub(loop_now(p->loop), kid->started).ns >= RESTART_ROW_ENDS.ns)
		kid->in_a_row = 0;
	kid->in_a_row++;
	kid->restarts++;
	struct span wait = restart_wait(kid->in_a_row);
	set_state(kid, ROLE_STATE_BACKOFF);
	say("error", "role=%.*s event=ended how=\"%s\" restarts=%u restart_in_ms=%lld",
	    STR_ARG(role_name[kid->role]), kid->last_end, kid->restarts,
	    (long long)(wait.ns / NS_PER_MS));
	loop_timer_after(p->loop, &kid->restart, wait);
	tell_roles(p);
}

static void exit_ready(struct loop_io *io, unsigned events)
{
	struct kid *kid = container_of(io, struct kid, exit_io);
	int status = 0;
	(void)events;
	if (waitpid(kid->pid, &status, WNOHANG) == kid->pid)
		kid_ended(kid, status);
}

static void all_ready(struct parent *p)
{
	for (size_t i = 0; i < role_started_count; i++)
		if (p->kids[role_started[i]].state != ROLE_STATE_RUNNING)
			return;
	if (p->ready_told)
		return;
	p->ready_told = true;
	say("notice", "event=ready http=%s statsd=%s data_dir=%s",
	    p->listeners[LISTENER_HTTP].address,
	    p->listeners[LISTENER_STATSD].fd >= 0 ? p->listeners[LISTENER_STATSD].address : "off",
	    p->data_dir);
	proc_notify(STR("READY=1"));
}

static void on_kid_control(struct kid *kid, struct str bytes)
{
	struct parent *p = kid->parent;
	struct control c;
	if (control_decode(bytes, &c) != OK) {
		say("error", "role=%.*s event=bad-control action=kill",
		    STR_ARG(role_name[kid->role]));
		kill(kid->pid, SIGKILL);
		return;
	}
	kid->beat = loop_now(p->loop);
	kid->beat_at = os_linux.wall(&os_linux);
	if (c.type == CONTROL_READY) {
		set_state(kid, ROLE_STATE_RUNNING);
		kid->ok = true;
		loop_timer_set(p->loop, &kid->limit, mono_add(kid->beat, BEAT_LIMIT));
		tell_roles(p);
		all_ready(p);
	} else if (c.type == CONTROL_BEAT) {
		bool turned = kid->ok != c.ok;
		kid->ok = c.ok;
		copy_text(kid->verdict, sizeof kid->verdict, c.text);
		if (turned)
			tell_roles(p);
	} else if (c.type == CONTROL_REFUSED) {
		say("error", "role=%.*s event=reload-refused why=\"%.*s\"",
		    STR_ARG(role_name[kid->role]), STR_ARG(c.text));
	}
}

static void kid_control_ready(struct loop_io *io, unsigned events)
{
	struct kid *kid = container_of(io, struct kid, control_io);
	(void)events;
	for (int i = 0; i < 64; i++) {
		char bytes[CONTROL_BYTES_MAX];
		size_t len = 0;
		int fds[FDPASS_FDS_MAX];
		enum err e = fdpass_recv(io->fd, bytes, sizeof bytes, &len, fds);
		if (e == ERR_BUSY)
			return;
		if (e != OK || len == 0) {
			/* It closed; its end follows by the pidfd. */
			loop_io_remove(kid->parent->loop, io);
			return;
		}
		for (size_t f = 0; f < FDPASS_FDS_MAX; f++)
			if (fds[f] >= 0)
				close(fds[f]);
		on_kid_control(kid, str_make(bytes, len));
	}
}

static enum err kid_spawn(struct kid *kid)
{
	struct parent *p = kid->parent;
	int ends[2];
	if (fdpass_pair(false, ends) != OK)
		return ERR_IO;
	char title[64];
	snprintf(title, sizeof title, "quisd: %.*s", STR_ARG(role_name[kid->role]));
	char argument[64];
	snprintf(argument, sizeof argument, "%s%.*s", p->args->role_argument,
	    STR_ARG(role_name[kid->role]));
	enum err e = proc_start(p->self_fd, title, argument, ends[1], &kid->pid);
	close(ends[1]);
	if (e != OK) {
		close(ends[0]);
		return e;
	}
	int pid_fd = (int)syscall(SYS_pidfd_open, kid->pid, 0);
	assert(pid_fd >= 0);
	fcntl(pid_fd, F_SETFD, FD_CLOEXEC);
	kid->exit_io = (struct loop_io){ .fd = pid_fd, .ready = exit_ready };
	kid->control_io = (struct loop_io){ .fd = ends[0], .ready = kid_control_ready };
	e = loop_io_add(p->loop, &kid->exit_io, LOOP_READ);
	if (e == OK)
		e = loop_io_add(p->loop, &kid->control_io, LOOP_READ);
	assert(e == OK);
	return OK;
}

static void kid_start(struct kid *kid)
{
	struct parent *p = kid->parent;
	assert(kid->pid == 0);
	kid->started = kid->beat = loop_now(p->loop);
	if (kid_spawn(kid) != OK) {
		say("error", "role=%.*s event=cannot-start errno=\"%s\"",
		    STR_ARG(role_name[kid->role]), strerror(errno));
		kid->in_a_row++;
		set_state(kid, ROLE_STATE_BACKOFF);
		loop_timer_after(p->loop, &kid->restart, SPAN_S(1));
		return;
	}
	set_state(kid, ROLE_STATE_STARTING);
	kid->verdict[0] = '\0';
	loop_timer_after(p->loop, &kid->limit, START_LIMIT);
	give_config(p, kid);
	for (size_t i = 0; i < role_link_count; i++)
		if (role_links[i].a == kid->role || role_links[i].b == kid->role)
			link_up(p, &role_links[i]);
	give_listeners(p, kid);
}

/* Configuration */

static enum err read_stream(int fd, struct buf *b)
{
	for (;;) {
		char *at = buf_reserve(b, 65536);
		if (!at)
			return b->err;
		ssize_t n = read(fd, at, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return ERR_IO;
		if (n == 0)
			return OK;
		buf_grew(b, (size_t)n);
	}
}

/* Runs the config role to its end and takes its stream. ERR_INPUT: it said no (and why, on stderr).
 */
static enum err run_config(struct parent *p, struct buf *stream)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return ERR_IO;
	char argument[PATH_MAX + 32];
	snprintf(
	    argument, sizeof argument, "%sconfig:%s", p->args->role_argument, p->args->config_path);
	pid_t pid = 0;
	enum err e = proc_start(p->self_fd, "quisd: config", argument, ends[1], &pid);
	close(ends[1]);
	if (e == OK)
		e = read_stream(ends[0], stream);
	close(ends[0]);
	int status = 0;
	if (pid > 0 && waitpid(pid, &status, 0) != pid)
		e = ERR_IO;
	if (e == OK && status != 0)
		e = WIFEXITED(status) && WEXITSTATUS(status) == 2 ? ERR_INPUT : ERR_IO;
	return e;
}

/* Everything is taken, or nothing: slices replace the old ones only when the whole stream was
 * well-formed. */
static enum err take_stream(struct parent *p, struct str stream, struct config_head *ret_head)
{
	struct rd r = rd_make(stream);
	enum err e = config_head_decode(&r, ret_head);
	if (e != OK)
		return e;
	int fds[ROLE_COUNT];
	for (size_t i = 0; i < ROLE_COUNT; i++)
		fds[i] = -1;
	struct config_slice slice;
	while ((e = config_slice_decode(&r, &slice)) == OK) {
		if (fds[slice.role] >= 0)
			close(fds[slice.role]);
		fds[slice.role] = -1;
		e = proc_memfd(role_name[slice.role], slice.json, &fds[slice.role]);
		if (e != OK)
			break;
	}
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		int drop = e == ERR_GONE ? p->kids[i].slice_fd : fds[i];
		if (drop >= 0)
			close(drop);
		if (e == ERR_GONE)
			p->kids[i].slice_fd = fds[i];
	}
	(void)p;
	return e == ERR_GONE ? OK : e;
}

static enum err open_listener(struct parent *p, size_t i, struct str address)
{
	struct listener *l = &p->listeners[i];
	if (l->fd >= 0 && str_eq(str_c(l->address), address))
		return OK;
	int fd = -1;
	enum err e = address.len ? socket_open(address, l->kind, &fd) : OK;
	if (e != OK) {
		say("error", "event=cannot-listen name=%.*s address=%.*s why=\"%s\"",
		    STR_ARG(l->name), STR_ARG(address),
		    e == ERR_BUSY     ? "the address is in use: stop the other program or change "
		                        "listen in the configuration"
		    : e == ERR_INPUT  ? "not an address of the form HOST:PORT"
		    : e == ERR_DENIED ? "not allowed: ports below 1024 need root"
		                      : strerror(errno));
		return e;
	}
	if (l->fd >= 0)
		close(l->fd);
	l->fd = fd;
	copy_text(l->address, sizeof l->address, address);
	return OK;
}

static const char *const data_folders[] = { "", "/control", "/control/inbox", "/series", "/secret",
	"/run" };

static enum err make_folders(struct parent *p)
{
	for (size_t i = 0; i < ARRAY_COUNT(data_folders); i++) {
		char path[4200];
		snprintf(path, sizeof path, "%s%s", p->data_dir, data_folders[i]);
		enum err e = os_make_dir(&os_linux, path, 0750);
		if (e == OK)
			e = proc_give(path, str_c(p->user));
		if (e != OK) {
			say("error",
			    "event=no-data-directory path=%s why=\"%s\" hint=\"make it, or change "
			    "data_dir\"",
			    path, strerror(errno));
			return e;
		}
	}
	return OK;
}

/* One quisd per data directory: a lock that ends with the process. */
static enum err take_lock(struct parent *p)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/run/lock", p->data_dir);
	p->lock_fd = os_linux.open(&os_linux, path, O_RDWR | O_CREAT, 0640);
	if (p->lock_fd < 0) {
		say("error", "event=cannot-write path=%s why=\"%s\"", path, strerror(errno));
		return ERR_IO;
	}
	if (flock(p->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return OK;
	say("error",
	    "event=already-running data_dir=%s hint=\"another quisd holds this data directory\"",
	    p->data_dir);
	return ERR_BUSY;
}

static enum err configure(struct parent *p)
{
	struct buf stream = buf_make(&mem_system, CONFIG_STREAM_MAX);
	struct config_head head;
	enum err e = run_config(p, &stream);
	if (e == OK)
		e = take_stream(p, buf_str(&stream), &head);
	if (e == OK && p->data_dir[0] && !str_eq(head.data_dir, str_c(p->data_dir))) {
		say("error", "event=reload-refused why=\"data_dir cannot change while running\"");
		e = ERR_INPUT;
	}
	if (e == OK) {
		copy_text(p->data_dir, sizeof p->data_dir, head.data_dir);
		copy_text(p->user, sizeof p->user, head.user);
		e = open_listener(p, LISTENER_HTTP, head.listen_http);
	}
	if (e == OK)
		e = open_listener(p, LISTENER_STATSD, head.listen_statsd);
	if (stream.ptr)
		explicit_bzero(stream.ptr, stream.len); /* it holds secrets */
	buf_free(&stream);
	return e;
}

static void reload(struct parent *p)
{
	proc_notify(STR("RELOADING=1"));
	int before[LISTENER_COUNT];
	for (size_t i = 0; i < LISTENER_COUNT; i++)
		before[i] = p->listeners[i].fd;
	enum err e = configure(p);
	if (e == OK) {
		for (size_t i = 0; i < role_started_count; i++) {
			struct kid *kid = &p->kids[role_started[i]];
			give_config(p, kid);
			if (before[LISTENER_HTTP] != p->listeners[LISTENER_HTTP].fd ||
			    before[LISTENER_STATSD] != p->listeners[LISTENER_STATSD].fd)
				give_listeners(p, kid);
		}
		say("notice", "event=reloaded");
	} else {
		say("error", "event=reload-refused effect=\"the running configuration stays\"");
	}
	proc_notify(STR("READY=1"));
}

/* Stopping: web first in effect, since all are told at once and each finishes what it has. */

static void write_last_run(struct parent *p, const char *how)
{
	char path[4200];
	snprintf(path, sizeof path, "%s/run/last.json", p->data_dir);
	struct buf b = buf_make(&mem_system, 16384);
	struct jw w = jw_make(&b);
	jw_open(&w, '{');
	jw_kv_str(&w, STR("how"), str_c(how));
	jw_kv_str(&w, STR("version"), p->args->version);
	jw_key(&w, STR("at"));
	jw_wall(&w, os_linux.wall(&os_linux));
	jw_key(&w, STR("roles"));
	jw_open(&w, '{');
	for (size_t i = 0; i < role_started_count; i++) {
		const struct kid *kid = &p->kids[role_started[i]];
		jw_key(&w, role_name[kid->role]);
		jw_open(&w, '{');
		jw_kv_i64(&w, STR("restarts"), kid->restarts);
		jw_kv_str(&w, STR("last_end"), str_c(kid->last_end));
		jw_close(&w, '}');
	}
	jw_close(&w, '}');
	jw_close(&w, '}');
	buf_add_char(&b, '\n');
	if (b.err == OK && os_replace_file(&os_linux, path, buf_str(&b), 0640) != OK)
		say("error", "event=cannot-write path=%s why=\"%s\"", path, strerror(errno));
	buf_free(&b);
}

static void check_stopped(struct parent *p)
{
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (p->kids[i].pid != 0)
			return;
	loop_stop(p->loop);
}

static void stop_limit_fire(struct loop_timer *timer)
{
	struct parent *p = container_of(timer, struct parent, stop_limit);
	for (size_t i = 0; i < ROLE_COUNT; i++)
		if (p->kids[i].pid != 0) {
			say("error", "role=%.*s event=did-not-stop action=kill",
			    STR_ARG(role_name[i]));
			kill(p->kids[i].pid, SIGKILL);
		}
}

static void stop(struct parent *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	proc_notify(STR("STOPPING=1"));
	say("notice", "event=stopping");
	struct control c = { .type = CONTROL_STOP };
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		loop_timer_clear(p->loop, &p->kids[i].restart);
		if (p->kids[i].pid != 0 && tell(&p->kids[i], &c, -1) != OK)
			kill(p->kids[i].pid, SIGKILL);
	}
	loop_timer_after(p->loop, &p->stop_limit, STOP_LIMIT);
	check_stopped(p);
}

static void on_signal(void *context, int signal)
{
	struct parent *p = context;
	if (signal == SIGHUP && !p->stopping)
		reload(p);
	else if (signal != SIGHUP)
		stop(p);
}

static void tick_fire(struct loop_timer *timer)
{
	struct parent *p = container_of(timer, struct parent, tick);
	/* When it was the parent that stood still (the whole machine was stopped), it has seen no
	 * beat for that reason alone: losing sight is not a proof of anything. The tick is due
	 * before any limit. */
	struct mono now = loop_now(p->loop);
	if (mono_sub(now, p->ticked).ns > OWN_GAP.ns)
		for (size_t i = 0; i < ROLE_COUNT; i++)
			p->kids[i].beat = now;
	p->ticked = now;
	if (!p->stopping)
		tell_roles(p);
	loop_timer_after(p->loop, timer, SPAN_S(1));
}

static void set_up(struct parent *p, const struct parent_args *args)
{
	*p = (struct parent){ .args = args, .self_fd = -1, .lock_fd = -1 };
	p->tick.fire = tick_fire;
	p->stop_limit.fire = stop_limit_fire;
	p->listeners[LISTENER_HTTP] =
	    (struct listener){ .name = STR("http"), .kind = SOCKET_STREAM_LISTEN, .fd = -1 };
	p->listeners[LISTENER_STATSD] =
	    (struct listener){ .name = STR("statsd"), .kind = SOCKET_DATAGRAM, .fd = -1 };
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		struct kid *kid = &p->kids[i];
		kid->parent = p;
		kid->role = (enum role)i;
		kid->slice_fd = -1;
		kid->restart.fire = restart_fire;
		kid->limit.fire = limit_fire;
		kid->since = os_linux.wall(&os_linux);
	}
	p->kids[ROLE_PARENT].state = ROLE_STATE_RUNNING;
	p->kids[ROLE_PARENT].ok = true;
}

int parent_run(const struct parent_args *args)
{
	struct parent *p = mem_new(&mem_system, 1, sizeof *p);
	if (!p)
		return 1;
	set_up(p, args);
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	enum err e = loop_open(&mem_system, &os_linux, &p->loop);
	if (e == OK)
		e = loop_signals(p->loop, signals, ARRAY_COUNT(signals), on_signal, p);
	if (e == OK)
		e = proc_open_self(&p->self_fd);
	if (e == OK)
		e = configure(p);
	if (e == OK)
		e = make_folders(p);
	if (e == OK)
		e = take_lock(p);
	if (e != OK) {
		loop_close(&p->loop);
		mem_free(&mem_system, p);
		return e == ERR_INPUT ? 2 : 1;
	}
	p->kids[ROLE_PARENT].pid = 0;
	write_last_run(p, "running"); /* what a crash of ours leaves behind */
	for (size_t i = 0; i < role_started_count; i++)
		kid_start(&p->kids[role_started[i]]);
	p->ticked = loop_now(p->loop);
	loop_timer_after(p->loop, &p->tick, SPAN_S(1));
	e = loop_run(p->loop);
	write_last_run(p, e == OK ? "clean" : "parent's loop failed");
	say("notice", "event=stopped");
	loop_close(&p->loop);
	mem_free(&mem_system, p);
	return e == OK ? 0 : 1;
}
