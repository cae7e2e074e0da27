// SPDX-License-Identifier: MIT
/*
 * seccomp.c - which system calls each process may still make
 *
 *   supervisor  a list of what it may not: its children inherit the filter, and they
 *               need io_uring_setup, unshare and exec before they seal themselves.
 *   control     a list of what it may: its epoll loop, memfds, the sockets it was given.
 *   worker      a list of what it may: its ring, its channel, memory without PROT_EXEC.
 *
 * Some calls are allowed with some of their arguments only, because the others would affect other
 * processes or send:
 *
 *   mmap      not executable, and not both shared and writable: the ring through which a
 *             packet socket would send (priv_packet_socket()) is reached that way only
 *   fcntl     reads flags and seals; control also seals.  F_SETFL would change the flags of
 *             a description that every process holds, and so make the others block
 *   shutdown  the sending half: the other one would end the listeners for good
 *   sendmsg   of a worker: only on its channel
 *   sendto    of a worker: only on standard error, where that is a socket, to its other end
 *   bpf       of control: elements of maps whose descriptors it was given.  The supervisor also
 *             attaches the program that it made before, and pins what it has.  Nobody makes
 *             a program or a map
 *
 * There is no stat(2) by path, and none of a descriptor either beyond fstat(2) itself: the
 * newer call takes a path that the filter cannot look into.  See daemon/common/memfd.h.
 *
 * A call that is not on a child's list fails with EPERM rather than killing it: a
 * library that tries something better first (mremap() in realloc(), an ioctl() on
 * stderr) falls back by itself.  A call of another architecture's table kills.
 * seccomp does not see io_uring operations; the worker restricts its ring itself.
 */
#include "daemon/priv/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/common/roles.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const int supervisor_denied[] = {
	/* other processes' memory, descriptors and namespaces */
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(kcmp),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(setns), SCMP_SYS(userfaultfd),
	/* the file system tree */
	SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(move_mount),
	SCMP_SYS(open_tree), SCMP_SYS(fsopen), SCMP_SYS(fsconfig), SCMP_SYS(fsmount),
	SCMP_SYS(fspick), SCMP_SYS(mount_setattr), SCMP_SYS(chroot), SCMP_SYS(mknod),
	SCMP_SYS(mknodat), SCMP_SYS(name_to_handle_at), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(quotactl), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	/* code in the kernel, and the kernel itself; for bpf(2) see bpf_allowed */
	SCMP_SYS(perf_event_open), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot),
	SCMP_SYS(syslog), SCMP_SYS(iopl), SCMP_SYS(ioperm),
	/* keys, names, clocks */
	SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime), SCMP_SYS(adjtimex)};

/* Memory, time, signals and exit: the C library needs them in any process. */
static const int common_allowed[] = {
	SCMP_SYS(read),          SCMP_SYS(write),
	SCMP_SYS(writev),        SCMP_SYS(recvmsg),
	SCMP_SYS(close),         SCMP_SYS(fstat),
	SCMP_SYS(munmap),        SCMP_SYS(madvise),
	SCMP_SYS(brk),           SCMP_SYS(futex),
	SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
	SCMP_SYS(getrandom),     SCMP_SYS(getpid),
	SCMP_SYS(gettid),        SCMP_SYS(sched_yield),
	SCMP_SYS(rt_sigreturn),  SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(sigaltstack),   SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),          SCMP_SYS(exit_group),
	SCMP_SYS(lseek),         SCMP_SYS(poll),
	SCMP_SYS(ppoll),
#ifdef MCR_SANITIZED
	SCMP_SYS(mprotect),      SCMP_SYS(prlimit64),
	SCMP_SYS(getrlimit),     SCMP_SYS(sched_getaffinity),
	SCMP_SYS(tgkill),        SCMP_SYS(rt_sigaction),
#endif
};

static const int control_allowed[] = {
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl),    SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),   SCMP_SYS(epoll_pwait2), SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),      SCMP_SYS(sendto),       SCMP_SYS(sendmsg),
	SCMP_SYS(getsockopt),    SCMP_SYS(getsockname),  SCMP_SYS(readv),
	SCMP_SYS(pread64),       SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
	SCMP_SYS(pwrite64),      SCMP_SYS(mremap)};

/* Commands of bpf(2), in the order of their numbers. */
static const unsigned bpf_elements[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM,
					BPF_MAP_DELETE_ELEM, BPF_MAP_GET_NEXT_KEY,
					BPF_MAP_LOOKUP_BATCH};
#define BPF_COMMANDS 64 /* more than there are */

static const int worker_allowed[] = {SCMP_SYS(io_uring_enter)};

static int add_rules(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int ret = seccomp_rule_add(ctx, action, calls[i], 0);

		/* A number below zero: this architecture has no such call. */
		if (ret < 0 && !(calls[i] < 0 && ret == -EDOM))
			return ret;
	}
	return 0;
}

static int allow_with(scmp_filter_ctx ctx, int call, struct scmp_arg_cmp argument)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, argument);
}

/* Calls that are harmless with certain arguments only. */
static int add_common(scmp_filter_ctx ctx)
{
	int ret = add_rules(ctx, SCMP_ACT_ALLOW, common_allowed, COUNT(common_allowed));

	if (ret == 0) /* shared, to be read */
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC | PROT_WRITE, 0));
	if (ret == 0) /* its own */
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				       SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_TYPE, MAP_PRIVATE));
	if (ret == 0)
		ret = allow_with(ctx, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GETFL));
	if (ret == 0)
		ret = allow_with(ctx, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_GET_SEALS));
	if (ret == 0) /* log lines, where standard error is a socket, without an address */
		ret = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 2,
				       SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO),
				       SCMP_A4(SCMP_CMP_EQ, 0));
	return ret;
}

/* A filter that allows the common calls and @calls, and no others.  @ctx: filled, or NULL. */
static int deny_but(scmp_filter_ctx *ctx, const int *calls, size_t n)
{
	int ret;

	*ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!*ctx)
		return -ENOMEM;
	ret = add_common(*ctx);
	return ret < 0 ? ret : add_rules(*ctx, SCMP_ACT_ALLOW, calls, n);
}

/* @ctx: taken, may be NULL. @ret: result of making it; the filter is loaded when that is 0. */
static int load(scmp_filter_ctx ctx, int ret)
{
	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (ret == 0)
		ret = seccomp_load(ctx);
	if (ctx)
		seccomp_release(ctx);
	return ret;
}

static bool may_command(unsigned command)
{
	for (size_t i = 0; i < COUNT(bpf_elements); i++)
		if (bpf_elements[i] == command)
			return true;
	return command == BPF_LINK_CREATE || command == BPF_LINK_DETACH || command == BPF_OBJ_PIN ||
	       command == BPF_OBJ_GET || command == BPF_OBJ_GET_INFO_BY_FD;
}

/* One rule for each command: libseccomp compares an argument once in a rule. */
static int deny_bpf(scmp_filter_ctx ctx)
{
	int ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
				   SCMP_A0(SCMP_CMP_GE, BPF_COMMANDS));

	for (unsigned i = 0; i < BPF_COMMANDS && ret == 0; i++)
		if (!may_command(i))
			ret = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
					       SCMP_A0(SCMP_CMP_EQ, i));
	return ret;
}

int priv_seal_syscalls_supervisor(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	int ret;

	if (!ctx)
		return -ENOMEM;
	ret = add_rules(ctx, SCMP_ACT_ERRNO(EPERM), supervisor_denied, COUNT(supervisor_denied));
	return load(ctx, ret < 0 ? ret : deny_bpf(ctx));
}

int priv_seal_syscalls_control(void)
{
	scmp_filter_ctx ctx;
	int ret = deny_but(&ctx, control_allowed, COUNT(control_allowed));

	if (ret == 0)
		ret = allow_with(ctx, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS));
	if (ret == 0)
		ret = allow_with(ctx, SCMP_SYS(shutdown), SCMP_A1(SCMP_CMP_EQ, SHUT_WR));
	for (size_t i = 0; i < COUNT(bpf_elements) && ret == 0; i++)
		ret = allow_with(ctx, SCMP_SYS(bpf), SCMP_A0(SCMP_CMP_EQ, bpf_elements[i]));
	return load(ctx, ret);
}

int priv_seal_syscalls_worker(void)
{
	scmp_filter_ctx ctx;
	int ret = deny_but(&ctx, worker_allowed, COUNT(worker_allowed));

	if (ret == 0) /* packets leave through the ring only */
		ret = allow_with(ctx, SCMP_SYS(sendmsg), SCMP_A0(SCMP_CMP_EQ, CHILD_CHANNEL_FD));
	return load(ctx, ret);
}
