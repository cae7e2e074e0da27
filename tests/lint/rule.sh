# SPDX-License-Identifier: MIT
# rule.sh - one TAP line for each rule that the tree must keep; for the lints beside it

cd "$(dirname "$0")/../.." || exit 1
number=0
failed=0

# rule NAME BREACHES: the rule holds if nothing breaks it
rule() {
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		echo "not ok $number - $1"
		echo "$2" | sed 's/^/# /'
		failed=1
	fi
}

end() {
	echo "1..$number"
	exit $failed
}
