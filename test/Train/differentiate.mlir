// RUN: ingot-opt %s --split-input-file --ingot-differentiate | FileCheck %s
// RUN: ingot-opt %s --split-input-file --ingot-differentiate -o %t.a
// RUN: ingot-opt %s --split-input-file --ingot-differentiate -o %t.b
// RUN: cmp %t.a %t.b

// The example of the pass's description; the loss stays.
// CHECK-LABEL: func @loss
// CHECK-SAME: (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
// CHECK-LABEL: func @gradients
// CHECK-SAME: %[[X:.*]]: tensor<4xf32> {ingot.input = "x"}, %[[W:.*]]: tensor<4xf32> {ingot.param = @w}
// CHECK-SAME: -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}, tensor<4xf32> {ingot.gradient = @w, ingot.output = "w.grad"})
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[X]], %[[W]]
// CHECK-NEXT: %[[L:.*]] = ingot.reduce sum %[[P]]
// CHECK-NEXT: %[[ONE:.*]] = arith.constant dense<1.000000e+00> : tensor<f32>
// CHECK-NEXT: %[[G:.*]] = ingot.broadcast %[[ONE]] dims [] : tensor<f32> -> tensor<4xf32>
// CHECK-NEXT: %[[D:.*]] = arith.mulf %[[G]], %[[X]]
// CHECK-NEXT: return %[[L]], %[[D]] : tensor<f32>, tensor<4xf32>
ingot.param @w : tensor<4xf32>
func.func @loss(%x: tensor<4xf32> {ingot.input = "x"}, %w: tensor<4xf32> {ingot.param = @w})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %0 = arith.mulf %x, %w : tensor<4xf32>
  %1 = ingot.reduce sum %0 dims [0] : (tensor<4xf32>) -> tensor<f32>
  return %1 : tensor<f32>
}

// -----

// A parameter with two uses, by one argument or by two, has one gradient, summed from the last use on. One without use
// has zeros, and so has a table of rope; integers have none.
// CHECK-LABEL: func @gradients
// CHECK-SAME: -> (tensor<f32> {{.*}}, tensor<5x4xf32> {ingot.gradient = @e, ingot.output = "e.grad"}, tensor<3xf32> {ingot.gradient = @unused, ingot.output = "unused.grad"}, tensor<6x2xf32> {ingot.gradient = @cos, ingot.output = "cos.grad"})
// CHECK: %[[LOGITS:.*]] = ingot.dot
// CHECK: %[[L:.*]], %[[LSE:.*]] = ingot.cross_entropy
// CHECK: %[[G:.*]] = ingot.cross_entropy_grad %[[LOGITS]], {{.*}}, %[[LSE]],
// The classifier's use of the table, without a transposition, then the embedding's.
// CHECK-DAG: %[[DX:.*]] = ingot.dot %[[G]], {{.*}} contract [2] x [0]
// CHECK-DAG: %[[DE:.*]] = ingot.dot %[[G]], {{.*}} contract [0, 1] x [0, 1] {{.*}} -> tensor<5x4xf32>
// CHECK-NOT: ingot.transpose
// CHECK: ingot.rope
// CHECK: %[[S:.*]] = ingot.scatter_add {{.*}} -> tensor<5x4xf32>
// CHECK: %[[SUM:.*]] = arith.addf %[[S]], %[[DE]] : tensor<5x4xf32>
// CHECK-COUNT-2: arith.constant dense<0.000000e+00>
// CHECK: return %[[L]], %[[SUM]],
ingot.param @e : tensor<5x4xf32>
ingot.param @unused : tensor<3xf32>
ingot.param @cos : tensor<6x2xf32>
ingot.param @ids : tensor<5xi32>
func.func @loss(%t: tensor<1x3xi32> {ingot.input = "tokens", ingot.role = "tokens"}, %y: tensor<1x3xi32> {ingot.input = "targets", ingot.role = "targets"},
    %e0: tensor<5x4xf32> {ingot.param = @e}, %u: tensor<3xf32> {ingot.param = @unused}, %c: tensor<6x2xf32> {ingot.param = @cos},
    %i: tensor<5xi32> {ingot.param = @ids}, %e1: tensor<5x4xf32> {ingot.param = @e}) -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %x = ingot.gather %e0, %t : (tensor<5x4xf32>, tensor<1x3xi32>) -> tensor<1x3x4xf32>
  %h = tensor.expand_shape %x [[0], [1], [2, 3]] output_shape [1, 3, 1, 4] : tensor<1x3x4xf32> into tensor<1x3x1x4xf32>
  %r = ingot.rope %h, %c, %c at %t : tensor<1x3x1x4xf32>, tensor<6x2xf32>, tensor<6x2xf32>, tensor<1x3xi32>
  %f = tensor.collapse_shape %r [[0], [1], [2, 3]] : tensor<1x3x1x4xf32> into tensor<1x3x4xf32>
  %logits = ingot.dot %f, %e1 contract [2] x [1] : (tensor<1x3x4xf32>, tensor<5x4xf32>) -> tensor<1x3x5xf32>
  %loss, %lse = ingot.cross_entropy %logits, %y z_loss 0.0 : (tensor<1x3x5xf32>, tensor<1x3xi32>) -> (tensor<f32>, tensor<1x3xf32>)
  return %loss : tensor<f32>
}

// -----

// Attention gets its second result, and nothing of [rows, keys] is there. Stopped gradients leave no trace.
// CHECK-LABEL: func @gradients
// CHECK-SAME: %[[Q:.*]]: tensor<1x4x2x8xf32> {ingot.param = @q}, %[[K:.*]]: tensor<1x1x4x8xf32> {ingot.param = @k}
// CHECK-NEXT: %[[O:.*]], %[[LSE:.*]] = ingot.attention %[[Q]], %[[K]], %[[K]] causal scale 5.000000e-01
// CHECK-NEXT: %[[W:.*]] = arith.mulf %[[O]], %[[Q]]
// CHECK-NEXT: ingot.reduce mean %[[W]]
// CHECK-NOT: stop_gradient
// CHECK: %[[G:.*]] = arith.mulf {{.*}}, %[[Q]]
// CHECK: %[[DQ:.*]], %[[DK:.*]], %[[DV:.*]] = ingot.attention_grad %[[Q]], %[[K]], %[[K]] out %[[O]] lse %[[LSE]] upstream %[[G]] causal scale 5.000000e-01
// CHECK: %[[DKV:.*]] = arith.addf %[[DK]], %[[DV]]
// CHECK: return {{.*}}, %[[DQ]], %[[DKV]] :
ingot.param @q : tensor<1x4x2x8xf32>
ingot.param @k : tensor<1x1x4x8xf32>
func.func @loss(%q: tensor<1x4x2x8xf32> {ingot.param = @q}, %k: tensor<1x1x4x8xf32> {ingot.param = @k}) -> tensor<f32> {
  %o = ingot.attention %q, %k, %k causal scale 0.5 : (tensor<1x4x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x4x2x8xf32>
  %s = ingot.stop_gradient %q : tensor<1x4x2x8xf32>
  %w = arith.mulf %o, %s : tensor<1x4x2x8xf32>
  %l = ingot.reduce mean %w dims [0, 1, 2, 3] : (tensor<1x4x2x8xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// What is not differentiable is no harm where the loss does not depend on parameters through it: on data, beside the
// loss, behind integers and stopped gradients. A loss without parameters has zeros.
// CHECK-LABEL: func @gradients
// CHECK: %[[Z:.*]] = arith.constant dense<0.000000e+00> : tensor<2xf32>
// CHECK: return %{{.*}}, %[[Z]] : tensor<f32>, tensor<2xf32>
ingot.param @w : tensor<2xf32>
func.func @loss(%x: tensor<2xf32> {ingot.input = "x"}, %w: tensor<2xf32> {ingot.param = @w}) -> tensor<f32> {
  %0 = math.floor %x : tensor<2xf32>
  %1 = math.floor %w : tensor<2xf32>
  %2 = arith.fptosi %w : tensor<2xf32> to tensor<2xi32>
  %3 = arith.sitofp %2 : tensor<2xi32> to tensor<2xf32>
  %4 = ingot.stop_gradient %w : tensor<2xf32>
  %5 = math.ceil %4 : tensor<2xf32>
  %6 = arith.addf %3, %5 : tensor<2xf32>
  %7 = ingot.dot %0, %6 contract [0] x [0] : (tensor<2xf32>, tensor<2xf32>) -> tensor<f32>
  return %7 : tensor<f32>
}

// -----

// Norms in bfloat16 are differentiated in float32.
// CHECK-LABEL: func @gradients
// CHECK: math.rsqrt {{.*}} : tensor<2xf32>
// CHECK: return {{.*}} : tensor<f32>, tensor<2x4xbf16>, tensor<4xf32>
ingot.param @x : tensor<2x4xbf16>
ingot.param @s : tensor<4xf32>
func.func @loss(%x: tensor<2x4xbf16> {ingot.param = @x}, %s: tensor<4xf32> {ingot.param = @s}) -> tensor<f32> {
  %0 = ingot.rms_norm %x, %s eps 1.0e-5 : tensor<2x4xbf16>, tensor<4xf32>
  %1 = ingot.dot %0, %0 contract [0, 1] x [0, 1] : (tensor<2x4xbf16>, tensor<2x4xbf16>) -> tensor<f32>
  return %1 : tensor<f32>
}
