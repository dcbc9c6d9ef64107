/* SPDX-License-Identifier: Apache-2.0
 *
 * See fdpass.h.
 */
#include "os/linux/fdpass.h"
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head; /* for alignment */
	char bytes[CMSG_SPACE(sizeof(int) * FDPASS_FDS_MAX)];
};

enum err fdpass_send(int fd, struct str bytes, const int *fds, size_t fd_count)
{
	assert(fd_count <= FDPASS_FDS_MAX);
	assert(bytes.len > 0);
	union control control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes.ptr, bytes.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd_count > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * fd_count);
	}
	ssize_t sent;
	do
		sent = sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)bytes.len)
		return OK;
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS))
		return ERR_BUSY;
	if (sent < 0 && (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN))
		return ERR_GONE;
	return ERR_IO;
}

static void take_fds(struct msghdr *msg, int ret_fds[FDPASS_FDS_MAX])
{
	size_t taken = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int got;
			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof got);
			if (taken < FDPASS_FDS_MAX)
				ret_fds[taken++] = got;
			else
				close(got);
		}
	}
}

enum err fdpass_recv(int fd, void *ptr, size_t cap, size_t *ret_len, int ret_fds[FDPASS_FDS_MAX])
{
	union control control = { 0 };
	struct iovec iov = { ptr, cap };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof control.bytes,
	};
	ssize_t got;
	do
		got = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return ERR_BUSY;
	if (got < 0)
		return errno == ECONNRESET ? ERR_GONE : ERR_IO;
	int fds[FDPASS_FDS_MAX] = { -1, -1 };
	take_fds(&msg, fds);
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		for (size_t i = 0; i < FDPASS_FDS_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
		return ERR_LIMIT;
	}
	memcpy(ret_fds, fds, sizeof fds);
	*ret_len = (size_t)got;
	return OK;
}

enum err fdpass_pair(bool stream, int ret_ends[2])
{
	int type = stream ? SOCK_STREAM : SOCK_SEQPACKET;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_ends) != 0)
		return ERR_IO;
	return OK;
}
