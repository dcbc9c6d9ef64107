/* SPDX-License-Identifier: Apache-2.0
 *
 * The shapes of PagerDuty's REST API v2: references, pages, people, services. Writers append to a
 * jw.
 */
#pragma once
#include "api/api_priv.h"

struct paging {
	uint64_t limit, offset;
	bool total;
};
/* limit (25, at most 100), offset, total. False: the error stands in the job. */
bool paging_read(struct job *job, const struct params *params, struct paging *ret);
/* "limit","offset","more","total" into an open object; total UINT64_MAX: null. */
void paging_write(struct jw *w, const struct paging *p, bool more, uint64_t total);
/* The query of the job; false: the error stands in the job. */
bool job_params(struct job *job, struct params *ret);
bool job_bad(struct job *job, struct str detail); /* 400, code 2001; always false */

/* "id","type","summary","self","html_url" into an open object. path: "incidents". */
void head_write(struct jw *w, struct str base_url, struct str path, struct str type, struct str id,
    struct str summary);
/* The reference object; id empty: null. */
void ref_write(struct jw *w, struct str base_url, struct str path, struct str type, struct str id,
    struct str summary);
/* References by name: found in the directory, or with the id that the name would have. */
void user_ref(struct jw *w, struct job *job, struct str name);
void service_ref(struct jw *w, struct job *job, struct str name);
void policy_ref(struct jw *w, struct job *job, const struct directory *dir, uint32_t index);
void schedule_ref(struct jw *w, struct job *job, const struct directory *dir, uint32_t index);
void team_ref(struct jw *w, struct job *job, struct str name);
void user_write(
    struct jw *w, struct job *job, const struct directory *dir, uint32_t index, bool detail);
struct jw page_open(struct job *job, struct str name); /* {"name":[ */
