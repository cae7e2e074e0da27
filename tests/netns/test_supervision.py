#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A child that hangs, dies or lies is restarted alone, soon, and with its reason; the end is always in order.

    gen ---- eth0  relay  eth1 ---- sink

Faults come from outside: signals, and the memory of a process.
"""

import mmap
import os
import re
import resource
import signal
import time

import support  # pylint: disable=unused-import
from mcrlab import fault, main, paths, scenario

from support_rules import END_S, add, output, rule
from support_streams import rule_of_each, stream_of_each

IN, OUT = "239.1.1.1", "239.2.2.2"
CONTROL, WORKER = "--role=control", "--role=worker"
DRAIN_S = 1  # daemon/supervisor/supervisor.c: workers that do not end are waited for that long


def workers_of(relay):
    return relay.rpc("ListWorkers")["workers"]


def back(relay, worker, old):
    """The worker is another process than `old` and has the rules."""
    one = workers_of(relay)[worker]
    return one["pid"] not in (0, old) and one["in_sync"]


@scenario("a worker that hangs is replaced", topology="chain3")
def worker_hangs(t):
    """SIGSTOP: found, replaced, with its reason; the other worker's stream is whole."""
    relay = t.mcrd("relay", num_workers=2)
    sinks, gens = stream_of_each(t, relay, IN, OUT)
    control = relay.children(CONTROL)
    victim, other = workers_of(relay)[0]["pid"], workers_of(relay)[1]["pid"]
    relay.expect("worker 0 had no heartbeat for")
    os.kill(victim, signal.SIGSTOP)
    t.wait_until(lambda: not os.path.exists(f"/proc/{victim}"), 5, "the end of the hung worker")
    t.wait_until(lambda: back(relay, 0, victim), 5, "a new worker")
    had = sinks[0].received()
    t.wait_until(lambda: sinks[0].received() >= had + 500, 5, "its stream flows again")
    now = workers_of(relay)
    t.equal([(one["worker_restarts"], one["health_check_failures"]) for one in now], [(1, 1), (0, 0)],
            "restarts, failed health checks")
    match = re.fullmatch(r"had no heartbeat for (\d+) ms", now[0]["last_exit"])
    t.true(match, f"last exit: {now[0]['last_exit']!r}")
    t.true(int(match.group(1)) >= 400, f"age of its last heartbeat: {match.group(1)} ms")
    t.equal(now[1]["last_exit"], "", "last exit of the other")
    table = relay.ctl("list-workers").stdout
    t.true(match.group(0) in table and "LAST EXIT" in table, f"mcrctl list-workers: {table}")
    t.equal((now[1]["pid"], relay.children(CONTROL)), (other, control), "worker 1 and control")
    t.true(f"worker 0 {match.group(0)}; restart in 0 ms" in relay.log(), "the reason in the log")
    sent = gens[1].stop()["sent"]
    t.clean(sinks[1].finish(sent), sent, "the other worker's stream")
    gens[0].stop()
    t.note(match.group(0))


LOOPS = {"x86_64": b"\xeb\xfe", "aarch64": b"\x00\x00\x00\x14"}  # a jump to itself


@scenario("a worker that loops is replaced", topology="chain3")
def worker_loops(t):
    """It uses the CPU and turns no more: replaced as one that stands still, without a loss."""
    if os.uname().machine not in LOOPS:
        t.skip("no instruction for this machine")
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=4000, size=200)
    t.wait_until(lambda: sink.received() >= 500, 5, "the stream flows")
    [victim] = relay.children(WORKER)
    relay.expect("worker 0 had no heartbeat for")
    with fault.stopped(victim):
        with open(f"/proc/{victim}/syscall", encoding="ascii") as file:
            at = int(file.read().split()[-1], 16)
        fault.poke(victim, at, LOOPS[os.uname().machine])
    t.wait_until(lambda: back(relay, 0, victim), 5, "a new worker")
    [now] = workers_of(relay)
    t.equal((now["worker_restarts"], now["health_check_failures"]), (1, 1),
            "restarts, failed health checks")
    t.true(re.fullmatch(r"had no heartbeat for \d+ ms", now["last_exit"]), now["last_exit"])
    had = sink.received()
    t.wait_until(lambda: sink.received() >= had + 500, 5, "the stream flows again")
    sent = gen.stop()["sent"]
    report = sink.finish(sent)
    t.equal((report["unique"], report["lost"], report["reordered"], report["corrupt"]),
            (sent, 0, 0, 0), "stream")
    t.between(report["duplicated"], 0, 1, "datagrams sent twice")
    t.conservation(relay)
    t.note(f"{now['last_exit']}, longest gap {report['longest_gap_ms']:.0f} ms")


@scenario("a control that hangs is replaced", topology="chain3")
def control_hangs(t):
    """SIGSTOP: replaced, and no datagram is lost."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=8000, size=200)
    [control], worker = relay.children(CONTROL), relay.children(WORKER)
    relay.expect("control had no heartbeat for")
    os.kill(control, signal.SIGSTOP)
    t.wait_until(lambda: not os.path.exists(f"/proc/{control}"), 5, "the end of the hung control")
    t.wait_until(lambda: relay.children(CONTROL) not in ([], [control]), 5, "a new control")
    t.equal(len(relay.rpc("ListRules")["rules"]), 1, "rules")
    [age_ms] = re.findall(r"control had no heartbeat for (\d+) ms; restart in 0 ms", relay.log())
    t.true(int(age_ms) >= 400, f"age of its last heartbeat: {age_ms} ms")
    t.equal(relay.children(WORKER), worker, "the worker")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)
    t.conservation(relay)
    t.note(f"no heartbeat for {age_ms} ms")


@scenario("a daemon that was stopped as a whole restarts nobody", topology="chain3")
def machine_stalls(t):
    """The whole daemon stopped for a second, as a suspended machine: no child is restarted for
    it."""
    relay = t.mcrd("relay", num_workers=2)
    everybody = [relay.pid] + relay.children()
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    # Time that passes is no event to wait for; the scenario is about a second of it.
    t.wait_until(lambda: time.monotonic() - stopped >= 1, 3, "a second")
    for pid in reversed(everybody):
        os.kill(pid, signal.SIGCONT)
    resumed = time.monotonic()
    t.wait_until(lambda: time.monotonic() - resumed >= 1, 3, "four health checks")
    t.equal([relay.pid] + relay.children(), everybody, "processes")
    t.equal([(one["worker_restarts"], one["last_exit"]) for one in workers_of(relay)], [(0, "")] * 2,
            "restarts, last exit")


@scenario("the log says how a worker ended", topology="chain3")
def endings(t):
    """The reason as it was: the signal, whether a core was written, and which CPU; it starts at once."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    for count, (signo, says) in enumerate(((signal.SIGKILL, "was killed by SIGKILL"),
                                           (signal.SIGTERM, "was killed by SIGTERM"),
                                           (signal.SIGABRT, "was killed by SIGABRT")), 1):
        [one] = workers_of(relay)
        relay.expect(f"worker 0 {says}")
        os.kill(one["pid"], signo)
        t.wait_until(lambda: back(relay, 0, one["pid"]), 5, f"a new worker after {says}")
        [now] = workers_of(relay)
        t.equal((now["worker_restarts"], now["last_exit"].removesuffix(", core dumped"),
                 now["health_check_failures"]), (count, says, 0), "restarts, last exit, hangs")
    waits = re.findall(r"worker 0 was killed by \S+(?:, core dumped)?; restart in (\d+) ms",
                       relay.log())
    t.equal(waits, ["0", "0", "0"], "waits before the restarts")
    [cpu] = {one["cpu"] for one in workers_of(relay)}
    cores = re.findall(r"worker 0 was killed by .*; restart in \d+ ms, CPU (\d+)$", relay.log(),
                       re.MULTILINE)
    t.equal(cores, [str(cpu)] * 3, "the core on which it ran, in the log")


def with_page_of(relay, worker, change):
    """Do something to a worker's page, through the descriptor that the supervisor keeps."""
    fds = sorted(int(fd) for fd in os.listdir(f"/proc/{relay.pid}/fd")
                 if "mcr-worker-page" in os.readlink(f"/proc/{relay.pid}/fd/{fd}"))
    with open(f"/proc/{relay.pid}/fd/{fds[worker]}", "r+b") as file:
        with mmap.mmap(file.fileno(), 4096) as page:
            change(page)


def spoil_all(page):
    page[:] = os.urandom(len(page))


def spoil_state(page):
    page[48:56] = b"\xff" * 8


@scenario("a worker with a status page full of garbage is restarted", topology="chain3")
def garbage_in_the_page(t):
    """Its worker is restarted on a page that is right again; the other's stream is whole."""
    relay = t.mcrd("relay", num_workers=2)
    streams = rule_of_each(t, relay, IN, OUT)
    sink = t.sink("sink", "eth0", OUT, streams[1][1])
    gen = t.gen_start("gen", "eth0", IN, streams[1][0], rate=4000, size=200)
    control, other = relay.children(CONTROL), workers_of(relay)[1]["pid"]
    for count, spoil in enumerate((spoil_all, spoil_state), 1):
        victim = workers_of(relay)[0]["pid"] if count > 1 else relay.children(WORKER)[0]
        relay.expect("worker 0 had an impossible status page")
        with_page_of(relay, 0, spoil)
        t.wait_until(lambda: back(relay, 0, victim), 5, f"a new worker after {spoil.__name__}")
        now = workers_of(relay)
        t.equal((now[0]["worker_restarts"], now[0]["health_check_failures"], now[0]["last_exit"]),
                (count, count, "had an impossible status page"), "worker 0")
    t.equal((workers_of(relay)[1]["pid"], relay.children(CONTROL)), (other, control),
            "worker 1 and control")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent)


ROOM = 8 << 20  # for a ring in the supervisor; a worker's arena alone is larger


@scenario("a worker that cannot be started is tried until it can", topology="chain3")
def cannot_start(t):
    """The others go on, answers say that it is away, and it comes back when it can.

    Its memory does not fit into what the supervisor's children may have from now on.
    """
    with open(paths.program("mcrd"), "rb") as file:
        if b"__asan_init" in file.read():
            t.skip("the sanitizers need more memory than is left here")
    relay = t.mcrd("relay", num_workers=2)
    streams = rule_of_each(t, relay, IN, OUT)
    sink = t.sink("sink", "eth0", OUT, streams[1][1])
    gen = t.gen_start("gen", "eth0", IN, streams[1][0], rate=4000, size=200)
    control, other = relay.children(CONTROL), workers_of(relay)[1]["pid"]
    limits = resource.prlimit(relay.pid, resource.RLIMIT_AS)
    with open(f"/proc/{relay.pid}/statm", encoding="utf-8") as statm:
        size = int(statm.read().split()[0]) * resource.getpagesize()
    resource.prlimit(relay.pid, resource.RLIMIT_AS, (size + ROOM, limits[1]))
    relay.expect("worker 0 was killed by SIGKILL")
    relay.expect("worker 0 exited with status", None)
    os.kill(workers_of(relay)[0]["pid"], signal.SIGKILL)
    t.wait_until(lambda: workers_of(relay)[0]["worker_restarts"] >= 3, 5, "three attempts")
    one = workers_of(relay)[0]
    t.equal((one["state"], one["in_sync"]), ("not running", False), "worker 0")
    t.true(re.fullmatch(r"exited with status \d+", one["last_exit"]), one["last_exit"])
    result = relay.rpc("AddRule", rule("239.4.4.4", 5000, output(OUT, 7000)))
    t.equal((result["applied"], result["pending"]),
            (1, [{"worker": 0, "reason": "worker not running"}]), "answer to AddRule")
    t.true("worker busy" not in relay.log(), "the log calls a worker busy that does not run")
    t.equal((workers_of(relay)[1]["pid"], relay.children(CONTROL)), (other, control),
            "worker 1 and control")
    resource.prlimit(relay.pid, resource.RLIMIT_AS, limits)
    t.wait_until(lambda: back(relay, 0, 0), 10, "worker 0 runs again, with all rules")
    sent = gen.stop()["sent"]
    t.clean(sink.finish(sent), sent, "the other worker's stream")


def stop_and_judge(t, relay, signo=signal.SIGTERM, finals=1):
    began = time.monotonic()
    code, log = relay.stop(deadline_s=END_S, signo=signo)
    t.equal(code, 0, "exit status")
    t.equal(log.count("[STATS:Ingress FINAL]"), finals, "final statistics")
    t.note(f"ended in {(time.monotonic() - began) * 1000:.0f} ms")


@scenario("SIGTERM under traffic sends what was received", topology="chain3")
def ends_under_traffic(t):
    """Received datagrams go out, the final counters equal the sink's, nothing is left."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, rate=20000, size=1400)
    t.wait_until(lambda: sink.received() >= 2000, 5, "the stream flows")
    stop_and_judge(t, relay)
    gen.stop()
    report = sink.finish()
    sent = int(re.search(r"\[STATS:Egress FINAL\] total: sent=(\d+)", relay.log()).group(1))
    t.clean(report, sent, "what the relay says that it sent")


@scenario("a stopped worker does not hold up the end", topology="chain3")
def ends_with_stopped_worker(t):
    """It cannot drain; the others do, and it does not hold up the end."""
    relay = t.mcrd("relay", num_workers=2)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    os.kill(relay.children(WORKER)[0], signal.SIGSTOP)
    stop_and_judge(t, relay)


@scenario("a stopped control does not hold up the end", topology="chain3")
def ends_with_stopped_control(t):
    """It cannot say its last words."""
    relay = t.mcrd("relay", num_workers=1)
    os.kill(relay.children(CONTROL)[0], signal.SIGSTOP)
    stop_and_judge(t, relay, finals=0)


@scenario("children that are all stopped do not hold up the end", topology="chain3")
def ends_with_stopped_children(t):
    """Each step of the end runs into its deadline, and so it ends."""
    relay = t.mcrd("relay", num_workers=2)
    for pid in relay.children():
        os.kill(pid, signal.SIGSTOP)
    stop_and_judge(t, relay, finals=0)


@scenario("a second SIGTERM waits for nobody", topology="chain3")
def ends_at_second_signal(t):
    """The second signal ends all at once, before the drain's second has passed."""
    def early():
        relay = t.mcrd("relay", num_workers=2)
        for pid in relay.children():
            os.kill(pid, signal.SIGSTOP)
        began = time.monotonic()
        relay.send_signal(signal.SIGTERM)
        t.wait_until(lambda: "shutting down" in relay.log(), 5, "the first is seen")
        relay.send_signal(signal.SIGINT)
        t.wait_until(lambda: not relay.children(WORKER), 5, "the workers are killed")
        stop_and_judge(t, relay, finals=0)
        return time.monotonic() - began < DRAIN_S
    t.once(early, f"ended in less than {DRAIN_S} s")


@scenario("datagrams that wait in a socket at SIGTERM are relayed", topology="chain3")
def drained(t):
    """6,000 datagrams in the socket of a worker that stands still when SIGTERM comes."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    gen = t.gen_start("gen", "eth0", IN, 5000, hold=True, count=6000, size=64)
    with fault.stopped(*relay.children(WORKER)):
        gen.finish()
        relay.send_signal(signal.SIGTERM)
        t.wait_until(lambda: "shutting down" in relay.log(), 5, "the signal is seen")
    # No second signal: that would end the worker where it stands.
    t.equal(relay.wait(END_S), 0, "exit status")
    t.clean(sink.finish(6000), 6000)


@scenario("the final statistics include what the kernel counted last", topology="chain3")
def final_counters(t):
    """They include frames that the kernel counted since the last reading (once a second)."""
    relay = t.mcrd("relay", num_workers=1)
    add(t, relay, rule(IN, 5000, output(OUT, 6000)))
    sink = t.sink("sink", "eth0", OUT, 6000)
    t.gen("gen", "eth0", IN, 5000, rate=5000, count=100, size=200)
    t.wait_until(lambda: sink.received() == 100, 5, "the rule's stream has arrived")
    t.gen("gen", "eth0", "239.1.1.9", 5000, count=300, size=200)
    _, log = relay.stop()
    found = re.search(r"\[STATS:Ingress FINAL\] total: recv=(\d+) matched=(\d+) .* no_match=(\d+)",
                      log)
    t.equal(tuple(map(int, found.groups()[1:])), (100, 300), f"matched, no_match in {found[0]}")


@scenario("Ctrl-C reaches the supervisor alone", topology="chain3")
def own_sessions(t):
    """Children have sessions of their own, so they get no signal that a terminal sends to a
    group."""
    relay = t.mcrd("relay", num_workers=2)
    children = relay.children()
    t.equal([os.getsid(pid) for pid in children], children, "sessions of the children")
    t.equal([os.getpgid(pid) for pid in children], children, "their process groups")


if __name__ == "__main__":
    main()
