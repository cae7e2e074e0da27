/* SPDX-License-Identifier: MIT */
/*
 * bpf_pin.h - the kernel path in a bpf file system, where it outlives the daemon
 *
 * A directory is one daemon's: it is locked.  Names of pins:
 *
 *   mcr-VERSION-MARK-NETNS-WHAT
 *
 *   VERSION  of the maps; 0: a link that was put aside
 *   MARK     in hexadecimal, a program cannot change it
 *   NETNS    number of the network namespace (SO_NETNS_COOKIE)
 *   WHAT     program, rules, blocks, counters, link-IFINDEX
 *
 * Files with other names are not looked at, and stay.
 */
#ifndef DAEMON_PRIV_BPF_PIN_H
#define DAEMON_PRIV_BPF_PIN_H

#include <stddef.h>
#include <stdint.h>

struct priv_bpf;

#define PIN_DIR_MAX 256 /* of its name, with the NUL */

/**
 * struct priv_pins - a directory for pins that is open
 * @dir:  descriptor that holds the lock; -1: there is none
 * @path: its name
 */
struct priv_pins {
	int dir;
	uint32_t mark;
	uint64_t netns;
	char path[PIN_DIR_MAX];
};
#define PRIV_PINS_NONE ((struct priv_pins){.dir = -1})

/* Where pins lie unless another place is asked for: PRIV_PINS_PARENT/NETNS-BIT. */
#define PRIV_PINS_PARENT "/sys/fs/bpf/mcr"
void priv_pins_default(char path[static PIN_DIR_MAX], unsigned mark_bit);

/**
 * priv_pins_open() - lock the directory, which is made if need be
 *
 * Return: 0; -ENOENT: it is in no bpf file system; -EBUSY: another process has it; -EPERM: it
 * belongs to another user, or others may write into it; -EXDEV: pins of another network
 * namespace are there; -ENAMETOOLONG; other negative errno.
 */
int priv_pins_open(struct priv_pins *p, const char *path, uint32_t mark);

/* Closes it; what is pinned stays. */
void priv_pins_close(struct priv_pins *p);

/* Removes all pins, also of other versions, marks and namespaces, detaches links, and closes the
 * directory, which goes when it is empty.  Return: how many were removed. */
unsigned priv_pins_remove(struct priv_pins *p);

/**
 * priv_pins_adopt() - program and maps that an earlier mcrd pinned
 * @what: filled with -EBADF: the part that is not as it has to be
 *
 * Return: 0; -ENOENT: there are none; -EBADF; other negative errno.
 */
int priv_pins_adopt(const struct priv_pins *p, struct priv_bpf *bpf, const char **what);

/* Pins program and maps.  In the way: what priv_pins_adopt() did not take, which is replaced;
 * links of it are put aside. */
int priv_pins_put(const struct priv_pins *p, const struct priv_bpf *bpf);

/* Links of tcx.  Return: a descriptor, -ENOENT: none that is attached; 0 or negative errno. */
int priv_pins_link_adopt(const struct priv_pins *p, const struct priv_bpf *bpf, unsigned ifindex);
int priv_pins_link_put(const struct priv_pins *p, unsigned ifindex, int link);
void priv_pins_link_remove(const struct priv_pins *p, unsigned ifindex);

/* Pins of other versions and marks, and links to other devices than these, are detached and
 * removed.  Return: how many. */
unsigned priv_pins_remove_others(const struct priv_pins *p, const uint32_t *ifindex, unsigned n);

#endif
