/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sandboxed process may not do, tried in a child of the test; and what it must still be able
 * to.
 */
#include "os/linux/sandbox.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/quis-sandbox-XXXXXX";
static struct sandbox_report report;
static int resolves_outside;

/* Runs body in a child; its result is the exit code. */
static int in_child(int (*body)(void))
{
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(body());
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int enter(unsigned allow)
{
	struct sandbox_path paths[] = { { folder, true }, { "/etc", false }, { "/lib", false },
		{ "/usr/lib", false }, { "/missing", true } };
	struct sandbox s = { allow, paths, ARRAY_COUNT(paths) };
	return sandbox_enter(&s, &report) == OK ? 0 : 100;
}

static int try_closed(void)
{
	if (enter(0))
		return 100;
	char path[128];
	snprintf(path, sizeof path, "%s/mine", folder);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0)
		return 1; /* its own folder must work */
	close(fd);
	unlink(path);
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0)
		return 2;
	if (socket(AF_INET6, SOCK_DGRAM, 0) >= 0)
		return 3;
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) == 0)
		return 4;
	char *argv[] = { (char *)(uintptr_t) "true", NULL };
	execv("/bin/true", argv);
	if (errno != EPERM && errno != EACCES)
		return 5;
	if (setuid(12345) == 0 && getuid() == 12345)
		return 6;
	if (report.landlock) {
		if (open("/root", O_RDONLY) >= 0 || open("/var", O_RDONLY) >= 0 ||
		    open("/proc/1/environ", O_RDONLY) >= 0)
			return 7;
		if (open("/etc/quis-test-file", O_WRONLY | O_CREAT, 0600) >= 0)
			return 8;
	}
	return 0;
}

/* What getaddrinfo says of a name that needs no network. */
static int resolve(void)
{
	struct addrinfo *list = NULL;
	int code = getaddrinfo("localhost", "80", NULL, &list);
	if (code == 0)
		freeaddrinfo(list);
	return code;
}

static int try_client(void)
{
	if (enter(SANDBOX_NET_CLIENT))
		return 100;
	/* Names resolve as they did outside (where there is no /etc/hosts, not at all). */
	if (resolves_outside == 0 && resolve() != 0)
		return 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return 2;
	if (listen(fd, 1) == 0)
		return 3;
	return 0;
}

static void *open_socket(void *result)
{
	*(int *)result = socket(AF_INET, SOCK_STREAM, 0);
	return NULL;
}

static int try_thread(void)
{
	if (enter(0))
		return 100;
	pthread_t thread;
	int fd = 0;
	if (pthread_create(&thread, NULL, open_socket, &fd) != 0)
		return 1; /* threads must work */
	pthread_join(thread, NULL);
	return fd == -1 ? 0 : 2;
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}
static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

static void a_closed_role_reaches_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_closed), 0);
}
static void a_client_resolves_and_connects_but_does_not_listen(void **state)
{
	(void)state;
	resolves_outside = resolve();
	assert_int_equal(in_child(try_client), 0);
}
static void threads_are_bound_too(void **state)
{
	(void)state;
	assert_int_equal(in_child(try_thread), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_role_reaches_nothing),
		cmocka_unit_test(a_client_resolves_and_connects_but_does_not_listen),
		cmocka_unit_test(threads_are_bound_too),
	};
	return cmocka_run_group_tests_name("sandbox", tests, make_folder, remove_folder);
}
