#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Impairments happen on the wire, to exactly the datagrams they say.

    [gen] eth0 10.90.1.1/24 ---- port | port ---- [sink] eth0 10.90.1.2/24
                                   loss, every, dup, rate

Neither end has any part in it: the sender's kernel took every datagram, and a packet socket of the
receiver sees what the receiver gets.
"""

import json

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, output, rule

GROUP = "239.1.1.1"


def passed(t, count, before):
    """How many of `count` datagrams the wire has let through, copies included."""
    now = {key: value - before[key] for key, value in t.impaired("sink", "eth0").items()}
    return count + now["duplicated"] - now["lost"] - now["every_lost"] - now["over_rate"]


def stream(t, count=5000, rate=20000, **options):
    """Send through the link; returns the sink's report, after silence."""
    sink = t.sink("sink", "eth0", GROUP, 5000)
    before = t.impaired("sink", "eth0")
    gen = t.gen("gen", "eth0", GROUP, 5000, count=count, rate=rate, **options)
    t.equal((gen["sent"], gen["send_errors"]), (count, 0), "sent, send errors")
    t.wait_until(lambda: sink.received() == passed(t, count, before), 10, "what the wire let through")
    return sink.finish(passed(t, count, before))


@scenario("a wire without impairments is a link like others", topology="direct2", wires=True)
def clean_wire(t):
    t.clean(stream(t), 5000)
    t.equal(t.impaired("sink", "eth0"), {"lost": 0, "every_lost": 0, "duplicated": 0,
                                         "over_rate": 0}, "counts")


@scenario("random loss: what the wire has dropped is what the sink misses", topology="direct2",
          wires=True)
def loss(t):
    t.impair("sink", "eth0", "loss", "5%")
    report = stream(t, count=20000)
    lost = t.impaired("sink", "eth0")["lost"]
    t.equal(report["received"] + lost, 20000, "received and lost")
    # Six standard deviations of 1000.
    t.between(lost, 815, 1185, "lost of 20000 at 5 %")
    t.equal((report["duplicated"], report["reordered"]), (0, 0), "duplicated, reordered")


@scenario("every Nth is lost, and no other", topology="direct2", wires=True)
def every(t):
    path = t.run_dir / "dump"
    t.impair("sink", "eth0", "every", 7)
    sink = t.sink("sink", "eth0", GROUP, 5000, dump=path)
    t.gen("gen", "eth0", GROUP, 5000, count=700, rate=10000, size=64)
    t.equal(sink.finish(600)["received"], 600, "received")
    sequences = [int.from_bytes(path.read_bytes()[at + 12:at + 20], "big")
                 for at in range(0, 600 * 68, 68)]
    t.equal(sequences, [n for n in range(700) if n % 7 != 6], "sequence numbers")
    t.equal(t.impaired("sink", "eth0")["every_lost"], 100, "counted")


@scenario("duplication: each copy is counted on both sides", topology="direct2", wires=True)
def dup(t):
    t.impair("sink", "eth0", "dup", "10%")
    report = stream(t, count=10000)
    doubled = t.impaired("sink", "eth0")["duplicated"]
    t.equal((report["received"], report["duplicated"], report["lost"]),
            (10000 + doubled, doubled, 0), "received, duplicated, lost")
    t.between(doubled, 820, 1180, "duplicated of 10000 at 10 %")


@scenario("everything lost, everything twice: 100 % is exact", topology="direct2", wires=True)
def certain(t):
    t.impair("sink", "eth0", "dup", "100%")
    report = stream(t, count=1000)
    t.equal((report["received"], report["duplicated"]), (2000, 1000), "received, duplicated")
    t.impair("sink", "eth0", "dup", "0")
    t.impair("sink", "eth0", "loss", "100%")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=20000)
    t.equal(sink.finish()["received"], 0, "received")
    t.equal(t.impaired("sink", "eth0")["lost"], 1000, "lost")


@scenario("sends of UDP_SEGMENT are hit datagram by datagram", topology="direct2", wires=True)
def segments(t):
    t.impair("sink", "eth0", "every", 10)
    report = stream(t, count=4000, size=200, segment=40)
    t.equal((report["received"], t.impaired("sink", "eth0")["every_lost"]), (3600, 400),
            "received, lost")


LISTEN = """
import socket
listener = socket.create_server(("10.90.1.2", 7000))
listener.accept()[0].sendall(b"hello")
"""
CONNECT = """
import socket, time
while True:
    try:
        print(socket.create_connection(("10.90.1.2", 7000)).recv(100).decode(), end="")
        break
    except ConnectionRefusedError:  # it does not listen yet
        pass
"""


@scenario("one direction alone, UDP alone", topology="direct2", wires=True)
def direction(t):
    t.impair("gen", "eth0", "loss", "100%")
    t.clean(stream(t, count=500), 500)
    # TCP in both directions is no UDP: an answer comes through the end at which all UDP is lost.
    t.python_start("sink", LISTEN)
    t.equal(t.python("gen", CONNECT).stdout, "hello", "what came over TCP")
    sink = t.sink("gen", "eth0", GROUP, 5000)
    t.gen("sink", "eth0", GROUP, 5000, count=500, rate=10000)
    t.equal(sink.finish()["received"], 0, "received the other way")


@scenario("a rate cap lets just that much through", topology="direct2", wires=True)
def rate(t):
    t.impair("sink", "eth0", "rate", "20mbit")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen("gen", "eth0", GROUP, 5000, count=4000, rate=4000, size=1400)  # 46 Mbit/s
    report = sink.finish(1, quiet_ms=300)
    over = t.impaired("sink", "eth0")["over_rate"]
    t.equal(report["received"] + over, 4000, "received and dropped over the rate")
    frame_bits = (1400 + 28 + 14) * 8
    # The queue of 50 ms and the bucket of 10,000 bytes come on top.  How far below it remains
    # depends on when the generator gets to send.
    most = (20e6 * (gen["elapsed_s"] + 0.05) + 80000) / frame_bits + 1
    t.between(report["received"], 1, most, f"received in {gen['elapsed_s']:.3f} s")
    t.true(over > 0, "nothing was over the rate")
    t.note(f"{report['pps'] * frame_bits / 1e6:.2f} Mbit/s")
    t.impair("sink", "eth0", "rate", "0")
    t.clean(stream(t, count=1000, rate=4000), 1000)


@scenario("clear takes everything away", topology="direct2", wires=True)
def clear(t):
    for what in (("loss", "50%"), ("every", 2), ("dup", "50%"), ("rate", "1mbit")):
        t.impair("sink", "eth0", *what)
    t.impair("sink", "eth0", "clear")
    t.clean(stream(t), 5000)


def carrier_changes(t):
    """How often the kernel has seen the link go down or come up."""
    [link] = json.loads(t.run("gen", ["ip", "-s", "-s", "-j", "link", "show", "eth0"]).stdout)
    return link["stats64"]["tx"]["carrier_changes"]


@scenario("a link that flaps is down as long and as often as asked", topology="direct2")
def flap(t):
    sink = t.sink("sink", "eth0", GROUP, 5000)
    gen = t.gen_start("gen", "eth0", GROUP, 5000, rate=1000)
    t.wait_until(lambda: sink.received() > 50, 5, "the stream")
    changes = carrier_changes(t)
    t.impair("sink", "eth0", "flap", "200ms", 3, "100ms")
    before = sink.received()
    t.wait_until(lambda: sink.received() > before + 50, 5, "the stream again")
    sent = gen.stop()["sent"]
    report = sink.finish()
    t.note(f"lost {report['lost']}, longest gap {report['longest_gap_ms']:.0f} ms")
    # Down for as long as asked, or longer: nothing comes through meanwhile.
    t.true(report["longest_gap_ms"] >= 190, f"longest gap {report['longest_gap_ms']:.0f} ms")
    t.true(report["lost"] > 0, "nothing was lost")
    t.equal(carrier_changes(t) - changes, 6, "times that the link went down or came up")
    t.equal(report["received"] + report["lost"], report["flows"][0]["last_seq"] + 1, "accounted")
    t.true(sent >= report["received"], "sent")


@scenario("a relay behind a lossy wire loses nothing of its own", topology="chain3", wires=True)
def relay_behind(t):
    relay = t.mcrd("relay")
    add(t, relay, rule(GROUP, 5000, output("239.2.2.2", 6000)))
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.impair("relay", "eth0", "every", 10)
    t.gen("gen", "eth0", GROUP, 5000, count=2000, rate=10000)
    t.equal(sink.finish(1800)["received"], 1800, "received")
    t.equal(t.conservation(relay)["totals"]["received"], 1800, "received by the relay")
    t.equal(t.impaired("relay", "eth0")["every_lost"], 200, "lost on the wire")
    # On the way out, where the relay sends many datagrams at once.
    t.impair("relay", "eth0", "clear")
    t.impair("sink", "eth0", "every", 10)
    again = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", GROUP, 5000, count=2000, rate=40000, size=200)
    t.equal(again.finish(1800)["received"], 1800, "received, lossy on the way out")
    t.equal(t.conservation(relay)["totals"]["sent"], 3800, "sent by the relay")


if __name__ == "__main__":
    main()
