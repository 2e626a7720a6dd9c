// The Llama of `stories260K` (Llama 2: dim 64, hidden 172, 5 layers, 8 heads over 4 kv heads, 512 tokens of
// vocabulary, 512 positions), written by hand. Weights come from outside, under the names that
// `examples/llama2c/export_safetensors.py` gives them:
//
//   ingot compile examples/handwritten/llama.mlir --params stories260K.safetensors -o llama.ingot
//
// Two entries share the parameters and one key/value cache: `decode` takes one token a step, `prefill` a chunk of up to
// 64. Row c of a chunk stands at position start + c; rows from `count` on are padding: they are neither written to the
// cache nor attended, and their logits mean nothing.

// Shapes. Matrices are [out, in], so a dense layer contracts the last dimension of both sides.
!vocab   = tensor<512x64xf32>   // token embeddings, and the classifier that shares them
!model   = tensor<64x64xf32>    // wq, wo
!heads4  = tensor<32x64xf32>    // wk, wv: 4 kv heads of 8
!up      = tensor<172x64xf32>   // w1, w3
!down    = tensor<64x172xf32>   // w2
!scale   = tensor<64xf32>       // scale of a norm
!table   = tensor<512x4xf32>    // cos or sin of every position and pair of a head
!cache   = tensor<5x2x1x4x512x8xf32>   // [layer, k|v, sequence, kv head, position, element]
!page    = tensor<1x4x512x8xf32>       // keys, or values, of one layer
!slot    = tensor<1xi32>

ingot.param @"tok_embeddings.weight" : !vocab
ingot.param @"norm.weight" : !scale
ingot.param @"rope.cos" : !table
ingot.param @"rope.sin" : !table
ingot.param @"layers.0.attention_norm.weight" : !scale
ingot.param @"layers.0.attention.wq.weight" : !model
ingot.param @"layers.0.attention.wk.weight" : !heads4
ingot.param @"layers.0.attention.wv.weight" : !heads4
ingot.param @"layers.0.attention.wo.weight" : !model
ingot.param @"layers.0.ffn_norm.weight" : !scale
ingot.param @"layers.0.feed_forward.w1.weight" : !up
ingot.param @"layers.0.feed_forward.w2.weight" : !down
ingot.param @"layers.0.feed_forward.w3.weight" : !up
ingot.param @"layers.1.attention_norm.weight" : !scale
ingot.param @"layers.1.attention.wq.weight" : !model
ingot.param @"layers.1.attention.wk.weight" : !heads4
ingot.param @"layers.1.attention.wv.weight" : !heads4
ingot.param @"layers.1.attention.wo.weight" : !model
ingot.param @"layers.1.ffn_norm.weight" : !scale
ingot.param @"layers.1.feed_forward.w1.weight" : !up
ingot.param @"layers.1.feed_forward.w2.weight" : !down
ingot.param @"layers.1.feed_forward.w3.weight" : !up
ingot.param @"layers.2.attention_norm.weight" : !scale
ingot.param @"layers.2.attention.wq.weight" : !model
ingot.param @"layers.2.attention.wk.weight" : !heads4
ingot.param @"layers.2.attention.wv.weight" : !heads4
ingot.param @"layers.2.attention.wo.weight" : !model
ingot.param @"layers.2.ffn_norm.weight" : !scale
ingot.param @"layers.2.feed_forward.w1.weight" : !up
ingot.param @"layers.2.feed_forward.w2.weight" : !down
ingot.param @"layers.2.feed_forward.w3.weight" : !up
ingot.param @"layers.3.attention_norm.weight" : !scale
ingot.param @"layers.3.attention.wq.weight" : !model
ingot.param @"layers.3.attention.wk.weight" : !heads4
ingot.param @"layers.3.attention.wv.weight" : !heads4
ingot.param @"layers.3.attention.wo.weight" : !model
ingot.param @"layers.3.ffn_norm.weight" : !scale
ingot.param @"layers.3.feed_forward.w1.weight" : !up
ingot.param @"layers.3.feed_forward.w2.weight" : !down
ingot.param @"layers.3.feed_forward.w3.weight" : !up
ingot.param @"layers.4.attention_norm.weight" : !scale
ingot.param @"layers.4.attention.wq.weight" : !model
ingot.param @"layers.4.attention.wk.weight" : !heads4
ingot.param @"layers.4.attention.wv.weight" : !heads4
ingot.param @"layers.4.attention.wo.weight" : !model
ingot.param @"layers.4.ffn_norm.weight" : !scale
ingot.param @"layers.4.feed_forward.w1.weight" : !up
ingot.param @"layers.4.feed_forward.w2.weight" : !down
ingot.param @"layers.4.feed_forward.w3.weight" : !up

ingot.state @kv init 0.0 : !cache

// One token.
!d_tokens = tensor<1x1xi32>     // and their positions
!d_x = tensor<1x1x64xf32>       // the residual stream
!d_kv = tensor<1x1x32xf32>      // keys or values, flat
!d_q4 = tensor<1x1x8x8xf32>     // queries by head
!d_kv4 = tensor<1x1x4x8xf32>    // keys or values by head
!d_h = tensor<1x1x172xf32>      // hidden
!d_y = tensor<1x1x512xf32>      // logits

func.func @decode(
    %tokens: !d_tokens {ingot.input = "tokens", ingot.role = "tokens"},
    %start: !slot {ingot.input = "start", ingot.role = "start"},
    %count: !slot {ingot.input = "count", ingot.role = "count"},
    %kv: !cache {ingot.state = @kv},
    %emb: !vocab {ingot.param = @"tok_embeddings.weight"}, %norm: !scale {ingot.param = @"norm.weight"},
    %cos: !table {ingot.param = @"rope.cos"}, %sin: !table {ingot.param = @"rope.sin"},
    %an_0: !scale {ingot.param = @"layers.0.attention_norm.weight"},
    %wq_0: !model {ingot.param = @"layers.0.attention.wq.weight"},
    %wk_0: !heads4 {ingot.param = @"layers.0.attention.wk.weight"},
    %wv_0: !heads4 {ingot.param = @"layers.0.attention.wv.weight"},
    %wo_0: !model {ingot.param = @"layers.0.attention.wo.weight"},
    %fn_0: !scale {ingot.param = @"layers.0.ffn_norm.weight"},
    %w1_0: !up {ingot.param = @"layers.0.feed_forward.w1.weight"},
    %w2_0: !down {ingot.param = @"layers.0.feed_forward.w2.weight"},
    %w3_0: !up {ingot.param = @"layers.0.feed_forward.w3.weight"},
    %an_1: !scale {ingot.param = @"layers.1.attention_norm.weight"},
    %wq_1: !model {ingot.param = @"layers.1.attention.wq.weight"},
    %wk_1: !heads4 {ingot.param = @"layers.1.attention.wk.weight"},
    %wv_1: !heads4 {ingot.param = @"layers.1.attention.wv.weight"},
    %wo_1: !model {ingot.param = @"layers.1.attention.wo.weight"},
    %fn_1: !scale {ingot.param = @"layers.1.ffn_norm.weight"},
    %w1_1: !up {ingot.param = @"layers.1.feed_forward.w1.weight"},
    %w2_1: !down {ingot.param = @"layers.1.feed_forward.w2.weight"},
    %w3_1: !up {ingot.param = @"layers.1.feed_forward.w3.weight"},
    %an_2: !scale {ingot.param = @"layers.2.attention_norm.weight"},
    %wq_2: !model {ingot.param = @"layers.2.attention.wq.weight"},
    %wk_2: !heads4 {ingot.param = @"layers.2.attention.wk.weight"},
    %wv_2: !heads4 {ingot.param = @"layers.2.attention.wv.weight"},
    %wo_2: !model {ingot.param = @"layers.2.attention.wo.weight"},
    %fn_2: !scale {ingot.param = @"layers.2.ffn_norm.weight"},
    %w1_2: !up {ingot.param = @"layers.2.feed_forward.w1.weight"},
    %w2_2: !down {ingot.param = @"layers.2.feed_forward.w2.weight"},
    %w3_2: !up {ingot.param = @"layers.2.feed_forward.w3.weight"},
    %an_3: !scale {ingot.param = @"layers.3.attention_norm.weight"},
    %wq_3: !model {ingot.param = @"layers.3.attention.wq.weight"},
    %wk_3: !heads4 {ingot.param = @"layers.3.attention.wk.weight"},
    %wv_3: !heads4 {ingot.param = @"layers.3.attention.wv.weight"},
    %wo_3: !model {ingot.param = @"layers.3.attention.wo.weight"},
    %fn_3: !scale {ingot.param = @"layers.3.ffn_norm.weight"},
    %w1_3: !up {ingot.param = @"layers.3.feed_forward.w1.weight"},
    %w2_3: !down {ingot.param = @"layers.3.feed_forward.w2.weight"},
    %w3_3: !up {ingot.param = @"layers.3.feed_forward.w3.weight"},
    %an_4: !scale {ingot.param = @"layers.4.attention_norm.weight"},
    %wq_4: !model {ingot.param = @"layers.4.attention.wq.weight"},
    %wk_4: !heads4 {ingot.param = @"layers.4.attention.wk.weight"},
    %wv_4: !heads4 {ingot.param = @"layers.4.attention.wv.weight"},
    %wo_4: !model {ingot.param = @"layers.4.attention.wo.weight"},
    %fn_4: !scale {ingot.param = @"layers.4.ffn_norm.weight"},
    %w1_4: !up {ingot.param = @"layers.4.feed_forward.w1.weight"},
    %w2_4: !down {ingot.param = @"layers.4.feed_forward.w2.weight"},
    %w3_4: !up {ingot.param = @"layers.4.feed_forward.w3.weight"})
    -> (!d_y {ingot.output = "logits", ingot.role = "logits"}, !cache {ingot.state = @kv}) {
  %pos = ingot.positions %start : !slot -> !d_tokens
  %x_0 = ingot.gather %emb, %tokens : (!vocab, !d_tokens) -> !d_x

  // Layer 0: attention.
  %n_0 = ingot.rms_norm %x_0, %an_0 eps 1.0e-5 : !d_x, !scale
  %q_0 = ingot.dot %n_0, %wq_0 contract [2] x [1] : (!d_x, !model) -> !d_x
  %k_0 = ingot.dot %n_0, %wk_0 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %v_0 = ingot.dot %n_0, %wv_0 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %qh_0 = tensor.expand_shape %q_0 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : !d_x into !d_q4
  %kh_0 = tensor.expand_shape %k_0 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %vh_0 = tensor.expand_shape %v_0 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %qr_0 = ingot.rope %qh_0, %cos, %sin at %pos interleaved : !d_q4, !table, !table, !d_tokens
  %kr_0 = ingot.rope %kh_0, %cos, %sin at %pos interleaved : !d_kv4, !table, !table, !d_tokens
  %kv_1 = ingot.kv_append %kr_0, %vh_0 into %kv layer 0 start %start count %count
      : !d_kv4, !d_kv4, !cache, !slot, !slot
  %keys_0 = tensor.extract_slice %kv_1[0, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_0 = tensor.extract_slice %kv_1[0, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_0 = ingot.attention %qr_0, %keys_0, %vals_0 start %start count %count causal scale 0.35355339059327379
      : (!d_q4, !page, !page, !slot, !slot) -> !d_q4
  %o_0 = tensor.collapse_shape %oh_0 [[0], [1], [2, 3]] : !d_q4 into !d_x
  %p_0 = ingot.dot %o_0, %wo_0 contract [2] x [1] : (!d_x, !model) -> !d_x
  %r_0 = arith.addf %x_0, %p_0 : !d_x
  // Layer 0: feed-forward.
  %m_0 = ingot.rms_norm %r_0, %fn_0 eps 1.0e-5 : !d_x, !scale
  %g_0 = ingot.dot %m_0, %w1_0 contract [2] x [1] : (!d_x, !up) -> !d_h
  %u_0 = ingot.dot %m_0, %w3_0 contract [2] x [1] : (!d_x, !up) -> !d_h
  %a_0 = ingot.silu %g_0 : !d_h
  %h_0 = arith.mulf %a_0, %u_0 : !d_h
  %d_0 = ingot.dot %h_0, %w2_0 contract [2] x [1] : (!d_h, !down) -> !d_x
  %x_1 = arith.addf %r_0, %d_0 : !d_x

  // Layer 1: attention.
  %n_1 = ingot.rms_norm %x_1, %an_1 eps 1.0e-5 : !d_x, !scale
  %q_1 = ingot.dot %n_1, %wq_1 contract [2] x [1] : (!d_x, !model) -> !d_x
  %k_1 = ingot.dot %n_1, %wk_1 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %v_1 = ingot.dot %n_1, %wv_1 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %qh_1 = tensor.expand_shape %q_1 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : !d_x into !d_q4
  %kh_1 = tensor.expand_shape %k_1 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %vh_1 = tensor.expand_shape %v_1 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %qr_1 = ingot.rope %qh_1, %cos, %sin at %pos interleaved : !d_q4, !table, !table, !d_tokens
  %kr_1 = ingot.rope %kh_1, %cos, %sin at %pos interleaved : !d_kv4, !table, !table, !d_tokens
  %kv_2 = ingot.kv_append %kr_1, %vh_1 into %kv_1 layer 1 start %start count %count
      : !d_kv4, !d_kv4, !cache, !slot, !slot
  %keys_1 = tensor.extract_slice %kv_2[1, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_1 = tensor.extract_slice %kv_2[1, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_1 = ingot.attention %qr_1, %keys_1, %vals_1 start %start count %count causal scale 0.35355339059327379
      : (!d_q4, !page, !page, !slot, !slot) -> !d_q4
  %o_1 = tensor.collapse_shape %oh_1 [[0], [1], [2, 3]] : !d_q4 into !d_x
  %p_1 = ingot.dot %o_1, %wo_1 contract [2] x [1] : (!d_x, !model) -> !d_x
  %r_1 = arith.addf %x_1, %p_1 : !d_x
  // Layer 1: feed-forward.
  %m_1 = ingot.rms_norm %r_1, %fn_1 eps 1.0e-5 : !d_x, !scale
  %g_1 = ingot.dot %m_1, %w1_1 contract [2] x [1] : (!d_x, !up) -> !d_h
  %u_1 = ingot.dot %m_1, %w3_1 contract [2] x [1] : (!d_x, !up) -> !d_h
  %a_1 = ingot.silu %g_1 : !d_h
  %h_1 = arith.mulf %a_1, %u_1 : !d_h
  %d_1 = ingot.dot %h_1, %w2_1 contract [2] x [1] : (!d_h, !down) -> !d_x
  %x_2 = arith.addf %r_1, %d_1 : !d_x

  // Layer 2: attention.
  %n_2 = ingot.rms_norm %x_2, %an_2 eps 1.0e-5 : !d_x, !scale
  %q_2 = ingot.dot %n_2, %wq_2 contract [2] x [1] : (!d_x, !model) -> !d_x
  %k_2 = ingot.dot %n_2, %wk_2 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %v_2 = ingot.dot %n_2, %wv_2 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %qh_2 = tensor.expand_shape %q_2 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : !d_x into !d_q4
  %kh_2 = tensor.expand_shape %k_2 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %vh_2 = tensor.expand_shape %v_2 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %qr_2 = ingot.rope %qh_2, %cos, %sin at %pos interleaved : !d_q4, !table, !table, !d_tokens
  %kr_2 = ingot.rope %kh_2, %cos, %sin at %pos interleaved : !d_kv4, !table, !table, !d_tokens
  %kv_3 = ingot.kv_append %kr_2, %vh_2 into %kv_2 layer 2 start %start count %count
      : !d_kv4, !d_kv4, !cache, !slot, !slot
  %keys_2 = tensor.extract_slice %kv_3[2, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_2 = tensor.extract_slice %kv_3[2, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_2 = ingot.attention %qr_2, %keys_2, %vals_2 start %start count %count causal scale 0.35355339059327379
      : (!d_q4, !page, !page, !slot, !slot) -> !d_q4
  %o_2 = tensor.collapse_shape %oh_2 [[0], [1], [2, 3]] : !d_q4 into !d_x
  %p_2 = ingot.dot %o_2, %wo_2 contract [2] x [1] : (!d_x, !model) -> !d_x
  %r_2 = arith.addf %x_2, %p_2 : !d_x
  // Layer 2: feed-forward.
  %m_2 = ingot.rms_norm %r_2, %fn_2 eps 1.0e-5 : !d_x, !scale
  %g_2 = ingot.dot %m_2, %w1_2 contract [2] x [1] : (!d_x, !up) -> !d_h
  %u_2 = ingot.dot %m_2, %w3_2 contract [2] x [1] : (!d_x, !up) -> !d_h
  %a_2 = ingot.silu %g_2 : !d_h
  %h_2 = arith.mulf %a_2, %u_2 : !d_h
  %d_2 = ingot.dot %h_2, %w2_2 contract [2] x [1] : (!d_h, !down) -> !d_x
  %x_3 = arith.addf %r_2, %d_2 : !d_x

  // Layer 3: attention.
  %n_3 = ingot.rms_norm %x_3, %an_3 eps 1.0e-5 : !d_x, !scale
  %q_3 = ingot.dot %n_3, %wq_3 contract [2] x [1] : (!d_x, !model) -> !d_x
  %k_3 = ingot.dot %n_3, %wk_3 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %v_3 = ingot.dot %n_3, %wv_3 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %qh_3 = tensor.expand_shape %q_3 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : !d_x into !d_q4
  %kh_3 = tensor.expand_shape %k_3 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %vh_3 = tensor.expand_shape %v_3 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %qr_3 = ingot.rope %qh_3, %cos, %sin at %pos interleaved : !d_q4, !table, !table, !d_tokens
  %kr_3 = ingot.rope %kh_3, %cos, %sin at %pos interleaved : !d_kv4, !table, !table, !d_tokens
  %kv_4 = ingot.kv_append %kr_3, %vh_3 into %kv_3 layer 3 start %start count %count
      : !d_kv4, !d_kv4, !cache, !slot, !slot
  %keys_3 = tensor.extract_slice %kv_4[3, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_3 = tensor.extract_slice %kv_4[3, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_3 = ingot.attention %qr_3, %keys_3, %vals_3 start %start count %count causal scale 0.35355339059327379
      : (!d_q4, !page, !page, !slot, !slot) -> !d_q4
  %o_3 = tensor.collapse_shape %oh_3 [[0], [1], [2, 3]] : !d_q4 into !d_x
  %p_3 = ingot.dot %o_3, %wo_3 contract [2] x [1] : (!d_x, !model) -> !d_x
  %r_3 = arith.addf %x_3, %p_3 : !d_x
  // Layer 3: feed-forward.
  %m_3 = ingot.rms_norm %r_3, %fn_3 eps 1.0e-5 : !d_x, !scale
  %g_3 = ingot.dot %m_3, %w1_3 contract [2] x [1] : (!d_x, !up) -> !d_h
  %u_3 = ingot.dot %m_3, %w3_3 contract [2] x [1] : (!d_x, !up) -> !d_h
  %a_3 = ingot.silu %g_3 : !d_h
  %h_3 = arith.mulf %a_3, %u_3 : !d_h
  %d_3 = ingot.dot %h_3, %w2_3 contract [2] x [1] : (!d_h, !down) -> !d_x
  %x_4 = arith.addf %r_3, %d_3 : !d_x

  // Layer 4: attention.
  %n_4 = ingot.rms_norm %x_4, %an_4 eps 1.0e-5 : !d_x, !scale
  %q_4 = ingot.dot %n_4, %wq_4 contract [2] x [1] : (!d_x, !model) -> !d_x
  %k_4 = ingot.dot %n_4, %wk_4 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %v_4 = ingot.dot %n_4, %wv_4 contract [2] x [1] : (!d_x, !heads4) -> !d_kv
  %qh_4 = tensor.expand_shape %q_4 [[0], [1], [2, 3]] output_shape [1, 1, 8, 8] : !d_x into !d_q4
  %kh_4 = tensor.expand_shape %k_4 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %vh_4 = tensor.expand_shape %v_4 [[0], [1], [2, 3]] output_shape [1, 1, 4, 8] : !d_kv into !d_kv4
  %qr_4 = ingot.rope %qh_4, %cos, %sin at %pos interleaved : !d_q4, !table, !table, !d_tokens
  %kr_4 = ingot.rope %kh_4, %cos, %sin at %pos interleaved : !d_kv4, !table, !table, !d_tokens
  %kv_5 = ingot.kv_append %kr_4, %vh_4 into %kv_4 layer 4 start %start count %count
      : !d_kv4, !d_kv4, !cache, !slot, !slot
  %keys_4 = tensor.extract_slice %kv_5[4, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_4 = tensor.extract_slice %kv_5[4, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_4 = ingot.attention %qr_4, %keys_4, %vals_4 start %start count %count causal scale 0.35355339059327379
      : (!d_q4, !page, !page, !slot, !slot) -> !d_q4
  %o_4 = tensor.collapse_shape %oh_4 [[0], [1], [2, 3]] : !d_q4 into !d_x
  %p_4 = ingot.dot %o_4, %wo_4 contract [2] x [1] : (!d_x, !model) -> !d_x
  %r_4 = arith.addf %x_4, %p_4 : !d_x
  // Layer 4: feed-forward.
  %m_4 = ingot.rms_norm %r_4, %fn_4 eps 1.0e-5 : !d_x, !scale
  %g_4 = ingot.dot %m_4, %w1_4 contract [2] x [1] : (!d_x, !up) -> !d_h
  %u_4 = ingot.dot %m_4, %w3_4 contract [2] x [1] : (!d_x, !up) -> !d_h
  %a_4 = ingot.silu %g_4 : !d_h
  %h_4 = arith.mulf %a_4, %u_4 : !d_h
  %d_4 = ingot.dot %h_4, %w2_4 contract [2] x [1] : (!d_h, !down) -> !d_x
  %x_5 = arith.addf %r_4, %d_4 : !d_x

  %last = ingot.rms_norm %x_5, %norm eps 1.0e-5 : !d_x, !scale
  %logits = ingot.dot %last, %emb contract [2] x [1] : (!d_x, !vocab) -> !d_y
  return %logits, %kv_5 : !d_y, !cache
}

// A chunk of the prompt: the same text with 64 rows.
!p_tokens = tensor<1x64xi32>    // and their positions
!p_x = tensor<1x64x64xf32>      // the residual stream
!p_kv = tensor<1x64x32xf32>     // keys or values, flat
!p_q4 = tensor<1x64x8x8xf32>    // queries by head
!p_kv4 = tensor<1x64x4x8xf32>   // keys or values by head
!p_h = tensor<1x64x172xf32>     // hidden
!p_y = tensor<1x64x512xf32>     // logits

func.func @prefill(
    %tokens: !p_tokens {ingot.input = "tokens", ingot.role = "tokens"},
    %start: !slot {ingot.input = "start", ingot.role = "start"},
    %count: !slot {ingot.input = "count", ingot.role = "count"},
    %kv: !cache {ingot.state = @kv},
    %emb: !vocab {ingot.param = @"tok_embeddings.weight"}, %norm: !scale {ingot.param = @"norm.weight"},
    %cos: !table {ingot.param = @"rope.cos"}, %sin: !table {ingot.param = @"rope.sin"},
    %an_0: !scale {ingot.param = @"layers.0.attention_norm.weight"},
    %wq_0: !model {ingot.param = @"layers.0.attention.wq.weight"},
    %wk_0: !heads4 {ingot.param = @"layers.0.attention.wk.weight"},
    %wv_0: !heads4 {ingot.param = @"layers.0.attention.wv.weight"},
    %wo_0: !model {ingot.param = @"layers.0.attention.wo.weight"},
    %fn_0: !scale {ingot.param = @"layers.0.ffn_norm.weight"},
    %w1_0: !up {ingot.param = @"layers.0.feed_forward.w1.weight"},
    %w2_0: !down {ingot.param = @"layers.0.feed_forward.w2.weight"},
    %w3_0: !up {ingot.param = @"layers.0.feed_forward.w3.weight"},
    %an_1: !scale {ingot.param = @"layers.1.attention_norm.weight"},
    %wq_1: !model {ingot.param = @"layers.1.attention.wq.weight"},
    %wk_1: !heads4 {ingot.param = @"layers.1.attention.wk.weight"},
    %wv_1: !heads4 {ingot.param = @"layers.1.attention.wv.weight"},
    %wo_1: !model {ingot.param = @"layers.1.attention.wo.weight"},
    %fn_1: !scale {ingot.param = @"layers.1.ffn_norm.weight"},
    %w1_1: !up {ingot.param = @"layers.1.feed_forward.w1.weight"},
    %w2_1: !down {ingot.param = @"layers.1.feed_forward.w2.weight"},
    %w3_1: !up {ingot.param = @"layers.1.feed_forward.w3.weight"},
    %an_2: !scale {ingot.param = @"layers.2.attention_norm.weight"},
    %wq_2: !model {ingot.param = @"layers.2.attention.wq.weight"},
    %wk_2: !heads4 {ingot.param = @"layers.2.attention.wk.weight"},
    %wv_2: !heads4 {ingot.param = @"layers.2.attention.wv.weight"},
    %wo_2: !model {ingot.param = @"layers.2.attention.wo.weight"},
    %fn_2: !scale {ingot.param = @"layers.2.ffn_norm.weight"},
    %w1_2: !up {ingot.param = @"layers.2.feed_forward.w1.weight"},
    %w2_2: !down {ingot.param = @"layers.2.feed_forward.w2.weight"},
    %w3_2: !up {ingot.param = @"layers.2.feed_forward.w3.weight"},
    %an_3: !scale {ingot.param = @"layers.3.attention_norm.weight"},
    %wq_3: !model {ingot.param = @"layers.3.attention.wq.weight"},
    %wk_3: !heads4 {ingot.param = @"layers.3.attention.wk.weight"},
    %wv_3: !heads4 {ingot.param = @"layers.3.attention.wv.weight"},
    %wo_3: !model {ingot.param = @"layers.3.attention.wo.weight"},
    %fn_3: !scale {ingot.param = @"layers.3.ffn_norm.weight"},
    %w1_3: !up {ingot.param = @"layers.3.feed_forward.w1.weight"},
    %w2_3: !down {ingot.param = @"layers.3.feed_forward.w2.weight"},
    %w3_3: !up {ingot.param = @"layers.3.feed_forward.w3.weight"},
    %an_4: !scale {ingot.param = @"layers.4.attention_norm.weight"},
    %wq_4: !model {ingot.param = @"layers.4.attention.wq.weight"},
    %wk_4: !heads4 {ingot.param = @"layers.4.attention.wk.weight"},
    %wv_4: !heads4 {ingot.param = @"layers.4.attention.wv.weight"},
    %wo_4: !model {ingot.param = @"layers.4.attention.wo.weight"},
    %fn_4: !scale {ingot.param = @"layers.4.ffn_norm.weight"},
    %w1_4: !up {ingot.param = @"layers.4.feed_forward.w1.weight"},
    %w2_4: !down {ingot.param = @"layers.4.feed_forward.w2.weight"},
    %w3_4: !up {ingot.param = @"layers.4.feed_forward.w3.weight"})
    -> (!p_y {ingot.output = "logits", ingot.role = "logits"}, !cache {ingot.state = @kv}) {
  %pos = ingot.positions %start : !slot -> !p_tokens
  %x_0 = ingot.gather %emb, %tokens : (!vocab, !p_tokens) -> !p_x

  // Layer 0: attention.
  %n_0 = ingot.rms_norm %x_0, %an_0 eps 1.0e-5 : !p_x, !scale
  %q_0 = ingot.dot %n_0, %wq_0 contract [2] x [1] : (!p_x, !model) -> !p_x
  %k_0 = ingot.dot %n_0, %wk_0 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %v_0 = ingot.dot %n_0, %wv_0 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %qh_0 = tensor.expand_shape %q_0 [[0], [1], [2, 3]] output_shape [1, 64, 8, 8] : !p_x into !p_q4
  %kh_0 = tensor.expand_shape %k_0 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %vh_0 = tensor.expand_shape %v_0 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %qr_0 = ingot.rope %qh_0, %cos, %sin at %pos interleaved : !p_q4, !table, !table, !p_tokens
  %kr_0 = ingot.rope %kh_0, %cos, %sin at %pos interleaved : !p_kv4, !table, !table, !p_tokens
  %kv_1 = ingot.kv_append %kr_0, %vh_0 into %kv layer 0 start %start count %count
      : !p_kv4, !p_kv4, !cache, !slot, !slot
  %keys_0 = tensor.extract_slice %kv_1[0, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_0 = tensor.extract_slice %kv_1[0, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_0 = ingot.attention %qr_0, %keys_0, %vals_0 start %start count %count causal scale 0.35355339059327379
      : (!p_q4, !page, !page, !slot, !slot) -> !p_q4
  %o_0 = tensor.collapse_shape %oh_0 [[0], [1], [2, 3]] : !p_q4 into !p_x
  %p_0 = ingot.dot %o_0, %wo_0 contract [2] x [1] : (!p_x, !model) -> !p_x
  %r_0 = arith.addf %x_0, %p_0 : !p_x
  // Layer 0: feed-forward.
  %m_0 = ingot.rms_norm %r_0, %fn_0 eps 1.0e-5 : !p_x, !scale
  %g_0 = ingot.dot %m_0, %w1_0 contract [2] x [1] : (!p_x, !up) -> !p_h
  %u_0 = ingot.dot %m_0, %w3_0 contract [2] x [1] : (!p_x, !up) -> !p_h
  %a_0 = ingot.silu %g_0 : !p_h
  %h_0 = arith.mulf %a_0, %u_0 : !p_h
  %d_0 = ingot.dot %h_0, %w2_0 contract [2] x [1] : (!p_h, !down) -> !p_x
  %x_1 = arith.addf %r_0, %d_0 : !p_x

  // Layer 1: attention.
  %n_1 = ingot.rms_norm %x_1, %an_1 eps 1.0e-5 : !p_x, !scale
  %q_1 = ingot.dot %n_1, %wq_1 contract [2] x [1] : (!p_x, !model) -> !p_x
  %k_1 = ingot.dot %n_1, %wk_1 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %v_1 = ingot.dot %n_1, %wv_1 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %qh_1 = tensor.expand_shape %q_1 [[0], [1], [2, 3]] output_shape [1, 64, 8, 8] : !p_x into !p_q4
  %kh_1 = tensor.expand_shape %k_1 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %vh_1 = tensor.expand_shape %v_1 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %qr_1 = ingot.rope %qh_1, %cos, %sin at %pos interleaved : !p_q4, !table, !table, !p_tokens
  %kr_1 = ingot.rope %kh_1, %cos, %sin at %pos interleaved : !p_kv4, !table, !table, !p_tokens
  %kv_2 = ingot.kv_append %kr_1, %vh_1 into %kv_1 layer 1 start %start count %count
      : !p_kv4, !p_kv4, !cache, !slot, !slot
  %keys_1 = tensor.extract_slice %kv_2[1, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_1 = tensor.extract_slice %kv_2[1, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_1 = ingot.attention %qr_1, %keys_1, %vals_1 start %start count %count causal scale 0.35355339059327379
      : (!p_q4, !page, !page, !slot, !slot) -> !p_q4
  %o_1 = tensor.collapse_shape %oh_1 [[0], [1], [2, 3]] : !p_q4 into !p_x
  %p_1 = ingot.dot %o_1, %wo_1 contract [2] x [1] : (!p_x, !model) -> !p_x
  %r_1 = arith.addf %x_1, %p_1 : !p_x
  // Layer 1: feed-forward.
  %m_1 = ingot.rms_norm %r_1, %fn_1 eps 1.0e-5 : !p_x, !scale
  %g_1 = ingot.dot %m_1, %w1_1 contract [2] x [1] : (!p_x, !up) -> !p_h
  %u_1 = ingot.dot %m_1, %w3_1 contract [2] x [1] : (!p_x, !up) -> !p_h
  %a_1 = ingot.silu %g_1 : !p_h
  %h_1 = arith.mulf %a_1, %u_1 : !p_h
  %d_1 = ingot.dot %h_1, %w2_1 contract [2] x [1] : (!p_h, !down) -> !p_x
  %x_2 = arith.addf %r_1, %d_1 : !p_x

  // Layer 2: attention.
  %n_2 = ingot.rms_norm %x_2, %an_2 eps 1.0e-5 : !p_x, !scale
  %q_2 = ingot.dot %n_2, %wq_2 contract [2] x [1] : (!p_x, !model) -> !p_x
  %k_2 = ingot.dot %n_2, %wk_2 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %v_2 = ingot.dot %n_2, %wv_2 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %qh_2 = tensor.expand_shape %q_2 [[0], [1], [2, 3]] output_shape [1, 64, 8, 8] : !p_x into !p_q4
  %kh_2 = tensor.expand_shape %k_2 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %vh_2 = tensor.expand_shape %v_2 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %qr_2 = ingot.rope %qh_2, %cos, %sin at %pos interleaved : !p_q4, !table, !table, !p_tokens
  %kr_2 = ingot.rope %kh_2, %cos, %sin at %pos interleaved : !p_kv4, !table, !table, !p_tokens
  %kv_3 = ingot.kv_append %kr_2, %vh_2 into %kv_2 layer 2 start %start count %count
      : !p_kv4, !p_kv4, !cache, !slot, !slot
  %keys_2 = tensor.extract_slice %kv_3[2, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_2 = tensor.extract_slice %kv_3[2, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_2 = ingot.attention %qr_2, %keys_2, %vals_2 start %start count %count causal scale 0.35355339059327379
      : (!p_q4, !page, !page, !slot, !slot) -> !p_q4
  %o_2 = tensor.collapse_shape %oh_2 [[0], [1], [2, 3]] : !p_q4 into !p_x
  %p_2 = ingot.dot %o_2, %wo_2 contract [2] x [1] : (!p_x, !model) -> !p_x
  %r_2 = arith.addf %x_2, %p_2 : !p_x
  // Layer 2: feed-forward.
  %m_2 = ingot.rms_norm %r_2, %fn_2 eps 1.0e-5 : !p_x, !scale
  %g_2 = ingot.dot %m_2, %w1_2 contract [2] x [1] : (!p_x, !up) -> !p_h
  %u_2 = ingot.dot %m_2, %w3_2 contract [2] x [1] : (!p_x, !up) -> !p_h
  %a_2 = ingot.silu %g_2 : !p_h
  %h_2 = arith.mulf %a_2, %u_2 : !p_h
  %d_2 = ingot.dot %h_2, %w2_2 contract [2] x [1] : (!p_h, !down) -> !p_x
  %x_3 = arith.addf %r_2, %d_2 : !p_x

  // Layer 3: attention.
  %n_3 = ingot.rms_norm %x_3, %an_3 eps 1.0e-5 : !p_x, !scale
  %q_3 = ingot.dot %n_3, %wq_3 contract [2] x [1] : (!p_x, !model) -> !p_x
  %k_3 = ingot.dot %n_3, %wk_3 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %v_3 = ingot.dot %n_3, %wv_3 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %qh_3 = tensor.expand_shape %q_3 [[0], [1], [2, 3]] output_shape [1, 64, 8, 8] : !p_x into !p_q4
  %kh_3 = tensor.expand_shape %k_3 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %vh_3 = tensor.expand_shape %v_3 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %qr_3 = ingot.rope %qh_3, %cos, %sin at %pos interleaved : !p_q4, !table, !table, !p_tokens
  %kr_3 = ingot.rope %kh_3, %cos, %sin at %pos interleaved : !p_kv4, !table, !table, !p_tokens
  %kv_4 = ingot.kv_append %kr_3, %vh_3 into %kv_3 layer 3 start %start count %count
      : !p_kv4, !p_kv4, !cache, !slot, !slot
  %keys_3 = tensor.extract_slice %kv_4[3, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_3 = tensor.extract_slice %kv_4[3, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_3 = ingot.attention %qr_3, %keys_3, %vals_3 start %start count %count causal scale 0.35355339059327379
      : (!p_q4, !page, !page, !slot, !slot) -> !p_q4
  %o_3 = tensor.collapse_shape %oh_3 [[0], [1], [2, 3]] : !p_q4 into !p_x
  %p_3 = ingot.dot %o_3, %wo_3 contract [2] x [1] : (!p_x, !model) -> !p_x
  %r_3 = arith.addf %x_3, %p_3 : !p_x
  // Layer 3: feed-forward.
  %m_3 = ingot.rms_norm %r_3, %fn_3 eps 1.0e-5 : !p_x, !scale
  %g_3 = ingot.dot %m_3, %w1_3 contract [2] x [1] : (!p_x, !up) -> !p_h
  %u_3 = ingot.dot %m_3, %w3_3 contract [2] x [1] : (!p_x, !up) -> !p_h
  %a_3 = ingot.silu %g_3 : !p_h
  %h_3 = arith.mulf %a_3, %u_3 : !p_h
  %d_3 = ingot.dot %h_3, %w2_3 contract [2] x [1] : (!p_h, !down) -> !p_x
  %x_4 = arith.addf %r_3, %d_3 : !p_x

  // Layer 4: attention.
  %n_4 = ingot.rms_norm %x_4, %an_4 eps 1.0e-5 : !p_x, !scale
  %q_4 = ingot.dot %n_4, %wq_4 contract [2] x [1] : (!p_x, !model) -> !p_x
  %k_4 = ingot.dot %n_4, %wk_4 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %v_4 = ingot.dot %n_4, %wv_4 contract [2] x [1] : (!p_x, !heads4) -> !p_kv
  %qh_4 = tensor.expand_shape %q_4 [[0], [1], [2, 3]] output_shape [1, 64, 8, 8] : !p_x into !p_q4
  %kh_4 = tensor.expand_shape %k_4 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %vh_4 = tensor.expand_shape %v_4 [[0], [1], [2, 3]] output_shape [1, 64, 4, 8] : !p_kv into !p_kv4
  %qr_4 = ingot.rope %qh_4, %cos, %sin at %pos interleaved : !p_q4, !table, !table, !p_tokens
  %kr_4 = ingot.rope %kh_4, %cos, %sin at %pos interleaved : !p_kv4, !table, !table, !p_tokens
  %kv_5 = ingot.kv_append %kr_4, %vh_4 into %kv_4 layer 4 start %start count %count
      : !p_kv4, !p_kv4, !cache, !slot, !slot
  %keys_4 = tensor.extract_slice %kv_5[4, 0, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %vals_4 = tensor.extract_slice %kv_5[4, 1, 0, 0, 0, 0] [1, 1, 1, 4, 512, 8] [1, 1, 1, 1, 1, 1] : !cache to !page
  %oh_4 = ingot.attention %qr_4, %keys_4, %vals_4 start %start count %count causal scale 0.35355339059327379
      : (!p_q4, !page, !page, !slot, !slot) -> !p_q4
  %o_4 = tensor.collapse_shape %oh_4 [[0], [1], [2, 3]] : !p_q4 into !p_x
  %p_4 = ingot.dot %o_4, %wo_4 contract [2] x [1] : (!p_x, !model) -> !p_x
  %r_4 = arith.addf %x_4, %p_4 : !p_x
  // Layer 4: feed-forward.
  %m_4 = ingot.rms_norm %r_4, %fn_4 eps 1.0e-5 : !p_x, !scale
  %g_4 = ingot.dot %m_4, %w1_4 contract [2] x [1] : (!p_x, !up) -> !p_h
  %u_4 = ingot.dot %m_4, %w3_4 contract [2] x [1] : (!p_x, !up) -> !p_h
  %a_4 = ingot.silu %g_4 : !p_h
  %h_4 = arith.mulf %a_4, %u_4 : !p_h
  %d_4 = ingot.dot %h_4, %w2_4 contract [2] x [1] : (!p_h, !down) -> !p_x
  %x_5 = arith.addf %r_4, %d_4 : !p_x

  %last = ingot.rms_norm %x_5, %norm eps 1.0e-5 : !p_x, !scale
  %logits = ingot.dot %last, %emb contract [2] x [1] : (!p_x, !vocab) -> !p_y
  return %logits, %kv_5 : !p_y, !cache
}
