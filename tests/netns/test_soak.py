#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Half a minute of the soak test; `just soak MINUTES` runs it for longer.

    [gen] eth0 ---- in0 [relay] out0 ---- eth0 [sink]    16 streams
    [gen] eth1 ---- in1 [relay] out1 ---- eth1 [sink]     4 streams, whose links go down and up
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../harness/python"))
from mcrlab import main, scenario
from mcrsoak import LAB, soak


@scenario("half a minute of faults", topology=LAB, deadline_s=120)
def half_a_minute(t):
    """Everything lost is explained by a fault, and memory and descriptors are flat."""
    seed = os.environ.get("MCR_SEED")
    soak(t, 30, int(seed) if seed else None)


if __name__ == "__main__":
    main()
