#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth out0 10.0.2.1/24 sink0 10.0.2.2/24

"$poc_bin/super"
"$poc_bin/trunc"
pass "super-datagrams keep every byte and the order; 128 segments, 65507 bytes, segment within MTU;" \
	"MSG_TRUNC gives the real length"
