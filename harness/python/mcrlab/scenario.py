# SPDX-License-Identifier: MIT
"""The argument of a scenario: a lab, and everything that can be done in it.

The subjects have files of their own: programs.py starts, harm.py harms, expect.py and
accounting.py judge, evidence.py saves.  Here are the lab itself and the end of all processes.
"""

import json

from . import evidence
from .accounting import Accounting
from .expect import Expectations, Failure, wait_until
from .harm import Harm
from .lab import Lab, lab_exists
from .proc import children, command_line
from .process import ProcessError
from .programs import Programs


class Scenario(Programs, Harm, Expectations, Accounting):
    """One run of one scenario.  Everything started is stopped afterwards, last first.

    `topology` as of Lab, or None for no lab.  With `wires` every link can be impaired, with
    `record` the last packets of every link are kept for save().  Raises LabImpossible,
    ProcessError or paths.NotBuilt when there can be no lab.
    """

    def __init__(self, topology, run_dir, wires=False, record=False):
        Programs.__init__(self, None, run_dir)
        Expectations.__init__(self)
        self.recorder = None
        if topology is not None:
            self.lab = Lab(topology, wires)
        if self.lab and record:
            self.recorder = evidence.Recorder(self.lab, self.log_dir)

    def save(self, directory, error):
        """Save the evidence of a failure; see evidence.py."""
        evidence.save(self, directory, error)

    def close(self):
        """Stop everything, last first; returns faults, as a list of texts."""
        faults = []
        if self.recorder:
            self.recorder.close()
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
        """Processes that outlived their parent; the runner is their reaper."""
        def left():
            found = set(pid for pid, _ in self.lab.inhabitants()) if self.lab else set()
            found |= set(children("self")) - ({self.lab.pid} if self.lab else set())
            return {pid: " ".join(command_line(pid)) for pid in found if command_line(pid)}
        try:
            wait_until(lambda: not left(), 2, "end of all processes")
            return []
        except Failure:
            return [f"left behind: process {pid} {line}" for pid, line in left().items()]
