#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Datagrams that come back: over a second relay, over a switch elsewhere, over new wiring.

    gen --- p1 lan-a p2 --- eth0  r1  eth1 --- p1 lan-b p4 --- sink
                     p3 --- eth0  r2  eth1 --- p2
                                           .-- p3
                               hairpin eth0, eth1: both at lan-b (p3, p5)

r1 relays one group from lan-a to lan-b, r2 the same group from lan-b to lan-a.  Neither can know of
the other.  A rule that is held relays nothing of a real stream either, so the twins are as many:
equal payloads and a capture that repeats, as fast as the generator can.
"""

import struct

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_kernel import AUTO, by_kernel
from support_rules import add, nonzero, output, rule, rules_by_id

GROUP, PORT = "239.5.5.5", 5000
LANS = {
    "name": "lans",
    "nodes": {name: {} for name in ("gen", "lana", "r1", "r2", "hairpin", "lanb", "sink")},
    "links": [{"ends": [{"at": a, **({"addresses": [x]} if x else {})}, {"at": b}]}
              for a, x, b in (
        ("gen:eth0", "10.1.0.100/24", "lana:p1"),
        ("r1:eth0", "10.1.0.1/24", "lana:p2"),
        ("r2:eth0", "10.1.0.2/24", "lana:p3"),
        ("r1:eth1", "10.2.0.1/24", "lanb:p1"),
        ("r2:eth1", "10.2.0.2/24", "lanb:p2"),
        ("hairpin:eth0", "10.2.0.3/24", "lanb:p3"),
        ("sink:eth0", "10.2.0.100/24", "lanb:p4"),
        ("hairpin:eth1", "10.2.0.4/24", "lanb:p5"))],
    "bridges": [{"at": "lana:br0", "ports": ["p1", "p2", "p3"]},
                {"at": "lanb:br0", "ports": ["p1", "p2", "p3", "p4", "p5"]}],
}


def only_rule(relay):
    [one] = rules_by_id(relay).values()
    return one


def only_stats(relay):
    [one] = relay.stats()["rules"]
    return one


def has_held(relay):
    return only_stats(relay)["loops"] > 0


def is_quiet(t, relays):
    """Nothing is received any more by any of them."""
    def received():
        return [relay.stats()["totals"]["received"] for relay in relays]
    seen = [received()]

    def still():
        seen.append(received())
        return seen[-1] == seen[-2]
    t.wait_until(still, 10, "nothing circulates any more")
    return seen[-1]


def opposite(t, args=()):
    """r1 and r2, each with its rule."""
    r1, r2 = t.mcrd("r1", args=args), t.mcrd("r2", args=args)
    add(t, r1, rule(GROUP, PORT, output(GROUP, PORT, "eth1"), interface="eth0", name="there"))
    add(t, r2, rule(GROUP, PORT, output(GROUP, PORT, "eth0"), interface="eth1", name="back"))
    return r1, r2


@scenario("one datagram between two relays in opposite directions does not circulate for long", topology=LANS)
def one_datagram(t):
    """It is found by one of them and dies; the log says which rule, once; relaying goes on."""
    relays = opposite(t)
    t.gen("gen", "eth0", GROUP, PORT, count=1, rate=100, size=100)
    t.wait_until(lambda: any(has_held(relay) for relay in relays), 5, "a rule is held")
    is_quiet(t, relays)
    for relay in relays:
        if has_held(relay):
            t.wait_until(lambda relay=relay: "held as looping" in relay.log(), 5, "the log says so")
            t.equal(relay.log().count("held as looping"), 1, "lines of the log")
            t.true(only_stats(relay)["looping"] > 0, "counted as looping at the rule")
        t.conservation(relay)
        # A hold ends by itself.
        t.wait_until(lambda relay=relay: only_rule(relay)["state"] == "active", 10, "active again")


@scenario("one datagram that circulates in the kernel path is found", topology=LANS)
def in_the_kernel(t):
    """Both relays hand their rule to a worker, whose guard holds one of them; it counts as looping."""
    relays = opposite(t, AUTO)
    for relay in relays:
        [name] = rules_by_id(relay)
        by_kernel(t, relay, name)
    t.gen("gen", "eth0", GROUP, PORT, count=1, rate=100, size=100)
    t.wait_until(lambda: any(has_held(relay) for relay in relays), 20, "a rule is held")
    is_quiet(t, relays)
    t.true(all(relay.stats()["kernel_path"]["received"] > 100 for relay in relays),
           "it circulated in the kernel")
    t.true(any(only_stats(relay)["looping"] > 0 for relay in relays), "counted as looping")
    for relay in relays:
        t.conservation(relay)


@scenario("a stream between two relays in opposite directions holds a rule", topology=LANS)
def a_stream(t):
    """While it flows a rule is held: what circulates is bounded, and the state says why."""
    relays = opposite(t)
    gen = t.gen_start("gen", "eth0", GROUP, PORT, rate=500, size=100)
    t.wait_until(lambda: any(only_rule(relay)["state"] == "looping" for relay in relays), 10,
                 "a rule is looping")
    [text] = {only_rule(relay)["reason"].rsplit(" for ", 1)[0] for relay in relays
              if only_rule(relay)["state"] == "looping"} or {"what it sends comes back to it: held"}
    t.equal(text, "what it sends comes back to it: held", "reason")
    gen.stop()
    is_quiet(t, relays)
    for relay in relays:
        t.conservation(relay)


@scenario("a TTL that is decremented ends a circle", topology=LANS)
def decremented(t):
    """A datagram of TTL 8 is relayed four times by each; the last copy has nothing left."""
    r1, r2 = t.mcrd("r1"), t.mcrd("r2")
    add(t, r1, rule(GROUP, PORT, output(GROUP, PORT, "eth1", ttl="decrement"), interface="eth0"))
    add(t, r2, rule(GROUP, PORT, output(GROUP, PORT, "eth0", ttl="decrement"), interface="eth1"))
    t.gen("gen", "eth0", GROUP, PORT, count=1, rate=100, size=100, ttl=8)
    t.wait_until(lambda: r2.stats()["totals"]["send_drops"]["ttl_expired"] == 1, 5,
                 "the last copy expires")
    t.equal([(relay.stats()["totals"]["matched"], relay.stats()["totals"]["sent"])
             for relay in (r1, r2)], [(4, 4), (4, 3)], "matched and sent")
    [listed] = rules_by_id(r1).values()
    t.equal((listed["outputs"][0]["ttl"], listed["outputs"][0]["ttl_default"]),
            ("decrement", False), "as list has it")
    t.true("\"ttl\":\"decrement\"" in r1.rpc("GetConfig")["text"], "as the configuration has it")
    r1.ctl("add", "--input-interface", "eth0", "--input-group", "239.5.5.6", "--input-port", PORT,
           "--outputs", f"239.5.5.7:{PORT}:eth1:ttl=decrement")
    t.equal(sorted(one["outputs"][0]["ttl"] for one in rules_by_id(r1).values()),
            ["decrement", "decrement"], "added by mcrctl")
    for relay in (r1, r2):
        t.conservation(relay)


@scenario("a rule whose two interfaces are in one segment is held", topology=LANS)
def one_segment(t):
    """The switch is elsewhere, so no wiring shows it: the guard does."""
    relay = t.mcrd("hairpin")
    add(t, relay, rule(GROUP, PORT, output(GROUP, PORT, "eth1"), interface="eth0"))
    t.gen("sink", "eth0", GROUP, PORT, count=1, rate=100, size=100)
    t.wait_until(lambda: has_held(relay), 5, "the rule is held")
    is_quiet(t, [relay])
    t.true(relay.stats()["totals"]["drops"]["looping"] > 0, "counted as looping")
    t.conservation(relay)


def capture_of(path, payloads, gap_us):
    """A pcap of UDP datagrams to the group, so far apart."""
    with open(path, "wb") as file:
        file.write(struct.pack("=IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for number, payload in enumerate(payloads):
            udp = struct.pack("!HHHH", 4000, PORT, 8 + len(payload), 0) + payload
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xffff, 0, 16, 17, 0,
                             bytes((10, 1, 0, 100)), bytes((239, 5, 5, 5)))
            stamp = number * gap_us
            file.write(struct.pack("=IIII", stamp // 1000000, stamp % 1000000, len(ip + udp),
                                   len(ip + udp)) + ip + udp)


def passes(t, payloads, gap_us, loops, args=()):
    """All of a replay is relayed; none of it counts as looping."""
    relay = t.mcrd("r1", args=args)
    add(t, relay, rule(GROUP, PORT, output(GROUP, PORT, "eth1"), interface="eth0"))
    path = t.run_dir / "capture.pcap"
    capture_of(path, payloads, gap_us)
    sent = t.gen("gen", "eth0", GROUP, PORT, replay=path, loops=loops, deadline_s=40)["sent"]
    t.equal(sent, len(payloads) * loops, "sent")
    t.wait_until(lambda: relay.stats()["totals"]["received"] >= sent, 10, "all are received")
    stats = t.conservation(relay)
    t.equal((stats["totals"]["drops"]["looping"], only_stats(relay)["loops"]), (0, 0),
            "held, and times held")
    # On a busy machine a socket's queue may overflow; nothing else may be lost.
    t.equal(set(nonzero(stats["totals"]["drops"])) - {"socket_queue"}, set(), "drops")


@scenario("equal payloads at 100,000 a second are never held", topology=LANS)
def equal_payloads(t):
    """A generator of one payload looks like a datagram that circulates, but its stream is not
    held."""
    passes(t, [b"x" * 200] * 1000, 10, 300)


@scenario("a capture that repeats is never held", topology=LANS)
def replayed(t):
    """200 datagrams of a capture, again and again, at 50,000 a second."""
    passes(t, [struct.pack("!I", number) * 50 for number in range(200)], 20, 500)


@scenario("a capture that repeats is never held in the kernel path", topology=LANS)
def replayed_in_the_kernel(t):
    """A worker looks at it for some seconds, and nothing is lost on the way there and back."""
    passes(t, [struct.pack("!I", number) * 50 for number in range(200)], 50, 700, AUTO)


@scenario("a rule is held when the wiring changes into a circle", topology=LANS)
def new_wiring(t):
    """Two rules are well until their interfaces become ports of one bridge: the newer is held.

    With the bridge gone it relays again.
    """
    relay = t.mcrd("hairpin")
    t.run("hairpin", ["ip", "link", "add", "d0", "type", "veth", "peer", "name", "d1"])
    for name in ("d0", "d1"):
        t.run("hairpin", ["ip", "link", "set", name, "up"])
    t.run("hairpin", ["ip", "link", "add", "br0", "type", "bridge"])
    t.run("hairpin", ["ip", "link", "set", "br0", "up"])
    add(t, relay, rule("239.6.6.6", PORT, output("239.6.6.7", PORT, "eth0"), interface="d0", name="one"))
    add(t, relay, rule("239.6.6.7", PORT, output("239.6.6.6", PORT, "eth0"), interface="d1", name="two"))

    def states():
        return {one["name"]: one["state"] for one in rules_by_id(relay).values()}
    t.equal(states(), {"one": "active", "two": "active"}, "states before")
    for name in ("eth0", "d0", "d1"):
        t.run("hairpin", ["ip", "link", "set", name, "master", "br0"])
    t.wait_until(lambda: sorted(states().values()) == ["active", "looping"], 5, "one is held")
    [held] = [one for one in rules_by_id(relay).values() if one["state"] == "looping"]
    t.true("relays in a circle" in held["reason"], f"reason: {held['reason']}")
    t.run("hairpin", ["ip", "link", "del", "br0"])
    t.wait_until(lambda: set(states().values()) == {"active"}, 5, "both relay again")


if __name__ == "__main__":
    main()
