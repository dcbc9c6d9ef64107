/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening and datagram sockets by text address: "127.0.0.1:7847", "[::1]:8125", ":7847" (all
 * addresses).
 */
#pragma once
#include "base/str.h"

enum socket_kind { SOCKET_STREAM_LISTEN, SOCKET_DATAGRAM };

/* A bound (and listening) socket, nonblocking, close-on-exec; one for datagrams with a receive
 * buffer of 8 MiB where that is allowed. ERR_INPUT: not an address; ERR_BUSY: the address is in
 * use; ERR_DENIED; ERR_IO with errno. */
must_check enum err socket_open(struct str address, enum socket_kind kind, int *ret_fd);
