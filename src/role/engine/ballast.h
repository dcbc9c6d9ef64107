/* SPDX-License-Identifier: Apache-2.0
 *
 * A file of nothing that keeps room on the disk. When the disk is full it is dropped, so that what
 * is urgent (hand-overs, receipts, acknowledgements, their transactions) still finds room while
 * events are refused; when there is room again it is made again, and events are taken again.
 */
#pragma once
#include "os/os.h"

#define BALLAST_BYTES ((off_t)32 << 20)
#define BALLAST_BYTES_MIN ((off_t)2 << 20)

/* Makes data_dir/control/ballast if it is not there: as much of BALLAST_BYTES as is to be had,
 * halving down to `least`. ERR_IO: there is no room for it. *ret_bytes: its size. */
must_check enum err ballast_make(
    const struct os *os, struct str data_dir, off_t least, off_t *ret_bytes);
/* True when there was one to drop. */
bool ballast_drop(const struct os *os, struct str data_dir);
