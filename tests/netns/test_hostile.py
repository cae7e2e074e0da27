#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Somebody else's code runs in a sealed child: what it can reach, and what that costs the others.

    gen ---- eth0  relay  eth1 ---- sink
                     |
          supervisor --- control, worker 0, worker 1

mcrd-hostile is mcrd, object for object, with hostile functions linked in front of those that each
child calls (tests/hostile/hostile.h).  It says what it tried and what the kernel answered;
witnesses on every interface say what got out.
"""

import errno
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario
from mcrlab.proc import descriptors

from support_kernel import AUTO, by_kernel
from support_rules import add, memberships, output, rule

HERE = Path(__file__).resolve().parent
IN, OUT = "239.1.1.1", "239.2.2.2"
RULES_MAX = 16384  # core/base/limits.h
JOINS_MAX = 2 * RULES_MAX
OWN_ADDRESSES = {"10.20.0.1", "10.90.1.1", "127.0.0.1"}
CONTROL, WORKER = "--role=control", "--role=worker"
MARK, SEEN = "HOSTILE", "HOSTILE-seen"
ATTEMPT = re.compile(r"^hostile (\w+): (.*) = (-?\d+)$", re.M)
# The answer of a restricted ring to an operation that it may not do.
RING_REFUSES = -errno.EACCES


def hostile(t, num_workers=1, wrapper=(), **env):
    """A relay whose children misbehave as `env` says."""
    return t.mcrd("relay", num_workers=num_workers, wrapper=wrapper,
                  program=paths.test_program("mcrd-hostile"),
                  env={f"MCR_HOSTILE_{name}": str(value) for name, value in env.items()})


def attempts(relay, who):
    """[(what, result)] of all that a child has tried so far."""
    return [(what, int(result)) for name, what, result in ATTEMPT.findall(relay.log())
            if name == who]


def tried(t, relay, who, deadline_s=20):
    """All attempts of a child, once it has made the last."""
    t.wait_until(lambda: ("end", 0) in attempts(relay, who), deadline_s,
                 f"the end of {who}'s attempts")
    return attempts(relay, who)


def succeeded(made, refused=(-errno.EPERM,)):
    """Attempts that ended otherwise than refused."""
    return [one for one in made if one[1] not in refused and one[0] != "end"]


def split(made, *words):
    """(those whose name begins with one of the words, the rest)"""
    begin = [one for one in made if one[0].startswith(words)]
    return begin, [one for one in made if one not in begin]


class Witness:
    """The frames on any interface of a node that have the mark of hostile code."""

    def __init__(self, t, node):
        self.t, self.node = t, node
        self.process = t.start(node, [sys.executable, HERE / "support_witness.py", "watch", MARK])
        t.wait_until(lambda: self.process.stdout().startswith("ready\n"), 10, "the witness")

    def all(self):
        return [json.loads(line) for line in self.process.stdout().splitlines()[1:]]

    def seen(self, *interfaces):
        """The frames seen until now: frames of our own behind them prove that it looked."""
        self.t.run(self.node, [sys.executable, HERE / "support_witness.py", "send", SEEN,
                               *interfaces])

        def ours():
            return {one["interface"] for one in self.all() if one["text"] == SEEN}
        self.t.wait_until(lambda: ours() >= set(interfaces), 10, "frames of our own are seen")
        return [one for one in self.all() if one["text"] != SEEN]


def flows(t, flow, count=500):
    """A stream, whole, through the relay as it is now."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=count, size=200, first_flow=flow)
    t.clean(sink.finish(count), count, f"stream {flow}")


@scenario("a hostile worker sends no frame and makes no call that it needs not", topology="chain3")
def worker(t):
    """Packet sockets are mute for write, sendto, sendmsg, the ring and shared memory."""
    t.run("relay", ["ip", "link", "set", "lo", "up"])
    witnesses = {node: Witness(t, node) for node in ("gen", "relay", "sink")}
    relay = hostile(t, WORKER="calls")
    relay.rpc("LoadConfig", {"text": json.dumps({"rules": [
        rule(IN, 5000, output(OUT, 6000)),
        rule("239.1.1.2", 5000, output(OUT, 6001), interface="eth1"),
        rule("239.1.1.3", 5000, output(OUT, 6002), interface="lo")]})})
    made = tried(t, relay, "worker")
    got_out = {node: [one for one in witness.seen("lo", *(
        ("eth0", "eth1") if node == "relay" else ("eth0",)))]
        for node, witness in witnesses.items()}

    frames = {node: [one for one in seen if one["text"] == f"{MARK} frame"]
              for node, seen in got_out.items()}
    t.equal(frames, {"gen": [], "relay": [], "sink": []}, "frames that got out")

    strange, made = split(made, "ring SENDMSG of a frame elsewhere")
    packet, made = split(made, "write [", "writev [", "sendto [", "sendmsg [", "ring SEND",
                         "map the send ring", "make the mapped", "write behind")
    datagrams, made = split(made, "datagram ")
    operations, made = split(made, "ring operation")
    t.equal(succeeded(made), [], "calls that were not refused")
    t.equal(succeeded(operations, [RING_REFUSES]), [], "operations of the ring")
    t.equal(len({name for name, _ in operations}), 16, "operations tried")
    # Only a packet socket takes an address of the link layer.
    t.equal([one for one in strange if one[1] >= 0], [], "frames through other descriptors")
    t.equal(sorted({name.split(" [")[0] for name, _ in packet} - {"make the mapped send ring "
                                                                  "writable"}),
            ["map the send ring to write", "ring SEND", "ring SENDMSG", "sendmsg", "sendto",
             "write", "write behind a copy of the send ring", "writev"], "ways to send")
    t.equal(len({name.split(" [")[1] for name, _ in packet}), 3, "packet sockets")
    t.equal([one for one in packet if one[1] > 0], [], "bytes that a packet socket has taken")
    t.equal(succeeded(split(packet, "sendto [", "sendmsg [", "map the", "make the")[0]), [],
            "calls on a packet socket that were not refused")
    # One way is left: the sockets of outputs send datagrams, and the sender chooses where to.
    t.true(any(result > 0 for _, result in datagrams), "a datagram of an output's socket")
    t.equal({one["from"] for seen in got_out.values() for one in seen} - OWN_ADDRESSES, set(),
            "addresses that are not the relay's")
    flows(t, 0)
    t.conservation(relay)


@scenario("a hostile control reaches nothing but its supervisor", topology="chain3")
def control(t):
    """No call beyond its list, no change of a link; its successors find the listeners open."""
    relay = hostile(t, CONTROL="calls")
    made = tried(t, relay, "control")
    netlink, made = split(made, "set lo down", "add an address")
    mapped, made = split(made, "map to write")
    t.equal(succeeded(made), [], "calls that were not refused")
    t.equal(succeeded(mapped), [], "descriptors mapped to write")
    t.equal((len(netlink), succeeded(netlink)), (2, []), "changes by netlink")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t, 0)


@scenario("a hostile control has of bpf(2) the elements of its own maps", topology="chain3")
def kernel_maps(t):
    """It makes, opens, pins and attaches nothing; with elements it can have the kernel send frames
    of its input elsewhere, and no more: other streams are whole, and the log says what differs."""
    relay = t.mcrd("relay", program=paths.test_program("mcrd-hostile"), args=AUTO,
                   env={"MCR_HOSTILE_CONTROL": "maps",
                        "MCR_HOSTILE_IFINDEX": str(ifindex(t, "eth0")),
                        "MCR_HOSTILE_OUT_IFINDEX": str(ifindex(t, "eth1"))})
    made = tried(t, relay, "control")
    put, made = split(made, "put: ")
    t.equal(len([one for one in made if one[0].startswith("bpf command")]), 59, "commands tried")
    t.equal(succeeded(made), [], "commands that were not refused")
    t.equal([result for _, result in put], [0, 0, 0], "elements, as far as the map is concerned")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), id="cam"))
    by_kernel(t, relay, "cam")
    elsewhere = t.sink("sink", "eth0", "239.9.9.8", 6009)
    for port in (5001, 5002, 5003):
        t.gen("gen", "eth0", "239.9.9.9", port, rate=2000, count=100)
    stray = t.gen_start("gen", "eth0", "239.9.9.9", 5000, rate=1000, size=100)
    t.wait_until(lambda: elsewhere.received() > 100, 10, "frames where no rule sends them")
    stray.stop()
    flows(t, 0)
    t.wait_until(lambda: "were changed by somebody else" in relay.log(), 5, "it is said")


@scenario("what all workers share cannot be made to block", topology="chain3")
def shared_flags(t):
    """O_NONBLOCK stays, so a full event costs a line and no worker."""
    relay = hostile(t, num_workers=2, CONTROL="flags")
    made = dict(tried(t, relay, "control"))
    t.equal(made["F_SETFL of the shared event"], -errno.EPERM, "F_SETFL")
    before = relay.children(WORKER)
    for n in range(4):
        add(t, relay, rule(f"239.1.2.{n}", 5000, output(OUT, 7000 + n)))
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t, 0, count=3000)
    t.equal(relay.children(WORKER), before, "workers")


def ifindex(t, interface):
    return json.loads(t.run("relay", ["ip", "-j", "link", "show", interface]).stdout)[0]["ifindex"]


def flood(t, what, requests, **options):
    """(relay, numbers of requests granted and refused, the first refusal, seconds it took)"""
    begin = time.monotonic()
    relay = hostile(t, CONTROL=what, REQUESTS=requests, IFINDEX=ifindex(t, "eth0"), **options)
    made = dict(tried(t, relay, "control", deadline_s=60))
    took_s = time.monotonic() - begin
    granted, refused = made[f"{what}: granted"], made[f"{what}: refused"]
    t.note(f"{what}: {granted} granted, {refused} refused in {took_s:.1f} s")
    return relay, granted, made[f"{what}: first refusal"], took_s


def kill(relay, role, times):
    """One child of that role; `times` is how often the scenario does so altogether."""
    if times:
        name = "control" if role == CONTROL else "worker 0"
        relay.expect(f"{name} was killed by SIGKILL", times)
    [pid] = relay.children(role)
    os.kill(pid, signal.SIGKILL)
    return pid


def another_worker(t, relay):
    """Its only worker dies, and is replaced."""
    old = kill(relay, WORKER, 1)
    t.wait_until(lambda: relay.children(WORKER) not in ([], [old]), 10, "another worker")


def goes_on(t, relay, times=1):
    """The relay serves as ever; another control has only what rules need."""
    relay.rpc("AddRule", rule(IN, 5000, output(OUT, 6000)))
    # Control repeats requests that were refused for their rate every second.
    t.wait_until(lambda: [one for one in relay.stats()["interfaces"] if one["name"] == "eth0"] and
                 len(memberships(t, "relay", "eth0")) == 1, 20, "the input and its membership")
    flows(t, 0)
    old = kill(relay, CONTROL, times)

    def answers():
        try:
            return relay.children(CONTROL) not in ([], [old]) and relay.rpc("Ping")["pong"]
        except OSError:
            return False
    t.wait_until(answers, 20, "another control answers")
    t.wait_until(lambda: len(memberships(t, "relay", "eth0")) == 1, 20,
                 "one membership, that of the rule")
    flows(t, 1)
    t.check(relay)


@scenario("memberships of a hostile control are bounded", topology="chain3")
def many_joins(t):
    """As many as two rule sets of the largest size; the rest is refused, and all ends with it."""
    relay, granted, refusal, _ = flood(t, "join", 40000)
    t.equal((granted, refusal), (JOINS_MAX, -errno.EDQUOT), "granted, first refusal")
    relay.rpc("Ping")
    kill(relay, CONTROL, 2)
    t.wait_until(lambda: not memberships(t, "relay", "eth0"), 30, "no membership")
    goes_on(t, relay, 0)


@scenario("bound sockets of a hostile control leave the reserve of descriptors", topology="chain3")
def many_binds(t):
    """At 4,096 descriptors: refused with a reason, children still come back, nothing is left."""
    relay, granted, refusal, _ = flood(t, "bind", 6000, wrapper=["prlimit", "--nofile=4096"])
    t.between(granted, 3800, 4096 - 34, "granted")
    t.equal(refusal, -errno.EMFILE, "first refusal")
    t.true("no descriptor is left for more inputs" in relay.log(), "the reason is said")
    another_worker(t, relay)
    kill(relay, CONTROL, 2)
    t.wait_until(lambda: len(descriptors(relay.pid)) < 100, 20, "the sockets are given back")
    goes_on(t, relay, 0)


@scenario("joins and leaves of a hostile control are bounded in rate", topology="chain3")
def rates(t):
    """Joins and leaves of one group: a burst, then a rate."""
    burst, per_s = 3 * RULES_MAX, RULES_MAX / 16
    relay, granted, refusal, took_s = flood(t, "churn", 1000000)
    t.equal(refusal, -errno.EBUSY, "first refusal")
    # Each join is undone before the next.
    t.between(granted, 2 * (burst - 1), 2 * (burst + per_s * (took_s + 1)), "granted")
    goes_on(t, relay)


@scenario("inputs that a hostile control opens all the time delay nobody", topology="chain3")
def many_inputs(t):
    """A worker that is killed meanwhile comes back."""
    relay = hostile(t, CONTROL="input", IFINDEX=ifindex(t, "eth0"))
    another_worker(t, relay)
    t.true(("end", 0) not in attempts(relay, "control"), "the flood goes on")
    made = dict(tried(t, relay, "control", deadline_s=60))
    t.equal(made["input: first refusal"], -errno.EBUSY, "first refusal")
    t.note(f"{made['input: granted']} opened and closed")
    goes_on(t, relay)


@scenario("a control that says ready twice is refused", topology="chain3")
def ready(t):
    """Saying it again is refused, and costs no line in the log."""
    relay, granted, refusal, _ = flood(t, "ready", 30000)
    t.equal((granted, refusal), (0, -errno.EALREADY), "granted, first refusal")
    t.between(len(relay.log().splitlines()), 3, 40, "lines in the log")
    goes_on(t, relay)


@scenario("a snapshot that is not sealed is mapped by nobody", topology="chain3")
def unsealed(t):
    """The supervisor refuses it; a worker would, too, if the supervisor did not."""
    relay = hostile(t, CONTROL="unsealed")
    made = dict(tried(t, relay, "control"))
    t.equal((made["unsealed: refused"], made["unsealed: first refusal"]), (1, -errno.EPERM),
            "publication")
    relay.stop()

    relay = hostile(t, CONTROL="unsealed", SUPERVISOR="seals")
    made = dict(tried(t, relay, "control"))
    t.equal(made["unsealed: granted"], 1, "publication of a supervisor that does not look")
    t.wait_until(lambda: "snapshot of generation 1 refused" in relay.log(), 5, "a refusal")
    t.true(f"refused: {os.strerror(errno.EPERM)}" in relay.log(), "because it is not sealed")


@scenario("a control that takes memory without end is restarted at its limit", topology="chain3")
def memory(t):
    """The kernel refuses it more than the limit; it says so and exits, and all goes on."""
    relay = hostile(t, CONTROL="memory")
    relay.expect("control exited with status 1")
    [old] = relay.children(CONTROL)
    made = dict(tried(t, relay, "control"))
    t.between(made["MiB of memory"], 640, 768, "MiB that it was given")
    t.wait_until(lambda: "more than the 640 MiB" in relay.log(), 10, "the reason is said")
    t.wait_until(lambda: "control runs again" in relay.log(), 10, "another control")
    t.true(old not in relay.children(CONTROL), "the one before has gone")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t, 0)
    t.check(relay)


@scenario("a child that floods the log is held to a rate, and harms nobody else's lines",
          topology="chain3")
def log(t):
    """A burst of 1 MiB, then 64 KiB a second, whatever it writes; the supervisor goes on."""
    relay = hostile(t, CONTROL="log")
    t.wait_until(lambda: "writes more than 64 KiB a second" in relay.log(), 20, "the reason")
    begin = time.monotonic()
    another_worker(t, relay)
    t.wait_until(lambda: "worker 0 runs again" in relay.log(), 20, "a line of the supervisor")
    made = dict(tried(t, relay, "control", deadline_s=60))
    took_s = time.monotonic() - begin + 3
    flood = sum(len(line) + 1 for line in relay.log().splitlines() if line.startswith("xxx"))
    t.between(flood, (1 << 20) - 4096, (1 << 20) + took_s * (64 << 10), "bytes of the flood in the log")
    t.note(f"{made['KiB of log']} KiB written in two seconds")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    flows(t, 0)
    t.check(relay)


@scenario("an upgrade whose exec fails leaves no descriptor to inherit", topology="chain3")
def failed_exec(t):
    """Everything is as before: closed by the next exec, and relaying."""
    relay = hostile(t, SUPERVISOR="exec")
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    done = relay.ctl("upgrade", check=False, deadline_s=20)
    t.true(done.returncode != 0 and "Cannot allocate memory" in done.stderr, done.stderr)
    flags = {}
    for fd in os.listdir(f"/proc/{relay.pid}/fdinfo"):
        with open(f"/proc/{relay.pid}/fdinfo/{fd}", encoding="ascii") as file:
            flags[int(fd)] = int(re.search(r"flags:\s*(\d+)", file.read())[1], 8)
    t.true(len(flags) > 10, "descriptors of the supervisor")
    t.equal([fd for fd, value in flags.items() if fd > 2 and not value & os.O_CLOEXEC], [],
            "descriptors that an exec would leave open")
    flows(t, 0)


if __name__ == "__main__":
    main()
