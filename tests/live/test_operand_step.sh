#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Steps real programs and counts how many of the resolver's addresses are the true ones: at least 99.5 % of those of each
# program and origin (step_truth says so by its exit status), and 99.9 % over all.
set -euo pipefail

work=$(mktemp -d /tmp/mmuscope-step.XXXXXX)
trap 'rm -rf "$work"' EXIT
cd "$work"
failed=0

skip() {
	echo "SKIP: $*"
	exit 77
}

for program in sort gzip python3 cc g++ sqlite3; do
	command -v "$program" >/dev/null || skip "needs $program"
done
[[ -x $TEST_PROGRAMS_DIR/step_truth ]] || skip "step_truth was not built"
cc1=$(gcc -print-prog-name=cc1)
[[ -x $cc1 ]] || skip "needs gcc's cc1"
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')

step() {
	local status=0

	"$TEST_PROGRAMS_DIR/step_truth" -n 120000 -p 6 "$@" >"$work/out" </dev/null || status=$?
	if ! grep -aE "^$1 +steps " "$work/out" | tee -a "$work/results"; then
		echo "$1: step_truth printed no result" >&2
		status=2
	fi
	if ((status)); then
		echo "FAIL: $1: step_truth exited with $status" >&2
		failed=1
	fi
}

seq 1 1500000 | awk '{ print ($1 * 7919) % 1000003, $1 }' >numbers
cat >numbers.py <<'EOF'
import json, re
counts = {}
for i in range(10**7):
    text = json.dumps({"a": i, "b": [i, i + 1, "x%d" % i]})
    key = json.loads(text)["b"][2][-2:]
    counts[key] = counts.get(key, 0) + len(re.findall(r"\d+", text))
    sorted(str(j * i % 97) for j in range(20))
EOF
for ((i = 0; i < 400; i++)); do
	echo "int f$i(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { s += p[i] * $i; switch (s & 7) {" \
		"case 0: s++; break; case 1: s *= 3; break; case 2: p[0]++; break; case 3: s ^= p[2]; break;" \
		"default: s -= i; } } return s; }"
done >functions.c
cat >containers.cc <<'EOF'
#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>
int main()
{
	std::map<unsigned, unsigned> map;
	std::unordered_map<std::string, unsigned> words;
	std::vector<unsigned> numbers;
	unsigned x = 12345;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 20000; i++) {
			x = x * 1664525 + 1013904223;
			map[x >> 12] += i;
			words[std::to_string(x >> 14)]++;
			numbers.push_back(x);
		}
		std::sort(numbers.begin(), numbers.end());
	}
	return words.size() + map.size() == 1;
}
EOF
g++ -O2 containers.cc -o containers
cat >query.sql <<'EOF'
create table t(a integer, b text, c real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000)
	insert into t select i, 'text' || (i * 7919 % 100003), i * 1.5 from n;
create index tb on t(b);
select count(*), sum(c) from t where b like '%77%';
select x.b, count(*) from t x join t y on x.b = y.b where x.a < 50000 group by x.b order by 2 desc limit 5;
EOF

step sort sort numbers -o /dev/null
step gzip gzip -9 -k numbers
step python "$python" numbers.py
step cc1 "$cc1" -O2 -quiet functions.c -o /dev/null
step sqlite sqlite3 :memory: ".read query.sql"
step cxx ./containers

awk '
	function add(text,  part) { split(text, part, "/"); right += part[1]; given += part[2] }
	{ for (i = 1; i < NF; i++) if ($i == "right") add($(i + 1)) }
	END {
		printf "all: right %d/%d = %.3f %%\n", right, given, given ? 100 * right / given : 0
		exit !(given > 10000 && right >= 0.999 * given)
	}' "$work/results" || failed=1
exit "$failed"
