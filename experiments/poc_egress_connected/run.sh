#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   left0 ---- left1         right0 ---- right1
. "$(dirname "$0")/../lab.sh"

veth left0 10.0.1.1/24 left1 10.0.1.2/24
veth right0 10.0.2.1/24 right1 10.0.2.2/24

"$poc_bin/errors"
"$poc_bin/source"
pass "an error strikes the socket that the message quotes, once; a send that names another address goes there"
