# The project's own target functions. Keywords shared by all of them:
#   MLIR                the sources see LLVM and MLIR: no exceptions, the shared precompiled header, links both libraries
#   EXCEPTIONS          with MLIR: these sources keep C++ exceptions (for libraries that throw) and do without the
#                       precompiled header
#   SOURCES, LINK       files and libraries

# ingot_add_subdirectories(dir...) adds those that exist, so rooms can be built before all are there.
function(ingot_add_subdirectories)
  foreach(dir IN LISTS ARGN)
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/CMakeLists.txt)
      add_subdirectory(${dir})
    endif()
  endforeach()
endfunction()

# Flags of MLIR code. They must be the same in every target that reuses the precompiled header.
function(ingot_mlir_compile_options target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions>)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    # -fPIC everywhere, not -fPIE in executables: the precompiled header is built once.
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# What the functions below do once the target exists; see the keywords above.
macro(_ingot_setup_target name)
  target_sources(${name} PRIVATE ${ARG_SOURCES} ${ARG_EXCEPTIONS})
  if(ARG_MLIR)
    ingot_mlir_compile_options(${name})
    target_precompile_headers(${name} REUSE_FROM ingot_mlir_pch)
    target_link_libraries(${name} PUBLIC ${ARG_LINK} ingot_mlir)
    if(ARG_EXCEPTIONS)
      set_source_files_properties(${ARG_EXCEPTIONS} PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS -fexceptions)
    endif()
  else()
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
    target_compile_options(${name} PRIVATE $<$<CONFIG:Debug>:-O1>) # numeric tests are too slow without
  endif()
endmacro()

# ingot_add_library(NAME [MLIR] SOURCES file... [EXCEPTIONS file...] [LINK library...])
# A static library of position-independent code.
function(ingot_add_library name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "MLIR" "" "SOURCES;EXCEPTIONS;LINK")
  ingot_check_arguments(${name})
  add_library(${name} STATIC)
  _ingot_setup_target(${name})
endfunction()

# ingot_add_tool(NAME [MLIR] SOURCES file... [EXCEPTIONS file...] [LINK library...])
# An executable in <build>/bin.
function(ingot_add_tool name)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "MLIR" "" "SOURCES;EXCEPTIONS;LINK")
  ingot_check_arguments(${name})
  add_executable(${name})
  _ingot_setup_target(${name})
  ingot_setup_sanitizer(${name})
endfunction()

# ingot_add_unit_test(NAME [MLIR] SOURCES file... [EXCEPTIONS file...] [LINK library...] [LABELS label...] [TIMEOUT s])
# A GoogleTest executable and one ctest entry of the same name. It finds the source tree in INGOT_SOURCE_DIR, the data
# shared beside it in INGOT_SHARED_DATA_DIR (which may not exist) and the build tree in INGOT_BINARY_DIR.
function(ingot_add_unit_test name)
  if(NOT INGOT_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 ARG "MLIR" "TIMEOUT" "SOURCES;EXCEPTIONS;LINK;LABELS")
  ingot_check_arguments(${name})
  add_executable(${name})
  _ingot_setup_target(${name})
  ingot_setup_sanitizer(${name})
  target_link_libraries(${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE
    INGOT_SOURCE_DIR="${CMAKE_SOURCE_DIR}" INGOT_BINARY_DIR="${CMAKE_BINARY_DIR}"
    INGOT_SHARED_DATA_DIR="${CMAKE_SOURCE_DIR}/../shared/data")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/test/unit)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 900) # minutes, not seconds: continuous integration has two busy cores
  endif()
  # The area, the first folder below test/unit, is a label and a target (unit-<area>) that builds its tests.
  file(RELATIVE_PATH area ${CMAKE_SOURCE_DIR}/test/unit ${CMAKE_CURRENT_SOURCE_DIR})
  string(REGEX REPLACE "/.*" "" area ${area})
  if(NOT TARGET unit-${area})
    add_custom_target(unit-${area})
    add_dependencies(ingot-unit-tests unit-${area})
  endif()
  add_dependencies(unit-${area} ${name})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${area};${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# Gives an executable the sanitizers' default options, when there are any.
function(ingot_setup_sanitizer name)
  if(INGOT_SANITIZE)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/cmake/SanitizerOptions.cpp)
  endif()
endfunction()

# Stops on misspelt keywords: cmake_parse_arguments would drop them silently.
macro(ingot_check_arguments name)
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${name}: unknown arguments ${ARG_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT ARG_SOURCES AND NOT ARG_EXCEPTIONS)
    message(FATAL_ERROR "${name}: expects SOURCES or EXCEPTIONS, but got neither")
  endif()
endmacro()
