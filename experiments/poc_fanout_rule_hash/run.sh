#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24

"$poc_bin/fanout"
pass "a classic BPF program steers every (group, port) to exactly the socket that C computes"
