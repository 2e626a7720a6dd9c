// RUN: ingot-opt %s --ingot-cpu-lower-row="lanes=4" --cse | FileCheck %s

// 20 = 16 + 4: lanes of 16, halves added to 8 and to 4, where the rest of the row joins.
// CHECK-LABEL: func @rms_norm
// CHECK: vector.load {{.*}}, vector<16xf32>
// CHECK: arith.mulf {{.*}} : vector<16xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<4xf32>
// CHECK: vector.load {{.*}}, vector<4xf32>
// CHECK: arith.addf {{.*}} : vector<4xf32>
// CHECK: arith.addf {{.*}} : vector<2xf32>
// CHECK: arith.addf {{.*}} : f32
// CHECK: math.rsqrt {{.*}} : f32
// CHECK: scf.for %{{.*}} = %c0 to %c20 step %c4
// CHECK:   vector.store {{.*}}, vector<4xf32>
func.func @rms_norm(%x: memref<1x20xf32>, %w: memref<20xf32>, %y: memref<1x20xf32>) {
  tile.row rms_norm eps 1.0e-5 ins(%x, %w : memref<1x20xf32>, memref<20xf32>) outs(%y : memref<1x20xf32>)
  return
}

// The variance is about the mean.
// CHECK-LABEL: func @layer_norm
// CHECK: %[[MEAN:.*]] = arith.divf
// CHECK: vector.broadcast %[[MEAN]]
// CHECK: arith.subf
// CHECK: math.rsqrt
func.func @layer_norm(%x: memref<2x4xf32>, %w: memref<4xf32>, %b: memref<4xf32>, %y: memref<2x4xf32>) {
  tile.row layer_norm eps 1.0e-5 ins(%x, %w, %b : memref<2x4xf32>, memref<4xf32>, memref<4xf32>) outs(%y : memref<2x4xf32>)
  return
}

// float32 keeps the powers in the destination; bfloat16 would round them, so they are computed twice.
// CHECK-LABEL: func @softmax
// CHECK: arith.maximumf
// CHECK-COUNT-1: math.exp
// CHECK-NOT: math.exp
// CHECK-LABEL: func @softmax_bf16
// CHECK: math.exp {{.*}} : vector<16xf32>
// CHECK: math.exp {{.*}} : vector<4xf32>
func.func @softmax(%x: memref<1x4xf32>, %y: memref<1x4xf32>) {
  tile.row softmax eps 0.0 ins(%x : memref<1x4xf32>) outs(%y : memref<1x4xf32>)
  return
}
func.func @softmax_bf16(%x: memref<1x16xbf16>, %y: memref<1x16xbf16>) {
  tile.row softmax eps 0.0 ins(%x : memref<1x16xbf16>) outs(%y : memref<1x16xbf16>)
  return
}
