// RUN: ingot-opt %s --ingot-cpu-lower-reduce="lanes=8" --cse | FileCheck %s

// CHECK-LABEL: func @columns
// CHECK: %[[SUM:.*]] = scf.for %{{.*}} = %c0 to %c4 step %c1 iter_args(%[[ACC:.*]] = %{{.*}}) -> (vector<8xf32>)
// CHECK:   %[[X:.*]] = vector.load {{.*}}, vector<8xf32>
// CHECK:   arith.addf %[[ACC]], %[[X]]
// CHECK: %[[MEAN:.*]] = arith.divf %[[SUM]], %{{.*}} : vector<8xf32>
// CHECK: vector.store %[[MEAN]]
func.func @columns(%x: memref<4x8xf32>, %y: memref<8xf32>) {
  tile.reduce mean dims [0] ins(%x : memref<4x8xf32>) outs(%y : memref<8xf32>)
  return
}

// Along the row each element is one chain: four of them side by side.
// CHECK-LABEL: func @rows
// CHECK: scf.for %{{.*}} = %c0 to %c8 step %c1 iter_args({{.*}}) -> (f32, f32, f32, f32)
// CHECK:   arith.maximumf
func.func @rows(%x: memref<4x8xf32>, %y: memref<4xf32>) {
  tile.reduce max dims [1] ins(%x : memref<4x8xf32>) outs(%y : memref<4xf32>)
  return
}
