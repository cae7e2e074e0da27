#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   down0 ---- down1 (down)          ring0 ---- ring1 (GRO: packets wait in a ring
#   qdisc0 --- qdisc1                                  of 256 for a kernel thread)
#    `- tbf, pfifo limit 1           mtu0 ----- mtu1 (1500)
#   slow0 ---- slow1 (tbf, long queue)
#   htb0 ----- htb1 (htb over a pfifo of 5)
. "$(dirname "$0")/../lab.sh"

veth down0 10.0.2.1/24 down1 10.0.2.2/24
ip link set down1 down
veth ring0 10.0.3.1/24 ring1 10.0.3.2/24
ethtool -K ring1 gro on rx-udp-gro-forwarding on
ethtool -K ring0 tx-udp-segmentation off
echo 1 >/sys/class/net/ring1/threaded
veth qdisc0 10.0.4.1/24 qdisc1 10.0.4.2/24
tc qdisc add dev qdisc0 root handle 1: tbf rate 8mbit burst 2000 limit 100000
tc qdisc add dev qdisc0 parent 1: handle 2: pfifo limit 1
veth htb0 10.0.6.1/24 htb1 10.0.6.2/24
tc qdisc add dev htb0 root handle 1: htb default 1
tc class add dev htb0 parent 1: classid 1:1 htb rate 8mbit burst 2000 cburst 2000
tc qdisc add dev htb0 parent 1:1 handle 2: pfifo limit 5
veth slow0 10.0.5.1/24 slow1 10.0.5.2/24
tc qdisc add dev slow0 root tbf rate 80kbit burst 1500 limit 1000000
veth mtu0 10.0.1.1/24 mtu1 10.0.1.2/24
ip ntable change name arp_cache dev mtu0 retrans 20 mcast_probes 1 ucast_probes 1

"$poc_bin/loss"
"$poc_bin/ring"
"$poc_bin/icmp"
pass "with IP_RECVERR a refused send is ENOBUFS; drops below a qdisc, of software-cut segments and on" \
	"dead links are silent; an ICMP error fails one later send; OMIT fragments; DONTWAIT is inline"
