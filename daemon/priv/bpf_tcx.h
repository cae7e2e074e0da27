/* SPDX-License-Identifier: MIT */
/*
 * bpf_tcx.h - the program of the kernel path at the tcx hook of a device (Linux 6.6)
 *
 * A tcx link ends with its last descriptor and its last pin.
 */
#ifndef DAEMON_PRIV_BPF_TCX_H
#define DAEMON_PRIV_BPF_TCX_H

#include <stdbool.h>

struct priv_bpf;

/* Does this kernel have tcx? */
bool priv_tcx_available(void);

/**
 * priv_tcx_attach() - run the program at ingress of a device, before all others there
 *
 * Return: a descriptor, with which the program leaves; -ERANGE: as many programs are there as
 * can be (63); other negative errno of BPF_LINK_CREATE.
 */
int priv_tcx_attach(const struct priv_bpf *bpf, unsigned ifindex);

/* Is that a link of this program to this device?  Its device may have gone, and another have its
 * number. */
bool priv_tcx_is_attached(const struct priv_bpf *bpf, unsigned ifindex, int link);

/*
 * No frame is handled any more when this returns, whoever else holds the link: a pin that
 * is removed does so some time later (experiments/poc_kernel_path_survival).  @link is closed.
 */
void priv_tcx_detach(int link);

#endif
