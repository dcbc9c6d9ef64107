/* SPDX-License-Identifier: Apache-2.0
 *
 * Processes: starting this same program again as a role, its title, leaving root.
 */
#pragma once
#include "base/str.h"
#include "os/os.h"
#include <sys/types.h>

/* Opens the running program itself, to start it again even when the file was replaced. */
must_check enum err proc_open_self(int *ret_fd);
/* fork + fexecve(self_fd) with argv {title, argument}. In the child descriptor 3 is `control_fd`
 * and everything from 4 up is closed; standard input is /dev/null; signals are reset. */
must_check enum err proc_start(
    int self_fd, const char *title, const char *argument, int control_fd, pid_t *ret_pid);
/* Sets what ps shows as the command name (15 bytes at most are kept). */
void proc_title(struct str title);
/* When started as root and the account exists: takes its group and user, no supplementary groups.
 * *ret_dropped false: not root or no such account. ERR_IO when dropping failed half-way: end. */
must_check enum err proc_drop_to(struct str user, bool *ret_dropped);
/* Gives a path to the account (chown), when it exists. OK when there is none. */
must_check enum err proc_give(const char *path, struct str user);
/* An anonymous file with these bytes, sealed. */
must_check enum err proc_memfd(struct str name, struct str bytes, int *ret_fd);
/* Name of this machine. */
struct str proc_host_name(char *ptr, size_t cap);
/* sd_notify (READY=1, ...) when NOTIFY_SOCKET is set; otherwise nothing. */
void proc_notify(struct str state);
