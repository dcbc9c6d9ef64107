/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process may still do: no_new_privs, Landlock (paths, where the kernel has it), seccomp
 * (system calls). Applied once, after everything that needs more was opened; it cannot be taken
 * back.
 */
#pragma once
#include "base/str.h"

enum sandbox_allow {
	SANDBOX_NET_CLIENT = 1, /* make and connect sockets (names resolve) */
	SANDBOX_EXEC = 2,       /* start programs */
	SANDBOX_THREADS = 4,    /* (always needed by libraries; here to say so) */
};

struct sandbox_path {
	const char *path;
	bool write;
};

struct sandbox {
	unsigned allow; /* enum sandbox_allow */
	const struct sandbox_path
	    *paths; /* the only places in the file system; missing ones are skipped */
	size_t path_count;
};

struct sandbox_report {
	bool landlock, seccomp;
};

/* ERR_IO: the kernel refused what it said that it has; the process must end. Landlock that is
 * missing is told in *ret_report and is no error. */
must_check enum err sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *ret_report);
