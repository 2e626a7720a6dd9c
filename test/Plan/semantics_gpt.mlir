// A GPT-2 block on a whole sequence, and pieces that no fused operation covers: each stage of Plan computes what the
// tensor program does, in any legal order of tasks.
// RUN: ingot-opt --ingot-assign-layouts %s -o %t.layouts.mlir
// RUN: ingot-interpret %s --random-inputs=1 --compare %t.layouts.mlir
// RUN: ingot-opt --ingot-assign-layouts --ingot-form-kernels %s -o %t.kernels.mlir
// The constants of GELU are float32 once it is written out, hence the tolerance.
// RUN: ingot-interpret %s --random-inputs=2 --tolerance=1e-6 --compare %t.kernels.mlir
// RUN: ingot-opt --ingot-plan-pipeline="isa=avx2 workers=3" %s -o %t.task.mlir
// RUN: ingot-interpret %s --random-inputs=3 --tolerance=1e-6 --seed=1 --compare %t.task.mlir
// RUN: ingot-interpret %s --random-inputs=3 --tolerance=1e-6 --seed=2 --compare %t.task.mlir

ingot.param @wte : tensor<48x32xf32>
ingot.param @wpe : tensor<8x32xf32>
ingot.param @ln_w : tensor<32xf32>
ingot.param @ln_b : tensor<32xf32>
ingot.param @wqkv : tensor<32x96xf32>
ingot.param @bqkv : tensor<96xf32>
ingot.param @wproj : tensor<32x32xf32>
ingot.param @wfc : tensor<32x128xf32>
ingot.param @wout : tensor<128x32xf32>

func.func @main(%tokens: tensor<1x8xi32> {ingot.input = "tokens"}, %start: tensor<1xi32> {ingot.input = "start"},
    %wte: tensor<48x32xf32> {ingot.param = @wte}, %wpe: tensor<8x32xf32> {ingot.param = @wpe},
    %ln_w: tensor<32xf32> {ingot.param = @ln_w}, %ln_b: tensor<32xf32> {ingot.param = @ln_b},
    %wqkv: tensor<32x96xf32> {ingot.param = @wqkv}, %bqkv: tensor<96xf32> {ingot.param = @bqkv},
    %wproj: tensor<32x32xf32> {ingot.param = @wproj}, %wfc: tensor<32x128xf32> {ingot.param = @wfc},
    %wout: tensor<128x32xf32> {ingot.param = @wout})
    -> (tensor<1x8x48xf32> {ingot.output = "logits"}) {
  %e = ingot.gather %wte, %tokens : (tensor<48x32xf32>, tensor<1x8xi32>) -> tensor<1x8x32xf32>
  %pos = ingot.positions %start : tensor<1xi32> -> tensor<1x8xi32>
  %p = ingot.gather %wpe, %pos : (tensor<8x32xf32>, tensor<1x8xi32>) -> tensor<1x8x32xf32>
  %x = arith.addf %e, %p : tensor<1x8x32xf32>
  %n = ingot.layer_norm %x, %ln_w, %ln_b eps 1.0e-5 : tensor<1x8x32xf32>, tensor<32xf32>, tensor<32xf32>
  %qkv0 = ingot.dot %n, %wqkv contract [2] x [0] : (tensor<1x8x32xf32>, tensor<32x96xf32>) -> tensor<1x8x96xf32>
  %bias = ingot.broadcast %bqkv dims [2] : tensor<96xf32> -> tensor<1x8x96xf32>
  %qkv = arith.addf %qkv0, %bias : tensor<1x8x96xf32>
  %q0 = tensor.extract_slice %qkv[0, 0, 0] [1, 8, 32] [1, 1, 1] : tensor<1x8x96xf32> to tensor<1x8x32xf32>
  %k0 = tensor.extract_slice %qkv[0, 0, 32] [1, 8, 32] [1, 1, 1] : tensor<1x8x96xf32> to tensor<1x8x32xf32>
  %v0 = tensor.extract_slice %qkv[0, 0, 64] [1, 8, 32] [1, 1, 1] : tensor<1x8x96xf32> to tensor<1x8x32xf32>
  %q = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [1, 8, 4, 8] : tensor<1x8x32xf32> into tensor<1x8x4x8xf32>
  %k1 = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [1, 8, 4, 8] : tensor<1x8x32xf32> into tensor<1x8x4x8xf32>
  %v1 = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [1, 8, 4, 8] : tensor<1x8x32xf32> into tensor<1x8x4x8xf32>
  %k = ingot.transpose %k1 permutation [0, 2, 1, 3] : (tensor<1x8x4x8xf32>) -> tensor<1x4x8x8xf32>
  %v = ingot.transpose %v1 permutation [0, 2, 1, 3] : (tensor<1x8x4x8xf32>) -> tensor<1x4x8x8xf32>
  %a = ingot.attention %q, %k, %v causal scale 0.353553
      : (tensor<1x8x4x8xf32>, tensor<1x4x8x8xf32>, tensor<1x4x8x8xf32>) -> tensor<1x8x4x8xf32>
  %a1 = tensor.collapse_shape %a [[0], [1], [2, 3]] : tensor<1x8x4x8xf32> into tensor<1x8x32xf32>
  %o = ingot.dot %a1, %wproj contract [2] x [0] : (tensor<1x8x32xf32>, tensor<32x32xf32>) -> tensor<1x8x32xf32>
  %x1 = arith.addf %x, %o : tensor<1x8x32xf32>
  %n1 = ingot.layer_norm %x1, %ln_w eps 1.0e-5 : tensor<1x8x32xf32>, tensor<32xf32>
  %h0 = ingot.dot %n1, %wfc contract [2] x [0] : (tensor<1x8x32xf32>, tensor<32x128xf32>) -> tensor<1x8x128xf32>
  %h = ingot.gelu tanh %h0 : tensor<1x8x128xf32>
  %d = ingot.dot %h, %wout contract [2] x [0] : (tensor<1x8x128xf32>, tensor<128x32xf32>) -> tensor<1x8x32xf32>
  %x2 = arith.addf %x1, %d : tensor<1x8x32xf32>
  %logits = ingot.dot %x2, %wte contract [2] x [1] : (tensor<1x8x32xf32>, tensor<48x32xf32>) -> tensor<1x8x48xf32>
  return %logits : tensor<1x8x48xf32>
}
