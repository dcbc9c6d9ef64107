/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' API as web relays it: over a real channel, pool threads and a store. Writing by
 * remote write, asking in every way, each answer as Prometheus gives it.
 */
#include "role/telemetry/trelay.h"
#include "role/telemetry/ingest.h"
#include "wire/protobuf.h"
#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
	char folder[64];
	struct loop *loop;
	struct series_store *store;
	struct tpool *queries, *writes;
	struct trelay *relay;
	struct chan *web, *telemetry; /* the two ends */
	uint64_t next_id;
	/* the last answer */
	unsigned status;
	struct buf answer;
	uint64_t answer_bytes;
	size_t answers, frames;
};

static void rules(void *ctx, struct jw *w, struct str type)
{
	(void)ctx;
	jw_str(w, type);
}

static void alerts(void *ctx, struct jw *w)
{
	(void)ctx;
	jw_null(w);
}

static bool web_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct world *w = context;
	(void)chan;
	assert_int_equal(id, w->next_id);
	if (type == MSG_HTTP_ANSWER) {
		struct rd r = rd_make(body);
		w->status = rd_u16(&r);
		rd_str(&r, 1000);
		rd_str(&r, 1000);
		w->answer_bytes = rd_u64(&r);
		assert_int_equal(rd_done(&r), OK);
		w->answers++;
	} else {
		assert_int_equal(type, MSG_HTTP_ANSWER_BODY);
		assert_true(body.len <= 65536);
		buf_add(&w->answer, body);
		w->frames++;
	}
	return true;
}

static bool telemetry_message(
    void *context, struct chan *chan, enum msg_type type, uint64_t id, struct str body)
{
	struct world *w = context;
	return trelay_message(w->relay, chan, type, id, body);
}

static void telemetry_credit(void *context, struct chan *chan, enum credit_class cls)
{
	struct world *w = context;
	(void)cls;
	trelay_credit(w->relay, chan);
}

static void gone(void *context, struct chan *chan, const char *why)
{
	(void)context;
	(void)chan;
	fail_msg("channel gone: %s", why);
}

static enum err open_pool(
    struct world *w, void (*free_extra)(const struct mem *mem, void *extra), struct tpool **ret)
{
	struct tpool_options o = { .mem = &mem_system,
		.loop = w->loop,
		.store = w->store,
		.threads = 1,
		.queue_max = 16,
		.arena_bytes = 64u << 20,
		.free_extra = free_extra };
	return tpool_open(&o, ret);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	*state = w;
	snprintf(w->folder, sizeof(w->folder), "/tmp/quis-relay-XXXXXX");
	w->answer = buf_make(&mem_system, 64u << 20);
	int ends[2];
	if (!mkdtemp(w->folder) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ||
	    loop_open(&mem_system, &os_linux, &w->loop) != OK)
		return -1;
	struct series_options o = {
		.mem = &mem_system, .os = &os_linux, .folder = w->folder, .series_max = 2000
	};
	if (series_open(&o, &w->store, NULL) != OK || open_pool(w, NULL, &w->queries) != OK ||
	    open_pool(w, ingest_free_cache, &w->writes) != OK)
		return -1;
	struct trelay_options r = { .mem = &mem_system,
		.loop = w->loop,
		.store = w->store,
		.queries = w->queries,
		.writes = w->writes,
		.prom = { .version = STR("test"),
		    .ctx = w,
		    .rules = rules,
		    .alerts = alerts,
		    .statsd = alerts },
		.query_timeout = SPAN_S(20) };
	static const struct chan_handler web = { web_message, gone, NULL },
	                                 telemetry = { telemetry_message, gone, telemetry_credit };
	if (trelay_open(&r, &w->relay) != OK ||
	    chan_open(&mem_system, w->loop, ends[0], &web, w, &w->web) != OK ||
	    chan_open(&mem_system, w->loop, ends[1], &telemetry, w, &w->telemetry) != OK)
		return -1;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	tpool_close(&w->queries);
	tpool_close(&w->writes);
	trelay_close(&w->relay);
	chan_close(&w->web);
	chan_close(&w->telemetry);
	series_close(&w->store);
	loop_close(&w->loop);
	buf_free(&w->answer);
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

static void start(struct world *w, const char *method, const char *path, const char *query,
    const char *type, const char *encoding, size_t body)
{
	struct buf b = buf_make(&mem_system, 65536);
	put_str(&b, str_c(method));
	put_str(&b, str_c(path));
	put_str(&b, str_c(query));
	put_str(&b, str_c(type));
	put_str(&b, str_c(encoding));
	put_u64(&b, body);
	buf_clear(&w->answer);
	w->answers = w->frames = 0;
	w->next_id++;
	assert_int_equal(chan_send(w->web, MSG_HTTP, w->next_id, buf_str(&b)), OK);
	buf_free(&b);
}

static void send_body(struct world *w, struct str body)
{
	while (body.len) {
		struct str piece = str_first(body, 65536);
		enum err e = chan_send(w->web, MSG_HTTP_BODY, w->next_id, piece);
		if (e == ERR_BUSY) {
			assert_int_equal(loop_turn(w->loop, SPAN_S(1)), OK);
			continue;
		}
		assert_int_equal(e, OK);
		body = str_from(body, piece.len);
	}
}

static void wait_answer(struct world *w)
{
	while (!w->answers || w->answer.len < w->answer_bytes)
		assert_int_equal(loop_turn(w->loop, SPAN_S(10)), OK);
	assert_int_equal(w->answer.len, w->answer_bytes);
}

static void gives(
    struct world *w, const char *path, const char *query, unsigned status, const char *want)
{
	start(w, "GET", path, query, "", "", 0);
	wait_answer(w);
	struct str got = buf_str(&w->answer);
	if (w->status != status || !str_eq(got, str_c(want)))
		fail_msg("%s?%s\n  gave %u %.*s\n  want %u %s", path, query, w->status,
		    STR_ARG(got), status, want);
}

/* ---- making remote write requests ---- */

static void put_field(struct buf *b, unsigned field, struct str s)
{
	put_varint(b, field << 3 | PB_BYTES);
	put_varint(b, s.len);
	buf_add(b, s);
}

static void add_series(struct buf *request, const char *name, const char *label, const char *value,
    const int64_t *times, const double *values, size_t count)
{
	const struct {
		const char *name, *value;
	} labels[] = { { "__name__", name }, { label, value } };
	struct buf series = buf_make(&mem_system, 1u << 20),
	           inner = buf_make(&mem_system, 1u << 16);
	for (size_t i = 0; i < (label[0] ? 2 : 1); i++) {
		buf_clear(&inner);
		put_field(&inner, 1, str_c(labels[i].name));
		put_field(&inner, 2, str_c(labels[i].value));
		put_field(&series, 1, buf_str(&inner));
	}
	for (size_t i = 0; i < count; i++) {
		buf_clear(&inner);
		put_varint(&inner, 1 << 3 | PB_FIXED64);
		put_f64(&inner, values[i]);
		put_varint(&inner, 2 << 3 | PB_VARINT);
		put_varint(&inner, (uint64_t)times[i]);
		put_field(&series, 2, buf_str(&inner));
	}
	put_field(request, 1, buf_str(&series));
	buf_free(&series);
	buf_free(&inner);
}

static void write_request(struct world *w, struct buf *request)
{
	size_t len = snappy_max_compressed_length(request->len);
	char *packed = malloc(len);
	assert_int_equal(snappy_compress(request->ptr, request->len, packed, &len), SNAPPY_OK);
	start(w, "POST", "/api/v1/write", "", "application/x-protobuf", "snappy", len);
	send_body(w, str_make(packed, len));
	wait_answer(w);
	free(packed);
	buf_free(request);
}

static void write_three(struct world *w)
{
	struct buf b = buf_make(&mem_system, 1u << 20);
	static const int64_t times[] = { 0, 60000, 120000 };
	static const double a[] = { 1, 2, 4.5 }, c[] = { 10, 20, 30 };
	add_series(&b, "up", "job", "a", times, a, 3);
	add_series(&b, "up", "job", "c", times, c, 3);
	add_series(&b, "other", "", "", times, a, 1);
	write_request(w, &b);
	assert_int_equal(w->status, 204);
	assert_int_equal(w->answer.len, 0);
}

static void queries(void **state)
{
	struct world *w = *state;
	write_three(w);
	gives(w, "/api/v1/query", "query=up&time=60", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"up\",\"job\":\"a\"},\"value\":[60,\"2\"]},"
	    "{\"metric\":{\"__name__\":\"up\",\"job\":\"c\"},\"value\":[60,\"20\"]}]}}");
	gives(w, "/api/v1/query", "query=sum(up)&time=1970-01-01T00:02:00.781Z", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{}"
	    ",\"value\":[120.781,\"34.5\"]}]}}");
	gives(w, "/api/v1/query", "query=1%2B1&time=1", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2\"]}}");
	gives(w, "/api/v1/query", "query=up%7Bjob%3D~%22c%7Cx%22%7D%5B1m%5D&time=60", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"up\",\"job\":\"c\"},\"values\":[[60,\"20\"]]}]}}");
	gives(w, "/api/v1/query_range", "query=up%7Bjob=%22a%22%7D&start=0&end=120&step=1m", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"up\",\"job\":\"a\"},\"values\":[[0,\"1\"],[60,\"2\"],[120,\"4.5\"]]}]}"
	    "}");
	gives(w, "/api/v1/query", "query=nothing&time=1", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}");
	/* a form body counts as well */
	start(w, "POST", "/api/v1/query", "time=60", "application/x-www-form-urlencoded", "", 12);
	send_body(w, STR("query=sum(up"));
	wait_answer(w);
	assert_int_equal(w->status, 400);
}

static void metadata(void **state)
{
	struct world *w = *state;
	write_three(w);
	gives(w, "/api/v1/labels", "", 200,
	    "{\"status\":\"success\",\"data\":[\"__name__\",\"job\"]}");
	gives(w, "/api/v1/labels", "match[]=other", 200,
	    "{\"status\":\"success\",\"data\":[\"__name__\"]}");
	gives(w, "/api/v1/label/job/values", "", 200,
	    "{\"status\":\"success\",\"data\":[\"a\",\"c\"]}");
	gives(w, "/api/v1/label/job/values", "start=1000&end=2000", 200,
	    "{\"status\":\"success\",\"data\":[]}");
	gives(w, "/api/v1/label/__name__/values", "limit=1", 200,
	    "{\"status\":\"success\",\"data\":[\"other\"]}");
	gives(w, "/api/v1/series", "match[]=up&match[]=%7Bjob%3D%22a%22%7D", 200,
	    "{\"status\":\"success\",\"data\":[{\"__name__\":\"up\",\"job\":\"a\"},{\"__name__\":"
	    "\"up\",\"job\":\"c\"}]}");
	gives(w, "/api/v1/rules", "type=alert", 200, "{\"status\":\"success\",\"data\":\"alert\"}");
	gives(w, "/api/v1/metadata", "", 200, "{\"status\":\"success\",\"data\":{}}");
	gives(w, "/api/v1/format_query", "query=sum(up)by(job)", 200,
	    "{\"status\":\"success\",\"data\":\"sum by (job) (up)\"}");
}

static void faults(void **state)
{
	struct world *w = *state;
#define E(what) "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"" what "\"}"
	gives(w, "/api/v1/query", "query=up&time=x", 400,
	    E("invalid parameter \\\"time\\\": cannot parse \\\"x\\\" to a valid timestamp"));
	gives(w, "/api/v1/query", "query=sum(", 400,
	    E("invalid parameter \\\"query\\\": 1:5: parse error: unclosed left parenthesis"));
	gives(w, "/api/v1/query_range", "query=up&start=0&end=1", 400,
	    E("invalid parameter \\\"step\\\": cannot parse \\\"\\\" to a valid duration"));
	gives(w, "/api/v1/query_range", "query=up&start=2&end=1&step=1", 400,
	    E("invalid parameter \\\"end\\\": end timestamp must not be before start time"));
	gives(w, "/api/v1/query_range", "query=up&start=0&end=1&step=0", 400,
	    E("invalid parameter \\\"step\\\": zero or negative query resolution step widths are "
	      "not accepted. Try a positive integer"));
	gives(w, "/api/v1/query_range", "query=up&start=0&end=11002&step=1", 400,
	    E("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
	      "query resolution (?step=XX)"));
	gives(w, "/api/v1/query_range", "query=up[1m]&start=0&end=1&step=1", 400,
	    E("invalid parameter \\\"query\\\": invalid expression type \\\"range vector\\\" for "
	      "range query, must be Scalar or instant Vector"));
	gives(w, "/api/v1/series", "", 400, E("no match[] parameter provided"));
	gives(
	    w, "/api/v1/query", "query=%zz", 400, E("error parsing form values: invalid encoding"));
	gives(w, "/api/v1/nothing", "", 404,
	    "{\"status\":\"error\",\"errorType\":\"not_found\",\"error\":\"there is no such "
	    "path\"}");
}

static void bad_writes(void **state)
{
	struct world *w = *state;
	start(w, "POST", "/api/v1/write", "", "application/x-protobuf", "snappy", 5);
	send_body(w, STR("\xff\xff\xff\xff\xff"));
	wait_answer(w);
	assert_int_equal(w->status, 400);
	assert_string_equal(w->answer.ptr, "snappy: corrupt input\n");
	start(w, "POST", "/api/v1/write", "", "application/x-protobuf", "gzip", 5);
	send_body(w, STR("12345"));
	wait_answer(w);
	assert_int_equal(w->status, 415);
	start(w, "POST", "/api/v1/write", "", "", "snappy", 40u << 20);
	wait_answer(w);
	assert_int_equal(w->status, 413);
	/* the valid part of a request is kept */
	struct buf b = buf_make(&mem_system, 8u << 20);
	static const int64_t times[] = { 1 };
	static const double values[] = { 1 };
	for (int i = 0; i < 2500; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%d", i);
		add_series(&b, "many", "n", value, times, values, 1);
	}
	write_request(w, &b);
	assert_int_equal(w->status, 400);
	assert_string_equal(w->answer.ptr, "500 of 2500 samples refused: the limit of series is "
	                                   "reached: raise series_limit or send fewer series\n");
	gives(w, "/api/v1/query", "query=count(many)&time=1", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{}"
	    ",\"value\":[1,\"2000\"]}]}}");
}

static void large_answers_in_frames(void **state)
{
	struct world *w = *state;
	struct buf b = buf_make(&mem_system, 32u << 20);
	int64_t times[200];
	double values[200];
	for (int i = 0; i < 200; i++) {
		times[i] = i * 1000;
		values[i] = i / 7.0;
	}
	for (int i = 0; i < 1000; i++) {
		char value[16];
		snprintf(value, sizeof(value), "%d", i);
		add_series(&b, "many", "n", value, times, values, 200);
	}
	write_request(w, &b);
	assert_int_equal(w->status, 204);
	start(w, "GET", "/api/v1/query", "query=many[10m]&time=200", "", "", 0);
	wait_answer(w);
	assert_int_equal(w->status, 200);
	assert_true(w->answer.len > 4000000 && w->frames > 60);
	assert_true(str_ends(buf_str(&w->answer), STR("\"28.428571428571427\"]]}]}}")));
}

static void a_client_that_goes(void **state)
{
	struct world *w = *state;
	write_three(w);
	start(w, "GET", "/api/v1/query", "query=up", "", "", 0);
	assert_int_equal(chan_send(w->web, MSG_HTTP_CANCEL, w->next_id, STR("")), OK);
	struct trelay_counters c;
	do {
		assert_int_equal(loop_turn(w->loop, SPAN_MS(50)), OK);
		trelay_counters(w->relay, &c);
	} while (c.active > 0 || c.requests < 2);
	gives(w, "/api/v1/query", "query=other&time=0", 200,
	    "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"metric\":{"
	    "\"__name__\":\"other\"},\"value\":[0,\"1\"]}]}}");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest list[] = {
		T(queries),
		T(metadata),
		T(faults),
		T(bad_writes),
		T(large_answers_in_frames),
		T(a_client_that_goes),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
