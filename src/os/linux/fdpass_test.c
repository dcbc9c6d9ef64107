/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets with descriptors.
 */
#include "os/linux/fdpass.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
#include <cmocka.h>

static void a_descriptor_arrives(void **state)
{
	(void)state;
	int ends[2], pipe_fds[2], got[FDPASS_FDS_MAX];
	size_t len = 0;
	char bytes[64];
	assert_int_equal(fdpass_pair(false, ends), OK);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(fdpass_send(ends[0], STR("hello"), &pipe_fds[1], 1), OK);
	close(pipe_fds[1]);
	assert_int_equal(fdpass_recv(ends[1], bytes, sizeof bytes, &len, got), OK);
	assert_int_equal(len, 5);
	assert_true(got[0] >= 0 && got[1] == -1);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got[0], "x", 1), 1);
	assert_int_equal(read(pipe_fds[0], bytes, 1), 1);
	close(got[0]);
	close(pipe_fds[0]);
	assert_int_equal(fdpass_recv(ends[1], bytes, sizeof bytes, &len, got), ERR_BUSY);
	assert_int_equal(fdpass_send(ends[0], STR("0123456789"), NULL, 0), OK);
	assert_int_equal(fdpass_recv(ends[1], bytes, 4, &len, got), ERR_LIMIT);
	close(ends[0]);
	assert_int_equal(fdpass_recv(ends[1], bytes, sizeof bytes, &len, got), OK);
	assert_int_equal(len, 0);
	assert_int_equal(fdpass_send(ends[1], STR("x"), NULL, 0), ERR_GONE);
	close(ends[1]);
}

static void a_full_queue_says_busy(void **state)
{
	(void)state;
	int ends[2];
	assert_int_equal(fdpass_pair(false, ends), OK);
	enum err e = OK;
	for (int i = 0; i < 100000 && e == OK; i++)
		e = fdpass_send(ends[0], STR("a message that nobody reads"), NULL, 0);
	assert_int_equal(e, ERR_BUSY);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_arrives),
		cmocka_unit_test(a_full_queue_says_busy),
	};
	return cmocka_run_group_tests_name("fdpass", tests, NULL, NULL);
}
