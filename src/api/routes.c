/* SPDX-License-Identifier: Apache-2.0
 *
 * Every path that web answers, in one table: the map of the API.
 */
#include "api/api_priv.h"
#include "api/event_read.h"
#include "base/enc.h"
#include <assert.h>

#define SMALL 65536u
#define P(lit) STR_INIT(lit)

/* The hot ones first: the search is from the top. */
static const struct route routes[] = {
	{ .method = HTTP_POST,
	    .pattern = P("/v2/enqueue"),
	    .body_limit = EVENT_BODY_MAX,
	    .run = event_v2 },
	{ .method = HTTP_POST,
	    .pattern = P("/v2/enqueue/"),
	    .body_limit = EVENT_BODY_MAX,
	    .run = event_v2 },
	{ .method = HTTP_POST,
	    .pattern = P("/alertmanager/{}/api/v2/alerts"),
	    .body_limit = 4u << 20,
	    .run = event_alerts },
	{ .method = HTTP_POST,
	    .pattern = P("/alertmanager/{}/api/v1/alerts"),
	    .body_limit = 4u << 20,
	    .run = event_alerts_v1 },
	{ .method = HTTP_POST,
	    .pattern = P("/api/v1/write"),
	    .access = ACCESS_WRITE,
	    .body_limit = 32u << 20,
	    .streamed = true,
	    .begin = relay_begin },
	{ .method = HTTP_POST,
	    .pattern = P("/v2/change/enqueue"),
	    .body_limit = EVENT_BODY_MAX,
	    .run = event_change },
	{ .method = HTTP_POST,
	    .pattern = P("/generic/2010-04-15/create_event.json"),
	    .body_limit = EVENT_BODY_MAX,
	    .run = event_v1 },
	{ .method = HTTP_GET,
	    .pattern = P("/alertmanager/{}/api/v2/status"),
	    .run = alertmanager_status },

	/* Prometheus' API, relayed to telemetry */
	{ .method = HTTP_GET,
	    .pattern = P("/api/v1/*"),
	    .access = ACCESS_QUERY,
	    .body_limit = SMALL,
	    .streamed = true,
	    .begin = relay_begin },
	{ .method = HTTP_POST,
	    .pattern = P("/api/v1/*"),
	    .access = ACCESS_QUERY,
	    .body_limit = 1u << 20,
	    .streamed = true,
	    .begin = relay_begin },

	/* PagerDuty's REST API v2. A GET may carry a body: some clients send "{}". */
	{ .method = HTTP_GET,
	    .pattern = P("/incidents"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = incidents_list },
	{ .method = HTTP_PUT,
	    .pattern = P("/incidents"),
	    .access = ACCESS_ACT,
	    .body_limit = 1u << 20,
	    .run = incidents_put },
	{ .method = HTTP_GET,
	    .pattern = P("/incidents/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = incident_get },
	{ .method = HTTP_PUT,
	    .pattern = P("/incidents/{}"),
	    .access = ACCESS_ACT,
	    .body_limit = SMALL,
	    .run = incident_put },
	{ .method = HTTP_GET,
	    .pattern = P("/incidents/{}/log_entries"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = incident_log },
	{ .method = HTTP_GET,
	    .pattern = P("/incidents/{}/alerts"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = incident_alerts },
	{ .method = HTTP_POST,
	    .pattern = P("/incidents/{}/notes"),
	    .access = ACCESS_ACT,
	    .body_limit = SMALL,
	    .run = incident_note },
	{ .method = HTTP_GET,
	    .pattern = P("/log_entries"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = log_list },
	{ .method = HTTP_GET,
	    .pattern = P("/oncalls"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = oncalls_list },
	{ .method = HTTP_GET,
	    .pattern = P("/users"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = users_list },
	{ .method = HTTP_GET,
	    .pattern = P("/users/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = user_get },
	{ .method = HTTP_GET,
	    .pattern = P("/services"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = services_list },
	{ .method = HTTP_GET,
	    .pattern = P("/services/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = service_get },
	{ .method = HTTP_GET,
	    .pattern = P("/schedules"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = schedules_list },
	{ .method = HTTP_GET,
	    .pattern = P("/schedules/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = schedule_get },
	{ .method = HTTP_GET,
	    .pattern = P("/escalation_policies"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = policies_list },
	{ .method = HTTP_GET,
	    .pattern = P("/escalation_policies/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = policy_get },
	{ .method = HTTP_GET,
	    .pattern = P("/teams"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = teams_list },
	{ .method = HTTP_GET,
	    .pattern = P("/teams/{}"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = team_get },
	{ .method = HTTP_GET,
	    .pattern = P("/priorities"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = empty_list },

	/* Quis' own */
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/session"),
	    .access = ACCESS_READ,
	    .body_limit = 0,
	    .run = session_get },
	{ .method = HTTP_POST,
	    .pattern = P("/api/quis/v1/session"),
	    .body_limit = 8192,
	    .run = session_post },
	{ .method = HTTP_DELETE,
	    .pattern = P("/api/quis/v1/session"),
	    .access = ACCESS_READ,
	    .body_limit = 8192,
	    .run = session_delete },
	{ .method = HTTP_POST,
	    .pattern = P("/api/quis/v1/setup"),
	    .body_limit = 8192,
	    .run = setup_post },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/overview"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .run = overview_get },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/incidents/{}/messages"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = messages_get },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/proofs"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = proofs_get },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/changes"),
	    .access = ACCESS_READ,
	    .body_limit = SMALL,
	    .work = changes_get },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/audit"),
	    .access = ACCESS_ADMIN,
	    .body_limit = SMALL,
	    .work = audit_get },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/resources"),
	    .access = ACCESS_ACT,
	    .body_limit = SMALL,
	    .work = resources_get },
	{ .method = HTTP_POST,
	    .pattern = P("/api/quis/v1/resources"),
	    .access = ACCESS_ADMIN,
	    .body_limit = 900u << 10,
	    .run = resources_post },
	{ .method = HTTP_POST,
	    .pattern = P("/api/quis/v1/test-page"),
	    .access = ACCESS_ADMIN,
	    .body_limit = 8192,
	    .run = test_page_post },
	{ .method = HTTP_GET,
	    .pattern = P("/api/quis/v1/stream"),
	    .access = ACCESS_READ,
	    .body_limit = 0,
	    .run = stream_get },

	/* No token */
	{ .method = HTTP_GET, .pattern = P("/link/{}"), .body_limit = 0, .run = link_page },
	{ .method = HTTP_POST, .pattern = P("/link/{}"), .body_limit = 8192, .run = link_act },
	{ .method = HTTP_GET, .pattern = P("/status"), .body_limit = SMALL, .run = status_get },
	{ .method = HTTP_GET, .pattern = P("/healthz"), .body_limit = SMALL, .run = healthz_get },
	{ .method = HTTP_GET, .pattern = P("/metrics"), .body_limit = SMALL, .run = metrics_get },
	{ .method = HTTP_GET, .pattern = P("/ui/*"), .body_limit = 0, .run = asset_get },
	{ .method = HTTP_GET, .pattern = P("/ui"), .body_limit = 0, .run = root_get },
	{ .method = HTTP_GET, .pattern = P("/favicon.ico"), .body_limit = 0, .run = asset_get },
	{ .method = HTTP_GET, .pattern = P("/"), .body_limit = 0, .run = root_get },
};

const struct route *route_at(size_t i)
{
	return i < ARRAY_COUNT(routes) ? &routes[i] : NULL;
}

/* Does the path fit? Parameters are left encoded. */
static bool pattern_fits(struct str pattern, struct str path, struct str param[2])
{
	size_t params = 0;
	param[0] = param[1] = STR("");
	while (pattern.len > 0) {
		if (pattern.ptr[0] == '*') {
			assert(pattern.len == 1 && params < 2);
			param[params] = path;
			return true;
		}
		if (pattern.ptr[0] == '{') {
			size_t end = str_find(path, '/');
			if (end == 0)
				return false;
			assert(params < 2);
			param[params++] = str_first(path, end);
			path = str_from(path, end);
			pattern = str_from(pattern, 2);
			continue;
		}
		if (path.len == 0 || path.ptr[0] != pattern.ptr[0])
			return false;
		path = str_from(path, 1);
		pattern = str_from(pattern, 1);
	}
	return path.len == 0;
}

const struct route *route_find(struct arena *a, enum http_method method, struct str path,
    struct str ret_param[2], bool *ret_other)
{
	*ret_other = false;
	if (method == HTTP_HEAD)
		method = HTTP_GET;
	for (size_t i = 0; i < ARRAY_COUNT(routes); i++) {
		const struct route *r = &routes[i];
		struct str raw[2];
		if ((r->method != method && *ret_other) || !pattern_fits(r->pattern, path, raw))
			continue;
		if (r->method != method) {
			*ret_other = true;
			continue;
		}
		for (size_t p = 0; p < 2; p++)
			if (dec_percent(a, raw[p], false, &ret_param[p]) != OK ||
			    str_find(ret_param[p], '\0') < ret_param[p].len)
				return NULL;
		return r;
	}
	return NULL;
}
