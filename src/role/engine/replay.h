/* SPDX-License-Identifier: Apache-2.0
 *
 * The inbox replayed: the records of one installation decided again into an empty store. The rows
 * must come out the same as those that the engine wrote when they happened.
 */
#pragma once
#include "os/os.h"

/* Reads inbox_dir and writes data_dir/control/control.db, which must not hold anything yet.
 * zone_folder as the engine's. *ret_records: how many were decided. ERR_INPUT: the store is not
 * empty, or records are missing. */
must_check enum err engine_replay(const struct mem *mem, const struct os *os, struct str inbox_dir,
    struct str data_dir, const char *zone_folder, uint64_t *ret_records);
