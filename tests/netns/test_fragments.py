#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""IP fragments: counted at their rule, or reassembled by the kernel where the interface says so.

    gen (fragments as bytes) ---- eth0  relay  eth1 ---- sink
"""

import json
import os
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_rules import add, dumped, nonzero, output, rule, rules_by_id

IN, OUT, PORT = "239.1.1.1", "239.2.2.2", 5000
DEFRAG = {"defrag": {"eth0": True}}

# Fragments of one datagram, `step` bytes each; PLAN names those that are sent, in order.
SEND = """
import socket, struct
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
def fragments(payload, ident, step, group, port):
    whole = struct.pack("!HHHH", 4000, port, 8 + len(payload), 0) + payload
    for offset in range(0, len(whole), step):
        part = whole[offset:offset + step]
        more = 0x2000 if offset + step < len(whole) else 0
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(part), ident, more | offset // 8, 16, 17,
                         0, bytes((10, 10, 1, 100)), socket.inet_aton(group))
        yield (bytes.fromhex("01005e010101020000000001") + b"\\x08\\x00" + ip[:10] +
               struct.pack("!H", checksum(ip)) + ip[12:] + part)
def body(number, size):
    return (struct.pack("!I", number) * (size // 4 + 1))[:size]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("eth0", 0))
"""


def send(t, number, size=3000, step=1480, plan=None, group=IN, port=PORT):
    """One datagram in fragments; `plan` is a Python expression over the list of them, f."""
    t.python("gen", SEND + f"""
f = list(fragments(body({number}, {size}), {number + 1}, {step}, {group!r}, {port}))
for one in {plan or "f"}:
    sock.send(one)
""")


def body(number, size):
    return (number.to_bytes(4, "big") * (size // 4 + 1))[:size]


@scenario("fragments are counted at the rule whose group they are of", topology="chain3")
def counted(t):
    """The first one shows the port, those after it the group only; list says what to do."""
    relay = t.mcrd("relay")
    ids = [add(t, relay, rule(IN, port, output(OUT, port)))["rule_id"] for port in (PORT, PORT + 1)]
    other = add(t, relay, rule("239.1.1.2", PORT, output(OUT, 7000)))["rule_id"]
    send(t, 1, plan="f[:1] * 5", port=PORT + 1)
    t.wait_until(lambda: relay.stats()["totals"]["drops"]["fragment"] == 5, 5, "five are dropped")
    fragments = {one["rule_id"]: one["fragments"] for one in relay.stats()["rules"]}
    t.equal(fragments, {ids[0]: 0, ids[1]: 5, other: 0}, "first fragments, at the port's rule")
    send(t, 2, plan="f[1:] * 3")
    t.wait_until(lambda: relay.stats()["totals"]["drops"]["fragment"] == 11, 5, "six more")
    fragments = {one["rule_id"]: one["fragments"] for one in relay.stats()["rules"]}
    t.equal((fragments[ids[0]] + fragments[ids[1]], fragments[other]), (11, 0), "at the group's")
    t.true(any("\"defrag\": {\"eth0\": true}" in text for text in
               rules_by_id(relay)[ids[1]]["warnings"]), "list names the setting")
    t.conservation(relay)


ROWS = [
    # The fragments that are sent, and whether they make a datagram.
    ("in order", {}, True),
    ("in reverse", {"plan": "f[::-1]"}, True),
    ("each twice", {"plan": "f[:2] + f[:2] + f[2:] * 2"}, True),
    ("in many", {"size": 20000, "step": 64}, True),
    ("the largest", {"size": 65507}, True),
    ("smaller than the MTU", {"size": 400, "step": 128}, True),
    ("one missing", {"size": 9000, "plan": "f[:2] + f[3:]"}, False),
    ("overlapping, with other bytes",
     {"plan": f"[f[0], list(fragments(body(99, 3000), f_ident, 1480 - 8, {IN!r}, {PORT}))[1], f[2]]"},
     False),
    ("of a group that no rule wants", {"group": "239.1.1.9"}, False),
]


@scenario("fragments are reassembled", topology="chain3")
def reassembled(t):
    """The worker that has the rule relays the reassembled datagrams, byte for byte."""
    relay = t.mcrd("relay", num_workers=2, config=DEFRAG)
    for port in (PORT, PORT + 1, PORT + 2):
        add(t, relay, rule(IN, port, output(OUT, 6000)))
    dump = t.run_dir / "dump"
    sink = t.sink("sink", "eth0", OUT, 6000, dump=dump, rcvbuf=16 << 20)
    want = []
    for number, (what, how, comes) in enumerate(ROWS):
        how = dict(how)
        if "plan" in how:
            how["plan"] = how["plan"].replace("f_ident", str(number + 1))
        send(t, number, **how)
        if comes:
            want.append(body(number, how.get("size", 3000)))
        t.wait_until(lambda: sink.received() >= len(want), 5, f"{what}: {len(want)} in all")
    # Whole ones go the same way, and two at once do not mix.
    t.python("gen", SEND + f"""
a = list(fragments(body(50, 3000), 50, 1480, {IN!r}, {PORT}))
b = list(fragments(body(51, 3000), 51, 1480, {IN!r}, {PORT + 1}))
for one in (a[0], b[0], b[1], a[1], a[2], b[2], *fragments(body(52, 100), 52, 1480, {IN!r}, {PORT})):
    sock.send(one)
""")
    want += [body(50, 3000), body(51, 3000), body(52, 100)]
    t.equal(sink.finish(len(want))["received"], len(want), "received by the sink")
    t.equal(sorted(dumped(dump)), sorted(want), "payloads")
    stats = t.conservation(relay)
    t.equal(nonzero(stats["totals"]["drops"]), {"not_matched": 1}, "drops")


@scenario("a flood of first fragments takes bounded memory, whole datagrams pass", topology="chain3")
def flood(t):
    """The kernel bounds what waits for the rest; whole datagrams pass meanwhile, others after."""
    relay = t.mcrd("relay", config=DEFRAG)
    t.run("relay", ["sysctl", "-qw", "net.ipv4.ipfrag_low_thresh=800000",
                    "net.ipv4.ipfrag_high_thresh=1000000", "net.ipv4.ipfrag_time=2"])
    add(t, relay, rule(IN, PORT, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)

    def waiting():
        text = t.run("relay", ["cat", "/proc/net/sockstat"]).stdout
        return int(text.split("FRAG: inuse ")[1].split("memory ")[1].split()[0])
    t.python("gen", SEND + f"""
for number in range(5000):
    sock.send(next(fragments(body(number, 3000), number + 1, 1480, {IN!r}, {PORT})))
for one in fragments(body(1, 100), 9999, 1480, {IN!r}, {PORT}):
    sock.send(one)
""")
    t.wait_until(lambda: sink.received() == 1, 5, "a whole datagram passes")
    t.true(0 < waiting() < 1100000, f"{waiting()} bytes wait, of at most 1,000,000")
    t.wait_until(lambda: waiting() == 0, 20, "what waited is given up")
    send(t, 7)
    t.equal(sink.finish(2)["received"], 2, "a datagram in fragments passes again")
    stats = t.conservation(relay)
    t.equal(nonzero(stats["totals"]["drops"]), {}, "drops")


@scenario("reassembly is switched while the relay runs", topology="chain3")
def switched(t):
    """On by a configuration, kept over a restart of control, written back, and off again."""
    relay = t.mcrd("relay")
    one = rule(IN, PORT, output(OUT, 6000), id="one")
    add(t, relay, one)
    sink = t.sink("sink", "eth0", OUT, 6000)
    send(t, 1)
    t.wait_until(lambda: relay.stats()["totals"]["drops"]["fragment"] == 3, 5, "dropped without it")
    relay.rpc("LoadConfig", {"text": json.dumps({**DEFRAG, "rules": [one]}), "replace": True})

    def passes(number, received):
        send(t, number)
        t.wait_until(lambda: sink.received() == received, 5, f"datagram {number} passes")
    t.wait_until(lambda: "\"defrag\"" in relay.rpc("GetConfig")["text"], 5, "written back")
    passes(2, 1)
    [control] = relay.children("--role=control")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)
    t.wait_until(lambda: relay.children("--role=control") not in ([], [control]), 10, "a control")
    t.wait_until(lambda: "\"defrag\"" in relay.rpc("GetConfig")["text"], 5, "kept")
    passes(3, 2)
    relay.rpc("LoadConfig", {"text": json.dumps({"rules": [one]}), "replace": True})
    before = relay.stats()["totals"]["drops"]["fragment"]
    send(t, 4)
    t.wait_until(lambda: relay.stats()["totals"]["drops"]["fragment"] == before + 3, 5,
                 "dropped again")
    t.equal(sink.finish(2)["received"], 2, "received by the sink")
    t.conservation(relay)


if __name__ == "__main__":
    main()
