# Finds LLVM and MLIR 22.1 and defines what the compiler's rooms share:
#   ingot_mlir       what links MLIR and LLVM
#   ingot_mlir_pch   the precompiled header of all MLIR code

find_package(MLIR 22.1 CONFIG QUIET HINTS /usr/lib/llvm-22)
if(NOT MLIR_FOUND)
  message(FATAL_ERROR
    "Ingot's compiler needs LLVM and MLIR 22.1, which were not found.\n"
    "On Debian 12 run `scripts/setup`, or install them by hand:\n"
    "  apt-get install libmlir-22-dev mlir-22-tools llvm-22-dev llvm-22-tools clang-22 liblld-22-dev\n"
    "If they are elsewhere, pass -DCMAKE_PREFIX_PATH=<LLVM 22's prefix>.\n"
    "The runtime alone needs no LLVM: pass -DINGOT_BUILD_COMPILER=OFF.")
endif()
find_package(LLD REQUIRED CONFIG HINTS ${LLVM_INSTALL_PREFIX}/lib/cmake/lld) # links generated code in process
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} in ${LLVM_INSTALL_PREFIX}")

list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)
# Debian has more than one LLVM: pin the tools by path.
set(MLIR_TABLEGEN_EXE ${LLVM_TOOLS_BINARY_DIR}/mlir-tblgen)
include_directories(SYSTEM ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
separate_arguments(llvm_definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
add_definitions(${llvm_definitions})

add_library(ingot_mlir INTERFACE)
if(INGOT_STATIC)
  include(IngotStaticLLVM)
else()
  target_link_libraries(ingot_mlir INTERFACE MLIR LLVM)
endif()

add_library(ingot_mlir_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/IngotPch.cpp)
ingot_mlir_compile_options(ingot_mlir_pch)
target_compile_options(ingot_mlir_pch PRIVATE "SHELL:-Xclang -fno-pch-timestamp")
target_precompile_headers(ingot_mlir_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/IngotPch.h)
