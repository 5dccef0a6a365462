# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2154
# Share of the user-mode timer samples of real programs that get a data address, and from which operand

json_number() { # KEY, of the first such key on standard input
	grep -o "\"$1\":[0-9]*" | head -n 1 | grep -o '[0-9]*$'
}

# covered NAME TARGET …: samples what is given (-p PID, or -- COMMAND …) for four seconds.
covered() {
	local name=$1 data samples previous next

	shift
	"$mmuscope" hist -e timer -F 999 --all-user -j -q --duration 4 -o "$work/hist.json" "$@" >/dev/null 2>&1 ||
		die "operand-coverage: mmuscope failed on $name."
	data=$(sed 's/.*"data":\({"samples".*\)"code":.*/\1/' "$work/hist.json")
	samples=$(json_number samples <<<"$data")
	previous=$(json_number operand-previous <<<"$data")
	next=$(json_number operand-next <<<"$data")
	((samples > 100)) || die "operand-coverage: only $samples samples of $name."
	measure "with an address" "%" "$name" "$(bc -l <<<"100 * (${previous:-0} + ${next:-0}) / $samples")"
	measure "by operand-previous" "%" "$name" "$(bc -l <<<"100 * ${previous:-0} / $samples")"
}

prepare() {
	(
		cd "$work" || exit 1
		seq 1 1000000 | awk '{ print ($1 * 7919) % 1000003, "line", $1 }' >numbers
		for ((i = 0; i < 3000; i++)); do
			echo "int f$i(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { s += p[i] * $i; switch (s & 7) {" \
				"case 0: s++; break; case 1: s *= 3; break; case 2: p[0]++; break; default: s -= i; } } return s; }"
		done >functions.c
		cat >containers.cc <<-'END'
			#include <map>
			#include <string>
			#include <unordered_map>
			int main()
			{
				std::map<unsigned, unsigned> map;
				std::unordered_map<std::string, unsigned> words;
				for (unsigned x = 1;;) {
					x = x * 1664525 + 1013904223;
					map[x >> 12]++;
					words[std::to_string(x >> 14)]++;
				}
			}
		END
		g++ -O2 -o containers containers.cc
		cat >json.py <<-'END'
			import json, re
			i = 0
			while True:
			    i += 1
			    t = json.dumps({'a': i, 'b': [i, 'x%d' % i]})
			    json.loads(t)
			    re.findall(r'\d+', t)
			    sorted(str(j * i % 97) for j in range(20))
		END
		cat >words.js <<-'END'
			const words = new Map();
			for (let x = 1;;) {
				x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
				const key = String(x >>> 14);
				words.set(key, (words.get(key) || 0) + 1);
			}
		END
		cat >Words.java <<-'END'
			import java.util.HashMap;
			class Words {
				public static void main(String[] arguments) {
					HashMap<Integer, Integer> words = new HashMap<>();
					for (int x = 1;;) {
						x = x * 1664525 + 1013904223;
						words.merge(x >>> 12, 1, Integer::sum);
					}
				}
			}
		END
	)
}

redis() {
	local server load

	start redis-server --save '' --appendonly no --port 0 --unixsocket "$work/redis" --daemonize no --logfile /dev/null
	server=$!
	until redis-cli -s "$work/redis" ping >/dev/null 2>&1; do
		kill -0 "$server" 2>/dev/null || die "operand-coverage: redis-server ended."
		sleep 0.1
	done
	start redis-benchmark -s "$work/redis" -q -l -n 1000000 -r 1000000 -d 64 -P 16 -t set,get >/dev/null
	load=$!
	sleep 1
	covered redis-server -p "$server"
	end "$load"
	end "$server"
}

bench() {
	((run)) || prepare
	covered sort -- sort -n -k1 --parallel=1 "$work/numbers" -o /dev/null
	covered gzip -- gzip -9 -c "$work/numbers"
	covered python -- python3 "$work/json.py"
	covered cc1 -- "$(gcc -print-prog-name=cc1)" -O2 -quiet "$work/functions.c" -o /dev/null
	covered sqlite -- sqlite3 :memory: "with recursive n(i) as (select 1 union all select i + 1 from n limit 1000000000)
		select count(*) from n where (i * 7919 % 100003) || 'x' like '%77%';"
	covered C++ -- "$work/containers"
	if has_program redis-server && has_program redis-benchmark; then
		redis
	else
		unmeasured redis-server "the package redis-server is not installed"
	fi
	if has_program java; then
		covered "java (JIT)" -- java -Xmx1g -XX:-UsePerfData "$work/Words.java"
	else
		unmeasured java "there is no java"
	fi
	if has_program node; then
		covered "node (JIT)" -- node "$work/words.js"
	else
		unmeasured node "there is no node"
	fi
}
