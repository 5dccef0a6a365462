# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The one place that chooses the architecture. MMUSCOPE_ARCH names bpf/arch/<arch>.h, user/operand/<arch>/,
# vmlinux/<arch>/ and libbpf's __TARGET_ARCH_<arch>.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  set(MMUSCOPE_ARCH x86)
else()
  message(FATAL_ERROR "mmuscope knows no page tables of '${CMAKE_SYSTEM_PROCESSOR}' yet. A port adds "
    "bpf/arch/<arch>.h, user/operand/<arch>/, vmlinux/<arch>/vmlinux.h (tools/vmlinux) and a line in cmake/Arch.cmake.")
endif()
