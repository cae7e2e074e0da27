# SPDX-License-Identifier: MIT
"""A lab for a program that is no test: what goes wrong, there or at the end, is an error."""

import contextlib
import shutil
import tempfile

from .process import ProcessError
from .rundir import run_directory
from .scenario import Scenario


@contextlib.contextmanager
def session(topology, wires=False):
    """The argument of a scenario, for as long as the block runs; see harness/python/README.md.

    After an error the logs are kept, and it says where.  Raises what Scenario() raises, and
    ProcessError for what was wrong at the end.
    """
    with run_directory() as run_dir:
        t = Scenario(topology, run_dir, wires=wires)
        try:
            yield t
        except BaseException as error:
            t.close()
            if isinstance(error, Exception):
                directory = tempfile.mkdtemp(prefix="mcr-failure-")
                shutil.copytree(t.log_dir, directory, dirs_exist_ok=True)
                error.args = (f"{error} (logs are in {directory})",)
            raise
        faults = t.close()
        if faults:
            raise ProcessError("; ".join(faults))
