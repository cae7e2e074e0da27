# SPDX-License-Identifier: MIT
#
# Sourced by every run.sh: puts the experiment into namespaces of its own.
#
# The script re-executes itself in fresh network, mount and PID namespaces.
# Named namespaces made by `ip netns add` inside live on a private tmpfs, and
# every process dies with the PID namespace, so nothing is left behind however
# the experiment ends.

poc_dir=$(cd "$(dirname "$0")" && pwd)
poc_name=$(basename "$poc_dir")
MCR_BUILD=${MCR_BUILD:-$(cd "$poc_dir/../.." && pwd)/build}
poc_bin=$MCR_BUILD/experiments/$poc_name

if [ "$(id -u)" != 0 ]; then
	echo "SKIP: $poc_name needs root"
	exit 77
fi
if [ -z "${POC_INSIDE:-}" ]; then
	for src in "$poc_dir"/*.c; do
		[ -x "$poc_bin/$(basename "$src" .c)" ] && continue
		echo "FAIL: $(basename "$src" .c) is not built; run: make experiments"
		exit 1
	done
	export POC_INSIDE=1 MCR_BUILD
	status=0
	limit_s=$((${POC_TIMEOUT:-120} * ${MCR_SLOW:-1}))
	timeout --foreground -k 2 $limit_s unshare --net --mount --pid --fork --kill-child \
		--mount-proc "$poc_dir/$(basename "$0")" "$@" || status=$?
	case $status in 124 | 137) echo "FAIL: $poc_name took longer than $limit_s s" ;; esac
	exit $status
fi

set -eu
trap 'status=$?; [ $status = 0 ] || echo "FAIL: $poc_name (exit $status)"' EXIT

# The last command of a run.sh that got so far: every program before it passed.
pass() {
	echo "PASS: $*"
}

mount -t sysfs sysfs /sys
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
ip link set lo up
echo "$poc_name on Linux $(uname -r | cut -d- -f1)"

# veth A ADDRESS/PREFIX B ADDRESS/PREFIX: both ends in this namespace.  The
# source of what arrives is then a local address, which the kernel takes for
# spoofed unless accept_local says otherwise; a packet socket sees it anyway.
veth() {
	ip link add "$1" type veth peer name "$3"
	for end in "$1" "$3"; do
		sysctl -qw "net.ipv6.conf.$end.disable_ipv6=1"
		sysctl -qw "net.ipv4.conf.$end.rp_filter=0"
		sysctl -qw "net.ipv4.conf.$end.accept_local=1"
		ip link set "$end" up
	done
	ip addr add "$2" dev "$1"
	ip addr add "$4" dev "$3"
}
sysctl -qw net.ipv4.conf.all.rp_filter=0
sysctl -qw net.ipv6.conf.default.disable_ipv6=1
