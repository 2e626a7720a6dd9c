// RUN: ingot-opt %s --ingot-simplify --split-input-file | FileCheck %s
// RUN: ingot-opt %s --ingot-simplify=max-bytes=16 --split-input-file | FileCheck %s --check-prefix=SMALL

// CHECK-LABEL: func @transposes
// CHECK-NEXT: %[[T:.*]] = ingot.transpose %arg0 permutation [1, 0, 2] : (tensor<1x4x8xf32>) -> tensor<4x1x8xf32>
// CHECK-NEXT: return %[[T]], %arg0
func.func @transposes(%x: tensor<1x4x8xf32>) -> (tensor<4x1x8xf32>, tensor<1x4x8xf32>) {
  %0 = ingot.transpose %x permutation [0, 2, 1] : (tensor<1x4x8xf32>) -> tensor<1x8x4xf32>
  %1 = ingot.transpose %0 permutation [2, 0, 1] : (tensor<1x8x4xf32>) -> tensor<4x1x8xf32>
  %2 = ingot.transpose %0 permutation [0, 2, 1] : (tensor<1x8x4xf32>) -> tensor<1x4x8xf32>
  return %1, %2 : tensor<4x1x8xf32>, tensor<1x4x8xf32>
}

// -----

// CHECK-LABEL: func @broadcasts
// CHECK-NEXT: %[[B:.*]] = ingot.broadcast %arg0 dims [1] : tensor<4xf32> -> tensor<2x4x3xf32>
// CHECK-NEXT: return %[[B]], %arg0
func.func @broadcasts(%x: tensor<4xf32>) -> (tensor<2x4x3xf32>, tensor<4xf32>) {
  %0 = tensor.expand_shape %x [[0, 1]] output_shape [4, 1] : tensor<4xf32> into tensor<4x1xf32>
  %1 = ingot.broadcast %0 dims [0, 1] : tensor<4x1xf32> -> tensor<4x3xf32>
  %2 = ingot.broadcast %1 dims [1, 2] : tensor<4x3xf32> -> tensor<2x4x3xf32>
  %3 = ingot.broadcast %x dims [0] : tensor<4xf32> -> tensor<4xf32>
  return %2, %3 : tensor<2x4x3xf32>, tensor<4xf32>
}

// -----

// A transposed weight is a contraction of another dimension, a transposed result is not.
// CHECK-LABEL: func @dot
// CHECK-NEXT: %[[D:.*]] = ingot.dot %arg0, %arg1 contract [1] x [1] : (tensor<2x4xf32>, tensor<8x4xf32>) -> tensor<2x8xf32>
// CHECK-NEXT: return %[[D]]
func.func @dot(%x: tensor<2x4xf32>, %w: tensor<8x4xf32>) -> tensor<2x8xf32> {
  %0 = ingot.transpose %w permutation [1, 0] : (tensor<8x4xf32>) -> tensor<4x8xf32>
  %1 = ingot.dot %x, %0 contract [1] x [0] : (tensor<2x4xf32>, tensor<4x8xf32>) -> tensor<2x8xf32>
  return %1 : tensor<2x8xf32>
}

// -----

// x * 1, x - 0 and x + (-0) are x to the bit; x + 0 is not, it turns -0 into 0.
// CHECK-LABEL: func @neutral
// CHECK: %[[A:.*]] = arith.addf %arg0, %{{.*}}
// CHECK-NEXT: return %arg0, %arg0, %arg0, %[[A]]
func.func @neutral(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  %minus = arith.constant dense<-0.0> : tensor<4xf32>
  %0 = arith.mulf %x, %one : tensor<4xf32>
  %1 = arith.subf %x, %zero : tensor<4xf32>
  %2 = arith.addf %x, %minus : tensor<4xf32>
  %3 = arith.addf %x, %zero : tensor<4xf32>
  return %0, %1, %2, %3 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// Constants are computed, by every operation that the interpreter knows, unless they are large.
// CHECK-LABEL: func @constants
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 3.000000e+00], [2.000000e+00, 4.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<[4.000000e+00, 6.000000e+00]> : tensor<2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}3.000000e+00, 4.000000e+00], [1.000000e+00, 2.000000e+00]]> : tensor<2x2xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 1.000000e+00], [3.000000e+00, 4.000000e+00, 3.000000e+00]]> : tensor<2x3xf32>
// CHECK-DAG: arith.constant dense<{{\[\[}}true, false], [false, false]]> : tensor<2x2xi1>
// CHECK-NOT: ingot.
// CHECK-NOT: tensor.
// SMALL-LABEL: func @constants
// SMALL: tensor.concat
func.func @constants() -> (tensor<2x2xf32>, tensor<2xf32>, tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x2xi1>) {
  %c = arith.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %i = arith.constant dense<[1, 0]> : tensor<2xi64>
  %two = arith.constant dense<2.0> : tensor<2x2xf32>
  %0 = ingot.transpose %c permutation [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>
  %1 = ingot.reduce sum %c dims [0] : (tensor<2x2xf32>) -> tensor<2xf32>
  %2 = ingot.gather %c, %i : (tensor<2x2xf32>, tensor<2xi64>) -> tensor<2x2xf32>
  %3 = tensor.extract_slice %c[0, 0] [2, 1] [1, 1] : tensor<2x2xf32> to tensor<2x1xf32>
  %4 = tensor.concat dim(1) %c, %3 : (tensor<2x2xf32>, tensor<2x1xf32>) -> tensor<2x3xf32>
  %5 = arith.cmpf olt, %c, %two : tensor<2x2xf32>
  return %0, %1, %2, %4, %5 : tensor<2x2xf32>, tensor<2xf32>, tensor<2x2xf32>, tensor<2x3xf32>, tensor<2x2xi1>
}

// -----

// A splat stays a splat, however large.
// CHECK-LABEL: func @splat
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<3.000000e+00> : tensor<1024x1024xf32>
// CHECK-NEXT: return %[[C]]
func.func @splat() -> tensor<1024x1024xf32> {
  %0 = arith.constant dense<1.0> : tensor<1024xf32>
  %1 = arith.constant dense<2.0> : tensor<1024x1024xf32>
  %2 = ingot.broadcast %0 dims [1] : tensor<1024xf32> -> tensor<1024x1024xf32>
  %3 = arith.addf %1, %2 : tensor<1024x1024xf32>
  return %3 : tensor<1024x1024xf32>
}

// -----

// Rounding is that of the type: 1/3 in float32.
// CHECK-LABEL: func @rounding
// CHECK: dense<[0.333333343, 0.666666686]> : tensor<2xf32>
func.func @rounding() -> tensor<2xf32> {
  %0 = arith.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %1 = arith.constant dense<3.0> : tensor<2xf32>
  %2 = arith.divf %0, %1 : tensor<2xf32>
  return %2 : tensor<2xf32>
}

// -----

// Widened indices; an operation that fails is left alone.
// CHECK-LABEL: func @indices
// CHECK: ingot.gather %arg0, %arg1 : (tensor<16x4xf32>, tensor<2xi32>)
// CHECK: arith.divsi
func.func @indices(%t: tensor<16x4xf32>, %i: tensor<2xi32>) -> (tensor<2x4xf32>, tensor<2xi64>) {
  %0 = arith.extsi %i : tensor<2xi32> to tensor<2xi64>
  %1 = ingot.gather %t, %0 : (tensor<16x4xf32>, tensor<2xi64>) -> tensor<2x4xf32>
  %a = arith.constant dense<[1, 2]> : tensor<2xi64>
  %z = arith.constant dense<[1, 0]> : tensor<2xi64>
  %2 = arith.divsi %a, %z : tensor<2xi64>
  return %1, %2 : tensor<2x4xf32>, tensor<2xi64>
}

// -----

// CHECK-LABEL: func @reshapes
// CHECK-NEXT: return %arg0
func.func @reshapes(%x: tensor<2x8xf32>) -> tensor<2x8xf32> {
  %0 = tensor.expand_shape %x [[0], [1, 2]] output_shape [2, 4, 2] : tensor<2x8xf32> into tensor<2x4x2xf32>
  %1 = tensor.collapse_shape %0 [[0], [1, 2]] : tensor<2x4x2xf32> into tensor<2x8xf32>
  %2 = tensor.concat dim(0) %1 : (tensor<2x8xf32>) -> tensor<2x8xf32>
  return %2 : tensor<2x8xf32>
}

// -----

// A contraction of two batches, transposed, is one with its sides changed; another permutation stays.
// CHECK-LABEL: func @dot_result
// CHECK-NEXT: %[[D:.*]] = ingot.dot %arg1, %arg0 batch [0] x [0] contract [1] x [2] : (tensor<2x4x5xf32>, tensor<2x3x4xf32>) -> tensor<2x5x3xf32>
// CHECK-NEXT: %[[E:.*]] = ingot.dot %arg0, %arg1 batch [0] x [0] contract [2] x [1]
// CHECK-NEXT: %[[T:.*]] = ingot.transpose %[[E]] permutation [1, 0, 2]
// CHECK-NEXT: return %[[D]], %[[T]]
func.func @dot_result(%x: tensor<2x3x4xf32>, %y: tensor<2x4x5xf32>) -> (tensor<2x5x3xf32>, tensor<3x2x5xf32>) {
  %0 = ingot.dot %x, %y batch [0] x [0] contract [2] x [1] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  %1 = ingot.transpose %0 permutation [0, 2, 1] : (tensor<2x3x5xf32>) -> tensor<2x5x3xf32>
  %2 = ingot.dot %x, %y batch [0] x [0] contract [2] x [1] : (tensor<2x3x4xf32>, tensor<2x4x5xf32>) -> tensor<2x3x5xf32>
  %3 = ingot.transpose %2 permutation [1, 0, 2] : (tensor<2x3x5xf32>) -> tensor<3x2x5xf32>
  return %1, %3 : tensor<2x5x3xf32>, tensor<3x2x5xf32>
}

// -----

// Slices move up; what lies in one part of a concatenation reads that part, what spans two stays.
// CHECK-LABEL: func @slices
// CHECK-DAG: %[[C:.*]] = math.cos %arg0 : tensor<3x4xf32>
// CHECK-DAG: %[[M:.*]] = tensor.extract_slice %arg1[1, 1] [2, 2] [1, 2] : tensor<3x4xf32> to tensor<2x2xf32>
// CHECK-DAG: %[[K:.*]] = tensor.concat dim(1) %arg0, %arg1
// CHECK-DAG: %[[S:.*]] = tensor.extract_slice %[[K]][0, 3] [3, 2] [1, 1]
// CHECK: return %[[C]], %[[M]], %[[S]]
func.func @slices(%x: tensor<3x4xf32>, %y: tensor<3x4xf32>) -> (tensor<3x4xf32>, tensor<2x2xf32>, tensor<3x2xf32>) {
  %0 = tensor.concat dim(1) %x, %y : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  %1 = math.cos %0 : tensor<3x8xf32>
  %2 = tensor.extract_slice %1[0, 0] [3, 4] [1, 1] : tensor<3x8xf32> to tensor<3x4xf32>
  %3 = tensor.extract_slice %0[1, 5] [2, 2] [1, 2] : tensor<3x8xf32> to tensor<2x2xf32>
  %4 = tensor.extract_slice %0[0, 3] [3, 2] [1, 1] : tensor<3x8xf32> to tensor<3x2xf32>
  return %2, %3, %4 : tensor<3x4xf32>, tensor<2x2xf32>, tensor<3x2xf32>
}
