/* SPDX-License-Identifier: Apache-2.0
 *
 * See sockets.h.
 */
#include "os/linux/sockets.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* Splits host:port; brackets around an IPv6 host are taken off. */
static enum err split(struct str address, char *host, size_t host_cap, char *port, size_t port_cap)
{
	size_t colon = address.len;
	while (colon > 0 && address.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0 || colon == address.len)
		return ERR_INPUT;
	struct str h = str_first(address, colon - 1), p = str_from(address, colon);
	uint64_t number;
	if (str_u64(p, &number) != OK || number > 65535)
		return ERR_INPUT;
	if (h.len >= 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']')
		h = str_make(h.ptr + 1, h.len - 2);
	if (h.len >= host_cap || p.len >= port_cap)
		return ERR_INPUT;
	snprintf(host, host_cap, "%.*s", STR_ARG(h));
	snprintf(port, port_cap, "%.*s", STR_ARG(p));
	return OK;
}

#define DATAGRAM_BUFFER_BYTES (8 << 20)

static enum err bind_one(const struct addrinfo *ai, enum socket_kind kind, int *ret_fd)
{
	int fd =
	    socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
	if (fd < 0)
		return ERR_IO;
	int on = 1;
	if (kind == SOCKET_STREAM_LISTEN)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Datagrams may come before their reader has started: the socket must be able to hold them
	 * from the first one on, and only root may ask for more than net.core.rmem_max. */
	int room = DATAGRAM_BUFFER_BYTES;
	if (kind == SOCKET_DATAGRAM &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 ||
	    (kind == SOCKET_STREAM_LISTEN && listen(fd, 4096) != 0)) {
		int saved = errno;
		close(fd);
		errno = saved;
		return saved == EADDRINUSE ? ERR_BUSY : saved == EACCES ? ERR_DENIED : ERR_IO;
	}
	*ret_fd = fd;
	return OK;
}

enum err socket_open(struct str address, enum socket_kind kind, int *ret_fd)
{
	char host[256], port[8];
	enum err e = split(address, host, sizeof host, port, sizeof port);
	if (e != OK)
		return e;
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = kind == SOCKET_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	if (getaddrinfo(host[0] ? host : NULL, port, &hints, &list) != 0)
		return ERR_INPUT;
	e = ERR_INPUT;
	for (const struct addrinfo *ai = list; ai && e != OK; ai = ai->ai_next)
		e = bind_one(ai, kind, ret_fd);
	int saved = errno;
	freeaddrinfo(list);
	errno = saved;
	return e;
}
