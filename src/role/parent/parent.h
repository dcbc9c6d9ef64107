/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent: owns the listening sockets, the socketpairs between the roles and the children;
 * starts what died again, kills what stopped moving, and keeps how each last ended. It parses no
 * bytes from outside: the configuration is read by the config role, whose slices it passes on
 * unread.
 */
#pragma once
#include "os/os.h"

struct parent_args {
	const char *config_path; /* made absolute by the caller */
	struct str version;
	/* Argument that makes this program run as that role; the config role is started with
	 * `config_argument` and the path, and writes its stream (wire/confhead.h) to descriptor 3.
	 */
	const char *role_argument;
};

/* Runs until SIGTERM or SIGINT; returns the exit code: 0 after a clean stop, 2 for a configuration
 * that is wrong, 1 when something could not be had (a port in use, a data directory that cannot be
 * written). */
int parent_run(const struct parent_args *args);
