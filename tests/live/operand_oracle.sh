#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The decoder oracle: our memory operands against Capstone's, and where Capstone knows no instruction, against llvm-mc's.
#
#   operand_oracle.sh OPERAND_ORACLE --all            every program and library below /usr/bin and /usr/lib
#   operand_oracle.sh OPERAND_ORACLE --some           the first megabyte of code of those that a build of mmuscope uses
#   operand_oracle.sh OPERAND_ORACLE FILE …
#
# Every difference is explained, by a reason in operand_known.c or by llvm-mc, which agrees with us, or is printed as
# UNEXPLAINED and the exit status is 1. 77: no llvm-mc.
set -euo pipefail

oracle=$1
shift
command -v llvm-mc >/dev/null || {
	echo "SKIP: needs llvm-mc (Debian: llvm)"
	exit 77
}
work=$(mktemp -d /tmp/mmuscope-oracle.XXXXXX)
trap 'rm -rf "$work"' EXIT
status=0 options=()

case ${1:-} in
--all)
	find -H /usr/bin /usr/lib -type f -size +1k -print0 | sort -z >"$work/files"
	;;
--some)
	options=(--max-bytes 1000000)
	for program in "$oracle" "$(command -v llvm-mc)" "$(command -v cc)" "$(command -v bash)"; do
		readlink -f "$program"
		ldd "$program" | awk '/\// { print $(NF - 1) }' | xargs -r readlink -f
	done | sort -u | tr '\n' '\0' >"$work/files"
	;;
*)
	printf '%s\0' "$@" >"$work/files"
	;;
esac
touch "$work/third"
# What is no ELF file is passed over; all fit into few calls, whose figures are added up below.
xargs -0 "$oracle" "${options[@]}" --third "$work/third" <"$work/files" >"$work/log" || status=1
grep -v ' files, ' "$work/log" || true

# Each instruction stands in brackets of its own, and between two of them a HLT.
LC_ALL=C sort -u "$work/third" >"$work/asked"
{
	echo '[0xf4]'
	sed 's/^\(.*\)\t.*/[\1]\n[0xf4]/' "$work/asked"
} | llvm-mc --disassemble --triple=x86_64 >"$work/answers" 2>"$work/errors" || true
awk -F '\t' '
	# Judges the instruction behind the last HLT.
	function judge(  bytes, ours, theirs, text) {
		bytes = substr(asked[n], 1, index(asked[n], "\t") - 1)
		ours = substr(asked[n], index(asked[n], "\t") + 1)
		text = line
		gsub(/%[cdes]s:/, "", text)   # do nothing in 64-bit mode
		gsub(/%st\([0-7]\)/, "", text) # of the x87, no operands in memory
		theirs = "-"
		if (match(text, /(%[fg]s:)?-?[0-9]*\([^()]*\)/)) theirs = substr(text, RSTART, RLENGTH)
		if (lines == 1 && ours == theirs) return 1
		# No accesses, though an operand is written.
		if (lines == 1 && ours == "-" && text ~ /^[ \t]*(nop|lea|prefetch|clflush|clwb|cldemote|bnd)/) return 1
		# Forms that are named unsupported: several addresses, or a mask that may leave nothing of a store.
		if (lines == 1 && ours == "!" && (text ~ /gather|scatter|maskmov|save|rstor/ || text ~ /\)[^,]*{%k[1-7]}/)) return 1
		printf "UNEXPLAINED third %s: ours %s, llvm-mc: %s\n", bytes, ours, lines ? line : "no instruction"
		return 0
	}
	NR == FNR { asked[++total] = $0; next }
	{ sub(/[ \t]*#.*/, "") }
	/^[ \t]*(\.text)?$/ { next }
	/^[ \t]*hlt$/ {
		if (started) { n++; if (judge()) agreed++; else wrong++ }
		started = 1; lines = 0; line = ""
		next
	}
	{ lines++; line = line $0 }
	END {
		printf "%d encodings asked of llvm-mc: %d agreed, %d unexplained\n", total, agreed, wrong
		exit n != total || wrong
	}' "$work/asked" "$work/answers" || status=1
awk '/ files, / {
		files += $1; instructions += $3; operands += $5; explained += $7; unexplained += $10; asked += $12
	}
	END {
		printf "%d files, %d instructions, %d operands: %d differences explained, %d unexplained, %d instructions asked of llvm-mc\n",
			files, instructions, operands, explained, unexplained, asked
		exit !instructions
	}' "$work/log" || status=1
exit "$status"
