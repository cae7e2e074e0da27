/* SPDX-License-Identifier: MIT */
/*
 * bpf.h - the program and the maps of the kernel path (daemon/bpf/relay.bpf.c)
 *
 * Made by the supervisor while it has CAP_BPF and CAP_NET_ADMIN.  Attaching needs
 * CAP_NET_ADMIN alone, so an input that appears later gets the program, too.  The
 * system call filter lets nothing of the daemon make a program or a map afterwards.
 */
#ifndef DAEMON_PRIV_BPF_H
#define DAEMON_PRIV_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rules/kernel_path_map.h"

/* Was the program compiled into this binary? */
bool priv_bpf_built(void);

/* Before Linux 6.6 there is no tcx. */
bool priv_bpf_attachable(void);

/* Is CAP_BPF or CAP_NET_ADMIN missing? */
bool priv_bpf_lacks_rights(void);

/**
 * struct priv_bpf - descriptors of the kernel path; -1: none
 * @mark:     the bit that says that a frame is dealt with
 * @lanes:    of the counters, a power of two
 * @records:  the counters, mapped; NULL: not loaded
 */
struct priv_bpf {
	int program;
	int rules;
	int blocks;
	int counters;
	uint32_t mark;
	unsigned lanes;
	struct kernel_path_record *records;
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

/* Maps @bpf->counters.  Return: 0 or negative errno. */
int priv_bpf_map_counters(struct priv_bpf *bpf);

/*
 * Pins are files of a bpf file system, in a directory that priv_bpf_pins() made or found.  Their
 * names begin with the version of the maps and the mark, which a program cannot change.
 *
 * priv_bpf_pins() - Return: 0; -ENOENT: @dir is in no bpf file system; -EEXIST: pins of another
 * version or mark are there; other negative errno.
 */
int priv_bpf_pins(const char *dir, uint32_t mark);
/* Return: 0 with what is pinned there; -ENOENT: nothing, or not all of it. */
int priv_bpf_adopt(const char *dir, uint32_t mark, struct priv_bpf *bpf);
int priv_bpf_pin(const char *dir, const struct priv_bpf *bpf);
/* Return: how many were removed; negative errno. */
int priv_bpf_unpin(const char *dir);
/* An attachment: its descriptor, or -ENOENT; and its pin. */
int priv_bpf_link_adopt(const char *dir, const struct priv_bpf *bpf, unsigned ifindex);
int priv_bpf_link_pin(const char *dir, const struct priv_bpf *bpf, unsigned ifindex, int link);
void priv_bpf_link_unpin(const char *dir, const struct priv_bpf *bpf, unsigned ifindex);
/* Attachments to other devices than these. */
void priv_bpf_links_unpin_others(const char *dir, const struct priv_bpf *bpf,
				 const uint32_t *ifindex, unsigned n);

/**
 * priv_bpf_attach() - run the program at tc ingress of a device, before all others there
 *
 * Return: a descriptor, with which the program leaves; -EINVAL, -EOPNOTSUPP before Linux
 * 6.6; other negative errno of BPF_LINK_CREATE.
 */
int priv_bpf_attach(const struct priv_bpf *bpf, unsigned ifindex);

/*
 * No frame is handled any more when this returns, whoever else holds the attachment: a pin that
 * is removed does so some time later (experiments/poc_kernel_path_survival).  @link is closed.
 */
void priv_bpf_detach(int link);

#endif
