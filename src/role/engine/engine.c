/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's life. Start: load what is open, decide what the last run left in the inbox, then
 * append the first records of this run (that it started, what the files manage, the way in for the
 * first user) and, when these are committed, open the doors. Stop: decide and commit what is there.
 */
#include "role/engine/engine_priv.h"

#include "base/enc.h"
#include "base/surprise.h"
#include "role/engine/ballast.h"

#include <assert.h>
#include <fcntl.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>

#define ZONE_FOLDER "/usr/share/zoneinfo"
#define ARENA_BYTES ((size_t)64 << 20)
#define BODY_BYTES ((size_t)2 << 20)
#define SLICE_BYTES ((size_t)512 << 20)
#define STOP_WAIT SPAN_S(3)
#define TOKEN_BYTES 24
#define TOKEN_LIFE SPAN_S(7 * 24 * 3600)
#define PATH_BYTES 4096

static bool path_of(const struct engine *e, const char *name, char out[PATH_BYTES])
{
	return snprintf(out, PATH_BYTES, "%s/control/%s", e->data_dir, name) < PATH_BYTES;
}

void engine_die(struct engine *e, const char *why)
{
	if (e->stopped)
		return;
	e->stopped = true;
	child_log(e->child, "error", "event=engine-ends why=\"%s\"", why);
	child_exit(e->child, 75);
}

/* ---- from outside the loop's handlers ---- */

static void on_notify(void *context)
{
	loop_wake_up(&((struct engine *)context)->wake);
}
static void on_wake(struct loop_wake *wake)
{
	(void)wake; /* the hook at the turn's end does the work */
}
static void on_hook(struct loop_hook *hook)
{
	engine_turn(container_of(hook, struct engine, hook));
}
static void on_due(struct loop_timer *timer)
{
	(void)timer;
}
static void on_retry(struct loop_timer *timer)
{
	struct engine *e = container_of(timer, struct engine, retry);
	e->flights_changed = true;
}

static void space_second(struct engine *e)
{
	if (!e->low_space || e->failing_since.ns || e->seconds % 5 != 0)
		return;
	/* As much as there was: else what was freed for paging would be given to events again. */
	if (ballast_make(e->os, str_c(e->data_dir), e->ballast_bytes, &e->ballast_bytes) != OK)
		return;
	e->low_space = false;
	child_log(e->child, "notice", "event=space-again effect=\"events are accepted\"");
}

/* What a burst has used and freed goes back to the system when it is over. */
static void trim_second(struct engine *e)
{
	if (e->counts.decided != e->trimmed_at && e->counts.decided == e->decided_before) {
		malloc_trim(0);
		e->trimmed_at = e->counts.decided;
	}
	e->decided_before = e->counts.decided;
}

static void on_second(struct loop_timer *timer)
{
	struct engine *e = container_of(timer, struct engine, second);
	if (e->stopped)
		return;
	engine_stamp(e);
	space_second(e);
	trim_second(e);
	watch_second(e);
	report_second(e);
	loop_timer_after(e->loop, &e->second, SPAN_S(1));
}

static void on_message_row(void *context, const struct message *row)
{
	pages_row(context, row);
}
static void on_alert_row(void *context, const struct alert *row)
{
	watch_alert_row(context, row);
}

/* ---- opening ---- */

static char *copy_c(const struct mem *mem, struct str s)
{
	char *p = mem_new(mem, s.len + 1, 1);
	if (p && s.len)
		memcpy(p, s.ptr, s.len);
	return p;
}

static enum err take_slice(struct engine *e, const struct json *config)
{
	struct str data_dir = json_get_str(config, STR("data_dir"));
	if (data_dir.len == 0 || config->raw.len > SLICE_BYTES)
		return ERR_INPUT;
	mem_free(e->mem, e->slice);
	e->slice = copy_c(e->mem, config->raw);
	e->slice_len = config->raw.len;
	if (!e->data_dir) {
		e->data_dir = copy_c(e->mem, data_dir);
		e->base_url = copy_c(e->mem, json_get_str(config, STR("base_url")));
		e->version = copy_c(e->mem, json_get_str(config, STR("version")));
		const struct json *keep = json_get(config, STR("inbox_keep_bytes"));
		if (json_is(keep, JSON_NUMBER) && str_u64(keep->text, &e->keep_bytes) != OK)
			return ERR_INPUT;
	}
	return e->slice && e->data_dir && e->base_url && e->version ? OK : ERR_NOMEM;
}

/* The mark of a clean stop, and that it is used up now. */
static bool take_clean_mark(struct engine *e)
{
	char path[PATH_BYTES];
	return path_of(e, "clean", path) && e->os->unlink(e->os, path) == 0;
}

static enum err open_inbox(struct engine *e, uint64_t decided)
{
	struct inbox_options options = {
		.notify = on_notify, .context = e, .keep_bytes = e->keep_bytes
	};
	char dir[PATH_BYTES];
	struct inbox_state st;
	if (!path_of(e, "inbox", dir))
		return ERR_LIMIT;
	enum err err = inbox_open(e->mem, e->os, str_c(dir), &options, decided, &e->inbox);
	if (err != OK) {
		child_log(e->child, "error",
		    "event=inbox-not-opened path=%s why=\"%s\" hint=\"the directory must be "
		    "writable for this user\"",
		    dir, err_text(err));
		return err;
	}
	inbox_state(e->inbox, &st);
	if (surprise(st.lost > 0, "engine/inbox ends before the store"))
		child_log(e->child, "error", "event=inbox-lost records=%llu",
		    (unsigned long long)st.lost);
	e->walk_end = st.durable;
	return inbox_walk_open(e->mem, e->os, str_c(dir), decided, &e->walk);
}

static enum err open_stores(struct engine *e)
{
	struct control_options options = { .notify = on_notify, .context = e };
	struct control_mark mark;
	struct decider_watch watch = { on_message_row, on_alert_row, e };
	struct buf why = buf_make(e->mem, 4096);
	uint64_t seed;
	if (e->os->random(e->os, &seed, sizeof(seed)) < 0)
		return ERR_IO;
	enum err err = control_open(e->mem, e->os, str_c(e->data_dir), &options, &why, &e->store);
	if (err != OK)
		child_log(e->child, "error", "event=store-not-opened why=\"%.*s\"",
		    STR_ARG(buf_str(&why)));
	buf_free(&why);
	if (err == OK)
		err = firing_open(e->mem, seed, &e->firing);
	if (err == OK)
		err = decider_open(e->mem, e->zones, seed, &watch, &e->decider);
	if (err == OK)
		err = decider_load(e->decider, e->store, &mark);
	if (err != OK)
		return err;
	e->epoch = mark.epoch;
	e->fresh = mark.fresh;
	e->has_credential = mark.has_credential;
	e->decided_seq = e->committed_seq = mark.decided_seq;
	e->clock = clock_make(mark.decided_at, e->os->wall(e->os), e->os->mono(e->os));
	return open_inbox(e, mark.decided_seq);
}

static void engine_close(struct engine *e)
{
	inbox_walk_close(&e->walk);
	inbox_close(&e->inbox);
	control_close(&e->store);
	control_reader_close(&e->reader);
	pages_close(e);
	watch_close(e);
	decider_close(&e->decider);
	firing_close(&e->firing);
	zones_close(&e->zones);
	while (e->todo_first) {
		struct todo *t = e->todo_first;
		e->todo_first = t->next;
		mem_free(e->mem, t);
	}
	for (uint32_t i = 0; i < e->command_count; i++)
		mem_free(e->mem, e->commands[i].text);
	arena_close(&e->arena);
	buf_free(&e->body);
	mem_free(e->mem, e->submits);
	mem_free(e->mem, e->data_dir);
	mem_free(e->mem, e->base_url);
	mem_free(e->mem, e->version);
	mem_free(e->mem, e->slice);
	mem_free(e->mem, e);
}

static enum err engine_open(struct child *child, const struct json *config, void **ret_self)
{
	struct engine *e = mem_new(child_mem(child), 1, sizeof(*e));
	if (!e)
		return ERR_NOMEM;
	e->child = child;
	e->loop = child_loop(child);
	e->mem = child_mem(child);
	e->os = child_os(child);
	e->body = buf_make(e->mem, BODY_BYTES);
	/* The store's and the inbox's threads allocate little: no heaps of their own for them, and
	 * blocks of batches go back when they are freed. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	e->wake.woken = on_wake;
	e->hook.run = on_hook;
	e->second.fire = on_second;
	e->due.fire = on_due;
	e->retry.fire = on_retry;
	e->submits = mem_new(e->mem, SUBMITS_MAX, sizeof(*e->submits));
	enum err err = e->submits ? take_slice(e, config) : ERR_NOMEM;
	if (err == OK)
		err = arena_open(e->mem, ARENA_BYTES, &e->arena);
	if (err == OK)
		err = map_open(e->mem, 0, 4096, &e->beats);
	if (err == OK)
		err = zones_open(e->mem, e->os, ZONE_FOLDER, &e->zones);
	if (err == OK)
		err = loop_wake_open(e->loop, &e->wake);
	if (err == OK)
		err = open_stores(e);
	if (err != OK) {
		engine_close(e);
		return err;
	}
	e->is_clean = take_clean_mark(e);
	e->ballast_bytes = BALLAST_BYTES_MIN;
	e->low_space =
	    ballast_make(e->os, str_c(e->data_dir), BALLAST_BYTES_MIN, &e->ballast_bytes) != OK;
	if (e->low_space)
		child_log(e->child, "warning",
		    "event=no-ballast effect=\"the disk is nearly full: events are refused\"");
	loop_hook_add(e->loop, &e->hook);
	loop_timer_after(e->loop, &e->second, SPAN_MS(100));
	loop_wake_up(&e->wake);
	*ret_self = e;
	return OK;
}

/* ---- the first records of a run ---- */

static void begin_boot(struct engine *e)
{
	struct record rec = { .type = RECORD_BOOT,
		.boot = { .how = e->fresh      ? STR("first")
		                 : e->is_clean ? STR("clean")
		                               : STR("crash"),
		    .version = str_c(e->version) } };
	if (!todo_add(e, &rec, TODO_STARTUP))
		engine_die(e, "out of memory");
}

/* What the files say, as far as it differs from what is in force. */
static enum err take_files(struct engine *e, enum todo_kind kind)
{
	own(arena_close) struct arena *a = NULL;
	const struct json *slice;
	struct record_resources *list;
	size_t count, conflicts;
	const struct resource_set *set = decider_resources(e->decider);
	enum err err = arena_open(e->mem, SLICE_BYTES, &a);
	if (err == OK)
		err = json_read(a, str_make(e->slice, e->slice_len), JSON_DEPTH_MAX, &slice, NULL);
	if (err == OK)
		err = resources_from_slice(set, slice, a, &list, &count, &conflicts);
	if (err != OK)
		return err;
	struct conf_faults faults = conf_faults_make(a);
	err = resources_slice_check(set, list, count, e->zones, a, &faults);
	for (size_t i = 0; err == ERR_INPUT && i < faults.count; i++)
		child_log(e->child, "error", "event=resources-refused path=\"%.*s\" why=\"%.*s\"",
		    STR_ARG(faults.list[i].path), STR_ARG(faults.list[i].message));
	if (conflicts)
		child_log(e->child, "warning",
		    "event=resources-skipped count=%zu why=\"another manager has resources of "
		    "these names\"",
		    conflicts);
	for (size_t i = 0; err == OK && i < count; i++) {
		struct record rec = { .type = RECORD_RESOURCES, .resources = list[i] };
		if (!todo_add(e, &rec, kind))
			err = ERR_NOMEM;
	}
	return err;
}

#define LINK_BYTES 1024

/* The token's hash as the store has it. */
static void token_hash(struct str token, struct buf *hex)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)token.ptr, token.len);
	enc_hex(hex, str_make((const char *)hash, sizeof(hash)));
}

/* True when the link of a former start can still be used. */
static bool has_link(struct engine *e, const char *path)
{
	struct buf text = buf_make(e->mem, LINK_BYTES), hex = buf_make(e->mem, LINK_BYTES);
	struct str user;
	bool valid = false;
	if (os_read_file(e->os, path, LINK_BYTES, &text) == OK) {
		struct str token =
		    str_trim(str_from(buf_str(&text), str_find(buf_str(&text), '#') + 1));
		token_hash(token, &hex);
		arena_reset(e->arena);
		valid = engine_reader(e) && control_one_time(engine_reader(e), buf_str(&hex),
		                                engine_stamp(e), e->arena, &user) == OK;
	}
	buf_free(&text);
	buf_free(&hex);
	return valid;
}

static void publish_link(struct engine *e, struct buf *link, const char *path)
{
	child_log(e->child, "notice", "event=first-sign-in link=%.*s", STR_ARG(buf_str(link)));
	buf_add_c(link, "\n");
	if (os_replace_file(e->os, path, buf_str(link), 0600) != OK)
		child_log(e->child, "warning", "event=first-sign-in-not-written path=%s", path);
}

/* Nobody can sign in yet: a link that lets one person in, once. It is said once; later starts name
 * the file that has it. The store knows only its hash. */
static void begin_sign_in(struct engine *e)
{
	unsigned char token[TOKEN_BYTES];
	char path[PATH_BYTES];
	if (!path_of(e, "first-sign-in", path))
		return;
	if (e->has_credential) {
		e->os->unlink(e->os, path);
		return;
	}
	if (has_link(e, path)) {
		child_log(e->child, "notice", "event=nobody-can-sign-in-yet link_in=%s", path);
		return;
	}
	if (e->os->random(e->os, token, sizeof(token)) < 0)
		return;
	struct buf link = buf_make(e->mem, LINK_BYTES), hex = buf_make(e->mem, LINK_BYTES);
	buf_add_c(&link, e->base_url);
	buf_add_c(&link, "/ui/setup#");
	size_t start = link.len;
	enc_base64url(&link, str_make((const char *)token, sizeof(token)));
	token_hash(str_from(buf_str(&link), start), &hex);
	struct record rec = { .type = RECORD_CREDENTIAL,
		.credential = { .type = CREDENTIAL_ONE_TIME,
		    .secret_hash = buf_str(&hex),
		    .user = STR(""),
		    .from = STR("engine"),
		    .expires = wall_add(engine_stamp(e), TOKEN_LIFE) } };
	if (link.err == OK && hex.err == OK && todo_add(e, &rec, TODO_STARTUP))
		publish_link(e, &link, path);
	sodium_memzero(token, sizeof(token));
	buf_free(&link);
	buf_free(&hex);
}

void engine_begin(struct engine *e)
{
	e->begun = true;
	begin_boot(e);
	enum err err = take_files(e, TODO_STARTUP);
	if (surprise(err != OK, "engine/slice refused at start"))
		child_log(e->child, "error",
		    "event=files-not-taken why=\"%s\" effect=\"the stored resources stay\"",
		    err_text(err));
	begin_sign_in(e);
	if (e->fresh) {
		struct record test = { .type = RECORD_TEST_PAGE,
			.test_page = {
			    .user = STR(""), .contact = STR(""), .actor = STR("installation") } };
		if (!todo_add(e, &test, TODO_STARTUP))
			engine_die(e, "out of memory");
	}
}

void engine_ready(struct engine *e)
{
	e->ready = true;
	e->ready_at = loop_now(e->loop);
	child_log(e->child, "notice", "event=ready open=%zu decided=%llu started=%s",
	    core_incident_count(decider_core(e->decider)), (unsigned long long)e->decided_seq,
	    e->fresh      ? "first"
	    : e->is_clean ? "clean"
	                  : "crash");
	report_rules(e);
}

/* ---- the role ---- */

static enum err engine_config(void *self, const struct json *config)
{
	struct engine *e = self;
	char *old = e->slice;
	size_t old_len = e->slice_len;
	e->slice = NULL;
	enum err err = take_slice(e, config);
	if (err == OK && e->begun)
		err = take_files(e, TODO_PLAIN);
	if (err != OK) {
		mem_free(e->mem, e->slice);
		e->slice = old;
		e->slice_len = old_len;
		return err;
	}
	mem_free(e->mem, old);
	return OK;
}

static void engine_peer(void *self, enum role peer, struct chan *chan)
{
	struct engine *e = self;
	assert(peer < ROLE_COUNT);
	intake_peer_gone(e, peer);
	e->peers[peer].chan = chan;
	if (peer == ROLE_NOTIFIER)
		pages_notifier(e, chan);
	else if (peer == ROLE_TELEMETRY && chan)
		report_rules(e);
	e->changed = true;
}

static bool engine_message(
    void *self, enum role peer, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct engine *e = self;
	(void)chan;
	if (e->stopped)
		return true;
	switch (type) {
	case MSG_SUBMIT: return intake_submit(e, peer, id, body);
	case MSG_COMMAND: return intake_command(e, peer, id, body);
	case MSG_RULE_GROUP:
		if (peer == ROLE_TELEMETRY)
			watch_rule_group(e, body);
		return true;
	case MSG_HOLDING:
		if (peer == ROLE_NOTIFIER)
			pages_holding(e, body);
		return true;
	case MSG_RECEIPT: return peer != ROLE_NOTIFIER || pages_receipt(e, body);
	default: e->counts.invalid++; return true;
	}
}

/* Everything that was taken is made durable, decided and committed. False: the disk did not let us,
 * in time. */
static bool drain(struct engine *e)
{
	struct mono end = mono_add(e->os->mono(e->os), STOP_WAIT);
	for (;;) {
		struct inbox_state in;
		engine_turn(e);
		inbox_state(e->inbox, &in);
		if (e->stopped)
			return false;
		if (in.appended == in.durable && e->committed_seq == in.durable && !e->walk)
			return true;
		if (e->os->mono(e->os).ns >= end.ns)
			return false;
		ignore_err(control_wait(e->store, SPAN_MS(1)), "it only paces this loop");
		struct timespec pause = { .tv_nsec = NS_PER_MS / 2 };
		nanosleep(&pause, NULL);
	}
}

static void engine_stop(void *self)
{
	struct engine *e = self;
	char path[PATH_BYTES];
	e->stopping = true;
	bool clean = drain(e);
	e->stopped = true;
	if (clean && path_of(e, "clean", path))
		ignore_err(os_replace_file(e->os, path, STR("1\n"), 0600),
		    "the next start then says that it was a crash");
	inbox_close(&e->inbox);
	control_close(&e->store);
	child_exit(e->child, 0);
}

const struct role_body role_engine = {
	.role = ROLE_ENGINE,
	.open = engine_open,
	.config = engine_config,
	.peer = engine_peer,
	.message = engine_message,
	.stop = engine_stop,
};
