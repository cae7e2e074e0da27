# SPDX-License-Identifier: MIT
"""Differences between the kernels that MCR runs on."""

import os
import re

KERNEL = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
READS_SUPERS = KERNEL >= (6, 2)  # packet sockets deliver super-datagrams of UDP

RELAYS_ITSELF = KERNEL >= (6, 6)  # what `--path auto` needs


def need_kernel_path(t):
    """Skips where the kernel cannot relay rules."""
    if not RELAYS_ITSELF:
        t.skip("before Linux 6.6 workers relay all rules")


def need_supers(t):
    """Skips where no packet socket delivers a super-datagram of UDP."""
    if not READS_SUPERS:
        t.skip("before Linux 6.2 packet sockets deliver no super-datagrams of UDP")
