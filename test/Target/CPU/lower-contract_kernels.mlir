// RUN: ingot-opt %s --ingot-cpu-lower-contract="lanes=16 registers=32 kernels=avx512bf16" --cse --canonicalize | FileCheck %s

#x = affine_map<(m, n, k) -> (m, k)>
#w = affine_map<(m, n, k) -> (k, n)>
#y = affine_map<(m, n, k) -> (m, n)>

// Declared once for all that call it.
// CHECK-COUNT-1: func.func private @ingot_contract_f32(!llvm.ptr, i64, i64, !llvm.ptr, i64, i64, !llvm.ptr, i64, i64, i64, i64, i64, i64, i64)
// CHECK-NOT: func.func private @ingot_contract_f32

// One row of one panel: 1 x (1 panel of 1 register), 64 steps.
// CHECK-LABEL: func @gemv
// CHECK-DAG: %[[ROWS:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[TAIL:.*]] = arith.constant 0 : i64
// CHECK-DAG: %[[STEPS:.*]] = arith.constant 64 : i64
// CHECK-NOT: scf.for
// CHECK: call @ingot_contract_f32({{.*}}, %[[STEPS]], %[[ROWS]], %[[ROWS]], %[[ROWS]], %[[TAIL]])
func.func @gemv(%x: memref<1x64xf32>, %w: memref<64x16xf32>, %y: memref<1x16xf32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<1x64xf32>, memref<64x16xf32>) outs(%y : memref<1x16xf32>)
  return
}

// 43 columns are two registers and 11 lanes of a third; 8 rows are one block.
// CHECK-LABEL: func @odd
// CHECK-DAG: %[[ROWS:.*]] = arith.constant 8 : i64
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK-DAG: %[[TWO:.*]] = arith.constant 2 : i64
// CHECK-DAG: %[[TAIL:.*]] = arith.constant 11 : i64
// CHECK-DAG: %[[STEPS:.*]] = arith.constant 7 : i64
// CHECK: call @ingot_contract_f32({{.*}}, %[[STEPS]], %[[ROWS]], %[[ONE]], %[[TWO]], %[[TAIL]])
// CHECK-NEXT: return
func.func @odd(%x: memref<8x7xf32>, %w: memref<7x43xf32>, %y: memref<8x43xf32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<8x7xf32>, memref<7x43xf32>) outs(%y : memref<8x43xf32>)
  return
}

// 14 rows are two blocks of 5 and one of 4, not two of 6 and one of 2.
// CHECK-LABEL: func @even_rows
// CHECK-DAG: %[[FIVE:.*]] = arith.constant 5 : i64
// CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : i64
// CHECK: scf.for
// CHECK: call @ingot_contract_bf16_bf16({{.*}}, %[[FIVE]], %{{.*}}, %[[FOUR]], %{{.*}})
// CHECK: }
// CHECK: call @ingot_contract_bf16_bf16({{.*}}, %[[FOUR]], %{{.*}}, %[[FOUR]], %{{.*}})
func.func @even_rows(%x: memref<14x64xbf16>, %w: memref<64x64xbf16>, %y: memref<14x64xbf16>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<14x64xbf16>, memref<64x64xbf16>) outs(%y : memref<14x64xbf16>)
  return
}

// Four panels of 16 columns share one block of a single row.
// CHECK-LABEL: func @panels
// CHECK-DAG: %[[FOUR:.*]] = arith.constant 4 : i64
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1 : i64
// CHECK: call @ingot_contract_f32({{.*}}, %[[ONE]], %[[FOUR]], %[[ONE]], %{{.*}})
// CHECK-NEXT: return
func.func @panels(%x: memref<1x64xf32>, %w: memref<4x64x16xf32>, %y: memref<1x4x16xf32>) {
  tile.contract [affine_map<(m, p, n, k) -> (m, k)>, affine_map<(m, p, n, k) -> (p, k, n)>,
                 affine_map<(m, p, n, k) -> (m, p, n)>]
      ins(%x, %w : memref<1x64xf32>, memref<4x64x16xf32>) outs(%y : memref<1x4x16xf32>)
  return
}

// Columns that do not lie side by side, and element types without a kernel, take the general way.
// CHECK-LABEL: func @by_rows
// CHECK-NOT: call
// CHECK: memref.load
func.func @by_rows(%x: memref<4x64xf32>, %w: memref<16x64xf32>, %y: memref<4x16xf32>) {
  tile.contract [#x, affine_map<(m, n, k) -> (n, k)>, #y]
      ins(%x, %w : memref<4x64xf32>, memref<16x64xf32>) outs(%y : memref<4x16xf32>)
  return
}

// CHECK-LABEL: func @integers
// CHECK-NOT: call
// CHECK: arith.muli
func.func @integers(%x: memref<4x64xi8>, %w: memref<64x16xi8>, %y: memref<4x16xi32>) {
  tile.contract [#x, #w, #y] ins(%x, %w : memref<4x64xi8>, memref<64x16xi8>) outs(%y : memref<4x16xi32>)
  return
}
