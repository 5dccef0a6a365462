#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Lets libFuzzer run one target for FUZZ_SECONDS (20), from its corpus; what it finds on the way is not kept. The random
# numbers start at FUZZ_SEED (1): a gate asks every time the same questions. FUZZ_SEED=0 asks new ones.
#
#   run.sh FUZZ_TARGET CORPUS
#
# Says how many executions it had, and what they reached; adds that line to the file $FUZZ_SUMMARY too. A finding is
# printed, as text and in base64, and the exit status is not 0.
set -euo pipefail

target=$1 corpus=$2
name=${target##*/fuzz_}
seconds=${FUZZ_SECONDS:-20}
work=$(mktemp -d /tmp/mmuscope-fuzz.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir "$work/found" "$work/artifacts"

inputs=$(find "$corpus" -type f | wc -l)
((inputs > 0)) || {
	echo "$corpus has no inputs" >&2
	exit 1
}
arguments=("-max_total_time=$seconds" "-seed=${FUZZ_SEED:-1}" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
	"-artifact_prefix=$work/artifacts/")
[[ ! -r ${BASH_SOURCE[0]%/*}/$name.dict ]] || arguments+=("-dict=${BASH_SOURCE[0]%/*}/$name.dict")

status=0
"$target" "${arguments[@]}" "$work/found" "$corpus" >"$work/log" 2>&1 || status=$?
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
reached=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\) .*/\1 edges, \2 features/p' "$work/log" | tail -n 1)
if ((status == 0)) && ((${executions:-0} > inputs)); then
	verdict="no finding"
else
	verdict="FINDING (status $status)"
	cat "$work/log"
	for artifact in "$work"/artifacts/*; do
		[[ ! -f $artifact ]] || {
			printf '%s: base64 ' "${artifact##*/}"
			base64 -w 0 "$artifact"
			echo
		}
	done
	((status != 0)) || status=1
fi
line=$(printf '%-10s %9s executions in %s s, %s: %s' "$name" "${executions:-?}" "$seconds" "${reached:-?}" "$verdict")
echo "$line"
[[ -z ${FUZZ_SUMMARY:-} ]] || echo "$line" >>"$FUZZ_SUMMARY"
exit "$status"
