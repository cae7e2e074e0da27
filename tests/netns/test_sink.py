#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The sink says exactly what arrived, how late, and which losses are its own.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

Datagrams are made one by one in Python, so every figure is known beforehand.
"""

import json
import signal
import subprocess

import support  # pylint: disable=unused-import
from mcrlab import main, paths, payload, scaled, scenario

from support_lab import one_line

GROUP = "239.1.1.1"


def send(t, lines, port=5000):
    t.python("gen", "import socket, struct, time\n"
             "from mcrlab import payload\n"
             "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
             "s.setsockopt(0, socket.IP_MULTICAST_IF, socket.inet_aton('10.90.1.1'))\n"
             f"send = lambda data: s.sendto(data, ('{GROUP}', {port}))\n" + lines)


# The orders of arrival, and by RFC 4737 (section 3.3): reordered, duplicated, lost.
ORDERS = [
    ("in order", (0, 1, 2, 3), 0, 0, 0),
    ("one late", (0, 2, 3, 1, 4), 1, 0, 0),
    ("two swapped twice", (1, 0, 3, 2), 2, 0, 0),
    ("backwards", (4, 3, 2, 1, 0), 4, 0, 0),
    ("a late duplicate is no reordering", (0, 1, 2, 0), 0, 1, 0),
    ("late, and again", (0, 2, 1, 1), 1, 1, 0),
    ("a hole", (0, 1, 5), 0, 0, 3),
    ("a hole partly filled late", (0, 5, 3), 1, 0, 3),
    ("holes all over", tuple(n for n in range(1000) if n % 10 != 3), 0, 0, 100),
    ("all at once", (0, 1, 1, 2, 4, 3, 5, 5, 5, 9, 7, 6, 8), 4, 3, 0),
    ("the highest numbers there are", (2**64 - 1, 2**64 - 2), 1, 0, 0),
]


TWO_LINKS = {"name": "two", "nodes": {"gen": {}, "sink": {}}, "links": [
    {"ends": [{"at": f"gen:eth{i}", "addresses": [f"10.90.{i + 1}.1/24"]},
              {"at": f"sink:eth{i}", "addresses": [f"10.90.{i + 1}.2/24"]}]} for i in (0, 1)]}


@scenario("one group and port on two interfaces are two streams", topology=TWO_LINKS)
def two_interfaces(t):
    sink = t.sink("sink", "eth0,10.90.2.2", GROUP, 5000)
    for interface, count in (("eth0", 3), ("eth1", 5)):
        t.gen("gen", interface, GROUP, 5000, count=count)
    report = sink.finish(expect=8)
    t.equal({one["interface"]: one["received"] for one in report["streams"]}, {"eth0": 3, "eth1": 5},
            "streams")
    t.equal({one["interface"]: (one["unique"], one["lost"]) for one in report["flows"]},
            {"eth0": (3, 0), "eth1": (5, 0)}, "flows")
    done = t.run("sink", [paths.program("mcrsink"), "--interface", "eth0,eth1", "--group",
                          "10.90.1.2", "--port", "5000"], check=False)
    t.equal((done.returncode, done.stderr),
            (2, "mcrsink: --interface: only a multicast group can be received on several\n"),
            "a host on two interfaces")


@scenario("every order of arrival is judged as RFC 4737 does", topology="direct2")
def orders(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    for flow, (_, sequences, *_) in enumerate(ORDERS):
        send(t, f"for i in {sequences}: send(payload(i, flow={flow}))\n")
    report = sink.finish(expect=sum(len(order[1]) for order in ORDERS))
    found = {flow["flow"]: flow for flow in report["flows"]}
    for flow, (name, sequences, *expected) in enumerate(ORDERS):
        one = found[flow]
        t.equal([one["reordered"], one["duplicated"], one["lost"]], expected, name)
        t.equal(one["received"], len(sequences), f"{name}: received")
    for key, column in (("reordered", 2), ("duplicated", 3), ("lost", 4)):
        t.equal(report[key], sum(order[column] for order in ORDERS), f"{key} in total")


def counts_the_same(t, port, **mode):
    """Every order again, then super-datagrams."""
    sink = t.sink("sink", "eth0", GROUP, port, **mode)
    for flow, (_, sequences, *_) in enumerate(ORDERS):
        send(t, f"for i in {sequences}: send(payload(i, flow={flow}))\n", port)
    report = sink.finish(expect=sum(len(order[1]) for order in ORDERS))
    for key, column in (("reordered", 2), ("duplicated", 3), ("lost", 4)):
        t.equal(report[key], sum(order[column] for order in ORDERS), f"{mode}: {key} in total")
    supers = t.sink("sink", "eth0", GROUP, port + 1, gro=True, **mode)
    t.gen("gen", "eth0", GROUP, port + 1, rate=20000, count=6400, size=1000, segment=32)
    t.clean(supers.finish(6400), 6400, f"{mode}: super-datagrams")


@scenario("a sink that looks at less counts the same", topology="direct2")
def cheaper(t):
    """By the header of each datagram, and by the first header of each receive."""
    counts_the_same(t, 5000, headers=True)
    counts_the_same(t, 5002, first=True)


@scenario("latency percentiles are right to 1 %", topology="direct2")
def latency(t):
    """Send times are put back by 1 s, 10 s, 20 s, 40 s and 60 s, which dwarfs the way itself."""
    sink = t.sink("sink", "eth0", GROUP, 5000)
    send(t, "now = time.monotonic_ns()\n"
            "ages = [1] * 500 + [10] * 400 + [20] * 90 + [40] * 9 + [60]\n"
            "for i, age in enumerate(ages):\n"
            "  send(payload(i, time_ns=time.monotonic_ns() - age * 10**9))\n")
    report = sink.finish(expect=1000)
    t.clean(report, 1000)
    for name, age_s in (("p50", 1), ("p90", 10), ("p99", 20), ("p99.9", 40), ("max", 60)):
        # The bucket, and the delay of the way on top: no more than that of the slowest datagram,
        # whose send time was put back by exactly a minute.
        way_s = report["latency_us"]["max"] / 1e6 - 60
        t.between(report["latency_us"][name] / 1e6, age_s, (age_s + max(way_s, 0) + 5) * 1.01, name)
    t.equal(report["latency_us"], report["flows"][0]["latency_us"], "total and only flow")


@scenario("the longest gap is the longest pause", topology="direct2")
def gap(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=20, rate=20, burst=10, size=100)
    report = sink.finish(expect=20)
    # The second burst is due half a second behind the first; either may be read late.
    t.true(report["longest_gap_ms"] >= 450, f"longest gap {report['longest_gap_ms']} ms")


@scenario("a line for every interval, whose rates add up", topology="direct2")
def intervals(t):
    sink = t.sink("sink", "eth0", GROUP, 5000, interval_ms=100)
    t.gen("gen", "eth0", GROUP, 5000, count=500, rate=500, size=100)
    report = sink.finish(expect=500)
    lines = [json.loads(line) for line in sink.stdout().splitlines()[:-1]]
    t.true(lines, "no line")
    t.equal(report["received"], 500, "received")
    t.equal(sorted(line["received"] for line in lines), [line["received"] for line in lines],
            "received never falls")
    added, before_s = 0, 0
    for line in lines:
        added += line["pps"] * (line["t_s"] - before_s)
        before_s = line["t_s"]
    t.between(added, lines[-1]["received"] * 0.98 - 2, lines[-1]["received"] * 1.02 + 2,
              "sum of rate times length")


@scenario("own drops are counted in datagrams, or bounded when they are super-datagrams",
          topology={"nodes": {"gen": {}, "sink": {}},
                    "links": [{"ends": [{"at": "gen:eth0", "addresses": ["10.90.1.1/24"],
                                         "uso": True},
                                        {"at": "sink:eth0", "addresses": ["10.90.1.2/24"]}]}]})
def own_drops(t):
    for options in ({}, {"gro": True}):
        sink = t.sink("sink", "eth0", GROUP, 5000, rcvbuf=200000, **options)
        sink.send_signal(signal.SIGSTOP)
        gen = t.gen("gen", "eth0", GROUP, 5000, count=4000, rate=50000, size=1000, segment=40)
        sink.send_signal(signal.SIGCONT)
        report = sink.finish(expect=1)
        missing = gen["sent"] - report["received"]
        t.true(missing > 1000, f"{options}: only {missing} of {gen['sent']} missing")
        if options:
            t.true(report["sink_drops"] < missing <= report["sink_drops_most"],
                   f"{missing} missing, drops {report['sink_drops']} to {report['sink_drops_most']}")
        else:
            t.equal((report["sink_drops"], report["sink_drops_most"]), (missing, missing),
                    "drops, datagram for datagram")


@scenario("own drops are those of all streams together", topology="direct2")
def own_drops_of_all(t):
    """Of three ports the first and the second overflow, the last does not."""
    sink = t.sink("sink", "eth0", GROUP, "5000-5002", rcvbuf=100000)
    sink.send_signal(signal.SIGSTOP)
    for port, count in ((5000, 1000), (5001, 2000), (5002, 10)):
        t.gen("gen", "eth0", GROUP, port, count=count, rate=20000, size=1000, first_flow=port)
    sink.send_signal(signal.SIGCONT)
    report = sink.finish(expect=1)
    missing = 3010 - report["received"]
    t.true(missing > 1000, f"only {missing} of 3010 missing")
    t.equal((report["sink_drops"], report["sink_drops_most"]), (missing, missing), "drops")


@scenario("source-specific and any-source joins side by side, many groups at once",
          topology="direct2")
def joins(t):
    groups = [f"232.1.{i // 100}.{i % 100}" for i in range(300)]
    wanted = t.sink("sink", "eth0", groups, 5000, source="10.90.1.1")
    other = t.sink("sink", "eth0", groups, 5000, source="10.90.1.9")
    everybody = t.sink("sink", "eth0", groups, 5000)
    send(t, "for i in range(300):\n"
            "  s.sendto(payload(0, flow=i), (f'232.1.{i // 100}.{i % 100}', 5000))\n")
    t.clean(wanted.finish(expect=300), 300)
    t.clean(everybody.finish(expect=300), 300)
    t.equal(other.finish()["received"], 0, "received from a source that did not send")


@scenario("the sink measures its own ceiling, as any user, and drops nothing at it")
def ceiling(t):
    def measure(*options):
        done = subprocess.run([paths.program("mcrsink"), "--ceiling", "--json", *options],
                              text=True, capture_output=True, timeout=scaled(30), check=False)
        t.equal((done.returncode, done.stderr), (0, ""), "mcrsink --ceiling")
        return json.loads(done.stdout)
    single, gathered = measure(), measure("--gro")
    for what, report in (("datagrams", single), ("super-datagrams", gathered)):
        pps = report["ceiling_pps"]
        t.equal(report["sink_drops"], 0, f"{what}: drops")
        t.true(0 < pps["min"] <= pps["median"] <= pps["max"], f"{what}: {pps}")
        t.note(f"{what}: {pps['median']:.0f} pps ({pps['min']:.0f} to {pps['max']:.0f})")


@scenario("text for people says the same as JSON for programs", topology="direct2")
def text(t):
    argv = [paths.program("mcrsink"), "--interface", "eth0", "--group", GROUP, "--port", "5000",
            "--count", "10", "--timeout-ms", "10000", "--interval-ms", "50"]
    people = t.start("sink", argv)
    # Its first line shows that it has joined: lines come only from the loop that receives.
    t.wait_until(lambda: "received 0," in people.stdout(), 5, "the first interval")
    send(t, "for i in (0, 1, 2, 3, 5, 4, 4, 9): send(payload(i))\n"
            "send(b'short'); send(b'x' * 100)\n")
    t.equal(people.wait(10), 0, "status")
    last = people.stdout().splitlines()[-1]
    for part in ("received 10 ", "in 1 flows", "lost 3,", "duplicated 1,", "reordered 1,",
                 "corrupt 1,", "short 1,", "sink drops 0", "p99.9"):
        t.true(part in last, f"no '{part}' in: {last}")
    done = t.run("sink", argv + ["--timeout-ms", "50"], check=False)
    t.true(done.stdout.splitlines()[-1].endswith("; latency us -"), done.stdout)


@scenario("an address that it cannot have is named", topology="direct2")
def foreign(t):
    for group, message in (("10.90.1.1", "--group: 10.90.1.1 is neither a multicast group nor an "
                                         "address of this host"),
                           ("10.90.1.2,10.66.0.9", "--group: 10.66.0.9 is neither")):
        done = t.run("sink", [paths.program("mcrsink"), "--interface", "eth0", "--group", group,
                              "--port", "5000"], check=False)
        one_line(t, done, 2, message, group)


@scenario("a source-specific sink hears its source alone", topology="direct2")
def source_specific(t):
    wanted = t.sink("sink", "eth0", "232.1.1.1", 5000, source="10.90.1.1")
    other = t.sink("sink", "eth0", "232.1.1.1", 5000, source="10.90.1.77")
    t.gen("gen", "eth0", "232.1.1.1", 5000, count=100, rate=5000)
    t.clean(wanted.finish(expect=100), 100)
    t.equal(other.finish()["received"], 0, "received from a source not asked for")


@scenario("one wrong byte anywhere is corrupt", topology="direct2")
def corruption(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    send(t, "good = payload(5, size=200)\n"
            "for at in range(200):\n"
            "  bad = bytearray(good); bad[at] ^= 0x10; send(bytes(bad))\n"
            "send(good); send(good[:-1]); send(good + b'x'); send(b'no header of ours' * 4)\n")
    report = sink.finish(expect=204)
    t.equal((report["received"], report["unique"], report["corrupt"]), (204, 1, 203),
            "received, unique, corrupt")


@scenario("the dump holds every payload, byte for byte", topology="direct2")
def dump(t):
    path = t.run_dir / "dump"
    sink = t.sink("sink", "eth0", GROUP, 5000, dump=path)
    send(t, "for i in range(50): send(payload(i, size=i * 20, time_ns=i))\n")
    t.equal(sink.finish(expect=50)["received"], 50, "received")
    expected = b"".join(len(one).to_bytes(4, "big") + one for one in
                        (payload(i, size=i * 20, time_ns=i) for i in range(50)))
    t.equal(path.read_bytes() == expected, True, "dump is what was sent")


@scenario("SIGTERM makes the sink count what is queued, and report", topology="direct2")
def drain(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    sink.send_signal(signal.SIGSTOP)
    t.gen("gen", "eth0", GROUP, 5000, count=500, rate=50000, size=100)
    sink.send_signal(signal.SIGTERM)
    sink.send_signal(signal.SIGCONT)
    t.equal(sink.wait(10), 0, "exit status")
    report = json.loads(sink.stdout())
    t.clean(report, 500)
    t.equal(report["end"], "signal", "end")


BAD = [
    # arguments beside --interface, --group and --port; words of the one line
    (("--interface", "eth9"), "no interface has the name or address 'eth9'"),
    (("--group", "239.1.1.300"), "--group: '239.1.1.300' is not an IPv4 address"),
    (("--group", "10.99.0.1"), "--group: 10.99.0.1 is neither a multicast group nor an address"),
    (("--port", "70000"), "--port: '70000' is not a number from 1 to 65535"),
    (("--port", "65535", "--flows", "2"), "--flows: port 65535 and 1 more are beyond 65535"),
    (("--dump", "/nonesuch/x"), "--dump: /nonesuch/x: No such file"),
    (("--dump", "/dev/null", "--first"), "--dump: not with --first"),
    (("--control-fd", "99"), "--control-fd: file descriptor 99 is not open"),
    (("now",), "unexpected argument 'now'"),
]


@scenario("bad input is one clear line", topology="direct2")
def bad_input(t):
    for args, message in BAD:
        done = t.run("sink", [paths.program("mcrsink"), "--interface", "eth0", "--group", GROUP,
                              "--port", "5000", "--timeout-ms", "1", *args], check=False)
        one_line(t, done, 2, message, " ".join(args))


if __name__ == "__main__":
    main()
