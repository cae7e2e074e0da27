# SPDX-License-Identifier: MIT
"""A control group of version 1 or 2 that bounds the CPU time of one process (cgroups(7))."""

import contextlib
import os
import tempfile
from pathlib import Path


def _cpu_root():
    """(Where groups with a bound on CPU time can be made, its version), or None."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, place, kind, options = line.split()[:4]
        if kind == "cgroup" and "cpu" in options.split(","):
            return Path(place), 1
        if kind == "cgroup2":
            bounded = Path(place, "cgroup.subtree_control").read_text(encoding="ascii").split()
            if "cpu" in bounded:
                return Path(place), 2
    return None


def _leave(group, root):
    for pid in Path(group, "cgroup.procs").read_text(encoding="ascii").split():
        with contextlib.suppress(ProcessLookupError):
            Path(root, "cgroup.procs").write_text(pid, encoding="ascii")
    os.rmdir(group)


@contextlib.contextmanager
def cpu_quota(t, pid, quota_us, period_us):
    """Within it the process gets no more than `quota_us` of CPU time in each `period_us`."""
    found = _cpu_root()
    if not found:
        t.skip("no control group here can bound CPU time")
    root, version = found
    group = Path(tempfile.mkdtemp(prefix="mcr-", dir=root))
    try:
        if version == 1:
            Path(group, "cpu.cfs_period_us").write_text(str(period_us), encoding="ascii")
            Path(group, "cpu.cfs_quota_us").write_text(str(quota_us), encoding="ascii")
        else:
            Path(group, "cpu.max").write_text(f"{quota_us} {period_us}", encoding="ascii")
        Path(group, "cgroup.procs").write_text(str(pid), encoding="ascii")
        yield
    finally:
        _leave(group, root)
