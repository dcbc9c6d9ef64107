/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rules' alerts are firing, as far as the engine has told the core: telemetry reports states,
 * the core wants changes. An alert that a person has resolved while its rule still fires stays
 * quiet for an hour (FIRING_HOLD) and then fires again, because silence about something that is
 * still wrong is a lie.
 *
 * The key of a rule's alert is the core's dedup key, so that what is known can be loaded from open
 * alerts.
 */
#pragma once
#include "base/map.h"
#include "model/record.h"

#define FIRING_HOLD SPAN_S(3600)
#define FIRING_MAX 200000

struct firing_entry {
	struct str key, rule, labels; /* labels may be empty when the key does not hold them */
	bool quiet;                   /* resolved by somebody else while it fires */
	struct wall quiet_until;
	uint64_t seen;  /* number of the last report that had it */
	uint64_t group; /* hash of the group that reported it last; 0: not known */
};

struct firing;
must_check enum err firing_open(const struct mem *mem, uint64_t seed, struct firing **ret);
void firing_close(struct firing **f);
size_t firing_count(const struct firing *f);
/* An alert row was decided or loaded. source_key "rule:NAME"; others are ignored. */
void firing_row(struct firing *f, const struct alert *row);
/* The core's dedup key for a rule's alert, in the buffer. */
void firing_key(struct buf *b, struct str rule, struct str labels);
struct firing_entry *firing_find(struct firing *f, struct str key);
/* NULL: no memory, or too many. */
struct firing_entry *firing_add(
    struct firing *f, struct str key, struct str rule, struct str labels);
void firing_remove(struct firing *f, struct firing_entry *entry);
/* for (size_t at = 0; (entry = firing_next(f, &at)) != NULL;), entries may be removed meanwhile. */
struct firing_entry *firing_next(const struct firing *f, size_t *at);
