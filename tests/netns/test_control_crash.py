#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Control is killed: not a datagram is lost, and the next one knows everything the last one did.

    gen ---- eth0  relay  eth1 ---- sink
                     |
          supervisor -x- control
                  '----- worker 0, worker 1
"""

import contextlib
import json
import os
import random
import re
import signal
import threading
import time

import support  # pylint: disable=unused-import
from mcrlab import RpcError, fault, main, scenario
from mcrlab.proc import descriptors, unread
from mcrlab.process import ProcessError

from support_rules import add, memberships, output, rule, rules_by_id

CONTROL = "--role=control"
IN, OUT = "239.1.1.1", "239.2.2.1"


def kill_control(relay):
    [pid] = relay.children(CONTROL)
    relay.expect("control was killed by SIGKILL")
    os.kill(pid, signal.SIGKILL)
    return pid, time.monotonic()


def answers(relay, old):
    """Does another control answer?"""
    try:
        return relay.children(CONTROL) not in ([], [old]) and relay.rpc("Ping")["pong"]
    except (OSError, ProcessError):
        return False


def view(relay):
    """Everything about the rules but how much they have carried."""
    def still(one):
        if isinstance(one, dict):
            return {key: still(value) for key, value in one.items()
                    if key not in ("matched", "bytes", "sent", "send_drops")}
        return [still(item) for item in one] if isinstance(one, list) else one
    return still(relay.rpc("ListRules")["rules"])


def packet_sockets(t):
    """The kernel's rows of the packet sockets, without how much they hold."""
    return sorted(line.split()[8] for line in
                  t.run("relay", ["cat", "/proc/net/packet"]).stdout.splitlines()[1:])


def in_sync(t, relay):
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), 5,
                 "workers in sync")


@scenario("a control that is killed under traffic is replaced with all rules and counters", topology="chain3")
def under_traffic(t):
    """Rules, names, ids, states, counters, memberships and sockets are those of before."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000, ttl=7, dscp=34), name="camera", id="my-own-id",
                       priority="high", rate_limit={"pps": 5000000, "bps": 0}))
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000), source="10.10.1.100"))
    relay.rpc("AddRule", rule("239.1.1.3", 5000, output("239.2.2.3", 6000, "nowhere"),
                              name="later"))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200)
    t.wait_until(lambda: sink.received() >= 1000, 5, "the stream flows")
    before, joined = view(relay), memberships(t, "relay", "eth0")
    sockets, counted = packet_sockets(t), rules_by_id(relay)["my-own-id"]["matched"]
    kept = set(descriptors(relay.pid).values())
    with relay.connect() as client:
        old, killed = kill_control(relay)
        t.equal(client.read(), None, "the connection to the dead control")
    t.wait_until(lambda: answers(relay, old), 5, "another control answers")
    away = time.monotonic() - killed
    t.equal(view(relay), before, "rules, names, ids, states, workers")
    t.equal(memberships(t, "relay", "eth0"), joined, "memberships")
    t.equal(packet_sockets(t), sockets, "packet sockets")
    lost = {one for one in kept - set(descriptors(relay.pid).values())
            if not one.startswith(("socket:", "pipe:", "anon_inode:[pidfd]",
                                   "/memfd:mcr-snapshot"))}
    t.equal(lost, set(), "descriptors of the supervisor that are gone")
    t.true(rules_by_id(relay)["my-own-id"]["matched"] > counted, "the counter went on from there")
    in_sync(t, relay)
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + 1000, 5, "the stream flows on")
    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.clean(report, sent)
    t.equal(rules_by_id(relay)["my-own-id"]["matched"], sent, "matched, counted throughout")
    t.equal(relay.rpc("AddRule", {**rule(IN, 5000, output(OUT, 6000, ttl=7, dscp=34)),
                                  "name": "camera", "id": "my-own-id", "priority": "high",
                                  "rate_limit": {"pps": 5000000, "bps": 0}})["result"], "unchanged",
            "the same rule added again")
    t.equal(relay.rpc("GetConfig")["text"].count('"later"'), 1, "the unresolved rule")
    t.conservation(relay)
    t.note(f"control answered again after {away * 1000:.0f} ms, longest gap of the stream "
           f"{report['longest_gap_ms']:.1f} ms")


class Churn:
    """A client that changes rules without pause and remembers the answers."""

    def __init__(self, relay, seed):
        self.relay = relay
        self.random = random.Random(seed)
        self.client = relay.connect()
        self.present = {}
        self.next = 0
        self.doubtful = None

    def change(self):
        """One change.  Until its answer is there, whether it happened is open."""
        if self.present and self.random.random() < 0.45:
            rule_id = self.random.choice(sorted(self.present))
            self.doubtful = self.present[rule_id]
            answer = self.client.call("RemoveRule", {"rule_id": rule_id})
            if not answer["pending"]:
                del self.present[rule_id]
        else:
            group = f"239.7.{self.next // 250}.{self.next % 250 + 1}"
            self.next += 1
            self.doubtful = group
            answer = self.client.call("AddRule", rule(group, 5000, output("239.8.0.1", 6000)))
            if not answer["pending"]:
                self.present[answer["rule_id"]] = group
        self.doubtful = None

    def until(self, end):
        """Change until then, or until control dies."""
        while time.monotonic() < end:
            self.change()

    def again(self, t, old):
        t.wait_until(lambda: answers(self.relay, old), 10, "another control answers")
        self.client.close()
        self.client = self.relay.connect()


@scenario("what was answered as applied survives a kill of control", topology="chain3")
def during_changes(t):
    """Rules answered as applied are there, removed ones are not, and no other is."""
    seed = random.SystemRandom().randrange(1 << 32)
    t.note(f"seed {seed}")
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), name="camera"))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=10000, size=200)
    churn = Churn(relay, seed)
    for cycle in range(4):
        churn.until(time.monotonic() + 0.1)
        [old] = relay.children(CONTROL)
        # At a random moment of a change.
        relay.expect("control was killed by SIGKILL")
        killer = threading.Timer(churn.random.uniform(0, 0.02), os.kill, (old, signal.SIGKILL))
        killer.start()
        with contextlib.suppress(ProcessError, OSError):
            churn.until(time.monotonic() + 10)
        killer.join()
        churn.again(t, old)
        there = {one["input"]["group"] for one in relay.rpc("ListRules")["rules"]} - {IN}
        known = set(churn.present.values())
        t.equal((there ^ known) - {churn.doubtful}, set(),
                f"rules there and not known, or known and not there, after kill {cycle}")
        churn.present = {one["rule_id"]: one["input"]["group"] for one in
                         relay.rpc("ListRules")["rules"] if one["input"]["group"] != IN}
        in_sync(t, relay)
        t.wait_until(lambda: memberships(t, "relay", "eth0") == there | {IN}, 2,
                     "memberships of the rules that are there, and no other")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.conservation(relay)
    t.note(f"{churn.next} rules added, {len(churn.present)} there at the end")


def config(count):
    return json.dumps({"rules": [rule(f"239.7.0.{n + 1}", 5000, output("239.8.0.1", 6000))
                                 for n in range(count)]})


@scenario("a membership whose leave control did not live to send is given up", topology="chain3")
def half_done(t):
    """Memberships whose leave was never sent do not stay: the next control's list counts.

    The supervisor is stopped, so that control's window fills; with control die the requests in it.
    """
    relay = t.mcrd("relay", num_workers=1)
    relay.rpc("LoadConfig", {"text": config(200)}, deadline_s=30)
    t.equal(len(memberships(t, "relay", "eth0")), 200, "memberships before")
    with relay.connect() as client:
        with fault.stopped(relay.pid):
            client.raw(json.dumps({"jsonrpc": "2.0", "id": 5, "method": "LoadConfig", "params":
                                   {"text": config(20), "replace": True}}) + "\n")
            # Its line about that waits for the supervisor, too.
            t.wait_until(lambda: unread(relay.pid), 5, "control has begun")
            # Its requests wait in the supervisor's channel: 64 of them.
            [old] = relay.children(CONTROL)
            t.wait_until(lambda: sleeps(old), 5, "control waits")
            relay.expect("control was killed by SIGKILL")
            os.kill(old, signal.SIGKILL)
    t.wait_until(lambda: answers(relay, old), 5, "another control answers")
    there = {one["input"]["group"] for one in relay.rpc("ListRules")["rules"]}
    t.equal(len(there), 20, "rules: the publication was made")
    t.equal(memberships(t, "relay", "eth0"), there, "memberships")
    t.true(any("memberships left" in line for line in relay.stderr().splitlines()),
           "the supervisor says what it dropped")


def sleeps(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()[0] == "S"


@scenario("clients reconnect after control was killed, which is logged once", topology="chain3")
def reconnect(t):
    """mcrctl works as soon as control is back; the log says what happened, once."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), name="camera"))
    old, _ = kill_control(relay)
    t.wait_until(lambda: relay.ctl("ping", check=False).returncode == 0 and
                 relay.children(CONTROL) != [old], 5, "mcrctl ping")
    t.true("camera" in relay.ctl("list").stdout, "mcrctl list")
    error = t.raises(RpcError, relay.rpc, "AddRule", rule(IN, 5000, output("239.9.9.9", 6000)))
    t.equal(error.code, -32002, "a conflict is still one")
    said = [line for line in relay.stderr().splitlines() if re.search(r"control.*SIGKILL", line)]
    t.equal(len(said), 1, "lines about the kill")


if __name__ == "__main__":
    main()
