# SPDX-License-Identifier: MIT
"""What proc(5) says of a process."""

import contextlib
import os
import re


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


def command_line(pid):
    """The argv of a process, as a list; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [arg.decode(errors="replace") for arg in file.read().split(b"\0")[:-1]]
    except (FileNotFoundError, ProcessLookupError):
        return []
