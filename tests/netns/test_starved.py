#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker that hardly gets the CPU is slow, not hung: a restart would cost still more CPU time.

    gen ---- eth0  relay  eth1 ---- sink

A control group of the test's takes the CPU away, as a container's quota does.
"""

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_cgroup import cpu_quota
from support_rules import add, output, rule

IN, OUT = "239.1.1.1", "239.2.2.2"


@scenario("a worker that hardly gets the CPU is not restarted", topology="chain3", deadline_s=90,
          root="a control group for it")
def worker_starves(t):
    """Silent for seconds it is left alone; datagrams are sent or counted, and it takes a new
    rule."""
    relay = t.mcrd("relay", num_workers=1)
    worker = lambda: relay.rpc("ListWorkers")["workers"][0]
    pid = worker()["pid"]
    add(t, relay, rule(IN, 5000, output(OUT, 6000), path="user"))
    sink, late = t.sink("sink", "eth0", OUT, 6000), t.sink("sink", "eth0", OUT, 6001)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200)
    with cpu_quota(t, pid, quota_us=1000, period_us=1_000_000):
        t.wait_until(lambda: worker()["heartbeat_age_ms"] > 2500, 60, "seconds without a heartbeat")
        relay.rpc("AddRule", rule(IN, 5001, output(OUT, 6001), path="user"))
    t.wait_until(lambda: worker()["heartbeat_age_ms"] < 300, 10, "a heartbeat")
    gen.stop()
    now = worker()
    t.equal((now["pid"], now["worker_restarts"], now["health_check_failures"]), (pid, 0, 0),
            "process, restarts, failed health checks")
    t.true("worker 0 hardly gets the CPU: no heartbeat for 4" in relay.log(), "it is in the log")
    t.wait_until(lambda: worker()["in_sync"], 5, "it has the new rule")
    t.gen("gen", "eth0", IN, 5001, rate=5000, count=1000, size=200)
    t.clean(late.finish(1000), 1000, "the new rule's stream, once it has the CPU again")
    t.conservation(relay)
    sent = relay.rpc("GetStats")["totals"]["sent"] - 1000
    report = sink.finish(sent)
    t.equal(report["received"] + report["sink_drops"], sent, "arrived of what was sent")


@scenario("a worker that hardly gets the CPU is not restarted where /proc hides processes", topology="chain3",
          deadline_s=90, root="a control group for it")
def hidden(t):
    """hidepid=2, but for a group: the supervisor has looked up before what it may not look up
    now."""
    relay = t.mcrd("relay", wrapper=["unshare", "--mount", "sh", "-c",
                                     'mount -t proc -o hidepid=2,gid=65530 proc /proc && exec "$@"', "sh"])
    worker = lambda: relay.rpc("ListWorkers")["workers"][0]
    pid = worker()["pid"]
    add(t, relay, rule(IN, 5000, output(OUT, 6000), path="user"))
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200)
    with cpu_quota(t, pid, quota_us=1000, period_us=1_000_000):
        t.wait_until(lambda: worker()["heartbeat_age_ms"] > 2500, 60, "seconds without a heartbeat")
    t.wait_until(lambda: worker()["heartbeat_age_ms"] < 300, 10, "a heartbeat")
    gen.stop()
    t.equal((worker()["pid"], worker()["worker_restarts"]), (pid, 0), "process, restarts")
    t.conservation(relay)


main()
