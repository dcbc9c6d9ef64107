/* SPDX-License-Identifier: Apache-2.0
 *
 * Quis' own series as this web process sees them: in Prometheus' text form at /metrics, and as
 * samples for telemetry, from one walk over the same figures.
 */
#include "api/api_priv.h"
#include "base/surprise.h"

/* Takes one sample; label may be empty. */
struct sink {
	struct buf *text, *samples;
	uint32_t count;
	struct str role;
	const char *family;
};

static void label_write(struct buf *b, struct str v)
{
	for (size_t i = 0; i < v.len; i++) {
		if (v.ptr[i] == '"' || v.ptr[i] == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, v.ptr[i] == '\n' ? ' ' : v.ptr[i]);
	}
}

static void sample(struct sink *s, const char *name, const char *type, const char *help,
    struct str label, struct str value, double v)
{
	if (s->text) {
		struct buf *b = s->text;
		if (!s->family || strcmp(s->family, name) != 0)
			buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
		s->family = name;
		buf_printf(b, "%s{role=\"%.*s\"", name, STR_ARG(s->role));
		if (!str_empty(label)) {
			buf_printf(b, ",%.*s=\"", STR_ARG(label));
			label_write(b, value);
			buf_add_char(b, '"');
		}
		buf_add(b, STR("} "));
		buf_add_f64(b, v);
		buf_add_char(b, '\n');
		return;
	}
	put_str(s->samples, str_c(name));
	put_u8(s->samples, str_empty(label) ? 1 : 2);
	put_str(s->samples, STR("role"));
	put_str(s->samples, s->role);
	if (!str_empty(label)) {
		put_str(s->samples, label);
		put_str(s->samples, value);
	}
	put_f64(s->samples, v);
	s->count++;
}

#define COUNTER(name, help, v) sample(s, name, "counter", help, STR(""), STR(""), (double)(v))
#define GAUGE(name, help, v) sample(s, name, "gauge", help, STR(""), STR(""), (double)(v))

static void events_walk(struct api *api, struct sink *s)
{
	static const char name[] = "quis_events_total",
	                  help[] = "Events received over HTTP by what became of them.";
	const struct api_counters *c = &api->counters;
	sample(
	    s, name, "counter", help, STR("outcome"), STR("accepted"), (double)c->events_accepted);
	sample(s, name, "counter", help, STR("outcome"), STR("invalid"), (double)c->events_refused);
	sample(s, name, "counter", help, STR("outcome"), STR("unknown_key"),
	    (double)c->events_unknown_key);
	sample(s, name, "counter", help, STR("outcome"), STR("busy"), (double)c->events_busy);
	COUNTER("quis_commands_total", "Commands handed to the engine.", c->commands);
	COUNTER("quis_relayed_total", "Requests relayed to telemetry.", c->relayed);
	COUNTER("quis_relay_unavailable_total", "Requests for telemetry that it could not take.",
	    c->relay_busy);
	COUNTER("quis_denied_total", "Requests refused for want of rights.", c->denied);
	COUNTER("quis_logins_total", "Sign-ins that succeeded.", c->logins);
	COUNTER("quis_logins_failed_total", "Sign-ins that failed.", c->logins_failed);
	GAUGE(
	    "quis_events_waiting", "Events that wait for the engine's credit.", api->waiting_count);
	GAUGE("quis_streams", "Listeners to server-sent events.", api->stream_count);
	COUNTER("quis_reads_refused_total",
	    "Requests refused because too many were being worked on.",
	    api->readers.refused + api->slow.refused);
}

static void http_walk(struct api *api, struct sink *s)
{
	static const char name[] = "quis_http_answers_total",
	                  help[] = "Answers by hundred of their status.";
	const struct http_counters *h = http_counters(api->http);
	static const struct str hundreds[] = { STR_INIT("2xx"), STR_INIT("3xx"), STR_INIT("4xx"),
		STR_INIT("5xx") };
	for (unsigned i = 0; i < 4; i++)
		sample(s, name, "counter", help, STR("status"), hundreds[i],
		    (double)h->answers[i + 2]);
	GAUGE("quis_http_connections", "Open connections.", http_connection_count(api->http));
	COUNTER("quis_http_accepted_total", "Connections accepted.", h->accepted);
	COUNTER("quis_http_requests_total", "Requests whose head was well-formed.", h->requests);
	COUNTER("quis_http_faults_total", "Requests refused as malformed, too large or too slow.",
	    h->faults);
	COUNTER("quis_http_timeouts_total", "Connections and requests ended by a time limit.",
	    h->timeouts);
	COUNTER("quis_http_evicted_total", "Idle connections closed to make room.", h->evicted);
	COUNTER("quis_http_refused_total", "Connections refused because there was no room.",
	    h->refused_busy);
	COUNTER("quis_http_received_bytes_total", "Bytes received.", h->received_bytes);
	COUNTER("quis_http_sent_bytes_total", "Bytes sent.", h->sent_bytes);
}

static void roles_walk(struct api *api, struct sink *s)
{
	const struct role_status *roles = child_roles(api->child);
	struct wall now = loop_wall(api->loop);
	for (int which = 0; which < 3; which++)
		for (unsigned i = 0; i < ROLE_COUNT; i++) {
			if (i == ROLE_PARENT || i == ROLE_CONFIG ||
			    roles[i].state == ROLE_STATE_OFF)
				continue;
			if (which == 0)
				sample(s, "quis_role_ok", "gauge",
				    "1 when the role runs and says that it is well.", STR("of"),
				    role_name[i],
				    roles[i].state == ROLE_STATE_RUNNING && roles[i].ok ? 1 : 0);
			else if (which == 1)
				sample(s, "quis_role_restarts_total", "counter",
				    "Restarts of the role.", STR("of"), role_name[i],
				    roles[i].restarts);
			else
				sample(s, "quis_role_beat_age_seconds", "gauge",
				    "Time since the role was last heard of.", STR("of"),
				    role_name[i],
				    roles[i].beat_at.ns
				        ? (double)wall_sub(now, roles[i].beat_at).ns / 1e9
				        : -1);
		}
}

static void walk(struct api *api, struct sink *s)
{
	events_walk(api, s);
	http_walk(api, s);
	if (s->text) { /* telemetry has these from their own roles */
		roles_walk(api, s);
		GAUGE("quis_incidents_open", "Open incidents, as the engine last said.",
		    api->changed_open);
		GAUGE("quis_incidents_triggered",
		    "Incidents that nobody has acknowledged, as the engine last said.",
		    api->changed_triggered);
	}
	const struct surprise_site *site;
	for (size_t i = 0; (site = surprise_at(i)) != NULL; i++)
		sample(s, "quis_surprises_total", "counter",
		    "Things that should not happen, by where they did.", STR("site"),
		    str_c(site->what), (double)__atomic_load_n(&site->count, __ATOMIC_RELAXED));
	sample(s, "quis_build_info", "gauge", "Always 1.", STR("version"), api->version, 1);
	GAUGE("process_start_time_seconds", "When this process started.",
	    (double)(api->started_at.ns / NS_PER_MS) / 1000.0);
}

void metrics_get(struct call *call)
{
	struct buf b = buf_make(call->api->mem, 1u << 20);
	struct sink s = { .text = &b, .role = role_name[call->api->self] };
	walk(call->api, &s);
	call_answer(call, 200, STR("text/plain; version=0.0.4; charset=utf-8"), STR(HEADERS_DATA),
	    buf_str(&b));
	buf_free(&b);
}

void metrics_send(struct api *api)
{
	if (!api->telemetry)
		return;
	struct buf b = buf_make(api->mem, 1u << 20);
	struct buf list = buf_make(api->mem, 1u << 20);
	struct sink s = { .samples = &list, .role = role_name[api->self] };
	walk(api, &s);
	put_i64(&b, wall_ms(loop_wall(api->loop)));
	put_u32(&b, s.count);
	buf_add(&b, buf_str(&list));
	if (b.err == OK && list.err == OK)
		ignore_err(chan_send(api->telemetry, MSG_METRICS, 0, buf_str(&b)),
		    "the next ones come in ten seconds");
	buf_free(&list);
	buf_free(&b);
}
