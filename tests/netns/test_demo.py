#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""harness/demo, run as a newcomer runs it.

    [gen] eth0 10.10.1.100/24 ------- [relay] eth0 10.20.0.1/24
    [relay] eth1 10.90.1.1/24 ------- [sink] eth0 10.90.1.2/24

The demo builds this lab itself.  Its figures must be true, a loss must end it with a failure, and
it must leave nothing behind however it ends.
"""

import os
import re
import signal
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scenario
from mcrlab.lab import lab_exists
from mcrlab.proc import command_line
from mcrlab.relay import RpcClient

# In the environment of the demo, and so of everything that it starts.
MARK = "MCR_DEMO_UNDER_TEST"


class Demo:
    """The demo in a process group of its own, with a directory of its own for temporary files."""

    def __init__(self, t):
        self.t = t
        self.tmp = t.run_dir / "tmp"
        self.tmp.mkdir(mode=0o755)
        self.mark = f"{MARK}={t.run_dir}".encode()
        env = paths.environment(TMPDIR=self.tmp, **{MARK: t.run_dir})
        self.process = t.start(None, ["setsid", paths.REPOSITORY / "harness/demo"], env=env)
        self.namespaces = set()
        self.lab = None

    def output(self):
        return self.process.stdout()

    def wait_for(self, text):
        self.t.wait_until(lambda: text in self.output() or not self.process.running, 30, text)
        self.t.true(text in self.output(), f"the demo never said {text!r}: {self.output()[-500:]} "
                    f"{self.process.stderr()[-500:]}")

    def family(self):
        """The demo and all that it started, as pids."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if self.mark in Path(f"/proc/{entry}/environ").read_bytes().split(b"\0"):
                    found.append(int(entry))
            except OSError:
                pass
        return found

    def look(self):
        """Note the lab and its namespaces while they are there."""
        for pid in self.family():
            try:
                self.namespaces.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
            except OSError:
                continue
            if command_line(pid)[:1] == [paths.program("mcrlab")]:
                self.lab = f"chain3-{pid}" if "up" in command_line(pid) else self.lab
        self.namespaces.discard(os.stat("/proc/self/ns/net").st_ino)

    def signal(self, signo, group):
        """As `kill` does to one process, or as a terminal does to a whole process group."""
        os.kill(-self.process.pid if group else self.process.pid, signo)

    def nothing_left(self):
        """Exact, and at once: the demo says that it has cleaned up, so it has."""
        t = self.t
        t.equal([(pid, command_line(pid)) for pid in self.family()], [], "processes left")
        t.equal(sorted(path.name for path in self.tmp.rglob("*")), [], "temporary files left")
        t.true(self.lab is None or not lab_exists(self.lab), f"lab {self.lab} is still up")
        t.equal(self.namespaces & namespaces_held(), set(), "namespaces left")


def namespaces_held():
    """Inodes of the network namespaces that some process lives in or holds open."""
    held = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            names = ["ns/net", *(f"fd/{fd}" for fd in os.listdir(f"/proc/{entry}/fd"))]
        except OSError:
            continue
        for name in names:
            try:
                match = re.fullmatch(r"net:\[(\d+)\]", os.readlink(f"/proc/{entry}/{name}"))
            except OSError:
                continue
            if match:
                held.add(int(match[1]))
    return held


def figure(t, pattern, text):
    """The figures in the one place where the output has them."""
    found = re.findall(pattern, text)
    t.equal(len(found), 1, f"places with {pattern!r}")
    figures = found[0] if isinstance(found[0], tuple) else (found[0],)
    return [int(one.replace(",", "")) for one in figures]


@scenario("the demo passes, and its figures agree with each other", deadline_s=90)
def to_its_end(t):
    demo = Demo(t)
    demo.wait_for("second          sent")
    demo.look()
    t.equal(len(demo.namespaces) >= 3, True, "namespaces of the lab were seen")
    t.equal(demo.process.wait(60), 0, f"exit status ({demo.process.stderr()[-1000:]})")
    text = demo.output()
    t.equal(re.findall(r"arrived at .*? +(\d+) of 300", text), ["0", "0", "300", "300"],
            "kernel: nothing without a route, all with one")
    t.equal(re.findall(r"dropped for RPF .*? +(\d+) of 300", text), ["300", "0"], "kernel: RPF")

    sent, = figure(t, r"sent by the source +([\d,]+) datagrams", text)
    t.equal(sent, 50000, "sent")
    t.equal(figure(t, r"received behind the relay +([\d,]+), lost (\d+), out of order (\d+), "
                   r"corrupt (\d+)\n", text), [sent, 0, 0, 0], "the stream at the receiver")
    latency = figure(t, r"latency, source to receiver +p50 ([\d,]+), p90 ([\d,]+), p99 ([\d,]+), "
                     r"max ([\d,]+) µs", text)
    t.true(0 < latency[0] and latency == sorted(latency), f"percentiles rise: {latency}")

    due, received, lost = figure(t, r"there all the time +due ([\d,]+), received ([\d,]+), "
                                 r"lost (\d+)\n", text)
    t.equal((due, received, lost), (60000, 60000, 0), "the stream whose rule was replaced")
    late = re.findall(r"added while it ran +due ([\d,]+) from its first on, received ([\d,]+), "
                      r"lost (\d+)\n", text)
    t.equal([(one[1], one[2]) for one in late], [(one[0], "0") for one in late], "added outputs")
    t.equal(len(late), 2, "added outputs")
    t.equal(figure(t, r"camera-2: new rule +due ([\d,]+), received ([\d,]+), lost (\d+)\n", text),
            [10000, 10000, 0], "the stream of the new rule")
    t.equal(figure(t, r"received ([\d,]+) = matched\s+([\d,]+)\s+\+\s+dropped\s+(\d+)", text),
            [120000, 120000, 0], "the relay's books")
    t.equal(figure(t, r"PASSED: ([\d,]+) datagrams .*, lost 0\.\n", text), [120000], "verdict")
    live = re.findall(r"^ +\d(?: +[\d,]+){4}$", text, re.MULTILINE)
    t.equal(len(live), 5, "live lines of the first stream")
    t.equal([len(line) for line in live], [len(live[0])] * 5, "width of the live lines")
    t.true("\033" not in text, "no colours where there is no terminal")
    demo.nothing_left()


def interrupted(t, signo, group):
    demo = Demo(t)
    demo.wait_for("second          sent")
    demo.look()
    t.true(len(demo.namespaces) >= 3 and demo.lab and lab_exists(demo.lab), "the lab was seen")
    t.true(any(command_line(pid)[:1] == [paths.program("mcrd")] for pid in demo.family()),
           "the relay was seen")
    demo.signal(signo, group)
    t.equal(demo.process.wait(20), 128 + signo, f"exit status ({demo.process.stderr()[-500:]})")
    t.true("interrupted" in demo.process.stderr(), "it says why it ended")
    t.true("Traceback" not in demo.process.stderr(), "no traceback")
    demo.nothing_left()


@scenario("SIGINT to the demo during the stream: status 130, nothing left", deadline_s=60)
def sigint(t):
    interrupted(t, signal.SIGINT, group=False)


@scenario("Ctrl-C, which every process gets, during the stream: status 130, nothing left",
          deadline_s=60)
def ctrl_c(t):
    interrupted(t, signal.SIGINT, group=True)


@scenario("SIGTERM during the stream: status 143, nothing left", deadline_s=60)
def sigterm(t):
    interrupted(t, signal.SIGTERM, group=False)


@scenario("a loss makes the demo fail and say what was lost", deadline_s=60)
def loss_is_told(t):
    """A rate limit is put on the rule behind the demo's back: datagrams above it are lost."""
    demo = Demo(t)
    demo.wait_for("second          sent")
    socket_path, = re.findall(r"SOCKET=(\S+)", demo.output())
    t.wait_until(lambda: re.search(r"^ +1 ", demo.output(), re.MULTILINE), 10, "the first second")
    with RpcClient(socket_path) as client:
        client.call("VersionCheck", {"version": "1"})
        client.call("AddRule", {"name": "camera-1", "replace": True, "rate_limit": {"pps": 5000},
                                "input": {"interface": "eth0", "group": "239.1.1.1", "port": 5000},
                                "outputs": [{"interface": "eth1", "group": "239.2.2.2",
                                             "port": 6000}]})
    t.equal(demo.process.wait(40), 1, "exit status")
    t.true("FAILED" in demo.output() and "PASSED" not in demo.output(), "the verdict")
    match = re.search(r"camera-1: ([\d,]+) lost; 50,000 sent, but ([\d,]+) received\.  The relay "
                      r"received 50,000, matched ([\d,]+), sent ([\d,]+); its drops: (.+)\n",
                      demo.process.stderr())
    t.true(match, f"what was lost, and where: {demo.process.stderr()[-1000:]}")
    lost, received, matched, sent = (int(one.replace(",", "")) for one in match.groups()[:4])
    # On a busy machine the queue of a socket may overflow as well.
    drops = {reason: int(count.replace(",", ""))
             for reason, count in re.findall(r"(\w+) ([\d,]*\d)", match[5])}
    t.true(drops.get("rate_limited", 0) > 0, "the limit was felt")
    dropped = sum(drops.values())
    t.equal(received + dropped, 50000, "received and dropped")
    t.equal((matched, sent), (received, received), "matched and sent by the relay")
    # Behind the last one received there is no hole to see.
    t.true(0 < lost <= dropped, f"{lost} holes in the sequence, {dropped} not sent on")
    live = re.findall(r"^ +5 +50,000 +([\d,]+) +([\d,]+) +([\d,]+)$", demo.output(), re.MULTILINE)
    t.equal([[int(one.replace(",", "")) for one in line] for line in live],
            [[received, received, lost]], "the last live line")
    demo.nothing_left()


if __name__ == "__main__":
    main()
