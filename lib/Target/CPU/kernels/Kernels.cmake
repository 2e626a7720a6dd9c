# Compiles kernels/*.cpp to bitcode for each ISA level and writes KernelBitcode.inc, which embeds them.
set(kernel_sources Contract)
# By name, because what clang would write about dependencies is relative to the source folder, and Ninja reads it relative
# to the build folder, where nothing is, and so would compile everything again in every build.
set(kernel_headers kernels/BFloat16.h kernels/Vector.h)
set(kernel_flags_avx2 -march=x86-64-v3)
set(kernel_flags_avx512 -march=x86-64-v4)
set(kernel_flags_avx512bf16 -march=x86-64-v4 -mavx512bf16 -mavx512vnni)

# The bitcode is optimised where it is used, with the caller's constants: clang must not run passes of its own. Paths are
# relative, so that the compiler's bytes do not depend on where it was built.
set(kernel_flags
  --target=x86_64-unknown-linux-gnu -std=c++20 -O1 -Xclang -disable-llvm-passes -emit-llvm -ffreestanding -fPIC
  -fno-exceptions -fno-rtti -fno-strict-aliasing -ffp-contract=off -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-unwind-tables -fno-ident -Wall -Wextra -Werror -I.)
set(kernel_includes "")
set(kernel_table "")
set(kernel_files "")
foreach(source IN LISTS kernel_sources)
  foreach(isa IN ITEMS avx2 avx512 avx512bf16)
    set(file ${CMAKE_CURRENT_BINARY_DIR}/${source}.${isa}.bc)
    add_custom_command(OUTPUT ${file}
      COMMAND ${LLVM_TOOLS_BINARY_DIR}/clang++ ${kernel_flags} ${kernel_flags_${isa}}
              -c lib/Target/CPU/kernels/${source}.cpp -o ${file}
      DEPENDS kernels/${source}.cpp ${kernel_headers} kernels/Kernels.cmake
      WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      COMMENT "Compiling micro-kernels ${source} for ${isa}"
      VERBATIM)
    list(APPEND kernel_files ${file})
    string(APPEND kernel_includes
      "static const unsigned char k${source}_${isa}[] = {\n#embed \"${source}.${isa}.bc\"\n};\n")
    string(APPEND kernel_table "    {\"${isa}\", k${source}_${isa}},\n")
  endforeach()
endforeach()
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/KernelBitcode.inc CONTENT
"${kernel_includes}static const Bitcode kBitcode[] = {\n${kernel_table}};\n")
set_source_files_properties(Kernels.cpp PROPERTIES
  OBJECT_DEPENDS "${kernel_files}" COMPILE_OPTIONS "--embed-dir=${CMAKE_CURRENT_BINARY_DIR};-Wno-c23-extensions")
