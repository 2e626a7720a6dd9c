// RUN: ingot-opt --split-input-file --verify-diagnostics %s

// expected-error @+1 {{expects a static shape, but got 'tensor<?xf32>'}}
ingot.param @dynamic : tensor<?xf32>

// -----

// expected-error @+1 {{expects a panel axis below rank 2, but got 2}}
ingot.param @axis : tensor<4x4xf32, #ingot.panels<axis = 2, width = 2>>

// -----

// expected-error @+1 {{expects a panel width that divides 4, but got 3}}
ingot.param @width : tensor<4x4xf32, #ingot.panels<axis = 0, width = 3>>

// -----

// expected-error @+1 {{expects a positive width, but got 0}}
ingot.param @zero : tensor<4x4xf32, #ingot.panels<axis = 0, width = 0>>

// -----

// expected-error @+1 {{expects a non-negative axis, but got -1}}
ingot.param @negative : tensor<4x4xf32, #ingot.panels<axis = -1, width = 2>>

// -----

// expected-error @+1 {{expects a '#ingot.panels' encoding or none}}
ingot.param @encoding : tensor<4x4xf32, "other">

// -----

// expected-error @+1 {{expects a static shape, but got 'tensor<2x?xf32>'}}
ingot.state @dynamic init 0.0 : tensor<2x?xf32>

// -----

// expected-error @+1 {{names @w in 'ingot.param', which no 'ingot.param' declares}}
func.func @undeclared(%w: tensor<4xf32> {ingot.param = @w}) { return }

// -----

ingot.param @w : tensor<4xf32>
// expected-error @+1 {{expects the value of @w to have type 'tensor<4xf32>', but got 'tensor<5xf32>'}}
func.func @mismatch(%w: tensor<5xf32> {ingot.param = @w}) { return }

// -----

// expected-error @+1 {{expects 'ingot.param' to be a symbol, but got "w"}}
func.func @string(%w: tensor<4xf32> {ingot.param = "w"}) { return }

// -----

// expected-error @+1 {{expects 'ingot.input' to be a non-empty string, but got ""}}
func.func @unnamed(%x: tensor<4xf32> {ingot.input = ""}) { return }

// -----

// expected-error @+1 {{has no argument attribute 'ingot.output'}}
func.func @argument(%x: tensor<4xf32> {ingot.output = "x"}) { return }

// -----

// expected-error @+1 {{has no result attribute 'ingot.input'}}
func.func @result(%x: tensor<4xf32>) -> (tensor<4xf32> {ingot.input = "x"}) { return %x : tensor<4xf32> }

// -----

func.func @dot_extents(%a: tensor<2x4xf32>, %b: tensor<5x3xf32>) {
  // expected-error @+2 {{expects contracting dimensions of equal extent, but got 4 and 5}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.dot %a, %b contract [1] x [0] : (tensor<2x4xf32>, tensor<5x3xf32>) -> tensor<2x3xf32>
  return
}

// -----

func.func @dot_pairs(%a: tensor<2x4xf32>) {
  // expected-error @+2 {{expects as many contracting dimensions on both sides, but got 1 and 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.dot %a, %a contract [1] x [0, 1] : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2xf32>
  return
}

// -----

func.func @dot_range(%a: tensor<2x4xf32>) {
  // expected-error @+2 {{expects lhs dimensions in [0, 2), but got 2}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.dot %a, %a contract [2] x [0] : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @dot_twice(%a: tensor<4x4xf32>) {
  // expected-error @+2 {{expects rhs dimensions to be unique, but got 1 twice}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.dot %a, %a contract [0, 1] x [1, 1] : (tensor<4x4xf32>, tensor<4x4xf32>) -> tensor<f32>
  return
}

// -----

func.func @dot_types(%a: tensor<4xf32>, %b: tensor<4xf16>) {
  // expected-error @+2 {{expects operands of one element type, but got 'f32' and 'f16'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.dot %a, %b contract [0] x [0] : (tensor<4xf32>, tensor<4xf16>) -> tensor<f32>
  return
}

// -----

func.func @reduce(%a: tensor<4x4xf32>) {
  // expected-error @+2 {{expects sorted unique dims in [0, 2), but got 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.reduce sum %a dims [1, 0] : (tensor<4x4xf32>) -> tensor<f32>
  return
}

// -----

func.func @rms_norm(%a: tensor<4x4xf32>, %w: tensor<5xf32>) {
  // expected-error @+1 {{expects a scale of shape [4], but got 'tensor<5xf32>'}}
  %0 = ingot.rms_norm %a, %w eps 1.0e-5 : tensor<4x4xf32>, tensor<5xf32>
  return
}

// -----

func.func @layer_norm(%a: tensor<4x4xf32>, %w: tensor<4xf32>, %b: tensor<3xf32>) {
  // expected-error @+1 {{expects a bias of shape [4], but got 'tensor<3xf32>'}}
  %0 = ingot.layer_norm %a, %w, %b eps 1.0e-5 : tensor<4x4xf32>, tensor<4xf32>, tensor<3xf32>
  return
}

// -----

func.func @broadcast_dims(%a: tensor<4x2xf32>) {
  // expected-error @+1 {{expects strictly increasing dims in [0, 3), but got 0}}
  %0 = ingot.broadcast %a dims [1, 0] : tensor<4x2xf32> -> tensor<2x4x2xf32>
  return
}

// -----

func.func @broadcast_extent(%a: tensor<3xf32>) {
  // expected-error @+1 {{expects extent 1 or 4 for operand dimension 0, but got 3}}
  %0 = ingot.broadcast %a dims [0] : tensor<3xf32> -> tensor<4xf32>
  return
}

// -----

func.func @broadcast_count(%a: tensor<3xf32>) {
  // expected-error @+1 {{expects 1 dims, but got 2}}
  %0 = ingot.broadcast %a dims [0, 1] : tensor<3xf32> -> tensor<3x4xf32>
  return
}

// -----

func.func @broadcast_type(%a: tensor<3xf32>) {
  // expected-error @+1 {{expects one element type, but got 'f32' and 'f16'}}
  %0 = ingot.broadcast %a dims [0] : tensor<3xf32> -> tensor<3x4xf16>
  return
}

// -----

func.func @transpose(%a: tensor<3x4xf32>) {
  // expected-error @+2 {{expects a permutation of [0, 2), but got 0}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.transpose %a permutation [0, 0] : (tensor<3x4xf32>) -> tensor<3x3xf32>
  return
}

// -----

func.func @transpose_short(%a: tensor<3x4xf32>) {
  // expected-error @+2 {{expects a permutation of 2 dimensions, but got 1}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.transpose %a permutation [0] : (tensor<3x4xf32>) -> tensor<3xf32>
  return
}

// -----

func.func @gather(%t: tensor<0x4xf32>, %i: tensor<2xi32>) {
  // expected-error @+2 {{expects a table with at least one row, but got 'tensor<0x4xf32>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %0 = ingot.gather %t, %i : (tensor<0x4xf32>, tensor<2xi32>) -> tensor<2x4xf32>
  return
}

// -----

func.func @positions(%s: tensor<2xi32>) {
  // expected-error @+1 {{expects one start per sequence, but got 'tensor<2xi32>' for 'tensor<1x4xi32>'}}
  %0 = ingot.positions %s : tensor<2xi32> -> tensor<1x4xi32>
  return
}

// -----

func.func @rope_angles(%x: tensor<1x1x2x8xf32>, %c: tensor<16x5xf32>, %p: tensor<1x1xi32>) {
  // expected-error @+1 {{expects at most 4 angles per position, but got 5}}
  %0 = ingot.rope %x, %c, %c at %p : tensor<1x1x2x8xf32>, tensor<16x5xf32>, tensor<16x5xf32>, tensor<1x1xi32>
  return
}

// -----

func.func @last_row_rank(%x: tensor<2xf32>, %n: tensor<2xi32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{expects an input of shape [batch, rows, ...], but got 'tensor<2xf32>'}}
  %0 = "ingot.last_row"(%x, %n) : (tensor<2xf32>, tensor<2xi32>) -> tensor<2xf32>
  return
}

// -----

func.func @last_row_counts(%x: tensor<2x4x8xf32>, %n: tensor<3xi32>) {
  // expected-error @+1 {{'ingot.last_row' op expects one count per sequence, but got 'tensor<3xi32>' for 'tensor<2x4x8xf32>'}}
  %0 = "ingot.last_row"(%x, %n) : (tensor<2x4x8xf32>, tensor<3xi32>) -> tensor<2x1x8xf32>
  return
}

// -----

func.func @last_row_result(%x: tensor<2x4x8xf32>, %n: tensor<2xi32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{inferred type(s) 'tensor<2x1x8xf32>' are incompatible with return type(s) of operation 'tensor<2x2x8xf32>'}}
  %0 = "ingot.last_row"(%x, %n) : (tensor<2x4x8xf32>, tensor<2xi32>) -> tensor<2x2x8xf32>
  return
}

// -----

func.func @rope_positions(%x: tensor<1x3x2x8xf32>, %c: tensor<16x4xf32>, %p: tensor<1x1xi32>) {
  // expected-error @+1 {{expects positions of shape [1, 3], but got 'tensor<1x1xi32>'}}
  %0 = ingot.rope %x, %c, %c at %p : tensor<1x3x2x8xf32>, tensor<16x4xf32>, tensor<16x4xf32>, tensor<1x1xi32>
  return
}

// -----

func.func @heads(%q: tensor<1x1x8x8xf32>, %k: tensor<1x3x4x8xf32>) {
  // expected-error @+1 {{expects heads to be a multiple of kv heads, but got 8 and 3}}
  %0 = ingot.attention %q, %k, %k scale 1.0 : (tensor<1x1x8x8xf32>, tensor<1x3x4x8xf32>, tensor<1x3x4x8xf32>) -> tensor<1x1x8x8xf32>
  return
}

// -----

func.func @causal(%q: tensor<1x5x2x8xf32>, %k: tensor<1x2x4x8xf32>) {
  // expected-error @+1 {{expects at least as many keys as rows, but got 4 and 5}}
  %0 = ingot.attention %q, %k, %k causal scale 1.0 : (tensor<1x5x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> tensor<1x5x2x8xf32>
  return
}

// -----

func.func @bias(%q: tensor<1x1x2x8xf32>, %k: tensor<1x2x4x8xf32>, %b: tensor<1x1x3x4xf32>) {
  // expected-error @+1 {{expects bias extents of 1 or 1, but got 3}}
  %0 = ingot.attention %q, %k, %k bias %b scale 1.0 : (tensor<1x1x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x1x3x4xf32>) -> tensor<1x1x2x8xf32>
  return
}

// -----

func.func @lse(%q: tensor<1x1x2x8xf32>, %k: tensor<1x2x4x8xf32>) {
  // expected-error @+1 {{expects a log-sum-exp of shape [1, 1, 2], but got 'tensor<1x2x1xf32>'}}
  %0, %1 = ingot.attention %q, %k, %k scale 1.0 : (tensor<1x1x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> (tensor<1x1x2x8xf32>, tensor<1x2x1xf32>)
  return
}

// -----

func.func @layer(%k: tensor<1x1x2x8xf32>, %kv: tensor<3x2x1x2x4x8xf32>, %s: tensor<1xi32>) {
  // expected-error @+1 {{expects a layer in [0, 3), but got 3}}
  %0 = ingot.kv_append %k, %k into %kv layer 3 start %s count %s : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<3x2x1x2x4x8xf32>, tensor<1xi32>, tensor<1xi32>
  return
}

// -----

func.func @cache(%k: tensor<1x1x2x8xf32>, %kv: tensor<3x1x1x2x4x8xf32>, %s: tensor<1xi32>) {
  // expected-error @+1 {{expects a cache of shape [layer, 2, slot, kv_head, max_seq, d], but got 'tensor<3x1x1x2x4x8xf32>'}}
  %0 = ingot.kv_append %k, %k into %kv layer 0 start %s count %s : tensor<1x1x2x8xf32>, tensor<1x1x2x8xf32>, tensor<3x1x1x2x4x8xf32>, tensor<1xi32>, tensor<1xi32>
  return
}

// -----

func.func @counts(%t: tensor<2x3xi32>, %n: tensor<2x9xi32>, %i: tensor<2xi32>) {
  // expected-error @+1 {{expects counts of shape [slot, 2, vocabulary], but got 'tensor<2x9xi32>'}}
  %0 = ingot.count_tokens %t into %n start %i count %i sampled %i : tensor<2x3xi32>, tensor<2x9xi32>, tensor<2xi32>
  return
}

// -----

func.func @slots(%t: tensor<3x3xi32>, %n: tensor<2x2x9xi32>, %i: tensor<2xi32>) {
  // expected-error @+1 {{expects tokens of shape [2, 3], but got 'tensor<3x3xi32>'}}
  %0 = ingot.count_tokens %t into %n start %i count %i sampled %i : tensor<3x3xi32>, tensor<2x2x9xi32>, tensor<2xi32>
  return
}

// -----

func.func @seeds(%l: tensor<2x3x9xf32>, %n: tensor<2x2x9xi32>, %i: tensor<2xi32>, %f: tensor<2xf32>, %s: tensor<1xi64>) {
  // expected-error @+1 {{expects a seed of shape [2], but got 'tensor<1xi64>'}}
  %1 = ingot.sample %l start %i count %i counts %n temperature %f top_k %i top_p %f presence %f frequency %f
      repetition %f seed %s : (tensor<2x3x9xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2x9xi32>, tensor<2xf32>,
      tensor<2xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<1xi64>) -> tensor<2xi32>
  return
}

// -----

func.func @vocabulary(%l: tensor<2x3x9xf32>, %n: tensor<2x2x8xi32>, %i: tensor<2xi32>, %f: tensor<2xf32>, %s: tensor<2xi64>) {
  // expected-error @+1 {{expects counts of shape [2, 2, 9], but got 'tensor<2x2x8xi32>'}}
  %1 = ingot.sample %l start %i count %i counts %n temperature %f top_k %i top_p %f presence %f frequency %f
      repetition %f seed %s : (tensor<2x3x9xf32>, tensor<2xi32>, tensor<2xi32>, tensor<2x2x8xi32>, tensor<2xf32>,
      tensor<2xi32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xi64>) -> tensor<2xi32>
  return
}
