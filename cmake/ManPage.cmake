# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Script: puts the option list that PROGRAM prints, and VERSION, into INPUT and writes OUTPUT.
execute_process(COMMAND "${PROGRAM}" --print-man OUTPUT_VARIABLE OPTIONS COMMAND_ERROR_IS_FATAL ANY)
if(OPTIONS STREQUAL "")
  message(FATAL_ERROR "'${PROGRAM} --print-man' printed nothing")
endif()
string(STRIP "${OPTIONS}" OPTIONS)
configure_file("${INPUT}" "${OUTPUT}" @ONLY)
