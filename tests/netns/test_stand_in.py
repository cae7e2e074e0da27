#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""One worker cannot run: its rules and its sockets go to the other, and come back.

    gen ---- eth0  relay (worker 0, worker 1)  eth1 ---- sink

A thread kills worker 0 whenever it starts, so that it never has its rules.
"""

import contextlib
import os
import signal
import threading

import support  # pylint: disable=unused-import
from mcrlab import main, scenario
from mcrlab.proc import command_line

from support_rules import nonzero, rules_by_id
from support_streams import flow_on, stream_of_each

IN, OUT = "239.1.1.1", "239.2.2.2"
WORKER = "--role=worker"


def pids(relay, number):
    """Of the processes of a worker, that is one or none."""
    return [pid for pid in relay.children(WORKER) if f"mcrd: worker {number}" in command_line(pid)]


@contextlib.contextmanager
def poisoned(relay, number):
    """It dies as soon as it starts, as long as the block runs."""
    healthy = threading.Event()

    def kill():
        while not healthy.is_set():
            for pid in pids(relay, number):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            healthy.wait(0.002)
    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        healthy.set()
        thread.join()


def workers(relay):
    return relay.rpc("ListWorkers")["workers"]


@scenario("another worker serves the rules of one that cannot run", topology="chain3", deadline_s=90)
def cannot_run(t):
    """Both streams go on; nothing is lost, and nothing comes twice."""
    relay = t.mcrd("relay", num_workers=2)
    sinks, gens = stream_of_each(t, relay, IN, OUT, rate=3000)
    owners = {rule_id: one["workers"] for rule_id, one in rules_by_id(relay).items()}
    t.equal(sorted(owners.values()), [[0], [1]], "workers of the two rules")
    relay.expect("worker 0 was killed by SIGKILL", times=None)
    with poisoned(relay, 0):
        t.wait_until(lambda: [one["stand_in"] for one in workers(relay)] == [1, None], 20,
                     "worker 1 stands in")
        t.wait_until(lambda: workers(relay)[1]["rules"] == 2, 10, "it has both rules")
        flow_on(t, sinks)
        t.equal(sorted(one["workers"] for one in rules_by_id(relay).values()), [[0, 1], [1]],
                "workers of the two rules meanwhile")
        text = relay.ctl("list-workers").stdout
        t.true("not running (worker 1 serves)" in text, f"list-workers says so: {text}")
        flow_on(t, sinks)
    t.wait_until(lambda: [(one["in_sync"], one["stand_in"], one["rules"]) for one in workers(relay)] ==
                 [(True, None, 1), (True, None, 1)], 40, "each has its own rule again")
    flow_on(t, sinks)
    sent = {n: gen.stop()["sent"] for n, gen in gens.items()}
    total = sum(sent.values())
    for n, sink in sinks.items():
        report = sink.finish(sent[n])
        t.equal([report[key] for key in ("unique", "lost", "duplicated", "corrupt")],
                [sent[n], 0, 0, 0], f"stream of worker {n}: unique, lost, duplicated, corrupt")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["matched"], nonzero(totals["drops"])), (total, total, {}),
            "received, matched, drops")
    t.true("worker 0 cannot run: worker 1 serves its rules" in relay.log(), "it is in the log")


@scenario("an only worker that cannot run takes up its queue when it can", topology="chain3", deadline_s=60)
def nobody_else(t):
    """Nobody stands in; when it runs again it has what its sockets hold."""
    relay = t.mcrd("relay", num_workers=1)
    relay.rpc("LoadConfig", {"text": '{"rules":[{"input":{"interface":"eth0","group":"239.1.1.1",'
                                     '"port":5000},"outputs":[{"interface":"eth1","group":'
                                     '"239.2.2.2","port":6000}]}]}'})
    sink = t.sink("sink", "eth0", OUT, 6000)
    relay.expect("worker 0 was killed by SIGKILL", times=None)
    with poisoned(relay, 0):
        t.wait_until(lambda: "restart in 100 ms" in relay.log(), 10, "it waits for its next start")
        sent = t.gen("gen", "eth0", IN, 5000, rate=2000, count=1000, size=200)["sent"]
        t.equal([one["stand_in"] for one in workers(relay)], [None], "stand-in")
    t.clean(sink.finish(sent, deadline_s=30), sent)


if __name__ == "__main__":
    main()
