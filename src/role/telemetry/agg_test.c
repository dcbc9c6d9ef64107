/* SPDX-License-Identifier: Apache-2.0
 *
 * What StatsD lines become in the store, by series; and over a real socket: sent = stored + counted
 * drops. Time is what the flushes say: what nobody sends any more ends and is forgotten.
 */
#include "role/telemetry/agg.h"
#include "query/source.h"
#include "role/telemetry/receiver.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
	char folder[64];
	struct series_store *store;
	struct series_reader *reader;
	struct arena *arena;
	struct agg *agg;
	int events, checks;
	char title[64];
};

static void saw_event(void *context, const struct statsd_event *e)
{
	struct world *w = context;
	w->events++;
	snprintf(w->title, sizeof(w->title), "%.*s", STR_ARG(e->title));
}

static void saw_check(void *context, const struct statsd_check *c)
{
	struct world *w = context;
	w->checks += c->status == 2;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	snprintf(w->folder, sizeof(w->folder), "/tmp/quis-agg-XXXXXX");
	if (!mkdtemp(w->folder) || arena_open(&mem_system, 64u << 20, &w->arena) != OK)
		return -1;
	struct series_options o = { .mem = &mem_system, .os = &os_linux, .folder = w->folder };
	struct agg_events events = { w, saw_event, saw_check };
	if (series_open(&o, &w->store, NULL) != OK ||
	    series_reader_open(w->store, &w->reader) != OK ||
	    agg_open(&mem_system, 3, 100, &events, &w->agg) != OK)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	agg_close(&w->agg);
	series_reader_close(&w->reader);
	series_close(&w->store);
	arena_close(&w->arena);
	DIR *d = opendir(w->folder);
	for (struct dirent *e; (e = readdir(d));) {
		char path[400];
		snprintf(path, sizeof(path), "%s/%s", w->folder, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(w->folder);
	free(w);
	return 0;
}

static void take(struct world *w, const char *datagram)
{
	agg_lock(w->agg);
	agg_take(w->agg, str_c(datagram));
	agg_unlock(w->agg);
}

/* The series whose labels read "name k=v k=v", at the last flush; NULL: there is none. */
static const struct series_data *find(struct world *w, const char *want)
{
	struct series_query q = { .min_ms = 0, .max_ms = INT64_MAX };
	const struct series_data *list;
	size_t count;
	arena_reset(w->arena);
	assert_int_equal(series_select(w->reader, w->arena, &q, &list, &count), OK);
	for (size_t i = 0; i < count; i++) {
		struct buf b = buf_make(&mem_system, 4096);
		for (uint32_t k = 0; k < list[i].label_count; k++) {
			if (k == 0 && str_eq(list[i].labels[0].name, STR("__name__")))
				buf_add(&b, list[i].labels[0].value);
			else
				buf_printf(&b, " %.*s=%.*s", STR_ARG(list[i].labels[k].name),
				    STR_ARG(list[i].labels[k].value));
		}
		bool same = str_eq(buf_str(&b), str_c(want));
		buf_free(&b);
		if (same)
			return &list[i];
	}
	return NULL;
}

static double value(struct world *w, const char *want)
{
	const struct series_data *d = find(w, want);
	if (!d)
		fail_msg("no series %s", want);
	assert_true(d->point_count > 0);
	return d->points[d->point_count - 1].value;
}

static void series_of_samples(void **state)
{
	struct world *w = *state;
	take(w, "web.hits:1|c\nweb.hits:2|c|@0.1\nweb.hits:3|c\nweb.hits:0.5|c\n7up.x-y:1|c|#env:"
	        "prod,host.name:a");
	take(w, "temp:10|g\ntemp:+5|g\ntemp:-3|g\nusers:a|s\nusers:b|s\nusers:a|s");
	take(w, "w.t:250|ms\nw.t:750:500|ms\nsize:100|h|@0.5\nsize:100|d");
	take(w, "tag:1|c|#b:2,a:1\ntag:1|c|#a:1,b:2");
	agg_flush(w->agg, w->store, 1000);
	assert_true(value(w, "web_hits") == 24.5);
	assert_true(value(w, "_7up_x_y env=prod host_name=a") == 1);
	assert_true(value(w, "temp") == 12);
	assert_true(value(w, "users") == 2);
	assert_true(value(w, "tag a=1 b=2") == 2);
	const struct series_data *t = find(w, "w_t");
	assert_int_equal(t->hist_count, 1);
	assert_true(t->hists[0].hist->count == 3 && fabs(t->hists[0].hist->sum - 1.5) < 1e-12);
	assert_true(fabs(hist_quantile(t->hists[0].hist, 0.5) - 0.5) < 0.012);
	const struct series_data *s = find(w, "size");
	assert_true(s->hists[0].hist->count == 3 && s->hists[0].hist->sum == 300);
	/* cumulative; sets start anew, gauges stay */
	take(w, "web.hits:1|c\nusers:z|s");
	agg_flush(w->agg, w->store, 2000);
	assert_true(value(w, "web_hits") == 25.5);
	assert_true(value(w, "users") == 1);
	assert_true(value(w, "temp") == 12);
}

static void bad_lines_are_counted(void **state)
{
	struct world *w = *state;
	take(w, "a:1|c\nwhat\nb:x|c\nb:y\x01|c\na:5|ms\n");
	agg_flush(w->agg, w->store, 1000);
	struct agg_counters c;
	agg_counters(w->agg, &c);
	assert_int_equal(c.lines, 5);
	assert_int_equal(c.bad[STATSD_BAD_LINE], 1);
	assert_int_equal(c.bad[STATSD_BAD_VALUE], 2);
	assert_string_equal(c.last_bad[STATSD_BAD_VALUE].text, "b:y?|c");
	assert_int_equal(c.bad[STATSD_BAD_CONFLICT], 1);
	assert_string_equal(c.last_bad[STATSD_BAD_CONFLICT].text, "a:5|ms");
	assert_true(value(w, "a") == 1);
}

static void events(void **state)
{
	struct world *w = *state;
	take(w, "_e{5,2}:title|tx|t:error\n_sc|db|2\na:1|c");
	assert_int_equal(w->events, 1);
	assert_int_equal(w->checks, 1);
	assert_string_equal(w->title, "title");
}

static void beyond_the_limit(void **state)
{
	struct world *w = *state;
	double sum = 0;
	for (int i = 0; i < 150; i++) {
		char line[64];
		snprintf(line, sizeof(line), "n%d:%d|c\nn%d:1|c", i, i, i);
		take(w, line);
		sum += i + 1;
	}
	agg_flush(w->agg, w->store, 1000);
	double got = value(w, "__overflow__ type=counter");
	for (int i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof(name), "n%d", i);
		got += value(w, name);
	}
	assert_true(got == sum);
	struct agg_counters c;
	agg_counters(w->agg, &c);
	assert_int_equal(c.refused_samples, 100);
}

static void large_sets(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < 20000; i++) {
		char line[64];
		snprintf(line, sizeof(line), "u:user%d|s", i % 10000);
		take(w, line);
		if (i == 899 || i == 19999) {
			agg_flush(w->agg, w->store, i + 1);
			double n = value(w, "u");
			assert_true(i == 899 ? n == 900 : fabs(n - 10000) < 500);
			i = i == 899 ? -1 + 10000 : i; /* a fresh set of 10,000 */
		}
	}
}

/* Flushes after each step until `until`. */
static void pass(struct world *w, int64_t *now_ms, int64_t step, int64_t until)
{
	while (*now_ms < until) {
		*now_ms += step;
		agg_flush(w->agg, w->store, *now_ms);
	}
}

#define SECOND INT64_C(1000)
#define HOUR (3600 * SECOND)
#define START (1000 * SECOND)

/* A dead sender's gauge ends; its value is kept for the next delta. */
static void gauges_and_sets_go_silent(void **state)
{
	struct world *w = *state;
	int64_t now = START - 10 * SECOND;
	take(w, "temp:10|g\nlevel:+4|g\nusers:a|s\nhits:1|c\nwait:5|ms");
	pass(w, &now, 10 * SECOND, START + AGG_SILENT_MS - 10 * SECOND);
	assert_true(value(w, "temp") == 10);
	assert_true(value(w, "level") == 4);
	assert_true(value(w, "users") == 0);
	pass(w, &now, 10 * SECOND, START + AGG_SILENT_MS);
	pass(w, &now, 10 * SECOND, START + 3 * AGG_SILENT_MS);
	static const char *const ended[] = { "temp", "level", "users" };
	for (size_t i = 0; i < 3; i++) {
		const struct series_data *d = find(w, ended[i]);
		assert_int_equal(d->point_count, 31); /* 30 values and one marker */
		assert_int_equal(d->points[30].ms, START + AGG_SILENT_MS);
		assert_true(sample_is_stale(d->points[30].value));
		assert_false(sample_is_stale(d->points[29].value));
	}
	assert_int_equal(find(w, "hits")->points[find(w, "hits")->point_count - 1].ms, now);
	assert_int_equal(find(w, "wait")->hist_count, 91);
	take(w, "temp:+5|g\nlevel:-1|g\nusers:a|s\nusers:b|s");
	pass(w, &now, 10 * SECOND, now + 10 * SECOND);
	assert_true(value(w, "temp") == 15);
	assert_true(value(w, "level") == 3);
	assert_true(value(w, "users") == 2);
	assert_int_equal(find(w, "temp")->point_count, 32);
}

/* An update in each interval, however seldom, keeps a gauge alive; so does a long flush interval.
 */
static void gauges_that_are_sent_stay(void **state)
{
	struct world *w = *state;
	int64_t now = START;
	for (int i = 0; i < 20; i++) {
		take(w, "temp:1|g");
		pass(w, &now, AGG_SILENT_MS - SECOND, now + 1);
	}
	for (int i = 0; i < 20; i++) {
		take(w, "temp:1|g");
		pass(w, &now, HOUR, now + 1);
	}
	const struct series_data *d = find(w, "temp");
	assert_int_equal(d->point_count, 40);
	for (size_t i = 0; i < 40; i++)
		assert_true(d->points[i].value == 1);
}

static void idle_metrics_are_forgotten(void **state)
{
	struct world *w = *state;
	struct agg_counters c;
	int64_t now = START - 60 * SECOND;
	take(w, "hits:7|c\ntemp:3|g\nwait:5|ms\nkept:1|c");
	pass(w, &now, 60 * SECOND, START);
	for (int i = 0; i < 97; i++) { /* the limit of 100 is passed by one */
		char line[32];
		snprintf(line, sizeof(line), "more:1|c|#n:%d", i);
		take(w, line);
	}
	agg_counters(w->agg, &c);
	assert_int_equal(c.metrics, 101); /* with __overflow__ */
	assert_int_equal(c.refused_samples, 1);
	pass(w, &now, 60 * SECOND, START + AGG_FORGET_MS - 60 * SECOND);
	assert_true(value(w, "hits") == 7);
	take(w, "kept:1|c");
	pass(w, &now, 60 * SECOND, START + AGG_FORGET_MS + 120 * SECOND);
	agg_counters(w->agg, &c);
	assert_int_equal(c.metrics, 1);
	assert_int_equal(c.forgotten, 100);
	const struct series_data *d = find(w, "hits");
	assert_int_equal(d->points[d->point_count - 1].ms, START + AGG_FORGET_MS);
	assert_true(sample_is_stale(d->points[d->point_count - 1].value));
	assert_true(d->points[d->point_count - 2].value == 7);
	d = find(w, "temp");
	assert_int_equal(d->points[d->point_count - 1].ms, START + AGG_SILENT_MS); /* no second */
	d = find(w, "wait");
	assert_int_equal(d->point_count, 1);
	assert_true(sample_is_stale(d->points[0].value));
	assert_int_equal(d->hists[d->hist_count - 1].ms, START + AGG_FORGET_MS - 60 * SECOND);
	assert_true(value(w, "kept") == 2);
	/* the places are free, names may come back with another kind, spellings lead to nothing old
	 */
	for (int i = 0; i < 95; i++) {
		char line[32];
		snprintf(line, sizeof(line), "other:1|c|#n:%d", i);
		take(w, line);
	}
	take(w, "hits:2|c\ntemp:+1|g\nwait:1|c");
	pass(w, &now, 60 * SECOND, now + 1);
	agg_counters(w->agg, &c);
	assert_int_equal(c.refused_samples, 1);
	assert_int_equal(c.bad[STATSD_BAD_CONFLICT], 0);
	assert_int_equal(c.metrics, 99);
	assert_true(value(w, "hits") == 2);
	assert_true(value(w, "temp") == 1);
	assert_true(value(w, "wait") == 1);
	assert_true(value(w, "other n=0") == 1);
	assert_true(value(w, "other n=94") == 1);
	take(w, "late:1|c\nlater:1|c"); /* one fits; the other begins a new __overflow__ */
	pass(w, &now, 60 * SECOND, now + 1);
	assert_true(value(w, "late") == 1);
	assert_true(value(w, "__overflow__ type=counter") == 1);
}

/* Labels that change each hour never fill the table; every count goes to its own series. */
static void changing_labels_do_not_fill_up(void **state)
{
	struct world *w = *state;
	struct agg_counters c;
	int64_t now = START;
	for (int i = 0; i < 1000; i++) {
		char line[96];
		snprintf(line, sizeof(line), "v:1|c|#b:%d\nname%d:2|g\nv:1|c|#b:%d\nv:1|c|#b:%d", i,
		    i, i, i / 7);
		take(w, line);
		pass(w, &now, HOUR, now + 1);
	}
	agg_counters(w->agg, &c);
	assert_int_equal(c.refused_samples, 0);
	assert_true(c.metrics <= 60 && c.metrics + c.forgotten >= 2000);
	assert_true(value(w, "v b=999") == 2);
	assert_true(value(w, "name999") == 2);
}

/* The wall clock jumps by a year, and back: nothing is lost. */
static void a_clock_that_jumps_forgets_nothing(void **state)
{
	struct world *w = *state;
	struct agg_counters c;
	int64_t now = START, year = 365 * 24 * HOUR;
	take(w, "hits:7|c");
	agg_flush(w->agg, w->store, now);
	agg_flush(w->agg, w->store, now + year);
	agg_flush(w->agg, w->store, now + 10 * SECOND);
	take(w, "hits:1|c");
	agg_flush(w->agg, w->store, now + year);
	assert_true(value(w, "hits") == 8);
	agg_counters(w->agg, &c);
	assert_int_equal(c.forgotten, 0);
}

/* What a socket delivers and what it drops add up to what was sent. */
static void over_a_socket(void **state)
{
	struct world *w = *state;
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(to);
	int in = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    out = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(in, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(in, (struct sockaddr *)&to, &len), 0);
	assert_int_equal(connect(out, (struct sockaddr *)&to, len), 0);
	struct receiver *r = NULL;
	assert_int_equal(receiver_start(&mem_system, in, w->agg, &r), OK);
	const unsigned datagrams = 50000;
	char line[512] = "";
	for (int i = 0; i < 30; i++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "hits:1|c\n");
	for (unsigned i = 0; i < datagrams; i++)
		assert_int_equal(send(out, line, strlen(line), 0), strlen(line));
	struct receiver_counters c;
	for (struct agg_counters a = { 0 };;) { /* until the socket is empty */
		uint64_t before = a.datagrams;
		receiver_counters(r, &c);
		agg_counters(w->agg, &a);
		if (a.datagrams + c.kernel_drops >= datagrams && a.datagrams == before)
			break;
	}
	receiver_free(&r);
	close(out);
	double got = 0;
	assert_true(agg_counter(w->agg, STR("hits"), &got));
	assert_true(got == 30.0 * (datagrams - (double)c.kernel_drops));
	assert_true(c.buffer_bytes >= 100000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest list[] = {
		T(series_of_samples),
		T(bad_lines_are_counted),
		T(events),
		T(beyond_the_limit),
		T(large_sets),
		T(gauges_and_sets_go_silent),
		T(gauges_that_are_sent_stay),
		T(idle_metrics_are_forgotten),
		T(changing_labels_do_not_fill_up),
		T(a_clock_that_jumps_forgets_nothing),
		T(over_a_socket),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
