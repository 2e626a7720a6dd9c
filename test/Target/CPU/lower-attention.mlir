// RUN: ingot-opt %s --ingot-cpu-lower-attention="lanes=4" --cse | FileCheck %s

// Blocks of 16 keys up to the visible ones, which start, count and the causal mask decide.
// CHECK-LABEL: func @decode
// CHECK: %[[SCORES:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK: scf.for %[[H:.*]] = %c0 to %c2 step %c1
// CHECK:   %[[CLAMPED:.*]] = arith.minsi
// CHECK:   %[[VISIBLE:.*]] = arith.select %{{.*}}, %[[CLAMPED]], %c0 : index
// CHECK:   scf.for %[[FIRST:.*]] = %c0 to %[[VISIBLE]] step %c16 iter_args({{.*}}) -> (f32, vector<16xf32>, vector<4xf32>, vector<4xf32>)
// CHECK:     %[[LEFT:.*]] = arith.subi %[[VISIBLE]], %[[FIRST]]
// CHECK:     %[[KEYS:.*]] = arith.minsi %[[LEFT]], %c16
// CHECK:     scf.for %{{.*}} = %c0 to %[[KEYS]] step %c1
// CHECK:       memref.store %{{.*}}, %[[SCORES]]
// CHECK:     arith.maximumf
// CHECK:     math.exp {{.*}} : f32
// CHECK:     math.exp {{.*}} : vector<16xf32>
// CHECK:     scf.for %{{.*}} = %c0 to %[[KEYS]] step %c1 iter_args({{.*}}) -> (vector<4xf32>, vector<4xf32>)
// CHECK:   arith.divf
func.func @decode(%q: memref<1x1x2x8xf32>, %k: memref<1x1x512x8xf32>, %v: memref<1x1x512x8xf32>, %s: memref<1xi32>,
    %n: memref<1xi32>, %o: memref<1x1x2x8xf32>) {
  tile.attention causal scale 0.35 ins(%q, %k, %v : memref<1x1x2x8xf32>, memref<1x1x512x8xf32>, memref<1x1x512x8xf32>)
      start(%s : memref<1xi32>) count(%n : memref<1xi32>) outs(%o : memref<1x1x2x8xf32>)
  return
}
