#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Scenarios: one that is wrong fails, says why, and keeps what helps to understand it.

    test_bad.py     made here, a file for each way to be wrong
    [gen] ------- [sink]   datagrams that are not as they were sent
"""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest import mock

import support  # pylint: disable=unused-import
from mcrlab import Failure, deadline, main, paths, scaled, scenario
from mcrlab.process import ProcessError
from mcrlab.accounting import unaccounted

GROUP = "239.1.1.1"

# A fault of a scenario, the body that has it, and words of the output.
BAD_SCENARIOS = [
    ("an expectation", "t.equal(1, 2, 'the sum')", "the sum: is 1, should be 2"),
    ("an exception", "{}['key']", "KeyError: 'key'"),
    ("a deadline", "import signal\n    while True:\n        signal.pause()", "the scenario's deadline has passed"),
    ("a process left", "t.run('gen', ['sh', '-c', 'sleep 1000 >/dev/null 2>&1 &'])",
     "sleep 1000"),
    ("a condition", "t.wait_until(lambda: False, 0.1, 'the impossible')",
     "not within 0.1 s: the impossible"),
    ("a process that will not end", "p = t.start('gen', ['sh', '-c', 'trap : TERM; echo x; "
     "while :; do sleep 1000; done']); t.wait_until(lambda: 'x' in p.stdout(), 5, 'x'); "
     "p.stop = lambda: type(p).stop(p, 0.2)", "did not end within 0.2 s, was killed"),
]


def run_bad(t, number, body):
    """A file of its own with one scenario that is wrong, and one that is skipped, to its end."""
    script = t.run_dir / f"test_bad{number}.py"
    script.write_text(t._with_path("from mcrlab import deadline, main, scenario\n"
                                   "@scenario('bad one', topology='direct2', deadline_s=2)\n"
                                   f"def bad(t):\n    {body}\n"
                                   "@scenario('skipped')\n"
                                   "def skipped(t):\n    t.skip('no reason')\nmain()\n"))
    return subprocess.run([sys.executable, script], text=True, capture_output=True,
                          timeout=scaled(30),
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept", MCR_SLOW=1),
                          check=False)


@scenario("a scenario that is wrong fails, says why, and keeps the evidence")
def bad_scenarios(t):
    with ThreadPoolExecutor(len(BAD_SCENARIOS)) as pool:
        running = [pool.submit(run_bad, t, number, body)
                   for number, (_, body, _) in enumerate(BAD_SCENARIOS)]
    for number, (what, _, message) in enumerate(BAD_SCENARIOS):
        done = running[number].result()
        t.equal(done.returncode, 1, f"{what}: status")
        t.true("not ok 1 - bad one" in done.stdout, f"{what}: {done.stdout}")
        t.true(message in done.stdout, f"{what}: {done.stdout}")
        t.true("ok 2 - skipped # SKIP no reason" in done.stdout, f"{what}: {done.stdout}")
        evidence = t.run_dir / "kept" / f"test_bad{number}-bad-one"
        t.true(f"# kept: {evidence}" in done.stdout, f"{what}: {done.stdout}")
        t.true((evidence / "topology").read_text().startswith("direct2"), f"{what}: the drawing")


@scenario("a program that cannot start is an error that says why", topology="direct2")
def cannot_start(t):
    error = t.raises(ProcessError, t.sink, "sink", "eth9", GROUP, 5000)
    t.true("eth9" in str(error), str(error))
    error = t.raises(ProcessError, t.gen, "gen", "eth0", GROUP, 5000, size=70000)
    t.true("70000" in str(error), str(error))


# An action on a relay, and the faults that the scenario must then have: words of each.
HURT = [
    ("nothing", "", []),
    ("a worker crashes", "end(worker, 'SIGILL')", ["worker 0 was killed by SIGILL"]),
    ("a worker is killed", "end(worker, 'SIGKILL')", ["worker 0 was killed by SIGKILL"]),
    ("control crashes", "end(control, 'SIGILL')", ["control was killed by SIGILL"]),
    ("a worker hangs", "end(worker, 'SIGSTOP')", ["worker 0 had no heartbeat for"]),
    ("the one announced", "relay.expect('worker 0 was killed by SIGILL'); end(worker, 'SIGILL')", []),
    ("any number announced, one ends", "relay.expect('worker', None); end(worker, 'SIGILL')", []),
    ("another one than announced", "relay.expect('worker 0 was killed by SIGKILL'); "
     "end(worker, 'SIGILL')", ["worker 0 was killed by SIGILL, which was not expected",
                               "'worker 0 was killed by SIGKILL' was expected 1 times, and seen 0"]),
    ("one more than announced", "relay.expect('worker 0 was killed by SIGILL'); "
     "end(worker, 'SIGILL'); end(worker, 'SIGILL')",
     ["worker 0 was killed by SIGILL, which was not expected"]),
    ("fewer than announced", "relay.expect('control', 2); end(control, 'SIGTERM')",
     ["'control' was expected 2 times, and seen 1 times"]),
    ("the daemon is killed", "os.kill(relay.pid, signal.SIGKILL)",
     ["ended with status -9, not 0"]),
    ("a sanitizer's report", "t.start('relay', ['sh', '-c', 'echo \"==1==ERROR: AddressSanitizer: "
     "planted\" >&2']).wait(10)", ["the sanitizer reports: ERROR: AddressSanitizer: planted"]),
    ("a report of undefined behaviour", "t.start('relay', ['sh', '-c', 'echo "
     "\"x.c:1: runtime error: planted\" >&2']).wait(10)", ["the sanitizer reports: : runtime"]),
]
HURTS = """
import os, signal
from mcrlab import main, scenario
def worker(relay): return relay.rpc("ListWorkers")["workers"][0]["pid"]
def control(relay): return relay.children("--role=control")[0]
@scenario("hurt", topology="chain3")
def hurt(t):
    relay = t.mcrd("relay")
    def end(who, signo):
        old = who(relay)
        os.kill(old, getattr(signal, signo))
        t.wait_until(lambda: not os.path.exists(f"/proc/{{old}}"), 10, "the end")
        def back():
            try:
                return who(relay) not in (0, old)
            except Exception:
                return False
        t.wait_until(back, 10, "another one")
    {0}
main()
"""


@scenario("a child that ends, a daemon's status and a sanitizer's report are faults", deadline_s=90)
def hurt(t):
    """Each alone makes a scenario fail whose checks have all held; announced losses do not."""
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(run_file, t, f"test_hurt{number}.py", HURTS.format(body or "pass"))
                   for number, (_, body, _) in enumerate(HURT)]
    for (what, _, faults), future in zip(HURT, running):
        done = future.result()
        t.equal(done.returncode, 1 if faults else 0, f"{what}: status; {done.stdout}{done.stderr}")
        said = [line for line in done.stdout.splitlines()
                if line.startswith("# ") and not line.startswith("# kept: ")]
        for fault in faults:
            t.equal(len([line for line in said if fault in line]), 1, f"{what}: {fault!r} in {said}")
        extra = [line for line in said if not any(fault in line for fault in faults)]
        # The sockets of a daemon that was killed are still there.
        t.equal([line for line in extra if "left behind" not in line], [], f"{what}: other faults")


# A sink's report of ten datagrams, one of them short if it says so, and the error in it.
WHOLE = {"received": 10, "unique": 10, "lost": 0, "duplicated": 0, "reordered": 0, "corrupt": 0,
         "short": 0, "sink_drops": 0}
NOT_CLEAN = [
    ("one is missing at the end", {"received": 9, "unique": 9}),
    ("one is missing in between", {"received": 9, "unique": 9, "lost": 1}),
    ("one is lost, another comes twice", {"unique": 9, "lost": 1, "duplicated": 1}),
    ("one comes twice", {"received": 11, "duplicated": 1}),
    ("order", {"reordered": 1}),
    ("content", {"unique": 9, "corrupt": 1}),
    ("a content that still has its number", {"corrupt": 1}),
    ("one is cut short", {"unique": 9, "short": 1}),
    ("all are cut short", {"unique": 0, "short": 10}),
    ("one has no number, and nobody says why", {"unique": 9}),
    ("one overflowed", {"sink_drops": 1}),
]


@scenario("clean() is false for everything that a sink reports as not good")
def clean(t):
    t.clean(WHOLE, 10)
    for what, wrong in NOT_CLEAN:
        t.true("sink: is" in str(t.raises(Failure, t.clean, {**WHOLE, **wrong}, 10)), what)
    # Payloads too short for a header are good only where a scenario says that it sends them.
    short = {**WHOLE, "unique": 7, "short": 3}
    t.clean(short, 10, short=3)
    for count in (0, 2, 4):
        t.raises(Failure, t.clean, short, 10, short=count)


def statistics(**changes):
    """An answer to GetStats; of its output and its totals something may be changed."""
    output = {"matched": 10, "sent": 7, "send_drops": {"refused": 2, "other": 1}}
    totals = {"received": 12, "matched": 10, "drops": {"not_matched": 2}}
    for part in (output, totals):
        part.update({key.split("_", 1)[1]: value for key, value in changes.items()
                     if key.startswith("output_" if part is output else "totals_")})
    return {"totals": totals, "rules": [{"rule_id": "r", "outputs": [output]}]}


@scenario("conservation is seen to be broken, by too many and by too few")
def law(t):
    t.equal(unaccounted(statistics()), [], "in order")
    for change, words in (({"output_sent": 6}, "rule r output 0: matched 10, but sent and send drops "
                           "are 9"), ({"output_sent": 8}, "matched 10, but sent and send drops are 11"),
                          ({"output_matched": 9}, "matched 9"), ({"output_matched": 11}, "matched 11"),
                          ({"totals_received": 11}, "received 11, but matched and drops are 12"),
                          ({"totals_received": 13}, "received 13, but matched and drops are 12")):
        found = unaccounted(statistics(**change))
        t.equal(len(found), 1, f"what is wrong with {change}")
        t.true(words in found[0], f"{change}: {found[0]}")


TRUNCATED = """
import socket, sys
from mcrlab import payload
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for seq in (9, 8, 8, 8, 5, 4, 3, 2, 1, 0):
    sock.sendto(payload(seq)[:int(sys.argv[1])], ("10.90.1.2", 5000))
for seq in range(10):
    sock.sendto(payload(seq)[:int(sys.argv[1])], ("10.90.1.2", 5001))
"""


@scenario("datagrams that were cut are not clean, however many bytes are left", topology="direct2")
def truncated(t):
    for number_of_bytes in (0, 10, 31, 32, 199):
        for port in (5000, 5001):
            sink = t.sink("sink", "10.90.1.2", "10.90.1.2", port)
            t.python("gen", TRUNCATED, str(number_of_bytes))
            report = sink.finish(10)
            t.equal(report["received"], 10, f"received with {number_of_bytes} bytes left")
            t.raises(Failure, t.clean, report, 10)
    sink = t.sink("sink", "10.90.1.2", "10.90.1.2", 5001)
    t.python("gen", TRUNCATED, "200")
    t.clean(sink.finish(10), 10)


SHARED = ("from mcrlab import main, scenario\n"
          "@scenario('{0}', topology={1!r})\ndef one(t):\n    {2}\nmain()\n")


def run_file(t, name, content, *args, **env):
    """A file of scenarios, to its end."""
    script = t.run_dir / name
    script.write_text(t._with_path(content))
    return subprocess.run([sys.executable, script, *args], text=True, capture_output=True,
                          timeout=scaled(30), check=False,
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept", **env))


@scenario("without the programs there is one line, which says make")
def not_built(t):
    empty = t.run_dir / "empty"
    empty.mkdir()
    done = run_file(t, "test_lab.py", SHARED.format("one", "direct2", "pass"), MCR_BUILD=empty)
    t.equal((done.returncode, done.stdout), (1, ""), "status, output")
    t.equal(done.stderr.splitlines(),
            [f"test_lab.py: {empty}/bin/mcrlab is missing: run `make`, or set MCR_BUILD to where "
             "it was built"], "errors")
    # A scenario that needs no lab, but another program.
    done = run_file(t, "test_none.py", SHARED.format("one", None, "t.mcrd(None)"), MCR_BUILD=empty)
    t.equal(done.returncode, 1, "status")
    t.true(f"\n# test_none.py:5: {empty}/bin/mcrd is missing: run `make`" in done.stdout,
           done.stdout)


@scenario("several words are several filters of a file; one that matches nothing is an error")
def filters(t):
    content = SHARED.replace("main()", "@scenario('two words')\ndef two(t): pass\nmain()")
    content = content.format("one", None, "pass")
    for args, names in ((("one",), ["one"]), (("two words",), ["two words"]),
                        (("one", "words"), ["one", "two words"]), ((), ["one", "two words"])):
        done = run_file(t, "test_two.py", content, "--list", *args)
        t.equal((done.returncode, done.stdout.splitlines()), (0, names), f"names for {args}")
    for args in (("three",), ("one", "three"), ("--list", "three"), ("two  words",)):
        done = run_file(t, "test_two.py", content, *args)
        t.equal((done.returncode, done.stdout), (1, ""), f"{args}: status, output")
        t.equal(done.stderr, f"test_two.py: no scenario has '{args[-1]}' in its name; --list shows "
                "them\n", f"{args}: errors")


def run_waiting(t, slow, body):
    """Status, output and errors of a scenario with this body, with MCR_SLOW as given."""
    content = SHARED.format("waits", None, body).replace("'waits'", "'waits', deadline_s=1")
    done = run_file(t, f"test_slow{slow}.py", content, MCR_SLOW=slow)
    return done.returncode, done.stdout, done.stderr


@scenario("MCR_SLOW makes every deadline longer: of conditions, processes, scenarios and programs")
def slow(t):
    """A call that needs nine times its deadline still has time with ten times the deadline.

    The last one needs longer than a scenario gets on the busiest machine.
    """
    for body in ("import time; end = time.monotonic() + 0.9; "
                 "t.wait_until(lambda: time.monotonic() >= end, 0.1, 'the end')",
                 "t.equal(t.start(None, ['sleep', '0.9']).wait(0.1), 0, 'status')",
                 "t.run(None, ['sleep', '0.9'], deadline_s=0.1)",
                 "t.run(None, ['sleep', '4.5'])"):
        t.equal(run_waiting(t, 1, body)[0], 1, f"status of {body!r}")
        status, out, err = run_waiting(t, 100, body)
        t.equal(status, 0, f"status of {body!r} with MCR_SLOW: {out}{err}")
    argv = [paths.program("mcrsink"), "--interface", "lo", "--group", "239.1.1.1", "--port", "5000",
            "--timeout-ms", "10"]
    t.equal(subprocess.run(argv, env=paths.environment(MCR_SLOW=1), capture_output=True,
                           timeout=scaled(30), check=False).returncode, 0, "mcrsink ends")
    with subprocess.Popen(argv, env=paths.environment(MCR_SLOW=1000),
                          stdout=subprocess.DEVNULL) as sink:
        t.raises(subprocess.TimeoutExpired, sink.wait, 0.3)
        sink.kill()


@scenario("a deadline does not run while programs wait for a processor")
def busy_machine(t):
    """The clock and what programs have waited for are variables of the test."""
    clock, waited, ready = [100.0], {1: 7.0, 2: 0.0}, [False]
    with mock.patch.multiple(deadline, time=mock.Mock(monotonic=lambda: clock[0]), scaled=lambda s: s,
                             _waited_s=lambda: dict(waited), _ready=lambda _pids: ready[0]):
        def passed_at(one, at, waits, runnable=False):
            clock[0], ready[0] = 100.0 + at, runnable
            waited.update(waits)
            return one.passed()
        for what, looks, expected in (
                ("idle", [(1, {}), (9.9, {}), (10, {})], [False, False, True]),
                ("all had waited before", [(1, {}), (10, {1: 7.0})], [False, True]),
                ("one waits for three seconds",
                 [(1, {}), (10, {2: 3.0}), (12.9, {}), (13, {})], [False, False, False, True]),
                ("a new one waits", [(1, {}), (10, {3: 2.0}), (12, {})], [False, False, True]),
                ("one waits still", [(1, {}), (10, {2: 4.0}), (14, {}, True), (15, {})],
                 [False, False, False, True]),
                ("all the time", [(1, {}), (39, {2: 39.0}), (40, {2: 40.0}, True)],
                 [False, False, True])):
            clock[0] = 100.0
            waited.clear()
            waited.update({1: 7.0, 2: 0.0})
            one = deadline.Deadline(10)
            t.equal([passed_at(one, *look) for look in looks], expected, what)
        t.equal(deadline.Deadline(None).passed(), False, "without a deadline")


@scenario("an MCR_SLOW that is no factor is refused in one line")
def wrong_slow(t):
    for value in ("0", "-1", "1.5", "fast", "1001", ""):
        done = run_file(t, "test_wrong.py", SHARED.format("one", None, "pass"), MCR_SLOW=value)
        t.equal((done.returncode, done.stdout, done.stderr.splitlines()),
                (1, "", [f"MCR_SLOW is '{value}', not a whole number from 1 to 1000"]),
                f"MCR_SLOW={value!r}")


@scenario("what a scenario that was killed has left is removed by the next, and nothing else")
def killed(t):
    """One is killed; one lives meanwhile; one has failed, and is kept; one is of nobody we know."""
    temporary = t.run_dir / "temporary"
    temporary.mkdir()
    place = t.run_dir / "place"
    waits = SHARED.format("waits", None,
                          f"import signal; open({str(place)!r}, 'a').write(f'{{t.run_dir}}\\n'); "
                          "signal.pause()")
    script = t.run_dir / "test_waits.py"
    script.write_text(t._with_path(waits))
    env = paths.environment(TMPDIR=temporary)
    env.pop("MCR_ARTIFACTS", None)
    victim, alive = (t.start(None, [sys.executable, script], env=env) for _ in range(2))
    t.wait_until(lambda: place.exists() and place.read_text().count("\n") == 2, 10, "both run")
    directories = [Path(line) for line in place.read_text().splitlines()]
    victim.send_signal(signal.SIGKILL)
    t.equal(victim.wait(10), -signal.SIGKILL, "status of the victim")
    t.equal([one.is_dir() for one in directories], [True, True], "directories after the kill")
    stranger = temporary / "mcrlab-stranger"
    stranger.mkdir()
    bad = t.run_dir / "test_fails.py"
    bad.write_text(t._with_path(SHARED.format("fails", None, "t.fail('on purpose')")))
    done = subprocess.run([sys.executable, bad], text=True, capture_output=True,
                          timeout=scaled(30), check=False, env=env)
    t.equal(done.returncode, 1, "status of one that fails")
    [kept] = temporary.glob("mcr-failure-*")
    left = {path for path in temporary.glob("mcrlab-*") if path != stranger}
    t.equal(len(left), 1, f"directories of scenarios: {left}")
    t.equal(left < set(directories), True, "it is that of the one that lives")
    t.true(stranger.is_dir(), "a directory without a lock was removed")
    t.true((kept / "failure").exists(), "evidence")
    alive.send_signal(signal.SIGTERM)
    alive.wait(10)
    # The next removes that one, too, and keeps the evidence still.
    subprocess.run([sys.executable, bad], capture_output=True, timeout=scaled(30), check=False,
                   env=env)
    t.equal(list(temporary.glob("mcrlab-*")), [stranger], "directories of scenarios")
    t.true((kept / "failure").exists(), "evidence")


if __name__ == "__main__":
    main()
