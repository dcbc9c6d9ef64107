/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox on a real file system below TMPDIR: what was durable is read again, whatever was torn,
 * refused, full or killed in between.
 */
#include "store/control/inbox.h"

#include "base/codec.h"
#include "os/faulty.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DIR_MAX 256

struct place {
	char dir[DIR_MAX];
	int wake;
};

static void on_notify(void *context)
{
	uint64_t one = 1;
	ssize_t n = write(((struct place *)context)->wake, &one, sizeof(one));
	assert(n == sizeof(one));
}

static int place_setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	const char *tmp = getenv("TMPDIR");
	snprintf(p->dir, sizeof(p->dir), "%s/quis-inbox-XXXXXX", tmp ? tmp : "/tmp");
	p->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	*state = p;
	return mkdtemp(p->dir) ? 0 : -1;
}

static void place_clear(struct place *p)
{
	own(arena_close) struct arena *a = NULL;
	struct str *names;
	size_t count;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	assert_int_equal(os_list_dir(p->dir, a, &names, &count), OK);
	for (size_t i = 0; i < count; i++) {
		char path[DIR_MAX * 2];
		snprintf(path, sizeof(path), "%s/%.*s", p->dir, STR_ARG(names[i]));
		unlink(path);
	}
}

static int place_teardown(void **state)
{
	struct place *p = *state;
	place_clear(p);
	rmdir(p->dir);
	close(p->wake);
	free(p);
	return 0;
}

static struct inbox_options small(struct place *p)
{
	return (struct inbox_options){
		.segment_bytes = 8192, .retry = SPAN_MS(5), .notify = on_notify, .context = p
	};
}

static void wait_wake(struct place *p)
{
	struct pollfd fd = { .fd = p->wake, .events = POLLIN };
	uint64_t n;
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_int_equal(read(p->wake, &n, sizeof(n)), sizeof(n));
}

/* A body whose bytes tell its number. */
static struct str body_of(uint64_t n, size_t len, char *out)
{
	assert(len >= 16);
	for (size_t i = 0; i < len; i++)
		out[i] = (char)('a' + (n + i) % 26);
	snprintf(out, len, "%llu", (unsigned long long)n);
	return str_make(out, len);
}

static void wait_durable(struct place *p, struct inbox *b, uint64_t seq)
{
	while (inbox_durable(b) < seq)
		wait_wake(p);
}

static uint64_t append(struct inbox *b, uint64_t n, size_t len)
{
	char text[4096];
	uint64_t seq = 0;
	assert_int_equal(
	    inbox_append(b, (struct wall){ (int64_t)n * 1000 }, body_of(n, len, text), false, &seq),
	    OK);
	return seq;
}

/* Reads the log from the disk: the records after `after` are first, first + 1, ... with bodies of
 * their number. */
static uint64_t walk_all(struct place *p, uint64_t after)
{
	char text[4096];
	struct inbox_walk *w = NULL;
	struct inbox_record r;
	uint64_t last = after;
	enum err e;
	assert_int_equal(inbox_walk_open(&mem_system, &os_linux, str_c(p->dir), after, &w), OK);
	while ((e = inbox_walk_next(w, &r)) == OK) {
		assert_int_equal(r.seq, last + 1);
		assert_int_equal(r.at.ns, (int64_t)r.seq * 1000);
		assert_true(str_eq(r.body, body_of(r.seq, r.body.len, text)));
		last = r.seq;
	}
	assert_int_equal(e, ERR_GONE);
	assert_int_equal(inbox_walk_lost(w), 0);
	inbox_walk_close(&w);
	return last;
}

static void test_append_and_read_again(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	struct inbox *b = NULL;
	struct inbox_record r;
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	for (uint64_t n = 1; n <= 200; n++) {
		assert_int_equal(append(b, n, 16 + (n * 37) % 900), n);
		if (n % 7 == 0)
			inbox_flush(b);
	}
	inbox_flush(b);
	wait_durable(p, b, 200);
	for (uint64_t n = 1; n <= 200; n++) {
		char text[4096];
		assert_true(inbox_next(b, &r));
		assert_int_equal(r.seq, n);
		assert_true(str_eq(r.body, body_of(n, r.body.len, text)));
		inbox_release(b, n);
	}
	assert_false(inbox_next(b, &r));
	struct inbox_state st;
	inbox_state(b, &st);
	assert_int_equal(st.pending_bytes, 0);
	assert_true(st.segments > 5);
	inbox_close(&b);
	assert_int_equal(walk_all(p, 0), 200);
	assert_int_equal(walk_all(p, 150), 200);
	assert_int_equal(walk_all(p, 200), 200);
	/* It goes on where it stopped. */
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 150, &b), OK);
	assert_int_equal(inbox_durable(b), 200);
	assert_int_equal(append(b, 201, 100), 201);
	inbox_close(&b);
	assert_int_equal(walk_all(p, 0), 201);
}

/* The newest file by name and the size of what is in use. */
static void last_segment(struct place *p, char *path, size_t size)
{
	own(arena_close) struct arena *a = NULL;
	struct str *names;
	size_t count;
	assert_int_equal(arena_open(&mem_system, 1 << 20, &a), OK);
	assert_int_equal(os_list_dir(p->dir, a, &names, &count), OK);
	assert_true(count > 0);
	snprintf(path, size, "%s/%.*s", p->dir, STR_ARG(names[count - 1]));
}

/* Whatever byte of the last record is lost or changed, the records before it are there, the torn
 * one is not, and the log goes on. */
static void test_torn_tail(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	size_t record = (INBOX_RECORD_HEAD_BYTES + 40 + 7) & ~(size_t)7;
	for (size_t cut = 0; cut < record; cut += 3) {
		struct inbox *b = NULL;
		char path[DIR_MAX * 2], text[64];
		assert_int_equal(
		    inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
		for (uint64_t n = 1; n <= 5; n++)
			append(b, n, 40);
		inbox_close(&b);
		last_segment(p, path, sizeof(path));
		int fd = open(path, O_RDWR);
		off_t at = INBOX_HEAD_BYTES + (off_t)(4 * record + cut);
		char byte;
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte = (char)(byte ^ 0x40);
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		/* Padding is not covered: a change there is none. */
		bool counts = cut < INBOX_RECORD_HEAD_BYTES + 40;
		uint64_t last = counts ? 4 : 5;
		assert_int_equal(walk_all(p, 0), last);
		assert_int_equal(
		    inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 3, &b), OK);
		assert_int_equal(inbox_durable(b), last);
		uint64_t seq;
		assert_int_equal(inbox_append(b, (struct wall){ (int64_t)(last + 1) * 1000 },
		                     body_of(last + 1, 40, text), false, &seq),
		    OK);
		assert_int_equal(seq, last + 1);
		inbox_close(&b);
		assert_int_equal(walk_all(p, 0), last + 1);
		place_clear(p);
	}
}

/* Old bytes behind the tail never come back, not even at the same places with the same numbers. */
static void test_leftovers_stay_dead(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	struct inbox *b = NULL;
	char path[DIR_MAX * 2], copy[8192];
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	for (uint64_t n = 1; n <= 5; n++)
		append(b, n, 40);
	inbox_close(&b);
	last_segment(p, path, sizeof(path));
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, copy, sizeof(copy), 0), sizeof(copy));
	/* Record 3 is torn; 4 and 5 stand behind it whole. */
	memset(copy + INBOX_HEAD_BYTES + 2 * 64, 0, 64);
	assert_int_equal(pwrite(fd, copy, sizeof(copy), 0), sizeof(copy));
	close(fd);
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	assert_int_equal(inbox_durable(b), 2);
	/* Another record 3 of the same length, then a crash: 4 and 5 of before must not continue
	 * it. */
	uint64_t seq;
	assert_int_equal(inbox_append(b, (struct wall){ 3000 },
	                     STR("3 but another body, with 40 characters.."), false, &seq),
	    OK);
	inbox_close(&b);
	struct inbox_walk *w = NULL;
	struct inbox_record r;
	assert_int_equal(inbox_walk_open(&mem_system, &os_linux, str_c(p->dir), 0, &w), OK);
	for (uint64_t n = 1; n <= 3; n++)
		assert_int_equal(inbox_walk_next(w, &r), OK);
	assert_int_equal(inbox_walk_next(w, &r), ERR_GONE);
	inbox_walk_close(&w);
}

/* The store is ahead of the log (its end was lost): numbers never go back. */
static void test_log_behind_store(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	struct inbox *b = NULL;
	struct inbox_state st;
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	for (uint64_t n = 1; n <= 5; n++)
		append(b, n, 40);
	inbox_close(&b);
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 9, &b), OK);
	inbox_state(b, &st);
	assert_int_equal(st.lost, 4);
	assert_int_equal(append(b, 10, 40), 10);
	inbox_close(&b);
	struct inbox_walk *w = NULL;
	struct inbox_record r;
	assert_int_equal(inbox_walk_open(&mem_system, &os_linux, str_c(p->dir), 9, &w), OK);
	assert_int_equal(inbox_walk_next(w, &r), OK);
	assert_int_equal(r.seq, 10);
	assert_int_equal(inbox_walk_next(w, &r), ERR_GONE);
	inbox_walk_close(&w);
	assert_int_equal(inbox_walk_open(&mem_system, &os_linux, str_c(p->dir), 0, &w), OK);
	for (int i = 0; i < 6; i++)
		assert_int_equal(inbox_walk_next(w, &r), OK);
	assert_int_equal(inbox_walk_lost(w), 4);
	inbox_walk_close(&w);
}

static void test_limits(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	struct inbox *b = NULL;
	char text[9000] = "x";
	uint64_t seq;
	options.pending_bytes = 4096;
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	assert_int_equal(
	    inbox_append(b, (struct wall){ 1 }, str_make(text, sizeof(text)), true, &seq),
	    ERR_LIMIT);
	for (uint64_t n = 1; n <= 4; n++)
		append(b, n, 1000);
	/* Events wait until the memory is free; urgent ones do not. */
	assert_int_equal(
	    inbox_append(b, (struct wall){ 1 }, str_make(text, 1000), false, &seq), ERR_BUSY);
	assert_int_equal(inbox_append(b, (struct wall){ 1 }, str_make(text, 1000), true, &seq), OK);
	inbox_close(&b);
	/* A missing parent, and a folder that is a file. */
	assert_int_equal(
	    inbox_open(&mem_system, &os_linux, STR("/nonexistent/inbox"), &options, 0, &b),
	    ERR_GONE);
}

static void test_old_segments_go(void **state)
{
	struct place *p = *state;
	struct inbox_options options = small(p);
	struct inbox *b = NULL;
	struct inbox_state st;
	options.keep_bytes = 3 * 8192;
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 0, &b), OK);
	for (uint64_t n = 1; n <= 100; n++) {
		append(b, n, 1000);
		inbox_flush(b);
	}
	wait_durable(p, b, 100);
	inbox_state(b, &st);
	uint32_t all = st.segments;
	assert_true(all >= 14);
	inbox_decided(b, 30);
	inbox_close(&b);
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 30, &b), OK);
	inbox_close(&b);
	/* 30 records are at least 4 segments; everything after 30 must be there. */
	assert_int_equal(walk_all(p, 30), 100);
	assert_int_equal(inbox_open(&mem_system, &os_linux, str_c(p->dir), &options, 100, &b), OK);
	inbox_close(&b);
	struct inbox_walk *w = NULL;
	struct inbox_record r;
	assert_int_equal(inbox_walk_open(&mem_system, &os_linux, str_c(p->dir), 0, &w), OK);
	assert_int_equal(inbox_walk_next(w, &r), OK);
	assert_true(r.seq > 60);
	inbox_walk_close(&w);
}

/* ---- the n-th call fails ---- */

#define TORTURE_RECORDS 60u

/* Appends until TORTURE_RECORDS are durable, asking again for what was refused, as the engine does.
 * Returns how often something was refused; fills accepted times so that a refused record is told
 * from its retry. */
static unsigned drive(struct place *p, struct inbox *b, struct os_faulty *f)
{
	unsigned refused = 0, tries = 0;
	uint64_t next = inbox_durable(b) + 1, first;
	int error;
	char text[512];
	while (inbox_durable(b) < TORTURE_RECORDS) {
		assert_true(tries++ < 100000);
		if (inbox_take_failure(b, &first, &error)) {
			assert_true(first <= next);
			assert_int_equal(error, f->error);
			next = first;
			refused++;
		}
		uint64_t seq;
		enum err e = next > TORTURE_RECORDS
		                 ? ERR_BUSY
		                 : inbox_append(b, (struct wall){ (int64_t)next * 1000 },
		                       body_of(next, 16 + (next * 53) % 400, text), true, &seq);
		if (e == OK) {
			assert_int_equal(seq, next);
			next++;
		}
		if (e != OK || next % 5 == 0) {
			inbox_flush(b);
			refused += e == ERR_IO;
			if (e == ERR_IO)
				usleep(1000);
			else if (inbox_durable(b) < next - 1)
				wait_wake(p);
		}
	}
	return refused;
}

static void torture(struct place *p, unsigned mask, int error, bool short_writes)
{
	unsigned refused = 0;
	for (size_t n = 1;; n++) {
		struct os_faulty f;
		struct inbox *b = NULL;
		struct inbox_options options = small(p);
		os_faulty_init(&f, &os_linux, mask, n, error);
		f.fail_count = 2;
		f.short_writes = short_writes;
		enum err e = inbox_open(&mem_system, &f.iface, str_c(p->dir), &options, 0, &b);
		if (e == OK) {
			refused += drive(p, b, &f);
			inbox_close(&b);
			assert_int_equal(walk_all(p, 0), TORTURE_RECORDS);
		}
		bool met = f.calls >= n;
		place_clear(p);
		if (!met)
			break;
		assert_true(n < 500);
	}
	assert_true(refused > 0);
}

static void test_torture_write(void **state)
{
	torture(*state, OS_PWRITE, EIO, false);
	torture(*state, OS_PWRITE, EIO, true);
}
static void test_torture_sync(void **state)
{
	torture(*state, OS_SYNC, EIO, false);
}
static void test_torture_space(void **state)
{
	torture(*state, OS_FALLOCATE, ENOSPC, false);
}
static void test_torture_names(void **state)
{
	torture(*state, OS_RENAME | OS_OPEN, EIO, false);
}

/* A disk that stays full: events are refused while the reserve is left for what is urgent, and then
 * that is refused too; nothing that was accepted is lost, and when there is room again all goes on.
 */
static void test_full_disk(void **state)
{
	struct place *p = *state;
	struct os_faulty f;
	struct inbox *b = NULL;
	struct inbox_options options = small(p);
	struct inbox_state st;
	char text[512];
	uint64_t seq, events = 0, urgent = 0, first;
	int error;
	options.reserve_bytes = 2048;
	os_faulty_init(&f, &os_linux, OS_FALLOCATE, 3, ENOSPC);
	f.fail_count = 40; /* tries, one in 20 ms: then there is room again */
	options.retry = SPAN_MS(20);
	assert_int_equal(inbox_open(&mem_system, &f.iface, str_c(p->dir), &options, 0, &b), OK);
	while (inbox_append(b, (struct wall){ (int64_t)(events + 1) * 1000 },
	           body_of(events + 1, 100, text), false, &seq) == OK) {
		events++;
		inbox_flush(b);
		wait_durable(p, b, events);
		assert_true(events < 1000);
	}
	assert_true(events > 80); /* most of two segments */
	inbox_state(b, &st);
	assert_true(st.full && !st.failing && st.error == ENOSPC);
	while (inbox_append(b, (struct wall){ (int64_t)(events + urgent + 1) * 1000 },
	           body_of(events + urgent + 1, 100, text), true, &seq) == OK) {
		urgent++;
		inbox_flush(b);
		wait_durable(p, b, events + urgent);
		assert_true(urgent < 1000);
	}
	assert_true(urgent >= 10);
	assert_false(inbox_take_failure(b, &first, &error));
	assert_int_equal(walk_all(p, 0), events + urgent);
	enum err e;
	for (int i = 0; (e = inbox_append(b, (struct wall){ (int64_t)(events + urgent + 1) * 1000 },
	                     body_of(events + urgent + 1, 100, text), false, &seq)) != OK &&
	                i < 5000;
	     i++)
		usleep(1000);
	assert_int_equal(e, OK);
	inbox_close(&b);
	assert_int_equal(walk_all(p, 0), events + urgent + 1);
}

/* A writer that is killed at any moment: what it has said is durable is there. */
static void test_kill(void **state)
{
	struct place *p = *state;
	uint64_t decided = 0;
	for (int round = 0; round < 12; round++) {
		int said[2];
		assert_int_equal(pipe(said), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct inbox *b = NULL;
			struct inbox_options options = small(p);
			close(said[0]);
			if (inbox_open(
			        &mem_system, &os_linux, str_c(p->dir), &options, decided, &b) != OK)
				_exit(1);
			char text[512];
			for (uint64_t n = inbox_durable(b) + 1, seq;; n++) {
				if (inbox_append(b, (struct wall){ (int64_t)n * 1000 },
				        body_of(n, 16 + n % 300, text), true, &seq) != OK ||
				    seq != n)
					_exit(2);
				if (n % 3)
					continue;
				inbox_flush(b);
				while (inbox_durable(b) < n)
					wait_wake(p);
				if (write(said[1], &n, sizeof(n)) != sizeof(n))
					_exit(3);
			}
		}
		close(said[1]);
		uint64_t last = 0, n;
		for (int i = 0; i < 40 + round * 7 && read(said[0], &n, sizeof(n)) == sizeof(n);
		     i++)
			last = n;
		kill(pid, SIGKILL);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(said[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(said[0]);
		assert_true(last > decided);
		assert_true(walk_all(p, 0) >= last);
		decided = last;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_append_and_read_again, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_torn_tail, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(
		    test_leftovers_stay_dead, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_log_behind_store, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_limits, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_old_segments_go, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_torture_write, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_torture_sync, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_torture_space, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_torture_names, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_full_disk, place_setup, place_teardown),
		cmocka_unit_test_setup_teardown(test_kill, place_setup, place_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
