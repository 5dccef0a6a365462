#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# doctor: what it says is so. With all privileges, with two capabilities, with none, and with parts of /sys hidden: text
# and JSON agree, what is not ok has a remedy, and the exit status says whether hist works.
set -euo pipefail
export LC_ALL=C.UTF-8

skip() {
	echo "test_doctor: skipped: $*"
	exit 77
}

((EUID == 0)) || skip "needs root"
[[ -x ${MMUSCOPE:-} ]] || skip "MMUSCOPE names no program"
for tool in python3 setpriv unshare; do
	command -v "$tool" >/dev/null || skip "needs $tool"
done

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir"
# Where a user without privileges can run it.
install -m 755 "$MMUSCOPE" "$dir/mmuscope"
mkdir -m 777 "$dir/out"
export dir

fail() {
	echo "test_doctor: $situation: $*" >&2
	[[ ! -s $dir/out/text ]] || cat "$dir/out/text" >&2
	exit 1
}

cat >"$dir/check.py" <<'END'
"""agree: out/text and out/json say the same, and what is not ok has a remedy; row NAME STATE REMEDY; sampled"""
import json, os, re, sys

out = os.environ["dir"] + "/out/"
doctor = json.load(open(out + "json"))
rows = doctor["features"]
symbols = {"ok": "+", "limited": "~", "missing": "-", "info": ""}


def agree():
    lines = open(out + "text").read().split("\n")
    assert lines[-1] == ""
    assert lines[-2].startswith("hist can work here: " if doctor["hist"] else "hist cannot work here: ")
    assert len(lines[-2].split(": ", 1)[1]) > 5, "the verdict says nothing"
    assert list(doctor) == ["schema", "hist", "features"] and doctor["schema"] == "mmuscope.doctor/1"
    for line in lines[:-2]:
        assert len(line) <= 80 or " " not in line.strip(), "wider than 80 columns: " + line
    group, words = None, []
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names), "a name stands twice"
    for row in rows:
        assert (row["remedy"] is None) == (row["state"] in ("ok", "info")), row
        assert row["value"], row
        if row["group"] != group:
            group = row["group"]
            words += group.split()
        words += [symbols[row["state"]], row["state"]] if symbols[row["state"]] else [row["state"]]
        words += row["name"].split() + row["value"].split()
        words += ["->"] + row["remedy"].split() if row["remedy"] else []
    # The two runs used other frames, and the direct map holds them by pages of other sizes.
    frames = re.compile(r"walk: \w+ at \w+, frame 0x[0-9a-f]+")
    text = frames.sub("frame", " ".join(" ".join(lines[:-2]).split()))
    sys.exit(text != frames.sub("frame", " ".join(words)))


def row(name, state, remedy):
    found = [row for row in rows if row["name"] == name]
    assert len(found) == 1, name + ": no such row"
    assert found[0]["state"] == state, found[0]
    assert remedy in (found[0]["remedy"] or ""), found[0]


def sampled():
    """out/hist is a report with samples from each source that doctor says is there."""
    hist = json.load(open(out + "hist"))
    states = {row["name"]: row["state"] for row in rows}
    data = hist["data"]
    assert data["samples"] > 0, "no samples"
    for source, name in (("walk", "page walk"), ("kernel", "page sizes of the kernel in BPF")):
        sizes = sum(size[source] for size in data["sizes"])
        assert (sizes > 0) == (states[name] == "ok"), f"{name} is {states[name]}, but {source} gave {sizes} sizes"


{"agree": agree, "row": row, "sampled": sampled}[sys.argv[1]](*sys.argv[2:])
END

row() {
	python3 "$dir/check.py" row "$@" || fail "row $1"
}

# examine SITUATION EXPECTED_STATUS [WRAPPER …] [-- OPTION …]: both formats, and whether hist bears the verdict out.
examine() {
	local wanted=$2 wrapper=() status hist_status attempt

	situation=$1
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		wrapper+=("$1")
		shift
	done
	(($#)) && shift
	for attempt in 1 2 3 4 5; do
		status=0
		"${wrapper[@]}" "$dir/mmuscope" doctor "$@" >"$dir/out/text" 2>"$dir/out/err" || status=$?
		((status == wanted)) || fail "exit status $status, not $wanted: $(cat "$dir/out/err")"
		[[ ! -s $dir/out/err ]] || fail "messages: $(cat "$dir/out/err")"
		status=0
		"${wrapper[@]}" "$dir/mmuscope" doctor -j "$@" >"$dir/out/json" 2>"$dir/out/err" || status=$?
		((status == wanted)) || fail "-j: exit status $status, not $wanted"
		[[ ! -s $dir/out/err ]] || fail "-j: messages: $(cat "$dir/out/err")"
		status=0
		python3 "$dir/check.py" agree || status=$?
		# Pools and huge pages may change between the two; what is wrong stays wrong.
		((status)) || break
	done
	((status == 0)) || fail "text and JSON differ, $attempt times"
	hist_status=0
	"${wrapper[@]}" "$dir/mmuscope" hist -q -j -e faults "$@" -- true >"$dir/out/hist" 2>"$dir/out/err" ||
		hist_status=$?
	((hist_status == wanted)) || fail "doctor exits with $wanted, hist with $hist_status: $(cat "$dir/out/err")"
	((wanted)) || python3 "$dir/check.py" sampled || fail "hist gave other things than doctor says"
	echo "test_doctor: $situation: ok"
}

# hidden SITUATION EXPECTED_STATUS COMMANDS [-- OPTION …]: as root, after COMMANDS in a mount namespace of its own.
hidden() {
	local name=$1 wanted=$2 commands=$3

	shift 3
	# shellcheck disable=SC2016 # expanded in there
	examine "$name" "$wanted" unshare -m bash -c "set -e; $commands"'; exec "$@"' in-namespace "$@"
}

# A coverage build that cannot write its counters would say so on standard error.
mkdir -m 777 "$dir/gcov"
no_capabilities=(env "GCOV_PREFIX=$dir/gcov" setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all)
two_capabilities=(env "GCOV_PREFIX=$dir/gcov" setpriv --reuid=65534 --regid=65534 --clear-groups "--inh-caps=-all,+bpf,+perfmon"
	"--ambient-caps=-all,+bpf,+perfmon")

examine "root" 0
row BTF ok ""
row "sampling program" ok ""
row "page walk" ok ""
row "a 4K page" ok ""
row CAP_BPF ok ""
start=$(awk -F- 'NR == 1 { print $1 }' "/proc/$$/maps")
"$dir/mmuscope" walk $$ "0x$start" >/dev/null || fail "the task iterator is ok, but walk fails"
row "task iterator for walk" ok ""

examine "no capabilities" 1 "${no_capabilities[@]}"
for name in "BPF ring buffer" "sampling program" "task iterator for walk"; do
	row "$name" missing "CAP_BPF and CAP_PERFMON"
done
row "page walk" missing "sampling program"
row CAP_BPF missing "run as root"
row CAP_PERFMON missing "run as root"
row CAP_SYS_PTRACE missing "run as root"
grep -qx 'hist cannot work here: CAP_BPF and CAP_PERFMON' "$dir/out/text" || fail "the verdict names no capabilities"

if (($(</proc/sys/kernel/perf_event_paranoid) < 3)); then
	examine "CAP_BPF and CAP_PERFMON alone" 0 "${two_capabilities[@]}"
	row CAP_BPF ok ""
	row CAP_SYS_ADMIN missing "run as root"
	row kernel.perf_event_paranoid ok ""
else
	examine "CAP_BPF and CAP_PERFMON alone" 1 "${two_capabilities[@]}"
	row kernel.perf_event_paranoid limited "sysctl kernel.perf_event_paranoid=2"
fi

examine "a user namespace" 1 unshare -Ur
row CAP_BPF missing "user namespace"

# Everywhere that libbpf looks for it.
# shellcheck disable=SC2016 # expanded in there
hide_btf='mount -t tmpfs none /sys/kernel/btf
for place in /boot /lib/modules /usr/lib/debug; do [[ ! -d $place ]] || mount -t tmpfs none $place; done'
btf=$dir/out/kernel.btf
cp /sys/kernel/btf/vmlinux "$btf"
hidden "no BTF" 1 "$hide_btf"
row BTF missing "CONFIG_DEBUG_INFO_BTF"
row "sampling program" missing "see BTF"
row "task iterator for walk" missing "see BTF"
grep -qx "hist cannot work here: the kernel's BTF" "$dir/out/text" || fail "the verdict does not name BTF"
hidden "no BTF, but --btf" 0 "$hide_btf" -- --btf "$btf"
row BTF limited "CONFIG_DEBUG_INFO_BTF"
row "sampling program" ok ""
row "kernel context" info ""
row "task iterator for walk" missing "see BTF"
if [[ -d /boot ]]; then
	hidden "no BTF, but in /boot as the remedy says" 0 "$hide_btf; cp '$btf' /boot/vmlinux-\$(uname -r)"
	row BTF ok ""
fi
echo rubbish >"$dir/out/rubbish"
examine "--btf with a file that is none" 1 -- --btf "$dir/out/rubbish"
row BTF missing "this very kernel"
examine "--btf with a good file" 0 -- --btf "$btf"
row BTF ok ""

hidden "no /sys/kernel/mm" 0 'mount -t tmpfs none /sys/kernel/mm'
row "transparent huge pages" missing "CONFIG_TRANSPARENT_HUGEPAGE"
row "hugetlb pools" info ""
hidden "no BPF file system" 0 'while umount -l -a -t bpf 2>/dev/null && grep -q " bpf " /proc/self/mounts; do :; done'
row "BPF file system for --pin" missing "mount -t bpf"
hidden "no PMUs" 0 'mount -t tmpfs none /sys/bus/event_source/devices'
row "-e data (default)" limited "PEBS"
row "-e faults" ok ""
hidden "no /sys" 1 'mount -t tmpfs none /sys'
row BTF missing "CONFIG_DEBUG_INFO_BTF"

situation="nothing is left behind"
mkdir "$dir/empty"
# shellcheck disable=SC2016 # expanded in there
unshare -m bash -c 'set -e; mount -t bpf none /sys/fs/bpf; cd "$dir/empty"; "$dir/mmuscope" doctor >/dev/null
	ls -A /sys/fs/bpf | grep -v "\.debug$" || true; ls -A' >"$dir/out/left"
[[ ! -s $dir/out/left ]] || fail "$(cat "$dir/out/left")"

situation="a full disk"
status=0
"$dir/mmuscope" doctor >/dev/full 2>"$dir/out/err" || status=$?
((status == 1)) || fail "exit status $status"
grep -q ENOSPC "$dir/out/err" || fail "no message"

situation="-v"
"$dir/mmuscope" doctor -v >"$dir/out/text" 2>"$dir/out/err" || fail "exit status $?"
grep -q libbpf "$dir/out/err" || fail "libbpf does not speak"
[[ $(tail -n 1 "$dir/out/text") == "hist can work here: "* ]] || fail "no verdict"
echo "test_doctor: all as it says"
