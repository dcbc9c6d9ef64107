/* SPDX-License-Identifier: Apache-2.0
 *
 * The templates in labels and annotations of Prometheus rules: {{ $labels.x }}, {{ $value |
 * humanize }}, if, else, range, with, variables, pipelines, and Prometheus' functions. Pure: time
 * and data come in.
 */
#pragma once
#include "query/source.h"

#define TEMPLATE_BYTES_MAX 65536u
#define TEMPLATE_OUT_MAX 65536u
#define TEMPLATE_STEPS_MAX 20000u /* actions and pieces of text in one expansion */

struct template_sample {
	struct labels labels;
	double value;
};

struct template_data {
	struct labels labels;          /* $labels */
	double value;                  /* $value */
	struct labels external_labels; /* $externalLabels */
	struct str external_url;
	/* {{ query "..." }}: evaluates at the rule's time; ERR_INPUT with *ret_why. NULL: there is
	 * none. */
	enum err (*query)(void *ctx, struct arena *a, struct str query,
	    const struct template_sample **ret, size_t *ret_count, struct str *ret_why);
	void *ctx;
};

/* Appends the expansion. ERR_INPUT with *ret_why (arena); ERR_LIMIT, ERR_NOMEM. */
must_check enum err template_expand(struct arena *a, struct str text,
    const struct template_data *data, struct buf *out, struct str *ret_why);
