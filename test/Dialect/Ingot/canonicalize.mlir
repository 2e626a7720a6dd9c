// RUN: ingot-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: func @transpose_into_dot
// CHECK-NEXT: ingot.dot %{{.*}}, %{{.*}} contract [1] x [1]
// CHECK-NEXT: return
func.func @transpose_into_dot(%x: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> tensor<2x3xf32> {
  %t = ingot.transpose %w permutation [1, 0] : (tensor<3x4xf32>) -> tensor<4x3xf32>
  %0 = ingot.dot %x, %t contract [1] x [0] : (tensor<2x4xf32>, tensor<4x3xf32>) -> tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// The free dimensions would change places.
// CHECK-LABEL: func @keeps_order
// CHECK: ingot.transpose
func.func @keeps_order(%x: tensor<2x4xf32>, %w: tensor<3x5x4xf32>) -> tensor<2x5x3xf32> {
  %t = ingot.transpose %w permutation [2, 1, 0] : (tensor<3x5x4xf32>) -> tensor<4x5x3xf32>
  %0 = ingot.dot %x, %t contract [1] x [0] : (tensor<2x4xf32>, tensor<4x5x3xf32>) -> tensor<2x5x3xf32>
  return %0 : tensor<2x5x3xf32>
}

// CHECK-LABEL: func @identities
// CHECK-SAME: %[[X:.*]]: tensor<2x4xf32>
// CHECK-NEXT: return %[[X]], %[[X]], %[[ROW:.*]] : tensor
func.func @identities(%x: tensor<2x4xf32>, %r: tensor<2x1x4xf32>, %n: tensor<2xi32>)
    -> (tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x1x4xf32>) {
  %0 = ingot.transpose %x permutation [0, 1] : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = ingot.broadcast %x dims [0, 1] : tensor<2x4xf32> -> tensor<2x4xf32>
  %2 = ingot.last_row %r count %n : (tensor<2x1x4xf32>, tensor<2xi32>) -> tensor<2x1x4xf32>
  return %0, %1, %2 : tensor<2x4xf32>, tensor<2x4xf32>, tensor<2x1x4xf32>
}

// CHECK-LABEL: func @splats
// CHECK-DAG: arith.constant dense<2.000000e+00> : tensor<4x2xf32>
// CHECK-DAG: arith.constant dense<2.000000e+00> : tensor<3x2x4xf32>
// CHECK-NOT: ingot
func.func @splats() -> (tensor<4x2xf32>, tensor<3x2x4xf32>) {
  %c = arith.constant dense<2.0> : tensor<2x4xf32>
  %0 = ingot.transpose %c permutation [1, 0] : (tensor<2x4xf32>) -> tensor<4x2xf32>
  %1 = ingot.broadcast %c dims [1, 2] : tensor<2x4xf32> -> tensor<3x2x4xf32>
  return %0, %1 : tensor<4x2xf32>, tensor<3x2x4xf32>
}
