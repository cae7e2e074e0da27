#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where the kernel path cannot be, or somebody is in its way: one line, and nothing is lost.

    gen ---- eth0  relay  eth1 ---- sink          (chain3)

A lockdown of the kernel, which refuses bpf(2) to a process that has all capabilities, is stood
for by a system call filter; RLIMIT_MEMLOCK counts no maps on the kernels that mcrd runs on.
"""

import os
import sys

import support  # pylint: disable=unused-import
from mcrlab import main, paths as harness_paths, scenario

from support_bpf import SYS, Map, detach_links, pin_array
from support_kernel import (AUTO, HOOKS, IN, OUT, at_hook, bpf_filesystem, by_kernel, paths, tc, took)
from support_rules import add, output, rule

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = {"rules": [rule(IN, 5000, output(OUT, 6000), id="cam")]}
SCAN = 500
EPERM = 1


def relayed(t, relay, kernel=None, what="relayed"):
    """500 datagrams reach the sink; `kernel`: how many of them the kernel relayed."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    before = relay.stats()
    t.gen("gen", "eth0", IN, 5000, rate=4000, count=SCAN)
    t.clean(sink.finish(SCAN), SCAN, what)
    if kernel is not None:
        after = t.conservation(relay)
        t.equal([b - a for a, b in zip(took(before), took(after))], [kernel, SCAN - kernel],
                f"{what}: by kernel, by workers")


def by_workers(t, line, reason, args=(), **options):
    """mcrd says `line` once, the rule its reason, and workers relay."""
    relay = t.mcrd("relay", args=AUTO + list(args), config=RULES, **options)
    t.equal(relay.log().count(line), 1, f"{line}: said once")
    t.equal(relay.log().count("workers relay all rules"), 1, f"{line}: the user path, said once")
    t.equal(paths(relay)["cam"], [("user", reason)], f"{line}: path and reason")
    relayed(t, relay, 0, line)
    relay.stop()


NOT_STARTED = "the kernel path could not be started: mcrd's log says why"
NO_RIGHT = "mcrd was started without CAP_BPF and CAP_NET_ADMIN"


@scenario("kernel path: no right, no kernel, no program for it", topology="chain3")
def not_started(t):
    """A feature that kernel or build lack is one line; of a verifier's log the last lines are
    printed."""
    by_workers(t, NO_RIGHT, NO_RIGHT,
               wrapper=["setpriv", "--bounding-set=-bpf,-sys_admin,-perfmon", "--"])
    by_workers(t, "Operation not permitted", NOT_STARTED,
               wrapper=[sys.executable, f"{HERE}/support_deny.py", SYS[0], EPERM])
    by_workers(t, " unbounded memory access, make sure to bounds check any such access; "
               "processed ", NOT_STARTED, program=harness_paths.test_program("mcrd-refused"))
    by_workers(t, "mcrd was built without clang or libbpf", "mcrd was built without clang or libbpf",
               program=harness_paths.test_program("mcrd-without-bpf"))
    for program, lacks in (("mcrd-without-bpf", True), ("mcrd-other-maps", False)):
        version = t.run(None, [harness_paths.test_program(program), "--version"]).stdout
        t.equal("(no kernel path: built without clang or libbpf)" in version, lacks,
                f"{program} --version")


@scenario("kernel path: an interface that takes no program", topology="chain3")
def no_room(t):
    """The hook has as many programs as it can, or its filters are shared: workers relay, and the
    next input that takes it has the kernel path."""
    if "tcx" in HOOKS:
        others = t.start("relay", [sys.executable, f"{HERE}/support_bpf.py", "eth0", 63, -1])
        t.wait_until(lambda: "63 attached" in others.stdout(), 10, "63 programs are there")
        relay = t.mcrd("relay", args=AUTO + ["--attach", "tcx"], config=RULES)
        t.equal(relay.log().count("input eth0 takes no tc program"), 1, "said once")
        t.true("63 programs are there" in relay.log(), "the reason")
        t.equal([path for path, _ in paths(relay)["cam"]], ["user"], "path")
        relayed(t, relay, 0, "a full hook")
        relay.stop()
        others.stop()
    tc(t, "qdisc", "add", "dev", "eth0", "ingress_block", "22", "clsact")
    relay = t.mcrd("relay", args=AUTO + ["--attach", "clsact"], config=RULES)
    t.equal(relay.log().count("input eth0 takes no tc program"), 1, "said once")
    t.equal([path for path, _ in paths(relay)["cam"]], ["user"], "path")
    relayed(t, relay, 0, "filters that are shared")
    relay.stop()


@scenario("kernel path: another program takes the frames first", topology="chain3")
def taken(t):
    """They reach neither path and no counter; without that program they are relayed again."""
    for hook in HOOKS:
        relay = t.mcrd("relay", args=AUTO + ["--attach", hook], config=RULES)
        by_kernel(t, relay, "cam")
        relayed(t, relay, SCAN, f"{hook}: before")
        if hook == "tcx":
            other = t.start("relay", [sys.executable, f"{HERE}/support_bpf.py", "eth0", 1, 2])
            t.wait_until(lambda: "1 attached" in other.stdout(), 10, "the other one is there")
        else:
            tc(t, "filter", "add", "dev", "eth0", "ingress", "pref", "5", "bpf", "da", "bytecode",
               "1,6 0 0 2,")
        sink = t.sink("sink", "eth0", OUT, 6000)
        t.gen("gen", "eth0", IN, 5000, rate=4000, count=SCAN)
        t.equal(sink.finish(0)["received"], 0, f"{hook}: received")
        totals = t.conservation(relay)["totals"]
        t.equal((totals["received"], totals["drops"]["not_matched"]), (SCAN, 0),
                f"{hook}: counted")
        if hook == "tcx":
            other.stop()
        else:
            tc(t, "filter", "del", "dev", "eth0", "ingress", "pref", "5")
        relayed(t, relay, SCAN, f"{hook}: after")
        relay.stop()


@scenario("kernel path: somebody takes the program away", topology="chain3", deadline_s=60)
def taken_away(t):
    """Workers relay meanwhile, and it is attached again, said once: 0 lost, 0 doubled."""
    for hook in HOOKS:
        relay = t.mcrd("relay", args=AUTO + ["--attach", hook], config=RULES)
        by_kernel(t, relay, "cam")
        sink = t.sink("sink", "eth0", OUT, 6000)
        gen = t.gen_start("gen", "eth0", IN, 5000, rate=4000, size=200)
        t.wait_until(lambda: sink.received() > 1000, 10, "the stream flows")
        if hook == "tcx":
            detach_links(relay.pid)
        else:
            tc(t, "qdisc", "del", "dev", "eth0", "clsact")
        t.wait_until(lambda: took(relay.stats())[1] > 0, 10, f"{hook}: workers relay")
        t.wait_until(lambda: "it is attached again" in relay.log(), 10, f"{hook}: repaired")
        before = took(relay.stats())[0]
        t.wait_until(lambda: took(relay.stats())[0] > before, 10, f"{hook}: the kernel relays")
        sent = gen.stop()["sent"]
        report = sink.finish(sent)
        t.equal((report["received"], report["lost"], report["duplicated"]), (sent, 0, 0),
                f"{hook}: received, lost, duplicated")
        t.conservation(relay)
        relay.stop()
        t.equal(at_hook(t), ("", False), f"{hook}: left at the hook")


@scenario("kernel path: a map that somebody has filled", topology="chain3", deadline_s=60)
def full(t):
    """A new rule is relayed by workers then; what fills the map is removed, and the kernel has it."""
    relay = t.mcrd("relay", args=AUTO)
    refs = Map(relay.pid)
    t.equal(refs.fill(), 32768, "elements that there is room for")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    relayed(t, relay)
    by_kernel(t, relay, "cam")
    relayed(t, relay, SCAN)
    t.equal(relay.log().count("changed by somebody else"), 1, "said once")
    refs.close()


@scenario("kernel path: a directory that cannot have pins", topology="chain3",
          root="a bpf file system")
def no_directory(t):
    """No bpf file system, another owner, others may write, another namespace: one line each."""
    by_workers(t, "is in no bpf file system", NOT_STARTED, pin=t.run_dir / "plain")
    by_workers(t, "/none/such/dir is in no bpf file system", NOT_STARTED, pin="/none/such/dir")
    with bpf_filesystem(t) as mount:
        foreign = mount / "foreign"
        foreign.mkdir(mode=0o700)
        os.chown(foreign, 1234, 1234)
        by_workers(t, "belongs to another user, or others may write into it", NOT_STARTED,
                   pin=foreign)
        os.chown(foreign, 0, 0)
        foreign.chmod(0o770)
        by_workers(t, "belongs to another user, or others may write into it", NOT_STARTED,
                   pin=foreign)
        other = t.mcrd("sink", args=AUTO, pin=mount / "mcr")
        other.kill()
        by_workers(t, "has pins of another network namespace", NOT_STARTED, pin=mount / "mcr")
        t.equal(len(os.listdir(mount / "mcr")), 4, "they stay")
        t.run("relay", [harness_paths.program("mcrd"), "--detach", "--pin", mount / "mcr"])
        t.true(not (mount / "mcr").exists(), "--detach removes them")


def break_pins(pins, how):
    """Of the four that a killed mcrd left."""
    [rules] = [name for name in os.listdir(pins) if name.endswith("-rules")]
    blocks = rules.replace("-rules", "-blocks")
    if how == "missing":
        os.unlink(pins / rules)
    elif how == "exchanged":
        os.rename(pins / rules, pins / "other")
        os.rename(pins / blocks, pins / rules)
        os.rename(pins / "other", pins / blocks)
    elif how == "another map":
        os.unlink(pins / blocks)
        pin_array(pins / blocks)


@scenario("kernel path: pins that are damaged or not ours", topology="chain3", deadline_s=60,
          root="a bpf file system")
def bad_pins(t):
    """They are replaced, with one line; files of others stay; the kernel relays, and nothing is
    lost."""
    with bpf_filesystem(t) as mount:
        pins = mount / "mcr"
        for how, part in (("missing", "rules"), ("exchanged", "rules"), ("another map", "blocks"),
                          ("maps of two", "program")):
            first = t.mcrd("relay", args=AUTO, config=RULES, pin=pins)
            by_kernel(t, first, "cam")
            first.kill()
            if how == "maps of two":
                os.rename(pins, mount / "kept")
                t.mcrd("relay", args=AUTO, pin=pins).kill()
                [name] = [name for name in os.listdir(pins) if name.endswith("-program")]
                os.unlink(pins / name)
                os.rename(mount / "kept" / name, pins / name)
                t.run("relay", [harness_paths.program("mcrd"), "--detach", "--pin", mount / "kept"])
            else:
                break_pins(pins, how)
            (pins / "foreign").mkdir()
            second = t.mcrd("relay", args=AUTO, config=RULES, pin=pins)
            t.equal(second.log().count(f"are damaged: {part} is not"), 1, f"{how}: said once")
            by_kernel(t, second, "cam")
            relayed(t, second, SCAN, how)
            second.stop()
            t.equal(os.listdir(pins), ["foreign"], f"{how}: left")
            (pins / "foreign").rmdir()
            pins.rmdir()


@scenario("kernel path: pins of another mark", topology="chain3", root="a bpf file system")
def other_mark(t):
    """They are those of an mcrd that was killed: the next one takes them away, and relays."""
    with bpf_filesystem(t) as mount:
        for hook in HOOKS:
            args = AUTO + ["--attach", hook]
            first = t.mcrd("relay", args=args + ["--mark-bit", "5"], config=RULES,
                           pin=mount / "mcr")
            by_kernel(t, first, "cam")
            first.kill()
            second = t.mcrd("relay", args=args, config=RULES, pin=mount / "mcr")
            t.equal(second.log().count("of an earlier mcrd that this one does not use"), 1,
                    f"{hook}: said once")
            by_kernel(t, second, "cam")
            relayed(t, second, SCAN, hook)
            t.true(all("-04000000-" in name for name in os.listdir(mount / "mcr")), "pins")
            second.stop()


if __name__ == "__main__":
    main()
