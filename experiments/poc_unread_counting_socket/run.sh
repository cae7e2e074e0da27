#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24

"$poc_bin/count"
pass "a packet socket that nobody reads counts every frame its filter accepts, in bounded memory"
