#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Compares the arm64 decoder with llvm-objdump over every instruction of some of Debian's libraries and programs. There may be no
# difference but forms that are named unsupported, and hardly a word that llvm-objdump does not know.
set -euo pipefail

skip() {
	echo "SKIP: $*"
	exit 77
}

objdump=
for candidate in llvm-objdump llvm-objdump-{19,18,17,16,15,14}; do
	! command -v "$candidate" >/dev/null || objdump=$candidate
	[[ -z $objdump ]] || break
done
[[ -n $objdump ]] || skip "needs llvm-objdump (package llvm)"
[[ -x $TEST_PROGRAMS_DIR/operand_oracle_arm64 ]] || skip "operand_oracle_arm64 was not built"
here=$(cd "$(dirname "$0")" && pwd)
packages=(coreutils gzip libc6 libexpat1 libgcc-s1 libsqlite3-0 python3.11-minimal sqlite3 zlib1g)
"$here/../../tools/sysroot" arm64 bookworm "${packages[@]}" 2>&1 || skip "the packages of arm64 could not be had"

sysroot=$here/../../build/sysroot/arm64
files=("$sysroot"/lib/aarch64-linux-gnu/libc.so.6 "$sysroot"/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1
	"$sysroot"/usr/lib/aarch64-linux-gnu/libsqlite3.so.0.8.6
	"$sysroot"/usr/bin/python3.11 "$sysroot"/usr/bin/sort "$sysroot"/bin/{gzip,ls,dd})
out=$("$objdump" -d --mattr=+v8.7a,+sve2,+mte,+ls64,+crypto "${files[@]}" 2>/dev/null |
	"$TEST_PROGRAMS_DIR/operand_oracle_arm64") || {
	printf '%s\nFAIL: the decoders differ\n' "$out"
	exit 1
}
printf '%s\n' "$out"
awk '/^instructions/ { n = $2; for (i = 1; i < NF; i++) if ($i == "only-ours") unknown = $(i + 1) }
	END { exit !(n > 1000000 && unknown < n / 1000) }' <<<"$out" || {
	echo "FAIL: too few instructions, or too many that $objdump does not know"
	exit 1
}
