/* SPDX-License-Identifier: Apache-2.0
 *
 * Label sets: what names a series. A set is an array sorted by name, names unique, no empty values
 * (an empty value means that there is no such label). A struct labels borrows its array and bytes;
 * whoever built it (mostly an arena) owns them. The metric's name is the label __name__.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define LABEL_NAME STR("__name__")
#define LABELS_MAX 512u /* per set; builders refuse more */

struct label {
	struct str name, value;
};

struct labels {
	const struct label *list;
	uint32_t count;
};

/* The value, or the empty str when there is no such label. */
struct str labels_get(struct labels l, struct str name);
/* By names and values in order, then by length: <0, 0, >0. */
int labels_cmp(struct labels a, struct labels b);
bool labels_eq(struct labels a, struct labels b);
uint64_t labels_hash(struct labels l);
/* The hash that Prometheus has for this set (XXH64 of its strings, each with its length before it);
 * limit_ratio chooses by it. The buffer is scratch; 0 when it is in error. */
uint64_t labels_hash_prometheus(struct labels l, struct buf *scratch);
/* {"__name__":"up","job":"x"} */
void labels_json(struct labels l, struct buf *b);
/* up{job="x"}, or {job="x"} without a name; names that are not plain are quoted: {"my.up",
 * "a.b"="x"}. */
void labels_text(struct labels l, struct buf *b);
/* The same, but the name stays inside the braces: {__name__="up", job="x"}. */
void labels_text_flat(struct labels l, struct buf *b);
/* A Go-like quoted string: "..." with escapes. */
void labels_quote(struct buf *b, struct str s);
/* [a-zA-Z_][a-zA-Z0-9_]* */
bool labels_name_plain(struct str name);
/* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool labels_metric_plain(struct str name);
/* A new set: the bytes of `list` sorted, empty values left out. ERR_INPUT when a name comes twice
 * or is empty, ERR_LIMIT, ERR_NOMEM. The strings themselves stay borrowed. */
must_check enum err labels_make(
    struct arena *a, const struct label *list, size_t count, struct labels *ret);
/* A copy with its own strings. */
must_check enum err labels_copy(struct arena *a, struct labels l, struct labels *ret);
/* `l` with one label set (or removed when the value is empty). */
must_check enum err labels_with(
    struct arena *a, struct labels l, struct str name, struct str value, struct labels *ret);
/* Only, or all but, the named labels (and, for without, never __name__). */
must_check enum err labels_keep(struct arena *a, struct labels l, const struct str *names,
    size_t name_count, struct labels *ret);
must_check enum err labels_without(struct arena *a, struct labels l, const struct str *names,
    size_t name_count, bool drop_name, struct labels *ret);
/* Without __name__, __type__ and __unit__: what an expression that computes something drops. */
must_check enum err labels_drop_meta(struct arena *a, struct labels l, struct labels *ret);

/* From label sets to small numbers: 0, 1, 2 in order of first sight. Lives in an arena. */
struct labels_map {
	struct arena *arena;
	uint32_t *slots; /* 0 = free, else number + 1 */
	uint32_t slot_count, count, cap;
	struct labels *sets; /* by number */
	uint64_t *hashes;
};
must_check enum err labels_map_make(struct arena *a, size_t expected, struct labels_map *ret);
/* The number of l, added when new. ERR_NOMEM or ERR_LIMIT. */
must_check enum err labels_map_put(
    struct labels_map *m, struct labels l, uint32_t *ret_number, bool *ret_is_new);
/* The number, or UINT32_MAX. */
uint32_t labels_map_find(const struct labels_map *m, struct labels l);
