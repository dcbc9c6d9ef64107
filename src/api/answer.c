/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers in the shapes that clients of PagerDuty's API expect.
 */
#include "api/api_priv.h"
#include <assert.h>

const struct str content_json = STR_INIT("application/json; charset=utf-8");
const struct str content_html = STR_INIT("text/html; charset=utf-8");
const struct str content_text = STR_INIT("text/plain; charset=utf-8");

void error_write(struct buf *b, unsigned code, struct str message, struct str detail)
{
	struct jw w = jw_make(b);
	jw_open(&w, '{');
	jw_key(&w, STR("error"));
	jw_open(&w, '{');
	jw_kv_str(&w, STR("message"), message);
	jw_kv_i64(&w, STR("code"), code);
	if (!str_empty(detail)) {
		jw_key(&w, STR("errors"));
		jw_open(&w, '[');
		jw_str(&w, detail);
		jw_close(&w, ']');
	}
	jw_close(&w, '}');
	jw_close(&w, '}');
}

void call_answer(struct call *call, unsigned status, struct str content_type, struct str headers,
    struct str body)
{
	struct http_request *req = call->req;
	http_answer(req,
	    &(struct http_answer){
	        .status = status, .content_type = content_type, .headers = headers, .body = body });
}

void call_json(struct call *call, unsigned status, struct str body)
{
	call_answer(call, status, content_json, STR(HEADERS_DATA), body);
}

void call_error(
    struct call *call, unsigned status, unsigned code, struct str message, struct str detail)
{
	struct buf b = buf_make(call->api->mem, 65536);
	error_write(&b, code, message, detail);
	struct str headers = STR(HEADERS_DATA);
	if (status == 401)
		headers = STR(HEADERS_DATA "WWW-Authenticate: Token realm=\"Quis\"\r\n");
	else if (status == 503 || status == 429)
		headers = STR(HEADERS_DATA "Retry-After: 1\r\n");
	call_answer(call, status, content_json, headers, buf_str(&b));
	buf_free(&b);
}

void call_busy(struct call *call, struct str why)
{
	call_error(call, 503, 2000, STR("Service Unavailable"), why);
}

void job_error(
    struct job *job, unsigned status, unsigned code, struct str message, struct str detail)
{
	assert(status >= 400);
	buf_clear(&job->out);
	error_write(&job->out, code, message, detail);
	job->status = status;
	job->content_type = content_json;
	job->headers = status == 503 || status == 429 ? STR(HEADERS_DATA "Retry-After: 1\r\n")
	                                              : STR(HEADERS_DATA);
}

void job_fail(struct job *job, struct worker *worker, enum err e)
{
	switch (e) {
	case ERR_BUSY:
		job_error(job, 503, 2000, STR("Service Unavailable"),
		    STR("the control store took too long: try again"));
		break;
	case ERR_GONE:
		job_error(job, 503, 2000, STR("Service Unavailable"),
		    STR("the control store does not exist yet: the engine is starting"));
		break;
	case ERR_LIMIT:
		job_error(job, 500, 2000, STR("Internal Server Error"),
		    STR("the answer is too large: ask for less"));
		break;
	case ERR_DENIED:
		job_error(job, 503, 2000, STR("Service Unavailable"),
		    STR("the control store is of another release than this program"));
		break;
	default:
		control_reader_close(&worker->reader); /* opened anew by the next */
		job_error(job, 503, 2000, STR("Service Unavailable"),
		    STR("the control store cannot be read"));
		break;
	}
}
