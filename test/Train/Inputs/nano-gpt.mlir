// A GPT of two layers: learned positions, layer norms, biases, gelu, one matrix for embedding and output.
ingot.param @wte : tensor<64x32xf32>
ingot.param @wpe : tensor<16x32xf32>
ingot.param @"h0.ln1.w" : tensor<32xf32>
ingot.param @"h0.ln1.b" : tensor<32xf32>
ingot.param @"h0.q.w" : tensor<32x32xf32>
ingot.param @"h0.q.b" : tensor<32xf32>
ingot.param @"h0.k.w" : tensor<32x32xf32>
ingot.param @"h0.k.b" : tensor<32xf32>
ingot.param @"h0.v.w" : tensor<32x32xf32>
ingot.param @"h0.v.b" : tensor<32xf32>
ingot.param @"h0.o.w" : tensor<32x32xf32>
ingot.param @"h0.o.b" : tensor<32xf32>
ingot.param @"h0.ln2.w" : tensor<32xf32>
ingot.param @"h0.ln2.b" : tensor<32xf32>
ingot.param @"h0.up.w" : tensor<64x32xf32>
ingot.param @"h0.up.b" : tensor<64xf32>
ingot.param @"h0.down.w" : tensor<32x64xf32>
ingot.param @"h0.down.b" : tensor<32xf32>
ingot.param @"h1.ln1.w" : tensor<32xf32>
ingot.param @"h1.ln1.b" : tensor<32xf32>
ingot.param @"h1.q.w" : tensor<32x32xf32>
ingot.param @"h1.q.b" : tensor<32xf32>
ingot.param @"h1.k.w" : tensor<32x32xf32>
ingot.param @"h1.k.b" : tensor<32xf32>
ingot.param @"h1.v.w" : tensor<32x32xf32>
ingot.param @"h1.v.b" : tensor<32xf32>
ingot.param @"h1.o.w" : tensor<32x32xf32>
ingot.param @"h1.o.b" : tensor<32xf32>
ingot.param @"h1.ln2.w" : tensor<32xf32>
ingot.param @"h1.ln2.b" : tensor<32xf32>
ingot.param @"h1.up.w" : tensor<64x32xf32>
ingot.param @"h1.up.b" : tensor<64xf32>
ingot.param @"h1.down.w" : tensor<32x64xf32>
ingot.param @"h1.down.b" : tensor<32xf32>
ingot.param @"lnf.w" : tensor<32xf32>
ingot.param @"lnf.b" : tensor<32xf32>

func.func @loss(%tokens: tensor<2x16xi32> {ingot.input = "tokens", ingot.role = "tokens"},
    %targets: tensor<2x16xi32> {ingot.input = "targets", ingot.role = "targets"},
    %weights: tensor<2x16xf32> {ingot.input = "weights", ingot.role = "weights"},
    %wte: tensor<64x32xf32> {ingot.param = @wte},
    %wpe: tensor<16x32xf32> {ingot.param = @wpe},
    %h0_ln1_w: tensor<32xf32> {ingot.param = @"h0.ln1.w"},
    %h0_ln1_b: tensor<32xf32> {ingot.param = @"h0.ln1.b"},
    %h0_q_w: tensor<32x32xf32> {ingot.param = @"h0.q.w"},
    %h0_q_b: tensor<32xf32> {ingot.param = @"h0.q.b"},
    %h0_k_w: tensor<32x32xf32> {ingot.param = @"h0.k.w"},
    %h0_k_b: tensor<32xf32> {ingot.param = @"h0.k.b"},
    %h0_v_w: tensor<32x32xf32> {ingot.param = @"h0.v.w"},
    %h0_v_b: tensor<32xf32> {ingot.param = @"h0.v.b"},
    %h0_o_w: tensor<32x32xf32> {ingot.param = @"h0.o.w"},
    %h0_o_b: tensor<32xf32> {ingot.param = @"h0.o.b"},
    %h0_ln2_w: tensor<32xf32> {ingot.param = @"h0.ln2.w"},
    %h0_ln2_b: tensor<32xf32> {ingot.param = @"h0.ln2.b"},
    %h0_up_w: tensor<64x32xf32> {ingot.param = @"h0.up.w"},
    %h0_up_b: tensor<64xf32> {ingot.param = @"h0.up.b"},
    %h0_down_w: tensor<32x64xf32> {ingot.param = @"h0.down.w"},
    %h0_down_b: tensor<32xf32> {ingot.param = @"h0.down.b"},
    %h1_ln1_w: tensor<32xf32> {ingot.param = @"h1.ln1.w"},
    %h1_ln1_b: tensor<32xf32> {ingot.param = @"h1.ln1.b"},
    %h1_q_w: tensor<32x32xf32> {ingot.param = @"h1.q.w"},
    %h1_q_b: tensor<32xf32> {ingot.param = @"h1.q.b"},
    %h1_k_w: tensor<32x32xf32> {ingot.param = @"h1.k.w"},
    %h1_k_b: tensor<32xf32> {ingot.param = @"h1.k.b"},
    %h1_v_w: tensor<32x32xf32> {ingot.param = @"h1.v.w"},
    %h1_v_b: tensor<32xf32> {ingot.param = @"h1.v.b"},
    %h1_o_w: tensor<32x32xf32> {ingot.param = @"h1.o.w"},
    %h1_o_b: tensor<32xf32> {ingot.param = @"h1.o.b"},
    %h1_ln2_w: tensor<32xf32> {ingot.param = @"h1.ln2.w"},
    %h1_ln2_b: tensor<32xf32> {ingot.param = @"h1.ln2.b"},
    %h1_up_w: tensor<64x32xf32> {ingot.param = @"h1.up.w"},
    %h1_up_b: tensor<64xf32> {ingot.param = @"h1.up.b"},
    %h1_down_w: tensor<32x64xf32> {ingot.param = @"h1.down.w"},
    %h1_down_b: tensor<32xf32> {ingot.param = @"h1.down.b"},
    %lnf_w: tensor<32xf32> {ingot.param = @"lnf.w"},
    %lnf_b: tensor<32xf32> {ingot.param = @"lnf.b"})
    -> (tensor<f32> {ingot.output = "loss", ingot.role = "loss"}) {
  %e = ingot.gather %wte, %tokens : (tensor<64x32xf32>, tensor<2x16xi32>) -> tensor<2x16x32xf32>
  %p = ingot.broadcast %wpe dims [1, 2] : tensor<16x32xf32> -> tensor<2x16x32xf32>
  %x0 = arith.addf %e, %p : tensor<2x16x32xf32>

  // Layer 0.
  %n0 = ingot.layer_norm %x0, %h0_ln1_w, %h0_ln1_b eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>, tensor<32xf32>
  %q0_dot = ingot.dot %n0, %h0_q_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %q0_bias = ingot.broadcast %h0_q_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %q0 = arith.addf %q0_dot, %q0_bias : tensor<2x16x32xf32>
  %q0_heads = tensor.expand_shape %q0 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %k0_dot = ingot.dot %n0, %h0_k_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %k0_bias = ingot.broadcast %h0_k_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %k0 = arith.addf %k0_dot, %k0_bias : tensor<2x16x32xf32>
  %k0_heads = tensor.expand_shape %k0 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %k0_rows = ingot.transpose %k0_heads permutation [0, 2, 1, 3] : (tensor<2x16x4x8xf32>) -> tensor<2x4x16x8xf32>
  %v0_dot = ingot.dot %n0, %h0_v_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %v0_bias = ingot.broadcast %h0_v_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %v0 = arith.addf %v0_dot, %v0_bias : tensor<2x16x32xf32>
  %v0_heads = tensor.expand_shape %v0 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %v0_rows = ingot.transpose %v0_heads permutation [0, 2, 1, 3] : (tensor<2x16x4x8xf32>) -> tensor<2x4x16x8xf32>
  %a0_heads = ingot.attention %q0_heads, %k0_rows, %v0_rows causal scale 0.3535533905932738
      : (tensor<2x16x4x8xf32>, tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>) -> tensor<2x16x4x8xf32>
  %a0 = tensor.collapse_shape %a0_heads [[0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
  %o0_dot = ingot.dot %a0, %h0_o_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %o0_bias = ingot.broadcast %h0_o_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %o0 = arith.addf %o0_dot, %o0_bias : tensor<2x16x32xf32>
  %y0 = arith.addf %x0, %o0 : tensor<2x16x32xf32>
  %m0 = ingot.layer_norm %y0, %h0_ln2_w, %h0_ln2_b eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>, tensor<32xf32>
  %u0_dot = ingot.dot %m0, %h0_up_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<64x32xf32>) -> tensor<2x16x64xf32>
  %u0_bias = ingot.broadcast %h0_up_b dims [2] : tensor<64xf32> -> tensor<2x16x64xf32>
  %u0 = arith.addf %u0_dot, %u0_bias : tensor<2x16x64xf32>
  %g0 = ingot.gelu tanh %u0 : tensor<2x16x64xf32>
  %d0_dot = ingot.dot %g0, %h0_down_w contract [2] x [1] : (tensor<2x16x64xf32>, tensor<32x64xf32>) -> tensor<2x16x32xf32>
  %d0_bias = ingot.broadcast %h0_down_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %d0 = arith.addf %d0_dot, %d0_bias : tensor<2x16x32xf32>
  %x1 = arith.addf %y0, %d0 : tensor<2x16x32xf32>

  // Layer 1.
  %n1 = ingot.layer_norm %x1, %h1_ln1_w, %h1_ln1_b eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>, tensor<32xf32>
  %q1_dot = ingot.dot %n1, %h1_q_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %q1_bias = ingot.broadcast %h1_q_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %q1 = arith.addf %q1_dot, %q1_bias : tensor<2x16x32xf32>
  %q1_heads = tensor.expand_shape %q1 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %k1_dot = ingot.dot %n1, %h1_k_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %k1_bias = ingot.broadcast %h1_k_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %k1 = arith.addf %k1_dot, %k1_bias : tensor<2x16x32xf32>
  %k1_heads = tensor.expand_shape %k1 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %k1_rows = ingot.transpose %k1_heads permutation [0, 2, 1, 3] : (tensor<2x16x4x8xf32>) -> tensor<2x4x16x8xf32>
  %v1_dot = ingot.dot %n1, %h1_v_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %v1_bias = ingot.broadcast %h1_v_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %v1 = arith.addf %v1_dot, %v1_bias : tensor<2x16x32xf32>
  %v1_heads = tensor.expand_shape %v1 [[0], [1], [2, 3]] output_shape [2, 16, 4, 8] : tensor<2x16x32xf32> into tensor<2x16x4x8xf32>
  %v1_rows = ingot.transpose %v1_heads permutation [0, 2, 1, 3] : (tensor<2x16x4x8xf32>) -> tensor<2x4x16x8xf32>
  %a1_heads = ingot.attention %q1_heads, %k1_rows, %v1_rows causal scale 0.3535533905932738
      : (tensor<2x16x4x8xf32>, tensor<2x4x16x8xf32>, tensor<2x4x16x8xf32>) -> tensor<2x16x4x8xf32>
  %a1 = tensor.collapse_shape %a1_heads [[0], [1], [2, 3]] : tensor<2x16x4x8xf32> into tensor<2x16x32xf32>
  %o1_dot = ingot.dot %a1, %h1_o_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<32x32xf32>) -> tensor<2x16x32xf32>
  %o1_bias = ingot.broadcast %h1_o_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %o1 = arith.addf %o1_dot, %o1_bias : tensor<2x16x32xf32>
  %y1 = arith.addf %x1, %o1 : tensor<2x16x32xf32>
  %m1 = ingot.layer_norm %y1, %h1_ln2_w, %h1_ln2_b eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>, tensor<32xf32>
  %u1_dot = ingot.dot %m1, %h1_up_w contract [2] x [1] : (tensor<2x16x32xf32>, tensor<64x32xf32>) -> tensor<2x16x64xf32>
  %u1_bias = ingot.broadcast %h1_up_b dims [2] : tensor<64xf32> -> tensor<2x16x64xf32>
  %u1 = arith.addf %u1_dot, %u1_bias : tensor<2x16x64xf32>
  %g1 = ingot.gelu tanh %u1 : tensor<2x16x64xf32>
  %d1_dot = ingot.dot %g1, %h1_down_w contract [2] x [1] : (tensor<2x16x64xf32>, tensor<32x64xf32>) -> tensor<2x16x32xf32>
  %d1_bias = ingot.broadcast %h1_down_b dims [2] : tensor<32xf32> -> tensor<2x16x32xf32>
  %d1 = arith.addf %d1_dot, %d1_bias : tensor<2x16x32xf32>
  %x2 = arith.addf %y1, %d1 : tensor<2x16x32xf32>

  // The embedding is the output's matrix, too.
  %f = ingot.layer_norm %x2, %lnf_w, %lnf_b eps 1.0e-5 : tensor<2x16x32xf32>, tensor<32xf32>, tensor<32xf32>
  %logits = ingot.dot %f, %wte contract [2] x [1] : (tensor<2x16x32xf32>, tensor<64x32xf32>) -> tensor<2x16x64xf32>
  %loss, %lse = ingot.cross_entropy %logits, %targets weights %weights z_loss 1.0e-4
      : (tensor<2x16x64xf32>, tensor<2x16xi32>, tensor<2x16xf32>) -> (tensor<f32>, tensor<2x16xf32>)
  return %loss : tensor<f32>
}
