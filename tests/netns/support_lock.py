#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds memory that counts towards the user's RLIMIT_MEMLOCK: support_lock.py KIB

In rings, as the kernel charges them (Linux 6.14 and newer).  Says how many KiB it holds when it
has them, or when the limit lets it have no more; then waits for the end of its input.
"""

import ctypes
import struct
import sys

IO_URING_SETUP = 425
IORING_SETUP_R_DISABLED = 1 << 6
ENOMEM = 12
PIECE_KIB = 16  # of a ring with 128 entries: 8 KiB of submissions, 8 KiB of completions and a header


def make_ring():
    """Returns whether there was room for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    params = ctypes.create_string_buffer(struct.pack("=III", 0, 0, IORING_SETUP_R_DISABLED), 120)
    if libc.syscall(IO_URING_SETUP, 128, params) >= 0:
        return True
    if ctypes.get_errno() != ENOMEM:
        sys.exit(f"io_uring_setup: errno {ctypes.get_errno()}")
    return False


def main():
    wanted_kib, held_kib = int(sys.argv[1]), 0
    while held_kib < wanted_kib and make_ring():
        held_kib += PIECE_KIB
    print(held_kib, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
