/* SPDX-License-Identifier: MIT */
/*
 * igmp_list.h - which groups the kernel has joined on which interface
 *
 * A socket keeps its list of memberships when the device they were on has gone, also when
 * another device comes with the same index; and nothing says so.  /proc/net/igmp has what
 * devices really have joined.
 */
#ifndef DAEMON_SUPERVISOR_IGMP_LIST_H
#define DAEMON_SUPERVISOR_IGMP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct igmp_entry {
	uint32_t ifindex;
	uint32_t group_be;
};

/* Sorted; released with igmp_list_fini(), which takes a zeroed one as well. */
struct igmp_list {
	struct igmp_entry *entries;
	size_t n, cap;
};

/**
 * igmp_list_parse() - read the text of /proc/net/igmp
 * @text: need not be NUL-terminated
 * @len:  bytes
 * @list: zeroed; filled on success
 *
 * Return: 0; -EBADMSG for a line that is neither an interface nor a group; -ENOMEM.
 */
int igmp_list_parse(const char *text, size_t len, struct igmp_list *list);

/* The list of this network namespace.  Return: as igmp_list_parse(), or errno of the calls. */
int igmp_list_read(struct igmp_list *list);

bool igmp_list_has(const struct igmp_list *list, uint32_t ifindex, uint32_t group_be);
void igmp_list_fini(struct igmp_list *list);

#endif
