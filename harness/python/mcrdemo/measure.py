# SPDX-License-Identifier: MIT
"""Figures that the kernel keeps: counters of a node, CPU time of processes."""

import os


def counter(pid, name):
    """A counter of the node that process `pid` lives in, named as nstat does: "Udp.InDatagrams"."""
    prefix, field = name.split(".")
    for file_name in ("snmp", "netstat"):
        with open(f"/proc/{pid}/net/{file_name}", encoding="ascii") as file:
            lines = [line.split() for line in file]
        for names, values in zip(lines[::2], lines[1::2]):
            if names[0] == f"{prefix}:" and field in names:
                return int(values[names.index(field)])
    raise KeyError(name)


def _ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        # The name in brackets may hold spaces; utime and stime are the 12th and 13th behind it.
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu_seconds(pids):
    """{pid: user and system time used so far}, in steps of cpu_step_seconds()."""
    return {pid: _ticks(pid) * cpu_step_seconds() for pid in pids}


def cpu_seconds_between(before, after):
    """CPU time between two answers of cpu_seconds(); None if they are of other processes."""
    if before.keys() != after.keys():
        return None
    return sum(after.values()) - sum(before.values())


def cpu_step_seconds():
    return 1 / os.sysconf("SC_CLK_TCK")


def capabilities(pid):
    """The effective capabilities of a process, as the kernel's bit set."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    raise KeyError("CapEff")
