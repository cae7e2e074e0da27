# SPDX-License-Identifier: MIT
"""Where things are: the tree, the build directory, the programs."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
BUILD = Path(os.environ.get("MCR_BUILD") or REPOSITORY / "build").resolve()
TOPOLOGIES = REPOSITORY / "harness" / "topologies"


def program(name):
    """The path of one of our programs; a missing one is an error that says what to do."""
    path = BUILD / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: build it, or set MCR_BUILD")
    return str(path)


def environment(**extra):
    """The environment of every program started: ours, and where the topologies are."""
    env = dict(os.environ, MCR_TOPOLOGIES=str(TOPOLOGIES), LC_ALL="C.UTF-8")
    env.update({key: str(value) for key, value in extra.items()})
    return env
