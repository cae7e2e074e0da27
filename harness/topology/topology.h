/* SPDX-License-Identifier: MIT */
/* topology.h - read a topology from JSON */
#ifndef HARNESS_TOPOLOGY_TOPOLOGY_H
#define HARNESS_TOPOLOGY_TOPOLOGY_H

#include "harness/topology/state.h"

struct json_error;

/**
 * topology_parse() - read a topology from JSON
 * @topo:  filled on success, undefined otherwise; about 1 MB, so not for the stack
 * @text:  NUL-terminated, untrusted
 * @file:  its name in @error
 * @error: filled when @text is refused: line, field and reason
 *
 * The format is described in mcrlab(1).
 *
 * Return: 0; -EINVAL when it is refused; -ENOMEM.
 */
int topology_parse(struct topology *topo, const char *text, const char *file,
		   struct json_error *error);

/**
 * topology_parse_address() - read an IPv4 or IPv6 address
 * @address:     filled on success
 * @text:        NUL-terminated
 * @with_prefix: "/BITS" must follow the address; otherwise it must not
 *
 * Return: 0 or -EINVAL.
 */
int topology_parse_address(struct topo_address *address, const char *text, bool with_prefix);

#endif
