// RUN: ingot-opt --split-input-file --verify-diagnostics %s

// expected-error @+1 {{starts as @w, which no 'ingot.param' declares}}
ingot.state @trained from @w : tensor<4xf32>

// -----

ingot.param @w : tensor<5xf32>
// expected-error @+1 {{expects parameter @w of shape and element type of 'tensor<4xf32>', but got 'tensor<5xf32>'}}
ingot.state @trained from @w : tensor<4xf32>

// -----

ingot.param @w : tensor<4xbf16>
// expected-error @+1 {{expects parameter @w of shape and element type of 'tensor<4xf32>', but got 'tensor<4xbf16>'}}
ingot.state @trained from @w : tensor<4xf32>

// -----

ingot.state @other init 0.0 : tensor<4xf32>
// expected-error @+1 {{starts as @other, which no 'ingot.param' declares}}
ingot.state @trained from @other : tensor<4xf32>

// -----

// expected-error @+1 {{expected 'init' or 'from'}}
ingot.state @trained : tensor<4xf32>

// -----

func.func @vocabulary(%x: tensor<2x0xf32>, %t: tensor<2xi32>) {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{expects logits of shape [..., vocabulary], but got 'tensor<2x0xf32>'}}
  %0, %1 = ingot.cross_entropy %x, %t z_loss 0.0 : (tensor<2x0xf32>, tensor<2xi32>) -> (tensor<f32>, tensor<2xf32>)
  return
}

// -----

func.func @targets(%x: tensor<2x9xf32>, %t: tensor<3xi32>) {
  // expected-error @+1 {{expects targets of shape [2], but got 'tensor<3xi32>'}}
  %0, %1 = ingot.cross_entropy %x, %t z_loss 0.0 : (tensor<2x9xf32>, tensor<3xi32>) -> (tensor<f32>, tensor<2xf32>)
  return
}

// -----

func.func @weights(%x: tensor<2x9xf32>, %t: tensor<2xi32>, %w: tensor<1xf32>) {
  // expected-error @+1 {{expects weights of shape [2], but got 'tensor<1xf32>'}}
  %0, %1 = ingot.cross_entropy %x, %t weights %w z_loss 0.0
      : (tensor<2x9xf32>, tensor<2xi32>, tensor<1xf32>) -> (tensor<f32>, tensor<2xf32>)
  return
}

// -----

func.func @kind(%x: tensor<2x9xf32>, %t: tensor<2xf32>) {
  // expected-error @+1 {{operand #1 must be ranked tensor of 32-bit signless integer values, but got 'tensor<2xf32>'}}
  %0, %1 = ingot.cross_entropy %x, %t z_loss 0.0 : (tensor<2x9xf32>, tensor<2xf32>) -> (tensor<f32>, tensor<2xf32>)
  return
}

// -----

func.func @lse(%x: tensor<2x9xf32>, %t: tensor<2xi32>, %l: tensor<3xf32>, %u: tensor<f32>) {
  // expected-error @+1 {{expects a log-sum-exp of shape [2], but got 'tensor<3xf32>'}}
  %0 = ingot.cross_entropy_grad %x, %t, %l, %u z_loss 0.0
      : (tensor<2x9xf32>, tensor<2xi32>, tensor<3xf32>, tensor<f32>) -> tensor<2x9xf32>
  return
}

// -----

func.func @upstream(%x: tensor<2x9xf32>, %t: tensor<2xi32>, %l: tensor<2xf32>) {
  // expected-error @+1 {{expects an upstream gradient of shape [], but got 'tensor<2xf32>'}}
  %0 = ingot.cross_entropy_grad %x, %t, %l, %l z_loss 0.0
      : (tensor<2x9xf32>, tensor<2xi32>, tensor<2xf32>, tensor<2xf32>) -> tensor<2x9xf32>
  return
}

// -----

func.func @no_logits(%x: tensor<f32>, %t: tensor<i32>, %l: tensor<f32>) {
  // expected-error @+1 {{expects logits of shape [..., vocabulary], but got 'tensor<f32>'}}
  %0 = ingot.cross_entropy_grad %x, %t, %l, %l z_loss 0.0
      : (tensor<f32>, tensor<i32>, tensor<f32>, tensor<f32>) -> tensor<f32>
  return
}

// -----

func.func @updates(%u: tensor<3x4xf32>, %i: tensor<2xi32>, %t: tensor<9x4xf32>) {
  // expected-error @+1 {{expects updates of shape [2, 4], but got 'tensor<3x4xf32>'}}
  %0 = ingot.scatter_add %u, %i into %t : (tensor<3x4xf32>, tensor<2xi32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @empty(%u: tensor<2x4xf32>, %i: tensor<2xi32>, %t: tensor<0x4xf32>) {
  // expected-error @+1 {{expects a table with at least one row, but got 'tensor<0x4xf32>'}}
  %0 = ingot.scatter_add %u, %i into %t : (tensor<2x4xf32>, tensor<2xi32>, tensor<0x4xf32>) -> tensor<0x4xf32>
  return
}

// -----

func.func @elements(%u: tensor<2x4xbf16>, %i: tensor<2xi32>, %t: tensor<9x4xf32>) {
  // expected-error @+1 {{expects one element type, but got 'bf16' and 'f32'}}
  %0 = ingot.scatter_add %u, %i into %t : (tensor<2x4xbf16>, tensor<2xi32>, tensor<9x4xf32>) -> tensor<9x4xf32>
  return
}

// -----

func.func @rank(%q: tensor<4x8xf32>, %k: tensor<1x2x4x8xf32>, %l: tensor<1x4x4xf32>) {
  // expected-error @+1 {{expects query, key, value and out of rank 4, but got 'tensor<4x8xf32>'}}
  %0, %1, %2 = ingot.attention_grad %q, %k, %k out %q lse %l upstream %q scale 0.5
      : (tensor<4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<4x8xf32>, tensor<1x4x4xf32>,
         tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
  return
}

// -----

func.func @heads(%q: tensor<1x4x8x8xf32>, %k: tensor<1x3x4x8xf32>, %l: tensor<1x4x8xf32>) {
  // expected-error @+1 {{expects heads to be a multiple of kv heads, but got 8 and 3}}
  %0, %1, %2 = ingot.attention_grad %q, %k, %k out %q lse %l upstream %q scale 0.5
      : (tensor<1x4x8x8xf32>, tensor<1x3x4x8xf32>, tensor<1x3x4x8xf32>, tensor<1x4x8x8xf32>, tensor<1x4x8xf32>,
         tensor<1x4x8x8xf32>) -> (tensor<1x4x8x8xf32>, tensor<1x3x4x8xf32>, tensor<1x3x4x8xf32>)
  return
}

// -----

func.func @attention_lse(%q: tensor<1x4x8x8xf32>, %k: tensor<1x2x4x8xf32>, %l: tensor<1x8x4xf32>) {
  // expected-error @+1 {{expects a log-sum-exp of shape [1, 4, 8], but got 'tensor<1x8x4xf32>'}}
  %0, %1, %2 = ingot.attention_grad %q, %k, %k out %q lse %l upstream %q scale 0.5
      : (tensor<1x4x8x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x4x8x8xf32>, tensor<1x8x4xf32>,
         tensor<1x4x8x8xf32>) -> (tensor<1x4x8x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
  return
}

// -----

func.func @causal(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x3x8xf32>, %l: tensor<1x4x2xf32>) {
  // expected-error @+1 {{expects at least as many keys as rows, but got 3 and 4}}
  %0, %1, %2 = ingot.attention_grad %q, %k, %k out %q lse %l upstream %q causal scale 0.5
      : (tensor<1x4x2x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>, tensor<1x4x2x8xf32>, tensor<1x4x2xf32>,
         tensor<1x4x2x8xf32>) -> (tensor<1x4x2x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>)
  return
}

// -----

func.func @bias(%q: tensor<1x4x2x8xf32>, %k: tensor<1x2x4x8xf32>, %l: tensor<1x4x2xf32>, %b: tensor<1x3x1x4xf32>) {
  // expected-error @+1 {{expects bias extents of 1 or 2, but got 3}}
  %0, %1, %2 = ingot.attention_grad %q, %k, %k out %q lse %l upstream %q bias %b scale 0.5
      : (tensor<1x4x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x4x2x8xf32>, tensor<1x4x2xf32>,
         tensor<1x4x2x8xf32>, tensor<1x3x1x4xf32>) -> (tensor<1x4x2x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>)
  return
}
