/* SPDX-License-Identifier: Apache-2.0
 *
 * Which series there are: labels -> slot, and from label values back to slots (postings). In memory
 * only; rebuilt at start from the files and the log. Not locked: the store does that.
 *
 * Label strings are kept once and until the index is closed, so a str out of it may be borrowed
 * across a series' removal. A series' labels are pairs (name, value), each kept once with the list
 * of slots that have it, in rising order.
 */
#pragma once
#include "base/arena.h"
#include "store/series/series.h"

struct head; /* head.h */

struct series {
	uint64_t id; /* never given twice; 0: the slot is free */
	uint64_t hash;
	uint32_t slot, generation;
	uint32_t pair_count;
	uint32_t *pairs;        /* by name */
	int64_t min_ms, max_ms; /* of all samples ever seen; min > max: none */
	uint32_t windows;       /* files that know it */
	uint32_t log_number;    /* the log segment in which it is defined; 0 none */
	struct head *head;      /* what is being added; NULL: nothing */
	struct head *old;       /* what a cut is writing; NULL: nothing */
};

struct index;
must_check enum err index_open(const struct mem *mem, uint64_t seed, struct index **ret);
void index_close(struct index **index); /* heads must be gone */

size_t index_count(const struct index *x); /* living series */
size_t index_slots(const struct index *x); /* for (slot = 0; slot < ...) */
/* NULL: the slot is free. */
struct series *index_at(const struct index *x, uint32_t slot);
struct series *index_find(const struct index *x, const struct series_label *labels, size_t count);
/* Labels sorted and not yet there. The new series has id 0: the caller gives it one. ERR_NOMEM. */
must_check enum err index_add(
    struct index *x, const struct series_label *labels, size_t count, struct series **ret);
void index_remove(struct index *x, struct series *s);
/* The i-th label of a series. */
struct series_label index_label(const struct index *x, const struct series *s, uint32_t i);

/* Slots of the series that match, rising. In the arena. */
must_check enum err index_select(const struct index *x, struct arena *a,
    const struct series_matcher *matchers, size_t count, const uint32_t **ret_slots,
    size_t *ret_count);
/* Names, or the values of a name, that living series have; sorted. */
must_check enum err index_names(const struct index *x, struct arena *a, struct str name,
    const struct str **ret, size_t *ret_count);
