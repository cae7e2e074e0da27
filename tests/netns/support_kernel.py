# SPDX-License-Identifier: MIT
"""Differences between the kernels that MCR runs on."""

import os
import re

KERNEL = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
READS_SUPERS = KERNEL >= (6, 2)  # packet sockets deliver super-datagrams of UDP


def need_supers(t):
    """Skips where no packet socket delivers a super-datagram of UDP."""
    if not READS_SUPERS:
        t.skip("before Linux 6.2 packet sockets deliver no super-datagrams of UDP")
