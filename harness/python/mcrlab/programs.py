# SPDX-License-Identifier: MIT
"""Programs of a scenario: the relay, generators, sinks, captures, and any other."""

import subprocess
import sys

from . import paths
from .capture import Capture
from .process import Process, ProcessError
from .relay import Relay
from .slow import scaled
from .traffic import Gen, Sink


class Programs:
    """Starts programs in the nodes of a lab; `processes` are those that the scenario has to stop.

    `lab` is a Lab, or None for no lab; files are written below `run_dir`.
    """

    def __init__(self, lab, run_dir):
        self.lab = lab
        self.run_dir = run_dir
        self.log_dir = run_dir / "logs"
        self.log_dir.mkdir()
        self.processes = []
        self._names = {}

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
        `owner` is the uid to which its directory and configuration belong.  `pin` is where the
        kernel path is pinned: nowhere, so that nothing outlives the lab; None: where it usually is.
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

    def mcrlab(self, *args, check=True, deadline_s=30):
        """Run mcrlab; returns the CompletedProcess."""
        return self.run(None, [paths.program("mcrlab"), *args], check=check, deadline_s=deadline_s)

    def capture(self, node, interface, count=None, expression=None):
        """A pcap of an interface, from now until finish()."""
        return self._keep(Capture(self._name(f"capture-{node}"), interface, lab=self.lab,
                                  node=node, log_dir=self.log_dir, count=count,
                                  expression=expression))
