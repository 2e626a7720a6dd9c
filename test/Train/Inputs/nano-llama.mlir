// A Llama of two layers: rotary positions, root-mean-square norms, grouped heads, gated silu.
ingot.param @wte : tensor<64x32xf32>
ingot.param @cos : tensor<16x4xf32>
ingot.param @sin : tensor<16x4xf32>
ingot.param @"l0.norm1" : tensor<32xf32>
ingot.param @"l0.q" : tensor<32x32xf32>
ingot.param @"l0.k" : tensor<16x32xf32>
ingot.param @"l0.v" : tensor<16x32xf32>
ingot.param @"l0.o" : tensor<32x32xf32>
ingot.param @"l0.norm2" : tensor<32xf32>
ingot.param @"l0.gate" : tensor<48x32xf32>
ingot.param @"l0.up" : tensor<48x32xf32>
ingot.param @"l0.down" : tensor<32x48xf32>
ingot.param @"l1.norm1" : tensor<32xf32>
ingot.param @"l1.q" : tensor<32x32xf32>
ingot.param @"l1.k" : tensor<16x32xf32>
ingot.param @"l1.v" : tensor<16x32xf32>
ingot.param @"l1.o" : tensor<32x32xf32>
ingot.param @"l1.norm2" : tensor<32xf32>
ingot.param @"l1.gate" : tensor<48x32xf32>
ingot.param @"l1.up" : tensor<48x32xf32>
ingot.param @"l1.down" : tensor<32x48xf32>
ingot.param @norm : tensor<32xf32>
ingot.param @head : tensor<64x32xf32>

func.func @loss(%tokens: tensor<2x16xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %targets: tensor<2x16xi32> {ingot.input = "targets", ingot.role = "targets"},
    %weights: tensor<2x16xf32> {ingot.input = "weights", ingot.role = "weights"},
    %wte: tensor<64x32xf32> {ingot.param = @wte},
    %cos: tensor<16x4xf32> {ingot.param = @cos},
    %sin: tensor<16x4xf32> {ingot.param = @sin},
    %l0_norm1: tensor<32xf32> {ingot.param = @"l0.norm1"},
    %l0_q: tensor<32x32xf32> {ingot.param = @"l0.q"},
    %l0_k: tensor<16x32xf32> {ingot.param = @"l0.k"},
    %l0_v: tensor<16x32xf32> {ingot.param = @"l0.v"},
    %l0_o: tensor<32x32xf32> {ingot.param = @"l0.o"},
    %l0_norm2: tensor<32xf32> {ingot.param = @"l0.norm2"},
    %l0_gate: tensor<48x32xf32> {ingot.param = @"l0.gate"},
    %l0_up: tensor<48x32xf32> {ingot.param = @"l0.up"},
    %l0_down: tensor<32x48xf32> {ingot.param = @"l0.down"},
    %l1_norm1: tensor<32xf32> {ingot.param = @"l1.norm1"},
    %l1_q: tensor<32x32xf32> {ingot.param = @"l1.q"},
    %l1_k: tensor<16x32xf32> {ingot.param = @"l1.k"},
    %l1_v: tensor<16x32xf32> {ingot.param = @"l1.v"},
    %l1_o: tensor<32x32xf32> {ingot.param = @"l1.o"},
    %l1_norm2: tensor<32xf32> {ingot.param = @"l1.norm2"},
    %l1_gate: tensor<48x32xf32> {ingot.param = @"l1.gate"},
    %l1_up: tensor<48x32xf32> {ingot.param = @"l1.up"},
    %l1_down: tensor<32x48xf32> {ingot.param = @"l1.down"},
    %norm: tensor<32xf32> {ingot.param = @norm},
    %head: tensor<64x32xf32> {ingot.param = @head})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %x0 = ingot.gather %wte, %tokens : (tensor<64x32xf32>, tensor<2x16xi32>) -> tensor<2x16x32xf32>
  %start = arith.constant dense<0> : tensor<2xi32>
  %at = ingot.positions %start : tensor<2xi32> -> tensor<2x16xi32>

  // Layer 0.
  %n0 = ingot.rms_norm %x0, %l0_norm1 eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>
  %q0 = ingot.dot %n0, %l0_q contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %q0_heads = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %q0_turned = ingot.rope %q0_heads, %cos, %sin at %at interleaved : tensor<2x16x4x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x16xi32>
  %k0 = ingot.dot %n0, %l0_k contract [2] x [1] : (tensor<2x16x32xf32>, tensor<16x32xf32>) -> tensor<2x16x16xf32>
  %k0_heads = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 16, 2, 8] : tensor<2x16x16xf32> into tensor<2x16x2x8xf32>
  %k0_turned = ingot.rope %k0_heads, %cos, %sin at %at interleaved : tensor<2x16x2x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x16xi32>
  %k0_rows = ingot.transpose %k0_turned permutation [0, 2, 1, 3] : (tensor<2x16x2x8xf32>) -> tensor<2x2x16x8xf32>
  %v0 = ingot.dot %n0, %l0_v contract [2] x [1] : (tensor<2x16x32xf32>, tensor<16x32xf32>) -> tensor<2x16x16xf32>
  %v0_heads = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 16, 2, 8] : tensor<2x16x16xf32> into tensor<2x16x2x8xf32>
  %v0_rows = ingot.transpose %v0_heads permutation [0, 2, 1, 3] : (tensor<2x16x2x8xf32>) -> tensor<2x2x16x8xf32>
  %a0_heads = ingot.attention %q0_turned, %k0_rows, %v0_rows causal scale 0.3535533905932738
      : (tensor<2x16x4x8xf32>, tensor<2x2x16x8xf32>, tensor<2x2x16x8xf32>) -> tensor<2x16x4x8xf32>
  %a0 = tensor.collapse_shape %a0_heads [[0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
  %o0 = ingot.dot %a0, %l0_o contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %y0 = arith.addf %x0, %o0 : tensor<2x16x32xf32>
  %m0 = ingot.rms_norm %y0, %l0_norm2 eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>
  %gate0 = ingot.dot %m0, %l0_gate contract [2] x [1] : (tensor<2x16x32xf32>, tensor<48x32xf32>) -> tensor<2x16x48xf32>
  %up0 = ingot.dot %m0, %l0_up contract [2] x [1] : (tensor<2x16x32xf32>, tensor<48x32xf32>) -> tensor<2x16x48xf32>
  %s0 = ingot.silu %gate0 : tensor<2x16x48xf32>
  %t0 = arith.mulf %s0, %up0 : tensor<2x16x48xf32>
  %d0 = ingot.dot %t0, %l0_down contract [2] x [1] : (tensor<2x16x48xf32>, tensor<32x48xf32>) -> tensor<2x16x32xf32>
  %x1 = arith.addf %y0, %d0 : tensor<2x16x32xf32>

  // Layer 1.
  %n1 = ingot.rms_norm %x1, %l1_norm1 eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>
  %q1 = ingot.dot %n1, %l1_q contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %q1_heads = tensor.expand_shape %q1 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %q1_turned = ingot.rope %q1_heads, %cos, %sin at %at interleaved : tensor<2x16x4x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x16xi32>
  %k1 = ingot.dot %n1, %l1_k contract [2] x [1] : (tensor<2x16x32xf32>, tensor<16x32xf32>) -> tensor<2x16x16xf32>
  %k1_heads = tensor.expand_shape %k1 [[0], [1], [2, 3]] output_shape [2, 16, 2, 8] : tensor<2x16x16xf32> into tensor<2x16x2x8xf32>
  %k1_turned = ingot.rope %k1_heads, %cos, %sin at %at interleaved : tensor<2x16x2x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<2x16xi32>
  %k1_rows = ingot.transpose %k1_turned permutation [0, 2, 1, 3] : (tensor<2x16x2x8xf32>) -> tensor<2x2x16x8xf32>
  %v1 = ingot.dot %n1, %l1_v contract [2] x [1] : (tensor<2x16x32xf32>, tensor<16x32xf32>) -> tensor<2x16x16xf32>
  %v1_heads = tensor.expand_shape %v1 [[0], [1], [2, 3]] output_shape [2, 16, 2, 8] : tensor<2x16x16xf32> into tensor<2x16x2x8xf32>
  %v1_rows = ingot.transpose %v1_heads permutation [0, 2, 1, 3] : (tensor<2x16x2x8xf32>) -> tensor<2x2x16x8xf32>
  %a1_heads = ingot.attention %q1_turned, %k1_rows, %v1_rows causal scale 0.3535533905932738
      : (tensor<2x16x4x8xf32>, tensor<2x2x16x8xf32>, tensor<2x2x16x8xf32>) -> tensor<2x16x4x8xf32>
  %a1 = tensor.collapse_shape %a1_heads [[0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
  %o1 = ingot.dot %a1, %l1_o contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %y1 = arith.addf %x1, %o1 : tensor<2x16x32xf32>
  %m1 = ingot.rms_norm %y1, %l1_norm2 eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>
  %gate1 = ingot.dot %m1, %l1_gate contract [2] x [1] : (tensor<2x16x32xf32>, tensor<48x32xf32>) -> tensor<2x16x48xf32>
  %up1 = ingot.dot %m1, %l1_up contract [2] x [1] : (tensor<2x16x32xf32>, tensor<48x32xf32>) -> tensor<2x16x48xf32>
  %s1 = ingot.silu %gate1 : tensor<2x16x48xf32>
  %t1 = arith.mulf %s1, %up1 : tensor<2x16x48xf32>
  %d1 = ingot.dot %t1, %l1_down contract [2] x [1] : (tensor<2x16x48xf32>, tensor<32x48xf32>) -> tensor<2x16x32xf32>
  %x2 = arith.addf %y1, %d1 : tensor<2x16x32xf32>

  %f = ingot.rms_norm %x2, %norm eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>
  %logits = ingot.dot %f, %head contract [2] x [1] : (tensor<2x16x32xf32>, tensor<64x32xf32>) -> tensor<2x16x64xf32>
  %loss, %lse = ingot.cross_entropy %logits, %targets weights %weights z_loss 1.0e-4
      : (tensor<2x16x64xf32>, tensor<2x16xi32>, tensor<2x16xf32>) -> (tensor<f32>, tensor<2x16xf32>)
  return %loss : tensor<f32>
}
