/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses as text: what is taken, what is refused and how.
 */
#include "os/linux/sockets.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static void a_used_port_says_busy(void **state)
{
	(void)state;
	int fd = -1, second = -1;
	assert_int_equal(socket_open(STR("127.0.0.1:0"), SOCKET_STREAM_LISTEN, &fd), OK);
	struct sockaddr_in in;
	socklen_t len = sizeof in;
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	char address[64];
	snprintf(address, sizeof address, "127.0.0.1:%u", (unsigned)ntohs(in.sin_port));
	assert_int_equal(socket_open(str_c(address), SOCKET_STREAM_LISTEN, &second), ERR_BUSY);
	assert_int_equal(second, -1);
	close(fd);
}

static void what_is_no_address_is_refused(void **state)
{
	(void)state;
	static const struct str bad[] = { STR_INIT(""), STR_INIT("127.0.0.1"),
		STR_INIT("127.0.0.1:"), STR_INIT("127.0.0.1:70000"), STR_INIT("127.0.0.1:-1"),
		STR_INIT("127.0.0.1:http"), STR_INIT("999.1.1.1:80") };
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		int fd = -1;
		assert_int_equal(socket_open(bad[i], SOCKET_STREAM_LISTEN, &fd), ERR_INPUT);
		assert_int_equal(fd, -1);
	}
	int fd = -1;
	assert_int_equal(socket_open(STR("[::1]:0"), SOCKET_DATAGRAM, &fd), OK);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_used_port_says_busy),
		cmocka_unit_test(what_is_no_address_is_refused),
	};
	return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
