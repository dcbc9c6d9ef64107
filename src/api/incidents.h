/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reading and the acting half of the incidents' API share. For reader threads; errors are
 * put into the job.
 */
#pragma once
#include "api/shape.h"

/* The worker's reader; false: the error stands in the job. */
bool incident_reader(struct job *job, struct worker *worker, struct control_reader **r);
/* The directory is for names and references: an answer without it is better than none. */
void incident_directory(struct job *job, struct worker *worker);
/* By id, or by the number that people say. ERR_GONE: there is none. */
must_check enum err incident_find(
    struct job *job, struct control_reader *r, struct str text, struct incident *ret);
/* 404, or what else was wrong. */
void incident_missing(struct job *job, struct worker *worker, enum err e);
/* The whole incident with its timers and people. */
must_check enum err incident_one_write(
    struct jw *w, struct job *job, struct control_reader *r, const struct incident *inc);
