# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Everything the build needs from the distribution. What is missing is named by its Debian package.

# mmuscope_require(<variable that must be true> <what it is> <Debian package>)
function(mmuscope_require variable what package)
  if(NOT ${variable})
    message(FATAL_ERROR "${what} was not found. On Debian: apt-get install ${package}")
  endif()
endfunction()

# mmuscope_require_module(<prefix> <pkg-config module and version> <Debian package>)
macro(mmuscope_require_module prefix module package)
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET "${module}")
  mmuscope_require(${prefix}_FOUND "${module} (by pkg-config)" ${package})
endmacro()

find_package(PkgConfig QUIET)
mmuscope_require(PKG_CONFIG_FOUND "pkg-config" pkg-config)
mmuscope_require_module(LIBBPF "libbpf>=1.1" libbpf-dev)
mmuscope_require_module(LIBELF libelf libelf-dev)
mmuscope_require_module(ZLIB zlib zlib1g-dev)
mmuscope_require_module(JANSSON jansson libjansson-dev)
mmuscope_require_module(LIBCAP_NG libcap-ng libcap-ng-dev)

find_path(UTHASH_INCLUDE_DIR uthash.h)
mmuscope_require(UTHASH_INCLUDE_DIR "The header uthash.h" uthash-dev)

# libpfm4 comes without a pkg-config file.
find_library(PFM_LIBRARY pfm)
find_path(PFM_INCLUDE_DIR perfmon/pfmlib.h)
mmuscope_require(PFM_LIBRARY "The library pfm" libpfm4-dev)
mmuscope_require(PFM_INCLUDE_DIR "The header perfmon/pfmlib.h" libpfm4-dev)
add_library(mmuscope_pfm INTERFACE)
target_link_libraries(mmuscope_pfm INTERFACE "${PFM_LIBRARY}")
target_include_directories(mmuscope_pfm SYSTEM INTERFACE "${PFM_INCLUDE_DIR}" "${UTHASH_INCLUDE_DIR}")

# Zydis 4.0 comes without a pkg-config file too.
find_library(ZYDIS_LIBRARY Zydis)
find_path(ZYDIS_INCLUDE_DIR Zydis/Zydis.h)
mmuscope_require(ZYDIS_LIBRARY "The library Zydis" libzydis-dev)
mmuscope_require(ZYDIS_INCLUDE_DIR "The header Zydis/Zydis.h" libzydis-dev)
add_library(mmuscope_zydis INTERFACE)
target_link_libraries(mmuscope_zydis INTERFACE "${ZYDIS_LIBRARY}")
target_include_directories(mmuscope_zydis SYSTEM INTERFACE "${ZYDIS_INCLUDE_DIR}")

find_package(Threads QUIET)
mmuscope_require(Threads_FOUND "POSIX threads" libc6-dev)

# Debian keeps bpftool in /usr/sbin, which is not in everyone's PATH.
find_program(BPF_CLANG NAMES clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14)
find_program(BPFTOOL bpftool HINTS /usr/sbin /usr/local/sbin)
find_program(LLVM_STRIP NAMES llvm-strip llvm-strip-19 llvm-strip-18 llvm-strip-17 llvm-strip-16 llvm-strip-15 llvm-strip-14)
mmuscope_require(BPF_CLANG "clang, which compiles for BPF," clang)
mmuscope_require(BPFTOOL "bpftool" bpftool)
execute_process(COMMAND "${BPF_CLANG}" -dumpversion OUTPUT_VARIABLE clang_version OUTPUT_STRIP_TRAILING_WHITESPACE
  COMMAND_ERROR_IS_FATAL ANY)
if(clang_version VERSION_LESS 12)
  message(FATAL_ERROR "clang ${clang_version} is too old for the BPF programs: 12 or newer is needed.")
endif()
message(STATUS "BPF for ${MMUSCOPE_ARCH}: clang ${clang_version} (${BPF_CLANG}), libbpf ${LIBBPF_VERSION}")
