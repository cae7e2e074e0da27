#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Rules that the kernel relays: a tc program at the input, the workers for the rest.

    gen ---- eth0  relay  eth1 ---- sink          (chain3)

                                       .-- eth1 ---- sink1
    gen ---- eth0  relay --------------+-- eth2 ---- sink2     (fanout3)
                                       '-- eth3 ---- sink3

GetStats shows the path of a frame: `kernel_path` counts the frames of the program, `workers` those
of the workers.  A frame is in one of them.
"""

import json
import os
import signal
import struct

import support  # pylint: disable=unused-import
from mcrlab import RpcError, main, payload, scenario
from mcrlab.binary import other_version, own_mcrd, replace

from support_bpf import MAP_DELETE, MAP_LOOKUP, MAP_NEXT_KEY, MAP_UPDATE, Map
from support_frames import SCAPY, send
from support_kernel import AUTO, IN, OUT, answers, by_kernel, kernel_relay, paths, took
from support_rules import add, interface_stats, nonzero, output, rule


def refused(relay, one):
    try:
        relay.rpc("AddRule", one)
    except RpcError as error:
        return error.code, error.data["field"], error.data["reason"]
    return None


@scenario("kernel path: one stream", topology="chain3")
def one_stream(t):
    """Every datagram is relayed by the kernel, none by a worker, and the books say so."""
    relay, sink = kernel_relay(t)
    other = t.sink("sink", "eth0", IN, 5000)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000, size=300)
    t.clean(sink.finish(4000), 4000)
    t.equal(other.finish(0)["received"], 0, "untranslated")
    stats = t.conservation(relay)
    t.equal(took(stats), (4000, 0), "relayed by kernel, by workers")
    t.equal((stats["totals"]["received"], stats["totals"]["matched"], stats["totals"]["sent"]),
            (4000, 4000, 4000), "received, matched, sent")
    t.equal(nonzero(stats["totals"]["drops"]), {}, "drops")
    one = stats["rules"][0]
    t.equal((one["matched"], one["bytes"]), (4000, 4000 * 300), "rule")
    t.equal([(out["matched"], out["sent"], out["bytes"]) for out in one["outputs"]],
            [(4000, 4000, 4000 * 300)], "output")
    t.check(relay)


@scenario("kernel path: fan-out 1:3", topology="fanout3")
def fanout(t):
    """Three interfaces get the whole stream each, under a group and port of their own."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output("239.2.0.1", 6001, "eth1", ttl=3),
                       output("239.2.0.2", 6002, "eth2", dscp=46),
                       output("239.2.0.3", 6003, "eth3"), id="cam"))
    by_kernel(t, relay, "cam")
    sinks = [t.sink(f"sink{n}", "eth0", f"239.2.0.{n}", 6000 + n) for n in (1, 2, 3)]
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=4000)
    for sink in sinks:
        t.clean(sink.finish(4000), 4000, sink.name)
    stats = t.conservation(relay)
    t.equal(took(stats), (4000, 0), "relayed by kernel, by workers")
    t.equal([(one["matched"], one["sent"], one["bytes"]) for one in stats["rules"][0]["outputs"]],
            [(4000, 4000, 4000 * 1400)] * 3, "outputs")
    t.equal(stats["kernel_path"]["send_calls"], 12000, "copies")


@scenario("kernel path: who relays, and why", topology="chain3")
def reasons(t):
    """Each output says its path and, for a worker, why; "kernel" in vain is an error that says it."""
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="kernel"))
    add(t, relay, rule(IN, 5001, output(OUT, 6001), id="user", path="user"))
    add(t, relay, rule(IN, 5002, output(OUT, 6002), id="limit", rate_limit={"pps": 1000000}))
    add(t, relay, rule(IN, 5003, output(OUT, 6003), id="priority", priority="high"))
    add(t, relay, rule(IN, 5004, output(OUT, 6004), output("10.90.1.1", 6004), id="mixed"))
    by_kernel(t, relay, "kernel")
    t.wait_until(lambda: paths(relay)["mixed"][0] == ("kernel", ""), 5, "mixed is divided")
    t.equal(paths(relay), {
        "kernel": [("kernel", "")],
        "user": [("user", "")],
        "limit": [("user", "a rate limit needs a worker")],
        "priority": [("user", "a priority needs a worker")],
        "mixed": [("kernel", ""),
                  ("user", "the output is an address of this host")],
    }, "paths")
    for more, reason in (({"rate_limit": {"pps": 1}}, "a rate limit needs a worker"),
                         ({"priority": "low"}, "a priority needs a worker")):
        t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="kernel", **more)),
                (-32602, "params.path", f'"kernel" is not possible: {reason}'), "refusal")
    t.equal(refused(relay, rule(IN, 5009, output("10.90.1.1", 6009), path="kernel")),
            (-32602, "params.path", '"kernel" is not possible: the output is an address of this host'),
            "refusal")
    t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="both"))[1], "params.path",
            "field")
    listed = relay.ctl("list").stdout
    t.equal((listed.count("relayed in the kernel"), listed.count("relayed by a worker: a rate")),
            (2, 1), "mcrctl list")


@scenario("kernel path: not asked for", topology="chain3")
def not_asked(t):
    """A daemon started without --path auto relays as ever, and says so to who asks for the kernel."""
    relay = t.mcrd("relay", args=["--path", "user"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    add(t, relay, rule(IN, 5001, output(OUT, 6001), id="auto", path="auto"))
    reason = "mcrd was started without --path auto"
    t.equal(paths(relay), {"cam": [("user", "")], "auto": [("user", reason)]}, "paths")
    t.equal(refused(relay, rule(IN, 5009, output(OUT, 6009), path="kernel")),
            (-32602, "params.path", f'"kernel" is not possible: {reason}'), "refusal")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=8000, count=1000)
    t.clean(sink.finish(1000), 1000)
    t.equal(took(t.conservation(relay)), (0, 1000), "relayed by kernel, by workers")


@scenario("kernel path: what leaves, byte for byte", topology="chain3")
def witnessed(t):
    """The headers are the output's, the payload is unchanged; scapy finds the checksums right."""
    # Without offload the checksums are in the frames, as they are behind a real card.
    t.run("gen", ["ethtool", "-K", "eth0", "tx", "off"])
    relay = t.mcrd("relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000, ttl=8, dscp=34), output("239.2.2.3", 6000),
                       output("239.2.2.4", 6000, ttl="decrement"), id="cam"))
    by_kernel(t, relay, "cam")
    count = 20
    witness = t.start("sink", SCAPY + ["sniff", "eth0", 6000, 3 * count])
    t.wait_until(lambda: witness.stdout().startswith("ready"), 20, "witness")
    t.gen("gen", "eth0", IN, 5000, rate=200, count=count, size="1,32,301,1400", ttl=3, dscp=12)
    t.equal(witness.wait(10), 0, "status of the witness")
    seen = [json.loads(line) for line in witness.stdout().splitlines()[1:]]
    headers = {OUT: (8, 34, "01:00:5e:02:02:02"), "239.2.2.3": (1, 0, "01:00:5e:02:02:03"),
               "239.2.2.4": (2, 0, "01:00:5e:02:02:04")}
    for one in seen:
        t.equal((one["ttl"], one["dscp"], one["destination"]), headers[one["group"]],
                f"header of {one}")
        t.equal((one["source"], one["ecn"], one["flags"], one["ip_checksum_good"],
                 one["udp_checksum_good"]), ("10.90.1.1", 0, "", True, True), f"rest of {one}")
    t.equal(len({one["source_port"] for one in seen}), 1, "source ports, the sender's")
    for group in headers:
        numbers = {one["identification"] for one in seen if one["group"] == group}
        t.equal(len(numbers), count, f"different identifications of the copies to {group}")
        rows = [number for number in numbers if (number - 1) % 65536 not in numbers]
        t.true(len(rows) <= os.cpu_count(), f"each CPU numbers them one by one: {numbers}")
        bodies = [bytes.fromhex(one["payload"]) for one in seen if one["group"] == group]
        t.equal([len(body) for body in bodies], [1, 32, 301, 1400] * (count // 4), "sizes")
        t.equal(bodies[2][32:], payload(2, size=301)[32:], "body of the third datagram")
    t.equal(took(t.conservation(relay)), (count, 0), "relayed by kernel, by workers")


@scenario("kernel path: frames that are left to workers", topology="chain3")
def left(t):
    """Each is relayed or counted by a worker, once, and the next plain one by the kernel again."""
    relay, sink = kernel_relay(t)
    relayed = 0
    for row, reason in (("plain", "kernel"), ("IP options", None), ("priority-tagged", None),
                        ("first fragment", "fragment"), ("last fragment", "fragment"),
                        ("bad IP checksum", "bad_ip_checksum"), ("VLAN-tagged", "vlan"),
                        ("VLAN in a VLAN", "vlan"), ("VLAN in a priority tag", "vlan"),
                        ("unmatched port", "not_matched"), ("unmatched group", "not_matched"),
                        ("UDP length beyond the frame", "bad_length"), ("plain", "kernel")):
        before = relay.stats()
        send(t, row)
        t.wait_until(lambda: relay.stats()["totals"]["received"] >=
                     before["totals"]["received"] + 3, 5, f"{row}: received")
        after = t.conservation(relay)
        delta = {name: count - before["totals"]["drops"][name]
                 for name, count in after["totals"]["drops"].items()}
        t.equal(after["totals"]["received"] - before["totals"]["received"], 3, f"{row}: received")
        t.equal(nonzero(delta), {} if reason in ("kernel", None) else {reason: 3}, f"{row}: drops")
        t.equal(took(after)[0] - took(before)[0], 3 if reason == "kernel" else 0,
                f"{row}: relayed by the kernel")
        relayed += 3 if reason in ("kernel", None) else 0
    t.equal(sink.finish(relayed)["received"], relayed, "received by the sink")
    t.equal(interface_stats(relay, "eth0")["vlan"], 9, "frames with a VLAN tag")


@scenario("kernel path: packets above an output's MTU", topology="asym_mtu")
def above_mtu(t):
    """They go to the worker, whose kernel cuts them; smaller ones of the stream do not."""
    relay, sink = kernel_relay(t)
    t.gen("gen", "eth0", IN, 5000, rate=2000, count=800, size="1472,1473,8000,100")
    report = sink.finish(800)
    t.equal((report["received"], report["lost"], report["duplicated"], report["corrupt"]),
            (800, 0, 0, 0), "received, lost, duplicated, corrupt")
    stats = t.conservation(relay)
    t.equal(took(stats), (400, 400), "relayed by kernel, by workers")
    t.equal(stats["totals"]["fragmented"], 400, "fragmented")


@scenario("kernel path: a member on the relay itself", topology="chain3")
def local_member(t):
    """It receives the datagrams unchanged, beside those that are relayed."""
    relay = t.mcrd("relay", args=AUTO)
    t.run("relay", ["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0",
                    "net.ipv4.conf.eth0.rp_filter=0"])
    add(t, relay, rule(IN, 5000, output(OUT, 6000), output("239.2.2.3", 6001), id="cam"))
    by_kernel(t, relay, "cam")
    local = t.sink("relay", "eth0", IN, 5000)
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=4000, count=2000, size=500)
    t.clean(sink.finish(2000), 2000, "relayed")
    t.clean(local.finish(2000), 2000, "local")
    t.equal(took(t.conservation(relay)), (2000, 0), "relayed by kernel, by workers")


@scenario("kernel path: rules with and without a source", topology="chain3")
def sources(t):
    """The rule for the source goes before the one for any, in whichever path each of them is."""
    relay = t.mcrd("relay", args=AUTO)
    any_source = rule(IN, 5000, output("239.2.0.1", 6000), id="any")
    of_gen = rule(IN, 5000, output("239.2.0.2", 6000), id="gen", source="10.10.1.100")
    any_sink, gen_sink = (t.sink("sink", "eth0", f"239.2.0.{n}", 6000) for n in (1, 2))

    def turn(number, expected_any, expected_gen, expected):
        before = relay.stats()
        t.gen("gen", "eth0", IN, 5000, rate=4000, count=500, first_flow=number)
        t.wait_until(lambda: (any_sink.received(), gen_sink.received()) ==
                     (expected_any, expected_gen), 5, f"turn {number}")
        after = t.conservation(relay)
        t.equal([b - a for a, b in zip(took(before), took(after))], expected,
                f"turn {number}: relayed by kernel, by workers")

    add(t, relay, any_source)
    by_kernel(t, relay, "any")
    turn(0, 500, 0, [500, 0])
    add(t, relay, of_gen)
    by_kernel(t, relay, "gen")
    turn(1, 500, 500, [500, 0])
    add(t, relay, of_gen, replace=True, path="user")
    turn(2, 500, 1000, [0, 500])
    relay.rpc("RemoveRule", {"rule_id": "gen"})
    turn(3, 1000, 1000, [500, 0])
    t.equal((any_sink.finish(1000)["lost"], gen_sink.finish(1000)["lost"]), (0, 0), "lost")


# --- a foreign hand on the maps ---


@scenario("kernel path: maps changed by a foreign hand", topology="chain3", deadline_s=60)
def damaged_maps(t):
    """A reference deleted, changed or added is mended within two seconds; one line, nothing
    lost."""
    relay, sink = kernel_relay(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=2000, size=200)
    entry = Map(relay.pid)
    entry.call(MAP_NEXT_KEY, key=False)
    entry.call(MAP_LOOKUP)
    key, value = entry.key.raw, entry.value.raw

    def repaired():
        entry.key.raw = key
        try:
            entry.call(MAP_LOOKUP)
        except OSError:
            return False
        return entry.value.raw == value or entry.value.raw[4:] == value[4:]

    def detected():
        return relay.stats()["kernel_path"]["drift_detected"]

    entry.call(MAP_DELETE)
    t.wait_until(repaired, 2, "the deleted reference is back")
    t.wait_until(lambda: detected() == 1, 2, "counted")
    entry.value.raw = struct.pack("=II", 7777, 1)
    entry.call(MAP_UPDATE)
    t.wait_until(lambda: detected() == 2, 2, "the bent reference is counted")
    t.wait_until(repaired, 2, "the bent reference is right again")
    entry.key.raw = struct.pack("=I", 99) + key[4:]
    entry.call(MAP_UPDATE)
    t.wait_until(lambda: detected() == 3, 2, "the added reference is counted")
    state = relay.rpc("ListWorkers")
    t.equal({name: state["kernel_path"][name] for name in ("in_sync", "references", "blocks",
                                                           "generation", "drift_detected")},
            {"in_sync": True, "references": 1, "blocks": 1, "generation": state["generation"],
             "drift_detected": 3}, "what the maps hold")
    t.true("in sync; 1 references, 1 blocks" in relay.ctl("list-workers").stdout, "as mcrctl says")
    entry.close()
    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.equal((report["received"], report["lost"], report["duplicated"]), (sent, 0, 0),
            "received, lost, duplicated")
    t.equal(relay.log().count("changed by somebody else"), 1, "lines in the log")
    t.conservation(relay)


# --- restarts and changes ---


@scenario("kernel path: control and workers die under traffic", topology="chain3", deadline_s=60)
def children_die(t):
    """The kernel goes on: nothing is lost, and the next control has rules, paths and counters."""
    relay, sink = kernel_relay(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    for role in ("--role=control", "--role=worker", "--role=control"):
        arrived = sink.received()
        [pid] = relay.children(role)
        relay.expect(f"{'control' if 'control' in role else 'worker 0'} was killed by SIGKILL")
        os.kill(pid, signal.SIGKILL)
        t.wait_until(lambda: relay.children(role) not in ([], [pid]) and answers(relay), 10,
                     "the next one answers")
        t.wait_until(lambda: sink.received() > arrived + 2000, 10, "the stream flows")
    by_kernel(t, relay, "cam")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    stats = t.conservation(relay)
    t.equal(took(stats), (sent, 0), "relayed by kernel, by workers")
    t.equal(stats["rules"][0]["matched"], sent, "matched, over three deaths")


@scenario("kernel path: an upgrade under traffic", topology="chain3", deadline_s=90)
def upgraded(t):
    """Program, maps and attachment are handed over: nothing is lost, and all by the kernel."""
    relay, binary = own_mcrd(t, "relay", args=AUTO)
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    by_kernel(t, relay, "cam")
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    t.wait_until(lambda: sink.received() > 1000, 10, "the stream flows")
    content, version = other_version(binary)
    replace(binary, content)
    t.equal(relay.rpc("Upgrade", deadline_s=20)["version"], version, "answer to Upgrade")
    t.wait_until(lambda: answers(relay), 10, "the new control answers")
    arrived = sink.received()
    t.wait_until(lambda: sink.received() > arrived + 2000, 10, "the stream flows")
    by_kernel(t, relay, "cam")
    add(t, relay, rule(IN, 5001, output(OUT, 6001), id="new"))
    by_kernel(t, relay, "new")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.equal(took(t.conservation(relay)), (sent, 0), "relayed by kernel, by workers")


@scenario("kernel path: a rule changes path under traffic", topology="chain3")
def path_changes(t):
    """Twenty changes between kernel and worker lose nothing and double nothing."""
    relay, sink = kernel_relay(t)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, count=40000, size=200)
    for turn in range(20):
        path = "user" if turn % 2 == 0 else "auto"
        add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam", path=path), replace=True)
        if path == "auto":
            by_kernel(t, relay, "cam")
    gen.finish(60)
    report = sink.finish(40000)
    t.equal((report["received"], report["lost"], report["duplicated"], report["corrupt"]),
            (40000, 0, 0, 0), "received, lost, duplicated, corrupt")
    stats = t.conservation(relay)
    t.equal(sum(took(stats)), 40000, "relayed by both")
    t.equal(stats["totals"]["sent"], 40000, "sent")
    for count, name in zip(took(stats), ("kernel", "workers")):
        if not count:
            t.fail(f"nothing was relayed by the {name}")


if __name__ == "__main__":
    main()
