/* SPDX-License-Identifier: Apache-2.0
 *
 * The store as a whole, on real files: what was added is read back whatever happened in between
 * (cuts, restarts, kill -9, torn tails, a full disk), limits refuse loudly, retention removes.
 */
#include "store/series/series.h"
#include "os/faulty.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOUR_MS INT64_C(3600000)

struct world {
	char folder[64];
	struct series_options options;
	struct series_store *store;
	struct series_reader *reader;
	struct arena *arena;
	const struct series_data *data;
	size_t count;
};

static void open_store(struct world *w)
{
	struct buf fault = buf_make(&mem_system, 4096);
	if (series_open(&w->options, &w->store, &fault) != OK)
		fail_msg("%s", fault.ptr ? fault.ptr : "no words");
	buf_free(&fault);
	assert_int_equal(series_reader_open(w->store, &w->reader), OK);
}

static void close_store(struct world *w)
{
	series_reader_close(&w->reader);
	series_close(&w->store);
}

static void reopen(struct world *w)
{
	close_store(w);
	open_store(w);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	snprintf(w->folder, sizeof(w->folder), "/tmp/quis-series-XXXXXX");
	if (!mkdtemp(w->folder) || arena_open(&mem_system, 256u << 20, &w->arena) != OK)
		return -1;
	w->options = (struct series_options){ .mem = &mem_system,
		.os = &os_linux,
		.folder = w->folder,
		.window = SPAN_S(86400),
		.hash_seed = 1 };
	open_store(w);
	return 0;
}

static void remove_folder(const char *folder)
{
	DIR *d = opendir(folder);
	for (struct dirent *e; d && (e = readdir(d));) {
		char path[512];
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(folder);
}

static int teardown(void **state)
{
	struct world *w = *state;
	close_store(w);
	arena_close(&w->arena);
	remove_folder(w->folder);
	free(w);
	return 0;
}

static unsigned files(struct world *w, const char *prefix, const char *suffix)
{
	unsigned n = 0;
	DIR *d = opendir(w->folder);
	for (struct dirent *e; (e = readdir(d));)
		n += str_starts(str_c(e->d_name), str_c(prefix)) &&
		     str_ends(str_c(e->d_name), str_c(suffix));
	closedir(d);
	return n;
}

static enum err try_add(
    struct world *w, const char *name, const char *job, int64_t ms, double value)
{
	struct series_label labels[2] = { { STR("__name__"), str_c(name) },
		{ STR("job"), str_c(job) } };
	struct series_ref ref;
	series_write_begin(w->store);
	enum err e = series_ref(w->store, labels, job[0] ? 2 : 1, &ref);
	if (e == OK)
		e = series_add(w->store, ref, ms, value);
	series_write_end(w->store);
	return e;
}

static void add(struct world *w, const char *name, const char *job, int64_t ms, double value)
{
	assert_int_equal(try_add(w, name, job, ms, value), OK);
}

static void select_matching(
    struct world *w, const struct series_matcher *m, size_t count, int64_t min_ms, int64_t max_ms)
{
	struct series_query q = {
		.matchers = m, .matcher_count = count, .min_ms = min_ms, .max_ms = max_ms
	};
	arena_reset(w->arena);
	assert_int_equal(series_select(w->reader, w->arena, &q, &w->data, &w->count), OK);
}

static void select_name(struct world *w, const char *name, int64_t min_ms, int64_t max_ms)
{
	struct series_matcher m = {
		.type = SERIES_EQ, .name = STR("__name__"), .value = str_c(name)
	};
	select_matching(w, &m, 1, min_ms, max_ms);
}

static void is_points(struct world *w, size_t i, const struct series_point *want, size_t count)
{
	assert_true(i < w->count);
	assert_int_equal(w->data[i].point_count, count);
	assert_memory_equal(w->data[i].points, want, count * sizeof(want[0]));
}

static void cut(struct world *w, int64_t now_ms)
{
	assert_int_equal(series_maintain(w->store, wall_from_ms(now_ms), true), OK);
}

static void any_order_any_time(void **state)
{
	struct world *w = *state;
	static const int64_t in[] = { 5000, 0, -86400001, 1735689600000, 3000, 86400000, 5000 };
	for (size_t i = 0; i < ARRAY_COUNT(in); i++)
		add(w, "m", "a", in[i], (double)i);
	const struct series_point want[] = { { -86400001, 2 }, { 0, 1 }, { 3000, 4 }, { 5000, 6 },
		{ 86400000, 5 }, { 1735689600000, 3 } };
	for (int round = 0; round < 5; round++) {
		select_name(w, "m", INT64_MIN, INT64_MAX);
		assert_int_equal(w->count, 1);
		is_points(w, 0, want, ARRAY_COUNT(want));
		select_name(w, "m", 1, 5000);
		is_points(w, 0, want + 2, 2);
		select_name(w, "m", 6000, 86399999);
		assert_int_equal(w->count, 0);
		if (round == 0)
			assert_int_equal(series_flush(w->store), OK);
		if (round == 0 || round == 2)
			reopen(w);
		if (round == 1)
			cut(w, 1735689600000);
		if (round == 3) { /* the same again, into the head: it replaces */
			for (size_t i = 0; i < ARRAY_COUNT(in); i++)
				add(w, "m", "a", in[i], (double)i);
		}
	}
	assert_int_equal(files(w, "w-", ".db"), 4);
	add(w, "m", "a", 5000, 77);
	cut(w, 1735689600000);
	select_name(w, "m", 5000, 5000);
	assert_true(w->data[0].points[0].value == 77);
}

static void every_bit(void **state)
{
	struct world *w = *state;
	static const uint64_t bits[] = { UINT64_C(0x7ff0000000000002), UINT64_C(0xfff8000000000001),
		UINT64_C(0x8000000000000000), 1, UINT64_C(0x3fb999999999999a),
		UINT64_C(0x7fefffffffffffff) };
	struct series_point want[ARRAY_COUNT(bits)];
	for (size_t i = 0; i < ARRAY_COUNT(bits); i++) {
		want[i].ms = (int64_t)i;
		memcpy(&want[i].value, &bits[i], 8);
		add(w, "m", "", want[i].ms, want[i].value);
	}
	for (int round = 0; round < 3; round++) {
		select_name(w, "m", 0, 100);
		is_points(w, 0, want, ARRAY_COUNT(bits));
		if (round == 0)
			reopen(w);
		else
			cut(w, 0);
	}
}

static bool starts_with_b(const void *context, struct str value)
{
	(void)context;
	return str_starts(value, STR("b"));
}

static void matching(void **state)
{
	struct world *w = *state;
	static const char *const jobs[] = { "", "a", "b1", "b2", "c" };
	for (size_t i = 0; i < ARRAY_COUNT(jobs); i++)
		add(w, "m", jobs[i], 1, (double)i);
	add(w, "other", "a", 1, 9);
	const struct series_matcher name = {
		.type = SERIES_EQ, .name = STR("__name__"), .value = STR("m")
	};
	const struct series_matcher tests[] = {
		{ .type = SERIES_NE, .name = STR("job"), .value = STR("a") },
		{ .type = SERIES_EQ, .name = STR("job"), .value = STR("") },
		{ .type = SERIES_RE, .name = STR("job"), .match = starts_with_b },
		{ .type = SERIES_NRE, .name = STR("job"), .match = starts_with_b },
		{ .type = SERIES_EQ, .name = STR("job"), .value = STR("none") },
		{ .type = SERIES_NE, .name = STR("job"), .value = STR("") },
	};
	static const size_t want[] = { 4, 1, 2, 3, 0, 4 };
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_COUNT(tests); i++) {
			struct series_matcher both[2] = { name, tests[i] };
			select_matching(w, both, 2, 0, 10);
			assert_int_equal(w->count, want[i]);
			struct series_matcher swapped[2] = { tests[i], name };
			select_matching(w, swapped, 2, 0, 10);
			assert_int_equal(w->count, want[i]);
		}
		select_matching(w, NULL, 0, 0, 10);
		assert_int_equal(w->count, 6);
		cut(w, 0);
		reopen(w);
	}
	const struct str *names;
	size_t count;
	assert_int_equal(
	    series_names(w->reader, w->arena, (struct str){ "", 0 }, &names, &count), OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(names[0], STR("__name__")) && str_eq(names[1], STR("job")));
	assert_int_equal(series_names(w->reader, w->arena, STR("job"), &names, &count), OK);
	assert_int_equal(count, 4);
	assert_true(str_eq(names[0], STR("a")) && str_eq(names[3], STR("c")));
	assert_int_equal(series_names(w->reader, w->arena, STR("nope"), &names, &count), OK);
	assert_int_equal(count, 0);
}

static void histograms(void **state)
{
	struct world *w = *state;
	struct hist_bucket pos[] = { { 1, 2 }, { 5, 0.5 } };
	struct hist h = {
		.schema = 3, .count = 2.5, .sum = 4, .pos = pos, .pos_count = 2, .hint = HIST_GAUGE
	};
	struct series_label label = { STR("__name__"), STR("h") };
	struct series_ref ref;
	series_write_begin(w->store);
	assert_int_equal(series_ref(w->store, &label, 1, &ref), OK);
	for (int64_t t = 600; t > 0; t--) {
		h.sum = (double)t;
		assert_int_equal(series_add_hist(w->store, ref, t, &h), OK);
	}
	assert_int_equal(series_add(w->store, ref, 1000, 5), OK);
	assert_int_equal(
	    series_add(w->store, ref, 600, 5), OK); /* the histogram of that time stays */
	series_write_end(w->store);
	for (int round = 0; round < 3; round++) {
		select_name(w, "h", 500, 2000);
		assert_int_equal(w->count, 1);
		assert_int_equal(w->data[0].hist_count, 101);
		assert_int_equal(w->data[0].point_count, 1);
		h.sum = 510;
		assert_true(
		    w->data[0].hists[10].ms == 510 && hist_equal(w->data[0].hists[10].hist, &h));
		assert_int_equal(w->data[0].hists[10].hist->hint, HIST_GAUGE);
		if (round == 0)
			reopen(w);
		else
			cut(w, 0);
	}
}

static void many_cuts(void **state)
{
	struct world *w = *state;
	for (int64_t t = 0; t < 5000; t++) {
		add(w, "m", "a", t * 60000, (double)t / 10);
		add(w, "m", "b", t * 60000, (double)(5000 - t));
		if (t % 700 == 699)
			cut(w, t * 60000);
		if (t % 1900 == 1899)
			reopen(w);
	}
	select_name(w, "m", 0, INT64_MAX);
	assert_int_equal(w->count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(w->data[i].point_count, 5000);
		bool a = str_eq(w->data[i].labels[1].value, STR("a"));
		for (int64_t t = 0; t < 5000; t++) {
			assert_true(w->data[i].points[t].ms == t * 60000);
			assert_true(w->data[i].points[t].value ==
			            (a ? (double)t / 10 : (double)(5000 - t)));
		}
	}
	struct series_query q = { .min_ms = 0, .max_ms = INT64_MAX, .sample_max = 9999 };
	assert_int_equal(series_select(w->reader, w->arena, &q, &w->data, &w->count), ERR_LIMIT);
}

static void limits(void **state)
{
	struct world *w = *state;
	close_store(w);
	w->options.series_max = 2;
	w->options.windows_max = 3;
	w->options.head_bytes_max = 4096;
	open_store(w);
	add(w, "a", "", 0, 1);
	add(w, "b", "", 0, 1);
	assert_int_equal(try_add(w, "c", "", 0, 1), ERR_LIMIT);
	add(w, "a", "", 24 * HOUR_MS, 1);
	add(w, "a", "", 48 * HOUR_MS, 1);
	assert_int_equal(try_add(w, "a", "", 72 * HOUR_MS, 1), ERR_LIMIT);
	enum err e = OK;
	for (int64_t t = 1; e == OK && t < 1000; t++)
		e = try_add(w, "b", "", t, 1);
	assert_int_equal(e, ERR_LIMIT);
	struct series_counters c;
	series_counters(w->store, &c);
	assert_int_equal(c.series_refused, 1);
	assert_int_equal(c.samples_refused_windows, 1);
	assert_int_equal(c.samples_refused_memory, 1);
	cut(w, 0);
	add(w, "b", "", 5000, 1);
}

static void retention(void **state)
{
	struct world *w = *state;
	close_store(w);
	w->options.retention = SPAN_S(2 * 86400);
	open_store(w);
	for (int64_t day = 0; day < 6; day++) {
		add(w, "m", "a", day * 24 * HOUR_MS, (double)day);
		add(w, "m", day < 3 ? "old" : "new", day * 24 * HOUR_MS, (double)day);
	}
	cut(w, 6 * 24 * HOUR_MS);
	assert_int_equal(files(w, "w-", ".db"), 2);
	for (int round = 0; round < 2; round++) {
		select_name(w, "m", 0, INT64_MAX);
		assert_int_equal(w->count, 2);
		assert_int_equal(w->data[0].point_count, 2);
		const struct str *names;
		size_t count;
		assert_int_equal(series_names(w->reader, w->arena, STR("job"), &names, &count), OK);
		assert_int_equal(count, 2);
		reopen(w);
	}
	add(w, "m", "old", 5 * 24 * HOUR_MS, 1);
	select_name(w, "m", 0, INT64_MAX);
	assert_int_equal(w->count, 3);
}

static void a_clock_set_ahead_empties_nothing(void **state)
{
	struct world *w = *state;
	close_store(w);
	w->options.retention = SPAN_S(2 * 86400);
	open_store(w);
	for (int64_t day = 0; day < 4; day++)
		add(w, "m", "a", day * 24 * HOUR_MS, (double)day);
	cut(w, 0);
	assert_int_equal(files(w, "w-", ".db"), 4);
	reopen(w);
	add(w, "m", "a", 9999 * 24 * HOUR_MS,
	    5); /* what is written now has the wrong time as well */
	assert_int_equal(series_maintain(w->store, wall_from_ms(9999 * 24 * HOUR_MS), true), OK);
	assert_int_equal(files(w, "w-", ".db"), 3);
	select_name(w, "m", 0, INT64_MAX);
	assert_int_equal(w->data[0].point_count, 3);
}

/* A child adds and tells through a pipe what it has flushed, until it is killed. */
static void child_adds(struct world *w, int to)
{
	close_store(w);
	open_store(w);
	for (int64_t t = 1;; t++) {
		if (try_add(w, "m", t % 2 ? "a" : "b", t, (double)t) != OK)
			_exit(1);
		if (t % 10 == 0 && (series_flush(w->store) != OK ||
		                       write(to, &t, sizeof(t)) != (ssize_t)sizeof(t)))
			_exit(2);
		if (t % 400 == 0 && series_maintain(w->store, wall_from_ms(t), true) != OK)
			_exit(3);
	}
}

static void kill_at_any_time(void **state)
{
	struct world *w = *state;
	int64_t flushed = 0;
	for (int round = 0; round < 12; round++) {
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		close_store(w);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			open_store(w);
			child_adds(w, ends[1]);
		}
		close(ends[1]);
		int64_t t = 0, target = 150 + round * 137;
		while (t < target && read(ends[0], &t, sizeof(t)) == (ssize_t)sizeof(t))
			flushed = t > flushed ? t : flushed;
		kill(pid, SIGKILL);
		while (read(ends[0], &t, sizeof(t)) == (ssize_t)sizeof(t))
			flushed = t > flushed ? t : flushed;
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		close(ends[0]);
		open_store(w);
		select_name(w, "m", 0, INT64_MAX);
		assert_int_equal(w->count, 2);
		size_t seen = 0;
		for (size_t i = 0; i < 2; i++) {
			for (size_t k = 0; k < w->data[i].point_count; k++) {
				assert_true(
				    w->data[i].points[k].value == (double)w->data[i].points[k].ms);
				seen += w->data[i].points[k].ms <= flushed;
			}
		}
		assert_int_equal(seen, flushed);
	}
}

static void torn_tail(void **state)
{
	struct world *w = *state;
	add(w, "m", "a", 1, 1);
	assert_int_equal(series_flush(w->store), OK);
	add(w, "m", "a", 2, 2);
	assert_int_equal(series_flush(w->store), OK);
	close_store(w);
	char path[128];
	struct stat st;
	snprintf(path, sizeof(path), "%s/log-00000001", w->folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 3), 0);
	open_store(w);
	struct series_counters c;
	series_counters(w->store, &c);
	assert_true(c.torn_bytes > 0 && c.replayed_samples == 1);
	const struct series_point want[] = { { 1, 1 } };
	select_name(w, "m", 0, 100);
	is_points(w, 0, want, 1);
	add(w, "m", "a", 3, 3);
	cut(w, 0);
	reopen(w);
	select_name(w, "m", 0, 100);
	assert_int_equal(w->data[0].point_count, 2);
}

static void damaged_window(void **state)
{
	struct world *w = *state;
	add(w, "m", "a", 1, 1);
	add(w, "m", "a", 24 * HOUR_MS, 2);
	cut(w, 0);
	close_store(w);
	char path[128];
	snprintf(path, sizeof(path), "%s/w-0.db", w->folder);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "this is no database", 19, 0), 19);
	close(fd);
	struct buf fault = buf_make(&mem_system, 4096);
	assert_int_equal(series_open(&w->options, &w->store, &fault), OK);
	assert_non_null(strstr(fault.ptr, "w-0.db is damaged and was set aside"));
	buf_free(&fault);
	assert_int_equal(series_reader_open(w->store, &w->reader), OK);
	select_name(w, "m", 0, INT64_MAX);
	assert_int_equal(w->data[0].point_count, 1);
}

static void in_use(void **state)
{
	struct world *w = *state;
	struct series_store *second = NULL;
	struct buf fault = buf_make(&mem_system, 4096);
	assert_int_equal(series_open(&w->options, &second, &fault), ERR_BUSY);
	assert_non_null(strstr(fault.ptr, "is in use by another process"));
	buf_free(&fault);
}

/* Every write and sync fails in turn: nothing that was flushed is lost, nothing is there twice. */
static void failing_disk(void **state)
{
	struct world *w = *state;
	struct os_faulty faulty;
	for (size_t n = 1; n < 20; n++) {
		os_faulty_init(&faulty, &os_linux, OS_PWRITE | OS_SYNC, n, ENOSPC);
		faulty.fail_count = 1;
		faulty.short_writes = n % 2;
		close_store(w);
		remove_folder(w->folder);
		assert_int_equal(mkdir(w->folder, 0700), 0);
		w->options.os = &faulty.iface;
		struct buf fault = buf_make(&mem_system, 4096);
		enum err e = series_open(&w->options, &w->store, &fault);
		if (e != OK) {
			assert_true(fault.len > 0);
			e = series_open(&w->options, &w->store, &fault);
		}
		assert_int_equal(e, OK);
		buf_free(&fault);
		assert_int_equal(series_reader_open(w->store, &w->reader), OK);
		for (int64_t t = 0; t < 40; t++) {
			add(w, "m", "a", t, (double)t);
			if (t % 4 == 3 && series_flush(w->store) != OK)
				assert_int_equal(errno, ENOSPC);
			if (t == 20 && series_maintain(w->store, wall_from_ms(0), true) != OK)
				cut(w, 0);
		}
		assert_int_equal(series_flush(w->store), OK);
		w->options.os = &os_linux;
		reopen(w);
		select_name(w, "m", 0, 100);
		assert_int_equal(w->data[0].point_count, 40);
	}
}

struct race {
	struct world *w;
	bool stop;
};

static void *reads_on(void *arg)
{
	struct race *race = arg;
	struct series_reader *reader = NULL;
	struct arena *a = NULL;
	assert_int_equal(series_reader_open(race->w->store, &reader), OK);
	assert_int_equal(arena_open(&mem_system, 64u << 20, &a), OK);
	size_t before = 0;
	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE)) {
		struct series_query q = { .min_ms = 0, .max_ms = INT64_MAX };
		const struct series_data *data;
		size_t count;
		arena_reset(a);
		assert_int_equal(series_select(reader, a, &q, &data, &count), OK);
		if (count == 0)
			continue;
		assert_true(data[0].point_count >= before);
		before = data[0].point_count;
		for (size_t i = 0; i < before; i++)
			assert_true(data[0].points[i].ms == (int64_t)i);
	}
	arena_close(&a);
	series_reader_close(&reader);
	return NULL;
}

static void readers_beside_cuts(void **state)
{
	struct world *w = *state;
	struct race race = { .w = w };
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reads_on, &race), 0);
	for (int64_t t = 0; t < 6000; t++) {
		add(w, "m", "a", t, (double)t);
		if (t % 500 == 499)
			cut(w, t);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	select_name(w, "m", 0, INT64_MAX);
	assert_int_equal(w->data[0].point_count, 6000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest list[] = {
		T(any_order_any_time),
		T(every_bit),
		T(matching),
		T(histograms),
		T(many_cuts),
		T(limits),
		T(retention),
		T(a_clock_set_ahead_empties_nothing),
		T(kill_at_any_time),
		T(torn_tail),
		T(damaged_window),
		T(in_use),
		T(failing_disk),
		T(readers_beside_cuts),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
