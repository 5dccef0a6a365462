# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Man page and completion are made by the program itself, from its table of options; and what gets installed.
set(man_page "${CMAKE_BINARY_DIR}/mmuscope.8")
set(completion "${CMAKE_BINARY_DIR}/mmuscope.bash-completion")

add_custom_command(OUTPUT "${man_page}"
  COMMAND "${CMAKE_COMMAND}" "-DPROGRAM=$<TARGET_FILE:mmuscope>" "-DVERSION=${PROJECT_VERSION}"
    "-DINPUT=${CMAKE_SOURCE_DIR}/docs/mmuscope.8.in" "-DOUTPUT=${man_page}" -P "${CMAKE_SOURCE_DIR}/cmake/ManPage.cmake"
  DEPENDS mmuscope docs/mmuscope.8.in cmake/ManPage.cmake
  COMMENT "Generating mmuscope.8"
  VERBATIM)
add_custom_command(OUTPUT "${completion}"
  COMMAND mmuscope --print-completion > "${completion}"
  DEPENDS mmuscope
  COMMENT "Generating the bash completion"
  VERBATIM)
add_custom_target(mmuscope_docs ALL DEPENDS "${man_page}" "${completion}")

install(TARGETS mmuscope RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(FILES "${man_page}" DESTINATION "${CMAKE_INSTALL_MANDIR}/man8")
install(FILES "${completion}" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME mmuscope)
