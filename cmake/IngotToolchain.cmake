# Compiler, linker and sanitizer flags that every target shares.

# RelWithDebInfo (dev) keeps asserts: our own bugs must stop loudly. Debug (asan) compiles MLIR code without optimisation:
# instrumented, the optimiser would take two thirds of the time. Flags of the precompiled header must match its users', so
# no target may choose another level for MLIR code.
foreach(language C CXX)
  set(CMAKE_${language}_FLAGS_DEBUG "-O0 -gline-tables-only")
  set(CMAKE_${language}_FLAGS_RELWITHDEBINFO "-O2 -gline-tables-only")
  set(CMAKE_${language}_FLAGS_RELEASE "-O2 -DNDEBUG")
endforeach()
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers -ffunction-sections
                    -fdata-sections "$<$<COMPILE_LANGUAGE:CXX>:-fvisibility-inlines-hidden>")
add_link_options(-Wl,--gc-sections)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-fcolor-diagnostics)
endif()

if(INGOT_SANITIZE)
  # vptr and function checks need type information that Debian's LLVM library does not export for every class.
  add_compile_options(-fsanitize=${INGOT_SANITIZE} -fno-sanitize=vptr,function -fno-sanitize-recover=undefined
                      -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${INGOT_SANITIZE})
else()
  add_link_options(-Wl,-z,defs) # a sanitized shared object would find its sanitizer in the executable only
endif()

if(INGOT_STATIC)
  # as-needed drops libraries that only unused parts of LLVM's archives refer to.
  add_link_options(-fuse-ld=lld -Wl,--icf=all -Wl,--as-needed -static-libstdc++ -static-libgcc -s)
elseif(INGOT_USE_MOLD)
  find_program(INGOT_MOLD mold)
  if(INGOT_MOLD)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

# A precompiled header is cached by ccache only when its time stamp is left out and these checks are relaxed; the
# content of every included file is still hashed.
if(INGOT_USE_CCACHE)
  find_program(INGOT_CCACHE ccache)
  if(INGOT_CCACHE)
    set(launcher ${CMAKE_COMMAND} -E env
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${INGOT_CCACHE})
    set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  endif()
endif()
