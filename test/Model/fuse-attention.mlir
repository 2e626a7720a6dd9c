// RUN: ingot-opt %s --pass-pipeline='builtin.module(func.func(ingot-fuse-attention),ingot-simplify)' --split-input-file | FileCheck %s
// RUN: ingot-opt %s --pass-pipeline='builtin.module(func.func(ingot-fuse-attention{finite-masks=false}),ingot-simplify)' --split-input-file | FileCheck %s --check-prefix=EXACT

// Heads of keys and values repeated for groups of query heads; the exporter's transposes cancel.
// CHECK-LABEL: func @grouped
// CHECK-SAME: (%[[Q:.*]]: tensor<1x2x4x8xf32>, %[[K:.*]]: tensor<1x2x3x8xf32>, %[[V:.*]]: tensor<1x2x3x8xf32>)
// CHECK-NEXT: %[[O:.*]] = ingot.attention %[[Q]], %[[K]], %[[V]] scale 2.500000e-01 : (tensor<1x2x4x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x4x8xf32>
// CHECK-NEXT: return %[[O]]
func.func @grouped(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x3x8xf32>, %v: tensor<1x2x3x8xf32>) -> tensor<1x2x4x8xf32> {
  %four = arith.constant dense<4.0> : tensor<1x4x2x3xf32>
  %q0 = ingot.transpose %q permutation [0, 2, 1, 3] : (tensor<1x2x4x8xf32>) -> tensor<1x4x2x8xf32>
  %k0 = tensor.expand_shape %k [[0], [1, 2], [3], [4]] output_shape [1, 2, 1, 3, 8] : tensor<1x2x3x8xf32> into tensor<1x2x1x3x8xf32>
  %k1 = ingot.broadcast %k0 dims [0, 1, 2, 3, 4] : tensor<1x2x1x3x8xf32> -> tensor<1x2x2x3x8xf32>
  %k2 = tensor.collapse_shape %k1 [[0], [1, 2], [3], [4]] : tensor<1x2x2x3x8xf32> into tensor<1x4x3x8xf32>
  %v1 = ingot.broadcast %v dims [0, 1, 3, 4] : tensor<1x2x3x8xf32> -> tensor<1x2x2x3x8xf32>
  %v2 = tensor.collapse_shape %v1 [[0], [1, 2], [3], [4]] : tensor<1x2x2x3x8xf32> into tensor<1x4x3x8xf32>
  %s = ingot.dot %q0, %k2 batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x4x2x8xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x2x3xf32>
  %t = arith.divf %s, %four : tensor<1x4x2x3xf32>
  %p = ingot.softmax %t : tensor<1x4x2x3xf32>
  %o = ingot.dot %p, %v2 batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x4x2x3xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x2x8xf32>
  %r = ingot.transpose %o permutation [0, 2, 1, 3] : (tensor<1x4x2x8xf32>) -> tensor<1x2x4x8xf32>
  return %r : tensor<1x2x4x8xf32>
}

// -----

// Repeated the other way round (kv head = head modulo kv heads): that is no grouping, all heads stay.
// CHECK-LABEL: func @interleaved_heads
// CHECK: ingot.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.000000e+00 : (tensor<1x2x4x8xf32>, tensor<1x4x3x8xf32>, tensor<1x4x3x8xf32>)
func.func @interleaved_heads(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x3x8xf32>) -> tensor<1x4x2x8xf32> {
  %k1 = ingot.broadcast %k dims [0, 2, 3, 4] : tensor<1x2x3x8xf32> -> tensor<1x2x2x3x8xf32>
  %k2 = tensor.collapse_shape %k1 [[0], [1, 2], [3], [4]] : tensor<1x2x2x3x8xf32> into tensor<1x4x3x8xf32>
  %s = ingot.dot %q, %k2 batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x4x2x8xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x2x3xf32>
  %p = ingot.softmax %s : tensor<1x4x2x3xf32>
  %o = ingot.dot %p, %k2 batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x4x2x3xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x2x8xf32>
  return %o : tensor<1x4x2x8xf32>
}

// -----

// One kv head for all, the scale on queries and keys, a causal mask with a past of one key, rank 3: [head, row, d].
// CHECK-LABEL: func @rank3
// CHECK: ingot.attention %{{.*}}, %{{.*}}, %{{.*}} causal scale 2.500000e-01 : (tensor<1x2x4x8xf32>, tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x2x4x8xf32>
// EXACT-LABEL: func @rank3
// EXACT: causal
func.func @rank3(%q: tensor<4x2x8xf32>, %k: tensor<3x8xf32>, %v: tensor<3x8xf32>) -> tensor<4x2x8xf32> {
  %hq = arith.constant dense<0.5> : tensor<4x2x8xf32>
  %hk = arith.constant dense<0.5> : tensor<4x3x8xf32>
  %mask = arith.constant dense<[[0.0, 0.0, 0xFF800000], [0.0, 0.0, 0.0]]> : tensor<2x3xf32>
  %k0 = ingot.broadcast %k dims [1, 2] : tensor<3x8xf32> -> tensor<4x3x8xf32>
  %v0 = ingot.broadcast %v dims [1, 2] : tensor<3x8xf32> -> tensor<4x3x8xf32>
  %q1 = arith.mulf %q, %hq : tensor<4x2x8xf32>
  %k1 = arith.mulf %hk, %k0 : tensor<4x3x8xf32>
  %s = ingot.dot %q1, %k1 batch [0] x [0] contract [2] x [2] : (tensor<4x2x8xf32>, tensor<4x3x8xf32>) -> tensor<4x2x3xf32>
  %m = ingot.broadcast %mask dims [1, 2] : tensor<2x3xf32> -> tensor<4x2x3xf32>
  %t = arith.addf %m, %s : tensor<4x2x3xf32>
  %p = ingot.softmax %t : tensor<4x2x3xf32>
  %o = ingot.dot %p, %v0 batch [0] x [0] contract [2] x [1] : (tensor<4x2x3xf32>, tensor<4x3x8xf32>) -> tensor<4x2x8xf32>
  return %o : tensor<4x2x8xf32>
}

// -----

// A finite mask: hides only under finite-masks, else it is a bias like any other.
// CHECK-LABEL: func @finite
// CHECK: ingot.attention %{{.*}} causal scale
// CHECK-NOT: bias
// EXACT-LABEL: func @finite
// EXACT: ingot.attention %{{[^:]*}} bias %{{[^:]*}} scale
func.func @finite(%q: tensor<1x1x3x8xf32>, %k: tensor<1x1x3x8xf32>) -> tensor<1x1x3x8xf32> {
  %mask = arith.constant dense<[[[[0.0, -1.0e4, -3.0e38], [0.0, 0.0, -1.0e9], [0.0, 0.0, 0.0]]]]> : tensor<1x1x3x3xf32>
  %s = ingot.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x1x3x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x3x3xf32>
  %t = arith.addf %s, %mask : tensor<1x1x3x3xf32>
  %p = ingot.softmax %t : tensor<1x1x3x3xf32>
  %o = ingot.dot %p, %k batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x1x3x3xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x3x8xf32>
  return %o : tensor<1x1x3x8xf32>
}

// -----

// Upper instead of lower triangle; a number that hides nothing; a lower triangle aligned at the top: all biases.
// CHECK-LABEL: func @not_causal
// CHECK-COUNT-3: ingot.attention %{{[^:]*}} bias %{{[^:]*}} scale
// CHECK-NOT: causal
func.func @not_causal(%q: tensor<1x1x2x8xf32>, %k: tensor<1x1x2x8xf32>, %l: tensor<1x1x3x8xf32>)
    -> (tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>) {
  %m0 = arith.constant dense<[[[[0.0, 0.0], [0xFF800000, 0.0]]]]> : tensor<1x1x2x2xf32>
  %m1 = arith.constant dense<[[[[0.0, -100.0], [0.0, 0.0]]]]> : tensor<1x1x2x2xf32>
  %m2 = arith.constant dense<[[[[0.0, 0xFF800000, 0xFF800000], [0.0, 0.0, 0xFF800000]]]]> : tensor<1x1x2x3xf32>
  %s0 = ingot.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x2x2xf32>
  %t0 = arith.addf %s0, %m0 : tensor<1x1x2x2xf32>
  %p0 = ingot.softmax %t0 : tensor<1x1x2x2xf32>
  %o0 = ingot.dot %p0, %k batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x1x2x2xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x2x8xf32>
  %t1 = arith.addf %s0, %m1 : tensor<1x1x2x2xf32>
  %p1 = ingot.softmax %t1 : tensor<1x1x2x2xf32>
  %o1 = ingot.dot %p1, %k batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x1x2x2xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x2x8xf32>
  %s2 = ingot.dot %q, %l batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x1x2x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x2x3xf32>
  %t2 = arith.addf %s2, %m2 : tensor<1x1x2x3xf32>
  %p2 = ingot.softmax %t2 : tensor<1x1x2x3xf32>
  %o2 = ingot.dot %p2, %l batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x1x2x3xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x2x8xf32>
  return %o0, %o1, %o2 : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>
}

// -----

// Selection by a comparison of positions (known at compile time), and by booleans that come at run time.
// CHECK-LABEL: func @selected
// CHECK-SAME: %[[M:arg2]]: tensor<1x1x1x3xi1>)
// CHECK-DAG: %[[B:.*]] = arith.select %[[M]]
// CHECK-DAG: ingot.attention %{{[^:]*}} bias %[[B]] causal scale
func.func @selected(%q: tensor<1x2x3x8xf32>, %k: tensor<1x2x3x8xf32>, %m: tensor<1x1x1x3xi1>) -> tensor<1x2x3x8xf32> {
  %iota = arith.constant dense<[0, 1, 2]> : tensor<3xi64>
  %none = arith.constant dense<0xFF800000> : tensor<1x2x3x3xf32>
  %keys = ingot.broadcast %iota dims [1] : tensor<3xi64> -> tensor<3x3xi64>
  %rows = ingot.broadcast %iota dims [0] : tensor<3xi64> -> tensor<3x3xi64>
  %later = arith.cmpi sgt, %keys, %rows : tensor<3x3xi64>
  %l = ingot.broadcast %later dims [2, 3] : tensor<3x3xi1> -> tensor<1x2x3x3xi1>
  %n = ingot.broadcast %m dims [0, 1, 2, 3] : tensor<1x1x1x3xi1> -> tensor<1x2x3x3xi1>
  %s = ingot.dot %q, %k batch [0, 1] x [0, 1] contract [3] x [3] : (tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x3x3xf32>
  %t = arith.select %l, %none, %s : tensor<1x2x3x3xi1>, tensor<1x2x3x3xf32>
  %u = arith.select %n, %t, %none : tensor<1x2x3x3xi1>, tensor<1x2x3x3xf32>
  %p = ingot.softmax %u : tensor<1x2x3x3xf32>
  %o = ingot.dot %p, %k batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x2x3x3xf32>, tensor<1x2x3x8xf32>) -> tensor<1x2x3x8xf32>
  return %o : tensor<1x2x3x8xf32>
}

// -----

// A mask of zeros vanishes; values without heads; a mask that is scaled after it was added.
// CHECK-LABEL: func @rank2
// CHECK: %[[TWO:.*]] = arith.constant dense<2.000000e+00> : tensor<2x3xf32>
// CHECK: %[[B:.*]] = arith.mulf %arg2, %[[TWO]]
// CHECK: %[[R:.*]] = tensor.expand_shape %[[B]] {{.*}} into tensor<1x1x2x3xf32>
// CHECK: ingot.attention %{{[^:]*}} bias %[[R]] scale 2.000000e+00
func.func @rank2(%q: tensor<2x8xf32>, %k: tensor<3x8xf32>, %m: tensor<2x3xf32>) -> tensor<2x8xf32> {
  %zero = arith.constant dense<0.0> : tensor<2x3xf32>
  %two = arith.constant dense<2.0> : tensor<2x3xf32>
  %s = ingot.dot %q, %k contract [1] x [1] : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x3xf32>
  %t = arith.addf %s, %m : tensor<2x3xf32>
  %u = arith.mulf %t, %two : tensor<2x3xf32>
  %w = arith.addf %u, %zero : tensor<2x3xf32>
  %p = ingot.softmax %w : tensor<2x3xf32>
  %o = ingot.dot %p, %k contract [1] x [0] : (tensor<2x3xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  return %o : tensor<2x8xf32>
}

// -----

// The probabilities have another use, which stays.
// CHECK-LABEL: func @shown
// CHECK-DAG: ingot.softmax
// CHECK-DAG: ingot.attention
func.func @shown(%q: tensor<2x8xf32>, %k: tensor<3x8xf32>) -> (tensor<2x8xf32>, tensor<2x3xf32>) {
  %s = ingot.dot %q, %k contract [1] x [1] : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x3xf32>
  %p = ingot.softmax %s : tensor<2x3xf32>
  %o = ingot.dot %p, %k contract [1] x [0] : (tensor<2x3xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  return %o, %p : tensor<2x8xf32>, tensor<2x3xf32>
}

// -----

// A softmax over the rows' own dimension, contracted over the wrong one: no attention.
// CHECK-LABEL: func @wrong_contraction
// CHECK-NOT: ingot.attention
func.func @wrong_contraction(%q: tensor<3x8xf32>, %k: tensor<3x8xf32>) -> tensor<3x8xf32> {
  %s = ingot.dot %q, %k contract [1] x [1] : (tensor<3x8xf32>, tensor<3x8xf32>) -> tensor<3x3xf32>
  %p = ingot.softmax %s : tensor<3x3xf32>
  %o = ingot.dot %p, %k contract [0] x [0] : (tensor<3x3xf32>, tensor<3x8xf32>) -> tensor<3x8xf32>
  return %o : tensor<3x8xf32>
}

// -----

// Half of the scale on the queries, half on the keys behind a transpose: as scaled_dot_product_attention is exported.
// CHECK-LABEL: func @split_scale
// CHECK-NOT: arith.mulf
// CHECK: ingot.attention %{{.*}}, %arg1, %arg1 scale 2.500000e-01 : (tensor<1x2x4x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>)
func.func @split_scale(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x3x8xf32>) -> tensor<1x4x2x8xf32> {
  %hq = arith.constant dense<0.5> : tensor<1x4x2x8xf32>
  %hk = arith.constant dense<0.5> : tensor<1x4x8x3xf32>
  %k1 = ingot.broadcast %k dims [0, 1, 3, 4] : tensor<1x2x3x8xf32> -> tensor<1x2x2x3x8xf32>
  %k2 = tensor.collapse_shape %k1 [[0], [1, 2], [3], [4]] : tensor<1x2x2x3x8xf32> into tensor<1x4x3x8xf32>
  %kt = ingot.transpose %k2 permutation [0, 1, 3, 2] : (tensor<1x4x3x8xf32>) -> tensor<1x4x8x3xf32>
  %ks = arith.mulf %kt, %hk : tensor<1x4x8x3xf32>
  %qs = arith.mulf %hq, %q : tensor<1x4x2x8xf32>
  %s = ingot.dot %qs, %ks batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x4x2x8xf32>, tensor<1x4x8x3xf32>) -> tensor<1x4x2x3xf32>
  %p = ingot.softmax %s : tensor<1x4x2x3xf32>
  %o = ingot.dot %p, %k2 batch [0, 1] x [0, 1] contract [3] x [2] : (tensor<1x4x2x3xf32>, tensor<1x4x3x8xf32>) -> tensor<1x4x2x8xf32>
  return %o : tensor<1x4x2x8xf32>
}

// -----

// A finite number put in the place of scores stays that number: a row that it hides entirely has no NaN.
// CHECK-LABEL: func @select_finite
// CHECK-DAG: %[[H:.*]] = arith.constant dense<-1.000000e+09> : tensor<2x3xf32>
// CHECK-DAG: %[[Z:.*]] = arith.constant dense<0.000000e+00> : tensor<2x3xf32>
// CHECK: arith.select %arg2, %[[H]], %[[Z]]
// CHECK: ingot.attention %{{[^:]*}} bias
// EXACT-LABEL: func @select_finite
// EXACT-NOT: ingot.attention
// EXACT: ingot.softmax
func.func @select_finite(%q: tensor<2x8xf32>, %k: tensor<3x8xf32>, %m: tensor<2x3xi1>) -> tensor<2x8xf32> {
  %low = arith.constant dense<-1.0e9> : tensor<2x3xf32>
  %s = ingot.dot %q, %k contract [1] x [1] : (tensor<2x8xf32>, tensor<3x8xf32>) -> tensor<2x3xf32>
  %t = arith.select %m, %low, %s : tensor<2x3xi1>, tensor<2x3xf32>
  %p = ingot.softmax %t : tensor<2x3xf32>
  %o = ingot.dot %p, %k contract [1] x [0] : (tensor<2x3xf32>, tensor<3x8xf32>) -> tensor<2x8xf32>
  return %o : tensor<2x8xf32>
}
