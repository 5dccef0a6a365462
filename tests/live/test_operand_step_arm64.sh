#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Steps arm64 programs of Debian under QEMU and counts how many of the addresses of recipes are those that QEMU accessed: at
# least 99.5 % of each program and origin (step_truth_arm64 says so by its exit status), and 99.9 % over all.
set -euo pipefail

skip() {
	echo "SKIP: $*"
	exit 77
}

command -v qemu-aarch64 >/dev/null || skip "needs qemu-aarch64 (package qemu-user)"
[[ -x $TEST_PROGRAMS_DIR/step_truth_arm64 ]] || skip "step_truth_arm64 was not built"
here=$(cd "$(dirname "$0")" && pwd)
packages=(coreutils cpp-12 gzip libacl1 libattr1 libc6 libexpat1 libgcc-s1 libgmp10 libisl23 libmpc3 libmpfr6
	libpcre2-8-0 libpython3.11-minimal libpython3.11-stdlib libreadline8 libselinux1 libsqlite3-0 libssl3 libtinfo6
	libzstd1 python3.11-minimal sqlite3 zlib1g)
"$here/../../tools/sysroot" arm64 bookworm "${packages[@]}" 2>&1 || skip "the packages of arm64 could not be had"
sysroot=$here/../../build/sysroot/arm64

work=$(mktemp -d /tmp/mmuscope-step.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

step() {
	local status=0

	"$TEST_PROGRAMS_DIR/step_truth_arm64" -n 30000 -p 5 "$TEST_PROGRAMS_DIR/access_plugin.so" "$sysroot" "$@" \
		>"$work/out" </dev/null || status=$?
	if ! grep -aoE "$1 +steps .*" "$work/out" | tee -a "$work/results"; then
		echo "$1: step_truth_arm64 printed no result" >&2
		status=2
	fi
	if ((status)); then
		echo "FAIL: $1: step_truth_arm64 exited with $status" >&2
		failed=1
	fi
}

seq 1 300000 | awk '{ print ($1 * 7919) % 1000003, $1 }' >numbers
cat >numbers.py <<'EOF'
counts = {}
for i in range(10**7):
    text = repr({"a": i, "b": [i, i + 1, "x%d" % i]})
    counts[text[-4:]] = counts.get(text[-4:], 0) + text.count("1")
    sorted(str(j * i % 97) for j in range(20))
EOF
for ((i = 0; i < 400; i++)); do
	echo "int f$i(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { s += p[i] * $i; switch (s & 7) {" \
		"case 0: s++; break; case 1: s *= 3; break; case 2: p[0]++; break; case 3: s ^= p[2]; break;" \
		"default: s -= i; } } return s; }"
done >functions.c
cat >query.sql <<'EOF'
create table t(a integer, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)
	insert into t select i, 'text' || (i * 7919 % 100003), i * 1.5 from n;
create index tb on t(b);
select count(*), sum(c) from t where b like '%77%';
EOF

# One thread: what others access would be taken for the stepped one's.
step sort "$sysroot/usr/bin/sort" --parallel=1 numbers -o /dev/null
step gzip "$sysroot/bin/gzip" -9 -k numbers
step python "$sysroot/usr/bin/python3.11" numbers.py
step cc1 "$sysroot/usr/lib/gcc/aarch64-linux-gnu/12/cc1" -O2 -quiet functions.c -o /dev/null
step sqlite "$sysroot/usr/bin/sqlite3" :memory: ".read query.sql"

awk '
	function add(text,  part) { split(text, part, "/"); right += part[1]; given += part[2] }
	{ for (i = 1; i < NF; i++) if ($i == "right") add($(i + 1)) }
	END {
		printf "all: right %d/%d = %.3f %%\n", right, given, given ? 100 * right / given : 0
		exit !(given > 10000 && right >= 0.999 * given)
	}' "$work/results" || failed=1
exit "$failed"
