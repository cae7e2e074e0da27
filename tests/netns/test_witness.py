#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The frames that the relay accepts and those that it emits, with scapy as the witness.

    gen (frames built by scapy) ---- eth0  relay  eth1 ---- sink (frames read by scapy)

Of each row three copies go through a packet socket at gen, past every check that a kernel makes.
Each must be counted as three of exactly one reason, or be forwarded three times.  Total
`not_matched` is also what the prefilter turned away unread; of that the interface's
`not_ipv4_udp` tells what is not untagged IPv4 UDP.
"""

import json
import os
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, payload, scenario

from support_frames import COPIES, SCAPY, SEND, frames, send
from support_rules import add, dumped, interface_stats, nonzero, output, rule

LOOKS_NS = 1_000_000  # about as long as control looks at a worker that is between two words
IN, OUT = "239.1.1.1", "239.2.2.2"

FORWARDED = [
    ("plain", 100),
    ("zero UDP checksum", 100),
    ("IP options", 100),
    ("padding behind the datagram", 1),
    ("priority-tagged", 100),
]
# Row, reason, and whether it is not untagged IPv4 UDP in the eyes of the prefilter.
FRAGMENTS = [
    ("first fragment", "fragment", False),
    ("middle fragment", "fragment", False),
    ("last fragment", "fragment", False),
]
CHECKSUMS = [
    ("bad IP checksum", "bad_ip_checksum", False),
    ("bad UDP checksum", "bad_udp_checksum", False),
]
TRUNCATED = [
    ("cut behind Ethernet", "not_matched", True),
    ("cut in the IP header", "not_matched", True),
    ("cut in the last byte of the IP header", "not_matched", True),
    ("cut behind the IP header", "truncated", False),
    ("cut before the UDP destination port", "truncated", False),
    ("cut in the UDP header", "truncated", False),
    ("cut behind the UDP header", "truncated", False),
    ("cut in the payload", "truncated", False),
    ("IP packet too short for a UDP header", "truncated", False),
]
LENGTHS = [
    ("UDP length beyond the frame", "bad_length", False),
    ("UDP length below its header", "bad_length", False),
    ("IP length below its header", "bad_length", False),
]
OTHERS = [
    ("VLAN-tagged", "vlan", False),
    ("VLAN in a VLAN", "vlan", False),
    ("VLAN in a priority tag", "vlan", False),
    ("IPv6", "not_matched", True),
    ("version 6 in an IPv4 frame", "not_ipv4_udp", False),
    ("TCP", "not_matched", True),
    ("unmatched group", "not_matched", False),
    ("unmatched port", "not_matched", False),
    ("fragment of an unmatched group", "not_matched", False),
]

VLAN_5 = ["ip", "link", "add", "link", "eth0", "name", "eth0.5", "type", "vlan", "id", "5"]

def foreign(relay):
    return interface_stats(relay, "eth0")["not_ipv4_udp"]


def check_drops(t, rows, path="auto"):
    """None of them is forwarded, each is counted as received and under its own reason alone."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), path=path))
    sink = t.sink("sink", "eth0", OUT, 6000)
    for row, reason, is_foreign in rows:
        before, foreign_before = relay.stats()["totals"], foreign(relay)
        send(t, row)
        t.wait_until(lambda: relay.stats()["totals"]["received"] >= before["received"] + COPIES, 5,
                     f"{row}: {COPIES} received")
        after = relay.stats()["totals"]
        delta = {name: after["drops"][name] - before["drops"][name] for name in after["drops"]}
        t.equal(nonzero(delta), {reason: COPIES}, f"{row}: drops")
        t.equal(after["received"] - before["received"], COPIES, f"{row}: received")
        t.equal(after["matched"], 0, f"{row}: matched")
        # Frames that the prefilter turns away cost no worker anything.
        t.equal(after["frames"] - before["frames"], 0 if reason in ("not_matched", "vlan") else COPIES,
                f"{row}: frames that a worker took")
        t.equal(foreign(relay) - foreign_before, COPIES if is_foreign else 0,
                f"{row}: not IPv4 UDP")
    # A good frame still passes, so the rows above were not turned away for want of a rule.
    send(t, "plain")
    t.equal(sink.finish(COPIES)["received"], COPIES, "received by the sink after all rows")
    t.conservation(relay)


@scenario("valid frames are forwarded, their payload and no more", topology="chain3")
def valid(t):
    """No UDP checksum, IP options, padding behind it: the payload arrives, and no more."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    dump = t.run_dir / "dump"
    sink = t.sink("sink", "eth0", OUT, 6000, dump=dump)
    for row, _ in FORWARDED:
        had = sink.received()
        send(t, row)
        t.wait_until(lambda: sink.received() >= had + COPIES, 5, f"{row}: {COPIES} forwarded")
    t.equal(sink.finish(COPIES * len(FORWARDED))["received"], COPIES * len(FORWARDED), "received")
    body = bytes(range(100))
    t.equal(dumped(dump), [body if size == 100 else b"x" for _, size in FORWARDED
                           for _ in range(COPIES)], "payloads")
    t.equal(nonzero(t.conservation(relay)["totals"]["drops"]), {}, "drops")


@scenario("each fragment is counted", topology="chain3")
def fragments(t):
    """Nothing is reassembled; each fragment is counted as one."""
    check_drops(t, FRAGMENTS)


@scenario("frames with a bad checksum are dropped", topology="chain3")
def checksums(t):
    """A wrong IP or UDP checksum is found although no kernel looked at it.

    The kernel path verifies the IP checksum alone: a wrong UDP checksum stays wrong.
    """
    check_drops(t, CHECKSUMS, path="user")


@scenario("frames cut in any header are dropped", topology="chain3")
def truncated(t):
    """A frame that ends early is never read beyond its end."""
    check_drops(t, TRUNCATED)


@scenario("frames with lengths that contradict each other are dropped", topology="chain3")
def lengths(t):
    """UDP and IP lengths beyond the frame or below their headers."""
    check_drops(t, LENGTHS)


@scenario("VLAN, IPv6, TCP, other groups and ports are counted as what they are", topology="chain3")
def others(t):
    """The prefilter turns away frames that no rule can want, and they are counted all the same."""
    check_drops(t, OTHERS)


@scenario("priority-tagged frames are relayed, VLANs only over their own interface", topology="chain3")
def tags(t):
    """VID 0 reaches the worker that has the rule, one of two; VID 5 is counted, with advice.

    The kernel takes the tag off the frame's bytes and keeps it beside them, as it does for a card
    that has done so itself.  With a rule for the VLAN's own interface its frames are relayed.
    """
    relay = t.mcrd("relay", num_workers=2)
    for number in range(4):
        add(t, relay, rule(IN, 5000 + number, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    send(t, "priority-tagged")
    t.wait_until(lambda: sink.received() >= COPIES, 5, f"{COPIES} with VID 0 are forwarded")
    send(t, "VLAN-tagged")
    t.wait_until(lambda: interface_stats(relay, "eth0")["vlan"] == COPIES, 5,
                 f"{COPIES} with VID 5 are counted")
    t.equal(relay.stats()["totals"]["drops"]["vlan"], COPIES, "and in the totals")
    t.true("input names the VLAN's own interface (as eth0.100)" in relay.ctl("stats").stdout,
           "mcrctl stats gives the advice")
    received = COPIES
    if t.run("relay", VLAN_5, check=False).returncode == 0:
        t.run("relay", ["ip", "link", "set", "eth0.5", "up"])
        add(t, relay, rule(IN, 5000, output(OUT, 6000), interface="eth0.5"))
        send(t, "VLAN-tagged")
        received += COPIES
    else:
        t.note("this kernel has no VLAN devices")
    t.equal(sink.finish(received)["received"], received, "received by the sink")
    t.conservation(relay)


TIMER = """
import ctypes, os, select
os.sched_setaffinity(0, {int(sys.argv[1])})
ctypes.CDLL(None).prctl(29, 1, 0, 0, 0)  # PR_SET_TIMERSLACK
while True:
    select.select([], [], [], 3e-6)
"""


@scenario("counters read while a stream flows count no frame as unwanted", topology="chain3", alone=True)
def read_under_way(t):
    """A frame on its way from one packet socket to the next is not counted as unwanted.

    Timers that fire all the time stop the kernel between the two now and then, so that a reading
    falls in between in some of the runs.  experiments/poc_unread_counting_socket shows it always.
    """
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    timers = [t.python_start(None, TIMER, str(cpu)) for cpu in sorted(os.sched_getaffinity(0)) * 2]
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=200, count=60000)
    readings = 0
    with relay.connect() as client:
        while gen.running:
            client.call("GetStats")
            readings += 1
    sent = gen.finish()["sent"]
    for timer in timers:
        timer.stop()
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= sent, 20, "all has arrived")
    totals = t.conservation(relay)["totals"]
    t.equal((totals["received"], totals["drops"]["not_matched"]), (sent, 0),
            "received, not matched")
    t.note(f"{readings} readings")


def interfaces_of(stats):
    return {one["name"]: one for one in stats["interfaces"]}


def not_accounted(stats):
    """The faults of one answer to GetStats: the law for each worker, sums for the totals."""
    totals, found = stats["totals"], []
    by_kernel = stats["kernel_path"]["received"]  # of which every datagram is matched
    workers = [(f"worker {one['worker']}", one) for one in stats["workers"]]
    for name, one in [("totals", totals), *workers]:
        if one["received"] != one["matched"] + sum(one["drops"].values()):
            found.append(f"{name}: received is not matched and drops: {one}")
        matched = one["egress"]["matched"] if name == "totals" else one["egress_matched"]
        if matched != one["sent"] + sum(one["send_drops"].values()):
            found.append(f"{name}: egress matched is not sent and send drops: {one}")
    kernel = [*stats["interfaces"], stats["closed_interfaces"]]
    unseen = sum(one["not_matched"] for one in kernel)
    lost = [sum(one["socket_queue"] for one in kernel), totals["drops"]["socket_queue"],
            sum(one["drops"]["socket_queue"] for one in stats["workers"])]
    if len(set(lost)) != 1:
        found.append(f"socket_queue: of interfaces, in the totals and of workers: {lost}")
    if totals["received"] != sum(one["received"] for one in stats["workers"]) + by_kernel + unseen:
        found.append(f"totals: not the sum of workers, the kernel path and interfaces: {stats}")
    return found


def scheduled(pids):
    """How long processes have waited for a CPU so far, and how often they got it, together.

    /proc/PID/schedstat; a wait counts when it is over.
    """
    all_of = [Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split() for pid in pids]
    return sum(int(one[1]) for one in all_of), sum(int(one[2]) for one in all_of)


@scenario("every answer obeys the law while a stream flows", topology="chain3", alone=True)
def law_under_way(t):
    """Also one that is read while a worker is in the midst of a datagram.

    The one exception is documented: a worker that is kept from the CPU between two words.
    """
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), output("239.2.2.3", 6000)))
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=50000, size=200, count=200000)
    workers = [one["pid"] for one in relay.rpc("ListWorkers")["workers"]]
    answers, excused, last = 0, 0, 0
    with relay.connect() as client:
        while gen.running:
            before_ns, _ = scheduled(workers)
            stats = client.call("GetStats")
            wrong = not_accounted(stats)
            if wrong:
                _, turns = scheduled(workers)
                t.wait_until(lambda base=turns: scheduled(workers)[1] > base, 20, "a worker runs")
            if wrong and scheduled(workers)[0] - before_ns >= LOOKS_NS:
                excused += 1
                continue
            t.equal(wrong, [], f"answer {answers}")
            t.true(stats["totals"]["received"] >= last, f"answer {answers}: received went back")
            last = stats["totals"]["received"]
            answers += 1
    gen.finish()
    t.true(answers > excused, f"{answers} answers while the stream flowed, {excused} excused")
    t.conservation(relay)
    t.note(f"{answers} answers, {excused} while the worker waited for a CPU")


@scenario("each interface shows what it counted itself", topology="chain3")
def own_counters(t):
    """A slot goes from one interface to the next; its counters stay in the totals alone."""
    relay = t.mcrd("relay")
    # Frames that the kernel path takes reach no socket.
    first = add(t, relay, rule(IN, 5000, output(OUT, 6000), path="user"))["rule_id"]
    for row, _ in FORWARDED:
        send(t, row)
    send(t, "unmatched group")
    own = COPIES * len(FORWARDED)
    t.wait_until(lambda: (interface_stats(relay, "eth0")["delivered"] == own
                          and interface_stats(relay, "eth0")["not_matched"] >= COPIES),
                 5, "counted for eth0")
    relay.rpc("RemoveRule", {"rule_id": first})
    before = relay.stats()
    t.equal(list(interfaces_of(before)), ["eth0"], "a closed input is listed while it exists")
    # With another output than before, so that eth1 gets the slot that eth0 had.
    add(t, relay, rule("239.1.1.9", 5000, output(OUT, 6000, interface="eth0"), interface="eth1"))
    after = relay.stats()
    rows = interfaces_of(after)
    t.equal(list(rows), ["eth1"], "interfaces")
    t.equal((rows["eth1"]["delivered"], rows["eth1"]["socket_queue"]), (0, 0), "eth1")
    t.true(rows["eth1"]["not_matched"] < before["interfaces"][0]["not_matched"], "eth1 not matched")
    t.true(after["closed_interfaces"]["delivered"] == own, f"{after['closed_interfaces']}")
    t.equal(not_accounted(after), [], "the law")
    t.true(after["totals"]["received"] >= before["totals"]["received"], "totals went back")

    # The same after control, and then the supervisor, have been replaced.
    relay.expect("control was killed by SIGKILL")
    t.fault("relay", "kill", "control")
    t.wait_until(lambda: relay.rpc("ListWorkers")["workers"][0]["state"] == "running", 10,
                 "control")
    for when in ("control restarted", "upgraded"):
        now = relay.stats()
        t.equal(interfaces_of(now)["eth1"]["delivered"], 0, f"eth1, {when}")
        t.equal(now["closed_interfaces"]["delivered"], own, f"closed, {when}")
        t.equal(not_accounted(now), [], f"the law, {when}")
        t.true(now["totals"]["received"] >= after["totals"]["received"], f"totals, {when}")
        if when != "upgraded":
            relay.rpc("Upgrade")
            t.wait_until(lambda: relay.stats(), 10, "control after the upgrade")


@scenario("an interface that is deleted is listed no more", topology="chain3")
def deleted(t):
    """Its counts stay in the totals; a later one of the same name is another interface."""
    relay = t.mcrd("relay")
    t.run("relay", ["ip", "link", "add", "extra", "type", "veth", "peer", "name", "extra-peer"])
    t.run("relay", ["ip", "link", "set", "extra", "up"])
    t.run("relay", ["ip", "link", "set", "extra-peer", "up"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000), interface="extra"))
    t.python("relay", SEND.replace("eth0", "extra-peer"), frames()["unmatched group"], str(COPIES))
    t.wait_until(lambda: interface_stats(relay, "extra")["not_matched"] >= COPIES, 5, "counted")
    before = relay.stats()
    t.run("relay", ["ip", "link", "del", "extra"])
    t.wait_until(lambda: not relay.stats()["interfaces"], 5, "listed no more")
    gone = relay.stats()
    t.true(gone["closed_interfaces"]["not_matched"] >= COPIES, f"{gone['closed_interfaces']}")
    t.true(gone["totals"]["received"] >= before["totals"]["received"], "totals went back")
    table = relay.ctl("stats").stdout
    t.true("input interfaces that are closed: not_matched " in table, f"mcrctl stats: {table}")
    t.run("relay", ["ip", "link", "add", "extra", "type", "veth", "peer", "name", "extra-peer"])
    t.wait_until(lambda: "extra" in interfaces_of(relay.stats()), 5, "listed again")
    stats = relay.stats()
    t.equal([one["name"] for one in stats["interfaces"]], ["extra"], "interfaces")
    t.equal(interfaces_of(stats)["extra"]["not_matched"], 0, "nothing has come by the new one")
    t.equal(not_accounted(stats), [], "the law")


@scenario("frames on the wire are valid and as their rule says", topology="chain3")
def emitted(t):
    """Addresses, TTL, DSCP, checksums and payload on the wire, as scapy reads them."""
    # Without offload the checksums must be in the frames, as they would be behind a real card.
    t.run("relay", ["ethtool", "-K", "eth1", "tx", "off"])
    relay = t.mcrd("relay")
    # The kernel path keeps the flags of what came, and is in test_kernel_path.py.
    add(t, relay, rule(IN, 5000, output(OUT, 6000, ttl=8, dscp=34), output("239.2.2.3", 6000),
                       path="user"))
    count = 20
    witness = t.start("sink", SCAPY + ["sniff", "eth0", 6000, 2 * count])
    t.wait_until(lambda: witness.stdout().startswith("ready"), 20, "witness")
    t.gen("gen", "eth0", IN, 5000, rate=200, count=count, size="1,32,301,1400", ttl=3, dscp=12)
    t.equal(witness.wait(10), 0, "status of the witness")

    seen = [json.loads(line) for line in witness.stdout().splitlines()[1:]]
    for one in seen:
        options = (8, 34, "01:00:5e:02:02:02") if one["group"] == OUT else \
                  (1, 0, "01:00:5e:02:02:03")
        t.equal((one["ttl"], one["dscp"], one["destination"]), options, f"header of {one}")
        t.equal((one["source"], one["ecn"], one["flags"]), ("10.90.1.1", 0, ""), f"rest of {one}")
        t.equal((one["ip_checksum_good"], one["udp_checksum_good"]), (True, True),
                f"checksums of {one}")
    for group in (OUT, "239.2.2.3"):
        bodies = [bytes.fromhex(one["payload"]) for one in seen if one["group"] == group]
        t.equal([len(body) for body in bodies], [1, 32, 301, 1400] * (count // 4), "sizes")
        t.equal(bodies[2][32:], payload(2, size=301)[32:], "body of the third datagram")
    t.conservation(relay)


@scenario("sockets that only count hold at most the smallest buffer", topology="chain3")
def counting_sockets(t):
    """Nobody reads them: what they queue is bounded by the smallest buffer there is."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    t.gen("gen", "eth0", "239.1.1.9", 5000, rate=20000, count=5000, size=1000)
    t.wait_until(lambda: interface_stats(relay, "eth0")["not_matched"] >= 5000, 5, "counted")

    def held_bytes():
        rows = t.run("relay", ["cat", "/proc/net/packet"]).stdout.splitlines()[1:]
        return [int(row.split()[6]) for row in rows]
    t.true(len(held_bytes()) > 1, "there are counting sockets")
    t.true(max(held_bytes()) <= 8192, f"bytes that each packet socket holds: {held_bytes()}")


if __name__ == "__main__":
    main()
