/* SPDX-License-Identifier: Apache-2.0
 *
 * See sandbox.h. The seccomp filter refuses (EPERM) what no role needs, and by profile the making
 * of new sockets and programs; it is a list of refusals, since libraries' needs vary with their
 * versions and a killed pager is worse than a wide one. Landlock then narrows the file system to
 * the paths given.
 */
#include "os/linux/sandbox.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LANDLOCK_READ \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_WRITE                                                      \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |    \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |     \
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
	    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
/* Rights that a file (not a folder) can be given. */
#define LANDLOCK_FILE \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

static enum err landlock_path(int rules_fd, const struct sandbox_path *p)
{
	int fd = open(p->path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return OK; /* not there: nothing to allow */
	struct stat st;
	enum err e = OK;
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = LANDLOCK_READ | (p->write ? LANDLOCK_WRITE : 0),
		.parent_fd = fd,
	};
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		beneath.allowed_access &= LANDLOCK_FILE;
	if (syscall(SYS_landlock_add_rule, rules_fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
		e = ERR_IO;
	close(fd);
	return e;
}

static enum err landlock_enter(const struct sandbox *s, bool *ret_active)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return OK; /* an old kernel, or switched off */
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_READ | LANDLOCK_WRITE };
	int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
	if (fd < 0)
		return ERR_IO;
	enum err e = OK;
	for (size_t i = 0; i < s->path_count && e == OK; i++)
		e = landlock_path(fd, &s->paths[i]);
	if (e == OK && syscall(SYS_landlock_restrict_self, fd, 0) != 0)
		e = ERR_IO;
	close(fd);
	if (e == OK)
		*ret_active = true;
	return e;
}

/* Refused to every role. */
static const char *const never[] = {
	"ptrace",
	"process_vm_readv",
	"process_vm_writev",
	"mount",
	"umount2",
	"pivot_root",
	"chroot",
	"reboot",
	"kexec_load",
	"kexec_file_load",
	"init_module",
	"finit_module",
	"delete_module",
	"swapon",
	"swapoff",
	"sethostname",
	"setdomainname",
	"settimeofday",
	"clock_settime",
	"clock_adjtime",
	"adjtimex",
	"bpf",
	"perf_event_open",
	"userfaultfd",
	"keyctl",
	"add_key",
	"request_key",
	"unshare",
	"setns",
	"io_uring_setup",
	"open_by_handle_at",
	"acct",
	"quotactl",
	"nfsservctl",
	"personality",
	"mknod",
	"mknodat",
	"setuid",
	"setgid",
	"setreuid",
	"setregid",
	"setresuid",
	"setresgid",
	"setgroups",
};
static const char *const exec_calls[] = { "execve", "execveat", "fork", "vfork" };

static enum err refuse(scmp_filter_ctx ctx, const char *name)
{
	int nr = seccomp_syscall_resolve_name(name);
	if (nr == __NR_SCMP_ERROR)
		return OK; /* unknown on this machine: cannot be called either */
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	return rc == 0 || rc == -EDOM ? OK : ERR_IO;
}

/* New sockets: unix ones stay allowed (a service manager's notify, syslog), others only for
 * clients. */
static enum err refuse_network(scmp_filter_ctx ctx)
{
	static const int families[] = { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET };
	for (size_t i = 0; i < ARRAY_COUNT(families); i++)
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
		        SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0)) != 0)
			return ERR_IO;
	return OK;
}

static enum err seccomp_enter(const struct sandbox *s)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!ctx)
		return ERR_NOMEM;
	/* Threads that exist already are bound as well. */
	enum err e = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0 ? OK : ERR_IO;
	for (size_t i = 0; i < ARRAY_COUNT(never) && e == OK; i++)
		e = refuse(ctx, never[i]);
	if (!(s->allow & SANDBOX_EXEC))
		for (size_t i = 0; i < ARRAY_COUNT(exec_calls) && e == OK; i++)
			e = refuse(ctx, exec_calls[i]);
	if (e == OK && !(s->allow & SANDBOX_NET_CLIENT))
		e = refuse_network(ctx);
	/* A listening socket comes from the parent; nobody makes one. */
	if (e == OK)
		e = refuse(ctx, "listen");
	if (e == OK && seccomp_load(ctx) != 0)
		e = ERR_IO;
	seccomp_release(ctx);
	return e;
}

enum err sandbox_enter(const struct sandbox *sandbox, struct sandbox_report *ret_report)
{
	assert(sandbox && ret_report);
	struct sandbox_report report = { false, false };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return ERR_IO;
	enum err e = landlock_enter(sandbox, &report.landlock);
	if (e == OK)
		e = seccomp_enter(sandbox);
	if (e != OK)
		return e;
	report.seccomp = true;
	*ret_report = report;
	return OK;
}
