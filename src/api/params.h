/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings and form bodies: name=value&name%5B%5D=value. Pure.
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"

#define PARAMS_MAX 512u

struct param {
	struct str name, value; /* decoded; names keep their "[]" */
};
struct params {
	const struct param *list;
	size_t count;
};

/* ERR_INPUT for a broken percent sequence, invalid UTF-8 or a NUL; ERR_LIMIT beyond PARAMS_MAX. */
must_check enum err params_read(struct arena *a, struct str text, struct params *ret);
/* The last value of that name; ptr NULL when there is none. */
struct str params_get(const struct params *p, struct str name);
bool params_has(const struct params *p, struct str name);
/* for (size_t at = 0; params_next(p, &at, name, &value);): every value of "name[]" and of "name".
 */
bool params_next(const struct params *p, size_t *at, struct str name, struct str *ret_value);
/* OK with *ret untouched when it is absent. */
must_check enum err params_u64(const struct params *p, struct str name, uint64_t *ret);
must_check enum err params_wall(const struct params *p, struct str name, struct wall *ret);
