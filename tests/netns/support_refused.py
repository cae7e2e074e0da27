# SPDX-License-Identifier: MIT
"""A daemon that does not start, and the one clear line that says why."""

import os

from mcrlab import paths


def refused_start(t, *args, wrapper=(), program=None, path=None, node="relay"):
    """mcrd that does not start: its status and log. It may leave nothing behind."""
    path = path or t.run_dir / "refused.sock"
    done = t.run(node, list(wrapper) + [program or paths.program("mcrd"), "--control-socket-path",
                                        path, "--num-workers", 1] + list(args),
                 check=False, deadline_s=20)
    t.equal([name for name in os.listdir(t.run_dir) if name.startswith("refused")], [],
            "sockets left behind")
    return done.returncode, done.stderr


def critical(log):
    return [line for line in log.splitlines() if " critical " in line]


def one_line(t, log, *words):
    """Exactly one line names the error, with these words in it."""
    lines = critical(log)
    t.equal(len(lines), 1, f"critical lines in {log!r}")
    for word in words:
        t.true(word in lines[0], f"{word!r} in {lines[0]!r}")
