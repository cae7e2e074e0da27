# SPDX-License-Identifier: MIT
"""The kernel path in tests, and differences between the kernels that MCR runs on."""

import contextlib
import os
import re

from mcrlab.process import ProcessError

from support_rules import add, output, rule, rules_by_id

IN = "239.1.1.1"
OUT = "239.2.2.2"
AUTO = ["--path", "auto"]

KERNEL = tuple(int(number) for number in re.match(r"(\d+)\.(\d+)", os.uname().release).groups())
READS_SUPERS = KERNEL >= (6, 2)  # packet sockets deliver super-datagrams of UDP

HOOKS = ("tcx", "clsact") if KERNEL >= (6, 6) else ("clsact",)  # of `--attach`


def need_supers(t):
    """Skips where no packet socket delivers a super-datagram of UDP."""
    if not READS_SUPERS:
        t.skip("before Linux 6.2 packet sockets deliver no super-datagrams of UDP")


def paths(relay):
    """(path, reason) of every output, by rule id."""
    return {name: [(one["path"], one["path_reason"]) for one in found["outputs"]]
            for name, found in rules_by_id(relay).items()}


def by_kernel(t, relay, name):
    """Waits until the kernel has the rule: a source address may have to be asked for first."""
    t.wait_until(lambda: all(path == "kernel" for path, _ in paths(relay)[name]), 5,
                 f"{name} in the kernel")


def kernel_relay(t, *args):
    """(relay, sink) of one rule, "cam", that the kernel relays."""
    relay = t.mcrd("relay", args=AUTO + list(args))
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    by_kernel(t, relay, "cam")
    return relay, t.sink("sink", "eth0", OUT, 6000)


def took(stats):
    """(datagrams that the kernel path took, that workers took)."""
    return (stats["kernel_path"]["received"],
            sum(one["received"] for one in stats["workers"]))


def answers(relay):
    try:
        return relay.rpc("Ping")["pong"]
    except (OSError, ProcessError):
        return False


@contextlib.contextmanager
def bpf_filesystem(t):
    """A bpf file system of its own, mounted."""
    mount = t.run_dir / "bpf"
    mount.mkdir()
    t.run(None, ["mount", "-t", "bpf", "bpf", mount])
    try:
        yield mount
    finally:
        t.run(None, ["umount", "-l", mount])


def tc(t, *words, node="relay", check=True):
    """What tc(8) prints in a node."""
    return t.run(node, ["tc", *words], check=check).stdout.strip()


def at_hook(t, interface="eth0"):
    """(filters, clsact qdisc) of an interface, as tc(8) shows them."""
    return (tc(t, "filter", "show", "dev", interface, "ingress"),
            "clsact" in tc(t, "qdisc", "show", "dev", interface))
