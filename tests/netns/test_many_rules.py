#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""As many rules as there may be: changes are applied at once, and what watches goes on watching.

    gen ---- eth0  relay  eth1 ---- sink

A worker builds its table between two batches, so how long that takes is how long its datagrams
and its heartbeat wait.
"""

import json
import mmap
import os
import signal
import statistics
import struct
import threading
import time

import support  # pylint: disable=unused-import
from mcrlab import fault, main, scenario

from support_rules import END_S, add, group_at, output, rule

CONTROL, WORKER = "--role=control", "--role=worker"
RULES_MAX = 16384
ADDED = 10
AT_ONCE = 4000  # as many as fit into one message
HEARTBEAT_OFFSET = 40  # struct worker_page


class Heartbeat(threading.Thread):
    """How old a worker's heartbeat gets, read as the supervisor reads it."""

    def __init__(self, relay):
        super().__init__(daemon=True)
        [fd] = [fd for fd in os.listdir(f"/proc/{relay.pid}/fd")
                if "mcr-worker-page" in os.readlink(f"/proc/{relay.pid}/fd/{fd}")]
        with open(f"/proc/{relay.pid}/fd/{fd}", "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
        self._end = threading.Event()
        self.oldest_ms = 0
        self.start()

    def run(self):
        while not self._end.wait(0.005):
            [beat_ns] = struct.unpack_from("=Q", self._page, HEARTBEAT_OFFSET)
            age_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - beat_ns
            self.oldest_ms = max(self.oldest_ms, age_ns / 1e6)

    def stop(self):
        self._end.set()
        self.join()
        return self.oldest_ms


def cpu_ms(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def numbered(n):
    """Rule n of many: groups in a row, as streams are numbered in practice."""
    return rule(group_at("239.1.0.0", n), 5000, output(group_at("239.128.0.0", n), 6000))


def load(t, relay, count):
    """That many rules, in force in the only worker when this returns."""
    for first in range(0, count, AT_ONCE):
        rules = [numbered(n) for n in range(first, min(first + AT_ONCE, count))]
        relay.rpc("LoadConfig", {"text": json.dumps({"rules": rules}, separators=(",", ":"))},
                  deadline_s=30)
    wait_in_sync(t, relay, count)


def worker_of(relay):
    [one] = relay.rpc("ListWorkers")["workers"]
    return one


def wait_in_sync(t, relay, count):
    t.wait_until(lambda: (one := worker_of(relay))["in_sync"] and one["rules"] == count, 30,
                 f"{count} rules in force")


def counters(relay):
    one = worker_of(relay)
    return {name: one[name] for name in ("worker_restarts", "health_check_failures", "drift_detected")}


NOTHING = {"worker_restarts": 0, "health_check_failures": 0, "drift_detected": 0}


@scenario("a rule is added to 16,374 others without a loss", topology="chain3", deadline_s=120)
def largest(t):
    """Rules are added to 16,374 others: each confirmed, no heartbeat missing, no datagram lost."""
    relay = t.mcrd("relay", num_workers=1)
    heartbeat = Heartbeat(relay)
    load(t, relay, RULES_MAX - ADDED)
    sink = t.sink("sink", "eth0", "239.128.0.7", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.0.7", 5000, rate=2000, size=200)
    t.wait_until(lambda: sink.received() >= 100, 5, "the stream flows")
    [pid] = relay.children(WORKER)
    used_ms, took_ms = [], []
    for n in range(RULES_MAX - ADDED, RULES_MAX):
        before_ms, began = cpu_ms(pid), time.monotonic()
        add(t, relay, numbered(n))
        took_ms.append((time.monotonic() - began) * 1000)
        used_ms.append(cpu_ms(pid) - before_ms)
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    oldest_ms = heartbeat.stop()
    t.equal(relay.children(WORKER), [pid], "the worker")
    t.equal(counters(relay), NOTHING, "counters")
    t.note(f"AddRule: median {statistics.median(took_ms):.0f} ms, worst {max(took_ms):.0f}; CPU "
           f"time of the worker: median {statistics.median(used_ms):.0f} ms; oldest heartbeat "
           f"{oldest_ms:.0f} ms")


@scenario("a killed worker's successor has 16,384 rules in time", topology="chain3", deadline_s=120)
def largest_is_killed(t):
    """Its successor has the table before anybody could think that it hangs."""
    relay = t.mcrd("relay", num_workers=1)
    load(t, relay, RULES_MAX)
    [pid] = relay.children(WORKER)
    began = time.monotonic()
    relay.expect("worker 0 was killed by SIGKILL")
    os.kill(pid, signal.SIGKILL)
    t.wait_until(lambda: worker_of(relay)["pid"] not in (0, pid), 5, "another worker")
    wait_in_sync(t, relay, RULES_MAX)
    took_ms = (time.monotonic() - began) * 1000
    t.equal(counters(relay), {**NOTHING, "worker_restarts": 1}, "counters")
    t.note(f"in force again after {took_ms:.0f} ms")


@scenario("a daemon with 16,384 rules ends in time", topology="chain3", deadline_s=120)
def largest_ends(t):
    """16,384 memberships are given up in time, an upgrade before it or not.

    The kernel finds a membership by going through a list: the order matters.
    """
    for upgrades in (0, 1):
        relay = t.mcrd("relay", num_workers=1)
        load(t, relay, RULES_MAX)
        for _ in range(upgrades):
            control = relay.children(CONTROL)
            relay.rpc("Upgrade", deadline_s=20)
            t.wait_until(lambda: relay.children(CONTROL) not in ([], control), 5, "a new control")
        began = time.monotonic()
        relay.stop(deadline_s=END_S)
        took_ms = (time.monotonic() - began) * 1000
        t.note(f"after {upgrades} upgrades: ended in {took_ms:.0f} ms")


@scenario("one corrupted rule of 4,000 is found and repaired", topology="chain3", deadline_s=120)
def drift_among_many(t):
    """A slice of the table is hashed at a time; the damage shows and is repaired all the same.

    Twice: the third time within ten seconds would cost the worker its life.
    """
    relay = t.mcrd("relay", num_workers=1)
    load(t, relay, AT_ONCE)
    rules = relay.rpc("ListRules")["rules"]
    [pid] = relay.children(WORKER)
    spent = []
    for number, victim in enumerate((rules[0], rules[-1]), 1):
        t.true(fault.corrupt_rule_port(pid, victim["rule_id"]) >= 1, "the rule is in the memory")
        since = time.monotonic()
        with relay.connect() as client:
            def repaired():
                [one] = client.call("ListWorkers")["workers"]
                return one["drift_repaired"] == number and one["in_sync"]
            t.wait_until(repaired, 5, "the repair")
        spent.append(time.monotonic() - since)
    t.equal(relay.children(WORKER), [pid], "the worker")
    t.equal(counters(relay), {**NOTHING, "drift_detected": len(spent)}, "counters")
    t.note(f"repaired after {', '.join(f'{one * 1000:.0f}' for one in spent)} ms")


if __name__ == "__main__":
    main()
