#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The runner of the namespace tests: what it says of tests whose result is known.

    run --directory D --- D/test_a.py, D/test_b.py ...   made here, for each question
"""

import os
import pty
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario, wait_until
from mcrlab.lab import lab_exists
from mcrlab.proc import command_line

from support_lab import gone, mcrlab

RUN = Path(__file__).resolve().parent / "run"


def write(t, name, body):
    """A test file of its own directory."""
    directory = t.run_dir / "tests"
    directory.mkdir(exist_ok=True)
    path = directory / f"test_{name}.py"
    path.write_text(f"#!{sys.executable}\n" + t._with_path("from mcrlab import main, scenario\n")
                    + body + "\nmain()\n")
    path.chmod(0o755)
    return directory


def run(t, *args, **env):
    return subprocess.run([RUN, "--directory", t.run_dir / "tests", *map(str, args)], text=True,
                          capture_output=True, timeout=scaled(60), check=False, stdin=subprocess.DEVNULL,
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept", **env))


MIXED = """
@scenario("it holds")
def one(t):
    t.note("so it does")
@scenario("it does not", topology="chain3")
def two(t):
    t.start("relay", ["sh", "-c", "echo from inside; exec sleep 1000"])
    t.gen("gen", "eth0", "239.1.1.1", 5000, count=100, rate=10000)
    t.equal(1, 2, "the sum")
@scenario("it cannot")
def three(t):
    t.skip("no moon tonight")
"""


@scenario("a line per test, the reasons, the last line, the status")
def lines(t):
    write(t, "mixed", MIXED)
    done = run(t)
    t.equal((done.returncode, done.stderr), (1, ""), "status, errors")
    t.equal(done.stdout.splitlines()[-1], "1 passed, 1 failed, 1 skipped", "last line")
    got = [line.split() for line in done.stdout.splitlines()]
    t.true(["test_mixed:", "it", "holds"] in [line[3:] for line in got if line[:1] == ["ok"]],
           done.stdout)
    t.true("skip" in done.stdout and "no moon tonight" in done.stdout, done.stdout)
    t.true("the sum: is 1, should be 2" in done.stdout, done.stdout)
    done = run(t, "it holds")
    t.equal((done.returncode, done.stdout.splitlines()[-1]), (0, "1 passed, 0 failed, 0 skipped"),
            "one alone")


@scenario("after a failure there are drawing, logs, counters and pcaps, and their place is printed")
def evidence(t):
    write(t, "mixed", MIXED)
    done = run(t)
    place = t.run_dir / "kept" / "test_mixed-it-does-not"
    t.equal(done.stdout.count(f"kept: {place}"), 1, f"places where it stands: {done.stdout}")
    last = done.stdout.splitlines()[-2]
    t.true(re.fullmatch(rf"kept: 1 directory, [1-9]\d* kB in {t.run_dir / 'kept'}", last), last)
    tap = run(t, "--tap").stdout
    t.equal(tap.count(f"# kept: {place}\n"), 1, f"places where it stands: {tap}")
    t.equal([path.name for path in (t.run_dir / "kept").iterdir()], [place.name], "only failures")
    names = {path.name for path in place.iterdir()}
    for name in ("topology", "failure", "sh.out", "gen-gen.out", "gen-eth0.pcap", "relay-eth1.pcap",
                 "gen.counters", "relay.counters", "sink.counters"):
        t.true(name in names, f"no {name} in {sorted(names)}")
    t.true("[gen] eth0 10.10.1.100/24 ------- [relay] eth0" in (place / "topology").read_text(),
           "drawing")
    t.equal((place / "sh.out").read_text(), "from inside\n", "log")
    from mcrlab.capture import packets  # pylint: disable=import-outside-toplevel
    udp = [one for one in packets(place / "gen-eth0.pcap") if one[23] == 17]
    t.equal(len(udp), 100, "datagrams in the pcap")
    # Link counters of the relay: what the generator has sent has arrived.
    t.true("10.20.0.1/24" in (place / "relay.counters").read_text(), "counters")


@scenario("TAP and JUnit XML say the same")
def formats(t):
    write(t, "mixed", MIXED)
    done = run(t, "--tap", "--junit", t.run_dir / "junit.xml")
    tap = done.stdout.splitlines()
    t.equal(tap[0], "1..3", "plan")
    verdicts = [line for line in tap if line.startswith(("ok", "not ok"))]
    t.true(verdicts[0].startswith("ok 1 - test_mixed: it holds"), verdicts[0])
    t.true(verdicts[1].startswith("not ok 2 - test_mixed: it does not"), verdicts[1])
    t.equal(verdicts[2], "ok 3 - test_mixed: it cannot # SKIP no moon tonight", "skipped")
    t.equal(tap[-1], "# 1 passed, 1 failed, 1 skipped", "last line")
    root = ET.parse(t.run_dir / "junit.xml").getroot()
    suite = root.find("testsuite")
    t.equal([suite.get(key) for key in ("name", "tests", "failures", "skipped")],
            ["test_mixed", "3", "1", "1"], "suite")
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    t.equal(list(cases), ["it holds", "it does not", "it cannot"], "cases")
    t.true("the sum" in cases["it does not"].find("failure").get("message"), "failure")
    t.equal(cases["it cannot"].find("skipped").get("message"), "no moon tonight", "skipped")
    t.true(float(cases["it does not"].get("time")) > 0, "time")


@scenario("a filter that matches nothing is a failure; a file's name matches all of it")
def filters(t):
    write(t, "mixed", MIXED.replace("t.equal(1, 2", "t.equal(2, 2"))
    done = run(t, "nonesuch")
    t.equal((done.returncode, done.stdout), (1, ""), "status, output")
    t.true("no namespace test has 'nonesuch' in its name" in done.stderr, done.stderr)
    t.equal(run(t, "test_mixed").stdout.splitlines()[-1], "2 passed, 0 failed, 1 skipped", "file")
    t.equal(run(t, "--list", "cannot").stdout, "test_mixed: it cannot\n", "list")
    t.true("kept:" not in run(t, "test_mixed").stdout, "nothing is kept where nothing failed")


@scenario("several words are several filters, one with spaces is one, a file's name is the file")
def several_filters(t):
    write(t, "mixed", MIXED.replace("t.equal(1, 2", "t.equal(2, 2"))
    write(t, "other", "@scenario('it holds, too')\ndef one(t): pass\n"
          "@scenario('unasked')\ndef two(t): pass\n")
    mixed = ["test_mixed: it holds", "test_mixed: it does not", "test_mixed: it cannot"]
    for words, names in (
            (("it does not", "unasked"), [mixed[1], "test_other: unasked"]),
            (("it holds",), [mixed[0], "test_other: it holds, too"]),
            (("test_mixed.py",), mixed),
            (("tests/netns/test_mixed.py", "too"), mixed + ["test_other: it holds, too"]),
            (("cannot", "test_other"), [mixed[2], "test_other: it holds, too",
                                        "test_other: unasked"])):
        done = run(t, "--list", *words)
        t.equal((done.returncode, done.stdout.splitlines()), (0, names), f"{words}: names")
        ran = run(t, "--jobs", 1, *words)
        results = re.findall(r"^(?:ok|skip) .*? s  (test_\w+: .*?)(?:  \(.*)?$", ran.stdout, re.M)
        t.equal(sorted(results), sorted(names), f"{words}: {ran.stdout}{ran.stderr}")
    done = run(t, "it holds", "nonesuch")
    t.equal((done.returncode, done.stdout), (1, ""), "one of two matches nothing: status, output")
    t.true("no namespace test has 'nonesuch' in its name" in done.stderr, done.stderr)


@scenario("--path kernel: the files for both paths, or those asked for, with MCR_PATH")
def path(t):
    body = ("import os\n@scenario('{0}')\ndef one(t):\n"
            "    t.equal(os.environ.get('MCR_PATH', ''), os.environ['EXPECTED'], 'MCR_PATH')\n")
    write(t, "forwarding", body.format("for both"))
    write(t, "log", body.format("for one"))
    for args, expected, last in (
            (("--path", "kernel"), "auto", "1 passed, 0 failed, 0 skipped"),
            (("--path", "kernel", "for one"), "auto", "1 passed, 0 failed, 0 skipped"),
            (("--path", "user"), "", "2 passed, 0 failed, 0 skipped"),
            ((), "", "2 passed, 0 failed, 0 skipped")):
        done = run(t, *args, MCR_PATH="", EXPECTED=expected)
        t.equal(done.stdout.splitlines()[-1], last, f"{args}: {done.stdout}{done.stderr}")
    (t.run_dir / "tests/test_forwarding.py").unlink()
    done = run(t, "--path", "kernel")
    t.equal((done.returncode, done.stderr.strip()),
            (1, f"run: {t.run_dir / 'tests'}: there is no test_*.py for both paths"), "without")


@scenario("what cannot be done is one line, before anything runs")
def refused(t):
    write(t, "mixed", MIXED)
    empty = t.run_dir / "empty"
    empty.mkdir()
    for args, env, message in (
            (("--junit", "/nonexistent/junit.xml"), {},
             "run: /nonexistent/junit.xml: No such file or directory"),
            (("--junit", empty), {}, f"run: {empty}: Is a directory"),
            (("--directory", t.run_dir / "away"), {},
             f"run: {t.run_dir / 'away'}: there is no such directory"),
            (("--directory", empty), {}, f"run: {empty}: there is no test_*.py"),
            ((), {"MCR_BUILD": empty},
             f"run: {empty}/bin/mcrlab is missing: run `make`, or set MCR_BUILD to where it was "
             "built")):
        done = run(t, *args, **env)
        t.equal((done.returncode, done.stdout, done.stderr.splitlines()), (1, "", [message]),
                f"{args}: status, output, errors")
    t.equal((t.run_dir / "kept").exists(), False, "something was run")
    done = run(t, "it holds", MCR_BUILD=empty)
    t.equal((done.returncode, done.stderr), (0, ""), "what needs no lab is run without")


@scenario("files run side by side, and what wants the machine to itself gets it")
def parallel(t):
    # Each says when it begins and ends; two that wait for each other can only end together.
    meet = ("import os\nfrom mcrlab import wait_until\n"
            "@scenario('meets {0}')\ndef meets(t):\n"
            "    open(os.environ['PLACE'] + '/{0}', 'w').close()\n"
            "    wait_until(lambda: os.path.exists(os.environ['PLACE'] + '/{1}'), 20, 'the other')\n"
            "@scenario('alone {0}', alone=True)\ndef alone(t):\n"
            "    mark = os.environ['PLACE'] + '/alone'\n"
            "    os.close(os.open(mark, os.O_CREAT | os.O_EXCL))\n"
            "    done = [os.path.exists(os.environ['PLACE'] + '/' + n) for n in 'ab']\n"
            "    os.unlink(mark)\n"
            "    t.equal(done, [True, True], 'the others have run')\n")
    write(t, "a", meet.format("a", "b"))
    write(t, "b", meet.format("b", "a"))
    place = t.run_dir / "place"
    place.mkdir()
    done = run(t, "--jobs", 2, PLACE=place)
    t.equal(done.stdout.splitlines()[-1], "4 passed, 0 failed, 0 skipped", done.stdout)


@scenario("a file that breaks off, cannot be loaded, or hides a failure is a failure")
def broken(t):
    bodies = {
        "dies": ("import os\n@scenario('first')\ndef first(t): os._exit(3)\n"
                 "@scenario('second')\ndef second(t): pass\n",
                 "0 passed, 2 failed, 0 skipped", "the file ended with status 3 without a result"),
        "syntax": ("def (:\n", None, "SyntaxError"),
        "late": ("import atexit, os, sys\n"
                 "if '--shared' in sys.argv: atexit.register(lambda: os._exit(4))\n"
                 "@scenario('fine')\ndef fine(t): pass\n",
                 None, "it ended with status 4, and no test had failed"),
    }
    for name, (body, last, message) in bodies.items():
        path = write(t, name, body) / f"test_{name}.py"
        done = run(t)
        t.equal(done.returncode, 1, f"{name}: status")
        t.true(message in done.stdout + done.stderr, f"{name}: {done.stdout}{done.stderr}")
        if last:
            t.equal(done.stdout.splitlines()[-1], last, name)
        path.unlink()


@scenario("when the runner is killed nothing is left behind")
def killed(t):
    write(t, "long", "@scenario('long', topology='direct2')\ndef long(t):\n"
          "    p = t.start('sink', ['sleep', '1000'])\n"
          "    open(__import__('os').environ['PLACE'], 'w').write(f'{p.pid} {t.lab.pid}')\n"
          "    p.wait(50)\n")
    place = t.run_dir / "pids"
    process = subprocess.Popen([RUN, "--directory", t.run_dir / "tests"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=paths.environment(PLACE=place))
    wait_until(lambda: place.exists() and " " in place.read_text(), 20, "the test runs")
    pids = [int(word) for word in place.read_text().split()]
    process.send_signal(signal.SIGKILL)
    process.wait()
    for pid in pids:
        t.wait_until(lambda pid=pid: not command_line(pid), 10, f"{pid} gone")


@scenario("a test without a result in time is killed, and said to be late")
def late(t):
    write(t, "late", "import signal\n@scenario('late', deadline_s=1)\ndef late(t):\n"
          "    signal.signal(signal.SIGALRM, signal.SIG_IGN)\n    signal.pause()\n")
    start = time.monotonic()
    script = RUN.read_text().replace("CLEAN_UP_S = 90", "CLEAN_UP_S = 2")
    copy = t.run_dir / "run"
    copy.write_text(script)
    done = subprocess.run([sys.executable, copy, "--directory", t.run_dir / "tests"], text=True,
                          capture_output=True, timeout=scaled(30), check=False,
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept", MCR_SLOW=1,
                                                PYTHONPATH=paths.REPOSITORY / "harness/python"))
    t.equal(done.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped", done.stdout)
    t.true("no result 6 s after it had begun: killed" in done.stdout, done.stdout)
    t.true(time.monotonic() - start >= 6, "it is killed when its time has come")


# After a failure

def read_until(stream, pattern, deadline_s=30):
    """The match in the runner's output, a line at a time."""
    end = time.monotonic() + scaled(deadline_s)
    while time.monotonic() < end:
        line = stream.readline()
        match = re.search(pattern, line)
        if match or not line:
            return match
    return None


def look_around(name, node, command):
    """The output of mcrlab shell on a terminal, as a person in a node sees it."""
    ours, theirs = pty.openpty()
    shell = subprocess.Popen([paths.program("mcrlab"), "shell", name, node], stdin=theirs,
                             stdout=theirs, stderr=theirs,
                             env=paths.environment(SHELL="/bin/sh"))
    os.close(theirs)
    os.write(ours, f"{command}; exit\n".encode())
    text = b""
    try:
        while data := os.read(ours, 4096):
            text += data
    except OSError:  # the other end of a terminal has closed
        pass
    os.close(ours)
    shell.wait(10)
    return text.decode(errors="replace")


@scenario("with --keep a lab that failed stays up with all that runs in it, until Enter")
def kept_up(t):
    write(t, "mixed", MIXED)
    runner = subprocess.Popen([RUN, "--keep", "--directory", t.run_dir / "tests"], text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept"))
    try:
        match = read_until(runner.stdout, r"^# kept up: mcrlab shell (\S+) NODE +\((.*)\); Enter")
        t.true(match, "it does not say what is kept up")
        name, nodes = match.groups()
        t.equal(nodes, "gen relay sink", "nodes")
        t.true(lab_exists(name), "the lab is not up")
        # The program that the scenario had started is there, and so is a person who looks.
        text = look_around(name, "relay", "ip -o -4 address show eth1")
        t.true("10.90.1.1/24" in text and f"[{name}:relay]" in text, text)
        node = mcrlab("exec", name, "relay", "--", "readlink", "/proc/self/ns/net").stdout.strip()
        program = [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                   if command_line(pid) == ["sleep", "1000"]
                   and os.readlink(f"/proc/{pid}/ns/net") == node]
        t.equal(len(program), 1, "programs that the scenario had started, still there")
        runner.stdin.write("\n")
        runner.stdin.flush()
        rest = runner.stdout.read()
        t.equal(runner.wait(30), 1, "status")
    finally:
        runner.kill()
        runner.wait()
        runner.stdin.close()
        runner.stdout.close()
    t.true(f"kept: {t.run_dir / 'kept'}" in rest, rest)
    t.equal(rest.splitlines()[-1], "1 passed, 1 failed, 1 skipped", "last line")
    t.wait_until(lambda: gone(program[0]), 5, "the program gone")
    t.equal(lab_exists(name), False, "the lab is still up")


@scenario("without anybody to press Enter --keep does not wait")
def keep_unattended(t):
    write(t, "mixed", MIXED)
    done = run(t, "--keep")
    t.equal((done.returncode, done.stdout.splitlines()[-1]), (1, "1 passed, 1 failed, 1 skipped"),
            "status, last line")


if __name__ == "__main__":
    main()
