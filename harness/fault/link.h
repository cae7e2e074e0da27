/* SPDX-License-Identifier: MIT */
/*
 * link.h - faults of interfaces
 *
 * The caller is in the node (lab_call()).  Each function returns 0, -ENODEV when there is no such
 * interface, or the negative errno that the kernel answers with.
 */
#ifndef HARNESS_FAULT_LINK_H
#define HARNESS_FAULT_LINK_H

struct topo_address;

/**
 * fault_link_down() - set an interface down
 * @interface: its name
 */
int fault_link_down(const char *interface);

/**
 * fault_link_up() - set an interface up, and wait for its carrier
 * @interface: its name
 */
int fault_link_up(const char *interface);

/**
 * fault_link_delete() - delete an interface
 * @interface: its name
 */
int fault_link_delete(const char *interface);

/**
 * fault_link_rename() - rename an interface
 * @interface: its name
 * @name:      the new one, 1 to IFNAMSIZ - 1 characters
 */
int fault_link_rename(const char *interface, const char *name);

/**
 * fault_link_readdress() - replace all addresses of an interface by one
 * @interface: its name
 * @address:   the new one
 */
int fault_link_readdress(const char *interface, const struct topo_address *address);

#endif
