#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An output that is not reached says so: its state, its reason, and the count of what is not sent.

    [gen] eth0 10.10.1.2 ----- in0 10.10.1.1 [relay] out0 10.90.1.1 ----- eth0 10.90.1.2 [sink]
                                             [relay] out1 no address ---- eth1 10.91.1.2 [sink]

Each rule has two outputs: one that is in trouble, and the group 239.2.2.2 on out0, which must not
notice.  The sink's kernel decides by its ARP answers which host is there.
"""

import os

import support  # pylint: disable=unused-import
from mcrlab import main, scenario

from support_outputs import (GROUP, LAB, SEEN_S, add_any, all_counted, check_held, check_works,
                             counters, first_state, ip, set_arp_answers, stream, sysctl,
                             wait_in_sync, working_sink)
from support_rules import add, nonzero, output, rule


def shorten_neighbour_times(t):
    """The relay's kernel finds out within a second that a neighbour is gone, not within a minute."""
    sysctl(t, "relay", net__ipv4__neigh__out0__base_reachable_time_ms=300,
           net__ipv4__neigh__out0__delay_first_probe_time=0,
           net__ipv4__neigh__out0__retrans_time_ms=100,
           net__ipv4__neigh__out0__ucast_solicit=2)


def neighbour_state(t, address):
    """The state of the relay's neighbour entry, "" when there is none."""
    words = ip(t, "relay", "neigh", "show", address, "dev", "out0").split()
    return words[-1] if words else ""


@scenario("an output whose address nobody has is unreachable, and nothing is sent", topology=LAB)
def no_answer(t):
    """The answer to AddRule says it, all is counted, and no datagram is on the wire."""
    relay = t.mcrd("relay")
    answer = add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP)
    t.equal((answer["state"], answer["reason"], answer["warnings"]),
            ("degraded", "1 of 2 outputs: 10.90.1.99 has not answered on out0 yet",
             ["10.90.1.99 has not answered on out0 yet"]), "answer")
    t.wait_until(lambda: first_state(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    wire = t.capture("sink", "eth0", expression="udp and dst host 10.90.1.99")
    check_held(t, relay, "10.90.1.99 does not answer on out0")
    t.equal(len(wire.finish()), 0, "datagrams on the wire")
    ip(t, "sink", "address", "add", "10.90.1.99/24", "dev", "eth0")
    check_works(t, relay, "10.90.1.99")


@scenario("the first datagrams to a new neighbour all arrive", topology=LAB)
def first_datagrams(t):
    """The neighbour is asked for before the answer to AddRule, so the kernel need not queue."""
    relay = t.mcrd("relay")
    t.equal(neighbour_state(t, "10.90.1.2"), "", "no entry before")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    t.equal(neighbour_state(t, "10.90.1.2"), "REACHABLE", "entry after AddRule")
    check_works(t, relay)
    t.equal(nonzero(counters(relay)["send_drops"]), {}, "send drops")


@scenario("an output is held while its receiver is away", topology=LAB)
def receiver_away(t):
    """Held and seen within two seconds of the kernel's verdict, and released within two of its return."""
    relay = t.mcrd("relay")
    shorten_neighbour_times(t)
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), working_sink(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    for _ in range(2):
        had = receiver.received()
        t.wait_until(lambda: receiver.received() > had + 100, 5, "the receiver gets the stream")
        set_arp_answers(t, False)
        t.wait_until(lambda: neighbour_state(t, "10.90.1.2") in ("FAILED", "INCOMPLETE", ""), 10,
                     "the kernel's verdict")
        t.wait_until(lambda: first_state(relay) == ("degraded", "unreachable",
                                                    "10.90.1.2 does not answer on out0"), SEEN_S,
                     "unreachable")
        wait_in_sync(t, relay)
        before = counters(relay)
        t.wait_until(lambda: counters(relay)["send_drops"]["unreachable"] >
                     before["send_drops"]["unreachable"] + 200, 5, "counted as unreachable")
        t.equal(counters(relay)["sent"], before["sent"], "sent while it is away")
        set_arp_answers(t, True)
        t.wait_until(lambda: first_state(relay) == ("active", "active", ""), SEEN_S, "active")
        t.wait_until(lambda: counters(relay)["sent"] > before["sent"] + 200, SEEN_S, "sent again")
    sent = gen.stop()["sent"]
    t.clean(group.finish(sent), sent, "the other output")
    all_counted(t, relay, sent)
    wrongly = counters(relay)["sent"] - receiver.finish()["received"]
    t.note(f"{wrongly} datagrams counted as sent that the kernel threw away, in two times")


@scenario("a neighbour entry that is deleted interrupts nothing", topology=LAB)
def deleted_entry(t):
    """The host is there: its entry is asked for anew before any output is held.

    A machine that is too busy for that within 100 ms holds the output for a moment, and counts it.
    """
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), working_sink(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    generations = []
    for _ in range(5):
        generations.append(relay.rpc("ListRules")["generation"])
        had = receiver.received()
        ip(t, "relay", "neigh", "del", "10.90.1.2", "dev", "out0")
        t.wait_until(lambda: receiver.received() > had + 100, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    t.clean(group.finish(sent), sent, "the other output")
    all_counted(t, relay, sent)
    drops = nonzero(counters(relay)["send_drops"])
    t.equal(receiver.finish(sent - drops.pop("unreachable", 0))["received"],
            counters(relay)["sent"], "received is what counts as sent")
    t.equal(drops, {}, "other drops")
    t.true(len(set(generations)) < 5, f"rules are not published each time: {generations}")


@scenario("an output without a route is unreachable until there is one", topology=LAB)
def no_route(t):
    """A warning at once, the reason in the list; a route that comes is used by itself."""
    relay = t.mcrd("relay")
    answer = add_any(relay, output("10.77.0.9", 6001, "out0"), GROUP)
    t.equal(answer["state"], "degraded", "state")
    t.equal(answer["warnings"], ["no route, and 10.77.0.9 has not answered on out0 yet"],
            "warnings")
    t.wait_until(lambda: first_state(relay)[2] == "no route, and 10.77.0.9 does not answer on out0", 10,
                 "the kernel gives it up")
    check_held(t, relay, "no route, and 10.77.0.9 does not answer on out0")
    ip(t, "relay", "route", "replace", "10.77.0.0/24", "via", "10.90.1.77", "dev", "out0")
    t.wait_until(lambda: first_state(relay)[2] == "gateway 10.90.1.77 does not answer on out0", 10,
                 "a gateway that is not there")
    check_held(t, relay, "gateway 10.90.1.77 does not answer on out0")
    ip(t, "sink", "address", "add", "10.77.0.9/32", "dev", "eth0")
    ip(t, "relay", "route", "replace", "10.77.0.0/24", "via", "10.90.1.2", "dev", "out0")
    check_works(t, relay, "10.77.0.9")


@scenario("an output to a closed port is unreachable until datagrams are taken again", topology=LAB,
          deadline_s=60)
def closed_port(t):
    """The host is there and no program listens: its ICMP messages are counted and shown."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6009, "out0"), GROUP,
                       interface="in0", path="user"))
    sink = working_sink(t)
    t.gen("gen", "eth0", "239.1.1.1", 5000, rate=20, count=20, size=200)
    t.clean(sink.finish(20), 20, "the other output")
    all_counted(t, relay, 20)
    refused = counters(relay)["send_drops"]["port_unreachable"]
    t.true(refused > 0, "port_unreachable")
    closed = "port 6009 is closed at 10.90.1.2"
    t.wait_until(lambda: first_state(relay) == ("degraded", "unreachable", closed), SEEN_S, "state")
    listed = relay.ctl("list").stdout
    t.true(f"not sent: port_unreachable {refused}\n" in listed and closed in listed, listed)
    late = t.sink("sink", "eth0", "10.90.1.2", 6009)
    stream = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=50, count=1500, size=200)
    t.wait_until(lambda: first_state(relay) == ("active", "active", ""), 30, "active again")
    t.equal(relay.log().count(closed), 1, "lines about the closed port")
    stream.stop()


@scenario("an output that is held stays held when control is killed", topology=LAB)
def control_killed(t):
    """The next control finds the same: outputs that work go on, held ones stay held."""
    relay = t.mcrd("relay")
    add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP, output("10.90.1.2", 6002, "out0"))
    t.wait_until(lambda: first_state(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6002), working_sink(t)
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    t.wait_until(lambda: receiver.received() > 100, 5, "the receiver gets the stream")
    [control] = relay.children("--role=control")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, 9)
    t.wait_until(lambda: relay.children("--role=control") not in ([], [control]), 5, "another one")
    t.wait_until(lambda: first_state(relay)[1] == "unreachable", 5, "it knows")
    had = receiver.received()
    t.wait_until(lambda: receiver.received() > had + 200, 5, "the stream goes on")
    sent = gen.stop()["sent"]
    for sink, what in ((receiver, "the receiver"), (group, "the group")):
        t.clean(sink.finish(sent), sent, what)
    all_counted(t, relay, sent)
    t.equal((counters(relay)["sent"], counters(relay)["send_drops"]["unreachable"]), (0, sent),
            "the output that is held")


@scenario("without CAP_NET_ADMIN neighbours are probed by an echo request", topology=LAB)
def without_net_admin(t):
    """The same states; where a packet filter forbids the probe, the output is not held."""
    relay = t.mcrd("relay", wrapper=["setpriv", "--bounding-set=-net_admin", "--"])
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    check_works(t, relay)
    relay.rpc("RemoveRule", {"rule_id": relay.rpc("ListRules")["rules"][0]["rule_id"]})
    add_any(relay, output("10.90.1.99", 6001, "out0"), GROUP)
    t.wait_until(lambda: first_state(relay)[2] == "10.90.1.99 does not answer on out0", 10,
                 "the kernel gives it up")
    check_held(t, relay, "10.90.1.99 does not answer on out0")
    t.run("relay", ["nft", "-f", "-"], input="table ip f { chain o { type filter hook output "
          "priority 0; ip protocol icmp drop; }; }")
    t.wait_until(lambda: first_state(relay)[:2] == ("active", "active"), 2 * SEEN_S, "not known")
    t.wait_until(lambda: "10.90.1.99 cannot be probed" in relay.stderr(), 5, "the log says so")
    t.run("relay", ["nft", "flush", "ruleset"])
    t.wait_until(lambda: first_state(relay)[1] == "unreachable", 10, "known again")


FLOOD = """
import subprocess
lines = []
for n in range(int(sys.argv[1])):
    host = f"10.90.1.{n % 100 + 100}"
    lines += [f"neigh replace {host} lladdr 02:00:00:00:00:01 dev out0 nud stale",
              f"route replace 10.99.{n % 250}.0/24 via 10.90.1.2 dev out0"]
subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines) + "\\n", text=True, check=True)
"""


@scenario("20,000 events of neighbours and routes at once publish nothing", topology=LAB)
def flood(t):
    """No rule is published for them, nothing is lost, and later events are seen as fast as ever."""
    relay = t.mcrd("relay")
    add(t, relay, rule("239.1.1.1", 5000, output("10.90.1.2", 6001, "out0"), GROUP,
                       interface="in0"))
    receiver, group = t.sink("sink", "eth0", "10.90.1.2", 6001), working_sink(t)
    generation = relay.rpc("ListRules")["generation"]
    gen = t.gen_start("gen", "eth0", "239.1.1.1", 5000, rate=2000, size=200)
    t.python("relay", FLOOD, "10000", deadline_s=60)
    relay.rpc("Ping")
    sent = gen.stop()["sent"]
    for sink in (receiver, group):
        t.clean(sink.finish(sent), sent)
    t.equal(relay.rpc("ListRules")["generation"], generation, "generation")
    set_arp_answers(t, False)
    ip(t, "relay", "neigh", "flush", "dev", "out0")
    t.wait_until(lambda: first_state(relay)[1] == "unreachable", SEEN_S, "unreachable")


if __name__ == "__main__":
    main()
