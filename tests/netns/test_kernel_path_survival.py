#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The kernel path outlives mcrd, the next one takes it over, and nothing is left of it at the end.

    gen ---- eth0  relay  eth1 ---- sink          (chain3)

The program is at tc ingress of the relay's eth0 as a tcx link or as a filter of a clsact qdisc;
most scenarios are run with both.  A tcx link that is to outlive its process must be pinned, a
filter outlives it by itself.

    gen ---- p1  switch  p2 ---- eth0  relay  eth1 ---- sink
                   p3 ---- idle
"""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths as harness_paths, scenario
from mcrlab.binary import other_version, own_mcrd, replace

from support_kernel import (AUTO, HOOKS, IN, OUT, answers, at_hook, bpf_filesystem, by_kernel,
                            kernel_relay, paths, tc, took)
from support_rules import add, output, rule

RULES = {"rules": [rule(IN, 5000, output(OUT, 6000), id="cam")]}
ROOT = "a bpf file system"


def silent(t, what):
    """Nothing of a stream reaches the sink."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
    t.equal(sink.finish(0)["received"], 0, f"received {what}")


def flows(t, sink, what, datagrams=2000):
    arrived = sink.received()
    t.wait_until(lambda: sink.received() > arrived + datagrams, 10, f"the stream flows {what}")


def detach(t, *args, check=True):
    """What mcrd --detach says."""
    return t.run("relay", [harness_paths.program("mcrd"), "--detach", *args],
                 check=check).stderr


@scenario("kernel path: the end takes the program away", topology="chain3")
def end(t):
    """SIGTERM leaves nothing at the hook; killed without a pin, a filter goes on until --detach."""
    for hook in HOOKS:
        relay, sink = kernel_relay(t, "--attach", hook)
        t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
        t.clean(sink.finish(500), 500)
        filters, qdisc = at_hook(t)
        t.equal((bool(filters), qdisc), (hook == "clsact",) * 2, f"{hook}: filter, qdisc")
        relay.stop()
        t.equal(at_hook(t), ("", False), f"{hook}: at the hook after SIGTERM")
        silent(t, f"after SIGTERM, {hook}")
        relay, sink = kernel_relay(t, "--attach", hook)
        relay.kill()
        if hook == "clsact":
            t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
            t.clean(sink.finish(500), 500, "without any process")
            t.true("0 pins and 1 tc filters removed" in detach(t, "--pin", "none"), "--detach")
        t.equal(at_hook(t), ("", False), f"{hook}: at the hook at last")
        silent(t, f"at last, {hook}")


@scenario("kernel path: filters and qdiscs of others stay", topology="chain3")
def others_stay(t):
    """A qdisc and filters that were there, or came meanwhile, are as they were after the end."""
    foreign = ["filter", "add", "dev", "eth0", "ingress", "pref", "50", "bpf", "bytecode",
               "1,6 0 0 0,"]
    for before in (True, False):
        if before:
            tc(t, "qdisc", "add", "dev", "eth0", "clsact")
            tc(t, *foreign)
        relay, sink = kernel_relay(t, "--attach", "clsact")
        if not before:
            tc(t, *foreign)
        filters, _ = at_hook(t)
        t.equal(filters.count("mcr-"), 1, "filters of mcrd")
        t.true(filters.index("pref 26 ") < filters.index("pref 50 "), "ours is the first")
        t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
        t.clean(sink.finish(500), 500)
        relay.stop()
        filters, qdisc = at_hook(t)
        t.equal(("mcr-" in filters, "pref 50 " in filters, qdisc), (False, True, True),
                "ours, the other one, the qdisc")
        tc(t, "qdisc", "del", "dev", "eth0", "clsact")
    tc(t, "qdisc", "add", "dev", "eth0", "ingress")
    relay, sink = kernel_relay(t, "--attach", "clsact")
    t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
    t.clean(sink.finish(500), 500, "beside an ingress qdisc")
    relay.stop()
    t.equal(at_hook(t)[0], "", "filters")
    t.true("ingress" in tc(t, "qdisc", "show", "dev", "eth0"), "the ingress qdisc stays")


def next_goes_on(t, first, second_args, sink, gen, second_program=None):
    """Kills `first` under the stream; the next one has lost and doubled nothing, and is returned."""
    flows(t, sink, "with the first one")
    first.kill()
    flows(t, sink, "without any process")
    second = t.mcrd("relay", args=second_args, config=RULES, program=second_program)
    flows(t, sink, "with the next one")
    by_kernel(t, second, "cam")
    flows(t, sink, "in the kernel")
    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.equal((report["received"], report["lost"], report["duplicated"]), (sent, 0, 0),
            "received, lost, duplicated")
    return second, sent


@scenario("kernel path: the supervisor is killed, and the next one goes on", topology="chain3",
          deadline_s=120, root=ROOT)
def supervisor_dies(t):
    """The kernel relays while no process of mcrd is alive; the next mcrd takes over program, maps
    and counters, 0 lost, and SIGTERM removes all."""
    with bpf_filesystem(t) as mount:
        for hook in HOOKS:
            args = AUTO + ["--pin", mount / "mcr", "--attach", hook]
            first = t.mcrd("relay", args=args, config=RULES)
            by_kernel(t, first, "cam")
            sink = t.sink("sink", "eth0", OUT, 6000)
            gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
            second, sent = next_goes_on(t, first, args, sink, gen)
            t.true("what an earlier mcrd left goes on" in second.log(), "it says so")
            stats = t.conservation(second)
            t.equal(took(stats), (sent, 0), f"{hook}: by kernel, by workers")
            one = stats["rules"][0]
            t.equal((one["matched"], one["outputs"][0]["sent"]), (sent, sent),
                    f"{hook}: matched and sent, over both")
            second.stop()
            t.true(not (mount / "mcr").exists(), f"{hook}: the directory is gone after SIGTERM")
            t.equal(at_hook(t), ("", False), f"{hook}: at the hook after SIGTERM")


@scenario("kernel path: an earlier mcrd left another program", topology="chain3", deadline_s=120,
          root=ROOT)
def other_program(t):
    """Maps of another version, or a filter without pins: the next one relays with a program of its
    own, and takes the old one away when its workers have the rules: 0 lost, 0 doubled."""
    other = harness_paths.test_program("mcrd-other-maps")
    with bpf_filesystem(t) as mount:
        for hook, pin, program in [(hook, mount / "mcr", other) for hook in HOOKS] + [
                ("clsact", "none", None)]:
            args = AUTO + ["--pin", pin, "--attach", hook]
            first = t.mcrd("relay", args=args, config=RULES, program=program)
            by_kernel(t, first, "cam")
            sink = t.sink("sink", "eth0", OUT, 6000)
            gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
            second, sent = next_goes_on(t, first, args, sink, gen)
            t.equal(second.log().count("of an earlier mcrd that this one does not use"), 1,
                    f"{hook}, {pin}: said once")
            t.between(took(t.conservation(second))[0], 1, sent, "relayed by its own program")
            second.stop()
            t.equal(((mount / "mcr").exists(), at_hook(t)), (False, ("", False)),
                    f"{hook}, {pin}: left")


@scenario("kernel path: an upgrade to maps of another version is refused", topology="chain3",
          deadline_s=60)
def upgrade_refused(t):
    """Nothing has changed then; one to the same maps hands filter and qdisc over and loses
    nothing."""
    relay, binary = own_mcrd(t, "relay", args=AUTO + ["--attach", "clsact"], config=RULES)
    content, version = other_version(binary)
    by_kernel(t, relay, "cam")
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    flows(t, sink, "before")
    replace(binary, Path(harness_paths.test_program("mcrd-other-maps")).read_bytes())
    relay.send_signal(signal.SIGUSR2)
    t.wait_until(lambda: "upgrade refused" in relay.log(), 20, "refused")
    t.true("speaks other versions" in relay.log(), "the reason")
    flows(t, sink, "after the refusal")
    replace(binary, content)
    t.equal(relay.rpc("Upgrade", deadline_s=20)["version"], version, "answer to Upgrade")
    t.wait_until(lambda: answers(relay), 10, "the new control answers")
    flows(t, sink, "after the upgrade")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.equal(took(t.conservation(relay)), (sent, 0), "by kernel, by workers")
    relay.stop()
    t.equal(at_hook(t), ("", False), "at the hook after SIGTERM")


# --- memberships ---

SNOOPED = {
    "nodes": {"gen": {}, "switch": {}, "relay": {}, "idle": {}, "sink": {}},
    "links": [
        {"ends": [{"at": "gen:eth0", "addresses": ["10.20.0.100/24"]}, {"at": "switch:p1"}]},
        {"ends": [{"at": "switch:p2"}, {"at": "relay:eth0", "addresses": ["10.20.0.1/24"]}]},
        {"ends": [{"at": "switch:p3"}, {"at": "idle:eth0", "addresses": ["10.20.0.2/24"]}]},
        {"ends": [{"at": "relay:eth1", "addresses": ["10.90.1.1/24"]},
                  {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]}],
    "bridges": [{"at": "switch:br0", "ports": ["p1", "p2", "p3"]}],
}
LAST_MEMBER_S = 2 * 2  # that the switch waits after a leave: two queries, two seconds each
RATE = int(os.environ.get("MCR_SURVIVAL_RATE", "8000"))


def snoop(t):
    """The switch keeps the stream from ports without members; times in hundredths of a second."""
    t.run("switch", ["ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1",
                     "mcast_query_response_interval", "10", "mcast_query_interval", "100",
                     "mcast_membership_interval", "500", "mcast_startup_query_interval", "50",
                     "mcast_last_member_count", "2",
                     "mcast_last_member_interval", str(LAST_MEMBER_S * 50),
                     "mcast_querier", "1"])


def members(t):
    """Ports of the switch with members of the group."""
    entries = json.loads(t.run("switch", ["bridge", "-json", "mdb", "show", "dev", "br0"]).stdout)
    return {entry["port"] for one in entries for entry in one["mdb"] if entry["grp"] == IN}


def pruned(t):
    """Do frames of the group stay away from the idle port?"""
    before = frames_in(t, "idle")
    t.gen("gen", "eth0", IN, 5000, count=200, rate=4000)
    return frames_in(t, "idle") - before < 100


def frames_in(t, node):
    [link] = json.loads(t.run(node, ["ip", "-json", "-stats", "link", "show", "eth0"]).stdout)
    return link["stats64"]["rx"]["packets"]


@scenario("kernel path: the next mcrd joins before a snooping switch has pruned the stream",
          topology=SNOOPED, deadline_s=120, root=ROOT)
def rejoined(t):
    """The kernel leaves the groups of a killed supervisor; the next one has joined before the
    switch's last query for members goes unanswered, and 0 are lost. Without it the stream ends."""
    snoop(t)
    with bpf_filesystem(t) as mount:
        args = AUTO + ["--pin", mount / "mcr"]
        first = t.mcrd("relay", args=args, config=RULES)
        by_kernel(t, first, "cam")
        t.wait_until(lambda: members(t) == {"p2"}, 20, "the switch knows the member")
        t.wait_until(lambda: pruned(t), 20, "the switch keeps the group from the idle port")
        sink = t.sink("sink", "eth0", OUT, 6000)
        before = frames_in(t, "idle")
        gen = t.gen_start("gen", "eth0", IN, 5000, rate=RATE, size=200, first_flow=1000)
        flows(t, sink, "with the first one")
        first.kill()
        flows(t, sink, "without any process")
        second = t.mcrd("relay", args=args, config=RULES)
        by_kernel(t, second, "cam")
        flows(t, sink, "longer than the switch waits for members", 5 * LAST_MEMBER_S * RATE // 4)
        t.equal(members(t), {"p2"}, "members that the switch knows")
        sent = gen.stop()["sent"]
        report = sink.finish(sent)
        t.equal((report["received"], report["lost"], report["duplicated"]), (sent, 0, 0),
                "received, lost, duplicated")
        t.between(frames_in(t, "idle") - before, 0, 100, "frames at the idle port")
        second.kill()
        t.wait_until(lambda: not members(t), 10 * LAST_MEMBER_S, "the switch has pruned the port")
        silent(t, "when nobody has joined again")
        detach(t, "--pin", mount / "mcr")


# --- where pins lie ---


@contextlib.contextmanager
def own_mounts():
    """Words that start a program where /sys/fs/bpf is a bpf file system of its own; and its path."""
    script = "mount -t bpf bpf /sys/fs/bpf && echo ready && exec sleep infinity"
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", script],
                          stdout=subprocess.PIPE, text=True) as holder:
        try:
            if holder.stdout.readline() != "ready\n":
                raise RuntimeError("no mount namespace with a bpf file system")
            yield (["nsenter", "--mount", "--target", str(holder.pid)],
                   f"/proc/{holder.pid}/root/sys/fs/bpf")
        finally:
            holder.kill()


def pins_in(bpf):
    """WHAT of all pins by directory, below the directory of mcrd."""
    if not os.path.isdir(bpf + "/mcr"):
        return None
    return {name: sorted(pin.split("-", 4)[4] for pin in os.listdir(f"{bpf}/mcr/{name}"))
            for name in os.listdir(bpf + "/mcr")}


@scenario("kernel path: pins without an option", topology="relays3", deadline_s=60, root=ROOT)
def usual_pins(t):
    """Daemons of two namespaces, and two of one, have a directory each; the end removes its own."""
    files = ["blocks", "counters", "program", "rules"]

    def start(node, *args):
        return t.mcrd(node, wrapper=enter, args=AUTO + list(args), pin=None)

    with own_mounts() as (enter, bpf):
        one, two, three = start("r1"), start("r2"), start("r2", "--mark-bit", "5")
        t.equal(sorted(pins_in(bpf).values()), [files] * 3, "pins of three daemons")
        t.equal(sorted(name.split("-")[1] for name in pins_in(bpf)), ["26", "26", "5"], "marks")
        two.stop()
        t.equal(len(pins_in(bpf)), 2, "directories when one has ended")
        three.kill()
        t.equal(len(pins_in(bpf)), 2, "directories when another one was killed")
        t.true("4 pins and 0 tc filters removed" in
               t.run("r2", [*enter, harness_paths.program("mcrd"), "--detach",
                                "--mark-bit", "5"]).stderr, "--detach finds them by itself")
        t.equal(len(pins_in(bpf)), 1, "directories after --detach")
        one.stop()
        t.equal(pins_in(bpf), None, "the directory of all")


@scenario("kernel path: no bpf file system where pins usually lie", topology="chain3")
def no_usual_place(t):
    """The kernel path is there without pins, which is said."""
    empty = t.run_dir / "empty"
    empty.mkdir()
    wrapper = ["unshare", "--mount", "sh", "-c",
               f"mount --bind {empty} /sys/fs && exec \"$@\"", "sh"]
    relay = t.mcrd("relay", wrapper=wrapper, args=AUTO, config=RULES, pin=None)
    by_kernel(t, relay, "cam")
    t.equal(relay.log().count("the kernel path ends with mcrd"), 1, "said once")


# --- one daemon for each mark and directory ---


@scenario("kernel path: a second mcrd with the same mark or directory", topology="chain3",
          root=ROOT)
def second_daemon(t):
    """It says so in one line and relays with workers; --detach touches nothing of one that runs."""
    with bpf_filesystem(t) as mount:
        relay, sink = kernel_relay(t, "--pin", mount / "mcr")
        for args, line in ((["--pin", "none"], "in this network namespace has bit 26 of the mark"),
                           (["--pin", mount / "mcr", "--mark-bit", "5"],
                            "is that of another mcrd")):
            second = t.mcrd("relay", args=AUTO + args)
            t.equal(second.log().count(line), 1, f"{line}: said once")
            add(t, second, rule("239.1.1.9", 5000, output("239.2.2.9", 6000), id="own"))
            t.equal([path for path, _ in paths(second)["own"]], ["user"], "path")
            second.stop()
        t.true("an mcrd with bit 26 of the mark runs here" in
               detach(t, "--pin", mount / "mcr", check=False), "--detach, the same mark")
        t.true("is that of an mcrd that runs" in
               detach(t, "--pin", mount / "mcr", "--mark-bit", "5", check=False),
               "--detach, the same directory")
        t.gen("gen", "eth0", IN, 5000, rate=4000, count=500)
        t.clean(sink.finish(500), 500, "the first one")
        t.equal(took(t.conservation(relay)), (500, 0), "by kernel, by workers")


if __name__ == "__main__":
    main()
