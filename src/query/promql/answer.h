/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers in the JSON of Prometheus' HTTP API: {"status":"success","data":{...}} and
 * {"status":"error","errorType":"bad_data","error":"..."}. Writers append to a buf, whose sticky
 * error is the result.
 */
#pragma once
#include "query/promql/promql.h"

/* The whole answer to query and query_range. */
void promql_answer(struct buf *b, const struct promql_result *r);
/* type: bad_data, execution, timeout, canceled, internal, unavailable, not_found. */
void promql_answer_error(struct buf *b, struct str type, struct str what);
/* invalid parameter "query": 1:3: parse error: ... */
void promql_answer_fault(struct buf *b, struct str parameter, const struct promql_fault *f);
void promql_answer_failure(struct buf *b, const struct promql_failure *f);
/* Answers to labels and label values, and to series. */
void promql_answer_names(struct buf *b, const struct source_names *names);
void promql_answer_series(struct buf *b, const struct source_result *series);
/* [1435781430.781,"1"] with seconds, and the value as text. */
void promql_answer_point(struct buf *b, int64_t ms, double v);
