// RUN: ingot-opt %s --ingot-cpu-outline-bodies | FileCheck %s

// CHECK-NOT: task.program
// CHECK-LABEL: func.func @decode_1__scale(
// CHECK-SAME: %[[INDICES:.*]]: !llvm.ptr, %[[BUFFERS:.*]]: !llvm.ptr, %[[INTEGERS:.*]]: !llvm.ptr, %[[SCRATCH:.*]]: !llvm.ptr)
// CHECK: %[[I1:.*]] = llvm.getelementptr %[[INDICES]][1] : (!llvm.ptr) -> !llvm.ptr, i64
// CHECK: %[[J:.*]] = llvm.load %[[I1]]
// CHECK: %[[JI:.*]] = arith.index_cast %[[J]] : i64 to index
// CHECK: %[[B0:.*]] = llvm.getelementptr %[[BUFFERS]][0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<4x8xf32>
// CHECK: llvm.getelementptr %[[INTEGERS]][0]
// CHECK: llvm.getelementptr %[[SCRATCH]][0] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: %[[A:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<3xf32>
// The first temporary takes 12 bytes, the second begins at the next multiple of 64.
// CHECK: llvm.getelementptr %[[SCRATCH]][64] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK: %[[B:.*]] = builtin.unrealized_conversion_cast %{{.*}} to memref<2xi32>
// CHECK: memref.load %[[X]][%[[JI]], %{{.*}}]
// CHECK: memref.store %{{.*}}, %[[A]]
// CHECK: return
task.program @decode.1 target(#task.cpu<"avx2">) {
  task.body @scale(%i: index, %j: index, %x: memref<4x8xf32>, %n: index) private 128 {
    %a = memref.alloca() : memref<3xf32>
    %b = memref.alloca() : memref<2xi32>
    %v = memref.load %x[%j, %n] : memref<4x8xf32>
    memref.store %v, %a[%i] : memref<3xf32>
    %c = arith.constant 1 : i32
    memref.store %c, %b[%i] : memref<2xi32>
  }
}
