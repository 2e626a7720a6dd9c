// What every pass makes of these functions computes the same, by the reference interpreter in float64.
// RUN: ingot-opt %s --pass-pipeline='builtin.module(ingot-simplify,cse,func.func(ingot-raise),ingot-simplify,func.func(ingot-fuse-attention),ingot-simplify,cse,ingot-hoist-constants)' -o %t.mlir
// RUN: FileCheck %s < %t.mlir
// RUN: ingot-interpret %s --entry norms --compare %t.mlir --mode exact --random-inputs 1 --tolerance 1e-12
// RUN: ingot-interpret %s --entry activations --compare %t.mlir --mode exact --random-inputs 2 --tolerance 1e-7
// RUN: ingot-interpret %s --entry interleaved --compare %t.mlir --mode exact --random-inputs 3 --tolerance 1e-12 --int-range 0,16
// RUN: ingot-interpret %s --entry half --compare %t.mlir --mode exact --random-inputs 4 --tolerance 1e-12
// RUN: ingot-interpret %s --entry grouped --compare %t.mlir --mode exact --random-inputs 5 --tolerance 1e-12
// RUN: ingot-interpret %s --entry masked --compare %t.mlir --mode exact --random-inputs 6 --tolerance 1e-12
// RUN: ingot-interpret %s --entry rank3 --compare %t.mlir --mode exact --random-inputs 7 --tolerance 1e-12
// RUN: ingot-interpret %s --entry transposed --compare %t.mlir --mode exact --random-inputs 8 --tolerance 1e-12

// CHECK-LABEL: func @norms
// CHECK-DAG: ingot.rms_norm
// CHECK-DAG: ingot.layer_norm
// CHECK-NOT: ingot.reduce
func.func @norms(%x: tensor<2x3x4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.param = @w}, %b: tensor<4xf32> {ingot.param = @b})
    -> (tensor<2x3x4xf32> {ingot.output = "rms"}, tensor<2x3x4xf32> {ingot.output = "layer"}) {
  %two = arith.constant dense<2.0> : tensor<2x3x4xf32>
  %eps = arith.constant dense<0.125> : tensor<2x3xf32>
  %four = arith.constant dense<4.0> : tensor<2x3xf32>
  %ws = ingot.broadcast %w dims [2] : tensor<4xf32> -> tensor<2x3x4xf32>
  %bs = ingot.broadcast %b dims [2] : tensor<4xf32> -> tensor<2x3x4xf32>
  %0 = math.powf %x, %two : tensor<2x3x4xf32>
  %1 = ingot.reduce sum %0 dims [2] : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %2 = arith.divf %1, %four : tensor<2x3xf32>
  %3 = arith.addf %2, %eps : tensor<2x3xf32>
  %4 = math.rsqrt %3 : tensor<2x3xf32>
  %5 = ingot.broadcast %4 dims [0, 1] : tensor<2x3xf32> -> tensor<2x3x4xf32>
  %6 = arith.mulf %ws, %5 : tensor<2x3x4xf32>
  %7 = arith.mulf %6, %x : tensor<2x3x4xf32>
  %m = ingot.reduce mean %x dims [2] : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %ms = ingot.broadcast %m dims [0, 1] : tensor<2x3xf32> -> tensor<2x3x4xf32>
  %c = arith.subf %x, %ms : tensor<2x3x4xf32>
  %s = arith.mulf %c, %c : tensor<2x3x4xf32>
  %v = ingot.reduce mean %s dims [2] : (tensor<2x3x4xf32>) -> tensor<2x3xf32>
  %ve = arith.addf %eps, %v : tensor<2x3xf32>
  %r = math.sqrt %ve : tensor<2x3xf32>
  %rs = ingot.broadcast %r dims [0, 1] : tensor<2x3xf32> -> tensor<2x3x4xf32>
  %n = arith.divf %c, %rs : tensor<2x3x4xf32>
  %nw = arith.mulf %n, %ws : tensor<2x3x4xf32>
  %nb = arith.addf %nw, %bs : tensor<2x3x4xf32>
  return %7, %nb : tensor<2x3x4xf32>, tensor<2x3x4xf32>
}
ingot.param @w : tensor<4xf32>
ingot.param @b : tensor<4xf32>

// CHECK-LABEL: func @activations
// CHECK-DAG: ingot.silu
// CHECK-DAG: ingot.gelu erf
// CHECK-DAG: ingot.gelu tanh
// CHECK-NOT: math.
func.func @activations(%x: tensor<64xf32> {ingot.input = "x"})
    -> (tensor<64xf32> {ingot.output = "silu"}, tensor<64xf32> {ingot.output = "erf"}, tensor<64xf32> {ingot.output = "tanh"}) {
  %one = arith.constant dense<1.0> : tensor<64xf32>
  %half = arith.constant dense<0.5> : tensor<64xf32>
  %root = arith.constant dense<1.41421354> : tensor<64xf32>
  %three = arith.constant dense<3.0> : tensor<64xf32>
  %c = arith.constant dense<0.044715> : tensor<64xf32>
  %k = arith.constant dense<0.797884583> : tensor<64xf32>
  %n = arith.negf %x : tensor<64xf32>
  %e = math.exp %n : tensor<64xf32>
  %e1 = arith.addf %one, %e : tensor<64xf32>
  %sg = arith.divf %one, %e1 : tensor<64xf32>
  %silu = arith.mulf %sg, %x : tensor<64xf32>
  %0 = arith.divf %x, %root : tensor<64xf32>
  %1 = math.erf %0 : tensor<64xf32>
  %2 = arith.addf %1, %one : tensor<64xf32>
  %3 = arith.mulf %x, %2 : tensor<64xf32>
  %4 = arith.mulf %3, %half : tensor<64xf32>
  %5 = math.powf %x, %three : tensor<64xf32>
  %6 = arith.mulf %5, %c : tensor<64xf32>
  %7 = arith.addf %x, %6 : tensor<64xf32>
  %8 = arith.mulf %7, %k : tensor<64xf32>
  %9 = math.tanh %8 : tensor<64xf32>
  %10 = arith.addf %9, %one : tensor<64xf32>
  %11 = arith.mulf %x, %half : tensor<64xf32>
  %12 = arith.mulf %11, %10 : tensor<64xf32>
  return %silu, %4, %12 : tensor<64xf32>, tensor<64xf32>, tensor<64xf32>
}

// CHECK-LABEL: func @interleaved
// CHECK: ingot.rope {{.*}} interleaved
func.func @interleaved(%q: tensor<2x3x16xf32> {ingot.input = "q"}, %cos: tensor<16x4xf32> {ingot.input = "cos"},
    %sin: tensor<16x4xf32> {ingot.input = "sin"}, %pos: tensor<2x3xi64> {ingot.input = "pos"}) -> (tensor<2x2x3x8xf32> {ingot.output = "y"}) {
  %c0 = ingot.gather %cos, %pos : (tensor<16x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  %s0 = ingot.gather %sin, %pos : (tensor<16x4xf32>, tensor<2x3xi64>) -> tensor<2x3x4xf32>
  %c = ingot.broadcast %c0 dims [0, 2, 3] : tensor<2x3x4xf32> -> tensor<2x2x3x4xf32>
  %s = ingot.broadcast %s0 dims [0, 2, 3] : tensor<2x3x4xf32> -> tensor<2x2x3x4xf32>
  %h = tensor.expand_shape %q [[0], [1], [2, 3]] output_shape [2, 3, 2, 8] : tensor<2x3x16xf32> into tensor<2x3x2x8xf32>
  %t = ingot.transpose %h permutation [0, 2, 1, 3] : (tensor<2x3x2x8xf32>) -> tensor<2x2x3x8xf32>
  %r = tensor.extract_slice %t[0, 0, 0, 0] [2, 2, 3, 4] [1, 1, 1, 2] : tensor<2x2x3x8xf32> to tensor<2x2x3x4xf32>
  %i = tensor.extract_slice %t[0, 0, 0, 1] [2, 2, 3, 4] [1, 1, 1, 2] : tensor<2x2x3x8xf32> to tensor<2x2x3x4xf32>
  %0 = arith.mulf %r, %c : tensor<2x2x3x4xf32>
  %1 = arith.mulf %i, %s : tensor<2x2x3x4xf32>
  %2 = arith.subf %0, %1 : tensor<2x2x3x4xf32>
  %3 = arith.mulf %r, %s : tensor<2x2x3x4xf32>
  %4 = arith.mulf %i, %c : tensor<2x2x3x4xf32>
  %5 = arith.addf %3, %4 : tensor<2x2x3x4xf32>
  %6 = tensor.expand_shape %2 [[0], [1], [2], [3, 4]] output_shape [2, 2, 3, 4, 1] : tensor<2x2x3x4xf32> into tensor<2x2x3x4x1xf32>
  %7 = tensor.expand_shape %5 [[0], [1], [2], [3, 4]] output_shape [2, 2, 3, 4, 1] : tensor<2x2x3x4xf32> into tensor<2x2x3x4x1xf32>
  %8 = tensor.concat dim(4) %6, %7 : (tensor<2x2x3x4x1xf32>, tensor<2x2x3x4x1xf32>) -> tensor<2x2x3x4x2xf32>
  %9 = tensor.collapse_shape %8 [[0], [1], [2], [3, 4]] : tensor<2x2x3x4x2xf32> into tensor<2x2x3x8xf32>
  return %9 : tensor<2x2x3x8xf32>
}

// The first half of a wider head is turned; angles by row, the same for both sequences.
// CHECK-LABEL: func @half
// CHECK: ingot.rope
func.func @half(%x: tensor<2x2x3x12xf32> {ingot.input = "x"}, %f: tensor<3x4xf32> {ingot.input = "f"}) -> (tensor<2x2x3x8xf32> {ingot.output = "y"}) {
  %e = tensor.concat dim(1) %f, %f : (tensor<3x4xf32>, tensor<3x4xf32>) -> tensor<3x8xf32>
  %c0 = math.cos %e : tensor<3x8xf32>
  %s0 = math.sin %e : tensor<3x8xf32>
  %c = ingot.broadcast %c0 dims [2, 3] : tensor<3x8xf32> -> tensor<2x2x3x8xf32>
  %s = ingot.broadcast %s0 dims [2, 3] : tensor<3x8xf32> -> tensor<2x2x3x8xf32>
  %y = tensor.extract_slice %x[0, 0, 0, 0] [2, 2, 3, 8] [1, 1, 1, 1] : tensor<2x2x3x12xf32> to tensor<2x2x3x8xf32>
  %x1 = tensor.extract_slice %y[0, 0, 0, 0] [2, 2, 3, 4] [1, 1, 1, 1] : tensor<2x2x3x8xf32> to tensor<2x2x3x4xf32>
  %x2 = tensor.extract_slice %y[0, 0, 0, 4] [2, 2, 3, 4] [1, 1, 1, 1] : tensor<2x2x3x8xf32> to tensor<2x2x3x4xf32>
  %n = arith.negf %x2 : tensor<2x2x3x4xf32>
  %r = tensor.concat dim(3) %n, %x1 : (tensor<2x2x3x4xf32>, tensor<2x2x3x4xf32>) -> tensor<2x2x3x8xf32>
  %0 = arith.mulf %y, %c : tensor<2x2x3x8xf32>
  %1 = arith.mulf %r, %s : tensor<2x2x3x8xf32>
  %2 = arith.addf %0, %1 : tensor<2x2x3x8xf32>
  return %2 : tensor<2x2x3x8xf32>
}

// CHECK-LABEL: func @grouped
// CHECK: ingot.attention %{{.*}} causal scale {{.*}} : (tensor<2x3x4x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>)
func.func @grouped(%q: tensor<2x4x3x8xf32> {ingot.input = "q"}, %k: tensor<2x2x5x8xf32> {ingot.input = "k"},
    %v: tensor<2x2x5x8xf32> {ingot.input = "v"}) -> (tensor<2x4x3x8xf32> {ingot.output = "o"}) {
  %four = arith.constant dense<4.0> : tensor<2x4x3x5xf32>
  %mask = arith.constant dense<[[0.0, 0.0, 0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0, 0.0, 0.0]]> : tensor<3x5xf32>
  %k1 = ingot.broadcast %k dims [0, 1, 3, 4] : tensor<2x2x5x8xf32> -> tensor<2x2x2x5x8xf32>
  %k2 = tensor.collapse_shape %k1 [[0], [1, 2], [3], [4]] : tensor<2x2x2x5x8xf32> into tensor<2x4x5x8xf32>
  %v1 = ingot.broadcast %v dims [0, 1, 3, 4] : tensor<2x2x5x8xf32> -> tensor<2x2x2x5x8xf32>
  %v2 = tensor.collapse_shape %v1 [[0], [1, 2], [3], [4]] : tensor<2x2x2x5x8xf32> into tensor<2x4x5x8xf32>
  %s = ingot.dot %q, %k2 batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<2x4x3x8xf32>, tensor<2x4x5x8xf32>) -> tensor<2x4x3x5xf32>
  %t = arith.divf %s, %four : tensor<2x4x3x5xf32>
  %m = ingot.broadcast %mask dims [2, 3] : tensor<3x5xf32> -> tensor<2x4x3x5xf32>
  %u = arith.addf %t, %m : tensor<2x4x3x5xf32>
  %p = ingot.softmax %u : tensor<2x4x3x5xf32>
  %o = ingot.dot %p, %v2 batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<2x4x3x5xf32>, tensor<2x4x5x8xf32>) -> tensor<2x4x3x8xf32>
  return %o : tensor<2x4x3x8xf32>
}

// Biases by head and by row, one of them scaled, one selecting; kv heads interleaved.
// CHECK-LABEL: func @masked
// CHECK: ingot.attention {{.*}} bias
func.func @masked(%q: tensor<2x4x3x8xf32> {ingot.input = "q"}, %k: tensor<2x2x5x8xf32> {ingot.input = "k"},
    %h: tensor<4xf32> {ingot.input = "h"}, %r: tensor<2x1x3x5xf32> {ingot.input = "r"}) -> (tensor<2x4x3x8xf32> {ingot.output = "o"}) {
  %half = arith.constant dense<0.5> : tensor<2x4x3x5xf32>
  %none = arith.constant dense<0xFF800000> : tensor<2x4x3x5xf32>
  %iota = arith.constant dense<[true, false, true, true, true]> : tensor<5xi1>
  %k1 = ingot.broadcast %k dims [0, 2, 3, 4] : tensor<2x2x5x8xf32> -> tensor<2x2x2x5x8xf32>
  %k2 = tensor.collapse_shape %k1 [[0], [1, 2], [3], [4]] : tensor<2x2x2x5x8xf32> into tensor<2x4x5x8xf32>
  %s = ingot.dot %q, %k2 batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<2x4x3x8xf32>, tensor<2x4x5x8xf32>) -> tensor<2x4x3x5xf32>
  %hs = ingot.broadcast %h dims [1] : tensor<4xf32> -> tensor<2x4x3x5xf32>
  %rs = ingot.broadcast %r dims [0, 1, 2, 3] : tensor<2x1x3x5xf32> -> tensor<2x4x3x5xf32>
  %t = arith.addf %hs, %s : tensor<2x4x3x5xf32>
  %u = arith.mulf %half, %t : tensor<2x4x3x5xf32>
  %v = arith.addf %u, %rs : tensor<2x4x3x5xf32>
  %c = ingot.broadcast %iota dims [3] : tensor<5xi1> -> tensor<2x4x3x5xi1>
  %w = arith.select %c, %v, %none : tensor<2x4x3x5xi1>, tensor<2x4x3x5xf32>
  %p = ingot.softmax %w : tensor<2x4x3x5xf32>
  %o = ingot.dot %p, %k2 batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<2x4x3x5xf32>, tensor<2x4x5x8xf32>) -> tensor<2x4x3x8xf32>
  return %o : tensor<2x4x3x8xf32>
}

// CHECK-LABEL: func @rank3
// CHECK: ingot.attention {{.*}} : (tensor<1x3x4x8xf32>, tensor<1x1x5x8xf32>
func.func @rank3(%q: tensor<4x3x8xf32> {ingot.input = "q"}, %k: tensor<5x8xf32> {ingot.input = "k"}, %v: tensor<5x6xf32> {ingot.input = "v"})
    -> (tensor<4x3x6xf32> {ingot.output = "o"}) {
  %ks = ingot.broadcast %k dims [1, 2] : tensor<5x8xf32> -> tensor<4x5x8xf32>
  %vs = ingot.broadcast %v dims [1, 2] : tensor<5x6xf32> -> tensor<4x5x6xf32>
  %s = ingot.dot %q, %ks batch [0] x [0] contract [2] x [2] : (tensor<4x3x8xf32>, tensor<4x5x8xf32>) -> tensor<4x3x5xf32>
  %m = ingot.reduce max %s dims [2] : (tensor<4x3x5xf32>) -> tensor<4x3xf32>
  %ms = ingot.broadcast %m dims [0, 1] : tensor<4x3xf32> -> tensor<4x3x5xf32>
  %d = arith.subf %s, %ms : tensor<4x3x5xf32>
  %e = math.exp %d : tensor<4x3x5xf32>
  %z = ingot.reduce sum %e dims [2] : (tensor<4x3x5xf32>) -> tensor<4x3xf32>
  %zs = ingot.broadcast %z dims [0, 1] : tensor<4x3xf32> -> tensor<4x3x5xf32>
  %p = arith.divf %e, %zs : tensor<4x3x5xf32>
  %o = ingot.dot %p, %vs batch [0] x [0] contract [2] x [1] : (tensor<4x3x5xf32>, tensor<4x5x6xf32>) -> tensor<4x3x6xf32>
  return %o : tensor<4x3x6xf32>
}

// Values on the left of the second contraction, keys stored with their positions last.
// CHECK-LABEL: func @transposed
// CHECK: ingot.attention
func.func @transposed(%q: tensor<2x3x4x8xf32> {ingot.input = "q"}, %k: tensor<2x4x8x5xf32> {ingot.input = "k"}, %v: tensor<2x4x6x5xf32> {ingot.input = "v"})
    -> (tensor<2x4x6x3xf32> {ingot.output = "o"}) {
  %s = ingot.dot %q, %k batch [0, 2] x [0, 1] contract [3] x [2] : (tensor<2x3x4x8xf32>, tensor<2x4x8x5xf32>) -> tensor<2x4x3x5xf32>
  %p = ingot.softmax %s : tensor<2x4x3x5xf32>
  %o = ingot.dot %v, %p batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<2x4x6x5xf32>, tensor<2x4x3x5xf32>) -> tensor<2x4x6x3xf32>
  return %o : tensor<2x4x6x3xf32>
}
