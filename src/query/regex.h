/* SPDX-License-Identifier: Apache-2.0
 *
 * Regular expressions as label matchers need them: always anchored at both ends, '.' matches any
 * character, bounded work. Plain words, alternations of plain words, ".*" and ".+" never reach the
 * engine. A struct regex lives in the arena it was made in and needs no closing. It holds a scratch
 * area, so one regex must not be used by two threads at once.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define REGEX_LEN_MAX 8192u
/* Steps of the engine before it gives up: then nothing matches. */
#define REGEX_MATCH_LIMIT 100000u
#define REGEX_GROUPS_MAX 64u

struct regex;

/* ERR_INPUT with a phrase in *ret_why (arena) for a pattern that does not compile; ERR_LIMIT when
 * it is too long; ERR_NOMEM. ret_why may be NULL. */
must_check enum err regex_make(
    struct arena *a, struct str pattern, struct regex **ret, struct str *ret_why);
/* True when the whole of s matches. */
bool regex_match(const struct regex *re, struct str s);
/* When the whole of s matches: appends `template` with $1, ${1}, $name, ${name} and $$ replaced by
 * the groups (a group that does not exist gives nothing), and returns true. */
bool regex_expand(const struct regex *re, struct str s, struct str template, struct buf *out);
/* When the expression is nothing but alternatives of plain words, their list (for an index that can
 * look words up); 0 otherwise. */
size_t regex_words(const struct regex *re, const struct str **ret_words);
