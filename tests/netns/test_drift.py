#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker that does not have the rules it should is found out and repaired within two seconds.

    gen ---- eth0  relay  eth1 ---- sink
                     |
          supervisor --- control
                  '----- worker 0, worker 1

Every fault comes from outside: a message taken from a worker's channel, a byte changed in its
memory, a limit put on it.  The daemon has no part in it.
"""

import os
import statistics
import time

import support  # pylint: disable=unused-import
from mcrfaults import drift
from mcrfaults.drift import workers
from mcrfaults.streams import churn as change_at_a_rate
from mcrlab import main, scenario

from support_rules import add, output, rule

WORKER = "--role=worker"
TIMES = int(os.environ.get("MCR_TIMES", "1"))


def counters(worker):
    return tuple(worker[name] for name in ("drift_detected", "drift_repaired", "worker_restarts",
                                           "health_check_failures"))


def in_time(t, repair):
    """The seconds that a repair took; mcrfaults.drift waits for it no longer than five."""
    t.true(repair.seconds >= 0, "repaired")
    return repair.seconds


def lines(relay, *words):
    """Log lines that hold all these words."""
    return [line for line in relay.log().splitlines() if all(word in line for word in words)]


def report(t, what, spent):
    t.note(f"{what}: repaired {len(spent)} times, after median "
           f"{statistics.median(spent) * 1000:.0f} ms, worst {max(spent) * 1000:.0f} ms")


@scenario("a rule corrupted in a worker's memory is repaired by one publication", topology="chain3")
def corrupted_rule(t):
    """Seen by the hash over the live table; repaired by one publication; other rules go on."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    rule_id = add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000)))["rule_id"]
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=5000, size=200)
    spent = []
    for number in range(1, TIMES + 1):
        [pid] = relay.children(WORKER)
        spent.append(in_time(t, drift.corrupt_rule(t, relay, 0, rule_id)))
        after = workers(relay)[0]
        t.equal(counters(after), (number, number, 0, 0), "counters")
        t.equal(after["pid"], pid, "the same process")
        t.equal(len(lines(relay, "worker 0 is wrong")), number, "said once")
        forget(t)
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the other stream")
    t.conservation(relay)
    report(t, "corrupted rule", spent)


@scenario("a destination corrupted in a worker's memory is repaired", topology="chain3", deadline_s=120)
def corrupted_destination(t):
    """The stream goes to the wrong group, then to the right one; only one worker is repaired."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000)))
    [owner] = relay.rpc("ListRules")["rules"][0]["workers"]
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=5000, count=500, size=200)
    t.wait_until(lambda: sink.received() == 500, 5, "what was sent before has arrived")
    spent = in_time(t, drift.corrupt_destination(t, relay, owner, "239.2.2.2", 6000, "239.2.2.9"))
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=5000, count=500, size=200, first_flow=1)
    t.clean(sink.finish(1000), 1000)
    after = workers(relay)
    t.equal(counters(after[owner]), (1, 1, 0, 0), "counters of the damaged worker")
    t.equal(counters(after[1 - owner]), (0, 0, 0, 0), "counters of the other")
    table = relay.ctl("list-workers").stdout.splitlines()
    t.true("DRIFT" in table[0], f"a column about drift in: {table[0]}")
    t.conservation(relay)
    report(t, "corrupted destination", [spent])


@scenario("a command that is lost is sent again", topology="chain3")
def lost_command(t):
    """The worker is late, which publishing again repairs; the client is told what is pending."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    spent = []
    for number in range(1, TIMES + 1):
        repair = drift.lose_command(t, relay, 0, f"239.1.2.{number}")
        spent.append(in_time(t, repair))
        [answer] = repair.answers
        t.equal([one["reason"] for one in answer["pending"]], ["not confirmed within 500 ms"],
                "the answer to the client")
        after = workers(relay)[0]
        t.equal((after["rules"], counters(after)), (1 + number, (number, number, 0, 0)),
                "rules, counters")
        t.equal(len(lines(relay, "worker 0 is late")), number, "said once")
        forget(t)
    report(t, "lost command", spent)


def forget(t):
    """Ten seconds in order, after which a worker is treated as if nothing had been."""
    if TIMES > 1:
        end = time.monotonic() + 10.3
        t.wait_until(lambda: time.monotonic() > end, 12, "ten seconds have passed")


@scenario("a snapshot that is cut short is refused and published again", topology="chain3")
def cut_short(t):
    """The worker refuses it and keeps its table; control publishes again."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    [pid] = relay.children(WORKER)
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    # The table in use stays in use.
    spent = in_time(t, drift.cut_snapshot(
        t, relay, 0, "239.1.2.3",
        lambda: t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=500, size=200)))
    t.clean(sink.finish(500), 500)
    t.equal(len(lines(relay, "worker", "refused")), 1, "the refusal is logged")
    after = workers(relay)[0]
    t.equal((after["pid"], after["rules"], counters(after)), (pid, 2, (1, 1, 0, 0)),
            "pid, rules, counters")
    report(t, "snapshot cut short", [spent])


@scenario("a worker stopped during 100 rule changes catches up", topology="chain3")
def stopped_worker(t):
    """It catches up by itself; the other worker has every change at once.

    The stop is shorter than what counts as a hang, so that the process stays the same.
    """
    relay = t.mcrd("relay", num_workers=2)
    before = workers(relay)
    spent = []
    for _ in range(TIMES):
        repair = drift.stop_during_changes(t, relay, 0)
        spent.append(in_time(t, repair))
        t.equal([one["result"] for one in repair.answers], ["added"] * 100, "answers")
    after = workers(relay)
    t.equal([after[n]["pid"] for n in (0, 1)], [before[n]["pid"] for n in (0, 1)], "processes")
    t.equal(after[0]["rules"] + after[1]["rules"], 100 * TIMES, "rules of both")
    report(t, "stopped for 300 ms during 100 changes", spent)


@scenario("a worker whose channel is full is busy, and nobody waits for it", topology="chain3")
def full_channel(t):
    """The worker is said to be busy, nobody waits for it, and it catches up when there is room."""
    relay = t.mcrd("relay", num_workers=2)
    before = workers(relay)
    pid = before[0]["pid"]
    spent = in_time(t, drift.fill_channel(t, relay, 0, lambda: lines(relay, "worker busy")))
    after = workers(relay)
    t.equal(after[0]["pid"], pid, "the same process")
    t.equal(after[0]["rules"] + after[1]["rules"], 20, "rules of both")
    report(t, "channel full", [spent])


@scenario("a worker that refuses every snapshot is restarted", topology="chain3")
def refuses(t):
    """Late, published twice, still late: its restart repairs it.

    Without address space it can map no snapshot; its successor is not limited.
    """
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=5000, size=200)
    [pid] = relay.children(WORKER)
    spent = in_time(t, drift.refuse_all(t, relay, 0, "239.1.2.3"))
    after = workers(relay)[0]
    t.equal((after["rules"], counters(after)), (2, (1, 1, 1, 0)), "rules, counters")
    t.true(after["pid"] != pid, "another process")
    for words in ("worker 0 is late", "worker 0: publishing again, for the second time",
                  "worker 0: publishing does not help", "worker 0 has the published rules again"):
        t.equal(len(lines(relay, words)), 1, f"lines that say: {words}")
    t.equal(len(lines(relay, "worker 0: publishing again")), 2, "publications")
    sent = gen.stop()["sent"]
    report_sink = sink.finish(sent, deadline_s=2)
    t.equal((report_sink["reordered"], report_sink["corrupt"], report_sink["short"]), (0, 0, 0),
            "order and content")
    t.note(f"lost at the restart under 5,000 datagrams a second: {sent - report_sink['unique']}")
    report(t, "persistently late", [spent])


@scenario("a worker whose table does not stay right is restarted", topology="chain3")
def wrong_again(t):
    """Wrong, right after a publication, wrong again: the third time it is restarted."""
    relay = t.mcrd("relay", num_workers=1)
    rule_id = add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))["rule_id"]
    spent = in_time(t, drift.corrupt_again_and_again(t, relay, 0, rule_id))
    t.equal(workers(relay)[0]["worker_restarts"], 1, "restarts")
    t.equal(len(lines(relay, "worker 0: publishing again")), 2, "publications before it")
    report(t, "persistently wrong", [spent])


@scenario("200 changes a second are no drift", topology="chain3")
def churn(t):
    """A worker is not taken for late while a snapshot is on its way, and it loses nothing."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=10000, size=200)
    changes, rate = change_at_a_rate(t, relay, 200, 3)
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.equal([counters(one) for one in workers(relay).values()], [(0, 0, 0, 0)] * 2, "counters")
    t.conservation(relay)
    t.note(f"{changes} changes, {rate:.0f} a second")


if __name__ == "__main__":
    main()
