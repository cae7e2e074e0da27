#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Frames in a socket's queue are relayed or counted when the input is changed or closed.

    gen ---- eth0  relay  eth1 ---- sink

An overload fills the queue: 40 outputs, of which one is looked at.
"""

import json
import os
import re

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import group_at, nonzero, output, rule

IN, FIRST_OUT = "239.1.1.1", "239.2.2.1"
OUTPUTS, COUNT = 40, 60000
STREAMS = 16
FINAL = re.compile(r"\[STATS:Ingress FINAL\] total: recv=(\d+) matched=(\d+) egr_sent=(\d+)")


def fan(**settings):
    """A rule of workers: the kernel path has no queue that could be full."""
    return {**settings, "rules": [rule(IN, 5000, *[output(group_at(FIRST_OUT, n), 6000)
                                                   for n in range(OUTPUTS)], path="user")]}


def load(t, relay, config):
    answer = relay.rpc("LoadConfig", {"text": json.dumps(config), "replace": True})
    t.equal([answer[key] for key in ("added", "replaced", "removed")], [0, 0, 0],
            "rules added, replaced, removed")


def fill(t, relay):
    """Offers more than is carried, and returns when the last has been sent, not received."""
    sent = t.gen("gen", "eth0", IN, 5000, rate=40000, count=COUNT, size="100-1400")["sent"]
    t.true(relay.stats()["totals"]["received"] < sent, "something lies in the queue")
    return sent


def all_is_counted(t, relay, sent):
    """The queue drops datagrams while it is full; all others are relayed."""
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= sent, 60, "all in a counter")
    t.wait_until(lambda: len({out["matched"] for one in relay.stats()["rules"]
                              for out in one["outputs"]} | {relay.stats()["totals"]["matched"]}) == 1,
                 60, "all that is matched has left")
    totals = t.conservation(relay)["totals"]
    t.equal(totals["received"], sent, "received")
    t.equal(set(nonzero(totals["drops"])) - {"socket_queue"}, set(), "reasons of drops")
    return totals


@scenario("a full queue loses nothing when GRO is switched", topology="chain3", deadline_s=120)
def gro(t):
    """Off, on, and off again."""
    relay = t.mcrd("relay", config=fan(gro={"eth0": False}))
    sent = fill(t, relay)
    lost = relay.stats()["totals"]["drops"]["socket_queue"]
    load(t, relay, fan(gro={"eth0": True}))
    load(t, relay, fan(gro={"eth0": False}))
    totals = all_is_counted(t, relay, sent)
    t.equal(totals["drops"]["socket_queue"], lost, "lost in the queue, before and after")
    t.note(f"{totals['matched']} of {sent} relayed")


@scenario("a full queue loses nothing when the MTU is raised", topology="chain3", deadline_s=120)
def mtu(t):
    """Larger frames need larger buffers, not another socket."""
    relay = t.mcrd("relay", config=fan(gro={"eth0": False}))
    sent = fill(t, relay)
    lost = relay.stats()["totals"]["drops"]["socket_queue"]
    t.run("relay", ["ip", "link", "set", "eth0", "mtu", "4000"])
    t.run("gen", ["ip", "link", "set", "eth0", "mtu", "4000"])
    totals = all_is_counted(t, relay, sent)
    t.equal(totals["drops"]["socket_queue"], lost, "lost in the queue, before and after")
    t.gen("gen", "eth0", IN, 5000, rate=100, count=50, size=3900)
    t.wait_until(lambda: relay.stats()["totals"]["matched"] == totals["matched"] + 50, 10,
                 "frames of the new size are relayed")


@scenario("a full queue is counted when its input is closed", topology="chain3", deadline_s=120)
def closed(t):
    """Its last rule goes: the rest of the queue has a counter."""
    relay = t.mcrd("relay", config=fan(gro={"eth0": False}))
    sent = fill(t, relay)
    relay.rpc("LoadConfig", {"text": '{"rules": []}', "replace": True})
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= sent, 20, "all in a counter")
    totals = t.conservation(relay)["totals"]
    t.equal(totals["received"], sent, "received")
    t.equal(set(nonzero(totals["drops"])) - {"socket_queue", "not_matched"}, set(),
            "reasons of drops")


@scenario("a full queue is relayed or counted at SIGTERM", topology="chain3", deadline_s=120)
def ended(t):
    """Some of it is relayed, the rest is counted, and the log says under which name."""
    relay = t.mcrd("relay", config=fan(gro={"eth0": False}))
    sent = fill(t, relay)
    _, log = relay.stop()
    received, matched, egress = map(int, FINAL.search(log).groups())
    t.equal(received, sent, "received, in the last line")
    t.equal(egress, matched * OUTPUTS, "sent, in the last line")
    lost = re.search(r"not relayed since the start: socket_queue (\d+)", log)
    t.equal(int(lost.group(1)) if lost else 0, sent - matched, "socket_queue, at the end")
    t.note(f"{matched} of {sent} relayed")


def streams(steering, cpus):
    return {"workers": 2, "steering": {"eth0": steering}, "pinning": {"eth0": cpus} if cpus else {},
            "rules": [rule(group_at(IN, n), 5000, output(group_at(FIRST_OUT, n), 6000))
                      for n in range(STREAMS)]}


@scenario("streams lose nothing when steering and pinning change", topology="chain3", deadline_s=120)
def steering(t):
    """Rule, CPU, one worker, the other, both: nothing is lost and nothing comes twice."""
    if len(os.sched_getaffinity(0)) < 2:
        t.skip("needs two CPUs")
    relay = t.mcrd("relay", num_workers=None, config=streams("rule", []))
    sink = t.sink("sink", "eth0", [group_at(FIRST_OUT, n) for n in range(STREAMS)], 6000,
                  flows=1)
    gens = [t.gen_start("gen", "eth0", group_at(IN, n), 5000, rate=500, size=200, first_flow=n,
                        cpu=n % 2) for n in range(STREAMS)]
    for how in (("cpu", []), ("rule", []), ("rule", [0]), ("rule", [1]), ("cpu", [0]),
                ("cpu", []), ("rule", [])):
        had = sink.received()
        load(t, relay, streams(*how))
        t.wait_until(lambda base=had: sink.received() >= base + 2000, 20, f"streams flow, {how}")
    sent = sum(gen.stop()["sent"] for gen in gens)
    t.wait_until(lambda: sink.received() >= sent, 10, "all arrived")
    report = sink.finish(sent)
    t.equal([report[key] for key in ("unique", "lost", "duplicated", "corrupt")], [sent, 0, 0, 0],
            "unique, lost, duplicated, corrupt")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["matched"], nonzero(totals["drops"])), (sent, sent, {}),
            "received, matched, drops")


if __name__ == "__main__":
    main()
