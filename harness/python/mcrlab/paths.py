# SPDX-License-Identifier: MIT
"""Where things are: the tree, the build directory, the programs."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("MCR_BUILD") or REPOSITORY / "build").resolve()
TOPOLOGIES = REPOSITORY / "harness" / "topologies"


class NotBuilt(FileNotFoundError):
    """One of our programs is not there; one line that says what to do."""


def program(name):
    """The path of one of our programs, as a text; raises NotBuilt."""
    path = BUILD / "bin" / name
    if not path.exists():
        raise NotBuilt(f"{path} is missing: run `make`, or set MCR_BUILD to where it was built")
    return str(path)


def test_program(name):
    """The path of a program that only tests run, as a text; raises NotBuilt."""
    path = BUILD / "test" / name
    if not path.exists():
        raise NotBuilt(f"{path} is missing: run `make unit-bins`, or set MCR_BUILD to where it "
                       "was built")
    return str(path)


def environment(**extra):
    """The environment of every program started: ours, and where the topologies are."""
    env = dict(os.environ, MCR_TOPOLOGIES=str(TOPOLOGIES), LC_ALL="C.UTF-8")
    env.update({key: str(value) for key, value in extra.items()})
    return env
