// RUN: ingot-opt %s --ingot-cpu-lower-moves="lanes=8" --cse | FileCheck %s

// CHECK-LABEL: func @gather
// CHECK: %[[I:.*]] = memref.load
// CHECK: %[[ROW:.*]] = arith.index_cast %[[I]] : i32 to index
// CHECK: %[[AT_LEAST:.*]] = arith.maxsi %[[ROW]], %c0
// CHECK: %[[CLAMPED:.*]] = arith.minsi %[[AT_LEAST]], %c511
// CHECK: arith.muli %[[CLAMPED]], %c64
// CHECK: scf.for %{{.*}} = %c0 to %c64 step %c8
func.func @gather(%t: memref<512x64xf32>, %i: memref<1x1xi32>, %y: memref<1x1x64xf32>) {
  tile.gather ins(%t, %i : memref<512x64xf32>, memref<1x1xi32>) outs(%y : memref<1x1x64xf32>)
  return
}

// CHECK-LABEL: func @gather_panels
// CHECK: arith.minsi %{{.*}}, %c511
// CHECK: arith.divui %{{.*}}, %c16
// CHECK: arith.remui %{{.*}}, %c16
func.func @gather_panels(%t: memref<32x64x16xf32>, %i: memref<1xi32>, %y: memref<1x64xf32>) {
  tile.gather panels ins(%t, %i : memref<32x64x16xf32>, memref<1xi32>) outs(%y : memref<1x64xf32>)
  return
}

// CHECK-LABEL: func @scatter
// CHECK: %[[COUNTED:.*]] = arith.cmpi slt
// CHECK: %[[INSIDE:.*]] = arith.cmpi ult, %{{.*}}, %c512
// CHECK: %[[BOTH:.*]] = arith.andi %[[COUNTED]], %[[INSIDE]]
// CHECK: scf.if %[[BOTH]]
// CHECK:   vector.store {{.*}}, vector<8xf32>
func.func @scatter(%k: memref<1x4x1x8xf32>, %s: memref<1xi32>, %n: memref<1xi32>, %p: memref<1x1x1x1x512x8xf32>) {
  tile.scatter ins(%k : memref<1x4x1x8xf32>) start(%s : memref<1xi32>) count(%n : memref<1xi32>)
      outs(%p : memref<1x1x1x1x512x8xf32>)
  return
}

// One update after the other; its columns share vectors.
// CHECK-LABEL: func @scatter_add
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1
// CHECK: %[[ROW:.*]] = arith.maxsi %{{.*}}, %c0
// CHECK: arith.minsi %[[ROW]], %c4
// CHECK: %[[OLD:.*]] = vector.load {{.*}}, vector<8xf32>
// CHECK: %[[UPDATE:.*]] = vector.load {{.*}}, vector<8xf32>
// CHECK: %[[SUM:.*]] = arith.addf %[[OLD]], %[[UPDATE]]
// CHECK: vector.store %[[SUM]]
func.func @scatter_add(%u: memref<3x16xf32>, %i: memref<3xi32>, %t: memref<5x16xf32>) {
  tile.scatter_add ins(%u, %i : memref<3x16xf32>, memref<3xi32>) outs(%t : memref<5x16xf32>)
  return
}

// CHECK-LABEL: func @positions
// CHECK: scf.for %[[C:.*]] = %c0 to %c64 step %c1
// CHECK: %[[P:.*]] = arith.addi %{{.*}}, %[[C]] : index
// CHECK: arith.index_cast %[[P]] : index to i32
func.func @positions(%s: memref<1xi32>, %p: memref<1x64xi32>) {
  tile.positions ins(%s : memref<1xi32>) outs(%p : memref<1x64xi32>)
  return
}
