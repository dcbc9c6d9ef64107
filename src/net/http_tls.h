/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS for the HTTP server: the only file that knows OpenSSL's connections. TLS 1.2 and later,
 * HTTP/1.1 by ALPN. Reads and writes behave as recv and send on a nonblocking socket.
 */
#pragma once
#include "base/str.h"
#include <sys/types.h>

struct tls_server;
struct tls_conn;

/* certificate: PEM, own certificate first, then the chain. ERR_INPUT when they cannot be used or do
 * not belong together. */
must_check enum err tls_server_open(
    struct str certificate, struct str key, struct tls_server **ret_server);
void tls_server_close(struct tls_server **server);
/* For an accepted socket, which it does not own. */
must_check enum err tls_conn_open(struct tls_server *server, int fd, struct tls_conn **ret_conn);
void tls_conn_close(struct tls_conn **conn);
/* As recv: 0 at the end, -1 with errno EAGAIN (see tls_wants_write) or EPROTO. */
ssize_t tls_recv(struct tls_conn *conn, void *ptr, size_t len);
/* As send. */
ssize_t tls_send(struct tls_conn *conn, const void *ptr, size_t len);
/* After EAGAIN: the socket must become writable (and not readable) before the next try. */
bool tls_wants_write(const struct tls_conn *conn);
/* Decrypted bytes are waiting that no event will tell of. */
bool tls_pending(const struct tls_conn *conn);
