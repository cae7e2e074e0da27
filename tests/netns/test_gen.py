#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The generator sends as many datagrams as asked, as fast as asked, and says so when it cannot.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

A capture shows the wire; the sink judges what arrives.
"""

import json
import socket
from collections import Counter

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario

from support_lab import one_line

GROUP = "239.1.1.1"

# With uso on its end the generator's super-datagrams leave uncut.
UNCUT = {"nodes": {"gen": {}, "sink": {}},
         "links": [{"ends": [{"at": "gen:eth0", "addresses": ["10.90.1.1/24"], "uso": True},
                             {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]}]}


def headers(capture):
    """Of each packet captured: source, TTL, DSCP, IP length."""
    for packet in capture.finish():
        ip = packet[14:]
        yield socket.inet_ntoa(ip[12:16]), ip[8], ip[1] >> 2, ip[2] << 8 | ip[3]


def mcrgen(t, *args):
    """mcrgen to its end, whatever its status."""
    return t.run("gen", [paths.program("mcrgen"), "--interface", "eth0", *args], check=False)


@scenario("imix is seven, four and one packets of 64, 576 and 1500 bytes", topology="direct2")
def imix(t):
    capture = t.capture("sink", "eth0", count=1200, expression="udp")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=1200, rate=5000, size="imix")
    t.clean(sink.finish(expect=1200), 1200)
    sizes = Counter(length for *_, length in headers(capture))
    t.equal(sizes, {64: 700, 576: 400, 1500: 100}, "packets by IP length")


@scenario("TTL, DSCP and source address are as given, and by default those of the interface",
          topology="direct2")
def header(t):
    for options, expected in (
            ({}, ("10.90.1.1", 16, 0, 128)),
            ({"ttl": 3, "dscp": 46}, ("10.90.1.1", 3, 46, 128)),
            ({"source_address": "10.90.1.1", "ttl": 255}, ("10.90.1.1", 255, 0, 128)),
            ({"source_address": "10.66.0.9", "dscp": 63}, ("10.66.0.9", 16, 63, 128))):
        capture = t.capture("sink", "eth0", count=10, expression="udp")
        t.gen("gen", "eth0", GROUP, 5000, count=10, rate=1000, size=100, **options)
        t.equal(list(headers(capture)), [expected] * 10, f"{options}")


BAD = [
    # arguments beside --group, --port and --count; words of the one line
    (("--interface", "eth9"), "no interface has the name or address 'eth9'"),
    (("--interface", "10.90.1.9"), "no interface has the name or address '10.90.1.9'"),
    (("--group", "239.1.1.300"), "--group: '239.1.1.300' is not an IPv4 address"),
    (("--port", "0"), "--port: '0' is not a number from 1 to 65535"),
    (("--size", "70000"), "--size: '70000' is not a list of sizes"),
    (("--rate", "fast"), "--rate: 'fast' is not a number"),
    (("--ttl", "0"), "--ttl: '0' is not a number from 1 to 255"),
    (("--dscp", "64"), "--dscp: '64' is not a number from 0 to 63"),
    (("--source-address", "224.1.1.1"), "cannot prepare to send: Cannot assign requested address"),
    (("--source-address", "255.255.255.255"), "cannot prepare to send: Cannot assign"),
    (("--port", "65530", "--flows", "10"), "--flows: port 65530 and 9 more are beyond 65535"),
    (("--group", "239.255.255.250", "--flows", "7", "--flow-groups"),
     "--flow-groups: the last of 7 groups is beyond 239.255.255.255"),
    (("--segment", "47"), "--segment: 47 datagrams of 1400 bytes are 65800, and a send holds 65507: "
                          "at most 46 of them"),
    (("--segment", "2", "--size", "0,100"), "--segment: a datagram of 0 bytes is no segment"),
    (("--ready-fd", "99"), "--ready-fd: file descriptor 99 is not open"),
    (("--colour", "red"), "no option --colour"),
    (("now",), "unexpected argument 'now'"),
]


@scenario("bad input is one clear line, and nothing is sent", topology="direct2")
def bad_input(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    for args, message in BAD:
        done = mcrgen(t, "--group", GROUP, "--port", "5000", "--count", "1", *args)
        one_line(t, done, 2, message, " ".join(args))
    t.equal(sink.finish()["received"], 0, "received")


def rate_is(t, gen, rate, count):
    """The report's rate is what was sent in the time it took, and the rate asked for never exceeded.

    How late a busy machine lets it be is no matter: no datagram leaves before its time, which for
    the last one is (count - 1) / rate behind the first.
    """
    t.equal(gen["sent"], count, "sent")
    t.true(gen["elapsed_s"] >= (count - 1) / rate - 0.001, f"{count} sent in {gen['elapsed_s']} s")
    computed = (count - 1) / gen["elapsed_s"]
    t.between(gen["pps"], computed * 0.999, computed * 1.001, "pps, of datagrams and time")


@scenario("a rate of one datagram a second is kept", topology="direct2")
def slowest(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=2, rate=1)
    report = sink.finish(expect=2)
    t.clean(report, 2)
    rate_is(t, gen, 1, 2)


@scenario("bursts leave together at the same average rate", topology="direct2")
def bursts(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=1000, burst=100, size=100)
    report = sink.finish(expect=1000)
    t.clean(report, 1000)
    # The last burst of 100 is due 900 ms behind the first.
    t.true(gen["elapsed_s"] >= 0.899, f"ten bursts in {gen['elapsed_s']} s")
    t.note(f"{gen['pps']:.1f} pps, longest gap {report['longest_gap_ms']:.1f} ms")


@scenario("a rate that cannot be reached is said, with status 3", topology="direct2")
def too_fast(t):
    done = mcrgen(t, "--group", GROUP, "--port", "5000", "--rate", "90000000", "--count", "300000",
                  "--json")
    t.equal(done.returncode, 3, "status")
    t.true("90000000 pps could not be reached" in done.stderr, done.stderr)
    t.equal(len(done.stderr.splitlines()), 1, "lines")
    t.true('"rate_reached":false' in done.stdout, done.stdout)
    report = json.loads(done.stdout)
    t.equal(report["sent"], 300000, "sent")
    pps = report["sent"] / report["elapsed_s"]
    t.between(report["pps"], pps * 0.999, pps * 1.001, "pps: what was sent in the time it took")

    def reached():
        """Not where the machine itself held it up for more than 100 ms: then it may say so."""
        done = mcrgen(t, "--group", GROUP, "--port", "5000", "--rate", "1000", "--count", "200",
                      "--json")
        said = (done.returncode, done.stderr, json.loads(done.stdout)["rate_reached"])
        return said == (0, "", True)
    t.once(reached, "a rate that can be reached: status 0, no errors, rate reached")


@scenario("a duration ends at its time when the rate cannot be reached", topology="direct2")
def too_fast_for_a_time(t):
    done = mcrgen(t, "--group", GROUP, "--port", "5000", "--rate", "90000000", "--duration", "0.5",
                  "--json")
    report = json.loads(done.stdout)
    t.equal(done.returncode, 3, "status")
    t.true(report["elapsed_s"] >= 0.5, f"{report['elapsed_s']} s")
    t.true(0 < report["sent"] < 45_000_000, f"{report['sent']} sent")
    # The last datagram sent was due near the beginning.
    due_ms = report["sent"] / 90e6 * 1e3
    t.true(report["behind_ms"] >= report["elapsed_s"] * 1e3 - due_ms - 1,
           f"behind by {report['behind_ms']} ms in {report['elapsed_s']} s, due {due_ms} ms")
    t.equal(report["rate_reached"], False, "rate reached")
    t.true(f"with {report['sent']} of 45000000 datagrams" in done.stderr, done.stderr)
    t.equal(len(done.stderr.splitlines()), 1, "lines")


@scenario("what could not be sent is not among what was sent", topology="direct2")
def refused(t):
    """The link goes down in the middle: from then on every datagram is an error."""
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen_start("gen", "eth0", GROUP, 5000, count=1000, rate=1000, size=100)
    t.wait_until(lambda: sink.received() >= 100, 5, "the stream flows")
    t.run("gen", ["ip", "link", "set", "eth0", "down"])
    report = gen.finish()
    t.equal(report["sent"] + report["send_errors"], 1000, "sent and not sent")
    t.true(report["send_errors"] > 0, "nothing was refused")
    t.clean(sink.finish(report["sent"]), report["sent"])
    t.equal(report["flows"][0]["sent"] if "flows" in report else report["sent"], report["sent"],
            "sent of the only flow")


@scenario("sizes are taken in turn, and sizes without room for a header are counted",
          topology="direct2")
def sizes(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=60, rate=2000, size="0,1,31,32,33,1472")
    report = sink.finish(expect=60)
    t.equal(report["received"], 60, "received")
    t.equal(report["short"], 30, "short")
    t.equal(report["unique"], 30, "with a sequence number")
    t.equal(report["corrupt"], 0, "corrupt")
    t.equal(report["bytes"], 10 * (0 + 1 + 31 + 32 + 33 + 1472), "bytes")


@scenario("UDP_SEGMENT puts single datagrams on the wire, each with its own sequence",
          topology="direct2")
def segments(t):
    capture = t.capture("sink", "eth0", count=1000, expression="udp")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=10000, size=200, segment=40)
    t.clean(sink.finish(expect=1000), 1000)
    t.equal({length for *_, length in headers(capture)}, {228}, "IP lengths on the wire")


@scenario("with uso the same sends stay whole, so the check above can fail", topology=UNCUT)
def segments_uncut(t):
    sink = t.sink("sink", "eth0", GROUP, 5000, gro=True)
    before = rx_packets(t)
    t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=10000, size=200, segment=40)
    t.clean(sink.finish(expect=1000), 1000)
    t.between(rx_packets(t) - before, 25, 40, "frames on the wire")


def rx_packets(t):
    links = json.loads(t.run("sink", ["ip", "-s", "-j", "link", "show", "eth0"]).stdout)
    return links[0]["stats64"]["rx"]["packets"]


@scenario("the generator never sends before the time, and says what it has kept",
          topology="direct2")
def pacing(t):
    for rate, count in ((100, 50), (1000, 1000), (20000, 20000)):
        sink = t.sink("sink", "eth0", GROUP, 5000)
        gen = t.gen("gen", "eth0", GROUP, 5000, rate=rate, count=count, size=200)
        report = sink.finish(expect=count)
        t.clean(report, count)
        t.note(f"{rate} pps asked: {gen['pps']:.1f} sent, {report['pps']:.1f} received")
        rate_is(t, gen, rate, count)


@scenario("a duration at a rate is a number of datagrams; SIGTERM ends early and honestly",
          topology="direct2")
def durations(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.equal(t.gen("gen", "eth0", GROUP, 5000, rate=500, duration=0.5)["sent"], 250, "sent")
    gen = t.gen_start("gen", "eth0", GROUP, 5000, rate=1000)
    t.wait_until(lambda: sink.received() >= 350, 10, "100 more datagrams")
    sent = gen.stop()["sent"]
    t.equal(sink.finish(expect=250 + sent)["received"], 250 + sent, "received")


@scenario("a generator stopped between two datagrams has not been late", topology="direct2")
def stopped_early(t):
    def stopped():
        """Not where the machine itself held up the second datagram for more than 100 ms."""
        sink = t.sink("sink", "eth0", GROUP, 5000)
        gen = t.gen_start("gen", "eth0", GROUP, 5000, rate=1)
        sink.finish(expect=2, quiet_ms=500)
        report = gen.stop()
        rate_is(t, report, 1, report["sent"])
        return (gen.stderr(), report["rate_reached"], gen.returncode) == ("", True, 0)
    t.once(stopped, "no errors, rate reached, status 0")


if __name__ == "__main__":
    main()
