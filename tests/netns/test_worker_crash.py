#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A worker that is killed loses nothing: its successor finishes what it had received.

    gen ---- eth0  relay  eth1 ---- sink

Ten SIGKILLs while a stream flows, at whatever the worker happens to be doing.  A worker that has
relayed is restarted at once, so one daemon takes all of them.  A worker that hangs is killed as
well, when its heartbeat has been missing for 400 ms.
"""

import os
import re
import signal
import time

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_kernel import need_supers
from support_rules import output, rule

IN, OUT = "239.1.1.1", "239.2.2.2"
WORKER = "--role=worker"
KILLS = 10
APART_S = 0.5
ENDINGS = {signal.SIGKILL: "worker 0 was killed by SIGKILL",
           signal.SIGSTOP: "worker 0 had no heartbeat for"}
ROOT = "receive buffers beyond net.core.rmem_max, in which the stream waits meanwhile"
FOUND = re.compile(r"the last worker left (\d+) receives unfinished; (\d+) sends")


def sanitized(relay):
    [worker] = relay.children(WORKER)
    with open(f"/proc/{worker}/maps", "rb") as file:
        return b"libasan" in file.read()


def end_worker(t, relay, signo):
    """Returns when its successor relays, as its page in ListWorkers says."""
    [old] = relay.children(WORKER)
    relay.expect(ENDINGS[signo])
    os.kill(old, signo)
    t.wait_until(lambda: (one := relay.rpc("ListWorkers")["workers"][0])["pid"] not in (0, old) and
                 one["in_sync"], 10, "a new worker with the rules")


def interval(t, relay, sink, number, rate):
    """The stream flows for a while, not in step with anything that the worker does."""
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + rate // (5 + number % 2), 20, "the stream flows")


KILLED = set()  # workers that have been killed, and may not have been collected yet


def not_killed(relay):
    return [pid for pid in relay.children(WORKER) if pid not in KILLED]


def by_the_clock(t, relay, sink, number, rate):
    """So long after the last kill, whatever the worker has come to; but there is one to kill."""
    began = time.monotonic()
    t.wait_until(lambda: time.monotonic() - began >= APART_S and not_killed(relay), 20,
                 "time for the next kill")


def end_any(t, relay, signo):
    """Nothing is waited for."""
    [victim] = not_killed(relay)
    KILLED.add(victim)
    relay.expect(ENDINGS[signo])
    os.kill(victim, signo)


def one_daemon(t, rules, rate, size, outputs, flows=1, segment=None, signo=signal.SIGKILL,
               between=interval, end=end_worker):
    """Workers end under a stream; every datagram arrives, nearly every one once, in order."""
    relay = t.mcrd("relay", config={"rules": rules})
    if sanitized(relay):
        rate //= 8
    sink = t.sink("sink", "eth0", OUT, 6000, flows=flows * outputs, rcvbuf=128 << 20)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=rate, size=size, flows=flows, segment=segment)
    for number in range(KILLS):
        between(t, relay, sink, number, rate * outputs)
        end(t, relay, signo)
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + rate * outputs // 20, 20, "it flows at the end")
    sent = gen.stop()["sent"]
    report = sink.finish(sent * outputs, deadline_s=20)
    got = {key: report[key] for key in ("unique", "lost", "reordered", "corrupt", "sink_drops")}
    t.equal(got, {"unique": sent * outputs, "lost": 0, "reordered": 0, "corrupt": 0,
                  "sink_drops": 0}, "sink")
    t.between(report["duplicated"], 0, KILLS, "datagrams sent twice")
    stats = t.conservation(relay)
    totals = stats["totals"]
    t.equal((totals["received"], totals["matched"], sum(totals["drops"].values())), (sent, sent, 0),
            "received, matched, dropped, over all workers")
    t.equal([[one["sent"] for one in rule["outputs"]] for rule in stats["rules"]],
            [[rule["matched"]] * outputs for rule in stats["rules"]], "sent by output")
    if end is end_worker:
        t.wait_until(lambda: len(FOUND.findall(relay.log())) == KILLS, 5, "a line about each kill")
    relay.stop()
    return {"sent": sent, "repeated": report["duplicated"], "gap_ms": report["longest_gap_ms"],
            "found": FOUND.findall(relay.log())}


def kill_under(t, rules, **traffic):
    began = time.monotonic()
    one = one_daemon(t, rules, **traffic)
    t.note(f"{len(one['found'])} kills: lost 0 of {one['sent']}, repeated {one['repeated']}, "
           f"longest gap {one['gap_ms']:.0f} ms; receives found at a kill "
           f"{[int(receives) for receives, _ in one['found']]}; {time.monotonic() - began:.0f} s")


@scenario("a worker killed under a stream loses nothing", topology="chain3", root=ROOT)
def plain(t):
    """80,000 datagrams a second, each a frame of its own."""
    kill_under(t, [rule(IN, 5000, output(OUT, 6000))], rate=80000, size=200, outputs=1)


@scenario("a worker killed ten times, half a second apart, loses nothing", topology="chain3", root=ROOT)
def by_clock(t):
    """20,000 datagrams a second; a kill may meet a worker that has only just started."""
    kill_under(t, [rule(IN, 5000, output(OUT, 6000))], rate=20000, size=200, outputs=1,
               between=by_the_clock, end=end_any)


@scenario("a worker killed under super-datagrams loses nothing", topology="gro", root=ROOT)
def supers(t):
    """Sixteen datagrams in a frame, in one send each."""
    need_supers(t)
    t.run("gen", ["ethtool", "-K", "eth0", "tx-udp-segmentation", "on"])
    kill_under(t, [rule(IN, 5000, output(OUT, 6000))], rate=80000, size=1000, outputs=1, segment=16)


@scenario("a worker that hangs under a stream loses nothing", topology="chain3", root=ROOT)
def hangs(t):
    """SIGSTOP: what arrives until it is killed waits in the socket, and nothing is sent twice."""
    kill_under(t, [rule(IN, 5000, output(OUT, 6000))], rate=10000, size=1400, outputs=1,
               signo=signal.SIGSTOP)


@scenario("a worker killed under fan-out loses nothing", topology="chain3", root=ROOT)
def fan_out(t):
    """Three outputs: what went to one of them and not to the others goes there, once."""
    kill_under(t, [rule(IN, 5000, *[output(OUT, 6000 + n) for n in range(3)])],
               rate=40000, size=200, outputs=3)


@scenario("a worker killed under 64 streams loses nothing", topology="chain3", root=ROOT)
def streams(t):
    """64 interleaved streams, each in order."""
    kill_under(t, [rule(IN, 5000 + n, output(OUT, 6000 + n)) for n in range(64)],
               rate=60000, size=200, outputs=1, flows=64)


if __name__ == "__main__":
    main()
