# Static linking against Debian's LLVM and MLIR archives; IngotLLVM.cmake includes it.
#
# Every exported MLIR* and lld* target drags the LLVM shared library in through its INTERFACE_LINK_LIBRARIES. Two copies
# of LLVM in one process do not work, so those edges are cut and the archives of the components named instead. The CPU
# targets other than the host's are left out.

set(components core support irreader bitreader bitwriter linker passes ipo orcjit analysis target targetparser mc object
    lto dtlto option debuginfodwarf windowsdriver windowsmanifest libdriver)
list(APPEND components x86codegen x86asmparser x86desc x86info)
llvm_map_components_to_libnames(llvm_archives ${components})

foreach(target IN LISTS MLIR_EXPORTED_TARGETS LLD_EXPORTED_TARGETS LLVM_AVAILABLE_LIBS)
  if(TARGET ${target})
    get_target_property(libraries ${target} INTERFACE_LINK_LIBRARIES)
    if(libraries)
      list(FILTER libraries EXCLUDE REGEX "^(LLVM|Polly|CURL::libcurl)$|libz3\\.so$")
      list(TRANSFORM libraries REPLACE "^zstd::libzstd_shared$" "zstd::libzstd_static")
      set_target_properties(${target} PROPERTIES INTERFACE_LINK_LIBRARIES "${libraries}")
    endif()
  endif()
endforeach()

# LLD refers to the initialisers of every target and to Polly's plug-in: empty ones for those that are left out.
set(INGOT_TARGET_STUBS "")
foreach(target IN LISTS LLVM_TARGETS_TO_BUILD)
  if(NOT target STREQUAL "X86")
    string(APPEND INGOT_TARGET_STUBS "TARGET(${target})\n")
  endif()
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/StaticLLVMStubs.cpp.in ${CMAKE_BINARY_DIR}/StaticLLVMStubs.cpp @ONLY)
add_library(ingot_static_llvm_stubs STATIC ${CMAKE_BINARY_DIR}/StaticLLVMStubs.cpp)

target_link_libraries(ingot_mlir INTERFACE
  MLIROptLib MLIRParser MLIRPass MLIRTransforms MLIRTranslateLib
  MLIRAffineDialect MLIRAffineToStandard MLIRAffineTransforms MLIRArithDialect MLIRArithToLLVM MLIRArithTransforms
  MLIRArithUtils MLIRArithValueBoundsOpInterfaceImpl MLIRBufferizationDialect MLIRBufferizationTransforms
  MLIRBuiltinToLLVMIRTranslation MLIRControlFlowToLLVM MLIRControlFlowTransforms MLIRFuncDialect
  MLIRFuncInlinerExtension MLIRFuncToLLVM MLIRFuncTransforms MLIRIndexToLLVM MLIRLinalgDialect MLIRLinalgTransforms
  MLIRLLVMDialect MLIRLLVMIRTransforms MLIRLLVMToLLVMIRTranslation MLIRMathDialect MLIRMathToLLVM MLIRMathTransforms
  MLIRMemRefDialect MLIRMemRefToLLVM MLIRMemRefTransforms MLIRReconcileUnrealizedCasts MLIRSCFDialect
  MLIRSCFToControlFlow MLIRSCFTransforms MLIRSCFUtils MLIRTargetLLVMIRExport MLIRTensorDialect
  MLIRTensorInferTypeOpInterfaceImpl MLIRTensorTilingInterfaceImpl MLIRTensorTransforms MLIRUBToLLVM MLIRVectorDialect
  MLIRVectorToLLVMPass MLIRVectorToSCF MLIRVectorTransforms MLIRX86VectorTransforms
  ${llvm_archives} ingot_static_llvm_stubs)
