// RUN: ingot-opt %s --pass-pipeline='builtin.module(func.func(ingot-raise),ingot-simplify)' --split-input-file | FileCheck %s

// As PyTorch exports it: x * (1 / sqrt(mean(x^2) + eps)) * w.
// CHECK-LABEL: func @rms_norm_pow
// CHECK-SAME: (%[[X:.*]]: tensor<2x3x4xf32> {{.*}}, %[[W:.*]]: tensor<4xf32>
// CHECK-NEXT: %[[Y:.*]] = ingot.rms_norm %[[X]], %[[W]] eps 9.9999997473787516E-6 : tensor<2x3x4xf32>, tensor<4xf32>
// CHECK-NEXT: return %[[Y]]
func.func @rms_norm_pow(%x: tensor<2x3x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>) -> tensor<2x3x4xf32> {
  %two = arith.constant dense<2.0> : tensor<2x3x4xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<2x3x1xf32>
  %one = arith.constant dense<1.0> : tensor<2x3x1xf32>
  %0 = math.powf %x, %two : tensor<2x3x4xf32>
  %1 = ingot.reduce mean %0 dims [2] : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %2 = tensor.expand_shape %1 [[0], [1, 2]] output_shape [2, 3, 1] : tensor<2x3xf32> into tensor<2x3x1xf32>
  %3 = arith.addf %2, %eps : tensor<2x3x1xf32>
  %4 = math.sqrt %3 : tensor<2x3x1xf32>
  %5 = arith.divf %one, %4 : tensor<2x3x1xf32>
  %6 = ingot.broadcast %5 dims [0, 1, 2] : tensor<2x3x1xf32> -> tensor<2x3x4xf32>
  %7 = arith.mulf %x, %6 : tensor<2x3x4xf32>
  %8 = ingot.broadcast %w dims [2] : tensor<4xf32> -> tensor<2x3x4xf32>
  %9 = arith.mulf %7, %8 : tensor<2x3x4xf32>
  return %9 : tensor<2x3x4xf32>
}

// -----

// sum / n, rsqrt, the scale on the left and first multiplied by the statistic.
// CHECK-LABEL: func @rms_norm_rsqrt
// CHECK-NEXT: ingot.rms_norm %arg0, %arg1 eps 9.9999999999999995E-7 :
// CHECK-NEXT: return
func.func @rms_norm_rsqrt(%x: tensor<2x4xf64> {ingot.input = "x"}, %w: tensor<4xf64>) -> tensor<2x4xf64> {
  %n = arith.constant dense<4.0> : tensor<2xf64>
  %eps = arith.constant dense<1.0e-6> : tensor<2xf64>
  %0 = arith.mulf %x, %x : tensor<2x4xf64>
  %1 = ingot.reduce sum %0 dims [1] : (tensor<2x4xf64>) -> tensor<2xf64>
  %2 = arith.divf %1, %n : tensor<2xf64>
  %3 = arith.addf %eps, %2 : tensor<2xf64>
  %4 = math.rsqrt %3 : tensor<2xf64>
  %5 = ingot.broadcast %4 dims [0] : tensor<2xf64> -> tensor<2x4xf64>
  %6 = ingot.broadcast %w dims [1] : tensor<4xf64> -> tensor<2x4xf64>
  %7 = arith.mulf %6, %5 : tensor<2x4xf64>
  %8 = arith.mulf %7, %x : tensor<2x4xf64>
  return %8 : tensor<2x4xf64>
}

// -----

// A scale of 1 + w is computed first; x / sqrt(...).
// CHECK-LABEL: func @rms_norm_offset_scale
// CHECK: %[[S:.*]] = arith.addf %arg1
// CHECK: ingot.rms_norm %arg0, %[[S]] eps
// CHECK-NEXT: return
func.func @rms_norm_offset_scale(%x: tensor<1x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>) -> tensor<1x4xf32> {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<1xf32>
  %0 = arith.mulf %x, %x : tensor<1x4xf32>
  %1 = ingot.reduce mean %0 dims [1] : (tensor<1x4xf32>) -> tensor<1xf32>
  %2 = arith.addf %1, %eps : tensor<1xf32>
  %3 = math.sqrt %2 : tensor<1xf32>
  %4 = ingot.broadcast %3 dims [0] : tensor<1xf32> -> tensor<1x4xf32>
  %5 = arith.divf %x, %4 : tensor<1x4xf32>
  %6 = arith.addf %w, %one : tensor<4xf32>
  %7 = ingot.broadcast %6 dims [1] : tensor<4xf32> -> tensor<1x4xf32>
  %8 = arith.mulf %5, %7 : tensor<1x4xf32>
  return %8 : tensor<1x4xf32>
}

// -----

// Without a scale, and a sum that is not divided: the latter is no mean.
// CHECK-LABEL: func @rms_norm_plain
// CHECK: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<4xf32>
// CHECK: ingot.rms_norm %arg0, %[[ONE]]
// CHECK-LABEL: func @l2_norm
// CHECK-NOT: ingot.rms_norm
func.func @rms_norm_plain(%x: tensor<2x4xf32> {ingot.input = "x"}) -> tensor<2x4xf32> {
  %eps = arith.constant dense<1.0e-5> : tensor<2xf32>
  %0 = arith.mulf %x, %x : tensor<2x4xf32>
  %1 = ingot.reduce mean %0 dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %2 = arith.addf %1, %eps : tensor<2xf32>
  %3 = math.rsqrt %2 : tensor<2xf32>
  %4 = ingot.broadcast %3 dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %5 = arith.mulf %x, %4 : tensor<2x4xf32>
  return %5 : tensor<2x4xf32>
}
func.func @l2_norm(%x: tensor<2x4xf32> {ingot.input = "x"}) -> tensor<2x4xf32> {
  %eps = arith.constant dense<1.0e-5> : tensor<2xf32>
  %0 = arith.mulf %x, %x : tensor<2x4xf32>
  %1 = ingot.reduce sum %0 dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %2 = arith.addf %1, %eps : tensor<2xf32>
  %3 = math.rsqrt %2 : tensor<2xf32>
  %4 = ingot.broadcast %3 dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %5 = arith.mulf %x, %4 : tensor<2x4xf32>
  return %5 : tensor<2x4xf32>
}

// -----

// The mean over the rows instead of the columns, of a square matrix: the shapes fit, the formula does not.
// CHECK-LABEL: func @wrong_axis
// CHECK-NOT: ingot.rms_norm
func.func @wrong_axis(%x: tensor<4x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>) -> tensor<4x4xf32> {
  %eps = arith.constant dense<1.0e-5> : tensor<4xf32>
  %0 = arith.mulf %x, %x : tensor<4x4xf32>
  %1 = ingot.reduce mean %0 dims [0] : (tensor<4x4xf32>) -> tensor<4xf32>
  %2 = arith.addf %1, %eps : tensor<4xf32>
  %3 = math.rsqrt %2 : tensor<4xf32>
  %4 = ingot.broadcast %3 dims [0] : tensor<4xf32> -> tensor<4x4xf32>
  %5 = arith.mulf %x, %4 : tensor<4x4xf32>
  %6 = ingot.broadcast %w dims [1] : tensor<4xf32> -> tensor<4x4xf32>
  %7 = arith.mulf %5, %6 : tensor<4x4xf32>
  return %7 : tensor<4x4xf32>
}

// -----

// The mean over the last dimension, but spread along the other one.
// CHECK-LABEL: func @wrong_spread
// CHECK-NOT: ingot.rms_norm
func.func @wrong_spread(%x: tensor<4x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>) -> tensor<4x4xf32> {
  %eps = arith.constant dense<1.0e-5> : tensor<4xf32>
  %0 = arith.mulf %x, %x : tensor<4x4xf32>
  %1 = ingot.reduce mean %0 dims [1] : (tensor<4x4xf32>) -> tensor<4xf32>
  %2 = arith.addf %1, %eps : tensor<4xf32>
  %3 = math.rsqrt %2 : tensor<4xf32>
  %4 = ingot.broadcast %3 dims [1] : tensor<4xf32> -> tensor<4x4xf32>
  %5 = arith.mulf %x, %4 : tensor<4x4xf32>
  %6 = ingot.broadcast %w dims [1] : tensor<4xf32> -> tensor<4x4xf32>
  %7 = arith.mulf %5, %6 : tensor<4x4xf32>
  return %7 : tensor<4x4xf32>
}

// -----

// CHECK-LABEL: func @layer_norm
// CHECK-NEXT: ingot.layer_norm %arg0, %arg1, %arg2 eps 9.9999997473787516E-6 : tensor<2x4xf32>, tensor<4xf32>, tensor<4xf32>
// CHECK-NEXT: return
func.func @layer_norm(%x: tensor<2x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  %two = arith.constant dense<2.0> : tensor<2x4xf32>
  %eps = arith.constant dense<1.0e-5> : tensor<2x1xf32>
  %0 = ingot.reduce mean %x dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %1 = tensor.expand_shape %0 [[0, 1]] output_shape [2, 1] : tensor<2xf32> into tensor<2x1xf32>
  %2 = ingot.broadcast %1 dims [0, 1] : tensor<2x1xf32> -> tensor<2x4xf32>
  %3 = arith.subf %x, %2 : tensor<2x4xf32>
  %4 = math.powf %3, %two : tensor<2x4xf32>
  %5 = ingot.reduce mean %4 dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %6 = tensor.expand_shape %5 [[0, 1]] output_shape [2, 1] : tensor<2xf32> into tensor<2x1xf32>
  %7 = arith.addf %6, %eps : tensor<2x1xf32>
  %8 = math.sqrt %7 : tensor<2x1xf32>
  %9 = ingot.broadcast %8 dims [0, 1] : tensor<2x1xf32> -> tensor<2x4xf32>
  %10 = arith.divf %3, %9 : tensor<2x4xf32>
  %11 = ingot.broadcast %w dims [1] : tensor<4xf32> -> tensor<2x4xf32>
  %12 = arith.mulf %10, %11 : tensor<2x4xf32>
  %13 = ingot.broadcast %b dims [1] : tensor<4xf32> -> tensor<2x4xf32>
  %14 = arith.addf %12, %13 : tensor<2x4xf32>
  return %14 : tensor<2x4xf32>
}

// -----

// The normalised value has another use: the longest form is raised, and the shorter one for that use.
// CHECK-LABEL: func @layer_norm_twice
// CHECK-DAG: ingot.layer_norm %arg0, %arg1 eps
// CHECK-DAG: ingot.layer_norm %arg0, %{{.*}} eps
// CHECK-NOT: ingot.reduce
func.func @layer_norm_twice(%x: tensor<2x4xf32> {ingot.input = "x"}, %w: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %eps = arith.constant dense<1.0e-5> : tensor<2xf32>
  %0 = ingot.reduce mean %x dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %2 = ingot.broadcast %0 dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %3 = arith.subf %x, %2 : tensor<2x4xf32>
  %4 = arith.mulf %3, %3 : tensor<2x4xf32>
  %5 = ingot.reduce mean %4 dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %7 = arith.addf %5, %eps : tensor<2xf32>
  %8 = math.rsqrt %7 : tensor<2xf32>
  %9 = ingot.broadcast %8 dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %10 = arith.mulf %3, %9 : tensor<2x4xf32>
  %11 = ingot.broadcast %w dims [1] : tensor<4xf32> -> tensor<2x4xf32>
  %12 = arith.mulf %10, %11 : tensor<2x4xf32>
  return %10, %12 : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func @silu
// CHECK-COUNT-4: ingot.silu %arg0
// CHECK-NOT: math.
func.func @silu(%x: tensor<1x4xf32>) -> (tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>) {
  %one = arith.constant dense<1.0> : tensor<1x4xf32>
  %minus = arith.constant dense<-1.0> : tensor<1x4xf32>
  %half = arith.constant dense<0.5> : tensor<1x4xf32>
  %0 = arith.negf %x : tensor<1x4xf32>
  %1 = math.exp %0 : tensor<1x4xf32>
  %2 = arith.addf %one, %1 : tensor<1x4xf32>
  %3 = arith.divf %one, %2 : tensor<1x4xf32>
  %4 = arith.mulf %x, %3 : tensor<1x4xf32>
  %5 = arith.mulf %x, %minus : tensor<1x4xf32>
  %6 = math.exp %5 : tensor<1x4xf32>
  %7 = arith.addf %6, %one : tensor<1x4xf32>
  %8 = arith.divf %x, %7 : tensor<1x4xf32>
  %9 = math.exp %x : tensor<1x4xf32>
  %10 = arith.addf %9, %one : tensor<1x4xf32>
  %11 = arith.divf %9, %10 : tensor<1x4xf32>
  %12 = arith.mulf %11, %x : tensor<1x4xf32>
  %13 = arith.mulf %x, %half : tensor<1x4xf32>
  %14 = math.tanh %13 : tensor<1x4xf32>
  %15 = arith.addf %14, %one : tensor<1x4xf32>
  %16 = arith.mulf %13, %15 : tensor<1x4xf32>
  return %4, %8, %12, %16 : tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>, tensor<1x4xf32>
}

// -----

// x * sigmoid(y), x * sigmoid(1.702 x) and x / (2 + exp(-x)) are no SiLU.
// CHECK-LABEL: func @not_silu
// CHECK-NOT: ingot.silu
func.func @not_silu(%x: tensor<4xf32>, %y: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %two = arith.constant dense<2.0> : tensor<4xf32>
  %k = arith.constant dense<-1.702> : tensor<4xf32>
  %0 = arith.negf %y : tensor<4xf32>
  %1 = math.exp %0 : tensor<4xf32>
  %2 = arith.addf %one, %1 : tensor<4xf32>
  %3 = arith.divf %x, %2 : tensor<4xf32>
  %4 = arith.mulf %x, %k : tensor<4xf32>
  %5 = math.exp %4 : tensor<4xf32>
  %6 = arith.addf %one, %5 : tensor<4xf32>
  %7 = arith.divf %x, %6 : tensor<4xf32>
  %8 = arith.negf %x : tensor<4xf32>
  %9 = math.exp %8 : tensor<4xf32>
  %10 = arith.addf %two, %9 : tensor<4xf32>
  %11 = arith.divf %x, %10 : tensor<4xf32>
  return %3, %7, %11 : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>
}

// -----

// SiLU of one part of a value: the part stays a slice.
// CHECK-LABEL: func @silu_of_slice
// CHECK: %[[G:.*]] = tensor.extract_slice %arg0[0, 0] [2, 4] [1, 1]
// CHECK: ingot.silu %[[G]]
func.func @silu_of_slice(%x: tensor<2x8xf32>) -> tensor<2x4xf32> {
  %one = arith.constant dense<1.0> : tensor<2x4xf32>
  %g = tensor.extract_slice %x[0, 0] [2, 4] [1, 1] : tensor<2x8xf32> to tensor<2x4xf32>
  %0 = arith.negf %g : tensor<2x4xf32>
  %1 = math.exp %0 : tensor<2x4xf32>
  %2 = arith.addf %one, %1 : tensor<2x4xf32>
  %3 = arith.divf %g, %2 : tensor<2x4xf32>
  return %3 : tensor<2x4xf32>
}

// -----

// CHECK-LABEL: func @gelu
// CHECK-DAG: ingot.gelu erf %arg0
// CHECK-DAG: ingot.gelu tanh %arg0
// CHECK-NOT: math.
func.func @gelu(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %half = arith.constant dense<0.5> : tensor<4xf32>
  %root = arith.constant dense<1.41421354> : tensor<4xf32>
  %0 = arith.divf %x, %root : tensor<4xf32>
  %1 = math.erf %0 : tensor<4xf32>
  %2 = arith.addf %1, %one : tensor<4xf32>
  %3 = arith.mulf %x, %2 : tensor<4xf32>
  %4 = arith.mulf %3, %half : tensor<4xf32>
  %three = arith.constant dense<3.0> : tensor<4xf32>
  %c = arith.constant dense<0.044715> : tensor<4xf32>
  %k = arith.constant dense<0.797884583> : tensor<4xf32>
  %5 = math.powf %x, %three : tensor<4xf32>
  %6 = arith.mulf %5, %c : tensor<4xf32>
  %7 = arith.addf %x, %6 : tensor<4xf32>
  %8 = arith.mulf %7, %k : tensor<4xf32>
  %9 = math.tanh %8 : tensor<4xf32>
  %10 = arith.addf %9, %one : tensor<4xf32>
  %11 = arith.mulf %x, %half : tensor<4xf32>
  %12 = arith.mulf %11, %10 : tensor<4xf32>
  return %4, %12 : tensor<4xf32>, tensor<4xf32>
}

// -----

// CHECK-LABEL: func @not_gelu
// CHECK-NOT: ingot.gelu
func.func @not_gelu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %half = arith.constant dense<0.5> : tensor<4xf32>
  %root = arith.constant dense<1.414> : tensor<4xf32>
  %0 = arith.divf %x, %root : tensor<4xf32>
  %1 = math.erf %0 : tensor<4xf32>
  %2 = arith.addf %1, %one : tensor<4xf32>
  %3 = arith.mulf %x, %2 : tensor<4xf32>
  %4 = arith.mulf %3, %half : tensor<4xf32>
  return %4 : tensor<4xf32>
}

// -----

// CHECK-LABEL: func @softmax
// CHECK-NEXT: ingot.softmax %arg0
// CHECK-NEXT: return
func.func @softmax(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %0 = ingot.reduce max %x dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %1 = ingot.broadcast %0 dims [0] : tensor<2xf32> -> tensor<2x4xf32>
  %2 = arith.subf %x, %1 : tensor<2x4xf32>
  %3 = math.exp %2 : tensor<2x4xf32>
  %4 = ingot.reduce sum %3 dims [1] : (tensor<2x4xf32>) -> tensor<2xf32>
  %5 = tensor.expand_shape %4 [[0, 1]] output_shape [2, 1] : tensor<2xf32> into tensor<2x1xf32>
  %6 = ingot.broadcast %5 dims [0, 1] : tensor<2x1xf32> -> tensor<2x4xf32>
  %7 = arith.divf %3, %6 : tensor<2x4xf32>
  return %7 : tensor<2x4xf32>
}

// -----

// Normalised along the other dimension.
// CHECK-LABEL: func @not_softmax
// CHECK-NOT: ingot.softmax
func.func @not_softmax(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %3 = math.exp %x : tensor<4x4xf32>
  %4 = ingot.reduce sum %3 dims [0] : (tensor<4x4xf32>) -> tensor<4xf32>
  %6 = ingot.broadcast %4 dims [1] : tensor<4xf32> -> tensor<4x4xf32>
  %7 = arith.divf %3, %6 : tensor<4x4xf32>
  return %7 : tensor<4x4xf32>
}
