# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# BPF time of a timer sample whose recipe is known, beside one without operand resolution
#
# A program that sorts is sampled in user mode; its few hundred places in code are known after the first second.

# cost VARIANT OPERAND: the loop ends with the tracer.
cost() {
	local tracer before after

	start "$mmuscope" hist -e timer -F 2000 --all-user --operand "$2" --duration 6 -o /dev/null -- \
		sh -c "while :; do sort -n --parallel=1 '$work/numbers' -o /dev/null; done"
	tracer=$!
	sleep 2
	read -r -a before < <(bpf_time "$tracer")
	sleep 3
	read -r -a after < <(bpf_time "$tracer")
	wait "$tracer" || true
	((after[1] - before[1] > 500)) || die "operand-cost: only $((after[1] - before[1])) samples in 3 s."
	measure "BPF time of a sample" "ns" "$1" "$(((after[0] - before[0]) / (after[1] - before[1])))"
}

bench() {
	((run)) || set_sysctl kernel.bpf_stats_enabled 1
	[[ -s $work/numbers ]] || seq 1 500000 | awk '{ print ($1 * 7919) % 1000003 }' >"$work/numbers"
	cost "without operands" none
	cost "with operands" previous,next
}
