# Networks as C libraries, compiled when their model or samples change. From a project that has quern installed (npm install quern):
#
#     include(node_modules/quern/cmake/quern.cmake)
#     quern_add_network(kws MODEL kws.onnx CALIBRATE x.npy INPUT_SCALE 0.5847 INPUT_ZERO 83)
#     target_link_libraries(firmware PRIVATE kws)          # then: #include "kws.h"
#
#     quern_add_network(TARGET MODEL FILE [CALIBRATE X.npy…] [NAME name]
#                       [INPUT_SCALE s] [INPUT_ZERO z] [INPUT_MEAN m] [INPUT_STD d] [OPTIONS option…])
#
# TARGET becomes a static library whose include folder has NAME.h (NAME is TARGET unless given). OPTIONS are passed on to
# `quern compile` as they are. Relative paths start at the current source folder. QUERN_COMMAND is the command line tool,
# `npx --no-install quern` of that folder unless set.

set(QUERN_COMMAND npx --no-install quern CACHE STRING "The command line tool of quern")

function(quern_add_network target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "MODEL;NAME;INPUT_SCALE;INPUT_ZERO;INPUT_MEAN;INPUT_STD" "CALIBRATE;OPTIONS")
  if(NOT arg_MODEL)
    message(FATAL_ERROR "quern_add_network(${target}): MODEL is missing")
  endif()
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "quern_add_network(${target}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(name ${target})
  if(arg_NAME)
    set(name ${arg_NAME})
  endif()

  get_filename_component(model "${arg_MODEL}" ABSOLUTE)
  set(inputs "${model}")
  set(command ${QUERN_COMMAND} compile "${model}" --target c --name ${name})
  # The tensors of a .qir lie beside it.
  string(REGEX REPLACE "\\.qir$" ".safetensors" beside "${model}")
  if(NOT beside STREQUAL model AND EXISTS "${beside}")
    list(APPEND inputs "${beside}")
  endif()
  foreach(file IN LISTS arg_CALIBRATE)
    get_filename_component(file "${file}" ABSOLUTE)
    list(APPEND inputs "${file}")
    list(APPEND command --calibrate "${file}")
  endforeach()
  foreach(option SCALE ZERO MEAN STD)
    if(DEFINED arg_INPUT_${option})
      string(TOLOWER ${option} word)
      list(APPEND command --input-${word} "${arg_INPUT_${option}}")
    endif()
  endforeach()

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/quern/${name}")
  add_custom_command(
    OUTPUT "${folder}/${name}.c" "${folder}/${name}.h"
    COMMAND ${command} ${arg_OPTIONS} --out "${folder}"
    DEPENDS ${inputs}
    WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}"
    COMMENT "quern compile ${arg_MODEL}"
    VERBATIM)
  add_library(${target} STATIC "${folder}/${name}.c" "${folder}/${name}.h")
  target_include_directories(${target} PUBLIC "${folder}")
  set_target_properties(${target} PROPERTIES C_STANDARD 99 C_EXTENSIONS OFF)
endfunction()
