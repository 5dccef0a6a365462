# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# How user/, tests/ and tools/ are compiled: link with mmuscope_options.
include(CheckCCompilerFlag)
include(CheckPIESupported)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
# CMake's default would add -DNDEBUG; a program that runs as root keeps its assertions.
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O0 -g3")

add_library(mmuscope_options INTERFACE)
# Empty, so that a file may still define it for itself.
target_compile_definitions(mmuscope_options INTERFACE _GNU_SOURCE=)
target_compile_options(mmuscope_options INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wundef
  -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wimplicit-fallthrough -fno-common)
foreach(flag IN ITEMS -Wlogical-op -Wduplicated-cond)
  string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
  check_c_compiler_flag(${flag} ${have})
  if(${have})
    target_compile_options(mmuscope_options INTERFACE ${flag})
  endif()
endforeach()

check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
target_link_options(mmuscope_options INTERFACE -Wl,-z,relro -Wl,-z,now)

set(instrumented ${MMUSCOPE_SANITIZE} ${MMUSCOPE_COVERAGE} ${MMUSCOPE_FUZZ})
list(FILTER instrumented INCLUDE REGEX "^(ON|TRUE|1)$")
list(LENGTH instrumented n_instrumented)
if(n_instrumented GREATER 1)
  message(FATAL_ERROR "MMUSCOPE_SANITIZE, MMUSCOPE_COVERAGE and MMUSCOPE_FUZZ exclude each other.")
elseif(MMUSCOPE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(MMUSCOPE_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "MMUSCOPE_FUZZ needs clang and its libFuzzer: use the preset fuzz.")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
  # clang does not take uthash's comments for fallthrough attributes.
  target_compile_options(mmuscope_options INTERFACE -Wno-implicit-fallthrough)
elseif(MMUSCOPE_COVERAGE)
  # Atomic, because the loader has threads and its tests fork.
  add_compile_options(--coverage -fprofile-abs-path -fprofile-update=atomic)
  add_link_options(--coverage)
elseif(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(mmuscope_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
