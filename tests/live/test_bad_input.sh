#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# What mmuscope does with input that cannot work, with rights that do not suffice, on machines that lack something: the
# exit status, a message that names what was given and says what to do, nothing on standard output, nothing left behind.
set -u

if [ "$(id -u)" != 0 ]; then
	echo "skipped: the live tests need root"
	exit 77
fi
if [ ! -x "${MMUSCOPE:-}" ]; then
	echo "skipped: \$MMUSCOPE does not name the program under test"
	exit 77
fi

# A tmpfs in a mount namespace of our own goes with this process, however that ends.
if [ "${1:-}" != --inside ]; then
	exec unshare --mount --propagation private bash "$0" --inside
fi
T=/sys/fs/bpf
mount -t tmpfs -o mode=755 none $T || exit 1
mkdir -m 777 $T/plain && mkdir -m 555 $T/locked && mkdir $T/bpf && chmod 777 $T/plain
mount -t bpf bpf $T/bpf || exit 1
cp "$MMUSCOPE" $T/mmuscope && chmod 755 $T/mmuscope
head -c 4096 /dev/urandom >$T/garbage.btf
printf '#!/bin/sh\n' >$T/script && chmod 644 $T/script
# A coverage build that cannot write its counters would say so on standard error.
mkdir -m 777 $T/gcov
UNPRIVILEGED="env GCOV_PREFIX=$T/gcov"' setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all'

n=0 passed=0 failed=0

report() { # STATUS NAME [WHY]
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		passed=$((passed + 1))
		echo "ok $n - $2"
	else
		failed=$((failed + 1))
		echo "not ok $n - $2"
		printf '%s\n' "$3" | sed 's/^/# /'
	fi
}

# BPF objects of ours that no process holds: other runs of mmuscope may be going on.
strays() {
	local kind id

	for kind in prog map; do
		bpftool "$kind" list 2>/dev/null |
			sed -nE 's/^([0-9]+): .* name (mmuscope|mmu_).*/\1/p' | while read -r id; do
			grep -qsE "^${kind}_id:[[:space:]]+$id\$" /proc/[0-9]*/fdinfo/* || echo "$kind $id"
		done
	done
}
strays_before=$(strays)

# What a run could leave: files below the scratch directory, processes of this session.
belongings() {
	find $T -mindepth 1 -path $T/gcov -prune -o ! -name out ! -name err -print | sort
}
belongings_before=$(belongings)

# run STDOUT WORDS…: runs them, sets status, out, err.
run() {
	local stdout=$1

	shift
	timeout -k 5 60 "$@" </dev/null >"$stdout" 2>$T/err
	status=$?
	err=$(cat $T/err)
	out=
	if [ "$stdout" = $T/out ]; then
		out=$(cat $T/out)
	fi
}

# judge NAME STATUS REGEX…: each must be found in the messages. Control characters and libbpf's own lines never may.
judge() {
	local name=$1 wanted=$2 regex left why=

	shift 2
	[ "$status" = "$wanted" ] || why+="status $status, not $wanted; "
	[ -z "$out" ] || why+="standard output is not empty; "
	for regex in "$@"; do
		grep -qE -- "$regex" <<<"$err" || why+="no match of '$regex'; "
	done
	if grep -qvE '^mmuscope: ' <<<"$err"; then
		why+="a line without the program's name; "
	fi
	left=$(belongings | comm -13 <(echo "$belongings_before") -)
	[ -z "$left" ] || why+="left behind: $left; "
	rm -rf $T/plain/* $T/ran
	report "$([ -z "$why" ]; echo $?)" "$name" "$why
$err"
}

# One case a line: name | status | arguments | what the message must name | the remedy. @ is the scratch directory.
cases() {
	cat <<'CASES'
unknown event | 2 | -e nosuchevent -a | nosuchevent | did you mean|doctor
misspelt event | 2 | -e minor-fualts -a | minor-fualts | did you mean "minor-faults"
empty event | 2 | -e '' -a | -e '' | give data, timer, faults
event of a PMU that is not there | 1 | -e nosuchpmu/event=1/ -a | nosuchpmu | doctor
watchpoint that only reads | 2 | -e mem:0x1000/8:r -- @/mmuscope --version | mem:0x1000/8:r | use rw or w
watchpoint without an address | 2 | -e mem: -a | mem: | write mem:ADDR
watchpoint that is no number | 2 | -e mem:0xzz -a | 0xzz | write mem:ADDR
watchpoint of odd length | 2 | -e mem:0x1000/3:w -a | "3" | write 1, 2, 4 or 8
watchpoint not aligned | 2 | -e mem:0x1001/8:w -a | 0x1001 | use mem:0x1000/8, or length 1
watchpoint not canonical | 2 | -e mem:0x8000000000000000/8:w -a --duration 0.1 | 0x8000000000000000 | canonical
PID that is not there | 1 | -e faults -p 4194304 | process 4194304 | ps -e
TID that is not there | 1 | -e faults -t 4194304 | thread 4194304 | ps -eL
PID 0 | 2 | -e faults -p 0 | -p 0 | give process IDs
PID with a letter | 2 | -e faults -p 10abc | -p 10abc | give process IDs
PID below zero | 2 | -e faults -p -1 | -p -1 | give process IDs
PID beyond all | 2 | -e faults -p 99999999999999999999 | -p 99999999999999999999 | 1 to 4194304
PID empty | 2 | -e faults -p '' | -p '' | give process IDs
PID list with a gap | 2 | -e faults -p 1,,2 | -p 1,,2 | separated by commas
CPU that is not online | 1 | -e faults -C 4095 | CPU 4095 | /sys/devices/system/cpu/online
CPU beyond all | 2 | -e faults -C 65536 | -C 65536 | 0 to 65535
CPU range backwards | 2 | -e faults -C 1-0 | -C 1-0 | as in 0,4-7
CPU with a letter | 2 | -e faults -C 0x | -C 0x | as in 0,4-7
rate with a letter | 2 | -F 10abc -a | -F 10abc | 1 to 1000000
rate below zero | 2 | -F -1 -a | -F -1 | 1 to 1000000
rate of zero | 2 | -F 0 -a | -F 0 | 1 to 1000000
rate beyond all | 2 | -F 99999999999999999999 -a | -F 99999999999999999999 | 1 to 1000000
rate empty | 2 | -F '' -a | -F '' | 1 to 1000000
count of zero | 2 | -c 0 -a | -c 0 | 1 or more
count beyond all | 2 | -c 99999999999999999999 -a | -c 99999999999999999999 | 1 or more
rate and count | 2 | -F 10 -c 10 -a | -F and -c | give a rate or a count
duration of zero | 2 | --duration 0 -a | --duration 0 | more than 0
duration with a letter | 2 | --duration 1s -a | --duration 1s | give seconds
duration beyond all | 2 | --duration 99999999999999999999 -a | --duration 9 | at most 1000000000
interval too short | 2 | -I 0.001 -a | -I 0.001 | 0.01 to
interval below zero | 2 | -I -1 -a | -I -1 | give seconds
buffer not a power of two | 2 | --buffer 5000 -a | --buffer 5000 | power of two
buffer below a page | 2 | --buffer 2048 -a | --buffer 2048 | one page to 1G
buffer beyond all | 2 | --buffer 99999999999999999999 -a | --buffer 9 | one page to 1G
buffer of two units | 2 | --buffer 4KM -a | --buffer 4KM | optional K, M or G
sort key that is none | 2 | -s nosuchkey -a | -s nosuchkey | size, comm, pid
source that is none | 2 | --source guess -a | --source guess | walk, kernel
format that is none | 2 | -f xml -a | -f xml | text, json, csv
descriptor that is not open | 2 | --ready-fd 97 -a | --ready-fd 97 | open file descriptor
-p with -t | 2 | -p 1 -t 1 | -p and -t | give processes or threads
-p with COMMAND | 2 | -p 1 -- touch @/ran | -p and COMMAND | --duration
-a with COMMAND | 2 | -a -- touch @/ran | -a and COMMAND | --duration
-G with -p | 2 | -G / -p 1 | -p and -G | give processes or a cgroup
both modes alone | 2 | --all-user --all-kernel -a | --all-user and --all-kernel | give one
option that is none | 2 | --durations 1 -a | --durations | did you mean --duration
option without its argument | 2 | -a -F | -F | give a rate
subcommand that is none | 2 | hsit | hsit | did you mean mmuscope hist
cgroup that is not there | 1 | -e faults -G /nosuchcgroup | cgroup /nosuchcgroup | give the path of a cgroup
directory that is no cgroup | 1 | -e faults -G @/plain | cgroup @/plain | give the path of a cgroup
BTF that is garbage | 1 | -e faults --btf @/garbage.btf -a | @/garbage.btf.*\(E[A-Z]+\) | --btf FILE
BTF that is empty | 1 | -e faults --btf /dev/null -a | /dev/null | --btf FILE
BTF that is not there | 1 | -e faults --btf @/nosuchbtf -a | @/nosuchbtf | --btf FILE
BTF that is garbage, of walk | 1 | walk --btf @/garbage.btf 1 0x1000 | @/garbage.btf.*\(E[A-Z]+\) | --btf FILE
pins on a plain file system | 1 | -e faults --pin @/plain/pins -a | --pin @/plain/pins | mount -t bpf
pins by a relative path | 2 | -e faults --pin some/pins -a | --pin some/pins | absolute path
pins below what is not there | 1 | -e faults --pin @/bpf/no/such/pins -a | --pin @/bpf/no/such/pins | ;.*directory
pins with no name | 2 | -e faults --pin '' -a | --pin '' | absolute path
COMMAND that is not there | 1 | -e faults -- nosuchcommand | nosuchcommand | give a command that can be run
COMMAND by path, not there | 1 | -e faults -- @/nosuch/command | @/nosuch/command | give a command that can be run
COMMAND that is not executable | 1 | -e faults -- @/script | @/script.*EACCES | give a command that can be run
COMMAND that is a directory | 1 | -e faults -- @/plain | @/plain.*EACCES | give a command that can be run
COMMAND that is empty | 2 | -e faults -- '' | COMMAND '' | give a program to run
output in no directory | 1 | -e faults -o @/nosuch/file -- touch @/ran | @/nosuch/file.*ENOENT | can be written
output that is a directory | 1 | -e faults -o @/plain -- touch @/ran | @/plain.*EISDIR | name a file
output of a run with a bad event | 2 | -e nosuchevent -o @/plain/file -a | nosuchevent | did you mean|doctor
output of a run with no target | 1 | -e faults -o @/plain/file -p 4194304 | 4194304 | ps -e
walk without an address | 2 | walk 1 | ADDR is missing | as in mmuscope walk
walk of no process | 1 | walk 4194304 0x1000 | process 4194304 | ps -e
walk of PID 0 | 2 | walk 0 0x1000 | PID 0 | 1 to 4194304
walk of no number | 2 | walk 1 12zz | 12zz | give 0x
walk beyond 64 bits | 2 | walk 1 0x10000000000000000 | more than 64 bits | give 0x
walk not canonical | 2 | walk 1 0x8000000000000000 | 0x8000000000000000 | not canonical.*upper
walk of a range not canonical | 2 | walk 1 0x1000-0x9000000000000000 | 0x8fffffffffffffff | not canonical.*upper
walk of a range backwards | 2 | walk 1 0x2000-0x1000 | 0x2000-0x1000 | END, exclusive, above START
walk of an empty range | 2 | walk 1 0x1000-0x1000 | 0x1000-0x1000 | END, exclusive, above START
walk from user into kernel | 2 | walk 1 0x1000-0xffffffffffff0000 | 0x1000-0xffffffffffff0000 | apart|canonical
walk as CSV | 2 | walk -f csv 1 0x1000 | -f csv | text or json
CASES
}

run_table() {
	local name wanted arguments names remedy words

	while IFS='|' read -r name wanted arguments names remedy; do
		name=${name% } wanted=${wanted// /}
		arguments=${arguments//@/$T} names=${names//@/$T}
		names=$(sed 's/^ *//; s/ *$//' <<<"$names") remedy=$(sed 's/^ *//; s/ *$//' <<<"$remedy")
		# The table is ours: its quotes may be obeyed.
		eval "words=($arguments)"
		run $T/out $T/mmuscope "${words[@]}"
		judge "$name" "$wanted" "$names" "$remedy"
	done < <(cases)
}

unprivileged() {
	# shellcheck disable=SC2086 # words, not a word
	run $T/out $UNPRIVILEGED "$@"
}

without_rights() {
	local remedy='as root, or with CAP_(BPF|PERFMON)'

	unprivileged $T/mmuscope -e faults -a
	judge "the machine, without rights" 1 'E(ACCES|PERM)' "$remedy" CAP_BPF
	unprivileged $T/mmuscope -e faults -- touch $T/plain/ran
	judge "COMMAND, without rights" 1 'E(ACCES|PERM)' "$remedy"
	unprivileged $T/mmuscope -e minor-faults:u -- touch $T/plain/ran
	judge "user mode alone, without rights" 1 'E(ACCES|PERM)' "$remedy"
	unprivileged $T/mmuscope walk 1 0x1000
	judge "walk, without rights" 1 'E(ACCES|PERM)' "$remedy"
	run $T/out setpriv --bounding-set=-dac_override $T/mmuscope -e faults -o $T/locked/file -- touch $T/plain/ran
	judge "output that may not be written" 1 "$T/locked/file.*EACCES" 'directory that can be written'
}

without_btf() {
	local hide="mount -t tmpfs none /sys/kernel/btf && exec \"\$@\""

	run $T/out unshare --mount sh -c "$hide" sh $T/mmuscope -e faults -a
	judge "no BTF of the kernel" 1 "/sys/kernel/btf/vmlinux.*ENOENT" '--btf FILE' CONFIG_DEBUG_INFO_BTF
	run $T/out unshare --mount sh -c "$hide" sh $T/mmuscope walk 1 0x1000
	judge "no BTF of the kernel, for walk" 1 "/sys/kernel/btf/vmlinux.*ENOENT" '--btf FILE'
}

outputs_that_fail() {
	run /dev/full $T/mmuscope -e faults -- /bin/true
	judge "standard output on a full disk" 1 'standard output: .*ENOSPC'
	run /dev/full $T/mmuscope --help
	judge "help on a full disk" 1 'standard output: .*ENOSPC'
	run $T/out bash -c "exec >&-; exec $T/mmuscope -e faults -- /bin/true"
	judge "standard output closed" 1 'standard output: .*EBADF'
	run $T/out bash -c "set -o pipefail; $T/mmuscope --help | :"
	report "$([ "$status" = 1 ] || [ "$status" = 0 ]; echo $?)" "help into a pipe nobody reads" "status $status"
}

# No privileges, no /proc, no BTF: these always work.
always() {
	local what subcommand

	for what in --help --version "hist --help" "walk --help" "doctor --help" "-h"; do
		# shellcheck disable=SC2086
		unprivileged $T/mmuscope $what
		report "$([ "$status" = 0 ] && [ -n "$out" ] && [ -z "$err" ]; echo $?)" \
			"$what without rights" "$status: $err"
	done
	unprivileged $T/mmuscope --version
	report "$(grep -qxE 'mmuscope [0-9]+\.[0-9]+\.[0-9]+' <<<"$out"; echo $?)" "form of the version" "$out"
	unprivileged $T/mmuscope --help
	for subcommand in hist walk doctor; do
		report "$(grep -qE "^ +$subcommand " <<<"$out"; echo $?)" "help names $subcommand" "$out"
	done
}

run_table
without_rights
without_btf
outputs_that_fail
always
report "$([ "$(strays)" = "$strays_before" ]; echo $?)" "no BPF object left behind" "$(strays)"
echo "1..$n"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
