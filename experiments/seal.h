/* SPDX-License-Identifier: MIT */
/* How an experiment's child gives up its rights: capabilities, ring, system calls. */
#ifndef EXPERIMENTS_SEAL_H
#define EXPERIMENTS_SEAL_H

#include <fcntl.h>
#include <grp.h>
#include <liburing.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "poc.h"

#define POC_NOBODY 65534

static inline void poc_drop_capabilities(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	poc_must(syscall(SYS_capset, &head, none), "capset");
	poc_must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
}

/* liburing 2.3 declares the wrappers for these two but does not export them. */
static inline long poc_ring_register(struct io_uring *ring, unsigned int opcode, void *arg,
				     unsigned int n)
{
	return syscall(SYS_io_uring_register, ring->ring_fd, opcode, arg, n);
}

/* The ring was made with IORING_SETUP_R_DISABLED; afterwards it is enabled for good. */
static inline void poc_restrict_ring(struct io_uring *ring)
{
	static const uint8_t allowed[] = {IORING_OP_RECV, IORING_OP_SEND, IORING_OP_SENDMSG,
					  IORING_OP_ASYNC_CANCEL};
	struct io_uring_restriction res[5] = {0};

	for (int i = 0; i < 4; i++) {
		res[i].opcode = IORING_RESTRICTION_SQE_OP;
		res[i].sqe_op = allowed[i];
	}
	res[4].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
	res[4].sqe_flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	poc_must(poc_ring_register(ring, IORING_REGISTER_RESTRICTIONS, res, 5), "restrictions");
	poc_must(poc_ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0), "enable");
}

/* The rights that a worker of an experiment still needs once everything is set up. */
static inline void poc_seal(void)
{
	static const int allowed[] = {SCMP_SYS(io_uring_enter), SCMP_SYS(recvmsg), SCMP_SYS(write),
				      SCMP_SYS(exit_group), SCMP_SYS(clock_gettime)};
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	poc_must(seccomp_load(ctx), "seccomp");
}

#endif
