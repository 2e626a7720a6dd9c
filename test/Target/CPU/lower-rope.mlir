// RUN: ingot-opt %s --ingot-cpu-lower-rope="lanes=8" --cse | FileCheck %s

// CHECK-LABEL: func @interleaved
// CHECK: %[[P:.*]] = memref.load
// CHECK: arith.maxsi
// CHECK: arith.minsi %{{.*}}, %c511
// CHECK: %[[X:.*]] = vector.load {{.*}}, vector<8xf32>
// CHECK: %[[A:.*]], %[[B:.*]] = vector.deinterleave %[[X]] : vector<8xf32> -> vector<4xf32>
// CHECK: arith.subf
// CHECK: %[[Y:.*]] = vector.interleave
// CHECK: vector.store %[[Y]]
func.func @interleaved(%x: memref<1x1x1x8xf32>, %c: memref<512x4xf32>, %s: memref<512x4xf32>, %p: memref<1x1xi32>,
    %y: memref<1x1x1x8xf32>) {
  tile.rope interleaved ins(%x, %c, %s, %p : memref<1x1x1x8xf32>, memref<512x4xf32>, memref<512x4xf32>, memref<1x1xi32>)
      outs(%y : memref<1x1x1x8xf32>)
  return
}

// The last two elements of the head pass through.
// CHECK-LABEL: func @half
// CHECK-COUNT-2: vector.store {{.*}}, vector<4xf32>
// CHECK: %[[REST:.*]] = vector.load {{.*}}, vector<2xf32>
// CHECK: vector.store %[[REST]]
func.func @half(%x: memref<1x1x1x10xf32>, %c: memref<512x4xf32>, %s: memref<512x4xf32>, %p: memref<1x1xi32>,
    %y: memref<1x1x1x10xf32>) {
  tile.rope ins(%x, %c, %s, %p : memref<1x1x1x10xf32>, memref<512x4xf32>, memref<512x4xf32>, memref<1x1xi32>)
      outs(%y : memref<1x1x1x10xf32>)
  return
}
