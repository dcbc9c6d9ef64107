/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages with descriptors over a SOCK_SEQPACKET socketpair (SCM_RIGHTS): the control channel
 * between the parent and a role. One message is one packet.
 */
#pragma once
#include "base/str.h"
#include <stddef.h>

#define FDPASS_FDS_MAX 2

/* Sends one packet with up to FDPASS_FDS_MAX descriptors, never blocking. ERR_BUSY when the peer's
 * queue is full, ERR_GONE when it is closed, ERR_IO. The descriptors stay the caller's. */
must_check enum err fdpass_send(int fd, struct str bytes, const int *fds, size_t fd_count);
/* Receives one packet into ptr. *ret_len 0 with OK: the peer closed. ERR_BUSY: nothing there.
 * ERR_LIMIT: cut. Received descriptors are close-on-exec and the caller's; unused places are -1. */
must_check enum err fdpass_recv(
    int fd, void *ptr, size_t cap, size_t *ret_len, int ret_fds[FDPASS_FDS_MAX]);
/* Two connected, close-on-exec, nonblocking ends. stream: SOCK_STREAM, else SOCK_SEQPACKET. */
must_check enum err fdpass_pair(bool stream, int ret_ends[2]);
