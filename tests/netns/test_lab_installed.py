#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A lab and a scenario need no more than `make install` installs.

    root/usr/bin, sbin      the programs
    root/usr/share/mcr      topologies, and Python for scenarios
"""

import os
import subprocess

import support  # pylint: disable=unused-import
from mcrlab import main, paths, scaled, scenario

SCENARIO = """#!/usr/bin/python3
from mcrlab import main, scenario


@scenario("a relay that is installed", topology="chain3")
def relayed(t):
    relay = t.mcrd("relay", num_workers=1)
    relay.rpc("AddRule", {"name": "r",
                          "input": {"interface": "eth0", "group": "239.1.1.1", "port": 5000},
                          "outputs": [{"interface": "eth1", "group": "239.2.2.2", "port": 6000}]})
    sink = t.sink("sink", "eth0", "239.2.2.2", 6000)
    t.gen("gen", "eth0", "239.1.1.1", 5000, count=100, rate=5000)
    t.clean(sink.finish(expect=100), 100)


main()
"""


@scenario("mcrlab knows its topologies, mcrbench its reference, and a scenario needs only PYTHONPATH")
def installed(t):
    root = t.run_dir / "root"
    # Everything is built: what is tested must not be built again under the eyes of other tests.
    done = subprocess.run(["make", "-s", "-o", "all", "install", f"BUILD={paths.BUILD}",
                           f"DESTDIR={root}", "PREFIX=/usr"], cwd=paths.REPOSITORY, text=True,
                          capture_output=True, timeout=scaled(50), check=False)
    t.equal((done.returncode, done.stderr), (0, ""), "make install")
    pages = sorted(path.name for path in (root / "usr/share/man").glob("man*/*"))
    t.equal(pages, ["mcrbench.1", "mcrctl.1", "mcrd.8", "mcrgen.1", "mcrlab.1", "mcrsink.1"],
            "man pages")
    env = {key: value for key, value in os.environ.items()
           if not key.startswith("MCR_") and key != "PYTHONPATH"}

    def run(*argv, **extra):
        return subprocess.run(list(map(str, argv)), text=True, capture_output=True, timeout=scaled(50),
                              env=env | extra, cwd=t.run_dir, check=False)
    mcrlab = root / "usr/bin/mcrlab"
    t.true("\nchain3 " in "\n" + run(mcrlab, "topologies").stdout, "topologies")
    # A measurement without two relays to compare ends when the reference has been read.
    done = run(root / "usr/bin/mcrbench", "--check", "--backend", "kernel")
    t.true("no ratio of the reference is between two relays" in done.stderr, done.stderr)
    name = f"installed-{os.getpid()}"
    done = run(mcrlab, "up", "chain3", "--name", name)
    t.equal((done.returncode, done.stdout, done.stderr), (0, f"{name}\n", ""), "up chain3")
    t.equal(run(mcrlab, "down", name).returncode, 0, "down")
    test = t.run_dir / "test_installed.py"
    test.write_text(SCENARIO)
    done = run("/usr/bin/python3", test, PYTHONPATH=str(root / "usr/share/mcr/python"))
    t.equal(done.returncode, 0, f"scenario: {done.stdout}{done.stderr}")
    t.true("ok 1 - a relay that is installed" in done.stdout, done.stdout)


if __name__ == "__main__":
    main()
