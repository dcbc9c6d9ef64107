/* SPDX-License-Identifier: Apache-2.0
 *
 * Is this a query that a rule can judge? Asked wherever rules come in, so that a broken one is
 * refused with its place and not found when it is first evaluated.
 */
#pragma once
#include "base/arena.h"

/* ERR_INPUT with *ret_why (in the arena): "this is not PromQL: 1:6: parse error: ...", or that it
 * gives neither a vector nor a scalar. ERR_NOMEM / ERR_LIMIT from the arena. The query must live as
 * long as the arena is used. */
must_check enum err rules_query_check(struct arena *a, struct str query, struct str *ret_why);
