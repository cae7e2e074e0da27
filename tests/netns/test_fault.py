#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Faults do what they say, and the check of a relay sees what is wrong with it.

    [gen] eth0 ------- eth0 [relay] eth1 ------- eth0 [sink]
"""

import json
import os
import signal
import sys
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import Failure, main, paths, scenario
from mcrlab.process import ProcessError

from support_lab import one_line
from support_rules import add, output, rule

GROUP = "239.1.1.1"


def relayed(t, **options):
    relay = t.mcrd("relay", **options)
    add(t, relay, rule(GROUP, 5000, output("239.2.2.2", 6000)))
    return relay


def passes(t, count=200):
    """A stream gets through."""
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", GROUP, 5000, count=count, rate=5000)
    t.clean(sink.finish(count), count)


def worker_pid(relay, number=0):
    return relay.rpc("ListWorkers")["workers"][number]["pid"]


# Processes

def sleeps(t, program):
    """Until its program runs, the pid is that of mcrlab on its way into the node."""
    comm = Path(f"/proc/{program.pid}/comm")
    t.wait_until(lambda: comm.read_text(encoding="ascii") == "sleep\n", 5, "the program")


@scenario("kill, stop and continue reach the process they name", topology="chain3")
def signals(t):
    relay = relayed(t, num_workers=2)
    first, second = worker_pid(relay, 0), worker_pid(relay, 1)
    relay.expect("worker 1 was killed by SIGKILL")
    t.fault("relay", "kill", "worker", 1)
    t.wait_until(lambda: worker_pid(relay, 1) != second, 5, "another worker 1")
    t.equal(worker_pid(relay, 0), first, "worker 0")
    program = t.start("sink", ["sleep", "1000"])
    state = lambda: Path(f"/proc/{program.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    sleeps(t, program)
    t.wait_until(lambda: state() == "S", 5, "program")
    t.fault("sink", "stop", "pid", program.pid)
    t.wait_until(lambda: state() == "T", 5, "stopped")
    t.fault("sink", "continue", "pid", program.pid)
    t.wait_until(lambda: state() == "S", 5, "continued")
    t.raises(ProcessError, t.fault, "gen", "kill", "pid", program.pid)  # of another node
    t.true(program.running, "the program of another node lives")
    passes(t)
    t.check(relay)


# Prints the address of a text, and the text whenever it is asked.
REMEMBERS = """
import ctypes, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
text = ctypes.create_string_buffer(bytes(c ^ 1 for c in b"lbhhl!vhmm!cd!gntoe"))
print(hex(ctypes.addressof(text))[2:], flush=True)
while True:
    signal.sigwait([signal.SIGUSR1])
    print(text.value.decode(), flush=True)
"""


@scenario("memory is overwritten where asked, and everywhere a pattern stands", topology="direct2")
def corrupt(t):
    program = t.python_start("sink", REMEMBERS)
    t.wait_until(lambda: program.stdout().endswith("\n"), 5, "address")
    address = program.stdout().strip()
    before = bytes(c ^ 1 for c in b"lbhhl!vhmm!cd!gntoe")
    t.fault("sink", "corrupt", "pid", program.pid, "at", address, b"M".hex())
    program.send_signal(signal.SIGUSR1)
    t.wait_until(lambda: len(program.stdout().splitlines()) == 2, 5, "first look")
    changed = b"M" + before[1:]
    t.equal(program.stdout().splitlines()[1], changed.decode(), "after the first")
    report = t.fault("sink", "corrupt", "pid", program.pid, "find", changed.hex(),
                     bytes(reversed(changed)).hex(), "private")
    t.true(report["places"] >= 1, "places")
    program.send_signal(signal.SIGUSR1)
    t.wait_until(lambda: len(program.stdout().splitlines()) == 3, 5, "second look")
    t.equal(program.stdout().splitlines()[2], changed.decode()[::-1], "after the second")
    other = t.start("sink", ["sleep", "1000"])
    sleeps(t, other)
    for words, message in (
            (("find", os.urandom(24).hex(), bytes(24).hex()),
             f"process {other.pid} has these 24 bytes nowhere in its writable memory"),
            (("at", "0", "00"), f"process {other.pid} has no 1 bytes of memory at 0x0")):
        t.true(message in str(t.raises(ProcessError, t.fault, "sink", "corrupt", "pid", other.pid,
                                       *words)), message)


@scenario("a limit is one of the process it was set for", topology="direct2")
def limits(t):
    program = t.start("sink", ["sleep", "1000"])
    sleeps(t, program)
    for name, amount in (("nofile", 17), ("as", 123456789), ("data", 65536), ("memlock", 4096)):
        t.fault("sink", "limit", "pid", program.pid, name, amount)
    lines = Path(f"/proc/{program.pid}/limits").read_text(encoding="ascii").splitlines()
    soft = {line[:26].strip(): line[26:].split()[0] for line in lines}
    t.equal((soft["Max open files"], soft["Max address space"], soft["Max data size"],
             soft["Max locked memory"]), ("17", "123456789", "65536", "4096"), "limits")


@scenario("a limit that cannot be set says what is missing", topology="direct2", root=True)
def limits_refused(t):
    other = t.start("sink", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                             "sleep", "1000"])
    ours = t.start("sink", ["sh", "-c", "ulimit -n 50; exec sleep 1000"])
    for program in (other, ours):
        sleeps(t, program)
    for program, amount, message in (
            (other, 17, "runs as another user: CAP_SYS_RESOURCE is missing"),
            (ours, 51, f"nofile 51 is above the hard limit of process {ours.pid}"),
            (ours, "x", "mcrlab: nofile: 'x' is not a number")):
        done = t.run(None, ["setpriv", "--bounding-set=-sys_resource", paths.program("mcrlab"),
                            "fault", t.lab.name, "sink", "limit", "pid", program.pid, "nofile",
                            amount], check=False)
        one_line(t, done, 2, message, f"limit {amount}")


@scenario("a hog uses up the CPU of a worker, and forwarding goes on", topology="chain3")
def hog(t):
    relay = relayed(t)
    cpu = relay.rpc("ListWorkers")["workers"][0]["cpu"]
    process = t.fault_start("relay", "hog", "worker", 0)
    t.equal(os.sched_getaffinity(process.pid), {cpu}, "where it runs")
    used = lambda: sum(map(int, Path(f"/proc/{process.pid}/stat").read_text()
                           .rsplit(")", 1)[1].split()[11:13]))
    t.wait_until(lambda: used() > 10, 10, "ticks used")
    passes(t)
    t.equal(process.stop(), 0, "status of the hog")


# Clients

@scenario("a client that stalls harms nobody, one that floods neither", topology="chain3")
def clients(t):
    relay = relayed(t)
    stalled = t.fault_start("relay", "stall-client", relay.socket_path)
    flooding = t.fault_start("relay", "flood-client", relay.socket_path)
    passes(t)
    t.check(relay)
    relay.rpc("Ping")
    for process, requests in ((stalled, 0), (flooding, 1)):
        if process.running:
            process.stop()
        report = json.loads(process.stdout().splitlines()[1])
        t.true(report["requests"] >= requests, f"{process.argv[4]}: {report}")
        t.true(report["bytes"] > 0, f"{process.argv[4]}: {report}")


# Interfaces

@scenario("an interface goes down and up, away and comes back with all it had", topology={
    "nodes": {"gen": {}, "relay": {"routes": [{"to": "10.7.0.0/16", "via": "10.90.1.9"}]},
              "sink": {}},
    "links": [{"ends": [{"at": "gen:eth0", "addresses": ["10.10.1.100/24"]},
                        {"at": "relay:eth0", "addresses": ["10.20.0.1/24"]}]},
              {"mtu": 1400, "wire": True,
               "ends": [{"at": "relay:eth1", "addresses": ["10.90.1.1/24"],
                         "mac": "02:00:00:00:00:07"},
                        {"at": "sink:eth0", "addresses": ["10.90.1.2/24"], "gro": True}]}]})
def interfaces(t):
    show = lambda: (t.run("relay", ["ip", "-o", "-4", "address", "show", "eth1"]).stdout.split()[3],
                    t.run("relay", ["ip", "route"]).stdout,
                    t.run("relay", ["cat", "/sys/class/net/eth1/mtu"], check=False).stdout)
    relay = relayed(t)
    passes(t)
    before = show()
    index = lambda: t.run("relay", ["ip", "-o", "link", "show", "eth1"]).stdout.split(":")[0]
    old = index()
    t.fault("relay", "down", "eth1")
    t.true("state DOWN" in t.run("relay", ["ip", "-o", "link", "show", "eth1"]).stdout, "down")
    t.fault("relay", "up", "eth1")
    t.fault("relay", "delete", "eth1")
    t.true(t.run("relay", ["ip", "link", "show", "eth1"], check=False).returncode != 0, "deleted")
    t.fault("relay", "recreate", "eth1")
    t.equal(show()[0], before[0], "address")
    t.equal(show()[1], before[1], "routes")
    t.true(index() != old, "a new interface has a new index")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["state"] == "active", 5, "active")
    t.check(relay)
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.impair("sink", "eth0", "every", 2)
    t.gen("gen", "eth0", GROUP, 5000, count=200, rate=5000, size=200)
    t.equal(sink.finish(100)["received"], 100, "received through a new wire that is impaired")
    t.fault("relay", "rename", "eth1", "out")
    t.true("out" in t.run("relay", ["ip", "-o", "link"]).stdout, "renamed")
    t.fault("relay", "rename", "out", "eth1")
    t.fault("relay", "readdress", "eth1", "10.91.0.1/16")
    t.equal(show()[0], "10.91.0.1/16", "new address")
    t.wait_until(lambda: relay.rpc("ListRules")["rules"][0]["state"] == "active", 5, "active")
    t.check(relay)


# The check itself: each part of it can fail

@scenario("the check accepts a relay in all its states", topology="chain3")
def check_good(t):
    relay = t.mcrd("relay", num_workers=2)
    t.check(relay)
    for n in range(45):
        add(t, relay, rule(f"239.1.2.{n}", 5000, output("239.2.2.2", 6000 + n)))
    for n in range(12):
        add(t, relay, rule("232.1.1.1", 5000, output("239.2.3.2", 6000), source=f"10.1.1.{n + 1}"))
    add(t, relay, rule("10.20.0.1", 5500, output("239.2.4.2", 6000)))
    t.check(relay)
    for n in range(45):
        relay.rpc("RemoveRule", {"rule_id": relay.rpc("ListRules")["rules"][0]["rule_id"]})
    t.check(relay)
    relay.expect("(worker 0|control) was killed by SIGKILL", 2)
    t.fault("relay", "kill", "worker", 0)
    t.fault("relay", "kill", "control")
    t.check(relay, deadline_s=10)


@scenario("the check sees memberships too many and too few", topology="chain3")
def check_memberships(t):
    relay = relayed(t)
    stranger = t.sink("relay", "eth0", "239.9.9.9", 7000)
    error = t.raises(Failure, t.check, relay, deadline_s=0.2)
    t.equal(str(error), "memberships: 239.9.9.9 is joined on eth0, but no active rule wants it",
            "too many")
    stranger.stop()
    lone = t.sink("relay", "eth0", "232.9.9.9", 7000, source="10.1.2.3")
    error = t.raises(Failure, t.check, relay, deadline_s=0.2)
    t.true("232.9.9.9 from 10.1.2.3 is joined on eth0" in str(error), str(error))
    lone.stop()
    t.check(relay)


@scenario("the check knows inputs that are closed, and those without a rule", topology="chain3",
          record=False)  # a recorder has a packet socket, too
def check_inputs(t):
    """An input's sockets go with its last rule, unless the command line names the interface."""
    for interface, sockets in ((None, 0), ("eth0", 4)):
        relay = t.mcrd("relay", interface=interface)
        added = relay.rpc("AddRule", rule("239.1.1.1", 5000, output("239.2.2.2", 6000)))
        t.check(relay)
        relay.rpc("RemoveRule", {"rule_id": added["rule_id"]})
        t.equal([one["name"] for one in relay.stats()["interfaces"]], ["eth0"],
                "what statistics tell of")
        held = lambda: len(t.run("relay", ["cat", "/proc/net/packet"]).stdout.splitlines()) - 1
        # A worker lets go of a closed input when it comes to the message.
        t.wait_until(lambda n=sockets: held() == n, 10, f"{sockets} packet sockets")
        t.check(relay)
        relay.stop()


WORKER = {"worker": 0, "state": "running", "generation": 7, "hash": "ab", "in_sync": True,
          "rules": 0}
COUNTERS = {"received": 10, "matched": 7, "drops": {"not_matched": 2, "shed": 1}}
OUTPUT = {"interface": "eth1", "matched": 7, "sent": 5, "send_drops": {"refused": 2}}

# A relay's answer, the error in it, and the line that the check must print.
LIES = [
    ("totals", "matched", 6, "conservation: totals: received 10, but matched 6 and dropped 3"),
    ("totals", "received", 11, "conservation: totals: received 11, but matched 7 and dropped 3"),
    ("counters", "received", 9, "conservation: worker 0: received 9, but matched 7 and dropped 3"),
    ("output", "sent", 4, "conservation: rule r output eth1: matched 7, but sent 4 and dropped 2"),
    ("worker", "state", "starting", "agreement: worker 0 is starting"),
    ("worker", "generation", 6, "agreement: worker 0 is at generation 6 of 7"),
    ("worker", "in_sync", False, "agreement: worker 0: hash ab is not that of its rules"),
    ("worker", "in_sync", None, "agreement: worker 0: hash ab is not that of its rules"),
    ("worker", "rules", 1, "agreement: worker 0 holds 1 rules, should hold 0"),
    ("rules", "generation", 8, "agreement: rules are at generation 8, workers at 7"),
    (None, None, None, None),
]

# Answers from a table, as a relay would that has nothing to it.
IMPOSTOR = """
import json, socket, sys
answers = json.loads(sys.argv[2])
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    for line in connection.makefile():
        request = json.loads(line)
        connection.sendall(json.dumps({"jsonrpc": "2.0", "id": request["id"],
                                       "result": answers.get(request["method"], {})}).encode() + b"\\n")
"""


@scenario("the check sees every kind of lie", topology="direct2")
def check_lies(t):
    for number, (which, key, value, message) in enumerate(LIES):
        parts = {"totals": dict(COUNTERS), "counters": dict(COUNTERS, worker=0),
                 "output": dict(OUTPUT), "worker": dict(WORKER), "rules": {"generation": 7,
                                                                           "rules": []}}
        if which:
            parts[which][key] = value
            if value is None:  # it does not say so at all
                del parts[which][key]
        answers = {"ListWorkers": {"generation": 7, "workers": [parts["worker"]]},
                   "ListRules": parts["rules"],
                   "GetStats": {"totals": parts["totals"], "workers": [parts["counters"]],
                                "rules": [{"rule_id": "r", "outputs": [parts["output"]]}]}}
        path = t.run_dir / f"{number}.sock"
        impostor = t.python_start("sink", IMPOSTOR, path, json.dumps(answers))
        t.wait_until(lambda one=impostor: "ready" in one.stdout(), 5, "impostor")
        done = t.mcrlab("check", "--socket-path", path, "--lab", t.lab.name, "--node", "sink",
                        "--deadline-ms", 0, check=False)
        said = [line for line in done.stdout.splitlines() if not line.startswith("descriptors")]
        t.equal(said, [message] if message else [], f"{which} {key}")
        # It has no arena, no page and no child: that is seen, too.
        t.true("descriptors: 0 arenas, should be 1" in done.stdout, done.stdout + done.stderr)
        impostor.stop(signo=signal.SIGKILL)


if __name__ == "__main__":
    main()
