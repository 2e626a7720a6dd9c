// RUN: ingot-opt %s --ingot-cpu-lower-map="lanes=8" --cse | FileCheck %s

// Vectors of 8 in a loop, then 2 and 1; a row's scalar is broadcast, a constant splatted.
// CHECK-LABEL: func @scale
// CHECK: scf.for %{{.*}} = %c0 to %c3 step %c1
// CHECK:   scf.for %{{.*}} = %c0 to %c16 step %c8
// CHECK:     vector.load {{.*}}, vector<8xf32>
// CHECK:     memref.load
// CHECK:     vector.broadcast {{.*}} : f32 to vector<8xf32>
// CHECK:     arith.mulf {{.*}} : vector<8xf32>
// CHECK:     math.exp {{.*}} : vector<8xf32>
// CHECK:     vector.store {{.*}}, vector<8xf32>
// CHECK:   arith.mulf {{.*}} : vector<2xf32>
// CHECK:   arith.mulf {{.*}} : f32
// CHECK-NOT: tile.map
func.func @scale(%x: memref<3x19xf32>, %r: memref<3x1xf32>, %y: memref<3x19xf32>) {
  tile.map [affine_map<(m, n) -> (m, n)>, affine_map<(m, n) -> (m, 0)>] ins(%x, %r : memref<3x19xf32>, memref<3x1xf32>)
      outs(%y : memref<3x19xf32>) {
  ^bb0(%a: f32, %b: f32):
    %c = arith.mulf %a, %b : f32
    %d = math.exp %c : f32
    tile.yield %d : f32
  }
  return
}

// i1 has no vector form in memory.
// CHECK-LABEL: func @compare
// CHECK-NOT: vector
// CHECK: memref.store {{.*}} : memref<8xi1
func.func @compare(%x: memref<8xf32>, %y: memref<8xi1>) {
  tile.map [affine_map<(n) -> (n)>] ins(%x : memref<8xf32>) outs(%y : memref<8xi1>) {
  ^bb0(%a: f32):
    %b = arith.cmpf olt, %a, %a : f32
    tile.yield %b : i1
  }
  return
}

// A transposed input is read element by element.
// CHECK-LABEL: func @transpose
// CHECK-NOT: vector
// CHECK: memref.store
func.func @transpose(%x: memref<4x8xf32>, %y: memref<8x4xf32>) {
  tile.map [affine_map<(m, n) -> (n, m)>] ins(%x : memref<4x8xf32>) outs(%y : memref<8x4xf32>) {
  ^bb0(%a: f32):
    tile.yield %a : f32
  }
  return
}
