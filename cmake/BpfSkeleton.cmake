# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# mmuscope_bpf_skeleton(<source> <name> [<definition> …]): compiles <source> for the BPF target into <name>.bpf.o and
# makes <name>.skel.h of it (struct <name>_bpf); whoever links with <name>_skeleton may include that.
function(mmuscope_bpf_skeleton source name)
  set(source "${CMAKE_SOURCE_DIR}/${source}")
  set(object "${CMAKE_BINARY_DIR}/${name}.bpf.o")
  set(include_dir "${CMAKE_BINARY_DIR}/include")
  set(skeleton "${include_dir}/${name}.skel.h")
  list(TRANSFORM ARGN PREPEND "-D" OUTPUT_VARIABLE definitions)
  set(strip_command)
  if(LLVM_STRIP)
    # Takes the DWARF, leaves the BTF.
    set(strip_command COMMAND "${LLVM_STRIP}" -g "${object}")
  endif()

  file(MAKE_DIRECTORY "${include_dir}")
  add_custom_command(OUTPUT "${object}"
    COMMAND "${BPF_CLANG}" -target bpf -g -O2 -mcpu=v3 -std=gnu11 "-D__TARGET_ARCH_${MMUSCOPE_ARCH}" ${definitions}
      "-I${CMAKE_SOURCE_DIR}/vmlinux/${MMUSCOPE_ARCH}" "-I${CMAKE_SOURCE_DIR}/bpf" ${LIBBPF_CFLAGS} -Wall -Werror
      -MD -MT "${object}" -MF "${object}.d" -c "${source}" -o "${object}"
    ${strip_command}
    DEPENDS "${source}"
    DEPFILE "${object}.d"
    COMMENT "Compiling ${name}.bpf.o for BPF"
    VERBATIM)
  # clang-tidy follows calls into the skeleton; what it finds there is bpftool's.
  add_custom_command(OUTPUT "${skeleton}"
    COMMAND "${CMAKE_COMMAND}" -E echo "/* NOLINTBEGIN */" > "${skeleton}"
    COMMAND "${BPFTOOL}" gen skeleton "${object}" name "${name}_bpf" >> "${skeleton}"
    COMMAND "${CMAKE_COMMAND}" -E echo "/* NOLINTEND */" >> "${skeleton}"
    DEPENDS "${object}"
    COMMENT "Generating ${name}.skel.h"
    VERBATIM)
  add_custom_target(${name}_skeleton_header DEPENDS "${skeleton}")

  # SYSTEM: generated code is not held to our warnings.
  add_library(${name}_skeleton INTERFACE)
  target_include_directories(${name}_skeleton SYSTEM INTERFACE "${include_dir}")
  add_dependencies(${name}_skeleton ${name}_skeleton_header)
endfunction()
