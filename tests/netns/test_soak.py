#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A minute of the soak test; `just soak MINUTES` runs it for longer.

    [gen] eth0 ---- in0 [relay] out0 ---- eth0 [sink]    16 streams
    [gen] eth1 ---- in1 [relay] out1 ---- eth1 [sink]     4 streams, whose links go down and up
"""

import json
import os

import support  # pylint: disable=unused-import
from mcrlab import main, scenario
from mcrsoak import LAB, soak

SECONDS = 60


@scenario("a minute of faults loses nothing that is not explained", topology=LAB, deadline_s=480)
def one_minute(t):
    """Everything lost is explained by a fault, and memory and descriptors are flat."""
    seed = os.environ.get("MCR_SEED")
    report = t.run_dir / "soak.json"
    soak(t, SECONDS, int(seed) if seed else None, json_path=report)
    found = json.loads(report.read_text())
    t.equal((found["passed"], found["lost"]["unexplained"], found["repeated"]["unexplained"]),
            (True, 0, 0), "passed, lost and repeated without a cause")
    lost = sum(found["lost"]["by_cause"].values())
    again = sum(found["repeated"]["by_cause"].values())
    t.equal(found["datagrams"]["sent"] - lost + again, found["datagrams"]["received"],
            "sent, less what is explained")
    t.equal(set(found["processes"]), {"supervisor", "control", "worker 0", "worker 1"},
            "processes whose memory was compared")
    t.true(found["faults"] and found["changes"]["made"], "there were faults and changes")


if __name__ == "__main__":
    main()
