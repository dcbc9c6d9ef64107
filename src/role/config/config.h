/* SPDX-License-Identifier: Apache-2.0
 *
 * The config role: started by the parent for a moment, it reads everything that a configuration is
 * made of (quis.yaml, resources, secrets, zones), says all that is wrong with it, and writes each
 * role's slice. It alone sees all secrets, and it ends before anything is served.
 */
#pragma once
#include "os/os.h"

/* Reads the configuration at `path` and writes the stream of wire/confhead.h to out_fd. Makes
 * data_dir, data_dir/secret and the key of the links when they are not there. Returns the exit
 * code: 0; 2 when something is wrong (written to stderr, a line each); 1 when out_fd cannot be
 * written. */
int config_run(const struct os *os, const char *path, int out_fd);
/* The same without writing anything: prints OK, or what is wrong. 0 or 2. */
int config_check(const struct os *os, const char *path);
/* Writes docs/reference/configuration.md, made from the schema tables, to fd. 0 or 1. */
int config_reference(int fd);
