/* SPDX-License-Identifier: Apache-2.0
 *
 * An os whose n-th fallible call fails, for torture tests, on top of a real one. Only calls whose
 * bit is in `mask` are counted. A failing pwrite may also be short first (`short_writes`).
 */
#pragma once
#include "os/os.h"

enum os_call {
	OS_OPEN = 1,
	OS_PWRITE = 2,
	OS_SYNC = 4,
	OS_FALLOCATE = 8,
	OS_RENAME = 16,
	OS_SEND = 32,
	OS_RECV = 64,
	OS_RANDOM = 128,
	OS_PREAD = 256,
	OS_ALL = 511
};

struct os_faulty {
	struct os iface;
	const struct os *real;
	unsigned mask;
	size_t fail_at;    /* 1 = the first counted call; 0 = never */
	size_t fail_count; /* how many calls fail from there on; 0 = all after */
	int error;         /* errno to give: EIO, ENOSPC, ... */
	bool short_writes;
	size_t calls;
};
void os_faulty_init(
    struct os_faulty *f, const struct os *real, unsigned mask, size_t fail_at, int error);
