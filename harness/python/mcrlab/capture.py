# SPDX-License-Identifier: MIT
"""Captures: what has passed an interface, to be looked at afterwards."""

import os
import struct

from . import paths
from .process import Process, ProcessError

MAGIC = 0xA1B2C3D4


class Capture(Process):
    """mcrlab capture, which is ready when this returns."""

    def __init__(self, name, interface, *, lab, node, log_dir, count=None, expression=None):
        self.path = log_dir / f"{name}.pcap"
        read, write = os.pipe()
        argv = [paths.program("mcrlab"), "capture", lab.name, node, interface, self.path,
                "--ready-fd", write]
        if count is not None:
            argv += ["--count", count]
        if expression is not None:
            argv += ["--filter", expression]
        super().__init__(name, argv, log_dir=log_dir, fds=(write,))
        os.close(write)
        self.wait_ready(read)

    def finish(self, deadline_s=10):
        """End it, or with a count wait for its end; returns the packets as bytes."""
        if "--count" not in self.argv:
            self.stop(deadline_s)
        elif self.wait(deadline_s) is None:
            raise ProcessError(f"{self.name}: fewer packets than asked for in {deadline_s} s")
        if self.returncode != 0:
            raise ProcessError(f"{self.name}: status {self.returncode}: {self.stderr().strip()}")
        return packets(self.path)


def records(path):
    """The packets of a pcap file: (seconds, bytes) of each."""
    data = path.read_bytes()
    if len(data) < 24 or struct.unpack_from("=I", data)[0] != MAGIC:
        raise ValueError(f"{path} is not a pcap file of this machine")
    at = 24
    while at < len(data):
        seconds, micros, length = struct.unpack_from("=III", data, at)
        yield seconds + micros / 1e6, data[at + 16:at + 16 + length]
        at += 16 + length


def packets(path):
    """The packets of a pcap file, as a list of bytes."""
    return [packet for _, packet in records(path)]
