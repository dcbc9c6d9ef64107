/* SPDX-License-Identifier: Apache-2.0
 *
 * See proc.h.
 */
#include "os/linux/proc.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

enum err proc_open_self(int *ret_fd)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ERR_IO;
	*ret_fd = fd;
	return OK;
}

/* Runs in the child between fork and exec: only async-signal-safe calls. */
static void exec_role(int self_fd, const char *title, const char *argument, int control_fd)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	int null_fd = open("/dev/null", O_RDONLY);
	if (null_fd >= 0)
		dup2(null_fd, 0);
	/* The order matters: self_fd may be 3. */
	int self = fcntl(self_fd, F_DUPFD_CLOEXEC, 64);
	if (self < 0 || dup2(control_fd, 3) < 0)
		_exit(126);
	if (self > 4)
		syscall(SYS_close_range, 4u, (unsigned)self - 1, 0u);
	syscall(SYS_close_range, (unsigned)self + 1, ~0u, 0u);
	char *argv[] = { (char *)(uintptr_t)title, (char *)(uintptr_t)argument, NULL };
	fexecve(self, argv, environ);
	_exit(127);
}

enum err proc_start(
    int self_fd, const char *title, const char *argument, int control_fd, pid_t *ret_pid)
{
	assert(self_fd >= 0 && control_fd >= 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		return ERR_IO;
	if (pid == 0)
		exec_role(self_fd, title, argument, control_fd);
	*ret_pid = pid;
	return OK;
}

void proc_title(struct str title)
{
	char name[16];
	snprintf(name, sizeof name, "%.*s", STR_ARG(title));
	prctl(PR_SET_NAME, name, 0, 0, 0);
}

enum err proc_drop_to(struct str user, bool *ret_dropped)
{
	*ret_dropped = false;
	if (geteuid() != 0 || user.len == 0)
		return OK;
	char name[64];
	if (user.len >= sizeof name)
		return ERR_LIMIT;
	snprintf(name, sizeof name, "%.*s", STR_ARG(user));
	const struct passwd *account = getpwnam(name);
	if (!account)
		return OK;
	gid_t gid = account->pw_gid;
	uid_t uid = account->pw_uid;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return ERR_IO;
	if (uid != 0 && setuid(0) == 0)
		return ERR_IO; /* root could be had back: not dropped at all */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	*ret_dropped = true;
	return OK;
}

enum err proc_give(const char *path, struct str user)
{
	char name[64];
	if (geteuid() != 0 || user.len == 0 || user.len >= sizeof name)
		return OK;
	snprintf(name, sizeof name, "%.*s", STR_ARG(user));
	const struct passwd *account = getpwnam(name);
	if (!account)
		return OK;
	return chown(path, account->pw_uid, account->pw_gid) == 0 ? OK : ERR_IO;
}

enum err proc_memfd(struct str name, struct str bytes, int *ret_fd)
{
	char label[64];
	snprintf(label, sizeof label, "quis-%.*s", STR_ARG(str_first(name, 32)));
	int fd = memfd_create(label, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return ERR_IO;
	enum err e = os_pwrite_all(&os_linux, fd, bytes, 0);
	if (e == OK && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) != 0)
		e = ERR_IO;
	if (e != OK) {
		close(fd);
		return e;
	}
	*ret_fd = fd;
	return OK;
}

struct str proc_host_name(char *ptr, size_t cap)
{
	assert(ptr && cap > 1);
	if (gethostname(ptr, cap) != 0)
		snprintf(ptr, cap, "localhost");
	ptr[cap - 1] = '\0';
	return str_c(ptr);
}

void proc_notify(struct str state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, strlen(path));
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	ignore_err(sendto(fd, state.ptr, state.len, MSG_NOSIGNAL, (struct sockaddr *)&to, len),
	    "the service manager is told as well as it can be");
	close(fd);
}
