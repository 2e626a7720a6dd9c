# What `make install` installs: bin/ingot, libexec/ingot, lib/libingot_runtime.so, include/ingot, and a CMake package that
# gives Ingot::runtime. Nothing of the installed tree depends on where it lies, except that the compiler finds LLVM where
# it was found here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(ingot ingot-runner PROPERTIES INSTALL_RPATH "")
install(TARGETS ingot RUNTIME DESTINATION bin)
install(TARGETS ingot-runner RUNTIME DESTINATION libexec/ingot)
if(TARGET ingot-compiler)
  set_target_properties(ingot-compiler PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS ingot-compiler RUNTIME DESTINATION libexec/ingot)
endif()

install(TARGETS ingot_runtime EXPORT IngotTargets LIBRARY DESTINATION lib)
install(FILES runtime/include/ingot/runtime.h DESTINATION include/ingot)
# runtime.h includes <dlpack/dlpack.h>. It lies below include/ingot, where it cannot stand in another one's way.
find_path(INGOT_DLPACK_INCLUDE dlpack/dlpack.h REQUIRED)
install(FILES ${INGOT_DLPACK_INCLUDE}/dlpack/dlpack.h DESTINATION include/ingot/dlpack)
target_include_directories(ingot_runtime INTERFACE $<INSTALL_INTERFACE:include> $<INSTALL_INTERFACE:include/ingot>)
set_target_properties(ingot_runtime PROPERTIES EXPORT_NAME runtime)

install(EXPORT IngotTargets NAMESPACE Ingot:: DESTINATION lib/cmake/Ingot)
configure_package_config_file(cmake/IngotConfig.cmake.in ${CMAKE_BINARY_DIR}/IngotConfig.cmake
                              INSTALL_DESTINATION lib/cmake/Ingot)
# Before 1.0, another minor version is another interface.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/IngotConfig.cmake ${CMAKE_BINARY_DIR}/IngotConfigVersion.cmake
        DESTINATION lib/cmake/Ingot)
install(FILES README.md LICENSE DESTINATION share/doc/ingot)
install(DIRECTORY examples/c DESTINATION share/ingot/examples)
