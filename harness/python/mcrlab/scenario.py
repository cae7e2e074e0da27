# SPDX-License-Identifier: MIT
"""What a scenario is given: a lab, and everything that can be done in it."""

import json
import signal
import subprocess
import sys
import time
import traceback

from . import paths
from .capture import Capture
from .lab import Lab, lab_exists
from .deadline import Deadline
from .proc import children, command_line
from .process import Process, ProcessError, pause
from .relay import Relay
from .rights import is_root
from .slow import scaled
from .traffic import Gen, Sink


class Failure(AssertionError):
    """An expectation that does not hold."""


class Skip(Exception):
    """A scenario that cannot be run here, and why."""


def wait_until(predicate, deadline_s, what):
    """Wait until `predicate()` is true; returns what it returned.

    Past the deadline it raises Failure, which says `what` was waited for.
    """
    deadline = Deadline(deadline_s)
    while True:
        value = predicate()
        if value:
            return value
        if deadline.passed():
            raise Failure(f"not within {deadline.seconds} s: {what}")
        pause()


class Scenario:
    """One run of one scenario.  Everything started is stopped afterwards, last first.

    `topology` as of Lab, or None for no lab.  With `wires` every link can be impaired, with
    `record` the last packets of every link are kept for save().  Raises LabImpossible,
    ProcessError or paths.NotBuilt when there can be no lab.
    """

    def __init__(self, topology, run_dir, wires=False, record=False):
        self.run_dir = run_dir
        self.log_dir = run_dir / "logs"
        self.log_dir.mkdir()
        self.processes = []
        self.diagnostics = []
        self._names = {}
        self.lab = Lab(topology, wires) if topology is not None else None
        self._recorder = self._start_recorder() if self.lab and record else None

    # Starting things

    def _name(self, base):
        number = self._names[base] = self._names.get(base, 0) + 1
        return base if number == 1 else f"{base}-{number}"

    def _keep(self, process):
        self.processes.append(process)
        return process

    def _place(self, kind, node):
        return {"name": self._name(f"{kind}-{node}"), "lab": self.lab, "node": node,
                "log_dir": self.log_dir}

    def mcrd(self, node, **options):
        """mcrd in a node, ready: num_workers, config (dict or text), interface, args, env.

        `program` is another binary, `wrapper` the words of a program that starts it and becomes it;
        `owner` is the uid to which its directory and configuration belong.
        """
        return self._keep(Relay(run_dir=self.run_dir, **self._place("mcrd", node), **options))

    def sink(self, node, interface, group, port, **options):
        """A sink that has joined.  `group` may be a list; options as of mcrsink.

        ProcessError when it cannot.
        """
        place = self._place("sink", node)
        return self._keep(Sink(place.pop("name"), interface, group, port, **place, **options))

    def gen_start(self, node, interface, group, port, hold=False, **options):
        """A generator in the background; with `hold` it waits for go().  Options as of mcrgen."""
        place = self._place("gen", node)
        gen = self._keep(Gen(place.pop("name"), interface, group, port, **place, **options))
        if not hold:
            gen.go()
        return gen

    def gen(self, node, interface, group, port, deadline_s=30, **options):
        """Send and wait for the end; returns the generator's report."""
        return self.gen_start(node, interface, group, port, **options).finish(deadline_s)

    def start(self, node, argv, env=None):
        """Any program in the background; node None is outside the lab."""
        argv = [str(arg) for arg in argv]
        name = self._name(argv[0].rsplit("/", 1)[-1])
        return self._keep(Process(name, argv, lab=self.lab, node=node, log_dir=self.log_dir,
                                  env=env))

    def run(self, node, argv, check=True, deadline_s=10, **options):
        """Any program to its end; returns the CompletedProcess.  node None is outside the lab.

        With `check` a status other than 0 is a ProcessError; past the deadline it is killed, and
        that raises subprocess.TimeoutExpired.
        """
        argv = [str(arg) for arg in argv]
        if node is not None:
            argv = [paths.program("mcrlab"), "exec", self.lab.name, node, "--"] + argv
        done = subprocess.run(argv, text=True, capture_output=True, timeout=scaled(deadline_s),
                              env=paths.environment(), check=False, **options)
        if check and done.returncode != 0:
            raise ProcessError(f"{' '.join(argv)}: status {done.returncode}: "
                               f"{done.stderr.strip()}")
        return done

    exec = run

    def move(self, node, interface, to):
        """An interface goes to another node."""
        # Opened here: whoever is root in a user namespace may not look into its holder's /proc.
        with open(self.lab.nodes[to], "rb") as namespace:
            fd = namespace.fileno()
            self.run(node, ["ip", "link", "set", interface, "netns", f"/proc/self/fd/{fd}"],
                     pass_fds=[fd])

    def _python_argv(self, source, args):
        return [sys.executable, "-c", source] + list(args)

    def python(self, node, source, *args, **options):
        """Python source in a node, to its end; `from mcrlab import payload` works there."""
        return self.run(node, self._python_argv(self._with_path(source), args), **options)

    def python_start(self, node, source, *args):
        """Python source in a node, in the background."""
        return self.start(node, self._python_argv(self._with_path(source), args))

    @staticmethod
    def _with_path(source):
        modules = str(paths.REPOSITORY / "harness/python")
        return f"import sys; sys.path.insert(0, {modules!r})\n{source}"

    # Doing harm

    def mcrlab(self, *args, check=True, deadline_s=30):
        """Run mcrlab; returns the CompletedProcess."""
        return self.run(None, [paths.program("mcrlab"), *args], check=check, deadline_s=deadline_s)

    def impair(self, node, interface, *what):
        """Impair what arrives at an end of a link with a wire.

        ("loss", "1%"), ("every", 10), ("dup", "1%"), ("rate", "10mbit"), ("clear",);
        and on any link ("flap", "100ms", count, "200ms").
        """
        self.mcrlab("impair", self.lab.name, node, interface, *what)

    def impaired(self, node, interface):
        """What impairments have done so far: lost, every_lost, duplicated, over_rate."""
        return json.loads(self.mcrlab("impair", self.lab.name, node, interface, "show").stdout)

    def fault(self, node, verb, *args):
        """One fault in a node, as of `mcrlab fault`; returns what it reports, or None."""
        text = self.mcrlab("fault", self.lab.name, node, verb, *args).stdout.strip()
        return json.loads(text) if text else None

    def fault_start(self, node, verb, *args, deadline_s=10):
        """A fault that goes on until stop(): hog, stall-client, flood-client."""
        process = self.start(None, [paths.program("mcrlab"), "fault", self.lab.name, node, verb,
                                    *args])
        self.wait_until(lambda: process.stdout().startswith("ready\n") or not process.running,
                        deadline_s, f"{verb} ready")
        self.true(process.running, f"{verb}: {process.stderr().strip()}")
        return process

    def capture(self, node, interface, count=None, expression=None):
        """A pcap of an interface, from now until finish()."""
        return self._keep(Capture(self._name(f"capture-{node}"), interface, lab=self.lab,
                                  node=node, log_dir=self.log_dir, count=count,
                                  expression=expression))

    # Judging

    def note(self, text):
        """A line of diagnostics in the test's output."""
        self.diagnostics.append(str(text))

    def fail(self, reason):
        """The scenario fails."""
        raise Failure(reason)

    def skip(self, reason):
        """The scenario cannot be run here; it ends as skipped."""
        raise Skip(reason)

    def true(self, condition, what):
        """Failure unless the condition holds; `what` says what should."""
        if not condition:
            raise Failure(what)

    def equal(self, actual, expected, what):
        """Failure, with both values, unless they are equal."""
        if actual != expected:
            raise Failure(f"{what}: is {actual!r}, should be {expected!r}")

    def between(self, actual, low, high, what):
        """Failure unless `actual` is at least `low` and at most `high`."""
        if not low <= actual <= high:
            raise Failure(f"{what}: is {actual!r}, should be from {low!r} to {high!r}")

    def raises(self, exception, call, *args, **options):
        """The exception that `call` raises; that it raises none is a failure."""
        try:
            call(*args, **options)
        except exception as error:
            return error
        raise Failure(f"{exception.__name__} was not raised")

    def once(self, trial, what, times=5):
        """`trial()` is true in one of a few runs, or Failure; `what` says what should be.

        For what a machine in trouble may spoil but never fake, such as an early end.
        """
        for _ in range(times):
            value = trial()
            if value:
                return value
        raise Failure(f"not in any of {times} runs: {what}")

    def wait_until(self, predicate, deadline_s, what):
        """See wait_until() of this module."""
        return wait_until(predicate, deadline_s, what)

    def clean(self, report, received, what="sink", short=0):
        """Exactly this many datagrams, each once, in order and as it was sent, or Failure.

        `short` is how many of them were sent with a payload of less than 32 bytes: such a one
        holds no whole header, so that the sink can only count it.

        Without root a sink's receive buffer is a few milliseconds of traffic.  Where a busy machine
        let just that overflow, the scenario is skipped: what was to be judged is not known.
        """
        expected = {"received": received, "unique": received - short, "lost": 0, "duplicated": 0,
                    "reordered": 0, "corrupt": 0, "short": short, "sink_drops": 0}
        got = {key: report[key] for key in expected}
        if got["sink_drops"] and not is_root() and _only_overflowed(got, expected):
            self.skip(f"{what}: {got['sink_drops']} datagrams overflowed the small receive buffer "
                      "of a sink without root")
        self.equal(got, expected, what)

    def conservation(self, relay, deadline_s=2):
        """Every datagram is accounted for: received = matched + drops, and for every output.

        Returns the answer to GetStats of which that is true; Failure when there is none in time.
        """
        found = ["no statistics"]

        def holds():
            stats = relay.stats()
            found[:] = unaccounted(stats)
            return not found and stats
        try:
            return wait_until(holds, deadline_s, "conservation")
        except Failure:
            raise Failure("conservation: " + "; ".join(found)) from None

    def check(self, relay, deadline_s=3):
        """All that mcrlab check looks at: conservation, agreement, memberships, descriptors."""
        done = self.mcrlab("check", "--socket-path", relay.socket_path, "--lab", self.lab.name,
                           "--node", relay.node, "--deadline-ms", int(deadline_s * 1000),
                           check=False, deadline_s=deadline_s + 20)
        if done.returncode != 0:
            raise Failure("; ".join((done.stdout + done.stderr).strip().splitlines()))

    # The end

    def _start_recorder(self):
        """Keeps the last packets of every link in memory, for save()."""
        recorder = subprocess.Popen([paths.program("mcrlab"), "record", self.lab.name,
                                     str(self.log_dir)], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, env=paths.environment())
        recorder.stdout.readline()
        return recorder

    def _stop_recorder(self, signo):
        if self._recorder is None:
            return
        self._recorder.send_signal(signo)
        try:
            self._recorder.wait(10)
        except subprocess.TimeoutExpired:
            self._recorder.kill()
            self._recorder.wait()
        self._recorder.stdout.close()
        self._recorder = None

    def close(self):
        """Stop everything, last first; returns what was wrong, as a list of texts."""
        faults = []
        self._stop_recorder(signal.SIGTERM)
        for process in reversed(self.processes):
            faults += self._stop(process)
        faults += self._leftovers()
        if self.lab:
            try:
                self.lab.close()
            except ProcessError as error:
                faults.append(str(error))
            if lab_exists(self.lab.name):
                faults.append(f"lab {self.lab.name} is still up")
        return faults

    @staticmethod
    def _stop(process):
        faults = []
        try:
            if process.running:
                process.stop()
        except (ProcessError, json.JSONDecodeError) as error:
            faults.append(str(error))
        process.close()
        return faults + process.faults()

    def _leftovers(self):
        """Processes that outlived whoever started them; the runner is their reaper."""
        def left():
            found = set(pid for pid, _ in self.lab.inhabitants()) if self.lab else set()
            found |= set(children("self")) - ({self.lab.pid} if self.lab else set())
            return {pid: " ".join(command_line(pid)) for pid in found if command_line(pid)}
        try:
            wait_until(lambda: not left(), 2, "end of all processes")
            return []
        except Failure:
            return [f"left behind: process {pid} {line}" for pid, line in left().items()]

    def _save_counters(self, directory, node):
        """What a node's kernel has counted, and what it has joined."""
        script = "ip -s -s address; ip route; cat /proc/net/snmp /proc/net/igmp /proc/net/mcfilter"
        try:
            text = self.run(node, ["sh", "-c", script], check=False, deadline_s=5).stdout
        except Exception as problem:  # pylint: disable=broad-except
            text = f"{problem}\n"
        (directory / f"{node}.counters").write_text(text)

    def save(self, directory, error):
        """Keep what helps to understand a failure."""
        for relay in self.processes:
            if isinstance(relay, Relay) and relay.running:
                try:
                    text = json.dumps(relay.rpc("GetStats", deadline_s=2), indent=2)
                except Exception as problem:  # whatever a failed daemon does
                    text = f"GetStats: {problem}"
                (directory / f"{relay.name}.stats").write_text(text + "\n")
        self._stop_recorder(signal.SIGUSR1)
        if self.lab:
            (directory / "topology").write_text(self.lab.drawing())
            for node in self.lab.nodes:
                self._save_counters(directory, node)
        (directory / "failure").write_text("".join(traceback.format_exception(error)))


def _only_overflowed(got, expected):
    """Is all that a sink's report lacks what its own socket had no room for?"""
    dropped = got["sink_drops"]
    return got["received"] + dropped == expected["received"] and \
        got["unique"] + got["short"] == got["received"] and got["short"] <= expected["short"] and \
        not (got["duplicated"] or got["reordered"] or got["corrupt"])


def unaccounted(stats):
    """What the conservation law says is wrong with an answer to GetStats, as a list of texts."""
    totals = stats["totals"]
    found = []
    accounted = totals["matched"] + sum(totals["drops"].values())
    if totals["received"] != accounted:
        found.append(f"received {totals['received']}, but matched and drops are {accounted}: "
                     f"{totals}")
    for rule in stats["rules"]:
        for number, output in enumerate(rule["outputs"]):
            accounted = output["sent"] + sum(output["send_drops"].values())
            if output["matched"] != accounted:
                found.append(f"rule {rule['rule_id']} output {number}: matched "
                             f"{output['matched']}, but sent and send drops are {accounted}: "
                             f"{output}")
    return found
