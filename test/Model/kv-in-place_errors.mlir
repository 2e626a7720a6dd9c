// RUN: ingot-opt %s --ingot-kv-in-place --split-input-file --verify-diagnostics

// No logits.
// expected-error @+1 {{expects a decoder with past inputs to have an output 'logits', but got none}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "scores"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// expected-error @+1 {{expects a decoder with past inputs to have an integer input 'input_ids' of rank 2, but got none}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// expected-error @+1 {{expects an input 'past_key_values.0.value', but got none}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "other"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// expected-error @+1 {{expects an output 'present.0.key', but got none}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "other"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// expected-error @+1 {{expects names of the form 'past_key_values.N.key' or '.value', but got 'past_key_values.0.keys'}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.keys"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// Layers are counted from 0.
// expected-error @+1 {{expects past inputs of layers 0, 1, ..., but got none of layer 0}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.1.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.1.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// The past is changed before it is used.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  // expected-error @+1 {{expects 'past_key_values.0.key' to be used once, as the first part of a 'tensor.concat' along dimension 2, but got 'arith.negf'}}
  %c = arith.negf %pk : tensor<1x1x3x8xf32>
  %k = tensor.concat dim(2) %c, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// The new rows come first.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  // expected-error @+1 {{expects 'past_key_values.0.key' to be used once, as the first part of a 'tensor.concat' along dimension 2, but got 'tensor.concat'}}
  %k = tensor.concat dim(2) %n, %pk : (tensor<1x1x1x8xf32>, tensor<1x1x3x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// What is returned is not what was concatenated.
// expected-error @+1 {{expects 'present.0.key' to be the concatenation with 'past_key_values.0.key', but got another value}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %v, %k : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// Something else reads the cache.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  // expected-error @+1 {{expects the cache of layer 0 to be read only by 'ingot.attention' as its keys and values, but got 'ingot.softmax'}}
  %s = ingot.softmax %k : tensor<1x1x4x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// Keys are used as values.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  // expected-error @+1 {{expects the cache of layer 0 to be read only by 'ingot.attention' as its keys and values, but got 'ingot.attention'}}
  %o = ingot.attention %q, %k, %k scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// More new rows than tokens.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x2x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x5x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x5x8xf32> {ingot.output = "present.0.value"}) {
  // expected-error @+1 {{expects as many new rows as tokens, 1, but got 2}}
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x5x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x2x8xf32>) -> tensor<1x1x5x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x5x8xf32>, tensor<1x1x5x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x5x8xf32>, tensor<1x1x5x8xf32>
}

// -----

// A bias that is no causal mask.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>, %b: tensor<1x1x1x4xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  // expected-error @+1 {{expects attention over the cache of layer 0 to have no bias but the causal mask, but got another one}}
  %o = ingot.attention %q, %k, %v bias %b scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x1x4xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// Another position for every step: none that a step could know.
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>, %c: tensor<9x4xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %p = arith.constant dense<7> : tensor<1x1xi64>
  // expected-error @+1 {{expects positions from 'position_ids', or the past's length and up, but got the constant 7}}
  %r = ingot.rope %q, %c, %c at %p : tensor<1x1x2x8xf32>, tensor<9x4xf32>, tensor<9x4xf32>, tensor<1x1xi64>
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %r, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}

// -----

// Another cache of that name.
ingot.state @kv init 0.0 : tensor<1x2x1x1x9x8xf32>
// expected-error @+1 {{expects '@kv' to be a state of type 'tensor<1x2x1x1x4x8xf32>' that all entries share, but got 'tensor<1x2x1x1x9x8xf32>'}}
func.func @f(%ids: tensor<1x1xi64> {ingot.input = "input_ids"},
    %pk: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.key"}, %pv: tensor<1x1x3x8xf32> {ingot.input = "past_key_values.0.value"},
    %q: tensor<1x1x2x8xf32>, %n: tensor<1x1x1x8xf32>)
    -> (tensor<1x1x2x8xf32> {ingot.output = "logits"}, tensor<1x1x4x8xf32> {ingot.output = "present.0.key"},
        tensor<1x1x4x8xf32> {ingot.output = "present.0.value"}) {
  %k = tensor.concat dim(2) %pk, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %v = tensor.concat dim(2) %pv, %n : (tensor<1x1x3x8xf32>, tensor<1x1x1x8xf32>) -> tensor<1x1x4x8xf32>
  %o = ingot.attention %q, %k, %v scale 0.25 : (tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x2x8xf32>
  return %o, %k, %v : tensor<1x1x2x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>
}
