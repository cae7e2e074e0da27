/* SPDX-License-Identifier: MIT */
/* bpf_check.h - are a program and maps that somebody kept what this program would make? */
#ifndef DAEMON_PRIV_BPF_CHECK_H
#define DAEMON_PRIV_BPF_CHECK_H

struct priv_bpf;

/**
 * priv_bpf_check() - look at type, sizes and flags of each map, and at the program's own maps
 * @bpf:  its descriptors, which may be of anything; @lanes is filled
 * @what: filled on failure: the part that is wrong
 *
 * Return: 0; -EBADF.
 */
int priv_bpf_check(struct priv_bpf *bpf, const char **what);

#endif
