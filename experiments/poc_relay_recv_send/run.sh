#!/bin/sh
# SPDX-License-Identifier: MIT
#
#   gen [10.99.0.1] ---- [10.1.0.2] relay [10.2.0.1] ---- [10.2.0.2] sink
#
# The relay's namespace has no route to 10.99.0.1: its kernel would drop the
# stream (RPF check), a packet socket sees it.
. "$(dirname "$0")/../lab.sh"

work=$(mktemp -d)
mount -t tmpfs tmpfs "$work"

for ns in gen relay sink; do
	ip netns add $ns
	ip -n $ns link set lo up
	ip netns exec $ns sysctl -qw net.ipv4.conf.all.rp_filter=0 \
		net.ipv4.conf.default.rp_filter=0 net.ipv6.conf.all.disable_ipv6=1 \
		net.ipv6.conf.default.disable_ipv6=1
done
ip -n gen link add gen0 type veth peer name in0 netns relay
ip -n relay link add out0 type veth peer name sink0 netns sink
ip -n gen addr add 10.99.0.1/24 dev gen0
ip -n relay addr add 10.1.0.2/24 dev in0
ip -n relay addr add 10.2.0.1/24 dev out0
ip -n sink addr add 10.2.0.2/24 dev sink0
ip -n gen link set gen0 up mtu 9000
ip -n relay link set in0 up mtu 9000
ip -n relay link set out0 up mtu 9000
ip -n sink link set sink0 up mtu 9000

# The output of the relay and the sinks arrives here, line by line.
mkfifo "$work/relay" "$work/sinks"
exec 3<>"$work/relay" 4<>"$work/sinks"

# round COUNT BYTES PPS OUTPUTS
round() {
	ip netns exec relay "$poc_bin/relay" in0 239.1.1.1 5000 out0 239.2.2.2 6000 "$4" >&3 &
	relay=$!
	sinks=
	for i in $(seq 0 $(($4 - 1))); do
		ip netns exec sink "$poc_bin/stream" sink sink0 239.2.2.2 $((6000 + i)) "$1" >&4 &
		sinks="$sinks $!"
		read -r line <&4 && [ "$line" = ready ]
	done
	read -r line <&3 && [ "$line" = ready ]
	ip netns exec gen "$poc_bin/stream" send gen0 239.1.1.1 5000 "$1" "$2" "$3"
	for sink in $sinks; do
		status="ok   "
		wait "$sink" || status=WRONG
		read -r line <&4
		echo "  $status $1 datagrams of $2 bytes, $4 output(s), sink: $line"
		[ $status != WRONG ]
	done
	kill -TERM $relay
	wait $relay
	read -r counts <&3
	expected="{\"received\":$1,\"sent\":$(($1 * $4))}"
	status="ok   "
	[ "$counts" = "$expected" ] || status=WRONG
	echo "  $status relay: $counts"
	[ $status != WRONG ]
}

round 100000 200 0 1
round 50000 1400 20000 1
round 20000 1400 10000 3
round 1000 8900 5000 1
pass "one receive and one send per datagram forwards an unroutable stream without loss"
