#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth out0 10.0.2.1/24 sink0 10.0.2.2/24

"$poc_bin/drain"
"$poc_bin/outlive"
pass "a restricted ring under seccomp forwards all that an open one does; a ring whose descriptor" \
	"the parent keeps can be read when its process is dead"
