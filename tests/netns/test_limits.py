#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rate limits and priorities.

    gen ---- eth0  relay  eth1 ---- sink
"""

import os
import time

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_cgroup import cpu_quota
from support_rules import add, held, nonzero, output, rule

IN, OUT = "239.1.1.1", "239.2.2.2"
BURST_S = 0.05  # tokens that a silent rule saves up; see core/relay/limiter.h


def all_received(t, relay, count):
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= count, 60, "all received")


def limited(t, limit, **traffic):
    """One stream under a limit: (report of the sink, seconds from before it until all of it is
    received).
    """
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), rate_limit=limit))
    sink = t.sink("sink", "eth0", OUT, 6000)
    began = time.monotonic()
    sent = t.gen("gen", "eth0", IN, 5000, **traffic)
    all_received(t, relay, sent["sent"])
    elapsed_s = time.monotonic() - began
    t.wait_until(lambda: (totals := relay.stats()["totals"])["sent"] == totals["matched"], 10,
                 "what was let through has left")
    stats = t.conservation(relay)
    delivered = stats["totals"]["sent"]
    report = sink.finish(delivered, deadline_s=40)
    t.equal(report["received"], delivered, "received by the sink")
    t.equal(nonzero(stats["totals"]["drops"]),
            nonzero({"rate_limited": sent["sent"] - delivered}), "drops")
    t.equal((stats["rules"][0]["rate_limited"], stats["rules"][0]["shed"]),
            (sent["sent"] - delivered, 0), "counted at the rule")
    relay.stop(deadline_s=40)
    return report, elapsed_s


def is_fair(t, report, elapsed_s, per_s, saved_up):
    """Of a stream above the limit no more passed than the tokens of the whole time and those that
    were saved up before, and no less than nine tenths of the tokens between the first and the last
    that passed.

    Datagrams that wait for a worker without CPU get the tokens of that time, of a second at most.
    """
    delivered = report["received"]
    t.between(delivered, int(saved_up), elapsed_s * per_s + saved_up + 1, "delivered")
    known = report["longest_gap_ms"] < 900
    if known:
        t.true(delivered >= 0.9 * report["elapsed_s"] * per_s,
               f"nine tenths of {per_s} a second: {delivered} in {report['elapsed_s']:.3f} s")
    t.note(f"{delivered} in {elapsed_s:.2f} s, longest gap {report['longest_gap_ms']:.0f} ms"
           + ("" if known else ": how much must pass is not known"))


@scenario("a limit of one datagram a second lets one pass each second", topology="chain3", deadline_s=300)
def one(t):
    """Of 200 datagrams one passes at once, and one more for each second that it takes."""
    report, elapsed_s = limited(t, {"pps": 1}, rate=1000, count=200, size=200)
    t.between(report["received"], 1, 1 + int(elapsed_s), f"delivered in {elapsed_s:.3f} s")


@scenario("a limit above the rate cuts nothing", topology="chain3", deadline_s=300)
def none(t):
    """A limit that the stream keeps cuts nothing."""
    report, _ = limited(t, {"pps": 100000, "bps": 10 ** 9}, rate=5000, count=2000, size=200)
    t.equal(report["received"], 2000, "delivered")


@scenario("a limit in datagrams a second lets that many pass", topology="chain3", deadline_s=300)
def pps(t):
    """5,000 a second offered; 1,000 a second pass, and the tokens that were saved up before."""
    is_fair(t, *limited(t, {"pps": 1000}, rate=5000, count=5000, size=200), 1000, BURST_S * 1000)


@scenario("a limit over a worker that hardly gets the CPU", topology="chain3", deadline_s=300,
          root="a control group for it")
def starved(t):
    """The stream uses up what its control group has: it runs some milliseconds in 400.  As much
    passes as with a whole CPU.
    """
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), rate_limit={"pps": 1000}))
    sink = t.sink("sink", "eth0", OUT, 6000)
    pid = relay.rpc("ListWorkers")["workers"][0]["pid"]
    began = time.monotonic()
    with cpu_quota(t, pid, quota_us=10_000, period_us=400_000):
        sent = t.gen("gen", "eth0", IN, 5000, rate=20000, count=40000, size=200)["sent"]
        all_received(t, relay, sent)
        elapsed_s = time.monotonic() - began
    delivered = t.conservation(relay)["totals"]["sent"]
    is_fair(t, sink.finish(delivered, deadline_s=40), elapsed_s, 1000, BURST_S * 1000)


def shared_by(t, workers, cpus, pps, **traffic):
    """A generator on each CPU, whose datagrams the worker of that CPU receives: (report of the
    sink, elapsed time in s).
    """
    relay = t.mcrd("relay", num_workers=workers, config={
        "steering": {"eth0": "cpu"},
        "rules": [rule(IN, 5000, output(OUT, 6000), rate_limit={"pps": pps})]})
    sink = t.sink("sink", "eth0", OUT, 6000)
    gens = [t.gen_start("gen", "eth0", IN, 5000, hold=True, size=200, cpu=cpu, first_flow=cpu,
                        **traffic) for cpu in cpus]
    began = time.monotonic()
    for gen in gens:
        gen.go()
    total = sum(gen.finish()["sent"] for gen in gens)
    all_received(t, relay, total)
    elapsed_s = time.monotonic() - began
    stats = t.conservation(relay)
    delivered = stats["totals"]["sent"]
    took = [one["received"] for one in stats["workers"]]
    t.equal(sum(count > 0 for count in took), min(workers, len(cpus)), "workers that took part")
    t.equal(nonzero(stats["totals"]["drops"]), {"rate_limited": total - delivered}, "drops")
    report = sink.finish(delivered, deadline_s=40)
    t.equal(report["received"], delivered, "received by the sink")
    relay.stop(deadline_s=40)
    return report, elapsed_s


def two_cpus(t):
    if len(os.sched_getaffinity(0)) < 2:
        t.skip("needs two CPUs")


@scenario("a limit is the rule's, not each worker's", topology="chain3", deadline_s=300)
def shared(t):
    """Steering by CPU brings a rule's datagrams to every worker: the limit is that of all."""
    two_cpus(t)
    for workers in (1, 2, 4):
        report, elapsed_s = shared_by(t, workers, (0, 1), 1000, rate=3000, count=6000)
        is_fair(t, report, elapsed_s, 1000, BURST_S * 1000)


@scenario("a burst is the rule's, not each worker's", topology="chain3", deadline_s=300)
def shared_burst(t):
    """One worker alone may use up all of it; and two together have one, not one each."""
    two_cpus(t)
    report, elapsed_s = shared_by(t, 4, (0,), 1000, count=200)
    t.between(report["received"], BURST_S * 1000, BURST_S * 1000 + 1000 * elapsed_s + 1,
              "delivered by one of four")
    report, elapsed_s = shared_by(t, 2, (0, 1), 1, count=200)
    t.between(report["received"], 1, 1 + int(elapsed_s), f"delivered by two in {elapsed_s:.3f} s")


@scenario("a limit in bits a second lets that many pass", topology="chain3", deadline_s=300)
def bps(t):
    """1,000-byte datagrams at 4,000 a second under 8 Mb/s: a quarter passes."""
    # At least one datagram of the largest size is saved up.
    is_fair(t, *limited(t, {"bps": 8000000}, rate=4000, count=4000, size=1000), 1000,
            max(BURST_S * 1000, 65.507))


@scenario("low priority is shed by a worker that is behind, and only then", topology="chain3")
def shedding(t):
    """A worker held still finds a queue when it goes on: it gives up the low stream, not the high.

    It is held for far less than the time after which it would be taken for dead.
    """
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), priority="high"))
    add(t, relay, rule(IN, 5001, output(OUT, 6001), priority="low"))
    sinks = [t.sink("sink", "eth0", OUT, port) for port in (6000, 6001)]
    t.gen("gen", "eth0", IN, 5000, flows=2, rate=2000, count=400, size=200)
    for sink in sinks:
        t.wait_until(lambda: sink.received() == 200, 5, "all delivered while not behind")
    t.equal(nonzero(relay.stats()["totals"]["drops"]), {}, "drops while not behind")

    worker = relay.rpc("ListWorkers")["workers"][0]["pid"]
    gen = t.gen_start("gen", "eth0", IN, 5000, hold=True, flows=2, count=5000, size=64,
                      first_flow=2)
    with held(t, [worker]):
        gen.finish()
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= 5400, 5, "all received")
    stats = t.conservation(relay)
    t.equal(set(nonzero(stats["totals"]["drops"])), {"shed"}, "reasons of drops")
    high, low = stats["rules"]
    t.equal((high["matched"], high["shed"]), (2700, 0), "high: matched, shed")
    t.equal(low["matched"] + low["shed"], 2700, "low: matched and shed")
    t.clean(sinks[0].finish(2700), 2700, "the high stream")
    t.equal(sinks[1].finish(low["matched"])["received"], low["matched"], "the low stream")
    t.note(f"{low['shed']} of 2500 datagrams of low priority shed")


@scenario("what an output's queue refuses is counted there, other outputs get all", topology="fanout3")
def full_output(t):
    """Datagrams that its queue refuses are counted there, one by one; the other outputs get everything.

    The burst is larger than any send: a smaller one makes tbf cut sends and drop parts unseen.
    """
    t.run("relay", ["tc", "qdisc", "add", "dev", "eth1", "root", "tbf", "rate", "4mbit",
                    "burst", "70kb", "limit", "140kb"])
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, *[output(OUT, 6000, f"eth{n}") for n in (1, 2, 3)]))
    slow, *others = [t.sink(f"sink{n}", "eth0", OUT, 6000) for n in (1, 2, 3)]
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=3000, size=1000)
    for sink in others:
        t.clean(sink.finish(3000), 3000, sink.name)
    stats = t.conservation(relay)
    [one] = stats["rules"]
    t.equal([(out["interface"], out["matched"]) for out in one["outputs"]],
            [("eth1", 3000), ("eth2", 3000), ("eth3", 3000)], "matched")
    full, *rest = one["outputs"]
    t.equal([(out["sent"], nonzero(out["send_drops"])) for out in rest], [(3000, {})] * 2,
            "sent and drops of the other outputs")
    t.true(full["sent"] > 0 and full["sent"] < 3000, f"{full['sent']} of 3000 were taken")
    t.equal(nonzero(full["send_drops"]), {"queue_full": 3000 - full["sent"]}, "drops")
    report = slow.finish(full["sent"])
    t.equal([report[key] for key in ("unique", "duplicated", "reordered", "corrupt", "short")],
            [full["sent"], 0, 0, 0, 0], "unique, duplicated, reordered, corrupt, short behind it")
    t.note(f"{full['sent']} of 3000 taken")


if __name__ == "__main__":
    main()
