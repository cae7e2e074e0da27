# SPDX-License-Identifier: MIT
"""The rights that this process has."""

import os


def is_root():
    """Root of the machine, not of a user namespace."""
    if os.geteuid() != 0:
        return False
    with open("/proc/self/uid_map", encoding="ascii") as file:
        return file.read().split() == ["0", "0", "4294967295"]
