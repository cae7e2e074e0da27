#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A capture is sent again: the same payloads, in order, at the right times, where they should go.

    [gen] eth0 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

The captures are made by scapy; what arrives is judged byte by byte by a dump of the sink.
"""

import json
import struct
import subprocess

import support  # pylint: disable=unused-import
from mcrlab import main, paths, payload, scaled, scenario
from mcrlab.capture import records
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import PcapNgWriter, PcapWriter

GROUP = "239.1.1.1"
PORT = 5000


def frame(data, group=GROUP, port=PORT, **ip):
    return (Ether(src="02:00:00:00:00:01", dst="01:00:5e:01:01:01")
            / IP(src="10.7.7.7", dst=group, ttl=9, **ip) / UDP(sport=1234, dport=port) / data)


def write(path, packets, linktype=1, writer=PcapWriter):
    """A capture of (time in seconds, packet)."""
    if writer is PcapNgWriter:
        out = writer(str(path))
    else:
        out = writer(str(path), linktype=linktype, nano=True)
    for at, packet in packets:
        packet.time = at
        out.write(packet)
    out.close()
    return path


def numbered(count, gap_s, size=200, start=1000.0):
    return [(start + i * gap_s, frame(payload(i, size=size))) for i in range(count)]


def replay(t, path, **options):
    """Replay to the end: (report or None, status, standard error)."""
    argv = [paths.program("mcrgen"), "--interface", "eth0", "--replay", path, "--json"]
    for key, value in options.items():
        argv += [f"--{key.replace('_', '-')}"] + ([] if value is True else [str(value)])
    done = t.run("gen", argv, check=False, deadline_s=30)
    return done


def report_of(t, path, **options):
    done = replay(t, path, **options)
    t.equal((done.returncode, done.stderr), (0, ""), "mcrgen")
    return json.loads(done.stdout)


def dumped(path):
    """The payloads that a sink dumped."""
    data, found = path.read_bytes(), []
    while data:
        length, = struct.unpack("!I", data[:4])
        found.append(data[4:4 + length])
        data = data[4 + length:]
    return found


@scenario("pcap and pcapng are replayed byte for byte, in order", topology="direct2")
def bytes_and_order(t):
    bodies = [b"", b"x", b"hello" * 20, bytes(range(256)) * 5, payload(3, size=1472)]
    packets = [(5 + i / 1000, frame(body)) for i, body in enumerate(bodies)]
    for name, writer in (("a.pcap", PcapWriter), ("a.pcapng", PcapNgWriter)):
        dump = t.run_dir / f"{name}.dump"
        sink = t.sink("sink", "eth0", GROUP, PORT, dump=dump)
        report = report_of(t, write(t.run_dir / name, packets, writer=writer))
        sink.finish(expect=5)
        t.equal(dumped(dump), bodies, f"{name}: payloads")
        t.equal((report["sent"], report["bytes"], report["send_errors"]),
                (5, sum(map(len, bodies)), 0), f"{name}: sent, bytes, errors")
        t.equal(report["replay"]["packets"], 5, f"{name}: packets")


@scenario("of a mixed capture the UDP datagrams alone are sent, and the rest is counted",
          topology="direct2")
def selection(t):
    good = payload(0, size=100)
    tagged = Ether() / Dot1Q(vlan=5) / IP(dst=GROUP) / UDP(dport=PORT) / payload(1, size=100)
    packets = [frame(good), tagged, Ether() / ARP(), Ether() / IP(dst="10.90.1.2") / TCP(),
               frame(b"piece of one", flags="MF"), frame(b"another", frag=7)]
    sink = t.sink("sink", "eth0", GROUP, PORT)
    report = report_of(t, write(t.run_dir / "mixed.pcap", [(1 + i / 1e3, p)
                                                         for i, p in enumerate(packets)]))
    t.clean(sink.finish(expect=2), 2)
    t.equal({key: report["replay"][key] for key in
             ("packets", "datagrams", "not_udp_ipv4", "fragments", "cut_short")},
            {"packets": 6, "datagrams": 2, "not_udp_ipv4": 2, "fragments": 2, "cut_short": 0},
            "packets by what they are")


@scenario("the timing of the file is kept, and its error is measured", topology="direct2")
def timing(t):
    path = write(t.run_dir / "steady.pcap", numbered(100, 0.005))
    for options, expected_s in (({}, 0.495), ({"speed": 4}, 0.495 / 4), ({"speed": 0.5}, 0.99)):
        sink = t.sink("sink", "eth0", GROUP, PORT)
        report = report_of(t, path, **options)
        t.clean(sink.finish(expect=100), 100)
        error = report["replay"]["timing_error_us"]
        t.note(f"{options}: {report['elapsed_s']:.4f} s, timing error us p50 {error['p50']:.1f} "
               f"p99 {error['p99']:.1f} max {error['max']:.1f}")
        # A late packet never makes the next one late: the whole is exact but for its last packet,
        # and no packet leaves early.
        late_s = error["max"] / 1e6
        t.between(report["elapsed_s"], expected_s, expected_s + late_s + 0.01, "elapsed")
        t.true(0 < error["p50"] <= error["p99"] <= error["max"], f"timing error: {error}")


@scenario("bursts and pauses arrive as bursts and pauses", topology="direct2")
def shape(t):
    times = [100 + burst * 0.3 + i * 1e-6 for burst in range(3) for i in range(20)]
    packets = [(at, frame(payload(i, size=100))) for i, at in enumerate(times)]
    sink = t.sink("sink", "eth0", GROUP, PORT)
    # The kernel's time stamps: the sink takes its own when it gets round to it.
    capture = t.capture("sink", "eth0", count=60, expression="udp")
    report = report_of(t, write(t.run_dir / "bursts.pcap", packets))
    t.clean(sink.finish(expect=60), 60)
    capture.finish()
    late_ms = report["replay"]["timing_error_us"]["max"] / 1000
    seen = [at for at, _ in records(capture.path)]
    gaps_ms = [(after - before) * 1000 for before, after in zip(seen, seen[1:])]
    for number, gap_ms in enumerate(gaps_ms):
        wanted_ms = (times[number + 1] - times[number]) * 1000
        t.between(gap_ms, wanted_ms - late_ms - 1, wanted_ms + late_ms + 1, f"gap {number}")


@scenario("flat out is faster than the file, and has no timing error", topology="direct2")
def flat_out(t):
    path = write(t.run_dir / "slow.pcap", numbered(1000, 0.1))
    sink = t.sink("sink", "eth0", GROUP, PORT)
    report = report_of(t, path, speed=0)
    t.clean(sink.finish(expect=1000), 1000)
    t.true(report["elapsed_s"] < 50, f"100 s of capture took {report['elapsed_s']} s")
    t.true("timing_error_us" not in report["replay"], "a timing error of no timing")


@scenario("loops repeat the file, a mean gap apart", topology="direct2")
def loops(t):
    path = write(t.run_dir / "loop.pcap", numbered(11, 0.01))
    sink = t.sink("sink", "eth0", GROUP, PORT)
    report = report_of(t, path, loops=3)
    arrived = sink.finish(expect=33)
    t.equal((report["sent"], report["replay"]["loops"]), (33, 3), "sent, loops")
    t.equal((arrived["received"], arrived["unique"], arrived["duplicated"]), (33, 11, 22),
            "received, unique, duplicated")
    late_s = report["replay"]["timing_error_us"]["max"] / 1e6
    t.between(report["elapsed_s"], 0.32, 0.33 + late_s, "32 gaps of 10 ms")


@scenario("group and port are rewritten, both or one of them", topology="direct2")
def rewriting(t):
    packets = [(1 + i / 1e3, frame(payload(i // 2, flow=i % 2, size=100),
                                   group=("239.1.1.1", "239.1.1.2")[i % 2])) for i in range(10)]
    path = write(t.run_dir / "two.pcap", packets)
    for options, targets in (
            ({}, [("239.1.1.1", PORT), ("239.1.1.2", PORT)]),
            ({"port": 7000}, [("239.1.1.1", 7000), ("239.1.1.2", 7000)]),
            ({"group": "239.9.9.9"}, [("239.9.9.9", PORT)]),
            ({"group": "10.90.1.2", "port": 7001}, [("10.90.1.2", 7001)])):
        sinks = [t.sink("sink", "eth0", group, port) for group, port in targets]
        report = report_of(t, path, **options)
        for sink in sinks:
            t.clean(sink.finish(expect=10 // len(targets)), 10 // len(targets), f"{options}")
        t.equal([(flow["group"], flow["port"], flow["sent"]) for flow in report["flows"]],
                [(*target, 10 // len(targets)) for target in targets], f"{options}: flows")


@scenario("raw frames leave as they were captured", topology="direct2")
def raw(t):
    packets = [(1, frame(payload(0, size=100), group="239.1.1.1", id=77)),
               (1.001, Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:00:09")
                / ARP(psrc="10.90.1.7", pdst="10.90.1.8"))]
    capture = t.python_start("sink", RAW_SNIFFER)
    t.wait_until(lambda: "ready" in capture.stdout(), 5, "sniffer ready")
    report = report_of(t, write(t.run_dir / "raw.pcap", packets), raw=True)
    t.equal(report["sent"], 2, "sent")
    for _, packet in packets:
        wanted = bytes(packet).hex()
        t.wait_until(lambda: wanted in capture.stdout(), 5, "the frame on the wire")  # pylint: disable=cell-var-from-loop


RAW_SNIFFER = """
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind(("eth0", 3))
print("ready", flush=True)
while True:
    print(s.recv(65536).hex(), flush=True)
"""


def bad_files(t):
    """(the error, path, options, words of the message)."""
    good = write(t.run_dir / "good.pcap", numbered(10, 0.001)).read_bytes()

    def file(name, data):
        path = t.run_dir / name
        path.write_bytes(data)
        return path
    ieee80211 = good[:20] + struct.pack("<I", 105) + good[24:]
    arp = write(t.run_dir / "arp.pcap", [(1, Ether() / ARP())])
    return [
        ("truncated inside a packet", file("cut.pcap", good[:-7]), {}, "truncated"),
        ("truncated inside a header", file("cut2.pcap", good[:24 + 7]), {}, "truncated"),
        ("truncated inside the file header", file("cut3.pcap", good[:10]), {}, "truncated"),
        ("empty", file("empty.pcap", b""), {}, "truncated"),
        ("no capture", file("text.pcap", b"this is no capture at all, is it?\n"), {},
         "unknown file format"),
        ("another link type", file("wifi.pcap", ieee80211), {}, "link type 105"),
        ("no packets", file("none.pcap", good[:24]), {}, "nothing to send: 0 packets"),
        ("no UDP", arp, {}, "nothing to send: 1 packets, 1 not UDP over IPv4"),
        ("missing", t.run_dir / "nonesuch.pcap", {}, "No such file"),
        ("a directory", t.run_dir, {}, "directory"),
        ("with a rate", t.run_dir / "good.pcap", {"rate": 100}, "--replay takes what to send"),
        ("raw to a group", t.run_dir / "good.pcap", {"raw": True, "group": GROUP}, "--raw"),
        ("a foreign source", t.run_dir / "good.pcap", {"source_address": "224.0.0.5"},
         "cannot prepare to send"),
    ]


@scenario("a file that cannot be replayed is one clear line, and nothing is sent",
          topology="direct2")
def bad_input(t):
    sink = t.sink("sink", "eth0", GROUP, PORT)
    for what, path, options, message in bad_files(t):
        done = replay(t, path, **options)
        t.equal(done.returncode, 2, f"{what}: status")
        t.equal(done.stdout, "", f"{what}: output")
        t.equal(len(done.stderr.splitlines()), 1, f"{what}: lines in {done.stderr!r}")
        t.true(message in done.stderr, f"{what}: {done.stderr.strip()}")
    t.equal(sink.finish()["received"], 0, "received")


@scenario("times that run backwards are said, and sent without a gap", topology="direct2")
def backwards(t):
    packets = numbered(6, 0.05)
    for number, at in ((3, packets[1][0]), (4, packets[0][0] - 7)):
        packets[number] = (at, packets[number][1])
    sink = t.sink("sink", "eth0", GROUP, PORT)
    done = replay(t, write(t.run_dir / "back.pcap", packets))
    t.equal(done.stderr, "mcrgen: --replay: 2 packets bear an earlier time than one before them: "
            "they were sent right behind it\n", "note")
    report = json.loads(done.stdout)
    t.equal((done.returncode, report["sent"], report["replay"]["backwards"]), (0, 6, 2), "report")
    t.true(report["elapsed_s"] >= 0.25, f"{report['elapsed_s']} s")
    t.clean(sink.finish(expect=6), 6)


@scenario("what needs --replay says so")
def needs_replay(t):
    for option in (["--speed", "2"], ["--loops", "2"], ["--raw"]):
        done = subprocess.run([paths.program("mcrgen"), "--interface", "lo", "--group", GROUP,
                               "--port", "5000", *option], text=True, capture_output=True,
                              timeout=scaled(10), check=False)
        t.equal(done.returncode, 2, f"{option}: status")
        t.true("need --replay" in done.stderr, f"{option}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
