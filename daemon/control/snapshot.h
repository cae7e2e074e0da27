/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - the rules as a snapshot for the workers, and back
 */
#ifndef DAEMON_CONTROL_SNAPSHOT_H
#define DAEMON_CONTROL_SNAPSHOT_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/limits.h"

struct control;

/**
 * control_snapshot_build() - the rules, their workers, slots and states as a snapshot
 * @hash: filled: what each worker must report
 * @shares: filled: of each interface slot, how many rules each worker serves there
 * @mem:  filled: to be freed by the caller
 *
 * Return: size in bytes; -ENOMEM; -EINVAL when it does not fit its own counts.
 */
ssize_t control_snapshot_build(const struct control *c, uint64_t generation,
			       uint64_t hash[static MCR_MAX_WORKERS],
			       uint16_t shares[static MCR_MAX_IFACES][MCR_MAX_WORKERS], void **mem);

/**
 * control_restore() - take rules, slots and generation from the last snapshot
 * @fd: sealed memfd, borrowed
 *
 * Return: 0; -EBADMSG, -EPROTO for a snapshot that cannot be; -ENOMEM; other
 * negative errno.
 */
int control_restore(struct control *c, int fd, uint64_t now_ns);

#endif
