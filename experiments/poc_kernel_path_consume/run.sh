#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24

"$poc_bin/consume"
pass "a dropped frame reaches nobody behind the hook, a frame for others packet sockets alone"
