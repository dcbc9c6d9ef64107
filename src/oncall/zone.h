/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones: a reader of TZif bytes (RFC 8536, version 2 and later with the POSIX footer). Pure:
 * the bytes come from the caller (os reads /usr/share/zoneinfo).
 */
#pragma once
#include "base/arena.h"
#include "base/time.h"

struct zone;

/* Decodes TZif bytes into the arena. ERR_INPUT when they are not well-formed. */
must_check enum err zone_read(struct arena *a, struct str bytes, const struct zone **ret_zone);
/* Seconds east of UTC in force at t. NULL zone: 0. */
int32_t zone_offset(const struct zone *zone, struct wall t);
/* Local time at t. */
struct civil zone_local(const struct zone *zone, struct wall t);
/* The first and the last instant whose local time is c. For a time that does not exist both are the
 * instant of the change that skipped it. Seconds precision. */
void zone_instants(
    const struct zone *zone, struct civil c, struct wall *ret_first, struct wall *ret_last);
/* A name that is safe as a path below the zone folder: Area/City with [A-Za-z0-9_+-] parts. */
bool zone_name_valid(struct str name);
