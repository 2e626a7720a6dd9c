// The design's example down to the llvm dialect: nothing of the dialects above is left.
// RUN: ingot-opt %S/../../Dialect/Task/contract.mlir --ingot-cpu-pipeline="lanes=16 registers=32" | FileCheck %s

// CHECK-NOT: {{task|tile|memref|vector|arith|scf|affine|func|math|builtin}}.
// CHECK: llvm.func @decode__row_64(%{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK-NOT: {{task|tile|memref|vector|arith|scf|affine|func|math|builtin}}{{[.]}}
// CHECK: llvm.func @decode__gemv_16
