# SPDX-License-Identifier: MIT
"""The payload of a test datagram, made without the generator; harness/traffic/payload.h describes it."""

import struct
import time

MAGIC = 0x4D435231
HEADER_BYTES = 32
PHASES = 64
MASK = (1 << 64) - 1

_pattern = bytes(((j * 2654435761) & 0xFFFFFFFF) >> 24 for j in range(65536 + PHASES))


def _check(flow, sequence, time_ns, length):
    h = 0
    for word in (MAGIC << 32 | length, flow, sequence, time_ns):
        h = ((h ^ word) * 0x9E3779B97F4A7C15) & MASK
        h ^= h >> 32
    return h & 0xFFFFFFFF


def payload(sequence, flow=0, size=200, time_ns=None):
    """The bytes of one datagram; sizes below 32 cut the header short."""
    if time_ns is None:
        time_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    header = struct.pack("!IIQQII", MAGIC, flow, sequence, time_ns, size,
                         _check(flow, sequence, time_ns, size))
    phase = (flow * 31 + sequence) % PHASES
    return (header + _pattern[phase:phase + max(0, size - HEADER_BYTES)])[:size]
