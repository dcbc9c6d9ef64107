/* SPDX-License-Identifier: Apache-2.0
 *
 * This machine from inside: load, processors, memory, file systems, network, as samples. The texts
 * of /proc are read by pure functions; host_collect does the reading. Formats: proc(5), Linux 4.18
 * and later.
 */
#pragma once
#include "base/buf.h"
#include "base/codec.h"
#include "os/os.h"

#define HOST_MOUNTS_MAX 32

struct host_cpu {
	uint64_t busy,
	    total; /* clock ticks over all processors since start; waiting for disks is not busy */
};
struct host_memory {
	uint64_t total_bytes, available_bytes, swap_total_bytes, swap_free_bytes;
};

/* "0.52 0.41 0.30 1/234 5678\n" */
must_check enum err host_read_loadavg(struct str text, double ret_load[3]);
/* The first line "cpu  u n s i w q sq st ..." of /proc/stat. */
must_check enum err host_read_stat(struct str text, struct host_cpu *ret);
must_check enum err host_read_meminfo(struct str text, struct host_memory *ret);
/* The next mount point of a real file system in /proc/self/mounts (octal escapes undone into `to`);
 * false at the end. Pseudo file systems, and mounts of one device after its first, are passed over.
 */
struct host_mounts {
	struct str rest;
	struct str seen[HOST_MOUNTS_MAX];
	size_t seen_count;
};
bool host_next_mount(struct host_mounts *mounts, char *to, size_t cap);

/* State between two collections: ratios need a difference. */
struct host_state {
	struct host_cpu cpu;
	bool has_cpu;
};
struct host_sample_writer {
	struct buf *body; /* of MSG_SAMPLES */
	uint32_t count;
	struct str host; /* value of the label host */
};
/* Appends the samples of now to w. What cannot be read is left out and counted in *ret_failed. */
void host_collect(const struct os *os, struct host_state *state, struct host_sample_writer *w,
    uint32_t *ret_failed);
