// RUN: ingot-opt %s --pass-pipeline='builtin.module(func.func(ingot-raise),ingot-simplify)' --split-input-file | FileCheck %s

// Pairs split by a reshape, as llama2.c's models are exported; cos and sin gathered by position.
// CHECK-LABEL: func @interleaved
// CHECK-NEXT: %[[X:.*]] = tensor.expand_shape %arg0 {{.*}} into tensor<2x3x2x8xf32>
// CHECK-NEXT: %[[Y:.*]] = ingot.rope %[[X]], %arg1, %arg2 at %arg3 interleaved : tensor<2x3x2x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x3xi64>
// CHECK-NEXT: return %[[Y]]
func.func @interleaved(%q: tensor<2x3x16xf32>, %cos: tensor<16x4xf32>, %sin: tensor<16x4xf32>, %pos: tensor<2x3xi64>) -> tensor<2x3x2x8xf32> {
  %c0 = ingot.gather %cos, %pos : (tensor<16x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  %s0 = ingot.gather %sin, %pos : (tensor<16x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  %c1 = tensor.expand_shape %c0 [[0], [1, 2], [3]] output_shape [2, 3, 1, 4] : tensor<2x3x4xf32> into tensor<2x3x1x4xf32>
  %s1 = tensor.expand_shape %s0 [[0], [1, 2], [3]] output_shape [2, 3, 1, 4] : tensor<2x3x4xf32> into tensor<2x3x1x4xf32>
  %c = ingot.broadcast %c1 dims [0, 1, 2, 3] : tensor<2x3x1x4xf32> -> tensor<2x3x2x4xf32>
  %s = ingot.broadcast %s1 dims [0, 1, 2, 3] : tensor<2x3x1x4xf32> -> tensor<2x3x2x4xf32>
  %p = tensor.expand_shape %q [[0], [1], [2, 3, 4]] output_shape [2, 3, 2, 4, 2] : tensor<2x3x16xf32> into tensor<2x3x2x4x2xf32>
  %r0 = tensor.extract_slice %p[0, 0, 0, 0, 0] [2, 3, 2, 4, 1] [1, 1, 1, 1, 1] : tensor<2x3x2x4x2xf32> to tensor<2x3x2x4x1xf32>
  %i0 = tensor.extract_slice %p[0, 0, 0, 0, 1] [2, 3, 2, 4, 1] [1, 1, 1, 1, 1] : tensor<2x3x2x4x2xf32> to tensor<2x3x2x4x1xf32>
  %r = tensor.collapse_shape %r0 [[0], [1], [2], [3, 4]] : tensor<2x3x2x4x1xf32> into tensor<2x3x2x4xf32>
  %i = tensor.collapse_shape %i0 [[0], [1], [2], [3, 4]] : tensor<2x3x2x4x1xf32> into tensor<2x3x2x4xf32>
  %0 = arith.mulf %r, %c : tensor<2x3x2x4xf32>
  %1 = arith.mulf %i, %s : tensor<2x3x2x4xf32>
  %2 = arith.subf %0, %1 : tensor<2x3x2x4xf32>
  %3 = arith.mulf %r, %s : tensor<2x3x2x4xf32>
  %4 = arith.mulf %i, %c : tensor<2x3x2x4xf32>
  %5 = arith.addf %3, %4 : tensor<2x3x2x4xf32>
  %6 = tensor.expand_shape %2 [[0], [1], [2], [3, 4]] output_shape [2, 3, 2, 4, 1] : tensor<2x3x2x4xf32> into tensor<2x3x2x4x1xf32>
  %7 = tensor.expand_shape %5 [[0], [1], [2], [3, 4]] output_shape [2, 3, 2, 4, 1] : tensor<2x3x2x4xf32> into tensor<2x3x2x4x1xf32>
  %8 = tensor.concat dim(4) %6, %7 : (tensor<2x3x2x4x1xf32>, tensor<2x3x2x4x1xf32>) -> tensor<2x3x2x4x2xf32>
  %9 = tensor.collapse_shape %8 [[0], [1], [2], [3, 4]] : tensor<2x3x2x4x2xf32> into tensor<2x3x2x8xf32>
  return %9 : tensor<2x3x2x8xf32>
}

// -----

// rotate_half, heads before rows, cos and sin computed at run time from concatenated angles.
// CHECK-LABEL: func @half
// CHECK-SAME: (%[[X:.*]]: tensor<1x2x3x8xf32>, %[[F:.*]]: tensor<1x3x4xf32>)
// CHECK-DAG: %[[P:.*]] = arith.constant dense<{{\[\[}}0, 1, 2]]> : tensor<1x3xi32>
// CHECK-DAG: math.cos
// CHECK-DAG: math.sin
// CHECK: %[[T:.*]] = ingot.transpose %[[X]] permutation [0, 2, 1, 3]
// CHECK: %[[Y:.*]] = ingot.rope %[[T]], %{{.*}}, %{{.*}} at %[[P]] : tensor<1x3x2x8xf32>, tensor<3x4xf32>, tensor<3x4xf32>, tensor<1x3xi32>
// CHECK: %[[R:.*]] = ingot.transpose %[[Y]] permutation [0, 2, 1, 3]
// CHECK-NEXT: return %[[R]]
func.func @half(%x: tensor<1x2x3x8xf32>, %f: tensor<1x3x4xf32>) -> tensor<1x2x3x8xf32> {
  %e = tensor.concat dim(2) %f, %f : (tensor<1x3x4xf32>, tensor<1x3x4xf32>) -> tensor<1x3x8xf32>
  %c0 = math.cos %e : tensor<1x3x8xf32>
  %s0 = math.sin %e : tensor<1x3x8xf32>
  %c = ingot.broadcast %c0 dims [0, 2, 3] : tensor<1x3x8xf32> -> tensor<1x2x3x8xf32>
  %s = ingot.broadcast %s0 dims [0, 2, 3] : tensor<1x3x8xf32> -> tensor<1x2x3x8xf32>
  %x1 = tensor.extract_slice %x[0, 0, 0, 0] [1, 2, 3, 4] [1, 1, 1, 1] : tensor<1x2x3x8xf32> to tensor<1x2x3x4xf32>
  %x2 = tensor.extract_slice %x[0, 0, 0, 4] [1, 2, 3, 4] [1, 1, 1, 1] : tensor<1x2x3x8xf32> to tensor<1x2x3x4xf32>
  %n = arith.negf %x2 : tensor<1x2x3x4xf32>
  %r = tensor.concat dim(3) %n, %x1 : (tensor<1x2x3x4xf32>, tensor<1x2x3x4xf32>) -> tensor<1x2x3x8xf32>
  %0 = arith.mulf %x, %c : tensor<1x2x3x8xf32>
  %1 = arith.mulf %r, %s : tensor<1x2x3x8xf32>
  %2 = arith.addf %0, %1 : tensor<1x2x3x8xf32>
  return %2 : tensor<1x2x3x8xf32>
}

// -----

// Halves turned separately, one row per sequence.
// CHECK-LABEL: func @halves
// CHECK: ingot.rope %arg0, %arg1, %arg2 at %arg3 : tensor<1x1x2x8xf32>
// CHECK-NEXT: return
func.func @halves(%x: tensor<1x1x2x8xf32>, %cos: tensor<16x4xf32>, %sin: tensor<16x4xf32>, %pos: tensor<1x1xi32>) -> tensor<1x1x2x8xf32> {
  %c0 = ingot.gather %cos, %pos : (tensor<16x4xf32>, tensor<1x1xi32>) -> tensor<1x1x4xf32>
  %s0 = ingot.gather %sin, %pos : (tensor<16x4xf32>, tensor<1x1xi32>) -> tensor<1x1x4xf32>
  %c = ingot.broadcast %c0 dims [0, 1, 3] : tensor<1x1x4xf32> -> tensor<1x1x2x4xf32>
  %s = ingot.broadcast %s0 dims [0, 1, 3] : tensor<1x1x4xf32> -> tensor<1x1x2x4xf32>
  %x1 = tensor.extract_slice %x[0, 0, 0, 0] [1, 1, 2, 4] [1, 1, 1, 1] : tensor<1x1x2x8xf32> to tensor<1x1x2x4xf32>
  %x2 = tensor.extract_slice %x[0, 0, 0, 4] [1, 1, 2, 4] [1, 1, 1, 1] : tensor<1x1x2x8xf32> to tensor<1x1x2x4xf32>
  %0 = arith.mulf %x1, %c : tensor<1x1x2x4xf32>
  %1 = arith.mulf %x2, %s : tensor<1x1x2x4xf32>
  %2 = arith.subf %0, %1 : tensor<1x1x2x4xf32>
  %3 = arith.mulf %x2, %c : tensor<1x1x2x4xf32>
  %4 = arith.mulf %x1, %s : tensor<1x1x2x4xf32>
  %5 = arith.addf %3, %4 : tensor<1x1x2x4xf32>
  %6 = tensor.concat dim(3) %2, %5 : (tensor<1x1x2x4xf32>, tensor<1x1x2x4xf32>) -> tensor<1x1x2x8xf32>
  return %6 : tensor<1x1x2x8xf32>
}

// -----

// The sign of the rotation is wrong: x0 cos + x1 sin.
// CHECK-LABEL: func @other_way
// CHECK-NOT: ingot.rope
func.func @other_way(%x: tensor<1x3x2x8xf32>, %c: tensor<1x3x2x4xf32>, %s: tensor<1x3x2x4xf32>) -> tensor<1x3x2x8xf32> {
  %x1 = tensor.extract_slice %x[0, 0, 0, 0] [1, 3, 2, 4] [1, 1, 1, 1] : tensor<1x3x2x8xf32> to tensor<1x3x2x4xf32>
  %x2 = tensor.extract_slice %x[0, 0, 0, 4] [1, 3, 2, 4] [1, 1, 1, 1] : tensor<1x3x2x8xf32> to tensor<1x3x2x4xf32>
  %0 = arith.mulf %x1, %c : tensor<1x3x2x4xf32>
  %1 = arith.mulf %x2, %s : tensor<1x3x2x4xf32>
  %2 = arith.addf %0, %1 : tensor<1x3x2x4xf32>
  %3 = arith.mulf %x2, %c : tensor<1x3x2x4xf32>
  %4 = arith.mulf %x1, %s : tensor<1x3x2x4xf32>
  %5 = arith.subf %3, %4 : tensor<1x3x2x4xf32>
  %6 = tensor.concat dim(3) %2, %5 : (tensor<1x3x2x4xf32>, tensor<1x3x2x4xf32>) -> tensor<1x3x2x8xf32>
  return %6 : tensor<1x3x2x8xf32>
}

// -----

// cos and sin differ by head: no rope does that.
// CHECK-LABEL: func @by_head
// CHECK-NOT: ingot.rope
func.func @by_head(%x: tensor<1x3x2x8xf32>, %c: tensor<1x3x2x4xf32>, %s: tensor<1x3x2x4xf32>) -> tensor<1x3x2x8xf32> {
  %x1 = tensor.extract_slice %x[0, 0, 0, 0] [1, 3, 2, 4] [1, 1, 1, 1] : tensor<1x3x2x8xf32> to tensor<1x3x2x4xf32>
  %x2 = tensor.extract_slice %x[0, 0, 0, 4] [1, 3, 2, 4] [1, 1, 1, 1] : tensor<1x3x2x8xf32> to tensor<1x3x2x4xf32>
  %0 = arith.mulf %x1, %c : tensor<1x3x2x4xf32>
  %1 = arith.mulf %x2, %s : tensor<1x3x2x4xf32>
  %2 = arith.subf %0, %1 : tensor<1x3x2x4xf32>
  %3 = arith.mulf %x2, %c : tensor<1x3x2x4xf32>
  %4 = arith.mulf %x1, %s : tensor<1x3x2x4xf32>
  %5 = arith.addf %3, %4 : tensor<1x3x2x4xf32>
  %6 = tensor.concat dim(3) %2, %5 : (tensor<1x3x2x4xf32>, tensor<1x3x2x4xf32>) -> tensor<1x3x2x8xf32>
  return %6 : tensor<1x3x2x8xf32>
}
