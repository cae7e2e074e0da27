#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth out0 10.0.2.1/24 sink0 10.0.2.2/24

"$poc_bin/passing"
pass "a process as nobody, without capabilities, in an empty network namespace, sealed, forwards" \
	"with the sockets it was given and can get no others"
