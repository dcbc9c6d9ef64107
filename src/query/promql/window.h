/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions over the samples of one window, for the table in func.c. Each gives false when the
 * window has no result (or after a failure), else a float in *v or a histogram in *h. Room-private.
 */
#pragma once
#include "query/promql/eval_priv.h"

#define WINDOW_FUNCTION(name)                                                             \
	bool name(struct ev *ev, const struct call *c, const struct window *w, double *v, \
	    const struct hist **h)

WINDOW_FUNCTION(window_rate);
WINDOW_FUNCTION(window_increase);
WINDOW_FUNCTION(window_delta);
WINDOW_FUNCTION(window_irate);
WINDOW_FUNCTION(window_idelta);
WINDOW_FUNCTION(window_deriv);
WINDOW_FUNCTION(window_predict_linear);
WINDOW_FUNCTION(window_smoothing);
WINDOW_FUNCTION(window_avg);
WINDOW_FUNCTION(window_sum);
WINDOW_FUNCTION(window_count);
WINDOW_FUNCTION(window_min);
WINDOW_FUNCTION(window_max);
WINDOW_FUNCTION(window_first);
WINDOW_FUNCTION(window_last);
WINDOW_FUNCTION(window_present);
WINDOW_FUNCTION(window_stddev);
WINDOW_FUNCTION(window_stdvar);
WINDOW_FUNCTION(window_mad);
WINDOW_FUNCTION(window_quantile);
WINDOW_FUNCTION(window_ts_of_first);
WINDOW_FUNCTION(window_ts_of_last);
WINDOW_FUNCTION(window_ts_of_min);
WINDOW_FUNCTION(window_ts_of_max);
WINDOW_FUNCTION(window_changes);
WINDOW_FUNCTION(window_resets);

/* True when the start timestamp of a sample says that its counter began anew after the one before.
 */
bool start_is_reset(int64_t before_start, int64_t before_ms, int64_t start, int64_t ms);
const char *call_metric(struct ev *ev, const struct call *c);
/* "encountered a mix of histograms and floats" */
void call_note_mixed(struct ev *ev, const struct call *c);
void call_note_schemas(struct ev *ev, const struct call *c);
void call_note_bounds(struct ev *ev, const struct call *c, const char *operation);

/* rate.c: the variant for anchored and smoothed selectors. */
bool window_extended(struct ev *ev, const struct call *c, const struct window *w, bool counter,
    bool per_second, double *v, const struct hist **h);
