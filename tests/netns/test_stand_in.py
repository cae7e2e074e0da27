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
from mcrlab.process import ProcessError

from support_rules import nonzero, rules_by_id
from support_streams import flow_on, stream_of_each

IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"
KILLS = 5


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


def workers_or_none(relay):
    """The same; empty while control is away."""
    try:
        return workers(relay)
    except (OSError, ProcessError):
        return []


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


def kill_at_once(relay, *processes):
    for pid in processes:
        os.kill(pid, signal.SIGKILL)


def dies_meanwhile(t, roles):
    """Worker 1 stands in for worker 0 and is killed five times, with `roles` of the relay."""
    relay = t.mcrd("relay", num_workers=2)
    sinks, gens = stream_of_each(t, relay, IN, OUT, rate=10000)
    relay.expect("(control|worker [01]) was killed by SIGKILL", times=None)

    def has_both():
        return [(one["stand_in"], one["rules"]) for one in workers_or_none(relay)][1:] == [(None, 2)]
    with poisoned(relay, 0):
        for _ in range(KILLS):
            t.wait_until(has_both, 30, "worker 1 has both rules")
            flow_on(t, sinks)
            kill_at_once(relay, *pids(relay, 1), *(pid for role in roles
                                                   for pid in relay.children(role)))
            flow_on(t, sinks)
    t.wait_until(lambda: [(one["in_sync"], one["stand_in"], one["rules"])
                          for one in workers_or_none(relay)] == [(True, None, 1)] * 2, 40,
                 "each has its own rule again")
    flow_on(t, sinks)
    sent = {n: gen.stop()["sent"] for n, gen in gens.items()}
    lost = 0
    for n, sink in sinks.items():
        report = sink.finish(sent[n])
        lost += report["lost"]
        t.equal((report["unique"] + report["lost"], report["corrupt"]), (sent[n], 0),
                f"stream of worker {n}: received or lost, corrupt")
        t.between(report["duplicated"], 0, KILLS, f"stream of worker {n}: sent twice")
    total = sum(sent.values())
    totals = t.conservation(relay)["totals"]
    drops = nonzero(totals["drops"])
    # A machine that does not let the workers run fills their queues: that alone may cost any.
    t.equal((lost, drops), (drops.get("socket_queue", 0), {"socket_queue": lost} if lost else {}),
            "lost, drops")
    t.equal((totals["received"], totals["matched"]), (total, total - lost), "received, matched")


@scenario("a killed stand-in loses nothing of the other worker", topology="chain3", deadline_s=120)
def stand_in_dies(t):
    """Its next process relays the datagrams that it had received for the other's rules."""
    dies_meanwhile(t, ())


@scenario("nor does one that is killed together with control", topology="chain3", deadline_s=120)
def stand_in_and_control_die(t):
    """The next control does not take the other's rules from the stand-in before it has recovered."""
    dies_meanwhile(t, (CONTROL,))


@scenario("an only worker that cannot run takes up its queue when it can", topology="chain3", deadline_s=60)
def nobody_else(t):
    """No worker stands in; when it runs again it relays what its sockets hold."""
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
