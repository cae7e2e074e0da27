#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Labs: their shapes, drawings and captures, how they live and how they die.

    [netlab up: holder] --- watcher   kills what runs in the nodes when the holder has died
                        '-- carrier   moves packets between the ends of tun links
"""

import json
import os
import pty
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
# pylint: disable=wrong-import-position
from mcrlab import main, paths, payload, scenario, wait_until
from mcrlab.lab import Lab, lab_exists
from mcrlab.process import children, command_line

from support_rules import add, output, rule

GROUP = "239.1.1.1"
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = ("direct2", "chain3", "tree4", "inputs3", "diamond", "mesh4", "bridges2", "fanout3",
          "fanout50", "tun", "asym_mtu")


def netlab(*args, deadline_s=20, **options):
    return subprocess.run([paths.program("netlab"), *map(str, args)], text=True,
                          capture_output=True, timeout=deadline_s, env=paths.environment(),
                          check=False, **options)


def gone(pid):
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return True


def helper(holder, name):
    """A helper process of a lab's holder, by the name that ps shows."""
    for pid in children(holder):
        try:
            comm = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended since it was listed
        if comm.strip() == name:
            return pid
    return None


# Shapes

@scenario("every shape is drawn in ASCII, with each link once")
def drawings(t):
    for name in SHAPES:
        done = netlab("draw", name)
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
        root = ET.fromstring(netlab("draw", name, "--svg").stdout)
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


@scenario("in a mesh every node reaches each other", topology="mesh4")
def mesh(t):
    sinks = {(a, b): t.sink(f"n{b}", f"eth{a}", GROUP, 5000 + 10 * a + b)
             for a in range(1, 5) for b in range(1, 5) if a != b}
    for (a, b), sink in sinks.items():
        t.gen(f"n{a}", f"eth{b}", GROUP, 5000 + 10 * a + b, count=20, rate=2000)
        t.clean(sink.finish(20), 20, f"n{a} to n{b}")


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


# Layer 3

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


# Captures

@scenario("a capture holds every packet that passed, byte for byte", topology="direct2")
def capture_all(t):
    capture = t.capture("sink", "eth0", expression="udp port 5000")
    sink = t.sink("sink", "eth0", GROUP, 5000)
    t.gen("gen", "eth0", GROUP, 5000, count=5000, rate=20000, size=300)
    t.gen("gen", "eth0", GROUP, 5001, count=50, rate=20000, size=300)
    t.clean(sink.finish(5000), 5000)
    packets = capture.finish()
    t.equal(capture.stdout().strip(), "5000 packets, 0 dropped", "what it says")
    t.equal(len(packets), 5000, "packets in the file")
    for number, packet in enumerate(packets):
        body = packet[42:]
        time_ns = int.from_bytes(body[16:24], "big")
        if body != payload(number, size=300, time_ns=time_ns):
            t.fail(f"packet {number} is not what was sent")


@scenario("a capture of N packets ends by itself", topology="direct2")
def capture_count(t):
    capture = t.capture("gen", "eth0", count=7, expression="udp")
    t.gen("gen", "eth0", GROUP, 5000, count=20, rate=2000)
    t.equal(len(capture.finish()), 7, "packets")


@scenario("a recorder writes the last packets of every link when asked to, and nothing otherwise",
          topology="chain3")
def recorder(t):
    for signo, expected in ((signal.SIGTERM, []), (signal.SIGUSR1, ["gen-eth0.pcap",
                                                                    "relay-eth1.pcap"])):
        directory = t.run_dir / f"kept-{signo}"
        directory.mkdir()
        process = t.start(None, [paths.program("netlab"), "record", t.lab.name, directory])
        t.wait_until(lambda: "recording" in process.stdout(), 5, "recording")
        t.gen("gen", "eth0", GROUP, 5000, count=100, rate=10000)
        t.equal(process.stop(signo=signo), 0, "status")
        t.equal(sorted(path.name for path in directory.iterdir()), expected, "files")
    from mcrlab.capture import packets  # pylint: disable=import-outside-toplevel
    udp = [one for one in packets(directory / "gen-eth0.pcap") if one[23] == 17]
    t.equal((len(udp), {len(one) for one in udp}), (100, {128}), "datagrams, bytes kept of each")


# A person

@scenario("netlab shell goes into a node; with one lab up its name can be left out")
def shell(t):
    name = f"shell-{os.getpid()}"
    netlab("up", "direct2", "--name", name)
    try:
        for arguments in ((name, "sink"), ("sink",)):
            if len(arguments) == 1 and len(netlab("list").stdout.splitlines()) != 1:
                t.true("say which" in netlab("shell", "sink").stderr, "message with several labs")
                continue
            ours, theirs = pty.openpty()
            process = subprocess.Popen([paths.program("netlab"), "shell", *arguments],
                                       stdin=theirs, stdout=theirs, stderr=theirs,
                                       env=paths.environment(SHELL="/bin/sh"))
            os.close(theirs)
            os.write(ours, b"ip -o -4 address show eth0; exit 5\n")
            text = b""
            while True:
                try:
                    data = os.read(ours, 4096)
                except OSError:  # the other end of a terminal has closed
                    break
                text += data
            os.close(ours)
            t.equal(process.wait(5), 5, "status of the shell")
            t.true(b"10.90.1.2/24" in text and f"[{name}:sink]".encode() in text, text)
    finally:
        netlab("down", name)


# Ends

def lab_with_program(t):
    """A lab of its own with a program inside that is nobody's child: (lab, pid)."""
    lab = Lab("tun" if os.access("/dev/net/tun", os.W_OK) else "direct2")
    done = netlab("exec", lab.name, "gen", "--", "sh", "-c",
                  "setsid sleep 1000 >/dev/null 2>&1 & echo $!")
    pid = int(done.stdout)
    wait_until(lambda: command_line(pid) == ["sleep", "1000"], 5, "program in the lab")
    return lab, pid


@scenario("when the holder is killed, programs in the nodes die, too")
def holder_killed(t):
    lab, program = lab_with_program(t)
    helpers = children(lab.pid)
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    t.wait_until(lambda: gone(program), 5, "program gone")
    for pid in helpers:
        t.wait_until(lambda pid=pid: gone(pid), 5, f"helper {pid} gone")
    t.equal(lab_exists(lab.name), False, "name still taken")
    lab.close()


@scenario("a program that hides in a namespace of its own dies with its parent")
def descendant_killed(t):
    lab, program = lab_with_program(t)
    done = netlab("exec", lab.name, "gen", "--", "sh", "-c",
                  "setsid sh -c 'unshare -rn sleep 2000 & wait' >/dev/null 2>&1 & echo $!")
    parent = int(done.stdout)
    hidden = wait_until(lambda: [pid for pid in children(parent)
                                 if command_line(pid) == ["sleep", "2000"]], 5, "hidden program")
    t.true(hidden[0] not in [pid for pid, _ in lab.inhabitants()], "it is in no node")
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    for pid in [program, parent] + hidden:
        t.wait_until(lambda pid=pid: gone(pid), 5, f"process {pid} gone")
    lab.close()


@scenario("a watcher that is killed is replaced, and the next does its work")
def watcher_killed(t):
    lab, program = lab_with_program(t)
    first = wait_until(lambda: helper(lab.pid, "lab-watcher"), 5, "the watcher")
    os.kill(first, signal.SIGKILL)
    t.wait_until(lambda: helper(lab.pid, "lab-watcher") not in (None, first), 5, "a new watcher")
    t.true(not gone(program), "the program goes on")
    os.kill(lab.pid, signal.SIGKILL)
    lab.popen.wait()
    t.wait_until(lambda: gone(program), 5, "program gone")
    lab.close()


@scenario("a carrier that is killed is replaced, and packets pass again", topology="tun")
def carrier_killed(t):
    first = wait_until(lambda: helper(t.lab.pid, "lab-carrier"), 5, "the carrier")
    os.kill(first, signal.SIGKILL)
    t.wait_until(lambda: helper(t.lab.pid, "lab-carrier") not in (None, first), 5, "a new carrier")
    t.run("relay", ["sh", "-c", "echo 0 | tee /proc/sys/net/ipv4/conf/*/rp_filter"])
    # It has a name before it carries anything.
    probe = t.sink("relay", "tun0", GROUP, 5001)

    def passes():
        t.gen("gen", "tun0", GROUP, 5001, count=1)
        return probe.received()

    t.wait_until(passes, 5, "a packet to pass")
    sink = t.sink("relay", "tun0", GROUP, 5000)
    t.gen("gen", "tun0", GROUP, 5000, count=100, rate=5000)
    t.clean(sink.finish(100), 100)


@scenario("a helper is not to be mistaken for the holder", topology="direct2")
def names(t):
    watcher = wait_until(lambda: helper(t.lab.pid, "lab-watcher"), 5, "the watcher")
    t.wait_until(lambda: command_line(watcher)[:1] == ["lab-watcher"], 5, "its name")
    t.true("up" not in command_line(watcher), "nothing is left of the holder's command line")
    t.true("up" in command_line(t.lab.pid), "the holder keeps its own")


@scenario("whoever enters a lab while it goes down is not left behind")
def race(t):
    for round_number in range(5):
        name = f"race-{os.getpid()}-{round_number}"
        netlab("up", "direct2", "--name", name)
        inside = [subprocess.Popen([paths.program("netlab"), "exec", name, "sink", "--", "sleep",
                                    "1000"], stderr=subprocess.DEVNULL) for _ in range(10)]
        t.equal(netlab("down", name).returncode, 0, "down")
        # Killed inside, or turned away at the door.
        for process in inside:
            t.true(process.wait(5) in (-signal.SIGKILL, 2), f"status {process.returncode}")


# Bad input

BAD = [
    # arguments; what the one line must say
    (("up", "nonesuch"), "there is no topology called 'nonesuch'"),
    (("draw", "/nonesuch.json"), "/nonesuch.json: No such file"),
    (("exec", "nonesuch", "a", "--", "true"), "no lab called 'nonesuch' is up"),
    (("exec", "LAB", "nobody", "--", "true"), "no such node 'nobody'"),
    (("shell", "LAB", "nobody"), "no such node 'nobody'"),
    (("capture", "LAB", "nobody", "eth0", "/dev/null"), "no such node 'nobody'"),
    (("capture", "LAB", "sink", "eth9", "/dev/null"), "eth9: No such device"),
    (("capture", "LAB", "sink", "eth0", "/nonesuch/x"), "/nonesuch/x"),
    (("capture", "LAB", "sink", "eth0", "/dev/null", "--filter", "gibberish"), "syntax error"),
    (("impair", "LAB", "nobody", "eth0", "loss", "1%"), "no node 'nobody'"),
    (("impair", "LAB", "sink", "eth9", "loss", "1%"), "no link of the topology ends at sink:eth9"),
    (("impair", "LAB", "sink", "eth0", "loss", "1%"), "has no wire"),
    (("impair", "LAB", "sink", "eth0", "loss", "101%"), "'101%' is not a percentage"),
    (("impair", "LAB", "sink", "eth0", "every", "-1"), "'-1' is not a number"),
    (("impair", "LAB", "sink", "eth0", "rate", "10"), "'10' is not a rate"),
    (("impair", "LAB", "sink", "eth0", "flap", "10"), "'10' is not a time"),
    (("impair", "LAB", "sink", "eth0", "bend", "1"), "there is no impairment 'bend'"),
    (("fault", "LAB", "nobody", "down", "eth0"), "no node 'nobody'"),
    (("fault", "LAB", "sink", "down", "eth9"), "node 'sink' has no interface 'eth9'"),
    (("fault", "LAB", "sink", "kill", "pid", "1"), "process 1 is not in node 'sink'"),
    (("fault", "LAB", "sink", "kill", "worker", "3"), "no such process: worker 3"),
    (("fault", "LAB", "sink", "melt", "eth0"), "there is no fault 'melt'"),
    (("fault", "LAB", "sink", "readdress", "eth0", "10.0.0.1"), "is not an address"),
    (("check", "--socket-path", "/nonesuch.sock"), "/nonesuch.sock: No such file"),
]

MALFORMED = [
    # what is wrong; text; what follows the file's name in the message
    ("kind", '{"nodes": {"a": {}, "b": {}}, "links": [\n{"kind": "wifi",\n'
     '"ends": [{"at": "a:e"}, {"at": "b:e"}]}]}', ":2: links[0].kind: must be veth or tun"),
    ("wire on tun", '{"nodes": {"a": {}, "b": {}}, "links": [\n{"kind": "tun",\n"wire": true,\n'
     '"ends": [{"at": "a:e"}, {"at": "b:e"}]}]}', ":3: links[0].wire: a tun link cannot have one"),
    ("mac on tun", '{"nodes": {"a": {}, "b": {}}, "links": [{"kind": "tun",\n'
     '"ends": [{"at": "a:e",\n"mac": "02:00:00:00:00:01"}, {"at": "b:e"}]}]}',
     ":3: links[0].ends[0].mac: a tun device has none"),
    ("tun in a bridge", '{"nodes": {"a": {}, "b": {}}, "links": [{"kind": "tun",\n'
     '"ends": [{"at": "a:e"}, {"at": "b:e"}]}], "bridges": [{"at": "a:br0",\n"ports": ["e"]}]}',
     ":3: bridges[0].ports[0]: a tun device cannot be a port"),
]


@scenario("whatever is wrong is one clear line, and nothing is left behind", topology="direct2")
def bad_input(t):
    before = netlab("list").stdout
    for arguments, message in BAD:
        done = netlab(*[t.lab.name if one == "LAB" else one for one in arguments])
        what = " ".join(arguments)
        t.true(done.returncode != 0, f"{what}: status 0")
        t.true(message in done.stderr.splitlines()[0], f"{what}: {done.stderr.strip()}")
        t.equal(done.stdout, "", f"{what}: output")
    for what, text, message in MALFORMED:
        path = t.run_dir / "bad.json"
        path.write_text(text)
        done = netlab("up", path)
        t.equal((done.returncode, done.stdout), (2, ""), f"{what}: status and output")
        t.equal(len(done.stderr.splitlines()), 1, f"{what}: lines")
        t.true(f"{path}{message}" in done.stderr, f"{what}: {done.stderr.strip()}")
    t.equal([line for line in netlab("list").stdout.splitlines() if t.lab.name in line],
            [line for line in before.splitlines() if t.lab.name in line], "this lab")


@scenario("without permission for namespaces: one line, status 77, nothing left", root=True)
def no_permission(t):
    # In a user namespace that may hold no further namespaces at all.
    script = ("echo 0 > /proc/sys/user/max_user_namespaces; echo 0 > /proc/sys/user/max_net_namespaces;"
              f"exec {paths.program('netlab')} up direct2 --name forbidden")
    done = subprocess.run(["unshare", "--user", "--map-root-user", "sh", "-c", script], text=True,
                          capture_output=True, timeout=20, env=paths.environment(), check=False)
    t.equal((done.returncode, done.stdout), (77, ""), "status and output")
    t.equal(len(done.stderr.splitlines()), 1, done.stderr)
    t.true("cannot make a" in done.stderr and "namespace" in done.stderr, done.stderr)
    t.equal(lab_exists("forbidden"), False, "left behind")


if __name__ == "__main__":
    main()
