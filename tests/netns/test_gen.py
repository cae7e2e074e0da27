#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The generator sends what it was told to, as fast as it was told to, and admits it when it cannot.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

What is on the wire is read by a packet socket; what arrives is judged by the sink.
"""

import json
import resource
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
# pylint: disable=wrong-import-position
from mcrlab import main, paths, scenario

GROUP = "239.1.1.1"

# A line for every UDP packet: source, TTL, DSCP, IP length.
SNIFFER = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
s.bind(("eth0", 0x0800))
s.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)
print("ready", flush=True)
while True:
    p = s.recv(65536)
    if p[9] == 17:
        print(socket.inet_ntoa(p[12:16]), p[8], p[1] >> 2, p[2] << 8 | p[3], flush=True)
"""


def sniffer(t):
    capture = t.python_start("sink", SNIFFER)
    t.wait_until(lambda: "ready" in capture.stdout(), 5, "sniffer ready")
    return capture


def on_wire(t, capture, count):
    t.wait_until(lambda: len(capture.stdout().splitlines()) > count, 10, f"{count} on the wire")
    return [line.split() for line in capture.stdout().splitlines()[1:]]


def mcrgen(t, *args):
    """mcrgen to its end, whatever its status."""
    return t.run("gen", [paths.program("mcrgen"), "--interface", "eth0", *args], check=False)


@scenario("imix is seven, four and one packets of 64, 576 and 1500 bytes", topology="direct2")
def imix(t):
    capture = sniffer(t)
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=1200, rate=5000, size="imix")
    t.clean(sink.finish(expect=1200), 1200)
    sizes = Counter(int(line[3]) for line in on_wire(t, capture, 1200))
    t.equal(sizes, {64: 700, 576: 400, 1500: 100}, "packets by IP length")


@scenario("TTL, DSCP and source address are as given, and by default those of the interface",
          topology="direct2")
def header(t):
    for options, expected in (
            ({}, ["10.90.1.1", "16", "0", "128"]),
            ({"ttl": 3, "dscp": 46}, ["10.90.1.1", "3", "46", "128"]),
            ({"source_address": "10.90.1.1", "ttl": 255}, ["10.90.1.1", "255", "0", "128"]),
            ({"source_address": "10.66.0.9", "dscp": 63}, ["10.66.0.9", "16", "63", "128"])):
        capture = sniffer(t)
        t.gen("gen", "eth0", GROUP, 5000, count=10, rate=1000, size=100, **options)
        t.equal(on_wire(t, capture, 10), [expected] * 10, f"{options}")
        capture.stop()


@scenario("a source that cannot be had is one clear line", topology="direct2")
def bad_source(t):
    for address in ("224.1.1.1", "255.255.255.255"):
        done = mcrgen(t, "--group", GROUP, "--port", "5000", "--count", "1", "--source-address",
                      address)
        t.equal((done.returncode, done.stdout), (2, ""), f"{address}: status and output")
        t.equal(done.stderr, "mcrgen: cannot prepare to send: Cannot assign requested address\n",
                f"{address}: message")


@scenario("one datagram a second is one datagram a second", topology="direct2")
def slowest(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=3, rate=1)
    report = sink.finish(expect=3)
    t.clean(report, 3)
    t.between(gen["pps"], 0.99, 1.01, "pps sent")
    t.between(report["longest_gap_ms"], 990, 1010, "longest gap")


@scenario("bursts leave together at the same average rate", topology="direct2")
def bursts(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=1000, burst=100, size=100)
    report = sink.finish(expect=1000)
    t.clean(report, 1000)
    t.between(gen["pps"], 990, 1010, "pps sent")
    t.between(report["longest_gap_ms"], 85, 115, "pause between two bursts of 100 ms distance")


@scenario("a rate that cannot be reached is said, with status 3", topology="direct2")
def too_fast(t):
    done = mcrgen(t, "--group", GROUP, "--port", "5000", "--rate", "90000000", "--count", "300000",
                  "--json")
    t.equal(done.returncode, 3, "status")
    t.true("90000000 pps could not be reached" in done.stderr, done.stderr)
    t.equal(len(done.stderr.splitlines()), 1, "lines")
    t.true('"rate_reached":false' in done.stdout and '"sent":300000' in done.stdout, done.stdout)
    done = mcrgen(t, "--group", GROUP, "--port", "5000", "--rate", "1000", "--count", "200",
                  "--json")
    t.equal((done.returncode, done.stderr), (0, ""), "a rate that can")
    t.true('"rate_reached":true' in done.stdout, done.stdout)


@scenario("UDP_SEGMENT carries a million datagrams in a second of one processor", topology="direct2")
def million(t):
    """Of its own time: other tests may have the processors as well.  Best of three."""
    if b"__asan_init" in Path(paths.program("mcrgen")).read_bytes():
        t.skip("built with sanitizers, which cost more than half of the rate")

    def rate(*args):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = mcrgen(t, "--group", GROUP, "--port", "5000", "--duration", "0.5", "--json", *args)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = json.loads(done.stdout)
        t.equal(report["send_errors"], 0, "send errors")
        return report["sent"] / (after.ru_utime - before.ru_utime +
                                 after.ru_stime - before.ru_stime)
    for size, segment in ((1400, 44), (200, 64)):
        best = max(rate("--size", size, "--segment", segment) for _ in range(3))
        t.note(f"{size} bytes, {segment} a send: {best:.0f} datagrams in a second of CPU time")
        t.true(best >= 1e6, f"{size} bytes: {best}")
    t.note(f"one by one: {rate('--size', 1400):.0f}")


if __name__ == "__main__":
    main()
