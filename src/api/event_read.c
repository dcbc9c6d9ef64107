/* SPDX-License-Identifier: Apache-2.0
 *
 * The decoders of events; event_read.h says what they promise.
 */
#include "api/event_read.h"
#include "base/enc.h"
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

static void add_error(struct event_errors *errors, struct str text)
{
	if (errors->count < EVENT_ERRORS_MAX && text.ptr)
		errors->list[errors->count++] = text;
}

/* A required, non-empty string, or an error. */
static struct str need_str(struct arena *a, const struct json *object, const char *where,
    struct str name, struct event_errors *errors)
{
	const struct json *v = json_get(object, name);
	if (!v || v->type == JSON_NULL ||
	    (v->type == JSON_STRING && str_empty(str_trim(v->text)))) {
		add_error(
		    errors, arena_printf(a, "'%s%.*s' is missing or blank", where, STR_ARG(name)));
	} else if (v->type != JSON_STRING) {
		add_error(
		    errors, arena_printf(a, "'%s%.*s' must be a string", where, STR_ARG(name)));
	} else {
		return v->text;
	}
	return STR("");
}

/* An optional string; null counts as absent. */
static struct str want_str(struct arena *a, const struct json *object, const char *where,
    struct str name, struct event_errors *errors)
{
	const struct json *v = json_get(object, name);
	if (!v || v->type == JSON_NULL)
		return STR("");
	if (v->type != JSON_STRING) {
		add_error(
		    errors, arena_printf(a, "'%s%.*s' must be a string", where, STR_ARG(name)));
		return STR("");
	}
	return v->text;
}

static void check_length(
    struct arena *a, struct str value, const char *what, size_t max, struct event_errors *errors)
{
	if (value.len > max && str_utf8_count(value) > max) /* never more characters than bytes */
		add_error(errors, arena_printf(a, "'%s' is longer than %zu characters (it has %zu)",
		                      what, max, str_utf8_count(value)));
}

static bool read_enum(struct str value, const struct str *names, unsigned count, unsigned *ret)
{
	for (unsigned i = 0; i < count; i++)
		if (str_eq(names[i], value)) {
			*ret = i;
			return true;
		}
	return false;
}

/* The text as a JSON object, or "JSON parse error" and where. */
static enum err read_body(struct arena *a, struct str body, bool list, const struct json **ret,
    struct event_errors *errors)
{
	struct json_error where = { 0, NULL };
	*errors = (struct event_errors){ 0 };
	enum err e = json_read(a, body, JSON_DEPTH_MAX, ret, &where);
	if (e == OK && (*ret)->type != (list ? JSON_ARRAY : JSON_OBJECT)) {
		errors->not_json = true;
		add_error(errors, list ? STR("the body must be a JSON array of alerts")
		                       : STR("the body must be a JSON object"));
		return ERR_INPUT;
	}
	if (e == ERR_INPUT) {
		unsigned line, column;
		json_place(body, where.offset, &line, &column);
		errors->not_json = true;
		add_error(errors, STR("JSON parse error"));
		add_error(errors, arena_printf(a, "line %u, column %u: %s", line, column,
		                      where.what ? where.what : "not JSON"));
	}
	return e;
}

static enum event_action read_action(
    struct arena *a, const struct json *root, struct str name, struct event_errors *errors)
{
	unsigned action = EVENT_TRIGGER;
	struct str text = need_str(a, root, "", name, errors);
	if (!str_empty(text) && !read_enum(text, event_action_name, EVENT_ACTION_COUNT, &action))
		add_error(errors,
		    arena_printf(a,
		        "'%.*s' is invalid (must be one of 'trigger', 'acknowledge' or 'resolve')",
		        STR_ARG(name)));
	return (enum event_action)action;
}

/* images and links: arrays of objects with the one field that counts. */
static void check_list(struct arena *a, const struct json *root, struct str name, struct str field,
    struct event_errors *errors)
{
	const struct json *list = json_get(root, name);
	if (!list || list->type == JSON_NULL)
		return;
	if (list->type != JSON_ARRAY) {
		add_error(errors, arena_printf(a, "'%.*s' must be an array", STR_ARG(name)));
		return;
	}
	for (const struct json *item = list->child; item; item = item->next)
		if (item->type != JSON_OBJECT || !json_is(json_get(item, field), JSON_STRING)) {
			add_error(errors,
			    arena_printf(a, "each of '%.*s' must be an object with a string '%.*s'",
			        STR_ARG(name), STR_ARG(field)));
			return;
		}
}

static void check_timestamp(
    struct arena *a, const struct json *payload, struct event_errors *errors, struct wall *ret)
{
	struct str text = want_str(a, payload, "payload.", STR("timestamp"), errors);
	struct wall t;
	if (str_empty(text))
		return;
	if (wall_parse(text, &t) == OK)
		*ret = t;
	else
		add_error(errors, STR("'payload.timestamp' is not an ISO 8601 time (such as "
		                      "2015-07-17T08:42:58.315+0000)"));
}

static struct str random_key(struct arena *a, const struct event_random *random)
{
	char hex[33];
	sodium_bin2hex(hex, sizeof hex, random->bytes, sizeof random->bytes);
	return arena_str(a, str_make(hex, 32));
}

/* payload of a trigger: all of it is checked; of an acknowledge or resolve nothing is needed and
 * nothing is wrong. */
static void read_payload(
    struct arena *a, const struct json *root, struct record_event *ev, struct event_errors *errors)
{
	const struct json *payload = json_get(root, STR("payload"));
	struct wall timestamp = { 0 };
	unsigned severity = SEVERITY_CRITICAL;
	if (!payload || payload->type != JSON_OBJECT) {
		add_error(errors, payload && payload->type != JSON_NULL
		                      ? STR("'payload' must be an object")
		                      : STR("'payload' is missing or blank"));
		return;
	}
	ev->summary = need_str(a, payload, "payload.", STR("summary"), errors);
	check_length(a, ev->summary, "payload.summary", EVENT_SUMMARY_MAX, errors);
	ev->source = need_str(a, payload, "payload.", STR("source"), errors);
	struct str text = need_str(a, payload, "payload.", STR("severity"), errors);
	if (!str_empty(text) && !read_enum(text, severity_name, SEVERITY_COUNT, &severity))
		add_error(errors, STR("'payload.severity' is invalid (must be one of 'critical', "
		                      "'error', 'warning' or 'info')"));
	ev->severity = (enum severity)severity;
	check_timestamp(a, payload, errors, &timestamp);
	want_str(a, payload, "payload.", STR("component"), errors);
	want_str(a, payload, "payload.", STR("group"), errors);
	want_str(a, payload, "payload.", STR("class"), errors);
}

enum err event_read_v2(struct arena *a, struct str body, const struct event_random *random,
    struct record *ret, struct event_errors *ret_errors)
{
	const struct json *root;
	enum err e = read_body(a, body, false, &root, ret_errors);
	if (e != OK)
		return e;
	*ret = (struct record){ .type = RECORD_EVENT };
	struct record_event *ev = &ret->event;
	ev->via = STR("v2");
	ev->severity = SEVERITY_CRITICAL;
	ev->service = ev->summary = ev->source = STR("");
	ev->routing_key = need_str(a, root, "", STR("routing_key"), ret_errors);
	ev->action = read_action(a, root, STR("event_action"), ret_errors);
	ev->dedup_key = want_str(a, root, "", STR("dedup_key"), ret_errors);
	check_length(a, ev->dedup_key, "dedup_key", EVENT_DEDUP_MAX, ret_errors);
	if (ev->action == EVENT_TRIGGER) {
		read_payload(a, root, ev, ret_errors);
		check_list(a, root, STR("images"), STR("src"), ret_errors);
		check_list(a, root, STR("links"), STR("href"), ret_errors);
		ev->client = want_str(a, root, "", STR("client"), ret_errors);
		want_str(a, root, "", STR("client_url"), ret_errors);
		if (str_empty(ev->dedup_key))
			ev->dedup_key = random_key(a, random);
	} else {
		/* Alertmanager sends the whole payload with a resolve: what can be used is, nothing
		 * of it is wrong. */
		const struct json *payload = json_get(root, STR("payload"));
		ev->summary =
		    str_utf8_first(json_get_str(payload, STR("summary")), EVENT_SUMMARY_MAX);
		ev->source = json_get_str(payload, STR("source"));
		ev->client = json_get_str(root, STR("client"));
		if (str_empty(ev->dedup_key) && ret_errors->count == 0)
			add_error(ret_errors, STR("'dedup_key' is missing or blank: an acknowledge "
			                          "or resolve needs one"));
	}
	ev->details = root->raw;
	if (arena_err(a) != OK)
		return arena_err(a);
	return ret_errors->count ? ERR_INPUT : OK;
}

enum err event_read_change(struct arena *a, struct str body, struct wall now, struct record *ret,
    struct event_errors *ret_errors)
{
	const struct json *root;
	enum err e = read_body(a, body, false, &root, ret_errors);
	if (e != OK)
		return e;
	*ret = (struct record){ .type = RECORD_CHANGE };
	struct record_change *ch = &ret->change;
	ch->source = ch->summary = STR("");
	ch->timestamp = now;
	ch->routing_key = need_str(a, root, "", STR("routing_key"), ret_errors);
	const struct json *payload = json_get(root, STR("payload"));
	if (!payload || payload->type != JSON_OBJECT) {
		add_error(ret_errors, STR("'payload' is missing or not an object"));
	} else {
		ch->summary = need_str(a, payload, "payload.", STR("summary"), ret_errors);
		check_length(a, ch->summary, "payload.summary", EVENT_SUMMARY_MAX, ret_errors);
		ch->source = want_str(a, payload, "payload.", STR("source"), ret_errors);
		check_timestamp(a, payload, ret_errors, &ch->timestamp);
	}
	check_list(a, root, STR("links"), STR("href"), ret_errors);
	check_list(a, root, STR("images"), STR("src"), ret_errors);
	ch->details = root->raw;
	if (arena_err(a) != OK)
		return arena_err(a);
	return ret_errors->count ? ERR_INPUT : OK;
}

enum err event_read_v1(struct arena *a, struct str body, const struct event_random *random,
    struct record *ret, struct event_errors *ret_errors)
{
	const struct json *root;
	enum err e = read_body(a, body, false, &root, ret_errors);
	if (e != OK)
		return e;
	*ret = (struct record){ .type = RECORD_EVENT };
	struct record_event *ev = &ret->event;
	ev->via = STR("v1");
	ev->severity = SEVERITY_CRITICAL; /* v1 knows no severity: it wakes people */
	ev->service = STR("");
	ev->routing_key = need_str(a, root, "", STR("service_key"), ret_errors);
	ev->action = read_action(a, root, STR("event_type"), ret_errors);
	ev->dedup_key = want_str(a, root, "", STR("incident_key"), ret_errors);
	check_length(a, ev->dedup_key, "incident_key", EVENT_DEDUP_MAX, ret_errors);
	ev->client = want_str(a, root, "", STR("client"), ret_errors);
	ev->source = ev->client;
	if (ev->action == EVENT_TRIGGER) {
		ev->summary = need_str(a, root, "", STR("description"), ret_errors);
		check_length(a, ev->summary, "description", EVENT_SUMMARY_MAX, ret_errors);
		if (str_empty(ev->dedup_key))
			ev->dedup_key = random_key(a, random);
	} else {
		ev->summary = str_utf8_first(
		    want_str(a, root, "", STR("description"), ret_errors), EVENT_SUMMARY_MAX);
		if (str_empty(ev->dedup_key) && ret_errors->count == 0)
			add_error(ret_errors, STR("'incident_key' is missing or blank: an "
			                          "acknowledge or resolve needs one"));
	}
	ev->details = root->raw;
	if (arena_err(a) != OK)
		return arena_err(a);
	return ret_errors->count ? ERR_INPUT : OK;
}

static int by_name(const void *x, const void *y)
{
	const struct json *const *a = x, *const *b = y;
	return str_cmp((*a)->name, (*b)->name);
}

/* SHA-256 over the sorted labels, hex: the same labels are the same alert, whatever their order. */
static struct str labels_key(struct arena *a, const struct json *labels)
{
	const struct json **sorted = arena_new(a, const struct json *, labels->count);
	if (!sorted)
		return STR("");
	size_t n = 0;
	for (const struct json *l = labels->child; l; l = l->next)
		sorted[n++] = l;
	assert(n == labels->count);
	if (n)
		qsort(sorted, n, sizeof sorted[0], by_name);
	crypto_hash_sha256_state state;
	crypto_hash_sha256_init(&state);
	for (size_t i = 0; i < n; i++) { /* with their ends: {"a":"bc"} is not {"ab":"c"} */
		crypto_hash_sha256_update(
		    &state, (const unsigned char *)sorted[i]->name.ptr, sorted[i]->name.len);
		crypto_hash_sha256_update(&state, (const unsigned char *)"", 1);
		crypto_hash_sha256_update(
		    &state, (const unsigned char *)sorted[i]->text.ptr, sorted[i]->text.len);
		crypto_hash_sha256_update(&state, (const unsigned char *)"", 1);
	}
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof hash + 1];
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	return arena_str(a, str_make(hex, sizeof hex - 1));
}

static bool all_strings(const struct json *object)
{
	for (const struct json *m = object->child; m; m = m->next)
		if (m->type != JSON_STRING)
			return false;
	return true;
}

/* annotations.summary, else .description or .message, else the alert's name with its other labels.
 */
static struct str alert_summary(
    struct arena *a, const struct json *labels, const struct json *annotations)
{
	static const struct str names[] = { STR_INIT("summary"), STR_INIT("title"),
		STR_INIT("description"), STR_INIT("message") };
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str s = str_trim(json_get_str(annotations, names[i]));
		if (!str_empty(s))
			return str_utf8_first(s, EVENT_SUMMARY_MAX);
	}
	struct str name = json_get_str(labels, STR("alertname"));
	struct str s = arena_str(a, str_empty(name) ? STR("alert without a name") : name);
	for (const struct json *l = labels->child; l && s.ptr && s.len < EVENT_SUMMARY_MAX;
	     l = l->next)
		if (!str_eq(l->name, STR("alertname")))
			s = arena_printf(
			    a, "%.*s %.*s=%.*s", STR_ARG(s), STR_ARG(l->name), STR_ARG(l->text));
	return s.ptr ? str_utf8_first(s, EVENT_SUMMARY_MAX) : STR("");
}

/* What people write into the severity label, besides our four words. */
static enum severity label_severity(const struct json *labels)
{
	static const struct {
		struct str word;
		enum severity severity;
	} words[] = {
		{ STR_INIT("critical"), SEVERITY_CRITICAL },
		{ STR_INIT("page"), SEVERITY_CRITICAL },
		{ STR_INIT("emergency"), SEVERITY_CRITICAL },
		{ STR_INIT("crit"), SEVERITY_CRITICAL },
		{ STR_INIT("error"), SEVERITY_ERROR },
		{ STR_INIT("major"), SEVERITY_ERROR },
		{ STR_INIT("warning"), SEVERITY_WARNING },
		{ STR_INIT("warn"), SEVERITY_WARNING },
		{ STR_INIT("minor"), SEVERITY_WARNING },
		{ STR_INIT("info"), SEVERITY_INFO },
		{ STR_INIT("informational"), SEVERITY_INFO },
		{ STR_INIT("none"), SEVERITY_INFO },
	};
	struct str s = json_get_str(labels, STR("severity"));
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (str_eq_nocase(words[i].word, s))
			return words[i].severity;
	return SEVERITY_ERROR; /* unsaid: rather wake somebody */
}

static bool read_end(const struct json *alert, struct wall now, bool *ret_ended)
{
	struct str text = json_get_str(alert, STR("endsAt"));
	struct wall end;
	*ret_ended = false;
	if (str_empty(text) || str_starts(text, STR("0001-01-01"))) /* Go's zero time: no end */
		return true;
	if (wall_parse(text, &end) != OK)
		return false;
	*ret_ended = end.ns <= now.ns;
	return true;
}

static void read_alert(struct arena *a, const struct json *alert, size_t index, struct str key,
    struct wall now, struct record *ret, struct event_errors *errors)
{
	const struct json *labels = json_get(alert, STR("labels"));
	const struct json *annotations = json_get(alert, STR("annotations"));
	bool ended = false;
	if (!json_is(labels, JSON_OBJECT) || labels->count == 0 || !all_strings(labels)) {
		add_error(errors,
		    arena_printf(a,
		        "alert %zu: 'labels' must be an object of strings with at least one label",
		        index));
		return;
	}
	if (annotations && annotations->type != JSON_NULL &&
	    (annotations->type != JSON_OBJECT || !all_strings(annotations))) {
		add_error(
		    errors, arena_printf(
		                a, "alert %zu: 'annotations' must be an object of strings", index));
		return;
	}
	if (!read_end(alert, now, &ended))
		add_error(
		    errors, arena_printf(a, "alert %zu: 'endsAt' is not an RFC 3339 time", index));
	struct str instance = json_get_str(labels, STR("instance"));
	*ret = (struct record){ .type = RECORD_EVENT };
	ret->event = (struct record_event){
		.routing_key = key,
		.service = STR(""),
		.action = ended ? EVENT_RESOLVE : EVENT_TRIGGER,
		.dedup_key = labels_key(a, labels),
		.summary = alert_summary(a, labels, annotations),
		.source = str_empty(instance) ? STR("prometheus") : instance,
		.severity = label_severity(labels),
		.client = STR("Prometheus"),
		.details = alert->raw,
		.via = STR("alertmanager"),
	};
}

enum err event_read_alerts(struct arena *a, struct str body, struct str key, struct wall now,
    struct record **ret_list, size_t *ret_count, struct event_errors *ret_errors)
{
	const struct json *root;
	enum err e = read_body(a, body, true, &root, ret_errors);
	if (e != OK)
		return e;
	if (root->count > EVENT_ALERTS_MAX) {
		add_error(ret_errors, STR("more than 1024 alerts in one request"));
		return ERR_INPUT;
	}
	struct record *list = arena_new(a, struct record, root->count);
	if (!list)
		return arena_err(a);
	size_t n = 0;
	for (const struct json *alert = root->child; alert; alert = alert->next, n++)
		read_alert(a, alert, n, key, now, &list[n], ret_errors);
	assert(n == root->count);
	if (arena_err(a) != OK)
		return arena_err(a);
	*ret_list = list;
	*ret_count = n;
	return ret_errors->count ? ERR_INPUT : OK;
}
