/* SPDX-License-Identifier: MIT */
/*
 * bpf.h - the program and the maps of the kernel path (daemon/bpf/relay.bpf.c)
 *
 * Made by the supervisor while it has CAP_BPF and CAP_NET_ADMIN.  Attaching (bpf_tcx.h,
 * bpf_clsact.h) needs CAP_NET_ADMIN alone, so an input that appears later gets the program,
 * too.  The system call filter lets nothing of the daemon make a program or a map afterwards.
 */
#ifndef DAEMON_PRIV_BPF_H
#define DAEMON_PRIV_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/kernel_path_map.h"

/* Was the program compiled into this binary? */
bool priv_bpf_built(void);

/* Is CAP_BPF or CAP_NET_ADMIN missing? */
bool priv_bpf_lacks_rights(void);

/**
 * struct priv_bpf - descriptors of the kernel path; -1: none
 * @program_id: the kernel's number of the program
 * @mark:     the bit that says that a frame is dealt with
 * @lanes:    of the counters, a power of two
 */
struct priv_bpf {
	int program;
	int rules;
	int blocks;
	int counters;
	uint32_t program_id;
	uint32_t mark;
	unsigned lanes;
};

/* Bytes of the mapped arrays. */
size_t priv_bpf_blocks_bytes(void);
size_t priv_bpf_counters_bytes(unsigned lanes);

/**
 * priv_bpf_load() - make program and maps
 * @mark: one bit
 * @bpf:  filled on success, priv_bpf_close() it
 * @why:  filled on failure: what the kernel said last, one line
 *
 * Return: 0; -ENOSYS: not built; -EPERM: a right is missing, or the system refuses; other
 * negative errno of bpf(2).
 */
int priv_bpf_load(uint32_t mark, struct priv_bpf *bpf, char *why, size_t size);
void priv_bpf_close(struct priv_bpf *bpf);
#define PRIV_BPF_NONE ((struct priv_bpf){.program = -1, .rules = -1, .blocks = -1, .counters = -1})

/* For descriptors that come from elsewhere: fills the program's number.  Return: 0 or negative
 * errno. */
int priv_bpf_resume(struct priv_bpf *bpf);

#endif
