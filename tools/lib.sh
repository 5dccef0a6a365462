# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# shellcheck shell=bash disable=SC2034
# Shared by tools/*: source it after `set -euo pipefail`. Sets `root`, the top of the source tree.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin # Debian keeps bpftool there

build_packages=(bpftool clang cmake gcc libbpf-dev libc6-dev libcap-ng-dev libelf-dev libjansson-dev libpfm4-dev
	libzydis-dev llvm ninja-build pkg-config uthash-dev zlib1g-dev)
test_packages=(clang-format clang-tidy g++ lcov libcapstone-dev libclang-rt-dev libcmocka-dev linux-perf mandoc
	pmccabe qemu-user shellcheck sqlite3)

note() {
	printf '%s\n' "$*" >&2
}

die() {
	note "${0##*/}: $*"
	exit 1
}

is_debian() {
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null &&
		grep -Eq '^ID(_LIKE)?="?([a-z]+ )*debian' /etc/os-release
}

# Prints those of the packages named that are not installed.
packages_missing() {
	local package

	for package in "$@"; do
		if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) != installed ]]; then
			printf '%s\n' "$package"
		fi
	done
}

# Installs what is missing of the packages named. Touches neither apt nor the network when nothing is.
packages_install() {
	local missing apt

	is_debian || die "only Debian's packages are installed here. Install the equivalents of these yourself, then use" \
		"cmake and ctest directly: $*"
	mapfile -t missing < <(packages_missing "$@")
	((${#missing[@]})) || return 0
	((EUID == 0)) || die "these packages are missing: ${missing[*]}; run with sudo to have them installed."
	note "Installing from Debian: ${missing[*]}"
	apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0)
	"${apt[@]}" update >&2 || note "apt-get update failed; trying with the package lists at hand."
	"${apt[@]}" install --no-install-recommends "${missing[@]}" >&2 || die "apt-get could not install: ${missing[*]}"
}

# build_preset PRESET [TARGET …]: configures and builds into build/PRESET. Silent, unless it fails.
build_preset() {
	local preset=$1 output targets=()

	shift
	(($# == 0)) || targets=(--target "$@")
	output=$(cd "$root" && cmake --preset "$preset" -Wno-dev 2>&1 &&
		cmake --build --preset "$preset" "${targets[@]}" 2>&1) || {
		note "$output"
		return 1
	}
}
