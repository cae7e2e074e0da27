#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""User, rights and descriptors of each process of the daemon, and what outlives it.

    supervisor (root, five rights)
      |-- control   (mcr, no right, seccomp)
      |-- worker 0  (mcr, no right, seccomp, a network of its own with nothing in it)
      '-- worker 1

test_hostile.py tries what a sealed child cannot do.
"""

import json
import os
import pwd
import re
import signal

import support  # pylint: disable=unused-import
from mcrlab import main, proc, scenario

from support_rules import add, held, output, rule, rules_by_id, state_of_process

IN, OUT = "239.1.1.1", "239.2.2.2"
CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK = \
    6, 7, 10, 12, 13, 14
SUPERVISOR_RIGHTS = sum(1 << cap for cap in (CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE,
                                             CAP_NET_ADMIN, CAP_NET_RAW, CAP_IPC_LOCK))
UNLISTED = range(65533, 65519, -1)  # numbers that distributions leave free
CONTROL, WORKER = "--role=control", "--role=worker"


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def rights(pid):
    """Every set of capabilities, as numbers."""
    found = status(pid)
    return {name: int(found[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}


def namespace(pid, kind):
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def descriptors(pid):
    """The targets of a process's descriptors, without the numbers of sockets and such."""
    return {fd: re.sub(r":\[\d+\]$", "", target).removesuffix(" (deleted)")
            for fd, target in proc.descriptors(pid).items()}


def has_account(uid):
    try:
        return bool(pwd.getpwuid(uid))
    except KeyError:
        return False


def children_user():
    try:
        return pwd.getpwnam("mcr").pw_uid
    except KeyError:
        return next(uid for uid in UNLISTED if not has_account(uid))


def started(t, num_workers=2):
    relay = t.mcrd("relay", num_workers=num_workers)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    [control] = relay.children(CONTROL)
    workers = relay.children(WORKER)
    t.equal(len(workers), num_workers, "workers")
    t.equal(sorted(relay.children()), sorted([control] + workers), "children of the supervisor")
    return relay, control, workers


@scenario("the supervisor keeps five rights, its children none", topology="chain3")
def rights_of_each(t):
    """The supervisor keeps five rights; no child has any, or a way to get one."""
    relay, control, workers = started(t)
    t.equal(rights(relay.pid), {"Inh": 0, "Prm": SUPERVISOR_RIGHTS, "Eff": SUPERVISOR_RIGHTS,
                                "Bnd": SUPERVISOR_RIGHTS, "Amb": 0}, "rights of the supervisor")
    none = {"Inh": 0, "Prm": 0, "Eff": 0, "Amb": 0}
    for pid in workers:
        t.equal(rights(pid), {**none, "Bnd": 0}, "rights of a worker")
    # Only CAP_SETPCAP could empty control's bounding set; no_new_privs makes it unreachable.
    t.equal(rights(control), {**none, "Bnd": SUPERVISOR_RIGHTS}, "rights of control")
    for pid in [relay.pid, control] + workers:
        t.equal((status(pid)["NoNewPrivs"], status(pid)["Seccomp"]), ("1", "2"),
                "no_new_privs, seccomp filter")
    for pid in [control] + workers:
        t.equal(status(pid)["Seccomp_filters"], "2", "the supervisor's filter and its own")


@scenario("children are another user, which cannot look into them",
          topology="chain3", root="more than one user")
def users(t):
    """Children are an ordinary user, in one group that is not root's, and cannot be looked into."""
    _, control, workers = started(t)
    uid = str(children_user())
    for pid in [control] + workers:
        found = status(pid)
        t.equal(set(found["Uid"].split()), {uid}, "real, effective, saved, file system user")
        t.equal(len(set(found["Gid"].split())), 1, "groups differ")
        t.true("0" not in found["Gid"].split(), "group is root's")
        t.equal(found["Groups"].split(), [], "supplementary groups")
        t.equal(os.stat(f"/proc/{pid}/environ").st_uid, 0, "dumpable: owner of its /proc files")


@scenario("a worker's network is empty", topology="chain3")
def empty_network(t):
    """A namespace of its own, in which there is the loopback, down, and nothing else."""
    relay, control, workers = started(t)
    t.equal(namespace(control, "net"), namespace(relay.pid, "net"), "control's network")
    networks = [namespace(pid, "net") for pid in workers]
    t.equal(len(set(networks + [namespace(relay.pid, "net")])), 3, "networks, all different")
    for pid in workers:
        t.true(namespace(pid, "user") != namespace(relay.pid, "user"), "its own user namespace")
        with open(f"/proc/{pid}/net/dev", encoding="ascii") as file:
            names = [line.split(":")[0].strip() for line in file if ":" in line]
        t.equal(names, ["lo"], "interfaces of a worker")
        with open(f"/proc/{pid}/net/route", encoding="ascii") as file:
            t.equal(file.readlines()[1:], [], "its routes")


@scenario("each process has the descriptors that it works with, and no other", topology="chain3")
def open_descriptors(t):
    """Each has its channel on 3 and what it works with, no file and nobody else's socket."""
    relay, control, workers = started(t)
    shared = {0: "/dev/null", 1: str(relay.stdout_path), 2: str(relay.stderr_path)}
    # A pipe to the supervisor, which writes its lines to the log.
    own = {0: "/dev/null", 1: "pipe", 2: "pipe"}

    def holds(pid, *others):
        standard = shared if pid == relay.pid else own
        # A snapshot is open while it is read, a connection of ours until control sees its end.
        expected = sorted(list(standard.values()) + list(others))
        t.wait_until(lambda: sorted(descriptors(pid).values()) == expected, 5,
                     f"descriptors of {pid}: {expected}, not {sorted(descriptors(pid).values())}")
        found = descriptors(pid)
        t.equal({fd: found[fd] for fd in standard}, standard, "standard descriptors")
        t.equal(found[3], "socket", "channel")

    [serving] = relay.rpc("ListRules")["rules"][0]["workers"]
    for one in relay.rpc("ListWorkers")["workers"]:
        # Channel, one input, one output interface, and the rule's output where it is served;
        # the ring; the event that tells of an applied snapshot.
        holds(one["pid"], *["socket"] * (4 if one["worker"] == serving else 3),
              "anon_inode:[io_uring]", "anon_inode:[eventfd]")
    # Channel, two listeners, netlink of links and of routes; pages and snapshots are mapped, not open.
    # With the kernel path the map of references, too; only the supervisor has program and links.
    by_kernel = os.environ.get("MCR_PATH") == "auto"
    holds(control, *["socket"] * 5, "anon_inode:[eventpoll]", "anon_inode:[eventfd]",
          *["anon_inode:bpf-map"] * by_kernel)
    # It also looks at the state of each child.
    left = set(descriptors(relay.pid).values()) - set(shared.values()) - {"/proc/PID/stat"}
    t.equal({one for one in left if not one.startswith("/memfd:mcr-")},
            {"socket", "pipe", "anon_inode:[pidfd]", "anon_inode:[signalfd]", "anon_inode:[eventpoll]",
             "anon_inode:[eventfd]", "anon_inode:[io_uring]",
             *["anon_inode:bpf-prog", "anon_inode:bpf-map", "anon_inode:bpf_link"] * by_kernel},
            "kinds of descriptors of the supervisor")
    rings = [one for one in descriptors(relay.pid).values() if one == "anon_inode:[io_uring]"]
    t.equal(len(rings), len(workers), "rings that the supervisor keeps")


@scenario("a worker needs less than 64 MB at defaults", topology="chain3")
def memory(t):
    """A worker is resident with less than 64 MB at defaults."""
    _, _, workers = started(t, num_workers=1)
    resident_kb = int(status(workers[0])["VmRSS"].split()[0])
    if b"libasan" in open(f"/proc/{workers[0]}/maps", "rb").read():
        t.skip(f"{resident_kb} KB with the sanitizers")
    t.between(resident_kb, 1, 64 * 1024, "VmRSS in KB")
    t.note(f"resident: {resident_kb} KB")


def flows(t, relay, flow, count=1000):
    """A stream, whole, through the relay as it is now."""
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=count, size=200, first_flow=flow)
    t.clean(sink.finish(count), count, f"stream {flow}")


@scenario("a worker that is killed comes back", topology="chain3")
def worker_killed(t):
    """Traffic flows again by itself; rules and counters are those of before."""
    relay, _, [worker] = started(t, num_workers=1)
    flows(t, relay, 0)
    relay.expect("worker 0 was killed by SIGKILL")
    os.kill(worker, signal.SIGKILL)
    t.wait_until(lambda: (workers := relay.rpc("ListWorkers")["workers"])[0]["pid"] != worker and
                 workers[0]["state"] == "running" and workers[0]["in_sync"], 5,
                 "another worker, with the rules")
    flows(t, relay, 1)
    [now] = relay.rpc("ListWorkers")["workers"]
    t.equal((now["worker_restarts"], now["rules"]), (1, 1), "restarts, rules")
    t.equal(rights(now["pid"])["Bnd"], 0, "the new worker is sealed as well")
    t.equal(t.conservation(relay)["rules"][0]["matched"], 2000, "matched, by both workers")


@scenario("what arrives while a worker is dead is not lost", topology="chain3")
def queued(t):
    """The sockets belong to the supervisor and queue: a killed worker's successor reads them."""
    relay, _, _ = started(t, num_workers=1)
    # The successor takes nothing before it has its rules, however many there are.
    relay.rpc("LoadConfig", {"text": json.dumps({"rules": [
        rule(f"239.3.{n // 250}.{n % 250}", 5000, output(OUT, 7000)) for n in range(500)]})})
    for flow in range(3):
        sink = t.sink("sink", "eth0", OUT, 6000)
        [worker] = relay.children(WORKER)
        gen = t.gen_start("gen", "eth0", IN, 5000, hold=True, count=300, size=200,
                          first_flow=flow)
        with held(t, [worker]):  # so that the datagrams are in the socket and nowhere else
            gen.finish()
            relay.expect("worker 0 was killed by SIGKILL")
            os.kill(worker, signal.SIGKILL)
        t.clean(sink.finish(300), 300, f"stream {flow}")
        t.wait_until(lambda: relay.rpc("ListWorkers")["workers"][0]["in_sync"], 5, "in sync")
    t.conservation(relay)


@scenario("control that is killed comes back", topology="chain3")
def control_killed(t):
    """The stream goes on without a gap; rules, ids and names are there afterwards."""
    relay = t.mcrd("relay")
    add(t, relay, rule(IN, 5000, output(OUT, 6000), name="camera"))
    before = rules_by_id(relay)
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    t.wait_until(lambda: sink.received() >= 500, 5, "the stream flows")
    [control] = relay.children(CONTROL)
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)

    def answers():
        try:
            return relay.children(CONTROL) not in ([], [control]) and relay.rpc("Ping")["pong"]
        except OSError:
            return False
    t.wait_until(answers, 5, "control answers again")
    shape = ("rule_id", "name", "input", "state")
    after = rules_by_id(relay)
    t.equal({key: [one[name] for name in shape] for key, one in after.items()},
            {key: [one[name] for name in shape] for key, one in before.items()}, "rules")
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + 500, 5, "the stream still flows")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.equal(relay.rpc("AddRule", rule(IN, 5000, output(OUT, 6000), name="camera"))["result"],
            "unchanged", "the rule added again")
    t.equal(t.conservation(relay)["rules"][0]["matched"], sent, "matched, counted throughout")


@scenario("children end with the supervisor", topology="chain3")
def supervisor_killed(t):
    """SIGKILL of the supervisor alone: all its children are gone at once."""
    relay, control, workers = started(t)
    relay.kill()
    for pid in [control] + workers:
        t.wait_until(lambda: not os.path.exists(f"/proc/{pid}") or state_of_process(pid) == "Z", 2,
                     f"the end of {pid}")
    # Its sockets are left behind; the next one takes their place.
    t.mcrd("relay", args=["--control-socket-path", relay.socket_path])
    t.equal(relay.rpc("Ping")["pong"], True, "a new daemon answers on the old socket")


if __name__ == "__main__":
    main()
