#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""bench-faults measures what it says: its JSON, and its arithmetic where the losses are known.

    [gen] eth0 ------- eth0 [relay] eth1 ------- eth0 [sink]
"""

import json
import os
import random
import subprocess

import support  # pylint: disable=unused-import
from mcrfaults import streams
from mcrlab import main, paths, scaled, scenario

BENCH = paths.REPOSITORY / "harness/bench-faults"
RATE, SIZE = 5000, 200
RESTARTS = {"worker-kill": 1, "worker-kill-10": 10}


def bench(*args):
    return subprocess.run([BENCH, *map(str, args)], capture_output=True, text=True, timeout=scaled(100),
                          env=paths.environment(MCR_BUILD=paths.BUILD), check=False)


@scenario("one of each kind, once", deadline_s=120)
def once(t):
    """The table has a row for each event; the JSON every trial, the machine and the seed."""
    path = t.run_dir / "faults.json"
    chosen = {"streams": ("none", "worker-kill", "worker-kill-10", "overload-256", "control-kill"),
              "drift": ("rule-corrupted",),
              "links": ("link-down", "mtu")}
    names = [name for group in chosen.values() for name in group]
    done = bench("--times", 1, "--rate", RATE, "--seed", 7, "--json", path,
                 *(word for name in names for word in ("--event", name)))
    t.equal(done.returncode, 0, f"status; {done.stderr}")
    rows = [line.split(":")[0] for line in done.stdout.splitlines() if ": " in line]
    t.equal([name for name in rows if name in names], names, "rows of the tables")
    found = json.loads(path.read_text())
    t.equal({kind: tuple(found[kind]) for kind in chosen}, chosen, "what was measured")
    t.equal((found["seed"], found["times"], found["rate_pps"], found["size_bytes"]),
            (7, 1, RATE, 1400), "seed, times, rate, size")
    t.true(found["command"].startswith("bench-faults --times 1"), found["command"])
    t.equal(found["machine"]["kernel"], os.uname().release, "kernel")
    t.true(str(paths.REPOSITORY) not in path.read_text(), "no path of this machine")
    for name, one in found["streams"].items():
        [trial] = one["trials"]
        t.equal(one["lost"], {"median": trial["lost"], "worst": trial["lost"]}, f"lost: {name}")
        t.equal((trial["lost"], trial["relay_received"]), (trial["counted"], trial["sent"]),
                f"lost, received: {name}")
        if name != "overload-256":
            t.equal((trial["lost"], trial["restarts"]), (0, RESTARTS.get(name, 0)),
                    f"lost, restarts: {name}")
        t.true(trial["sent"] > 0, f"sent: {name}")
        t.true(0 < trial["longest_gap_ms"], f"longest gap: {name}")
    t.true(found["drift"]["rule-corrupted"]["repair_ms"]["worst"] > 0, "repair")
    t.equal([trial["of"] for trial in found["links"]["link-down"]["trials"]], ["input", "output"],
            "a link is an input once, and an output once")
    t.true(0 < found["links"]["link-down"]["recovery_ms"]["worst"], "recovery")
    t.equal((found["links"]["mtu"]["lost"]["worst"], found["links"]["mtu"]["steady"]["lost"]),
            (0, 0), "lost when the MTU changes, by the stream and by the other")


@scenario("the stream that the kernel relays", deadline_s=60)
def kernel(t):
    path = t.run_dir / "faults.json"
    done = bench("--path", "kernel", "--times", 1, "--rate", RATE, "--event", "worker-kill", "--event",
                 "control-kill", "--json", path)
    t.equal(done.returncode, 0, f"status; {done.stderr}")
    t.true("kernel path;" in done.stdout, done.stdout)
    found = json.loads(path.read_text())
    t.equal(found["path"], "kernel", "path")
    for name, one in found["streams"].items():
        [trial] = one["trials"]
        t.equal((trial["lost"], trial["by_kernel"]), (0, trial["sent"]), f"{name}: lost, by the kernel")


@scenario("what is unknown is refused")
def unknown(t):
    done = bench("--event", "worker-kissed")
    t.equal((done.returncode, done.stdout), (2, ""), "status, output")
    t.true("worker-kissed" in done.stderr and "worker-kill" in done.stderr, done.stderr)
    for words in (("--times", 0), ("--rate", 0), ("--size", 31)):
        t.equal(bench(*words).returncode, 2, f"status of {words}")


@scenario("what the network loses is found, to the datagram", topology="chain3", wires=True)
def loses(t):
    """The relay sends datagrams that never reach the sink: lost, and not by the sink."""
    def event(t, _relay, _binary):
        t.impair("sink", "eth0", "every", 10)
        streams.pass_time(0.2)
        return {"impaired": t.impaired("sink", "eth0")["every_lost"]}
    one = streams.trial(t, event, RATE, SIZE, random.Random(1))
    lost = t.impaired("sink", "eth0")["every_lost"]
    t.true(lost >= 50, f"some were lost: {lost}")
    t.equal((one["lost"], one["sink_dropped"], one["repeated"], one["relay_drops"]),
            (lost, 0, 0, {}), "lost, dropped by the sink, repeated, dropped by the relay")
    t.equal(one["relay_sent"] - one["received"], lost, "it went out of the relay")


@scenario("what the network repeats is found", topology="chain3", wires=True)
def repeats(t):
    def event(t, _relay, _binary):
        t.impair("sink", "eth0", "dup", "20%")
        streams.pass_time(0.2)
        return {}
    one = streams.trial(t, event, RATE, SIZE, random.Random(1))
    again = t.impaired("sink", "eth0")["duplicated"]
    t.true(again >= 50, f"some came twice: {again}")
    t.equal((one["lost"], one["repeated"]), (0, again), "lost, repeated")


@scenario("what the sink drops is the sink's")
def sinks_own(t):
    """It is not among the lost, however it came about."""
    stats = {"totals": {"received": 1000, "sent": 1000, "drops": {"a": 0}, "send_drops": {"b": 0}},
             "kernel_path": {"received": 0}}
    report = {"unique": 890, "received": 893, "duplicated": 3, "reordered": 0, "corrupt": 0,
              "longest_gap_ms": 1.0}
    one = streams.account({"sent": 1000, "pps": 1.0}, {**report, "sink_drops": 0}, {
        "totals": {"received": 1000, "sent": 890, "drops": {"socket_queue": 60, "not_matched": 7},
                   "send_drops": {"queue_full": 50}},
        "kernel_path": {"received": 0},
        "rules": [{"name": "other", "outputs": [{"send_drops": {"queue_full": 20}}]},
                  {"name": "stream", "outputs": [{"send_drops": {"queue_full": 30}},
                                                 {"send_drops": {"queue_full": 20}}]}]})
    t.equal((one["lost"], one["counted"]), (110, 90), "lost, counted of the stream's first output")
    for drops, expected in ((0, (110, 0)), (100, (10, 100)), (110, (0, 110)), (111, (0, 110))):
        one = streams.account({"sent": 1000, "pps": 1.0}, {**report, "sink_drops": drops}, stats)
        t.equal((one["lost"], one["sink_dropped"]), expected, f"with {drops} drops of the sink")


if __name__ == "__main__":
    main()
