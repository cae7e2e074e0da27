#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rules come and go while traffic flows.

    gen ---- eth0  relay  eth1 ---- sink
                          eth7 ---- sink   (in one scenario, and only after a while)
"""

import json
import statistics
import time

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, scenario

from support_rules import (add, drops, dumped, flow_sequence_time, memberships, output, path_settled,
                           rule, rules_by_id)

CONFLICT = -32002


def now_ns():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@scenario("rules are added and removed under traffic without a loss elsewhere", topology="chain3")
def under_traffic(t):
    """The other streams lose nothing; after the answer to a removal nothing more is delivered.

    The datagrams carry the time at which they were about to be sent, which a busy machine may do
    later.  Between the answer to an AddRule and the RemoveRule every one sent must arrive; what was
    sent after the answer to a RemoveRule must not have arrived before the next AddRule.
    """
    relay = t.mcrd("relay")
    steady = rule("239.1.1.1", 5000, output("239.2.2.1", 6000))
    changing = rule("239.1.1.2", 5000, output("239.2.2.2", 6000), name="changing")
    add(t, relay, steady)
    dump = t.run_dir / "dump"
    steady_sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    changing_sink = t.sink("sink", "eth0", "239.2.2.2", 6000, dump=dump)
    steady_gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=8000, size=200)
    changing_gen = t.gen_start("gen", "eth0", "239.1.1.2", 5000, rate=4000, size=200)
    on, off = [], []
    with relay.connect() as client:
        for cycle in range(20):
            had = changing_sink.received()
            client.call("AddRule", changing)
            on.append(now_ns())
            t.wait_until(lambda: changing_sink.received() >= had + 100, 5, "the added stream flows")
            on.append(now_ns())
            client.call("RemoveRuleByName", {"name": "changing"})
            answered = now_ns()
            unwanted = drops(relay)["not_matched"]
            t.wait_until(lambda: drops(relay)["not_matched"] >= unwanted + 100, 5,
                         "the removed stream is turned away")
            off.append((answered, changing_sink.received()))
    # Long enough for everything sent before the last removal to be where it belongs.
    sent = steady_gen.stop()["sent"]
    total = changing_gen.stop()["sent"]
    t.clean(steady_sink.finish(sent), sent, "the steady stream")
    report = changing_sink.finish()
    t.equal([report[key] for key in ("duplicated", "reordered", "corrupt", "short", "sink_drops")],
            [0] * 5, "the changing stream")

    arrived = [flow_sequence_time(one) for one in dumped(dump)]
    for answered, had in off:
        late = [one for one in arrived[:had] if one[2] > answered]
        t.equal(late, [], "sent after the answer to a removal, and delivered")
    seen = 0
    for answered, requested in zip(on[::2], on[1::2]):
        inside = [sequence for _, sequence, sent_ns in arrived if answered < sent_ns < requested]
        # A busy machine may have sent none of them within a spell.
        first = inside[0] if inside else 0
        t.equal(inside, list(range(first, first + len(inside))), "an added stream, without a gap")
        seen += len(inside)
    t.true(seen >= 200, f"only {seen} datagrams were sent while the rule was in place")
    t.conservation(relay)
    t.note(f"{len(arrived)} of {total} datagrams of the changing stream delivered in 20 spells")


def ipv4_udp_received(relay):
    """Without the odd ARP or IGMP frame."""
    stats = relay.stats()
    return stats["totals"]["received"] - sum(one["not_ipv4_udp"] for one in stats["interfaces"])


@scenario("every datagram is counted while its rule comes and goes", topology="chain3")
def counted_while_changing(t):
    """All datagrams are received, although the prefilter is replaced all the time."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    own = dict(rule("239.1.1.2", 5000, output("239.2.2.2", 6000)), name="own")
    before = ipv4_udp_received(relay)
    gen = t.gen_start("gen", "eth0", "239.1.1.2", 5000, rate=20000, count=40000, size=100)
    changes = 0
    with relay.connect() as client:
        while gen.running or changes % 2:
            if changes % 2:
                client.call("RemoveRuleByName", {"name": "own"})
            else:
                client.call("AddRule", own)
            changes += 1
    sent = gen.finish()["sent"]
    totals = relay.stats()["totals"]
    t.equal(ipv4_udp_received(relay) - before, sent, f"received, over {changes} changes")
    t.true(changes >= 20, f"only {changes} changes while it was sending")
    t.true(0 < totals["matched"] < sent, f"{totals['matched']} of {sent} matched")
    t.conservation(relay)
    t.note(f"{changes} changes, {totals['matched']} of {sent} datagrams matched")


def plug(t, name, node, address, peer_node, peer_address):
    """A new wire into the running lab, named the same at both ends."""
    t.run(node, ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}-peer"])
    t.move(node, f"{name}-peer", peer_node)
    t.run(peer_node, ["ip", "link", "set", f"{name}-peer", "name", name])
    for where, own in ((peer_node, peer_address), (node, address)):
        t.run(where, ["ip", "address", "add", own, "dev", name])
        t.run(where, ["ip", "link", "set", name, "up"])


def state_of(relay, rule_id):
    return rules_by_id(relay)[rule_id]["state"]


@scenario("a rule for a missing output interface is unresolved", topology="chain3")
def missing_output(t):
    """It is no error, disturbs nothing, becomes active with its interface, and goes with it."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("239.2.2.1", 6000)))
    result = relay.rpc("AddRule", rule("239.1.1.2", 5000, output("239.2.2.2", 6000, "eth7")))
    t.equal((result["result"], result["state"], result["pending"]), ("added", "unresolved", []),
            "answer to AddRule")
    t.equal(result["warnings"], ["output interface eth7 does not exist"], "warnings")

    sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=4000, count=1000, size=200)
    t.clean(sink.finish(1000), 1000, "the other stream")
    t.equal([line for line in relay.stderr().splitlines() if " error " in line or
             " critical " in line], [], "errors logged")

    plug(t, "eth7", "relay", "10.97.1.1/24", "sink", "10.97.1.2/24")
    t.wait_until(lambda: state_of(relay, result["rule_id"]) == "active", 5, "active by itself")
    workers_in_sync(t, relay)
    path_settled(t, relay, result["rule_id"])
    sink = t.sink("sink", "eth7", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=4000, count=1000, size=200, first_flow=7)
    t.clean(sink.finish(1000), 1000, "the stream to the new interface")

    t.run("relay", ["ip", "link", "set", "eth7", "down"])
    t.wait_until(lambda: state_of(relay, result["rule_id"]) == "paused", 5, "paused when down")
    t.run("relay", ["ip", "link", "del", "eth7"])
    t.wait_until(lambda: state_of(relay, result["rule_id"]) == "unresolved", 5,
                 "unresolved when deleted")
    plug(t, "eth7", "relay", "10.97.1.1/24", "sink", "10.97.1.2/24")
    t.wait_until(lambda: state_of(relay, result["rule_id"]) == "active", 5, "active again")
    workers_in_sync(t, relay)
    path_settled(t, relay, result["rule_id"])
    sink = t.sink("sink", "eth7", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.2", 5000, rate=4000, count=500, size=200, first_flow=8)
    t.clean(sink.finish(500), 500, "the stream to the recreated interface")
    t.conservation(relay)


def workers_in_sync(t, relay):
    t.wait_until(lambda: all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]), 5,
                 "workers in sync")


@scenario("a rule for a missing input interface is unresolved", topology="chain3")
def missing_input(t):
    """It takes effect, with its membership, as soon as the interface is there."""
    relay = t.mcrd("relay")
    result = relay.rpc("AddRule", rule("239.1.1.1", 5000, output("239.2.2.2", 6000),
                                       interface="eth7"))
    t.equal((result["state"], result["warnings"]),
            ("unresolved", ["input interface eth7 does not exist"]), "state, warnings")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=200)
    t.equal(sink.received(), 0, "received from another interface")

    plug(t, "eth7", "relay", "10.97.1.1/24", "gen", "10.98.1.2/24")
    t.wait_until(lambda: state_of(relay, result["rule_id"]) == "active", 5, "active by itself")
    t.wait_until(lambda: memberships(t, "relay", "eth7") == {"239.1.1.1"}, 5, "membership")
    workers_in_sync(t, relay)
    t.gen("gen", "eth7", "239.1.1.1", 5000, rate=4000, count=1000, size=200)
    t.clean(sink.finish(1000), 1000)
    t.conservation(relay)


@scenario("adding the same rule twice changes nothing", topology="chain3")
def idempotent(t):
    """The second answer is `unchanged`, with the same id; counters go on."""
    relay = t.mcrd("relay")
    one = rule("239.1.1.1", 5000, output("239.2.2.2", 6000), name="camera")
    first = add(t, relay, one)
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=500, size=200)
    second = add(t, relay, one)
    t.equal((first["result"], second["result"], second["rule_id"]),
            ("added", "unchanged", first["rule_id"]), "results")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=500, size=200, first_flow=1)
    t.clean(sink.finish(1000), 1000)
    t.equal([(one["rule_id"], one["matched"]) for one in relay.rpc("ListRules")["rules"]],
            [(first["rule_id"], 1000)], "rules listed")
    t.conservation(relay)


@scenario("the same input with other outputs is refused unless replaced", topology="chain3")
def conflict_and_replace(t):
    """The refusal names the field and changes nothing; `replace` moves the stream, for good."""
    relay = t.mcrd("relay")
    old = rule("239.1.1.1", 5000, output("239.2.2.1", 6000))
    new = rule("239.1.1.1", 5000, output("239.2.2.2", 6000))
    present = add(t, relay, old)["rule_id"]
    error = t.raises(RpcError, relay.rpc, "AddRule", new)
    t.equal(error.code, CONFLICT, "code")
    t.equal(error.data["field"], "params.input", "field")
    t.true(present in error.message, f"the rule in the way, {present}, in: {error.message}")

    old_sink = t.sink("sink", "eth0", "239.2.2.1", 6000)
    new_sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=300, size=200)
    t.wait_until(lambda: old_sink.received() == 300, 5, "the old output after the refusal")
    t.equal(add(t, relay, new, replace=True)["result"], "replaced", "result")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=400, size=200, first_flow=1)
    t.clean(new_sink.finish(400), 400, "the new output")
    t.clean(old_sink.finish(300), 300, "the old output")
    t.equal(len(relay.rpc("ListRules")["rules"]), 1, "rules")
    t.conservation(relay)


@scenario("loops are refused, and the cycle is named", topology="chain3")
def loops(t):
    """An output that is the rule's own input, and a circle through three rules over lo."""
    relay = t.mcrd("relay")
    error = t.raises(RpcError, relay.rpc, "AddRule",
                     rule("239.1.1.1", 5000, output("239.1.1.1", 5000, "eth0")))
    t.equal(error.code, CONFLICT, "code of a rule that feeds itself")
    t.true("outputs[0]" in error.data["field"], f"field: {error.data}")

    add(t, relay, rule("239.1.1.1", 5001, output("239.1.1.2", 5002, "lo"), interface="lo",
                       name="first"))
    add(t, relay, rule("239.1.1.2", 5002, output("239.1.1.3", 5003, "lo"), interface="lo",
                       name="second"))
    last = rule("239.1.1.3", 5003, output("239.1.1.9", 5009), output("239.1.1.1", 5001, "lo"),
                interface="lo", name="third")
    error = t.raises(RpcError, relay.rpc, "AddRule", last)
    t.equal(error.code, CONFLICT, "code of a circle")
    for hop in ("239.1.1.1:5001", "239.1.1.2:5002", "239.1.1.3:5003"):
        t.true(hop in error.message, f"{hop} in: {error.message}")
    t.equal({one["name"] for one in relay.rpc("ListRules")["rules"]}, {"first", "second"},
            "rules afterwards")
    # Without the output that closes it, it is no circle.
    del last["outputs"][1]
    add(t, relay, last)


@scenario("both directions of one group are relayed, each datagram once", topology="chain3", deadline_s=300)
def both_directions(t):
    """Two rules between two interfaces: a stream from either side arrives once, at the other."""
    # The generator's kernel takes only what it could answer (RPF).
    t.run("gen", ["ip", "route", "add", "10.20.0.0/24", "dev", "eth0"])
    # Sockets of several workers are a fan-out group, which older kernels give outgoing frames too.
    for workers in (1, 2):
        both_directions_of(t, t.mcrd("relay", num_workers=workers))


def both_directions_of(t, relay):
    there = add(t, relay, rule("239.5.5.5", 5000, output("239.5.5.5", 5000)))
    back = add(t, relay, rule("239.5.5.5", 5000, output("239.5.5.5", 5000, "eth0"),
                              interface="eth1"))
    for sender, receiver, way in (("gen", "sink", there), ("sink", "gen", back)):
        sink = t.sink(receiver, "eth0", "239.5.5.5", 5000)
        t.gen(sender, "eth0", "239.5.5.5", 5000, count=300, rate=3000, size=200)
        t.clean(sink.finish(300, deadline_s=40), 300, f"from {sender}")
        t.equal(rules_by_id(relay)[way["rule_id"]]["matched"], 300, f"matched from {sender}")
    t.conservation(relay)
    relay.stop(deadline_s=40)


def refused_as_circle(t, relay, one, what):
    error = t.raises(RpcError, relay.rpc, "AddRule", one)
    t.equal(error.code, CONFLICT, f"{what}: code")
    t.true("relays in a circle" in error.message, f"{what}: {error.message}")


WIRED = """
import subprocess
for command in ("link add v0 type veth peer name v1", "link add p0 type veth peer name e0",
                "link add br0 type bridge", "link set p0 master br0", "link set v0 up",
                "address add 10.93.0.1/24 dev v0", "address add 10.93.1.1/24 dev e0",
                "link set v1 up", "link set p0 up", "link set e0 up", "link set br0 up"):
    subprocess.run(["ip"] + command.split(), check=True)
"""


@scenario("circles over this host's own wiring are refused", topology="chain3")
def own_wiring(t):
    """Both ends of a veth pair, a bridge behind one, an own address: refused where it comes back.

    The rules that are allowed beside them do not come back, which the last rule's counters show.
    """
    relay = t.mcrd("relay")
    t.python("relay", WIRED)
    group = "239.5.5.5"
    t.wait_until(lambda: relay.rpc("AddRule", rule("239.8.8.8", 1, output("239.8.8.9", 1, "e0"),
                                                   interface="v0", id="up", replace=True))["state"]
                 == "active", 5, "the links are known")
    for one, other in (("v0", "v1"), ("v1", "v0"), ("br0", "e0"), ("e0", "br0"), ("p0", "br0")):
        refused_as_circle(t, relay, rule(group, 5000, output(group, 5000, one), interface=other),
                          f"in {other}, out {one}")
    # Over two rules, and only while both are there.
    add(t, relay, rule(group, 5000, output(group, 5000, "v0")))
    back = rule(group, 5000, output(group, 5000, "eth0"), interface="v1")
    add(t, relay, back)
    add(t, relay, rule("239.6.6.6", 1, output("239.6.6.7", 1, "v0"), interface="v1"))
    refused_as_circle(t, relay, rule("239.6.6.7", 1, output("239.6.6.6", 1, "v0"),
                                     interface="v1"), "two rules")
    # To an address of the output's interface, and to one of another interface.
    for number, (address, comes_back) in enumerate((("10.90.1.1", True), ("10.20.0.1", False))):
        port = 7000 + number
        # Nobody there answers for an address of this host: such an output is unreachable.
        feeder = relay.rpc("AddRule", rule(group, port, output(address, port)))
        t.equal(feeder["state"], "active" if comes_back else "unreachable", "state of the feeder")
        there = rule(address, port, output("239.7.7.7", port), interface="lo")
        loop = {**there, "outputs": there["outputs"] + [output(address, port)]}
        if comes_back:
            refused_as_circle(t, relay, loop, f"own address {address}")
        else:
            relay.rpc("RemoveRule", {"rule_id": relay.rpc("AddRule", loop)["rule_id"]})
        added = add(t, relay, there)
        t.gen("gen", "eth0", group, port, count=10, rate=1000, size=100)
        t.wait_until(lambda: rules_by_id(relay)[feeder["rule_id"]]["matched"] == 10, 5,
                     f"all for {address} are relayed")
        t.wait_until(lambda: rules_by_id(relay)[added["rule_id"]]["matched"] == 10
                     or not comes_back, 5, f"what is sent to {address} arrives at lo")
        t.conservation(relay)
        t.equal(rules_by_id(relay)[added["rule_id"]]["matched"], 10 if comes_back else 0,
                f"what has arrived at lo for {address}")


@scenario("with 1,000 rules a rule is added, used and removed as with none", topology="chain3", deadline_s=90)
def thousand(t):
    """With 1,000 rules present a rule is added, used and removed as with none; streams go on."""
    def wide(n):
        tail = f"{n // 250}.{n % 250}"
        return rule(f"239.3.{tail}", 5000, output(f"239.4.{tail}", 6000))

    relay = t.mcrd("relay")
    text = json.dumps({"rules": [wide(n) for n in range(1000)]})
    loaded = relay.rpc("LoadConfig", {"text": text}, deadline_s=30)
    t.equal((loaded["added"], loaded["applied"], loaded["pending"]), (1000, 1, []), "LoadConfig")
    sink = t.sink("sink", "eth0", "239.4.3.249", 6000)
    gen = t.gen_start("gen", "eth0", "239.3.3.249", 5000, rate=5000, size=200)
    t.wait_until(lambda: sink.received() >= 100, 5, "the last rule's stream flows")
    spent = []
    with relay.connect() as client:
        for n in range(21):
            start = time.monotonic()
            answer = client.call("AddRule", wide(1000 + n))
            spent.append((time.monotonic() - start) * 1000)
            t.equal((answer["result"], answer["state"], answer["applied"]), ("added", "active", 1),
                    "rule 1,001 and on")
    extra = t.sink("sink", "eth0", "239.4.4.20", 6000)
    t.gen("gen", "eth0", "239.3.4.20", 5000, rate=2000, count=200, size=200)
    t.clean(extra.finish(200), 200, "the stream of the last rule added")
    for n in range(1, 21):
        relay.rpc("RemoveRule", {"rule_id": next(
            one["rule_id"] for one in relay.rpc("ListRules")["rules"]
            if one["input"]["group"] == f"239.3.4.{n}")})
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the stream that went on")
    t.equal(len(relay.rpc("ListRules")["rules"]), 1001, "rules")
    t.conservation(relay)
    t.note(f"AddRule with 1,000 rules present: median {statistics.median(spent):.2f} ms, "
           f"max {max(spent):.2f} ms")


if __name__ == "__main__":
    main()
