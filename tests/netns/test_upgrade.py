#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The daemon goes over to another binary while it relays, and loses nothing by it.

    gen ---- eth0  relay (mcrd, from a binary that is replaced)  eth1 ---- sink

The other binary is the same program with another version in it, or one that must be refused.
"""

import os
import shutil
import signal
import struct

import support  # pylint: disable=unused-import
from mcrlab import RpcError, fault, main, paths, scenario
from mcrlab.binary import dies_in, other_messages, other_version, own_mcrd, replace, version_of
from mcrlab.proc import children, descriptors as open_descriptors
from mcrlab.relay import RpcClient

from support_kernel import READS_SUPERS
from support_rules import add, memberships, output, rule, rules_by_id
from support_streams import stream_of_each

IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"
HANGS = "#include <unistd.h>\nint main(void) { for (;;) pause(); }\n"


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def rights(pid):
    found = status(pid)
    return {name: found[name] for name in
            ("Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
             "NoNewPrivs", "Seccomp", "Seccomp_filters", "Name")}


def descriptors(pid):
    """Its open files; of snapshots there are one or two, by what has changed since the whole one."""
    return sorted(target.split(":")[0] for target in open_descriptors(pid).values()
                  if "mcr-snapshot" not in target)


def all_rights(relay):
    return [rights(pid) for pid in [relay.pid] + relay.children(CONTROL) + relay.children(WORKER)]


def settled(t, relay, control):
    """A control that is not `control` answers, and every worker has the rules."""
    def holds():
        try:
            return (relay.children(CONTROL) not in ([], control) and
                    all(one["in_sync"] for one in relay.rpc("ListWorkers")["workers"]))
        except OSError:
            return False
    t.wait_until(holds, 5, "the new control answers, workers are in sync")


def gro(t):
    text = t.run("relay", ["ethtool", "-k", "eth0"]).stdout
    return [line.split()[1] for line in text.splitlines() if "rx-udp-gro-forwarding" in line]


@scenario("an upgrade under traffic loses nothing", topology="chain3", deadline_s=90)
def under_traffic(t):
    """Every datagram arrives once and in order; all is as before but the program."""
    relay, binary = own_mcrd(t, "relay", num_workers=2, config={"gro": {"eth0": READS_SUPERS}})
    add(t, relay, rule(IN, 5000, output(OUT, 6000), name="camera"))
    for port in range(5001, 5005):
        add(t, relay, rule("239.3.3.3", port, output(OUT, port)))
    before, was = rules_by_id(relay), version_of(binary)
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=1400)
    t.wait_until(lambda: sink.received() >= 5000, 10, "the stream flows")
    had, opened, children = all_rights(relay), descriptors(relay.pid), relay.children()
    control = relay.children(CONTROL)
    content, version = other_version(binary)
    replace(binary, content)

    answer = relay.rpc("Upgrade", deadline_s=20)
    t.equal({key: answer[key] for key in ("version", "was", "workers", "rolled")},
            {"version": version, "was": was, "workers": 2, "rolled": 2}, "answer to Upgrade")
    settled(t, relay, control)
    t.equal(set(children) & set(relay.children()), set(), "children of the old program")
    t.equal(relay.rpc("GetVersion")["version"], version, "version of the new control")
    for pid in [relay.pid] + relay.children():
        t.equal(os.readlink(f"/proc/{pid}/exe"), str(binary), "program of each process")
    t.equal(all_rights(relay), had, "rights of each process")
    t.equal(descriptors(relay.pid), opened, "descriptors of the supervisor")
    for one in relay.rpc("ListWorkers")["workers"]:
        t.equal((one["worker_restarts"], one["health_check_failures"], one["last_exit"]),
                (0, 0, "made way for a new binary"), "an upgrade is no failure")
    t.equal(memberships(t, "relay", "eth0"), {IN, "239.3.3.3"}, "memberships")
    arrived = sink.received()
    t.wait_until(lambda: sink.received() >= arrived + 5000, 10, "the stream still flows")

    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.clean(report, sent)
    t.note(f"{sent} datagrams, upgraded in {answer['elapsed_ms']} ms, longest gap "
           f"{report['longest_gap_ms']:.1f} ms")
    shape = ("rule_id", "input", "state", "workers")
    def shapes(rules):
        return {key: [one.get("name")] + [one[name] for name in shape]
                for key, one in rules.items()}
    t.equal(shapes(rules_by_id(relay)), shapes(before), "rules")
    camera = next(key for key, one in before.items() if one.get("name") == "camera")
    counted = {one["rule_id"]: one["matched"] for one in t.conservation(relay)["rules"]}
    t.equal(counted[camera], sent, "matched, counted throughout")
    relay.rpc("RemoveRule", {"rule_id": camera})
    t.equal(memberships(t, "relay", "eth0"), {"239.3.3.3"}, "a membership from before is left")
    t.equal(gro(t), ["on" if READS_SUPERS else "off"], "GRO while it runs")
    code, _ = relay.stop(deadline_s=3)
    t.equal((code, gro(t)), (0, ["off"]), "exit status, GRO as it was found before the upgrade")


@scenario("three upgrades in a row leave nothing behind", topology="chain3", deadline_s=90)
def three_in_a_row(t):
    """Three in a row, by mcrctl and by signal, to another binary and the same: nothing piles up."""
    relay, binary = own_mcrd(t, "relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=1400)
    had, opened = all_rights(relay), descriptors(relay.pid)

    control = relay.children(CONTROL)
    content, version = other_version(binary)
    replace(binary, content)
    done = relay.ctl("upgrade")
    t.true(done.stdout.startswith(f"mcrd {version} runs, was ") and
           "2 of 2 workers rolled" in done.stdout, f"mcrctl upgrade says: {done.stdout}")
    settled(t, relay, control)

    control = relay.children(CONTROL)
    relay.send_signal(signal.SIGUSR2)
    settled(t, relay, control)
    control = relay.children(CONTROL)
    t.equal(relay.rpc("Upgrade")["was"], version, "upgraded to the same")
    settled(t, relay, control)
    t.equal(relay.log().count("upgrade done in"), 3, "upgrades in the log")
    t.equal(all_rights(relay), had, "rights of each process, filters among them")
    t.equal(descriptors(relay.pid), opened, "descriptors of the supervisor")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.conservation(relay)


@scenario("a binary that cannot take over is refused with its reason", topology="chain3", deadline_s=90)
def refused(t):
    """Each with its reason; the old program goes on and nothing was restarted."""
    relay, binary = own_mcrd(t, "relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    children, opened = relay.children(), descriptors(relay.pid)
    good = binary.read_bytes()
    source = t.run_dir / "hangs.c"
    source.write_text(HANGS)
    t.run(None, ["cc", "-o", t.run_dir / "hangs", source])

    def said(reason, what):
        error = t.raises(RpcError, relay.rpc, "Upgrade")
        t.equal(error.code, -32005, f"{what}: code")
        t.true(reason in error.message, f"{what}: {error.message}")
        t.equal(relay.children(), children, f"{what}: children")

    binary.unlink()
    said("No such file or directory", "a binary that is gone")
    binary.mkdir()
    said("Permission denied", "a directory")
    binary.rmdir()
    for what, content, reason in (
            ("an empty file", b"", "does not start"),
            ("the beginning of a binary", good[:16384], "does not start"),
            ("a script", b"#!/bin/sh\nexit 0\n", "does not start"),
            ("a program that is content with anything",
             open("/bin/true", "rb").read(), "does not start: its check exited with status 0"),
            ("another program", open("/bin/false", "rb").read(), "exited with status 1"),
            ("one that hangs", (t.run_dir / "hangs").read_bytes(), "did not end within 2 s"),
            ("other messages", other_messages(good), "speaks other versions (state")):
        replace(binary, content)
        said(reason, what)
    replace(binary, good)
    binary.chmod(0o644)
    said("does not start", "a file that may not be executed")
    failed = relay.ctl("upgrade", check=False)
    t.equal((failed.returncode, failed.stdout), (1, ""), "mcrctl upgrade, refused")
    t.true("does not start" in failed.stderr, f"mcrctl upgrade says: {failed.stderr}")
    t.equal(relay.log().count("upgrade refused: "), 11, "refusals in the log")
    t.equal(descriptors(relay.pid), opened, "descriptors of the supervisor")
    [worker] = relay.rpc("ListWorkers")["workers"]
    t.equal((worker["worker_restarts"], worker["last_exit"]), (0, ""), "restarts, last exit")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    binary.chmod(0o755)
    control = relay.children(CONTROL)
    t.equal(relay.rpc("Upgrade")["rolled"], 1, "the good one is taken after all that")
    settled(t, relay, control)


@scenario("a new worker that does not start ends the upgrade there", topology="chain3", deadline_s=90)
def worker_does_not_start(t):
    """The check passes, the first worker rolled dies at its start: the roll ends there.

    The other worker goes on as it is and loses nothing; everyone says what is missing, and the
    binary of before brings all of it back.
    """
    relay, binary = own_mcrd(t, "relay", num_workers=2)
    sinks, gens = stream_of_each(t, relay, IN, OUT)
    good, was = binary.read_bytes(), workers_of(relay)
    replace(binary, dies_in(binary, "worker_main"))
    relay.expect("worker 0 exited with status 3", None)

    error = t.raises(RpcError, relay.rpc, "Upgrade", deadline_s=20)
    t.equal((error.code, error.message),
            (-32005, "worker 0 of the new binary does not start; 0 workers were rolled, the others "
             "go on as they are"), "the answer")
    t.equal(len(lines(relay, "upgrade stopped: worker 0", "does not start")), 1, "lines in the log")
    t.true(lines(relay, "worker 0 exited with status 3"), "the log says how it ended")
    t.wait_until(lambda: workers_of(relay)[1]["in_sync"], 5, "the other worker has every rule")
    dead, alive = workers_of(relay)
    t.equal((alive["pid"], alive["worker_restarts"], alive["last_exit"], alive["in_sync"]),
            (was[1]["pid"], 0, "", True), "the other worker")
    t.equal((dead["last_exit"], dead["in_sync"]), ("exited with status 3", False), "worker 0")
    t.true(dead["state"] in ("not running", "starting") and dead["worker_restarts"] >= 1,
           f"worker 0: {dead['state']}, restarts {dead['worker_restarts']}")
    table = relay.ctl("list-workers").stdout
    t.true("exited with status 3" in table, f"mcrctl list-workers says why: {table}")

    # A rule that is added now is not applied by the worker that is missing.
    answer = relay.rpc("AddRule", rule("239.3.3.3", 5999, output(OUT, 7999)))
    t.equal((answer["workers"], answer["applied"]), (2, 1), "workers, applied")
    nobody = [{"worker": 0, "reason": "worker not running"}]
    t.equal(answer["pending"], nobody, "pending")
    t.equal({one["workers"][0]: one["pending"] for one in relay.rpc("ListRules")["rules"]
             if one["input"]["port"] != 5999}, {0: nobody, 1: []}, "pending, of each one's rule")
    t.wait_until(lambda: workers_of(relay)[0]["worker_restarts"] >= dead["worker_restarts"] + 2, 5,
                 "it is tried again")
    had = sinks[1].received()
    t.wait_until(lambda: sinks[1].received() >= had + 500, 5, "the other stream flows")

    # The binary of before: the worker comes back when its turn is, with every rule.
    replace(binary, good)
    relay.rpc("Upgrade", deadline_s=20)
    t.wait_until(lambda: all(one["in_sync"] for one in workers_of(relay)), 10, "all workers run")
    had = sinks[0].received()
    t.wait_until(lambda: sinks[0].received() >= had + 500, 5, "its stream flows again")
    t.equal([one["pending"] for one in relay.rpc("ListRules")["rules"]], [[]] * 3, "rules")
    sent = {n: gen.stop()["sent"] for n, gen in gens.items()}
    t.clean(sinks[1].finish(sent[1]), sent[1], "the stream of the other worker")
    report = sinks[0].finish(0, quiet_ms=200)
    t.equal((report["reordered"], report["corrupt"], report["short"]), (0, 0, 0),
            "order and content of its stream")
    drops = t.conservation(relay)["totals"]["drops"]
    t.equal(sent[0] - report["unique"], drops["socket_queue"], "lost is what its queue dropped")
    t.note(f"worker 0 away for {report['longest_gap_ms']:.0f} ms: {drops['socket_queue']} of "
           f"{sent[0]} datagrams overflowed its queue")


def workers_of(relay):
    return relay.rpc("ListWorkers")["workers"]


def lines(relay, *words):
    return [line for line in relay.log().splitlines() if all(word in line for word in words)]


@scenario("a second upgrade at the same time is refused", topology="chain3")
def two_at_once(t):
    """The second is told that there is one, and the first goes through."""
    relay, binary = own_mcrd(t, "relay", num_workers=1)
    source = t.run_dir / "hangs.c"
    source.write_text(HANGS)
    t.run(None, ["cc", "-o", t.run_dir / "hangs", source])
    replace(binary, (t.run_dir / "hangs").read_bytes())
    with relay.connect() as first:
        first.raw('{"jsonrpc": "2.0", "id": 7, "method": "Upgrade"}\n')
        t.wait_until(lambda: "upgrade: checking" in relay.log(), 5, "the first is under way")
        error = t.raises(RpcError, relay.rpc, "Upgrade")
        t.equal((error.code, "another upgrade is under way" in error.message), (-32005, True),
                "the second")
        answer = first.read()
        t.equal((answer["id"], "did not end within 2 s" in answer["error"]["message"]), (7, True),
                "the first")


@scenario("an upgrade without root keeps the rights there are", topology="chain3", root="more than one user")
def without_root(t):
    """A user with two rights: they go over the exec, and no more than they."""
    directory = t.run_dir / "own"
    directory.mkdir()
    for path in (t.run_dir, directory):
        path.chmod(0o777)
    path = directory / "control.sock"
    rights_wanted = "+net_raw,+net_admin"
    daemon = t.start("relay", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               f"--inh-caps={rights_wanted}", f"--ambient-caps={rights_wanted}",
                               paths.program("mcrd"), "--control-socket-path", path,
                               "--num-workers", "1"])
    t.wait_until(lambda: "ready after" in daemon.stderr(), 5, "ready")
    had = rights(daemon.pid)
    t.equal((had["CapPrm"], had["CapAmb"]), (f"{3 << 12:016x}", f"{0:016x}"), "rights")

    def ask(method, params=None):
        with RpcClient(path) as client:
            client.call("VersionCheck", {"version": "1"})
            return client.call(method, params)
    t.equal(ask("Upgrade")["rolled"], 1, "workers rolled")
    t.wait_until(lambda: "control runs again" in daemon.stderr(), 5, "the new control")
    t.equal(rights(daemon.pid), had, "rights afterwards")
    # It opens packet sockets, so that the rights are of use.
    t.equal(ask("AddRule", rule(IN, 5000, output(OUT, 6000)))["state"], "active", "a rule")
    t.equal(daemon.stop(deadline_s=3), 0, "exit status")


@scenario("a worker that crashes during an upgrade loses nothing", topology="chain3")
def crashes_on_its_way(t):
    """The upgrade goes through, nothing is lost, and how it ended is said."""
    relay, binary = own_mcrd(t, "relay", num_workers=2)
    sinks, gens = stream_of_each(t, relay, IN, OUT)
    replace(binary, other_version(binary)[0])
    victim = workers_of(relay)[0]["pid"]
    os.kill(victim, signal.SIGSTOP)
    relay.send_signal(signal.SIGUSR2)
    t.wait_until(lambda: len(lines(relay, "children run as")) == 2, 5, "the new supervisor")
    relay.stats()  # it has gone round its loop: the worker is asked
    relay.expect("worker 0 was killed by SIGABRT")
    os.kill(victim, signal.SIGABRT)
    os.kill(victim, signal.SIGCONT)
    t.wait_until(lambda: lines(relay, "upgrade done in", "2 of 2 workers rolled"), 5, "the end")
    t.wait_until(lambda: len(lines(relay, "control runs again")) == 1, 5, "the new control")
    t.wait_until(lambda: all(one["in_sync"] for one in workers_of(relay)), 5, "workers in sync")
    t.equal([(one["worker_restarts"], one["last_exit"].removesuffix(", core dumped"))
             for one in workers_of(relay)],
            [(0, "was killed by SIGABRT"), (0, "made way for a new binary")], "restarts, last exit")
    t.equal(len(lines(relay, "worker 0 was killed by SIGABRT",
                      "while it made way for a new binary")), 1, "lines in the log")
    for n, gen in gens.items():
        sent = gen.stop()["sent"]
        report = sinks[n].finish(sent)
        t.equal((report["unique"], report["reordered"], report["corrupt"]), (sent, 0, 0),
                f"the stream of worker {n}")
    t.conservation(relay)


@scenario("an upgrade goes on when control is killed", topology="chain3")
def control_dies_meanwhile(t):
    """Its successor is the new program already: it is not restarted a second time."""
    relay, binary = own_mcrd(t, "relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    old, [control] = relay.children(WORKER), relay.children(CONTROL)
    replace(binary, other_version(binary)[0])
    # The last one to be rolled does not finish before it is found to hang.
    os.kill(workers_of(relay)[1]["pid"], signal.SIGSTOP)
    relay.send_signal(signal.SIGUSR2)
    t.wait_until(lambda: set(relay.children(WORKER)) - set(old), 5, "the first is rolled")
    relay.expect("control was killed by SIGKILL")
    os.kill(control, signal.SIGKILL)
    t.wait_until(lambda: relay.children(CONTROL) not in ([], [control]), 5, "another control")
    [successor] = relay.children(CONTROL)
    t.wait_until(lambda: lines(relay, "upgrade done in"), 5, "the end of the upgrade")
    settled(t, relay, [control])
    # The supervisor's loop has been round: it has answered a request since.
    relay.stats()
    t.equal(relay.children(CONTROL), [successor], "the control that runs")
    t.equal(len(lines(relay, "warning Supervisor[supervisor]: control ")), 1,
            "warnings about a control")
    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.equal((report["unique"], report["reordered"], report["corrupt"]), (sent, 0, 0), "stream")
    t.conservation(relay)


@scenario("SIGTERM in the middle of an upgrade ends the daemon in order", topology="chain3")
def stopped_meanwhile(t):
    """SIGTERM right behind SIGUSR2: in order, with status 0, leaving nothing."""
    relay, _ = own_mcrd(t, "relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    children = relay.children()
    relay.send_signal(signal.SIGUSR2)
    t.wait_until(lambda: set(relay.children(WORKER)) - set(children), 5, "a worker is rolled")
    code, log = relay.stop(deadline_s=3)
    t.equal(code, 0, "exit status")
    t.equal(log.count("[STATS:Ingress FINAL]"), 1, "final statistics")


@scenario("a worker that does not finish is ended by the upgrade", topology="chain3")
def does_not_finish(t):
    """It lives and does not take its order to make way: it is not waited for without end."""
    relay, binary = own_mcrd(t, "relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    control, old = relay.children(CONTROL), workers_of(relay)[1]["pid"]
    replace(binary, other_version(binary)[0])
    with fault.stopped(old):
        relay.send_signal(signal.SIGUSR2)
        t.wait_until(lambda: lines(relay, "upgrade done in", "2 of 2 workers rolled"), 20, "the end")
    settled(t, relay, control)
    t.true(old not in relay.children(), "the worker that stood still is gone")
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=500, size=200)
    t.clean(sink.finish(500), 500)


# struct vfs_ns_cap_data of linux/capability.h, revision 2: CAP_NET_ADMIN, effective
OTHER_RIGHTS = struct.pack("<IIIII", 0x02000001, 1 << 12, 0, 0, 0)


@scenario("an upgrade that would lose the rights is refused", topology="chain3",
          root="more than one user")
def rights_lost(t):
    """A file with capabilities of its own is started without those of its parent."""
    directory = t.run_dir / "own"
    directory.mkdir()
    for path in (t.run_dir, directory):
        path.chmod(0o777)
    binary, path = directory / "mcrd", directory / "control.sock"
    shutil.copy(paths.program("mcrd"), binary)
    content, rights_wanted = binary.read_bytes(), "+net_raw,+net_admin"
    daemon = t.start("relay", ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                               f"--inh-caps={rights_wanted}", f"--ambient-caps={rights_wanted}",
                               binary, "--control-socket-path", path, "--num-workers", "1"])
    t.wait_until(lambda: "ready after" in daemon.stderr(), 10, "ready")
    replace(binary, content)
    try:
        os.setxattr(binary, "security.capability", OTHER_RIGHTS)
    except OSError as error:
        t.skip(f"no capabilities of files here: {error.strerror}")

    def ask(method, params=None):
        with RpcClient(path) as client:
            client.call("VersionCheck", {"version": "1"})
            return client.call(method, params)
    before = children(daemon.pid)
    error = t.raises(RpcError, ask, "Upgrade")
    t.true("does not start" in error.message, error.message)
    t.equal((children(daemon.pid), daemon.running), (before, True), "children, daemon")
    replace(binary, content)
    t.equal(ask("Upgrade")["rolled"], 1, "without them it is taken")
    t.wait_until(lambda: "control runs again" in daemon.stderr(), 10, "the new control")
    t.equal(daemon.stop(), 0, "exit status")


if __name__ == "__main__":
    main()
