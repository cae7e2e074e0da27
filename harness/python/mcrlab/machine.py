# SPDX-License-Identifier: MIT
"""Description of the machine on which figures were measured."""

import os
import platform

GIB = 1 << 30


def machine():
    """Kernel, processor and memory; nothing that names the machine."""
    cpu = "unknown"
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                cpu = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB
    return {"kernel": platform.release(), "architecture": platform.machine(), "cpu": cpu,
            "cpus": os.sysconf("SC_NPROCESSORS_ONLN"), "memory_gb": round(memory, 1)}
