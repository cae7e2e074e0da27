#!/bin/sh
# SPDX-License-Identifier: MIT
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 port1 0.0.0.0/32
veth in0 10.0.1.2/24 port2 0.0.0.0/32
ip link add br0 type bridge mcast_snooping 1 mcast_query_response_interval 20
ip link set port1 master br0
ip link set port2 master br0
ip link set br0 up
ip link set br0 type bridge mcast_querier 1
ip link set port1 type bridge_slave mcast_router 0
ip link set port2 type bridge_slave mcast_router 0 mcast_fast_leave on

"$poc_bin/join"
pass "20 groups and 10 sources per socket, as many sockets as it takes; a packet socket sees what they join"
