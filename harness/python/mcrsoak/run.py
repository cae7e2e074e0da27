# SPDX-License-Identifier: MIT
"""The soak test: twenty streams, a rule change every 50 ms, a fault every second.

    [gen] eth0 ---- in0 [relay] out0 ---- eth0 [sink]    16 streams, whose links are left alone
    [gen] eth1 ---- in1 [relay] out1 ---- eth1 [sink]     4 streams, whose links go down and up

At the end every datagram that is missing must have been sent while a fault was under way that
may cost its stream something, and memory and descriptors must be what they were.
"""

import datetime
import json
import os
import random
import re
import sys
import time

from mcrlab import wait_until
from mcrlab.machine import machine
from mcrlab.proc import command_line, descriptors
from mcrlab.relay import FREED_AT_ONCE

from . import ledger
from .changes import Changes
from .faults import DEADLINE_S, Faults, now_ns

LAB = {
    "name": "soak",
    "nodes": {"gen": {}, "relay": {}, "sink": {}},
    "links": [{"ends": [{"at": a, "addresses": [x]}, {"at": b, "addresses": [y]}]}
              for a, x, b, y in (
        ("gen:eth0", "10.10.1.2/24", "relay:in0", "10.10.1.1/24"),
        ("gen:eth1", "10.10.2.2/24", "relay:in1", "10.10.2.1/24"),
        ("relay:out0", "10.90.1.1/24", "sink:eth0", "10.90.1.2/24"),
        ("relay:out1", "10.90.2.1/24", "sink:eth1", "10.90.2.2/24"))],
}
# where: streams, input, group, output, group, sink's interface, first flow number
SIDES = {"main": (16, "in0", "239.10.0.", "out0", "239.20.0.", "eth0", 0),
         "side": (4, "in1", "239.11.0.", "out1", "239.21.0.", "eth1", 100)}
RATE_EACH = 250
LIFE = re.compile(r"^(\S+Z) .*\[supervisor\]: (worker \d+) "
                  r"(?:had no heartbeat for (\d+) ms; restart|runs again)", re.MULTILINE)
WARM_UP_S = 3
GROWTH_KB = {"supervisor": 2048, "control": 6144, "worker": 6144}


def add_rules(relay):
    """A rule for each of the twenty streams."""
    for count, input_name, in_group, out, out_group, _, _ in SIDES.values():
        for n in range(1, count + 1):
            relay.rpc("AddRule", {"input": {"interface": input_name, "group": f"{in_group}{n}",
                                            "port": 5000},
                                  "outputs": [{"interface": out, "group": f"{out_group}{n}",
                                               "port": 6000}], "name": f"{input_name}-{n}"})


def start_streams(t):
    """{side: (sink, generator, dump)}"""
    streams = {}
    for side, (count, _, in_group, _, out_group, interface, first) in SIDES.items():
        dump = t.run_dir / f"{side}.dump"
        sink = t.sink("sink", interface, f"{out_group}1", 6000, flows=count, flow_groups=True,
                      dump=dump)
        gen = t.gen_start("gen", interface, f"{in_group}1", 5000, flows=count, flow_groups=True,
                          first_flow=first, rate=count * RATE_EACH, size=ledger.PAYLOAD_BYTES)
        streams[side] = (sink, gen, dump)
    return streams


def resources(relay):
    """Resident memory in KB and number of descriptors of every process.

    Without asking the daemon: each question would be a descriptor of control.  Snapshots are left
    out: the supervisor holds one or two, by what has changed since the whole one.
    """
    found = {}
    everyone = [("supervisor", relay.pid)] + \
        [(command_line(pid)[0].removeprefix("mcrd: "), pid) for pid in relay.children()]
    for name, pid in everyone:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            [kb] = [int(line.split()[1]) for line in file if line.startswith("VmRSS:")]
        found[name] = (kb, sum("mcr-snapshot" not in one for one in descriptors(pid).values()))
    return found


def in_order(relay):
    """All workers run and have the rules."""
    try:
        return all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"])
    except Exception:  # control may be away
        return False


def clear(t, relay, changes):
    """Back to the twenty rules, and to quiet."""
    t.wait_until(lambda: in_order(relay), DEADLINE_S, "workers in sync")
    known = set(changes.present.values())
    there = {one["rule_id"]: one["input"]["group"]
             for one in relay.rpc("ListRules", deadline_s=DEADLINE_S)["rules"]
             if one["input"]["group"].startswith("239.50.")}
    t.equal((set(there.values()) ^ known) - changes.doubtful, set(),
            "rules there and not known, or known and not there")
    for rule_id in there:
        relay.rpc("RemoveRule", {"rule_id": rule_id}, deadline_s=DEADLINE_S)
    t.wait_until(lambda: in_order(relay), DEADLINE_S, "workers in sync")


def measured(t, relay):
    """Resources, once clients and snapshots of before have been let go."""
    before = {}

    def settled():
        try:
            now = resources(relay)
        except (FileNotFoundError, ProcessLookupError, IndexError, ValueError):
            return False  # one has just ended
        same = {name: fds for name, (_, fds) in now.items()} == \
            {name: fds for name, (_, fds) in before.items()}
        before.clear()
        before.update(now)
        return same
    end = time.monotonic() + 0.5
    t.wait_until(lambda: settled() and time.monotonic() >= end and len(before) == 4, DEADLINE_S,
                 "descriptors settle")
    return before


def progress(faults, changes, end):
    if sys.stderr.isatty() or faults.number % 60 == 0:
        print(f"soak: {faults.number} faults, {changes.count} changes, "
              f"{max(0, end - time.monotonic()):.0f} s left", file=sys.stderr)


def endure(t, relay, faults, changes, seconds):
    """A fault every second, until the time is over."""
    end = time.monotonic() + seconds
    due = time.monotonic()
    while time.monotonic() < end:
        faults.one()
        if changes.trouble:
            raise changes.trouble
        progress(faults, changes, end)
        due = max(due + 1, time.monotonic())
        wait_until(lambda: time.monotonic() >= due, DEADLINE_S, "a second has passed")


def at_rest(t, relay, streams):
    """Wait until all sent datagrams are through: no counter has moved for a second."""
    seen = []

    def moved():
        now = [sink.received() for sink, _, _ in streams.values()]
        now.append(relay.stats()["totals"]["sent"])
        seen.append(now)
        until = time.monotonic() + 1
        wait_until(lambda: time.monotonic() >= until, DEADLINE_S, "a second has passed")
        return len(seen) < 2 or seen[-2] != now
    t.wait_until(lambda: not moved(), DEADLINE_S, "all that was sent has gone through")


def collect(t, relay, streams, result):
    """Every flow, from what was sent and what arrived."""
    flows = {}
    reports = {side: gen.stop(deadline_s=DEADLINE_S) for side, (_, gen, _) in streams.items()}
    end_ns = now_ns()
    at_rest(t, relay, streams)
    for side, (sink, _, dump) in streams.items():
        sent, report = reports[side], sink.finish(0, deadline_s=DEADLINE_S)
        for name, count in (("sent", sent["sent"]), ("received", report["received"]),
                            ("corrupt", report["corrupt"]), ("short", report["short"]),
                            ("sink_drops", report["sink_drops"])):
            result["datagrams"][name] = result["datagrams"].get(name, 0) + count
        t.equal((report["corrupt"], report["short"], report["sink_drops"]), (0, 0, 0),
                f"corrupt, short, sink drops: {side}")
        one = ledger.read(dump)
        for each in sent["flows"]:
            one.setdefault(each["flow"], ledger.Flow()).finish(each["sent"], end_ns)
        flows.update(one)
    return flows


def add_hangs(relay, windows, flows):
    """Workers that the daemon itself ended: on a busy machine one may get no CPU for too long.

    Datagrams that overflow the socket's queue until the next one runs are lost, and counted.
    """
    ahead_ns = now_ns() - time.time_ns()
    away, count = {}, 0
    for stamp, who, heartbeat_ms in LIFE.findall(relay.stderr()):
        at = datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00"))
        at_ns = int(at.timestamp() * 1e9) + ahead_ns
        if heartbeat_ms:
            away.setdefault(who, at_ns - int(heartbeat_ms) * 1_000_000 - 200_000_000)
            count += 1
        elif who in away:
            windows.add("worker hung", away.pop(who), at_ns + 2_000_000_000, flows)
    return count


def judge(t, flows, windows, strict, result):
    lost, unexplained, repeated, strange = ledger.judge(flows, windows)
    result["lost"] = {"by_cause": lost, "unexplained": sum(count for *_, count, _ in unexplained)}
    result["repeated"] = {"by_cause": repeated, "unexplained": strange}
    datagrams = result["datagrams"]
    t.note(f"{datagrams['sent']} datagrams sent, {datagrams['received']} received; lost while a "
           f"fault may cost some: {lost or 'none'}, otherwise {result['lost']['unexplained']}; "
           f"repeated: {repeated or 'none'}, otherwise {strange}")
    t.equal(unexplained, [], "lost without a fault that explains it: (flow, sequence, count, ns)")
    t.equal(strange, 0, "repeated without a worker having been killed")
    t.true(not strict or not lost.get("worker killed"), f"lost when workers were killed: {lost}")


def compare(t, before, after, result):
    result["processes"] = {
        name: {"memory_kb": {"before": before[name][0], "after": after[name][0]},
               "descriptors": {"before": before[name][1], "after": after[name][1]}}
        for name in sorted(before)}
    for name, one in result["processes"].items():
        t.note(f"{name}: memory {one['memory_kb']['before']} KB, at the end "
               f"{one['memory_kb']['after']}; descriptors {one['descriptors']['before']}, "
               f"at the end {one['descriptors']['after']}")
    t.equal({name: fds for name, (_, fds) in after.items()},
            {name: fds for name, (_, fds) in before.items()}, "descriptors")
    for name, (kb, _) in after.items():
        limit = GROWTH_KB[name.split()[0]]
        t.true(kb <= before[name][0] + limit,
               f"memory of {name}: {before[name][0]} KB, at the end {kb}, may grow by {limit}")


def record_faults(t, result, faults, changes, seconds):
    """Writes the faults and changes into the result."""
    result["changes"] = {"made": changes.count, "reconnected": changes.reconnected}
    result["faults"] = dict(sorted(faults.counts.items()))
    result["kills"] = {name.removeprefix("kill_"): count
                       for name, count in result["faults"].items() if name.startswith("kill_")}
    result["longest_link_recovery_ms"] = round(faults.longest_back_s * 1000, 1)
    t.note(f"{seconds:g} s, {changes.count} changes, {changes.reconnected} times reconnected; "
           f"{faults.number} faults: " +
           ", ".join(f"{name} {count}" for name, count in result["faults"].items()) +
           f"; after a link its rules were back within {result['longest_link_recovery_ms']:g} ms")


def record_workers(t, result, relay, hangs):
    """Writes the history of the workers, as the daemon reports it, into the result."""
    result["hangs"] = hangs
    result["workers"] = []
    for one in relay.rpc("ListWorkers")["workers"]:
        t.equal(one["drift_detected"], one["drift_repaired"], "drift found and repaired")
        t.note(f"worker {one['worker']}: {one['worker_restarts']} restarts, "
               f"{one['drift_repaired']} drifts repaired, {one['health_check_failures']} hangs")
        result["workers"].append({name: one[name] for name in (
            "worker", "worker_restarts", "drift_repaired", "health_check_failures")})


def soak(t, seconds, seed=None, strict=True, json_path=None):
    """Run it in a scenario whose topology is LAB.

    strict: SIGKILL of a worker may not cost a datagram.  The result is written to
    json_path even when it is a failure.
    """
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    result = {"tool": "soak", "seed": seed, "seconds": seconds, "machine": machine(),
              "datagrams": {}}
    t.note(f"seed {seed}")
    try:
        run(t, seconds, seed, strict, result)
        result["passed"] = True
    finally:
        if json_path:
            with open(json_path, "w", encoding="utf-8") as file:
                json.dump({"passed": False, **result}, file, indent=1)
                file.write("\n")


def warm_up(t, relay, seed):
    """Changes that make every process as large as it gets; then back to the twenty rules."""
    changes = Changes(relay, seed)
    changes.start()
    end = time.monotonic() + WARM_UP_S
    t.wait_until(lambda: time.monotonic() >= end, DEADLINE_S, "warm-up")
    changes.stop()
    clear(t, relay, changes)


def run(t, seconds, seed, strict, result):
    relay = t.mcrd("relay", num_workers=2, env=FREED_AT_ONCE)
    # How often is counted below; anything else that ends is a fault of the relay.
    relay.expect(r"(control|worker \d+) was killed by SIGKILL", None)
    relay.expect(r"worker \d+ had no heartbeat for", None)
    add_rules(relay)
    windows = ledger.Windows()
    streams = start_streams(t)
    warm_up(t, relay, seed)
    before = measured(t, relay)
    changes = Changes(relay, seed + 1)
    changes.start()
    faults = Faults(t, relay, seed, windows, *(range(first, first + count) for count, *_, first
                                               in SIDES.values()))
    endure(t, relay, faults, changes, seconds)
    changes.stop()
    clear(t, relay, changes)
    after = measured(t, relay)
    record_faults(t, result, faults, changes, seconds)
    flows = collect(t, relay, streams, result)
    hangs = add_hangs(relay, windows, set(flows))
    if hangs:
        t.note(f"{hangs} times a worker had no heartbeat for too long, and was restarted")
    judge(t, flows, windows, strict, result)
    t.conservation(relay, deadline_s=DEADLINE_S)
    record_workers(t, result, relay, hangs)
    compare(t, before, after, result)
