#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   gen0 ==== in0: tc program
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24

"$poc_bin/survival"
pass "a tcx link ends with its last descriptor or pin; pinned, link and map go on, and a successor exchanges" \
	"the program without missing a frame; a clsact filter stays until it is removed"
