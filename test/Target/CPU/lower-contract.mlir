// RUN: ingot-opt %s --ingot-cpu-lower-contract="lanes=16 registers=32" --cse | FileCheck %s
// RUN: ingot-opt %s --ingot-cpu-lower-contract="lanes=16 registers=32" | FileCheck %s --check-prefix=GONE

// GONE-NOT: tile.contract

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>

// One row: one vector for a panel, one chain along k.
// CHECK-LABEL: func @gemv
// CHECK: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : vector<16xf32>
// CHECK: %[[SUM:.*]] = scf.for %[[K:.*]] = %c0 to %c64 step %c1 iter_args(%[[ACC:.*]] = %[[ZERO]]) -> (vector<16xf32>)
// CHECK:   %[[X:.*]] = memref.load
// CHECK:   %[[B:.*]] = vector.broadcast %[[X]] : f32 to vector<16xf32>
// CHECK:   %[[W:.*]] = vector.load {{.*}}, vector<16xf32>
// CHECK:   %[[P:.*]] = arith.mulf %[[B]], %[[W]] fastmath<contract>
// CHECK:   %[[S:.*]] = arith.addf %[[P]], %[[ACC]] fastmath<contract>
// CHECK:   scf.yield %[[S]]
// CHECK: vector.store %[[SUM]]
func.func @gemv(%x: memref<1x64xf32>, %w: memref<64x16xf32>, %y: memref<1x16xf32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<1x64xf32>, memref<64x16xf32>) outs(%y : memref<1x16xf32>)
  return
}

// 43 = 16 + 16 + 8 + 2 + 1 columns, 3 rows: 15 accumulators in one loop, the weights loaded once for all rows.
// CHECK-LABEL: func @odd
// CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<8xf32>, vector<2xf32>, f32, vector<16xf32>, vector<16xf32>,
// CHECK-SAME: vector<8xf32>, vector<2xf32>, f32, vector<16xf32>, vector<16xf32>, vector<8xf32>, vector<2xf32>, f32)
// CHECK-COUNT-2: vector.load {{.*}}, vector<16xf32>
// CHECK: vector.load {{.*}}, vector<8xf32>
// CHECK: vector.load {{.*}}, vector<2xf32>
// CHECK-NOT: vector.load
// CHECK: vector.store
func.func @odd(%x: memref<3x7xf32>, %w: memref<7x43xf32>, %y: memref<3x43xf32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<3x7xf32>, memref<7x43xf32>) outs(%y : memref<3x43xf32>)
  return
}

// Many rows and columns: blocks of 6 x 64, k innermost.
// CHECK-LABEL: func @gemm
// CHECK: scf.for %{{.*}} = %c0 to %c128 step %c64
// CHECK:   scf.for %{{.*}} = %c0 to %c12 step %c6
// CHECK:     scf.for %{{.*}} = %c0 to %c64 step %c1
func.func @gemm(%x: memref<12x64xf32>, %w: memref<64x128xf32>, %y: memref<12x128xf32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<12x64xf32>, memref<64x128xf32>) outs(%y : memref<12x128xf32>)
  return
}

// bfloat16 operands are widened, and the sum rounded once.
// CHECK-LABEL: func @narrow
// CHECK: scf.for {{.*}} -> (vector<16xf32>)
// CHECK:   arith.extf {{.*}} : bf16 to f32
// CHECK:   arith.extf {{.*}} : vector<16xbf16> to vector<16xf32>
// CHECK: }
// CHECK: arith.truncf {{.*}} : vector<16xf32> to vector<16xbf16>
func.func @narrow(%x: memref<1x64xbf16>, %w: memref<64x16xbf16>, %y: memref<1x16xbf16>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<1x64xbf16>, memref<64x16xbf16>) outs(%y : memref<1x16xbf16>)
  return
}

// Weights by rows: scalar chains, eight rows side by side.
// CHECK-LABEL: func @by_rows
// CHECK-NOT: vector
// CHECK: scf.for {{.*}} -> (f32, f32, f32, f32, f32, f32, f32, f32)
func.func @by_rows(%x: memref<1x64xf32>, %w: memref<16x64xf32>, %y: memref<1x16xf32>) {
  tile.contract [#x, affine_map<(m, n, k) -> (n, k)>, #y] ins(%x, %w : memref<1x64xf32>, memref<16x64xf32>)
      outs(%y : memref<1x16xf32>)
  return
}
