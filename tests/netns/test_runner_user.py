#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The runner without root: what needs none is run, the rest is skipped, with its reason and counted.

    run             as user 65534, in a copy of the tree that is this user's
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario

RUN = Path(__file__).resolve().parent / "run"


@scenario("what needs root is skipped without it, and says so", root=True)
def without_root(t):
    directory = t.run_dir / "tests"
    directory.mkdir()
    path = directory / "test_rights.py"
    path.write_text(
        f"#!{sys.executable}\n" + t._with_path("from mcrlab import main, scenario\n") +
        "@scenario('needs it', root=True)\ndef needs(t): pass\n"
        "@scenario('needs it for that', root='that')\ndef needs_for(t): pass\n"
        "@scenario('does not')\ndef does_not(t): pass\nmain()\n")
    path.chmod(0o755)
    done = subprocess.run(["unshare", "--user", "--map-root-user", RUN, "--directory", directory],
                          text=True, capture_output=True, timeout=scaled(30), check=False,
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept"))
    t.equal(done.stdout.splitlines()[-1], "1 passed, 0 failed, 2 skipped", done.stdout + done.stderr)
    t.true("needs it  (needs root)" in done.stdout, done.stdout)
    t.true("needs it for that  (needs root: that)" in done.stdout, done.stdout)


USER = 65534
# Tests of the project: a relay, captures, labs and their ends, one with special requirements.
USERS_TESTS = ("test_fanout.py", "test_lab_capture.py", "test_lab_input.py", "test_lab_life.py")


def tree_for_user(directory):
    """The files that tests need, in a place of that user and with its rights."""
    place = Path(directory) / "tree"
    for part in ("harness/python", "harness/topologies", "tests/netns"):
        shutil.copytree(paths.REPOSITORY / part, place / part,
                        ignore=shutil.ignore_patterns("__pycache__", "test_*.py"))
    for name in USERS_TESTS:
        shutil.copy(paths.REPOSITORY / "tests/netns" / name, place / "tests/netns" / name)
    shutil.copytree(paths.BUILD / "bin", place / "build/bin")
    if os.geteuid() == 0:
        for path in [Path(directory), *Path(directory).rglob("*")]:
            os.chown(path, USER, USER)
    return place


@scenario("an ordinary user runs all that needs no root; the rest is skipped with reason and count",
          deadline_s=120)
def ordinary_user(t):
    # Not in run_dir: its parent may be closed to other users.
    with tempfile.TemporaryDirectory(prefix="mcr-user-", dir="/tmp") as directory:
        place = tree_for_user(directory)
        become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"] \
            if os.geteuid() == 0 else []
        done = subprocess.run(become + [place / "tests/netns/run", "--jobs", "1"], text=True,
                              capture_output=True, timeout=scaled(100), check=False, cwd=directory,
                              stdin=subprocess.DEVNULL,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": directory,
                                   "TMPDIR": directory, "MCR_BUILD": str(place / "build")})
        left = [path.name for path in Path(directory).iterdir() if path.name != "tree"]
    passed, failed, skipped = map(int, re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped",
                                                    done.stdout.splitlines()[-1]).groups())
    reasons = re.findall(r"^skip .*?  \((.+)\)$", done.stdout, re.M)
    if any("cannot make a user namespace" in reason for reason in reasons):
        t.skip(f"user namespaces are not allowed here: {reasons[0]}")
    t.equal((done.returncode, failed), (0, 0), done.stdout + done.stderr)
    t.equal(len(reasons), skipped, f"skipped with a reason: {done.stdout}")
    t.equal([reason for reason in reasons if "/dev/net/tun: Permission denied" not in reason
             and not reason.startswith("needs root")
             and not reason.endswith("receive buffer of a sink without root")], [],
            "reasons of another kind")
    t.true(passed >= 15, done.stdout)
    t.equal(left, [], "left in its temporary directory")
    t.note(f"{passed} passed, {skipped} skipped: {sorted(set(reasons))}")


if __name__ == "__main__":
    main()
