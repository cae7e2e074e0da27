#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Scenarios: one that is wrong fails, says why, and keeps what helps to understand it.

    test_bad.py     made here, a file for each way to be wrong
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "harness/python"))
# pylint: disable=wrong-import-position
from mcrlab import main, paths, scenario
from mcrlab.process import ProcessError

GROUP = "239.1.1.1"

# What is wrong with a scenario, its body, and what the output must say.
BAD_SCENARIOS = [
    ("an expectation", "t.equal(1, 2, 'the sum')", "the sum: is 1, should be 2"),
    ("an exception", "{}['key']", "KeyError: 'key'"),
    ("a deadline", "import signal; signal.pause()", "the scenario's deadline has passed"),
    ("a process left", "t.run('gen', ['sh', '-c', 'sleep 1000 >/dev/null 2>&1 &'])",
     "sleep 1000"),
    ("a condition", "t.wait_until(lambda: False, 0.1, 'the impossible')",
     "not within 0.1 s: the impossible"),
    ("a process that will not end", "p = t.start('gen', ['sh', '-c', 'trap : TERM; echo x; "
     "while :; do sleep 1000; done']); t.wait_until(lambda: 'x' in p.stdout(), 5, 'x'); "
     "p.stop = lambda: type(p).stop(p, 0.2)", "did not end within 0.2 s, was killed"),
]


def run_bad(t, number, body):
    """A file of its own with one scenario that is wrong, and one that is skipped, to its end."""
    script = t.run_dir / f"test_bad{number}.py"
    script.write_text(t._with_path("from mcrlab import main, scenario\n"
                                   "@scenario('bad one', topology='direct2', deadline_s=2)\n"
                                   f"def bad(t):\n    {body}\n"
                                   "@scenario('skipped')\n"
                                   "def skipped(t):\n    t.skip('no reason')\nmain()\n"))
    return subprocess.run([sys.executable, script], text=True, capture_output=True, timeout=30,
                          env=paths.environment(MCR_ARTIFACTS=t.run_dir / "kept"), check=False)


@scenario("a scenario that is wrong fails, says why, and keeps the evidence")
def bad_scenarios(t):
    with ThreadPoolExecutor(len(BAD_SCENARIOS)) as pool:
        running = [pool.submit(run_bad, t, number, body)
                   for number, (_, body, _) in enumerate(BAD_SCENARIOS)]
    for number, (what, _, message) in enumerate(BAD_SCENARIOS):
        done = running[number].result()
        t.equal(done.returncode, 1, f"{what}: status")
        t.true("not ok 1 - bad one" in done.stdout, f"{what}: {done.stdout}")
        t.true(message in done.stdout, f"{what}: {done.stdout}")
        t.true("ok 2 - skipped # SKIP no reason" in done.stdout, f"{what}: {done.stdout}")
        evidence = t.run_dir / "kept" / f"test_bad{number}-bad-one"
        t.true(f"# kept: {evidence}" in done.stdout, f"{what}: {done.stdout}")
        t.true((evidence / "topology").read_text().startswith("direct2"), f"{what}: the drawing")


@scenario("a program that cannot start is an error that says why", topology="direct2")
def cannot_start(t):
    error = t.raises(ProcessError, t.sink, "sink", "eth9", GROUP, 5000)
    t.true("eth9" in str(error), str(error))
    error = t.raises(ProcessError, t.gen, "gen", "eth0", GROUP, 5000, size=70000)
    t.true("70000" in str(error), str(error))


if __name__ == "__main__":
    main()
