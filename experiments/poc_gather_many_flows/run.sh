#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth out0 10.0.2.1/24 sink0 10.0.2.2/24

for segmentation in off on; do
	ethtool -K out0 tx-udp-segmentation $segmentation
	echo "  tx-udp-segmentation of the output $segmentation"
	"$poc_bin/gather" $segmentation
done
pass "a worker that is behind needs fewer sends when it gathers across its flows, and keeps their order"
