/* SPDX-License-Identifier: MIT */
/*
 * bpf_clsact.h - the program of the kernel path as a filter of a clsact qdisc
 *
 * For kernels without tcx.  A filter stays until somebody removes it, so it outlives the
 * daemon by itself, also where nothing is pinned.  Its handle is the number of its program,
 * and its name says whose it is:
 *
 *   mcr-VERSION-MARK[-qdisc]   version of the maps; mark in hexadecimal; the qdisc was made for it
 *
 * Filters of one priority run in the order in which they came, the last one first.  A qdisc
 * that mcrd made goes with the last filter; one that it found stays.
 */
#ifndef DAEMON_PRIV_BPF_CLSACT_H
#define DAEMON_PRIV_BPF_CLSACT_H

#include <stdbool.h>
#include <stdint.h>

struct nlmsghdr;
struct priv_bpf;

/* Programs with a lower one run before ours, those with a higher one after it. */
#define CLSACT_PRIORITY 26

/* Filters of ours on one device that are looked at: of this mcrd, and of some before it. */
#define CLSACT_FILTERS_MAX 8

/**
 * struct clsact_filter - a filter that has a name of ours
 * @program: number of its program, also its handle
 */
struct clsact_filter {
	uint32_t program;
	uint32_t version;
	uint32_t mark;
	bool own_qdisc;
};

/* Return: whether @nlh is the description of a filter of ours, which fills @filter. */
bool clsact_parse(const struct nlmsghdr *nlh, struct clsact_filter *filter);

/**
 * priv_clsact_list() - filters of a device that have that mark
 * @mark: 0: any
 *
 * Return: how many, 0..CLSACT_FILTERS_MAX; -ENODEV; other negative errno.
 */
int priv_clsact_list(unsigned ifindex, uint32_t mark,
		     struct clsact_filter list[static CLSACT_FILTERS_MAX]);

/**
 * priv_clsact_attach() - run the program at ingress of a device
 * @own_qdisc: in: the qdisc that is there goes with the last filter; set when one is made
 *
 * Return: 0; -EOPNOTSUPP: the device shares a block of filters with others; other negative
 * errno of the kernel.
 */
int priv_clsact_attach(const struct priv_bpf *bpf, unsigned ifindex, bool *own_qdisc);

/*
 * No frame is handled any more when this returns.  With @filter->own_qdisc the qdisc goes, too,
 * unless it has other filters.  Return: 0; -ENOENT: it was not there; other negative errno.
 */
int priv_clsact_detach(unsigned ifindex, const struct clsact_filter *filter);

#endif
