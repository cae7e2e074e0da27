#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rules of which the kernel relays some outputs and a worker the others.

    gen ---- eth0  relay  eth1 ---- sink1
                     |    eth2 ---- sink2
                     '--- a host on the relay itself, 10.90.1.1: always a worker's

GetStats shows the path of a datagram: the worker counts it as received and matched, the kernel path
counts what it sends.  Each output gets it once.
"""

import json
import os
import signal
import sys
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, payload, scenario
from mcrlab.binary import other_version, own_mcrd, replace

from support_frames import SCAPY, frames
from support_kernel import AUTO, IN, answers, bpf_filesystem, need_supers
from support_rules import add, dumped, nonzero, output, rule, rules_by_id

HERE = Path(__file__).resolve().parent
FIRST, SECOND = output("239.2.0.1", 6001, "eth1"), output("239.2.0.2", 6002, "eth2")
OWN = output("10.90.1.1", 6003, "eth1")
BOTH = [FIRST, SECOND, OWN]
ON_WORKER = ("user", "the output is an address of this host")
DIVIDED = [("kernel", ""), ("kernel", ""), ON_WORKER]


def paths(relay, name="cam"):
    return [(one["path"], one["path_reason"]) for one in rules_by_id(relay)[name]["outputs"]]


def wait_for(t, relay, expected, name="cam"):
    t.wait_until(lambda: paths(relay, name) == expected, 10, f"{name}: {expected}")


def divided_relay(t, **more):
    """A relay with one rule of three outputs, divided."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, *BOTH, id="cam", **more))
    wait_for(t, relay, DIVIDED)
    return relay


def three_sinks(t, **more):
    return [t.sink("sink1", "eth0", "239.2.0.1", 6001, **more),
            t.sink("sink2", "eth0", "239.2.0.2", 6002, **more),
            t.sink("relay", "eth1", "10.90.1.1", 6003, **more)]


def clean_all(t, sinks, count):
    for sink in sinks:
        t.clean(sink.finish(count), count, sink.name)


def exact(t, sink, count):
    """All of them once; two paths may change their order."""
    report = sink.finish(count)
    t.equal((report["received"], report["lost"], report["duplicated"], report["corrupt"]),
            (count, 0, 0, 0), f"{sink.name}: received, lost, duplicated, corrupt")


def settled(t, relay, received):
    """The statistics once all that was sent is in a counter."""
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= received, 30, "all is counted")
    return t.conservation(relay)


def exact_but_for_queue(t, sinks, sent, stats):
    """As exact(); a worker that gets no CPU may lose in its socket's queue, and counts that.

    Returns what each sink has received.
    """
    drops = nonzero(stats["totals"]["drops"])
    lost = drops.pop("socket_queue", 0)
    t.equal(drops, {}, "drops, but for the queue")
    received = []
    for sink in sinks:
        report = sink.finish(sent - lost)
        t.equal((report["duplicated"], report["corrupt"]), (0, 0),
                f"{sink.name}: duplicated, corrupt")
        t.true(0 <= sent - report["received"] <= lost,
               f"{sink.name}: {report['received']} of {sent}, {lost} lost in the queue")
        received.append(report["received"])
    return received


def outputs_of(stats):
    return [(one["matched"], one["sent"]) for one in stats["rules"][0]["outputs"]]


def by_workers(stats):
    return sum(one["received"] for one in stats["workers"])


@scenario("divided rule: one stream", topology="fanout3")
def one_stream(t):
    """Each output gets every datagram once, from its path; the books of the rule are one."""
    relay = divided_relay(t)
    sinks = three_sinks(t)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000, size=300)
    clean_all(t, sinks, 4000)
    stats = t.conservation(relay)
    totals, kernel = stats["totals"], stats["kernel_path"]
    t.equal((totals["received"], totals["matched"], totals["sent"], nonzero(totals["drops"])),
            (4000, 4000, 12000, {}), "received, matched, sent, drops")
    t.equal((by_workers(stats), kernel["received"], kernel["sent"], kernel["send_calls"]),
            (4000, 0, 8000, 8000), "workers received; kernel path received, sent, calls")
    one = stats["rules"][0]
    t.equal((one["matched"], one["bytes"]), (4000, 4000 * 300), "rule")
    t.equal(outputs_of(stats), [(4000, 4000)] * 3, "outputs")
    t.equal(one["path"], "both", "path of the rule")
    t.equal([out["bytes"] for out in one["outputs"]], [4000 * 300] * 3, "bytes")
    listed = relay.ctl("list").stdout
    t.equal((listed.count("relayed in the kernel"), listed.count("relayed by a worker: the output")),
            (2, 1), "mcrctl list")
    t.check(relay)


@scenario("divided rule: what leaves, byte for byte", topology="fanout3")
def witnessed(t):
    """Headers are each output's own, checksums are good, as scapy reads them."""
    t.run("gen", ["ethtool", "-K", "eth0", "tx", "off"])
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output("239.2.0.1", 6001, "eth1", ttl=8, dscp=34),
                       output("239.2.0.2", 6001, "eth1", ttl="decrement"),
                       output("10.90.1.1", 6003, "eth1", ttl=9), id="cam"))
    wait_for(t, relay, DIVIDED)
    arrived = t.run_dir / "arrived"
    own = t.sink("relay", "eth1", "10.90.1.1", 6003, dump=arrived)
    witness = t.start("sink1", SCAPY + ["sniff", "eth0", 6001, 40])
    t.wait_until(lambda: witness.stdout().startswith("ready"), 20, "witness")
    t.gen("gen", "eth0", IN, 5000, rate=200, count=20, size="1,32,301,1400", ttl=3)
    t.equal(witness.wait(20), 0, "status of the witness")
    seen = [json.loads(line) for line in witness.stdout().splitlines()[1:]]
    headers = {"239.2.0.1": (8, 34), "239.2.0.2": (2, 0)}
    for one in seen:
        t.equal((one["ttl"], one["dscp"]), headers[one["group"]], f"header of {one}")
        t.equal((one["ip_checksum_good"], one["udp_checksum_good"]), (True, True),
                f"checksums of {one}")
    t.equal(own.finish(20)["received"], 20, "received by the own host")
    bodies = {group: [bytes.fromhex(one["payload"]) for one in seen if one["group"] == group]
              for group in headers}
    bodies["own"] = dumped(arrived)
    for group, found in bodies.items():
        t.equal([len(body) for body in found], [1, 32, 301, 1400] * 5, f"sizes to {group}")
        t.equal(found[2][32:], payload(2, size=301)[32:], f"body of the third to {group}")
    t.conservation(relay)


@scenario("divided rule: super-datagrams", topology="fanout3")
def supers(t):
    """They stay whole up to both paths, and leave as what was sent, in order, byte for byte."""
    need_supers(t)
    t.run("gen", ["ethtool", "-K", "eth0", "tx-udp-segmentation", "on"])
    relay = divided_relay(t)
    plan = [(1400, 1400 * 40), (300, 300), (500, 500 * 60 + 7), (1400, 1400 * 9 + 1)] * 10
    count = sum(-(-total // segment) for segment, total in plan)
    sent = t.run_dir / "sent"
    arrived = [t.run_dir / f"arrived{n}" for n in range(3)]
    sinks = [t.sink("sink1", "eth0", "239.2.0.1", 6001, dump=arrived[0]),
             t.sink("sink2", "eth0", "239.2.0.2", 6002, dump=arrived[1]),
             t.sink("relay", "eth1", "10.90.1.1", 6003, dump=arrived[2])]
    t.run("gen", [sys.executable, f"{HERE}/support_super.py", "eth0", IN, 5000, json.dumps(plan),
                  sent])
    for sink, file in zip(sinks, arrived):
        t.equal(sink.finish(count)["received"], count, f"{sink.name}: received")
        t.true(dumped(file) == dumped(sent), f"{sink.name}: what was sent, in order, byte for byte")
    stats = t.conservation(relay)
    t.equal((stats["totals"]["frames"], stats["totals"]["received"]), (len(plan), count),
            "frames, datagrams")
    t.equal(outputs_of(stats), [(count, count)] * 3, "outputs")


@scenario("divided rule: it changes under traffic", topology="fanout3", deadline_s=120)
def changes(t):
    """user, divided, kernel, divided, user ...: each output gets every datagram once."""
    relay = divided_relay(t)
    sinks = three_sinks(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200)

    def turn(outputs, expected, **more):
        add(t, relay, rule(IN, 5000, *outputs, id="cam", **more), replace=True)
        wait_for(t, relay, expected)
        had = sinks[0].received()
        t.wait_until(lambda: sinks[0].received() > had + 1000, 10, "the stream flows")

    for _ in range(4):
        turn(BOTH, [("user", "")] * 3, path="user")
        turn(BOTH, DIVIDED)
        # Another output in the kernel needs another division.
        turn([SECOND, OWN, FIRST, output("239.2.0.9", 6009, "eth2")],
             [DIVIDED[0], ON_WORKER, DIVIDED[0], DIVIDED[0]])
        turn([FIRST, SECOND, OWN], DIVIDED)
    first = gen.stop()["sent"]
    stats = settled(t, relay, first)
    received = exact_but_for_queue(t, sinks, first, stats)
    t.equal(outputs_of(stats), [(count, count) for count in received], "outputs: matched, sent")

    sinks = three_sinks(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200, first_flow=1)
    for _ in range(4):
        turn([FIRST, SECOND], [("kernel", "")] * 2)
        turn(BOTH, DIVIDED)
        turn([FIRST, SECOND], [("user", "")] * 2, path="user")
        turn(BOTH, DIVIDED)
    sent = gen.stop()["sent"]
    stats = settled(t, relay, first + sent)
    exact_but_for_queue(t, sinks[:2], sent, stats)
    report = sinks[2].finish(0)
    t.equal((report["duplicated"], report["corrupt"]), (0, 0), "own host: duplicated, corrupt")


@scenario("divided rule: many changes in a row", topology="fanout3", deadline_s=120)
def many_changes(t):
    """Divisions that follow one another at once wait for their turn: nothing is lost or doubled."""
    relay = divided_relay(t)
    sinks = three_sinks(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=10000, size=200)
    for turn in range(60):
        more = [output(f"239.2.1.{turn % 5 + 1}", 6009, "eth2")] if turn % 3 else []
        add(t, relay, rule(IN, 5000, *BOTH, *more, id="cam"), replace=True)
        if turn % 20 == 19:
            relay.rpc("RemoveRule", {"rule_id": "cam"})
            gen_had = sinks[0].received()
            add(t, relay, rule(IN, 5000, *BOTH, id="cam"))
            t.wait_until(lambda had=gen_had: sinks[0].received() > had, 10, "it flows again")
    add(t, relay, rule(IN, 5000, *BOTH, id="cam"), replace=True)
    wait_for(t, relay, DIVIDED)
    gen.stop()
    for sink in sinks:
        report = sink.finish(0)
        t.equal((report["duplicated"], report["corrupt"]), (0, 0),
                f"{sink.name}: duplicated, corrupt")
    stats = t.conservation(relay)
    t.equal(set(nonzero(stats["totals"]["drops"])) - {"not_matched", "socket_queue"}, set(),
            "drops")


@scenario("divided rule: control, workers and the program's file change under traffic",
          topology="fanout3", deadline_s=120)
def processes_die(t):
    """Workers killed, control killed, an upgrade: each output still gets every datagram once."""
    relay, binary = own_mcrd(t, "relay", args=AUTO)
    add(t, relay, rule(IN, 5000, *BOTH, id="cam"))
    wait_for(t, relay, DIVIDED)
    sinks = three_sinks(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    for role in ("--role=worker", "--role=worker", "--role=control", "--role=worker"):
        arrived = [sink.received() for sink in sinks]
        [pid] = relay.children(role)
        relay.expect(f"{'control' if 'control' in role else 'worker 0'} was killed by SIGKILL")
        os.kill(pid, signal.SIGKILL)
        t.wait_until(lambda role=role, pid=pid: relay.children(role) not in ([], [pid]) and
                     answers(relay), 10, "the next one answers")
        t.wait_until(lambda arrived=arrived: all(sink.received() > had + 2000 for sink, had in
                                                 zip(sinks, arrived)), 10, "the stream flows")
    wait_for(t, relay, DIVIDED)
    # A division that the next control makes is another one.
    more = output("239.2.0.9", 6009, "eth2")
    add(t, relay, rule(IN, 5000, *BOTH, more, id="cam"), replace=True)
    wait_for(t, relay, DIVIDED + [("kernel", "")])
    content, version = other_version(binary)
    replace(binary, content)
    t.equal(relay.rpc("Upgrade", deadline_s=20)["version"], version, "answer to Upgrade")
    t.wait_until(lambda: answers(relay), 10, "the new control answers")
    wait_for(t, relay, DIVIDED + [("kernel", "")])
    add(t, relay, rule(IN, 5000, *BOTH, id="cam"), replace=True)
    wait_for(t, relay, DIVIDED)
    had = sinks[2].received()
    t.wait_until(lambda: sinks[2].received() > had + 2000, 10, "the stream flows")
    sent = gen.stop()["sent"]
    stats = settled(t, relay, sent)
    received = exact_but_for_queue(t, sinks, sent, stats)
    t.equal(outputs_of(stats), [(count, count) for count in received], "outputs: matched, sent")


@scenario("divided rule: the supervisor is killed, and the next one goes on", topology="fanout3",
          deadline_s=60, root="a bpf file system")
def supervisor_dies(t):
    """The kernel's outputs lose nothing; frames that the old maps have divided double nothing."""
    with bpf_filesystem(t) as mount:
        args = AUTO + ["--pin", mount / "mcr"]
        rules = {"rules": [rule(IN, 5000, *BOTH, id="cam")]}
        first = t.mcrd("relay", args=args, config=rules)
        wait_for(t, first, DIVIDED)
        sinks = three_sinks(t)
        gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)

        def flow(some):
            had = [sink.received() for sink in some]
            t.wait_until(lambda: all(sink.received() > before + 2000 for sink, before in
                                     zip(some, had)), 10, "the stream flows")

        flow(sinks)
        first.kill()
        flow(sinks[:2])
        second = t.mcrd("relay", args=args, config=rules)
        flow(sinks)
        wait_for(t, second, DIVIDED)
        # Numbers go on above those of the first one.
        more = output("239.2.0.9", 6009, "eth2")
        add(t, second, rule(IN, 5000, *BOTH, more, id="cam"), replace=True)
        wait_for(t, second, DIVIDED + [("kernel", "")])
        flow(sinks)
        sent = gen.stop()["sent"]
        for sink in sinks[:2]:
            exact(t, sink, sent)
        report = sinks[2].finish(0)
        t.equal((report["duplicated"], report["corrupt"]), (0, 0), "own host: duplicated, corrupt")
        stats = t.conservation(second)
        t.equal(stats["totals"]["drops"]["unknown_division"], 0, "frames of an unknown division")


@scenario("divided rule: it consumes", topology="fanout3")
def consumes(t):
    """A worker gets the frames that the IP stack does not."""
    relay = divided_relay(t, consume=True)
    t.run("relay", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                    "net.ipv4.conf.eth0.rp_filter=0"])
    member = t.sink("relay", "eth0", IN, 5000)
    sinks = three_sinks(t)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000, size=300)
    clean_all(t, sinks, 4000)
    t.equal(member.finish(0)["received"], 0, "received by a member on the relay")
    stats = t.conservation(relay)
    t.equal(outputs_of(stats), [(4000, 4000)] * 3, "outputs")
    t.equal((by_workers(stats), stats["kernel_path"]["sent"]), (4000, 8000),
            "workers received, kernel path sent")


@scenario("divided rule: a worker that has too much", topology="fanout3", deadline_s=120)
def overload(t):
    """Its outputs lose what it cannot carry, counted; those of the kernel lose nothing."""
    relay = t.mcrd("relay", args=AUTO)
    crowd = [output("10.90.1.1", 7000 + n, "eth1") for n in range(250)]
    add(t, relay, rule(IN, 5000, FIRST, *crowd, id="cam"))
    wait_for(t, relay, [("kernel", "")] + [ON_WORKER] * len(crowd))
    sink = t.sink("sink1", "eth0", "239.2.0.1", 6001)
    sent = t.gen("gen", "eth0", IN, 5000, rate=40000, count=160000, size=1000,
                 deadline_s=60)["sent"]
    t.clean(sink.finish(sent), sent, "the kernel's output")

    def settled():
        stats = relay.stats()
        one = stats["rules"][0]
        return stats["totals"]["received"] >= sent and \
            all(out["matched"] == one["matched"] for out in one["outputs"][1:])

    t.wait_until(settled, 60, "all of it is in a counter")
    stats = t.conservation(relay)
    totals, one = stats["totals"], stats["rules"][0]
    t.equal(totals["received"], sent, "received")
    t.equal(set(nonzero(totals["drops"])), {"socket_queue"}, "reasons of drops")
    t.equal((one["outputs"][0]["matched"], one["outputs"][0]["sent"]), (sent, sent),
            "the kernel's output: matched, sent")
    t.equal(one["matched"], totals["matched"], "matched by the rule: what the worker got")


FORGED = """
import socket
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
frame = bytearray.fromhex(sys.argv[1])
for division in range(1, 6):
    frame[6:12] = b"\\x02\\x4d" + division.to_bytes(4, "big")
    sock.send(frame)
"""


@scenario("divided rule: a sender's address that looks like a division", topology="fanout3")
def forged(t):
    """Its frames are relayed as any others, by a divided rule, by workers and without the program."""
    relay = divided_relay(t)
    expected = 0
    for turn, (outputs, path, wanted) in enumerate((
            (BOTH, "auto", DIVIDED), (BOTH, "user", [("user", "")] * 3), (BOTH, "auto", DIVIDED))):
        add(t, relay, rule(IN, 5000, *outputs, id="cam", path=path), replace=True)
        wait_for(t, relay, wanted)
        for row in ("plain", "IP options"):
            before = outputs_of(relay.stats())
            t.python("gen", FORGED, frames()[row])
            expected += 5
            t.wait_until(lambda: relay.stats()["totals"]["received"] >= expected, 5,
                         f"turn {turn}, {row}: received")
            stats = t.conservation(relay)
            t.equal([b[1] - a[1] for a, b in zip(before, outputs_of(stats))], [5, 5, 5],
                    f"turn {turn}, {row}: sent to each output")
            t.equal(nonzero(stats["totals"]["drops"]), {}, f"turn {turn}, {row}: drops")
    relay.stop()
    plain = t.mcrd("relay", args=["--path", "user"])
    add(t, plain, rule(IN, 5000, *BOTH, id="cam"))
    t.python("gen", FORGED, frames()["plain"])
    t.wait_until(lambda: plain.stats()["totals"]["received"] >= 5, 5, "received without the program")
    t.equal(outputs_of(t.conservation(plain)), [(5, 5)] * 3, "sent without the program")


if __name__ == "__main__":
    main()
