# SPDX-License-Identifier: MIT
"""Facts about a process, from proc(5)."""

import contextlib
import fcntl
import os
import re
import struct
import termios


def children(pid):
    """The children of a process, as pids."""
    result = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                result += [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return sorted(result)


def descriptors(pid):
    """{number: what proc(5) says it is} of a process, without what closes meanwhile.

    Files about a process have PID instead of its number.
    """
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = re.sub(r"^/proc/\d+/", "/proc/PID/",
                                    os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def unread(pid):
    """How many bytes wait in pipes that a process has open beside its standard streams."""
    waiting = 0
    with contextlib.suppress(OSError):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            with contextlib.suppress(OSError):
                if int(fd) <= 2 or not os.readlink(path).startswith("pipe:"):
                    continue
                pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                try:
                    waiting += struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
                finally:
                    os.close(pipe)
    return waiting


def state(pid):
    """The state of a process as proc(5) has it, a letter; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def command_line(pid):
    """The argv of a process, as a list; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [arg.decode(errors="replace") for arg in file.read().split(b"\0")[:-1]]
    except (FileNotFoundError, ProcessLookupError):
        return []
