/* SPDX-License-Identifier: MIT */
/*
 * kernel_output.h - an output as the kernel path needs it: header, source address, next hop
 *
 * An output that cannot be reached now is held: the program has it and counts each datagram
 * as the send drop that a worker would count.  So one receiver that is away does not move
 * the others of its rule to a worker.
 */
#ifndef DAEMON_CONTROL_KERNEL_OUTPUT_H
#define DAEMON_CONTROL_KERNEL_OUTPUT_H

#include <stdint.h>

#include "core/rules/kernel_path.h"

struct control;
struct rec_iface;
struct rule;
struct rule_output;

/* Ask for what the output needs beyond a worker's needs.  Return: 0; -ENOMEM. */
int control_kernel_output_need(struct control *c, const struct rec_iface *out,
			       const struct rule_output *o);
void control_kernel_output_release(struct control *c, const struct rec_iface *out,
				   const struct rule_output *o);

/**
 * control_kernel_output_encode() - an output for the maps
 * @r:    its rule
 * @o:    one of its outputs, @slot: the slot of that
 * @out:  filled with KERNEL_PATH_FITS
 * @mtu:  filled: bytes of an IP packet that leave there as they are; UINT32_MAX: it is held
 *
 * That is the MTU of the interface: as egress sockets (IP_PMTUDISC_OMIT) the program sends
 * without DF and leaves it to routers to cut what is too large for a smaller one behind them.
 * Return: KERNEL_PATH_FITS, or why it needs a worker.
 */
enum kernel_path_reason control_kernel_output_encode(const struct control *c, const struct rule *r,
						     const struct rule_output *o, uint32_t slot,
						     struct kernel_path_output *out, uint32_t *mtu);

#endif
