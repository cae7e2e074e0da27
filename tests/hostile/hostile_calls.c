// SPDX-License-Identifier: MIT
/*
 * hostile_calls.c - system calls that no sealed child may make
 *
 * Each would succeed, or do harm, in an ordinary process of the same user: an error of the
 * arguments would hide a filter that lets it through.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/hostile/hostile.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char text[4096];
static int pair[2];
static struct io_uring_params ring_params;
static struct iovec iov = {text, 1};
#ifndef MCR_SANITIZED
static struct rlimit limit;
static cpu_set_t cpus;
#endif

#define AT(pointer) ((long)(pointer))

/* PARENT and SELF stand for process numbers. */
enum { PARENT = -1000, SELF };

static const struct attempt {
	const char *name;
	long call;
	long arg[6];
} attempts[] = {
	/* files */
	{"openat", SYS_openat, {AT_FDCWD, AT("/etc/passwd"), O_RDONLY}},
	{"openat2", SYS_openat2, {AT_FDCWD, AT("/etc/passwd"), AT(text), 24}},
	{"newfstatat", SYS_newfstatat, {AT_FDCWD, AT("/etc/shadow"), AT(text), 0}},
	{"newfstatat with AT_EMPTY_PATH",
	 SYS_newfstatat,
	 {AT_FDCWD, AT("/etc/shadow"), AT(text), AT_EMPTY_PATH}},
	{"statx", SYS_statx, {AT_FDCWD, AT("/etc/shadow"), 0, STATX_SIZE, AT(text)}},
	{"faccessat", SYS_faccessat, {AT_FDCWD, AT("/etc/passwd"), R_OK}},
	{"readlinkat", SYS_readlinkat, {AT_FDCWD, AT("/proc/self/exe"), AT(text), sizeof(text)}},
	{"unlinkat", SYS_unlinkat, {AT_FDCWD, AT("/tmp/mcr-no-such-file"), 0}},
	{"chdir", SYS_chdir, {AT("/")}},
	{"getdents64", SYS_getdents64, {0, AT(text), sizeof(text)}},
	/* sockets */
	{"socket UDP", SYS_socket, {AF_INET, SOCK_DGRAM, 0}},
	{"socket UNIX", SYS_socket, {AF_UNIX, SOCK_STREAM, 0}},
	{"socket packet", SYS_socket, {AF_PACKET, SOCK_RAW, 0}},
	{"socket netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
	{"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, AT(pair)}},
	{"bind", SYS_bind, {3, AT(text), 16}},
	{"connect", SYS_connect, {3, AT(text), 16}},
	{"listen", SYS_listen, {3, 1}},
	{"setsockopt", SYS_setsockopt, {3, SOL_SOCKET, SO_RCVBUF, AT(text), sizeof(int)}},
	{"sendmmsg", SYS_sendmmsg, {3, AT(text), 1, MSG_DONTWAIT}},
	{"splice", SYS_splice, {0, 0, 1, 0, 1, 0}},
	{"sendfile", SYS_sendfile, {1, 0, 0, 1}},
	/* processes */
	{"fork", SYS_clone, {SIGCHLD}},
	{"clone3", SYS_clone3, {AT(text), 64}},
	{"execve", SYS_execve, {AT("/bin/true"), 0, 0}},
	{"kill", SYS_kill, {PARENT, 0}},
	{"rt_sigqueueinfo", SYS_rt_sigqueueinfo, {PARENT, 0, AT(text)}},
	{"pidfd_open", SYS_pidfd_open, {PARENT, 0}},
	{"pidfd_send_signal", SYS_pidfd_send_signal, {3, 0, 0, 0}},
	{"ptrace", SYS_ptrace, {PTRACE_ATTACH, PARENT}},
	{"process_vm_readv", SYS_process_vm_readv, {PARENT, AT(&iov), 1, AT(&iov), 1}},
	{"setpriority", SYS_setpriority, {PRIO_PROCESS, 0, 0}},
	/* who it is and what it may */
	{"setuid", SYS_setuid, {0}},
	{"capset", SYS_capset, {AT(text), AT(text)}},
	{"prctl PR_SET_DUMPABLE", SYS_prctl, {PR_SET_DUMPABLE, 1}},
	{"prctl PR_SET_NAME", SYS_prctl, {PR_SET_NAME, AT("x")}},
	{"unshare", SYS_unshare, {CLONE_NEWUSER}},
	{"setns", SYS_setns, {3, 0}},
	{"seccomp", SYS_seccomp, {SECCOMP_GET_ACTION_AVAIL, 0, AT(text)}},
	/* memory and rings */
	{"mmap executable",
	 SYS_mmap,
	 {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
	{"mmap writable and shared",
	 SYS_mmap,
	 {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0}},
	{"mmap writable and shared, validated",
	 SYS_mmap,
	 {0, 4096, PROT_WRITE, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0}},
	{"shmget", SYS_shmget, {0, 4096, 0600}},
	{"userfaultfd", SYS_userfaultfd, {1}},
	{"io_uring_setup", SYS_io_uring_setup, {4, AT(&ring_params)}},
	{"io_uring_register", SYS_io_uring_register, {3, IORING_REGISTER_PROBE, AT(text), 1}},
	{"bpf: a map", SYS_bpf, {0, AT(text), 48}},
	{"bpf: a program", SYS_bpf, {5, AT(text), 48}},
	{"bpf: an attachment", SYS_bpf, {28, AT(text), 48}},
	{"bpf: another map by its id", SYS_bpf, {14, AT(text), 48}},
	{"bpf: a program, the number beyond 32 bits", SYS_bpf, {1ull << 32 | 5, AT(text), 48}},
	{"perf_event_open", SYS_perf_event_open, {AT(text), 0, -1, -1, 0}},
	/* flags that all who hold a descriptor share */
	{"fcntl F_SETFL", SYS_fcntl, {2, F_SETFL, O_RDWR}},
	{"fcntl F_SETFD", SYS_fcntl, {3, F_SETFD, 0}},
	{"fcntl F_DUPFD", SYS_fcntl, {3, F_DUPFD, 0}},
	{"fcntl F_SETOWN", SYS_fcntl, {3, F_SETOWN, SELF}},
	{"fcntl F_SETSIG", SYS_fcntl, {3, F_SETSIG, SIGKILL}},
	{"fcntl F_SETLK", SYS_fcntl, {2, F_SETLK, AT(text)}},
	{"fcntl F_SETPIPE_SZ", SYS_fcntl, {2, F_SETPIPE_SZ, 4096}},
	{"ioctl FIONBIO", SYS_ioctl, {3, 0x5421, AT(text)}},
	{"dup", SYS_dup, {3}},
	{"shutdown for reading", SYS_shutdown, {3, SHUT_RD}},
	{"shutdown both ways", SYS_shutdown, {3, SHUT_RDWR}},
#ifndef MCR_SANITIZED /* whose run-time needs these */
	{"mprotect executable", SYS_mprotect, {AT(text), 4096, PROT_READ | PROT_EXEC}},
	{"tgkill", SYS_tgkill, {PARENT, PARENT, 0}},
	{"prlimit64", SYS_prlimit64, {0, RLIMIT_NOFILE, 0, AT(&limit)}},
	{"sched_getaffinity", SYS_sched_getaffinity, {0, sizeof(cpus), AT(&cpus)}},
#endif
};

static long argument(long arg)
{
	return arg == PARENT ? getppid() : arg == SELF ? getpid() : arg;
}

void hostile_calls(const char *who)
{
	for (size_t i = 0; i < COUNT(attempts); i++) {
		const struct attempt *a = &attempts[i];
		long ret = hostile_call(a->call, argument(a->arg[0]), argument(a->arg[1]),
					argument(a->arg[2]), a->arg[3], a->arg[4], a->arg[5]);

		if (a->call == SYS_clone && ret == 0)
			_exit(0); /* a child of the child: it has got out */
		hostile_say(who, a->name, ret);
	}
}
