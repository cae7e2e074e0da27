#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Links and addresses come and go; rules follow by themselves, and other interfaces do not notice.

    [gen] eth0 ------- in0 [relay] out0 ----- eth0 [sink]
    [gen] eth1 ------- in1 [relay] out1 ----- eth1 [sink]
                           [relay] other ---- eth0 [elsewhere]

    steady  in0 -> out0   never disturbed: not a datagram is lost
    a       in1 -> out0   its input is disturbed
    b       in0 -> out1   its output is disturbed

The streams and the events are those of mcrfaults.links, which bench-faults measures.
"""

import contextlib
import os
import signal
import socket
import sys
import time

import support  # pylint: disable=unused-import
from mcrfaults import links
from mcrfaults.links import (BACK_S, CONTROL, DEVICE, LAB, STREAM, Sides, batch, index_of, ip,
                             settled)
from mcrlab import fault, main, scenario
from mcrlab.proc import descriptors

from support_rules import add, memberships, output, rule

TIMES = int(os.environ.get("MCR_TIMES", "1"))


def supervisor_descriptors(relay):
    found = {}
    for fd in os.listdir(f"/proc/{relay.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[int(fd)] = os.readlink(f"/proc/{relay.pid}/fd/{fd}")
    return {fd: name for fd, name in found.items() if "mcr-snapshot" not in name}


def kernel_view(t, relay):
    """The kernel's state for the daemon: memberships, and the supervisor's descriptors."""
    return (t.run("relay", ["cat", "/proc/net/igmp"]).stdout.split("Timer", 1)[0],
            {name: memberships(t, "relay", name) for name in ("in0", "in1", "out0", "out1")},
            supervisor_descriptors(relay))


def generation(relay):
    return relay.rpc("ListRules")["generation"]


@scenario("a rule is paused while its link is down", topology=LAB)
def down_and_up(t):
    """Paused while it is down; what could not be sent is counted with its reason."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            links.down(sides, name)
            sides.becomes(name, "paused")
            if name == "b":
                sides.drops("no_interface")
            sides.returns(name, links.up(sides, name))
        sides.whole(name)
    sides.end("link down and up")


@scenario("a rule is paused while its carrier is lost", topology=LAB)
def carrier(t):
    """The same for a link whose other end goes away; sends into nothing count as dropped."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            links.carrier_off(sides, name)
            sides.becomes(name, "paused")
            if name == "b":
                sides.drops("no_interface")
            sides.returns(name, links.carrier_on(sides, name))
            if name == "a":  # the generator cannot send while its link is down
                t.true(sides.gens["a"].running, "the generator goes on")
        sides.whole(name)
    sides.end("carrier lost and back")


@scenario("a rule is unresolved while its interface is deleted", topology=LAB)
def recreated(t):
    """Unresolved while it is missing; the new one has another index and gets its own sockets."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            before = index_of(t, DEVICE[name])
            links.unplug(sides, name)
            sides.becomes(name, "unresolved")
            links.plug(sides, name)
            t.true(index_of(t, DEVICE[name]) != before, "another index")
            sides.becomes(name, "paused")
            sides.returns(name, links.up(sides, name))
        sides.whole(name)
    sides.end("deleted and recreated")


@scenario("a rule follows the name of its interface", topology=LAB)
def renamed(t):
    """Rules go by name: unresolved under another name, back with the old one."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            links.rename_away(sides, name)
            sides.becomes(name, "unresolved")
            sides.returns(name, links.rename_back(sides, name))
        sides.whole(name)
    sides.end("renamed and renamed back")


@scenario("a rule is unresolved while its source address is missing", topology=LAB)
def source_address(t):
    """Without the address of its source_ip a rule is unresolved, and counts what it drops."""
    sides = Sides(t, source_ip="10.90.2.1")
    sides.send("b")
    for _ in range(TIMES):
        links.address_off(sides, "b")
        sides.becomes("b", "unresolved")
        sides.drops("no_source")
        ip(t, "relay", "address", "add", "10.90.2.7/32", "dev", "out1")
        t.equal(sides.state("b"), "unresolved", "with another address")
        sides.returns("b", links.address_on(sides, "b"))
        ip(t, "relay", "address", "del", "10.90.2.7/32", "dev", "out1")
        settled(t, sides.relay)
        t.equal(sides.state("b"), "active", "without the other address")
    sides.whole("b")
    sides.end("source address removed and back")


def sources(t, count):
    """The source addresses of the next datagrams of b, as they are on the wire."""
    capture = t.capture("sink", "eth1", count=count, expression="udp and dst 239.2.2.3")
    return {socket.inet_ntoa(packet[26:30]) for packet in capture.finish()}


@scenario("an output takes the address that its interface has now", topology=LAB)
def address_changes(t):
    """An output without a source_ip takes the address of now; an input needs none at all."""
    sides = Sides(t)
    sides.send("b")
    t.equal(sources(t, 20), {"10.90.2.1"}, "source before")
    own = "10.90.2.1"
    for n in range(TIMES):
        new = f"10.90.2.{n + 11}"
        since = batch(t, "relay", [f"address del {own}/24 dev out1",
                                   f"address add {new}/24 dev out1"])
        sides.returns("b", since)
        t.equal(sources(t, 20), {new}, "source afterwards")
        own = new
    sides.whole("b")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    gen = t.gen_start("gen", "eth1", "239.1.1.2", 5000, rate=5000, size=200, first_flow=80)
    for change in (["address add 10.10.7.1/24 dev in1"], ["address del 10.10.2.1/24 dev in1"],
                   ["address del 10.10.7.1/24 dev in1"], ["address add 10.10.2.1/24 dev in1"]):
        had = sink.received()
        batch(t, "relay", change)
        settled(t, sides.relay)
        t.wait_until(lambda: sink.received() > had + 200, BACK_S, "the stream goes on")
        t.equal(sides.state("a"), "active", f"state of a after: {change}")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the stream over the input whose address changed")
    sides.whole("a")
    sides.end("address of the output changed")


@scenario("a smaller MTU fragments, a change of MTU loses nothing", topology=LAB)
def mtu(t):
    """Smaller: datagrams leave in fragments.  Larger and back: nothing is lost at all."""
    sides = Sides(t, size=1400)
    before = kernel_view(t, sides.relay)
    ip(t, "relay", "link", "set", "out1", "mtu", "1000")
    fragments_before = fragments(t)
    t.wait_until(lambda: all(one["in_sync"] for one in
                             sides.relay.rpc("ListWorkers")["workers"]), 2, "in sync")
    sides.whole("b")
    t.equal(fragments(t) - fragments_before, 1000, "two fragments for each datagram")
    ip(t, "relay", "link", "set", "out1", "mtu", "1500")
    sides.whole("b")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    gen = t.gen_start("gen", "eth1", "239.1.1.2", 5000, rate=5000, size=1400, first_flow=90)
    for size in ("9000", "1500", "4000", "1500"):
        had = sink.received()
        ip(t, "relay", "link", "set", "in1", "mtu", size)
        t.wait_until(lambda: sink.received() > had + 200, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the stream over the input whose MTU changed")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors")
    sides.end("MTU")


def fragments(t):
    rows = [line.split() for line in t.run("sink", ["cat", "/proc/net/snmp"]).stdout.splitlines()
            if line.startswith("Ip:")]
    return int(rows[1][rows[0].index("ReasmReqds")])


@scenario("events of other interfaces change nothing", topology=LAB)
def idempotent(t):
    """After SyncRules and events of other interfaces all is where it was, and no one loses."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.whole(name)
    before, number = kernel_view(t, sides.relay), generation(sides.relay)
    ip(t, "relay", "link", "set", "other", "down")
    ip(t, "relay", "address", "add", "10.91.1.7/24", "dev", "other")
    ip(t, "relay", "link", "set", "other", "mtu", "1400", "name", "another", "up")
    ip(t, "relay", "link", "add", "brand-new", "type", "veth", "peer", "name", "new-too")
    ip(t, "relay", "address", "add", "10.90.2.8/24", "dev", "out1")
    # An answer shows that control has come past the events that were there before it.
    settled(t, sides.relay)
    t.equal(generation(sides.relay), number, "generation after unrelated events")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors after unrelated events")
    for _ in range(3):
        number += 1
        t.equal(sides.relay.rpc("SyncRules")["generation"], number, "SyncRules publishes once")
    settled(t, sides.relay)
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors after SyncRules")
    sides.end("")


@scenario("1,000 events at once change nothing and lose nothing", topology=LAB)
def burst(t):
    """Links, addresses and devices of no concern: not a datagram, socket or generation more."""
    sides = Sides(t)
    sides.send("a")
    sides.send("b")
    before, number = kernel_view(t, sides.relay), generation(sides.relay)
    batch(t, "relay", links.link_events("other", 500) + links.address_events("other", 500))
    settled(t, sides.relay)
    t.equal(generation(sides.relay), number, "generation")
    t.equal(kernel_view(t, sides.relay), before, "memberships, descriptors")
    for name in ("a", "b"):
        sent = sides.gens.pop(name).stop()["sent"]
        t.clean(sides.sinks[name].finish(sent), sent, name)
    sides.end("")


@scenario("events that the kernel drops are made up for by a dump", topology=LAB)
def overrun(t):
    """Control cannot keep up, the socket overflows: a full dump shows what was missed.

    Control is stopped for less than what counts as a hang, so its buffer is made small.
    """
    sides = Sides(t)
    links.small_netlink_buffer(sides)
    control = sides.relay.children(CONTROL)
    for name in ("a", "b"):
        sides.send(name)
        for _ in range(TIMES):
            links.overrun(sides, f"link set {DEVICE[name]} down")
            sides.becomes(name, "paused")
            sides.returns(name, links.overrun(sides, f"link set {DEVICE[name]} up"))
            t.equal(sides.relay.children(CONTROL), control, "the same control")
        sides.whole(name)
    sides.end("netlink overrun")


@scenario("an interface that returns under the same index gets new sockets and memberships", topology=LAB)
def same_index(t):
    """Control sees both at once; sockets and memberships of the first one are dead all the same."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        device = DEVICE[name]
        before = index_of(t, device)
        own = {"a": "10.10.2.1/24", "b": "10.90.2.1/24"}[name]
        [control] = sides.relay.children(CONTROL)
        with fault.stopped(control):
            t.move("relay", device, "elsewhere")
            t.move("elsewhere", device, "relay")
            batch(t, "relay", [f"address add {own} dev {device}", f"link set {device} up"])
        since = time.monotonic()
        t.equal(index_of(t, device), before, "the same index")
        t.equal(sides.relay.children(CONTROL), [control], "the same control")
        sides.returns(name, since)
        sides.whole(name)
    sides.end("away and back under the same index")


# A message that says that an interface is gone, to another process's netlink socket.
FORGE = """
import socket, struct, sys
port, index, name = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode().ljust(16, b"\\0")
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
RTM_DELLINK, IFLA_IFNAME, IFLA_MTU = 17, 3, 4
body = struct.pack("=BxHiIIHH16sHHI", 0, 1, index, 0, 0xffffffff, 20, IFLA_IFNAME, name,
                   8, IFLA_MTU, 1500)
sock.sendto(struct.pack("=IHHII", 16 + len(body), RTM_DELLINK, 0, 0, 0) + body, (port, 0))
"""


@scenario("what another process says over netlink is not believed", topology=LAB,
          root="the right to send to another process's netlink socket")
def forged(t):
    """Only the kernel knows of links: a forged end of one changes no rule."""
    sides = Sides(t)
    sides.send("a")
    [control] = sides.relay.children(CONTROL)
    own = descriptors(control).values()
    ports = [row["Pid"] for row in links.netlink_sockets(t) if f"socket:[{row['Inode']}]" in own]
    t.true(ports, "control has a netlink socket")
    before = generation(sides.relay)
    for device in ("in1", "out1", "out0", "in0"):
        for port in ports:
            t.python("relay", FORGE, port, str(index_of(t, device)), device)
    settled(t, sides.relay)
    # An answer after that: control has gone round its loop.
    t.equal([sides.state(name) for name in ("steady", "a", "b")], ["active"] * 3, "states")
    t.equal(generation(sides.relay), before, "generation")
    for name in ("a", "b"):
        sides.whole(name)
    sides.end("forged messages")


@scenario("rules may use an interface's alternative name", topology="chain3")
def alternative_name(t):
    """Rules and settings may use it; it comes and goes like a name."""
    relay = t.mcrd("relay", config={"gro": {"wan": False}, "steering": {"eth0": "rule"}})
    for device, name in (("eth0", "wan"), ("eth1", "fifteen-letters")):
        t.run("relay", ["ip", "link", "property", "add", "dev", device, "altname", name])
    one = rule("239.1.1.1", 5000, output("239.2.2.2", 6000, interface="fifteen-letters"), interface="wan", id="one")
    add(t, relay, one)
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)

    def state():
        return relay.rpc("ListRules")["rules"][0]["state"]
    t.wait_until(lambda: state() == "active", 5, "active")
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=100)
    t.clean(sink.finish(100), 100)
    listed = relay.rpc("ListRules")["rules"][0]
    t.equal((listed["input"]["interface"], listed["outputs"][0]["interface"]),
            ("wan", "fifteen-letters"), "names as the rule has them")
    t.equal([one["name"] for one in relay.stats()["interfaces"]], ["eth0"], "the device's own name")
    t.equal(memberships(t, "relay", "eth0"), {"239.1.1.1"}, "memberships")

    # The same input by the other name: allowed, and said.
    other = relay.rpc("AddRule", rule("239.1.1.1", 5000, output("239.2.2.9", 6000), id="other"))
    t.equal([text for text in other["warnings"] if "one interface: rule one" in text] != [], True,
            f"warnings: {other['warnings']}")
    relay.rpc("RemoveRule", {"rule_id": "other"})

    t.run("relay", ["ip", "link", "property", "del", "dev", "eth0", "altname", "wan"])
    t.wait_until(lambda: state() == "unresolved", 5, "unresolved without the name")
    t.run("relay", ["ip", "link", "property", "add", "dev", "eth0", "altname", "wan"])
    t.wait_until(lambda: state() == "active", 5, "active again")
    [control] = relay.children("--role=control")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)
    t.wait_until(lambda: relay.children("--role=control") not in ([], [control]) and
                 state() == "active", 10, "control again")
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=2000, count=100, size=100)
    t.clean(sink.finish(100), 100)


def away_and_back(t, device):
    """The device leaves the relay's namespace and returns, up, with its index and address."""
    own = {"in1": "10.10.2.1/24", "out1": "10.90.2.1/24"}[device]
    before = index_of(t, device)
    t.move("relay", device, "elsewhere")
    t.move("elsewhere", device, "relay")
    batch(t, "relay", [f"address add {own} dev {device}", f"link set {device} up"])
    t.equal(index_of(t, device), before, "the same index")


def flows_and_is_joined(t, sides, name):
    """Its datagrams arrive again, and the kernel has its group: within seconds, by itself."""
    had = sides.sinks[name].received()
    t.wait_until(lambda: sides.sinks[name].received() > had, BACK_S, f"{name} flows again")
    t.wait_until(lambda: STREAM["a"][1] in memberships(t, "relay", "in1"), BACK_S, "joined again")


@scenario("an interface that returns under the same index while control is away gets new sockets",
          topology=LAB)
def same_index_unseen(t):
    """Nobody sees it go: the next control finds the same index, dead sockets and no membership."""
    sides = Sides(t)
    for name in ("a", "b"):
        sides.send(name)
        [control] = sides.relay.children(CONTROL)
        sides.relay.expect("control was killed by SIGKILL")
        with fault.stopped(sides.relay.pid):
            os.kill(control, signal.SIGKILL)
            away_and_back(t, DEVICE[name])
        t.wait_until(lambda old=control: sides.relay.children(CONTROL) not in ([], [old]), 10,
                     "another control")
        flows_and_is_joined(t, sides, name)
        sides.whole(name)
    sides.end("away and back unseen")


@scenario("memberships that the kernel drops are joined again", topology=LAB)
def memberships_forgotten(t):
    """An MTU below what IPv4 needs takes them; the interface stays, and so do its sockets."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.9.9.9", 5000, output("239.2.2.9", 6000, "out0"), interface="lo"))
    t.equal(memberships(t, "relay", "lo"), {"239.9.9.9"}, "joined")
    for ask in (False, True):
        batch(t, "relay", ["link set lo mtu 60", "link set lo mtu 65536",
                           "address add 127.0.0.1/8 dev lo"])
        if ask:
            relay.rpc("SyncRules")
        t.wait_until(lambda: memberships(t, "relay", "lo") == {"239.9.9.9"}, 10, "joined again")
        t.gen("relay", "lo", "239.9.9.9", 5000, count=10, rate=1000, size=100)
    t.wait_until(lambda: relay.stats()["totals"]["matched"] == 20, 5, "all are matched")
    t.conservation(relay)


if __name__ == "__main__":
    main()
