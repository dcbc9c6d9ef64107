/* SPDX-License-Identifier: Apache-2.0
 *
 * Time zones from the system's zone folder, each read once and kept as long as the cache lives.
 */
#pragma once
#include "oncall/zone.h"
#include "os/os.h"

struct zones;

must_check enum err zones_open(
    const struct mem *mem, const struct os *os, const char *folder, struct zones **ret);
void zones_close(struct zones **zones);
/* A conf_zone_find; the context is the struct zones. NULL: no such zone, or it cannot be read. */
const struct zone *zones_find(void *context, struct str name);
