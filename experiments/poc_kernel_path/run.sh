#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth out0 10.0.2.1/24 far0 10.0.2.2/24

"$poc_bin/division"
"$poc_bin/clone"
pass "a mark divides the frames exactly, a clone says what became of it, a pinned link outlives its process"
