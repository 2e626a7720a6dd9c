// RUN: ingot-opt %s --ingot-mixed-precision | FileCheck %s
// RUN: ingot-opt %s --ingot-mixed-precision --ingot-mixed-precision | FileCheck %s

// Weights and tables of contractions are stored in bfloat16; scales of norms, biases and tables of angles are not.
// CHECK-DAG: ingot.param @w : tensor<32x16xbf16>
// CHECK-DAG: ingot.param @v : tensor<16x32xbf16>
// CHECK-DAG: ingot.param @table : tensor<10x16xbf16>
// CHECK-DAG: ingot.param @scale : tensor<16xf32>
// CHECK-DAG: ingot.param @bias : tensor<16xf32>
// CHECK-DAG: ingot.param @angles : tensor<8x2xf32>
// CHECK-DAG: ingot.param @known = dense<[1.000000e+00, 1.007810e+00]> : tensor<2xbf16>
// CHECK-DAG: ingot.param @counts : tensor<10x16xi32>
// CHECK-DAG: ingot.state @kv init 0.000000e+00 : tensor<1x2x1x4x8x4xbf16>
// CHECK-DAG: ingot.state @steps init 0.000000e+00 : tensor<4xf32>
ingot.param @w : tensor<32x16xf32>
ingot.param @v : tensor<16x32xf32>
ingot.param @table : tensor<10x16xf32>
ingot.param @scale : tensor<16xf32>
ingot.param @bias : tensor<16xf32>
ingot.param @angles : tensor<8x2xf32>
// Ties go to even: 1.00390625 is between 1 and 1.0078125, as is 1.01171875 between 1.0078125 and 1.015625.
ingot.param @known = dense<[1.00390625, 1.0078126]> : tensor<2xf32>
ingot.param @counts : tensor<10x16xi32>
ingot.state @kv init 0.0 : tensor<1x2x1x4x8x4xf32>
ingot.state @steps init 0.0 : tensor<4xf32>

// The residual stream is rounded where it is defined; everybody reads the rounded one. What only pointwise arithmetic
// takes stays float32, and so do the logits.
// CHECK-LABEL: func @block
// CHECK-SAME: %[[TOKENS:.*]]: tensor<1x2xi32>
// CHECK: %[[X:.*]] = ingot.gather {{.*}} -> tensor<1x2x16xbf16>
// CHECK: %[[WIDE:.*]] = arith.extf %[[X]] : tensor<1x2x16xbf16> to tensor<1x2x16xf32>
// CHECK: %[[NORM:.*]] = ingot.rms_norm %[[X]], {{.*}} : tensor<1x2x16xbf16>, tensor<16xf32>
// CHECK: %[[UP:.*]] = ingot.dot %[[NORM]], {{.*}} : (tensor<1x2x16xbf16>, tensor<32x16xbf16>) -> tensor<1x2x32xf32>
// CHECK: %[[SILU:.*]] = ingot.silu %[[UP]] : tensor<1x2x32xf32>
// CHECK: %[[HIDDEN:.*]] = arith.truncf %[[SILU]] : tensor<1x2x32xf32> to tensor<1x2x32xbf16>
// CHECK: %[[DOWN:.*]] = ingot.dot %[[HIDDEN]], {{.*}} -> tensor<1x2x16xf32>
// CHECK: %[[BIASED:.*]] = arith.addf %[[DOWN]], {{.*}} : tensor<1x2x16xf32>
// CHECK: %[[SUM:.*]] = arith.addf %[[WIDE]], %[[BIASED]] : tensor<1x2x16xf32>
// CHECK: %[[RESIDUAL:.*]] = arith.truncf %[[SUM]] : tensor<1x2x16xf32> to tensor<1x2x16xbf16>
// CHECK: %[[LOGITS:.*]] = ingot.dot %[[RESIDUAL]], {{.*}} -> tensor<1x2x10xf32>
// CHECK: return %[[LOGITS]] : tensor<1x2x10xf32>
func.func @block(%tokens: tensor<1x2xi32> {ingot.input = "tokens"},
                 %table: tensor<10x16xf32> {ingot.param = @table}, %scale: tensor<16xf32> {ingot.param = @scale},
                 %w: tensor<32x16xf32> {ingot.param = @w}, %v: tensor<16x32xf32> {ingot.param = @v},
                 %bias: tensor<16xf32> {ingot.param = @bias})
    -> (tensor<1x2x10xf32> {ingot.output = "logits"}) {
  %x = ingot.gather %table, %tokens : (tensor<10x16xf32>, tensor<1x2xi32>) -> tensor<1x2x16xf32>
  %n = ingot.rms_norm %x, %scale eps 1.0e-5 : tensor<1x2x16xf32>, tensor<16xf32>
  %u = ingot.dot %n, %w contract [2] x [1] : (tensor<1x2x16xf32>, tensor<32x16xf32>) -> tensor<1x2x32xf32>
  %s = ingot.silu %u : tensor<1x2x32xf32>
  %d = ingot.dot %s, %v contract [2] x [1] : (tensor<1x2x32xf32>, tensor<16x32xf32>) -> tensor<1x2x16xf32>
  %b = ingot.broadcast %bias dims [2] : tensor<16xf32> -> tensor<1x2x16xf32>
  %e = arith.addf %d, %b : tensor<1x2x16xf32>
  %r = arith.addf %x, %e : tensor<1x2x16xf32>
  %l = ingot.dot %r, %table contract [2] x [1] : (tensor<1x2x16xf32>, tensor<10x16xf32>) -> tensor<1x2x10xf32>
  return %l : tensor<1x2x10xf32>
}

// The cache, and what goes into it.
// CHECK-LABEL: func @attend
// CHECK: %[[HEADS:.*]] = tensor.expand_shape {{.*}} : tensor<1x1x16xbf16> into tensor<1x1x4x4xbf16>
// CHECK: %[[ROPE:.*]] = ingot.rope %[[HEADS]], {{.*}} : tensor<1x1x4x4xbf16>, tensor<8x2xf32>, tensor<8x2xf32>, tensor<1x1xi32>
// CHECK: %[[KV:.*]] = ingot.kv_append %[[ROPE]], %[[ROPE]] into {{.*}} tensor<1x2x1x4x8x4xbf16>, tensor<1xi32>, tensor<1xi32>
// CHECK: %[[OUT:.*]] = ingot.attention {{.*}} -> tensor<1x1x4x4xbf16>
// CHECK: %[[SINGLE:.*]] = arith.extf %[[OUT]] : tensor<1x1x4x4xbf16> to tensor<1x1x4x4xf32>
// CHECK: return %[[SINGLE]], %[[KV]], %{{.*}} : tensor<1x1x4x4xf32>, tensor<1x2x1x4x8x4xbf16>, tensor<4xf32>
func.func @attend(%x: tensor<1x1x16xf32> {ingot.input = "x"}, %angles: tensor<8x2xf32> {ingot.param = @angles},
                  %start: tensor<1xi32> {ingot.input = "start"}, %count: tensor<1xi32> {ingot.input = "count"},
                  %bias: tensor<1x1x1x8xf32> {ingot.input = "bias"},
                  %kv: tensor<1x2x1x4x8x4xf32> {ingot.state = @kv}, %steps: tensor<4xf32> {ingot.state = @steps})
    -> (tensor<1x1x4x4xf32> {ingot.output = "y"}, tensor<1x2x1x4x8x4xf32> {ingot.state = @kv},
        tensor<4xf32> {ingot.state = @steps}) {
  %pos = ingot.positions %start : tensor<1xi32> -> tensor<1x1xi32>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 1, 4, 4] : tensor<1x1x16xf32> into tensor<1x1x4x4xf32>
  %r = ingot.rope %h, %angles, %angles at %pos : tensor<1x1x4x4xf32>, tensor<8x2xf32>, tensor<8x2xf32>, tensor<1x1xi32>
  %kv1 = ingot.kv_append %r, %r into %kv layer 0 start %start count %count
      : tensor<1x1x4x4xf32>, tensor<1x1x4x4xf32>, tensor<1x2x1x4x8x4xf32>, tensor<1xi32>, tensor<1xi32>
  %k = tensor.extract_slice %kv1[0, 0, 0, 0, 0, 0] [1, 1, 1, 4, 8, 4] [1, 1, 1, 1, 1, 1]
      : tensor<1x2x1x4x8x4xf32> to tensor<1x4x8x4xf32>
  %y = ingot.attention %r, %k, %k start %start count %count bias %bias causal scale 0.5
      : (tensor<1x1x4x4xf32>, tensor<1x4x8x4xf32>, tensor<1x4x8x4xf32>, tensor<1xi32>, tensor<1xi32>,
         tensor<1x1x1x8xf32>) -> tensor<1x1x4x4xf32>
  %one = arith.constant dense<1.0> : tensor<4xf32>
  %next = arith.addf %steps, %one : tensor<4xf32>
  return %y, %kv1, %next : tensor<1x1x4x4xf32>, tensor<1x2x1x4x8x4xf32>, tensor<4xf32>
}

// Angles from positions are no contraction, softmax and reductions are float32, integers are left alone, and a result
// of a contraction that is stored for another one is rounded once.
// CHECK-LABEL: func @others
// CHECK: ingot.dot {{.*}} : (tensor<1x1xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
// CHECK: ingot.softmax {{.*}} : tensor<1x4xf32>
// CHECK: ingot.reduce sum {{.*}} : (tensor<1x4xf32>) -> tensor<1xf32>
// CHECK: ingot.dot {{.*}} : (tensor<1x2xbf16>, tensor<2xbf16>) -> tensor<1xbf16>
// CHECK: arith.constant dense<{{\[\[}}1.000000e+00, 2.000000e+00, 3.000000e+00, 1.000000e+00]]> : tensor<1x4xbf16>
// CHECK: tensor.concat {{.*}} -> tensor<2x4xbf16>
// CHECK: ingot.dot {{.*}} : (tensor<2xbf16>, tensor<2x4xbf16>) -> tensor<4xf32>
// CHECK: ingot.transpose {{.*}} : (tensor<1x4xf32>) -> tensor<4x1xf32>
// CHECK: ingot.gather {{.*}} -> tensor<1x16xi32>
func.func @others(%p: tensor<1x1xf32> {ingot.input = "p"}, %f: tensor<1x4xf32> {ingot.input = "f"},
                  %x: tensor<1x2xf32> {ingot.input = "x"}, %known: tensor<2xf32> {ingot.param = @known},
                  %counts: tensor<10x16xi32> {ingot.param = @counts}, %t: tensor<1xi32> {ingot.input = "t"})
    -> (tensor<1xf32> {ingot.output = "a"}, tensor<1xf32> {ingot.output = "b"}, tensor<4x1xf32> {ingot.output = "c"},
        tensor<1x16xi32> {ingot.output = "d"}, tensor<4xf32> {ingot.output = "e"}) {
  %angles = ingot.dot %p, %f contract [1] x [0] : (tensor<1x1xf32>, tensor<1x4xf32>) -> tensor<1x4xf32>
  %cos = math.cos %angles : tensor<1x4xf32>
  %soft = ingot.softmax %cos : tensor<1x4xf32>
  %a = ingot.reduce sum %soft dims [1] : (tensor<1x4xf32>) -> tensor<1xf32>
  %b = ingot.dot %x, %known contract [1] x [0] : (tensor<1x2xf32>, tensor<2xf32>) -> tensor<1xf32>
  %m = arith.constant dense<[[1.0, 2.0, 3.0, 1.00390625]]> : tensor<1x4xf32>
  %m2 = tensor.concat dim(0) %m, %m : (tensor<1x4xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
  %bb = tensor.concat dim(0) %b, %b : (tensor<1xf32>, tensor<1xf32>) -> tensor<2xf32>
  %e = ingot.dot %bb, %m2 contract [0] x [0] : (tensor<2xf32>, tensor<2x4xf32>) -> tensor<4xf32>
  %c = ingot.transpose %cos permutation [1, 0] : (tensor<1x4xf32>) -> tensor<4x1xf32>
  %d = ingot.gather %counts, %t : (tensor<10x16xi32>, tensor<1xi32>) -> tensor<1x16xi32>
  return %a, %b, %c, %d, %e : tensor<1xf32>, tensor<1xf32>, tensor<4x1xf32>, tensor<1x16xi32>, tensor<4xf32>
}
