#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   gen0 ==== in0: tc program -- clones --> queue0 ---- queue1  (tbf over pfifo of 1)
#                                       |-> htb0 ------ htb1    (htb over pfifo of 5)
#                                       |-> down0 ----- down1   (down)
#                                       |-> small0 ---- small1  (MTU 1000 at small0)
#                                       '-> tap0 (with qdisc), tap1 (without), which nobody reads
. "$(dirname "$0")/../lab.sh"

veth gen0 10.0.1.1/24 in0 10.0.1.2/24
veth queue0 10.0.2.1/24 queue1 10.0.2.2/24
tc qdisc add dev queue0 root handle 1: tbf rate 8mbit burst 2000 limit 100000
tc qdisc add dev queue0 parent 1: handle 2: pfifo limit 1
veth htb0 10.0.3.1/24 htb1 10.0.3.2/24
tc qdisc add dev htb0 root handle 1: htb default 1
tc class add dev htb0 parent 1: classid 1:1 htb rate 8mbit burst 2000 cburst 2000
tc qdisc add dev htb0 parent 1:1 handle 2: pfifo limit 5
veth down0 10.0.4.1/24 down1 10.0.4.2/24
ip link set down1 down
veth small0 10.0.5.1/24 small1 10.0.5.2/24
ip link set small0 mtu 1000

"$poc_bin/counts"
pass "a clone's result is the first queue's answer, for all datagrams of a frame; what is dropped below is silent"
