#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Labs: the shapes there are, how they are drawn, and that a lab is what its topology says.

    [gen] eth0 10.10.1.100/24 ------- [relay] eth0 10.20.0.1/24        (chain3, and eleven others)
    [relay] eth1 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24
"""

import json
import time
import xml.etree.ElementTree as ET

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario
from mcrlab.lab import Lab, LabImpossible

from support_lab import mcrlab
from support_rules import add, output, rule

GROUP = "239.1.1.1"
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = sorted(path.stem for path in paths.TOPOLOGIES.glob("*.json"))

# Drawings

@scenario("every shape is drawn in ASCII, with each link once")
def drawings(t):
    for name in SHAPES:
        done = mcrlab("draw", name)
        t.equal((done.returncode, done.stderr), (0, ""), name)
        links = [line for line in done.stdout.splitlines() if " ------- " in line]
        data = json.loads((paths.TOPOLOGIES / f"{name}.json").read_text())
        t.equal(len(links), len(data["links"]), f"links drawn of {name}")
        for link, line in zip(data["links"], links):
            for end in link["ends"]:
                node, interface = end["at"].split(":")
                t.true(f"[{node}] {interface}" in line, f"{name}: {end['at']} is not in {line}")


@scenario("every shape is drawn as SVG: well-formed, all nodes, no box on another, all inside")
def svg(t):
    for name in SHAPES:
        root = ET.fromstring(mcrlab("draw", name, "--svg").stdout)
        _, _, width, height = map(int, root.get("viewBox").split())
        boxes = [tuple(int(box.get(key)) for key in ("x", "y", "width", "height"))
                 for box in root.iter(f"{SVG}rect")]
        data = json.loads((paths.TOPOLOGIES / f"{name}.json").read_text())
        texts = [text.text.split()[0] for text in root.iter(f"{SVG}text")
                 if text.get("class") == "node"]
        t.equal(texts, list(data["nodes"]), f"nodes of {name}")
        t.equal(len(boxes), len(texts), f"boxes of {name}")
        t.equal(len(list(root.iter(f"{SVG}path"))), len(data["links"]), f"lines of {name}")
        for x, y, w, h in boxes:
            t.true(0 <= x and 0 <= y and x + w <= width and y + h <= height, f"{name}: box outside")
        for i, (x, y, w, h) in enumerate(boxes):
            for a, b, _, _ in boxes[:i]:
                t.true(abs(a - x) >= w or abs(b - y) >= h, f"{name}: two boxes overlap")


# Building

@scenario("every topology that comes with the harness can be built")
def all_topologies(t):
    names = SHAPES
    t.between(len(names), 12, 99, "topologies")
    for name in names:
        try:
            lab = Lab(name)
        except LabImpossible as error:
            t.true("tun" in name and "/dev/net/tun" in str(error), f"{name}: {error}")
            t.note(f"{name}: not by this user")
            continue
        try:
            t.equal(json.loads((paths.TOPOLOGIES / f"{name}.json").read_text())["name"], name,
                    "name inside the file")
            t.true(name in lab.drawing(), f"no drawing of {name}")
        finally:
            lab.close()


@scenario("a node has what the topology says and nothing else", topology="chain3")
def nothing_added(t):
    routes = t.run("relay", ["ip", "-4", "route"]).stdout.split("\n")
    t.equal(sorted(line.split(" proto")[0] for line in routes if line),
            ["10.20.0.0/24 dev eth0", "10.90.1.0/24 dev eth1"], "routes of the relay")
    t.true(t.run("relay", ["ip", "route", "get", "10.10.1.100"], check=False).returncode != 0,
           "the relay has a route back to the source")
    t.equal(t.run("relay", ["cat", "/proc/sys/net/ipv4/conf/all/rp_filter",
                            "/proc/sys/net/ipv4/ip_forward"]).stdout.split(), ["1", "0"],
            "rp_filter and ip_forward")
    links = json.loads(t.run("relay", ["ip", "-j", "link"]).stdout)
    t.equal(sorted(link["ifname"] for link in links), ["eth0", "eth1", "lo"], "interfaces")


@scenario("strict rp_filter keeps an unroutable source from a sink on the relay",
          topology="chain3")
def unroutable(t):
    sink = t.sink("relay", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=100, rate=5000)
    t.equal(sink.finish()["received"], 0, "received from a source without a route back")
    t.equal(rx_matches(t), True, "and yet the frames have arrived at the relay")


def rx_matches(t):
    links = json.loads(t.run("relay", ["ip", "-s", "-j", "link", "show", "eth0"]).stdout)
    return links[0]["stats64"]["rx"]["packets"] >= 100


@scenario("MTU, GRO, MAC, bridge, route and setting are as given", topology={
    "nodes": {"a": {"routes": [{"to": "10.7.0.0/16", "via": "10.1.0.9"}]},
              "sw": {"rp_filter": 0, "forwarding": True,
                     "sysctls": {"net.ipv4.igmp_max_memberships": "77"}},
              "b": {}},
    "links": [{"mtu": 9000, "ends": [{"at": "a:eth0", "addresses": ["10.1.0.1/24"],
                                      "mac": "02:00:00:00:00:01"},
                                     {"at": "sw:eth0"}]},
              {"mtu": 9000, "ends": [{"at": "sw:eth1"}, {"at": "b:eth0", "gro": True,
                                                         "addresses": ["10.1.0.2/24"]}]}],
    "bridges": [{"at": "sw:br0", "mtu": 9000, "ports": ["eth0", "eth1"]}]})
def settings(t):
    link = json.loads(t.run("a", ["ip", "-j", "link", "show", "eth0"]).stdout)[0]
    t.equal((link["mtu"], link["address"]), (9000, "02:00:00:00:00:01"), "MTU and MAC")
    t.true("10.7.0.0/16 via 10.1.0.9" in t.run("a", ["ip", "route"]).stdout, "no route")
    t.equal(t.run("sw", ["cat", "/proc/sys/net/ipv4/igmp_max_memberships",
                         "/proc/sys/net/ipv4/ip_forward",
                         "/proc/sys/net/ipv4/conf/eth0/rp_filter"]).stdout.split(),
            ["77", "1", "0"], "settings")
    offloads = t.run("b", ["ethtool", "-k", "eth0"]).stdout
    for line in ("rx-udp-gro-forwarding: on", "generic-receive-offload: on",
                 "tx-udp-segmentation: off"):
        t.true(line in offloads, f"not {line}")
    sink = t.sink("b", "eth0", GROUP, 5000)
    t.gen("a", "eth0", GROUP, 5000, count=100, rate=5000, size=8900)
    t.clean(sink.finish(expect=100), 100)


@scenario("ten nodes in a row")
def ten_nodes(t):
    topology = {"nodes": {f"n{i}": {} for i in range(10)},
                "links": [{"ends": [{"at": f"n{i}:right", "addresses": [f"10.0.{i}.1/24"]},
                                    {"at": f"n{i + 1}:left", "addresses": [f"10.0.{i}.2/24"]}]}
                          for i in range(9)]}
    times_ms = []
    for _ in range(5):
        before = time.monotonic()
        lab = Lab(topology)
        times_ms.append((time.monotonic() - before) * 1000)
        t.equal(len(lab.nodes), 10, "nodes")
        lab.close()
    t.note(f"up in {min(times_ms):.0f} ms at best of {len(times_ms)}")


# Purposes of the shapes

@scenario("in a mesh every node reaches each other", topology="mesh4")
def mesh(t):
    sinks = {(a, b): t.sink(f"n{b}", f"eth{a}", GROUP, 5000 + 10 * a + b)
             for a in range(1, 5) for b in range(1, 5) if a != b}
    for (a, b), sink in sinks.items():
        t.gen(f"n{a}", f"eth{b}", GROUP, 5000 + 10 * a + b, count=20, rate=2000)
        t.clean(sink.finish(20), 20, f"n{a} to n{b}")


@scenario("a tree of relays brings everything to every leaf, once", topology="tree4")
def tree(t):
    root, left, right = (t.mcrd(node) for node in ("root", "left", "right"))
    add(t, root, rule(GROUP, 5000, output("239.2.0.1", 6000, "eth1"),
                      output("239.2.0.2", 6000, "eth2")))
    for branch, group in ((left, "239.2.0.1"), (right, "239.2.0.2")):
        add(t, branch, rule(group, 6000, output("239.3.0.1", 7000, "eth1"),
                            output("239.3.0.1", 7000, "eth2")))
    sinks = [t.sink(f"sink{n}", "eth0", "239.3.0.1", 7000) for n in range(1, 5)]
    t.gen("gen", "eth0", GROUP, 5000, count=1000, rate=5000)
    for sink in sinks:
        t.clean(sink.finish(1000), 1000, sink.name)


@scenario("a relay between two bridges", topology="bridges2")
def bridges(t):
    relay = t.mcrd("relay")
    add(t, relay, rule(GROUP, 5000, output("239.2.2.2", 6000)))
    sinks = [t.sink(node, "eth0", "239.2.2.2", 6000) for node in ("sink1", "sink2")]
    t.gen("gen1", "eth0", GROUP, 5000, count=500, rate=5000)
    t.gen("gen2", "eth0", GROUP, 5000, count=500, rate=5000, first_flow=1)
    for sink in sinks:
        t.clean(sink.finish(1000), 1000)


@scenario("a diamond of relays brings everything twice", topology="diamond")
def diamond(t):
    split, upper, lower, join = (t.mcrd(node) for node in ("split", "upper", "lower", "join"))
    add(t, split, rule(GROUP, 5000, output("239.2.0.1", 6000, "eth1"),
                       output("239.2.0.2", 6000, "eth2")))
    add(t, upper, rule("239.2.0.1", 6000, output("239.3.0.1", 7000)))
    add(t, lower, rule("239.2.0.2", 6000, output("239.3.0.2", 7000)))
    add(t, join, rule("239.3.0.1", 7000, output("239.4.0.1", 8000, "eth2")))
    add(t, join, rule("239.3.0.2", 7000, output("239.4.0.1", 8000, "eth2"), interface="eth1"))
    sink = t.sink("sink", "eth0", "239.4.0.1", 8000)
    t.gen("gen", "eth0", GROUP, 5000, count=500, rate=2000)
    report = sink.finish(1000)
    t.equal((report["received"], report["unique"], report["duplicated"], report["lost"]),
            (1000, 500, 500, 0), "received, unique, duplicated, lost")


@scenario("packets on a tun link have no link header", topology="tun")
def tun_frames(t):
    capture = t.capture("relay", "tun0", count=10, expression="udp")
    t.gen("gen", "tun0", GROUP, 5000, count=10, rate=1000, size=100)
    for packet in capture.finish():
        t.equal((packet[0], packet[9], len(packet)), (0x45, 17, 128), "version, protocol, length")
    link = t.run("relay", ["ip", "-o", "link", "show", "tun0"]).stdout
    t.true("link/none" in link and "POINTOPOINT" in link, link)


@scenario("a relay takes raw IP from one tun device and sends it to another", topology="tun")
def tun_relay(t):
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(GROUP, 5000, output("239.2.2.2", 6000, "tun1"), interface="tun0"))
    sink = t.sink("sink", "tun0", "239.2.2.2", 6000)
    other = t.sink("sink", "tun0", GROUP, 5000)
    t.gen("gen", "tun0", GROUP, 5000, count=5000, rate=10000, size=1400)
    t.clean(sink.finish(5000), 5000)
    t.equal(other.finish()["received"], 0, "untranslated")
    t.conservation(relay)
    t.check(relay)


if __name__ == "__main__":
    main()
