/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' HTTP API (/api/v1/...) over any source of samples: query, query_range, series,
 * labels, label/NAME/values, rules, alerts, metadata, buildinfo, format_query. Answers are those of
 * Prometheus, byte for byte where a client could notice. One request at a time per prom; any
 * thread. Writing is not here: the owner of the store does that and answers with prom_error.
 */
#pragma once
#include "base/arena.h"
#include "base/json.h"
#include "query/promql/answer.h"
#include "query/source.h"

#define PROM_POINTS_MAX 11000
#define PROM_ANSWER_BYTES_MAX (256u << 20)

struct prom_request {
	struct str method, path, query, content_type, body;
	struct wall now;
};

struct prom_answer {
	unsigned status;
	struct buf body;          /* JSON; the caller makes it (with a limit) and frees it */
	const char *content_type; /* constant */
};

struct prom {
	const struct source *source;
	struct promql_engine engine; /* source is set by prom_handle */
	struct str version;
	void *ctx;
	/* Append the value of "data". `type`: "", "alert" or "record". */
	void (*rules)(void *ctx, struct jw *w, struct str type);
	void (*alerts)(void *ctx, struct jw *w);
	void (*statsd)(void *ctx, struct jw *w); /* /api/v1/status/statsd */
};

/* True for a path that prom_handle knows. */
bool prom_knows(struct str path);
/* Always answers. */
void prom_handle(
    const struct prom *p, struct arena *a, const struct prom_request *r, struct prom_answer *ret);
/* {"status":"error","errorType":...,"error":...} instead of whatever is in the answer. */
void prom_error(struct prom_answer *answer, unsigned status, const char *type, struct str what);
