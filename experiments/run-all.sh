#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs every experiment, or those whose name contains FILTER, one TAP line each.
#
#   run-all.sh [FILTER]
#
# The output of an experiment follows its line as a comment if it failed, or
# always with VERBOSE=1.

here=$(cd "$(dirname "$0")" && pwd)
number=0
failed=0

for dir in "$here"/poc_*/; do
	name=$(basename "$dir")
	case $name in *"${1:-}"*) ;; *) continue ;; esac
	[ -x "$dir/run.sh" ] || continue
	number=$((number + 1))
	output=$("$dir/run.sh" 2>&1)
	status=$?
	verdict=$(printf '%s\n' "$output" | tail -n 1)
	case "$status $verdict" in
	"0 PASS: "*) echo "ok $number - $name: ${verdict#PASS: }" ;;
	"77 "*) echo "ok $number - $name # SKIP ${verdict#SKIP: }" ;;
	*)
		wrong=$(printf '%s\n' "$output" | sed -n 's/^ *WRONG //p' | head -n 1)
		echo "not ok $number - $name: ${wrong:-$verdict}"
		failed=$((failed + 1))
		;;
	esac
	case "$status ${VERBOSE:-0}" in
	"0 0" | "77 0") ;;
	*) printf '%s\n' "$output" | sed 's/^/# /' ;;
	esac
done
echo "1..$number"
[ $number -gt 0 ] && [ $failed = 0 ]
