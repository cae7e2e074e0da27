#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A worker that does not have the rules it should is found out and repaired within two seconds.

    gen ---- eth0  relay  eth1 ---- sink
                     |
          supervisor --- control
                  '----- worker 0, worker 1

Every fault comes from outside: a message taken from a worker's channel, a byte changed in its
memory, a limit put on it.  The daemon has no part in it.
"""

import fcntl
import fcntl
import os
import socket
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../harness/python"))
from mcrlab import fault, main, scenario

from support_rules import add, output, rule

WORKER = "--role=worker"
REPAIR_S = 2.0
MESSAGE_BYTES, MESSAGE_TYPE_OFFSET, GENERATION_OFFSET = 64, 4, 16
CHANNEL = 3
TIMES = int(os.environ.get("MCR_TIMES", "1"))


def workers(relay):
    return {one["worker"]: one for one in relay.rpc("ListWorkers")["workers"]}


def counters(worker):
    return tuple(worker[name] for name in ("drift_detected", "drift_repaired", "worker_restarts",
                                           "health_check_failures"))


def in_sync(relay):
    return all(one["in_sync"] for one in workers(relay).values())


def repaired(t, relay, since, number, before):
    """Wait for the repair that follows `before`; the seconds since the fault."""
    with relay.connect() as client:
        def done():
            one = client.call("ListWorkers")["workers"][number]
            return one["drift_repaired"] > before["drift_repaired"] and one["in_sync"]
        t.wait_until(done, 5, f"repair of worker {number}")
    spent = time.monotonic() - since
    t.true(spent <= REPAIR_S, f"repaired after {spent:.3f} s, should be within {REPAIR_S} s")
    return spent


def lines(relay, *words):
    """Log lines that hold all these words."""
    return [line for line in relay.stderr().splitlines() if all(word in line for word in words)]


def report(t, what, spent):
    t.note(f"{what}: repaired {len(spent)} times, after median "
           f"{statistics.median(spent) * 1000:.0f} ms, worst {max(spent) * 1000:.0f} ms")


@scenario("a rule corrupted in a worker's memory", topology="chain3")
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
        before = workers(relay)[0]
        t.true(fault.corrupt_rule_port(pid, rule_id) >= 1, "the rule is in the worker's memory")
        spent.append(repaired(t, relay, time.monotonic(), 0, before))
        after = workers(relay)[0]
        t.equal(counters(after), (number, number, 0, 0), "counters")
        t.equal(after["pid"], pid, "the same process")
        t.equal(len(lines(relay, "worker 0 is wrong")), number, "said once")
        forget(t)
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the other stream")
    t.conservation(relay)
    report(t, "corrupted rule", spent)


@scenario("a destination corrupted in a worker's memory", topology="chain3", deadline_s=120)
def corrupted_destination(t):
    """What goes to the wrong group goes to the right one again, and only one worker is touched."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule("239.1.1.2", 5000, output("239.2.2.2", 6000)))
    [owner] = relay.rpc("ListRules")["rules"][0]["workers"]
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    before = workers(relay)
    pid = before[owner]["pid"]
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=5000, count=500, size=200)
    t.wait_until(lambda: sink.received() == 500, 5, "what was sent before has arrived")
    t.true(fault.corrupt_destination(pid, "239.2.2.2", 6000, "eth1", "239.2.2.9") >= 1,
           "the output is in the worker's memory")
    spent = repaired(t, relay, time.monotonic(), owner, before[owner])
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=5000, count=500, size=200, first_flow=1)
    t.clean(sink.finish(1000), 1000)
    after = workers(relay)
    t.equal(counters(after[owner]), (1, 1, 0, 0), "counters of the damaged worker")
    t.equal(counters(after[1 - owner]), (0, 0, 0, 0), "counters of the other")
    table = relay.ctl("list-workers").stdout.splitlines()
    t.true("DRIFT" in table[0], f"a column about drift in: {table[0]}")
    t.conservation(relay)
    report(t, "corrupted destination", [spent])


def steal_snapshot(t, pid):
    """Take the next snapshot from a stopped worker's channel: message and descriptor."""
    with fault.take_descriptor(pid, CHANNEL) as channel:
        channel.setblocking(False)

        def taken():
            try:
                return socket.recv_fds(channel, MESSAGE_BYTES, 1)
            except BlockingIOError:
                return None
        message, fds, _, _ = t.wait_until(taken, 2, "a message for the worker")
    t.equal((len(message), len(fds)), (MESSAGE_BYTES, 1), "a snapshot's message, descriptor")
    return message, fds[0]


def change_unseen(relay, group):
    """An AddRule whose answer is not waited for; returns the connection."""
    client = relay.connect()
    client.raw('{"jsonrpc":"2.0","id":7,"method":"AddRule","params":{"input":{"interface":"eth0",'
               f'"group":"{group}","port":5000}},"outputs":[{{"interface":"eth1","group":'
               '"239.9.9.9","port":6000}]}}\n')
    return client


@scenario("a command that is lost", topology="chain3")
def lost_command(t):
    """The worker is late, which publishing again repairs; the client is told what is pending."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    spent = []
    for number in range(1, TIMES + 1):
        [pid] = relay.children(WORKER)
        before = workers(relay)[0]
        with fault.stopped(pid):
            client = change_unseen(relay, f"239.1.2.{number}")
            _, fd = steal_snapshot(t, pid)
            os.close(fd)
            lost = time.monotonic()
        spent.append(repaired(t, relay, lost, 0, before))
        answer = client.read()["result"]
        t.equal([one["reason"] for one in answer["pending"]], ["not confirmed within 500 ms"],
                "the answer to the client")
        client.close()
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


@scenario("a snapshot that is cut short", topology="chain3")
def cut_short(t):
    """The worker refuses it and keeps its table; control publishes again."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    [pid] = relay.children(WORKER)
    before = workers(relay)[0]
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    with fault.peer_descriptor(t, "relay", pid, CHANNEL, relay.pid) as channel:
        with fault.stopped(pid):
            client = change_unseen(relay, "239.1.2.3")
            message, fd = steal_snapshot(t, pid)
            size, = struct.unpack_from("=Q", message, GENERATION_OFFSET + 8)
            whole = os.pread(fd, size, 0)
            os.close(fd)
            short = os.memfd_create("cut", os.MFD_ALLOW_SEALING)
            os.write(short, whole[:-72])
            fcntl.fcntl(short, fcntl.F_ADD_SEALS, 0xf)
            cut = bytearray(message)
            struct.pack_into("=Q", cut, GENERATION_OFFSET + 8, size - 72)
            socket.send_fds(channel, [bytes(cut)], [short])
            os.close(short)
            done = time.monotonic()
        # The table in use stays in use.
        t.gen("gen", "eth0", "239.1.1.1", 5000, rate=5000, count=500, size=200)
        spent = repaired(t, relay, done, 0, before)
    client.close()
    t.clean(sink.finish(500), 500)
    t.equal(len(lines(relay, "worker", "refused")), 1, "the refusal is logged")
    after = workers(relay)[0]
    t.equal((after["pid"], after["rules"], counters(after)), (pid, 2, (1, 1, 0, 0)),
            "pid, rules, counters")
    report(t, "snapshot cut short", [spent])


def many_changes(client, first, count):
    """AddRules in one go; the answers are still to be read."""
    client.raw("".join(
        f'{{"jsonrpc":"2.0","id":{n},"method":"AddRule","params":{{"input":{{"interface":"eth0",'
        f'"group":"239.5.{n // 250}.{n % 250 + 1}","port":5000}},"outputs":[{{"interface":"eth1",'
        f'"group":"239.6.0.1","port":6000}}]}}}}\n' for n in range(first, first + count)))


@scenario("a worker stopped during 100 rule changes", topology="chain3")
def stopped_worker(t):
    """It catches up by itself; the other worker has every change at once.

    The stop is shorter than what counts as a hang, so that the process stays the same.
    """
    relay = t.mcrd("relay", num_workers=2)
    before = workers(relay)
    spent = []
    for cycle in range(TIMES):
        # One client may have 64 answers outstanding.
        with relay.connect() as client, relay.connect() as another:
            with fault.stopped(before[0]["pid"]):
                end = time.monotonic() + 0.3
                many_changes(client, 100 * cycle, 50)
                many_changes(another, 100 * cycle + 50, 50)
                t.wait_until(lambda: workers(relay)[1]["in_sync"] and time.monotonic() > end and
                             len(relay.rpc("ListRules")["rules"]) == 100 * (cycle + 1), 0.45,
                             "the other worker has all")
            continued = time.monotonic()
            t.wait_until(lambda: in_sync(relay), 2, "both in sync")
            spent.append(time.monotonic() - continued)
            answers = [one.read() for _ in range(50) for one in (client, another)]
        t.equal([one["result"]["result"] for one in answers], ["added"] * 100, "answers")
    after = workers(relay)
    t.equal([after[n]["pid"] for n in (0, 1)], [before[n]["pid"] for n in (0, 1)], "processes")
    t.equal(after[0]["rules"] + after[1]["rules"], 100 * TIMES, "rules of both")
    report(t, "stopped for 300 ms during 100 changes", spent)


@scenario("a channel that is full", topology="chain3")
def full_channel(t):
    """The worker is said to be busy, nobody waits for it, and it catches up when there is room."""
    relay = t.mcrd("relay", num_workers=2)
    before = workers(relay)
    pid = before[0]["pid"]
    with fault.peer_descriptor(t, "relay", pid, CHANNEL, relay.pid) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        with fault.stopped(pid), relay.connect() as client:
            for n in range(20):
                many_changes(client, n, 1)
                t.wait_until(lambda: workers(relay)[1]["in_sync"] and
                             len(relay.rpc("ListRules")["rules"]) == n + 1, 0.2, "the other has it")
            t.wait_until(lambda: lines(relay, "worker busy"), 0.2, "busy")
        continued = time.monotonic()
        t.wait_until(lambda: in_sync(relay), REPAIR_S, "in sync")
        spent = time.monotonic() - continued
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
    before = workers(relay)[0]
    fault.limit_memory(pid)
    client = change_unseen(relay, "239.1.2.3")
    spent = repaired(t, relay, time.monotonic(), 0, before)
    client.close()
    after = workers(relay)[0]
    t.equal((after["rules"], counters(after)), (2, (1, 1, 1, 0)), "rules, counters")
    t.true(after["pid"] != pid, "another process")
    for words in ("worker 0 is late", "worker 0: publishing again, for the second time",
                  "worker 0: publishing does not help", "worker 0 has the published rules again"):
        t.equal(len(lines(relay, words)), 1, f"lines that say: {words}")
    t.equal(len(lines(relay, "worker 0: publishing again")), 2, "publications")
    sent = gen.stop()["sent"]
    report_sink = sink.finish(sent, deadline_s=2)
    t.equal((report_sink["reordered"], report_sink["corrupt"]), (0, 0), "order and content")
    t.note(f"lost at the restart under 5,000 datagrams a second: {sent - report_sink['unique']}")
    report(t, "persistently late", [spent])


@scenario("a table that does not stay right costs its worker its life", topology="chain3")
def wrong_again(t):
    """Wrong, right after a publication, wrong again: the third time it is restarted."""
    relay = t.mcrd("relay", num_workers=1)
    rule_id = add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))["rule_id"]
    before = workers(relay)[0]
    pid = before["pid"]
    start = time.monotonic()

    def gone():
        """Damages each table that it finds, until its process is no more."""
        if relay.children(WORKER) != [pid]:
            return True
        try:
            fault.corrupt_rule_port(pid, rule_id)
        except OSError:
            return True
        return False
    t.wait_until(gone, 5, "the restart")
    t.wait_until(lambda: (one := workers(relay)[0])["in_sync"] and one["pid"] != pid and
                 one["drift_detected"] == one["drift_repaired"], 5, "in sync")
    spent = time.monotonic() - start
    t.true(spent <= REPAIR_S, f"repaired after {spent:.3f} s, should be within {REPAIR_S} s")
    t.equal(workers(relay)[0]["worker_restarts"], 1, "restarts")
    t.equal(len(lines(relay, "worker 0: publishing again")), 2, "publications before it")
    report(t, "persistently wrong", [spent])


@scenario("200 changes a second are no drift", topology="chain3")
def churn(t):
    """A worker is never asked to have what it cannot have yet, and loses nothing."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=10000, size=200)
    changes, start = 0, time.monotonic()
    with relay.connect() as client:
        while changes < 600:
            one = rule("239.1.2.1", 5000, output("239.2.2.2", 6000), name="changing")
            client.call("AddRule", one)
            client.call("RemoveRuleByName", {"name": "changing"})
            changes += 2
            t.wait_until(lambda: time.monotonic() >= start + changes / 200, 5, "the rate")
    rate = changes / (time.monotonic() - start)
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.equal([counters(one) for one in workers(relay).values()], [(0, 0, 0, 0)] * 2, "counters")
    t.conservation(relay)
    t.note(f"{changes} changes, {rate:.0f} a second")


if __name__ == "__main__":
    main()
