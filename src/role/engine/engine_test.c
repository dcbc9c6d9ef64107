/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine as a process of its own, started as quisd starts it; the test is its parent, and plays
 * web, notifier, telemetry and auditor over real channels. What it has said is then looked up in
 * its store.
 */
#include "role/engine/engine.h"

#include "base/enc.h"
#include "os/linux/fdpass.h"
#include "os/linux/proc.h"
#include "role/engine/replay.h"
#include "store/control/reader.h"
#include "wire/page.h"
#include "wire/record.h"

#include <assert.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define EVENTS_MAX 200000u

static const char slice_form[] =
    "{\"data_dir\":\"%s\",\"base_url\":\"http://quis.test\",\"version\":\"test\","
    "\"providers\":[{\"name\":\"mail\",\"type\":\"email\"},{\"name\":\"console\",\"type\":"
    "\"console\"}],"
    "\"fallback\":[{\"name\":\"console\",\"type\":\"console\",\"address\":\"\"}],"
    "\"resources\":["
    "{\"kind\":\"User\",\"name\":\"ana\",\"body\":{\"kind\":\"User\",\"name\":\"ana\",\"email\":"
    "\"ana@example.com\","
    "\"contacts\":[{\"name\":\"mail\",\"type\":\"email\",\"address\":\"ana@example.com\"}],"
    "\"notify\":{\"high\":[{\"after\":\"0m\",\"contact\":\"mail\"}],\"low\":[{\"after\":\"0m\","
    "\"contact\":\"mail\"}]}}},"
    "{\"kind\":\"EscalationPolicy\",\"name\":\"web\",\"body\":{\"kind\":\"EscalationPolicy\","
    "\"name\":\"web\","
    "\"steps\":[{\"targets\":[{\"user\":\"ana\"}],\"delay\":\"5m\"}],\"loops\":2}},"
    "{\"kind\":\"Service\",\"name\":\"web\",\"body\":{\"kind\":\"Service\",\"name\":\"web\","
    "\"escalation_policy\":\"web\","
    "\"integrations\":[{\"name\":\"events\",\"key\":\"" KEY "\"}]}}%s]}";

/* A word that the notifier plays. */
struct held {
	struct id id;
	uint32_t attempt;
};

struct rig {
	char dir[200];
	char extra[4000]; /* more resources of the slice */
	pid_t pid;
	int control;
	struct loop *loop;
	struct loop_io control_io;
	struct chan *chans[ROLE_COUNT];
	bool gone;
	struct arena *arena;
	struct buf body;
	bool chatty;

	/* web */
	uint64_t next_id, submit_ok, submit_not_ok, last_submit_code;
	uint64_t answered;       /* id of the last answer */
	unsigned char *accepted; /* by event number: 202 was said */
	uint64_t command_code, command_outcome, command_id;
	char command_text[8192];
	uint64_t changed;

	/* notifier */
	bool sleepy; /* takes pages, says nothing */
	uint64_t sends, confirms, tests, duplicates_marked;
	struct page last_page;
	char last_title[300], last_user[100], last_message[32], last_details[2000];
	uint32_t last_attempt;
	uint64_t cancels;
	struct held holding[64];
	uint32_t holding_count;

	/* telemetry */
	uint64_t rules_version;
	char rules[8192];
	/* auditor */
	uint64_t states, durable, decided;
	int64_t age;
};

static struct rig *rig_of_io(struct loop_io *io)
{
	return container_of(io, struct rig, control_io);
}

/* ---- the parent's part ---- */

static void on_control(struct loop_io *io, unsigned events)
{
	struct rig *g = rig_of_io(io);
	char bytes[CONTROL_BYTES_MAX];
	size_t len;
	int fds[FDPASS_FDS_MAX];
	(void)events;
	for (;;) {
		enum err e = fdpass_recv(g->control, bytes, sizeof(bytes), &len, fds);
		if (e == ERR_BUSY)
			return;
		if (e != OK || len == 0) {
			g->gone = true;
			loop_io_remove(g->loop, io);
			return;
		}
	}
}

static void control_send(struct rig *g, const struct control *c, int fd)
{
	struct buf b = buf_make(&mem_system, CONTROL_BYTES_MAX);
	control_encode(&b, c);
	assert_int_equal(b.err, OK);
	assert_int_equal(fdpass_send(g->control, buf_str(&b), &fd, fd >= 0), OK);
	buf_free(&b);
	if (fd >= 0)
		close(fd);
}

static void send_config(struct rig *g)
{
	struct buf b = buf_make(&mem_system, 1 << 20);
	int fd;
	buf_printf(&b, slice_form, g->dir, g->extra);
	assert_int_equal(proc_memfd(STR("slice"), buf_str(&b), &fd), OK);
	buf_free(&b);
	struct control c = { .type = CONTROL_CONFIG, .text = str_c(g->dir), .name = STR("") };
	control_send(g, &c, fd);
}

static bool on_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body);
static void on_gone(void *context, struct chan *chan, const char *why)
{
	struct rig *g = context;
	(void)why;
	for (int i = 0; i < ROLE_COUNT; i++)
		if (g->chans[i] == chan)
			chan_close(&g->chans[i]);
}
static const struct chan_handler chan_handlers = { on_message, on_gone, NULL };

static void connect_peer(struct rig *g, enum role role)
{
	int ends[2];
	static uint32_t generation;
	assert_int_equal(fdpass_pair(true, ends), OK);
	if (g->chans[role])
		chan_close(&g->chans[role]);
	assert_int_equal(
	    chan_open(&mem_system, g->loop, ends[0], &chan_handlers, g, &g->chans[role]), OK);
	struct control c = { .type = CONTROL_PEER, .peer = role, .generation = ++generation };
	control_send(g, &c, ends[1]);
	if (role != ROLE_NOTIFIER)
		return;
	buf_clear(&g->body);
	put_u32(&g->body, g->holding_count);
	for (uint32_t i = 0; i < g->holding_count; i++) {
		put_str(&g->body, id_str(&g->holding[i].id));
		put_u32(&g->body, g->holding[i].attempt);
	}
	assert_int_equal(chan_send(g->chans[role], MSG_HOLDING, 0, buf_str(&g->body)), OK);
}

static void start(struct rig *g)
{
	int ends[2];
	assert_int_equal(fdpass_pair(false, ends), OK);
	fflush(NULL);
	g->pid = fork();
	assert_true(g->pid >= 0);
	if (g->pid == 0) {
		static const struct sandbox_path paths[] = { { "@/control", true },
			{ "/usr/share/zoneinfo", false } };
		static const struct sandbox sandbox = { SANDBOX_THREADS, paths,
			ARRAY_COUNT(paths) };
		if (!g->chatty && !freopen("/dev/null", "w", stderr))
			_exit(90);
		dup2(ends[1], 3);
		_exit(child_main(&role_engine, &sandbox));
	}
	close(ends[1]);
	g->control = ends[0];
	g->gone = false;
	g->control_io = (struct loop_io){ .fd = ends[0], .ready = on_control };
	assert_int_equal(loop_io_add(g->loop, &g->control_io, LOOP_READ), OK);
	send_config(g);
	connect_peer(g, ROLE_WEB);
	connect_peer(g, ROLE_NOTIFIER);
	connect_peer(g, ROLE_TELEMETRY);
	connect_peer(g, ROLE_AUDITOR);
}

static void bury(struct rig *g)
{
	int status;
	assert_int_equal(waitpid(g->pid, &status, 0), g->pid);
	if (!g->gone)
		loop_io_remove(g->loop, &g->control_io);
	close(g->control);
	for (int i = 0; i < ROLE_COUNT; i++)
		if (g->chans[i])
			chan_close(&g->chans[i]);
	g->pid = 0;
}

static void kill_engine(struct rig *g)
{
	kill(g->pid, SIGKILL);
	bury(g);
}

#define TURN SPAN_MS(20)
#define UNTIL(g, condition)                                                 \
	do {                                                                \
		int64_t end_ = os_linux.mono(&os_linux).ns + 20 * NS_PER_S; \
		while (!(condition)) {                                      \
			assert_int_equal(loop_turn((g)->loop, TURN), OK);   \
			assert_true(os_linux.mono(&os_linux).ns < end_);    \
			assert_false((g)->gone);                            \
		}                                                           \
	} while (0)

static void stop(struct rig *g)
{
	struct control c = { .type = CONTROL_STOP };
	control_send(g, &c, -1);
	int64_t end = os_linux.mono(&os_linux).ns + 20 * NS_PER_S;
	while (!g->gone) {
		assert_int_equal(loop_turn(g->loop, TURN), OK);
		assert_true(os_linux.mono(&os_linux).ns < end);
	}
	bury(g);
}

/* ---- the peers' parts ---- */

static void send_receipt(
    struct rig *g, const struct id *id, uint32_t attempt, enum receipt_state state)
{
	struct record rec = { .type = RECORD_RECEIPT,
		.receipt = { .message = *id,
		    .attempt = attempt,
		    .state = state,
		    .provider = STR("mail"),
		    .reference = STR("ref-1"),
		    .error = STR("") } };
	buf_clear(&g->body);
	record_encode(&g->body, &rec);
	if (g->chans[ROLE_NOTIFIER])
		assert_int_equal(
		    chan_send(g->chans[ROLE_NOTIFIER], MSG_RECEIPT, 0, buf_str(&g->body)), OK);
}

static void take_page(struct rig *g, struct str body)
{
	struct page p;
	struct id id;
	assert_int_equal(page_decode(body, &p), OK);
	assert_int_equal(id_parse(p.message, &id), OK);
	g->sends++;
	g->tests += p.purpose == PURPOSE_TEST;
	g->duplicates_marked += p.maybe_duplicate;
	g->last_page = p;
	g->last_attempt = p.attempt;
	snprintf(g->last_title, sizeof(g->last_title), "%.*s", STR_ARG(p.title));
	snprintf(g->last_user, sizeof(g->last_user), "%.*s", STR_ARG(p.user));
	snprintf(g->last_message, sizeof(g->last_message), "%.*s", STR_ARG(p.message));
	snprintf(g->last_details, sizeof(g->last_details), "%.*s", STR_ARG(p.details));
	if (!g->sleepy)
		send_receipt(g, &id, p.attempt, RECEIPT_ACCEPTED);
}

static void take_answer(struct rig *g, enum msg_type type, uint64_t id, struct str body)
{
	struct rd r = rd_make(body);
	uint32_t code = rd_u32(&r);
	(void)rd_u64(&r);
	if (type == MSG_SUBMIT_ANSWER) {
		g->answered = id;
		g->last_submit_code = code;
		g->submit_ok += code == SUBMIT_OK;
		g->submit_not_ok += code != SUBMIT_OK;
		if (code == SUBMIT_OK && g->accepted && id < EVENTS_MAX)
			g->accepted[id] = 1;
		(void)rd_str(&r, 65536);
	} else {
		g->command_id = id;
		g->command_code = code;
		g->command_outcome = rd_u8(&r);
		struct str text = rd_str(&r, 1 << 20);
		snprintf(g->command_text, sizeof(g->command_text), "%.*s", STR_ARG(text));
	}
	assert_int_equal(rd_done(&r), OK);
}

static bool on_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct rig *g = context;
	struct rd r = rd_make(body);
	(void)chan;
	switch (type) {
	case MSG_SUBMIT_ANSWER:
	case MSG_COMMAND_ANSWER: take_answer(g, type, id, body); break;
	case MSG_CHANGED: g->changed++; break;
	case MSG_SEND: take_page(g, body); break;
	case MSG_CANCEL: g->cancels++; break;
	case MSG_RECEIPT_CONFIRM: g->confirms++; break;
	case MSG_RULES:
		g->rules_version = rd_u64(&r);
		struct str rules = rd_str(&r, 1 << 20);
		snprintf(g->rules, sizeof(g->rules), "%.*s", STR_ARG(rules));
		break;
	case MSG_ENGINE_STATE:
		g->states++;
		g->durable = rd_u64(&r);
		g->decided = rd_u64(&r);
		g->age = rd_i64(&r);
		break;
	default: break;
	}
	return true;
}

static uint64_t submit(
    struct rig *g, const char *key, enum event_action action, const char *routing_key)
{
	struct record rec = { .type = RECORD_EVENT,
		.event = { .routing_key = str_c(routing_key),
		    .action = action,
		    .dedup_key = str_c(key),
		    .summary = str_c(key),
		    .source = STR("test"),
		    .severity = SEVERITY_CRITICAL,
		    .details = STR("{\"payload\":{\"summary\":\"s\",\"source\":\"db-1\",\"custom_"
		                   "details\":{\"a\":1}},"
		                   "\"client\":\"tester\"}"),
		    .via = STR("v2") } };
	buf_clear(&g->body);
	record_encode(&g->body, &rec);
	assert_int_equal(g->body.err, OK);
	if (chan_send(g->chans[ROLE_WEB], MSG_SUBMIT, ++g->next_id, buf_str(&g->body)) != OK)
		return 0;
	return g->next_id;
}

static void submit_wait(struct rig *g, const char *key, enum event_action action)
{
	uint64_t id = submit(g, key, action, KEY);
	UNTIL(g, g->answered == id);
	assert_int_equal(g->last_submit_code, SUBMIT_OK);
}

static void command(struct rig *g, const struct record *rec)
{
	buf_clear(&g->body);
	record_encode(&g->body, rec);
	assert_int_equal(g->body.err, OK);
	uint64_t id = ++g->next_id;
	assert_int_equal(chan_send(g->chans[ROLE_WEB], MSG_COMMAND, id, buf_str(&g->body)), OK);
	UNTIL(g, g->command_id == id);
}

/* The doors are open when a submit is not told to come again. */
static void wait_ready(struct rig *g)
{
	for (;;) {
		uint64_t id = submit(g, "nothing", EVENT_RESOLVE, KEY);
		UNTIL(g, g->answered == id);
		if (id < EVENTS_MAX)
			g->accepted[id] = 0; /* it is none of the events that are counted */
		if (g->last_submit_code == SUBMIT_OK)
			return;
		assert_int_equal(g->last_submit_code, SUBMIT_BUSY);
		assert_int_equal(loop_turn(g->loop, SPAN_MS(5)), OK);
	}
}

static int setup(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));
	const char *tmp = getenv("TMPDIR");
	snprintf(g->dir, sizeof(g->dir), "%s/quis-engine-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(g->dir))
		return -1;
	char path[300];
	snprintf(path, sizeof(path), "%s/control", g->dir);
	mkdir(path, 0700);
	g->accepted = calloc(EVENTS_MAX, 1);
	g->body = buf_make(&mem_system, 2 << 20);
	g->chatty = getenv("QUIS_TEST_CHATTY") != NULL;
	*state = g;
	if (arena_open(&mem_system, 256u << 20, &g->arena) != OK)
		return -1;
	return loop_open(&mem_system, &os_linux, &g->loop) == OK ? 0 : -1;
}

static void remove_tree(const char *path)
{
	own(arena_close) struct arena *a = NULL;
	struct str *names;
	size_t count;
	if (arena_open(&mem_system, 1 << 22, &a) != OK ||
	    os_list_dir(path, a, &names, &count) != OK)
		return;
	for (size_t i = 0; i < count; i++) {
		char child[600];
		snprintf(child, sizeof(child), "%s/%.*s", path, STR_ARG(names[i]));
		if (unlink(child) < 0)
			remove_tree(child);
	}
	rmdir(path);
}

static int teardown(void **state)
{
	struct rig *g = *state;
	if (g->pid)
		kill_engine(g);
	loop_close(&g->loop);
	arena_close(&g->arena);
	buf_free(&g->body);
	remove_tree(g->dir);
	free(g->accepted);
	free(g);
	return 0;
}

static struct control_reader *open_reader(struct rig *g)
{
	struct control_reader *r = NULL;
	assert_int_equal(control_reader_open(&mem_system, &os_linux, str_c(g->dir), &r), OK);
	return r;
}

static struct incident newest(struct rig *g, struct control_reader *r)
{
	struct control_incident_query q = { .limit = 1 };
	struct control_incidents list;
	assert_int_equal(control_incidents(r, &q, g->arena, &list), OK);
	assert_int_equal(list.count, 1);
	return list.list[0];
}

/* ---- tests ---- */

static void test_event_to_receipt(void **state)
{
	struct rig *g = *state;
	start(g);
	wait_ready(g);
	/* A fresh installation proves itself to the console. */
	UNTIL(g, g->tests == 1 && g->confirms == 1);
	submit_wait(g, "disk full", EVENT_TRIGGER);
	UNTIL(g, g->sends == 2 && g->confirms == 2);
	assert_string_equal(g->last_title, "disk full");
	assert_string_equal(g->last_user, "ana");
	assert_non_null(strstr(g->last_details, "custom_details"));
	assert_int_equal(g->last_page.purpose, PURPOSE_INCIDENT);
	UNTIL(g, g->states > 0 && g->changed > 0);

	struct control_reader *r = open_reader(g);
	struct incident inc = newest(g, r);
	assert_int_equal(inc.status, INCIDENT_TRIGGERED);
	struct record ack = { .type = RECORD_COMMAND,
		.command = { .type = COMMAND_ACKNOWLEDGE,
		    .incident = inc.id,
		    .actor = STR("ana"),
		    .via = STR("ui"),
		    .from = STR("127.0.0.1") } };
	command(g, &ack);
	assert_int_equal(g->command_code, SUBMIT_OK);
	assert_int_equal(g->command_outcome, 0);
	inc = newest(g, r);
	assert_int_equal(inc.status, INCIDENT_ACKNOWLEDGED);
	assert_true(inc.told);

	struct message *messages;
	size_t count;
	assert_int_equal(control_messages(r, &inc.id, 10, g->arena, &messages, &count), OK);
	assert_int_equal(count, 1);
	assert_int_equal(messages[0].state, MESSAGE_ACCEPTED);
	assert_true(str_eq(messages[0].reference, STR("ref-1")));
	struct alert *alerts;
	bool more;
	assert_int_equal(
	    control_alerts(r, &inc.id, true, 10, 0, g->arena, &alerts, &count, &more), OK);
	assert_int_equal(count, 1);
	assert_true(str_eq(alerts[0].dedup_key, STR("disk full")));
	assert_true(alerts[0].details.len > 10);
	struct control_log_query lq = { .incident = inc.id, .limit = 50 };
	struct log_entry *log;
	assert_int_equal(control_log_entries(r, &lq, g->arena, &log, &count, &more), OK);
	assert_true(count >= 3);
	assert_true(str_eq(log[0].type, STR("trigger")));
	assert_true(str_eq(log[count - 1].type, STR("acknowledge")));
	struct control_audit *audits;
	assert_int_equal(control_audits(r, 10, 0, g->arena, &audits, &count, &more), OK);
	assert_true(str_eq(audits[0].action, STR("acknowledge")));
	struct control_rate *rates;
	assert_int_equal(control_rates(r, os_linux.wall(&os_linux), 2, g->arena, &rates), OK);
	assert_true(rates[0].events + rates[1].events >= 1);
	assert_int_equal(rates[0].pages + rates[1].pages, 2);
	/* An unknown incident. */
	ack.command.incident = id_make(999999, 7);
	command(g, &ack);
	assert_int_equal(g->command_code, SUBMIT_NOT_FOUND);
	control_reader_close(&r);
	stop(g);
}

static void test_refusals(void **state)
{
	struct rig *g = *state;
	start(g);
	wait_ready(g);
	uint64_t before = g->submit_ok;
	uint64_t id = submit(g, "x", EVENT_TRIGGER, "00000000000000000000000000000000");
	UNTIL(g, g->answered == id);
	assert_int_equal(g->last_submit_code, SUBMIT_UNKNOWN_KEY);
	id = submit(g, "x", EVENT_TRIGGER, "");
	UNTIL(g, g->answered == id);
	assert_int_equal(g->last_submit_code, SUBMIT_UNKNOWN_KEY);
	assert_int_equal(chan_send(g->chans[ROLE_WEB], MSG_SUBMIT, ++g->next_id, STR("junk")), OK);
	UNTIL(g, g->answered == g->next_id);
	assert_int_equal(g->last_submit_code, SUBMIT_INVALID);
	assert_int_equal(chan_send(g->chans[ROLE_WEB], MSG_COMMAND, ++g->next_id, STR("junk")), OK);
	UNTIL(g, g->command_id == g->next_id);
	assert_int_equal(g->command_code, SUBMIT_INVALID);
	assert_int_equal(g->submit_ok, before);
	stop(g);
}

static struct record resources_record(
    const struct record_resource *list, uint32_t count, struct str via)
{
	return (struct record){ .type = RECORD_RESOURCES,
		.resources = { .manager = MANAGER_APPLY,
		    .actor = STR("admin"),
		    .via = via,
		    .from = STR("127.0.0.1"),
		    .resources = list,
		    .resource_count = count } };
}

static void test_resources(void **state)
{
	struct rig *g = *state;
	start(g);
	wait_ready(g);
	struct record_resource bo = { .kind = STR("User"),
		.name = STR("bo"),
		.body = STR("{\"kind\":\"User\",\"name\":\"bo\",\"email\":\"bo@example.com\","
		            "\"contacts\":[{\"name\":\"mail\","
		            "\"type\":\"email\",\"address\":\"bo@example.com\"}]}") };
	struct record rec = resources_record(&bo, 1, STR("dry-run:api"));
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_OK);
	assert_non_null(strstr(g->command_text, "\"create\""));
	struct control_reader *r = open_reader(g);
	struct control_resource *list;
	size_t count;
	assert_int_equal(control_resources(r, STR("User"), g->arena, &list, &count), OK);
	assert_int_equal(count, 1);
	rec = resources_record(&bo, 1, STR("api"));
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_OK);
	assert_int_equal(control_resources(r, STR("User"), g->arena, &list, &count), OK);
	assert_int_equal(count, 2);
	assert_int_equal(list[1].manager, MANAGER_APPLY);
	uint64_t version;
	assert_int_equal(control_resources_version(r, &version), OK);
	assert_int_equal(version, list[1].version);
	/* The same again is no change. */
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_OK);
	assert_non_null(strstr(g->command_text, "\"same\""));
	/* What a file owns is read-only here. */
	struct record_resource ana = { .kind = STR("User"), .name = STR("ana"), .remove = true };
	rec = resources_record(&ana, 1, STR("api"));
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_CONFLICT);
	assert_non_null(strstr(g->command_text, "managed by file"));
	/* A reference that leads nowhere. */
	struct record_resource policy = { .kind = STR("EscalationPolicy"),
		.name = STR("p"),
		.body = STR("{\"kind\":\"EscalationPolicy\",\"name\":\"p\",\"steps\":[{\"targets\":"
		            "[{\"user\":\"nobody\"}],"
		            "\"delay\":\"5m\"}]}") };
	rec = resources_record(&policy, 1, STR("api"));
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_INVALID);
	assert_non_null(strstr(g->command_text, "nobody"));
	/* A reload that takes the policy's user away is refused and changes nothing; one that adds
	 * is taken. */
	snprintf(g->extra, sizeof(g->extra),
	    ",{\"kind\":\"User\",\"name\":\"cy\",\"body\":{\"kind\":\"User\",\"name\":\"cy\","
	    "\"email\":\"cy@example.com\",\"contacts\":[{\"name\":\"mail\",\"type\":\"email\","
	    "\"address\":\"c@e.org\"}]}}");
	send_config(g);
	UNTIL(g, control_resources(r, STR("User"), g->arena, &list, &count) == OK && count == 3);
	assert_true(str_eq(list[2].name, STR("cy")));
	assert_int_equal(list[2].manager, MANAGER_FILE);
	g->extra[0] = '\0';
	send_config(g);
	UNTIL(g, control_resources(r, STR("User"), g->arena, &list, &count) == OK && count == 2);
	control_reader_close(&r);
	stop(g);
}

static void test_one_time_link(void **state)
{
	struct rig *g = *state;
	char path[300];
	start(g);
	wait_ready(g);
	/* The link of the first start lets one in, once. */
	snprintf(path, sizeof(path), "%s/control/first-sign-in", g->dir);
	struct buf link = buf_make(&mem_system, 1000), hex = buf_make(&mem_system, 1000);
	assert_int_equal(os_read_file(&os_linux, path, 1000, &link), OK);
	struct str token = str_trim(str_from(buf_str(&link), str_find(buf_str(&link), '#') + 1));
	unsigned char hash[32];
	crypto_hash_sha256(hash, (const unsigned char *)token.ptr, token.len);
	enc_hex(&hex, str_make((const char *)hash, sizeof(hash)));
	struct record used = { .type = RECORD_CREDENTIAL,
		.credential = { .type = CREDENTIAL_ONE_TIME_USED,
		    .secret_hash = STR("0000"),
		    .user = STR("ana"),
		    .from = STR("") } };
	command(g, &used);
	assert_int_equal(g->command_code, SUBMIT_NOT_FOUND);
	/* A restart does not make another one. */
	kill_engine(g);
	start(g);
	wait_ready(g);
	struct buf again = buf_make(&mem_system, 1000);
	assert_int_equal(os_read_file(&os_linux, path, 1000, &again), OK);
	assert_true(str_eq(buf_str(&link), buf_str(&again)));
	used.credential.secret_hash = buf_str(&hex);
	command(g, &used);
	assert_int_equal(g->command_code, SUBMIT_OK);
	command(g, &used);
	assert_int_equal(g->command_code, SUBMIT_NOT_FOUND);
	/* With a password set, the next start needs no link. */
	struct record password = { .type = RECORD_CREDENTIAL,
		.credential = { .type = CREDENTIAL_PASSWORD,
		    .secret_hash = STR("$argon2id$x"),
		    .user = STR("ana"),
		    .from = STR("") } };
	command(g, &password);
	assert_int_equal(g->command_code, SUBMIT_OK);
	stop(g);
	start(g);
	wait_ready(g);
	assert_int_not_equal(access(path, F_OK), 0);
	stop(g);
	buf_free(&link);
	buf_free(&hex);
	buf_free(&again);
}

static void test_notifier_restart(void **state)
{
	struct rig *g = *state;
	start(g);
	wait_ready(g);
	UNTIL(g, g->confirms == 1);
	g->sleepy = true;
	submit_wait(g, "one", EVENT_TRIGGER);
	UNTIL(g, g->sends == 2);
	assert_false(g->last_page.maybe_duplicate);
	/* It is held: nothing is sent again. */
	assert_int_equal(id_parse(str_c(g->last_message), &g->holding[0].id), OK);
	g->holding[0].attempt = g->last_attempt;
	g->holding_count = 1;
	connect_peer(g, ROLE_NOTIFIER);
	submit_wait(g, "two", EVENT_TRIGGER);
	UNTIL(g, g->sends == 3);
	assert_string_equal(g->last_title, "two");
	/* Two is not held by the next one: in doubt, so it comes again and is marked. */
	connect_peer(g, ROLE_NOTIFIER);
	g->sleepy = false;
	UNTIL(g, g->sends >= 4 && g->duplicates_marked >= 1);
	assert_string_equal(g->last_title, "two");
	assert_true(g->last_attempt >= 2);
	/* An acknowledgement cancels what is under way. */
	uint64_t cancels = g->cancels;
	submit_wait(g, "one", EVENT_ACKNOWLEDGE);
	UNTIL(g, g->cancels > cancels);
	stop(g);
}

static void send_report(
    struct rig *g, const char *group, const char *labels, int state, const char *failed)
{
	buf_clear(&g->body);
	put_u64(&g->body, 1);
	put_u64(&g->body, g->rules_version);
	put_i64(&g->body, 0);
	put_i64(&g->body, 0);
	put_i64(&g->body, 15 * NS_PER_S);
	put_str(&g->body, str_c(group));
	put_str(&g->body, failed ? STR("no such thing") : STR(""));
	put_u32(&g->body, labels != NULL);
	if (labels) {
		put_str(&g->body, STR("load"));
		put_str(&g->body, str_c(labels));
		put_u8(&g->body, (uint8_t)state);
		put_f64(&g->body, 0.75);
		put_str(&g->body, STR("load is 0.75"));
		put_str(&g->body, STR(""));
		put_str(&g->body, STR("above"));
	}
	put_u32(&g->body, failed != NULL);
	if (failed)
		put_str(&g->body, str_c(failed));
	assert_int_equal(
	    chan_send(g->chans[ROLE_TELEMETRY], MSG_RULE_GROUP, 0, buf_str(&g->body)), OK);
}

static void send_rules(struct rig *g, const char *group, const char *labels, int state)
{
	send_report(g, group, labels, state, NULL);
}

static uint64_t open_count(struct rig *g, struct control_reader *r)
{
	struct control_counts c;
	assert_int_equal(control_counts(r, os_linux.wall(&os_linux), &c), OK);
	(void)g;
	return c.open;
}

static void test_rules(void **state)
{
	struct rig *g = *state;
	char labels[400];
	snprintf(g->extra, sizeof(g->extra),
	    ",{\"kind\":\"Alert\",\"name\":\"load\",\"body\":{\"kind\":\"Alert\",\"name\":\"load\","
	    "\"service\":\"web\",\"query\":\"avg(load1)\",\"above\":0.5}}");
	start(g);
	wait_ready(g);
	UNTIL(g, g->rules_version > 0);
	assert_non_null(strstr(g->rules, "avg(load1)"));
	struct control_reader *r = open_reader(g);
	send_rules(g, "alerts", "{\"host\":\"a\"}", 1);
	send_rules(g, "alerts", "{\"host\":\"a\"}", 2);
	UNTIL(g, open_count(g, r) == 1);
	/* The same state again makes no record. */
	uint64_t durable = g->durable;
	UNTIL(g, g->states > 1 && g->decided == g->durable && g->durable >= durable);
	UNTIL(g, g->sends >= 2 && g->confirms >= g->sends);
	uint64_t states = g->states;
	UNTIL(g, g->states > states);
	durable = g->durable;
	for (int i = 0; i < 5; i++)
		send_rules(g, "alerts", "{\"host\":\"a\"}", 2);
	states = g->states;
	UNTIL(g, g->states > states + 1);
	assert_int_equal(g->durable, durable);
	/* It survives a crash: firing is still known, and its end is noticed. */
	kill_engine(g);
	start(g);
	wait_ready(g);
	UNTIL(g, g->rules_version > 0);
	send_rules(g, "alerts", NULL, 0);
	UNTIL(g, open_count(g, r) == 0);
	/* Labels too long for a key. */
	memset(labels, 'x', sizeof(labels));
	memcpy(labels, "{\"host\":\"", 9);
	memcpy(labels + 380, "\"}", 3);
	send_rules(g, "alerts", labels, 2);
	UNTIL(g, open_count(g, r) == 1);
	kill_engine(g);
	start(g);
	wait_ready(g);
	send_rules(g, "alerts", NULL, 0);
	UNTIL(g, open_count(g, r) == 0);
	control_reader_close(&r);
	stop(g);
}

/* An input that waits is as old as it is, however long nothing came before it. */
static void test_undecided_age(void **state)
{
	struct rig *g = *state;
	char path[300];
	sqlite3 *db;
	start(g);
	wait_ready(g);
	submit_wait(g, "first", EVENT_TRIGGER);
	uint64_t states = g->states; /* one a second */
	UNTIL(g, g->states > states + 3 && g->decided == g->durable);
	snprintf(path, sizeof(path), "%s/control/control.db", g->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	submit_wait(g, "second", EVENT_TRIGGER);
	UNTIL(g, g->age > 0);
	assert_true(g->age < 2 * NS_PER_S);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	UNTIL(g, g->age == 0);
	stop(g);
}

/* A rule that cannot be evaluated takes nothing from the others of its group, and ends nothing. */
static void test_failing_rule(void **state)
{
	struct rig *g = *state;
	snprintf(g->extra, sizeof(g->extra),
	    ",{\"kind\":\"Alert\",\"name\":\"load\",\"body\":{\"kind\":\"Alert\",\"name\":\"load\","
	    "\"service\":\"web\",\"query\":\"avg(load1)\",\"above\":0.5}}");
	start(g);
	wait_ready(g);
	UNTIL(g, g->rules_version > 0);
	struct control_reader *r = open_reader(g);
	send_report(g, "alerts", "{\"host\":\"a\"}", 2, "broken");
	UNTIL(g, open_count(g, r) == 1);
	/* The second failure in a row is an incident of its own; what became of `load` is not
	 * known. */
	send_report(g, "alerts", NULL, 0, "load");
	UNTIL(g, open_count(g, r) == 2);
	send_report(g, "alerts", NULL, 0, "broken");
	UNTIL(g, open_count(g, r) == 1);
	/* Resolved by a person while it lasts: quiet for an hour. When it ends and begins anew it
	 * is told at once. */
	struct record resolve = { .type = RECORD_COMMAND,
		.command = { .type = COMMAND_RESOLVE,
		    .incident = newest(g, r).id,
		    .actor = STR("ana"),
		    .via = STR("ui"),
		    .from = STR("127.0.0.1") } };
	command(g, &resolve);
	assert_int_equal(open_count(g, r), 0);
	uint64_t states = g->states;
	send_report(g, "alerts", NULL, 0, "broken");
	UNTIL(g, g->states > states + 2 && g->decided == g->durable);
	assert_int_equal(open_count(g, r), 0);
	send_rules(g, "alerts", NULL, 0);
	send_report(g, "alerts", NULL, 0, "broken");
	send_report(g, "alerts", NULL, 0, "broken");
	UNTIL(g, open_count(g, r) == 1);
	send_rules(g, "alerts", NULL, 0);
	UNTIL(g, open_count(g, r) == 0);
	control_reader_close(&r);
	stop(g);
}

/* One alert's name in two groups: the report of one says nothing about the other. */
static void test_name_in_two_groups(void **state)
{
	struct rig *g = *state;
	for (int i = 0; i < 2; i++)
		snprintf(g->extra + strlen(g->extra), sizeof(g->extra) - strlen(g->extra),
		    ",{\"kind\":\"RuleGroup\",\"name\":\"f/%c\",\"body\":{\"kind\":\"RuleGroup\","
		    "\"name\":\"f/%c\",\"rules\":[{\"alert\":\"load\",\"expr\":\"load1 > %d\"}]}}",
		    'a' + i, 'a' + i, i);
	start(g);
	wait_ready(g);
	UNTIL(g, g->rules_version > 0);
	struct control_reader *r = open_reader(g);
	send_rules(g, "f/a", "{\"host\":\"a\"}", 2);
	send_rules(g, "f/b", "{\"host\":\"b\"}", 2);
	UNTIL(g, open_count(g, r) == 2);
	for (int i = 0; i < 2; i++) {
		/* A restart knows no longer which group's they are; it ends neither. */
		struct id last = newest(g, r).id;
		uint64_t states = g->states;
		send_rules(g, "f/a", "{\"host\":\"a\"}", 2);
		send_rules(g, "f/b", "{\"host\":\"b\"}", 2);
		UNTIL(g, g->states > states + 2 && g->decided == g->durable);
		assert_int_equal(open_count(g, r), 2);
		assert_string_equal(newest(g, r).id.text, last.text);
		if (i == 1)
			break;
		kill_engine(g);
		start(g);
		wait_ready(g);
		UNTIL(g, g->rules_version > 0);
	}
	send_rules(g, "f/a", NULL, 0);
	UNTIL(g, open_count(g, r) == 1);
	send_rules(g, "f/b", NULL, 0);
	UNTIL(g, open_count(g, r) == 0);
	control_reader_close(&r);
	stop(g);
}

/* Every table's rows as text, but for what belongs to a run and not to the history. */
static void dump(const char *dir, struct buf *out)
{
	static const char *const tables[] = { "incident", "alert", "message", "timer", "log_entry",
		"proof", "change_event", "resource", "credential", "session", "one_time", "audit",
		"rate" };
	char path[300];
	sqlite3 *db;
	snprintf(path, sizeof(path), "%s/control/control.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i <= ARRAY_COUNT(tables); i++) {
		char sql[200];
		sqlite3_stmt *s;
		if (i == ARRAY_COUNT(tables))
			snprintf(
			    sql, sizeof(sql), "SELECT * FROM meta WHERE key <> 'epoch' ORDER BY 1");
		else
			snprintf(sql, sizeof(sql), "SELECT * FROM %s ORDER BY 1, 2", tables[i]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
		while (sqlite3_step(s) == SQLITE_ROW) {
			buf_printf(out, "%s:", sql + 14);
			for (int k = 0; k < sqlite3_column_count(s); k++)
				buf_printf(out, " [%s]", (const char *)sqlite3_column_text(s, k));
			buf_add_c(out, "\n");
		}
		sqlite3_finalize(s);
	}
	sqlite3_close(db);
}

static void check_replay(struct rig *g)
{
	char inbox[300], other[300];
	uint64_t records;
	snprintf(inbox, sizeof(inbox), "%s/control/inbox", g->dir);
	snprintf(other, sizeof(other), "%s/replay", g->dir);
	mkdir(other, 0700);
	assert_int_equal(engine_replay(&mem_system, &os_linux, str_c(inbox), str_c(other),
	                     "/usr/share/zoneinfo", &records),
	    OK);
	assert_true(records > 10);
	struct buf a = buf_make(&mem_system, 1u << 30), b = buf_make(&mem_system, 1u << 30);
	dump(g->dir, &a);
	dump(other, &b);
	assert_int_equal(a.err, OK);
	assert_true(a.len > 1000);
	if (!str_eq(buf_str(&a), buf_str(&b))) {
		size_t at = 0;
		while (at < a.len && at < b.len && a.ptr[at] == b.ptr[at])
			at++;
		at = at > 200 ? at - 200 : 0;
		fail_msg("replay differs:\n%.400s\n--- and ---\n%.400s", a.ptr + at, b.ptr + at);
	}
	buf_free(&a);
	buf_free(&b);
}

static int64_t random_ns(int64_t most)
{
	uint64_t v;
	assert_int_equal(os_linux.random(&os_linux, &v, sizeof(v)), 0);
	return (int64_t)(v % (uint64_t)most);
}

/* Keeps `width` events under way for so long; events resolve and acknowledge others now and then.
 */
static void stream(struct rig *g, unsigned width, int64_t ns)
{
	int64_t end = os_linux.mono(&os_linux).ns + ns;
	uint64_t sent = g->next_id, done = g->submit_ok + g->submit_not_ok;
	while (os_linux.mono(&os_linux).ns < end && !g->gone) {
		while (g->next_id - sent < g->submit_ok + g->submit_not_ok - done + width &&
		       g->next_id + 1 < EVENTS_MAX) {
			char key[32];
			uint64_t n = g->next_id + 1;
			bool other = n % 7 == 0;
			snprintf(
			    key, sizeof(key), "e%llu", (unsigned long long)(other ? n - 5 : n));
			if (!submit(g, key,
			        !other   ? EVENT_TRIGGER
			        : n % 14 ? EVENT_RESOLVE
			                 : EVENT_ACKNOWLEDGE,
			        KEY))
				break;
		}
		assert_int_equal(loop_turn(g->loop, SPAN_MS(1)), OK);
	}
}

static void check_accepted(struct rig *g)
{
	char path[300];
	sqlite3 *db;
	sqlite3_stmt *s;
	snprintf(path, sizeof(path), "%s/control/control.db", g->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_prepare_v2(db, "SELECT dedup_key FROM alert", -1, &s, NULL), SQLITE_OK);
	unsigned char *there = calloc(EVENTS_MAX, 1);
	while (sqlite3_step(s) == SQLITE_ROW) {
		uint64_t n;
		struct str key = str_c((const char *)sqlite3_column_text(s, 0));
		if (key.len > 1 && key.ptr[0] == 'e' && str_u64(str_from(key, 1), &n) == OK &&
		    n < EVENTS_MAX)
			there[n] = 1;
	}
	sqlite3_finalize(s);
	sqlite3_close(db);
	unsigned count = 0;
	for (uint64_t n = 1; n < EVENTS_MAX; n++) {
		if (!g->accepted[n] || n % 7 == 0)
			continue;
		count++;
		if (!there[n])
			fail_msg("event %llu was accepted and is not there", (unsigned long long)n);
	}
	assert_true(count > 100);
	free(there);
}

static void test_kill_under_load(void **state)
{
	struct rig *g = *state;
	int rounds = getenv("QUIS_TEST_LONG") ? 60 : 8;
	for (int round = 0; round < rounds; round++) {
		start(g);
		wait_ready(g);
		stream(g, 64, random_ns(120 * NS_PER_MS) + 20 * NS_PER_MS);
		kill_engine(g);
		g->holding_count = 0;
	}
	start(g);
	wait_ready(g);
	UNTIL(g, g->decided >= g->durable && g->states > 0);
	uint64_t states = g->states;
	UNTIL(g, g->states > states + 1 && g->decided == g->durable && g->age == 0);
	stop(g);
	check_accepted(g);
	check_replay(g);
}

static void test_replay(void **state)
{
	struct rig *g = *state;
	start(g);
	wait_ready(g);
	stream(g, 16, 300 * NS_PER_MS);
	struct record_resource bo = { .kind = STR("User"),
		.name = STR("bo"),
		.body = STR("{\"kind\":\"User\",\"name\":\"bo\",\"email\":\"bo@example.com\","
		            "\"contacts\":[{\"name\":\"mail\","
		            "\"type\":\"email\",\"address\":\"bo@example.com\"}]}") };
	struct record rec = resources_record(&bo, 1, STR("api"));
	command(g, &rec);
	assert_int_equal(g->command_code, SUBMIT_OK);
	struct record session = { .type = RECORD_CREDENTIAL,
		.credential = { .type = CREDENTIAL_SESSION,
		    .user = STR("bo"),
		    .secret_hash = STR("ab12"),
		    .expires = { INT64_MAX } } };
	command(g, &session);
	stop(g);
	start(g); /* a boot in the middle */
	wait_ready(g);
	stream(g, 16, 100 * NS_PER_MS);
	stop(g);
	check_replay(g);
}

static void bench_memory(struct rig *g)
{
	char path[100];
	struct buf b = buf_make(&mem_system, 1 << 16);
	struct control_reader *r = open_reader(g);
	for (int64_t end = os_linux.mono(&os_linux).ns + 3 * NS_PER_S;
	     os_linux.mono(&os_linux).ns < end;)
		assert_int_equal(loop_turn(g->loop, TURN), OK);
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)g->pid);
	assert_int_equal(os_read_file(&os_linux, path, 1 << 16, &b), OK);
	size_t at = str_find_str(buf_str(&b), STR("Pss:"));
	printf("%llu open, %.*s\n", (unsigned long long)open_count(g, r),
	    STR_ARG(str_first(str_from(buf_str(&b), at), 24)));
	control_reader_close(&r);
	buf_free(&b);
}

/* Prints what the engine takes: events/s durable with `width` under way. */
static int bench(unsigned width, int seconds)
{
	void *state;
	if (setup(&state) != 0)
		return 1;
	struct rig *g = state;
	g->chatty = true;
	start(g);
	wait_ready(g);
	uint64_t before = g->submit_ok;
	int64_t t0 = os_linux.mono(&os_linux).ns;
	stream(g, width, (int64_t)seconds * NS_PER_S);
	int64_t t1 = os_linux.mono(&os_linux).ns;
	printf("width %u: %.0f durable events/s, undecided age %.3f s\n", width,
	    (double)(g->submit_ok - before) * 1e9 / (double)(t1 - t0), (double)g->age / 1e9);
	bench_memory(g);
	stop(g);
	return teardown(&state);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "bench") == 0)
		return bench((unsigned)atoi(argv[2]), atoi(argv[3]));
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_event_to_receipt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_resources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_time_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_notifier_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_rule, setup, teardown),
		cmocka_unit_test_setup_teardown(test_name_in_two_groups, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undecided_age, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill_under_load, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
