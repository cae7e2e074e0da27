#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Super-datagrams: they arrive as one buffer and leave as the datagrams that were sent.

    gen ---- eth0 (GRO)  relay  eth1 ---- sink

A super-datagram reaches the relay in two ways: merged by GRO at its input, or never cut at the
sender, because a virtual wire hands over what its interface would have cut.  In every scenario
the number of frames received, smaller than that of datagrams, shows that there were any.
"""

import json
import os
import sys
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_kernel import READS_SUPERS, need_supers
from support_rules import add, dumped, held, nonzero, output, rule

HERE = Path(__file__).resolve().parent
IN, OUT = "239.1.1.1", "239.2.2.2"


def whole_supers(t):
    """The sender's interface takes super-datagrams as they are."""
    need_supers(t)
    t.run("gen", ["ethtool", "-K", "eth0", "tx-udp-segmentation", "on"])


def send_plan(t, plan, hold=False, path="auto"):
    """Send by plan through a relay; the same datagrams must arrive, in order, byte for byte."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), path=path))
    arrived, sent = t.run_dir / "arrived", t.run_dir / "sent"
    count = sum(-(-total // segment) for segment, total in plan)
    sink = t.sink("sink", "eth0", OUT, 6000, dump=arrived)
    with held(t, relay.children("--role=worker") if hold else []):
        t.run("gen", [sys.executable, f"{HERE}/support_super.py", "eth0", IN, 5000,
                      json.dumps(plan), sent])
    report = sink.finish(count)
    t.equal((report["received"], report["sink_drops"]), (count, 0), "received, sink drops")
    got, expected = dumped(arrived), dumped(sent)
    t.equal([len(one) for one in got], [len(one) for one in expected], "sizes in order")
    t.true(got == expected, "payloads are what was sent, in order, byte for byte")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["matched"], totals["sent"], nonzero(totals["drops"])),
            (count, count, count, {}), "counted as datagrams: received, matched, sent, drops")
    t.equal(totals["bytes"], sum(total for _, total in plan), "payload bytes")
    t.equal(totals["frames"], len(plan), "frames")
    return totals


@scenario("super-datagrams of equal sizes leave as they were sent", topology="gro")
def equal_sizes(t):
    """Full super-datagrams, up to the 64 KB that one can hold."""
    whole_supers(t)
    send_plan(t, [(1400, 1400 * 46)] * 10 + [(100, 6400)] * 10 + [(1472, 1472 * 44)] * 5)


@scenario("super-datagrams whose last datagram is shorter leave as they were sent", topology="gro")
def shorter_last(t):
    """The odd rest stays a datagram of its own, and in its place."""
    whole_supers(t)
    send_plan(t, [(1400, 1400 * 9 + 1), (1400, 1400 * 9 + 1399), (500, 500 * 60 + 7),
                  (1, 64), (9, 9 * 20 + 3)] * 4)


@scenario("super-datagrams of mixed sizes leave as they were sent", topology="gro")
def mixed_sizes(t):
    """Sizes that change from one super-datagram to the next, with single datagrams between."""
    whole_supers(t)
    send_plan(t, [(1000, 20000), (300, 300), (1000, 12345), (1400, 1400), (1400, 1400),
                  (700, 700 * 40 + 10), (10, 10), (1472, 1472 * 3), (1400, 1401)] * 5)


@scenario("a worker that is behind gathers datagrams of mixed sizes into few sends", topology="gro")
def gathered(t):
    """A worker that finds much at once puts it into few sends; sizes and order stay."""
    whole_supers(t)
    plan = [(1000, 5000), (1000, 1000), (1000, 999), (1000, 3000), (1000, 3001), (1000, 2000),
            (1, 1), (1, 1), (1400, 1400), (1400, 1400), (1400, 5), (1400, 1400), (8, 80)] * 10
    totals = send_plan(t, plan, hold=True, path="user")  # the kernel path does not gather
    t.true(totals["send_calls"] < len(plan), f"{totals['send_calls']} sends for {len(plan)} "
           "frames: nothing was gathered")
    t.note(f"{totals['sent']} datagrams in {totals['frames']} frames, {totals['send_calls']} sends")


@scenario("a worker that is behind gathers each of many streams into few sends", topology="chain3")
def gathered_streams(t):
    """40 streams of single datagrams, with sizes that change, leave in few sends, each in order."""
    relay = t.mcrd("relay", config={"rules": [
        rule(IN, 5000 + n, output(OUT, 6000 + n), path="user") for n in range(40)]})
    sink = t.sink("sink", "eth0", OUT, 6000, flows=40)
    gen = t.gen_start("gen", "eth0", IN, 5000, hold=True, flows=40, count=40 * 90,
                      size="1400,1400,1400,700,1400,64,64,64,64,1")
    with held(t, relay.children("--role=worker")):
        gen.finish()
    report = sink.finish(40 * 90)
    # One of ten has no room for a sequence number.
    t.equal([report[key] for key in ("received", "unique", "duplicated", "reordered", "corrupt")],
            [40 * 90, 40 * 81, 0, 0, 0], "received, unique, duplicated, reordered, corrupt")
    totals = t.conservation(relay)["totals"]
    t.true(totals["send_calls"] < 40 * 90 / 2, f"{totals['send_calls']} sends: nothing gathered")
    t.note(f"{totals['sent']} datagrams in {totals['send_calls']} sends")


@scenario("super-datagrams of 128 datagrams leave as they were sent", topology="gro")
def most_segments(t):
    """As many as this kernel's senders may put into one; older kernels take 64 when it leaves."""
    whole_supers(t)
    probe = t.run("gen", [sys.executable, f"{HERE}/support_super.py", "eth0", "239.9.9.9", 9,
                          json.dumps([(100, 12800)]), os.devnull], check=False)
    if probe.returncode:
        t.skip("this kernel sends no more than 64 datagrams at once")
    send_plan(t, [(100, 12800), (400, 400 * 127 + 1), (50, 50 * 128)] * 4)


@scenario("super-datagrams arrive with GRO off at the input", topology="chain3")
def gro_off(t):
    """A virtual wire brings them all the same; the receive buffers must be large enough."""
    whole_supers(t)
    t.equal("rx-udp-gro-forwarding: off" in t.run("relay", ["ethtool", "-k", "eth0"]).stdout, True,
            "GRO is off")
    send_plan(t, [(1400, 1400 * 46), (1400, 1400 * 9 + 77), (64, 64 * 60), (900, 900)] * 5)


@scenario("super-datagrams that the configuration rules out are dropped as oversize", topology="chain3")
def oversize(t):
    """With `"gro": false` the buffers are those of the MTU; what is larger is dropped.

    The kernel path has no buffers, and would relay it.
    """
    whole_supers(t)
    relay = t.mcrd("relay", config={"gro": {"eth0": False},
                                    "rules": [rule(IN, 5000, output(OUT, 6000), path="user")]})
    sink = t.sink("sink", "eth0", OUT, 6000)
    plan = [(1400, 14000), (1400, 1400)] * 5
    t.run("gen", [sys.executable, f"{HERE}/support_super.py", "eth0", IN, 5000, json.dumps(plan),
                  os.devnull])
    t.equal(sink.finish(5)["received"], 5, "received: those that fit")
    totals = t.conservation(relay)["totals"]
    # A frame that was cut is not looked into, so it counts as one.
    t.equal((totals["received"], totals["matched"], nonzero(totals["drops"])),
            (10, 5, {"oversize": 5}), "received, matched, drops")


@scenario("datagrams that GRO merges leave one by one and in order", topology="gro")
def merged(t):
    """Datagrams sent one by one, merged at the input, leave one by one and in order.

    How many GRO merges depends on what arrives together; that it merges any is checked.
    """
    need_supers(t)
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=16000, burst=64, segment=32, count=6400, size=1000)
    t.clean(sink.finish(6400), 6400)
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["sent"], nonzero(totals["drops"])), (6400, 6400, {}),
            "received, sent, drops")
    t.true(totals["frames"] < 6400, f"{totals['frames']} frames for 6400 datagrams: none merged")
    t.note(f"6400 datagrams in {totals['frames']} frames, {totals['send_calls']} sends")


@scenario("GRO that the configuration switches on is put back at the end", topology="chain3")
def switched_on(t):
    """`"gro": true` merges, and the setting is as before once the relay has ended."""
    def setting():
        text = t.run("relay", ["ethtool", "-k", "eth0"]).stdout
        return [line.split()[1] for line in text.splitlines() if "rx-udp-gro-forwarding" in line]

    need_supers(t)
    t.equal(setting(), ["off"], "before")
    relay = t.mcrd("relay", config={"gro": {"eth0": True},
                                    "rules": [rule(IN, 5000, output(OUT, 6000))]})
    t.equal(setting(), ["on"], "while it runs")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=16000, burst=64, segment=32, count=3200, size=1000)
    t.clean(sink.finish(3200), 3200)
    totals = t.conservation(relay)["totals"]
    t.true(totals["frames"] < 3200, f"{totals['frames']} frames for 3200 datagrams: none merged")
    relay.stop()
    t.equal(setting(), ["off"], "afterwards")


@scenario("super-datagrams that the kernel cannot deliver are counted", topology="gro")
def unreadable(t):
    """Each is counted; datagrams between them and from elsewhere are relayed; the log has one
    line."""
    if READS_SUPERS:
        t.skip("from Linux 6.2 on packet sockets deliver super-datagrams of UDP")
    t.run("gen", ["ethtool", "-K", "eth0", "tx-udp-segmentation", "on"])
    relay = t.mcrd("relay", config={"gro": {"eth0": True},
                                    "rules": [rule(IN, 5000, output(OUT, 6000))]})
    features = t.run("relay", ["ethtool", "-k", "eth0"]).stdout
    t.true("rx-udp-gro-forwarding: off" in features, "GRO of UDP is off while the relay runs")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.run("gen", [sys.executable, f"{HERE}/support_super.py", "eth0", IN, 5000,
                  json.dumps([(1400, 14000), (1400, 1400)] * 100), os.devnull])
    t.equal(sink.finish(100)["received"], 100, "received: those between")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["frames"], totals["matched"], totals["drops"]["unreadable"]), (200, 100, 100),
            "frames, matched, unreadable")
    t.equal(relay.log().count("interface eth0: this kernel cannot deliver"), 1, "lines that say it")


@scenario("super-datagrams go to three outputs", topology="fanout3")
def to_three(t):
    """One buffer, three interfaces, the same datagrams on each."""
    whole_supers(t)
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, *[output(OUT, 6000, f"eth{n}") for n in (1, 2, 3)]))
    sinks = [t.sink(f"sink{n}", "eth0", OUT, 6000) for n in (1, 2, 3)]
    t.gen("gen", "eth0", IN, 5000, rate=16000, segment=40, count=4000, size=1400)
    for sink in sinks:
        t.clean(sink.finish(4000), 4000, sink.name)
    totals = t.conservation(relay)["totals"]
    t.equal((totals["frames"], totals["received"], totals["sent"]), (100, 4000, 12000),
            "frames, received, sent")


@scenario("super-datagrams above the output MTU leave in fragments", topology={
    "name": "gro_asym",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [{"mtu": 9000, "ends": [
                   {"at": "gen:eth0", "addresses": ["10.10.1.100/24"]},
                   {"at": "relay:eth0", "addresses": ["10.20.0.1/24"]}]},
              {"ends": [{"at": "relay:eth1", "addresses": ["10.90.1.1/24"]},
                        {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]}]})
def above_the_mtu(t):
    """Datagrams of 4000 bytes in super-datagrams leave one by one, each as fragments.

    The kernel path leaves these to a worker, and the others of the stream may overtake them.
    """
    whole_supers(t)
    send_plan(t, [(4000, 4000 * 12), (4000, 4000 * 5 + 100), (1400, 1400 * 40)] * 4, path="user")


if __name__ == "__main__":
    main()
